"""Functions of one input to curves: strokes to draw, and dots where a value jumps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor, isfinite, log10

import numpy as np
from msgspec import Struct

from backprop_cli.derive.regions.free_inputs import FreeInputs, Function
from backprop_cli.derive.regions.halfspaces import Affine, Region
from backprop_cli.derive.regions.regions_data import Pieces, Value
from backprop_cli.document.drawings import Curve, Dot, Point, Span
from backprop_cli.readings.values import evaluate

_BORDER = Fraction(1, 2)  # of the span between the breaks, drawn on either side of them
_POINTS = 96  # of a curve that is not straight
_SAME = 1e-9


class End(Struct, frozen=True):
    """An end of an interval, and whether the interval contains it; at None there is no end."""

    at: Fraction | None
    inside: bool = False


def span(points: Iterable[Fraction]) -> Span:
    """From where to where to draw, in short numbers, with all the points well inside."""
    found = list(points)
    low, high = min(found, default=Fraction(0)), max(found, default=Fraction(0))
    border = (high - low) * _BORDER if high > low else Fraction(2)
    step = Fraction(10) ** floor(log10(2 * border)) / 2
    return floor((low - border) / step) * step, ceil((high + border) / step) * step


def breaks_of(found: Pieces | None) -> list[Fraction]:
    """Where the pieces of a function of one input meet."""
    ends = (end.at for piece in found or () for end in interval(piece.region))
    return sorted({at for at in ends if at is not None})


def interval(region: Region) -> tuple[End, End]:
    """A region of one input."""
    low, high = End(None), End(None)
    for half in region:
        (slope,) = half.function.slopes
        if slope:
            end = End(-half.function.constant / slope, not half.strict)
            low, high = (end, high) if slope > 0 else (low, end)
    return low, high


def all_breaks(free: FreeInputs) -> list[Fraction]:
    """Where any quantity of the forward pass has a break."""
    return sorted({at for each in forward(free) for at in breaks_of(each.pieces)})


def forward(free: FreeInputs) -> list[Function]:
    """The functions of the forward pass."""
    steps = [step.id for step in free.trace.steps if step.phase == "forward"]
    return [each for id in steps for each in free.functions[id]]


def curve(
    function: Function, free: FreeInputs, name: str, called: str, across: Span
) -> Curve | None:
    """One function as it is drawn, the input `called` so; None where it is not known."""
    found = function.pieces
    if found is None:
        return None
    drawing = _Drawing(found, free.inputs.names[0])
    strokes = [
        stroke
        for piece in found
        for stroke in drawing.strokes(piece.value, *_within(piece.region, across))
    ]
    breaks = breaks_of(found)
    dots = [dot for at in breaks for dot in drawing.dots(at)]
    marks = breaks or [at for at in _roots(found) if across[0] < at < across[1]]
    return Curve(name, called, tuple(strokes), tuple(dots), tuple(breaks), tuple(marks), across)


def _roots(found: Pieces) -> Iterator[Fraction]:
    for piece in found:
        if isinstance(piece.value, Affine) and not piece.value.is_constant:
            yield -piece.value.constant / piece.value.slopes[0]


def _within(region: Region, across: Span) -> Span:
    low, high = interval(region)
    start = across[0] if low.at is None else max(low.at, across[0])
    return start, across[1] if high.at is None else min(high.at, across[1])


class _Drawing(Struct, frozen=True):
    found: Pieces
    name: str

    def values(self, value: Value, places: Sequence[Fraction]) -> list[float]:
        if isinstance(value, Affine):
            return [float(value.at((x,))) for x in places]
        heights = evaluate(value, {self.name: np.array([float(x) for x in places])})
        return [float(y) for y in np.broadcast_to(heights, (len(places),))]

    def strokes(self, value: Value, low: Fraction, high: Fraction) -> Iterator[tuple[Point, ...]]:
        """The part of a piece between two places, without what is infinite."""
        if low >= high:
            return
        count = 1 if isinstance(value, Affine) else _POINTS
        places = [low + (high - low) * i / count for i in range(count + 1)]
        stroke: list[Point] = []
        for x, y in zip(places, self.values(value, places), strict=True):
            if isfinite(y):
                stroke.append((float(x), y))
            elif stroke:
                yield tuple(stroke)
                stroke = []
        if len(stroke) > 1:
            yield tuple(stroke)

    def dots(self, at: Fraction) -> Iterator[Dot]:
        """The value at a place and what it comes from on either side, where these differ."""
        near = [piece for piece in self.found if at in (end.at for end in interval(piece.region))]
        here = [piece for piece in near if _holds(piece.region, at)]
        heights = dict.fromkeys(self.values(piece.value, [at])[0] for piece in near)
        if not all(map(isfinite, heights)) or _equal(list(heights)):
            return
        closed = self.values(here[0].value, [at])[0] if here else None
        for height in heights:
            yield Dot((float(at), height), closed is not None and abs(height - closed) <= _SAME)


def _holds(region: Region, at: Fraction) -> bool:
    return all(half.holds((at,)) for half in region)


def _equal(heights: Sequence[float]) -> bool:
    return all(abs(a - b) <= _SAME * max(1.0, abs(a)) for a, b in pairwise(heights))

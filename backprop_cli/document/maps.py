"""Functions of two inputs to maps: areas with their values, borders, corners."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import combinations, pairwise
from math import ceil, floor, isfinite, log10

import numpy as np
from msgspec import Struct

from backprop_cli.derive.regions.free_inputs import FreeInputs, Function
from backprop_cli.derive.regions.halfspaces import Affine, Half, Pieces, Region, Value
from backprop_cli.document.document_data import (
    Area,
    Border,
    Corner,
    Curve,
    Dot,
    Exact,
    Map,
    Point,
    Span,
    Window,
)
from backprop_cli.readings.values import evaluate

_SQUARE = 4  # spans that differ by less are drawn at one scale
_NEAR = Fraction(1, 10**7)  # of the window: how far beside a border is still beside it


class Frame(Struct, frozen=True):
    """What the maps of one problem have in common: the window, and what the inputs are called."""

    window: Window
    inputs: tuple[str, str]
    ticks: tuple[Exact, ...] = ()


# The window ---------------------------------------------------------------------------------------


def viewed(functions: Sequence[Function], inputs: tuple[str, str]) -> Frame:
    """What the maps of these functions show."""
    corners = [at for each in functions for at in _all_corners(each)]
    return Frame(window(functions), inputs, tuple(dict.fromkeys(corners)))


def _all_corners(function: Function) -> Iterator[Exact]:
    for piece in function.pieces or ():
        yield from corners_of(piece.region)


def window(functions: Sequence[Function]) -> Window:
    """Around the corners of the pieces; where there are none, around the nearest border points."""
    regions = [piece.region for each in functions for piece in each.pieces or ()]
    corners = [at for each in functions for at in _all_corners(each)]
    if not corners:
        corners = [_foot(half.function) for region in regions for half in region]
    across, up = span(x for x, _ in corners), span(y for _, y in corners)
    wide, high = across[1] - across[0], up[1] - up[0]
    if max(wide, high) < _SQUARE * min(wide, high):
        across, up = _widened(across, max(wide, high)), _widened(up, max(wide, high))
    return across, up


def _widened(ends: Exact, size: Fraction) -> Exact:
    more = (size - ends[1] + ends[0]) / 2
    return ends[0] - more, ends[1] + more


def corners_of(region: Region) -> Iterator[Exact]:
    """Where two borders of a region meet in it or at its edge."""
    for first, second in combinations(region, 2):
        at = _meeting(first.function, second.function)
        if at is not None and all(half.at(at) >= 0 for half in region):
            yield at


def _meeting(first: Affine, second: Affine) -> Exact | None:
    (a, b), (c, d) = first.slopes, second.slopes
    determinant = a * d - b * c
    if not determinant:
        return None
    x = (b * second.constant - d * first.constant) / determinant
    return x, (c * first.constant - a * second.constant) / determinant


def _foot(border: Affine) -> Exact:
    """The point of a border that is nearest to the middle."""
    a, b = border.slopes
    factor = -border.constant / (a * a + b * b)
    return factor * a, factor * b


def frame(ends: Window) -> tuple[Exact, ...]:
    """The corners of the window, in turn."""
    (left, right), (low, high) = ends
    return (left, low), (right, low), (right, high), (left, high)


def clipped(polygon: Sequence[Exact], half: Half) -> tuple[Exact, ...]:
    """The part of a convex polygon on the inner side of a border (Sutherland, Hodgman 1974)."""
    found: list[Exact] = []
    for start, end in pairwise((*polygon, *polygon[:1])):
        here, there = half.at(start), half.at(end)
        if here >= 0:
            found.append(start)
        if here * there < 0:
            share = here / (here - there)
            found.append(_between(start, end, share))
    return tuple(dict.fromkeys(found))


def _between(start: Exact, end: Exact, share: Fraction) -> Exact:
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share


# The map ------------------------------------------------------------------------------------------


def drawn(function: Function, name: str, frame: Frame, marked: Value | None) -> Map:
    """A function in a window; `marked` is the value to shade."""
    found, ends = function.pieces or (), frame.window
    areas = tuple(_areas(found, ends))
    lines = dict.fromkeys(line for line in _lines(found, ends) if line is not None)
    borders = tuple(_borders(function, areas, ends, marked))
    corners = tuple(_corners(function, borders, ends, marked))
    return Map(
        name,
        frame.inputs,
        ends,
        areas,
        borders,
        corners,
        tuple(lines),
        frame.ticks,
        marked,
        pieces=tuple((piece.region, piece.value) for piece in found),
    )


def _areas(found: Pieces, ends: Window) -> Iterator[Area]:
    for piece in found:
        polygon = frame(ends)
        for half in piece.region:
            polygon = clipped(polygon, half)
        if len(polygon) > 2 and _size(polygon):
            middle = (
                sum((x for x, _ in polygon), Fraction(0)) / len(polygon),
                sum((y for _, y in polygon), Fraction(0)) / len(polygon),
            )
            yield Area(polygon, piece.value, middle)


def _size(polygon: Sequence[Exact]) -> Fraction:
    return sum(
        (x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairwise((*polygon, polygon[0]))), Fraction(0)
    )


def _lines(found: Pieces, ends: Window) -> Iterator[tuple[Exact, Exact] | None]:
    """Every border as a straight line through the window."""
    for piece in found:
        for half in piece.region:
            inside = clipped(frame(ends), Half(half.row))
            on = [at for at in inside if half.at(at) == 0]
            yield (min(on), max(on)) if len(on) > 1 else None


def _borders(
    function: Function, areas: Sequence[Area], ends: Window, marked: Value | None
) -> Iterator[Border]:
    """Edges of the areas, cut where others end, with another value on the other side."""
    corners = {at for area in areas for at in area.corners}
    seen = set()
    for area in areas:
        for start, end in pairwise((*area.corners, area.corners[0])):
            for edge in _cut(start, end, corners):
                key = frozenset(edge)
                if key not in seen and not _on_frame(edge, ends):
                    seen.add(key)
                    yield from _border(function, edge, ends, marked)


def _cut(start: Exact, end: Exact, corners: set[Exact]) -> Iterator[tuple[Exact, Exact]]:
    """An edge in parts, between all the corners that lie on it."""
    on = sorted(at for at in corners if _lies_on(at, start, end))
    yield from pairwise(on)


def _lies_on(at: Exact, start: Exact, end: Exact) -> bool:
    (x, y), (x1, y1), (x2, y2) = at, start, end
    if (x2 - x1) * (y - y1) != (y2 - y1) * (x - x1):
        return False
    return min(x1, x2) <= x <= max(x1, x2) and min(y1, y2) <= y <= max(y1, y2)


def _on_frame(edge: tuple[Exact, Exact], ends: Window) -> bool:
    (x1, y1), (x2, y2) = edge
    return (x1 == x2 and x1 in ends[0]) or (y1 == y2 and y1 in ends[1])


def _border(
    function: Function, edge: tuple[Exact, Exact], ends: Window, marked: Value | None
) -> Iterator[Border]:
    (x1, y1), (x2, y2) = edge
    middle = _between(*edge, Fraction(1, 2))
    size = max(abs(x2 - x1), abs(y2 - y1))
    step = _NEAR * min(ends[0][1] - ends[0][0], ends[1][1] - ends[1][0]) / size
    aside = ((y1 - y2) * step, (x2 - x1) * step)
    left = (middle[0] + aside[0], middle[1] + aside[1])
    right = (middle[0] - aside[0], middle[1] - aside[1])
    if marked is None:
        yield Border(*edge, closed=True)
        return
    sides = [_is_marked(function, at, marked) for at in (left, right)]
    here = _is_marked(function, middle, marked)
    if sides[0] != sides[1] or here != sides[0]:
        yield Border(*edge, here)


def _is_marked(function: Function, at: Exact, marked: Value) -> bool:
    for piece in function.pieces or ():
        if all(half.holds(at) for half in piece.region):
            return piece.value == marked
    return False


def _corners(
    function: Function, borders: Sequence[Border], ends: Window, marked: Value | None
) -> Iterator[Corner]:
    """Where borders in different directions end, inside the window."""
    directions: dict[Exact, set[Exact]] = {}
    for border in borders:
        (x1, y1), (x2, y2) = border.start, border.end
        size = abs(x2 - x1) + abs(y2 - y1)
        for at in (border.start, border.end):
            directions.setdefault(at, set()).add(((x2 - x1) / size, (y2 - y1) / size))
    for at, found in directions.items():
        if len(found) > 1 and at[0] not in ends[0] and at[1] not in ends[1]:
            yield Corner(at, marked is None or _is_marked(function, at, marked))


_BORDER = Fraction(1, 2)  # of the span between the breaks, drawn on either side of them
_POINTS = 96  # of a curve that is not straight
_SAME = 1e-9


def span(points: Iterable[Fraction]) -> Span:
    """From where to where to draw, in short numbers, with all the points well inside."""
    found = list(points)
    low, high = min(found, default=Fraction(0)), max(found, default=Fraction(0))
    border = (high - low) * _BORDER if high > low else Fraction(2)
    step = Fraction(10) ** floor(log10(2 * border)) / 2
    return floor((low - border) / step) * step, ceil((high + border) / step) * step


def breaks_of(found: Pieces | None) -> list[Fraction]:
    """Where the pieces of a function of one input meet."""
    ends = (end for piece in found or () for end in interval(piece.region))
    return sorted({end for end in ends if end is not None})


def interval(region: Region) -> tuple[Fraction | None, Fraction | None]:
    """The ends of a region of one input; None where there is none."""
    low: Fraction | None = None
    high: Fraction | None = None
    for half in region:
        (slope,) = half.function.slopes
        if slope:
            end = -half.function.constant / slope
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
    start = across[0] if low is None else max(low, across[0])
    return start, across[1] if high is None else min(high, across[1])


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
        near = [piece for piece in self.found if at in interval(piece.region)]
        here = [piece for piece in near if all(half.holds((at,)) for half in piece.region)]
        heights = dict.fromkeys(self.values(piece.value, [at])[0] for piece in near)
        if not all(map(isfinite, heights)) or _equal(list(heights)):
            return
        closed = self.values(here[0].value, [at])[0] if here else None
        for height in heights:
            yield Dot((float(at), height), closed is not None and abs(height - closed) <= _SAME)


def _equal(heights: Sequence[float]) -> bool:
    return all(abs(a - b) <= _SAME * max(1.0, abs(a)) for a, b in pairwise(heights))

"""What a picture of functions consists of, as data: curves of one input, maps of two."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct, field

if TYPE_CHECKING:
    from backprop_cli.derive.regions.halfspaces import Region

Point: TypeAlias = tuple[float, float]
Exact: TypeAlias = tuple[Fraction, Fraction]
Span: TypeAlias = tuple[Fraction, Fraction]
Window: TypeAlias = tuple[Exact, Exact]
"""From where to where the first input is drawn, and the second."""

_LONGEST = 7  # characters of a number beside an axis


# One input ----------------------------------------------------------------------------------------


class Dot(Struct, frozen=True):
    """An end of a stroke where the function jumps; `closed` if the value is this one."""

    at: Point
    closed: bool


class Curve(Struct, frozen=True):
    """A function of one input between two ends.

    `breaks` are where its pieces meet; `marks` are these, or where a straight one is 0.
    """

    name: str
    input: str
    strokes: tuple[tuple[Point, ...], ...]
    dots: tuple[Dot, ...]
    breaks: tuple[Fraction, ...]
    marks: tuple[Fraction, ...]
    across: Span

    @property
    def heights(self) -> list[float]:
        """Every value drawn."""
        return [y for stroke in self.strokes for _, y in stroke] + [dot.at[1] for dot in self.dots]


# Two inputs ---------------------------------------------------------------------------------------


class Area(Struct, frozen=True):
    """A convex piece of the window where a function has one value; its middle for a label."""

    corners: tuple[Exact, ...]
    value: object
    middle: Exact

    @property
    def across(self) -> Fraction:
        """How wide it is at the height of its middle."""
        height = self.middle[1]
        edges = pairwise((*self.corners, self.corners[0]))
        met = [_at_height(start, end, height) for start, end in edges if start[1] != end[1]]
        places = [x for x in met if x is not None]
        return max(places, default=Fraction(0)) - min(places, default=Fraction(0))


def _at_height(start: Exact, end: Exact, height: Fraction) -> Fraction | None:
    share = (height - start[1]) / (end[1] - start[1])
    return start[0] + (end[0] - start[0]) * share if 0 <= share <= 1 else None


class Border(Struct, frozen=True):
    """Where the value changes; `closed` if what is marked has its value on the border itself."""

    start: Exact
    end: Exact
    closed: bool


class Corner(Struct, frozen=True):
    """Where borders meet; `closed` if what is marked has its value there."""

    at: Exact
    closed: bool


class Map(Struct, frozen=True):
    """A function of two inputs in a window.

    `pieces` are the regions with their values, each border belonging to one of them; `areas` what
    is drawn of these. `marked` is the value whose area is shaded, if any; `ticks` are points worth
    naming on the axes, `labels` what is written into the areas of a value.
    """

    name: str
    inputs: tuple[str, str]
    window: Window
    areas: tuple[Area, ...]
    borders: tuple[Border, ...]
    corners: tuple[Corner, ...]
    lines: tuple[tuple[Exact, Exact], ...]
    ticks: tuple[Exact, ...]
    marked: object
    labels: Mapping[object, str] = field(default_factory=dict)
    pieces: tuple[tuple[Region, object], ...] = ()


# Numbers ------------------------------------------------------------------------------------------


def label(value: float | Fraction) -> str:
    """A number beside an axis, in seven characters at most."""
    number = float(value) + 0.0  # no −0
    text = f"{number:.4g}" if len(f"{number:.4g}") <= _LONGEST else f"{number:.1e}"
    return text.replace("-", "−").replace("e+", "e")


def sampled(values: Sequence[float], most: int) -> tuple[list[tuple[float, float]], float, float]:
    """At most so many points for a picture, each how far along and its value; lowest, highest."""
    count = min(most, len(values))
    last = len(values) - 1
    places = [round(i * last / max(count - 1, 1)) for i in range(count)]
    points = [(place / max(last, 1), values[place]) for place in places]
    finite = [(share, value) for share, value in points if math.isfinite(value)]
    heights = [value for _, value in finite] or [0.0]
    return finite, min(heights), max(heights)

"""What `solve` and `derive` have to say, as one kind of data that every format sets."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct, field

from backprop_cli.algebra.quantity import whole_id
from backprop_cli.algebra.shapes import Shape
from backprop_cli.notation.nodes import Node, Number

if TYPE_CHECKING:
    from backprop_cli.derive.regions.halfspaces import Region
    from backprop_cli.document.networks import Network


class Page(Struct, frozen=True):
    """What a format has room for, in digits where nothing else is said.

    `columns` and `rows` of a large matrix are drawn, and so many `blocks` of what has more axes,
    the rest is left out; `numbers` put in that would be wider are, and a matrix of formulas wider
    than `drawing`. `tips` are made only for a
    format in which a reader can point at something.
    """

    columns: int = 10
    rows: int = 10
    blocks: int = 4
    numbers: float = 400
    drawing: float = 74
    tips: bool = False


class Equation(Struct, frozen=True):
    """What stands left of the first `=`, what is joined by them, and what came out.

    Of two sides the second, numbers put in, may be left out where there is no room for it and a
    result follows. Without sides and result only the head is said.
    """

    head: Node
    sides: tuple[Node, ...] = ()
    result: Node | None = None

    @property
    def all_sides(self) -> tuple[Node, ...]:
        """What stands right of the head."""
        return self.sides if self.result is None else (*self.sides, self.result)


class Section(Struct, frozen=True):
    """A heading above several others, and what stands beside it, such as η = 0.5."""

    words: str
    beside: tuple[Equation, ...] = ()


class Heading(Struct, frozen=True):
    """Words, a formula behind them (a name, the conditions under which what follows holds), its
    shape."""

    words: str
    formula: Node | None = None
    shape: Shape = ()


class Given(Struct, frozen=True):
    """A quantity that is stated: its value, or what it is and how many numbers are in it."""

    symbol: Node
    value: Node | None = None
    shape: Shape = ()
    words: str = ""
    count: Node | None = None


class Givens(Struct, frozen=True):
    """Quantities that are stated; without numbers, how many are trained together.

    Whoever is to work with them needs them `whole`: nothing of a value is left out.
    """

    items: tuple[Given, ...]
    total: Node | None = None
    whole: bool = False


class Step(Struct, frozen=True):
    """One quantity: its number in the derivation, what it is, how it is worked out.

    `entries` are those written out, `notes` what the formula leaves unsaid. `number` is 0 where it
    has none.
    """

    number: int
    id: str
    symbol: Node
    words: str
    shape: Shape
    equation: Equation
    entries: tuple[Equation, ...] = ()
    notes: tuple[str, ...] = ()


class Row(Struct, frozen=True):
    """`head = body = result`, its shape, and why; without a head it goes on from the row before."""

    head: Node | None
    body: Node
    words: str = ""
    shape: Shape = ()
    result: Node | None = None


class Rows(Struct, frozen=True):
    """Equal things below one another; each row with a head begins a chain."""

    items: tuple[Row, ...]


class Note(Struct, frozen=True):
    """A sentence, a formula behind it where there is one."""

    words: str
    formula: Node | None = None


class Columns(Struct, frozen=True):
    """A table: words and formulas above its columns, and rows of them."""

    heads: tuple[Node | str, ...]
    rows: tuple[tuple[Node | str, ...], ...]


class Picture(Struct, frozen=True):
    """A drawing, what it shows in words, and the formula that stands below it, if any."""

    drawing: Curve | Map | Network
    words: str
    caption: Node | None = None


class Pictures(Struct, frozen=True):
    """Drawings beside one another; what they show is also said in formulas."""

    items: tuple[Picture, ...]


class Room(Struct, frozen=True):
    """Lines left free, for who works it out on paper."""

    lines: int


class Losses(Struct, frozen=True):
    """How the loss went: before, after, and every step between; the numbers as they are printed.

    `shown` are all of them where they are few, else the first and the last; `scale` the largest,
    the middle and the smallest, for a curve.
    """

    symbol: Node
    history: tuple[float, ...]
    shown: tuple[Number, ...]
    scale: tuple[Number, ...]
    words: str

    @property
    def are_few(self) -> bool:
        """Whether all of them are said in numbers."""
        return len(self.shown) == len(self.history)


class Result(Struct, frozen=True):
    """A line of the closing table."""

    symbol: Node
    shape: Shape
    value: Node
    words: str = ""


class Results(Struct, frozen=True):
    """The quantities asked for."""

    items: tuple[Result, ...]


Part: TypeAlias = (
    "Section | Heading | Givens | Step | Rows | Note | Columns | Pictures | Room | Losses | Results"
)


class Document(Struct, frozen=True):
    """A title, the conventions, a phrase each, and the parts in order.

    `roles` say what quantities are, by id (data, parameter, gradient), for their colours; `tips`
    are shown to who points at the symbol of that id.
    """

    title: str
    conventions: tuple[str, ...]
    parts: tuple[Part, ...]
    roles: Mapping[str, str] = field(default_factory=dict)
    tips: Mapping[str, Given] = field(default_factory=dict)

    def role(self, id: str) -> str:
        """What a quantity is, or the one that an entry is of; nothing where it is not known."""
        return self.roles.get(id) or self.roles.get(whole_id(id), "")


# Pictures of functions: curves of one input, maps of two ------------------------------------------


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

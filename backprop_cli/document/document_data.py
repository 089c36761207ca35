"""What `solve` and `derive` have to say, as one kind of data that every format sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from msgspec import Struct, field

from backprop_cli.algebra.quantity import whole_id
from backprop_cli.algebra.shapes import Shape
from backprop_cli.document.drawings import Curve, Map
from backprop_cli.document.networks import Network
from backprop_cli.notation.nodes import Node, Number


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

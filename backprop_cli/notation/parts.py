"""Parts of a formula to larger parts: operators between them, parentheses where needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Literal, Protocol, TypeAlias

from msgspec import Struct

from backprop_cli.algebra.expr import Expr, Op, Option, Sym
from backprop_cli.algebra.shapes import Shape, combined
from backprop_cli.notation.nodes import Fenced, Node, Sign, Word, items, row
from backprop_cli.readings.index_bases import Bases

FLIPPED = "flipped"
"""A vector drawn the other way round; only writers make such nodes, since NumPy's have no way."""


class Part(Struct, frozen=True):
    """A part of a formula.

    `open`: it ends in Σ a or ln a, which would swallow a factor that follows. `minus`: it begins
    with a minus sign, and its first `lead` nodes are the factor that has it. `drawn`: it has an
    array put in.
    """

    node: Node
    kind: Kind = "atom"
    open: bool = False
    minus: bool = False
    lead: int = 0
    drawn: bool = False


class Hand(Protocol):
    """What any writer of formulas tells the form of an operation."""

    @property
    def rows(self) -> bool:
        """Whether vectors are drawn as rows."""

    @property
    def bases(self) -> Bases:
        """What entries count from."""

    @property
    def scalars(self) -> bool:
        """Whether every value is put in as a number without brackets."""

    def rank(self, expr: Expr) -> int:
        """The number of axes."""


class Writer(Hand, Protocol):
    """What the form of an operation may ask of the writer that is at work."""

    @property
    def numbers(self) -> bool:
        """Whether values are put in."""

    @property
    def braces(self) -> bool:
        """Whether shapes are written under the factors of a product."""

    @property
    def units(self) -> tuple[str, str]:
        """The letters of a unit vector and of a unit matrix."""

    def shape(self, expr: Expr) -> Shape | None:
        """The shape of an expression as it is drawn; None where it is unknown."""

    def shape_label(self, expr: Expr) -> Node | None:
        """The shape as it is drawn, `2×3`; None where it is unknown or a number's."""

    def part(self, expr: Expr) -> Part:
        """The expression as a part of a formula."""


Form: TypeAlias = Callable[[Writer, Op], Part]


def put(writer: Writer, expr: Expr, place: str) -> Part:
    """An expression as it stands in a place of its formula, in parentheses if it must."""
    return placed(writer.part(expr), place)


def placed(part: Part, place: str) -> Part:
    """The part as it stands in a place of its formula."""
    fits = part.kind in STANDS_BARE[place]
    swallows = part.open and place in BEFORE_A_PRODUCT
    if not fits or swallows:
        return fenced(part)
    return _sign_fenced(part) if part.minus and place not in BEGINS else part


def _sign_fenced(part: Part) -> Part:
    """A part that would bring two signs together: (−2) · 3 where the first factor has the sign."""
    if not part.lead:
        return fenced(part)
    nodes = items(part.node)
    factor = Fenced("(", row(*nodes[: part.lead]), ")")
    return Part(row(factor, *nodes[part.lead :]), part.kind, part.open, drawn=part.drawn)


def fenced(part: Part, left: str = "(", right: str = ")") -> Part:
    """The part between delimiters."""
    return Part(Fenced(left, part.node, right), drawn=part.drawn)


def between(left: Part, sign: Sign, right: Part, kind: Kind) -> Part:
    """Two parts with an operator between them."""
    lead = left.lead or (len(items(left.node)) if left.kind == "sign" else 0)
    return Part(
        row(left.node, sign, right.node),
        kind,
        right.open,
        left.minus,
        lead if kind != "sum" else 0,
        left.drawn or right.drawn,
    )


def listed(parts: Sequence[Part], separator: str = ",") -> Part:
    """Parts one after another, as the arguments of a function."""
    nodes: list[Node] = []
    for position, part in enumerate(parts):
        nodes += [Sign(separator, bare=True), part.node] if position else [part.node]
    return Part(row(*nodes), "sum", drawn=any(part.drawn for part in parts))


def called(writer: Writer, name: Node | str, *args: Expr) -> Part:
    """`name(a, b)`."""
    return applied(name, listed([writer.part(arg) for arg in args]))


def applied(name: Node | str, inner: Part) -> Part:
    """A function's name and its arguments in parentheses."""
    head = Word(name) if isinstance(name, str) else name
    return Part(row(head, Fenced("(", inner.node, ")")), drawn=inner.drawn)


def places_of(hand: Hand, node: Op) -> tuple[str, ...]:
    """The indices of a node that names an entry or a part, as they are written."""
    index, inner = node.option("index"), node.args[0]
    assert isinstance(index, tuple), node
    id = inner.name if isinstance(inner, Sym) and node.name != "place" else ""
    return tuple(map(_place, index, hand.bases.of(id, len(index))))


def _place(place: Option, base: int) -> str:
    match place:
        case None:
            return ":"
        case (int(start), int(stop)) if stop - start == 1:
            return str(start + base)
        case (int(start), int(stop)):
            return f"{start + base}:{stop - 1 + base}"
        case (start, stop):
            return (
                f"{combined((1, str(start)), more=base)}:{combined((1, str(stop)), more=base - 1)}"
            )
        case (tuple(rows),):
            return f"[{','.join(_place(row, base) for row in rows)}]"
        case int():
            return str(place + base)
    return str(place)


# Parentheses --------------------------------------------------------------------------------------


Kind = Literal[
    "sum",
    "scalar",
    "entry",
    "matrix",
    "quotient",
    "sign",
    "power",
    "total",
    "prefix",
    "fraction",
    "raised",
    "atom",
]
"""How a part is put together: a + b; number · a; a ⊙ b; A B; a / b; −a; a²; Σ a; ln a; a name
that is a fraction (∂L/∂Z); a name that ends in a raised digit (W¹); anything closed."""

_NAMES: frozenset[Kind] = frozenset({"fraction", "raised", "atom"})
_CLOSED: frozenset[Kind] = _NAMES | {"power"}
_TERMS: frozenset[Kind] = _CLOSED | {
    "scalar",
    "entry",
    "matrix",
    "quotient",
    "total",
    "prefix",
    "sign",
}

STANDS_BARE = MappingProxyType(
    {
        "a +": _TERMS | {"sum"},
        "+ b": _TERMS | {"sum"},
        "a -": _TERMS | {"sum"},
        "- b": _TERMS,
        "-a": _TERMS,
        "a scalar": _CLOSED | {"scalar", "sign"},
        "scalar b": _CLOSED | {"scalar", "entry", "matrix", "quotient", "total", "prefix"},
        "a entry": _CLOSED | {"scalar", "entry", "sign"},
        "entry b": _CLOSED | {"entry", "total", "prefix"},
        "a matrix": _CLOSED | {"scalar", "matrix", "sign"},
        "matrix b": _CLOSED | {"matrix"},
        "a /": {
            "power",
            "raised",
            "atom",
            "scalar",
            "entry",
            "matrix",
            "sign",
            "quotient",
            "total",
        },
        "/ b": {"power", "raised", "atom"},
        "a slid": _CLOSED,
        "slid b": _CLOSED,
        "base": {"atom"},
        "sum of": _CLOSED | {"scalar", "entry", "matrix", "quotient", "total"},
        "each of": _NAMES,
        "function of": {"atom", "raised"},
    }
)
"""Which parts need no parentheses in which place."""

BEGINS = frozenset({"a +", "a -", "a scalar", "a entry", "a matrix", "a /"})
BEFORE_A_PRODUCT = frozenset({"a scalar", "a entry", "a matrix", "a /", "base"})

AXES = MappingProxyType({0: "rows", -2: "rows", 1: "columns", -1: "columns"})
WITHIN = MappingProxyType({0: "column", -2: "column", 1: "row", -1: "row"})
UNWRITTEN = frozenset({"axis", "keep", "samples", "first", "at_tie", "axes"})
"""Options that formulas leave out: they follow from shapes, or are conventions."""

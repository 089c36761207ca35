"""What a written formula is made of: letters, numbers, fractions, matrices, and what holds them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import astuple


class Letter(Struct, frozen=True):
    """A single letter of mathematics: W, η, ∂."""

    text: str


class Word(Struct, frozen=True):
    """Upright text: a function's name, a word between symbols, the T of a transpose."""

    text: str
    bold: bool = False


class Number(Struct, frozen=True):
    """A number as it is printed; `lead` and `pad` are blank room beside it, as wide as they are."""

    text: str
    pad: str = ""
    lead: str = ""


class Sign(Struct, frozen=True):
    """An operator or comma. `level`: a line may end before it, the more willingly the lower.

    An empty text is a product of matrices written side by side, `TIMES` one with a number.
    `bare`: without room around it.
    """

    text: str
    level: int | None = None
    bare: bool = False


class Row(Struct, frozen=True, cache_hash=True):
    """Nodes one after another."""

    items: tuple[Node, ...]


class Fraction(Struct, frozen=True, cache_hash=True):
    """One over another. `bare`: a name or a number, which one line has without room: ∂L/∂W, 1/3."""

    top: Node
    bottom: Node
    bare: bool = False


class Script(Struct, frozen=True, cache_hash=True):
    """Something small at the upper or lower right corner."""

    base: Node
    up: Node | None = None
    down: Node | None = None


class Places(Struct, frozen=True):
    """Indices, as they stand at the lower right corner: 21, or 12,3 where that would be unclear."""

    texts: tuple[str, ...]


class Accent(Struct, frozen=True, cache_hash=True):
    """A hat, tilde or bar over a letter."""

    base: Node
    mark: Literal["hat", "tilde", "bar"]


class Root(Struct, frozen=True, cache_hash=True):
    """A square root."""

    inner: Node


DETERMINANT = "∣"
"""The bars of a determinant, which look like those of |x| and are another function."""


class Fenced(Struct, frozen=True, cache_hash=True):
    """Something between delimiters of its height."""

    left: str
    inner: Node
    right: str


class Total(Struct, frozen=True, cache_hash=True):
    """The sign of a sum, and what stands below it."""

    below: Node | None = None


class Grid(Struct, frozen=True, cache_hash=True):
    """Rows of entries between brackets; `full` is the shape where entries were left out.

    With a `separator` it is a list within a formula, which one line has as [a, b].
    """

    rows: tuple[tuple[Node, ...], ...]
    full: tuple[int, ...] = ()
    separator: Literal["", ",", ";"] = ""


class Cases(Struct, frozen=True, cache_hash=True):
    """One of two: pairs of a value and the words or the condition for it."""

    rows: tuple[tuple[Node, Node], ...]


class Stack(Struct, frozen=True, cache_hash=True):
    """A long row on several lines inside something else, such as a numerator."""

    rows: tuple[Node, ...]


class Braced(Struct, frozen=True, cache_hash=True):
    """Something with a brace and a label below it."""

    inner: Node
    label: Node


class Strong(Struct, frozen=True, cache_hash=True):
    """Something that stands out: the result of a step."""

    inner: Node


class Named(Struct, frozen=True, cache_hash=True):
    """The symbol of a quantity."""

    id: str
    inner: Node


Node: TypeAlias = (
    Letter
    | Word
    | Number
    | Sign
    | Row
    | Fraction
    | Script
    | Places
    | Accent
    | Root
    | Fenced
    | Total
    | Grid
    | Cases
    | Stack
    | Braced
    | Strong
    | Named
)


EQUALS = Sign("=", 0)
"""Between sides of an equation that may stand on lines of their own."""

TIMES = "\N{INVISIBLE TIMES}"
"""Between a number and what it multiplies: side by side on paper, with a dot on one line."""

DOTS = Sign("…", bare=True)
VERTICAL_DOTS = Sign("⋮", bare=True)


def row(*nodes: Node) -> Node:
    """The nodes side by side; rows within become part of it."""
    flat = tuple(_flat(nodes))
    return flat[0] if len(flat) == 1 else Row(flat)


def _flat(nodes: tuple[Node, ...]) -> Iterator[Node]:
    for item in nodes:
        if isinstance(item, Row):
            yield from _flat(item.items)
        else:
            yield item


INVERSE = row(Sign("−", bare=True), Word("1"))
INVERSE_TRANSPOSED = row(Sign("−", bare=True), Word("T"))
"""Exponents of a matrix that is turned round as a whole; that of a power is a number."""


def items(node: Node) -> tuple[Node, ...]:
    """The nodes of a row, or the node itself."""
    return node.items if isinstance(node, Row) else (node,)


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly inside, as they stand in its fields."""
    return tuple(_inside(astuple(node)))


def _inside(fields: Any) -> Iterator[Any]:
    for field in fields:
        if isinstance(field, tuple):
            yield from _inside(field)
        elif isinstance(field, Struct):
            yield field


def mapped(node: Node, change: Callable[[Node], Node]) -> Node:
    """The node with every node directly inside it changed; a symbol is kept whole."""
    if isinstance(node, Row):
        return row(*map(change, node.items))
    if isinstance(node, Named):
        return node
    return type(node)(*(_changed(field, change) for field in astuple(node)))


def _changed(field: Any, change: Callable[[Any], Node]) -> Any:
    """A field of a node: nodes in it, or in tuples in it, changed."""
    if isinstance(field, tuple):
        return tuple(_changed(each, change) for each in field)
    return change(field) if isinstance(field, Struct) else field


def is_of_numbers(node: Node) -> bool:
    """Whether a node is a matrix of numbers, some left out perhaps."""
    return isinstance(node, Grid) and all({*map(type, line)} <= _NUMERIC for line in node.rows)


_NUMERIC = frozenset({Number, Sign})


def every(node: Node) -> Iterator[Node]:
    """The node and all nodes inside it."""
    yield node
    for child in children(node):
        yield from every(child)


@lru_cache(maxsize=8192)
def tall(node: Node) -> bool:
    """Whether delimiters beside the node have to grow."""
    high = isinstance(node, Fraction | Grid | Cases | Stack | Braced | Total)
    return high or any(map(tall, children(node)))


def storeys(node: Node) -> int:
    """How many fractions stand within one another."""
    own = isinstance(node, Fraction)
    return own + max(map(storeys, children(node)), default=0)


def slashed(node: Node) -> Node:
    """A name on one line, as it stands between words: ∂L/∂W."""
    match node:
        case Fraction(top, bottom):
            return row(top, Sign("/", bare=True), bottom)
        case Named(id, inner):
            return Named(id, slashed(inner))
        case Fenced(left, inner, right):
            return Fenced(left, slashed(inner), right)
        case Script(base, up, down):
            return Script(slashed(base), up, down)
        case Row(inside):
            return row(*map(slashed, inside))
    return node

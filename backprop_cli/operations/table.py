"""The table itself: every operation by its name; and the shapes and definitions that it gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, reduce
from itertools import product
from types import MappingProxyType

from msgspec import Struct

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Folded, Num, Op, Option, Sym, op, uses
from backprop_cli.algebra.shapes import Shape, ShapeError, all_known
from backprop_cli.operations.arithmetic import ARITHMETIC
from backprop_cli.operations.convolutions import CONVOLUTIONS
from backprop_cli.operations.elementwise import ACTIVATIONS, FUNCTIONS
from backprop_cli.operations.inverses import INVERSES
from backprop_cli.operations.linear import PRODUCTS
from backprop_cli.operations.padded_pooling import PADDED_POOLING
from backprop_cli.operations.pooling import POOLING
from backprop_cli.operations.record import (
    Along,
    Array,
    Index,
    Notation,
    Operation,
    OtherShapes,
    Position,
    Rules,
)
from backprop_cli.operations.reductions import REDUCTIONS
from backprop_cli.operations.slicing import PARTS
from backprop_cli.operations.structure import STRUCTURE
from backprop_cli.operations.turning import TURNING
from backprop_cli.operations.worked_out import WORKED_OUT


def _none(x: Array) -> Array:
    raise AssertionError("a problem with numbers has no activation f")


GENERIC = (
    Operation(
        "f",
        "activation f",
        Notation("function", "f"),
        lambda shapes, _: shapes[0],
        _none,
        elementwise=True,
        derivative=lambda x, r, node, rules: op("f_prime", x),
        public=False,
    ),
    Operation(
        "f_prime",
        "derivative of f",
        Notation("function", "f′"),
        lambda shapes, _: shapes[0],
        _none,
        elementwise=True,
        public=False,
    ),
)


TABLE = MappingProxyType(
    {
        operation.name: operation
        for operation in (
            *ARITHMETIC,
            *ACTIVATIONS,
            *FUNCTIONS,
            *PRODUCTS,
            *INVERSES,
            *REDUCTIONS,
            *STRUCTURE,
            *PARTS,
            *WORKED_OUT,
            *CONVOLUTIONS,
            *POOLING,
            *PADDED_POOLING,
            *TURNING,
        )
    }
)

_UNKNOWN = MappingProxyType({operation.name: operation for operation in GENERIC})
"""Functions that stand for any: there are formulas with them, and no numbers."""


_ALL = {**TABLE, **_UNKNOWN}

SAME = MappingProxyType({other: name for name, each in TABLE.items() for other in each.also})
"""Other names of operations."""


def operation(node: Op) -> Operation:
    """The record of the operation that a node applies."""
    return _ALL[node.name]


# Shapes -----------------------------------------------------------------------------------------

_NOT_NEGATIVE = frozenset({"delta", "limit"})


def _check_constant(name: str, key: str, value: Option, default: object) -> None:
    """Refuses letters and lists where a constant such as a slope is a number."""
    if not isinstance(default, int | float):
        return
    if not isinstance(value, int | float):
        raise ShapeError(f"the {key} of {name} is a number", f"{key}={default}")
    if key in _NOT_NEGATIVE and value < 0:
        raise ShapeError(f"the {key} of {name} cannot be negative", f"{key}={abs(value)}")


class Sizes(Struct, frozen=True):
    """The shapes of names and the values at kinks: what pull-backs ask (see record.Rules).

    `shape` raises ShapeError for arguments that do not fit and KeyError for an unknown name; a
    letter used as a size is a number.
    """

    names: Mapping[str, Shape]
    kinks: Mapping[str, float | str]

    def shape(self, expr: Expr) -> Shape:
        """The shape of `expr`."""
        return self.shared().of(expr) if isinstance(expr, Op) else self._leaf(expr)

    def shared(self) -> Folded[Shape]:
        """The same for formulas with parts in common."""
        return Folded(self._leaf, self._applied)

    def _leaf(self, leaf: Sym | Num) -> Shape:
        return self.names[leaf.name] if isinstance(leaf, Sym) else ()

    def _applied(self, node: Op, shapes: list[Shape]) -> Shape:
        record = operation(node)
        for key, value in node.options:
            _check_constant(node.name, key, value, record.options[key])
        try:
            return record.shape(tuple(shapes), node)
        except IndexError:
            raise ShapeError(f"{node.name} does not fit these shapes") from None

    def sharing(self) -> OtherShapes:
        """The rules that remember the shape of each part of a formula, for who asks for many."""
        return OtherShapes(self, self.shared().of)

    def kink(self, name: str) -> float:
        """The value taken for the derivative of `name` where it does not exist."""
        return float(self.kinks.get(name, 0.0))

    def tie(self) -> float | str:
        """What each of several equal maxima has: `first`, `shared`, or a number."""
        return self.kinks.get("max", "first")


# Definitions ------------------------------------------------------------------------------------

_MOST_AXES = 2  # of what is put together from entries


def written_out(node: Op, rules: Rules) -> Expr | None:
    """The node in other operations; None where the table does not say it, or sizes are letters."""
    record = operation(node)
    if record.definition is not None:
        return record.definition(node, rules)
    if record.entry is None or not all(map(all_known, map(rules.shape, (node, *node.args)))):
        return None
    shape, entry, write = tuple(map(int, rules.shape(node))), record.entry, InNumbers(rules)
    if len(shape) > _MOST_AXES:
        return None
    found = stacked(shape, lambda index: entry(node, index, write))
    by_itself = uses(found, node.name)
    return None if by_itself and not record.moves else found


def in_placeholders(node: Op, shapes: Sequence[Shape]) -> tuple[Expr, Sizes] | None:
    """What it is of arguments that have no names, `argument 0` and so on, and their sizes."""
    return _of_shapes(node.name, node.options, tuple(shapes))


@lru_cache(maxsize=256)
def _of_shapes(
    name: str, options: tuple[tuple[str, Option], ...], shapes: tuple[Shape, ...]
) -> tuple[Expr, Sizes] | None:
    names = [f"argument {i}" for i in range(len(shapes))]  # no id has a space in it
    sizes = Sizes(dict(zip(names, shapes, strict=True)), {})
    found = written_out(Op(name, tuple(map(Sym, names)), options), sizes)
    return None if found is None else (found, sizes)


def stacked(
    shape: tuple[int, ...], entry: Callable[[tuple[int, ...]], Expr], index: tuple[int, ...] = ()
) -> Expr:
    """Entries put together in brackets."""
    if len(index) == len(shape):
        return entry(index)
    rows = (stacked(shape, entry, (*index, i)) for i in range(shape[len(index)]))
    return Op("stack", tuple(rows))


class InNumbers:
    """Writes entries with numbers as indices: sums have a term for each."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules

    def shape(self, expr: Expr) -> Shape:
        return self.rules.shape(expr)

    def at(self, expr: Expr, index: Index) -> Expr:
        """An entry of an expression."""
        if isinstance(expr, Num) or not index:
            return expr
        return op("at", expr, index=tuple(i for i in index if isinstance(i, int)))

    def terms(self, along: Sequence[Along], body: Callable[[Index], Expr]) -> list[Expr]:
        """The body for each entry along some axes."""
        sizes = [int(self.shape(each[0][0])[each[0][1]]) for each in along]
        return [body(place) for place in product(*map(range, sizes))]

    def total(self, _: Op, along: Sequence[Along], body: Callable[[Index], Expr]) -> Expr:
        """The sum of these."""
        return build.sum_of(self.terms(along, body))

    def largest(self, along: Sequence[Along], body: Callable[[Index], Expr]) -> Expr:
        """The largest of these, two at a time."""
        found = [term for term in self.terms(along, body) if term != build.LOWEST] or [build.LOWEST]
        return reduce(lambda one, other: op("maximum", one, other), found)

    def same(self, one: Position, other: Position) -> Expr:
        """1 where two positions are the same, else 0."""
        return build.ONE if one == other else build.ZERO

    def within(self, one: Position, first: Position, last: Position) -> Expr:
        """1 where a position is between two others, else 0."""
        return build.ONE if first <= one <= last else build.ZERO

"""An operation to what it is in others: its definition, or its entries put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, reduce
from itertools import product

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Num, Op, Option, Sym, op, walk
from backprop_cli.algebra.shapes import Shape, all_known
from backprop_cli.operations.record import Along, Index, Position, Rules
from backprop_cli.operations.sizes import Sizes
from backprop_cli.operations.table import operation

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
    by_itself = any(isinstance(part, Op) and part.name == node.name for part in walk(found))
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
        return reduce(lambda one, other: op("maximum", one, other), self.terms(along, body))

    def same(self, one: Position, other: Position) -> Expr:
        """1 where two positions are the same, else 0."""
        return build.ONE if one == other else build.ZERO

    def within(self, one: Position, first: Position, last: Position) -> Expr:
        """1 where a position is between two others, else 0."""
        return build.ONE if first <= one <= last else build.ZERO

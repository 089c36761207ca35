"""Columns that a line takes from a matrix to what a split into heads takes that goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import Final

from msgspec import Struct

from backprop_cli.algebra.expr import Expr, Op, Option, op, rewrite, walk
from backprop_cli.grading.slips.case import Case
from backprop_cli.grading.slips.formula_parts import Change

_MOST_WHOLES: Final = 6
"""A line that takes columns from more matrices is none of a few heads."""


class _Head(Struct, frozen=True):
    """The columns that belong to one of several heads, and the matrix that they are taken from."""

    whole: Expr
    rows: int
    columns: int
    width: int
    number: int

    @property
    def not_turned(self) -> Expr:
        """X.reshape(heads, n, d)[k]: the k-th part of all entries one after the other."""
        shape = self.rows * self.columns // self.width, self.width
        rows = self.number * self.rows, (self.number + 1) * self.rows
        return op("at", op("reshape", self.whole, shape=shape), index=(rows, None))

    @property
    def one_of_each(self) -> Expr:
        """X.reshape(n, d, heads)[:, :, k]: every so many columns one."""
        chosen = tuple(range(self.number, self.columns, self.columns // self.width))
        return op("at", self.whole, index=(None, (chosen,)))


_OTHERWISE: Final[tuple[tuple[str, Callable[[_Head], Expr]], ...]] = (
    ("reshape-for-transpose", lambda head: head.not_turned),
    ("other-order", lambda head: head.one_of_each),
)


def of_slices(case: Case) -> Iterator[Change]:
    """X.reshape(heads, n, d)[k], or every so many columns, for the columns of a head.

    Of all matrices that are split in a line, or of one of them.
    """
    heads = {node: head for node in walk(case.expr) if (head := _head(case, node)) is not None}
    wholes = {head.whole for head in heads.values()}
    if not 0 < len(wholes) <= _MOST_WHOLES:
        return
    for slip, taken in _OTHERWISE:
        for group in (wholes, *({one} for one in wholes if len(wholes) > 1)):
            yield slip, rewrite(case.expr, partial(_taken, heads, taken, group))


def _taken(
    heads: dict[Expr, _Head], taken: Callable[[_Head], Expr], wholes: Collection[Expr], node: Expr
) -> Expr | None:
    head = heads.get(node)
    return taken(head) if head is not None and head.whole in wholes else None


def _taken_columns(node: Op) -> Option:
    if node.name == "at":
        return node.option("index")
    return (None, (node.option("start"), node.option("stop"))) if node.axis == 1 else None


def _head(case: Case, node: Expr) -> _Head | None:
    """A slice of some columns as that of a head: as wide as others beside it would be."""
    if not isinstance(node, Op) or node.name not in ("at", "part"):
        return None
    shape = case.lengths(node.args[0])
    match _taken_columns(node):
        case (None, (int(start), int(stop))) if len(shape) == 2:
            (rows, columns), width = shape, stop - start
            if rows > 1 and width < columns and columns % width == 0 and start % width == 0:
                return _Head(node.args[0], rows, columns, width, start // width)
    return None

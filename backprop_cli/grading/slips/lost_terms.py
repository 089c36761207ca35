"""A product of matrices to what it becomes when a term of its sums is lost, or all but one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from backprop_cli.algebra.expr import Expr, Op, num, op
from backprop_cli.grading.slips.case import Case

_MOST: Final = 60
"""Of more terms than this, one or the other explains nearly any number."""


def with_terms_lost(case: Case, node: Op) -> Iterator[Expr]:
    """The product without its k-th terms, in all sums or in those of one unit, or with these alone.

    The k-th terms are column times row. Those alone are what one sample of a batch gives.
    """
    shapes = [case.shape(arg) for arg in node.args]
    if None in shapes or not all(shapes):
        return
    left, right = ([int(size) for size in shape or ()] for shape in shapes)
    count = left[-1]
    if count < 2 or count * (sum(left[:-1]) + sum(right[1:]) + 2) > _MOST:
        return
    for k in range(count):
        at = _one(k, count)
        column, row = op("matmul", node.args[0], at), op("matmul", at, node.args[1])
        yield _times(column, row, left, right)
        yield op("sub", node, _times(column, row, left, right))
        if len(right) == 2:
            for j in range(right[1]):
                one = op("mul", _one(j, right[1]), row)
                yield op("sub", node, _times(column, one, left, right))
        if len(left) == 2:
            for i in range(left[0]):
                one = op("mul", _one(i, left[0]), column)
                yield op("sub", node, _times(one, row, left, right))


def _one(k: int, count: int) -> Expr:
    """Nothing but zeros, and a 1."""
    return op("place", num(1), index=(k,), shape=(count,))


def _times(column: Expr, row: Expr, left: list[int], right: list[int]) -> Expr:
    return op("outer" if len(left) == len(right) == 2 else "mul", column, row)

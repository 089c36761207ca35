"""Rows of a table, looked up by number or as a matrix of counts says, to what a loop gets wrong."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

import numpy as np
from msgspec import Struct

from backprop_cli.algebra.expr import Expr, Op, Place, op, rewrite
from backprop_cli.grading.sheets.typed_arrays import Array
from backprop_cli.grading.slips.case import each
from backprop_cli.grading.slips.plain_workings import WrongArray, is_same
from backprop_cli.operations.slicing import choices

_MOST_ENTRIES: Final = 20_000
"""Of larger arrays a program has no loop over rows."""
_MOST_ROWS: Final = 12
"""Of more rows that are added up, one or the other explains nearly any numbers."""


class _Counted(Struct, frozen=True):
    """Where a line adds up rows of a table, each as often as the counts of its row say."""

    expr: Expr
    place: Place
    counts: Array
    table: Array


def _counted(array: WrongArray) -> Iterator[_Counted]:
    if array.formula is None or array.value.size > _MOST_ENTRIES:
        return
    for place, node in each(array.formula, frozenset({"matmul"})):
        counts, table = map(array.of, node.args)
        if counts.ndim == 2 and table.ndim == 2 and _are_counts(counts):
            yield _Counted(array.formula, place, counts, table)


def _are_counts(matrix: Array) -> bool:
    whole = bool((matrix == np.floor(matrix)).all() and (matrix >= 0).all())
    return whole and bool((matrix == 0).any()) and bool((matrix.sum(axis=1) > 1).any())


def rows_lost(array: WrongArray) -> bool:
    """Of the rows that are added up one alone, as where they are set; or each of them once."""
    return any(
        array.is_with(np.minimum(one.counts, 1) @ one.table, one.expr, one.place)
        or _is_one_of_each(array, one)
        for one in _counted(array)
    )


def _is_one_of_each(array: WrongArray, one: _Counted) -> bool:
    """Whether each row of the array comes of one row of the table alone."""
    used = one.counts > 0
    most = int(used.sum(axis=1).max())
    if array.value.ndim != 2 or len(array.value) != len(used) or most > _MOST_ROWS:
        return False
    order = np.argsort(~used, axis=1, kind="stable")
    explained = np.zeros(len(used), dtype=bool)
    for k in range(most):
        rows = np.take_along_axis(order, np.minimum(k, used.sum(axis=1) - 1).clip(0)[:, None], 1)
        alone = np.where(used.any(axis=1, keepdims=True), one.table[rows[:, 0]], 0.0)
        found = array.with_(alone, one.expr, one.place)
        if found.shape != array.value.shape:
            return False
        same = (is_same(*row) for row in zip(array.value, found, array.unit, strict=True))
        explained |= np.fromiter(same, dtype=bool)
    return bool(explained.all())


def rows_of_others(array: WrongArray) -> bool:
    """The row before or behind the one that is meant, or the one with the number of the round."""
    if array.formula is None or array.value.size > _MOST_ENTRIES:
        return False
    return any(
        array.is_with(other @ one.table, one.expr, one.place)
        for one in _counted(array)
        for other in _with_others(one.counts)
    ) or any(map(array.is_, map(array.of, _by_other_numbers(array, array.formula))))


def _with_others(counts: Array) -> Iterator[Array]:
    for axis in (1, 0):
        for shift in (1, -1):
            yield np.roll(counts, shift, axis)
    for axis in (1, 0):
        of_round = np.zeros_like(counts)
        side = np.arange(min(counts.shape))
        of_round[side, side] = counts.sum(axis=axis)[: len(side)]
        yield of_round


def _by_other_numbers(array: WrongArray, expr: Expr) -> Iterator[Expr]:
    """The formula with other numbers wherever rows are looked up, or put, by theirs."""
    for shift in (1, -1, None):
        found = rewrite(expr, partial(_other_rows, array, shift))
        if found != expr:
            yield found


def _other_rows(array: WrongArray, shift: int | None, node: Expr) -> Expr | None:
    """Rows so much further on; without `shift`, the first ones in their order."""
    match node:
        case Op("at" | "place", (inner,)) if len(found := choices(node)) == 1:
            shape = node.option("shape") if node.name == "place" else array.of(inner).shape
            rows, count = found[0], shape[0] if isinstance(shape, tuple) and shape else 0
        case _:
            return None
    if not isinstance(rows, list) or not isinstance(count, int) or count <= 1:
        return None
    moved = [k if shift is None else row + shift for k, row in enumerate(rows)]
    other = tuple(row % count for row in moved)
    return op(node.name, inner, **{**dict(node.options), "index": ((other,),)})

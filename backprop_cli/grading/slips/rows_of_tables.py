"""Rows of a table, looked up by number or as counts say, to what assignments and loops do wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import combinations
from typing import Final

import numpy as np
from msgspec import Struct

from backprop_cli.algebra.expr import Expr, Op, num, op, put, rewrite
from backprop_cli.grading.sheets.typed_arrays import Array
from backprop_cli.grading.slips.case import Case, each
from backprop_cli.grading.slips.plain_workings import Part, WrongArray, is_same
from backprop_cli.operations.slicing import choices

_MOST_USES: Final = 12
"""Of more rows that are looked up, one or the other explains nearly any numbers."""
_MOST_ENTRIES: Final = 20_000
"""Of larger arrays a program has no loop over rows."""


def _looked_up(case: Case) -> Iterator[tuple[tuple[int, ...], Op, list[int]]]:
    """What puts the gradients of rows where these stand in a table, and which rows they are."""
    for place, node in each(case.expr, frozenset({"place"})):
        rows = choices(node)[0]
        if isinstance(rows, list):
            yield place, node, rows


def _put(node: Op, uses: list[tuple[int, int]]) -> Expr:
    """The gradients of some uses alone, each in its row."""
    kept, rows = zip(*uses, strict=True)
    alone = op("at", node.args[0], index=((tuple(kept),),))
    return op("place", alone, index=((tuple(rows),),), shape=node.option("shape"))


def overwritten(case: Case) -> Iterator[Expr]:
    """Of a row that is looked up several times the last use or the first: E[rows] = g.

    Where all is set to 0 each time, one use is left of all.
    """
    for place, node, rows in _looked_up(case):
        if len(set(rows)) < len(rows):
            for uses in (enumerate(rows), reversed([*enumerate(rows)])):
                yield put(case.expr, place, _last_of_each(node, uses))
        for use in (len(rows) - 1, 0) if len(rows) > 1 else ():
            yield put(case.expr, place, _put(node, [(use, rows[use])]))
    yield from _in_every_round(case.expr, _last_uses)


def _last_of_each(node: Op, uses: Iterable[tuple[int, int]]) -> Expr:
    """Of several uses of a row the one that comes last here."""
    kept = {row: use for use, row in uses}
    return _put(node, [(use, row) for row, use in kept.items()])


def _last_uses(node: Expr) -> Expr | None:
    match node:
        case Op("place"):
            rows = choices(node)[0]
            if isinstance(rows, list) and len(set(rows)) < len(rows):
                return _last_of_each(node, enumerate(rows))
    return None


def _in_every_round(expr: Expr, wrong: Callable[[Expr], Expr | None]) -> Iterator[Expr]:
    """The same gone wrong in all terms, as in a loop; nothing where no term has it."""
    found = rewrite(expr, wrong)
    if found is not expr:
        yield found


def some_lost(case: Case) -> Iterator[Expr]:
    """One use left out, or all of a row, or all but one use."""
    for place, node, rows in _looked_up(case):
        uses = list(enumerate(rows))
        if not 1 < len(uses) <= _MOST_USES:
            continue
        left = [[one for one in uses if one[1] != row] for row in dict.fromkeys(rows)]
        alone = [[one] for one in uses]
        for kept in (*map(list, combinations(uses, len(uses) - 1)), *left, *alone):
            if kept:
                yield put(case.expr, place, _put(node, kept))


def to_all_rows(case: Case) -> Iterator[Expr]:
    """Every row of the table gets what comes back, or those do that nobody looked up."""
    yield from _in_every_round(case.expr, _in_every_row)
    for place, node, rows in _looked_up(case):
        g, shape = node.args[0], node.option("shape")
        parts = [op("sum", g, axis=0), op("mean", g, axis=0)]
        parts += [op("at", g, index=(use,)) for use in {0, len(rows) - 1}]
        count = shape[0] if isinstance(shape, tuple) and isinstance(shape[0], int) else 0
        others = tuple(row for row in range(count) if row not in rows)
        nothing = op("mul", num(0), node)
        for part in parts:
            of_all = op("add", nothing, op("row", part))
            yield put(case.expr, place, of_all)
            if others:
                beside = op(
                    "place",
                    op("at", of_all, index=((others,),)),
                    index=((others,),),
                    shape=shape,
                )
                yield put(case.expr, place, op("add", node, beside))


def _in_every_row(node: Expr) -> Expr | None:
    """What comes back to one row given to all."""
    match node:
        case Op("place", (g,)) if isinstance(choices(node)[0], int):
            return op("add", op("mul", num(0), node), op("row", g))
    return None


def mean_of_uses(case: Case) -> Iterator[Expr]:
    """The mean of a row's gradients for their sum."""
    for place, node, rows in _looked_up(case):
        counts = Counter(rows)
        if len(counts) < len(rows) <= _MOST_USES:
            shares = op("stack", *(num(f"1/{counts[row]}") for row in rows))
            averaged = op("mul", node.args[0], op("column", shares))
            yield put(case.expr, place, Op(node.name, (averaged,), node.options))


# In arrays of programs ---------------------------------------------------------------------------


class _Counted(Struct, frozen=True):
    """Where a line adds up rows of a table, each as often as the counts of its row say."""

    part: Part
    counts: Array
    table: Array


def _counted(array: WrongArray) -> Iterator[_Counted]:
    for part in array.parts(frozenset({"matmul"}), _MOST_ENTRIES):
        counts, table = part.args
        if counts.ndim == 2 and table.ndim == 2 and _are_counts(counts):
            yield _Counted(part, counts, table)


def _are_counts(matrix: Array) -> bool:
    whole = bool((matrix == np.floor(matrix)).all() and (matrix >= 0).all())
    return whole and bool((matrix == 0).any()) and bool((matrix.sum(axis=1) > 1).any())


def rows_lost(array: WrongArray) -> bool:
    """Of the rows that are added up one alone, as where they are set; or each of them once."""
    return any(
        one.part.explains(np.minimum(one.counts, 1) @ one.table) or _is_one_of_each(array, one)
        for one in _counted(array)
    )


def _is_one_of_each(array: WrongArray, one: _Counted) -> bool:
    """Whether each row of the array comes of one row of the table alone."""
    used = one.counts > 0
    most = int(used.sum(axis=1).max())
    if array.value.ndim != 2 or len(array.value) != len(used) or most > _MOST_USES:
        return False
    order = np.argsort(~used, axis=1, kind="stable")
    explained = np.zeros(len(used), dtype=bool)
    for k in range(most):
        rows = np.take_along_axis(order, np.minimum(k, used.sum(axis=1) - 1).clip(0)[:, None], 1)
        alone = np.where(used.any(axis=1, keepdims=True), one.table[rows[:, 0]], 0.0)
        found = array.with_(alone, one.part.expr, one.part.place)
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
        one.part.explains(other @ one.table)
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
        case Op("at" | "place" as name, (inner,)) if len(found := choices(node)) == 1:
            shape = node.option("shape") if name == "place" else array.of(inner).shape
            rows, count = found[0], shape[0] if isinstance(shape, tuple) and shape else 0
        case _:
            return None
    if not isinstance(rows, list) or not isinstance(count, int) or count <= 1:
        return None
    moved = [k if shift is None else row + shift for k, row in enumerate(rows)]
    return node.with_options(index=((tuple(row % count for row in moved),),))

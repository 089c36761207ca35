"""The gradient of a table whose rows are looked up, to what is made of it by a wrong assignment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import combinations
from typing import Final

from backprop_cli.algebra.expr import Expr, Op, num, op, put, rewrite
from backprop_cli.grading.slips.case import Case, each
from backprop_cli.operations.slicing import choices

_MOST_USES: Final = 12
"""Of more rows that are looked up, one or the other explains nearly any numbers."""


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

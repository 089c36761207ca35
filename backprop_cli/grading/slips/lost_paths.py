"""Slips of the sum over paths: a gradient to what is left of it where consumers are forgotten."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Final

from backprop_cli.algebra.expr import Expr, substitute, symbols
from backprop_cli.algebra.shapes import ShapeError
from backprop_cli.grading.slips.case import Case, signed_terms
from backprop_cli.grading.slips.forward import branch_lost
from backprop_cli.grading.slips.long_sums import LONG, LongSum
from backprop_cli.grading.slips.pull_backs import added_up, right_shares, total

_ALL_SUBSETS: Final = 4
"""Of so many paths any may be lost together; of more, one, all but one, or all from one on."""


def path_lost(case: Case) -> Iterator[Expr]:
    """One of several branches, or any proper part of the paths back, left out."""
    yield from branch_lost(case)
    yield from _consumers_lost(case)


def _consumers_lost(case: Case) -> Iterator[Expr]:
    """Any proper part of the consumers of a quantity left out, or one use within a consumer."""
    if case.by is None or case.step.phase != "backward":
        return
    try:
        found = [found for _, found in right_shares(case)]
    except (ShapeError, KeyError):
        return
    found = [uses for uses in found if uses]
    if len(found) > LONG:
        yield from _some_of(added_up(case), len(found))
    else:
        for kept in _parts(len(found)):
            yield total(case, [share for i in kept for share in found[i]])
    yield from _through_one(case, found)
    flat = [share for uses in found for share in uses]
    if len(flat) > len(found):
        yield from _one_lost(case, flat)
        yield from flat


def _some_of(paths: LongSum, count: int) -> Iterator[Expr]:
    """As `_parts` has them, for many paths: what is left of a sum is the same for all of it."""
    for k in range(count):
        yield paths.without(k)
    for k in range(count):
        for some in (paths.before(k), paths.behind(k)):
            if some is not None:
                yield some
    yield from paths.parts[:count]


def _one_lost(case: Case, uses: Sequence[Expr]) -> Iterator[Expr]:
    """All uses but one."""
    if len(uses) > LONG:
        seed = case.model.seeds.get(case.by or "")
        terms = LongSum([*uses, *([] if seed is None else [seed])])
        yield from (terms.without(k) for k in range(len(uses)))
        return
    for lost in range(len(uses)):
        yield total(case, [share for i, share in enumerate(uses) if i != lost])


def _through_one(case: Case, found: Sequence[Sequence[Expr]]) -> Iterator[Expr]:
    """One path alone, and of what is gathered farther down it one path alone, too."""
    for uses in found if len(found) > 1 else ():
        alone = total(case, uses)
        for name in symbols(alone):
            step = case.steps.get(name)
            if step is not None and step.rule == "sum-over-paths":
                for part in signed_terms(step.expr):
                    yield substitute(alone, {name: part})


def _parts(count: int) -> Iterator[Sequence[int]]:
    """The paths kept where some of a few are forgotten, most of them first."""
    everything = range(count)
    if count <= _ALL_SUBSETS:
        for size in range(count - 1, 0, -1):
            yield from combinations(everything, size)
        return
    for lost in everything:
        yield [i for i in everything if i != lost]
    for end in range(1, count):
        yield everything[:end]
        yield everything[end:]
    for only in everything[1:-1]:
        yield [only]

"""Slips of the sum over paths: a gradient to what is left of it where consumers are forgotten."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Final

from backprop_cli.algebra.expr import Expr, substitute, symbols
from backprop_cli.algebra.shapes import ShapeError
from backprop_cli.grading.slips.case import Case, signed_terms
from backprop_cli.grading.slips.forward import branch_lost
from backprop_cli.grading.slips.pull_backs import right_shares, total

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
    for kept in _parts(len(found)):
        yield total(case, [share for i in kept for share in found[i]])
    yield from _through_one(case, found)
    flat = [share for uses in found for share in uses]
    if len(flat) > len(found):
        for lost in range(len(flat)):
            yield total(case, [share for i, share in enumerate(flat) if i != lost])
        yield from flat


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
    """The paths kept where some are forgotten, most of them first."""
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

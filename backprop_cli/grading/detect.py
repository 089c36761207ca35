"""A wrong quantity to the slips that explain it: wrong methods computed, not guessed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from backprop_cli.algebra.expr import Expr
from backprop_cli.grading.case import Case
from backprop_cli.grading.judge import Judge
from backprop_cli.grading.slips import FORMULA_SLIPS
from backprop_cli.grading.value_slips import by_value
from backprop_cli.grading.written import meets
from backprop_cli.grading.wrong import Candidate, Wrong, explains, has_digits, typed
from backprop_cli.operations.bounds import Interval

Reading = Callable[[Expr], Interval]

_MOST_NAMED = 3
_LEAST_TELLING = (
    "decimal-slip",
    "digits-swapped",
    "sign-lost",
    "mean-sum-confused",
    "factor-two",
    "copied",
)
_KEPT = frozenset({"weights-not-updated", "bias-not-updated"})
_ROUNDED_AWAY = frozenset({"learning-rate-twice"})
"""Slips whose change is so small that rounding may leave nothing of it."""


def candidates(case: Case) -> list[Candidate]:
    """Every wrong formula of a quantity, with the slip that leads to it."""
    found: list[Candidate] = []
    decision = case.model.decision
    if decision is not None and case.step.id == decision.name:
        return found  # a class is another one, not twice or half as much
    for id, slip in FORMULA_SLIPS.items():
        exprs = (expr for one in case.cases() for expr in one.fitting(slip.rewrite(one)))
        found += [(id, expr) for expr in dict.fromkeys(exprs)]
    return found


def slips(judge: Judge, wrong: Wrong) -> tuple[str, ...]:
    """The slips that give all the wrong entries; several where they give the same numbers."""
    by_formula = _by_formula(judge, wrong)
    return _most_telling(tuple(dict.fromkeys([*by_formula, *by_value(judge, wrong)])))


def _most_telling(found: tuple[str, ...]) -> tuple[str, ...]:
    """At most three names: beside causes that say where it went wrong, mere factors say little."""
    for id in _LEAST_TELLING:
        if len(found) > _MOST_NAMED:
            found = tuple(other for other in found if other != id)
    return found


def _by_formula(judge: Judge, wrong: Wrong) -> list[str]:
    """The formulas that give what was typed: on numbers as typed, else on what they stand for."""
    numbers = typed(judge, wrong)
    proved = has_digits(judge, wrong)
    open_ = [one for one in wrong.candidates if proved or not FORMULA_SLIPS[one[0]].factor]

    def giving(reading: Reading, among: Sequence[Candidate]) -> list[str]:
        found = (id for id, expr in among if explains(wrong, numbers, reading(expr)))
        return list(dict.fromkeys(found))

    persons = [partial(judge.as_person, way=way) for way in judge.persons()]
    found = giving(judge.on_typed_values, open_)
    if found and _KEPT.issuperset(found):
        smaller = [one for one in open_ if one[0] in _ROUNDED_AWAY]
        return list(
            dict.fromkeys([*found, *(id for one in persons for id in giving(one, smaller))])
        )
    if found:
        return found
    ways = (False, True) if judge.any_wrong_behind(wrong.name) else (False,)
    widest = [partial(judge.enclosed, repaired=way, rounded=True) for way in ways]
    open_ = [one for one in open_ if any(_may_give(wrong, numbers, w(one[1])) for w in widest)]
    narrow = [partial(judge.enclosed, repaired=way, rounded=False) for way in ways]
    for reading in (*narrow, *widest, *persons):
        if found := giving(reading, open_):
            break
    return found


def _may_give(wrong: Wrong, numbers: Interval, widest: Interval) -> bool:
    """Whether the numbers lie in the widest interval of a formula, which holds all others."""
    unknown = np.isnan(widest[0]) | np.isnan(widest[1])
    return bool((meets(numbers, widest) | unknown | ~wrong.written.present).all())

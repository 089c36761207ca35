"""A wrong quantity to the slips that explain it: wrong methods computed, not guessed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from backprop_cli.algebra.expr import Expr
from backprop_cli.grading.case import Case
from backprop_cli.grading.data import Origin
from backprop_cli.grading.evidence import chance, is_near
from backprop_cli.grading.judge import Judge
from backprop_cli.grading.misread import digit_misread
from backprop_cli.grading.origins import Candidates, origin
from backprop_cli.grading.rewrites_parts import changes
from backprop_cli.grading.slips import FORMULA_SLIPS, GENERAL
from backprop_cli.grading.value_slips import by_value
from backprop_cli.grading.workings import Numbers, Values
from backprop_cli.grading.written import Array, meets
from backprop_cli.grading.wrong import Candidate, Wrong, explains, has_digits, typed
from backprop_cli.operations.bounds import Interval

Reading = Callable[[Expr], Interval]

_MOST_NAMED = 3
_LEAST_TELLING = ("decimal-slip", "digits-swapped", "sign-lost", "factor-two", "copied")
_CHANGE_LITTLE = ("mean-sum-confused", "factor-two", "sign-flipped")
"""What changes least is named first: a lost 1/M before a misused ŷ − y."""

_NONE: frozenset[str] = frozenset()
_DERIVATIVES = frozenset(
    "activation-derivative-omitted activation-derivative-at-wrong-argument relu-derivative-wrong"
    " output-derivative-omitted softmax-diagonal-only".split()
)
_IMPLIED_BY = {
    "wrong-activation-derivative": _DERIVATIVES,
    "path-lost": frozenset({"penalty-omitted", "bias-left-out"}),
    "term-left-out": frozenset({"change-for-value"}),
}
"""What is no news where something says it more exactly."""

_KEPT = frozenset({"weights-not-updated", "bias-not-updated"})
_ROUNDED_AWAY = frozenset({"learning-rate-twice"})
"""Slips whose change is so small that rounding may leave nothing of it."""

_MOST_BY_CHANCE = 0.5
_MOST_BY_CHANCE_OF_PARTS = 0.02
"""A name is given where a wrong number would get one by chance no more often than this."""


def candidates(case: Case) -> list[Candidate]:
    """Every wrong formula of a quantity, with the slip that leads to it."""
    found: list[Candidate] = []
    decision = case.model.decision
    if decision is not None and case.step.id == decision.name:
        return found  # a class is another one, not twice or half as much
    for id, slip in FORMULA_SLIPS.items():
        if slip.rewrite is not None:
            for one in case.cases():
                found += [(id, expr) for expr in slip.rewrite(one) if one.fits(expr)]
    for one in case.cases():
        found += [change for change in changes(one) if one.fits(change[1])]
    return found


class Detector:
    """Finds the slips on one sheet that is judged."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self.numbers = Numbers(judge)
        self.as_typed = Values(self.numbers)
        self.repaired = Values(Numbers(judge, repaired=True))

    def slips(self, wrong: Wrong) -> tuple[str, ...]:
        """The slips that give all the wrong entries; several where they give the same numbers."""
        found = self._by_formula(wrong)
        found += [id for id in by_value(self.judge, wrong) if id not in found]
        if not found and digit_misread(self.judge, wrong, self.numbers):
            found = ["digit-misread"]
        return _most_telling(found)

    def explain(
        self, wrong: Wrong, candidates: Candidates
    ) -> tuple[tuple[str, ...], Origin | None]:
        """The slips in a quantity itself, else those in a step behind it that is not written."""
        found = self.slips(wrong)
        if found:
            return found, None
        made = origin(self.judge, wrong, self.numbers, candidates)
        return (() if made is None else made.slips), made

    def _by_formula(self, wrong: Wrong) -> list[str]:
        """What can only be one of the known mistakes; else what any part may undergo."""
        proved = has_digits(self.judge, wrong)
        open_ = [one for one in wrong.candidates if proved or not FORMULA_SLIPS[one[0]].factor]
        values = [self._values(expr) for _, expr in open_]
        numbers = typed(self.judge, wrong)
        pairs = list(zip(open_, values, strict=True))
        for general, most in ((False, _MOST_BY_CHANCE), (True, _MOST_BY_CHANCE_OF_PARTS)):
            pool = [pair for pair in pairs if general or pair[0][0] not in GENERAL]
            near = [one for one, ways in pool if any(is_near(wrong, numbers, v) for v in ways)]
            tried = [one for one in near if (one[0] in GENERAL) == general]
            if not tried or chance(self.judge, wrong, [ways[0] for _, ways in pool]) > most:
                continue
            if found := _giving(self.judge, wrong, numbers, tried):
                return [id for id in found if not _IMPLIED_BY.get(id, _NONE) & set(found)]
        return []

    def _values(self, expr: Expr) -> list[Array]:
        first = self.as_typed.of(expr)
        return [first, self.repaired.of(expr)]


def _giving(judge: Judge, wrong: Wrong, numbers: Interval, among: Sequence[Candidate]) -> list[str]:
    """The formulas that give what was typed: on numbers as typed, else on what they stand for."""

    def giving(reading: Reading, some: Sequence[Candidate]) -> list[str]:
        found = (id for id, expr in some if explains(judge, wrong, numbers, reading(expr)))
        return list(dict.fromkeys(found))

    persons = [partial(judge.as_person, way=way) for way in judge.persons()]
    found = giving(judge.on_typed_values, among)
    if found and _KEPT.issuperset(found):
        smaller = [one for one in among if one[0] in _ROUNDED_AWAY]
        return list(
            dict.fromkeys([*found, *(id for one in persons for id in giving(one, smaller))])
        )
    if found:
        return found
    ways = (False, True) if judge.any_wrong_behind(wrong.name) else (False,)
    widest = [partial(judge.enclosed, repaired=way, rounded=True) for way in ways]
    among = [one for one in among if any(_may_give(wrong, numbers, w(one[1])) for w in widest)]
    narrow = [partial(judge.enclosed, repaired=way, rounded=False) for way in ways]
    for reading in (*narrow, *widest, *persons):
        if found := giving(reading, among):
            break
    return found


def _may_give(wrong: Wrong, numbers: Interval, widest: Interval) -> bool:
    """Whether the numbers lie in the widest interval of a formula, which holds all others."""
    unknown = np.isnan(widest[0]) | np.isnan(widest[1])
    return bool((meets(numbers, widest) | unknown | ~wrong.written.present).all())


def _most_telling(found: list[str]) -> tuple[str, ...]:
    """At most three names: beside causes that say where it went wrong, mere factors say little."""
    first = [id for id in _CHANGE_LITTLE if id in found]
    found = first + [id for id in found if id not in first]
    for id in _LEAST_TELLING:
        if len(found) > _MOST_NAMED:
            found = [other for other in found if other != id]
    return tuple(found[:_MOST_NAMED])

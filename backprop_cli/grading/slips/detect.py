"""A wrong quantity to the slips that explain it: wrong methods computed, not guessed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

import numpy as np
from msgspec import Struct

from backprop_cli.algebra.expr import Expr, Folded, Num, Op, Sym
from backprop_cli.grading.judging.answer_key import is_jacobian
from backprop_cli.grading.judging.judge import Judge
from backprop_cli.grading.report_data import Origin
from backprop_cli.grading.sheets.typed_arrays import Array
from backprop_cli.grading.slips.as_meant import Gives, Reading, as_meant, as_persons
from backprop_cli.grading.slips.case import Case
from backprop_cli.grading.slips.formula_parts import changes
from backprop_cli.grading.slips.misread import misread_again, one_number_wrong, own_digit
from backprop_cli.grading.slips.origins import Candidates, Reached, origin
from backprop_cli.grading.slips.plain_workings import Numbers, Values, names_in
from backprop_cli.grading.slips.program_orders import of_other_sizes
from backprop_cli.grading.slips.program_parts import code_changes
from backprop_cli.grading.slips.table_of_slips import FORMULA_SLIPS, GENERAL, rewrites, said_best
from backprop_cli.grading.slips.values_alone import by_value, copied_from
from backprop_cli.grading.slips.within_norms import within_norms
from backprop_cli.grading.slips.wrong_quantity import (
    CHANGE_LITTLE,
    LEFT_AS_IT_WAS,
    Candidate,
    Wrong,
    are_near,
    by_luck,
    explains,
    gives,
    has_digits,
    is_short,
    most_telling,
    neighbours,
)
from backprop_cli.operations.bounds import point
from backprop_cli.operations.masks import every
from backprop_cli.readings.many_at_once import ManyAtOnce
from backprop_cli.readings.remembered import Remembered, exactly

_ROUNDED_AWAY = frozenset({"learning-rate-twice"})
"""Slips whose change is so small that rounding may leave nothing of it."""

_LIKELY = ("change-for-value", "wrong-activation")
"""What is likely before a number is seen, and leaves zeros, which say little: ReLU for a leaky."""

_LOST = ("term-left-out", "upstream-left-out", "input-left-out")
"""What may be lost that other numbers would show to be no factor."""

# How many of the formulas tried a wrong number may meet by chance where a name is given, at most.
_MOST_BY_CHANCE = 0.5
"""Of mistakes that people are known to make: one that fits is likely before its number is seen."""
_MOST_BY_CHANCE_OF_PARTS = 0.06
"""Of what any part may undergo: nobody is known to do it, so that the digits alone must say so."""
_MOST_BY_CHANCE_IF_MEANT = 0.02
"""Of the same on what the numbers may stand for: several readings are tried, each with room."""
_DECISIVE = 0.002
"""Of the same where a known mistake fits as well, but for rounding: its name is taken from it."""


def candidates(case: Case, *, programs: bool = False, ways: Sequence[Expr] = ()) -> list[Candidate]:
    """Every wrong formula of a quantity, with the slip that leads to it.

    `programs`: also what only code does, in any of the `ways` in which its line may be written.
    """
    found: list[Candidate] = []
    decision = case.model.decision
    if decision is not None and case.step.id == decision.name:
        return found  # a class is another one, not twice or half as much
    written = [*case.written_ways()]
    for id, rewrite in rewrites(programs=programs):
        for one in written:
            found += [(id, expr) for expr in rewrite(one) if one.fits(expr)]
    for one in written:
        found += [made for made in (*changes(one), *within_norms(one)) if one.fits(made[1])]
    if programs:
        found += [change for change in code_changes(case, ways) if case.fits(change[1])]
    return worked_out(case, found)


def worked_out(case: Case, found: list[Candidate]) -> list[Candidate]:
    """Those whose formula is not only computed by pulling back."""
    if not any(is_jacobian(step.expr) for step in case.steps.values()):
        return found
    pulled_back = Folded(lambda leaf: False, _is_pulled_back)  # once for all that they share
    return [one for one in found if not pulled_back.of(one[1])]


def _is_pulled_back(node: Op, args: list[bool]) -> bool:
    """Whether a formula is only computed by pulling back, so that it has no parts."""
    return node.name == "jacobian" or any(args)


def shaped(case: Case, shape: tuple[int, ...]) -> list[Candidate]:
    """The wrong formulas of a quantity that give another shape than it has."""
    rows = (row for row in rewrites(programs=True) if FORMULA_SLIPS[row[0]].program)
    made = [(id, expr) for id, rewrite in rows for expr in rewrite(case)]
    long = [size for size in shape if size != 1]
    return [
        one
        for one in (*made, *changes(case), *of_other_sizes(case))
        if (found := case.shape(one[1])) is not None and [n for n in found if n != 1] == long
    ]


class Detector:
    """Finds the slips on one sheet that is judged."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self.numbers = Numbers(judge)
        self.as_typed = Values(self.numbers)
        self.repaired = Values(Numbers(judge, repaired=True))
        self._is_repaired: Folded[bool] = Folded(self._differs, lambda _, args: any(args))
        self._worked: tuple[Wrong | None, list[_Worked]] = (None, [])

    def explain(
        self, wrong: Wrong, candidates: Candidates
    ) -> tuple[tuple[str, ...], Origin | None]:
        """The slips in a quantity itself, else those in a step behind it that is not written.

        What can only be a known mistake goes before what any part may undergo, wherever it is.
        """
        if is_short(self.judge, wrong):
            return (), None
        typing = by_value(self.judge, wrong)
        reached: Reached = {}
        found = self._known(wrong) or (self._copies(wrong) if "copied" in typing else [])
        if not found and set(self._typed(wrong, typing)) <= {"copied"}:
            made = origin(self.judge, wrong, self.numbers, candidates, reached, general=False)
            if made is not None:
                return made.slips, made
        found = found or self._of_parts(wrong)
        found += [id for id in typing if id not in found]
        if found:
            return most_telling(found), None
        if (misread := one_number_wrong(self.judge, wrong, self.numbers)) is not None:
            return (misread,), None
        made = origin(self.judge, wrong, self.numbers, candidates, reached, general=True)
        return (() if made is None else made.slips), made

    def _typed(self, wrong: Wrong, typing: Sequence[str]) -> Sequence[str]:
        """Those that need no rounding on the way: with room for it moved digits fit by chance."""
        return by_value(self.judge, wrong, rounded=False) if typing else typing

    def chances(self, wrong: Wrong) -> Mapping[str, float]:
        """For each mistake that comes near, how often by chance it gives it; inf: it does not."""
        if is_short(self.judge, wrong):
            return {}
        found = {"digit-misread": own_digit(self.judge, wrong)}
        pool = self._pool(wrong, general=True, factors=FORMULA_SLIPS)
        near = [one for one in pool if one.is_near]
        for id in dict.fromkeys(one.candidate[0] for one in near):
            own = [one for one in near if one.candidate[0] == id]
            fits = any(explains(wrong, point(one.value)) for one in own)
            luck = neighbours(wrong, [one.value for one in own]) * wrong.luck
            found[id] = luck if fits else np.inf
        return found

    def again(self, wrong: Wrong, made: Collection[str], usual: Collection[str]) -> tuple[str, ...]:
        """The slips that explain it of those made elsewhere on the sheet: it takes less proof.

        What several others prove may be a factor on few digits, too.
        """
        pool = self._pool(wrong, general=True, factors=usual)
        some = [one for one in pool if one.candidate[0] in made]
        found = (
            []
            if is_short(self.judge, wrong)
            else self._met(wrong, some, some, _MOST_BY_CHANCE, meant=False)
        )
        if not found and "digit-misread" in made:
            often = "digit-misread" in usual
            found = ["digit-misread"] if misread_again(self.judge, wrong, often=often) else []
        return most_telling(said_best(found))

    def _copies(self, wrong: Wrong) -> list[str]:
        """The mistakes that take over just what it is copied from: the old weight, z for h."""
        taken = {Sym(name) for name in copied_from(self.judge, wrong.name)}
        return [id for id, expr in wrong.candidates if expr in taken and id not in GENERAL]

    def _known(self, wrong: Wrong) -> list[str]:
        """The known mistakes that give it.

        Where only rounding makes one fit, what any part may undergo goes before if that fits the
        numbers as they are typed, and hardly by chance.
        """
        pool = self._pool(wrong, general=False)
        exactly = self._met(wrong, pool, pool, _MOST_BY_CHANCE, meant=False)
        found = exactly or self._met(wrong, pool, pool, _MOST_BY_CHANCE, meant=True)
        if found and not exactly:
            every = self._pool(wrong, general=True)
            parts = [one for one in every if one.candidate[0] in GENERAL]
            found = self._met(wrong, parts, every, _DECISIVE, meant=False) or found
        if exactly:
            found = [*found, *(id for id in self._little(wrong, pool) if id not in found)]
        if exactly and set(found) <= set(CHANGE_LITTLE):
            found += [id for id in self._lost(wrong) if id not in found]
        return said_best(found)

    def _lost(self, wrong: Wrong) -> list[str]:
        """The parts whose loss comes to a mere factor: 4 times δ is δ without a 1/4."""
        every = self._pool(wrong, general=True)
        lost = [one for one in every if one.candidate[0] in _LOST]
        return self._met(wrong, lost, every, _MOST_BY_CHANCE_OF_PARTS, meant=False)

    def _little(self, wrong: Wrong, pool: Sequence[_Worked]) -> list[str]:
        """What changes little and gives the same numbers, but for what rounding made of them.

        Three times a rounded ∂L/∂Z is ŷ − y only where none of it was rounded.
        """
        some = [one.candidate for one in pool if one.candidate[0] in CHANGE_LITTLE]
        exact = Values(self.judge.key.truth)
        luck = _MOST_BY_CHANCE / max(len(some), 1)
        return _giving(wrong, luck, lambda expr: point(exact.of(expr)), some)

    def _of_parts(self, wrong: Wrong) -> list[str]:
        """What any part may undergo that gives it: all together, or each where it leaves no chance.

        A formula has few ways to lose a square, or the sign of a term; one of them is named where
        these few would hardly give it, whatever else could have been done.
        """
        pool = self._pool(wrong, general=True)
        parts = [one for one in pool if one.candidate[0] in GENERAL]
        found = self._met(wrong, parts, pool, _MOST_BY_CHANCE_OF_PARTS, meant=False)
        found = found or self._met(wrong, parts, pool, _MOST_BY_CHANCE_IF_MEANT, meant=True)
        for id in () if found else dict.fromkeys(one.candidate[0] for one in parts):
            own = [one for one in parts if one.candidate[0] == id]
            found += self._met(wrong, own, own, _MOST_BY_CHANCE_OF_PARTS, meant=False)
        for id in () if found else _LIKELY:
            own = [one for one in pool if one.candidate[0] == id]
            found += self._met(wrong, own, own, _MOST_BY_CHANCE, meant=False)
        return said_best(found)

    def _met(
        self,
        wrong: Wrong,
        some: Sequence[_Worked],
        pool: Sequence[_Worked],
        most: float,
        *,
        meant: bool,
    ) -> list[str]:
        """Which of some formulas give it, where so many as are in the pool leave that no chance.

        On the numbers as they were typed, or on all that these may stand for (`meant`).
        """
        tried = [one for one in some if one.is_near]
        if not tried or not (meant or any(one.gives for one in tried)):
            return []
        count = neighbours(wrong, [one.value for one in pool])
        if count * wrong.luck > most:
            return []
        giving = partial(_giving, wrong, most / max(count, 1))
        if meant:
            return as_meant(self.judge, wrong, [one.candidate for one in tried], giving)
        return _as_typed(self.judge, wrong, tried, giving)

    def _pool(self, wrong: Wrong, *, general: bool, factors: Collection[str] = ()) -> list[_Worked]:
        """The wrong formulas that may be named, worked out; of `factors` few digits do."""
        if self._worked[0] is not wrong:
            self._worked = wrong, list(self._work(wrong))
        proved = has_digits(self.judge, wrong)
        return [
            one
            for one, id in ((one, one.candidate[0]) for one in self._worked[1])
            if (general or id not in GENERAL)
            and (proved or not FORMULA_SLIPS[id].factor or id in factors)
        ]

    def _work(self, wrong: Wrong) -> Iterator[_Worked]:
        both, same = self._given(wrong)
        near = np.logical_or(*are_near(wrong, both).T)
        typed = both[:, 0]
        each = zip(wrong.candidates, typed, near, near & gives(wrong, typed), same, strict=True)
        for one, value, is_near, is_given, is_same in each:
            if not is_same:
                yield _Worked(one, value, bool(is_near), bool(is_given))

    def _given(self, wrong: Wrong) -> tuple[Array, Sequence[bool]]:
        """What each wrong formula gives in both ways, and whether the right one gives just that.

        Of a first mistake that is the same for all who have the same right numbers before it.
        """
        candidates, first = wrong.candidates, self.judge.key.first(wrong.name)
        names = _NAMES.of(id(candidates), candidates, lambda: names_in(e for _, e in candidates))
        typed, repaired = self.as_typed.numbers, self.repaired.numbers
        numbers = [(typed[one], repaired[one]) for one in names]
        if sum(one.size for one, _ in numbers) > _MOST_NUMBERS:
            return self._worked_out(wrong, first)
        key = id(candidates), id(first), *map(exactly, numbers)
        work = partial(self._worked_out, wrong, first, often=True)
        return _GIVEN.of(key, (candidates, first), work)

    def _worked_out(
        self, wrong: Wrong, first: Expr | None, *, often: bool = False
    ) -> tuple[Array, Sequence[bool]]:
        many = _again(wrong.candidates) if often else None
        if many is None:
            values = np.array([self._values(expr) for _, expr in wrong.candidates])
        else:
            values = self._values_of(many)
        both = values.reshape(len(wrong.candidates), 2, *wrong.written.value.shape)
        if first is None:
            return both, [False] * len(both)
        right = np.array(self._values(first))  # a term of 0 left out is no mistake
        equal = np.isclose(both, right, rtol=1e-12, atol=0)
        return both, [every(one) for one in equal]

    def _differs(self, leaf: Sym | Num) -> bool:
        """Whether a number is another where what is wrong is repaired."""
        typed, repaired = self.as_typed.numbers, self.repaired.numbers
        return isinstance(leaf, Sym) and typed[leaf.name] is not repaired[leaf.name]

    def _values_of(self, many: ManyAtOnce) -> Array:
        """The same of many formulas."""
        typed, repaired = self.as_typed, self.repaired
        with np.errstate(all="ignore"):
            found = many.values(typed.numbers, typed.applied)
            if all(typed.numbers[one] is repaired.numbers[one] for one in many.names):
                return np.stack([found, found], 1)
            return np.stack([found, many.values(repaired.numbers, repaired.applied)], 1)

    def _values(self, expr: Expr) -> tuple[Array, Array]:
        """What a formula gives on the numbers as typed, and with wrong ones repaired."""
        value = self.as_typed.of(expr)
        return value, self.repaired.of(expr) if self._is_repaired.of(expr) else value


_MOST_NUMBERS: Final = 1_000
"""Nobody writes more by hand on the way to a quantity, and no two have the same."""
_NAMES: Final = Remembered[tuple[str, ...]](20_000, lambda found: 1 + len(found))
_GIVEN: Final = Remembered[tuple[Array, Sequence[bool]]](
    1_000_000, lambda found: _MOST_NUMBERS + found[0].size
)


class _Tried(Struct):
    """The wrong formulas of a quantity, and how often other numbers were put in."""

    formulas: Sequence[Expr]
    times: int = 0
    many: ManyAtOnce | None = None


_TRIED: Final = Remembered[_Tried](100_000, lambda found: len(found.formulas))


def _again(candidates: Sequence[Candidate]) -> ManyAtOnce | None:
    """Wrong formulas as a program, from the second time on: it pays only where there is one."""
    found = _TRIED.of(id(candidates), candidates, lambda: _Tried([expr for _, expr in candidates]))
    found.times += 1
    if found.times > 1 and found.formulas and found.many is None:
        found.many = ManyAtOnce(found.formulas)
    return found.many


class _Worked(Struct, frozen=True):
    """A wrong formula, what it gives on the numbers as typed, and whether that is all of it.

    It comes near with these numbers, or with wrong ones repaired.
    """

    candidate: Candidate
    value: Array
    is_near: bool
    gives: bool


def _giving(wrong: Wrong, luck: float, reading: Reading, some: Sequence[Candidate]) -> list[str]:
    """The formulas that give what was typed in one reading, and hardly by chance."""
    found: dict[str, None] = {}
    for id, expr in some:
        interval = reading(expr)
        if explains(wrong, interval) and by_luck(wrong, interval) <= luck:
            found[id] = None
    return list(found)


def _as_typed(judge: Judge, wrong: Wrong, among: Sequence[_Worked], giving: Gives) -> list[str]:
    """The formulas that give it on the numbers as they were typed."""
    found = giving(judge.on_typed_values, [one.candidate for one in among if one.gives])
    if not found or not set(found) <= set(LEFT_AS_IT_WAS):
        return found
    smaller = [one.candidate for one in among if one.candidate[0] in _ROUNDED_AWAY]
    units = judge.in_use(wrong.name)[:1]
    also = (id for one in as_persons(judge, units) for id in giving(one, smaller))
    return list(dict.fromkeys([*found, *also]))

"""Wrong formulas to those that give a wrong quantity on what somebody's numbers stand for."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from functools import partial
from typing import Final

import numpy as np
from msgspec import Struct

from backprop_cli.algebra.expr import Expr, op
from backprop_cli.grading.judging.few_digits import in_other_digits, other_kind
from backprop_cli.grading.judging.judge import Judge
from backprop_cli.grading.sheets.typed_arrays import Mask, meets
from backprop_cli.grading.slips.terms_in_place import Placed, placed, reaches, right_sum
from backprop_cli.grading.slips.wrong_quantity import Candidate, Wrong
from backprop_cli.operations.bounds import Interval
from backprop_cli.readings.remembered import Remembered
from backprop_cli.readings.units import Unit, persons

Reading = Callable[[Expr], Interval]
Gives = Callable[[Reading, Sequence[Candidate]], list[str]]

_PLACED: Final = Remembered[Placed | None](
    5_000_000, lambda found: 1 if found is None else found.size
)


def as_meant(judge: Judge, wrong: Wrong, among: Sequence[Candidate], giving: Gives) -> list[str]:
    """The formulas that give it on what was typed stands for, rounded on the way or not."""
    ways = (False, True) if judge.any_wrong_behind(wrong.name) else (False,)
    used = judge.in_use(wrong.name)
    units = [*used, *filter(None, map(other_kind, used[1:]))]
    widest = [Widest(judge, way, unit) for unit in units for way in ways]
    among = _that_may_give(judge, wrong, among, widest)
    narrow = [partial(judge.enclosed, repaired=way, unit=None) for way in ways]
    readings: list[Reading] = [*narrow, *widest, *as_persons(judge, used)]
    found = (giving(reading, among) for reading in readings)
    return next(filter(None, found), [])


class Widest(Struct, frozen=True):
    """What formulas give at most, if each step was rounded in any way to some unit."""

    judge: Judge
    repaired: bool
    unit: Unit

    def __call__(self, expr: Expr) -> Interval:
        return self.judge.enclosed(expr, self.repaired, self.unit)

    def at_once(self, terms: Sequence[Expr]) -> Interval:
        """The same of several that are parts of formulas, whose work is counted with these."""
        return self.judge.enclosed(op("stack", *terms), self.repaired, self.unit, counted=False)

    def leave(self, expr: Expr, parts: int) -> None:
        """Counts what it would have taken to see that a formula of so many parts does not fit."""
        self.judge.leave(expr, parts, self.repaired, self.unit)


def as_persons(judge: Judge, units: Sequence[Unit]) -> list[Reading]:
    """Those who round to one of these in one definite way; to fewer digits than asked in many."""
    ways = [way for unit in units for way in persons(unit)]
    ways += [way for unit in units[1:] for way in in_other_digits(unit)]
    return [partial(judge.as_person, way=way) for way in ways]


def _that_may_give(
    judge: Judge, wrong: Wrong, among: Sequence[Candidate], widest: Sequence[Widest]
) -> Sequence[Candidate]:
    """Those formulas in whose widest interval the numbers lie, in any of these readings."""
    terms = _terms(judge, wrong) if among else None
    if terms is None or all(() in terms.changed[id(expr)] for _, expr in among):
        return [one for one in among if any(_may_give(wrong, each(one[1])) for each in widest)]
    offs = [_off(wrong, _right(terms, each, wrong.truth.shape)) for each in widest]
    among = _changing_enough(terms, among, offs)
    left, kept = among, set[int]()
    for each, off in zip(widest, offs, strict=True):
        out = _elsewhere(wrong, terms, left, each, off)
        for _, expr in left:
            if id(expr) in out:
                each.leave(expr, terms.parts[id(expr)])
            elif _may_give(wrong, each(expr)):
                kept.add(id(expr))
        left = [one for one in left if id(one[1]) not in kept]
    return [one for one in among if id(one[1]) in kept]


def _terms(judge: Judge, wrong: Wrong) -> Placed | None:
    """The terms of the right formula and of the wrong ones; None where these are no entries."""
    first, every_one = judge.key.first(wrong.name), wrong.candidates
    if first is None:
        return None
    key, axes = (id(every_one), id(first)), wrong.truth.ndim
    return _PLACED.of(
        key, (every_one, first), lambda: placed(first, [expr for _, expr in every_one], axes)
    )


def _right(terms: Placed, widest: Widest, shape: tuple[int, ...]) -> Interval:
    return right_sum(terms, widest(terms.terms), widest.unit, shape)


def _changing_enough(
    terms: Placed, among: Sequence[Candidate], offs: Sequence[Mask]
) -> Sequence[Candidate]:
    """Those formulas that change every entry that the right terms give in none of some readings.

    Any of them may give the others, as far as nobody has worked it out.
    """
    tried = {terms.changed[id(expr)] for _, expr in among}
    enough = {places for places in tried if any(reaches(places, off) for off in offs)}
    return [one for one in among if terms.changed[id(one[1])] in enough]


def _elsewhere(
    wrong: Wrong, terms: Placed, among: Sequence[Candidate], widest: Widest, off: Mask
) -> Set[int]:
    """Those formulas of which the right terms, or their own, lie elsewhere in a reading."""
    tried = {terms.changed[id(expr)] for _, expr in among}
    short = {places for places in tried if not reaches(places, off)}
    out = {id(expr) for _, expr in among if terms.changed[id(expr)] in short}
    own = terms.own.of(expr for _, expr in among if id(expr) not in out)
    if not own.leaves:
        return out
    low, high = own.sums(widest.at_once(own.leaves), widest.unit)
    here = own.places
    stands = wrong.stands[0][here], wrong.stands[1][here]
    fits = meets(stands, (low, high), wrong.room[here]) | ~wrong.written.present[here]
    return out | own.with_an_entry(~fits & np.isfinite(low) & np.isfinite(high))


def _may_give(wrong: Wrong, widest: Interval) -> bool:
    """Whether the numbers lie in the widest interval of a formula, which holds all others."""
    return not _off(wrong, widest).any()


def _off(wrong: Wrong, widest: Interval) -> Mask:
    """Which of the numbers lie outside an interval."""
    unknown = ~(np.isfinite(widest[0]) & np.isfinite(widest[1]))
    fits = meets(wrong.stands, widest, wrong.room) | unknown | ~wrong.written.present
    return np.asarray(~fits)

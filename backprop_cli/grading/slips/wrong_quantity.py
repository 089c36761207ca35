"""A wrong quantity as the slips see it, and how much agreeing with it proves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct

from backprop_cli.algebra.expr import Expr
from backprop_cli.grading.judging.few_digits import TELLING, are_few
from backprop_cli.grading.judging.few_digits import has_digits as says_enough
from backprop_cli.grading.judging.honest_intervals import significant
from backprop_cli.grading.judging.judge import Judge
from backprop_cli.grading.sheets.cells import Figure, digits, padded
from backprop_cli.grading.sheets.typed_arrays import (
    Array,
    Mask,
    Written,
    finer,
    meets,
    standing_for,
)
from backprop_cli.operations.bounds import Interval, point

Candidate = tuple[str, Expr]

LEAST_DIGITS = 3
"""Some factor explains any single figure: it takes so many digits that agree to prove one."""


class Wrong(Struct, frozen=True):
    """A quantity to explain: as typed, where it is wrong, and its candidates."""

    name: str
    written: Written
    mask: Mask
    texts: Mapping[tuple[int, ...], str]
    candidates: Sequence[Candidate]
    sample_axis: int | None

    def figure(self, place: tuple[int, ...]) -> Figure:
        """One entry as typed."""
        value, unit = self.written.value[place], self.written.unit[place]
        return Figure(float(value), float(unit), self.texts.get(place, ""))


def typed(judge: Judge, wrong: Wrong) -> Interval:
    """What the quantity stands for, at the finer of the digits typed and asked."""
    return standing_for(wrong.written.value, unit_typed(judge, wrong))


def unit_typed(judge: Judge, wrong: Wrong) -> Array:
    """The finer of the units typed and asked, if any are asked.

    Significant digits are those of the number typed: how large it should be tells nothing of how
    exact a slip made it. Where none are asked, those typed are taken, if they say anything: 0 and
    1 have every slip's value somewhere about them. Where the sheet shows fewer digits than asked to
    be in use, two of them say enough.
    """
    value, unit = wrong.written.value, wrong.written.unit
    if judge.key.assumed and says_enough(wrong.written):
        return unit
    known = np.where(value == 0, judge.key.truth[wrong.name], value)
    fine = finer(value, unit, known, judge.key.unit)
    if not _has_few(judge):
        return fine
    return np.where(significant(value, unit) >= TELLING, unit, fine)


def is_short(judge: Judge, wrong: Wrong) -> bool:
    """Whether all of it is right at the fewer digits that the sheet shows to be in use.

    Too few digits prove nothing, a mistake no more than that all is right.
    """
    if not _has_few(judge):
        return False
    value, truth = wrong.written.value, judge.key.truth[wrong.name]
    in_use = np.max([shown.at(truth) for shown in judge.shown], axis=0)
    unit = np.minimum(wrong.written.unit, in_use)
    first = judge.key.first(wrong.name)
    right = [point(truth), *([] if first is None else [judge.on_typed_values(first)])]
    stands = standing_for(value, unit)
    fits = np.any([meets(stands, one) for one in right], axis=0)
    fits &= unit > judge.key.unit.at(truth) * (1 + 1e-9)
    old = before(judge, wrong.name)
    kept = old is not None and np.array_equal(value[wrong.mask], old[wrong.mask])
    return bool(fits[wrong.mask].all()) and not kept  # what is left as it was has its digits


def _has_few(judge: Judge) -> bool:
    """Whether fewer digits than asked are in use on the sheet."""
    return bool(judge.shown) and are_few(judge.written.values(), judge.key.unit)


def explains(judge: Judge, wrong: Wrong, typed: Interval, interval: Interval) -> bool:
    """Whether a formula gives all of it, and says enough of what is wrong to prove anything."""
    if not (meets(typed, interval) | ~wrong.written.present).all():
        return False
    narrow = tight(interval, typed, before(judge, wrong.name))
    return bool(2 * np.sum(narrow & wrong.mask) >= np.sum(wrong.mask))


def before(judge: Judge, name: str) -> Array | None:
    """The old value of a new parameter, which is known by its change."""
    old = judge.key.parameters.get(name)
    return None if old is None else judge.key.truth[old]


def tight(interval: Interval, typed: Interval, old: Array | None = None) -> Mask:
    """Where an interval is narrow enough to prove anything by holding a number."""
    width = interval[1] - interval[0]
    size = np.maximum(*(np.abs(bound if old is None else bound - old) for bound in interval))
    room = 0.05 * size + (8 * (typed[1] - typed[0]) if old is None else 0.0)
    return np.isfinite(width) & (width <= room)


def has_digits(judge: Judge, wrong: Wrong) -> bool:
    """Whether a single figure has digits enough to prove a factor; several always have."""
    telling = wrong.written.present & (wrong.written.value != 0)
    if telling.sum() > 1:
        return True
    places = map(tuple, np.argwhere(telling).tolist())
    texts = (as_meant(judge, wrong.texts.get(place, "")) for place in places)
    return all(digits(text) >= LEAST_DIGITS for text in texts)


def as_meant(judge: Judge, text: str) -> str:
    """A number with the zeros that may have been left out, if so many digits are asked for."""
    return text if judge.key.assumed else padded(text, judge.key.unit)

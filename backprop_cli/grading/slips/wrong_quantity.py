"""A wrong quantity as slips are looked for in it, and how likely a name would be by chance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from math import inf, prod

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from backprop_cli.algebra.expr import Expr
from backprop_cli.grading.judging.few_digits import TELLING
from backprop_cli.grading.judging.few_digits import has_digits as says_enough
from backprop_cli.grading.judging.judge import Judge
from backprop_cli.grading.sheets.cells import Figure, digits, padded
from backprop_cli.grading.sheets.typed_arrays import (
    Array,
    Mask,
    Written,
    finer,
    meets,
    room_beside,
    standing_for,
)
from backprop_cli.operations.bounds import Interval, point
from backprop_cli.operations.masks import every, most

Candidate = tuple[str, Expr]

LEAST_DIGITS = 3
"""Some factor explains any single figure: it takes so many digits that agree to prove one."""

NEXT_TO_IT = 3
"""So many times as wide as what a number stands for is what counts as next to it, too."""


class Wrong(Struct, frozen=True, dict=True):
    """A quantity to explain: as typed, where it is wrong, what is true, and its candidates.

    `unit` is that of the digits at which it is taken, `old` the parameter that it was before, if it
    is a new one: that is known by its change. What is asked again and again is worked out once.
    """

    name: str
    written: Written
    mask: Mask
    texts: Mapping[tuple[int, ...], str]
    candidates: Sequence[Candidate]
    sample_axis: int | None
    truth: Array
    unit: Array
    old: Array | None

    @classmethod
    def of(
        cls,
        judge: Judge,
        name: str,
        texts: Mapping[tuple[int, ...], str],
        candidates: Sequence[Candidate],
        sample_axis: int | None,
    ) -> Wrong:
        """A quantity that is judged, and how it stands on the sheet."""
        key, verdicts = judge.key, judge.judged[name].verdicts
        mask = (verdicts == "wrong") | (verdicts == "not-judged")
        return cls(
            name,
            judge.written[name],
            mask,
            texts,
            candidates,
            sample_axis,
            key.truth[name],
            unit_typed(judge, name),
            judge.standing.before(name),
        )

    def figure(self, place: tuple[int, ...]) -> Figure:
        """One entry as typed."""
        value, unit = self.written.value[place], self.written.unit[place]
        return Figure(float(value), float(unit), self.texts.get(place, ""))

    @cached_property
    def stands(self) -> Interval:
        """What the quantity stands for, at the finer of the digits typed and asked."""
        return self.written.stands(self.unit)

    @property
    def alone(self) -> bool:
        """Whether it is one figure, with no others of the quantity beside it that say anything."""
        return bool(self.written.present.sum() == 1)

    @cached_property
    def room(self) -> Array:
        """How small a difference still counts beside that."""
        return room_beside(self.stands)

    @cached_property
    def next_to(self) -> Interval:
        """That, and what is next to it."""
        low, high = self.stands
        width = (NEXT_TO_IT - 1) / 2 * (high - low)
        return low - width, high + width

    @cached_property
    def luck(self) -> float:
        """How often a wrong number of about this size is the one typed."""
        return by_luck(self)

    @cached_property
    def places(self) -> NDArray[np.intp]:
        """Where it is wrong, among its entries one after the other."""
        return np.flatnonzero(self.mask)

    def change(self, values: Array) -> Array:
        """The wrong entries of some values alone; of a parameter, by how much they changed."""
        entries = values.ravel()[self.places]
        return entries if self.old is None else entries - self.old.ravel()[self.places]

    @cached_property
    def around(self) -> tuple[Array, Array, Array]:
        """The wrong entries, how far around each others count as near it, the unit it is typed at.

        A 0 beside figures that show work is not near to what is not 0: it was left out, or lost.
        """
        value = self.change(self.written.value)
        size = np.maximum(np.abs(value), np.abs(self.change(self.truth)))
        unit = self.unit.ravel()[self.places]
        around = np.maximum(np.maximum(size, 0.1 * most(size)), unit)
        left_out = self.zero & self.written.value.any()
        return value, np.where(left_out, unit, around), unit

    @property
    def moved(self) -> tuple[float, ...]:
        """The wrong entries, however they stand: what has the same proves no more than one."""
        return tuple(sorted(np.abs(self.change(self.written.value)).tolist()))

    @cached_property
    def zero(self) -> Mask:
        """Where 0 is typed that may stand for anything left out: not for a parameter left at 0."""
        zero = self.written.value == 0
        zero = zero if self.old is None else zero & (self.old != 0)
        return np.asarray(zero.ravel()[self.places])


def unit_typed(judge: Judge, name: str) -> Array:
    """The finer of the units typed and asked, if any are asked.

    Significant digits are those of the number typed: how large it should be tells nothing of how
    exact a slip made it. Where none are asked, those typed are taken, if they say anything: 0 and
    1 have every slip's value somewhere about them. Where the sheet shows fewer digits than asked to
    be in use, two of them say enough.
    """
    written, truth = judge.written[name], judge.key.truth[name]
    value, unit = written.value, written.unit
    if judge.key.assumed and says_enough(written):
        return unit
    known = np.where(value == 0, truth, value)
    fine = finer(value, unit, known, judge.key.unit)
    if not judge.digits.are_few:
        return fine
    dropped = np.maximum(fine, np.minimum(unit, _in_use(judge, known)))  # 1 beside 1.6 is 1.0
    return np.where(written.digits >= TELLING, unit, np.where(value == 0, fine, dropped))


def _in_use(judge: Judge, value: Array) -> Array:
    """The unit of numbers of this size at the fewer digits that the sheet shows to be in use."""
    return np.asarray(np.max([shown.at(value) for shown in judge.digits.shown], axis=0))


def is_short(judge: Judge, wrong: Wrong) -> bool:
    """Whether all of it is right at its digits, which are fewer than asked.

    Too few digits prove nothing, a mistake no more than that all is right. On a sheet that has more
    elsewhere 0 shows none of them, and a number that seems to stand still shows some only beside
    others of a parameter that moved and have no more significant digits: 1.2 beside 0.69.
    """
    written, truth, unit = wrong.written, wrong.truth, wrong.written.unit
    moved = written.present & (True if wrong.old is None else written.value != wrong.old)
    if not np.any(moved):
        return False  # what is left as it was has its digits
    if judge.digits.are_few:
        unit = np.minimum(unit, _in_use(judge, truth))
    elif np.any(wrong.mask & (written.value == 0)) or (
        np.any(still := wrong.mask & ~moved)
        and written.digits[still].min() < written.digits[moved].max()
    ):
        return False
    first = judge.key.first(wrong.name)
    right = [point(truth), *([] if first is None else [judge.on_typed_values(first)])]
    stands = standing_for(written.value, unit)
    fits = np.any([meets(stands, one) for one in right], axis=0)
    fits &= unit > judge.key.unit.at(truth) * (1 + 1e-9)
    return every(fits[wrong.mask])


def gives(wrong: Wrong, values: Array) -> Mask:
    """Which formulas give all of it, or next to it.

    The last axes of their `values` are those of the quantity.
    """
    fits = meets(wrong.next_to, point(values)) | ~wrong.written.present
    return np.asarray(fits.all(axis=_axes(wrong)))


def _axes(wrong: Wrong) -> tuple[int, ...]:
    return tuple(range(-wrong.mask.ndim, 0))


def explains(wrong: Wrong, interval: Interval) -> bool:
    """Whether a formula gives all of it, and says enough of what is wrong to prove anything.

    Of most entries it says so much, or of a parameter it moves most and leaves all to no chance.
    """
    endless = np.isinf(interval[0]) | np.isinf(interval[1])  # says nothing, for it or against it
    if not every(meets(wrong.stands, interval, wrong.room) | endless | ~wrong.written.present):
        return False
    narrow = tight(interval, wrong.stands, wrong.old)
    if 2 * np.sum(narrow & wrong.mask) >= np.sum(wrong.mask):
        return True
    if wrong.old is None:
        return False
    moved = wrong.mask & ((interval[0] > wrong.old) | (interval[1] < wrong.old))
    return bool(2 * np.sum(moved) >= np.sum(wrong.mask)) and by_luck(wrong, interval) <= _PROVED


_PROVED = 0.001
"""Changes of a few units say little each; all of a parameter's are hardly met so by chance."""


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
    found = [digits(as_meant(judge, wrong.texts.get(place, ""))) for place in places]
    least = LEAST_DIGITS - 1 if wrong.luck <= _HARDLY else LEAST_DIGITS
    return all(count >= least for count in found)


_HARDLY = 0.01
"""A digit less is enough where hardly any number of about the size is the one typed."""


def as_meant(judge: Judge, text: str) -> str:
    """A number with the zeros that may have been left out, if so many digits are asked for."""
    return text if judge.key.assumed else padded(text, judge.key.unit)


_ROUNDING = 20  # typed units that rounding on the way may amount to, beside a share of the value
_SHARE = 0.25
_ZERO = 0.4  # how often a wrong entry is 0 for one reason or another


def are_near(wrong: Wrong, values: Array) -> Mask:
    """Which formulas come so near to most of what is wrong that one may be it.

    The last axes of their `values` are those of the quantity.
    """
    low, high = wrong.stands
    size = np.maximum(np.abs(values), np.maximum(np.abs(low), np.abs(high)))
    room = _ROUNDING * (high - low) + _SHARE * size
    off = np.maximum(low - values, values - high)
    near = ((off <= room) | ~np.isfinite(values)) & wrong.mask
    return np.asarray(2 * np.sum(near, axis=_axes(wrong)) >= np.sum(wrong.mask))


def neighbours(wrong: Wrong, values: Sequence[Array]) -> int:
    """How many different ones of these values are of about the size of a wrong one.

    As many as that a wrong number of about its size would meet by chance, times its `luck`.
    """
    value, around, unit = wrong.around
    stacked = np.array([wrong.change(one) for one in values]).reshape(-1, len(value))
    inside = stacked[(np.abs(stacked - value) <= around).all(axis=1)]
    cells = np.round(inside / np.maximum(unit, 1e-9 * around + 1e-300))
    return len(set(map(tuple, cells.tolist())))


def by_luck(wrong: Wrong, interval: Interval | None = None) -> float:
    """How often a wrong number of about this size lies in an interval (None: in one unit).

    Each wrong entry has to be met at once, so that several leave little to chance; one figure of
    three digits is met by about one in a hundred of all numbers near it. A 0 is no rare number.
    """
    _, around, unit = wrong.around
    width = 0.0 if interval is None else (interval[1] - interval[0]).ravel()[wrong.places]
    hit = np.minimum(1.0, (unit + width) / (2 * around + 1e-300))
    return float(np.prod(np.where(wrong.zero, np.maximum(hit, _ZERO), hit)))


_MOST_TOGETHER = 0.05
"""How many mistakes may by chance explain several quantities where one is named for all of them."""


def together(each: Iterable[Mapping[str, float]]) -> frozenset[str]:
    """The mistakes that explain several quantities of which each alone would prove too little.

    Of each it is known how often a mistake that comes near gives it by chance (inf: it does not).
    Each may be by chance; that all of them are is none, though any mistake might have been it that
    comes near to several.
    """
    several = [chances for chances in each if chances]
    near = Counter(id for chances in several for id in chances)
    tried = sum(times > 1 for times in near.values())
    return frozenset(
        id
        for id, times in near.items()
        if times > 1 and tried * prod(one.get(id, inf) for one in several) <= _MOST_TOGETHER
    )


# Which are named ----------------------------------------------------------------------------------

_MOST_NAMED = 3
_LEAST_TELLING = ("decimal-slip", "digits-swapped", "sign-lost", "factor-two", "copied")
CHANGE_LITTLE = ("mean-sum-confused", "factor-two", "sign-flipped")
"""What changes least is named first: a lost 1/M before a misused ŷ − y."""
LEFT_AS_IT_WAS = ("weights-not-updated", "bias-not-updated")
"""What is seen in the numbers themselves, before a change that rounding may hide."""


def most_telling(found: list[str]) -> tuple[str, ...]:
    """At most three names: beside causes that say where it went wrong, mere factors say little."""
    first = [id for id in (*LEFT_AS_IT_WAS, *CHANGE_LITTLE) if id in found]
    found = first + [id for id in found if id not in first]
    for id in _LEAST_TELLING:
        if len(found) > _MOST_NAMED:
            found = [other for other in found if other != id]
    return tuple(found[:_MOST_NAMED])

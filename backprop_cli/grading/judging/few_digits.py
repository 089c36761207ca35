"""Numbers with fewer digits than asked -> what they stand for, and where that proves anything.

Too few digits prove nothing: it takes two significant ones, or one where the digits asked leave no
more. A number with one digit, or none, is taken beside others of its quantity that have two, since
they show which digits are in use there. So do numbers of two digits elsewhere on the sheet: where
somebody has written 1.6, 1 is a 1.0 whose zero was dropped.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.grading.judging.answer_key import Judged, Key, Words
from backprop_cli.grading.sheets.typed_arrays import (
    Array,
    Mask,
    Written,
    meets,
    same,
    significant,
    standing_for,
    unit_asked,
)
from backprop_cli.operations.bounds import Interval, point
from backprop_cli.operations.masks import some
from backprop_cli.readings.units import Floating, Rounding, Unit, persons, short

TELLING = 2
"""Significant digits that prove something: with one, a number stands for up to twice its size."""


_ACCEPTED = ("correct", "carried", "imprecise")
_MOST_DIGITS = 12
"""Nobody has more digits than a calculator; a program that prints more has these, too."""

FEWEST_SIGNIFICANT = 3
"""So many significant digits somebody has who is asked for decimals: 1.24 with two is 1.2."""

_MOST = 1 / 2  # of the numbers of a sheet


class FewDigits(Struct, frozen=True):
    """The entries of one quantity as they were typed, where that is with fewer digits than asked.

    `unit` is that of the digits typed, `common` the finest typed in the quantity: zeros behind the
    point are dropped here and there. `asked` is the unit asked, `shown` are the digits in use on
    the sheet. `least` is how many significant digits prove anything.
    """

    value: Array
    unit: Array
    common: float
    least: Array
    few: Mask
    asked: Array
    shown: Sequence[Unit]

    @classmethod
    def of(cls, written: Written, truth: Array, key: Key, shown: Sequence[Unit] = ()) -> FewDigits:
        """The entries of a quantity at the digits typed; a program drops none."""
        asked = unit_asked(written.value, truth, key.unit)
        stated = written.present & (written.unit > 0)
        common = float(written.unit[stated].min(initial=np.inf))
        few = stated & (written.unit > asked * (1 + 1e-9)) & (not key.computed)
        least = np.clip(significant(truth, asked), 1, TELLING)
        return cls(written.value, written.unit, common, least, few, asked, shown)

    @property
    def any(self) -> bool:
        """Whether there are any."""
        return some(self.few)

    def readings(self) -> Iterator[tuple[Interval, Array]]:
        """What they stand for, and the unit: with the zeros dropped beside others, and as typed."""
        if not self.any:
            return
        common = np.where(self.few, np.minimum(self.unit, self.common), self.unit)
        if some(common < self.unit):
            yield standing_for(self.value, common), common
        for shown in self.shown:
            unit = np.where(self.few, np.minimum(self.unit, shown.at(self.value)), self.unit)
            if some(unit < self.unit * (1 - 1e-9)):
                yield standing_for(self.value, unit), unit
        yield standing_for(self.value, self.unit), self.unit

    def may_be(
        self,
        unit: Array,
        expected: Array,
        old: Array | None,
        verdicts: Words,
        least: int = TELLING,
    ) -> Mask:
        """Where numbers of this unit prove enough to count as imprecise.

        `expected` is what an entry should come to, `old` the parameter it was. One digit is enough
        (`least`) where it is worked out from numbers of one's own that have more.
        """
        base = 0.0 if old is None else old
        enough = digits_from(base, self.value, unit) >= np.minimum(self.least, least)
        beside = self._in_company(unit, base, verdicts)
        still = self.value == base
        if old is not None:  # more digits than the old one has: then it was looked at
            enough = np.where(still, self.unit < _own_unit(old) * (1 - 1e-9), enough)
            hidden = np.abs(expected - old) < self.asked  # nobody sees that it moved
            enough |= hidden & ~still & self._is_shown(unit)
        small = np.abs(expected - base) < unit
        return np.asarray(self.few & (enough | beside) & (small | ~still))

    def _is_shown(self, unit: Array) -> Mask:
        """Where other numbers of the sheet have such decimals, so that 0.04 may be a 0.0 there."""
        counts = [one.count for one in self.shown if not one.significant]
        return np.asarray(unit <= 10.0 ** -min(counts, default=np.inf) * (1 + 1e-9))

    def _in_company(self, unit: Array, base: Array | float, verdicts: Words) -> Mask:
        """Beside an entry that was accepted and has two digits of the same unit."""
        accepted = np.isin(verdicts, _ACCEPTED)
        shows = accepted & (significant(self.value, self.unit) >= TELLING) & (self.value != base)
        return np.asarray((unit <= self.common * (1 + 1e-9)) & some(shows))


def digits_from(base: Array | float, value: Array, unit: Array) -> Array:
    """How many significant digits numbers have, or how far they have come from where they started.

    A weight of 0.24 that is 0.08 now has moved by 0.16, which are two.
    """
    return np.maximum(significant(value, unit), significant(value - base, unit))


def as_rounded(
    interval: Interval, value: Array, unit: Array, base: Array | float = 0.0
) -> Interval:
    """What numbers of one digit stand for where they are rounded, and not cut off: 0.4 is no 0.48.

    One digit that is cut off stands for nearly twice its size.
    """
    one = digits_from(base, value, unit) < TELLING
    low, high = interval
    low = np.where(one, np.maximum(low, value - unit / 2), low)
    return low, np.where(one, np.minimum(high, value + unit / 2), high)


def goes_on(interval: Interval, unit: Array, expected: Array, own: Array) -> Mask:
    """Where a value has digits beyond a unit, or just what rounded numbers of one's own give has.

    What ends there can be typed as itself only: 4, but for who has e^1.39 = 4.01 of ln 4 = 1.39.
    """
    return ~short(expected, unit) | (~short(own, unit) & meets(interval, point(own)))


def _counted(written: Written, truth: Array, asked: Unit) -> Array:
    count = written.digits if asked.significant else written.decimals
    exact = same(written.value, truth) & (count < asked.count)
    return np.asarray(count[written.present & (written.digits >= TELLING) & ~exact])


def vague(written: Written, judged: Judged) -> Mask:
    """Where an input stands for all that has its digits: where these are few, or it is wrong.

    A wrong one needs two of them: with one, nearly anything follows from it.
    """
    told = significant(written.value, written.unit) >= TELLING
    return np.asarray(judged.imprecise | (~np.asarray(judged.right) & told))


def has_digits(written: Written) -> bool:
    """Whether a number of a quantity has digits enough to prove anything."""
    return some(written.digits[written.present] >= TELLING)


def telling(
    sheet: Mapping[str, Written], key: Key, judged: Mapping[str, Judged], names: Collection[str]
) -> dict[str, Written] | None:
    """The sheet without what is not wrong and has a digit at most; None where nothing has."""
    vague = {
        name: _vague(sheet[name], key.truth[name], judged[name])
        for name in names
        if name in sheet and name in judged
    }
    if not any(np.any(one) for one in vague.values()):
        return None
    kept = {
        name: replace(one, value=np.where(vague[name], np.nan, one.value)) if name in vague else one
        for name, one in sheet.items()
    }
    return {name: one for name, one in kept.items() if some(one.present)}


def _vague(written: Written, truth: Array, judged: Judged) -> Mask:
    accepted = np.isin(judged.verdicts, _ACCEPTED) & ~same(written.value, truth)
    return np.asarray(accepted & (written.unit > 0) & (written.digits < TELLING))


def _own_unit(value: Array) -> Array:
    """The unit of the last digit that a number needs: 0.01 for 0.25, 1 for 3."""
    unit = np.ones_like(value)
    for places in range(1, 10):
        unit = np.where(short(value, unit), unit, 10.0**-places)
    return unit


# Which digits somebody uses -----------------------------------------------------------------------


class Figures(Struct, frozen=True):
    """A quantity as typed beside its true value."""

    written: Written
    truth: Array

    def counted(self, asked: Unit) -> Array:
        """How many digits of the kind asked the numbers have that show any.

        Only what has two significant digits does: 1 in every box does not make a 3 a 3.0. What is
        exact with fewer than asked needs no more, and shows none.
        """
        written, truth = self.written, self.truth
        return written.once(("counted", asked), truth, lambda: _counted(written, truth, asked))

    def used(self, asked: Unit) -> tuple[Unit, ...]:
        """As many decimals, and as many significant digits, as the longest number has.

        What is exact tells nothing of the digits in use, nor do the decimals of what has just as
        many significant digits as asked.
        """
        written, truth = self.written, self.truth
        return written.once(("used", asked), truth, lambda: tuple(_used(written, truth, asked)))

    @property
    def told(self) -> tuple[Array, Array]:
        """The significant digits and the decimals of the numbers that are not exact."""
        written = self.written
        stated = written.present & (written.unit > 0) & ~same(written.value, self.truth)
        return written.digits[stated], written.decimals[stated]


class InUse(Struct, dict=True):
    """The digits that are in use on a sheet; a program drops none, and rounds nothing on the way.

    `written` are its quantities.
    """

    key: Key
    written: Mapping[str, Written]

    def around(self, names: Iterable[str]) -> tuple[list[Unit], list[Unit]]:
        """The digits to which steps that nobody wrote may have been rounded around some quantities:
        as many as asked, and fewer.

        These are those asked and those used there, in decimals and in as many significant digits
        as the longest number has. What is only assumed excuses nobody who used more.
        """
        if self.key.computed:
            return [], []
        asked = self.key.unit
        used = [unit for name in names for unit in self._figures(name).used(asked)]
        most = max((unit.count for unit in used if unit.significant), default=0)
        used = [unit for unit in used if not unit.significant or unit.count == most]
        fine = [unit for unit in used if unit.count >= asked.count]
        own = [unit for unit in fine if unit.significant == asked.significant]
        if not (self.key.assumed and any(unit.count > asked.count for unit in own)):
            fine = [asked, *fine]
        first = list(dict.fromkeys(fine))
        coarse = [unit for unit in dict.fromkeys(used) if unit not in first]
        return first, [*coarse, *([_TWO] if self.of_two else [])]

    @cached_property
    def shown(self) -> tuple[Unit, ...]:
        """Those, fewer than asked and of that kind, that numbers show to be in use."""
        asked, sheet = self.key.unit, self._sheet
        counts = {
            count for one in sheet for count in one.counted(asked).tolist() if count < asked.count
        }
        return tuple(Unit(count, asked.significant) for count in sorted(counts) if count > 0)

    @cached_property
    def are_few(self) -> bool:
        """Whether most numbers have fewer digits than asked, not only some short ones."""
        asked = self.key.unit
        digits = np.concatenate([_NONE, *(one.counted(asked) for one in self._sheet)])
        return bool(self.shown and np.sum(digits < asked.count) > _MOST * digits.size)

    @cached_property
    def of_two(self) -> bool:
        """Whether the sheet is written in two significant digits where decimals are asked.

        Nobody gets two decimals from 1.8, so that nothing is right by it.
        """
        told = [one.told for one in self._sheet]
        digits = np.concatenate([_NONE, *(digits for digits, _ in told)])
        decimals = np.concatenate([_NONE, *(decimals for _, decimals in told)])
        other = not self.key.unit.significant and bool(np.any(decimals < self.key.unit.count))
        return other and digits.max(initial=0) == TELLING

    @cached_property
    def _sheet(self) -> list[Figures]:
        return [] if self.key.computed else [*map(self._figures, self.written)]

    def _figures(self, name: str) -> Figures:
        return Figures(self.written[name], self.key.truth[name])


_TWO = Unit(TELLING, True)
_NONE = np.zeros(0, dtype=int)


def _used(written: Written, truth: Array, asked: Unit) -> Iterator[Unit]:
    value, unit = written.value, written.unit
    told = (unit > 0) & (value != 0) & ~same(value, truth)
    stated = written.present & told
    if not some(stated):
        return
    count = min(int(written.decimals[stated].max()), _MOST_DIGITS)
    longest = min(int(written.digits[stated].max()), _MOST_DIGITS)
    if count > 0 and asked != Unit(longest, True):
        yield Unit(count)
    if longest > 1 and says_enough(Unit(longest, True), asked):
        yield Unit(longest, True)


def says_enough(unit: Unit, asked: Unit) -> bool:
    """Whether somebody may work with such digits who is asked for these.

    Two significant ones of 1.81 are 1.8: nobody gets two decimals from that.
    """
    return not unit.significant or asked.significant or unit.count >= FEWEST_SIGNIFICANT


def in_other_digits(unit: Unit) -> Iterator[Rounding]:
    """Who writes decimals, and works with as many significant digits."""
    steps = other_kind(unit)
    for way in persons(unit, ("every product", "every step", "every step and sum")):
        if steps is not None:
            yield replace(way, steps=steps)


def other_kind(unit: Unit) -> Unit | None:
    """As many significant digits as decimals, where somebody may work with these."""
    few = unit.significant or isinstance(unit, Floating) or unit.count < FEWEST_SIGNIFICANT
    return None if few else Unit(unit.count, True)

"""A quantity to every interval that honest work may have led to: formulas, roundings, persons."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
from msgspec import Struct, field
from msgspec.structs import replace

from backprop_cli.algebra.expr import Expr, Op, Sym, symbols, uses, walk
from backprop_cli.grading.judging import few_digits
from backprop_cli.grading.judging.answer_key import Key, has_kink, is_jacobian
from backprop_cli.grading.judging.standing import Reading, Standing, told
from backprop_cli.grading.sheets.typed_arrays import Array, Mask, Written, same
from backprop_cli.operations.bounds import Interval, above_zero, below_zero, point
from backprop_cli.operations.table import TABLE
from backprop_cli.readings.units import WITHIN, Floating, Rounding, Unit, Within

_MOST_DIGITS = 12
"""Nobody has more digits than a calculator; a program that prints more has these, too."""


class Way(Struct, frozen=True):
    """One way to work a quantity out: what it gives, and where that says something.

    `uses` are the names in its formula, each as often as it stands there. `excuses` tells whether
    it may leave a parameter where it was, or a value 0: rounding within a formula does not excuse
    that, a small gradient of one's own does. A range (`is_range`) holds what roundings might add up
    to at worst.
    """

    interval: Interval
    where: Mask
    excuses: bool = True
    uses: tuple[str, ...] = ()
    is_range: bool = False


class Ways(Struct, dict=True):
    """The ways to work out one quantity in one reading of a sheet.

    `expected` is what it should come to, from where it starts (`base`), `value` what was typed,
    from there, and `wanted` where that is not explained yet. `again` is the sheet without its
    forward pass, for who works that out from the start once more.
    """

    standing: Standing
    name: str
    reading: Reading
    expected: Array
    value: Array
    base: Array | float
    wanted: Mask
    again: Standing | None = None
    _found: list[Way] = field(default_factory=list)
    _rest: Iterator[Way] | None = None

    def all(self) -> Iterator[Way]:
        """Each of them, the likely ones first; what was worked out once is kept."""
        yield from self._found
        if self._rest is None:
            self._rest = self._made()
        for way in self._rest:
            self._found.append(way)
            yield way

    @cached_property
    def near(self) -> Interval:
        """Where all end who round in one way, and nearly all who mix a few ways.

        That is half as much again as there is between those, and a unit, on either side. At worst
        roundings add up to far more: to the old loss where the new one is near.
        """
        low, high = self.ends
        unit, right = self.reading.unit, self.expected + self.base
        assert unit is not None
        room = (high - low) / 2 + unit.at(right)
        return low - room, high + room

    @cached_property
    def ends(self) -> Interval:
        """The least and the most that anybody gets who rounds in one definite way."""
        unit, right = self.reading.unit, self.expected + self.base
        assert unit is not None
        values = [
            standing.as_person(expr, way, self.reading)[0]
            for standing in (self.standing, *filter(None, [self.again]))
            for expr in standing.key.formulas.get(self.name, ())
            if not is_jacobian(expr)
            for way in (None, *persons(unit), *_in_other_digits(unit))
        ]
        known = [right, *(np.where(np.isfinite(value), value, right) for value in values)]
        return np.min(known, axis=0), np.max(known, axis=0)

    def from_nothing(self, where: Mask) -> Mask:
        """Where something is typed of which nobody has anything left at the unit of the reading.

        0.00001 is 0.000 to three decimals, and never 0.001, as a range around it would have it.
        """
        unit, right = self.reading.unit, self.expected + self.base
        if unit is None:
            return np.zeros(where.shape, dtype=bool)
        half = unit.at(right) / 2
        seen = where & (np.abs(self.value) >= half) & (np.abs(self.expected) < half)
        if not seen.any():
            return np.asarray(seen)
        low, high = (bound - self.base for bound in self.ends)
        return np.asarray(seen & (np.maximum(np.abs(low), np.abs(high)) < half))

    def is_wide(self, way: Way) -> bool:
        """Whether a range is far wider than what people come to.

        In significant digits where decimals are asked it is: 1.0025 with three of them is 1.00,
        and may be anything from 0.9975 to 1.0125.
        """
        unit = self.reading.unit
        other = unit is not None and unit.significant != self.standing.key.unit.significant
        return other or self._counts_twice(way)

    def _counts_twice(self, way: Way) -> bool:
        """Whether a number of the sheet stands in the formula twice, as in h(1 - h).

        A range has it at both of its ends at once, and is wider than what any rounding leads to.
        """
        names = [name for name in way.uses if name not in self.standing.key.given]
        return len(set(names)) < len(names)

    def _made(self) -> Iterator[Way]:
        for expr in self.standing.key.formulas.get(self.name, ()):
            if not is_jacobian(expr):
                used = tuple(node.name for node in walk(expr) if isinstance(node, Sym))
                for way in self._of(expr):
                    yield replace(way, uses=(*used, *way.uses))

    def _of(self, expr: Expr) -> Iterator[Way]:
        reading, standing = self.reading, self.standing
        plain = reading.unit is None
        if not plain and not self._near(self.wanted, _FAR_UNTOLD):
            return
        if reading.definite and reading.unit is not None:
            yield from self._always(expr, reading.unit)
            return
        first = self._way(standing.enclosed(expr, reading), plain)
        yield first
        untold = self.wanted & ~first.where
        if untold.any() and has_kink(expr):
            for side in (below_zero, above_zero):
                yield self._way(standing.enclosed(expr, reading, side), False)
        if self.again is not None and not reading.repaired:
            yield self._way(self.again.enclosed(expr, reading), plain)
        if plain and untold.any():
            yield self._definite(standing.as_person(expr, None, reading))
            yield from self._beyond_one_digit(expr)
        if reading.unit is not None:
            reached = self._reached(expr, self.wanted, first.interval, reading.unit)
            yield from self._persons(expr, reading.unit, untold & reached, reached & ~untold)

    def _beyond_one_digit(self, expr: Expr) -> Iterator[Way]:
        """Who went on with all digits of what has one at most on the sheet: 0.000 for a square.

        Of all that is vague, or of the last such step alone, from the others as they were typed.
        """
        key, judged = self.standing.key, self.standing.judged
        for names in (judged.keys(), judged.keys() & symbols(expr)):
            kept = few_digits.telling(self.standing.written, key, judged, names)
            if kept is not None:
                yield from self._by_sheet(Standing(key, kept, judged), expr)

    def _by_sheet(self, sheet: Standing, expr: Expr) -> Iterator[Way]:
        """What a formula gives on a sheet of fewer numbers, and of what it is worked out there."""
        behind = sheet.key.behind(self.name, sheet.written)
        uses_ = tuple(more for name in behind for more in sheet.key.uses[name])
        plain = self._way(sheet.enclosed(expr, self.reading), True)
        for way in (plain, self._definite(sheet.as_person(expr, None, self.reading))):
            yield replace(way, uses=uses_)

    def _always(self, expr: Expr, unit: Unit) -> Iterator[Way]:
        """Who rounds, or cuts off, to a kind of digits that nobody asked for.

        The last step, too: 4.5573 is 4.557 then, and 4.5570 on the sheet.
        """
        widest = self.standing.enclosed(expr, replace(self.reading, definite=False))
        padded = unit.significant and unit.count >= _FEWEST_SIGNIFICANT
        if padded:
            widest = unit.widened(widest)
        if self._reached(expr, self.wanted, widest, unit).any():
            yield from self._definitely(expr, unit, WITHIN)
            if padded:
                yield from self._padded(expr, unit)
            if self._near(self.wanted, _FAR):
                for more in _finer(unit):
                    yield from self._definitely(expr, more, WITHIN)

    def _persons(self, expr: Expr, unit: Unit, untold: Mask, told_: Mask) -> Iterator[Way]:
        """Who rounds, or cuts off, all the time; where a range tells enough, only each product.

        Many keep a digit or two more than they write, which a range that tells enough has in it.
        """
        if self._near(untold, _FAR_UNTOLD):
            for way in persons(unit):
                found = self.standing.as_person(expr, way, self.reading)
                yield self._definite(found, way.names_only)
                partly = self.standing.as_person(expr, way, self.reading, unit)
                yield self._way(partly, False)
            if self._near(untold, _FAR):
                for more in _finer(unit):
                    yield from self._definitely(expr, more, WITHIN)
        elif self._near(told_, _FAR) and _has_products(expr):
            for one in (unit, *_finer(unit)):
                yield from self._definitely(expr, one, _PRODUCTS)

    def _definitely(self, expr: Expr, unit: Unit, within: Sequence[Within]) -> Iterator[Way]:
        """Who keeps so many digits; of a sum of products too: 1.0945 is 1.095 first, then 1.10."""
        for way in persons(unit, within):
            found = self.standing.as_person(expr, way, self.reading)
            yield self._definite(found, way.names_only)
            if way.within == "every product and sum" and _has_products(expr):
                yield self._definite(point(way.written(found[0])), False)

    def _padded(self, expr: Expr, unit: Unit) -> Iterator[Way]:
        for way in persons(unit):
            found = self.standing.as_person(expr, way, self.reading)
            yield self._definite(point(way.written(found[0])), False)

    def _reached(self, expr: Expr, where: Mask, widest: Interval, unit: Unit) -> Mask:
        """Where what was typed lies in the widest range of a formula, or next to it.

        That range holds what any definite way of rounding gives, but for sums of products that are
        rounded one by one.
        """
        if self._sums_products(expr):
            return where
        typed = self.value + self.base
        room = _BESIDE * unit.at(np.abs(typed))
        beyond = np.maximum(widest[0] - typed, typed - widest[1]) > room
        return np.asarray(where & ~beyond)

    def _sums_products(self, expr: Expr) -> bool:
        """Whether products are added up in a formula, or in what is computed on the way to it."""
        key = self.standing.key
        behind = (key.first(name) for name in key.behind(self.name, self.standing.written))
        return any(
            isinstance(node, Op) and node.name in _SUMS_OF_PRODUCTS
            for one in (expr, *behind)
            if one is not None
            for node in walk(one)
        )

    def _near(self, where: Mask, share: float) -> bool:
        """Whether something there is near enough to what it should be to have come of rounding."""
        if not where.any():
            return False
        largest = np.max(np.abs(self.expected), initial=0.0)
        room = _FAR_UNITS * self.standing.key.unit.at(np.asarray(largest)) + share * largest
        return bool((np.abs(self.value - self.expected)[where] <= room).any())

    def _way(self, interval: Interval, excuses: bool) -> Way:
        where = told(interval, self.expected, self.standing.key.unit, self.reading.unit is not None)
        unit = self.reading.unit
        is_range = unit is not None and not isinstance(unit, Floating)
        return Way(interval, where, excuses, is_range=is_range)

    def _definite(self, interval: Interval, excuses: bool = True) -> Way:
        return Way(interval, np.isfinite(interval[0]) & np.isfinite(interval[1]), excuses)


_FAR_UNITS, _FAR, _FAR_UNTOLD = 64, 0.25, 2.0
"""So many units, and so much of the largest entry, away from what it should be, nobody's way of
rounding is tried. Where a range tells enough, that saves time and decides nothing, since the range
is narrower. Next to 1/0, where rounding has no bound, it is one: thrice the value is no rounding.
"""


_BESIDE = 2
"""So many units beside the widest range of a formula a number may have been typed that is in it."""

_FEWEST_SIGNIFICANT = 3
"""So many significant digits somebody has who is asked for decimals: 1.24 with two is 1.2."""

_SUMS_OF_PRODUCTS = frozenset(
    name for name, each in TABLE.items() if each.entry or name in ("matmul", "mean")
)
"""Operations whose bounds hold no rounding of what is added up in them."""

_MORE = 2
"""So many digits more than they write people keep of what nobody asks for."""

_PRODUCTS: Sequence[Within] = ("only products", "every product", "every product and sum")


def _finer(unit: Unit) -> Iterator[Unit]:
    """The units of who keeps more digits than are asked, or in use."""
    for more in range(1, _MORE + 1):
        yield Unit(unit.count + more, unit.significant)


def persons(unit: Unit, within: Sequence[Within] = WITHIN) -> tuple[Rounding, ...]:
    """Definite ways: to round, or cut off, after every step, or some, or what has a name."""
    if isinstance(unit, Floating):
        return ()
    # Every step is every sum, and sums have no new decimals.
    same = {"every step and sum"} if unit.significant else {"every product and sum", "no total"}
    return tuple(
        Rounding(unit.count, unit.significant, cuts_off, each)
        for each in within
        if each not in same
        for cuts_off in (False, True)
    )


def _in_other_digits(unit: Unit) -> Iterator[Rounding]:
    """Who writes decimals, and works with as many significant digits."""
    if unit.significant or unit.count < _FEWEST_SIGNIFICANT:
        return
    steps = Unit(unit.count, True)
    for way in persons(unit, ("every product", "every step", "every step and sum")):
        yield replace(way, steps=steps)


def _has_products(expr: Expr) -> bool:
    return uses(expr, "matmul", "outer")


# Which digits somebody uses -----------------------------------------------------------------------


class Figures(Struct, frozen=True):
    """A quantity as typed beside its true value."""

    written: Written
    truth: Array


def units(key: Key, around: Sequence[Figures]) -> tuple[list[Unit], list[Unit]]:
    """The digits to which steps that nobody wrote may have been rounded: as many as asked, fewer.

    These are those asked and those used around them, in decimals and in as many significant digits
    as the longest number there has. What is only assumed excuses nobody who used more.
    """
    if key.computed:  # a program rounds nothing on the way, but for its type
        return [], []
    asked = key.unit
    used = [unit for figures in around for unit in _used(figures, asked)]
    most = max((unit.count for unit in used if unit.significant), default=0)
    used = [unit for unit in used if not unit.significant or unit.count == most]
    fine = [unit for unit in used if unit.count >= asked.count]
    own = [unit for unit in fine if unit.significant == asked.significant]
    if not (key.assumed and any(unit.count > asked.count for unit in own)):
        fine = [asked, *fine]
    first = list(dict.fromkeys(fine))
    return first, [unit for unit in dict.fromkeys(used) if unit not in first]


def finely(reading: Reading, asked: Unit, fine: Sequence[Unit]) -> list[Reading]:
    """A reading with steps in between rounded to as many digits as asked, or more.

    In the other kind of digits than asked only as somebody does who always does so: three
    significant digits of 12.345 are far less than three decimals.
    """
    other = Unit(asked.count, not asked.significant)
    found = [replace(reading, unit=unit) for unit in fine]
    if asked in fine and other not in fine and _says_enough(other, asked):
        found.append(replace(reading, unit=other, definite=True))
    return found


def coarsely(reading: Reading, asked: Unit, coarse: Sequence[Unit]) -> Iterator[Reading]:
    """The same with the fewer digits in use, and with as many of the other kind."""
    for unit in coarse:
        yield replace(reading, unit=unit)
    for unit in coarse:
        if unit.significant == asked.significant:
            other = Unit(unit.count, not unit.significant)
            yield replace(reading, unit=other, definite=True)


def _used(figures: Figures, asked: Unit) -> Iterator[Unit]:
    """As many decimals, and as many significant digits, as the longest number of a quantity has.

    What is exact tells nothing of the digits in use, nor do the decimals of what has just as many
    significant digits as asked.
    """
    value, unit = figures.written.value, figures.written.unit
    told = (unit > 0) & (value != 0) & ~same(value, figures.truth)
    stated = figures.written.present & told
    if not stated.any():
        return
    count = min(int(figures.written.decimals[stated].max()), _MOST_DIGITS)
    longest = min(int(figures.written.digits[stated].max()), _MOST_DIGITS)
    if count > 0 and asked != Unit(longest, True):
        yield Unit(count)
    if longest > 1 and _says_enough(Unit(longest, True), asked):
        yield Unit(longest, True)


def _says_enough(unit: Unit, asked: Unit) -> bool:
    """Whether somebody may work with such digits who is asked for these.

    Two significant ones of 1.81 are 1.8: nobody gets two decimals from that.
    """
    return not unit.significant or asked.significant or unit.count >= _FEWEST_SIGNIFICANT

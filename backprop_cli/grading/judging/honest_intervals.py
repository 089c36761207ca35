"""A quantity to every interval that honest work may have led to: formulas, roundings, persons."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

import numpy as np
from msgspec import Struct, field
from msgspec.structs import replace

from backprop_cli.algebra.expr import Expr, in_order
from backprop_cli.grading.judging import few_digits
from backprop_cli.grading.judging.answer_key import has_kink, is_jacobian
from backprop_cli.grading.judging.few_digits import in_other_digits
from backprop_cli.grading.judging.grouped_otherwise import by_exponentials
from backprop_cli.grading.judging.standing import Standing
from backprop_cli.grading.judging.ways_to_read import Reading, Wanted, Way, is_a_range, told
from backprop_cli.grading.sheets.typed_arrays import Array, Mask, meets
from backprop_cli.operations.bounds import Interval, above_zero, below_zero, point
from backprop_cli.operations.masks import most, some
from backprop_cli.operations.table import TABLE
from backprop_cli.readings.inside_operations import BY_PRODUCTS
from backprop_cli.readings.intervals import Used, apart
from backprop_cli.readings.units import (
    EXACT,
    TOTALS,
    WITHIN,
    Rounding,
    Unit,
    Within,
    WithProducts,
    persons,
)


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
    typed: Interval
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

        That is half as much again as there is between those, and a unit, on either side: of short
        figures a part of it, since one of two digits is five per cent. At worst roundings add up to
        far more: to the old loss where the new one is near. What stays as it was before does so
        for somebody.
        """
        low, high = self.ends
        unit, right = self._unit, self.expected + self.base
        least, most = unit.at(right) / 4, unit.at(right)
        room = (high - low) / 2 + np.clip(np.abs(right) / 200, least, most)
        room = np.where(self.standing.stays(self.name, self.reading.repaired), 0.0, room)
        return low - room, high + room

    @cached_property
    def ends(self) -> Interval:
        """The least and the most that anybody gets who rounds in one definite way."""
        unit, right = self._unit, self.expected + self.base
        values = [
            standing.as_person(expr, way, self.reading)[0]
            for standing in (*self._sheets, *self.standing.put_right(self.name, self.reading))
            for expr in self._formulas()
            if not self._takes_a_detour(expr)
            for way in (None, *self._apart(expr, [*persons(unit, _USUAL), *in_other_digits(unit)]))
        ]
        known = [right, *(np.where(np.isfinite(value), value, right) for value in values)]
        return np.min(known, axis=0), np.max(known, axis=0)

    def from_nothing(self, where: Mask) -> Mask:
        """Where something is typed of which nobody has anything left at the unit of the reading.

        0.00001 is 0.000 to three decimals, and never 0.001, as a range around it would have it.
        """
        unit, right = self._unit, self.expected + self.base
        half = unit.at(right) / 2
        seen = where & (np.abs(self.value) >= half) & (np.abs(self.expected) < half)
        if not some(seen):
            return np.asarray(seen)
        low, high = (bound - self.base for bound in self.ends)
        return np.asarray(seen & (np.maximum(np.abs(low), np.abs(high)) < half))

    def proven(self, found: Mask, one: Wanted, way: Way, doubted: bool) -> Mask:
        """Where a range is a proof of what is wanted, and no mere allowance."""
        found = found & ~self.from_nothing(found & way.is_range)
        doubt = one.ranges == "none" or (one.ranges == "any" and self.reading.repaired)
        if one.ranges == "beyond doubt":
            doubt = doubted or self._is_wide(way)
        if doubt:
            found &= np.logical_not(way.is_range) | meets(one.typed, self.near, one.room)
        return found

    @property
    def _unit(self) -> Unit:
        """That of steps that are not written, or of what is asked where none is rounded."""
        return self.reading.unit or self.standing.key.unit

    def _is_wide(self, way: Way) -> bool:
        """Whether a range is far wider than what people come to.

        In significant digits where decimals are asked it is: 1.0025 with three of them is 1.00, and
        may be 0.9975 to 1.0125. So it is where numbers that are rounded already are so once more.
        """
        unit, asked = self.reading.unit, self.standing.key.unit
        if unit is None or unit.significant != asked.significant:
            return True
        return not self.standing.written.keys().isdisjoint(way.uses)

    @property
    def _sheets(self) -> Iterable[Standing]:
        return (self.standing, *filter(None, [self.again]))

    def _formulas(self) -> list[Expr]:
        ways = self.standing.key.formulas.get(self.name, ())
        return [one for one in ways if not is_jacobian(one)]

    def _made(self) -> Iterator[Way]:
        for expr in self._formulas():
            used = in_order(expr).names
            for way in self._of(expr):
                yield replace(way, uses=(*used, *way.uses))

    def _of(self, expr: Expr) -> Iterator[Way]:
        reading, standing = self.reading, self.standing
        plain = reading.unit is None
        if not plain and not self._near(self.wanted, _FAR_UNTOLD):
            return
        if self._takes_a_detour(expr):
            yield from self._by_detour(expr, reading.unit) if reading.unit else ()
            return
        if reading.definite and reading.unit is not None:
            yield from self._always(expr, reading.unit)
            return
        first = self._way(self._range(expr), plain)
        yield first
        untold = self.wanted & ~first.where
        if some(untold) and has_kink(expr):
            for side in (below_zero, above_zero):
                yield self._way(standing.enclosed(expr, reading, side), False)
        if self.again is not None and not reading.repaired:
            yield self._way(self.again.enclosed(expr, reading), plain)
        if plain and some(untold):
            yield self._definite(standing.as_person(expr, None, reading))
            yield from self._beyond_one_digit(expr)
        if reading.unit is not None:
            reached = self._reached(expr, self.wanted, reading.unit)
            yield from self._persons(expr, reading.unit, untold & reached, reached & ~untold)
            yield from self._by_other_formulas(expr, reading.unit)

    def _by_detour(self, expr: Expr, unit: Unit) -> Iterator[Way]:
        for one in (unit, *_finer(unit)) if some(self._reached(expr, self.wanted, unit)) else ():
            yield from self._definitely(expr, one, WITHIN, self.wanted)

    def _takes_a_detour(self, expr: Expr) -> bool:
        """Whether a formula has steps in place of one key: what these give at worst is nobody's."""
        first = self.standing.key.first(self.name)
        return first is not None and expr in by_exponentials(first)

    def _by_other_formulas(self, expr: Expr, unit: Unit) -> Iterator[Way]:
        """Who went by another formula in what is written nowhere: a slope first, a Jacobian."""
        if not self._near(self.wanted, _FAR):
            return
        formulas = self.standing.key.formulas
        most = max((len(formulas[name]) for name in self._behind), default=1)
        for number in range(1, min(most, _MOST_FORMULAS)):
            ways = self._apart(expr, persons(unit), number)
            if not some(self._led_to(expr, self.wanted, unit, False, number)):
                yield self._left(expr, ways, number)
                continue
            for way in ways:
                found = self.standing.as_person(expr, way, self.reading, number=number)
                yield self._definite(found, way.names_only)

    def _left(self, expr: Expr, ways: Iterable[Rounding], number: int) -> Way:
        """Counts some ways that cannot have led to what was typed, and stands for them."""
        for way in ways:
            self.standing.leave_person(expr, way, self.reading, number)
        return Way(point(self.expected), np.zeros_like(self.wanted))

    def _range(self, expr: Expr) -> Interval:
        """All that a formula gives; on numbers as they stand no more than the first one does.

        Both are the same function of the same numbers: p / (p (1 - p)) only seems to be wider.
        """
        found = self.standing.enclosed(expr, self.reading)
        first = self.standing.key.first(self.name)
        if self.reading.unit is not None or first is None or first is expr:
            return found
        if {*in_order(first).names} != {*in_order(expr).names}:
            return found
        low, high = self.standing.enclosed(first, self.reading)
        return np.fmax(found[0], low), np.fmin(found[1], high)

    def _beyond_one_digit(self, expr: Expr) -> Iterator[Way]:
        """Who went on with all digits of what has one at most on the sheet: 0.000 for a square.

        Of all that is vague, or of the last such step alone, from the others as they were typed.
        """
        key, judged = self.standing.key, self.standing.judged
        for names in (judged.keys(), judged.keys() & in_order(expr).names):
            kept = few_digits.telling(self.standing.written, key, judged, names)
            if kept is not None:
                sheet = Standing(key, kept, judged, effort=self.standing.effort)
                yield from self._by_sheet(sheet, expr)

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
        padded = unit.significant and unit.count >= few_digits.FEWEST_SIGNIFICANT
        if some(self._reached(expr, self.wanted, unit, padded=padded)):
            yield from self._definitely(expr, unit, (*WITHIN, "only quotients"), self.wanted)
            if padded:
                yield from self._padded(expr, unit)
            if self._near(self.wanted, _FAR):
                for more in _finer(unit):
                    yield from self._definitely(expr, more, WITHIN, self.wanted)

    def _persons(self, expr: Expr, unit: Unit, untold: Mask, told_: Mask) -> Iterator[Way]:
        """Who rounds, or cuts off, all the time; where a range tells enough, only each product.

        Many keep a digit or two more than they write, which a range that tells enough has in it.
        """
        if self._near(untold, _FAR_UNTOLD):
            for way in self._apart(expr, persons(unit)):
                found = self.standing.as_person(expr, way, self.reading)
                yield self._definite(found, way.names_only)
                partly = self.standing.as_person(expr, way, self.reading, unit)
                yield self._way(partly, False)
            if self._near(untold, _FAR):
                for more in _finer(unit):
                    yield from self._definitely(expr, more, WITHIN, untold)
        elif self._near(told_, _FAR_TOLD):
            within = (*_PRODUCTS, *_RARE) if _has_products(expr) else _RARE
            for one in (unit, *_finer(unit)):
                yield from self._definitely(expr, one, within, told_)

    def _apart(self, expr: Expr, ways: Iterable[Rounding], number: int = 0) -> Iterator[Rounding]:
        """Those of some ways that may differ in a formula and what is worked out on the way."""
        return apart(ways, self._used(expr, self._worked_out, number))

    def _used(self, expr: Expr, behind: Iterable[str], number: int = 0) -> Used:
        ways = (self.standing.key.formula(name, number) for name in behind)
        return Used.of([expr, *(one for one in ways if one is not None)])

    @cached_property
    def _worked_out(self) -> Sequence[str]:
        """What is, on any of the sheets, for this and to see which figures lead to 1/0."""
        key = self.standing.key
        names = (self.name, *key.dividing)
        behind = (key.behind(name, sheet.written) for sheet in self._sheets for name in names)
        return tuple(dict.fromkeys(one for names in behind for one in names))

    @cached_property
    def _behind(self) -> Sequence[str]:
        return self.standing.key.behind(self.name, self.standing.written)

    def _definitely(
        self, expr: Expr, unit: Unit, within: Sequence[Within], where: Mask
    ) -> Iterator[Way]:
        """Who keeps so many digits; of a sum of products too: 1.0945 is 1.095 first, then 1.10."""
        if not some(self._led_to(expr, where, unit)):
            return
        for way in self._apart(expr, persons(unit, within)):
            found = self.standing.as_person(expr, way, self.reading)
            yield self._definite(found, way.names_only)
            if way.within == "every product and sum" and _has_products(expr):
                yield self._definite(point(way.written(found[0])), False)

    def _padded(self, expr: Expr, unit: Unit) -> Iterator[Way]:
        """The last step, too; a parameter that stays only for its few digits has not moved."""
        for way in self._apart(expr, persons(unit)):
            value = self.standing.as_person(expr, way, self.reading)[0]
            found = self._definite(point(way.written(value)), False)
            yield replace(found, where=found.where & (self.value != 0))

    def _reached(self, expr: Expr, where: Mask, unit: Unit, *, padded: bool = False) -> Mask:
        """Where what was typed lies in the widest range of a formula, or next to it.

        That range holds what any definite way of rounding gives, the last step rounded, too, where
        it is `padded`. Of what is made of sums over windows none is known.
        """
        typed = point(self.value + self.base)
        where = self._in_range(self.reading, expr, where, unit, typed, padded)
        return self._led_to(expr, where, unit, padded)

    def _led_to(self, expr: Expr, where: Mask, unit: Unit, *how: int) -> Mask:
        """The same from the numbers just as they were typed, for all that may be wanted."""
        if self.reading.repaired and self.standing.gives_up:
            return where
        reading = replace(self.reading, as_typed=True)
        return self._in_range(reading, expr, where, unit, self.typed, *how)

    def _in_range(
        self, reading: Reading, expr: Expr, where: Mask, unit: Unit, typed: Interval, *how: int
    ) -> Mask:
        padded, number = (*how, 0, 0)[:2]
        used = self._used(expr, self._behind, number)
        if not some(where) or not used.operations <= _BOUNDED:
            return where
        adds_up = not used.operations.isdisjoint(BY_PRODUCTS | TOTALS)
        any_way = WithProducts(unit.count, unit.significant) if adds_up else unit
        standing = self.standing.going_by(number)
        low, high = standing.enclosed(expr, replace(reading, unit=any_way, definite=False))
        room = unit.at(np.abs(self.value + self.base))
        if padded:
            low, high = unit.widened((low, high))
            room = np.maximum(room, np.ptp(self.typed, 0))
        return np.asarray(where & ~(np.maximum(low - typed[1], typed[0] - high) > _BESIDE * room))

    def _near(self, where: Mask, share: float) -> bool:
        """Whether something there is near enough to what it should be to have come of rounding."""
        if not some(where):
            return False
        largest = most(np.abs(self.expected))
        room = _FAR_UNITS * self.standing.key.unit.at(largest) + share * largest
        return some(np.abs(self.value - self.expected)[where] <= room)

    def _way(self, interval: Interval, excuses: bool) -> Way:
        where = told(interval, self.expected, self.standing.key.unit, self.reading.unit is not None)
        is_range = is_a_range(interval, self.expected, self.reading, self.standing.key.unit)
        return Way(interval, where, excuses, is_range=is_range)

    def _definite(self, interval: Interval, excuses: bool = True) -> Way:
        return Way(interval, np.isfinite(interval[0]) & np.isfinite(interval[1]), excuses)


_FAR_UNITS, _FAR, _FAR_TOLD, _FAR_UNTOLD = 64, 0.25, 1.0, 2.0
"""So many units, and so much of the largest entry, away from what it should be, nobody's way of
rounding is tried. Where a range tells enough, that saves time and decides nothing, since the range
is narrower. Next to 1/0, where rounding has no bound, it is one: thrice the value is no rounding.
"""


_MOST_FORMULAS = 8
"""So many formulas for what is written nowhere are tried, the likely ones first."""

_BESIDE = 2
"""So many units beside the widest range of a formula a number may have been typed that is in it,
of the reading or as it was typed, where that is coarser (0.0610 of 0.06109)."""

_ADDING = frozenset(name for name, each in TABLE.items() if each.entry or each.adds)
_KNOWN = (EXACT - {"to_winners"}) | {"add", "sub", "sum", *BY_PRODUCTS, "assembled"}
_BOUNDED = (TABLE.keys() - _ADDING) | _KNOWN
"""Operations whose bounds have room for the rounding of all that may be written down in them."""

_MORE = 2
"""So many digits more than they write people keep of what nobody asks for."""

_PRODUCTS: Sequence[Within] = ("only products", "every product", "every product and sum")

_RARE: Sequence[Within] = ("every key", "no product")
_USUAL = tuple(way for way in WITHIN if way not in _RARE)
"""What most people do. The others count for themselves, and no room is laid around them: who has
1/(1 + e^-z) from one key and cuts off all the rest ends two units below anybody else."""


def _finer(unit: Unit) -> Iterator[Unit]:
    """The units of who keeps more digits than are asked, or in use."""
    for more in range(1, _MORE + 1):
        yield Unit(unit.count + more, unit.significant)


def _has_products(expr: Expr) -> bool:
    return not in_order(expr).operations.isdisjoint(BY_PRODUCTS)

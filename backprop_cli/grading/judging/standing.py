"""What a name stands for on one sheet: an interval around what is typed, or computed from that.

A quantity that is right stands as it was typed. What is to be put for one that is not depends on
what is asked of it (`Reading`): the numbers as they stand, or what the student's right ones give.
A calculator that keeps all digits has ways of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import TypeAlias

import numpy as np
from msgspec import Struct, field
from msgspec.structs import replace

from backprop_cli.algebra.expr import Expr, Sym, in_order
from backprop_cli.algebra.quantity import quantity
from backprop_cli.grading.judging import few_digits
from backprop_cli.grading.judging.answer_key import Judged, Key
from backprop_cli.grading.judging.calculators import Calculator, endless
from backprop_cli.grading.judging.effort import Effort
from backprop_cli.grading.judging.ways_to_read import Reading
from backprop_cli.grading.sheets.typed_arrays import (
    Array,
    Mask,
    Written,
    finer,
    same,
)
from backprop_cli.operations.bounds import Interval, point
from backprop_cli.operations.masks import every, some
from backprop_cli.readings.intervals import Enclosing
from backprop_cli.readings.remembered import enclosed
from backprop_cli.readings.units import Rounding, Unit, short

MOVES = 3
"""Units that a value differs from 0, or from what it was before, where it visibly should."""

Side = Callable[[Interval], Interval]
Kept: TypeAlias = "dict[Hashable, tuple[Expr, Interval]]"
_Person: TypeAlias = tuple[Rounding | None, bool, bool, int]


class Standing(Struct):
    """The intervals of one sheet's names. `judged` grows while the sheet is gone through.

    `kept` is what formulas give, for who judges one quantity again on a sheet else the same.
    """

    key: Key
    written: Mapping[str, Written]
    judged: Mapping[str, Judged]
    kept: Kept | None = None
    effort: Effort = field(default_factory=Effort)
    _here: Kept = field(default_factory=dict)  # the same until the next quantity is settled
    _known: dict[tuple[str, Reading], Interval] = field(default_factory=dict)
    _by: dict[tuple[Reading, Side | None], Enclosing] = field(default_factory=dict)
    _typed: dict[str, Interval] = field(default_factory=dict)
    _right: dict[str, Interval] = field(default_factory=dict)
    _calculators: dict[_Person, Calculator] = field(default_factory=dict)
    _by_number: dict[int, Standing] = field(default_factory=dict)
    _behind: dict[str, frozenset[str]] = field(default_factory=dict)
    _left: dict[Hashable, Expr] = field(default_factory=dict)  # counted, and not worked out
    _seen: int = 0
    _vague: bool = False  # whether any number seen so far has too few digits

    def settle(self, name: str) -> None:
        """Takes notice that a quantity has been judged.

        What is right in its place is worked out at once: those behind it have theirs by now. One
        that is right stands as it did before.
        """
        if self.judged[name].is_right:
            return
        for key in [key for key in self._known if key[0] == name]:
            del self._known[key]
        self._calculators.clear()
        self._by_number.clear()
        self._right[name] = self._redone(name)
        self._here.clear()
        self._left.clear()
        self._by.clear()

    def _told(self, reading: Reading) -> Reading:
        """The same reading by one name: with no values of few digits it takes none as typed."""
        if not reading.lax:
            return reading
        if self._seen < len(self.judged):
            self._vague = any(one.is_vague for one in self.judged.values())
            self._seen = len(self.judged)
        return reading if self._vague else replace(reading, lax=False)

    @property
    def gives_up(self) -> bool:
        """Whether what was typed may be left alone, since nobody can divide by it and be right."""
        wrong = self.key.dividing.intersection(self.judged)
        return any(not self.judged[one].is_right for one in wrong)

    def going_by(self, number: int) -> Standing:
        """The same sheet for who goes by the formulas of a number where nothing is written."""
        if not number:
            return self
        if number not in self._by_number:
            firsts = {name: self.key.formula(name, number) for name in self.key.formulas}
            key = replace(self.key, _firsts=firsts)
            self._by_number[number] = Standing(key, self.written, self.judged)
        return self._by_number[number]

    def put_right(self, name: str, reading: Reading) -> list[Standing]:
        """The sheet without what misleads behind a quantity, where that is repaired.

        Somebody may have gone on with what it should have been, and miscopied that only.
        """
        behind = self.behind(name) & self.judged.keys() if reading.repaired else ()
        wrong = {one for one in behind if self.judged[one].misleads}
        kept = {one: written for one, written in self.written.items() if one not in wrong}
        return [Standing(self.key, kept, self.judged, effort=self.effort)] if wrong else []

    def behind(self, name: str) -> frozenset[str]:
        """What a quantity may be worked out from, by any formula, back to where all is written."""
        if name not in self._behind:
            found: set[str] = set()
            open_ = [name]
            while open_:
                ways = self.key.formulas.get(open_.pop(), ())
                used = {one for way in ways for one in in_order(way).names} - found
                found |= used
                open_ += [one for one in used if self.key.is_computed(one, self.written)]
            self._behind[name] = frozenset(found)
        return self._behind[name]

    # A name ---------------------------------------------------------------------------------------

    def interval(self, name: str, reading: Reading) -> Interval:
        """The interval of a quantity as an input of others."""
        key = name, reading
        if key not in self._known:
            for behind in self.key.behind_value(name, self.written):
                if (behind, reading) not in self._known:  # no recursion: chains may be long
                    self._known[behind, reading] = self._of(behind, reading)
            self._known[key] = self._of(name, reading)
        return self._known[key]

    def _of(self, name: str, reading: Reading) -> Interval:
        if name in self.key.given or name not in self.key.formulas:
            return self._given(name, reading)
        written = self.written.get(name)
        if written is None:
            return self.computed(name, reading)
        if reading.as_typed:
            interval = self._calculator(None, reading).interval(name)
        else:
            interval = self._as_written(name, reading)
        if written.complete:
            return interval
        other, here = self.computed(name, reading), written.present
        return np.where(here, interval[0], other[0]), np.where(here, interval[1], other[1])

    def _given(self, name: str, reading: Reading) -> Interval:
        """A number of the problem; one that never ends is written with some digits only."""
        value = self.key.truth[name]
        if reading.unit is None or not some(endless(value)):
            return point(value)
        low, high = reading.unit.widened(point(value))
        return np.minimum(low, value), np.maximum(high, value)

    def _as_written(self, name: str, reading: Reading) -> Interval:
        low, high = self.typed(name)
        judged = self.judged.get(name)
        if judged is None or judged.is_right:
            return low, high
        if self.key.unit.significant and judged.misleads:
            own = self.typed_beside(name, self.written[name].value)
            low, high = np.where(judged.right, (low, high), own)
        kept = judged.right if reading.repaired else ~np.asarray(judged.imprecise)
        if reading.lax:
            vague = few_digits.vague(self.written[name], judged)
            low, high = np.where(vague, self.typed_widely(name), (low, high))
            kept = kept | judged.imprecise
        kept = kept | ~self.written[name].present
        if every(kept):
            return low, high
        right = self._right.get(name) or point(self.key.truth[name])
        return np.where(kept, low, right[0]), np.where(kept, high, right[1])

    def _redone(self, name: str) -> Interval:
        """What is right, and what somebody has who works it out from right numbers of the sheet."""
        truth = self.key.truth[name]
        low, high = self.computed(name, Reading(repaired=True))
        wide = ~(high - low <= np.maximum(8 * self.key.unit.at(truth), np.abs(truth) / 4))
        low, high = np.where(wide, truth, low), np.where(wide, truth, high)
        return np.minimum(low, truth), np.maximum(high, truth)

    def typed(self, name: str) -> Interval:
        """What a quantity was typed as, at the finer of the digits typed and asked."""
        if name not in self._typed:
            truth, what = self.key.truth[name], ("typed", self.key.unit)
            self._typed[name] = self.written[name].once(
                what, truth, lambda: self.typed_beside(name, truth)
            )
        return self._typed[name]

    def typed_beside(self, name: str, other: Array) -> Interval:
        """The same with the significant digits that some other value has, and not the true one."""
        written = self.written[name]
        unit = finer(written.value, written.unit, other, self.key.unit)
        unit = np.where(same(written.value, self.key.truth[name]), 0.0, unit)
        return written.stands(unit)

    def typed_widely(self, name: str) -> Interval:
        """The same at the digits typed alone, however few they are."""
        written, truth = self.written[name], self.key.truth[name]
        unit = np.where(same(written.value, truth), 0.0, written.unit)
        return written.stands(unit)

    def computed(self, name: str, reading: Reading) -> Interval:
        """What a quantity is that nobody wrote down, its own rounding included."""
        expr = self.key.first(name)
        if expr is None:
            return point(self.key.truth[name])
        interval = self.enclosed(expr, reading)
        if reading.unit is None:
            return interval
        return reading.unit.widened(interval)

    def as_typed(self, name: str) -> Interval:
        """A quantity as it was typed, or computed from what was, without any rounding."""
        return self.as_person(Sym(name), None, Reading(lax=True))

    def before(self, name: str, repaired: bool = False) -> Array | None:
        """What a new parameter was before its update, as this sheet has it; None for all else.

        In later updates that is a number of the student's own: it is known by its digits.
        """
        old = self.key.parameters.get(name)
        return None if old is None else self._as_it_is(old, repaired)

    def earlier(self, name: str, repaired: bool = False) -> Array | None:
        """What somebody may have left as it was: an old parameter, or all of a step before.

        As this sheet has it; one entry alone may come to what it was by chance, and so may all that
        moves in truth no further than roundings have led to before. Else None.
        """
        if (old := self.before(name, repaired)) is not None:
            return old
        step_before = quantity(name).earlier
        old, new = self.key.truth.get(step_before.id if step_before else ""), self.key.truth[name]
        if step_before is None or old is None or old.shape != new.shape:
            return None  # another batch may have fewer samples
        found = self._as_it_is(step_before.id, repaired)
        rounded = np.maximum(self.key.unit.at(new), np.abs(found - old))
        moves = some(np.abs(new - old) >= MOVES * rounded)
        return found if moves and np.array_equal(found, self.written[name].value) else None

    def stays(self, name: str, repaired: bool) -> Mask:
        """Where what belongs to a later step is what it was the step before."""
        typed, earlier = self.written[name].value, self.earlier(name, repaired)
        return np.asarray(typed == (np.nan if earlier is None else earlier))

    def _as_it_is(self, name: str, repaired: bool) -> Array:
        found = self._calculator(None, Reading(repaired, lax=True)).interval(name)[0]
        return np.where(np.isfinite(found), found, self.key.truth[name])

    # A formula ------------------------------------------------------------------------------------

    def enclosed(self, expr: Expr, reading: Reading, side: Side | None = None) -> Interval:
        """The interval of a formula; names around 0 are on one `side` of it."""
        reading = self._told(reading)
        key = id(expr), reading, side
        return self._once(key, expr, lambda: enclosed(expr, self._enclosing(reading, side)))

    def uncounted(self, expr: Expr, reading: Reading) -> Interval:
        """The same of parts of formulas, whose work is counted with these."""
        return self._enclosing(self._told(reading), None).bounds(expr)

    def _enclosing(self, reading: Reading, side: Side | None) -> Enclosing:
        """What gives all formulas in one reading."""

        def named(name: str) -> Interval:
            interval = self.interval(name, reading)
            return interval if side is None else side(interval)

        if (reading, side) not in self._by:
            finer_than = self._finer_than(reading.unit)
            given = self.key.given
            self._by[reading, side] = Enclosing(named, reading.unit, finer_than, given=given)
        return self._by[reading, side]

    def _finer_than(self, unit: Unit | None) -> Callable[[str], bool] | None:
        """Which names have more decimals than this, so that a sum of them may have been rounded."""
        if unit is None or unit.significant or self.key.computed:
            return None
        least = unit.at(np.zeros(()))

        def is_finer(name: str) -> bool:
            written = self.written.get(name)
            if written is None:
                return name in self.key.given and not every(short(self.key.truth[name], least))
            stated = written.present & (written.unit > 0)
            return some(written.unit[stated] < least * (1 - 1e-9))

        return is_finer

    def as_person(
        self,
        expr: Expr,
        way: Rounding | None,
        reading: Reading,
        last: Unit | None = None,
        number: int = 0,
    ) -> Interval:
        """What one definite way of rounding gives (None: no rounding of unwritten steps).

        Close to 1/0 and ln 0 the digits of an unwritten step decide everything, and an interval
        holds every number; but whoever rounds, or cuts off, all the time gets a definite one.
        With `last`, only what has a name is that definite, and the steps of the formula itself
        may have been rounded in any way. `number` is that of the formulas for what has a name and
        is not written.
        """
        reading = self._told(reading)
        again = id(expr), way, reading.repaired, reading.lax, number, last

        def work() -> Interval:
            unit = last or (way and way.inside)
            return self._calculator(way, reading, number).enclosed(expr, unit)

        return self._once(again, expr, work)

    def _calculator(self, way: Rounding | None, reading: Reading, number: int = 0) -> Calculator:
        key = way, reading.repaired, reading.lax, number
        if key not in self._calculators:
            sheet = self.key, self.written, self.judged
            self._calculators[key] = Calculator(*sheet, self.effort, *key[1:3], way, number)
        return self._calculators[key]

    def leave(self, expr: Expr, parts: int, reading: Reading) -> None:
        """Counts what a reading of a formula would take that cannot lead to what was typed.

        A sheet ends at the same place whatever of it need not be worked out.
        """
        self._leave((id(expr), self._told(reading), None), expr, parts)

    def leave_person(self, expr: Expr, way: Rounding | None, reading: Reading, number: int) -> None:
        """The same for somebody's way to round."""
        reading = self._told(reading)
        if self._leave(
            (id(expr), way, reading.repaired, reading.lax, number, None),
            expr,
            len(in_order(expr).parts),
        ):
            self._calculator(way, reading, number).leave(expr)

    def _leave(self, key: Hashable, expr: Expr, parts: int) -> bool:
        if key in self._kept_here or key in self._left:
            return False
        self.effort.pay_for(parts)
        self._left[key] = expr
        return True

    @property
    def _kept_here(self) -> Kept:
        return self._here if self.kept is None else self.kept

    def _once(self, key: Hashable, expr: Expr, work: Callable[[], Interval]) -> Interval:
        kept = self._kept_here
        if key not in kept:
            if key not in self._left:
                self.effort.pay(expr)
            kept[key] = expr, work()  # with the formula, so that no other has its id
        return kept[key][1]

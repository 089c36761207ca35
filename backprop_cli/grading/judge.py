"""One sheet to a verdict an entry: what is right, what follows from what, entry by entry.

The rule in three sentences. A typed number stands for all numbers that round or cut off to it. An
answer is right if the true value is among those, or a value that follows from the student's own
right values. It is carried if it only follows from the student's own values as they stand, one of
them being wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import numpy as np
from msgspec import Struct, field

from backprop_cli.algebra.expr import Expr, Op
from backprop_cli.grading.calculator import Calculator
from backprop_cli.grading.key import Judged, Key, Words, has_kink, is_jacobian, judged_as
from backprop_cli.grading.written import (
    Array,
    Mask,
    Written,
    finer,
    how_right,
    is_right,
    meets,
    same,
    standing_for,
)
from backprop_cli.operations.bounds import Interval, above_zero, below_zero, point
from backprop_cli.readings.intervals import WITHIN, Rounding, Unit, enclosure

Side = Callable[[Interval], Interval]


class Judge(Struct):
    """Judges the quantities of one sheet in the order of the derivation.

    `written` are the quantities that can be used, `lost` those that are asked and cannot be
    (missing, or `unusable`: invalid or of another shape). `betrayed` tells whether digits beyond
    those asked show a value to be that of a slip.
    """

    key: Key
    written: Mapping[str, Written]
    lost: Collection[str]
    unit: Unit
    betrayed: Callable[[str], bool] = lambda name: False
    unusable: Collection[str] = ()
    judged: dict[str, Judged] = field(default_factory=dict)
    _sources: dict[str, set[str]] = field(default_factory=dict)
    _known: dict[tuple[str, bool, bool], Interval] = field(default_factory=dict)
    _standing: dict[str, Interval] = field(default_factory=dict)

    # What a name stands for ---------------------------------------------------------------------

    def interval(self, name: str, repaired: bool, rounded: bool) -> Interval:
        """The interval of a quantity as an input: `repaired` puts true values for wrong ones.

        What is not written is computed from what is, `rounded` if its own rounding is to count.
        """
        key = (name, repaired, rounded)
        if key not in self._known:
            self._known[key] = self._interval(name, repaired, rounded)
        return self._known[key]

    def _interval(self, name: str, repaired: bool, rounded: bool) -> Interval:
        if name in self.key.given or name not in self.key.formulas:
            return point(self.key.truth[name])
        written = self.written.get(name)
        if written is None:
            return self._computed(name, repaired, rounded)
        interval = self._as_written(name, repaired)
        if written.present.all():
            return interval
        other = self._computed(name, repaired, rounded)
        here = written.present
        return np.where(here, interval[0], other[0]), np.where(here, interval[1], other[1])

    def _as_written(self, name: str, repaired: bool) -> Interval:
        low, high = self._stands_for(name)
        judged = self.judged.get(name)
        if not repaired or judged is None:
            return low, high
        right, truth = judged.usable, self.key.truth[name]
        return np.where(right, low, truth), np.where(right, high, truth)

    def _stands_for(self, name: str) -> Interval:
        """What is written stands for: a point where it is the exact value."""
        if name not in self._standing:
            written, truth = self.written[name], self.key.truth[name]
            unit = finer(written.value, written.unit, truth, self.key.unit)
            fits = meets(standing_for(written.value, unit), point(truth))
            unit = np.where(fits | (written.value == 0), unit, written.unit)
            exact = same(written.value, truth) | ((written.value == 0) & (unit >= 1))
            self._standing[name] = standing_for(written.value, np.where(exact, 0.0, unit))
        return self._standing[name]

    def _computed(self, name: str, repaired: bool, rounded: bool) -> Interval:
        expr = self.key.formulas[name][0]
        interval = self.enclosed(expr, repaired, rounded)
        if not rounded:
            return interval
        widened = self.unit.widened(interval)
        if name not in self.key.never_zero:
            return widened
        low, high = self.unit.without_zero(widened, self.interval(name, repaired, False))
        if isinstance(expr, Op) and expr.name in ("softmax", "sigmoid"):
            most = 1 - self.unit.at(np.ones(()))  # nor with a 1 where ln(1 - ŷ) is taken
            high = np.minimum(high, np.maximum(interval[1], most))
        return low, high

    def enclosed(
        self, expr: Expr, repaired: bool, rounded: bool, side: Side | None = None
    ) -> Interval:
        """The interval of a formula on the student's values; those around 0 on one side of it."""

        def named(name: str) -> Interval:
            interval = self.interval(name, repaired, rounded)
            return interval if side is None else side(interval)

        return enclosure(expr, named, self.unit if rounded else None)

    def on_typed_values(self, expr: Expr, repaired: bool = False) -> Interval:
        """What a formula gives on the numbers exactly as typed, as a calculator would have it."""
        return self.as_person(expr, None, repaired)

    def forget(self, name: str) -> None:
        """Drops what was computed of a quantity, once it is judged."""
        for key in [key for key in self._known if key[0] == name]:
            del self._known[key]

    def afresh(self) -> Judge:
        """The sheet as somebody takes it who works the forward pass out from the start again."""
        kept = {name: one for name, one in self.written.items() if name not in self.key.forward}
        return Judge(self.key, kept, self.lost, self.unit, self.betrayed, self.judged)

    # Judging --------------------------------------------------------------------------------------

    def judge(self, name: str) -> Judged:
        """The verdicts on one written quantity."""
        written = self.written[name]
        verdicts = np.full(written.value.shape, "wrong", dtype=object)
        how = np.full(written.value.shape, None, dtype=object)
        verdicts[~written.present] = "missing"
        self._exact(name, written, verdicts, how)
        decided = self._following(name, written, verdicts, how)
        self._imprecise(name, written, verdicts)
        reason = self._not_judged(name, verdicts)
        judged = judged_as(verdicts, how, reason, decided)
        self.judged[name] = judged
        self.forget(name)
        return judged

    def _exact(self, name: str, written: Written, verdicts: Words, how: Words) -> None:
        truth = self.key.truth[name]
        at_digits, to_digits = is_right(written.value, written.unit, truth, self.key.unit)
        beyond = to_digits & ~at_digits & written.present
        if beyond.any() and self.betrayed(name):
            to_digits = at_digits
        right = (at_digits | to_digits) & written.present
        verdicts[right] = "correct"
        words = how_right(written.value, written.unit, truth, self.key.unit)
        how[right] = words[right]

    def _following(
        self, name: str, written: Written, verdicts: Words, how: Words
    ) -> Interval | None:
        if not (verdicts == "wrong").any():
            return None
        unit = finer(written.value, written.unit, self.key.truth[name], self.key.unit)
        typed = standing_for(written.value, unit)
        decided = None
        for rounded in (False, True):
            for repaired, verdict in ((True, "correct"), (False, "carried")):
                if not repaired and not self._any_wrong():
                    continue
                unmoved = self._unmoved(name, written, self._expected(name, repaired), 3)
                for interval, excuses in self._ways(name, repaired, rounded, unmoved):
                    open_ = (verdicts == "wrong") & (excuses | ~unmoved)
                    found = open_ & meets(typed, interval)
                    if found.any():
                        decided = interval
                    verdicts[found] = verdict
                    how[found] = "carried-rounding" if repaired else None
                    if not (verdicts == "wrong").any():
                        return decided
        return decided

    def _ways(
        self, name: str, repaired: bool, rounded: bool, unmoved: Mask
    ) -> Iterator[tuple[Interval, bool]]:
        """Every way to work it out, and whether it excuses a parameter that has not moved.

        Rounding within a formula does not; a state of the optimizer that was written as 0 does.
        """
        for expr in self.key.formulas.get(name, ()):
            if is_jacobian(expr):
                continue
            interval, told = self._told(name, self.enclosed(expr, repaired, rounded))
            yield interval, not rounded
            if not told.all() and has_kink(expr):
                for side in (below_zero, above_zero):
                    yield self._told(name, self.enclosed(expr, repaired, rounded, side))[0], False
            if name in self.key.again and not repaired:
                yield self._told(name, self.afresh().enclosed(expr, False, rounded))[0], False
            if not rounded and not told.all():
                yield self.on_typed_values(expr, repaired), True
            if rounded and not (told & ~unmoved).all():
                for way in self.persons():
                    yield self.as_person(expr, way, repaired), way.names_only
                    partly = self.as_person(expr, way, repaired, self.unit)
                    yield self._told(name, partly)[0], False

    def _told(self, name: str, interval: Interval) -> tuple[Interval, Mask]:
        """An interval where it is narrow enough to tell right from wrong, and where that is."""
        told = self._says_something(interval, name)
        return (np.where(told, interval[0], np.nan), np.where(told, interval[1], np.nan)), told

    def _says_something(self, interval: Interval, name: str) -> Mask:
        """Whether an interval is narrow enough to tell right from wrong: half of the largest."""
        truth, old = self.key.truth[name], self.key.parameters.get(name)
        change = truth if old is None else truth - self.key.truth[old]
        largest = np.max(np.abs(change), initial=0.0)
        room = np.maximum(60 * self.unit.at(np.asarray(largest)), largest / 2)
        return np.asarray(interval[1] - interval[0] <= room)

    def persons(self) -> tuple[Rounding, ...]:
        """Definite ways: to round, or cut off, after every step, or some, or what has a name."""
        count, significant = self.unit.count, self.unit.significant
        return tuple(
            Rounding(count, significant, cuts_off, within)
            for within in WITHIN
            for cuts_off in (False, True)
        )

    def as_person(
        self, expr: Expr, way: Rounding | None, repaired: bool = False, last: Unit | None = None
    ) -> Interval:
        """What one definite way of rounding gives (None: no rounding of unwritten steps).

        Close to 1/0 and ln 0 the digits of an unwritten step decide everything, and an interval
        holds every number; but whoever rounds, or cuts off, all the time gets a definite one.
        With `last`, only what has a name is that definite, and the steps of the formula itself
        may have been rounded in any way.
        """
        calculator = Calculator(self.key, self.written, self.judged, repaired, way)
        inside = None if way and way.names_only else way
        return enclosure(expr, calculator.interval, last or inside)

    def _imprecise(self, name: str, written: Written, verdicts: Words) -> None:
        open_ = verdicts == "wrong"
        if not open_.any() or self.key.unit is None:
            return
        truth = self.key.truth[name]
        fits = meets(standing_for(written.value, written.unit), point(truth))
        fits &= ~self._unmoved(name, written, truth, 1)
        fits &= written.value != 0  # a bare 0 has no digit that could be right
        verdicts[open_ & fits & (written.unit > self.key.unit.at(truth))] = "imprecise"

    def _unmoved(self, name: str, written: Written, expected: Array, units: int) -> Mask:
        """Where a parameter is still the old one that should have changed by so many units."""
        old = self.key.parameters.get(name)
        if old is None:
            return np.zeros(written.value.shape, dtype=bool)
        before, unit = self.key.truth[old], self.unit.at(expected)
        unit = np.where(written.unit > 0, np.minimum(unit, written.unit), unit)
        visible = np.abs(expected - before) >= units * unit
        return np.asarray((written.value == before) & visible)

    def _expected(self, name: str, repaired: bool) -> Array:
        """The true value, or what the student's own values as they stand give."""
        if repaired or name not in self.key.parameters:
            return self.key.truth[name]
        return self.on_typed_values(self.key.formulas[name][0])[0]

    # What it depends on ---------------------------------------------------------------------------

    def sources(self, name: str) -> set[str]:
        """The nearest quantities behind `name` that are written or should be."""
        if name not in self._sources:
            self._sources[name] = self._found_sources(name)
        return self._sources[name]

    def _found_sources(self, name: str) -> set[str]:
        found: set[str] = set()
        stack = list(self.key.uses.get(name, ()))
        seen = set(stack)
        while stack:
            used = stack.pop()
            if used in self.key.given or used not in self.key.formulas:
                continue
            if used in self.written or used in self.lost:
                found.add(used)
                continue
            for more in self.key.uses[used]:
                if more not in seen:
                    seen.add(more)
                    stack.append(more)
        return found

    def _any_wrong(self) -> bool:
        """Whether anything was wrong so far that this could have been worked out from."""
        return any(judged.misleads for judged in self.judged.values())

    def any_wrong_behind(self, name: str) -> bool:
        """Whether anything is wrong among the nearest that stands behind a quantity."""
        judged = (self.judged[source] for source in self.sources(name) if source in self.judged)
        return any(one.misleads for one in judged)

    def _not_judged(self, name: str, verdicts: Words) -> str | None:
        """Where nothing can be said, and why."""
        if not ((verdicts == "wrong") | (verdicts == "carried")).any():
            return None
        sources = self.sources(name)
        missing = sorted(source for source in sources if self._is_missing(source))
        if missing and (verdicts == "wrong").any():
            verdicts[verdicts == "wrong"] = "not-judged"
            return f"{self._lacking(missing)}, and this is computed from it"
        if (verdicts == "carried").any():
            for source in sorted(sources):
                why = self._no_work_left(source)
                if why is not None:
                    verdicts[verdicts == "carried"] = "not-judged"
                    return why
        return None

    def _lacking(self, sources: Sequence[str]) -> str:
        """`Z1 and H1 are missing`; what is on the sheet in another shape cannot be used."""
        unusable = all(source in self.unusable for source in sources)
        names = " and ".join(sources)
        if unusable:
            return f"{names} cannot be used"
        return f"{names} {'is' if len(sources) == 1 else 'are'} missing"

    def _is_missing(self, source: str) -> bool:
        if source in self.lost:
            return True
        return source in self.key.asked and not self.written[source].present.all()

    def _no_work_left(self, source: str) -> str | None:
        """Why nothing can be carried from a wrong value that takes the work away."""
        judged = self.judged.get(source)
        if judged is None or not (judged.verdicts == "wrong").any():
            return None
        value = self.written[source].value
        if not np.any(value) and np.any(self.key.truth[source]):
            return f"{source} is all zero, and nothing can be carried from that"
        for name in self.key.given:
            given = self.key.truth[name]
            if value.size > 1 and given.shape == value.shape and np.array_equal(given, value):
                return f"{source} is copied from {name}, and nothing can be carried from that"
        return None

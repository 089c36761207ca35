"""One sheet to a verdict an entry: what is right, what follows from what, entry by entry.

The rule in three sentences. A typed number stands for all numbers that round or cut off to it. An
answer is right if the true value is among those, or a value that follows from the student's own
right values. It is carried if it only follows from the student's own values as they stand, one of
them being wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from backprop_cli.algebra.expr import Expr, walk
from backprop_cli.grading.data import How, Verdict
from backprop_cli.grading.variants import Formulas
from backprop_cli.grading.written import Array, Mask, Written, finer, meets, standing_for
from backprop_cli.operations.bounds import Interval, point
from backprop_cli.readings.intervals import Rounding, Unit, enclosure

HOW_WEAKEST: tuple[How, ...] = ("exact", "rounded", "truncated", "carried-rounding")


@dataclass(frozen=True, slots=True)
class Key:
    """What a sheet is judged by: the true values, and the formulas that give each quantity."""

    truth: Mapping[str, Array]
    formulas: Formulas
    given: frozenset[str]
    asked: frozenset[str]
    unit: Unit | None
    parameters: Mapping[str, str]
    """For each new parameter, the old one: it is judged by its change."""
    uses: Mapping[str, tuple[str, ...]]
    """The names in each quantity's formula."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One quantity judged: a verdict and how an entry, as arrays of words."""

    verdicts: NDArray[np.object_]
    how: NDArray[np.object_]
    reason: str | None = None
    decided_by: Interval | None = None


@dataclass
class Judge:
    """Judges the quantities of one sheet in the order of the derivation.

    `betrayed` tells whether digits beyond those asked show a value to be that of a slip. `written` are the quantities that can be used, `lost` those that are asked and cannot be (missing
    or invalid or of another shape).
    """

    key: Key
    written: Mapping[str, Written]
    lost: Collection[str]
    unit: Unit
    betrayed: Callable[[str, Mask], bool] = lambda name, mask: False
    judged: dict[str, Judged] = field(default_factory=dict)
    _sources: dict[str, set[str]] = field(default_factory=dict)
    _known: dict[tuple[str, bool, bool], Interval] = field(default_factory=dict)

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
        interval = self._as_written(name, written, repaired)
        if written.present.all():
            return interval
        other = self._computed(name, repaired, rounded)
        here = written.present
        return np.where(here, interval[0], other[0]), np.where(here, interval[1], other[1])

    def _as_written(self, name: str, written: Written, repaired: bool) -> Interval:
        judged = self.judged.get(name)
        truth = self.key.truth[name]
        unit = finer(written.value, written.unit, truth, self.key.unit)
        fits = meets(standing_for(written.value, unit), point(truth))
        unit = np.where(fits, unit, written.unit)
        exact = _same(written.value, truth) | ((written.value == 0) & (written.unit >= 1))
        low, high = standing_for(written.value, np.where(exact, 0.0, unit))
        if not repaired or judged is None:
            return low, high
        right = np.isin(judged.verdicts, ("correct", "imprecise"))
        return np.where(right, low, truth), np.where(right, high, truth)

    def _computed(self, name: str, repaired: bool, rounded: bool) -> Interval:
        expr = self.key.formulas[name][0]
        interval = self.enclosed(expr, repaired, rounded)
        return self.unit.widened(interval) if rounded else interval

    def enclosed(self, expr: Expr, repaired: bool, rounded: bool) -> Interval:
        """The interval of a formula on the student's values."""
        return enclosure(
            expr,
            lambda name: self.interval(name, repaired, rounded),
            self.unit if rounded else None,
        )

    def on_typed_values(self, expr: Expr) -> Interval:
        """What a formula gives on the numbers exactly as typed, as a calculator would have it."""
        return self.as_person(expr, None)

    def forget(self, name: str) -> None:
        """Drops what was computed of a quantity, once it is judged."""
        for key in [key for key in self._known if key[0] == name]:
            del self._known[key]

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
        judged = Judged(verdicts, how, reason, decided)
        self.judged[name] = judged
        self.forget(name)
        return judged

    def _exact(
        self, name: str, written: Written, verdicts: NDArray[np.object_], how: NDArray[np.object_]
    ) -> None:
        truth = self.key.truth[name]
        at_digits, to_digits = is_right(written.value, written.unit, truth, self.key.unit)
        beyond = to_digits & ~at_digits & written.present
        if beyond.any() and self.betrayed(name, beyond):
            to_digits = at_digits
        right = (at_digits | to_digits) & written.present
        verdicts[right] = "correct"
        words = how_right(written.value, written.unit, truth, self.key.unit)
        how[right] = words[right]

    def _following(
        self,
        name: str,
        written: Written,
        verdicts: NDArray[np.object_],
        how: NDArray[np.object_],
    ) -> Interval | None:
        if not (verdicts == "wrong").any():
            return None
        unit = finer(written.value, written.unit, self.key.truth[name], self.key.unit)
        typed = standing_for(written.value, unit)
        unmoved = self._unmoved(name, written, 3)
        decided = None
        for rounded in (False, True):
            for repaired, verdict in ((True, "correct"), (False, "carried")):
                open_ = (verdicts == "wrong") & ~(rounded & unmoved)
                if not open_.any():
                    return decided
                if not repaired and not self._any_wrong(name):
                    continue
                for interval in self._ways(name, repaired, rounded):
                    found = open_ & (verdicts == "wrong") & meets(typed, interval)
                    if found.any():
                        decided = interval
                    verdicts[found] = verdict
                    how[found] = "carried-rounding" if repaired else None
        return decided

    def _ways(self, name: str, repaired: bool, rounded: bool) -> list[Interval]:
        found = []
        for expr in self.key.formulas.get(name, ()):
            if is_jacobian(expr):
                continue
            interval = self.enclosed(expr, repaired, rounded)
            told = self._says_something(interval, self.key.truth[name])
            found.append((np.where(told, interval[0], np.nan), np.where(told, interval[1], np.nan)))
            if not told.all():
                found += [self.as_person(expr, way, repaired) for way in (None, *self.persons())]
        return found

    def _says_something(self, interval: Interval, truth: Array) -> Mask:
        """Whether an interval is narrow enough to tell right from wrong."""
        largest = np.max(np.abs(truth), initial=0.0)
        room = np.maximum(60 * self.unit.at(np.asarray(largest)), largest / 4)
        return np.asarray(interval[1] - interval[0] <= room)

    def persons(self) -> tuple[Rounding, Rounding]:
        """Two definite ways: to round, and to cut off, after every single step."""
        count, significant = self.unit.count, self.unit.significant
        return Rounding(count, significant), Rounding(count, significant, cuts_off=True)

    def as_person(self, expr: Expr, way: Rounding | None, repaired: bool = False) -> Interval:
        """What one definite way of rounding gives (None: no rounding of unwritten steps).

        Close to 1/0 and ln 0 the digits of an unwritten step decide everything, and an interval
        holds every number; but whoever rounds, or cuts off, all the time gets a definite one.
        """
        return enclosure(expr, partial(self._point, _Typed(self, repaired, way)), way)

    @staticmethod
    def _point(typed: _Typed, name: str) -> Interval:
        return point(typed[name])

    def _imprecise(self, name: str, written: Written, verdicts: NDArray[np.object_]) -> None:
        open_ = verdicts == "wrong"
        if not open_.any() or self.key.unit is None:
            return
        truth = self.key.truth[name]
        fits = meets(standing_for(written.value, written.unit), point(truth))
        fits &= ~self._unmoved(name, written, 1)
        fits &= written.value != 0  # a bare 0 has no digit that could be right
        verdicts[open_ & fits & (written.unit > self.key.unit.at(truth))] = "imprecise"

    def _unmoved(self, name: str, written: Written, units: int) -> Mask:
        """Where a parameter is still the old one that should have changed by so many units."""
        old = self.key.parameters.get(name)
        if old is None:
            return np.zeros(written.value.shape, dtype=bool)
        before, truth = self.key.truth[old], self.key.truth[name]
        visible = np.abs(truth - before) >= units * self.unit.at(truth)
        return np.asarray((written.value == before) & visible)

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

    def _any_wrong(self, name: str) -> bool:
        return any(
            source in self.judged
            and bool(
                np.isin(self.judged[source].verdicts, ("wrong", "carried", "not-judged")).any()
            )
            for source in self.sources(name)
        )

    def _not_judged(self, name: str, verdicts: NDArray[np.object_]) -> str | None:
        """Where nothing can be said, and why."""
        if not np.isin(verdicts, ("wrong", "carried")).any():
            return None
        sources = self.sources(name)
        missing = sorted(source for source in sources if self._is_missing(source))
        if missing and (verdicts == "wrong").any():
            verdicts[verdicts == "wrong"] = "not-judged"
            return f"{', '.join(missing)} is missing, and this is computed from it"
        if (verdicts == "carried").any():
            for source in sorted(sources):
                why = self._no_work_left(source)
                if why is not None:
                    verdicts[verdicts == "carried"] = "not-judged"
                    return why
        return None

    def _is_missing(self, source: str) -> bool:
        if source in self.lost:
            return True
        return source in self.key.asked and not self.written[source].present.all()

    def _no_work_left(self, source: str) -> str | None:
        """Why nothing can be carried from a wrong value that takes the work away."""
        judged = self.judged.get(source)
        if judged is None or not (judged.verdicts == "wrong").all():
            return None
        value = self.written[source].value
        if not np.any(value) and np.any(self.key.truth[source]):
            return f"{source} is all zero, which leaves no work to do here"
        for name in self.key.given:
            given = self.key.truth[name]
            if value.size > 1 and given.shape == value.shape and np.array_equal(given, value):
                return f"{source} is copied from {name}, which leaves no work to do here"
        return None


def is_jacobian(expr: Expr) -> bool:
    """Whether a formula is only computed by pulling back, so that it has no interval."""
    return any(getattr(node, "name", "") == "jacobian" for node in walk(expr))


def is_right(value: Array, typed: Array, truth: Array, asked: Unit | None) -> tuple[Mask, Mask]:
    """Where the true value is among those a number stands for: at its digits, and at those asked."""
    at_digits = meets(standing_for(value, finer(value, typed, truth, asked)), point(truth))
    to_digits = meets(standing_for(value, _asked_unit(truth, typed, asked)), point(truth))
    return at_digits, to_digits


def how_right(value: Array, typed: Array, truth: Array, asked: Unit | None) -> NDArray[np.object_]:
    """How right values are right: exact, rounded or truncated."""
    unit = np.maximum(finer(value, typed, truth, asked), _asked_unit(truth, typed, asked))
    off = np.abs(value - truth)
    how = np.full(value.shape, "truncated", dtype=object)
    how[off <= unit / 2 * (1 + 1e-9)] = "rounded"
    how[_same(value, truth)] = "exact"
    return how


def _asked_unit(truth: Array, typed: Array, asked: Unit | None) -> Array:
    """The unit asked where more digits are typed; where fewer are, none that could excuse them."""
    if asked is None:
        return typed
    unit = asked.at(truth)
    return np.where(typed < unit, unit, 0.0)


def _same(value: Array, truth: Array) -> Mask:
    """Where a typed value is the exact one, and not only near it."""
    return np.asarray(np.abs(value - truth) <= 1e-12 * np.maximum(np.abs(truth), 1e-300))


class _Typed(Mapping[str, Array]):
    """The quantities of a sheet as numbers: as typed, and computed from those where nothing is.

    `repaired` puts true values for wrong ones, `way` is how unwritten steps are rounded.
    """

    def __init__(self, judge: Judge, repaired: bool = False, way: Rounding | None = None) -> None:
        self.judge = judge
        self.repaired = repaired
        self.way = way
        self.found: dict[str, Array] = {}

    def __getitem__(self, name: str) -> Array:
        if name not in self.found:
            self.found[name] = self._value(name)
        return self.found[name]

    def _value(self, name: str) -> Array:
        key = self.judge.key
        if name in key.given or name not in key.formulas:
            return key.truth[name]
        written = self.judge.written.get(name)
        if written is None:
            return self._computed(name)
        value = written.value
        judged = self.judge.judged.get(name)
        if self.repaired and judged is not None:
            right = np.isin(judged.verdicts, ("correct", "imprecise", "missing"))
            value = np.where(right, value, key.truth[name])
        if written.present.all():
            return value
        return np.where(written.present, value, self._computed(name))

    def _computed(self, name: str) -> Array:
        expr = self.judge.key.formulas[name][0]
        value = enclosure(expr, lambda used: point(self[used]), self.way)[0]
        return value if self.way is None else self.way.written(value)

    def __iter__(self) -> Iterator[str]:
        return iter(self.judge.key.truth)

    def __len__(self) -> int:
        return len(self.judge.key.truth)


def overall(verdicts: NDArray[np.object_]) -> Verdict:
    """A quantity's verdict: the first of these that any entry has."""
    order: tuple[Verdict, ...] = (
        "wrong",
        "invalid",
        "not-judged",
        "carried",
        "imprecise",
        "missing",
        "correct",
    )
    present = set(verdicts.ravel())
    return next(verdict for verdict in order if verdict in present)


def weakest(how: NDArray[np.object_], verdict: Verdict) -> How | None:
    """How a correct quantity is correct: the weakest of its entries."""
    if verdict != "correct":
        return None
    present = {word for word in how.ravel() if word is not None}
    return max(present, key=HOW_WEAKEST.index, default=None)

"""What stands on a sheet to plain numbers: what somebody has who goes on with a calculator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from msgspec import Struct, field

from backprop_cli.algebra.expr import Expr, in_order
from backprop_cli.grading.judging.answer_key import Judged, Key
from backprop_cli.grading.judging.effort import Effort
from backprop_cli.grading.sheets.typed_arrays import Array, Mask, Written
from backprop_cli.operations.bounds import Interval, point
from backprop_cli.operations.masks import every, some
from backprop_cli.readings.intervals import Enclosing
from backprop_cli.readings.remembered import enclosed
from backprop_cli.readings.units import Rounding, Unit

_LONGEST = 8  # decimals of a number that is typed in full


class Calculator(Struct):
    """The quantities of a sheet as numbers: as typed, and computed from those where nothing is.

    `repaired` puts true values for wrong ones, and unless it is `lax`, for those of too few digits;
    `way` is how unwritten steps are rounded, `number` which of its formulas each of them goes by.
    """

    key: Key
    written: Mapping[str, Written]
    judged: Mapping[str, Judged]
    effort: Effort
    repaired: bool = False
    lax: bool = True
    way: Rounding | None = None
    number: int = 0
    found: dict[str, Array] = field(default_factory=dict)
    given_up: frozenset[str] | None = None
    _by: dict[Unit | None, Enclosing] = field(default_factory=dict)
    _counted: set[str] = field(default_factory=set)

    def leave(self, expr: Expr) -> None:
        """Counts what a formula's names would take here that are worked out for it."""
        for name in in_order(expr).names:
            for one in (*self.key.behind_value(name, self.written), name):
                if one not in self.found and self.key.is_computed(one, self.written):
                    self._pay(one)

    def _pay(self, name: str) -> None:
        expr = self.key.formula(name, self.number)
        if expr is not None and name not in self._counted:
            self._counted.add(name)
            self.effort.pay(expr)

    def enclosed(self, expr: Expr, unit: Unit | None) -> Interval:
        """The bounds of a formula on these numbers, its steps rounded to a unit."""
        if unit not in self._by:
            self._by[unit] = Enclosing(self.interval, unit, given=self.key.given)
        return enclosed(expr, self._by[unit])

    def interval(self, name: str) -> Interval:
        """One quantity as an interval without width."""
        if self.given_up is None and self.repaired:
            self.given_up = frozenset()
            self.given_up = frozenset(self._leading_nowhere())
            self.found.clear()
            self._counted.clear()
            self._by.clear()
        if name not in self.found:
            for behind in self.key.behind_value(name, self.written):
                if behind not in self.found:  # no recursion: chains may be long
                    self.found[behind] = self._value(behind)
            self.found[name] = self._value(name)
        return point(self.found[name])

    def _leading_nowhere(self) -> Iterator[str]:
        """Names whose figures give 1/0 or ln 0 on the way to a value that is wrong.

        Nobody got from these to what is right there, so nobody goes on with both: 0.00 times a
        gradient of 1/0.003 is no rounded product.
        """
        key = self.key
        for name in key.dividing.intersection(self.judged):
            expr, judged = key.first(name), self.judged[name]
            if expr is None or judged.is_right:
                continue
            value = self.enclosed(expr, None)[0]
            if not every(np.isfinite(value) | judged.right):
                yield from key.uses[name]

    def _value(self, name: str) -> Array:
        if self.given_up and name in self.given_up:
            return self.key.truth[name]
        if name in self.key.given or name not in self.key.formulas:
            return self._given(self.key.truth[name])
        written = self.written.get(name)
        if written is None:
            return self._computed(name)
        value = written.value
        judged = self.judged.get(name)
        if judged is not None and not judged.is_right:
            value = np.where(self._is_kept(judged), value, self.key.truth[name])
            value = np.where(written.present, value, np.nan)
        if written.complete:
            return value
        return np.where(written.present, value, self._computed(name))

    def _is_kept(self, judged: Judged) -> Mask:
        """Where a value is used as it was typed."""
        kept = judged.right if self.repaired else ~np.asarray(judged.imprecise)
        return np.asarray(kept | judged.imprecise if self.lax else kept)

    def _given(self, value: Array) -> Array:
        """A number of the problem, as somebody types it who has to break it off somewhere."""
        if self.way is None or not some(never := endless(value)):
            return value
        return np.where(never, self.way.written(value), value)

    def _computed(self, name: str) -> Array:
        expr = self.key.formula(name, self.number)
        if expr is None:
            return self.key.truth[name]
        self._pay(name)
        value = self.enclosed(expr, self.way and self.way.inside)[0]
        return value if self.way is None else self.way.written(value)


def endless(value: Array) -> Mask:
    """Where a number has more decimals than anybody types: a third, a root."""
    scaled = value * 10.0**_LONGEST
    return np.asarray(
        np.abs(scaled - np.round(scaled)) > 1e-6 * np.maximum(1.0, np.abs(scaled) * 1e-9)
    )

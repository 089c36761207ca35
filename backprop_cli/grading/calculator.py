"""What stands on a sheet to numbers, as somebody with a calculator takes it from there."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from msgspec import Struct, field

from backprop_cli.grading.key import Judged, Key
from backprop_cli.grading.written import Array, Written
from backprop_cli.operations.bounds import Interval, point
from backprop_cli.readings.intervals import Rounding, enclosure


class Calculator(Struct):
    """The quantities of a sheet as numbers: as typed, and computed from those where nothing is.

    `repaired` puts true values for wrong ones, `way` is how unwritten steps are rounded.
    """

    key: Key
    written: Mapping[str, Written]
    judged: Mapping[str, Judged]
    repaired: bool = False
    way: Rounding | None = None
    found: dict[str, Array] = field(default_factory=dict)

    def interval(self, name: str) -> Interval:
        """One quantity as an interval without width."""
        if name not in self.found:
            self.found[name] = self._value(name)
        return point(self.found[name])

    def _value(self, name: str) -> Array:
        if name in self.key.given or name not in self.key.formulas:
            return self.key.truth[name]
        written = self.written.get(name)
        if written is None:
            return self._computed(name)
        value = written.value
        judged = self.judged.get(name)
        if self.repaired and judged is not None:
            right = judged.usable | ~written.present
            value = np.where(right, value, self.key.truth[name])
        if written.present.all():
            return value
        return np.where(written.present, value, self._computed(name))

    def _computed(self, name: str) -> Array:
        inside = None if self.way is None or self.way.names_only else self.way
        value = enclosure(self.key.formulas[name][0], self.interval, inside)[0]
        return value if self.way is None else self.way.written(value)

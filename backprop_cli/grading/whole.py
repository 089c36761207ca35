"""A whole sheet compared with the right values at once: most sheets need nothing more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from backprop_cli.grading.judge import Judged, how_right, is_right
from backprop_cli.grading.written import Array, Written
from backprop_cli.readings.intervals import Unit


@dataclass(frozen=True, slots=True)
class Whole:
    """The right values of everything asked, one after the other in one array."""

    names: tuple[str, ...]
    truth: Array
    unit: Unit | None

    @staticmethod
    def of(names: Sequence[str], truth: Mapping[str, Array], unit: Unit | None) -> Whole:
        """The values of these names."""
        return Whole(
            tuple(names), np.concatenate([truth[name].ravel() for name in names] or [[]]), unit
        )

    def judged(self, written: Mapping[str, Written]) -> dict[str, Judged] | None:
        """The verdicts on a sheet on which everything is right; None where anything is not.

        Right means at the digits typed: digits beyond those asked are looked at one by one.
        """
        if any(name not in written for name in self.names):
            return None
        value = np.concatenate([written[name].value.ravel() for name in self.names] or [[]])
        typed = np.concatenate([written[name].unit.ravel() for name in self.names] or [[]])
        at_digits, _ = is_right(value, typed, self.truth, self.unit)
        if not at_digits.all():
            return None
        how = how_right(value, typed, self.truth, self.unit)
        found, start = {}, 0
        for name in self.names:
            shape = written[name].value.shape
            stop = start + written[name].value.size
            correct = np.full(shape, "correct", dtype=object)
            found[name] = Judged(correct, how[start:stop].reshape(shape))
            start = stop
        return found

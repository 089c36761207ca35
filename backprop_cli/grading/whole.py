"""A whole sheet compared with the right values at once: most sheets need nothing more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from msgspec import Struct

from backprop_cli.grading.key import Judged
from backprop_cli.grading.written import Array, Written, how_right, is_right
from backprop_cli.readings.intervals import Unit


class Whole(Struct, frozen=True):
    """The right values of everything asked, one after the other in one array."""

    names: tuple[str, ...]
    truth: Array
    unit: Unit | None

    @staticmethod
    def of(names: Sequence[str], truth: Mapping[str, Array], unit: Unit | None) -> Whole:
        """The values of these names."""
        return Whole(tuple(names), _joined(truth[name] for name in names), unit)

    def judged(self, written: Mapping[str, Written]) -> dict[str, Judged] | None:
        """The verdicts on a sheet on which everything is right; None where anything is not.

        Right means at the digits typed: digits beyond those asked are looked at one by one.
        """
        if any(name not in written for name in self.names):
            return None
        value = _joined(written[name].value for name in self.names)
        typed = _joined(written[name].unit for name in self.names)
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


def _joined(arrays: Iterable[Array]) -> Array:
    """The entries of all arrays, one after the other."""
    return np.concatenate([np.zeros(0), *(array.ravel() for array in arrays)])

"""A whole sheet compared with the right values at once: most quantities need nothing more."""

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
    shapes: tuple[tuple[int, ...], ...]
    truth: Array
    unit: Unit | None

    @staticmethod
    def of(names: Sequence[str], truth: Mapping[str, Array], unit: Unit | None) -> Whole:
        """The values of these names."""
        shapes = tuple(truth[name].shape for name in names)
        return Whole(tuple(names), shapes, _joined(truth[name] for name in names), unit)

    def judged(self, written: Mapping[str, Written]) -> dict[str, Judged]:
        """The verdicts on the quantities of a sheet that are right in every entry.

        Right means at the digits typed: digits beyond those asked are looked at one by one.
        """
        value = _joined(
            written[name].value if name in written else np.full(shape, np.nan)
            for name, shape in zip(self.names, self.shapes, strict=True)
        )
        typed = _joined(
            written[name].unit if name in written else np.zeros(shape)
            for name, shape in zip(self.names, self.shapes, strict=True)
        )
        at_digits, _ = is_right(value, typed, self.truth, self.unit)
        how = how_right(value, typed, self.truth, self.unit)
        found, start = {}, 0
        for name, shape in zip(self.names, self.shapes, strict=True):
            stop = start + int(np.prod(shape, dtype=int))
            if name in written and at_digits[start:stop].all():
                correct = np.full(shape, "correct", dtype=object)
                found[name] = Judged(correct, how[start:stop].reshape(shape))
            start = stop
        return found


def _joined(arrays: Iterable[Array]) -> Array:
    """The entries of all arrays, one after the other."""
    return np.concatenate([np.zeros(0), *(array.ravel() for array in arrays)])

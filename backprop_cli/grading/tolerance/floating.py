"""A type of floats -> the digits that its numbers stand for, in place of digits somebody typed."""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct

from backprop_cli.operations.bounds import Interval
from backprop_cli.readings.units import Unit
from backprop_cli.trace import Array

EPSILONS: Final = {name: float(np.finfo(name).eps) for name in ("float16", "float32", "float64")}
"""The relative distance of a float from the next one, by the kind."""

_ROUNDINGS = 16
"""Roundings that one operation is allowed: of its arguments, within it, of its result."""

_WORST = 0.05
_LEAST = 1e-9
"""What is asked of nobody: the judge's own figures are no better known."""


class FloatType(Struct, frozen=True):
    """The type a program computes in; `rtol` is the tolerance a teacher sets in place of its own.

    A program is as exact as its coarsest numbers: one float32 among its arrays makes it float32.
    """

    name: str
    rtol: float | None = None

    @property
    def epsilon(self) -> float:
        """The distance of 1 from the next number."""
        return EPSILONS[self.name]

    @property
    def most(self) -> float:
        """What no rounding excuses, however long the sums are: half of the digits are wrong."""
        return max(float(self.epsilon**0.5), self.rtol or 0.0)

    @property
    def worst(self) -> float:
        """What is measured where numbers cancel, or units are saturated, excuses no more than this.

        At a kink nothing is what it was a rounding before, and that is no measure for a program.
        """
        return min(_WORST, 1e3 * self.most)

    def behind(self, terms: int) -> float:
        """The relative tolerance behind sums of so many terms, one after the other.

        Roundings go either way, so that their sum grows with the root of their number.
        """
        if self.rtol is not None:
            return self.rtol
        return min(max(_ROUNDINGS * self.epsilon * (1 + float(terms**0.5)), _LEAST), self.most)


class Floating(Unit, frozen=True):
    """Stands where digits are asked of a person: of a program none are, it has those of its kind.

    `at` is what cannot be told from nothing in numbers of this size, `widened` what one more
    rounding may do to them; both go by the largest entry.
    """

    kind: FloatType = FloatType("float64")

    def at(self, value: Array) -> Array:
        """A difference too small to say anything, one for all entries."""
        return np.full(np.shape(value), self.kind.most * largest(value))

    def widened(self, interval: Interval) -> Interval:
        """The interval with room for one rounding."""
        low, high = interval
        room = self.kind.behind(0) * max(largest(low), largest(high))
        return low - room, high + room


def largest(value: Array) -> float:
    """The size of the largest entry that is a number; 0 where there is none."""
    size = np.abs(value)
    return float(np.max(size, initial=0.0, where=np.isfinite(size)))

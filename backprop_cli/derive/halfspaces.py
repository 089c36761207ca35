"""Linear inequalities with exact numbers: whether they can hold together, which are needed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import gcd, lcm
from typing import TypeAlias

from msgspec import Struct


class Affine(Struct, frozen=True):
    """a₁x₁ + a₂x₂ + … + constant."""

    slopes: tuple[Fraction, ...]
    constant: Fraction

    def __add__(self, other: Affine) -> Affine:
        slopes = (a + b for a, b in zip(self.slopes, other.slopes, strict=True))
        return Affine(tuple(slopes), self.constant + other.constant)

    def times(self, factor: Fraction) -> Affine:
        """The function times a number."""
        return Affine(tuple(factor * a for a in self.slopes), factor * self.constant)

    def __neg__(self) -> Affine:
        return self.times(Fraction(-1))

    def __sub__(self, other: Affine) -> Affine:
        return self + -other

    @property
    def is_constant(self) -> bool:
        """Whether no input changes it."""
        return not any(self.slopes)

    def at(self, point: Sequence[Fraction]) -> Fraction:
        """The value at a point."""
        return sum((a * x for a, x in zip(self.slopes, point, strict=True)), self.constant)


class Half(Struct, frozen=True):
    """Where a linear function is not negative; where it is positive, if `strict`."""

    function: Affine
    strict: bool = False

    @property
    def outside(self) -> Half:
        """Where this does not hold."""
        return Half(-self.function, not self.strict)

    def holds(self, point: Sequence[Fraction]) -> bool:
        """Whether the point belongs to it."""
        value = self.function.at(point)
        return value > 0 or (value == 0 and not self.strict)


Region: TypeAlias = tuple[Half, ...]
"""Points for which all of these hold; the whole space where it is empty."""


def scaled(half: Half) -> Half:
    """The same inequality in whole numbers without a common divisor."""
    numbers = (*half.function.slopes, half.function.constant)
    up = lcm(*(value.denominator for value in numbers))
    down = gcd(*(int(value * up) for value in numbers)) or 1
    return Half(half.function.times(Fraction(up, down)), half.strict)


def possible(region: Iterable[Half]) -> bool:
    """Whether some point belongs to it: the inputs are eliminated one by one (Fourier, Motzkin)."""
    halves = set(map(scaled, region))
    while halves:
        decided = {half for half in halves if half.function.is_constant}
        if any(not _true(half) for half in decided):
            return False
        halves -= decided
        if halves:
            halves = _without_last(halves)
    return True


def _true(half: Half) -> bool:
    return half.function.constant > 0 or (half.function.constant == 0 and not half.strict)


def _without_last(halves: set[Half]) -> set[Half]:
    """What the inequalities say about the other inputs, the last one eliminated."""
    last = max(i for half in halves for i, a in enumerate(half.function.slopes) if a)
    above = [half for half in halves if half.function.slopes[last] > 0]
    below = [half for half in halves if half.function.slopes[last] < 0]
    kept = {half for half in halves if not half.function.slopes[last]}
    for low in above:
        for high in below:
            kept.add(_combined(low, high, last))
    return kept


def _combined(low: Half, high: Half, last: int) -> Half:
    first = low.function.times(1 / low.function.slopes[last])
    second = high.function.times(-1 / high.function.slopes[last])
    return scaled(Half(first + second, low.strict or high.strict))


def within(region: Region, half: Half) -> bool:
    """Whether the inequality holds everywhere in the region."""
    return not possible((*region, half.outside))


def needed(region: Iterable[Half]) -> Region:
    """The same region without the inequalities that follow from the others."""
    kept = list(dict.fromkeys(map(scaled, region)))
    for half in reversed(list(kept)):
        others = tuple(other for other in kept if other != half)
        if within(others, half):
            kept.remove(half)
    return tuple(kept)


# Unions -------------------------------------------------------------------------------------------


def joined(first: Region, second: Region) -> Region | None:
    """One region that holds exactly the points of both; None where they do not make one.

    The two have no point in common, so that they can only make one if they share a border.
    """
    borders = {scaled(half).function for half in first}
    if first and not any(scaled(half.outside).function in borders for half in second):
        return None
    around = (
        *(half for half in first if within(second, half)),
        *(half for half in second if within(first, half)),
    )
    for a in first:
        for b in second:
            if possible((*around, a.outside, b.outside)):
                return None
    return needed(around)


def merged(regions: Iterable[Region]) -> tuple[Region, ...]:
    """Fewer regions with the same points, joined where two make one."""
    found = list(regions)
    changed = True
    while changed:
        changed = False
        for i, first in enumerate(found):
            for j in range(i + 1, len(found)):
                union = joined(first, found[j])
                if union is not None:
                    found[i] = union
                    del found[j]
                    changed = True
                    break
            if changed:
                break
    return tuple(found)

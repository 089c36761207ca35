"""Labelled points -> straight cuts, and the fewest threshold units that tell them apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cache, cmp_to_key
from itertools import combinations, pairwise, product
from math import gcd, lcm
from typing import Final, TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Point: TypeAlias = tuple[Fraction, ...]
Normal: TypeAlias = tuple[Fraction, ...]

_NICEST: Final = 4
"""Weights up to this size are tried before any others that part the points in the same way."""

_DENOMINATORS: Final = (1, 2, 4, 5, 10, 20, 50, 100)


class Cut(Struct, frozen=True):
    """A unit that is on where `weights` times the point plus `bias` is above 0.

    `on` has a bit for each of the points where it is; the unit that is off there instead counts as
    the same cut.
    """

    on: int
    weights: Normal
    bias: Fraction


def cuts(points: Sequence[Point]) -> tuple[Cut, ...]:
    """Every way to part the points by a cut, one cut each, with numbers as simple as may be."""
    found: dict[int, Cut] = {}
    whole = (1 << len(points)) - 1
    for normal in (*_nice_normals(len(points[0])), *_normals(points)):
        for on, low, high in _along(normal, points):
            key = min(on, whole - on)
            if key not in found:
                found[key] = Cut(on, normal, -simplest(low, high))
    return tuple(found.values())


def _along(normal: Normal, points: Sequence[Point]) -> Iterator[tuple[int, Fraction, Fraction]]:
    """The points ahead of each cut square to a direction, and between which heights it lies."""
    heights = [_product(normal, point) for point in points]
    for low, high in pairwise(sorted(set(heights))):
        yield sum(1 << n for n, height in enumerate(heights) if height >= high), low, high


def _product(normal: Normal, point: Point) -> Fraction:
    return sum((a * b for a, b in zip(normal, point, strict=True)), Fraction(0))


# Directions ---------------------------------------------------------------------------------------


def _nice_normals(inputs: int) -> Iterator[Normal]:
    """Directions of small whole numbers, the smallest first."""
    if inputs == 1:
        yield (Fraction(1),)
        return
    sizes = range(-_NICEST, _NICEST + 1)
    pairs = [(a, b) for a in sizes for b in sizes if (a, b) > (0, 0)]
    for a, b in sorted(pairs, key=lambda pair: (abs(pair[0]) + abs(pair[1]), -pair[0], -pair[1])):
        yield Fraction(a), Fraction(b)


def _normals(points: Sequence[Point]) -> Iterator[Normal]:
    """One direction between each two neighbours among those square to a line through two points."""
    if len(points[0]) == 1:
        return
    apart = combinations(dict.fromkeys(points), 2)  # a point given twice is one
    critical = sorted({_upward(p, q) for p, q in apart}, key=_by_angle)
    for (a, b), (c, d) in pairwise([*critical, (-critical[0][0], -critical[0][1])]):
        yield _whole((a + c, b + d) if (a, b) != (-c, -d) else (-b, a))


def _whole(normal: Normal) -> Normal:
    """The same direction in whole numbers, as small as may be."""
    scale = lcm(*(each.denominator for each in normal))
    whole = [int(each * scale) for each in normal]
    return tuple(Fraction(each, gcd(*whole)) for each in whole)


def _upward(p: Point, q: Point) -> Normal:
    """The direction square to the line through two points, in the upper half of the plane."""
    across, up = q[1] - p[1], p[0] - q[0]
    sign = -1 if up < 0 or (up == 0 and across < 0) else 1
    size = max(abs(across), abs(up))
    return sign * across / size, sign * up / size


def _turned(one: Normal, other: Normal) -> int:
    turn = one[0] * other[1] - one[1] * other[0]
    return -1 if turn > 0 else 1 if turn < 0 else 0


_by_angle = cmp_to_key(_turned)


def simplest(low: Fraction, high: Fraction) -> Fraction:
    """A short number strictly between two others, as near to their middle as it may be."""
    middle = (low + high) / 2
    for denominator in _DENOMINATORS:
        near = Fraction(round(middle * denominator), denominator)
        if low < near < high:
            return near
    return middle


MOST_HIDDEN: Final = 5
"""So many hidden units are tried."""

MOST_LOOKS: Final = 60_000
"""So many sets of units are looked at until the search ends without a statement."""

_LARGEST: Final = {1: 1, 2: 1, 3: 2, 4: 3, 5: 5}
"""The largest whole weight that a threshold unit of so many inputs ever needs (Muroga 1971)."""


class Separated(Struct, frozen=True):
    """The hidden units, and the weights and bias of the output; no hidden units where one unit
    does it, which is then `hidden` alone."""

    hidden: tuple[Cut, ...]
    weights: tuple[int, ...]
    bias: Fraction


class TooManyLooksError(Exception):
    """The search was ended before it could say that there is no network."""


def separated(points: Sequence[Point], labels: Sequence[int]) -> Separated | None:
    """The network with the fewest hidden units; None where none of so many does it.

    TooManyLooksError where that could not be found out within the bound.
    """
    return _Search(points, labels).found()


class _Search:
    def __init__(self, points: Sequence[Point], labels: Sequence[int]) -> None:
        self._labels = labels
        self._cuts = cuts(points)
        self._looks = 0
        ones = [n for n, label in enumerate(labels) if label]
        zeros = [n for n, label in enumerate(labels) if not label]
        self._parting = {  # of a one and a zero, the cuts that have them on different sides
            (one, zero): [
                place
                for place, cut in enumerate(self._cuts)
                if (cut.on >> one & 1) != (cut.on >> zero & 1)
            ]
            for one in ones
            for zero in zeros
        }

    def found(self) -> Separated | None:
        """The first network that does it, from few units to many."""
        for count in range(1, MOST_HIDDEN + 1):
            if (network := self._with((), count)) is not None:
                return network
        return None

    def _with(self, chosen: tuple[int, ...], more: int) -> Separated | None:
        """A network with these units and so many more."""
        self._looks += 1
        if self._looks > MOST_LOOKS:
            raise TooManyLooksError
        if not more:
            return self._joined(chosen)
        for place in self._next(chosen, more):
            network = self._with((*chosen, place), more - 1)
            if network is not None:
                return network
        return None

    def _next(self, chosen: tuple[int, ...], more: int) -> Iterator[int]:
        """The units of which one has to be among those still to come.

        A one and a zero that no unit parts yet have to be parted by some unit, so only units that
        part them are worth a look; of all such pairs, one with the fewest of these is taken.
        """
        taken = set(chosen)
        open_ = [them for them in self._parting.values() if not taken.intersection(them)]
        if not open_:
            yield from (n for n in range(len(self._cuts)) if n not in taken)
            return
        fewest = min(open_, key=len)
        if more == 1:
            left = set(fewest).intersection(*map(set, open_))
            yield from (place for place in fewest if place in left)
        else:
            yield from fewest

    # The output -----------------------------------------------------------------------------------

    def _joined(self, chosen: tuple[int, ...]) -> Separated | None:
        """The output for these units, where one threshold unit behind them will do."""
        units = [self._cuts[place] for place in chosen]
        seen: dict[tuple[int, ...], int] = {}
        for n, label in enumerate(self._labels):
            signs = tuple(unit.on >> n & 1 for unit in units)
            if seen.setdefault(signs, label) != label:
                return None
        ones = frozenset(signs for signs, label in seen.items() if label)
        zeros = frozenset(signs for signs, label in seen.items() if not label)
        output = threshold(ones, zeros)
        return None if output is None else Separated(tuple(units), *output)


@cache
def threshold(
    ones: frozenset[tuple[int, ...]], zeros: frozenset[tuple[int, ...]]
) -> tuple[tuple[int, ...], Fraction] | None:
    """Whole weights and a bias above 0 at the ones and below 0 at the zeros; None: there are none.

    There is one of each at least.
    """
    count = len(next(iter(ones)))
    weights = _weights(count)
    low = (weights @ np.array(sorted(ones)).T).min(axis=1)
    high = (weights @ np.array(sorted(zeros)).T).max(axis=1)
    fitting = np.flatnonzero(low > high)
    if not fitting.size:
        return None
    first = int(fitting[0])
    bias = -Fraction(int(low[first]) + int(high[first]), 2)
    return tuple(map(int, weights[first])), bias


@cache
def _weights(count: int) -> NDArray[np.int64]:
    """All whole weights that may be needed, the smallest first."""
    size = _LARGEST[count]
    every = product(range(-size, size + 1), repeat=count)
    return np.array(sorted(every, key=lambda one: (sum(map(abs, one)), [-w for w in one])))

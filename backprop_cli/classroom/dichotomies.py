"""Points on a line or in a plane -> every way in which a straight cut parts them, exactly.

A threshold unit does nothing else with points than to part them in one of these ways. While a
cut's direction turns, the order of the points along it changes only where it is square to the line
through two of them; so one direction between each two such ones gives all orders there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cmp_to_key
from itertools import combinations, pairwise
from math import gcd, lcm
from typing import Final, TypeAlias

from msgspec import Struct

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
    critical = sorted({_upward(p, q) for p, q in combinations(points, 2)}, key=_by_angle)
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

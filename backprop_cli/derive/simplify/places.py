"""Which places letters may be at: 1{i = j}, 1{i ≤ j ≤ k} as far as the ranges of letters decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import TypeAlias

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Sym, op
from backprop_cli.algebra.shapes import Size, combined, ends, is_formula, plus, solved
from backprop_cli.derive.derivation_nodes import WITHIN, Range, equal, moving
from backprop_cli.readings.entries import NoEntryError

Ranges: TypeAlias = "Mapping[str, Range]"
_UNKNOWN: Ranges = MappingProxyType({})


def same(left: str, right: str) -> Expr:
    """1{left = right}; two different numbers are never the same."""
    apart = combined((1, left), (-1, right))
    if isinstance(apart, int):
        return build.ZERO if apart else build.ONE
    return equal(left, right)


def between(first: Size, place: str, last: Size, ranges: Ranges = _UNKNOWN) -> Expr:
    """1{first ≤ place ≤ last}, a letter alone in the middle; 0 or 1 where that is known."""
    letter = next((each for each in moving(place) if solved(place, each, each) is None), place)
    moved = combined((1, letter), (-1, place))
    low, high = combined((1, first), (1, moved)), combined((1, last), (1, moved))
    return in_order((str(low), letter, str(high)), ranges)


def in_order(places: Sequence[str], ranges: Ranges = _UNKNOWN) -> Expr:
    """1 where no place is before the one before it, said of those only of which it is not known."""
    both = {letter: (each.first, each.last) for letter, each in ranges.items()}
    kept: list[str] = []
    for low, high in pairwise(places):
        least, most = ends(combined((1, high), (-1, low)), both)
        if isinstance(most, int) and most < 0:
            return build.ZERO
        if not isinstance(least, int) or least < 0:
            kept += [high] if kept else [low, high]
    if not kept:
        return build.ONE
    if len(kept) > 2 and combined((1, kept[0]), (-1, kept[2])) == 0:
        return equal(kept[1], kept[0])
    return op(WITHIN, *map(Sym, kept))


_MOST = 6  # numbers that are listed one by one


def inside(place: str, index: str, ranges: Mapping[str, Range]) -> Expr:
    """1 where `place` is one of the numbers over which `index` runs, else 0: often always 1.

    The sum over the weights of a penalty has no term for a bias that is a row of them.
    """
    summed = ranges.get(index)
    if summed is not None and is_formula(place):
        return between(summed.first, place, summed.last, ranges)
    own = Range(int(place), int(place)) if place.isdecimal() else ranges.get(place)
    if summed is None or own is None or own == summed:
        return build.ONE
    if place.isdecimal():
        beyond = isinstance(summed.last, int) and own.first > summed.last
        return build.ZERO if beyond or own.first < summed.first else build.ONE
    left_out = [str(number) for number in range(own.first, summed.first)]
    if own.last == plus(summed.last, 1):
        left_out.append(str(own.last))
    elif not _reaches(summed.last, own.last):
        return _one_of(place, summed)
    return build.product_of(build.sub(build.ONE, equal(place, number)) for number in left_out)


def _reaches(last: Size, other: Size) -> bool:
    """Whether a range that ends with `last` has what one that ends with `other` has."""
    if isinstance(last, int) and isinstance(other, int):
        return last >= other
    return last in (other, plus(other, 1))


def _one_of(place: str, summed: Range) -> Expr:
    if not isinstance(summed.last, int) or summed.last - summed.first >= _MOST:
        raise NoEntryError("a sum over a part of an axis")
    numbers = range(summed.first, summed.last + 1)
    return build.sum_of(equal(place, str(number)) for number in numbers)

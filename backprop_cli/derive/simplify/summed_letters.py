"""A summed letter and another in its place to the condition that the sum has such a term."""

from __future__ import annotations

from collections.abc import Mapping

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr
from backprop_cli.algebra.shapes import Size, plus
from backprop_cli.derive.derivation_nodes import equal
from backprop_cli.derive.tensors.index_letters import Range
from backprop_cli.readings.entries import NoEntryError

_MOST = 6  # numbers that are listed one by one


def inside(place: str, index: str, ranges: Mapping[str, Range]) -> Expr:
    """1 where `place` is one of the numbers over which `index` runs, else 0: often always 1.

    The sum over the weights of a penalty has no term for a bias that is a row of them.
    """
    summed = ranges.get(index)
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
    found: Expr = build.ONE
    for number in left_out:
        found = build.scalar_mul(found, build.sub(build.ONE, equal(place, number)))
    return found


def _reaches(last: Size, other: Size) -> bool:
    """Whether a range that ends with `last` has what one that ends with `other` has."""
    if isinstance(last, int) and isinstance(other, int):
        return last >= other
    return last in (other, plus(other, 1))


def _one_of(place: str, summed: Range) -> Expr:
    if not isinstance(summed.last, int) or summed.last - summed.first >= _MOST:
        raise NoEntryError("a sum over a part of an axis")
    total: Expr = build.ZERO
    for number in range(summed.first, summed.last + 1):
        total = build.add(total, equal(place, str(number)))
    return total

"""A formula to the forms in which programs write it: what terms share in front, sums kept small."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import reduce
from itertools import islice
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import (
    Expr,
    Num,
    Op,
    Option,
    num,
    op,
    places,
    put,
    rewrite,
    signed_terms,
)

_MOST_WITHIN: Final = 2
"""So many parts are written otherwise, each alone."""


def other_forms(expr: Expr) -> Iterator[Expr]:
    """The same formula as a program may have it."""
    yield from _in_front(expr)
    yield from islice(_in_front_within(expr), _MOST_WITHIN)
    for rule in (_kept_small, _in_two):
        if (other := rewrite(expr, rule)) != expr:
            yield other


# What all terms share -----------------------------------------------------------------------------


class _Term(Struct, frozen=True):
    """A term of a sum: the number before it, its factors, and what it is divided by."""

    times: Fraction
    above: tuple[Expr, ...] = ()
    below: tuple[Expr, ...] = ()

    def without(self, other: _Term) -> tuple[Fraction, Expr]:
        """What is left of it when all of another one stands in front of the sum."""
        times, above = self.times / other.times, _less(self.above, other.above)
        if abs(times) != 1:
            above = [num(abs(times)), *above]
        return times, _quotient(above, _less(self.below, other.below))


def _in_front(expr: Expr) -> Iterator[Expr]:
    """(p/g − q/(1 − g))/n for p/(ng) − q/(n(1 − g)), and the same with a minus in front."""
    terms = [_term(sign, part) for sign, part in signed_terms(expr, through_signs=True)]
    if len(terms) < 2 or not all(term.times for term in terms):
        return
    sizes = [abs(term.times) for term in terms]
    least = min(sizes) if max(sizes) < 1 else Fraction(1)
    if any((size / least).denominator != 1 for size in sizes):
        least = Fraction(1)
    front = _Term(least, *(_shared([getattr(one, side) for one in terms]) for side in _SIDES))
    if front == _Term(Fraction(1)):
        return
    for turned in (1, -1) if len({term.times > 0 for term in terms}) > 1 else (1,):
        inner = [term.without(replace(front, times=turned * least)) for term in terms]
        inner.sort(key=lambda one: one[0] < 0)  # what is added first, as one writes it
        (times, start), *rest = inner
        total = reduce(_joined, rest, start if times > 0 else op("neg", start))
        below = [*front.below, *([num(1 / least)] if least < 1 else [])]
        whole = _quotient([*front.above, total], below)
        yield whole if turned > 0 else op("neg", whole)


_SIDES: Final = ("above", "below")


def _term(sign: int, expr: Expr) -> _Term:
    match expr:
        case Op("mul", (left, right)):
            return _times(_term(sign, left), _term(1, right))
        case Op("div", (top, bottom)):
            under = _term(1, bottom)
            if under.times:
                return _times(_term(sign, top), _Term(1 / under.times, under.below, under.above))
        case Op("neg", (inner,)):
            return _term(-sign, inner)
        case Num(value):
            return _Term(sign * value)
    return _Term(Fraction(sign), (expr,))


def _times(one: _Term, other: _Term) -> _Term:
    return _Term(one.times * other.times, one.above + other.above, one.below + other.below)


def _joined(total: Expr, term: tuple[Fraction, Expr]) -> Expr:
    return op("add" if term[0] > 0 else "sub", total, term[1])


def _in_front_within(expr: Expr) -> Iterator[Expr]:
    """g(1 − t²)(a + bv²) for g(a(1 − t²) + b(1 − t²)v²): in a part of it."""
    for place, node in places(expr):
        if place and isinstance(node, Op) and node.name in ("add", "sub"):
            for made in islice(_in_front(node), 1):
                yield put(expr, place, made)


def _shared(sides: Sequence[tuple[Expr, ...]]) -> tuple[Expr, ...]:
    """What stands on that side of every term."""
    left = [list(side) for side in sides]
    found = []
    for one in sides[0]:
        if all(one in side for side in left):
            found.append(one)
            for side in left:
                side.remove(one)
    return tuple(found)


def _less(side: Sequence[Expr], taken: Sequence[Expr]) -> list[Expr]:
    left = list(side)
    for one in taken:
        left.remove(one)
    return left


def _quotient(above: Sequence[Expr], below: Sequence[Expr]) -> Expr:
    top = reduce(lambda one, other: op("mul", one, other), above) if above else num(1)
    return reduce(lambda whole, one: op("div", whole, one), below, top)


# Logarithms of sums -------------------------------------------------------------------------------


def _kept_small(node: Expr) -> Expr | None:
    """e^(z − max z) for eᶻ in a logarithm of a sum, and max z taken off or added outside of it."""
    if (found := _log_softmax(node)) is not None:
        return _less_its_sum(*found)
    match node:
        case Op("log", (Op("sum", (Op("exp", (z,)),)) as total,)):
            return _of_largest(z, total.axis)
        case Op("logsumexp", (z,)):
            return _of_largest(z, node.axis)
    return None


def _in_two(node: Expr) -> Expr | None:
    """The logarithm of the softmax for z − ln Σ eᶻ."""
    if (found := _log_softmax(node)) is None:
        return None
    z, axis = found
    return op("log", op("softmax", z, axis=axis))


def _log_softmax(node: Expr) -> tuple[Expr, Option] | None:
    """What a log-softmax is taken of, by its name or as z − ln Σ eᶻ, and along which axis."""
    match node:
        case Op("log_softmax", (z,)):
            return z, node.axis
        case Op(
            "sub",
            (z, Op("row" | "column", (Op("log", (Op("sum", (Op("exp", (again,)),)) as total,)),))),
        ) if z == again:
            return z, total.axis
    return None


def _less_its_sum(z: Expr, axis: Option) -> Expr:
    less = _less_largest(z, axis)
    total = op("log", build.sum_along(op("exp", less), axis))
    return op("sub", less, total)


def _of_largest(z: Expr, axis: Option) -> Expr:
    along = {} if axis is None else {"axis": axis}
    return op(
        "add",
        op("max", z, **along),
        op("log", op("sum", op("exp", _less_largest(z, axis)), **along)),
    )


def _less_largest(z: Expr, axis: Option) -> Expr:
    return op("sub", z, op("max", z, **({} if axis is None else {"axis": axis, "keep": 1})))

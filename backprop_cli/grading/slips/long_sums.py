"""A sum of terms to the same without one of them, or with another in its place, the rest shared.

A gradient of a weight that is used at twelve steps of time is a sum of twelve terms, and each of
them may go wrong in a hundred ways. Written out from the start each time, that is a hundred times
the square of twelve; what is left when a term is gone is the same for all that may stand there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Op, Place, places, put, symbols

LONG: Final = 8
"""A sum of so many terms is put together as it stands, one after the other, as people do."""

Spot: TypeAlias = "tuple[Place, Expr, Callable[[Expr], Expr]]"
"""A part of a formula: where it stands, what it is, and the formula with another in its place."""


class LongSum:
    """The terms of a sum, and what some of them come to."""

    def __init__(self, parts: Sequence[Expr]) -> None:
        self.parts = tuple(parts)
        self.is_long = len(self.parts) > LONG
        self._first = _running(self.parts)
        self._last = _running(self.parts[::-1]) if self.is_long else []

    def with_name(self, name: str) -> list[int]:
        """The terms in which a quantity stands."""
        return [k for k, part in enumerate(self.parts) if name in symbols(part)]

    def before(self, k: int) -> Expr | None:
        """The terms before the k-th; None where there are none."""
        return self._first[k - 1] if k else None

    def behind(self, k: int) -> Expr | None:
        """The terms behind the k-th; None where there are none."""
        rest = len(self.parts) - k - 1
        return self._last[rest - 1] if rest else None

    def without(self, k: int) -> Expr:
        """All but the k-th."""
        return _added(self.before(k), self.behind(k))

    def put(self, k: int, new: Expr) -> Expr:
        """All of it with another k-th term."""
        return build.add(self.without(k), new)


def _running(parts: Sequence[Expr]) -> list[Expr]:
    found: list[Expr] = []
    for part in parts:
        found.append(build.add(found[-1], part) if found else part)
    return found


def _added(left: Expr | None, right: Expr | None) -> Expr:
    if left is None or right is None:
        found = left or right
        assert found is not None
        return found
    return build.add(left, right)


def added(parts: Sequence[Expr], kept: Sequence[int] | range) -> Expr:
    """The sum of some of the terms, in their order."""
    return _running([parts[k] for k in kept])[-1]


def spots(expr: Expr, terms: LongSum) -> Iterator[Spot]:
    """Every part of a formula within its terms, if they are many, or of the whole of it."""
    if not terms.is_long:
        for place, node in places(expr):
            yield place, node, lambda new, place=place: put(expr, place, new)  # type: ignore[misc]
        return
    for k, term in enumerate(terms.parts):
        for place, node in places(term):
            yield (
                (k, *place),
                node,
                lambda new, k=k, term=term, place=place: terms.put(k, put(term, place, new)),  # type: ignore[misc]
            )


def terms_gone_wrong(terms: LongSum) -> Iterator[tuple[str, Expr]]:
    """A long sum with a term lost, or with the wrong sign, or with no more than some of it."""
    for k, term in enumerate(terms.parts):
        rest = terms.without(k)
        yield "term-left-out", rest
        yield "term-sign-flipped", Op("sub", (rest, term))
        for some in (terms.before(k), terms.behind(k)):
            if some is not None:
                yield "term-left-out", some
        if (start := terms.before(k)) is not None:  # all so far with the wrong sign
            yield "term-sign-flipped", _added(Op("sub", (term, start)), terms.behind(k))

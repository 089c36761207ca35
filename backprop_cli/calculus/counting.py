"""Shapes to how many numbers they hold: a polynomial in the letters of the sizes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Sym, num
from backprop_cli.algebra.shapes import Shape, Size

Monomial: TypeAlias = "tuple[str, ...]"
Polynomial: TypeAlias = "Mapping[Monomial, int]"
"""The whole number before each product of letters (in alphabetical order)."""


def total(shapes: Iterable[Shape]) -> Polynomial:
    """How many numbers quantities of these shapes hold together."""
    found: Counter[Monomial] = Counter()
    for shape in shapes:
        found.update(_entries(shape))
    return found


def product(shape: Shape) -> Expr:
    """How many numbers a quantity of this shape holds, its sizes multiplied as they stand."""
    found: Expr = build.ONE
    for size in shape:
        found = build.scalar_mul(found, expression(_length(size)))
    return found


def expression(polynomial: Polynomial) -> Expr:
    """The polynomial as a formula, products of more letters first."""
    result: Expr = build.ZERO
    for letters in sorted(polynomial, key=lambda letters: (-len(letters), letters)):
        result = build.add(result, _term(polynomial[letters], letters))
    return result


def _term(factor: int, letters: Monomial) -> Expr:
    term: Expr = num(factor)
    for letter, times in Counter(letters).items():
        term = build.scalar_mul(term, build.power(Sym(letter), num(times)))
    return term


def _entries(shape: Shape) -> Counter[Monomial]:
    found: Counter[Monomial] = Counter({(): 1})
    for size in shape:
        found = _times(found, _length(size))
    return found


def _times(left: Polynomial, right: Polynomial) -> Counter[Monomial]:
    product: Counter[Monomial] = Counter()
    for one, factor in left.items():
        for other, times in right.items():
            product[tuple(sorted((*one, *other)))] += factor * times
    return product


def _length(size: Size) -> Polynomial:
    """A size such as 3, N or N+1."""
    if isinstance(size, int):
        return {(): size}
    letter, _, more = size.partition("+")
    return {(letter,): 1, (): int(more)} if more else {(letter,): 1}

"""A sum of fractions times its denominators to a sum without them: (a/b − c/d) b d is a d − c b."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Num, Op, num, signed_terms
from backprop_cli.derive.simplify.contract import product, times
from backprop_cli.derive.simplify.monomials import is_sum
from backprop_cli.derive.simplify.tidy import factor_powers

Monomial = tuple[Fraction, Mapping[Expr, int]]
_MOST = 12  # terms up to which something is multiplied out


def cleared(expr: Expr) -> Expr:
    """The expression with fractions cleared wherever that makes it shorter."""
    if not isinstance(expr, Op):
        return expr
    if expr.name in ("mul", "neg", "div"):
        found = _cleared_product(expr)
        if found is not None:
            return found
    args = tuple(map(cleared, expr.args))
    return expr if args == expr.args else Op(expr.name, args, expr.options)


def _cleared_product(expr: Expr) -> Expr | None:
    """The product with one of its sums multiplied by denominators that are factors as well."""
    powers = [*factor_powers(expr)]
    for place, (factor, power) in enumerate(powers):
        if power != 1 or not is_sum(factor):
            continue
        others = powers[:place] + powers[place + 1 :]
        common = [each for each in _denominators(factor) if (each, 1) in others]
        if not common:
            continue
        shorter = _multiplied(factor, product([(each, 1) for each in common]))
        if shorter is None:
            continue
        rest = [each for each in others if each[0] not in common or each[1] != 1]
        return product([(shorter, 1), *rest])
    return None


def _denominators(expr: Expr) -> list[Expr]:
    """What stands below the lines of a sum's terms."""
    found = (f for _, term in signed_terms(expr) for f, p in factor_powers(term) if p < 0)
    return [*dict.fromkeys(found)]


def _multiplied(total: Expr, common: Expr) -> Expr | None:
    """The sum times the common denominator, multiplied out and collected."""
    collected: dict[frozenset[tuple[Expr, int]], Fraction] = {}
    for sign, term in signed_terms(total):
        for number, powers in _monomials(times(term, common)):
            key = frozenset(powers.items())
            collected[key] = collected.get(key, Fraction(0)) + sign * number
    left = [(number, dict(key)) for key, number in collected.items() if number]
    return _written(left) if 0 < len(left) <= 2 else None


def _monomials(expr: Expr) -> Iterator[Monomial]:
    """The terms of an expression that is multiplied out: a number, and factors with powers."""
    found: list[Monomial] = [(Fraction(1), {})]
    for factor, power in factor_powers(expr):
        if isinstance(factor, Num):
            found = [(number * factor.value**power, powers) for number, powers in found]
        elif power == 1 and is_sum(factor) and len(found) < _MOST:
            inner: list[Monomial] = [
                (sign * number, powers)
                for sign, term in signed_terms(factor)
                for number, powers in _monomials(term)
            ]
            found = [_times(left, right) for left in found for right in inner]
        else:
            found = [_times(each, (Fraction(1), {factor: power})) for each in found]
    yield from found


def _times(left: Monomial, right: Monomial) -> Monomial:
    powers = dict(left[1])
    for factor, power in right[1].items():
        powers[factor] = powers.get(factor, 0) + power
    return left[0] * right[0], {factor: power for factor, power in powers.items() if power}


def _written(terms: Sequence[Monomial]) -> Expr:
    """The sum of the terms, what all of them share in front, one without a minus first."""
    shared = {
        factor: power
        for factor, power in terms[0][1].items()
        if all(powers.get(factor) == power for _, powers in terms)
    }
    total: Expr = build.ZERO
    for number, powers in sorted(terms, key=lambda term: term[0] < 0):
        own = [(factor, power) for factor, power in powers.items() if factor not in shared]
        term = product([(num(abs(number)), 1), *own])
        total = build.add(total, term) if number > 0 else build.sub(total, term)
    return times(total, product([*shared.items()])) if shared else total

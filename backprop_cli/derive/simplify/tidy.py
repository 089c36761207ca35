"""Expressions to shorter equal ones: numbers carried out, terms collected, fractions cleared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction

from backprop_cli.algebra import build
from backprop_cli.algebra.build import ONE, ZERO
from backprop_cli.algebra.expr import Expr, Num, Op, num, signed_terms
from backprop_cli.derive.simplify.contract import product, times
from backprop_cli.derive.simplify.monomials import factor_powers, is_sum

_SUMS, _PRODUCTS = frozenset({"add", "sub", "neg"}), frozenset({"mul", "div", "pow", "neg"})
_LARGEST = 20  # a power of a number that is worked out


def tidy(expr: Expr) -> Expr:
    """The expression with sums and products collected; nothing is multiplied out.

    Where a common factor is cancelled, the result holds where that factor is not 0.
    """
    if not isinstance(expr, Op):
        return expr
    if expr.name in _SUMS:
        return _collected_sum(expr)
    node = Op(expr.name, tuple(map(tidy, expr.args)), expr.options)
    return _collected_product(node) if node.name in _PRODUCTS else _carried_out(node)


def _carried_out(node: Op) -> Expr:
    if node.name == "sum_over" and node.args[0] == ZERO:
        return ZERO
    if node.name == "exp" and node.args[0] == ZERO:
        return ONE
    return node


# Sums ---------------------------------------------------------------------------------------------


def _collected_sum(node: Op) -> Expr:
    found: dict[Expr, Fraction] = {}
    for sign, term in signed_terms(node, through_signs=True):
        factor, rest = build.coefficient(term)
        inner, short = build.coefficient(tidy(rest))
        found[short] = found.get(short, Fraction(0)) + sign * factor * inner
    return collected([(factor, rest) for rest, factor in found.items()])


def collected(given: Iterable[tuple[Fraction, Expr]]) -> Expr:
    """The sum of these terms, each a number and the rest, those with the number 0 left out."""
    total: Expr = ZERO
    written = [(factor, rest) for factor, rest in given if factor]
    for factor, rest in written[::-1] if _leads(written) else written:
        total = added(total, build.scaled(factor, rest))
    return total


def added(total: Expr, term: Expr) -> Expr:
    """The sum, with a minus sign before a negative number."""
    if isinstance(term, Num) and term.value < 0 and total != ZERO:
        return build.sub(total, Num(-term.value))
    return build.add(total, term)


def _leads(written: list[tuple[Fraction, Expr]]) -> bool:
    """Whether a sum of two would begin with a minus sign that the other order avoids."""
    return len(written) == 2 and written[0][0] < 0 < written[1][0]


# Products -----------------------------------------------------------------------------------------


def _collected_product(node: Op) -> Expr:
    number, powers = Fraction(1), dict[Expr, int]()
    for factor, power in factor_powers(node):
        if isinstance(factor, Num) and abs(power) <= _LARGEST and (factor.value or power > 0):
            number *= factor.value**power
        else:
            powers[factor] = powers.get(factor, 0) + power
    if number == 0:
        return ZERO
    top = build.powers_of(powers, 1)
    bottom = build.powers_of(powers, -1)
    if bottom == ONE:
        return build.scaled(number, top)
    if top == ONE and number.denominator == 1:
        whole = build.div(num(abs(number)), bottom)
        return build.neg(whole) if number < 0 else whole
    return build.scaled(number, build.div(top, bottom))


# Fractions: (a/b − c/d) b d is a d − c b ----------------------------------------------------------

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

"""Expressions to shorter equal ones: numbers carried out, terms collected."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from backprop_cli.algebra import build
from backprop_cli.algebra.build import ONE, ZERO
from backprop_cli.algebra.expr import Expr, Num, Op, num, signed_terms
from backprop_cli.derive.simplify.monomials import factor_powers

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

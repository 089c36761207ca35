"""Products to a number and the powers of their factors, and back; sums and products collected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import TypeAlias

from backprop_cli.algebra import build
from backprop_cli.algebra.build import MINUS_ONE, ONE, ZERO
from backprop_cli.algebra.expr import (
    Expr,
    Num,
    Op,
    Sym,
    factors,
    is_sum,
    num,
    op,
    signed_terms,
)
from backprop_cli.derive.derivation_nodes import EQUAL, MAX_OVER, SUM_OVER, renamed

Power: TypeAlias = "int | Fraction"
"""Whole powers are ints: there are many of them, and fractions are slow."""
Powers: TypeAlias = dict[Expr, Power]
Monomial: TypeAlias = tuple[Fraction, Powers]

HALF = Fraction(1, 2)
_LARGEST = 20  # a power of a number that is worked out


def factored(expr: Expr, power: Power = 1) -> Iterator[tuple[Expr, Power]]:
    """Each factor of a product with its power; roots are powers of one half.

    √(u v) and √(u²) stay whole: u and v may be negative.
    """
    if power.denominator != 1:
        yield expr, power
        return
    match expr:
        case Op("mul", (a, b)):
            yield from factored(a, power)
            yield from factored(b, power)
        case Op("div", (a, b)):
            yield from factored(a, power)
            yield from factored(b, -power)
        case Op("neg", (a,)):
            yield MINUS_ONE, power
            yield from factored(a, power)
        case Op("pow", (a, Num(n))):
            yield from factored(a, power * (n.numerator if n.denominator == 1 else n))
        case Op("sqrt", (a,)) if not _long(a):
            yield from factored(a, power * HALF)
        case _:
            yield expr, power


def _long(expr: Expr) -> bool:
    """Whether a root is read as a thing of its own: a standard deviation, not a length."""
    return isinstance(expr, Op) and expr.name != SUM_OVER and _has_sum(expr)


def _has_sum(expr: Expr) -> bool:
    return isinstance(expr, Op) and (expr.name == SUM_OVER or any(map(_has_sum, expr.args)))


def monomial(expr: Expr) -> Monomial:
    """The number in front, and the factors with their powers, those without effect left out."""
    return gathered(factored(expr))


def gathered(given: Iterable[tuple[Expr, Power]]) -> Monomial:
    """Factors put together: x · x is x², u / (−u) is −1."""
    number, powers, known = Fraction(1), Powers(), dict[Expr, Expr]()
    for factor, power in given:
        whole = power.denominator == 1 and -_LARGEST <= power <= _LARGEST
        if isinstance(factor, Num) and whole and (factor.value or power > 0):
            number *= factor.value**power.numerator
            continue
        key = alike(factor)
        same = known.get(key)
        if same is None and known and whole and is_sum(factor):
            same = known.get(alike(build.neg(factor)))
            number *= -1 if same is not None and power % 2 else 1
        if same is None:
            same = known[key] = factor
        powers[same] = powers.get(same, 0) + power
    return number, {factor: power for factor, power in powers.items() if power}


def times(left: Monomial, right: Monomial) -> Monomial:
    """The product of two products."""
    number, powers = gathered([*left[1].items(), *right[1].items()])
    return left[0] * right[0] * number, powers


def written(number: Fraction, powers: Mapping[Expr, Power]) -> Expr:
    """The product as a person writes it: the number in front, negative powers below a line."""
    if number == 0:
        return ZERO
    number, powers = _turned(number, powers)
    top, bottom = _side(powers, 1), _side(powers, -1)
    if bottom == ONE:
        return build.scaled(number, top)
    if number.denominator != 1 and build.is_a_number(
        Fraction(number.denominator)
    ):  # x / (2 · y), not ½ · x / y
        bottom = build.mul(num(number.denominator), bottom)
        number = Fraction(number.numerator)
    if top == ONE:
        whole = build.div(num(abs(number)), bottom)
        return build.neg(whole) if number < 0 else whole
    return build.scaled(number, build.div(top, bottom))


def _turned(number: Fraction, powers: Mapping[Expr, Power]) -> Monomial:
    """1 − σ(u), not σ(u) − 1; −(x + 3) among other factors, not (−x − 3)."""
    found: Powers = {}
    among_others = number != 1 or len(powers) > 1
    for factor, power in powers.items():
        match factor:
            case Op("sub", (Op("sigmoid") as gate, Num(value))) if value == 1 and power % 2 == 1:
                number = -number
                found[op("sub", ONE, gate)] = power
            case Op("sub" | "neg") if among_others and power % 2 == 1 and _is_below_0(factor):
                number = -number
                found[total((-each, inner) for each, inner in summands(factor))] = power
            case _:
                found[factor] = power
    return number, found


def _is_below_0(factor: Expr) -> bool:
    """Whether all terms of a sum have a minus sign."""
    return is_sum(factor) and all(number < 0 for number, _ in summands(factor))


def _side(powers: Mapping[Expr, Power], sign: int) -> Expr:
    result: Expr = ONE
    order = powers.items() if sign > 0 else sorted(powers.items(), key=lambda each: weight(each[0]))
    for factor, power in order:
        if power * sign > 0:
            result = build.mul(result, _raised(factor, power * sign))
    return result


def _raised(factor: Expr, power: Power) -> Expr:
    """A positive power; u √u for a power of three halves."""
    if power.denominator != 2:
        return build.power(factor, num(power))
    root, whole = op("sqrt", factor), power - HALF
    return build.mul(build.power(factor, num(whole)), root) if whole else root


def factor_powers(expr: Expr, power: int = 1) -> Iterator[tuple[Expr, int]]:
    """What a product consists of: each factor with its whole power."""
    match expr:
        case Op("mul", (a, b)):
            yield from factor_powers(a, power)
            yield from factor_powers(b, power)
        case Op("div", (a, b)):
            yield from factor_powers(a, power)
            yield from factor_powers(b, -power)
        case Op("neg", (a,)):
            yield build.MINUS_ONE, power
            yield from factor_powers(a, power)
        case Op("pow", (a, Num(n))) if n.denominator == 1:
            yield from factor_powers(a, power * int(n))
        case _:
            yield expr, power


# Sums ---------------------------------------------------------------------------------------------


def summands(expr: Expr) -> Iterator[Monomial]:
    """The terms of a sum."""
    for sign, term in signed_terms(expr, through_signs=True):
        number, powers = monomial(term)
        yield sign * number, powers


def collected(given: Iterable[Monomial]) -> list[Monomial]:
    """Equal terms put together, those that cancel left out."""
    found: dict[frozenset[tuple[Expr, Power]], Monomial] = {}
    for number, powers in given:
        key = frozenset((alike(factor), power) for factor, power in powers.items())
        old = found.get(key)
        found[key] = (number, powers) if old is None else (old[0] + number, old[1])
    return [term for term in found.values() if term[0]]


def total(terms: Iterable[Monomial]) -> Expr:
    """The sum of the terms, one without a minus sign first where there is one."""
    result: Expr = ZERO
    given = [*terms]
    if given and given[0][0] < 0 and any(number > 0 for number, _ in given):
        given.sort(key=lambda term: term[0] < 0)
    for number, powers in given:
        term = written(abs(number), powers)
        result = build.add(result, term) if number > 0 else _less(result, term)
    return result


def _less(result: Expr, term: Expr) -> Expr:
    return build.neg(term) if result == ZERO else op("sub", result, term)


# What is the same whatever its letters are called -------------------------------------------------


@lru_cache(maxsize=4096)
def alike(expr: Expr, depth: int = 0) -> Expr:
    """The expression with the letters of its sums called by how deep they stand.

    The factors of what is summed have one order.
    """
    if not isinstance(expr, Op):
        return expr
    if expr.name in (SUM_OVER, MAX_OVER):
        letter = f"#{depth}"
        body = alike(renamed(expr.args[0], {str(expr.option("index")): letter}), depth + 1)
        return op(expr.name, _ordered(body), index=letter, without=expr.option("without"))
    if expr.name == EQUAL:
        left, right = sorted(expr.args, key=lambda side: str(getattr(side, "name", "")))
        return op(EQUAL, left, right)
    args = tuple(alike(arg, depth) for arg in expr.args)
    return expr if args == expr.args else Op(expr.name, args, expr.options)


def _ordered(body: Expr) -> Expr:
    found = [*factors(body)]
    return body if len(found) == 1 else build.product_of(sorted(found, key=str))


@lru_cache(maxsize=16384)
def weight(expr: Expr) -> int:
    """How much there is to read: two for each sign and name, one for a number, three for a power.

    1{…} counts as much as three names: a sum from which it is gone is the better one.
    """
    match expr:
        case Num():
            return 1
        case Sym():
            return 2
        case Op("equal" | "within"):
            return 6
        case Op("pow", (base, Num())):
            return weight(base) + 3
        case Op("sum_over", (body,)):  # what stands before the sum is read once
            return 4 + weight(body) + weight(body) // 2
    return 2 + sum(map(weight, expr.args))


# Without the rules --------------------------------------------------------------------------------

_SUMS, _PRODUCTS = frozenset({"add", "sub", "neg"}), frozenset({"mul", "div", "pow", "neg"})


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


def _collected_sum(node: Op) -> Expr:
    found: dict[Expr, Fraction] = {}
    for sign, term in signed_terms(node, through_signs=True):
        factor, rest = build.coefficient(term)
        inner, short = build.coefficient(tidy(rest))
        found[short] = found.get(short, Fraction(0)) + sign * factor * inner
    return summed([(factor, rest) for rest, factor in found.items()])


def summed(given: Iterable[tuple[Fraction, Expr]]) -> Expr:
    """The sum of these terms, each a number and the rest, those with the number 0 left out."""
    written = [(factor, rest) for factor, rest in given if factor]
    order = written[::-1] if _leads(written) else written
    return build.sum_of(build.scaled(*term) for term in order)


def _leads(written: list[tuple[Fraction, Expr]]) -> bool:
    """Whether a sum of two would begin with a minus sign that the other order avoids."""
    return len(written) == 2 and written[0][0] < 0 < written[1][0]


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

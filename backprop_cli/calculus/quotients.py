"""A product of quotients to one, what repeats below its line once, a sum to what it runs over.

Numbers without axes come to the front of what they stand in, and what is cut off is so once. Every
form has the same value: u / ‖u‖² for u / ‖u‖ / ‖u‖, (Σ u) / s for Σ (u / s), α · AB for (α · A)B.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import groupby
from math import prod

from msgspec import Struct

from backprop_cli.algebra import build
from backprop_cli.algebra.build import ONE
from backprop_cli.algebra.expr import Expr, Num, Op, is_sum, num, op, signed_terms, walk
from backprop_cli.operations.record import Rules
from backprop_cli.operations.table import operation

QUOTIENTS = frozenset({"div", "ratio"})


class _Power(Struct, frozen=True):
    """A factor and how often it stands there: below the line, if that is negative."""

    base: Expr
    times: int
    limit: bool = False
    """Whether it is below the line of a quotient that is 0 where both are."""


def _factors(expr: Expr, sign: int = 1, limit: bool = False) -> Iterator[_Power]:
    match expr:
        case Op("neg", (inner,)):
            yield _Power(num(-1), 1)
            yield from _factors(inner, sign, limit)
        case Op("mul", (left, right)):
            yield from _factors(left, sign, limit)
            yield from _factors(right, sign, limit)
        case Op("div" | "ratio" as name, (above, below)):
            yield from _factors(above, sign, limit)
            yield from _factors(below, -sign, name == "ratio")
        case Op("pow", (base, Num(times))) if times.denominator == 1 and not isinstance(base, Num):
            yield _Power(base, sign * int(times), limit)
        case _:
            yield _Power(expr, sign, limit)


def factors_of(expr: Expr) -> Iterator[Expr]:
    """What stands above the line in a product."""
    return (each.base for each in _factors(expr) if each.times > 0)


def _product(factors: Sequence[_Power]) -> Expr:
    """The factors, whose numbers make one, as one quotient, its number in lowest terms."""
    number = _number(factors)
    assert number is not None  # who calls has seen to it
    above: Expr = ONE
    below: Expr = ONE
    for each in factors:
        if isinstance(each.base, Num):
            continue
        if each.times > 0:
            above = build.mul(above, _power(each.base, each.times))
        elif each.times < 0:
            below = build.mul(below, _power(each.base, -each.times))
    if below == ONE:
        return build.scaled(number, above)
    whole = op(
        "ratio" if any(each.limit for each in factors) else "div",
        build.scaled(Fraction(abs(number.numerator)), above),
        build.scaled(Fraction(number.denominator), below),
    )
    return build.neg(whole) if number < 0 else whole


def _number(factors: Iterable[_Power]) -> Fraction | None:
    """What the numbers among factors make.

    None where that is no number, above the line or below it: 8 / 5e-324, 1 / 0.
    """
    whole = Fraction(1)
    for each in factors:
        match each:
            case _Power(Num(value), times):
                if value == 0 > times:
                    return None
                whole *= value**times
    parts = map(Fraction, whole.as_integer_ratio())
    return whole if all(map(build.is_a_number, parts)) else None


def _power(base: Expr, times: int) -> Expr:
    match base:
        case Op("sqrt", (inner,)) if times % 2 == 0:
            return build.power(inner, num(times // 2))
    return build.power(base, num(times))


# What repeats -------------------------------------------------------------------------------------


def one_quotient(node: Expr, rules: Rules) -> Expr:
    """u / ‖u‖² for u / ‖u‖ / ‖u‖, x / s³ for 4 s x / (4 s⁴)."""
    if not isinstance(node, Op) or node.name not in ("mul", "div", "ratio"):
        return node
    found = [*_factors(node)]
    if all(each.times > 0 for each in found) or _number(found) is None:
        return node
    factors = _multiplied_out(_inverted(found))
    if factors is found and not (_repeats(factors, rules) or _has_numbers_to_join(factors)):
        return node
    made = _product([*_collected(factors)])
    return made if rules.shape(made) == rules.shape(node) else node


def _inverted(factors: list[_Power]) -> list[_Power]:
    """A⁻ᵀ for the cofactors of A over its determinant, and 1 / u for sign(u) / |u|."""
    for each in factors:
        match each:
            case _Power(Op("switch", (inner,)) as sign, 1) if build.levels(sign)[::2] == (-1, 1):
                if (size := _Power(op("abs", inner), -1)) in factors:
                    return [*(one for one in factors if one not in (each, size)), _Power(inner, -1)]
            case _Power(Op("cof", (matrix,)), 1) if _Power(op("det", matrix), -1) in factors:
                whole = _Power(build.transpose(op("inv", matrix)), 1)
                gone = (each, _Power(op("det", matrix), -1))
                return [whole, *(one for one in factors if one not in gone)]
    return factors


def _multiplied_out(factors: list[_Power]) -> list[_Power]:
    """ν + r² for ν (1 + r²/ν) below the line."""
    for each in factors:
        for other in factors:
            if each.times == other.times == -1 and (whole := _times_sum(each.base, other.base)):
                gone = (each, other)
                return [*(one for one in factors if one not in gone), _Power(whole, -1)]
    return factors


def _times_sum(factor: Expr, total: Expr) -> Expr | None:
    """A factor times a sum, where it stands below the line of one of the terms."""
    if isinstance(factor, Num) or not is_sum(total):
        return None
    terms = [*signed_terms(total)]
    below = [
        isinstance(term, Op) and term.name == "div" and term.args[1] == factor for _, term in terms
    ]
    if not any(below):
        return None
    whole: Expr = build.ZERO
    for (sign, term), is_below in zip(terms, below, strict=True):
        part = term.args[0] if is_below and isinstance(term, Op) else build.mul(factor, term)
        whole = build.add(whole, part) if sign > 0 else build.sub(whole, part)
    return whole


def _repeats(factors: list[_Power], rules: Rules) -> bool:
    """Whether one stands below the line more than once; or above it, too, and has no axes."""
    above = {each.base for each in factors if each.times > 0}
    below = [each.base for each in factors if each.times < 0 and not isinstance(each.base, Num)]
    return len({*below}) < len(below) or any(not rules.shape(one) for one in above & {*below})


def _has_numbers_to_join(factors: list[_Power]) -> bool:
    """Whether numbers above and below the line are the same, or a fraction is all above it."""
    sizes = [
        (abs(each.base.value), each.times)
        for each in factors
        if isinstance(each.base, Num) and abs(each.base.value) != 1
    ]
    if all(isinstance(each.base, Num) for each in factors if each.times > 0):
        return any(value.denominator != 1 for value, _ in sizes)
    return len(sizes) > 1 and prod(value**times for value, times in sizes) == 1


def _collected(factors: list[_Power]) -> Iterator[_Power]:
    """Each factor where it stands first, with all its powers."""
    order = [each.base for each in factors]
    together = sorted(factors, key=lambda each: order.index(each.base))
    for base, same in groupby(together, key=lambda each: each.base):
        powers = [*same]
        if isinstance(base, Num):
            yield from powers
        else:
            limit = any(each.limit for each in powers)
            yield _Power(base, sum(each.times for each in powers), limit)


# In front of a sum --------------------------------------------------------------------------------


def in_front_of_sum(node: Expr, rules: Rules) -> Expr:
    """(Σ u) / s for Σ (u / s), where s is the same in all that is added up."""
    match node:
        case Op("sum", (Op("place", (inner,)),)) if node.option("axis") is None:
            return op("sum", inner) if rules.shape(inner) else inner
        case Op("sum", (inner,)) if isinstance(inner, Op):
            constant = _told_apart(node, rules)
        case _:
            return node
    found = [*_factors(inner)]
    if _number(found) is None:
        return node
    factors = [(each, constant(each.base)) for each in found]
    rest = _product([each for each, outside in factors if outside is None])
    front = [_Power(one, each.times, each.limit) for each, one in factors if one is not None]
    if not front or rest == ONE or rules.shape(rest) != rules.shape(inner):
        return node
    made = _product([*front, _Power(Op("sum", (rest,), node.options), 1)])
    return made if rules.shape(made) == rules.shape(node) else node


def _told_apart(node: Op, rules: Rules) -> Callable[[Expr], Expr | None]:
    """What a factor is outside a sum; None where the sum runs over it."""
    axis, keep = node.axis, node.option("keep")

    def outside(expr: Expr) -> Expr | None:
        shape = rules.shape(expr)
        if not shape:
            return expr
        if axis is None or len(shape) != 2 or shape[axis] != 1:
            return None
        return expr if keep else _without_axis(expr, rules)

    return outside


def _without_axis(expr: Expr, rules: Rules) -> Expr | None:
    """The vector that a formula gives for each row, or column, at once."""
    match expr:
        case Op("row" | "column", (inner,)):
            return inner
        case Op() if rules.shape(expr) and operation(expr).elementwise:
            args = [_without_axis(arg, rules) for arg in expr.args]
            known = tuple(arg for arg in args if arg is not None)
            return Op(expr.name, known, expr.options) if len(known) == len(args) else None
    return None if rules.shape(expr) else expr


# What the formulas divide by ----------------------------------------------------------------------


def divided_by(exprs: Iterable[Expr], rules: Rules) -> frozenset[Fraction]:
    """The numbers that formulas divide by, as by the number of samples; a half is left a half."""
    nodes = [node for expr in exprs for node in walk(expr) if isinstance(node, Op)]
    divisors = [node.args[1] for node in nodes if node.name == "div"]
    below = {divisor.value for divisor in divisors if isinstance(divisor, Num)}
    counts = {_count(node, rules) for node in nodes if node.name == "mean"}
    return frozenset((below | counts) - {Fraction(0), Fraction(1), Fraction(2)})


def _count(node: Op, rules: Rules) -> Fraction:
    """How many numbers a mean is of; 0 where that is a letter."""
    sizes, left = rules.shape(node.args[0]), rules.shape(node)
    if not all(isinstance(size, int) for size in (*sizes, *left)):
        return Fraction(0)
    return Fraction(prod(map(int, sizes)), prod(map(int, left)) or 1)


def _is_quotient(rest: Expr) -> bool:
    """Whether there is a line already, below which the number is written: y / (4 p)."""
    return rest == ONE or (isinstance(rest, Op) and rest.name in QUOTIENTS)


def divided(expr: Expr, divisors: Collection[Fraction]) -> Expr:
    """(ŷ − y) / 4 for 0.25 (ŷ − y) where the loss is divided by 4."""
    match expr:
        case Op("add" | "sub", (left, right)):
            return op(expr.name, divided(left, divisors), divided(right, divisors))
        case Op("neg", (inner,)):
            return op("neg", divided(inner, divisors))
        case Op("mul", (Num(value), rest)) if value.denominator != 1:
            for divisor in sorted(divisors):
                times = value * divisor
                if times.denominator == 1 and not _is_quotient(rest):
                    return op("div", build.scaled(times, rest), num(divisor))
    return expr


# In front of arrays ------------------------------------------------------------------------------


def in_front(node: Expr, rules: Rules) -> Expr:
    """(G Q) / √d for (G / √d) Q, and y / (N p) for y / p / N."""
    match node:
        case Op("transpose" | "matmul"):
            return _out_of_product(node, rules)
        case Op("mul", (Op("div", (left, below)), right)) if not rules.shape(below):
            return op("div", build.mul(left, right), below) if rules.shape(right) else node
        case Op("mul", (Op("outer" | "matmul") as product, factor)) if not rules.shape(factor):
            return op("mul", factor, product)
        case Op("place", (inner,)):
            number, rest = build.coefficient(inner)
            return build.scaled(number, _scalar_in_front(rest, node, rules))
        case Op("div", (Op(name, (above, inner)) as first, below)) if name in QUOTIENTS:
            if not rules.shape(below) and rules.shape(inner):
                return Op(name, (above, build.mul(below, inner)), first.options)
    return node


def _out_of_product(node: Op, rules: Rules) -> Expr:
    """What a product of matrices, or a transposed one, is multiplied with or divided by."""
    match node:
        case Op("transpose", (Op("div", (inner, below)),)) if not rules.shape(below):
            return op("div", in_front(build.transpose(inner), rules), below)
        case Op("transpose", (Op("mul", (factor, inner)),)) if not rules.shape(factor):
            return op("mul", factor, build.transpose(inner))
        case Op("transpose", (Op("mul", (inner, factor)),)) if not rules.shape(factor):
            return op("mul", factor, build.transpose(inner))
        case Op("matmul", (Op("mul", (factor, inner)), right)) if _scales(factor, inner, rules):
            return op("mul", factor, in_front(op("matmul", inner, right), rules))
        case Op("matmul", (left, Op("mul", (factor, inner)))) if _scales(factor, inner, rules):
            return op("mul", factor, in_front(op("matmul", left, inner), rules))
        case Op("matmul", (Op("div", (left, below)), right)) if not rules.shape(below):
            return op("div", in_front(op("matmul", left, right), rules), below)
        case Op("matmul", (left, Op("div", (right, below)))) if not rules.shape(below):
            return op("div", in_front(op("matmul", left, right), rules), below)
    return node


def _scales(factor: Expr, inner: Expr, rules: Rules) -> bool:
    """Whether a number without axes stands before an array."""
    return not rules.shape(factor) and bool(rules.shape(inner))


def _scalar_in_front(inner: Expr, node: Op, rules: Rules) -> Expr:
    """g · e₂ wᵀ for e₂ (g · w)ᵀ."""
    match inner:
        case Op("mul", (left, right)) if not rules.shape(left) and rules.shape(right):
            return op("mul", left, Op("place", (right,), node.options))
    return Op("place", (inner,), node.options)


# What is cut off ----------------------------------------------------------------------------------


def cut_once(node: Op, rules: Rules) -> Op:
    """max(u, 0) for max(u, 0) · 1{u > 0}: where that is 0, so is the other."""
    match node:
        case Op("mul", (Op() as left, Op("switch") as mask)):
            is_cut = any(build.cut_by(each, mask) for each in factors_of(left))
            return left if is_cut and rules.shape(left) == rules.shape(node) else node
    return node

"""A formula to the same one as somebody else groups it: what is worked out first, and last."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Num, Op, Sym, is_sum, num, op, rewrite


def otherwise_grouped(expr: Expr, *, is_gradient: bool) -> Iterator[Expr]:
    """Each such form; where nothing can be grouped otherwise, the formula itself."""
    yield regrouped(expr)
    yield factored(expr)
    yield in_one_division(expr)
    yield over_one_denominator(expr)
    yield base_last(expr)
    yield by_key_of_base(expr)
    yield from by_exponentials(expr)
    if is_gradient:
        yield by_reciprocal(expr)


def regrouped(expr: Expr) -> Expr:
    """G ⊙ (h ⊙ (1 - h)) for (G ⊙ h) ⊙ (1 - h): the slope worked out first, as people do.

    So it is in what nobody is asked to write: in δ where δ xᵀ, or a sum of such, is wanted.
    """
    match expr:
        case Op("mul", (Num() as number, rest)):
            return op("mul", number, regrouped(rest))
        case Op(name, args, options) if name in _AROUND_SLOPES:
            return Op(name, tuple(map(regrouped, args)), options)
    factors = _factors(expr)
    if len(factors) < 3:
        return expr
    slope = factors[1]
    for factor in factors[2:]:
        slope = op("mul", slope, factor)
    return op("mul", factors[0], slope)


_AROUND_SLOPES = frozenset({"add", "sub", "outer", "matmul", "sum", "transpose"})
"""What is made of the gradient of a pre-activation: of a weight, a bias, an input, or several."""


def factored(expr: Expr) -> Expr:
    """G ⊙ (z - 1) for G ⊙ z - G: the slope of a formula worked out first."""
    if not is_sum(expr):
        return expr
    left, right = (factored(arg) for arg in expr.args)
    first, second = _factors(_bare(left)), _factors(_bare(right))
    if first[0] != second[0] or not isinstance(first[0], Sym):
        return expr
    slope = op(expr.name, _without(left, first[0]), _without(right, first[0]))
    return op("mul", first[0], slope)


def in_one_division(expr: Expr) -> Expr:
    """The mean of all entries for the sum of each sample's mean, divided by their number."""
    match expr:
        case Op("add" | "sub" as name, (left, right)):  # a penalty stands beside it
            return op(name, in_one_division(left), right)
        case Op("div", (Op("sum", (Op("mean", (inner,)),)), Num())):
            return op("mean", inner)
    return expr


def over_one_denominator(expr: Expr) -> Expr:
    """(ŷ - y) / (ŷ (1 - ŷ)) for -y / ŷ + (1 - y) / (1 - ŷ), whatever stands in front of both."""
    match expr:
        case Op("add" | "sub" as name, (left, right)):
            number, first = build.coefficient(left)
            other, second = build.coefficient(right)
            if number == (other if name == "sub" else -other):
                joined = _joined(first, second)
                return expr if joined is None else build.scaled(-number, joined)
    return expr


def _joined(first: Expr, second: Expr) -> Expr | None:
    """t / p - (1 - t) / (1 - p) with its sign turned; None for any other two quotients."""
    match first, second:
        case Op("ratio" | "div", (t, p)), Op("ratio" | "div", (u, q)):
            rest = [op("sub", num(1), one) for one in (t, p)]
            if [u, q] == rest:
                return op("div", op("sub", p, t), op("mul", p, q))
    return None


def base_last(expr: Expr) -> Expr:
    """(y / ŷ) / ln 2 for y / (ŷ ln 2): the base of the logarithm after all else."""
    match expr:
        case Op("add" | "sub" as name, (left, right)):
            first, second = _without_base(left), _without_base(right)
            if first and second and first[0] == second[0]:
                return op("div", op(name, first[1], second[1]), first[0])
            return expr
    found = _without_base(expr)
    return op("div", found[1], found[0]) if found else expr


def by_key_of_base(expr: Expr) -> Expr:
    """y log₁₀ ŷ for (y ln ŷ) / ln 10, for who has a key for it."""

    def each(node: Expr) -> Expr | None:
        match node:
            case Op("div", (total, Op("log", (Num(value=base),)))) if base in _KEYS:
                found = rewrite(total, lambda part: _by_key(part, _KEYS[base]))
                return found if found != total else None
        return None

    return rewrite(expr, each)


_KEYS = {Fraction(2): "log2", Fraction(10): "log10"}


def _by_key(part: Expr, key: str) -> Expr | None:
    match part:
        case Op("xlogy", (y, p)):
            return op("mul", y, op(key, p))
    return None


def _without_base(expr: Expr) -> tuple[Expr, Expr] | None:
    """The ln 2 below a quotient, and the rest of it."""
    number, inner = build.coefficient(expr)
    match inner:
        case Op("ratio" | "div" as name, (t, Op("mul", (Op("log", (Num(),)) as base, q)))):
            return base, build.scaled(number, op(name, t, q))
    return None


def by_exponentials(expr: Expr) -> Iterator[Expr]:
    """tanh z by powers of e, for who has no key for it; within longer formulas people have one."""
    match expr:
        case Op("tanh", (z,)):
            for way in _TANH:
                yield way(z)


def _both_powers(z: Expr) -> Expr:
    up, down = op("exp", z), op("exp", op("neg", z))
    return op("div", op("sub", up, down), op("add", up, down))


def _twice(z: Expr) -> Expr:
    return op("exp", op("mul", num(2), z))


_TANH = (
    _both_powers,
    lambda z: op("sub", num(1), op("div", num(2), op("add", _twice(z), num(1)))),
    lambda z: op("div", op("sub", _twice(z), num(1)), op("add", _twice(z), num(1))),
)


def by_reciprocal(expr: Expr) -> Expr:
    """G ⊙ (1 / z) for G / z: the slope worked out first."""
    match expr:
        case Op("add" | "sub" | "neg" as name, args):
            return Op(name, tuple(map(by_reciprocal, args)))
        case Op("mul", (Num() as number, rest)):
            return op("mul", number, by_reciprocal(rest))
        case Op("div", (left, right)) if not isinstance(left, Num) and not isinstance(right, Num):
            return op("mul", left, op("div", num(1), right))
    return expr


def _bare(expr: Expr) -> Expr:
    """A product without the number in front of it."""
    match expr:
        case Op("mul", (Num(), rest)):
            return rest
    return expr


def _without(expr: Expr, factor: Expr) -> Expr:
    """A product without its first factor."""
    match expr:
        case Op("mul", (Num() as number, rest)):
            inner = _without(rest, factor)
            return number if inner == num(1) else op("mul", number, inner)
    others = _factors(expr)[1:] or [num(1)]
    result = others[0]
    for other in others[1:]:
        result = op("mul", result, other)
    return result


def _factors(expr: Expr) -> list[Expr]:
    if isinstance(expr, Op) and expr.name == "mul" and not isinstance(expr.args[0], Num):
        return [*_factors(expr.args[0]), expr.args[1]]
    return [expr]

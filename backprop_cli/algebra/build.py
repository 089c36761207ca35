"""Builds expressions the way a person would tidy them: no `1 ·`, no `+ 0`, no `(Aᵀ)ᵀ`.

Every constructor returns an expression equal to the plain operation. None of them may change a
shape: an array times the number 0 stays a product, since a bare 0 has no axes. (`mul` alone
leaves repeating a number to broadcasting; whoever needs the shape fits it afterwards.)
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from functools import reduce
from types import MappingProxyType

from backprop_cli.algebra.expr import Expr, Num, Op, Option, Sym, num, op

_LARGEST = Fraction(sys.float_info.max)
_ONCE = Fraction(1)
ZERO, ONE, MINUS_ONE = num(0), num(1), num(-1)
LOWEST = Op("lowest", ())
"""−∞, which a maximum leaves out."""


def size(length: int | str) -> Expr:
    """A size as an expression: a number, or the letter it is called by."""
    return num(length) if isinstance(length, int) else Sym(length)


def coefficient(expr: Expr) -> tuple[Fraction, Expr]:
    """`expr` as a number times the rest, so that 2·(½·x) can become x."""
    match expr:
        case Num(value):
            return value, ONE
        case Op("neg", (inner,)):
            factor, rest = coefficient(inner)
            return -factor, rest
        case Op("mul", (Num(value), rest)):
            return value, rest
        case Op("mul", (rest, Num(value))) if value != 1 and not isinstance(rest, Num):
            return value, rest
        case Op("mul", (Op("mul") as inner, last)):  # y · ½ · x
            factor, rest = coefficient(inner)
            return factor, expr if factor == 1 else mul(rest, last)
        case Op("spread", (inner,), options) if isinstance(inner, Num):
            return inner.value, Op("spread", (ONE,), options)
        case Op("div", (inner, Num(value))) if value and inner != ONE:
            factor, rest = coefficient(inner)
            if is_a_number(factor / value):
                return factor / value, rest
    return _ONCE, expr


def is_a_number(value: Fraction) -> bool:
    """Whether an exact number stays within the numbers that a computer computes with."""
    return abs(value.numerator) <= _LARGEST.numerator or abs(value) <= _LARGEST


def scaled(factor: Fraction, rest: Expr) -> Expr:
    """`factor · rest`, as a person writes it."""
    if rest == ONE:
        return Num(factor)
    if isinstance(rest, Op) and rest.name == "spread" and rest.args == (ONE,):
        return Op("spread", (Num(factor),), rest.options)
    if factor == 1:
        return rest
    if factor == -1:
        return neg(rest)
    return op("mul", Num(factor), rest)


def plain(value: float | str) -> float:
    """A whole number as an integer, so that it is written without a point."""
    number = float(value)
    return int(number) if number == int(number) else number


def neg(a: Expr) -> Expr:
    """-a."""
    match a:
        case Num(value):
            return Num(-value)
        case Op("neg", (inner,)):
            return inner
        case Op("sub", (left, right)):
            return sub(right, left)
        case Op("mul", (Num(value), rest)):
            return scaled(-value, rest)
    return op("neg", a)


def add(a: Expr, b: Expr) -> Expr:
    """a + b."""
    if a == ZERO:
        return b
    if b == ZERO:
        return a
    match a, b:
        case Num(x), Num(y) if is_a_number(x + y):
            return Num(x + y)
        case _, Op("neg", (inner,)):
            return op("sub", a, inner)
        case _, Op("mul", (Num(value), rest)) if value < 0:
            return op("sub", a, scaled(-value, rest))
        case _, Num(value) if value < 0:
            return op("sub", a, Num(-value))
    return op("add", a, b)


def sub(a: Expr, b: Expr) -> Expr:
    """a - b."""
    if b == ZERO:
        return a
    if a == ZERO:
        return neg(b)
    match a, b:
        case Num(x), Num(y) if is_a_number(x - y):
            return Num(x - y)
        case _, Op("neg", (inner,)):
            return op("add", a, inner)
        case _, Op("mul", (Num(value), rest)) if value < 0:
            return op("add", a, scaled(-value, rest))
    return op("sub", a, b)


def mul(a: Expr, b: Expr) -> Expr:
    """a ⊙ b, the number in front; `spread` of a scalar is left to broadcasting."""
    left_factor, left = coefficient(_unspread(a, b))
    right_factor, right = coefficient(_unspread(b, a))
    left, right = _unspread(left, right), _unspread(right, left)  # also behind a factor
    factor = left_factor * right_factor
    if not is_a_number(factor):
        return op("mul", a, b)
    if left == ONE:
        return scaled(factor, right)
    if right == ONE:
        return scaled(factor, left)
    match right:
        case Op("mul", (first, second)):
            return scaled(factor, op("mul", op("mul", left, first), second))
    return scaled(factor, op("mul", left, right))


def _unspread(a: Expr, partner: Expr) -> Expr:
    """A scalar spread over every axis multiplies an array of that shape as the scalar itself."""
    if isinstance(a, Op) and a.name == "spread" and isinstance(a.args[0], Op):
        inner = a.args[0]  # along one axis what is spread along the others: along all
        a = inner if inner.name == "spread" and inner.option("axis") is None else a
    if not isinstance(a, Op) or a.name != "spread" or a.option("axis") is not None:
        return a
    if isinstance(partner, Num) or (isinstance(partner, Op) and partner.name == "spread"):
        return a
    return a.args[0]


def div(a: Expr, b: Expr) -> Expr:
    """a / b."""
    match a, b:
        case _, Num(value) if value == 1:
            return a
        case Num(x), Num(y) if y != 0 and is_a_number(x / y):
            return Num(x / y)
        case Op("neg", (inner,)), _:
            return neg(div(inner, b))
        case Op("mul", (Num(factor), rest)), _:
            return scaled(factor, div(rest, b))
    return op("div", a, b)


def power(a: Expr, exponent: Expr) -> Expr:
    """a to a power."""
    if exponent == ONE:
        return a
    if exponent == ZERO and isinstance(a, Num):
        return ONE
    return op("pow", a, exponent)


def transpose(a: Expr) -> Expr:
    """aᵀ; a transposed product is the product of the transposed, exchanged; diag(a) is its own."""
    match a:
        case Op("transpose", (inner,)):
            return inner
        case Op("diag", _):
            return a
        case Op("outer", (left, right), ()):
            return op("outer", right, left)
        case Op("matmul", (left, right)):
            return matmul(transpose(right), transpose(left))
        case Op("neg", (inner,)):
            return neg(transpose(inner))
        case Op("mul", (Num() as factor, rest)):
            return mul(factor, transpose(rest))
    return op("transpose", a)


def matmul(a: Expr, b: Expr) -> Expr:
    """a @ b, numbers drawn to the front."""
    return _product("matmul", a, b)


def outer(a: Expr, b: Expr) -> Expr:
    """The outer product of two vectors, numbers drawn to the front."""
    return _product("outer", a, b)


def _product(name: str, a: Expr, b: Expr) -> Expr:
    left_factor, left = coefficient(a)
    right_factor, right = coefficient(b)
    if ONE in (left, right) or "spread" in (_name(left), _name(right)):
        return op(name, a, b)
    return scaled(left_factor * right_factor, op(name, left, right))


def drop(name: str, a: Expr, axis: int) -> Expr:
    """`a` without its first or last slice (`name`) along its first or last axis (0 or -1)."""
    match a:
        case Op("matmul", (left, right)) if axis == 0:
            return matmul(drop(name, left, 0), right)
        case Op("matmul", (left, right)):
            return matmul(left, drop(name, right, -1))
        case Op("mul", (Num() as factor, rest)):
            return mul(factor, drop(name, rest, axis))
        case Op("transpose", (inner,)):
            return transpose(drop(name, inner, -1 - axis))
    return op(name, a, axis=axis)


def _name(expr: Expr) -> str:
    return expr.name if isinstance(expr, Op) else ""


def scalar_mul(a: Expr, b: Expr) -> Expr:
    """a · b where both are numbers without axes, so that 0 · b may vanish."""
    return ZERO if ZERO in (a, b) else mul(a, b)


def sum_of(terms: Iterable[Expr], start: Expr = ZERO) -> Expr:
    """The sum of terms, tidied as each is added."""
    return reduce(add, terms, start)


def product_of(factors: Iterable[Expr], start: Expr = ONE) -> Expr:
    """The product of numbers without axes."""
    return reduce(scalar_mul, factors, start)


def powers_of(collected: Mapping[Expr, int], sign: int) -> Expr:
    """The product of those factors whose power has a sign, as what is above or below the line."""
    chosen = (power(one, num(abs(times))) for one, times in collected.items() if times * sign > 0)
    product: Expr = ONE
    return reduce(mul, chosen, product)


def added(terms: Sequence[Expr]) -> Expr:
    """The sum as it is written, a minus before a term kept: a - b, not a + (-b)."""
    total = terms[0]
    for term in terms[1:]:
        match term:
            case Op("neg", (inner,)):
                total = op("sub", total, inner)
            case _:
                total = op("add", total, term)
    return total


def sum_along(expr: Expr, axis: Option) -> Expr:
    """The sum along an axis that stays, with one entry; of all entries where there is none."""
    return op("sum", expr, axis=axis, keep=None if axis is None else 1)


def filled(like: Expr, value: Expr) -> Expr:
    """An array of the shape of another with a value in every place."""
    return op("add", op("mul", num(0), like), value)


def ones(like: Expr) -> Expr:
    """Nothing but ones, of the shape of an array."""
    return filled(like, num(1))


# Comparisons --------------------------------------------------------------------------------------


_LEVELS = ("below", "at", "above")
COMPARISONS: Mapping[str, tuple[int, int, int]] = MappingProxyType(
    {
        ">": (0, 0, 1),
        ">=": (0, 1, 1),
        "<": (1, 0, 0),
        "<=": (1, 1, 0),
        "==": (0, 1, 0),
        "!=": (1, 0, 1),
    }
)
"""Each sign, and what it is where the difference is below 0, at 0 and above."""
_SIGNS: Mapping[tuple[Option, ...], str] = MappingProxyType(
    {levels: sign for sign, levels in COMPARISONS.items()}
)
_TURNED = MappingProxyType({">": "<", ">=": "<=", "<": ">", "<=": ">="})


def compared(left: Expr, sign: str, right: Expr) -> Expr:
    """What `left > right` stands for."""
    if left == ZERO:
        left, sign, right = right, _TURNED.get(sign, sign), left
    difference = left if right == ZERO else op("sub", left, right)
    return op("switch", difference, **dict(zip(_LEVELS, COMPARISONS[sign], strict=True)))


def levels(node: Op) -> tuple[Option, Option, Option]:
    """What a switch is below 0, at 0 and above; 0, 0 and 1 where it does not say."""
    return node.option("below", 0), node.option("at", 0), node.option("above", 1)


def comparison(node: Op) -> tuple[Expr, str, Expr] | None:
    """The comparison that such a node is; None where its levels are others, or not all given."""
    sign = _SIGNS.get(tuple(map(node.option, _LEVELS)))
    if sign is None:
        return None
    match node.args[0]:
        case Op("sub", (left, right)) if ZERO not in (left, right):
            return left, sign, right
    return node.args[0], sign, ZERO


def cut_by(part: Expr, mask: Op) -> bool:
    """Whether `part` is max(u, 0), and the switch 1 where u is above 0 and 0 where it is below."""
    match part:
        case (
            Op("relu" | "positive_part", (u,))
            | Op("maximum", (Num(0), u))
            | Op("maximum", (u, Num(0)))
        ):
            below, _, above = levels(mask)
            is_mask = mask.name == "switch"
            return is_mask and (below, above, mask.args[0]) in ((0, 1, u), (1, 0, neg(u)))
    return False

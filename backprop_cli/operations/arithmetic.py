"""Operations of two arguments, entry by entry, and the sign."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Num, Op, num, op, signed_terms
from backprop_cli.algebra.shapes import Shape, broadcast
from backprop_cli.operations.record import (
    Array,
    Domain,
    Notation,
    Operation,
    Pullback,
    Rules,
    ShapeRule,
    Shares,
    Value,
    fit,
)


def _pair(words: str, instead: str | None) -> ShapeRule:
    def shape(shapes: tuple[Shape, ...], _: Op) -> Shape:
        return broadcast(shapes[0], shapes[1], words, instead)

    return shape


def _fitted(node: Op, rules: Rules, *shares: Expr) -> Shares:
    return tuple(fit(share, arg, rules) for share, arg in zip(shares, node.args, strict=True))


def _add(g: Expr, _: Expr, node: Op, rules: Rules) -> Shares:
    return _fitted(node, rules, g, g)


def _sub(g: Expr, _: Expr, node: Op, rules: Rules) -> Shares:
    return _fitted(node, rules, g, build.neg(g))


def _mul(g: Expr, _: Expr, node: Op, rules: Rules) -> Shares:
    a, b = node.args
    return _fitted(node, rules, build.mul(g, b), build.mul(g, a))


def _div(g: Expr, r: Expr, node: Op, rules: Rules) -> Shares:
    _, b = node.args
    share_b = build.neg(build.div(build.mul(g, r), b))
    return _fitted(node, rules, build.div(g, b), share_b)


def _pow(g: Expr, r: Expr, node: Op, rules: Rules) -> Shares:
    a, n = node.args
    if n == build.ZERO:
        return (fit(build.mul(build.ZERO, g), a, rules), None)
    lower = build.power(a, build.sub(n, build.ONE))
    share_a = build.mul(g, build.mul(n, lower))
    if isinstance(n, Num):
        return (fit(share_a, a, rules), None)
    return _fitted(node, rules, share_a, build.mul(g, op("xlogy", r, a)))


def _xlogy(g: Expr, _: Expr, node: Op, rules: Rules) -> Shares:
    y, p = node.args
    return _fitted(node, rules, build.mul(g, op("log", p)), build.mul(g, op("ratio", y, p)))


def _ratio(g: Expr, r: Expr, node: Op, rules: Rules) -> Shares:
    _, p = node.args
    share_p = build.neg(build.mul(g, op("ratio", r, p)))
    return _fitted(node, rules, build.div(g, p), share_p)


def _larger(above: int, below: int) -> Pullback:
    """The share of max(a, b) or min(a, b): where a - b is positive the first, else the second."""

    def pullback(g: Expr, r: Expr, node: Op, rules: Rules) -> Shares:
        a, b = node.args
        if rules.tie() != "first" and isinstance(a, Op) and a.name == node.name:
            first, second = _among_several(node, rules.tie(), above, below)
        else:
            at = {"first": (1, 0), "shared": (0.5, 0.5)}.get(str(rules.tie()))
            at_first, at_second = at or (build.plain(rules.tie()),) * 2
            gap = _gap(a, b)
            first = op("switch", gap, below=below, at=at_first, above=above)
            second = op("switch", gap, below=above, at=at_second, above=below)
        return _fitted(node, rules, build.mul(g, first), build.mul(g, second))

    return pullback


def _gap(a: Expr, b: Expr) -> Expr:
    """a - b, of which the sign counts: e alone of τ·e and (τ - 1)·e, where τ falls out."""
    match a, b:
        case Op("mul", one), Op("mul", other):
            for factor in one:
                if factor in other and (
                    times := _constant(_rest(one, factor), _rest(other, factor))
                ):
                    return factor if times > 0 else build.neg(factor)
    return build.sub(a, b)


def _rest(factors: tuple[Expr, ...], factor: Expr) -> Expr:
    return factors[1 - factors.index(factor)]


def _constant(a: Expr, b: Expr) -> Fraction | None:
    """The number that a - b is; None where other terms are left."""
    left: dict[Expr, int] = {}
    total = Fraction(0)
    for sign, term in signed_terms(op("sub", a, b), through_signs=True):
        if isinstance(term, Num):
            total += sign * term.value
        else:
            left[term] = left.get(term, 0) + sign
    return None if any(left.values()) else total


def _among_several(node: Op, tie: float | str, above: int, below: int) -> tuple[Expr, Expr]:
    """The shares of max(max(a, b), c): where c is as large, it counts for one of all that are.

    The first part has what its own largest entries get together.
    """
    left, right = node.args
    assert isinstance(left, Op)
    gap = build.sub(left, right)
    first = op("switch", gap, below=below, at=0, above=above)
    second = op("switch", gap, below=above, at=0, above=below)
    tied = op("switch", gap, below=0, at=1, above=0)
    count: Expr = build.ZERO
    for part in parts_of(left):
        count = build.add(count, op("switch", build.sub(part, left), below=0, at=1, above=0))
    if tie == "shared":
        both = build.add(count, build.ONE)
        to_first, to_second = build.div(count, both), build.div(build.ONE, both)
    else:
        to_second = num(build.plain(tie))
        more = op("switch", build.sub(count, build.ONE), below=0, at=0, above=1)
        to_first = build.add(to_second, build.mul(num(1 - build.plain(tie)), more))
    return build.add(first, build.mul(tied, to_first)), build.add(
        second, build.mul(tied, to_second)
    )


def parts_of(node: Op) -> Iterator[Expr]:
    """The parts of max(max(a, b), c): a, b, c."""
    for arg in node.args:
        if isinstance(arg, Op) and arg.name == node.name:
            yield from parts_of(arg)
        else:
            yield arg


def xlogy(y: Array, p: Array) -> Array:
    """y ln p, and 0 where y is 0, as the limit has it."""
    return xtimes(y, np.log(p))


def xtimes(y: Array, other: Array) -> Array:
    """y times `other`, and 0 where y is 0 even beside an infinity."""
    return np.where(y == 0, 0.0, y * other)


def ratio(y: Array, p: Array) -> Array:
    """y / p, and 0 where y is 0, even over 0: the derivative of y ln p."""
    return np.where(y == 0, 0.0, y / p)


def power(a: Array, n: Array) -> Array:
    """a to the n."""
    return np.power(a, n)


def _infix(text: str, latex: str, precedence: int) -> Notation:
    return Notation("infix", text, latex, precedence)


def _binary(
    name: str,
    words: str,
    notation: Notation,
    value: Value,
    pullback: Pullback,
    domain: Domain | None = None,
    instead: str | None = None,
    **rest: Any,
) -> Operation:
    return Operation(
        name,
        words,
        notation,
        _pair(words, instead),
        value,
        arity=2,
        elementwise=True,
        pullback=pullback,
        domain=domain,
        **rest,
    )


ARITHMETIC = (
    _binary(
        "add",
        "added",
        _infix("+", "+", 1),
        np.add,
        _add,
        rises=True,
        adds=True,
    ),
    _binary(
        "sub",
        "subtracted",
        _infix("-", "-", 1),
        np.subtract,
        _sub,
        adds=True,
    ),
    _binary(
        "mul",
        "multiplied",
        _infix("*", r"\odot", 2),
        np.multiply,
        _mul,
        multiplies=True,
    ),
    _binary(
        "div",
        "divided",
        _infix("/", "/", 2),
        np.divide,
        _div,
        Domain(
            lambda a, b: np.broadcast_to(b == 0, np.broadcast_shapes(a.shape, b.shape)),
            "division by 0",
        ),
    ),
    _binary(
        "pow",
        "raised to a power",
        _infix("^", "^", 4),
        power,
        _pow,
        Domain(
            lambda a, n: ((a < 0) & (n != np.round(n))) | ((a == 0) & (n < 0)),
            "a power that does not exist here",
        ),
    ),
    _binary(
        "xlogy",
        "multiplied with a logarithm",
        Notation("defined", "xlogy"),
        xlogy,
        _xlogy,
        Domain(lambda y, p: (p <= 0) & (y != 0), "the logarithm of a number that is not positive"),
        instead="targets of the shape of the predictions: 1 for the right class, else 0",
        definition=lambda node, rules: op("mul", node.args[0], op("log", node.args[1])),
        multiplies=True,
    ),
    _binary(
        "ratio",
        "divided",
        Notation("defined", "ratio"),
        ratio,
        _ratio,
        Domain(lambda y, p: (p == 0) & (y != 0), "division by 0"),
        public=False,
        definition=lambda node, rules: op("div", *node.args),
    ),
    _binary(
        "maximum",
        "compared",
        Notation("function", "max", r"\max"),
        np.maximum,
        _larger(1, 0),
        kink="max",
        rises=True,
        exact=True,
    ),
    _binary(
        "minimum",
        "compared",
        Notation("function", "min", r"\min"),
        np.minimum,
        _larger(0, 1),
        kink="max",
        rises=True,
        exact=True,
    ),
    Operation(
        "neg",
        "negated",
        Notation("prefix", "-", "-", 3),
        lambda shapes, _: shapes[0],
        np.negative,
        elementwise=True,
        derivative=lambda x, r, node, rules: num(-1),
        exact=True,
    ),
)

"""A gradient to the form in which a textbook leaves it: 2(z − y), not −2(y − z).

Every form has the same value. What is brought into it: a minus sign before a difference, numbers
without axes inside a product of matrices, equal terms, and the number of samples below a line.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from fractions import Fraction
from functools import partial

from backprop_cli.algebra import build
from backprop_cli.algebra.build import ONE
from backprop_cli.algebra.expr import Expr, Folded, Num, Op, num, op, walk
from backprop_cli.operations.record import Rules

_PRODUCTS = frozenset({"mul", "matmul", "outer"})
_QUOTIENTS = frozenset({"div", "ratio"})


def last_form(expr: Expr, rules: Rules, divisors: Collection[Fraction] = ()) -> Expr:
    """The gradient in its last form; `divisors` are the numbers that the formulas divide by."""
    formed = Folded[Expr](lambda leaf: leaf, partial(_formed, rules=rules)).of(expr)
    return _divided(formed, divisors)


def divided_by(exprs: Iterable[Expr]) -> frozenset[Fraction]:
    """The numbers that formulas divide by, as by the number of samples; a half is left a half."""
    return frozenset(
        node.args[1].value
        for expr in exprs
        for node in walk(expr)
        if isinstance(node, Op) and node.name == "div" and isinstance(node.args[1], Num)
    ) - {Fraction(0), Fraction(1), Fraction(2)}


def _formed(node: Op, args: list[Expr], rules: Rules) -> Expr:
    made = node if tuple(args) == node.args else Op(node.name, tuple(args), node.options)
    return in_signs(_collected(_in_front(made, rules)))


# Signs --------------------------------------------------------------------------------------------


def exchanged(expr: Expr) -> Expr | None:
    """A product with the two sides of a difference in it exchanged; None where it has none.

    1 − h stays: it is read as a thing of its own.
    """
    match expr:
        case Op("sub", (left, right)) if not isinstance(left, Num):
            return op("sub", right, left)
        case Op("mul", (Num() as number, rest)):
            inner = exchanged(rest)
            return None if inner is None else op("mul", number, inner)
        case Op(name, (left, right)) if name in _PRODUCTS:
            for place, arg in ((1, right), (0, left)):
                inner = exchanged(arg)
                if inner is not None:
                    args = (left, inner) if place else (inner, right)
                    return Op(name, args, expr.options)
    return None


def in_signs(node: Expr) -> Expr:
    """2(z − y) for −2(y − z)."""
    match node:
        case Op("mul", (Num(value), rest)) if value < 0:
            inner = exchanged(rest)
            return node if inner is None else build.scaled(-value, inner)
        case Op("neg", (rest,)):
            inner = exchanged(rest)
            return node if inner is None else inner
    return node


# Factors without axes -----------------------------------------------------------------------------


def _in_front(node: Op, rules: Rules) -> Expr:
    """(G Q) / √d for (G / √d) Q, and y / (N p) for y / p / N."""
    match node:
        case Op("transpose", (Op("div", (inner, below)),)) if not rules.shape(below):
            return op("div", build.transpose(inner), below)
        case Op("matmul", (Op("div", (left, below)), right)) if not rules.shape(below):
            return op("div", op("matmul", left, right), below)
        case Op("matmul", (left, Op("div", (right, below)))) if not rules.shape(below):
            return op("div", op("matmul", left, right), below)
        case Op("div", (Op(name, (above, inner)) as first, below)) if name in _QUOTIENTS:
            if not rules.shape(below) and rules.shape(inner):
                return Op(name, (above, build.mul(below, inner)), first.options)
    return node


# Equal terms --------------------------------------------------------------------------------------


def _terms(expr: Expr, sign: int = 1) -> Iterator[tuple[Fraction, Expr]]:
    match expr:
        case Op("add", (left, right)):
            yield from _terms(left, sign)
            yield from _terms(right, sign)
        case Op("sub", (left, right)):
            yield from _terms(left, sign)
            yield from _terms(right, -sign)
        case _:
            number, rest = build.coefficient(expr)
            yield sign * number, rest


def _collected(node: Expr) -> Expr:
    """w for ½ w + ½ w: a sum in which a term stands twice."""
    if not isinstance(node, Op) or node.name not in ("add", "sub"):
        return node
    terms = [*_terms(node)]
    found: dict[Expr, Fraction] = {}
    for number, rest in terms:
        found[rest] = found.get(rest, Fraction(0)) + number
    if len(found) == len(terms) or not all(found.values()):
        return node
    (first, front), *others = found.items()
    total = build.scaled(front, first)
    for rest, number in others:
        total = build.add(total, build.scaled(number, rest))
    return total


# What the formulas divide by ----------------------------------------------------------------------


def _is_quotient(rest: Expr) -> bool:
    """Whether there is a line already, below which the number is written: y / (4 p)."""
    return rest == ONE or (isinstance(rest, Op) and rest.name in _QUOTIENTS)


def _divided(expr: Expr, divisors: Collection[Fraction]) -> Expr:
    """(ŷ − y) / 4 for 0.25 (ŷ − y) where the loss is divided by 4."""
    match expr:
        case Op("add" | "sub", (left, right)):
            return op(expr.name, _divided(left, divisors), _divided(right, divisors))
        case Op("neg", (inner,)):
            return op("neg", _divided(inner, divisors))
        case Op("mul", (Num(value), rest)) if value.denominator != 1:
            for divisor in sorted(divisors):
                times = value * divisor
                if times.denominator == 1 and not _is_quotient(rest):
                    return op("div", build.scaled(times, rest), num(divisor))
    return expr

"""What is taken for what in a formula: another activation, a minimum for a maximum, 1 - z for z."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Num, Op, Sym, num, op, substitute, symbols, walk
from backprop_cli.grading.slips.case import ACTIVATIONS, CONFUSED, Case

_TAKEN_FOR: Final[Mapping[str, str]] = MappingProxyType(
    {
        "maximum": "minimum",
        "minimum": "maximum",
        "max": "min",
        "min": "max",
        "logsumexp": "max",  # the best path where all add up
    }
)


def other_function(case: Case, node: Op) -> Iterator[tuple[str, Expr]]:
    """What another function than the one that belongs there gives."""
    if node.name in ACTIVATIONS:
        yield from _other_activation(case, node)
    other = _TAKEN_FOR.get(node.name)
    if other and not any(isinstance(arg, Num) for arg in node.args):  # max(u, 0) is a ramp
        yield "wrong-activation", Op(other, node.args, node.options)
    match node:
        case Op("sum", (Op("pow", (inner, Num(value=2))),)):  # a length where its square belongs
            yield "power-left-out", op("norm", inner, **dict(node.options))
    if node is case.expr and _is_loss_of_squares(case) and node.name != "sum":
        yield "power-left-out", op("sqrt", node)


def _is_loss_of_squares(case: Case) -> bool:
    """Whether it is the loss, and squares are added up in it."""
    if case.step.id != case.model.target:
        return False
    totals = (node for node in walk(case.inlined(case.expr)) if isinstance(node, Op))
    return any(_adds_squares(one) for one in totals)


def _adds_squares(node: Op) -> bool:
    match node:
        case Op("sum" | "mean", (Op("pow", (_, Num(value=2))),)):
            return True
    return False


def _other_activation(case: Case, node: Op) -> Iterator[tuple[str, Expr]]:
    """Another activation, the argument with another sign or scale, a softmax not normalised."""
    (inner,) = node.args
    if node.name == "exp":
        yield "term-sign-flipped", op("exp", op("neg", inner))
        return
    yield from (("wrong-activation", op(name, inner)) for name in CONFUSED if name != node.name)
    if node.name != "softmax" and case.shape(inner):
        yield "wrong-activation", case.softmax(inner)
    match node.name:
        case "sigmoid":
            yield "term-sign-flipped", op("sigmoid", op("neg", inner))
            yield "wrong-activation", op("sigmoid", op("mul", num(2), inner))  # tanh, moved to 0…1
        case "tanh":
            yield "factor-two", op("tanh", op("div", inner, num(2)))
            yield "wrong-activation", op("div", op("sin", inner), op("cos", inner))  # next key: tan
        case "relu":
            yield "wrong-activation", op("abs", inner)
        case "step" | "sign":
            yield "wrong-activation", op("sign" if node.name == "step" else "step", inner)
            yield "term-sign-flipped", op(node.name, op("neg", inner))
    if node.name == "softmax":
        yield "normalisation-left-out", op("exp", inner)
        yield "wrong-activation", op("div", inner, build.sum_along(inner, node.axis))


def complements(case: Case) -> Iterator[tuple[str, Expr]]:
    """1 - z for z and, since 1 - (1 - z) is z, the reverse, where the problem weighs with both."""
    formulas = (case.expr, *case.model.definitions.values())
    both = case.kept("complements", lambda: {each for one in formulas for each in _weights(one)})
    for name in sorted(both & set(symbols(case.expr))):
        yield "complement", substitute(case.expr, {name: op("sub", num(1), Sym(name))})


def _weights(expr: Expr) -> Iterator[str]:
    for node in walk(expr):
        match node:
            case Op("sub", (Num(1), Sym(name))):
                yield name

"""Numbers without axes to the front of what they stand in, and what is cut off already to itself.

Every form has the same value: α · Bᵀ G for (α · B)ᵀ G, and max(u, 0) for max(u, 0) · 1{u > 0}.
"""

from __future__ import annotations

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Op, op
from backprop_cli.calculus.quotients import QUOTIENTS, factors_of
from backprop_cli.operations.record import Rules


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

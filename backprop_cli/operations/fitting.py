"""Brings a share of a gradient back to the shape of the argument it belongs to."""

from __future__ import annotations

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, op
from backprop_cli.algebra.shapes import Shape
from backprop_cli.operations.record import Rules


def fit(share: Expr, like: Expr, rules: Rules) -> Expr:
    """`share` with the shape of `like`: summed over what was broadcast, spread where it is small.

    The gradient of a broadcast argument is the sum over its copies: each copy acts on the loss.
    """
    have, want = rules.shape(share), rules.shape(like)
    if have == want:
        return share
    if not want:
        return total(share)
    if len(have) == len(want):
        for axis, (size, wanted) in enumerate(zip(have, want, strict=True)):
            if wanted == 1 and size != 1:
                share = total(share, axis=axis, keep=1)
    return in_shape(share, want, rules)


def in_shape(expr: Expr, shape: Shape, rules: Rules) -> Expr:
    """`expr`, or the number that it is in every entry of an array."""
    return expr if rules.shape(expr) == shape else op("spread", expr, shape=shape)


def total(a: Expr, axis: int | None = None, keep: int | None = None) -> Expr:
    """The sum of `a`, its numeric factor drawn to the front."""
    factor, rest = build.coefficient(a)
    if rest == build.ONE or (getattr(rest, "name", "") == "spread"):
        return op("sum", a, axis=axis, keep=keep)
    return build.scaled(factor, op("sum", rest, axis=axis, keep=keep))

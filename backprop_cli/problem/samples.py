"""A formula written for one sample to the same formula over a batch."""

from __future__ import annotations

from backprop_cli.algebra.expr import Expr, Op, op
from backprop_cli.algebra.shapes import ShapeError

_REDUCED = frozenset({"sum", "mean", "max", "logsumexp", "norm"})
_ALONG = frozenset({"softmax", "log_softmax"})
_MIXING = frozenset(
    {"matmul", "outer", "transpose", "at", "stack", "concat", "diag", "column", "row"}
)


def per_sample(expr: Expr, unit_axis: int | None) -> Expr:
    """The formula with every reduction taken over the units of each sample alone.

    ShapeError where it uses an operation that has no entry-by-entry reading.
    """
    if unit_axis is None or not isinstance(expr, Op):
        return expr
    args = tuple(per_sample(arg, unit_axis) for arg in expr.args)
    if expr.name in _MIXING:
        raise ShapeError(
            f"'{expr.name}' does not say what happens to each sample of a batch",
            "sum(a * b) instead of a product of vectors",
        )
    if expr.name in _REDUCED:
        return op(expr.name, *args, axis=unit_axis, keep=1)
    if expr.name in _ALONG:
        return op(expr.name, *args, axis=unit_axis)
    return Op(expr.name, args, expr.options)

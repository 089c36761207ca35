"""A formula written for one sample to the same formula over a batch."""

from __future__ import annotations

from backprop_cli.algebra.expr import Expr, Op, op
from backprop_cli.algebra.shapes import ShapeError
from backprop_cli.operations.table import operation


def per_sample(expr: Expr, unit_axis: int | None) -> Expr:
    """The formula with every reduction taken over the units of each sample alone.

    ShapeError where it uses an operation that has no entry-by-entry reading.
    """
    if unit_axis is None or not isinstance(expr, Op):
        return expr
    args = tuple(per_sample(arg, unit_axis) for arg in expr.args)
    record = operation(expr)
    if args and not (record.elementwise or record.along):
        raise ShapeError(
            f"'{expr.name}' does not say what happens to each sample of a batch",
            "sum(a * b) instead of a product of vectors",
        )
    if record.reduces:
        return op(expr.name, *args, axis=unit_axis, keep=1)
    if record.along:
        return op(expr.name, *args, axis=unit_axis)
    return Op(expr.name, args, expr.options)

"""A quantity repeated over a shape to the product with ones that it is."""

from __future__ import annotations

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Op, Option, op
from backprop_cli.notation.parts import FLIPPED

ONES = "ones"
"""A vector or matrix of ones; only writers make such nodes."""

PRODUCT = "product"
"""A matrix product whose vectors stand as they are to be drawn; only writers make such nodes."""


def times_ones(node: Op, rank: int, *, rows: bool) -> Expr:
    """s · 1 for a number; 1 vᵀ for a vector in every row, v 1ᵀ in every column.

    `rank` is that of what is repeated; `rows`: vectors are drawn as rows, and so are the ones.
    """
    inner, shape = node.args[0], node.option("shape")
    assert isinstance(shape, tuple)
    if node.args[0] == build.ONE:
        return op(ONES, shape=shape)
    if len(shape) != 2 or (not rank and node.option("axis") is None):
        return op("mul", inner, op(ONES, shape=shape))
    axis = node.option("axis")
    if axis is not None:
        return _product(inner, shape, 0 if axis in (0, -2) else 1, rows)
    for place in (0, 1):  # a matrix of a single row, or of a single column
        if shape[place] != 1 and _single(inner, place):
            return _product(inner, shape, place, rows, is_matrix=True)
    return inner


def _single(inner: Expr, place: int) -> bool:
    """Whether an argument kept for broadcasting has but one entry along the axis."""
    if not isinstance(inner, Op):
        return False
    if inner.name in ("column", "row"):
        return place == (1 if inner.name == "column" else 0)
    axis = inner.option("axis")
    return isinstance(axis, int) and axis % 2 == place


def _product(
    inner: Expr, shape: tuple[Option, ...], axis: int, rows: bool, *, is_matrix: bool = False
) -> Expr:
    """The product with a vector of ones that repeats along an axis."""
    ones: Expr = op(ONES, shape=(shape[axis],))
    if axis == 0:
        left = op(FLIPPED, ones) if rows else ones
        right = inner if is_matrix or rows else op(FLIPPED, inner)
        return op(PRODUCT, left, right)
    left = inner if is_matrix or not rows else op(FLIPPED, inner)
    return op(PRODUCT, left, ones if rows else op(FLIPPED, ones))

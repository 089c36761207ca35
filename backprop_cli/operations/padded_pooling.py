"""Pooling with something around the picture: −∞ below a maximum, zeros in a mean, written out."""

from __future__ import annotations

from types import MappingProxyType

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Op, op, unfold
from backprop_cli.algebra.shapes import Shape, ShapeError
from backprop_cli.operations.pooling import POOLS, Pool, picture, pool_of, pooled
from backprop_cli.operations.record import Notation, Operation, Rules
from backprop_cli.operations.sliding import AXES, in_numbers, whole


def _around(node: Op, shape: Shape) -> tuple[Pool, int]:
    """How windows stand on what has this shape, and how many entries are put around it."""
    said = Op(node.name.removeprefix("padded_"), node.args, node.options)
    how, padding = pool_of(said, shape), whole(said, "padding", 0, least=0)
    if padding >= how.size:
        message = f"with a padding of {padding}, windows of {how.size} would hold nothing but that"
        raise ShapeError(message, f"at most {how.size - 1}")
    return how, padding


def _wide(fill: str, x: Expr, how: Pool, padding: int) -> Expr:
    return op(fill, x, width=padding, axes=None if how.axes == AXES else how.axes)


def _padded_shape(shapes: tuple[Shape, ...], node: Op) -> Shape:
    (shape,) = shapes
    how, padding = _around(node, shape)
    before, places = picture(shape, how)
    return pooled(before + tuple(in_numbers(n) + 2 * padding for n in places), how)


def _padded_max(node: Op, rules: Rules) -> Expr:
    """The largest that there is: what stands around is less than any number."""
    (x,) = node.args
    how, padding = _around(node, rules.shape(x))
    return op("max_pool", _wide("low_padded", x, how, padding), **how.options)


def _padded_mean(node: Op, rules: Rules) -> Expr:
    """With zeros around; where these do not count, over what there is of each window."""
    (x,) = node.args
    how, padding = _around(node, rules.shape(x))
    wide = _wide("zero_padded", x, how, padding)
    if node.option("count_padding", 1):
        return op("mean_pool", wide, **how.options)
    ones = op("spread", build.ONE, shape=rules.shape(x))
    there = _wide("zero_padded", ones, how, padding)
    return op("div", *(op("sum_pool", each, **how.options) for each in (wide, there)))


PADDED = MappingProxyType({"max_pool": "padded_max_pool", "mean_pool": "padded_mean_pool"})
"""What a pooling is with something around the picture."""


_OPENED = MappingProxyType({PADDED["max_pool"]: _padded_max, PADDED["mean_pool"]: _padded_mean})


def opened(expr: Expr, rules: Rules) -> Expr:
    """A formula in which what is put around a picture before pooling stands for itself."""

    def found(node: Op) -> Expr | None:
        return _OPENED[node.name](node, rules) if node.name in _OPENED else None

    return unfold(expr, found)


PADDED_POOLING = (
    Operation(
        PADDED["max_pool"],
        "largest entry of each window",
        Notation("defined", "max_pool"),
        _padded_shape,
        definition=_padded_max,
        options={**POOLS, "padding": ...},
        public=False,
    ),
    Operation(
        PADDED["mean_pool"],
        "mean of each window",
        Notation("defined", "mean_pool"),
        _padded_shape,
        definition=_padded_mean,
        options={**POOLS, "padding": ..., "count_padding": 1},
        public=False,
    ),
)

"""A line of code to what it is with an array backwards, some samples alone, the wrong columns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import partial
from math import prod
from typing import Final

import numpy as np
from msgspec import Struct

from backprop_cli.algebra.build import filled, ones
from backprop_cli.algebra.expr import Expr, Num, Op, Option, Sym, num, op, put, rewrite, walk
from backprop_cli.algebra.quantity import quantity, step_of
from backprop_cli.grading.slips.case import Case, each
from backprop_cli.grading.slips.formula_parts import Change
from backprop_cli.grading.slips.forward import CONVOLUTIONS
from backprop_cli.operations.pooling import pool_of

_LONGEST: Final = 200
"""Longer arrays are not tried backwards."""


def in_another_order(case: Case, node: Expr) -> Iterator[Change]:
    """v[::-1], a matrix with its rows or columns backwards, W.reshape(m, n).T for W."""
    shape = case.lengths(node) if isinstance(node, Sym) else ()
    for axis, size in enumerate(shape if len(shape) <= 2 else ()):
        if 1 < size <= _LONGEST:
            yield "other-order", _backwards(node, axis, size)
    if len(shape) == 2 and shape[0] > 1:
        for k in (0, shape[0] - 1):  # x[0] for x[i]
            yield "wrong-operand", filled(node, op("row", op("at", node, index=(k,))))
    only_moved = isinstance(case.expr, Op) and case.expr.name in ("flatten", "flat", "reshape")
    if len(shape) == 2 and 1 not in shape and shape[0] != shape[1] and not only_moved:
        other = shape[::-1]
        yield "reshape-for-transpose", op("transpose", op("reshape", node, shape=other))
        yield "reshape-for-transpose", op("reshape", op("transpose", node), shape=shape)


def flattened_otherwise(case: Case, node: Op) -> Iterator[Change]:
    """A picture as a vector with its channels last, or column by column."""
    shape = case.lengths(node.args[0]) if node.name in ("flatten", "flat") else ()
    numbers = np.arange(prod(shape)).reshape(shape) if len(shape) >= 2 else np.arange(0)
    for axes in {(*range(1, len(shape)), 0), (*range(len(shape)),)[::-1]} if numbers.size else ():
        order = tuple(map(int, numbers.transpose(axes).ravel()))
        if len(order) <= _LONGEST:
            yield "other-order", op("at", node, index=((order,),))


def _backwards(node: Expr, axis: int, size: int) -> Expr:
    return op("at", node, index=(*(None,) * axis, (tuple(range(size - 1, -1, -1)),)))


def of_some_samples(case: Case, node: Op) -> Iterator[Change]:
    """Of a sum over samples one of them alone, all but the first or the last, or each weighed."""
    match node:
        case Op("matmul", (left, right)) if _is_turned(left) or _is_turned(right):
            sizes = case.lengths(left)
            if len(sizes) == 2 == len(case.lengths(right)) and sizes[1] > 1:
                yield from _of_a_product(case, left, right, sizes[1])
        case Op("mean", (inner,), options) if node.axis == 0 and case.lengths(inner):
            count = case.lengths(inner)[0]
            for slip, less in of_some_samples(case, Op("sum", (inner,), options)):
                yield slip, op("div", less, num(count))
        case Op("sum", (inner,)) if node.axis == 0 and not node.option("keep"):
            sizes = case.lengths(inner)
            for rows in _all_but_one(sizes[0]) if len(sizes) == 2 else ():
                yield "path-lost", Op("sum", (op("at", inner, index=(rows,)),), node.options)
            for name in _vectors(case, sizes[0]) if len(sizes) == 2 else ():
                weighed = op("mul", op("column", Sym(name)), inner)
                yield "factor-added", Op("sum", (weighed,), node.options)


def _of_a_product(case: Case, left: Expr, right: Expr, count: int) -> Iterator[Change]:
    for k in (0, count - 1):
        alone = op("at", left, index=(None, k)), op("at", right, index=(k,))
        yield "not-summed-over-samples", op("outer", *alone)
    for rows in _all_but_one(count):
        some = op("at", left, index=(None, rows)), op("at", right, index=(rows,))
        yield "path-lost", op("matmul", *some)
    for name in _vectors(case, count):
        yield "factor-added", op("matmul", left, op("mul", op("column", Sym(name)), right))


def _is_turned(node: Expr) -> bool:
    return isinstance(node, Op) and node.name == "transpose"


def _all_but_one(count: int) -> Iterator[tuple[int, int]]:
    if count > 2:
        yield from ((1, count), (0, count - 1))


def _vectors(case: Case, size: int) -> Iterator[str]:
    """The vectors with a number for each of so many samples."""
    for name, shape in case.sizes.names.items():
        if shape == (size,) and case.has(name, shape):
            yield name


# Sums and windows -------------------------------------------------------------------------------


def added_up(case: Case, node: Op) -> Iterator[Change]:
    """a[:, None] + b for the outer product; the kernel added to each window and not multiplied."""
    if node.name == "outer" and len(case.lengths(node)) == 2:
        left, right = node.args
        each = op("outer", left, ones(right)), op("outer", ones(left), right)
        yield "operator-exchanged", op("add", *each)
    if node.name == "conv":
        x, k = node.args
        if len(case.lengths(k)) == len(case.lengths(node)):
            slid = Op("conv", (x, ones(k)), node.options)
            yield "operator-exchanged", op("add", slid, op("sum", k))


def of_windows(case: Case, node: Op) -> Iterator[Change]:
    """A kernel turned, mirrored, or one entry of it alone; of a pool the smallest, or one entry."""
    if node.name in CONVOLUTIONS:
        x, k = node.args
        sizes = case.lengths(k)
        if len(sizes) <= 2:
            for axis, size in enumerate(sizes):
                yield "kernel-flipped", Op(node.name, (x, _backwards(k, axis, size)), node.options)
            yield "kernel-flipped", Op(node.name, (x, op("rot", k)), node.options)
            for alone in _one_entry(k, sizes):
                yield "one-position-only", Op(node.name, (x, alone), node.options)
    if node.name == "max_pool":
        least = Op(node.name, (op("neg", *node.args),), node.options)
        yield "wrong-activation", op("neg", least)
    if node.name in ("max_pool", "mean_pool"):
        yield from _one_of_each_window(case, node)


def _one_entry(k: Expr, sizes: tuple[int, ...]) -> Iterator[Expr]:
    """The first or the last entry of a kernel, and 0 in all other places."""
    for at in (tuple((0, 1) for _ in sizes), tuple((size - 1, size) for size in sizes)):
        yield op("place", op("at", k, index=at), index=at, shape=sizes)


def _one_of_each_window(case: Case, node: Op) -> Iterator[Change]:
    """The entry in the same corner of each window."""
    shape, out = case.lengths(node.args[0]), case.lengths(node)
    how = pool_of(node, shape)
    for corner in (0, how.size - 1):
        picked = node.args[0]
        for axis in range(len(shape) - how.axes, len(shape)):
            taken = tuple(range(corner, corner + how.stride * out[axis], how.stride))
            picked = op("at", picked, index=(*(None,) * axis, (taken,)))
        yield "one-position-only", picked


# Numbers ----------------------------------------------------------------------------------------


def of_numbers(case: Case, node: Expr) -> Iterator[Change]:
    """A mean taken off, `log1p` for a logarithm, another threshold, weights for their count."""
    if isinstance(node, Sym):
        yield from _centred(case, node)
    yield from _of_other_widths(case, node)
    match node:
        case Op("log" | "sqrt", (inner,), options):
            yield "term-added", Op(node.name, (op("add", num(1), inner),), options)
        case Op("relu", (z,)):  # h = z * (z > 1)
            for zero in (1, "1/2", "1/10"):
                yield "wrong-constant", op("mul", z, op("switch", op("sub", z, num(zero))))
        case Op("div", (top, Op("mul", (Num(2), Num() as count)))):
            for slip, new in _over_a_sum(case, top, count):
                yield slip, op("div", new, num(2))
        case Op("div", (top, Num() as count)):
            yield from _over_a_sum(case, top, count)
        case Op("div", (top, Op("sum", (Sym(name),), ()))):
            for size in case.sizes.names.get(name) or ():  # how many there are, and not Σw
                yield "mean-sum-confused", op("div", top, num(int(size)))


def _of_other_widths(case: Case, node: Expr) -> Iterator[Change]:
    """The width of something else in √d."""
    match node:
        case Op("sqrt", (Num(value),)):
            sizes = {int(size) for shape in case.sizes.names.values() for size in shape}
            for size in sorted(sizes - {int(value)}):
                yield "wrong-constant", op("sqrt", num(size))


def of_masks(case: Case, node: Op) -> Iterator[Change]:
    """0 where a mask takes −∞, so that a softmax goes there all the same; the mask turned."""
    for scores, mask in (node.args, node.args[::-1]) if node.name == "add" else ():
        along, inner = _along(mask)
        given = case.model.given.get(inner.name) if isinstance(inner, Sym) else None
        if given is not None and (given.value < _NEVER).any():
            yield "wrong-constant", op("mul", scores, op("exp", mask))
            if len(set(given.value.shape)) == 1 < given.value.ndim:
                yield "transpose-omitted", op("add", scores, op("transpose", mask))
            if along and len({*case.lengths(scores)}) == 1:  # a whole row of nothing is all alike
                other = op({"row": "column", "column": "row"}[along], inner)
                yield "wrong-axis", op("add", op("mul", scores, op("exp", other)), other)


_NEVER: Final = -1e4
"""Where so much is added, a softmax leaves nothing."""


def _along(mask: Expr) -> tuple[str, Expr]:
    """Whether a mask goes to rows or columns, and the mask itself."""
    if isinstance(mask, Op) and mask.name in ("row", "column"):
        return mask.name, mask.args[0]
    return "", mask


def of_a_row(case: Case, node: Op) -> Iterator[Change]:
    """What was worked out in this step, or the one before, for a given row: p_{t-1} for x[t]."""
    own, shape = quantity(case.step.id), case.shape(node)
    step = step_of(own.by or own.name)
    if step is None or node.name != "at" or not isinstance(node.args[0], Sym) or not shape:
        return
    for name in case.sizes.names:
        found = step_of(name)
        near = found is not None and found[1] in (step[1], step[1] - 1)
        if near and case.has(name, shape):
            yield "wrong-operand", Sym(name)


def _centred(case: Case, node: Sym) -> Iterator[Change]:
    """x − mean(x) for x: the mean of all, of each column, of each row."""
    sizes = case.lengths(node)
    along = ({"axis": axis, "keep": 1} for axis in (0, 1)) if len(sizes) == 2 else ()
    for options in ({}, *along) if sizes else ():
        yield "term-added", op("sub", node, op("mean", node, **options))


def _over_a_sum(case: Case, top: Expr, count: Num) -> Iterator[Change]:
    """Over Σw for the number of samples, of each of which w has one."""
    for name, shape in case.sizes.names.items():
        if len(shape) == 1 and case.has(name, shape):
            each = count.value / int(shape[0])
            if each.denominator == 1:
                yield "wrong-operand", op("div", top, op("mul", num(each), op("sum", Sym(name))))


def of_other_sizes(case: Case) -> Iterator[Change]:
    """Another array in a product over samples that does not fit: ŷ for h, whose units are more."""
    products = frozenset({"matmul", "outer"}) if case.step.phase == "backward" else frozenset()
    for place, node in each(case.expr, products):
        for position, arg in enumerate(node.args):
            inner = arg.args[0] if isinstance(arg, Op) and _is_turned(arg) else arg
            for name in case.sizes.names if isinstance(inner, Sym) else ():
                other = op("transpose", Sym(name)) if inner is not arg else Sym(name)
                shape = case.sizes.names[name]
                if len(case.lengths(inner)) == len(shape) and case.has(name, shape):
                    yield "wrong-layer-input", put(case.expr, (*place, position), other)


# Heads --------------------------------------------------------------------------------------------


_MOST_WHOLES: Final = 6
"""A line that takes columns from more matrices is none of a few heads."""


class _Head(Struct, frozen=True):
    """The columns that belong to one of several heads, and the matrix that they are taken from."""

    whole: Expr
    rows: int
    columns: int
    width: int
    number: int

    @property
    def not_turned(self) -> Expr:
        """X.reshape(heads, n, d)[k]: the k-th part of all entries one after the other."""
        shape = self.rows * self.columns // self.width, self.width
        rows = self.number * self.rows, (self.number + 1) * self.rows
        return op("at", op("reshape", self.whole, shape=shape), index=(rows, None))

    @property
    def one_of_each(self) -> Expr:
        """X.reshape(n, d, heads)[:, :, k]: every so many columns one."""
        chosen = tuple(range(self.number, self.columns, self.columns // self.width))
        return op("at", self.whole, index=(None, (chosen,)))


_OTHERWISE: Final[tuple[tuple[str, Callable[[_Head], Expr]], ...]] = (
    ("reshape-for-transpose", lambda head: head.not_turned),
    ("other-order", lambda head: head.one_of_each),
)


def of_slices(case: Case) -> Iterator[Change]:
    """X.reshape(heads, n, d)[k], or every so many columns, for the columns of a head.

    Of all matrices that are split in a line, or of one of them.
    """
    heads = {node: head for node in walk(case.expr) if (head := _head(case, node)) is not None}
    wholes = {head.whole for head in heads.values()}
    if not 0 < len(wholes) <= _MOST_WHOLES:
        return
    for slip, taken in _OTHERWISE:
        for group in (wholes, *({one} for one in wholes if len(wholes) > 1)):
            yield slip, rewrite(case.expr, partial(_taken, heads, taken, group))


def _taken(
    heads: dict[Expr, _Head], taken: Callable[[_Head], Expr], wholes: Collection[Expr], node: Expr
) -> Expr | None:
    head = heads.get(node)
    return taken(head) if head is not None and head.whole in wholes else None


def _taken_columns(node: Op) -> Option:
    if node.name == "at":
        return node.option("index")
    return (None, (node.option("start"), node.option("stop"))) if node.axis == 1 else None


def _head(case: Case, node: Expr) -> _Head | None:
    """A slice of some columns as that of a head: as wide as others beside it would be."""
    if not isinstance(node, Op) or node.name not in ("at", "part"):
        return None
    shape = case.lengths(node.args[0])
    match _taken_columns(node):
        case (None, (int(start), int(stop))) if len(shape) == 2:
            (rows, columns), width = shape, stop - start
            if rows > 1 and width < columns and columns % width == 0 and start % width == 0:
                return _Head(node.args[0], rows, columns, width, start // width)
    return None

"""A sum, a mean or a matrix in a line of code to what it is along another axis, or too early."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final, TypeGuard

from backprop_cli.algebra.build import filled, ones
from backprop_cli.algebra.expr import (
    Expr,
    Num,
    Op,
    Sym,
    addends,
    num,
    op,
    rewrite,
    substitute,
    symbols,
    walk,
)
from backprop_cli.grading.slips.case import Case
from backprop_cli.grading.slips.formula_parts import Change


def reduced(case: Case, node: Expr) -> Iterator[Change]:
    """The sum or the mean over all entries, or over one axis, in the place of each entry.

    What is a sum as it should be is one over more.
    """
    shape = case.shape(node)
    if not shape:
        return
    keeping: list[dict[str, int]] = [{}]
    if len(shape) == 2:
        keeping += [{"axis": axis, "keep": 1} for axis in (0, 1) if shape[axis] != 1]
    empty = op("mul", num(0), node)
    whole = case.model.definitions.get(node.name) if isinstance(node, Sym) else node
    is_sum = isinstance(whole, Op) and whole.name in ("sum", "mean", "channel_sums")
    for options in keeping:
        for name in ("sum", "mean"):
            slip = "summed-over-wrong-axis" if is_sum else "summed-too-early"
            yield slip, op("add", empty, op(name, node, **options))


def of_sums(case: Case, node: Op) -> Iterator[Change]:
    """The mean for the sum, along another axis, of one row alone, or too early."""
    if node.name == "sum":
        yield "mean-sum-confused", op("mean", *node.args, **dict(node.options))
    axis, shape = node.axis, case.shape(node)
    if node.name == "softmax" and shape is not None and len(shape) == 1:
        yield "wrong-axis", ones(node)  # each entry of a column divided by itself
    if node.name == "softmax" and axis is not None and shape is not None and len(shape) == 2:
        moved = op("sub", *node.args, op("max", *node.args, axis=1 - axis, keep=1))
        yield "wrong-axis", Op(node.name, (moved,), node.options)
    if node.name in _OTHER_SIDE:
        yield "wrong-axis", op(_OTHER_SIDE[node.name], rewrite(node.args[0], _along_the_other))
    yield from _of_length(node)
    yield from _of_quotient(case, node)
    yield from _each_alone(node)
    yield from _diagonal_alone(node)
    yield from _largest_for_masked_mean(case, node)
    if node.name not in ("sum", "mean"):
        return
    (inner,) = node.args
    yield from _of_all_entries(node)
    yield from _largest_for_sum(case, node)
    yield from _one_alone(case, node)
    yield from _of_another_parameter(case, node)
    if isinstance(inner, Op) and inner.name == "mul":
        yield from _products_summed(node, inner)
    elif isinstance(inner, Op):
        yield from _functions_summed(case, node, inner)


def _one_alone(case: Case, node: Op) -> Iterator[Change]:
    """The first or the last of what is added up: a row, a column, an entry."""
    (inner,), axis = node.args, node.axis
    sizes = case.lengths(inner)
    if axis in (0, 1) and not node.option("keep") and sizes:
        for index in _ends(axis, sizes[axis]):
            yield _rest_lost(sizes[axis]), op("at", inner, index=index)
    elif axis is None and sizes:
        for index in (tuple(0 for _ in sizes), tuple(size - 1 for size in sizes)):
            yield _rest_lost(math.prod(sizes)), op("at", inner, index=index)
        for axis in (0, 1) if len(sizes) == 2 else ():
            for index in _ends(axis, sizes[axis]):
                yield _rest_lost(sizes[axis]), Op(node.name, (op("at", inner, index=index),), ())


def _of_another_parameter(case: Case, node: Op) -> Iterator[Change]:
    """ΣV² for ΣW²: a sum over all entries takes any shape."""
    trained = case.model.trained
    names = [name for name in symbols(node) if name in trained]
    if node.axis is None and len(names) == 1:
        for other in trained:
            if case.lengths(Sym(other)) != case.lengths(Sym(names[0])):
                yield "wrong-operand", substitute(node, {names[0]: Sym(other)})


def _ends(axis: int, size: int) -> Iterator[tuple[int | None, ...]]:
    """The first and the last row or column."""
    for k in (0, size - 1):
        yield (k,) if axis == 0 else (None, k)


def _rest_lost(count: int) -> str:
    """What it is called that one of so many is left."""
    return "path-lost" if count == 2 else "gradient-overwritten"


def _largest_for_sum(case: Case, node: Op) -> Iterator[Change]:
    """The largest, or the smallest, for a sum; that of each row or column, summed up."""
    (inner,) = node.args
    is_whole = node.axis is None and len(case.shape(inner) or ()) == 2
    for name in ("max", "min"):
        yield "wrong-activation", Op(name, node.args, node.options)
        for along in (0, 1) if is_whole else ():
            yield "wrong-activation", op(node.name, op(name, inner, axis=along))


def _products_summed(node: Op, inner: Op) -> Iterator[Change]:
    """Σa·Σb for Σab, and ln Σyp for Σ y ln p."""
    options = dict(node.options)
    yield "summed-too-early", op("mul", *(op(node.name, arg, **options) for arg in inner.args))
    for factor, other in (inner.args, inner.args[::-1]):
        yield "wrong-activation", op("max", other, **options)  # where one of them is picked
        if isinstance(other, Op) and len(other.args) == 1:
            total = op(node.name, op("mul", factor, *other.args), **options)
            yield "summed-too-early", Op(other.name, (total,), other.options)


def _functions_summed(case: Case, node: Op, inner: Op) -> Iterator[Change]:
    """f(Σx) for Σf(x), and (Σx)² for Σx²."""
    argument, *rest = inner.args
    if all(isinstance(one, Num) for one in rest) and case.shape(inner) == case.shape(argument):
        within = op(node.name, argument, **dict(node.options))
        yield "summed-too-early", Op(inner.name, (within, *rest), inner.options)


_OTHER_SIDE: Final = {"column": "row", "row": "column"}


def _along_the_other(node: Expr) -> Expr | None:
    """A sum of each row in the place of that of each column, and the reverse."""
    if isinstance(node, Op) and node.name in ("sum", "mean", "max") and node.axis in (0, 1):
        return op(node.name, *node.args, axis=1 - node.axis)
    return None


def all_along_the_other(case: Case) -> Iterator[Change]:
    """All sums that are given to rows along the other axis, or over everything: in a whole norm."""
    for way in (_other_side, _over_everything):
        yield "wrong-axis", rewrite(case.expr, way)


def _other_side(node: Expr) -> Expr | None:
    if isinstance(node, Op) and node.name in _OTHER_SIDE:
        moved = rewrite(node.args[0], _along_the_other)
        return None if moved == node.args[0] else op(_OTHER_SIDE[node.name], moved)
    return None


def _over_everything(node: Expr) -> Expr | None:
    if isinstance(node, Op) and node.name in ("sum", "mean") and node.axis in (0, 1):
        return filled(node, op(node.name, *node.args))
    return None


_PICKED: Final = frozenset({"diagonal", "at"})


def _of_all_entries(node: Op) -> Iterator[Change]:
    """The sum or mean of all, where some are picked: of P for P[range(n), labels]."""
    if node.axis is None and any(map(_is_picked, walk(node))):
        yield "wrong-operand", rewrite(node, lambda one: one.args[0] if _is_picked(one) else None)


def _is_picked(node: Expr) -> TypeGuard[Op]:
    return isinstance(node, Op) and node.name in _PICKED


def _of_length(node: Op) -> Iterator[Change]:
    """The sum of sizes, or the largest of them, for the length of a vector."""
    match node:
        case Op("norm", (x,), options):
            pass
        case Op("sqrt", (Op("sum", (Op("pow", (x, Num(2))),), options),)):
            pass
        case Op("sqrt", (Op("sum", (Op("mul", (x, again)),), options),)) if x == again:
            pass
        case _:
            return
    sizes = op("abs", x)
    yield "power-left-out", Op("sum", (sizes,), options)
    yield "wrong-activation", Op("max", (sizes,), options)


def _of_quotient(case: Case, node: Op) -> Iterator[Change]:
    """1/K for α/K."""
    match node:
        case Op("div", (top, bottom)) if not isinstance(top, Num) and case.shape(top) == ():
            yield "factor-left-out", op("div", num(1), bottom)


def _each_alone(node: Op) -> Iterator[Change]:
    """One of several whose mean is taken; each entry where its row's sum is given to it."""
    match node:
        case Op("div", (Op() as total, Num() as count)):
            parts = list(addends(total))
            yield from (("path-lost", one) for one in parts if 1 < len(parts) == count.value)
        case Op("row" | "column", (Op("sum" | "mean", (inner,)),)):
            yield "function-left-out", inner


def _largest_for_masked_mean(case: Case, node: Op) -> Iterator[Change]:
    """The largest of each column for the mean of the rows that a mask lets count."""
    match node:
        case Op("div", (Op("matmul", (Sym(mask), rows)), _)) if mask in case.model.given:
            if set(case.model.given[mask].value.ravel()) <= {0, 1}:
                yield "wrong-activation", op("max", rows, axis=0)


def _diagonal_alone(node: Op) -> Iterator[Change]:
    """g ⊙ p(1 − p) for p ⊙ (g − Σgp): what a softmax output gives to its own logit alone."""
    match node:
        case Op("mul", (p, Op("sub", (g, Op("sum", (Op("mul", both),)))))) if set(both) == {p, g}:
            yield "softmax-diagonal-only", op("mul", g, op("mul", p, op("sub", num(1), p)))


def of_matrix(case: Case, node: Expr) -> Iterator[Change]:
    """Qᵀ for Q, and (AB)ᵀ for AB, where it is square and nothing else tells."""
    is_product = isinstance(node, Op) and node.name == "matmul"
    shape = case.shape(node) if is_product or isinstance(node, Sym) else None
    if shape and len(shape) == 2 and shape[0] == shape[1]:
        yield ("transpose-omitted" if is_product else "other-order"), op("transpose", node)

"""Mistakes that only code makes: the right formula to what NumPy computes instead.

What comes out may have another shape than the quantity: it is compared with arrays of that shape.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import (
    Expr,
    Op,
    Option,
    addends,
    is_sum,
    num,
    op,
    places,
    put,
    rewrite,
)
from backprop_cli.algebra.shapes import ShapeError
from backprop_cli.grading.slips import rows_of_tables
from backprop_cli.grading.slips.case import ACTIVATIONS, Case, added, each
from backprop_cli.grading.slips.forward import is_forward
from backprop_cli.grading.slips.program_pieces import as_a_choice
from backprop_cli.grading.slips.pull_backs import applied, right_shares, total, with_pull
from backprop_cli.operations.slicing import choices

_ENTRYWISE = frozenset({"add", "sub", "mul", "div"})
_PRODUCTS = frozenset({"matmul", "outer", "dot"})


def elementwise_product(case: Case) -> Iterator[Expr]:
    """`*` for `@`: entries multiplied, a vector with each row of a matrix."""
    for place, node in each(case.expr, _PRODUCTS):
        left, right = node.args
        shapes = case.shape(left), case.shape(right)
        if shapes[0] == shapes[1]:
            yield put(case.expr, place, op("mul", left, right))
        elif shapes[0] is not None and shapes[1] is not None and len(shapes[1]) == 1:
            yield _in_rows(case, put(case.expr, place, op("mul", left, op("row", right))))


def _in_rows(case: Case, expr: Expr) -> Expr:
    """A sum in which a matrix has come up, each vector in it being added to every row."""
    if not is_sum(expr):
        return expr
    args = [_in_rows(case, arg) for arg in expr.args]
    axes = [len(case.shape(arg) or ()) for arg in args]
    if set(axes) == {1, 2}:
        args = [
            op("row", arg) if count == 1 else arg for arg, count in zip(args, axes, strict=True)
        ]
    return Op(expr.name, tuple(args), expr.options)


def broadcast(case: Case) -> Iterator[Expr]:
    """`(n,)` with `(n, 1)`: each entry of one with each of the other, a matrix."""
    for place, node in places(case.expr):
        if not isinstance(node, Op) or node.name not in _ENTRYWISE:
            continue
        shapes = [case.shape(arg) for arg in node.args]
        if shapes[0] != shapes[1] or not shapes[0] or 1 in shapes[0][:1]:
            continue
        for first, second in (node.args, node.args[::-1]):
            columns, rows = _columns(case, first), _rows(case, second)
            if columns is None or rows is None:
                continue
            parts = (columns, rows) if first is node.args[0] else (rows, columns)
            yield from _summed_up(case, place, Op(node.name, parts, node.options))


def _columns(case: Case, one: Expr) -> Expr | None:
    """A vector, or a matrix of one column or row, as n columns."""
    shape = case.shape(one) or ()
    ones = build.add(build.mul(num(0), one), num(1))
    if len(shape) == 1:
        return op("outer", one, ones)
    if len(shape) == 2 and shape[1] == 1:
        return op("matmul", one, op("transpose", ones))
    if len(shape) == 2 and shape[0] == 1:
        return op("matmul", op("transpose", one), ones)
    return None


def _rows(case: Case, one: Expr) -> Expr | None:
    columns = _columns(case, one)
    return None if columns is None else op("transpose", columns)


def _summed_up(case: Case, place: tuple[int, ...], matrix: Expr) -> Iterator[Expr]:
    """The formula with the matrix in it; a mean that is written as a sum is one over n²."""
    found = put(case.expr, place, matrix)
    yield found
    shape = case.shape(matrix)
    if shape and case.step.shape == () and place:
        yield op("div", found, num(int(shape[0])))


def keepdims_lost(case: Case) -> Iterator[Expr]:
    """Rows divided by the sums of the columns' places, and not by their own."""
    for place, node in each(case.expr, frozenset({"column"})):
        if case.shape(node) == case.shape(row := op("row", *node.args)):
            yield put(case.expr, place, row)
    for place, node in each(case.expr, frozenset({"softmax"})):
        shape, axis = case.shape(node), node.axis
        if shape is None or len(shape) != 2 or shape[0] != shape[1] or axis is None:
            continue
        (z,) = node.args
        for less in (z, op("sub", z, op("max", z, axis=axis, keep=1))):
            powers = op("exp", less)
            sums = op("sum", powers, axis=axis)
            yield put(case.expr, place, op("div", powers, op("row", sums)))
            yield put(case.expr, place, op("div", powers, op("column", sums)))


def overwritten(case: Case) -> Iterator[Expr]:
    """One path's gradient alone: each that comes is put in the place of what was there."""
    if not case.by or case.step.phase != "backward":
        return
    yield from rows_of_tables.overwritten(case)
    yield from _uses_overwritten(case)
    try:
        found = [share for _, uses in right_shares(case) for share in uses]
    except (ShapeError, KeyError):
        return
    if len(found) > 1:
        for share in (found[-1], found[0]):
            yield total(case, [share])


def _uses_overwritten(case: Case) -> Iterator[Expr]:
    """Of a row that several terms use, one use alone: sample after sample, or term after term."""
    parts = list(addends(case.expr))
    uses = [_use(part) for part in parts]
    if len(parts) < 2 or None in uses:
        return
    found = [(row, k, n) for k, use in enumerate(uses) for n, row in enumerate(use or ())]
    for order in (lambda one: one[2], lambda one: one[1]):
        kept = {row: (k, n) for row, k, n in sorted(found, key=order)}
        yield added([_of_rows(part, k, kept) for k, part in enumerate(parts)])


def _use(part: Expr) -> list[int] | None:
    """The rows that one term puts something in."""
    put_in = [node for _, node in each(part, frozenset({"place"}))]
    rows = choices(put_in[0])[0] if len(put_in) == 1 else None
    return rows if isinstance(rows, list) else None


def _of_rows(part: Expr, k: int, kept: Mapping[int, tuple[int, int]]) -> Expr:
    """The k-th term with what it puts in those rows alone of which its use is kept."""
    ((place, node),) = each(part, frozenset({"place"}))
    rows = {row: n for row, (term, n) in kept.items() if term == k}
    if not rows:
        return op("mul", num(0), part)
    alone = op("at", node.args[0], index=((tuple(rows.values()),),))
    of_table = op("place", alone, index=((tuple(rows),),), shape=node.option("shape"))
    return put(part, place, of_table)


def mask_from_gradient(case: Case) -> Iterator[Expr]:
    """What is let through is decided by the sign of the gradient, and not by that of z."""
    for one in applied(case):
        if one.node.name in ("relu", "leaky_relu"):
            below = one.node.option("slope", 0.01) if one.node.name == "leaky_relu" else 0
            yield from with_pull(case, one, lambda g, _: op("positive_part", g))
            yield from with_pull(case, one, partial(_switched, below=below))


def cases_exchanged(case: Case) -> Iterator[Expr]:
    """What belongs above a limit below it, and the reverse: np.where with its cases exchanged."""
    found = rewrite(case.expr, _exchanged)
    if found != case.expr:
        yield found


def _exchanged(node: Expr) -> Expr | None:
    choice = as_a_choice(node)
    match node if choice is None else choice:
        case Op("choose", (where, above, below)):
            return op("choose", where, below, above)
        case Op("leaky_relu", (z,)) as leaky:
            return op("choose", z, op("mul", num(str(leaky.option("slope", 0.01))), z), z)
        case Op("switch", (z,)) as constant:
            low, at, high = build.levels(constant)
            if {low, high} in ({0, 1}, {-1, 1}):  # a mask, a sign
                return None
            return op("switch", z, below=high, at=at, above=low)
    return None


def masks_otherwise(case: Case) -> Iterator[Expr]:
    """ReLU's mask at another limit than 0, or the ones of it written into the gradient."""
    for one in applied(case):
        if one.node.name in ("relu", "leaky_relu"):
            z = one.node.args[0]
            for limit in (num(1), num(0.5)):
                over = op("switch", op("sub", z, limit))
                yield from with_pull(case, one, lambda g, _, over=over: op("mul", g, over))  # type: ignore[misc]
            yield from with_pull(case, one, partial(_written_into, z))


def _written_into(z: Expr, g: Expr, _: Expr) -> Expr:
    """`dZ = dH; dZ[Z > 0] = 1`."""
    kept = op("mul", g, op("switch", z, below=1, at=1, above=0))
    return op("add", kept, op("switch", z))


def _switched(g: Expr, _: Expr, below: Option) -> Expr:
    """The gradient where it is above 0, and so much of it below."""
    return op("mul", g, op("switch", g, above=1, at=0, below=below))


def activation_twice(case: Case) -> Iterator[Expr]:
    """σ(σ(z)): the activation applied to what it gave; of a leaky ReLU that is another slope."""
    if is_forward(case):
        for place, node in each(case.expr, ACTIVATIONS - {"leaky_relu"}):
            yield put(case.expr, place, Op(node.name, (node,), node.options))


def not_summed(case: Case) -> Iterator[Expr]:
    """What is summed over, or averaged, before it is: the sum left out.

    A sum that is kept for each sample is none over the samples.
    """
    for place, node in each(case.expr, frozenset({"sum", "mean"})):
        if not node.option("keep"):
            yield put(case.expr, place, node.args[0])


def summed_otherwise(case: Case) -> Iterator[Expr]:
    """The sum over the other axis, or over everything."""
    for place, node in each(case.expr, frozenset({"sum", "mean"})):
        shape, axis = case.shape(node.args[0]), node.axis
        if shape is not None and len(shape) == 2 and axis is not None:
            for other in (1 - axis, None):
                yield put(case.expr, place, op(node.name, *node.args, axis=other))
            yield put(case.expr, place, op("mean", *node.args))
            yield op("mean", case.expr)
    for place, node in each(case.expr, frozenset({"channel_sums"})):
        yield put(case.expr, place, op("sum", *node.args))
    for place, node in each(case.expr, frozenset({"softmax"})):
        shape, axis = case.shape(node.args[0]), node.axis
        if shape is not None and len(shape) == 2 and axis is not None:
            for shares in _of_other_sums(node.args[0], axis):
                yield put(case.expr, place, shares)


def _of_other_sums(z: Expr, axis: int) -> Iterator[Expr]:
    """Powers divided by the sum of all, or of the other axis, the largest taken off this one.

    Without that it is the softmax along the other axis.
    """
    powers = op("exp", z)
    yield op("div", powers, op("sum", powers))
    powers = op("exp", op("sub", z, op("max", z, axis=axis, keep=1)))
    yield op("div", powers, op("sum", powers))
    yield op("div", powers, op("sum", powers, axis=1 - axis, keep=1))

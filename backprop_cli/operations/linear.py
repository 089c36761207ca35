"""Products of vectors and matrices."""

from __future__ import annotations

from math import prod

import numpy as np

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Op, op
from backprop_cli.algebra.shapes import Shape, ShapeError, Size, all_known, combined, described
from backprop_cli.operations.inverses import square
from backprop_cli.operations.record import Array, Entries, Index, Notation, Operation, Rules, Shares


def _matmul_shape(shapes: tuple[Shape, ...], _: Op) -> Shape:
    left, right = shapes
    if not left or not right:
        raise ShapeError("@ multiplies matrices and vectors, and here one side is a number", "*")
    if len(left) > 2 or len(right) > 2:
        raise ShapeError("@ multiplies matrices and vectors, at most two axes each")
    if left[-1] != right[0]:
        raise ShapeError(
            f"{described(left)} cannot be multiplied with {described(right)}: "
            f"{_counted(left[-1], len(left), 'column')} on the left, "
            f"{_counted(right[0], len(right), 'row')} on the right",
            _same_size(left[-1], right[0]) or _transposed_fit(left, right),
        )
    return left[:-1] + right[1:]


def _same_size(left: Size, right: Size) -> str | None:
    """What to write for d+n where the other is n+d."""
    if combined((1, left), (-1, right)) == 0:
        return f"{right} for {left} in `shapes`: sizes are told apart as they are written"
    return None


def _counted(size: Size, axes: int, what: str) -> str:
    """So many columns or rows of a matrix, or entries of a vector, in words."""
    one, more = (what, f"{what}s") if axes == 2 else ("entry", "entries")
    return f"{size} {one if size == 1 else more}"


def _transposed_fit(left: Shape, right: Shape) -> str | None:
    """Which side transposed would fit."""
    if len(left) == 2 and left[0] == right[0]:
        return "transpose the left side (.T)"
    if len(right) == 2 and left[-1] == right[1]:
        return "transpose the right side (.T)"
    return None


def _matmul(g: Expr, _: Expr, node: Op, rules: Rules) -> Shares:
    a, b = node.args
    left, right = len(rules.shape(a)), len(rules.shape(b))
    if left == right == 1:
        return build.mul(g, b), build.mul(g, a)
    if right == 1:
        return build.outer(g, b), build.matmul(build.transpose(a), g)
    if left == 1:
        return build.matmul(g, build.transpose(b)), build.outer(a, g)
    return build.matmul(g, build.transpose(b)), build.matmul(build.transpose(a), g)


def _outer_shape(shapes: tuple[Shape, ...], node: Op) -> Shape:
    left, right = shapes
    if node.option("samples") is not None:
        axis = node.whole("samples")
        if len(left) != 2 or len(right) != 2 or left[axis] != right[axis]:
            raise ShapeError(f"samples are no pairs in {described(left)} and {described(right)}")
        return (left[axis], left[1 - axis], right[1 - axis])
    if len(left) != 1 or len(right) != 1:
        raise ShapeError(
            f"outer takes two vectors, and these are {described(left)} and {described(right)}"
        )
    return left + right


def outer(a: Array, b: Array, samples: int | None = None) -> Array:
    """a bᵀ; with `samples` (the axis of samples) one product a sample, samples first."""
    if samples is None:
        return np.outer(a, b)
    return np.asarray(np.einsum("is,js->sij" if samples == 1 else "si,sj->sij", a, b))


def _outer(g: Expr, _: Expr, node: Op, __: Rules) -> Shares:
    a, b = node.args
    return build.matmul(g, b), build.matmul(build.transpose(g), a)


def _diag_shape(shapes: tuple[Shape, ...], node: Op) -> Shape:
    (shape,) = shapes
    if node.option("samples") is not None:
        axis = node.whole("samples")
        return (shape[axis], shape[1 - axis], shape[1 - axis])
    if len(shape) != 1:
        raise ShapeError(f"diag takes a vector, and this is {described(shape)}")
    return shape + shape


def diag(v: Array, samples: int | None = None) -> Array:
    """The diagonal matrix of a vector; with `samples` one matrix a sample, samples first."""
    if samples is None:
        return np.diag(v)
    rows = v.T if samples == 1 else v
    return np.asarray(rows[:, :, None] * np.eye(rows.shape[1]))


def _diagonal_shape(shapes: tuple[Shape, ...], node: Op) -> Shape:
    return square(shapes, node)[:1]


def _transpose_shape(shapes: tuple[Shape, ...], _: Op) -> Shape:
    return shapes[0][::-1]


def _entry_of_product(node: Op, index: Index, write: Entries) -> Expr:
    a, b = node.args
    last = len(write.shape(a)) - 1
    before, after = index[:last], index[last:]

    def term(k: Index) -> Expr:
        return build.scalar_mul(write.at(a, (*before, *k)), write.at(b, (*k, *after)))

    return write.total(node, [((a, last), (b, 0))], term)


def _of_sample(node: Op, index: Index) -> tuple[Index, Index]:
    """The two indices that a row and a column stand for, with the sample's number in its place."""
    if node.option("samples") is None:
        return index[:1], index[1:]
    sample, i, j = index
    return ((i, sample), (j, sample)) if node.whole("samples") == 1 else ((sample, i), (sample, j))


def _outer_entry(node: Op, index: Index, write: Entries) -> Expr:
    row, column = _of_sample(node, index)
    return build.scalar_mul(write.at(node.args[0], row), write.at(node.args[1], column))


def _diag_entry(node: Op, index: Index, write: Entries) -> Expr:
    row, _ = _of_sample(node, index)
    return build.scalar_mul(write.at(node.args[0], row), write.same(*index[-2:]))


def _jacobian_shape(shapes: tuple[Shape, ...], node: Op) -> Shape:
    of, by = shapes
    if node.option("flat"):
        return (*_in_a_row(of), *_in_a_row(by))
    if node.option("samples") is not None:
        axis = node.whole("samples")
        blocks = (of[1 - axis], by[1 - axis])
        return (of[axis], *(blocks[::-1] if node.option("layout") else blocks))
    return by + of if node.option("layout") else of + by


def _in_a_row(shape: Shape) -> Shape:
    """The entries of a matrix one after the other; sizes in letters stay the axes they are."""
    if len(shape) < 2 or not all_known(shape):
        return shape
    return (prod(map(int, shape)),)


def _by_pulling_back(*_: object, **__: object) -> Array:
    """A Jacobian is no function of two arrays: readings.jacobian computes it from the equations."""
    raise NotImplementedError("a Jacobian needs the equations between its quantities")


PRODUCTS = (
    Operation(
        "jacobian",
        "Jacobian",
        Notation("special", "jacobian"),
        _jacobian_shape,
        _by_pulling_back,
        arity=2,
        options={"samples": None, "layout": None, "flat": None},
        public=False,
    ),
    Operation(
        "matmul",
        "matrix product",
        Notation("infix", "@", "", 2),
        _matmul_shape,
        np.matmul,
        arity=2,
        pullback=_matmul,
        entry=_entry_of_product,
        multiplies=True,
    ),
    Operation(
        "outer",
        "outer product",
        Notation("special", "outer"),
        _outer_shape,
        outer,
        arity=2,
        pullback=_outer,
        options={"samples": None},
        entry=_outer_entry,
        multiplies=True,
    ),
    Operation(
        "transpose",
        "transposed",
        Notation("postfix", ".T", r"^{\top}", 5),
        _transpose_shape,
        np.transpose,
        pullback=lambda g, r, node, rules: (build.transpose(g),),
        entry=lambda node, index, write: write.at(node.args[0], index[::-1]),
        moves=True,
    ),
    Operation(
        "diag",
        "diagonal matrix",
        Notation("function", "diag", r"\operatorname{diag}"),
        _diag_shape,
        diag,
        pullback=lambda g, r, node, rules: (op("diagonal", g),),
        options={"samples": None},
        entry=_diag_entry,
        moves=True,
    ),
    Operation(
        "trace",
        "trace",
        Notation("function", "tr", r"\operatorname{tr}"),
        lambda shapes, node: _diagonal_shape(shapes, node)[:0],
        pullback=lambda g, r, node, rules: (
            build.mul(g, op("diag", op("spread", build.ONE, shape=rules.shape(node.args[0])[:1]))),
        ),
        definition=lambda node, rules: op("sum", op("diagonal", *node.args)),
        taken=False,
    ),
    Operation(
        "diagonal",
        "the diagonal of a matrix",
        Notation("function", "diagonal"),
        _diagonal_shape,
        np.diagonal,
        pullback=lambda g, r, node, rules: (op("diag", g),),
        entry=lambda node, index, write: write.at(node.args[0], index * 2),
        moves=True,
    ),
)

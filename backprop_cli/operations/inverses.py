"""Square matrices to determinants and inverses as operations: shapes, entries, pull-backs."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Op, op
from backprop_cli.algebra.shapes import Shape, ShapeError, described
from backprop_cli.operations.determinants import BY_HAND, cof, cof_along, det, inv, logdet
from backprop_cli.operations.record import (
    Domain,
    Entries,
    Index,
    Notation,
    Operation,
    Rules,
    Shares,
)

Places: TypeAlias = "tuple[int, ...]"

COFACTORS = frozenset({"inv", "det"})
"""What is worked out by cofactors, which are written out where nothing stands around it."""

INVERTED = COFACTORS | {"logdet", "cof", "cof_along"}


def square(shapes: tuple[Shape, ...], node: Op) -> Shape:
    """The shape of a square matrix."""
    (shape,) = shapes
    if len(shape) != 2 or shape[0] != shape[1]:
        raise ShapeError(f"{node.name} takes a square matrix, and this is {described(shape)}")
    return shape


def _alike(shapes: tuple[Shape, ...], node: Op) -> Shape:
    """The shape of square matrices of one size."""
    if len({*shapes}) > 1:
        those = " and ".join(map(described, shapes))
        raise ShapeError(f"{node.name} takes matrices of one size, and these are {those}")
    return square(shapes[:1], node)


# Entries ------------------------------------------------------------------------------------------


def _opaque(node: Op, index: Index, _: Entries) -> Expr:
    """The entry of the matrix or number itself: its cofactors would hide what is around it."""
    return op("at", node, index=tuple(map(operator.index, index))) if index else node


def _rows(a: Expr, rules: Rules) -> Places | None:
    """The rows of a matrix, where so many are worked out by hand."""
    size = rules.shape(a)[0]
    return tuple(range(size)) if isinstance(size, int) and size <= BY_HAND else None


def _minor(a: Expr, rows: Places, columns: Places) -> Expr:
    """The determinant of what stands in some rows and columns, by its first row."""
    if not rows:
        return build.ONE
    total: Expr = build.ZERO
    for place, column in enumerate(columns):
        rest = _minor(a, rows[1:], _without(columns, column))
        term = build.scalar_mul(op("at", a, index=(rows[0], column)), rest)
        total = build.sub(total, term) if place % 2 else build.add(total, term)
    return total


def _without(places: Places, one: int) -> Places:
    return tuple(place for place in places if place != one)


def _det_written_out(node: Op, rules: Rules) -> Expr | None:
    rows = _rows(node.args[0], rules)
    return None if rows is None else _minor(node.args[0], rows, rows)


def _signed_minor(a: Expr, rows: Places, i: int, j: int) -> Expr:
    minor = _minor(a, _without(rows, i), _without(rows, j))
    return minor if (i + j) % 2 == 0 else build.neg(minor)


def _cof_written_out(node: Op, rules: Rules) -> Expr | None:
    (a,) = node.args
    rows = _rows(a, rules)
    if rows is None:
        return None
    return _of_rows(rows, lambda i, j: _signed_minor(a, rows, i, j))


def _cofactor_written(node: Op, index: Index, write: Entries) -> Expr:
    """One of few in products; of many, as an entry of its matrix."""
    (a,) = node.args
    size = write.shape(a)[0]
    if not isinstance(size, int) or size > BY_HAND:
        return _opaque(node, index, write)
    i, j = map(operator.index, index)
    return write.at(_signed_minor(a, tuple(range(size)), i, j), ())


def _of_rows(rows: Places, entry: Callable[[int, int], Expr]) -> Expr:
    """A square matrix by its entries."""
    return Op("stack", tuple(Op("stack", tuple(entry(i, j) for j in rows)) for i in rows))


def _inv_written_out(node: Op, rules: Rules) -> Expr | None:
    """1 over the determinant, times the cofactor of the entry across the diagonal."""
    (a,) = node.args
    rows = _rows(a, rules)
    if rows is None:
        return None
    over = op("div", build.ONE, _minor(a, rows, rows))

    return _of_rows(rows, lambda i, j: build.scalar_mul(over, _signed_minor(a, rows, j, i)))


# Pull-backs ---------------------------------------------------------------------------------------


def _inverse_transposed(a: Expr) -> Expr:
    return build.transpose(op("inv", a))


def _inv(g: Expr, r: Expr, _: Op, __: Rules) -> Shares:
    turned = build.transpose(r)
    return (build.neg(build.matmul(build.matmul(turned, g), turned)),)


def _det(g: Expr, _: Expr, node: Op, __: Rules) -> Shares:
    return (build.mul(g, op("cof", *node.args)),)


def _cof(g: Expr, r: Expr, node: Op, rules: Rules) -> Shares:
    """Of 2 rows they are linear, of 3 quadratic."""
    (a,) = node.args
    match rules.shape(a)[0]:
        case 1:
            return (None,)
        case 2:
            return (op("cof", g),)
        case 3:
            both = op("cof", build.add(a, g))
            return (build.sub(build.sub(both, r), op("cof", g)),)
    return (op("cof_along", a, g),)


def _cof_along(g: Expr, _: Expr, node: Op, __: Rules) -> Shares:
    """All are slopes of one determinant, so that the matrices may change places."""
    a, *along = node.args
    others = (op("cof_along", a, *along[:i], g, *along[i + 1 :]) for i in range(len(along)))
    return (op("cof_along", a, *along, g), *others)


def _logdet(g: Expr, _: Expr, node: Op, __: Rules) -> Shares:
    return (build.mul(g, _inverse_transposed(node.args[0])),)


def _singular(a: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.full(np.shape(a), bool(det(a) == 0))


INVERSES = (
    Operation(
        "inv",
        "inverse matrix",
        Notation("special", "inv"),
        square,
        inv,
        pullback=_inv,
        definition=_inv_written_out,
        entry=_opaque,
        domain=Domain(_singular, "a singular matrix, whose determinant is 0, has no inverse"),
        taken=False,
    ),
    Operation(
        "det",
        "determinant",
        Notation("special", "det"),
        lambda shapes, node: square(shapes, node)[:0],
        det,
        pullback=_det,
        definition=_det_written_out,
        entry=_opaque,
        taken=False,
    ),
    Operation(
        "cof",
        "matrix of cofactors",
        Notation("function", "cof"),
        square,
        cof,
        pullback=_cof,
        definition=_cof_written_out,
        entry=_cofactor_written,
        taken=False,
    ),
    Operation(
        "cof_along",
        "change of the matrix of cofactors along another",
        Notation("function", "cof′"),
        _alike,
        cof_along,
        arity=None,
        pullback=_cof_along,
        entry=_opaque,
        taken=False,
    ),
    Operation(
        "logdet",
        "logarithm of the determinant",
        Notation("special", "logdet"),
        lambda shapes, node: square(shapes, node)[:0],
        logdet,
        pullback=_logdet,
        definition=lambda node, rules: op("log", op("det", *node.args)),
        entry=_opaque,
        domain=Domain(
            lambda a: np.asarray(det(a) <= 0),
            "the determinant is not above 0, and has no logarithm",
        ),
        taken=False,
    ),
)

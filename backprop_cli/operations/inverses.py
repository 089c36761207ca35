"""Square matrices to determinants and inverses: values, bounds, entries, pull-backs."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from itertools import product
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Op, op
from backprop_cli.algebra.shapes import Shape, ShapeError, described
from backprop_cli.operations.record import (
    Array,
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

INVERTED = COFACTORS | {"logdet", "cof"}

BY_HAND = 3
"""Rows up to which a determinant is written out in products, as people do."""

_NEARLY = 4 * float(np.finfo(float).eps)  # times the rows: what rounding leaves of a zero


def square(shapes: tuple[Shape, ...], node: Op) -> Shape:
    """The shape of a square matrix."""
    (shape,) = shapes
    if len(shape) != 2 or shape[0] != shape[1]:
        raise ShapeError(f"{node.name} takes a square matrix, and this is {described(shape)}")
    return shape


# Values -------------------------------------------------------------------------------------------


def det(a: Array) -> Array:
    """The determinant: by products where people do so, and exactly 0 where rounding hides that."""
    if not np.isfinite(a).all():
        return np.asarray(np.nan)
    size = len(a)
    found = _by_products(a) if size <= BY_HAND else float(np.linalg.det(a))
    share = abs(found)  # of the product of the rows' lengths, which may itself be too large
    for length in (math.hypot(*row) for row in a.tolist()):
        share = share / length if length else 0.0
    return np.asarray(0.0 if share <= size * _NEARLY else found)


def _by_products(a: Array) -> float:
    if not len(a):
        return 1.0
    return sum(float(a[0, j]) * _cofactor(a, 0, j) for j in range(len(a)))


def _cofactor(a: Array, i: int, j: int) -> float:
    return _sign(i, j) * _by_products(left_over(a, i, j))


def _sign(i: int, j: int) -> float:
    return float((-1) ** (i + j))


def left_over(a: Array, i: int, j: int) -> Array:
    """The matrix without a row and a column."""
    return np.delete(np.delete(a, i, 0), j, 1)


def cof(a: Array) -> Array:
    """The cofactors, which a singular matrix has, too; |A| A⁻ᵀ where that is less work."""
    size, found = range(len(a)), det(a)
    if len(a) > BY_HAND and found != 0:
        return np.asarray(found * inv(a).T)
    minors = [[_sign(i, j) * det(left_over(a, i, j)) for j in size] for i in size]
    return np.asarray(minors, dtype=float) + 0.0


def inv(a: Array) -> Array:
    """The inverse; no number anywhere where the matrix is singular."""
    found = det(a)
    if not np.isfinite(found) or found == 0:
        return np.full(a.shape, np.nan)
    size = range(len(a))
    if len(a) <= BY_HAND:
        return np.array([[_cofactor(a, j, i) / found for j in size] for i in size])
    return np.asarray(np.linalg.inv(a))


def logdet(a: Array) -> Array:
    """ln |A|, which is a number where the determinant is above 0."""
    if not det(a) > 0:
        return np.asarray(np.nan)
    return np.asarray(np.linalg.slogdet(a)[1])


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
    """Of 2 rows they are linear, of 3 quadratic; of more, where the matrix has an inverse."""
    (a,) = node.args
    match rules.shape(a)[0]:
        case 1:
            return (None,)
        case 2:
            return (op("cof", g),)
        case 3:
            both = op("cof", build.add(a, g))
            return (build.sub(build.sub(both, r), op("cof", g)),)
    turned = _inverse_transposed(a)
    along = build.mul(op("sum", build.mul(g, r)), turned)
    return (build.sub(along, build.matmul(build.matmul(turned, build.transpose(g)), r)),)


def _logdet(g: Expr, _: Expr, node: Op, __: Rules) -> Shares:
    return (build.mul(g, _inverse_transposed(node.args[0])),)


def _singular(a: Array) -> NDArray[np.bool_]:
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

Interval: TypeAlias = tuple[Array, Array]

_MOST = 6  # rows of a determinant that is bounded by its products
_SLACK = 1e-13  # what computing the bounds themselves rounds, by size


def inverse(a: Interval) -> Interval:
    """A⁻¹ = (I + R E)⁻¹ R for R the inverse of the middle: within (I − P)⁻¹ P |R| of R.

    P is |R| times the radii; where its powers do not vanish, the matrix may be singular.
    """
    found = _around(a)
    if found is None:
        everything = np.full(a[0].shape, np.inf)
        return -everything, everything
    centre, p = found
    reach = np.linalg.solve(np.eye(len(p)) - p, p @ np.abs(centre))
    reach = reach + _SLACK * np.max(np.abs(centre))
    return centre - reach, centre + reach


def determinant(a: Interval) -> Interval:
    """|A| = |M| |I + R E|, and the second factor is from |I − P| to its reciprocal."""
    found = _around(a)
    if found is None:
        return _bounded_by_products(a)
    middle = float(np.linalg.det((a[0] + a[1]) / 2))
    near = float(np.linalg.det(np.eye(len(found[1])) - found[1])) * (1 - _SLACK)
    ends = middle * near, middle / near
    return np.asarray(min(ends)), np.asarray(max(ends))


def cofactors(a: Interval) -> Interval:
    """Each is the determinant of what is left without its row and column, or minus that."""
    size = range(len(a[0]))
    low, high = np.empty(a[0].shape), np.empty(a[0].shape)
    for i, j in product(size, size):
        ends = determinant((left_over(a[0], i, j), left_over(a[1], i, j)))
        low[i, j], high[i, j] = sorted(_sign(i, j) * float(end) for end in ends)
    return low, high


def log_determinant(a: Interval) -> Interval:
    """ln |A| of those that have one: the determinant may come as near to 0 as it likes."""
    low, high = determinant(a)
    with np.errstate(divide="ignore", invalid="ignore"):
        top = np.log(high)
        return np.where(np.isnan(top), top, np.log(np.maximum(low, 0.0))), np.asarray(top)


def _around(a: Interval) -> tuple[Array, Array] | None:
    """The inverse R of the middle, and P = |R| times the radii; None where A may be singular."""
    middle, radius = (a[0] + a[1]) / 2, (a[1] - a[0]) / 2
    if not middle.size or not np.isfinite(middle).all() or not np.isfinite(radius).all():
        return None
    try:
        centre = np.linalg.inv(middle)
    except np.linalg.LinAlgError:
        return None
    p = np.abs(centre) @ radius
    small = np.linalg.cond(middle) < 1 / _SLACK and np.max(np.abs(np.linalg.eigvals(p))) < 1 - 1e-9
    return (np.asarray(centre, dtype=float), p) if small else None


def _bounded_by_products(a: Interval) -> Interval:
    """Row after row: for each choice of columns the bounds of their determinant."""
    size = len(a[0])
    if size > _MOST:
        most = float(np.prod(np.linalg.norm(np.maximum(np.abs(a[0]), np.abs(a[1])), axis=1)))
        return np.asarray(-most), np.asarray(most)
    known: dict[tuple[int, ...], tuple[float, float]] = {(): (1.0, 1.0)}

    def minor(columns: tuple[int, ...]) -> tuple[float, float]:
        if columns not in known:
            row = size - len(columns)
            low = high = 0.0
            for place, column in enumerate(columns):
                rest = minor((*columns[:place], *columns[place + 1 :]))
                ends = [_times(end[row, column], one) for end in a for one in rest]
                turned = [-end for end in ends] if place % 2 else ends
                low, high = low + min(turned), high + max(turned)
            known[columns] = low, high
        return known[columns]

    found = minor(tuple(range(size)))
    return np.asarray(found[0]), np.asarray(found[1])


def _times(a: float, b: float) -> float:
    """A product in which nothing is left of 0 times infinity."""
    return 0.0 if 0.0 in (a, b) else math.prod((float(a), b))

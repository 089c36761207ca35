"""Square matrices to determinants, cofactors and inverses: their values, and bounds of them."""

from __future__ import annotations

import math
from itertools import permutations, product
from typing import TypeAlias

import numpy as np

from backprop_cli.operations.record import Array

Interval: TypeAlias = tuple[Array, Array]

BY_HAND = 3
"""Rows up to which a determinant is written out in products, as people do."""

_NEARLY = 4 * float(np.finfo(float).eps)  # times the rows: what rounding leaves of a zero
_MOST = 6  # rows of a determinant that is bounded by its products
_SLACK = 1e-13  # what computing the bounds themselves rounds, by size

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


def cof_along(a: Array, *along: Array) -> Array:
    """How the cofactors change along one matrix, or along several: all of their derivatives.

    A determinant is linear in each row. So each matrix takes the place of every row in turn, and
    cofactors that such a row has no part in do not change.
    """
    total = np.zeros(a.shape)
    for rows in permutations(range(len(a)), len(along)):
        if all(one[row].any() for row, one in zip(rows, along, strict=True)):
            changed = cof(_with_rows(a, rows, along))
            changed[[*rows]] = 0.0
            total += changed
    return total


def _with_rows(a: Array, rows: tuple[int, ...], along: tuple[Array, ...]) -> Array:
    found = np.array(a, dtype=float)
    for row, one in zip(rows, along, strict=True):
        found[row] = one[row]
    return found


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


# Bounds -------------------------------------------------------------------------------------------


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


def cofactors_along(a: Interval, *along: Interval) -> Interval:
    """Row after row, as their value."""
    low, high = np.zeros(a[0].shape), np.zeros(a[0].shape)
    for rows in permutations(range(len(low)), len(along)):
        if all(
            ends[0][row].any() or ends[1][row].any() for row, ends in zip(rows, along, strict=True)
        ):
            lows, highs = (
                _with_rows(a[end], rows, tuple(one[end] for one in along)) for end in (0, 1)
            )
            found = cofactors((lows, highs))
            for end in found:
                end[[*rows]] = 0.0
            low, high = low + found[0], high + found[1]
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

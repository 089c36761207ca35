"""Bounds of determinants and inverses of matrices whose entries are known to intervals."""

from __future__ import annotations

import math
from typing import TypeAlias

from backprop_cli.operations.record import Array

import numpy as np

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
        return _by_products(a)
    middle = float(np.linalg.det((a[0] + a[1]) / 2))
    near = float(np.linalg.det(np.eye(len(found[1])) - found[1])) * (1 - _SLACK)
    ends = middle * near, middle / near
    return np.asarray(min(ends)), np.asarray(max(ends))


def log_determinant(a: Interval) -> Interval:
    """ln |A| of those that have one: the determinant may come as near to 0 as it likes."""
    low, high = determinant(a)
    with np.errstate(divide="ignore", invalid="ignore"):
        top = np.log(high)
        return np.where(np.isnan(top), top, np.log(np.maximum(low, 0.0))), np.asarray(top)


def _around(a: Interval) -> tuple[Array, Array] | None:
    """The inverse R of the middle, and P = |R| times the radii; None where A may be singular."""
    middle, radius = (a[0] + a[1]) / 2, (a[1] - a[0]) / 2
    if not np.isfinite(middle).all() or not np.isfinite(radius).all():
        return None
    try:
        centre = np.linalg.inv(middle)
    except np.linalg.LinAlgError:
        return None
    p = np.abs(centre) @ radius
    small = np.linalg.cond(middle) < 1 / _SLACK and np.max(np.abs(np.linalg.eigvals(p))) < 1 - 1e-9
    return (np.asarray(centre, dtype=float), p) if small else None


def _by_products(a: Interval) -> Interval:
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

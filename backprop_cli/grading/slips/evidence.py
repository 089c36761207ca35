"""A wrong quantity and what slips give there to how likely a name would be by chance alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backprop_cli.grading.judging.judge import Judge
from backprop_cli.grading.sheets.typed_arrays import Array, Mask
from backprop_cli.grading.slips.wrong_quantity import Wrong, before, unit_typed
from backprop_cli.operations.bounds import Interval

_ROUNDING = 20  # typed units that rounding on the way may amount to, beside a share of the value
_SHARE = 0.25
_ZERO = 0.4  # how often a wrong entry is 0 for one reason or another


def are_near(wrong: Wrong, typed: Interval, values: Array) -> Mask:
    """Which formulas come so near to most of what is wrong that one may be it.

    The last axes of their `values` are those of the quantity.
    """
    low, high = typed
    size = np.maximum(np.abs(values), np.maximum(np.abs(low), np.abs(high)))
    room = _ROUNDING * (high - low) + _SHARE * size
    off = np.maximum(low - values, values - high)
    near = ((off <= room) | ~np.isfinite(values)) & wrong.mask
    axes = tuple(range(-wrong.mask.ndim, 0))
    return np.asarray(2 * np.sum(near, axis=axes) >= np.sum(wrong.mask))


def chance(judge: Judge, wrong: Wrong, values: Sequence[Array]) -> float:
    """How many of these values a wrong number of about this size would meet by chance.

    Each wrong entry has to be met at once, so that several leave little to chance; one figure of
    three digits is met by about one in a hundred of all numbers near it.
    """
    return neighbours(judge, wrong, values) * by_luck(judge, wrong)


def neighbours(judge: Judge, wrong: Wrong, values: Sequence[Array]) -> int:
    """How many different ones of these values are of about the size of a wrong one."""
    places, known = np.flatnonzero(wrong.mask), _before(judge, wrong)
    around, unit = _around(judge, wrong)
    value = wrong.written.value.ravel()[places] - known
    stacked = np.array([one.ravel()[places] - known for one in values]).reshape(-1, len(places))
    inside = stacked[(np.abs(stacked - value) <= around).all(axis=1)]
    cells = np.round(inside / np.maximum(unit, 1e-9 * around + 1e-300))
    return len(np.unique(cells, axis=0))


def by_luck(judge: Judge, wrong: Wrong, interval: Interval | None = None) -> float:
    """How often a wrong number of about this size lies in an interval (None: in one unit).

    A 0 is no rare number.
    """
    places = np.flatnonzero(wrong.mask)
    around, unit = _around(judge, wrong)
    width = 0.0 if interval is None else (interval[1] - interval[0]).ravel()[places]
    hit = np.minimum(1.0, (unit + width) / (2 * around + 1e-300))
    return float(
        np.prod(np.where(wrong.written.value.ravel()[places] == 0, np.maximum(hit, _ZERO), hit))
    )


def _around(judge: Judge, wrong: Wrong) -> tuple[Array, Array]:
    """How far around each wrong entry others count as near it, and the unit it is typed at."""
    places, known = np.flatnonzero(wrong.mask), _before(judge, wrong)
    value = wrong.written.value.ravel()[places] - known
    truth = judge.key.truth[wrong.name].ravel()[places] - known
    size = np.maximum(np.abs(value), np.abs(truth))
    unit = unit_typed(judge, wrong).ravel()[places]
    return np.maximum(np.maximum(size, 0.1 * np.max(size, initial=0.0)), unit), unit


def _before(judge: Judge, wrong: Wrong) -> Array | float:
    old = before(judge, wrong.name)
    return 0.0 if old is None else old.ravel()[np.flatnonzero(wrong.mask)]

"""What stands on a sheet to arrays: values, units of their digits, intervals they stand for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from backprop_cli.grading.data import Answer
from backprop_cli.operations.bounds import Interval, point
from backprop_cli.readings.intervals import Unit

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

SLACK = 1e-9
"""Relative room for the noise of floating-point arithmetic."""


class Written(Struct, frozen=True):
    """One quantity as typed: nan where missing; a unit of 0 where exactly the value is meant."""

    value: Array
    unit: Array

    @property
    def present(self) -> Mask:
        """Where something is written."""
        return ~np.isnan(self.value)


def written(answer: Answer) -> Written:
    """The arrays of an answer that can be read."""
    value = np.full(answer.shape, np.nan)
    unit = np.zeros(answer.shape)
    for index, cell in answer.cells.items():
        if cell is not None:
            value[index] = cell.value
            unit[index] = cell.unit or 0.0
    return Written(value, unit)


def standing_for(value: Array, unit: Array) -> Interval:
    """All numbers that round, or are cut off, to the value at this unit."""
    half = unit / 2
    low = np.where(value > 0, value - half, value - unit)
    high = np.where(value < 0, value + half, value + unit)
    return low, high


def meets(one: Interval, other: Interval) -> Mask:
    """Where two intervals have a number in common."""
    room = SLACK * np.maximum(1e-3, np.maximum(np.abs(one[0]), np.abs(other[0])))
    return (one[0] <= other[1] + room) & (other[0] <= one[1] + room)


def finer(value: Array, unit: Array, truth: Array, asked: Unit | None) -> Array:
    """The finer of the unit typed and the unit asked; what is typed exactly stays exact.

    Significant digits are those of the number typed; a 0 has none, and takes those of the truth.
    """
    if asked is None:
        return unit
    return np.minimum(unit, asked.at(np.where(value == 0, truth, value)))


def is_right(value: Array, typed: Array, truth: Array, asked: Unit | None) -> tuple[Mask, Mask]:
    """Where the true value is among those typed: at the digits typed, and at those asked."""
    at_digits = meets(standing_for(value, finer(value, typed, truth, asked)), point(truth))
    to_digits = meets(standing_for(value, _asked_unit(truth, typed, asked)), point(truth))
    return at_digits, to_digits


def how_right(value: Array, typed: Array, truth: Array, asked: Unit | None) -> NDArray[np.object_]:
    """How right values are right: exact, rounded or truncated."""
    unit = np.maximum(finer(value, typed, truth, asked), _asked_unit(truth, typed, asked))
    off = np.abs(value - truth)
    how = np.full(value.shape, "truncated", dtype=object)
    how[off <= unit / 2 * (1 + 1e-9)] = "rounded"
    how[same(value, truth)] = "exact"
    return how


def _asked_unit(truth: Array, typed: Array, asked: Unit | None) -> Array:
    """The unit asked where more digits are typed; where fewer are, none that could excuse them."""
    if asked is None:
        return typed
    unit = asked.at(truth)
    return np.where(typed < unit, unit, 0.0)


def same(value: Array, truth: Array) -> Mask:
    """Where a typed value is the exact one, and not only near it."""
    return np.asarray(np.abs(value - truth) <= 1e-12 * np.maximum(np.abs(truth), 1e-300))


def used(answers: Sequence[Written], asked: Unit | None) -> Unit:
    """The digits a sheet uses: those asked, else as many decimals as most of its numbers have."""
    if asked is not None:
        return asked
    units = np.concatenate([w.unit[w.present].ravel() for w in answers] or [np.zeros(0)])
    fractional = units[(units > 0) & (units < 1)]
    if not fractional.size:
        return Unit(4)
    places = np.round(-np.log10(fractional)).astype(int)
    return Unit(int(np.bincount(places).argmax()))

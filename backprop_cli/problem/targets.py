"""Inputs and targets as written to arrays stacked the way the convention stores samples."""

from __future__ import annotations

import numpy as np

from backprop_cli.algebra.shapes import Size, described
from backprop_cli.errors import Complaints, Mark
from backprop_cli.operations.losses import Loss
from backprop_cli.problem.data import Function, Labels, Problem, Values
from backprop_cli.problem.model import Array


def stacked(
    problem: Problem, complaints: Complaints, chosen: tuple[int, ...] | None
) -> Array | None:
    """X: a vector, or samples stacked in columns or rows; None where there is none to compute with."""
    x = problem.x
    if x is None:
        complaints.add(
            "there is no x to compute with",
            Mark(),
            "x: [1, 0], or `backprop derive` for letters alone",
        )
        return None
    if x.array is None:
        return None
    if x.free:
        complaints.add(
            f"x holds the letter '{x.free[0][1]}': a free input has no number to compute with",
            x.mark,
            "a number, or `backprop derive`",
        )
        return None
    array = x.array.reshape(1) if x.array.ndim == 0 else x.array
    return _oriented(array, problem, chosen)


def _oriented(array: Array, problem: Problem, chosen: tuple[int, ...] | None) -> Array:
    if array.ndim == 1:
        return array
    if chosen is not None:
        array = array[list(chosen)]
    return array if problem.convention.rows else np.ascontiguousarray(array.T)


def sample_count(problem: Problem) -> int | None:
    """How many samples x has; None for a single vector."""
    if problem.x is None or problem.x.array is None or problem.x.array.ndim < 2:
        return None
    return int(problem.x.array.shape[0])


def targets(
    problem: Problem, units: Size | None, complaints: Complaints, chosen: tuple[int, ...] | None
) -> Array | None:
    """Y, stacked like X; None where there is no target or it does not fit (with a complaint)."""
    y = problem.y
    if y is None or (isinstance(y, Values) and y.array is None):
        return None
    count = sample_count(problem)
    array = _one_hot(y, problem, complaints) if isinstance(y, Labels) else y.array
    if array is None:
        return None
    array = _arranged(array, count, units)
    expected = (units,) if count is None else (count, units)
    if array.shape != expected:
        want = (
            f"a vector of {units}" if count is None else f"{count} vectors of {units}, one a sample"
        )
        have = (
            f"{array.shape[0]} vectors of {array.shape[1]}"
            if array.ndim == 2
            else described(array.shape)
        )
        complaints.add(f"y is {have}, and the network gives {want}", y.mark, want)
        return None
    return _oriented(array, problem, chosen)


def _arranged(array: Array, count: int | None, units: Size | None) -> Array:
    """A number alone as a vector; a flat list of targets for one unit as a target a sample."""
    if array.ndim == 0:
        array = array.reshape(1)
    if array.ndim == 1 and count is not None and units == 1:
        return array.reshape(-1, 1)
    if array.ndim == 1 and count == 1:
        return array.reshape(1, -1)
    return array


def _one_hot(y: Labels, problem: Problem, complaints: Complaints) -> Array | None:
    first = problem.convention.indices
    numbers = np.asarray(y.labels) - first
    if numbers.size and (numbers.min() < 0 or numbers.max() >= y.classes):
        complaints.add(f"a label is a class number from {first} to {y.classes - 1 + first}", y.mark)
        return None
    table = np.eye(y.classes)[numbers]
    single = sample_count(problem) is None
    if single and len(y.labels) != 1:
        complaints.add(
            f"x is one sample, and here are {len(y.labels)} labels", y.mark, "labels: [1]"
        )
        return None
    return np.asarray(table[0] if single else table)


def prediction_expected(loss: Loss, activation: Function, units: Size | None) -> str | None:
    """What to write instead where a loss makes no sense behind an activation; None where it does."""
    name = activation.name
    if loss.name == "cross-entropy" and name == "sigmoid" and units == 1:
        return "loss: binary-cross-entropy (with a single unit, Σ y ln ŷ forgets the class 0)"
    if loss.logits:
        fits = {"cross-entropy-with-logits": "softmax"}.get(loss.name, "sigmoid")
        if name not in ("linear", fits):
            return f"activation: linear (this loss takes the logits themselves), or {fits}"
    return None

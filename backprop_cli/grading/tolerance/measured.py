"""A problem -> how far its quantities move when every number behind them is rounded.

Where large numbers cancel (ŷ - y of a network that has learnt it), the roundings of what came in
are large beside what is left: that is measured, by working everything out again from numbers that
are a rounding off, instead of being guessed at.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from backprop_cli.grading.exercise import Exercise
from backprop_cli.grading.judging.answer_key import first_way
from backprop_cli.grading.slips.plain_workings import Values
from backprop_cli.grading.tolerance.floating import FloatType, largest
from backprop_cli.trace import Array

_RUNS: Final = 3
_ROOM: Final = 8
"""So many times as far as in these runs a program may be off."""

_FINER: Final = 100
_LINEAR: Final = 10
"""With roundings a hundredth as large, what moves for them moves less than a tenth as far."""


def moved(exercise: Exercise, kind: FloatType) -> dict[str, float]:
    """How far each quantity may be off for its roundings, by its largest entry.

    At a kink everything moves, however small the roundings are: that excuses no more than `worst`.
    """
    far = _moved(exercise, kind.epsilon, range(_RUNS))
    near = _moved(exercise, kind.epsilon / _FINER, range(_RUNS))
    return {
        name: _ROOM * (size if _LINEAR * near[name] <= size else min(size, kind.worst / _ROOM))
        for name, size in far.items()
    }


def _moved(exercise: Exercise, epsilon: float, seeds: Iterable[int]) -> dict[str, float]:
    found: dict[str, float] = {}
    for seed in seeds:
        for name, value in _off(exercise, epsilon, seed).items():
            truth = exercise.key.truth[name]
            distance = largest(value - truth) / (largest(truth) or 1.0)
            found[name] = max(found.get(name, 0.0), distance)
    return found


def _off(exercise: Exercise, epsilon: float, seed: int) -> dict[str, Array]:
    """Every quantity worked out with every number on the way a rounding off."""
    random = np.random.default_rng(seed)
    key = exercise.key

    def rounded(value: Array) -> Array:
        return np.asarray(value * (1 + epsilon * random.uniform(-1, 1, value.shape)))

    numbers = {name: rounded(value) for name, value in key.truth.items()}
    for name in exercise.order:
        expr = first_way(key.formulas.get(name, ()))
        if expr is not None and name in key.truth:  # a Jacobian may be too large to have a value
            numbers[name] = rounded(Values(numbers).of(expr))
    return numbers

"""Gradients to their largest relative error against central finite differences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from backprop_cli.algebra.expr import Expr, symbols
from backprop_cli.problem.model import Array, Model
from backprop_cli.readings.values import evaluate

MAX_ENTRIES = 200
"""Entries checked of each gradient; of larger ones, so many spread evenly."""

_STEP = float(np.cbrt(np.finfo(float).eps))


@dataclass(frozen=True, slots=True)
class Check:
    """One gradient against finite differences; `kinks` entries have no slope and were left out."""

    id: str
    checked: int
    kinks: int
    error: float


def verify(model: Model, values: Mapping[str, Array]) -> tuple[Check, ...]:
    """Each gradient of the target compared with differences of the target itself."""
    if not model.seeds:
        return ()
    found = []
    for name in model.shapes:
        id = model.gradient(name)
        if id in values and name in values:
            found.append(_check(model, values, name, values[id]))
    return tuple(found)


def _check(model: Model, values: Mapping[str, Array], name: str, gradient: Array) -> Check:
    equations = _downstream(model.definitions, name)
    places = list(np.ndindex(gradient.shape))
    chosen = places[:: max(1, -(-len(places) // MAX_ENTRIES))]
    scale = max(float(np.max(np.abs(gradient), initial=0.0)), 1e-8)
    worst, kinks = 0.0, 0
    for place in chosen:
        left, right = _slopes(model, equations, values, name, place)
        size = max(abs(left), abs(right), scale)
        if abs(left - right) > 1e-3 * size:
            kinks += 1
            continue
        error = abs((left + right) / 2 - float(gradient[place])) / size
        worst = max(worst, error) if np.isfinite(error) else float("inf")
    return Check(model.gradient(name), len(chosen) - kinks, kinks, worst)


def _slopes(
    model: Model,
    equations: Mapping[str, Expr],
    values: Mapping[str, Array],
    name: str,
    place: tuple[int, ...],
) -> tuple[float, float]:
    """The slopes to the left and to the right of where the entry stands."""
    step = _STEP * max(1.0, abs(float(values[name][place])))
    middle = _target(model, values, values)
    results = []
    for sign in (-1, 1):
        moved = np.array(values[name], dtype=float)
        moved[place] += sign * step
        env = {**values, name: moved}
        for other, expr in equations.items():
            env[other] = evaluate(expr, env)
        results.append(sign * (_target(model, env, values) - middle) / step)
    return results[0], results[1]


def _target(model: Model, env: Mapping[str, Array], original: Mapping[str, Array]) -> float:
    """The scalar that gradients are of: the loss, or upstream gradients times what they reach."""
    if model.target is not None:
        return float(env[model.target])
    total = 0.0
    for name, seed in model.seeds.items():
        for given in symbols(seed):
            total += float(np.sum(original[given] * env[name]))
    return total


def _downstream(equations: Mapping[str, Expr], name: str) -> dict[str, Expr]:
    """The equations that change when `name` does, its own left out."""
    changed, found = {name}, {}
    for other, expr in equations.items():
        if other != name and changed.intersection(symbols(expr)):
            changed.add(other)
            found[other] = expr
    return found

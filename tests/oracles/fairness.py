"""Turns a problem into a verdict: whether two programs should agree on it to nine digits."""

from __future__ import annotations

from typing import Any

import numpy as np

from oracles import numpy_forward, reading
from oracles.reading import Array, Problem

KINKED = ("relu", "relu6", "leaky-relu", "elu", "step", "sign")
CLOSE = 1e-3


def is_fair(problem: Problem) -> bool:
    """Whether the first pass stays away from kinks, saturation and the edges of domains."""
    run = numpy_forward.forward(problem)
    layers = problem["layers"]
    pairs = zip(layers, run.pre, strict=True)
    return (
        all(_fair_layer(layer, z) for layer, z in pairs)
        and all(float(np.abs(values).max()) < 30 for values in run.outputs)
        and _fair_loss(problem, run.outputs[-1])
        and (run.loss is None or run.loss < _largest_loss(problem))
    )


def _largest_loss(problem: Problem) -> float:
    """Where training starts without running away; a fourth power is steep."""
    return 1.0 if "**4" in str(problem["loss"]) else 20.0


def _fair_layer(layer: dict[str, Any], z: Array) -> bool:
    name = reading.label(reading.activation(layer))
    kinked = name in KINKED or "abs" in name
    limit = 3 if name == "exp" else 8
    return not (kinked and np.abs(z).min() < CLOSE) and float(np.abs(z).max()) < limit


def _fair_loss(problem: Problem, outputs: Array) -> bool:
    entry = reading.loss(problem)
    targets = reading.target_rows(problem)
    if entry is None or targets is None:
        return True
    chosen = targets[reading.batches(problem)[0]]
    name = reading.label(entry)
    if name in (*numpy_forward.LOGARITHMIC, "-sum(y * log(yhat))"):
        return float(outputs.min()) > CLOSE and float(outputs.max()) < 1 - CLOSE
    error = np.abs(outputs - chosen)
    distance = {
        "absolute-error": error,
        "mean(abs(yhat - y))": error,
        "huber": np.abs(error - entry.get("delta", 1)),
        "hinge": np.abs(1 - outputs * chosen),
    }.get(name)
    return distance is None or float(distance.min()) > CLOSE

"""Turns outputs and targets into a loss and its slope as a textbook does, factor by factor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from oracles.reading import Array

from students.activations import Keep, sigmoid, softmax

Options = dict[str, Any]
LOGARITHMIC = ("cross-entropy", "binary-cross-entropy")
SQUARED = ("squared-error", "half-squared-error", "mean-squared-error", "sum((y - yhat)^2)")


def times_log(y: Array, p: Array, scale: float, keep: Keep) -> Array:
    """y times log p, where nobody takes the logarithm that is multiplied with 0."""
    needed = y != 0
    return np.where(needed, y * keep(scale * np.log(np.where(needed, p, 1.0))), 0.0)


def over(y: Array, p: Array) -> Array:
    """y / p, where nobody divides a 0."""
    needed = y != 0
    return np.where(needed, y / np.where(needed, p, 1.0), 0.0)


def _binary(p: Array, y: Array, scale: float, keep: Keep) -> Array:
    return -times_log(y, p, scale, keep) - times_log(1 - y, 1 - p, scale, keep)


def _logits(p: Array, y: Array, keep: Keep) -> Array:
    """ln Σeᶻ − Σyz."""
    logs = keep(np.log(keep(keep(np.exp(p)).sum(axis=1, keepdims=True))))
    return np.asarray(logs - (y * p).sum(axis=1, keepdims=True))


def _huber(p: Array, y: Array, options: Options, keep: Keep) -> Array:
    delta = options.get("delta", 1)
    error = keep(p - y)
    size = np.abs(error)
    return np.where(size <= delta, keep(error**2) / 2, delta * (size - delta / 2))


TERMS: dict[str, Callable[[Array, Array, Options, float, Keep], Array]] = {
    "cross-entropy": lambda p, y, _, scale, keep: -times_log(y, p, scale, keep),
    "-sum(y * log(yhat))": lambda p, y, _, scale, keep: -times_log(y, p, scale, keep),
    "binary-cross-entropy": lambda p, y, _, scale, keep: _binary(p, y, scale, keep),
    "cross-entropy-with-logits": lambda p, y, _, _scale, keep: _logits(p, y, keep),
    "binary-cross-entropy-with-logits": lambda p, y, _, _scale, keep: (
        keep(np.log(keep(1 + keep(np.exp(p))))) - y * p
    ),
    "squared-error": lambda p, y, _, _scale, keep: keep(keep(p - y) ** 2),
    "sum((y - yhat)^2)": lambda p, y, _, _scale, keep: keep(keep(p - y) ** 2),
    "half-squared-error": lambda p, y, _, _scale, keep: keep(keep(p - y) ** 2) / 2,
    "mean-squared-error": lambda p, y, _, _scale, keep: keep(keep(p - y) ** 2) / p.shape[1],
    "sum((yhat - y)**4) / 4": lambda p, y, _, _scale, keep: keep(p - y) ** 4 / 4,
    "absolute-error": lambda p, y, _, _scale, keep: np.abs(keep(p - y)),
    "mean(abs(yhat - y))": lambda p, y, _, _scale, keep: np.abs(keep(p - y)) / p.shape[1],
    "huber": lambda p, y, options, _scale, keep: _huber(p, y, options, keep),
    "hinge": lambda p, y, _, _scale, _keep: np.maximum(0, 1 - y * p),
    "sum(softplus(-y * yhat))": lambda p, y, _, _scale, keep: np.log(
        keep(1 + keep(np.exp(-y * p)))
    ),
}


def _huber_slope(p: Array, y: Array, options: Options) -> Array:
    delta = options.get("delta", 1)
    return np.clip(p - y, -delta, delta)


SLOPES: dict[str, Callable[[Array, Array, Options, float, Keep], Array]] = {
    "cross-entropy": lambda p, y, _, scale, _keep: -scale * over(y, p),
    "-sum(y * log(yhat))": lambda p, y, _, scale, _keep: -scale * over(y, p),
    "binary-cross-entropy": lambda p, y, _, scale, keep: (
        scale * (keep(over(1 - y, 1 - p)) - keep(over(y, p)))
    ),
    "cross-entropy-with-logits": lambda p, y, _, _scale, keep: keep(softmax(p, keep)) - y,
    "binary-cross-entropy-with-logits": lambda p, y, _, _scale, keep: keep(sigmoid(p, keep)) - y,
    "squared-error": lambda p, y, _, _scale, keep: 2 * keep(p - y),
    "sum((y - yhat)^2)": lambda p, y, _, _scale, keep: 2 * keep(p - y),
    "half-squared-error": lambda p, y, _, _scale, _keep: p - y,
    "mean-squared-error": lambda p, y, _, _scale, keep: 2 * keep(p - y) / p.shape[1],
    "sum((yhat - y)**4) / 4": lambda p, y, _, _scale, keep: keep(p - y) ** 3,
    "absolute-error": lambda p, y, _, _scale, _keep: np.sign(p - y),
    "mean(abs(yhat - y))": lambda p, y, _, _scale, _keep: np.sign(p - y) / p.shape[1],
    "huber": lambda p, y, options, _scale, _keep: _huber_slope(p, y, options),
    "hinge": lambda p, y, _, _scale, _keep: np.where(1 - y * p > 0, -y, 0.0),
    "sum(softplus(-y * yhat))": lambda p, y, _, _scale, keep: -y * keep(sigmoid(-y * p)),
}

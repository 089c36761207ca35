"""Numbers to values of functions of them, entry by entry, stable where a definition is not."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from backprop_cli.operations.record import Array

erf = np.vectorize(math.erf, otypes=[float])
_erfc = np.vectorize(math.erfc, otypes=[float])


def entry_by_entry(function: Any, x: Array) -> Array:
    """A vectorised Python function; np.vectorize refuses empty arrays unless told the type."""
    return np.asarray(function(x), dtype=float).reshape(np.shape(x))


def sigmoid(x: Array) -> Array:
    """1 / (1 + e^-x) without overflow: the exponential is only taken of -|x|."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, small) / (1.0 + small)


def softplus(x: Array) -> Array:
    """ln(1 + e^x) without overflow."""
    return np.logaddexp(0.0, x)


def elu(x: Array, alpha: float = 1.0) -> Array:
    """x above 0, alpha (e^x - 1) below (Clevert, Unterthiner and Hochreiter 2016)."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0)))


def normal_cdf(x: Array) -> Array:
    """The standard normal distribution function, accurate in both tails."""
    return 0.5 * entry_by_entry(_erfc, -x / math.sqrt(2.0))


def normal_pdf(x: Array) -> Array:
    """The standard normal density."""
    return np.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)


def switch(x: Array, below: float = 0.0, at: float = 0.0, above: float = 1.0) -> Array:
    """One of three constants, by the sign of x."""
    return np.where(
        x > 0, float(above), np.where(x < 0, float(below), np.where(x == 0, float(at), x))
    )


def choose(x: Array, above: Array, otherwise: Array) -> Array:
    """One of two arrays, entry by entry, by the sign of x."""
    return np.where(x > 0, above, otherwise)


def huber(x: Array, delta: float = 1.0) -> Array:
    """Half the square up to delta, a straight line beyond (Huber 1964)."""
    size = np.abs(x)
    inner = np.minimum(size, delta)
    return 0.5 * inner * inner + delta * (size - inner)


def times_x(function: Any) -> Any:
    """x times a function of x, which wins over x at minus infinity."""

    def value(x: Array) -> Array:
        return np.where(np.isneginf(x), 0.0, x * function(x))

    return value

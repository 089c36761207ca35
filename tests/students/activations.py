"""Turns z into an activation and its slope as a textbook does, factor by factor.

`keep` is what a student does to a factor before going on: rounds it, or nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from oracles import numpy_forward
from oracles.reading import Array

Keep = Callable[[Array], Array]
Options = dict[str, Any]


def as_it_is(values: Array) -> Array:
    return values


def sigmoid(z: Array, keep: Keep = as_it_is) -> Array:
    return np.asarray(1 / keep(1 + keep(np.exp(-z))))


def softmax(z: Array, keep: Keep = as_it_is) -> Array:
    powers = keep(np.exp(z))
    return np.asarray(powers / keep(powers.sum(axis=1, keepdims=True)))


def normal(z: Array) -> Array:
    """The standard normal distribution function."""
    return np.asarray((1 + np.vectorize(math.erf)(z / math.sqrt(2))) / 2)


def density(z: Array) -> Array:
    return np.asarray(np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi))


VALUES: dict[str, Callable[[Array, Options, Keep], Array]] = {
    "sigmoid": lambda z, _, keep: sigmoid(z, keep),
    "softmax": lambda z, _, keep: softmax(z, keep),
    "mish": lambda z, _, keep: z * keep(np.tanh(keep(np.log(1 + keep(np.exp(z)))))),
    "softsign": lambda z, _, keep: z / keep(1 + np.abs(z)),
    "exp": lambda z, _, _keep: np.exp(z),
    "softplus": lambda z, _, keep: np.log(keep(1 + keep(np.exp(z)))),
    "silu": lambda z, _, keep: z * keep(sigmoid(z)),
    "gelu": lambda z, _, keep: z * keep(normal(z)),
    "elu": lambda z, options, keep: np.where(z > 0, z, options["alpha"] * (keep(np.exp(z)) - 1)),
    "z * sigmoid(z)": lambda z, _, keep: z * keep(sigmoid(z)),
    "exp(-z^2)": lambda z, _, keep: np.exp(-keep(z**2)),
    "0.5*z^2 - z": lambda z, _, keep: 0.5 * keep(z**2) - z,
    "ln(1 + exp(z)) + 0.1*z": lambda z, _, keep: np.log(keep(1 + keep(np.exp(z)))) + 0.1 * z,
    "sqrt(1 + z**2) - 1/2": lambda z, _, keep: np.sqrt(1 + keep(z**2)) - 0.5,
    "tanh(2*z) + sigmoid(-z)": lambda z, _, keep: keep(np.tanh(2 * z)) + keep(sigmoid(-z)),
}


def value(label: str, options: Options, z: Array, keep: Keep) -> Array:
    """An activation; those without a factor of their own are as the oracle has them."""
    if label in VALUES:
        return VALUES[label](z, options, keep)
    if label in numpy_forward.ACTIVATION_FORMULAS:
        return numpy_forward.ACTIVATION_FORMULAS[label](z)
    return numpy_forward.ACTIVATIONS[label](z, options)


def _swish_slope(z: Array, _options: Options, keep: Keep) -> Array:
    s = keep(sigmoid(z))
    return np.asarray(s * (1 + z * (1 - s)))


def _sigmoid_slope(z: Array, _options: Options, keep: Keep) -> Array:
    s = keep(sigmoid(z))
    return np.asarray(s * (1 - s))


def _tanh_sigmoid_slope(z: Array, _options: Options, keep: Keep) -> Array:
    t, s = keep(np.tanh(2 * z)), keep(sigmoid(-z))
    return np.asarray(2 * (1 - t**2) - s * (1 - s))


def _mish_slope(z: Array, _options: Options, keep: Keep) -> Array:
    t = keep(np.tanh(keep(np.log(1 + keep(np.exp(z))))))
    return np.asarray(t + z * (1 - t**2) * sigmoid(z, keep))


SLOPES_FROM_Z: dict[str, Callable[[Array, Options, Keep], Array]] = {
    "linear": lambda z, _, _keep: np.ones_like(z),
    "sigmoid": _sigmoid_slope,
    "tanh": lambda z, _, keep: 1 - keep(np.tanh(z)) ** 2,
    "relu": lambda z, _, _keep: np.where(z > 0, 1.0, 0.0),
    "leaky-relu": lambda z, options, _keep: np.where(z > 0, 1.0, options["slope"]),
    "elu": lambda z, options, keep: np.where(z > 0, 1.0, options["alpha"] * keep(np.exp(z))),
    "softplus": lambda z, _, keep: sigmoid(z, keep),
    "silu": _swish_slope,
    "gelu": lambda z, _, keep: keep(normal(z)) + z * keep(density(z)),
    "mish": _mish_slope,
    "softsign": lambda z, _, keep: 1 / keep((1 + np.abs(z)) ** 2),
    "arctan": lambda z, _, keep: 1 / keep(1 + keep(z**2)),
    "relu6": lambda z, _, _keep: np.where((z > 0) & (z < 6), 1.0, 0.0),
    "exp": lambda z, _, _keep: np.exp(z),
    "step": lambda z, _, _keep: np.zeros_like(z),
    "sign": lambda z, _, _keep: np.zeros_like(z),
    "z * sigmoid(z)": _swish_slope,
    "z / (1 + abs(z))": lambda z, _, _keep: 1 / (1 + np.abs(z)) ** 2,
    "exp(-z^2)": lambda z, _, keep: -2 * z * keep(np.exp(-(z**2))),
    "0.5*z^2 - z": lambda z, _, _keep: z - 1,
    "ln(1 + exp(z)) + 0.1*z": lambda z, _, keep: sigmoid(z, keep) + 0.1,
    "sqrt(1 + z**2) - 1/2": lambda z, _, keep: z / keep(np.sqrt(1 + z**2)),
    "tanh(2*z) + sigmoid(-z)": _tanh_sigmoid_slope,
}

SLOPES_FROM_H: dict[str, Callable[[Array, Array, Options, Keep], Array]] = {
    "sigmoid": lambda _, h, _options, _keep: h * (1 - h),
    "tanh": lambda _, h, _options, keep: 1 - keep(h**2),
    "relu": lambda _, h, _options, _keep: np.where(h > 0, 1.0, 0.0),
    "elu": lambda z, h, options, _keep: np.where(z > 0, 1.0, h + options["alpha"]),
    "softplus": lambda _, h, _options, keep: 1 - keep(np.exp(-h)),
    "silu": lambda z, h, _options, keep: h + keep(sigmoid(z)) * (1 - h),
    "exp": lambda _, h, _options, _keep: h,
    "exp(-z^2)": lambda z, h, _options, _keep: -2 * z * h,
}


def slope(label: str, options: Options, z: Array, h: Array | None, keep: Keep) -> Array:
    """An activation's derivative, from its value where that is at hand and will do."""
    if h is not None and label in SLOPES_FROM_H:
        return SLOPES_FROM_H[label](z, h, options, keep)
    return SLOPES_FROM_Z[label](z, options, keep)


def jacobian(h: Array) -> Array:
    """∂softmax/∂z, a block a sample."""
    return np.array([np.diag(row) - np.outer(row, row) for row in h])

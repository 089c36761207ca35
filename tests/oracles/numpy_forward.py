"""Turns any problem of layers into its forward values and loss, in plain NumPy, a sample a row.

No gradients: it tells fair problems from those near a kink, and its loss is what finite
differences are taken of.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from oracles import reading
from oracles.reading import Array, Problem

Options = dict[str, Any]


@dataclass(frozen=True)
class Forward:
    """Pre-activations and outputs, layer by layer (outputs[0] is x), and the loss."""

    pre: list[Array]
    outputs: list[Array]
    loss: float | None


def sigmoid(z: Array) -> Array:
    """1 / (1 + e^-z)."""
    return np.asarray(1 / (1 + np.exp(-z)))


def softmax(z: Array) -> Array:
    """Softmax over the units of each sample."""
    powers = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def gelu(z: Array) -> Array:
    """z times the standard normal distribution function."""
    return np.asarray(z * (1 + np.vectorize(math.erf)(z / math.sqrt(2))) / 2)


ACTIVATIONS: dict[str, Callable[[Array, Options], Array]] = {
    "linear": lambda z, _: z,
    "sigmoid": lambda z, _: sigmoid(z),
    "tanh": lambda z, _: np.tanh(z),
    "relu": lambda z, _: np.where(z > 0, z, 0.0),
    "leaky-relu": lambda z, options: np.where(z > 0, z, options["slope"] * z),
    "elu": lambda z, options: np.where(z > 0, z, options["alpha"] * (np.exp(z) - 1)),
    "softplus": lambda z, _: np.log(1 + np.exp(z)),
    "silu": lambda z, _: z * sigmoid(z),
    "gelu": lambda z, _: gelu(z),
    "mish": lambda z, _: z * np.tanh(np.log(1 + np.exp(z))),
    "softsign": lambda z, _: z / (1 + np.abs(z)),
    "arctan": lambda z, _: np.arctan(z),
    "relu6": lambda z, _: np.clip(z, 0.0, 6.0),
    "exp": lambda z, _: np.exp(z),
    "step": lambda z, _: np.where(z >= 0, 1.0, 0.0),
    "sign": lambda z, _: np.sign(z),
    "softmax": lambda z, _: softmax(z),
}

ACTIVATION_FORMULAS: dict[str, Callable[[Array], Array]] = {
    "z * sigmoid(z)": lambda z: z * sigmoid(z),
    "z / (1 + abs(z))": lambda z: z / (1 + np.abs(z)),
    "exp(-z^2)": lambda z: np.exp(-(z**2)),
    "0.5*z^2 - z": lambda z: 0.5 * z**2 - z,
    "ln(1 + exp(z)) + 0.1*z": lambda z: np.log(1 + np.exp(z)) + 0.1 * z,
    "sqrt(1 + z**2) - 1/2": lambda z: np.sqrt(1 + z**2) - 0.5,
    "tanh(2*z) + sigmoid(-z)": lambda z: np.tanh(2 * z) + sigmoid(-z),
}


def huber(error: Array, delta: float) -> Array:
    """Half a square near zero, a line farther out."""
    size = np.abs(error)
    return np.where(size <= delta, error**2 / 2, delta * (size - delta / 2))


LOSSES: dict[str, Callable[[Array, Array, Options], Array]] = {
    "cross-entropy": lambda p, y, _: -(y * np.log(p)),
    "binary-cross-entropy": lambda p, y, _: -(y * np.log(p) + (1 - y) * np.log(1 - p)),
    "cross-entropy-with-logits": lambda p, y, _: -(y * np.log(softmax(p))),
    "binary-cross-entropy-with-logits": lambda p, y, _: np.log(1 + np.exp(p)) - y * p,
    "squared-error": lambda p, y, _: (p - y) ** 2,
    "half-squared-error": lambda p, y, _: (p - y) ** 2 / 2,
    "mean-squared-error": lambda p, y, _: (p - y) ** 2 / p.shape[1],
    "absolute-error": lambda p, y, _: np.abs(p - y),
    "huber": lambda p, y, options: huber(p - y, options.get("delta", 1)),
    "hinge": lambda p, y, _: np.maximum(0, 1 - y * p),
}

LOSS_FORMULAS: dict[str, Callable[[Array, Array], Array]] = {
    "sum((y - yhat)^2)": lambda p, y: (p - y) ** 2,
    "sum((yhat - y)**4) / 4": lambda p, y: (p - y) ** 4 / 4,
    "mean(abs(yhat - y))": lambda p, y: np.abs(p - y) / p.shape[1],
    "-sum(y * log(yhat))": lambda p, y: -y * np.log(p),
    "sum(softplus(-y * yhat))": lambda p, y: np.log(1 + np.exp(-y * p)),
}
LOGARITHMIC = ("cross-entropy", "binary-cross-entropy")


def forward(problem: Problem, batch: Sequence[int] | None = None) -> Forward:
    """Run the forward pass over some samples (counted from 0), or over the first batch."""
    chosen = list(reading.batches(problem)[0] if batch is None else batch)
    outputs = [reading.input_rows(problem)[chosen]]
    pre = []
    for layer in problem["layers"]:
        z = _affine(problem, layer, outputs[-1]) + _skips(problem, layer, outputs, "pre")
        pre.append(z)
        outputs.append(_activate(layer, z) + _skips(problem, layer, outputs, "post"))
    targets = reading.target_rows(problem)
    entry = reading.loss(problem)
    if entry is None or targets is None:
        return Forward(pre, outputs, None)
    total = _data_loss(problem, entry, outputs[-1], targets[chosen])
    return Forward(pre, outputs, total + _penalty(problem, len(chosen)))


def _inputs_first(problem: Problem, weights: Any) -> Array:
    matrix = np.array(weights, dtype=float)
    return matrix.T if reading.outputs_first(problem) else matrix


def _affine(problem: Problem, layer: dict[str, Any], inputs: Array) -> Array:
    where = reading.convention(problem, "bias")
    constant = np.full((len(inputs), 1), float(reading.convention(problem, "bias_input")))
    if where == "first":
        inputs = np.hstack([constant, inputs])
    elif where == "last":
        inputs = np.hstack([inputs, constant])
    bias = np.array(layer.get("bias", 0), dtype=float)
    return np.asarray(inputs @ _inputs_first(problem, layer["weights"]) + bias)


def _skips(problem: Problem, layer: dict[str, Any], outputs: list[Array], into: str) -> Array:
    total: Array = np.zeros(1)
    for skip in layer.get("skip", []):
        if skip.get("into", "pre") == into:
            source = outputs[skip["from"]]
            weighted = "weights" in skip
            share = source @ _inputs_first(problem, skip["weights"]) if weighted else source
            total = total + share
    return total


def _activate(layer: dict[str, Any], z: Array) -> Array:
    entry = reading.activation(layer)
    if "formula" in entry:
        return ACTIVATION_FORMULAS[entry["formula"]](z)
    return ACTIVATIONS[entry["name"]](z, entry)


def _data_loss(problem: Problem, entry: Options, outputs: Array, targets: Array) -> float:
    if "formula" in entry:
        terms = LOSS_FORMULAS[entry["formula"]](outputs, targets)
    else:
        terms = LOSSES[entry["name"]](outputs, targets, entry)
    scale = reading.log_scale(problem) if entry.get("name") in LOGARITHMIC else 1.0
    divisor = len(outputs) if entry.get("over_samples", "mean") == "mean" else 1
    return float(terms.sum()) * scale / divisor


def _penalty(problem: Problem, samples: int) -> float:
    factor = reading.penalty_factor(problem, samples)
    if not factor:
        return 0.0
    squares = sum(_squares(problem, layer) for layer in problem["layers"])
    return factor * squares


def _squares(problem: Problem, layer: dict[str, Any]) -> float:
    weights = _inputs_first(problem, layer["weights"])
    kept = {"first": weights[1:], "last": weights[:-1], "separate": weights}
    total = float((kept[reading.convention(problem, "bias")] ** 2).sum())
    for skip in layer.get("skip", []):
        total += float((np.array(skip.get("weights", 0), dtype=float) ** 2).sum())
    if problem["penalty"].get("biases"):
        total += float((np.array(layer.get("bias", 0), dtype=float) ** 2).sum())
    return total

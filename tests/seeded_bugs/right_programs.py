"""Right programs made at random: networks of any size, worked out in plain NumPy as people do."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

Arrays = dict[str, Any]

_ACTIVATIONS: dict[str, Any] = {
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda z, h: h * (1 - h)),
    "tanh": (np.tanh, lambda z, h: 1 - h * h),
    "relu": (lambda z: np.maximum(z, z.dtype.type(0)), lambda z, h: (z > 0).astype(z.dtype)),
    "linear": (lambda z: z, lambda z, h: np.ones_like(z)),
}


def made(seed: int, largest: int = 8, batch: int = 9) -> dict[str, Any]:
    """A problem: two to four layers, samples as rows, any of three outputs and losses."""
    random = np.random.default_rng(seed)
    sizes = random.integers(1, largest + 1, random.integers(2, 5) + 1).tolist()
    count = int(random.integers(2, batch + 1))
    ending = ("softmax", "sigmoid", "linear")[seed % 3]
    sizes[-1] = {"softmax": max(2, sizes[-1]), "sigmoid": 1, "linear": sizes[-1]}[ending]
    scale = 10.0 ** random.uniform(-1.5, 0.5)
    layers: list[dict[str, Any]] = []
    for number, (inputs, units) in enumerate(itertools.pairwise(sizes), 1):
        last = number == len(sizes) - 1
        layers.append(
            {
                "weights": random.normal(0, scale, (inputs, units)),
                "bias": random.normal(0, scale, units),
                "activation": ending if last else random.choice([*_ACTIVATIONS]).item(),
            }
        )
    x = random.normal(0, 1, (count, sizes[0]))
    if ending == "softmax":
        y = np.eye(sizes[-1])[random.integers(0, sizes[-1], count)]
    elif ending == "sigmoid":
        y = random.integers(0, 2, (count, 1)).astype(float)
    else:
        y = random.normal(0, 1, (count, sizes[-1]))
    losses = {"softmax": "cross-entropy", "sigmoid": "binary-cross-entropy"}
    return {
        "convention": {"affine": "x W + b"},
        "x": x,
        "y": y,
        "layers": layers,
        "loss": losses.get(ending, "half-squared-error"),
        "update": {"rule": "sgd", "learning_rate": 0.1},
    }


def worked_out(problem: dict[str, Any], kind: str) -> Arrays:
    """The arrays of a program that works it out in a type of floats."""
    x, y = (np.asarray(problem[name], dtype=kind) for name in ("x", "y"))
    count, found, before = len(x), {}, [x]
    weights = [np.asarray(layer["weights"], dtype=kind) for layer in problem["layers"]]
    biases = [np.asarray(layer["bias"], dtype=kind) for layer in problem["layers"]]
    names = [layer["activation"] for layer in problem["layers"]]
    for k, (w, b, name) in enumerate(zip(weights, biases, names, strict=True), 1):
        z = before[-1] @ w + b
        if name == "softmax":
            powers = np.exp(z - z.max(axis=1, keepdims=True))
            h = powers / powers.sum(axis=1, keepdims=True)
        else:
            h = _ACTIVATIONS[name][0](z)
        found[f"Z{k}"], found[f"A{k}"] = z, h
        before.append(h)
    found["loss"] = _loss(names[-1], found[f"Z{len(weights)}"], y) / count
    dz = (before[-1] - y) / np.array(count, dtype=kind)
    for k in range(len(weights), 0, -1):
        found[f"dZ{k}"] = dz
        found[f"dW{k}"] = before[k - 1].T @ dz
        found[f"db{k}"] = dz.sum(axis=0)
        found[f"W{k}_new"] = weights[k - 1] - np.array(0.1, dtype=kind) * found[f"dW{k}"]
        if k > 1:
            dh = dz @ weights[k - 1].T
            found[f"dA{k - 1}"] = dh
            dz = dh * _ACTIVATIONS[names[k - 2]][1](found[f"Z{k - 1}"], found[f"A{k - 1}"])
    return found


def _loss(ending: str, z: Any, y: Any) -> Any:
    """From what comes before the last activation, so that nothing is lost where that saturates."""
    if ending == "softmax":
        top = z.max(axis=1, keepdims=True)
        return -np.sum(y * (z - top - np.log(np.exp(z - top).sum(axis=1, keepdims=True))))
    if ending == "sigmoid":
        return np.sum(np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z))))
    return np.sum((z - y) ** 2) / 2

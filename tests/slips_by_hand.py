"""Slips as people make them, each worked out in plain NumPy from what a problem file gives.

Nothing here reads the program's table of slips or its formulas: forward and backward are written
out by hand for each problem. `said` are the ids of the slips that name what was done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Given = Mapping[str, Array]
Slip = tuple[str, Array, str]
"""The quantity, the wrong value, and the ids of slips that name it, with blanks between."""


def _softmax(Z: Array) -> Array:
    E = np.exp(Z - Z.max(axis=-1, keepdims=True))
    return np.asarray(E / E.sum(axis=-1, keepdims=True))


def minibatch_tanh(g: Given) -> Iterator[Slip]:
    """Rows are samples: Z = XW + b; tanh, then softmax with the mean cross-entropy."""
    X, Y, W1, b1, W2, b2 = (g[name] for name in ("X", "Y", "W1", "b1", "W2", "b2"))
    Z1 = X @ W1 + b1
    A1 = np.tanh(Z1)
    P = _softmax(A1 @ W2 + b2)
    dZ2 = (P - Y) / 4
    dA1 = dZ2 @ W2.T
    dZ1 = dA1 * (1 - A1**2)
    yield "Z1", X @ W1, "bias-left-out"
    yield "H1", 1 / (1 + np.exp(-Z1)), "wrong-activation"
    yield "Z2", Z1 @ W2 + b2, "activation-omitted wrong-operand"
    yield "L", np.asarray(-np.sum(Y * np.log(P))), "mean-sum-confused"
    yield "L", np.asarray(np.mean(np.sum(Y * np.log(P), axis=1))), "sign-flipped sign-lost"
    yield "L", np.asarray(-np.mean(np.sum(Y * np.log10(P), axis=1))), "loss-log-base"
    yield "dL/dZ2", P - Y, "mean-sum-confused"
    yield "dL/dZ2", (Y - P) / 4, "sign-flipped targets-swapped"
    yield "dL/dZ2", P / 4, "term-left-out"
    yield "dL/dW2", Z1.T @ dZ2, "wrong-layer-input wrong-operand"
    yield "dL/db2", dZ2.mean(axis=0), "mean-sum-confused factor-left-out"
    yield "dL/dZ1", dA1, "activation-derivative-omitted"
    yield "dL/dZ1", dA1 * (1 - Z1**2), "activation-derivative-at-wrong-argument"
    yield "dL/dZ1", dA1 * A1 * (1 - A1), "wrong-activation-derivative"
    yield "dL/dZ1", dA1 * (1 - A1), "power-left-out wrong-activation-derivative"
    yield "dL/dW1", 4 * X.T @ dZ1, "mean-sum-confused"
    yield "W1_new", W1 + 0.1 * X.T @ dZ1, "ascent sign-flipped"
    yield "b1_new", b1 - dZ1.sum(axis=0), "learning-rate-omitted"


def sigmoid_softmax(g: Given) -> Iterator[Slip]:
    """The published network: Z = Wᵀx + b; σ, softmax, cross-entropy."""
    x, y, W1, b1, W2, b2 = (g[name] for name in ("X", "Y", "W1", "b1", "W2", "b2"))
    Z1 = W1.T @ x + b1
    h = 1 / (1 + np.exp(-Z1))
    dZ2 = _softmax(W2.T @ h + b2) - y
    yield "H1", Z1, "activation-omitted"
    yield "Z2", W2.T @ h, "bias-left-out"
    yield "dL/dZ1", W2 @ dZ2, "activation-derivative-omitted"
    yield "dL/dZ2", -dZ2, "sign-flipped"
    yield "b2_new", b2 - dZ2, "learning-rate-omitted"


def three_layers(g: Given) -> Iterator[Slip]:
    """ReLU, leaky ReLU with 0.1, linear; ½(ŷ − y)²."""
    x, y = g["X"], g["Y"]
    W1, b1, W2, b2, W3, b3 = (g[name] for name in ("W1", "b1", "W2", "b2", "W3", "b3"))
    Z1 = W1 @ x + b1
    H1 = np.maximum(0, Z1)
    Z2 = W2 @ H1 + b2
    H2 = np.where(Z2 > 0, Z2, 0.1 * Z2)
    e = W3 @ H2 + b3 - y
    dW3, dH2 = np.outer(e, H2), W3.T @ e
    dZ2 = dH2 * np.where(Z2 > 0, 1, 0.1)
    yield "Z1", W1.T @ x + b1, "transpose-omitted"
    yield "H2", np.maximum(0, Z2), "wrong-activation factor-left-out"
    yield "L", np.asarray(np.sum(e**2)), "factor-two"
    yield "dL/dYhat", 2 * e, "factor-two"
    yield "dL/dYhat", -e, "sign-flipped targets-swapped"
    yield "dL/dW3", np.outer(e, Z2), "wrong-layer-input wrong-operand activation-omitted"
    yield (
        "dL/dZ2",
        dH2 * np.where(Z2 > 0, 1, 0),
        "relu-derivative-wrong wrong-activation-derivative",
    )
    yield "dL/dZ2", dH2, "activation-derivative-omitted relu-derivative-wrong"
    yield "dL/dH1", W2 @ dZ2, "transpose-omitted"
    yield "dL/dH1", W2.T @ dH2, "activation-derivative-omitted wrong-operand"
    yield "dL/dW2", np.outer(H1, dZ2), "transposed"
    yield "W3_new", W3 + 0.01 * dW3, "ascent sign-flipped"
    yield "W3_new", W3 - dW3, "learning-rate-omitted"


def l2_penalty(g: Given) -> Iterator[Slip]:
    """ReLU, linear, ½(ŷ − y)² and 0.1·½ΣW²."""
    x, y, W1, b1, W2, b2 = (g[name] for name in ("X", "Y", "W1", "b1", "W2", "b2"))
    H1 = np.maximum(0, W1 @ x + b1)
    e = W2 @ H1 + b2 - y
    squares = np.sum(W1**2) + np.sum(W2**2)
    yield "L", np.asarray(0.5 * np.sum(e**2)), "penalty-omitted term-left-out"
    yield "L", np.asarray(0.5 * np.sum(e**2) + 0.1 * squares), "factor-two"
    yield "dL/dW2", np.outer(e, H1), "penalty-omitted term-left-out path-lost"
    yield "dL/dW2", np.outer(e, H1) + W2, "factor-left-out"
    yield "dL/dW2", np.outer(e, H1) - 0.1 * W2, "term-sign-flipped"


def logistic_loss(g: Given) -> Iterator[Slip]:
    X, y, w, b = g["X"], g["y"], g["w"], g["b"]
    z = X @ w + b
    dz = 1 / (1 + np.exp(-z)) - y
    yield "J", np.asarray(np.mean(np.log(1 + np.exp(z)) - y * z)), "mean-sum-confused"
    yield "J", np.asarray(np.sum(np.log(1 + np.exp(z)) + y * z)), "term-sign-flipped sign-flipped"
    yield "J", np.asarray(np.sum(np.log10(1 + np.exp(z)) - y * z)), "loss-log-base"
    yield "J", np.asarray(np.sum(np.log(1 + np.exp(-z)) - y * z)), "term-sign-flipped"
    yield "dJ/dz", -dz, "sign-flipped term-sign-flipped"
    yield "dJ/dz", dz + y, "term-left-out path-lost"
    yield "dJ/dw", X.T @ dz / 4, "mean-sum-confused factor-left-out"
    yield "w_new", w - X.T @ dz, "learning-rate-omitted"
    yield "w_new", w + 0.5 * X.T @ dz, "ascent sign-flipped"


def squared_distance(g: Given) -> Iterator[Slip]:
    W, x, b, y = g["W"], g["x"], g["b"], g["y"]
    z = W @ x + b
    yield "z", W.T @ x + b, "transpose-omitted"
    yield "L", np.asarray(np.linalg.norm(y - z)), "power-left-out"
    yield "dL/dz", z - y, "factor-two"
    yield "dL/dz", 2 * (y - z), "sign-flipped"
    yield "dL/dx", W @ (2 * (z - y)), "transpose-omitted"
    yield "dL/dW", np.outer(x, 2 * (z - y)), "transposed"


def recurrent(g: Given) -> Iterator[Slip]:
    x, h0, w, U, b, v, c, y = (g[n] for n in ("x", "h0", "w", "U", "b", "v", "c", "y"))
    h1 = np.tanh(w * x[0] + U @ h0 + b)
    h2 = np.tanh(w * x[1] + U @ h1 + b)
    h3 = np.tanh(w * x[2] + U @ h2 + b)
    e = v @ h3 + c - y
    dh3 = e * v
    dh2 = U.T @ (dh3 * (1 - h3**2))
    dh1 = U.T @ (dh2 * (1 - h2**2))
    deltas = (dh1 * (1 - h1**2), dh2 * (1 - h2**2), dh3 * (1 - h3**2))
    yield (
        "h2",
        np.tanh(w * x[0] + U @ h1 + b),
        "wrong-operand wrong-sample term-sign-flipped",
    )  # x₁ is −x₂
    yield "h2", np.tan(w * x[1] + U @ h1 + b), "wrong-activation"
    yield "h3", w * x[2] + U @ h2 + b, "activation-omitted"
    yield "dL/dh2", U @ (dh3 * (1 - h3**2)), "transpose-omitted"
    yield "dL/dh2", U.T @ dh3, "activation-derivative-omitted"
    yield "dL/db", deltas[2], "path-lost"
    yield "dL/dw", x[2] * deltas[2] + x[1] * deltas[1], "path-lost"
    states = zip(deltas, (h1, h2, h3), strict=True)
    yield "dL/dU", np.sum([np.outer(*each) for each in states], axis=0), "wrong-operand"


def exponential_units(g: Given) -> Iterator[Slip]:
    X, y, W, b, alpha = (g[n] for n in ("X", "y", "W", "b", "alpha"))
    Z = X @ W.T + b
    U = np.exp(Z)
    e = U @ alpha - y
    dZ = np.outer(2 * e, alpha) * U
    yield "Z", X @ W.T, "bias-left-out term-left-out"
    yield "L", np.asarray(np.mean(e**2)), "mean-sum-confused"
    yield "dL/dyhat", e, "factor-two"
    yield "dL/dZ", np.outer(2 * e, alpha), "activation-derivative-omitted"
    yield "dL/dW", dZ.T @ U, "wrong-layer-input wrong-operand"
    yield "dL/db", dZ[0], "bias-gradient-not-summed path-lost"


def poisson(g: Given) -> Iterator[Slip]:
    X, y, w = g["X"], g["y"], g["w"]
    z = X @ w
    m = np.exp(z)
    yield "L", np.asarray(np.mean(m - y * z)), "mean-sum-confused"
    yield "L", np.asarray(np.sum(m + y * z)), "term-sign-flipped sign-flipped"
    yield "dL/dz", y - m, "sign-flipped term-sign-flipped"
    yield "dL/dz", m, "path-lost term-left-out"
    yield "dL/dw", X.T @ (m - y) / 3, "mean-sum-confused factor-left-out"


def ridge(g: Given) -> Iterator[Slip]:
    X, Y, W, share = g["X"], g["Y"], g["W"], g["lambda"]
    R = X @ W - Y
    yield "R", X @ W + Y, "term-sign-flipped sign-flipped"
    yield "L", np.asarray(np.sum(R**2)), "penalty-omitted term-left-out path-lost"
    yield "L", np.asarray(np.sum(R**2) + np.sum(W**2)), "factor-left-out factor-two"  # λ is ½
    yield "dL/dR", R, "factor-two"
    yield "dL/dW", 2 * X.T @ R, "path-lost penalty-omitted term-left-out"
    yield "dL/dW", 2 * X.T @ R + share * W, "factor-two"


def momentum(g: Given) -> Iterator[Slip]:
    """v ← βv − ηg, W ← W + v; the first step begins with v = 0."""
    x, y, W, b = g["X"], g["Y"], g["W1"], g["b1"]
    e = W @ x + b - y
    dW = np.outer(e, x)
    yield "W1_new", W + 0.1 * dW, "ascent sign-flipped"
    yield "W1_new", W - dW, "learning-rate-omitted"


SLIPS: Mapping[str, Callable[[Given], Iterator[Slip]]] = {
    "minibatch-tanh": minibatch_tanh,
    "sigmoid-softmax": sigmoid_softmax,
    "three-layers": three_layers,
    "l2-penalty": l2_penalty,
    "logistic-loss": logistic_loss,
    "squared-distance": squared_distance,
    "recurrent": recurrent,
    "exponential-units": exponential_units,
    "regression/poisson": poisson,
    "regression/ridge": ridge,
    "momentum": momentum,
}
"""By the name of a problem file."""

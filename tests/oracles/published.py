"""Figures of published derivations, each beside the right one; the numbers of docs/published.md.

Nothing of the package is used. What is right comes from the forward formulas in plain NumPy and
from differences of the fourth order; what was published is written down as it was printed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_STEP = 1e-3


@dataclass(frozen=True)
class Claim:
    """A published figure, the right one, and where the program says it: `problem:id` or nothing.

    Shapes are told in letters, as text. `entry` picks what of the program's value is meant.
    """

    published: Any
    right: Any
    ours: str = ""
    entry: Any = ()
    digits: int = 4


Claims = dict[str, Claim]


def slope(function: Callable[[Array], Any], at: Any) -> Array:
    """The derivative of every result by every entry, the results' axes first."""
    at = np.asarray(at, dtype=float)
    found = []
    for place in np.ndindex(at.shape):
        moved = np.zeros(at.shape)
        moved[place] = _STEP
        near = np.asarray(function(at + moved)) - np.asarray(function(at - moved))
        far = np.asarray(function(at + 2 * moved)) - np.asarray(function(at - 2 * moved))
        found.append((8 * near - far) / (12 * _STEP))
    return np.moveaxis(np.array(found), 0, -1).reshape((*np.shape(found[0]), *at.shape))


def sigmoid(z: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-z)))


def softmax(z: Array) -> Array:
    return np.asarray(np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True))


def row(*values: float) -> Array:
    return np.array(values, dtype=float)


# A sigmoid-softmax exercise ----------------------------------------------------------------------


def sigmoid_softmax() -> Claims:
    x, y, rate = row(1, 0), row(0, 1), 0.5
    W1, b1 = np.array([[3.0, 6], [4, 5]]), row(1, -6)
    W2, b2 = np.array([[2.0, 3], [4, 3]]), row(-1, -2)

    def loss(W1: Array = W1, b1: Array = b1, W2: Array = W2, b2: Array = b2) -> Any:
        return -y @ np.log(softmax(W2.T @ sigmoid(W1.T @ x + b1) + b2))

    hidden = sigmoid(W1.T @ x + b1)
    output = softmax(W2.T @ hidden + b2)
    by_output = slope(lambda yhat: -y @ np.log(yhat), output)
    by_hidden = slope(lambda h: -y @ np.log(softmax(W2.T @ h + b2)), hidden)
    by_W1, by_b1 = slope(lambda W: loss(W1=W), W1), slope(lambda b: loss(b1=b), b1)
    by_W2, by_b2 = slope(lambda W: loss(W2=W), W2), slope(lambda b: loss(b2=b), b2)
    after = loss(W1 - rate * by_W1, b1 - rate * by_b1, W2 - rate * by_W2, b2 - rate * by_b2)
    rounded = np.round(np.outer(np.round(hidden, 3), [0.627, -0.627]), 3)
    name = "sigmoid-softmax"
    return {
        "1.1": Claim(-by_output, by_output, f"{name}:dL/dYhat"),
        "1.2": Claim(np.outer(x, by_hidden), by_W1, f"{name}:dL/dW1"),
        "1.3": Claim(W1 - rate * np.outer(x, by_hidden), W1 - rate * by_W1, f"{name}:W1_new"),
        "1.4": Claim(b2 - by_b2, b2 - rate * by_b2, f"{name}:b2_new"),
        "1.5": Claim(0.1, after, f"{name}:L_new"),
        "1.6": Claim(rounded, by_W2, f"{name}:dL/dW2"),
        "1.7": Claim(-6.079, (b1 - rate * by_b1)[1], f"{name}:b1_new", 1),
    }


def gradient_tensor() -> Claims:
    letters = {5: "N", 3: "N1", 4: "K", 1: "1"}
    random = np.random.default_rng(1)
    x, b1, b2 = random.normal(size=5), random.normal(size=3), random.normal(size=4)
    W1, W2 = random.normal(size=(5, 3)), random.normal(size=(3, 4))

    def output(W: Array) -> Array:
        return softmax(W2.T @ np.maximum(W.T @ x + b1, 0) + b2)

    tensor = np.moveaxis(slope(output, W1), 0, -1)
    by_z1 = slope(lambda z: np.maximum(z, 0), W1.T @ x + b1)
    as_vector = np.diag(by_z1)[:, None]
    lost = np.tensordot(slope(lambda W: W.T @ x, W1), as_vector, (0, 0))[..., 0] @ W2
    yhat = softmax(row(1, 2, 3))
    jacobian = slope(softmax, row(1, 2, 3))
    W, at, bias = np.array([[3.0, 6], [4, 5]]), row(1, 2), row(1, -6)

    def shape(array: Array) -> str:
        return " × ".join(letters[length] for length in array.shape)

    return {
        "2.1": Claim(shape(lost @ slope(softmax, b2)), shape(tensor)),
        "2.2": Claim(shape(as_vector), shape(by_z1)),
        "2.3": Claim(-yhat[2] * yhat[2], jacobian[0, 2], "softmax:df/dz", (0, 2)),
        "2.4": Claim(W[0, 0] * at[0] + bias[0], (W.T @ at + bias)[0]),
    }


# A mini-batch exercise ---------------------------------------------------------------------------


def minibatch() -> Claims:
    X = np.array([[1.0, 0], [0, 1], [1, 1], [-1, 2]])
    Y = np.array([[1.0, 0], [0, 1], [0, 1], [1, 0]])
    W1, b1 = np.array([[1, -1, 0.5], [0.5, 1, -1]]), row(0, 0.5, -0.5)
    W2, b2 = np.array([[1, -1], [0.5, 1], [-1, 0.5]]), row(0.1, -0.1)
    N, C = Y.shape

    def of_output(yhat: Array) -> Any:
        return -np.sum(Y * np.log(yhat)) / N

    def of_bias(b1: Array = b1, b2: Array = b2) -> Any:
        return of_output(softmax(np.tanh(X @ W1 + b1) @ W2 + b2))

    a1 = np.tanh(X @ W1 + b1)
    z2 = a1 @ W2 + b2
    yhat = softmax(z2)
    by_yhat, by_z2 = slope(of_output, yhat), slope(lambda z: of_output(softmax(z)), z2)
    by_W1 = slope(lambda W: of_output(softmax(np.tanh(X @ W + b1) @ W2 + b2)), W1)
    delta2 = (yhat - Y) @ W2.T * (1 - a1**2)
    by_b1, by_b2 = slope(lambda b: of_bias(b1=b), b1), slope(lambda b: of_bias(b2=b), b2)
    name = "minibatch-tanh"
    return {
        "3.1": Claim(((yhat - Y) / N)[0], by_yhat[0], f"{name}:dL/dYhat", 0),
        "3.2": Claim((-Y * (1 - yhat) / N)[0], by_z2[0], f"{name}:dL/dZ2", 0),
        "3.3": Claim((yhat - Y).sum(axis=0) / N, by_z2[0], f"{name}:dL/dZ2", 0),
        "3.4": Claim(times(yhat.T @ (yhat - Y)), times(W2)),
        "3.5": Claim((yhat - Y)[:C].sum(0) / N, by_b2, f"{name}:dL/db2"),
        "3.6": Claim(times(delta2 / N), times(by_W1)),
        "3.7": Claim((delta2 / N)[0], by_b1, f"{name}:dL/db1"),
        "3.8": Claim(f"({times(a1)})({times((yhat - Y).T)})", times(W2.T)),
    }


def times(array: Array) -> str:
    """A shape in numbers."""
    return " × ".join(map(str, array.shape))


# University notes --------------------------------------------------------------------------------


def thresholds() -> Claims:
    hidden, output, bias = row(1, 1), row(1, -2), -0.5

    def u(x: float) -> Array:
        return np.where(x - row(2, 4) >= 0, 1.0, 0.0)

    samples, outputs = 4, 2
    point = "threshold-points"
    return {
        "4.1": Claim(hidden @ u(5) + bias, output @ u(5) + bias, f"{point}:Z2", (3, 0)),
        "4.2": Claim(outputs, samples),
        "4.3": Claim(0 - 2, 0 - 4, f"{point}:Z1", (0, 1)),
        "4.4": Claim(u(3)[0], u(3)[1], f"{point}:H1", (2, 1)),
        "4.5": Claim(u(3)[0] - 2 * u(3)[0] + bias, output @ u(3) + bias, f"{point}:Z2", (2, 0)),
        "4.6": Claim(0.5, 3.5 - 4, "threshold-new-point:Z1", 1),
    }


def logistic() -> Claims:
    X, y = np.array([[1.0, 0], [0, 1], [1, 1], [0, 0]]), row(1, 0, 1, 0)
    w, name = np.log([3, 2]), "logistic-loss"

    def of_z(z: Array) -> Any:
        return np.sum(np.log(1 + np.exp(z)) - y * z)

    by_z = slope(of_z, X @ w)
    by_w = slope(lambda w: of_z(X @ w), w)
    by_b = slope(lambda b: of_z(X @ w + b), 0.0)
    return {
        "4.7": Claim(by_z[0] * X[0], by_w, f"{name}:dJ/dw"),
        "4.8": Claim(by_z[0], by_b, f"{name}:dJ/db"),
    }


def squared_distance() -> Claims:
    W, x, b, y = np.array([[1.0, 2], [3, -1]]), row(2, 1), row(1, -2), row(2, 7)
    name = "squared-distance"

    def of_z(z: Array) -> Any:
        return np.sum((y - z) ** 2)

    z = W @ x + b
    by_z, by_W = slope(of_z, z), slope(lambda W: of_z(W @ x + b), W)
    by_x = slope(lambda x: of_z(W @ x + b), x)
    z_by_W = slope(lambda W: W @ x + b, W)
    return {
        "4.9": Claim(len(z) * (y - z)[0] ** 2, of_z(z), f"{name}:L"),
        "4.10": Claim(2 * (z - y)[1], by_z[0], f"{name}:dL/dz", 0),
        "4.11": Claim(z_by_W[0, 0, 0], by_W[0, 0], f"{name}:dL/dW", (0, 0)),
        "4.12": Claim(2 * (z - y)[0] * W[0], by_x, f"{name}:dL/dx"),
    }


def minibatch_equations() -> Claims:
    X = np.array([[1.0, 0], [0, 1], [1, 1]])
    R = np.array([[1.0, 0], [0, 1], [0, 1]])
    W1, b1 = np.array([[1.0, -1], [1, 2]]), row(0.5, -0.5)
    W2, b2 = np.array([[1.0, -1], [0, 1]]), row(0, 0)

    def of_output(z: Array) -> Any:
        return np.sum(np.log(np.exp(z).sum(axis=1)) - np.sum(R * z, axis=1))

    def of_hidden(z: Array, W2: Array = W2, b2: Array = b2) -> Any:
        return of_output(np.maximum(z, 0) @ W2.T + b2)

    zh = X @ W1.T + b1
    u = np.maximum(zh, 0)
    d_out, d_hid = slope(of_output, u @ W2.T + b2), slope(of_hidden, zh)
    weight = slope(lambda W: of_hidden(zh, W2=W), W2)[0, 1]
    bias = slope(lambda b: of_hidden(zh, b2=b), b2)[0]
    first = slope(lambda W: of_hidden(X @ W.T + b1), W1)[0, 1]
    first_bias = slope(lambda b: of_hidden(X @ W1.T + b), b1)[0]
    j, k = 0, 1  # one entry: unit 1, input 2
    return {
        "4.13": Claim(d_out[:, k] @ u[:, k], weight, "minibatch:dL/dW2", (j, k)),
        "4.14": Claim(d_out[:, k].sum(), bias, "minibatch:dL/db2", j),
        "4.15": Claim(d_hid[:, k] @ X[:, k], first, "minibatch:dL/dW1", (j, k)),
        "4.16": Claim(d_hid[:, k].sum(), first_bias, "minibatch:dL/db1", j),
    }


MINIBATCH = """
convention: {affine: x W^T + b}
x: [[1, 0], [0, 1], [1, 1]]
y: {labels: [1, 2, 2], classes: 2}
layers:
  - {weights: [[1, -1], [1, 2]], bias: [0.5, -0.5], activation: relu}
  - {weights: [[1, -1], [0, 1]], bias: [0, 0]}
loss: {name: cross-entropy-with-logits, over_samples: sum}
"""
"""The same network for the program."""


def cases_at(z: float) -> float:
    """ReLU′ by the two cases z > 0 and z < 0."""
    return 1.0 if z > 0 else 0.0 if z < 0 else float("nan")


def exponential() -> Claims:
    X, y = np.array([[1.0, 1], [2, 0]]), row(1, 8)
    W, b, alpha = np.diag(np.log([2.0, 3])), row(0, np.log(2)), row(3, -1)

    def of_weights(W: Array) -> Any:
        return np.sum((y - np.exp(X @ W.T + b) @ alpha) ** 2)

    u = np.exp(X @ W.T + b)
    by_z = slope(lambda z: np.sum((y - np.exp(z) @ alpha) ** 2), X @ W.T + b)
    return {
        "4.17": Claim(u[0, 1], slope(lambda W: X @ W.T, W)[0, 0, 0, 1]),
        "4.18": Claim(by_z.T @ u, slope(of_weights, W), "exponential-units:dL/dW"),
        "4.19": Claim(cases_at(0.0), 0.0, "kink:df/dz"),
    }


# An exercise with the bias in the first row ------------------------------------------------------


def bias_first() -> Claims:
    x = row(1, 2, 5)
    W1, W2 = np.array([[-1.0, 2], [-2, 1], [1, 4]]), row(1, 2, -4)

    def output(W1: Array, W2: Array) -> Any:
        return sigmoid(W2 @ np.append(1, sigmoid(W1.T @ x)))

    def loss(W1: Array = W1, W2: Array = W2) -> Any:
        return (1 - output(W1, W2)) ** 2 / 2

    hidden = sigmoid(W1.T @ x)
    by_W2 = slope(lambda W: loss(W2=W), W2)[1]
    by_W1 = slope(lambda W: loss(W1=W), W1)[2, 0]
    name = "bias-first-row"
    return {
        "5.1": Claim(0.999, hidden[1], f"{name}:H1", 1, 3),
        "5.2": Claim(-1.996, W2 @ np.append(1, hidden), f"{name}:Z2", 0, 3),
        "5.3": Claim(0.119623, output(W1, W2), f"{name}:Yhat", 0, 6),
        "5.4": Claim(0.38753, loss(), f"{name}:L", (), 5),
        "5.5": Claim(-0.04635772, by_W2, f"{name}:dL/dW2", (1, 0), 8),
        "5.6": Claim(-0.23178, by_W1, f"{name}:dL/dW1", (2, 0), 5),
        "5.7": Claim(2.0927, 2 - 2 * by_W2, f"{name}:W2_new", (1, 0)),
        "5.8": Claim(1.4636, 1 - 2 * by_W1, f"{name}:W1_new", (2, 0)),
    }


# An exercise with a skip connection --------------------------------------------------------------


def skip_connection() -> Claims:
    x, y = 3.0, 6.0
    start = {"w0": 0.5, "b0": 0.5, "w1": 1.5, "b1": 1.0, "w2": -0.5, "w3": 3.0}

    def values(**changed: float) -> dict[str, float]:
        p = start | changed
        z0 = p["w0"] * x + p["b0"]
        z1 = p["w1"] * max(z0, 0) + p["b1"]
        z2 = p["w2"] * max(z1, 0) + p["w3"] * max(z0, 0)
        return {"h0": max(z0, 0), "h1": max(z1, 0), "z2": z2, "L": abs(y - z2)}

    def by(name: str) -> float:
        return float(slope(lambda v: values(**{name: float(v)})["L"], start[name]))

    now = values()
    h0, h1 = now["h0"], now["h1"]
    top = float(slope(lambda z: abs(y - z), now["z2"]))
    file = "skip-connection"
    with np.errstate(invalid="ignore"):
        at_zero = np.maximum(0, np.divide(0.0, 0.0))
    return {
        "6.1": Claim(abs(y - now["z2"]), top, f"{file}:dL/dZ3", 0),
        "6.2": Claim(0.0, by("w2"), f"{file}:dL/dW3", (0, 0)),
        "6.3": Claim(top * h0, by("w1"), f"{file}:dL/dW2", (0, 0)),
        "6.4": Claim(top * h1, by("w1"), f"{file}:dL/dW2", (0, 0)),
        "6.5": Claim(top, by("b1"), f"{file}:dL/db2", 0),
        "6.6": Claim(top * x, by("w0"), f"{file}:dL/dW1", (0, 0)),
        "6.7": Claim(top * h1 + top * h0, by("w0"), f"{file}:dL/dW1", (0, 0)),
        "6.8": Claim(top, by("b0"), f"{file}:dL/db1", 0),
        "6.9": Claim(9, len(start)),
        "6.10": Claim(at_zero, 0.0, "kink:df/dz"),
    }


def two_sided() -> Claims:
    a, z = row(0, 1, 0), np.log([1.0, 2, 1])

    def of_softmax(s: Array) -> Any:
        return -np.sum(a * np.log(s) + (1 - a) * np.log(1 - s))

    s, name = softmax(z), "softmax-binary-cross-entropy"
    by_s, by_z = slope(of_softmax, s), slope(lambda z: of_softmax(softmax(z)), z)
    diagonal = s * (1 - s)
    two = np.log([3.0, 1])
    powers, whole = np.exp(two), np.exp(two).sum()
    product = powers[0] * powers[1]
    right = slope(softmax, two)[0, 0]
    return {
        "7.1": Claim(a / s - (1 - a) / (1 - s), by_s, f"{name}:dL/dYhat"),
        "7.2": Claim(a / s + (1 - a) / (1 - s), by_s, f"{name}:dL/dYhat"),
        "7.3": Claim(a * (1 - s) + (1 - a) * s, -by_s * diagonal),
        "7.4": Claim(np.sum(a - s) * diagonal, by_z, f"{name}:dL/dZ1"),
        "7.5": Claim(diagonal, by_z, f"{name}:dL/dZ1"),
        "7.6": Claim(by_s * diagonal, by_z, f"{name}:dL/dZ1"),
        "7.7": Claim(1 / whole - (two[0] - two[1]) / whole**2, right, "two:df/dz", (0, 0)),
        "7.8": Claim((product - powers[1] ** 2) / whole**2, right, "two:df/dz", (0, 0)),
    }


def claims() -> Claims:
    """All of them, by the number that they have in the page."""
    parts = (
        sigmoid_softmax,
        gradient_tensor,
        minibatch,
        thresholds,
        logistic,
        squared_distance,
        minibatch_equations,
        exponential,
        bias_first,
        skip_connection,
        two_sided,
    )
    found: Claims = {}
    for part in parts:
        found |= part()
    return found

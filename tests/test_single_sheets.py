"""Small exercises with a sheet each that shows one thing: how it is judged, and what it is called.

Right values are worked out beside each, by hand or in plain NumPy; what is typed is what a person
comes to who rounds, cuts off, or slips there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from judged import graded
from msgspec import Struct


class Case(Struct, frozen=True):
    """A problem, a sheet, verdicts by id (left out: right), names that fit and that do not."""

    problem: str
    answers: str
    verdicts: Mapping[str, str] = {}
    named: Mapping[str, Sequence[str]] = {}
    never: Sequence[str] = ()


ONE_UNIT = """
x: [%s]
y: [%s]
layers: [{weights: [[%s]], activation: %s}]
loss: half-squared-error
ask: [Z1, Yhat]
grading: {precision: {%s}}
"""
EXACT = "values: {x: [1, 2, 3], w: [1, -2, 3]}\nequations: [z = x * w, L = sum(z)]\ntrain: [w]\n"
TWO_WEIGHTS = """
x: [2, 1]
y: [1]
layers: [{weights: [[1, -1]], bias: [1]}]
loss: half-squared-error
update: {rule: sgd, learning_rate: 0.1}
ask: [Yhat, dL/dW1, W1_new]
"""
BIAS_FIRST = """
convention: {affine: W^T x + b, bias: first}
x: [2, 1]
y: [1]
layers: [{weights: [[0.5], [1], [-1]]}]
loss: half-squared-error
update: {rule: sgd, learning_rate: 0.1}
ask: [Yhat, dL/dW1, W1_new]
"""
FRACTION = """
x: [0]
y: [1]
layers: [{weights: [[-4/3]]}]
loss: half-squared-error
update: {rule: sgd, learning_rate: 0.2}
ask: [Yhat, dL/dW1, W1_new]
"""
RMSPROP = """
x: [1]
y: [0.5]
layers: [{weights: [[0.43748]]}]
loss: half-squared-error
update: {rule: rmsprop, learning_rate: 0.2, beta: 0.9}
ask: [Yhat, dL/dW1, W1_new]
grading: {precision: {decimals: 3}}
"""
SMALL_CHANGE = """
x: [0.4]
y: [0.9]
layers: [{weights: [[1.3]], bias: [0.6]}]
loss: half-squared-error
update: {rule: sgd, learning_rate: 0.001}
ask: [Yhat, dL/dW1, dL/db1, W1_new, b1_new]
grading: {precision: {decimals: 4}}
"""
LEAKY = """
x: [1]
y: [0]
layers:
  - {weights: [[0], [1]], activation: {name: leaky-relu, slope: 0.2}}
  - {weights: [[2, 1]]}
loss: half-squared-error
ask: [Z1, H1, Yhat, dL/dYhat, dL/dH1, dL/dZ1]
"""
DEAD = """
x: [1]
y: [0]
layers: [{weights: [[-1], [1]], activation: relu}, {weights: [[2, 1]]}]
loss: half-squared-error
ask: [H1, Yhat, dL/dYhat, dL/dH1, dL/dZ1]
"""
BEHIND_ZERO = """
x: [1]
y: [0, 1]
layers: [{weights: [[1], [-3]], activation: softmax}]
loss: cross-entropy
ask: [Z1, Yhat, L]
grading: {precision: {decimals: 3}}
"""
NEURON = """
values: {x: [1, 2], w: [0.5, -1], b: 1, y: 1}
equations:
  - z = w @ x + b
  - yhat = sigmoid(z)
  - L = -y * ln(yhat) - (1 - y) * ln(1 - yhat)
train: [w, b]
update: {rule: sgd, learning_rate: 0.1}
ask: [z, yhat, L, dL/dw, w_new]
grading: {precision: {decimals: 3}}
"""
GATE = """
values: {c: [0.5, -1.2, 0.8], o: [0.3, 0.7, 0.9], y: [0, 1, 0]}
equations: [h = o * tanh(c), L = sum((h - y)^2) / 2]
train: [c, o]
ask: [h, dL/dc]
"""
GRAPH = """
values:
  A: [[1/2, 1/sqrt(6), 0], [1/sqrt(6), 1/3, 1/sqrt(6)], [0, 1/sqrt(6), 1/2]]
  X: [[1, 0], [0, 1], [1, 1]]
  W: [[1, -1], [0.5, 2]]
  V: [[1, 0], [-1, 1]]
  Y: [[1, 0], [0, 1], [0, 1]]
equations:
  - H = relu(A @ X @ W)
  - P = softmax(A @ H @ V, axis=1)
  - L = -sum(Y * ln(P))
train: [W, V]
ask: [H, dL/dH, dL/dW]
"""
SQUARE = """
values: {X: [[1, 2], [3, 1]], W: [[1, -2], [-1, 1]]}
equations: [H = relu(X @ W), L = sum(H^2) / 2 + sum(H)]
train: [W]
"""
OBLONG = """
values: {X: [[1, 0], [0, 1], [1, 1]], W: [[1, -1], [0.5, 2]]}
equations: [H = relu(X @ W), L = sum(H^2)]
train: [W]
"""
VECTOR = """
values: {x: [1, 2], W: [[1, 1], [2, -1], [0, 1]], b: [0, 0, 0], v: [1, 2, 3], y: 4}
equations: [h = relu(W @ x + b), yhat = v @ h, "L = half_squared_error(yhat, y)"]
train: [W, b, v]
ask: [h, yhat, L, dL/dyhat, dL/dv, dL/dh, dL/dW]
"""
POOLED = """
values: {X: [[1, 3, 2, 0], [4, 2, 1, 5], [0, 1, 3, 2], [2, 6, 1, 0]]}
equations:
  - "P = [[max([X[1,1], X[1,2], X[2,1], X[2,2]]), max([X[1,3], X[1,4], X[2,3], X[2,4]])],
      [max([X[3,1], X[3,2], X[4,1], X[4,2]]), max([X[3,3], X[3,4], X[4,3], X[4,4]])]]"
upstream: {P: [[1, 2], [3, 4]]}
ask: [P, dL/dX]
"""
NOISE = """
values: {m: 0.5, s: 1.0513, e: 0.5}
equations: [a = m + 0, z = a + s * e]
ask: [a, z]
"""
MASK = """
values: {x: [1, 2], W1: [[1, 0], [-1, 1], [2, 1], [0, 1]], r: [1, 0, 1, 1], p: 0.5}
equations: [h = relu(W1 @ x), d = h * r / p]
ask: [h, d]
"""
DOT = "values: {a: [-0.7, 0.2], d: [-0.0277, 0.2224]}\nequations: [s = a @ d]\nask: [s]\n"

CASES = {
    "one less than an exact number": Case(
        EXACT + "ask: [z, L, dL/dw]\n",
        "z: [0, -3, 8], L: 5, dL/dw: [0, 1, 2]",
        {"z": "wrong", "L": "carried", "dL/dw": "wrong"},
        never=["factor-two", "copied"],
    ),
    "7 for 8": Case(
        "x: [2, 3]\nlayers: [{weights: [[1, 2]]}]",
        "Z1: [7], Yhat: [7]",
        {"Z1": "wrong", "Yhat": "carried"},
    ),
    "whole numbers for small ones": Case(  # x w² = 0.0189, 2 x w = 0.08, -0.28, 0.3
        "values: {x: [1, 2, 3], w: [0.04, -0.07, 0.05]}\nequations: [L = sum(x * w^2)]\n"
        "train: [w]\nask: [L, dL/dw]",
        "L: 0.0189, dL/dw: [7, 2, 9]",
        {"dL/dw": "wrong"},
        never=["decimal-slip"],
    ),
    "one of two weights uphill": Case(  # right: 0.8, -1.1
        TWO_WEIGHTS,
        "Yhat: [2], dL/dW1: [[2, 1]], W1_new: [[0.8, -0.9]]",
        {"W1_new": "wrong"},
        never=["learning-rate-twice"],
    ),
    "weights uphill, the bias not": Case(  # right: 0.45, 0.9, -1.05
        BIAS_FIRST,
        "Yhat: [1.5], dL/dW1: [[0.5], [1], [0.5]], W1_new: [[0.45], [1.1], [-0.95]]",
        {"W1_new": "wrong"},
        never=["learning-rate-twice", "bias-not-updated"],
    ),
    "a fraction copied as a decimal": Case(
        FRACTION, "Yhat: [0], dL/dW1: [[0]], W1_new: [[-1.3333-0.2*(0)]]"
    ),
    "3 decimals cut off, 4 asked": Case(  # 1 / (1 + e^-0.233) = 0.55799; 0.2333 gives 0.55806
        ONE_UNIT % (0.2333, 1, 1, "sigmoid", "decimals: 4"),
        "Z1: [0.233], Yhat: [0.557]",
        {"Z1": "imprecise", "Yhat": "imprecise"},
    ),
    "3 decimals of a changed bias, 4 asked": Case(  # 0.6 - 0.001 * 0.22 = 0.59978
        SMALL_CHANGE,
        "Yhat: [1.120], dL/dW1: [[0.088]], dL/db1: [0.220], W1_new: [[1.300]], b1_new: [0.600]",
        {"b1_new": "imprecise"},
        never=["learning-rate-twice", "bias-not-updated"],
    ),
    "5 decimals, 3 asked": Case(  # s = 0.1 · 0.00391 = 0.00039, √s = 0.01975, 0.2 g/√s = 0.63311
        RMSPROP, "Yhat: [0.43748], dL/dW1: [[-0.06252]], W1_new: [[1.07059]]"
    ),
    "four significant digits inside": Case(  # e^-2.25 = 0.1054, 1 + that = 1.105, 1/1.105 = 0.9050
        ONE_UNIT % (2.25, 0.1, 1, "sigmoid", "significant: 4"), "Z1: [2.250], Yhat: [0.9050]"
    ),
    "each product cut off": Case(DOT, "s: 0.0637"),  # 0.0193 + 0.0444; 0.0194 + 0.0445 = 0.0639
    "a product cut off at two digits": Case(DOT, "s: 0.0589", {"s": "wrong"}),
    "any loss behind a 0": Case(
        BEHIND_ZERO,
        "Z1: [1, -3], Yhat: [1, 0], L: -5",
        {"Yhat": "wrong", "L": "wrong"},
    ),
    "the slope on the other side of the kink": Case(
        LEAKY,
        "Z1: [0, 1], H1: [0, 1], Yhat: [1], dL/dYhat: [1], dL/dH1: [2, 1], dL/dZ1: [0.4, 1]",
        {"dL/dZ1": "wrong"},
        never=["decimal-slip"],
    ),
    "the slope at the kink": Case(
        LEAKY, "Z1: [0, 1], H1: [0, 1], Yhat: [1], dL/dYhat: [1], dL/dH1: [2, 1], dL/dZ1: [0, 1]"
    ),
    "a number for 0 behind a dead unit": Case(
        DEAD,
        "H1: [0, 1], Yhat: [1], dL/dYhat: [1], dL/dH1: [2, 1], dL/dZ1: [0.3, 1]",
        {"dL/dZ1": "wrong"},
        never=["decimal-slip"],
    ),
    "a number for a masked 0": Case(
        "values: {x: [1, -3], r: [1, 0]}\nequations: [d = x * r]\nask: [d]",
        "d: [1, 7]",
        {"d": "wrong"},
        never=["decimal-slip"],
    ),
    "a weight vector that is still the old one": Case(
        NEURON,
        "z: -0.5, yhat: 0.378, L: 0.974, dL/dw: [-0.622, -1.245], w_new: [0.5, -1]",
        {"w_new": "wrong"},
        {"w_new": ["weights-not-updated"]},
        never=["bias-not-updated"],
    ),
    "a gate lost on the way back": Case(  # (h - y)(1 - tanh² c), without o
        GATE,
        "h: [0.1386, -0.5836, 0.5976], dL/dc: [0.1090, -0.4830, 0.3341]",
        {"dL/dc": "wrong"},
        {"dL/dc": ["factor-left-out"]},
        never=["activation-derivative-at-wrong-argument"],
    ),
    "the derivative behind a gate lost": Case(  # (h - y) o
        GATE,
        "h: [0.1386, -0.5836, 0.5976], dL/dc: [0.0416, -1.1085, 0.5379]",
        {"dL/dc": "wrong"},
        {"dL/dc": ["activation-derivative-omitted", "output-derivative-omitted"]},
    ),
    "a graph's matrix lost": Case(  # (A X)ᵀ δ without A
        GRAPH,
        "H: [[0.7041, 0.3165], [1.1873, 0.6667], [0.9541, 1.3165]], "
        "dL/dH: [[-0.118, 0.236], [0.0217, -0.0435], [0.2796, -0.5593]], "
        "dL/dW: [[0.1616, -0.3233], [0.3014, -0.6027]]",
        {"dL/dW": "wrong"},
        {"dL/dW": ["factor-left-out"]},
        never=["input-left-out"],
    ),
    "through a dead unit, as W for H would": Case(  # Xᵀ (δ ⊙ 1{H > 0}) = 9 0; 3 0
        SQUARE,
        "H: [[0, 0], [2, 0]], L: 4, dL/dH: [[1, 1], [3, 1]], dL/dW: [[10, 0], [5, 0]]",
        {"dL/dW": "wrong"},
    ),
    "a weight matrix that is not square": Case(
        OBLONG,
        "H: [[1, 0], [0.5, 2], [1.5, 1]], L: 8.5, dL/dH: [[2, 0], [1, 4], [3, 2]], "
        "dL/dW: [[9.5, 6.1], [10.1, 12.1]]",
        {"dL/dW": "wrong"},
    ),
    "three units of two inputs": Case(  # row 3 is 15, 30, not 15, 31; row 2 is dead
        VECTOR,
        "h: [3, 0, 2], yhat: 9, L: 12.5, dL/dyhat: 5, dL/dv: [15, 0, 10], dL/dh: [5, 10, 15], "
        "dL/dW: [[5, 10], [10, 20], [15, 31]]",
        {"dL/dW": "wrong"},
    ),
    "a gradient to every entry of a window": Case(
        POOLED,
        "P: [[4, 5], [6, 3]], dL/dX: [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]",
        {"dL/dX": "wrong"},
        never=["decimal-slip"],
    ),
    "a gradient to the largest of a window": Case(
        POOLED,
        "P: [[4, 5], [6, 3]], dL/dX: [[0, 0, 0, 0], [1, 0, 0, 2], [0, 0, 4, 0], [0, 3, 0, 0]]",
    ),
    "a short exact value excuses nothing": Case(  # 0.5 + 1.0513 · 0.5 = 1.02565
        NOISE, "a: 0.5, z: 1.0726", {"z": "wrong"}
    ),
    "the variance for its root": Case(NOISE, "a: 0.5, z: 1.0526", {"z": "wrong"}),
    "a product cut off beside it": Case(NOISE, "a: 0.5, z: 1.0256"),
    "a mask forgotten": Case(
        MASK,
        "h: [1, 1, 4, 2], d: [2, 2, 8, 4]",
        {"d": "wrong"},
        never=["decimal-slip"],
    ),
    "a function that adds a number to itself": Case(
        "x: [1, 2]\ny: [1, 0]\nlayers: [{weights: [[1, 0], [2, 1]], "
        "activation: {formula: z + z}}]\nloss: squared-error\nask: [Z1, Yhat]",
        "Z1: [1, 4], Yhat: [7.77, 3.1]",
        {"Yhat": "wrong"},
    ),
    "a column of weights in one formula": Case(  # 1{A x > 0} xᵀ = 0; 2.9
        "values: {A: [[-4], [3]], x: [2.9]}\nequations: [q = relu(A @ x), L = sum(q)]\n"
        "ask: [dL/dA]",
        "dL/dA: [[7.77], [7.7]]",
        {"dL/dA": "wrong"},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_it_is_judged(name: str) -> None:
    case = CASES[name]
    results = graded(case.problem, case.answers)
    typed = {id: found.verdict for id, found in results.items() if found.verdict != "missing"}
    assert typed == {id: case.verdicts.get(id, "correct") for id in typed}
    assert case.verdicts.keys() <= typed.keys()


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.named or case.never])
def test_what_it_is_called(name: str) -> None:
    case = CASES[name]
    results = graded(case.problem, case.answers)
    for id, names in case.named.items():
        assert set(results[id].slips) & set(names)
    for found in results.values():
        assert not set(found.slips) & set(case.never)


SHIFTED = """
values:
  X: [[5, 1, 0], [2, 4, 3], [0, 2, 4]]
  K: [[2, 1], [1, 1]]
  A: [[1, 0, 0], [0, 1, 0]]
  B: [[0, 1, 0], [0, 0, 1]]
equations:
  - Z = K[1,1] * (A @ X @ A.T) + K[1,2] * (A @ X @ B.T)
      + K[2,1] * (B @ X @ A.T) + K[2,2] * (B @ X @ B.T)
upstream: {Z: [[1, 0], [1, 2]]}
train: [K]
ask: [Z, dL/dK]
"""


def test_a_convolution_by_shifts() -> None:
    """Every position of the kernel adds up what is under it."""
    picture, upstream = np.array([[5, 1, 0], [2, 4, 3], [0, 2, 4]]), np.array([[1, 0], [1, 2]])
    windows = [[picture[i : i + 2, j : j + 2] for j in range(2)] for i in range(2)]
    right = [[int((window * upstream).sum()) for window in row] for row in windows]
    for values, verdict in ((right, "correct"), ([[1, 2], [3, 4]], "wrong")):
        found = graded(SHIFTED, f"Z: [[17, 9], [10, 17]], dL/dK: {values}")
        assert (found["Z"].verdict, found["dL/dK"].verdict) == ("correct", verdict)

"""Worked examples of well-known tutorials: their own figures, with their own rounding, as a sheet.

The figures are as printed there. None of them may be wrong on a sheet, and all are the program's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import backprop_cli as backprop

HMKCODE = """
convention: {affine: x W + b}
x: [2, 3]
y: [1]
layers: [{weights: [[0.11, 0.12], [0.21, 0.08]]}, {weights: [[0.14], [0.15]]}]
loss: half-squared-error
update: {rule: sgd, learning_rate: 0.05}
"""
LOGISTIC = """
x: [3, 2]
y: [1]
layers: [{weights: [[0, 0]], bias: [0], activation: sigmoid}]
loss: binary-cross-entropy
update: {rule: sgd, learning_rate: 0.1}
"""
MICROGRAD = """
values: {a: -4, b: 2}
equations:
  - c1 = a + b
  - d1 = a * b + b^3
  - c2 = c1 + c1 + 1
  - c3 = c2 + 1 + c2 + (-a)
  - d2 = d1 + d1 * 2 + relu(b + a)
  - d3 = d2 + 3 * d2 + relu(b - a)
  - e1 = c3 - d3
  - f = e1^2
  - g = f / 2 + 10 / f
ask: [g, dg/da, dg/db]
"""
STAGES = """
values: {w0: 2, x0: -1, w1: -3, x1: -2, w2: -3}
equations:
  - d = w0 * x0 + w1 * x1 + w2
  - f = sigmoid(d)
ask: [d, f, df/dd, df/dw0, df/dx0, df/dw1, df/dx1, df/dw2]
"""
PERCEPTRON = """
convention: {bias: last, bias_input: -1}
x: [[0, 0], [0, 1], [1, 0], [1, 1]]
y: [0, 1, 1, 1]
layers: [{weights: [[0, 0, 0]], activation: step}]
update: {rule: perceptron, learning_rate: 0.5, steps: 5, batches: [[1], [2], [3], [4]]}
ask: [W1_new, W1_new@2, W1_new@3, W1_new@4, W1_new@5]
"""
ADAM = """
values: {theta: 5}
equations: [f = theta^2]
train: [theta]
update: {rule: adam, learning_rate: 0.1}
ask: [df/dtheta, m_theta, v_theta, mhat_theta, vhat_theta, theta_new]
"""
STATQUEST = """
convention: {affine: x W + b}
x: [[0], [0.5], [1]]
y: [0, 1, 0]
layers:
  - {weights: [[3.34, -3.53]], bias: [-1.43, 0.57], activation: softplus, train: false}
  - {weights: [[-1.22], [-2.30]], bias: [0], train: [bias]}
loss: {name: squared-error, over_samples: sum}
update: {rule: sgd, learning_rate: 0.1, steps: 2}
ask: [dL/db2, b2_new, dL/db2@2, b2_new@2]
grading: {precision: {significant: 3}}
"""

ONE_UNIT_EACH = """
convention: {affine: x W + b}
x: [0.5, 0.8]
y: [1]
layers:
  - {weights: [[0.1, 0.3], [0.2, 0.4]], bias: [0.1, 0.1], activation: relu}
  - {weights: [[0.5], [0.6]], bias: [0.1], activation: sigmoid}
loss: half-squared-error
"""
TWO_SAMPLES = """
x: [[1.5, 2.0], [-0.8, 1.2]]
y: [[1], [0]]
layers:
  - {weights: [[0.6, -0.4], [-0.2, 0.8], [0.5, 0.3]], bias: [0.2, -0.1, 0], activation: relu}
  - {weights: [[0.7, -0.3, 0.9]], bias: [0.1], activation: sigmoid}
loss: binary-cross-entropy
"""
BINARY_SIGMOID = """
x: [0, 1]
y: [1]
layers:
  - {weights: [[0.3, -0.1], [-0.3, 0.4]], bias: [0.6, 0.5], activation: sigmoid}
  - {weights: [[0.4, 0.1]], bias: [-0.2], activation: sigmoid}
loss: half-squared-error
update: {rule: sgd, learning_rate: 0.25}
"""
NEXT_NUMBER = """
input: sequence
x: [[1], [2], [3]]
y: [4]
layers:
  - type: lstm
    input_weights: {f: 0.5, i: 0.6, g: 0.7, o: 0.8}
    recurrent_weights: {f: 0.1, i: 0.2, g: 0.3, o: 0.4}
    at: last-step
  - {weights: [[4]]}
loss: squared-error
"""
GATED = """
input: sequence
x: [[1, 0.5]]
layers:
  - type: gru
    update_gate: replaces
    input_weights: {z: "0.3 0.2; 0.1 0.5", r: "0.2 0.4; 0.4 0.1", h: "0.5 0.1; 0.2 0.3"}
    recurrent_weights: {z: "0.1 0.4; 0.3 0.2", r: "0.3 0.1; 0.2 0.3", h: "0.2 0.3; 0.4 0.1"}
"""
HEAVY_BALL = """
values: {x: 10}
equations: [f = (x - 4)^2]
train: [x]
update: {rule: momentum, learning_rate: 0.2, steps: 4}
"""
AVERAGED = """
values: {w: 10}
equations: [F = w^2 - 6*w + 1971]
train: [w]
update: {rule: momentum, form: ewma, learning_rate: 0.01, steps: 3}
ask: [F, w_new, F@2, w_new@2]
"""
RMSPROP = """
values: {w: [-5, -2]}
equations: ["f = 0.1*w[1]^2 + 2*w[2]^2"]
train: [w]
update: {rule: rmsprop, learning_rate: 0.3, beta: 0.9, epsilon: 1e-6, steps: 3}
"""
QUARTIC = """
values: {w: [4, 4]}
equations: ["f = w[1]^4 + 0.8*w[2]^4 + 4*w[1]^2 + 2*w[2]^2 - w[1]*w[2] - 0.2*w[1]^2*w[2]"]
train: [w]
update: {rule: newton}
ask: [d2f/dw2, df/dw]
"""
ROOT = """
values: {x: 0}
equations: [g = x^2/2 - sin(x)]
train: [x]
update: {rule: newton, steps: 3}
ask: [x_new, x_new@2, x_new@3]
"""
RADIAL = """
values: {X: "0 0; 0 1; 1 0; 1 1", c1: [1, 1], c2: [0, 0], one: [1, 1, 1, 1], y: [0, 1, 0, 1]}
equations:
  - p1 = exp(-sum((X - row(c1))^2, axis=1))
  - p2 = exp(-sum((X - row(c2))^2, axis=1))
  - F = concat(column(one), column(p1), column(p2), axis=1)
  - G = F.T @ F
  - M = inv(G)
  - q = F.T @ y
  - w = M @ q
upstream: {w: [1, 1, 1]}
"""
RETURNS = """
values:
  X: [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
  W: [[-0.197, 0.093], [-0.140, 0.161], [0.116, -0.133]]
  A: [[0, 1], [0, 1], [0, 1]]
  R: [0.572125, 0.7075, 0.85, 1]
equations:
  - G = (R - mean(R)) / sqrt(var(R))
  - P = softmax(X @ W, axis=1)
  - J = sum(G[1:3] * sum(A * log(P), axis=1))
train: [W]
ask: [G, P, dJ/dW]
grading: {precision: {decimals: 2}}
"""
LAYER_NORM = """
convention: {affine: x W + b}
x: [[0.5, -1.2, 3.3, 0.8, -0.5], [2.0, -0.7, 1.2, -3.5, 0.6]]
layers: [{type: layer-norm, epsilon: 1e-5}]
"""
ATTENTION = """
values: {X: [[1, 0, 1, 0], [0, 1, 0, 1], [1, 1, 0, 0]]}
equations:
  - O = attention(X, X, X)
upstream: {O: [[1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]]}
"""
CORNER = """
values: {X: [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11], [12, 13, 14, 15]], W: [[1, 2], [3, 4]]}
equations:
  - Z = conv(X, W)
upstream: {Z: [[1, 0, 0], [0, 0, 0], [0, 0, 0]]}
"""
FROM_ABOVE = """
values: {z: [3, -2], W: [[5, 1], [1, 2]]}
equations: [a = relu(z), u = W.T @ a]
upstream: {u: [-3, 1]}
"""
DIAMOND = """
values: {a: 2, b: 3, c: 4}
equations: [e = a*b + c, f = a - c, L = e*f]
ask: [L, dL/da, dL/db, dL/dc]
"""
SCORES = """
values: {z: [1, 2, 3], y: [1, 0, 0]}
equations:
  - p = softmax(z)
  - L = cross_entropy(p, y)
train: [z]
"""

TUTORIALS: dict[str, tuple[str, dict[str, Any]]] = {
    "two linear layers": (
        HMKCODE,
        {
            "H1": ["0.85", "0.48"],
            "Yhat": ["0.191"],
            "L": "0.327",
            "dL/dZ2": ["-0.809"],
            "W2_new": [["0.17"], ["0.17"]],
            "W1_new": [["0.12", "0.13"], ["0.23", "0.10"]],
        },
    ),
    "a step of logistic regression": (
        LOGISTIC,
        {
            "Yhat": ["0.5"],
            "dL/dW1": [["-1.5", "-1.0"]],
            "dL/db1": ["-0.5"],
            "W1_new": [["0.15", "0.1"]],
            "b1_new": [".05"],
        },
    ),
    "an engine of scalars": (MICROGRAD, {"g": "24.7041", "dg/da": "138.8338", "dg/db": "645.5773"}),
    "a neuron in stages": (
        STAGES,
        {
            "d": "1.00",
            "f": "0.73",
            "df/dd": "0.20",
            "df/dw0": "-0.20",
            "df/dx0": "0.39",
            "df/dw1": "-0.39",
            "df/dx1": "-0.59",
            "df/dw2": "0.20",
        },
    ),
    "a perceptron that learns or": (
        PERCEPTRON,
        {
            "W1_new": [["0", "0", ".5"]],
            "W1_new@2": [["0", ".5", "0"]],
            "W1_new@3": [["0", ".5", "0"]],
            "W1_new@4": [["0", ".5", "0"]],
            "W1_new@5": [["0", ".5", ".5"]],
        },
    ),
    "the first step of Adam": (
        ADAM,
        {
            "df/dtheta": "10",
            "m_theta": "1",
            "v_theta": "0.1",
            "mhat_theta": "10",
            "vhat_theta": "100",
            "theta_new": "4.9",
        },
    ),
    "a bias found by descent": (
        STATQUEST,
        {"dL/db2": ["-15.7"], "b2_new": ["1.57"], "dL/db2@2": ["-6.26"], "b2_new@2": ["2.19"]},
    ),
    "a unit of each kind": (
        ONE_UNIT_EACH,
        {"Z1": ["0.31", "0.57"], "Z2": ["0.597"], "Yhat": ["0.6449"], "L": "0.0631"},
    ),
    "two samples": (
        TWO_SAMPLES,
        {
            "Z1": [["0.3", "-0.76"], ["1.2", "1.02"], ["1.35", "-0.04"]],
            "H1": [["0.3", "0"], ["1.2", "1.02"], ["1.35", "0"]],
            "Z2": [["1.165", "-0.206"]],
            "Yhat": [["0.762", "0.449"]],
            "L": "0.434",
        },
    ),
    "all new weights": (
        BINARY_SIGMOID,
        {
            "W2_new": [["0.4182", "0.1208"]],
            "b2_new": ["-0.1707"],
            "b1_new": ["0.6028", "0.5006"],
            "W1_new": [["0.3", "-0.0972"], ["-0.3", "0.4006"]],
        },
    ),
    "the number after three": (NEXT_NUMBER, {"Yhat": ["3.483"]}),
    "gates": (GATED, {"z1_1": ["0.599", "0.587"], "r1_1": ["0.599", "0.611"]}),
    "a ball that rolls past": (
        HEAVY_BALL,
        {
            "v_x": "-2.4",
            "x_new": "7.6",
            "v_x@2": "-3.6",
            "x_new@2": "4.0",
            "df/dx@3": "0",
            "v_x@3": "-3.24",
            "x_new@3": "0.76",
            "v_x@4": "-1.62",
            "x_new@4": "-0.86",
            "df/dx@4": "-6.48",
        },
    ),
    "an average of gradients": (
        AVERAGED,
        {"F": "2011.0000", "F@2": "2010.8042", "w_new@2": "9.9594", "w_new": "9.9860"},
    ),
    "three steps of RMSProp": (
        RMSPROP,
        {
            "w_new@2": ["-3.435195", "-0.591524"],
            "w_new@3": ["-2.958935", "-0.329440"],
            "w_new": ["-4.051320", "-1.051317"],
        },
    ),
    "a Hessian of a quartic": (
        QUARTIC,
        {"d2f/dw2": [["198.4", "-2.6"], ["-2.6", "157.6"]], "df/dw": ["277.6", "213.6"]},
    ),
    "a root by Newton": (
        ROOT,
        {"x_new@2": "0.750363867840244", "x_new@3": "0.739112890911362", "x_new": "1"},
    ),
    "radial units": (
        RADIAL,
        {
            "p1": ["0.1353", "0.3678", "0.3678", "1"],
            "p2": ["1", "0.3678", "0.3678", "0.1353"],
            "q": ["2", "1.3678", "0.5031"],
            "w": ["0.5", "0.5782", "-0.5782"],
        },
    ),
    "returns and a policy": (
        RETURNS,
        {
            "G": ["-1.32", "-0.47", "0.42", "1.37"],
            "P": [["0.428", "0.572"], ["0.425", "0.575"], ["0.562", "0.438"]],
            "dJ/dW": [["0.565", "-0.565"], ["0.199", "-0.199"], ["-0.236", "0.236"]],
        },
    ),
    "a norm over a layer": (
        LAYER_NORM,
        {
            "mu1": ["0.58", "-0.08"],
            "var1": ["2.3576", "3.7016"],
            "Yhat": [
                ["-0.0521020", "-1.1592685", "1.7714664", "0.1432804", "-0.7033764"],
                ["1.0811053", "-0.3222525", "0.6652956", "-1.7775866", "0.3534383"],
            ],
        },
    ),
    "attention without weights": (
        ATTENTION,
        {
            "S_O": [["1", "0", "0.5"], ["0", "1", "0.5"], ["0.5", "0.5", "1"]],
            "A_O": [
                ["0.506", "0.186", "0.307"],
                ["0.186", "0.506", "0.307"],
                ["0.274", "0.274", "0.452"],
            ],
        },
    ),
    "one position of a convolution": (
        CORNER,
        {
            "dL/dX": [["1", "2", "0", "0"], ["3", "4", "0", "0"], ["0"] * 4, ["0"] * 4],
            "dL/dW": [["0", "1"], ["4", "5"]],
        },
    ),
    "through a dead unit": (
        FROM_ABOVE,
        {"dL/da": ["-14", "-1"], "dL/dz": ["-14", "0"], "dL/dW": [["-9", "3"], ["0", "0"]]},
    ),
    "two ways to a number": (DIAMOND, {"L": "-20", "dL/da": "4", "dL/db": "-4", "dL/dc": "-12"}),
    "scores of three classes": (SCORES, {"dL/dz": ["-0.91", "0.2447", "0.6652"]}),
}
FROM_ROUNDED = {"q", "dJ/dW"}
"""Worked out from figures so rounded that they are more than a unit off."""

each = pytest.mark.parametrize(("text", "figures"), TUTORIALS.values(), ids=TUTORIALS.keys())


def unit(text: str) -> float:
    return float(10.0 ** -len(text.partition(".")[2]))


@each
def test_the_program_has_the_figures_printed(text: str, figures: dict[str, Any]) -> None:
    """To one unit of their last digit: some were worked out from rounded ones."""
    problem = backprop.load(text)
    for id, typed in figures.items():
        if id in FROM_ROUNDED:
            continue
        name, _, step = id.partition("@")
        found = np.asarray(problem.solve(at=int(step or 1))[name])
        printed = np.asarray(typed).astype(float)
        room = np.vectorize(unit)(np.asarray(typed))
        assert np.all(np.abs(found - printed) <= room * 1.05), (id, found)


@each
def test_a_sheet_as_it_is_printed_has_nothing_wrong(text: str, figures: dict[str, Any]) -> None:
    report = backprop.load(text).check(dict(figures))
    assert report.first_wrong is None
    assert {report[id].verdict for id in figures} <= {"correct", "imprecise"}


@each
def test_a_figure_with_the_sign_lost_is_found(text: str, figures: dict[str, Any]) -> None:
    """In the last gradient of the sheet, so that all before it is right."""
    gradients = [id for id in figures if id.startswith("d")]
    id = gradients[-1] if gradients else [*figures][-1]
    turned = np.vectorize(lambda one: one[1:] if one.startswith("-") else f"-{one}")(figures[id])
    report = backprop.load(text).check({**figures, id: turned.tolist()})
    assert report.first_wrong == id


# What no update changes ---------------------------------------------------------------------------


def later_slopes(h: np.ndarray[Any, Any], digits: int) -> dict[str, Any]:
    """The steps of that bias from outputs of the frozen layer as somebody wrote them."""
    y, bias, found = np.array([0, 1, 0]), 0.0, {}
    for step in ("", "@2"):
        slope = 2 * np.sum(h @ [-1.22, -2.30] + bias - y)
        found[f"dL/db2{step}"] = [f"{slope:.{digits}f}"]
        bias -= 0.1 * float(found[f"dL/db2{step}"][0])
        found[f"b2_new{step}"] = [f"{bias:.{digits}f}"]
        bias = float(found[f"b2_new{step}"][0])
    return found


def test_a_frozen_layer_is_worked_out_once_and_used_at_every_step() -> None:
    """Two decimals of H1, cut off at the first step, stand behind all that follows."""
    text = STATQUEST.replace("ask: [", "ask: [H1, ").replace("{significant: 3}", "{decimals: 2}")
    z = np.array([[0], [0.5], [1]]) @ [[3.34, -3.53]] + [-1.43, 0.57]
    h = np.trunc(100 * np.log1p(np.exp(z))) / 100
    sheet = {"H1": [[f"{one:.2f}" for one in row] for row in h], **later_slopes(h, 5)}
    report = backprop.load(text).check(sheet)
    assert {report[id].verdict for id in sheet} == {"correct"}
    own = float(sheet["dL/db2@2"][0])
    off = {**sheet, "dL/db2@2": [f"{own + 0.3:.5f}"]}
    assert backprop.load(text).check(off)["dL/db2@2"].verdict == "wrong"


# What is wrong in them ----------------------------------------------------------------------------

TWICE = """
x: [1]
y: [0]
layers: [{weights: [[0.5]], activation: relu}, {weights: [[0.5]], activation: sigmoid}]
loss: binary-cross-entropy
"""
SQUARE = """
x: [4]
y: [0]
layers:
  - {weights: [[1], [1], [-1]], activation: relu}
  - {weights: [[0.5, 1, 2]], activation: sigmoid}
loss: squared-error
"""
FOURTH = """
x: [3]
y: [0]
layers: [{weights: [[0.2]], bias: [0.1], activation: sigmoid}]
loss: binary-cross-entropy
"""
SHIFTED = RADIAL.replace("y: [0, 1, 0, 1]", "y: [0, 1, 1, 0]")
BEHIND = {"H1": ["0.5"], "Z2": ["0.25"], "Yhat": ["0.562"], "dL/dZ2": ["0.138"]}


@pytest.mark.parametrize(
    ("text", "figures", "first", "slip"),
    [
        (TWICE, {**BEHIND, "dL/dW2": ["0.069"]}, "dL/dZ2", "softmax-shortcut-misused"),
        (SQUARE, {"Yhat": ["0.9975"], "L": "0.9975"}, "L", "power-left-out"),
        (FOURTH, {"Z1": ["0.7"], "Yhat": ["0.6682"], "L": "1.1015"}, "L", None),
        (
            SHIFTED,
            {
                "M": [
                    ["5.7274", "-5.8553", "-5.8553"],
                    ["5.8553", "6.9281", "5.5907"],
                    ["-5.8553", "5.5907", "6.9281"],
                ]
            },
            "M",
            "sign-lost",
        ),
    ],
    ids=["a slope taken twice", "an error not squared", "a logarithm misread", "a sign"],
)
def test_what_is_wrong_in_them_is_placed(
    text: str, figures: dict[str, Any], first: str, slip: str | None
) -> None:
    if first == "M":  # of the rounded sums that stand before it
        sums = [["4", "1.8709", "1.8709"], ["1.8709", "1.2889", "0.5412"]]
        figures = {"G": [*sums, ["1.8709", "0.5412", "1.2889"]], **figures}
    report = backprop.load(text).check(figures)
    assert report.first_wrong == first
    assert slip in report[first].slips if slip else not report[first].slips
    later = [id for id in figures if id == "dL/dW2"]
    assert all(report[id].verdict == "carried" for id in later)

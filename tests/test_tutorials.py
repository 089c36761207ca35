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
}
each = pytest.mark.parametrize(("text", "figures"), TUTORIALS.values(), ids=TUTORIALS.keys())


def unit(text: str) -> float:
    return float(10.0 ** -len(text.partition(".")[2]))


@each
def test_the_program_has_the_figures_printed(text: str, figures: dict[str, Any]) -> None:
    """To one unit of their last digit: some were worked out from rounded ones."""
    problem = backprop.load(text)
    for id, typed in figures.items():
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
    id = gradients[-1] if gradients else "W1_new"
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

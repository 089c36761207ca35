"""Exercises that people worked out in public, in letters, notes and answers: their own figures.

Each sheet is as printed there, with its rounding; what is not right in them is told apart from what
is, and the right values of these are worked out here in plain NumPy.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import backprop_cli as backprop
from backprop_cli.cli import main

EXAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "sigmoid into a linear unit": (
        """
x: [1]
y: [1]
layers:
  - {weights: [[0.5]], bias: [0], activation: sigmoid}
  - {weights: [[1.0]], bias: [0]}
loss: squared-error
update: {rule: sgd, learning_rate: 0.5}
""",
        {
            "Z1": "0.5",
            "H1": ["0.6225"],
            "Yhat": ["0.6225"],
            "L": "0.1425",
            "dL/dYhat": ["-0.755"],
            "dL/dW2": "-0.470",
            "dL/db2": ["-0.755"],
            "dL/dH1": ["-0.755"],
            "dL/dZ1": ["-0.177"],
            "dL/dW1": "-0.177",
            "dL/db1": ["-0.177"],
            "W1_new": "0.5885",
            "b1_new": ["0.0885"],
            "W2_new": "1.235",
            "b2_new": ["0.3775"],
            "L_new": "0.04",
        },
    ),
    "a dead unit under a sigmoid": (
        """
x: [1, 2]
y: [1]
layers:
  - {weights: [[0.5, -1], [1, 0.5]], bias: [0, 0.5], activation: relu}
  - {weights: [[1, 0.8]], bias: [-1], activation: sigmoid}
loss: binary-cross-entropy
update: {rule: sgd, learning_rate: 0.5}
""",
        {
            "Z1": "-1.5 2.5",
            "H1": "0 2.5",
            "Z2": ["1.0"],
            "Yhat": ["0.7311"],
            "dL/dZ2": ["-0.2689"],
            "dL/dW2": "0 -0.6724",
            "dL/db2": ["-0.2689"],
            "dL/dH1": "-0.2689 -0.2152",
            "dL/dZ1": "0 -0.2152",
            "dL/dW1": "0 0; -0.2152 -0.4303",
            "dL/db1": "0 -0.2152",
            "W2_new": "1 1.1362",
            "b2_new": ["-0.8655"],
            "b1_new": "0 0.6076",
            "L_new": "0.0645",
        },
    ),
    "one neuron": (
        """
x: [2, 3]
y: [1]
layers:
  - {weights: [[0.5, -0.2]], bias: [1], activation: sigmoid}
loss: half-squared-error
update: {rule: sgd, learning_rate: 0.1}
""",
        {
            "Z1": ["1.4"],
            "Yhat": ["0.802"],
            "dL/dYhat": ["-0.198"],
            "dL/dW1": "-0.0626 -0.0939",
            "dL/db1": ["-0.0313"],
            "W1_new": "0.506 -0.191",
            "b1_new": ["1.003"],
        },
    ),
    "three units at a half": (
        """
x: [0.5]
y: [1]
layers:
  - {weights: [[1.70], [-1.70]], bias: [-0.85, 0.85], activation: sigmoid}
  - {weights: [[1, -1]], bias: [0], activation: sigmoid}
loss: half-squared-error
update: {rule: sgd, learning_rate: 0.1}
""",
        {
            "Z1": "0 0",
            "H1": "0.5 0.5",
            "Z2": ["0"],
            "Yhat": ["0.5"],
            "L": "0.125",
            "dL/dZ2": ["-0.125"],
            "dL/db2": ["-0.125"],
            "dL/dW2": "-0.0625 -0.0625",
            "dL/dZ1": "-0.03125 0.03125",
            "dL/dW1": "-0.015625; 0.015625",
            "dL/db1": "-0.03125 0.03125",
        },
    ),
    "one unit behind the other": (
        """
x: [1]
y: [1]
layers:
  - {weights: [[0.5]], bias: [0], activation: sigmoid}
  - {weights: [[1]], bias: [0], activation: sigmoid}
loss: binary-cross-entropy
update: {rule: sgd, learning_rate: 0.5}
""",
        {
            "H1": ["0.6225"],
            "Yhat": ["0.6508"],
            "L": "0.4296",
            "dL/dZ2": ["-0.3492"],
            "dL/dW2": "-0.2174",
            "dL/dZ1": ["-0.0821"],
            "dL/dW1": "-0.0821",
            "W2_new": "1.1087",
            "b2_new": ["0.1746"],
            "W1_new": "0.5410",
            "b1_new": ["0.0410"],
            "L_new": "0.3453",
        },
    ),
    "an exercise of four weights": (
        """
x: [1, 0.5]
y: [4]
layers:
  - {weights: [[0.5, 1.5], [2.3, 3]], activation: relu}
  - {weights: [[1, 1]], activation: relu}
loss: half-squared-error
update: {rule: sgd, learning_rate: 0.1}
""",
        {
            "Z1": "1.25 3.8",
            "H1": "1.25 3.8",
            "Z2": ["5.05"],
            "Yhat": ["5.05"],
            "L": "0.55125",
            "dL/dZ2": ["1.05"],
        },
    ),
    "an average of slopes": (
        """
values: {w: 1}
equations: [L = w^2]
train: [w]
update: {rule: momentum, form: ewma, learning_rate: 0.1, steps: 2}
""",
        {
            "dL/dw": "2",
            "v_w": "0.2",
            "w_new": "0.98",
            "dL/dw@2": "1.96",
            "v_w@2": "0.376",
            "w_new@2": "0.9424",
        },
    ),
    "a rate that shrinks": (
        """
values: {w: 1}
equations: [L = w^2]
train: [w]
update: {rule: adagrad, learning_rate: 0.1, steps: 2}
""",
        {
            "dL/dw": "2",
            "G_w": "4",
            "w_new": "0.9",
            "dL/dw@2": "1.8",
            "G_w@2": "7.24",
            "w_new@2": "0.833",
        },
    ),
    "three steps of Adam": (
        """
values: {theta: 1}
equations: [L = theta^2/2]
train: [theta]
update: {rule: adam, learning_rate: 0.1, steps: 3}
""",
        {
            "dL/dtheta": "1.0",
            "m_theta": "0.1",
            "v_theta": "0.001",
            "mhat_theta": "1.0",
            "vhat_theta": "1.0",
            "theta_new": "0.9",
            "dL/dtheta@2": "0.9",
            "m_theta@2": "0.18",
            "v_theta@2": "0.001809",
            "mhat_theta@2": "0.947",
            "vhat_theta@2": "0.905",
            "theta_new@2": "0.800",
            "dL/dtheta@3": "0.800",
            "m_theta@3": "0.242",
            "v_theta@3": "0.002447",
            "mhat_theta@3": "0.893",
            "vhat_theta@3": "0.8166",
            "theta_new@3": "0.701",
        },
    ),
    "exactly at the edge": (
        """
x: [1, 0]
y: {labels: [2], classes: 2}
layers:
  - {weights: [[1, 0], [0, 1]], bias: [0, 0], activation: relu}
  - {weights: [[1, 2], [3, 4]], bias: [0, 0], activation: softmax}
loss: cross-entropy
update: {rule: sgd, learning_rate: 0.1}
""",
        {
            "Z1": "1 0",
            "H1": "1 0",
            "Z2": "1 3",
            "Yhat": "0.119 0.881",
            "dL/dZ2": "0.119 -0.119",
            "dL/dW2": "0.119 0; -0.119 0",
            "dL/dH1": "-0.238 -0.238",
            "dL/dZ1": "-0.238 0",
            "dL/dW1": "-0.238 0; 0 0",
            "dL/db1": "-0.238 0",
            "W2_new": "0.988 2; 3.012 4",
            "W1_new": "1.024 0; 0 1",
        },
    ),
    "one unit over three steps": (
        """
values: {x: [1, 2, 3], y: [0.5, 1, 1.5], Wxh: 0.5, Whh: 0.1, Why: 1, h_0: 0}
equations:
  - for t in 1..3:
      - a_t = Wxh * x[t] + Whh * h_{t-1}
      - h_t = tanh(a_t)
      - o_t = Why * h_t
  - L = sum(t in 1..3, (o_t - y[t])^2) / 2
train: [Wxh, Whh, Why]
update: {rule: sgd, learning_rate: 0.1}
""",
        {
            "a_1": "0.5000",
            "h_1": "0.4621",
            "o_1": "0.4621",
            "a_2": "1.0462",
            "h_2": "0.7803",
            "o_2": "0.7803",
            "a_3": "1.5780",
            "h_3": "0.9183",
            "o_3": "0.9183",
            "L": "0.1940",
            "dL/do_3": "-0.5817",
            "dL/dh_3": "-0.5817",
            "dL/da_3": "-0.09117",
            "dL/do_2": "-0.2197",
            "dL/dh_2": "-0.2288",
            "dL/da_2": "-0.08948",
            "dL/do_1": "-0.03788",
            "dL/dh_1": "-0.04683",
            "dL/da_1": "-0.03683",
            "dL/dWxh": "-0.48930",
            "dL/dWhh": "-0.11249",
            "dL/dWhy": "-0.72310",
            "Wxh_new": "0.54893",
            "Whh_new": "0.11125",
            "Why_new": "1.07231",
        },
    ),
    "a state by what it is made of": (
        """
values: {x: [1, 1, 1], Wxh: 0.8, Whh: 0.5, h_0: 0}
equations:
  - for t in 1..3:
      - h_t = tanh(Whh * h_{t-1} + Wxh * x[t])
differentiate: h_3
train: [Whh, Wxh]
""",
        {
            "h_1": "0.66404",
            "h_2": "0.81171",
            "h_3": "0.83543",
            "dh_3/dWhh": "0.279391",
            "dh_3/dWxh": "0.367975",
        },
    ),
    "a kernel by hand": (
        """
values: {X: [[1, 2, 0], [0, 3, 1], [2, 1, 0]], K: [[1, 0], [0, -1]], T: [[-2, 0], [0, 1]]}
equations:
  - Y = conv(X, K)
  - L = sum((Y - T)^2) / 2
""",
        {
            "Y": "-2 1; -1 3",
            "dL/dY": "0 1; -1 2",
            "dL/dK": "8 -1; 3 0",
            "dL/dX": "0 1 0; -1 2 -1; 0 1 -2",
        },
    ),
    "attention whose outputs are added up": (
        """
values: {Q: "1 0; 0 1", K: "1 0; 0 1; 1 1", V: "1 0; 0 1; 0.5 0.5"}
equations:
  - S = Q @ K.T / sqrt(2)
  - A = softmax(S, axis=1)
  - O = A @ V
  - L = sum(O)
""",
        {
            "S": "0.707 0 0.707; 0 0.707 0.707",
            "A": "0.401 0.198 0.401; 0.198 0.401 0.401",
            "dL/dO": "1 1; 1 1",
            "dL/dV": "0.5989 0.5989; 0.5989 0.5989; 0.8022 0.8022",
            "dL/dA": "1 1 1; 1 1 1",
            "dL/dS": "0 0 0; 0 0 0",
            "dL/dQ": "0 0; 0 0",
            "dL/dK": "0 0; 0 0; 0 0",
        },
    ),
    "a unit that is off": (
        """
x: [2, -1]
y: [1]
layers:
  - {weights: [[1, 0], [-1, 1]], bias: [0, 0], activation: relu}
  - {weights: [[1, -2]], bias: [0.5]}
loss: half-squared-error
""",
        {
            "Z1": "2 -3",
            "H1": "2 0",
            "Yhat": ["2.5"],
            "L": "1.125",
            "dL/dZ2": ["1.5"],
            "dL/dW2": "3 0",
            "dL/db2": ["1.5"],
            "dL/dH1": "1.5 -3",
            "dL/dZ1": "1.5 0",
            "dL/db1": "1.5 0",
            "dL/dW1": "3 -1.5; 0 0",
        },
    ),
    "a norm over four numbers": (
        """
convention: {affine: x W + b}
x: [[2], [4], [6], [8]]
layers:
  - {type: batch-norm, scale: [1.5], shift: [0.5]}
""",
        {
            "mu1": ["5.0"],
            "var1": ["5.0"],
            "Xhat1": "-1.342; -0.447; 0.447; 1.342",
            "Yhat": "-1.513; -0.171; 1.171; 2.513",
        },
    ),
    "a norm of two features": (
        """
convention: {affine: x W + b}
x: [[1, 10], [3, 20], [5, 30]]
layers:
  - {type: batch-norm}
""",
        {
            "mu1": "3 20",
            "var1": "2.667 66.667",
            "Yhat": "-1.225 -1.225; 0 0; 1.225 1.225",
        },
    ),
    "two outputs in columns": (
        """
convention: {affine: x W + b}
x: [1, 4, 5]
y: [0.1, 0.05]
layers:
  - {weights: [[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]], bias: [0.5, 0.5], activation: sigmoid}
  - {weights: [[0.7, 0.8], [0.9, 0.1]], bias: [0.5, 0.5], activation: sigmoid}
loss: half-squared-error
update: {rule: sgd, learning_rate: 0.01}
""",
        {
            "Z1": "4.3 5.3",
            "H1": "0.9866 0.9950",
            "Z2": "2.086 1.389",
            "Yhat": "0.8896 0.8004",
            "dL/dYhat": "0.7896 0.7504",
            "dL/dZ2": "0.0776 0.1199",
            "dL/dZ1": "0.002 0.0004",
            "dL/dW1": "0.002 0.0004; 0.0079 0.0016; 0.0099 0.002",
            "dL/dW2": "0.0765 0.1183; 0.0772 0.1193",
            "dL/db1": "0.002 0.0004",
            "dL/db2": "0.0775 0.1199",
            "W1_new": "0.09998 0.1999; 0.29992 0.39998; 0.4999 0.59998",
            "W2_new": "0.6992 0.7988; 0.89923 0.0988",
            "b1_new": "0.49998 0.499995",
            "b2_new": "0.49922 0.49880",
        },
    ),
    "three steps of one neuron": (
        """
x: [[1, 2], [2, 3], [3, 1]]
y: [1, 0, 1]
layers: [{weights: [[0.5, -0.2]], bias: [0], activation: sigmoid}]
loss: mean-squared-error
update: {rule: sgd, learning_rate: 0.1, steps: 3}
ask: [L, L@2, L@3, W1_new@3, b1_new@3]
""",
        {
            "L": "0.21",
            "L@2": "0.2087",
            "L@3": "0.2076",
            "W1_new@3": "0.4892 -0.2301",
            "b1_new@3": "0.0029",
        },
    ),
    "a look ahead with a velocity": (
        """
values: {x: 1}
equations: [f = x^2/2]
train: [x]
update: {rule: nesterov, form: paper, learning_rate: 0.01, beta: 0.9, state: {v_x: -0.5}}
""",
        {
            "v_x": "-0.4555",
            "x_new": "0.5445",
        },
    ),
    "a rule in equations": (
        """
values: {x: 1, g: 0.1, u0: 1, v0: 1}
equations:
  - u = 0.95 * u0 + 0.05 * g^2
  - dx = -sqrt(v0 + 1e-6) / sqrt(u + 1e-6) * g
  - v = 0.95 * v0 + 0.05 * dx^2
  - p = x + dx
""",
        {
            "u": "0.9505",
            "v": "0.95053",
            "p": "0.89743",
        },
    ),
    "ten steps of three classes": (
        """
convention: {affine: x W, bias: first}
x: [[0.5, -1.2], [-0.3, 1.1], [0.8, -0.6]]
y: {labels: [1, 2, 3], classes: 3}
layers: [{weights: "0 0 0; 0 0 0; 0 0 0", activation: softmax}]
loss: {name: cross-entropy, over_samples: sum}
update: {rule: sgd, learning_rate: 0.01, steps: 10}
ask: [L, L@2, L@10, W1_new@10]
""",
        {
            "L": "3.2958",
            "L@2": "3.2611",
            "L@10": "3.011",
            "W1_new@10": "-0.0011 0.002 -0.0009; 0.0145 -0.0598 0.0453; -0.0921 0.1263 -0.0342",
        },
    ),
    "two episodes": (
        """
values: {theta: "0 0; 0 0", G1: [1, 1], G2: [0], N: 2}
equations:
  - P = softmax(theta, axis=1)
  - J = (G1[1] * ln(P[1,2]) + G1[2] * ln(P[2,1]) + G2 * ln(P[1,1])) / N
train: [theta]
""",
        {
            "dJ/dtheta": "-0.25 0.25; 0.25 -0.25",
        },
    ),
    "a line through two points": (
        """
convention: {affine: x W + b}
x: [[3], [5]]
y: [30, 50]
layers: [{weights: [[1]], bias: [1]}]
loss: half-squared-error
update: {rule: sgd, learning_rate: 0.01}
""",
        {
            "W1_new": "2.49",
            "b1_new": "1.35",
            "L_new": "439.7581",
        },
    ),
    "two losses at a saturated unit": (
        """
values: {z: -5, y: 1}
equations:
  - s = sigmoid(z)
  - M = (s - y)^2 / 2
  - B = -ln(s)
  - L = M + B
ask: [s, dM/dz, dB/dz]
""",
        {
            "s": "0.0067",
            "dM/dz": "-0.0066",
            "dB/dz": "-0.9933",
        },
    ),
    "an exam of four units": (
        """
x: [120]
y: {labels: [2], classes: 2}
layers:
  - {weights: [[-0.01], [0.1]], bias: [10, 0], activation: relu}
  - {weights: [[0.05, 0], [-0.01, 0.2]], bias: [4, 0], activation: softmax}
loss: cross-entropy
""",
        {
            "H1": "8.8 12",
            "Z2": "4.44 2.312",
            "Yhat": "0.8936 0.1064",
            "L": "2.2406",
        },
    ),
    "a heavy ball": (
        """
values: {theta: 4}
equations: [L = theta^2 / 2]
train: [theta]
update: {rule: momentum, form: accumulate, learning_rate: 0.1, beta: 0.9, steps: 3}
""",
        {
            "v_theta": "4.0",
            "theta_new": "3.6",
            "dL/dtheta@2": "3.6",
            "v_theta@2": "7.2",
            "theta_new@2": "2.88",
            "dL/dtheta@3": "2.88",
            "v_theta@3": "9.36",
            "theta_new@3": "1.944",
        },
    ),
    "a narrow valley": (
        """
values: {theta: [10, 1]}
equations: ["L = (theta[1]^2 + 10 * theta[2]^2) / 2"]
train: [theta]
update: {rule: momentum, learning_rate: 0.1, beta: 0.9, steps: 3}
""",
        {
            "dL/dtheta": "10 10",
            "v_theta": "-1 -1",
            "theta_new": "9 0",
            "L_new": "40.5",
            "dL/dtheta@2": "9 0",
            "v_theta@2": "-1.8 -0.9",
            "theta_new@2": "7.2 -0.9",
            "L@3": "29.97",
            "dL/dtheta@3": "7.2 -9",
        },
    ),
    "two units in columns": (
        """
convention: {affine: x W + b}
x: [1, 0.5]
y: [1]
layers:
  - {weights: [[0.3, 0.7], [0.5, -0.2]], bias: [0.1, -0.1], activation: relu}
  - {weights: [[0.6], [-0.4]], bias: [0.2], activation: sigmoid}
loss: binary-cross-entropy
update: {rule: sgd, learning_rate: 0.1}
""",
        {
            "Z1": "0.65 0.5",
            "H1": "0.65 0.5",
            "Z2": ["0.39"],
            "Yhat": ["0.5963"],
            "dL/dZ2": ["-0.4037"],
            "dL/dW2": "-0.2624; -0.2019",
            "dL/db2": ["-0.4037"],
            "dL/dH1": "-0.2422 0.1615",
            "dL/dZ1": "-0.2422 0.1615",
            "dL/dW1": "-0.2422 0.1615; -0.1211 0.0807",
            "dL/db1": "-0.2422 0.1615",
            "W2_new": "0.6262; -0.3798",
            "W1_new": "0.3242 0.6838; 0.5121 -0.2081",
        },
    ),
    "two squashed layers": (
        """
x: [0.5, -0.2]
y: [1]
layers:
  - {weights: [[0.3, -0.1], [0.2, 0.4]], bias: [0.1, -0.2], activation: tanh}
  - {weights: [[0.5, -0.3]], bias: [0.2], activation: tanh}
loss: squared-error
""",
        {
            "dL/dW2": "-0.28862383 0.19496791",
            "dL/db2": ["-1.09482791"],
            "dL/dH1": "-0.54741396 0.32844837",
            "dL/dZ1": "-0.50936975 0.31803236",
            "dL/dW1": "-0.25468488 0.10187395; 0.15901618 -0.06360647",
            "dL/db1": "-0.50936975 0.31803236",
        },
    ),
    "a neuron that is off the mark": (
        """
x: [1.5, -0.5]
y: [1]
layers: [{weights: [[-0.5, 0.8]], bias: [-0.1], activation: sigmoid}]
loss: squared-error
""",
        {
            "Z1": ["-1.250"],
            "Yhat": ["0.2227"],
            "L": "0.6042",
            "dL/dW1": "-0.4037 0.1346",
            "dL/db1": ["-0.2691"],
        },
    ),
    "a product of a sum": (
        """
values: {x: 1, y: 2, z: 3, t: 4}
equations: [q = x * y, r = q + z, f = r * t]
""",
        {
            "q": "2",
            "r": "5",
            "f": "20",
            "df/dr": "4",
            "df/dt": "5",
            "df/dq": "4",
            "df/dz": "4",
            "df/dx": "8",
            "df/dy": "4",
        },
    ),
}
each = pytest.mark.parametrize(("text", "figures"), EXAMPLES.values(), ids=EXAMPLES.keys())


def unit(text: str) -> float:
    return float(10.0 ** -len(text.partition(".")[2]))


def numbers(typed: Any) -> list[str]:
    texts = typed if isinstance(typed, list) else typed.replace(";", " ").split()
    return [str(one) for one in texts]


@each
def test_a_sheet_as_printed_is_right_and_so_is_the_program(
    text: str, figures: dict[str, Any]
) -> None:
    """To a unit of the last digit, but where somebody went on with rounded numbers."""
    problem = backprop.load(text)
    report = problem.check(dict(figures))
    assert report.first_wrong is None
    for id, typed in figures.items():
        name, _, step = id.partition("@")
        found = np.ravel(problem.solve(at=int(step or 1))[name])
        off = [
            abs(value - float(one)) / unit(one)
            for value, one in zip(found, numbers(typed), strict=True)
        ]
        assert max(off) <= 1.05 or report[id].how == "carried-rounding", (id, found)
        assert report[id].verdict in ("correct", "imprecise")


@each
def test_a_sign_lost_in_the_last_figure_is_found(text: str, figures: dict[str, Any]) -> None:
    id = [name for name, typed in figures.items() if {*"".join(numbers(typed))} - {*"-0."}][-1]
    turned = [one[1:] if one.startswith("-") else f"-{one}" for one in numbers(figures[id])]
    rows = str(figures[id]).count(";") + 1
    size = len(turned) // rows
    lines = [" ".join(turned[row * size : row * size + size]) for row in range(rows)]
    typed = turned if isinstance(figures[id], list) else "; ".join(lines)
    assert backprop.load(text).check({**figures, id: typed}).first_wrong == id


# What is wrong in them ----------------------------------------------------------------------------

SHALLOWER = """
x: [1]
y: [1]
layers:
  - {weights: [[0.5]], activation: sigmoid}
  - {weights: [[0.5]], activation: sigmoid}
  - {weights: [[0.5]], activation: sigmoid}
loss: binary-cross-entropy
update: {rule: sgd, learning_rate: 0.1}
"""
BOWL = "values: {w: 2}\nequations: [f = w^2 / 2]\ntrain: [w]\nupdate: {rule: RULE, steps: 2}\n"
TRUNK = """
values:
  x: [1, 0.5]
  y: [0, 1]
  wf: 0.7
  uf: 0.4
  bf: -0.1
  wi: 0.6
  ui: 0.3
  bi: 0.1
  wc: 0.9
  uc: 0.2
  wo: 0.5
  uo: 0.1
  bo: 0.05
  v: [0.2, 0.7]
  d: [0.1, -0.05]
  h_0: 0
  c_0: 0
equations:
  - for t in 1..2:
      - f_t = sigmoid(wf * x[t] + uf * h_{t-1} + bf)
      - i_t = sigmoid(wi * x[t] + ui * h_{t-1} + bi)
      - g_t = tanh(wc * x[t] + uc * h_{t-1})
      - c_t = f_t * c_{t-1} + i_t * g_t
      - o_t = sigmoid(wo * x[t] + uo * h_{t-1} + bo)
      - h_t = o_t * tanh(c_t)
  - z = v * h_2 + d
  - p = softmax(z)
  - L = cross_entropy(p, y)
train: [wf, uf, wc]
"""
TRUNK_PRINTED = {
    "f_1": "0.646", "i_1": "0.668", "g_1": "0.716", "c_1": "0.478", "o_1": "0.634", "h_1": "0.281",
    "f_2": "0.590", "i_2": "0.619", "g_2": "0.467", "c_2": "0.5711", "o_2": "0.581", "h_2": "0.300",
    "z": "0.160 0.160", "p": "0.5 0.5", "L": "0.693", "dL/dz": "0.5 -0.5", "dL/dh_2": "-0.25",
    "dL/do_2": "-0.129", "dL/dc_2": "-0.1065", "dL/df_2": "-0.0509", "dL/di_2": "-0.0497",
    "dL/dg_2": "-0.0659", "dL/dc_1": "-0.0628", "dL/dg_1": "-0.0419",
}  # fmt: skip
THRESHOLD = """
x: [[0, 0], [0, 1], [1, 0], [1, 1]]
y: [0, 0, 0, 1]
layers: [{weights: [[0.3, -0.2]], bias: [-0.4], activation: step, train: [weights]}]
update: {rule: perceptron, learning_rate: 0.2, steps: 8, batches: [[1], [2], [3], [4]]}
ask: [W1_new@3, W1_new@4, W1_new@7, W1_new@8]
"""
SQUASHED = """
x: [2]
y: [1]
layers:
  - {weights: [[0.5]], bias: [0.1], activation: tanh}
  - {weights: [[0.3]], bias: [0.2], activation: tanh}
loss: squared-error
"""
OTHER_CLASS = """
values: {x: 1, w1: 0.6, w2: -0.3, b2: 0.2, y: 0}
equations:
  - h = relu(w1 * x)
  - z = w2 * h + b2
  - p = sigmoid(z)
  - L = -(y * ln(p) + (1 - y) * ln(1 - p))
train: [w1, w2]
"""


def mean_of_squares() -> float:
    """0.9 · 0.4 + 0.1 · 1.368²: somebody printed 0.490."""
    return 0.9 * 0.4 + 0.1 * 1.368**2


def cell_behind() -> float:
    """∂L/∂c₁ with what comes back through h₁; the way along the cell alone is −0.0628."""

    def loss(c_1: float) -> float:
        x, h = 0.5, 0.634 * np.tanh(c_1)
        f = 1 / (1 + np.exp(-(0.7 * x + 0.4 * h - 0.1)))
        i = 1 / (1 + np.exp(-(0.6 * x + 0.3 * h + 0.1)))
        o = 1 / (1 + np.exp(-(0.5 * x + 0.1 * h + 0.05)))
        h = o * np.tanh(f * c_1 + i * np.tanh(0.9 * x + 0.2 * h))
        return float(np.log(1 + np.exp(0.2 * h + 0.1 - 0.7 * h + 0.05)))

    return (loss(0.478 + 1e-6) - loss(0.478 - 1e-6)) / 2e-6


@pytest.mark.parametrize(
    ("text", "figures", "first", "right", "slip"),
    [
        (
            SHALLOWER,
            {"H1": "0.622", "H2": "0.577", "dL/dZ3": "-0.428", "dL/dZ2": "-0.052",
             "dL/dZ1": "-0.006", "dL/dW1": "-0.006", "W1_new": "0.4994"},
            "W1_new", 0.5006, "ascent",
        ),
        (
            BOWL.replace("w: 2", "w: 1").replace("w^2 / 2", "w^2")
            .replace("RULE", "rmsprop, learning_rate: 0.1"),
            {"df/dw": "2", "s_w": "0.4", "w_new": "0.684", "df/dw@2": "1.368", "s_w@2": "0.490",
             "w_new@2": "0.488"},
            "s_w@2", mean_of_squares(), None,
        ),
        (
            BOWL.replace("RULE", "momentum, form: subtracted, learning_rate: 0.1"),
            {"df/dw": "2", "v_w": "0.2", "w_new": "1.8", "df/dw@2": "1.8", "v_w@2": "0.28",
             "w_new@2": "1.52"},
            "v_w@2", 0.9 * 0.2 + 0.1 * 1.8, "factor-left-out",
        ),
        (TRUNK, TRUNK_PRINTED, "dL/dc_1", cell_behind(), "path-lost"),
        (
            THRESHOLD,
            {"W1_new@3": "0.3 -0.2", "W1_new@4": "0.5 0", "W1_new@7": "0.5 0",
             "W1_new@8": "0.5 0"},
            "W1_new@7", 0.5 - 0.2, "weights-not-updated",  # 0.5 is above the threshold of 0.4
        ),
        (
            SQUASHED,
            {"Z1": "1.1", "H1": "0.7999", "Z2": "0.4400", "Yhat": "0.4136", "L": "0.3438",
             "dL/dYhat": "-1.1728", "dL/dZ2": "-0.9721", "dL/dW2": "-0.7776", "dL/dH1": "-0.2916",
             "dL/dZ1": "-0.1048", "dL/dW1": "-0.2096"},
            "H1", np.tanh(1.1), None,
        ),
        (
            OTHER_CLASS,
            {"h": "0.6", "p": "0.505", "dL/dp": "1.980"},
            "dL/dp", 1 / (1 - 0.505), "wrong-operand",
        ),
    ],
    ids=["uphill", "a sum", "a slope lost", "a way lost", "a threshold", "tanh", "the other class"],
)  # fmt: skip
def test_what_is_wrong_in_them_is_placed(
    text: str, figures: dict[str, str], first: str, right: float, slip: str | None
) -> None:
    problem = backprop.load(text)
    name, _, step = first.partition("@")
    value = np.ravel(problem.solve(at=int(step or 1))[name])[0]
    assert value == pytest.approx(right, abs=0.004 * abs(right) + 1e-4)
    report = problem.check(figures)
    assert report.first_wrong == first
    assert slip in report[first].slips if slip else report[first].slips == ()
    later = [*figures][[*figures].index(first) + 1 :]
    assert {report[id].verdict for id in later} <= {"carried", "correct"}


def test_a_gradient_left_out_of_an_update_is_no_local_derivative() -> None:
    """βv + η for βv + ηg, and η for ηg: a factor is missing, and nothing came "from behind"."""
    for rule, id, typed in [
        ("momentum, form: subtracted, learning_rate: 0.1", "v_w", "0.1"),
        ("momentum, form: accumulate, learning_rate: 0.1", "v_w", "1"),
        ("adam, learning_rate: 0.1", "m_w", "0.1"),
    ]:
        report = backprop.load(BOWL.replace("RULE", rule)).check({"df/dw": "2", id: typed})
        assert "upstream-left-out" not in report[id].slips


CLASSES = """
convention: {affine: x W, bias: first}
x: [[1, 0.5], [-0.5, -1.5], [2, 1.5], [-2, -1]]
y: [1, 0, 1, 0]
layers: [{weights: [[0], [0], [0]], activation: sigmoid}]
loss: {name: binary-cross-entropy, over_samples: sum}
update: {rule: sgd, learning_rate: 0.01, steps: 2}
"""


@pytest.mark.parametrize("typed", ["2.7373", "2.5710", "2.6960", "2.7260"])
def test_a_later_loss_that_nothing_explains_is_no_digit_misread(typed: str) -> None:
    """2.7373 was printed for 2.6485. A digit of any of fifteen numbers moves it as little."""
    X = np.array([[1, 1, 0.5], [1, -0.5, -1.5], [1, 2, 1.5], [1, -2, -1]])
    y = np.array([1, 0, 1, 0])
    p = 1 / (1 + np.exp(-X @ (0.01 * X.T @ (y - 0.5))))
    right = -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p))
    assert right == pytest.approx(2.6485, abs=5e-5)
    report = backprop.load(CLASSES).check({"L": "2.7726", "L@2": typed})
    assert report["L@2"].verdict != "correct"
    assert "digit-misread" not in report["L@2"].slips


def test_the_last_state_in_letters_is_asked_for_by_an_equation(tmp_path: Path) -> None:
    """`differentiate: h_T` listed h_1 to h_4, the steps that stand for all of them."""
    text = (
        "shapes: {x: [T], w: [], u: [], h_0: []}\nequations:\n  - for t in 1..T:\n"
        "      - h_t = tanh(w * h_{t-1} + u * x[t])\n"
    )
    path = tmp_path / "states.yaml"
    path.write_text(text + "differentiate: h_T\n", encoding="utf-8")
    refused = CliRunner().invoke(main, ["derive", str(path)])
    assert refused.exit_code == 2
    assert "the number of steps is a letter" in refused.stderr
    assert "- L = h_T" in refused.stderr
    path.write_text(text + "  - L = h_T\n", encoding="utf-8")
    assert "Σₜ ∂L/∂hₜ" in CliRunner().invoke(main, ["derive", str(path)]).stdout


@pytest.mark.parametrize(
    ("equation", "lines"),
    [("J = G * ln(P[1,2])", 1), ("J = G * sum(P[1,:])", 2), ("J = P[1,2] + P[2,1]", 1)],
)
def test_a_formula_of_entries_is_stated_once(equation: str, lines: int, tmp_path: Path) -> None:
    """Entry by entry it is what it was: "J = G · ln P₁₂" stood there twice."""
    path = tmp_path / "policy.yaml"
    path.write_text(
        "shapes: {theta: [S, A], G: []}\nequations:\n  - P = softmax(theta, axis=1)\n"
        f"  - {equation}\n",
        encoding="utf-8",
    )
    page = CliRunner().invoke(main, ["derive", str(path), "--of", "J", "--wrt", "theta"]).stdout
    stated = page.partition("Equations")[2].partition("Chain rule")[0]
    assert sum(line.strip().startswith("J ") for line in stated.splitlines()) == lines


GATED = """
values: {x: [1, 0, 0], h_0: 0}
equations:
  - for t in 1..3:
      - z_t = sigmoid(2 * x[t] - 1)
      - c_t = tanh(1.5 * x[t] + 0.5 * h_{t-1})
      - h_t = (1 - z_t) * h_{t-1} + z_t * c_t
differentiate: h_3
"""


def test_a_gate_that_mixes_two_numbers_is_no_loss() -> None:
    """ln(exp(h)) − zh of one number is (1 − z)h: that was called a cross-entropy, in any GRU."""
    h = 0.0
    for x in (1, 0, 0):
        z = 1 / (1 + np.exp(1 - 2 * x))
        h = (1 - z) * h + z * np.tanh(1.5 * x + 0.5 * h)
    solution = backprop.load(GATED).solve()
    assert float(solution["h_3"]) == pytest.approx(h)
    assert "entropy" not in solution.render("text")
    of_one = "values: {z: [0.3], y: [1]}\nequations: [L = ln(sum(exp(z))) - sum(y * z)]\n"
    assert "cross-entropy from the logits" in backprop.load(of_one).solve().render("text")


TWO_OUTPUTS = """
x: [0.05, 0.1]
y: [0.01, 0.99]
layers:
  - {weights: [[0.15, 0.20], [0.25, 0.30]], bias: [0.30, 0.30], activation: sigmoid}
  - {weights: [[0.40, 0.45], [0.50, 0.55]], bias: [0.6, 0.6], activation: sigmoid}
loss: half-squared-error
"""


@pytest.mark.parametrize("asked", ["dYhat/dZ2", "dL/dZ2"])
def test_the_slope_of_the_output_taken_at_the_error(asked: str) -> None:
    """Notes have 0.7391 (1 − 0.7391) = 0.1928 for ŷ(1 − ŷ), ŷ = 0.7494: 0.7394 is ŷ − t."""
    h = 1 / (1 + np.exp(-(np.array([[0.15, 0.20], [0.25, 0.30]]) @ [0.05, 0.1] + 0.3)))
    y = 1 / (1 + np.exp(-(np.array([[0.40, 0.45], [0.50, 0.55]]) @ h + 0.6)))
    error = y - [0.01, 0.99]
    slope = {"right": y * (1 - y), "wrong": error * (1 - error)}
    assert slope["right"][0] == pytest.approx(0.1878, abs=5e-5)
    problem = backprop.load(TWO_OUTPUTS + f"ask: [Yhat, dL/dYhat, {asked}]\n")
    for kind, found in slope.items():
        one, two = (f"{v:.4f}" for v in (found if asked[1] == "Y" else error * found))
        typed = f"{one} 0; 0 {two}" if asked[1] == "Y" else f"{one} {two}"
        written = {"Yhat": " ".join(f"{v:.4f}" for v in y)}
        written["dL/dYhat"] = " ".join(f"{v:.4f}" for v in error)
        result = problem.check({**written, asked: typed})[asked]
        assert (result.verdict == "correct") == (kind == "right")
        named = ("activation-derivative-at-wrong-argument",) if kind == "wrong" else ()
        assert result.slips == named


@pytest.mark.parametrize("ask", ["", "ask: [s_w, s_w@2, w_new@2]\n"])
def test_a_formula_of_a_later_step_is_printed_as_all_others(ask: str) -> None:
    """Where nothing asks for the step, too: it was s_w@2 = beta * s_w + … there."""
    text = BOWL.replace("RULE", "rmsprop, learning_rate: 0.1") + ask
    report = backprop.load(text).check({"s_w@2": "0.490", "w_new@2": "0.3"}).render("text")
    assert "step 2: s(w) = β · s(w)⁻ + (1 − β) · (∂L/∂w)²".replace("L/", "f/") in report
    assert "step 2: w⁺ = w − η · ∂f/∂w / (√s(w) + ε)" in report
    assert "learning_rate *" not in report


ONE_UNIT = """
x: [1, 2, -1]
layers:
  - weights: [[0.25, -0.45, 0.6], [0.35, 0.17, -0.8]]
    bias: [0.35, -0.6]
    activation: tanh
  - {weights: [[0.7, -0.25], [0.45, 0.55]], bias: [0.12, -0.34], activation: sigmoid}
"""


@pytest.mark.parametrize("decimals", [3, 4])
def test_what_one_unit_alone_lost_is_a_term(decimals: int) -> None:
    """A bias, or a product, of one of two units: a bias of −0.6 was a digit misread as 0."""
    x, b = np.array([1, 2, -1]), np.array([0.35, -0.6])
    w = np.array([[0.25, -0.45, 0.6], [0.35, 0.17, -0.8]])
    z = w @ x + b
    lost = {"bias 1": [0.35, 0], "bias 2": [0, -0.6], "product": [0, w[1, 1] * x[1]]}
    problem = backprop.load(ONE_UNIT)
    for what, terms in lost.items():
        typed = " ".join(f"{one:.{decimals}f}" for one in z - terms)
        result = problem.check({"Z1": typed})["Z1"]
        assert (result.verdict, result.slips) == ("wrong", ("term-left-out",)), what
    misread = " ".join(f"{one:.{decimals}f}" for one in (z[0], z[1] + 0.6 - 0.8))
    assert problem.check({"Z1": misread})["Z1"].slips == ("digit-misread",)
    both = " ".join(f"{one:.{decimals}f}" for one in z - b)
    assert problem.check({"Z1": both})["Z1"].slips[0] == "bias-left-out"
    near = " ".join(f"{one:.{decimals}f}" for one in z - [0.35 + 4 * 10.0**-decimals, 0])
    assert problem.check({"Z1": near})["Z1"].slips == ()


def test_a_later_batch_of_another_size_is_judged_by_itself() -> None:
    """Z1 of a batch of two has no change since a batch of one, and is graded all the same."""
    problem = backprop.load(
        """
x: [[1.25, 0.5], [0.75, -1.5], [-0.25, 2]]
y: [[1], [0], [1]]
layers: [{weights: [[0.5, -1.25]], bias: [0.25], activation: sigmoid}]
loss: half-squared-error
update: {rule: sgd, learning_rate: 0.5, steps: 2, batches: [[1], [2, 3]]}
grading: {precision: {decimals: 3}}
ask: [Z1, Z1@2]
"""
    )
    z = np.asarray(problem.solve(at=2)["Z1@2"]).ravel()
    assert z.shape == (2,)
    typed = f"{z[0]:.3f} {z[1] + 0.4:.3f}"
    report = problem.check({"Z1": f"{0.5 * 1.25 - 1.25 * 0.5 + 0.25:.3f}", "Z1@2": typed})
    assert report["Z1@2"].verdict == "wrong"

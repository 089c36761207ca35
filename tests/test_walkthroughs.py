"""Walkthroughs found online, as a newcomer writes them down, with the figures printed there.

What is right in them is accepted with the digits that they have; what is not is found where it was
made, and what only follows from it is no second mistake.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import backprop_cli as backprop

WALKTHROUGHS: dict[str, tuple[str, str, set[str]]] = {
    "a textbook's network of six units, bias and all, δ in place of gradients": (
        """
convention: {affine: W^T x + b}
notation: {delta: true}
x: [1, 0, 1]
y: [1]
layers:
  - weights: [[0.2, -0.3], [0.4, 0.1], [-0.5, 0.2]]
    bias: [-0.4, 0.2]
    activation: sigmoid
  - {weights: [[-0.3], [-0.2]], bias: [0.1], activation: sigmoid}
loss: half-squared-error
update: {rule: sgd, learning_rate: 0.9}
""",
        """
answers:
  Z1: [-0.7, 0.1]
  H1: [0.332, 0.525]
  Z2: [-0.105]
  Yhat: [0.474]
  dL/dZ2: [-0.1311]
  dL/dZ1: [0.0087, 0.0065]
  W2_new: [[-0.261], [-0.138]]
  W1_new: [[0.192, -0.306], [0.4, 0.1], [-0.508, 0.194]]
  b2_new: [0.218]
  b1_new: [-0.408, 0.194]
""",
        set(),
    ),
    "a network computed digit by digit": (
        """
x: [0.05, 0.10]
y: [0.01]
layers:
  - {weights: [[0.15, 0.20], [0.25, 0.30]], bias: [0.35, 0.35], activation: sigmoid}
  - {weights: [[0.40, 0.45]], bias: [0.60], activation: sigmoid}
loss: half-squared-error
update: {rule: sgd, learning_rate: 0.5}
""",
        """
answers:
  Z1: [0.3775, 0.3925]
  H1: [0.59327, 0.59688]
  Z2: [1.10591]
  Yhat: [0.75137]
""",
        set(),
    ),
    "a tutorial whose outputs have a bias that its sums have not": (
        """
x: [0.05, 0.10]
y: [0.01, 0.99]
layers:
  - {weights: [[0.15, 0.20], [0.25, 0.30]], bias: [0.355, 0.3475], activation: sigmoid}
  - {weights: [[0.40, 0.50], [0.45, 0.55]], activation: sigmoid}
loss: half-squared-error
update: {rule: sgd, learning_rate: 0.5}
""",
        """
answers:
  Z1: [0.3825, 0.3900]
  H1: [0.5944, 0.5963]
  Z2: [0.5359, 0.5955]
  Yhat: [0.757, 0.768]
  L: 0.304
""",
        {"Yhat"},
    ),
    "a softmax behind two sigmoids, one sum miscopied": (
        """
x: [1, 2, -1]
y: [1, 0]
layers:
  - {weights: [[0.2, -0.3, 0.4], [-0.5, 0.1, 0.2]], bias: [0.5, 0.5], activation: sigmoid}
  - {weights: [[0.3, 0.4], [-0.1, 0.2]], bias: [0.1, 0.1], activation: softmax}
loss: cross-entropy
update: {rule: sgd, learning_rate: 0.1}
""",
        """
answers:
  Z1: [-0.3, 0]
  H1: [0.426, 0.5]
  Z2: [0.428, 0.185]
  Yhat: [0.561, 0.439]
  L: 0.579
""",
        {"Z2"},
    ),
    "two steps through time, tanh(1.04621) read off as 0.7790": (
        """
values:
  x_1: 1.0
  x_2: 2.0
  h_0: 0
  W_x: 0.5
  W_h: 0.1
  b: 0
  W_y: 2
  t_1: 1
  t_2: 2
equations:
  - for t in 1..2:
    - a_t = W_x * x_t + W_h * h_{t-1} + b
    - h_t = tanh(a_t)
    - y_t = W_y * h_t
  - L = sum(t in 1..2, (y_t - t_t)^2 / 2)
train: [W_x, W_h, W_y, b]
""",
        """
answers:
  h_1: 0.4621
  y_1: 0.9242
  a_1: 0.5
  a_2: 1.04621
  h_2: 0.7790
  y_2: 1.558
  L: 0.1007
  dL/dy_2: -0.442
  dL/dh_2: -0.884
  dL/da_2: -0.3475
  dL/dW_x: -0.8448
""",
        {"h_2"},
    ),
    "the first step of XOR with six decimals, bias in row 0": (
        """
convention: {affine: W^T x + b, bias: first}
x: [0, 0]
y: [0]
layers:
  - weights: [[0.341232, -0.115223], [0.129952, 0.570345], [-0.923123, -0.328932]]
    activation: sigmoid
  - weights: [[-0.993423], [0.164732], [0.752621]]
    activation: sigmoid
loss: half-squared-error
update: {rule: sgd, learning_rate: 0.5}
""",
        """
answers:
  Z1: [0.341232, -0.115223]
  H1: [0.584490, 0.471226]
  Z2: [-0.542484]
  Yhat: [0.367610]
  dL/dZ2: [0.085459]
  dL/dZ1: [0.003419, 0.016026]
""",
        set(),
    ),
    "a linear network, new weights to two decimals": (
        """
x: [2, 3]
y: [1]
layers:
  - {weights: [[0.11, 0.21], [0.12, 0.08]]}
  - {weights: [[0.14, 0.15]]}
loss: half-squared-error
update: {rule: sgd, learning_rate: 0.05}
""",
        """
answers:
  Yhat: [0.191]
  W1_new: [[0.12, 0.23], [0.13, 0.10]]
  W2_new: [[0.17, 0.17]]
""",
        set(),
    ),
    "an exercise with x W + b, new weights to four decimals": (
        """
convention: {affine: x W + b}
x: [0, 1]
y: [1]
layers:
  - {weights: [[0.6, -0.3], [-0.1, 0.4]], bias: [0.3, 0.5], activation: sigmoid}
  - {weights: [[0.4], [0.1]], bias: [-0.2], activation: sigmoid}
loss: half-squared-error
update: {rule: sgd, learning_rate: 0.25}
""",
        """
answers:
  Z1: [0.2, 0.9]
  H1: [0.5498, 0.7109]
  Z2: [0.09101]
  Yhat: [0.5227]
  dL/dZ2: [-0.1191]
  dL/dZ1: [-0.0118, -0.00245]
  W1_new: [[0.6, -0.3], [-0.0971, 0.4006]]
  b1_new: [0.3029, 0.5006]
  W2_new: [[0.4164], [0.1212]]
  b2_new: [-0.1702]
""",
        set(),
    ),
    "a notebook's twelve digits, straight to p − y": (
        """
convention: {affine: x W + b, output_gradient: fused}
x: [16, -6]
y: [0, 0, 1]
layers:
  - {weights: [[0.18, 0.04], [0.1, 0.22]], bias: [0, 0], activation: relu}
  - {weights: [[0.19, -0.1, 0.1], [-0.02, -0.01, 0.04]], bias: [0, 0, 0], activation: softmax}
loss: cross-entropy
""",
        """
answers:
  Z1: [2.28, -0.68]
  H1: [2.28, 0]
  Z2: [0.4332, -0.228, 0.228]
  L: 1.051375468504
  dL/dZ2: [0.429052723714, 0.221490524653, -0.650543248367]
  dL/dW2: [[0.978240210068, 0.504998396209, -1.483238606277], [0, 0, 0]]
""",
        set(),
    ),
    "an attention notebook whose figures are those without the scaling": (
        """
values:
  X: [[0.5, 0.2, 0.1, -0.1], [0, 0.3, -0.2, 0.2], [0.4, -0.1, 0, 0.3]]
  W_Q: [[0.2, -0.1, 0, 0.3], [0.1, 0, 0.2, -0.2], [-0.1, 0.3, 0.1, 0], [0, 0.2, -0.2, 0.1]]
  W_K: [[0.1, 0.2, 0, -0.1], [0, 0.1, 0.3, 0], [0.2, -0.2, 0.1, 0.1], [-0.1, 0, 0.2, 0.2]]
  W_V: [[0.3, 0.1, 0, -0.2], [0, 0.2, 0.1, 0], [0.1, -0.1, 0.2, 0.1], [0, 0.1, -0.2, 0.3]]
  T: [[0.1, 0, 0.05, -0.05], [0, 0.1, -0.05, 0.05], [0.05, -0.05, 0.1, 0]]
equations:
  - Q = X @ W_Q
  - K = X @ W_K
  - V = X @ W_V
  - S = Q @ K.T / sqrt(4)
  - P = softmax(S, axis=1)
  - A = P @ V
  - L = sum((A - T)^2) / 2
train: [W_Q, W_K, W_V]
""",
        """
answers:
  A: [[8.67e-02,  7.33e-02, -2.00e-02, -2.34e-02],
    [ 8.69e-02,  7.33e-02, -1.98e-02, -2.36e-02],
    [ 8.68e-02,  7.32e-02, -2.01e-02, -2.33e-02]]
  L: 2.86e-02
  dL/dW_Q: [[-2.54e-04, -6.72e-05,  6.62e-05,  1.79e-04],
    [ 1.59e-04,  3.44e-05, -6.72e-05, -9.17e-05],
    [-1.86e-04, -4.14e-05,  7.43e-05,  1.11e-04],
    [ 1.40e-04,  2.62e-05, -7.27e-05, -7.00e-05]]
  dL/dW_K: [[-3.46e-05, -8.76e-06, -5.94e-05, -2.93e-04],
    [-4.36e-05,  2.58e-06,  2.59e-05, -3.27e-05],
    [-2.71e-05, -5.15e-06, -3.39e-05, -1.87e-04],
    [ 7.44e-05,  4.38e-06,  2.08e-05,  2.73e-04]]
  dL/dW_V: [[ 3.32e-02,  5.10e-02, -4.80e-02, -2.11e-02],
    [ 1.47e-02,  2.25e-02, -2.12e-02, -9.34e-03],
    [-3.64e-03, -5.64e-03,  5.31e-03,  2.31e-03],
    [ 1.47e-02,  2.27e-02, -2.14e-02, -9.34e-03]]
""",
        {"dL/dW_Q"},
    ),
    "(x + y) · max(y, z)": (
        """
values: {x: 1, y: 2, z: 0}
equations:
  - a = x + y
  - b = max(y, z)
  - f = a * b
""",
        """
answers: {a: 3, b: 2, f: 6, df/da: 2, df/db: 3, df/dx: 2, df/dy: 5, df/dz: 0}
""",
        set(),
    ),
    "max(x + 1, y) / z": (
        """
values: {x: 2, y: -1, z: 2}
equations:
  - f = max(x + 1, y) / z
""",
        """
answers: {f: 1.5, df/dx: 0.5, df/dy: 0, df/dz: -0.75}
""",
        set(),
    ),
    "one neuron, one sample": (
        """
values: {x: 0.5, y: 1, w: 0.2, b: 0.1}
equations:
  - z = w * x + b
  - yhat = sigmoid(z)
  - L = -y*ln(yhat) - (1 - y)*ln(1 - yhat)
train: [w, b]
update: {rule: sgd, learning_rate: 0.1}
""",
        """
answers: {z: 0.2, yhat: 0.5498, L: 0.5981,
  dL/dz: -0.4502, dL/dw: -0.2251, dL/db: -0.4502,
  w_new: 0.2225, b_new: 0.1450}
""",
        set(),
    ),
    "one rectified neuron": (
        """
x: [2]
y: [1]
layers: [{weights: [[0.5]], bias: [0.1], activation: relu}]
loss: squared-error
""",
        """
answers: {Z1: [1.1], Yhat: [1.1], L: 0.01,
  dL/dYhat: [0.2], dL/dZ1: [0.2],
 dL/dW1: [[0.4]], dL/db1: [0.2]}
""",
        set(),
    ),
    "(x - 4)² by momentum, a page of the university of Saïda: the loss is 0 on the way": (
        """
values: {x: 10}
equations: [L = (x - 4)^2]
train: [x]
update: {rule: momentum, form: classic, learning_rate: 0.2, beta: 0.9, steps: 4}
""",
        """
answers: {dL/dx: 12, x_new: 7.6, L@2: 12.96, dL/dx@2: 7.2, x_new@2: 4.0, L@3: 0, dL/dx@3: 0,
  x_new@3: 0.76, dL/dx@4: -6.48, x_new@4: -0.86}
""",
        set(),
    ),
    "a network of tanh units by hand, ten digits (DeLucca, exercises in neural networks)": (
        """
x: [0.5, -0.2]
y: [1.0]
layers:
  - {weights: [[0.3, -0.1], [0.2, 0.4]], bias: [0.1, -0.2], activation: tanh}
  - {weights: [[0.5, -0.3]], bias: [0.2], activation: tanh}
loss: mean-squared-error
""",
        """
answers: {Z1: [0.27, -0.18], H1: [0.2636248355, -0.1780808681], Z2: [0.3852366782],
  Yhat: [0.3672465626], L: 0.4003769125, dL/dYhat: [-1.2655068747], dL/dZ2: [-1.0948279147]}
""",
        set(),
    ),
    "derivatives of a layer given, quiz 7 of DSC 140B": (
        """
values: {z: [3, -2], W: [[5, 1], [1, 2]]}
equations: [a = relu(z), s = W.T @ a]
upstream: {s: [-3, 1]}
""",
        """
answers: {dL/dW: [[-9, 3], [0, 0]], dL/da: [-14, -1], dL/dz: [-14, 0]}
""",
        set(),
    ),
    "ab + exp(b + c) − 7 (c + d), one step uphill (a question on math-gpt)": (
        """
values: {a: 1, b: -2, c: 2, d: 1}
equations: [f = a * b + exp(b + c) - 7 * (c + d), L = -f]
train: [a, b, c, d]
update: {rule: sgd, learning_rate: 0.1}
""",
        """
answers: {f: -22, dL/da: 2, dL/db: -2, dL/dc: 6, dL/dd: 7,
  a_new: 0.8, b_new: -1.8, c_new: 1.4, d_new: 0.3}
""",
        set(),
    ),
}


def checked(title: str, folder: Path) -> tuple[backprop.Report, list[str]]:
    problem, sheet, _ = WALKTHROUGHS[title]
    path = folder / "sheet.yaml"
    path.write_text(sheet, encoding="utf-8")
    return backprop.load(problem).check(path), list(yaml.safe_load(sheet)["answers"])


@pytest.mark.parametrize("title", WALKTHROUGHS)
def test_what_is_printed_is_right_or_its_mistake_is_found(title: str, tmp_path: Path) -> None:
    report, printed = checked(title, tmp_path)
    wrong = WALKTHROUGHS[title][2]
    verdicts = {id: report[id].verdict for id in printed}
    assert {id for id, verdict in verdicts.items() if verdict == "wrong"} == wrong
    assert report.first_wrong == next((id for id in printed if id in wrong), None)
    if not wrong:
        assert set(verdicts.values()) <= {"correct", "imprecise"}


def test_the_lost_scaling_of_the_attention_is_a_lost_factor(tmp_path: Path) -> None:
    """The notebook was last run with its scaling by 1/√4 off: every dQ is twice as large."""
    title = next(title for title in WALKTHROUGHS if "attention" in title)
    report, _ = checked(title, tmp_path)
    assert report["dL/dW_Q"].slips == ("factor-two",)


def test_a_loss_of_0_is_printed_as_0_where_floats_leave_a_rest() -> None:
    """x is 4.000000000000001 after two updates: by hand 4, and (4 - 4)² is 0."""
    title = next(title for title in WALKTHROUGHS if "momentum" in title)
    problem = backprop.load(WALKTHROUGHS[title][0])
    assert problem.solve(at=3)["L"] == 0


def test_what_is_trained_and_reached_by_no_gradient_is_named() -> None:
    values, loss = {"w": 2.0, "v": 3.0, "x": 1.0}, "L = (w * x - 1)^2"
    for trained, said in ((["w", "v"], True), (["w"], False)):
        problem = backprop.load({"values": values, "equations": [loss], "train": trained})
        assert ("no gradient reaches v" in problem.solve().render("text")) is said

"""Sheets rounded in ways that once were judged wrong; each figure is worked out here in NumPy."""

from __future__ import annotations

from collections.abc import Mapping

import judged
import numpy as np
import pytest
from numpy.typing import NDArray

from backprop_cli.grading.report_data import Result

Array = NDArray[np.float64]


def graded(problem: str, answers: Mapping[str, object]) -> dict[str, Result]:
    return judged.graded(problem, "".join(f"  {id}: {_text(one)}\n" for id, one in answers.items()))


def _text(value: object) -> str:
    return str(value.tolist()) if isinstance(value, np.ndarray) else str(value)


def cut(value: Array | float, decimals: int) -> Array:
    scaled = np.asarray(value) * 10.0**decimals
    return np.asarray(np.trunc(scaled + 1e-9 * np.sign(scaled)) / 10.0**decimals)


SOFTMAX_AND_SKIP = """
x: [1, 2]
layers:
- weights: [[0.3, -0.5], [0.2, 0.4]]
  activation: softmax
  skip: [{from: 0, into: post}]
y: [0, 1]
loss: half-squared-error
grading: {precision: {decimals: 2}}
ask: [Z1, Yhat, dL/dYhat, dL/dZ1]
"""


def test_the_jacobian_of_a_softmax_before_a_skip_may_be_rounded() -> None:
    z = np.array([0.3 - 1, 0.2 + 0.8])
    p = cut(np.exp(z) / np.exp(z).sum(), 2)
    yhat = cut(p + np.array([1, 2]), 2)
    slope = cut(yhat - np.array([0, 1]), 2)
    jacobian = cut(np.diag(p) - np.outer(p, p), 2)
    found = cut(jacobian @ slope, 2)
    sheet = {"Z1": z, "Yhat": yhat, "dL/dYhat": slope, "dL/dZ1": found}
    results = graded(SOFTMAX_AND_SKIP, sheet)
    assert {result.verdict for result in results.values()} == {"correct"}
    sheet["dL/dZ1"] = -found
    assert graded(SOFTMAX_AND_SKIP, sheet)["dL/dZ1"].slips[:1] == ("sign-flipped",)


def test_a_gradient_given_behind_a_softmax_needs_none_before_it() -> None:
    problem = """
x: [1, 2]
layers:
- weights: [[0.3, -0.5], [0.2, 0.4]]
  activation: softmax
upstream: {Z1: [0.5, -0.25]}
loss: none
grading: {precision: {decimals: 3}}
ask: [dL/dZ1]
"""
    assert graded(problem, {"dL/dZ1": "[0.5, -0.75]"})["dL/dZ1"].verdict == "wrong"


ADAM = """
x: [1]
layers:
- weights: [[0.5]]
y: [{target}]
loss: half-squared-error
update: {{rule: adam, learning_rate: 0.05, epsilon: 0.000001}}
grading: {{precision: {{decimals: 2}}}}
ask: [Z1, dL/dW1, W1_new]
"""


@pytest.mark.parametrize(("gradient", "verdict"), [(0.04, "correct"), (0.4, "wrong")])
def test_a_state_rounded_to_0_leaves_the_weight_alone(gradient: float, verdict: str) -> None:
    """m = 0.1 · 0.04 is 0.00; with 0.1 · 0.4 = 0.04 the weight must move."""
    problem = ADAM.format(target=0.5 - gradient)
    sheet = {"Z1": "0.50", "dL/dW1": gradient, "W1_new": "0.50"}
    assert graded(problem, sheet)["W1_new"].verdict == verdict


def test_the_logarithm_is_rounded_before_it_is_multiplied() -> None:
    """ln 0.3507 = -1.0478 is -1.047 in four digits; 0.75 of it has a finer unit."""
    problem = """
x: [1]
layers:
- weights: [[-0.3079], [0.3079]]
  activation: softmax
y: [0.75, 0.25]
loss: cross-entropy
grading: {precision: {significant: 4}}
ask: [Yhat, L]
"""
    yhat = np.array([0.3507, 0.6492])
    log = np.array([cut(np.log(yhat[0]), 3), cut(np.log(yhat[1]), 4)])
    loss = cut(-(np.array([0.75, 0.25]) @ log), 4)
    assert graded(problem, {"Yhat": yhat, "L": loss})["L"].verdict == "correct"
    assert graded(problem, {"Yhat": yhat, "L": "0.8912"})["L"].verdict == "wrong"


@pytest.mark.parametrize("slope", [0.25, 1.0])
def test_a_rounded_0_leaves_the_side_of_a_kink_open(slope: float) -> None:
    problem = """
x: [0.0004]
layers:
- weights: [[1]]
  activation: {name: leaky-relu, slope: 0.25}
y: [2]
loss: half-squared-error
grading: {precision: {decimals: 3}}
ask: [Z1, Yhat, dL/dYhat, dL/dZ1]
"""
    sheet = {"Z1": "0.000", "Yhat": "0.000", "dL/dYhat": "-2.000", "dL/dZ1": -2 * slope}
    assert graded(problem, sheet)["dL/dZ1"].verdict == "correct"
    sheet["dL/dZ1"] = "-1.400"
    assert graded(problem, sheet)["dL/dZ1"].verdict == "wrong"


SGD = """
x: [1]
layers:
- weights: [[0.5]]
  bias: [1]
y: [0]
loss: half-squared-error
update: {rule: sgd, learning_rate: 0.1}
grading: {precision: {decimals: 3}}
ask: [Z1, dL/dZ1, dL/db1, b1_new]
"""


@pytest.mark.parametrize(("gradient", "verdict"), [("0.002", "carried"), ("0.900", "wrong")])
def test_a_weight_need_not_move_where_the_own_gradient_moves_it_little(
    gradient: str, verdict: str
) -> None:
    """0.1 · 0.002 = 0.0002 is 0.000; 0.1 · 0.9 is not."""
    sheet = {"Z1": "1.500", "dL/dZ1": "1.500", "dL/db1": gradient, "b1_new": "1.000"}
    assert graded(SGD, sheet)["b1_new"].verdict == verdict


def test_a_twofold_rate_may_leave_nothing_to_see() -> None:
    """0.02 · 0.02 · 2 = 0.0008 is cut off to 0.000, and the weight is the old one."""
    problem = SGD.replace("0.1}", "0.02}").replace("bias: [1]", "bias: [1.5]")
    sheet = {"Z1": "2.000", "dL/dZ1": "2.000", "dL/db1": "2.000", "b1_new": "1.500"}
    found = graded(problem, sheet)["b1_new"].slips
    assert found == ("bias-not-updated", "learning-rate-twice", "copied")


def test_the_new_loss_may_be_worked_out_from_the_start() -> None:
    """H1 is wrong, and layer 1 has no new weights: both ways to go on are followed."""
    problem = """
x: [2]
layers:
- {weights: [[0.5]], activation: tanh, train: false}
- {weights: [[1.5]]}
y: [0]
loss: half-squared-error
update: {rule: sgd, learning_rate: 0.1}
grading: {precision: {decimals: 3}}
"""
    yhat = 1.5  # H1 = Z1 = 1: the activation was left out
    new = 1.5 - 0.1 * yhat * 1
    sheet: dict[str, object] = {"Z1": "1.000", "H1": "1.000", "Yhat": yhat, "L": yhat**2 / 2}
    sheet |= {"dL/dYhat": yhat, "dL/dW2": yhat, "W2_new": round(new, 3)}
    for first in (1.0, np.tanh(1.0)):
        sheet["L_new"] = round(float((new * first) ** 2 / 2), 3)
        results = graded(problem, sheet)
        assert results["H1"].slips[:1] == ("activation-omitted",)
        assert results["L_new"].verdict == "carried"
    sheet["L_new"] = "0.700"
    assert graded(problem, sheet)["L_new"].verdict == "wrong"

"""Worked examples with the figures that others printed: what is right in them, and what is not.

The figures are theirs, with their rounding and their mistakes; what is right is worked out here in
plain NumPy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

import backprop_cli as backprop

SIGMOIDS = """
convention: {affine: x W + b}
x: [1.1, 2.2]
y: [3.3]
layers:
  - {weights: [[0.2, 0.3], [0.4, 0.7]], activation: sigmoid}
  - {weights: [[0.6], [-0.1]], activation: sigmoid}
loss: half-squared-error
"""
PRINTED: Mapping[str, Any] = {
    "Z1": ["1.1", "1.87"],
    "H1": ["0.75026", "0.86607"],
    "Z2": ["0.36355"],
    "Yhat": ["0.58989"],
    "L": "3.67545",
    "dL/dZ2": ["-0.65584"],
    "dL/dZ1": ["-0.07382", "0.00760"],
}


def test_a_step_rounded_to_three_digits_is_called_no_known_mistake() -> None:
    """0.24192 was cut to 0.242 on the way to five decimals: that is no other derivative."""
    yhat = 0.58989
    assert abs((yhat - 3.3) * round(yhat * (1 - yhat), 3) - -0.65585) < 1e-5
    report = backprop.load(SIGMOIDS).check(PRINTED)
    assert report.first_wrong == "H1"  # σ(1.87) is 0.86646
    assert abs(1 / (1 + np.exp(-1.87)) - 0.86646) < 1e-5
    for name in ("dL/dZ2", "dL/dZ1"):
        assert report[name].slips == ()


def test_where_three_decimals_are_asked_the_step_is_rounded_rightly() -> None:
    asked = SIGMOIDS + "grading: {precision: {decimals: 3}}\n"
    sheet = {name: PRINTED[name] for name in ("Z1", "Z2", "Yhat", "dL/dZ2")}
    report = backprop.load(asked).check(sheet)
    assert {report[name].verdict for name in sheet} == {"correct"}


STATES = """
values: {h_0: 0, w: 0.5, u: 0.8}
equations:
  - h_1 = tanh(w + u * h_0)
  - h_2 = tanh(w + u * h_1)
ask: [h_1, h_2, dh_1/dh_0, dh_2/dh_1, dh_2/dh_0]
"""


def test_what_one_state_does_to_the_next() -> None:
    """The printed figures 0.406, 0.630 and their product, cut off: 0.256 is 0.2558."""
    printed = {"h_1": "0.462", "h_2": "0.701", "dh_2/dh_1": "0.406", "dh_1/dh_0": "0.630"}
    report = backprop.load(STATES).check({**printed, "dh_2/dh_0": "0.256"})
    assert all(report[name].verdict == "correct" for name in (*printed, "dh_2/dh_0"))


@pytest.mark.parametrize(("name", "h"), [("dh_1/dh_0", 0.4621), ("dh_2/dh_1", 0.7012)])
def test_a_weight_lost_between_two_states_has_its_name(name: str, h: float) -> None:
    """1 − h² for (1 − h²) · u, in a derivative of the last state and of one that is not."""
    lost = f"{1 - h**2:.4f}"
    report = backprop.load(STATES).check({"h_1": "0.4621", "h_2": "0.7012", name: lost})
    assert report[name].verdict == "wrong"
    assert report[name].slips == ("factor-left-out",)


@pytest.mark.parametrize("typed", ["0.0001", "0.001", "0.0005", "0.0004"])
def test_what_is_nothing_at_the_digits_in_use_is_not_one_of_them(typed: str) -> None:
    """v = 0.001 · 0.1² is 0.00001: neither 0.0001, as was printed, nor 0.001."""
    problem = backprop.load(
        {
            "values": {"w": 1},
            "gradients": {"w": 0.1},
            "update": {"rule": "adam", "learning_rate": 0.001},
            "ask": ["m_w", "v_w", "w_new"],
        }
    )
    assert problem.solve()["v_w"] == pytest.approx(0.001 * 0.1**2)
    assert problem.check({"m_w": "0.01", "v_w": typed}).first_wrong == "v_w"


@pytest.mark.parametrize("typed", ["0.00001", "0.000", "1e-5"])
def test_it_may_be_typed_as_it_is_or_as_nothing(typed: str) -> None:
    problem = backprop.load(
        {
            "values": {"w": 1},
            "gradients": {"w": 0.1},
            "update": {"rule": "adam", "learning_rate": 0.001},
            "ask": ["m_w", "v_w", "w_new"],
        }
    )
    assert problem.check({"m_w": "0.01", "v_w": typed}).first_wrong is None


@pytest.mark.parametrize("decimals", [2, 3, 4])
def test_a_gradient_in_the_other_shape_from_rounded_figures_is_the_transpose(
    decimals: int,
) -> None:
    """(p − y) xᵀ for xᵀ (p − y): twice the rounded p − y is not the rounded double."""
    x, weights = np.array([1.0, 2]), np.array([[0.2, -0.3, 0.5], [-0.5, 0.7, -0.2]])
    e = np.exp(x @ weights)
    delta = np.round(e / e.sum() - [0, 1, 0], decimals)
    problem = backprop.load(
        {
            "convention": {"affine": "x W + b"},
            "x": x.tolist(),
            "y": [0, 1, 0],
            "layers": [{"weights": weights.tolist(), "activation": "softmax"}],
            "loss": "cross-entropy",
        }
    )
    rows = [[f"{d * one:.{decimals}f}" for one in x] for d in delta]
    sheet = {"dL/dZ1": [f"{d:.{decimals}f}" for d in delta], "dL/dW1": rows}
    report = problem.check(sheet)
    assert report["dL/dZ1"].verdict == ("imprecise" if decimals == 2 else "correct")
    assert (report["dL/dW1"].verdict, report["dL/dW1"].slips) == ("wrong", ("transposed",))


def test_the_derivative_of_a_number_by_what_it_is_made_of_has_a_formula() -> None:
    """ŷ(1 − ŷ) and x are printed, not the numbers alone."""
    problem = backprop.load(
        {
            "values": {"x": [1, 2], "w": [0.5, -0.25], "y": 1},
            "equations": ["z = w @ x", "yhat = sigmoid(z)", "L = (y - yhat)^2"],
            "ask": ["dyhat/dz", "dz/dw", "dz/dx"],
        }
    )
    solution = problem.solve()
    assert float(solution["dyhat/dz"]) == pytest.approx(0.25)
    np.testing.assert_allclose(solution["dz/dw"], [1, 2])
    np.testing.assert_allclose(solution["dz/dx"], [0.5, -0.25])
    steps = {step["id"]: step["formula"] for step in solution.trace["steps"]}
    assert steps["dyhat/dz"] == "yhat * (1 - yhat)"
    assert steps["dz/dw"] == "x"


@pytest.mark.parametrize(
    ("g", "v", "printed_w", "printed_v"),
    [
        ([0.1, 0.2], [0.5, 1.0], ["0.549", "1.098"], ["0.451", "0.902"]),
        ([0, 0], [0.5, 0.5], ["0.55", "1.55"], ["0.45", "0.45"]),
    ],
)
def test_momentum_that_is_taken_off(
    g: list[float], v: list[float], printed_w: list[str], printed_v: list[str]
) -> None:
    """v ← βv + ηg, W ← W − v: the rate is in v, and v is taken off."""
    rule = {"rule": "momentum", "form": "subtracted", "learning_rate": 0.01, "beta": 0.9}
    problem = backprop.load(
        {
            "values": {"w": [1, 2]},
            "gradients": {"w": g},
            "update": {**rule, "state": {"v_w": v}},
            "ask": ["v_w", "w_new"],
        }
    )
    report = problem.check({"v_w": printed_v, "w_new": printed_w})
    assert {result.verdict for result in report.results} == {"correct"}
    opposite = problem.check({"v_w": [f"-{one}" for one in printed_v]})
    assert opposite["v_w"].verdict == "wrong"


SOFTMAX = """
x: [1, 2]
y: [1, 0, 0]
layers:
  - {weights: [[0.4, -0.1], [0.3, 0.2], [-0.2, 0.5]], activation: softmax}
loss: cross-entropy
"""


def test_the_logits_taken_for_the_prediction_where_nobody_wrote_the_chain() -> None:
    """z − y for ŷ − y, as in a printed solution: a mistake in a formula that is not the first."""
    z = np.array([[0.4, -0.1], [0.3, 0.2], [-0.2, 0.5]]) @ [1, 2]
    yhat = np.exp(z) / np.exp(z).sum()
    sheet = {"Z1": z.round(4).tolist(), "Yhat": [f"{one:.4f}" for one in yhat]}
    wrong = backprop.load(SOFTMAX).check({**sheet, "dL/dZ1": (z - [1, 0, 0]).round(4).tolist()})
    assert wrong.first_wrong == "dL/dZ1"
    assert "wrong-operand" in wrong["dL/dZ1"].slips
    right = {**sheet, "dL/dZ1": [f"{one:.4f}" for one in yhat - [1, 0, 0]]}
    assert backprop.load(SOFTMAX).check(right).first_wrong is None


def test_what_is_given_from_outside_is_listed_under_a_name_of_the_field() -> None:
    """The gradient that comes back to Ŷ, and the velocity that is there before the first step."""
    upstream = {"x": [1, 2], "layers": [{"weights": [[1, 1]]}], "loss": "none"}
    text = backprop.load({**upstream, "upstream": {"Yhat": [3]}}).solve().render("text")
    assert "∂L/∂Ŷ = g(Ŷ) = 3" in text
    assert "upstream" not in text
    rule = {"rule": "momentum", "learning_rate": 0.1, "state": {"v_w": [0.5, 1]}}
    given = {"values": {"w": [1, 2]}, "gradients": {"w": [0.1, 0.2]}}
    started = backprop.load({**given, "update": rule}).solve().render("text")
    assert "v(w)⁻      optimizer state" in started
    del rule["state"]
    assert "v(w)⁻  " not in backprop.load({**given, "update": rule}).solve().render("text")


LINE = """
convention: {affine: x W + b}
x: [[1, 1], [2, 1], [3, 1], [4, 1]]
y: [2, 3, 4, 5]
layers:
  - weights: [[0], [0]]
loss: mean-squared-error
update: {rule: sgd, learning_rate: 0.01, steps: 100}
"""


def line_after(steps: int) -> list[float]:
    """The weights of a straight line after so many steps of gradient descent."""
    x, y, w = np.array([[1.0, 1], [2, 1], [3, 1], [4, 1]]), np.arange(2.0, 6), np.zeros(2)
    for _ in range(steps):
        w -= 0.01 * 2 * x.T @ (x @ w - y) / 4
    return w.tolist()


def test_what_a_long_training_ends_with_is_judged() -> None:
    """Printed by others after a hundred steps: 1.14905239 and 0.56176776."""
    assert np.allclose(line_after(100), [1.14905239, 0.56176776], atol=5e-9)
    problem = backprop.load(LINE)
    assert problem.check({"W1_new@100": "1.14905239 0.56176776"})["W1_new@100"].verdict == "correct"
    assert problem.check({"W1_new@100": "1.149 0.572"})["W1_new@100"].verdict == "wrong"


def test_of_many_late_steps_those_that_are_not_looked_at_are_not_called_missing() -> None:
    late = (40, 50, 60, 70, 80)
    sheet = {f"W1_new@{step}": line_after(step) for step in late}
    report = backprop.load(LINE).check({name: [f"{v:.4f}" for v in w] for name, w in sheet.items()})
    verdicts = [report[name].verdict for name in sheet]
    assert verdicts == ["not-judged", "not-judged", "correct", "correct", "correct"]
    assert "asks for it" in report["W1_new@40"].message


UNITS = """
convention: {affine: W^T x + b}
values: {z1: [3, -2], W: [[5, 1], [1, 2]]}
equations: [a1 = relu(z1), "z2 = W.T @ a1"]
upstream: {z2: [-3, 1]}
"""


def test_two_entries_of_a_quiz_are_not_called_nothing() -> None:
    """A quiz asks for ∂H/∂W₁₁ = 3 · (−3) and ∂H/∂W₂₁ = 0 · (−3) alone."""
    problem = backprop.load(UNITS)
    report = problem.check({"dL/da1": "-14 -1", "dL/dW[1,1]": "-9", "dL/dW[2,1]": "0"})
    assert [report["dL/da1"].verdict, report["dL/dW"].verdict] == ["correct", "missing"]
    lines = [line for line in report.render("text").splitlines() if "dL/dW " in line]
    assert len(lines) == 1
    assert "0.5/1" in lines[0]
    assert "not all of it" in lines[0]

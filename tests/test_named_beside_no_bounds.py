"""Slips in updates and signs named where one entry says nothing, or the rate stands in a state.

Each sheet is worked out in plain NumPy, rounded, and beside it one that is wrong in no known way.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import backprop_cli as backprop
from backprop_cli import Report

Array = np.ndarray[Any, Any]
X, Y = np.array([1.0, 2.0, 0.01]), np.array([-0.9])
W = np.array([[0.5, -0.3, 0.7]])
RATE, BETA = 0.1, 0.9
DELTA = W @ X - Y
GRADIENT = np.outer(DELTA, X)
ADAM = {"rule": "adam", "learning_rate": RATE}
V = np.array([[0.31, -0.42, 0.23]])
MOMENTUM = {"rule": "momentum", "learning_rate": RATE, "beta": BETA, "state": {"v_W1": V.tolist()}}


def typed(value: Array) -> Any:
    return np.round(value, 3).tolist()


def checked(update: dict[str, Any], answers: dict[str, Array]) -> Report:
    problem = backprop.load(
        {
            "x": X.tolist(),
            "y": Y.tolist(),
            "layers": [{"weights": W.tolist()}],
            "loss": "half-squared-error",
            "update": update,
            "grading": {"precision": {"decimals": 3}},
            "ask": ["Z1", "dL/dZ1", "dL/dW1", *answers],
        }
    )
    before = {"Z1": W @ X, "dL/dZ1": DELTA, "dL/dW1": GRADIENT}
    return problem.check({name: typed(value) for name, value in (before | answers).items()})


def adam(factor: float, last: float) -> Report:
    """Steps of m/√v times a factor; the last weight's v is 0.000, so that anything follows."""
    square = GRADIENT**2
    assert typed(square)[0][2] == 0
    new = W - factor * GRADIENT / np.sqrt(square)
    new[0, 2] = last
    return checked(ADAM, {"mhat_W1": GRADIENT, "vhat_W1": square, "W1_new": new})


def test_an_entry_of_which_nothing_is_known_is_nothing_against_a_name() -> None:
    assert "learning-rate-omitted" in adam(1.0, -0.3)["W1_new"].slips
    assert "learning-rate-omitted" in adam(1.0, 0.123)["W1_new"].slips


def test_it_is_nothing_for_one_either() -> None:
    assert "learning-rate-omitted" not in adam(1.3, -0.3)["W1_new"].slips
    assert "learning-rate-omitted" not in adam(0.7, -0.3)["W1_new"].slips


def momentum(velocity: Array) -> Report:
    """Someone who writes the right velocity down, and adds another one."""
    right = BETA * V - RATE * GRADIENT
    return checked(MOMENTUM, {"v_W1": right, "W1_new": W + velocity})


@pytest.mark.parametrize(
    ("rate", "name"),
    [(1.0, "learning-rate-omitted"), (RATE**2, "learning-rate-twice")],
)
def test_the_rate_is_lost_where_it_stands_in_the_velocity(rate: float, name: str) -> None:
    assert name in momentum(BETA * V - rate * GRADIENT)["W1_new"].slips
    for other in (0.37, 0.023):
        assert name not in momentum(BETA * V - other * GRADIENT)["W1_new"].slips


POINT = np.array([0.44, 0.66])
WEIGHTS = np.array([[1.07, 1.08], [1.13, -0.08], [-0.68, -1.48]])
ONE_HOT = np.array([0.0, 1.0, 0.0])


def softmax_sheet(delta: Array) -> Report:
    """The gradient of the logits by the chain rule is asked, and was written at once."""
    powers = np.exp(WEIGHTS @ POINT)
    out = powers / powers.sum()
    problem = backprop.load(
        {
            "x": POINT.tolist(),
            "y": ONE_HOT.tolist(),
            "layers": [{"weights": WEIGHTS.tolist(), "activation": "softmax"}],
            "loss": "cross-entropy",
            "grading": {"precision": {"decimals": 3}},
        }
    )
    before = {"Z1": WEIGHTS @ POINT, "Yhat": out, "dL/dYhat": -ONE_HOT / out}
    answers = before | {"dL/dZ1": delta}
    return problem.check({name: typed(value) for name, value in answers.items()})


def test_the_sign_of_the_logits_gradient_is_a_sign_and_no_other_operand() -> None:
    powers = np.exp(WEIGHTS @ POINT)
    out = np.round(powers / powers.sum(), 3)
    assert softmax_sheet(ONE_HOT - out)["dL/dZ1"].slips[0] == "sign-flipped"
    assert "wrong-operand" not in softmax_sheet(ONE_HOT - out)["dL/dZ1"].slips
    assert "sign-flipped" not in softmax_sheet(ONE_HOT - 1.1 * out)["dL/dZ1"].slips

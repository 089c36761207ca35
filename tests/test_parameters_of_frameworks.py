"""Arrays by the names of parameters, or in one list of all: the gradients, or the new values.

`{name: p.grad for name, p in model.named_parameters()}` has gradients under names of weights. The
right values are worked out here, with plain NumPy.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import backprop_cli as backprop
from backprop_cli import Report

X = np.array([[1.0, 2.0], [0.5, -1.0], [2.0, 0.3]])
Y = np.array([[1.0], [0.0], [1.0]])
W1 = np.array([[1.0, 0.2], [-1.0, 1.0], [0.3, -0.4]])
B1 = np.array([0.0, -1.0, 0.2])
W2 = np.array([[2.0, -1.0, 0.5]])
B2 = np.array([0.5])
RATE = 0.1
PROBLEM = backprop.load(
    {
        "convention": {"affine": "x W^T + b"},
        "x": X.tolist(),
        "y": Y.tolist(),
        "layers": [
            {"weights": W1.tolist(), "bias": B1.tolist(), "activation": "tanh"},
            {"weights": W2.tolist(), "bias": B2.tolist(), "activation": "sigmoid"},
        ],
        "loss": "binary-cross-entropy",
        "update": {"rule": "sgd", "learning_rate": RATE},
    }
)
NAMES = ("0.weight", "0.bias", "2.weight", "2.bias")
IDS = ("W1", "b1", "W2", "b2")


def gradients() -> list[np.ndarray[Any, Any]]:
    """Of W1, b1, W2 and b2: the mean over three samples, a row each."""
    hidden = np.tanh(X @ W1.T + B1)
    probability = 1 / (1 + np.exp(-(hidden @ W2.T + B2)))
    delta2 = (probability - Y) / len(X)
    delta1 = (delta2 @ W2) * (1 - hidden**2)
    return [delta1.T @ X, delta1.sum(0), delta2.T @ hidden, delta2.sum(0)]


def stepped() -> list[np.ndarray[Any, Any]]:
    return [old - RATE * one for old, one in zip([W1, B1, W2, B2], gradients(), strict=True)]


def verdicts(report: Report) -> dict[str, str]:
    return {one.id: one.verdict for one in report if one.verdict != "missing"}


def notes(report: Report) -> str:
    return " ".join(str(report).split())


ALL_RIGHT = {f"dL/d{id}": "correct" for id in IDS}


def test_gradients_under_names_of_parameters_are_gradients() -> None:
    report = PROBLEM.check(dict(zip(NAMES, gradients(), strict=True)))
    assert verdicts(report) == ALL_RIGHT
    assert "read as gradients, whose numbers are under these names: `0.weight`" in notes(report)


@pytest.mark.parametrize("wrong", range(4))
def test_one_wrong_gradient_among_them_is_a_wrong_gradient(wrong: int) -> None:
    arrays = gradients()
    arrays[wrong] = arrays[wrong] * 3
    report = PROBLEM.check(dict(zip(NAMES, arrays, strict=True)))
    assert verdicts(report) == ALL_RIGHT | {f"dL/d{IDS[wrong]}": "wrong"}


def test_turned_gradients_are_found_as_well() -> None:
    one, two, three, four = gradients()
    report = PROBLEM.check(dict(zip(NAMES, [one.T, two, three.T, four], strict=True)))
    assert verdicts(report) == ALL_RIGHT


def test_new_values_under_names_of_parameters_stay_new_values() -> None:
    report = PROBLEM.check(dict(zip(NAMES, stepped(), strict=True)))
    assert verdicts(report) == {f"{id}_new": "correct" for id in IDS}


def test_where_gradients_have_names_parameters_are_none() -> None:
    one, *_ = gradients()
    report = PROBLEM.check({"0.weight": one, "dL/dW1": one})
    assert verdicts(report) == {"dL/dW1": "correct"}
    assert "read as gradients" not in notes(report)


def test_what_is_neither_is_not_taken_for_gradients() -> None:
    report = PROBLEM.check({"0.weight": W1 + 5, "loss": 0.5})
    assert "is not what the problem starts from" in notes(report)
    assert "dL/dW1" not in verdicts(report)


def test_as_many_new_values_as_gradients_are_no_gradients() -> None:
    arrays = [gradients()[0], *stepped()[1:2]]
    report = PROBLEM.check(dict(zip(NAMES, arrays, strict=False)))
    assert "dL/dW1" not in verdicts(report)


@pytest.mark.parametrize("name", ["grads", "gradients"])
def test_a_list_of_all_gradients_is_in_the_order_of_the_parameters(name: str) -> None:
    arrays = gradients()
    assert verdicts(PROBLEM.check({name: arrays})) == ALL_RIGHT
    arrays[1] = -arrays[1]
    assert verdicts(PROBLEM.check({name: arrays})) == ALL_RIGHT | {"dL/db1": "wrong"}


@pytest.mark.parametrize("name", ["params", "new_params", "weights"])
def test_so_is_a_list_of_all_new_values(name: str) -> None:
    report = PROBLEM.check({name: stepped()})
    assert verdicts(report) == {f"{id}_new": "correct" for id in IDS}


def test_a_list_in_another_order_is_not_guessed() -> None:
    report = PROBLEM.check({"grads": gradients()[::-1]})
    assert report.error is not None
    assert "there is no quantity `grads/0`" in notes(report)


def test_what_the_problem_states_is_nothing_to_grade() -> None:
    report = PROBLEM.check(dict(zip(NAMES, [W1, B1, W2, B2], strict=True)))
    assert "all of it is what the problem states: `0.weight`, `0.bias`," in notes(report)

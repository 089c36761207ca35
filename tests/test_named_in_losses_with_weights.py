"""Slips in losses with weights of their own, and in units around a centre: worked out in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import backprop_cli as backprop

FOCAL = """
values: {x: [0.5, -1.5], w: [1, 0.4], b: 0.2, gamma: 2, alpha: 0.25}
equations:
  - z = w @ x + b
  - p = sigmoid(z)
  - L = -alpha * (1 - p)^gamma * ln(p)
train: [w, b]
"""
CENTRES = """
values: {x: [1, 2], c1: [0, 1], c2: [2, 2], beta: [0.5, 1], w: [1, -2], y: 0}
equations:
  - d1 = sum((x - c1)^2)
  - d2 = sum((x - c2)^2)
  - phi = exp(-beta * [d1, d2])
  - L = (y - w @ phi)^2 / 2
train: [beta, w]
"""
P = 1 / (1 + np.exp(-0.1))  # z = 0.5 - 0.6 + 0.2


def typed(value: Any) -> Any:
    return f"{value:.4f}" if np.ndim(value) == 0 else [typed(one) for one in value]


def slips(text: str, **answers: Any) -> tuple[str, ...]:
    found = backprop.load(text).check({id: typed(value) for id, value in answers.items()})
    *_, last = answers
    return found[last].slips


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (-((1 - P) ** 2) * np.log(P), ("factor-left-out",)),
        (-0.25 * (1 - P) * np.log(P), ("power-left-out",)),
        (-0.25 * (1 - P) ** 2 * np.log(P) * 3.1, ()),
    ],
)
def test_a_weight_of_the_loss_is_no_target(value: float, named: tuple[str, ...]) -> None:
    assert slips(FOCAL, z=0.1, p=P, L=value) == named


def test_a_factor_left_out_of_an_exponent_leaves_its_sign() -> None:
    d = np.array([2.0, 1.0])
    assert slips(CENTRES, d1=2.0, d2=1.0, phi=np.exp(-d)) == ("factor-left-out",)
    assert slips(CENTRES, d1=2.0, d2=1.0, phi=np.exp(-0.7 * d)) == ()


SCORES = """
values:
  E: [[1, 0.2], [0.5, 1.5]]
  T: [[0.4, -0.2], [0.1, 0.6]]
  k: [0.2, 0.9]
equations:
  - f = E[2] + logsumexp(T + column(E[1]), axis=0)
  - a = softmax(f)
  - C = sum(min(a, k))
  - d = sum((a - k)^2)
  - L = C + d
train: [E, T]
"""
E, T, K = (
    np.array([[1, 0.2], [0.5, 1.5]]),
    np.array([[0.4, -0.2], [0.1, 0.6]]),
    np.array([0.2, 0.9]),
)
PATHS = T + E[0][:, None]
F = E[1] + np.log(np.exp(PATHS).sum(axis=0))
A = np.exp(F) / np.exp(F).sum()


@pytest.mark.parametrize(
    ("answers", "named"),
    [
        ({"f": E[1] + PATHS.max(axis=0)}, ("wrong-activation",)),
        ({"f": E[1] + PATHS.max(axis=0) + 0.0137}, ()),
        ({"f": F, "a": A, "C": np.maximum(A, K).sum()}, ("wrong-activation",)),
        ({"f": F, "a": A, "C": np.minimum(A, K).sum(), "d": np.sqrt(((A - K) ** 2).sum())},
         ("power-left-out",)),
    ],
)  # fmt: skip
def test_another_function_has_a_name(answers: dict[str, Any], named: tuple[str, ...]) -> None:
    assert slips(SCORES, **answers) == named


SMOOTHED = """
x: [1, 2]
y: [0.9, 0.05, 0.05]
layers:
  - {weights: [[1, 0], [0.5, -0.5], [-1, 0.3]], bias: [0, 0.1, -0.1], activation: softmax}
loss: cross-entropy
"""


def test_a_target_that_is_shared_out_is_one() -> None:
    z = np.array([1.0, -0.4, -0.5])
    p = np.exp(z) / np.exp(z).sum()
    moved = np.array([0.05, 0.9, 0.05])
    found = slips(SMOOTHED, Z1=z, Yhat=p, L=-(moved * np.log(p)).sum())
    assert "wrong-target" in found

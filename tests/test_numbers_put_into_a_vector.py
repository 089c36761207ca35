"""What comes back to numbers that were put into a vector: in their own entries, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import backprop_cli as backprop

ATTENTION = """
values:
  x: [[1, 0], [0, 1], [-1, 1]]
  U: [[0.5, -0.2], [0.3, 0.4]]
  s: [0.4, -0.6]
  y: [0.1, 0.3]
equations:
  - for t in 1..3:
      - h_t = tanh(U @ x[t])
      - e_t = dot(s, h_t)
  - a = softmax([e_1, e_2, e_3])
  - c = a[1] * h_1 + a[2] * h_2 + a[3] * h_3
  - L = half_squared_error(c, y)
train: [U, s]
"""
CENTRES = """
values: {x: [1, 2], c1: [0, 1], c2: [2, 3], beta: [0.5, 1], w: [1, -2], y: 0}
equations:
  - d1 = sum((x - c1)^2)
  - d2 = sum((x - c2)^2)
  - phi = exp(-beta * [d1, d2])
  - L = (w @ phi - y)^2 / 2
train: [c1, c2]
"""


STACKED = """
values: {A: [[1, 2], [3, 4]], u: 1, v: 2}
equations:
  - z = A @ [u, v]
  - L = sum(z^2)
"""


def test_a_score_has_its_own_entries() -> None:
    solution = backprop.load(ATTENTION).solve()
    H = np.tanh(np.array([[1, 0], [0, 1], [-1, 1]]) @ np.array([[0.5, -0.2], [0.3, 0.4]]).T)
    e = H @ [0.4, -0.6]
    a = np.exp(e) / np.exp(e).sum()
    da = H @ (a @ H - [0.1, 0.3])
    for t in range(3):
        wanted = a[t] * (da[t] - a @ da)
        assert solution[f"dL/de_{t + 1}"] == pytest.approx(wanted, rel=1e-12)
    text = solution.render("text", ascii=False)
    assert "∂L/∂eₜ = aₜ · ((∂L/∂a)ₜ − Σ a ⊙ ∂L/∂a)\n" in text


def test_products_are_taken_apart_and_matrices_are_not() -> None:
    solution = backprop.load(CENTRES).solve()
    d = np.array([2.0, 2.0])
    phi = np.exp(-np.array([0.5, 1]) * d)
    wanted = -((np.array([1, -2]) @ phi) * np.array([1, -2])) * phi * [0.5, 1]
    assert [solution["dL/dd1"], solution["dL/dd2"]] == pytest.approx(wanted, rel=1e-12)
    text = solution.render("text", ascii=False)
    assert "∂L/∂d₁ = −(∂L/∂φ)₁ · φ₁ · β₁ = " in text
    solution = backprop.load(STACKED).solve()
    assert "∂L/∂u = (Aᵀ ∂L/∂z)₁" in solution.render("text", ascii=False)
    assert solution["dL/du"] == pytest.approx(2 * (5 * 1 + 11 * 3), rel=1e-12)

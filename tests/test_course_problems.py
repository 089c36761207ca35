"""Exercises as courses set them, against their forward pass written once more in plain NumPy.

Gradients are compared with central differences of that forward pass, so that nothing of the
program's own rules is used; `lint` has to come to an end on each, too.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import SimpleNamespace as Values
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from backprop_cli.cli import main

Array = NDArray[np.float64]
Loss = Callable[[Any], Any]

COURSES = Path(__file__).resolve().parent / "cases" / "courses"
STEP = 1e-6


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def softmax(z: Any, axis: int = 0) -> Any:
    powers = np.exp(z - z.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def windows(picture: Any, kernel: Any) -> Any:
    rows, columns = (p - k + 1 for p, k in zip(picture.shape, kernel.shape, strict=True))
    high, wide = kernel.shape
    return np.array(
        [
            [(picture[i : i + high, j : j + wide] * kernel).sum() for j in range(columns)]
            for i in range(rows)
        ]
    )


def recurrent(v: Any) -> Any:
    state, loss = v.h0, 0.0
    for x, y in ((v.x1, v.y1), (v.x2, v.y2), (v.x3, v.y3)):
        state = np.tanh(v.U @ x + v.W @ state + v.b)
        loss -= (y * np.log(softmax(v.V @ state))).sum()
    return loss


def attention(v: Any) -> Any:
    weights = softmax(v.Q @ v.K.T / np.sqrt(2) + v.M, axis=1)
    return (np.array([[1, 0], [0, 1], [1, 1]]) * (weights @ v.V)).sum()


def normalised(v: Any) -> Any:
    centred = v.X - v.X.mean(axis=0)
    scaled = centred / np.sqrt((centred**2).mean(axis=0) + 1e-5)
    return ((scaled * v.gamma + v.beta - v.Y) ** 2).sum() / 2


def dropout(v: Any) -> Any:
    kept = np.maximum(v.W1 @ v.x + v.b1, 0) * v.r / v.p
    return ((v.W2 @ kept - v.y) ** 2).sum() / 2


def variational(v: Any) -> Any:
    mean, log_variance = v.Wm @ v.x, v.Ws @ v.x
    shown = sigmoid(v.Wd @ (mean + np.exp(log_variance / 2) * v.eps))
    lost = -(v.x * np.log(shown) + (1 - v.x) * np.log(1 - shown)).sum()
    return lost + (np.exp(log_variance) + mean**2 - 1 - log_variance).sum() / 2


def graph(v: Any) -> Any:
    hidden = np.maximum(v.A @ v.X @ v.W, 0)
    return -(v.Y * np.log(softmax(v.A @ hidden @ v.V, axis=1))).sum()


def triplet(v: Any) -> Any:
    near, far = v.W @ (v.a - v.p), v.W @ (v.a - v.n)
    return max(0.0, near @ near - far @ far + v.m)


def hinges(v: Any) -> Any:
    scores = v.W @ v.x + v.b
    return (v.m * np.maximum(0, scores - scores[0] + 1)).sum()


def pooled(v: Any) -> Any:
    units = np.maximum(windows(v.I, v.W), 0)
    return sum((units[:, k : k + 2].max() - t) ** 2 for k, t in ((0, v.T[0]), (2, v.T[1]))) / 2


def largest(v: Any) -> Any:
    blocks = v.X.reshape(2, 2, 2, 2).max(axis=(1, 3))
    return (np.array([[1, 2], [3, 4]]) * blocks).sum()


def through_windows(v: Any) -> Any:
    return (np.array([[1, 0], [1, 2]]) * sigmoid(windows(v.X, v.K))).sum()


LOSSES: dict[str, tuple[Loss, str]] = {
    "multiclass-hinge": (hinges, "W b"),
    "recurrent-every-step": (recurrent, "U W b V"),
    "masked-attention": (attention, "Q K V"),
    "convolution": (
        lambda v: ((np.maximum(np.correlate(v.x, v.w) + v.b, 0) - v.y) ** 2).sum() / 2,
        "w b",
    ),
    "convolution-of-a-picture": (through_windows, "X K"),
    "convolution-by-shifts": (through_windows, "K"),
    "max-pooling": (largest, "X"),
    "batch-norm": (normalised, "X gamma beta"),
    "dropout": (dropout, "W1 b1 W2"),
    "variational": (variational, "Wm Ws Wd"),
    "graph-convolution": (graph, "W V"),
    "triplet": (triplet, "W"),
    "convolution-relu-pooling": (pooled, "W I"),
    "shared-numbers": (lambda v: ((v.K[0] * v.X + v.K[1] * v.X.T) ** 2).sum(), "K"),
    "word-vectors": (lambda v: -(v.y * np.log(softmax(v.U @ v.v))).sum(), "U v"),
}
ALL = sorted(path.stem for path in COURSES.glob("*.yaml"))


def run(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(main, [*words])
    assert done.exit_code == code, done.output
    return done.stdout


@cache
def trace(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        run("solve", str(COURSES / f"{name}.yaml"), "--format", "json")
    )
    return found


def steps(name: str) -> dict[str, Any]:
    return {step["id"]: np.array(step["value"], float) for step in trace(name)["steps"]}


def differences(loss: Loss, given: dict[str, Array], by: str) -> Array:
    slope = np.zeros_like(given[by])
    for place in np.ndindex(slope.shape):
        moved = []
        for step in (STEP, -STEP):
            there = given[by].copy()
            there[place] += step
            moved.append(float(loss(Values(**{**given, by: there}))))
        slope[place] = (moved[0] - moved[1]) / (2 * STEP)
    return slope


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_those_of_the_forward_pass(name: str) -> None:
    loss, parameters = LOSSES[name]
    given = {id: np.array(value, float) for id, value in trace(name)["given"].items()}
    found = steps(name)
    if trace(name)["loss"] is not None and "L" in found:
        np.testing.assert_allclose(found["L"], loss(Values(**given)), rtol=1e-9)
    for by in parameters.split():
        [gradient] = [value for id, value in found.items() if id in (f"dL/d{by}", f"dJ/d{by}")]
        expected = differences(loss, given, by)
        np.testing.assert_allclose(gradient, expected, rtol=1e-6, atol=1e-7, err_msg=by)


def test_a_gradient_s_own_derivative() -> None:
    """Xᵀ diag(p (1 - p)) X is that of the gradient Xᵀ (p - y)."""
    X, w = np.array([[1, 2], [1, -1], [1, 0.5]]), np.array([0.1, 0.2])
    p = sigmoid(X @ w)
    found = steps("second-derivatives")["dg/dw"]
    np.testing.assert_allclose(found, X.T @ np.diag(p * (1 - p)) @ X, rtol=1e-12)


@pytest.mark.parametrize("name", ["saturated", "saturated-two-sided"])
def test_saturated_classes(name: str) -> None:
    """z = 400, -800, 3: the powers of all but the first are nothing beside e^400."""
    found = steps(name)
    np.testing.assert_allclose(found["Yhat"], [1, 0, 0], atol=1e-170)
    assert found["Z1"].tolist() == [400, -800, 3]
    if name == "saturated":  # -ln ŷ₂ = 400 + 800, and ŷ - y goes back
        assert found["L"] == pytest.approx(1200)
        np.testing.assert_allclose(found["dL/dZ1"], [1, -1, 0], atol=1e-15)


@pytest.mark.parametrize("name", ALL)
def test_lint_comes_to_an_end(name: str) -> None:
    done = CliRunner().invoke(main, ["lint", str(COURSES / f"{name}.yaml")])
    assert done.exit_code in (0, 1), done.output

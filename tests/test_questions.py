"""The 75 questions of the published exercises: the command for each, and what its answer ends in.

Figures are worked out here in plain NumPy; last lines are those of the textbook. Where a published
solution differs, docs/published.md says so, and another test shows it.
"""

from __future__ import annotations

import shlex
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import backprop_cli as backprop
from backprop_cli.cli import main

ROOT = Path(__file__).resolve().parent.parent / "problems"
TENSOR = "derive letters/relu-softmax.yaml --of Yhat --wrt W1"
ONE = "derive letters/relu-softmax.yaml --of Yhat --wrt W1[i,j]"
TANH = "derive letters/minibatch-tanh.yaml"
TANH_BY = f"{TANH} --of L --wrt"
ROWS = "derive letters/minibatch-relu.yaml --index"
UNITS = "derive exponential-units.yaml --index"
LAYER = "derive letters/sigmoid-layer.yaml --of u --wrt"
SQUARES = "derive squared-distance.yaml --of L --wrt"
LOGISTIC = "derive logistic-loss.yaml"
INTERVAL = "solve functions/threshold-interval.yaml"
TRIANGLE = "solve functions/threshold-triangle.yaml"
FIRST, SECOND = (
    "solve bias-first-row.yaml --entry W2[1,1]",
    "solve bias-first-row.yaml --entry W1[2,1]",
)

ENDS: dict[str, tuple[str, *tuple[str, ...]]] = {
    "0.1": ("derive letters/relu-softmax.yaml", "Z¹ = (W¹)ᵀ x + b¹", "H¹ = ReLU(Z¹)", "(K)"),
    "0.2": (TENSOR, "∂Ŷ/∂W¹ = ∂Z¹/∂W¹ ∂H¹/∂Z¹ ∂Z²/∂H¹ ∂Ŷ/∂Z²", "denominator layout"),
    "0.3": (TENSOR, "= Ŷₘ · (1 − Ŷₘ)", "= −Ŷₖ · Ŷₘ", "∂Ŷ/∂Z² = diag(Ŷ) − Ŷ Ŷᵀ (K×K)"),
    "0.4": (TENSOR, "∂Z²/∂H¹ = W² (N₁×K)"),
    "0.5": (TENSOR, "∂H¹/∂Z¹ = diag(1{Z¹ > 0}) (N₁×N₁)"),
    "0.6": (TENSOR, "= xᵢ · 1{r = j}", "r = 1 r = 2 r = N₁"),
    "0.7": (TENSOR, "(N×N₁×N₁) (N₁×N₁) (N₁×K) (K×K)", "= (N×N₁×K)"),
    "0.8": (ONE, "W¹ᵢⱼ → Z¹ⱼ → H¹ⱼ → Z²ₘ → Ŷₖ for every m"),
    "0.9": (ONE, "∂Z¹ⱼ/∂W¹ᵢⱼ", "= Σₘ Ŷₖ · (1{m = k} − Ŷₘ) · W²ⱼₘ · 1{Z¹ⱼ > 0} · xᵢ"),
    "0.10": (ONE, "∂Ŷₖ/∂W¹ᵢⱼ = Ŷₖ · 1{Z¹ⱼ > 0} · xᵢ · (W²ⱼₖ − Σₘ Ŷₘ · W²ⱼₘ)"),
    "1.1": ("derive --function sigmoid", "= exp(−z) / (1 + exp(−z))²", "= f · (1 − f)"),
    "1.2": ("derive --function tanh", "= (cosh(z)² − sinh(z)²) / cosh(z)²", "= 1 − f²"),
    "1.3": ("derive --function relu", "Case z > 0", "Case z < 0", "Case z = 0"),
    "1.4": (TANH, "Z¹ = X W¹ + b¹", "H¹ = tanh(Z¹)", "Ŷ = softmax(Z²)", "L = −Σ Y ⊙ ln Ŷ / N"),
    "1.5": ("derive --function softmax", "= ŷⱼ · (1 − ŷⱼ)", "= −ŷᵢ · ŷⱼ"),
    "1.6": (f"{TANH_BY} Z2", "Σ y = 1", "∂L/∂Z²ₙⱼ = (Ŷₙⱼ − Yₙⱼ) / N"),
    "1.7": (TANH, "δ² = (Ŷ − Y) / N", "δ¹ = ∂L/∂H¹ ⊙ (1 − (H¹)²)"),
    "1.8": (f"{TANH_BY} W2", "∂L/∂W² = (H¹)ᵀ δ²", "= Σₙ H¹ₙᵢ · (Ŷₙⱼ − Yₙⱼ) / N"),
    "1.9": (f"{TANH_BY} b2", "∂L/∂b²ⱼ = Σₙ (Ŷₙⱼ − Yₙⱼ) / N"),
    "1.10": (f"{TANH_BY} W1", "= Σₙ (1 − H¹ₙⱼ²) · Xₙᵢ · Σₚ W²ⱼₚ · (Ŷₙₚ − Yₙₚ) / N"),
    "1.11": (f"{TANH_BY} b1", "= Σₙ (1 − H¹ₙⱼ²) · Σₚ W²ⱼₚ · (Ŷₙₚ − Yₙₚ) / N"),
    "2.1a": ("derive threshold-interval.yaml", "(5×2)", "(5×1)"),  # N_h = 2, N_o = 1
    "2.1b": (INTERVAL, "z¹₁ = x − 1 z¹₂ = x − 3", "z¹₁ against x"),
    "2.1c": (INTERVAL, "u¹₁ = step(z¹₁) = ⎧ 0 where x < 1 ⎩ 1 where x ≥ 1", "○", "●"),
    "2.1d": (INTERVAL, "⎧ ½ where x < 1 = ⎨ −½ where 1 ≤ x < 3 ⎩ 1.5 where x ≥ 3"),
    "2.1e": (INTERVAL, "ŷ₁ = 1 exactly where x < 1 or x ≥ 3"),
    "2.2c": ("solve threshold-new-point.yaml", "(2) [1.5 −0.5]", "Ŷ prediction (1) [1]"),
    "2.3a": (TRIANGLE, "z¹₃ = x₁ + x₂ − 1", "1 where x₁ + x₂ ≥ 1"),
    "2.3b": (TRIANGLE, "ŷ₁ = 1 exactly where x₁ ≥ 0, x₂ ≥ 0, x₁ + x₂ < 1", "█ where ŷ₁ is 1"),
    "2.4a": ("derive letters/letters.yaml", "parameters together: 427 · Nₕ + 26", "softmax"),
    "2.4b": ("derive letters/speech.yaml", "parameters together: 122 · Nₕ + 1", "σ(Z²)"),
    "2.4c": ("derive letters/prices.yaml", "parameters together: 7 · Nₕ + 1", "Ŷ = Z²"),
    "2.5a": ("solve minibatch-tanh.yaml --format python", "Z1 = X @ W1 + b1", "H1 = np.tanh(Z1)"),
    "2.5b": ("solve bias-first-row.yaml --format python", "Yhat = sigmoid(Z2)"),
    "2.5c": ("solve minibatch-tanh.yaml --format python", "Yhat = softmax(Z2, axis=1)"),
    "2.6": ("derive --expression 'x1 + x2*x3, x1^2 + 3*x2'", "⎡ 1 x₃ x₂⎤", "⎣2 · x₁ 3 0 ⎦"),
    "2.7a": (f"{LOGISTIC} --of J --wrt z", "∂J/∂zⱼ = σ(zⱼ) − yⱼ"),
    "2.7b": (f"{LOGISTIC} --of z --wrt w", "∂zₖ/∂wⱼ = Xₖⱼ"),
    "2.7b, b": (f"{LOGISTIC} --of z --wrt b", "∂zₖ/∂b = 1"),
    "2.7c": (f"{LOGISTIC} --of J --wrt w", "∂J/∂wⱼ = Σₘ (σ(zₘ) − yₘ) · Xₘⱼ"),
    "2.7c, b": (f"{LOGISTIC} --of J --wrt b", "∂J/∂b = Σₘ (σ(zₘ) − yₘ)"),
    "2.8a": (f"{LAYER} z", "∂uₖ/∂zⱼ = uₖ · (1 − uₖ) · 1{k = j}"),
    "2.8b": (f"{LAYER} W", "∂uₖ/∂Wᵢⱼ = uₖ · (1 − uₖ) · xⱼ · 1{k = i}"),
    "2.8b, b": (f"{LAYER} b", "∂uₖ/∂bⱼ = uₖ · (1 − uₖ) · 1{k = j}"),
    "2.8c": (f"{LAYER} x", "∂uₖ/∂xⱼ = uₖ · (1 − uₖ) · Wₖⱼ"),
    "2.9a": (f"{SQUARES} z", "∂L/∂zⱼ = 2 · (zⱼ − yⱼ)"),
    "2.9b": (f"{SQUARES} W", "∂L/∂Wᵢⱼ = 2 · (zᵢ − yᵢ) · xⱼ"),
    "2.9b, b": (f"{SQUARES} b", "∂L/∂bⱼ = 2 · (zⱼ − yⱼ)"),
    "2.9c": (f"{SQUARES} x", "∂L/∂xⱼ = 2 · Σₘ (zₘ − yₘ) · Wₘⱼ"),
    "2.10": (ROWS, "(∂L/∂z²)ᵢₖ = (∂L/∂ŷ)ᵢₖ", "(∂L/∂ŷ)ᵢₖ = exp(ŷᵢₖ) / (Σₚ exp(ŷᵢₚ)) − Yᵢₖ"),
    "2.11": (
        ROWS,
        "(∂L/∂W²)ₖⱼ = Σᵢ (∂L/∂z²)ᵢₖ · u¹ᵢⱼ",
        "(∂L/∂b²)ₖ = Σᵢ (∂L/∂z²)ᵢₖ",
        "(∂L/∂u¹)ᵢⱼ = Σₖ (∂L/∂z²)ᵢₖ · W²ₖⱼ",
    ),
    "2.12": (ROWS, "(∂L/∂z¹)ᵢⱼ = (∂L/∂u¹)ᵢⱼ · 1{z¹ᵢⱼ > 0}"),
    "2.13": (ROWS, "(∂L/∂W¹)ⱼₘ = Σᵢ (∂L/∂z¹)ᵢⱼ · Xᵢₘ", "(∂L/∂b¹)ⱼ = Σᵢ (∂L/∂z¹)ᵢⱼ"),
    "2.14": ("draw exponential-units.yaml", "Z = X Wᵀ + bᵀ", "U = exp(Z)", "ŷ = U α"),
    "2.15": (
        UNITS,
        "(∂L/∂α)ⱼ = Σᵢ Uᵢⱼ · (∂L/∂ŷ)ᵢ",
        "(∂L/∂Z)ᵢⱼ = (∂L/∂U)ᵢⱼ · Uᵢⱼ",
        "(∂L/∂W)ⱼₘ = Σᵢ (∂L/∂Z)ᵢⱼ · Xᵢₘ",
    ),
    "3.1": ("draw bias-first-row.yaml --network --ascii", "layer 1: sigmoid", "output: sigmoid"),
    "3.2": ("derive bias-first-row.yaml", "(3×2)", "(3×1)"),
    "3.9": (FIRST, "Path L ← Ŷ₁ ← Z²₁ ← W²₁₁", "= −0.0462"),
    "3.10": (SECOND, "Path L ← Ŷ₁ ← Z²₁ ← H¹₁ ← Z¹₁ ← W¹₂₁", "= −0.2312"),
}


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def two_units() -> dict[str, Any]:
    """The network of question 0 in plain NumPy: forward, back, one step of 0.5, forward."""
    x, y = np.array([1, 0]), np.array([0, 1])
    W1, b1 = np.array([[3.0, 6], [4, 5]]), np.array([1.0, -6])
    W2, b2 = np.array([[2.0, 3], [4, 3]]), np.array([-1.0, -2])

    def forward() -> tuple[Any, ...]:
        z = W1.T @ x + b1
        h = sigmoid(z)
        out = W2.T @ h + b2
        p = np.exp(out) / np.exp(out).sum()
        return z, h, out, p, -np.log(p[1])

    z, h, out, p, loss = forward()
    back = W2 @ (p - y)
    hidden = back * h * (1 - h)
    found = {"Z1": z, "H1": h, "Z2": out, "Yhat": p, "L": loss, "dL/dYhat": -y / p, "dL/dH1": back}
    found |= {"dL/db2": p - y, "dL/dW2": np.outer(h, p - y)}
    found |= {"dL/db1": hidden, "dL/dW1": np.outer(x, hidden)}
    W1, b1 = W1 - 0.5 * found["dL/dW1"], b1 - 0.5 * hidden
    W2, b2 = W2 - 0.5 * found["dL/dW2"], b2 - 0.5 * (p - y)
    found |= {"W1_new": W1, "b1_new": b1, "W2_new": W2, "b2_new": b2, "L_new": forward()[-1]}
    assert found["L_new"] < loss
    return found


def bias_first() -> dict[str, Any]:
    h = sigmoid(np.array([-1 - 4 + 5, 2 + 2 + 20]))
    out = 1 + 2 * h[0] - 4 * h[1]
    p = sigmoid(out)
    return {"H1": h, "Z2": [out], "Yhat": [p], "class": 0, "L": (p - 1) ** 2 / 2, "Z1": [0, 24]}


FIGURES = {
    "0.11": ("sigmoid-softmax", two_units, "Z1 H1"),
    "0.12": ("sigmoid-softmax", two_units, "Z2 Yhat"),
    "0.13": ("sigmoid-softmax", two_units, "L"),
    "0.14": ("sigmoid-softmax", two_units, "dL/dYhat"),
    "0.15": ("sigmoid-softmax", two_units, "dL/dH1 dL/db2 dL/dW2"),
    "0.16": ("sigmoid-softmax", two_units, "dL/db1 dL/dW1"),
    "0.17": ("sigmoid-softmax", two_units, "W1_new b1_new W2_new b2_new"),
    "0.18": ("sigmoid-softmax", two_units, "L_new"),
    "2.2b": (
        "threshold-points",
        lambda: {
            "Z1": [[-2, -4], [-1, -3], [1, -1], [3, 1]],
            "H1": [[0, 0], [0, 0], [1, 0], [1, 1]],
            "Z2": [[-0.5], [-0.5], [0.5], [-1.5]],
            "Yhat": [[0], [0], [1], [0]],
        },
        "Z1 H1 Z2 Yhat",
    ),
    "3.3": ("bias-first-row", bias_first, "Z1"),
    "3.4": ("bias-first-row", bias_first, "H1"),
    "3.5": ("bias-first-row", bias_first, "Z2"),
    "3.6": ("bias-first-row", bias_first, "Yhat"),
    "3.7": ("bias-first-row", bias_first, "class"),
    "3.8": ("bias-first-row", bias_first, "L"),
}


@cache
def said(command: str) -> str:
    """What the command writes, spaces and line ends as one space."""
    done = CliRunner().invoke(main, shlex.split(command))
    assert done.exit_code == 0, done.output
    return " ".join(done.stdout.split())


@cache
def values(name: str) -> dict[str, Any]:
    trace = backprop.load(ROOT / f"{name}.yaml").solve().trace
    return {step["id"]: step["value"] for step in trace["steps"]}


def test_every_question_is_asked() -> None:
    """18, 11, 36 and 10 in the four exercises; one of them is a search, below."""
    asked = {*FIGURES, *ENDS, "2.2a"}
    counts = [sum(number.startswith(f"{part}.") for number in asked) for part in range(4)]
    assert counts == [18, 11, 36, 10]
    assert len(asked) == len(FIGURES) + len(ENDS) + 1 == 75


@pytest.mark.parametrize("number", ENDS)
def test_the_answer_ends_as_the_textbook_s(number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    command, *wanted = ENDS[number]
    text = said(command)
    for each in wanted:
        assert each in text, each


@pytest.mark.parametrize("number", FIGURES)
def test_the_figures(number: str) -> None:
    name, worked_out, ids = FIGURES[number]
    wanted = worked_out()
    for id in ids.split():
        found = np.array(values(name)[id], float)
        np.testing.assert_allclose(found, wanted[id], rtol=1e-9, atol=1e-12, err_msg=id)


def test_a_network_for_four_points_is_found(tmp_path: Path) -> None:
    """2.2a: 1 exactly at 3, of the points 0, 1, 3 and 5: two hidden units are needed and found."""
    points, found = tmp_path / "points.yaml", tmp_path / "found.yaml"
    points.write_text("x: [[0], [1], [3], [5]]\ny: [0, 0, 1, 0]\n", encoding="utf-8")
    said(f"new --separate {points} -o {found}")
    steps = {step["id"]: step["value"] for step in backprop.load(found).solve().trace["steps"]}
    assert np.ravel(steps["Yhat"]).tolist() == [0, 0, 1, 0]
    assert np.shape(steps["H1"])[-1] == 2 or np.shape(steps["H1"])[0] == 2

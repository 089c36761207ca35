"""`concat` where sizes are letters: what comes back to each part, and whatever reads sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

import backprop_cli as backprop
from backprop_cli.cli import main

EQUATIONS = [
    "v = concat(h0, x)",
    "z = W @ v + b",
    "h = tanh(z)",
    "L = half_squared_error(h, y)",
]
SHAPES = {"W": ["n", "n+d"], "x": ["d"], "h0": ["n"], "b": ["n"], "y": ["n"]}
GATE: dict[str, Any] = {"shapes": SHAPES, "equations": EQUATIONS, "train": ["W", "b", "h0", "x"]}
ALONE = GATE | {"equations": ["z = W @ concat(h0, x) + b", *EQUATIONS[2:]]}

LSTM: dict[str, Any] = {
    "shapes": {
        **{f"W{gate}": ["n", "n+d"] for gate in "fiog"},
        **{f"b{gate}": ["n"] for gate in "fiog"},
        "x": ["T", "d"],
        "h_0": ["n"],
        "c_0": ["n"],
        "y": ["n"],
    },
    "equations": [
        {
            "for t in 1..T": [
                "v_t = concat(h_{t-1}, x[t])",
                "f_t = sigmoid(Wf @ v_t + bf)",
                "i_t = sigmoid(Wi @ v_t + bi)",
                "o_t = sigmoid(Wo @ v_t + bo)",
                "g_t = tanh(Wg @ v_t + bg)",
                "c_t = f_t * c_{t-1} + i_t * g_t",
                "h_t = o_t * tanh(c_t)",
            ]
        },
        "L = half_squared_error(h_T, y)",
    ],
    "train": ["Wf", "Wi", "Wo", "Wg", "bf"],
}


def derived(data: dict[str, Any], *options: str) -> str:
    command = ["derive", "-", *options]
    done = CliRunner().invoke(main, command, input=yaml.safe_dump(data))
    assert done.exit_code == 0, done.output
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    return done.stdout


@pytest.mark.parametrize(
    ("data", "options", "lines"),
    [
        (GATE, (), ["v = [h₀; x]", "∂L/∂h₀ = (∂L/∂v)[1:n]", "∂L/∂x = (∂L/∂v)[n+1:n+d]"]),
        (ALONE, (), ["∂L/∂W = ∂L/∂z [h₀; x]ᵀ", "∂L/∂x = (Wᵀ ∂L/∂z)[n+1:n+d]"]),
        (GATE, ("--index",), ["vᵢ = h₀ᵢ · 1{i ≤ n} + xᵢ₋ₙ · 1{n+1 ≤ i}", "= (∂L/∂v)ₘ₊ₙ"]),
        (ALONE, ("--index",), ["(∂L/∂x)ₖ = Σᵢ W[i,k+n] · (∂L/∂z)ᵢ"]),
        (ALONE, ("--of", "h", "--wrt", "x"), ["∂hₖ/∂xⱼ = (1 − hₖ²) · W[k,n+j]"]),
        (LSTM, (), ["vₜ = [hₜ₋₁; xₜ]", "∂L/∂hₜ = (∂L/∂vₜ₊₁)[1:n]", "W_f (n×(n+d))"]),
    ],
)
def test_each_part_has_its_share(
    data: dict[str, Any], options: tuple[str, ...], lines: list[str]
) -> None:
    text = derived(data, *options)
    assert [line for line in lines if line not in text] == []


def test_the_shares_are_those_of_the_numbers() -> None:
    """With n = 2 and d = 3 in plain NumPy, by the formulas above."""
    rng = np.random.default_rng(7)
    sizes = {"n": 2, "d": 3, "n+d": 5}
    v = {name: rng.normal(size=[sizes[one] for one in shape]) for name, shape in SHAPES.items()}
    values = {name: value.tolist() for name, value in v.items()}
    found = backprop.load({"values": values, "equations": EQUATIONS}).solve()
    h = np.tanh(v["W"] @ np.r_[v["h0"], v["x"]] + v["b"])
    g = (h - v["y"]) * (1 - h**2)
    np.testing.assert_allclose(found["dL/dh0"], (v["W"].T @ g)[:2], rtol=1e-12)
    np.testing.assert_allclose(found["dL/dx"], v["W"][:, 2:].T @ g, rtol=1e-12)
    np.testing.assert_allclose(found["dL/dW"], np.outer(g, np.r_[v["h0"], v["x"]]), rtol=1e-12)


def test_parameters_are_counted() -> None:
    assert "parameters together: n² + n · d + 2 · n + d" in derived(GATE)
    rows = {"shapes": {"W": ["n", "2*d-1"], "x": ["2*d-1"]}, "equations": ["L = sum(W @ x)"]}
    assert "2 · n · d" in derived(rows | {"train": ["W"]})


def test_the_same_size_written_otherwise_is_told() -> None:
    data = GATE | {"shapes": SHAPES | {"W": ["n", "d+n"]}}
    done = CliRunner().invoke(main, ["derive", "-"], input=yaml.safe_dump(data))
    assert done.exit_code == 2
    assert "n+d for d+n in `shapes`" in done.stderr


def test_what_does_not_fit_is_refused() -> None:
    data = {"shapes": {"A": ["n", "m"], "B": ["m", "n"]}, "equations": ["C = concat(A, B)"]}
    done = CliRunner().invoke(main, ["derive", "-"], input=yaml.safe_dump(data))
    assert done.exit_code == 2
    assert "agree in every axis but one" in done.stderr

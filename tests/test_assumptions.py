"""`assume`: read and checked against numbers, printed, and used by derivations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

import backprop_cli as backprop
from backprop_cli.cli import main


def run(data: dict[str, Any], *arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(main, [*arguments, "-"], input=yaml.safe_dump(data))
    assert done.exit_code == code, done.output
    return str(done.output)


QUADRATIC: dict[str, Any] = {
    "values": {"A": [[2, 1], [1, 3]], "b": [1, -1], "x": [1, 2]},
    "assume": {"A": "symmetric"},
    "equations": ["L = 0.5 * x @ A @ x - b @ x"],
}


def test_a_quadratic_form_ends_as_in_the_book() -> None:
    text = run(QUADRATIC, "solve", "--width", "80")
    assert "∂L/∂x = A x − b" in text
    assert "A is symmetric" in text
    found = backprop.load(QUADRATIC).solve()["dL/dx"]
    np.testing.assert_allclose(found, [2 + 2 - 1, 1 + 6 + 1])


def test_without_the_assumption_the_transpose_stays() -> None:
    data = {key: value for key, value in QUADRATIC.items() if key != "assume"}
    text = run(data, "solve", "--width", "80")
    assert "∂L/∂x = A x − b" not in text
    assert "Aᵀ" in text


@pytest.mark.parametrize("formula", ["0.5 * x @ (A @ x)", "dot(x, A @ x) / 2", "0.5 * (x @ A) @ x"])
def test_however_it_is_written(formula: str) -> None:
    data = {
        "shapes": {"A": ["n", "n"], "x": ["n"]},
        "assume": {"A": "symmetric"},
        "equations": [f"L = {formula}"],
    }
    assert "∂L/∂x = A x\n" in run(data, "derive", "--width", "80")


def test_the_inverse_of_a_symmetric_matrix_is_symmetric() -> None:
    data = {
        "shapes": {"A": ["n", "n"]},
        "assume": {"A": "symmetric"},
        "equations": ["L = logdet(A)"],
    }
    assert "∂L/∂A = A⁻¹\n" in run(data, "derive")


@pytest.mark.parametrize("kind", ["one-hot", "distribution"])
def test_targets_that_add_up_to_1(kind: str) -> None:
    data = {
        "shapes": {"W": ["k", "n"], "x": ["n"], "y": ["k"]},
        "convention": {"output_gradient": "fused"},
        "equations": ["z = W @ x", "p = softmax(z)", "L = cross_entropy(p, y)"],
    }
    assert "∂L/∂z = p − y" not in run(data, "derive")
    text = run({**data, "assume": {"y": kind}}, "derive")
    assert "∂L/∂z = p − y" in text
    assert "its entries add up to 1" in text


def test_what_does_not_hold_is_complained_of() -> None:
    wrong = {
        "A": ("symmetric", [[2, 1], [0, 3]], "1 and 0 stand across its diagonal"),
        "B": ("symmetric", [[1, 2, 3], [4, 5, 6]], "only a square matrix can be"),
        "y": ("one-hot", [0.5, 0.5], "neither 0 nor 1"),
        "t": ("one-hot", [1, 1], "its entries add up to 2"),
        "p": ("distribution", [1.5, -0.5], "an entry of it is below 0"),
        "c": ("distribution", 1, "only a vector"),
    }
    data = {
        "values": {name: value for name, (_, value, _) in wrong.items()},
        "assume": {name: kind for name, (kind, _, _) in wrong.items()} | {"q": "one-hot"},
        "equations": ["L = sum(A) + sum(B) + sum(y) + sum(t) + sum(p) + c"],
    }
    said = run(data, "solve", code=2)
    for name, (_, _, words) in wrong.items():
        assert f"`{name}` is assumed" in said
        assert words in said
    assert "there is no given quantity `q`" in said


def test_rows_and_columns_of_a_batch() -> None:
    for y in ([[1, 0], [0, 1], [0, 1]], [[1, 0, 0], [0, 1, 1]]):
        data = {"values": {"y": y}, "assume": {"y": "one-hot"}, "equations": ["L = sum(y^2)"]}
        assert "y is one-hot" in run(data, "solve")


def test_a_network_has_targets() -> None:
    data = {
        "x": [1, 2],
        "y": [0, 1],
        "layers": [{"weights": [[1, 0], [0, 1]], "activation": "softmax"}],
        "loss": "cross-entropy",
        "assume": {"y": "one-hot"},
    }
    assert "y is one-hot" in run(data, "solve")
    said = run({**data, "y": [0.5, 0.4]}, "solve", code=2)
    assert "`y` is assumed one-hot, and its entries add up to 0.9" in said
    said = run({**data, "assume": {"x": "one-hot"}}, "solve", code=2)
    assert "there is no given quantity `x`" in said


def test_the_trace_says_so() -> None:
    trace = backprop.load(QUADRATIC).solve().trace
    assert trace["convention"]["assume"] == {"A": "symmetric"}


@pytest.mark.parametrize("name", ["y", "Y"])
def test_the_targets_of_a_network_have_two_names(name: str) -> None:
    data: dict[str, Any] = {
        "inputs": "N",
        "layers": [{"units": "K", "bias": True, "activation": "softmax"}],
        "loss": "cross-entropy",
        "assume": {name: "one-hot"},
    }
    assert "Σ y = 1" in run(data, "derive", "--of", "L", "--wrt", "W1", "--width", "200")
    for of in ("Yhat", "Z1"):
        run({**data, "loss": "squared-error"}, "derive", "--of", of, "--wrt", "W1")
    said = run({**data, "loss": "none"}, "derive", "--of", "Yhat", "--wrt", "W1", code=2)
    assert f"there is no given quantity `{name}`" in said

"""`output_gradient: fused` in equations: straight to ŷ - y where that holds, with the reason."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

from backprop_cli import load
from backprop_cli.cli import main

FUSED = {"convention": {"output_gradient": "fused"}}
Z = [[0.5, -1, 2], [1, 0.25, 0]]
ONE_HOT = [[0, 1, 0], [1, 0, 0]]


def run(data: dict[str, Any], command: str = "solve", *options: str) -> str:
    done = CliRunner().invoke(main, [command, "-", *options], input=yaml.safe_dump(data))
    assert done.exit_code == 0, done.output
    return done.stdout


def steps(data: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        step["id"]: step for step in json.loads(run(data, "solve", "--format", "json"))["steps"]
    }


CASES: list[tuple[dict[str, Any], list[str], str, str | None]] = [
    ({"z": Z[0], "y": ONE_HOT[0]}, ["p = softmax(z)", "L = cross_entropy(p, y)"], "dL/dz", "p - y"),
    ({"z": Z[0], "y": ONE_HOT[0]}, ["p = softmax(z)", "L = -sum(y * log(p))"], "dL/dz", "p - y"),
    (
        {"z": Z[0], "y": [1, 1, 0]},
        ["p = softmax(z)", "L = cross_entropy(p, y)"],
        "dL/dz",
        "sum(y) * p - y",
    ),
    (
        {"z": Z[0], "y": ONE_HOT[0]},
        ["p = sigmoid(z)", "L = binary_cross_entropy(p, y)"],
        "dL/dz",
        "p - y",
    ),
    (
        {"z": Z, "y": ONE_HOT},
        ["p = softmax(z, axis=1)", "L = -sum(y * log(p)) / 2"],
        "dL/dz",
        "0.5 * (p - y)",
    ),
    (
        {"U": Z, "v": [1, 2, -1], "y": [0, 1]},
        ["p = softmax(U @ v)", "L = cross_entropy(p, y)"],
        "dL/dU",
        "outer(p - y, v)",
    ),
    (
        {"z": Z[0], "y": ONE_HOT[0], "c": 3},
        ["p = softmax(z)", "J = cross_entropy(p, y)", "L = c * J^2"],
        "dL/dz",
        "dL/dJ * (p - y)",
    ),
    ({"z": Z[0], "y": ONE_HOT[0]}, ["p = softmax(z)", "L = sum((p - y)^2)"], "dL/dz", None),
    ({"z": Z[0], "y": ONE_HOT[0]}, ["p = sigmoid(z)", "L = cross_entropy(p, y)"], "dL/dz", None),
    (
        {"z": Z[0], "y": ONE_HOT[0]},
        ["p = softmax(z)", "J = cross_entropy(p, y)", "L = J + sum(p^2)"],
        "dL/dz",
        None,
    ),
    (  # smoothed labels are worked out, and add up to 1 as the given ones do
        {"z": Z[0], "y": ONE_HOT[0]},
        ["q = 0.9 * y + 0.1 / 3", "p = softmax(z)", "L = cross_entropy(p, q)"],
        "dL/dz",
        "p - q",
    ),
    (
        {"z": Z[0], "y": [1, 1, 0]},
        ["q = 0.9 * y + 0.1 / 3", "p = softmax(z)", "L = cross_entropy(p, q)"],
        "dL/dz",
        "sum(q) * p - q",
    ),
]


@pytest.mark.parametrize(("values", "equations", "id", "formula"), CASES)
def test_straight_to_the_difference(
    values: dict[str, Any], equations: list[str], id: str, formula: str | None
) -> None:
    data = {"values": values, "equations": equations, "train": [id.partition("/d")[2]]}
    chain, fused = steps(data), steps(data | FUSED)
    assert chain.keys() == fused.keys()
    for name in chain:
        assert np.allclose(chain[name]["value"], fused[name]["value"], atol=1e-12), name
    if formula is None:
        assert fused[id]["formula"] == chain[id]["formula"]
        return
    assert fused[id]["formula"] == formula
    assert "belong together" in fused[id]["note"]
    assert "straight to ŷ − y where that holds" in run(data | FUSED)
    assert "belong together" not in (chain[id]["note"] or "")


def test_in_letters_the_sum_stays_unless_it_is_known() -> None:
    data = {
        "shapes": {"U": ["K", "d"], "v": ["d"], "y": ["K"]},
        "equations": ["z = U @ v", "p = softmax(z)", "L = cross_entropy(p, y)"],
    }
    text = run(data | FUSED, "derive", "--ascii", "--width", "120")
    assert "dL/dz = sum(y) * p - y\n" in text
    assert "nothing says that it is 1" in " ".join(text.split())


@pytest.mark.parametrize(
    ("divided", "delta"),
    [("N", "(P - Y) / N"), ("C", "(P - Y) / C"), ("1", "P - Y"), ("(N * C)", None)],
)
def test_in_letters_the_mean_is_over_the_letter_it_is_divided_by(
    divided: str, delta: str | None
) -> None:
    data = {
        "shapes": {"X": ["N", "D"], "W": ["D", "C"], "Y": ["N", "C"]},
        "assume": {"Y": "one-hot"},
        "equations": [
            "Z = X @ W",
            "P = softmax(Z, axis=1)",
            f"L = -sum(Y * log(P)) / {divided}",
        ],
    }
    text = run(data | FUSED, "derive", "--ascii", "--width", "120")
    assert (f"dL/dZ = {delta}\n" in text) is (delta is not None)
    over = f"cross-entropy, mean over {divided}" if divided in "NC" else "cross-entropy"
    assert (f" L  {over}\n" in text) is (delta is not None)


def test_gradients_agree_with_torch() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    z = torch.tensor(Z, dtype=torch.float64, requires_grad=True)
    y = torch.tensor(ONE_HOT, dtype=torch.float64)
    (-(y * torch.log_softmax(z, dim=1)).sum() / 2).backward()
    data = {"values": {"z": Z, "y": ONE_HOT}, "equations": CASES[4][1]} | FUSED
    assert np.allclose(steps(data)["dL/dz"]["value"], z.grad)


def test_sheets_by_either_way_are_right(tmp_path: Any) -> None:
    data = {
        "values": {"z": Z[0], "y": ONE_HOT[0]},
        "equations": CASES[0][1],
        "train": ["z"],
    } | FUSED
    known = steps(data)
    answers = {
        name: np.round(known[name]["value"], 4).tolist() for name in ("p", "L", "dL/dp", "dL/dz")
    }
    for left_out in ([], ["dL/dp"]):
        problem, sheet = tmp_path / "p.yaml", tmp_path / "s.yaml"
        given = {name: value for name, value in answers.items() if name not in left_out}
        problem.write_text(yaml.safe_dump(data | {"ask": list(given)}))
        sheet.write_text(yaml.safe_dump({"answers": given}))
        done = CliRunner().invoke(main, ["check", str(problem), str(sheet)])
        assert done.exit_code == 0, done.output


# What only looks like a loss ----------------------------------------------------------------------


CUT = """
values: {x: [1, 2], w: [1.5, 1], b: 0.5, y: 0}
convention: {output_gradient: fused}
equations:
  - z = dot(w, x) + b
  - p = sigmoid(z)
  - L = %s
train: [w, b]
"""


@pytest.mark.parametrize(
    "formula",
    [
        "min(binary_cross_entropy(p, y), 2)",
        "max(binary_cross_entropy(p, y), 5)",
        "min(max(-ln(1 - p), 0), 3)",
        "min(2 * binary_cross_entropy(p, y), 1)",
    ],
)
def test_a_loss_cut_off_has_no_shortcut(formula: str) -> None:
    """At p = 0.98 and y = 0 the loss is about 4: beyond its limit its gradient is 0."""
    problem = load(CUT % formula)
    assert problem.solve()["dL/dz"] == 0


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("huber(z, y)", "Huber's loss"),
        ("sum(huber(z - y))", "Huber's loss"),
        ("huber(z, y, delta=0.5)", "Huber's loss"),
        ("half_squared_error(z, y)", "half the squared error"),
        ("(z - y)^2 / 2", "half the squared error"),
        ("sqrt((z - y)^2)", "absolute error"),
        ("max(0, 1 - z * y)", "hinge loss"),
        ("1 - z * y", "difference"),
    ],
)
def test_a_loss_is_called_what_it_is_everywhere(formula: str, words: str) -> None:
    """Between 0 and 1 Huber's loss is a square, and 1 - zy is never below 0."""
    text = f"values: {{w: 1, z0: 3, y: 1}}\nequations:\n  - z = w * z0\n  - L = {formula}\n"
    assert f" L  {words}\n" in load(text).solve().render("text")


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("0.25 * sum((z - y)^2)", "half the squared error, mean over 2"),
        ("mean((z - y)^2) / 2", "half the squared error, mean over 2"),
        ("mean((z - y)^2)", "mean squared error"),
        ("sum((z - y)^2) / 2", "half the squared error"),
        ("-sum(z)", "sum"),
    ],
)
def test_a_mean_is_said_with_what_it_is_over(formula: str, words: str) -> None:
    text = f"values: {{x: [3, 1], y: [1, 2]}}\nequations:\n  - z = 2 * x\n  - L = {formula}\n"
    assert f" L  {words}\n" in load(text).solve().render("text")

"""Names as they are set in TeX, and columns of a CSV sheet as people head them."""

from __future__ import annotations

from pathlib import Path

import pytest

import backprop_cli as backprop
from backprop_cli import Report
from backprop_cli.problem.ids import plain_spelling

PROBLEM = backprop.load(
    {
        "x": [1, 2],
        "y": [1],
        "layers": [
            {"weights": [[3, 6], [4, 5]], "bias": [1, -1], "activation": "relu"},
            {"weights": [[0.5, -0.25]]},
        ],
        "loss": "half-squared-error",
        "update": {"rule": "sgd", "learning_rate": 0.1},
    }
)


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        (r"\frac{\partial L}{\partial W^{(2)}}", "dL/dW2"),
        (r"\dfrac{dL}{dz^{[1]}}", "dL/dz1"),
        (r"$\frac{\partial \mathcal{L}}{\partial b_1}$", "dL/db_1"),
        (r"\partial L / \partial W_{2}", "dL/dW_2"),
        (r"\nabla_{W_1} L", "dW_1"),
        (r"\nabla_W", "dW"),
        (r"\hat{y}", "yhat"),
        (r"\hat y", "yhat"),
        (r"\delta^{(2)}", "delta2"),
        (r"\mathbf{W}_1", "W_1"),
        (r"\mathbf{W}^{(1)}_{new}", "W1_new"),
        ("W^{(2)}", "W2"),
        ("dL/dW2", "dL/dW2"),
    ],
)
def test_a_name_in_tex_is_the_plain_one(typed: str, plain: str) -> None:
    assert plain_spelling(typed) == plain


@pytest.mark.parametrize(
    "typed", [r"\frac{" * 13, r"\nabla_{" + "{" * 70, "\\" * 80, r"\hat{" * 15]
)
def test_what_is_no_name_stays_none(typed: str) -> None:
    report = PROBLEM.check({typed: "1.0", "L": "7.03125"})
    assert verdicts(report) == {"L": "correct"}


def sheet(text: str, name: str, folder: Path) -> Report:
    (folder / name).write_text(text, encoding="utf-8")
    return PROBLEM.check(folder / name)


def verdicts(report: Report) -> dict[str, str]:
    return {one.id: one.verdict for one in report if one.verdict != "missing"}


def test_they_stand_for_the_quantities(tmp_path: Path) -> None:
    """By hand: z = (16, 13), 8 - 3.25 = 4.75, δ = 3.75; 3.75 · (16, 13)."""
    text = (
        "answers:\n"
        "  z^(1): [16, 13]\n"
        "  a^(1): [16, 13]\n"
        r"  \hat{y}: 4.75" + "\n"
        r"  \delta^{(2)}: 3.75" + "\n"
        r"  \frac{\partial L}{\partial W^{(2)}}: [60, 48.75]" + "\n"
        r"  \frac{\partial L}{\partial b_1}: [1.875, -0.9375]" + "\n"
    )
    right = dict.fromkeys(("Z1", "H1", "Yhat", "dL/dZ2", "dL/dW2", "dL/db1"), "correct")
    assert verdicts(sheet(text, "ann.yaml", tmp_path)) == right


@pytest.mark.parametrize(
    "heading",
    ["Name,Answer", "name,my result", "Quantity,Answer", "answer,value", "symbol,number", "q,a"],
)
def test_two_columns_are_names_and_values_whatever_they_are_called(
    heading: str, tmp_path: Path
) -> None:
    text = f'{heading}\nZ1,"16, 13"\nYhat,4.75\nL,= 3.141\n'
    found = verdicts(sheet(text, "ann.csv", tmp_path))
    assert found == {"Z1": "correct", "Yhat": "correct", "L": "wrong"}


def test_a_table_without_a_column_of_values_is_told(tmp_path: Path) -> None:
    report = sheet("name,first,second\nZ1,16,13\n", "ann.csv", tmp_path)
    assert report.error is not None
    assert "no column of this table says that it has the values" in report.error

"""Sheets with `=` for a colon, and with the working before a number, are read as they are meant."""

from __future__ import annotations

from pathlib import Path

import pytest

import backprop_cli as backprop
from backprop_cli import Report
from backprop_cli.grading.sheets.cells import behind_working

PROBLEM = backprop.load(
    {
        "x": [1, 2],
        "y": [1],
        "layers": [{"weights": [[3, 6], [4, 5]], "bias": [1, -1]}, {"weights": [[0.5, -0.25]]}],
        "loss": "half-squared-error",
    }
)
RIGHT = {"Z1": "[16, 13]", "Z2": "4.75", "L": "7.03125", "dL/dZ2": "3.75"}
"""By hand: 3 + 12 + 1, 4 + 10 - 1; 8 - 3.25; (4.75 - 1)² / 2; 4.75 - 1."""


def graded(text: str, tmp_path: Path, name: str = "ann.txt") -> Report:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    return PROBLEM.check(file)


def verdicts(report: Report) -> dict[str, str]:
    return {one.id: one.verdict for one in report if one.verdict != "missing"}


@pytest.mark.parametrize("heading", ["", "answers:\n", "student: Ann\nanswers:\n"])
@pytest.mark.parametrize("dash", ["", "- ", "* "])
@pytest.mark.parametrize("between", [" = ", "=", " := ", " ≈ "])
def test_an_equals_sign_behind_a_name_is_a_colon(
    heading: str, dash: str, between: str, tmp_path: Path
) -> None:
    indent = "  " if heading else ""
    lines = [f"{indent}{dash}{name}{between}{value}\n" for name, value in RIGHT.items()]
    report = graded(heading + "".join(lines), tmp_path)
    assert verdicts(report) == dict.fromkeys(RIGHT, "correct")
    first = heading.count("\n") + 1
    assert f"line {first}: `=` is read as the colon that stands behind a name" in str(report)


def test_lines_of_both_kinds_are_read(tmp_path: Path) -> None:
    text = "Z1 = [16, 13]\n- Z2: 4.75\n- L = 7.03125\nmine = 3\ndL/dZ2 =\n  3.75\n"
    report = graded(text, tmp_path)
    assert verdicts(report) == dict.fromkeys(RIGHT, "correct")
    assert "mine" in str(report)


def test_a_wrong_number_behind_it_is_wrong(tmp_path: Path) -> None:
    report = graded("Z1 = [16, 12]\nZ2 = 4.85\n", tmp_path)
    assert verdicts(report) == {"Z1": "wrong", "Z2": "wrong"}


def test_a_text_that_names_no_quantity_stays_unread(tmp_path: Path) -> None:
    assert graded("q = 3\nr = 4\n", tmp_path).error is not None
    assert graded("Z1 == [16, 13]\n", tmp_path).error is not None


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("3 * 1 + 6 * 2 + 1 = 16", "16"),
        ("2 * 0.73 = 1.46 = 1.5", "1.5"),
        ("≈ 0.107", "0.107"),
        ("~ 0.107", "0.107"),
        ("~", "~"),
        ("W x + b = [1, 0]", "[1, 0]"),
        ("0.5 -> 1", "1"),
        ("a = 1, b = 2", "a = 1, b = 2"),
        ("3 <= 4", "3 <= 4"),
        ("1/3", "1/3"),
        ("3 =", "3 ="),
    ],
)
def test_what_is_stated_behind_the_working(text: str, stated: str) -> None:
    assert behind_working(text) == stated


def test_the_last_number_of_a_line_is_the_answer(tmp_path: Path) -> None:
    text = (
        "answers:\n"
        "  Z1: [3 + 12 + 1 = 16, 4 + 10 - 1 = 13]\n"
        "  Z2: 8 - 3.25 = 4.75\n"
        "  L: ≈ 7.03125\n"
        "  dL/dZ2: Yhat - y = 4.75 - 1 = 3.75\n"
    )
    assert verdicts(graded(text, tmp_path, "ann.yaml")) == dict.fromkeys(RIGHT, "correct")


def test_it_is_the_answer_where_the_working_is_right_and_it_is_wrong(tmp_path: Path) -> None:
    text = "answers:\n  Z1: [3 + 12 + 1 = 16, 4 + 10 - 1 = 14]\n  Z2: 4.75 = 4.65\n"
    assert verdicts(graded(text, tmp_path, "ann.yaml")) == {"Z1": "wrong", "Z2": "wrong"}


def test_rows_with_their_working_are_rows(tmp_path: Path) -> None:
    text = "answers:\n  Z1: |\n    3 + 12 + 1 = 16\n    4 + 10 - 1 = 13\n"
    assert verdicts(graded(text, tmp_path, "ann.yaml")) == {"Z1": "correct"}

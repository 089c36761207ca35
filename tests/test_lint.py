"""`backprop lint`: what it finds, how equal findings are written, its exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from backprop_cli.cli import main
from backprop_cli.grading.lint import Finding
from backprop_cli.render.lint import lint_text

ROOT = Path(__file__).resolve().parent.parent

SQUARE = "weights: [[2, 1], [-1, 3]], bias: [0.5, -0.25]"
PLAIN = f"""x: [1, 2]
y: [0.3, -0.4]
layers:
  - {{{SQUARE}, activation: tanh}}
loss: half-squared-error
update: {{rule: sgd, learning_rate: 0.5}}
"""
QUIET = """x: [1, 2, 3]
y: [0.3]
layers: [{weights: [[0.2, -0.1, 0.3]], bias: [0.5], activation: identity}]
loss: half-squared-error
ask: [Z1]
"""


def lint(folder: Path, text: str, *options: str) -> Result:
    problem = folder / "problem.yaml"
    problem.write_text(text, encoding="utf-8")
    return CliRunner().invoke(main, ["lint", str(problem), *options], prog_name="backprop")


def findings(folder: Path, text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(lint(folder, text, "--format", "json").stdout)[
        "findings"
    ]
    return found


@pytest.mark.parametrize(
    ("kind", "id", "text"),
    [
        ("square", "W1", PLAIN),
        ("symmetric", "W1", PLAIN.replace("[[2, 1], [-1, 3]]", "[[2, 1], [1, 3]]")),
        ("relu", "Yhat", PLAIN.replace("tanh", "relu")),
        ("saturated", "Yhat", PLAIN),
        ("kink", "Yhat", PLAIN.replace("tanh", "relu").replace("0.5, -0.25", "-4, -0.25")),
        ("small", "W1_new", PLAIN.replace("rate: 0.5", "rate: 0.000001")),
        ("invisible", "Z1", PLAIN.replace("0.5, -0.25", "0, 0")),
        ("accepted", "Z1", PLAIN.replace("0.5, -0.25", "0.00001, 0.00001")),
    ],
)
def test_kinds(kind: str, id: str, text: str, tmp_path: Path) -> None:
    assert (kind, id) in {(found["kind"], found["id"]) for found in findings(tmp_path, text)}


def test_exit_codes(tmp_path: Path) -> None:
    quiet = lint(tmp_path, QUIET)
    assert (quiet.exit_code, "Nothing found" in quiet.stdout) == (0, True), quiet.output
    assert lint(tmp_path, PLAIN).exit_code == 1
    assert lint(tmp_path, "layers: [").exit_code == 2


def test_equal_findings_are_one_line() -> None:
    found = [Finding("square", name, "square", "other sizes") for name in ("W1", "W2")]
    assert "  W1, W2: square -> other sizes\n" in lint_text(found, "3 decimals", 80, False)


def test_a_known_exercise_fits_a_screen() -> None:
    problem = ROOT / "problems" / "sigmoid-softmax.yaml"
    done = CliRunner(env={"COLUMNS": "80"}).invoke(main, ["lint", str(problem)])
    lines = done.stdout.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80


def test_precision_is_that_of_the_numbers_shown(tmp_path: Path) -> None:
    text = PLAIN.replace("rate: 0.5", "rate: 0.003")
    few, many = (lint(tmp_path, text, "--precision", n).stdout for n in ("3", "8"))
    assert few != many


def test_help_ends_in_an_example_of_its_own() -> None:
    shown = CliRunner().invoke(main, ["lint", "--help"], prog_name="backprop").stdout
    assert shown.rstrip().splitlines()[-1].strip().startswith("backprop lint problems/")

"""Blank sheets: every asked quantity has its place, and what is left blank is read as missing."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from judged import read_sheet

from backprop_cli.cli import main
from backprop_cli.grading.quantities import Quantities
from backprop_cli.grading.report_data import Sheet
from backprop_cli.problem.problem_file import Source, read_source
from backprop_cli.solving.asked import asked
from backprop_cli.solving.loading import Loaded, loaded

ROOT = Path(__file__).resolve().parent.parent
PROBLEMS = sorted((ROOT / "problems").glob("*.yaml"))
ENDINGS = {"text": "yaml", "json": "json", "csv": "csv"}

LATER = """
title: "A batch,\\n counted from 0"
convention: {indices: 0}
x: [[1, 0], [2, 1], [1, 1]]
y: [[1], [0], [1]]
layers: [{weights: [[3, 6]], bias: [1], activation: sigmoid}]
loss: half-squared-error
update: {rule: adam, learning_rate: 0.5, steps: 3}
ask: [dL/dX, dYhat/dW1, m_W1, W1_new@2, "W1_new[0,1]", L_new@3, dL/dW1, L]
grading: {precision: {decimals: 3}}
"""


def blank(problem: Path, *arguments: str) -> str:
    done = invoke("blank", str(problem), *arguments)
    assert done.exit_code == 0, done.output
    assert not done.stderr
    return done.stdout


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, prog_name="backprop")


def read(text: str, problem: Loaded, kind: str = "text") -> Sheet:
    known = Quantities(problem.model, problem.plan)
    return read_sheet(text.encode(), f"blank.{ENDINGS[kind]}", known)


@pytest.fixture
def later(tmp_path: Path) -> Path:
    path = tmp_path / "later.yaml"
    path.write_text(LATER)
    return path


@pytest.mark.parametrize("kind", ENDINGS)
@pytest.mark.parametrize("path", PROBLEMS, ids=lambda path: path.stem)
def test_a_blank_sheet_is_read_as_all_missing(path: Path, kind: str) -> None:
    problem = loaded(read_source(path))
    sheet = read(blank(path, "--format", kind), problem, kind)
    assert (sheet.error, sheet.remarks, dict(sheet.answers)) == (None, (), {})
    assert sheet.student == "blank"


@pytest.mark.parametrize("kind", ENDINGS)
@pytest.mark.parametrize("path", PROBLEMS, ids=lambda path: path.stem)
def test_filled_in_it_holds_everything_asked_in_its_shape(path: Path, kind: str) -> None:
    problem = loaded(read_source(path))
    empty = blank(path, "--format", kind)
    filled = re.sub(r"(?<=[ \[,])_(?=[],\s]|$)|\bnull\b", "0.5", empty, flags=re.MULTILINE)
    sheet = read(filled, problem, kind)
    assert (sheet.error, sheet.remarks) == (None, ())
    known = Quantities(problem.model, problem.plan)
    for found in asked(problem.model, problem.plan):
        answer = sheet.answers[found.id]
        assert (answer.trouble, answer.shape) == (None, known.shape(found.id))
        assert found.index is not None or all(answer.cells.values())


def test_the_order_is_that_of_the_question(later: Path) -> None:
    answers = yaml.safe_load(blank(later))["answers"]
    assert [*answers] == [
        "dL/dX", "dYhat/dW1", "m_W1", "W1_new@2", "W1_new[0,1]", "L_new@3", "dL/dW1", "L",
    ]  # fmt: skip
    assert answers["dL/dX"] == [["_"] * 3] * 2
    assert answers["dL/dW1"] == [["_", "_"]]
    assert answers["dYhat/dW1"] == [[[["_"] * 2]] * 3]
    assert answers["W1_new[0,1]"] == answers["L"] == "_"


def test_what_is_to_be_known_stands_on_top(later: Path) -> None:
    text = blank(later)
    top = text[: text.index("student:")]
    assert all(line.startswith("# ") and len(line) <= 100 for line in top.splitlines())
    assert top.startswith("# A batch, counted from 0\n")
    assert "indices from 0" in top
    assert "at least 3 decimals" in top
    assert "z = W x + b" in top
    assert "  dL/dX:  # 2 × 3, a row a line" in text
    assert "  L: _  # a number" in text


def test_a_title_cannot_leave_its_comment() -> None:
    source = 'title: "x\\nanswers: {Z1: 3}\\u2028L: 1\\e[31m"\nx: [1]\nlayers: [{weights: [[1]]}]\n'
    runner = CliRunner()
    done = runner.invoke(main, ["blank", "-"], input=source, prog_name="backprop")
    assert done.exit_code in (0, 2)
    assert "\x1b" not in done.output
    if done.exit_code == 0:
        problem = loaded(Source("-", source.encode()))
        assert not read(done.output, problem).answers


def test_csv_and_json_have_the_same_places(later: Path) -> None:
    rows = [*csv.reader(blank(later, "--format", "csv").splitlines())]
    assert rows[0] == ["name", "row", "column", "value"]
    assert ["dL/dX", "0", "2", "_"] in rows
    assert ["dYhat/dW1[0,2,0,1]", "", "", "_"] in rows
    assert ["W1_new[0,1]", "", "", "_"] in rows
    assert ["L", "", "", "_"] in rows
    data = json.loads(blank(later, "--format", "json"))
    assert data["student"] is None
    assert data["answers"]["dL/dW1"] == [[None, None]]


def test_ascii_and_files(later: Path, tmp_path: Path) -> None:
    assert blank(later, "--ascii").isascii()
    target = tmp_path / "sheet.yaml"
    assert not blank(later, "-o", str(target))
    assert target.read_text(encoding="utf-8") == blank(later)


def test_a_broken_problem_is_told() -> None:
    done = invoke("blank", "nowhere.yaml")
    assert done.exit_code == 2
    assert "no such file" in done.stderr

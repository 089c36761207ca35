"""What people asked in public: their exercises and their sheets, with values worked out elsewhere.

Each folder of cases/people is a question, an erratum or a report of a fault: the exercise, sheets
(honest, or with the mistake of the question) and expect.json: the values, worked out in plain NumPy
and compared with reverse mode and differences elsewhere, and of each sheet where its first mistake
is, which names explain it, and how what comes later is judged. Any one of the names will do.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from judged import read_sheet

from backprop_cli.cli import main
from backprop_cli.grading.grader import Grader
from backprop_cli.grading.report_data import Submission
from backprop_cli.problem.problem_file import Source
from backprop_cli.solving.loading import Loaded, loaded
from backprop_cli.solving.solution import Request, solve

CASES = Path(__file__).resolve().parent / "cases" / "people"
UNREADABLE = "form-of-another-rule"
"""The exercise that is refused."""

NAMES = sorted(folder.name for folder in CASES.iterdir())
SOLVED = [name for name in NAMES if name != UNREADABLE]
MOST_NAMES = 3


@cache
def wanted(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((CASES / name / "expect.json").read_text(encoding="utf-8"))
    return found


@cache
def problem(name: str) -> Loaded:
    return loaded(Source("problem.yaml", (CASES / name / "problem.yaml").read_bytes()))


@cache
def grader(name: str) -> Grader:
    return Grader(problem(name).model)


@cache
def graded(name: str, sheet: str) -> Submission:
    answers = (CASES / name / sheet).read_bytes()
    return grader(name).grade(read_sheet(answers, sheet, grader(name).quantities()))


def sheets(key: str) -> Iterator[tuple[str, str, Any]]:
    """The sheets whose expectation says something of `key`, and what."""
    for name in NAMES:
        for sheet, expected in wanted(name)["sheets"].items():
            if key in expected:
                yield name, sheet, expected[key]


HONEST = [(name, sheet) for name, sheet, first in sheets("first_wrong") if first is None]
WRONG = [case for case in sheets("first_wrong") if case[2] is not None]
NAMED = list(sheets("slips"))
LATER = [
    (name, sheet, id, verdict)
    for name, sheet, verdicts in sheets("verdicts")
    for id, verdict in verdicts.items()
]


def test_each_folder_is_tried() -> None:
    assert len(NAMES) == 32
    assert (len(HONEST), len(WRONG), len(NAMED), len(LATER)) == (26, 54, 33, 53)
    listed = {(name, sheet) for name in NAMES for sheet in wanted(name)["sheets"]}
    there = {(file.parent.name, file.name) for file in CASES.glob("*/*.yaml")}
    assert there == listed | {(name, "problem.yaml") for name in NAMES}


@pytest.mark.parametrize("name", SOLVED)
def test_values(name: str) -> None:
    for id, value in wanted(name)["values"].items():
        quantity, _, step = id.partition("@")
        request = Request(at=int(step or 1), extra=(quantity,) if "/" in quantity else ())
        got = solve(problem(name).model, request).values[quantity]
        np.testing.assert_allclose(got, value, rtol=1e-6, atol=1e-9, err_msg=id)


def test_a_form_that_another_rule_has_is_told_with_its_place() -> None:
    path = CASES / UNREADABLE / "problem.yaml"
    done = CliRunner().invoke(main, ["solve", str(path)])
    assert done.exit_code == 2
    assert "problem.yaml:7:26" in done.stderr  # where `form` stands


@pytest.mark.parametrize(("name", "sheet"), HONEST)
def test_honest_sheets_are_right(name: str, sheet: str) -> None:
    judged = graded(name, sheet)
    assert judged.first_wrong is None
    bad = {"wrong", "invalid", "not-judged", "carried"}
    assert {result.id: result.verdict for result in judged.results if result.verdict in bad} == {}


@pytest.mark.parametrize(("name", "sheet", "first"), WRONG)
def test_the_first_mistake_is_placed(name: str, sheet: str, first: str) -> None:
    assert graded(name, sheet).first_wrong == first


@pytest.mark.parametrize(("name", "sheet", "slips"), NAMED)
def test_the_mistake_is_named(name: str, sheet: str, slips: list[str]) -> None:
    judged = graded(name, sheet)
    [result] = [result for result in judged.results if result.id == judged.first_wrong]
    assert set(result.slips) & set(slips)
    assert len(result.slips) <= MOST_NAMES


@pytest.mark.parametrize(("name", "sheet", "id", "verdict"), LATER)
def test_what_comes_later(name: str, sheet: str, id: str, verdict: str) -> None:
    [result] = [result for result in graded(name, sheet).results if result.id == id]
    assert result.verdict == verdict

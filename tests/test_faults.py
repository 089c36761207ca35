"""Faults of the program itself: one sheet's, one finding's, is never another's; exit code 70."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result

from backprop_cli.cli import grading_pool, main
from backprop_cli.cli.check import FORMATS
from backprop_cli.grading.grader import Grader
from backprop_cli.grading.lint import findings as lint
from backprop_cli.grading.lint import unnoticed_slips as lint_slips
from backprop_cli.report.csv_ import CsvWriter

PROBLEM = "values: {x: 2}\nequations: [y = x^2, L = 3*y]\ngrading: {precision: {decimals: 2}}\n"
ERRORS = [RecursionError, FloatingPointError, MemoryError, ValueError, KeyError, AssertionError]
SAID = "the right value is 12"
TRIED = lint_slips._Tried  # noqa: SLF001  # what is made to fail


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A problem and three sheets, of which the second is to fail."""
    (tmp_path / "p.yaml").write_text(PROBLEM)
    sheets = tmp_path / "sheets"
    sheets.mkdir()
    for name, text in (("a", "y: 4\n  L: 12"), ("b", "y: 5\n  L: 13"), ("c", "y: 4\n  L: 1")):
        (sheets / f"{name}.yaml").write_text(f"student: {name}{name}\nanswers:\n  {text}\n")
    return tmp_path


def failing(error: type[BaseException], at: str = "bb") -> Callable[..., Any]:
    real = Grader.grade

    def grade(self: Grader, sheet: Any) -> Any:
        if sheet.student == at:
            raise error(SAID)
        return real(self, sheet)

    return grade


def check(folder: Path, *options: str) -> Result:
    words = ["check", str(folder / "p.yaml"), str(folder / "sheets"), *options]
    return CliRunner(env={"NO_COLOR": "1"}).invoke(main, words)


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("error", ERRORS)
def test_the_others_are_graded_and_written(
    error: type[Exception], workers: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Grader, "grade", failing(error))
    monkeypatch.setattr(grading_pool, "LEAST", 1)
    report = folder / "report.json"
    done = check(folder, "--format", "json", "-o", str(report), "--workers", workers)
    assert done.exit_code == 70
    assert "Traceback" in done.stderr
    assert error.__name__ in done.stderr
    assert done.stderr.rstrip().endswith("report it with the file that caused it.")
    assert SAID not in report.read_text()
    found = json.loads(report.read_text())
    a, b, c = found["submissions"]
    assert (a["score"], a["error"]) == (2.0, None)
    assert (c["score"], c["error"]) == (1.0, None)
    assert (b["student"], b["score"], b["passed"], b["results"]) == ("bb", 0.0, False, [])
    assert error.__name__ in b["error"]["message"]
    assert (b["error"]["line"], b["error"]["column"]) == (None, None)
    assert found["summary"]["submissions"] == 3


def said(done: Result, format_: str) -> str:
    """Where a report says what failed: a gradebook has columns for marks alone."""
    return done.stderr if format_ == "gradebook" else done.stdout


@pytest.mark.parametrize("format_", [name for name in FORMATS if name != "gradescope"])
def test_every_format_tells_which_it_was(
    format_: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Grader, "grade", failing(ValueError))
    done = check(folder, "--format", format_, "--exit-zero")
    assert done.exit_code == 70
    assert "Traceback" not in done.stdout
    assert "bb" in done.stdout or "b.yaml" in done.stdout
    assert "ValueError" in said(done, format_)
    if format_ == "junit":
        ET.fromstring(done.stdout)  # noqa: S314  # our own
    if format_ == "csv":
        rows = list(csv.DictReader(io.StringIO(done.stdout)))
        assert {row["student"] for row in rows} == {"aa", "bb", "cc"}


@pytest.mark.parametrize("format_", FORMATS)
def test_one_sheet_alone_has_a_report_too(
    format_: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Grader, "grade", failing(ValueError))
    words = ["check", str(folder / "p.yaml"), str(folder / "sheets" / "b.yaml")]
    done = CliRunner().invoke(main, [*words, "--format", format_])
    assert done.exit_code == 70
    assert "ValueError" in said(done, format_)
    assert "Traceback" not in done.stdout


def test_the_first_of_several_is_shown(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def grade(_grader: Grader, sheet: Any) -> Any:
        raise ValueError(sheet.student)

    monkeypatch.setattr(Grader, "grade", grade)
    done = check(folder)
    assert done.exit_code == 70
    assert "ValueError: aa" in done.stderr
    assert "ValueError: bb" not in done.stderr


def test_a_report_that_fails_at_a_sheet_has_the_others(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = CsvWriter.part

    def part(self: CsvWriter, submission: Any) -> Any:
        if submission.student == "bb" and submission.results:
            raise RecursionError
        return real(self, submission)

    monkeypatch.setattr(CsvWriter, "part", part)
    done = check(folder, "--format", "csv")
    assert done.exit_code == 70
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["student"] for row in rows if row["quantity"] == "L"] == ["aa", "cc"]
    assert "bb" in {row["student"] for row in rows}


def test_ctrl_c_is_no_fault(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Grader, "grade", failing(KeyboardInterrupt))
    assert check(folder).exit_code != 70


# What-if formulas -------------------------------------------------------------------------------


def test_lint_leaves_out_what_it_fails_at(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["lint", str(folder / "p.yaml"), "--format", "json"]
    whole = json.loads(CliRunner().invoke(main, words).stdout)
    real = TRIED.unnoticed

    def unnoticed(self: Any, name: str) -> Any:
        if name == "L":
            raise IndexError(SAID)
        yield from real(self, name)

    monkeypatch.setattr(TRIED, "unnoticed", unnoticed)
    done = CliRunner().invoke(main, words)
    found = json.loads(done.stdout)
    assert done.exit_code == 70
    assert "IndexError" in done.stderr
    lost = ("accepted", "invisible", "equivalent")
    kept = [each for each in whole["findings"] if each["id"] != "L" or each["kind"] not in lost]
    assert found["findings"] == kept
    assert whole["left_out"] == []
    (left_out,) = found["left_out"]
    assert left_out in CliRunner().invoke(main, words[:2]).stdout


def test_lint_claims_nothing_of_what_it_fails_at(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def units(_: Any) -> Any:
        yield from map(divmod, [1], [0])

    monkeypatch.setattr(lint, "_units", units)
    monkeypatch.setattr(lint, "slip_findings", lambda *_: ())
    done = CliRunner().invoke(main, ["lint", str(folder / "p.yaml")])
    assert done.exit_code == 70
    assert "units" in done.stdout
    assert "Nothing found" not in done.stdout

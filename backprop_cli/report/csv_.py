"""A report to CSV for spreadsheets: a row a sheet with its marks, then a row a quantity.

A cell that a spreadsheet would compute begins with an apostrophe.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import Final

from backprop_cli.errors import Mark
from backprop_cli.grading.data import Report, Result, Submission
from backprop_cli.report.facts import written
from backprop_cli.report.settings import Settings
from backprop_cli.report.wording import number

COLUMNS: Final = (
    "student",
    "file",
    "quantity",  # empty in the row of the sheet itself
    "verdict",  # of the sheet: passed, failed or error
    "how",
    "points",
    "max_points",
    "line",
    "column",
    "written",
    "slips",
    "cannot_exclude",
    "message",  # of the sheet: why it could not be read, else what went wrong first
    "expected",  # with `--reveal value`
    "explanation",  # with `--reveal value`
)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_COMPUTED = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r")
_COMMAND = ("::", "##[")


def render(report: Report, _settings: Settings) -> str:
    """The report as CSV with a heading."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for submission in report.submissions:
        for row in _rows(submission):
            writer.writerow({column: defused(text) for column, text in row.items()})
    return out.getvalue()


def defused(cell: str) -> str:
    """The cell as text that no spreadsheet computes; a plain number stays one."""
    flat = cell.lstrip()
    if flat.startswith((*_COMPUTED, *_COMMAND)) or cell.startswith(_COMPUTED):
        return cell if _NUMBER.fullmatch(cell) else f"'{cell}"
    return cell


def _rows(submission: Submission) -> Iterator[dict[str, str]]:
    whose = {"student": submission.student, "file": submission.file}
    verdict = "passed" if submission.passed else "failed"
    yield {
        **whose,
        "verdict": verdict if submission.error is None else "error",
        "points": number(submission.score),
        "max_points": number(submission.max_score),
        **_place(submission.error_mark),
        "message": submission.error or _start(submission),
    }
    for result in submission.results:
        yield {**whose, **_quantity(result)}


def _start(submission: Submission) -> str:
    return f"first wrong: {submission.first_wrong}" if submission.first_wrong else ""


def _quantity(result: Result) -> dict[str, str]:
    return {
        "quantity": result.id,
        "verdict": result.verdict,
        "how": result.how or "",
        "points": number(result.points),
        "max_points": number(result.max_points),
        **_place(result.mark),
        "written": written(result.entries),
        "slips": " ".join(result.slips),
        "cannot_exclude": " ".join(result.cannot_exclude),
        "message": result.message,
        "expected": result.expected or "",
        "explanation": result.explanation or "",
    }


def _place(mark: Mark | None) -> dict[str, str]:
    if mark is None or not mark.line:
        return {}
    return {"line": str(mark.line), "column": str(mark.column or "")}

"""A report to CSV for spreadsheets: a row a sheet with its marks, a row a quantity, then notes.

A cell that a spreadsheet would compute begins with an apostrophe.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from msgspec.structs import replace

from backprop_cli.errors import Mark
from backprop_cli.grading.report_data import Note, Result, Submission, Summary
from backprop_cli.report.facts import note_rows, written
from backprop_cli.report.settings import (
    Settings,
    ascii_text,
    cleaned,
    of_result,
    of_submission,
    without_commands,
)
from backprop_cli.report.stream import PerResult
from backprop_cli.report.wording import number

COLUMNS: Final = (
    "student",
    "file",
    "quantity",  # empty in the row of the sheet itself
    "verdict",  # of the sheet: passed, failed or error; or of which kind a note is
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


class CsvWriter:
    """Writes a report as CSV with a heading, a sheet at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._results = PerResult(self._result)

    def part(self, submission: Submission) -> str:
        """The rows of one sheet."""
        head = of_submission(replace(submission, results=()), self._settings.reveal)
        told = cleaned(head, only_ascii=self._settings.ascii)
        whose = csv_line(told.student, told.file) + ","
        rows = [whose + csv_line(*_sheet(told))]
        if self._settings.reveal != "none":
            rows += [whose + self._results(result) for result in submission.results]
        return self._plain("\n".join(rows) + "\n")

    def text(
        self,
        problem: str,  # noqa: ARG002  # all writers have this signature
        parts: Iterable[str],
        summary: Callable[[], Summary],
    ) -> Iterator[str]:
        """The report, sheet by sheet; then what else there is to say of students and files."""
        yield csv_line(*COLUMNS) + "\n"
        yield from parts
        for note in cleaned(summary(), only_ascii=self._settings.ascii).notes:
            yield from (self._plain(csv_line(*row) + "\n") for row in _of_note(note))

    def _result(self, result: Result) -> str:
        told = of_result(result, self._settings.reveal)
        return csv_line(*_quantity(cleaned(told, only_ascii=self._settings.ascii)))

    def _plain(self, text: str) -> str:
        return without_commands(ascii_text(text) if self._settings.ascii else text)


def csv_line(*cells: str) -> str:
    """Cells with commas between them, quoted where it takes that."""
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(map(defused, cells))
    return out.getvalue()


def defused(cell: str) -> str:
    """The cell as text that no spreadsheet computes; a plain number stays one."""
    flat = cell.lstrip()
    if flat.startswith((*_COMPUTED, *_COMMAND)) or cell.startswith(_COMPUTED):
        return cell if _NUMBER.fullmatch(cell) else f"'{cell}"
    return cell


def _sheet(submission: Submission) -> tuple[str, ...]:
    """The cells of a sheet itself, behind whose it is."""
    verdict = "passed" if submission.passed else "failed"
    return (
        "",
        verdict if submission.error is None else "error",
        "",
        number(submission.score),
        number(submission.max_score),
        *_place(submission.error_mark),
        *[""] * 3,
        submission.error or _start(submission),
        *[""] * 2,
    )


def _start(submission: Submission) -> str:
    return f"first wrong: {submission.first_wrong}" if submission.first_wrong else ""


def _quantity(result: Result) -> tuple[str, ...]:
    """The cells of a quantity, behind whose it is."""
    return (
        result.id,
        result.verdict,
        result.how or "",
        number(result.points),
        number(result.max_points),
        *_place(result.mark),
        written(result.entries),
        " ".join(result.slips),
        " ".join(result.cannot_exclude),
        result.message,
        result.expected or "",
        result.explanation or "",
    )


def _of_note(note: Note) -> Iterator[tuple[str, ...]]:
    """The rows of a note, a file each: its kind stands for a verdict."""
    for student, file, kind, message in note_rows(note):
        yield student, file, "", kind, *[""] * 8, message, "", ""


def _place(mark: Mark | None) -> tuple[str, str]:
    if mark is None or not mark.line:
        return "", ""
    return str(mark.line), str(mark.column or "")

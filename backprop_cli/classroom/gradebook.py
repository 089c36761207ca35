"""Submissions -> the marks of a class as CSV, a row a student in the order of the class list."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from msgspec import Struct

from backprop_cli.classroom.rosters import Roster, roster_of
from backprop_cli.grading.report_data import Submission, Summary
from backprop_cli.grading.sentences import telling
from backprop_cli.report.csv_ import csv_line
from backprop_cli.report.settings import (
    Settings,
    ascii_text,
    cleaned,
    of_submission,
    without_commands,
)
from backprop_cli.report.wording import number

COLUMNS = ("score", "max_score", "percent", "first_wrong", "slips")


class Row(Struct, frozen=True):
    """The marks of one sheet, and the cells that say them."""

    students: tuple[str, ...]
    score: float
    cells: tuple[str, ...]


def best(rows: Iterable[Row]) -> dict[str, Row]:
    """Of each student the sheet that counts: the one with most points, of equals the last."""
    found: dict[str, Row] = {}
    for row in rows:
        for student in row.students:
            if student not in found or row.score >= found[student].score:
                found[student] = row
    return found


class GradebookWriter:
    """Writes marks for a gradebook. Without a class list, students come as their sheets do."""

    def __init__(self, settings: Settings, roster: Roster | None) -> None:
        self._settings = settings
        self._roster = roster

    def part(self, submission: Submission) -> Row:
        """The row of one sheet."""
        told = cleaned(of_submission(submission, self._settings.reveal))
        slips = dict.fromkeys(slip for one in told.results for slip in telling(one.slips))
        share = 100 * told.score / told.max_score if told.max_score else 0.0
        cells = (
            number(told.score),
            number(told.max_score),
            number(round(share, 1)),
            told.first_wrong or "",
            " ".join(slips),
        )
        return Row(submission.students, submission.score, cells)

    def text(
        self,
        problem: str,  # noqa: ARG002  # all writers have this signature
        parts: Iterable[Row],
        summary: Callable[[], Summary],  # noqa: ARG002  # all writers have this signature
    ) -> Iterator[str]:
        """The rows, a student each."""
        rows = best(parts)
        roster = self._roster or roster_of(list(rows))
        yield self._line((*roster.columns, *COLUMNS))
        for student in roster.students:
            row = rows.get(student.id)
            yield self._line((*student.cells, *(row.cells if row else [""] * len(COLUMNS))))

    def _line(self, cells: Sequence[str]) -> str:
        line = csv_line(*cells)
        return without_commands(ascii_text(line) if self._settings.ascii else line) + "\n"

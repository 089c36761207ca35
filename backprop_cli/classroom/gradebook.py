"""Submissions -> the marks of a class as CSV, and a reply for each student.

A row a student in the order of the class list; a file a student, never more in it than may be
revealed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.classroom.rosters import Roster, file_name, make_folder, roster_of
from backprop_cli.errors import listed
from backprop_cli.formats.registry import ENDING
from backprop_cli.grading.grader import ungraded
from backprop_cli.grading.report_data import Sheet, Submission, Summary
from backprop_cli.grading.sentences import telling
from backprop_cli.grading.sheets.collect import Unread
from backprop_cli.grading.summary import best, summarised
from backprop_cli.report.csv_ import csv_line
from backprop_cli.report.formats import rendered
from backprop_cli.report.settings import (
    Settings,
    ascii_text,
    cleaned,
    of_submission,
    without_commands,
)
from backprop_cli.report.wording import number


def _percent(told: Submission) -> str:
    return number(round(100 * told.score / told.max_score if told.max_score else 0.0, 1))


def _slips(told: Submission) -> str:
    return " ".join(dict.fromkeys(slip for one in told.results for slip in telling(one.slips)))


COLUMNS: Mapping[str, Callable[[Submission], str]] = MappingProxyType(
    {
        "score": lambda told: number(told.score),
        "max_score": lambda told: number(told.max_score),
        "percent": _percent,
        "first_wrong": lambda told: told.first_wrong or "",
        "slips": _slips,
    }
)
"""What stands behind the columns of the class list: the cell of one sheet for each."""


class Row(Struct, frozen=True):
    """The marks of one sheet, and the cells that say them."""

    students: tuple[str, ...]
    score: float
    cells: tuple[str, ...]


class Reply(Struct, frozen=True):
    """What one sheet is answered with."""

    students: tuple[str, ...]
    score: float
    text: str


class GradebookWriter:
    """Writes marks for a gradebook. Without a class list, students come as their sheets do."""

    def __init__(self, settings: Settings, roster: Roster | None) -> None:
        self._settings = settings
        self._roster = roster

    def part(self, submission: Submission) -> Row:
        """The row of one sheet."""
        told = cleaned(of_submission(submission, self._settings.reveal))
        cells = tuple(cell(told) for cell in COLUMNS.values())
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


# Replies ------------------------------------------------------------------------------------------


_HAND_IN: Final = (
    "What can be read, and is to be handed in: the answer sheet with your numbers in it, as a"
    " .yaml, .json or .csv file"
)


def unread(student: str, files: Sequence[Unread], most: float) -> Submission:
    """What a student is told who handed in files, and none that can be read."""
    kinds = [f"{Path(one.file).name} ({one.why.partition(';')[0]})" for one in files]
    return ungraded(Sheet(student, files[0].file), most, listed(kinds))


class FeedbackWriter:
    """Makes the reply to each sheet where it is graded; the folder is filled at the end."""

    def __init__(self, settings: Settings, problem: str, form: str) -> None:
        self._settings = settings
        self._problem = problem
        self._form = form

    def part(self, submission: Submission) -> Reply:
        """The reply to one sheet; to one that is not read, with what can be."""
        if not submission.is_read:
            submission = replace(submission, error=f"{submission.error}. {_HAND_IN}")
        report = summarised(self._problem, [submission])
        text = rendered(self._form, report, self._settings)
        return Reply(submission.students, submission.score, text)

    def text(
        self,
        problem: str,  # noqa: ARG002  # all writers have this signature
        parts: Iterable[Reply],
        summary: Callable[[], Summary],  # noqa: ARG002  # all writers have this signature
    ) -> Iterator[str]:
        """All replies, one below the other."""
        yield from (reply.text for reply in parts)


def write_replies(
    replies: Iterable[Reply],
    folder: Path,
    form: str,
    write: Callable[[str, Path], None],
    roster: Roster | None,
) -> int:
    """Writes the reply of each student and says how many there are.

    UserError where the folder cannot be made.
    """
    found = of_students(replies, roster)
    make_folder(folder)
    for name, reply in _named(found):
        write(reply.text, folder / f"{name}{ENDING[form]}")
    return len(found)


def of_students(replies: Iterable[Reply], roster: Roster | None) -> dict[str, Reply]:
    """The reply to the sheet of each student that counts; who is on no `roster` gets none."""
    known = None if roster is None else {one.id for one in roster.students}
    found = best(replies)
    return {one: reply for one, reply in found.items() if known is None or one in known}


def _named(replies: Mapping[str, Reply]) -> Iterator[tuple[str, Reply]]:
    """The replies with names for files; students whose names come to one file have numbers."""
    taken: set[str] = set()
    for student, reply in replies.items():
        name = wanted = file_name(student)
        number = 1
        while name.casefold() in taken:
            number += 1
            name = f"{wanted} ({number})"
        taken.add(name.casefold())
        yield name, reply

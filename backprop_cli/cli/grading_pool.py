"""Answer files -> the parts of a report, in the same order, by one process or several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol

from msgspec import Struct, field

from backprop_cli.grading.report_data import Sheet, Submission
from backprop_cli.grading.sheets.answer_files import unusable
from backprop_cli.grading.summary import Counts
from backprop_cli.report.stream import Writer

CHUNK: Final = 50  # sheets a process takes at a time


class Parts(Struct):
    """What some sheets add to each report that is written, and to the counts.

    `deaths` says how processes ended that should not have, since the parts before.
    """

    counts: Counts = field(default_factory=Counts)
    of: list[tuple[Any, ...]] = field(default_factory=list)
    deaths: tuple[str, ...] = ()


class LostError(Exception):
    """The process that graded a sheet died of it."""


class Grades(Protocol):
    """What grades sheets: the desk of one problem, or of a class."""

    def grade_file(self, path: str, /) -> Submission:
        """The submission in a file."""

    def failed(self, sheet: Sheet | Submission, error: Exception, /) -> Submission:
        """The submission of a sheet at which the program failed."""


class Bench(Struct):
    """What grades sheets and makes their parts of the reports."""

    desk: Grades
    writers: tuple[Writer, ...]

    def parts(self, files: Sequence[str]) -> Parts:
        """The parts of some sheets."""
        found = Parts()
        for file in files:
            self._add(found, self.desk.grade_file(file))
        return found

    def lost(self, file: str) -> Parts:
        """The part of a sheet that no process lives through."""
        found = Parts()
        error = LostError("every process that graded this sheet died")
        self._add(found, self.desk.failed(unusable(file, ""), error))
        return found

    def _add(self, found: Parts, submission: Submission) -> None:
        try:
            told = self._told(submission)
        except Exception as error:  # noqa: BLE001  # as where it is graded
            submission = self.desk.failed(submission, error)
            told = self._told(submission)
        found.counts.add(submission)
        found.of.append(told)

    def _told(self, submission: Submission) -> tuple[Any, ...]:
        return tuple(writer.part(submission) for writer in self.writers)


def graded(bench: Bench, files: Sequence[str], workers: int) -> Iterator[Parts]:
    """The parts of all files; the number of workers changes the time taken, nothing else."""
    chunks = (files[start : start + CHUNK] for start in range(0, len(files), CHUNK))
    workers = min(workers, -(-len(files) // CHUNK))
    if workers <= 1:
        yield from map(bench.parts, chunks)
        return
    from backprop_cli.cli.workers import Pool

    deaths: list[str] = []
    for parts in Pool(workers, bench.parts, bench.lost, deaths.append).results(chunks):
        parts.deaths = tuple(deaths)
        deaths.clear()
        yield parts

"""Submissions, one after the other, to how a class did with each quantity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from msgspec import Struct, field

from backprop_cli.grading.report_data import Report, Result, Shared, Submission, Summary, Tally
from backprop_cli.grading.sentences import telling
from backprop_cli.grading.sheets.answer_files import stem


class OfStudents(Protocol):
    """A sheet, or what is made of one."""

    @property
    def students(self) -> tuple[str, ...]:
        """All whose it is."""

    @property
    def score(self) -> float:
        """Its points."""


OfSheet = TypeVar("OfSheet", bound=OfStudents)


def best(sheets: Iterable[OfSheet]) -> dict[str, OfSheet]:
    """Of each student the sheet that counts: the one with most points, of equals the last."""
    found: dict[str, OfSheet] = {}
    for sheet in sheets:
        for student in sheet.students:
            if student not in found or sheet.score >= found[student].score:
                found[student] = sheet
    return found


def that_count(submissions: Sequence[Submission]) -> list[Submission]:
    """The sheets but for those of students of whom a better one is there."""
    counting = {*map(id, best(one for one in submissions if one.double).values())}
    return [one for one in submissions if not one.double or id(one) in counting]


class Count(Struct):
    """What is counted of one quantity.

    `writers` are those of each wrong value that no slip explains, by what tells them apart: two
    sheets of one student are no two students.
    """

    verdicts: Counter[str] = field(default_factory=Counter)
    slips: Counter[str] = field(default_factory=Counter)
    writers: dict[str, dict[str, str]] = field(default_factory=dict)

    def add(self, result: Result, submission: Submission) -> None:
        """Counts one more result."""
        self.verdicts[result.verdict] += 1
        if result.slips:
            self.slips.update(telling(result.slips))
        elif result.verdict == "wrong" and result.entries:
            text = " ".join(entry.typed or "_" for entry in result.entries)
            self.writers.setdefault(text, {})[_writer(submission)] = submission.student

    def join(self, other: Count) -> None:
        """Adds what was counted elsewhere."""
        self.verdicts.update(other.verdicts)
        self.slips.update(other.slips)
        for text, writers in other.writers.items():
            self.writers.setdefault(text, {}).update(writers)

    def written_by(self, texts: Iterable[str]) -> int:
        """How many students wrote one of these values."""
        return len({writer for text in texts for writer in self.writers[text]})

    def tally(self, id: str, shared: SharedBy) -> Tally:
        """The counts as a line of the report."""
        return Tally(id, dict(self.verdicts), dict(self.slips), shared(id, self))


def _writer(submission: Submission) -> str:
    """What tells whose sheet it is; one without a name on it is that of its file."""
    is_named = submission.student != stem(submission.file)
    return submission.student if is_named else submission.file


SharedBy = Callable[[str, Count], tuple[Shared, ...]]
"""What wrong values of a quantity several have in common."""


def written_alike(id: str, count: Count) -> tuple[Shared, ...]:  # noqa: ARG001  # as all SharedBy
    """The values that several wrote, the most frequent first."""
    found = [Shared(text, len(by)) for text, by in count.writers.items() if len(by) > 1]
    return tuple(sorted(found, key=lambda one: -one.count))


class Counts(Struct):
    """What is counted of a class: counts of its parts, joined in order, are those of the whole.

    `doubles` wait until it is known which of them count. `fault` is the first traceback, where the
    program failed at a sheet.
    """

    submissions: int = 0
    passed: int = 0
    unread: int = 0
    quantities: dict[str, Count] = field(default_factory=dict)
    doubles: list[Submission] = field(default_factory=list)
    fault: str | None = None

    def add(self, submission: Submission) -> None:
        """Counts one more submission."""
        self.submissions += 1
        self.passed += submission.passed
        self.unread += submission.error is not None
        self.fault = self.fault or submission.fault
        if submission.double:
            self.doubles.append(submission)
        else:
            self._add_results(submission)

    def _add_results(self, submission: Submission) -> None:
        for result in submission.results:
            if (count := self.quantities.get(result.id)) is None:
                count = self.quantities[result.id] = Count()
            count.add(result, submission)

    def join(self, other: Counts) -> None:
        """Adds what was counted of the submissions behind these."""
        self.submissions += other.submissions
        self.passed += other.passed
        self.unread += other.unread
        self.doubles += other.doubles
        self.fault = self.fault or other.fault
        for id, count in other.quantities.items():
            self.quantities.setdefault(id, Count()).join(count)

    def summary(self, shared: SharedBy = written_alike) -> Summary:
        """How it went with each quantity; of each student one sheet counts."""
        counted = Counts()
        counted.join(self)
        for one in that_count(self.doubles):
            counted._add_results(one)
        tallies = tuple(count.tally(id, shared) for id, count in counted.quantities.items())
        return Summary(self.submissions, self.passed, tallies)


def summarised(
    problem: str, submissions: Sequence[Submission], shared: SharedBy = written_alike
) -> Report:
    """The report of all sheets: the submissions and how the class did with each quantity."""
    counts = Counts()
    for submission in submissions:
        counts.add(submission)
    return Report(problem, tuple(submissions), counts.summary(shared))

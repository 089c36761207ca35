"""Submissions, one after the other, to how a class did with each quantity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from msgspec import Struct, field

from backprop_cli.grading.report_data import Report, Result, Shared, Submission, Summary, Tally
from backprop_cli.grading.sentences import telling

MOST_KNOWN: Final = 1_000
"""Of so many wrong values it is remembered who wrote them first."""


class Count(Struct):
    """What is counted of one quantity. `shared` are wrong values that no slip explains.

    `whose` says who was the first to write them, since each student may have other numbers.
    """

    verdicts: Counter[str] = field(default_factory=Counter)
    slips: Counter[str] = field(default_factory=Counter)
    shared: Counter[str] = field(default_factory=Counter)
    whose: dict[str, str] = field(default_factory=dict)

    def add(self, result: Result, student: str) -> None:
        """Counts one more result."""
        self.verdicts[result.verdict] += 1
        if result.slips:
            self.slips.update(telling(result.slips))
        elif result.verdict == "wrong" and result.entries:
            text = " ".join(entry.typed or "_" for entry in result.entries)
            self.shared[text] += 1
            self._wrote({text: student})

    def join(self, other: Count) -> None:
        """Adds what was counted elsewhere."""
        for own, more in zip(self._counters(), other._counters(), strict=True):
            own.update(more)
        self._wrote(other.whose)

    def _wrote(self, whose: dict[str, str]) -> None:
        for text, student in whose.items():
            if len(self.whose) < MOST_KNOWN:
                self.whose.setdefault(text, student)

    def _counters(self) -> Iterable[Counter[str]]:
        return self.verdicts, self.slips, self.shared

    def tally(self, id: str, shared: SharedBy) -> Tally:
        """The counts as a line of the report."""
        return Tally(id, dict(self.verdicts), dict(self.slips), shared(id, self))


SharedBy = Callable[[str, Count], tuple[Shared, ...]]
"""What wrong values of a quantity several have in common."""


def written_alike(id: str, count: Count) -> tuple[Shared, ...]:  # noqa: ARG001  # as all SharedBy
    """The values that several wrote, the most frequent first."""
    found = [Shared(text, times) for text, times in count.shared.items() if times > 1]
    return tuple(sorted(found, key=lambda one: -one.count))


class Counts(Struct):
    """What is counted of a class: counts of its parts, joined in order, are those of the whole.

    `fault` is the first traceback, where the program failed at a sheet.
    """

    submissions: int = 0
    passed: int = 0
    unread: int = 0
    quantities: dict[str, Count] = field(default_factory=dict)
    fault: str | None = None

    def add(self, submission: Submission) -> None:
        """Counts one more submission."""
        self.submissions += 1
        self.passed += submission.passed
        self.unread += submission.error is not None
        self.fault = self.fault or submission.fault
        for result in submission.results:
            if (count := self.quantities.get(result.id)) is None:
                count = self.quantities[result.id] = Count()
            count.add(result, submission.student)

    def join(self, other: Counts) -> None:
        """Adds what was counted of the submissions behind these."""
        self.submissions += other.submissions
        self.passed += other.passed
        self.unread += other.unread
        self.fault = self.fault or other.fault
        for id, count in other.quantities.items():
            self.quantities.setdefault(id, Count()).join(count)

    def summary(self, shared: SharedBy = written_alike) -> Summary:
        """How it went with each quantity."""
        tallies = tuple(count.tally(id, shared) for id, count in self.quantities.items())
        return Summary(self.submissions, self.passed, tallies)


def summarised(
    problem: str, submissions: Sequence[Submission], shared: SharedBy = written_alike
) -> Report:
    """The report of all sheets: the submissions and how the class did with each quantity."""
    counts = Counts()
    for submission in submissions:
        counts.add(submission)
    return Report(problem, tuple(submissions), counts.summary(shared))

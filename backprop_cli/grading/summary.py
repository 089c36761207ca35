"""Submissions, one after the other, to how a class did with each quantity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct, field

from backprop_cli.grading.report_data import Report, Result, Submission, Summary, Tally
from backprop_cli.grading.sentences import telling


class Count(Struct):
    """What is counted of one quantity. `shared` are wrong values that no slip explains."""

    verdicts: Counter[str] = field(default_factory=Counter)
    slips: Counter[str] = field(default_factory=Counter)
    shared: Counter[str] = field(default_factory=Counter)

    def add(self, result: Result) -> None:
        """Counts one more result."""
        self.verdicts[result.verdict] += 1
        if result.slips:
            self.slips.update(telling(result.slips))
        elif result.verdict == "wrong" and result.entries:
            self.shared[" ".join(entry.typed or "_" for entry in result.entries)] += 1

    def join(self, other: Count) -> None:
        """Adds what was counted elsewhere."""
        for own, more in zip(self._counters(), other._counters(), strict=True):
            own.update(more)

    def _counters(self) -> Iterable[Counter[str]]:
        return self.verdicts, self.slips, self.shared

    def tally(self, id: str) -> Tally:
        """The counts as a line of the report."""
        return Tally(id, dict(self.verdicts), dict(self.slips), _several(self.shared))


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
            count.add(result)

    def join(self, other: Counts) -> None:
        """Adds what was counted of the submissions behind these."""
        self.submissions += other.submissions
        self.passed += other.passed
        self.unread += other.unread
        self.fault = self.fault or other.fault
        for id, count in other.quantities.items():
            self.quantities.setdefault(id, Count()).join(count)

    def summary(self) -> Summary:
        """How it went with each quantity."""
        tallies = tuple(count.tally(id) for id, count in self.quantities.items())
        return Summary(self.submissions, self.passed, tallies)


def summarised(problem: str, submissions: Sequence[Submission]) -> Report:
    """The report of all sheets: the submissions and how the class did with each quantity."""
    counts = Counts()
    for submission in submissions:
        counts.add(submission)
    return Report(problem, tuple(submissions), counts.summary())


def _several(texts: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    found = [(text, count) for text, count in texts.items() if count > 1]
    return tuple(sorted(found, key=lambda pair: -pair[1]))

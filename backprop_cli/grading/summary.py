"""The submissions of a class to a report: the sheets, and how it went with each quantity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from backprop_cli.grading.data import Report, Submission, Summary, Tally
from backprop_cli.grading.sentences import telling


def summarised(problem: str, submissions: Sequence[Submission]) -> Report:
    """The report of all sheets: the submissions and how the class did with each quantity."""
    counts: dict[str, Counter[str]] = {}
    slip_counts: dict[str, Counter[str]] = {}
    shared: dict[str, Counter[str]] = {}
    for submission in submissions:
        for result in submission.results:
            counts.setdefault(result.id, Counter())[result.verdict] += 1
            slip_counts.setdefault(result.id, Counter()).update(telling(result.slips))
            if result.verdict == "wrong" and not result.slips and result.entries:
                text = " ".join(entry.typed or "_" for entry in result.entries)
                shared.setdefault(result.id, Counter())[text] += 1
    tallies = tuple(
        Tally(id, dict(count), dict(slip_counts[id]), _several(shared.get(id, Counter())))
        for id, count in counts.items()
    )
    passed = sum(submission.passed for submission in submissions)
    return Report(problem, tuple(submissions), Summary(len(submissions), passed, tallies))


def _several(texts: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    found = [(text, count) for text, count in texts.items() if count > 1]
    return tuple(sorted(found, key=lambda pair: -pair[1]))

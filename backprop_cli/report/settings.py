"""What every format is told: how much to reveal, how wide to write, what slips are called."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import field
from msgspec.structs import replace

from backprop_cli.grading.report_data import (
    Report,
    Result,
    Reveal,
    SlipWords,
    Submission,
    Summary,
    Tally,
)
from backprop_cli.terminal.themes import Look


class Settings(Look, frozen=True):
    """How a report is to be written. Only text for a terminal uses `width`, `color`, `theme` and
    `ascii`; JSON and XML write other characters as escapes where `ascii` is set.
    """

    reveal: Reveal = "what"
    slip_words: Mapping[str, SlipWords] = field(default_factory=dict)
    formula: Callable[[str], str | None] | None = None
    """Gives the formula of a quantity in symbols; without it, that of the report is shown."""

    def slip(self, id: str) -> SlipWords:
        """The words for a slip; its id where it has none."""
        return self.slip_words.get(id) or SlipWords(id, id.replace("-", " "), "")


# What may be said ---------------------------------------------------------------------------------


def revealed(report: Report, reveal: Reveal) -> Report:
    """What of the report may be said."""
    if reveal == "value":
        return report
    return replace(
        report,
        submissions=tuple(of_submission(one, reveal) for one in report.submissions),
        summary=of_summary(report.summary, reveal),
    )


def of_submission(submission: Submission, reveal: Reveal) -> Submission:
    """What of one submission may be said."""
    if reveal == "value":
        return submission
    if reveal == "none":
        return replace(submission, first_wrong=None, results=())
    results = tuple(of_result(result, reveal) for result in submission.results)
    return replace(submission, results=results)


def of_result(result: Result, reveal: Reveal) -> Result:
    """What of one result may be said, where results are."""
    if reveal == "value":
        return result
    result = replace(result, expected=None, explanation=None)
    if reveal == "what":
        return result
    message = result.message if result.verdict == "invalid" else ""
    return replace(
        result, slips=(), origin=None, cannot_exclude=(), message=message, formula=None, factor=""
    )


def of_summary(summary: Summary, reveal: Reveal) -> Summary:
    """What of the summary may be said."""
    if reveal == "none":
        return replace(summary, quantities=())
    if reveal in ("what", "value"):
        return summary
    bare = (Tally(tally.id, tally.counts, {}) for tally in summary.quantities)
    return replace(summary, quantities=tuple(bare))

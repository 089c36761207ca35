"""A report to the report without what may not be said, for every format alike.

| reveal | what is left |
|---|---|
| none | marks: points of the sheet, passed or not, files and lines that could not be read |
| where | also each verdict, of quantities and entries, what was typed, points, lines |
| what | also slips, messages, formulas, and wrong values that several wrote |
| value | also the right values, and explanations with numbers |

Why a quantity cannot be read is said from `where` on: it speaks of how something was typed.
"""

from __future__ import annotations

from msgspec.structs import replace

from backprop_cli.grading.report_data import Report, Result, Reveal, Submission, Summary, Tally

LEVELS: tuple[Reveal, ...] = ("none", "where", "what", "value")


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

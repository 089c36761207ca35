"""A report on one sheet to the results.json that Gradescope reads from an autograder."""

from __future__ import annotations

from typing import Any

from backprop_cli.grading.report_data import Report, Result, Submission
from backprop_cli.report.facts import cause, facts
from backprop_cli.report.json_ import written
from backprop_cli.report.settings import Settings
from backprop_cli.report.wording import marks, noted, unread, verdict_phrase

_ACCEPTED = frozenset({"correct", "carried"})


def render(report: Report, settings: Settings) -> str:
    """The JSON for the only sheet there is."""
    return written(results(report.submissions[0], settings), only_ascii=settings.ascii)


def results(submission: Submission, settings: Settings) -> dict[str, Any]:
    """The fields that Gradescope documents. Texts are marked as text: nothing in them is markup."""
    tests = [_test(n, result, settings) for n, result in enumerate(submission.results, 1)]
    return {
        "score": submission.score,
        "output": _output(submission, settings),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": "visible",
        "tests": tests if tests and submission.error is None else [_whole(submission)],
    }


def _output(submission: Submission, settings: Settings) -> str:
    if submission.error is not None:
        return unread(submission)
    start = cause(submission, settings)
    remarks = [noted(text, mark) for text, mark in submission.remarks]
    return "\n".join([marks(submission), *([f"First wrong: {start}"] if start else []), *remarks])


def _test(number: int, result: Result, settings: Settings) -> dict[str, Any]:
    told = [f"{label}: {text}" for label, text in facts(result, settings)]
    return {
        "score": result.points,
        "max_score": result.max_points,
        "name": result.id,
        "number": str(number),
        "status": "passed" if result.verdict in _ACCEPTED else "failed",
        "output": "\n".join([verdict_phrase(result), *told]),
        "output_format": "text",
        "visibility": "visible",
    }


def _whole(submission: Submission) -> dict[str, Any]:
    """The marks as one test: where the sheet could not be read, or no more may be told."""
    return {
        "score": submission.score,
        "max_score": submission.max_score,
        "name": "The sheet",
        "number": "1",
        "status": "passed" if submission.passed else "failed",
        "output": marks(submission) if submission.error is None else unread(submission),
        "output_format": "text",
        "visibility": "visible",
    }

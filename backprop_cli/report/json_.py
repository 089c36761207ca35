"""A report to JSON, `backprop-report/1`: schemas/report.schema.json says what each field means.

Keys are the same whatever is revealed, but `expected` and `explanation`, which only `value` adds.
With `none` there are no results, no quantities in the summary, and `first_wrong` is null.
"""

from __future__ import annotations

import json
from typing import Any

from backprop_cli.errors import Mark
from backprop_cli.grading.data import Report, Result, Submission, Tally
from backprop_cli.report.settings import Settings

SCHEMA = "backprop-report/1"
_WIDTH = 100


def render(report: Report, settings: Settings) -> str:
    """The report as JSON, ending in a line break."""
    return written(to_json(report, settings), only_ascii=settings.ascii)


def to_json(report: Report, settings: Settings) -> dict[str, Any]:
    """The report as plain data."""
    summary = report.summary
    return {
        "schema": SCHEMA,
        "problem": report.problem,
        "submissions": [
            _submission(one, right=settings.reveal == "value") for one in report.submissions
        ],
        "summary": {
            "submissions": summary.submissions,
            "passed": summary.passed,
            "quantities": [_tally(tally) for tally in summary.quantities],
        },
    }


def written(data: Any, *, only_ascii: bool = False) -> str:
    """JSON as text that no terminal and no build server takes for a command."""
    text = _pretty(data, 0, json.JSONEncoder(ensure_ascii=only_ascii, allow_nan=False))
    safe = "\n".join(map(_escaped, text.split("\n")))
    return safe.replace("##[", "#\\u0023[") + "\n"


def _submission(submission: Submission, *, right: bool) -> dict[str, Any]:
    return {
        "student": submission.student,
        "file": submission.file,
        "score": submission.score,
        "max_score": submission.max_score,
        "passed": submission.passed,
        "first_wrong": submission.first_wrong,
        "error": _error(submission),
        "results": [_result(result, right=right) for result in submission.results],
    }


def _error(submission: Submission) -> dict[str, Any] | None:
    if submission.error is None:
        return None
    return {"message": submission.error, **_place(submission.error_mark)}


def _place(mark: Mark | None) -> dict[str, int | None]:
    return {
        "line": mark.line or None if mark else None,
        "column": mark.column or None if mark else None,
    }


def _result(result: Result, *, right: bool) -> dict[str, Any]:
    return {
        "id": result.id,
        "verdict": result.verdict,
        "how": result.how,
        "points": result.points,
        "max_points": result.max_points,
        **_place(result.mark),
        "entries": [
            {"index": list(entry.index), "verdict": entry.verdict} for entry in result.entries
        ],
        "slips": list(result.slips),
        "cannot_exclude": list(result.cannot_exclude),
        "message": result.message,
        **({"expected": result.expected, "explanation": result.explanation} if right else {}),
    }


def _tally(tally: Tally) -> dict[str, Any]:
    counts = {verdict: tally.counts.get(verdict, 0) for verdict in ("correct", "carried", "wrong")}
    return {"id": tally.id, **counts, "slips": dict(tally.slips)}


def _pretty(value: Any, depth: int, encoder: json.JSONEncoder) -> str:
    """`value` on one line where it is short, else its items on lines of their own."""
    compact = encoder.encode(value)
    if not isinstance(value, dict | list) or (depth and len(compact) + depth <= _WIDTH):
        return compact
    if isinstance(value, dict):
        pieces = [
            f"{encoder.encode(key)}: {_pretty(item, depth + 1, encoder)}"
            for key, item in value.items()
        ]
    else:
        pieces = [_pretty(item, depth + 1, encoder) for item in value]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    inner = f",\n{' ' * (depth + 1)}".join(pieces)
    return f"{opening}\n{' ' * (depth + 1)}{inner}\n{' ' * depth}{closing}"


def _escaped(line: str) -> str:
    """A line of JSON in which what cannot be seen is written as its code."""
    if line.isprintable():
        return line
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in line)

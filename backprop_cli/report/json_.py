"""A report to JSON, `backprop-report/1`: schemas/report.schema.json says what each field means.

Keys are the same whatever is revealed, but `expected` and `explanation`, which only `value` adds.
With `none` there are no results, no quantities in the summary, and `first_wrong` is null.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any

from msgspec.structs import replace

from backprop_cli.errors import Mark
from backprop_cli.grading.report_data import Origin, Result, Submission, Summary, Tally
from backprop_cli.report.facts import note_data
from backprop_cli.report.settings import Settings, of_result, of_submission, of_summary
from backprop_cli.report.stream import PerResult

SCHEMA = "backprop-report/1"
_WIDTH = 100
_GAP = ",\n   "  # between the fields of a submission


class JsonWriter:
    """Writes a report as JSON: texts as they are, and escapes for what cannot be seen."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._encoder = json.JSONEncoder(ensure_ascii=settings.ascii, allow_nan=False)
        self._results = PerResult(self._result)

    def part(self, submission: Submission) -> str:
        """One submission, as it stands in the list of all."""
        reveal = self._settings.reveal
        results = [] if reveal == "none" else [self._results(one) for one in submission.results]
        head = of_submission(replace(submission, results=()), reveal)
        fields = [self._field(key, value, 3) for key, value in _head(head).items()]
        listed = _laid("[]", results, 3) if results else "[]"
        return _laid("{}", [_safe(_GAP.join(fields)), f'"results": {listed}'], 2)

    def text(
        self, problem: str, parts: Iterable[str], summary: Callable[[], Summary]
    ) -> Iterator[str]:
        """The report, submission by submission."""
        before = [self._field("schema", SCHEMA, 1), self._field("problem", problem, 1)]
        yield _safe("{\n " + ",\n ".join(before)) + ',\n "submissions": ['
        gap = "\n  "
        for part in parts:
            yield gap + part
            gap = ",\n  "
        yield "],\n " if gap == "\n  " else "\n ],\n "
        told = _summary(of_summary(summary(), self._settings.reveal))
        yield _safe(self._field("summary", told, 1)) + "\n}\n"

    def _result(self, result: Result) -> str:
        told = of_result(result, self._settings.reveal)
        data = _result(told, right=self._settings.reveal == "value")
        return _safe(_laid("{}", [self._field(key, data[key], 5) for key in data], 4))

    def _field(self, key: str, value: Any, depth: int) -> str:
        return f'"{key}": {_pretty(value, depth, self._encoder)}'


def written(data: Any, *, only_ascii: bool = False) -> str:
    """JSON as text that no terminal and no build server takes for a command."""
    encoder = json.JSONEncoder(ensure_ascii=only_ascii, allow_nan=False)
    return _safe(_pretty(data, 0, encoder)) + "\n"


def _safe(text: str) -> str:
    safe = text if text.replace("\n", "").isprintable() else _escaped(text)
    return safe.replace("##[", "#\\u0023[")


def _escaped(text: str) -> str:
    """JSON in which what cannot be seen is written as its code."""
    return "".join(
        char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in text
    )


# Data ----------------------------------------------------------------------------------------


def _head(submission: Submission) -> dict[str, Any]:
    """A submission without its results."""
    return {
        "student": submission.student,
        **({"others": list(submission.others)} if submission.others else {}),
        "file": submission.file,
        "score": submission.score,
        "max_score": submission.max_score,
        "passed": submission.passed,
        "first_wrong": submission.first_wrong,
        "error": _error(submission),
    }


def _summary(summary: Summary) -> dict[str, Any]:
    return {
        "submissions": summary.submissions,
        "passed": summary.passed,
        "quantities": [_tally(tally) for tally in summary.quantities],
        "notes": [note_data(note) for note in summary.notes],
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
        "origin": _origin(result.origin),
        "cannot_exclude": list(result.cannot_exclude),
        "message": result.message,
        **({"expected": result.expected, "explanation": result.explanation} if right else {}),
    }


def _origin(origin: Origin | None) -> dict[str, Any] | None:
    return None if origin is None else {"id": origin.id, "slips": list(origin.slips)}


def _tally(tally: Tally) -> dict[str, Any]:
    counts = {verdict: tally.counts.get(verdict, 0) for verdict in ("correct", "carried", "wrong")}
    unexplained = [
        {"written": one.text or None, "students": one.count, "perhaps": one.perhaps or None}
        for one in tally.shared
    ]
    return {"id": tally.id, **counts, "slips": dict(tally.slips), "unexplained": unexplained}


# Layout --------------------------------------------------------------------------------------


def _pretty(value: Any, depth: int, encoder: json.JSONEncoder) -> str:
    """`value` on one line where it is short, else its items on lines of their own."""
    if not isinstance(value, dict | list):
        return encoder.encode(value) if isinstance(value, str) else _plain(value)
    compact = encoder.encode(value)
    if depth and len(compact) + depth <= _WIDTH:
        return compact
    if isinstance(value, list):
        return _laid("[]", [_pretty(item, depth + 1, encoder) for item in value], depth)
    pieces = [
        f"{encoder.encode(key)}: {_pretty(item, depth + 1, encoder)}" for key, item in value.items()
    ]
    return _laid("{}", pieces, depth)


_plain = lru_cache(maxsize=4096, typed=True)(json.dumps)  # numbers of points, true, null


def _laid(brackets: str, pieces: Iterable[str], depth: int) -> str:
    """The pieces of a list or an object, a line each."""
    space = " " * depth
    inner = f",\n{space} ".join(pieces)
    return f"{brackets[0]}\n{space} {inner}\n{space}{brackets[1]}"

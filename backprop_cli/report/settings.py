"""What every format is told, and texts of students to texts that are only read: no escapes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from operator import is_
from typing import TypeVar, cast

from msgspec import Struct, field
from msgspec.structs import replace

from backprop_cli.errors import Mark
from backprop_cli.grading.report_data import (
    Report,
    Result,
    Reveal,
    SlipWords,
    Submission,
    Summary,
    Tally,
)
from backprop_cli.problem.typed_numbers import printable
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


Cleanable = TypeVar("Cleanable", Report, Submission, Result, Summary, Settings)

LONGEST = 4000
"""Characters of one text that are shown: no report needs more, and a sheet may hold megabytes."""


def clean(text: str) -> str:
    """One line, in which nothing moves a cursor, turns the reading direction or hides."""
    if text.isprintable() and len(text) <= LONGEST:
        return text
    line = printable(" ".join(text[: LONGEST + 1].split()))
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def cleaned(data: Cleanable, *, only_ascii: bool = False) -> Cleanable:
    """The same record with every text in it clean, and in ASCII where only that is wanted."""
    return cast(Cleanable, _mapped(data, _clean_ascii if only_ascii else clean))


def _clean_ascii(text: str) -> str:
    return ascii_text(clean(text))


def _mapped(value: object, change: Callable[[str], str]) -> object:
    """Whatever a record holds, its texts changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, tuple):
        items = tuple(_mapped(inner, change) for inner in value)
        return value if all(map(is_, items, value)) else items
    if isinstance(value, Mapping):
        return {_mapped(key, change): _mapped(inner, change) for key, inner in value.items()}
    if isinstance(value, Struct) and not isinstance(value, Mark):
        return _mapped_record(value, change)
    return value


def _mapped_record(record: Struct, change: Callable[[str], str]) -> Struct:
    changed = {}
    for name in record.__struct_fields__:
        before = getattr(record, name)
        after = _mapped(before, change)
        if after is not before:
            changed[name] = after
    return replace(record, **changed) if changed else record


def ascii_text(text: str) -> str:
    """The text in ASCII: signs as words, any other letter as its code."""
    return text.translate(_signs()).encode("ascii", "backslashreplace").decode()


@cache
def _signs() -> dict[int, str]:
    """The signs of formulas in ASCII, but for what cuts a text off and what parts two of them."""
    from backprop_cli.notation.ascii_signs import SIGNS

    return str.maketrans({**SIGNS, "…": "~", "·": "|"})


def without_commands(text: str) -> str:
    """Lines of which none is a command to a build server: `::error::` or `##[error]`."""
    apart = re.sub(r"#(?=#\[)", "# ", text)
    return re.sub(r"^(\s*):(?=:)", r"\1: ", apart, flags=re.MULTILINE)

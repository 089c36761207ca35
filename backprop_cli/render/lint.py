"""What lint found to text or JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence
from typing import Protocol


class Found(Protocol):
    """One thing that lint found."""

    @property
    def kind(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def advice(self) -> str | None: ...
    @property
    def slips(self) -> tuple[str, ...]: ...
    @property
    def decimals(self) -> int | None: ...


_HEADINGS = {
    "accepted": "Mistakes that would be marked right",
    "invisible": "Mistakes that change nothing here",
    "confused": "Mistakes that cannot be told from one another",
    "loss": "The loss",
    "square": "Transposes",
    "symmetric": "Transposes",
    "relu": "Units",
    "saturated": "Units",
    "kink": "Units",
    "small": "Too small for the digits asked",
    "equivalent": "The same with any numbers: nothing to do",
}


_LAST_OF_DIGITS = _HEADINGS["small"]


def matters(finding: Found) -> bool:
    """Whether anything could be done about it."""
    return finding.kind != "equivalent"


def lint_text(
    findings: Sequence[Found], asked: str, width: int, ascii_: bool, left_out: Sequence[str] = ()
) -> str:
    """A section for each kind, equal findings in one line, and the precision that would do.

    `left_out` is what could not be looked at.
    """
    lines = [f"At {asked}", ""]
    if left_out:
        lines += ["Not looked at, since backprop failed", *(f"  {each}" for each in left_out), ""]
    elif not any(matters(finding) for finding in findings):
        lines += [
            "Nothing found: every mistake that is known shows, and is told from the others.",
            "",
        ]
    needed = [f.decimals for f in findings if f.decimals is not None]
    for heading in dict.fromkeys(_HEADINGS.values()):
        rows = [finding for finding in findings if _HEADINGS[finding.kind] == heading]
        if rows:
            lines += [heading, *_rows(rows, width), ""]
        if heading == _LAST_OF_DIGITS and needed:
            settled = "would settle everything that more digits can settle."
            lines += [f"{max(needed)} decimals {settled}", ""]
    text = "\n".join(lines)
    return text.encode("ascii", "replace").decode() if ascii_ else text


def _rows(rows: Sequence[Found], width: int) -> Iterator[str]:
    """A paragraph for each thing to say, under all the quantities it is said of."""
    said: dict[tuple[str, str | None], list[str]] = {}
    for row in rows:
        said.setdefault((row.message, row.advice), []).append(row.id)
    for (message, advice), ids in said.items():
        words = message + (f" -> {advice}" if advice else "")
        yield from textwrap.wrap(
            f"{', '.join(ids)}: {words}", width, initial_indent="  ", subsequent_indent="    "
        )


def lint_json(findings: Sequence[Found], left_out: Sequence[str] = ()) -> str:
    """The findings as a list of objects, and what could not be looked at."""
    keys = ("kind", "id", "message", "advice", "slips", "decimals")
    data = {
        "schema": "backprop-lint/1",
        "findings": [{key: getattr(finding, key) for key in keys} for finding in findings],
        "left_out": list(left_out),
    }
    return json.dumps(data, ensure_ascii=False, indent=1)

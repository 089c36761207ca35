"""What lint found to text or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from backprop_cli.terminal.console import WORDS, drawn
from backprop_cli.terminal.themes import Look

if TYPE_CHECKING:
    from backprop_cli.grading.lint.unnoticed_slips import Finding

_BLANK = Text()

_HEADINGS = {
    "accepted": "Mistakes that would be marked right",
    "invisible": "Mistakes that change nothing here",
    "confused": "Mistakes that cannot be told from one another",
    "loss": "The loss",
    "unused": "Given",
    "square": "Transposes",
    "symmetric": "Transposes",
    "relu": "Units",
    "saturated": "Units",
    "kink": "Units",
    "small": "Too small for the digits asked",
    "left": "Not looked at to the end",
    "equivalent": "The same with any numbers: nothing to do",
}
_LAST_OF_DIGITS = _HEADINGS["small"]


def matters(finding: Finding) -> bool:
    """Whether anything could be done about it."""
    return finding.kind != "equivalent"


def lint_text(
    findings: Sequence[Finding], asked: str, look: Look, left_out: Sequence[str] = ()
) -> str:
    """A section for each kind, equal findings in one line, and the precision that would do.

    `left_out` is what could not be looked at.
    """
    text = drawn(_sections(findings, asked, left_out), look)
    return text.encode("ascii", "replace").decode() if look.ascii else text


def _sections(
    findings: Sequence[Finding], asked: str, left_out: Sequence[str]
) -> Iterator[RenderableType]:
    yield from (Text(f"At {asked}"), _BLANK)
    if left_out:
        yield from _section(
            "Not looked at, since backprop failed", [("", each) for each in left_out]
        )
    elif not any(map(matters, findings)):
        yield Text("Nothing found: every mistake that is known shows, and is told from the others.")
        yield _BLANK
    needed = [f.decimals for f in findings if f.decimals is not None]
    for heading in dict.fromkeys(_HEADINGS.values()):
        if rows := [finding for finding in findings if _HEADINGS[finding.kind] == heading]:
            yield from _section(heading, _rows(rows))
        if heading == _LAST_OF_DIGITS and needed:
            settled = "would settle everything that more digits can settle."
            yield from (Text(f"{max(needed)} decimals {settled}", "result"), _BLANK)


def _section(heading: str, rows: Iterable[tuple[str, str | Text]]) -> Iterator[RenderableType]:
    """What there is to say, each beside the quantities of which it is said."""
    yield Text(heading, "heading")
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="gradient", ratio=1, **WORDS)
    table.add_column(ratio=4, **WORDS)
    for ids, words in rows:
        table.add_row(ids, words)
    yield from (Padding(table, (0, 0, 0, 2)), _BLANK)


def _rows(rows: Sequence[Finding]) -> Iterator[tuple[str, Text]]:
    """The quantities of which a thing is said, and the thing."""
    said: dict[tuple[str, str | None], list[str]] = {}
    for row in rows:
        said.setdefault((row.message, row.advice), []).append(row.id)
    for (message, advice), ids in said.items():
        then = (" -> ", (advice, "instead")) if advice else ()
        yield ", ".join(ids), Text.assemble(message, *then)


def lint_json(
    findings: Sequence[Finding],
    left_out: Sequence[str] = (),
    more: Mapping[str, object] = MappingProxyType({}),
) -> str:
    """The findings as a list of objects, what could not be looked at, and more that was asked."""
    keys = ("kind", "id", "message", "advice", "slips", "decimals")
    data = {
        "schema": "backprop-lint/1",
        "findings": [{key: getattr(finding, key) for key in keys} for finding in findings],
        "left_out": list(left_out),
        **more,
    }
    return json.dumps(data, ensure_ascii=False, indent=1)

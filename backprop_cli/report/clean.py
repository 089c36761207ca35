"""Texts that students wrote to texts that are only read: no escapes, no build-server commands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from backprop_cli.errors import Mark
from backprop_cli.grading.data import Report
from backprop_cli.numbers import printable

LONGEST = 4000
"""Characters of one text that are shown: no report needs more, and a sheet may hold megabytes."""

_ASCII = str.maketrans(
    {
        "…": "...",
        "×": "x",
        "–": "-",
        "—": "-",
        "−": "-",
        "·": "|",
        "’": "'",
        "′": "'",
        "“": '"',
        "”": '"',
        "→": "->",
        "∂": "d",
        "σ": "sigmoid",
        "η": "eta",
        "∇": "grad ",
        "ŷ": "yhat",
        "ᵀ": ".T",
        "⊙": "*",
    }
)


def clean(text: str) -> str:
    """One line, in which nothing moves a cursor, turns the reading direction or hides."""
    if text.isprintable() and len(text) <= LONGEST:
        return text
    line = printable(" ".join(text[: LONGEST + 1].split()))
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def cleaned(report: Report) -> Report:
    """The report with every text in it clean."""
    whole = _cleaned(report)
    assert isinstance(whole, Report)
    return whole


def _cleaned(value: Any) -> Any:
    """Whatever a report holds, its texts clean."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, tuple):
        return tuple(map(_cleaned, value))
    if isinstance(value, Mapping):
        return {_cleaned(key): _cleaned(inner) for key, inner in value.items()}
    if is_dataclass(value) and not isinstance(value, type | Mark):
        inner = {item.name: _cleaned(getattr(value, item.name)) for item in fields(value)}
        return replace(value, **inner)
    return value


def ascii_text(text: str) -> str:
    """The text in ASCII: signs as words, any other letter as its code."""
    return text.translate(_ASCII).encode("ascii", "backslashreplace").decode()


def without_commands(text: str) -> str:
    """Lines of which none is a command to a build server: `::error::` or `##[error]`."""
    apart = re.sub(r"#(?=#\[)", "# ", text)
    return re.sub(r"^(\s*):(?=:)", r"\1: ", apart, flags=re.MULTILINE)

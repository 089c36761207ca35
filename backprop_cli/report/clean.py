"""Texts that students wrote to texts that are only read: no escapes, no build-server commands."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from operator import is_
from typing import TypeVar, cast

from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.errors import Mark
from backprop_cli.grading.report_data import Report, Result, Submission, Summary
from backprop_cli.problem.typed_numbers import printable
from backprop_cli.report.settings import Settings

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

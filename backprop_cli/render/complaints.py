"""A UserError -> text: place, message, the line with a caret, and what to write instead."""

from __future__ import annotations

import unicodedata
from typing import Final

from backprop_cli.errors import Complaint, UserError
from backprop_cli.problem.typed_numbers import printable

MOST_SHOWN: Final = 30
"""So many complaints are shown; the rest are counted."""
_WIDTH: Final = 76  # of the part of a line that is shown


def complaints_text(error: UserError) -> str:
    """All that `error` says, causes before what follows, ready for a terminal of any kind."""
    ordered = sorted(error.complaints, key=lambda complaint: complaint.order)
    told = [_one(complaint, error) for complaint in ordered[:MOST_SHOWN]]
    if more := len(ordered) - MOST_SHOWN:
        told += [f"and {more} more"] if more > 0 else []
    return "\n".join(told)


def _one(complaint: Complaint, error: UserError) -> str:
    told = [
        ": ".join(part for part in (_place(complaint, error), printable(complaint.message)) if part)
    ]
    line = complaint.mark.line
    if 0 < line <= len(error.lines):
        told += _excerpt(line, error.lines[line - 1], complaint.mark.column)
    if complaint.instead:
        told.append(f"  instead: {printable(complaint.instead)}")
    return "\n".join(told)


def _place(complaint: Complaint, error: UserError) -> str:
    mark = complaint.mark
    numbers = [str(number) for number in (mark.line, mark.column) if number > 0]
    return ":".join(part for part in (printable(error.source), *numbers) if part)


def _excerpt(number: int, line: str, column: int) -> list[str]:
    """The line, cut around `column`, and a caret below it."""
    before = [_safe(char) for char in line[: max(column - 1, 0)]]
    after = [_safe(char) for char in line[max(column - 1, 0) : column + _WIDTH]]
    needed = _cells("".join(after))
    left, cut_left = _fitting(before[::-1], max(_WIDTH // 2, _WIDTH - needed))
    right, cut_right = _fitting(after, _WIDTH - _cells("".join(left)))
    start = "…" * cut_left + "".join(left[::-1])
    gutter = f"  {number} | "
    text = f"{gutter}{start}{''.join(right)}{'…' * cut_right}".rstrip()
    return [text, f"{' ' * (len(gutter) - 2)}| {' ' * _cells(start)}^"]


def _fitting(chars: list[str], width: int) -> tuple[list[str], bool]:
    """As many of `chars` as fit, and whether any did not."""
    used = 0
    for count, char in enumerate(chars):
        used += _cells(char)
        if used > width:
            return chars[:count], True
    return chars, False


def _safe(char: str) -> str:
    """A character as it may be printed: a space for a tab, nothing that moves the cursor."""
    return " " if char == "\t" else printable(char)


def _cells(text: str) -> int:
    """How many columns of a terminal `text` takes."""
    return sum(_width(char) for char in text)


def _width(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1

"""A UserError -> text: place, message, the line with a caret, and what to write instead."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.cells import cell_len
from rich.text import Text

from backprop_cli.errors import Complaint, UserError
from backprop_cli.problem.typed_numbers import printable
from backprop_cli.terminal.console import drawn
from backprop_cli.terminal.themes import Look

MOST_SHOWN: Final = 30
"""So many complaints are shown; the rest are counted."""
IN_A_LINE: Final = Look(width=1_000_000)
"""Where nobody looks at a terminal: what is said stays in one line, to be searched."""
_WIDTH: Final = 76  # of the part of a line that is shown


def complaints_text(error: UserError, look: Look = IN_A_LINE) -> str:
    """All that `error` says, causes before what follows, ready for a terminal of any kind."""
    ordered = sorted(error.complaints, key=lambda complaint: complaint.order)
    told = [line for each in ordered[:MOST_SHOWN] for line in _one(each, error)]
    if (more := len(ordered) - MOST_SHOWN) > 0:
        told.append(Text(f"and {more} more", "note"))
    return drawn(told, look).rstrip("\n")


def _one(complaint: Complaint, error: UserError) -> Iterator[Text]:
    place, message = _place(complaint, error), printable(complaint.message)
    yield Text.assemble((f"{place}: " if place else "", "error"), message, overflow="fold")
    line = complaint.mark.line
    if 0 < line <= len(error.lines):
        yield from _excerpt(line, error.lines[line - 1], complaint.mark.column)
    if complaint.instead:
        yield Text.assemble(
            ("  instead: ", "note"), (printable(complaint.instead), "instead"), overflow="fold"
        )


def _place(complaint: Complaint, error: UserError) -> str:
    mark = complaint.mark
    numbers = [str(number) for number in (mark.line, mark.column) if number > 0]
    return ":".join(part for part in (printable(error.source), *numbers) if part)


def _excerpt(number: int, line: str, column: int) -> Iterator[Text]:
    """The line, cut around `column`, and a caret below it."""
    before = [_safe(char) for char in line[: max(column - 1, 0)]]
    after = [_safe(char) for char in line[max(column - 1, 0) : column + _WIDTH]]
    needed = cell_len("".join(after))
    left, cut_left = _fitting(before[::-1], max(_WIDTH // 2, _WIDTH - needed))
    right, cut_right = _fitting(after, _WIDTH - cell_len("".join(left)))
    start = "…" * cut_left + "".join(left[::-1])
    gutter = f"  {number} | "
    text = f"{start}{''.join(right)}{'…' * cut_right}"
    yield Text.assemble((gutter, "note"), text, no_wrap=True, overflow="crop")
    below = f"{' ' * (len(gutter) - 2)}| ", "note"
    yield Text.assemble(below, " " * cell_len(start), ("^", "error"), no_wrap=True, overflow="crop")


def _fitting(chars: list[str], width: int) -> tuple[list[str], bool]:
    """As many of `chars` as fit, and whether any did not."""
    used = 0
    for count, char in enumerate(chars):
        used += cell_len(char)
        if used > width:
            return chars[:count], True
    return chars, False


def _safe(char: str) -> str:
    """A character as it may be printed: a space for a tab, nothing that moves the cursor."""
    return " " if char == "\t" else printable(char)

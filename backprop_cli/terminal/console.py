"""A file, or memory, to the console of rich that draws on it: bars, tables and complaints."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from io import StringIO
from typing import IO, TYPE_CHECKING, Final, Literal, TypedDict, cast

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.segment import Segment, Segments
from rich.text import Text
from rich.theme import Theme

from backprop_cli.errors import Complaint, UserError
from backprop_cli.problem.typed_numbers import printable
from backprop_cli.terminal.themes import (
    DEFAULT_THEME,
    NARROWEST,
    THEMES,
    WIDEST,
    ColorSystem,
    Look,
    ThemeName,
)

if TYPE_CHECKING:
    from rich.table import Table


_HEIGHT = 25  # lines, which nothing asks for; rich believes a width that has a height


class _Memory(StringIO):
    encoding = "utf-8"


class _AsciiMemory(_Memory):
    encoding = "ascii"  # by which rich knows what it may draw with


def console(
    file: IO[str] | None = None,
    *,
    width: int | None = None,
    color: ColorSystem | Literal["auto"] | None = "auto",
    ascii_: bool = False,
    theme: ThemeName = DEFAULT_THEME,
) -> Console:
    """The console of a file, which rich looks at and at the environment; without a file, one of
    memory, which looks at neither.

    What is drawn are texts of strangers: nothing in them is markup, a link or an emoji.
    """
    in_memory = file is None
    found = Console(
        file=(_AsciiMemory() if ascii_ else _Memory()) if file is None else file,
        width=width,
        height=None if width is None else _HEIGHT,
        color_system=None if in_memory and color == "auto" else color,
        force_terminal=color not in (None, "auto") if in_memory else None,
        force_jupyter=False,
        legacy_windows=color == "windows" if in_memory else None,
        theme=_theme(theme),
        markup=False,
        emoji=False,
        highlight=False,
        _environ={} if in_memory else None,
    )
    if not in_memory:
        found.width = min(max(found.width, NARROWEST), WIDEST)
    return found


@lru_cache
def _theme(name: ThemeName) -> Theme:
    return Theme(THEMES[name])


def console_of(look: Look) -> Console:
    """A console of memory that draws as a place looks."""
    return console(width=look.width, color=look.color, ascii_=look.ascii, theme=look.theme)


def colors(of: Console) -> ColorSystem | None:
    """The colours of a console; none where the environment says NO_COLOR, nor anything bold."""
    return None if of.no_color else cast("ColorSystem | None", of.color_system)


def drawn(what: Iterable[RenderableType], look: Look) -> str:
    """Renderables one below the other as a text, without blanks at the ends of lines.

    Nothing in it moves the cursor, whatever the texts are made of.
    """
    on = console_of(look)
    found: list[Segment] = []
    for each in what:
        for line in shown_lines(each, on):
            found += [*line, Segment.line()]
    on.print(Segments(found), end="", crop=False)
    assert isinstance(on.file, StringIO)
    return on.file.getvalue()


def shown_lines(each: RenderableType, on: Console) -> Iterator[list[Segment]]:
    """What is drawn, line by line, each up to the last of it that shows."""
    return map(_shown, Segment.split_lines(on.render(each, on.options)))


def _shown(line: list[Segment]) -> list[Segment]:
    """A line up to the last of it that shows."""
    shown = [Segment(printable(text), style) for text, style, _ in line]
    while shown and not shown[-1].text.rstrip():
        shown.pop()
    if shown:
        shown[-1] = Segment(shown[-1].text.rstrip(), shown[-1].style)
    return shown


@contextmanager
def progress(what: str, total: int, theme: ThemeName) -> Iterator[Callable[..., None]]:
    """Gives what is called with `completed`, how much is done, and `description`, what it is."""
    from rich.progress import Progress

    with Progress(console=console(sys.stderr, theme=theme), transient=True) as bar:
        task = bar.add_task(what, total=total)

        def told(completed: int, description: str = what) -> None:
            bar.update(task, completed=completed, description=description)

        yield told


# Tables -------------------------------------------------------------------------------------------


_PLAIN_HEAD = "    \n    \n -- \n    \n    \n    \n    \n    \n"


class _Column(TypedDict, total=False):
    no_wrap: bool
    overflow: Literal["fold", "ellipsis"]


SHORT: Final[_Column] = {"no_wrap": True, "overflow": "ellipsis"}
"""A column of names or numbers: a line each."""
WORDS: Final[_Column] = {"overflow": "fold"}
"""A column of sentences."""


def headed(look: Look, *, with_headings: bool = True) -> Table:
    """A table whose columns have headings with a rule below them; or one that goes on with it."""
    from rich.box import SIMPLE_HEAD, Box
    from rich.table import Table

    return Table(
        expand=True,
        show_header=with_headings,
        box=Box(_PLAIN_HEAD, ascii=True) if look.ascii else SIMPLE_HEAD,
        border_style="note",
        show_edge=False,
        pad_edge=False,
    )


def beside(
    head: Sequence[tuple[str, int | None]], words: str, *, gap: int = 2, style: str = ""
) -> Table:
    """`words` beside something short, each part of which may have a width of its own."""
    from rich.table import Table

    table = Table.grid(padding=(0, gap, 0, 0))
    for _, width in head:
        table.add_column(width=width, **SHORT)
    table.add_column(**WORDS)
    table.add_row(*(text for text, _ in head), words, style=style)
    return table


def widest(texts: Iterable[str], most: int) -> int:
    """The columns that the texts take, at most `most`."""
    return min(max(map(cell_len, texts), default=0), most)


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

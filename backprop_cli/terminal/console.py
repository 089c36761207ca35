"""A file, or memory in its place, to the console of rich that draws on it; bars and tables."""

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
from rich.theme import Theme

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

if TYPE_CHECKING:  # loaded where a table is drawn
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

"""A file, or memory in its place, to the console of rich that draws on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from io import StringIO
from typing import IO, Literal, cast

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

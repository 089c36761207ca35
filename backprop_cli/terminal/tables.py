"""Texts to tables of rich: with headings over a rule, or words beside what they are about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal, TypedDict

from rich.box import SIMPLE_HEAD, Box
from rich.cells import cell_len
from rich.table import Table

from backprop_cli.terminal.themes import Look

_PLAIN_HEAD = Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)


class _Column(TypedDict, total=False):
    no_wrap: bool
    overflow: Literal["fold", "ellipsis"]


SHORT: Final[_Column] = {"no_wrap": True, "overflow": "ellipsis"}
"""A column of names or numbers: a line each."""
WORDS: Final[_Column] = {"overflow": "fold"}
"""A column of sentences."""


def headed(look: Look, *, with_headings: bool = True) -> Table:
    """A table whose columns have headings with a rule below them; or one that goes on with it."""
    return Table(
        expand=True,
        show_header=with_headings,
        box=_PLAIN_HEAD if look.ascii else SIMPLE_HEAD,
        border_style="note",
        show_edge=False,
        pad_edge=False,
    )


def beside(
    head: Sequence[tuple[str, int | None]], words: str, *, gap: int = 2, style: str = ""
) -> Table:
    """`words` beside something short, each part of which may have a width of its own."""
    table = Table.grid(padding=(0, gap, 0, 0))
    for _, width in head:
        table.add_column(width=width, **SHORT)
    table.add_column(**WORDS)
    table.add_row(*(text for text, _ in head), words, style=style)
    return table


def widest(texts: Iterable[str], most: int) -> int:
    """The columns that the texts take, at most `most`."""
    return min(max(map(cell_len, texts), default=0), most)

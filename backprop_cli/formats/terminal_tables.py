"""Columns of words, formulas and arrays to a table of rich, or to a list where that is too wide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from rich.box import SIMPLE_HEAD, Box
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from backprop_cli.formats.terminal_formulas import Boxed, Moved

Cell: TypeAlias = "Text | Boxed | None"
Column: TypeAlias = "tuple[str, Sequence[Cell]]"

WHAT_IT_IS = "what it is"
"""The head of the column whose words may take several lines."""

_GAP = 3  # between two columns
_ASCII_HEAD = Box(
    "    \n"
    "    \n"
    " -- \n"
    "    \n"
    "    \n"
    "    \n"
    "    \n"
    "    \n",
    ascii=True,
)  # fmt: skip


def tabulated(
    columns: Iterable[Column], indent: int, width: int, only_ascii: bool
) -> Iterator[RenderableType]:
    """The columns in which anything is said, as a table, or line by line in a list."""
    used = [(head, cells) for head, cells in columns if any(map(_says_something, cells))]
    if indent + _needed(used) <= width:
        yield Padding(_filled(used, only_ascii), (0, 0, 0, indent))
        return
    for line in zip(*(cells for _, cells in used), strict=True):
        said = (cell for cell in line if isinstance(cell, Text) and cell.plain)
        yield Padding(Text("  ").join(said), (0, 0, 0, indent))
        yield from (Moved(cell, indent + 2) for cell in line if isinstance(cell, Boxed))


def fitting(columns: Sequence[Sequence[Text]], width: int) -> Iterator[list[Sequence[Text]]]:
    """The columns in tables that fit, the first column in each of them."""
    if not columns:
        return
    names, *others = columns
    taken, used = [names], _wide(names)
    for column in others:
        if used + _GAP + _wide(column) > width and len(taken) > 1:
            yield taken
            taken, used = [names], _wide(names)
        taken.append(column)
        used += _GAP + _wide(column)
    yield taken


def _wide(column: Sequence[Text]) -> int:
    return max(cell.cell_len for cell in column)


def headed(heads: Iterable[str | Text], only_ascii: bool) -> Table:
    """An empty table with a line below its heads."""
    head = _ASCII_HEAD if only_ascii else SIMPLE_HEAD
    found = Table(box=head, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0))
    for words in heads:
        found.add_column(words, vertical="middle", no_wrap=words != WHAT_IT_IS)
    return found


def _says_something(cell: Cell) -> bool:
    return bool(cell.plain) if isinstance(cell, Text) else cell is not None


def _filled(columns: Sequence[Column], only_ascii: bool) -> Table:
    """The table; rows that are taller than one line keep apart from their neighbours."""
    table = headed((head for head, _ in columns), only_ascii)
    before = False
    for number, line in enumerate(zip(*(cells for _, cells in columns), strict=True)):
        tall = any(isinstance(cell, Boxed) and cell.box.height > 1 for cell in line)
        if number and (tall or before):
            table.add_row()
        table.add_row(*(cell or "" for cell in line))
        before = tall
    return table


def _needed(columns: Sequence[Column]) -> int:
    """The columns of the terminal that a table takes at least."""
    wide = (
        max(len(head), *(_least(cell, broken=head == WHAT_IT_IS) for cell in cells))
        for head, cells in columns
    )
    return sum(wide) + _GAP * (len(columns) - 1)


def _least(cell: Cell, *, broken: bool) -> int:
    """How narrow a cell can be; words may be `broken` between them."""
    if isinstance(cell, Boxed):
        return cell.box.width
    if cell is None or not broken:
        return cell.cell_len if cell is not None else 0
    return max(map(len, cell.plain.split()), default=0)

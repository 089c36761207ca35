"""Columns of words, formulas and arrays to a table of rich, or to a list where that is too wide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from msgspec import Struct
from rich.box import SIMPLE_HEAD, Box
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from backprop_cli.formats.terminal_formulas import Boxed, Inline, Moved, inline

Cell: TypeAlias = "Text | Boxed | None"
Column: TypeAlias = "tuple[str, Sequence[Cell]]"

WHAT_IT_IS = "what it is"
"""The head of the column whose words may take several lines."""

_GAP = 3  # between two columns, of which rich's box is one
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
        said = (_text(cell) for cell in line if isinstance(cell, Text | Inline))
        yield Padding(Text("  ").join(filter(None, said)), (0, 0, 0, indent))
        below = (cell for cell in line if isinstance(cell, Boxed) and not isinstance(cell, Inline))
        yield from (Moved(cell, indent + 2) for cell in below)


def _text(cell: Text | Inline) -> Text:
    return cell if isinstance(cell, Text) else Text.assemble(*cell.box.lines[0])


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


def headed(heads: Iterable[Text], only_ascii: bool) -> Table:
    """An empty table with a line below its heads."""
    found = _table(only_ascii, _GAP - 1)
    for words in heads:
        found.add_column(words, vertical="middle", no_wrap=True)
    return found


def _table(only_ascii: bool, padding: int) -> Table:
    head = _ASCII_HEAD if only_ascii else SIMPLE_HEAD
    return Table(box=head, show_edge=False, pad_edge=False, padding=(0, padding, 0, 0))


class _Spaced(Struct, frozen=True):
    """A cell and the room behind it: rich lays out whatever it pads by itself a second time."""

    inner: Boxed

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        return self.inner.__rich_console__(console, options)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        least, most = self.inner.__rich_measure__(console, options)
        return Measurement(least + _GAP - 1, most + _GAP - 1)


def _spaced(cell: Cell, *, last: bool = False) -> RenderableType:
    """A cell with the room behind it; nothing is behind the `last` one of a row."""
    if cell is None or last:
        return cell or ""
    return _Spaced(cell) if isinstance(cell, Boxed) else Padding(cell, (0, _GAP - 1, 0, 0))


def _says_something(cell: Cell) -> bool:
    return bool(_text(cell)) if isinstance(cell, Text | Inline) else cell is not None


def _filled(columns: Sequence[Column], only_ascii: bool) -> Table:
    """The table; rows that are taller than one line keep apart from their neighbours."""
    table = _table(only_ascii, 0)
    for place, (head, _) in enumerate(columns, 1):
        words = Text(head) if head == WHAT_IT_IS else inline(((head, ""),))
        shown = _spaced(words, last=place == len(columns))
        table.add_column(shown, vertical="middle", no_wrap=head != WHAT_IT_IS)
    before = False
    for number, line in enumerate(zip(*(cells for _, cells in columns), strict=True)):
        tall = any(isinstance(cell, Boxed) and cell.box.height > 1 for cell in line)
        if number and (tall or before):
            table.add_row()
        table.add_row(*(_spaced(cell) for cell in line[:-1]), _spaced(line[-1], last=True))
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

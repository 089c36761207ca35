"""The rows of a table, an entry each (name, row, column, value) -> the quantities on it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from msgspec.structs import replace

from backprop_cli.errors import Complaint
from backprop_cli.grading.sheets.assembled import Collector
from backprop_cli.grading.sheets.cells import MISSING, UnreadableError
from backprop_cli.problem.ids import Reference
from backprop_cli.problem.text.tree import ScalarNode, split_lines

COLUMNS: Final = ("name", "row", "column", "value")
_PAIR = ("name", "value")
_DELIMITERS = ";\t,"
_HEADS = frozenset((*COLUMNS, "student"))
_DECIMAL_COMMA = re.compile(r"(?<=[0-9]),(?=[0-9])|(?<![0-9]),(?=[0-9]+$)")
_FORM = "name,row,column,value in the first line, then a line an entry, such as Z1,1,,4"

Row = dict[str, ScalarNode]


def read_rows(text: str, collector: Collector) -> Complaint | None:
    """Gives every row to the collector; a complaint where the file is none of this kind."""
    lines = [(number, line) for number, line in enumerate(split_lines(text), 1) if line.strip()]
    if lines and re.fullmatch("sep=.", lines[0][1].strip(), re.IGNORECASE):
        lines = lines[1:]  # what Excel is told separates the cells
    if not lines:
        return Complaint("the file is empty")
    delimiter = _delimiter(lines[0], collector)
    if delimiter is None:
        return Complaint("this is not a table of answers", instead=_FORM)
    take_rows(
        (list(_cells(*line, delimiter)) for line in lines), collector, commas=delimiter == ","
    )
    return None


def take_rows(
    rows: Iterable[list[ScalarNode]], collector: Collector, *, commas: bool = False
) -> None:
    """Gives every row to the collector. Where `commas` separate cells, none is a decimal one."""
    columns: tuple[str, ...] | None = None
    for number, cells in enumerate(rows):
        if number == 0 and (columns := _header([cell.text for cell in cells])) is not None:
            continue
        if not commas:
            cells[1:] = map(_with_points, cells[1:])
        if any(cell.text for cell in cells):
            _take(cells, columns or (_PAIR if len(cells) == len(_PAIR) else COLUMNS), collector)


def _with_points(cell: ScalarNode) -> ScalarNode:
    """A cell of a table whose columns no comma separates: there it is a decimal one."""
    return cell if "." in cell.text else replace(cell, text=_DECIMAL_COMMA.sub(".", cell.text))


def _delimiter(line: tuple[int, str], collector: Collector) -> str | None:
    """What stands between cells: the sign that leaves a name in the first cell of the first line.

    So the comma in `dL/dW1[1,2];0,5` is none. Where it is no name with any of them, the first sign.
    """
    signs = [char for char in _DELIMITERS if char in line[1]]
    for sign in signs:
        name = next(_cells(*line, sign)).text
        if name.casefold() in _HEADS or isinstance(collector.known.named(name), Reference):
            return sign
    return min(signs, key=line[1].index, default=None)


def _header(cells: list[str]) -> tuple[str, ...] | None:
    """The columns, in their order, where the first line says them."""
    names = tuple(cell.casefold() for cell in cells)
    return names if names[0] == "name" or {"name", "value"} <= set(names) else None


def _cells(number: int, line: str, delimiter: str) -> Iterator[ScalarNode]:
    """The cells of a line, each with its place; quotes taken off, `""` in them a quote."""
    pattern = re.compile(rf' *"((?:[^"]|"")*)" *(?={delimiter}|$)|([^{delimiter}]*)')
    position = 0
    while position <= len(line):
        match = pattern.match(line, position)
        assert match is not None  # the second half matches nothing at all, too
        quoted = match[1] is not None
        text = match[1].replace('""', '"') if quoted else match[2]
        start = match.start(1) if quoted else match.start(2)
        space = len(text) - len(text.lstrip())
        yield ScalarNode(text.strip(), "plain", number, start + space + 1)
        position = match.end() + 1


def _take(cells: list[ScalarNode], columns: tuple[str, ...], collector: Collector) -> None:
    row = dict(zip(columns, cells, strict=False))
    name = row.get("name")
    if name is None or not name.text:
        collector.remark("this row has no name", cells[0].mark)
        return
    if name.text.casefold() == "student":
        collector.student = collector.student or _said(cells[1:])
        return
    found = collector.reference(name)
    if found is None:
        return
    id = found.whole
    try:
        _refuse_more(cells, columns)
        index = found.index or tuple(_indices(row))
    except UnreadableError as error:
        collector.refuse(id, error, name)
        return
    value = row.get("value") or ScalarNode("", "plain", name.line, name.column)
    if index:
        collector.add_entry(id, index, name, value)
    else:
        collector.add_whole(id, name, value)


def _said(cells: list[ScalarNode]) -> str | None:
    """The cells with something in them: a name each."""
    return said_together([cell.text for cell in cells]) or None


def said_together(names: Sequence[str]) -> str:
    """The names on one sheet as one text, of which a class list makes names again."""
    return "; ".join(name for name in names if name.strip() not in MISSING)


def _refuse_more(cells: list[ScalarNode], columns: tuple[str, ...]) -> None:
    extra = [cell for cell in cells[len(columns) :] if cell.text]
    if extra:
        raise UnreadableError(
            f"this row has more than {len(columns)} cells: the decimal sign is a point",
            extra[0].mark,
            "0.5, or a value in quotes",
        )


def _indices(row: Row) -> Iterator[int]:
    for axis in ("row", "column"):
        cell = row.get(axis)
        if cell is None or not cell.text:
            continue
        if not (cell.text.isdecimal() and len(cell.text) < 10):
            message = f"the {axis} is a whole number"
            raise UnreadableError(message, cell.mark, "1, 2, 3, … or nothing")
        yield int(cell.text)

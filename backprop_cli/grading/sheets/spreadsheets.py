"""The rows of a table, CSV or a workbook (name, row, column, value) -> the quantities on it."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from backprop_cli.errors import Complaint, HintedError
from backprop_cli.grading.sheets.assembled import Collector
from backprop_cli.grading.sheets.cells import MISSING, UnreadableError
from backprop_cli.grading.sheets.class_tables import PEOPLE, folded
from backprop_cli.problem.ids import Reference
from backprop_cli.problem.problem_file import zip_errors
from backprop_cli.problem.text.tree import ScalarNode, split_lines

if TYPE_CHECKING:
    from openpyxl.worksheet._read_only import ReadOnlyWorksheet


COLUMNS: Final = ("name", "row", "column", "value")
_PAIR = ("name", "value")
_ALSO = {
    **dict.fromkeys(("quantity", "id", "symbol"), "name"),
    **dict.fromkeys(("number", "result"), "value"),
    **dict.fromkeys(("i", "r"), "row"),
    **dict.fromkeys(("col", "j", "c"), "column"),
}
"""What columns are called elsewhere."""
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
    rows = [list(_cells(*line, delimiter)) for line in lines]
    return take_rows(rows, collector, commas=delimiter == ",")


def take_rows(
    rows: Sequence[list[ScalarNode]], collector: Collector, *, commas: bool = False
) -> Complaint | None:
    """Gives every row to the collector; a complaint where each row is a student's.

    Where `commas` separate cells, none is a decimal one.
    """
    if rows and _is_across(rows, collector):
        return _take_across(rows, collector, commas=commas)
    columns: tuple[str, ...] | None = None
    for number, cells in enumerate(rows):
        if number == 0 and (columns := _header([cell.text for cell in cells])) is not None:
            if "value" not in columns:
                message = "no column of this table says that it has the values"
                return Complaint(message, cells[0].mark, _FORM)
            continue
        if not commas:
            cells[1:] = map(_with_points, cells[1:])
        if any(cell.text for cell in cells):
            _take(cells, columns or (_PAIR if len(cells) == len(_PAIR) else COLUMNS), collector)
    return None


def _is_across(rows: Sequence[list[ScalarNode]], collector: Collector) -> bool:
    """Whether quantities stand in the first row, each above its value."""
    named = sum(collector.is_name(cell.text) for cell in rows[0])
    signed = rows[0][0].text.casefold() == "student"
    filled = sum(any(cell.text for cell in cells) for cells in rows)
    return named > 1 or (named == 1 and signed and filled == 2)


def _take_across(
    rows: Sequence[list[ScalarNode]], collector: Collector, *, commas: bool
) -> Complaint | None:
    """Reads a table with a column for each quantity, which has room for one student."""
    names, *below = rows
    filled = [cells for cells in below if any(cell.text for cell in cells)]
    if len(filled) > 1:
        message = f"this table has a row for each of {len(filled)} students: a sheet is of one"
        return Complaint(
            message, filled[1][0].mark, "a column that is headed student, name or email"
        )
    for name, value in zip(names, filled[0] if filled else (), strict=False):
        if folded(name.text) in PEOPLE:
            collector.student = collector.student or _said([value])
        else:
            collector.add(name, value if commas else _with_points(value))
    return None


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
    names = [cell.casefold().strip() for cell in cells]
    if {"name", "value"} <= set(names):
        return tuple(names)
    here = [_ALSO.get(name, name) for name in names]
    others = [place for place, name in enumerate(here) if name not in COLUMNS and name]
    for wanted in ("name", "value"):  # an answer is either
        if wanted not in here and len(others) == 1:
            here[others[0]] = wanted if wanted == "value" or names[others[0]] == "answer" else ""
    if names[0] == "name":
        return tuple(here)
    return tuple(here) if {"name", "value"} <= set(here) <= set(COLUMNS) else None


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


WORKBOOK: Final = ".xlsx"
DATE: Final = "(a date)"
"""What stands for a cell that Excel has made a date of; `date` itself may be a heading."""

_MOST_UNPACKED: Final = 5_000_000  # bytes: some fifty times what a sheet of answers takes, and 1 s
_MOST_PARTS: Final = 500
_MOST_ROWS, _MOST_COLUMNS = 20_000, 12
_SAVE = "save it as CSV, or as YAML from the blank sheet"
_INSTALL = f"pip install openpyxl, or {_SAVE}"
_decimals = re.compile(r"(?:#,##)?0(?:\.(0+))?").fullmatch

Rows = list[list[ScalarNode]]


class WorkbookError(HintedError):
    """Why a workbook is not read, and what to do instead."""

    def __init__(self, message: str, instead: str = _SAVE) -> None:
        super().__init__(message, instead)


def cells_of(data: bytes) -> Rows:
    """The cells of the first sheet with something in it, a row each; WorkbookError if unusable."""
    try:
        from openpyxl import load_workbook
    except ImportError:
        raise WorkbookError("it takes openpyxl to read an Excel workbook", _INSTALL) from None
    _refuse_hostile(data)
    try:
        with warnings.catch_warnings():  # of styles and of what openpyxl would not write again
            warnings.simplefilter("ignore")
            book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
            found = (rows for sheet in book.worksheets if (rows := list(_rows(sheet))))
            return next(found, [])
    except WorkbookError:
        raise
    except Exception:  # noqa: BLE001  # what openpyxl raises at a damaged file may be anything
        raise WorkbookError("the workbook is damaged") from None


def _refuse_hostile(data: bytes) -> None:
    """Refuses what would unpack to more than any sheet has, and what XML may do beyond data.

    No part gives more bytes than the archive says that it has, so that their sum is a bound.
    """
    from zipfile import ZipFile

    try:
        with ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
            if len(parts) > _MOST_PARTS or sum(p.file_size for p in parts) > _MOST_UNPACKED:
                raise WorkbookError("the workbook is too large for an answer sheet")
            for part in parts:
                if _declares(archive.read(part)):
                    raise WorkbookError("the workbook has declarations that Excel does not write")
    except NotImplementedError:  # which is a RuntimeError, too
        raise WorkbookError("this is no workbook that can be read") from None
    except RuntimeError:
        raise WorkbookError("the workbook is locked with a password") from None
    except zip_errors():
        raise WorkbookError("this is no workbook that can be read") from None


def _declares(part: bytes) -> bool:
    """Whether a part declares a document type, in which entities may be: in any encoding."""
    return b"<!DOCTYPE" in part.replace(b"\0", b"").upper()


def _rows(sheet: ReadOnlyWorksheet) -> Iterator[list[ScalarNode]]:
    sheet.reset_dimensions()  # the size that a file claims is no size
    for row in sheet.iter_rows(max_row=_MOST_ROWS, max_col=_MOST_COLUMNS):
        cells = [_cell(cell, column) for column, cell in enumerate(row, 1)]
        while cells and not cells[-1].text:
            cells.pop()
        if any(cell.text for cell in cells):
            line = next(cell.row for cell in row if hasattr(cell, "row"))
            yield [ScalarNode(cell.text, "plain", line, cell.column) for cell in cells]


def _cell(cell: Any, column: int) -> ScalarNode:
    return ScalarNode(_text(cell.value, getattr(cell, "number_format", "")), "plain", 0, column)


def _text(value: object, shown_as: str) -> str:
    """What a person sees in a cell, and no fewer digits than stand in it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int | float):
        return _number(value, shown_as)
    if isinstance(value, str):
        return value.strip()
    return DATE


def _number(value: float, shown_as: str) -> str:
    """All digits that Excel keeps, with the zeros behind them that it shows."""
    text = format(value, ".15g")
    match = _decimals(shown_as)
    wanted, own = len(match[1] or "") if match else 0, len(text.partition(".")[2])
    return f"{value:.{wanted}f}" if wanted > own and "e" not in text else text

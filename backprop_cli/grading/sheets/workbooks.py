"""The bytes of an Excel workbook -> the cells of its first sheet, as texts with their places."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from backprop_cli.problem.text.tree import ScalarNode

if TYPE_CHECKING:
    from openpyxl.worksheet._read_only import ReadOnlyWorksheet

WORKBOOK: Final = ".xlsx"
DATE: Final = "(a date)"
"""What stands for a cell that Excel has made a date of; `date` itself may be a heading."""

_MOST_UNPACKED: Final = 20_000_000  # bytes: some hundred times what a sheet of answers takes
_MOST_PARTS: Final = 500
_MOST_ROWS, _MOST_COLUMNS = 20_000, 12
_SAVE = "save it as CSV, or as YAML from the blank sheet"
_INSTALL = f"pip install 'backprop-cli[xlsx]', or {_SAVE}"
_decimals = re.compile(r"(?:#,##)?0(?:\.(0+))?").fullmatch

Rows = list[list[ScalarNode]]


class WorkbookError(Exception):
    """Why a workbook is not read, and what to do instead."""

    def __init__(self, message: str, instead: str = _SAVE) -> None:
        super().__init__(message)
        self.message = message
        self.instead = instead


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
    import zlib
    from zipfile import BadZipFile, ZipFile

    try:
        with ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
            if len(parts) > _MOST_PARTS or sum(p.file_size for p in parts) > _MOST_UNPACKED:
                raise WorkbookError("the workbook is too large for an answer sheet")
            for part in parts:
                if _declares(archive.read(part)):
                    raise WorkbookError("the workbook has declarations that Excel does not write")
    except RuntimeError:
        raise WorkbookError("the workbook is locked with a password") from None
    except (BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, ValueError):
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

"""The path of a table of a class -> a path for each row, and the sheet of that row."""

from __future__ import annotations

import os
from errno import ENOENT
from functools import lru_cache
from typing import Final

from backprop_cli.grading.sheets.answer_files import MAX_SHEET
from backprop_cli.grading.sheets.class_tables import Table, class_table
from backprop_cli.problem.problem_file import read_up_to

_A_TABLE: Final = ".csv"
_OPEN_TABLES: Final = 4


def of_table(path: str) -> list[str]:
    """A sheet for each row of a table of a class, behind the table's own path; none elsewhere."""
    table = _table(path) if path.casefold().endswith(_A_TABLE) else None
    lines = table.students if table is not None else ()
    return [f"{path}{os.sep}{line}{_A_TABLE}" for line in lines]


def table_of(path: str) -> str | None:
    """The table that a path leads into; None where it leads into none."""
    folder = os.path.dirname(path)  # noqa: PTH120  # of a hundred thousand files
    return folder if folder.casefold().endswith(_A_TABLE) and os.path.isfile(folder) else None


def read_row(path: str) -> bytes:
    """The sheet of a row behind its table's path; OSError where there is none."""
    folder, name = os.path.split(path)
    line, table = name.partition(".")[0], _table(folder)
    found = table.sheet(int(line)) if table is not None and line.isdecimal() else None
    if found is None:
        raise FileNotFoundError(ENOENT, "there is no such row in this table")
    return found


def _table(path: str) -> Table | None:
    try:
        now = os.stat(path)  # noqa: PTH116  # the path as it was typed
        return _read_table(path, now.st_mtime_ns, now.st_size) if now.st_size <= MAX_SHEET else None
    except OSError:
        return None


@lru_cache(maxsize=_OPEN_TABLES)
def _read_table(path: str, _changed: int, _size: int) -> Table | None:
    return class_table(read_up_to(path, MAX_SHEET))

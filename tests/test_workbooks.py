"""Answer sheets saved as Excel workbooks: read like CSV with `;`, or refused in one sentence."""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

import pytest
from classes import grader_of
from click.testing import CliRunner
from judged import read_sheet

from backprop_cli.cli import main
from backprop_cli.grading.report_data import Sheet

openpyxl = pytest.importorskip("openpyxl")

PROBLEM = """values: {x: [1, 2], w: [0.5, -0.25], v: 3}
equations: ["z = w * x", "L = v * sum(z^2)"]
ask: [z, L, dL/dz, dL/dw]
"""
Cells = list[list[object]]
RIGHT: Cells = [
    ["name", "row", "column", "value"],
    ["student", None, None, "Ada"],
    ["z", 1, None, 0.5],
    ["z", 2, None, "-0,5"],
    ["L", None, None, 1.5],
    ["dL/dz", 1, None, 3],
    ["dL/dz", 2, None, -3],
    ["dL/dw[1]", None, None, 3],
    ["dL/dw[2]", None, None, "-6"],
]


def workbook(cells: Cells, formats: dict[str, str] | None = None) -> bytes:
    book = openpyxl.Workbook()
    for row in cells:
        book.active.append(row)
    for place, shown in (formats or {}).items():
        book.active[place].number_format = shown
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def read(data: bytes) -> Sheet:
    return read_sheet(data, "a.xlsx", grader_of(PROBLEM).quantities())


def test_a_workbook_is_graded_like_the_table_in_it(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(PROBLEM)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.xlsx").write_bytes(workbook(RIGHT))
    done = CliRunner().invoke(main, ["check", str(tmp_path / "p.yaml"), str(tmp_path / "in")])
    assert done.exit_code == 0, done.output
    assert "Ada" in done.stdout
    assert "4 of 4 points" in done.stdout


def test_texts_keep_their_digits_and_numbers_the_zeros_that_are_shown() -> None:
    cells: Cells = [["z", 1, None, 0.5], ["z", 2, None, "-0,50"], ["L", 0.1 + 0.2]]
    answers = read(workbook(cells, {"D1": "0.0000"})).answers
    found = [cell for name in ("z", "L") for cell in answers[name].cells.values()]
    assert [cell and cell.text for cell in found] == ["0.5000", "-0.50", "0.3"]
    assert [cell and cell.unit for cell in found] == [1e-4, 0.01, 0.1]


def test_no_digit_is_cut_off_that_a_format_hides() -> None:
    (cell,) = read(workbook([["L", 1.23456]], {"B1": "0.00"})).answers["L"].cells.values()
    assert cell is not None
    assert cell.text == "1.23456"


def test_what_is_said_of_a_cell_names_its_row_and_column() -> None:
    answers = read(workbook([["z", 1, None, 1], [], ["L", None, None, "about 3"]])).answers
    assert (answers["L"].mark.line, answers["L"].mark.column) == (3, 4)


def test_a_date_says_how_to_type_a_fraction() -> None:
    from datetime import UTC, datetime

    made = datetime(2026, 1, 2, tzinfo=UTC).replace(tzinfo=None)
    found = read(workbook([["L", made]]))
    assert found.answers["L"].trouble
    (said,) = found.remarks
    assert "=1/2" in said[0]
    assert (said[1].line, said[1].column) == (1, 2)


def test_the_word_date_is_no_date() -> None:
    found = read(workbook([["name", "value", "date"], ["L", 1.5]]))
    assert not [said for said, _ in found.remarks if "for a date" in said]


def test_the_first_sheet_with_something_in_it_is_read() -> None:
    book = openpyxl.Workbook()
    book.create_sheet("answers").append(["L", 1.5])
    out = io.BytesIO()
    book.save(out)
    assert "L" in read(out.getvalue()).answers


# What is refused ----------------------------------------------------------------------------------


def changed(part: str, change: bytes | None, times: int = 1) -> bytes:
    """A right workbook with one part of it other than it was."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook(RIGHT))) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            data = old.read(name)
            if name == part:
                data = (change or b"") * times
            new.writestr(name, data)
    return out.getvalue()


SHEET = "xl/worksheets/sheet1.xml"
_LAUGHS = b'<!DOCTYPE x [<!ENTITY a "ha">]><worksheet>&a;</worksheet>'


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (changed(SHEET, b" " * 1_000_000, 40), "too large"),
        (changed(SHEET, _LAUGHS), "declarations"),
        (changed(SHEET, _LAUGHS.decode().encode("utf-16")), "declarations"),
        (changed(SHEET, b"<worksheet><sheetData><row"), "damaged"),
        (changed("xl/workbook.xml", b"<a/>"), "nothing in this workbook"),
        (workbook(RIGHT)[:900], "no workbook"),
        (b"name,value\nL,1\n", "no workbook"),
        (b"", "no workbook"),
        (workbook([]), "nothing in this workbook"),
    ],
)
def test_what_is_no_workbook_or_does_harm_is_refused_with_what_to_save_as(
    data: bytes, why: str
) -> None:
    found = read(data)
    assert why in (found.error or "")
    assert "CSV" in (found.error or "") or not data or "nothing" in why


def test_a_row_far_down_takes_no_time() -> None:
    far = (
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    )
    far += b'<row r="1048576"><c r="XFD1048576" t="n"><v>1</v></c></row></sheetData></worksheet>'
    assert "nothing" in (read(changed(SHEET, far)).error or "")


def test_without_openpyxl_it_says_what_to_save_as(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    error = read(workbook(RIGHT)).error or ""
    assert "openpyxl" in error
    assert "save it as CSV" in error

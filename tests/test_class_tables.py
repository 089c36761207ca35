"""A table with a row for each student, as forms and quizzes export it, graded like sheets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from backprop_cli.cli import main
from backprop_cli.grading.sheets.class_tables import class_table

PROBLEM = """\
x: [1, 2]
y: [1]
layers: [{weights: [[0.5, 0.25]], bias: [0], activation: linear}]
loss: half-squared-error
ask: [Z1, L, dL/dW1]
"""  # Z1 = 1, L = 0, all gradients 0 but for another target
FORM = """\
Timestamp,Email Address,Z1[1],L,"dL/dW1"
2026/11/30 10:00,ann@x.org,1,0,"0 0"
2026/11/30 10:01,ben@x.org,1,.5,"[0,
0]"

2026/11/30 10:02,cleo@x.org,2,.5,"1, 2"
"""


def checked(folder: Path, table: str, *options: str) -> dict[str, Any]:
    (folder / "p.yaml").write_text(PROBLEM, encoding="utf-8")
    (folder / "form.csv").write_text(table, encoding="utf-8")
    words = [str(folder / "p.yaml"), str(folder / "form.csv"), "--format", "json", *options]
    done = CliRunner().invoke(main, ["check", *words])
    assert done.exit_code in (0, 1), done.output
    return {each["student"]: each for each in json.loads(done.stdout)["submissions"]}


def verdicts(submission: dict[str, Any]) -> dict[str, str]:
    return {each["id"]: each["verdict"] for each in submission["results"]}


@pytest.mark.parametrize("workers", ["1", "2"])
def test_each_row_is_a_sheet(workers: str, tmp_path: Path) -> None:
    found = checked(tmp_path, FORM, "--workers", workers)
    assert [*found] == ["ann@x.org", "ben@x.org", "cleo@x.org"]
    right = {"Z1": "correct", "L": "correct", "dL/dW1": "correct"}
    assert verdicts(found["ann@x.org"]) == right
    assert verdicts(found["ben@x.org"]) == right | {"L": "wrong"}
    assert verdicts(found["cleo@x.org"]) == {"Z1": "wrong", "L": "carried", "dL/dW1": "carried"}


def test_a_row_is_graded_as_the_same_sheet_by_itself(tmp_path: Path) -> None:
    sheet = 'student,cleo@x.org\nZ1[1],2\nL,.5\ndL/dW1,"1, 2"\n'
    of_row = checked(tmp_path, FORM)["cleo@x.org"]
    alone = checked(tmp_path, sheet)["cleo@x.org"]
    for each in (*of_row["results"], *alone["results"]):
        each.pop("mark", None), each.pop("line", None), each.pop("column", None)
    assert of_row["results"] == alone["results"]
    assert of_row["score"] == alone["score"]


def test_a_slip_of_the_keyboard_is_told_on_its_line_of_the_table(tmp_path: Path) -> None:
    found = checked(tmp_path, FORM.replace("ben@x.org,1,", "ben@x.org,one,"))
    (wrong,) = [each for each in found["ben@x.org"]["results"] if each["verdict"] == "invalid"]
    assert wrong["id"] == "Z1"
    assert wrong["line"] == 3


@pytest.mark.parametrize("heading", ["dL/dW1", "∂L/∂W", "Z^(1)", "h_2", "H1[2]", "W1_new"])
def test_one_heading_that_names_a_quantity_tells_a_table(heading: str) -> None:
    assert class_table(f"student,{heading}\nAnn,1\nBen,2\n".encode()) is not None


@pytest.mark.parametrize(
    "table",
    [
        "student;Z1[1];L\nAnn;1;0,5\nBen;1;0\n",
        "sep=;\nName;Z1[1];L\nAnn;1;0,5\nBen;1;0\n",
        "Last name\tFirst name\tZ1[1]\tL\nAnn\t\t1\t.5\nBen\t\t1\t0\n",
    ],
)
def test_whatever_stands_between_the_cells(table: str, tmp_path: Path) -> None:
    found = checked(tmp_path, table)
    assert [name.strip() for name in found] == ["Ann", "Ben"]
    assert [verdicts(each)["L"] for each in found.values()] == ["wrong", "correct"]


def test_one_quantity_alone(tmp_path: Path) -> None:
    found = checked(tmp_path, "student,Z1[1]\nAnn,1\nBen,2\n")
    assert [verdicts(each)["Z1"] for each in found.values()] == ["correct", "wrong"]


@pytest.mark.parametrize(
    "sheet",
    [
        "name,row,column,value\nZ1,1,,4\nH1,1,,2\n",
        "student,s1234,s5678\nZ1,1,\nL,0,\n",
        "student,Ann\nZ1[1],1\nL,0\n",
        "Z1,1,,4\nZ1,2,,0\nL,,,1/3\n",
        "student,Z1[1],L\nAnn,1,0\n",
        "student,Z1[1],L\nAnn,1\nBen,1\n",
        "name,remark,class\nAnn,ill,a\nBen,,b\n",
        "First name,Email,Q. 1 /2.00,Q. 2 /1.00\nA,a@x.org,1,1\nC,c@x.org,2,1\n",
        "student,score,max_score,percent\nann,4,18,22\nben,2,18,11\n",
        "",
    ],
)
def test_what_is_no_table_of_a_class(sheet: str) -> None:
    assert class_table(sheet.encode()) is None


def test_a_table_in_a_folder_among_sheets(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(PROBLEM, encoding="utf-8")
    folder = tmp_path / "sheets"
    folder.mkdir()
    (folder / "form.csv").write_text(FORM, encoding="utf-8")
    (folder / "dora.yaml").write_text("answers: {Z1: [1]}\n", encoding="utf-8")
    words = ["check", str(tmp_path / "p.yaml"), str(folder), "--format", "gradebook"]
    done = CliRunner().invoke(main, words)
    assert [line.split(",")[0] for line in done.stdout.splitlines()] == [
        "student",
        "dora",
        "ann@x.org",
        "ben@x.org",
        "cleo@x.org",
    ]

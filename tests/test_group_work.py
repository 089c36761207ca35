"""Several students on one sheet: everyone has its points, once; and what nobody can read."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest
from classes import grader_of, right_answers, sheet
from click.testing import CliRunner, Result

from backprop_cli.classroom.rosters import Roster, Student, WhoIsWho
from backprop_cli.cli import main

PROBLEM = """
x: [1, 2]
y: [0]
layers:
  - {weights: [[1, -1], [2, 1]], bias: [0, 1], activation: relu}
  - {weights: [[1, 2]], bias: [1]}
loss: squared-error
ask: [Z1, Yhat, L]
"""
CLASS = (("s1", "Muster", "Anna"), ("s2", "Bär", "Ben"), ("s3", "Yilmaz", "Cem"))


@cache
def problem(student: str) -> str:
    return PROBLEM.replace("[0, 1]", f"[0, {student[1]}]")


def right(student: str, name: str) -> str:
    return sheet(right_answers(grader_of(problem(student))), name)


def check(top: Path, files: Mapping[str, str], *words: str) -> Result:
    for id, *_ in CLASS:
        (top / "variants").mkdir(exist_ok=True)
        (top / "variants" / f"{id}.yaml").write_text(problem(id))
    rows = [",".join(row) for row in CLASS]
    (top / "r.csv").write_text("\n".join(["ID number,Surname,First name", *rows]))
    for name, text in files.items():
        place = top / "in" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    paths = [str(top / "variants"), str(top / "in"), "--roster", str(top / "r.csv")]
    return CliRunner().invoke(main, ["check", *paths, *words])


def scores(top: Path, files: Mapping[str, str]) -> dict[str, str]:
    done = check(top, files, "--format", "gradebook")
    return {row["ID number"]: row["score"] for row in csv.DictReader(io.StringIO(done.stdout))}


@pytest.mark.parametrize(
    "name",
    ["[s1, s2]", "s1, s2", "s1 & s2", "Anna Muster und Ben Bär", '"Bär, Ben; Muster, Anna"',
     "\n  - Ben\n  - Anna"],
)  # fmt: skip
def test_each_who_is_named_has_the_points(tmp_path: Path, name: str) -> None:
    """By the numbers of the one whose they are, in whatever order the names stand."""
    found = scores(tmp_path, {"group.yaml": right("s2", name)})
    assert found == {"s1": "3", "s2": "3", "s3": ""}


def test_a_row_of_a_table_may_name_several(tmp_path: Path) -> None:
    answers = right_answers(grader_of(problem("s1")))
    rows = ["name,row,column,value", "student,s1,s3,", f"L,,,{answers['L']}"]
    assert scores(tmp_path, {"a.csv": "\n".join(rows)}) == {"s1": "1", "s2": "", "s3": "1"}


def test_the_class_counts_the_sheet_once_and_is_told_of_everyone(tmp_path: Path) -> None:
    files = {"group.yaml": right("s1", "[s1, s2, Zoe]"), "own.yaml": right("s3", "s2")}
    done = check(tmp_path, files, "--format", "json")
    report = json.loads(done.stdout)
    first, second = report["submissions"]
    assert (first["student"], first["others"], first["passed"]) == ("s1", ["s2"], True)
    assert (second["student"], "others" in second) == ("s2", False)
    assert report["summary"]["submissions"] == 2
    told = [(note["kind"], note["student"]) for note in report["summary"]["notes"]]
    assert told == [
        ("no-sheet", "s3"), ("together", "s2"), ("not-in-class", None), ("several-sheets", "s2")
    ]  # fmt: skip
    assert "s2 handed in together with s1" in done.stderr
    assert "named on a sheet, and not in the class: Zoe" in done.stderr
    assert scores(tmp_path, {}) == {"s1": "3", "s2": "3", "s3": ""}
    for form in ("text", "markdown", "html"):
        assert "s1, s2" in check(tmp_path, {}, "--format", form).stdout


def test_everyone_of_a_group_has_the_reply(tmp_path: Path) -> None:
    check(tmp_path, {"group.yaml": right("s1", "[s1, s2]")}, "--feedback", str(tmp_path / "out"))
    texts = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "out").iterdir()}
    assert sorted(texts) == ["s1.txt", "s2.txt"]
    assert texts["s1.txt"] == texts["s2.txt"]
    assert "s1, s2" in texts["s1.txt"]


def test_what_moodle_copies_to_everyone_of_a_group_is_one_sheet(tmp_path: Path) -> None:
    """Whether it is signed by one of them or by nobody."""
    folders = [f"Group 2-{name}_{n}_assignsubmission_file_" for n, name in
               enumerate(("Anna Muster", "Ben Bär"))]  # fmt: skip
    for signed in ("_", "s1"):
        files = {f"{folder}/blank.yaml": right("s1", signed) for folder in folders}
        assert scores(tmp_path, files) == {"s1": "3", "s2": "3", "s3": ""}
        done = check(tmp_path, files, "--format", "json")
        assert json.loads(done.stdout)["summary"]["submissions"] == 1
        assert "the same sheet of one group" in done.stderr
        assert "2 sheets" not in done.stderr


def test_two_groups_with_the_same_numbers_stay_two(tmp_path: Path) -> None:
    files = {
        f"Group-{n}-{name}_{n}_assignsubmission_file_/blank.yaml": right("s1", "_")
        for n, name in enumerate(("Anna Muster", "Ben Bär"))
    }
    assert scores(tmp_path, files)["s2"] != "3"


def test_gradescope_names_a_group_and_one_may_sign(tmp_path: Path) -> None:
    said = "".join(f"  - :name: {id}\n    :sid: {id}\n" for id in ("s1", "s2"))
    meta = {"submission_metadata.yml": f"---\nsubmission_7:\n  :submitters:\n{said}"}
    for signed, others in (("_", "s3"), ("s2", "s3")):
        files = {"submission_7/a.yaml": right("s2", signed), **meta}
        assert scores(tmp_path, files) == {"s1": "3", "s2": "3", others: ""}


def test_a_sheet_with_the_name_of_another_is_told_of_whom_it_came_from(tmp_path: Path) -> None:
    files = {"Anna Muster_7_assignsubmission_file_/a.yaml": right("s1", "s3")}
    said = check(tmp_path, files).stderr
    assert "no sheet: s1; what came under this name is signed by s3" in said


def test_names_in_a_text() -> None:
    cells = [(id, family, given) for id, family, given in CLASS]
    columns = ("ID number", "Surname", "First name")
    who = WhoIsWho(Roster(columns, tuple(Student(row[0], row) for row in cells)))
    for text, students, strangers in (
        ("Muster, Anna", ("s1",), ()),
        ("Anna/Ben", ("s1", "s2"), ()),
        ("Anna, Anna Muster", ("s1",), ()),
        ("Anna, Zoe", ("s1",), ("Zoe",)),
        ("nobody", (), ()),
        ("Yilmaz, Cem + Bär, Ben", ("s3", "s2"), ()),
        ("Roland", (), ()),
    ):
        named = who.named(text)
        assert (named.students, named.strangers) == (students, strangers), text


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
def test_who_handed_in_nothing_readable_is_told_what_can_be(tmp_path: Path, form: str) -> None:
    files = {
        "Anna Muster_1_assignsubmission_file_/work.pdf": "%PDF",
        "Ben Bär_2_assignsubmission_file_/a.yaml": "",
        "Cem Yilmaz_3_assignsubmission_file_/a.yaml": right("s3", "_"),
    }
    out = tmp_path / "out"
    check(tmp_path, files, "--feedback", str(out), "--feedback-format", form)
    texts = {path.stem: " ".join(path.read_text("utf-8").split()) for path in out.iterdir()}
    assert sorted(texts) == ["s1", "s2", "s3"]
    assert "work.pdf" in texts["s1"]
    assert "a PDF" in texts["s1"]
    for student in ("s1", "s2"):
        assert "is to be handed in: the answer sheet" in texts[student]
    assert "handed in" not in texts["s3"]

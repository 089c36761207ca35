"""A class as learning platforms hand it over: whose sheet is whose, and which files are none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from backprop_cli.cli import main
from backprop_cli.grading.sheets.collect import (
    Unread,
    answer_files,
    folder_of_students,
    name_by_folder,
)

PROBLEM = """x: [1, 2]
y: [1, 0]
layers:
  - {weights: [[1, 0], [-1, 1]], bias: [0, -1]}
loss: half-squared-error
"""
RIGHT = "student: _\nanswers:\n  Z1: [1, 0]\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A problem, and beside it the folder of a class."""
    (tmp_path / "problem.yaml").write_text(PROBLEM)
    for name in ("Anna Muster_11", "Ben_12", "Cem_13"):
        place = tmp_path / "class" / f"{name}_assignsubmission_file_"
        place.mkdir(parents=True)
        (place / "blank.yaml").write_text(RIGHT)
    return tmp_path


def check(folder: Path, *options: str) -> Result:
    words = ["check", str(folder / "problem.yaml"), str(folder / "class"), *options]
    return CliRunner().invoke(main, words, env={"COLUMNS": "100"})


def students(folder: Path) -> list[str]:
    found = json.loads(check(folder, "--format", "json").stdout)
    return [one["student"] for one in found["submissions"]]


def test_folders_tell_students_apart_where_files_have_one_name(folder: Path) -> None:
    assert students(folder) == ["Anna Muster", "Ben", "Cem"]
    report = check(folder).stdout
    assert all(name in report for name in ("Anna Muster", "Ben", "Cem"))


def test_a_name_on_the_sheet_comes_first(folder: Path) -> None:
    sheet = folder / "class" / "Ben_12_assignsubmission_file_" / "blank.yaml"
    sheet.write_text(RIGHT.replace("_", "s123", 1))
    assert students(folder) == ["Anna Muster", "s123", "Cem"]


def test_files_of_different_names_are_called_by_them(tmp_path: Path) -> None:
    files = [str(tmp_path / name) for name in ("anna.yaml", "ben.yaml", "anna.csv")]
    assert folder_of_students(files) is None
    below = [str(tmp_path / "week1" / "anna.yaml"), str(tmp_path / "week1" / "ben.yaml")]
    assert folder_of_students(below) is None


def test_a_file_beside_the_folders_keeps_its_name() -> None:
    files = ["class/anna/blank.yaml", "class/ben/blank.yaml", "class/cem.yaml"]
    above = folder_of_students(files)
    assert above == "class"
    assert [name_by_folder(file, above) for file in files] == ["anna", "ben", None]


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_sheets_of_one_student_show_their_files(folder: Path, form: str) -> None:
    assert "blank.yaml" not in check(folder, "--format", form, "--width", "200").stdout
    more = folder / "class" / "Ben_12_assignsubmission_file_" / "second.yaml"
    more.write_text(RIGHT)
    report = check(folder, "--format", form, "--width", "200").stdout
    assert "Ben (2)" in report.replace("\\", "")
    assert "blank.yaml" in report
    assert "second.yaml" in report


def test_what_is_not_read_is_named_with_the_reason(folder: Path) -> None:
    place = folder / "class" / "Cem_13_assignsubmission_file_"
    for name in ("a.docx", "b.pdf", "c.txt", "d.ods", "e.png", "f", ".hidden"):
        (place / name).write_bytes(b"\x00")
    said = check(folder).stderr.splitlines()
    assert [line.partition("file_/")[2].split(":")[0] for line in said] == [
        "a.docx", "b.pdf", "c.txt", "d.ods", "e.png", "f"
    ]  # fmt: skip
    reasons = ["Word", "PDF", "given by its own name", "CSV", "picture", "no .yaml"]
    assert all(reason in line for reason, line in zip(reasons, said, strict=True))
    left: list[Unread] = []
    answer_files([folder / "class"], left=left)
    assert len(left) == 6


def test_nothing_is_said_where_all_is_read(folder: Path) -> None:
    assert check(folder).stderr == ""


def test_a_text_given_by_its_name_is_read(folder: Path) -> None:
    sheet = folder / "anna.txt"
    sheet.write_text("answers:\n  Z1: [1, 0]\n")
    words = ["check", str(folder / "problem.yaml"), str(sheet), "--format", "json"]
    found = json.loads(CliRunner().invoke(main, words).stdout)["submissions"][0]
    assert (found["student"], found["error"]) == ("anna", None)
    assert found["results"][0]["verdict"] == "correct"


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_names_that_are_not_known_stand_in_the_table_of_the_class(folder: Path, form: str) -> None:
    sheet = folder / "class" / "Ben_12_assignsubmission_file_" / "blank.yaml"
    sheet.write_text("answers:\n  y_pred: [1, 2]\n  delta2: 1\n")
    report = check(folder, "--format", form, "--width", "300").stdout.replace("\\", "")
    assert "y_pred" in report
    assert "delta2" in report


@pytest.mark.parametrize("output", ["reports/", "class"])
def test_a_folder_is_no_file_to_write(folder: Path, output: str) -> None:
    result = check(folder, "-o", f"{folder}/{output}")
    assert result.exit_code == 2
    assert "folder" in result.output
    assert not (folder / "reports").exists()


def test_a_problem_in_the_place_of_a_command() -> None:
    result = CliRunner().invoke(main, ["homework.yaml"])
    assert result.exit_code == 2
    assert "backprop solve homework.yaml" in result.output


@pytest.mark.parametrize("name", ["blank.txt", "blank.yaml.txt", "Blank.YML.TXT"])
def test_a_sheet_that_an_editor_saved_as_text_is_read(folder: Path, name: str) -> None:
    place = folder / "class" / "Dora_14_assignsubmission_file_"
    place.mkdir()
    (place / name).write_text("# a form\nstudent:\nAnswers:\n  Z1 = [1, 0]\n", encoding="utf-8")
    (place / "readme.txt").write_text("The answers are: in blank.txt\n")
    (place / "notes.md").write_text("answers:\n  Z1: [1, 0]\n")
    words = ["check", str(folder / "problem.yaml"), str(folder / "class"), "--format", "json"]
    done = CliRunner().invoke(main, words)
    found = {one["student"]: one for one in json.loads(done.stdout)["submissions"]}
    assert found["Dora"]["results"][0]["verdict"] == "correct"
    assert "readme.txt: text" in done.stderr
    assert "notes.md: text" in done.stderr
    assert name not in done.stderr


@pytest.mark.parametrize("name", ["anna.txt", "anna.yaml.txt", "anna.csv.txt"])
def test_whose_it_is_stands_before_all_endings(folder: Path, name: str) -> None:
    (folder / name).write_text("answers:\n  Z1: [1, 0]\n", encoding="utf-8")
    words = ["check", str(folder / "problem.yaml"), str(folder / name), "--format", "json"]
    (found,) = json.loads(CliRunner().invoke(main, words).stdout)["submissions"]
    assert (found["student"], found["error"]) == ("anna", None)

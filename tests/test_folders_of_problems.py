"""A folder of problems, as `vary` writes, to a folder with a page for each."""

from __future__ import annotations

from pathlib import Path

import pytest
from classes import PROBLEMS
from click.testing import CliRunner, Result

from backprop_cli.cli import main

HOMEWORK = str(PROBLEMS / "sigmoid-softmax.yaml")


def run(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


@pytest.fixture
def variants(tmp_path: Path) -> Path:
    folder = tmp_path / "variants"
    assert run("vary", HOMEWORK, "--count", "3", "-o", str(folder)).exit_code == 0
    return folder


@pytest.mark.parametrize("command", ["handout", "solve"])
@pytest.mark.parametrize(("format_", "ending"), [("text", "txt"), ("html", "html")])
@pytest.mark.parametrize("slash", ["", "/"])
def test_each_page_is_that_of_its_problem_alone(
    variants: Path, tmp_path: Path, command: str, format_: str, ending: str, slash: str
) -> None:
    pages = tmp_path / "pages"
    words = ("--format", format_, "--width", "90")
    done = run(command, str(variants), "-o", f"{pages}{slash}", *words)
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == f"3 files in {pages}\n"
    assert sorted(page.name for page in pages.iterdir()) == [f"{n}.{ending}" for n in (1, 2, 3)]
    for number in (1, 2, 3):
        alone = run(command, str(variants / f"{number}.yaml"), *words)
        assert (pages / f"{number}.{ending}").read_text("utf-8") == alone.stdout
    told = {(pages / f"{number}.{ending}").read_text("utf-8") for number in (1, 2, 3)}
    assert len(told) == 3


def test_a_problem_that_is_unusable_is_told_and_the_others_are_written(
    variants: Path, tmp_path: Path
) -> None:
    (variants / "2.yaml").write_text("x: [1, 2\n", encoding="utf-8")
    done = run("handout", str(variants), "-o", str(tmp_path / "papers"))
    assert done.exit_code == 2
    assert f"{variants / '2.yaml'}:" in done.stderr
    assert done.stderr.endswith(f"2 files in {tmp_path / 'papers'}\n")
    assert sorted(page.name for page in (tmp_path / "papers").iterdir()) == ["1.txt", "3.txt"]


def test_what_no_problem_is_has_no_page(variants: Path, tmp_path: Path) -> None:
    for name in ("notes.md", "._1.yaml"):  # what a file manager leaves beside them, too
        (variants / name).write_bytes(b"\x00\x05")
    done = run("handout", str(variants), "-o", str(tmp_path / "papers"))
    assert (done.exit_code, done.stderr) == (0, f"3 files in {tmp_path / 'papers'}\n")


def test_a_folder_needs_another_folder(variants: Path, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in variants.iterdir()}
    alone = run("handout", str(variants))
    assert (alone.exit_code, alone.stdout) == (2, "")
    assert "3 problem files are in this folder" in alone.stderr
    assert "-o FOLDER" in alone.stderr
    into_itself = run("solve", str(variants), "-o", str(variants), "--format", "json")
    assert into_itself.exit_code == 2
    assert "would be replaced" in into_itself.stderr
    assert {path.name: path.read_bytes() for path in variants.iterdir()} == before
    a_file = run("handout", str(variants), "-o", HOMEWORK)
    assert a_file.exit_code == 2
    assert "the folder cannot be made" in a_file.stderr
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "0 problem files are in this folder" in run("solve", str(empty)).stderr


@pytest.mark.parametrize("command", ["derive", "draw", "blank", "lint", "practice"])
def test_where_one_file_is_read_one_of_the_folder_is_named(variants: Path, command: str) -> None:
    done = run(command, str(variants))
    assert done.exit_code == 2
    assert "it is a folder, and one problem file is read" in done.stderr
    assert str(variants / "1.yaml") in done.stderr


def test_one_file_is_not_written_to_the_name_of_a_folder(tmp_path: Path) -> None:
    done = run("handout", HOMEWORK, "-o", f"{tmp_path / 'papers'}/")
    assert done.exit_code == 2
    assert "it is a folder's name, and one file is written" in done.stderr
    assert not (tmp_path / "papers").exists()


def test_the_class_list_has_one_name_in_all_commands(tmp_path: Path) -> None:
    roster = tmp_path / "roster.csv"
    roster.write_text("student,name\ns1,Ada\ns2,Bo\n", encoding="utf-8")
    for option in ("--students", "--roster"):
        done = run("vary", HOMEWORK, option, str(roster), "-o", str(tmp_path / option))
        assert done.exit_code == 0, done.stderr
    for name in ("s1.yaml", "s2.yaml"):
        told = (tmp_path / "--students" / name).read_bytes()
        assert (tmp_path / "--roster" / name).read_bytes() == told

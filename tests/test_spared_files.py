"""What somebody wrote is not written over: what is read, what was filled in, what lies beside."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from backprop_cli.cli import main

PROBLEM = """x: [1, 2]
y: [1]
layers:
  - {weights: [[0.5, -1]], bias: [1]}
loss: squared-error
update: {rule: sgd, learning_rate: 0.1}
"""
SHEET = "student: anna\nanswers:\n  Z1: [-0.5]\n  L: 2.25\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("p.yaml").write_text(PROBLEM)
    Path("s.yaml").write_text(SHEET)
    Path("class.csv").write_text("id,name\nanna,Anna\n")
    return tmp_path


def run(words: str, typed: str = "quit\n") -> Result:
    return CliRunner().invoke(main, words.split(), input=typed)


@pytest.mark.parametrize(
    ("words", "file"),
    [
        ("check p.yaml s.yaml --roster class.csv -o class.csv", "class.csv"),
        ("check p.yaml s.yaml --roster class.csv --format gradebook -o class.csv", "class.csv"),
        ("check p.yaml s.yaml -o s.yaml", "s.yaml"),
        ("blank p.yaml -o s.yaml", "s.yaml"),
        ("blank p.yaml --format json -o s.yaml", "s.yaml"),
    ],
)
def test_what_is_read_or_was_filled_in_stays(words: str, file: str, here: Path) -> None:
    before = (here / file).read_bytes()
    done = run(words)
    assert done.exit_code == 2
    assert file in done.stderr
    assert "--force" in done.stderr
    assert (here / file).read_bytes() == before
    assert run(f"{words} --force").exit_code in (0, 1)
    assert (here / file).read_bytes() != before


@pytest.mark.parametrize("command", ["solve", "derive", "handout", "draw", "lint"])
def test_numbers_beside_a_problem_stay(command: str, here: Path) -> None:
    np.savez(here / "w.npz", W1=np.array([[0.5, -1.0]]))
    before = (here / "w.npz").read_bytes()
    Path("p.yaml").write_text(PROBLEM.replace("[[0.5, -1]]", "{file: w.npz, name: W1}"))
    done = run(f"{command} p.yaml -o w.npz")
    assert done.exit_code == 2
    assert (here / "w.npz").read_bytes() == before


def test_an_empty_sheet_may_be_written_again(here: Path) -> None:
    assert run("blank p.yaml -o new.yaml").exit_code == 0
    before = (here / "new.yaml").read_bytes()
    assert run("blank p.yaml -o new.yaml").exit_code == 0
    assert (here / "new.yaml").read_bytes() == before


@pytest.mark.parametrize("kind", ["text", "json", "csv"])
def test_an_empty_sheet_is_replaced_by_that_of_another_problem(kind: str, here: Path) -> None:
    """Until somebody writes a number into it."""
    sheet = here / "new"
    assert run(f"blank p.yaml --format {kind} -o new").exit_code == 0
    Path("p.yaml").write_text(
        PROBLEM.replace("[[0.5, -1]]", "[[0.5, -1], [1, 2]]")
        .replace("y: [1]", "y: [1, 2]")
        .replace("bias: [1]", "bias: [1, 2]")
    )
    before = sheet.read_text()
    assert run(f"blank p.yaml --format {kind} -o new").exit_code == 0
    assert sheet.read_text() != before
    empty = "null" if kind == "json" else "_"
    begun = sheet.read_text()[::-1].replace(empty[::-1], "5.0", 1)[::-1]
    sheet.write_text(begun)
    Path("p.yaml").write_text(PROBLEM)
    assert run(f"blank p.yaml --format {kind} -o new").exit_code == 2
    assert sheet.read_text() == begun


def test_practice_with_other_numbers_spares_the_problem_of_a_like_name(here: Path) -> None:
    """The numbers of a session are kept beside its sheet, under a name that may be taken."""
    Path("p-problem.yaml").write_text(PROBLEM)
    done = run("practice p-problem.yaml --vary --resume p.new.yaml")
    assert done.exit_code == 0, done.output
    Path("mine-problem.yaml").write_text(PROBLEM)
    done = run("practice mine-problem.yaml --vary --resume mine.yaml")
    assert done.exit_code == 2
    assert "mine-problem.yaml" in done.stderr
    assert (here / "mine-problem.yaml").read_text() == PROBLEM
    assert not (here / "mine.yaml").exists()


def test_a_session_with_other_numbers_is_gone_on_with(here: Path) -> None:
    for _ in range(2):
        assert run("practice p.yaml --vary --resume mine.yaml").exit_code == 0
    assert (here / "mine-problem.yaml").exists()

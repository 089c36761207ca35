"""What is named on the command line, and in a file, may be anything that a system calls a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from backprop_cli.cli import main

PROBLEM = "values: {x: 2, w: 3}\nequations: [y = w*x, L = y^2]\ntrain: [w]\n"
LONG = "n" * 300  # no system has files of such a name
COMMANDS = (
    *("solve p.yaml -o NAME", "draw p.yaml -o NAME", "blank p.yaml -o NAME", "solve NAME"),
    *("check NAME s.yaml", "check p.yaml NAME", "check p.yaml s.yaml --roster NAME"),
    *("check p.yaml s.yaml -o NAME", "vary p.yaml --count 2 -o NAME", "new 2-2-1 -o NAME"),
    *("vary p.yaml --students NAME", "new --separate NAME", "practice p.yaml --resume NAME"),
    *("export moodle p.yaml -o NAME", "export prairielearn p.yaml -o NAME", "lint NAME"),
    *("derive NAME", "derive NAME --of L --wrt w", "draw NAME", "blank NAME", "handout NAME"),
    *(
        "vary NAME --count 1 -o v",
        "practice NAME",
        "export moodle NAME -o q.xml",
        "lint NAME --variants 2",
    ),
)


@pytest.fixture
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("p.yaml").write_text(PROBLEM)
    Path("s.yaml").write_text("answers: {y: 6, L: 36}\n")


@pytest.mark.usefixtures("_here")
@pytest.mark.parametrize("words", COMMANDS)
def test_a_name_that_is_too_long_is_told(words: str) -> None:
    done = CliRunner().invoke(main, words.replace("NAME", LONG).split())
    assert done.exit_code == 2
    assert isinstance(done.exception, SystemExit)
    assert LONG in done.output.replace("\n", "")


@pytest.mark.usefixtures("_here")
@pytest.mark.parametrize("name", ["loop.npz", "sub", LONG])
def test_numbers_in_what_is_no_file_are_refused_at_their_place(name: str) -> None:
    Path("loop.npz").symlink_to("loop.npz")
    Path("sub").mkdir()
    values = f"{{x: 2, w: {{file: {name}}}}}"
    Path("p.yaml").write_text(PROBLEM.replace("{x: 2, w: 3}", values))
    done = CliRunner().invoke(main, ["solve", "p.yaml"])
    assert done.exit_code == 2
    assert isinstance(done.exception, SystemExit)
    assert "p.yaml:1" in done.stderr
    assert "cannot be read" in done.stderr


@pytest.mark.usefixtures("_here")
@pytest.mark.parametrize(
    ("words", "folder"),
    [
        ("vary p.yaml --count 1 -o v", "v/1.yaml"),
        ("export prairielearn p.yaml -o q", "q/info.json"),
    ],
)
def test_a_folder_where_a_file_is_to_be_is_told(words: str, folder: str) -> None:
    Path(folder).mkdir(parents=True)
    done = CliRunner().invoke(main, words.split())
    assert done.exit_code == 2
    assert isinstance(done.exception, SystemExit)
    assert f"{folder}: cannot be written: it is a folder" in done.stderr


@pytest.mark.usefixtures("_here")
def test_steps_beyond_any_number_of_the_machine_are_refused() -> None:
    Path("p.yaml").write_text(f"{PROBLEM}update: {{rule: sgd, learning_rate: 0.1}}\n")
    done = CliRunner().invoke(main, ["solve", "p.yaml", "--steps", "9" * 400])
    assert done.exit_code == 2
    assert "the limit is" in done.stderr

"""What is in examples/ works: the autograder is run here, the workflow read and its command run."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from documents import ROOT, files

from backprop_cli.cli import main

EXAMPLES = ROOT / "examples"
GRADESCOPE = EXAMPLES / "gradescope"
SCRIPTS = ("setup.sh", "run_autograder")
BASH = shutil.which("bash")
on_unix = pytest.mark.skipif(BASH is None or os.name == "nt", reason="the scripts are for bash")


# Homework -----------------------------------------------------------------------------------------


def test_the_homework_is_the_one_of_the_page_for_teachers() -> None:
    page = (ROOT / "docs" / "teachers.md").read_text(encoding="utf-8")
    homework = (EXAMPLES / "homework.yaml").read_text(encoding="utf-8")
    assert files(page)["homework.yaml"] == homework


def test_the_answers_show_what_the_pages_say_of_them() -> None:
    arguments = [str(EXAMPLES / "homework.yaml"), "--answers", str(EXAMPLES / "answers")]
    done = CliRunner().invoke(main, ["check", *arguments, "--format", "json"])
    report = json.loads(done.stdout)
    marks = {sheet["student"]: sheet["first_wrong"] for sheet in report["submissions"]}
    assert marks == {"ada": None, "ben": None, "cleo": "dL/dZ1", "dan": "dL/dZ2", "eve": "L"}


# Gradescope ---------------------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """What Gradescope sets up, in a folder with a space in its name."""
    root = tmp_path / "auto grader"
    for name in ("source", "submission"):
        (root / name).mkdir(parents=True)
    shutil.copy(EXAMPLES / "homework.yaml", root / "source" / "problem.yaml")
    program = root / "backprop"
    python = shlex.quote(sys.executable)
    program.write_text(f'#!/bin/sh\nexec {python} -m backprop_cli "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return root


def handed_in(place: Path, **environment: str) -> dict[str, Any]:
    """results.json of what is in the folder of the submission."""
    return handed_in_and_told(place, **environment)[0]


def handed_in_and_told(place: Path, **environment: str) -> tuple[dict[str, Any], str]:
    """The same, and what only the teacher sees."""
    done = subprocess.run(
        [str(GRADESCOPE / "run_autograder")],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "BACKPROP_ROOT": str(place),
            "BACKPROP_COMMAND": str(place / "backprop"),
            **environment,
        },
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads((place / "results" / "results.json").read_bytes())
    assert isinstance(found["output"], str)
    assert "score" in found
    return found, done.stderr.decode()


@on_unix
@pytest.mark.parametrize("name", SCRIPTS)
def test_the_scripts_can_be_run(name: str) -> None:
    assert BASH is not None
    assert os.access(GRADESCOPE / name, os.X_OK)
    subprocess.run([BASH, "-n", str(GRADESCOPE / name)], check=True)
    assert (GRADESCOPE / name).read_text(encoding="utf-8").startswith("#!/usr/bin/env bash\n")


@on_unix
def test_gradescope_gets_the_marks(place: Path) -> None:
    shutil.copy(EXAMPLES / "answers" / "cleo.yaml", place / "submission" / "my answers.yaml")
    found = handed_in(place)
    assert found["score"] == 8
    assert [test["name"] for test in found["tests"] if test["status"] == "failed"] == ["dL/dZ1"]
    assert "right value" not in json.dumps(found)
    assert "right value" in json.dumps(handed_in(place, BACKPROP_REVEAL="value"))


@on_unix
def test_gradescope_is_told_that_nothing_was_handed_in(place: Path) -> None:
    (place / "submission" / "photo.png").write_bytes(b"\x89PNG")
    (place / "submission" / ".hidden.yaml").write_text("answers: {}")
    (place / "submission" / "link.yaml").symlink_to(place / "source" / "problem.yaml")
    assert "There is no answer sheet" in handed_in(place)["output"]


@on_unix
def test_gradescope_is_told_of_two_sheets_whatever_their_names(place: Path) -> None:
    for name in (b'"quoted"\\\n\x1b[31m.yaml', b"other.csv", b"broken-\xff.json"):
        path = os.path.join(os.fsencode(place / "submission"), name)  # noqa: PTH118  # bytes
        try:
            with open(path, "wb"):  # noqa: PTH123
                pass
        except OSError:
            pytest.skip("this file system has no such names")
    output = handed_in(place)["output"]
    assert output.startswith("Hand in one answer sheet only")
    assert '"quoted"\\' in output
    assert "\x1b" not in output


@on_unix
@pytest.mark.parametrize("content", [b"\xff\xfe{", b"answers: [", b"", b"just words"])
def test_gradescope_is_told_that_a_sheet_cannot_be_read(place: Path, content: bytes) -> None:
    (place / "submission" / "sheet.yaml").write_bytes(content)
    found = handed_in(place)
    assert found["score"] == 0
    assert "could not be read" in found["output"]


@on_unix
def test_gradescope_gets_a_result_where_the_problem_is_unusable(place: Path) -> None:
    shutil.copy(EXAMPLES / "answers" / "ada.yaml", place / "submission")
    (place / "source" / "problem.yaml").write_text('x: "\n', encoding="utf-8")
    found, told = handed_in_and_told(place)
    assert found["score"] == 0
    assert "This is not your fault" in found["output"]
    assert "problem.yaml" not in found["output"], "a student cannot mend the problem"
    assert "problem.yaml" in told


@on_unix
def test_gradescope_gets_a_result_where_the_program_does_not_run(place: Path) -> None:
    shutil.copy(EXAMPLES / "answers" / "ada.yaml", place / "submission")
    (place / "results").mkdir()
    (place / "results" / "results.json").write_text('{"score": 10, "output": "old"}')
    found, told = handed_in_and_told(place, BACKPROP_COMMAND="/does/not/exist")
    assert found["score"] == 0
    assert "This is not your fault" in found["output"]
    assert "/does/not/exist" in told


# GitHub -------------------------------------------------------------------------------------------


def workflow() -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load(
        (EXAMPLES / "github" / "grade.yml").read_text(encoding="utf-8")
    )
    return found


def test_the_workflow_grades_as_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the problem of the teacher's branch, whatever the pull request has in its place."""
    assert list(workflow()[True]) == ["pull_request_target"]  # what YAML 1.1 makes of `on`
    assert workflow()["permissions"] == {"contents": "read"}
    job = workflow()["jobs"]["grade"]
    (step,) = [each for each in job["steps"] if each.get("run", "").startswith("backprop ")]
    (theirs,) = [each["with"] for each in job["steps"] if "ref" in each.get("with", {})]
    assert theirs["path"] == step["working-directory"]

    shutil.copy(EXAMPLES / "homework.yaml", tmp_path / "problem.yaml")
    pushed = tmp_path / theirs["path"]
    shutil.copytree(EXAMPLES / "answers", pushed / "answers")
    (pushed / "problem.yaml").write_text("values: {x: 1}\nequations: [L = x]\n")
    monkeypatch.chdir(pushed)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    command = step["run"]
    for name, value in job["env"].items():
        command = command.replace(f"${name}", value)
    done = CliRunner().invoke(main, shlex.split(command)[1:])
    assert done.exit_code == 0, done.output
    assert "::error file=answers/cleo.yaml,line=9," in done.stdout
    assert "cleo" in (tmp_path / "summary.md").read_text(encoding="utf-8")


def test_no_expression_of_a_pull_request_is_put_into_a_command() -> None:
    for step in workflow()["jobs"]["grade"]["steps"]:
        assert "${{" not in step.get("run", "")
        if step.get("uses", "").startswith("actions/checkout"):
            assert step["with"]["persist-credentials"] is False


# Where the program comes from ---------------------------------------------------------------------


@on_unix
@pytest.mark.parametrize("wheels", [0, 2])
def test_gradescope_installs_one_wheel_or_nothing(wheels: int, place: Path) -> None:
    """Not what anybody may have put into an index under the name of the project."""
    for number in range(wheels):
        (place / "source" / f"backprop_cli-{number}-py3-none-any.whl").write_text("")
    made = place / "venv"
    done = subprocess.run(
        [str(GRADESCOPE / "setup.sh")],
        env={
            **os.environ,
            "BACKPROP_SOURCE": str(place / "source"),
            "BACKPROP_VENV": str(made),
            "BACKPROP_PYTHON": sys.executable,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "one wheel" in done.stderr
    assert not made.exists()


def test_no_kit_asks_an_index_for_the_name_of_the_project() -> None:
    for path in (EXAMPLES / "github" / "grade.yml", GRADESCOPE / "setup.sh"):
        lines = path.read_text(encoding="utf-8").splitlines()
        installs = [line for line in lines if "install " in line and "pip" in line]
        commands = [line for line in installs if not line.lstrip().startswith("#")]
        assert commands
        assert all("whl" in line or "wheels[" in line for line in commands)

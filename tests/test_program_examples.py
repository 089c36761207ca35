"""The examples for test files and autograders are run, as far as their packages are here."""

from __future__ import annotations

import base64
import importlib.util
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = ROOT / "examples" / "programs"
MISTAKE = "dA1 * (dA1 > 0)"
RIGHT = "dA1 * (Z1 > 0)"


def module(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The examples in a folder of their own, beside what a student hands in."""
    return Path(shutil.copytree(PROGRAMS, tmp_path / "programs"))


def repair(folder: Path) -> None:
    student = folder / "student.py"
    text = student.read_text(encoding="utf-8")
    assert MISTAKE in text
    student.write_text(text.replace(MISTAKE, RIGHT), encoding="utf-8")


def test_pytest_says_which_line_is_wrong(folder: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "check_student.py"]
    environment = {"PYTHONPATH": f"{folder}:{ROOT}", "PATH": ""}
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 1, done.stdout
    assert "grads/dZ1 (dL/dZ1 = " in done.stdout
    assert "mask of the ReLU was taken from the gradient" in done.stdout
    repair(folder)
    again = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env=environment
    )
    assert again.returncode == 0, again.stdout


def numbers(folder: Path) -> list[Any]:
    import backprop_cli as backprop

    given = backprop.load(folder / "network.yaml").solve()
    return [given[name] for name in ("X", "Y", "W1", "b1", "W2", "b2")]


def uploaded(folder: Path) -> str:
    found = module(folder / "student.py").backprop(*numbers(folder))
    file = io.BytesIO()
    np.savez(file, **{f"d{name.lstrip('d')}": array for name, array in found["grads"].items()})
    return base64.b64encode(file.getvalue()).decode()


def prairielearn(folder: Path, files: list[dict[str, str]]) -> dict[str, Any]:
    """What PrairieLearn hands to a question and takes back, as its documentation has it."""
    data: dict[str, Any] = {
        "submitted_answers": {"_files": files},
        "partial_scores": {},
        "format_errors": {},
        "feedback": {},
        "score": 0,
        "options": {"server_files_course_path": str(folder)},
    }
    module(folder / "prairielearn" / "server.py").grade(data)
    return data


def test_prairielearn_grades_what_is_uploaded(folder: Path) -> None:
    data = prairielearn(folder, [{"name": "mine.npz", "contents": uploaded(folder)}])
    assert 0 < data["score"] < 1
    assert "mask" in data["feedback"]["backprop"]
    repair(folder)
    right = prairielearn(folder, [{"name": "mine.npz", "contents": uploaded(folder)}])
    assert right["score"] == right["partial_scores"]["backprop"]["score"] == 1
    assert "mine.npz" in prairielearn(folder, [])["format_errors"]["_files"]
    broken = base64.b64encode(b"no archive").decode()
    assert prairielearn(folder, [{"name": "mine.npz", "contents": broken}])["score"] == 0


def test_the_question_is_described_as_prairielearn_wants_it() -> None:
    info = json.loads((PROGRAMS / "prairielearn" / "info.json").read_text(encoding="utf-8"))
    assert {"uuid", "title", "topic", "type"} <= set(info)


def test_the_cell_of_nbgrader_raises_and_passes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As nbgrader does it: a cell whose code raises has no points."""
    monkeypatch.chdir(folder)
    cell = (folder / "nbgrader_cell.py").read_text(encoding="utf-8")
    mine = {"backprop_of_mine": module(folder / "student.py").backprop}
    with pytest.raises(AssertionError, match="mask"):
        exec(cell, dict(mine))  # noqa: S102  # an example of this repository
    repair(folder)
    exec(cell, {"backprop_of_mine": module(folder / "student.py").backprop})  # noqa: S102


def test_otter_runs_its_test_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("otter", reason="otter-grader is not installed")
    from otter.test_files import ExceptionTestFile  # type: ignore[import-not-found]

    monkeypatch.chdir(folder)
    for expected in (False, True):
        test = ExceptionTestFile.from_file(str(folder / "otter_q1.py"))
        test.run({"backprop_of_mine": module(folder / "student.py").backprop})
        assert all(one.passed for one in test.test_case_results) is expected
        repair(folder) if not expected else None

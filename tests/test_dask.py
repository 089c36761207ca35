"""Grading on a Dask cluster: the page about it does what it says, with the same submissions."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import indent

import pytest

from backprop_cli.grading.grader import Desk
from backprop_cli.grading.summary import summarised
from backprop_cli.problem.problem_file import Source
from backprop_cli.report.formats import rendered
from backprop_cli.report.settings import Settings
from backprop_cli.solving.loading import loaded

pytest.importorskip("dask.distributed", reason="the dask extra is not installed")

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "grading-in-bulk.md"
PROBLEM = ROOT / "problems" / "sigmoid-softmax.yaml"
SHEETS = ROOT / "problems" / "sheets" / "sigmoid-softmax"


def test_a_cluster_grades_like_this_process(tmp_path: Path) -> None:
    shutil.copy(PROBLEM, tmp_path / "homework.yaml")
    shutil.copytree(SHEETS, tmp_path / "sheets")
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    script = tmp_path / "script.py"
    script.write_text(f'if __name__ == "__main__":\n{indent(code, "    ")}', encoding="utf-8")
    subprocess.run([sys.executable, script.name], check=True, cwd=tmp_path, timeout=120)
    desk = Desk(loaded(Source(PROBLEM.name, PROBLEM.read_bytes())).model)
    here = [desk.grade(path.read_bytes(), path.name) for path in sorted(SHEETS.glob("*.yaml"))]
    expected = rendered("csv", summarised("Homework", here), Settings())
    assert (tmp_path / "marks.csv").read_text(encoding="utf-8") == expected

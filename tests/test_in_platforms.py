"""Exported questions in the code of the platforms themselves, where a copy of it is at hand.

PRAIRIELEARN=…/apps/prairielearn PRAIRIELEARN_PYTHON=…/bin/python   (with its packages, chevron)
MOODLE_FORMULAS=…/moodle-qtype_formulas                             (and php with xml, mbstring)
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_exports import PROBLEMS, exported, inside, name_of, parts, text_of

import backprop_cli as backprop

HERE = Path(__file__).resolve().parent
PRAIRIELEARN, FORMULAS = os.environ.get("PRAIRIELEARN"), os.environ.get("MOODLE_FORMULAS")
in_prairielearn = pytest.mark.skipif(not PRAIRIELEARN, reason="no copy of PrairieLearn is named")
in_moodle = pytest.mark.skipif(
    not FORMULAS or shutil.which("php") is None, reason="no copy of Moodle's formulas is named"
)


def said(words: list[str | None], more: str = "") -> Any:
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    done = subprocess.run(
        [str(word) for word in words],
        input=more,
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    return json.loads(done.stdout)


@in_prairielearn
@pytest.mark.parametrize("name", PROBLEMS)
def test_prairielearn_takes_the_question_through_all_its_phases(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "question"
    exported("prairielearn", text_of(name), folder)
    boxes = re.findall(
        r'answers-name="(\w+)" aria-label="([^"]+)"', (folder / "question.html").read_text()
    )
    python = os.environ.get("PRAIRIELEARN_PYTHON", "python3")
    words = [python, str(HERE / "platforms" / "prairielearn.py"), PRAIRIELEARN, str(folder), "3"]
    problem = backprop.load(said(words, "[{}]")["problem"])
    solution = problem.solve()
    right = {box: f"{float(solution[called]):.4f}" for box, called in boxes}
    wrong = right | {box: f"{float(right[box]) + 3:.4f}" for box, _ in boxes[::2]}
    blank = dict.fromkeys(right, "")
    found = said(words, json.dumps([right, wrong, blank]))
    assert found["names"] == sorted(right)
    assert found["scores"][0] == pytest.approx(1)
    assert 0 < found["scores"][1] < 1
    assert found["scores"][2] == 0
    assert found["errors"] == [{}, {}, {}]
    assert found["question"].count("<input") == len(boxes)
    assert "Everything is right" in found["submission"]
    assert "<math" in found["answer"]


@in_moodle
@pytest.mark.parametrize("name", PROBLEMS)
def test_moodle_marks_as_check_does(name: str, tmp_path: Path) -> None:
    """Each quantity beside right ones, so that nothing follows from what is wrong."""
    target = tmp_path / "question.xml"
    exported("moodle", text_of(name), target)
    problem = backprop.load(text_of(name))
    solution = problem.solve()
    names = [name_of(part) for part in parts(target)]
    right = {id: np.asarray(solution[id], float).round(3) for id in names}
    shifts = (0, 0.001, -0.002, 0.01, 0.7)
    typed = [[texts(right[id] + shift) for id in names] for shift in shifts]
    (tmp_path / "typed.json").write_text(json.dumps(typed))
    script = HERE / "platforms" / "formulas.php"
    marks = said(["php", str(script), FORMULAS, str(target), str(tmp_path / "typed.json")])
    for id, own in zip(names, marks, strict=True):
        for shift, mark in zip(shifts, own, strict=True):
            given = {one: shaped(right[one] + shift * (one == id)) for one in names}
            entries = problem.check(given)[id].entries
            wanted = np.mean([entry.verdict == "correct" for entry in entries])
            assert mark == pytest.approx(wanted), (id, shift)
    assert all(inside(part, "correctness") for part in parts(target))


def shaped(value: Any) -> Any:
    return np.vectorize(lambda one: f"{one:.3f}")(value).tolist()


def texts(value: Any) -> list[str]:
    return [f"{one:.3f}" for one in np.ravel(value)]

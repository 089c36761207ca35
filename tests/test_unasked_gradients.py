"""The gradient by what nobody trains: judged where a sheet has it, and worth no points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import backprop_cli as backprop

PROBLEM = """values: {x: [1, 2], w: [0.5, -1], b: 0.3, s: 2}
equations:
  - xs = x / s
  - z = dot(w, xs) + b
  - aside = z^2
  - L = z^2 / 2
train: [w, b]
"""
# z = 0.25 − 1 + 0.3 = −0.45 = dL/dz; dL/dxs = −0.45 w, dL/dx = half of it, dL/ds = −(dL/dx)·x / s
RIGHT = "xs: [.5, 1], z: -.45, L: .101, dL/dz: -.45, dL/dw: [-.225, -.45], dL/db: -.45"


def checked(folder: Path, more: str) -> backprop.Report:
    sheet = folder / "sheet.yaml"
    sheet.write_text(f"answers: {{{RIGHT}, aside: .202{more}}}")
    return backprop.load(PROBLEM).check(sheet)


def test_it_is_right_and_adds_no_points(tmp_path: Path) -> None:
    gradients = ", dL/dx: [-.113, .225], dL/dxs: [-.225, .45], dL/ds: -.169"
    plain, more = checked(tmp_path, ""), checked(tmp_path, gradients)
    assert [more[id].verdict for id in ("dL/dx", "dL/dxs", "dL/ds")] == ["correct"] * 3
    assert (more.score, more.max_score) == (plain.score, plain.max_score)
    assert not more["dL/dx"].asked


@pytest.mark.parametrize(
    ("typed", "slip"),
    [("[-.225, .45]", "factor-two"), ("[.113, -.225]", "sign-flipped")],
)
def test_it_is_judged_as_any_other(tmp_path: Path, typed: str, slip: str) -> None:
    found = checked(tmp_path, f", dL/dx: {typed}")["dL/dx"]
    assert found.verdict == "wrong"
    assert slip in found.slips


def test_what_the_loss_does_not_use_has_none(tmp_path: Path) -> None:
    """A program may work a loss out from another quantity than the file: that is no mistake."""
    assert "dL/daside" not in {result.id for result in checked(tmp_path, ", dL/daside: 1")}
    assert backprop.load(PROBLEM).check({"z": np.array(-0.45), "daside": np.array(1.0)}).passed


def test_that_of_a_program_goes_by_its_usual_names() -> None:
    x, w = np.array([1.0, 2.0]), np.array([0.5, -1.0])
    z = w @ x / 2 + 0.3
    problem = backprop.load(PROBLEM)
    report = problem.check(
        {"z": np.array(z), "dx": z * w / 2, "grads/s": np.array(-z * (w @ x) / 4)}
    )
    assert {result.id for result in report} == {"z", "dL/dx", "dL/ds"}
    assert report.passed
    assert problem.check({"z": np.array(z), "dx": z * w})["dL/dx"].verdict == "wrong"

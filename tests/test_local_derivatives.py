"""Derivatives of single equations that somebody writes on a sheet, though nothing asks for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import backprop_cli as backprop
from backprop_cli.cli import main

GRAPH = """
values: {w: 0.5, x: 1.5, y: 0.8}
equations:
  - z = w*x
  - a = z^2
  - yhat = a + 1
  - L = (yhat - y)^2
ask: [L, dL/dw]
"""
RIGHT = {
    "L": "0.5814",
    "dL/dyhat": "1.525",
    "dyhat/da": "1",
    "da/dz": "1.5",
    "dz/dw": "1.5",
    "dL/dw": "3.431",
}
LAYER = """
values: {W: [[1, -1], [0.5, 2]], x: [1, 2], v: [1, -2], y: 1}
equations:
  - z = W @ x
  - h = sigmoid(z)
  - q = sum(v * h)
  - L = half_squared_error(q, y)
train: [W, v]
ask: [L, dL/dW]
"""


def checked(sheet: dict[str, str], text: str = GRAPH) -> backprop.Report:
    return backprop.load(text).check(sheet)


def test_they_are_judged_without_points() -> None:
    report = checked(RIGHT)
    assert {result.verdict for result in report.results} == {"correct"}
    assert (report.score, report.max_score, report.remarks) == (2, 2, ())
    assert {result.id for result in report.results if not result.asked} == {*RIGHT} - {"L", "dL/dw"}
    assert "∂a/∂z" in checked({**RIGHT, "da/dz": "0.75"}).render("text")


@pytest.mark.parametrize(
    ("written", "dw", "verdict"),
    [
        ({"da/dz": "0.75"}, "1.7156", "carried"),
        ({"da/dz": "0.75"}, "3.431", "correct"),
        ({"da/dz": "0.75"}, "2.2875", "wrong"),
        ({"da/dz": "0.75", "dL/dz": "2.2875"}, "3.43125", "correct"),
        ({"dz/dw": "0.5"}, "1.14375", "carried"),
        ({"dyhat/da": "2", "dz/dw": "0.5"}, "2.2875", "carried"),
        ({}, "1.7156", "wrong"),
        ({"dL/da": "1.6", "dyhat/da": "2"}, "3.6", "carried"),
        ({"dL/da": "1.6", "dyhat/da": "2"}, "7.2", "wrong"),
    ],
)
def test_what_is_worked_out_by_them_follows(written: dict[str, str], dw: str, verdict: str) -> None:
    """The gradients between them need not be on the sheet; those that are count."""
    report = checked({**RIGHT, **written, "dL/dw": dw})
    assert report["dL/dw"].verdict == verdict
    for id in written.keys() & {"da/dz", "dz/dw", "dyhat/da"}:
        assert report[id].verdict == "wrong"
    assert report.first_wrong is not None


def test_a_typical_mistake_is_named() -> None:
    report = checked({**RIGHT, "da/dz": "0.75", "dL/dw": "1.7156"})
    assert report.first_wrong == "da/dz"
    assert report["da/dz"].slips == ("factor-two",)
    assert report["dL/dw"].slips == ()


def test_matrices_and_their_entries() -> None:
    h = 1 / (1 + np.exp(-np.array([-1, 4.5])))
    own = np.diag(h * (1 - h))
    dq = h @ [1, -2] - 1
    wanted = np.outer(dq * np.array([1, -2]) * np.diag(own), [1, 2])
    sheet = {
        "L": f"{dq**2 / 2:.4f}",
        "dh/dz": "; ".join(" ".join(f"{entry:.4f}" for entry in row) for row in own),
        "dq/dh": "1 -2",
        "dL/dW": "; ".join(" ".join(f"{entry:.4f}" for entry in row) for row in wanted),
    }
    report = checked(sheet, LAYER)
    assert {result.verdict for result in report.results} == {"correct"}
    swapped = checked({**sheet, "dh/dz": "0.1966 0; 0 0.1966"}, LAYER)
    assert (swapped["dh/dz"].verdict, swapped["dL/dW"].verdict) == ("wrong", "correct")
    entry = checked({"dh/dz[2,2]": "0.0109", "dh/dz[1,2]": "0.2"}, LAYER)
    verdicts = {one.index: one.verdict for one in entry["dh/dz"].entries}
    assert (verdicts[2, 2], verdicts[1, 2]) == ("correct", "wrong")


def test_a_program_may_give_them() -> None:
    report = backprop.load(LAYER).check({"dq/dh": np.array([1.0, -2.0]), "q": np.array(-1.70908)})
    assert report["dq/dh"].verdict == "correct"
    assert backprop.load(LAYER).check({"dq/dh": np.array([1.0, 2.0])})["dq/dh"].verdict == "wrong"


@pytest.mark.parametrize("name", ["da/dw", "dyhat/dz", "dL/dx@2", "dz/dw@2", "dq/dz"])
def test_no_others_are_taken(name: str) -> None:
    text = GRAPH.replace("ask:", "train: [w]\nask:")
    report = checked({**RIGHT, name: "3"}, text)
    assert len(report.remarks) == 1
    assert name not in {result.id for result in report.results}


def test_sheets_are_judged_alone(tmp_path: Path) -> None:
    """In whatever order, and beside whom they are handed in."""
    (tmp_path / "graph.yaml").write_text(GRAPH, encoding="utf-8")
    hand_ins = {
        "anna": RIGHT,
        "ben": {**RIGHT, "da/dz": "0.75", "dL/dw": "1.7156"},
        "cleo": {"L": "0.5814", "dL/dw": "1.7156"},
    }
    files = []
    for name, sheet in hand_ins.items():
        lines = "".join(f"  {id}: {number}\n" for id, number in sheet.items())
        files.append(tmp_path / f"{name}.yaml")
        files[-1].write_text(f"answers:\n{lines}", encoding="utf-8")

    def graded(*given: Path) -> dict[str, str]:
        options = ["check", str(tmp_path / "graph.yaml"), *map(str, given), "--format", "csv"]
        rows = CliRunner().invoke(main, options).stdout.splitlines()
        return {row.split(",")[0]: row for row in rows[1:]}

    together = graded(*files)
    assert together == graded(*files[::-1])
    alone = [graded(file) for file in files]
    assert together == {key: row for one in alone for key, row in one.items()}


@pytest.mark.parametrize("name", ["dm/dx[i]", "dm/dx[1, i]", "dL/dx[i]", "dL/dm[i,j]", "m[i]"])
def test_an_entry_in_letters_is_a_remark_wherever_it_is_typed(name: str) -> None:
    problem = backprop.load("values: {x: [1, 2]}\nequations:\n  - m = x^2\n  - L = sum(m)\n")
    report = problem.check({name: "1", "L": "5"})
    assert any("is not an index" in remark for remark in report.remarks)
    assert {one.id: one.verdict for one in report.results}["L"] == "correct"


@pytest.mark.parametrize("right", [True, False])
def test_the_array_of_the_jacobian_of_what_is_only_moved(right: bool) -> None:
    jacobian = np.einsum("il,jk->ijkl", np.eye(3), np.eye(2))
    array = jacobian if right else np.cos(np.arange(36.0)).reshape(3, 2, 2, 3)
    text = "values: {X: [[1, 2, 5], [3, -1, 4]]}\nequations: [Y = X.T, L = sum(Y^2)]\n"
    (result,) = backprop.load(text).check({"dY/dX": array}).results
    assert result.verdict == ("correct" if right else "wrong")

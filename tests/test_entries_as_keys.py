"""One entry of a quantity as a key of a report and a solution; folders that are no hand-ins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backprop_cli as backprop
from backprop_cli.errors import UserError
from backprop_cli.grading.sheets import collect

X, W1, B1 = np.array([1.0, 2.0]), np.array([[1.0, 0.0], [-1.0, 1.0]]), np.array([0.0, -1.0])
W2, B2, Y = np.array([[2.0, -1.0]]), np.array([0.5]), np.array([1.0])
H1 = 1 / (1 + np.exp(-(W1 @ X + B1)))
SLOPE = H1 * (1 - H1)
DELTA = W2 @ H1 + B2 - Y
DW1 = np.outer((W2.T @ DELTA) * SLOPE, X)


def problem(**convention: str | int) -> backprop.Problem:
    return backprop.load(
        {
            "convention": convention,
            "x": X,
            "y": Y,
            "layers": [
                {"weights": W1, "bias": B1, "activation": "sigmoid"},
                {"weights": W2, "bias": B2},
            ],
            "loss": "half-squared-error",
        }
    )


# A report -----------------------------------------------------------------------------------------


def test_an_entry_that_stands_alone_on_a_sheet_is_judged_alone() -> None:
    report = problem().check({"dL/dW1[2,1]": f"{DW1[1, 0]:.4f}"})
    one = report["dL/dW1[2,1]"]
    assert (one.id, one.verdict) == ("dL/dW1[2,1]", "correct")
    assert [entry.index for entry in one.entries] == [(2, 1)]
    assert report["dL/dW1[1,2]"].verdict == "missing"
    assert report["dL/dW1"].verdict == "missing"


def test_a_right_entry_beside_a_wrong_one_has_nothing_said_of_it() -> None:
    given = {"dL/dZ1": [f"{x:.4f}" for x in DW1[:, 0]], "dL/dW1": DW1.round(4).astype(str).tolist()}
    given["dL/dW1"][1][1] = "0.9"
    report = problem().check(given)
    wrong, right = report["dW1[2,2]"], report["dW1[2,1]"]
    assert (wrong.verdict, right.verdict) == ("wrong", "correct")
    assert (right.message, right.slips, right.points, right.max_points) == ("", (), 0, 0)
    assert report["dL/dW1"].verdict == "wrong"


def test_an_entry_is_counted_as_the_problem_counts() -> None:
    report = problem(indices=0).check({"dL/dW1[1,0]": f"{DW1[1, 0]:.4f}"})
    assert report["dL/dW1[1,0]"].verdict == "correct"
    with pytest.raises(backprop.Error, match=r"dL/dW1\[0,0\] to dL/dW1\[1,1\]"):
        report["dL/dW1[2,1]"]


@pytest.mark.parametrize("name", ["dL/dW1[3,1]", "dL/dW1[2]", "dL/dW1[1,1,1]", "dL/dW1[0,1]"])
def test_an_entry_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(backprop.Error, match="there is no entry"):
        problem().check({"dL/dW1": DW1})[name]
    with pytest.raises(backprop.Error, match="there is no such entry"):
        problem().solve()[name]


# A solution ---------------------------------------------------------------------------------------

BY_W1 = np.einsum("ki,i,ip->kip", W2, SLOPE, np.eye(2))
JACOBIAN = np.einsum("kip,j->kpj", BY_W1, X)
"""∂Z2ₖ/∂W1ₚⱼ"""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dL/dW1[2,1]", DW1[1, 0]),
        ("dZ2/dW1", JACOBIAN),
        ("dZ2[1]/dW1", JACOBIAN[0]),
        ("dZ2/dW1[2,1]", JACOBIAN[:, 1, 0]),
        ("dZ2[1]/dW1[2,1]", JACOBIAN[0, 1, 0]),
        ("dZ2/dW1[1,2,1]", JACOBIAN[0, 1, 0]),
        ("dH1[2]/dZ1[1]", 0.0),
        ("dH1[2]/dZ1[2]", SLOPE[1]),
    ],
)
def test_entries_of_gradients_and_jacobians(name: str, value: Any) -> None:
    np.testing.assert_allclose(problem().solve()[name], value, rtol=1e-12, atol=1e-12)


def test_entries_in_the_other_layout() -> None:
    solution = problem(jacobian="denominator").solve()
    np.testing.assert_allclose(solution["dZ2/dW1"], np.moveaxis(JACOBIAN, 0, -1), rtol=1e-12)
    np.testing.assert_allclose(solution["dZ2[1]/dW1[2,1]"], JACOBIAN[0, 1, 0], rtol=1e-12)
    np.testing.assert_allclose(solution["dZ2/dW1[2,1]"], JACOBIAN[:, 1, 0], rtol=1e-12)


@pytest.mark.parametrize("name", ["dZ2[2]/dW1", "dZ2/dW1[3,1]", "dZ2/dW1[1]", "dH1[3]/dZ1[1]"])
def test_entries_that_a_jacobian_has_not(name: str) -> None:
    with pytest.raises(backprop.Error, match="no such entry"):
        problem().solve()[name]


# A folder that is none of hand-ins ----------------------------------------------------------------


def test_a_folder_of_too_many_files_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collect, "MOST_MEMBERS", 5)
    (tmp_path / "one").mkdir()
    for number in range(4):
        (tmp_path / "one" / f"{number}.yaml").write_text("Z1: [1, 1]\n")
    assert len(collect.answer_files([tmp_path])) == 4  # with the folder itself these are five
    (tmp_path / "more.txt").write_text("")
    with pytest.raises(UserError, match="over 5 files"):
        collect.answer_files([tmp_path])
    with pytest.raises(backprop.Error, match="the folder with the sheets alone"):
        problem().check(tmp_path)

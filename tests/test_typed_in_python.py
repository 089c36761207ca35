"""Numbers handed over in Python or bare JSON that somebody typed, with many digits or beside such.

The figures are those of Matt Mazur's worked example, from plain Python here.
"""

from __future__ import annotations

import json
from math import exp
from typing import Any

import pytest

import backprop_cli as backprop
from backprop_cli.grading.grader import Desk
from backprop_cli.grading.report_data import Submission
from backprop_cli.problem.problem_file import Source
from backprop_cli.solving.loading import loaded

PROBLEM = """
x: [0.05, 0.10]
y: [0.01, 0.99]
layers:
  - {weights: [[0.15, 0.20], [0.25, 0.30]], bias: 0.35, activation: sigmoid}
  - {weights: [[0.40, 0.45], [0.50, 0.55]], bias: 0.60, activation: sigmoid}
loss: half-squared-error
"""


def sigma(z: float) -> float:
    return 1 / (1 + exp(-z))


H = [sigma(0.15 * 0.05 + 0.2 * 0.1 + 0.35), sigma(0.25 * 0.05 + 0.3 * 0.1 + 0.35)]
Z = [0.4 * H[0] + 0.45 * H[1] + 0.6, 0.5 * H[0] + 0.55 * H[1] + 0.6]
OUT = [sigma(z) for z in Z]
LOSS = ((OUT[0] - 0.01) ** 2 + (OUT[1] - 0.99) ** 2) / 2
RIGHT = {"Z1": [0.3775, 0.3925], "H1": H, "Z2": Z, "Yhat": OUT, "L": LOSS}


def rounded(value: Any, digits: int) -> Any:
    if isinstance(value, list):
        return [rounded(one, digits) for one in value]
    return round(value, digits)


def verdicts(answers: Any) -> dict[str, str]:
    found = backprop.load(PROBLEM).check(answers).data["submissions"][0]["results"]
    return {one["id"]: one["verdict"] for one in found if one["id"] in answers}


@pytest.mark.parametrize("digits", [3, 6, 7, 8, 9, 10, 12])
@pytest.mark.parametrize("texts", [False, True])
def test_right_figures_with_the_digits_of_a_calculator(digits: int, texts: bool) -> None:
    typed = {id: rounded(value, digits) for id, value in RIGHT.items()}
    typed = json.loads(json.dumps(typed), parse_float=str) if texts else typed
    assert set(verdicts(typed).values()) == {"correct"}


def test_a_figure_worked_out_in_python_beside_typed_ones() -> None:
    """The prediction has all digits of a float, and comes from what was rounded before."""
    typed = {id: rounded(value, 3) for id, value in RIGHT.items()}
    typed["Yhat"] = [sigma(z) for z in typed["Z2"]]
    assert set(verdicts(typed).values()) == {"correct"}


def test_all_digits_of_a_program_are_judged_as_a_program() -> None:
    assert set(verdicts(RIGHT).values()) == {"correct"}
    wrong = {**RIGHT, "Yhat": [one * 1.0001 for one in OUT]}
    assert verdicts(wrong)["Yhat"] == "wrong"
    report = backprop.load(PROBLEM).check(wrong)
    assert "Yhat = sigmoid(Z2)" in report["Yhat"].message  # as a line of a program


@pytest.mark.parametrize("digits", [4, 9])
def test_a_wrong_figure_with_many_digits_stays_wrong(digits: int) -> None:
    typed = {id: rounded(value, digits) for id, value in RIGHT.items()}
    found = verdicts({**typed, "H1": rounded([H[0], 1 - H[1]], digits)})
    assert found["H1"] == "wrong"


def test_bare_json_is_read_in_the_same_way() -> None:
    desk = Desk(loaded(Source("p.yaml", PROBLEM.encode())).model)
    data = json.dumps({id: rounded(value, 8) for id, value in RIGHT.items()}).encode()
    found: Submission = desk.grade(data, "anna.json")
    assert [one.verdict for one in found.results if one.id in RIGHT] == ["correct"] * 5


# A matrix or a formula in a text, and what is given, written once more ----------------------------

STEP = """
x: [1, 0.5]
y: [1]
layers: [{weights: [[0.2, -0.4]], bias: [0.1]}]
loss: half-squared-error
update: {rule: sgd, learning_rate: 0.5}
"""
ERROR = 0.2 * 1 - 0.4 * 0.5 + 0.1 - 1
NEW = f"{0.2 - 0.5 * ERROR:.5f} {-0.4 - 0.25 * ERROR:.6f}"


def of_step(answers: Any) -> dict[str, tuple[str, str]]:
    found = backprop.load(STEP).check(answers).data["submissions"][0]["results"]
    return {one["id"]: (one["verdict"], one["message"]) for one in found}


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("file", [False, True])
def test_a_matrix_in_a_text_is_no_long_number(file: bool, wrapped: bool) -> None:
    """All its digits together are many; each of its numbers has few, or those of a calculator."""
    typed = {"W1_new": NEW, "L": f"({ERROR:.6f})^2 / 2"}
    if not file:
        assert {of_step(typed)[id][0] for id in typed} == {"correct"}
        return
    data = json.dumps({"answers": typed} if wrapped else typed).encode()
    found = Desk(loaded(Source("p.yaml", STEP.encode())).model).grade(data, "anna.json")
    assert [one.verdict for one in found.results if one.id in typed] == ["correct"] * 2


def test_a_given_written_once_more_is_right_where_it_is_the_same() -> None:
    found = of_step({"X": ["1.0", ".5"], "W1": "0.2 -0.4", "W1_new": NEW})
    assert {found[id][0] for id in ("X", "W1", "W1_new")} == {"correct"}


def test_a_given_with_other_numbers_is_told_to_be_given() -> None:
    report = backprop.load(STEP).check({"W1": "0.2 0.4", "Z1": ["0.5"]})
    assert report.first_wrong == "W1"
    assert report["W1"].message == "W1 is given, and its numbers in the problem are others"

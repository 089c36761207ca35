"""Verdicts on the sheets beside the problems, and the grader as it is sent to other processes."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from backprop_cli.grading.answers import read_sheet
from backprop_cli.grading.data import Result, Sheet
from backprop_cli.grading.grade import Grader
from backprop_cli.grading.quantities import Quantities
from backprop_cli.problem.load import Source
from backprop_cli.solving.load import loaded

PROBLEMS = Path(__file__).resolve().parent.parent / "problems"


def graded(problem: str, sheet: str) -> tuple[Grader, Sheet, dict[str, Result]]:
    model = loaded(Source(problem, (PROBLEMS / f"{problem}.yaml").read_bytes())).model
    grader = Grader(model)
    data = (PROBLEMS / "sheets" / problem / f"{sheet}.yaml").read_bytes()
    read = read_sheet(data, f"{sheet}.yaml", Quantities(grader.model, grader.plan))
    return grader, read, {result.id: result for result in grader.grade(read).results}


def test_the_published_softmax_exercise() -> None:
    _, _, results = graded("sigmoid-softmax", "published")
    verdicts = {id: result.verdict for id, result in results.items()}
    assert verdicts.pop("b2_new") == "wrong"
    assert verdicts.pop("L_new") == "carried"
    assert results["b2_new"].slips == ("learning-rate-omitted",)
    assert set(verdicts.values()) <= {"correct", "missing"}


@pytest.mark.parametrize(
    ("problem", "sheet"),
    [
        ("sigmoid-softmax", "right"),
        ("sigmoid-softmax", "rounded"),
        ("bias-first-row", "published"),
    ],
)
def test_what_is_on_these_sheets_is_right(problem: str, sheet: str) -> None:
    _, read, results = graded(problem, sheet)
    assert {results[id].verdict for id in results if results[id].mark} == {"correct"}, read


def test_a_pickled_grader_gives_the_same_submission() -> None:
    grader, read, _ = graded("sigmoid-softmax", "published")
    again: Grader = pickle.loads(pickle.dumps(grader))  # noqa: S301  # made one line above
    assert again.grade(read) == grader.grade(read)

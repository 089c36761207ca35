"""Sheets beside the problems, what is said of a sheet, and the grader in other processes."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from click.testing import CliRunner
from judged import read_sheet

import backprop_cli as backprop
from backprop_cli.cli import main
from backprop_cli.grading.grader import Grader
from backprop_cli.grading.report_data import Result, Sheet
from backprop_cli.problem.problem_file import Source
from backprop_cli.solving.loading import loaded

PROBLEMS = Path(__file__).resolve().parent.parent / "problems"


def graded(problem: str, sheet: str) -> tuple[Grader, Sheet, dict[str, Result]]:
    model = loaded(Source(problem, (PROBLEMS / f"{problem}.yaml").read_bytes())).model
    grader = Grader(model)
    data = (PROBLEMS / "sheets" / problem / f"{sheet}.yaml").read_bytes()
    read = read_sheet(data, f"{sheet}.yaml", grader.quantities())
    return grader, read, {result.id: result for result in grader.grade(read).results}


def test_the_published_softmax_exercise() -> None:
    _, _, results = graded("sigmoid-softmax", "published")
    verdicts = {id: result.verdict for id, result in results.items()}
    assert verdicts.pop("b2_new") == "wrong"
    assert verdicts.pop("L_new") == "imprecise"  # .1: it follows at the one digit there is
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
    found = {results[id].verdict: results[id].points for id in results if results[id].mark}
    assert set(found) <= {"correct", "imprecise"}, read  # some have two decimals
    assert set(found.values()) == {1.0}


def test_a_pickled_grader_gives_the_same_submission() -> None:
    grader, read, _ = graded("sigmoid-softmax", "published")
    again: Grader = pickle.loads(pickle.dumps(grader))  # noqa: S301  # made one line above
    assert again.grade(read) == grader.grade(read)


# What is said of a sheet --------------------------------------------------------------------------

HOMEWORK = PROBLEMS.parent / "examples" / "homework.yaml"


def report(tmp_path: Path, answers: str, *options: str) -> str:
    sheet = tmp_path / "sheet.yaml"
    sheet.write_text(f"answers: {{{answers}}}", encoding="utf-8")
    arguments = ["check", str(HOMEWORK), str(sheet), "--width", "100", *options]
    return CliRunner().invoke(main, arguments, prog_name="backprop").stdout


@pytest.mark.parametrize("options", [[], ["--ascii"]])
def test_formulas_stand_in_the_report_as_solve_prints_them(
    tmp_path: Path, options: list[str]
) -> None:
    solved = CliRunner().invoke(main, ["solve", str(HOMEWORK), "--width", "100", *options]).stdout
    lines = [line.strip() for line in solved.splitlines()]
    told = [line.split(maxsplit=1)[1] for line in report(tmp_path, "", *options).splitlines()
            if line.startswith("    formula")]  # fmt: skip
    assert len(told) == 8
    for formula in told:
        assert any(line == formula or line.startswith(f"{formula} =") for line in lines), formula


def test_where_to_start_and_what_else_is_wrong(tmp_path: Path) -> None:
    text = report(tmp_path, "Z1: [1, 2, 3], H1: [.731, .881, .953], Yhat: [.1, .2], L: 7.77")
    assert "Start with Z1: it is the first that went wrong. Yhat and L went wrong by them" in text
    assert "fits your own numbers" in text
    assert "follows from your Z1: repair that first, then this" in text


# Of sigmoid and softmax in NumPy: H1 = 0.8176 .5 0.7311, Yhat = 0.7405 0.2595, L = 1.3490.
FEW = "Z1: [1.5, 0, 1], H1: [.8, .5, .7], Yhat: [.7, .3], L: 1.3, dL/dZ2: [.7, -.7]"


def test_digits_too_few_to_tell_are_not_said_to_have_gone_wrong(tmp_path: Path) -> None:
    text = report(tmp_path, FEW)
    assert "Start with H1: it is right at its digits, but these are too few to tell" in text
    assert "too few digits to tell (line 1)" in text
    assert "too few to prove anything; at least 3 decimals are" in text
    assert "went wrong" not in text
    text = report(tmp_path, FEW.replace("H1: [.8", "H1: [.4"))
    assert "Start with H1: it is the first that went wrong." in text
    assert "dL/dW2 and" not in text.split("went wrong.")[0]


# x = (1, 2), z = 2.15 = dL/dz: W_new = (1.23, 0.46) - 0.001 (2.15, 4.3) = (1.22785, 0.4557)
STEP = """x: [1, 2]
y: [0]
layers: [{weights: [[1.23, 0.46]]}]
loss: half-squared-error
update: {rule: sgd, learning_rate: 0.001}
"""


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ("1.23, 0.456", "[1,1] too few digits to tell"),  # three significant digits of each
        ("1.23, 0.4557", "[1,1] wrong"),  # four of one: the other was left as it was
        ("1.24, 0.456", "[1,1] wrong"),  # it has moved, the wrong way
        ("1.230, 0.456", "[1,1] wrong"),  # the digits asked show that it stands still
        ("1.23, 0.46", "weights not updated"),
    ],
)
def test_what_seems_to_stand_still_is_told_from_what_was_left(weights: str, said: str) -> None:
    report = backprop.load(STEP).check({"dL/dW1": [[2.15, 4.3]], "W1_new": f"[[{weights}]]"})
    assert report["W1_new"].points < report["W1_new"].max_points
    assert said in report.render("text")


def test_a_sheet_on_which_nothing_is_wrong_says_what_it_lacks(tmp_path: Path) -> None:
    for name, answers in (("a", "Z1: [1.5, 0, 1]"), ("b", "Z1: [2.5, 0, 1]")):
        (tmp_path / f"{name}.yaml").write_text(f"answers: {{{answers}}}")
    table = CliRunner().invoke(main, ["check", str(HOMEWORK), str(tmp_path)]).stdout
    assert "2 sheets, 0 passed, 0.8 of 10 points on average" in table  # 1 and 2/3 of a point
    assert "nothing wrong, 7 missing" in table


@pytest.mark.parametrize(
    ("answers", "told", "untold"),
    [
        # dL/dZ2 is yhat - y = (.7405, -.7405)
        ("Yhat: [.741, .259], dL/dZ2: [-.741, .741]", "sign the wrong way round", "sign lost"),
        ("Z1: [1.5, 0, 1], H1: [1.5, 0, 1]", "activation left out", "copied"),
        ("Yhat: [.741, .259], dL/dZ2: [.741, .259]", "the values of Yhat.", "of another quantity."),
        ("Z1: [1.5, 0, 1], L: 1.3", "at least 3 decimals are asked", "formula    L"),
    ],
)
def test_what_is_said_of_a_quantity(tmp_path: Path, answers: str, told: str, untold: str) -> None:
    text = report(tmp_path, answers)
    assert told in text
    assert untold not in text


def test_an_interval_is_that_of_an_entry_which_is_right() -> None:
    """z = 3 e^x: 3 * 1.28 = 3.84 follows from e^.25 cut off, where 3.85 is right; 9 does not."""
    text = """values: {x: [0.5, 0.25]}
equations: [h = exp(x), z = 3*h, L = sum(z)]
ask: [h, z, "z[1]", "z[2]"]
grading: {precision: {decimals: 2}}
"""
    report = backprop.load(text).check({"h": "[1.65, 1.28]", "z": "[9, 3.84]"})
    assert report["z"].verdict == "wrong"
    assert str(report["z"].explanation).startswith("[2] 3.84 is right: with your h = 1.65 1.28, ")
    assert str(report["z[2]"].explanation).startswith("3.84 is right: ")
    assert report["z[1]"].explanation is None


def test_an_interval_is_explained_where_values_may_be_told(tmp_path: Path) -> None:
    """L = -ln .259 = 1.3509; cut off or rounded, .259 is [.2585, .26), and L in (1.347, 1.353]."""
    text = report(tmp_path, "Yhat: [.741, .259], L: 1.351", "--reveal", "value")
    assert (
        "1.351 is right: with your Yhat = 0.741 0.259, anything from 1.34707 to 1.35286 is" in text
    )

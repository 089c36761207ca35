"""`backprop lint`: what it finds, how equal findings are written, its exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from judged import read_sheet
from msgspec.structs import replace
from numpy.typing import NDArray

from backprop_cli.cli import main
from backprop_cli.grading.grader import Grader
from backprop_cli.grading.lint.unnoticed_slips import Finding
from backprop_cli.problem.problem_data import Digits
from backprop_cli.problem.problem_file import Source
from backprop_cli.report.lint_findings import lint_text
from backprop_cli.solving.loading import loaded
from backprop_cli.terminal.themes import Look

Array = NDArray[np.float64]

ROOT = Path(__file__).resolve().parent.parent

SQUARE = "weights: [[2, 1], [-1, 3]], bias: [0.5, -0.25]"
PLAIN = f"""x: [1, 2]
y: [0.3, -0.4]
layers:
  - {{{SQUARE}, activation: tanh}}
loss: half-squared-error
update: {{rule: sgd, learning_rate: 0.5}}
"""
QUIET = """x: [1, 2, 3]
y: [0.3]
layers: [{weights: [[0.2, -0.1, 0.3]], bias: [0.5], activation: identity}]
loss: half-squared-error
ask: [Z1]
"""


def lint(folder: Path, text: str, *options: str) -> Result:
    problem = folder / "problem.yaml"
    problem.write_text(text, encoding="utf-8")
    return CliRunner().invoke(main, ["lint", str(problem), *options], prog_name="backprop")


def findings(folder: Path, text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(lint(folder, text, "--format", "json").stdout)[
        "findings"
    ]
    return found


@pytest.mark.parametrize(
    ("kind", "id", "text"),
    [
        ("square", "W1", PLAIN),
        ("symmetric", "W1", PLAIN.replace("[[2, 1], [-1, 3]]", "[[2, 1], [1, 3]]")),
        ("relu", "Yhat", PLAIN.replace("tanh", "relu")),
        ("saturated", "Yhat", PLAIN),
        ("kink", "Yhat", PLAIN.replace("tanh", "relu").replace("0.5, -0.25", "-4, -0.25")),
        ("small", "W1_new", PLAIN.replace("rate: 0.5", "rate: 0.000001")),
        ("invisible", "Z1", PLAIN.replace("0.5, -0.25", "0, 0")),
        ("accepted", "Z1", PLAIN.replace("0.5, -0.25", "0.00001, 0.00001")),
    ],
)
def test_kinds(kind: str, id: str, text: str, tmp_path: Path) -> None:
    assert (kind, id) in {(found["kind"], found["id"]) for found in findings(tmp_path, text)}


@pytest.mark.parametrize(
    ("equation", "said", "count"),
    [
        ("L = sum(abs(a)) + sum(abs(b)) + 1", "{abs: 0}", 1),
        ("L = sum(abs(a)) + sum(relu(b))", "{abs: 0, relu: 0}", 2),
        ("L = sum(leaky_relu(a))", "{leaky-relu: 0}", 1),
        ("L = sum(step(a) * b)", "{step_at_zero: 1}", 1),
        ("L = sum(max(a, b + 1))", "{max: first}", 1),
        ("L = max(a + b)", "{max: shared}", 1),
        ("L = max(a) + sum(abs(b + 1))", "", 0),
    ],
)
def test_a_kink_is_told_once_and_not_where_the_problem_says_what_is_taken(
    equation: str, said: str, count: int, tmp_path: Path
) -> None:
    """There is a 0 in each; 1 in a and in b + 1 are equally large, and both entries of a + b."""
    text = f"values: {{a: [1, 0], b: [0, 1]}}\nequations: ['{equation}']\n"
    kinks = [each for each in findings(tmp_path, text) if each["kind"] == "kink"]
    assert len(kinks) == count
    stated = f"{text}convention: {{kinks: {said}}}\n" if said else text
    assert not [each for each in findings(tmp_path, stated) if each["kind"] == "kink"]


CONFUSED = """x: [2, -1]
y: [0.25]
layers: [{weights: [[0.5, -0.3]], bias: [0.1]}]
loss: half-squared-error
update: {rule: sgd, learning_rate: 0.02}
ask: [Z1, dL/dW1, W1_new]
grading: {precision: {decimals: 3}}
"""


def slips_in(folder: Path, text: str, answer: str) -> tuple[str, list[str]]:
    """The verdict of `check` on the new weights, and the slips that it names."""
    (folder / "problem.yaml").write_text(text, encoding="utf-8")
    (folder / "sheet.yaml").write_text(f"answers: {{Z1: [1.4], dL/dW1: [[2.3, -1.15]], {answer}}}")
    paths = [str(folder / "problem.yaml"), str(folder / "sheet.yaml")]
    done = CliRunner().invoke(main, ["check", *paths, "--format", "json", "--exit-zero"])
    (result,) = [r for r in json.loads(done.stdout)["submissions"][0]["results"] if r["points"] != 1
                 or r["id"] == "W1_new"]  # fmt: skip
    return result["verdict"], [slip for slip in result["slips"] if slip != "copied"]


def test_what_is_confused_is_told_apart_at_the_precision_proposed(tmp_path: Path) -> None:
    """By hand: z = 1.4, so the gradient is 1.15 (2, -1), and W_new = W - 0.02 (2.3, -1.15).

    With the rate used twice W - 0.0004 (2.3, -1.15) = (0.49908, -0.29954). At three decimals that
    is (0.499, -0.3), which nobody takes for (0.5, -0.3): it is told apart from the old weights.
    """
    assert "confused" not in {found["kind"] for found in findings(tmp_path, CONFUSED)}
    slower = CONFUSED.replace("0.02", "0.01")  # twice: (0.49977, -0.29989)
    (found,) = [found for found in findings(tmp_path, slower) if found["kind"] == "confused"]
    assert (found["id"], set(found["slips"]), found["decimals"]) == (
        "W1_new", {"learning-rate-twice", "weights-not-updated"}, 4
    )  # fmt: skip
    # at three decimals both are (0.5, -0.3); at four (0.4998, -0.2999) and (0.5, -0.3)
    both = {"learning-rate-twice", "weights-not-updated"}
    verdict, slips = slips_in(tmp_path, slower, "W1_new: [[0.500, -0.300]]")
    assert (verdict, set(slips)) == ("wrong", both)
    finer = slower.replace("decimals: 3", "decimals: 4")
    assert slips_in(tmp_path, finer, "W1_new: [[0.4998, -0.2999]]") == (
        "wrong",
        ["learning-rate-twice"],
    )
    assert slips_in(tmp_path, finer, "W1_new: [[0.5000, -0.3000]]") == (
        "wrong",
        ["weights-not-updated"],
    )


def test_what_is_accepted_is_marked_right_and_not_at_the_precision_proposed(tmp_path: Path) -> None:
    """By hand: the new weights are W - 0.0002 (2.3, -1.15) = (0.49954, -0.29977)."""
    slow = CONFUSED.replace("0.02", "0.0002")
    accepted = [found for found in findings(tmp_path, slow) if found["kind"] == "accepted"]
    kept = [found for found in accepted if "weights-not-updated" in found["slips"]]
    assert [(found["id"], found["decimals"]) for found in kept] == [("W1_new", 4)]
    assert slips_in(tmp_path, slow, "W1_new: [[0.500, -0.300]]")[0] == "correct"
    finer = slow.replace("decimals: 3", "decimals: 4")
    assert slips_in(tmp_path, finer, "W1_new: [[0.5000, -0.3000]]")[0] == "wrong"


@pytest.mark.parametrize("name", ["three-layers", "batch-columns", "xor-training"])
def test_check_agrees_with_what_lint_says_would_be_marked_right(name: str, tmp_path: Path) -> None:
    """Each slip on a sheet that is right otherwise, at the precision asked and at that proposed."""
    text = (ROOT / "problems" / f"{name}.yaml").read_text(encoding="utf-8")
    asked = json.loads(lint(tmp_path, text, "--format", "json").stdout)["findings"]
    unit = grader_at(text, None).key.unit
    accepted = {
        (f["id"], slip): f["decimals"]
        for f in asked
        if f["kind"] == "accepted"
        for slip in f["slips"]
    }
    here = grader_at(text, unit.count)
    for quantity in {question.name for question in here.questions}:
        mistaken = here.mistaken(quantity)
        for slip, value in zip(mistaken.ids, mistaken.values, strict=True):
            if verdict_on(here, quantity, value, unit.count) == "correct":
                assert (quantity, slip) in accepted
    for (quantity, slip), decimals in accepted.items():
        finer = grader_at(text, decimals)
        mistaken = finer.mistaken(quantity)
        assert decimals is not None
        for id, value in zip(mistaken.ids, mistaken.values, strict=True):
            if id == slip:
                assert verdict_on(finer, quantity, value, decimals) != "correct"


def grader_at(text: str, decimals: int | None) -> Grader:
    """The grader of a problem that asks for so many decimals."""
    model = loaded(Source("problem.yaml", text.encode())).model
    if decimals is None:
        return Grader(model)
    grading = replace(model.problem.grading, precision=Digits(decimals))
    return Grader(replace(model, problem=replace(model.problem, grading=grading)))


def verdict_on(grader: Grader, quantity: str, value: Array, decimals: int) -> str:
    """The verdict on one slip, on a sheet with right values everywhere else."""
    truth = {name: grader.key.truth[name] for name in {q.name for q in grader.questions}}
    values = {**truth, quantity: value}
    answers = {name: np.round(value, decimals).tolist() for name, value in values.items()}
    known = grader.quantities()
    sheet = read_sheet(json.dumps({"answers": answers}).encode(), "sheet.json", known)
    (result,) = [result for result in grader.grade(sheet).results if result.id == quantity]
    return result.verdict


@pytest.mark.parametrize(
    ("id", "slip", "text"),
    [
        # (y - z)^2 is (z - y)^2, and a softmax's Jacobian is symmetric, whatever the numbers
        ("L", "targets-swapped", PLAIN),
        ("dL/dZ1", "transpose-omitted", PLAIN.replace("tanh", "softmax")),
        ("W1_new", "state-ignored", PLAIN.replace("rule: sgd", "rule: momentum")),
    ],
)
def test_what_no_numbers_could_tell_is_apart(id: str, slip: str, text: str, tmp_path: Path) -> None:
    found = [f for f in findings(tmp_path, text) if f["id"] == id and slip in f["slips"]]
    assert [f["kind"] for f in found] == ["equivalent"]


def test_what_no_numbers_could_tell_is_no_reason_to_fail(tmp_path: Path) -> None:
    done = lint(tmp_path, QUIET.replace("ask: [Z1]", "ask: [L]"))
    assert (done.exit_code, "Nothing found" in done.stdout) == (0, True), done.output
    assert "L  target and prediction exchanged changes nothing" in done.stdout


def test_exit_codes(tmp_path: Path) -> None:
    quiet = lint(tmp_path, QUIET)
    assert (quiet.exit_code, "Nothing found" in quiet.stdout) == (0, True), quiet.output
    assert lint(tmp_path, PLAIN).exit_code == 1
    assert lint(tmp_path, "layers: [").exit_code == 2


def test_equal_findings_are_one_line() -> None:
    found = [Finding("square", name, "square", "other sizes") for name in ("W1", "W2")]
    assert "  W1, W2  square -> other sizes\n" in lint_text(found, "3 decimals", Look())


def test_a_known_exercise_fits_a_screen() -> None:
    problem = ROOT / "problems" / "sigmoid-softmax.yaml"
    done = CliRunner(env={"COLUMNS": "80"}).invoke(main, ["lint", str(problem)])
    lines = done.stdout.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80


def test_precision_is_that_of_the_numbers_shown(tmp_path: Path) -> None:
    text = PLAIN.replace("rate: 0.5", "rate: 0.003")
    few, many = (lint(tmp_path, text, "--precision", n).stdout for n in ("3", "8"))
    assert few != many


def test_help_ends_in_an_example_of_its_own() -> None:
    shown = CliRunner().invoke(main, ["lint", "--help"], prog_name="backprop").stdout
    assert shown.rstrip().splitlines()[-1].strip().startswith("backprop lint problems/")


def test_what_is_given_and_used_nowhere_is_told(tmp_path: Path) -> None:
    text = (
        "values: {h_0: 0.1, w: 0.5, u: 0.3, x_1: 1, x_2: 2}\n"
        "equations: ['for t in 1..2: h_t = w * h_{t-1} + u * x_1', 'L = h_2^2']\n"
    )
    found = [f["id"] for f in findings(tmp_path, text) if f["kind"] == "unused"]
    assert found == ["x_2"]
    meant = text.replace("u * x_1", "u * x_t")
    assert not [f for f in findings(tmp_path, meant) if f["kind"] == "unused"]

"""What wrong values that several wrote might be: the mistakes are worked out in plain NumPy."""

from __future__ import annotations

import csv
import io
import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from classes import grader_of, right_answers, sheet, typed
from click.testing import CliRunner
from numpy.typing import NDArray
from test_class_check import PROBLEM

from backprop_cli.classroom.might_be import Guesser, SharedValues
from backprop_cli.classroom.variants import Varied
from backprop_cli.cli import main
from backprop_cli.grading.report_data import Shared
from backprop_cli.grading.summary import Count
from backprop_cli.problem.problem_file import Source
from backprop_cli.solving.loading import loaded

Array = NDArray[np.float64]
NAMES = ("H1", "dL/dW2", "dL/dZ1", "dL/dW1")
FORMS = ("text", "markdown", "html", "json", "csv")
SHARE = "5/7 times the right value"
TWO = "derivative taken at the wrong place and sign the wrong way round"


def wrong_values(text: str) -> dict[str, tuple[Array, str]]:
    """By quantity: what somebody wrote, in NumPy from what the file gives, and what it is."""
    given = grader_of(text).key.truth
    X, Y, W1, b1, W2, b2 = (np.asarray(given[name]) for name in ("X", "Y", "W1", "b1", "W2", "b2"))
    Z1 = W1 @ X + b1
    H1 = np.tanh(Z1)
    error = W2 @ H1 + b2 - Y
    return {
        "H1": (H1 + b1, "H1 + b1"),
        "dL/dW2": (5 / 7 * np.outer(error, H1), SHARE),
        "dL/dZ1": (-(W2.T @ error) * (1 - Z1**2), TWO),
        "dL/dW1": (np.outer(Z1, X) - W1, "nothing that is tried"),
    }


def written(value: Array, decimals: int = 4) -> str:
    return " ".join(f"{number:.{decimals}f}" for number in np.ravel(value))


def counted(text: str, times: int, student: str = "anna") -> Count:
    others = {f"{student} {number}": student for number in range(times)}
    return Count(writers={text: others})


@cache
def variants() -> dict[str, str]:
    varied = Varied(loaded(Source("p.yaml", PROBLEM.encode())))
    return {f"s{n}": varied.variant(f"s{n}", 1).text for n in range(4)}


@pytest.mark.parametrize("name", NAMES)
def test_what_several_wrote_is_told(name: str) -> None:
    grader = grader_of(PROBLEM)
    value, words = wrong_values(PROBLEM)[name]
    text = written(value)
    found = SharedValues(lambda _: grader)(name, counted(text, 3))
    assert found == (Shared(text, 3, "" if words.startswith("nothing") else words),)


@pytest.mark.parametrize("name", NAMES)
def test_right_or_other_values_are_nothing(name: str) -> None:
    """Neither the right value, nor drawn ones of its size: of 50 none is taken for something."""
    grader, rng = grader_of(PROBLEM), np.random.default_rng(3)
    guesser, truth = Guesser(grader), grader.key.truth[name]
    assert not list(guesser.guesses(name, written(truth)))
    for _ in range(50):
        drawn = rng.normal(0, np.abs(truth).max(), truth.shape)
        found = guesser.guesses(name, written(drawn))
        assert not [one for one in found if one.digits >= one.needed]


def test_few_figures_prove_nothing() -> None:
    grader = grader_of(PROBLEM)
    text = written(5 / 7 * grader.key.truth["L"], 2)
    assert SharedValues(lambda _: grader)("L", counted(text, 3)) == (Shared(text, 3),)


def test_the_figures_of_several_prove_it_together() -> None:
    """5/7 of a loss at two decimals: alone it proves nothing, in the numbers of four it does."""
    graders = {student: grader_of(text) for student, text in variants().items()}
    values = {s: written(5 / 7 * one.key.truth["L"], 2) for s, one in graders.items()}
    writers: dict[str, dict[str, str]] = {}
    for student, text in values.items():
        writers.setdefault(text, {})[student] = student
    count = Count(writers=writers)
    assert SharedValues(graders.__getitem__)("L", count) == (Shared("", 4, SHARE),)
    alone = counted(values["s0"], 2, "s0")
    assert SharedValues(graders.__getitem__)("L", alone) == (Shared(values["s0"], 2),)


@pytest.mark.parametrize(
    ("names", "writers"),
    [
        ({"a.yaml": "anna", "b.yaml": "anna"}, 0),
        ({"a.yaml": "anna", "b.yaml": "anna", "c.yaml": "ben"}, 2),
        ({"1/s.yaml": "", "2/s.yaml": ""}, 2),
    ],
    ids=["one student twice", "two of three sheets", "two without a name"],
)
def test_students_are_counted_and_no_sheets(
    tmp_path: Path, names: dict[str, str], writers: int
) -> None:
    (tmp_path / "p.yaml").write_text(PROBLEM)
    answers = right_answers(grader_of(PROBLEM), 4)
    answers["dL/dW2"] = typed(0.4321 * wrong_values(PROBLEM)["dL/dW2"][0], 4)
    for name, student in names.items():
        file = tmp_path / "in" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        signed = f"student: {student}\n" if student else ""
        file.write_text(signed + sheet(answers))
    words = ["check", str(tmp_path / "p.yaml"), str(tmp_path / "in"), "--format", "json"]
    summary = json.loads(CliRunner().invoke(main, words).stdout)["summary"]
    found = [one for one in summary["quantities"] if one["id"] == "dL/dW2"]
    counts = [each["students"] for one in found for each in one["unexplained"]]
    assert counts == ([writers] if writers else [])


@pytest.mark.parametrize("own", [False, True], ids=["one problem", "own numbers"])
def test_the_report_of_a_class_tells_it(tmp_path: Path, own: bool) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "problems").mkdir()
    (tmp_path / "list.csv").write_text("\n".join(["student", *variants(), "zoe", ""]))
    for student, varied in [*variants().items(), ("zoe", PROBLEM)]:
        text = varied if own else PROBLEM
        (tmp_path / "problems" / f"{student}.yaml").write_text(text)
        answers = right_answers(grader_of(text), 4)
        answers["dL/dW2"] = typed(wrong_values(text)["dL/dW2"][0], 4)
        if student != "zoe":
            (tmp_path / "in" / f"{student}.yaml").write_text(sheet(answers))
    (tmp_path / "in" / "solution.pdf").write_text("%PDF")
    words = ["check", str(tmp_path / "problems"), str(tmp_path / "in")]
    words += ["--roster", str(tmp_path / "list.csv"), "--width", "120", "--format"]
    found = {form: CliRunner().invoke(main, [*words, form]).stdout for form in FORMS}
    for form in ("text", "markdown", "html"):
        assert SHARE in " ".join(found[form].split())
        table = found[form].partition("hardest first")[2]
        assert table.index("dL/dW2") < table.index("Z1")
    summary = json.loads(found["json"])["summary"]
    (tally,) = [one for one in summary["quantities"] if one["id"] == "dL/dW2"]
    (unexplained,) = tally["unexplained"]
    assert (unexplained["students"], unexplained["perhaps"]) == (4, SHARE)
    assert (unexplained["written"] is None) == own
    notes = [(one["kind"], one["student"], len(one["files"])) for one in summary["notes"]]
    assert notes == [("not-read", None, 1), ("no-sheet", "zoe", 0)]
    rows = list(csv.DictReader(io.StringIO(found["csv"])))[-2:]
    assert [(row["student"], row["verdict"]) for row in rows] == [
        ("", "not-read"), ("zoe", "no-sheet")
    ]  # fmt: skip

"""Arrays of a program that are right: how near they have to be, and what is not done for them."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import yaml
from seeded_bugs.programs import ROWS

import backprop_cli as backprop
from backprop_cli.grading.grader import Desk
from backprop_cli.grading.report_data import Submission
from backprop_cli.grading.sheets.array_sheet import float_type
from backprop_cli.problem.problem_file import Source
from backprop_cli.solving.loading import loaded

Arrays = dict[str, Any]


@cache
def desk(rtol: float | None = None) -> Desk:
    grading = {} if rtol is None else {"grading": {"rtol": rtol}}
    text = yaml.safe_dump(ROWS.problem | grading)
    return Desk(loaded(Source("problem.yaml", text.encode())).model)


def right(kind: str = "float64") -> Arrays:
    return ROWS.run(ROWS.source, kind)


def verdicts(submission: Submission) -> dict[str, str]:
    return {result.id: result.verdict for result in submission.results}


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize(
    ("part", "verdict"), [(0.99e-3, "correct"), (1.01e-3, "wrong"), (1.9e-3, "wrong")]
)
def test_the_tolerance_is_as_wide_on_both_sides(
    part: float, verdict: str, side: int, alone: bool
) -> None:
    """A program cuts nothing off: what is short of the right number has no more room."""
    v = right()
    off = v["dW1"].copy()
    off[0, 0] += side * np.sign(off[0, 0]) * part * np.abs(off).max()
    answers = {"dW1": off} if alone else v | {"dW1": off}
    graded = desk(0.001).grade_numbers(answers, "mine.npz")
    assert verdicts(graded)["dL/dW1"] == verdict


def test_no_slip_is_looked_for_where_every_array_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise AssertionError

    for kind in ("float64", "float32"):
        with monkeypatch.context() as patched:
            patched.setattr("backprop_cli.grading.graded.Judge", none)
            patched.setattr("backprop_cli.grading.causes.ProgramDetector", none)
            assert set(verdicts(desk().grade_numbers(right(kind), "mine.npz")).values()) == {
                "correct"
            }


@pytest.mark.parametrize(("units", "listed"), [(100, 100), (101, 0)])
def test_entries_of_a_large_array_are_listed_where_they_are_wrong(units: int, listed: int) -> None:
    random = np.random.default_rng(1)
    weights = random.uniform(-1, 1, (units, 2))
    problem = backprop.load(
        {"x": [0.5, -1], "layers": [{"weights": weights, "bias": np.zeros(units)}]}
    )
    value = weights @ [0.5, -1]
    (graded,) = problem.check({"Z1": value})
    assert (graded.verdict, len(graded.entries)) == ("correct", listed)
    value[7] += 1
    (graded,) = problem.check({"Z1": value})
    assert [e.index for e in graded.entries if e.verdict == "wrong"] == [(8,)]


@pytest.mark.parametrize("end", ["<", ">"])
def test_the_order_of_bytes_is_none_of_the_type(end: str) -> None:
    v = right("float32")
    found = {name: one.astype(f"{end}f4") for name, one in v.items()}
    assert float_type(found, None).name == "float32"
    assert set(verdicts(desk().grade_numbers(found, "mine.npz")).values()) == {"correct"}
    widened = {"dW1": v["dW1"].astype(f"{end}f8")}
    assert float_type(widened, None).name == "float32"


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize(("times", "verdict"), [(0.0, "correct"), (1e3, "wrong")])
def test_what_a_type_cannot_hold_is_0_in_it(kind: str, times: float, verdict: str) -> None:
    """1/(1 + e⁻ᶻ) where e⁻ᶻ is beyond the largest number, and a number that the type does hold."""
    largest = float(np.finfo(kind).max)
    z = -1.01 * np.log(largest)  # e⁻ᶻ is inf in this type, and the true value no 0
    text = {"values": {"w": z, "x": 1}, "equations": ["z = w * x", "p = sigmoid(z)", "L = p"]}
    problem = backprop.load(text)
    number = np.dtype(kind).type
    report = problem.check({"z": number(z), "p": number(times / largest)})
    assert report["p"].verdict == verdict


def test_a_number_taken_off_one_within_a_line_has_lost_the_digits_that_it_had() -> None:
    """In float32 the logarithm of 1 - p is a few digits, where p is next to nothing."""
    s = np.array([-14.2, -13.8, -15.1])
    lines = ["p = sigmoid(s)", "L = -mean(log(1 - p))"]
    problem = backprop.load({"values": {"s": s}, "equations": lines})
    p = (1 / (1 + np.exp(-s.astype("float32")))).astype("float32")
    loss = -np.log(np.float32(1) - p).mean(dtype="float32")
    exact = np.log1p(np.exp(s)).mean()
    assert abs(loss / exact - 1) > 1e-3  # far more than the roundings of float32 are elsewhere
    report = problem.check({"p": p, "L": loss})
    assert {one.verdict for one in report} == {"correct"}
    for part, verdict in ((1.04, "correct"), (1.07, "wrong"), (0.93, "wrong"), (2, "wrong")):
        report = problem.check({"p": p, "L": np.float32(part * exact)})
        assert report["L"].verdict == verdict
    double = problem.check({"p": 1 / (1 + np.exp(-s)), "L": np.float64(1.0001 * exact)})
    assert double["L"].verdict == "wrong"


def test_a_gradient_that_adds_up_to_nothing_is_nothing_but_roundings() -> None:
    """Behind p = 1 and p = 0 the ways back by y/p have no value, and ∂L/∂z = (p − y)/n has one."""
    x, w = np.repeat([1.0, -1.0], 13)[:, None], np.array([[0.7, -0.3]])
    last, y = np.array([[400.0], [-900.0]]), (x < 0).astype(float)
    layers = [
        {"weights": w, "bias": [0, 0]},
        {"weights": last, "bias": [0], "activation": "sigmoid"},
    ]
    text = {"convention": {"affine": "x W + b"}, "x": x, "y": y, "layers": layers}
    problem = backprop.load(text | {"loss": "binary-cross-entropy"})
    v = {
        name: one.astype("float32") for name, one in (("x", x), ("w", w), ("last", last), ("y", y))
    }
    z = v["x"] @ v["w"] @ v["last"]
    with np.errstate(over="ignore"):
        dz2 = (1 / (1 + np.exp(-z)) - v["y"]) / np.float32(26)
    dz1 = dz2 @ v["last"].T
    db1 = dz1.sum(axis=0)
    assert db1.any()
    assert not dz1.astype(float).sum(axis=0).any()
    assert problem.check({"dZ1": dz1, "db1": db1}).passed
    assert problem.check({"dZ1": dz1, "db1": db1 + np.float32(0.001)})["db1"].verdict == "wrong"


def test_a_name_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {f"cache/{name}": value for name, value in right().items()}
    first = desk().grade_numbers(answers, "mine.npz")

    def fail(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("backprop_cli.grading.program_names._meant", fail)
    assert verdicts(desk().grade_numbers(answers, "yours.npz")) == verdicts(first)
    with pytest.raises(AssertionError):
        desk().grade_numbers({"another name": 1.0}, "others.npz")

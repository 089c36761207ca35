"""The work that one sheet takes: an end to it that makes nothing wrong, and no way tried twice."""

from __future__ import annotations

import re
from functools import cache
from itertools import chain, cycle
from pathlib import Path
from shutil import copyfile
from typing import Any, NamedTuple

import numpy as np
import pytest
from click.testing import CliRunner
from oracles.operations import Example, examples, point

import backprop_cli
from backprop_cli.algebra.expr import Expr, Sym, in_order, op
from backprop_cli.cli import main
from backprop_cli.cli.arguments import announced, load
from backprop_cli.grading.grader import Desk, Grader
from backprop_cli.grading.judging.calculators import Calculator
from backprop_cli.grading.judging.honest_intervals import _BOUNDED, Ways
from backprop_cli.grading.judging.judge import Judge
from backprop_cli.grading.lint.findings import lint
from backprop_cli.grading.report_data import Submission
from backprop_cli.operations import bounds
from backprop_cli.operations.bounds import Interval
from backprop_cli.problem.model import Model
from backprop_cli.readings.intervals import Used, apart, enclosure
from backprop_cli.readings.units import Rounding, Unit, WithProducts, persons

PROBLEM = Path(__file__).parents[1] / "problems" / "recurrent.yaml"
UNITS = (Unit(3), Unit(2), Unit(3, True))
HALF_THE_ROOM = 1  # of two units beside the range, in which a number may still be typed
ENOUGH = 10_000_000
LIMITS = (20_000, 60_000, 150_000)

# Ways of rounding ---------------------------------------------------------------------------------


def within(node: Expr) -> list[Expr]:
    """An operation alone, and as a step of a longer formula."""
    return [node, op("add", op("mul", Sym("q"), node), Sym("q"))]


def added_up(node: Expr) -> list[Expr]:
    """Its entries added up, and as many products of it."""
    return [
        op("mul", Sym("q"), op(name, one))
        for name in ("sum", "mean")
        for one in (node, op("mul", Sym("q"), node))
    ]


def values(example: Example) -> dict[str, Interval]:
    drawn = {name: np.asarray(one, dtype=float) for name, one in point(example, 3).items()}
    drawn["q"] = np.asarray(0.73)
    return {name: (one, one) for name, one in drawn.items()}


@pytest.mark.parametrize(("number", "example"), list(enumerate(examples())), ids=str)
def test_ways_that_are_left_out_give_what_others_give(number: int, example: Example) -> None:
    names = values(example)
    for place, expr in enumerate(within(example.node), number):
        ways = persons(UNITS[place % len(UNITS)])
        kept = list(apart(ways, Used.of([expr])))

        def found(way: Rounding, expr: Expr = expr) -> bytes:
            return enclosure(expr, names.__getitem__, way.inside)[0].tobytes()

        assert {*map(found, kept)} == {*map(found, ways)}, expr


def test_ways_that_differ_nowhere_are_one() -> None:
    used = Used.of([op("outer", Sym("a"), Sym("b"))])
    assert len(list(apart(persons(Unit(3)), used))) == 6 < len(persons(Unit(3)))


@pytest.mark.parametrize("example", list(examples()), ids=str)
def test_the_widest_range_holds_every_way(example: Example) -> None:
    names = values(example)
    formulas = (*within(example.node), *added_up(example.node))
    for expr, unit in zip(formulas, cycle(UNITS), strict=False):
        if not in_order(expr).operations <= _BOUNDED:
            continue
        widest = WithProducts(unit.count, unit.significant)
        low, high = enclosure(expr, names.__getitem__, widest, lambda _: True)
        for way in persons(unit):
            value = enclosure(expr, names.__getitem__, way.inside)[0]
            with np.errstate(invalid="ignore"):  # a mask is -inf
                beyond = np.maximum(low - value, value - high) / unit.at(value)
            assert not (beyond > HALF_THE_ROOM).any(), (str(expr)[:200], way)


BLOCKS = {
    (4, 2): op("contracted", Sym("a"), Sym("g"), by=(2, 2)),
    (2, 4): op("contracted", Sym("a"), Sym("g"), by=(2, 2), layout="denominator"),
    (): op("assembled", Sym("g"), op("mul", Sym("q"), Sym("g")), of=(2,), by=(2,)),
}


@pytest.mark.parametrize("shape", BLOCKS)
def test_it_holds_what_only_grading_writes_too(shape: tuple[int, ...]) -> None:
    """A gradient through a written Jacobian, and a Jacobian of the gradients of its rows."""
    rng = np.random.default_rng(8)
    node, shapes = BLOCKS[shape], {"a": shape, "g": (2,), "q": ()}
    names = {name: bounds.point(rng.normal(size=shape)) for name, shape in shapes.items()}
    for unit in UNITS:
        widest = WithProducts(unit.count, unit.significant)
        for expr in (node, *added_up(node)):
            assert in_order(expr).operations <= _BOUNDED
            low, high = enclosure(expr, names.__getitem__, widest, lambda _: True)
            for way in persons(unit):
                value = enclosure(expr, names.__getitem__, way.inside)[0]
                beyond = np.maximum(low - value, value - high) / unit.at(value)
                assert not (beyond > HALF_THE_ROOM).any(), way


def test_what_is_not_tried_would_have_explained_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model = load(PROBLEM.with_name("sigmoid-softmax.yaml")).model
    grader = Grader(model, ENOUGH)
    sheets = [typed(grader, *one) for one in ((2, 0), (3, 0.002), (3, 0.3))]
    found = [Desk(model, most_work=ENOUGH).grade(sheet, "s.yaml") for sheet in sheets]
    monkeypatch.setattr(Ways, "_in_range", lambda self, reading, expr, where, *_: where)
    assert [Desk(model, most_work=ENOUGH).grade(sheet, "s.yaml") for sheet in sheets] == found


def test_ways_by_other_formulas_are_left_where_their_range_does_not_hold_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A doubled gradient behind thirteen steps that nobody wrote: a dozen formulas for each."""
    model = load(PROBLEM.parent / "time" / "lstm.yaml").model
    grader = Grader(model, ENOUGH)
    right = typed(grader, 4, 0).decode()
    value = np.round(2 * grader.truth["dL/dW1_f"], 4).tolist()
    sheet = re.sub(r"dL/dW1_f: .*", f"dL/dW1_f: {value}", right).encode()
    few = _tried(monkeypatch, model, sheet)
    in_range = Ways._in_range  # noqa: SLF001  # is asked about other formulas by their number

    def not_looked_at(self: Ways, *args: Any) -> Any:
        return args[2] if any(args[6:]) else in_range(self, *args)

    monkeypatch.setattr(Ways, "_in_range", not_looked_at)
    every = _tried(monkeypatch, model, sheet)
    assert few.submission == every.submission
    assert few.submission.first_wrong == "dL/dW1_f"
    assert few.spent == every.spent  # what is left counts, so that a sheet ends at the same place
    assert 0 < few.calls < every.calls / 2


class Tried(NamedTuple):
    """What became of a sheet, in how many formulas somebody's way was tried, and what it took."""

    submission: Submission
    calls: int
    spent: list[float]


def _tried(monkeypatch: pytest.MonkeyPatch, model: Model, sheet: bytes) -> Tried:
    judges: list[Judge] = []
    calls = 0
    begun, enclosed = Judge.__init__, Calculator.enclosed

    def noticed(self: Judge, *args: Any) -> None:
        begun(self, *args)
        judges.append(self)

    def tried(self: Calculator, *args: Any) -> Interval:
        nonlocal calls
        calls += 1
        return enclosed(self, *args)

    with monkeypatch.context() as patched:
        patched.setattr(Judge, "__init__", noticed)
        patched.setattr(Calculator, "enclosed", tried)
        found = Desk(model, most_work=ENOUGH).grade(sheet, "s.yaml")
    return Tried(found, calls, [judge.effort.spent for judge in judges])


# The end of it ------------------------------------------------------------------------------------


@cache
def desk(most: int) -> Desk:
    return Desk(load(PROBLEM).model, most_work=most)


def typed(grader: Grader, decimals: int, noise: float) -> bytes:
    """Everything, to so many decimals; with noise, garbage of about the right size."""
    rng = np.random.default_rng(5)
    lines = ["answers:"]
    for id in grader.key.asked:
        value = grader.truth[id] + noise * rng.normal(size=grader.truth[id].shape)
        text = np.array2string(
            value, separator=", ", threshold=10**6, formatter={"float": f"{{:.{decimals}f}}".format}
        )
        lines.append(f"  {id}: {text.replace(chr(10), '')}")
    return "\n".join(lines).encode()


GRADER = Grader(load(PROBLEM).model, ENOUGH)
SHEETS = {
    "short": typed(GRADER, 2, 0),
    "right": typed(GRADER, 4, 0),
    "garbage": typed(GRADER, 3, 0.05),
}


def verdicts(found: Submission) -> dict[str, tuple[str, ...]]:
    assert (found.fault, found.error) == (None, None)
    return {one.id: tuple(entry.verdict for entry in one.entries) for one in found.results}


@pytest.mark.parametrize("name", SHEETS)
@pytest.mark.parametrize("most", LIMITS)
def test_a_limit_makes_nothing_wrong_and_nothing_right(name: str, most: int) -> None:
    free, cut = (desk(one).grade(SHEETS[name], "s.yaml") for one in (ENOUGH, most))
    best = ("correct", "carried", "imprecise")
    for id, found in verdicts(cut).items():
        for one, without in zip(found, verdicts(free)[id], strict=True):
            assert one != "wrong" or without == "wrong"
            assert one not in best or without in best
    assert cut.score <= free.score + 1e-9
    left = [one for one in cut.results if "--max-work" in one.message]
    assert {one.verdict for one in left} <= {"not-judged", "wrong"}
    assert not any(one.slips or one.origin for one in left)


def test_a_short_sheet_is_cut_and_a_right_one_is_not() -> None:
    short = desk(LIMITS[0]).grade(SHEETS["short"], "s.yaml")
    assert any(f"--max-work {10 * LIMITS[0]}" in one.message for one in short.results)
    right = desk(LIMITS[0]).grade(SHEETS["right"], "s.yaml")
    assert {*chain(*verdicts(right).values())} == {"correct"}


def test_it_ends_at_the_same_place_whatever_was_graded_before() -> None:
    first = {name: desk(LIMITS[1]).grade(SHEETS[name], "s.yaml") for name in SHEETS}
    other = Desk(load(PROBLEM).model, most_work=LIMITS[1])
    assert {name: other.grade(SHEETS[name], "s.yaml") for name in reversed(SHEETS)} == first


def test_lint_says_what_it_did_not_look_at() -> None:
    model = load(PROBLEM).model
    little, enough = (lint(Grader(model, most)) for most in (LIMITS[0], ENOUGH))
    left = [one for one in little if one.kind == "left"]
    assert left
    assert {one.advice for one in left} == {f"--max-work {10 * LIMITS[0]}"}
    assert not [one for one in enough if one.kind == "left"]
    found = {(one.kind, one.id, one.slips) for one in little if one.kind != "left"}
    assert found <= {(one.kind, one.id, one.slips) for one in enough}


def test_lint_looks_at_every_mistake_before_it_asks_what_would_help() -> None:
    """Else what is found depends on advice: a variant seemed to hide what its original does not."""
    model = load(PROBLEM).model
    some, enough = (lint(Grader(model, most)) for most in (100_000, ENOUGH))
    assert [(one.kind, one.id, one.slips) for one in some] == [
        (one.kind, one.id, one.slips) for one in enough
    ]
    waits = [one for one in some if one.advice and "--max-work" in one.advice]
    assert waits
    assert {one.kind for one in waits} == {"accepted"}


@pytest.mark.parametrize(
    ("name", "told"), [("time/gru", True), ("attention/block", True), ("three-layers", False)]
)
def test_what_takes_seconds_is_announced(
    name: str, told: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before it begins, for commands that judge the same formulas again and again."""
    announced(load(PROBLEM.parent / f"{name}.yaml"), "drawing numbers")
    said = "drawing numbers: the formulas are long, and it may take some seconds\n"
    assert capsys.readouterr().err == (said if told else "")


@pytest.mark.parametrize(("name", "told"), [("time/lstm", True), ("sigmoid-softmax", False)])
def test_linting_what_takes_seconds_is_announced(name: str, told: bool) -> None:
    words = ["lint", str(PROBLEM.parent / f"{name}.yaml"), "--max-work", "200000"]
    done = CliRunner().invoke(main, words)
    assert ("trying mistakes: the formulas are long" in done.stderr) == told


@pytest.mark.parametrize(("name", "told"), [("time/gru", True), ("sigmoid-softmax", False)])
def test_grading_what_takes_seconds_is_announced(name: str, told: bool, tmp_path: Path) -> None:
    """Of one sheet, and of a class where everyone has numbers of their own."""
    sheet = tmp_path / "sheet.yaml"
    sheet.write_text("answers: {L: 1}\n", encoding="utf-8")
    problem = PROBLEM.parent / f"{name}.yaml"
    own = tmp_path / "own"
    own.mkdir()
    copyfile(problem, own / "sheet.yaml")
    for given in (problem, own):
        done = CliRunner().invoke(main, ["check", str(given), str(sheet)])
        assert (done.exit_code, "grading: the formulas are long" in done.stderr) == (1, told)


def test_the_search_for_slips_counts_long_formulas() -> None:
    """A convolution written out in sums, integers as garbage: few formulas, each of them long."""
    path = Path(__file__).parent / "cases" / "courses" / "convolution-relu-pooling.yaml"
    grader = Grader(load(path).model)
    garbage = typed(grader, 0, 3.0).replace(b".", b"")
    found = Desk(load(path).model, most_work=60_000).grade(garbage, "s.yaml")
    assert any("--max-work" in one.message for one in found.results)


def test_the_search_in_programs_counts_the_lines_it_writes_anew() -> None:
    """Arrays that were all rounded: nothing explains them, so everything is tried on each."""
    path = PROBLEM.with_name("sigmoid-softmax.yaml")
    key = Grader(load(path).model).key
    rounded = {name: np.round(key.truth[name], 3) for name in key.asked}
    free, cut = (backprop_cli.load(path, max_work=most).check(rounded) for most in (ENOUGH, 60_000))
    left = [one.id for one in cut.results if "max_work" in one.message]
    assert left
    assert not any("max_work" in one.message for one in free.results)
    assert [one.verdict for one in cut.results] == [one.verdict for one in free.results]

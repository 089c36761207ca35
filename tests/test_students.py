"""Simulated students: they work rightly themselves, and are wrong only where they are to be."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from oracles import numpy_forward, reading
from oracles.compare import differences
from oracles.reading import Array, Problem
from students import activations, classroom, erring, families, mistakes, sheets, tasks
from students import honest as honestly
from students.cases import Desk, Grading, Outcome, asked_digits, attempt, desk
from students.equations import EquationTask
from students.exercise import with_values
from students.habits import Habits, draw_habits
from students.rounding import Digits, LeftOutError, shortened
from students.slips_anywhere import ANYWHERE
from students.table import ENTRIES
from students.tasks import NetworkTask, Task, Work

from backprop_cli.cli import main

SEEDS = range(40)
FOUR = Digits(4)
Family = Callable[[int, np.random.Generator], EquationTask]
WAYS = [Habits(), Habits(fused=True, slopes_from_z=True)]


def network(seed: int) -> Task:
    return tasks.network(seed, plain=seed % 3 == 0)


# ---------------------------------------------------------------- the truth


@pytest.mark.parametrize("label", sorted(numpy_forward.ACTIVATIONS.keys() - {"softmax"}))
def test_each_activation_that_may_be_drawn_has_its_slope(label: str) -> None:
    z, room, options = np.linspace(-2, 2, 9) + 0.03, 1e-6, {"alpha": 1.2, "slope": 0.1}
    above, below = (numpy_forward.ACTIVATIONS[label](z + by, options) for by in (room, -room))
    for h in (None, numpy_forward.ACTIVATIONS[label](z, options)):
        slope = activations.slope(label, options, z, h, lambda value: value)
        assert slope == pytest.approx((above - below) / (2 * room), abs=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("habits", WAYS)
def test_without_rounding_all_ways_lead_to_what_is_solved(seed: int, habits: Habits) -> None:
    task = network(seed)
    turns = task.most_turns
    lines = dict(Grading(None, task.more, turns).work(task, habits).lines())
    solved: dict[str, Array] = {}
    for turn in range(turns):
        steps = _solved(task.problem, turn + 1)
        found = {tasks.at(id, turn): value for id, value in steps.items()}
        solved |= {id: value for id, value in found.items() if id in lines}
    assert not differences(lines, solved, rtol=1e-8, atol=1e-9)


def _solved(problem: Problem, turn: int) -> dict[str, Array]:
    text = yaml.safe_dump(problem, sort_keys=False)
    arguments = ["solve", "-", "--format", "json", "--at", str(turn)]
    result = CliRunner().invoke(main, arguments, input=text)
    assert result.exit_code == 0, result.output
    return {
        step["id"]: np.array(step["value"], float) for step in json.loads(result.stdout)["steps"]
    }


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("family", families.FAMILIES, ids=lambda family: family.__name__)
def test_equations_worked_out_by_hand_are_what_is_solved(family: Family, seed: int) -> None:
    task = family(seed, np.random.default_rng(seed))
    lines = dict(Grading(None, task.usual).work(task, Habits()).lines())
    solved = {id: value for id, value in _solved(task.problem, 1).items() if id in lines}
    assert not differences(lines, solved, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("family", families.FAMILIES, ids=lambda family: family.__name__)
def test_their_gradients_are_finite_differences_too(family: Family, seed: int) -> None:
    task = family(seed, np.random.default_rng(seed))
    at = Grading(None, task.usual)
    lines = dict(at.work(task, Habits()).lines())
    for name in task.problem["train"]:
        slope = lines[f"dL/d{name}"]
        for index in np.ndindex(slope.shape):
            moved = [_moved(task, name, index, step) for step in (1e-6, -1e-6)]
            high, low = (dict(at.work(other, Habits()).lines())["L"] for other in moved)
            assert slope[index] == pytest.approx((high - low) / 2e-6, rel=1e-5, abs=1e-7)


def _moved(task: EquationTask, name: str, index: tuple[int, ...], step: float) -> EquationTask:
    value = np.array(task.formula.given[name])
    value[index] += step
    given = {**task.formula.given, name: value}
    return replace(task, formula=replace(task.formula, given=given))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_gradients_are_finite_differences_of_the_loss(seed: int) -> None:
    task = network(seed)
    if "loss" not in task.problem or task.problem["loss"] == "none":
        return
    lines = dict(Grading(None, task.usual).work(task, Habits()).lines())
    names = [id.removeprefix("dL/d") for id in lines if id.startswith(("dL/dW", "dL/db"))]
    for name in names:
        slope = lines[f"dL/d{name}"]
        for index in np.ndindex(slope.shape):
            high, low = (_loss(task, name, index, step) for step in (1e-6, -1e-6))
            assert slope[index] == pytest.approx((high - low) / 2e-6, rel=1e-5, abs=1e-7)


def _loss(task: Task, name: str, index: tuple[int, ...], step: float) -> float:
    """The loss on the first batch with one entry of a parameter moved."""
    assert isinstance(task, NetworkTask)
    student = task.student(Habits(), task.usual, {})
    moved = np.array(student.old(name), dtype=float)
    moved[index] += step
    problem = with_values(task.problem, {name: moved})
    batch = reading.batches(problem)[0]
    loss = numpy_forward.forward(problem, batch).loss
    assert loss is not None
    return loss


@pytest.mark.parametrize("seed", SEEDS[:10])
def test_twelve_decimals_are_the_true_values_to_many_digits(seed: int) -> None:
    task = network(seed)
    at = desk(task, Grading(None, task.usual))
    done = at.grading.work(task, Habits(Digits(12)))
    rng = np.random.default_rng(seed)
    text = sheets.text(rng, done.lines(), lambda _: Digits(12))
    written = yaml.safe_load(text)["answers"]
    assert list(written) == list(task.usual)
    got = {name: _typed(value, at.truth[name].shape) for name, value in written.items()}
    assert not differences(got, dict(at.truth), rtol=1e-7, atol=1e-7)


def _typed(value: object, shape: tuple[int, ...]) -> Array:
    """Numbers as YAML reads them, or text with a matrix."""
    if isinstance(value, str) and shape:
        value = [row.split() for row in value.split(";")]
    return np.array(value, dtype=float)


# ---------------------------------------------------------------- digits


@pytest.mark.parametrize(
    ("digits", "value", "written"),
    [
        (Digits(3), 0.0625, "0.063"),
        (Digits(3), -0.0625, "-0.063"),
        (Digits(3, truncate=True), -0.0629, "-0.062"),
        (Digits(2, truncate=True), 0.1 + 0.2, "0.30"),
        (Digits(2), -0.001, "-0.00"),
        (Digits(3, significant=True), 0.00123456, "0.00123"),
        (Digits(3, significant=True), 1234.5, "1.23e+3"),
        (Digits(3, significant=True), 9.999, "10.0"),
        (Digits(4, significant=True), 0.0, "0.000"),
    ],
)
def test_numbers_are_written_as_people_do(digits: Digits, value: float, written: str) -> None:
    assert digits.text(float(digits.rounded(np.array([value]))[0])) == written


def test_dropped_zeros_leave_the_number_alone() -> None:
    rng = np.random.default_rng(0)
    texts = ["0.500", "-0.500", "4.000", "0.000", "10.0", "-0.062", "1.23e+3"]
    found = {text: {shortened(rng, text) for _ in range(40)} for text in texts}
    assert found["0.500"] == {"0.500", "0.5", ".500", ".5"}
    assert all(float(short) == float(text) for text in texts for short in found[text])


def test_each_product_of_a_sum_is_rounded() -> None:
    habits = Habits(factors=Digits(4, truncate=True), products=True)
    left, right = np.array([[-0.7, 0.2]]), np.array([[-0.0277], [0.2224]])
    assert habits.matmul(left, right)[0, 0] == pytest.approx(0.0193 + 0.0444)
    assert Habits().matmul(left, right)[0, 0] == pytest.approx(0.06387)


def test_who_carries_all_digits_writes_the_true_values_rounded() -> None:
    task = network(4)
    at = desk(task, Grading(None, task.usual))
    lines = at.grading.work(task, Habits(FOUR, carries=True)).lines()
    for id, value in lines:
        assert np.array_equal(value, FOUR.rounded(at.truth[id]))


# ---------------------------------------------------------------- mistakes


def honest(at: Desk, rng: np.random.Generator) -> Work | None:
    return attempt(rng, at, lambda rng: draw_habits(rng, FOUR, factors=False))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_sheet_with_a_mistake_is_honest_before_it(seed: int) -> None:
    task, rng = network(seed), np.random.default_rng(seed)
    at = desk(task, Grading(FOUR, task.usual))
    before = honest(at, rng)
    if before is None:
        return
    student, truth = before.students[0], at.exact.students[0].notes
    for label in mistakes.labels(student):
        chosen = mistakes.draw_mistake(rng, student, truth, label)
        if chosen is None:
            continue
        wrongly = {chosen.place.id: chosen.rule}
        try:
            notes = at.grading.work(task, student.habits, wrongly=wrongly).students[0].notes
        except LeftOutError:
            continue
        place = chosen.place.id
        first = task.usual[: task.usual.index(place)]
        assert all(np.array_equal(notes[id], student.notes[id]) for id in first)
        if notes[place].shape == student.notes[place].shape:
            unit = min(map(FOUR.unit, notes[place].reshape(-1).tolist()))
            for right in (student.notes[place], truth[place]):
                assert float(np.abs(notes[place] - right).max()) > unit


def test_every_mistake_is_drawn_somewhere() -> None:
    left = {*(entry.label for entry in ENTRIES), *ANYWHERE}
    rng = np.random.default_rng(0)
    for seed in range(150):
        task = tasks.network(seed, plain=seed % 3 == 0)
        at = desk(task, Grading(FOUR, task.usual))
        done = honest(at, rng)
        if done is None:
            continue
        truth = at.exact.students[0].notes
        student = done.students[0]
        left -= {x for x in left if mistakes.draw_mistake(rng, student, truth, x) is not None}
        if not left:
            break
    assert left == set()


def test_every_slip_of_the_contract_that_a_network_allows_is_in_the_table() -> None:
    names = set().union(
        *(entry.names for entry in ENTRIES), *(true for _, true in ANYWHERE.values())
    )
    assert len(names) > 45


# ---------------------------------------------------------------- what the grader makes of them


def test_students_who_write_what_is_asked_are_graded_as_they_should_be() -> None:
    """A small part of what `python -m students.measure` measures."""
    outcomes = [found for seed in range(12) for found in classroom.run(seed, {honestly.NAMED})]
    assert len(outcomes) >= 30
    assert not [found.note for found in outcomes if not found.fine]


def test_most_slips_are_placed_and_harm_nothing_else() -> None:
    every = [found for seed in range(16) for found in classroom.run(seed, {erring.ONE})]
    outcomes = [found for found in every if found.family == "network"]
    lost = [found for found in outcomes if not found.flags["placed"]]
    unsaid = [found.note for found in lost if not is_not_ruled_out(found)]
    calm = [found.note for found in outcomes if not found.flags["nothing else wrong"]]
    assert len(outcomes) >= 40
    assert len(lost) <= 2, [found.note for found in lost]  # both of one problem, at two decimals
    assert not unsaid
    assert not calm


def is_not_ruled_out(found: Outcome) -> bool:
    """Whether the report says that the digits cannot exclude the slip that was made."""
    with tempfile.TemporaryDirectory() as folder:
        problem, sheet = Path(folder, "problem.yaml"), Path(folder, "sheet.yaml")
        problem.write_text(found.problem, encoding="utf-8")
        sheet.write_text(found.text, encoding="utf-8")
        done = CliRunner().invoke(main, ["check", str(problem), str(sheet), "--format", "json"])
    (graded,) = json.loads(done.stdout)["submissions"]
    return any(found.group in result["cannot_exclude"] for result in graded["results"])


def test_digits_asked_are_of_both_kinds() -> None:
    rng = np.random.default_rng(1)
    drawn = {asked_digits(rng).significant for _ in range(50)}
    assert drawn == {True, False}

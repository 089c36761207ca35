"""Simulated students: they work rightly themselves, and are graded as they should be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from oracles.compare import differences
from oracles.reading import Array
from students import classroom, exercise, measure, sheets
from students.exercise import Exercise
from students.honest import Habits, Student, draw_habits
from students.rounding import Digits, LeftOutError, shortened
from students.slipping import ANYWHERE, SLIPS, draw_slip, slipped, true_rows
from students.wrong import draw_wrong, is_far

SEEDS = range(40)
BUDGET = range(32)  # exercises; 25 sheets each
FOUR = Digits(4)


def drawn(seed: int, folder: Path, digits: Digits = FOUR) -> Exercise:
    return exercise.draw(seed, digits, folder, plain=seed % 3 == 0)


def honest(seed: int, folder: Path, digits: Digits = FOUR) -> Student:
    """Somebody's honest sheet, with habits by seed."""
    rng = np.random.default_rng(seed)
    task = drawn(seed, folder, digits)
    for _ in range(8):
        try:
            return Student(task, draw_habits(rng, digits)).work()
        except LeftOutError:
            continue
    pytest.skip("rounding makes 0 of something that is divided by")


# ---------------------------------------------------------------- the students themselves


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("habits", [Habits(), Habits(fused=True, slopes_from_z=True)])
def test_without_rounding_all_ways_lead_to_the_true_values(
    seed: int, habits: Habits, tmp_path: Path
) -> None:
    task = drawn(seed, tmp_path)
    sheet = Student(task, habits).work().sheet()
    assert list(sheet) == list(task.asked)
    assert not differences(sheet, dict(task.solved), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("seed", SEEDS[:10])
def test_twelve_decimals_are_the_true_values_to_many_digits(seed: int, tmp_path: Path) -> None:
    task = drawn(seed, tmp_path)
    student = Student(task, Habits(Digits(12))).work()
    written = yaml.safe_load(sheets.text(np.random.default_rng(seed), student))["answers"]
    assert list(written) == list(task.asked)
    got = {name: _typed(value, task.solved[name].shape) for name, value in written.items()}
    assert not differences(got, dict(task.solved), rtol=1e-7, atol=1e-7)


def _typed(value: object, shape: tuple[int, ...]) -> Array:
    """Numbers as YAML reads them, or text with a matrix."""
    if isinstance(value, str) and shape:
        value = [row.split() for row in value.split(";")]
    return np.array(value, dtype=float)


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


@pytest.mark.parametrize("seed", SEEDS)
def test_a_sheet_with_a_slip_is_honest_before_it(seed: int, tmp_path: Path) -> None:
    student, rng = honest(seed, tmp_path), np.random.default_rng(seed)
    for name in SLIPS:
        chosen = draw_slip(rng, student, name)
        if chosen is None:
            continue
        try:
            notes = slipped(student, chosen).notes
        except LeftOutError:
            continue
        place = chosen.place.id
        before = student.exercise.asked[: student.exercise.asked.index(place)]
        assert all(np.array_equal(notes[id_], student.notes[id_]) for id_ in before)
        unit = min(map(FOUR.unit, notes[place].reshape(-1).tolist()))
        for right in (student.notes[place], true_rows(student.exercise, chosen.place)):
            assert float(np.abs(notes[place] - right).max()) > 3 * unit


def test_every_slip_is_drawn_somewhere(tmp_path: Path) -> None:
    left = set(SLIPS)
    rng = np.random.default_rng(0)
    for seed in range(150):
        try:
            student = Student(drawn(seed, tmp_path), draw_habits(rng, FOUR)).work()
        except LeftOutError:
            continue
        left -= {name for name in left if draw_slip(rng, student, name) is not None}
        if not left:
            break
    assert left == set()
    assert {name for name, rules in SLIPS.items() if rules[0][0] == ANYWHERE} == {
        "decimal-slip",
        "digits-swapped",
        "sign-lost",
        "copied",
    }


@pytest.mark.parametrize("seed", SEEDS[:10])
def test_a_wrong_number_is_the_only_one(seed: int, tmp_path: Path) -> None:
    student, rng = honest(seed, tmp_path), np.random.default_rng(seed)
    chosen = draw_wrong(rng, student)
    if chosen is None:
        return
    changed = chosen.value != student.notes[chosen.place.id]
    assert np.argwhere(changed).tolist() == [list(chosen.index)]
    true = float(true_rows(student.exercise, chosen.place)[chosen.index])
    assert is_far(student, float(chosen.value[chosen.index]), true)


# ---------------------------------------------------------------- what the grader makes of them


def test_students_are_graded_as_they_should_be(tmp_path: Path) -> None:
    """A small part of what `python -m students.measure` measures, with the same bars."""
    outcomes = measure.measured(BUDGET, failures=tmp_path)
    assert len(outcomes) >= 0.9 * classroom.SHEETS * len(BUDGET)
    missed = [words for words, *_, reached in measure.rows(outcomes) if not reached]
    notes = [f"seed {found.seed}: {found.note}" for found in outcomes if not found.fine]
    assert not missed, "\n".join([measure.table(outcomes), f"sheets: {tmp_path}", *notes])

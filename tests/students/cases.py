"""Turns a sheet into a case: the problem as it is graded, and what must become of the sheet."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import yaml
from oracles.chance import Rng, pick
from oracles.reading import Array

from students.checked import Submission
from students.habits import Habits
from students.rounding import Digits, LeftOutError
from students.tasks import Task, Work, at, work

ASSUMED = Digits(3)
"""What is asked where the problem does not say."""


@dataclass(frozen=True)
class Grading:
    """What a problem asks for: the least digits, if it says, and quantities if not the usual."""

    precision: Digits | None
    asked: tuple[str, ...]
    turns: int = 1
    says: bool = False

    @property
    def least(self) -> Digits:
        return self.precision or ASSUMED

    def problem(self, task: Task) -> str:
        """The problem as the file has it."""
        problem = copy.deepcopy(task.problem)
        if self.precision is not None:
            kept = "significant" if self.precision.significant else "decimals"
            problem["grading"] = {"precision": {kept: self.precision.number}}
        if self.says:
            problem["ask"] = [at(id, turn) for turn in range(self.turns) for id in self.asked]
        return yaml.safe_dump(problem, sort_keys=False, default_flow_style=None)

    def work(self, task: Task, habits: Habits, **wrongly: Any) -> Work:
        return work(task, habits, self.asked, self.turns, **wrongly)


@dataclass(frozen=True)
class Found:
    """What became of a sheet: what of it is as it should be, by what is measured, and a note."""

    flags: Mapping[str, bool]
    note: str = ""


Judge = Callable[[Submission], Found]


@dataclass(frozen=True)
class Case:
    """A sheet to be graded. `group` is a finer name within the category."""

    category: str
    task: Task
    grading: Grading
    text: str
    judge: Judge
    group: str = ""


@dataclass(frozen=True)
class Outcome:
    """A case that has been graded."""

    category: str
    seed: int
    family: str
    group: str
    flags: Mapping[str, bool]
    note: str = ""
    problem: str = ""
    text: str = ""

    @property
    def fine(self) -> bool:
        return all(self.flags.values())


@dataclass(frozen=True)
class Desk:
    """Where sheets of a task are made: the task as it is graded, and the true values."""

    task: Task
    grading: Grading
    exact: Work
    truth: Mapping[str, Array]


def desk(task: Task, grading: Grading) -> Desk:
    exact = grading.work(task, Habits())
    return Desk(task, grading, exact, dict(exact.lines()))


def attempt(rng: Rng, desk: Desk, draw: Callable[[Rng], Habits]) -> Work | None:
    """A sheet whose rounding makes neither ln 0 nor 1/0; None where that seems impossible."""
    for _ in range(6):
        try:
            done = desk.grading.work(desk.task, draw(rng))
            done.lines()  # what is carried with all digits is rounded only here
        except LeftOutError:
            continue
        return done
    return None


def asked_digits(rng: Rng) -> Digits:
    """The least digits that a problem asks for."""
    if rng.random() < 0.15:
        return Digits(pick(rng, (3, 3, 4)), significant=True)
    return Digits(pick(rng, (2, 3, 3, 3, 4, 4, 5)))


# ---------------------------------------------------------------- too coarse to be judged


def coarse(desk: Desk, work: Work) -> frozenset[tuple[str, int]]:
    """The entries (by their number in C order) of which too few digits are written to be judged.

    One digit where more were asked; a 0 or an old weight where those asked would show another.
    """
    found = set()
    for turn, student in enumerate(work.students):
        for place, (id, value) in zip(student.places, student.sheet().items(), strict=True):
            digits, true = student.habits.of(place.id), desk.truth[at(id, turn)]
            if digits is None or value.shape != true.shape:
                continue
            old = np.asarray(student.old(place.parameter) if place.kind == "new" else 0 * true)
            pairs = zip(value.reshape(-1), true.reshape(-1), old.reshape(-1), strict=True)
            found |= {
                (at(id, turn), k)
                for k, (v, t, o) in enumerate(pairs)
                if _coarse(float(v), float(t), float(o), digits, desk.grading.least)
            }
    return frozenset(found)


def _coarse(value: float, true: float, old: float, typed: Digits, least: Digits) -> bool:
    """Whether what is written shows less than two digits of what those asked would show of it."""
    unit = typed.unit(value)
    if unit <= least.unit(true) * 1.0001 or abs(true - value) < 1e-12:
        return False
    wanted = abs(true - old) / least.unit(true)
    return wanted >= 1 and abs(value - old) / unit < min(10, wanted)

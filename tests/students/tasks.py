"""Turns a seed into a task: a problem and the ids a sheet may hold, in order."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import yaml
from click.testing import CliRunner
from oracles import networks, reading
from oracles.reading import Array, Problem
from oracles.update_rules import trained

from backprop_cli.cli import main
from students.exercise import Exercise
from students.habits import Habits
from students.network import NetworkStudent
from students.student import Student, Wrongly


@dataclass(frozen=True)
class Task(ABC):
    """A problem without what it asks and how it is graded.

    `usual` is what is asked where it does not say; `more` also states and Jacobians; `most_turns`
    the steps of training that may be asked for.
    """

    seed: int
    family: str
    problem: Problem
    usual: tuple[str, ...]
    more: tuple[str, ...]
    most_turns: int = 1

    @abstractmethod
    def student(
        self, habits: Habits, asked: tuple[str, ...], wrongly: Mapping[str, Wrongly]
    ) -> Student:
        """Somebody before the first step."""

    def targets(self) -> Array | None:
        """What the output should be, as the problem stores it."""
        return None

    def numbers(self) -> list[float]:
        """The numbers that stand in the problem."""
        return [float(text) for text in re.findall(r"-?\d+(?:\.\d+)?", str(self.given()))]

    def given(self) -> object:
        """The part of the problem that holds its numbers."""
        return self.problem.get("values", self.problem.get("layers"))


@dataclass(frozen=True)
class NetworkTask(Task):
    """A problem in layers."""

    def student(
        self, habits: Habits, asked: tuple[str, ...], wrongly: Mapping[str, Wrongly]
    ) -> Student:
        return NetworkStudent(habits, wrongly, exercise=Exercise(self.seed, self.problem, asked))

    def targets(self) -> Array | None:
        exercise = Exercise(self.seed, self.problem, ())
        if "y" not in self.problem:
            return None
        return np.asarray(reading.stored(self.problem, exercise.targets))


def network(seed: int, *, plain: bool) -> Task:
    """The network of a seed. Only the list of its quantities is the program's own."""
    problem = networks.draw(seed, plain=plain).problem
    names = [(step["id"], step["phase"]) for step in _steps(problem)]
    new = {"L_new", *(f"{parameter}_new" for parameter in trained(problem))}
    single = not reading.is_batch(problem)
    usual, more = [], []
    for name, phase in names:
        if phase in ("forward", "backward"):
            kept = name not in ("L_data", "L_penalty", "class", "dL/dX")
        else:
            kept = name in new
        state = phase == "update" and re.match(r"(v|m|s|G|mhat|vhat)_[Wb]\d+", name)
        jacobian = single and phase == "jacobian" and _between_neighbours(name)
        if kept:
            usual.append(name)
        if kept or state or jacobian:
            more.append(name)
    turns = problem.get("update", {}).get("steps", 1) if "update" in problem else 1
    return NetworkTask(seed, "network", problem, tuple(usual), tuple(more), turns)


def _between_neighbours(name: str) -> bool:
    """Whether it is ∂H/∂Z of a layer, or ∂Z/∂H of the layer before."""
    if found := re.fullmatch(r"dZ(\d+)/dH(\d+)", name):
        return int(found[1]) == int(found[2]) + 1
    return re.fullmatch(r"d(?:H(\d+)/dZ\1|Yhat/dZ\d+)", name) is not None


def _steps(problem: Problem) -> list[dict[str, Any]]:
    text = yaml.safe_dump(problem, sort_keys=False, default_flow_style=None)
    result = CliRunner().invoke(main, ["solve", "-", "--format", "json"], input=text)
    assert result.exit_code == 0, result.output
    steps: list[dict[str, Any]] = json.loads(result.stdout)["steps"]
    return steps


@dataclass(frozen=True)
class Work:
    """Somebody's work, turn by turn: ids of later turns have their number behind an @."""

    task: Task
    students: tuple[Student, ...]

    def lines(self) -> list[tuple[str, Array]]:
        """What is written down, in order, as the problem stores it."""
        return [
            (at(id, turn), value)
            for turn, student in enumerate(self.students)
            for id, value in student.sheet().items()
        ]


def at(id: str, turn: int) -> str:
    return id if turn == 0 else f"{id}@{turn + 1}"


def work(
    task: Task,
    habits: Habits,
    asked: tuple[str, ...],
    turns: int = 1,
    wrongly: Mapping[str, Wrongly] | None = None,
) -> Work:
    """The work of somebody, with what is done wrongly by the id of its place."""
    student: Student | None = None
    done = []
    for turn in range(turns):
        mine = _of_turn(wrongly or {}, turn)
        student = task.student(habits, asked, mine) if student is None else student.later(mine)
        done.append(student.work())
    return Work(task, tuple(done))


def _of_turn(wrongly: Mapping[str, Wrongly], turn: int) -> dict[str, Wrongly]:
    mark = "" if turn == 0 else f"@{turn + 1}"
    return {
        id.removesuffix(mark) if mark else id: rule
        for id, rule in wrongly.items()
        if (id.endswith(mark) if mark else "@" not in id)
    }

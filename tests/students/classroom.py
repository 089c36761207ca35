"""Turns a seed into a task with its sheets, and what the program has made of each."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator

import numpy as np
from oracles.chance import Rng, chance, pick

from students import cheats, erring, families, tasks
from students import honest as honestly
from students.cases import Case, Desk, Grading, Outcome, asked_digits, desk
from students.checked import submissions
from students.tasks import Task

EQUATIONS = 0.35
"""The share of problems in equations."""

Makes = Callable[[Rng, Desk], Iterator[Case]]


def run(seed: int, only: Container[str] | None = None) -> list[Outcome]:
    """Hands in the sheets of a seed and compares what the grader says with what was done."""
    task, handed = handed_in(seed, only)
    found: list[Outcome] = []
    for problem, cases in handed:
        graded = submissions(problem, [case.text for case in cases])
        for case, submission in zip(cases, graded, strict=True):
            judged = case.judge(submission)
            found.append(
                Outcome(
                    case.category,
                    seed,
                    task.family,
                    case.group,
                    judged.flags,
                    judged.note,
                    problem,
                    case.text,
                )
            )
    return found


def handed_in(
    seed: int, only: Container[str] | None = None
) -> tuple[Task, list[tuple[str, list[Case]]]]:
    """The task of a seed; for each way of asking, the problem as it is graded and its sheets."""
    rng = np.random.default_rng([seed, 2])
    task = draw(seed, rng)
    return task, list(_by_problem(rng, task, only))


def draw(seed: int, rng: Rng) -> Task:
    """The task of a seed."""
    if chance(rng, EQUATIONS):
        return families.draw(seed, rng)
    return tasks.network(seed, plain=chance(rng, 0.3))


def _by_problem(
    rng: Rng, task: Task, only: Container[str] | None
) -> Iterator[tuple[str, list[Case]]]:
    """The problem as it is graded with each way of asking, with its sheets."""
    for grading, makes in _gradings(rng, task):
        at = desk(task, grading)
        made = [case for case in makes(rng, at) if only is None or case.category in only]
        if made:
            yield grading.problem(task), made


def _gradings(rng: Rng, task: Task) -> Iterator[tuple[Grading, Makes]]:
    least = asked_digits(rng)
    yield Grading(least, task.usual), _usual
    yield Grading(None, task.usual), _unasked
    if task.most_turns > 1 and len(task.usual) <= 40:
        turns = 2 if task.most_turns == 2 or chance(rng, 0.6) else 3
        asked = task.usual if chance(rng, 0.6) else task.more
        yield Grading(least, asked, turns, says=True), _later
    elif len(task.more) > len(task.usual):
        yield Grading(least, task.more, says=True), _more_asked


def _usual(rng: Rng, desk: Desk) -> Iterator[Case]:
    yield from honestly.with_usual(rng, desk)
    for category, number in (
        (erring.ONE, 4),
        (erring.ONE_FACTORS, 2),
        (erring.ONE_FEWER, 1),
        (erring.MISCONCEPTION, 4),
        (erring.TWO, 1),
        (erring.EVERYWHERE, 1),
    ):
        yield from erring.cases(rng, desk, category, number)
    for category in (*cheats.OFF, cheats.RANDOM, cheats.RANDOM):
        yield from _some(cheats.number(rng, desk, category))
    yield from _made_up(rng, desk, 3)


def _unasked(rng: Rng, desk: Desk) -> Iterator[Case]:
    yield from honestly.several(rng, desk, {honestly.NO_PRECISION: 2})
    yield from erring.cases(rng, desk, erring.ONE_UNASKED, 2)
    yield from _made_up(rng, desk, 3)


def _later(rng: Rng, desk: Desk) -> Iterator[Case]:
    yield from honestly.several(rng, desk, {honestly.LATER: 2})
    yield from erring.cases(rng, desk, erring.ONE_LATER, 2)
    yield from _made_up(rng, desk, 1)


def _more_asked(rng: Rng, desk: Desk) -> Iterator[Case]:
    yield from honestly.several(rng, desk, {honestly.MORE_ASKED: 2})
    yield from _made_up(rng, desk, 1)


def _made_up(rng: Rng, desk: Desk, number: int) -> Iterator[Case]:
    """Exact numbers one unit short, and sheets made without work."""
    for category in (cheats.SHORT, cheats.ALL_SHORT):
        yield from _some(cheats.short(rng, desk, category))
    for _ in range(number):
        yield from _some(cheats.made(rng, desk, pick(rng, list(cheats.GARBAGE))))


def _some(case: Case | None) -> Iterator[Case]:
    if case is not None:
        yield case

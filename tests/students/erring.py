"""Turns a task into sheets with mistakes: one, the same at every place, or two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from oracles.chance import Rng, pick
from oracles.reading import Array

from students import mistakes, sheets
from students.cases import Case, Desk, Found, attempt, coarse
from students.checked import Submission, verdict
from students.honest import BAD, DRAWN, FACTORS, FEWER, NAMED, NO_PRECISION, digits_of
from students.rounding import LeftOutError
from students.slips_anywhere import ANYWHERE
from students.student import Student
from students.table import Mistake
from students.tasks import Work, at

ONE = "one slip"
ONE_FACTORS = "one slip, sub-steps rounded"
ONE_FEWER = "one slip, fewer digits"
ONE_UNASKED = "one slip, no precision in the file"
ONE_LATER = "one slip in a later step"
MISCONCEPTION = "one misconception"
TWO = "two slips"
EVERYWHERE = "the same slip everywhere"
DRAWN_FROM = {ONE_FACTORS: FACTORS, ONE_FEWER: FEWER, ONE_UNASKED: NO_PRECISION}
MOST_NAMES = 3


def cases(rng: Rng, desk: Desk, category: str, number: int) -> Iterator[Case]:
    """Up to so many sheets of a category, with mistakes of different labels."""
    found = 0
    for label in _labels(rng, desk, misconceptions=category == MISCONCEPTION):
        if found == number:
            return
        case = _case(rng, desk, category, label)
        if case is not None:
            found += 1
            yield case


def _labels(rng: Rng, desk: Desk, *, misconceptions: bool) -> list[str]:
    """Labels in a random order; slips of the pen, which fit everywhere, first in a quarter"""
    entries = mistakes.of_kind(desk.exact.students[0], misconceptions=misconceptions)
    drawn = [str(label) for label in rng.permutation(entries)]
    pens = [] if misconceptions else [str(label) for label in rng.permutation(list(ANYWHERE))]
    if not misconceptions and rng.random() < 0.25:
        return [pens[0], *drawn, *pens[1:]]
    return [*drawn, *pens]


def _case(rng: Rng, desk: Desk, category: str, label: str) -> Case | None:
    draw = DRAWN[DRAWN_FROM.get(category, NAMED)]
    honest = attempt(rng, desk, lambda rng: draw(rng, desk))
    if honest is None:
        return None
    turn = int(rng.integers(len(honest.students)))
    if category == ONE_LATER:
        turn = len(honest.students) - 1
    chosen = _chosen(rng, desk, honest, turn, label, category)
    if not chosen:
        return None
    wrongly = {at(mistake.place.id, turn): mistake.rule for mistake in chosen}
    try:
        done = desk.grading.work(desk.task, honest.students[0].habits, wrongly=wrongly)
        done.lines()
    except (LeftOutError, LookupError):
        return None
    if coarse(desk, done):
        return None
    judge = _Judge(desk, done, turn, chosen, category)
    if not judge.clear():
        return None
    text = sheets.text(rng, done.lines(), lambda id: digits_of(done, id))
    return Case(category, desk.task, desk.grading, text, judge, group=label)


def _chosen(
    rng: Rng, desk: Desk, honest: Work, turn: int, label: str, category: str
) -> list[Mistake]:
    student = honest.students[turn]
    truth = dict(
        zip((p.id for p in student.places), _notes(desk.exact.students[turn]), strict=True)
    )
    first = mistakes.draw_mistake(rng, student, truth, label)
    if first is None:
        return []
    if category == EVERYWHERE:
        same = [first, *_elsewhere(student, first)]
        return same if len(same) > 1 else []
    if category == TWO:
        other = pick(rng, mistakes.of_kind(student, misconceptions=False))
        second = mistakes.draw_mistake(rng, student, truth, other)
        if second is None or second.place.id == first.place.id:
            return []
        return [first, second]
    return [first]


def _elsewhere(student: Student, first: Mistake) -> Iterator[Mistake]:
    """The same mistake at every other place where it can be made."""
    seen = {first.place.id}
    for mistake in mistakes.possible(student, first.label):
        if mistake.place.id not in seen:
            seen.add(mistake.place.id)
            yield mistake


def _notes(student: Student) -> list[Array]:
    return [student.notes[place.id] for place in student.places]


class _Judge:
    """What a sheet with mistakes must be graded as."""

    def __init__(
        self,
        desk: Desk,
        done: Work,
        turn: int,
        chosen: Sequence[Mistake],
        category: str,
    ) -> None:
        self.desk, self.done, self.turn, self.chosen = desk, done, turn, chosen
        self.category = category
        self.order = [id for id, _ in done.lines()]
        self.places = sorted(chosen, key=lambda mistake: self.order.index(self._id(mistake)))

    def _id(self, mistake: Mistake) -> str:
        return at(mistake.place.id, self.turn)

    def clear(self) -> bool:
        """Whether every mistake shows: off from the truth, and from right work on what is there."""
        student = self.done.students[self.turn]
        exact = self.desk.exact.students[self.turn]
        for mistake in self.places:
            place = mistake.place
            with np.errstate(all="ignore"):
                try:
                    right = student.written(place.id, student.step(place))
                except LeftOutError:
                    return False
            value = student.notes[place.id]
            if not mistakes.off(student, place, value, right, exact.notes[place.id]):
                return False
        return True

    def __call__(self, submission: Submission) -> Found:
        results = {result["id"]: result for result in submission["results"]}
        if submission["error"] or not results:
            flags = dict.fromkeys(("placed", "nothing else wrong", "named", "no false name"), False)
            return Found(flags, str(submission["error"]))
        wrong = [id for id in self.order if results[id]["verdict"] in BAD]
        mine = [self._id(mistake) for mistake in self.places]
        flags = {
            "placed": submission["first_wrong"] == mine[0],
            "nothing else wrong": not set(wrong) - set(mine),
        }
        if len(mine) > 1:
            flags["all placed"] = set(mine) <= set(wrong)
        for mistake, id in zip(self.places, mine, strict=True):
            self._name(flags, mistake, results[id])
        first = ", ".join(
            f"{mistake.label} at {id}" for mistake, id in zip(self.places, mine, strict=True)
        )
        said = ", ".join(
            verdict(results[id]) for id in [*mine, *(w for w in wrong if w not in mine)]
        )
        return Found(flags, f"{first}; first wrong {submission['first_wrong']}; {said}")

    def _name(self, flags: dict[str, bool], mistake: Mistake, result: dict[str, object]) -> None:
        student = self.done.students[self.turn]
        place, given = mistake.place, result["slips"]
        assert isinstance(given, list)
        value = student.notes[place.id]
        true = [name for name in given if name in mistake.names]
        if not true:  # η² for η/10 where η is 0.1: the same numbers have both names
            with np.errstate(all="ignore"):
                true = [x for x in given if mistakes.explained(student, place, value, x)]
        flags["no false name"] = flags.get("no false name", True) and bool(true or not given)
        if mistakes.can_be_named(student, mistake, value) and result["verdict"] in BAD:
            named = bool(true) and len(given) <= MOST_NAMES
            flags["named"] = flags.get("named", True) and named

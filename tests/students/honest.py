"""Turns a task into the sheets of honest students: of all digits, habits and parts of the work."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from oracles.chance import Rng, chance, pick

from students import sheets
from students.cases import Case, Desk, Found, attempt, coarse
from students.checked import Submission, verdict
from students.habits import Habits, draw_habits
from students.rounding import Digits
from students.tasks import Work

BAD = ("wrong", "invalid")


def honest(rng: Rng, desk: Desk, category: str) -> Case | None:
    """A sheet of a category; None where rounding makes it impossible."""
    draw = DRAWN[category]
    done = attempt(rng, desk, lambda rng: draw(rng, desk))
    if done is None:
        return None
    lines = done.lines()
    if category == LINES_MISSING:
        share = rng.uniform(0.3, 0.7)
        lines = [line for line in lines if chance(rng, share)]
    if not lines:
        return None
    text = sheets.text(rng, lines, lambda id: digits_of(done, id))
    judge = partial(judged, excused=coarse(desk, done))
    return Case(category, desk.task, desk.grading, text, judge, group=desk.task.family)


def digits_of(done: Work, id: str) -> Digits:
    """The digits a line is written with; they are the same in every turn."""
    digits = done.students[0].habits.of(id.partition("@")[0])
    assert digits is not None
    return digits


def judged(submission: Submission, excused: Container[tuple[str, int]] = ()) -> Found:
    """Nothing of it may be wrong; where the digits are enough, all is right.

    Nothing is asked of entries that are excused: too few digits are written of them to be judged.
    """
    written = [result for result in submission["results"] if result["verdict"] != "missing"]
    wrong = [verdict(result) for result in written if _is_wrong(result, excused)]
    other = [verdict(result) for result in written if result["verdict"] not in (*BAD, "correct")]
    error = submission["error"]
    return Found(
        {"nothing wrong": not wrong and not error, "wholly right": not (wrong or other or error)},
        f"not right: {', '.join([*wrong, *other])} {error or ''}",
    )


def _is_wrong(result: dict[str, Any], excused: Container[tuple[str, int]]) -> bool:
    if result["verdict"] not in BAD:
        return False
    bad = [k for k, entry in enumerate(result["entries"]) if entry["verdict"] in BAD]
    return not bad or any((result["id"], k) not in excused for k in bad)


# ---------------------------------------------------------------- habits of each category

NAMED = "honest: digits asked, named steps"
FACTORS = "honest: sub-steps rounded too"
PRODUCTS = "honest: products in sums rounded too"
NO_PRECISION = "honest: no precision in the file"
LATER = "honest: later steps"
MORE_ASKED = "honest: states and Jacobians asked"
LINES_MISSING = "honest: part of the lines missing"
FEWER = "honest: fewer digits than asked"
MORE = "honest: more digits than asked"
OTHER_KIND = "honest: the other kind of digits"
MIXED = "honest: several digits on one sheet"

Drawn = Callable[[Rng, Desk], Habits]


def _named(rng: Rng, desk: Desk) -> Habits:
    return draw_habits(rng, desk.grading.least, factors=False)


def _factors(rng: Rng, desk: Desk) -> Habits:
    return draw_habits(rng, desk.grading.least, factors=True)


def _products(rng: Rng, desk: Desk) -> Habits:
    return draw_habits(rng, desk.grading.least, products=True)


def _any_but_products(rng: Rng, desk: Desk) -> Habits:
    return draw_habits(rng, desk.grading.least)


def _fewer(rng: Rng, desk: Desk) -> Habits:
    least = desk.grading.least
    lowest = 2 if least.significant or least.number > 2 else 1
    return draw_habits(
        rng, Digits(max(lowest, least.number - pick(rng, (1, 1, 2))), least.significant)
    )


def _more(rng: Rng, desk: Desk) -> Habits:
    least = desk.grading.least
    return draw_habits(rng, Digits(least.number + pick(rng, (1, 2, 3)), least.significant))


def _other_kind(rng: Rng, desk: Desk) -> Habits:
    least = desk.grading.least
    return draw_habits(rng, Digits(least.number + pick(rng, (0, 0, 1)), not least.significant))


def _mixed(rng: Rng, desk: Desk) -> Habits:
    habits = draw_habits(rng, desk.grading.least, factors=chance(rng, 0.3))
    own = {id: _some_digits(rng, habits) for id in desk.grading.asked}
    return replace(habits, own=own)


def _some_digits(rng: Rng, habits: Habits) -> Digits:
    """Mostly those asked; more, fewer, or significant ones now and then."""
    assert habits.digits is not None
    own = habits.digits
    more = pick(rng, (0, 0, 0, 1, 2, 3, -1))
    if chance(rng, 0.15):
        return Digits(own.number + 1, not own.significant, own.truncate)
    return replace(own, number=max(own.number + more, 2))


DRAWN: dict[str, Drawn] = {
    NAMED: _named,
    FACTORS: _factors,
    PRODUCTS: _products,
    NO_PRECISION: _named,
    LATER: _any_but_products,
    MORE_ASKED: _any_but_products,
    LINES_MISSING: _any_but_products,
    FEWER: _fewer,
    MORE: _more,
    OTHER_KIND: _other_kind,
    MIXED: _mixed,
}


def with_usual(rng: Rng, desk: Desk) -> Iterator[Case]:
    """The sheets of a problem that says which digits it asks for."""
    counts = {NAMED: 3, FACTORS: 2, PRODUCTS: 2, LINES_MISSING: 2, FEWER: 2, MORE: 2}
    yield from several(rng, desk, {**counts, OTHER_KIND: 1, MIXED: 2})


def several(rng: Rng, desk: Desk, counts: dict[str, int]) -> Iterator[Case]:
    for category, number in counts.items():
        for _ in range(number):
            case = honest(rng, desk, category)
            if case is not None:
                yield case

"""A problem to a question of Moodle's type `formulas`: an interval for every box."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

import numpy as np
from msgspec import Struct

from backprop_cli.classroom.exercise_sheet import given_part
from backprop_cli.classroom.exports.answer_boxes import Boxes, boxes_of
from backprop_cli.document.view import View, as_written
from backprop_cli.errors import Complaint, listed
from backprop_cli.formats.html_page import fragment
from backprop_cli.formats.registry import written
from backprop_cli.grading.grader import Desk
from backprop_cli.grading.judging.standing import Kept
from backprop_cli.grading.sheets.blank_sheet import digits_said
from backprop_cli.problem.problem_data import ASSUMED, Digits
from backprop_cli.solving.loading import Loaded
from backprop_cli.solving.solution import Request, solve

LOST = (
    "Moodle's formulas question marks each box by an interval: what follows rightly from an earlier"
    " mistake has no points there, too few digits have none instead of some, one empty box takes"
    " the points of its whole quantity, no slip is named, and everyone has the same numbers."
)
"""What the format cannot carry."""

_WIDEST = 40  # units of the last digit that an interval reaches on either side
_HIDDEN = ("correctfeedback", "partiallycorrectfeedback", "incorrectfeedback")


class Interval(Struct, frozen=True):
    """What is right in one box, and the answer that is shown."""

    low: float
    high: float
    value: float


def moodle_question(loaded: Loaded) -> str:
    """The whole file, as Moodle imports it."""
    problem = loaded.model.problem
    title = problem.title or "Backpropagation"
    view = as_written(problem, View(width=100))
    exercise = fragment(written("html", given_part(loaded), view))
    told = f"<p>{digits_said(problem.grading.precision or ASSUMED)}</p>"
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        "<quiz>",
        '<question type="formulas">',
        f"<name><text>{escape(title)}</text></name>",
        _text("questiontext", exercise + told),
        _text("generalfeedback", ""),
        "<penalty>0.1</penalty>",
        "<hidden>0</hidden>",
        *(_text(name, "") for name in _HIDDEN),
        "<varsrandom><text></text></varsrandom>",
        "<varsglobal><text></text></varsglobal>",
        *_parts(loaded),
        "</question>",
        "</quiz>",
    ]
    return "\n".join(lines) + "\n"


def _text(tag: str, html: str) -> str:
    inside = html.replace("]]>", "]]]]><![CDATA[>")
    return f'<{tag} format="html"><text><![CDATA[{inside}]]></text></{tag}>'


def _parts(loaded: Loaded) -> Iterator[str]:
    """One part for each quantity, in the order of the derivation."""
    typist = Typist(loaded)
    blank = typist.desk.grade_numbers({}, "answers")
    for number, one in enumerate(typist.boxes):
        result = one.result(blank)
        found = typist.intervals(one)
        yield "<answers>"
        yield f"<partindex><text>{number}</text></partindex>"
        yield "<placeholder><text></text></placeholder>"
        yield f"<answermark><text>{result.max_points if result else 1:g}</text></answermark>"
        yield "<answertype><text>100</text></answertype>"  # numbers, fractions, ln(2)
        yield f"<numbox><text>{len(found)}</text></numbox>"
        yield "<vars1><text></text></vars1>"
        yield f"<answer><text>{_listed([each.value for each in found])}</text></answer>"
        yield "<answernotunique><text>0</text></answernotunique>"
        yield "<vars2><text></text></vars2>"
        yield f"<correctness><text><![CDATA[{correctness(found)}]]></text></correctness>"
        yield "<unitpenalty><text>1</text></unitpenalty>"
        yield "<postunit><text></text></postunit>"
        yield "<ruleid><text>1</text></ruleid>"
        yield "<otherrule><text></text></otherrule>"
        yield _text("subqtext", _asked(one))
        yield _text("feedback", "")
        yield "</answers>"


def _asked(one: Boxes) -> str:
    """What is asked, with its boxes; Moodle knows them by their place."""
    places = {box.name: number for number, box in enumerate(one.cells)}
    return one.heading + one.table(lambda box: f"{{_{places[box.name]}}}")


def _listed(values: list[float]) -> str:
    written_out = [repr(float(value)) for value in values]
    return written_out[0] if len(values) == 1 else f"[{', '.join(written_out)}]"


def correctness(found: list[Interval]) -> str:
    """The share of the boxes that are right, in the language of the question type."""
    each = [
        f"((_{n} >= {_end(one.low)}) && (_{n} <= {_end(one.high)}) ? 1 : 0)"
        for n, one in enumerate(found)
    ]
    return each[0] if len(each) == 1 else f"({' + '.join(each)}) / {len(each)}"


def _end(value: float) -> str:
    """An end of an interval, without what floats leave in the last digits."""
    return repr(float(f"{value:.12g}"))


# Intervals ----------------------------------------------------------------------------------------


class Typist:
    """Types numbers near the right ones, with the digits asked, and looks what `check` says."""

    def __init__(self, loaded: Loaded) -> None:
        self.loaded = loaded
        self.desk = Desk(loaded.model)
        self.boxes = boxes_of(loaded)
        self.digits = loaded.model.problem.grading.precision or ASSUMED
        steps = {loaded.reference(one.place.name).step for one in self.boxes}
        self._values = {step: solve(loaded.model, Request(at=step)).values for step in steps}
        self._check_finite()
        self._right = {one.place.name: self._typed(one, 0) for one in self.boxes}

    def _check_finite(self) -> None:
        """Refuses what has no interval; UserError that names it."""
        endless = [one.place.name for one in self.boxes if not np.isfinite(self.values(one)).all()]
        if endless:
            message = f"{listed(endless)} cannot be typed into a box: not every number is finite"
            known = [one.place.name for one in self.boxes if one.place.name not in endless]
            instead = f"ask: [{', '.join(known)}]" if known else "other numbers"
            raise self.loaded.source.error(Complaint(message, instead=instead))

    def values(self, one: Boxes) -> Any:
        """The right numbers of a quantity, one after the other."""
        found = self.loaded.reference(one.place.name)
        return self._asked_of(one, np.asarray(self._values[found.step][found.id], dtype=float))

    def _asked_of(self, one: Boxes, value: Any) -> Any:
        """What is asked of a quantity, all of it or an entry, one after the other."""
        found, model = self.loaded.reference(one.place.name), self.loaded.model
        place = model.counted(found.id, found.index, value.shape) if found.index else ()
        return np.atleast_1d(np.asarray(value[place])).ravel()

    def intervals(self, one: Boxes) -> list[Interval]:
        """What is right in each box, where all others are right: one unit after the other."""
        values, units = self.values(one), self._units(one)
        nearest = np.round(values / units) * units
        kept: Kept = {}
        down, up = (self._reach(one, sign, kept) for sign in (-1, 1))
        low = np.minimum(nearest - (down + 0.5) * units, values)
        high = np.maximum(nearest + (up + 0.5) * units, values)
        return [Interval(*map(float, each)) for each in zip(low, high, values, strict=True)]

    def _reach(self, one: Boxes, sign: int, kept: Kept) -> Any:
        """How many units further each entry may lie and is still right."""
        reached = np.zeros(len(one.cells))
        going = np.ones(len(one.cells), dtype=bool)
        for count in range(1, _WIDEST + 1):
            going &= self.is_right(one, sign * count, kept)
            if not going.any():
                break
            reached[going] = count
        return reached

    def is_right(self, one: Boxes, shift: int, kept: Kept) -> Any:
        """Which boxes of a quantity `check` takes, so many units beside the right numbers."""
        answers = {**self._right, one.place.name: self._typed(one, shift)}
        verdicts = self.desk.alone(answers, self.loaded.reference(one.place.name).whole, kept)
        return self._asked_of(one, verdicts) == "correct"

    def _typed(self, one: Boxes, shift: int) -> Any:
        """A quantity as somebody types it, so many units beside the right one."""
        values, units = self.values(one), self._units(one)
        moved = (np.round(values / units) + shift) * units
        pairs = zip(one.cells, moved, units, strict=True)
        return one.typed({box.name: _digits(value, unit) for box, value, unit in pairs})

    def _units(self, one: Boxes) -> Any:
        return np.array([_unit(value, self.digits) for value in self.values(one)])


def _unit(value: float, digits: Digits) -> float:
    """The unit of the last digit that is asked."""
    if digits.kind == "decimals" or value == 0:
        return float(10.0**-digits.count)
    return float(10.0 ** (np.floor(np.log10(abs(value))) + 1 - digits.count))


def _digits(value: float, unit: float) -> str:
    decimals = max(0, round(-float(np.log10(unit))))
    return f"{value:.{decimals}f}"

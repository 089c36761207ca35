"""An answer that is right by itself -> its results, worked out once for all who wrote the same.

Right by itself is what holds the true value: then nothing else on the sheet can change anything.
Each entry is compared with the true one at its digits, and with what the known slips give; since a
class writes few different right numbers, that is remembered, and so is a whole answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import Final

import numpy as np
from msgspec import Struct

from backprop_cli.errors import Mark
from backprop_cli.grading.exercise import Exercise, Question
from backprop_cli.grading.judging.answer_key import Judged, Words, points, weakest
from backprop_cli.grading.report_data import Answer, EntryResult, How, Index, Result, Typed
from backprop_cli.grading.sheets.typed_arrays import (
    ALIKE,
    Array,
    ArrayCells,
    Written,
    all_same,
    finer,
    how_computed,
    how_right,
    is_far,
    is_right,
    meets,
    standing_for,
    written,
)
from backprop_cli.operations.bounds import Interval, point

MOST_ENTRIES: Final = 1_000
"""Of an array with more entries only those are listed that are not right."""

MOST_RIGHT: Final = 100
"""And of one that is right in all its entries none is, where there are more of them."""

MOST_KEPT: Final = 10_000
"""So many answers, and entries, are remembered; beyond that, all are forgotten."""


class Figure(Struct, frozen=True):
    """A right entry: how it is right, and the values of slips (a bit each) that it stands for too.

    `at_digits` tells whether it is right at all the digits typed.
    """

    how: How
    at_digits: bool
    open: int


class Right:
    """An answer that is right by itself: its result for each question about it."""

    def __init__(
        self, answer: Answer, hows: Callable[[], Sequence[How] | Words], results: dict[str, Result]
    ) -> None:
        self.results = results
        self._answer = answer
        self._hows = hows

    @cached_property
    def written(self) -> Written:
        """The answer as arrays."""
        return written(self._answer)

    @cached_property
    def judged(self) -> Judged:
        """The verdicts as arrays."""
        shape = self._answer.shape
        how = np.array(self._hows(), dtype=object).reshape(shape)
        return Judged(np.full(shape, "correct", dtype=object), how)


class RightAnswers:
    """Tells which answers of an exercise are right by themselves, and remembers them.

    For who only judges they have no results: those take all wrong formulas of each.
    """

    def __init__(self, exercise: Exercise, *, only_judged: bool = False) -> None:
        self.exercise, self.only_judged = exercise, only_judged
        self._answers: dict[tuple[str, Mark], Right | None] = {}
        self._figures: dict[tuple[str, Index, str], Figure | None] = {}

    def __reduce__(self) -> tuple[Callable[..., RightAnswers], tuple[Exercise]]:
        made = partial(RightAnswers, only_judged=self.only_judged)
        return made, (self.exercise,)  # what is remembered stays at home

    def of(self, answer: Answer) -> Right | None:
        """The answer as one that is right by itself; None where it is not."""
        if answer.source is None:
            return self._looked_at(answer)
        key = answer.source, answer.mark
        if key not in self._answers:
            if len(self._answers) >= MOST_KEPT:
                self._answers.clear()
            self._answers[key] = self._looked_at(answer)
        return self._answers[key]

    def _looked_at(self, answer: Answer) -> Right | None:
        name = answer.id
        if name not in self.exercise.order or answer.trouble is not None:
            return None
        if answer.shape != self.exercise.key.truth[name].shape:
            return None
        if isinstance(answer.cells, ArrayCells):
            return self._array(answer, answer.cells)
        figures = list(self._all_figures(answer))
        if len(figures) < len(answer.cells) or self._is_betrayed(answer, figures):
            return None
        hows = [figure.how for figure in figures]
        results = {} if self.only_judged else dict(self._results(answer, figures))
        return Right(answer, lambda: hows, results)

    def _array(self, answer: Answer, cells: ArrayCells) -> Right | None:
        """An array, all its entries at once; slips that give the same numbers are none of it."""
        truth = self.exercise.key.truth[answer.id]
        if cells.off(truth) > cells.room:
            return None
        results = {
            question.id: self._array_result(question, answer, cells, truth)
            for question in self.exercise.questions_on(answer.id)
        }
        return Right(answer, lambda: how_computed(cells.value, truth), results)

    def _array_result(
        self,
        question: Question,
        answer: Answer,
        cells: ArrayCells,
        truth: Array,
    ) -> Result:
        how: How | None = "rounded"
        entries: tuple[EntryResult, ...] = ()
        if question.index is not None or cells.value.size <= MOST_RIGHT:
            hows = how_computed(cells.value, truth)
            entries = tuple(
                EntryResult(index, "correct", hows[place], cells[place].text)
                for place, index in self.exercise.places(question.name)
                if question.index in (None, place)
            )
            how = weakest(np.array([entry.how for entry in entries], dtype=object), "correct")
        elif (off := cells.off(truth)) <= ALIKE * self.exercise.size(answer.id):
            how = "exact" if all_same(cells.value, truth, off) else "rounded"
        return Result(
            question.id,
            "correct",
            how,
            question.points,
            question.points,
            answer.mark,
            entries,
            expected=self.exercise.expected(question.name, question.index),
            formula=self.exercise.formula(question.name),
            asked=question.asked,
        )

    def _all_figures(self, answer: Answer) -> Iterator[Figure]:
        """The right entries, up to the first that is not right."""
        for place, cell in answer.cells.items():
            figure = None if cell is None else self._figure(answer.id, place, cell)
            if figure is None:
                return
            yield figure

    def _figure(self, name: str, place: Index, cell: Typed) -> Figure | None:
        key = name, place, cell.text
        if key not in self._figures:
            if len(self._figures) >= MOST_KEPT:
                self._figures.clear()
            self._figures[key] = self._compared(name, place, cell)
        return self._figures[key]

    def _compared(self, name: str, place: Index, cell: Typed) -> Figure | None:
        key = self.exercise.key
        truth = np.asarray(key.truth[name][place])
        value, unit = np.asarray(cell.value), np.asarray(cell.unit or 0.0)
        if is_far(value, unit, truth, key.unit):
            return None
        at_digits, to_digits = is_right(value, unit, truth, key.unit, key.assumed)
        if not (at_digits or to_digits):
            return None
        how: How = how_right(value, unit, truth, key.unit).item()
        asked = standing_for(value, finer(value, unit, truth, key.unit))
        return Figure(
            how,
            bool(at_digits),
            0 if self.only_judged else self._slips_within(name, place, asked),
        )

    def _slips_within(self, name: str, place: Index, typed: Interval) -> int:
        """The values that slips lead to and that lie in what was typed, a bit each."""
        values = np.moveaxis(self.exercise.mistaken(name).values, 0, -1)[place]
        hits = np.flatnonzero(meets(typed, point(values)))
        return sum(1 << int(hit) for hit in hits)

    def _is_betrayed(self, answer: Answer, figures: Sequence[Figure]) -> bool:
        """Whether the digits beyond those asked are those of a slip."""
        if all(figure.at_digits for figure in figures):
            return False
        return _in_all(self._slips_at(answer.id, *one) for one in answer.cells.items()) != 0

    def _slips_at(self, name: str, place: Index, cell: Typed | None) -> int:
        """The values of slips that an entry stands for at the digits typed."""
        assert cell is not None
        typed = standing_for(np.asarray(cell.value), np.asarray(cell.unit or 0.0))
        return self._slips_within(name, place, typed)

    def _results(self, answer: Answer, figures: Sequence[Figure]) -> Iterator[tuple[str, Result]]:
        ids = self.exercise.mistaken(answer.id).ids
        open_ = _in_all(figure.open for figure in figures)
        left = tuple(dict.fromkeys(id for bit, id in enumerate(ids) if open_ >> bit & 1))
        hows = dict(zip(answer.cells, (figure.how for figure in figures), strict=True))
        for question in self.exercise.questions_on(answer.id):
            yield question.id, self._result(question, answer, hows, left)

    def _result(
        self,
        question: Question,
        answer: Answer,
        hows: Mapping[Index, How],
        left: tuple[str, ...],
    ) -> Result:
        name = question.name
        entries = tuple(
            EntryResult(index, "correct", hows[place], cell.text)
            for place, index in self.exercise.places(name)
            if question.index in (None, place) and (cell := answer.cells[place]) is not None
        )
        verdicts = np.full(len(entries), "correct", dtype=object)
        return Result(
            question.id,
            "correct",
            weakest(np.array([entry.how for entry in entries], dtype=object), "correct"),
            points(self.exercise.grading, question.points, verdicts),
            question.points,
            answer.mark,
            entries,
            cannot_exclude=left,
            expected=self.exercise.expected(name, question.index),
            formula=self.exercise.formula(name),
            asked=question.asked,
        )


def _in_all(bits: Iterable[int]) -> int:
    """The bits that are set everywhere."""
    found = -1
    for each in bits:
        found &= each
    return found

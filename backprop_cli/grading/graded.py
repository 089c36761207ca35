"""One sheet to the results on it: verdicts, slips, points and sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property, partial
from typing import TypeAlias

import numpy as np

from backprop_cli.algebra.shapes import described
from backprop_cli.grading.exercise import Exercise, Question
from backprop_cli.grading.judging.answer_key import Judged, Words
from backprop_cli.grading.judging.judge import Judge
from backprop_cli.grading.judging.marks import overall, points, weakest
from backprop_cli.grading.judging.right_answers import RightAnswers
from backprop_cli.grading.report_data import Answer, EntryResult, Origin, Result, Sheet, Verdict
from backprop_cli.grading.sentences import explanation, message
from backprop_cli.grading.sheets.typed_arrays import (
    Array,
    Written,
    finer,
    meets,
    standing_for,
    written,
)
from backprop_cli.grading.slips.detect import Detector
from backprop_cli.grading.slips.wrong_quantity import Wrong
from backprop_cli.operations.bounds import Interval, point

Found: TypeAlias = "tuple[tuple[str, ...], Origin | None]"
"""The slips that explain a quantity, and the unwritten step where they were made."""

_SEEN = frozenset({"copied", "weights-not-updated", "bias-not-updated"})
"""Slips that are seen in the numbers themselves, even where these left no work to do."""


class Graded:
    """One sheet while it is graded."""

    def __init__(self, exercise: Exercise, sheet: Sheet, right: RightAnswers) -> None:
        self.exercise = exercise
        self.sheet = sheet
        self.right = {
            name: found
            for name, answer in sheet.answers.items()
            if (found := right.of(answer)) is not None
        }
        self.slips: dict[str, Found] = {}

    @cached_property
    def judge(self) -> Judge:
        """The judge of what is not right by itself, all of it judged."""
        readable = dict(self.readable())
        lost = self.exercise.key.asked - set(readable)
        key, unusable = self.exercise.key_for(readable), lost & set(self.sheet.answers)
        judge = Judge(key, readable, lost, partial(self.betrayed, readable), unusable)
        judge.judged.update({name: right.judged for name, right in self.right.items()})
        for name in self.exercise.order:
            if name in readable and name not in judge.judged:
                judge.judge(name)
        return judge

    @cached_property
    def detector(self) -> Detector:
        """What finds the slips on this sheet."""
        return Detector(self.judge)

    def readable(self) -> Iterator[tuple[str, Written]]:
        """The answers that can be compared with the truth."""
        truth = self.exercise.key.truth
        for name, answer in self.sheet.answers.items():
            if (right := self.right.get(name)) is not None:
                yield name, right.written
            elif name in truth and answer.trouble is None and answer.shape == truth[name].shape:
                yield name, written(answer)

    def typed(self, name: str) -> Interval:
        """What an answer stands for at the finer of the digits typed and asked."""
        here = self.judge.written[name]
        key = self.exercise.key
        return standing_for(here.value, finer(here.value, here.unit, key.truth[name], key.unit))

    def betrayed(self, readable: Mapping[str, Written], name: str) -> bool:
        """Whether the digits beyond those asked are those of a slip."""
        here = readable[name]
        return bool(self.exercise.mistaken(name).within(standing_for(here.value, here.unit)))

    def results(self) -> Iterator[Result]:
        """What is asked, in order, then what stands on the sheet beside it."""
        answers = self.sheet.answers
        beside = (name for name in answers if name not in self.exercise.key.asked)
        others = (question for name in beside for question in self.exercise.questions_on(name))
        for question in (*self.exercise.questions, *others):
            right = self.right.get(question.name)
            yield right.results[question.id] if right is not None else self.result(question)

    def result(self, question: Question) -> Result:
        """The verdict on one quantity, and everything to say about it."""
        answer = self.sheet.answers.get(question.name)
        judged = self.judge.judged.get(question.name) if answer is not None else None
        if answer is None or judged is None:
            return self.unjudged(question, answer)
        name = question.name
        place = () if question.index is None else question.index
        verdicts = np.asarray(judged.verdicts[place], dtype=object)
        verdict = overall(verdicts)
        unexplained = verdict in ("wrong", "not-judged")
        found, origin = self.found(name, answer, judged) if unexplained else ((), None)
        if verdict == "not-judged" and judged.idle is not None:  # 0 is any slip's value of 0
            found, origin = tuple(id for id in found if id in _SEEN), None
        elif verdict == "not-judged" and found:  # what is missing is no excuse
            verdicts, verdict = _all_wrong(verdicts), "wrong"
        return Result(
            question.id,
            verdict,
            weakest(np.asarray(judged.how[place], dtype=object), verdict),
            points(self.exercise.grading, question.points, verdicts),
            question.points,
            answer.mark,
            tuple(self.entries(question, answer, judged, verdict)),
            found,
            self.exercise.mistaken(name).within(self.typed(name)) if verdict == "correct" else (),
            message(self.judge, name, verdict, found, judged.reason, answer.trouble, origin),
            explanation(self.judge, name, judged),
            self.exercise.expected(name, question.index),
            self.exercise.formula(name),
            question.asked,
            origin,
        )

    def unjudged(self, question: Question, answer: Answer | None) -> Result:
        """A quantity that is missing, cannot be read, or has another shape."""
        known = question.name in self.exercise.key.truth
        verdict, words, found = self.why_unjudged(question.name, answer)
        return Result(
            question.id,
            verdict,
            None,
            0.0,
            question.points,
            answer.mark if answer else None,
            slips=found,
            message=words,
            expected=self.exercise.expected(question.name, question.index) if known else None,
            formula=self.exercise.formula(question.name),
            asked=question.asked,
        )

    def why_unjudged(
        self, name: str, answer: Answer | None
    ) -> tuple[Verdict, str, tuple[str, ...]]:
        """The verdict on what cannot be compared, the sentence, and the slip that explains it."""
        truth = self.exercise.key.truth.get(name)
        if answer is not None and answer.trouble is not None:
            return "invalid", answer.trouble, ()
        if answer is None or truth is None:
            return "missing", "", ()
        words = f"this is {described(answer.shape)}, and {name} is {described(truth.shape)}"
        return "wrong", words, self.turned(answer, truth)

    def turned(self, answer: Answer, truth: Array) -> tuple[str, ...]:
        """`transposed`, where the other shape is that of the transpose, and so are the values."""
        if truth.ndim != 2 or answer.shape != truth.shape[::-1]:
            return ()
        typed = written(answer)
        unit = finer(typed.value, typed.unit, truth.T, self.exercise.key.unit)
        fits = meets(standing_for(typed.value, unit), point(truth.T)) | ~typed.present
        return ("transposed",) if fits.all() else ()

    def found(self, name: str, answer: Answer, judged: Judged) -> Found:
        """The slips that explain a wrong quantity, and where they were made if not in it."""
        if name not in self.slips:
            wrong = Wrong(
                name,
                self.judge.written[name],
                (judged.verdicts == "wrong") | (judged.verdicts == "not-judged"),
                {index: cell.text for index, cell in answer.cells.items() if cell is not None},
                self.exercise.candidates(name),
                self.exercise.sample_axis(name),
            )
            self.slips[name] = self.detector.explain(wrong, self.exercise.candidates)
        return self.slips[name]

    def entries(
        self, question: Question, answer: Answer, judged: Judged, overall: Verdict
    ) -> Iterator[EntryResult]:
        """The verdict on every entry asked; one not judged is wrong where a slip explains it."""
        known = _all_wrong(judged.verdicts) if overall == "wrong" else judged.verdicts
        for place, index in self.exercise.places(question.name):
            if question.index is None or question.index == place:
                verdict, cell = known[place], answer.cells.get(place)
                how = judged.how[place] if verdict == "correct" else None
                yield EntryResult(index, verdict, how, None if cell is None else cell.text)


def _all_wrong(verdicts: Words) -> Words:
    """Verdicts where what could not be judged is known to be wrong."""
    return np.where(verdicts == "not-judged", "wrong", verdicts).astype(object)

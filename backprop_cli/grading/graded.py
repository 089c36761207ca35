"""One sheet to the results on it: verdicts, slips, points and sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property, partial

import numpy as np

from backprop_cli.algebra.expr import Sym
from backprop_cli.algebra.quantity import new_id
from backprop_cli.algebra.shapes import described
from backprop_cli.grading.causes import Causes
from backprop_cli.grading.exercise import Exercise, Question
from backprop_cli.grading.judging.answer_key import (
    Judged,
    Key,
    Legible,
    Words,
    overall,
    points,
    weakest,
)
from backprop_cli.grading.judging.effort import Effort
from backprop_cli.grading.judging.judge import Judge
from backprop_cli.grading.judging.right_answers import MOST_ENTRIES, RightAnswers
from backprop_cli.grading.judging.standing import Kept
from backprop_cli.grading.report_data import (
    Answer,
    EntryResult,
    Index,
    Origin,
    Result,
    Sheet,
    Verdict,
)
from backprop_cli.grading.sentences import TOO_SHORT, about, explanation, factor, message
from backprop_cli.grading.sheets.typed_arrays import (
    Array,
    ArrayCells,
    Written,
    finer,
    meets,
    written,
)
from backprop_cli.grading.slips.of_programs import NOT_SUMMED, Misshapen, by_shape, ratio_on
from backprop_cli.grading.slips.plain_workings import Numbers, Values
from backprop_cli.grading.slips.table_of_slips import SLIP_WORDS
from backprop_cli.grading.slips.wrong_quantity import LEFT_AS_IT_WAS, is_short
from backprop_cli.operations.bounds import Interval, point
from backprop_cli.operations.masks import every
from backprop_cli.readings.units import largest

_SEEN = frozenset({"copied", *LEFT_AS_IT_WAS})
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

    @cached_property
    def judge(self) -> Judge:
        """The judge of what is not right by itself, all of it judged."""
        judge = self.begun()
        for _ in self.judging(judge):
            pass
        return judge

    def judging(self, judge: Judge) -> Iterator[str]:
        """Judges one quantity after the other."""
        for name in self.exercise.order:
            if name in judge.written and name not in judge.judged:
                judge.judge(name)
                yield name

    def begun(self, kept: Kept | None = None) -> Judge:
        """The judge who knows what is right by itself, and nothing else yet."""
        readable = dict(self.readable())
        key = self.exercise.key_for(readable)
        lost = {name for name in self.expected if not is_there(name, key, readable)}
        unusable = lost & set(self.sheet.answers)
        legible = Legible(readable, lost, unusable, partial(self.betrayed, readable))
        right = {name: right.judged for name, right in self.right.items()}
        most = None if kept is not None else Effort(self.exercise.most_work)
        return Judge(key, legible, right, kept, most)

    def alone(self, name: str, kept: Kept) -> Words:
        """The verdicts on a quantity beside right ones; what formulas give there is `kept`."""
        judge = self.begun(kept)
        if name not in judge.written:  # so long that nobody types it
            return np.full(self.exercise.key.truth[name].shape, "invalid", dtype=object)
        return (judge.judged.get(name) or judge.judge(name)).verdicts

    @cached_property
    def expected(self) -> frozenset[str]:
        """What should be on the sheet; what a program does not give it has all the same."""
        key = self.exercise.key
        return key.asked & set(self.sheet.answers) if key.computed else key.asked

    @cached_property
    def causes(self) -> Causes:
        """What explains the wrong quantities of this sheet."""
        return Causes(self.exercise, self.sheet, self.judge)

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
        here, key = self.judge.written[name], self.exercise.key
        return here.stands(finer(here.value, here.unit, key.truth[name], key.unit))

    def betrayed(self, readable: Mapping[str, Written], name: str) -> bool:
        """Whether the digits typed are those of a slip."""
        here = readable[name]
        return bool(self.exercise.mistaken(name).within(here.stands(here.unit)))

    def results(self) -> Iterator[Result]:
        """What is asked, in order, then what stands on the sheet beside it.

        Where a problem does not say what it asks, a program is asked for what it gives.
        """
        for question in self.questions:
            right = self.right.get(question.name)
            yield right.results[question.id] if right is not None else self.result(question)

    @cached_property
    def questions(self) -> tuple[Question, ...]:
        """What is asked, and what stands on the sheet beside it."""
        answers, exercise = self.sheet.answers, self.exercise
        asked = exercise.questions
        if exercise.key.computed and exercise.model.problem.ask is None:
            asked = tuple(question for question in asked if question.name in answers)
        beside = (name for name in answers if name not in exercise.key.asked)
        others = (question for name in beside for question in exercise.questions_on(name))
        return (*asked, *others)

    def is_wrong_in(self, count: float) -> bool:
        """Whether so many quantities are wrong before it is known which slips explain more of them.

        Where they are, the rest is not judged.
        """
        judge, wrong = self.begun(), 0
        for name in self.judging(judge):
            verdicts = judge.judged[name].verdicts
            asked = (question for question in self.questions if question.name == name)
            wrong += sum(overall(_at(verdicts, question)) == "wrong" for question in asked)
            if wrong >= count:
                return True
        self.judge = judge
        return False

    def result(self, question: Question) -> Result:
        """The verdict on one quantity, and everything to say about it."""
        answer = self.sheet.answers.get(question.name)
        judged = self.judge.judged.get(question.name) if answer is not None else None
        if answer is None or judged is None:
            return self.unjudged(question, answer)
        name = question.name
        place = () if question.index is None else question.index
        verdicts = _at(judged.verdicts, question)
        verdict = overall(verdicts)
        unexplained = verdict in ("wrong", "not-judged")
        found, origin = self.causes.of(name) if unexplained else ((), None)
        if verdict == "not-judged" and judged.is_cut:  # an honest way may be among those left
            found, origin = (), None
        elif verdict == "not-judged" and judged.idle is not None:  # 0 is any slip's value of 0
            found, origin = tuple(id for id in found if id in _SEEN), None
        elif verdict == "not-judged" and found:  # what is missing is no excuse
            verdicts, verdict = _all_wrong(verdicts), "wrong"
        person = partial(self.exercise.person, name)
        times = self.factor(answer, verdict, origin)
        reason = self.why(answer, judged, verdict, found)
        words = message(self.judge, name, verdict, found, origin, reason)
        return Result(
            id=question.id,
            verdict=verdict,
            how=weakest(np.asarray(judged.how[place], dtype=object), verdict),
            points=points(self.exercise.grading, question.points, verdicts),
            max_points=question.points,
            mark=answer.mark,
            entries=tuple(self.entries(question, answer, judged, verdict)),
            slips=found,
            cannot_exclude=self.open(name) if verdict == "correct" else (),
            message=self.of_array(answer, verdict, f"{times}. {words}" if times else words),
            explanation=explanation(self.judge, name, judged, question.index, person),
            expected=self.exercise.expected(name, question.index),
            formula=self.exercise.formula(name),
            asked=question.asked,
            origin=origin,
            called=answer.called,
            factor=times,
            short=reason == TOO_SHORT,
        )

    def factor(self, answer: Answer, verdict: Verdict, origin: Origin | None) -> str:
        """In how many times the right size all of an array is."""
        if answer.called is None or verdict != "wrong" or origin is not None:
            return ""
        return factor(ratio_on(self.judge, answer.id), self.exercise.model.sample_count)

    def of_array(self, answer: Answer, verdict: Verdict, words: str) -> str:
        """The sentence; of an array with its name and the line of the derivation."""
        if answer.called is None:
            return words
        return about(answer.called, self.exercise.formula(answer.id) or answer.id, verdict, words)

    def open(self, name: str) -> tuple[str, ...]:
        """The slips that a right answer's digits cannot exclude; a program has digits enough."""
        if self.exercise.key.computed:
            return ()
        return self.exercise.mistaken(name).within(self.typed(name))

    def unjudged(self, question: Question, answer: Answer | None) -> Result:
        """A quantity that is missing, cannot be read, or has another shape."""
        known = question.name in self.exercise.key.truth
        verdict, words, found = self.why_unjudged(question.name, answer)
        shows = ""
        if answer is not None and answer.called is not None:
            shows = words.removeprefix(_sentences(found)).strip(" .") if found else ""
            words = self.of_array(answer, verdict, words)
        return Result(
            id=question.id,
            verdict=verdict,
            how=None,
            points=0.0,
            max_points=question.points,
            mark=answer.mark if answer else None,
            slips=found,
            message=words,
            expected=self.exercise.expected(question.name, question.index) if known else None,
            formula=self.exercise.formula(question.name),
            asked=question.asked,
            called=answer.called if answer else None,
            factor=shows,
        )

    def why_unjudged(
        self, name: str, answer: Answer | None
    ) -> tuple[Verdict, str, tuple[str, ...]]:
        """The verdict on what cannot be compared, the sentence, and the slip that explains it."""
        truth = self.exercise.key.truth.get(name)
        if answer is not None and answer.trouble is not None:
            return "invalid", f"{answer.trouble}{self.behind(name, answer)}", ()
        if answer is None:
            return "missing", "", ()
        if truth is None:
            return (
                "not-judged",
                "so late a step is looked at only where the problem asks for it",
                (),
            )
        if answer.shape == truth.shape:
            return self.repeated(name, answer, truth)
        typed = "one number" if answer.shape == (1,) else described(answer.shape)
        words = f"this is {typed}, and {name} is {described(truth.shape)}"
        if isinstance(answer.cells, ArrayCells):
            return "wrong", *self.misshapen(name, answer.cells, words)
        return "wrong", words, self.turned(name, answer) or self.unsummed(name, answer)

    def behind(self, name: str, answer: Answer) -> str:
        """Which array without numbers an array without numbers follows from: the first of all."""
        if answer.called is None:
            return ""
        before = self.exercise.key.behind(name, {})
        first = next((one for one in self.unreadable if one.id in before), None)
        return "" if first is None else f"; it follows from {first.called}: repair that first"

    @cached_property
    def unreadable(self) -> list[Answer]:
        """The arrays without numbers, in the order of their lines."""
        given = map(self.sheet.answers.get, self.exercise.order)
        return [one for one in given if one is not None and one.trouble and one.called is not None]

    def repeated(
        self, name: str, answer: Answer, truth: Array
    ) -> tuple[Verdict, str, tuple[str, ...]]:
        """What is given, written down once more: as it is, or with other numbers."""
        if self.stands_for(answer, point(truth)):
            return "correct", "", ()
        why = f"{name} is given, and its numbers in the problem are others"
        updated = self.exercise.key.truth.get(new_id(name))
        if updated is not None and self.stands_for(answer, point(updated)):
            why = f"these are the numbers of {new_id(name)}: write that name; {name} is given"
        return "wrong", why, ()

    def stands_for(self, answer: Answer, known: Interval) -> bool:
        """Whether the numbers of an answer, as far as there are any, may be these."""
        typed = written(answer)
        unit = finer(typed.value, typed.unit, known[0], self.exercise.key.unit)
        fits = meets(typed.stands(unit), known)
        return every(fits | ~typed.present)

    def misshapen(self, name: str, cells: ArrayCells, words: str) -> tuple[str, tuple[str, ...]]:
        """The sentence for an array of another shape, and the mistake that explains it."""
        room = largest(cells.unit)
        one = Misshapen(name, cells.value, room, self.judge, self.exercise.model.sample_count)
        found = by_shape(one, self.exercise.shaped(name, cells.value.shape))
        if not found.slips:
            return words, ()
        shows = found.words or words
        return f"{_sentences(found.slips)} {shows[0].upper()}{shows[1:]}.", found.slips

    def turned(self, name: str, answer: Answer) -> tuple[str, ...]:
        """`transposed`, where the other shape is that of the transpose, and so are the values.

        They are true, or what follows from the rounded ones before them.
        """
        truth, first = self.exercise.key.truth[name], self.judge.key.first(name)
        if truth.ndim != 2 or answer.shape != truth.shape[::-1]:
            return ()
        own = [] if first is None else [self.judge.enclosed(first, repaired=False, unit=None)]
        rights = (point(truth), *own)
        found = any(self.stands_for(answer, (low.T, high.T)) for low, high in rights)
        return ("transposed",) if found else ()

    def unsummed(self, name: str, answer: Answer) -> tuple[str, ...]:
        """`bias-gradient-not-summed`, where the shares are written that are to be added up."""
        values = Values(Numbers(self.judge))
        shapes = (answer.shape, answer.shape[::-1])
        for id, expr in (one for shape in shapes for one in self.exercise.shaped(name, shape)):
            shares = np.squeeze(values.of(expr)) if id == NOT_SUMMED else np.zeros(0)
            for one in (shares, shares.T):
                same = one.shape == tuple(size for size in answer.shape if size != 1)
                if same and self.stands_for(answer, point(one.reshape(answer.shape))):
                    return ("bias-gradient-not-summed",)
        return ()

    def why(
        self, answer: Answer, judged: Judged, verdict: Verdict, slips: tuple[str, ...]
    ) -> str | None:
        """Why nothing can be said for a quantity: what is missing, or too few digits of it."""
        if verdict == "wrong" and answer.id in self.causes.left:
            unknown = "neither right nor what follows; no mistake was looked for, since"
            return f"{unknown} {self.judge.search.words}"
        if verdict == "wrong":
            short = not slips and is_short(self.judge, self.causes.wrong(answer.id))
            return TOO_SHORT if short else None
        return judged.reason if verdict == "not-judged" else None

    def entries(
        self, question: Question, answer: Answer, judged: Judged, overall: Verdict
    ) -> Iterator[EntryResult]:
        """The verdict on every entry asked; one not judged is wrong where a slip explains it."""
        known = _all_wrong(judged.verdicts) if overall == "wrong" else judged.verdicts
        for place, index in self.shown(question.name, known):
            if question.index is None or question.index == place:
                verdict, cell = known[place], answer.cells.get(place)
                how = judged.how[place] if verdict == "correct" else None
                yield EntryResult(index, verdict, how, None if cell is None else cell.text)

    def shown(self, name: str, verdicts: Words) -> Iterable[tuple[Index, Index]]:
        """The entries that are listed: all, or the first that are not right of a large array."""
        if verdicts.size <= MOST_ENTRIES:
            return self.exercise.places(name)
        places = map(tuple, np.argwhere(verdicts != "correct")[:MOST_ENTRIES].tolist())
        return [(place, self.exercise.person(name, place)) for place in places]


def _at(verdicts: Words, question: Question) -> Words:
    """The verdicts on what a question asks for: all entries, or one of them."""
    return np.asarray(verdicts[() if question.index is None else question.index], dtype=object)


def _sentences(slips: Iterable[str]) -> str:
    return " Or: ".join(SLIP_WORDS[slip].sentence for slip in slips)


def _all_wrong(verdicts: Words) -> Words:
    """Verdicts where what could not be judged is known to be wrong."""
    return np.where(verdicts == "not-judged", "wrong", verdicts).astype(object)


def is_there(name: str, key: Key, readable: Mapping[str, Written]) -> bool:
    """Whether a quantity can be read, by its own name or as the one that it is: Ŷ where Ŷ = Z."""
    while name not in readable:
        same = key.first(name)
        if not isinstance(same, Sym):
            return False
        name = same.name
    return True

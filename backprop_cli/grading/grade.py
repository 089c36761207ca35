"""Sheets to submissions and a report: the judge's verdicts, the slips, the marks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any

import numpy as np

from backprop_cli.algebra.expr import symbols
from backprop_cli.algebra.shapes import described
from backprop_cli.grading.data import (
    Answer,
    EntryResult,
    Report,
    Result,
    Sheet,
    Submission,
    Summary,
    Tally,
)
from backprop_cli.grading.detect import Candidate, Wrong, candidates, slips
from backprop_cli.grading.judge import Judge, Judged, Key, overall, weakest
from backprop_cli.grading.rewrites import Case
from backprop_cli.grading.sentences import expected, explanation, message
from backprop_cli.grading.variants import fused_first, variants
from backprop_cli.grading.whole import Whole
from backprop_cli.grading.written import Array, Written, finer, meets, standing_for, used, written
from backprop_cli.operations.bounds import Interval, point
from backprop_cli.operations.sizes import Sizes
from backprop_cli.problem.data import Digits
from backprop_cli.problem.ids import Reference, reference
from backprop_cli.problem.kinks import kinks
from backprop_cli.problem.model import Model
from backprop_cli.readings.intervals import Unit
from backprop_cli.readings.plain import plain
from backprop_cli.readings.values import evaluate
from backprop_cli.solving.asked import asked
from backprop_cli.solving.plan import Planned, plan
from backprop_cli.solving.solve import Request, Solution, solve

Index = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """One quantity, or one entry of it, that is asked, and the points for it."""

    id: str
    name: str
    index: Index | None
    points: float


def cache_per_name(method: Callable[..., Any]) -> Callable[..., Any]:
    """Keeps what a method of the grader has worked out; the cache goes with the grader."""

    @wraps(method)
    def cached(self: Grader, *key: Any) -> Any:
        store = self._cache.setdefault(method.__name__, {})
        if key not in store:
            store[key] = method(self, *key)
        return store[key]

    return cached


class Grader:
    """Grades the sheets of one problem. Pure and picklable: the same sheet, the same submission."""

    def __init__(self, model: Model) -> None:
        exact = replace(model, problem=replace(model.problem, rounding=None))
        self._cache: dict[str, dict[Any, Any]] = {}
        solution = solve(exact, Request())
        self.model = solution.model
        self.plan = plan(self.model)
        self.steps = {step.id: step for step in self.plan.steps}
        self.questions = tuple(self._questions(solution))
        self.key = self._key(solution)
        self.fused = fused_first(self.model, self.key.formulas)
        names = dict.fromkeys(question.name for question in self.questions)
        self.whole = Whole.of(list(names), self.key.truth, self.key.unit)

    def _key(self, solution: Solution) -> Key:
        digits = self.model.problem.grading.precision
        truth = dict(solution.values) | self._later(solution)
        news = {f"{name}_new": name for name in self.model.trained}
        formulas = variants(self.model)
        return Key(
            truth,
            formulas,
            frozenset(name for name in truth if name not in self.steps and "@" not in name),
            frozenset(question.name for question in self.questions),
            _unit(digits),
            news,
            {name: symbols(ways[0]) for name, ways in formulas.items()},
        )

    def _questions(self, solution: Solution) -> Iterator[Question]:
        marks = {}
        known = [*self.steps, *solution.trace.given]
        for text, points in self.model.problem.grading.points:
            found = reference(text.text, known, self.model.gradient_of, self.model.aliases)
            marks[_called(found)] = points
        for wanted in asked(self.model, self.plan):
            name = wanted.id if wanted.step == 1 else f"{wanted.id}@{wanted.step}"
            index = self._counted(wanted)
            called = _called(wanted)
            yield Question(called, name, index, marks.get(called, marks.get(wanted.id, 1.0)))

    def _counted(self, wanted: Reference) -> Index | None:
        if wanted.index is None:
            return None
        shape = tuple(int(size) for size in self.steps[wanted.id].shape)
        return self.model.counted(wanted.id, wanted.index, shape)

    def _later(self, solution: Solution) -> dict[str, Array]:
        """The true values of quantities asked after later updates, as `W1_new@2`."""
        found = {}
        for question in self.questions:
            id, _, number = question.name.partition("@")
            if number:
                later = solve(solution.model, Request(steps=int(number), at=int(number)))
                found[question.name] = later.values[id]
        return found

    # One sheet ----------------------------------------------------------------------------------

    def grade(self, sheet: Sheet) -> Submission:
        """The verdicts and marks of one sheet."""
        most = sum(question.points for question in self.questions)
        if sheet.error is not None:
            return Submission(
                sheet.student,
                sheet.file,
                0.0,
                most,
                False,
                None,
                (),
                sheet.error,
                sheet.error_mark,
                sheet.remarks,
            )
        judged = _Graded(self, sheet)
        results = tuple(judged.results())
        score = sum(result.points for result in results)
        passed = score >= self.model.problem.grading.passing * most - 1e-9
        return Submission(
            sheet.student,
            sheet.file,
            round(score, 6),
            most,
            passed,
            self._first_wrong(results),
            results,
            remarks=sheet.remarks,
        )

    def _first_wrong(self, results: Sequence[Result]) -> str | None:
        order = {id: place for place, id in enumerate(self.steps)}
        wrong = [result.id for result in results if result.verdict in ("wrong", "invalid")]
        return min(
            wrong,
            key=lambda id: order.get(id.partition("[")[0].partition("@")[0], len(order)),
            default=None,
        )

    # Slips --------------------------------------------------------------------------------------

    @cache_per_name
    def candidates(self, name: str) -> list[Candidate]:
        """The wrong formulas of a quantity, made when it is first wrong."""
        step = self.steps.get(name)
        return [] if step is None else candidates(self.case(step))

    def case(self, step: Planned) -> Case:
        """A quantity as the slips see it."""
        sizes = Sizes(self.plan.shapes, kinks(self.model.problem.convention.kinks))
        return Case(self.model, step, self.steps, sizes, self.key.asked)

    @cache_per_name
    def formula(self, name: str) -> str | None:
        """The right formula of a quantity as text."""
        step = self.steps.get(name)
        if step is None:
            return None
        return f"{name} = {plain(step.expr, self.model.problem.convention.indices)}"

    @cache_per_name
    def expected(self, name: str, index: Index | None) -> str:
        """The right value as text, at the digits asked."""
        return expected(self.key.truth[name], index, self.key.unit)

    @cache_per_name
    def places(self, name: str) -> tuple[tuple[Index, Index], ...]:
        """Every entry of a quantity: counted from 0, and as a person counts."""
        return tuple(
            (place, self.person(name, place)) for place in np.ndindex(self.key.truth[name].shape)
        )

    def person(self, name: str, place: Index) -> Index:
        """An entry's index as a person writes it."""
        bases = self.model.index_bases(name) or (self.model.problem.convention.indices,) * len(
            place
        )
        return tuple(i + base for i, base in zip(place, bases, strict=False))

    @cache_per_name
    def mistaken(self, name: str) -> Mistaken:
        """What each slip gives on true values, where that differs from the right value."""
        truth = self.key.truth[name]
        ids, values = [], []
        for id, expr in self.candidates(name):
            value = evaluate(expr, self.key.truth)
            if value.shape == truth.shape and not np.allclose(value, truth, rtol=1e-9, atol=1e-12):
                ids.append(id)
                values.append(value)
        stacked = np.stack(values) if values else np.zeros((0, *truth.shape))
        return Mistaken(tuple(ids), stacked)


@dataclass(frozen=True, slots=True)
class Mistaken:
    """The values that slips lead to, one behind the other, and the slip of each."""

    ids: tuple[str, ...]
    values: Array

    def within(self, typed: Interval) -> tuple[str, ...]:
        """The slips all of whose values lie in what was typed."""
        if not self.ids:
            return ()
        inside = meets(typed, point(self.values)).reshape(len(self.ids), -1).all(axis=1)
        return tuple(dict.fromkeys(id for id, hit in zip(self.ids, inside, strict=True) if hit))


def _called(wanted: Reference) -> str:
    index = "" if wanted.index is None else f"[{','.join(map(str, wanted.index))}]"
    return wanted.id + index + (f"@{wanted.step}" if wanted.step > 1 else "")


def _unit(digits: Digits | None) -> Unit | None:
    return None if digits is None else Unit(digits.count, digits.kind == "significant")


class _Graded:
    """One sheet while it is graded."""

    def __init__(self, grader: Grader, sheet: Sheet) -> None:
        self.grader = grader
        self.sheet = sheet
        self.slips: dict[str, tuple[str, ...]] = {}
        readable = {
            name: written(answer)
            for name, answer in sheet.answers.items()
            if name in grader.key.truth
            and answer.trouble is None
            and answer.shape == grader.key.truth[name].shape
        }
        lost = {name for name in grader.key.asked if name not in readable}
        formulas = grader.key.formulas
        if (
            grader.model.fusion
            and grader.model.gradient(grader.model.fusion.output) not in readable
        ):
            formulas = grader.fused
        key = replace(grader.key, formulas=formulas)
        self.judge = Judge(
            key, readable, lost, used(list(readable.values()), key.unit), self.betrayed
        )
        everything = grader.whole.judged(readable)
        if everything is not None:
            self.judge.judged.update(everything)
        for name in (*grader.steps, *(q.name for q in grader.questions if "@" in q.name)):
            if name in readable and name not in self.judge.judged:
                self.judge.judge(name)

    def betrayed(self, name: str, mask: np.ndarray) -> bool:  # type: ignore[type-arg]
        """Whether the digits beyond those asked are those of a slip."""
        typed = self.judge.written[name]
        return bool(self.grader.mistaken(name).within(standing_for(typed.value, typed.unit)))

    def results(self) -> Iterator[Result]:
        """What is asked, in order, then what stands on the sheet beside it."""
        for question in self.grader.questions:
            yield self.result(question, self.sheet.answers.get(question.name))
        for name, answer in self.sheet.answers.items():
            if name not in self.grader.key.asked:
                yield self.result(Question(name, name, None, 0.0), answer, is_asked=False)

    def result(self, question: Question, answer: Answer | None, is_asked: bool = True) -> Result:
        judged = self.judge.judged.get(question.name)
        if answer is None or judged is None:
            return self.unjudged(question, answer, is_asked)
        verdicts, how = judged.verdicts, judged.how
        if question.index is not None:
            verdicts, how = verdicts[question.index], how[question.index]
            verdicts, how = np.asarray(verdicts, dtype=object), np.asarray(how, dtype=object)
        verdict = overall(verdicts)
        found = self.found(question, answer, judged) if verdict == "wrong" else ()
        return Result(
            question.id,
            verdict,
            weakest(how, verdict),
            self.points(question, verdicts),
            question.points,
            answer.mark,
            tuple(self.entries(question, answer, judged)),
            found,
            self.open(question.name) if verdict == "correct" else (),
            message(self.judge, question.name, verdict, found, judged.reason, answer.trouble),
            explanation(self.judge, question.name, judged),
            self.grader.expected(question.name, question.index),
            self.grader.formula(question.name),
            is_asked,
        )

    def unjudged(self, question: Question, answer: Answer | None, is_asked: bool) -> Result:
        """A quantity that is missing, cannot be read, or has another shape."""
        truth = self.grader.key.truth.get(question.name)
        verdict, found, words = "missing", (), "not on the sheet"
        if answer is not None and answer.trouble is not None:
            verdict, words = "invalid", answer.trouble
        elif answer is not None and truth is not None:
            verdict, words = (
                "wrong",
                (
                    f"this is {described(answer.shape)}, and {question.name} is {described(truth.shape)}"
                ),
            )
            found = self.turned(answer, truth)
        return Result(
            question.id,
            verdict,
            None,
            0.0,
            question.points,  # type: ignore[arg-type]
            answer.mark if answer else None,
            (),
            found,
            (),
            words,
            None,
            None if truth is None else self.grader.expected(question.name, question.index),
            self.grader.formula(question.name),
            is_asked,
        )

    def turned(self, answer: Answer, truth: Array) -> tuple[str, ...]:
        """`transposed`, where the other shape is that of the transpose, and so are the values."""
        if truth.ndim != 2 or answer.shape != truth.shape[::-1]:
            return ()
        typed = written(answer)
        unit = finer(typed.value, typed.unit, truth.T, self.grader.key.unit)
        fits = meets(standing_for(typed.value, unit), point(truth.T)) | ~typed.present
        return ("transposed",) if fits.all() else ()

    def found(self, question: Question, answer: Answer, judged: Judged) -> tuple[str, ...]:
        name = question.name
        if name not in self.slips:
            texts = {index: cell.text for index, cell in answer.cells.items() if cell is not None}
            axes = self.grader.steps[name].axes if name in self.grader.steps else ()
            axis = axes.index("sample") if "sample" in axes else None
            wrong = Wrong(
                name,
                self.judge.written[name],
                judged.verdicts == "wrong",
                texts,
                self.grader.candidates(name),
                axis,
            )
            self.slips[name] = slips(self.judge, wrong)
        return self.slips[name]

    def open(self, name: str) -> tuple[str, ...]:
        """The slips that the digits typed cannot exclude."""
        typed = self.judge.written[name]
        unit = finer(typed.value, typed.unit, self.grader.key.truth[name], self.grader.key.unit)
        return self.grader.mistaken(name).within(standing_for(typed.value, unit))

    def points(self, question: Question, verdicts: np.ndarray) -> float:  # type: ignore[type-arg]
        grading = self.grader.model.problem.grading
        worth = {"correct": 1.0, "carried": grading.carried, "imprecise": grading.imprecise}
        shares = [worth.get(verdict, 0.0) for verdict in verdicts.ravel()]
        if not shares:
            return 0.0
        share = min(shares) if grading.entries == "all-or-nothing" else sum(shares) / len(shares)
        return round(question.points * share, 9)

    def entries(self, question: Question, answer: Answer, judged: Judged) -> Iterator[EntryResult]:
        for place, index in self.grader.places(question.name):
            if question.index is None or question.index == place:
                verdict, cell = judged.verdicts[place], answer.cells.get(place)
                how = judged.how[place] if verdict == "correct" else None
                yield EntryResult(index, verdict, how, None if cell is None else cell.text)


# A class ------------------------------------------------------------------------------------------


def summarised(problem: str, submissions: Sequence[Submission]) -> Report:
    """The report of all sheets: the submissions and how the class did with each quantity."""
    counts: dict[str, Counter[str]] = {}
    slip_counts: dict[str, Counter[str]] = {}
    shared: dict[str, Counter[str]] = {}
    for submission in submissions:
        for result in submission.results:
            counts.setdefault(result.id, Counter())[result.verdict] += 1
            slip_counts.setdefault(result.id, Counter()).update(result.slips)
            if result.verdict == "wrong" and not result.slips and result.entries:
                text = " ".join(entry.typed or "_" for entry in result.entries)
                shared.setdefault(result.id, Counter())[text] += 1
    tallies = tuple(
        Tally(id, dict(count), dict(slip_counts[id]), _several(shared.get(id, Counter())))
        for id, count in counts.items()
    )
    passed = sum(submission.passed for submission in submissions)
    return Report(problem, tuple(submissions), Summary(len(submissions), passed, tallies))


def _several(texts: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    found = [(text, count) for text, count in texts.items() if count > 1]
    return tuple(sorted(found, key=lambda pair: -pair[1]))

"""A problem to what its sheets are graded by: questions, the key, wrong formulas, wrong values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import update_wrapper
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.algebra.expr import Op, symbols, walk
from backprop_cli.grading.case import Case
from backprop_cli.grading.data import Index
from backprop_cli.grading.detect import candidates
from backprop_cli.grading.key import Key
from backprop_cli.grading.sentences import expected
from backprop_cli.grading.slips import GENERAL
from backprop_cli.grading.variants import Formulas, fused_first, variants
from backprop_cli.grading.workings import Values
from backprop_cli.grading.written import Array, meets
from backprop_cli.grading.wrong import Candidate
from backprop_cli.operations.bounds import Interval, point
from backprop_cli.operations.sizes import Sizes
from backprop_cli.problem.data import Digits
from backprop_cli.problem.ids import Reference, reference
from backprop_cli.problem.kinks import kinks
from backprop_cli.problem.model import Model
from backprop_cli.readings.intervals import Unit
from backprop_cli.readings.plain import plain
from backprop_cli.solving.asked import asked, asked_pairs
from backprop_cli.solving.plan import Planned, plan
from backprop_cli.solving.solve import Request, Solution, solve

Rest = ParamSpec("Rest")
Result = TypeVar("Result")


class Question(Struct, frozen=True):
    """One quantity, or one entry of it, and the points for it; none where nobody asked."""

    id: str
    name: str
    index: Index | None
    points: float
    asked: bool = True


class Mistaken(Struct, frozen=True):
    """The values that slips lead to, one behind the other, and the slip of each."""

    ids: tuple[str, ...]
    values: Array

    def within(self, typed: Interval) -> tuple[str, ...]:
        """The slips all of whose values lie in what was typed."""
        if not self.ids:
            return ()
        inside = meets(typed, point(self.values)).reshape(len(self.ids), -1)
        return tuple(
            dict.fromkeys(id for id, hit in zip(self.ids, inside, strict=True) if hit.all())
        )


def cached(
    method: Callable[Concatenate[Exercise, Rest], Result],
) -> Callable[Concatenate[Exercise, Rest], Result]:
    """Keeps what a method of an exercise has worked out; the cache goes with the exercise."""

    def remembered(self: Exercise, /, *key: Rest.args, **named: Rest.kwargs) -> Result:
        store = self._cache.setdefault(method.__name__, {})
        if key not in store:
            store[key] = method(self, *key, **named)
        found: Result = store[key]
        return found

    update_wrapper(remembered, method)
    return remembered


class Exercise:
    """A problem as its sheets are graded. Pure and picklable; what is worked out once is kept."""

    def __init__(self, model: Model) -> None:
        exact = replace(model, problem=replace(model.problem, rounding=None))
        self._cache: dict[str, dict[Any, Any]] = {}
        solution = solve(exact, Request(extra=asked_pairs(exact)))
        self.model = solution.model
        self.plan = plan(self.model, asked_pairs(self.model))
        self.steps = {step.id: step for step in self.plan.steps}
        self.questions = tuple(self._questions(solution))
        self.key = self._key(solution)
        self.fused = replace(self.key, formulas=fused_first(self.model, self.key.formulas))
        names = (question.name for question in self.questions)
        self.order = tuple(dict.fromkeys((*self.steps, *names)))
        self.most = sum(question.points for question in self.questions)

    def _key(self, solution: Solution) -> Key:
        digits = self.model.problem.grading.precision
        truth = dict(solution.values) | self._later(solution)
        new_values = {f"{name}_new": name for name in self.model.trained}
        formulas = variants(self.model)
        return Key(
            truth,
            formulas,
            frozenset(name for name in truth if name not in self.steps and "@" not in name),
            frozenset(question.name for question in self.questions),
            _unit(digits),
            new_values,
            {name: symbols(ways[0]) for name, ways in formulas.items()},
            frozenset(_never_zero(formulas)),
            frozenset(step.id for step in self.plan.steps if step.phase == "forward"),
            frozenset(step.id for step in self.plan.steps if step.rule == "forward-again"),
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

    @cached
    def questions_on(self, name: str) -> tuple[Question, ...]:
        """What is asked about a quantity; where nothing is, the quantity without points."""
        asked = tuple(question for question in self.questions if question.name == name)
        return asked or (Question(name, name, None, 0.0, asked=False),)

    def key_for(self, readable: Collection[str]) -> Key:
        """The key for who wrote these: without the gradient of the output, read as fused."""
        fusion = self.model.fusion
        if fusion is None or self.model.gradient(fusion.output) in readable:
            return self.key
        return self.fused

    def sample_axis(self, name: str) -> int | None:
        """The axis along which a quantity has its samples."""
        axes = self.steps[name].axes if name in self.steps else ()
        return axes.index("sample") if "sample" in axes else None

    # Slips --------------------------------------------------------------------------------------

    @cached
    def candidates(self, name: str) -> list[Candidate]:
        """The wrong formulas of a quantity, made when it is first wrong."""
        step = self.steps.get(name)
        return [] if step is None else candidates(self.case(step))

    def case(self, step: Planned) -> Case:
        """A quantity as the slips see it."""
        sizes = Sizes(self.plan.shapes, kinks(self.model.problem.convention.kinks))
        return Case(self.model, step, self.steps, sizes, self.key.asked)

    @cached
    def formula(self, name: str) -> str | None:
        """The right formula of a quantity as text."""
        step = self.steps.get(name)
        if step is None:
            return None
        return f"{name} = {plain(step.expr, self.model.problem.convention.indices)}"

    @cached
    def expected(self, name: str, index: Index | None) -> str:
        """The right value as text, at the digits asked."""
        return expected(self.key.truth[name], index, self.key.unit)

    @cached
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

    @cached
    def mistaken(self, name: str) -> Mistaken:
        """What each slip gives on true values, where that differs from the right value."""
        truth = self.key.truth[name]
        known = Values(self.key.truth)
        ids, values = [], []
        for id, expr in self.candidates(name):
            if id in GENERAL:
                continue  # some part's change comes near to nearly any value
            value = known.of(expr)
            if value.shape != truth.shape or not np.isfinite(value).all():
                continue
            if not np.allclose(value, truth, rtol=1e-9, atol=1e-12):
                ids.append(id)
                values.append(value)
        stacked = np.stack(values) if values else np.zeros((0, *truth.shape))
        return Mistaken(tuple(ids), stacked)


_POSITIVE = {"div": 1, "ratio": 1, "xlogy": 1, "log": 0, "sqrt": 0}
"""Operations that need an argument other than 0, and which it is."""


def _never_zero(formulas: Formulas) -> Iterator[str]:
    """The quantities that a formula divides by, or takes the logarithm of."""
    for ways in formulas.values():
        for node in walk(ways[0]):
            if isinstance(node, Op) and node.name in _POSITIVE:
                yield from symbols(node.args[_POSITIVE[node.name]])


def _called(wanted: Reference) -> str:
    index = "" if wanted.index is None else f"[{','.join(map(str, wanted.index))}]"
    return wanted.id + index + (f"@{wanted.step}" if wanted.step > 1 else "")


def _unit(digits: Digits | None) -> Unit | None:
    return None if digits is None else Unit(digits.count, digits.kind == "significant")

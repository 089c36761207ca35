"""A problem to what its sheets are graded by: questions, the key, wrong formulas, wrong values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cached_property, update_wrapper
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.algebra.expr import Expr, symbols
from backprop_cli.algebra.quantity import new_id, plain_id, quantity
from backprop_cli.grading.judging.answer_key import (
    Key,
    is_jacobian,
    led_to,
    never_zero,
    uses_of,
    with_jacobians,
)
from backprop_cli.grading.judging.equivalent_ways import fused_first
from backprop_cli.grading.judging.stages import Stage, stages
from backprop_cli.grading.quantities import Quantities
from backprop_cli.grading.report_data import Index
from backprop_cli.grading.sentences import expected
from backprop_cli.grading.sheets.typed_arrays import Array, meets
from backprop_cli.grading.slips.case import Case
from backprop_cli.grading.slips.detect import candidates, shaped, worked_out
from backprop_cli.grading.slips.plain_workings import Values
from backprop_cli.grading.slips.program_detect import with_earlier
from backprop_cli.grading.slips.program_lines import lines_of, one_line
from backprop_cli.grading.slips.program_parts import code_changes
from backprop_cli.grading.slips.table_of_slips import OF_PARTS
from backprop_cli.grading.slips.wrong_quantity import Candidate
from backprop_cli.operations.bounds import Interval, point
from backprop_cli.problem.ids import Reference, reference
from backprop_cli.problem.model import Model
from backprop_cli.problem.problem_data import ASSUMED, Grading
from backprop_cli.readings.formula_text import for_readers
from backprop_cli.readings.units import Floating, Unit, largest
from backprop_cli.solving.asked import asked, asked_pairs
from backprop_cli.solving.limits import MAX_WORK
from backprop_cli.solving.plan import Plan, Planned, plan, with_formulas_of
from backprop_cli.solving.solution import Request, Solution, solve

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
    """A problem as its sheets are graded. Pure and picklable; what is worked out once is kept.

    `most_work` are the operations that solving it may take, `later` the updates that are followed
    beside those that are asked for, `unasked` the derivatives that are judged as
    well, `like` a plan with the very formulas that are used where it has them.
    """

    def __init__(
        self,
        model: Model,
        most_work: int = MAX_WORK,
        later: Collection[int] = (),
        unasked: Collection[str] = (),
        like: Plan | None = None,
    ) -> None:
        self.most_work = most_work
        exact = replace(model, problem=replace(model.problem, rounding=None))
        self._cache: dict[str, dict[Any, Any]] = {}
        pairs = (*asked_pairs(exact), *sorted(unasked))
        planned = with_formulas_of(plan(exact, pairs), like)
        request = Request(extra=pairs, max_work=most_work, planned=planned)
        solution = solve(exact, request)
        self.model = solution.model
        self.plan = planned if self.model is exact else plan(self.model, pairs)
        self.steps = {step.id: step for step in self.plan.steps}
        usual = plan(self.model, asked_pairs(exact)) if unasked else self.plan
        self.questions = tuple(self._questions(solution, usual))
        self.stages = stages(exact, solution, self.plan, {*later, *self._later_steps()}, request)
        self.grading = _marked(model.problem.grading)
        self.order = tuple(id for stage in self.stages for id in map(stage.called, stage.steps))
        self.most = sum(question.points for question in self.questions)

    def _later_steps(self) -> set[int]:
        return {quantity(question.name).step for question in self.questions} - {1}

    @cached_property
    def truth(self) -> Mapping[str, Array]:
        """The true values of all that a sheet may have."""
        found: dict[str, Array] = {}
        for stage in reversed(self.stages):
            found |= {stage.called(name): value for name, value in stage.values.items()}
        return found

    @cached_property
    def unit(self) -> Unit:
        """The digits asked, or those that are usual."""
        digits = self.model.problem.grading.precision or ASSUMED
        return Unit(digits.count, digits.kind == "significant")

    @property
    def computed(self) -> bool:
        """Whether it is for what a program computed, and not for what somebody typed."""
        return isinstance(self.unit, Floating)

    @cached_property
    def key(self) -> Key:
        """What sheets are judged by. Its formulas take longer to make than to solve the problem."""
        formulas: dict[str, tuple[Expr, ...]] = {}
        for stage in self.stages:
            formulas |= stage.on_sheet(stage.verified(stage.formulas))
        uses, positive = uses_of(formulas), frozenset(never_zero(formulas))
        return Key(
            self.truth,
            formulas,
            frozenset(name for name in self.truth if name not in formulas),
            frozenset(question.name for question in self.questions),
            self.unit,
            self._on_sheet(lambda stage: {new_id(name): name for name in stage.model.trained}),
            uses,
            assumed=self.model.problem.grading.precision is None,
            dividing=frozenset(id for id, used in uses.items() if not positive.isdisjoint(used)),
            forward=self._named(lambda step: step.phase == "forward"),
            again=self._named(lambda step: step.rule == "forward-again"),
            gradients=self._on_sheet(_gradients),
            compared=frozenset(self._on_sheet(self._compared).items()),
            over_time=self.model.over_time,
            counted_from=self.model.bases.first,
        )

    def _on_sheet(self, found: Callable[[Stage], Mapping[str, str]]) -> dict[str, str]:
        """Pairs of names of every stage, as they are on a sheet."""
        return {
            stage.called(one): stage.called(other)
            for stage in self.stages
            for one, other in found(stage).items()
        }

    def _named(self, holds: Callable[[Planned], bool]) -> frozenset[str]:
        return frozenset(
            stage.called(id)
            for stage in self.stages
            for id, step in stage.steps.items()
            if holds(step)
        )

    def _compared(self, stage: Stage) -> Mapping[str, str]:
        steps = iter(stage.steps.values())
        return dict(self._case(stage, step).compared) if (step := next(steps, None)) else {}

    def _questions(self, solution: Solution, planned: Plan) -> Iterator[Question]:
        marks = {}
        known = [*self.steps, *solution.trace.given]
        for text, points in self.model.problem.grading.points:
            found = reference(text.text, known, self.model.gradient_of, self.model.aliases)
            marks[found.text] = points
        for wanted in asked(self.model, planned):
            points = marks.get(wanted.text, marks.get(wanted.id, 1.0))
            yield Question(wanted.text, wanted.whole, self._counted(wanted), points)

    def _counted(self, wanted: Reference) -> Index | None:
        if wanted.index is None:
            return None
        shape = tuple(int(size) for size in self.steps[wanted.id].shape)
        return self.model.counted(wanted.id, wanted.index, shape)

    @cached
    def questions_on(self, name: str) -> tuple[Question, ...]:
        """What is asked about a quantity; where nothing is, the quantity without points."""
        asked = tuple(question for question in self.questions if question.name == name)
        return asked or (Question(name, name, None, 0.0, asked=False),)

    def key_for(self, readable: Collection[str]) -> Key:
        """The key for who wrote these: without the gradient of the output, read as fused.

        Jacobians are worked out and gone on with by who has them on the sheet.
        """
        fusion = self.model.fusion
        fused = fusion is not None and self.model.gradient(fusion.output) not in readable
        jacobians = frozenset(self._jacobians & set(readable))
        skipped = led_to(jacobians, self.key.gradients).difference(readable)
        if self.model.problem.equations is None:
            skipped = frozenset()
        return self._key_with(fused, jacobians, skipped)

    @cached_property
    def _jacobians(self) -> frozenset[str]:
        return self._named(lambda step: step.phase == "jacobian")

    @cached
    def _key_with(self, fused: bool, jacobians: frozenset[str], skipped: frozenset[str]) -> Key:
        if not fused and not jacobians:
            return self.key
        formulas = dict(self.key.formulas)
        for stage in self.stages:
            wanted = [id for id in stage.steps if stage.called(id) in jacobians]
            gone = [id for id in stage.steps if stage.called(id) in skipped]
            own = with_jacobians(stage.model, stage.plan, stage.formulas, wanted, gone)
            own = stage.verified(fused_first(stage.model, own) if fused else own)
            formulas |= stage.on_sheet(own)
        uses = uses_of(formulas)
        return replace(self.key, formulas=formulas, uses=uses, _firsts={}, _pulled={})

    def quantities(self, *, unasked: bool = False) -> Quantities:
        """What a sheet may name; with derivatives of single equations or without."""
        later = {id: self.truth[id].shape for id in self.order if quantity(id).step > 1}
        return Quantities(self.model, self.plan, later, unasked=unasked)

    def sample_axis(self, name: str) -> int | None:
        """The axis along which a quantity has its samples."""
        found = self._step(name)
        axes = found[1].axes if found is not None else ()
        return axes.index("sample") if "sample" in axes else None

    def _step(self, name: str) -> tuple[Stage, Planned] | None:
        """The planned step of a quantity, and the update it is of."""
        id, number = plain_id(name), quantity(name).step
        for stage in self.stages:
            if stage.number == number and id in stage.steps:
                return stage, stage.steps[id]
        return None

    # Slips --------------------------------------------------------------------------------------

    def share(self, other: Exercise) -> None:
        """Makes wrong formulas once for two problems that differ in nothing but their numbers."""
        if self._form == other._form:
            self._cache["candidates"] = other._cache.setdefault("candidates", {})

    @property
    def _form(self) -> tuple[object, ...]:
        """All that wrong formulas follow from."""
        model, problem, update = self.model, self.model.problem, self.model.problem.update
        return (
            [(stage.number, stage.steps) for stage in self.stages],
            [question.name for question in self.questions],
            {name: given.role for name, given in model.given.items()},
            (model.definitions, model.shapes, model.trained, model.silent, model.target),
            (model.sample_axis, model.sample_count, model.over_time, model.decision),
            (problem.convention, problem.loss, problem.penalty, self.computed),
            update and (replace(update, state={}), tuple(update.state)),
        )

    @cached
    def candidates(self, name: str) -> list[Candidate]:
        """The wrong formulas of a quantity, made when it is first wrong."""
        if (found := self._step(name)) is None:
            return []
        stage, step = found
        programs, case = self.computed, self._case(stage, step)
        ways = list(lines_of(stage, case)) if programs else ()
        made = candidates(case, programs=programs, ways=ways)
        wrong = [(id, stage.written(expr)) for id, expr in made]
        if programs:  # what is put in anywhere may be a name that has no value here
            wrong = [one for one in wrong if self.truth.keys() - {name} >= {*symbols(one[1])}]
        if programs and stage.number > 1:
            earlier = with_earlier(stage.written(step.expr), self.truth)
            wrong += [("earlier-step-used", expr) for expr in earlier]
        return wrong

    @cached
    def in_one_line(self, name: str, put_in: frozenset[str]) -> list[Candidate]:
        """The wrong lines of a program that works some other quantities out in the same line."""
        if (found := self._step(name)) is None:
            return []
        stage, step = found
        case, steps = self._case(stage, step), stage.steps.items()
        hidden = {id: way.expr for id, way in steps if stage.called(id) in put_in}
        ways = [one_line(way, hidden) for way in lines_of(stage, case)]
        made = worked_out(case, [one for one in code_changes(case, ways) if case.fits(one[1])])
        wrong = [(id, stage.written(expr)) for id, expr in made]
        return [one for one in wrong if self.truth.keys() - {name} >= {*symbols(one[1])}]

    @cached
    def lines(self, name: str) -> list[Expr]:
        """The ways in which a program may write the line of a quantity."""
        if (found := self._step(name)) is None:
            return []
        stage, step = found
        return [stage.written(way) for way in lines_of(stage, self._case(stage, step))]

    @cached
    def shaped(self, name: str, shape: tuple[int, ...]) -> list[Candidate]:
        """The wrong formulas of a quantity that give an array of another shape."""
        if (found := self._step(name)) is None:
            return []
        stage, step = found
        made = shaped(self._case(stage, step), shape)
        return [(id, stage.written(expr)) for id, expr in made if not is_jacobian(expr)]

    def case(self, step: Planned) -> Case:
        """A quantity of the first update as the slips see it."""
        return self._case(self.stages[0], step)

    def _case(self, stage: Stage, step: Planned) -> Case:
        names = {stage.called(id): id for id in stage.steps}
        asked = frozenset(
            names[question.name] for question in self.questions if question.name in names
        )
        return Case(stage.model, step, stage.steps, stage.sizes, asked)

    @cached
    def formula(self, name: str) -> str | None:
        """The right formula of a quantity as text."""
        if (ways := self.key.formulas.get(name)) is None:
            return None
        return f"{name} = {for_readers(ways[0], self.model.problem.convention.indices)}"

    @cached
    def expected(self, name: str, index: Index | None) -> str:
        """The right value as text, at the digits asked."""
        return expected(self.truth[name], index, self.unit)

    @cached
    def size(self, name: str) -> float:
        """The size of the largest entry of the right value."""
        return largest(self.truth[name])

    @cached
    def places(self, name: str) -> tuple[tuple[Index, Index], ...]:
        """Every entry of a quantity: counted from 0, and as a person counts."""
        places = np.ndindex(self.truth[name].shape)
        return tuple((place, self.person(name, place)) for place in places)

    def person(self, name: str, place: Index) -> Index:
        """An entry's index as a person writes it."""
        bases = self.model.bases.of(name, len(place))
        return tuple(i + base for i, base in zip(place, bases, strict=True))

    @cached
    def mistaken(self, name: str) -> Mistaken:
        """What each slip gives on true values, where that differs from the right value."""
        truth = self.truth[name]
        known = Values(self.truth)
        ids, values = [], []
        for id, expr in self.candidates(name):
            if id in OF_PARTS:
                continue  # some part's change comes near to nearly any value
            value = known.of(expr)
            fits = value.shape == truth.shape and np.isfinite(value).all()
            if fits and not np.allclose(value, truth, rtol=1e-9, atol=1e-12):
                ids.append(id)
                values.append(value)
        stacked = np.stack(values) if values else np.zeros((0, *truth.shape))
        return Mistaken(tuple(ids), stacked)


def _gradients(stage: Stage) -> Mapping[str, str]:
    """The gradient of each quantity that has one."""
    names = (*stage.model.definitions, *stage.model.given)
    found = {name: stage.model.gradient(name) for name in names}
    return {name: id for name, id in found.items() if id in stage.steps}


def _marked(grading: Grading) -> Grading:
    """The marks: where no digits are asked, too few of them cost nothing."""
    return grading if grading.precision is not None else replace(grading, imprecise=1.0)

"""A problem to its trace: plan, run, train, and put it all into pure data."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from msgspec import Struct
from msgspec.structs import asdict, replace

from backprop_cli.algebra.quantity import old_id, quantity
from backprop_cli.errors import Mark
from backprop_cli.problem.model import Array, Model
from backprop_cli.problem.problem_data import Convention
from backprop_cli.solving.asked import asked_pairs
from backprop_cli.solving.limits import MAX_WORK, check_work, is_stepwise
from backprop_cli.solving.notes import no_path_in_letters, note
from backprop_cli.solving.plan import Plan, Planned
from backprop_cli.solving.prepared import Batches, Machine, Prepared, State
from backprop_cli.solving.training import FEW_UPDATES, training
from backprop_cli.solving.update import constants
from backprop_cli.trace import Given, Step, Trace, Unknown

Progress = Callable[[int, float], None]


class Request(Struct, frozen=True):
    """What is asked of a solution.

    `steps` updates (None: as the file says), the derivation of step `at`, `extra` gradients and
    Jacobians, at most `max_work` operations; `progress` is told the step and its loss. `planned`
    is the plan of the model with these, where there is one already.
    """

    steps: int | None = None
    at: int = 1
    extra: Collection[str] = ()
    max_work: int = MAX_WORK
    progress: Progress | None = None
    planned: Plan | None = None


_FIRST_STEP = Request()


class Solution(Struct, frozen=True):
    """The trace, the model of the batch it shows, its plan, every value by id; updates made."""

    trace: Trace
    model: Model
    plan: Plan
    values: Mapping[str, Array]
    machine: Machine
    steps: int = 0


def solve(model: Model, request: Request = _FIRST_STEP) -> Solution:
    """The worked derivation of a problem; UserError where it is over the limits."""
    steps = _steps(model, request)
    prepared = Batches(model, {*request.extra, *asked_pairs(model)}, request.planned)
    mark = model.update.mark if model.update else Mark()
    check_work(prepared.at(0).plan, max(steps, 1), request.max_work, mark, is_stepwise(model))
    at = min(request.at, max(steps, 1))
    history: list[float] = []
    passed: list[Mapping[str, Array]] = []
    shown: Solution | None = None
    for stretch in training(prepared, steps, at, request.max_work):
        if request.progress is not None:
            for number, loss in enumerate(stretch.losses[: stretch.steps], stretch.first):
                request.progress(number, loss)
        history += stretch.losses
        if steps <= FEW_UPDATES:
            passed.append(stretch.before.parameters)
        if stretch.shown is not None:
            shown = _shown(prepared.at(at - 1), stretch.before, at, *stretch.shown)
        state = stretch.after
    assert shown is not None
    trace = replace(
        shown.trace,
        parameters=dict(state.parameters),
        history=tuple(history),
        passed=(*passed, state.parameters) if 1 < steps <= FEW_UPDATES else (),
    )
    return replace(shown, trace=trace, steps=steps)


def _steps(model: Model, request: Request) -> int:
    if model.update is None or not model.trained:
        return 0
    return model.update.steps if request.steps is None else request.steps


# Putting it into data ---------------------------------------------------------------------------


def _shown(
    batch: Prepared, state: State, number: int, planned: Plan, values: Mapping[str, Array]
) -> Solution:
    model, how = batch.model, batch.machine
    trace = Trace(
        title=model.problem.title,
        convention=convention(model),
        given=_given(model, state, number - 1),
        steps=tuple(_step(step, values, model, number) for step in planned.steps),
        loss=model.target,
        samples=model.sample_count,
        over_time=model.over_time,
    )
    return Solution(trace, model, planned, values, how)


def _given(model: Model, state: State, index: int) -> dict[str, Given]:
    given = {
        name: replace(value, value=state.parameters.get(name, value.value))
        for name, value in model.given.items()
    }
    for name, value in state.optimizer.items():
        parameter = quantity(name, frozenset(model.trained)).name
        given[old_id(name)] = Given(value, model.given[parameter].axes, "state")
    return given | constants(model, index)


def _step(planned: Planned, values: Mapping[str, Array], model: Model, number: int) -> Step:
    return Step(
        planned.id,
        planned.phase,
        number,
        planned.rule,
        planned.expr,
        planned.axes,
        tuple(map(int, planned.shape)),
        values.get(planned.id),
        note(planned, values, model),
        planned.words,
    )


def convention(model: Model) -> dict[str, object]:
    """The conventions in force, as the outputs state them."""
    said: Convention = model.problem.convention
    found: dict[str, object] = asdict(said)
    del found["stated"], found["oriented"]
    found["kinks"] = {
        key.replace("_", "-") if key == "leaky_relu" else key: value
        for key, value in asdict(said.kinks).items()
    }
    loss = model.problem.loss
    if loss is not None:
        found["loss"] = loss.function.name or "formula"
        found["over_samples"] = loss.over_samples
    if model.problem.assume:
        found["assume"] = {name: kind for name, (_, kind) in model.problem.assume.items()}
    if model.problem.rounding is not None:
        rounding = model.problem.rounding
        found["rounding"] = {rounding.digits.kind: rounding.digits.count, "mode": rounding.mode}
    return found


# In symbols ---------------------------------------------------------------------------------------


def in_symbols(model: Model, planned: Plan) -> Trace:
    """The derivation up to the update; numbers that the problem has are left out as well."""
    return Trace(
        title=model.problem.title,
        convention=convention(model),
        given={},
        steps=tuple(
            replace(without_value(step), note=step.note or no_path_in_letters(step, model))
            for step in planned.steps
            if step.rule != "forward-again"
        ),
        loss=model.target,
        samples=model.samples,
        unknown=dict(_stated(model)),
        over_time=model.over_time,
    )


def _stated(model: Model) -> Iterator[tuple[str, Unknown]]:
    """What the problem states, in its order."""
    for name, shape in model.shapes.items():
        given = model.given.get(name)
        if name in model.unknown:
            yield name, model.unknown[name]
        elif given is not None and given.role in ("data", "parameter"):
            is_parameter = given.role == "parameter"
            yield name, Unknown(shape, given.axes, "parameter" if is_parameter else "data")


def without_value(planned: Planned) -> Step:
    """A planned step as it stands before anything is computed."""
    return Step(
        planned.id,
        planned.phase,
        1,
        planned.rule,
        planned.expr,
        planned.axes,
        planned.shape,
        None,
        planned.note,
        planned.words,
    )

"""A problem to its trace: plan, run, train, and put it all into pure data."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache

import numpy as np
from msgspec import Struct
from msgspec.structs import asdict, replace

from backprop_cli.errors import Mark
from backprop_cli.problem.build import batch_model
from backprop_cli.problem.data import Convention
from backprop_cli.problem.model import Array, Model
from backprop_cli.solving.asked import asked_pairs
from backprop_cli.solving.batches import Batch, batches
from backprop_cli.solving.limits import MAX_WORK, check_work
from backprop_cli.solving.notes import note
from backprop_cli.solving.plan import Plan, Planned, essential, plan
from backprop_cli.solving.run import Machine, Program, machine, program, run
from backprop_cli.solving.update import constants, initial_state, rule_of
from backprop_cli.trace import Given, Step, Trace

Progress = Callable[[int, float], None]


class Request(Struct, frozen=True):
    """What is asked of a solution.

    `steps` updates (None: as the file says), the derivation of step `at`, `extra` gradients and
    Jacobians, at most `max_work` operations; `progress` is told the step and its loss.
    """

    steps: int | None = None
    at: int = 1
    extra: Collection[str] = ()
    max_work: int = MAX_WORK
    progress: Progress | None = None


_FIRST_STEP = Request()


class Solution(Struct, frozen=True):
    """The trace, the model of the batch it shows, its plan, every value by id; updates made."""

    trace: Trace
    model: Model
    plan: Plan
    values: Mapping[str, Array]
    machine: Machine
    steps: int = 0


class _Prepared(Struct, frozen=True):
    """A batch ready to be run: its model, the whole plan, the parts of it that training needs.

    `last` is that of the last step, whose loss after the update is told. `careful` is the whole
    plan once more, going round what is infinite on the way.
    """

    model: Model
    plan: Plan
    training: Plan
    last: Plan
    machine: Machine
    careful: Callable[[], Plan]
    trained: Program

    def step(self, given: Mapping[str, Array]) -> dict[str, Array]:
        """The values of one step of training."""
        return self._finite(self.training, self.trained(given), given)[1]

    def run(self, planned: Plan, given: Mapping[str, Array]) -> tuple[Plan, dict[str, Array]]:
        """The plan and its values; the same quantities another way where gradients have none."""
        return self._finite(planned, run(planned, given, self.machine), given)

    def _finite(
        self, planned: Plan, values: dict[str, Array], given: Mapping[str, Array]
    ) -> tuple[Plan, dict[str, Array]]:
        lost = _not_finite(planned, values)
        if not lost:
            return planned, values
        other = essential(self.careful(), {step.id for step in planned.steps})
        found = run(other, given, self.machine)
        return (other, found) if _not_finite(other, found) < lost else (planned, values)


def _not_finite(planned: Plan, values: Mapping[str, Array]) -> int:
    """How many gradients hold an infinity, or what comes of 0 times one."""
    return sum(
        1
        for step in planned.steps
        if step.phase == "backward" and step.id in values and not np.isfinite(values[step.id]).all()
    )


class _State(Struct, frozen=True):
    """What training carries from step to step."""

    parameters: Mapping[str, Array]
    optimizer: Mapping[str, Array]


class _Pass(Struct, frozen=True):
    """One step of training: its number (from 1), the state it finds and leaves, its losses.

    There is one loss, that before the update; the last step has the loss after it too.
    """

    number: int
    batch: _Prepared
    before: _State
    after: _State
    losses: tuple[float, ...]


def solve(model: Model, request: Request = _FIRST_STEP) -> Solution:
    """The worked derivation of a problem; UserError where it is over the limits."""
    steps = _steps(model, request)
    prepared = _Batches(model, {*request.extra, *asked_pairs(model)})
    mark = model.update.mark if model.update else Mark()
    check_work(prepared.at(0).plan, max(steps, 1), request.max_work, mark)
    state = _State(
        {name: model.given[name].value for name in _parameters(model)}, initial_state(model)
    )
    history: list[float] = []
    shown: Solution | None = None
    for one in _training(prepared, state, steps):
        history += one.losses
        state = one.after
        if request.progress is not None and history:
            request.progress(one.number, history[-1])
        if one.number == min(request.at, max(steps, 1)):
            shown = _shown(one.batch, one.before, one.number)
    assert shown is not None
    trace = replace(shown.trace, parameters=dict(state.parameters), history=tuple(history))
    return replace(shown, trace=trace, steps=steps)


def _steps(model: Model, request: Request) -> int:
    if model.update is None or not model.trained:
        return 0
    return model.update.steps if request.steps is None else request.steps


def _parameters(model: Model) -> list[str]:
    return [name for name, given in model.given.items() if given.role == "parameter"]


class _Batches:
    """The prepared batches, each made when it is first needed."""

    def __init__(self, model: Model, extra: Collection[str]) -> None:
        self.model = model
        self.extra = extra
        self.batches = batches(model)
        self.ready: dict[Batch, _Prepared] = {}

    def at(self, step: int) -> _Prepared:
        chosen = self.batches[step % len(self.batches)]
        if chosen not in self.ready:
            self.ready[chosen] = self.prepare(chosen)
        return self.ready[chosen]

    def prepare(self, chosen: Batch) -> _Prepared:
        model = self.model if chosen is None else batch_model(self.model.problem, chosen)
        whole = _in_full(plan(model, self.extra), self.extra)
        how = machine(model, whole)
        goals = {f"{name}_new" for name in model.trained} | {model.target or ""}
        if model.update is not None and model.trained:
            letters = rule_of(model).kept
            goals |= {f"{letter}_{name}" for letter in letters for name in model.trained}
        training = essential(whole, goals)
        return _Prepared(
            model,
            whole,
            training,
            essential(whole, goals | {f"{model.target}_new"}),
            how,
            cache(lambda: _in_full(plan(model, self.extra, careful=True), self.extra)),
            program(training, how),
        )


def _in_full(planned: Plan, extra: Collection[str]) -> Plan:
    """The plan with everything that was asked for computed, whatever its size."""
    steps = tuple(
        replace(step, skipped=step.skipped and step.id not in extra) for step in planned.steps
    )
    return replace(planned, steps=steps)


def _training(prepared: _Batches, state: _State, steps: int) -> Iterator[_Pass]:
    """Each step in turn; without updates one pass that changes nothing."""
    for index in range(max(steps, 1)):
        batch = prepared.at(index)
        last = 0 < steps == index + 1
        given = environment(batch.model, state.parameters, state.optimizer, index)
        values = batch.run(batch.last, given)[1] if last else batch.step(given)
        after = _advanced(state, values) if steps else state
        yield _Pass(index + 1, batch, state, after, _losses(batch.model.target, values, last))
        state = after


def _losses(target: str | None, values: Mapping[str, Array], last: bool) -> tuple[float, ...]:
    if target is None:
        return ()
    before = float(values[target])
    return (before, float(values[f"{target}_new"])) if last else (before,)


def _advanced(state: _State, values: Mapping[str, Array]) -> _State:
    parameters = {
        name: values.get(f"{name}_new", value) for name, value in state.parameters.items()
    }
    optimizer = {name: values.get(name, value) for name, value in state.optimizer.items()}
    return _State(parameters, optimizer)


def environment(
    model: Model, parameters: Mapping[str, Array], optimizer: Mapping[str, Array], index: int
) -> dict[str, Array]:
    """What one step starts from: data, the parameters and state it finds, the rule's constants."""
    env = {name: given.value for name, given in model.given.items()}
    env |= parameters
    env |= {f"{name}_old": value for name, value in optimizer.items()}
    env |= {name: given.value for name, given in constants(model, index).items()}
    return env


# Putting it into data ---------------------------------------------------------------------------


def _shown(batch: _Prepared, state: _State, number: int) -> Solution:
    model, how = batch.model, batch.machine
    given = environment(model, state.parameters, state.optimizer, number - 1)
    planned, values = batch.run(batch.plan, given)
    trace = Trace(
        title=model.problem.title,
        convention=convention(model),
        given=_given(model, state, number - 1),
        steps=tuple(_step(step, values, model, number) for step in planned.steps),
        loss=model.target,
        samples=model.sample_count,
    )
    return Solution(trace, model, planned, values, how)


def _given(model: Model, state: _State, index: int) -> dict[str, Given]:
    given = {
        name: replace(value, value=state.parameters.get(name, value.value))
        for name, value in model.given.items()
    }
    for name, value in state.optimizer.items():
        parameter = name.partition("_")[2]
        given[f"{name}_old"] = Given(value, model.given[parameter].axes, "state")
    return given | constants(model, index)


def _step(planned: Planned, values: Mapping[str, Array], model: Model, number: int) -> Step:
    return Step(
        planned.id,
        planned.phase,
        number,
        planned.rule,
        planned.expr,
        planned.axes,
        tuple(int(size) for size in planned.shape),
        values.get(planned.id),
        note(planned, values, model),
        planned.words,
    )


def convention(model: Model) -> dict[str, object]:
    """The conventions in force, as the outputs state them."""
    said: Convention = model.problem.convention
    found: dict[str, object] = asdict(said)
    found["kinks"] = {
        key.replace("_", "-") if key == "leaky_relu" else key: value
        for key, value in asdict(said.kinks).items()
    }
    loss = model.problem.loss
    if loss is not None:
        found["loss"] = loss.function.name or "formula"
        found["over_samples"] = loss.over_samples
    if model.problem.rounding is not None:
        rounding = model.problem.rounding
        found["rounding"] = {rounding.digits.kind: rounding.digits.count, "mode": rounding.mode}
    return found

"""A batch of samples to what is run of it: its plans, and the values of a step from a state."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cache, lru_cache
from typing import TypeAlias

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.algebra.expr import Expr, Op
from backprop_cli.algebra.quantity import new_id, old_id, state_id
from backprop_cli.errors import Complaints
from backprop_cli.operations.masks import every
from backprop_cli.operations.table import Sizes
from backprop_cli.problem.model import Array, Model, Outline
from backprop_cli.problem.network import batch_model
from backprop_cli.problem.problem_data import Kinks, Rounding, kinks
from backprop_cli.readings.values import Function, compiled, without_noise
from backprop_cli.solving.plan import Plan, essential, plan
from backprop_cli.solving.update import GRADIENT_AHEAD, constants, initial_state, rule_of

Values = Mapping[str, Array]


class State(Struct, frozen=True):
    """What training carries from step to step."""

    parameters: Values
    optimizer: Values


def first_state(model: Model) -> State:
    """What the first step finds."""
    parameters = {
        name: given.value for name, given in model.given.items() if given.role == "parameter"
    }
    return State(parameters, initial_state(model))


def environment(model: Model, state: State, index: int) -> dict[str, Array]:
    """What one step starts from: data, the parameters and state it finds, the rule's constants."""
    env = {name: given.value for name, given in model.given.items()}
    env |= state.parameters
    env |= {old_id(name): value for name, value in state.optimizer.items()}
    env |= {name: given.value for name, given in constants(model, index).items()}
    return env


class Prepared(Struct, frozen=True):
    """A batch ready to be run: its model, the whole plan, the part of it that training needs.

    `careful` is the whole plan once more, going round what is infinite on the way; `trained` runs
    the part, and `trained_carefully` is the part of the other plan, with what runs it.
    """

    model: Model
    plan: Plan
    training: Plan
    machine: Machine
    careful: Callable[[], Plan]
    trained: Callable[[], Program]
    trained_carefully: Callable[[], tuple[Plan, Program]]

    def step(self, given: Values) -> Values:
        """The values of one step of training."""
        values = self.trained()(given)
        return _finite(self.training, values, given, self.trained_carefully)[1]

    def last(self, given: Values) -> Values:
        """Those of the last step: with the loss after the update."""
        goals = {step.id for step in self.training.steps} | {new_id(self.model.target or "")}
        return self.run(essential(self.plan, goals), given)[1]

    def run(self, planned: Plan, given: Values) -> tuple[Plan, Values]:
        """The plan and its values; the same quantities another way where gradients have none."""
        values = run(planned, given, self.machine)
        return _finite(planned, values, given, lambda: self._carefully(planned))

    def _carefully(self, planned: Plan) -> tuple[Plan, Program]:
        return _same_of(self.careful(), planned, self.machine)


def _same_of(careful: Plan, planned: Plan, how: Machine) -> tuple[Plan, Program]:
    """What a plan computes, as the careful one does, with what runs it."""
    other = essential(careful, {step.id for step in planned.steps})
    return other, program(other, how)


def _finite(
    planned: Plan, values: Values, given: Values, instead: Callable[[], tuple[Plan, Program]]
) -> tuple[Plan, Values]:
    """The values and their plan, or those of the other way where fewer gradients are lost."""
    lost = _not_finite(planned, values)
    if not lost:
        return planned, values
    other, run_other = instead()
    found = run_other(given)
    return (other, found) if _not_finite(other, found) < lost else (planned, values)


def _not_finite(planned: Plan, values: Values) -> int:
    """How many gradients hold an infinity, or what comes of 0 times one."""
    return sum(
        1
        for step in planned.steps
        if (step.phase == "backward" or step.rule == GRADIENT_AHEAD)
        and step.id in values
        and not every(np.isfinite(values[step.id]))
    )


class Batches:
    """The prepared batches, each made when it is first needed."""

    def __init__(self, model: Model, extra: Collection[str], planned: Plan | None = None) -> None:
        self.model = model
        self.extra = extra
        self.planned = planned
        self.batches = batches(model)
        self.ready: dict[Batch, Prepared] = {}

    def at(self, step: int) -> Prepared:
        """The batch of a step, counted from 0."""
        chosen = self.batches[step % len(self.batches)]
        if chosen not in self.ready:
            self.ready[chosen] = self._prepare(chosen)
        return self.ready[chosen]

    def _prepare(self, chosen: Batch) -> Prepared:
        model = self.model if chosen is None else batch_model(self.model.problem, chosen)
        known = self.planned if chosen is None else None
        whole = _in_full(known or plan(model, self.extra), self.extra)
        how = machine(model, whole)
        training = essential(whole, goals(model))
        careful = cache(lambda: _in_full(plan(model, self.extra, careful=True), self.extra))
        return Prepared(
            model,
            whole,
            training,
            how,
            careful,
            cache(lambda: program(training, how)),
            cache(lambda: _same_of(careful(), training, how)),
        )


def goals(model: Model) -> set[str]:
    """What training needs of each step: the loss, new parameters, the new state."""
    found = {*map(new_id, model.trained), model.target or ""}
    if model.update is not None:
        letters = rule_of(model).kept
        found |= {state_id(letter, name) for letter in letters for name in model.trained}
    return found


def _in_full(planned: Plan, extra: Collection[str]) -> Plan:
    """The plan with everything that was asked for computed, whatever its size."""
    if not any(step.skipped and step.id in extra for step in planned.steps):
        return planned
    steps = tuple(
        replace(step, skipped=step.skipped and step.id not in extra) for step in planned.steps
    )
    return replace(planned, steps=steps)


# Batches ------------------------------------------------------------------------------------------


_MOST_NAMED = 5  # sample numbers that are complained of one by one

Batch: TypeAlias = "tuple[int, ...] | None"


def batches(model: Model) -> tuple[Batch, ...]:
    """Each batch's samples; (None,) where all samples are taken at once."""
    update = model.update
    if update is None or update.batches is None or model.sample_count is None:
        return (None,)
    if isinstance(update.batches, int):
        size, count = update.batches, model.sample_count
        if size >= count:
            return (None,)
        return tuple(tuple(range(at, min(at + size, count))) for at in range(0, count, size))
    base = model.problem.convention.indices
    return tuple(tuple(number - base for number in batch) for batch in update.batches)


def check_batches(outline: Outline, complaints: Complaints) -> None:
    """Complains of batches without samples to take them from, or of samples that do not exist."""
    update = outline.problem.update
    if update is None or update.batches is None or not outline.certain_samples:
        return
    mark, samples = update.batches_mark, outline.samples
    if outline.problem.layers is None:
        message = "batches are taken from the samples of x, and this file has no `layers`"
        complaints.add(message, mark, "leave `batches` out")
    elif samples is None:
        message = "batches need several samples, and x is a single one"
        complaints.add(message, mark, "x: [[…], […]], a list of vectors")
    elif not isinstance(update.batches, int):
        first = outline.problem.convention.indices
        numbers = {number for batch in update.batches for number in batch}
        wrong = [number for number in sorted(numbers) if not first <= number < samples + first]
        for number in wrong[:_MOST_NAMED]:
            there_are = f"{first} to {samples - 1 + first}"
            complaints.add(f"there is no sample {number}", mark, there_are)


Round: TypeAlias = Callable[[Array], Array]
Program: TypeAlias = Callable[[Mapping[str, Array]], dict[str, Array]]


class Machine(Struct, frozen=True, eq=False):
    """What turns a formula into a value: the equations behind the names, kinks, rounding."""

    equations: Mapping[str, Expr]
    definitions: Mapping[str, Expr]
    kinks: Mapping[str, float | str]
    round: Round | None = None

    def value(self, expr: Expr, env: Mapping[str, Array]) -> Array:
        """The value of one formula, rounded where the problem asks for it."""
        with np.errstate(all="ignore"):
            return self.function(expr)(env)

    def function(self, expr: Expr) -> Function:
        """The same as a function of the names' values."""
        if isinstance(expr, Op) and expr.name == "jacobian":
            plain = self._jacobian(expr)
            if self.round is None:
                return plain
        else:
            plain = compiled(expr, self.definitions)
        if self.round is None:
            # + 0: -0 is a 0 that nobody writes
            return lambda env: without_noise(plain(env) + 0.0, expr, env, self.definitions)
        round_ = self.round
        return lambda env: round_(plain(env) + 0.0)

    def _jacobian(self, node: Op) -> Function:
        from backprop_cli.readings.factored import jacobian

        def value(env: Mapping[str, Array]) -> Array:
            sizes = Sizes({name: array.shape for name, array in env.items()}, self.kinks)
            whole = jacobian(node, self.equations, env, sizes)
            return np.add(whole, 0.0, out=whole)  # in its place: it may be large

        return value


def machine(model: Model, planned: Plan) -> Machine:
    """The machine for a model's plan; rounded values carry no digits that ln ŷ could win back."""
    return _machine(planned, model.problem.convention.kinks, model.problem.rounding)


@lru_cache(maxsize=64)
def _machine(planned: Plan, taken: Kinks, rounding: Rounding | None) -> Machine:
    defined = {step.id: step.expr for step in planned.steps if step.phase in ("forward", "update")}
    return Machine(
        {**planned.definitions, **planned.behind},
        {} if rounding else defined,
        kinks(taken),
        rounder(rounding) if rounding else None,
    )


def rounder(rounding: Rounding) -> Round:
    """What rounds each value as the problem says."""
    from backprop_cli.readings.values import rounded

    digits = rounding.digits
    return lambda value: rounded(value, digits.count, digits.kind, rounding.mode)


def run(planned: Plan, given: Mapping[str, Array], how: Machine) -> dict[str, Array]:
    """Every value by id, what was given included; steps marked as skipped have none."""
    return program(planned, how)(given)


@lru_cache(maxsize=64)
def program(planned: Plan, how: Machine) -> Program:
    """The same as a function of what is given, for a plan that is run many times."""
    steps = [(step.id, how.function(step.expr)) for step in planned.steps if not step.skipped]

    def run_all(given: Mapping[str, Array]) -> dict[str, Array]:
        env = dict(given)
        with np.errstate(all="ignore"):
            for id, function in steps:
                env[id] = function(env)
        return env

    return run_all

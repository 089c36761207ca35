"""Step after step of training: the state each finds and leaves, and the losses.

Only the step that is shown and the last one are evaluated as they are printed. All others are
compiled where that pays: every loss is kept, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from backprop_cli.algebra.build import ONE, add
from backprop_cli.algebra.expr import Sym
from backprop_cli.algebra.quantity import new_id, old_id
from backprop_cli.problem.model import Model
from backprop_cli.solving.limits import MAX_ENTRIES, Budget, entries, is_stepwise
from backprop_cli.solving.plan import Plan, essential
from backprop_cli.solving.prepared import (
    Batches,
    Prepared,
    State,
    Values,
    environment,
    first_state,
    goals,
    machine,
)
from backprop_cli.solving.update import constant_names, rule_of

if TYPE_CHECKING:
    from backprop_cli.readings.program import Program, Rounds, Size

FEW_UPDATES = 12
"""So many steps are stretches of their own, each: what they pass through can be shown."""

_FEWEST, _MOST = 50, 3200  # steps that are made before anyone looks whether all is finite
_T_NEXT = "next t"  # no id has a space in it


class Stretch(Struct, frozen=True):
    """Some steps of training: the number of the first (from 1), the state they find and leave.

    There is one loss a step, that before its update; the last step has that after it too. The step
    that is shown comes with its whole plan and all values.
    """

    first: int
    steps: int
    before: State
    after: State
    losses: Sequence[float]
    shown: tuple[Plan, Values] | None = None


def training(
    prepared: Batches, steps: int, shown: int, most: int | None = None
) -> Iterator[Stretch]:
    """All steps in turn; few, the one `shown` and the last are stretches of their own.

    Without updates there is one pass that changes nothing. At `most` so many operations are spent
    on steps that could not be compiled, though that was reckoned with; UserError beyond.
    """
    state = first_state(prepared.model)
    single = range(steps) if 0 < steps <= FEW_UPDATES else sorted({shown - 1, max(steps, 1) - 1})
    compiled = _Compiled(prepared, steps, most)
    for before, index in pairwise([-1, *single]):
        start = before + 1
        while start < index:
            stretch = compiled.stretch(state, start, index)
            start, state = start + stretch.steps, stretch.after
            yield stretch
        stretch = _pass(prepared.at(index), state, index, steps, index == shown - 1)
        state = stretch.after
        yield stretch


def _pass(batch: Prepared, state: State, index: int, steps: int, is_shown: bool = False) -> Stretch:
    """One step, evaluated plainly: what training needs of it, or all that is shown."""
    last = 0 < steps == index + 1
    given = environment(batch.model, state, index)
    found = batch.run(batch.plan, given) if is_shown else None
    values = found[1] if found else batch.last(given) if last else batch.step(given)
    after = _advanced(state, values) if steps else state
    target = batch.model.target
    told = [] if target is None else [target, new_id(target)][: 1 + last]
    return Stretch(index + 1, 1, state, after, [float(values[name]) for name in told], found)


def _advanced(state: State, values: Values) -> State:
    parameters = {name: values.get(new_id(name), old) for name, old in state.parameters.items()}
    optimizer = {name: values.get(name, value) for name, value in state.optimizer.items()}
    return State(parameters, optimizer)


class _Compiled:
    """Steps made many at a time: the batches as compiled programs, which share their state."""

    def __init__(self, prepared: Batches, steps: int, most: int | None = None) -> None:
        self.prepared = prepared
        self.budget = None if most is None else Budget(prepared.at(0).plan, most)
        self.steps = steps
        self.length = _FEWEST

    def stretch(self, state: State, start: int, end: int) -> Stretch:
        """The first steps of those from `start` up to `end`, counted from 0.

        As long as all goes well they are more each time.
        """
        stop = min(start + self.length, end)
        found = self._at_once(state, start, stop)
        self.length = _FEWEST if found is None else min(2 * self.length, _MOST)
        found = found or self._one_by_one(state, start, stop)
        return Stretch(start + 1, stop - start, state, *found)

    def _one_by_one(self, state: State, start: int, stop: int) -> tuple[State, list[float]]:
        losses: list[float] = []
        cycle, still = len(self.prepared.batches), 0
        for index in range(start, stop):
            if still == cycle:  # nothing changes any more, as where all weights are nan
                losses += losses[-cycle:][:1]
                continue
            if self.budget is not None and self.programs:
                self.budget.pay(index + 1)
            done = _pass(self.prepared.at(index), state, index, self.steps)
            still = still + 1 if _settled(self.prepared.model, state, done.after) else 0
            state = done.after
            losses += done.losses
        return state, losses

    def _at_once(self, state: State, start: int, stop: int) -> tuple[State, list[float]] | None:
        """The same, compiled; None where that does not pay, or a number is not finite."""
        if not self.programs:
            return None
        first = self.programs[0]
        losses: list[float] = []
        packed = first.begin(environment(self.prepared.model, state, start))
        try:
            for count, program in self._turns(start, stop):
                packed = program.run(count, packed, losses)
        except (ArithmeticError, ValueError):
            return None
        ended = first.end(packed)
        sums = (float(np.sum(value)) for value in ended.values())
        if not all(map(isfinite, (sum(losses), *sums))):
            return None
        parameters = {name: ended.get(name, old) for name, old in state.parameters.items()}
        optimizer = {name: ended.get(old_id(name), old) for name, old in state.optimizer.items()}
        return State(parameters, optimizer), losses

    def _turns(self, start: int, stop: int) -> Iterator[tuple[int, Rounds]]:
        """How often to run which program: all steps of one, or the batches in turn."""
        if len(self.programs) == 1:
            yield stop - start, self.programs[0]
            return
        for index in range(start, stop):
            yield 1, self.programs[index % len(self.programs)]

    @cached_property
    def programs(self) -> list[Rounds]:
        """A program for each batch; none where compiling takes longer than it saves, or the
        buffers of all batches together take too much room."""
        from backprop_cli.readings.program import fastest, rounds

        count = len(self.prepared.batches)
        first = self.prepared.at(0)
        if is_stepwise(first.model) or count * entries(first.training) > MAX_ENTRIES:
            return []
        way = fastest(training_size(first), self.steps // count)
        made = [rounds(training_program(self.prepared.at(index)), way) for index in range(count)]
        return [one for one in made if one is not None]


def _settled(model: Model, before: State, after: State) -> bool:
    """Whether a step changed nothing, so that neither will the next with the same samples.

    Adam counts its steps, and what stands still may move later, unless it is no number.
    """
    pairs = [
        (old, new)
        for olds, news in (
            (before.parameters, after.parameters),
            (before.optimizer, after.optimizer),
        )
        for old, new in zip(olds.values(), news.values(), strict=True)
    ]
    if model.update is not None and rule_of(model).counts:
        return not any(np.isfinite(new).any() for _, new in pairs)
    return all(np.array_equal(old, new, equal_nan=True) for old, new in pairs)


def training_size(batch: Prepared) -> Size:
    """How large one step of training is."""
    from backprop_cli.readings.program import size_of

    formulas = [(step.id, step.expr) for step in batch.training.steps]
    return size_of(formulas, batch.plan.shapes)


def training_program(batch: Prepared) -> Program:
    """One step of training as a program: written in the logits where that can be, so that nothing
    is infinite on the way."""
    from backprop_cli.readings.program import Program

    model, whole = batch.model, batch.careful()
    formulas = [(step.id, step.expr) for step in essential(whole, goals(model)).steps]
    after = _becomes(model, {name for name, _ in formulas})
    if _T_NEXT in after.values():
        formulas.append((_T_NEXT, add(Sym(constant_names(model)["t"]), ONE)))
    env = environment(model, first_state(model), 0)
    return Program(
        formulas,
        given={name: value for name, value in env.items() if name not in after},
        state={name: env[name] for name in after},
        after=after,
        told=model.target,
        definitions=machine(model, whole).definitions,
    )


def _becomes(model: Model, computed: set[str]) -> dict[str, str]:
    """What each quantity that training carries on becomes in a step."""
    state = first_state(model)
    new = {name: new_id(name) for name in state.parameters}
    new |= {old_id(name): name for name in state.optimizer}
    found = {old: name for old, name in new.items() if name in computed}
    if model.update is not None and rule_of(model).counts:
        found[constant_names(model)["t"]] = _T_NEXT
    return found

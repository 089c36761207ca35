"""A problem to its updates one after the other, each with formulas in the names of a sheet.

The quantities of the first are called as they are; those of the k-th are `W1_new@k`. What the k-th
starts from is what the one before it ended with.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property

import numpy as np
from msgspec.structs import replace

from backprop_cli.algebra.expr import Expr, Sym, substitute, symbols
from backprop_cli.algebra.quantity import new_id, old_id, step_id
from backprop_cli.grading.judging.answer_key import is_jacobian
from backprop_cli.grading.judging.equivalent_ways import Formulas, variants
from backprop_cli.operations.bounds import point
from backprop_cli.operations.table import Sizes
from backprop_cli.problem.model import Array, Model
from backprop_cli.problem.problem_data import kinks
from backprop_cli.readings.intervals import enclosure
from backprop_cli.solving.plan import Plan, Planned, plan
from backprop_cli.solving.solution import Request, Solution, solve
from backprop_cli.solving.update import state_shapes

MOST_STEPS = 32
"""So many updates are followed from one to the next; later ones start from true values."""

MOST_FAR = 3
"""So many of those later ones that nobody asked for: each is the whole training once more."""


def followed(steps: Collection[int]) -> frozenset[int]:
    """The updates of a sheet that are worked out: all near ones, of the others the last."""
    far = sorted(step for step in steps if step > MOST_STEPS)
    return frozenset(steps) - frozenset(far[:-MOST_FAR])


class Stage:
    """One update: its plan, its true values, and what its names are on a sheet."""

    def __init__(
        self,
        number: int,
        solution: Solution,
        planned: Plan,
        extra: Collection[str],
        first: Stage | None = None,
    ) -> None:
        self.number = number
        self.model: Model = solution.model
        self.extra = tuple(extra)
        self.plan = planned
        self.values: Mapping[str, Array] = solution.values
        self.steps: dict[str, Planned] = {step.id: step for step in self.plan.steps}
        self.sizes = Sizes(self.plan.shapes, kinks(self.model.problem.convention.kinks))
        self.names: Mapping[str, str] = {} if first is None else self._names(first)
        """What is called otherwise on a sheet than in the update's own formulas."""

    def _names(self, first: Stage) -> dict[str, str]:
        before = self.number - 1
        found = {id: step_id(id, self.number) for id in self.steps}
        found |= {old_id(id): step_id(id, before) for id in state_shapes(self.model)}
        for name, value in self.values.items():
            if name in found:
                continue
            if new_id(name) in self.steps:
                found[name] = step_id(new_id(name), before)
            elif not np.array_equal(value, first.values[name]):  # a batch, the number of the step
                found[name] = step_id(name, self.number)
        return found

    def called(self, name: str) -> str:
        """What a name of the update's own formulas is on a sheet."""
        return self.names.get(name, name)

    def written(self, expr: Expr) -> Expr:
        """A formula in the names of a sheet."""
        if not self.names:
            return expr
        renamed = {name: Sym(self.names[name]) for name in symbols(expr) if name in self.names}
        return substitute(expr, renamed) if renamed else expr

    @cached_property
    def formulas(self) -> Formulas:
        """Every formula of every quantity, in the update's own names."""
        return variants(self.model, self.plan, self.extra, self.values)

    def verified(self, formulas: Formulas) -> Formulas:
        """Only those equivalent ways that have the shape of a quantity, and its true value."""
        return {
            id: (ways[0], *(way for way in ways[1:] if self.gives(way, id)))
            for id, ways in formulas.items()
        }

    def gives(self, way: Expr, id: str) -> bool:
        """Whether a formula gives a quantity: its shape, and its value where all is right."""
        true = self.values.get(id)
        if true is None or is_jacobian(way):
            return True
        with np.errstate(all="ignore"):
            try:
                low, high = enclosure(way, lambda name: point(self.values[name]))
            except (ValueError, KeyError):
                return False
        if low.shape != true.shape:
            return False
        close = np.isclose(low, true, rtol=1e-7, atol=1e-9) & np.isclose(high, true, 1e-7, 1e-9)
        return bool((close | ~np.isfinite(true) | ~np.isfinite(low)).all())

    def on_sheet(self, formulas: Formulas) -> dict[str, tuple[Expr, ...]]:
        """Formulas in the names of a sheet."""
        return {
            self.called(id): (
                *((Sym(id),) if id in self.unmoved else ()),
                *map(self.written, ways),
            )
            for id, ways in formulas.items()
        }

    @cached_property
    def unmoved(self) -> frozenset[str]:
        """What no update changes, behind frozen layers: it is what it was at the first step."""
        found: set[str] = set()
        for step in self.plan.steps if self.number > 1 else ():
            used = symbols(step.expr)
            if step.phase == "forward" and all(
                one in found or one not in self.names for one in used
            ):
                found.add(step.id)
        return frozenset(found)


def stages(
    model: Model, first: Solution, planned: Plan, asked: Collection[int], request: Request
) -> tuple[Stage, ...]:
    """The first update, and those up to the last that is asked for; just those very far on.

    `planned` is the plan of the first, and of all that have no samples of their own.
    """
    near = max((number for number in asked if number <= MOST_STEPS), default=1)
    numbers = {*range(2, near + 1), *(number for number in asked if number > MOST_STEPS)}
    found = [Stage(1, first, planned, request.extra)]
    for number in sorted(numbers):
        later = solve(model, replace(request, steps=number, at=number))
        same = later.model is first.model
        own = planned if same else plan(later.model, request.extra)
        found.append(Stage(number, later, own, request.extra, found[0]))
    return tuple(found)

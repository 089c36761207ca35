"""Planned steps to their values, in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from backprop_cli.algebra.expr import Expr, Op
from backprop_cli.operations.sizes import Sizes
from backprop_cli.problem.data import Rounding
from backprop_cli.problem.kinks import kinks
from backprop_cli.problem.model import Array, Model
from backprop_cli.readings.jacobian import jacobian
from backprop_cli.readings.rounded import rounded
from backprop_cli.readings.values import evaluate
from backprop_cli.solving.plan import Plan

Round = Callable[[Array], Array]


@dataclass(frozen=True, slots=True)
class Machine:
    """What turns a formula into a value: the equations behind the names, kinks, rounding."""

    equations: Mapping[str, Expr]
    definitions: Mapping[str, Expr]
    kinks: Mapping[str, float]
    round: Round | None = None

    def value(self, expr: Expr, env: Mapping[str, Array]) -> Array:
        """The value of one formula, rounded where the problem asks for it."""
        if isinstance(expr, Op) and expr.name == "jacobian":
            sizes = Sizes({name: array.shape for name, array in env.items()}, self.kinks)
            value = jacobian(expr, self.equations, env, sizes)
        else:
            value = evaluate(expr, env, self.definitions)
        value = value + 0.0  # -0 is a 0 that nobody writes
        return value if self.round is None else self.round(value)


def machine(model: Model, planned: Plan) -> Machine:
    """The machine for a model's plan; rounded values carry no digits that ln ŷ could win back."""
    defined = {step.id: step.expr for step in planned.steps if step.phase in ("forward", "update")}
    rounding = model.problem.rounding
    return Machine(
        model.definitions,
        {} if rounding else defined,
        kinks(model.problem.convention.kinks),
        rounder(rounding) if rounding else None,
    )


def rounder(rounding: Rounding) -> Round:
    """What rounds each value as the problem says."""
    digits = rounding.digits
    return lambda value: rounded(value, digits.count, digits.kind, rounding.mode)


def run(planned: Plan, given: Mapping[str, Array], how: Machine) -> dict[str, Array]:
    """Every value by id, what was given included; steps marked as skipped have none."""
    env = dict(given)
    for step in planned.steps:
        if not step.skipped:
            env[step.id] = how.value(step.expr, env)
    return env

"""Planned steps to their values, in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
from msgspec import Struct

from backprop_cli.algebra.expr import Expr, Op
from backprop_cli.operations.sizes import Sizes
from backprop_cli.problem.model import Array, Model
from backprop_cli.problem.problem_data import Rounding, kinks
from backprop_cli.readings.noise import without_noise
from backprop_cli.readings.values import Function, compiled
from backprop_cli.solving.plan import Plan

Round: TypeAlias = Callable[[Array], Array]
Program: TypeAlias = Callable[[Mapping[str, Array]], dict[str, Array]]


class Machine(Struct, frozen=True):
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
        from backprop_cli.readings.jacobian_values import jacobian

        def value(env: Mapping[str, Array]) -> Array:
            sizes = Sizes({name: array.shape for name, array in env.items()}, self.kinks)
            whole = jacobian(node, self.equations, env, sizes)
            return np.add(whole, 0.0, out=whole)  # in its place: it may be large

        return value


def machine(model: Model, planned: Plan) -> Machine:
    """The machine for a model's plan; rounded values carry no digits that ln ŷ could win back."""
    defined = {step.id: step.expr for step in planned.steps if step.phase in ("forward", "update")}
    rounding = model.problem.rounding
    return Machine(
        {**model.definitions, **planned.behind},
        {} if rounding else defined,
        kinks(model.problem.convention.kinks),
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

"""A trace computed again from its own formulas: what is printed is what was computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from msgspec.structs import replace

from backprop_cli.algebra.expr import Expr
from backprop_cli.problem.problem_data import Digits, Kinks, Rounding, kinks
from backprop_cli.solving.prepared import Machine, rounder
from backprop_cli.trace import Trace


def replay(trace: Trace) -> Trace:
    """The same steps with every value computed anew from the formulas and what is given."""
    how = _machine(trace)
    env = {name: given.value for name, given in trace.given.items()}
    steps = []
    for step in trace.steps:
        if step.value is None:
            steps.append(step)
            continue
        value = env[step.id] = how.value(step.expr, env)
        steps.append(replace(step, value=value, shape=value.shape))
    return replace(trace, steps=tuple(steps))


def _machine(trace: Trace) -> Machine:
    forward: dict[str, Expr] = {
        step.id: step.expr for step in trace.steps if step.phase == "forward"
    }
    defined = {step.id: step.expr for step in trace.steps if step.phase in ("forward", "update")}
    said = cast("Mapping[str, Any]", trace.convention)
    values = Kinks(**{name.replace("-", "_"): value for name, value in said["kinks"].items()})
    rounding = said.get("rounding")
    if not rounding:
        return Machine(forward, defined, kinks(values))
    kind = next(key for key in rounding if key != "mode")
    how = Rounding(Digits(rounding[kind], kind), rounding["mode"])
    return Machine(forward, {}, kinks(values), rounder(how))

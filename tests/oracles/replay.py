"""A trace read from its JSON, and computed again from its own formulas: what is printed is what was
computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from msgspec.structs import replace

from backprop_cli.algebra.expr import Expr
from backprop_cli.problem.problem_data import Digits, Kinks, Rounding, kinks
from backprop_cli.problem.text.parser import Dialect, parse
from backprop_cli.solving.prepared import Machine, rounder
from backprop_cli.trace import Array, Given, OverTime, Step, Trace, side_by_side

_WORDS = {"inf": np.inf, "-inf": -np.inf, "nan": np.nan}


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


def from_json(data: Mapping[str, Any]) -> Trace:
    """The trace that `to_json` wrote."""
    ids = {step["id"] for step in data["steps"]}.union(*(step["inputs"] for step in data["steps"]))
    indices = int(data["convention"].get("indices", 1))
    dialect = Dialect(indices, compound=ids | set(data["given"]), all_operations=True)
    loss = data["loss"]
    return Trace(
        title=data["title"],
        convention=data["convention"],
        given={name: _given(value, data["roles"][name]) for name, value in data["given"].items()},
        steps=tuple(_step_from(step, dialect) for step in data["steps"]),
        parameters={name: _array(value) for name, value in data["parameters"].items()},
        history=tuple(float(_array(value)) for value in loss["history"]) if loss else (),
        loss=loss["id"] if loss else None,
        samples=data["samples"],
        over_time=side_by_side(
            OverTime(
                each["letter"],
                each["first"],
                each["last"],
                tuple(each["names"]),
                of=each.get("of", "step"),
            )
            for each in data.get("over_time", ())
        ),
    )


def _step_from(data: Mapping[str, Any], dialect: Dialect) -> Step:
    return Step(
        id=data["id"],
        phase=data["phase"],
        iteration=data["iteration"],
        rule=data["rule"],
        expr=parse(data["formula"], dialect),
        axes=tuple(data["axes"]),
        shape=tuple(data["shape"]),
        value=None if data["value"] is None else _array(data["value"]),
        note=data["note"],
        words=data["words"],
    )


def _given(value: Any, about: Mapping[str, Any]) -> Given:
    return Given(_array(value), tuple(about["axes"]), about["role"])


def _array(value: Any) -> Array:
    """The array that `numbers` wrote."""
    return np.asarray(_unworded(value), dtype=float)


def _unworded(value: Any) -> Any:
    if isinstance(value, list):
        return [_unworded(item) for item in value]
    return _WORDS[value] if isinstance(value, str) else value

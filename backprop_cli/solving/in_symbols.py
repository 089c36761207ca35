"""A model and its plan to the trace of a derivation in symbols: formulas and shapes, no values."""

from __future__ import annotations

from collections.abc import Iterator

from backprop_cli.problem.model import Model
from backprop_cli.solving.plan import Plan, Planned
from backprop_cli.solving.solution import convention
from backprop_cli.trace import Step, Trace, Unknown


def in_symbols(model: Model, planned: Plan) -> Trace:
    """The derivation up to the update; numbers that the problem has are left out as well."""
    return Trace(
        title=model.problem.title,
        convention=convention(model),
        given={},
        steps=tuple(without_value(step) for step in planned.steps if step.rule != "forward-again"),
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

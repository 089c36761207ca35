"""Values to the remark a teacher would make beside them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from backprop_cli.algebra.expr import Op, Sym, symbols, walk
from backprop_cli.operations.table import TABLE, operation
from backprop_cli.problem.model import Array, Model
from backprop_cli.readings.values import evaluate
from backprop_cli.solving.plan import Planned

SATURATED = 1e-3
"""A sigmoid or tanh whose slope is below this times its largest is called saturated."""


def note(step: Planned, env: Mapping[str, Array], model: Model) -> str | None:
    """What is worth saying about the value of one step; None where nothing is."""
    value = env.get(step.id)
    if value is None:
        return "too large to print: ask for it with --only" if step.skipped else None
    base = model.problem.convention.indices
    remarks = [
        step.note,
        _not_finite(step, value, env, base),
        _unit_trouble(step, value, env, base),
        _kink(step, env, model, base),
        _several_paths(step),
    ]
    return "; ".join(remark for remark in remarks if remark) or None


def listed(mask: NDArray[np.bool_], name: str, base: int) -> str:
    """The entries where `mask` holds: `Z1[1], Z1[3]`, at most four of them."""
    if mask.ndim == 0:
        return name
    found = [
        f"{name}[{', '.join(str(i + base) for i in index)}]" for index in np.argwhere(mask)[:5]
    ]
    return ", ".join(found[:4]) + (", …" if len(found) > 4 else "")


def _not_finite(step: Planned, value: Array, env: Mapping[str, Array], base: int) -> str | None:
    bad = ~np.isfinite(value)
    if not bad.any():
        return None
    where = listed(bad, step.id, base)
    for node in _operations(step):
        domain = operation(node).domain
        if domain is not None and _outside(node, env):
            return f"{where} is not finite: {domain.words}"
    if any(not np.all(np.isfinite(env[name])) for name in _names(step) if name in env):
        return f"{where} is not finite, since what it is computed from is not"
    return f"{where} is not finite: too large for a floating-point number"


def _operations(step: Planned) -> list[Op]:
    return [node for node in walk(step.expr) if isinstance(node, Op)]


def _names(step: Planned) -> tuple[str, ...]:
    return symbols(step.expr)


def _outside(node: Op, env: Mapping[str, Array]) -> bool:
    domain = operation(node).domain
    assert domain is not None
    args = [evaluate(arg, env) for arg in node.args]
    return bool(np.any(domain.outside(*args)))


def _unit_trouble(step: Planned, value: Array, env: Mapping[str, Array], base: int) -> str | None:
    """Saturated sigmoids, dead rectified units."""
    match step.phase, step.expr:
        case "forward", Op("sigmoid", (Sym(),)):
            flat = value * (1 - value) < SATURATED / 4
            words = "saturated: its slope is nearly 0"
        case "forward", Op("tanh", (Sym(),)):
            flat = 1 - value**2 < SATURATED
            words = "saturated: its slope is nearly 0"
        case "forward", Op("relu", (Sym(z),)):
            flat = env[z] < 0
            words = "off: ReLU passes no gradient there"
        case _:
            return None
    if not flat.any() or (value.ndim == 2 and not flat.all()):
        return None
    return f"{listed(flat, step.id, base)} {'are' if flat.sum() > 1 else 'is'} {words}"


def _kink(step: Planned, env: Mapping[str, Array], model: Model, base: int) -> str | None:
    """Where a derivative does not exist, and the value taken instead."""
    if step.phase != "forward":
        return None
    for node in _operations(step):
        name = operation(node).kink
        if name is None or name == "step" or len(node.args) != 1 or node.name == "max":
            continue
        at_kink = evaluate(node.args[0], env) == 0
        if np.any(at_kink):
            taken = getattr(model.problem.convention.kinks, name)
            inner = node.args[0]
            where = listed(at_kink, inner.name, base) if isinstance(inner, Sym) else "the argument"
            words = TABLE[node.name].words
            return f"{where} is exactly 0, where the {words} has no derivative: {taken:g} is taken"
    return None


def _several_paths(step: Planned) -> str | None:
    if step.rule != "sum-over-paths":
        return None
    return "several paths lead from here to the loss: their gradients add up"

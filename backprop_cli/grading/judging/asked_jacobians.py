"""Jacobians to formulas that have an interval: how they come about, and what follows from them.

Who is asked for ∂H/∂Z writes it down, rounds it and goes on with it. So it needs a formula in the
names of the sheet, and the gradients behind it need one in which it stands.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from math import prod

import numpy as np

from backprop_cli.algebra.expr import Expr, Op, Sym, num, op, substitute
from backprop_cli.algebra.quantity import derivative_id, quantity
from backprop_cli.algebra.shapes import Shape
from backprop_cli.calculus.differentiate import gradients
from backprop_cli.grading.judging.answer_key import is_jacobian
from backprop_cli.grading.judging.equivalent_ways import Formulas, consumers
from backprop_cli.operations.sizes import Sizes
from backprop_cli.problem.model import Model
from backprop_cli.problem.problem_data import kinks
from backprop_cli.solving.plan import Plan, Planned

MOST_ENTRIES = 400
"""Jacobians of so many entries are worked out by hand, if at all."""

_UPSTREAM = "upstream gradient"  # no id has a space in it


def with_jacobians(
    model: Model, planned: Plan, formulas: Formulas, wanted: Collection[str]
) -> Formulas:
    """The formulas with those of the Jacobians wanted, and of what follows from them."""
    steps = {step.id: step for step in planned.steps if step.phase == "jacobian"}
    found = dict(formulas)
    for id in wanted:
        step = steps.get(id)
        if step is not None and prod(map(int, step.shape)) <= MOST_ENTRIES:
            found[id] = (*formulas[id], *_pulled_back(model, planned, step))
            if by := quantity(id).by:
                found |= _using(model, planned, found, steps, by)
    return found


def _pulled_back(model: Model, planned: Plan, step: Planned) -> Iterator[Expr]:
    """A Jacobian whose formula says no more than its name: a basis pulled back, row by row."""
    of, by = quantity(step.id).name, quantity(step.id).by
    if not by or not is_jacobian(step.expr):
        return
    order = list(model.definitions)
    between = {name: model.definitions[name] for name in order[: order.index(of) + 1] if name != by}
    shapes = {**planned.shapes, _UPSTREAM: planned.shapes[of]}
    shapes |= {_name(name): shape for name, shape in model.shapes.items()}
    rules = Sizes(shapes, kinks(model.problem.convention.kinks))
    found: dict[str, Expr] = {}
    for gradient in gradients(between, {of: Sym(_UPSTREAM)}, [by], rules, _name):
        found[_name(gradient.of)] = substitute(gradient.expr, found)
    if _name(by) not in found:
        return
    shape = tuple(map(int, planned.shapes[of]))
    rows = tuple(
        substitute(found[_name(by)], {_UPSTREAM: _basis(place, shape)})
        for place in np.ndindex(shape)
    )
    node = step.expr
    assert isinstance(node, Op)
    options = {
        "of": shape,
        "by": tuple(map(int, planned.shapes[by])),
        "samples": node.option("samples"),
        "layout": node.option("layout"),
    }
    yield Op("assembled", rows, tuple((key, value) for key, value in sorted(options.items())))


def _name(name: str) -> str:
    return f"gradient of {name}"


def _basis(place: tuple[int, ...], shape: Shape) -> Expr:
    return op("place", num(1), index=place, shape=shape) if shape else num(1)


def _using(
    model: Model, planned: Plan, formulas: Formulas, steps: Mapping[str, Planned], by: str
) -> dict[str, tuple[Expr, ...]]:
    """The gradient behind Jacobians: what comes back through each user, by its Jacobian."""
    gradient = model.gradient(by)
    users = consumers(model, by)
    ids = [derivative_id(user, by) for user in users]
    known = all(
        id in steps and model.gradient(user) in formulas
        for id, user in zip(ids, users, strict=True)
    )
    if gradient not in formulas or not users or not known:
        return {}
    parts = [
        op(
            "contracted",
            Sym(id),
            Sym(model.gradient(user)),
            by=tuple(map(int, planned.shapes[by])),
            samples=model.sample_axis if "sample" in steps[id].axes else None,
            layout="denominator" if model.problem.convention.jacobian == "denominator" else None,
        )
        for id, user in zip(ids, users, strict=True)
    ]
    total = parts[0]
    for part in parts[1:]:
        total = op("add", total, part)
    return {gradient: (*formulas[gradient], total)}

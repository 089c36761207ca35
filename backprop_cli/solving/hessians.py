"""A model to the formulas of its second derivatives, from the equations of its own gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.algebra.build import ZERO
from backprop_cli.algebra.expr import Expr, Sym, op, walk
from backprop_cli.algebra.quantity import Second
from backprop_cli.algebra.shapes import Shape, all_known
from backprop_cli.calculus.differentiate import gradients
from backprop_cli.calculus.second import NoClosedFormError, closed_form
from backprop_cli.derive.simplify.simplify import shorter
from backprop_cli.operations.table import Sizes
from backprop_cli.problem.assumptions import assumed
from backprop_cli.problem.model import Model
from backprop_cli.solving.shortcuts import shortcuts

_LONGEST = 120
"""Parts of a formula that anyone would still read."""

_FLAT = "the entries of a matrix count row by row: a row for each of the first, a column for each "
_FLAT += "of the second"


class Hessian(Struct, frozen=True):
    """The formula of a second derivative, what it is, and what is to be said of it."""

    expr: Expr
    axes: tuple[str, ...]
    words: str
    note: str | None


def gradients_behind(model: Model, sizes: Sizes, wanted: Sequence[str]) -> dict[str, Expr]:
    """The gradients as equations in the order of computing, straight to ŷ − y where that holds."""
    past_outputs = shortcuts(model, sizes, fused=True, careful=False).shares
    backward = replace(model.backward, shortcuts=past_outputs)
    found = gradients(backward, [*dict.fromkeys(wanted)], sizes)
    exprs = {model.gradient(one.of): assumed(one.expr, model.problem, sizes) for one in found}
    return {name: shorter(expr, sizes) for name, expr in exprs.items()}


def hessian(model: Model, asked: Second, behind: Mapping[str, Expr], sizes: Sizes) -> Hessian:
    """The derivative of ∂L/∂w by another quantity, or by w again."""
    gradient = model.gradient(asked.by)
    words = "Hessian" if asked.by == asked.then else "mixed second derivatives"
    shapes = sizes.shape(Sym(asked.by)), sizes.shape(Sym(asked.then))
    axes = (*model.axes(asked.by), *model.axes(asked.then))
    expr = in_closed_form(gradient, asked.then, {**model.definitions, **behind}, sizes)
    if expr is not None:
        return Hessian(shorter(assumed(expr, model.problem, sizes), sizes), axes, words, None)
    flat = any(len(shape) > 1 for shape in shapes)
    pulled = op("jacobian", Sym(gradient), Sym(asked.then), flat=1)
    return Hessian(pulled, _flat(axes, shapes) if flat else axes, words, _FLAT if flat else None)


def _flat(axes: tuple[str, ...], shapes: tuple[Shape, Shape]) -> tuple[str, ...]:
    """The axes where those of a matrix have become one; in letters they stay."""
    found: list[str] = []
    rest = iter(axes)
    for shape in shapes:
        own = [next(rest) for _ in shape]
        found += ["entry"] if len(own) > 1 and all_known(shape) else own
    return tuple(found)


def in_closed_form(of: str, by: str, equations: Mapping[str, Expr], sizes: Sizes) -> Expr | None:
    """∂of/∂by as one formula, where there is one that can be read."""
    if len(sizes.shape(Sym(of))) > 1:
        return None
    try:
        found = closed_form(of, by, equations, sizes)
    except NoClosedFormError:
        return None
    shape = (*sizes.shape(Sym(of)), *sizes.shape(Sym(by)))
    if found is None:
        found = op("spread", ZERO, shape=shape) if shape else ZERO
    if sum(1 for _ in walk(found)) > _LONGEST:
        return None
    if sizes.shape(found) != shape:
        found = op("spread", found, shape=shape)
    return found

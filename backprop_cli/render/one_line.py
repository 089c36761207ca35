"""Formulas to single lines of text, in the symbols that `solve` prints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

from backprop_cli.algebra.expr import Expr, Op
from backprop_cli.algebra.shapes import Shape
from backprop_cli.document.names import Names
from backprop_cli.document.view import View
from backprop_cli.notation.terminal import on_one_line
from backprop_cli.render.formula import Writer
from backprop_cli.render.layout import layout_of


def formulas(
    exprs: Mapping[str, Expr], shapes: Mapping[str, Shape], names: Names, view: View
) -> Callable[[str], str | None]:
    """What gives the formula of an id, `∂L/∂W¹ = ∂L/∂Z¹ xᵀ`; None where it fits no line."""
    writer = Writer(names, layout_of(names, view).drawing, shapes, None)

    @cache
    def written(id: str) -> str | None:
        expr = exprs.get(id)
        if expr is None or (isinstance(expr, Op) and expr.name == "jacobian"):
            return None
        body = on_one_line(writer.tokens(expr))
        return None if body is None else f"{names.text(id)} = {body}"

    return written

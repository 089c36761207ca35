"""Formulas to single lines of text, in the symbols that `solve` prints."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache

from backprop_cli.algebra.expr import Expr, Op
from backprop_cli.algebra.shapes import Shape
from backprop_cli.render.flow import Token
from backprop_cli.render.formula import Writer
from backprop_cli.render.layout import layout_of
from backprop_cli.render.names import Names
from backprop_cli.render.view import View


def one_line(tokens: Iterable[Token]) -> str | None:
    """A formula on one line; None where it has a part that takes several."""
    text = ""
    for token in tokens:
        if token.box.height > 1:
            return None
        text += " " if token.space and text else ""
        text += "".join(part for part, _ in token.box.lines[0])
    return text


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
        body = one_line(writer.tokens(expr))
        return None if body is None else f"{names.text(id)} = {body}"

    return written

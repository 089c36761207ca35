"""Expressions as the terminal writes them, for tests that look at one formula."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from backprop_cli.algebra.expr import Expr
from backprop_cli.algebra.shapes import Shape
from backprop_cli.document.document_data import Page
from backprop_cli.document.names import Names
from backprop_cli.document.step_equations import ValueWriter
from backprop_cli.notation.boxes import Box, Drawing
from backprop_cli.notation.flow import Tokens
from backprop_cli.notation.terminal import Terminal


class Writer(Struct, frozen=True):
    """Writes expressions; with `values`, names are drawn as what they stand for."""

    names: Names
    drawing: Drawing
    shapes: Mapping[str, Shape]
    values: Mapping[str, NDArray[np.float64]] | None = None

    def tokens(self, expr: Expr) -> Tokens:
        """The expression as the tokens of a terminal."""
        rows = self.drawing.rows
        drawn = ValueWriter(self.names, Page(), self.drawing.digits, rows)
        writer = self.names.writer(self.shapes, self.values, drawn.value, rows=rows)
        return Terminal(self.drawing, self.names).tokens(writer.node(expr))


def array_box(drawing: Drawing, value: NDArray[np.float64], rows: int = 10) -> Box:
    """An array as it is drawn where it stands alone."""
    page = Page(columns=max(4, drawing.most_width // 3), rows=rows)
    drawn = ValueWriter(Names(), page, drawing.digits, drawing.rows).value(value)
    (token,) = Terminal(drawing).tokens(drawn)
    return token.box

"""An expression to tokens of a terminal: in symbols, or with the values of its names put in."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from backprop_cli.algebra.expr import Expr
from backprop_cli.algebra.shapes import Shape
from backprop_cli.document.names import Names
from backprop_cli.notation.drawing import Drawing
from backprop_cli.notation.flow import Token
from backprop_cli.notation.nodes import Held, Node, Number
from backprop_cli.notation.terminal import Terminal

Array = NDArray[np.float64]


class Writer(Struct, frozen=True):
    """Writes expressions. With `values`, names are drawn as what they stand for.

    `shapes` are those of the names.
    """

    names: Names
    drawing: Drawing
    shapes: Mapping[str, Shape]
    values: Mapping[str, Array] | None = None

    def tokens(self, expr: Expr) -> tuple[Token, ...]:
        """The expression as tokens."""
        return self.set(self.node(expr))

    def node(self, expr: Expr) -> Node:
        """The expression as a formula."""
        writer = self.names.writer(self.shapes, self.values, self.value, rows=self.drawing.rows)
        return writer.node(expr)

    def set(self, node: Node) -> tuple[Token, ...]:
        """A formula as tokens."""
        return Terminal(self.drawing, self.names).tokens(node)

    def value(self, value: Array) -> Node:
        """A value: a number, or an array that is drawn."""
        return Held(value) if value.ndim else Number(self.drawing.digits.one(float(value)))

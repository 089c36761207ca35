"""Quantities, formulas and values to single lines of text: in graphs, comments, feedback."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

from msgspec import Struct

from backprop_cli.algebra.expr import Expr, Op
from backprop_cli.algebra.shapes import Shape
from backprop_cli.document.names import Names, shape_text
from backprop_cli.document.view import View
from backprop_cli.notation.ascii_signs import ascii_text
from backprop_cli.notation.boxes import ASCII, UNICODE, Drawing, plain_text, width
from backprop_cli.notation.flow import joined
from backprop_cli.notation.printed_numbers import Digits
from backprop_cli.notation.terminal import Terminal
from backprop_cli.notation.writer import Array

_TABLE_ROWS = 8


class OneLine(Struct, frozen=True):
    """Writes what stands on one line, in the alphabet that is asked for."""

    names: Names
    view: View

    @property
    def drawing(self) -> Drawing:
        """How numbers are written, and with which dots."""
        digits = Digits(self.view.precision, self.view.ascii)
        return Drawing(digits, ASCII if self.view.ascii else UNICODE, self.view.rows)

    @property
    def dots(self) -> str:
        """What stands for what is left out."""
        return self.drawing.glyphs.across

    def plain(self, text: str) -> str:
        """Words in the alphabet that is asked for."""
        return ascii_text(text) if self.view.ascii else text

    def shape(self, shape: Shape) -> str:
        """A shape as it stands beside a name: `(2×3)`; nothing for a number."""
        return f"({shape_text(shape, 'x' if self.view.ascii else '×')})" if shape else ""

    def formula(self, expr: Expr, shapes: Mapping[str, Shape]) -> str:
        """An expression; of one that takes several lines, the line its operators stand on."""
        node = self.names.writer(shapes, rows=self.view.rows).node(expr)
        box = joined(Terminal(self.drawing, self.names).tokens(node))
        return plain_text(box.lines[box.baseline])

    def flat(self, value: Array, room: int) -> list[str]:
        """A value in rows of text: `3.0055 5.9217; 4 5`, shortened to what fits."""
        if value.ndim == 0:
            return [self.drawing.digits.one(float(value))]
        rows = value.reshape(-1, value.shape[-1])
        texts = [self._row(row, room) for row in rows[:_TABLE_ROWS]]
        whole = "; ".join(texts)
        if len(rows) > _TABLE_ROWS:
            return [*texts[:3], self.drawing.glyphs.across]
        return [whole] if width(whole) <= room else texts

    def _row(self, row: Array, room: int) -> str:
        """Numbers side by side, those in the middle left out where there is no room for them."""
        dots = self.drawing.glyphs.across
        most = room // 2
        numbers = [
            float(number) for number in (row if len(row) <= most else [*row[:most], row[-1]])
        ]
        *texts, last = self.drawing.digits.several(numbers)
        whole = " ".join([*texts, last])
        if len(numbers) == len(row) and width(whole) <= room:
            return whole
        left = room - width(f"{dots} {last}")
        kept = []
        for text in texts:
            left -= width(text) + 1
            if left < 0:
                break
            kept.append(text)
        return " ".join([*kept, dots, last])


def formulas(
    exprs: Mapping[str, Expr], shapes: Mapping[str, Shape], names: Names, view: View
) -> Callable[[str], str | None]:
    """What gives the formula of an id, `∂L/∂W¹ = ∂L/∂Z¹ xᵀ`; None where it fits no line."""
    writer = names.writer(shapes, rows=view.rows)
    setter = Terminal(OneLine(names, view).drawing, names)

    @cache
    def written(id: str) -> str | None:
        expr = exprs.get(id)
        if expr is None or (isinstance(expr, Op) and expr.name == "jacobian"):
            return None
        body = setter.one_line(writer.node(expr))
        return None if body is None else f"{names.text(id)} = {body}"

    return written

"""An expression to tokens: in symbols, or with the values of its names put in."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from fractions import Fraction

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from backprop_cli.algebra.expr import Expr, Num, Op, Sym
from backprop_cli.algebra.shapes import Shape, ShapeError
from backprop_cli.notation.one_line_symbols import linear
from backprop_cli.notation.parentheses import Kind
from backprop_cli.notation.parts import FLIPPED
from backprop_cli.notation.rewritten import only_moves
from backprop_cli.notation.symbols import Ending, size
from backprop_cli.operations.sizes import Sizes
from backprop_cli.readings.index_bases import Bases
from backprop_cli.readings.values import evaluate
from backprop_cli.render.flow import Token
from backprop_cli.render.forms import written
from backprop_cli.render.grid import Drawing, Glyphs, text_box
from backprop_cli.render.names import Names
from backprop_cli.render.pieces import Piece, atom, boxed

Array = NDArray[np.float64]

_KIND: Mapping[Ending, Kind] = {"plain": "atom", "raised": "raised", "fraction": "fraction"}


class Writer(Struct, frozen=True):
    """Writes expressions. With `values`, names are drawn as what they stand for.

    `shapes` are those of the names. Where every value has one entry, numbers are put in for it
    without brackets (`scalars`).
    """

    names: Names
    drawing: Drawing
    shapes: Mapping[str, Shape]
    values: Mapping[str, Array] | None = None

    @property
    def scalars(self) -> bool:
        """Whether values are put in and each of them has one entry."""
        return self.values is not None and all(value.size == 1 for value in self.values.values())

    @property
    def sizes(self) -> Sizes:
        """The sizes of the names, by which sums and products are written."""
        return Sizes(self.shapes, {})

    @property
    def glyphs(self) -> Glyphs:
        """The delimiters to draw with."""
        return self.drawing.glyphs

    @property
    def ascii(self) -> bool:
        """Whether only ASCII may be written."""
        return self.names.ascii

    @property
    def times(self) -> str:
        """What stands between the sizes of a shape."""
        return "x" if self.ascii else "×"

    @property
    def bases(self) -> Bases:
        """What entries count from."""
        return self.names.counting

    @property
    def rows(self) -> bool:
        """Whether vectors are drawn as rows."""
        return self.drawing.rows

    def rank(self, expr: Expr) -> int:
        """The number of axes of an expression; 0 for a name that is unknown."""
        if self.scalars:
            return 0
        if isinstance(expr, Op) and expr.name == FLIPPED:
            return 2
        try:
            return len(self.sizes.shape(expr))
        except (KeyError, ShapeError):
            return 0

    def tokens(self, expr: Expr) -> tuple[Token, ...]:
        """The expression as tokens."""
        return self.piece(expr).tokens

    def piece(self, expr: Expr) -> Piece:
        """The expression as a part of a formula."""
        if isinstance(expr, Num):
            return self._number(expr.value)
        if self.values is not None and only_moves(expr):
            return self._value(expr, self.values)
        return self.name(expr.name) if isinstance(expr, Sym) else written(self, expr)

    def name(self, text: str) -> Piece:
        """A name as its symbol."""
        symbol = self.names.symbol(text)
        return Piece((Token(text_box(symbol.text, self.names.role(text))),), _KIND[symbol.ending])

    def drawn(self, value: Array) -> Piece:
        """A value: a number, or an array with its shape below it."""
        if value.ndim == 0:
            text = self.drawing.digits.one(float(value))
            return Piece(atom(text).tokens, "sign" if value < 0 else "atom", minus=bool(value < 0))
        upright = value if value.ndim != 1 else value[None, :] if self.rows else value[:, None]
        return boxed(self.drawing.array(value), shape_text(upright.shape, self.times))

    def _value(self, expr: Expr, values: Mapping[str, Array]) -> Piece:
        if self.scalars:
            inner = expr.args[0] if isinstance(expr, Op) and expr.name == FLIPPED else expr
            value = evaluate(inner, values)
            return self.drawn(value.reshape(()) if value.size == 1 else value)
        if isinstance(expr, Op) and expr.name == FLIPPED:
            vector = evaluate(expr.args[0], values)
            turned = vector[:, None] if self.rows else vector[None, :]
            return boxed(self.drawing.matrix(turned), shape_text(turned.shape, self.times))
        return self.drawn(evaluate(expr, values))

    def _number(self, value: Fraction) -> Piece:
        if value < 0:
            inner = self._number(-value)
            minus = Token(text_box("-" if self.ascii else "−"))
            return Piece((minus, *inner.tokens), "sign", minus=True)
        if value == Fraction(1, 2) and not self.ascii:
            return atom("½")
        if value.denominator == 1 or Fraction(repr(float(value))) == value:
            text = str(value.numerator) if value.denominator == 1 else repr(float(value))
            return atom(text)
        return atom(f"{value.numerator}/{value.denominator}", "scalar")


def shape_text(shape: Shape, times: str = "×") -> str:
    """A shape as it is written below a factor: `2×3`, `N₁×N`; letters as they are in ASCII."""
    written = linear(size(shape))
    return unicodedata.normalize("NFKC", written.replace("×", times)) if times == "x" else written

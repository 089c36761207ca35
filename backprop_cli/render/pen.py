"""What the forms of all operations share: who writes, and how an argument stands in its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from backprop_cli.algebra.expr import Expr, Op
from backprop_cli.notation.parts import Hand
from backprop_cli.render.flow import word
from backprop_cli.render.grid import Glyphs
from backprop_cli.render.pieces import Piece, fenced, listed, placed


class Pen(Hand, Protocol):
    """What a form may ask of the writer that is at work."""

    @property
    def glyphs(self) -> Glyphs:
        """The delimiters to draw with."""
        ...

    @property
    def ascii(self) -> bool:
        """Whether only ASCII may be written."""
        ...

    def piece(self, expr: Expr) -> Piece:
        """The expression as a part of a formula."""
        ...

    def name(self, text: str) -> Piece:
        """A name as its symbol."""
        ...


Form: TypeAlias = Callable[[Pen, Op], Piece]


def put(pen: Pen, expr: Expr, place: str) -> Piece:
    """An expression as it stands in a place of its formula."""
    return placed(pen.piece(expr), place, pen.glyphs)


def called(pen: Pen, name: str, *args: Expr) -> Piece:
    """`name(a, b)`."""
    return fenced(listed([pen.piece(arg) for arg in args]), pen.glyphs.parentheses, (word(name),))

"""Derivatives, sums over letters and 1{i = j} to the way they are written in a derivation."""

from __future__ import annotations

from backprop_cli.algebra.expr import Expr, Op, Sym
from backprop_cli.notation.one_line_symbols import subscript
from backprop_cli.render.flow import word
from backprop_cli.render.pen import Pen, called, put
from backprop_cli.render.pieces import Piece, fenced, placed, prefixed


def derivative(pen: Pen, node: Op) -> Piece:
    """df/dz of a name, d/dz[…] of anything else; ∂ where there are other variables."""
    of, by = node.args
    sign = _sign(pen, by, partial=bool(node.option("partial")))
    below = _text(pen.piece(by))
    if pen.ascii and "[" in below and pen.rank(of) > 0:
        below = f"({below})"  # not an entry of d of / d by
    if isinstance(of, Sym):
        return Piece((word(f"{sign}{_text(pen.piece(of))}/{sign}{below}"),), "fraction")
    return fenced(pen.piece(of), pen.glyphs.brackets, (word(f"{sign}/{sign}{below}"),))


def _sign(pen: Pen, by: Expr, *, partial: bool) -> str:
    alone = isinstance(by, Sym) and len(by.name) == 1 and not partial
    return "d" if alone or pen.ascii else "∂"


def _text(piece: Piece) -> str:
    return "".join(part for token in piece.tokens for part, _ in token.box.lines[0])


def sum_over(pen: Pen, node: Op) -> Piece:
    """Σₖ a, or Σᵢ≠ⱼ a."""
    index, without = str(node.option("index")), node.option("without")
    if pen.ascii:
        left_out = "" if without is None else f" != {without}"
        return called(pen, f"sum over {index}{left_out} of ", node.args[0])
    left_out = "" if without is None else f"≠{subscript(str(without))}"
    below = subscript(index) or f"_{index}"  # there is no small q below the line
    inner = placed(pen.piece(node.args[0]), "sum of", pen.glyphs)
    return prefixed(f"Σ{below}{left_out}", inner, kind="total")


def equal(pen: Pen, node: Op) -> Piece:
    """1{i = j}."""
    left, right = node.args
    tokens = (
        *put(pen, left, "a +").tokens,
        word("=", space=True),
        word(_text(pen.piece(right)), space=True),
    )
    return fenced(Piece(tokens, "sum"), pen.glyphs.braces, (word("1"),))

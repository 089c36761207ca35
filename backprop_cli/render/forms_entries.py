"""Columns, rows, entries and stacks to the way they are written."""

from __future__ import annotations

from backprop_cli.algebra.expr import Num, Op, Option, Sym, num, op
from backprop_cli.notation.one_line_symbols import indexed, subscript
from backprop_cli.notation.parts import places_of
from backprop_cli.notation.spreading import times_ones
from backprop_cli.notation.structure_forms import joined_beside
from backprop_cli.render.flow import word
from backprop_cli.render.forms_products import turned
from backprop_cli.render.pen import Form, Pen, put
from backprop_cli.render.pieces import Piece, atom, between, fenced, listed, placed, suffixed


def upright(column: bool) -> Form:
    """A vector as a column (or row) is itself where vectors are drawn so, else transposed."""

    def form(pen: Pen, node: Op) -> Piece:
        (inner,) = node.args
        lies = column == pen.rows and pen.rank(inner) == 1
        return turned(pen, inner) if lies else pen.piece(inner)

    return form


def inner(pen: Pen, node: Op) -> Piece:
    """Nothing but the argument."""
    return pen.piece(node.args[0])


def expand(pen: Pen, node: Op) -> Piece:
    """A vector as a row or column of a matrix."""
    stands = upright(node.option("axis") == 1) if pen.rank(node) == 2 else inner
    return stands(pen, node)


def spread(pen: Pen, node: Op) -> Piece:
    """A number repeated carries its shape below, since 1 alone would not say how many.

    What is no constant is multiplied by ones: s · 1₃, or 1₂ vᵀ for a vector in every row.
    """
    inner, shape = node.args[0], node.option("shape")
    if pen.scalars or not isinstance(shape, tuple):
        return pen.piece(inner)
    if isinstance(inner, Num) and not pen.ascii:
        return _repeated(pen, inner, shape)
    return pen.piece(times_ones(node, pen.rank(inner), rows=pen.rows))


def _repeated(pen: Pen, number: Num, shape: tuple[Option, ...]) -> Piece:
    piece = pen.piece(number)
    size = subscript("x".join(map(str, shape)))
    if size:
        return Piece((*piece.tokens, word(size)), piece.kind, minus=piece.minus)
    return Piece(
        (*piece.tokens, word(f"_{'×'.join(map(str, shape))}")), piece.kind, minus=piece.minus
    )


def ones(pen: Pen, node: Op) -> Piece:
    """1₃, 1₂ₓ₃, or ones(3)."""
    shape = node.option("shape")
    assert isinstance(shape, tuple)
    if pen.ascii:
        return atom(f"ones({', '.join(map(str, shape))})")
    return _repeated(pen, num(1), shape)


def at(pen: Pen, node: Op) -> Piece:
    """W₂₁, or W[1,:] for a whole row."""
    inner = node.args[0]
    places = places_of(pen, node)
    flat = pen.ascii or not all(map(str.isdigit, places))
    text = f"[{','.join(places)}]" if flat else indexed(places)
    base = pen.piece(inner) if isinstance(inner, Sym) else put(pen, inner, "base")
    if base.kind == "fraction":
        base = placed(base, "base", pen.glyphs)
    return suffixed(base, text)


def in_place(pen: Pen, node: Op) -> Piece:
    """An entry in its place among zeros is that entry times a unit vector or matrix."""
    index = places_of(pen, node)
    places = ",".join(index)
    if all(map(str.isdigit, index)) and not pen.ascii:
        unit = atom(("e" if len(index) == 1 else "E") + indexed(index))
        return between(put(pen, node.args[0], "a scalar"), "·", unit, "scalar", 2)
    inner = pen.piece(node.args[0])
    tail = word(f"at [{places}], else 0", space=True)
    return fenced(Piece((*inner.tokens, tail), "sum"), pen.glyphs.parentheses)


def bracketed(pen: Pen, node: Op) -> Piece:
    """[a, b], or [a; b] for what is joined one below the other."""
    pieces = [pen.piece(arg) for arg in node.args]
    beside = node.name == "stack" or joined_beside(pen, node)
    return fenced(listed(pieces, "," if beside else ";"), pen.glyphs.brackets)


def grown(pen: Pen, node: Op) -> Piece:
    """[1; x]."""
    pieces = [pen.piece(node.args[1]), pen.piece(node.args[0])]
    if node.name == "append":
        pieces.reverse()
    separator = "," if joined_beside(pen, node) else ";"
    return fenced(listed(pieces, separator), pen.glyphs.brackets)


def dropped(pen: Pen, node: Op) -> Piece:
    """A matrix without its bias entries is marked with a tilde."""
    inner = node.args[0]
    base = pen.piece(inner)
    (first, *more) = base.tokens
    if pen.ascii or not isinstance(inner, Sym) or more or first.box.height > 1:
        return suffixed(placed(base, "base", pen.glyphs), "~")
    text = "".join(part for part, _ in first.box.lines[0])
    return atom(f"{text[0]}\N{COMBINING TILDE}{text[1:]}", base.kind)


def part(pen: Pen, node: Op) -> Piece:
    """x[2:3]."""
    axis, start, stop = (int(str(node.option(key, 0))) for key in ("axis", "start", "stop"))
    index = (*(None,) * axis, (start, stop))
    return at(pen, op("at", *node.args, index=index))

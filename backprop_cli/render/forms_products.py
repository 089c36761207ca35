"""Sums, products, powers and transposes to the way they are written."""

from __future__ import annotations

from backprop_cli.algebra.expr import Expr, Op, op
from backprop_cli.notation.one_line_symbols import superscript
from backprop_cli.notation.parts import FLIPPED
from backprop_cli.notation.product_forms import is_root, row_by
from backprop_cli.notation.rewritten import one_fraction
from backprop_cli.render.flow import word
from backprop_cli.render.pen import Pen, put
from backprop_cli.render.pieces import Piece, between, fenced, raised


def add(pen: Pen, node: Op) -> Piece:
    """a + b."""
    a, b = node.args
    return between(put(pen, a, "a +"), "+", put(pen, b, "+ b"), "sum", 1)


def sub(pen: Pen, node: Op) -> Piece:
    """a − b."""
    a, b = node.args
    return between(put(pen, a, "a -"), minus(pen), put(pen, b, "- b"), "sum", 1)


def minus(pen: Pen) -> str:
    """The minus sign."""
    return "-" if pen.ascii else "−"


def neg(pen: Pen, node: Op) -> Piece:
    """−a."""
    inner = put(pen, node.args[0], "-a")
    return Piece((word(minus(pen)), *inner.tokens), "sign", inner.open, minus=True)


def mul(pen: Pen, node: Op) -> Piece:
    """a ⊙ b for arrays, a · b where one is a number."""
    a, b = node.args
    fraction = one_fraction(node)
    if fraction is not None:
        return pen.piece(fraction)
    if pen.rank(a) and pen.rank(b):
        sign = "*" if pen.ascii else "⊙"
        return between(put(pen, a, "a entry"), sign, put(pen, b, "entry b"), "entry", 2)
    sign = "*" if pen.ascii else "·"
    return between(put(pen, a, "a scalar"), sign, put(pen, b, "scalar b"), "scalar", 2)


def div(pen: Pen, node: Op) -> Piece:
    """a / b."""
    a, b = node.args
    return between(put(pen, a, "a /"), "/", put(pen, b, "/ b"), "quotient", 2)


def matmul(pen: Pen, node: Op) -> Piece:
    """Vectors are drawn as columns (or all as rows): the product is turned to suit them."""
    a, b = node.args
    left, right = pen.rank(a), pen.rank(b)
    form = row_by(pen, a) if left == right == 1 and not pen.rows else None
    if form is not None:
        first = _product(pen, op(FLIPPED, form[0]), form[1])
        sign = "@" if pen.ascii else ""
        return between(first, sign, put(pen, b, "matrix b"), "matrix", 2)
    if left == right == 1:
        a, b = (a, op(FLIPPED, b)) if pen.rows else (op(FLIPPED, a), b)
    elif left == 1 and not pen.rows:
        a, b = op("transpose", b), a
    elif right == 1 and pen.rows:
        a, b = b, op("transpose", a)
    return _product(pen, a, b)


def outer(pen: Pen, node: Op) -> Piece:
    """a bᵀ, or aᵀ b where vectors are rows."""
    a, b = node.args
    return _product(pen, op(FLIPPED, a), b) if pen.rows else _product(pen, a, op(FLIPPED, b))


def _product(pen: Pen, a: Expr, b: Expr) -> Piece:
    if pen.scalars:
        return mul(pen, op("mul", a, b))
    sign = "@" if pen.ascii else ""
    return between(put(pen, a, "a matrix"), sign, put(pen, b, "matrix b"), "matrix", 2)


def product(pen: Pen, node: Op) -> Piece:
    """A B, each as it stands."""
    return _product(pen, *node.args)


def transpose(pen: Pen, node: Op) -> Piece:
    """Aᵀ; a vector has no other way to stand."""
    (inner,) = node.args
    if isinstance(inner, Op) and inner.name == "transpose":
        return pen.piece(inner.args[0])
    return pen.piece(inner) if pen.rank(inner) < 2 else turned(pen, inner)


def flipped(pen: Pen, node: Op) -> Piece:
    """A vector the other way round: aᵀ; that of a product is xᵀ A where A x would be turned."""
    (inner,) = node.args
    if isinstance(inner, Op) and inner.name == "matmul":
        a, b = inner.args
        ranks = pen.rank(a), pen.rank(b)
        if ranks == (1, 2) and not pen.rows:
            return _product(pen, op(FLIPPED, a), b)
        if ranks == (2, 1) and pen.rows:
            return _product(pen, a, op(FLIPPED, b))
    return turned(pen, inner)


def turned(pen: Pen, inner: Expr) -> Piece:
    """Aᵀ, whatever A is."""
    turned = raised(put(pen, inner, "base"), ".T" if pen.ascii else "ᵀ")
    return Piece(turned.tokens, "power")


def power(pen: Pen, node: Op) -> Piece:
    """a², or a^(b + 1) where there are no small letters for it."""
    base, exponent = node.args
    inner = put(pen, base, "base")
    if is_root(base) and not pen.ascii:
        inner = fenced(inner, pen.glyphs.parentheses)
    text = _exponent(pen, exponent)
    if text is not None:
        return raised(inner, text)
    left, right = inner, put(pen, exponent, "base")
    return Piece((*left.tokens, word("^"), *right.tokens), "power")


def _exponent(pen: Pen, expr: Expr) -> str | None:
    """The exponent on one line, raised where there are small letters for it."""
    piece = pen.piece(expr)
    if len(piece.tokens) != 1 or piece.tokens[0].box.height != 1:
        return None
    text = "".join(part for part, _ in piece.tokens[0].box.lines[0])
    if pen.ascii:
        return f"^{text}" if piece.kind == "atom" else f"^({text})"
    return superscript(text.replace("−", "-"))

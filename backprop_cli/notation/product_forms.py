"""Sums, products, quotients, powers and transposes to the way they are written."""

from __future__ import annotations

from fractions import Fraction as Exact

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Num, Op, num, op
from backprop_cli.notation.nodes import (
    INVERSE,
    INVERSE_TRANSPOSED,
    TIMES,
    Braced,
    Fraction,
    Node,
    Number,
    Script,
    Sign,
    Word,
    items,
    row,
    storeys,
)
from backprop_cli.notation.parts import FLIPPED, Hand, Part, Writer, between, fenced, placed, put
from backprop_cli.operations.table import TABLE

_SUM = 1  # how willingly a line ends before a sign, the least first
_PRODUCT = 2
SIDE_BY_SIDE = Sign("", _PRODUCT)


def add(writer: Writer, node: Op) -> Part:
    """a + b, and a − b for a + (−b)."""
    a, b = node.args
    if isinstance(b, Op) and b.name == "neg" and not isinstance(b.args[0], Num):
        return sub(writer, Op("sub", (a, *b.args)))
    return between(put(writer, a, "a +"), Sign("+", _SUM), put(writer, b, "+ b"), "sum")


def sub(writer: Writer, node: Op) -> Part:
    """a − b."""
    a, b = node.args
    return between(put(writer, a, "a -"), Sign("−", _SUM), put(writer, b, "- b"), "sum")


def neg(writer: Writer, node: Op) -> Part:
    """−a."""
    inner = put(writer, node.args[0], "-a")
    signed = row(Sign("−", bare=True), inner.node)
    return Part(signed, "sign", inner.open, minus=True, drawn=inner.drawn)


def mul(writer: Writer, node: Op) -> Part:
    """a ⊙ b for arrays, a · b where one is a number, and η a in symbols."""
    a, b = node.args
    fraction = one_fraction(node)
    if fraction is not None:
        return writer.part(fraction)
    if writer.rank(a) and writer.rank(b):
        left, right = put(writer, a, "a entry"), put(writer, b, "entry b")
        if writer.shape_label(a) != writer.shape_label(b):
            left, right = _braced(writer, a, left), _braced(writer, b, right)
        return between(left, Sign("⊙", _PRODUCT), right, "entry")
    left, right = put(writer, a, "a scalar"), put(writer, b, "scalar b")
    beside = not writer.numbers and (isinstance(a, Num) or right.kind == "fraction")
    sign = Sign(TIMES if beside and not isinstance(b, Num) else "·", _PRODUCT)
    return between(left, sign, right, "scalar")


def div(writer: Writer, node: Op) -> Part:
    """a over b; a / b with arrays put in, or where fractions would stand too deep to be read."""
    a, b = node.args
    half = b == num(Exact(1, 2))  # nobody divides by ½
    top, bottom = writer.part(a), Part(Number("0.5")) if half else writer.part(b)
    nested = top.kind == "fraction" or storeys(top.node) > 1 or storeys(bottom.node) > 0
    if not (top.drawn or bottom.drawn or nested):
        return Part(Fraction(top.node, bottom.node), "fraction")
    left = top if top.kind == "fraction" else placed(top, "a /")
    right = bottom if half else placed(bottom, "/ b")
    return between(left, Sign("/", _PRODUCT), right, "quotient")


def matmul(writer: Writer, node: Op) -> Part:
    """Vectors are drawn as columns (or all as rows): the product is turned to suit them."""
    a, b = node.args
    for place, factor in enumerate(node.args):
        if (scaled := _scaled(writer, factor)) is not None:
            number, rest = scaled
            args = (rest, b) if place == 0 else (a, rest)
            return mul(writer, op("mul", number, Op("matmul", args, node.options)))
    left, right = writer.rank(a), writer.rank(b)
    form = row_by(writer, a) if left == right == 1 and not writer.rows else None
    if form is not None:
        first = _product(writer, op(FLIPPED, form[0]), form[1])
        last = _braced(writer, b, put(writer, b, "matrix b"))
        return between(first, SIDE_BY_SIDE, last, "matrix")
    if left == right == 1 and _is_column(writer, a) and not _is_column(writer, b):
        a, b = b, a  # wᵀ S w for (S w)ᵀ w
    if left == right == 1:
        a, b = (a, op(FLIPPED, b)) if writer.rows else (op(FLIPPED, a), b)
    elif left == 1 and not writer.rows:
        a, b = op("transpose", b), a
    elif right == 1 and writer.rows:
        a, b = b, op("transpose", a)
    return _product(writer, a, b)


def _is_column(writer: Hand, a: Expr) -> bool:
    """Whether it is a matrix times a column, which is longer to write as a row."""
    match a:
        case Op("matmul", (matrix, _)):
            return not writer.rows and writer.rank(matrix) == 2
    return False


def _scaled(writer: Hand, factor: Expr) -> tuple[Expr, Expr] | None:
    """The number and the array of η A, of which (η A) B is written η · A B."""
    match factor:
        case Op("mul", (number, rest)) if not writer.rank(number) and writer.rank(rest):
            return number, rest
    return None


def outer(writer: Writer, node: Op) -> Part:
    """a bᵀ, or aᵀ b where vectors are rows; a gᵀ W for a (Wᵀ g)ᵀ."""
    a, b = node.args
    if writer.rows:
        return _product(writer, op(FLIPPED, a), b)
    turned = _turned(writer, b)
    if turned is None:
        return _product(writer, a, op(FLIPPED, b))
    first, matrix = _product(writer, a, op(FLIPPED, turned[0])), turned[1]
    last = _braced(writer, matrix, put(writer, matrix, "matrix b"))
    return between(first, SIDE_BY_SIDE, last, "matrix")


def _turned(writer: Hand, b: Expr) -> tuple[Expr, Expr] | None:
    """The g and W of a column Wᵀ g, which is the row gᵀ W when it is turned."""
    match b:
        case Op("matmul", (matrix, g)) if (writer.rank(matrix), writer.rank(g)) == (2, 1):
            return g, build.transpose(matrix)
    return row_by(writer, b)


def row_by(writer: Hand, a: Expr) -> tuple[Expr, Expr] | None:
    """The x and A of a vector times a matrix: with a vector behind it, xᵀ A y is written."""
    match a:
        case Op("matmul", (x, matrix)) if writer.rank(x) == 1 and writer.rank(matrix) == 2:
            return x, matrix
    return None


def _product(writer: Writer, a: Expr, b: Expr) -> Part:
    if writer.scalars:
        return mul(writer, op("mul", a, b))
    left = _braced(writer, a, put(writer, a, "a matrix"))
    right = _braced(writer, b, put(writer, b, "matrix b"))
    return between(left, SIDE_BY_SIDE, right, "matrix")


def _braced(writer: Writer, expr: Expr, part: Part) -> Part:
    """A factor with its shape below it, unless its own factors have theirs."""
    if not writer.braces or any(isinstance(node, Braced) for node in items(part.node)):
        return part
    label = writer.shape_label(expr)
    if label is None:
        return part
    return Part(Braced(part.node, label), part.kind, part.open, part.minus)


def product(writer: Writer, node: Op) -> Part:
    """A B, each as it stands."""
    return _product(writer, *node.args)


def transpose(writer: Writer, node: Op) -> Part:
    """Aᵀ; a vector has no other way to stand."""
    (inner,) = node.args
    if isinstance(inner, Op) and inner.name == "transpose":
        return writer.part(inner.args[0])
    stays = writer.scalars or writer.rank(inner) == 1
    return writer.part(inner) if stays else turned(writer, inner)


def flipped(writer: Writer, node: Op) -> Part:
    """A vector the other way round: aᵀ; that of a product is xᵀ A where A x would be turned."""
    (inner,) = node.args
    if writer.scalars:
        return writer.part(inner)
    if isinstance(inner, Op) and inner.name == "matmul":
        a, b = inner.args
        ranks = writer.rank(a), writer.rank(b)
        if ranks == (1, 2) and not writer.rows:
            return _product(writer, op(FLIPPED, a), b)
        if ranks == (2, 1) and writer.rows:
            return _product(writer, a, op(FLIPPED, b))
    return turned(writer, inner)


def turned(writer: Writer, inner: Expr) -> Part:
    """Aᵀ, whatever A is; of an inverse it is A⁻ᵀ."""
    if isinstance(inner, Op) and inner.name == "inv":
        return _inverse(writer, inner, INVERSE_TRANSPOSED)
    base = put(writer, inner, "base")
    return Part(Script(base.node, Word("T")), "power", drawn=base.drawn)


def inverse(writer: Writer, node: Op) -> Part:
    """A⁻¹."""
    return _inverse(writer, node, INVERSE)


def _inverse(writer: Writer, node: Op, power: Node) -> Part:
    base = put(writer, node.args[0], "base")
    return Part(Script(base.node, power), "power", drawn=base.drawn)


def is_root(base: Expr) -> bool:
    """Whether a power stands behind a root: (√x)³ would be read as √(x³) without parentheses."""
    return isinstance(base, Op) and base.name == "sqrt"


def power(writer: Writer, node: Op) -> Part:
    """a raised to b; 1 / Aⁿ of the entries of a matrix, since A⁻ⁿ is its inverse."""
    match node.args:
        case (matrix, Num(value)) if value < 0 and writer.rank(matrix) > 1:
            below = matrix if value == -1 else op("pow", matrix, num(-value))
            return div(writer, op("div", num(1), below))
    base, exponent = put(writer, node.args[0], "base"), writer.part(node.args[1])
    if is_root(node.args[0]):
        base = fenced(base)
    return Part(Script(base.node, exponent.node), "power", drawn=base.drawn)


# Written as something else ------------------------------------------------------------------------


_MOVES = frozenset(name for name, record in TABLE.items() if record.moves) - {"diagonal"} | {
    "flipped",
    "switch",
    "largest_shares",
    "causal_mask",
}
"""Operations that move entries, or are 0 and 1: with numbers put in, their result is drawn."""


def one_fraction(node: Op) -> Expr | None:
    """¼ · a / b as a / (4 b): a share of a fraction is one fraction; None where it is none."""
    match node.args:
        case (Num(share), Op("div" | "ratio", (top, bottom))):
            if share.denominator > 1 and abs(share.numerator) == 1:
                whole = op("div", top, op("mul", num(share.denominator), bottom))
                return whole if share > 0 else op("neg", whole)
    return None


def only_moves(expr: Expr) -> bool:
    """Whether an expression does nothing but pick and place entries of names."""
    if isinstance(expr, Op):
        moves = expr.name in _MOVES and not (expr.name == "place" and _single(expr))
        return moves and all(map(only_moves, expr.args))
    return True


def _single(node: Op) -> bool:
    index = node.option("index")
    return isinstance(index, tuple) and all(isinstance(place, int) for place in index)

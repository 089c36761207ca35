"""Each operation to the way it is written: Σ, ᵀ, ⊙, e-notation, brackets, cases."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol, TypeAlias

from backprop_cli.algebra.expr import Expr, Num, Op, Option, Sym, num, op
from backprop_cli.operations.table import operation
from backprop_cli.render.flow import word
from backprop_cli.render.grid import Fences, Glyphs
from backprop_cli.render.names import indexed, subscript, superscript
from backprop_cli.render.pieces import (
    Piece,
    atom,
    between,
    fenced,
    listed,
    placed,
    prefixed,
    raised,
    spaced,
    suffixed,
)

FLIPPED = "flipped"
"""A vector drawn the other way round; only renderers make such nodes, since NumPy's have no way."""


class Pen(Protocol):
    """What a form may ask of the writer that is at work."""

    @property
    def glyphs(self) -> Glyphs:
        """The delimiters to draw with."""
        ...

    @property
    def ascii(self) -> bool:
        """Whether only ASCII may be written."""
        ...

    @property
    def rows(self) -> bool:
        """Whether vectors are drawn as rows."""
        ...

    @property
    def indices(self) -> int:
        """What indices count from."""
        ...

    @property
    def scalars(self) -> bool:
        """Whether every value is put in as a number without brackets."""
        ...

    def rank(self, expr: Expr) -> int:
        """The number of axes."""
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


# Sums and products -------------------------------------------------------------------------------


def _add(pen: Pen, node: Op) -> Piece:
    a, b = node.args
    return between(put(pen, a, "a +"), "+", put(pen, b, "+ b"), "sum", 1)


def _sub(pen: Pen, node: Op) -> Piece:
    a, b = node.args
    return between(put(pen, a, "a -"), _minus(pen), put(pen, b, "- b"), "sum", 1)


def _minus(pen: Pen) -> str:
    return "-" if pen.ascii else "−"


def _neg(pen: Pen, node: Op) -> Piece:
    inner = put(pen, node.args[0], "-a")
    return Piece((word(_minus(pen)), *inner.tokens), "sign", inner.open, minus=True)


def _mul(pen: Pen, node: Op) -> Piece:
    a, b = node.args
    if pen.rank(a) and pen.rank(b):
        sign = "*" if pen.ascii else "⊙"
        return between(put(pen, a, "a entry"), sign, put(pen, b, "entry b"), "entry", 2)
    sign = "*" if pen.ascii else "·"
    return between(put(pen, a, "a scalar"), sign, put(pen, b, "scalar b"), "scalar", 2)


def _div(pen: Pen, node: Op) -> Piece:
    a, b = node.args
    return between(put(pen, a, "a /"), "/", put(pen, b, "/ b"), "quotient", 2)


def _matmul(pen: Pen, node: Op) -> Piece:
    """Vectors are drawn as columns (or all as rows): the product is turned to suit them."""
    a, b = node.args
    left, right = pen.rank(a), pen.rank(b)
    if left == right == 1:
        a, b = (a, op(FLIPPED, b)) if pen.rows else (op(FLIPPED, a), b)
    elif left == 1 and not pen.rows:
        a, b = op("transpose", b), a
    elif right == 1 and pen.rows:
        a, b = b, op("transpose", a)
    return _product(pen, a, b)


def _outer(pen: Pen, node: Op) -> Piece:
    a, b = node.args
    return _product(pen, op(FLIPPED, a), b) if pen.rows else _product(pen, a, op(FLIPPED, b))


def _product(pen: Pen, a: Expr, b: Expr) -> Piece:
    if pen.scalars:
        return _mul(pen, op("mul", a, b))
    sign = "@" if pen.ascii else ""
    return between(put(pen, a, "a matrix"), sign, put(pen, b, "matrix b"), "matrix", 2)


def _transpose(pen: Pen, node: Op) -> Piece:
    (inner,) = node.args
    if isinstance(inner, Op) and inner.name == "transpose":
        return pen.piece(inner.args[0])
    return pen.piece(inner) if pen.rank(inner) < 2 else _turned(pen, inner)


def _flipped(pen: Pen, node: Op) -> Piece:
    return _turned(pen, node.args[0])


def _turned(pen: Pen, inner: Expr) -> Piece:
    turned = raised(put(pen, inner, "base"), ".T" if pen.ascii else "ᵀ")
    return Piece(turned.tokens, "power")


def _pow(pen: Pen, node: Op) -> Piece:
    base, exponent = node.args
    text = _exponent(pen, exponent)
    if text is not None:
        return raised(put(pen, base, "base"), text)
    left, right = put(pen, base, "base"), put(pen, exponent, "base")
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


# Columns, rows, entries --------------------------------------------------------------------------


def _upright(column: bool) -> Form:
    """A vector as a column (or row) is itself where vectors are drawn so, else transposed."""

    def form(pen: Pen, node: Op) -> Piece:
        (inner,) = node.args
        turned = column == pen.rows and pen.rank(inner) == 1
        return _turned(pen, inner) if turned else pen.piece(inner)

    return form


def _inner(pen: Pen, node: Op) -> Piece:
    return pen.piece(node.args[0])


def _expand(pen: Pen, node: Op) -> Piece:
    upright = _upright(node.option("axis") == 1) if pen.rank(node) == 2 else _inner
    return upright(pen, node)


def _spread(pen: Pen, node: Op) -> Piece:
    """A number repeated carries its shape below, since 1 alone would not say how many."""
    inner, shape = node.args[0], node.option("shape")
    if pen.ascii or not isinstance(inner, Num) or not isinstance(shape, tuple):
        return pen.piece(inner)
    size = subscript("x".join(map(str, shape)))
    piece = pen.piece(inner)
    return Piece((*piece.tokens, word(size)), piece.kind, minus=piece.minus) if size else piece


def _at(pen: Pen, node: Op) -> Piece:
    inner = node.args[0]
    places = [_place(pen, place) for place in _index(node)]
    flat = pen.ascii or not all(map(str.isdigit, places))
    text = f"[{','.join(places)}]" if flat else indexed(places)
    base = pen.piece(inner) if isinstance(inner, Sym) else put(pen, inner, "base")
    if base.kind == "fraction":
        base = placed(base, "base", pen.glyphs)
    return suffixed(base, text)


def _index(node: Op) -> tuple[Option, ...]:
    index = node.option("index")
    return index if isinstance(index, tuple) else ()


def _place(pen: Pen, place: Option) -> str:
    match place:
        case None:
            return ":"
        case (int(start), int(stop)):
            return f"{start + pen.indices}:{stop - 1 + pen.indices}"
        case int():
            return str(place + pen.indices)
    return str(place)


def _in_place(pen: Pen, node: Op) -> Piece:
    """An entry in its place among zeros is that entry times a unit vector or matrix."""
    index = [_place(pen, place) for place in _index(node)]
    places = ",".join(index)
    if all(map(str.isdigit, index)) and not pen.ascii:
        unit = atom(("e" if len(index) == 1 else "E") + indexed(index))
        return between(put(pen, node.args[0], "a scalar"), "·", unit, "scalar", 2)
    inner = pen.piece(node.args[0])
    tail = word(f"at [{places}], else 0", space=True)
    return fenced(Piece((*inner.tokens, tail), "sum"), pen.glyphs.parentheses)


def _list(pen: Pen, node: Op) -> Piece:
    pieces = [pen.piece(arg) for arg in node.args]
    separator = "," if node.name == "stack" else ";"
    return fenced(listed(pieces, separator), pen.glyphs.brackets)


def _prepend(pen: Pen, node: Op) -> Piece:
    pieces = [pen.piece(node.args[1]), pen.piece(node.args[0])]
    if node.name == "append":
        pieces.reverse()
    separator = "," if node.option("axis") not in (0, None) else ";"
    return fenced(listed(pieces, separator), pen.glyphs.brackets)


def _dropped(pen: Pen, node: Op) -> Piece:
    """A matrix without its bias entries is marked with a tilde."""
    inner = node.args[0]
    base = pen.piece(inner)
    (first, *more) = base.tokens
    if pen.ascii or not isinstance(inner, Sym) or more or first.box.height > 1:
        return called(pen, node.name, inner)
    text = "".join(part for part, _ in first.box.lines[0])
    return atom(f"{text[0]}\N{COMBINING TILDE}{text[1:]}", base.kind)


def _part(pen: Pen, node: Op) -> Piece:
    axis, start, stop = (int(str(node.option(key, 0))) for key in ("axis", "start", "stop"))
    index = (*(None,) * axis, (start, stop))
    return _at(pen, op("at", *node.args, index=index))


# Functions and reductions ------------------------------------------------------------------------

_AXES = MappingProxyType({0: "rows", -2: "rows", 1: "columns", -1: "columns"})
_WITHIN = MappingProxyType({0: "column", -2: "column", 1: "row", -1: "row"})


def _axis(pen: Pen, node: Op, words: Mapping[int, str]) -> str:
    """What an axis is called; nothing for a vector, which has but one."""
    axis = node.option("axis")
    return words[axis] if isinstance(axis, int) and pen.rank(node.args[0]) == 2 else ""


def _sum(pen: Pen, node: Op) -> Piece:
    along = _axis(pen, node, _AXES)
    if pen.ascii:
        return called(pen, f"sum of {along}" if along else "sum", node.args[0])
    inner = put(pen, node.args[0], "each of" if along else "sum of")
    return prefixed(f"Σ {along} of" if along else "Σ", inner, kind="total")


def _of_each(pen: Pen, node: Op) -> Piece:
    """`max(x)`, or `max of each row(x)` along an axis."""
    along = _axis(pen, node, _WITHIN)
    name = operation(node).notation.text
    return called(pen, f"{name} of each {along} " if along else name, node.args[0])


def _bars(pick: Callable[[Glyphs], Fences], name: str) -> Form:
    def form(pen: Pen, node: Op) -> Piece:
        if pen.ascii:
            return called(pen, name, *node.args)
        fence = pick(pen.glyphs)
        return fenced(pen.piece(node.args[0]), (fence, fence))

    return form


def _log(pen: Pen, node: Op) -> Piece:
    name = operation(node).notation.text
    if not name.isascii() and pen.ascii:
        name = node.name
    inner = pen.piece(node.args[0])
    if inner.kind not in ("atom", "raised", "prefix") or inner.minus or pen.ascii:
        return called(pen, name, node.args[0])
    bare_call = len(inner.tokens) > 1 and inner.kind == "atom"
    return called(pen, name, node.args[0]) if bare_call else prefixed(name, inner)


def _sqrt(pen: Pen, node: Op) -> Piece:
    if pen.ascii:
        return called(pen, "sqrt", node.args[0])
    inner = put(pen, node.args[0], "function of")
    return Piece((word("√"), *inner.tokens))


_UNWRITTEN = frozenset({"axis", "keep", "samples", "first", "at_tie"})


def _function(pen: Pen, node: Op) -> Piece:
    """name(args), then the constants that differ from the usual ones."""
    record = operation(node)
    text = record.notation.text
    name = text if text.isascii() or not pen.ascii else node.name
    args = [pen.piece(arg) for arg in node.args]
    inner = listed(args)
    for key, value in node.options:
        if key not in _UNWRITTEN and value != record.options.get(key):
            inner = Piece((*inner.tokens, word(";"), word(str(value), space=True)), "sum")
    return fenced(inner, pen.glyphs.parentheses, (word(name),))


def _positive_part(pen: Pen, node: Op) -> Piece:
    return called(pen, "max", num(0), *node.args)


# Constants on either side of 0 -------------------------------------------------------------------


def _switch(pen: Pen, node: Op) -> Piece:
    below, at, above = node.option("below", 0), node.option("at", 0), node.option("above", 1)
    if (below, at, above) == (-1, 0, 1):
        return called(pen, "sign", node.args[0])
    if below == at == above:
        return pen.piece(num(float(str(below))))
    sign = _comparison(pen, at == above and at != below)
    condition = _compared(pen, node.args[0], sign)
    if (below, above) == (0, 1):
        return fenced(condition, pen.glyphs.braces, (word("1"),))
    return _cases(pen, _constant(pen, above), condition, _constant(pen, below))


def _compared(pen: Pen, x: Expr, sign: str) -> Piece:
    return Piece((*pen.piece(x).tokens, word(f"{sign} 0", space=True)), "sum")


def _comparison(pen: Pen, equal: bool) -> str:
    return (">=" if pen.ascii else "≥") if equal else ">"


def _constant(pen: Pen, value: Option) -> Piece:
    return pen.piece(num(float(str(value))))


def _cases(pen: Pen, yes: Piece, condition: Piece, no: Piece) -> Piece:
    tokens = (
        *yes.tokens,
        word("if", space=True),
        *spaced(condition),
        word(","),
        *spaced(no, 1),
        word("otherwise", space=True),
    )
    return fenced(Piece(tokens, "sum"), pen.glyphs.braces)


def _choose(pen: Pen, node: Op) -> Piece:
    x, yes, no = node.args
    return _cases(pen, pen.piece(yes), _compared(pen, x, ">"), pen.piece(no))


def _largest(pen: Pen, node: Op) -> Piece:
    inner = pen.piece(node.args[0])
    maximum = called(pen, "max", node.args[0])
    tokens = (*inner.tokens, word("=", space=True), *spaced(maximum))
    return fenced(Piece(tokens, "sum"), pen.glyphs.braces, (word("1"),))


def _pi(pen: Pen, _: Op) -> Piece:
    return atom("pi" if pen.ascii else "π")


# Operations that are written as others -----------------------------------------------------------


def _same_axis(name: str, node: Op, *args: Expr) -> Op:
    return op(name, *args, axis=node.option("axis"))


REWRITTEN: Mapping[str, Callable[[Op], Expr]] = MappingProxyType(
    {
        "xlogy": lambda node: op("mul", node.args[0], op("log", node.args[1])),
        "ratio": lambda node: op("div", *node.args),
        "logsumexp": lambda node: op("log", _same_axis("sum", node, op("exp", *node.args))),
    }
)

FORMS: Mapping[str, Form] = MappingProxyType(
    {
        "add": _add,
        "sub": _sub,
        "neg": _neg,
        "mul": _mul,
        "div": _div,
        "pow": _pow,
        "matmul": _matmul,
        "outer": _outer,
        "transpose": _transpose,
        FLIPPED: _flipped,
        "column": _upright(True),
        "row": _upright(False),
        "flat": _inner,
        "expand": _expand,
        "spread": _spread,
        "at": _at,
        "place": _in_place,
        "stack": _list,
        "concat": _list,
        "prepend": _prepend,
        "append": _prepend,
        "drop_first": _dropped,
        "drop_last": _dropped,
        "part": _part,
        "sum": _sum,
        "mean": _of_each,
        "max": _of_each,
        "argmax": _of_each,
        "abs": _bars(lambda glyphs: glyphs.bars, "abs"),
        "norm": _bars(lambda glyphs: glyphs.double_bars, "norm"),
        "log": _log,
        "log2": _log,
        "log10": _log,
        "sqrt": _sqrt,
        "positive_part": _positive_part,
        "switch": _switch,
        "choose": _choose,
        "largest_shares": _largest,
        "pi": _pi,
    }
)


def written(pen: Pen, node: Op) -> Piece:
    """The operation in its own form, or as name(args)."""
    rewritten = REWRITTEN.get(node.name)
    if rewritten is not None:
        return pen.piece(rewritten(node))
    return FORMS.get(node.name, _function)(pen, node)

"""Functions, reductions and cases to the way they are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

from backprop_cli.algebra.expr import Num, Op, num
from backprop_cli.notation import conditions
from backprop_cli.notation.function_forms import is_identity
from backprop_cli.notation.parentheses import AXES, UNWRITTEN, WITHIN
from backprop_cli.operations.table import operation
from backprop_cli.render.flow import Token, word
from backprop_cli.render.grid import Fences, Glyphs
from backprop_cli.render.pen import Form, Pen, called, put
from backprop_cli.render.pieces import Piece, atom, fenced, listed, prefixed, spaced


def _axis(pen: Pen, node: Op, words: Mapping[int, str]) -> str:
    """What an axis is called; nothing for a vector, which has but one."""
    axis = node.option("axis")
    return words[axis] if isinstance(axis, int) and pen.rank(node.args[0]) == 2 else ""


def total(pen: Pen, node: Op) -> Piece:
    """Σ a, or Σ columns of A."""
    along = _axis(pen, node, AXES)
    if pen.ascii:
        return called(pen, f"sum of {along}" if along else "sum", node.args[0])
    inner = put(pen, node.args[0], "each of" if along else "sum of")
    return prefixed(f"Σ {along} of" if along else "Σ", inner, kind="total")


def of_each(pen: Pen, node: Op) -> Piece:
    """`max(x)`, or `max of each row(x)` along an axis."""
    along = _axis(pen, node, WITHIN)
    name = operation(node).notation.text
    return called(pen, f"{name} of each {along} " if along else name, node.args[0])


def bars(pick: Callable[[Glyphs], Fences], name: str) -> Form:
    """|a| or ‖a‖ in Unicode."""

    def form(pen: Pen, node: Op) -> Piece:
        if pen.ascii:
            return called(pen, name, *node.args)
        fence = pick(pen.glyphs)
        return fenced(pen.piece(node.args[0]), (fence, fence))

    return form


def logarithm(pen: Pen, node: Op) -> Piece:
    """ln a, or ln(a + b)."""
    name = operation(node).notation.text
    if not name.isascii() and pen.ascii:
        name = node.name
    inner = pen.piece(node.args[0])
    if inner.kind not in ("atom", "raised", "total", "prefix") or inner.minus or pen.ascii:
        return called(pen, name, node.args[0])
    bare_call = len(inner.tokens) > 1 and inner.kind == "atom"
    return called(pen, name, node.args[0]) if bare_call else prefixed(name, inner)


def root(pen: Pen, node: Op) -> Piece:
    """√a."""
    if pen.ascii:
        return called(pen, "sqrt", node.args[0])
    inner = put(pen, node.args[0], "function of")
    return Piece((word("√"), *inner.tokens))


def function(pen: Pen, node: Op) -> Piece:
    """name(args), then the constants that differ from the usual ones."""
    record = operation(node)
    text = record.notation.text
    name = text if text.isascii() or not pen.ascii else node.name
    args = [pen.piece(arg) for arg in node.args]
    inner = listed(args)
    for key, value in node.options:
        if key not in UNWRITTEN and value != record.options.get(key):
            inner = Piece((*inner.tokens, word(";"), word(str(value), space=True)), "sum")
    return fenced(inner, pen.glyphs.parentheses, (word(name),))


def diagonal(pen: Pen, node: Op) -> Piece:
    """diag(a); of ones it is the identity I."""
    return atom("I") if is_identity(node) else function(pen, node)


def positive_part(pen: Pen, node: Op) -> Piece:
    """max(0, a)."""
    return called(pen, "max", num(0), *node.args)


# Constants on either side of 0 -------------------------------------------------------------------


def switch(pen: Pen, node: Op) -> Piece:
    """1{a > 0}, sign(a), or cases, one of them for the kink where the value there is another."""
    options = [node.option(key, usual) for key, usual in (("below", 0), ("at", 0), ("above", 1))]
    if options == [-1, 0, 1]:
        return called(pen, "sign", node.args[0])
    found = conditions.cases(node)
    if not found.cases:
        return pen.piece(Num(found.otherwise))
    if found.indicator is not None:
        return _indicator(pen, _held(pen, found.indicator))
    pairs = [(pen.piece(Num(case.value)), _held(pen, case)) for case in found.cases]
    return _cases(pen, pairs, pen.piece(Num(found.otherwise)))


def _held(pen: Pen, case: conditions.Case) -> Piece:
    sign = _ASCII.get(case.relation, case.relation) if pen.ascii else case.relation
    left, right = pen.piece(case.left), pen.piece(case.right)
    return Piece((*left.tokens, word(sign, space=True), *spaced(right)), "sum")


_ASCII = {"≥": ">=", "≤": "<="}


def _indicator(pen: Pen, condition: Piece) -> Piece:
    return fenced(condition, pen.glyphs.braces, (word("1"),))


def _cases(pen: Pen, pairs: Sequence[tuple[Piece, Piece]], no: Piece) -> Piece:
    tokens: list[Token] = []
    for yes, condition in pairs:
        tokens += spaced(yes, 1) if tokens else yes.tokens
        tokens += [word("if", space=True), *spaced(condition), word(",")]
    tokens += [*spaced(no, 1), word("otherwise", space=True)]
    return fenced(Piece(tuple(tokens), "sum"), pen.glyphs.braces)


def choose(pen: Pen, node: Op) -> Piece:
    """{a if x > 0, b otherwise}."""
    x, yes, no = node.args
    case = conditions.Case(Fraction(1), *conditions.compared(x, ">"))
    return _cases(pen, [(pen.piece(yes), _held(pen, case))], pen.piece(no))


def largest(pen: Pen, node: Op) -> Piece:
    """1{a = max(a)}, and what holds where several are equal."""
    shared = conditions.largest_share(node)
    if shared is not None:
        return pen.piece(shared)
    inner, tie = pen.piece(node.args[0]), conditions.at_tie(node)
    axis = tuple((key, value) for key, value in node.options if key == "axis")
    maximum = of_each(pen, Op("max", node.args, axis))
    whole = Piece((*inner.tokens, word("=", space=True), *spaced(maximum)), "sum")
    if tie == 1:
        return _indicator(pen, whole)
    said = conditions.THE_FIRST if tie is None else conditions.ALONE
    single = Piece((*whole.tokens, word(","), word(said, space=True)), "sum")
    if not tie:
        return _indicator(pen, single)
    pairs = [(pen.piece(num(1)), single), (pen.piece(Num(tie)), whole)]
    return _cases(pen, pairs, pen.piece(num(0)))


def pi(pen: Pen, _: Op) -> Piece:
    """π."""
    return atom("pi" if pen.ascii else "π")

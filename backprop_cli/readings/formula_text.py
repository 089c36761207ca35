"""An expression as one line of text in the formula language: what JSON carries and replay reads."""

from __future__ import annotations

from fractions import Fraction

from backprop_cli.algebra.build import comparison
from backprop_cli.algebra.expr import Expr, Num, Op, Option, Sym, op, rewrite
from backprop_cli.operations.table import operation

ATOM, COMPARED = 6, 0


def plain(expr: Expr, indices: int = 1) -> str:
    """The formula as text; indices in brackets count from `indices`."""
    return _written(expr, indices)[0]


def for_readers(expr: Expr, indices: int = 1) -> str:
    """The same where it is only read: a quotient or a product, whatever it is where that is 0."""
    return plain(rewrite(expr, _as_typed), indices)


def _as_typed(node: Expr) -> Expr | None:
    match node:
        case Op("ratio", args):
            return op("div", *args)
        case Op("xlogy", (factor, inside)):
            return op("mul", factor, op("log", inside))
    return None


def number(value: Fraction) -> str:
    """A constant as a person types it: a decimal where it is one, else a fraction."""
    if value.denominator == 1:
        return str(value.numerator)
    short = repr(float(value))
    return short if Fraction(short) == value else f"{value.numerator}/{value.denominator}"


def _written(expr: Expr, base: int) -> tuple[str, int]:
    """The text and its precedence (see operations.record.Notation)."""
    match expr:
        case Sym(name):
            return name, ATOM
        case Num(value):
            text = number(value)
            return text, 2 if "/" in text else 3 if value < 0 else ATOM
        case Op("at", (inner,)):
            return f"{_inside(inner, 5, base)}[{_index(expr.option('index'), base)}]", ATOM
        case Op("stack", args):
            return f"[{', '.join(plain(arg, base) for arg in args)}]", ATOM
        case Op("switch") if (found := comparison(expr)) is not None:
            left, sign, right = found
            return f"{_inside(left, 1, base)} {sign} {_inside(right, 1, base)}", COMPARED
    return _operation(expr, base)


def _operation(node: Op, base: int) -> tuple[str, int]:
    notation = operation(node).notation
    match _kind(node):
        case "infix":
            own = notation.precedence
            left, right = node.args
            left_floor, right_floor = (own + 1, own) if node.name == "pow" else (own, own + 1)
            sign = "^" if node.name == "pow" else f" {notation.text} "
            return _inside(left, left_floor, base) + sign + _inside(right, right_floor, base), own
        case "prefix":
            return f"-{_inside(node.args[0], notation.precedence + 1, base)}", notation.precedence
        case "postfix":
            return _inside(node.args[0], 5, base) + notation.text, 5
    parts = [plain(arg, base) for arg in node.args]
    parts += [f"{key}={_option(key, value, base)}" for key, value in node.options]
    name = notation.text if notation.kind == "defined" else node.name
    return f"{name}({', '.join(parts)})", ATOM


def _kind(node: Op) -> str:
    """How a node is written; where a reader would take it for a number or more, as name(args)."""
    match node:
        case Op("div", (Num(), Num())) | Op("neg" | "transpose", (Num(),)):
            return "function"
    return operation(node).notation.kind


def _inside(expr: Expr, floor: int, base: int) -> str:
    text, precedence = _written(expr, base)
    return text if precedence >= floor else f"({text})"


def _option(key: str, value: Option, base: int) -> str:
    if key == "index":
        return f"[{_index(value, base)}]"
    if isinstance(value, tuple):
        return f"[{', '.join(map(str, value))}]"
    return str(value)


def _index(value: Option, base: int) -> str:
    """`1, 2`; a whole axis is `:`, a range of slices `2:4`, both ends included."""
    assert isinstance(value, tuple)
    return ", ".join(_place(i, base) for i in value)


def _place(value: Option, base: int) -> str:
    match value:
        case None:
            return ":"
        case int():
            return str(value + base)
        case (int(start), int(stop)):
            return f"{start + base}:{stop + base - 1}"
        case (tuple(rows),):
            return f"[{', '.join(_place(row, base) for row in rows)}]"
    raise AssertionError(value)

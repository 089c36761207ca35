"""An expression as LaTeX: letters for names, raised layer numbers, fractions, transposes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

from backprop_cli.algebra.expr import Expr, Num, Op, Option, Sym
from backprop_cli.operations.table import operation
from backprop_cli.readings.plain import number

ATOM = 6
Written: TypeAlias = tuple[str, int]
"""The text and its precedence (see operations.record.Notation)."""

Writer: TypeAlias = Callable[[Op, int], Written]
_GREEK = frozenset(
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau"
    " upsilon phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega".split()
)
_NAMED = {
    "Yhat": r"\hat{Y}",
    "yhat": r"\hat{y}",
    "learning_rate": r"\eta",
    "beta1": r"\beta_1",
    "beta2": r"\beta_2",
}
_LAYER = re.compile(r"(?P<letter>[WbZH])(?P<layer>\d+)(?:_(?P<source>\d+))?")


def symbol(id: str) -> str:
    """An id as LaTeX: `dL/dW1` is ∂L/∂W¹."""
    if id.startswith("d") and "/d" in id:
        of, _, by = id[1:].partition("/d")
        return rf"\frac{{\partial {symbol(of)}}}{{\partial {symbol(by)}}}"
    if id.endswith("_new"):
        return rf"{symbol(id.removesuffix('_new'))}_{{\text{{new}}}}"
    if id in _NAMED:
        return _NAMED[id]
    if id in _GREEK:
        return rf"\{id}"
    if found := _LAYER.fullmatch(id):
        source = f"_{{{found['source']}}}" if found["source"] else ""
        return f"{found['letter']}^{{{found['layer']}}}{source}"
    head, digits = re.fullmatch(r"(.*?)(\d*)", id, re.DOTALL).groups()  # type: ignore[union-attr]
    if digits and head:
        return f"{symbol(head)}_{{{digits}}}"
    head, _, tail = id.partition("_")
    if tail:
        return f"{symbol(head)}_{{{_text(tail)}}}"
    return id if len(id) == 1 else _text(id)


def _text(name: str) -> str:
    escaped = name.replace("_", r"\_")
    return rf"\text{{{escaped}}}"


def latex(expr: Expr, indices: int = 1) -> str:
    """The formula in LaTeX's mathematics mode; indices in subscripts count from `indices`."""
    return _written(expr, indices)[0]


def _written(expr: Expr, base: int) -> Written:
    match expr:
        case Sym(name):
            return symbol(name), ATOM
        case Num(value):
            text = number(value)
            if "/" in text:
                return rf"\tfrac{{{value.numerator}}}{{{value.denominator}}}", ATOM
            return text, 3 if value < 0 else ATOM
    special = _SPECIAL.get(expr.name)
    if special is not None:
        return special(expr, base)
    return _operation(expr, base)


def _operation(node: Op, base: int) -> Written:
    notation = operation(node).notation
    own = notation.precedence
    args = node.args
    match notation.kind:
        case "infix":
            return f"{_in(args[0], own, base)} {notation.latex} {_in(args[1], own + 1, base)}", own
        case "prefix":
            return f"{notation.latex}{_in(args[0], own, base)}", own
    name = (
        notation.latex
        if notation.kind == "function"
        else rf"\operatorname{{{_text_name(node.name)}}}"
    )
    return rf"{name}\left({', '.join(latex(arg, base) for arg in args)}\right)", 5


def _text_name(name: str) -> str:
    return name.replace("_", r"\_")


def _in(expr: Expr, floor: int, base: int) -> str:
    text, precedence = _written(expr, base)
    return text if precedence >= floor else rf"\left({text}\right)"


def _div(node: Op, base: int) -> Written:
    top, bottom = (latex(arg, base) for arg in node.args)
    return rf"\frac{{{top}}}{{{bottom}}}", ATOM


def _pow(node: Op, base: int) -> Written:
    return f"{_in(node.args[0], 5, base)}^{{{latex(node.args[1], base)}}}", 4


def _transpose(node: Op, base: int) -> Written:
    return rf"{_in(node.args[0], 6, base)}^{{\top}}", 5


def _outer(node: Op, base: int) -> Written:
    return rf"{_in(node.args[0], 2, base)} \, {_in(node.args[1], 6, base)}^{{\top}}", 2


def _xlogy(node: Op, base: int) -> Written:
    return rf"{_in(node.args[0], 3, base)} \ln {_in(node.args[1], 6, base)}", 2


def _through(node: Op, base: int) -> Written:
    """Operations that only move entries leave no mark in a formula."""
    return _written(node.args[0], base)


def _sum(node: Op, base: int) -> Written:
    sign = {"sum": r"\sum", "mean": r"\operatorname{mean}", "max": r"\max"}[node.name]
    axis = node.option("axis")
    below = "" if axis is None else rf"_{{\text{{axis {axis}}}}}"
    return rf"{sign}{below} {_in(node.args[0], 2, base)}", 2


def _around(left: str, right: str) -> Writer:
    def written(node: Op, base: int) -> Written:
        return rf"{left}{latex(node.args[0], base)}{right}", ATOM

    return written


def _at(node: Op, base: int) -> Written:
    return f"{_in(node.args[0], 6, base)}_{{{_index(node.option('index'), base)}}}", ATOM


def _index(value: Option, base: int) -> str:
    assert isinstance(value, tuple)
    return ",".join(_place(i, base) for i in value)


def _place(value: Option, base: int) -> str:
    match value:
        case None:
            return r"\cdot"
        case int():
            return str(value + base)
        case (int(start), int(stop)):
            return f"{start + base}:{stop - 1 + base}"
    raise AssertionError(value)


def _stack(node: Op, base: int) -> Written:
    rows = r" \\ ".join(latex(arg, base) for arg in node.args)
    return rf"\begin{{bmatrix}} {rows} \end{{bmatrix}}", ATOM


def _grown(node: Op, base: int) -> Written:
    parts = [latex(arg, base) for arg in node.args]
    rows = r" \\ ".join(reversed(parts) if node.name == "prepend" else parts)
    return rf"\begin{{bmatrix}} {rows} \end{{bmatrix}}", ATOM


def _switch(node: Op, base: int) -> Written:
    z = latex(node.args[0], base)
    rows = r" \\ ".join(
        f"{node.option(key, default)} & {z} {sign} 0"
        for key, default, sign in (("above", 1, ">"), ("at", 0, "="), ("below", 0, "<"))
    )
    return rf"\begin{{cases}} {rows} \end{{cases}}", ATOM


def _choose(node: Op, base: int) -> Written:
    z, above, otherwise = (latex(arg, base) for arg in node.args)
    return rf"\begin{{cases}} {above} & {z} > 0 \\ {otherwise} & \text{{else}} \end{{cases}}", ATOM


def _jacobian(node: Op, base: int) -> Written:
    of, by = (latex(arg, base) for arg in node.args)
    return rf"\frac{{\partial {of}}}{{\partial {by}}}", ATOM


def _spread(node: Op, base: int) -> Written:
    if isinstance(node.args[0], Num):
        factor = "" if node.args[0].value == 1 else latex(node.args[0], base)
        return rf"{factor}\mathbf{{1}}", 3
    return _through(node, base)


_SPECIAL: Mapping[str, Writer] = {
    "div": _div,
    "ratio": _div,
    "pow": _pow,
    "transpose": _transpose,
    "outer": _outer,
    "xlogy": _xlogy,
    "column": _through,
    "row": _through,
    "flat": _through,
    "expand": _through,
    "spread": _spread,
    "sum": _sum,
    "mean": _sum,
    "max": _sum,
    "abs": _around(r"\left|", r"\right|"),
    "norm": _around(r"\left\|", r"\right\|"),
    "positive_part": _around(r"\max\left(0, ", r"\right)"),
    "logsumexp": _around(r"\ln \sum e^{", "}"),
    "at": _at,
    "stack": _stack,
    "prepend": _grown,
    "append": _grown,
    "switch": _switch,
    "choose": _choose,
    "jacobian": _jacobian,
    "pi": lambda node, base: (r"\pi", ATOM),
}

"""A formula as it is printed beside numbers: with the case of a kink where a value is at it.

In letters every case is written. Beside values those are left out that no entry is at, and 0 / 0
(the slope of a length at 0) is said to be 0 where it occurs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Op, op, symbols, walk
from backprop_cli.readings.values import evaluate

Array = NDArray[np.float64]
Env = Mapping[str, Array]


def at_kinks(expr: Expr, env: Env) -> Expr:
    """An expression of the same value that says of each kink what is true of these values."""
    if not any(isinstance(node, Op) and node.name in _FORMS for node in walk(expr)):
        return expr
    if any(name not in env for name in symbols(expr)):
        return expr
    with np.errstate(all="ignore"):
        return _read(expr, env)


def _read(expr: Expr, env: Env) -> Expr:
    if not isinstance(expr, Op):
        return expr
    args = tuple(_read(arg, env) for arg in expr.args)
    node = expr if args == expr.args else Op(expr.name, args, expr.options)
    form = _FORMS.get(node.name)
    return node if form is None else form(node, env)


def _switch(node: Op, env: Env) -> Expr:
    usual = (("below", 0), ("at", 0), ("above", 1))
    below, at, above = (node.option(key, value) for key, value in usual)
    if at in (below, above) or np.any(evaluate(node.args[0], env) == 0):
        return node
    return op("switch", node.args[0], below=below, at=below, above=above)


def _largest(node: Op, env: Env) -> Expr:
    """Without a tie each of the largest is the only one."""
    every = op("largest_shares", *node.args, axis=node.option("axis"), at_tie=1)
    return every if np.array_equal(evaluate(node, env), evaluate(every, env)) else node


def _ratio(node: Op, env: Env) -> Expr:
    a, b = (evaluate(arg, env) for arg in node.args)
    if not np.any((a == 0) & (b == 0)) or np.any(b < 0):
        return node
    return op("choose", node.args[1], op("ratio", *node.args), build.ZERO)


_FORMS: Mapping[str, Callable[[Op, Env], Expr]] = MappingProxyType(
    {"switch": _switch, "largest_shares": _largest, "ratio": _ratio}
)

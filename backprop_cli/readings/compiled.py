"""An expression to a function of the names' values: what `evaluate` gives, looked up only once."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import TypeAlias

import numpy as np

from backprop_cli.algebra.expr import Expr, Num, Op, Sym
from backprop_cli.operations.table import operation
from backprop_cli.readings.values import CAREFUL, Array, Definitions, Environment, evaluate

Function: TypeAlias = Callable[[Environment], Array]


def compiled(expr: Expr, definitions: Definitions) -> Function:
    """The function that takes each name's value to the value of `expr`, as `evaluate` does.

    It leaves NumPy's warnings to who calls it. What needs care (ln ŷ, 1 - ŷ) is evaluated afresh,
    since it depends on the equations behind the names.
    """
    match expr:
        case Sym(name):
            return itemgetter(name)
        case Num(number):
            constant: Array = np.float64(number)  # type: ignore[assignment]
            return lambda env: constant
    if _needs_care(expr):
        return lambda env: evaluate(expr, env, definitions)
    return _applied(expr, [compiled(arg, definitions) for arg in expr.args])


def _needs_care(node: Op) -> bool:
    """Whether `evaluate` may go another way than applying the operation to its arguments."""
    match node:
        case Op("mul", (_, right)):
            return isinstance(right, Op) and _names(right) == ("sub", "sum")
        case Op("sub", (left, _)):
            return isinstance(left, Num) or _names(left)[0] == "diag"
    return node.name in CAREFUL


def _names(node: Expr) -> tuple[str, str]:
    """The operation, and that of its last argument."""
    match node:
        case Op(name, (*_, Op(last))):
            return name, last
        case Op(name):
            return name, ""
    return "", ""


def _applied(node: Op, args: list[Function]) -> Function:
    value, options = operation(node).value, dict(node.options)
    match args:
        case [only]:
            return lambda env: np.asarray(value(only(env), **options), dtype=float)
        case [left, right]:
            return lambda env: np.asarray(value(left(env), right(env), **options), dtype=float)
    return lambda env: np.asarray(value(*(arg(env) for arg in args), **options), dtype=float)

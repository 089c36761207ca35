"""An expression to a function of the names' values: what `evaluate` gives, looked up only once."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import TypeAlias

import numpy as np

from backprop_cli.algebra.expr import Expr, Num, Op, Sym
from backprop_cli.calculus.stable import Definitions, careful, function_of
from backprop_cli.readings.values import Array, Environment

Function: TypeAlias = Callable[[Environment], Array]


def compiled(expr: Expr, definitions: Definitions) -> Function:
    """The function that takes each name's value to the value of `expr`, as `evaluate` does.

    It leaves NumPy's warnings to who calls it.
    """
    return _compiled(careful(expr, definitions))


def _compiled(expr: Expr) -> Function:
    match expr:
        case Sym(name):
            return itemgetter(name)
        case Num(number):
            constant: Array = np.float64(number)  # type: ignore[assignment]
            return lambda env: constant
    return _applied(expr, [_compiled(arg) for arg in expr.args])


def _applied(node: Op, args: list[Function]) -> Function:
    value, options = function_of(node), dict(node.options)
    match args:
        case [only]:
            return lambda env: np.asarray(value(only(env), **options), dtype=float)
        case [left, right]:
            return lambda env: np.asarray(value(left(env), right(env), **options), dtype=float)
    return lambda env: np.asarray(value(*(arg(env) for arg in args), **options), dtype=float)

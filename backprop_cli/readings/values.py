"""An expression to its value: NumPy arrays, computed so that nothing overflows on the way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from backprop_cli.algebra.expr import Expr, Num, Sym
from backprop_cli.readings.careful import Definitions, careful, function_of

Array: TypeAlias = NDArray[np.float64]
Environment: TypeAlias = Mapping[str, Array]


def evaluate(expr: Expr, env: Environment, definitions: Definitions | None = None) -> Array:
    """The value of `expr`, each name's value taken from `env`.

    `definitions` are the equations behind the names: with them, ln ŷ and 1 - ŷ of a softmax or
    sigmoid are computed from its argument, which keeps the digits that ŷ itself has lost.
    """
    with np.errstate(all="ignore"):
        return _value(careful(expr, definitions or {}), env)


def _value(expr: Expr, env: Environment) -> Array:
    match expr:
        case Sym(name):
            return env[name]
        case Num(number):
            return np.float64(number)  # type: ignore[return-value]
    args = [_value(arg, env) for arg in expr.args]
    return np.asarray(function_of(expr)(*args, **dict(expr.options)), dtype=float)

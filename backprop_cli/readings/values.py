"""An expression to its value: NumPy arrays, computed so that nothing overflows on the way.

At once, as a function that is called more than once, or rounded as a person has it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal
from operator import itemgetter
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backprop_cli.algebra.expr import Expr, Num, Op, Sym, fold
from backprop_cli.calculus.stable import Definitions, applied, careful, function_of

Array: TypeAlias = NDArray[np.float64]
Environment: TypeAlias = Mapping[str, Array]


def evaluate(expr: Expr, env: Environment, definitions: Definitions | None = None) -> Array:
    """The value of `expr`, each name's value taken from `env`.

    `definitions` are the equations behind the names: with them, ln ŷ and 1 - ŷ of a softmax or
    sigmoid are computed from its argument, which keeps the digits that ŷ itself has lost.
    """

    def leaf(one: Sym | Num) -> Array:
        return env[one.name] if isinstance(one, Sym) else np.float64(one.value)  # type: ignore[return-value]

    with np.errstate(all="ignore"):
        return fold(careful(expr, definitions or {}), leaf, applied)


# Rounded ------------------------------------------------------------------------------------------

Mode = Literal["half-up", "half-even", "truncate"]
_MODES = {"half-up": ROUND_HALF_UP, "half-even": ROUND_HALF_EVEN, "truncate": ROUND_DOWN}
_WIDE = Context(prec=400)


def rounded(
    values: NDArray[np.float64], digits: int, kind: Literal["decimals", "significant"], mode: Mode
) -> NDArray[np.float64]:
    """Each entry to so many decimals or significant digits; halves are those of decimals."""
    flat = [_one(float(value), digits, kind, _MODES[mode]) for value in values.ravel()]
    return np.asarray(flat, dtype=float).reshape(values.shape)


def _one(value: float, digits: int, kind: str, mode: str) -> float:
    if value == 0 or not np.isfinite(value):
        return value
    exact = Decimal(repr(value))
    places = digits if kind == "decimals" else digits - 1 - exact.adjusted()
    return float(exact.quantize(Decimal(1).scaleb(-places), rounding=mode, context=_WIDE))


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
    return _calling(expr, [_compiled(arg) for arg in expr.args])


def _calling(node: Op, args: list[Function]) -> Function:
    value, options = function_of(node), dict(node.options)
    match args:
        case [only]:
            return lambda env: np.asarray(value(only(env), **options), dtype=float)
        case [left, right]:
            return lambda env: np.asarray(value(left(env), right(env), **options), dtype=float)
    return lambda env: np.asarray(value(*(arg(env) for arg in args), **options), dtype=float)

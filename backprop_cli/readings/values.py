"""An expression to its value: NumPy arrays, computed so that nothing overflows on the way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from backprop_cli.algebra.expr import Expr, Num, Op, Sym, fold
from backprop_cli.calculus.stable import Definitions, careful, function_of

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
        return fold(careful(expr, definitions or {}), leaf, _applied)


def _applied(node: Op, args: list[Array]) -> Array:
    return np.asarray(function_of(node)(*args, **dict(node.options)), dtype=float)

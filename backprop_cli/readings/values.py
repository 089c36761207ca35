"""An expression to its value: NumPy arrays, computed so that nothing overflows on the way.

At once, as a function that is called more than once, rounded as a person has it, or without the
noise that floating-point arithmetic leaves behind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal
from functools import cache, partial
from operator import itemgetter
from types import MappingProxyType
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backprop_cli.algebra.expr import Expr, Num, Op, Sym, fold, symbols
from backprop_cli.calculus.stable import Definitions, applied, careful, function_of
from backprop_cli.operations.masks import every, some
from backprop_cli.operations.table import TABLE

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


def float_format(digits: int) -> str:
    """The format of a float before it gets so many digits: 0.5 - 0.35 is 0.15 to who cuts it off.

    Twelve digits have no noise of floats, unless as many are wanted.
    """
    return "{:.12g}" if digits <= _FEW else "{!r}"


_FEW = 6


def _one(value: float, digits: int, kind: str, mode: str) -> float:
    if value == 0 or not np.isfinite(value):
        return value
    exact = Decimal(float_format(digits).format(value))
    places = digits if kind == "decimals" else digits - 1 - exact.adjusted()
    return float(exact.quantize(Decimal(1).scaleb(-places), rounding=mode, context=_WIDE))


Function: TypeAlias = Callable[[Environment], Array]


def compiled(expr: Expr, definitions: Definitions) -> Function:
    """The function that takes each name's value to the value of `expr`, as `evaluate` does.

    It leaves NumPy's warnings to who calls it.
    """
    return _compiled(careful(expr, definitions))


def _compiled(expr: Expr) -> Function:
    if isinstance(expr, Sym):
        return itemgetter(expr.name)
    if isinstance(expr, Num):
        constant: Array = np.float64(expr.value)  # type: ignore[assignment]
        return lambda env: constant
    inside = _at_a_kink if _has_kink(expr.name) else _compiled
    return _calling(expr, [inside(arg) for arg in expr.args])


@cache
def _has_kink(name: str) -> bool:
    """Whether it matters to an operation that what is 0 by hand is 0."""
    entry = TABLE.get(name)
    return name in ("switch", "sign", "norm", "sqrt", "ratio") or (
        entry is not None and entry.kink is not None
    )


def _at_a_kink(arg: Expr) -> Function:
    """What stands before a kink: 0 where it cannot be told from it, as for what has a name."""
    plain = _compiled(arg)
    if not isinstance(arg, Op):
        return plain
    return lambda env: without_noise(plain(env), arg, env, {})


def _calling(node: Op, args: list[Function]) -> Function:
    value, options = function_of(node), dict(node.options)
    match args:
        case [only]:
            return lambda env: np.asarray(value(only(env), **options), dtype=float)
        case [left, right]:
            return lambda env: np.asarray(value(left(env), right(env), **options), dtype=float)
    return lambda env: np.asarray(value(*(arg(env) for arg in args), **options), dtype=float)


_UNIT = 2.0**-53
_NAMED = 4 * _UNIT  # what a quantity that was computed may be off, of its size
_SMALL = 1e-6  # nothing above is looked at
_SUSPICIOUS = 1e-11  # of the largest number around: what is above is no noise
_MOST_ENTRIES = 100_000  # nobody reads more, and it is not worth the time

Inexact: TypeAlias = tuple[Array, Array]
"""A value, and how much it may be off."""


def may_be_noise(value: Array) -> bool:
    """Whether any entry is so near to 0, and not 0, that it is worth a look."""
    size = np.abs(value)
    return some((size < _SUSPICIOUS) & (size > 0))


def without_noise(value: Array, expr: Expr, env: Environment, definitions: Definitions) -> Array:
    """`value`, what `expr` has, with the entries put to 0 that cannot be told from it."""
    size = np.abs(value)
    if every(size >= _SMALL):
        return value
    small = (size < _SMALL) & (size > 0)
    if not some(small) or size.size > _MOST_ENTRIES:
        return value
    tiny = small & (size < _SUSPICIOUS * _largest(size, expr, env))
    if not some(tiny):
        return value
    with np.errstate(all="ignore"):
        _, off = fold(careful(expr, definitions), lambda one: _leaf(one, env), _step)
    noise = tiny & (size <= off) if np.shape(off) == size.shape else np.zeros_like(tiny)
    return np.where(noise, 0.0, value) if some(noise) else value


def _largest(size: Array, expr: Expr, env: Environment) -> float:
    """The largest finite number around, 1 at least."""
    arrays = (size, *(np.abs(env[name]) for name in symbols(expr) if name in env))
    return max(1.0, *(float(np.max(each, initial=0.0, where=np.isfinite(each))) for each in arrays))


def _leaf(one: Sym | Num, env: Environment) -> Inexact:
    if isinstance(one, Num):
        return np.asarray(float(one.value)), np.asarray(0.0)
    value = env[one.name]
    return value, np.abs(value) * _NAMED


def _step(node: Op, args: list[Inexact]) -> Inexact:
    values, options = [value for value, _ in args], dict(node.options)
    value = np.asarray(function_of(node)(*values, **options), dtype=float)
    known = _OFF.get(node.name)
    if known is None and (node.name not in TABLE or not TABLE[node.name].moves):
        return value, np.zeros_like(value)
    if known is None:
        off = np.asarray(function_of(node)(*(each for _, each in args), **options), dtype=float)
    else:
        off = np.asarray(known(args, options), dtype=float) + _UNIT * np.abs(value)
    return value, np.where(np.isfinite(off), off, 0.0)


def _sums(args: Sequence[Inexact], _: Mapping[str, object]) -> Array:
    return args[0][1] + args[1][1]


def _products(args: Sequence[Inexact], _: Mapping[str, object]) -> Array:
    (a, off_a), (b, off_b) = args
    return np.abs(a) * off_b + off_a * np.abs(b)


def _quotients(args: Sequence[Inexact], _: Mapping[str, object]) -> Array:
    (a, off_a), (b, off_b) = args
    return off_a / np.abs(b) + np.abs(a) * off_b / (b * b)


def _powers(args: Sequence[Inexact], _: Mapping[str, object]) -> Array:
    (a, off_a), (n, _exact) = args
    return np.abs(n * np.abs(a) ** (n - 1)) * off_a


def _matmuls(args: Sequence[Inexact], _: Mapping[str, object]) -> Array:
    (a, off_a), (b, off_b) = args
    rounded = _UNIT * np.shape(a)[-1]
    return np.asarray(np.abs(a) @ (off_b + rounded * np.abs(b)) + off_a @ np.abs(b))


def _totals(name: str, args: Sequence[Inexact], options: Mapping[str, object]) -> Array:
    ((a, off),) = args
    return np.asarray(TABLE[name].value(off + _UNIT * np.abs(a), **options))  # type: ignore[misc]


def _softmax_shares(args: Sequence[Inexact], options: Mapping[str, object]) -> Array:
    """Of p (g (1 - p) - Σ of the other p g), as stable.py forms it."""
    (p, _), (g, off), (complement, _) = args
    size = np.abs(g) + off / _NAMED
    weighted = p * size
    near_one = p > 0.5
    axis = options.get("axis")
    rest = np.sum(np.where(near_one, 0.0, weighted), axis=axis, keepdims=True)  # type: ignore[call-overload]
    whole = np.sum(weighted, axis=axis, keepdims=True)  # type: ignore[call-overload]
    others = np.where(near_one, rest, whole)
    return np.asarray(2 * _NAMED * p * (size * complement + others))


_OFF: Mapping[str, Callable[[Sequence[Inexact], Mapping[str, object]], Array]] = MappingProxyType(
    {
        "add": _sums,
        "sub": _sums,
        "neg": lambda args, _: args[0][1],
        "mul": _products,
        "div": _quotients,
        "pow": _powers,
        "matmul": _matmuls,
        "sum": partial(_totals, "sum"),
        "mean": partial(_totals, "mean"),
        "softmax_share": _softmax_shares,
        "linear": lambda args, _: args[0][1],
    }
)

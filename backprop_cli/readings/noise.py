"""A value to the same with 0 wherever only what floating-point arithmetic leaves behind stands.

1/3 · 2 - (1/3 + 1/3) is 0 for whoever works it out by hand; what a computer has is about 1e-17.
How much each step may be off is carried along, to first order; an entry that is no larger is 0.
Where that is not known of an operation, its value is taken to have all its digits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from backprop_cli.algebra.expr import Expr, Num, Op, Sym, fold, symbols
from backprop_cli.calculus.stable import Definitions, careful, function_of
from backprop_cli.operations.table import TABLE
from backprop_cli.readings.values import Array, Environment

_UNIT = 2.0**-53
_NAMED = 4 * _UNIT  # what a quantity that was computed may be off, of its size
_SMALL = 1e-6  # nothing above is looked at
_SUSPICIOUS = 1e-11  # of the largest number around: what is above is no noise
_MOST_ENTRIES = 100_000  # nobody reads more, and it is not worth the time

Inexact: TypeAlias = tuple[Array, Array]
"""A value, and how much it may be off."""


def without_noise(value: Array, expr: Expr, env: Environment, definitions: Definitions) -> Array:
    """`value`, what `expr` has, with the entries put to 0 that cannot be told from it."""
    size = np.abs(value)
    small = (size < _SMALL) & (size > 0)
    if not small.any() or size.size > _MOST_ENTRIES:
        return value
    tiny = small & (size < _SUSPICIOUS * _largest(size, expr, env))
    if not tiny.any():
        return value
    with np.errstate(all="ignore"):
        _, off = fold(careful(expr, definitions), lambda one: _leaf(one, env), _step)
    noise = tiny & (size <= off) if np.shape(off) == size.shape else np.zeros_like(tiny)
    return np.where(noise, 0.0, value) if noise.any() else value


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


def _matmuls(args: Sequence[Inexact], _: Mapping[str, object]) -> Array:
    (a, off_a), (b, off_b) = args
    rounded = _UNIT * np.shape(a)[-1]
    return np.asarray(np.abs(a) @ (off_b + rounded * np.abs(b)) + off_a @ np.abs(b))


def _totals(args: Sequence[Inexact], options: Mapping[str, object]) -> Array:
    ((a, off),) = args
    return np.asarray(TABLE["sum"].value(off + _UNIT * np.abs(a), **options))  # type: ignore[misc]


def _means(args: Sequence[Inexact], options: Mapping[str, object]) -> Array:
    ((a, off),) = args
    return np.asarray(TABLE["mean"].value(off + _UNIT * np.abs(a), **options))  # type: ignore[misc]


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
        "matmul": _matmuls,
        "sum": _totals,
        "mean": _means,
        "softmax_share": _softmax_shares,
        "linear": lambda args, _: args[0][1],
    }
)

"""An expression to the interval of its values, when the names in it are only known to intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from backprop_cli.algebra.expr import Expr, Num, Op, Sym
from backprop_cli.operations.bounds import BOUNDS, Array, Interval, is_point, point, softmax
from backprop_cli.operations.table import TABLE, operation

Names = Callable[[str], Interval]
Widen = Callable[[Interval], Interval]

_EXACT = frozenset(
    "add sub neg transpose diag diagonal column row flat expand spread prepend append drop_first"
    " drop_last stack concat part at place relu positive_part abs sign step switch choose maximum"
    " minimum max sum argmax largest_shares pi".split()
)
"""Operations after which nobody rounds: they bring no new digits."""


@dataclass(frozen=True, slots=True)
class Unit:
    """The digits a sheet uses: so many decimals, or significant digits."""

    count: int
    significant: bool = False

    def at(self, value: Array) -> Array:
        """The unit of the last digit of numbers of this size."""
        if not self.significant:
            return np.full(np.shape(value), 10.0**-self.count)
        size = np.abs(value)
        with np.errstate(divide="ignore"):
            place = np.floor(np.log10(np.where(size == 0, 1.0, size)))
        return 10.0 ** (place - self.count + 1)

    def widened(self, interval: Interval) -> Interval:
        """What rounding or cutting off after the last digit may make of the values."""
        low, high = interval
        below, above = self.at(low), self.at(high)
        down = np.where(low > 0, np.maximum(low - below, 0.0), low - below / 2)
        up = np.where(high < 0, np.minimum(high + above, 0.0), high + above / 2)
        if not is_point(interval):
            return down, up
        short = np.abs(low - np.round(low / below) * below) <= 1e-9 * np.abs(low)
        return np.where(short, low, down), np.where(short, high, up)


def enclosure(expr: Expr, names: Names, unit: Unit | None = None) -> Interval:
    """Bounds of `expr`; with `unit`, each unwritten step in it may have been rounded on the way."""
    with np.errstate(all="ignore"):
        return _Enclosing(names, unit).root(expr)


class _Enclosing:
    def __init__(self, names: Names, unit: Unit | None) -> None:
        self.names = names
        self.unit = unit

    def root(self, expr: Expr) -> Interval:
        """The outermost step, whose own rounding is that of the typed number."""
        if isinstance(expr, Op):
            return self.applied(expr)
        return self.inner(expr)

    def inner(self, expr: Expr) -> Interval:
        if isinstance(expr, Sym):
            return self.names(expr.name)
        if isinstance(expr, Num):
            return point(np.asarray(float(expr.value)))
        interval = self.applied(expr)
        if self.unit is None or expr.name in _EXACT:
            return interval
        return self.unit.widened(interval)

    def applied(self, node: Op) -> Interval:
        args = [self.inner(arg) for arg in node.args]
        options = dict(node.options)
        if self.unit is not None and node.name in _ROUNDED_INSIDE:
            return _ROUNDED_INSIDE[node.name](args[0], options, self.unit)
        if node.name in TABLE and all(is_point(arg) for arg in args):
            value = operation(node).value(*(arg[0] for arg in args), **options)
            return point(np.asarray(value, dtype=float))
        return BOUNDS[node.name](*args, **options)


def _softmax(a: Interval, options: Mapping[str, object], unit: Unit) -> Interval:
    """With exponentials rounded as well; where they overflow, nobody has written them down."""
    plain = softmax(a, **options)  # type: ignore[arg-type]
    if np.max(a[1]) > 300:
        return plain
    rounded = softmax(a, **options, slack=unit.widened)  # type: ignore[arg-type]
    return np.minimum(plain[0], rounded[0]), np.maximum(plain[1], rounded[1])


def _sigmoid(a: Interval, _: Mapping[str, object], unit: Unit) -> Interval:
    """1/(1 + e^-z) with the exponential rounded."""
    powers = unit.widened((np.exp(-a[1]), np.exp(-a[0])))
    low, high = 1 / (1 + np.maximum(powers[1], 0.0)), 1 / (1 + np.maximum(powers[0], 0.0))
    plain = BOUNDS["sigmoid"](a)
    return np.minimum(plain[0], low), np.maximum(plain[1], high)


_ROUNDED_INSIDE = {"softmax": _softmax, "sigmoid": _sigmoid}

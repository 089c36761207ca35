"""An expression to the interval of its values, when the names in it are only known to intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, get_args

import numpy as np
from msgspec import Struct

from backprop_cli.algebra.expr import Expr, Num, Op, Sym, walk
from backprop_cli.operations.bounds import BOUNDS, Array, Interval, is_point, point
from backprop_cli.operations.table import TABLE, operation

Names = Callable[[str], Interval]
Options = Mapping[str, object]

_EXACT = frozenset(
    "neg transpose diag diagonal column row flat expand spread prepend append drop_first drop_last"
    " stack concat part at place relu positive_part abs sign step switch choose maximum minimum max"
    " argmax largest_shares pi".split()
)
"""Operations after which nobody rounds: they bring no new digits."""

_SUMS = frozenset({"add", "sub", "sum"})
"""These bring no new decimals to what is written in decimals, but new significant digits."""


_PRODUCTS = frozenset({"mul", "matmul", "outer"})
"""Whoever has a calculator works out sums of products in one go."""

_QUOTIENTS = frozenset({"div", "ratio"})

_MOST_PRODUCTS = 100_000
"""Nobody writes down more products by hand, one by one."""


class Unit(Struct, frozen=True):
    """The digits a sheet uses: so many decimals, or significant digits."""

    count: int
    significant: bool = False

    def at(self, value: Array) -> Array:
        """The unit of the last digit of numbers of this size; one for all where decimals count."""
        if not self.significant:
            return np.asarray(10.0**-self.count)
        size = np.abs(value)
        with np.errstate(divide="ignore"):
            place = np.floor(np.log10(np.where(size == 0, 1.0, size)))
        return 10.0 ** (place - self.count + 1)

    @property
    def definite(self) -> bool:
        """Whether this is one person's way of rounding, and no allowance for any."""
        return False

    @property
    def exact(self) -> frozenset[str]:
        """The operations after which there is nothing to round, their arguments being rounded."""
        return _EXACT if self.significant else _EXACT | _SUMS

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

    def without_zero(self, rounded: Interval, exact: Interval) -> Interval:
        """A divisor that is not 0 was not written as 0 either: it is at least one unit.

        Whoever writes 0 there has nothing to go on with.
        """
        least = np.minimum(np.abs(exact[0]), np.abs(exact[1]))
        least = np.minimum(least, self.at(least))
        low = np.where(exact[0] > 0, np.maximum(rounded[0], least), rounded[0])
        high = np.where(exact[1] < 0, np.minimum(rounded[1], -least), rounded[1])
        return low, high


Within = Literal[
    "every product", "every product and sum", "every step", "no sum or product", "nothing"
]
WITHIN: Sequence[Within] = get_args(Within)


class Rounding(Unit, frozen=True):
    """Rounds, or cuts off, after each step instead of allowing for it: one person's own way."""

    cuts_off: bool = False
    within: Within = "every step"
    """What is written down within a formula; quantities with a name always are."""

    @property
    def names_only(self) -> bool:
        """Whether only quantities with a name are written down."""
        return self.within == "nothing"

    @property
    def exact(self) -> frozenset[str]:
        """The operations after which nothing is written down."""
        if self.within == "no sum or product":
            return _EXACT | _SUMS | _PRODUCTS
        if self.within == "every product":  # which are added up as they stand
            return _EXACT | _SUMS | {"matmul", "outer"}
        return _EXACT if self.significant else _EXACT | _SUMS

    @property
    def definite(self) -> bool:
        """It is."""
        return True

    def widened(self, interval: Interval) -> Interval:
        """The values as that person writes them down."""
        if is_point(interval):
            return point(self.written(interval[0]))
        return self.written(interval[0]), self.written(interval[1])

    def written(self, value: Array) -> Array:
        """One number at the person's digits."""
        unit = self.at(value)
        steps = np.abs(value) / unit
        whole = np.floor(steps + 1e-9) if self.cuts_off else np.floor(steps + 0.5 + 1e-9)
        return np.sign(value) * whole * unit


Inside = Callable[[Sequence[Interval], Options, Unit], Interval]


def enclosure(expr: Expr, names: Names, unit: Unit | None = None) -> Interval:
    """Bounds of `expr`; with `unit`, each unwritten step in it may have been rounded on the way.

    The outermost step is not: its own rounding is that of the number typed.
    """
    with np.errstate(all="ignore"):
        return _Enclosing(names, unit).of(expr).bare


class _Reached(Struct, frozen=True):
    """What is known of a part of a formula: before its own rounding, after it, without any.

    `digits` tells whether it has the digits of the sheet: a name, or what brings no new ones to it.
    """

    bare: Interval
    rounded: Interval
    exact: Interval
    digits: bool


class _Enclosing:
    """Goes through a formula from its leaves, without recursion: formulas may be deep."""

    def __init__(self, names: Names, unit: Unit | None) -> None:
        self.names = names
        self.unit = unit
        self.divides = True  # else nothing asks for what is exact

    def of(self, expr: Expr) -> _Reached:
        self.divides = any(isinstance(n, Op) and n.name in _QUOTIENTS for n in walk(expr))
        done: dict[int, _Reached] = {}
        stack: list[tuple[Expr, bool]] = [(expr, False)]
        while stack:
            node, ready = stack.pop()
            if id(node) in done:
                continue
            if not isinstance(node, Op):
                done[id(node)] = self.leaf(node)
            elif ready:
                done[id(node)] = self.step(node, [done[id(arg)] for arg in node.args])
            else:
                stack.append((node, True))
                stack += [(arg, False) for arg in reversed(node.args)]
        return done[id(expr)]

    def leaf(self, node: Sym | Num) -> _Reached:
        """A name as it stands; a number as it is written."""
        if isinstance(node, Sym):
            found = self.names(node.name)
        else:
            found = point(np.asarray(float(node.value)))
        return _Reached(found, found, found, True)

    def step(self, node: Op, args: Sequence[_Reached]) -> _Reached:
        """One operation on arguments that are known."""
        if self.unit is None:
            found = applied(node, [arg.exact for arg in args], None)
            return _Reached(found, found, found, True)
        inner = [arg.rounded for arg in args]
        if node.name in _QUOTIENTS:
            inner[1] = self.unit.without_zero(inner[1], args[1].exact)
        bare = applied(node, inner, self.unit)
        exact = applied(node, [arg.exact for arg in args], None) if self.divides else bare
        digits = node.name in _EXACT | _SUMS and all(arg.digits for arg in args)
        return _Reached(bare, self.after(node, args, bare), exact, digits)

    def after(self, node: Op, args: Sequence[_Reached], bare: Interval) -> Interval:
        """What a step is once it is written down."""
        unit = self.unit
        assert unit is not None
        if node.name in _EXACT:
            return bare
        if node.name not in unit.exact:
            return unit.widened(bare)
        if unit.definite or all(arg.digits for arg in args):
            return bare
        late = unit.widened(applied(node, [arg.bare for arg in args], unit))  # only the sum was
        return np.minimum(bare[0], late[0]), np.maximum(bare[1], late[1])


def applied(node: Op, args: Sequence[Interval], unit: Unit | None) -> Interval:
    """Bounds of one operation; with `unit`, what is written down within it may be rounded."""
    options = dict(node.options)
    inside = _ROUNDED_INSIDE.get(node.name) if unit is not None else None
    if inside is not None and unit is not None:
        found = inside(args, options, unit)
        if unit.definite:
            return found
        plain = BOUNDS[node.name](*args, **options)
        return np.fmin(plain[0], found[0]), np.fmax(plain[1], found[1])
    if node.name in TABLE and all(is_point(arg) for arg in args):
        value = operation(node).value(*(arg[0] for arg in args), **options)
        return point(np.asarray(value, dtype=float))
    return BOUNDS[node.name](*args, **options)


# What is rounded inside one operation, where it is worked out in several steps -------------------


def _softmax(args: Sequence[Interval], options: Options, unit: Unit) -> Interval:
    """The exponentials and their sum."""
    (a,) = args
    powers = _exponentials(a, unit)
    axis = _axis(options)
    totals = unit.widened((_sum(powers[0], axis), _sum(powers[1], axis)))
    low = powers[0] / np.maximum(totals[1], powers[0])
    return low, powers[1] / np.maximum(totals[0], 0.0)


def _logsumexp(args: Sequence[Interval], options: Options, unit: Unit) -> Interval:
    """The exponentials and their sum."""
    (a,) = args
    powers = _exponentials(a, unit)
    axis = _axis(options)
    totals = unit.widened((_sum(powers[0], axis), _sum(powers[1], axis)))
    return _shaped((np.log(totals[0]), np.log(totals[1])), options)


def _exponentials(a: Interval, unit: Unit) -> Interval:
    low, high = unit.widened((np.exp(a[0]), np.exp(a[1])))
    return np.maximum(low, 0.0), high


def _axis(options: Options) -> int | None:
    axis = options.get("axis")
    return None if axis is None else int(str(axis))


def _sum(a: Array, axis: int | None) -> Array:
    return np.asarray(np.sum(a, axis=axis, keepdims=True))


def _shaped(kept: Interval, options: Options) -> Interval:
    """A reduction that has kept its axis, without it unless it is to be kept."""
    if options.get("keep"):
        return kept
    axis = _axis(options)
    return np.squeeze(kept[0], axis=axis), np.squeeze(kept[1], axis=axis)


def _sigmoid(args: Sequence[Interval], _: Options, unit: Unit) -> Interval:
    """e^-z in 1/(1 + e^-z), or e^z in e^z/(1 + e^z)."""
    (a,) = args
    falling, rising = _exponentials((-a[1], -a[0]), unit), _exponentials(a, unit)
    below = _one_more(falling, unit)
    if unit.definite:  # as most people work it out
        return 1 / below[1], 1 / below[0]
    least, most = (
        _one_more((end, end), unit) for end in rising
    )  # above and below, e^z is the same
    low, high = rising[0] / least[1], rising[1] / most[0]
    return np.fmin(1 / below[1], low), np.fmax(1 / below[0], high)


def _one_more(powers: Interval, unit: Unit) -> Interval:
    """1 + e^z, which has no new decimals, but may lose significant digits."""
    sums = 1 + powers[0], 1 + powers[1]
    return unit.widened(sums) if unit.significant else sums


_BY_PRODUCT: frozenset[Within] = frozenset({"every product", "every product and sum"})


def _matmul(args: Sequence[Interval], _: Options, unit: Unit) -> Interval:
    """Each product of a sum, for who writes them down one by one; a calculator adds them up.

    Who writes their sum down, too, adds what is multiplied with 1, a bias, only then.
    """
    a, b = args
    if not (isinstance(unit, Rounding) and unit.within in _BY_PRODUCT):
        return BOUNDS["matmul"](a, b)
    if not (is_point(a) and is_point(b)) or a[0].size * b[0].size > _MOST_PRODUCTS:
        return BOUNDS["matmul"](a, b)
    rows, columns = np.atleast_2d(a[0]), b[0] if b[0].ndim == 2 else b[0][:, None]
    ones = (np.abs(rows) == 1)[:, :, None] | (np.abs(columns) == 1)[None, :, :]
    products = rows[:, :, None] * columns[None, :, :]
    rounded = np.sum(np.where(ones, 0.0, unit.written(products)), axis=1)
    if unit.within == "every product and sum":
        rounded = unit.written(rounded)
    found = rounded + np.sum(np.where(ones, products, 0.0), axis=1)  # nobody works out 1 · 0.25
    return point(found.reshape((a[0] @ b[0]).shape))


def _outer(args: Sequence[Interval], options: Options, unit: Unit) -> Interval:
    """Each product, which is a sum of one."""
    found = BOUNDS["outer"](*args, **options)
    if isinstance(unit, Rounding) and unit.within in _BY_PRODUCT and is_point(found):
        return point(unit.written(found[0]))
    return found


def _mean(args: Sequence[Interval], options: Options, unit: Unit) -> Interval:
    """The sum that is divided."""
    (a,) = args
    axis = _axis(options)
    sums = unit.widened((_sum(a[0], axis), _sum(a[1], axis)))
    count = a[0].size / max(sums[0].size, 1)
    return _shaped((sums[0] / count, sums[1] / count), options)


def _softplus(args: Sequence[Interval], _: Options, unit: Unit) -> Interval:
    """e^z in ln(1 + e^z)."""
    (a,) = args
    sums = _one_more(_exponentials(a, unit), unit)
    return np.log(sums[0]), np.log(sums[1])


def _elu(args: Sequence[Interval], options: Options, unit: Unit) -> Interval:
    """e^z in α(e^z - 1)."""
    (a,) = args
    alpha = float(str(options.get("alpha", 1)))
    powers = _exponentials(a, unit)
    low = np.where(a[0] > 0, a[0], alpha * (powers[0] - 1))
    return low, np.where(a[1] > 0, np.maximum(a[1], 0.0), alpha * (powers[1] - 1))


def _gated(gate: str) -> Inside:
    """The gate g(z) in z·g(z)."""

    def bounds(args: Sequence[Interval], _: Options, unit: Unit) -> Interval:
        return BOUNDS["mul"](args[0], unit.widened(BOUNDS[gate](args[0])))

    return bounds


def _huber(args: Sequence[Interval], options: Options, unit: Unit) -> Interval:
    """The square, and the product with delta."""
    (a,) = args
    low, high = BOUNDS["huber"](a, **options)
    slack = unit.widened((low, high))
    return np.maximum(slack[0], 0.0), slack[1]


def _norm(args: Sequence[Interval], options: Options, unit: Unit) -> Interval:
    """The squares and their sum."""
    (a,) = args
    axis = _axis(options)
    squares = unit.widened(BOUNDS["pow"](a, point(np.asarray(2.0))))
    sums = unit.widened((_sum(squares[0], axis), _sum(squares[1], axis)))
    return _shaped((np.sqrt(np.maximum(sums[0], 0.0)), np.sqrt(sums[1])), options)


def _xlogy(args: Sequence[Interval], _: Options, unit: Unit) -> Interval:
    """The logarithm in y ln ŷ."""
    return BOUNDS["mul"](args[0], unit.widened(BOUNDS["log"](args[1])))


_ROUNDED_INSIDE: Mapping[str, Inside] = {
    "softmax": _softmax,
    "logsumexp": _logsumexp,
    "sigmoid": _sigmoid,
    "matmul": _matmul,
    "outer": _outer,
    "mean": _mean,
    "softplus": _softplus,
    "elu": _elu,
    "silu": _gated("sigmoid"),
    "gelu": _gated("normal_cdf"),
    "huber": _huber,
    "norm": _norm,
    "xlogy": _xlogy,
}

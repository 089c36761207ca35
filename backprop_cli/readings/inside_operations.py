"""What is rounded inside one operation, where it is worked out in several steps, to its bounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias, TypeGuard

import numpy as np

from backprop_cli.operations.bounds import BOUNDS, Array, Interval, is_point, point, windows_of
from backprop_cli.operations.window_values import FACTORS
from backprop_cli.readings.units import Rounding, Unit, Within, WithProducts

Options: TypeAlias = Mapping[str, object]
Inside: TypeAlias = "Callable[[Sequence[Interval], Options, Unit], Interval]"

_MOST_PRODUCTS = 100_000
"""Nobody writes down more products by hand, one by one."""


def way_within(unit: Unit | None) -> Within | None:
    """What one person writes down within a formula; None for an allowance for any way."""
    return unit.within if isinstance(unit, Rounding) else None


def _by_product(unit: Unit) -> TypeGuard[Rounding]:
    """Whether it is somebody who writes down the products of a sum one by one."""
    return isinstance(unit, Rounding) and unit.by_product


def _exponentials(a: Interval, unit: Unit) -> Interval:
    low, high = unit.widened((np.exp(a[0]), np.exp(a[1])))
    return np.maximum(low, 0.0), high


def axis_of(options: Options) -> int | None:
    """The axis of a reduction; None where it is of all."""
    axis = options.get("axis")
    return None if axis is None else int(str(axis))


def _sum(a: Array, axis: int | None) -> Array:
    return np.asarray(np.sum(a, axis=axis, keepdims=True))


def _shaped(kept: Interval, options: Options) -> Interval:
    """A reduction that has kept its axis, without it unless it is to be kept."""
    if options.get("keep"):
        return kept
    axis = axis_of(options)
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


def _matmul(args: Sequence[Interval], _: Options, unit: Unit) -> Interval:
    """Each product of a sum, for who writes them down one by one; a calculator adds them up.

    Who writes their sum down, too, adds what is multiplied with 1, a bias, only then.
    """
    a, b = args
    if isinstance(unit, WithProducts):
        low, high = BOUNDS["matmul"](a, b)
        room = unit.room(a[0].shape[-1], _sizes(a) @ _sizes(b))
        return low - room, high + room
    if not _by_product(unit):
        return BOUNDS["matmul"](a, b)
    if not (is_point(a) and is_point(b)) or a[0].size * b[0].size > _MOST_PRODUCTS:
        return BOUNDS["matmul"](a, b)
    rows, columns = np.atleast_2d(a[0]), b[0] if b[0].ndim > 1 else b[0][:, None]
    left, right = rows[..., :, :, None], columns[..., None, :, :]
    ones = (np.abs(left) == 1) | (np.abs(right) == 1)
    products = left * right
    rounded = np.sum(np.where(ones, 0.0, unit.written(products)), axis=-2)
    if unit.within == "every product and sum":
        rounded = unit.written(rounded)
    found = rounded + np.sum(np.where(ones, products, 0.0), axis=-2)  # nobody works out 1 · 0.25
    return point(found.reshape((a[0] @ b[0]).shape))


def _sizes(a: Interval) -> Array:
    return np.maximum(np.abs(a[0]), np.abs(a[1]))


def _by_blocks(name: str) -> Inside:
    """What comes back through a written Jacobian, which is a matrix product a sample."""

    def inside(args: Sequence[Interval], options: Options, unit: Unit) -> Interval:
        return BOUNDS[name](*args, **options, product=lambda a, b: _matmul((a, b), {}, unit))

    return inside


def _sliding(name: str) -> Inside:
    """A convolution, which is a matrix product of the windows."""

    def inside(args: Sequence[Interval], options: Options, unit: Unit) -> Interval:
        a, b = args
        if not (_by_product(unit) or isinstance(unit, WithProducts)):
            return BOUNDS[name](a, b, **options)
        factors, shape = windows_of(FACTORS[name], a, b, options)
        low, high = _matmul(factors, {}, unit)
        return low.reshape(shape), high.reshape(shape)

    return inside


def _outer(args: Sequence[Interval], options: Options, unit: Unit) -> Interval:
    """Each product, which is a sum of one."""
    found = BOUNDS["outer"](*args, **options)
    if isinstance(unit, WithProducts):
        return unit.widened(found)
    if _by_product(unit) and is_point(found):
        return point(unit.written(found[0]))
    return found


def _mean(args: Sequence[Interval], options: Options, unit: Unit) -> Interval:
    """The sum that is divided."""
    (a,) = args
    axis = axis_of(options)
    sums = _sum(a[0], axis), _sum(a[1], axis)
    sums = sums if way_within(unit) == "no total" else unit.widened(sums)
    count = a[0].size / max(sums[0].size, 1)
    return _shaped((sums[0] / count, sums[1] / count), options)


def _silu(args: Sequence[Interval], _: Options, unit: Unit) -> Interval:
    """The gate in z·σ(z)."""
    return BOUNDS["mul"](args[0], unit.widened(BOUNDS["sigmoid"](args[0])))


PRODUCTS_BY_BLOCKS = frozenset({"apply_blocks", "contracted"})
ROUNDED_INSIDE: Mapping[str, Inside] = {
    "sigmoid": _sigmoid,  # two ways of working it out, and e^z in its last digit only once
    "matmul": _matmul,  # one way has each product, and bounds by midpoints are tighter
    **{name: _sliding(name) for name in FACTORS},  # each is a matrix product
    **{name: _by_blocks(name) for name in PRODUCTS_BY_BLOCKS},  # so are these
    "outer": _outer,  # its products are those of a sum of one
    "mean": _mean,  # whoever means numbers of other people's digits writes down their sum
    "silu": _silu,  # its gate is one step: the e^z in it belongs to a sigmoid that is asked for
}
BY_PRODUCTS = frozenset({"matmul", "outer", *FACTORS, *PRODUCTS_BY_BLOCKS})
"""Operations whose products somebody may write down one by one."""

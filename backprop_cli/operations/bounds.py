"""The table's bounds: for each operation, lower and upper values from those of its arguments.

A bound encloses every value the operation takes on the box of its arguments, and is tight where the
operation is monotone in each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backprop_cli.operations.determinants import (
    cofactors,
    cofactors_along,
    determinant,
    inverse,
    log_determinant,
)
from backprop_cli.operations.masks import every, some
from backprop_cli.operations.record import Value
from backprop_cli.operations.table import TABLE
from backprop_cli.operations.window_values import FACTORS, Factors

Array: TypeAlias = NDArray[np.float64]
Interval: TypeAlias = tuple[Array, Array]
Bounds: TypeAlias = Callable[..., Interval]
Product: TypeAlias = Callable[[Interval, Interval], Interval]

_SILU_LOWEST = -1.2784645427610738  # where silu turns: the root of 1 + z(1 - σ(z))
_TINY = 1e-300
_GELU_LOWEST = -0.7517915246935645  # where gelu turns: the root of Φ(z) + zφ(z)


def point(value: Array) -> Interval:
    """The interval of one value."""
    return value, value


def is_point(interval: Interval) -> bool:
    """Whether nothing is uncertain."""
    return interval[0] is interval[1] or every(interval[0] == interval[1])


def below_zero(interval: Interval) -> Interval:
    """An interval around 0 without what is not below it: 0.000 where a number was negative."""
    around = (interval[0] < 0) & (interval[1] > 0)
    return interval[0], np.where(around, -_TINY, interval[1])


def above_zero(interval: Interval) -> Interval:
    """The same without what is not above it."""
    around = (interval[0] < 0) & (interval[1] > 0)
    return np.where(around, _TINY, interval[0]), interval[1]


def _hull(*corners: Array) -> Interval:
    """The smallest interval around corner values; a corner that is not a number bounds nothing."""
    low, high = reduce(np.minimum, corners), reduce(np.maximum, corners)
    unknown = np.isnan(low)  # minimum and maximum hand on what is not a number
    if not some(unknown):
        return low, high
    return np.where(unknown, -np.inf, low), np.where(unknown, np.inf, high)


def _ends(interval: Interval) -> tuple[Array, ...]:
    """Both ends, or the one number that both are."""
    return interval[:1] if interval[0] is interval[1] else interval


def _value(name: str) -> Value:
    value = TABLE[name].value
    assert value is not None, name
    return value


def _increasing(name: str) -> Bounds:
    value = _value(name)

    def bounds(*args: Interval, **options: Any) -> Interval:
        lows, highs = zip(*args, strict=True) if args else ((), ())
        return np.asarray(value(*lows, **options)), np.asarray(value(*highs, **options))

    return bounds


def _corners(name: str) -> Bounds:
    """For operations monotone in each of two arguments, in a direction that may change."""
    value = _value(name)

    def bounds(a: Interval, b: Interval, **options: Any) -> Interval:
        return _hull(*(value(x, y, **options) for x in _ends(a) for y in _ends(b)))

    return bounds


def _sub(a: Interval, b: Interval) -> Interval:
    return a[0] - b[1], a[1] - b[0]


def _neg(a: Interval) -> Interval:
    return -a[1], -a[0]


def _quotient(name: str) -> Bounds:
    corners = _corners(name)

    def bounds(a: Interval, b: Interval) -> Interval:
        low, high = corners(a, b)
        crosses = (b[0] <= 0) & (b[1] >= 0) & (b[0] != b[1]) & ((a[0] != 0) | (a[1] != 0))
        return np.where(crosses, -np.inf, low), np.where(crosses, np.inf, high)

    return bounds


def _power(a: Interval, n: Interval) -> Interval:
    low, high = _corners("pow")(a, n)
    even = (n[0] == n[1]) & (n[0] % 2 == 0)
    around_zero = (a[0] < 0) & (a[1] > 0)
    return np.where(even & around_zero & (n[0] > 0), 0.0, low), high


def _magnitude(a: Interval) -> Interval:
    """Bounds of |x|."""
    inside = (a[0] <= 0) & (a[1] >= 0)
    ends = np.abs(a[0]), np.abs(a[1])
    return np.where(inside, 0.0, np.minimum(*ends)), np.maximum(*ends)


def _product(a: Interval, b: Interval) -> Interval:
    """Nothing is left of what is multiplied with exactly 0: y ln ŷ where y is 0, whatever ŷ is."""
    low, high = _corners("mul")(a, b)
    if every(np.isfinite(low)) and every(np.isfinite(high)):
        return low, high
    nothing = ((a[0] == 0) & (a[1] == 0)) | ((b[0] == 0) & (b[1] == 0))
    return np.where(nothing, 0.0, low), np.where(nothing, 0.0, high)


def _even(name: str, falling: bool = False) -> Bounds:
    """For functions of |x| that rise, or fall, with it."""
    value = _value(name)

    def bounds(a: Interval, **options: Any) -> Interval:
        near, far = _magnitude(a)
        ends = np.asarray(value(near, **options)), np.asarray(value(far, **options))
        return (ends[1], ends[0]) if falling else ends

    return bounds


def _valley(name: str, lowest: float) -> Bounds:
    """For functions that fall up to `lowest` and rise after it."""
    value = _value(name)

    def bounds(a: Interval) -> Interval:
        low, high = _hull(value(a[0]), value(a[1]))
        inside = (a[0] < lowest) & (a[1] > lowest)
        return np.where(inside, value(np.asarray(lowest)), low), high

    return bounds


def _wave(name: str) -> Bounds:
    """For sine and cosine, whose slope is at most 1."""
    value = _value(name)

    def bounds(a: Interval) -> Interval:
        middle, radius = (a[0] + a[1]) / 2, (a[1] - a[0]) / 2
        centre = value(middle)
        return np.maximum(centre - radius, -1.0), np.minimum(centre + radius, 1.0)

    return bounds


def _switch(a: Interval, below: float = 0.0, at: float = 0.0, above: float = 1.0) -> Interval:
    pieces = ((a[0] < 0, below), ((a[0] <= 0) & (a[1] >= 0), at), (a[1] > 0, above))
    low = np.min([np.where(taken, value, np.inf) for taken, value in pieces], axis=0)
    high = np.max([np.where(taken, value, -np.inf) for taken, value in pieces], axis=0)
    return low, high


def _choose(x: Interval, a: Interval, b: Interval) -> Interval:
    surely, never = x[0] > 0, x[1] <= 0
    low = np.where(surely, a[0], np.where(never, b[0], np.minimum(a[0], b[0])))
    high = np.where(surely, a[1], np.where(never, b[1], np.maximum(a[1], b[1])))
    return low, high


def _root(a: Interval) -> Interval:
    """What is rounded to a little below 0 may have been 0, and nobody takes the root of less."""
    least = np.where(a[1] >= 0, np.maximum(a[0], 0.0), a[0])
    return np.sqrt(least), np.sqrt(a[1])


def _norm(a: Interval, **options: Any) -> Interval:
    value = _value("norm")
    near, far = _magnitude(a)
    return value(near, **options), value(far, **options)


def softmax(a: Interval, axis: int | None = None) -> Interval:
    """Each unit is smallest where it is low and the others are high."""
    top = np.max(a[1], axis=axis, keepdims=True)
    powers = np.exp(a[0] - top), np.exp(a[1] - top)
    totals = tuple(np.sum(power, axis=axis, keepdims=True) for power in powers)
    low = powers[0] / (powers[0] + totals[1] - powers[1])
    high = powers[1] / (powers[1] + totals[0] - powers[0])
    return np.where(np.isnan(low), 0.0, low), np.where(np.isnan(high), 1.0, high)


def _log_softmax(a: Interval, axis: int | None = None) -> Interval:
    low, high = softmax(a, axis=axis)
    return np.log(low), np.log(high)


def _matmul(a: Interval, b: Interval) -> Interval:
    """By midpoints and radii: exact where one side is a point (Rump 1999)."""
    middles = (a[0] + a[1]) / 2, (b[0] + b[1]) / 2
    radii = (a[1] - a[0]) / 2, (b[1] - b[0]) / 2
    centre = middles[0] @ middles[1]
    reach = np.abs(middles[0]) @ radii[1] + radii[0] @ (np.abs(middles[1]) + radii[1])
    return centre - reach, centre + reach


def _of_windows(factors: Callable[..., Factors]) -> Bounds:
    """What slides over a picture is a product of two matrices, and its bounds are those."""

    def bounds(a: Interval, b: Interval, **options: Any) -> Interval:
        (left, right), shape = windows_of(factors, a, b, options)
        low, high = _matmul(left, right)
        return low.reshape(shape), high.reshape(shape)

    return bounds


def windows_of(
    factors: Callable[..., Factors], a: Interval, b: Interval, options: Mapping[str, Any]
) -> tuple[tuple[Interval, Interval], tuple[int, ...]]:
    """The two matrices whose product a convolution is, and the shape of what comes out."""
    lows = factors(a[0], b[0], **options)
    highs = lows if is_point(a) and is_point(b) else factors(a[1], b[1], **options)
    return ((lows.left, highs.left), (lows.right, highs.right)), lows.shape


def _apply_blocks(
    blocks: Interval, vectors: Interval, samples: int = 0, product: Product = _matmul
) -> Interval:
    """A matrix a sample times a vector a sample; only grading writes softmax gradients this way."""
    rows = vectors if samples == 0 else (vectors[0].T, vectors[1].T)
    low, high = product(blocks, (rows[0][:, :, None], rows[1][:, :, None]))
    results = low[:, :, 0], high[:, :, 0]
    return results if samples == 0 else (results[0].T, results[1].T)


def _softmax_blocks(y: Interval, samples: int | None = None) -> Interval:
    """diag(y) - y yᵀ of each sample, whose entries are yᵢ(1 - yᵢ) and -yᵢyⱼ; for grading alone."""
    low, high = (np.atleast_2d(end.T if samples == 1 else end) for end in y)
    products = low[:, :, None] * low[:, None, :], high[:, :, None] * high[:, None, :]
    slopes = _hull(low * (1 - low), high * (1 - high))
    top = np.where((low < 0.5) & (high > 0.5), 0.25, slopes[1])
    own = np.eye(low.shape[1], dtype=bool)[None]
    blocks = (
        np.where(own, slopes[0][:, :, None], -products[1]),
        np.where(own, top[:, :, None], -products[0]),
    )
    return (blocks[0][0], blocks[1][0]) if samples is None else blocks


def _assembled(
    *rows: Interval,
    of: tuple[int, ...] = (),
    by: tuple[int, ...] = (),
    samples: int | None = None,
    layout: str | None = None,
) -> Interval:
    """A Jacobian from what a basis is pulled back to; only grading writes it this way."""
    low, high = (np.stack(ends).reshape(of + by) for ends in zip(*rows, strict=True))
    return _blocked(low, len(of), samples, layout), _blocked(high, len(of), samples, layout)


def _blocked(whole: Array, rank: int, samples: int | None, layout: str | None) -> Array:
    """∂of/∂by in its layout, a block a sample where there are samples."""
    if samples is None:
        return np.moveaxis(whole, range(rank), range(-rank, 0)) if layout else whole
    blocks = np.einsum("kmnm->mkn" if samples == 1 else "mkmn->mkn", whole)
    return np.swapaxes(blocks, 1, 2) if layout else blocks


def _contracted(
    jacobian: Interval,
    upstream: Interval,
    by: tuple[int, ...] = (),
    samples: int | None = None,
    layout: str | None = None,
    product: Product = _matmul,
) -> Interval:
    """What comes back through a written Jacobian; only grading writes gradients this way."""
    if samples is not None:
        blocks = jacobian if layout else tuple(np.swapaxes(end, 1, 2) for end in jacobian)
        return _apply_blocks((blocks[0], blocks[1]), upstream, samples, product)
    size = int(np.prod(upstream[0].shape, dtype=int))
    rows = tuple(end.reshape(-1, size) if layout else end.reshape(size, -1).T for end in jacobian)
    flat = upstream[0].reshape(size), upstream[1].reshape(size)
    low, high = product((rows[0], rows[1]), flat)
    return low.reshape(by), high.reshape(by)


def _largest_shares(a: Interval, **options: Any) -> Interval:
    if is_point(a):
        return point(_value("largest_shares")(a[0], **options))
    return np.zeros_like(a[0]), np.ones_like(a[0])


def _argmax(a: Interval, axis: int | None = None, first: int = 0) -> Interval:
    value = _value("argmax")(a[0], axis=axis, first=first)
    if is_point(a):
        return point(value)
    size = a[0].size if axis is None else a[0].shape[axis]
    return np.full_like(value, first), np.full_like(value, first + size - 1)


def _others_share(g: Interval, x: Interval, axis: int | None = None) -> Interval:
    """At most what all g together weigh, since p_j ≤ 1 - p_i for any other i."""
    if is_point(g) and is_point(x):
        return point(_value("others_share")(g[0], x[0], axis=axis))
    most = np.broadcast_to(np.sum(_magnitude(g)[1], axis=axis, keepdims=True), g[0].shape)
    return -most, most


def _log_others(a: Interval, axis: int | None = None) -> Interval:
    shares = softmax(a, axis=axis)
    low, high = 1 - shares[1], 1 - shares[0]
    return np.log(np.maximum(low, 0.0)), np.log(high)


BOUNDS: Mapping[str, Bounds] = MappingProxyType(
    {
        name: _increasing(name)
        for name, record in TABLE.items()
        if (record.rises or record.moves) and record.value
    }
    | {
        "sub": _sub,
        "neg": _neg,
        "mul": _product,
        "div": _quotient("div"),
        "ratio": _quotient("ratio"),
        "pow": _power,
        "xlogy": _corners("xlogy"),
        "outer": _corners("outer"),
        "matmul": _matmul,
        "inv": inverse,
        "det": determinant,
        "cof": cofactors,
        "cof_along": cofactors_along,
        "logdet": log_determinant,
        **{name: _of_windows(factors) for name, factors in FACTORS.items()},
        "sqrt": _root,
        "abs": _even("abs"),
        "cosh": _even("cosh"),
        "huber": _even("huber"),
        "normal_pdf": _even("normal_pdf", falling=True),
        "silu": _valley("silu", _SILU_LOWEST),
        "gelu": _valley("gelu", _GELU_LOWEST),
        "sin": _wave("sin"),
        "cos": _wave("cos"),
        "switch": _switch,
        "choose": _choose,
        "norm": _norm,
        "softmax": softmax,
        "log_softmax": _log_softmax,
        "largest_shares": _largest_shares,
        "argmax": _argmax,
        "others_share": _others_share,
        "log_others": _log_others,
        "apply_blocks": _apply_blocks,
        "softmax_blocks": _softmax_blocks,
        "assembled": _assembled,
        "contracted": _contracted,
    }
)
"""Bounds by the name of the operation: those of its definition are wider, since an argument that
stands there twice is taken to vary twice. `jacobian` has none, being no function of its arguments.
"""

"""Arrays to what slides over them: windows of a picture, convolutions, and what goes back.

The last one or two axes are places; before them may stand an axis of channels, and in a kernel one
of filters before that. Every function of two arrays here is a product of two matrices, made of the
entries of both: who knows the arrays to intervals only, or rounds each product, takes those.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from msgspec import Struct
from numpy.lib.stride_tricks import sliding_window_view

from backprop_cli.operations.record import Array

Shape: TypeAlias = "tuple[int, ...]"


class Factors(Struct, frozen=True):
    """Two matrices, and the shape that their product is brought to."""

    left: Array
    right: Array
    shape: Shape

    @property
    def product(self) -> Array:
        """Their product in that shape."""
        return np.asarray(self.left @ self.right).reshape(self.shape)


def pad(x: Array, width: int | Shape = 0, axes: int = 2, fill: float = 0.0) -> Array:
    """Zeros all around in the last axes, as many in each or in all; below 0 they are taken away.

    `fill` is what stands there in place of zeros.
    """
    each = widths(width, axes)
    sizes: Shape = x.shape[x.ndim - axes :]
    less, more = [max(-w, 0) for w in each], [max(w, 0) for w in each]
    ends = [size - w for w, size in zip(less, sizes, strict=True)]
    kept: Array = x[_last(list(map(slice, less, ends)))]
    if not any(more):
        return kept
    wide = np.full(x.shape[: x.ndim - axes] + tuple(map(_grown, sizes, each)), fill)
    ends = [w + size for w, size in zip(more, kept.shape[x.ndim - axes :], strict=True)]
    wide[_last(list(map(slice, more, ends)))] = kept
    return wide


def _grown(size: int, width: int) -> int:
    return size + 2 * width


def widths(width: int | Shape, axes: int) -> Shape:
    """One width for each axis."""
    return (width,) * axes if isinstance(width, int) else width


def rot(x: Array, axes: int | None = None) -> Array:
    """Turned by 180°: the last axes backwards."""
    return np.flip(x, tuple(range(-(axes or min(2, x.ndim)), 0)))


def spaced(x: Array, step: int = 1, axes: int = 2) -> Array:
    """step - 1 zeros between neighbours in the last axes."""
    places = tuple((n - 1) * step + 1 for n in x.shape[-axes:])
    wide = np.zeros(x.shape[:-axes] + places)
    wide[_last([slice(None, None, step)] * axes)] = x
    return wide


def _last(slices: list[slice]) -> Any:
    """An index of the last axes."""
    return (..., *slices)


def windows(x: Array, size: int = 2, stride: int | None = None, axes: int = 2) -> Array:
    """The entries of each window in a row of their own, along a last axis."""
    views = sliding_window_view(x, (size,) * axes, tuple(range(-axes, 0)))
    rank = x.ndim - axes
    kept = views[(slice(None),) * rank + (slice(None, None, stride or size),) * axes]
    return np.ascontiguousarray(kept).reshape(*kept.shape[: x.ndim], size**axes)


def windows_sum(w: Array, size: int = 2, stride: int | None = None, axes: int = 2) -> Array:
    """The entries of windows put back to where they are from, and added up."""
    step = stride or size
    counts = w.shape[-axes - 1 : -1]
    whole = np.zeros(w.shape[: -axes - 1] + tuple((n - 1) * step + size for n in counts))
    for number, offsets in enumerate(np.ndindex((size,) * axes)):
        ends = [o + (n - 1) * step + 1 for o, n in zip(offsets, counts, strict=True)]
        slices = [slice(o, end, step) for o, end in zip(offsets, ends, strict=True)]
        whole[_last(slices)] += w[..., number]
    return whole


def max_pool(x: Array, size: int = 2, stride: int | None = None, axes: int | None = None) -> Array:
    """The largest entry of each window."""
    return np.asarray(windows(x, size, stride, axes or min(2, x.ndim)).max(axis=-1))


def around(window: Shape, padding: int) -> Shape:
    """How many zeros stand on each side of what comes back through a window."""
    return tuple(size - 1 - padding for size in window)


# Convolutions ---------------------------------------------------------------------------------


def with_channels(x: Array, axes: int) -> Array:
    """A picture as a list of its channels, of which it may have a single one."""
    return x if x.ndim > axes else x[None]


def slid_over(x: Array, window: Shape, stride: int, apart: int = 1) -> Array:
    """The windows of channels × places, each at its place: channels × places × window."""
    axes = len(window)
    reach = tuple(apart * (size - 1) + 1 for size in window)
    views = sliding_window_view(x, reach, tuple(range(1, axes + 1)))
    steps = (*(slice(None, None, stride),) * axes, *(slice(None, None, apart),) * axes)
    return np.asarray(views[(slice(None), *steps)])


def _unrolled(x: Array, window: Shape, stride: int, apart: int = 1) -> tuple[Array, Shape]:
    """The windows of channels × places as columns, and how many there are along each axis."""
    axes, views = len(window), slid_over(x, window, stride, apart)
    counts = views.shape[1 : axes + 1]
    columns = np.moveaxis(views, range(axes + 1, 2 * axes + 1), range(1, axes + 1))
    return columns.reshape(x.shape[0] * prod(window), prod(counts)), counts


def conv(
    x: Array,
    k: Array,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    axes: int | None = None,
) -> Factors:
    """Each filter slides over x: the filters in rows times the windows in columns."""
    axes = axes or min(2, x.ndim)
    picture = with_channels(pad(x, padding, axes), axes)
    filters = k.reshape(-1, picture.shape[0], *k.shape[-axes:])
    columns, counts = _unrolled(picture, k.shape[-axes:], stride, dilation)
    own = (filters.shape[0],) if k.ndim > x.ndim else ()
    return Factors(filters.reshape(filters.shape[0], -1), columns, own + counts)


def conv_transpose(
    g: Array,
    k: Array,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    axes: int | None = None,
) -> Factors:
    """What comes back to the picture: the spaced g, zeros around it, and the filters turned."""
    axes = axes or min(2, g.ndim)
    places = k.shape[-axes:]
    filters_first = with_channels(g, axes)
    filters = spaced(k.reshape(filters_first.shape[0], -1, *places), dilation, axes)
    places = filters.shape[-axes:]
    wide = pad(spaced(filters_first, stride, axes), around(places, padding), axes)
    columns, counts = _unrolled(wide, places, 1)
    turned = np.swapaxes(rot(filters, axes), 0, 1)
    has_channels = k.ndim - axes > g.ndim - axes
    own = (turned.shape[0],) if has_channels else ()
    return Factors(turned.reshape(turned.shape[0], -1), columns, own + counts)


def conv_kernel(
    x: Array, g: Array, stride: int = 1, padding: int = 0, dilation: int = 1, axes: int = 2
) -> Factors:
    """What comes back to the kernel: g of each filter slides over each channel of the picture."""
    picture = with_channels(pad(x, padding, axes), axes)
    wide = with_channels(spaced(g, stride, axes), axes)
    columns, counts = _each_channel(picture, wide.shape[1:], dilation)
    own = g.shape[: g.ndim - axes] + x.shape[: x.ndim - axes]
    return Factors(wide.reshape(wide.shape[0], -1), columns, own + counts)


def _each_channel(x: Array, window: Shape, stride: int) -> tuple[Array, Shape]:
    """The windows of every channel as columns, channel by channel."""
    found = [_unrolled(channel[None], window, stride) for channel in x]
    return np.hstack([columns for columns, _ in found]), found[0][1]


FACTORS: Mapping[str, Callable[..., Factors]] = MappingProxyType(
    {"conv": conv, "conv_transpose": conv_transpose, "conv_kernel": conv_kernel}
)
"""The factors of each convolution."""

"""Arrays of a convolution to what its loops do wrong: overwritten, turned, cut off elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import numpy as np

from backprop_cli.algebra.expr import Op
from backprop_cli.calculus.stable import function_of
from backprop_cli.grading.sheets.typed_arrays import Array
from backprop_cli.grading.slips.case import each
from backprop_cli.grading.slips.plain_workings import Test, WrongArray
from backprop_cli.operations.convolutions import SLIDING
from backprop_cli.operations.sliding import sliding
from backprop_cli.operations.window_values import pad, slid_over, with_channels


def cut_elsewhere(array: WrongArray) -> bool:
    """What comes back to a padded picture, and another part of it than the picture."""
    expr = array.formula
    if not (isinstance(expr, Op) and expr.name == "conv_transpose" and expr.option("padding")):
        return False
    g, k = map(array.of, expr.args)
    value, how = array.value, sliding(expr, g.shape)
    axes, padding = how.axes, how.padding
    back = partial(function_of(expr), **{**dict(expr.options), "padding": 0})
    whole = back(g, k)
    sizes = value.shape[value.ndim - axes :]
    room = [(0, 0)] * (whole.ndim - axes)  # beyond the last window there is nothing
    beyond = (
        size + 2 * padding - had for size, had in zip(sizes, whole.shape[-axes:], strict=True)
    )
    whole = np.pad(whole, room + [(0, max(more, 0)) for more in beyond])
    for starts in np.ndindex(*(2 * padding + 1,) * axes):
        part: tuple[Any, ...] = (
            ...,
            *(slice(at, at + size) for at, size in zip(starts, sizes, strict=True)),
        )
        if set(starts) != {padding} and array.is_(whole[part]):
            return True
    return False


_MOST_ENTRIES: Final = 4_000
"""Larger pictures take too long for each of the ways in which they may be turned."""


def by_turned(turn: Callable[[Array], Iterator[Array]]) -> Test:
    """Whether a convolution with one of its arrays turned in some way explains an array."""

    def explains(array: WrongArray) -> bool:
        expr = array.formula
        if expr is None or array.value.size > _MOST_ENTRIES:
            return False
        return any(
            array.is_with(other, expr, (*place, position))
            for place, node in each(expr, SLIDING)
            for position, arg in enumerate(node.args)
            for other in turn(array.of(arg))
        )

    return explains


def axes_exchanged(array: Array) -> Iterator[Array]:
    """Height and width, or channels and filters, in each other's place."""
    for one, other in ((-1, -2), (0, 1)):
        if array.ndim > 1 and array.shape[one] == array.shape[other]:
            yield array.swapaxes(one, other)


def upside_down(array: Array) -> Iterator[Array]:
    """A kernel turned by 180°."""
    yield array[..., ::-1, ::-1] if array.ndim > 1 else array[::-1]


def not_turned(array: Array) -> Iterator[Array]:
    """Channels in rows brought to columns, or the reverse, by a reshape alone, as round im2col."""
    for axis in range(max(array.ndim - 2, 0)):
        first = np.moveaxis(array, axis, 0)
        for rows in (len(first), first.size // len(first)):
            mixed = first.reshape(-1, rows) if rows == len(first) else first.reshape(rows, -1)
            yield np.moveaxis(mixed.T.reshape(first.shape), 0, axis)


def one_for_all(array: Array) -> Iterator[Array]:
    """One filter, or one channel, in the place of all: K[0] for K[f]."""
    for axis in range(max(array.ndim - 2, 0)):
        for k in (0, array.shape[axis] - 1):
            yield np.broadcast_to(np.take(array, [k], axis=axis), array.shape)


def one_filter(array: WrongArray) -> bool:
    """What comes back to a picture from one filter alone."""
    expr = array.formula
    if not (isinstance(expr, Op) and expr.name == "conv_transpose"):
        return False
    g, k = map(array.of, expr.args)
    back = partial(function_of(expr), **dict(expr.options))
    filters = range(len(g) if g.ndim > sliding(expr, g.shape).axes else 0)
    alone = (back(g[f : f + 1], k[f : f + 1]) for f in filters)
    return any(map(array.is_, alone))


def largest_of_windows(array: WrongArray) -> bool:
    """The largest product in each window for the sum of all."""
    return _by_windows(array, _largest)


def windows_not_turned(array: WrongArray) -> bool:
    """The windows brought into rows by a reshape, and not turned before it; or the filters."""
    ways = (_in_rows, _by_places, _channels_last, _filters_last)
    return any(_by_windows(array, one) for one in ways)


def from_one_place(array: WrongArray) -> bool:
    """The first entry of each window for all of it: a loop over a filter that uses no index."""
    return _by_windows(array, _first_of_each)


def _by_windows(array: WrongArray, made: Callable[[Array, Array], Array]) -> bool:
    """Whether something else made of the windows and the filters of a convolution explains it.

    The windows are those of each channel, at each place: channels × places × window.
    """
    expr = array.formula
    if expr is None or array.value.size > _MOST_ENTRIES:
        return False
    for place, node in each(expr, frozenset({"conv"})):
        x, k = map(array.of, node.args)
        how = sliding(node, x.shape)
        channels = with_channels(pad(x, how.padding, how.axes), how.axes)
        views = slid_over(channels, k.shape[-how.axes :], how.stride, how.dilation)
        filters = k.reshape(-1, len(views), *k.shape[-(views.ndim // 2) :])
        found = made(views, filters)
        if array.is_with(found if k.ndim > x.ndim else found[0], expr, place):
            return True
    return False


def _largest(views: Array, filters: Array) -> Array:
    axes = views.ndim // 2
    taken = (0, *range(axes + 1, 2 * axes + 1))
    spread = (slice(None), *(None,) * axes)
    return np.stack([np.max(views * one[spread], axis=taken) for one in filters])


def _in_rows(views: Array, filters: Array) -> Array:
    """Channels and the places of a window first, then all as rows of as many as a window has."""
    axes = views.ndim // 2
    return _rows_times(np.moveaxis(views, range(1, axes + 1), range(-axes, 0)), views, filters)


def _by_places(views: Array, filters: Array) -> Array:
    """The windows of one channel after those of another, all as rows of as many."""
    return _rows_times(views, views, filters)


def _channels_last(views: Array, filters: Array) -> Array:
    """The windows with the channels last, and the filters with them first."""
    return _rows_times(np.moveaxis(views, 0, -1), views, filters)


def _filters_last(views: Array, filters: Array) -> Array:
    """The filters with the channels last, and the windows with them first."""
    places = views.ndim // 2
    return _rows_times(np.moveaxis(views, 0, places), views, np.moveaxis(filters, 1, -1))


def _first_of_each(views: Array, filters: Array) -> Array:
    first = views.reshape(*views.shape[: views.ndim // 2 + 1], -1)[..., 0]
    totals = filters.reshape(*filters.shape[:2], -1).sum(axis=-1)
    return np.asarray(np.tensordot(totals, first, axes=1))


def _rows_times(made: Array, views: Array, filters: Array) -> Array:
    axes, count = views.ndim // 2, filters[0].size
    out = made.reshape(-1, count) @ filters.reshape(-1, count).T
    return np.asarray(out.T.reshape(-1, *views.shape[1 : axes + 1]))

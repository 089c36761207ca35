"""Arrays of a convolution or a pool to what loops, or indices, do wrong: turned, side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import permutations, product
from typing import Any, Final, TypeAlias

import numpy as np
from msgspec import Struct

from backprop_cli.algebra.expr import Expr, symbols
from backprop_cli.algebra.quantity import quantity, step_of
from backprop_cli.calculus.stable import applied
from backprop_cli.grading.sheets.typed_arrays import Array
from backprop_cli.grading.slips.plain_workings import Part, Test, Values, WrongArray
from backprop_cli.operations.convolutions import SLIDING
from backprop_cli.operations.pooling import pool_of
from backprop_cli.operations.sliding import Sliding, sliding
from backprop_cli.operations.window_values import pad, slid_over, with_channels

_MOST_ENTRIES: Final = 4_000
"""Larger pictures take too long for each of the ways in which they may be put together."""
_CONV: Final = frozenset({"conv"})
_PLANE: Final = 2


def by_turned(turn: Callable[[Array], Iterator[Array]]) -> Test:
    """Whether a convolution with one of its arrays turned in some way explains an array."""

    def explains(array: WrongArray) -> bool:
        return any(
            part.explains(other, position)
            for part in array.parts(SLIDING, _MOST_ENTRIES)
            for position, arg in enumerate(part.args)
            for other in turn(arg)
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


def backwards(array: Array) -> Iterator[Array]:
    """Channels, or filters, the last one first."""
    for axis in range(max(array.ndim - _PLANE, 0)):
        yield np.flip(array, axis)


def padded_otherwise(array: WrongArray) -> bool:
    """What is around a picture repeated from it, or all of the zeros on one side of it."""
    for part in array.parts(_CONV, _MOST_ENTRIES):
        (x, k), node = part.args, part.node
        how = sliding(node, x.shape)
        close = node.with_options(padding=0)
        others = _padded(x, how.padding, how.axes) if how.padding else ()
        if any(part.explains(applied(close, (other, k))) for other in others):
            return True
    return False


def _padded(x: Array, width: int, axes: int) -> Iterator[Array]:
    outside = [(0, 0)] * (x.ndim - axes)
    for both in ((0, 2 * width), (2 * width, 0)):
        yield np.pad(x, outside + [both] * axes)
    if min(x.shape[-axes:]) > width:
        modes: tuple[Any, ...] = ("edge", "reflect", "symmetric", "wrap")
        for mode in modes:
            yield np.pad(x, outside + [(width, width)] * axes, mode=mode)


def pooled_over_channels(array: WrongArray) -> bool:
    """Windows that take all channels, where each has its own: A[i:i + f, j:j + f, :].mean()."""
    for part in array.parts(frozenset({"mean_pool"})):
        value = array.of(part.node)
        if value.ndim > pool_of(part.node).axes:
            of_all = np.broadcast_to(value.mean(axis=0), value.shape)
            if part.explains(of_all):
                return True
    return False


# Windows put together otherwise (im2col) ----------------------------------------------------------

Choice: TypeAlias = "tuple[int, int]"
_RIGHT: Final[Choice] = (0, 1)


class _Windows(Struct, frozen=True):
    """A convolution: its picture, by channels and with what stands around it, and its filters."""

    part: Part
    how: Sliding
    picture: Array
    filters: Array
    is_one: bool

    @property
    def views(self) -> Array:
        """The windows of each channel, at each place: channels × places × window."""
        window = self.filters.shape[-self.how.axes :]
        return slid_over(self.picture, window, self.how.stride, self.how.dilation)

    def gathered(self, within: Choice, at: Choice, strides: Choice) -> Array | None:
        """What comes out where an axis takes another index; None where that is outside.

        `within` says which index of the filter goes along each axis, `at` which of the places.
        """
        grids = [*np.indices(self.views.shape[1:])]
        spot, entry = grids[:_PLANE], grids[_PLANE:]
        index = [
            self.how.dilation * entry[i] + step * spot[p]
            for i, p, step in zip(within, at, strides, strict=True)
        ]
        sizes = self.picture.shape[-_PLANE:]
        if any(one.max() >= size for one, size in zip(index, sizes, strict=True)):
            return None
        views = self.picture[:, index[0], index[1]]
        return np.asarray(np.einsum("fcij,cpqij->fpq", self.filters, views))

    def explains(self, out: Array | None) -> bool:
        """Whether the array is what this makes of the line, a picture a filter."""
        return out is not None and self.part.explains(out[0] if self.is_one else out)


def _windows(array: WrongArray) -> Iterator[_Windows]:
    for part in array.parts(_CONV, _MOST_ENTRIES):
        x, k = part.args
        how = sliding(part.node, x.shape)
        picture = with_channels(pad(x, how.padding, how.axes), how.axes)
        filters = k.reshape(-1, len(picture), *k.shape[-how.axes :])
        yield _Windows(part, how, picture, filters, k.ndim <= x.ndim)


def _in_a_plane(array: WrongArray) -> Iterator[_Windows]:
    return (one for one in _windows(array) if one.how.axes == _PLANE)


def stride_of_one_axis(array: WrongArray) -> bool:
    """Windows side by side along an axis, or both, where they should stand further apart."""
    return any(
        one.explains(one.gathered(_RIGHT, _RIGHT, strides))
        for one in _in_a_plane(array)
        for strides in ((1, 1), (one.how.stride, 1), (1, one.how.stride))
    )


def other_indices(array: WrongArray) -> bool:
    """The index of one axis along both: tile for repeat, i for j."""
    choices: tuple[Choice, ...] = (_RIGHT, (0, 0), (1, 1))
    return any(
        one.explains(one.gathered(within, at, (one.how.stride, one.how.stride)))
        for one in _in_a_plane(array)
        for within, at in product(choices, choices)
        if (within, at) != (_RIGHT, _RIGHT)
    )


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
    """Whether something else made of the windows and the filters of a convolution explains it."""
    return any(one.explains(made(one.views, one.filters)) for one in _windows(array))


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


# Pictures of a batch ------------------------------------------------------------------------------


def batch_not_turned(array: WrongArray) -> bool:
    """Pictures that were side by side, brought one behind the other by a reshape alone."""
    expr, found = array.formula, step_of(array.wrong.name)
    if expr is None or array.value.size > _MOST_ENTRIES or array.value.ndim <= 1:
        return False
    if found is not None and (family := _family(array, array.wrong.name)):
        own = family.index(array.wrong.name)
        formulas = [array.judge.key.first(name) for name in family]
        rights = [array.of(one) for one in formulas if one is not None]
        if len(rights) == len(family) and any(
            array.is_(mixed[own]) for mixed in _mixed(np.stack(rights))
        ):
            return True
    return any(_is_of(array, expr, names) for names in _families(array, expr))


def _families(array: WrongArray, expr: Expr) -> set[tuple[str, ...]]:
    found = {_family(array, name) for name in symbols(expr)}
    return {names for names in found if names}


def _is_of(array: WrongArray, expr: Expr, names: tuple[str, ...]) -> bool:
    """Whether a line gives the array with the pictures of some quantity mixed."""
    given = {name: array.numbers[name] for name in symbols(expr)}
    stacked = np.stack([array.numbers[name] for name in names])
    return any(
        array.is_(Values({**given, **dict(zip(names, mixed, strict=True))}).of(expr))
        for mixed in (_mixed(stacked) if stacked.size <= _MOST_ENTRIES else ())
    )


def _family(array: WrongArray, name: str) -> tuple[str, ...]:
    """The same of each picture, where there are several and it is one of many places."""
    numbered = step_of(name)
    shape = array.judge.key.truth[name].shape
    if numbered is None or len(shape) <= 1:
        return ()
    found = [f"{numbered[0]}_{k}" for k in range(1, _MOST_PICTURES + 1)]
    known = [one for one in found if one in array.judge.key.truth and quantity(one).part == ""]
    alike = all(array.judge.key.truth[one].shape == shape for one in known)
    return tuple(known) if alike and len(known) > 1 and name in known else ()


_MOST_PICTURES: Final = 64


def _mixed(stacked: Array) -> Iterator[Array]:
    """All numbers in the order of some axes, taken for those in the order of others.

    The places of a picture stay side by side.
    """
    whole = stacked.reshape(*stacked.shape[:-_PLANE], -1)
    axes = range(whole.ndim)
    turned = (whole.transpose(order) for order in permutations(axes))
    seen = {one.tobytes() for one in turned if one.shape == whole.shape}
    for order, taken in product(permutations(axes), permutations(axes)):
        sizes = [whole.shape[axis] for axis in taken]
        made = whole.transpose(order).reshape(sizes).transpose(np.argsort(taken))
        if (numbers := made.tobytes()) not in seen:
            seen.add(numbers)
            yield made.reshape(stacked.shape)

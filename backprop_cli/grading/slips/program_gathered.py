"""Arrays of a convolution to what windows that are put together by indices do wrong (im2col)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import permutations, product
from typing import Any, Final, TypeAlias

import numpy as np
from msgspec import Struct

from backprop_cli.algebra.expr import Expr, Op, Place, symbols
from backprop_cli.algebra.quantity import quantity, step_of
from backprop_cli.calculus.stable import function_of
from backprop_cli.grading.sheets.typed_arrays import Array
from backprop_cli.grading.slips.case import each
from backprop_cli.grading.slips.plain_workings import Values, WrongArray
from backprop_cli.operations.sliding import sliding
from backprop_cli.operations.window_values import pad, with_channels

_MOST_ENTRIES: Final = 4_000
"""Larger pictures take too long for each of the ways in which they may be put together."""
_PLANE: Final = 2
Choice: TypeAlias = "tuple[int, int]"
_RIGHT: Final[Choice] = (0, 1)


class _Windows(Struct, frozen=True):
    """A convolution over a plane: its picture with what stands around it, and its filters."""

    expr: Expr
    place: Place
    node: Op
    picture: Array
    filters: Array
    counts: tuple[int, int]
    stride: int
    dilation: int
    one: bool

    def gathered(self, within: Choice, at: Choice, strides: Choice) -> Array | None:
        """What comes out where an axis takes another index; None where that is outside.

        `within` says which index of the filter goes along each axis, `at` which of the places.
        """
        grids = [*np.indices((*self.counts, *self.filters.shape[-_PLANE:]))]
        spot, entry = grids[:_PLANE], grids[_PLANE:]
        index = [
            self.dilation * entry[i] + step * spot[p]
            for i, p, step in zip(within, at, strides, strict=True)
        ]
        sizes = self.picture.shape[-_PLANE:]
        if any(one.max() >= size for one, size in zip(index, sizes, strict=True)):
            return None
        views = self.picture[:, index[0], index[1]]
        out = np.einsum("fcij,cpqij->fpq", self.filters, views)
        return np.asarray(out[0] if self.one else out)


def _windows(array: WrongArray) -> Iterator[_Windows]:
    if array.formula is None or array.value.size > _MOST_ENTRIES:
        return
    for place, node in each(array.formula, frozenset({"conv"})):
        x, k = map(array.of, node.args)
        how = sliding(node, x.shape)
        if how.axes == _PLANE:
            picture = with_channels(pad(x, how.padding, how.axes), how.axes)
            filters = k.reshape(-1, len(picture), *k.shape[-_PLANE:])
            counts = function_of(node)(x, k, **dict(node.options)).shape[-_PLANE:]
            shape, one = (how.stride, how.dilation), k.ndim <= x.ndim
            yield _Windows(array.formula, place, node, picture, filters, counts, *shape, one)


def _explained(array: WrongArray, made: Iterator[tuple[_Windows, Array | None]]) -> bool:
    return any(out is not None and array.is_with(out, one.expr, one.place) for one, out in made)


def stride_of_one_axis(array: WrongArray) -> bool:
    """Windows side by side along an axis, or both, where they should stand further apart."""
    found = _windows(array)
    return _explained(array, ((one, out) for one in found for out in _close(one)))


def _close(one: _Windows) -> Iterator[Array | None]:
    for strides in ((1, 1), (one.stride, 1), (1, one.stride)):
        yield one.gathered(_RIGHT, _RIGHT, strides)


def other_indices(array: WrongArray) -> bool:
    """The index of one axis along both: tile for repeat, i for j."""
    found = _windows(array)
    return _explained(array, ((one, out) for one in found for out in _along_both(one)))


def _along_both(one: _Windows) -> Iterator[Array | None]:
    choices: tuple[Choice, ...] = (_RIGHT, (0, 0), (1, 1))
    for within, at in product(choices, choices):
        if (within, at) != (_RIGHT, _RIGHT):
            yield one.gathered(within, at, (one.stride, one.stride))


def padded_otherwise(array: WrongArray) -> bool:
    """What is around a picture repeated from it, or all of the zeros on one side of it."""
    if array.formula is None or array.value.size > _MOST_ENTRIES:
        return False
    for place, node in each(array.formula, frozenset({"conv"})):
        x, k = map(array.of, node.args)
        how = sliding(node, x.shape)
        slides = partial(function_of(node), **{**dict(node.options), "padding": 0})
        for other in _padded(x, how.padding, how.axes) if how.padding else ():
            if array.is_with(slides(other, k), array.formula, place):
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


def backwards(array: Array) -> Iterator[Array]:
    """Channels, or filters, the last one first."""
    for axis in range(max(array.ndim - _PLANE, 0)):
        yield np.flip(array, axis)


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

"""Arrays of a convolution to what its loops do wrong: overwritten, turned, cut off elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final

import numpy as np

from backprop_cli.algebra.expr import Op, Sym, put, symbols
from backprop_cli.calculus.stable import function_of
from backprop_cli.grading.judging.judge import Judge
from backprop_cli.grading.sheets.typed_arrays import Array
from backprop_cli.grading.slips.case import each
from backprop_cli.grading.slips.plain_workings import Numbers, Values, is_same
from backprop_cli.grading.slips.wrong_quantity import Wrong
from backprop_cli.operations.convolutions import SLIDING, Sliding, sliding

Test = Callable[[Judge, Wrong, Sequence[Array], Numbers], bool]
"""Whether a mistake explains an array."""


def windows_overwritten(judge: Judge, wrong: Wrong, _: Sequence[Array], numbers: Numbers) -> bool:
    """What comes back to where windows overlap, from one of them alone: the last, or the first."""
    expr = judge.key.first(wrong.name)
    if not (isinstance(expr, Op) and expr.name == "conv_transpose"):
        return False
    g, k = map(Values(numbers).of, expr.args)
    if g.size > _MOST_WINDOWS:
        return False
    axes = sliding(expr, g.shape).axes
    spots = [*np.ndindex(g.shape[g.ndim - axes :])]
    filters = [(...,)] if g.ndim == axes else [(...,), *np.ndindex(g.shape[: g.ndim - axes])]
    loops: list[list[Any]] = [[(..., *at) for at in spots]]
    loops.append([(*f, *at) for at in spots for f in filters[1:]])
    loops.append([(*f, *at) for f in filters[1:] for at in spots])
    return any(
        is_same(wrong.written.value, _one_over_another(expr, g, k, order), wrong.written.unit)
        for loop in loops
        for order in (loop, loop[::-1])
        if loop
    )


def cut_elsewhere(judge: Judge, wrong: Wrong, _: Sequence[Array], numbers: Numbers) -> bool:
    """What comes back to a padded picture, and another part of it than the picture."""
    expr = judge.key.first(wrong.name)
    if not (isinstance(expr, Op) and expr.name == "conv_transpose" and expr.option("padding")):
        return False
    g, k = map(Values(numbers).of, expr.args)
    value, how = wrong.written.value, sliding(expr, g.shape)
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
        if set(starts) != {padding} and is_same(value, whole[part], wrong.written.unit):
            return True
    return False


def _one_over_another(node: Op, g: Array, k: Array, spots: Sequence[Any]) -> Array:
    """Each window's share put in the place of what was there."""
    back = partial(function_of(node), **dict(node.options))
    whole = np.zeros_like(back(g, k))
    for spot in spots:
        alone, where = np.zeros_like(g), np.zeros_like(g)
        alone[spot], where[spot] = g[spot], 1
        there = back(where, np.ones_like(k)) != 0
        whole[there] = back(alone, k)[there]
    return whole


_MOST_WINDOWS: Final = 1_000
"""Of more windows it takes too long to put each over the others."""
_MOST_ENTRIES: Final = 4_000
"""Larger pictures take too long for each of the ways in which they may be turned."""


def by_turned(turn: Callable[[Array], Iterator[Array]]) -> Test:
    """Whether a convolution with one of its arrays turned in some way explains an array."""

    def explains(judge: Judge, wrong: Wrong, _: Sequence[Array], numbers: Numbers) -> bool:
        expr = judge.key.first(wrong.name)
        if expr is None or wrong.written.value.size > _MOST_ENTRIES:
            return False
        for place, node in each(expr, SLIDING):
            given = {name: numbers[name] for name in symbols(expr)}
            for position, arg in enumerate(node.args):
                for other in turn(Values(numbers).of(arg)):
                    changed = put(expr, (*place, position), Sym("?"))
                    found = Values({**given, "?": other}).of(changed)
                    if is_same(wrong.written.value, found, wrong.written.unit):
                        return True
        return False

    return explains


def axes_exchanged(array: Array) -> Iterator[Array]:
    """Height and width, or channels and filters, in each other's place."""
    for one, other in ((-1, -2), (0, 1)):
        if array.ndim > 1 and array.shape[one] == array.shape[other]:
            yield array.swapaxes(one, other)


def upside_down(array: Array) -> Iterator[Array]:
    """A kernel turned by 180°."""
    yield array[..., ::-1, ::-1] if array.ndim > 1 else array[::-1]


def one_for_all(array: Array) -> Iterator[Array]:
    """One filter, or one channel, in the place of all: K[0] for K[f]."""
    for axis in range(max(array.ndim - 2, 0)):
        for k in (0, array.shape[axis] - 1):
            yield np.broadcast_to(np.take(array, [k], axis=axis), array.shape)


def one_filter(judge: Judge, wrong: Wrong, _: Sequence[Array], numbers: Numbers) -> bool:
    """What comes back to a picture from one filter alone."""
    expr = judge.key.first(wrong.name)
    if not (isinstance(expr, Op) and expr.name == "conv_transpose"):
        return False
    g, k = map(Values(numbers).of, expr.args)
    back = partial(function_of(expr), **dict(expr.options))
    filters = range(len(g) if g.ndim > sliding(expr, g.shape).axes else 0)
    alone = (back(g[f : f + 1], k[f : f + 1]) for f in filters)
    return any(is_same(wrong.written.value, one, wrong.written.unit) for one in alone)


def largest_of_windows(judge: Judge, wrong: Wrong, _: Sequence[Array], numbers: Numbers) -> bool:
    """The largest product in each window for the sum of all."""
    expr = judge.key.first(wrong.name)
    if expr is None:
        return False
    for place, node in each(expr, frozenset({"conv"})):
        if node.option("padding") or wrong.written.value.size > _MOST_ENTRIES:
            continue
        x, k = map(Values(numbers).of, node.args)
        found = _largest(x, k, sliding(node, x.shape))
        given = {name: numbers[name] for name in symbols(expr)}
        changed = Values({**given, "?": found}).of(put(expr, place, Sym("?")))
        if is_same(wrong.written.value, changed, wrong.written.unit):
            return True
    return False


def _largest(x: Array, k: Array, how: Sliding) -> Array:
    axes = how.axes
    channels = x.reshape(-1, *x.shape[-axes:])
    filters = k.reshape(-1, len(channels), *k.shape[-axes:])
    last = tuple(range(1, axes + 1))
    views = np.lib.stride_tricks.sliding_window_view(channels, k.shape[-axes:], last)
    views = views[(slice(None), *(slice(None, None, how.stride),) * axes)]
    taken = (0, *range(axes + 1, 2 * axes + 1))
    spread = (slice(None), *(None,) * axes)
    products = [np.max(views * one[spread], axis=taken) for one in filters]
    return np.stack(products) if k.ndim > x.ndim else products[0]

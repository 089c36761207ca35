"""What comes back to a picture, or a kernel, by windows, to what a loop over them does wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
from msgspec import Struct

from backprop_cli.algebra.expr import Op, addends
from backprop_cli.calculus.stable import applied
from backprop_cli.grading.sheets.typed_arrays import Array
from backprop_cli.grading.slips.plain_workings import Part, WrongArray
from backprop_cli.operations.pooling import pool_of
from backprop_cli.operations.sliding import axes_of, sliding
from backprop_cli.operations.window_values import pad

_MOST_WINDOWS: Final = 1_000
"""Of more windows it takes too long to put each over the others."""
_BACK: Final = frozenset({"conv_transpose", "to_windows", "to_winners"})


class _Back(Struct, frozen=True):
    """What comes back to a picture: one gradient a window, and what each is multiplied by."""

    part: Part
    g: Array
    others: list[Array]
    axes: int
    stride: int

    @property
    def node(self) -> Op:
        return self.part.node

    def picture(self, g: Array) -> Array:
        """What these gradients of windows give."""
        return applied(self.node, (g, *self.others))


def _ways_back(array: WrongArray) -> Iterator[_Back]:
    for part in array.parts(_BACK):
        g, *others = part.args
        if g.size <= _MOST_WINDOWS:
            yield _Back(part, g, others, *_steps(part.node, g.shape))


def _steps(node: Op, shape: tuple[int, ...]) -> tuple[int, int]:
    """Along how many axes the windows stand, and how far apart."""
    if node.name != "conv_transpose":
        return pool_of(node).axes, pool_of(node).stride
    return sliding(node, shape).axes, sliding(node, shape).stride


def windows_overwritten(array: WrongArray) -> bool:
    """What comes back to where windows overlap, from one of them alone: the last, or the first."""
    return any(
        back.part.explains(_one_over_another(back, order, reached))
        for back in _ways_back(array)
        for loop in _loops(back)
        for order in (loop, loop[::-1])
        for reached in _reached(back)
        if loop
    )


def _loops(back: _Back) -> Iterator[list[Any]]:
    before = back.g.shape[: back.g.ndim - back.axes]
    spots = [*np.ndindex(back.g.shape[back.g.ndim - back.axes :])]
    filters = [*np.ndindex(before)] if before else []
    yield [(..., *at) for at in spots]
    yield [(*f, *at) for at in spots for f in filters]
    yield [(*f, *at) for f in filters for at in spots]


Reached: TypeAlias = "Callable[[Array], Array]"


def _reached(back: _Back) -> Iterator[Reached]:
    """What a loop sets of a picture for one window: all of it, or its largest entry alone."""
    if back.node.name == "to_winners":
        options = back.node.with_options(at_tie=None).options
        yield lambda where: applied(Op("to_windows", back.node.args[:1], options), (where,))
        yield back.picture
    else:
        yield lambda where: applied(back.node, (where, *map(np.ones_like, back.others)))


def _one_over_another(back: _Back, spots: Sequence[Any], reached: Reached) -> Array:
    """Each window's share put in the place of what was there."""
    whole = np.zeros_like(back.picture(back.g))
    for spot in spots:
        alone, where = np.zeros_like(back.g), np.zeros_like(back.g)
        alone[spot], where[spot] = back.g[spot], 1
        there = reached(where) != 0
        whole[there] = back.picture(alone)[there]
    return whole


def some_windows(array: WrongArray) -> bool:
    """What comes back from the first window, or row of windows, alone, or from the last."""
    return any(
        back.part.explains(back.picture(np.where(kept, back.g, 0)))
        for back in _ways_back(array)
        for kept in _ends(back)
    )


def _ends(back: _Back) -> Iterator[Array]:
    """The first row of windows, as where a loop returns too early; the last one; one window."""
    for count in range(1, back.axes + 1):
        for end in (0, -1):
            kept = np.zeros(back.g.shape, dtype=bool)
            where: tuple[Any, ...] = (*(end,) * count, *(slice(None),) * (back.axes - count))
            kept[(..., *where)] = True
            yield kept


def one_entry_each(array: WrongArray) -> bool:
    """What belongs to all of a window, put where it begins; as it is, or so much of it."""
    for back in _ways_back(array):
        picture = np.zeros_like(back.picture(back.g))
        if back.node.name != "to_windows":
            continue
        corners: Any = (..., *(slice(None, None, back.stride),) * back.axes)
        picture[corners][tuple(map(slice, back.g.shape))] = back.g
        if back.part.explains(picture) or array.is_(picture):
            return True
    return False


def side_by_side(array: WrongArray) -> bool:
    """What comes back from windows, or entries of them, each one place behind the one before."""
    return any(
        back.part.explains(_close_together(back, left_out))
        for back in _ways_back(array)
        for left_out in ("stride", "dilation")
        if back.node.name == "conv_transpose" and back.node.option(left_out, 1) != 1
    )


def _close_together(back: _Back, left_out: str) -> Array:
    """The picture as it comes back without the stride, or the dilation, in zeros behind it."""
    right, how = back.picture(back.g), sliding(back.node, back.g.shape)
    close = back.node.with_options(**{left_out: 1, "padding": 0})
    near = applied(close, (back.g, *back.others))
    sizes = [size + 2 * how.padding for size in right.shape[right.ndim - how.axes :]]
    wide = np.zeros((*right.shape[: right.ndim - how.axes], *sizes))
    there: Any = (..., *map(slice, near.shape[near.ndim - how.axes :]))
    wide[there] = near
    inside: Any = (..., *(slice(how.padding, size - how.padding) for size in sizes))
    return np.asarray(wide[inside])


def cut_elsewhere(array: WrongArray) -> bool:
    """What comes back to a padded picture, and another part of it than the picture."""
    expr = array.formula
    if not (isinstance(expr, Op) and expr.name == "conv_transpose" and expr.option("padding")):
        return False
    g, k = map(array.of, expr.args)
    value, how = array.value, sliding(expr, g.shape)
    axes, padding = how.axes, how.padding
    whole = applied(expr.with_options(padding=0), (g, k))
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


def one_filter(array: WrongArray) -> bool:
    """What comes back to a picture from one filter alone."""
    expr = array.formula
    if not (isinstance(expr, Op) and expr.name == "conv_transpose"):
        return False
    g, k = map(array.of, expr.args)
    filters = range(len(g) if g.ndim > sliding(expr, g.shape).axes else 0)
    alone = (applied(expr, (g[f : f + 1], k[f : f + 1])) for f in filters)
    return any(map(array.is_, alone))


# Kernels ------------------------------------------------------------------------------------------

_OF_PLACES: Final = frozenset({"conv_kernel", "channel_sums"})


def last_place_alone(array: WrongArray) -> bool:
    """What the last place of the last picture gives, or the first of the first: dW[...] = window·δ.

    One picture has one term; of several each place of one is set over that of another.
    """
    terms = list(_of_pictures(array))
    for term, end in ((terms[-1], -1), (terms[0], 0)) if terms else ():
        *others, g = map(array.of, term.args)
        axes = axes_of(term, others[0].shape) if others else g.ndim - 1
        kept: Any = (..., *(end,) * axes)
        alone = np.zeros_like(g)
        alone[kept] = g[kept]
        if array.is_(applied(term, (*others, alone))):
            return True
    return False


def windows_side_by_side(array: WrongArray) -> bool:
    """Windows of the input each one place behind the one before, whatever the stride."""
    terms = list(_of_pictures(array))
    if not terms or any(one.option("stride", 1) == 1 for one in terms):
        return False
    return array.is_(np.sum([_places_close_together(array, one) for one in terms], axis=0))


def _places_close_together(array: WrongArray, node: Op) -> Array:
    x, g = map(array.of, node.args)
    how = sliding(node, x.shape)
    reached = [
        size + own - 1
        for size, own in zip(g.shape[-how.axes :], array.value.shape[-how.axes :], strict=True)
    ]
    seen: Any = (..., *map(slice, reached))
    close = node.with_options(stride=1, padding=0)
    return applied(close, (pad(x, how.padding, how.axes)[seen], g))


def _of_pictures(array: WrongArray) -> Iterator[Op]:
    """The terms of the gradient, one a picture; none where it is made of anything else."""
    terms = [] if array.formula is None else list(addends(array.formula))
    if all(isinstance(one, Op) and one.name in _OF_PLACES for one in terms):
        yield from (one for one in terms if isinstance(one, Op))

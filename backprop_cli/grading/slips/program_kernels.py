"""The gradient of a kernel, or of its bias, to what loops over pictures and places do wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from backprop_cli.algebra.expr import Op, addends
from backprop_cli.calculus.stable import function_of
from backprop_cli.grading.sheets.typed_arrays import Array
from backprop_cli.grading.slips.case import each
from backprop_cli.grading.slips.plain_workings import WrongArray
from backprop_cli.operations.pooling import pool_of
from backprop_cli.operations.sliding import axes_of, sliding
from backprop_cli.operations.window_values import pad

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
        if array.is_(function_of(term)(*others, alone, **dict(term.options))):
            return True
    return False


def windows_side_by_side(array: WrongArray) -> bool:
    """Windows of the input each one place behind the one before, whatever the stride."""
    terms = list(_of_pictures(array))
    if not terms or any(one.option("stride", 1) == 1 for one in terms):
        return False
    return array.is_(np.sum([_close_together(array, one) for one in terms], axis=0))


def _close_together(array: WrongArray, node: Op) -> Array:
    x, g = map(array.of, node.args)
    options = {**dict(node.options), "stride": 1, "padding": 0}
    how = sliding(node, x.shape)
    reached = [
        size + own - 1
        for size, own in zip(g.shape[-how.axes :], array.value.shape[-how.axes :], strict=True)
    ]
    seen: Any = (..., *map(slice, reached))
    return np.asarray(function_of(node)(pad(x, how.padding, how.axes)[seen], g, **options))


def _of_pictures(array: WrongArray) -> Iterator[Op]:
    """The terms of the gradient, one a picture; none where it is made of anything else."""
    terms = [] if array.formula is None else list(addends(array.formula))
    if all(isinstance(one, Op) and one.name in _OF_PLACES for one in terms):
        yield from (one for one in terms if isinstance(one, Op))


def pooled_over_channels(array: WrongArray) -> bool:
    """Windows that take all channels, where each has its own: A[i:i + f, j:j + f, :].mean()."""
    expr = array.formula
    if expr is None:
        return False
    for place, node in each(expr, frozenset({"mean_pool"})):
        value = array.of(node)
        if value.ndim > pool_of(node).axes:
            of_all = np.broadcast_to(value.mean(axis=0), value.shape)
            if array.is_with(of_all, expr, place):
                return True
    return False

"""Slips of what slides a window: the right convolution or pooling to what is computed instead."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, product

from backprop_cli.algebra.expr import Expr, Op, Place, num, op, places, put
from backprop_cli.grading.slips import slopes
from backprop_cli.grading.slips.case import Case, each
from backprop_cli.operations.convolutions import AXES
from backprop_cli.operations.pooling import pool_of

CONVOLUTIONS = frozenset({"conv", "conv_input"})
KERNEL = frozenset({"conv_kernel"})
_WINNERS = frozenset({"to_winners"})
_MOST_POSITIONS = 36  # of a window, each of which might be the only one


def kernel_flipped(case: Case) -> Iterator[Expr]:
    """The kernel as it is where it belongs turned, or turned where it does not."""
    for place, node in each(case.expr, CONVOLUTIONS):
        a, k = node.args
        yield put(case.expr, place, Op(node.name, (a, _turned(k, node, case)), node.options))
    for place, node in each(case.expr, KERNEL):
        above = _above(case.expr, place)
        if above is not None and above.name == "rot":
            yield put(case.expr, place[:-1], node)
        else:
            yield put(case.expr, place, _turned(node, node, case))


def _above(expr: Expr, place: Place) -> Op | None:
    """The operation that a part is an argument of."""
    above = (one for at, one in places(expr) if place and at == place[:-1])
    return next((one for one in above if isinstance(one, Op)), None)


def _turned(k: Expr, node: Op, case: Case) -> Expr:
    """The other way round than it is."""
    if isinstance(k, Op) and k.name == "rot":
        return k.args[0]
    axes = _axes(node, case)
    return op("rot", k, axes=None if axes == AXES else axes)


def _axes(node: Op, case: Case) -> int:
    shape = case.shape(node.args[0]) or (1,)
    usual = min(AXES, len(shape)) if node.name == "conv" else AXES
    return int(str(node.option("axes") or usual))


def one_position_only(case: Case) -> Iterator[Expr]:
    """What comes from a single place of the window, where all of them add up."""
    for place, node in each(case.expr, KERNEL | {"conv_input"}):
        which = 1 if node.name == "conv_kernel" else 0
        g = node.args[which]
        for one in islice(_alone(g, node, case), _MOST_POSITIONS):
            args = (*node.args[:which], one, *node.args[which + 1 :])
            yield put(case.expr, place, Op(node.name, args, node.options))
    if case.by in case.model.trained:
        yield from _of_channels(case)


def _alone(g: Expr, node: Op, case: Case) -> Iterator[Expr]:
    """The gradient with a single place of the window left in it, in every channel."""
    shape = case.shape(g) or ()
    axes = _axes(node, case)
    before = len(shape) - axes
    for at in product(*(range(int(size)) for size in shape[before:])):
        index = (*(None,) * before, *at)
        yield op("place", op("at", g, index=index), index=index, shape=shape)


def _of_channels(case: Case) -> Iterator[Expr]:
    """The bias: one place of each channel, and not their sum."""
    for place, node in each(case.expr, frozenset({"channel_sums"})):
        shape = case.shape(node.args[0]) or ()
        places = product(*(range(int(size)) for size in shape[1:]))
        for at in islice(places, _MOST_POSITIONS):
            yield put(case.expr, place, op("at", node.args[0], index=(None, *at)))


def gradient_to_all(case: Case) -> Iterator[Expr]:
    """The gradient of the largest given to all entries of the window, whole or in equal shares."""
    for place, node in each(case.expr, _WINNERS):
        how = pool_of(node)
        every = op("to_windows", node.args[0], **how.options)
        yield put(case.expr, place, every)
        yield put(case.expr, place, op("div", every, num(how.size**how.axes)))
    yield from slopes.gradient_to_all(case)

"""A picture turned, with zeros around or between, and with a number for each channel."""

from __future__ import annotations

import operator
from functools import partial

import numpy as np

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Op, op
from backprop_cli.algebra.shapes import Shape, ShapeError, all_known, combined, described
from backprop_cli.operations import window_values as values
from backprop_cli.operations.record import (
    Entries,
    Entry,
    Index,
    Notation,
    Operation,
    Rules,
    Shares,
    UnknownPlaceError,
)
from backprop_cli.operations.sliding import AXES, split, within
from backprop_cli.operations.structure import sizes


def _axes_option(node: Op) -> int:
    return int(str(node.option("axes", AXES)))


def _places_of(shape: Shape, node: Op) -> tuple[Shape, Shape]:
    """What stands before the places, and the places; ShapeError where there are too few."""
    before, places = split(shape, _axes_option(node))
    if len(places) < _axes_option(node):
        raise ShapeError(f"{node.name} takes a picture, and this is {described(shape)}")
    return before, places


def _axis_kept(node: Op) -> int | None:
    return None if _axes_option(node) == AXES else _axes_option(node)


def _widths(node: Op) -> tuple[int, ...]:
    width = node.option("width")
    each = width if isinstance(width, tuple) else (width,) * _axes_option(node)
    return tuple(int(str(one)) for one in each)


def _pad_shape(shapes: tuple[Shape, ...], node: Op) -> Shape:
    before, places = _places_of(shapes[0], node)
    pairs = zip(places, _widths(node), strict=True)
    return before + tuple(combined((1, n), more=2 * width) for n, width in pairs)


def _pad(g: Expr, _: Expr, node: Op, __: Rules) -> Shares:
    less = tuple(-width for width in _widths(node))
    same = less[0] if len(set(less)) == 1 else less
    return (op("zero_padded", g, width=same, axes=_axis_kept(node)),)


def _pad_entry(around: Expr) -> Entry:
    """An entry of what has the same number all around it."""

    def entry(node: Op, index: Index, write: Entries) -> Expr:
        axes, widths = _axes_option(node), _widths(node)
        before, at = split(index, axes)
        inner = tuple(place - width for place, width in zip(at, widths, strict=True))
        if max(widths) > 0:
            if not all_known(inner):
                raise UnknownPlaceError
            room = write.shape(node.args[0])[len(before) :]
            if not within(tuple(map(operator.index, inner)), room):
                return around
        return write.at(node.args[0], (*before, *inner))

    return entry


def _spaced_shape(shapes: tuple[Shape, ...], node: Op) -> Shape:
    before, places = _places_of(shapes[0], node)
    if not all_known(places):
        raise ShapeError(f"{node.name} needs sizes that are numbers")
    return before + tuple((int(n) - 1) * node.whole("step") + 1 for n in places)


def _each_step(g: Expr, node: Op, rank: int) -> Expr:
    """What stands at every step, without what is between."""
    kept = op("window_entries", g, size=1, stride=node.whole("step"), axes=_axis_kept(node))
    return op("at", kept, index=(*(None,) * rank, 0))


def _put_apart(node: Op, _: Rules) -> Expr:
    entries = op("expand", node.args[0], axis=-1)
    return op("window_sums", entries, size=1, stride=node.whole("step"), axes=_axis_kept(node))


def _rot_shape(shapes: tuple[Shape, ...], node: Op) -> Shape:
    if len(shapes[0]) < _rot_axes(node, shapes[0]) or not shapes[0]:
        raise ShapeError(f"rot turns a vector or a matrix, and this is {described(shapes[0])}")
    return shapes[0]


def _rot_axes(node: Op, shape: Shape) -> int:
    return int(str(node.option("axes") or min(AXES, len(shape))))


def _rot_entry(node: Op, index: Index, write: Entries) -> Expr:
    shape = write.shape(node.args[0])
    axes = _rot_axes(node, shape)
    before, at = split(index, axes)
    turned = [int(n) - 1 - i for n, i in zip(shape[len(before) :], at, strict=True)]
    return write.at(node.args[0], (*before, *turned))


def _channel_sums(node: Op, rules: Rules) -> Expr:
    found: Expr = node.args[0]
    for _ in range(len(rules.shape(found)) - 1):
        found = op("sum", found, axis=-1)
    return found


def _per_channel_shape(shapes: tuple[Shape, ...], node: Op) -> Shape:
    shape = sizes(node)
    if len(shapes[0]) != 1 or shapes[0] != shape[:1]:
        raise ShapeError(
            f"{described(shapes[0])} has not one number for each of {shape[0]} channels"
        )
    return shape


TURNING = (
    Operation(
        "rot",
        "turned by 180°",
        Notation("function", "rot", r"\operatorname{rot}"),
        _rot_shape,
        values.rot,
        pullback=lambda g, r, node, rules: (op("rot", g, axes=node.option("axes")),),
        entry=_rot_entry,
        options={"axes": None},
        moves=True,
    ),
    Operation(
        "zero_padded",
        "zeros around",
        Notation("special", "pad"),
        _pad_shape,
        values.pad,
        pullback=_pad,
        entry=_pad_entry(build.ZERO),
        options={"width": ..., "axes": AXES},
        public=False,
        moves=True,
    ),
    Operation(
        "low_padded",
        "−∞ around, which is never the largest",
        Notation("special", "pad"),
        _pad_shape,
        partial(values.pad, fill=-np.inf),
        pullback=_pad,
        entry=_pad_entry(build.LOWEST),
        options={"width": ..., "axes": AXES},
        public=False,
        moves=True,
    ),
    Operation(
        build.LOWEST.name,
        "less than any number",
        Notation("special", "−∞", r"-\infty"),
        lambda _, __: (),
        lambda: np.asarray(-np.inf),
        arity=0,
        pullback=lambda g, r, node, rules: (),
        public=False,
        rises=True,
        exact=True,
    ),
    Operation(
        "zeros_between",
        "zeros in between",
        Notation("special", "spaced"),
        _spaced_shape,
        values.spaced,
        pullback=lambda g, r, node, rules: (_each_step(g, node, len(rules.shape(node.args[0]))),),
        definition=_put_apart,
        options={"step": ..., "axes": AXES},
        public=False,
        moves=True,
    ),
    Operation(
        "per_channel",
        "a number for each channel, at every place",
        Notation("special", "per channel"),
        _per_channel_shape,
        lambda b, shape=(): np.broadcast_to(b.reshape(-1, *(1,) * (len(shape) - 1)), shape),
        pullback=lambda g, r, node, rules: (op("channel_sums", g),),
        entry=lambda node, index, write: write.at(node.args[0], index[:1]),
        options={"shape": ...},
        public=False,
        moves=True,
    ),
    Operation(
        "channel_sums",
        "the sum of each channel",
        Notation("special", "Σ"),
        lambda shapes, _: shapes[0][:1],
        pullback=lambda g, r, node, rules: (op("per_channel", g, shape=rules.shape(node.args[0])),),
        definition=_channel_sums,
        public=False,
        adds=True,
    ),
)

"""Convolutions: how a kernel slides over a picture, and what comes back to both.

The last one or two axes of an array are places (`axes`; a vector has one); one before them is of
channels, in a kernel of channels or filters, and one before that in a kernel is of filters. The
three convolutions are the three sides of Σ g · conv(x, k), so that each pulls back to the others:
what comes back to the picture is the transposed convolution, which a file may use, too.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Op, op
from backprop_cli.algebra.shapes import Shape, ShapeError, Size, all_known, combined, described
from backprop_cli.operations import window_values as values
from backprop_cli.operations.record import (
    Along,
    Array,
    Entries,
    Index,
    Notation,
    Operation,
    Position,
    Rules,
    ShapeRule,
    Shares,
)
from backprop_cli.operations.sliding import AXES, Sliding, count, in_numbers, sliding, split, within

_SLIDING = {"stride": 1, "padding": 0, "dilation": 1, "axes": None}
_BACK = {**_SLIDING, "axes": AXES}


# Shapes of convolutions ---------------------------------------------------------------------------


def _conv_shape(shapes: tuple[Shape, ...], node: Op) -> Shape:
    x, k = shapes
    how = sliding(node, x)
    (channels, places), (own, window) = split(x, how.axes), split(k, how.axes)
    if len(places) < how.axes or len(channels) > 1 or len(window) < how.axes:
        raise ShapeError(_unfit(x, k, how), _fitting(how))
    if len(own) not in ((1, 2) if channels else (0, 1)):
        raise ShapeError(_unfit(x, k, how), _fitting(how))
    if channels and own[-1] != channels[0]:
        raise ShapeError(
            f"{described(x)} has {channels[0]} channels, and the kernel is for {own[-1]}",
            f"a matrix for each of the {channels[0]} channels" if how.axes == AXES else None,
        )
    filters = own[: len(own) - len(channels)]
    return filters + _counts(places, window, how)


def _counts(places: Shape, window: Shape, how: Sliding) -> Shape:
    pairs = zip(places, window, strict=True)
    return tuple(count(n, k, how, "a kernel") for n, k in pairs)


def _unfit(x: Shape, k: Shape, how: Sliding) -> str:
    return f"a kernel that is {described(k)} does not slide over {described(x)}" + (
        " along 1 axis" if how.axes == 1 and len(x) > 1 else ""
    )


def _fitting(how: Sliding) -> str:
    one = "a vector" if how.axes == 1 else "a matrix"
    return (
        f"{one}; a list of these, one a channel of x or one a filter; a list of such, one a filter"
    )


def _input_shape(shapes: tuple[Shape, ...], node: Op) -> Shape:
    g, k = shapes
    how = sliding(node, g)
    (filters, places), (own, window) = split(g, how.axes), split(k, how.axes)
    if len(places) < how.axes or len(filters) > 1 or len(window) < how.axes:
        raise ShapeError(_unfit(g, k, how), _putting(how))
    if len(own) not in ((1, 2) if filters else (0, 1)):
        raise ShapeError(_unfit(g, k, how), _putting(how))
    if filters and own[0] != filters[0]:
        raise ShapeError(
            f"{described(g)} has {filters[0]} channels, and here are kernels for {own[0]}",
            f"a kernel, or a list of them, for each of the {filters[0]} channels",
        )
    pairs = _along_each_axis(places, window)
    found = tuple(_before(o, n, how) for o, n in pairs)
    if any(isinstance(size, int) and size < 1 for size in found):
        raise ShapeError(
            f"a padding of {how.padding} takes off all that {node.name} gives", "a smaller padding"
        )
    return own[len(filters) :] + found


def _putting(how: Sliding) -> str:
    one = "a vector" if how.axes == 1 else "a matrix"
    more = "a list of these, one a channel of what comes out; of x with channels, a list for each"
    return f"{one}; {more}"


def _along_each_axis(some: Shape, others: Shape) -> list[tuple[Size, Size]]:
    """The sizes of two along the axes that a window slides over."""
    if len(some) != len(others):
        raise ShapeError(f"{described(some)} and {described(others)} are not over the same axes")
    return list(zip(some, others, strict=True))


def _before(places: Size, window: Size, how: Sliding) -> Size:
    """The size that so many places of a window come from; the other way round the window."""
    if how.stride == 1:
        return combined((1, places), (1, how.reach(window)), more=-1 - 2 * how.padding)
    return (in_numbers(places) - 1) * how.stride + in_numbers(how.reach(window)) - 2 * how.padding


def _kernel_shape(shapes: tuple[Shape, ...], node: Op) -> Shape:
    x, g = shapes
    how = sliding(node)
    (channels, places), (filters, counts) = split(x, how.axes), split(g, how.axes)
    window = tuple(_window(n, o, how) for n, o in _along_each_axis(places, counts))
    if max(len(channels), len(filters)) > 1 or any(n < 1 for n in window if isinstance(n, int)):
        raise ShapeError(f"no kernel leads from {described(x)} to {described(g)}")
    return filters + channels + window


def _window(size: Size, places: Size, how: Sliding) -> Size:
    if how.stride == 1:
        reach = combined((1, size), (-1, places), more=1 + 2 * how.padding)
    else:
        reach = in_numbers(size) + 2 * how.padding - (in_numbers(places) - 1) * how.stride
    return reach if how.dilation == 1 else (in_numbers(reach) - 1) // how.dilation + 1


# Pull-backs of convolutions -----------------------------------------------------------------------


def _conv(g: Expr, _: Expr, node: Op, rules: Rules) -> Shares:
    x, k = node.args
    options = sliding(node, rules.shape(x)).options
    return op("conv_transpose", g, k, **options), op("conv_kernel", x, g, **options)


def _own(node: Op) -> dict[str, int | None]:
    return sliding(node).options


def _conv_transpose(u: Expr, _: Expr, node: Op, rules: Rules) -> Shares:
    g, k = node.args
    options = sliding(node, rules.shape(g)).options
    return op("conv", u, k, **options), op("conv_kernel", u, g, **options)


def _conv_kernel(u: Expr, _: Expr, node: Op, __: Rules) -> Shares:
    x, g = node.args
    return op("conv_transpose", g, u, **_own(node)), _forward(x, u, node)


def _forward(x: Expr, k: Expr, node: Op) -> Expr:
    return op("conv", x, k, **_own(node))


# Entries of convolutions --------------------------------------------------------------------------


def _last_axes(expr: Expr, write: Entries, axes: int) -> list[Along]:
    """The last axes of an expression, for a sum along each."""
    rank = len(write.shape(expr))
    return [((expr, axis),) for axis in range(rank - axes, rank)]


def _conv_entry(node: Op, index: Index, write: Entries) -> Expr:
    """Σ over channels and offsets of K with the window that begins at the place."""
    x, k = node.args
    shape = write.shape(x)
    how = sliding(node, shape)
    channels = len(shape) - how.axes
    filters, at = split(index, how.axes)
    along: list[Along] = [((k, len(filters)), (x, 0))] if channels else []

    def term(chosen: Index) -> Expr:
        weight = write.at(k, (*filters, *chosen))
        places = _begun(at, chosen[channels:], how)
        return _times(weight, x, chosen[:channels], places, _Reach(node, write, how))

    return write.total(node, along + _last_axes(k, write, how.axes), term)


def _kernel_entry(node: Op, index: Index, write: Entries) -> Expr:
    """Σ over places of g with what the offset meets there."""
    x, g = node.args
    how = sliding(node)
    before, offsets = split(index, how.axes)
    filters = before[: len(write.shape(g)) - how.axes]
    channels = before[len(filters) :]

    def term(chosen: Index) -> Expr:
        weight = write.at(g, (*filters, *chosen))
        places = _begun(chosen, offsets, how)
        return _times(weight, x, channels, places, _Reach(node, write, how))

    return write.total(node, _last_axes(g, write, how.axes), term)


def _input_entry(node: Op, index: Index, write: Entries) -> Expr:
    """Σ over filters and places of g whose window the place is in, with the offset it has there."""
    g, k = node.args
    how = sliding(node, write.shape(g))
    filtered = len(write.shape(g)) - how.axes
    channels, at = split(index, how.axes)
    along: list[Along] = [((g, 0), (k, 0))] if filtered else []

    def term(chosen: Index) -> Expr:
        filters, places = chosen[:filtered], chosen[filtered:]
        weight = write.at(g, chosen)
        if all_known(at) and all_known(places):
            first = _begun(places, (0,) * how.axes, how)
            apart = [int(i - j) for i, j in zip(at, first, strict=True)]
            if any(a % how.dilation for a in apart):
                return build.ZERO
            offsets: list[Position] = [a // how.dilation for a in apart]
            return _times(weight, k, (*filters, *channels), offsets, _Reach(node, write, how))

        def each(chosen_offsets: Index) -> Expr:
            ends = _begun(places, chosen_offsets, how)
            factor = build.scalar_mul(weight, write.at(k, (*filters, *channels, *chosen_offsets)))
            return _where(factor, at, ends, write)

        return write.total(node, _last_axes(k, write, how.axes), each)

    return write.total(node, along + _last_axes(g, write, how.axes), term)


class _Reach(Struct, frozen=True):
    """Of which sum a term is, and how far what slides may go beyond the ends."""

    node: Op
    write: Entries
    how: Sliding


def _begun(places: Index, offsets: Index, how: Sliding) -> list[Position]:
    """Where offsets of the windows that begin at places are in the picture."""
    pairs = zip(places, offsets, strict=True)
    return [i * how.stride + a * how.dilation + -how.padding for i, a in pairs]


def _times(weight: Expr, x: Expr, before: Index, places: list[Position], reach: _Reach) -> Expr:
    """A weight times the entry of x at the places; 0 where they are beyond its ends."""
    write, how = reach.write, reach.how
    inside = write.shape(x)[len(before) :]
    known = all_known(places)
    if known and not within(tuple(places), inside):
        return build.ZERO
    if known or not how.padding:
        return build.scalar_mul(weight, write.at(x, (*before, *places)))

    def each(chosen: Index) -> Expr:
        factor = build.scalar_mul(weight, write.at(x, (*before, *chosen)))
        return _where(factor, chosen, places, write)

    return write.total(reach.node, _last_axes(x, write, how.axes), each)


def _where(factor: Expr, ones: Index, others: list[Position], write: Entries) -> Expr:
    """The factor where all places are the same, else 0."""
    pairs = zip(ones, others, strict=True)
    return build.product_of((write.same(one, other) for one, other in pairs), factor)


def _convolution(name: str, words: str, shape: ShapeRule, **more: Any) -> Operation:
    def value(a: Array, b: Array, **options: int | None) -> Array:
        return values.FACTORS[name](a, b, **options).product

    how = Notation("special", "∗")
    return Operation(name, words, how, shape, value, arity=2, multiplies=True, **more)


CONVOLUTIONS = (
    _convolution(
        "conv",
        "convolution",
        _conv_shape,
        pullback=_conv,
        entry=_conv_entry,
        options=_SLIDING,
        taken=False,
    ),
    _convolution(
        "conv_transpose",
        "transposed convolution",
        _input_shape,
        pullback=_conv_transpose,
        entry=_input_entry,
        options=_SLIDING,
        taken=False,
    ),
    _convolution(
        "conv_kernel",
        "convolution with what is convolved",
        _kernel_shape,
        pullback=_conv_kernel,
        entry=_kernel_entry,
        options=_BACK,
        public=False,
    ),
)
SLIDING = frozenset(each.name for each in CONVOLUTIONS)
"""Operations in which a kernel slides."""

"""Pooling: the largest entry or the mean of each window, and where a gradient goes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial, reduce
from itertools import product

from msgspec import Struct

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Op, num, op
from backprop_cli.algebra.shapes import Shape, ShapeError, all_known, described
from backprop_cli.operations import window_values as values
from backprop_cli.operations.convolutions import SLIDING
from backprop_cli.operations.record import (
    Along,
    Entries,
    Index,
    Notation,
    Operation,
    Position,
    Rules,
    Shares,
    UnknownPlaceError,
)
from backprop_cli.operations.sliding import AXES, Sliding, axes_of, count, in_numbers, split, whole

POOLS = {"size": 2, "stride": None, "axes": None}


class Pool(Struct, frozen=True):
    """How windows stand: along so many last axes, so large, so far apart."""

    axes: int
    size: int
    stride: int

    @property
    def options(self) -> dict[str, int | None]:
        """As options of an operation that goes back."""
        return {
            "size": self.size if self.size != 2 else None,
            "stride": self.stride if self.stride != self.size else None,
            "axes": self.axes if self.axes != AXES else None,
        }

    def first(self, place: Position) -> Position:
        """Where the window at a place begins."""
        return place * self.stride


def pool_of(node: Op, shape: Shape = (1,) * AXES) -> Pool:
    """How a node's windows stand on what has this shape."""
    axes, size = axes_of(node, shape), whole(node, "size", 2)
    return Pool(axes, size, whole(node, "stride", size))


def picture(shape: Shape, how: Pool) -> tuple[Shape, Shape]:
    """The channels, if there are any, and the places over which windows slide."""
    before, places = split(shape, how.axes)
    if len(places) < how.axes or len(before) > 1:
        wanted = "a vector" if how.axes == 1 else "a matrix, or a list of matrices"
        raise ShapeError(f"windows slide over {wanted}, and this is {described(shape)}")
    return before, places


def pooled(shape: Shape, how: Pool) -> Shape:
    """The shape of what has a number for each window."""
    before, places = picture(shape, how)
    if not all_known(places):
        raise ShapeError("pooling needs sizes that are numbers")
    return before + tuple(
        count(n, how.size, Sliding(how.axes, how.stride), "a window") for n in places
    )


def _pool_shape(shapes: tuple[Shape, ...], node: Op) -> Shape:
    return pooled(shapes[0], pool_of(node, shapes[0]))


def _winners_shape(shapes: tuple[Shape, ...], node: Op) -> Shape:
    g, x = shapes
    if (wanted := pooled(x, pool_of(node))) != g:
        raise ShapeError(f"of {described(x)} a window each is {described(wanted)}")
    return x


def _unpooled(shape: Shape, how: Pool) -> Shape:
    before, places = picture(shape, how)
    return before + tuple((in_numbers(n) - 1) * how.stride + how.size for n in places)


def _windows(x: Expr, how: Pool) -> Expr:
    return op("window_entries", x, **how.options)


def _of_each_window(total: str, node: Op, rules: Rules) -> Expr:
    """The sum, or the mean, of the entries of each window."""
    (x,) = node.args
    return op(total, _windows(x, pool_of(node, rules.shape(x))), axis=-1)


def _in_windows(g: Expr, how: Pool, rules: Rules) -> Expr:
    """A number a window, given to each of its entries."""
    shape = (*rules.shape(g), how.size**how.axes)
    return op("spread", g, axis=-1, shape=shape)


def _put_back(entries: Expr, how: Pool) -> Expr:
    return op("window_sums", entries, **how.options)


def _winners(node: Op, rules: Rules) -> Expr:
    g, x = node.args
    how = pool_of(node)
    tie = None if node.option("at_tie", "first") == "first" else node.option("at_tie")
    share = op("largest_shares", _windows(x, how), axis=-1, at_tie=tie)
    return _put_back(op("mul", _in_windows(g, how, rules), share), how)


def _max_pool(g: Expr, _: Expr, node: Op, rules: Rules) -> Shares:
    x = node.args[0]
    tie = None if rules.tie() == "first" else rules.tie()
    how = pool_of(node, rules.shape(x))
    return (op("to_winners", g, x, at_tie=tie, **how.options),)


def _mean_pool(g: Expr, _: Expr, node: Op, rules: Rules) -> Shares:
    how = pool_of(node, rules.shape(node.args[0]))
    return (build.div(op("to_windows", g, **how.options), num(how.size**how.axes)),)


def _sum_pool(g: Expr, _: Expr, node: Op, rules: Rules) -> Shares:
    how = pool_of(node, rules.shape(node.args[0]))
    return (op("to_windows", g, **how.options),)


def _unpool_max(u: Expr, _: Expr, node: Op, __: Rules) -> Shares:
    """Back to g: what stands where the largest entry is; where that is does not change."""
    how, tie = pool_of(node), node.option("at_tie")
    share = op("largest_shares", _windows(node.args[1], how), axis=-1, at_tie=tie)
    return op("sum", op("mul", _windows(u, how), share), axis=-1), None


def _windows_entry(node: Op, index: Index, write: Entries) -> Expr:
    how = pool_of(node, write.shape(node.args[0]))
    *places, number = index
    before, at = split(tuple(places), how.axes)
    offsets = (number,) if how.axes == 1 else (number // how.size, number % how.size)
    inner = [how.first(i) + a for i, a in zip(at, offsets, strict=True)]
    return write.at(node.args[0], (*before, *inner))


def _windows_sum_entry(node: Op, index: Index, write: Entries) -> Expr:
    how = pool_of(node)
    shape = write.shape(node.args[0])[:-1]
    before, at = split(index, how.axes)
    found: list[Expr] = []
    for places in product(*(range(int(size)) for size in split(shape, how.axes)[1])):
        offsets = [i - how.first(j) for i, j in zip(at, places, strict=True)]
        if all(0 <= a < how.size for a in offsets):
            number = reduce(lambda whole, a: whole * how.size + a, offsets)
            found.append(write.at(node.args[0], (*before, *places, number)))
    return build.sum_of(found)


def windows_at(
    shape: tuple[int, ...], how: Pool
) -> Iterator[tuple[tuple[int, ...], list[tuple[int, ...]]]]:
    """Each place of what has been pooled to this shape, and the places of its window's entries."""
    for place in product(*map(range, shape)):
        before, at = split(place, how.axes)
        offsets = product(range(how.size), repeat=how.axes)
        inside = [
            tuple(i * how.stride + a for i, a in zip(at, one, strict=True)) for one in offsets
        ]
        yield place, [(*before, *one) for one in inside]


def _in_window(
    node: Op, index: Index, write: Entries
) -> tuple[list[Along], Callable[[Index], Expr]]:
    """The offsets within a window, and the entry at an offset in the window at a place."""
    how = pool_of(node, write.shape(node.args[0]))
    before, at = split(index, how.axes)
    offsets = op("spread", build.ONE, shape=(how.size,) * how.axes)

    def entry(chosen: Index) -> Expr:
        inner = (how.first(i) + a for i, a in zip(at, chosen, strict=True))
        return write.at(node.args[0], (*before, *inner))

    return [((offsets, axis),) for axis in range(how.axes)], entry


def _max_pool_entry(node: Op, index: Index, write: Entries) -> Expr:
    return write.largest(*_in_window(node, index, write))


def _sum_pool_entry(node: Op, index: Index, write: Entries) -> Expr:
    return write.total(node, *_in_window(node, index, write))


def _mean_pool_entry(node: Op, index: Index, write: Entries) -> Expr:
    how = pool_of(node, write.shape(node.args[0]))
    return build.div(_sum_pool_entry(node, index, write), num(how.size**how.axes))


def _unpooled_entry(node: Op, index: Index, write: Entries) -> Expr:
    """Σ over the windows that an entry is in; of a maximum where it is the largest there."""
    if all_known(index):  # which of several has it is told by the definition
        raise UnknownPlaceError
    g, how = node.args[0], pool_of(node)
    before, at = split(index, how.axes)
    rank = len(write.shape(g))

    def term(chosen: Index) -> Expr:
        found = write.at(g, (*before, *chosen))
        if len(node.args) > 1:
            window = Op("max_pool", node.args[1:], op("", **how.options).options)
            largest = _max_pool_entry(window, (*before, *chosen), write)
            found = build.scalar_mul(
                found, op("is_largest", write.at(node.args[1], index), largest)
            )
        for place, window_at in zip(at, chosen, strict=True):
            first = how.first(window_at)
            inside = write.within(place, first, first + (how.size - 1))
            found = build.scalar_mul(found, inside)
        return found

    return write.total(node, [((g, axis),) for axis in range(rank - how.axes, rank)], term)


POOLED = frozenset({"max_pool", "mean_pool", "sum_pool"})
"""Operations that make a number of each window."""

WINDOWED = SLIDING | POOLED | {"to_winners"}
"""Operations of which one window says more than the whole."""

POOLING = (
    Operation(
        "window_entries",
        "the entries of each window",
        Notation("function", "windows"),
        lambda shapes, node: (
            *_pool_shape(shapes, node),
            pool_of(node, shapes[0]).size ** pool_of(node, shapes[0]).axes,
        ),
        values.windows,
        pullback=lambda g, r, node, rules: (
            op("window_sums", g, **pool_of(node, rules.shape(node.args[0])).options),
        ),
        entry=_windows_entry,
        options={**POOLS, "axes": AXES},
        public=False,
        moves=True,
    ),
    Operation(
        "window_sums",
        "the entries of all windows put back and added up",
        Notation("function", "window sums"),
        lambda shapes, node: _unpooled(shapes[0][:-1], pool_of(node)),
        values.windows_sum,
        pullback=lambda g, r, node, rules: (op("window_entries", g, **pool_of(node).options),),
        entry=_windows_sum_entry,
        options={**POOLS, "axes": AXES},
        public=False,
        rises=True,
        adds=True,
    ),
    Operation(
        "max_pool",
        "largest entry of each window",
        Notation("special", "maxpool"),
        _pool_shape,
        values.max_pool,
        pullback=_max_pool,
        entry=_max_pool_entry,
        options=POOLS,
        kink="max",
        rises=True,
        exact=True,
        taken=False,
    ),
    Operation(
        "mean_pool",
        "mean of each window",
        Notation("special", "meanpool"),
        _pool_shape,
        pullback=_mean_pool,
        entry=_mean_pool_entry,
        definition=partial(_of_each_window, "mean"),
        options=POOLS,
        taken=False,
    ),
    Operation(
        "sum_pool",
        "sum of each window",
        Notation("special", "sumpool"),
        _pool_shape,
        pullback=_sum_pool,
        entry=_sum_pool_entry,
        definition=partial(_of_each_window, "sum"),
        options=POOLS,
        public=False,
        adds=True,
    ),
    Operation(
        "to_windows",
        "each to all entries of its window",
        Notation("special", "unpool"),
        lambda shapes, node: _unpooled(shapes[0], pool_of(node)),
        pullback=lambda g, r, node, rules: (op("sum", _windows(g, pool_of(node)), axis=-1),),
        entry=_unpooled_entry,
        definition=lambda node, rules: _put_back(
            _in_windows(node.args[0], pool_of(node), rules), pool_of(node)
        ),
        options={**POOLS, "axes": AXES},
        public=False,
        adds=True,
    ),
    Operation(
        "to_winners",
        "each to the largest entry of its window",
        Notation("special", "unpool"),
        _winners_shape,
        arity=2,
        pullback=_unpool_max,
        entry=_unpooled_entry,
        definition=_winners,
        options={**POOLS, "axes": AXES, "at_tie": "first"},
        public=False,
        exact=True,
    ),
)

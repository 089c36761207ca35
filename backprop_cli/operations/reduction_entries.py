"""One entry of what looks along an axis, and which axis that is."""

from __future__ import annotations

from collections.abc import Callable

from backprop_cli.algebra.expr import Expr, Op, Option, op
from backprop_cli.algebra.shapes import Shape, ShapeError, described
from backprop_cli.operations.record import Along, Entries, Index


def axis_of(node: Op, shape: Shape) -> int | None:
    """The axis the node names, counted from 0, checked against the shape of its argument."""
    axis = node.option("axis")
    if axis is None:
        return None
    if not isinstance(axis, int) or not -len(shape) <= axis < len(shape):
        raise ShapeError(f"{described(shape)} has no axis {axis}", axes_there_are(shape))
    return axis % len(shape)


def axes_there_are(shape: Shape) -> str | None:
    """What to write instead of an axis that is not there."""
    return {1: "axis=0, or no axis", 2: "axis=0 (down each column) or axis=1 (along each row)"}.get(
        len(shape)
    )


def _axes(node: Op, index: Index, write: Entries) -> tuple[list[Along], Callable[[Index], Index]]:
    """The axes that are reduced, and an entry of the argument by its places on them."""
    (x,) = node.args
    rank, axis = len(write.shape(x)), axis_of(node, write.shape(x))
    gone = range(rank) if axis is None else (axis,)
    rest = index
    if node.option("keep"):
        rest = tuple(i for place, i in enumerate(index) if place not in gone)

    def whole(chosen: Index) -> Index:
        inside, others = iter(chosen), iter(rest)
        return tuple(next(inside if place in gone else others) for place in range(rank))

    return [((x, place),) for place in gone], whole


def sum_entry(node: Op, index: Index, write: Entries) -> Expr:
    """The sum of the entries that are reduced."""
    along, whole = _axes(node, index, write)
    return write.total(node, along, lambda chosen: write.at(node.args[0], whole(chosen)))


def _terms(node: Op, index: Index, write: Entries) -> list[Expr]:
    along, whole = _axes(node, index, write)
    return write.terms(along, lambda chosen: write.at(node.args[0], whole(chosen)))


def max_entry(node: Op, index: Index, write: Entries) -> Expr:
    """The largest of them."""
    along, whole = _axes(node, index, write)
    return write.largest(along, lambda chosen: write.at(node.args[0], whole(chosen)))


def argmax_entry(node: Op, index: Index, write: Entries) -> Expr:
    """The number of the largest of them."""
    return Op("argmax", (Op("stack", tuple(_terms(node, index, write))),), _without_axis(node))


def _without_axis(node: Op) -> tuple[tuple[str, Option], ...]:
    return tuple((key, value) for key, value in node.options if key != "axis")


def of_slice(node: Op, index: Index, write: Entries) -> Expr:
    """An entry of what is only defined for a whole slice: that slice, and the place in it."""
    shape = write.shape(node.args[0])
    axis = axis_of(node, shape)
    along: list[Along] = [
        ((node.args[0], place),) for place in (range(len(shape)) if axis is None else (axis,))
    ]
    places: list[Index] = []

    def entry(arg: Expr, chosen: Index) -> Expr:
        places.append(chosen if axis is None else (*index[:axis], *chosen, *index[axis + 1 :]))
        return write.at(arg, places[-1])

    slices = [
        Op("stack", tuple(write.terms(along, lambda chosen, arg=arg: entry(arg, chosen))))  # type: ignore[misc]
        for arg in node.args
    ]
    found = Op(node.name, tuple(slices), _without_axis(node))
    return op("at", found, index=(places.index(index),))

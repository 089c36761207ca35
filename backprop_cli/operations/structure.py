"""Operations that repeat or reshape what they are given: columns, rows, the constant of a bias."""

from __future__ import annotations

from math import prod

import numpy as np

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Num, Op, op
from backprop_cli.algebra.shapes import Shape, ShapeError, Size, all_known, described, plus
from backprop_cli.operations.record import (
    Along,
    Array,
    Entries,
    Entry,
    Index,
    Notation,
    Operation,
    Position,
    Rules,
    ShapeRule,
    Shares,
    fit,
    total,
)


def _vector(shapes: tuple[Shape, ...], node: Op) -> Size:
    (shape,) = shapes
    if len(shape) != 1:
        raise ShapeError(f"{node.name} takes a vector, and this is {described(shape)}")
    return shape[0]


def flat(x: Array) -> Array:
    """A column or row as a plain vector."""
    return x.reshape(-1)


def _flat_shape(shapes: tuple[Shape, ...], _: Op) -> Shape:
    (shape,) = shapes
    if len(shape) != 2 or 1 not in shape:
        raise ShapeError(f"flat takes a column or a row, and this is {described(shape)}")
    return (shape[0],) if shape[1] == 1 else (shape[1],)


def _flattened(g: Expr) -> Expr:
    """A kept sum made flat is the same sum not kept."""
    factor, rest = build.coefficient(g)
    if isinstance(rest, Op) and rest.name == "sum" and rest.option("keep"):
        return build.scaled(factor, op("sum", *rest.args, axis=rest.option("axis")))
    return op("flat", g)


def _spread_shape(_: tuple[Shape, ...], node: Op) -> Shape:
    return sizes(node)


def sizes(node: Op) -> Shape:
    """The shape that an operation names as its option."""
    shape = node.option("shape")
    assert isinstance(shape, tuple), node
    return tuple(size if isinstance(size, int) else str(size) for size in shape)


def spread(x: Array, shape: tuple[int, ...] = (), axis: int | None = None) -> Array:
    """x repeated to a shape; `axis` names the axis that x lacks."""
    return np.broadcast_to(x if axis is None else np.expand_dims(x, axis), shape)


def _spread(g: Expr, _: Expr, node: Op, rules: Rules) -> Shares:
    if node.option("axis") is None:
        return (fit(g, node.args[0], rules),)
    return (total(g, axis=node.whole("axis")),)


def _spread_entry(node: Op, index: Index, write: Entries) -> Expr:
    if node.option("axis") is not None:
        return _expand_entry(node, index, write)
    shape = write.shape(node.args[0])
    return write.at(
        node.args[0], tuple(0 if size == 1 else i for i, size in zip(index, shape, strict=False))
    )


def _expand_shape(shapes: tuple[Shape, ...], node: Op) -> Shape:
    axis = node.whole("axis") % (len(shapes[0]) + 1)
    return (*shapes[0][:axis], 1, *shapes[0][axis:])


def _expand_entry(node: Op, index: Index, write: Entries) -> Expr:
    axis = node.whole("axis") % len(index)
    return write.at(node.args[0], index[:axis] + index[axis + 1 :])


def _resized(change: int) -> ShapeRule:
    """The shape with `change` slices more along the axis that the node names."""

    def shape(shapes: tuple[Shape, ...], node: Op) -> Shape:
        old = shapes[0]
        if not old:
            raise ShapeError(f"{node.name} needs a vector or a matrix, and this is a number")
        axis = node.whole("axis") % len(old)
        return (*old[:axis], plus(old[axis], change), *old[axis + 1 :])

    return shape


def _with_constant(x: Array, constant: Array, axis: int, first: bool) -> Array:
    shape = list(x.shape)
    shape[axis] = 1
    extra = np.full(shape, float(constant))
    return np.concatenate((extra, x) if first else (x, extra), axis=axis)


def shifted(index: Index, axis: int, change: Position) -> Index:
    """The index with `change` added to its part along `axis`."""
    position = axis % len(index)
    return (*index[:position], index[position] + change, *index[position + 1 :])


def _grown_entry(first: bool) -> Entry:
    def entry(node: Op, index: Index, write: Entries) -> Expr:
        axis = node.whole("axis")
        size = write.shape(node)[axis]
        if index[axis] == (0 if first else int(size) - 1):
            return node.args[1]
        return write.at(node.args[0], shifted(index, axis, -1 if first else 0))

    return entry


def _is_product(g: Expr) -> bool:
    _, rest = build.coefficient(g)
    return isinstance(rest, Op) and rest.name == "matmul"


def _axis_of_product(g: Expr, rules: Rules) -> int:
    """Which way the entries of a vector A x, or x A, run: down A or along it."""
    _, rest = build.coefficient(g)
    assert isinstance(rest, Op)
    return 0 if len(rules.shape(rest.args[0])) == 2 else -1


def _grown(name: str, words: str, drop: str, first: bool) -> Operation:
    def pullback(g: Expr, _: Expr, node: Op, rules: Rules) -> Shares:
        axis, rank = node.whole("axis"), len(rules.shape(node.args[0]))
        axis = _axis_of_product(g, rules) if rank == 1 and _is_product(g) else axis
        if isinstance(node.args[1], Num):
            return build.drop(drop, g, axis), None
        position = 0 if first else int(rules.shape(g)[axis]) - 1
        index = tuple(position if i == axis % rank else None for i in range(rank))
        return build.drop(drop, g, axis), total(op("at", g, index=index))

    return Operation(
        name,
        words,
        Notation("special", name),
        _resized(1),
        lambda x, constant, axis=0: _with_constant(x, constant, axis, first),
        arity=2,
        pullback=pullback,
        entry=_grown_entry(first),
        options={"axis": ...},
        public=False,
        moves=True,
    )


def _shrunk(name: str, words: str, grow: str, first: bool) -> Operation:
    def value(x: Array, axis: int = 0) -> Array:
        kept = range(1, x.shape[axis]) if first else range(x.shape[axis] - 1)
        return np.take(x, kept, axis)

    return Operation(
        name,
        words,
        Notation("special", name),
        _resized(-1),
        value,
        pullback=lambda g, r, node, rules: (op(grow, g, build.ZERO, axis=node.option("axis")),),
        entry=lambda node, index, write: write.at(
            node.args[0], shifted(index, node.whole("axis"), int(first))
        ),
        options={"axis": ...},
        public=False,
        moves=True,
    )


def _through_flat(node: Op, index: Index, write: Entries) -> Expr:
    is_column = write.shape(node.args[0])[1] == 1
    return write.at(node.args[0], (*index, 0) if is_column else (0, *index))


_MOST_AXES = 4  # of what is reshaped


def _count(shape: Shape, node: Op) -> int:
    """How many entries there are."""
    if not all_known(shape):
        raise ShapeError(f"{node.name} needs sizes that are numbers")
    return prod(map(int, shape))


def _reshaped(shapes: tuple[Shape, ...], node: Op) -> Shape:
    wanted = node.option("shape")
    if not isinstance(wanted, tuple) or not all(isinstance(n, int) and n > 0 for n in wanted):
        raise ShapeError("reshape takes a shape in whole numbers", "reshape(x, [2, 3])")
    if not 0 < len(wanted) <= _MOST_AXES:
        raise ShapeError("reshape gives at most 4 axes", "reshape(x, [2, 3])")
    wanted = sizes(node)
    have, want = _count(shapes[0], node), _count(wanted, node)
    if have != want:
        raise ShapeError(f"{described(shapes[0])} has {have} entries, and the shape {want}")
    return wanted


def _in_shape(a: Expr, shape: Shape) -> Expr:
    """`a` in a shape; what had it before it was reshaped as it was."""
    return op("reshape", a, shape=shape) if shape else op("at", op("flatten", a), index=(0,))


def _in_a_row(node: Op, rules: Rules) -> Expr:
    return op("reshape", *node.args, shape=(_count(rules.shape(node.args[0]), node),))


def _entry_reshaped(node: Op, index: Index, write: Entries) -> Expr:
    """The entry with the same number row by row; with letters the one of all that has it."""
    inner, place = write.shape(node.args[0]), _number(index, sizes(node))
    if len(inner) == 1:
        return write.at(node.args[0], (place,))
    if not isinstance(place, int):
        along: list[Along] = [((node.args[0], axis),) for axis in range(len(inner))]
        return write.total(
            node,
            along,
            lambda chosen: build.scalar_mul(
                write.at(node.args[0], chosen), write.same(place, _number(chosen, inner))
            ),
        )
    found: list[Position] = []
    for size in reversed(write.shape(node.args[0])):
        found.append(place % int(size))
        place = place // int(size)
    return write.at(node.args[0], tuple(reversed(found)))


def _number(index: Index, shape: Shape) -> Position:
    """How manyth entry one is, row by row, counted from 0."""
    place: Position = 0
    for i, size in zip(index, shape, strict=True):
        place = place * int(size) + i
    return place


STRUCTURE = (
    Operation(
        "column",
        "as a column",
        Notation("special", "column"),
        lambda shapes, node: (_vector(shapes, node), 1),
        lambda v: v[:, None],
        pullback=lambda g, r, node, rules: (_flattened(g),),
        entry=lambda node, index, write: write.at(node.args[0], index[:1]),
        moves=True,
    ),
    Operation(
        "row",
        "as a row",
        Notation("special", "row"),
        lambda shapes, node: (1, _vector(shapes, node)),
        lambda v: v[None, :],
        pullback=lambda g, r, node, rules: (_flattened(g),),
        entry=lambda node, index, write: write.at(node.args[0], index[1:]),
        moves=True,
    ),
    Operation(
        "flat",
        "as a plain vector",
        Notation("special", "flat"),
        _flat_shape,
        flat,
        pullback=lambda g, r, node, rules: (
            op("column" if rules.shape(node.args[0])[1] == 1 else "row", g),
        ),
        entry=_through_flat,
        moves=True,
    ),
    Operation(
        "expand",
        "with an axis of size 1",
        Notation("special", "expand"),
        _expand_shape,
        lambda x, axis=0: np.expand_dims(x, axis),
        pullback=lambda g, r, node, rules: (total(g, axis=node.whole("axis")),),
        entry=_expand_entry,
        options={"axis": ...},
        public=False,
        moves=True,
    ),
    Operation(
        "spread",
        "repeated",
        Notation("special", "spread"),
        _spread_shape,
        spread,
        pullback=_spread,
        entry=_spread_entry,
        options={"shape": ..., "axis": None},
        public=False,
        moves=True,
    ),
    Operation(
        "reshape",
        "in another shape",
        Notation("function", "reshape"),
        _reshaped,
        lambda x, shape=(): np.reshape(x, shape),
        pullback=lambda g, r, node, rules: (_in_shape(g, rules.shape(node.args[0])),),
        entry=_entry_reshaped,
        options={"shape": ...},
        moves=True,
        taken=False,
    ),
    Operation(
        "flatten",
        "row by row in a vector",
        Notation("function", "flatten"),
        lambda shapes, node: (_count(shapes[0], node),),
        definition=_in_a_row,
        exact=True,
        taken=False,
    ),
    _grown("prepend", "with a constant entry in front", "drop_first", True),
    _grown("append", "with a constant entry behind", "drop_last", False),
    _shrunk("drop_first", "without its first entry", "prepend", True),
    _shrunk("drop_last", "without its last entry", "append", False),
)

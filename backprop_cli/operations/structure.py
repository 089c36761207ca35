"""Operations that only move entries: columns and rows, the constant of a bias, stacks, parts."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import numpy as np

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Op, op
from backprop_cli.algebra.shapes import Shape, ShapeError, Size, described, plus
from backprop_cli.operations.fitting import fit, total
from backprop_cli.operations.record import Array, Notation, Operation, Rules
from backprop_cli.operations.reductions import axis_of

Shares = tuple[Expr | None, ...]
Index = tuple[Any, ...]


def _function(
    name: str, words: str, shape: Any, value: Any, pullback: Any, entry: Any, **rest: Any
) -> Operation:
    return Operation(
        name, words, Notation("special", name), shape, value, pullback=pullback, entry=entry, **rest
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
    shape = node.option("shape")
    return shape if isinstance(shape, tuple) else ()  # type: ignore[return-value]


def spread(x: Array, shape: tuple[int, ...] = (), axis: int | None = None) -> Array:
    """x repeated to a shape; `axis` names the axis that x lacks."""
    return np.broadcast_to(x if axis is None else np.expand_dims(x, axis), shape)


def _spread(g: Expr, _: Expr, node: Op, rules: Rules) -> Shares:
    axis = node.option("axis")
    return (fit(g, node.args[0], rules) if axis is None else total(g, axis=int(str(axis))),)


def _spread_entry(node: Op, index: Index, at: Any, rules: Rules) -> Expr:
    axis = node.option("axis")
    if axis is not None:
        position = int(str(axis))
        return at(node.args[0], index[:position] + index[position + 1 :])
    shape = rules.shape(node.args[0])
    return at(
        node.args[0], tuple(0 if size == 1 else i for i, size in zip(index, shape, strict=False))
    )


def _expand_shape(shapes: tuple[Shape, ...], node: Op) -> Shape:
    axis = int(str(node.option("axis")))
    return (*shapes[0][:axis], 1, *shapes[0][axis:])


def _grown_shape(shapes: tuple[Shape, ...], node: Op) -> Shape:
    shape = shapes[0]
    if node.option("axis") == 0:
        return (plus(shape[0], 1), *shape[1:])
    return (*shape[:-1], plus(shape[-1], 1))


def _shrunk_shape(shapes: tuple[Shape, ...], node: Op) -> Shape:
    shape = shapes[0]
    if node.option("axis") == 0:
        return (plus(shape[0], -1), *shape[1:])
    return (*shape[:-1], plus(shape[-1], -1))


def _with_constant(x: Array, constant: Array, axis: int, first: bool) -> Array:
    shape = list(x.shape)
    shape[axis] = 1
    extra = np.full(shape, float(constant))
    return np.concatenate((extra, x) if first else (x, extra), axis=axis)


def _shifted(index: Index, axis: int, change: int) -> Index:
    position = axis % len(index)
    return (*index[:position], index[position] + change, *index[position + 1 :])


def _grown_entry(first: bool) -> Any:
    def entry(node: Op, index: Index, at: Any, rules: Rules) -> Expr:
        axis = int(str(node.option("axis")))
        size = rules.shape(node)[axis]
        if index[axis] == (0 if first else int(size) - 1):
            return node.args[1]
        return at(node.args[0], _shifted(index, axis, -1 if first else 0))

    return entry


def _grown(name: str, words: str, drop: str, first: bool) -> Operation:
    def pullback(g: Expr, _: Expr, node: Op, __: Rules) -> Shares:
        return build.drop(drop, g, int(str(node.option("axis")))), None

    return _function(
        name,
        words,
        _grown_shape,
        lambda x, constant, axis=0: _with_constant(x, constant, axis, first),
        pullback,
        _grown_entry(first),
        arity=2,
        options={"axis": 0},
        public=False,
    )


def _shrunk(name: str, words: str, grow: str, first: bool) -> Operation:
    return _function(
        name,
        words,
        _shrunk_shape,
        lambda x, axis=0: np.take(
            x, range(1, x.shape[axis]) if first else range(x.shape[axis] - 1), axis
        ),
        lambda g, r, node, rules: (op(grow, g, build.ZERO, axis=node.option("axis")),),
        lambda node, index, at, rules: at(
            node.args[0], _shifted(index, int(str(node.option("axis"))), int(first))
        ),
        options={"axis": 0},
        public=False,
    )


def _stack_shape(shapes: tuple[Shape, ...], _: Op) -> Shape:
    if any(shape != shapes[0] for shape in shapes) or len(shapes[0]) > 1:
        raise ShapeError("[…] stacks numbers into a vector, or vectors of one length into a matrix")
    return (len(shapes), *shapes[0])


def _concat_shape(shapes: tuple[Shape, ...], node: Op) -> Shape:
    axis = axis_of(node, shapes[0]) or 0
    rests = {shape[:axis] + shape[axis + 1 :] for shape in shapes}
    if not shapes[0] or len({len(shape) for shape in shapes}) > 1 or len(rests) > 1:
        raise ShapeError(
            "concat joins arrays that agree in every axis but one: "
            + " and ".join(map(described, shapes))
        )
    if any(not isinstance(shape[axis], int) for shape in shapes):
        raise ShapeError("concat needs sizes that are numbers")
    return (*shapes[0][:axis], sum(int(shape[axis]) for shape in shapes), *shapes[0][axis + 1 :])


def _concat(g: Expr, _: Expr, node: Op, rules: Rules) -> Shares:
    axis = int(str(node.option("axis", 0)))
    sizes = [int(rules.shape(arg)[axis]) for arg in node.args]
    stops = list(accumulate(sizes))
    return tuple(
        op("part", g, axis=axis, start=stop - size, stop=stop)
        for size, stop in zip(sizes, stops, strict=True)
    )


def _concat_entry(node: Op, index: Index, at: Any, rules: Rules) -> Expr:
    axis = int(str(node.option("axis", 0)))
    position = index[axis]
    for arg in node.args:
        size = int(rules.shape(arg)[axis])
        if position < size:
            return at(arg, (*index[:axis], position, *index[axis + 1 :]))
        position -= size
    raise IndexError(index)


def part(x: Array, axis: int = 0, start: int = 0, stop: int = 0) -> Array:
    """The slices from start up to stop along an axis."""
    return np.take(x, range(start, stop), axis)


def _part_shape(shapes: tuple[Shape, ...], node: Op) -> Shape:
    axis, start, stop = (int(str(node.option(key))) for key in ("axis", "start", "stop"))
    return (*shapes[0][:axis], stop - start, *shapes[0][axis + 1 :])


def _part(g: Expr, _: Expr, node: Op, rules: Rules) -> Shares:
    axis, start, stop = (int(str(node.option(key))) for key in ("axis", "start", "stop"))
    shape = rules.shape(node.args[0])
    index = tuple((start, stop) if i == axis else None for i in range(len(shape)))
    return (op("place", g, index=index, shape=shape),)


def _selector(index: Index) -> tuple[Any, ...]:
    return tuple(
        slice(*i) if isinstance(i, tuple) else slice(None) if i is None else i for i in index
    )


def _at_shape(shapes: tuple[Shape, ...], node: Op) -> Shape:
    (shape,) = shapes
    index: Index = node.option("index")  # type: ignore[assignment]
    if len(index) > len(shape):
        raise ShapeError(f"{described(shape)} has no entry with {len(index)} indices")
    for i, size in zip(index, shape, strict=False):
        if i is not None and isinstance(size, int) and not 0 <= i < size:
            raise ShapeError(f"there is no such entry in {described(shape)}")
    kept = tuple(size for i, size in zip(index, shape, strict=False) if i is None)
    return kept + shape[len(index) :]


def at(x: Array, index: Index = ()) -> Array:
    """One entry, row or column; None takes a whole axis."""
    return np.asarray(x[_selector(index)])


def place(g: Array, index: Index = (), shape: tuple[int, ...] = ()) -> Array:
    """Zeros of a shape with `g` in the place that `index` names."""
    whole = np.zeros(shape)
    whole[_selector(index)] = g
    return whole


def _at_entry(node: Op, index: Index, entry: Any, rules: Rules) -> Expr:
    rest = list(index)
    chosen: Index = node.option("index")  # type: ignore[assignment]
    full = [rest.pop(0) if i is None else i for i in chosen]
    return entry(node.args[0], (*full, *rest))


def _place_entry(node: Op, index: Index, entry: Any, rules: Rules) -> Expr:
    chosen: Index = node.option("index")  # type: ignore[assignment]
    inner: list[int] = []
    for i, place_ in zip(index, (*chosen, *(None,) * (len(index) - len(chosen))), strict=True):
        if place_ is None:
            inner.append(i)
        elif isinstance(place_, tuple):
            if not place_[0] <= i < place_[1]:
                return build.ZERO
            inner.append(i - place_[0])
        elif i != place_:
            return build.ZERO
    return entry(node.args[0], tuple(inner))


STRUCTURE = (
    _function(
        "column",
        "as a column",
        lambda shapes, node: (_vector(shapes, node), 1),
        lambda v: v[:, None],
        lambda g, r, node, rules: (_flattened(g),),
        lambda node, index, at, rules: at(node.args[0], index[:1]),
    ),
    _function(
        "row",
        "as a row",
        lambda shapes, node: (1, _vector(shapes, node)),
        lambda v: v[None, :],
        lambda g, r, node, rules: (_flattened(g),),
        lambda node, index, at, rules: at(node.args[0], index[1:]),
    ),
    _function(
        "flat",
        "as a plain vector",
        _flat_shape,
        flat,
        lambda g, r, node, rules: (
            op("column" if rules.shape(node.args[0])[1] == 1 else "row", g),
        ),
        lambda node, index, at, rules: at(
            node.args[0], (*index, 0) if rules.shape(node.args[0])[1] == 1 else (0, *index)
        ),
    ),
    _function(
        "expand",
        "with an axis of size 1",
        _expand_shape,
        lambda x, axis=0: np.expand_dims(x, axis),
        lambda g, r, node, rules: (total(g, axis=int(str(node.option("axis")))),),
        lambda node, index, at, rules: at(
            node.args[0], tuple(i for k, i in enumerate(index) if k != node.option("axis"))
        ),
        options={"axis": 0},
        public=False,
    ),
    _function(
        "spread",
        "repeated",
        _spread_shape,
        spread,
        _spread,
        _spread_entry,
        options={"shape": ..., "axis": None},
        public=False,
    ),
    _grown("prepend", "with a constant entry in front", "drop_first", True),
    _grown("append", "with a constant entry behind", "drop_last", False),
    _shrunk("drop_first", "without its first entry", "prepend", True),
    _shrunk("drop_last", "without its last entry", "append", False),
    _function(
        "stack",
        "stacked",
        _stack_shape,
        lambda *args: np.stack(args),
        lambda g, r, node, rules: tuple(op("at", g, index=(i,)) for i in range(len(node.args))),
        lambda node, index, at, rules: at(node.args[index[0]], index[1:]),
        arity=None,
    ),
    _function(
        "concat",
        "joined",
        _concat_shape,
        lambda *args, axis=0: np.concatenate(args, axis=axis),
        _concat,
        _concat_entry,
        arity=None,
        options={"axis": 0},
    ),
    _function(
        "part",
        "a part",
        _part_shape,
        part,
        _part,
        lambda node, index, at, rules: at(
            node.args[0],
            _shifted(index, int(str(node.option("axis"))), int(str(node.option("start")))),
        ),
        options={"axis": 0, "start": ..., "stop": ...},
        public=False,
    ),
    _function(
        "at",
        "an entry",
        _at_shape,
        at,
        lambda g, r, node, rules: (
            op("place", g, index=node.option("index"), shape=rules.shape(node.args[0])),
        ),
        _at_entry,
        options={"index": ...},
        public=False,
    ),
    _function(
        "place",
        "in its place among zeros",
        lambda shapes, node: node.option("shape"),
        place,
        lambda g, r, node, rules: (op("at", g, index=node.option("index")),),
        _place_entry,
        options={"index": ..., "shape": ...},
        public=False,
    ),
)

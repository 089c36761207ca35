"""Operations that put arrays together and take entries, rows and columns out of them."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import TypeAlias

import numpy as np

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Op, Option, op
from backprop_cli.algebra.shapes import Shape, ShapeError, Size, all_known, combined, described
from backprop_cli.operations.record import (
    Array,
    Entries,
    Index,
    Notation,
    Operation,
    Position,
    Rules,
    Shares,
    placed,
)
from backprop_cli.operations.stable_values import axis_of
from backprop_cli.operations.structure import shifted, sizes

_BY_ENTRY = frozenset({"neg", "add", "sub", "mul", "div"})

Rows: TypeAlias = "list[int]"
Choice: TypeAlias = "int | tuple[int, int] | Rows | None"
"""What is taken along one axis: one slice, those from a start up to a stop, those of a list of
numbers (an option holds it as a tuple in a tuple), or all."""


def _stack_shape(shapes: tuple[Shape, ...], _: Op) -> Shape:
    if any(shape != shapes[0] for shape in shapes) or len(shapes[0]) > 1:
        raise ShapeError("[…] stacks numbers into a vector, or vectors of one length into a matrix")
    return (len(shapes), *shapes[0])


def _row(a: Expr, row: int, rules: Rules) -> Expr:
    """A row; of a transposed matrix it is a column, of sums and products that of each part."""
    match a:
        case Op("transpose", (matrix,)):
            return op("at", matrix, index=(None, row))
        case Op(name, args, options) if name in _BY_ENTRY and not options:
            shapes, whole = [rules.shape(arg) for arg in args], rules.shape(a)
            if all(shape in ((), whole) for shape in shapes):
                parts = (
                    _row(arg, row, rules) if shape else arg
                    for arg, shape in zip(args, shapes, strict=True)
                )
                return Op(name, tuple(parts))
    return op("at", a, index=(row,))


def _joined_axis(node: Op, rules: Rules | Entries) -> int:
    return axis_of(node, rules.shape(node.args[0])) or 0


def _concat_shape(shapes: tuple[Shape, ...], node: Op) -> Shape:
    axis = axis_of(node, shapes[0]) or 0
    rests = {shape[:axis] + shape[axis + 1 :] for shape in shapes}
    if not shapes[0] or len({len(shape) for shape in shapes}) > 1 or len(rests) > 1:
        raise ShapeError(
            "concat joins arrays that agree in every axis but one: "
            + " and ".join(map(described, shapes))
        )
    length = combined(*((1, shape[axis]) for shape in shapes))
    return (*shapes[0][:axis], length, *shapes[0][axis + 1 :])


def _concat(g: Expr, _: Expr, node: Op, rules: Rules) -> Shares:
    axis = _joined_axis(node, rules)
    return tuple(
        op("part", g, axis=axis, start=start, stop=stop)
        for start, stop in pairwise(_ends(node, axis, rules))
    )


def _ends(node: Op, axis: int, rules: Rules | Entries) -> Iterator[Size]:
    """0, and where each part of what is joined ends."""
    lengths: Iterator[Size] = (rules.shape(arg)[axis] for arg in node.args)
    return accumulate(lengths, lambda end, length: combined((1, end), (1, length)), initial=0)


def _concat_entry(node: Op, index: Index, write: Entries) -> Expr:
    axis = _joined_axis(node, write)
    position, ends = index[axis], [*_ends(node, axis, write)]
    if not isinstance(position, int) or not all_known(ends):
        return _of_any_part(node, index, axis, write)
    for arg, start, stop in zip(node.args, map(int, ends), map(int, ends[1:]), strict=False):
        if position < stop:
            return write.at(arg, (*index[:axis], position - start, *index[axis + 1 :]))
    raise IndexError(index)


def _of_any_part(node: Op, index: Index, axis: int, write: Entries) -> Expr:
    """The sum of what each part has at a place that letters name, where it is in that part."""
    total: Expr = build.ZERO
    position, ends = index[axis], pairwise(map(placed, _ends(node, axis, write)))
    for arg, (start, stop) in zip(node.args, ends, strict=True):
        inner = 0 if write.shape(arg)[axis] == 1 else position - start
        here = write.within(position, start, stop - 1)
        entry = write.at(arg, (*index[:axis], inner, *index[axis + 1 :]))
        total = build.add(total, build.scalar_mul(entry, here))
    return total


def part(x: Array, axis: int = 0, start: int = 0, stop: int = 0) -> Array:
    """The slices from start up to stop along an axis."""
    return np.take(x, range(start, stop), axis)


def ends_of(node: Op) -> tuple[int, Size, Size]:
    """The axis along which a part is taken, and from where up to where, perhaps in letters."""
    start, stop = (
        end if isinstance(end, int) else str(end)
        for end in (node.option("start"), node.option("stop"))
    )
    return node.whole("axis"), start, stop


def _part_shape(shapes: tuple[Shape, ...], node: Op) -> Shape:
    axis, start, stop = ends_of(node)
    there = shapes[0][axis] if axis < len(shapes[0]) else 0
    if isinstance(there, int) and isinstance(stop, int) and stop > there:
        raise ShapeError(f"there are no {stop} slices along axis {axis} of {described(shapes[0])}")
    return (*shapes[0][:axis], combined((1, stop), (-1, start)), *shapes[0][axis + 1 :])


def _part(g: Expr, _: Expr, node: Op, rules: Rules) -> Shares:
    axis, start, stop = ends_of(node)
    shape = rules.shape(node.args[0])
    index = tuple((start, stop) if i == axis else None for i in range(len(shape)))
    return (op("place", g, index=index, shape=shape),)


def choices(node: Op) -> tuple[Choice, ...]:
    """What the node takes along each axis; the axes it does not name are taken whole."""
    index = node.option("index")
    assert isinstance(index, tuple), node
    return tuple(map(_choice, index))


def _choice(written: object) -> Choice:
    match written:
        case None | int():
            return written
        case (int(start), int(stop)):
            return start, stop
        case (tuple(rows),):
            return [row for row in rows if isinstance(row, int)]
    raise AssertionError(written)


@lru_cache(maxsize=4_096)
def _selector(index: tuple[Option, ...]) -> tuple[int | slice | Rows, ...]:
    return tuple(
        slice(*i) if isinstance(i, tuple) else slice(None) if i is None else i
        for i in map(_choice, index)
    )


def _at_shape(shapes: tuple[Shape, ...], node: Op) -> Shape:
    (shape,) = shapes
    chosen = choices(node)
    if len(chosen) > len(shape):
        raise ShapeError(f"{described(shape)} has no entry with {len(chosen)} indices")
    kept: list[Size] = []
    for choice, size in zip(chosen, shape, strict=False):
        if choice is None:
            kept.append(size)
        elif isinstance(choice, tuple):
            if isinstance(size, int) and choice[1] > size:
                raise ShapeError(f"there are no such entries in {described(shape)}")
            kept.append(choice[1] - choice[0])
        elif isinstance(choice, list):
            if isinstance(size, int) and max(choice) >= size:
                raise ShapeError(f"there are no such entries in {described(shape)}")
            kept.append(len(choice))
        elif isinstance(size, int) and not 0 <= choice < size:
            raise ShapeError(f"there is no such entry in {described(shape)}")
    return (*kept, *shape[len(chosen) :])


def _place_shape(shapes: tuple[Shape, ...], node: Op) -> Shape:
    whole = sizes(node)
    room = _at_shape((whole,), node)
    if shapes[0] not in ((), room):
        raise ShapeError(f"{described(shapes[0])} does not fit into {described(room)}")
    return whole


def at(x: Array, index: tuple[Option, ...] = ()) -> Array:
    """One entry, row or column, or several; None takes a whole axis."""
    return np.asarray(x[_selector(index)])


def place(g: Array, index: tuple[Option, ...] = (), shape: tuple[int, ...] = ()) -> Array:
    """Zeros of a shape with `g` in the place that `index` names; what meets in one adds up."""
    whole = np.zeros(shape)
    chosen = _selector(index)
    if any(isinstance(choice, list) for choice in chosen):
        np.add.at(whole, chosen, g)  # type: ignore[arg-type]  # slices and lists will do
    else:
        whole[chosen] = g
    return whole


def _at_entry(node: Op, index: Index, write: Entries) -> Expr:
    rest = list(index)
    full: list[Position] = []
    found = _chosen_rows(node, index, write)
    if found is not None:
        return found
    for choice in choices(node):
        if isinstance(choice, int):
            full.append(choice)
        elif isinstance(choice, list):
            full.append(choice[operator.index(rest.pop(0))])
        else:
            full.append(rest.pop(0) + (choice[0] if choice else 0))
    return write.at(node.args[0], (*full, *rest))


def _chosen_rows(node: Op, index: Index, write: Entries) -> Expr | None:
    """An entry of rows that a list names: row 3 where t is 1, row 1 where it is 2; None where
    the place in the list is a number."""
    options = node.option("index")
    assert isinstance(options, tuple)
    kept = [place for place, one in enumerate(choices(node)) if not isinstance(one, int)]
    for place, axis in enumerate(kept):
        rows, where = choices(node)[axis], index[place]
        if not isinstance(rows, list) or isinstance(where, int):
            continue
        parts: list[Expr] = []
        for number, row in enumerate(rows):
            one = op("at", *node.args, index=(*options[:axis], row, *options[axis + 1 :]))
            entry = write.at(one, (*index[:place], *index[place + 1 :]))
            parts.append(build.scalar_mul(entry, write.same(where, number)))
        return build.sum_of(parts)
    return None


def _place_entry(node: Op, index: Index, write: Entries) -> Expr:
    """The entry that was put there; where rows were, those that meet in it."""
    chosen = choices(node)
    found: list[tuple[Expr, tuple[Position, ...]]] = [(build.ONE, ())]
    for i, choice in zip(index, (*chosen, *(None,) * (len(index) - len(chosen))), strict=True):
        ways = [*_ways_there(i, choice, write)]
        found = [
            (build.scalar_mul(held, here), (*inner, *own))
            for held, inner in found
            for here, own in ways
        ]
    return build.sum_of(
        build.scalar_mul(write.at(node.args[0], inner), here) for here, inner in found
    )


def _ways_there(
    i: Position, choice: object, write: Entries
) -> Iterator[tuple[Expr, tuple[Position, ...]]]:
    """The places along an axis of what was put there that come to place i, each with what is 1
    where it does; a place in letters may be any."""
    if choice is None:
        yield build.ONE, (i,)
        return
    rows = isinstance(choice, list)
    for k, one in enumerate(choice if isinstance(choice, list) else [choice]):
        start, stop = one if isinstance(one, tuple) else (one, one + 1)
        here = _whether_within(i, start, stop, write)
        if here != build.ZERO:
            yield here, (k,) if rows else (i - start,) if isinstance(one, tuple) else ()


def _whether_within(i: Position, start: int, stop: int, write: Entries) -> Expr:
    """1 from start up to stop, else 0."""
    if isinstance(i, int):
        return build.ONE if start <= i < stop else build.ZERO
    if stop - start == 1:
        return write.same(i, start)
    return write.within(i, start, stop - 1)


PARTS = (
    Operation(
        "stack",
        "stacked",
        Notation("special", "stack"),
        _stack_shape,
        lambda *args: np.stack(args),
        arity=None,
        pullback=lambda g, r, node, rules: tuple(_row(g, i, rules) for i in range(len(node.args))),
        entry=lambda node, index, write: write.at(node.args[index[0]], index[1:]),
        moves=True,
    ),
    Operation(
        "concat",
        "joined",
        Notation("special", "concat"),
        _concat_shape,
        lambda *args, axis=0: np.concatenate(args, axis=axis),
        arity=None,
        pullback=_concat,
        entry=_concat_entry,
        options={"axis": 0},
        moves=True,
    ),
    Operation(
        "part",
        "a part",
        Notation("special", "part"),
        _part_shape,
        part,
        pullback=_part,
        entry=lambda node, index, write: write.at(
            node.args[0], shifted(index, node.whole("axis"), placed(ends_of(node)[1]))
        ),
        options={"axis": ..., "start": ..., "stop": ...},
        public=False,
        moves=True,
    ),
    Operation(
        "at",
        "an entry",
        Notation("special", "at"),
        _at_shape,
        at,
        pullback=lambda g, r, node, rules: (
            op("place", g, index=node.option("index"), shape=rules.shape(node.args[0])),
        ),
        entry=_at_entry,
        options={"index": ...},
        public=False,
        moves=True,
    ),
    Operation(
        "place",
        "in its place among zeros",
        Notation("special", "place"),
        _place_shape,
        place,
        pullback=lambda g, r, node, rules: (op("at", g, index=node.option("index")),),
        entry=_place_entry,
        options={"index": ..., "shape": ...},
        public=False,
        moves=True,
    ),
)

"""Many formulas that share most of their parts to their values: what is done alike is done at once.

A gradient of a convolution has a thousand wrong formulas, each of a few sums and products of its
own. One call of NumPy for all sums of a size takes hardly longer than that for one of them, and
rounds as it does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final, TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from backprop_cli.algebra.expr import Expr, Folded, Num, Op, Sym
from backprop_cli.operations.bounds import Array
from backprop_cli.operations.table import TABLE

Work = Callable[[Op, list[Array]], Array]
"""The value of an operation applied to values."""
_Shape = tuple[int, ...]
_Slots = NDArray[np.intp]


class ManyAtOnce:
    """Formulas of one shape as a program: the same parts once, each with those like it."""

    def __init__(self, formulas: Sequence[Expr]) -> None:
        self._slots: dict[object, int] = {}
        self._nodes: list[tuple[Expr, tuple[int, ...]]] = []
        self._levels: list[int] = []
        each = Folded(self._leaf, self._node)
        self._formulas = np.array([each.of(one) for one in formulas], dtype=np.intp)
        self._slots.clear()
        self._programs: dict[object, list[_Step]] = {}

    @property
    def names(self) -> Iterator[str]:
        """The names in them."""
        return (node.name for node, _ in self._nodes if isinstance(node, Sym))

    def values(self, numbers: Mapping[str, Array], work: Work) -> Array:
        """The values of all formulas, one behind the other."""
        store = _Store(len(self._nodes))
        for slot, (node, _) in enumerate(self._nodes):
            if not isinstance(node, Op):
                store.put(slot, _given(node, numbers))
        key = tuple((each.shape, each.flags.c_contiguous) for each in store.alone.values())
        if key in self._programs:
            for step in self._programs[key]:
                step.run(store, work)
        else:
            self._programs[key] = list(self._first(store, work))
        return store.all(self._formulas)

    def _leaf(self, leaf: Sym | Num) -> int:
        name = leaf.name if isinstance(leaf, Sym) else leaf.value.as_integer_ratio()
        return self._slot(name, leaf, ())

    def _node(self, node: Op, args: list[int]) -> int:
        return self._slot((node.name, node.options, *args), node, tuple(args))

    def _slot(self, key: object, node: Expr, args: tuple[int, ...]) -> int:
        slot = self._slots.setdefault(key, len(self._nodes))
        if slot == len(self._nodes):
            self._nodes.append((node, args))
            below = (self._levels[one] for one in args)
            self._levels.append(1 + max(below, default=0) if isinstance(node, Op) else 0)
        return slot

    def _first(self, store: _Store, work: Work) -> Iterator[_Step]:
        """Works all of it out, and says in which steps."""
        order = sorted(range(len(self._nodes)), key=self._levels.__getitem__)
        for level, slots in groupby(order, key=self._levels.__getitem__):
            for step in self._steps(slots, store) if level else ():
                step.run(store, work)
                yield step

    def _steps(self, slots: Iterator[int], store: _Store) -> Iterator[_Step]:
        """The parts of one level, those that are alike together."""
        alike: dict[object, list[int]] = {}
        for slot in slots:
            node, args = self._nodes[slot]
            assert isinstance(node, Op)
            shapes = tuple(store.shapes[one] for one in args)
            together = _is_done_together(node) and not store.apart.intersection(args)
            key = (node.name, node.options, shapes) if together else slot
            alike.setdefault(key, []).append(slot)
        for each in alike.values():
            node, args = self._nodes[each[0]]
            assert isinstance(node, Op)
            if len(each) == 1:
                yield _Alone(node, each[0], args)
            else:
                rows = np.array([self._nodes[slot][1] for slot in each], dtype=np.intp).T
                own = [store.shapes[one] for one in args]
                yield _Together(node, np.array(each), tuple(zip(own, rows, strict=True)))


class _Store:
    """The values of parts: those of a shape one behind the other, and as they were worked out.

    What stays `apart` is large, or does not lie in the order of memory: sums go by that.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._by_shape: dict[_Shape, Array] = {}
        self.shapes: dict[int, _Shape] = {}
        self.alone: dict[int, Array] = {}
        self.apart: set[int] = set()

    def all(self, slots: _Slots) -> Array:
        """The values of some parts of one shape."""
        if self.apart.isdisjoint(slots.tolist()):
            return self.rows(self.shapes[int(slots[0])], slots)
        return np.array([self.value(slot) for slot in slots.tolist()])

    def rows(self, shape: _Shape, slots: _Slots) -> Array:
        """The same of parts that do not stay apart."""
        return self._of(shape)[slots]

    def _of(self, shape: _Shape) -> Array:
        if shape not in self._by_shape:
            self._by_shape[shape] = np.empty((self._count, *shape))
        return self._by_shape[shape]

    def value(self, slot: int) -> Array:
        """The value of one part."""
        found = self.alone.get(slot)
        return self._of(self.shapes[slot])[slot, ...] if found is None else found

    def put(self, slot: int, value: Array) -> None:
        """Keeps a value that was worked out by itself."""
        self.alone[slot], self.shapes[slot] = value, value.shape
        if value.size > _LARGEST or not value.flags.c_contiguous:
            self.apart.add(slot)
        else:
            self._of(value.shape)[slot] = value

    def put_all(self, slots: _Slots, values: Array) -> None:
        """Keeps values that were worked out together."""
        shape = values.shape[1:]
        self._of(shape)[slots] = values
        self.shapes.update(dict.fromkeys(slots.tolist(), shape))


_LARGEST: Final = 100
"""Entries of what is worked out together: of more, one call takes as long as many."""


class _Alone(Struct, frozen=True):
    """One part that is worked out by itself."""

    node: Op
    slot: int
    args: tuple[int, ...]

    def run(self, store: _Store, work: Work) -> None:
        """Works it out."""
        store.put(self.slot, work(self.node, [store.value(one) for one in self.args]))


class _Together(Struct, frozen=True):
    """Parts that do the same with values of the same shapes."""

    node: Op
    slots: _Slots
    args: tuple[tuple[_Shape, _Slots], ...]

    def run(self, store: _Store, _: Work) -> None:
        """Works them out."""
        args = [store.rows(shape, slots) for shape, slots in self.args]
        store.put_all(self.slots, _together(self.node, args))


_Step: TypeAlias = "_Alone | _Together"


def _given(leaf: Expr, numbers: Mapping[str, Array]) -> Array:
    assert isinstance(leaf, Sym | Num)
    return numbers[leaf.name] if isinstance(leaf, Sym) else np.asarray(float(leaf.value))


_ENTRY_BY_ENTRY = {name: TABLE[name].value for name in ("add", "sub", "mul", "div", "neg")}
"""What floats define exactly, so that it does not depend on what stands beside a number."""


def _is_done_together(node: Op) -> bool:
    """Whether many such parts are worked out by one call."""
    index = node.option("index")
    one = isinstance(index, tuple) and all(isinstance(each, int) for each in index)
    return node.name in _ENTRY_BY_ENTRY or node.name == "stack" or (node.name in _MOVING and one)


def _together(node: Op, args: Sequence[Array]) -> Array:
    """The values of operations on values that lie one behind the other."""
    if (value := _ENTRY_BY_ENTRY.get(node.name)) is not None:
        axes = max(one.ndim for one in args)
        lifted = (one.reshape(len(one), *[1] * (axes - one.ndim), *one.shape[1:]) for one in args)
        return np.asarray(value(*lifted))
    if node.name == "stack":
        return np.stack(args, axis=1)
    return _MOVING[node.name](node, args[0])


def _at(node: Op, values: Array) -> Array:
    return values[_chosen(node)]


def _place(node: Op, values: Array) -> Array:
    shape = node.option("shape")
    assert isinstance(shape, tuple)
    whole = np.zeros((len(values), *map(int, map(str, shape))))
    whole[_chosen(node)] = values if values.ndim > 1 else values.reshape(-1, *_ones(node, whole))
    return whole


def _chosen(node: Op) -> tuple[int | slice, ...]:
    index = node.option("index")
    assert isinstance(index, tuple)
    return (slice(None), *(each for each in index if isinstance(each, int)))


def _ones(node: Op, whole: Array) -> tuple[int, ...]:
    """One number may fill a row."""
    return (1,) * (whole.ndim - len(_chosen(node)))


_MOVING = {"at": _at, "place": _place}

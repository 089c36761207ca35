"""A long formula to steps, each of which works out all parts of it that are alike.

A gradient of a convolution that is written out has hundreds of entries, products and places, which
differ in nothing but their indices. Rounded or not, what is done to one of them is done to each: so
they are worked out as one part, of numbers that lie one behind the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from backprop_cli.algebra.expr import Expr, InOrder, Op, Sym
from backprop_cli.operations.bounds import Array, Interval, point

Rows: TypeAlias = "int | NDArray[np.intp] | None"
"""Which of the parts that are alike is taken, or which of them; None: as they are."""
_Part: TypeAlias = "tuple[int, int]"
"""The step that works a part out, and which it is there."""


class Step(Struct, frozen=True):
    """Parts that are alike, `node` one of them: how many, and from which steps their arguments are.

    What moves entries has an `index` for each of its own.
    """

    node: Expr
    count: int
    args: Sequence[tuple[int, Rows]]
    index: tuple[NDArray[np.intp], ...] = ()
    together: Sequence[bool] = ()
    """Which of the arguments are of parts one behind the other."""

    @property
    def moves(self) -> bool:
        """Whether many parts only put entries elsewhere."""
        return self.count > 1 and isinstance(self.node, Op) and self.node.name in _MOVING

    def moved(self, args: Sequence[Array]) -> Array:
        """The values of such parts on those of their arguments."""
        assert isinstance(self.node, Op)
        if self.node.name == "stack":
            alike = (self._each(*one) for one in zip(args, self.together, strict=True))
            return np.stack(list(alike), axis=1)
        each = np.arange(self.count)
        if self.node.name == "at":
            return np.asarray(args[0][(each, *self.index) if self.together[0] else self.index])
        whole = np.zeros((self.count, *_sizes(self.node)))
        value = self._each(args[0], self.together[0])
        room = whole.ndim - 1 - len(self.index)
        whole[(each, *self.index)] = lifted(value, room)
        return whole

    def _each(self, arg: Array, together: bool) -> Array:
        return arg if together else np.broadcast_to(arg, (self.count, *arg.shape))

    def axes(self, args: Sequence[Array]) -> int:
        """How many axes one of the parts has."""
        found = zip(args, self.together, strict=True)
        return max(one.ndim - together for one, together in found)


def lifted(value: Array, axes: int) -> Array:
    """Values one behind the other, so that each meets what has so many axes."""
    if value.ndim > axes:
        return value
    return value.reshape(len(value), *(1,) * (axes + 1 - value.ndim), *value.shape[1:])


class Plan(Struct, frozen=True):
    """The steps of a formula, and where its parts are worked out, by their identity."""

    steps: Sequence[Step]
    parts: Mapping[int, tuple[int, int | None]]


def planned(expr: Expr, found: InOrder) -> Plan | None:
    """The steps of a formula; None where too few of its parts are alike."""
    kept = _KEPT.get(id(expr))
    if kept is None:
        if len(_KEPT) >= _MOST_KEPT:
            _KEPT.clear()
        kept = _KEPT[id(expr)] = expr, _planned(found)
    return kept[1]


_MOST_KEPT: Final = 200
_KEPT: dict[int, tuple[Expr, Plan | None]] = {}
"""What formulas that are worked out again and again consist of: a cache, and nothing else."""


def _planned(found: InOrder) -> Plan | None:
    sorting = _Sorting()
    made: list[_Part] = []
    for part, args in found.parts:
        made.append(sorting.of(part, [made[one] for one in args]))
    if len(sorting.kinds) > _MOST_STEPS * len(made):
        return None
    steps = [sorting.step(which) for which in range(len(sorting.kinds))]
    where = ((step, row if steps[step].count > 1 else None) for step, row in made)
    return Plan(steps, {id(part): own for (part, _), own in zip(found.parts, where, strict=True)})


_MOST_STEPS: Final = 0.5
"""Of the parts: of more steps one after the other takes no longer than all together."""
_ALIKE: Final = frozenset({"add", "sub", "mul", "div", "neg", "stack"})
"""What is done to each part, and to each entry, whatever stands beside it."""
_MOVING: Final = frozenset({"at", "place", "stack"})


class _Kind(Struct):
    """Parts that are alike: one of them, from which steps their arguments are, and all of them."""

    node: Expr
    args: tuple[int, ...]
    parts: dict[tuple[int, ...], int]


class _Sorting:
    """Puts the parts of a formula to those that are alike; equal ones are one."""

    def __init__(self) -> None:
        self.kinds: list[_Kind] = []
        self._by_key: dict[object, int] = {}

    def of(self, node: Expr, args: Sequence[_Part]) -> _Part:
        """One part: those with arguments that are alike are, and those of other indices."""
        if not isinstance(node, Op):
            name = node.name if isinstance(node, Sym) else node.value.as_integer_ratio()
            return self._part(name, node, (), ())
        steps, rows = tuple(step for step, _ in args), tuple(row for _, row in args)
        if (index := _entry(node)) is not None:
            alike = node.name, node.option("shape"), len(index), steps
            return self._part(alike, node, steps, (*rows, *index))
        own = () if node.name in _ALIKE else rows
        return self._part((node.name, node.options, steps, own), node, steps, rows)

    def _part(self, key: object, node: Expr, steps: tuple[int, ...], own: tuple[int, ...]) -> _Part:
        which = self._by_key.setdefault(key, len(self.kinds))
        if which == len(self.kinds):
            self.kinds.append(_Kind(node, steps, {}))
        parts = self.kinds[which].parts
        return which, parts.setdefault(own, len(parts))

    def step(self, which: int) -> Step:
        """Those of a kind as one step."""
        kind = self.kinds[which]
        own = np.array(list(kind.parts), dtype=np.intp).reshape(len(kind.parts), -1)
        args = [
            (step, self._rows(step, rows)) for step, rows in zip(kind.args, own.T, strict=False)
        ]
        together = [rows is not None or len(self.kinds[step].parts) > 1 for step, rows in args]
        index = tuple(own.T[len(args) :])
        return Step(kind.node, len(own), args, index, together)

    def _rows(self, step: int, rows: NDArray[np.intp]) -> Rows:
        count = len(self.kinds[step].parts)
        if count == 1 or np.array_equal(rows, np.arange(count)):
            return None
        return rows if len(rows) > 1 else int(rows[0])


def _entry(node: Op) -> tuple[int, ...] | None:
    """The entry, or row, that is taken or filled; None where it is several."""
    index = node.option("index")
    if node.name not in _MOVING or not isinstance(index, tuple):
        return None
    whole = tuple(one for one in index if isinstance(one, int))
    return whole if len(whole) == len(index) else None


def _sizes(node: Op) -> tuple[int, ...]:
    shape = node.option("shape")
    assert isinstance(shape, tuple)
    return tuple(map(int, map(str, shape)))


# What is known of parts, singly or at once -------------------------------------------------------


class Reached(Struct, frozen=True):
    """What is known of a part of a formula: before its own rounding, and after it.

    `digits` tells whether it has the digits of the sheet: a name, or what brings no new ones to it.
    """

    bare: Interval
    rounded: Interval
    digits: bool


class Known(dict[int, Reached | None]):
    """What is known of parts by their identity; of those that steps worked out, once it is asked.

    None of all others.
    """

    def __init__(self) -> None:
        super().__init__()
        self._by_steps: list[tuple[Plan, Sequence[Reached]]] = []

    def learn(self, plan: Plan, steps: Sequence[Reached]) -> None:
        """Takes notice of what is known after each step of a formula."""
        self._by_steps.append((plan, steps))

    def share(self, expr: InOrder) -> float:
        """How much of a formula is known."""
        parts = {id(part) for part, _ in expr.parts}
        known = parts & self.keys()
        known.update(*(parts & plan.parts.keys() for plan, _ in self._by_steps))
        return len(known) / len(parts)

    @property
    def look(self) -> Callable[[int], Reached | None]:
        """What gives what is known of a part, or None."""
        return self.__getitem__ if self._by_steps else self.get  # which takes a fifth of the time

    def __missing__(self, part: int) -> Reached | None:
        for plan, steps in self._by_steps:
            if part in plan.parts:
                step, row = plan.parts[part]
                self[part] = found = taken(steps[step], row)
                return found
        return None


def taken(reached: Reached, rows: Rows) -> Reached:
    """What is known of some of the parts that are alike."""
    return reached if rows is None else _changed(reached, lambda one: one[rows, ...])


def side_by_side(step: Step, args: Sequence[Reached]) -> list[Reached]:
    """The arguments of parts that are alike, each one's beside each other."""
    axes = step.axes([arg.bare[0] for arg in args])
    return [
        _changed(arg, lambda one: lifted(one, axes))
        if together and arg.bare[0].ndim <= axes
        else arg
        for arg, together in zip(args, step.together, strict=True)
    ]


def moved(step: Step, args: Sequence[Reached], *, at_once: bool) -> Reached:
    """What is known of parts that only put entries elsewhere, on what is known of these.

    Where nothing is asked for before its rounding, they go on `at_once` with what was written down.
    """
    rounded = _moved(step, [arg.rounded for arg in args])
    bare = rounded if at_once else _moved(step, [arg.bare for arg in args])
    return Reached(bare, rounded, all(arg.digits for arg in args))


def _moved(step: Step, args: Sequence[Interval]) -> Interval:
    low = step.moved([one[0] for one in args])
    if all(one[0] is one[1] for one in args):
        return point(low)
    return low, step.moved([one[1] for one in args])


def _changed(reached: Reached, change: Callable[[Array], Array]) -> Reached:
    bare = _both(reached.bare, change)
    rounded = bare if reached.rounded is reached.bare else _both(reached.rounded, change)
    return Reached(bare, rounded, reached.digits)


def _both(interval: Interval, change: Callable[[Array], Array]) -> Interval:
    low, high = interval
    return point(change(low)) if low is high else (change(low), change(high))

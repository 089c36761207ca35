"""Arrays as they are -> the way in which a program keeps them, and out of it.

Samples as rows or as columns, W as inputs × units or turned: whoever computes x W + b where the
problem says W x + b has everything right, transposed. So has who keeps the channels of a picture,
or the steps of a sequence, as the last axis. That is taken for all arrays or for none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import numpy as np
from msgspec import Struct

from backprop_cli.algebra.quantity import derivative_id, new_id
from backprop_cli.grading.exercise import Exercise
from backprop_cli.grading.report_data import Shape
from backprop_cli.trace import Array

AFFINE: Final = ("W x + b", "W^T x + b", "x W + b", "x W^T + b")
_ROWS: Final = frozenset(AFFINE[2:])
_INPUTS_FIRST: Final = frozenset({"W^T x + b", "x W + b"})
Axes: TypeAlias = tuple[str, ...]
_ALIKE: Final = 1e-3
"""So near to the true values, by the largest, is surely no other quantity's."""


_CHANNELS_LAST: Final = ("picture", "sample", "height", "width", "channel", "filter")
_CHANNELS: Final = frozenset({"channel", "filter"})

Found: TypeAlias = "tuple[str, np.ndarray[Any, np.dtype[Any]]]"
"""What an array is called by the program, and what is in it."""

Order: TypeAlias = tuple[int, ...]
"""Where each axis of an array, as it is kept, stands as the problem has it."""


class Stack(Struct, frozen=True):
    """An array in which quantities of the same shape stand behind each other."""

    name: str
    ids: tuple[str, ...]
    array: np.ndarray[Any, np.dtype[Any]]

    def parts(self, last: bool) -> dict[str, Found]:
        """What it is cut into along its first or last axis, as the program would call it."""
        along = np.moveaxis(self.array, -1 if last else 0, 0)
        before = ("..., " if self.array.ndim > 1 else "") if last else ""
        if len(along) != len(self.ids):
            return {self.ids[0]: (self.name, self.array)}
        return {id: (f"{self.name}[{before}{k}]", along[k]) for k, id in enumerate(self.ids)}


class Stored(Struct, frozen=True):
    """A way to keep arrays: in which order the axes of some quantities stand in it."""

    affine: str | None = None
    channels_last: bool = False
    steps_last: bool = False
    orders: Mapping[str, Order] = MappingProxyType({})

    def shape(self, id: str, shape: Shape) -> Shape:
        """The shape of a quantity as it is kept."""
        order = self.orders.get(id)
        return shape if order is None else tuple(shape[axis] for axis in order)

    def apart(self, named: Mapping[str, Found], stacks: Sequence[Stack]) -> dict[str, Found]:
        """All arrays by their ids, those in stacks, too."""
        found: dict[str, Found] = {}
        for stack in stacks:
            found |= stack.parts(self.steps_last)
        return found | dict(named)

    @property
    def words(self) -> str | None:
        """What the report says of it."""
        said = [f"as {self.affine} keeps them"] if self.affine else []
        said += ["with the channels last"] if self.channels_last else []
        said += ["with the steps as the last axis"] if self.steps_last else []
        return f"the arrays are read {' and '.join(said)}: so they all fit" if said else None


def ways(exercise: Exercise) -> list[Stored]:
    """As the problem declares it, then the other ways, what turns least first."""
    axes = dict(_axes(exercise))
    turned: dict[str | None, dict[str, Order]] = {None: {}}
    turned |= {said: _turned(exercise, said, axes) for said in _others(exercise)}
    last = {id: order for id, along in axes.items() if (order := _channels_last(along))}
    steps = {id: (1, 0) for id, along in axes.items() if len(along) == 2 and along[0] == "step"}
    over_time = any(each.of == "step" for each in exercise.model.over_time)
    found = [
        Stored(said, bool(channels), bool(times), orders | channels | times)
        for said, orders in turned.items()
        for channels in ({}, *([last] if last else ()))
        for times in ({}, *([steps] if over_time else ()))
    ]
    return sorted(found, key=lambda way: len(way.orders))


def _others(exercise: Exercise) -> list[str]:
    problem = exercise.model.problem
    return [] if problem.layers is None else [a for a in AFFINE if a != problem.convention.affine]


def _turned(exercise: Exercise, affine: str, axes: Mapping[str, Axes]) -> dict[str, Order]:
    """What stands transposed where a layer is written so."""
    said = exercise.model.problem.convention.affine
    found: set[str] = set()
    if (affine in _ROWS) != (said in _ROWS):
        found |= {id for id, along in axes.items() if len(along) == 2 and "sample" in along}
    if (affine in _INPUTS_FIRST) != (said in _INPUTS_FIRST):
        found |= {id for id, along in axes.items() if sorted(along) == ["input", "unit"]}
    return dict.fromkeys(found, (1, 0))


def _channels_last(along: Axes) -> Order | None:
    if not _CHANNELS & {*along} or not {*along} <= {*_CHANNELS_LAST}:
        return None
    return tuple(sorted(range(len(along)), key=lambda axis: _CHANNELS_LAST.index(along[axis])))


def _axes(exercise: Exercise) -> Iterator[tuple[str, Axes]]:
    """What the axes of each array that has several run over."""
    for name, given in exercise.model.given.items():
        if len(given.axes) > 1:
            yield name, given.axes
    for stage in exercise.stages:
        for id, step in stage.steps.items():
            if len(step.axes) > 1:
                yield stage.called(id), step.axes


def stored(
    exercise: Exercise,
    found: Sequence[Stored],
    named: Mapping[str, Found],
    stacks: Sequence[Stack],
    shapes: Callable[[str], Shape],
) -> Stored:
    """The one of these ways in which the arrays fit; as declared unless more fit in another.

    Where squares fit in several, those decide that stand there as they are in one way only.
    """
    fitting = [_fitting(way, way.apart(named, stacks), shapes) for way in found]
    best = max(fitting)
    among = [way for way, count in zip(found, fitting, strict=True) if count == best]
    if len(among) == 1:
        return among[0]
    return max(among, key=lambda way: _alike(exercise, way, among, way.apart(named, stacks)))


def _fitting(way: Stored, arrays: Mapping[str, Found], shapes: Callable[[str], Shape]) -> int:
    return sum(
        as_declared(way, id, array, shapes(id)).shape == shapes(id)
        for id, (_, array) in arrays.items()
    )


def _alike(
    exercise: Exercise, way: Stored, among: Sequence[Stored], arrays: Mapping[str, Found]
) -> int:
    """How many arrays, of those that differ between the ways, are nearly the true ones."""
    cut = len({other.steps_last for other in among}) > 1
    return sum(
        _is_near(way, id, array, exercise.key.truth[id])
        for id, (_, array) in arrays.items()
        if (cut or len({other.orders.get(id) for other in among}) > 1) and id in exercise.key.truth
    )


def _is_near(way: Stored, id: str, value: Array, truth: Array) -> bool:
    found = as_declared(way, id, value, truth.shape)
    return found.shape == truth.shape and _are_near(found, truth)


def _are_near(value: Array, truth: Array) -> bool:
    size = float(np.max(np.abs(truth), initial=0.0))
    return bool((np.abs(value - truth) <= _ALIKE * size).all())


def as_gradients(exercise: Exercise, named: Mapping[str, Found]) -> dict[str, str]:
    """The gradients that arrays by the names of parameters are: `{name: p.grad, ...}`.

    Taken for all of them or for none: where more have the numbers of the gradient than those of
    the parameter, before or after its update. None where a gradient has a name of its own.
    """
    truth, target = exercise.key.truth, exercise.model.target or ""
    found = {id: derivative_id(target, id) for id in named if id in exercise.key.given}
    found = {id: gradient for id, gradient in found.items() if gradient in truth}
    if not named.keys().isdisjoint(found.values()):
        return {}
    told = 0
    for id, gradient in found.items():
        kept = [truth[name] for name in (id, new_id(id)) if name in truth]
        is_kept = any(_is_nearly(named[id][1], value) for value in kept)
        told += _is_nearly(named[id][1], truth[gradient]) - is_kept
    return found if told > 0 else {}


def _is_nearly(value: Array, truth: Array) -> bool:
    """Whether these are its numbers, turned or not."""
    return any(
        way.shape == truth.shape and _are_near(way, truth)
        for way in (np.asarray(value, dtype=float), np.transpose(value))
    )


def as_declared(way: Stored, id: str, value: Array, shape: Shape) -> Array:
    """An array as the problem has it; as it is where it fits in no way of writing it."""
    kept = way.shape(id, shape)
    if value.shape != kept and _has_the_same_axes(value.shape, kept):
        value = value.reshape(kept)
    order = way.orders.get(id, ())
    if not len(order) == value.ndim > 1:
        return value
    return value.transpose([order.index(axis) for axis in range(value.ndim)])


def _has_the_same_axes(shape: Shape, kept: Shape) -> bool:
    """Whether axes of length 1 are all that differs: of matrices, no row is taken for a column."""
    if len(shape) == len(kept) == 2:
        return False
    return [size for size in shape if size != 1] == [size for size in kept if size != 1]

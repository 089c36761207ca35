"""Arrays as they are -> the way of `affine` in which a program keeps them, and out of it.

Samples as rows or as columns, W as inputs × units or turned: whoever computes x W + b where the
problem says W x + b has everything right, transposed. That is taken for all arrays or for none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from msgspec import Struct

from backprop_cli.grading.exercise import Exercise
from backprop_cli.grading.report_data import Shape
from backprop_cli.grading.sheets.cells import is_other_writing
from backprop_cli.trace import Array

AFFINE: Final = ("W x + b", "W^T x + b", "x W + b", "x W^T + b")
_ROWS: Final = frozenset(AFFINE[2:])
_INPUTS_FIRST: Final = frozenset({"W^T x + b", "x W + b"})
_ALIKE: Final = 1e-3
"""So near to the true values, by the largest, is surely no other quantity's."""


class Stored(Struct, frozen=True):
    """A way to keep arrays: which quantities stand transposed in it. `affine` None: as declared."""

    affine: str | None = None
    turned: frozenset[str] = frozenset()

    def shape(self, id: str, shape: Shape) -> Shape:
        """The shape of a quantity as it is kept."""
        return shape[::-1] if id in self.turned else shape

    @property
    def words(self) -> str:
        """What the report says of it."""
        return f"the arrays are read as {self.affine} keeps them: so they all fit"


def ways(exercise: Exercise) -> list[Stored]:
    """As the problem declares it, then the other three ways, what turns least first."""
    return [Stored(), *sorted(_others(exercise), key=lambda way: len(way.turned))]


def _others(exercise: Exercise) -> Iterator[Stored]:
    problem = exercise.model.problem
    if problem.layers is None:
        return
    said = problem.convention.affine
    axes = dict(_axes(exercise))
    for affine in AFFINE:
        if affine == said:
            continue
        turned = set()
        if (affine in _ROWS) != (said in _ROWS):
            turned |= {id for id, along in axes.items() if "sample" in along}
        if (affine in _INPUTS_FIRST) != (said in _INPUTS_FIRST):
            turned |= {id for id, along in axes.items() if set(along) == {"input", "unit"}}
        yield Stored(affine, frozenset(turned))


def _axes(exercise: Exercise) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What the two axes of each matrix run over."""
    for name, given in exercise.model.given.items():
        if len(given.axes) == 2:
            yield name, given.axes
    for stage in exercise.stages:
        for id, step in stage.steps.items():
            if len(step.axes) == 2:
                yield stage.called(id), step.axes


def stored(
    exercise: Exercise,
    found: Sequence[Stored],
    arrays: Mapping[str, Array],
    shapes: Mapping[str, Shape],
) -> Stored:
    """The one of these ways in which the arrays fit; as declared unless more fit in another.

    Where squares fit in several, those decide that stand there as they are in one way only.
    """
    fitting = [sum(_fits(way, id, arrays[id], shapes[id]) for id in arrays) for way in found]
    best = max(fitting)
    among = [way for way, count in zip(found, fitting, strict=True) if count == best]
    if len(among) == 1:
        return among[0]
    return max(among, key=lambda way: _alike(exercise, way, among, arrays))


def _alike(
    exercise: Exercise, way: Stored, among: Sequence[Stored], arrays: Mapping[str, Array]
) -> int:
    """How many arrays, of those that differ between the ways, are nearly the true ones."""
    kept = frozenset.intersection(*(other.turned for other in among))
    some = frozenset.union(*(other.turned for other in among))
    return sum(
        _is_near(way, id, arrays[id], exercise.key.truth[id])
        for id in arrays
        if id in some - kept and id in exercise.key.truth
    )


def _is_near(way: Stored, id: str, value: Array, truth: Array) -> bool:
    expected = truth.T if id in way.turned else truth
    size = float(np.max(np.abs(truth), initial=0.0))
    return value.shape == expected.shape and bool((np.abs(value - expected) <= _ALIKE * size).all())


def _fits(way: Stored, id: str, value: Array, shape: Shape) -> bool:
    return as_declared(way, id, value, shape).shape == shape


def as_declared(way: Stored, id: str, value: Array, shape: Shape) -> Array:
    """An array as the problem has it; as it is where it fits in no way of writing it."""
    kept = way.shape(id, shape)
    if value.shape != kept and is_other_writing(value.shape, kept):
        value = value.reshape(kept)
    return value.T if id in way.turned and value.ndim == 2 else value

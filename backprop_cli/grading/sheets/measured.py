"""A problem -> how far its quantities move when every number behind them is rounded.

Where large numbers cancel (ŷ - y of a network that has learnt it), the roundings of what came in
are large beside what is left: that is measured, by working everything out again from numbers that
are a rounding off, instead of being guessed at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from functools import partial
from math import prod
from typing import Final

import numpy as np

from backprop_cli.algebra.expr import Expr, Folded, Op, Sym, is_sum, places, put, symbols, walk
from backprop_cli.algebra.shapes import Shape, ShapeError
from backprop_cli.grading.exercise import Exercise
from backprop_cli.grading.judging.answer_key import is_jacobian
from backprop_cli.grading.judging.stages import Stage
from backprop_cli.grading.slips.case import part_at
from backprop_cli.grading.slips.plain_workings import Values
from backprop_cli.readings.units import FloatType, largest
from backprop_cli.trace import Array

Names = Set[str]
LineOf = Callable[[Expr, Mapping[str, Array]], tuple[Expr, Mapping[str, Array]]]
"""A line as it is worked out, and the numbers that it is worked out on."""

_RUNS: Final = 3
_ROOM: Final = 8
"""So many times as far as in these runs a program may be off."""

_FINER: Final = 100
_LINEAR: Final = 10
"""With roundings a hundredth as large, what moves for them moves less than a tenth as far."""

_FINEST: Final = float(np.finfo(np.float64).eps)
"""Smaller roundings than this are none at all: what is worked out here has as many digits."""


def moved(exercise: Exercise, kind: FloatType) -> dict[str, float]:
    """How far each quantity may be off for its roundings, by its largest entry; if all is 0, by 1.

    At a kink everything moves, however small the roundings are. A program is at it as the problem
    is: there they leave a 0 what it is, and equal what is. What jumps all the same is excused no
    more than `worst`, and so is what moves only for roundings within a line.
    """
    own, steady = _measured(exercise, kind, apart=True)
    jumping = own.keys() - steady
    if jumping:
        at_kinks, still = _measured(exercise, kind, apart=False)
        for name in jumping:
            size = at_kinks[name] if name in still else kind.worst / _ROOM
            own[name] = min(own[name], size)
    within, still = _measured(exercise, kind, apart=True, inside=True)
    more = {name: min(within[name], kind.worst / _ROOM) for name in steady & still}
    return {name: _ROOM * max(size, more.get(name, 0.0)) for name, size in own.items()}


def _measured(
    exercise: Exercise, kind: FloatType, apart: bool, *, inside: bool = False
) -> tuple[dict[str, float], Names]:
    """How far each quantity moves, and those of them that move the less the smaller roundings are.

    What is worked out here has the digits of float64: roundings smaller than that are none at all.
    """
    near = _moved(exercise, max(kind.epsilon / _FINER, _FINEST), apart, inside)
    far = _moved(exercise, max(kind.epsilon, _FINEST * _FINER), apart, inside)
    steady = {name for name, size in near.items() if _LINEAR * size <= far[name]}
    return (far if kind.epsilon > _FINEST else near), steady


def _moved(exercise: Exercise, epsilon: float, apart: bool, inside: bool) -> dict[str, float]:
    found: dict[str, float] = {}
    for seed in range(_RUNS):
        for name, value in _off(exercise, epsilon, seed, apart, inside).items():
            truth = exercise.key.truth[name]
            distance = largest(value - truth) / (largest(truth) or 1.0)
            found[name] = max(found.get(name, 0.0), distance)
    return found


def _off(
    exercise: Exercise, epsilon: float, seed: int, apart: bool, inside: bool
) -> dict[str, Array]:
    """Every quantity worked out with every number on the way a rounding off.

    Unless they may come `apart`, numbers that are equal stay so, and a 0 stays 0. `inside`: with
    what stands within a line, too.
    """
    random = np.random.default_rng(seed)
    key = exercise.key

    def rounded(value: Array) -> Array:
        return np.asarray(value * (1 + epsilon * random.uniform(-1, 1, value.shape)))

    line_of = partial(_rounded_inside, rounded=rounded) if inside else _as_it_is
    numbers = {name: rounded(value) for name, value in key.truth.items()}
    if not apart:
        numbers = {name: _together(value, key.truth[name]) for name, value in numbers.items()}
    for name in exercise.order:
        ways = [way for way in key.formulas.get(name, ()) if not is_jacobian(way)]
        if ways and name in key.truth:  # a Jacobian may be too large to have a value
            numbers[name] = rounded(_finite(ways, numbers, key.truth[name], line_of))
            if not apart:
                numbers[name] = _together(numbers[name], key.truth[name])
    return numbers


def _finite(
    ways: Iterable[Expr], numbers: Mapping[str, Array], truth: Array, line_of: LineOf
) -> Array:
    """The value by the first way that has one: where p is 0, (y / p) · p has none, and y has."""
    value = truth
    for way in ways:
        line, known = line_of(way, numbers)
        value = Values(known).of(line)
        if np.isfinite(value).all() or not np.isfinite(truth).all():
            break
    return value


def _as_it_is(expr: Expr, numbers: Mapping[str, Array]) -> tuple[Expr, Mapping[str, Array]]:
    return expr, numbers


def _rounded_inside(
    expr: Expr, numbers: Mapping[str, Array], rounded: Callable[[Array], Array]
) -> tuple[Expr, Mapping[str, Array]]:
    """A line whose inner sums are a rounding off, too: ln(1 - p), where p is next to nothing."""
    sums = [place for place, node in places(expr) if place and is_sum(node)]
    inside = dict(numbers)
    for number, place in enumerate(sorted(sums, key=len, reverse=True)):
        name = f"sum {number}"
        inside[name] = rounded(Values(inside).of(part_at(expr, place) or expr))
        expr = put(expr, place, Sym(name))
    return expr, inside


def _together(value: Array, truth: Array) -> Array:
    """A value whose entries are equal where the true ones are, and 0 where these are."""
    _, first, groups = np.unique(truth, return_index=True, return_inverse=True)
    return np.where(truth == 0, 0.0, value.ravel()[first][groups].reshape(truth.shape))


def terms_behind(stages: Iterable[Stage]) -> dict[str, int]:
    """For each quantity the terms of its own sums and of the longest way to it."""
    found: dict[str, int] = {}
    for stage in stages:
        shapes = stage.sizes.shared()
        for id, step in stage.steps.items():
            before = (found.get(name, 0) for name in symbols(stage.written(step.expr)))
            found[stage.called(id)] = _own(step.expr, shapes) + max(before, default=0)
    return found


def _own(expr: Expr, shapes: Folded[Shape]) -> int:
    """The terms of the sums in one formula; an operation that adds nothing up counts as one."""
    return sum(_terms(node, shapes) for node in walk(expr) if isinstance(node, Op))


def _terms(node: Op, shapes: Folded[Shape]) -> int:
    """How many numbers go into an entry of the result: all there are, for each that comes out."""
    try:
        into = [_count(shapes.of(arg)) for arg in node.args]
        out = _count(shapes.of(node))
    except (ShapeError, KeyError):
        return 1
    if node.name == "matmul":
        first = shapes.of(node.args[0])
        return int(first[-1]) if first else 1
    if "softmax" in node.name:
        shape, axis = shapes.of(node), node.axis
        return int(shape[axis]) if axis is not None and shape else out
    return max(1, max(into, default=1) // max(out, 1))


def _count(shape: Shape) -> int:
    return prod(int(size) for size in shape)

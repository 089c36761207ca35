"""Gradients to their largest relative error against central finite differences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import reduce

import numpy as np
from msgspec import Struct

from backprop_cli.algebra.build import add
from backprop_cli.algebra.expr import Expr, Op, Sym, op, rewrite, symbols, walk
from backprop_cli.calculus.differentiate import reaching
from backprop_cli.problem.model import Array, Model
from backprop_cli.readings.program import Program, Rounds, fastest, rounds, size_of
from backprop_cli.readings.values import evaluate

MAX_ENTRIES = 200
"""Entries checked of each gradient; of larger ones, so many spread evenly."""

_EPSILON = float(np.finfo(float).eps)
_STEP = float(np.cbrt(_EPSILON))
_NOTICED = 1e6  # below so many times the rounding of the target, differences say nothing
_TINY = 1e-300
_TARGET = "the target"  # no id has a space in it
_RUNS = 6  # of the target for each entry
_CLOSER = 8
"""How much closer a second pair of slopes looks where the first two differ."""


class Check(Struct, frozen=True):
    """One gradient against finite differences; `kinks` entries have no slope and were left out."""

    id: str
    checked: int
    kinks: int
    error: float


def verify(model: Model, values: Mapping[str, Array]) -> tuple[Check, ...]:
    """Each gradient of the target compared with differences of the target itself."""
    if not model.seeds:
        return ()
    found = []
    with np.errstate(all="ignore"):  # what overflows has an error that says so
        for name in model.shapes:
            id = model.gradient(name)
            if id in values and name in values:
                found.append(_check(model, values, name, values[id]))
    return tuple(found)


def _check(model: Model, values: Mapping[str, Array], name: str, gradient: Array) -> Check:
    finite = np.isfinite(values[name])  # what is infinite cannot be moved
    places = [place for place in np.ndindex(gradient.shape) if finite[place]]
    chosen = places[:: max(1, -(-len(places) // MAX_ENTRIES))]
    target = _Target(model, values, name, len(chosen))
    largest = float(np.max(np.abs(gradient), initial=0.0))
    worst, kinks = 0.0, 0
    for place in chosen:
        step = _STEP * max(1.0, abs(float(values[name][place])))
        left, right = target.slopes(place, step)
        smallest = 3 * _NOTICED * _EPSILON * abs(target.middle) / step  # noise of the extrapolation
        size = max(abs(left), abs(right), largest, smallest, _TINY)
        gap = abs(left - right)
        if gap > 1e-3 * size and not target.bends(place, step, gap):
            kinks += 1
            continue
        error = abs(target.slope(place, step) - float(gradient[place])) / size
        worst = max(worst, error) if np.isfinite(error) else float("inf")
    return Check(model.gradient(name), len(chosen) - kinks, kinks, worst)


class _Target:
    """What gradients are of, as a function of one entry of one quantity."""

    def __init__(self, model: Model, values: Mapping[str, Array], name: str, entries: int) -> None:
        found = _downstream(model.definitions, name) | {_TARGET: _target(model, name)}
        self.name, self.values = name, {**values, **_held(found.values(), values)}
        self.equations = {other: rewrite(expr, _as_held) for other, expr in found.items()}
        self.known = {other: expr for other, expr in model.definitions.items() if other != name}
        self.compiled = self._compiled(entries * _RUNS)
        self.middle = self.at(values[name])

    def _compiled(self, runs: int) -> Rounds | None:
        formulas = list(self.equations.items())
        shapes = {name: value.shape for name, value in self.values.items()}
        state = {self.name: self.values[self.name]}
        given = {name: value for name, value in self.values.items() if name not in self.equations}
        del given[self.name]
        program = Program(formulas, given, state, {}, _TARGET, self.known)
        return rounds(program, fastest(size_of(formulas, {**shapes, _TARGET: ()}), runs))

    def slope(self, place: tuple[int, ...], step: float) -> float:
        """The central difference, extrapolated from two steps (Richardson 1911): its error is of
        the fourth order, which matters close to a pole such as that of 1/ŷ."""
        wide, narrow = (sum(self.slopes(place, step / part)) / 2 for part in (1, 2))
        return (4 * narrow - wide) / 3

    def at(self, value: Array) -> float:
        """The target with another value of the quantity, and all that follows from it."""
        if self.compiled is not None:
            told: list[float] = []
            with suppress(ArithmeticError, ValueError):
                self.compiled.run(1, self.compiled.begin({self.name: value}), told)
            if told and np.isfinite(told[0]):
                return told[0]
        return self.plainly(value)

    def plainly(self, value: Array) -> float:
        """The same, each formula evaluated."""
        env = {**self.values, self.name: value}
        for other, expr in self.equations.items():
            env[other] = evaluate(expr, env, self.known)
        return float(env[_TARGET])

    def slopes(self, place: tuple[int, ...], step: float) -> tuple[float, float]:
        """The slopes to the left and to the right of where the entry stands."""
        results = []
        for sign in (-1, 1):
            moved = np.array(self.values[self.name], dtype=float)
            moved[place] += sign * step
            results.append(sign * (self.at(moved) - self.middle) / step)
        return results[0], results[1]

    def bends(self, place: tuple[int, ...], step: float, gap: float) -> bool:
        """Whether the two slopes come together from nearer by, as where there is no kink."""
        left, right = self.slopes(place, step / _CLOSER)
        return abs(left - right) < gap / 2


def _held(formulas: Iterable[Expr], values: Mapping[str, Array]) -> dict[str, Array]:
    """What is held fixed on the way back, by its own name: it does not move with anything."""
    stopped = {node for expr in formulas for node in walk(expr) if _as_held(node) is not None}
    return {_name_of(node): np.asarray(evaluate(node, values)) for node in stopped}


def _as_held(node: Expr) -> Expr | None:
    stops = isinstance(node, Op) and node.name == "stop_gradient"
    return Sym(_name_of(node)) if stops else None


def _name_of(node: Expr) -> str:
    return f"held {node}"  # no id has a space in it


def _target(model: Model, name: str) -> Expr:
    """The scalar that the gradient is of: the loss, or upstream gradients times what they reach.

    What each sample has is compared with the sum of the samples' own losses where that is asked.
    """
    if model.target is not None and model.summed and "sample" in model.axes(name):
        (own,) = model.summed.values()
        return own
    if model.target is not None:
        return Sym(model.target)
    terms: list[Expr] = [
        op("sum", op("mul", Sym(given), Sym(name)))
        for name, seed in model.seeds.items()
        for given in symbols(seed)
    ]
    return reduce(add, terms)


def _downstream(equations: Mapping[str, Expr], name: str) -> dict[str, Expr]:
    """The equations that change when `name` does, its own left out."""
    changed = reaching(equations, {name}) - {name}
    return {other: expr for other, expr in equations.items() if other in changed}

"""A model to its frame: all that a plan depends on, without a number, to be looked up again."""

from __future__ import annotations

from collections.abc import Hashable
from types import MappingProxyType

import numpy as np
from msgspec.structs import asdict, replace

from backprop_cli.algebra.expr import depth
from backprop_cli.problem.model import Array, Model
from backprop_cli.problem.problem_data import Penalty, Problem, Text, Update, Values
from backprop_cli.trace import Given

_DEEPEST = 100
"""Operations nested in one another up to which formulas are compared: that goes down into them."""

_NO_NUMBERS: Array = np.array(np.nan)


class Frame:
    """What problems have in common that differ in their numbers alone.

    `model` is one of them in which nothing can be computed; frames are equal where all of it is.
    """

    def __init__(self, model: Model) -> None:
        problem, update = _without_numbers(model.problem), _named(model.update)
        given = {
            name: Given(_NO_NUMBERS, each.axes, each.role) for name, each in model.given.items()
        }
        self.model = replace(
            model, problem=problem, update=update, given=given, aliases={}, letters=frozenset()
        )
        parts = asdict(self.model)
        parts["problem"] = tuple(problem.values), _kinds(problem), problem.convention
        parts["in_layers"], parts["penalty"] = problem.layers, problem.penalty
        parts["given"] = tuple((name, each.axes, each.role) for name, each in given.items())
        if update is not None:
            parts["update"] = tuple(map(_hashable, asdict(update).values()))
        self._key = tuple(map(_hashable, parts.values()))

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Frame) and self._key == other._key


def frame(model: Model) -> Frame | None:
    """The frame of a model; None where its formulas are too deep to be compared with others."""
    if any(depth(equation.expr) > _DEEPEST for equation in model.equations):
        return None
    return Frame(model)


def _without_numbers(problem: Problem) -> Problem:
    return Problem(
        convention=problem.convention,
        layers=None if problem.layers is None else (),
        penalty=None if problem.penalty is None else Penalty(),
        values={name: (Text(name), Values(None)) for name in problem.values},
        assume={name: (Text(name), kind) for name, (_, kind) in problem.assume.items()},
    )


def _named(update: Update | None) -> Update | None:
    """The rule with the names of its constants, and 1 for each that there is."""
    if update is None:
        return None
    return Update(
        update.rule,
        update.form,
        tuple((key, 1.0) for key, _ in update.constants),
        decay=float(bool(update.decay)),
        longest=None if update.longest is None else 1.0,
        largest=update.largest,
    )


def _kinds(problem: Problem) -> Hashable:
    return tuple((name, kind) for name, (_, kind) in problem.assume.items())


def _hashable(part: object) -> Hashable:
    """Pairs in their order for a mapping."""
    return tuple(part.items()) if isinstance(part, dict | MappingProxyType) else part

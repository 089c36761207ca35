"""A model to its frame: all that a plan depends on, without a number, to be looked up again."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from msgspec import Struct

from backprop_cli.algebra.expr import Expr, depth
from backprop_cli.algebra.shapes import Shape, Size
from backprop_cli.problem.model import Array, Equation, Fusion, Model
from backprop_cli.problem.problem_data import (
    Assumption,
    Convention,
    Penalty,
    Problem,
    Text,
    Update,
    Values,
)
from backprop_cli.trace import Given, OverTime, Unknown

_DEEPEST = 100
"""Operations nested in one another up to which formulas are compared: that goes down into them."""

_NO_NUMBERS: Array = np.array(np.nan)

Formulas = tuple[tuple[str, Expr], ...]


class Frame(Struct, frozen=True):
    """What problems have in common that differ in their numbers alone.

    Mappings are pairs in their order, so that a frame is a key; `update` has the names of its
    constants, and 1 for each that there is.
    """

    convention: Convention
    equations: tuple[Equation, ...]
    given: tuple[tuple[str, tuple[str, ...], str], ...]
    shapes: tuple[tuple[str, Shape], ...]
    target: str | None
    gradient_of: str
    seeds: Formulas
    silent: tuple[str, ...]
    wanted: tuple[str, ...]
    trained: tuple[str, ...]
    neighbours: tuple[tuple[str, str], ...]
    decision: Equation | None
    fusion: Fusion | None
    samples: Size | None
    unknown: tuple[tuple[str, Unknown], ...]
    given_gradients: bool
    summed: Formulas
    over_time: tuple[OverTime, ...]
    decaying: Formulas
    in_layers: bool
    penalised: bool
    values: tuple[str, ...]
    assume: tuple[tuple[str, Assumption], ...]
    rule: str
    form: str | None
    constants: tuple[str, ...]
    decay: bool
    longest: bool
    largest: float | None

    @property
    def model(self) -> Model:
        """A model of this frame, in which nothing can be computed."""
        return Model(
            self._problem,
            self.equations,
            {name: Given(_NO_NUMBERS, axes, role) for name, axes, role in self.given},  # type: ignore[arg-type]
            dict(self.shapes),
            self.target,
            self.gradient_of,
            dict(self.seeds),
            self.silent,
            self.wanted,
            self.trained,
            self.neighbours,
            self.decision,
            self.fusion,
            self.samples,
            self._update,
            unknown=dict(self.unknown),
            given_gradients=self.given_gradients,
            summed=dict(self.summed),
            over_time=self.over_time,
            decaying=dict(self.decaying),
        )

    @property
    def _problem(self) -> Problem:
        return Problem(
            convention=self.convention,
            layers=() if self.in_layers else None,
            penalty=Penalty() if self.penalised else None,
            values={name: (Text(name), Values(None)) for name in self.values},
            assume={name: (Text(name), kind) for name, kind in self.assume},
        )

    @property
    def _update(self) -> Update | None:
        if not self.rule:
            return None
        return Update(
            self.rule,
            self.form,
            tuple((key, 1.0) for key in self.constants),
            decay=float(self.decay),
            longest=1.0 if self.longest else None,
            largest=self.largest,
        )


def frame(model: Model) -> Frame | None:
    """The frame of a model; None where its formulas are too deep to be compared with others."""
    if any(depth(equation.expr) > _DEEPEST for equation in model.equations):
        return None
    problem, update = model.problem, model.update
    return Frame(
        problem.convention,
        model.equations,
        tuple((name, each.axes, each.role) for name, each in model.given.items()),
        tuple(model.shapes.items()),
        model.target,
        model.gradient_of,
        _pairs(model.seeds),
        model.silent,
        model.wanted,
        model.trained,
        model.neighbours,
        model.decision,
        model.fusion,
        model.samples,
        tuple(model.unknown.items()),
        model.given_gradients,
        _pairs(model.summed),
        model.over_time,
        _pairs(model.decaying),
        problem.layers is not None,
        problem.penalty is not None,
        tuple(problem.values),
        tuple((name, kind) for name, (_, kind) in problem.assume.items()),
        update.rule if update else "",
        update.form if update else None,
        tuple(key for key, _ in update.constants) if update else (),
        bool(update and update.decay),
        bool(update and update.longest is not None),
        update.largest if update else None,
    )


def _pairs(formulas: Mapping[str, Expr]) -> Formulas:
    return tuple(formulas.items())

"""Turns a problem in layers into an exercise: its parameters, samples and places on a sheet."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from oracles import reading
from oracles.reading import Array, Problem
from oracles.update_rules import trained

from students.student import Place


@dataclass(frozen=True)
class Parameter:
    """Weights or a bias: of which layer, from which layer's output (None: a bias)."""

    name: str
    layer: int
    source: int | None
    value: Array
    skip: bool = False
    after: bool = False


KINDS = (
    (r"Z(\d+)", "pre"),
    (r"H(\d+)", "post"),
    (r"dL/dZ(\d+)", "slope of pre"),
    (r"dL/dH(\d+)", "slope of post"),
)


@dataclass(frozen=True)
class Exercise:
    """A problem in layers and the ids a sheet holds, in the order of the derivation.

    For a later step (`turn` counts from 0) the problem holds what the step before has left.
    """

    seed: int
    problem: Problem
    asked: tuple[str, ...]
    turn: int = 0

    @cached_property
    def last(self) -> int:
        return len(self.problem["layers"])

    @cached_property
    def batch(self) -> list[int]:
        every = reading.batches(self.problem)
        return every[self.turn % len(every)]

    @cached_property
    def inputs(self) -> Array:
        return reading.input_rows(self.problem)[self.batch]

    @cached_property
    def targets(self) -> Array:
        rows = reading.target_rows(self.problem)
        return np.zeros((1, 1)) if rows is None else rows[self.batch]

    @property
    def samples(self) -> int:
        return len(self.batch)

    @cached_property
    def loss(self) -> dict[str, Any]:
        return reading.loss(self.problem) or {"name": "none"}

    @cached_property
    def rate(self) -> float:
        return float(self.problem["update"]["learning_rate"])

    @cached_property
    def parameters(self) -> dict[str, Parameter]:
        return {parameter.name: parameter for parameter in _parameters(self.problem)}

    @cached_property
    def trained(self) -> frozenset[str]:
        return frozenset(trained(self.problem))

    @cached_property
    def places(self) -> tuple[Place, ...]:
        return tuple(self.place(name) for name in self.asked)

    def layer(self, number: int) -> dict[str, Any]:
        layer: dict[str, Any] = self.problem["layers"][number - 1]
        return layer

    def activation(self, number: int) -> str:
        return reading.label(reading.activation(self.layer(number)))

    def output(self, number: int) -> str:
        """The id of a layer's output."""
        return "Yhat" if number == self.last else f"H{number}"

    def place(self, name: str) -> Place:
        if found := re.fullmatch(r"d(?:H\d+|Yhat|Z(\d+))/d(?:Z|H)(\d+)", name):
            return Place(
                name,
                "jacobian",
                int(found[1] or found[2]),
                "" if found[1] is None else f"W{found[1]}",
            )
        if re.match(r"(v|m|s|G|mhat|vhat)_", name):
            return Place(name, "state", parameter=name.split("_", 1)[1])
        if name in ("L", "L_new"):
            return Place(name, {"L": "loss", "L_new": "new loss"}[name])
        if name.endswith("Yhat"):
            return Place(name, "post" if name == "Yhat" else "slope of post", self.last)
        for pattern, kind in KINDS:
            if found := re.fullmatch(pattern, name):
                return Place(name, kind, int(found[1]))
        inner = name.removeprefix("dL/d").removesuffix("_new")
        kind = "new" if name.endswith("_new") else "slope"
        return Place(name, kind, self.parameters[inner].layer, inner)


def _parameters(problem: Problem) -> list[Parameter]:
    found = []
    for number, layer in enumerate(problem["layers"], start=1):
        weights = np.array(layer["weights"], dtype=float)
        found.append(Parameter(f"W{number}", number, number - 1, weights))
        if "bias" in layer:
            found.append(Parameter(f"b{number}", number, None, np.array(layer["bias"], float)))
        for skip in layer.get("skip", []):
            name, after = f"W{number}_{skip['from']}", skip.get("into") == "post"
            if "weights" in skip:
                value = np.array(skip["weights"], dtype=float)
                found.append(Parameter(name, number, skip["from"], value, True, after))
    return found


def later(exercise: Exercise, new: Mapping[str, Array], state: Mapping[str, Array]) -> Exercise:
    """The exercise of the next step: with new parameters and states."""
    problem = with_values(exercise.problem, new)
    update = problem["update"]
    kept = {name: value.tolist() for name, value in state.items() if "hat" not in name}
    if kept:
        update["state"] = update.get("state", {}) | kept
    if update["rule"] == "adam":
        update["t"] = update.get("t", 1) + 1
    return replace(exercise, problem=problem, turn=exercise.turn + 1)


def with_values(problem: Problem, new: Mapping[str, Array]) -> Problem:
    """The problem with other parameters."""
    changed = copy.deepcopy(problem)
    for name, value in new.items():
        _put(changed, name, value.tolist())
    return changed


def _put(problem: Problem, name: str, value: Any) -> None:
    found = re.fullmatch(r"(W|b)(\d+)(?:_(\d+))?", name)
    assert found is not None
    layer = problem["layers"][int(found[2]) - 1]
    if found[3] is None:
        layer["weights" if found[1] == "W" else "bias"] = value
        return
    for skip in layer["skip"]:
        if skip["from"] == int(found[3]):
            skip["weights"] = value

"""Turns a seed into an exercise: a problem file, and what it asks for and in which order."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from click.testing import CliRunner
from oracles import networks, reading
from oracles.reading import Array, Problem
from oracles.update_rules import trained

from backprop_cli.cli import main
from students.rounding import Digits


@dataclass(frozen=True)
class Parameter:
    """Weights or a bias: of which layer, from which layer's output (None: a bias)."""

    name: str
    layer: int
    source: int | None
    value: Array
    skip: bool = False
    after: bool = False


@dataclass(frozen=True)
class Place:
    """What a quantity is: its kind, the layer it belongs to, and the parameter if it has one."""

    id: str
    kind: str
    layer: int = 0
    parameter: str = ""


KINDS = (
    (r"Z(\d+)", "pre"),
    (r"H(\d+)", "post"),
    (r"dL/dZ(\d+)", "slope of pre"),
    (r"dL/dH(\d+)", "slope of post"),
)


@dataclass(frozen=True)
class Exercise:
    """A problem, the ids a sheet must hold in the order of the derivation, and the true values."""

    seed: int
    problem: Problem
    digits: Digits
    asked: tuple[str, ...]
    solved: Mapping[str, Array]

    @cached_property
    def last(self) -> int:
        return len(self.problem["layers"])

    @cached_property
    def batch(self) -> list[int]:
        return reading.batches(self.problem)[0]

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


def draw(seed: int, digits: Digits, folder: Path, *, plain: bool) -> Exercise:
    """The exercise of a seed, its problem file written into a folder."""
    problem = networks.draw(seed, plain=plain).problem
    kept = "significant" if digits.significant else "decimals"
    problem["grading"] = {"precision": {kept: digits.number}}
    path = folder / "problem.yaml"
    path.write_text(networks.Case(seed, problem).text, encoding="utf-8")
    result = CliRunner().invoke(main, ["solve", str(path), "--format", "json"])
    assert result.exit_code == 0, result.output
    steps = [step for step in json.loads(result.stdout)["steps"] if _is_usual(problem, step)]
    values = {step["id"]: np.array(step["value"], dtype=float) for step in steps}
    return Exercise(seed, problem, digits, tuple(values), values)


def _is_usual(problem: Problem, step: dict[str, Any]) -> bool:
    """Whether a sheet is asked for a quantity where the problem does not say what it asks."""
    name, phase = step["id"], step["phase"]
    if phase == "update":
        return name in {"L_new", *(f"{parameter}_new" for parameter in trained(problem))}
    left_out = ("L_data", "L_penalty", "class", "dL/dX")
    return phase in ("forward", "backward") and name not in left_out

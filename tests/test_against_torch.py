"""The program's numbers are those of PyTorch's autograd, and of differences of its own loss."""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from oracles import finite_differences, networks, reading
from oracles.compare import differences
from oracles.reading import Array, Problem, Result
from oracles.update_rules import trained

from backprop_cli.cli import main

SEEDS = range(220)
DIFFERENCE_SEEDS = [
    seed
    for seed in range(100)
    if reading.loss(networks.draw(seed).problem) is not None
    and sum(1 for _ in finite_differences.locations(networks.draw(seed).problem)) <= 10
][:10]


@dataclass(frozen=True)
class Solved:
    """What the program gives: values by id (steps before `given`), and what it ends with."""

    values: dict[str, Array]
    shapes: dict[str, tuple[int, ...]]
    parameters: dict[str, Array]
    loss: dict[str, Any] | None


@pytest.fixture(scope="session")
def torch_reference() -> ModuleType:
    pytest.importorskip("torch", reason="PyTorch is not installed")
    return importlib.import_module("oracles.torch_reference")


def solve(problem: Problem, folder: Path) -> Solved:
    """Run `backprop solve FILE --format json`."""
    path = folder / "problem.yaml"
    path.write_text(networks.Case(0, problem).text, encoding="utf-8")
    result = CliRunner().invoke(main, ["solve", str(path), "--format", "json"])
    assert result.exit_code == 0, f"exit code {result.exit_code}\n{result.output}"
    trace = json.loads(result.stdout)
    ids = [step["id"] for step in trace["steps"]]
    assert len(ids) == len(set(ids)), f"an id is there twice: {sorted(ids)}"
    steps = [step for step in trace["steps"] if step["value"] is not None]
    given = {name: to_array(value) for name, value in trace["given"].items() if value is not None}
    return Solved(
        values=given | {step["id"]: to_array(step["value"]) for step in steps},
        shapes={step["id"]: tuple(step["shape"]) for step in steps},
        parameters={name: to_array(value) for name, value in trace["parameters"].items()},
        loss=trace["loss"],
    )


def to_array(value: Any) -> Array:
    """Nested lists as an array; what is not finite is written as text."""

    def number(part: Any) -> Any:
        return [number(entry) for entry in part] if isinstance(part, list) else float(part)

    return np.array(number(value), dtype=float)


def unexplained(solved: Solved, wanted: Result) -> list[str]:
    """Everything in which the program differs from the oracle."""
    optional = {name: value for name, value in wanted.optional.items() if name in solved.values}
    notes = differences(solved.values, wanted.required | optional)
    notes += [
        f"{name}: says shape {shape}, has {solved.values[name].shape}"
        for name, shape in solved.shapes.items()
        if shape != solved.values[name].shape
    ]
    required = {
        name: value
        for name, value in wanted.parameters.items()
        if name in solved.parameters or name not in wanted.frozen
    }
    notes += [f"parameters: {note}" for note in differences(solved.parameters, required)]
    return notes + loss_differences(solved.loss, wanted.history)


def loss_differences(loss: dict[str, Any] | None, history: tuple[float, ...]) -> list[str]:
    """How the losses before, along and after training are missed."""
    if not history:
        return []
    if loss is None:
        return ["loss: missing"]
    wanted = {"loss.history": np.array(history), "loss.before": np.array(history[0])}
    got = {"loss.history": to_array(loss["history"]), "loss.before": to_array(loss["before"])}
    if len(history) == 2:
        wanted["loss.after"], got["loss.after"] = np.array(history[1]), to_array(loss["after"])
    return differences(got, wanted)


@pytest.mark.parametrize("seed", SEEDS)
def test_solve_agrees_with_torch(seed: int, tmp_path: Path, torch_reference: ModuleType) -> None:
    case = networks.draw(seed)
    notes = unexplained(solve(case.problem, tmp_path), torch_reference.solve(case.problem))
    assert not notes, "\n".join([f"seed {seed}", *notes, "", case.text])


@pytest.mark.parametrize("seed", DIFFERENCE_SEEDS)
def test_gradients_are_differences_of_the_loss(seed: int, tmp_path: Path) -> None:
    case = networks.draw(seed)
    problem = {key: value for key, value in case.problem.items() if key != "update"}

    def loss(changed: Problem) -> float:
        return float(solve(changed, tmp_path).values["L"])

    wanted = finite_differences.gradients(problem, loss)
    got = solve(problem, tmp_path).values
    demanded = {f"dL/d{name}" for name in ("X", *trained(problem))}
    asked = {name: value for name, value in wanted.items() if name in demanded or name in got}
    notes = differences(got, asked, rtol=1e-5, atol=1e-6)
    assert not notes, "\n".join([f"seed {seed}", *notes, "", case.text])

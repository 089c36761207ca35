"""A compiled formula gives what evaluating it gives, to the last bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from oracles import networks

from backprop_cli.algebra.expr import Op
from backprop_cli.problem.problem_file import Source
from backprop_cli.readings.values import compiled, evaluate
from backprop_cli.solving.loading import loaded
from backprop_cli.solving.solution import Solution, solve

PROBLEMS = sorted((Path(__file__).parent.parent / "problems").glob("*.yaml"))
SEEDS = range(60)


def compare(solution: Solution) -> None:
    definitions = solution.machine.definitions
    for step in solution.plan.steps:
        if step.skipped or (isinstance(step.expr, Op) and step.expr.name == "jacobian"):
            continue
        wanted = evaluate(step.expr, solution.values, definitions)
        with np.errstate(all="ignore"):
            got = compiled(step.expr, definitions)(solution.values)
        assert wanted.shape == got.shape
        assert wanted.tobytes() == got.tobytes(), step.id


@pytest.mark.parametrize("path", PROBLEMS, ids=lambda path: path.stem)
def test_of_the_problems(path: Path) -> None:
    compare(solve(loaded(Source(path.name, path.read_bytes())).model))


@pytest.mark.parametrize("seed", SEEDS)
def test_of_drawn_networks(seed: int) -> None:
    compare(solve(loaded(Source("drawn", networks.draw(seed).text.encode())).model))


def test_where_digits_would_be_lost() -> None:
    text = (
        "x: [1]\ny: [1, 0]\nlayers: [{weights: [[-40], [41]], activation: softmax}]\n"
        "loss: binary-cross-entropy\n"
    )
    compare(solve(loaded(Source("saturated", text.encode())).model))

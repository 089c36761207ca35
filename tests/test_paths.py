"""All paths of one entry: they add up to its gradient, and each factor is worth what it says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from oracles import networks, reading
from oracles.reading import Problem
from oracles.solved import solved

from backprop_cli.algebra.expr import Expr, Op, Sym, walk
from backprop_cli.document.view import View
from backprop_cli.formats import terminal_page
from backprop_cli.readings.formula_text import plain
from backprop_cli.readings.values import evaluate
from backprop_cli.said.solved import of_solution
from backprop_cli.solving.solution import Solution
from backprop_cli.solving.weight_paths import MAX_PATHS, EntryPaths, Factor, entry_paths

SKIPS: Problem = {
    "x": [1, -2],
    "y": [0.5],
    "convention": {"affine": "W^T x + b", "bias": "first"},
    "layers": [
        {"weights": [[0.1, 0.2], [0.5, -0.3], [0.4, 0.7]], "activation": "tanh"},
        {
            "weights": [[0, 0.3], [0.5, 0.2], [-0.6, 0.9]],
            "activation": "sigmoid",
            "skip": [{"from": 0}, {"from": 1, "into": "post"}],
        },
        {"weights": [[0.2], [1], [-1]], "skip": [{"from": 1, "weights": [[0.3], [0.8]]}]},
    ],
    "loss": "half-squared-error",
    "update": {"rule": "sgd", "learning_rate": 0.1},
}
SHARED: Problem = {
    "values": {"x1": 0.5, "x2": -1, "h0": 0.1, "u": 0.7, "w": 1.3, "y": 1},
    "equations": [
        "h1 = tanh(w * x1 + u * h0)",
        "h2 = tanh(w * x2 + u * h1)",
        "L = (h2 - y)^2 + w^2",
    ],
    "train": ["w", "u"],
}
PENALTY: Problem = {
    "values": {"x": [1, 2], "w": [0.5, -0.25], "y": 1, "s": 0.3},
    "equations": [
        "h = tanh(dot(w, x) + s)",
        "o = h * w + s",
        "L = (sum(o) - y)^2",
        "J = L + 0.1 * sum(w * w) + s^2",
    ],
    "train": ["w", "s"],
}
RESIDUAL: Problem = {
    "x": [1, -2],
    "y": [0.5],
    "layers": [
        {"weights": [[0.1, 0.2], [0.5, -0.3]], "activation": "tanh"},
        {
            "weights": [[0.3, 0.4], [0.1, 0.5]],
            "activation": "softmax",
            "skip": [{"from": 1, "into": "post"}],
        },
        {"weights": [[1, 2]]},
    ],
    "loss": "half-squared-error",
}
NAMES = ["skips", "shared", "penalty", "residual"]
PENALISED: Problem = {
    "values": {"x": 2, "w": 0.5, "y": 3},
    "equations": ["L = (w * x - y)^2", "J = L + 0.1 * w^2"],
    "train": ["w"],
}


def entries(solution: Solution) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Every entry of every quantity with a gradient."""
    for step in solution.trace.steps:
        if step.phase == "backward":
            name = step.id.partition("/d")[2]
            yield from ((name, index) for index in np.ndindex(*map(int, step.shape)))


def check(solution: Solution, name: str, index: tuple[int, ...]) -> EntryPaths:
    found = entry_paths(solution.model, solution.values, name, index)
    gradient = float(solution.values[solution.model.gradient(name)][index])
    assert found.total == gradient
    added = sum(path.product for path in found.paths) + found.omitted_total
    assert added == pytest.approx(gradient, rel=1e-10, abs=1e-12), found.entry
    for path in found.paths:
        values = [factor.value for factor in path.factors]
        assert path.product == pytest.approx(float(np.prod(values)), rel=1e-14)
        assert chained(path.factors, found), [(f.of, f.by) for f in path.factors]
        for factor in path.factors:
            written = evaluate(factor.expr, solution.values, solution.model.definitions)
            assert written == pytest.approx(factor.value, rel=1e-11, abs=1e-13), plain(factor.expr)
            assert of_entries(factor.expr, solution), plain(factor.expr)
    return found


def place(solution: Solution, entry: str) -> tuple[str, tuple[int, ...]]:
    """The quantity of an entry, and where it stands in it."""
    name, _, places = entry.partition("[")
    written = tuple(map(int, places.rstrip("]").split(","))) if places else ()
    return name, solution.model.bases.counted(name, written)


def moved(solution: Solution, factor: Factor, step: float) -> float:
    """What is differentiated after `by` alone has changed, those held fixed as they were."""
    (name, index), (of, at) = (place(solution, one) for one in (factor.by, factor.of))
    values = {id: np.array(value, dtype=float) for id, value in solution.values.items()}
    values[name][index] += step
    for id, expr in solution.model.definitions.items():
        if id not in {*factor.held, name}:
            values[id] = evaluate(expr, values)
    return float(values[of][at])


def chained(factors: tuple[Factor, ...], found: EntryPaths) -> bool:
    """From the loss, each factor goes on where the one before it ended, down to the entry."""
    ends = [found.loss, *(factor.by for factor in factors)]
    return ends == [*(factor.of for factor in factors), found.entry]


def of_entries(expr: Expr, solution: Solution) -> bool:
    """Whether a factor is written in single entries, no array standing in it whole."""
    inside = [part for part in walk(expr) if isinstance(part, Op) and part.name != "at"]
    names = [arg.name for part in inside for arg in part.args if isinstance(arg, Sym)]
    return {solution.values[name].ndim for name in names} <= {0}


def has_a_scalar_target(seed: int) -> bool:
    return reading.loss(networks.draw(seed).problem) is not None


@pytest.mark.parametrize("seed", [seed for seed in range(60) if has_a_scalar_target(seed)])
def test_paths_add_up_to_the_gradient(seed: int) -> None:
    solution = solved(networks.draw(seed).problem)
    chosen = list(entries(solution))
    rng = np.random.default_rng(seed)
    for i in rng.permutation(len(chosen))[:12]:
        check(solution, *chosen[i])


@pytest.mark.parametrize("problem", [SKIPS, SHARED, PENALTY, RESIDUAL], ids=NAMES)
def test_each_factor_is_the_slope_while_what_is_held_fixed_stays(problem: Problem) -> None:
    """By finite differences: without its bar a factor is all that `by` does to `of`."""
    solution = solved(problem)
    bars = 0
    for name, index in entries(solution):
        if name == solution.model.target:
            continue
        found = entry_paths(solution.model, solution.values, name, index)
        for factor in {factor for path in found.paths for factor in path.factors}:
            slope = (moved(solution, factor, 1e-5) - moved(solution, factor, -1e-5)) / 2e-5
            assert factor.value == pytest.approx(slope, rel=1e-6, abs=1e-8), factor
            bars += bool(factor.held)
    assert bars


def test_the_bar_is_printed_in_every_line() -> None:
    """By hand: J = L + 0.1 w², L = (w x − y)² at w = 0.5, x = 2, y = 3; dJ/dw is −8 + 0.1."""
    solution = solved(PENALISED)
    paths = entry_paths(solution.model, solution.values, "w", ())
    shown = terminal_page.render(of_solution(solution, None, paths), View(width=80))
    assert "∂J/∂w|_L = 0.2 · w = 0.2 · 0.5 = 0.1" in shown
    assert "(∂J/∂w)₂ = ∂J/∂w|_L = 0.1" in shown
    assert "∂J/∂w = −8 + 0.1 = −7.9" in shown
    assert "∂L/∂w|" not in shown  # that is all that w does to L


@pytest.mark.parametrize("affine", ["W x + b", "x W + b"])
@pytest.mark.parametrize("problem", [SKIPS, SHARED], ids=["skips", "shared"])
def test_every_entry(problem: dict[str, Any], affine: str) -> None:
    if "layers" in problem and affine == "x W + b":
        problem = {**problem, "convention": {"affine": affine, "bias": "first"}}
    solution = solved(problem)
    for name, index in entries(solution):
        if name != solution.model.target:
            check(solution, name, index)


def test_a_batch_has_a_path_through_each_sample() -> None:
    problem = {**SKIPS, "x": [[1, -2], [0.5, 1], [2, 0]], "y": [1, 0, -1]}
    solution = solved(problem)
    found = check(solution, "W3", (1, 0))
    assert len(found.paths) == 3
    assert [path.factors[-1].of for path in found.paths] == ["Z3[1,1]", "Z3[1,2]", "Z3[1,3]"]


def test_paths_are_counted_and_named() -> None:
    solution = solved(SKIPS)
    found = check(solution, "W1", (1, 0))
    assert found.entry == "W1[1,1]"  # the bias is entry 0, the first input is entry 1
    assert check(solution, "W1", (0, 0)).entry == "W1[0,1]"
    ends = {tuple(factor.of for factor in path.factors) for path in found.paths}
    assert len(ends) == len(found.paths) == 4
    assert ("L", "Yhat[1]", "Z3[1]", "H1[1]", "Z1[1]") in ends
    assert ("L", "Yhat[1]", "Z3[1]", "H2[1]", "H1[1]", "Z1[1]") in ends


def test_shared_weights_act_once_for_every_use() -> None:
    solution = solved(SHARED)
    found = check(solution, "w", ())
    ways = [tuple(factor.of for factor in path.factors) for path in found.paths]
    assert sorted(ways) == [("L",), ("L", "h2"), ("L", "h2", "h1")]


def test_more_paths_than_anyone_reads_are_added_up() -> None:
    rng = np.random.default_rng(0)
    weights = [np.round(rng.normal(size=(6, 6)), 2).tolist() for _ in range(4)]
    layers = [{"weights": matrix, "activation": "tanh"} for matrix in weights]
    problem = {"x": [1, 2, 3, 4, 5, 6], "y": [0] * 6, "layers": layers, "loss": "squared-error"}
    found = check(solved(problem), "W1", (0, 0))
    assert len(found.paths) == MAX_PATHS
    assert found.omitted == 6**3 - MAX_PATHS


@pytest.mark.parametrize("rule", ["sgd", "adam", "momentum"])
def test_the_update_of_the_entry(rule: str) -> None:
    solution = solved({**SKIPS, "update": {"rule": rule, "learning_rate": 0.1}})
    found = check(solution, "W2", (2, 1))
    assert found.update is not None
    expr, before, after = found.update
    assert before == 0.9
    assert after == solution.values["W2_new"][2, 1]
    assert evaluate(expr, solution.values) == pytest.approx(after, rel=1e-14)


def test_what_is_not_trained_has_no_update() -> None:
    solution = solved(SKIPS)
    assert check(solution, "X", (0,)).update is None
    assert check(solution, "H1", (1,)).update is None


def test_a_path_through_a_relu_that_is_off_is_worth_nothing() -> None:
    problem = {"x": [1], "y": [1], "loss": "squared-error"}
    hidden = {"weights": [[-2], [2]], "activation": "relu"}
    problem["layers"] = [hidden, {"weights": [[3, 3]]}]
    solution = solved(problem)
    (path,) = check(solution, "W1", (0, 0)).paths
    assert [factor.value for factor in path.factors] == [10, 1, 3, 0, 1]
    found = check(solution, "X", (0,))
    assert [path.product for path in found.paths] == [60, 0]

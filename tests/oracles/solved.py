"""Turns a problem, as the dict a file holds, into its solution, and into neighbouring problems."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import yaml

from backprop_cli.problem.problem_file import Source
from backprop_cli.solving.loading import loaded
from backprop_cli.solving.solution import Request, Solution, solve
from oracles import reading
from oracles.reading import Problem


def solved(problem: Problem, extra: tuple[str, ...] = ()) -> Solution:
    """The solution of a problem, read as a file."""
    text = yaml.safe_dump(problem, sort_keys=False, default_flow_style=None)
    return solve(loaded(Source("problem.yaml", text.encode())).model, Request(extra=extra))


def changed(problem: Problem, **keys: Any) -> Problem:
    """A copy with other conventions."""
    other = copy.deepcopy(problem)
    other.setdefault("convention", {}).update(keys)
    return other


def oriented(problem: Problem, affine: str) -> Problem:
    """The same network written in another orientation, its matrices transposed where needed."""
    other = changed(problem, affine=affine)
    if reading.outputs_first(problem) != reading.outputs_first(other):
        for layer in other["layers"]:
            for place in (layer, *(s for s in layer.get("skip", []) if "weights" in s)):
                place["weights"] = turned(place["weights"])
        state = other.get("update", {}).get("state", {})
        for name, value in state.items():
            if np.ndim(value) == 2:
                state[name] = turned(value)
    columns = reading.samples_are_columns(problem) != reading.samples_are_columns(other)
    if columns and reading.is_batch(problem):
        given = other.get("upstream", {})
        for name, value in given.items():
            given[name] = turned(value)
    return other


def turned(rows: Any) -> Any:
    return [list(column) for column in zip(*rows, strict=True)]


def of_one_sample(problem: Problem, sample: int) -> Problem:
    """The same network for one sample of the batch alone."""
    other = copy.deepcopy(problem)
    other["x"] = problem["x"][sample]
    targets = problem.get("y")
    if isinstance(targets, dict):
        other["y"] = {**targets, "labels": [targets["labels"][sample]]}
        other["x"] = [problem["x"][sample]]
    elif targets is not None:
        other["y"] = targets[sample]
    return other


# ---- The same in equations ----------------------------------------------------------------------

ACTIVATIONS = {
    "linear": "{z}",
    "sigmoid": "1 / (1 + exp(-{z}))",
    "tanh": "(exp({z}) - exp(-{z})) / (exp({z}) + exp(-{z}))",
    "relu": "max(0, {z})",
    "softplus": "ln(1 + exp({z}))",
    "silu": "{z} / (1 + exp(-{z}))",
    "exp": "exp({z})",
    "softsign": "{z} / (1 + abs({z}))",
    "arctan": "arctan({z})",
    "gelu": "{z} * (1 + erf({z} / sqrt(2))) / 2",
}
LOSSES = {
    "cross-entropy": "-sum(Y * ln(Yhat))",
    "binary-cross-entropy": "-sum(Y * ln(Yhat) + (1 - Y) * ln(1 - Yhat))",
    "squared-error": "sum((Yhat - Y)^2)",
    "half-squared-error": "sum((Yhat - Y)^2) / 2",
    "mean-squared-error": "sum((Yhat - Y)^2) / {units}",
    "absolute-error": "sum(abs(Yhat - Y))",
    "hinge": "sum(max(0, 1 - Y * Yhat))",
}


def in_equations(problem: Problem) -> Problem | None:
    """A problem of layers written out by hand in equations; None where that is not worth it."""
    loss = reading.loss(problem)
    simple = reading.convention(problem, "bias") == "separate" and "penalty" not in problem
    if loss is None or reading.label(loss) not in LOSSES or not simple:
        return None
    names = [reading.label(reading.activation(layer)) for layer in problem["layers"]]
    if not {*names} <= {*ACTIVATIONS, "softmax"}:
        return None
    values: dict[str, Any] = {"X": stored(problem, reading.input_rows(problem))}
    values["Y"] = stored(problem, reading.target_rows(problem))
    lines: list[str] = []
    for number, layer in enumerate(problem["layers"], start=1):
        lines += _layer(problem, number, layer, values)
    units = len(reading.target_rows(problem)[0])  # type: ignore[index]  # there are targets
    formula = LOSSES[reading.label(loss)].format(units=units)
    if reading.convention(problem, "log") != "natural":
        base = reading.convention(problem, "log")
        formula = formula.replace("ln(", f"log{base}(")
    if reading.is_batch(problem) and loss.get("over_samples", "mean") == "mean":
        formula = f"({formula}) / {len(problem['x'])}"
    lines.append(f"L = {formula}")
    return {"values": values, "equations": lines}


def stored(problem: Problem, rows: Any) -> Any:
    return reading.stored(problem, np.asarray(rows)).tolist()


def _layer(problem: Problem, number: int, layer: Any, values: dict[str, Any]) -> list[str]:
    last = number == len(problem["layers"])
    out, z = "Yhat" if last else f"H{number}", f"Z{number}"
    values[f"W{number}"] = layer["weights"]
    terms = [_product(problem, f"W{number}", _output(number - 1))]
    if "bias" in layer:
        values[f"b{number}"] = layer["bias"]
        stands = "row" if not reading.samples_are_columns(problem) else "column"
        alone = not isinstance(layer["bias"], list) or not reading.is_batch(problem)
        terms.append(f"b{number}" if alone else f"{stands}(b{number})")
    after: list[str] = []
    for skip in layer.get("skip", []):
        branch = _output(skip["from"])
        if "weights" in skip:
            values[f"W{number}_{skip['from']}"] = skip["weights"]
            branch = _product(problem, f"W{number}_{skip['from']}", branch)
        (after if skip.get("into") == "post" else terms).append(branch)
    name = reading.label(reading.activation(layer))
    axis = ", axis=0" if reading.samples_are_columns(problem) else ", axis=1"
    batch = axis if reading.is_batch(problem) else ""
    made = f"softmax({z}{batch})" if name == "softmax" else ACTIVATIONS[name].format(z=z)
    return [f"{z} = {' + '.join(terms)}", f"{out} = {' + '.join([made, *after])}"]


def _output(layer: int) -> str:
    return f"H{layer}" if layer else "X"


def _product(problem: Problem, weights: str, inputs: str) -> str:
    factor = f"{weights}.T" if "^T" in reading.convention(problem, "affine") else weights
    columns = reading.samples_are_columns(problem)
    return f"{factor} @ {inputs}" if columns else f"{inputs} @ {factor}"

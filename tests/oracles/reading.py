"""Turns a problem, as the dict a YAML file holds, into arrays with a sample a row."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Problem = dict[str, Any]
Array = NDArray[np.float64]

AFFINE = ("W x + b", "W^T x + b", "x W + b", "x W^T + b")
DEFAULTS: dict[str, Any] = {
    "affine": "W x + b",
    "bias": "separate",
    "bias_input": 1,
    "jacobian": "numerator",
    "indices": 1,
    "log": "natural",
}


@dataclass(frozen=True)
class Result:
    """What a problem comes to, by id, stored as the contract stores it.

    `required` are the ids a program must give; `optional` ones are compared where it gives them.
    Parameters that are not trained are in `frozen`. No loss, no history.
    """

    required: dict[str, Array]
    optional: dict[str, Array] = field(default_factory=dict)
    parameters: dict[str, Array] = field(default_factory=dict)
    frozen: frozenset[str] = frozenset()
    history: tuple[float, ...] = ()


def convention(problem: Problem, key: str) -> Any:
    """The value of a convention, or its default."""
    return problem.get("convention", {}).get(key, DEFAULTS[key])


def samples_are_columns(problem: Problem) -> bool:
    """Whether a batch is stored units x samples."""
    return str(convention(problem, "affine")).endswith("x + b")


def outputs_first(problem: Problem) -> bool:
    """Whether a weight matrix has a row for each unit (and not for each input)."""
    return convention(problem, "affine") in ("W x + b", "x W^T + b")


def is_batch(problem: Problem) -> bool:
    """Whether x holds a list of samples, be it of one."""
    return isinstance(problem["x"], list) and isinstance(problem["x"][0], list)


def input_rows(problem: Problem) -> Array:
    """X with a sample a row."""
    return np.atleast_2d(np.array(problem["x"], dtype=float))


def target_rows(problem: Problem) -> Array | None:
    """Y with a sample a row, one-hot where the file gives class numbers."""
    targets = problem.get("y")
    if targets is None:
        return None
    if isinstance(targets, dict):
        chosen = np.array(targets["labels"]) - convention(problem, "indices")
        return np.asarray(np.eye(targets["classes"])[chosen])
    values = np.array(targets, dtype=float)
    one_unit = is_batch(problem) and values.ndim == 1
    return values.reshape(-1, 1) if one_unit else np.atleast_2d(values)


def stored(problem: Problem, rows: Any) -> Any:
    """An array or tensor with a sample a row, turned as the problem stores it."""
    if not is_batch(problem):
        return rows[0]
    return rows.T if samples_are_columns(problem) else rows


def batches(problem: Problem) -> list[list[int]]:
    """The samples of each batch, counted from 0; all of them where no batches are asked for."""
    everything = list(range(len(input_rows(problem))))
    asked = problem.get("update", {}).get("batches")
    if asked is None:
        return [everything]
    if isinstance(asked, int):
        return [everything[k : k + asked] for k in range(0, len(everything), asked)]
    base = convention(problem, "indices")
    return [[number - base for number in batch] for batch in asked]


def activation(layer: dict[str, Any]) -> dict[str, Any]:
    """A layer's activation in its long form: a name or a formula, and options."""
    asked = layer.get("activation", "linear")
    return {"name": asked} if isinstance(asked, str) else dict(asked)


def loss(problem: Problem) -> dict[str, Any] | None:
    """The loss in its long form, or None for a forward pass or a given gradient."""
    asked = problem.get("loss", "none")
    if asked == "none":
        return None
    return {"name": asked} if isinstance(asked, str) else dict(asked)


def label(entry: dict[str, Any]) -> str:
    """The name of an activation or loss, or its formula."""
    return str(entry["name"] if "name" in entry else entry["formula"])


def log_scale(problem: Problem) -> float:
    """What a natural logarithm is multiplied with to be one of the problem's base."""
    base = convention(problem, "log")
    return 1.0 if base == "natural" else float(1 / np.log(float(base)))


def penalty_factor(problem: Problem, samples: int) -> float:
    """What the sum of squares is multiplied with; 0 without a penalty."""
    penalty = problem.get("penalty")
    if penalty is None:
        return 0.0
    half = 0.5 if penalty.get("form", "half") == "half" else 1.0
    return float(penalty["l2"]) * half / (samples if penalty.get("divided_by_samples") else 1)

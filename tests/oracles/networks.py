"""Turns a seed into a problem file: a reproducible draw over what the contract allows of layers.

Where the contract leaves a combination open (penalties on packed biases, say) it is not drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import yaml

from oracles import numpy_forward, reading
from oracles.chance import Rng, chance, decimal, like, pick, vector
from oracles.fairness import is_fair
from oracles.reading import Problem
from oracles.update_rules import draw_update, trained

Layer = dict[str, Any]

PLAIN_ACTIVATIONS = ("linear", "sigmoid", "tanh", "relu", "softmax")
SOFT = {2: [0.25, 0.75], 3: [0.5, 0.125, 0.375], 4: [0.25, 0.125, 0.125, 0.5]}
PLAIN_LOSSES = ("cross-entropy", "squared-error", "half-squared-error")


@dataclass(frozen=True)
class Goal:
    """A loss, the output activations it fits (none named: any), and the targets it wants."""

    loss: str
    outputs: tuple[str, ...]
    targets: str
    formula: bool = False


GOALS = (
    Goal("cross-entropy", ("softmax",), "distribution"),
    Goal("cross-entropy", ("softmax",), "distribution"),
    Goal("cross-entropy", ("sigmoid",), "distribution"),
    Goal("binary-cross-entropy", ("sigmoid",), "binary"),
    Goal("binary-cross-entropy", ("softmax",), "distribution"),
    Goal("cross-entropy-with-logits", ("linear",), "distribution"),
    Goal("binary-cross-entropy-with-logits", ("linear",), "binary"),
    Goal("squared-error", (), "real"),
    Goal("half-squared-error", (), "real"),
    Goal("mean-squared-error", (), "real"),
    Goal("absolute-error", (), "real"),
    Goal("huber", (), "real"),
    Goal("hinge", (), "signs"),
    Goal("-sum(y * log(yhat))", ("softmax", "sigmoid"), "distribution", formula=True),
    Goal("sum((y - yhat)^2)", (), "real", formula=True),
    Goal("sum((yhat - y)**4) / 4", (), "real", formula=True),
    Goal("mean(abs(yhat - y))", (), "real", formula=True),
    Goal("sum(softplus(-y * yhat))", (), "signs", formula=True),
    Goal("none", (), "upstream"),
    Goal("none", (), "upstream"),
    Goal("none", (), "nothing"),
)


@dataclass(frozen=True)
class Case:
    """A problem file drawn by seed."""

    seed: int
    problem: Problem

    @property
    def text(self) -> str:
        """The problem as YAML."""
        return yaml.safe_dump(self.problem, sort_keys=False, default_flow_style=None)


def draw(seed: int, *, plain: bool = False) -> Case:
    """The problem of a seed; a plain one keeps to what `numpy_reference` knows."""
    for attempt in range(1000):
        rng = np.random.default_rng([seed, attempt])
        with np.errstate(all="ignore"):
            problem = _problem(rng, plain)
            fair = is_fair(problem)
        if fair:
            return Case(seed, problem)
    raise AssertionError(f"no fair problem for seed {seed}")


# ---------------------------------------------------------------- drawing


def _problem(rng: Rng, plain: bool) -> Problem:
    goals = [goal for goal in GOALS if not plain or goal.loss in PLAIN_LOSSES]
    goal: Goal = pick(rng, goals)
    problem: Problem = {"title": "Drawn by seed", "convention": _convention(rng, goal)}
    last = pick(rng, goal.outputs or (*_activations(plain), "linear", "sigmoid"))
    sizes = _sizes(rng, wide=last == "softmax" or goal.targets == "distribution")
    samples = 0 if chance(rng, 0.4) else int(rng.integers(1, 6))
    problem["x"] = _samples(rng, samples, sizes[0])
    _add_layers(rng, problem, sizes, last, plain)
    _add_goal(rng, problem, goal, samples, sizes[-1], plain)
    if not plain:
        _add_extras(rng, problem, goal)
    if goal.targets != "nothing" and trained(problem) and chance(rng, 0.75):
        problem["update"] = draw_update(rng, problem, plain)
    return problem


def _convention(rng: Rng, goal: Goal) -> dict[str, Any]:
    chosen: dict[str, Any] = {"affine": pick(rng, reading.AFFINE)}
    if chance(rng, 0.45):
        chosen["bias"] = pick(rng, ("first", "last", "separate"))
        if chosen["bias"] != "separate" and chance(rng, 0.3):
            chosen["bias_input"] = pick(rng, (-1, 0.5, 2))
    if chance(rng, 0.3):
        chosen["indices"] = 0
    if chance(rng, 0.3):
        chosen["jacobian"] = pick(rng, ("denominator", "numerator"))
    if chance(rng, 0.3):
        chosen["output_gradient"] = pick(rng, ("fused", "chain"))
    if goal.loss in numpy_forward.LOGARITHMIC and chance(rng, 0.4):
        chosen["log"] = pick(rng, (2, 10, "natural"))
    return chosen


def _sizes(rng: Rng, *, wide: bool) -> list[int]:
    layers = int(rng.integers(1, 4))
    sizes = [int(rng.integers(1, 5)) for _ in range(layers + 1)]
    if chance(rng, 0.3):
        sizes = [sizes[0]] * (layers + 1)
    sizes[-1] = max(sizes[-1], 2 if wide else 1)
    return sizes


def _samples(rng: Rng, samples: int, inputs: int) -> Any:
    if samples:
        return [vector(rng, inputs, -2, 2) for _ in range(samples)]
    values = vector(rng, inputs, -2, 2)
    return values[0] if inputs == 1 and chance(rng, 0.5) else values


def _activations(plain: bool) -> tuple[str, ...]:
    return PLAIN_ACTIVATIONS if plain else (*numpy_forward.ACTIVATIONS, "formula", "formula")


def _activation(rng: Rng, name: str) -> Any:
    if name == "leaky-relu":
        return {"name": name, "slope": pick(rng, (0.1, 0.01, 0.25))}
    if name == "elu":
        return {"name": name, "alpha": pick(rng, (1, 0.5, 1.5))}
    if name == "formula":
        return {"formula": pick(rng, tuple(numpy_forward.ACTIVATION_FORMULAS))}
    return {"name": name} if chance(rng, 0.2) else name


def _weights(rng: Rng, problem: Problem, units: int, inputs: int) -> list[list[Any]]:
    rows, columns = (units, inputs) if reading.outputs_first(problem) else (inputs, units)
    return [vector(rng, columns) for _ in range(rows)]


def _add_layers(rng: Rng, problem: Problem, sizes: list[int], last: str, plain: bool) -> None:
    packed = reading.convention(problem, "bias") != "separate"
    problem["layers"] = layers = []
    for number, units in enumerate(sizes[1:], start=1):
        output = number == len(sizes) - 1
        layer: Layer = {"weights": _weights(rng, problem, units, sizes[number - 1] + packed)}
        if not packed and chance(rng, 0.8):
            shared = chance(rng, 0.25)
            layer["bias"] = decimal(rng) if shared else vector(rng, units)
        wide = [name for name in _activations(plain) if name != "softmax" or units > 1]
        name = last if output else pick(rng, wide)
        if name != "linear" or chance(rng, 0.5):
            layer["activation"] = _activation(rng, name)
        layers.append(layer)


def _add_goal(
    rng: Rng, problem: Problem, goal: Goal, samples: int, units: int, plain: bool
) -> None:
    if goal.targets == "upstream":
        problem["upstream"] = _upstream(rng, problem)
        if chance(rng, 0.5):
            problem["loss"] = "none"
        return
    if goal.targets == "nothing":
        return
    problem["y"] = _targets(rng, problem, goal, samples, units, plain)
    problem["loss"] = _loss(rng, goal)


def _upstream(rng: Rng, problem: Problem) -> dict[str, Any]:
    run = numpy_forward.forward(problem)
    last = len(problem["layers"])
    names = {"Yhat": run.outputs[-1], f"Z{last}": run.pre[-1]}
    if last > 1:
        names[f"H{last - 1}"] = run.outputs[-2]
    name = "Yhat" if chance(rng, 0.6) else pick(rng, tuple(names))
    rows = names[name]
    stored = rows[0] if not reading.is_batch(problem) else rows
    turned = stored.T if reading.samples_are_columns(problem) else stored
    return {name: like(rng, turned.tolist(), -2, 2)}


def _targets(rng: Rng, problem: Problem, goal: Goal, samples: int, units: int, plain: bool) -> Any:
    if goal.targets == "distribution" and samples and not plain and chance(rng, 0.4):
        base = reading.convention(problem, "indices")
        labels = [int(rng.integers(units)) + base for _ in range(samples)]
        return {"labels": labels, "classes": units}
    rows = [_target(rng, goal, units) for _ in range(max(samples, 1))]
    if units == 1 and samples > 1 and chance(rng, 0.6):
        return [row[0] for row in rows]
    if samples:
        return rows
    return rows[0][0] if units == 1 and chance(rng, 0.5) else rows[0]


def _target(rng: Rng, goal: Goal, units: int) -> list[Any]:
    if goal.targets == "signs":
        return [pick(rng, (-1, 1)) for _ in range(units)]
    if goal.targets == "binary":
        return [pick(rng, (0, 1, 1, 0, 0.25)) for _ in range(units)]
    if goal.targets == "distribution":
        soft: dict[int, list[Any]] = {
            2: [0.25, 0.75],
            3: [0.5, 0.125, 0.375],
            4: [0.25, 0.125, 0.125, 0.5],
        }
        hot: list[Any] = [1] + [0] * (units - 1)
        values = soft[units] if chance(rng, 0.25) else hot
        return values[::-1] if chance(rng, 0.5) else values
    return vector(rng, units, -2, 2)


def _loss(rng: Rng, goal: Goal) -> Any:
    entry: dict[str, Any] = {"formula" if goal.formula else "name": goal.loss}
    if goal.loss == "huber" and chance(rng, 0.6):
        entry["delta"] = pick(rng, (0.5, 2, 1))
    if chance(rng, 0.5):
        entry["over_samples"] = pick(rng, ("sum", "sum", "mean"))
    short = len(entry) == 1 and not goal.formula and chance(rng, 0.8)
    return goal.loss if short else entry


# ---------------------------------------------------------------- skips, penalties, frozen layers


def _add_extras(rng: Rng, problem: Problem, goal: Goal) -> None:
    if chance(rng, 0.5):
        _add_skips(rng, problem, post_at_end=not goal.outputs)
    if goal.loss != "none" and chance(rng, 0.3):
        problem["penalty"] = _penalty(rng, problem)
    for layer in problem["layers"]:
        if goal.targets != "nothing" and chance(rng, 0.12):
            _freeze(rng, layer)


def _add_skips(rng: Rng, problem: Problem, *, post_at_end: bool) -> None:
    widths = [len(rows[0]) for rows in numpy_forward.forward(problem).outputs]
    for number, layer in enumerate(problem["layers"], start=1):
        sources = [k for k in range(number) if chance(rng, 0.3)]
        for source in sources:
            skip: Layer = {"from": source}
            if widths[source] != widths[number] or chance(rng, 0.4):
                skip["weights"] = _weights(rng, problem, widths[number], widths[source])
            allowed = post_at_end or number < len(problem["layers"])
            if allowed and chance(rng, 0.4):
                skip["into"] = "post"
            elif chance(rng, 0.3):
                skip["into"] = "pre"
            layer.setdefault("skip", []).append(skip)


def _penalty(rng: Rng, problem: Problem) -> dict[str, Any]:
    penalty: dict[str, Any] = {"l2": pick(rng, (0.1, 0.01, 0.5))}
    if chance(rng, 0.5):
        penalty["form"] = pick(rng, ("full", "full", "half"))
    if chance(rng, 0.4):
        penalty["divided_by_samples"] = True
    if chance(rng, 0.4) and reading.convention(problem, "bias") == "separate":
        penalty["biases"] = True
    return penalty


def _freeze(rng: Rng, layer: Layer) -> None:
    weighted_skips = any("weights" in skip for skip in layer.get("skip", []))
    if "bias" in layer and not weighted_skips and chance(rng, 0.6):
        layer["train"] = [pick(rng, ("weights", "bias"))]
    else:
        layer["train"] = False

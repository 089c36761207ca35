"""Turns a problem into the names of the features it uses, to see that a draw covers all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from oracles import numpy_forward, reading, update_rules
from oracles.reading import Problem

FEATURES = frozenset(
    [
        *(f"affine:{name}" for name in reading.AFFINE),
        *(f"bias:{name}" for name in ("separate", "first", "last", "none", "scalar", "vector")),
        *(f"activation:{name}" for name in (*numpy_forward.ACTIVATIONS, "formula", "default")),
        *(f"activation:{text}" for text in numpy_forward.ACTIVATION_FORMULAS),
        *(f"output:{name}" for name in (*numpy_forward.ACTIVATIONS, "formula")),
        *(f"loss:{name}" for name in (*numpy_forward.LOSSES, "none")),
        *(f"loss:{text}" for text in numpy_forward.LOSS_FORMULAS),
        *(f"layers:{number}" for number in (1, 2, 3)),
        *(f"skip:{name}" for name in ("weighted", "plain", "pre", "post", "from-x", "from-layer")),
        *(f"penalty:{name}" for name in ("half", "full", "divided_by_samples", "biases")),
        *(f"y:{name}" for name in ("number", "flat", "labels", "vector", "rows")),
        *(f"frozen:{name}" for name in ("all", "weights", "bias")),
        *(f"update:{name}" for name in update_rules.STATES),
        *(f"momentum:{form}" for form in update_rules.MOMENTUM_FORMS),
        *(f"steps:{number}" for number in (1, 2, 3)),
        *("batches:size", "batches:lists", "state", "adam:t", "no update"),
        *("one sample", "x:number", "batch", "batch of one", "over_samples:mean"),
        *("over_samples:sum", "upstream:Yhat", "upstream:Z", "upstream:H", "forward only"),
        *("log:2", "log:10", "indices:0", "bias_input", "jacobian:denominator", "fused"),
    ]
)


def features(problem: Problem) -> frozenset[str]:
    """The features a problem uses."""
    parts = (_conventions, _data, _layers, _goal, _update)
    return frozenset(name for part in parts for name in part(problem))


def _conventions(problem: Problem) -> Iterator[str]:
    chosen = problem["convention"]
    yield f"affine:{chosen['affine']}"
    yield f"bias:{chosen.get('bias', 'separate')}"
    for key in ("log", "indices", "jacobian"):
        if key in chosen:
            yield f"{key}:{chosen[key]}"
    if "bias_input" in chosen:
        yield "bias_input"
    if chosen.get("output_gradient") == "fused":
        yield "fused"


def _data(problem: Problem) -> Iterator[str]:
    batch = reading.is_batch(problem)
    yield "batch" if batch else "one sample"
    if batch and len(problem["x"]) == 1:
        yield "batch of one"
    if not isinstance(problem["x"], list):
        yield "x:number"
    if "y" in problem:
        yield f"y:{_form_of_targets(problem['y'], batch)}"


def _form_of_targets(targets: Any, batch: bool) -> str:
    if isinstance(targets, dict):
        return "labels"
    if not isinstance(targets, list):
        return "number"
    if isinstance(targets[0], list):
        return "rows"
    return "flat" if batch else "vector"


def _layers(problem: Problem) -> Iterator[str]:
    layers = problem["layers"]
    yield f"layers:{len(layers)}"
    for layer in layers:
        yield from _layer(layer, reading.convention(problem, "bias") == "separate")
    yield f"output:{reading.activation(layers[-1]).get('name', 'formula')}"


def _layer(layer: dict[str, Any], separate: bool) -> Iterator[str]:
    entry = reading.activation(layer)
    yield f"activation:{entry.get('name', 'formula')}"
    if "formula" in entry:
        yield f"activation:{entry['formula']}"
    if "activation" not in layer:
        yield "activation:default"
    if separate and "bias" not in layer:
        yield "bias:none"
    if "bias" in layer:
        yield "bias:vector" if isinstance(layer["bias"], list) else "bias:scalar"
    for skip in layer.get("skip", []):
        yield "skip:weighted" if "weights" in skip else "skip:plain"
        yield f"skip:{skip.get('into', 'pre')}"
        yield "skip:from-layer" if skip["from"] else "skip:from-x"
    if "train" in layer:
        yield f"frozen:{_frozen(layer['train'])}"


def _frozen(train: Any) -> str:
    if train is False:
        return "all"
    return "weights" if "bias" in train else "bias"


def _goal(problem: Problem) -> Iterator[str]:
    entry = reading.loss(problem)
    for name in problem.get("upstream", {}):
        yield f"upstream:{name.rstrip('0123456789')}"
    if entry is None:
        yield "loss:none"
        if "upstream" not in problem:
            yield "forward only"
        return
    yield f"loss:{reading.label(entry)}"
    yield f"over_samples:{entry.get('over_samples', 'mean')}"
    penalty = problem.get("penalty")
    if penalty is not None:
        yield f"penalty:{penalty.get('form', 'half')}"
        yield from (f"penalty:{key}" for key in ("divided_by_samples", "biases") if key in penalty)


def _update(problem: Problem) -> Iterator[str]:
    update = problem.get("update")
    if update is None:
        yield "no update"
        return
    yield f"update:{update['rule']}"
    yield f"steps:{update.get('steps', 1)}"
    if update["rule"] == "momentum":
        yield f"momentum:{update.get('form', 'classic')}"
    if update.get("state"):
        yield "state"
    if "t" in update:
        yield "adam:t"
    if "batches" in update:
        yield "batches:size" if isinstance(update["batches"], int) else "batches:lists"

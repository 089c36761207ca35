"""Turns a seeded generator and a problem into an `update` that suits the problem."""

from __future__ import annotations

from typing import Any

from oracles import reading
from oracles.chance import Rng, chance, like, pick
from oracles.reading import Problem

STATES = {
    "sgd": (),
    "momentum": ("v",),
    "nesterov": ("v",),
    "adagrad": ("G",),
    "rmsprop": ("s",),
    "adam": ("m", "v"),
}
MOMENTUM_FORMS = ("classic", "ewma", "accumulate")


def draw_update(rng: Rng, problem: Problem, plain: bool) -> dict[str, Any]:
    rule = "sgd" if plain else pick(rng, (*STATES, "momentum"))
    adaptive = rule in ("adagrad", "rmsprop", "adam")
    if adaptive and _has_cancelling_bias(problem):
        rule, adaptive = "nesterov", False
    rates = (0.01, 0.05) if adaptive else (0.1, 0.02, 0.25)
    update: dict[str, Any] = {"rule": rule, "learning_rate": pick(rng, rates)}
    update |= _options(rng, rule)
    if chance(rng, 0.6):
        update["steps"] = int(rng.integers(1, 4))
    if not plain:
        _add_batches(rng, problem, update)
        _add_state(rng, problem, update)
    return update


def _options(rng: Rng, rule: str) -> dict[str, Any]:
    pool: dict[str, tuple[Any, ...]] = {
        "momentum": (("form", MOMENTUM_FORMS), ("beta", (0.5, 0.8))),
        "nesterov": (("beta", (0.5, 0.8)),),
        "adagrad": (("epsilon", (1e-6, 0.01)),),
        "rmsprop": (("beta", (0.5, 0.99)), ("epsilon", (1e-6, 0.01))),
        "adam": (
            ("beta1", (0.5, 0.8)),
            ("beta2", (0.9, 0.99)),
            ("epsilon", (1e-6,)),
            ("t", (2, 5)),
        ),
    }
    return {key: pick(rng, values) for key, values in pool.get(rule, ()) if chance(rng, 0.5)}


def _has_cancelling_bias(problem: Problem) -> bool:
    """Whether some gradient is zero but for rounding, which adaptive rules would blow up.

    One bias shared by all units of a softmax shifts every z alike and changes nothing.
    """
    softmaxes = [
        layer
        for number, layer in enumerate(problem["layers"], start=1)
        if reading.activation(layer).get("name") == "softmax"
        or (number == len(problem["layers"]) and "cross-entropy-with" in str(problem.get("loss")))
    ]
    return any("bias" in layer and not isinstance(layer["bias"], list) for layer in softmaxes)


def _add_batches(rng: Rng, problem: Problem, update: dict[str, Any]) -> None:
    samples = len(problem["x"]) if reading.is_batch(problem) else 0
    divided = problem.get("penalty", {}).get("divided_by_samples")
    if samples < 2 or "upstream" in problem or divided or chance(rng, 0.5):
        return
    update["steps"] = int(rng.integers(1, 4))
    if chance(rng, 0.5):
        update["batches"] = int(rng.integers(1, samples + 1))
        return
    base = reading.convention(problem, "indices")
    order = [int(number) + base for number in rng.permutation(samples)]
    cut = int(rng.integers(1, samples))
    update["batches"] = [order[:cut], order[cut:]]


def _add_state(rng: Rng, problem: Problem, update: dict[str, Any]) -> None:
    names = STATES[update["rule"]]
    if not names or "Yhat" not in problem.get("upstream", {"Yhat": 0}) or chance(rng, 0.55):
        return
    update["state"] = {}
    for parameter, value in trained(problem).items():
        if chance(rng, 0.2):
            continue
        for name in names:
            squares = name in ("G", "s") or (name == "v" and update["rule"] == "adam")
            low = 0.01 if squares else -1.0
            update["state"][f"{name}_{parameter}"] = like(rng, value, low, 1)


def trained(problem: Problem) -> dict[str, Any]:
    """The parameters that are updated, by id, as the file writes them."""
    found: dict[str, Any] = {}
    for number, layer in enumerate(problem["layers"], start=1):
        kinds = layer.get("train", ["weights", "bias"]) or []
        if "weights" in kinds:
            found[f"W{number}"] = layer["weights"]
            for skip in layer.get("skip", []):
                if "weights" in skip:
                    found[f"W{number}_{skip['from']}"] = skip["weights"]
        if "bias" in kinds and "bias" in layer:
            found[f"b{number}"] = layer["bias"]
    return found

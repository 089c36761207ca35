"""Turns a problem into every quantity the contract names, by PyTorch's autograd in float64.

Everything is computed with a sample a row; only what is handed out is turned to the problem's own
orientation. Parameters are leaves as the file stores them, so their gradients need no turning.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from oracles import reading
from oracles.reading import Array, Problem, Result
from oracles.torch_updates import RULES

torch.set_num_threads(1)

Options = dict[str, Any]
Tensors = dict[str, Tensor]

ACTIVATIONS: dict[str, Callable[[Tensor, Options], Tensor]] = {
    "linear": lambda z, _: z.clone(),
    "sigmoid": lambda z, _: torch.sigmoid(z),
    "tanh": lambda z, _: torch.tanh(z),
    "relu": lambda z, _: torch.relu(z),
    "leaky-relu": lambda z, options: functional.leaky_relu(z, options["slope"]),
    "elu": lambda z, options: functional.elu(z, options["alpha"]),
    "softplus": lambda z, _: functional.softplus(z, threshold=700),
    "silu": lambda z, _: functional.silu(z),
    "gelu": lambda z, _: functional.gelu(z),
    "mish": lambda z, _: functional.mish(z),
    "softsign": lambda z, _: functional.softsign(z),
    "arctan": lambda z, _: torch.atan(z),
    "relu6": lambda z, _: functional.relu6(z),
    "exp": lambda z, _: torch.exp(z),
    "step": lambda z, _: (z >= 0).to(z) + 0 * z,
    "sign": lambda z, _: torch.sign(z),
    "softmax": lambda z, _: torch.softmax(z, dim=1),
}

ACTIVATION_FORMULAS: dict[str, Callable[[Tensor], Tensor]] = {
    "z * sigmoid(z)": lambda z: z * torch.sigmoid(z),
    "z / (1 + abs(z))": lambda z: z / (1 + z.abs()),
    "exp(-z^2)": lambda z: torch.exp(-z.square()),
    "0.5*z^2 - z": lambda z: z.square() / 2 - z,
    "ln(1 + exp(z)) + 0.1*z": lambda z: torch.log1p(z.exp()) + z / 10,
    "sqrt(1 + z**2) - 1/2": lambda z: torch.sqrt(1 + z.square()) - 0.5,
    "tanh(2*z) + sigmoid(-z)": lambda z: torch.tanh(2 * z) + torch.sigmoid(-z),
}


def _huber(outputs: Tensor, targets: Tensor, options: Options) -> Tensor:
    delta = float(options.get("delta", 1))
    return functional.huber_loss(outputs, targets, reduction="none", delta=delta).sum(1)


def _logits(outputs: Tensor, targets: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(outputs, targets, reduction="none").sum(1)


LOSSES: dict[str, Callable[[Tensor, Tensor, Options], Tensor]] = {
    "cross-entropy": lambda p, y, _: -torch.xlogy(y, p).sum(1),
    "binary-cross-entropy": lambda p, y, _: -(torch.xlogy(y, p) + torch.xlogy(1 - y, 1 - p)).sum(1),
    "cross-entropy-with-logits": lambda p, y, _: torch.logsumexp(p, 1) - (p * y).sum(1),
    "binary-cross-entropy-with-logits": lambda p, y, _: _logits(p, y),
    "squared-error": lambda p, y, _: (p - y).square().sum(1),
    "half-squared-error": lambda p, y, _: (p - y).square().sum(1) / 2,
    "mean-squared-error": lambda p, y, _: (p - y).square().mean(1),
    "absolute-error": lambda p, y, _: (p - y).abs().sum(1),
    "huber": _huber,
    "hinge": lambda p, y, _: torch.relu(1 - y * p).sum(1),
}

LOSS_FORMULAS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "sum((y - yhat)^2)": lambda p, y: (y - p).square().sum(1),
    "sum((yhat - y)**4) / 4": lambda p, y: (p - y).pow(4).sum(1) / 4,
    "mean(abs(yhat - y))": lambda p, y: (p - y).abs().mean(1),
    "-sum(y * log(yhat))": lambda p, y: -(y * p.log()).sum(1),
    "sum(softplus(-y * yhat))": lambda p, y: functional.softplus(-y * p, threshold=700).sum(1),
}


@dataclass(frozen=True)
class Pass:
    """One forward pass: what is computed between X and the loss, and what is differentiated."""

    rows: Tensors
    scalars: Tensors
    root: Tensor | None


def solve(problem: Problem) -> Result:
    """Everything the problem defines: the ids of the first step, and what training ends with."""
    parameters = read_parameters(problem)
    taken = reading.batches(problem)
    result = Result(*_derivation(problem, parameters, taken[0]))
    updates = train(problem, parameters, taken) if "update" in problem else []
    for name, value in parameters.items():
        reached = f"dL/d{name}" in result.required
        (result.required if reached else result.optional).update(_changes(name, value, updates))
    passes = [parameters, *(update.parameters for update in updates)]
    losses = _history(problem, passes, taken)
    if losses and updates:
        result.required["L_new"] = np.array(_loss(problem, passes[1], taken[0]))
    frozen = frozenset(parameters) - trained(problem)
    return Result(result.required, result.optional, _arrays(passes[-1]), frozen, losses)


# ---------------------------------------------------------------- parameters


def read_parameters(problem: Problem) -> Tensors:
    """Every parameter by id, stored as the file stores it, ready to be differentiated."""
    found: dict[str, Any] = {}
    for number, layer in enumerate(problem["layers"], start=1):
        found[f"W{number}"] = layer["weights"]
        if "bias" in layer:
            found[f"b{number}"] = layer["bias"]
        for skip in layer.get("skip", []):
            if "weights" in skip:
                found[f"W{number}_{skip['from']}"] = skip["weights"]
    return {name: _leaf(value) for name, value in found.items()}


def trained(problem: Problem) -> frozenset[str]:
    """The ids of the parameters that an update changes."""
    frozen: set[str] = set()
    for number, layer in enumerate(problem["layers"], start=1):
        kinds = layer.get("train", ["weights", "bias"]) or ()
        if "bias" not in kinds:
            frozen.add(f"b{number}")
        if "weights" not in kinds:
            sources = (f"W{number}_{skip['from']}" for skip in layer.get("skip", []))
            frozen.update((f"W{number}", *sources))
    return frozenset(read_parameters(problem)) - frozen


def _leaf(value: Any) -> Tensor:
    return torch.tensor(value, dtype=torch.float64, requires_grad=True)


def _arrays(tensors: Tensors) -> dict[str, Array]:
    return {name: tensor.detach().numpy() for name, tensor in tensors.items()}


# ---------------------------------------------------------------- forward


def run(problem: Problem, parameters: Tensors, samples: Sequence[int]) -> Pass:
    """The forward pass over some samples, counted from 0."""
    chosen = list(samples)
    x = torch.tensor(reading.input_rows(problem)[chosen], requires_grad=True)
    rows = {"X": x}
    outputs = [x]
    last = len(problem["layers"])
    for number, layer in enumerate(problem["layers"], start=1):
        z = _affine(problem, parameters, number, outputs[-1])
        z = z + _skips(problem, parameters, number, outputs, "pre")
        h = _activate(layer, z) + _skips(problem, parameters, number, outputs, "post")
        outputs.append(h)
        rows |= {f"Z{number}": z, "Yhat" if number == last else f"H{number}": h}
    return _with_root(problem, parameters, rows, chosen)


def _inputs_first(problem: Problem, weights: Tensor) -> Tensor:
    return weights.T if reading.outputs_first(problem) else weights


def _affine(problem: Problem, parameters: Tensors, number: int, inputs: Tensor) -> Tensor:
    where = reading.convention(problem, "bias")
    constant = inputs.new_full((len(inputs), 1), float(reading.convention(problem, "bias_input")))
    parts = {"first": [constant, inputs], "last": [inputs, constant], "separate": [inputs]}[where]
    z = torch.cat(parts, dim=1) @ _inputs_first(problem, parameters[f"W{number}"])
    return z + parameters[f"b{number}"] if f"b{number}" in parameters else z


def _skips(
    problem: Problem, parameters: Tensors, number: int, outputs: list[Tensor], into: str
) -> Tensor:
    total = torch.zeros(1, dtype=torch.float64)
    for skip in problem["layers"][number - 1].get("skip", []):
        if skip.get("into", "pre") == into:
            share = outputs[skip["from"]]
            if "weights" in skip:
                weights = parameters[f"W{number}_{skip['from']}"]
                share = share @ _inputs_first(problem, weights)
            total = total + share
    return total


def _activate(layer: dict[str, Any], z: Tensor) -> Tensor:
    entry = reading.activation(layer)
    if "formula" in entry:
        return ACTIVATION_FORMULAS[entry["formula"]](z)
    return ACTIVATIONS[entry["name"]](z, entry)


def _with_root(problem: Problem, parameters: Tensors, rows: Tensors, chosen: list[int]) -> Pass:
    entry = reading.loss(problem)
    targets = reading.target_rows(problem)
    if entry is None or targets is None:
        return Pass(rows, {}, _given_gradient(problem, rows))
    data = _data_loss(problem, entry, rows["Yhat"], torch.tensor(targets[chosen]))
    if "penalty" not in problem:
        return Pass(rows, {"L": data}, data)
    penalty = _penalty(problem, parameters, len(chosen))
    total = data + penalty
    return Pass(rows, {"L": total, "L_data": data, "L_penalty": penalty}, total)


def _given_gradient(problem: Problem, rows: Tensors) -> Tensor | None:
    """A scalar whose gradient, at the quantities named by `upstream`, is the one given."""
    if "upstream" not in problem:
        return None
    return torch.stack(
        [
            (reading.stored(problem, rows[name]) * torch.tensor(value, dtype=torch.float64)).sum()
            for name, value in problem["upstream"].items()
        ]
    ).sum()


def _data_loss(problem: Problem, entry: Options, outputs: Tensor, targets: Tensor) -> Tensor:
    if "formula" in entry:
        losses = LOSS_FORMULAS[entry["formula"]](outputs, targets)
    else:
        losses = LOSSES[entry["name"]](outputs, targets, entry)
    logarithmic = entry.get("name") in ("cross-entropy", "binary-cross-entropy")
    scaled = losses * (reading.log_scale(problem) if logarithmic else 1.0)
    return scaled.sum() if entry.get("over_samples", "mean") == "sum" else scaled.mean()


def _penalty(problem: Problem, parameters: Tensors, samples: int) -> Tensor:
    biases = bool(problem["penalty"].get("biases"))
    squares = [
        (_without_bias(problem, name, value) if name.startswith("W") else value).square().sum()
        for name, value in parameters.items()
        if biases or name.startswith("W")
    ]
    return torch.stack(squares).sum() * reading.penalty_factor(problem, samples)


def _without_bias(problem: Problem, name: str, weights: Tensor) -> Tensor:
    """A layer's weights without the bias entries they may hold; skips hold none."""
    where = reading.convention(problem, "bias")
    if where == "separate" or "_" in name:
        return weights
    inputs_first = _inputs_first(problem, weights)
    return inputs_first[1:] if where == "first" else inputs_first[:-1]


# ---------------------------------------------------------------- the ids of one step

Ids = dict[str, Array]


def _derivation(problem: Problem, parameters: Tensors, samples: list[int]) -> tuple[Ids, Ids]:
    """What one pass gives, forward and backward: required ids, and those left to the program."""
    done = run(problem, parameters, samples)
    required = {name: _stored(problem, rows) for name, rows in done.rows.items()}
    required |= _arrays(parameters) | _arrays(done.scalars)
    targets = reading.target_rows(problem)
    if targets is not None:
        required["Y"] = reading.stored(problem, targets[samples])
    optional = _classes(problem, done)
    for name, blocks in _jacobians(problem, done).items():
        known = bool(done.scalars) and not name.endswith("/dX")
        (required if known else optional)[name] = blocks
    demanded = {*done.rows, *trained(problem)}
    for name, gradient in _gradients(done, parameters).items():
        known = name in demanded and gradient is not None
        value = torch.zeros_like((done.rows | parameters)[name]) if gradient is None else gradient
        array = _stored(problem, value) if name in done.rows else value.numpy()
        (required if known else optional)[f"dL/d{name}"] = array
    return required, optional


def _gradients(done: Pass, parameters: Tensors) -> dict[str, Tensor | None]:
    """The root's gradient in everything; None where the root does not depend on it."""
    if done.root is None:
        return {}
    by_name = {**done.rows, **parameters}
    found = torch.autograd.grad(
        done.root, list(by_name.values()), allow_unused=True, retain_graph=True
    )
    return dict(zip(by_name, found, strict=True))


def _stored(problem: Problem, rows: Tensor) -> Array:
    return np.asarray(reading.stored(problem, rows.detach().numpy()), dtype=float)


def _classes(problem: Problem, done: Pass) -> Ids:
    """The hard decision, where it needs no convention: softmax units, counted from `indices`."""
    last = reading.activation(problem["layers"][-1])
    if last.get("name") != "softmax" or problem["layers"][-1].get("skip"):
        return {}
    rows = done.rows["Yhat"].detach().numpy()
    classes = (rows.argmax(axis=1) + reading.convention(problem, "indices")).astype(float)
    return {"class": classes if reading.is_batch(problem) else classes[0]}


def _jacobians(problem: Problem, done: Pass) -> Ids:
    """Jacobians between neighbours: each layer's output by its z, and its z by its input."""
    names = list(done.rows)
    found = {f"d{b}/d{a}": _jacobian(done.rows[b], done.rows[a]) for a, b in pairwise(names)}
    if reading.convention(problem, "jacobian") == "denominator":
        found = {name: blocks.swapaxes(1, 2) for name, blocks in found.items()}
    batch = reading.is_batch(problem)
    return {name: blocks if batch else blocks[0] for name, blocks in found.items()}


def _jacobian(values: Tensor, argument: Tensor) -> Array:
    """A block a sample: the units of `values` by those of `argument`."""
    by_unit = [
        torch.autograd.grad(column.sum(), argument, retain_graph=True)[0] for column in values.T
    ]
    return np.asarray(torch.stack(by_unit, dim=1).numpy(), dtype=float)


# ---------------------------------------------------------------- training


@dataclass(frozen=True)
class Update:
    """Parameters after an update, and the optimizer's state (mhat and vhat included)."""

    parameters: Tensors
    state: Tensors


def train(problem: Problem, parameters: Tensors, taken: list[list[int]]) -> list[Update]:
    """The updates one after the other, batches taken in turn."""
    update = problem["update"]
    state = {name: _leaf(value).detach() for name, value in update.get("state", {}).items()}
    done: list[Update] = []
    for step in range(update.get("steps", 1)):
        latest = done[-1] if done else Update(parameters, state)
        forward = run(problem, latest.parameters, taken[step % len(taken)])
        gradients = _gradients(forward, latest.parameters)
        done.append(_updated(problem, latest, gradients, step + update.get("t", 1)))
    return done


def _updated(
    problem: Problem, latest: Update, gradients: dict[str, Tensor | None], t: int
) -> Update:
    parameters = dict(latest.parameters)
    state = dict(latest.state)
    for name in sorted(trained(problem)):
        value = parameters[name].detach()
        found = gradients[name]
        gradient = torch.zeros_like(value) if found is None else found
        own = {slot: state.get(f"{slot}_{name}", torch.zeros_like(value)) for slot in "vGsm"}
        change, fresh = RULES[problem["update"]["rule"]](
            gradient, own, problem["update"] | {"t": t}
        )
        parameters[name] = (value + change).requires_grad_()
        state |= {f"{slot}_{name}": part for slot, part in fresh.items()}
    return Update(parameters, state)


def _changes(name: str, before: Tensor, updates: list[Update]) -> Ids:
    """The ids of the first update that belong to one parameter."""
    if not updates:
        return {}
    after = updates[0].parameters[name].detach()
    slots = ("v", "G", "s", "m", "mhat", "vhat")
    state = {f"{slot}_{name}": updates[0].state.get(f"{slot}_{name}") for slot in slots}
    ids = {f"{name}_new": after, f"{name}_change": after - before.detach()}
    return _arrays(ids | {key: value for key, value in state.items() if value is not None})


def _loss(problem: Problem, parameters: Tensors, samples: list[int]) -> float:
    return float(run(problem, parameters, samples).scalars["L"].detach())


def _history(problem: Problem, passes: list[Tensors], taken: list[list[int]]) -> tuple[float, ...]:
    """The loss on each step's batch before its update, then on the last batch after it."""
    if reading.loss(problem) is None:
        return ()
    last = max(len(passes) - 2, 0)
    batches = [taken[min(step, last) % len(taken)] for step in range(len(passes))]
    pairs = zip(passes, batches, strict=True)
    return tuple(_loss(problem, parameters, batch) for parameters, batch in pairs)

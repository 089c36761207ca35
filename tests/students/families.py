"""Turns chance into problems in equations, with values and gradients worked out by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from oracles.chance import Rng, chance, pick
from oracles.reading import Array

from students.activations import sigmoid
from students.equations import EquationStudent, EquationTask, Formula, Rule, updated, wrong
from students.table import Entry

FAMILIES: list[Callable[[int, Rng], EquationTask]] = []


def family(draw: Callable[[int, Rng], EquationTask]) -> Callable[[int, Rng], EquationTask]:
    FAMILIES.append(draw)
    return draw


def draw(seed: int, rng: Rng) -> EquationTask:
    """A problem of one of the families."""
    chosen: Callable[[int, Rng], EquationTask] = pick(rng, FAMILIES)
    return chosen(seed, rng)


def _task(
    seed: int,
    name: str,
    given: Mapping[str, Array],
    equations: Sequence[str],
    rules: Mapping[str, Rule],
    trained: Sequence[str],
    rate: float,
    entries: Sequence[Entry],
    new_loss: Callable[[EquationStudent, Mapping[str, Array]], Array],
) -> EquationTask:
    """A task with its update and the loss after it."""
    problem = {
        "values": {id: value.tolist() for id, value in given.items()},
        "equations": list(equations),
        "train": list(trained),
        "update": {"rule": "sgd", "learning_rate": rate},
    }
    every = dict(rules)
    for id in trained:
        every[f"{id}_new"] = updated(id)
    every["L_new"] = lambda s: new_loss(s, {id: s[f"{id}_new"] for id in trained})
    old = wrong("old-loss-again", "updated-weights-forward copied", "L_new", lambda s: s["L"])
    formula = Formula(given, every, rate, [*entries, old])
    ids = tuple(every)
    return EquationTask(seed, name, problem, ids, ids, formula=formula)


def _numbers(rng: Rng, *shape: int) -> Array:
    return np.asarray(np.round(rng.uniform(-1.5, 1.5, shape), 1 if chance(rng, 0.5) else 2))


def _sigmoid(s: EquationStudent, z: Array) -> Array:
    return sigmoid(z, s.keep)


def _now(s: EquationStudent, new: Mapping[str, Array], id: str) -> Array:
    return new[id] if id in new else s[id]


# ---------------------------------------------------------------- a scalar graph


@family
def scalar_graph(seed: int, rng: Rng) -> EquationTask:
    """One sigmoid neuron of numbers, a product inside, half the squared error."""
    given = {id: _numbers(rng) for id in ("x", "w", "b", "v", "y")}

    def new_loss(s: EquationStudent, new: Mapping[str, Array]) -> Array:
        z = s.keep(_now(s, new, "w") * s["x"] + _now(s, new, "b"))
        yhat = s.keep(_now(s, new, "v") * s.keep(_sigmoid(s, z)))
        return s.keep(s.keep(yhat - s["y"]) ** 2) / 2

    rules: dict[str, Rule] = {
        "z": lambda s: s.habits.term(s["w"] * s["x"]) + s["b"],
        "h": lambda s: _sigmoid(s, s["z"]),
        "yhat": lambda s: s["v"] * s["h"],
        "L": lambda s: s.keep(s.keep(s["yhat"] - s["y"]) ** 2) / 2,
        "dL/dyhat": lambda s: s["yhat"] - s["y"],
        "dL/dv": lambda s: s["dL/dyhat"] * s["h"],
        "dL/dh": lambda s: s["dL/dyhat"] * s["v"],
        "dL/dz": lambda s: s["dL/dh"] * s.keep(s["h"] * (1 - s["h"])),
        "dL/dw": lambda s: s["dL/dz"] * s["x"],
        "dL/db": lambda s: s["dL/dz"],
    }
    entries = [
        wrong("bias-subtracted", "term-sign-flipped", "z", lambda s: s["w"] * s["x"] - s["b"]),
        wrong("other-activation", "wrong-activation", "h", lambda s: np.tanh(s["z"])),
        wrong("error-not-squared", "power-left-out", "L", lambda s: (s["yhat"] - s["y"]) / 2),
        wrong("input-forgotten", "input-left-out", "dL/dw", lambda s: s["dL/dz"]),
        wrong("incoming-forgotten", "upstream-left-out", "dL/dz", lambda s: s["h"] * (1 - s["h"])),
        wrong("weights-forgotten", "factor-left-out", "dL/dh", lambda s: s["dL/dyhat"]),
        wrong(
            "other-derivative",
            "wrong-activation-derivative",
            "dL/dz",
            lambda s: s["dL/dh"] * (1 - s["h"] ** 2),
            lambda s: s["dL/dh"] * s["h"],
        ),
        wrong(
            "activation-derivative-omitted",
            "activation-derivative-omitted output-derivative-omitted upstream-left-out",
            "dL/dz",
            lambda s: s["dL/dh"],
            misconception=False,
        ),
        wrong(
            "sign-flipped",
            "sign-flipped sign-lost targets-swapped",
            "dL/dyhat",
            lambda s: s["y"] - s["yhat"],
            misconception=False,
        ),
    ]
    equations = ["z = w * x + b", "h = sigmoid(z)", "yhat = v * h", "L = (yhat - y)^2 / 2"]
    trained, rate = ["w", "b", "v"], pick(rng, (0.1, 0.25, 0.5))
    return _task(seed, "scalar graph", given, equations, rules, trained, rate, entries, new_loss)


# ---------------------------------------------------------------- a gate


@family
def gate(seed: int, rng: Rng) -> EquationTask:
    """h = o · tanh(c), as the output of an LSTM cell has it."""
    units = int(rng.integers(1, 4))
    given = {id: _numbers(rng, units) for id in ("a", "c", "y")}
    rate = pick(rng, (0.1, 0.5))

    def new_loss(s: EquationStudent, new: Mapping[str, Array]) -> Array:
        o = s.keep(_sigmoid(s, _now(s, new, "a")))
        h = s.keep(o * s.keep(np.tanh(_now(s, new, "c"))))
        return np.asarray(s.keep(s.keep(h - s["y"]) ** 2).sum())

    rules: dict[str, Rule] = {
        "o": lambda s: _sigmoid(s, s["a"]),
        "h": lambda s: s["o"] * s.keep(np.tanh(s["c"])),
        "L": lambda s: s.keep(s.keep(s["h"] - s["y"]) ** 2).sum(),
        "dL/dh": lambda s: 2 * s.keep(s["h"] - s["y"]),
        "dL/do": lambda s: s["dL/dh"] * s.keep(np.tanh(s["c"])),
        "dL/da": lambda s: s["dL/do"] * s.keep(s["o"] * (1 - s["o"])),
        "dL/dc": lambda s: (
            s.keep(s["dL/dh"] * s["o"]) * s.keep(1 - s.keep(s.keep(np.tanh(s["c"])) ** 2))
        ),
    }
    entries = [
        wrong("activation-omitted", "activation-omitted wrong-operand", "h",
              lambda s: s["o"] * s["c"], misconception=False),
        wrong("factor-two", "factor-two factor-left-out", "dL/dh", lambda s: s["h"] - s["y"],
              misconception=False),
        wrong("gate-forgotten", "factor-left-out", "dL/dc",
              lambda s: s["dL/dh"] * (1 - np.tanh(s["c"]) ** 2)),
        wrong("gate-added", "", "h", lambda s: s["o"] + np.tanh(s["c"])),
        wrong("other-derivative", "wrong-activation-derivative", "dL/dc",
              lambda s: s["dL/dh"] * s["o"] * np.tanh(s["c"]) * (1 - np.tanh(s["c"]))),
        wrong("other-operand", "wrong-operand", "dL/do", lambda s: s["dL/dh"] * s["o"]),
        wrong("incoming-forgotten", "upstream-left-out", "dL/da", lambda s: s["o"] * (1 - s["o"])),
        wrong("sign-of-exponent", "sign-flipped sign-lost term-sign-flipped", "o",
              lambda s: _sigmoid(s, -s["a"])),
    ]  # fmt: skip
    equations = ["o = sigmoid(a)", "h = o * tanh(c)", "L = sum((h - y)^2)"]
    return _task(seed, "gate", given, equations, rules, ["a", "c"], rate, entries, new_loss)


# ---------------------------------------------------------------- an affine map inside a function


@family
def in_one_line(seed: int, rng: Rng) -> EquationTask:
    """h = tanh(W x + b) or relu(W x + b) in one equation, and v · h behind it."""
    units, inputs = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    name = pick(rng, ("tanh", "relu"))
    given = {
        "x": _numbers(rng, inputs),
        "W": _numbers(rng, units, inputs),
        "b": _numbers(rng, units),
        "v": _numbers(rng, units),
        "y": _numbers(rng),
    }
    value: Callable[[Array], Array] = np.tanh if name == "tanh" else lambda z: np.maximum(z, 0.0)
    if name == "relu" and (np.abs(given["W"] @ given["x"] + given["b"]) < 0.1).any():
        return in_one_line(seed, rng)

    def inner(s: EquationStudent, W: Array, b: Array) -> Array:
        return s.keep(s.habits.total(s.product(W, s["x"])) + b)

    def slope(s: EquationStudent) -> Array:
        if name == "tanh":
            return s.keep(1 - s.keep(s["h"] ** 2))
        return np.where(s["h"] > 0, 1.0, 0.0)

    def new_loss(s: EquationStudent, new: Mapping[str, Array]) -> Array:
        h = s.keep(value(inner(s, new["W"], new["b"])))
        return s.keep(s.keep(s.product(new["v"], h)) - s["y"]) ** 2

    def delta(s: EquationStudent) -> Array:
        return s.keep(s["dL/dh"] * slope(s))

    rules: dict[str, Rule] = {
        "h": lambda s: value(inner(s, s["W"], s["b"])),
        "yhat": lambda s: s.product(s["v"], s["h"]),
        "L": lambda s: s.keep(s["yhat"] - s["y"]) ** 2,
        "dL/dyhat": lambda s: 2 * s.keep(s["yhat"] - s["y"]),
        "dL/dv": lambda s: s["dL/dyhat"] * s["h"],
        "dL/dh": lambda s: s["dL/dyhat"] * s["v"],
        "dL/dW": lambda s: np.outer(delta(s), s["x"]),
        "dL/db": delta,
    }
    entries = [
        wrong("bias-left-out", "bias-left-out term-left-out", "h",
              lambda s: value(s["W"] @ s["x"]), misconception=False),
        wrong("activation-omitted", "activation-omitted", "h",
              lambda s: s["W"] @ s["x"] + s["b"], misconception=False),
        wrong("activation-derivative-omitted",
              "activation-derivative-omitted factor-left-out wrong-operand",
              "dL/dW", lambda s: np.outer(s["dL/dh"], s["x"]), misconception=False),
        wrong("input-forgotten", "input-left-out", "dL/dW",
              lambda s: np.outer(delta(s), np.ones_like(s["x"]))),
        wrong("weights-forgotten", "factor-left-out", "dL/dh",
              lambda s: s["dL/dyhat"] * np.ones_like(s["v"])),
        wrong("bias-subtracted", "term-sign-flipped", "h",
              lambda s: value(s["W"] @ s["x"] - s["b"])),
        wrong("factor-two", "factor-two factor-left-out", "dL/dyhat",
              lambda s: s["yhat"] - s["y"], misconception=False),
        wrong("bias-gradient-one", "upstream-left-out", "dL/db", lambda s: np.ones_like(s["b"])),
        wrong("incoming-forgotten", "upstream-left-out", "dL/db", slope),
    ]  # fmt: skip
    equations = [f"h = {name}(W @ x + b)", "yhat = v @ h", "L = (yhat - y)^2"]
    rate = pick(rng, (0.1, 0.05, 0.2))
    trained = ["W", "b", "v"]
    return _task(seed, "in one line", given, equations, rules, trained, rate, entries, new_loss)


# ---------------------------------------------------------------- recurrent


@family
def recurrent(seed: int, rng: Rng) -> EquationTask:
    """Two or three steps of h = tanh(w x + u h + b), in numbers, with the same weights."""
    steps = int(rng.integers(2, 4))
    given = {"x": _numbers(rng, steps), **{id: _numbers(rng) for id in ("h0", "w", "u", "b", "y")}}

    def state(t: int) -> Rule:
        return lambda s: np.tanh(
            s.keep(
                s.habits.term(s["w"] * s["x"][t - 1])
                + s.habits.term(s["u"] * s[f"h{t - 1}"])
                + s["b"]
            )
        )

    def delta(s: EquationStudent, t: int) -> Array:
        return s.keep(s[f"dL/dh{t}"] * s.keep(1 - s.keep(s[f"h{t}"] ** 2)))

    def back(t: int) -> Rule:
        return lambda s: delta(s, t + 1) * s["u"]

    def summed(factor: Callable[[EquationStudent, int], Array]) -> Rule:
        def rule(s: EquationStudent) -> Array:
            terms = [s.habits.term(delta(s, t) * factor(s, t)) for t in range(1, steps + 1)]
            return np.asarray(sum(terms))

        return rule

    def new_loss(s: EquationStudent, new: Mapping[str, Array]) -> Array:
        h = s["h0"]
        for t in range(1, steps + 1):
            h = s.keep(np.tanh(s.keep(new["w"] * s["x"][t - 1] + new["u"] * h + new["b"])))
        return s.keep(s.keep(h - s["y"]) ** 2) / 2

    last = f"h{steps}"
    rules: dict[str, Rule] = {f"h{t}": state(t) for t in range(1, steps + 1)}
    rules["L"] = lambda s: s.keep(s.keep(s[last] - s["y"]) ** 2) / 2
    rules[f"dL/d{last}"] = lambda s: s[last] - s["y"]
    for t in range(steps - 1, 0, -1):
        rules[f"dL/dh{t}"] = back(t)
    rules["dL/dw"] = summed(lambda s, t: s["x"][t - 1])
    rules["dL/du"] = summed(lambda s, t: s[f"h{t - 1}"])
    rules["dL/db"] = summed(lambda _s, _t: np.asarray(1.0))

    def only_last(s: EquationStudent) -> Array:
        return np.asarray(delta(s, steps) * s["x"][steps - 1])

    entries = [
        wrong("all-but-the-last-step", "path-lost term-left-out", "dL/dw", only_last,
              misconception=False),
        wrong("all-but-the-last-step", "path-lost term-left-out", "dL/db",
              lambda s: delta(s, steps), misconception=False),
        wrong("other-state", "wrong-operand wrong-layer-input", "dL/du",
              summed(lambda s, t: s[f"h{t}"])),
        wrong("derivative-forgotten",  # that of the last state, which is the output
              "activation-derivative-omitted output-derivative-omitted factor-left-out",
              f"dL/dh{steps - 1}", lambda s: s[f"dL/d{last}"] * s["u"]),
        wrong("other-weights", "wrong-operand", f"dL/dh{steps - 1}",
              lambda s: delta(s, steps) * s["w"]),
        wrong("first-state-forgotten", "term-left-out path-lost", "h2",
              lambda s: np.tanh(s["w"] * s["x"][1] + s["b"])),
        wrong("sign-flipped", "sign-flipped sign-lost targets-swapped", f"dL/d{last}",
              lambda s: s["y"] - s[last], misconception=False),
    ]  # fmt: skip
    equations = [f"h{t} = tanh(w * x[{t}] + u * h{t - 1} + b)" for t in range(1, steps + 1)]
    equations.append(f"L = ({last} - y)^2 / 2")
    trained, rate = ["w", "u", "b"], pick(rng, (0.1, 0.5))
    return _task(seed, "recurrent", given, equations, rules, trained, rate, entries, new_loss)


# ---------------------------------------------------------------- logistic regression


@family
def logistic(seed: int, rng: Rng) -> EquationTask:
    """p = σ(X w + b) over a batch, with the mean of the cross-entropy written out."""
    samples, inputs = int(rng.integers(2, 5)), int(rng.integers(1, 4))
    given = {
        "X": _numbers(rng, samples, inputs),
        "w": _numbers(rng, inputs),
        "b": _numbers(rng),
        "y": rng.integers(0, 2, samples).astype(float),
    }

    def loss(s: EquationStudent, p: Array) -> Array:
        right = np.where(s["y"] == 1, p, 1 - p)
        return np.asarray(-s.keep(s.keep(np.log(right)).sum()) / samples)

    def slope(s: EquationStudent) -> Array:
        right = np.where(s["y"] == 1, s["p"], s["p"] - 1)
        return np.asarray(-1 / right / samples)

    def new_loss(s: EquationStudent, new: Mapping[str, Array]) -> Array:
        z = s.keep(s.habits.total(s.product(s["X"], new["w"])) + new["b"])
        return loss(s, s.keep(_sigmoid(s, z)))

    rules: dict[str, Rule] = {
        "z": lambda s: s.habits.total(s.product(s["X"], s["w"])) + s["b"],
        "p": lambda s: _sigmoid(s, s["z"]),
        "L": lambda s: loss(s, s["p"]),
        "dL/dp": slope,
        "dL/dz": lambda s: s["dL/dp"] * s.keep(s["p"] * (1 - s["p"])),
        "dL/dw": lambda s: s.product(s["X"].T, s["dL/dz"]),
        "dL/db": lambda s: s["dL/dz"].sum(),
    }
    entries = [
        wrong("mean-sum-confused", "mean-sum-confused factor-left-out", "L",
              lambda s: loss(s, s["p"]) * samples,
              misconception=False),
        wrong("mean-sum-confused", "mean-sum-confused factor-left-out", "dL/dp",
              lambda s: slope(s) * samples, misconception=False),
        wrong("difference-for-slope", "softmax-shortcut-misused", "dL/dp",
              lambda s: (s["p"] - s["y"]) / samples),
        wrong("sign-of-exponent", "sign-flipped sign-lost term-sign-flipped", "p",
              lambda s: _sigmoid(s, -s["z"])),
        wrong("bias-subtracted", "term-sign-flipped", "z", lambda s: s["X"] @ s["w"] - s["b"]),
        wrong("other-activation", "wrong-activation", "p", lambda s: (np.tanh(s["z"]) + 1) / 2),
        wrong("one-sample-only", "not-summed-over-samples term-left-out path-lost", "dL/dw",
              lambda s: s["X"][0] * s["dL/dz"][0]),
        wrong("input-forgotten", "input-left-out", "dL/dw",
              lambda s: np.full(inputs, s["dL/dz"].sum())),
        wrong("incoming-forgotten", "upstream-left-out", "dL/dz",
              lambda s: s["p"] * (1 - s["p"])),
    ]  # fmt: skip
    equations = [
        "z = X @ w + b",
        "p = sigmoid(z)",
        "L = mean(-y * ln(p) - (1 - y) * ln(1 - p))",
    ]
    trained, rate = ["w", "b"], pick(rng, (0.1, 0.5, 1.0))
    return _task(seed, "logistic", given, equations, rules, trained, rate, entries, new_loss)

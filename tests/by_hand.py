"""Turns a small network into its problem file and its sheet, worked out by hand in plain NumPy.

The same network is written as layers and as equations, with one sample and with several. Nothing
here knows how the program computes or grades: samples are columns, a quantity is a rule in NumPy,
and what comes later is worked out from what is written, rounded to five decimals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace as Values
from typing import Literal

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

Array = NDArray[np.float64]
Rule = Callable[[Values], Array]
Setting = tuple[Literal["layers", "equations"], Literal["one sample", "batch"]]

SETTINGS: tuple[Setting, ...] = (
    ("layers", "one sample"),
    ("layers", "batch"),
    ("equations", "one sample"),
    ("equations", "batch"),
)
DECIMALS = 5
IN_EQUATIONS = {"X": "x", "Y": "y", "Yhat": "yhat"}
"""What a problem in equations calls these; ids are the author's own there."""


class Hand(Struct, frozen=True):
    """An exercise: its problem file, what is given, how each quantity is worked out, in order."""

    setting: Setting
    problem: str
    given: Mapping[str, Array]
    rules: Mapping[str, Rule]

    def id(self, name: str) -> str:
        """The id of a quantity in the problem: `dL/dyhat` for dYhat, in equations."""
        if name.startswith("d"):
            return f"dL/d{self.id(name[1:])}"
        return IN_EQUATIONS.get(name, name) if self.setting[0] == "equations" else name

    def sheet(self, **slips: Rule) -> str:
        """The answer file, with some quantities worked out wrongly and the rest from there."""
        values = Values(**self.given)
        lines = ["answers:"]
        for name, rule in {**self.rules, **slips}.items():
            value = np.round(np.asarray(rule(values), dtype=float), DECIMALS)
            setattr(values, name, value)
            lines.append(f"  {self.id(name)}: {self._typed(name, value)}")
        return "\n".join([*lines, ""])

    def _typed(self, name: str, value: Array) -> str:
        single = self.setting[1] == "one sample"
        is_vector = value.ndim == 2 and value.shape[1] == 1 and (single or "b" in name)
        return typed(value[:, 0] if is_vector else value)


def typed(value: Array) -> str:
    """Numbers as they stand in an answer file."""
    if value.ndim == 0:
        return f"{value:.{DECIMALS}f}"
    return f"[{', '.join(map(typed, value))}]"


# Functions ----------------------------------------------------------------------------------------


def sigmoid(z: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-z)))


def softmax(z: Array) -> Array:
    return np.asarray(np.exp(z) / np.exp(z).sum(axis=0))


def through_softmax(yhat: Array, upstream: Array) -> Array:
    return np.asarray(yhat * (upstream - (yhat * upstream).sum(axis=0)))


def count(v: Values) -> int:
    """The number of samples."""
    return int(v.X.shape[1])


def total(value: Array) -> Array:
    """Summed over the samples, as the gradient of a bias is."""
    return np.asarray(value.sum(axis=1, keepdims=True))


# Networks -----------------------------------------------------------------------------------------

NUMBERS = {
    "X": [[0.5, 1.5, -0.3, 0.7], [-1.25, 0.75, 0.4, -1.6], [0.8, -0.6, 1.2, 0.1]],
    "W1": [[0.9, -0.4, 0.35], [-0.7, 0.6, 1.1], [0.25, 0.8, -0.55]],
    "b1": [[0.3], [-0.2], [0.45]],
    "W2": [[0.65, -0.85, 0.4], [1.2, 0.15, -0.5], [-0.3, 0.95, 0.7]],
    "b2": [[0.1], [-0.35], [0.25]],
}
CLASSES = [[0.2, 0.1, 0.6, 0.3], [0.5, 0.3, 0.15, 0.6], [0.3, 0.6, 0.25, 0.1]]
FIGURES = [[0.9, -0.35, 1.15, 0.2], [-1.4, 0.55, -0.8, 1.7], [0.7, 1.3, -0.45, -1.1]]
RATE = 0.3

FORWARD: dict[str, Rule] = {
    "Z1": lambda v: v.W1 @ v.X + v.b1,
    "H1": lambda v: sigmoid(v.Z1),
    "Z2": lambda v: v.W2 @ v.H1 + v.b2,
    "Yhat": lambda v: softmax(v.Z2),
    "L": lambda v: -(v.Y * np.log(v.Yhat)).sum() / count(v),
}
BACKWARD: dict[str, Rule] = {
    "dYhat": lambda v: -v.Y / v.Yhat / count(v),
    "dZ2": lambda v: through_softmax(v.Yhat, v.dYhat),
    "dW2": lambda v: v.dZ2 @ v.H1.T,
    "db2": lambda v: total(v.dZ2),
    "dH1": lambda v: v.W2.T @ v.dZ2,
    "dZ1": lambda v: v.dH1 * v.H1 * (1 - v.H1),
    "dW1": lambda v: v.dZ1 @ v.X.T,
    "db1": lambda v: total(v.dZ1),
}
UPDATE: dict[str, Rule] = {
    "W1_new": lambda v: v.W1 - RATE * v.dW1,
    "b1_new": lambda v: v.b1 - RATE * v.db1,
    "W2_new": lambda v: v.W2 - RATE * v.dW2,
    "b2_new": lambda v: v.b2 - RATE * v.db2,
}
AGAIN: dict[str, Rule] = {
    "L_new": lambda v: (
        -(v.Y * np.log(softmax(v.W2_new @ sigmoid(v.W1_new @ v.X + v.b1_new) + v.b2_new))).sum()
        / count(v)
    )
}


class Network(Struct, frozen=True):
    """What one kind of network is called in a problem file, and how it differs by hand."""

    hidden: str = "sigmoid"
    output: str = "softmax"
    loss: str = "cross-entropy"
    formula: str = "-sum(y * log(yhat))"
    targets: tuple[tuple[float, ...], ...] = tuple(map(tuple, CLASSES))
    skip: str = ""
    l2: float = 0
    update: str = f"{{rule: sgd, learning_rate: {RATE}}}"
    one_bias: bool = False  # b1 is a single number that the hidden units share
    rules: tuple[tuple[str, Rule], ...] = ()

    def hand(self, setting: Setting) -> Hand:
        """The exercise in one setting."""
        written, samples = setting
        few = slice(0, 1 if samples == "one sample" else None)
        given = {name: np.array(value) for name, value in NUMBERS.items()}
        given |= {"X": given["X"][:, few], "Y": np.array(self.targets)[:, few]}
        if self.one_bias:
            given["b1"] = given["b1"][0, 0]
        hand = Hand(
            setting, "", given, {**FORWARD, **BACKWARD, **UPDATE, **AGAIN, **dict(self.rules)}
        )
        model = self._layers(given) if written == "layers" else self._equations(given)
        asked = "".join(f"  - {hand.id(name)}\n" for name in hand.rules)
        grading = f"grading: {{precision: {{decimals: {DECIMALS}}}}}\n"
        tail = f"update: {self.update}\nask:\n{asked}{grading}"
        penalty = f"penalty: {{l2: {self.l2}, on: [W1, W2]}}\n" if self.l2 else ""
        return replace(hand, problem=model + penalty + tail)

    def _layers(self, given: Mapping[str, Array]) -> str:
        skip = f", skip: {self.skip}" if self.skip else ""
        one = given["X"].shape[1] == 1
        x, y = (_flat(given[name]) if one else _plain(given[name].T) for name in "XY")
        return (
            f"x: {x}\ny: {y}\nlayers:\n"
            f"  - {{weights: {_plain(given['W1'])}, bias: {_flat(given['b1'])},"
            f" activation: {self.hidden}}}\n"
            f"  - {{weights: {_plain(given['W2'])}, bias: {_flat(given['b2'])},"
            f" activation: {self.output}{skip}}}\n"
            f"loss: {self.loss}\n"
        )

    def _equations(self, given: Mapping[str, Array]) -> str:
        one = given["X"].shape[1] == 1
        flat = {"b1", "b2", *("XY" if one else "")}
        values = "".join(
            f"  {IN_EQUATIONS.get(name, name)}: {_flat(value) if name in flat else _plain(value)}\n"
            for name, value in given.items()
        )
        b1 = "b1" if one or self.one_bias else "column(b1)"
        b2 = "b2" if one else "column(b2)"
        axis = ", axis=0" if self.output == "softmax" and not one else ""
        return (
            f"values:\n{values}equations:\n"
            f"  - Z1 = W1 @ x + {b1}\n"
            f"  - H1 = {self.hidden}(Z1)\n"
            f"  - Z2 = W2 @ H1 + {b2}{' + H1' if self.skip else ''}\n"
            f"  - yhat = {self.output}(Z2{axis})\n"
            f"  - L = {self.formula}{'' if one else ' / 4'}\n"
            "train: [W1, b1, W2, b2]\n"
        )


def _plain(value: Array) -> str:
    return str(value.tolist())


def _flat(value: Array) -> str:
    """A column as a vector; a number as it is."""
    return _plain(value[:, 0] if value.ndim else value)


# What differs from a sigmoid layer before a softmax with cross-entropy ----------------------------

CLASSIFIER = Network()

TANH = Network(
    hidden="tanh",
    rules=(
        ("H1", lambda v: np.tanh(v.Z1)),
        ("dZ1", lambda v: v.dH1 * (1 - v.H1**2)),
        ("L_new", lambda v: entropy(v, softmax(v.W2_new @ np.tanh(new_z1(v)) + v.b2_new))),
    ),
)
REGRESSION = Network(
    hidden="relu",
    output="linear",
    loss="squared-error",
    formula="sum((yhat - y)^2)",
    targets=tuple(map(tuple, FIGURES)),
    rules=(
        ("H1", lambda v: np.maximum(v.Z1, 0)),
        ("Yhat", lambda v: v.Z2),
        ("L", lambda v: squares(v, v.Yhat)),
        ("dYhat", lambda v: 2 * (v.Yhat - v.Y) / count(v)),
        ("dZ2", lambda v: v.dYhat),
        ("dZ1", lambda v: v.dH1 * (v.Z1 > 0)),
        ("L_new", lambda v: squares(v, v.W2_new @ np.maximum(new_z1(v), 0) + v.b2_new)),
    ),
)
MEAN_OUTPUTS = Network(
    output="sigmoid",
    loss="mean-squared-error",
    formula="sum((yhat - y)^2) / 3",
    rules=(
        ("Yhat", lambda v: sigmoid(v.Z2)),
        ("L", lambda v: squares(v, v.Yhat) / 3),
        ("dYhat", lambda v: 2 * (v.Yhat - v.Y) / 3 / count(v)),
        ("dZ2", lambda v: v.dYhat * v.Yhat * (1 - v.Yhat)),
        ("L_new", lambda v: squares(v, sigmoid(new_z2(v))) / 3),
    ),
)
SQUARED_SOFTMAX = Network(
    loss="squared-error",
    formula="sum((yhat - y)^2)",
    rules=(
        ("L", lambda v: squares(v, v.Yhat)),
        ("dYhat", lambda v: 2 * (v.Yhat - v.Y) / count(v)),
        ("L_new", lambda v: squares(v, softmax(new_z2(v)))),
    ),
)
BINARY = Network(
    output="sigmoid",
    loss="binary-cross-entropy",
    formula="-sum(y * log(yhat) + (1 - y) * log(1 - yhat))",
    rules=(
        ("Yhat", lambda v: sigmoid(v.Z2)),
        ("L", lambda v: binary(v.Y, v.Yhat) / count(v)),
        ("dYhat", lambda v: ((1 - v.Y) / (1 - v.Yhat) - v.Y / v.Yhat) / count(v)),
        ("dZ2", lambda v: v.dYhat * v.Yhat * (1 - v.Yhat)),
        ("L_new", lambda v: binary(v.Y, sigmoid(new_z2(v))) / count(v)),
    ),
)
SKIPPING = Network(
    skip="[{from: 1}]",
    rules=(
        ("Z2", lambda v: v.W2 @ v.H1 + v.b2 + v.H1),
        ("dH1", lambda v: v.W2.T @ v.dZ2 + v.dZ2),
        ("L_new", lambda v: entropy(v, softmax(new_z2(v) + sigmoid(new_z1(v))))),
    ),
)
PENALISED = Network(
    l2=0.1,
    rules=(
        ("L", lambda v: entropy(v, v.Yhat) + 0.05 * (np.sum(v.W1**2) + np.sum(v.W2**2))),
        ("dW2", lambda v: v.dZ2 @ v.H1.T + 0.1 * v.W2),
        ("dW1", lambda v: v.dZ1 @ v.X.T + 0.1 * v.W1),
        (
            "L_new",
            lambda v: (
                entropy(v, softmax(new_z2(v))) + 0.05 * (np.sum(v.W1_new**2) + np.sum(v.W2_new**2))
            ),
        ),
    ),
)
ONE_BIAS = Network(
    one_bias=True,
    rules=(("db1", lambda v: v.dZ1.sum()), ("b1_new", lambda v: v.b1 - RATE * v.db1)),
)
VELOCITY = np.array([[0.4, -0.2, 0.1], [0.3, 0.5, -0.6], [-0.1, 0.2, 0.7]])
MOMENTUM = Network(
    update=(
        f"{{rule: momentum, learning_rate: {RATE}, beta: 0.8,"
        f" state: {{v_W2: {VELOCITY.tolist()}}}}}"
    ),
    rules=(("W2_new", lambda v: v.W2 + 0.8 * VELOCITY - RATE * v.dW2),),
)
ADAM = Network(
    update="{rule: adam, learning_rate: 0.3, beta1: 0.8, beta2: 0.9, epsilon: 0.01}",
    rules=(
        ("W1_new", lambda v: v.W1 - RATE * adam_step(v.dW1)),
        ("b1_new", lambda v: v.b1 - RATE * adam_step(v.db1)),
        ("W2_new", lambda v: v.W2 - RATE * adam_step(v.dW2)),
        ("b2_new", lambda v: v.b2 - RATE * adam_step(v.db2)),
    ),
)


def adam_step(g: Array) -> Array:
    """The first step of Adam from zero state: corrected, m is g and v is g²."""
    return g / (np.abs(g) + 0.01)


def uncorrected(g: Array) -> Array:
    return 0.2 * g / (np.sqrt(0.1 * g**2) + 0.01)


def entropy(v: Values, yhat: Array) -> Array:
    return np.asarray(-np.sum(v.Y * np.log(yhat)) / count(v))


def binary(y: Array, yhat: Array) -> Array:
    return np.asarray(-np.sum(y * np.log(yhat) + (1 - y) * np.log(1 - yhat)))


def squares(v: Values, yhat: Array) -> Array:
    return np.asarray(np.sum((yhat - v.Y) ** 2) / count(v))


def new_z1(v: Values) -> Array:
    return np.asarray(v.W1_new @ v.X + v.b1_new)


def new_z2(v: Values) -> Array:
    return np.asarray(v.W2_new @ sigmoid(new_z1(v)) + v.b2_new)

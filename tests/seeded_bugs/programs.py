"""Five small networks as people write them in NumPy, and the same problems for the grader.

The programs are texts, so that bugs can be put into them as they are made: in the source. Each is
run on the numbers of its problem and leaves its arrays under the names it uses.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

Arrays = dict[str, Any]


@dataclass(frozen=True)
class Network:
    """A problem for the grader, the program that works it out, and what the program keeps.

    What is kept is a name, or a name and where it is: `grads/W1=grads["W1"]`.
    """

    name: str
    problem: dict[str, Any]
    source: str
    given: dict[str, Any]
    keeps: tuple[str, ...]
    library: str = "numpy"

    def run(self, source: str, kind: str) -> Arrays:
        """What a program leaves, in a type of floats; of one that stops, all up to there.

        A wrong shape may end a program a few lines on: then what it had is looked at.
        """
        space: Arrays = {"np": np}
        if self.library == "torch":
            space["torch"] = importlib.import_module("torch")
        for name, value in self.given.items():
            array = np.array(value)
            typed = array if name == "labels" else array.astype(kind)
            space[name] = typed if self.library == "numpy" else space["torch"].tensor(typed)
        with np.errstate(all="ignore"), suppress(ValueError, RuntimeError):
            exec(compile(source, self.name, "exec"), space)  # noqa: S102  # texts of this folder
        return dict(self._kept(space))

    def _kept(self, space: Arrays) -> Iterator[tuple[str, Any]]:
        for said in self.keeps:
            name, _, place = said.partition("=")
            with suppress(NameError, KeyError, AttributeError, IndexError):
                value = eval(place or name, space)  # noqa: S307
                if value is not None:
                    yield (
                        name,
                        np.array(value.detach().numpy() if hasattr(value, "detach") else value),
                    )


def numbers(seed: int, *shape: int) -> list[Any]:
    found: list[Any] = np.random.default_rng(seed).uniform(-1.5, 1.5, shape).round(2).tolist()
    return found


def turned(rows: Sequence[Sequence[float]]) -> list[list[float]]:
    return [list(column) for column in zip(*rows, strict=True)]


def one_hot(labels: list[int], count: int) -> list[list[int]]:
    return [[int(label == k) for k in range(count)] for label in labels]


# Samples in rows, softmax ------------------------------------------------------------------------

_ROWS = """
m = X.shape[0]
Z1 = X @ W1 + b1
A1 = np.tanh(Z1)
Z2 = A1 @ W2 + b2
E = np.exp(Z2)
P = E / E.sum(axis=1, keepdims=True)
loss = -np.sum(Y * np.log(P)) / m
dZ2 = (P - Y) / m
dW2 = A1.T @ dZ2
db2 = dZ2.sum(axis=0)
dA1 = dZ2 @ W2.T
dZ1 = dA1 * (1 - A1 ** 2)
dW1 = X.T @ dZ1
db1 = dZ1.sum(axis=0)
W1_new = W1 - lr * dW1
b1_new = b1 - lr * db1
W2_new = W2 - lr * dW2
b2_new = b2 - lr * db2
"""
_X, _W1, _b1, _W2, _b2 = (
    numbers(1, 5, 4), numbers(2, 4, 3), numbers(3, 3), numbers(4, 3, 5), numbers(5, 5),
)  # fmt: skip
_Y = one_hot([0, 2, 4, 2, 1], 5)
ROWS = Network(
    "softmax in rows",
    {
        "convention": {"affine": "x W + b"},
        "x": _X,
        "y": _Y,
        "layers": [
            {"weights": _W1, "bias": _b1, "activation": "tanh"},
            {"weights": _W2, "bias": _b2, "activation": "softmax"},
        ],
        "loss": "cross-entropy",
        "update": {"rule": "sgd", "learning_rate": 0.1},
    },
    _ROWS,
    {"X": _X, "Y": _Y, "W1": _W1, "b1": _b1, "W2": _W2, "b2": _b2, "lr": 0.1},
    tuple(
        "Z1 A1 Z2 P loss dZ2 dW2 db2 dA1 dZ1 dW1 db1 W1_new b1_new W2_new b2_new".split(),
    ),
)

# Samples in columns, three layers, one logistic unit ---------------------------------------------

_COLUMNS = """
m = X.shape[1]
Z1 = W1 @ X + b1
A1 = np.maximum(0, Z1)
Z2 = W2 @ A1 + b2
A2 = np.maximum(0, Z2)
Z3 = W3 @ A2 + b3
A3 = 1 / (1 + np.exp(-Z3))
cost = -np.sum(Y * np.log(A3) + (1 - Y) * np.log(1 - A3)) / m
dZ3 = A3 - Y
dW3 = dZ3 @ A2.T / m
db3 = np.sum(dZ3, axis=1, keepdims=True) / m
dA2 = W3.T @ dZ3
dZ2 = dA2 * (Z2 > 0)
dW2 = dZ2 @ A1.T / m
db2 = np.sum(dZ2, axis=1, keepdims=True) / m
dA1 = W2.T @ dZ2
dZ1 = dA1 * (Z1 > 0)
dW1 = dZ1 @ X.T / m
db1 = np.sum(dZ1, axis=1, keepdims=True) / m
"""
_CX, _CW = numbers(11, 6, 3), (numbers(12, 4, 3), numbers(13, 4, 4), numbers(14, 1, 4))
_Cb = (numbers(15, 4), numbers(16, 4), numbers(17, 1))
_CY = [1, 0, 0, 1, 1, 0]
COLUMNS = Network(
    "logistic in columns",
    {
        "convention": {"affine": "W x + b", "batch_gradients": "per-sample"},
        "x": _CX,
        "y": _CY,
        "layers": [
            {"weights": w, "bias": b, "activation": name}
            for w, b, name in zip(_CW, _Cb, ("relu", "relu", "sigmoid"), strict=True)
        ],
        "loss": "binary-cross-entropy",
    },
    _COLUMNS,
    {
        "X": np.array(_CX).T.tolist(),
        "Y": [_CY],
        **{f"W{k}": w for k, w in enumerate(_CW, 1)},
        **{f"b{k}": [[x] for x in b] for k, b in enumerate(_Cb, 1)},
    },
    tuple("Z1 A1 Z2 A2 Z3 A3 cost dZ3 dW3 db3 dA2 dZ2 dW2 db2 dA1 dZ1 dW1 db1".split()),
)

# Regression, samples in rows, one output ----------------------------------------------------------

_REGRESSION = """
n = len(X)
Z1 = X @ W1 + b1
H1 = 1 / (1 + np.exp(-Z1))
Z2 = H1 @ W2 + b2
Yhat = Z2
L = np.mean((Yhat - Y) ** 2)
dYhat = 2 * (Yhat - Y) / n
dW2 = H1.T @ dYhat
db2 = dYhat.sum(axis=0)
dH1 = dYhat @ W2.T
dZ1 = dH1 * H1 * (1 - H1)
dW1 = X.T @ dZ1
db1 = dZ1.sum(axis=0)
V1 = beta * V0 - lr * dW1
W1_new = W1 + V1
"""
_RX, _RY = numbers(21, 6, 2), numbers(22, 6, 1)
_RW1, _Rb1, _RW2, _Rb2 = numbers(23, 2, 4), numbers(24, 4), numbers(25, 4, 1), numbers(26, 1)
_RV = numbers(27, 2, 4)
REGRESSION = Network(
    "regression",
    {
        "convention": {"affine": "x W + b"},
        "x": _RX,
        "y": _RY,
        "layers": [
            {"weights": _RW1, "bias": _Rb1, "activation": "sigmoid"},
            {"weights": _RW2, "bias": _Rb2},
        ],
        "loss": "squared-error",
        "update": {
            "rule": "momentum",
            "learning_rate": 0.05,
            "beta": 0.9,
            "state": {"v_W1": _RV},
        },
    },
    _REGRESSION,
    {"X": _RX, "Y": _RY, "W1": _RW1, "b1": _Rb1, "W2": _RW2, "b2": _Rb2, "V0": _RV}
    | {"lr": 0.05, "beta": 0.9},
    tuple("Z1 H1 Z2 L dYhat dW2 db2 dH1 dZ1 dW1 db1 W1_new".split()),
)

# One sample, square matrices ----------------------------------------------------------------------

_SQUARE = """
z1 = W1 @ x + b1
h1 = np.tanh(z1)
z2 = W2 @ h1 + b2
e = np.exp(z2)
yhat = e / e.sum()
L = -np.sum(y * np.log(yhat))
dz2 = yhat - y
dW2 = np.outer(dz2, h1)
db2 = dz2
dh1 = W2.T @ dz2
dz1 = dh1 * (1 - h1 ** 2)
dW1 = np.outer(dz1, x)
db1 = dz1
"""
_SX, _SW1, _Sb1, _SW2, _Sb2 = (
    numbers(31, 3), numbers(32, 3, 3), numbers(33, 3), numbers(34, 3, 3), numbers(35, 3),
)  # fmt: skip
SQUARE = Network(
    "one sample, square",
    {
        "x": _SX,
        "y": [0, 0, 1],
        "layers": [
            {"weights": _SW1, "bias": _Sb1, "activation": "tanh"},
            {"weights": _SW2, "bias": _Sb2, "activation": "softmax"},
        ],
        "loss": "cross-entropy",
    },
    _SQUARE,
    {"x": _SX, "y": [0, 0, 1], "W1": _SW1, "b1": _Sb1, "W2": _SW2, "b2": _Sb2},
    tuple("z1 h1 z2 yhat L dz2 dW2 db2 dh1 dz1 dW1 db1".split()),
)

# A recurrent network of three steps ---------------------------------------------------------------

_RECURRENT = """
h1 = np.tanh(W @ x1 + U @ h0 + b)
h2 = np.tanh(W @ x2 + U @ h1 + b)
h3 = np.tanh(W @ x3 + U @ h2 + b)
o = V @ h3
L = 0.5 * np.sum((o - y) ** 2)
do = o - y
dV = np.outer(do, h3)
dh3 = V.T @ do
a3 = dh3 * (1 - h3 ** 2)
dh2 = U.T @ a3
a2 = dh2 * (1 - h2 ** 2)
dh1 = U.T @ a2
a1 = dh1 * (1 - h1 ** 2)
dW = np.zeros_like(W)
dU = np.zeros_like(U)
db = np.zeros_like(b)
for a, x, h in ((a3, x3, h2), (a2, x2, h1), (a1, x1, h0)):
    dW += np.outer(a, x)
    dU += np.outer(a, h)
    db += a
"""
_TV = {
    "W": numbers(41, 3, 2), "U": numbers(42, 3, 3), "V": numbers(43, 2, 3),
    "b": numbers(44, 3), "h0": numbers(45, 3), "x1": numbers(46, 2), "x2": numbers(47, 2),
    "x3": numbers(48, 2), "y": numbers(49, 2),
}  # fmt: skip
RECURRENT = Network(
    "recurrent",
    {
        "values": _TV,
        "equations": [
            "h1 = tanh(W @ x1 + U @ h0 + b)",
            "h2 = tanh(W @ x2 + U @ h1 + b)",
            "h3 = tanh(W @ x3 + U @ h2 + b)",
            "o = V @ h3",
            "L = 0.5 * sum((o - y)^2)",
        ],
        "train": ["W", "U", "V", "b"],
    },
    _RECURRENT,
    _TV,
    tuple("h1 h2 h3 o L do dV dh3 dh2 dh1 dW dU db".split()),
)

NETWORKS = (ROWS, COLUMNS, REGRESSION, SQUARE, RECURRENT)

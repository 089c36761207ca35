"""Every problem in problems/ against figures from elsewhere: published solutions and plain NumPy.

The NumPy side shares nothing with the package. A model is a function that passes each quantity
through `tap`; slopes are taken by complex steps (f(x + ih) has f'(x)·h as its imaginary part), so
that no derivative is written down here, and none can repeat a mistake of the package.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

PROBLEMS = Path(__file__).resolve().parent.parent / "problems"
H = 1e-30

Array = np.ndarray[Any, Any]
Values = Mapping[str, Any]
Tap = Callable[[str, Any], Array]


# ---- The program's side: its JSON ---------------------------------------------------------------


@cache
def solved(problem: str) -> dict[str, Any]:
    """The trace of a problem, as `backprop solve --format json` writes it."""
    from click.testing import CliRunner

    from backprop_cli.cli import main

    path = str(PROBLEMS / f"{problem}.yaml")
    result = CliRunner().invoke(main, ["solve", path, "--format", "json"])
    assert result.exit_code == 0, f"{problem}: exit {result.exit_code}\n{result.output}"
    trace: dict[str, Any] = json.loads(result.stdout)
    return trace


@cache
def steps(problem: str) -> dict[str, dict[str, Any]]:
    """The steps by id; no id may be there twice."""
    found = solved(problem)["steps"]
    ids = [step["id"] for step in found]
    assert len(ids) == len(set(ids)), f"{problem}: an id is there twice"
    return {step["id"]: step for step in found}


def value(problem: str, name: str) -> Array:
    assert name in steps(problem), f"{problem} has no {name}, only {', '.join(steps(problem))}"
    return np.asarray(steps(problem)[name]["value"], dtype=float)


def same(problem: str, name: str, expected: Any) -> None:
    """The step has this value, this shape, and says so."""
    expected = np.asarray(expected, dtype=float)
    found = value(problem, name)
    assert found.shape == expected.shape, (
        f"{problem}, {name}: shape {found.shape}, not {expected.shape}"
    )
    assert tuple(steps(problem)[name]["shape"]) == expected.shape, (
        f"{problem}, {name}: stated shape"
    )
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12, err_msg=f"{problem}, {name}")


# ---- The NumPy side -----------------------------------------------------------------------------


def sigmoid(z: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-z)))


def relu(z: Array) -> Array:
    return np.where(np.real(z) > 0, z, 0)


def leaky(z: Array) -> Array:
    return np.where(np.real(z) > 0, z, 0.1 * z)


def step(z: Array) -> Array:
    return np.where(np.real(z) >= 0, 1.0, 0.0)


def softmax(z: Array, axis: int = -1) -> Array:
    powers = np.exp(z)
    return np.asarray(powers / powers.sum(axis=axis, keepdims=True))


def absolute(z: Array) -> Array:
    return np.where(np.real(z) >= 0, z, -z)


def two_sided(y: Array, p: Array) -> Array:
    return np.asarray(-(y * np.log(p) + (1 - y) * np.log(1 - p)))


@dataclass(frozen=True)
class Model:
    """One problem in NumPy: what is given, how the rest follows, what is trained."""

    run: Callable[[Values, Tap], Any]
    given: dict[str, Any]
    trained: tuple[str, ...] = ()
    rate: float | None = None
    loss: str = "L"
    free: tuple[str, ...] = ()  # given and not trained, but with a gradient in the trace

    def forward(self, **bumped: Any) -> dict[str, Array]:
        """Every quantity by name; `bumped` replaces a given one, or is added to a computed one."""
        seen: dict[str, Array] = {}

        def tap(name: str, result: Any) -> Array:
            seen[name] = np.asarray(result) + bumped.get(name, 0)
            return seen[name]

        given = {name: np.asarray(bumped.get(name, v)) for name, v in self.given.items()}
        self.run(given, tap)
        return seen

    def slope(self, of: str, wrt: str) -> Array:
        """∂of/∂wrt, the axes of `of` first."""
        base = self.forward()
        start = np.asarray(self.given[wrt], dtype=complex) if wrt in self.given else None
        shape = np.shape(self.given[wrt]) if start is not None else base[wrt].shape
        out = np.zeros(base[of].shape + shape)
        for at in np.ndindex(*shape):
            bump = np.zeros(shape, dtype=complex)
            bump[at] = 1j * H
            moved = self.forward(**{wrt: bump if start is None else start + bump})[of]
            out[..., *at] = np.imag(moved) / H
        return out


def dense(*activations: Callable[[Array], Array] | None, affine: str, loss: Any = None) -> Any:
    """A feed-forward network; the last H is called Yhat."""

    def run(p: Values, tap: Tap) -> None:
        h = p["X"]
        for k, activation in enumerate(activations, start=1):
            w, b = p[f"W{k}"], p.get(f"b{k}", 0.0)
            if affine == "Wx":
                z = w @ h + (b[:, None] if np.ndim(h) == 2 and np.ndim(b) == 1 else b)
            elif affine == "WTx":
                z = w.T @ h + b
            else:
                z = h @ (w if affine == "xW" else w.T) + b
            z = tap(f"Z{k}", z)
            h = tap(
                "Yhat" if k == len(activations) else f"H{k}", activation(z) if activation else z
            )
        if loss:
            tap("L", loss(p["Y"], h))

    return run


def layers(*pairs: tuple[Any, Any], **more: Any) -> dict[str, Any]:
    """W1, b1, W2, … from pairs of weights and bias."""
    out = {key: np.asarray(v, dtype=float) for key, v in more.items()}
    for k, (w, b) in enumerate(pairs, start=1):
        out[f"W{k}"] = np.asarray(w, dtype=float)
        if b is not None:
            out[f"b{k}"] = np.asarray(b, dtype=float)
    return out


def cross_entropy(y: Array, p: Array) -> Any:
    return -(y * np.log(p)).sum()


def half_square(y: Array, p: Array) -> Any:
    return ((p - y) ** 2).sum() / 2


def bias_first(p: Values, tap: Tap) -> None:
    x = np.concatenate([[1.0], p["X"]])
    h = tap("H1", sigmoid(tap("Z1", p["W1"].T @ x)))
    out = tap("Yhat", sigmoid(tap("Z2", p["W2"].T @ np.concatenate([[1.0], h]))))
    tap("L", half_square(p["Y"], out))


def skipping(p: Values, tap: Tap) -> None:
    h1 = tap("H1", relu(tap("Z1", p["W1"] @ p["X"] + p["b1"])))
    h2 = tap("H2", relu(tap("Z2", p["W2"] @ h1 + p["b2"])))
    out = tap("Yhat", tap("Z3", p["W3"] @ h2 + p["W3_1"] @ h1))
    tap("L", absolute(out - p["Y"]).sum())


def residual(p: Values, tap: Tap) -> None:
    h1 = tap("H1", relu(tap("Z1", p["W1"] @ p["X"] + p["b1"])))
    h2 = tap("H2", relu(tap("Z2", p["W2"] @ h1 + p["b2"] + p["X"])))
    h3 = tap("H3", relu(tap("Z3", p["W3"] @ h2 + p["b3"])) + h1)
    out = tap("Yhat", tap("Z4", p["W4"] @ h3 + p["b4"]))
    tap("L", half_square(p["Y"], out))


def decayed(p: Values, tap: Tap) -> None:
    dense(relu, None, affine="Wx")(p, kept := Kept(tap))
    data = tap("L_data", half_square(p["Y"], kept.last))
    penalty = tap("L_penalty", 0.1 * ((p["W1"] ** 2).sum() + (p["W2"] ** 2).sum()) / 2)
    tap("L", data + penalty)


class Kept:
    """A tap that remembers what went through last."""

    def __init__(self, tap: Tap) -> None:
        self.tap = tap
        self.last: Array = np.zeros(())

    def __call__(self, name: str, result: Any) -> Array:
        self.last = self.tap(name, result)
        return self.last


def upstream(p: Values, tap: Tap) -> None:
    dense(relu, None, affine="Wx")(p, kept := Kept(tap))
    tap("L", np.array([1.0, -2.0]) @ kept.last)


def exponential(p: Values, tap: Tap) -> None:
    u = tap("U", np.exp(tap("Z", p["X"] @ p["W"].T + p["b"])))
    tap("L", ((p["y"] - tap("yhat", u @ p["alpha"])) ** 2).sum())


def logistic(p: Values, tap: Tap) -> None:
    z = tap("z", p["X"] @ p["w"] + p["b"])
    tap("J", (np.log(1 + np.exp(z)) - p["y"] * z).sum())


def distance(p: Values, tap: Tap) -> None:
    tap("L", ((p["y"] - tap("z", p["W"] @ p["x"] + p["b"])) ** 2).sum())


def vector_function(p: Values, tap: Tap) -> None:
    x1, x2, x3 = p["x"]
    tap("s", p["v"] @ tap("f", np.stack([x1 + x2 * x3, x1**2 + 3 * x2])))


def recurrent(p: Values, tap: Tap) -> None:
    h = p["h0"]
    for t in range(3):
        h = tap(f"h{t + 1}", np.tanh(p["w"] * p["x"][t] + p["U"] @ h + p["b"]))
    tap("L", (tap("yhat", p["v"] @ h + p["c"]) - p["y"]) ** 2 / 2)


def lstm(p: Values, tap: Tap) -> None:
    u = tap("u", np.concatenate([p["h0"], p["x"]]))
    f = tap("f", sigmoid(p["Wf"] @ u + p["bf"]))
    i = tap("i", sigmoid(p["Wi"] @ u + p["bi"]))
    g = tap("g", np.tanh(p["Wg"] @ u + p["bg"]))
    o = tap("o", sigmoid(p["Wo"] @ u + p["bo"]))
    h = tap("h", o * np.tanh(tap("c", f * p["c0"] + i * g)))
    tap("L", ((h - p["y"]) ** 2).sum())


def attention(p: Values, tap: Tap) -> None:
    q, k, v = (tap(name, p["X"] @ p[f"W{name.lower()}"]) for name in "QKV")
    a = tap("A", softmax(tap("S", q @ k.T / np.sqrt(2)), axis=1))
    tap("L", ((tap("O", a @ v) - p["T"]) ** 2).sum())


# Weights, samples and targets as in the files, typed a second time.
SIGMOID_SOFTMAX = Model(
    dense(sigmoid, softmax, affine="WTx", loss=cross_entropy),
    layers(([[3, 6], [4, 5]], [1, -6]), ([[2, 3], [4, 3]], [-1, -2]), X=[1, 0], Y=[0, 1]),
    ("W1", "b1", "W2", "b2"),
    0.5,
    free=("X",),
)
MINIBATCH = Model(
    dense(np.tanh, softmax, affine="xW", loss=lambda y, p: cross_entropy(y, p) / 4),
    layers(
        ([[1, -1, 0.5], [0.5, 1, -1]], [0, 0.5, -0.5]),
        ([[1, -1], [0.5, 1], [-1, 0.5]], [0.1, -0.1]),
        X=[[1, 0], [0, 1], [1, 1], [-1, 2]],
        Y=[[1, 0], [0, 1], [0, 1], [1, 0]],
    ),
    ("W1", "b1", "W2", "b2"),
    0.1,
    free=("X",),
)
MODELS: dict[str, Model] = {
    "sigmoid-softmax": SIGMOID_SOFTMAX,
    "bias-first-row": Model(
        bias_first,
        layers(([[-1, 2], [-2, 1], [1, 4]], None), ([[1], [2], [-4]], None), X=[2, 5], Y=[1]),
        ("W1", "W2"),
        2,
        free=("X",),
    ),
    "skip-connection": Model(
        skipping,
        layers(([[0.5]], [0.5]), ([[1.5]], [1]), ([[-0.5]], None), W3_1=[[3]], X=[3], Y=[6]),
        ("W1", "b1", "W2", "b2", "W3", "W3_1"),
        0.01,
        free=("X",),
    ),
    "weights-table": Model(
        dense(sigmoid, None, affine="WTx"),
        layers(([[0.1, 0.2], [0.3, 0.4]], 0.5), ([[0.5], [0.7]], 0.1), X=[1, 2]),
    ),
    "threshold-points": Model(
        dense(step, step, affine="xWT", loss=lambda y, p: ((p - y) ** 2).sum()),
        layers(
            ([[1], [1]], [-2, -4]),
            ([[1, -2]], [-0.5]),
            X=[[0], [1], [3], [5]],
            Y=[[0], [0], [1], [0]],
        ),
        free=("X", "W1", "b1", "W2", "b2"),
    ),
    "threshold-new-point": Model(
        dense(step, step, affine="Wx"), layers(([[1], [1]], [-2, -4]), ([[1, -2]], [-0.5]), X=[3.5])
    ),
    "threshold-interval": Model(
        dense(step, step, affine="xWT"),
        layers(([[1], [1]], [-1, -3]), ([[-1, 2]], [0.5]), X=[[0], [1], [2], [3], [4]]),
    ),
    "threshold-triangle": Model(
        dense(step, step, affine="xWT"),
        layers(
            ([[1, 0], [0, 1], [1, 1]], [0, 0, -1]),
            ([[1, 1, -1]], [-1.5]),
            X=[[0.25, 0.25], [0, 0], [0.5, 0.5], [1, 1], [-1, 0.5], [0.5, -1]],
        ),
    ),
    "minibatch-tanh": MINIBATCH,
    "minibatch-tanh-fused": MINIBATCH,
    "exponential-units": Model(
        exponential,
        {
            "X": [[1, 1], [2, 0]],
            "y": [1, 8],
            "W": [[np.log(2), 0], [0, np.log(3)]],
            "b": [0, np.log(2)],
            "alpha": [3, -1],
        },
        ("W", "b", "alpha"),
        0.001,
    ),
    "logistic-loss": Model(
        logistic,
        {
            "X": [[1, 0], [0, 1], [1, 1], [0, 0]],
            "y": [1, 0, 1, 0],
            "w": [np.log(3), np.log(2)],
            "b": 0,
        },
        ("w", "b"),
        0.5,
        loss="J",
    ),
    "squared-distance": Model(
        distance,
        {"W": [[1, 2], [3, -1]], "x": [2, 1], "b": [1, -2], "y": [2, 7]},
        free=("W", "x", "b", "y"),
    ),
    "vector-function": Model(
        vector_function, {"x": [1, 2, 3], "v": [1, -1]}, loss="s", free=("x", "v")
    ),
    "softmax-binary-cross-entropy": Model(
        dense(softmax, affine="Wx", loss=lambda y, p: two_sided(y, p).sum()),
        layers(([[2, -1], [np.log(2), 0], [-4, 2]], [0, 0, 0]), X=[1, 2], Y=[0, 1, 0]),
        ("W1", "b1"),
        0.1,
        free=("X",),
    ),
    "l2-penalty": Model(
        decayed,
        layers(([[1, -1], [2, 1]], [0, -1]), ([[3, 1]], [0.5]), X=[1, 2], Y=[2]),
        ("W1", "b1", "W2", "b2"),
        0.1,
        free=("X",),
    ),
    "residual": Model(
        residual,
        layers(
            ([[1, 1], [2, 0]], [3, -1]),
            ([[1, -2], [0, 2]], [0, -1]),
            ([[1, 0], [3, 1]], [1, 1]),
            ([[2, -1]], [0]),
            X=[1, -2],
            Y=[2],
        ),
        ("W1", "b1", "W2", "b2", "W3", "b3", "W4", "b4"),
        0.01,
        free=("X",),
    ),
    "recurrent": Model(
        recurrent,
        {
            "x": [1, -1, 0.5],
            "h0": [0, 0],
            "w": [0.5, -1],
            "U": [[0.5, 0.2], [-0.3, 0.4]],
            "b": [0, 0.1],
            "v": [1, -1],
            "c": 0.2,
            "y": 0.5,
        },
        ("w", "U", "b", "v", "c"),
        0.1,
    ),
    "lstm-cell": Model(
        lstm,
        {
            "x": [1],
            "h0": [0.5, -0.5],
            "c0": [1, 0.5],
            "Wf": [[1, 0, 0.5], [0, 1, -0.5]],
            "bf": [1, 1],
            "Wi": [[0.5, -1, 0], [1, 0.5, 1]],
            "bi": [0, -1],
            "Wg": [[1, 1, -1], [0, 0.5, 1]],
            "bg": [0, 0],
            "Wo": [[-1, 0, 1], [0.5, 0.5, 0.5]],
            "bo": [0, 0],
            "y": [0, 1],
        },
        ("Wf", "bf", "Wi", "bi", "Wg", "bg", "Wo", "bo"),
        0.5,
    ),
    "attention-head": Model(
        attention,
        {
            "X": [[1, 0], [0, 1], [1, 1]],
            "Wq": [[1, 0], [0, 2]],
            "Wk": [[0, 1], [1, 0]],
            "Wv": [[1, 2], [-1, 1]],
            "T": [[0, 1], [1, 1], [0, 2]],
        },
        ("Wq", "Wk", "Wv"),
        0.05,
    ),
    "upstream-gradient": Model(
        upstream,
        layers(([[1, 1], [2, -3]], [0, 1]), ([[2, 1], [-1, 3]], [0, 1]), X=[1, 2]),
        free=("X", "W1", "b1", "W2", "b2"),
    ),
    "three-layers": Model(
        dense(relu, leaky, None, affine="Wx", loss=half_square),
        layers(
            ([[1, -1], [2, 1]], [0, -3]),
            ([[3, -1], [-2, -4]], [1, 0]),
            ([[1, 2]], [1]),
            X=[2, 1],
            Y=[3],
        ),
        ("W1", "b1", "W2", "b2", "W3", "b3"),
        0.01,
        free=("X",),
    ),
    "batch-columns": Model(
        dense(relu, None, affine="Wx", loss=lambda y, p: ((p - y) ** 2).mean(axis=0).mean()),
        layers(
            ([[1, 1], [2, 1]], [1, 0]),
            ([[1, -1], [0.5, 1]], [0, 1]),
            X=[[1, 0, -1], [2, 1, 1]],
            Y=[[1, 1, 0], [5, 4, 1]],
        ),
        ("W1", "b1", "W2", "b2"),
        0.1,
        free=("X",),
    ),
}
# Solved, but with tests of their own: several steps, rounding, or no model at all.
OTHERS = ("xor-training", "momentum", "adam", "given-gradients", "rounded-by-hand")
WITH_SGD = [name for name, model in MODELS.items() if model.rate is not None]
WITH_GRADIENTS = [name for name, model in MODELS.items() if model.trained or model.free]


def with_quantities(names: list[str]) -> list[Any]:
    """A case for each quantity of each problem that has a gradient."""
    return [
        pytest.param(name, quantity, id=f"{name}-{quantity}")
        for name in names
        for quantity in (*MODELS[name].forward(), *MODELS[name].trained, *MODELS[name].free)
        if not quantity.startswith(MODELS[name].loss) and not _constant(name, quantity)
    ]


def _constant(name: str, quantity: str) -> bool:
    """Computed from what is not trained alone: whether it has a gradient is not settled."""
    return (name, quantity) == ("lstm-cell", "u")


# ---- The tests ----------------------------------------------------------------------------------


def test_every_problem_is_tested_and_listed() -> None:
    files = {path.stem for path in PROBLEMS.glob("*.yaml")}
    index = (PROBLEMS / "README.md").read_text(encoding="utf-8")
    assert {*MODELS, *OTHERS} <= files
    assert [name for name in sorted({*MODELS, *OTHERS}) if f"]({name}.yaml)" not in index] == []


@pytest.mark.parametrize("problem", MODELS)
def test_forward(problem: str) -> None:
    for name, expected in MODELS[problem].forward().items():
        if not (problem == "upstream-gradient" and name == "L"):  # no loss there; L is ours
            same(problem, name, expected)


@pytest.mark.parametrize("problem", [name for name in MODELS if "X" in MODELS[name].given])
def test_given(problem: str) -> None:
    given = solved(problem)["given"]
    for name, expected in MODELS[problem].given.items():
        np.testing.assert_allclose(
            np.asarray(given[name], dtype=float), expected, rtol=1e-12, err_msg=name
        )
        assert np.shape(given[name]) == np.shape(expected), name


@pytest.mark.parametrize(("problem", "quantity"), with_quantities(WITH_GRADIENTS))
def test_gradient(problem: str, quantity: str) -> None:
    loss = MODELS[problem].loss
    same(problem, f"d{loss}/d{quantity}", MODELS[problem].slope(loss, quantity))


@pytest.mark.parametrize("problem", WITH_SGD)
def test_update_and_new_loss(problem: str) -> None:
    model = MODELS[problem]
    new = {
        name: np.asarray(model.given[name], dtype=float)
        - (model.rate or 0) * model.slope(model.loss, name)
        for name in model.trained
    }
    for name, expected in new.items():
        same(problem, f"{name}_new", expected)
        np.testing.assert_allclose(
            solved(problem)["parameters"][name], expected, rtol=1e-9, atol=1e-12
        )
    before, after = model.forward()[model.loss], model.forward(**new)[model.loss]
    same(problem, f"{model.loss}_new", after)
    assert solved(problem)["loss"]["history"] == pytest.approx([before, after], rel=1e-9)
    assert solved(problem)["loss"]["before"] == pytest.approx(before, rel=1e-9)
    assert solved(problem)["loss"]["after"] == pytest.approx(after, rel=1e-9)
    assert after < before


JACOBIANS = [
    ("sigmoid-softmax", "Yhat", "Z2"),
    ("sigmoid-softmax", "Z2", "H1"),
    ("sigmoid-softmax", "H1", "Z1"),
    ("bias-first-row", "Z2", "H1"),
    ("softmax-binary-cross-entropy", "Yhat", "Z1"),
    ("three-layers", "H2", "Z2"),
    ("vector-function", "f", "x"),
    ("squared-distance", "z", "x"),
]


@pytest.mark.parametrize(("problem", "of", "wrt"), JACOBIANS)
def test_jacobian(problem: str, of: str, wrt: str) -> None:
    same(problem, f"d{of}/d{wrt}", MODELS[problem].slope(of, wrt))


# ---- Published figures --------------------------------------------------------------------------

RIGHT = [
    ("sigmoid-softmax", "Z1", "4 0"),
    ("sigmoid-softmax", "H1", ".982 .500"),
    ("sigmoid-softmax", "Z2", "2.964 2.446"),
    ("sigmoid-softmax", "Yhat", ".627 .373"),
    ("sigmoid-softmax", "L", ".985"),
    ("sigmoid-softmax", "dL/dYhat", "0 -2.679"),
    ("sigmoid-softmax", "dL/dZ2", ".627 -.627"),
    ("sigmoid-softmax", "dL/dH1", "-.627 .627"),
    ("sigmoid-softmax", "dL/db2", ".627 -.627"),
    ("sigmoid-softmax", "dL/db1", "-.011 .157"),
    ("sigmoid-softmax", "dL/dW1", "-.011 .157 0 0"),
    ("sigmoid-softmax", "W1_new", "3.006 5.922 4 5"),
    ("sigmoid-softmax", "W2_new", "1.692 3.308 3.843 3.157"),
    ("bias-first-row", "Z1", "0 24"),
    ("bias-first-row", "class", "0"),
    ("threshold-points", "Z1", "-2 -4 -1 -3 1 -1 3 1"),
    ("threshold-points", "H1", "0 0 0 0 1 0 1 1"),
    ("threshold-points", "Z2", "-0.5 -0.5 0.5 -1.5"),
    ("threshold-points", "Yhat", "0 0 1 0"),
    ("threshold-new-point", "H1", "1 0"),
    ("threshold-new-point", "Z2", "0.5"),
    ("threshold-new-point", "Yhat", "1"),
    ("threshold-interval", "Z2", "0.5 -0.5 -0.5 1.5 1.5"),
    ("threshold-interval", "Yhat", "1 0 0 1 1"),
    ("threshold-triangle", "Z2", "0.5 0.5 -0.5 -0.5 -0.5 -0.5"),
    ("threshold-triangle", "Yhat", "1 1 0 0 0 0"),
]

# Problem, quantity, entry (from 0, rows one after the other), what was published, what is right.
WRONG = [
    ("sigmoid-softmax", "b2_new", 0, "-1.627", "-1.313"),
    ("sigmoid-softmax", "b2_new", 1, "-1.373", "-1.687"),
    ("sigmoid-softmax", "L_new", 0, ".1", ".342"),
    ("sigmoid-softmax", "dL/dW1", 0, "-.627", "-.011"),
    ("sigmoid-softmax", "dL/dW1", 1, ".627", ".157"),
    # By the published definition, which has a minus before the derivative:
    ("sigmoid-softmax", "dL/dYhat", 1, "2.679", "-2.679"),
    ("bias-first-row", "H1", 1, "0.999", "1.000"),
    ("bias-first-row", "Z2", 0, "-1.996", "-2.000"),
    ("bias-first-row", "Yhat", 0, "0.119623", "0.119203"),
    ("bias-first-row", "L", 0, "0.38753", "0.38790"),
    ("bias-first-row", "dL/dW2", 1, "-0.04635772", "-0.04623902"),
    ("bias-first-row", "dL/dW1", 4, "-0.23178", "-0.23120"),
    ("bias-first-row", "W2_new", 1, "2.0927", "2.0925"),
    ("bias-first-row", "W1_new", 4, "1.4636", "1.4624"),
    ("threshold-new-point", "Z1", 1, "0.5", "-0.5"),
]

# Published figures that differ from the exact ones by what rounding on the way does to them.
CARRIED = [
    ("dL/dW2", ".616 -.616 .314 -.314", ".615 -.615 .313 -.313"),
    ("b1_new", "1.006 -6.079", "1.006 -6.078"),
]


def agrees(printed: str, exact: float) -> bool:
    """`exact`, rounded to the digits of `printed`, is `printed`."""
    exponent = Decimal(printed).as_tuple().exponent
    assert isinstance(exponent, int)
    return abs(float(printed) - exact) <= 0.5 * 10.0**exponent + 1e-12


def assert_printed(problem: str, name: str, printed: str) -> None:
    found = np.ravel(value(problem, name))
    assert len(found) == len(printed.split()), f"{problem}, {name}: {found}"
    off = [(p, v) for p, v in zip(printed.split(), found, strict=True) if not agrees(p, v)]
    assert not off, f"{problem}, {name}: {off}"


@pytest.mark.parametrize(("problem", "name", "printed"), RIGHT)
def test_published_figures_that_are_right(problem: str, name: str, printed: str) -> None:
    assert_printed(problem, name, printed)


@pytest.mark.parametrize(("problem", "name", "entry", "published", "right"), WRONG)
def test_published_figures_that_are_wrong(
    problem: str, name: str, entry: int, published: str, right: str
) -> None:
    found = float(np.ravel(value(problem, name))[entry])
    assert not agrees(published, found)
    assert agrees(right, found)


@pytest.mark.parametrize(("problem", "name", "entry", "published", "right"), WRONG)
def test_numpy_says_so_too(problem: str, name: str, entry: int, published: str, right: str) -> None:
    """The right column of the table above, without the program."""
    if name == "L_new" or name.endswith("_new"):
        model = MODELS[problem]
        new = {n: model.given[n] - (model.rate or 0) * model.slope("L", n) for n in model.trained}
        found = model.forward(**new)["L"] if name == "L_new" else new[name.removesuffix("_new")]
    elif name.startswith("dL/d"):
        found = MODELS[problem].slope("L", name.removeprefix("dL/d"))
    else:
        found = MODELS[problem].forward()[name]
    exact = float(np.ravel(found)[entry])
    assert agrees(right, exact)
    assert not agrees(published, exact)


@pytest.mark.parametrize(("name", "published", "exact"), CARRIED)
def test_figures_rounded_on_the_way(name: str, published: str, exact: str) -> None:
    assert_printed("sigmoid-softmax", name, exact)
    assert_printed("rounded-by-hand", name, published)


def test_the_published_new_loss_comes_from_the_lost_learning_rate() -> None:
    """What the notes of sigmoid-softmax say about .1, .197 and .342."""
    model = SIGMOID_SOFTMAX
    slopes = {name: model.slope("L", name) for name in model.trained}

    def loss_with(**rates: float) -> float:
        new = {n: model.given[n] - rates.get(n, 0.5) * slopes[n] for n in model.trained}
        return float(model.forward(**new)["L"])

    assert agrees(".342", loss_with())
    assert agrees(".197", loss_with(b2=1))
    assert agrees(".098", loss_with(b2=1, W2=1))
    unfinished = model.given["W1"] - 0.5 * np.outer(model.given["X"], model.slope("L", "H1"))
    assert np.round(unfinished, 3).tolist() == [[3.313, 5.687], [4, 5]]


# ---- Published formulas, put into numbers -------------------------------------------------------


def test_skip_connection_by_hand() -> None:
    name = "skip-connection"
    for quantity, expected in {
        "Z1": [2],
        "H1": [2],
        "Z2": [4],
        "H2": [4],
        "Yhat": [4],
        "L": 2,
        "dL/dYhat": [-1],
        "dL/dW3": [[-4]],
        "dL/dW3_1": [[-2]],
        "dL/dW2": [[1]],
        "dL/db2": [0.5],
        "dL/dW1": [[-6.75]],
        "dL/db1": [-2.25],
        "W1_new": [[0.5675]],
        "W3_1_new": [[3.02]],
        "L_new": 1.263215,
    }.items():
        same(name, quantity, expected)


@pytest.mark.parametrize(
    ("quantity", "published"),
    [
        ("dL/dYhat", 2),  # |y - z2|, the loss itself
        ("dL/dW2", -2),  # L'·h0: w2 is missing
        ("dL/dW2", -4),  # L'·h1·ReLU': the same, with the wrong input
        ("dL/db2", -1),  # L'
        ("dL/dW1", -3),  # L'·x
        ("dL/dW1", -6),  # L'·h1 + L'·h0
        ("dL/db1", -1),  # L'
    ],
)
def test_skip_connection_is_not_as_published(quantity: str, published: float) -> None:
    assert value("skip-connection", quantity).item() != pytest.approx(published)
    wrt = quantity.removeprefix("dL/d")
    assert MODELS["skip-connection"].slope("L", wrt).item() != pytest.approx(published)


def test_skip_connection_has_no_output_bias() -> None:
    assert not {"b3", "dL/db3", "b3_new"} & set(steps("skip-connection"))


def test_weights_table() -> None:
    same("weights-table", "Z1", [1.2, 1.5])
    assert_printed("weights-table", "H1", "0.7685 0.8176")
    assert_printed("weights-table", "Yhat", "1.0566")
    assert np.shape(solved("weights-table")["given"]["b1"]) == ()


def test_thresholds_stop_every_gradient() -> None:
    assert value("threshold-points", "L").item() == 0
    for name in ("W1", "b1", "W2", "b2", "H1"):
        assert not value("threshold-points", f"dL/d{name}").any()


def test_softmax_under_the_two_sided_cross_entropy() -> None:
    name = "softmax-binary-cross-entropy"
    same(name, "Yhat", [1 / 4, 1 / 2, 1 / 4])
    same(name, "L", np.log(32 / 9))
    same(name, "dL/dYhat", [4 / 3, -2, 4 / 3])
    same(name, "dL/dZ1", [5 / 12, -5 / 6, 5 / 12])
    s, a = np.array([1 / 4, 1 / 2, 1 / 4]), np.array([0, 1, 0])
    published = [
        (a - s) / (s * (1 - s)) * s * (1 - s),  # sign lost, diagonal alone
        (a - s) * s * (1 - s),  # the denominator dropped as well
        s * (1 - s),  # a - s dropped, too
        s - a,  # the shortcut, which does not hold here
    ]
    for wrong in published:
        assert not np.allclose(value(name, "dL/dZ1"), wrong)


def test_two_outputs_under_the_two_sided_cross_entropy_give_twice_the_shortcut() -> None:
    """Why the file has three outputs: with two, the gradient is 2(s - a), and slips hide."""
    model = Model(
        dense(softmax, affine="Wx", loss=lambda y, p: two_sided(y, p).sum()),
        layers(([[2, -1], [0.5, 1]], [0, 0]), X=[1, 2], Y=[0, 1]),
    )
    twice = 2 * (model.forward()["Yhat"] - model.given["Y"])
    np.testing.assert_allclose(model.slope("L", "Z1"), twice, rtol=1e-12)


def test_minibatch_chain_and_fused_give_the_same() -> None:
    chain, fused = steps("minibatch-tanh"), steps("minibatch-tanh-fused")
    assert set(chain) == set(fused)
    for name in chain:
        if chain[name]["value"] is not None:
            same("minibatch-tanh-fused", name, value("minibatch-tanh", name))


@pytest.mark.parametrize("problem", ["minibatch-tanh", "minibatch-tanh-fused"])
def test_minibatch_by_the_published_formulas(problem: str) -> None:
    """(ŷ - y)/N for a sample; a¹ᵀδ³, the bias gradients summed, which the published δ²/N is not."""
    x, y = MINIBATCH.given["X"], MINIBATCH.given["Y"]
    a1, yhat = value(problem, "H1"), value(problem, "Yhat")
    d3 = (yhat - y) / 4
    d2 = d3 @ np.asarray(MINIBATCH.given["W2"]).T * (1 - a1**2)
    for name, expected in {
        "dL/dYhat": -y / yhat / 4,
        "dL/dZ2": d3,
        "dL/dW2": a1.T @ d3,
        "dL/db2": d3.sum(axis=0),
        "dL/dZ1": d2,
        "dL/dW1": x.T @ d2,
        "dL/db1": d2.sum(axis=0),
    }.items():
        same(problem, name, expected)
    assert value(problem, "dL/db1").shape != d2.shape


def test_exponential_units_by_hand() -> None:
    name = "exponential-units"
    for quantity, expected in {
        "U": [[2, 6], [4, 2]],
        "yhat": [0, 10],
        "L": 5,
        "dL/dyhat": [-2, 4],
        "dL/dalpha": [12, -4],
        "dL/dU": [[-6, 2], [12, -4]],
        "dL/dZ": [[-12, 12], [48, -8]],
        "dL/dW": [[84, -12], [-4, 12]],
        "dL/db": [36, 4],
    }.items():
        same(name, quantity, expected)
    with_u = value(name, "dL/dZ").T @ value(name, "U")
    np.testing.assert_allclose(with_u, [[168, 24], [-8, 56]])  # the published factor


def test_logistic_loss_by_hand() -> None:
    name = "logistic-loss"
    for quantity, expected in {
        "J": np.log(28 / 3),
        "dJ/dz": [-1 / 4, 2 / 3, -1 / 7, 1 / 2],
        "dJ/dw": [-11 / 28, 11 / 21],
        "dJ/db": 65 / 84,
    }.items():
        same(name, quantity, expected)


def test_squared_distance_by_hand() -> None:
    name = "squared-distance"
    for quantity, expected in {
        "z": [5, 3],
        "L": 25,
        "dL/dz": [6, -8],
        "dL/dW": [[12, 6], [-16, -8]],
        "dL/db": [6, -8],
        "dL/dx": [-18, 20],
    }.items():
        same(name, quantity, expected)
    assert "L_new" not in steps(name)


def test_vector_function_by_hand() -> None:
    same("vector-function", "f", [7, 7])
    same("vector-function", "df/dx", [[1, 3, 2], [2, 3, 0]])  # [[1, x3, x2], [2 x1, 3, 0]]
    same("vector-function", "ds/dx", [-1, 0, 2])


def test_three_layers_by_hand() -> None:
    name = "three-layers"
    for quantity, expected in {
        "Z1": [1, 2],
        "Z2": [2, -10],
        "H2": [2, -1],
        "Yhat": [1],
        "L": 2,
        "dL/dW3": [[-4, 2]],
        "dL/dZ2": [-2, -0.4],
        "dL/dW2": [[-2, -4], [-0.4, -0.8]],
        "dL/dW1": [[-10.4, -5.2], [7.2, 3.6]],
        "dL/dX": [2, 8.8],
    }.items():
        same(name, quantity, expected)


def test_residual_by_hand() -> None:
    name = "residual"
    for quantity, expected in {
        "H1": [2, 1],
        "Z2": [1, -1],
        "H2": [1, 0],
        "Z3": [2, 4],
        "H3": [4, 5],
        "Yhat": [3],
        "dL/dH3": [2, -1],
        "dL/dZ2": [-1, 0],
        "dL/dH1": [1, 1],
        "dL/dW1": [[1, -2], [1, -2]],
        "dL/dX": [2, 1],
    }.items():
        same(name, quantity, expected)


def test_penalty_by_hand() -> None:
    name = "l2-penalty"
    for quantity, expected in {
        "L_data": 1.125,
        "L_penalty": 0.85,
        "L": 1.975,
        "dL/dW2": [[0.3, 4.6]],
        "dL/dW1": [[0.1, -0.1], [1.7, 3.1]],
        "dL/db1": [0, 1.5],
    }.items():
        same(name, quantity, expected)


def test_upstream_by_hand() -> None:
    name = "upstream-gradient"
    for quantity, expected in {
        "Yhat": [6, -2],
        "dL/dYhat": [1, -2],
        "dL/dW2": [[3, 0], [-6, 0]],
        "dL/dZ1": [4, 0],
        "dL/dW1": [[4, 8], [0, 0]],
        "dL/dX": [4, 4],
    }.items():
        same(name, quantity, expected)
    assert not {"L", "L_new"} & set(steps(name))


def test_attention_rows_add_up_to_one() -> None:
    np.testing.assert_allclose(value("attention-head", "A").sum(axis=1), 1, rtol=1e-12)


def test_recurrent_gradients_add_up_over_time() -> None:
    """U at each of the three steps on its own, and the sum of the three."""
    model = MODELS["recurrent"]
    p = {name: np.asarray(v, dtype=float) for name, v in model.given.items()}
    found = model.forward()
    h = [p["h0"], *(found[f"h{t}"] for t in (1, 2, 3))]
    shares = []
    for t in (1, 2, 3):
        d = model.slope("L", f"h{t}") * (1 - h[t] ** 2)
        shares.append(np.outer(d, h[t - 1]))
    same("recurrent", "dL/dU", sum(shares))
    assert not np.allclose(value("recurrent", "dL/dU"), shares[-1])


# ---- Rounded on the way -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("Z1", "4 0"),
        ("H1", ".982 .500"),
        ("Z2", "2.964 2.446"),
        ("Yhat", ".627 .373"),
        ("L", ".986"),
        ("dL/dYhat", "0 -2.681"),
        ("dL/dZ2", ".627 -.627"),
        ("dL/dH1", "-.627 .627"),
        ("dL/dW2", ".616 -.616 .314 -.314"),
        ("dL/db2", ".627 -.627"),
        ("dL/db1", "-.011 .157"),
        ("dL/dW1", "-.011 .157 0 0"),
        ("W1_new", "3.006 5.922 4 5"),
        ("b1_new", "1.006 -6.079"),
        ("W2_new", "1.692 3.308 3.843 3.157"),
    ],
)
def test_rounded_by_hand(name: str, printed: str) -> None:
    """Every step is rounded half up before the next one uses it."""
    found = np.ravel(value("rounded-by-hand", name))
    np.testing.assert_allclose(found, [float(p) for p in printed.split()], atol=1e-12)


def test_rounded_new_bias_and_loss() -> None:
    """-1.3135 and -1.6865 lie half way; the second may be seen as -2 + .3135 or as -2 + .314."""
    first, second = value("rounded-by-hand", "b2_new")
    assert first == pytest.approx(-1.314, abs=1e-12)
    assert min(abs(second + 1.687), abs(second + 1.686)) < 1e-12
    assert value("rounded-by-hand", "L_new") == pytest.approx(0.3415, abs=1e-3)


# ---- Training -----------------------------------------------------------------------------------


def gradients_of_linear_unit(x: Array, y: Array, w: Array, b: Array) -> tuple[float, Array, Array]:
    """½(wx + b - y)² for one sample, and its gradients."""
    e = w @ x + b - y
    return float((e**2).sum() / 2), np.outer(e, x), e


def test_momentum() -> None:
    x, y = np.array([1.0, 2.0]), np.array([1.0])
    w, b = np.array([[1.0, -1.0]]), np.array([0.0])
    vw, vb = np.zeros_like(w), np.zeros_like(b)
    history: list[float] = []
    first: dict[str, Array] = {}
    for t in range(3):
        loss, gw, gb = gradients_of_linear_unit(x, y, w, b)
        history.append(loss)
        vw, vb = 0.9 * vw - 0.1 * gw, 0.9 * vb - 0.1 * gb
        w, b = w + vw, b + vb
        if t == 0:
            first = {"v_W1": vw, "v_b1": vb, "W1_new": w, "b1_new": b}
    history.append(gradients_of_linear_unit(x, y, w, b)[0])
    assert first["W1_new"].tolist() == [[1.2, -0.6]]
    for name, expected in first.items():
        same("momentum", name, expected)
    trained("momentum", {"W1": w, "b1": b}, history)


def trained(problem: str, parameters: dict[str, Array], history: list[float]) -> None:
    """The parameters after the last update; a loss before each update and one after the last."""
    trace = solved(problem)
    for name, expected in parameters.items():
        np.testing.assert_allclose(trace["parameters"][name], expected, rtol=1e-6, err_msg=name)
        assert np.shape(trace["parameters"][name]) == np.shape(expected), name
    assert len(trace["loss"]["history"]) == len(history)
    np.testing.assert_allclose(trace["loss"]["history"], history, rtol=1e-6)


def test_adam() -> None:
    x, y = np.array([[1.0, 2.0], [0.0, 1.0], [-1.0, 1.0]]), np.array([[1.0], [0.0], [2.0]])
    p = {"W1": np.array([[0.5], [-0.5]]), "b1": np.array([0.0])}
    m = {name: np.zeros_like(v) for name, v in p.items()}
    v = {name: np.zeros_like(q) for name, q in p.items()}
    history: list[float] = []
    first: dict[str, Array] = {}
    for t in (1, 2):
        e = x @ p["W1"] + p["b1"] - y
        history.append(float((e**2).sum(axis=1).mean()))
        g = {"W1": 2 * x.T @ e / 3, "b1": 2 * e.sum(axis=0) / 3}
        for name, old in p.items():
            m[name] = 0.9 * m[name] + 0.1 * g[name]
            v[name] = 0.999 * v[name] + 0.001 * g[name] ** 2
            mhat, vhat = m[name] / (1 - 0.9**t), v[name] / (1 - 0.999**t)
            p[name] = old - 0.1 * mhat / (np.sqrt(vhat) + 1e-8)
            if t == 1:
                first |= {
                    f"dL/d{name}": g[name],
                    f"m_{name}": m[name],
                    f"v_{name}": v[name],
                    f"mhat_{name}": mhat,
                    f"vhat_{name}": vhat,
                    f"{name}_new": p[name],
                }
    history.append(float(((x @ p["W1"] + p["b1"] - y) ** 2).sum(axis=1).mean()))
    for name, expected in first.items():
        same("adam", name, expected)
    moved = value("adam", "W1_new") - [[0.5], [-0.5]]
    np.testing.assert_allclose(np.abs(moved), 0.1, rtol=1e-6)
    trained("adam", p, history)


def test_given_gradients() -> None:
    name = "given-gradients"
    for quantity, expected in {
        "v_W1": [[0.4, -0.4], [0.1, 0.5]],
        "W1_new": [[0.96, 2.04], [2.99, 3.95]],
        "v_b1": [1, -1.5],
        "b1_new": [0.4, -0.35],
    }.items():
        same(name, quantity, expected)
    np.testing.assert_allclose(solved(name)["parameters"]["W1"], [[0.96, 2.04], [2.99, 3.95]])


def test_xor_is_learned() -> None:
    x, y = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[0.0], [1], [1], [0]])
    w1, b1 = np.array([[1, 0.5], [0.8, 1]]), np.array([0.0, -1])
    w2, b2 = np.array([[1.0], [-1]]), np.array([0.0])
    history = []
    for t in range(2001):
        h = np.tanh(x @ w1 + b1)
        p = sigmoid(h @ w2 + b2)
        history.append(float(two_sided(y, p).mean()))
        if t == 2000:
            break
        d2 = (p - y) / 4
        d1 = d2 @ w2.T * (1 - h**2)
        w2, b2 = w2 - h.T @ d2, b2 - d2.sum(axis=0)
        w1, b1 = w1 - x.T @ d1, b1 - d1.sum(axis=0)
    assert history[0] == pytest.approx(0.6956, abs=1e-4)
    assert history[-1] < 0.002
    assert np.round(p).ravel().tolist() == [0, 1, 1, 0]
    trained("xor-training", {"W1": w1, "b1": b1, "W2": w2, "b2": b2}, history)

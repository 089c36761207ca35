"""Losses against plain NumPy and their differences; update rules against NumPy and PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

import backprop_cli as backprop
from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Sym, num
from backprop_cli.calculus.differentiate import Backward, gradients, shares
from backprop_cli.operations.losses import LOSSES, Setting
from backprop_cli.operations.record import Array
from backprop_cli.operations.table import Sizes
from backprop_cli.operations.updates import RULES, Terms
from backprop_cli.readings.values import evaluate

P, Y = Sym("p"), Sym("y")
STEP = 1e-6

# ---- Losses -------------------------------------------------------------------------------------


def softplus(z: Array) -> Array:
    return np.asarray(np.log(1 + np.exp(z)))


def huber(e: Array, delta: float = 1.0) -> Array:
    return np.where(np.abs(e) <= delta, e * e / 2, delta * (np.abs(e) - delta / 2))


VALUES: dict[str, Callable[[Array, Array, int], Any]] = {
    "cross-entropy": lambda p, y, axis: -np.sum(y * np.log(p)),
    "binary-cross-entropy": lambda p, y, axis: -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p)),
    "cross-entropy-with-logits": lambda z, y, axis: (
        np.sum(np.log(np.sum(np.exp(z), axis=axis))) - np.sum(y * z)
    ),
    "binary-cross-entropy-with-logits": lambda z, y, axis: np.sum(softplus(z) - y * z),
    "squared-error": lambda p, y, axis: np.sum((p - y) ** 2),
    "half-squared-error": lambda p, y, axis: np.sum((p - y) ** 2) / 2,
    "mean-squared-error": lambda p, y, axis: np.sum((p - y) ** 2) / p.shape[axis],
    "absolute-error": lambda p, y, axis: np.sum(np.abs(p - y)),
    "huber": lambda p, y, axis: np.sum(huber(p - y)),
    "hinge": lambda p, y, axis: np.sum(np.maximum(0, 1 - p * y)),
}
CASES: list[tuple[tuple[int, ...], int | None]] = [((3,), None), ((3, 4), 0), ((4, 3), 1)]


def example(name: str, shape: tuple[int, ...], axis: int) -> dict[str, Array]:
    rng = np.random.default_rng(7)
    p = rng.uniform(0.05, 0.9, shape)
    y = rng.dirichlet(np.ones(3), p.size // 3)
    y = y.reshape(-1) if len(shape) == 1 else y.T if axis == 0 else y
    if "logits" in name or "error" in name or name in ("huber", "hinge"):
        p = rng.normal(0, 1.5, shape)
    if name == "hinge":
        y = np.where(y > 0.3, 1.0, -1.0)
    return {"p": p, "y": y}


@pytest.mark.parametrize(("shape", "axis"), CASES)
@pytest.mark.parametrize("base", [None, 2, 10])
@pytest.mark.parametrize("name", LOSSES)
def test_losses(name: str, base: int | None, shape: tuple[int, ...], axis: int | None) -> None:
    assert name in VALUES, f"say in VALUES what {name} is in plain NumPy"
    loss, env = LOSSES[name], example(name, shape, axis or 0)
    units = None if axis is None else num(3)
    expr = loss.build(P, Y, Setting(axis, units, base), loss.options)
    scale = 1 / np.log(base) if base and "entropy" in name else 1.0
    wanted = VALUES[name](env["p"], env["y"], axis or 0) * scale
    assert evaluate(expr, env) == pytest.approx(wanted, rel=1e-13)
    sizes = Sizes({"p": shape, "y": shape, "L": ()}, {})
    backward = Backward({"L": expr}, {"L": build.ONE}, "d{}".format, silent=["L"])
    (found,) = gradients(backward, ["p"], sizes)
    slope = evaluate(found.expr, {**env, "L": evaluate(expr, env)})
    assert slope.shape == shape
    differences = np.zeros(shape)
    for index in np.ndindex(shape):
        up, down = env["p"].copy(), env["p"].copy()
        up[index] += STEP
        down[index] -= STEP
        above, below = (VALUES[name](p, env["y"], axis or 0) * scale for p in (up, down))
        differences[index] = (above - below) / (2 * STEP)
    np.testing.assert_allclose(slope, differences, rtol=1e-6, atol=2e-8)


def test_the_width_of_hubers_loss() -> None:
    e = np.array([0.1, -0.5, 0.50001, 3])
    expr = LOSSES["huber"].build(P, num(0), Setting(), {"delta": 0.5})
    assert evaluate(expr, {"p": e}) == pytest.approx(np.sum(huber(e, 0.5)), rel=1e-14)
    ((_, share),) = shares(expr, build.ONE, Sym("L"), Sizes({"p": (4,)}, {}))
    assert evaluate(share, {"p": e}).tolist() == [0.1, -0.5, 0.5, 0.5]


@pytest.mark.parametrize("name", [name for name, loss in LOSSES.items() if loss.fused])
def test_where_the_gradient_collapses(name: str) -> None:
    """factor · (ŷ - y), for targets that sum to one, behind the activation that is named."""
    loss = LOSSES[name]
    activations: Mapping[str | None, Callable[[Array], Array]] = {
        "softmax": lambda z: np.exp(z) / np.exp(z).sum(),
        "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
        "linear": lambda z: z,
    }
    activation = activations[loss.fused]
    z, y = np.array([0.3, -1.0, 2.0]), np.array([0.2, 0.5, 0.3])
    slopes = []
    for i in range(3):
        h = np.eye(3)[i] * STEP
        above, below = (VALUES[name](activation(z + s * h), y, 0) for s in (1, -1))
        slopes.append((above - below) / (2 * STEP))
    np.testing.assert_allclose(slopes, loss.factor * (activation(z) - y), rtol=1e-7)


# ---- Updates ------------------------------------------------------------------------------------

CONSTANTS = {"learning_rate": 0.1, "beta": 0.8, "beta1": 0.7, "beta2": 0.95, "epsilon": 1e-3}
STEPS = 5
SLOPES = np.random.default_rng(3).normal(size=(STEPS, 2, 3))
START = np.random.default_rng(4).normal(size=(2, 3))
Kept = dict[str, Any]


def by_rule(key: tuple[str, str | None]) -> list[Array]:
    """The parameter after each step, by the expressions of the rule."""
    rule, weights = RULES[key], START
    env: dict[str, Array] = {name: np.asarray(value) for name, value in CONSTANTS.items()}
    terms = Terms(Sym("g"), lambda c: Sym(f"{c}_old"), Sym, Sym)
    env |= {f"{letter}_old": np.zeros(START.shape) for letter in rule.kept}
    found = []
    for t, slope in enumerate(SLOPES, start=1):
        env |= {"g": slope, "t": np.asarray(float(t))}
        for letter, expr in rule.states(terms).items():
            env[letter] = evaluate(expr, env)
        weights = weights + evaluate(rule.change(terms), env)
        found.append(weights)
        env |= {f"{letter}_old": env[letter] for letter in rule.kept}
    return found


def by_hand(key: tuple[str, str | None]) -> list[Array]:
    eta, beta, b1, b2, epsilon = CONSTANTS.values()
    w, v, m, s = START, 0.0, 0.0, 0.0
    found = []
    for t, g in enumerate(SLOPES, start=1):
        match key:
            case ("sgd", None):
                w = w - eta * g
            # Of the paper, the slopes are those ahead; what is subtracted is only v by its sign.
            case ("momentum", "classic" | "subtracted") | ("nesterov", "paper"):
                v = beta * v - eta * g
                w = w + v
            case ("momentum", "ewma"):
                v = beta * v + (1 - beta) * g
                w = w - eta * v
            case ("momentum", "accumulate"):
                v = beta * v + g
                w = w - eta * v
            case ("nesterov", None):
                v = beta * v + g
                w = w - eta * (g + beta * v)
            case ("adagrad", None):
                s = s + g * g
                w = w - eta * g / (np.sqrt(s) + epsilon)
            case ("rmsprop", None):
                s = beta * s + (1 - beta) * g * g
                w = w - eta * g / (np.sqrt(s) + epsilon)
            case ("adam", None):
                m, s = b1 * m + (1 - b1) * g, b2 * s + (1 - b2) * g * g
                w = w - eta * (m / (1 - b1**t)) / (np.sqrt(s / (1 - b2**t)) + epsilon)
            case _:
                return with_largest(key)
        found.append(w)
    return found


def with_largest(key: tuple[str, str | None]) -> list[Array]:
    """Those that keep a largest value, or a mean of what was changed."""
    eta, beta, b1, b2, epsilon = CONSTANTS.values()
    w, m, s, u = START, 0.0, 0.0, np.zeros(START.shape)
    found = []
    for t, g in enumerate(SLOPES, start=1):
        m = b1 * m + (1 - b1) * g
        match key:
            case ("adam", "amsgrad"):
                s = b2 * s + (1 - b2) * g * g
                u = np.maximum(u, s)
                w = w - eta * (m / (1 - b1**t)) / (np.sqrt(u / (1 - b2**t)) + epsilon)
            case ("adamax", None):
                u = np.maximum(b2 * u, np.abs(g))
                w = w - eta / (1 - b1**t) * m / (u + epsilon)
            case ("adadelta", None):
                s = beta * s + (1 - beta) * g * g
                moved = np.sqrt(u + epsilon) / np.sqrt(s + epsilon) * g
                u = beta * u + (1 - beta) * moved**2
                w = w - eta * moved
            case _:
                pytest.fail(f"{key} is not tested")
        found.append(w)
    return found


FROM_GRADIENTS = [key for key in RULES if key[0] not in ("newton", "perceptron")]
"""The others need a Hessian, or no gradient: see test_training_rules."""


@pytest.mark.parametrize("key", FROM_GRADIENTS, ids=str)
def test_update_rules_by_hand(key: tuple[str, str | None]) -> None:
    np.testing.assert_allclose(by_rule(key), by_hand(key), rtol=1e-13)


TORCH: dict[tuple[str, str | None], tuple[str, dict[str, Any]]] = {
    ("sgd", None): ("SGD", {}),
    ("momentum", "accumulate"): ("SGD", {"momentum": 0.8}),
    ("nesterov", None): ("SGD", {"momentum": 0.8, "nesterov": True}),
    ("adagrad", None): ("Adagrad", {"eps": 1e-3}),
    ("rmsprop", None): ("RMSprop", {"alpha": 0.8, "eps": 1e-3}),
    ("adam", None): ("Adam", {"betas": (0.7, 0.95), "eps": 1e-3}),
    ("adam", "amsgrad"): ("Adam", {"betas": (0.7, 0.95), "eps": 1e-3, "amsgrad": True}),
    ("adadelta", None): ("Adadelta", {"rho": 0.8, "eps": 1e-3}),
}


@pytest.mark.parametrize("key", TORCH, ids=str)
def test_update_rules_of_pytorch(key: tuple[str, str | None]) -> None:
    torch: Any = pytest.importorskip("torch", reason="PyTorch is not installed")
    name, options = TORCH[key]
    weights = torch.tensor(START, dtype=torch.float64, requires_grad=True)
    optimizer = getattr(torch.optim, name)([weights], lr=0.1, **options)
    for slope, wanted in zip(SLOPES, by_rule(key), strict=True):
        weights.grad = torch.tensor(slope)
        optimizer.step()
        np.testing.assert_allclose(weights.detach().numpy(), wanted, rtol=1e-12)


def test_adamax_is_that_of_pytorch_where_its_small_number_is_0() -> None:
    """PyTorch adds ε to |g|, and here it stands beside u, as in all rules that divide."""
    torch: Any = pytest.importorskip("torch", reason="PyTorch is not installed")
    rule = {"rule": "adamax", "learning_rate": 0.1, "beta1": 0.7, "beta2": 0.95, "epsilon": 0}
    start, slopes = [0.5, -1.0], [1.0, -2.0]
    problem = {
        "values": {"w": start, "x": slopes},
        "equations": ["L = sum(x * w) ^ 2"],
        "train": ["w"],
        "update": {**rule, "steps": 4},
    }
    weights = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adamax([weights], lr=0.1, betas=(0.7, 0.95), eps=0.0)
    for _ in range(4):
        optimizer.zero_grad()
        ((torch.tensor(slopes, dtype=torch.float64) * weights).sum() ** 2).backward()
        optimizer.step()
    found = backprop.load(problem).solve(at=4)["w_new"]
    np.testing.assert_allclose(found, weights.detach().numpy(), rtol=1e-12)

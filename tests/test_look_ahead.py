"""Nesterov's momentum as in the paper: v ← βv − η∇L(W + βv), W ← W + v, against plain NumPy."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from msgspec.structs import replace
from numpy.typing import NDArray

import backprop_cli
from backprop_cli.problem.problem_file import Source
from backprop_cli.solving.loading import loaded
from backprop_cli.solving.solution import solve

Array = NDArray[np.float64]
Arrays = dict[str, Array]
RATE, BETA = 0.3, 0.8


def layered(x: Array, y: Array) -> Callable[[Arrays], float]:
    """The mean over samples, which are columns, of ½(ŷ − y)² behind tanh, then sigmoid."""

    def loss(p: Arrays) -> float:
        hidden = np.tanh(p["W1"] @ x + p["b1"][:, None])
        output = 1 / (1 + np.exp(-(p["W2"] @ hidden + p["b2"][:, None])))
        return float(np.sum((output - y) ** 2) / 2 / x.shape[1])

    return loss


def written(p: Array, x: Array, y: Array) -> float:
    """The loss of the equations below."""
    return float(np.sum((np.tanh(x @ p) - y) ** 2))


def slopes(loss: Callable[[Arrays], float], at: Arrays) -> Arrays:
    """The gradients by central differences."""
    found = {}
    for name, value in at.items():
        found[name] = np.zeros_like(value)
        for place in np.ndindex(value.shape):
            moved = [{k: v.copy() for k, v in at.items()} for _ in range(2)]
            moved[0][name][place] += 1e-5
            moved[1][name][place] -= 1e-5
            found[name][place] = (loss(moved[0]) - loss(moved[1])) / 2e-5
    return found


def trained(
    loss: Callable[[Arrays], float], parameters: Arrays, state: Arrays, steps: int
) -> tuple[Arrays, Arrays]:
    for _ in range(steps):
        ahead = {name: value + BETA * state[name] for name, value in parameters.items()}
        gradients = slopes(loss, ahead)
        state = {name: BETA * v - RATE * gradients[name] for name, v in state.items()}
        parameters = {name: value + state[name] for name, value in parameters.items()}
    return parameters, state


def update(steps: int, **more: object) -> dict[str, object]:
    return {
        "rule": "nesterov",
        "form": "paper",
        "learning_rate": RATE,
        "beta": BETA,
        "steps": steps,
        **more,
    }


@pytest.mark.parametrize("steps", [1, 2, 3, 120])
@pytest.mark.parametrize("count", [1, 3])
def test_a_network_as_plain_numpy(count: int, steps: int) -> None:
    rng = np.random.default_rng(count)
    x, y = rng.normal(size=(2, count)), rng.uniform(size=(1, count))
    parameters = {
        "W1": rng.normal(size=(3, 2)),
        "b1": rng.normal(size=3),
        "W2": rng.normal(size=(1, 3)),
        "b2": rng.normal(size=1),
    }
    state = {name: np.zeros_like(value) for name, value in parameters.items()}
    state["W1"] = rng.normal(size=(3, 2)) / 4
    problem = {
        "title": "Ahead",
        "x": x.T.tolist(),
        "y": y.T.tolist(),
        "layers": [
            {
                "weights": parameters[f"W{n}"].tolist(),
                "bias": parameters[f"b{n}"].tolist(),
                "activation": name,
            }
            for n, name in ((1, "tanh"), (2, "sigmoid"))
        ],
        "loss": "half-squared-error",
        "update": update(steps, state={"v_W1": state["W1"].tolist()}),
    }
    solution = backprop_cli.load(problem).solve(at=steps)
    found, kept = trained(layered(x, y), parameters, state, steps)
    for name in parameters:
        assert solution[f"{name}_new"] == pytest.approx(found[name], rel=1e-6, abs=1e-8), name
        assert solution[f"v_{name}"] == pytest.approx(kept[name], rel=1e-5, abs=1e-8), name


def test_equations_as_plain_numpy() -> None:
    x, y, w = np.array([[1.0, 2], [-1, 0.5]]), np.array([0.5, -0.5]), np.array([0.3, -0.2])
    problem = backprop_cli.load(
        f"""
title: Ahead, in equations
equations:
  - p = tanh(X @ w)
  - L = sum((p - y)^2)
values: {{X: {x.tolist()}, y: {y.tolist()}, w: {w.tolist()}}}
train: [w]
update: {update(2, state={"v_w": [0.2, 0.1]})}
""".encode()
    )
    found, _ = trained(lambda p: written(p["w"], x, y), {"w": w}, {"w": np.array([0.2, 0.1])}, 2)
    solution = problem.solve(at=2)
    assert solution["w_new"] == pytest.approx(found["w"], rel=1e-6)


def test_a_given_gradient_is_that_ahead() -> None:
    problem = backprop_cli.load(
        f"""
title: The update alone
values: {{w: [1, 2]}}
gradients: {{w: [0.5, -1]}}
update: {update(1, state={"v_w": [0.1, 0.2]})}
""".encode()
    )
    state = BETA * np.array([0.1, 0.2]) - RATE * np.array([0.5, -1])
    assert problem.solve()["w_new"] == pytest.approx(np.array([1, 2]) + state)


def test_a_form_of_another_rule_is_refused() -> None:
    text = "x: 1\ny: 1\nlayers: [{weights: 1, bias: 0, activation: tanh}]\n"
    text += "loss: squared-error\nupdate: {rule: %s, form: %s, learning_rate: 0.1}\n"
    for rule, form in (("nesterov", "ewma"), ("momentum", "paper")):
        with pytest.raises(backprop_cli.Error, match=f"no form `{form}`"):
            backprop_cli.load((text % (rule, form)).encode())


@pytest.mark.parametrize("bias", ["first", "last"])
def test_beside_a_penalty_and_decay_with_the_bias_inside(bias: str) -> None:
    w, v = np.array([[0.3, -0.2, 0.5], [0.1, 0.4, -0.6]]), np.array([[0.1, 0.2, 0], [0, -0.1, 0.3]])
    x, y = np.array([1.0, -2]), np.array([0.5, 0.2])
    inner = w.copy()
    inner[:, 0 if bias == "first" else -1] = 0

    def loss(p: Arrays) -> float:
        entered = np.concatenate([[1], x] if bias == "first" else [x, [1]])
        rest = p["W1"][:, 1:] if bias == "first" else p["W1"][:, :-1]
        return float(np.sum((np.tanh(p["W1"] @ entered) - y) ** 2) + 0.15 * np.sum(rest**2))

    solution = backprop_cli.load(
        {
            "convention": {"bias": bias},
            "x": x.tolist(),
            "y": y.tolist(),
            "layers": [{"weights": w.tolist(), "activation": "tanh"}],
            "loss": "squared-error",
            "penalty": {"l2": 0.3},
            "update": update(1, weight_decay=0.2, state={"v_W1": v.tolist()}),
        }
    ).solve()
    found, _ = trained(loss, {"W1": w}, {"W1": v}, 1)
    assert solution["W1_new"] == pytest.approx(found["W1"] - RATE * 0.2 * inner, rel=1e-6)


def softmax(z: Array) -> Array:
    powers = np.exp(z - z.max())
    return np.asarray(powers / powers.sum())


def sigmoid(z: Array) -> Array:
    power = np.exp(-np.abs(z))
    return np.asarray(np.where(z > 0, 1, power) / (1 + power))


@pytest.mark.parametrize(
    ("output", "loss"), [(softmax, "cross-entropy"), (sigmoid, "binary-cross-entropy")]
)
@pytest.mark.parametrize("steps", [1, 2, 150])
def test_an_output_that_is_0_to_all_digits(
    output: Callable[[Array], Array], loss: str, steps: int
) -> None:
    """-y/ŷ is infinite there, and ŷ - y is what comes of it: as at the point itself."""
    x, y = np.array([4.0, -3]), np.array([0.0, 1])
    w, b = np.array([[300.0, 100], [-300, -100]]), np.array([0.5, 0])
    velocity = np.array([[0.0, 0], [5, -2]])
    solution = backprop_cli.load(
        {
            "x": x.tolist(),
            "y": y.tolist(),
            "layers": [{"weights": w.tolist(), "bias": b.tolist(), "activation": output.__name__}],
            "loss": loss,
            "update": update(steps, state={"v_W1": velocity.tolist()}),
        }
    ).solve(at=steps)
    kept = np.zeros(2)
    for _ in range(steps):
        z = (w + BETA * velocity) @ x + b + BETA * kept
        delta = output(z) - y
        velocity, kept = BETA * velocity - RATE * np.outer(delta, x), BETA * kept - RATE * delta
        w, b = w + velocity, b + kept
    assert solution["W1_new"] == pytest.approx(w, rel=1e-9)
    assert solution["b1_new"] == pytest.approx(b, rel=1e-9)


@pytest.mark.parametrize("convention", ["chain", "fused"])
def test_the_output_gradient_is_formed_as_the_file_says(convention: str) -> None:
    solution = backprop_cli.load(
        {
            "convention": {"output_gradient": convention},
            "x": [1, 2],
            "y": [1, 0],
            "layers": [{"weights": [[1, 0], [0.5, 1]], "activation": "softmax"}],
            "loss": "cross-entropy",
            "update": update(1),
        }
    ).solve()
    formulas = {step["id"]: step["formula"] for step in solution.trace["steps"]}
    shortcut = formulas["dL_ahead/dZ1_ahead"] == "Yhat_ahead - Y"
    assert shortcut == (convention == "fused"), formulas


PROBLEMS = (
    "convolution-network",
    "l2-penalty",
    "norms/network",
    "residual",
    "skip-connection",
    "time/gru",
    "time/every-step",
    "words/language-model",
)


@pytest.mark.parametrize("name", PROBLEMS)
def test_gradients_there_are_those_of_the_problem_with_the_parameters_there(name: str) -> None:
    path = Path(__file__).parent.parent / "problems" / f"{name}.yaml"
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    data = {key: each for key, each in data.items() if key not in ("ask", "rounding", "vary")}
    first = loaded(Source(name, json.dumps({**data, "update": update(1)}).encode())).model
    rng = np.random.default_rng(4)
    state = {f"v_{one}": rng.normal(size=first.given[one].value.shape) for one in first.trained}
    moved = {one: each.tolist() for one, each in state.items()}
    text = json.dumps({**data, "update": update(1, state=moved)}).encode()
    model = loaded(Source(name, text)).model
    values = solve(model).values
    there = {one: replace(model.given[one], value=values[f"{one}_ahead"]) for one in model.trained}
    same = solve(replace(model, given={**model.given, **there})).values
    for one in model.trained:
        expected = model.given[one].value + BETA * state[f"v_{one}"]
        np.testing.assert_allclose(values[f"{one}_ahead"], expected, rtol=1e-12)
        found = values[f"d{model.gradient_of}_ahead/d{one}_ahead"]
        np.testing.assert_allclose(found, same[model.gradient(one)], rtol=1e-9, atol=1e-13)

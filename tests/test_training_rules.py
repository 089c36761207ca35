"""Clipping, decay, rates by step, L1, Newton's step, the perceptron rule: against NumPy loops."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

import backprop_cli as backprop
from backprop_cli.cli import main

Data = dict[str, Any]
Array = np.ndarray[Any, np.dtype[np.float64]]

X = np.array([[1, 2], [1, -1], [1, 0.5]])
Y = np.array([1.0, 0, 1])


def run(data: Data, *arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(main, [*arguments, "-"], input=yaml.safe_dump(data))
    assert done.exit_code == code, done.output
    return str(done.output)


def regression(**update: Any) -> Data:
    return {
        "values": {"X": X.tolist(), "y": [3, -1, 2], "w": [1, -2], "b": 0.5},
        "equations": ["r = X @ w + b - y", "L = sum(r^2)"],
        "train": ["w", "b"],
        "update": {"rule": "sgd", "learning_rate": 0.1, **update},
    }


def gradients(w: Array, b: float) -> tuple[Array, float]:
    r = X @ w + b - np.array([3, -1, 2])
    return 2 * X.T @ r, float(2 * r.sum())


@pytest.mark.parametrize("steps", [1, 3, 400])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"clip": {"norm": 1.5}},
        {"clip": {"norm": 1e6}},
        {"clip": {"value": 0.4}},
        {"weight_decay": 0.05},
        {"weight_decay": 0.05, "clip": {"norm": 2}},
    ],
    ids=str,
)
def test_what_is_done_beside_descent(more: Data, steps: int) -> None:
    rate = 0.02
    solution = backprop.load(regression(learning_rate=rate, steps=steps, **more)).solve(at=steps)
    w, b = np.array([1.0, -2]), 0.5
    clip, decay = more.get("clip", {}), more.get("weight_decay", 0)
    for _ in range(steps):
        gw, gb = gradients(w, b)
        if "norm" in clip:
            scale = min(1.0, clip["norm"] / float(np.sqrt(gw @ gw + gb**2)))
            gw, gb = scale * gw, scale * gb
        if "value" in clip:
            gw, gb = np.clip(gw, -clip["value"], clip["value"]), np.clip(gb, -0.4, 0.4)
        w, b = w - rate * gw - rate * decay * w, b - rate * gb
    np.testing.assert_allclose(solution["w_new"], w, rtol=1e-9)
    np.testing.assert_allclose(solution["b_new"], b, rtol=1e-9)


def test_clipping_step_by_step() -> None:
    text = run(regression(clip={"norm": 1}), "solve", "--width", "100")
    assert "‖g‖ = √(Σ (∂L/∂w)² + (∂L/∂b)²)" in text
    assert "s = min(1, c / ‖g‖)" in text
    assert "w⁺ = w − η · s · ∂L/∂w" in text
    text = run(regression(weight_decay=0.01), "solve", "--width", "100")
    assert "w⁺ = w − η · ∂L/∂w − η · λ · w" in text
    assert "b⁺ = b − η · ∂L/∂b\n" in text or "b⁺ = b − η · ∂L/∂b =" in text


@pytest.mark.parametrize("affine", ["W x + b", "W^T x + b", "x W + b", "x W^T + b"])
@pytest.mark.parametrize("bias", ["first", "last"])
def test_a_bias_inside_the_weights_does_not_decay(affine: str, bias: str) -> None:
    units_first = affine in ("W x + b", "x W^T + b")
    weights = np.random.default_rng(5).normal(size=(3, 3))
    data: Data = {
        "convention": {"affine": affine, "bias": bias},
        "x": [1, 2],
        "y": [1, 0, 2],
        "layers": [{"weights": weights.tolist()}],
        "loss": "squared-error",
        "update": {"rule": "sgd", "learning_rate": 0.1, "weight_decay": 0.5},
    }
    solution = backprop.load(data).solve()
    rows = weights.copy() if units_first else weights.T.copy()  # a unit a row
    rows[:, 0 if bias == "first" else -1] = 0
    kept = rows if units_first else rows.T
    new = weights - 0.1 * solution["dL/dW1"] - 0.1 * 0.5 * kept
    np.testing.assert_allclose(solution["W1_new"], new, rtol=1e-12)


def test_scales_and_shifts_of_a_norm_do_not_decay() -> None:
    data: Data = {
        "x": [[1, 2], [3, 4], [5, 0]],
        "y": [[1], [0], [1]],
        "layers": [
            {"type": "batch-norm", "scale": [1, 2], "shift": [0.5, 0], "epsilon": 0.1},
            {"weights": [[0.5, -0.5]], "bias": [1]},
        ],
        "loss": "squared-error",
        "update": {"rule": "sgd", "learning_rate": 0.1, "weight_decay": 0.5},
    }
    solution = backprop.load(data).solve()
    shares = {"gamma1": 0, "beta1": 0, "W2": 0.05, "b2": 0}
    for name, share in shares.items():
        old = np.array({"gamma1": [1, 2], "beta1": [0.5, 0], "W2": [[0.5, -0.5]], "b2": [1]}[name])
        new = (1 - share) * old - 0.1 * solution[f"dL/d{name}"]
        np.testing.assert_allclose(solution[f"{name}_new"], new, rtol=1e-12)


@pytest.mark.parametrize("rule", ["momentum", "adam", "rmsprop"])
def test_every_rule_may_have_them(rule: str) -> None:
    data = regression(rule=rule, clip={"value": 0.4}, weight_decay=0.01)
    plain = backprop.load(regression(rule=rule, clip={"value": 0.4})).solve()
    found = backprop.load(data).solve()
    np.testing.assert_allclose(found["w_new"], plain["w_new"] - 0.1 * 0.01 * np.array([1, -2]))
    np.testing.assert_allclose(found["b_new"], plain["b_new"])


def test_a_rate_for_each_step() -> None:
    rates = [0.1, 0.01, 0.05]
    solution = backprop.load(regression(learning_rate=rates, steps=3)).solve(at=3)
    w, b = np.array([1.0, -2]), 0.5
    for rate in rates:
        gw, gb = gradients(w, b)
        w, b = w - rate * gw, b - rate * gb
    np.testing.assert_allclose(solution["w_new"], w, rtol=1e-12)
    said = run(regression(learning_rate=[0.1, 0.2], steps=3), "solve", code=2)
    assert "there are 2 learning rates and 3 steps" in said


def test_a_program_has_the_rate_of_each_step() -> None:
    namespace: dict[str, Any] = {}
    data = regression(learning_rate=[0.1, 0.01, 0.05], steps=3, clip={"norm": 1})
    exec(run(data, "solve", "--format", "python"), namespace)  # noqa: S102
    solution = backprop.load(data).solve(at=3)
    np.testing.assert_allclose(namespace["history"][-1], solution["L_new"])


@pytest.mark.parametrize("l2", [0, 0.3])
def test_l1(l2: float) -> None:
    penalty = {"l1": 0.2, **({"l2": l2} if l2 else {})}
    data = {
        "x": [1, 2],
        "y": [1],
        "layers": [{"weights": [[0.5, -0.3]], "bias": [0.1]}],
        "loss": "half-squared-error",
        "penalty": penalty,
        "update": {"rule": "sgd", "learning_rate": 0.1},
    }
    solution = backprop.load(data).solve()
    w, error = np.array([[0.5, -0.3]]), 0.5 - 0.6 + 0.1 - 1
    loss = error**2 / 2 + 0.2 * 0.8 + l2 / 2 * float((w**2).sum())
    assert solution["L"] == pytest.approx(loss)
    gradient = error * np.array([[1, 2]]) + 0.2 * np.sign(w) + l2 * w
    np.testing.assert_allclose(solution["dL/dW1"], gradient)
    equations = {
        "values": {"w": [0.5, -0.3], "lambda": 7},
        "equations": ["L = w[1] * w[2] * lambda"],
        "train": ["w"],
        "penalty": penalty,
    }
    w1 = np.array([0.5, -0.3])
    found = backprop.load(equations).solve()["dL/dw"]
    np.testing.assert_allclose(found, 7 * w1[::-1] + 0.2 * np.sign(w1) + l2 * w1)
    assert "the penalty has no λ" in run({**data, "penalty": {"form": "half"}}, "solve", code=2)


# ---- Newton --------------------------------------------------------------------------------------

NEWTON: Data = {
    "values": {"X": X.tolist(), "y": Y.tolist(), "w": [0, 0]},
    "equations": [
        "z = X @ w",
        "p = sigmoid(z)",
        "L = binary_cross_entropy(p, y) + 0.5 * dot(w, w)",
    ],
    "train": ["w"],
    "update": {"rule": "newton"},
}


def newton_step(w: Array) -> Array:
    p = 1 / (1 + np.exp(-X @ w))
    gradient = X.T @ (p - Y) + w
    hessian = X.T @ np.diag(p * (1 - p)) @ X + np.eye(2)
    return np.asarray(w - np.linalg.solve(hessian, gradient))


@pytest.mark.parametrize("steps", [1, 2, 8, 60])
def test_newton(steps: int) -> None:
    w = np.zeros(2)
    for _ in range(steps):
        w = newton_step(w)
    data = {**NEWTON, "update": {"rule": "newton", "steps": steps}}
    solution = backprop.load(data).solve(at=steps)
    np.testing.assert_allclose(solution["w_new"], w, rtol=1e-9)
    if steps >= 8:
        p = 1 / (1 + np.exp(-X @ w))
        np.testing.assert_allclose(X.T @ (p - Y) + w, 0, atol=1e-9)  # it is there


def test_newton_is_printed_with_its_hessian() -> None:
    text = run(NEWTON, "solve", "--width", "80")
    assert "w⁺ = w − (∂²L/∂w²)⁻¹ ∂L/∂w" in text
    assert "∂²L/∂w² = I + Xᵀ diag(p ⊙ (1 − p)) X" in text


def test_newton_for_a_number() -> None:
    data = {
        "values": {"w": 2.0},
        "equations": ["L = w^4 - 3 * w"],
        "train": ["w"],
        "update": {"rule": "newton"},
    }
    assert backprop.load(data).solve()["w_new"] == pytest.approx(2 - (4 * 8 - 3) / (12 * 4))


def test_what_newton_is_not_for() -> None:
    data = {**NEWTON, "values": {**NEWTON["values"], "b": 1.0}, "train": ["w", "b"]}
    data["equations"] = ["p = sigmoid(X @ w + b)", "L = binary_cross_entropy(p, y)"]
    assert "Newton's step is for one number or vector" in run(data, "solve", code=2)
    data = {**NEWTON, "update": {"rule": "newton", "learning_rate": 0.1}}
    assert "has no `learning_rate`" in run(data, "solve", code=2)


def test_a_sheet_with_a_newton_step() -> None:
    data = {**NEWTON, "ask": ["dL/dw", "d2L/dw2", "w_new"]}
    p = np.full(3, 0.5)
    gradient, hessian = X.T @ (p - Y), X.T @ np.diag(p * (1 - p)) @ X + np.eye(2)
    new = -np.linalg.solve(hessian, gradient)
    right = {"dL/dw": gradient, "d2L/dw2": hessian, "w_new": new}
    sheet = {id: np.round(value, 3).astype(str).tolist() for id, value in right.items()}
    assert backprop.load(data).check(sheet).passed
    wrong = {
        "H instead of its inverse": -hessian @ gradient,
        "ascent": -new,
        "no Hessian": -gradient,
    }
    for made, value in wrong.items():
        changed = {**sheet, "w_new": np.round(value, 3).astype(str).tolist()}
        assert backprop.load(data).check(changed)["w_new"].verdict == "wrong", made


# ---- What is weights, and what is biases ---------------------------------------------------------

OVER_TIME: Data = {
    "input": "sequence",
    "x": [[1], [-1]],
    "layers": [
        {
            "type": "rnn",
            "input_weights": [[0.5], [-0.2]],
            "recurrent_weights": [[0.2, -0.1], [0.3, 0.1]],
            "bias": [0.3, 0.1],
            "at": "last-step",
        },
        {"weights": [[0.4, 1, -0.5]], "activation": "tanh"},
    ],
    "y": [0.5],
}
PICTURE: Data = {
    "input": "picture",
    "x": [[1, 2, 0], [0, -1, 1], [1, 0, 2]],
    "layers": [
        {"type": "conv", "kernel": [[0.5, -0.3], [0.2, 0.1]], "bias": 0.2, "activation": "relu"},
        {"type": "flatten"},
        {"weights": [[0.3, 1, -0.5, 0.2, 0.1]], "activation": "tanh"},
    ],
    "y": [0.5],
}


@pytest.mark.parametrize("place", ["first", "last"])
@pytest.mark.parametrize(
    ("data", "whole", "dense"), [(OVER_TIME, ("U1", "W1"), "W2"), (PICTURE, ("K1",), "W3")]
)
def test_biases_inside_are_in_dense_layers_alone(
    data: Data, whole: tuple[str, ...], dense: str, place: str
) -> None:
    data = {**data, "convention": {"bias": place}, "loss": "squared-error"}
    plain, decaying = (
        backprop.load({**data, "update": {"rule": "sgd", "learning_rate": 0.1, **more}}).solve()
        for more in ({}, {"weight_decay": 0.5})
    )
    penalised = backprop.load({**data, "penalty": {"l2": 0.6}}).solve()
    bias = 0 if place == "first" else -1
    weights = {name: np.array(plain[name]) for name in (*whole, dense)}
    weights[dense][:, bias] = 0
    for name, kept in weights.items():
        np.testing.assert_allclose(plain[f"{name}_new"] - decaying[f"{name}_new"], 0.05 * kept)
    squares = sum(float(np.sum(kept**2)) for kept in weights.values())
    assert penalised["L_penalty"] == pytest.approx(0.3 * squares)


def test_weights_of_a_state_are_counted_from_one() -> None:
    """The input of a bias is number 0 of a dense layer's alone."""
    data = {**OVER_TIME, "convention": {"bias": "first"}, "loss": "squared-error"}
    solution = backprop.load(data).solve()
    assert solution["W1[1,2]"] == -0.1
    assert solution["W2[1,0]"] == 0.4


# ---- Perceptron ----------------------------------------------------------------------------------


@pytest.mark.parametrize("affine", ["W x + b", "W^T x + b", "x W + b", "x W^T + b"])
@pytest.mark.parametrize("single", [True, False])
def test_the_perceptron_rule(affine: str, single: bool) -> None:
    x, y = np.array([[1.0, 2], [-1, 1], [2, -3]]), np.array([[1.0, 0], [0, 0], [1, 1]])
    w, b = np.array([[0.5, -0.3], [-0.2, 0.4]]), np.array([0.1, -0.1])  # a row a unit
    if single:
        x, y = x[:1], y[:1]
    stored = w if affine in ("W x + b", "x W^T + b") else w.T
    data = {
        "convention": {"affine": affine},
        "x": x[0].tolist() if single else x.tolist(),
        "y": y[0].tolist() if single else y.tolist(),
        "layers": [{"weights": stored.tolist(), "bias": b.tolist(), "activation": "step"}],
        "update": {"rule": "perceptron", "learning_rate": 0.5},
    }
    solution = backprop.load(data).solve()
    error = y - (x @ w.T + b >= 0)
    new = w + 0.5 * error.T @ x
    np.testing.assert_allclose(solution["W1_new"], new if stored is w else new.T)
    np.testing.assert_allclose(solution["b1_new"], b + 0.5 * error.sum(axis=0))


def test_what_the_perceptron_rule_is_not_for() -> None:
    data = regression(rule="perceptron")
    assert "the perceptron rule is for one layer" in run(data, "solve", code=2)


@pytest.mark.parametrize(
    ("update", "said"),
    [
        ({"clip": {}}, "by `norm` or by `value`"),
        ({"clip": {"norm": 1, "value": 2}}, "by `norm` or by `value`"),
        ({"clip": {"norm": -1}}, "`norm` should be a number, at least 0"),
        ({"learning_rate": []}, "learning"),
        ({"learning_rate": -0.1}, "a loss with the other sign to go uphill"),
        ({"learning_rate": [0.1, -0.1]}, "a loss with the other sign to go uphill"),
        ({"weight_decay": "x"}, "weight_decay"),
    ],
)
def test_what_cannot_be(update: Data, said: str) -> None:
    assert said in run(regression(**update), "solve", code=2)


def test_newton_in_letters() -> None:
    """Of a vector of n, which may be any: the Hessian of a sum of squares is 2 XᵀX."""
    data = {
        "shapes": {"X": ["m", "n"], "y": ["m"], "w": ["n"]},
        "equations": ["z = X @ w", "L = sum((z - y)^2)"],
        "train": ["w"],
        "update": {"rule": "newton"},
    }
    text = backprop.load(data).derive().render("text")
    assert "∂²L/∂w² = 2 · Xᵀ X" in text
    assert "w⁺ = w − (∂²L/∂w²)⁻¹ ∂L/∂w" in text


# Rules that keep a largest value, or a mean of what was changed -----------------------------------


def of_adadelta(**wrong: Array) -> Data:
    """The first step's figures for w = (0.5, −1), x = (1, 2), y = 1; some replaced."""
    w, x = np.array([0.5, -1]), np.array([1, 2])
    g = (w @ x - 1) * x
    s = 0.1 * g**2
    r = np.sqrt(0.1) / np.sqrt(s + 0.1) * g
    right = {"dL/dw": g, "s_w": s, "r_w": r, "u_w": 0.1 * r**2, "w_new": w - r}
    return {id: np.round(value, 4).tolist() for id, value in {**right, **wrong}.items()}


ADADELTA = {
    "values": {"x": [1, 2], "y": 1, "w": [0.5, -1]},
    "equations": ["r = w @ x - y", "L = r^2 / 2"],
    "train": ["w"],
    "update": {"rule": "adadelta", "learning_rate": 1, "epsilon": 0.1},
    "ask": ["dL/dw", "s_w", "r_w", "u_w", "w_new"],
    "grading": {"precision": {"decimals": 4}},
}


@pytest.mark.parametrize(
    ("id", "wrong", "named"),
    [
        ("s_w", [-0.25, -0.5], "power-left-out"),
        ("u_w", [-0.0929, -0.0981], "power-left-out"),
        ("w_new", [-0.4285, -1.9806], "ascent"),
    ],
)
def test_sheets_of_adadelta(id: str, wrong: list[float], named: str) -> None:
    problem = backprop.load(ADADELTA)
    assert {each.verdict for each in problem.check(of_adadelta()).results} == {"correct"}
    found = problem.check(of_adadelta(**{id: np.array(wrong)}))
    result = next(each for each in found.results if each.id == id)
    assert (result.verdict, result.slips[:1]) == ("wrong", (named,)), result.slips
    beside = of_adadelta(**{id: np.add(wrong, [0, 0.003])})
    result = next(each for each in problem.check(beside).results if each.id == id)
    assert (result.verdict, named in result.slips) == ("wrong", False)


@pytest.mark.parametrize(
    ("form", "state", "told"),
    [
        ({"rule": "adam"}, "u_w", "its state is called `m_w` and `v_w`"),
        ({"rule": "adam", "form": "amsgrad"}, "u_w", ""),
        ({"rule": "adamax"}, "v_w", "its state is called `m_w` and `u_w`"),
        ({"rule": "adadelta"}, "r_w", "its state is called `s_w` and `u_w`"),
    ],
    ids=str,
)
def test_each_form_of_a_rule_has_states_of_its_own(form: Data, state: str, told: str) -> None:
    text = run(regression(**form, state={state: [1, 2]}), "solve", code=2 if told else 0)
    assert told in text


def test_the_correction_left_out_of_adamax_has_its_name() -> None:
    folder = Path(__file__).resolve().parent.parent / "problems"
    found = backprop.load(folder / "adamax.yaml").check(
        folder / "sheets" / "adamax" / "correction-left-out.yaml"
    )
    wrong = [each for each in found.results if each.verdict == "wrong"]
    assert [(each.id, each.slips[0]) for each in wrong] == [("w_new", "bias-correction-omitted")]


def test_the_state_of_a_kernel_with_channels_may_be_given() -> None:
    kernel, velocity = np.ones((2, 2, 1, 1)) / 4, np.array([[[[0.1]], [[-0.2]]], [[[0.3]], [[2]]]])
    problem = f"""x: [[[1]], [[2]]]
input: picture
layers:
- {{type: conv, kernel: {kernel.tolist()}}}
- {{type: flatten}}
- weights: [[1, -3]]
y: [1]
loss: squared-error
update: {{rule: momentum, learning_rate: 0.1, beta: 0.9, state: {{v_K1: {velocity.tolist()}}}}}
"""
    solution = backprop.load(problem).solve()
    change = 0.9 * velocity - 0.1 * solution["dL/dK1"]
    np.testing.assert_allclose(solution["K1_new"], kernel + change, rtol=1e-12)

"""The problems of the later chapters: their losses once more in NumPy, their ends, their sheets.

Gradients are central differences of the loss that is written here.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace as Values
from typing import Any

import numpy as np
import pytest
import yaml
from jsonschema import Draft202012Validator

import backprop_cli as backprop

ROOT = Path(__file__).resolve().parent.parent / "problems"
STEP = 1e-6
CHAPTERS = ("norms", "attention", "words", "models", "time", "regression")


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def softmax(z: Any, axis: int = -1) -> Any:
    powers = np.exp(z - z.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def standard(x: Any, eps: float) -> Any:
    return (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + eps)


def network(v: Any) -> Any:
    z = standard(v.X @ v.W1, 0.1) * v.gamma2 + v.beta2
    p = softmax(np.maximum(z, 0) @ v.W3 + v.b3)
    return -np.log((p * np.array([[0, 1], [1, 0], [0, 1], [1, 0]])).sum(axis=1)).mean()


def dropout(v: Any) -> Any:
    h = np.array([1, 0, 1, 1]) * np.tanh(v.W1 @ v.X) / 0.75
    return ((v.W2 @ h - 1) ** 2).sum() / 2


def causal(v: Any) -> Any:
    q, k, u = v.X @ v.WQ, v.X @ v.WK, v.X @ v.WV
    powers = np.exp(q @ k.T / np.sqrt(2)) * np.tril(np.ones((3, 3)))
    out = powers / powers.sum(axis=1, keepdims=True) @ u
    return ((out - v.T) ** 2).sum() / 2


def two_heads(v: Any) -> Any:
    heads = [softmax(np.outer(v.Q[:, i], v.K[:, i])) @ v.V[:, i] for i in (0, 1)]
    return ((np.stack(heads, axis=1) @ v.W - v.T) ** 2).sum() / 2


def every_step(v: Any) -> Any:
    h, loss = v.h_0, 0.0
    for x, y in zip(v.x, v.y, strict=True):
        h = np.tanh(v.U @ x + v.W @ h + v.b)
        loss -= (y * np.log(softmax(v.V @ h + v.c))).sum()
    return loss


def last_step(v: Any) -> Any:
    h = np.zeros(2)
    for x in v.X:
        h = np.tanh(v.U1 @ x + v.W1 @ h + v.b1)
    return ((v.W2 @ h + v.b2 - 1) ** 2).sum() / 2


def lstm(v: Any) -> Any:
    h = c = np.zeros(2)
    for x in v.X:
        i = sigmoid(v.U1_i @ x + v.W1_i @ h)
        f = sigmoid(v.U1_f @ x + v.W1_f @ h + v.b1_f)
        o = sigmoid(v.U1_o @ x + v.W1_o @ h)
        c = f * c + i * np.tanh(v.U1_g @ x + v.W1_g @ h)
        h = o * np.tanh(c)
    return ((h - np.array([1, 0])) ** 2).sum() / 2


def gru(v: Any) -> Any:
    h = np.zeros(2)
    for x in v.X:
        z, r = sigmoid(v.U1_z @ x + v.W1_z @ h), sigmoid(v.U1_r @ x + v.W1_r @ h)
        h = z * h + (1 - z) * np.tanh(v.U1_h @ x + v.W1_h @ (r * h) + v.b1_h)
    return ((h - np.array([1, 0])) ** 2).sum() / 2


def language(v: Any) -> Any:
    return -np.log(softmax(np.concatenate([v.E1[2], v.E1[0]]) @ v.W3 + v.b3)[1])


def variational(v: Any) -> Any:
    mu, s = v.Wm @ v.x, v.Ws @ v.x
    shown = sigmoid(v.Wd @ (mu + np.exp(s / 2) * v.noise))
    lost = -(v.x * np.log(shown) + (1 - v.x) * np.log(1 - shown)).sum()
    return lost + (np.exp(s) + mu**2 - 1 - s).sum() / 2


def triplet(v: Any) -> Any:
    near, far = v.W @ (v.a - v.p), v.W @ (v.a - v.n)
    return max(near @ near - far @ far + 1.5, 0)


def gan(v: Any) -> Any:
    return -np.log(sigmoid(v.w @ v.x)) - np.log(1 - sigmoid(v.w @ (v.G @ v.noise)))


def autoencoder(v: Any) -> Any:
    return ((v.W.T @ np.tanh(v.W @ v.x + v.b) + v.c - v.x) ** 2).sum() / 2


def graph(v: Any) -> Any:
    return -(v.Y * np.log(softmax(v.A @ np.maximum(v.A @ v.X @ v.W, 0) @ v.V))).sum()


def word_model(v: Any) -> Any:
    h, loss = v.h_0, 0.0
    for row, y in zip((1, 3, 0), v.y, strict=True):
        h = np.tanh(v.U @ v.E[row] + v.W @ h)
        loss -= (y * np.log(softmax(v.V @ h))).sum()
    return loss


def block(v: Any) -> Any:
    q, k, u = v.X @ v.WQ, v.X @ v.WK, v.X @ v.WV
    powers = np.exp(q @ k.T / np.sqrt(2)) * np.tril(np.ones((3, 3)))
    rows = (v.X + powers / powers.sum(axis=1, keepdims=True) @ u).T
    return ((standard(rows, 0.1).T * v.gamma + v.beta - v.T) ** 2).sum() / 2


def contrast(v: Any) -> Any:
    a, b = ([row / np.sqrt(row @ row) for row in rows] for rows in (v.A, v.B))
    scores = np.array([[one @ other / v.tau for other in b] for one in a])
    return -np.mean([np.log(softmax(row)[i]) for i, row in enumerate(scores)])


def factorisation(v: Any) -> Any:
    rated = [(i, j) for i, j in np.ndindex(2, 3) if v.M[i, j]]
    missed = sum((v.R[i, j] - v.P[i] @ v.Q[:, j]) ** 2 for i, j in rated)
    return missed + 0.1 * ((v.P**2).sum() + (v.Q**2).sum())


def focal(v: Any) -> Any:
    p = sigmoid(v.X @ v.w + v.b)
    right = -0.25 * (1 - p) ** 2 * np.log(p)
    return (right[[0, 2]]).sum() - 0.75 * p[1] ** 2 * np.log(1 - p[1])


def prelu(v: Any) -> Any:
    z = v.W @ v.x
    return ((np.where(z > 0, z, v.alpha * z) - v.y) ** 2).sum() / 2


def maxout(v: Any) -> Any:
    h = np.maximum(v.W @ v.x + v.b, v.V @ v.x + v.c)
    return ((h - v.y) ** 2).sum() / 2


def softmax_regression(v: Any) -> Any:
    p = softmax(v.X @ v.W1 + v.b1)
    return -np.log(p[np.arange(4), [0, 1, 2, 1]]).mean() + 0.1 * (v.W1**2).sum() / 2


def support_vector(v: Any) -> Any:
    margins = np.array([1, 1, -1, -1]) * (v.X @ v.W1[0] + v.b1)
    return np.maximum(0, 1 - margins).mean() + 0.2 * (v.W1**2).sum() / 2


def several_hinges(v: Any) -> Any:
    s = v.W @ v.x + v.b
    return np.maximum(0, s[1:] - s[0] + 1).sum()


def ridge(v: Any) -> Any:
    return ((v.X @ v.W - v.Y) ** 2).sum() + 0.5 * (v.W**2).sum()


def half_square(found: Any, wanted: Any) -> Any:
    return ((found - wanted) ** 2).sum() / 2


def additive(v: Any) -> Any:
    a = softmax(np.array([v.v @ np.tanh(v.U @ h + v.W @ v.s) for h in v.H]))
    return half_square(a @ v.H, v.y)


def gated_unit(v: Any) -> Any:
    a = v.W @ v.x
    return half_square(v.O @ (a * sigmoid(a) * (v.V @ v.x)), v.y)


def root_mean_square(v: Any) -> Any:
    return half_square(v.g * v.x / np.sqrt((v.x @ v.x) / 4 + 0.01), v.t)


def random_field(v: Any) -> Any:
    """All eight paths, one after the other, where the program goes forward along the chain."""
    paths = list(itertools.product((0, 1), repeat=3))
    scores = [
        sum(v.E[t, k] for t, k in enumerate(path)) + v.T[path[0], path[1]] + v.T[path[1], path[2]]
        for path in paths
    ]
    return np.log(np.exp(scores).sum()) - scores[paths.index((0, 1, 1))]


def bidirectional(v: Any) -> Any:
    f, g = v.f_0, v.g_4
    forward: list[Any] = []
    back: list[Any] = []
    for x in v.x:
        f = np.tanh(v.U @ x + v.W @ f)
        forward.append(f)
    for x in v.x[::-1]:
        g = np.tanh(v.A @ x + v.B @ g)
        back.insert(0, g)
    outputs = [v.V @ np.concatenate(both) for both in zip(forward, back, strict=True)]
    return half_square(np.array(outputs), v.y)


def experts(v: Any) -> Any:
    found = softmax(v.G @ v.x) @ np.array([(v.A @ v.x)[0], (v.B @ v.x)[0]])
    return half_square(found, v.y)


def label_smoothing(v: Any) -> Any:
    return -(((1 - v.epsilon) * v.y + v.epsilon / 3) * np.log(softmax(v.z))).sum()


def distillation(v: Any) -> Any:
    q, s = softmax(v.v / v.T), softmax(v.z / v.T)
    apart = (q * (np.log(q) - np.log(s))).sum()
    return -v.alpha * np.log(softmax(v.z)[0]) + (1 - v.alpha) * v.T**2 * apart


def highway(v: Any) -> Any:
    g = sigmoid(v.G @ v.x + v.b)
    return half_square(g * np.tanh(v.W @ v.x) + (1 - g) * v.x, v.y)


LOSSES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "attention/additive": (additive, "W U v"),
    "models/gated-unit": (gated_unit, "W V O"),
    "norms/root-mean-square": (root_mean_square, "x g"),
    "time/random-field": (random_field, "E T"),
    "time/bidirectional": (bidirectional, "U W A B V"),
    "models/experts": (experts, "G A B"),
    "regression/label-smoothing": (label_smoothing, "z"),
    "models/distillation": (distillation, "z"),
    "models/highway": (highway, "W G b"),
    "time/every-step": (every_step, "U W b V c"),
    "time/last-step": (last_step, "U1 W1 b1 W2 b2"),
    "time/lstm": (lstm, "U1_i W1_i U1_f W1_f b1_f U1_o W1_o U1_g W1_g"),
    "time/gru": (gru, "U1_z W1_z U1_r W1_r U1_h W1_h b1_h"),
    "norms/batch-norm": (
        lambda v: ((standard(v.X, 0.01) * v.gamma + v.beta - v.T) ** 2).sum() / 2,
        "X gamma beta",
    ),
    "norms/batch-norm-compact": (lambda v: (v.G * standard(v.X, 0.01)).sum(), "X"),
    "norms/network": (network, "X W1 gamma2 beta2 W3 b3"),
    "norms/dropout": (dropout, "X W1 W2"),
    "attention/causal": (causal, "WQ WK WV"),
    "attention/two-heads": (two_heads, "Q K V W"),
    "attention/block": (block, "X WQ WK WV gamma beta"),
    "words/language-model": (language, "E1 W3 b3"),
    "words/naive-softmax": (lambda v: -np.log(softmax(v.U @ v.v)[1]), "U v"),
    "words/negative-sampling": (
        lambda v: -np.log(sigmoid(np.array([1, -1, -1]) * (v.U @ v.v))).sum(),
        "U v",
    ),
    "models/variational": (variational, "Wm Ws Wd"),
    "models/graph": (graph, "W V"),
    "models/triplet": (triplet, "W"),
    "models/gan": (gan, "w"),
    "models/tied-autoencoder": (autoencoder, "W b c"),
    "models/generator": (lambda v: -np.log(sigmoid(v.w @ v.G @ v.noise)), "G"),
    "models/adversarial": (lambda v: -np.log(1 - sigmoid(v.w @ v.x + v.b)), "x"),
    "models/contrast": (contrast, "A B"),
    "models/factorisation": (factorisation, "P Q"),
    "models/prelu": (prelu, "W alpha"),
    "models/maxout": (maxout, "W V b c"),
    "time/word-model": (word_model, "E U W V"),
    "regression/linear": (
        lambda v: ((v.X @ v.W1[0] + v.b1 - np.array([1, 0, 2])) ** 2).mean(),
        "W1 b1",
    ),
    "regression/softmax": (softmax_regression, "W1 b1"),
    "regression/ridge": (ridge, "W"),
    "regression/poisson": (lambda v: (np.exp(v.X @ v.w) - v.y * (v.X @ v.w)).sum(), "w"),
    "regression/multiclass-hinge": (several_hinges, "W b"),
    "regression/support-vector": (support_vector, "W1 b1"),
    "regression/focal": (focal, "w b"),
    "models/reinforce": (lambda v: -1.5 * np.log(softmax(v.W @ v.s)[1]), "W"),
}
MISTAKES = {  # the sheet beside each, where it goes wrong, and what that is called
    "attention/additive": ("slope-lost", "dL/dW", "activation-derivative-omitted"),
    "models/gated-unit": ("gate-lost", "dL/da", "factor-left-out"),
    "norms/root-mean-square": ("root-held-fixed", "dL/dx", "path-lost"),
    "time/random-field": ("right-path-lost", "dL/dE", "path-lost"),
    "time/bidirectional": ("neighbour-lost", "dL/dg_2", "path-lost"),
    "models/experts": ("gate-lost", "dL/de", "factor-left-out"),
    "regression/label-smoothing": ("labels-as-they-were", "dL/dz", "wrong-layer-input"),
    "models/distillation": ("temperature-lost", "dL/dz", "factor-left-out"),
    "models/highway": ("carried-lost", "dL/dg", "path-lost"),
    "norms/batch-norm": ("mean-path-lost", "dL/dX", "path-lost"),
    "norms/batch-norm-compact": ("mean-lost", "dL/dX", "path-lost"),
    "norms/network": ("output-for-input", "dL/dgamma2", "wrong-layer-input"),
    "norms/dropout": ("not-rescaled", "H1", "factor-left-out"),
    "attention/causal": ("root-lost", "S_O", "factor-left-out"),
    "attention/two-heads": ("columns", "A1_H", "wrong-axis"),
    "attention/block": ("past-the-attention-lost", "dL/dX", "path-lost"),
    "words/language-model": ("sign", "dL/dZ3", "sign-flipped"),
    "words/naive-softmax": ("sign", "dJ/dz", "sign-flipped"),
    "words/negative-sampling": ("slope-twice", "dJ/ds", "softmax-shortcut-misused"),
    "time/every-step": ("last-step-only", "dL/dW", "path-lost"),
    "time/last-step": ("state-of-its-own-step", "dL/dW1", "wrong-layer-input"),
    "time/lstm": ("cell-path-lost", "dL/dc1_2", "path-lost"),
    "time/gru": ("kept-state-lost", "dL/dH1_2", "path-lost"),
    "models/variational": ("variance-for-deviation", "z", "factor-left-out"),
    "models/graph": ("neighbours-lost", "dL/dH", "factor-left-out"),
    "models/triplet": ("anchor-alone", "dL/dW", "path-lost"),
    "models/gan": ("real-alone", "dL/dw", "path-lost"),
    "models/tied-autoencoder": ("decoder-lost", "dL/dW", "path-lost"),
    "models/generator": ("sign", "dL/ds", "sign-flipped"),
    "models/adversarial": ("gradient-for-its-sign", "moved", "activation-omitted"),
    "models/contrast": ("temperature-lost", "dL/dV", "factor-left-out"),
    "models/factorisation": ("missing-as-zero", "E", "factor-left-out"),
    "models/prelu": ("slope-left-out", "dL/dz", "factor-left-out"),
    "models/maxout": ("both", "dL/dv", "factor-left-out"),
    "time/word-model": ("last-step-only", "dL/dW", "path-lost"),
    "regression/linear": ("sum-for-mean", "dL/dYhat", "mean-sum-confused"),
    "regression/softmax": ("penalty-lost", "dL/dW1", "penalty-omitted"),
    "regression/ridge": ("factor-lost", "dL/dW", "factor-two"),
    "regression/poisson": ("through-exp-lost", "dL/dz", "output-derivative-omitted"),
    "regression/multiclass-hinge": ("right-class-lost", "dL/ds", "copied"),
    "regression/support-vector": ("margin-forgotten", "dL/dYhat", "factor-left-out"),
    "regression/focal": ("factor-held-fixed", "dL/dq", "path-lost"),
    "models/reinforce": ("advantage-lost", "dL/dz", "softmax-shortcut-misused"),
}
ENDS = {  # the formula in which the textbook's derivation ends
    "norms/network": ("dL/dZ3", "(Yhat - Y) / 4"),
    "words/language-model": ("dL/dZ3", "Yhat - Y"),
    "words/naive-softmax": ("dJ/dz", "yhat - y"),
    "words/negative-sampling": ("dJ/ds", "p - t"),
    "models/graph": ("dL/dS", "P - Y"),
    "time/every-step": ("dL/do_2", "p_2 - y[2]"),
    "models/gan": ("dL/ds", "D - t"),
    "models/generator": ("dL/ds", "D - real"),
    "time/word-model": ("dL/do_2", "p_2 - y[2]"),
    "regression/softmax": ("dL/dZ1", "(Yhat - Y) / 4"),
    "regression/ridge": ("dL/dW", "2 * (lambda * W) + X.T @ dL/dR"),
    "models/reinforce": ("dL/dz", "1.5 * (policy - a)"),
    "models/contrast": ("dL/dP", "diag(-(1 / (3 * diagonal(P))))"),
    "models/factorisation": ("dL/dP", "2 * (lambda * P) - dL/dE * M @ Q.T"),
    "regression/focal": ("dL/dp", "dL/dq * (2 * t - 1)"),
}


def loaded(name: str) -> Any:
    return backprop.load(ROOT / f"{name}.yaml")


def test_every_problem_of_a_chapter_is_tested_listed_and_has_a_sheet() -> None:
    found = {f"{part}/{path.stem}" for part in CHAPTERS for path in (ROOT / part).glob("*.yaml")}
    assert found == set(LOSSES) == set(MISTAKES)
    listed = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"]({name}.yaml)" in listed for name in found)


@pytest.mark.parametrize("name", LOSSES)
def test_loss_and_gradients(name: str) -> None:
    loss, wrt = LOSSES[name]
    trace = loaded(name).solve().trace
    steps = {step["id"]: np.array(step["value"], float) for step in trace["steps"]}
    given = {id: np.array(value, float) for id, value in trace["given"].items()}
    of = "J" if "J" in steps else "L"
    assert float(loss(Values(**given))) == pytest.approx(float(steps[of]), rel=1e-9)
    for id in wrt.split():
        wanted = np.zeros(given[id].shape)
        for place in np.ndindex(wanted.shape):
            ends = []
            for change in (STEP, -STEP):
                moved = given[id].copy()
                moved[place] += change
                ends.append(float(loss(Values(**{**given, id: moved}))))
            wanted[place] = (ends[0] - ends[1]) / (2 * STEP)
        np.testing.assert_allclose(steps[f"d{of}/d{id}"], wanted, rtol=1e-5, atol=1e-8, err_msg=id)


@pytest.mark.parametrize("name", LOSSES)
def test_traces_keep_to_their_schema(name: str) -> None:
    schema = Path(backprop.__file__).parent / "schemas" / "trace.schema.json"
    validator = Draft202012Validator(json.loads(schema.read_text(encoding="utf-8")))
    validator.validate(loaded(name).solve().trace)


@pytest.mark.parametrize("name", ENDS)
def test_derivations_end_where_the_textbook_s_do(name: str) -> None:
    id, wanted = ENDS[name]
    formulas = {step["id"]: step["formula"] for step in loaded(name).solve().trace["steps"]}
    assert formulas[id] == wanted


@pytest.mark.parametrize("name", MISTAKES)
def test_the_sheet_beside_it_has_its_mistake(name: str) -> None:
    sheet, id, slip = MISTAKES[name]
    report = loaded(name).check(ROOT / "sheets" / name.split("/")[1] / f"{sheet}.yaml")
    assert report.score != report.max_score
    assert report.first_wrong == id
    assert slip in report[id].slips
    assert len(report[id].slips) <= 3


@pytest.mark.parametrize("name", LOSSES)
def test_right_sheets_are_right_at_any_digits(name: str) -> None:
    """Every value rounded from the exact one, as whoever has a calculator writes it."""
    problem = yaml.safe_load((ROOT / f"{name}.yaml").read_text(encoding="utf-8"))
    values = {step["id"]: step["value"] for step in loaded(name).solve().trace["steps"]}
    asked = [one.id for one in loaded(name).check({}).results]
    for decimals in (2, 3, 5):
        problem["grading"] = {"precision": {"decimals": decimals}}
        report = backprop.load(problem).check({id: typed(values[id], decimals) for id in asked})
        assert report.score == report.max_score, (decimals, report.first_wrong)


@pytest.mark.parametrize("name", LOSSES)
def test_whoever_rounds_at_every_step_and_carries_on_is_right(name: str) -> None:
    problem = yaml.safe_load((ROOT / f"{name}.yaml").read_text(encoding="utf-8"))
    for decimals, mode in ((2, "truncate"), (3, "half-up")):
        rounding = {"rounding": {"decimals": decimals, "mode": mode}}
        steps = backprop.load({**problem, **rounding}).solve().trace["steps"]
        values = {step["id"]: step["value"] for step in steps}
        key = backprop.load({**problem, "grading": {"precision": {"decimals": decimals}}})
        asked = [one.id for one in key.check({}).results]
        report = key.check({id: typed(values[id], decimals) for id in asked})
        assert not [one.id for one in report.results if one.verdict in ("wrong", "invalid")]


def typed(value: Any, decimals: int) -> Any:
    if isinstance(value, list):
        return [typed(each, decimals) for each in value]
    return f"{value + 0.0:.{decimals}f}"

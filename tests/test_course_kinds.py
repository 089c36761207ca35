"""docs/course-kinds.md: each kind's command, and a figure or last line worked out here."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import SimpleNamespace as Values
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import backprop_cli as backprop
from backprop_cli.cli import main

ROOT = Path(__file__).resolve().parent.parent
ROW = re.compile(
    r"^\| (\d+) \| [^|]+ \| \[.*?\]\(\.\./(.*?)\) \| `backprop (.*?)` \|", re.MULTILINE
)
PAGE = (ROOT / "docs" / "course-kinds.md").read_text(encoding="utf-8")
ROWS = {int(number): (file, command) for number, file, command in ROW.findall(PAGE)}


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def softmax(z: Any) -> Any:
    powers = np.exp(z - z.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def windows(x: Any, k: Any) -> Any:
    """The cross-correlation of two matrices."""
    rows, columns = (a - b + 1 for a, b in zip(x.shape, k.shape, strict=True))
    high, wide = k.shape
    return np.array(
        [[(x[i : i + high, j : j + wide] * k).sum() for j in range(columns)] for i in range(rows)]
    )


def adamax(v: Any) -> Any:
    w, m, u = v.w, np.zeros(2), np.zeros(2)
    for t in (1, 2):
        g = (w @ v.x - v.y) * v.x
        m, u = 0.9 * m + 0.1 * g, np.maximum(0.999 * u, np.abs(g))
        w = w - 0.2 * m / (1 - 0.9**t) / (u + 1e-8)
    return w


def dilated(v: Any) -> Any:
    return np.array([v.w @ v.x[i : i + 5 : 2] for i in range(3)]) + v.b


def padded(v: Any) -> Any:
    z = np.pad(windows(np.pad(v.X, 1), v.K1) + v.b1, 1, constant_values=-np.inf)
    return [[z[i : i + 3, j : j + 3].max() for j in (0, 2, 4)] for i in (0, 2, 4)]


def batch_of_pictures(v: Any) -> Any:
    hidden = [np.maximum(windows(x, v.K1) + v.b1, 0) for x in v.X]
    return np.array([h.reshape(2, 2, 2, 2).max(axis=(1, 3)).ravel() for h in hidden]).T


def own_activation(v: Any) -> Any:
    z = v.W1 @ v.X + v.b1
    return v.W2 @ (z * sigmoid(1.702 * z)) + v.b2


def minibatch(v: Any) -> Any:
    p = softmax(np.tanh(v.X @ v.W1 + v.b1) @ v.W2 + v.b2)
    return (p - np.array([[1, 0], [0, 1], [0, 1], [1, 0]])) / 4


def momentum(v: Any) -> Any:
    weights, speed = np.append(v.W1[0], v.b1), np.zeros(3)
    inputs = np.array([1, 2, 1])
    for _ in range(3):
        speed = 0.9 * speed - 0.1 * (weights @ inputs - 1) * inputs
        weights = weights + speed
    return weights[None, :2]


def adam(v: Any) -> Any:
    x = np.column_stack([v.X, np.ones(3)])
    w, m, u = np.array([0.5, -0.5, 0]), np.zeros(3), np.zeros(3)
    for t in (1, 2):
        g = 2 * x.T @ (x @ w - np.array([1, 0, 2])) / 3
        m, u = 0.9 * m + 0.1 * g, 0.999 * u + 0.001 * g**2
        w = w - 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(u / (1 - 0.999**t)) + 1e-8)
    return w[:2, None]


def newton(v: Any) -> Any:
    p = sigmoid(v.X @ v.w)
    hessian = v.X.T @ np.diag(p * (1 - p)) @ v.X + np.eye(2)
    return v.w - np.linalg.inv(hessian) @ (v.X.T @ (p - v.y) + v.w)


def last_step(v: Any) -> Any:
    h = np.zeros(2)
    for x in v.X:
        h = np.tanh(v.U1 @ x + v.W1 @ h + v.b1)
    return ((v.W2 @ h + v.b2 - 1) ** 2).sum() / 2


def every_step(v: Any) -> Any:
    h, loss = v.h_0, 0.0
    for x, y in zip(v.x, v.y, strict=True):
        h = np.tanh(v.U @ x + v.W @ h + v.b)
        loss -= np.log((softmax(v.V @ h + v.c) * y).sum())
    return loss


def words(v: Any) -> Any:
    """∂L/∂E: with the states known, δ by hand from the last step to the first."""
    order, states = (1, 3, 0), [v.h_0]
    for row in order:
        states.append(np.tanh(v.U @ v.E[row] + v.W @ states[-1]))
    found, later = np.zeros_like(v.E), np.zeros(2)
    for t in (3, 2, 1):
        error = softmax(v.V @ states[t]) - v.y[t - 1]
        delta = (v.V.T @ error + v.W.T @ later) * (1 - states[t] ** 2)
        found[order[t - 1]] += v.U.T @ delta
        later = delta
    return found


def lstm(v: Any) -> Any:
    u = np.concatenate([v.h0, v.x])
    cell = sigmoid(v.Wf @ u + v.bf) * v.c0 + sigmoid(v.Wi @ u + v.bi) * np.tanh(v.Wg @ u + v.bg)
    return sigmoid(v.Wo @ u + v.bo) * np.tanh(cell)


def attention(q: Any, k: Any, v: Any, mask: Any = 0.0) -> Any:
    return softmax(q @ k.T / np.sqrt(q.shape[1]) + mask) @ v


def heads(v: Any) -> Any:
    each = [attention(v.Q[:, [i]], v.K[:, [i]], v.V[:, [i]]) for i in (0, 1)]
    return np.hstack(each) @ v.W


def causal(v: Any) -> Any:
    mask = np.triu(np.full((3, 3), -np.inf), 1)
    return attention(v.X @ v.WQ, v.X @ v.WK, v.X @ v.WV, mask)


def pictures(v: Any) -> Any:
    units = np.maximum(windows(v.X, v.K1) + v.b1, 0)
    return units.reshape(units.shape[0] // 2, 2, units.shape[1] // 2, 2).max(axis=(1, 3)).ravel()


def scattered(v: Any) -> Any:
    """Each number of X puts the kernel into the result, as the picture of it is drawn."""
    found = np.zeros((3, 3))
    for i, j in np.ndindex(2, 2):
        found[i : i + 2, j : j + 2] += v.X[i, j] * v.K
    return found


def both_ways(v: Any) -> Any:
    f, g = [v.f_0], [v.g_4]
    for x in v.x:
        f.append(np.tanh(v.U @ x + v.W @ f[-1]))
    for x in v.x[::-1]:
        g.append(np.tanh(v.A @ x + v.B @ g[-1]))
    seen = zip(f[1:], g[:0:-1], v.y, strict=True)
    return sum(((v.V @ np.concatenate([a, b]) - y) ** 2).sum() / 2 for a, b, y in seen)


def all_paths(v: Any) -> Any:
    """ln Σ over all eight paths of labels of e to their score, less the score of 1 2 2."""
    scores = {
        (i, j, k): v.E[0, i] + v.T[i, j] + v.E[1, j] + v.T[j, k] + v.E[2, k]
        for i in (0, 1)
        for j in (0, 1)
        for k in (0, 1)
    }
    return np.log(sum(map(np.exp, scores.values()))) - scores[0, 1, 1]


def standard(x: Any) -> Any:
    return (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 0.01)


def variational(v: Any) -> Any:
    mu, s = v.Wm @ v.x, v.Ws @ v.x
    return sigmoid(v.Wd @ (mu + np.exp(s / 2) * v.noise))


def hinges(v: Any) -> Any:
    inside = np.array([0, 1, 1]) * (v.W @ v.x + v.b - (v.W @ v.x + v.b)[0] + 1 > 0)
    return inside - np.array([inside.sum(), 0, 0])


def margins(v: Any) -> Any:
    y = np.array([1, 1, -1, -1])
    inside = y * (v.X @ v.W1[0] + v.b1) < 1
    return (0.2 * v.W1[0] - (inside * y) @ v.X / 4)[None]


FIGURES: dict[int, tuple[str, Callable[[Any], Any]]] = {
    1: ("df/dx", lambda v: 2 * v.y),
    2: ("dL/dW1", lambda _: [[-10.4, -5.2], [7.2, 3.6]]),  # short enough for paper
    4: ("Yhat", own_activation),
    6: ("dL/dZ2", minibatch),
    7: ("W1 at the end", momentum),
    8: ("W1 at the end", adam),
    10: ("dL/dW1", lambda v: 2 / 3 * (v.X @ v.W1[0] + v.b1 - [1, 0, 2])[None] @ v.X),
    11: (
        "dL/dW1",
        lambda v: 0.1 * v.W1 + v.X.T @ (softmax(v.X @ v.W1 + v.b1) - np.eye(3)[[0, 1, 2, 1]]) / 4,
    ),
    14: ("w_new", newton),
    16: ("d2f/dxdy", lambda v: 2 * v.x + 2 * v.y * np.exp(v.x - 2)),
    21: ("dL/dw", lambda v: v.X.T @ (np.exp(v.X @ v.w) - v.y)),
    22: ("dL/ds", hinges),
    23: ("dL/dW1", margins),
    24: ("W1_new", lambda _: [[0.5 + 0.5 * (1 - 2), -0.4 + 0.5 * (2 + 3)]]),
    25: ("dJ/dv", lambda v: v.U.T @ (softmax(v.U @ v.v) - v.y)),
    26: ("dJ/dU", lambda v: np.outer(sigmoid(v.U @ v.v) - [1, 0, 0], v.v)),
    27: ("L", last_step),
    28: ("L", every_step),
    31: ("dL/dE", words),
    32: ("h", lstm),
    33: ("O", lambda v: attention(v.X @ v.Wq, v.X @ v.Wk, v.X @ v.Wv)),
    34: ("O", causal),
    35: ("O", heads),
    36: (
        "dL/dw",
        lambda v: np.correlate(v.x, np.where((z := np.correlate(v.x, v.w) + v.b) > 0, z - v.y, 0)),
    ),
    38: ("dL/dK", lambda v: windows(v.X, np.array([[1, 0], [1, 2]]))),
    39: ("H3", pictures),
    40: ("P", lambda v: v.X.reshape(1, 2, 2, 2).max(axis=(1, 3))),
    41: ("Y", scattered),
    42: ("xhat_O", lambda v: standard(v.X)),
    45: ("H1", lambda v: np.array([1, 0, 1, 1]) * np.tanh(v.W1 @ v.X) / 0.75),
    46: ("xhat", variational),
    47: ("P", lambda v: softmax(v.A @ np.maximum(v.A @ v.X @ v.W, 0) @ v.V)),
    48: ("dL/ds", lambda v: sigmoid(v.w @ v.G @ v.noise) - 1),
    49: (
        "L",
        lambda v: ((v.W @ (v.a - v.p)) ** 2).sum() - ((v.W @ (v.a - v.n)) ** 2).sum() + 1.5,
    ),
    50: ("moved", lambda v: v.x + 0.2 * np.sign(sigmoid(v.w @ v.x + v.b) * v.w)),
    51: (
        "dL/dalpha",
        lambda v: (np.minimum(v.W @ v.x, 0) * (0.25 * np.minimum(v.W @ v.x, 0) - v.y)).sum(),
    ),
    52: ("h", lambda v: np.maximum(v.W @ v.x + v.b, v.V @ v.x + v.c)),
    55: (
        "Y",
        lambda v: v.p[0] * windows(v.X1, v.K1) + v.p[1] * windows(v.X2, v.K2),
    ),
    56: ("L", both_ways),
    57: ("L", all_paths),
    58: ("c", lambda v: softmax(np.tanh(v.H @ v.U.T + v.W @ v.s) @ v.v) @ v.H),
    59: ("y", lambda v: v.g * v.x / np.sqrt((v.x**2).mean() + 0.01)),
    60: ("dL/dz", lambda v: softmax(v.z) - 0.9 * v.y - 0.1 / 3),
    61: (
        "dL/dz",
        lambda v: 0.3 * (softmax(v.z) - v.y) + 0.7 * 4 * (softmax(v.z / 4) - softmax(v.v / 4)),
    ),
    62: ("yhat", lambda v: v.O @ (v.W @ v.x * sigmoid(v.W @ v.x) * (v.V @ v.x))),
    63: (
        "dL/de",
        lambda v: (g := softmax(v.G @ v.x)) * (g @ np.concatenate([v.A @ v.x, v.B @ v.x]) - v.y),
    ),
    64: (
        "o",
        lambda v: v.x + sigmoid(v.G @ v.x + v.b) * (np.tanh(v.W @ v.x) - v.x),
    ),
    65: ("dL/dw", lambda v: [((z := dilated(v)) * (z > 0)) @ v.x[a : a + 3] for a in (0, 2, 4)]),
    66: ("w at the end", adamax),
    67: ("H2", padded),
    68: ("H3", batch_of_pictures),
    53: ("f_dot", lambda v: 1 / v.x[0] + v.x[1]),
}
ENDS = {  # the textbook's last line, as it is printed
    3: "∂L/∂W¹ᵢⱼ = 1{Z¹ⱼ > 0} · xᵢ · Σₚ W²ⱼₚ · (Ŷₚ − yₚ)",
    5: "∂p/∂z = diag(p) − p pᵀ",
    9: "∂J/∂wⱼ = Σₘ (σ(zₘ) − yₘ) · Xₘⱼ",
    12: "∂²L/∂w² = Xᵀ diag(p ⊙ (1 − p)) X",
    13: "∂²L/∂z² = diag(p) − p pᵀ",
    15: "= 1 + x₁ + ½ · x₁² − ½ · x₂²",
    17: "∂L/∂x = A x − b",
    18: "∂L/∂W = 2 · Xᵀ (X W − Y)",
    19: "∂L/∂X = Aᵀ",
    20: "∂L/∂P = S − P⁻¹",
    29: "∂L/∂W = Σₜ δₜ hₜ₋₁ᵀ",
    30: "∂h₃/∂h₁ = diag(1 − h₃²) U diag(1 − h₂²) U",
    37: "(∂L/∂w)ᵢₘ₁ₚ = Σⱼ (∂L/∂z)ᵢ₁ⱼ · x[m,1,2j+p−2]",
    43: "= γⱼ · (Gᵢⱼ − Σₘ Gₘⱼ / M − ((x̂_O)ᵢⱼ · Σₘ Gₘⱼ · (x̂_O)ₘⱼ) / M) / √(σ²_O)ⱼ",
    44: "= (gⱼ · γⱼ − Σₘ gₘ · γₘ / n − ((x̂_y)ⱼ · Σₘ gₘ · γₘ · (x̂_y)ₘ) / n) / √σ²_y",
    54: "parameters together: 13",
}


def run(command: str) -> str:
    done = CliRunner().invoke(main, shlex.split(command))
    assert done.exit_code == 0, done.output
    return " ".join(done.stdout.split())


@cache
def solved(file: str) -> dict[str, Any]:
    found: dict[str, Any] = backprop.load(ROOT / file).solve().trace
    return found


def test_every_kind_is_in_the_page_and_is_checked() -> None:
    assert list(ROWS) == [*range(1, 69)]
    assert sorted(FIGURES | ENDS) == list(ROWS)


@pytest.mark.parametrize("number", ROWS)
def test_the_command_runs(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    file, command = ROWS[number]
    backprop.load(file)
    text = run(command)
    if number in ENDS:
        assert ENDS[number] in text


@pytest.mark.parametrize("number", FIGURES)
def test_the_figure(number: int) -> None:
    id, wanted = FIGURES[number]
    trace = solved(ROWS[number][0])
    given = Values(**{id: np.array(value, float) for id, value in trace["given"].items()})
    steps = {step["id"]: step["value"] for step in trace["steps"]}
    steps |= {f"{id} at the end": value for id, value in trace["parameters"].items()}
    np.testing.assert_allclose(np.array(steps[id], float), wanted(given), rtol=1e-9, atol=1e-12)

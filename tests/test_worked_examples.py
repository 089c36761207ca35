"""Worked examples from lecture notes, blogs and questions: as printed, and with the usual mistakes.

Each is worked out here in plain NumPy, every written figure rounded and gone on with; `slip` is the
one thing done wrong, and the rest follows from it. Where a source prints figures, they are a sheet.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray

import backprop_cli as backprop

Array: TypeAlias = NDArray[np.float64]
Write: TypeAlias = Callable[[str, Any], Array]
Worked: TypeAlias = Callable[[Write, str], None]


class Sheet:
    """What somebody writes down who rounds each figure and goes on with what stands there."""

    def __init__(self, decimals: int | None = 4) -> None:
        self.decimals = decimals
        self.answers: dict[str, Any] = {}
        self.values: dict[str, Array] = {}

    def __call__(self, name: str, value: Any) -> Array:
        found = np.asarray(value, dtype=float)
        if self.decimals is not None:
            found = np.round(found, self.decimals) + 0.0
        self.answers[name] = _typed(found, self.decimals or 17)
        self.values[name] = found
        return found


def _typed(value: Array, decimals: int) -> Any:
    if value.ndim:
        return [_typed(entry, decimals) for entry in value]
    return f"{value:.{decimals}f}"


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


# A memory cell over two steps --------------------------------------------------------------------

CELL = """
values:
  x: [[1, 2], [0.5, 3]]
  y: [0.5, 1.25]
  Wa: [0.45, 0.25]
  Ua: 0.15
  ba: 0.2
  Wi: [0.95, 0.8]
  Ui: 0.8
  bi: 0.65
  Wf: [0.7, 0.45]
  Uf: 0.1
  bf: 0.15
  Wo: [0.6, 0.4]
  Uo: 0.25
  bo: 0.1
  h_0: 0
  c_0: 0
equations:
  - for t in 1..2:
      - a_t = tanh(Wa @ x[t] + Ua * h_{t-1} + ba)
      - i_t = sigmoid(Wi @ x[t] + Ui * h_{t-1} + bi)
      - f_t = sigmoid(Wf @ x[t] + Uf * h_{t-1} + bf)
      - o_t = sigmoid(Wo @ x[t] + Uo * h_{t-1} + bo)
      - c_t = a_t * i_t + f_t * c_{t-1}
      - h_t = o_t * tanh(c_t)
  - L = sum(t in 1..2, (h_t - y[t])^2 / 2)
ask: [a_1, i_1, f_1, o_1, c_1, h_1, a_2, i_2, f_2, o_2, c_2, h_2, L, dL/dh_2, dL/dc_2,
  dL/dh_1, dL/dc_1, dL/dba]
"""
CELL_PRINTED = {
    "a_1": "0.81775", "i_1": "0.96083", "f_1": "0.85195", "o_1": "0.81757", "c_1": "0.78572",
    "h_1": "0.53631", "a_2": "0.84980", "i_2": "0.98118", "f_2": "0.87030", "o_2": "0.84993",
    "c_2": "1.5176", "h_2": "0.77197", "dL/dh_2": "-0.47803",
}  # fmt: skip


def cell(write: Write, slip: str) -> None:
    gates = {
        "a": ([0.45, 0.25], 0.15, 0.2), "i": ([0.95, 0.8], 0.8, 0.65),
        "f": ([0.7, 0.45], 0.1, 0.15), "o": ([0.6, 0.4], 0.25, 0.1),
    }  # fmt: skip
    x, y = np.array([[1, 2], [0.5, 3]]), (0.5, 1.25)
    h: Any = 0.0
    c: Any = 0.0
    seen: list[dict[str, Any]] = []
    for t in (0, 1):
        now: dict[str, Any] = {}
        for gate, (w, u, b) in gates.items():
            squash = np.tanh if gate == "a" else sigmoid
            now[gate] = write(f"{gate}_{t + 1}", squash(np.dot(w, x[t]) + u * h + b))
        kept = c if slip == "gate" else now["f"] * c
        c = write(f"c_{t + 1}", now["a"] * now["i"] + kept)
        h = write(f"h_{t + 1}", now["o"] * np.tanh(c))
        seen.append({**now, "c": c, "h": h})
    write("L", sum((one["h"] - t) ** 2 / 2 for one, t in zip(seen, y, strict=True)))
    one, two = seen
    dh2 = write("dL/dh_2", two["h"] - y[1])
    slope = 1 if slip == "slope" else 1 - np.tanh(two["c"]) ** 2
    dc2 = write("dL/dc_2", dh2 * two["o"] * slope)

    da2 = dc2 * two["i"] * (1 - two["a"] ** 2)
    di2 = dc2 * two["a"] * two["i"] * (1 - two["i"])
    df2 = dc2 * one["c"] * two["f"] * (1 - two["f"])
    do2 = dh2 * np.tanh(two["c"]) * two["o"] * (1 - two["o"])
    later = 0.15 * da2 + 0.8 * di2 + 0.1 * df2 + 0.25 * do2
    dh1 = write("dL/dh_1", one["h"] - y[0] + later)
    dc1 = write("dL/dc_1", dh1 * one["o"] * (1 - np.tanh(one["c"]) ** 2) + dc2 * two["f"])
    power = 1 if slip == "square" else 2
    both = ((one, dc1), (two, dc2))
    write("dL/dba", sum(dc * at["i"] * (1 - at["a"] ** power) for at, dc in both))


# A recurrent unit in one line --------------------------------------------------------------------

UNIT = """
values: {x: [0.5, 1.0, 1.5], y: [1, 1.5, 2], U: 0.8, W: 0.5, b: 0.1, V: 1.0, c: 0.2, h_0: 0}
equations:
  - for t in 1..3:
      - h_t = tanh(W * h_{t-1} + U * x[t] + b)
      - o_t = V * h_t + c
  - L = sum(t in 1..3, (o_t - y[t])^2) / 2
ask: [h_1, o_1, h_2, o_2, h_3, o_3, L, dL/dh_3, dL/dh_2, dL/dh_1, dL/dW]
"""
UNIT_PRINTED = {"h_1": "0.462", "o_1": "0.662"}


def unit(write: Write, slip: str) -> None:
    x, y = (0.5, 1.0, 1.5), (1, 1.5, 2)
    h: list[Any] = [0.0]
    o: list[Any] = []
    for t in range(3):
        h.append(write(f"h_{t + 1}", np.tanh(0.5 * h[-1] + 0.8 * x[t] + 0.1)))
        o.append(write(f"o_{t + 1}", h[-1] + 0.2))
    write("L", sum((a - b) ** 2 for a, b in zip(o, y, strict=True)) / 2)
    back, total = 0.0, 0.0
    for t in (2, 1, 0):
        dz = write(f"dL/dh_{t + 1}", o[t] - y[t] + back) * (1 - h[t + 1] ** 2)
        back = 0.5 * dz
        slope = (1 - h[t + 1]) / (1 - h[t + 1] ** 2) if slip == "square" else 1
        total += dz * slope * h[t + 1 if slip == "input" else t]
    write("dL/dW", total)


# Rules of descent --------------------------------------------------------------------------------

ADAM = """
values: {theta: 5}
equations: [f = theta^2]
train: [theta]
update: {rule: adam, learning_rate: 0.1, steps: 2}
ask: [df/dtheta, m_theta, v_theta, mhat_theta, vhat_theta, theta_new, mhat_theta@2]
"""
ADAM_PRINTED = {
    "df/dtheta": "10", "m_theta": "1", "v_theta": "0.1", "mhat_theta": "10", "vhat_theta": "100",
    "theta_new": "4.9",
}  # fmt: skip


def adam(write: Write, slip: str) -> None:
    g = write("df/dtheta", 10)
    m, v = write("m_theta", 0.1 * g), write("v_theta", 0.001 * g**2)
    mhat = write("mhat_theta", m / (1 if slip == "correction" else 0.1))
    vhat = write("vhat_theta", v / 0.001)
    theta = write("theta_new", 5 - 0.1 * mhat / np.sqrt(vhat))
    m = 0.9 * m + 0.1 * 2 * theta
    write("mhat_theta@2", m / (0.1 if slip == "step" else 1 - 0.9**2))


MOMENTUM = """
values: {w: [1, -2], a: [4, 1]}
equations: [L = sum(a * w^2) / 2]
train: [w]
update: {rule: momentum, form: accumulate, beta: 0.9, learning_rate: 0.05, steps: 2}
ask: [dL/dw, v_w, w_new, dL/dw@2, v_w@2]
"""


def momentum(write: Write, slip: str) -> None:
    w, a = np.array([1.0, -2.0]), np.array([4.0, 1.0])
    v = write("v_w", write("dL/dw", a * w))
    w = write("w_new", w - 0.05 * v)
    g = write("dL/dw@2", a * w)
    write("v_w@2", 0.9 * v + (0.1 * g if slip == "form" else g))


# Other formulas ----------------------------------------------------------------------------------

RIDGE = """
values: {X: [[1, 2], [0, 1], [3, -1]], w: [0.5, -0.2], y: [1, 0, 2]}
equations:
  - r = X @ w - y
  - L = dot(r, r) / 6 + 0.05 * dot(w, w)
train: [w]
"""


def ridge(write: Write, slip: str) -> None:
    X, w = np.array([[1, 2], [0, 1], [3, -1.0]]), np.array([0.5, -0.2])
    r = write("r", X @ w - [1, 0, 2])
    write("L", r @ r / 6 + 0.05 * w @ w)
    dr = write("dL/dr", r / 3)
    write("dL/dw", X.T @ (r if slip == "residual" else dr) + 0.1 * w)


COSINE = """
values: {a: [1, 2, 2], b: [2, 0, 1]}
equations:
  - n = norm(a)
  - m = norm(b)
  - L = 1 - dot(a, b) / (n * m)
ask: [n, m, L, dL/dn]
"""


def cosine(write: Write, slip: str) -> None:
    a, b = np.array([1.0, 2, 2]), np.array([2.0, 0, 1])
    n, m = write("n", a @ a if slip == "root" else 3), write("m", np.sqrt(b @ b))
    write("L", 1 - a @ b / (n * m))
    write("dL/dn", a @ b / (n**2 * m))


LINE = """
values: {x: [1, 2, 4], y: [1, 3.5, 2], w: 0.8, b: 0.3}
equations:
  - p = w * x + b
  - L = sum((p - y)^2) / 3
train: [w, b]
"""


def line(write: Write, slip: str) -> None:
    x, y = np.array([1.0, 2, 4]), np.array([1, 3.5, 2])
    p = write("p", 0.8 * x + 0.3)
    write("L", np.sum((p - y) ** 2) / 3)
    g = write("dL/dp", 2 * (p - y) / 3)
    write("dL/dw", (g @ x) / (3 if slip == "mean" else 1))
    write("dL/db", g.sum())


SCORES = """
convention: {affine: x W + b, output_gradient: fused}
x: [[16, -6]]
y: {labels: [3], classes: 3}
layers:
  - {weights: [[0.18, 0.04], [0.1, 0.22]], bias: [0, 0], activation: relu}
  - {weights: [[0.19, -0.1, 0.1], [-0.02, -0.01, 0.04]], bias: [0, 0, 0], activation: softmax}
loss: cross-entropy
ask: [Z1, H1, Z2, Yhat, L, dL/dZ2, dL/dW2, dL/dH1]
"""


def scores(write: Write, slip: str) -> None:
    x, W1 = np.array([[16.0, -6]]), np.array([[0.18, 0.04], [0.1, 0.22]])
    W2, y = np.array([[0.19, -0.1, 0.1], [-0.02, -0.01, 0.04]]), np.array([[0, 0, 1]])
    H = write("H1", np.maximum(write("Z1", x @ W1), 0))
    z = write("Z2", H @ W2)
    p = write("Yhat", np.exp(z) / np.exp(z).sum())
    write("L", -np.log(p[0, 2]))
    d = write("dL/dZ2", -y * (1 - p) if slip == "diagonal" else p - y)
    write("dL/dW2", H.T @ d)
    write("dL/dH1", d @ W2.T)


TWO_TERMS = """
values: {mu: 0.5, eps: 0.8, x: [1, -2], A: [[0.5, 0.2], [-0.3, 0.4]]}
equations:
  - K = (mu^2 - 1) / 2
  - y = x + A @ x
  - R = (mu + 0.9 * eps) * sum(y)
  - L = R + K
"""


def two_terms(write: Write, slip: str) -> None:
    x, A = np.array([1.0, -2.0]), np.array([[0.5, 0.2], [-0.3, 0.4]])
    K = write("K", (0.5**2 - 1) / 2)
    y = write("y", A @ x + (0 if slip == "skip" else x))
    R = write("R", (0.5 + 0.9 * 0.8) * y.sum())
    write("L", R + K)
    write("dL/dR", 1)
    write("dL/dy", np.full(2, 0.5 + 0.9 * 0.8))
    write("dL/dmu", y.sum() + (-0.5 if slip == "sign" else 0.5))


EXAMPLES: dict[str, tuple[str, Worked, dict[str, Any]]] = {
    "cell": (CELL, cell, CELL_PRINTED),
    "unit": (UNIT, unit, UNIT_PRINTED),
    "adam": (ADAM, adam, ADAM_PRINTED),
    "momentum": (MOMENTUM, momentum, {}),
    "ridge": (RIDGE, ridge, {}),
    "cosine": (COSINE, cosine, {}),
    "line": (LINE, line, {}),
    "scores": (SCORES, scores, {}),
    "two terms": (TWO_TERMS, two_terms, {}),
}
MISTAKES = [
    ("cell", "gate", "c_2", "factor-left-out"),
    ("cell", "slope", "dL/dc_2", "activation-derivative-omitted"),
    ("cell", "square", "dL/dba", "wrong-activation-derivative"),
    ("unit", "input", "dL/dW", "wrong-layer-input"),
    ("unit", "square", "dL/dW", "wrong-activation-derivative"),
    ("adam", "correction", "mhat_theta", "bias-correction-omitted"),
    ("adam", "step", "mhat_theta@2", "power-left-out"),
    ("momentum", "form", "v_w@2", "term-scaled"),
    ("ridge", "residual", "dL/dw", "wrong-operand"),
    ("cosine", "root", "n", "power-left-out"),
    ("line", "mean", "dL/dw", "mean-sum-confused"),
    ("two terms", "sign", "dL/dmu", "term-sign-flipped"),
    ("two terms", "skip", "y", "path-lost"),
    ("scores", "diagonal", "dL/dZ2", "softmax-diagonal-only"),
]


def worked(name: str, slip: str = "", decimals: int | None = 4) -> Sheet:
    sheet = Sheet(decimals)
    EXAMPLES[name][1](sheet, slip)
    return sheet


@pytest.mark.parametrize("name", EXAMPLES)
def test_values(name: str) -> None:
    solution = backprop.load(EXAMPLES[name][0]).solve()
    for id, value in worked(name, decimals=None).values.items():
        if "@" not in id:
            assert np.allclose(solution[id], value, rtol=1e-9), id


@pytest.mark.parametrize("name", [name for name, found in EXAMPLES.items() if found[2]])
def test_as_printed(name: str) -> None:
    text, _, printed = EXAMPLES[name]
    report = backprop.load(text).check(printed)
    assert {report[id].verdict for id in printed} == {"correct"}


@pytest.mark.parametrize("decimals", [3, 4, 6])
@pytest.mark.parametrize("name", EXAMPLES)
def test_rounded_as_people_do(name: str, decimals: int) -> None:
    report = backprop.load(EXAMPLES[name][0]).check(worked(name, decimals=decimals).answers)
    assert report.first_wrong is None


@pytest.mark.parametrize(("name", "slip", "first", "called"), MISTAKES)
@pytest.mark.parametrize("decimals", [3, 4])
def test_one_mistake(name: str, slip: str, first: str, called: str, decimals: int) -> None:
    sheet = worked(name, slip, decimals)
    report = backprop.load(EXAMPLES[name][0]).check(sheet.answers)
    assert report.first_wrong == first
    assert called in report[first].slips[:3]
    later = [report[id].verdict for id in sheet.answers if id != first]
    assert set(later) <= {"correct", "carried"}


def test_a_mean_whose_path_through_the_variance_is_left_out_as_nothing_comes_from_it() -> None:
    problem = backprop.load(
        "values: {x: [2, -1, 3], t: [0, 1, 0]}\n"
        "equations:\n  - m = mean(x)\n  - v = mean((x - m)^2)\n  - h = (x - m) / sqrt(v)\n"
        "  - L = sum((h - t)^2)\n"
    )
    x, m = np.array([2, -1, 3]), 1.6  # it is 4/3
    v = float(np.round(np.mean((x - m) ** 2), 4))
    h = np.round((x - m) / np.sqrt(v), 4)
    dh = np.round(2 * (h - [0, 1, 0]), 4)
    answers = {
        "m": m,
        "v": v,
        "h": h.tolist(),
        "dL/dh": dh.tolist(),
        "dL/dm": f"{-dh.sum() / np.sqrt(v):.4f}",
    }
    report = problem.check(answers)
    assert report.first_wrong == "m"
    assert report["dL/dm"].verdict == "carried"


@pytest.mark.parametrize(("typed", "verdict"), [("-3.33e-18", "correct"), ("0.004", "wrong")])
def test_what_a_program_prints_for_0(typed: str, verdict: str) -> None:
    problem = backprop.load(
        "values: {u: [0.5, 0.1, -0.2], v: [0.2, -0.4, 0.3]}\n"
        "equations:\n  - s = dot(u, v)\n  - L = sigmoid(s)\n"
    )
    assert problem.check({"s": typed})["s"].verdict == verdict

"""Kinds of mistakes that had no name in programs of the seventh held-out set: each has it now."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

import backprop_cli as backprop

Array = np.ndarray[Any, Any]
Arrays = dict[str, Array]
RANDOM = np.random.default_rng(31)


def drawn(*shape: int) -> Array:
    return RANDOM.uniform(-1.5, 1.5, shape).round(2)


def checked(problem: backprop.Problem, right: Arrays, id: str, wrong: Array) -> tuple[str, ...]:
    """The names for one array that is put in the place of the right one."""
    assert {one.verdict for one in problem.check(right)} == {"correct"}
    report = problem.check({**right, id: np.asarray(wrong)})
    assert report[id].verdict == "wrong"
    return report[id].slips


# Logarithms of a softmax, in rows -----------------------------------------------------------------

X, W, B, Y = drawn(4, 3), drawn(3, 5), drawn(5), np.eye(5)[[1, 0, 4, 2]]


@cache
def rows() -> tuple[backprop.Problem, Arrays]:
    lines = ["z = X @ W + row(b)", "lp = z - column(log(sum(exp(z), axis=1)))"]
    lines += ["h = relu(z)", "L = -sum(Y * lp) / 4 + 0.1 * sum(h)"]
    given = {"X": X, "W": W, "b": B, "Y": Y}
    problem = backprop.load({"values": given, "equations": lines, "train": ["W", "b"]})
    z = X @ W + B
    lp = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    h = np.maximum(z, 0)
    return problem, {"z": z, "lp": lp, "h": h, "L": -(Y * lp).sum() / 4 + 0.1 * h.sum()}


def of_rows() -> list[tuple[str, Array, str]]:
    z = rows()[1]["z"]
    high = z - z.max(axis=1, keepdims=True)
    e = np.exp(high)
    return [
        ("z", (X[:, :, None] * W * B).sum(axis=1), "operator-exchanged"),  # X @ W * b
        ("h", z * (z > 0.5), "wrong-constant"),
        ("lp", high - np.log(e.sum(axis=0)), "wrong-axis"),
        ("lp", high - np.log(e.sum()), "summed-over-wrong-axis"),
        ("lp", high - e.sum(axis=1, keepdims=True), "function-left-out"),
        ("lp", e / e.sum(axis=1, keepdims=True), "function-left-out"),
    ]


@pytest.mark.parametrize(("id", "wrong", "name"), of_rows())
def test_logarithms_of_a_softmax(id: str, wrong: Array, name: str) -> None:
    assert name in checked(*rows(), id, wrong)


# A norm and a function of one's own ---------------------------------------------------------------

GAIN, SHIFT, V, T, K = drawn(5), drawn(5), drawn(5), drawn(4), 0.8


@cache
def norm() -> tuple[backprop.Problem, Arrays]:
    lines = ["u = X @ W", "m = mean(u, axis=1)", "s = mean((u - column(m))^2, axis=1)"]
    lines += ["n = (u - column(m)) / column(sqrt(s + 0.01))", "v = n * row(g) + row(d)"]
    lines += ["t = tanh(0.8 * (v + 0.05 * v^3))", "h = 0.5 * v * (1 + t)", "o = h @ k"]
    lines += ["p = sigmoid(o)", "L = -mean(2 * q * log(p) + (1 - q) * log(1 - p))"]
    given = {"X": X, "W": W, "g": GAIN, "d": SHIFT, "k": V, "q": [1, 0, 0, 1]}
    update = {"rule": "momentum", "learning_rate": 0.1}
    problem = backprop.load(
        {"values": given, "equations": lines, "train": ["W", "g", "d", "k"], "update": update}
    )
    q = np.array([1, 0, 0, 1])
    u = X @ W
    r = 1 / np.sqrt(u.var(axis=1) + 0.01)
    n = (u - u.mean(axis=1, keepdims=True)) * r[:, None]
    v = n * GAIN + SHIFT
    t = np.tanh(K * (v + 0.05 * v**3))
    h = 0.5 * v * (1 + t)
    p = 1 / (1 + np.exp(-h @ V))
    loss = -np.mean(2 * q * np.log(p) + (1 - q) * np.log(1 - p))
    dp = -(2 * q / p - (1 - q) / (1 - p)) / 4
    do = dp * p * (1 - p)
    dh = np.outer(do, V)
    dv = dh * (0.5 * (1 + t) + 0.5 * v * (1 - t**2) * K * (1 + 0.15 * v**2))
    dn = dv * GAIN
    inner = dn - dn.mean(axis=1, keepdims=True) - n * (dn * n).mean(axis=1, keepdims=True)
    right = {"u": u, "n": n, "v": v, "h": h, "p": p, "L": np.array(loss), "dp": dp, "do": do}
    return problem, right | {"dh": dh, "dv": dv, "dn": dn, "du": r[:, None] * inner}


def of_norm() -> list[tuple[str, Array, str]]:
    one, q = norm()[1], np.array([1, 0, 0, 1])
    n, v, p, dp, dn, dh = (one[name] for name in ("n", "v", "p", "dp", "dn", "dh"))
    t = np.tanh(K * (v + 0.05 * v**3))
    r = 1 / np.sqrt(one["u"].var(axis=1, keepdims=True) + 0.01)
    return [
        ("v", n + GAIN * SHIFT, "operator-exchanged"),
        ("p", np.exp(one["h"] @ V) / np.exp(one["h"] @ V).sum(), "wrong-activation"),
        ("p", 1 - p, "complement"),
        ("dp", -(2 * q / p - (1 - q) / 1 - p) / 4, "brackets-misplaced"),
        ("dh", np.outer(one["do"], V - 0.1 * one["h"].T @ one["do"]), "updated-weights-used"),
        ("do", p * 1 - p * dp, "brackets-misplaced"),
        ("do", dp * p - p**2, "brackets-misplaced"),
        ("dv", dh * (0.5 * (1 + t) + 0.5 * v * (1 - t**2)), "factor-left-out"),
        ("dv", dh * one["h"], "wrong-activation-derivative"),
        ("du", r * (dn - dn.mean(axis=0) - n * (dn * n).mean(axis=0)), "wrong-axis"),
        ("du", r * (dn - dn.mean() - n * (dn * n).mean()), "wrong-axis"),
    ]


@pytest.mark.parametrize(("id", "wrong", "name"), of_norm())
def test_a_norm_and_a_function_of_ones_own(id: str, wrong: Array, name: str) -> None:
    assert name in checked(*norm(), id, wrong)


# Steps over time, and squares ---------------------------------------------------------------------

M, C = drawn(3, 3), drawn(3)


@cache
def steps() -> tuple[backprop.Problem, Arrays]:
    each = ["q_t = s_{t-1} @ M + row(c)", "f_t = tanh(q_t)", "s_t = s_{t-1} + 0.5 * f_t"]
    lines = [{"for t in 1..3": each}, "o = relu((s_3 @ M + M) / 2)", "e = maximum(0.3 * o, o - 1)"]
    lines += ["L = sum(e^2) / 6 + 0.1 * (sum(f_1^2) + sum(f_2^2) + sum(f_3^2))"]
    given = {"s_0": X[:3] + 0.1, "M": M, "c": C}
    problem = backprop.load({"values": given, "equations": lines, "train": ["M", "c"]})
    s, f = [X[:3] + 0.1], []
    for _ in range(3):
        f.append(np.tanh(s[-1] @ M + C))
        s.append(s[-1] + 0.5 * f[-1])
    o = np.maximum((s[3] @ M + M) / 2, 0)
    e = np.maximum(0.3 * o, o - 1)
    loss = (e**2).sum() / 6 + 0.1 * (np.array(f) ** 2).sum()
    right = {f"f_{k + 1}": one for k, one in enumerate(f)}
    right |= {f"s_{k + 1}": one for k, one in enumerate(s[1:])}
    return problem, right | {"o": o, "e": e, "L": np.array(loss)}


def of_steps() -> list[tuple[str, Array, str]]:
    one = steps()[1]
    f, e = np.array([one[f"f_{k}"] for k in (1, 2, 3)]), one["e"]
    states = sum(one[f"s_{k}"] for k in (1, 2, 3)) + X[:3] + 0.1
    return [
        ("L", (e**2).sum() / 6 + 0.1 * f.sum(), "power-left-out"),
        ("L", (e**2).sum() / 6 + 0.3 * (f[2] ** 2).sum(), "wrong-operand"),
        ("L", (e * one["o"]).sum() / 6 + 0.1 * (f**2).sum(), "wrong-operand"),
        ("o", np.maximum((states @ M + M) / 2, 0), "term-added"),
        ("e", np.minimum(0.3 * one["o"], one["o"] - 1), "wrong-activation"),
        ("e", 0 * e, "never-filled"),
        ("e", e.sum(axis=0), "summed-too-early"),
    ]


@pytest.mark.parametrize(("id", "wrong", "name"), of_steps())
def test_steps_over_time(id: str, wrong: Array, name: str) -> None:
    assert name in checked(*steps(), id, wrong)


def test_a_hidden_step_that_the_loss_uses_is_no_output() -> None:
    problem, right = steps()
    solved = problem.solve()
    found = problem.check({**right, "dq_3": np.array(solved["dL/df_3"])})
    assert found["dL/dq_3"].slips == ("activation-derivative-omitted",)


def test_a_target_that_is_no_target_is_a_bracket() -> None:
    lines = ["z = X @ W + row(b)", "p = softmax(z, axis=1)", "L = -sum(Y * log(p)) / 4"]
    given = {"X": X, "W": W, "b": B, "Y": Y}
    problem = backprop.load({"values": given, "equations": lines, "train": ["W", "b"]})
    z = X @ W + B
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    right = {"z": z, "p": p, "dz": (p - Y) / 4}
    assert "brackets-misplaced" in checked(problem, right, "dz", p / 4 - Y)
    moved = np.roll(Y, 1, axis=1)
    assert checked(problem, right, "dz", (p - moved) / 4) == ("wrong-target",)


def test_the_larger_of_two_left_out() -> None:
    lines = ["g = X @ w", "L = sum(maximum(g, 0)) / 4"]
    problem = backprop.load({"values": {"X": X, "w": W[:, 0]}, "equations": lines, "train": ["w"]})
    g = X @ W[:, 0]
    right = {"g": g, "L": np.array(np.maximum(g, 0).sum() / 4)}
    assert "function-left-out" in checked(problem, right, "L", g.sum() / 4)


def test_no_array_is_explained_by_itself() -> None:
    problem = backprop.load(
        {
            "values": {"a": X, "t": W[0, :3]},
            "equations": ["g = a - row(t)", "d = sum(g^2, axis=1)", "L = sum(d) / 5"],
            "train": ["t"],
        }
    )
    g = X - W[0, :3]
    dg = 2 * g / 5
    moved = dg.copy()
    moved[2, 1] += 0.433  # of no formula, and 2/5 of itself
    right = {"g": g, "d": (g**2).sum(axis=1), "dg": dg}
    assert checked(problem, right, "dg", moved) == ()

"""Kinds of mistakes that had no name in programs of the fifth held-out set: each has it now."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

import backprop_cli as backprop

Array = np.ndarray[Any, Any]
Arrays = dict[str, Array]
RANDOM = np.random.default_rng(29)


def drawn(*shape: int) -> Array:
    return RANDOM.uniform(-1.5, 1.5, shape).round(2)


def checked(problem: backprop.Problem, right: Arrays, id: str, wrong: Array) -> tuple[str, ...]:
    """The names for one array that is put in the place of the right one, alike in both types."""
    assert {one.verdict for one in problem.check(right)} == {"correct"}
    found = set()
    for kind in ("float64", "float32"):
        arrays = {name: np.asarray(one).astype(kind) for name, one in right.items()}
        report = problem.check({**arrays, id: np.asarray(wrong).astype(kind)})
        assert report[id].verdict == "wrong"
        found.add(report[id].slips)
    (slips,) = found
    return slips


# Samples in rows ----------------------------------------------------------------------------------

X, W, B, V, T, S = drawn(5, 3), drawn(3, 4), drawn(4), drawn(4, 2), drawn(5, 2), abs(drawn(5)) + 0.1


@cache
def rows() -> tuple[backprop.Problem, Arrays]:
    lines = ["z = X @ W + row(b)", "h = tanh(z)", "o = h @ V", "r = o - T"]
    lines += ["L = sum(column(s) * r^2) / (2 * 5)"]
    given = {"X": X, "W": W, "b": B, "V": V, "T": T, "s": S}
    problem = backprop.load({"values": given, "equations": lines, "train": ["W", "b", "V"]})
    z = X @ W + B
    h = np.tanh(z)
    r = h @ V - T
    dr = S[:, None] * r / 5
    dz = dr @ V.T * (1 - h**2)
    right = {"z": z, "h": h, "o": h @ V, "r": r, "L": (S @ r**2).sum() / 10, "dr": dr}
    right |= {"dV": h.T @ dr, "dz": dz, "dW": X.T @ dz, "db": dz.sum(axis=0)}
    return problem, right


def of_rows() -> list[tuple[str, Array, str]]:
    v = rows()[1]
    dz, dr, r = v["dz"], v["dr"], v["r"]
    return [
        ("z", X @ W + B[::-1], "other-order"),
        ("z", X @ W.reshape(4, 3).T + B, "reshape-for-transpose"),
        ("z", X @ (W + B), "brackets-misplaced"),
        ("z", X[[0] * 5] @ W + B, "wrong-operand"),
        ("z", (X - X.mean(axis=0)) @ W + B, "term-added"),
        ("r", r / T, "factor-added"),
        ("L", (S @ r**2).sum() / (2 * S.sum()), "wrong-operand"),
        ("dr", S[::-1, None] * r / 5, "other-order"),
        ("dV", X.T @ dr, "wrong-layer-input"),
        ("dW", X[::-1].T @ dz, "other-order"),
        ("dW", np.outer(X[0], dz.sum(axis=0)), "wrong-operand"),
        ("dW", np.outer(X[0], dz[0]), "not-summed-over-samples"),
        ("dW", X[1:].T @ dz[1:], "path-lost"),
        ("dW", (X * S[:, None]).T @ dz, "factor-added"),
        ("db", dz[:-1].sum(axis=0), "path-lost"),
        ("db", S @ dz, "factor-added"),
    ]


@pytest.mark.parametrize(("id", "wrong", "name"), of_rows())
def test_rows_of_samples(id: str, wrong: Array, name: str) -> None:
    assert name in checked(*rows(), id, wrong)


# Norms and penalties ------------------------------------------------------------------------------

U, SCALE, Y = drawn(6, 3), np.array([1.2, -0.7, 0.9]), np.array([1.0, 0, 0, 1, 1, 0])
K, EPS, LAM = drawn(3), 0.05, 0.3


@cache
def norm() -> tuple[backprop.Problem, Arrays]:
    lines = ["m = mean(U, axis=0)", "d = U - row(m)", "v = mean(d^2, axis=0)"]
    lines += ["i = 1 / sqrt(v + eps)", "x = d * row(i)", "y = row(g) * x", "a = y @ k"]
    lines += ["p = sigmoid(a)", "c = -mean(t * log(p) + (1 - t) * log(1 - p))"]
    lines += ["w = lam * (sum(g^2) + sum(k^2)) / 2", "L = c + w"]
    given = {"U": U, "g": SCALE, "k": K, "t": Y, "eps": EPS, "lam": LAM}
    problem = backprop.load({"values": given, "equations": lines, "train": ["U", "g", "k"]})
    m = U.mean(axis=0)
    i = 1 / np.sqrt(U.var(axis=0) + EPS)
    x = (U - m) * i
    p = 1 / (1 + np.exp(-(SCALE * x) @ K))
    c = -np.mean(Y * np.log(p) + (1 - Y) * np.log(1 - p))
    w = LAM * ((SCALE**2).sum() + (K**2).sum()) / 2
    dx = np.outer((p - Y) / 6, K) * SCALE
    du = i * (dx - dx.mean(axis=0) - x * (dx * x).mean(axis=0))
    right = {"m": m, "d": U - m, "v": U.var(axis=0), "i": i, "x": x, "p": p, "c": c, "w": w}
    return problem, right | {"L": c + w, "dx": dx, "dU": du}


def of_norm() -> list[tuple[str, Array, str]]:
    v = norm()[1]
    p, x, i, dx = v["p"], v["x"], v["i"], v["dx"]
    own = x * (dx * x).sum(axis=0)
    return [
        ("m", U[1:].sum(axis=0) / 6, "path-lost"),
        ("i", 1 / (np.sqrt(v["v"]) + np.sqrt(EPS)), "brackets-misplaced"),
        ("x", x - v["m"] * i, "term-added"),
        ("p", np.log(p), "function-added"),
        ("c", -np.mean(Y * np.log(p) + Y * np.log(1 - p)), "complement"),
        ("w", LAM * (SCALE.sum() ** 2 + K.sum() ** 2) / 2, "summed-too-early"),
        ("dU", i * (dx - dx.sum(axis=0) - own), "mean-sum-confused"),
        ("dU", i * (dx - dx.mean(axis=1, keepdims=True) - own / 6), "wrong-axis"),
    ]


@pytest.mark.parametrize(("id", "wrong", "name"), of_norm())
def test_norms_and_penalties(id: str, wrong: Array, name: str) -> None:
    assert name in checked(*norm(), id, wrong)


# Windows ------------------------------------------------------------------------------------------

IMG, K1, K2 = drawn(5, 7), np.array([[0.5, -1.2], [0.8, 0.3]]), drawn(2, 2)
BIAS, G1, G2 = 0.3, drawn(2, 3), drawn(2, 3)


def slid(x: Array, k: Array) -> Array:
    windows = np.lib.stride_tricks.sliding_window_view(x, k.shape)
    return np.asarray(np.einsum("ijab,ab->ij", windows, k))


def back(g: Array, k: Array) -> Array:
    return slid(np.pad(g, 1), k[::-1, ::-1])


def blocks(m: Array) -> Array:
    return m.reshape(2, 2, 3, 2).transpose(0, 2, 1, 3).reshape(2, 3, 4)


@cache
def pooled() -> tuple[backprop.Problem, Arrays]:
    lines = ["M = conv(X, K) + b", "P = max_pool(M, 2)", "N = conv(X, J)", "Q = max_pool(N, 2)"]
    lines += ["L = sum(P * G) + sum(Q * H)"]
    given = {"X": IMG, "K": K1, "J": K2, "b": BIAS, "G": G1, "H": G2}
    problem = backprop.load({"values": given, "equations": lines, "train": ["X", "K", "J", "b"]})
    right: Arrays = {}
    for k, b, g, m, p in ((K1, BIAS, G1, "M", "P"), (K2, 0, G2, "N", "Q")):
        right[m] = slid(IMG, k) + b
        right[p] = blocks(right[m]).max(axis=2)
        won = blocks(right[m]) == right[p][..., None]
        spread = (won * g[..., None]).reshape(2, 3, 2, 2).transpose(0, 2, 1, 3).reshape(4, 6)
        right[f"d{m}"] = spread
    right["dX"] = back(right["dM"], K1) + back(right["dN"], K2)
    return problem, right


def of_windows() -> list[tuple[str, Array, str]]:
    v = pooled()[1]
    last = np.array([[0, 0], [0, K1[1, 1]]])
    turned = back(v["dM"], K1[::-1, ::-1]) + back(v["dN"], K2[::-1, ::-1])
    return [
        ("M", slid(IMG, K1[:, ::-1]) + BIAS, "kernel-flipped"),
        ("M", slid(IMG, last) + BIAS, "one-position-only"),
        ("M", slid(IMG, np.ones((2, 2))) + K1.sum() + BIAS, "operator-exchanged"),
        ("M", slid(IMG, K1 + BIAS), "brackets-misplaced"),
        ("M", slid(IMG, K1) + 4 * BIAS, "term-scaled"),
        ("P", blocks(v["M"]).min(axis=2), "wrong-activation"),
        ("P", v["M"][::2, ::2], "one-position-only"),
        ("dX", turned, "kernel-flipped"),
    ]


@pytest.mark.parametrize(("id", "wrong", "name"), of_windows())
def test_windows(id: str, wrong: Array, name: str) -> None:
    assert name in checked(*pooled(), id, wrong)


# Steps --------------------------------------------------------------------------------------------

A, R, O = [drawn(3) for _ in range(3)], drawn(3, 3), drawn(3, 2)  # noqa: E741


@cache
def steps() -> tuple[backprop.Problem, Arrays]:
    lines = [
        "h_1 = tanh(x_1 + b)",
        "h_2 = tanh(x_2 + h_1 @ R + b)",
        "h_3 = tanh(x_3 + h_2 @ R + b)",
    ]
    lines += [*(f"o_{k} = h_{k} @ O" for k in (1, 2, 3)), "L = sum(o_1^2) + sum(o_2^3) + sum(o_3)"]
    given = {**{f"x_{k + 1}": x for k, x in enumerate(A)}, "R": R, "O": O, "b": [0.1, -0.2, 0.3]}
    problem = backprop.load({"values": given, "equations": lines, "train": ["R", "O", "b"]})
    h, b = [np.zeros(3)], np.array(given["b"])
    for x in A:
        h.append(np.tanh(x + h[-1] @ R + b) if len(h) > 1 else np.tanh(x + b))
    o = [one @ O for one in h[1:]]
    do = [2 * o[0], 3 * o[1] ** 2, np.ones(2)]
    right = {**{f"h_{k}": h[k] for k in (1, 2, 3)}, **{f"o_{k + 1}": o[k] for k in range(3)}}
    right |= {f"do_{k + 1}": do[k] for k in range(3)}
    return problem, right | {"dO": np.array(h[1:]).T @ np.array(do)}


def test_steps_backwards() -> None:
    problem, right = steps()
    h = np.array([right[f"h_{k}"] for k in (1, 2, 3)])
    do = np.array([right[f"do_{k}"] for k in (3, 2, 1)])
    assert "wrong-operand" in checked(problem, right, "dO", h.T @ do)


def test_a_sum_over_units_for_one_over_steps() -> None:
    """As many steps as units, so that nothing but the numbers tells."""
    lines = ["p_t = tanh(x_t + b)", "l_t = sum(p_t^2)"]
    loss = {"for t in 1..3": lines}
    given = {**{f"x_{k + 1}": x for k, x in enumerate(A)}, "b": [0.1, -0.2, 0.3]}
    text = {"values": given, "equations": [loss, "L = l_1 + l_2 + l_3"], "train": ["b"]}
    p = np.tanh(np.array(A) + np.array(given["b"]))
    da = 2 * p * (1 - p**2)
    right = {**{f"p_{k}": p[k - 1] for k in (1, 2, 3)}, "db": da.sum(axis=0)}
    slips = checked(backprop.load(text), right, "db", da.sum(axis=1))
    assert "summed-over-wrong-axis" in slips

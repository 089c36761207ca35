"""Kinds of mistakes of the ninth held-out set that had no name: each has it now."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import backprop_cli as backprop

KINDS = ("float64", "float32")
STEPS = 4


def drawn(seed: int, *shape: int) -> Any:
    return np.random.default_rng(seed).uniform(-1.5, 1.5, shape).round(2)


# A loop whose first step has nothing before it ----------------------------------------------------

X, U, W = drawn(1, STEPS, 2), drawn(2, 3, 2), drawn(3, 3, 3)
SCORES, TARGET = drawn(4, 3), drawn(5, 3)
POOLED = {
    "values": {"x": X, "U": U, "W": W, "v": SCORES, "y": TARGET, "h_0": [0, 0, 0]},
    "equations": [
        {"for t in 1..4": ["z_t = U @ x[t] + W @ h_{t-1}", "h_t = tanh(z_t)", "e_t = dot(h_t, v)"]},
        "a = softmax([e_1, e_2, e_3, e_4])",
        "c = a[1] * h_1 + a[2] * h_2 + a[3] * h_3 + a[4] * h_4",
        "L = half_squared_error(c, y)",
    ],
    "train": ["U", "W", "v"],
}


def pooled(kind: str, mistake: str = "") -> dict[str, Any]:
    """A recurrent net whose states are pooled by a softmax of their scores, worked out in loops."""
    x, u, w, v, y = (one.astype(kind) for one in (X, U, W, SCORES, TARGET))
    h = np.zeros((STEPS, 3), kind)
    for t in range(STEPS):
        h[t] = np.tanh(u @ x[t] + (w @ h[t - 1] if t > 0 else 0))
    e = h @ v
    a = np.exp(e) / np.exp(e).sum()
    c = a @ h
    dc = c - y
    da = h @ dc
    de = a * (da - a @ da)
    dh = np.outer(a, dc) + np.outer(de, v)
    dz, du, dw = np.zeros((STEPS, 3), kind), np.zeros_like(u), np.zeros_like(w)
    for t in reversed(range(STEPS)):
        dz[t] = dh[t] * (1 - h[t] ** 2)
        du += np.outer(dz[t], x[t - 1 if mistake == "row before, the last before the first" else t])
        if t > 0:
            dw += np.outer(dz[t], h[t if mistake == "own state" else t - 1])
            dh[t - 1] += w.T @ dz[t]
    dv = h.T @ (a if mistake == "weights for gradients of scores" else de)
    found = {"h": h, "e": e, "a": a, "c": c, "da": da, "de": de, "dh": dh, "dz": dz}
    return found | {"dU": du, "dW": dw, "dv": dv}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("mistake", "id"),
    [
        ("own state", "dL/dW"),
        ("row before, the last before the first", "dL/dU"),
        ("weights for gradients of scores", "dL/dv"),
    ],
)
def test_another_operand_at_each_step(kind: str, mistake: str, id: str) -> None:
    problem = backprop.load(POOLED)
    right = problem.check(pooled(kind))
    assert {one.verdict for one in right} <= {"correct", "missing"}
    report = problem.check(pooled(kind, mistake))
    assert [one.id for one in report if one.verdict == "wrong"] == [id]
    assert report[id].slips == ("wrong-operand",)


# Windows with the channels last ------------------------------------------------------------------

PICTURE, FILTERS = drawn(11, 2, 5, 4), drawn(12, 3, 2, 2, 3)  # channels or filters first
CONVOLVED = {
    "input": "picture",
    "x": PICTURE,
    "layers": [{"type": "conv", "kernel": FILTERS}],
    "loss": "none",
}


def convolved(how: str) -> Any:
    """4 × 2 × 3, the filters last: each window of 2 × 3 entries in a row, times the filters."""
    x, k = PICTURE.transpose(1, 2, 0), FILTERS.transpose(2, 3, 1, 0)
    found = np.zeros((4, 2, 3))
    for i, j in np.ndindex(4, 2):
        window = x[i : i + 2, j : j + 3]
        rows, filters = window, k
        if how == "filters have the channels first":
            filters = k.transpose(2, 0, 1, 3)
        elif how == "windows have the channels first":
            rows = window.transpose(2, 0, 1)
        elif how == "no index in the loop":
            rows = np.broadcast_to(window[:1, :1], window.shape)
        found[i, j] = rows.reshape(-1) @ filters.reshape(-1, 3)
    return found


@pytest.mark.parametrize(
    ("how", "slip"),
    [
        ("filters have the channels first", "reshape-for-transpose"),
        ("windows have the channels first", "reshape-for-transpose"),
        ("no index in the loop", "one-position-only"),
    ],
)
def test_windows_and_filters_in_other_orders(how: str, slip: str) -> None:
    data = CONVOLVED | {"layers": [*CONVOLVED["layers"], {"type": "flatten"}]}
    problem = backprop.load(data)
    assert problem.check({"Z1": convolved("")})["Z1"].verdict == "correct"
    report = problem.check({"Z1": convolved(how), "K1": FILTERS.transpose(2, 3, 1, 0)})
    assert report["Z1"].slips == (slip,)

"""Loops over pictures, places and channels that go wrong: kinds of the eleventh held-out set."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

import backprop_cli as backprop

KINDS = ("float64", "float32")


def drawn(seed: int, *shape: int) -> Any:
    return np.random.default_rng(seed).uniform(-1.2, 1.2, shape).round(2)


X, K, B, W, C = drawn(1, 2, 2, 5, 5), drawn(2, 2, 2, 3, 3), drawn(3, 2), drawn(4, 8, 3), drawn(5, 3)
Y = np.eye(3)[[2, 0]]
PROBLEM = backprop.load(
    {
        "convention": {"affine": "x W + b", "output_gradient": "fused"},
        "x": X,
        "input": "pictures",
        "layers": [
            {
                "type": "conv",
                "kernel": K,
                "bias": B,
                "padding": 1,
                "stride": 2,
                "activation": "tanh",
            },
            {"type": "mean-pool", "size": 2, "stride": 1},
            {"type": "flatten"},
            {"weights": W, "bias": C, "activation": "softmax"},
        ],
        "y": {"labels": [3, 1], "classes": 3},
        "loss": "cross-entropy",
    }
)
PLACES = tuple(product(range(2), range(3), range(3)))
"""Of each picture, row by row."""


def by_loops(kind: str, mistake: str = "") -> dict[str, Any]:
    """Each window by itself, each gradient added up place by place."""
    k, b, w, c = (one.astype(kind) for one in (K, B, W, C))
    x = np.pad(X.astype(kind), ((0, 0), (0, 0), (1, 1), (1, 1)))
    z, pooled = np.zeros((2, 2, 3, 3), kind), np.zeros((2, 2, 2, 2), kind)
    for n, i, j in PLACES:
        window = x[n, :, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
        z[n, :, i, j] = (k * window).sum(axis=(1, 2, 3)) + b
    h = np.tanh(z)
    for i, j in product(range(2), range(2)):
        own = h[:, :, i : i + 2, j : j + 2].mean(axis=(2, 3))
        pooled[:, :, i, j] = own.mean(axis=1, keepdims=True) if mistake == "all channels" else own
    order = (0, 2, 3, 1) if mistake == "channels last" else (0, 1, 2, 3)
    logits = pooled.transpose(order).reshape(2, -1) @ w + c
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    g = (p - Y.astype(kind)) / 2
    dpooled = np.empty((2, 2, 2, 2), kind)
    dpooled.transpose(order)[...] = (g @ w.T).reshape(dpooled.transpose(order).shape)
    dh = np.zeros_like(h)
    for i, j in product(range(2), range(2)):
        dh[:, :, i : i + 2, j : j + 2] += dpooled[:, :, i, j][..., None, None] / 4
    dz, dk, db = dh * (1 - h * h), np.zeros_like(k), np.zeros_like(b)
    step = 1 if mistake == "side by side" else 2
    for n, i, j in PLACES:
        window = x[n, :, step * i : step * i + 3, step * j : step * j + 3]
        one = dz[n, :, i, j][:, None, None, None] * window
        dk = one if mistake == "kernel set" else dk + one
        db = dz[n, :, i, j] if mistake == "bias set" else db + dz[n, :, i, j]
    kept = {"Z1": z, "H1": h, "H2": pooled, "Z4": logits, "Yhat": p, "dZ4": g, "dH1": dh}
    return kept | {"dZ1": dz, "dK1": dk, "db1": db}


@pytest.mark.parametrize("kind", KINDS)
def test_the_right_program(kind: str) -> None:
    assert {one.verdict for one in PROBLEM.check(by_loops(kind))} <= {"correct", "missing"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("mistake", "id", "slip"),
    [
        ("all channels", "H2_1", "summed-too-early"),
        ("channels last", "Z4", "other-order"),
        ("side by side", "dL/dK1", "wrong-stride"),
        ("kernel set", "dL/dK1", "gradient-overwritten"),
        ("bias set", "dL/db1", "gradient-overwritten"),
    ],
)
def test_a_loop_that_goes_wrong(kind: str, mistake: str, id: str, slip: str) -> None:
    report = PROBLEM.check(by_loops(kind, mistake))
    assert report.first_wrong == id
    assert slip in report[id].slips[:3]


def test_two_places_are_not_said_to_be_one() -> None:
    right, last = by_loops("float64"), by_loops("float64", "kernel set")
    two = last["dK1"] + 0.5 * (right["dK1"] - last["dK1"])
    assert PROBLEM.check({**right, "dK1": two})["dL/dK1"].slips == ()

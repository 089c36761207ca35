"""Whole drawn networks of pictures and of attention against PyTorch: values and all gradients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import backprop_cli as backprop

torch = pytest.importorskip("torch")
functions = torch.nn.functional
Array = NDArray[np.float64]

# Few, for the time they take: a longer range draws more of the same.
SEEDS = range(20)

ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid}
AFTER = {"linear": lambda z: z, **ACTIVATIONS}


def close(found: Array, wanted: Any, id: str) -> None:
    array = wanted.detach().numpy()
    assert np.shape(found) == array.shape, id
    np.testing.assert_allclose(found, array, rtol=1e-9, atol=1e-12, err_msg=id)


@dataclass(frozen=True)
class Windows:
    """How windows lie along both axes: their size, how far apart they are, what is put around."""

    size: int
    stride: int
    padding: int = 0

    def counts(self, places: tuple[int, int]) -> tuple[int, int] | None:
        """How many fit along each axis; None where it does not come out whole."""
        free = [n + 2 * self.padding - self.size for n in places]
        if any(n < 0 or n % self.stride for n in free):
            return None
        return free[0] // self.stride + 1, free[1] // self.stride + 1


def fitting(rng: np.random.Generator, places: tuple[int, int], padding: int) -> Windows:
    """Drawn windows that fit; one entry at a time always does."""
    for _ in range(20):
        size, stride, around = (int(n) for n in rng.integers((1, 1, 0), (4, 4, padding + 1)))
        one = Windows(size, stride, min(around, size - 1))
        if one.counts(places):
            return one
    return Windows(1, 1)


class Pictures:
    """Some convolutions with activations and pooling between them, and dense layers behind."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(7000 + seed)
        self.rng, self.flipped = rng, bool(rng.integers(2))
        self.channels = int(rng.integers(1, 4))
        self.places = (int(rng.integers(4, 9)), int(rng.integers(4, 9)))
        self.leaves: dict[str, Any] = {}
        self.layers: list[dict[str, Any]] = []
        self.values: dict[str, Any] = {}
        x = self.leaf("X", self.channels, *self.places)
        h = x[None]
        for _ in range(int(rng.integers(1, 3))):
            h = self.pooled(self.convolved(h)) if rng.integers(2) else self.convolved(h)
        self.layers.append({"type": "flatten"})
        h = h.reshape(-1)
        self.values[f"H{len(self.layers)}"] = h
        if rng.integers(2):
            h = self.dense(h, int(rng.integers(1, 4)), str(rng.choice(sorted(AFTER))))
        self.loss = self.with_loss(h)

    def leaf(self, name: str, *shape: int) -> Any:
        values = self.rng.normal(scale=0.7, size=shape)
        self.leaves[name] = torch.tensor(values, requires_grad=True)
        return self.leaves[name]

    def convolved(self, h: Any) -> Any:
        number, windows = len(self.layers) + 1, fitting(self.rng, self.places, padding=2)
        filters = int(self.rng.integers(1, 4))
        kernel = self.leaf(f"K{number}", filters, self.channels, windows.size, windows.size)
        bias, activation = self.leaf(f"b{number}", filters), str(self.rng.choice(sorted(AFTER)))
        layer = {"type": "conv", "kernel": kernel.tolist(), "bias": bias.tolist()}
        layer |= {"stride": windows.stride, "padding": windows.padding, "activation": activation}
        self.layers.append(layer)
        self.channels, self.places = filters, self.left(windows)
        turned = kernel.flip(2, 3) if self.flipped else kernel
        z = functions.conv2d(h, turned, bias, windows.stride, windows.padding)
        return AFTER[activation](z)

    def pooled(self, h: Any) -> Any:
        windows, kind = (
            fitting(self.rng, self.places, padding=0),
            str(self.rng.choice(["max", "mean"])),
        )
        self.layers.append({"type": f"{kind}-pool", "size": windows.size, "stride": windows.stride})
        self.places = self.left(windows)
        pool = functions.max_pool2d if kind == "max" else functions.avg_pool2d
        return pool(h, windows.size, windows.stride)

    def left(self, windows: Windows) -> tuple[int, int]:
        counts = windows.counts(self.places)
        assert counts is not None
        return counts

    def dense(self, h: Any, units: int, activation: str) -> Any:
        number = len(self.layers) + 1
        weights, bias = self.leaf(f"W{number}", units, len(h)), self.leaf(f"b{number}", units)
        layer = {"weights": weights.tolist(), "bias": bias.tolist(), "activation": activation}
        self.layers.append(layer)
        z = weights @ h + bias
        return z if activation == "softmax" else AFTER[activation](z)

    def with_loss(self, h: Any) -> Any:
        """A classifier or a regression."""
        units = int(self.rng.integers(2, 4))
        if self.rng.integers(2):
            self.y, self.name = [0.0] * (units - 1) + [1.0], "cross-entropy"
            return -torch.log_softmax(self.dense(h, units, "softmax"), 0)[-1]
        self.y, self.name = self.rng.normal(size=units).tolist(), "half-squared-error"
        return (
            (self.dense(h, units, "linear") - torch.tensor(self.y, dtype=torch.float64)) ** 2
        ).sum() / 2

    def problem(self) -> dict[str, Any]:
        convention = {"convolution": "flipped"} if self.flipped else {}
        said = {"x": self.leaves["X"].tolist(), "input": "picture", "layers": self.layers}
        return {"convention": convention, **said, "y": self.y, "loss": self.name}

    def wanted(self) -> Iterator[tuple[str, Any]]:
        self.loss.backward()
        yield "L", self.loss
        yield from self.values.items()
        yield from ((f"dL/d{name}", leaf.grad) for name, leaf in self.leaves.items())


@pytest.mark.parametrize("seed", SEEDS)
def test_a_network_of_a_picture_is_that_of_pytorch(seed: int) -> None:
    one = Pictures(seed)
    found = backprop.load(one.problem()).solve()
    for id, wanted in one.wanted():
        close(found[id], wanted, id)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_block_of_a_transformer_is_that_of_pytorch(seed: int) -> None:
    rng = np.random.default_rng(8000 + seed)
    heads, causal, eps = int(rng.integers(1, 4)), bool(rng.integers(2)), 10.0 ** -rng.integers(1, 6)
    rows, wide = int(rng.integers(2, 5)), heads * int(rng.integers(1, 4))
    wide += heads * (wide == 1)  # the norm of one number is 0
    shapes: dict[str, tuple[int, ...]] = {
        "X": (rows, wide),
        **dict.fromkeys(("WQ", "WK", "WV", "WO"), (wide, wide)),
    }
    shapes |= {"gamma": (wide,), "beta": (wide,), "T": (rows, wide)}
    values = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    mask = ", mask=causal" if causal else ""
    found = backprop.load(
        {
            "values": {name: value.tolist() for name, value in values.items()},
            "equations": [
                f"O = attention(X @ WQ, X @ WK, X @ WV{mask}, heads={heads})",
                f"N = layer_norm(X + O @ WO, gamma, beta, epsilon={eps})",
                "L = half_squared_error(tanh(N), T)",
            ],
        }
    ).solve()
    at = {name: torch.tensor(value, requires_grad=True) for name, value in values.items()}

    def of_heads(name: str) -> Any:
        return (at["X"] @ at[name]).reshape(rows, heads, -1).transpose(0, 1)

    attention = functions.scaled_dot_product_attention
    o = attention(*map(of_heads, ("WQ", "WK", "WV")), is_causal=causal)
    o = o.transpose(0, 1).reshape(rows, wide)
    n = functions.layer_norm(at["X"] + o @ at["WO"], (wide,), at["gamma"], at["beta"], eps=eps)
    loss = ((torch.tanh(n) - at["T"]) ** 2).sum() / 2
    loss.backward()
    for id, wanted in {"O": o, "N": n, "L": loss}.items():
        close(found[id], wanted, id)
    for name in set(shapes) - {"T"}:
        close(found[f"dL/d{name}"], at[name].grad, name)

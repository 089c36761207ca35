"""Mistakes with kernels and pooling windows, by loops, are named; honest sheets are right."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from judged import graded
from numpy.typing import NDArray
from test_windows import convolved, pooled

import backprop_cli as backprop

Array = NDArray[np.float64]
PROBLEMS = Path(__file__).resolve().parent.parent / "problems"


class Hand:
    """z = conv(x, k), h = tanh(z), p = max_pool(h), L = Σ c p²: all of it by loops, in two axes."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.x = np.round(rng.uniform(-1.5, 1.5, (5, 5)), 1)
        self.k = np.round(rng.uniform(-1.2, 1.2, (2, 2)), 1)
        self.b = 0.2
        self.z = self.slid(self.x, self.k) + self.b
        self.h = np.tanh(self.z)
        values, self.shares = pooled(self.h[None], 2, 2, "first")
        self.p = values[0]
        self.dp = 2 * self.p
        self.dh = np.tensordot(self.dp[None], self.shares, 3)[0]
        self.dz = self.dh * (1 - self.h**2)
        self.dk = self.slid(self.x, self.dz)
        self.dx = self.back(self.dz, self.k)

    @staticmethod
    def slid(x: Array, k: Array) -> Array:
        found: Array = convolved(x[None], k[None, None], 1, 0)[0]
        return found

    @staticmethod
    def back(g: Array, k: Array) -> Array:
        """Each number of g times the kernel, added up where its window was."""
        found = np.zeros((g.shape[0] + k.shape[0] - 1, g.shape[1] + k.shape[1] - 1))
        for i, j in np.ndindex(g.shape):
            found[i : i + k.shape[0], j : j + k.shape[1]] += g[i, j] * k
        return found

    @property
    def problem(self) -> str:
        data = {
            "values": {"x": self.x.tolist(), "k": self.k.tolist(), "b": self.b},
            "equations": [
                "z = conv(x, k) + b",
                "h = tanh(z)",
                "p = max_pool(h, 2)",
                "L = sum(p^2)",
            ],
            "train": ["k", "b"],
            "ask": ["z", "h", "p", "L", "dL/dp", "dL/dh", "dL/dz", "dL/dk", "dL/db", "dL/dx"],
            "grading": {"precision": {"decimals": 5}},
        }
        return yaml.safe_dump(data)

    @property
    def right(self) -> dict[str, Any]:
        return {
            "z": self.z,
            "h": self.h,
            "p": self.p,
            "L": np.sum(self.p**2),
            "dL/dp": self.dp,
            "dL/dh": self.dh,
            "dL/dz": self.dz,
            "dL/dk": self.dk,
            "dL/db": np.sum(self.dz),
            "dL/dx": self.dx,
        }


def rounded(value: Any, decimals: int) -> Any:
    """Numbers as somebody types them."""
    step = Decimal(1).scaleb(-decimals)
    if np.ndim(value):
        return [rounded(one, decimals) for one in value]
    return str(Decimal(repr(float(value))).quantize(step, ROUND_HALF_UP))


def sheet(values: dict[str, Any], decimals: int = 6) -> str:
    lines = [f"  {id}: {written(rounded(value, decimals))}" for id, value in values.items()]
    return "\n".join(lines)


def written(value: Any) -> str:
    return f"[{', '.join(map(written, value))}]" if isinstance(value, list) else str(value)


def at_one_place(hand: Hand, place: tuple[int, int]) -> Array:
    alone = np.zeros(hand.dz.shape)
    alone[place] = hand.dz[place]
    return alone


def living(hand: Hand) -> list[tuple[int, int]]:
    return [(int(i), int(j)) for i, j in np.argwhere(hand.dz)]


WRONG: dict[str, tuple[str, Callable[[Hand], Array], str]] = {
    "turned forward": ("z", lambda v: v.slid(v.x, v.k[::-1, ::-1]) + v.b, "kernel-flipped"),
    "not turned back": ("dL/dx", lambda v: v.back(v.dz, v.k[::-1, ::-1]), "kernel-flipped"),
    "turned in the kernel": ("dL/dk", lambda v: v.dk[::-1, ::-1], "kernel-flipped"),
    "first living place alone": (
        "dL/dk",
        lambda v: v.slid(v.x, at_one_place(v, living(v)[0])),
        "one-position-only",
    ),
    "last living place alone": (
        "dL/dk",
        lambda v: v.slid(v.x, at_one_place(v, living(v)[-1])),
        "one-position-only",
    ),
    "one place back": (
        "dL/dx",
        lambda v: v.back(at_one_place(v, living(v)[0]), v.k),
        "one-position-only",
    ),
    "to the whole window": (
        "dL/dh",
        lambda v: np.repeat(np.repeat(v.dp, 2, 0), 2, 1),
        "gradient-to-all",
    ),
    "shared in the window": (
        "dL/dh",
        lambda v: np.repeat(np.repeat(v.dp, 2, 0), 2, 1) / 4,
        "gradient-to-all",
    ),
}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("what", WRONG)
def test_a_mistake_with_a_window_is_named(what: str, seed: int) -> None:
    hand = Hand(seed)
    id, wrong, slip = WRONG[what]
    before = {}
    for name, value in hand.right.items():
        if name == id:
            break
        before[name] = value
    result = graded(hand.problem, "\n" + sheet({**before, id: wrong(hand)}))[id]
    assert result.verdict == "wrong"
    assert slip in result.slips
    assert len(result.slips) <= 3


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("what", WRONG)
def test_a_neighbour_of_a_mistake_has_no_such_name(what: str, seed: int) -> None:
    hand = Hand(seed)
    id, wrong, slip = WRONG[what]
    before = {}
    for name, value in hand.right.items():
        if name == id:
            break
        before[name] = value
    moved = np.array(wrong(hand), dtype=float)
    moved[0, 0] += 0.01
    result = graded(hand.problem, "\n" + sheet({**before, id: moved}))[id]
    assert result.verdict == "wrong"
    assert slip not in result.slips


@pytest.mark.parametrize("decimals", [2, 3, 4, 5])
@pytest.mark.parametrize("seed", range(5))
def test_honest_sheets_are_right_however_they_are_rounded(seed: int, decimals: int) -> None:
    hand = Hand(seed)
    problem = hand.problem.replace("decimals: 5", f"decimals: {decimals}")
    for values in (hand.right, step_by_step(hand, decimals)):
        found = graded(problem, "\n" + sheet(values, decimals))
        assert {id: each.verdict for id, each in found.items()} == dict.fromkeys(found, "correct")


def step_by_step(hand: Hand, decimals: int) -> dict[str, Array]:
    """Every quantity worked out from the rounded ones before it."""

    def r(value: Any) -> Array:
        return np.array(rounded(value, decimals), dtype=float)

    z = r(hand.slid(hand.x, hand.k) + hand.b)
    h = r(np.tanh(z))
    values, shares = pooled(h[None], 2, 2, "first")
    p = values[0]
    dp = r(2 * p)
    dh = np.tensordot(dp[None], shares, 3)[0]
    dz = r(dh * r(1 - r(h**2)))
    return {
        "z": z,
        "h": h,
        "p": p,
        "L": r(np.sum(r(p**2))),
        "dL/dp": dp,
        "dL/dh": dh,
        "dL/dz": dz,
        "dL/dk": r(hand.slid(hand.x, dz)),
        "dL/db": np.sum(dz),
        "dL/dx": r(hand.back(dz, hand.k)),
    }


def test_a_bias_of_one_place_of_its_channel_is_named() -> None:
    x, k = [[1, 2, 0], [3, -1, 1], [0, 2, 5]], [[[1, 0], [2, 1]], [[0, 1], [-1, 1]]]
    problem = yaml.safe_dump(
        {
            "x": x,
            "input": "picture",
            "layers": [{"type": "conv", "kernel": k, "bias": [0.5, -1]}],
            "upstream": {"Yhat": [[[1, 2], [4, 8]], [[3, 5], [7, 9]]]},
            "ask": ["dL/dZ1", "dL/db1"],
        }
    )
    given = "dL/dZ1: [[[1, 2], [4, 8]], [[3, 5], [7, 9]]]"
    assert graded(problem, f"{given}, dL/db1: [15, 24]")["dL/db1"].verdict == "correct"
    result = graded(problem, f"{given}, dL/db1: [4, 7]")["dL/db1"]
    assert (result.verdict, "one-position-only" in result.slips) == ("wrong", True)


@pytest.mark.parametrize(
    ("id", "value", "named"),
    [
        ("Z1", [[[3, 1], [0, 2]], [[4, -1], [2, 3]]], "bias-left-out"),
        ("dL/db1", [0.25, -0.75], "mean-sum-confused"),
    ],
)
def test_biases_of_filters(id: str, value: Any, named: str) -> None:
    problem = backprop.load(
        {
            "x": [[[3, 1], [0, 2]], [[4, -1], [2, 3]]],
            "input": "picture",
            "layers": [
                {
                    "type": "conv",
                    "kernel": [[[[1]], [[0]]], [[[0]], [[1]]]],
                    "bias": [0.5, -0.2],
                }
            ],
            "loss": "none",
            "upstream": {"Yhat": [[[1, -1], [2, -1]], [[-1, -2], [1, -1]]]},
            "ask": [id],
        }
    )
    assert np.allclose(problem.solve()["dL/db1"], [1, -3])
    assert problem.check({id: value})[id].slips[0] == named


def test_a_turned_kernel_left_as_it_is_where_convolutions_turn_it() -> None:
    """By hand: w turned is (2, -1, 0.5), so z is (2 - 2 - 0.5, 4 + 1, -2 + 1.5)."""
    problem = """convention: {convolution: flipped}
values: {x: [1, 2, -1, 0, 3], w: [0.5, -1, 2]}
equations: ["z = conv(x, w)", L = sum(z)]
ask: [z, dL/dz, dL/dw]
train: [w]
"""
    assert graded(problem, "z: [-0.5, 5, -0.5]")["z"].verdict == "correct"
    assert "kernel-flipped" in graded(problem, "z: [-3.5, 2, 5.5]")["z"].slips
    found = graded(problem, "z: [-0.5, 5, -0.5], dL/dz: [1, 1, 1], dL/dw: [2, 1, 2]")["dL/dw"]
    assert found.verdict == "correct"


@pytest.mark.parametrize(
    "path", sorted(PROBLEMS.glob("sheets/*/*.yaml")), ids=lambda p: p.parent.name + "-" + p.stem
)
def test_the_sheets_beside_the_problems_make_the_mistake_they_say(path: Path) -> None:
    slips = {
        "kernel-not-turned": "kernel-flipped",
        "one-position": "one-position-only",
        "gradient-to-all": "gradient-to-all",
        "neighbours": "wrong-stride",
        "zeros": "wrong-padding",
        "one-picture": "path-lost",
    }
    if path.stem not in slips:
        return
    report = backprop.load(PROBLEMS / f"{path.parent.name}.yaml").check(path)
    wrong = [result for result in report.results if result.verdict == "wrong"]
    assert len(wrong) == 1
    assert slips[path.stem] in wrong[0].slips


SIGNAL = np.array([1, 0, 2, -1, 3, 1, 2.0])
SLID = """values: {x: [1, 0, 2, -1, 3, 1, 2], w: [2, -1, 1]}
equations: ["z = HOW", L = sum(z^2) / 2]
ask: [z, dL/dz, dL/dw]
train: [w]
"""


@pytest.mark.parametrize(
    ("how", "right", "close"),
    [
        ("conv(x, w, dilation=2)", [0, 2, 4], [0, 1, 2]),
        ("conv(x, w, stride=2)", [0, 1, 2], [0, 1, 2]),
        ("conv(x, w, dilation=3)", [0, 3, 6], [0, 1, 2]),
    ],
)
def test_windows_that_are_too_close_together_are_named(
    how: str, right: list[int], close: list[int]
) -> None:
    problem, w = SLID.replace("HOW", how), np.array([2, -1, 1])
    step = 2 if "stride" in how else 1
    count = (7 - right[-1] - 1) // step + 1
    z = [float(w @ SIGNAL[[step * i + a for a in right]]) for i in range(count)]
    wrong = [float(w @ SIGNAL[[i + a for a in close]]) for i in range(count)]
    dw = [sum(g * SIGNAL[step * i + a] for i, g in enumerate(z)) for a in right]
    one = [sum(g * SIGNAL[i + a] for i, g in enumerate(z)) for a in close]
    assert graded(problem, f"z: {z}, dL/dz: {z}, dL/dw: {dw}")["dL/dw"].verdict == "correct"
    for id, sheet in (("z", f"z: {wrong}"), ("dL/dw", f"z: {z}, dL/dz: {z}, dL/dw: {one}")):
        found = graded(problem, sheet)[id]
        assert (found.verdict, found.slips[0]) == ("wrong", "wrong-stride")
    beside = graded(problem, f"z: {[*wrong[:-1], wrong[-1] + 0.5]}")["z"]
    assert (beside.verdict, "wrong-stride" in beside.slips) == ("wrong", False)

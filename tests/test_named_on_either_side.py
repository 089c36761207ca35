"""A case distinction of a program that is written with maximum and minimum in the problem."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from backprop_cli import load

Array = NDArray[np.float64]

RNG = np.random.default_rng(3)
X, W, Y = RNG.normal(size=(4, 3)), RNG.normal(size=(3, 2)), RNG.normal(size=(4, 2))
SLOPE = 0.1
PROBLEM = load(
    {
        "values": {"x": X.tolist(), "W": W.tolist(), "Y": Y.tolist(), "slope": SLOPE},
        "equations": [
            "q = x @ W",
            "r = max(q, 0) + slope * min(q, 0)",
            "L = sum((r - Y)^2) / 8",
        ],
        "train": ["W"],
    }
)
Q = X @ W
R = np.where(Q > 0, Q, SLOPE * Q)
G = (R - Y) / 4


@pytest.mark.parametrize(
    ("value", "slip"),
    [
        (np.where(Q > 0, SLOPE * Q, Q), "cases-exchanged"),
        (np.where(Q > 0, Q, SLOPE), "factor-left-out"),
        (np.where(Q > 0, Q, 1.05 * SLOPE * Q), ""),
    ],
)
def test_a_value(value: Array, slip: str) -> None:
    slips = {*PROBLEM.check({"q": Q, "r": value})["r"].slips}
    assert slip in slips if slip else not {"cases-exchanged", "factor-left-out"} & slips


@pytest.mark.parametrize(
    ("slope", "slip"),
    [
        (np.where(Q > 0, SLOPE, 1), "cases-exchanged"),
        (np.where(G > 0, 1, SLOPE), "mask-from-gradient"),
        (np.where(Q > 0, 1, SLOPE * Q), "wrong-activation-derivative"),
        (np.where(Y > 0, 1, SLOPE), ""),
    ],
)
def test_a_gradient(slope: Array, slip: str) -> None:
    sheet = {"q": Q, "r": R, "dL/dr": G, "dL/dq": G * slope}
    slips = {*PROBLEM.check(sheet)["dL/dq"].slips}
    assert slip in slips if slip else not {"cases-exchanged", "mask-from-gradient"} & slips

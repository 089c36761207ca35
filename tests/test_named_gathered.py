"""Windows put together by indices, and pictures of a batch side by side, as im2col has them.

All is worked out here in plain NumPy, with one thing wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

import backprop_cli as backprop

Arrays = dict[str, Any]
RNG = np.random.default_rng(31)
X = RNG.uniform(-1, 1, (2, 2, 5, 5)).round(2)
K = RNG.uniform(-1, 1, (3, 2, 3, 3)).round(2)
W = RNG.uniform(-1, 1, (12, 2)).round(2)
NONE = ((0, 0), (0, 0))


@cache
def problem() -> backprop.Problem:
    return backprop.load(
        {
            "convention": {"affine": "x W + b"},
            "input": "pictures",
            "x": X.tolist(),
            "y": [[1, 0], [0, 1]],
            "layers": [
                {"type": "conv", "kernel": K.tolist(), "stride": 2, "padding": 1},
                {"type": "max-pool", "size": 2, "stride": 1},
                {"type": "flatten"},
                {"weights": W.tolist(), "activation": "softmax"},
            ],
            "loss": "cross-entropy",
        }
    )


def columns(pictures: Any, rows: Any, places: Any) -> Any:
    """Channels and entries of a window down, its places and then the pictures across."""
    views = pictures[:, :, rows, places]
    return views.reshape(len(pictures), -1, rows.shape[1]).transpose(1, 2, 0)


def out_of(cols: Any, kernels: Any = K) -> Any:
    return np.einsum("fk,kpn->fpn", kernels.reshape(len(kernels), -1), cols)


I0, J0 = np.repeat(np.arange(3), 3), np.tile(np.arange(3), 3)
I1, J1 = np.repeat(np.arange(3), 3), np.tile(np.arange(3), 3)
WIDE = np.pad(X, (*NONE, (1, 1), (1, 1)))


def picture(
    i0: Any = I0, i1: Any = I1, j0: Any = J0, j1: Any = J1, wide: Any = WIDE, kernels: Any = K
) -> Any:
    """∂Z1 of both pictures: the stride is in the places."""
    rows, across = i0[:, None] + i1[None], j0[:, None] + j1[None]
    return out_of(columns(wide, rows, across), kernels).transpose(2, 0, 1).reshape(2, 3, 3, 3)


RIGHT = {"i1": 2 * I1, "j1": 2 * J1}
MIXED = out_of(columns(WIDE, I0[:, None] + 2 * I1, J0[:, None] + 2 * J1))

WRONG: list[tuple[str, Any]] = [
    ("wrong-stride", picture(i1=I1, j1=2 * J1)),
    ("wrong-stride", picture(i1=2 * I1, j1=J1)),
    ("wrong-operand", picture(i1=2 * I1, j1=2 * I1)),
    ("wrong-operand", picture(i0=J0, **RIGHT)),
    ("wrong-padding", picture(wide=np.pad(X, (*NONE, (1, 1), (1, 1)), mode="edge"), **RIGHT)),
    ("wrong-padding", picture(wide=np.pad(X, (*NONE, (0, 2), (0, 2))), **RIGHT)),
    ("wrong-padding", picture(wide=np.pad(X, (*NONE, (2, 0), (2, 0))), **RIGHT)),
    ("other-order", picture(kernels=K[:, ::-1], **RIGHT)),
    ("reshape-for-transpose", MIXED.reshape(2, 3, 3, 3)),
    ("reshape-for-transpose", MIXED.reshape(3, 2, 3, 3).transpose(1, 0, 2, 3)),
]
OF_THESE = {slip for slip, _ in WRONG}


@pytest.mark.parametrize("kind", ["float64", "float32"])
@pytest.mark.parametrize(("slip", "value"), WRONG)
def test_windows_by_wrong_indices_are_named(slip: str, value: Any, kind: str) -> None:
    report = problem().check({"Z1": value.astype(kind)})
    assert report.first_wrong in ("Z1_1", "Z1_2")
    assert slip in report[report.first_wrong].slips


@pytest.mark.parametrize("kind", ["float64", "float32"])
def test_right_windows_are_right(kind: str) -> None:
    assert problem().check({"Z1": picture(**RIGHT).astype(kind)}).first_wrong is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda z: z + RNG.uniform(0.1, 0.2, z.shape),
        lambda z: z * RNG.uniform(1.1, 1.2, z.shape),
        lambda z: np.where(np.arange(3) == 1, z, z + 0.1),
    ],
)
def test_what_no_index_explains_is_not_called_so(spoil: Callable[[Any], Any]) -> None:
    report = problem().check({"Z1": spoil(picture(**RIGHT))})
    assert report.first_wrong == "Z1_1"
    assert not OF_THESE & {*report["Z1_1"].slips}


def test_pictures_taken_for_turned_ones_are_not_called_mixed() -> None:
    """Height for width is a transpose, and no reshape."""
    slips = problem().check({"Z1": picture(**RIGHT).swapaxes(2, 3)})["Z1_1"].slips
    assert slips == ("other-order",)


# Windows that overlap -----------------------------------------------------------------------------

G = RNG.uniform(-1, 1, (2, 3, 2, 2)).round(2)


def pooled_back(add: Callable[[Any, Any], Any], largest_alone: bool) -> Any:
    """What comes back through a maximum over windows of 2 × 2 that are one place apart."""
    z = picture(**RIGHT)
    found = np.zeros_like(z)
    for n, f, i, j in np.ndindex(G.shape):
        window = z[n, f, i : i + 2, j : j + 2]
        hit = window == window.max()
        there = found[n, f, i : i + 2, j : j + 2]
        new = add(there, hit * G[n, f, i, j])
        there[...] = np.where(hit, new, there) if largest_alone else new
    return found


POOL = {
    "input": "picture",
    "x": picture(**RIGHT)[0].tolist(),
    "layers": [{"type": "max-pool", "size": 2, "stride": 1}],
    "upstream": {"H1": G[0].tolist()},
}


@pytest.mark.parametrize("largest_alone", [True, False])
def test_overlapping_windows_set_and_not_added(largest_alone: bool) -> None:
    pool = backprop.load(POOL)
    right = pooled_back(lambda there, new: there + new, largest_alone)[0]
    assert pool.check({"dX": right}).first_wrong is None
    wrong = pooled_back(lambda _, new: new, largest_alone)[0]
    assert np.abs(wrong - right).max() > 0.1
    report = pool.check({"dX": wrong})
    assert report.first_wrong is not None
    assert "gradient-overwritten" in report[report.first_wrong].slips
    report = pool.check({"dX": right + 0.1 * (right != 0)})
    assert report.first_wrong is not None
    assert "gradient-overwritten" not in report[report.first_wrong].slips

"""Mistakes that other mistakes come near to, each worked out in plain NumPy, and its neighbour."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from judged import graded

Array = np.ndarray[Any, Any]

W1 = np.array([[0.42, -0.35], [-0.61, 0.27], [0.18, 0.54]])
B1 = np.array([0.13, -0.24, 0.36])
W2 = np.array([[0.9, -0.7, 0.36], [0.3, 1.1, -0.5]])
B2 = np.array([-0.4, 0.2])
X = np.array([0.8, -1.5])
Y = np.array([1.4, -0.9])
RATE = 0.1


def _names(problem: str, sheet: str) -> Mapping[str, tuple[str, ...]]:
    return {id: tuple(one.slips) for id, one in graded(problem, sheet).items()}


def _typed(value: object, decimals: int) -> str:
    return str(np.round(np.asarray(value, dtype=float), decimals).tolist())


# The new loss with one parameter that is still the old one ----------------------------------------

NETWORK = f"""convention: {{affine: W x + b}}
x: {X.tolist()}
layers:
- {{weights: {W1.tolist()}, bias: {B1.tolist()}, activation: tanh}}
- {{weights: {W2.tolist()}, bias: {B2.tolist()}}}
y: {Y.tolist()}
loss: half-squared-error
update: {{rule: sgd, learning_rate: {RATE}}}
grading: {{precision: {{decimals: 4}}}}
"""


def _worked(parameters: Mapping[str, Array]) -> dict[str, Array]:
    h = np.tanh(parameters["W1"] @ X + parameters["b1"])
    out = parameters["W2"] @ h + parameters["b2"]
    return {"H1": h, "Yhat": out, "L": np.asarray(((out - Y) ** 2).sum() / 2)}


def _step() -> tuple[dict[str, Array], dict[str, Array]]:
    """The parameters before and after a step."""
    old = {"W1": W1, "b1": B1, "W2": W2, "b2": B2}
    found = _worked(old)
    delta = found["Yhat"] - Y
    before = W2.T @ delta * (1 - found["H1"] ** 2)
    gradients = {"W1": np.outer(before, X), "b1": before}
    gradients |= {"W2": np.outer(delta, found["H1"]), "b2": delta}
    return old, {name: old[name] - RATE * gradients[name] for name in old}


@pytest.mark.parametrize("kept", ["W1", "b1", "W2"])
@pytest.mark.parametrize("share", [1.0, 0.5])
def test_a_new_loss_with_one_parameter_left_old(kept: str, share: float) -> None:
    """Half of its step undone is no old parameter."""
    old, new = _step()
    mixed = new | {kept: share * old[kept] + (1 - share) * new[kept]}
    found = _worked(old)
    sheet = {"H1": found["H1"], "Yhat": found["Yhat"], "L": found["L"]}
    sheet |= {f"{name}_new": value for name, value in new.items()}
    text = ", ".join(f"{id}: {_typed(value, 4)}" for id, value in sheet.items())
    loss = f"{_worked(mixed)['L']:.4f}"
    assert loss != f"{_worked(new)['L']:.4f}"
    named = _names(NETWORK, f"{text}, L_new: {loss}")["L_new"]
    assert ("updated-weights-forward" in named) == (share == 1.0)


# A digit misread of what several entries are made of ----------------------------------------------

ROWS = np.array([[-1.2, -0.31, 1.43], [-1.87, -0.09, 0.77], [0.6, 1.11, 1.87]])
V = np.array([[0.53, 1.27], [1.25, -1.19], [-0.68, 0.44]])
BATCH = f"""convention: {{affine: x W + b}}
x: {ROWS.tolist()}
layers: [{{weights: {V.tolist()}, bias: [0.21, -0.4], activation: tanh}}]
grading: {{precision: {{decimals: 2}}}}
"""


def _cut(value: Array) -> str:
    return str((np.trunc(value * 100) / 100).tolist())


@pytest.mark.parametrize(
    ("read", "named"),
    [
        (0.73, True),  # 0.53; cut off the largest entry seems to come of 0.72 or 0.74
        (0.535, False),  # no digit of it
        (0.77, False),  # two digits of it
    ],
)
def test_a_weight_misread_that_goes_into_numbers_cut_off(read: float, named: bool) -> None:
    misread = V.copy()
    misread[0, 0] = read
    z = ROWS @ misread + [0.21, -0.4]
    found = _names(BATCH, f"Z1: {_cut(z)}")["Z1"]
    assert ("digit-misread" in found) == named


U = np.array([[0.57, -1.41], [1.4, -0.05]])
GOES_ON = f"""convention: {{affine: x W + b}}
x: {ROWS.tolist()}
layers:
- {{weights: {V.tolist()}, bias: [0.21, -0.4], activation: tanh}}
- {{weights: {U.tolist()}}}
grading: {{precision: {{decimals: 2}}}}
"""


@pytest.mark.parametrize(("read", "named"), [(9.41, True), (9.21, False)])
def test_a_weight_misread_by_who_keeps_all_digits(read: float, named: bool) -> None:
    """9 times what was cut off from the value written is units of what follows."""
    h = np.tanh(ROWS @ V + [0.21, -0.4])
    misread = U.copy()
    misread[0, 1] = -read
    found = _names(GOES_ON, f"H1: {_typed(h, 2)}, Z2: {_typed(h @ misread, 2)}")
    assert found["H1"] == ()
    assert ("digit-misread" in found["Z2"]) == named


# Powers of a loss ---------------------------------------------------------------------------------

LOSS = """x: [1.2, -0.7]
layers: [{{weights: [[0.31, 0.84], [-0.55, 0.47]], activation: linear}}]
y: [0.91, -1.68]
loss: {loss}
grading: {{precision: {{significant: 4}}}}
"""
OUT = np.array([[0.31, 0.84], [-0.55, 0.47]]) @ [1.2, -0.7]
OFF = OUT - [0.91, -1.68]


@pytest.mark.parametrize(
    ("loss", "typed", "named"),
    [
        ("squared-error", np.sqrt((OFF**2).sum()), True),
        ("half-squared-error", np.sqrt((OFF**2).sum() / 2), True),
        ("mean-squared-error", np.sqrt((OFF**2).mean()), True),
        ("half-squared-error", np.cbrt((OFF**2).sum() / 2), False),
        ("squared-error", OFF.sum(), True),
        ("squared-error", -OFF.sum(), True),  # y − ŷ has the same square
        ("squared-error", OFF.sum() + 0.04, False),
    ],
)
def test_a_loss_without_its_square(loss: str, typed: float, named: bool) -> None:
    found = _names(LOSS.format(loss=loss), f"Yhat: {_typed(OUT, 4)}, L: {typed:.4g}")["L"]
    assert ("power-left-out" in found) == named


# What is a mere factor, and no mistake of one -----------------------------------------------------


@pytest.mark.parametrize(
    ("rest", "named"),
    [
        ([0.25, 0.25, 0.25, 0.25], True),  # all alike: what was lost is a factor of 1/4
        ([0.1, 0.2, 0.3, 0.4], False),
    ],
)
def test_a_gradient_lost_that_is_a_mere_factor(rest: list[float], named: bool) -> None:
    weights = np.array(rest)
    z = np.array([1.1, 0.4, -0.3, 0.9])
    problem = f"""values: {{z: {z.tolist()}, v: {rest}}}
equations: [h = tanh(z), L = v @ h]
grading: {{precision: {{decimals: 4}}}}
ask: [h, dL/dh, dL/dz]
"""
    h = np.tanh(z)
    sheet = f"h: {_typed(h, 4)}, dL/dh: {rest}, dL/dz: {_typed(4 * weights * (1 - h**2), 4)}"
    found = _names(problem, sheet)["dL/dz"]
    assert ("upstream-left-out" in found) == named
    assert found


@pytest.mark.parametrize(("old", "named"), [("0.85", False), ("-2.15", True)])
def test_that_a_point_is_not_moved_where_hardly_a_digit_is_known(old: str, named: bool) -> None:
    """0.85 less a quarter of 3.34 is 0.01 to 0.02: the digits 140 stand for a tenth of all."""
    problem = f"""values: {{w: {old}, x: 1.67}}
equations: [L = x * x * w * 1.2]
train: [w]
update: {{rule: sgd, learning_rate: 0.25}}
grading: {{precision: {{significant: 3}}}}
ask: [dL/dw, w_new]
"""
    typed = {"0.85": "0.140", "-2.15": "-29.9"}[old]
    assert ("decimal-slip" in _names(problem, f"dL/dw: 3.34, w_new: {typed}")["w_new"]) == named

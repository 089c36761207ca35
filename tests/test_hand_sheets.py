"""Sheets as people write them with a pocket calculator: what each allowance takes, and what not.

Every wrong number is worked out here, in plain NumPy, as who made the mistake did it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import backprop_cli as backprop
from backprop_cli.grading.judging.no_work_left import Uniform

Array = NDArray[np.float64]
PROBLEMS = Path(__file__).parents[1] / "problems"


def checked(problem: str, sheet: Mapping[str, object]) -> Mapping[str, Any]:
    """The results by id of a sheet whose numbers are typed texts."""
    found = backprop.load(PROBLEMS / f"{problem}.yaml").check(dict(sheet))
    return {one.id: one for one in found.results}


def to(decimals: int, value: Array | float) -> Any:
    """Rounded half up, as people do, and typed without zeros at the end."""
    if np.ndim(value):
        return [to(decimals, one) for one in np.asarray(value)]
    scaled = np.floor(abs(float(value)) * 10**decimals + 0.5 + 1e-9) / 10**decimals
    text = f"{np.copysign(scaled, value):.{decimals}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


# What ends at a digit, and rounded numbers that lead there ----------------------------------------


@pytest.mark.parametrize(
    ("typed", "verdict"),
    [("4.01", "imprecise"), ("4", "correct"), ("4.02", "wrong"), ("3.99", "wrong")],
)
def test_a_short_value_may_be_worked_out_of_rounded_numbers(typed: str, verdict: str) -> None:
    # e^(2 ln 2) is 4, and e^1.39 is 4.0149: with three digits 4.01, and nothing else.
    sheet = {
        "Z": [["0.693", "1.79"], ["1.39", "0.693"]],
        "U": [["2", "5.99"], [typed, "2"]],
    }
    assert checked("exponential-units", sheet)["U"].verdict == verdict


def test_of_numbers_with_all_digits_a_short_value_is_itself_only() -> None:
    sheet = {
        "Z": [["0.693147", "1.791759"], ["1.386294", "0.693147"]],
        "U": [["2", "6"], ["4.01", "2"]],
    }
    assert checked("exponential-units", sheet)["U"].verdict == "wrong"


# What is given, and comes out by chance -----------------------------------------------------------


def without_the_skip() -> dict[str, Any]:
    """Residual.yaml worked out by who leaves x out of Z², which kills a unit of layer 2."""
    W = [np.array(one, float) for one in ([[1, 1], [2, 0]], [[1, -2], [0, 2]], [[1, 0], [3, 1]])]
    x, last = np.array([1.0, -2]), np.array([[2.0, -1]])
    h1 = np.maximum(W[0] @ x + [3, -1], 0)
    z2 = W[1] @ h1 + [0, -1]
    h2 = np.maximum(z2, 0)
    z3 = W[2] @ h2 + [1, 1]
    h3 = np.maximum(z3, 0) + h1
    out = last @ h3
    g = out - 2
    back3 = last.T @ g
    dz3 = back3 * (z3 > 0)
    dh2 = W[2].T @ dz3
    dz2 = dh2 * (z2 > 0)
    forward = {"Z1": W[0] @ x + [3, -1], "H1": h1, "Z2": z2, "H2": h2, "Z3": z3, "H3": h3}
    forward |= {"Z4": out, "Yhat": out, "L": float(g[0] ** 2 / 2)}
    backward = {"dL/dYhat": g, "dL/dZ4": g, "dL/dH3": back3, "dL/dZ3": dz3, "dL/dH2": dh2}
    backward |= {"dL/dZ2": dz2, "dL/db2": dz2}
    return {name: to(4, value) for name, value in (forward | backward).items()}


def test_what_ones_own_numbers_give_is_no_copy() -> None:
    sheet = without_the_skip()
    assert sheet["dL/dZ2"] == ["0", "-1"]  # which happens to be b²
    found = checked("residual", sheet)
    assert found["Z2"].slips == ("path-lost",)
    assert {found[name].verdict for name in ("dL/dZ2", "dL/db2")} == {"carried"}


def test_a_copy_that_they_do_not_give_carries_nothing() -> None:
    sheet = without_the_skip() | {"H2": ["4", "4"], "Z2": ["4", "4"]}  # both units alive
    found = checked("residual", sheet)
    assert found["dL/dZ2"].verdict == "wrong"
    assert found["dL/db2"].verdict == "not-judged"
    assert "copied from b2" in found["dL/db2"].message


@pytest.mark.parametrize(("own", "ruled_out"), [([0.0, -1], False), ([0.0, -0.9996], True)])
def test_nearly_what_they_give_is_a_copy_still(own: list[float], ruled_out: bool) -> None:
    uniform = Uniform({"dL/dZ2": "dL/dZ2 is copied from b2"}, frozenset(), frozenset({"dL/dZ2"}))
    assert uniform.rules_out("dL/dZ2", np.array([0.0, -1]), lambda: np.array(own)) == ruled_out
    assert not uniform.rules_out("dL/dZ1", np.array([0.0, -1]), lambda: np.array(own))


# Names --------------------------------------------------------------------------------------------

LAYER = """
x: [2, 1]
layers:
  - {{weights: [[1.3, -1], [-2, 1.1], [0.5, -3]], bias: [0, -3, 0.7], activation: {}}}
"""
Z = np.array([1.6, -5.9, -1.8 + 0.5])  # the third is 1 - 3 + 0.7


@pytest.mark.parametrize(
    ("activation", "value", "slip"),
    [
        ("{name: leaky-relu, slope: 0.1}", np.maximum(Z, 0), "wrong-activation"),
        ("elu", np.maximum(Z, 0), "wrong-activation"),
        ("step", np.sign(Z), "wrong-activation"),
        ("sign", (Z > 0) * 1.0, "wrong-activation"),
        ("step", (Z < 0) * 1.0, "term-sign-flipped"),
        ("{name: leaky-relu, slope: 0.1}", np.array([1.6, 0, -0.13]), None),
        ("step", np.array([0.0, 1, 0]), None),
    ],
)
def test_the_function_beside_is_named(activation: str, value: Array, slip: str | None) -> None:
    problem = backprop.load(LAYER.format(activation))
    found = problem.check({"Z1": to(3, Z), "H1": to(3, value)})["H1"]
    assert found.verdict == "wrong"
    assert (slip in found.slips) if slip else not found.slips


def correlated(X: Array, K: Array) -> Array:
    """A window for each place of the kernel, times the kernel."""
    rows, columns = (n - k + 1 for n, k in zip(X.shape, K.shape, strict=True))
    each = [
        [np.sum(X[i : i + K.shape[0], j : j + K.shape[1]] * K) for j in range(columns)]
        for i in range(rows)
    ]
    return np.array(each)


def test_the_gradient_turned_on_its_way_over_the_picture() -> None:
    X, G = np.array([[5.0, 1, 0], [2, 4, 3], [0, 2, 4]]), np.array([[1.0, 0], [1, 2]])
    Z = correlated(X, np.array([[2.0, 1], [1, 1]]))
    turned, mirrored = (correlated(X, one) for one in (G[::-1, ::-1], G[::-1]))
    for value, slips in ((turned, ("kernel-flipped",)), (mirrored, ())):
        found = checked("convolution-2d", {"Z": to(2, Z), "dL/dK": to(2, value)})["dL/dK"]
        assert (found.verdict, found.slips) == ("wrong", slips)


def test_a_digit_that_goes_into_one_number_explains_no_other() -> None:
    # Who takes the decay off twice has four numbers wrong, each a unit of its last digit off.
    W, gradient = np.array([[1.0, -1], [2, 1]]), np.array([[0.1, -0.1], [1.7, 3.1]])
    sheet = {"Z1": ["-1", "3"], "H1": ["0", "3"], "Z2": ["3.5"], "Yhat": ["3.5"], "L": "1.975"}
    sheet |= {"dL/dYhat": ["1.5"], "dL/dZ2": ["1.5"], "dL/dZ1": ["0", "1.5"]}
    sheet |= {"dL/dW1": to(2, gradient), "W1_new": to(2, W - 0.1 * gradient - 0.01 * W)}
    found = checked("l2-penalty", sheet)
    assert found["dL/dW1"].verdict == "correct"
    assert (found["W1_new"].verdict, found["W1_new"].slips) == ("wrong", ())


@pytest.mark.parametrize(
    ("typed", "slip"), [("-2.203", "output-derivative-omitted"), ("-2.312", None)]
)
def test_moved_digits_need_no_room_for_rounding(typed: str, slip: str | None) -> None:
    # δ² without the output's slope: -0.881 · 2 · 0.5 · 0.5 · 5. Ten times the right one is -2.312.
    sheet = {
        "Z1": ["0", "24"],
        "H1": ["0.5", "1"],
        "Z2": ["-2"],
        "Yhat": ["0.119"],
        "dL/dYhat": ["-0.881"],
        "dL/dW1[2,1]": typed,
    }
    found = checked("bias-first-row", sheet)["dL/dW1[2,1]"]
    assert found.verdict == "wrong"
    assert (slip or "decimal-slip") in found.slips
    assert (found.origin is not None) == (slip is not None)


SOFTMAX = ([[1.0, 2], [0, 1], [2, -1], [-1, 0]], [[0.5, -1, 0], [1, 0, 0.5]], [0, 0.1, -0.1])


@pytest.mark.parametrize(
    ("classes", "named"),
    [([1, 2, 0, 2], True), ([2, 0, 1, 0], True), (None, True), ([1, 1, 0, 2], False)],
)
def test_a_target_of_another_class(classes: Sequence[int] | None, named: bool) -> None:
    # The labels are 1, 2, 3, 2: counted from 0 or from 2 they are a class beside; None: 1.
    X, W, b = (np.array(one) for one in SOFTMAX)
    z = X @ W + b
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    target = np.ones((4, 3)) if classes is None else np.eye(3)[classes]
    sheet = {"Z1": to(3, z), "Yhat": to(3, p), "dL/dZ1": to(3, (p - target) / 4)}
    found = checked("regression/softmax", sheet)["dL/dZ1"]
    assert found.verdict == "wrong"
    assert ("wrong-target" in found.slips) == named


@pytest.mark.parametrize(("divisor", "named"), [(1, True), (6 * 7, False)])
def test_a_sum_for_the_mean_over_samples_and_outputs(divisor: int, named: bool) -> None:
    X, Y = np.array([[1.0, 0, -1], [2, 1, 1]]), np.array([[1.0, 1, 0], [5, 4, 1]])
    Z1 = np.array([[1.0, 1], [2, 1]]) @ X + [[1], [0]]
    H1 = np.maximum(Z1, 0)
    Z2 = np.array([[1.0, -1], [0.5, 1]]) @ H1 + [[0], [1]]
    loss = ((Z2 - Y) ** 2).sum() / divisor
    sheet = {"Z1": to(3, Z1), "H1": to(3, H1), "Z2": to(3, Z2), "Yhat": to(3, Z2)}
    found = checked("batch-columns", sheet | {"L": to(3, loss)})["L"]
    assert found.verdict == "wrong"
    assert ("mean-sum-confused" in found.slips) == named


@pytest.mark.parametrize(
    "typed", ["0.5·0.2 = 0.1", "= −0.3", "≈ 0.135", "~0.14", "13.51/10 = .135"]
)
def test_a_number_with_its_working_is_that_number(typed: str) -> None:
    """It is judged: 0.985 is right, and these are not it."""
    assert checked("sigmoid-softmax", {"L": "0.9 + 0.085 = 0.985"})["L"].verdict == "correct"
    assert checked("sigmoid-softmax", {"L": typed})["L"].verdict in ("wrong", "not-judged")


@pytest.mark.parametrize(("typed", "instead"), [("x = y", "a number"), ("1.351 <= 2", "2")])
def test_what_states_no_number_is_told(typed: str, instead: str) -> None:
    found = checked("sigmoid-softmax", {"L": typed})["L"]
    assert found.verdict == "invalid"
    assert f"instead: {instead}" in found.message

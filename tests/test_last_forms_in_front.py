"""Numbers stand in front of products, and nothing is said that is so already: as textbooks end."""

from __future__ import annotations

import numpy as np
import pytest

import backprop_cli as backprop

RNG = np.random.default_rng(7)
A, B = RNG.normal(size=(3, 2)), RNG.normal(size=(3, 2))
U, V, X = RNG.normal(size=3), RNG.normal(size=3), RNG.normal(size=2)


def solved(values: dict[str, object], *equations: str) -> backprop.Solution:
    numbers = {name: np.asarray(value).tolist() for name, value in values.items()}
    return backprop.load({"values": numbers, "equations": [*equations]}).solve()


def formula(solution: backprop.Solution, id: str) -> str:
    (found,) = (step["formula"] for step in solution.trace["steps"] if step["id"] == id)
    return str(found)


def test_a_number_stands_before_a_transposed_matrix() -> None:
    found = solved({"X": A, "v": X, "beta": 2.5, "c": U}, "s = beta * X @ v", "L = dot(c, s)")
    assert formula(found, "dL/dv") == "beta * (X.T @ dL/ds)"
    np.testing.assert_allclose(found["dL/dv"], 2.5 * A.T @ U, rtol=1e-12)
    assert formula(found, "dL/dX") == "beta * outer(dL/ds, v)"
    np.testing.assert_allclose(found["dL/dX"], 2.5 * np.outer(U, X), rtol=1e-12)


def test_an_adapter_of_low_rank_has_its_factor_in_front() -> None:
    values = {"B": A, "A": B.T, "alpha": 2.0, "r": 4.0, "C": RNG.normal(size=(3, 3))}
    found = solved(values, "W = alpha / r * B @ A", "L = sum(C * W)")
    assert formula(found, "dL/dA") == "alpha * (B.T @ dL/dW) / r"
    np.testing.assert_allclose(found["dL/dA"], 0.5 * A.T @ np.asarray(values["C"]), rtol=1e-12)
    np.testing.assert_allclose(found["dL/dB"], 0.5 * np.asarray(values["C"]) @ B, rtol=1e-12)


@pytest.mark.parametrize("written", ["max(0, m - d)", "max(m - d, 0)", "relu(m - d)"])
@pytest.mark.parametrize("distance", [0.4, 1.0, 1.7])
def test_what_is_cut_off_already_is_not_cut_off_again(written: str, distance: float) -> None:
    found = solved({"d": distance, "m": 1.0}, f"L = {written}^2")
    assert "<" not in formula(found, "dL/dd")
    assert ">" not in formula(found, "dL/dd")
    np.testing.assert_allclose(found["dL/dd"], -2 * max(0.0, 1 - distance), atol=1e-15)


def test_a_cut_of_something_else_stays() -> None:
    found = solved({"d": 0.4, "m": 1.0}, "L = max(0, m - d) * max(0, d)")
    assert "(-d < 0)" in formula(found, "dL/dd")
    np.testing.assert_allclose(found["dL/dd"], 0.6 - 0.4, rtol=1e-12)


@pytest.mark.parametrize("x", [-1.5, 0.5])
def test_the_slope_of_ln_of_an_absolute_value_is_one_over_it(x: float) -> None:
    found = solved({"x": x}, "L = ln(abs(x))")
    assert formula(found, "dL/dx") == "1 / x"
    np.testing.assert_allclose(found["dL/dx"], 1 / x, rtol=1e-12)


def test_what_stands_in_one_place_is_its_own_sum() -> None:
    found = solved({"z": U, "k": 1.5}, "l = log_softmax(z)[2]", "L = -k * l")
    p = np.exp(U) / np.exp(U).sum()
    np.testing.assert_allclose(found["dL/dz"], -1.5 * (np.eye(3)[1] - p), rtol=1e-12)
    assert "sum(" not in formula(found, "dL/dz")
    assert formula(found, "dL/dz").startswith("dL/dl * (")


GATE = ("g = softmax(z)", "k = g[1] >= g[2]", "y = k * g[1] * a + (1 - k) * g[2] * b", "L = y^2")


def test_nothing_comes_back_through_a_comparison_and_nothing_is_said_of_it() -> None:
    found = solved({"z": [0.3, 0.1], "a": 2.0, "b": -1.0}, *GATE)
    ids = [step["id"] for step in found.trace["steps"]]
    assert "dL/dk" not in ids
    p = np.exp([0.3, 0.1]) / np.exp([0.3, 0.1]).sum()
    by_g = 2 * (2.0 * p[0]) * np.array([2.0, 0.0])
    np.testing.assert_allclose(found["dL/dg"], by_g, rtol=1e-12)
    np.testing.assert_allclose(found["dL/dz"], p * (by_g - p @ by_g), rtol=1e-12)


def test_what_acts_through_a_comparison_alone_has_the_gradient_0() -> None:
    found = solved({"z": [0.3, 0.1], "a": 2.0}, "k = z[1] >= z[2]", "L = k * a")
    np.testing.assert_array_equal(found["dL/dz"], [0, 0])


def test_a_long_fraction_is_a_decimal_number_over_a_whole_one() -> None:
    said = backprop.derive("1.7159 * tanh(2/3 * z)").render("text", width=100)
    assert "3.4318/3" in said
    assert "17159" not in said


def test_rows_in_their_places_keep_their_gradient() -> None:
    found = solved(
        {"E": np.vstack([A, B[:2]]), "c": X}, "r = E[4,:]", "L = dot(c, r) + sum(r * E[1,:])"
    )
    wanted = np.zeros((5, 2))
    wanted[3], wanted[0] = X + A[0], B[0]
    np.testing.assert_allclose(found["dL/dE"], wanted, rtol=1e-12)

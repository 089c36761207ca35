"""Steps are called by what a quantity meets, not by the outermost sign of its formula."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from test_training_table import page

import backprop_cli as backprop


def words(text: str) -> dict[str, str]:
    """What the closing table says of each quantity, by its symbol."""
    lines = page(text).partition("Results")[2].splitlines()[4:]
    parts = (line.split("  ") for line in lines)
    found = ([part.strip() for part in each if part.strip()] for each in parts)
    return {each[0]: each[1] for each in found if len(each) > 1}


def test_a_gate_is_a_factor_though_the_cell_is_a_sum() -> None:
    said = words("""
values: {f: 0.5, i: 0.25, g: -1, c_0: 2, b: 1, d: 3}
equations: [c = f * c_0 + i * g, L = (c - b)^2 - d]
""")
    assert {said[f"∂L/∂{name}"] for name in ("f", "i", "g", "c₀")} == {"through the product"}
    assert said["∂L/∂c"] == "through the square"
    assert said["∂L/∂d"] == "through the difference"


@pytest.mark.parametrize(
    ("taken", "called"),
    [
        ("W[1,:]", "row taken out"),
        ("W[2]", "row taken out"),
        ("W[:,2]", "column taken out"),
        ("W[2,1]", "entry taken out"),
        ("W[1,1:2]", "part taken out"),
        ("W[[2, 1]]", "rows taken out"),
    ],
)
def test_what_is_taken_out(taken: str, called: str) -> None:
    said = words(f"values: {{W: [[1, 2], [3, 4]]}}\nequations: ['a = {taken}', L = sum(a * a)]\n")
    assert said["a"] == called
    assert said["∂L/∂W"] == f"through the {called}"


STEPS = """
values: {x_1: 1, x_2: 2, t_1: 1, t_2: 2, h_0: 0, W_x: 0.5, W_h: 0.1, W_y: 2}
equations:
  - for t in 1..2:
    - a_t = W_x * x_t + W_h * h_{t-1}
    - h_t = tanh(a_t)
    - y_t = W_y * h_t
  - L = sum(t in 1..2, (y_t - t_t)^2 / 2)
train: [W_x, W_h, W_y]
"""


def test_inputs_and_targets_with_names_of_their_own_are_one_over_time() -> None:
    """A walkthrough found online, with x₁ and x₂ stated one by one; its own formulas."""
    text = page(STEPS)
    assert "∂L/∂yₜ = yₜ − tₜ\n" in text
    assert "∂L/∂Wₓ = Σₜ δₜ · xₜ = δ₂ · x₂ + δ₁ · x₁" in text
    wx, wh, wy, h, back = 0.5, 0.1, 2.0, [0.0], 0.0
    for x in (1.0, 2.0):
        h.append(float(np.tanh(wx * x + wh * h[-1])))
    wanted = 0.0
    for t in (2, 1):
        back = ((wy * h[t] - t) * wy + wh * back) * (1 - h[t] ** 2)
        wanted += back * t
    found = backprop.load(STEPS).solve()["dL/dW_x"]
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_weights_of_each_step_are_one_formula() -> None:
    text = page("""
values: {h_0: 1.5, w_1: 0.5, w_2: -0.3, w_3: 0.8, y: 1}
equations:
  - for t in 1..3:
    - h_t = tanh(w_t * h_{t-1})
  - L = (h_3 - y)^2 / 2
train: [w_1, w_2, w_3]
""")
    assert "∂L/∂hₜ = ∂L/∂hₜ₊₁ · (1 − hₜ₊₁²) · wₜ₊₁ for t = 2, 1" in text


def test_a_layer_that_is_refused_gives_no_second_complaint_of_its_output() -> None:
    problem = """
x: [[1, 2, 0, 1], [0, 1, 3, 2], [2, 0, 1, 1], [1, 1, 0, 2]]
input: picture
layers: [{type: conv, kernel: [[1, 0, -1], [2, 0, -2], [1, 0, -1]], stride: 2, padding: 1}]
upstream: {Yhat: [[1, -1], [0.5, 2]]}
loss: none
"""
    with pytest.raises(backprop.Error) as found:
        backprop.load(problem)
    assert [each.message for each in found.value.complaints] == [
        "in layer 1, a kernel of 3 with stride 2 does not come out whole: (4 + 2·1 - 3)/2 + 1 = 2.5"
    ]


def test_a_product_of_numbers_is_not_transposed() -> None:
    cell = "{type: gru, input_weights: {z: 0.4, r: 0.3, h: 0.7}, "
    cell += "recurrent_weights: {z: 0.2, r: 0.1, h: 0.5}}"
    text = page(f"x: [[0.5], [1]]\ninput: sequence\ny: [[0.6], [0.9]]\nlayers: [{cell}]\n"
                "loss: half-squared-error\n", "--only", "dL/dW1_h")  # fmt: skip
    assert "(r¹₂ ⊙ H¹₁)ᵀ" in text
    digits = [line for line in text.splitlines() if re.search(r"= −0\.\d+ · ", line)]
    assert digits
    assert not any("ᵀ" in line for line in digits)


def test_a_number_spread_over_a_matrix_keeps_its_ones_with_numbers_put_in() -> None:
    text = page("values: {v: [[1, 2], [3, 4]]}\nequations: [y = tanh(sum(v) / 20)]\n")
    (line,) = (each for each in text.splitlines() if each.strip().startswith("∂y/∂v = "))
    assert line.count("1₂ₓ₂") == 2


def test_values_that_are_a_list_bring_no_complaint_of_what_is_trained() -> None:
    problem = "values: [x, w]\nequations: [x = 2, w = 3, L = x * w]\ntrain: [w]\n"
    with pytest.raises(backprop.Error) as found:
        backprop.load(problem)
    (only,) = found.value.complaints
    assert "should be a mapping from names to numbers" in only.message


@pytest.mark.parametrize("tau", ["0.3", "[0.1, 0.5, 0.9]"])
def test_the_pinball_loss_asks_for_the_sign_of_the_error_alone(tau: str) -> None:
    problem = f"""
values: {{y: [1, 2, 3], p: [0.5, 2.5, 2], tau: {tau}}}
equations: [e = y - p, 'L = sum(maximum(tau * e, (tau - 1) * e))']
train: [p]
"""
    text = page(problem)
    assert re.search(r"∂L/∂e = 1\{e ≥ 0\} [·⊙] τ \+ 1\{e < 0\} [·⊙] \(τ − 1\)", text)
    e, share = np.array([0.5, -0.5, 1.0]), np.array(json.loads(tau))
    wanted = -np.where(e >= 0, share, share - 1)
    np.testing.assert_allclose(backprop.load(problem).solve()["dL/dp"], wanted, rtol=1e-12)


@pytest.mark.parametrize(
    ("of", "where", "slope"),
    [
        ("maximum(a * e, b * e)", "1{a · e ≥ b · e}", 3),
        ("maximum((a + 2) * e, (a - 1) * e)", "1{e ≥ 0}", 4.1),
        ("maximum((a - 1) * e, (a + 2) * e)", "1{e ≤ 0}", 4.1),
        ("minimum(e * a, (a - 1) * e)", "1{e ≤ 0}", 5.1),
    ],
)
def test_what_falls_out_of_a_comparison(of: str, where: str, slope: float) -> None:
    """The larger of 7.1 · e and 4.1 · e at e = −2 is the second, and so on."""
    problem = f"values: {{a: 5.1, b: 3, e: -2}}\nequations: ['L = {of}']\n"
    assert where in page(problem)
    np.testing.assert_allclose(backprop.load(problem).solve()["dL/de"], slope, rtol=1e-12)

"""Sheets rounded in ways that once were judged wrong; each figure is worked out here in NumPy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import judged
import numpy as np
import pytest
from numpy.typing import NDArray

from backprop_cli.grading.report_data import Result

Array = NDArray[np.float64]


def graded(problem: str, answers: Mapping[str, object]) -> dict[str, Result]:
    return judged.graded(problem, "".join(f"  {id}: {_text(one)}\n" for id, one in answers.items()))


def _text(value: object) -> str:
    return str(value.tolist()) if isinstance(value, np.ndarray) else str(value)


def cut(value: Array | float, decimals: int) -> Array:
    scaled = np.asarray(value) * 10.0**decimals
    return np.asarray(np.trunc(scaled + 1e-9 * np.sign(scaled)) / 10.0**decimals)


SOFTMAX_AND_SKIP = """
x: [1, 2]
layers:
- weights: [[0.3, -0.5], [0.2, 0.4]]
  activation: softmax
  skip: [{from: 0, into: post}]
y: [0, 1]
loss: half-squared-error
grading: {precision: {decimals: 2}}
ask: [Z1, Yhat, dL/dYhat, dL/dZ1]
"""


def test_the_jacobian_of_a_softmax_before_a_skip_may_be_rounded() -> None:
    z = np.array([0.3 - 1, 0.2 + 0.8])
    p = cut(np.exp(z) / np.exp(z).sum(), 2)
    yhat = cut(p + np.array([1, 2]), 2)
    slope = cut(yhat - np.array([0, 1]), 2)
    jacobian = cut(np.diag(p) - np.outer(p, p), 2)
    found = cut(jacobian @ slope, 2)
    sheet = {"Z1": z, "Yhat": yhat, "dL/dYhat": slope, "dL/dZ1": found}
    results = graded(SOFTMAX_AND_SKIP, sheet)
    assert {result.verdict for result in results.values()} == {"correct"}
    sheet["dL/dZ1"] = -found
    assert graded(SOFTMAX_AND_SKIP, sheet)["dL/dZ1"].slips[:1] == ("sign-flipped",)


def test_a_gradient_given_behind_a_softmax_needs_none_before_it() -> None:
    problem = """
x: [1, 2]
layers:
- weights: [[0.3, -0.5], [0.2, 0.4]]
  activation: softmax
upstream: {Z1: [0.5, -0.25]}
loss: none
grading: {precision: {decimals: 3}}
ask: [dL/dZ1]
"""
    assert graded(problem, {"dL/dZ1": "[0.5, -0.75]"})["dL/dZ1"].verdict == "wrong"


ADAM = """
x: [1]
layers:
- weights: [[0.5]]
y: [{target}]
loss: half-squared-error
update: {{rule: adam, learning_rate: 0.05, epsilon: 0.000001}}
grading: {{precision: {{decimals: 2}}}}
ask: [Z1, dL/dW1, W1_new]
"""


@pytest.mark.parametrize(("gradient", "verdict"), [(0.04, "correct"), (0.4, "wrong")])
def test_a_state_rounded_to_0_leaves_the_weight_alone(gradient: float, verdict: str) -> None:
    """m = 0.1 · 0.04 is 0.00; with 0.1 · 0.4 = 0.04 the weight must move."""
    problem = ADAM.format(target=0.5 - gradient)
    sheet = {"Z1": "0.50", "dL/dW1": gradient, "W1_new": "0.50"}
    assert graded(problem, sheet)["W1_new"].verdict == verdict


def test_the_logarithm_is_rounded_before_it_is_multiplied() -> None:
    """ln 0.3507 = -1.0478 is -1.047 in four digits; 0.75 of it has a finer unit."""
    problem = """
x: [1]
layers:
- weights: [[-0.3079], [0.3079]]
  activation: softmax
y: [0.75, 0.25]
loss: cross-entropy
grading: {precision: {significant: 4}}
ask: [Yhat, L]
"""
    yhat = np.array([0.3507, 0.6492])
    log = np.array([cut(np.log(yhat[0]), 3), cut(np.log(yhat[1]), 4)])
    loss = cut(-(np.array([0.75, 0.25]) @ log), 4)
    assert graded(problem, {"Yhat": yhat, "L": loss})["L"].verdict == "correct"
    assert graded(problem, {"Yhat": yhat, "L": "0.8912"})["L"].verdict == "wrong"


@pytest.mark.parametrize("slope", [0.25, 1.0])
def test_a_rounded_0_leaves_the_side_of_a_kink_open(slope: float) -> None:
    problem = """
x: [0.0004]
layers:
- weights: [[1]]
  activation: {name: leaky-relu, slope: 0.25}
y: [2]
loss: half-squared-error
grading: {precision: {decimals: 3}}
ask: [Z1, Yhat, dL/dYhat, dL/dZ1]
"""
    sheet = {"Z1": "0.000", "Yhat": "0.000", "dL/dYhat": "-2.000", "dL/dZ1": -2 * slope}
    assert graded(problem, sheet)["dL/dZ1"].verdict == "correct"
    sheet["dL/dZ1"] = "-1.400"
    assert graded(problem, sheet)["dL/dZ1"].verdict == "wrong"


SGD = """
x: [1]
layers:
- weights: [[0.5]]
  bias: [1]
y: [0]
loss: half-squared-error
update: {rule: sgd, learning_rate: 0.1}
grading: {precision: {decimals: 3}}
ask: [Z1, dL/dZ1, dL/db1, b1_new]
"""


@pytest.mark.parametrize(("gradient", "verdict"), [("0.002", "carried"), ("0.900", "wrong")])
def test_a_weight_need_not_move_where_the_own_gradient_moves_it_little(
    gradient: str, verdict: str
) -> None:
    """0.1 · 0.002 = 0.0002 is 0.000; 0.1 · 0.9 is not."""
    sheet = {"Z1": "1.500", "dL/dZ1": "1.500", "dL/db1": gradient, "b1_new": "1.000"}
    assert graded(SGD, sheet)["b1_new"].verdict == verdict


def test_a_twofold_rate_may_leave_nothing_to_see() -> None:
    """0.02 · 0.02 · 2 = 0.0008 is cut off to 0.000, and the weight is the old one."""
    problem = SGD.replace("0.1}", "0.02}").replace("bias: [1]", "bias: [1.5]")
    sheet = {"Z1": "2.000", "dL/dZ1": "2.000", "dL/db1": "2.000", "b1_new": "1.500"}
    found = graded(problem, sheet)["b1_new"].slips
    assert found == ("bias-not-updated", "learning-rate-twice", "copied")


def test_the_new_loss_may_be_worked_out_from_the_start() -> None:
    """H1 is wrong, and layer 1 has no new weights: both ways to go on are followed."""
    problem = """
x: [2]
layers:
- {weights: [[0.5]], activation: tanh, train: false}
- {weights: [[1.5]]}
y: [0]
loss: half-squared-error
update: {rule: sgd, learning_rate: 0.1}
grading: {precision: {decimals: 3}}
"""
    yhat = 1.5  # H1 = Z1 = 1: the activation was left out
    new = 1.5 - 0.1 * yhat * 1
    sheet: dict[str, object] = {"Z1": "1.000", "H1": "1.000", "Yhat": yhat, "L": yhat**2 / 2}
    sheet |= {"dL/dYhat": yhat, "dL/dW2": yhat, "W2_new": round(new, 3)}
    for first in (1.0, np.tanh(1.0)):
        sheet["L_new"] = round(float((new * first) ** 2 / 2), 3)
        results = graded(problem, sheet)
        assert results["H1"].slips[:1] == ("activation-omitted",)
        assert results["L_new"].verdict == "carried"
    sheet["L_new"] = "0.700"
    assert graded(problem, sheet)["L_new"].verdict == "wrong"


def to_digits(value: Array | float, count: int) -> Array:
    """Cut off after so many significant digits."""
    size = np.abs(np.asarray(value, dtype=float))
    unit = 10.0 ** (np.floor(np.log10(np.where(size == 0, 1.0, size))) - count + 1)
    return np.asarray(np.sign(value) * np.floor(size / unit + 1e-9) * unit)


def test_the_slope_in_an_asked_jacobian_may_be_worked_out_from_z() -> None:
    """1 - tanh²(3.52) is 0.003497; 1 - 0.998² is 0.003996."""
    problem = """
x: [1.76]
layers: [{weights: [[2]], activation: tanh}]
y: [0]
loss: half-squared-error
grading: {precision: {significant: 3}}
ask: [Z1, Yhat, dYhat/dZ1]
"""
    slope = float(to_digits(1 - np.tanh(3.52) ** 2, 3))
    sheet: dict[str, object] = {"Z1": "3.52", "Yhat": "0.998", "dYhat/dZ1": f"[[{slope:.5f}]]"}
    assert graded(problem, sheet)["dYhat/dZ1"].verdict == "correct"
    for off in ("0.00343", "0.00355", "0.00370"):  # 1 - 0.9964 is 0.0036
        assert graded(problem, sheet | {"dYhat/dZ1": f"[[{off}]]"})["dYhat/dZ1"].verdict == "wrong"


LOGITS = """
x: [1]
layers: [{weights: [[-2.3], [-1.51], [-0.43], [0.96], [-1.41], [0.87]]}]
y: [1, 0, 1, 0, 0, 1]
loss: binary-cross-entropy-with-logits
grading: {precision: {decimals: 4}}
ask: [Yhat, L]
"""


def test_one_and_a_power_of_e_may_be_cut_off_to_significant_digits() -> None:
    """1 + e^z is 5.6 or so, of which four significant digits leave three decimals."""
    z, y = np.array([-2.3, -1.51, -0.43, 0.96, -1.41, 0.87]), np.array([1, 0, 1, 0, 0, 1])
    logs = to_digits(np.log(to_digits(1 + to_digits(np.exp(z), 4), 4)), 4)
    loss = float(cut(np.sum(logs - y * z), 4))
    found = {
        units: graded(LOGITS, {"Yhat": z, "L": f"{loss + units * 1e-4:.4f}"})["L"].verdict
        for units in (0, -6, 14)
    }
    assert found == {0: "correct", -6: "wrong", 14: "wrong"}


def test_a_slope_may_be_noted_whose_products_were_not() -> None:
    """mish at -0.91, two decimals, cut off: 0.31 - 0.91 · 0.91 · 0.28 is 0.07."""
    problem = """
x: [0.91]
layers: [{weights: [[-1]], activation: mish}]
upstream: {Yhat: [0.84]}
loss: none
grading: {precision: {decimals: 2}}
ask: [Z1, dL/dZ1]
"""
    z = -0.91
    gate = cut(1 / (1 + cut(np.exp(-z), 2)), 2)
    t = cut(np.tanh(cut(np.log(1 + cut(np.exp(z), 2)), 2)), 2)
    found = float(cut(0.84 * cut(t + z * (1 - t**2) * gate, 2), 2))
    for typed, verdict in ((found, "correct"), (found - 0.02, "wrong"), (found + 0.06, "wrong")):
        assert graded(problem, {"Z1": [z], "dL/dZ1": f"[{typed:.2f}]"})["dL/dZ1"].verdict == verdict


def test_a_function_may_be_one_key_where_all_else_is_cut_off() -> None:
    """sigmoid(3.40) is 0.967 from one key, and 1/1.03 = 0.970 where 1 + e^-z was cut off first."""
    problem = """
x: [3.4]
layers: [{weights: [[1]], activation: sigmoid}]
upstream: {Yhat: [0.06666]}
loss: none
grading: {precision: {significant: 3}}
ask: [Z1, Yhat, dL/dZ1]
"""
    h = to_digits(1 / (1 + np.exp(-3.4)), 3)
    found = float(to_digits(0.06666 * to_digits(h * (1 - h), 3), 3))
    sheet: dict[str, object] = {"Z1": "3.40", "Yhat": "0.970"}
    for typed, verdict in ((found, "correct"), (found + 4e-5, "wrong"), (found - 3e-4, "wrong")):
        one = sheet | {"dL/dZ1": f"[{typed:.5f}]"}
        assert graded(problem, one)["dL/dZ1"].verdict == verdict


def test_a_function_of_one_key_is_cut_off_where_the_range_of_all_ways_tells_enough() -> None:
    """sigmoid(7.05) is 0.9991, cut off 0.99: 0.5 (0.99 + 6.97 · 0.01) is then 0.5 (0.99 + 0.06)."""
    problem = """
x: [7.05]
layers: [{weights: [[1]], activation: silu}]
upstream: {Yhat: [0.5]}
loss: none
grading: {precision: {decimals: 2}}
ask: [Z1, Yhat, dL/dZ1]
"""
    gate = np.floor(100 / (1 + np.exp(-7.05))) / 100
    output = np.floor(100 * 7.05 * gate) / 100
    slope = gate + np.floor(100 * output * (1 - gate) + 1e-9) / 100
    found = np.floor(100 * 0.5 * slope) / 100
    sheet: dict[str, object] = {"Z1": "7.05", "Yhat": f"{output:.2f}"}
    assert (output, found) == (6.97, 0.52)
    for typed, verdict in ((found, "correct"), (found + 0.02, "wrong"), (found - 0.04, "wrong")):
        one = sheet | {"dL/dZ1": f"[{typed:.2f}]"}
        assert graded(problem, one)["dL/dZ1"].verdict == verdict


def test_the_products_with_the_jacobian_of_each_sample_may_be_cut_off_one_by_one() -> None:
    z = np.array([[-1.955, -0.983, 1.054, 2.385], [0.352, 1.679, 0.951, 0.41]])
    y = np.array([[1, 0, 0, 0], [0, 0, 1, 0]])
    rows = ", ".join(str(row) for row in z.tolist())
    problem = f"""
convention: {{affine: x W + b}}
x: [{rows}]
layers:
- {{weights: [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], activation: softmax}}
y: {y.tolist()}
loss: {{name: binary-cross-entropy, over_samples: sum}}
grading: {{precision: {{decimals: 3}}}}
ask: [Z1, Yhat, dL/dYhat, dL/dZ1]
"""
    p = cut(np.exp(z) / np.exp(z).sum(axis=1, keepdims=True), 3)
    g = cut((1 - y) / (1 - p) - y / p, 3)
    blocks = cut(np.array([np.diag(row) - np.outer(row, row) for row in p]), 3)
    found = cut(blocks * g[:, None, :], 3).sum(axis=2)
    sheet: dict[str, object] = {"Z1": z, "Yhat": p, "dL/dYhat": g, "dL/dZ1": found}
    assert graded(problem, sheet)["dL/dZ1"].verdict == "correct"
    for off in (-0.01, 0.01):
        moved = found + np.where(np.arange(8).reshape(2, 4) == 0, off, 0)
        assert graded(problem, sheet | {"dL/dZ1": moved})["dL/dZ1"].verdict == "wrong"


def test_products_with_a_jacobian_may_be_cut_off_where_the_short_way_leaves_no_room() -> None:
    """(ŷ − y)/2 of three decimals is narrow; through the Jacobian three units of it are lost."""
    z = np.array([[-0.555, 0.399, 0.099, -0.353], [-0.925, -0.193, -0.943, -0.663]])
    y = np.array([[0, 0, 0, 1], [0.25, 0.125, 0.125, 0.5]])
    problem = f"""
convention: {{affine: x W + b}}
x: {z.tolist()}
layers: [{{weights: {np.eye(4).tolist()}, activation: softmax}}]
y: {y.tolist()}
loss: {{name: cross-entropy, over_samples: mean}}
grading: {{precision: {{decimals: 3}}}}
ask: [Z1, Yhat, dL/dYhat, dL/dZ1]
"""
    p = cut(np.exp(z) / np.exp(z).sum(axis=1, keepdims=True), 3)
    g = -cut(y / p / 2, 3)
    blocks = cut(np.array([np.diag(row) - np.outer(row, row) for row in p]), 3)
    found = cut(blocks * g[:, None, :], 3).sum(axis=2)
    sheet: dict[str, object] = {"Z1": z, "Yhat": p, "dL/dYhat": g, "dL/dZ1": found}
    assert graded(problem, sheet)["dL/dZ1"].verdict == "correct"
    moved = found - np.where(np.arange(8).reshape(2, 4) == 5, 0.005, 0)
    assert graded(problem, sheet | {"dL/dZ1": moved})["dL/dZ1"].verdict == "wrong"


def test_a_root_may_be_divided_by_as_times_its_reciprocal() -> None:
    """z / √(1 + z²) as z · (1 / √(1 + z²)), each step cut off: 0.2674 for 0.2675."""
    problem = """
values: {z: -0.2776, d: -4.0225}
equations: [h = sqrt(1 + z^2), L = d * h]
ask: [dL/dz]
grading: {precision: {decimals: 4}}
"""
    root = cut(np.sqrt(1 + cut(0.2776**2, 4)), 4)
    found = 4.0225 * cut(0.2776 * cut(1 / root, 4), 4)
    assert f"{found:.4f}" == "1.0756"
    for typed, verdict in ((1.0756, "correct"), (1.0752, "wrong"), (1.0764, "wrong")):
        assert graded(problem, {"dL/dz": f"{typed:.4f}"})["dL/dz"].verdict == verdict


def test_the_base_of_a_logarithm_may_be_divided_by_last() -> None:
    """1/0.424 is 2.35 to three digits, cut off, and over ln 2 3.390; it is 3.403."""
    problem = """
convention: {log: 2}
x: [0.576]
layers: [{weights: [[1]]}]
y: [0]
loss: binary-cross-entropy
grading: {precision: {decimals: 3}}
ask: [Yhat, dL/dYhat]
"""
    found = float(cut(to_digits(1 / (1 - 0.576), 3) / np.log(2), 3))
    for typed, verdict in ((found, "correct"), (found - 0.02, "wrong"), (found + 0.06, "wrong")):
        sheet: dict[str, object] = {"Yhat": "0.576", "dL/dYhat": f"[{typed:.3f}]"}
        assert graded(problem, sheet)["dL/dYhat"].verdict == verdict


def test_a_mean_may_stay_on_the_display_where_what_it_is_of_was_cut_off() -> None:
    """Differences to four significant digits, then their means and the sum of those in one go."""
    y = np.array([[1.77, 1.14, 1.36, -0.07], [0.28, 0.67, -0.2, 1.73]])
    p = np.array([[0.0032, 0.15, 0.0093, 0.0108], [0.2422, 0.3492, 0.5549, 0.4943]])
    problem = f"""
convention: {{affine: x W + b}}
x: {p.tolist()}
layers: [{{weights: [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]}}]
y: {y.tolist()}
loss: {{formula: mean(abs(yhat - y)), over_samples: sum}}
grading: {{precision: {{decimals: 4}}}}
ask: [Yhat, L]
"""
    found = float(cut(np.abs(to_digits(p - y, 4)).mean(axis=1).sum(), 4))
    for typed, verdict in ((found, "correct"), (found - 1e-4, "wrong"), (found + 2e-3, "wrong")):
        assert graded(problem, {"Yhat": p, "L": f"{typed:.4f}"})["L"].verdict == verdict


def tanh_ways(z: float, keep: Callable[[float], float]) -> Iterator[float]:
    """tanh by powers of e, with each step kept to so many digits."""
    up, down, square = (keep(float(np.exp(k * z))) for k in (1, -1, 2))
    yield keep(up - down) / keep(up + down)
    yield keep(square - 1) / keep(square + 1)
    yield 1 - keep(2 / keep(square + 1))


@pytest.mark.parametrize("z", [-1.35, 0.28, 0.93, 2.1])
@pytest.mark.parametrize("cuts", [False, True])
def test_tanh_may_be_worked_out_by_powers_of_e(z: float, cuts: bool) -> None:
    problem = f"""
x: [{z}]
layers: [{{weights: [[1]], activation: tanh}}]
y: [0]
loss: half-squared-error
grading: {{precision: {{decimals: 3}}}}
ask: [Z1, Yhat]
"""

    def keep(value: float) -> float:
        return float(cut(value, 3)) if cuts else round(value, 3)

    for found in tanh_ways(z, keep):
        sheet: dict[str, object] = {"Z1": z, "Yhat": f"[{keep(found):.3f}]"}
        assert graded(problem, sheet)["Yhat"].verdict == "correct"
    for off in (-0.004, 0.005):
        wrong = {"Z1": z, "Yhat": f"[{keep(float(np.tanh(z))) + off:.3f}]"}
        assert graded(problem, wrong)["Yhat"].verdict == "wrong"


@pytest.mark.parametrize(
    ("typed", "verdict"),
    [("1.16", "carried"), ("1.15", "carried"), ("1.13", "wrong"), ("1.20", "wrong")],
)
def test_a_wrong_value_may_be_gone_on_with_through_what_shows_no_digits(
    typed: str, verdict: str
) -> None:
    """1.52² / 1000 is 0.0023, which is 0.00 as the right one is; over 0.002 it is 1.155."""
    problem = """values: {x: 1.3, w: 0.4}
equations: [g = x * w, v = g^2 / 1000, q = v / 0.002]
ask: [g, v, q]
grading: {precision: {decimals: 2}}
"""
    found = graded(problem, {"g": "1.52", "v": "0.00", "q": typed})
    assert [found[id].verdict for id in "gvq"] == ["wrong", "correct", verdict]


FEW_DIGITS_BEHIND_A_SLIP = """
convention: {affine: x W^T + b, output_gradient: chain}
x: [[-1.44], [1.85]]
layers:
- {weights: [[0.18]], bias: [0.65], activation: tanh}
- {weights: [[0.4]], activation: tanh}
- {weights: [[-1.06], [-1.28]], bias: [1.25, 0.15], activation: sigmoid}
y: [[0, 1], [0, 1]]
loss: {name: cross-entropy, over_samples: sum}
update: {rule: sgd, learning_rate: 0.02}
grading: {precision: {decimals: 4}}
"""


@pytest.mark.parametrize(("more", "verdict"), [(0.0, "imprecise"), (0.002, "wrong")])
def test_what_follows_from_a_slip_does_so_through_few_digits(more: float, verdict: str) -> None:
    """All with three decimals where four are asked, cut off: 0.4 - 0.056 of 0.02 · 2.839.

    ∂L/∂Z³ is ten times too large in one sample, and in all that follows.
    """
    h1, h2 = np.array([[0.371], [0.754]]), np.array([[0.146], [0.292]])
    z3 = np.array([[0, -5.060], [0, -0.553]])
    below = cut(z3 @ [[-1.06], [-1.28]], 3)
    z2 = cut(below * (1 - h2**2), 3)
    assert z2 == pytest.approx(np.array([[6.338], [0.646]]), abs=0.0025)
    w2 = cut(h1.T @ z2, 3)
    new = 0.4 - cut(0.02 * w2, 3) + more
    yhat = np.array([[0.749, 0.491], [0.719, 0.444]])
    upstream = np.array([[0, -2.036], [0, -2.252]])
    sheet = {"H1": h1, "H2": h2, "Yhat": yhat, "dL/dYhat": upstream, "dL/dZ3": z3}
    sheet |= {"dL/dH2": below, "dL/dZ2": z2, "dL/dW2": w2, "W2_new": new.round(3)}
    text = {id: [[f"{float(x):.3f}" for x in row] for row in one] for id, one in sheet.items()}
    found = graded(FEW_DIGITS_BEHIND_A_SLIP, {id: str(one) for id, one in text.items()})
    assert (found["dL/dZ3"].verdict, found["W2_new"].verdict) == ("wrong", verdict)

"""What leaves no work, how far own values are followed, what proves a slip: each on both sides."""

from __future__ import annotations

import numpy as np
import pytest
from judged import graded

SATURATED = """values: {w: 0.5, x: 1}
equations: [z = w * x, h = sigmoid(z), L = h^2]
ask: [z, L, dL/dz]
grading: {precision: {decimals: 2}}
"""


@pytest.mark.parametrize(("z", "verdict"), [("5.60", "carried"), ("5.70", "not-judged")])
def test_when_a_unit_is_saturated(z: str, verdict: str) -> None:
    """A gradient of 1 + sin(1)/2 = 1.4207 comes back as 0.0052 and 0.0047: half a unit is seen."""
    found = graded(SATURATED, f"z: {z}, L: 0.99")
    assert (found["z"].verdict, found["L"].verdict) == ("wrong", verdict)


@pytest.mark.parametrize(
    ("asked", "verdict"), [("[u, v, w]", "carried"), ("[u, v, w, t]", "not-judged")]
)
def test_when_one_number_in_every_box_is_no_work(asked: str, verdict: str) -> None:
    problem = f"""values: {{a: 5, b: 1}}
equations: [u = a - 3, v = u * b, w = v * b, t = w * b]
ask: {asked}
grading: {{precision: {{decimals: 2}}}}
"""
    found = graded(problem, ", ".join(f"{name}: 9.99" for name in asked.strip("[]").split(", ")))
    assert found["u"].verdict == "wrong"
    assert {found[name].verdict for name in ("v", "w")} == {verdict}


VECTOR = """values: {a: [5, 6], b: [2, 3]}
equations: [u = a * b, v = u * 3]
ask: [u, v]
grading: {precision: {decimals: 2}}
"""


@pytest.mark.parametrize(
    ("u", "v", "verdict"),
    [
        ("[0, 0]", "[0, 0]", "not-judged"),
        ("[0, 0.01]", "[0, 0.03]", "carried"),
        ("[5, 6]", "[15, 18]", "not-judged"),
        ("[5, 6.01]", "[15, 18.03]", "carried"),
    ],
)
def test_when_a_value_is_all_zero_or_copied(u: str, v: str, verdict: str) -> None:
    found = graded(VECTOR, f"u: {u}, v: {v}")
    assert (found["u"].verdict, found["v"].verdict) == ("wrong", verdict)


@pytest.mark.parametrize(
    ("yhat", "points"), [("[0.87, 0.79]", 0), ("[0.87, 0.8]", 0.25), ("[0.87, 0.22]", 0.5)]
)
def test_when_few_digits_are_those_of_a_target(yhat: str, points: float) -> None:
    """σ(1.9) = 0.86989 is 0.87 to whom it may concern, but not where both are those of y."""
    problem = """values: {z: [1.9, -1.266], y: [0.87, 0.79]}
equations: [yhat = sigmoid(z), L = sum((yhat - y)^2)]
ask: [yhat]
grading: {precision: {decimals: 5}}
"""
    assert graded(problem, f"yhat: {yhat}")["yhat"].points == points


@pytest.mark.parametrize(
    ("x", "u", "s", "verdict"),
    [("0.02", "0.0", "0.0", "not-judged"), ("0.03", "0.1", "5.0", "correct")],
)
def test_a_written_0_that_is_divided_by_excuses_nothing_behind_what_is_wrong(
    x: str, u: str, s: str, verdict: str
) -> None:
    """r = 3/0.04 = 75 is not to be had from 0.0, so nobody has 0.0 · 75 = 0; 0.1 · 50 = 5 may be.

    3/0.06 = 50 is what is right for a wrong r, and 0.1 what is written for 0.06.
    """
    problem = f"""values: {{a: 3, x: {x}, w: 2}}
equations: [u = w * x, r = a / u, s = u * r, t = s * w]
ask: [u, r, s, t]
grading: {{precision: {{decimals: 1}}}}
"""
    found = graded(problem, f"u: {u}, r: 7, s: {s}, t: 0")
    assert (found["r"].verdict, found["s"].verdict) == ("wrong", verdict)
    assert found["t"].verdict in ("wrong", "not-judged")


@pytest.mark.parametrize(("y", "second", "output"), [(1, -2.7, "0.00"), (0, 1.3, "1.00")])
@pytest.mark.parametrize(("z", "verdict"), [("zero", "not-judged"), ("right", "correct")])
def test_zeros_behind_a_saturated_output_are_no_work(
    y: int, second: float, output: str, z: str, verdict: str
) -> None:
    """∂L/∂Ŷ = -1/ŷ, or 1/(1 - ŷ), times ŷ(1 - ŷ) is ŷ - y, whatever ŷ was rounded to."""
    problem = f"""x: [2, 3]
layers:
- {{weights: [[1, {second}]], bias: [0.05], activation: sigmoid}}
y: [{y}]
loss: binary-cross-entropy
update: {{rule: sgd, learning_rate: 0.1}}
grading: {{precision: {{decimals: 2}}}}
"""
    dz = "0" if z == "zero" else f"{float(output) - y:.2f}"
    found = graded(problem, f"Yhat: [{output}], dL/dYhat: [0], dL/dZ1: [{dz}], dL/db1: [{dz}]")
    assert found["Yhat"].verdict == "correct"
    assert found["dL/dYhat"].verdict == "wrong"
    assert {found[name].verdict for name in ("dL/dZ1", "dL/db1")} == {verdict}


# How far own values are followed ------------------------------------------------------------------


@pytest.mark.parametrize(("last", "verdict"), [(32, "carried"), (33, "wrong")])
def test_how_many_updates_are_followed(last: int, verdict: str) -> None:
    """The gradient of w²/2 is w: each update takes a hundredth, from 3 for 1.9602 after two."""
    problem = f"""values: {{w: 2}}
equations: [L = w^2 / 2]
train: [w]
update: {{rule: sgd, learning_rate: 0.01, steps: {last}}}
ask: [w_new@2, w_new@{last}]
grading: {{precision: {{decimals: 4}}}}
"""
    found = graded(problem, f"w_new@2: 3, w_new@{last}: {3 * 0.99 ** (last - 2):.4f}")
    assert (found["w_new@2"].verdict, found[f"w_new@{last}"].verdict) == ("wrong", verdict)


@pytest.mark.parametrize(("size", "verdict"), [(20, "carried"), (21, "wrong")])
def test_how_large_a_jacobian_is_followed(size: int, verdict: str) -> None:
    """∂h/∂x of h = z², z = 3x, is diagonal with 6z: 400 entries are followed, 441 are not."""
    problem = f"""values: {{x: {list(range(1, size + 1))}}}
equations: [z = 3 * x, h = z^2]
ask: [z, dh/dx]
grading: {{precision: {{decimals: 2}}}}
"""
    z = np.arange(1, size + 1) * 3.0 + 0.5
    found = graded(problem, f"z: {z.tolist()}, dh/dx: {np.diag(6 * z).tolist()}")
    assert (found["z"].verdict, found["dh/dx"].verdict) == ("wrong", verdict)


# What proves a slip -------------------------------------------------------------------------------


@pytest.mark.parametrize(("g", "typed", "named"), [(8.6, "0.12", True), (8.8, "0.12", False)])
def test_how_wide_a_slip_may_be(g: float, typed: str, named: bool) -> None:
    """g z(1 - z) for g h(1 - h): 0.98 is [0.975, 0.99), so that is g times 0.00975 to 0.02475.

    That is 0.129 wide, and 0.132. Eight times the width of what is typed, and a twentieth of the
    value, are 0.12 + 0.05 · 0.213 = 0.1306 and 0.12 + 0.05 · 0.218 = 0.1309.
    """
    problem = f"""values: {{a: 59, b: 60, g: {g}}}
equations: [z = a / b, h = sigmoid(z), L = g * h]
ask: [z, dL/dz]
grading: {{precision: {{decimals: 2}}}}
"""
    result = graded(problem, f"z: 0.98, dL/dz: {typed}")["dL/dz"]
    assert result.verdict == "wrong"
    assert ("activation-derivative-at-wrong-argument" in result.slips) is named


@pytest.mark.parametrize(
    ("a", "gradient", "typed", "named"),
    [("0.3142", "0.31", "0.685", True), ("0.2838", "0.28", "0.715", False)],
)
def test_how_wide_the_change_by_a_slip_may_be(
    a: str, gradient: str, typed: str, named: bool
) -> None:
    """1 - g for 1 - 0.1 g: 0.015 is a twentieth of 0.32, the largest that 0.31 stands for."""
    problem = f"""values: {{w: 1, a: {a}}}
equations: [L = a * w]
train: [w]
update: {{rule: sgd, learning_rate: 0.1}}
ask: [dL/dw, w_new]
grading: {{precision: {{decimals: 2}}}}
"""
    result = graded(problem, f"dL/dw: {gradient}, w_new: {typed}")["w_new"]
    assert result.verdict == "wrong"
    assert ("learning-rate-omitted" in result.slips) is named


@pytest.mark.parametrize(("typed", "named"), [("1.31", True), ("1.3", False)])
def test_how_many_digits_prove_a_factor(typed: str, named: bool) -> None:
    """r = 2.62 without its 2."""
    problem = """values: {a: 1.31}
equations: [r = a + a]
grading: {precision: {decimals: 1}}
"""
    result = graded(problem, f"r: {typed}")["r"]
    assert (result.verdict, "factor-two" in result.slips) == ("wrong", named)


SMALL = """values: {a: 0.4955, b: 0.4851}
equations: [r = a * 1.0002 - b * 1.0003, s = r * 0.9, t = s * 0.9, u = t + b]
ask: [r, s, t, u]
grading: {precision: {decimals: 2}}
"""


@pytest.mark.parametrize(("u", "how"), [("0.49", "carried-rounding"), ("0", None)])
def test_when_a_value_may_have_been_rounded_to_zero(u: str, how: str | None) -> None:
    """0.4956 − 0.4852 is 0 by who has 0.49 for both; where all are 0 nobody worked that out."""
    assert graded(SMALL, f"r: 0, s: 0, t: 0, u: {u}")["r"].how == how


@pytest.mark.parametrize(("c", "how"), [("1.9", "carried-rounding"), ("2", None)])
def test_when_a_parameter_may_have_been_left_where_it_is(c: str, how: str | None) -> None:
    """A step of 0.0098 may round to nothing; where no parameter moved nobody took one."""
    problem = """values: {a: 0.4949, b: 0.4851, w: 1, c: 2}
equations: [L = w * (a * 1.0002 - b * 1.0003) + c]
train: [w, c]
update: {rule: sgd, learning_rate: 1}
ask: [w_new, c_new]
grading: {precision: {decimals: 2}}
"""
    assert graded(problem, f"w_new: 1, c_new: {c}")["w_new"].how == how


@pytest.mark.parametrize(("last", "how"), [("1.01", "carried-rounding"), ("0", None)])
def test_when_a_gradient_may_have_been_rounded_to_zero(last: str, how: str | None) -> None:
    """The same behind a forward pass that is right: all of the backward pass is 0."""
    problem = """values: {a: 0.4956, b: 0.4852, w: 50}
equations: [s = w * 1, r = s * 0.9, q = r * 0.9, p = q * 0.9, L = p * (a * 1) - p * b + s]
ask: [s, r, dL/dp, dL/dq, dL/dr, dL/ds]
grading: {precision: {decimals: 2}}
"""
    zeros = "dL/dp: 0, dL/dq: 0, dL/dr: 0"
    found = graded(problem, f"s: 50, r: 45, {zeros}, dL/ds: {last}")
    assert found["dL/dp"].how == how


@pytest.mark.parametrize(
    ("rate", "typed", "verdict"),
    [
        (0.1, "-0.9", "imprecise"),
        (0.1, "-1", "imprecise"),
        (0.1, "-0.8", "wrong"),
        (9, "-0.9", "wrong"),
    ],
)
def test_when_one_digit_of_a_parameter_is_enough(rate: float, typed: str, verdict: str) -> None:
    """−0.96 − η · 0.005: one digit is held against nobody where those asked show no change."""
    problem = f"""values: {{x: 0.005, w: -0.96, c: 1.7}}
equations: [L = w * x + c * 2.3]
train: [w]
update: {{rule: sgd, learning_rate: {rate}}}
ask: [L, w_new]
grading: {{precision: {{decimals: 2}}}}
"""
    assert graded(problem, f"L: 3.9, w_new: {typed}")["w_new"].verdict == verdict


@pytest.mark.parametrize(("new", "verdict"), [("1", "not-judged"), ("0.7", "not-judged")])
def test_that_a_new_loss_of_its_own_makes_no_work_of_a_forward_pass(new: str, verdict: str) -> None:
    """1 in every box before the update, and what follows from that is not carried."""
    problem = """values: {a: 5, w: 0.5}
equations: [u = a - 3, v = u * w, r = v * 3, L = r * 2]
train: [w]
update: {rule: sgd, learning_rate: 0.01}
ask: [u, v, r, L, dL/dw, L_new]
grading: {precision: {decimals: 2}}
"""
    found = graded(problem, f"u: 1, v: 1, r: 1, L: 1, dL/dw: 6, L_new: {new}")
    assert found["dL/dw"].verdict == verdict


def test_that_nothing_is_carried_from_zeros_beside_what_is_missing() -> None:
    """All that is left of dL/dW2 is its penalty, 0.02 · W2, where dL/dZ2 is 0 and H missing."""
    problem = """x: [[0.4, -0.9], [1.2, 0.3]]
layers:
- {weights: [[0.5, -0.7], [0.8, 0.6]], activation: tanh}
- {weights: [[0.9, -0.02]], activation: linear}
y: [[0.3], [-1.1]]
loss: squared-error
penalty: {l2: 0.01}
convention: {affine: x W^T + b}
ask: [H1, dL/dYhat, dL/dW2]
grading: {precision: {decimals: 3}}
"""
    zeros = "dL/dYhat: [[0.000], [0.000]], dL/dW2: [[0.018, 0.000]]"
    found = graded(problem, zeros)["dL/dW2"]
    assert [entry.verdict for entry in found.entries] == ["not-judged", "not-judged"]


SMALL_STEPS = """values: {X: [[-5e-5, EDGE]], y: [1], w: [0.25, -0.25], b: 0.25}
equations: [r = X @ w + b - y, L = sum(r^2)]
train: [w, b]
update: {rule: RULE, learning_rate: 0.1}
ask: [r, dL/dr, dL/dw, dL/db, w_new, b_new]
grading: {precision: {decimals: 3}}
"""


@pytest.mark.parametrize(
    ("rule", "moved"), [("rmsprop", 0.1 / np.sqrt(0.1)), ("adagrad", 0.1), ("adam", 0.1)]
)
@pytest.mark.parametrize(
    ("edge", "gradient", "verdict"),
    [
        ("6.6e-4", "[0, 0]", "correct"),  # -1.5 of it is 0.00099, which is cut off to 0.000
        ("6.8e-4", "[0, 0]", "not-judged"),  # 0.00102 is not
        ("3.3e-4", "_", "wrong"),
    ],
)
def test_where_a_parameter_may_stay_since_its_gradient_is_0_on_the_sheet(
    rule: str, moved: float, edge: str, gradient: str, verdict: str
) -> None:
    """A rule that divides by the size of a gradient moves by as much whatever that size is."""
    problem = SMALL_STEPS.replace("EDGE", edge).replace("RULE", rule)
    sheet = f"r: -0.75, dL/dr: -1.5, dL/dw: {gradient}, dL/db: -1.5, w_new: NEW"
    found = graded(problem, sheet.replace("NEW", "[0.250, -0.250]"))
    assert found["w_new"].verdict == verdict
    beside = graded(problem, sheet.replace("NEW", "[0.254, -0.25]"))
    assert beside["w_new"].verdict != "correct"
    true = graded(problem, sheet.replace("NEW", f"[{0.25 - moved:.3f}, {moved - 0.25:.3f}]"))
    assert true["w_new"].verdict == "correct"


# r from the h typed, four decimals each: 0.04 h1 + 0.81 h2, of 0.39705 to 0.3972 and 1.36555 to
# 1.3657, is 1.12198 to 1.12211.
FROM_FEW = """values: {x: [0.6, -0.4], W: "0.5 0.3; -0.2 0.8", V: "0.04 0.81"}
equations: [z = W @ x, p = sigmoid(z), h = tanh(z), r = V @ h]
ask: [p, h, r]
grading: {precision: {decimals: 5}}
"""


@pytest.mark.parametrize(
    ("typed", "verdict"),
    [
        ("1.1220", "carried"),  # of the numbers just as they were typed it is 1.12202
        ("1.1221", "imprecise"),
        ("1.1218", "imprecise"),  # 0.0158 + 1.1060, each product cut off
        ("1.1217", "wrong"),
        ("1.1223", "wrong"),
    ],
)
def test_what_follows_from_wrong_numbers_of_few_digits(typed: str, verdict: str) -> None:
    sheet = f"p: [0.5449, 0.3917], h: [0.3971, 1.3656], r: [{typed}]"
    found = graded(FROM_FEW, sheet)
    assert [found[one].verdict for one in ("p", "h", "r")] == ["imprecise", "wrong", verdict]


@pytest.mark.parametrize("typed", ["1.4", "0.9"])
def test_that_from_wrong_numbers_of_one_digit_nothing_follows(typed: str) -> None:
    found = graded(FROM_FEW, f"p: [0.5449, 0.3917], h: [0.4, 2], r: [{typed}]")
    assert found["r"].verdict == "wrong"


# e^-0.17 is 0.84 of two digits, 1 + 0.84 is 1.8, and 1/1.8 = 0.556.
OF_TWO = """values: {x: [0.17, 1.7], v: [0.3, -1.13]}
equations: [p = sigmoid(x), r = v * exp(x)]
ask: [p, r]
grading: {precision: {decimals: 2}}
"""


@pytest.mark.parametrize(
    ("p", "r", "verdict"),
    [
        ("0.56, 0.85", "0.36, -6.2", "imprecise"),
        ("0.57, 0.85", "0.36, -6.2", "wrong"),
        ("0.56, 0.85", "0.36, -6.19", "wrong"),  # three digits are in use
    ],
)
def test_a_sheet_of_two_significant_digits(p: str, r: str, verdict: str) -> None:
    assert graded(OF_TWO, f"p: [{p}], r: [{r}]")["p"].verdict == verdict

"""Slips of one part of a formula, computed by NumPy: named where they are made, and only there."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from judged import PROGRAM_SLIPS, graded

LAYERS = """convention: {{affine: {affine}{more}}}
x: {x}
layers:
- {{weights: {w}, bias: {b}, activation: {activation}}}
y: {y}
loss: {loss}
update: {{rule: sgd, learning_rate: 0.2}}
grading: {{precision: {{decimals: {decimals}}}}}
"""
W = np.array([[0.42, -0.35], [-0.61, 0.27], [0.18, 0.54]])
B = np.array([0.13, -0.24, 0.36])
X = np.array([0.8, -1.5])


def _softmax(z: np.ndarray) -> np.ndarray:
    powers = np.exp(z)
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def _problem(y: object, loss: str, activation: str = "softmax", **other: object) -> str:
    given = {"x": X.tolist(), "w": W.tolist(), "b": B.tolist(), "affine": "W x + b"}
    given |= {"more": "", "decimals": 4, "y": y, "loss": loss, "activation": activation}
    return LAYERS.format(**(given | other))


def _sheet(decimals: int = 4, **values: object) -> str:
    found = {id.replace("__", "/"): np.asarray(value) for id, value in values.items()}
    return ", ".join(f"{id}: {value.round(decimals).tolist()}" for id, value in found.items())


def _names(problem: str, sheet: str) -> Mapping[str, tuple[str, ...]]:
    return {id: tuple(one.slips) for id, one in graded(problem, sheet).items()}


def test_a_softmax_without_the_signs_beside_its_diagonal() -> None:
    y = np.array([0.2, -0.4, 0.9])
    z = W @ X + B
    p = _softmax(z)
    g = p - y
    jacobian = np.diag(p) - np.outer(p, p)
    sheet = {"Z1": z, "Yhat": p, "L": ((p - y) ** 2).sum() / 2, "dL__dYhat": g}
    problem = _problem(y.tolist(), "half-squared-error")
    found = _names(problem, _sheet(**sheet, dL__dZ1=np.abs(jacobian) @ g))
    assert found["dL/dZ1"] == ("term-sign-flipped",)
    assert _names(problem, _sheet(**sheet, dL__dZ1=jacobian @ g))["dL/dZ1"] == ()


def test_the_logarithm_of_every_class() -> None:
    z = W @ X + B
    p = _softmax(z)
    problem = _problem([0, 1, 0], "cross-entropy")
    assert "factor-left-out" in _names(problem, _sheet(Z1=z, Yhat=p, L=-np.log(p).sum()))["L"]


@pytest.mark.parametrize("scale", [1, 0.93])
def test_the_size_of_an_error_for_its_square(scale: float) -> None:
    problem = """values: {u: 0.731, y: 1.462}
equations: [yhat = u * 0.5, L = (yhat - y)^2 / 2]
grading: {precision: {decimals: 4}}
"""
    size = scale * abs(0.3655 - 1.462) / 2
    found = _names(problem, _sheet(yhat=0.3655, L=size))["L"]
    assert ("power-left-out" in found) == (scale == 1)


@pytest.mark.parametrize("factor", [0.1, 10])
def test_a_rate_with_its_point_moved(factor: float) -> None:
    y = np.array([0.2, -0.4, 0.9])
    z = W @ X + B
    g = z - y
    known = {"Z1": z, "Yhat": z, "L": (g**2).sum() / 2, "dL__dYhat": g, "dL__dZ1": g}
    gradients = {"dL__dW1": np.outer(g, X), "dL__db1": g}
    problem = _problem(y.tolist(), "half-squared-error", "linear")
    new = {"W1_new": W - 0.2 * factor * np.outer(g, X), "b1_new": B - 0.2 * g}
    found = _names(problem, _sheet(**known, **gradients, **new))
    assert found["W1_new"] == ("decimal-slip",)
    assert found["b1_new"] == ()


def test_ones_for_the_input_beside_that_of_the_bias() -> None:
    """With the bias inside W, somebody who loses h still multiplies the bias by its −1."""
    problem = """convention: {affine: W x + b, bias: last, bias_input: -1}
x: [0.8, -1.5]
layers:
- {weights: [[0.42, -0.35, 0.13], [-0.61, 0.27, -0.24]], activation: tanh}
- {weights: [[0.9, -0.7, 0.36], [0.3, 1.1, -0.5]]}
y: [0.4, -0.9]
loss: half-squared-error
grading: {precision: {decimals: 4}}
ask: [H1, Yhat, dL/dZ2, dL/dW2]
"""
    h = np.tanh(np.array([[0.42, -0.35], [-0.61, 0.27]]) @ X - [0.13, -0.24])
    out = np.array([[0.9, -0.7], [0.3, 1.1]]) @ h - [0.36, -0.5]
    delta = out - [0.4, -0.9]
    wrong = np.outer(delta, [1, 1, -1])
    found = _names(problem, _sheet(H1=h, Yhat=out, dL__dZ2=delta, dL__dW2=wrong))
    assert "input-left-out" in found["dL/dW2"]


def test_parts_of_a_sum_where_a_softmax_belongs_in_a_batch() -> None:
    x = np.array([[0.8, -1.5], [1.1, 0.7]])
    z = x @ W.T + B
    problem = _problem([[0, 1, 0], [1, 0, 0]], "cross-entropy", x=x.tolist(), affine="x W^T + b")
    found = _names(problem, _sheet(Z1=z, Yhat=z / z.sum(axis=1, keepdims=True)))
    assert found["Yhat"] == ("wrong-activation",)


def test_no_change_where_the_old_value_belongs() -> None:
    problem = """values: {x: 2, w: 1.5, b: -0.7, y: 2.3}
equations: [z = w * x + b, L = (z - y)^2]
train: [w, b]
update: {rule: sgd, learning_rate: 0.1}
grading: {precision: {decimals: 3}}
"""
    sheet = "z: 2.3, L: 0, dL/dz: 0, dL/dw: 0, dL/db: 0, w_new: 1.5, b_new: 0"
    assert "change-for-value" in _names(problem, sheet)["b_new"]


@pytest.mark.parametrize(("weight", "named"), [(0.57, True), (0.5671, False)])
def test_a_weight_misread_beside_right_entries(weight: float, named: bool) -> None:
    misread = W.copy()
    misread[1, 1] = weight  # 0.27
    problem = _problem([0, 1, 0], "cross-entropy")
    found = _names(problem, _sheet(Z1=misread @ X + B))["Z1"]
    assert ("digit-misread" in found) == named


@pytest.mark.parametrize(
    ("typed", "decimals", "named"),
    [
        ("3.713", 3, True),  # 7.48 * 0.36 + 1.02
        ("3.913", 3, False),  # what no digit leads to
        ("3.7", 1, False),  # what digits of three numbers lead near by chance
    ],
)
def test_a_number_misread_that_is_wrong_alone(typed: str, decimals: int, named: bool) -> None:
    problem = f"""values: {{x: 0.36, w: 1.48, b: 1.02, y: 1}}
equations: [z = w * x + b, L = (z - y)^2]
grading: {{precision: {{decimals: {decimals}}}}}
"""
    assert ("digit-misread" in _names(problem, f"z: {typed}")["z"]) == named


@pytest.mark.parametrize(("decimals", "named"), [(2, True), (1, False)])
def test_a_slip_with_fewer_digits_than_asked(decimals: int, named: bool) -> None:
    problem = _problem([0, 1, 0], "cross-entropy", "tanh", decimals=4)
    found = _names(problem, _sheet(decimals, Z1=W @ X))["Z1"]
    assert ("bias-left-out" in found) == named


@pytest.mark.parametrize(("bias", "names"), [("0.9", ()), ("-5.1", ("learning-rate-omitted",))])
def test_that_too_few_digits_of_what_is_right_are_no_mistake(
    bias: str, names: tuple[str, ...]
) -> None:
    """0.91 is 0.9 by who writes one decimal; 0.94 − 6.04 is −5.1, the rate being 0.005."""
    problem = """values: {x: 2, w: 1.5, b: 0.94, y: -2.1}
equations: [z = w * x + b, L = (z - y)^2 / 2]
train: [w, b]
update: {rule: sgd, learning_rate: 0.005}
grading: {precision: {decimals: 3}}
"""
    sheet = f"z: 3.9, L: 18.2, dL/dz: 6.0, dL/dw: 12.1, dL/db: 6.0, w_new: 1.4, b_new: {bias}"
    found = graded(problem, sheet)["b_new"]
    assert (found.verdict, found.slips) == ("wrong", names)
    assert ("too few" in found.message) == (not names)


@pytest.mark.parametrize(
    ("typed", "short"),
    [
        ("-0.06", True),  # cut off
        ("-0.07", True),
        ("-0.05", False),
        ("-0.060", False),  # all the digits asked: a mistake
        ("0.0", False),  # what is typed for nothing shows no digit of it
    ],
)
def test_that_one_short_number_among_long_ones_is_no_mistake_either(
    typed: str, short: bool
) -> None:
    """dL/dz = (0.8 · 0.7231 − 1) · 0.8 · 0.7231 · 0.2769 = −0.0675."""
    problem = """values: {x: 1.2, w: 0.55, b: 0.3, v: 0.8, y: 1.0}
equations: [z = w * x + b, h = sigmoid(z), yhat = v * h, L = (yhat - y)^2 / 2]
train: [w, b, v]
grading: {precision: {decimals: 3}}
"""
    sheet = "z: 0.9600, h: 0.7231, yhat: 0.578, L: 0.089, dL/dyhat: -0.4215"
    sheet += f", dL/dh: -0.3372, dL/dz: {typed}"
    found = graded(problem, sheet)["dL/dz"]
    assert found.verdict == "wrong"
    assert ("too few to prove" in found.message) == short
    assert found.short == short
    assert not (short and found.slips)


def test_that_no_mistake_of_code_is_looked_for_on_paper() -> None:
    """The signs of the errors are the gradient of an absolute error: a name for programs alone."""
    z = W @ X + B
    y = np.array([0.5, -0.8, 1.4])
    found = _names(
        _problem(y.tolist(), "half-squared-error", "linear"),
        _sheet(Z1=z, Yhat=z, L=((z - y) ** 2).sum() / 2, dL__dYhat=np.sign(z - y)),
    )
    assert not PROGRAM_SLIPS & set(found["dL/dYhat"])


CHAIN = """values: {x: 0.6, w: -0.2, b: 1.4, v: 1.3, y: 1.03}
equations: [z = w * x + b, h = sigmoid(z), yhat = v * h, L = (yhat - y)^2 / 2]
ask: [z, h, yhat, L]
grading: {precision: {significant: 4}}
"""


@pytest.mark.parametrize(
    ("sheet", "z", "yhat"),
    [
        # 1.3 · 0.7824 = 1.017: any number would be one digit off one time in a hundred
        ("z: 1.280, h: 0.7825, yhat: 1.817", False, False),
        # 7.280 for 1.280 is, more rarely; then 1.899 for 1.3 · 0.9993 = 1.299 is the same again
        ("z: 7.280, h: 0.9993, yhat: 1.899", True, True),
        ("z: 7.280, h: 0.9993, yhat: 1.876", True, False),
    ],
)
def test_a_digit_misread_again_takes_less_proof(sheet: str, z: bool, yhat: bool) -> None:
    found = _names(CHAIN, sheet)
    assert ("digit-misread" in found["z"], "digit-misread" in found["yhat"]) == (z, yhat)


@pytest.mark.parametrize(
    ("r", "typed", "named"),
    [
        (0.81, "0.86", True),  # eighteen numbers are one digit off, of about 170 as near
        (0.31, "0.35", False),  # of about 70
    ],
)
def test_how_much_proof_a_digit_misread_again_takes(r: float, typed: str, named: bool) -> None:
    problem = f"""values: {{a: 132.28, v: [1, 2], u: [{r - 2}, 1]}}
equations: [z = a * 1, r = v @ u]
grading: {{precision: {{decimals: 2}}}}
"""
    found = _names(problem, f"z: 172.28, r: {typed}")
    assert "digit-misread" in found["z"]
    assert ("digit-misread" in found["r"]) == named
    assert "digit-misread" not in _names(problem, f"z: 132.28, r: {typed}")["r"]


@pytest.mark.parametrize(
    ("r", "typed", "once", "twice"),
    [
        (0.81, "0.86", True, True),
        (0.31, "0.35", False, True),  # eighteen numbers of about 70
        (0.11, "0.15", False, False),  # of about 30
        (0.31, "0.26", False, False),  # and that is another in two digits
    ],
)
def test_who_misreads_digits_again_and_again(r: float, typed: str, once: bool, twice: bool) -> None:
    problem = f"""values: {{a: 132.28, c: 145.37, v: [1, 2], u: [{r - 2}, 1]}}
equations: [z = a * 1, y = c * 1, r = v @ u]
grading: {{precision: {{decimals: 2}}}}
"""
    for y, named in (("145.37", once), ("195.37", twice)):
        found = _names(problem, f"z: 172.28, y: {y}, r: {typed}")
        assert ("digit-misread" in found["r"]) == named


RECURRENT = """values: {x: [-0.7, -0.76], h0: 1.0, w: -0.1, u: 0.5, b: -1.5, y: 0.46}
equations:
- h1 = tanh(w * x[1] + u * h0 + b)
- h2 = tanh(w * x[2] + u * h1 + b)
- L = (h2 - y)^2 / 2
train: [w, u, b]
update: {rule: sgd, learning_rate: 0.5}
"""


@pytest.mark.parametrize(
    ("sheet", "b", "named"),
    [
        ("h1: -0.731, h2: -0.946, dL/dh2: -1.406, dL/dh1: -0.074, dL/db: -.182", "-1.5", True),
        ("h1: -0.731, h2: -0.946, dL/dh2: -1.406, dL/dh1: -0.074, dL/db: -.182", "-1.6", False),
        ("h1: -0.73, h2: -0.95, dL/dh2: -1.4, dL/dh1: -0.07, dL/db: -.18", "-1.5", False),
    ],
)
def test_that_a_number_left_as_it_was_has_the_digits_of_the_sheet(
    sheet: str, b: str, named: bool
) -> None:
    """-1.409 it should be; of a sheet in two digits -1.5 is no proof."""
    found = _names(RECURRENT, f"{sheet}, b_new: {b}")["b_new"]
    assert ("bias-not-updated" in found) == named


NEXT_STATE = """values: {x_1: [1, 0.5], x_2: [0, 1], h_0: [0, 0], U: "0.5 -0.3; 0.1 0.8",
  W: "0.2 0.4; -0.5 0.3", b: [0.1, -0.1]}
equations:
  - for t in 1..2:
      - a_t = U @ x_t + W @ h_{t-1} + b
      - h_t = tanh(a_t)
"""


@pytest.mark.parametrize(
    ("state", "named"),
    [
        ("0.5397", False),  # tanh(0.6030) = 0.5392; tanh(0.604) = 0.5399: of any ten as near, five
        ("0.5395", False),
        ("0.5992", True),  # six hundred units off, and one digit of its own
        ("0.5892", True),
    ],
)
def test_that_a_few_units_are_no_digit_misread(state: str, named: bool) -> None:
    """A public page has 0.5397: whatever was done, its last digit is another."""
    sheet = (
        f"a_1: [0.45, 0.40], h_1: [0.4219, 0.3799], a_2: [0.0363, 0.6030], h_2: [0.0363, {state}]"
    )
    found = _names(NEXT_STATE, sheet)["h_2"]
    assert ("digit-misread" in found) == named


@pytest.mark.parametrize(
    ("typed", "named"), [("0.7565", False), ("0.7467", False), ("0.7167", True), ("0.7967", True)]
)
def test_a_single_number_a_few_units_off(typed: str, named: bool) -> None:
    """σ(1.1345) is 0.7567. Of those 10 to 99 units off one in twenty has one other digit."""
    found = _names("values: {a: 1.1345}\nequations: [y = sigmoid(a)]\n", f"y: {typed}")["y"]
    assert ("digit-misread" in found) == named


# 7.24 read for 1.24: X @ [7.24, -0.47, -1.45] = [8.388, -12.057, -3.584], the largest the coarsest.
MISREAD_IN_A_BATCH = """values: {X: "1.05 0.58 -0.73; -1.94 1.63 -1.9; -0.32 1.74 0.31",
  w: [1.24, -0.47, -1.45]}
equations: [z = X @ w]
grading: {precision: {significant: 3}}
"""


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        ("[8.39, -12.1, -3.58]", True),
        ("[8.14, -11.6, -3.51]", False),  # of 7 for 1.24
        ("[8.39, -12.1, -3.61]", False),
    ],
)
def test_that_what_was_misread_is_sought_where_it_shows_most(typed: str, named: bool) -> None:
    assert ("digit-misread" in _names(MISREAD_IN_A_BATCH, f"z: {typed}")["z"]) == named


def test_a_digit_misread_where_a_value_is_only_taken_over() -> None:
    problem = """x: [1.2, -0.7]
layers: [{weights: [[0.3, 0.8], [-0.5, 0.4]], activation: linear}]
grading: {precision: {decimals: 3}}
"""
    right = "Z1: [-0.200, -0.880], Yhat: [-0.200"
    assert _names(problem, f"{right}, -0.380]")["Yhat"] == ("digit-misread",)
    assert _names(problem, f"{right}, -0.374]")["Yhat"] == ()


def test_a_weight_copied_is_not_updated_however_little_it_should_move() -> None:
    """The change is 0.0017, less than two units: other numbers are as near as the old one."""
    problem = """values: {x: 0.2, w: 1.5, b: -0.9, v: 0.43, y: -0.2}
equations: [z = w * x + b, h = sigmoid(z), yhat = v * h, L = (yhat - y)^2 / 2]
train: [w, b, v]
update: {rule: sgd, learning_rate: 0.25}
grading: {precision: {decimals: 3}}
"""
    sheet = (
        "z: -0.600, h: 0.354, yhat: 0.152, L: 0.062, dL/dyhat: 0.352, dL/dv: 0.124,"
        " dL/dh: 0.151, dL/dz: 0.034, dL/dw: 0.006, dL/db: 0.034, b_new: -0.900, v_new: 0.430"
    )
    kept = _names(problem, f"{sheet}, w_new: 1.500")["w_new"]
    assert kept[0] == "weights-not-updated"
    assert "weights-not-updated" not in _names(problem, f"{sheet}, w_new: 1.502")["w_new"]


def test_old_weights_are_not_updated_before_they_are_changed_by_too_little_to_be_seen() -> None:
    """Twice the rate of 0.05 is 0.0025 times a step near 1: nothing to be seen in two decimals."""
    problem = """values: {x: [1, 2], w: [0.42, -1.13], y: 3}
equations: [yhat = w @ x, L = (yhat - y)^2]
train: [w]
update: {rule: adam, learning_rate: 0.05, t: 5, state: {m_w: [-6, -12], v_w: [0.4, 1.6]}}
grading: {precision: {decimals: 2}}
"""
    sheet = "yhat: -1.84, L: 23.43, dL/dyhat: -9.68, dL/dw: [-9.68, -19.36], w_new: [0.42, -1.13]"
    assert _names(problem, sheet)["w_new"][0] == "weights-not-updated"


@pytest.mark.parametrize(
    ("sheet", "named"),
    [
        # 0.386 and, from the 0.686, -0.0549 with one digit misread each; cut off it is -0.0548
        ("h: [.686], yhat: -.0949", ["h", "yhat"]),
        ("h: [.686], yhat: -.0748", ["h", "yhat"]),
        ("h: [.686], yhat: -.0767", []),
        ("h: [.686], yhat: -.0549", []),  # one alone is too little
        ("h: [.686], yhat: -.0949, L: 2.22", []),  # and so are two where another is no digit
    ],
)
def test_a_digit_misread_in_several_quantities(sheet: str, named: list[str]) -> None:
    problem = """values: {x: [0.9, 1.4], W: [[0.72, 0.07]], b: [-0.36], v: [-0.08], y: 1.3}
equations: [h = relu(W @ x + b), yhat = v @ h, L = (yhat - y)^2]
train: [W, b, v]
update: {rule: sgd, learning_rate: 0.2}
grading: {precision: {significant: 3}}
"""
    found = _names(problem, sheet)
    assert [name for name, slips in found.items() if "digit-misread" in slips] == named


@pytest.mark.parametrize(("typed", "named"), [(".6000", True), (".6010", False)])
def test_a_state_ignored_beside_the_right_one(typed: str, named: bool) -> None:
    """w is 0.6 where G is 0 before: 0.7 - 0.1 g / √g²; with G = 0.5 it is 0.6142."""
    problem = """values: {w: 0.7, x: 1.3}
equations: [z = w * x, L = z * z / 2]
train: [w]
update: {rule: adagrad, learning_rate: 0.1, epsilon: 1.0e-8, state: {G_w: 0.5}}
ask: [z, L, dL/dz, dL/dw, G_w, w_new]
grading: {precision: {decimals: 4}}
"""
    sheet = f"z: .91, L: .4141, dL/dz: .91, dL/dw: 1.183, G_w: 1.8995, w_new: {typed}"
    assert ("state-ignored" in _names(problem, sheet)["w_new"]) == named


@pytest.mark.parametrize(("z", "named"), [("1", True), ("1.2", False), ("2", False)])
def test_a_bias_left_out_at_two_digits_where_three_are_asked(z: str, named: bool) -> None:
    """Without it Z is -0.539, -0.424 and 1.072: 1.0 beside 0.53, and so the 1 may be."""
    problem = """x: [-1.2, 0.1, -1.15, -0.87]
layers:
- weights: [[0.26, -0.34, 0.1, 0.09], [1.08, -1.45, -0.65, -0.31], [-1.29, 0.9, 1.15, -0.87]]
  bias: [0.07, -1.37, 0.83]
  activation: softmax
y: [1, 0, 0]
loss: cross-entropy
grading: {precision: {significant: 3}}
"""
    rest = "Yhat: [.14, .16, .68], L: 1.9, dL/dYhat: [-7.1, 0, 0], dL/dZ1: [-.86, .16, .68]"
    found = _names(problem, f"Z1: [-.53, -.42, {z}], {rest}")
    assert ("bias-left-out" in found["Z1"]) == named


@pytest.mark.parametrize(("typed", "named"), [("23.40", True), ("23.41", False)])
def test_a_point_moved_in_a_number_with_its_decimals(typed: str, named: bool) -> None:
    """2.34 for 2.3449, where two decimals are written."""
    problem = """values: {a: [1.17245, 0.55535]}
equations: [v = 2 * a]
grading: {precision: {decimals: 3}}
"""
    found = _names(problem, f"v: [{typed}, 1.11]")
    assert ("decimal-slip" in found["v"]) == named


BRANCHES = """values: {x: [0.6, -0.9], U: [[0.5, 0.2], [-0.4, 0.8]], V: [[0.3, -0.7], [0.6, 0.1]]}
equations: [p = U @ x, q = V @ x, h = tanh(p) * sigmoid(q), L = 0.5 * sum(h^2)]
train: [U, V]
grading: {precision: {decimals: 4}}
ask: [p, q, h, dL/dh, dL/dp, dL/dq, dL/dU, dL/dV]
"""


@pytest.mark.parametrize("taken", ["dL/dp", "dL/dq"])
def test_the_gradient_of_the_other_branch_wherever_it_stands(taken: str) -> None:
    """Neither branch follows from the other, so that either may have been worked out first."""
    x = np.array([0.6, -0.9])
    p, q = np.array([0.12, -0.96]), np.array([0.81, 0.27])
    a, g = np.tanh(p), 1 / (1 + np.exp(-q))
    h = (a * g).round(4)
    dp, dq = (h * g * (1 - a**2)).round(4), (h * a * g * (1 - g)).round(4)
    one = dp if taken == "dL/dp" else dq
    wrong = np.outer(one, x)
    sheet = {"p": p, "q": q, "h": h, "dL/dh": h, "dL/dp": dp, "dL/dq": dq}
    sheet |= {"dL/dU": wrong, "dL/dV": wrong}
    text = "".join(f"  {id}: {value.round(4).tolist()}\n" for id, value in sheet.items())
    found = graded(BRANCHES, text)
    right, other = ("dL/dU", "dL/dV") if taken == "dL/dp" else ("dL/dV", "dL/dU")
    assert found[right].verdict == "correct"
    assert (found[other].verdict, found[other].slips) == ("wrong", ("wrong-operand", "copied"))


TWO_STEPS_OF_TIME = """values: {x: [1.0, 0.2], h0: 1.06, w: 0.2, u: -0.4, b: -0.77, y: 0.8}
equations:
  - h1 = tanh(w * x[1] + u * h0 + b)
  - h2 = tanh(w * x[2] + u * h1 + b)
  - L = (h2 - y)^2 / 2
train: [w, u, b]
grading: {precision: {significant: 3}}
"""


@pytest.mark.parametrize(
    ("loss", "rest", "names"),
    [
        # -0.359 for -0.759, -0.727 for -0.527, 7.16 for 1.16 and so on: one digit of each
        ("7.16", "dL/dh2: -7.52, dL/dh1: 7.41", ("digit-misread", "wrong-operand")),
        # tanh(u x2 + w h1 + b) is -0.727, too, and the loss behind it is right
        ("1.17", "dL/dh2: -1.53", ("wrong-operand",)),
    ],
)
def test_what_is_done_everywhere_goes_before_a_name_of_its_own(
    loss: str, rest: str, names: tuple[str, ...]
) -> None:
    sheet = f"h1: -0.359, h2: -0.727, L: {loss}, {rest}"
    assert _names(TWO_STEPS_OF_TIME, sheet)["h2"] == names


@pytest.mark.parametrize(
    ("sheet", "named"),
    [
        ("r_1: .02", []),  # half of 0.0338 and half of 0.2592: each is too little
        ("r_2: .13", []),
        ("r_1: .02, r_2: .13", ["r_1", "r_2"]),
        ("r_1: .02, r_2: .14", []),  # of which one is no half
        ("r_1: .03, r_2: .13", []),
        ("r_1: .02, r_2: .13, r_3: .91", []),  # nor is that, and what it is nobody can tell
        ("r_1: .02, r_2: .13, r_3: .30", ["r_1", "r_2", "r_3"]),
    ],
)
def test_what_several_short_figures_prove_together(sheet: str, named: list[str]) -> None:
    problem = """values: {x: [0.37, 0.83, 1.21], t: 0.11}
equations:
- r_1 = 0.5 * (x[1] - t)**2
- r_2 = 0.5 * (x[2] - t)**2
- r_3 = 0.5 * (x[3] - t)**2
grading: {precision: {decimals: 2}}
"""
    found = _names(problem, sheet)
    assert [name for name, slips in found.items() if "factor-two" in slips] == named


@pytest.mark.parametrize(
    ("second", "typed", "named"),
    [
        ("0.83", ".13", True),
        ("0.57", ".05", True),  # .02 and .05 would both be halves once in twenty times
        ("0.47", ".03", False),  # .02 and .03 once in twelve
        ("0.37", ".02", False),  # and the same number twice proves no more than once
    ],
)
def test_how_much_short_figures_prove_together(second: str, typed: str, named: bool) -> None:
    problem = f"""values: {{x: [0.37, {second}], t: 0.11}}
equations: ["r_1 = 0.5 * (x[1] - t)**2", "r_2 = 0.5 * (x[2] - t)**2"]
grading: {{precision: {{decimals: 2}}}}
"""
    found = _names(problem, f"r_1: .02, r_2: {typed}")
    assert [found[name] == ("factor-two",) for name in ("r_1", "r_2")] == [named, named]

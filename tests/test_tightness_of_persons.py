"""The definite ways of a person where a range tells nothing: what each gives, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from judged import graded
from numpy.typing import NDArray

from backprop_cli.operations.bounds import Interval, point
from backprop_cli.problem.text.parser import parse
from backprop_cli.readings.intervals import enclosure
from backprop_cli.readings.units import Rounding

Array = NDArray[np.float64]
Number = float | np.float64
Written = Callable[[Number], Number]


def cut_off(value: Number, unit: Number) -> Number:
    return float(np.sign(value) * np.floor(abs(value) / unit + 1e-9) * unit)


def rounded(value: Number, unit: Number) -> Number:
    return float(np.sign(value) * np.floor(abs(value) / unit + 0.5 + 1e-9) * unit)


def decimals(_: Number) -> Number:
    return 0.01


def significant(value: Number) -> Number:
    return 1.0 if value == 0 else 10.0 ** (np.floor(np.log10(abs(value))) - 3)


def ways_to_write() -> Iterator[tuple[str, Written]]:
    """Two decimals, or four significant digits, as 30.08 has them; rounded, or cut off."""
    yield "decimals", lambda value: rounded(value, decimals(value))
    yield "decimals", lambda value: cut_off(value, decimals(value))
    yield "significant", lambda value: rounded(value, significant(value))
    yield "significant", lambda value: cut_off(value, significant(value))


V, W, A, K = np.array([0.3, 0.71]), np.array([0.567, 2.345]), np.float64(3.0), 0.5512


def as_it_is(value: Number) -> Number:
    return value


def persons(named: bool) -> Iterator[Number]:
    """r = a / (v·w - e^k), by everybody who rounds in one way all the time.

    That is each product, or the sum of products too, or only what no calculator does in one go, or
    only q = v·w, where that is `named`. A difference of two decimals has no more of them.
    """
    for kind, write in ways_to_write():
        as_step = write if kind == "significant" else as_it_is
        products, power = V * W, np.exp(K)
        each = np.sum([write(one) for one in products])
        yield A / ((write(each) if named else each) - write(power))
        total = write(products.sum())
        yield A / as_step(total - write(power))
        if named:
            yield A / (total - write(power))
            yield A / (total - power)
        else:
            yield A / (products.sum() - write(power))


NAMED = "[q = v @ w, r = a / (q - exp(k))]"
UNNAMED = "[r = a / (v @ w - exp(k))]"


def verdict(equations: str, typed: Number) -> str:
    problem = f"""values: {{v: {V.tolist()}, w: {W.tolist()}, a: {A}, k: {K}}}
equations: {equations}
ask: [r]
grading: {{precision: {{decimals: 2}}}}
"""
    return graded(problem, f"r: {typed:.2f}")["r"].verdict


@pytest.mark.parametrize(("equations", "named"), [(NAMED, True), (UNNAMED, False)])
def test_every_person_is_right_and_nobody_else(equations: str, named: bool) -> None:
    """v·w - e^k = 0.0997: two decimals leave one digit of it, and anything from 20 to 50 may be."""
    with np.errstate(divide="ignore"):
        values = np.array([*persons(named), A / (V @ W - np.exp(K))])
    values = values[np.isfinite(values)]
    assert len(np.unique(np.round(values, 2))) >= 5
    for value in values:
        assert verdict(equations, value) == "correct", value
        for other in (value - 0.025, value + 0.025):
            reached = (values > other - 0.015) & (values < other + 0.02)
            told = 29.5 < other < 30.6  # 0.0997 within 0.0015 is narrow enough, at four digits
            if not (told or reached.any()):
                assert verdict(equations, other) == "wrong", other


@pytest.mark.parametrize(
    ("typed", "verdict"),
    [
        # 0.7 · 0.0277 + 0.2 · 0.2224 is 0.01939 + 0.04448 = 0.06387
        ("0.0638", "correct"),
        ("0.0637", "correct"),  # each cut off: 0.0193 + 0.0444
        ("0.0636", "wrong"),
        ("0.0639", "correct"),
        ("0.0640", "wrong"),
    ],
)
def test_each_product_of_a_sum(typed: str, verdict: str) -> None:
    problem = """values: {v: [0.7, 0.2], w: [0.0277, 0.2224]}
equations: [r = v @ w]
grading: {precision: {decimals: 4}}
"""
    assert graded(problem, f"r: {typed}")["r"].verdict == verdict


@pytest.mark.parametrize(
    ("typed", "verdict"),
    [
        # 0.9299 · 0.5897 - 0.9203 · 0.5959 is 0.54836203 - 0.54840677 = -0.00004474
        ("-4.47e-5", "correct"),
        ("-1.00e-4", "wrong"),  # cut off after four: 0.5483 - 0.5484, but that is more than twice
        ("-4.00e-5", "correct"),  # after five: 0.54836 - 0.54840
        ("-5.00e-5", "correct"),  # rounded to five: 0.54836 - 0.54841
        ("-4.50e-5", "wrong"),  # to six: nobody keeps three digits more than are asked
        ("-4.40e-5", "wrong"),
        ("-3.00e-5", "wrong"),
        ("-6.00e-5", "wrong"),
    ],
)
def test_products_with_a_digit_or_two_more_than_asked(typed: str, verdict: str) -> None:
    problem = """values: {v: [0.9299, 0.9203], w: [0.5897, -0.5959]}
equations: [r = v @ w]
grading: {precision: {significant: 3}}
"""
    assert graded(problem, f"r: {typed}")["r"].verdict == verdict


@pytest.mark.parametrize(
    ("bias", "typed", "verdict"),
    [
        # 2.2221 · 3.111 + 1.7777 · 3.222 is 6.9129531 + 5.7277494 = 12.6407025
        ("v @ w - 12.61", "0.03070", "correct"),
        ("v @ w - 12.61", "0.02900", "correct"),  # each product cut off: 6.912 + 5.727
        ("v @ w - 12.61", "0.02000", "correct"),  # and their sum, 12.639, before the bias is added
        ("v @ w - 12.61", "0.01900", "wrong"),
        ("v @ w - 12.61", "0.02100", "wrong"),
        ("v @ w - 12.61", "0.02800", "wrong"),
        ("in one product", "0.1307", "correct"),
        ("in one product", "0.1290", "correct"),
        ("in one product", "0.1200", "correct"),
        ("in one product", "0.1190", "wrong"),
        ("in one product", "0.1210", "wrong"),
        ("in one product", "0.1280", "wrong"),
    ],
)
def test_the_sum_of_products_before_the_bias(bias: str, typed: str, verdict: str) -> None:
    values, formula = "v: [2.2221, 1.7777], w: [3.111, 3.222]", bias
    if bias == "in one product":
        values, formula = "v: [2.2221, 1.7777, 1], w: [3.111, 3.222, -12.51]", "v @ w"
    problem = f"""values: {{{values}}}
equations: [r = {formula}]
grading: {{precision: {{significant: 4}}}}
"""
    assert graded(problem, f"r: {typed}")["r"].verdict == verdict


@pytest.mark.parametrize(("terms", "value"), [(316, 3.16), (317, 3.1 * 0.00334 * 317)])
def test_how_many_products_are_written_down_one_by_one(terms: int, value: float) -> None:
    """3.1 · 0.00334 = 0.010354 is 0.01, for a hundred thousand pairs of numbers and no more."""
    names = {"v": np.full(terms, 3.1), "w": np.full(terms, 0.00334)}

    def named(name: str) -> Interval:
        return point(names[name])

    found = enclosure(parse("v @ w"), named, Rounding(2, within="every product"))
    np.testing.assert_allclose(found[0], value, rtol=1e-12)


# What is still 0, or the old weight ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("p", "typed", "verdict"),
    [
        # h(1 - h) = 0.003984 is 0.00, and 7.5 of it 0.0299: three units would be seen
        (7.5, "0.00", "correct"),
        (7.6, "0.00", "wrong"),
        (7.6, "0.03", "correct"),
    ],
)
def test_rounding_within_a_formula_may_leave_a_0(p: float, typed: str, verdict: str) -> None:
    problem = f"""values: {{p: {p}, h: 0.004}}
equations: ["r = p * (h * (1 - h))"]
ask: [r]
grading: {{precision: {{decimals: 2}}}}
"""
    assert graded(problem, f"r: {typed}")["r"].verdict == verdict


@pytest.mark.parametrize(
    ("u", "v", "verdict"),
    [
        # v = 0.07 u = 0.0875 from a wrong u: one digit follows from numbers that have two
        ("1.25", ".1", "imprecise"),
        ("1.25", ".2", "wrong"),
        ("2", ".1", "wrong"),  # 0.14,
    ],
)
def test_one_digit_follows_from_numbers_with_more(u: str, v: str, verdict: str) -> None:
    problem = """values: {a: 5, b: 3, c: 0.07}
equations: [u = a / b, v = u * c]
ask: [u, v]
grading: {precision: {decimals: 3}}
"""
    found = graded(problem, f"u: {u}, v: {v}")
    assert (found["u"].verdict, found["v"].verdict) == ("wrong", verdict)


# Which digits are in use --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("p", "r", "verdict"),
    [
        # no digits asked: who has p in three has h(1 - h) = 0.14913 in three, too
        ("7.405", "1.10334500", "correct"),  # 7.405 · 0.149
        # who has it in more does not, however many they are
        ("7.405100000000", "1.103359900000", "wrong"),
        ("7.4051000000000", "1.1033599000000", "wrong"),
    ],
)
def test_how_many_digits_may_be_in_use(p: str, r: str, verdict: str) -> None:
    problem = """values: {a: 14.8102, b: 2, h: 0.8176}
equations: ["p = a / b", "r = p * (h * (1 - h))"]
ask: [p, r]
"""
    assert graded(problem, f"p: {p}, r: {r}")["r"].verdict == verdict


@pytest.mark.parametrize(("q", "verdict"), [("0.06232", "correct"), ("0.06226", "wrong")])
def test_how_far_a_way_of_rounding_may_lead(q: str, verdict: str) -> None:
    """0.501 - 4 · 0.125 = 0.001 for 0.50148 - 4 · 2q, next to 1/0, where a range tells nothing.

    1000 is within thrice 1/0.00292 = 342, and beyond thrice 1/0.0034 = 294.
    """
    problem = f"""values: {{p: 0.25074, a: {q}, b: {q}, c: {q}, d: {q}}}
equations: [r = 1 / (2 * p - 2 * a - 2 * b - 2 * c - 2 * d)]
grading: {{precision: {{decimals: 3}}}}
"""
    assert graded(problem, "r: 1000.000")["r"].verdict == verdict


@pytest.mark.parametrize(
    ("h", "typed", "verdict"),
    [
        # tanh(0.62) = 0.55113, and 1.26 · 1.56 = 1.9656 is 1.96 to three significant digits
        ("tanh(z)", "-1.415", "correct"),
        ("tanh(z)", "-1.408", "correct"),  # 0.55113 - 1.96
        ("tanh(z)", "-1.409", "correct"),  # 0.551 - 1.96
        ("tanh(z)", "-1.406", "wrong"),
        ("tanh(z)", "-1.411", "wrong"),
        ("(z / 1.125)", "-1.408", "correct"),  # 0.55111: a quotient is no product
        ("(0.8889 * z)", "-1.408", "wrong"),  # but this is 0.551 then
        ("(0.8889 * z)", "-1.409", "correct"),
    ],
)
def test_only_products_are_written_down(h: str, typed: str, verdict: str) -> None:
    problem = f"""values: {{z: 0.62, x: [-1.56, 0], w: [1.26, 2]}}
equations: ["r = {h} + x @ w"]
grading: {{precision: {{decimals: 3}}}}
"""
    assert graded(problem, f"r: {typed}")["r"].verdict == verdict


@pytest.mark.parametrize(
    ("formula", "bias", "typed", "verdict"),
    [
        # -0.54 · 1.33 - 0.43 · 0.25 + 1.02 · 0.19 is 0.7182 - 0.1075 + 0.1938 = 0.8045
        ("v @ w", "0.29", "1.09", "correct"),
        ("v @ w", "0.29", "1.10", "correct"),  # to four digits 1.095
        ("v @ w", "0.2899", "1.09", "correct"),
        ("v @ w", "0.2899", "1.10", "wrong"),  # to four digits 1.094
        ("a / b", "0.29", "1.09", "correct"),
        ("a / b", "0.29", "1.10", "wrong"),  # there is nothing to add up
    ],
)
def test_a_sum_of_products_rounded_twice(formula: str, bias: str, typed: str, verdict: str) -> None:
    problem = f"""values:
  v: [0.54, 0.43, 1.02, 1]
  w: [1.33, -0.25, 0.19, {bias}]
  a: 10.945
  b: 10
equations: [r = {formula}]
grading: {{precision: {{significant: 3}}}}
"""
    assert graded(problem, f"r: {typed}")["r"].verdict == verdict


@pytest.mark.parametrize(
    ("typed", "verdict"),
    [
        # (0.45 - 0.86)² + (1.94 + 0.48)² is 0.17 + 5.86
        ("5.2", "imprecise"),  # 0.8 - 0.45 is 0.3, 0.4 + 1.94 is 2.3, each cut off: 0.0 + 5.2
        ("5.5", "imprecise"),  # 0.1 + 5.4
        ("5.0", "wrong"),
        ("7.1", "wrong"),
    ],
)
def test_a_difference_of_given_numbers_with_more_decimals(typed: str, verdict: str) -> None:
    problem = """values: {z: [1.3724, -0.5266], y: [0.45, 1.94]}
equations: [p = tanh(z), L = sum((p - y)^2)]
grading: {precision: {decimals: 2}}
"""
    found = graded(problem, f"p: [0.8, -0.4], L: {typed}")
    assert found["L"].verdict == verdict


@pytest.mark.parametrize(
    ("typed", "verdict"),
    [
        # ln(1 + e^z) for -0.418, 0.416 and 0.302 is 0.50583 + 0.92259 + 0.85550 = 2.28392
        ("2.284", "correct"),
        ("2.275", "correct"),  # ln 1.65 + ln 2.51 + ln 2.35, cut off to three digits
        ("2.274", "correct"),  # and each of these, too: 0.500 + 0.920 + 0.854
        ("2.285", "correct"),  # rounded: ln 1.66 + ln 2.52 + ln 2.35
        ("2.286", "wrong"),
        ("2.271", "wrong"),
        ("2.278", "wrong"),
        ("2.288", "wrong"),
    ],
)
def test_what_is_added_up_is_not_written_down_before(typed: str, verdict: str) -> None:
    problem = """values: {z: [-0.418, 0.416, 0.302]}
equations: [L = sum(softplus(z))]
grading: {precision: {decimals: 3}}
"""
    assert graded(problem, f"L: {typed}")["L"].verdict == verdict


@pytest.mark.parametrize(
    ("typed", "verdict"),
    [
        # 12.526 + 47.857 + 67.938 is 128.321, and a third of it 42.774
        ("42.774", "correct"),
        ("42.733", "correct"),  # each cut off to three digits: 12.5 + 47.8 + 67.9 = 128.2
        ("42.667", "correct"),  # and the sum as well: 128
        ("42.735", "wrong"),
        ("42.731", "wrong"),
        ("42.750", "wrong"),
    ],
)
def test_terms_are_written_down_and_their_sum_stays_on_the_display(
    typed: str, verdict: str
) -> None:
    problem = """values: {z: [12.726, -47.557, 68.338], y: [0.2, 0.3, 0.4]}
equations: [L = mean(abs(z - y))]
grading: {precision: {decimals: 3}}
"""
    assert graded(problem, f"L: {typed}")["L"].verdict == verdict


@pytest.mark.parametrize(
    ("typed", "verdict"),
    [
        # ½ · 1.1703² + ½ · 0.4172² is 0.77183
        ("0.7718", "correct"),
        ("0.7710", "correct"),  # cut off to four digits: 1.170² is 1.368, 0.4172² is 0.1740
        ("0.7708", "wrong"),
        ("0.7706", "wrong"),
    ],
)
def test_the_square_in_a_huber_loss_is_written_down(typed: str, verdict: str) -> None:
    problem = """x: [1]
layers: [{weights: [[2.02031], [-0.32721]]}]
y: [0.85, 0.09]
loss: {name: huber, delta: 2}
grading: {precision: {decimals: 4}}
"""
    assert graded(problem, f"Z1: [2.0203, -0.3272], L: {typed}")["L"].verdict == verdict


@pytest.mark.parametrize(
    ("typed", "verdict"),
    [
        # ln(1 + e^0.672) + ln(1 + e^-0.33) is 1.0848 + 0.5416 = 1.6264
        ("1.626", "correct"),
        ("1.618", "correct"),  # ln 2.95 + ln 1.71, cut off to three digits
        ("1.616", "correct"),  # and each logarithm: 1.08 + 0.536
        ("1.619", "wrong"),
    ],
)
def test_a_loss_rounded_in_one_way_is_no_old_loss(typed: str, verdict: str) -> None:
    """The new loss is the same here, so that the old one might be it."""
    problem = """x: [1]
layers: [{weights: [[0.672], [0.330]]}]
y: [-1, 1]
loss: {formula: sum(softplus(-y * yhat))}
update: {rule: sgd, learning_rate: 0.00001}
grading: {precision: {decimals: 3}}
"""
    assert graded(problem, f"L: {typed}, L_new: {typed}")["L"].verdict == verdict


# A final number alone -----------------------------------------------------------------------------

XOR_ALONE = """convention: {affine: x W + b}
x: [[0, 0], [0, 1], [1, 0], [1, 1]]
y: [0, 1, 1, 0]
layers:
- {weights: [[1, 0.5], [0.8, 1]], bias: [0, -1], activation: tanh}
- {weights: [[1], [-1]], bias: [0], activation: sigmoid}
loss: {name: binary-cross-entropy, over_samples: mean}
ask: [L]
grading: {precision: {decimals: 3}}
"""

SOFTMAX_ALONE = """convention: {affine: W^T x + b}
x: [1, 0]
y: [0, 1]
layers:
- {weights: [[3, 6], [4, 5]], bias: [1, -6], activation: sigmoid}
- {weights: [[2, 3], [4, 3]], bias: [-1, -2], activation: softmax}
loss: cross-entropy
ask: [L]
grading: {precision: {decimals: 3}}
"""


def to_decimals(value: Array, cuts: bool) -> Array:
    return np.asarray(
        np.sign(value) * np.floor(np.abs(value) * 1e3 + 0.5 * (not cuts) + 1e-9) / 1e3
    )


def to_significant(value: Array, cuts: bool) -> Array:
    unit = 10.0 ** (np.floor(np.log10(np.abs(value))) - 2)
    return np.asarray(
        np.sign(value) * np.floor(np.abs(value) / unit + 0.5 * (not cuts) + 1e-9) * unit
    )


def xor_loss(cuts: bool) -> float:
    x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
    h = to_decimals(np.tanh(to_decimals(x @ [[1, 0.5], [0.8, 1]] + [0, -1], cuts)), cuts)
    power = to_decimals(np.exp(-to_decimals(h @ [1, -1], cuts)), cuts)
    p = to_decimals(1 / (1 + power), cuts)
    logs = to_decimals(-np.log(np.where(y == 1, p, 1 - p)), cuts)
    return float(np.mean(logs))


def softmax_loss(cuts: bool, inside: Callable[[Array, bool], Array]) -> float:
    h = to_decimals(1 / (1 + np.exp(-np.array([4.0, 0.0]))), cuts)
    powers = inside(np.exp(to_decimals(h @ [[2, 3], [4, 3]] + [-1, -2], cuts)), cuts)
    p = to_decimals(powers[1:] / inside(np.sum(powers, keepdims=True), cuts), cuts)
    return -float(np.log(p[0]))


def alone(text: str, loss: float) -> str:
    return graded(text, f"L: {loss:.3f}")["L"].verdict


@pytest.mark.parametrize("cuts", [False, True])
def test_a_final_number_alone_of_who_rounds_or_cuts_off(cuts: bool) -> None:
    assert alone(XOR_ALONE, xor_loss(cuts)) == "correct"
    for inside in (to_decimals, to_significant):  # e^3 is 20.086, or 20.1 beside three decimals
        assert alone(SOFTMAX_ALONE, softmax_loss(cuts, inside)) == "correct"


@pytest.mark.parametrize("loss", [0.676, 0.686, 0.691, 0.699, 0.706, 0.716])
def test_a_final_number_alone_that_nobody_comes_to(loss: float) -> None:
    """0.6956; all roundings at their worst would add up to three hundredths."""
    assert alone(XOR_ALONE, loss) == "wrong"


@pytest.mark.parametrize(
    ("typed", "verdict"),
    [
        ("-0.48", "correct"),  # -0.62 · 0.25, the slope first, is -0.155: -0.16 · 3
        ("-0.45", "correct"),  # -0.62 · 0.47 is -0.29, and times 0.53 -0.15 · 3
        ("-0.46", "correct"),
        ("-0.50", "wrong"),
        ("-0.43", "wrong"),
    ],
)
def test_a_slope_first_in_what_is_written_nowhere(typed: str, verdict: str) -> None:
    """∂L/∂w is -0.463; ∂L/∂z = ∂L/∂h · h · (1 - h) is not asked, with h = 0.47."""
    problem = """values: {x: 3, w: -0.04, y: 1.09}
equations: [z = w * x, h = sigmoid(z), "L = half_squared_error(h, y)"]
train: [w]
update: {rule: sgd, learning_rate: 0.1}
ask: [dL/dh, dL/dw]
grading: {precision: {decimals: 2}}
"""
    assert graded(problem, f"dL/dh: -0.62, dL/dw: {typed}")["dL/dw"].verdict == verdict


@pytest.mark.parametrize(
    ("typed", "verdict"),
    [
        ("1.0734", "correct"),  # 1 / (1 - 0.0684)
        ("1.0738", "correct"),  # 0.0684 / (0.0684 · 0.9316), which is 0.0684 / 0.0637
        ("1.0744", "wrong"),
        ("1.0724", "wrong"),
    ],
)
def test_a_gradient_over_one_denominator(typed: str, verdict: str) -> None:
    problem = """values: {z: -2.6115, y: 0}
equations: [p = sigmoid(z), "L = binary_cross_entropy(p, y)"]
train: [z]
update: {rule: sgd, learning_rate: 1}
ask: [p, dL/dp]
grading: {precision: {decimals: 4}}
"""
    assert graded(problem, f"p: 0.0684, dL/dp: {typed}")["dL/dp"].verdict == verdict


VAGUE = """values: {a: 0.0465, b: 0.04}
equations:
  - g = a - b
  - s = g * g
  - r = (g + 0.1) / sqrt(s)
ask: [g, s, r]
grading: {precision: {decimals: 4}}
"""
"""g = 0.0065, s = 0.0000(4225), r = 16.3846. Who has g = 0.0052 gets s = 0.0000(2704), and
(0.1052) / 0.0052 = 20.2308; that g is 0.00515 … 0.0053, so that r is 19.84 … 20.45."""


@pytest.mark.parametrize(
    ("g", "r", "verdict"),
    [
        ("0.0065", "16.3846", "correct"),
        ("0.0052", "20.2308", "carried"),
        ("0.0052", "20.44", "carried"),
        ("0.0052", "20.46", "wrong"),
        ("0.0052", "19.82", "wrong"),
        ("0.0052", "16.3846", "correct"),
        ("0.0065", "20.2308", "wrong"),
    ],
)
def test_what_has_no_digits_on_the_sheet_is_taken_with_all_of_them(
    g: str, r: str, verdict: str
) -> None:
    assert graded(VAGUE, f"g: {g}, s: 0.0000, r: {r}")["r"].verdict == verdict


def test_nothing_is_taken_behind_a_wrong_value_without_digits() -> None:
    answers = "g: 0.0052, s: 0.0001, r: 20.2308"
    assert graded(VAGUE, answers)["s"].verdict == "wrong"
    assert graded(VAGUE, answers)["r"].verdict == "wrong"


NEAR_ONE = """values: {z: 6}
equations:
  - h = sigmoid(z)
  - L = h * 2
ask: [h]
"""
"""h = 1 / (1 + 0.00248) = 0.9975. Who rounds in between has 1 / 1.002, 1 / 1.003 or 1 / 1.00."""


@pytest.mark.parametrize(
    ("typed", "verdict"),
    [("0.997", "correct"), ("0.998", "correct"), ("1.000", "correct"), ("0.992", "wrong"),
     ("0.993", "wrong")],
)  # fmt: skip
def test_significant_digits_where_decimals_are_asked_allow_what_somebody_comes_to(
    typed: str, verdict: str
) -> None:
    """With three of them 1.00248 may be anything from 0.9975 to 1.0125: nobody goes on with all."""
    assert graded(NEAR_ONE, f"h: {typed}")["h"].verdict == verdict


@pytest.mark.parametrize(
    ("typed", "verdict"),
    [
        # q = 2.48 tanh(-1.7) = -2.3197 is written nowhere; 2.06 · 2.32 / 1.32 = 3.6206
        ("3.62", "correct"),
        ("3.59", "correct"),  # 2.06 · 2.31 / 1.31 = 3.6324, or 4.75 / 1.32 = 3.598
        ("3.65", "correct"),
        # 4.75 / 1.33 and 4.78 / 1.30 have one of them cut off and the other rounded up
        ("3.57", "wrong"),
        ("3.68", "wrong"),
    ],
)
def test_that_nobody_rounds_what_has_no_figure_to_both_sides(typed: str, verdict: str) -> None:
    problem = """values: {z: -1.7}
equations: [q = 2.48 * tanh(z), r = 2.06 * q / (1 + q)]
ask: [r]
grading: {precision: {decimals: 2}}
"""
    assert graded(problem, f"r: {typed}")["r"].verdict == verdict


@pytest.mark.parametrize(
    ("typed", "verdict"),
    [
        # e^2.7 = 14.8797 = 14.9, and 14.9/15.9 = 0.9371; with 14.8 it is 0.9367
        ("0.936", "correct"),
        ("0.937", "correct"),
        ("0.938", "correct"),
        # 14.8/15.9 = 0.9308 and 14.9/15.8 = 0.943 have e^2.7 in two ways
        ("0.931", "wrong"),
        ("0.934", "wrong"),
        ("0.939", "wrong"),
        ("0.943", "wrong"),
    ],
)
def test_that_nobody_rounds_one_power_in_two_ways(typed: str, verdict: str) -> None:
    problem = """values: {z: 2.7}
equations: ["h = exp(z)/(1 + exp(z))"]
grading: {precision: {decimals: 3}}
"""
    assert graded(problem, f"h: {typed}")["h"].verdict == verdict


@pytest.mark.parametrize(
    ("first", "verdict"),
    [
        ("5.82", "correct"),  # 0.98 · 0.02 = 0.0196, written as 0.02; 97 · 0.02 = 1.94; · 3
        ("2.91", "correct"),  # 0.01, cut off
        ("5.70", "correct"),  # 97 · 0.98 = 95.06; · 0.02 = 1.9012; · 3
        ("5.79", "wrong"),
        ("2.85", "wrong"),
    ],
)
def test_a_slope_first_within_the_gradient_of_a_weight(first: str, verdict: str) -> None:
    """p = σ(w u) in one line, so that ∂L/∂w is the product with what has no name."""
    problem = """values: {w: [[1.3, -0.7]], u: [3, 0.02], c: [97]}
equations: [p = sigmoid(w @ u), L = sum(c * p)]
ask: [p, dL/dw]
train: [w]
grading: {precision: {decimals: 2}}
"""
    found = graded(problem, f"p: [0.98], dL/dw: [[{first}, 0.04]]")
    assert found["dL/dw"].verdict == verdict


@pytest.mark.parametrize(
    ("typed", "verdict"),
    [
        # 0.375 · 0.8848 + 0.125 · 0.7694 + 0.5 · 2.0899 is 1.4729
        ("1.4729", "correct"),
        ("1.4724", "correct"),  # logarithms cut off to four digits, 2.089, products on the display
        ("1.4718", "correct"),  # the products, too: 0.3317 + 0.0961 + 1.044
        ("1.4715", "wrong"),
        ("1.4721", "wrong"),
        ("1.4726", "wrong"),
    ],
)
def test_a_product_with_a_logarithm_is_written_down_or_not(typed: str, verdict: str) -> None:
    problem = """values: {p: [0.4128, 0.4633, 0.1237], y: [0.375, 0.125, 0.5]}
equations: ["L = -sum(xlogy(y, p))"]
ask: [L]
grading: {precision: {decimals: 4}}
"""
    assert graded(problem, f"L: {typed}")["L"].verdict == verdict


# ln(1 + e^-2.7613): e^-2.7613 = 0.06321, and 1.063 of four digits has the logarithm 0.06109.
LOGISTIC = """values: {Z: 2.7613, y: 1}
equations: ["Yhat = Z * 1", "L = softplus(-y * Yhat)"]
ask: [Yhat, L]
grading: {precision: {decimals: 4}}
"""


@pytest.mark.parametrize(
    ("loss", "right"),
    [("0.0613", True), ("0.0611", True), ("0.0610", True), ("0.0609", False), ("0.0617", False)],
)
def test_what_significant_digits_leave_is_cut_off_at_the_decimals_asked(
    loss: str, right: bool
) -> None:
    assert (graded(LOGISTIC, f"Yhat: 2.7613, L: {loss}")["L"].verdict == "correct") is right


# What is divided by -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "verdict"),
    [
        ("2094.221", "correct"),  # b c is 0.00053958
        ("2092.593", "correct"),  # 1.13 / 0.00054
        ("2260.000", "correct"),  # 1.13 / 0.0005, with a digit more than is asked
        ("1130.000", "correct"),  # 1.13 / 0.001, with as many
        ("2259.000", "wrong"),
        ("2100.000", "wrong"),
    ],
)
def test_that_a_small_divisor_is_rounded_as_any_other(typed: str, verdict: str) -> None:
    problem = """values: {a: 1.13, b: 0.1173, c: 0.0046}
equations: [r = a / (b * c)]
grading: {precision: {decimals: 3}}
"""
    assert graded(problem, f"r: {typed}")["r"].verdict == verdict


@pytest.mark.parametrize(
    ("typed", "verdict"), [("560.00", "correct"), ("559.00", "wrong"), ("490.59", "correct")]
)
def test_that_what_is_left_of_one_is_rounded_too(typed: str, verdict: str) -> None:
    """σ(6.08) is 0.9977, or 0.998 with a digit more than is asked: 1.12 / 0.002."""
    problem = """values: {a: 1.12, c: 6.08}
equations: [r = a / (1 - sigmoid(c))]
grading: {precision: {decimals: 2}}
"""
    assert graded(problem, f"r: {typed}")["r"].verdict == verdict


def to_digits(value: Number, digits: int) -> Number:
    return cut_off(value, 10.0 ** (np.floor(np.log10(abs(value))) - digits + 1))


@pytest.mark.parametrize(("off", "verdict"), [(0, "correct"), (1, "wrong"), (-1, "wrong")])
def test_that_a_square_alone_may_be_written_down(off: int, verdict: str) -> None:
    """1.3649² is 1.862, cut off at four digits; 1 + 1.862 and its root are one go of a calculator.

    A unit beside it nobody comes to.
    """
    problem = """values: {z: 1.3649}
equations: [h = sqrt(1 + z^2) - 1/2]
ask: [h]
grading: {precision: {decimals: 4}}
"""
    square = to_digits(1.3649**2, 4)
    h = cut_off(np.sqrt(1 + square) - 0.5, 1e-4) + off / 1e4
    assert square == pytest.approx(1.862)
    assert graded(problem, f"h: {h:.4f}")["h"].verdict == verdict


LOGARITHMS = """convention: {{affine: W x + b, log: {base}}}
x: [1.0]
layers: [{{weights: [[-2.6711], [-3.1737], [0.1802], [2.0974]], activation: softmax}}]
y: [1, 0, 0, 0]
loss: binary-cross-entropy
ask: [Yhat, L]
grading: {{precision: {{decimals: 3}}}}
"""


@pytest.mark.parametrize("base", [2, 10])
@pytest.mark.parametrize(("digits", "verdict"), [(3, "correct"), (2, "wrong")])
def test_that_logarithms_of_a_base_may_be_written_down(
    base: int, digits: int, verdict: str
) -> None:
    """Each log₁₀ is one key, and cut off at three digits; two are fewer than anything shows."""
    p = np.array([0.007319, 0.004427, 0.126059, 0.862288])
    right = np.append(p[0], 1 - p[1:])
    each = [to_digits(-np.log(one) / np.log(base), digits) for one in right]
    sheet = f"Yhat: {p.tolist()}, L: {cut_off(float(np.sum(each)), 0.001):.3f}"
    assert graded(LOGARITHMS.format(base=base), sheet)["L"].verdict == verdict


@pytest.mark.parametrize(("off", "verdict"), [(0, "correct"), (6, "wrong"), (-1, "wrong")])
def test_that_a_quotient_alone_may_be_written_down(off: int, verdict: str) -> None:
    """1/0.984 is 1.01, cut off at three digits; ln 10 is one key, and nobody writes it down."""
    p = np.array([0.017, 0.016, 0.24, 0.727])
    quotients = [to_digits(1 / (1 - one), 3) for one in p[1:]]
    slopes = [cut_off(one / np.log(10), 1e-3) for one in (-1 / p[0], *quotients)]
    assert quotients == pytest.approx([1.01, 1.31, 3.66])
    slopes[1] += off / 1e3
    problem = LOGARITHMS.format(base=10).replace("L]", "L, dL/dYhat]")
    problem = problem.replace("-2.6711], [-3.1737", "-2.075], [-2.132")
    problem = problem.replace("0.1802], [2.0974", "0.552], [1.662")
    written = ", ".join(f"{one:.3f}" for one in slopes)
    found = graded(problem, f"Yhat: {p.tolist()}, L: 2.451, dL/dYhat: [{written}]")
    assert found["dL/dYhat"].verdict == verdict

"""How far a typed number reaches: for each end one sheet just inside and one just outside."""

from __future__ import annotations

import pytest
from judged import entries, graded


def judged_as(truth: float | str, typed: str, asked: str = "decimals: 2") -> tuple[str, str | None]:
    """The verdict on u = truth, a number or a quotient of two, and how it is right."""
    above, _, below = str(truth).partition("/")
    problem = f"""values: {{a: {above}, b: {below or 1}}}
equations: [u = a / b]
grading: {{precision: {{{asked}}}}}
"""
    result = graded(problem, f"u: {typed}")["u"]
    return result.verdict, result.how


# The ends of what a typed number stands for -------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "inside", "outside"),
    [
        # 1.67 is [1.665, 1.68)
        ("1.67", "1.665", "1.6649"),
        ("1.67", "1.6799999", "1.68"),
        ("-1.67", "-1.665", "-1.6649"),
        ("-1.67", "-1.6799999", "-1.68"),
        # 0.00 is less than 0.01, either way
        ("0.00", "0.0099999", "0.01"),
        ("0.00", "-0.0099999", "-0.01"),
        # 0.01 is [0.005, 0.02)
        ("0.01", "0.005", "0.00499"),
        # so many zeros dropped: .5 is .50, and that is [0.495, 0.51)
        (".5", "0.495", "0.4949"),
        (".5", "0.5099999", "0.51"),
        # a 0 is 0.00, whatever its exponent says
        ("0", "0.0099999", "0.0101"),
        ("0e9", "0.0099999", "0.0101"),
    ],
)
def test_the_ends_of_a_typed_number(typed: str, inside: str, outside: str) -> None:
    assert judged_as(inside, typed)[0] == "correct"
    assert judged_as(outside, typed)[0] == "wrong"


@pytest.mark.parametrize(
    ("truth", "typed", "how"),
    [
        (1.665, "1.66", "rounded"),  # half a unit off
        (1.66501, "1.66", "truncated"),
        (1.665, "1.67", "rounded"),
        (1, "1.0000000000005", "exact"),  # noise of a calculator
        (1, "1.0000000000015", "rounded"),
    ],
)
def test_the_ends_of_how_it_is_right(truth: float, typed: str, how: str) -> None:
    assert judged_as(truth, typed) == ("correct", how)


@pytest.mark.parametrize(
    ("truth", "typed", "asked", "verdict"),
    [
        # floating-point noise of a billionth of the size: 1.67 reaches down to 1.665 - 1.67e-9
        ("16649.99999/10000", "1.67", "decimals: 2", "correct"),
        ("16649.999975/10000", "1.67", "decimals: 2", "wrong"),
        # or of a thousandth of the width, where that is small: 1e-12 is [0.5e-12, 2e-12)
        ("0.4993/1000000000000", "0.000000000001", "decimals: 12", "correct"),
        ("0.4983/1000000000000", "0.000000000001", "decimals: 12", "wrong"),
        # 95,652,173.913 units are no whole number of them, so that it may be cut off
        ("22/23", "0.95652173", "decimals: 8", "correct"),
        ("22/23", "0.95652172", "decimals: 8", "wrong"),
    ],
)
def test_the_ends_of_noise(truth: str, typed: str, asked: str, verdict: str) -> None:
    assert judged_as(truth, typed, asked)[0] == verdict


@pytest.mark.parametrize(("v", "verdict"), [("0.5", "carried"), ("1.5", "wrong")])
def test_the_noise_beside_0(v: str, verdict: str) -> None:
    """u = 1 is wrong, and v = u - 1 follows, but for 1e-12 of noise; expressions are exact."""
    problem = """values: {a: 5}
equations: [u = a / 2, v = u - 1]
ask: [u, v]
grading: {precision: {decimals: 2}}
"""
    found = graded(problem, f"u: 2/2, v: {v}/1000000000000")
    assert (found["u"].verdict, found["v"].verdict) == ("wrong", verdict)


@pytest.mark.parametrize(
    ("truth", "typed", "verdict"),
    [
        # at the digits asked, 1.6716 is [1.6666, 1.6816), and 1.6566 reaches up to 1.6666
        ("5/3", "1.67166", "correct"),
        ("5/3", "1.67168", "wrong"),
        ("5/3", "1.65668", "correct"),
        ("5/3", "1.65666", "wrong"),
        # what has no more digits can be typed as itself only
        ("1.66", "1.660", "correct"),
        ("1.66", "1.661", "wrong"),
        ("1.66", "1.659", "wrong"),
        ("1.6600001", "1.661", "correct"),
        # of 1/180 = 0.0056 two decimals show something, of 1/240 = 0.0042 nothing
        ("1/180", "0.010", "correct"),
        ("1/240", "0.008", "wrong"),
        ("1/240", "0.004", "correct"),
        ("1/240", "0.00", "correct"),
        ("1/540", "0.00000", "correct"),
        ("1/540", "0.00400", "wrong"),
    ],
)
def test_the_ends_at_the_digits_asked(truth: str, typed: str, verdict: str) -> None:
    assert judged_as(truth, typed)[0] == verdict


@pytest.mark.parametrize(
    ("truth", "typed", "verdict"),
    [
        # 0.9996 to three digits is 1.00, and 0.9994 is 0.999
        ("0.9996", "1.00", "correct"),
        ("0.9994", "1.00", "imprecise"),
        ("1.0049", "1.00", "correct"),
        ("1.01", "1.00", "wrong"),
        # 100 and 99.9 have units of 1 and 0.1
        ("99.96", "100", "correct"),
        ("99.94", "100", "imprecise"),
        ("1666.67", "1665", "correct"),  # cut off after three
        ("1666.67", "1656", "wrong"),
        ("1666.67", "1671", "correct"),
        ("1666.67", "1672", "wrong"),
    ],
)
def test_the_ends_at_significant_digits(truth: str, typed: str, verdict: str) -> None:
    assert judged_as(truth, typed, "significant: 3")[0] == verdict


# Fewer digits than asked --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("truth", "typed", "asked", "verdict"),
    [
        # two digits are [1.65, 1.8), one proves nothing
        ("1.65", "1.7", "decimals: 2", "imprecise"),
        ("1.649", "1.7", "decimals: 2", "wrong"),
        ("1.799", "1.7", "decimals: 2", "imprecise"),
        ("1.801", "1.7", "decimals: 2", "wrong"),
        ("1.71", "2", "decimals: 2", "wrong"),
        # but where the digits asked leave no more than one
        ("0.96", "1", "decimals: 1", "correct"),
        ("0.94", "1", "decimals: 1", "imprecise"),
        ("1.14", "1", "decimals: 1", "wrong"),
        # what is exact at these digits can be typed as itself only
        ("1.8", "1.7", "decimals: 2", "wrong"),
    ],
)
def test_the_ends_of_too_few_digits(truth: str, typed: str, asked: str, verdict: str) -> None:
    assert judged_as(truth, typed, asked)[0] == verdict


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        # 0.04 is 0.0 beside 1.7, which shows that there is one decimal
        ("[1.7, .0]", ["imprecise", "imprecise"]),
        ("[1.67, .0]", ["correct", "wrong"]),  # beside two it would be 0.04
        ("[2, .0]", ["wrong", "wrong"]),  # and one digit shows nothing
        ("[1.9, .0]", ["wrong", "wrong"]),  # nor does what is wrong
    ],
)
def test_a_number_without_digits_is_taken_beside_others(typed: str, expected: list[str]) -> None:
    problem = """values: {a: [5, 0.12]}
equations: [u = a / 3]
grading: {precision: {decimals: 2}}
"""
    assert entries(graded(problem, f"u: {typed}")["u"]) == expected


@pytest.mark.parametrize(
    ("old", "typed", "verdict"),
    [
        # a weight of 0.52 goes to 0.5148; .51 was looked at, .52 need not have been
        ("0.52", ".51", "imprecise"),
        ("0.52", ".52", "wrong"),
        # one of 0.5 to 0.495: .50 has a digit more than the old one
        ("0.5", ".50", "imprecise"),
        ("0.5", ".5", "wrong"),
        # 0.8 to 0.792: nearer to .79 than to .80
        ("0.8", ".79", "imprecise"),
        ("0.8", ".80", "wrong"),
    ],
)
def test_an_old_weight_with_too_few_digits(old: str, typed: str, verdict: str) -> None:
    """The gradient of w² / 2 is w: w_new = 0.99 w."""
    problem = f"""values: {{w: {old}}}
equations: [L = w * w / 2]
train: [w]
update: {{rule: sgd, learning_rate: 0.01}}
ask: [w_new]
grading: {{precision: {{decimals: 4}}}}
"""
    assert graded(problem, f"w_new: {typed}")["w_new"].verdict == verdict


@pytest.mark.parametrize(
    ("old", "rate", "typed", "beside", "verdict"),
    [
        # 0.04 goes to 0.0396, which nobody sees: 0.0 beside 1.7, that shows one decimal
        ("0.04", "0.01", ".0", "1.7", "imprecise"),
        ("0.04", "0.01", "0", "1.7", "imprecise"),
        ("0.04", "0.01", ".0", "1.67", "wrong"),  # beside two it would be 0.04
        ("0.14", "0.01", ".0", "1.7", "wrong"),  # and 0.1386 is none
        ("0.06", "0.5", ".0", "1.7", "wrong"),  # 0.06 to 0.03 is seen
    ],
)
def test_a_weight_that_is_0_at_the_digits_in_use(
    old: str, rate: str, typed: str, beside: str, verdict: str
) -> None:
    assert judged_step(old, rate, f"u: {beside}, w_new: {typed}", 2) == verdict


@pytest.mark.parametrize(
    ("gradient", "verdict"),
    [
        ("-.08", "imprecise"),  # -0.58 · 0.18 · 0.82 is -0.086, cut off
        ("-.09", "imprecise"),
        ("-.06", "wrong"),
        ("-.004", "correct"),  # the true one
    ],
)
def test_that_what_follows_imprecisely_from_a_mistake_still_does(
    gradient: str, verdict: str
) -> None:
    """h has lost its sign, and all that comes of it has two digits, where three are asked."""
    problem = """values: {a: [-1.48], c: [-1.4], y: [-0.18]}
equations: [o = sigmoid(a), h = o * tanh(c), L = sum((h - y)^2)]
train: [a, c]
update: {rule: sgd, learning_rate: 0.1}
grading: {precision: {decimals: 3}}
"""
    sheet = "o: .18, h: .15, L: .10, dL/dh: .66, dL/do: -.58"
    found = graded(problem, f"{sheet}, dL/da: {gradient}")
    assert (found["h"].verdict, found["dL/da"].verdict) == ("wrong", verdict)


@pytest.mark.parametrize(
    ("p", "mistake", "gradient", "verdict"),
    [
        # 0.0607 + 0.1256 + 0.4354, cut off, where p has no more digits, either
        ("[.060, .125, .435]", "[.060, .125, .435]", ".621", "imprecise"),
        ("[.060, .125, .435]", "[.060, .125, .435]", ".630", "wrong"),
        ("[.0607, .1256, .4354]", "[.060, .125, .435]", ".621", "wrong"),
        ("[.060, .125, .435]", "[.0600, .1250, .4350]", ".621", "wrong"),  # which is 0.6200
        ("[.060, .125, .435]", "[.0600, .1250, .4350]", ".6200", "carried"),
    ],
)
def test_what_follows_from_a_mistake_in_few_digits(
    p: str, mistake: str, gradient: str, verdict: str
) -> None:
    """Four decimals are asked."""
    problem = """values: {X: [[-1.47], [-0.67], [1.01]], w: [1.0], b: -1.27, y: [0.0, 0.0, 1.0]}
equations:
- z = X @ w + b
- p = sigmoid(z)
- L = mean(-y * ln(p) - (1 - y) * ln(1 - p))
train: [w, b]
grading: {precision: {decimals: 4}}
"""
    sheet = f"z: [-2.74, -1.94, -.26], p: {p}, dL/dp: [.3549, .3812, -.7656]"
    found = graded(problem, f"{sheet}, dL/dz: {mistake}, dL/db: {gradient}")
    assert (found["dL/dz"].verdict, found["dL/db"].verdict) == ("wrong", verdict)


@pytest.mark.parametrize(
    ("less", "typed", "verdict"),
    [
        # a first step of AdaGrad is the rate but for its ε: 0.5 + 0.05 (1 - 1e-9) is cut off
        ("1.8e-10", ".549", "imprecise"),
        ("1.8e-10", ".55", "correct"),
        ("1.8e-10", ".548", "wrong"),
        ("0", ".549", "wrong"),  # 0.55 is never cut off to 0.549
        ("1e-13", ".549", "wrong"),  # and that is the noise of a calculator
    ],
)
def test_few_digits_cut_off_next_to_a_short_number(less: str, typed: str, verdict: str) -> None:
    problem = f"""values: {{a: 0.55, e: {less}}}
equations: [u = a - e]
grading: {{precision: {{decimals: 4}}}}
"""
    assert graded(problem, f"u: {typed}")["u"].verdict == verdict


@pytest.mark.parametrize(
    ("typed", "beside", "verdict"),
    [
        # 0.84 goes to 0.8392, and 1.7 shows that one decimal is in use
        (".8", "1.7", "imprecise"),
        (".8", "1.667", "wrong"),
        ("1", "1.7", "wrong"),
        ("1", "1.667", "wrong"),
    ],
)
def test_that_one_digit_of_a_weight_that_stays_is_no_work(
    typed: str, beside: str, verdict: str
) -> None:
    assert judged_step("0.84", "0.001", f"u: {beside}, w_new: {typed}", 3) == verdict


@pytest.mark.parametrize(
    ("typed", "verdict"),
    [
        # 1.9656 - 0.8249 + 1.32 = 2.4607: to one decimal 1.9 or 2.0, 0.8 or 0.9, and 1.3
        ("2.2", "wrong"),
        ("2.3", "imprecise"),
        ("2.4", "imprecise"),
        ("2.5", "imprecise"),
        ("2.6", "wrong"),
        # to one significant digit 1 or 2, 0.8 and 1: nobody works like that
        ("1.5", "wrong"),
        ("2.0", "wrong"),
    ],
)
def test_that_one_decimal_is_no_significant_digit(typed: str, verdict: str) -> None:
    problem = """values: {w: 1.26, x: 1.56, v: -0.73, u: 1.13, b: 1.32}
equations: [z = w*x + v*u + b]
"""
    assert graded(problem, f"z: {typed}")["z"].verdict == verdict


@pytest.mark.parametrize(
    ("u", "z", "verdict"),
    [
        ("1.667", "-0.192", "wrong"),  # 0.452, of which .5 is too little
        ("2.667", "-0.192", "wrong"),  # and another mistake elsewhere is no reason for it
        ("1.667", "-0.192, v: 1.7", "wrong"),  # nor are few digits elsewhere
        ("1.667", "0.192", "imprecise"),  # 0.548 of one's own
    ],
)
def test_that_what_is_wrong_elsewhere_excuses_no_digits(u: str, z: str, verdict: str) -> None:
    problem = """values: {a: 5, x: -0.192}
equations: [u = a / 3, v = a / 3, z = x * 1, h = sigmoid(z)]
grading: {precision: {decimals: 3}}
"""
    assert graded(problem, f"u: {u}, z: {z}, h: .5")["h"].verdict == verdict


@pytest.mark.parametrize(
    ("old", "rate", "typed", "verdict"),
    [
        # 0.24 goes to 0.0888: one digit, but a change of 0.16 or 0.15, which are two
        ("0.24", "0.63", ".08", "imprecise"),
        ("0.24", "0.63", ".09", "imprecise"),
        ("0.24", "0.63", ".07", "wrong"),
        # 0.1 to 0.0888 is a change of one digit
        ("0.1", "0.112", ".08", "wrong"),
        ("0.1", "0.112", ".09", "wrong"),
    ],
)
def test_the_digits_of_a_change(old: str, rate: str, typed: str, verdict: str) -> None:
    assert judged_step(old, rate, f"u: 1.6667, w_new: {typed}", 4) == verdict


def judged_step(old: str, rate: str, sheet: str, decimals: int) -> str:
    """The verdict on w_new = (1 - rate) w: the gradient of w² / 2 is w. Beside it is 5 / 3."""
    problem = f"""values: {{w: {old}, a: 5}}
equations: [u = a / 3, L = w * w / 2]
train: [w]
update: {{rule: sgd, learning_rate: {rate}}}
ask: [u, w_new]
grading: {{precision: {{decimals: {decimals}}}}}
"""
    return graded(problem, sheet)["w_new"].verdict


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        # 1 / (1 + e^2.26) with three significant digits is 1 / 10.6 or 1 / 10.5; it is 0.0945
        ("[.0943, .254]", ["imprecise", "imprecise"]),
        ("[.0952, .254]", ["imprecise", "imprecise"]),
        ("[.0935, .254]", ["wrong", "imprecise"]),
        ("[.0960, .254]", ["wrong", "imprecise"]),
        ("[.0952, .25352]", ["wrong", "correct"]),  # nothing shows three
    ],
)
def test_digits_enough_beside_too_few(typed: str, expected: list[str]) -> None:
    problem = """values: {z: [-2.26, -1.08]}
equations: [h = sigmoid(z)]
grading: {precision: {decimals: 4}}
"""
    assert entries(graded(problem, f"h: {typed}")["h"]) == expected


@pytest.mark.parametrize(
    ("typed", "verdict"), [("-0.5", "imprecise"), ("-0.4", "wrong"), ("-0.48", "carried")]
)
def test_that_one_digit_that_follows_is_rounded_and_not_cut_off(typed: str, verdict: str) -> None:
    """-0.3 · 1.6 is -0.48, from one's own 1.6 for 2.5."""
    problem = """values: {p: 1.25, v: -0.3}
equations: [a = 2 * p, u = a * v]
grading: {precision: {decimals: 3}}
"""
    found = graded(problem, f"a: 1.6, u: {typed}")
    assert (found["a"].verdict, found["u"].verdict) == ("wrong", verdict)


@pytest.mark.parametrize(
    ("typed", "verdict"), [("-.00408", "carried"), ("-.00409", "carried"), ("-.00407", "wrong")]
)
def test_the_digits_of_what_follows_beside_a_far_smaller_truth(typed: str, verdict: str) -> None:
    """sin of one's own -0.00409 has three digits; that the true one is -0.0000758 adds none."""
    problem = """values: {a: 0.5, b: -0.5000758}
equations: [z = a + b, h = sin(z)]
grading: {precision: {significant: 3}}
"""
    found = graded(problem, f"z: -.00409, h: {typed}")
    assert (found["z"].verdict, found["h"].verdict) == ("wrong", verdict)


@pytest.mark.parametrize(
    ("typed", "verdict"), [(".50", "correct"), (".49", "correct"), (".51", "wrong")]
)
def test_the_far_end_is_open_behind_a_factor_too(typed: str, verdict: str) -> None:
    """A gradient of -.19 is less than 0.2 away from 0, and 0.45 + 0.25 · 0.2 less than 0.505."""
    problem = """values: {x: -1.27, w: 1.1, b: 0.45, v: -1.31, y: -1.1}
equations: [z = w * x + b, h = sigmoid(z), yhat = v * h, "L = (yhat - y)^2 / 2"]
train: [w, b, v]
update: {rule: sgd, learning_rate: 0.25}
ask: [dL/dz, dL/db, b_new]
grading: {precision: {decimals: 2}}
"""
    assert graded(problem, f"dL/dz: -.19, dL/db: -.19, b_new: {typed}")["b_new"].verdict == verdict


@pytest.mark.parametrize(
    ("formula", "typed", "verdict"),
    [
        # 1 - 3.8e-11 is below 1, and cut off to 0.999
        ("sigmoid(24 * a)", "0.999", "correct"),
        ("sigmoid(24 * a)", "1.000", "correct"),
        ("sigmoid(24 * a)", "0.998", "wrong"),
        # 1 - 0.9 is 0.09999999999999998 here, and 0.1 in truth
        ("a - 0.9", "0.100", "correct"),
        ("a - 0.9", "0.099", "wrong"),
    ],
)
def test_what_lies_next_to_the_far_end(formula: str, typed: str, verdict: str) -> None:
    problem = f"""values: {{a: 1}}
equations: [r = {formula}]
ask: [r]
grading: {{precision: {{decimals: 3}}}}
"""
    assert graded(problem, f"r: {typed}")["r"].verdict == verdict

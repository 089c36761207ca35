"""How far unwritten steps, and the persons who round them, reach: one sheet on each side of an end.

Who types more digits than asked tells exactly where a number lies; what is not written may still
have been rounded to the digits asked. Ends are worked out here in plain NumPy: what is written down
has no more than those digits, cut off or rounded, or more of them, which is next to where it was.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from judged import entries, graded
from numpy.typing import NDArray

import backprop_cli as backprop

Array = NDArray[np.float64]
Ends = tuple[Array, Array]

Unit = Callable[[Array], Array]

NEAR = 1e-7


def decimals(_: Array) -> Array:
    """Three decimals."""
    return np.asarray(1e-3)


def significant(value: Array) -> Array:
    """Three significant digits."""
    return np.asarray(10.0 ** (np.floor(np.log10(value)) - 2))


def written(low: Array, high: Array, unit: Unit) -> Ends:
    """The ends of positive numbers once they are written down.

    Whoever keeps a digit more rounds up by half of a tenth of the unit at most.
    """
    cut_off = np.floor(low / unit(low) + 1e-9) * unit(low)
    rest = high / unit(high) - np.floor(high / unit(high) + 1e-9)
    more = np.where(rest < 0.5, np.minimum(rest, 0.05), 1 - rest)
    return cut_off, high + more * unit(high)


def problem(formula: str, values: str, digits: str = "decimals: 3") -> str:
    return f"""values: {{{values}}}
equations: ["r = {formula}"]
ask: [r]
grading: {{precision: {{{digits}}}}}
"""


def verdict_and_how(text: str, value: Array | float) -> tuple[str, str | None]:
    typed = np.array2string(np.asarray(value), separator=", ", formatter={"all": "{:.9f}".format})
    result = graded(text, f"r: {typed}")["r"]
    return result.verdict, result.how


# The steps inside one operation -------------------------------------------------------------------


def power(z: Array, unit: Unit) -> Ends:
    return written(np.exp(z), np.exp(z), unit)


def one_more(ends: Ends, unit: Unit) -> Ends:
    """1 + e^z has no new decimals, but may lose a significant digit."""
    low, high = 1 + ends[0], 1 + ends[1]
    return (low, high) if unit is decimals else written(low, high, unit)


def sigmoid(z: Array, unit: Unit) -> Ends:
    """1/(1 + e^-z), or e^z/(1 + e^z), where both have the same e^z."""
    below, rising = one_more(power(-z, unit), unit), power(z, unit)
    least, most = (one_more((end, end), unit) for end in rising)
    low = np.minimum(1 / below[1], rising[0] / least[1])
    return low, np.maximum(1 / below[0], rising[1] / most[0])


def sum_of_powers(z: Array, unit: Unit) -> Ends:
    low, high = power(z, unit)
    return written(low.sum(), high.sum(), unit)


def softmax(z: Array, unit: Unit) -> Ends:
    """The powers, and their sum."""
    powers, totals = power(z, unit), sum_of_powers(z, unit)
    return powers[0] / totals[1], powers[1] / totals[0]


def logsumexp(z: Array, unit: Unit) -> Ends:
    low, high = sum_of_powers(z, unit)
    return np.log(low), np.log(high)


def mean(z: Array, unit: Unit) -> Ends:
    low, high = written(z.sum(), z.sum(), unit)
    return low / z.size, high / z.size


def norm(z: Array, unit: Unit) -> Ends:
    """The squares, and their sum."""
    low, high = written(z**2, z**2, unit)
    low, high = written(low.sum(), high.sum(), unit)
    return np.sqrt(low), np.sqrt(high)


def softplus(z: Array, unit: Unit) -> Ends:
    low, high = one_more(power(z, unit), unit)
    return np.log(low), np.log(high)


def negative_elu(z: Array, unit: Unit) -> Ends:
    """1 - e^z, which is above 0."""
    low, high = power(z, unit)
    return 1 - high, 1 - low


def silu(z: Array, unit: Unit) -> Ends:
    """The gate."""
    gate = 1 / (1 + np.exp(-z))
    low, high = written(gate, gate, unit)
    return z * low, z * high


INSIDE: list[tuple[str, list[float], Callable[[Array, Unit], Ends]]] = [
    ("10 * sigmoid(z)", [0.3], sigmoid),
    ("23 * sigmoid(z)", [-0.3], sigmoid),
    ("10 * softmax(z)", [0.3, -0.4], softmax),
    ("13 * logsumexp(z)", [0.3, -0.35], logsumexp),
    ("10 * mean(z)", [0.31234, 0.41235], mean),
    ("10 * norm(z)", [0.3123, 0.4123], norm),
    ("11.4 * softplus(z)", [0.328], softplus),
    ("-33 * elu(z)", [-0.35], negative_elu),
    ("48 * silu(z)", [0.35], silu),
]


@pytest.mark.parametrize(
    ("unit", "digits"), [(decimals, "decimals: 3"), (significant, "significant: 3")]
)
@pytest.mark.parametrize(("formula", "z", "inside"), INSIDE)
def test_the_steps_inside_an_operation(
    formula: str,
    z: list[float],
    inside: Callable[[Array, Unit], Ends],
    unit: Unit,
    digits: str,
) -> None:
    """A multiple of the operation, whose value was rounded once more; just below 10, or above it.

    There, three significant digits of it are finer than those of the operation.
    """
    ends = written(*inside(np.array(z), unit), unit)
    times = abs(float(formula.split(maxsplit=1)[0]))
    low, high = times * ends[0], times * ends[1]
    text = problem(formula, f"z: {z if len(z) > 1 else z[0]}", digits)
    for found in (verdict_and_how(text, low + NEAR), verdict_and_how(text, high - NEAR)):
        assert found[0] == "correct"
    assert verdict_and_how(text, low - NEAR)[0] == "wrong"
    assert verdict_and_how(text, high + NEAR)[0] == "wrong"


@pytest.mark.parametrize(("typed", "verdict"), [(".521", "correct"), (".519", "wrong")])
def test_a_significant_digit_lost_behind_1_plus_a_power(typed: str, verdict: str) -> None:
    """e^0.0945 = 1.0991 is cut off to 1.09; 1.09 / 2.09 = 0.52153, not 0.52361."""
    text = problem("sigmoid(z)", "z: 0.0945", "significant: 3")
    assert graded(text, f"r: {typed}")["r"].verdict == verdict


# A step that is not written -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("p", "h", "typed", "verdict"),
    [
        # h(1 - h) = 0.149130 is 0.1491 at four decimals, and 0.149135 at most at five
        ("100", ".8176", "14.91000", "correct"),
        ("100", ".8176", "14.90980", "wrong"),
        ("100", ".8176", "14.91340", "correct"),
        ("100", ".8176", "14.91370", "wrong"),
        # 0.149067 is 0.1490 cut off, and 0.1491 rounded
        ("100", ".8177", "14.90000", "correct"),
        ("100", ".8177", "14.89980", "wrong"),
        ("100", ".8177", "14.91000", "correct"),
        ("100", ".8177", "14.91020", "wrong"),
        # below 0 it is mirrored
        ("-100", ".8176", "-14.91000", "correct"),
        ("-100", ".8176", "-14.90980", "wrong"),
        # 1.8176 (1 - 1.8176) = -1.486070
        ("100", "1.8176", "-148.60000", "correct"),
        ("100", "1.8176", "-148.59980", "wrong"),
        ("100", "1.8176", "-148.61000", "correct"),
        ("100", "1.8176", "-148.61020", "wrong"),
        # 0.25 needs no rounding
        ("100", ".5", "25.00000", "correct"),
        ("100", ".5", "24.99500", "wrong"),
        ("100", ".5", "25.00300", "wrong"),
        # 0.00705 · 0.9929 is 0.0069999, and 0.0069 cut off
        ("1000", ".00705", "6.90000", "correct"),
        ("1000", ".00705", "6.89980", "wrong"),
    ],
)
def test_the_ends_of_an_unwritten_step(p: str, h: str, typed: str, verdict: str) -> None:
    text = f"""values: {{p: {p}, h: {h}}}
equations: ["r = p * (h * (1 - h))"]
ask: [r]
grading: {{precision: {{decimals: 4}}}}
"""
    assert graded(text, f"r: {typed}")["r"].verdict == verdict


@pytest.mark.parametrize(
    ("a", "typed", "verdict"),
    [
        # a third is 0.333 where it is broken off, and 0.33338 at most: 30 of them are 10.0015
        ("1/3", "9.9901", "correct"),
        ("1/3", "9.9880", "wrong"),
        ("1/3", "10.0010", "correct"),
        ("1/3", "10.0030", "wrong"),
        # two thirds are 0.666 or 0.667
        ("2/3", "19.9801", "correct"),
        ("2/3", "19.9780", "wrong"),
        ("2/3", "20.0100", "correct"),
        ("2/3", "20.0120", "wrong"),
        # eight decimals are typed in full, nine are not
        ("0.33333333", "9.9901", "wrong"),
        ("0.333333333", "9.9901", "correct"),
    ],
)
def test_the_ends_of_a_given_number_that_never_ends(a: str, typed: str, verdict: str) -> None:
    assert graded(problem("30 * a", f"a: {a}"), f"r: {typed}")["r"].verdict == verdict


# How wide a range may be and still tell right from wrong ------------------------------------------


@pytest.mark.parametrize(
    ("factor", "less", "typed", "verdict"),
    [
        # 1.67 is [1.665, 1.68): six units wide is [-0.0065, 0.052) for 3.9 u - 6.5
        (3.9, 6.5, ".05", "correct"),
        (4.2, 7.0, ".05", "wrong"),  # 0.063 is wider
        (4.2, 7.0, ".01", "correct"),  # and there 4.2 · 1.67 - 7 = 0.014 decides
        # half of the largest is 1.83 of 3.667, but nobody has 1.679: 3.667 with all digits, 4.00
        # with 1.67, and half as much again and half a hundredth part of it on either side
        (100, 163, "4.17", "correct"),
        (100, 163, "4.19", "wrong"),
        (100, 163, "4.90", "wrong"),
        (100, 164, "3.90", "wrong"),
        (100, 164, "3.00", "correct"),
    ],
)
def test_how_wide_a_range_of_written_numbers_may_be(
    factor: float, less: float, typed: str, verdict: str
) -> None:
    text = f"""values: {{a: 5, b: 3, c: {factor}, d: {less}}}
equations: [u = a / b, v = u * c - d]
ask: [u, v]
grading: {{precision: {{decimals: 2}}}}
"""
    assert graded(text, f"u: 1.67, v: {typed}")["v"].verdict == verdict


@pytest.mark.parametrize(
    ("p", "h", "typed", "verdict"),
    [
        # a sixteenth: 1 of 16.59, 0.1659 being 0.16 to 0.17, and no more than 0.98 of 15.66
        ([100], 0.21, [16.50], ["correct"]),
        ([100], 0.1944, [15.50], ["wrong"]),
        ([100], 0.1944, [15.00], ["correct"]),  # 0.15, as a person has it
        # six units: 0.059 and 0.061, 0.0196 being 0.01 to 0.02
        ([5.9], 0.02, [0.09], ["correct"]),
        ([6.1], 0.02, [0.09], ["wrong"]),
        ([6.1], 0.02, [0.06], ["correct"]),  # 6.1 · 0.01
        # a two-hundredth of the largest: 0.101 of 20.38, and no more than 0.099 of 19.80
        ([10, 1040], 0.02, [0.15, 20.38], ["correct", "correct"]),
        ([10, 1010], 0.02, [0.15, 19.80], ["wrong", "correct"]),
    ],
)
def test_how_wide_a_range_of_unwritten_steps_may_be(
    p: list[float], h: float, typed: list[float], verdict: list[str]
) -> None:
    text = f"""values: {{p: {p}, h: {h}}}
equations: ["r = p * (h * (1 - h))"]
ask: [r]
grading: {{precision: {{decimals: 2}}}}
"""
    found = graded(text, f"r: [{', '.join(f'{one:.2f}' for one in typed)}]")["r"]
    assert entries(found) == verdict


@pytest.mark.parametrize(
    ("c", "d", "r", "verdict"),
    [
        # q is miscopied, and r follows from the own u = 1.67: eight units are 0.075, not 0.09
        (5, 8.33, "0.03", "correct"),
        (6, 10, "0.03", "wrong"),
        # a quarter of the value: 1.5 of 6.67, and no more than 1.42 of 5.67
        (100, 160, "3.50", "correct"),
        (100, 161, "3.00", "wrong"),
    ],
)
def test_how_wide_what_is_redone_may_be(c: float, d: float, r: str, verdict: str) -> None:
    text = f"""values: {{a: 5, b: 3, c: {c}, d: {d}, e: 0.5}}
equations: [u = a / b, q = u * c - d, r = q * e]
ask: [u, q, r]
grading: {{precision: {{decimals: 2}}}}
"""
    found = graded(text, f"u: 1.67, q: 55.55, r: {r}")
    assert (found["q"].verdict, found["r"].verdict) == ("wrong", verdict)


@pytest.mark.parametrize(
    ("typed", "verdict"),
    [
        # the divisor 0.014 is 0.01 at least, and 0.01 / 0.01 = 1
        ("1.000", "correct"),
        ("1.200", "wrong"),
        ("0.700", "correct"),  # 0.01 / 0.0145 is 0.69
        ("0.680", "wrong"),
    ],
)
def test_a_divisor_is_no_0(typed: str, verdict: str) -> None:
    """a·b = 0.014; the second entry, 714.286, makes the range of the first tell something."""
    text = """values: {p: [0.01, 10], a: 0.1, b: 0.14}
equations: ["r = p / (a * b)"]
ask: [r]
grading: {precision: {decimals: 2}}
"""
    assert entries(graded(text, f"r: [{typed}, 714.286]")["r"])[0] == verdict


@pytest.mark.parametrize(
    ("setting", "divisor", "typed", "verdict"),
    [
        (0.01, 2, "0.07", "wrong"),  # 0.005 is no 0.01: it is as short as the number given
        (0.01, 2, "0.04", "correct"),
        (0.02, 3, "0.07", "correct"),  # 0.0067 is 0.01 to two decimals, and 0.01 * 7.3 = 0.073
        (0.25, 2, "0.94", "correct"),  # 0.125 is 0.13
    ],
)
def test_a_setting_in_another_form_is_not_rounded(
    setting: float, divisor: int, typed: str, verdict: str
) -> None:
    text = f"""values: {{c: {setting}, s: 7.3}}
equations: [r = c / {divisor} * s]
ask: [r]
grading: {{precision: {{decimals: 2}}}}
"""
    assert graded(text, f"r: {typed}")["r"].verdict == verdict


@pytest.mark.parametrize(("half", "verdict"), [(0.5, "correct"), (1.0, "wrong")])
def test_half_of_a_rate_of_decay_is_not_rounded(half: float, verdict: str) -> None:
    """0.01/2 times 18 is 0.09, and 0.18 without the half; two decimals would make it 0.01 times."""
    weights = np.array([[1.3, -2.1], [2.4, -1.7], [0.9, 1.6]])
    x, y = np.array([0.8, -1.1]), np.array([2.9, 4.1, -1.4])
    out = (weights @ x).round(2)
    text = f"""convention: {{affine: W x + b}}
x: {x.tolist()}
layers: [{{weights: {weights.tolist()}, activation: linear}}]
y: {y.tolist()}
loss: half-squared-error
penalty: {{l2: 0.01}}
ask: [Yhat, L]
grading: {{precision: {{decimals: 2}}}}
"""
    loss = ((out - y) ** 2).sum() / 2 + half * 0.01 * (weights**2).sum()
    found = graded(text, f"Yhat: {out.tolist()}, L: {loss:.2f}")
    assert (found["Yhat"].verdict, found["L"].verdict) == ("correct", verdict)


# Kinks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "z", "slope", "verdict"),
    [
        # a 0.000 is less than a unit either way: both slopes count, and none between
        ("0.0004", "0.000", 1.0, "correct"),
        ("0.0004", "0.000", 0.0, "correct"),
        ("0.0004", "0.000", 0.6, "wrong"),
        # 0.001 is [0.0005, 0.002), which is above 0
        ("0.0006", "0.001", 1.0, "correct"),
        ("0.0006", "0.001", 0.0, "wrong"),
        ("-0.0006", "-0.001", 0.0, "correct"),
        ("-0.0006", "-0.001", 1.0, "wrong"),
    ],
)
def test_the_sides_of_a_kink(x: str, z: str, slope: float, verdict: str) -> None:
    text = f"""values: {{a: {x}, b: 1}}
equations: [z = a * b, h = relu(z), L = 2 * h]
ask: [z, dL/dz]
grading: {{precision: {{decimals: 3}}}}
"""
    found = graded(text, f"z: {z}, dL/dz: {2 * slope:.3f}")
    assert (found["z"].verdict, found["dL/dz"].verdict) == ("correct", verdict)


@pytest.mark.parametrize(
    ("u", "typed", "verdict"),
    [
        ("1.2345", "2.19", "correct"),  # 0.7345 cut off to 0.73, times 3
        ("1.2345", "2.21", "correct"),  # 0.735 times 3, at three decimals
        ("1.2345", "2.18", "wrong"),
        ("1.2345", "2.22", "wrong"),
        ("1.23", "2.17", "correct"),  # 1.23 - 0.5 has no digit too many: 3 · 0.725 is the least
        ("1.23", "2.16", "wrong"),
    ],
)
def test_a_sum_of_numbers_with_more_decimals_may_be_rounded(
    u: str, typed: str, verdict: str
) -> None:
    problem = """values: {a: 1.2345, b: 1, c: 0.5}
equations: [u = a * b, r = 3 * (u - c)]
ask: [u, r]
grading: {precision: {decimals: 2}}
"""
    assert graded(problem, f"u: {u}, r: {typed}")["r"].verdict == verdict


OTHER_DECADE = """values: {a: 0.0967, w: -0.5}
equations: [u = a / 10, v = u * w]
ask: [u, v]
grading: {precision: {significant: 3}}
"""


@pytest.mark.parametrize(("v", "verdict"), [("-0.00513", "carried"), ("-0.00521", "wrong")])
def test_a_wrong_value_has_the_significant_digits_of_its_own(v: str, verdict: str) -> None:
    """0.0103 stands for 0.01025 to 0.0104; the right 0.00967 beside it has a finer digit."""
    assert graded(OTHER_DECADE, f"u: 0.0103, v: {v}")["v"].verdict == verdict


STAYS = """values: {b: -0.23, g: 2.1, f: 0.5}
equations: [L = g * f * b]
train: [b]
update: {rule: momentum, form: ewma, beta: 0.5, learning_rate: 0.02, state: {v_b: 0.62}}
grading: {precision: {decimals: 2}}
"""


@pytest.mark.parametrize(
    ("new", "verdict"), [("-0.25", "correct"), ("-0.24", "correct"), ("-0.23", "wrong")]
)
def test_a_parameter_stays_where_it_stays_for_somebody(new: str, verdict: str) -> None:
    """0.02 · 0.835 is 0.0167, rounded 0.02, and cut off 0.01: nobody has nothing left of it."""
    assert graded(STAYS, f"dL/db: 1.05, b_new: {new}")["b_new"].verdict == verdict


TWO_STEPS = """values: {{w: 0.55, x: 0.7, t: 1.4, c: 1.3}}
equations: ["z = c * w * x", "L = 1/2 * (z - t)^2"]
train: [w]
update: {{rule: sgd, learning_rate: {rate}, steps: 2}}
ask: [z, w_new, w_new@2]
grading: {{precision: {{decimals: 1}}}}
"""


@pytest.mark.parametrize(
    ("rate", "new", "verdict"),
    [("0.2", "0.7", "correct"), ("0.3", "0.9", "correct"), ("0.3", "0.8", "wrong")],
)
def test_a_parameter_stays_in_a_later_step_as_in_the_first(
    rate: str, new: str, verdict: str
) -> None:
    """What it was is what the sheet says: 0.8, not 0.796, from which 0.8 would be a move.

    0.7 may be 0.65, and 0.65 + 0.14 is cut off to 0.7. From 0.8 a step of 0.18 leads on.
    """
    before = {"0.2": "0.7", "0.3": "0.8"}[rate]
    sheet = f"z: 0.5, w_new: {before}, w_new@2: {new}"
    assert graded(TWO_STEPS.format(rate=rate), sheet)["w_new@2"].verdict == verdict


@pytest.mark.parametrize(("new", "verdict"), [("-1.262", "correct"), ("-1.260", "wrong")])
def test_a_parameter_has_not_moved_for_few_significant_digits(new: str, verdict: str) -> None:
    """-1.26222, of which three significant digits are -1.26: that is where it was."""
    problem = """values: {W: -1.26, g: 0.111}
equations: [L = g * W]
train: [W]
update: {rule: sgd, learning_rate: 0.02}
grading: {precision: {decimals: 3}}
"""
    assert graded(problem, f"dL/dW: 0.111, W_new: {new}")["W_new"].verdict == verdict


# A sum of one term --------------------------------------------------------------------------------


def products(a: Array, w: Array) -> tuple[Ends, Ends]:
    """Positive products of powers: as they follow from these written down, and written down."""
    low, high = power(a, decimals)
    return (low * w, high * w), written(low * w, high * w, decimals)


def assert_ends(text: str, low: float, high: float) -> None:
    for inside, outside in ((low + NEAR, low - 1e-5), (high - NEAR, high + 1e-5)):
        assert verdict_and_how(text, inside)[0] == "correct"
        assert verdict_and_how(text, outside)[0] == "wrong"


@pytest.mark.parametrize(
    "values",
    ["a: [0.45], w: [13]", "a: [2, 0.45, 1], w: [0, 13, 0]", "a: [[2], [0.45]], w: [[0], [13]]"],
    ids=["one entry", "two are 0", "a column"],
)
def test_a_sum_of_one_term_is_written_down_once(values: str) -> None:
    (low, high), _ = products(np.array(0.45), np.array(13))
    assert_ends(problem("sum(exp(a) * w)", values), float(low), float(high))


def test_each_term_of_a_sum_is_written_down() -> None:
    _, (low, high) = products(np.array([0.45, 0.8]), np.array([1.3, 0.7]))
    assert_ends(problem("sum(exp(a) * w)", "a: [0.45, 0.8], w: [1.3, 0.7]"), low.sum(), high.sum())


SLOPES: dict[str, tuple[Callable[[float], float], Callable[[float], float]]] = {
    "relu": (lambda u: max(u, 0.0), lambda u: float(u > 0)),
    "maximum": (lambda u: max(u, 0.0), lambda u: float(u > 0)),
    "relu6": (lambda u: min(max(u, 0.0), 6.0), lambda u: float(0 < u < 6)),
    "leaky_relu": (lambda u: max(u, 0.01 * u), lambda u: 1.0 if u > 0 else 0.01),
    "elu": (lambda u: u if u > 0 else np.expm1(u), lambda u: 1.0 if u > 0 else np.exp(u)),
    "softplus": (lambda u: np.log1p(np.exp(u)), lambda u: 1 / (1 + np.exp(-u))),
}


@pytest.mark.parametrize("kink", [0, 1])
@pytest.mark.parametrize("name", SLOPES)
def test_that_the_slope_follows_from_ones_own_value_where_its_argument_has_no_name(
    name: str, kink: int
) -> None:
    """Whoever took w·x − b for w·x + b has a living unit; in truth it is dead."""
    value, slope = SLOPES[name]
    formula = f"{name}(w * x + b{', 0' if name == 'maximum' else ''})"
    problem = f"""values: {{w: 0.5, x: 1.25, b: -0.9, v: 1.3}}
equations:
- h = {formula}
- L = v * h
convention: {{kinks: {{relu: {kink}, leaky_relu: {kink}, max: {kink}}}}}
ask: [h, L, dL/dh, dL/db]
grading: {{precision: {{decimals: 4}}}}
"""

    def sheet(u: float, gate: float) -> str:
        h = value(u)
        return f"h: {h:.4f}, L: {1.3 * h:.4f}, dL/dh: 1.3, dL/db: {1.3 * gate:.4f}"

    mine = 0.5 * 1.25 + 0.9
    found = graded(problem, sheet(mine, slope(mine)))
    assert [found[id].verdict for id in ("h", "L", "dL/db")] == ["wrong", "carried", "carried"]
    true = 0.5 * 1.25 - 0.9
    assert graded(problem, sheet(true, slope(true)))["dL/db"].verdict == "correct"
    assert graded(problem, sheet(true, 1.0))["dL/db"].verdict == "wrong"
    assert graded(problem, sheet(mine, slope(true)))["dL/db"].verdict in ("wrong", "correct")


NEAR_LOSSES = """convention: {affine: x W + b, bias: first}
x: [0.93, 0.76, 0.24, -0.21]
layers:
- weights: [[0.73], [-1.33], [-0.11], [-1.3], [-0.04]]
  activation: sigmoid
- weights: [[-0.21, -0.68, -1.32], [1.24, 1.35, 0.97]]
  activation: sigmoid
y: [-1.43, -0.5, 1.25]
loss: half-squared-error
update: {rule: sgd, learning_rate: 0.1}
ask: [L, W1_new, W2_new, L_new]
grading: {precision: {significant: 3}}
"""


@pytest.mark.parametrize(
    ("new", "verdict"), [("2.81", "correct"), ("2.83", "correct"), ("2.85", "wrong")]
)
def test_that_the_old_loss_is_no_rounding_of_the_new_one(new: str, verdict: str) -> None:
    """2.814 after the update and 2.847 before it; a range of all roundings holds 2.85, too."""
    weights = (
        "W1_new: [[0.715], [-1.34], [-0.121], [-1.30], [-0.0369]], "
        "W2_new: [[-0.259, -0.703, -1.30], [1.23, 1.34, 0.976]]"
    )
    found = graded(NEAR_LOSSES, f"L: 2.85, {weights}, L_new: {new}")["L_new"]
    assert found.verdict == verdict
    assert ("updated-weights-forward" in found.slips) == (verdict == "wrong")


@pytest.mark.parametrize(
    ("beside", "last", "verdict"),
    [
        ("[1.97, .928, -.989]", "0.976", "wrong"),
        ("[2.0, .93, -.99]", "0.976", "wrong"),  # few digits, and nothing of the new loss
        ("[1.97, .928, -.989]", "0.98", "wrong"),  # nor of a weight that it is worked out from
    ],
)
def test_that_few_digits_elsewhere_are_no_room(beside: str, last: str, verdict: str) -> None:
    """2.84 is in the range of all roundings, and near to nobody's: that is from 2.78 to 2.83."""
    weights = (
        "W1_new: [[0.715], [-1.34], [-0.121], [-1.30], [-0.0369]], "
        f"W2_new: [[-0.259, -0.703, -1.30], [1.23, 1.34, {last}]]"
    )
    sheet = f"L: 2.85, dL/dYhat: {beside}, {weights}, L_new: 2.84"
    assert graded(NEAR_LOSSES, sheet)["L_new"].verdict == verdict


@pytest.mark.parametrize(
    ("new", "verdict"), [("0.966", "correct"), ("0.968", "correct"), ("0.984", "wrong")]
)
def test_that_ones_own_old_loss_is_no_new_one_either(new: str, verdict: str) -> None:
    """The old loss is 0.9833, and 0.984 on the sheet; the new one is 0.966."""
    problem = """values: {X: [[-0.67], [1.05], [0.17]], w: [0.97], b: -0.5, y: [1.0, 0.0, 0.0]}
equations:
- z = X @ w + b
- p = sigmoid(z)
- L = mean(-y * ln(p) - (1 - y) * ln(1 - p))
train: [w, b]
update: {rule: sgd, learning_rate: 0.1}
ask: [z, p, L, w_new, b_new, L_new]
grading: {precision: {decimals: 3}}
"""
    sheet = (
        "z: [-1.15, 0.519, -.335], p: [0.240, .627, 0.417], L: .984, w_new: [.929], b_new: -0.51"
    )
    found = graded(problem, f"{sheet}, L_new: {new}")
    assert (found["L"].verdict, found["L_new"].verdict) == ("correct", verdict)


@pytest.mark.parametrize(
    ("new", "verdict"), [("2.281", "correct"), ("2.284", "correct"), ("2.287", "wrong")]
)
def test_that_a_loss_does_not_stay_for_a_range(new: str, verdict: str) -> None:
    """2.2876 before and 2.2813 after: nobody whose parameters moved comes to what was cut off."""
    problem = """convention: {affine: x W + b}
x: [1.71, 0.84]
layers:
- weights: [[0.41, -0.17, -0.95, -0.22], [1.45, 0.45, -1.4, 0.49]]
  bias: [-0.83, 0.55, -0.39, -0.27]
  activation: sigmoid
y: [-0.78, 1.53, -1.28, -1.41]
loss: {name: huber, delta: 0.5, over_samples: mean}
update:
  rule: nesterov
  learning_rate: 0.1
  state:
    v_W1: [[-0.89, -0.88, 0.59, -0.67], [-0.9, 0.56, 0.29, 0.53]]
    v_b1: [-0.67, 0.99, -0.23, 0.08]
"""
    sheet = (
        "L: 2.287, W1_new: [[0.451, -0.062, -1.003, -0.205], [1.508, 0.422, -1.426, 0.427]],"
        " b1_new: [-0.793, 0.491, -0.374, -0.299]"
    )
    assert graded(problem, f"{sheet}, L_new: {new}")["L_new"].verdict == verdict


@pytest.mark.parametrize(
    ("decimals", "a", "u", "verdict"),
    [
        (3, 4.5573, "4.560", "correct"),
        (3, 4.5573, "4.550", "correct"),
        (3, 4.5573, "4.570", "wrong"),
        (3, 4.5573, "4.561", "wrong"),
        (3, 4.5573, "4.56", "imprecise"),
        (3, 45.573, "45.6", "imprecise"),
        (2, 1.2413, "1.20", "wrong"),
    ],
)
def test_when_fewer_significant_digits_are_filled_up_with_zeros(
    decimals: int, a: float, u: str, verdict: str
) -> None:
    problem = f"""values: {{a: {a}, b: 1}}
equations: [u = a * b, v = u + b]
ask: [u]
grading: {{precision: {{decimals: {decimals}}}}}
"""
    assert graded(problem, f"u: {u}")["u"].verdict == verdict


@pytest.mark.parametrize(
    ("slope", "verdict"), [("0.016", "correct"), ("0.015", "wrong"), ("0.019", "wrong")]
)
def test_when_a_gradient_is_a_product_with_a_reciprocal(slope: str, verdict: str) -> None:
    """5.019² = 25.190, 1/25.190 = 0.039 cut off, and 0.433 · 0.039 = 0.0168; 0.0172 at once."""
    problem = """values: {z: 4.019, c: 0.433}
equations: [h = softsign(z), L = c * h]
ask: [dL/dh, dL/dz]
grading: {precision: {decimals: 3}}
"""
    assert graded(problem, f"dL/dh: 0.433, dL/dz: {slope}")["dL/dz"].verdict == verdict


@pytest.mark.parametrize(("r", "verdict"), [("1.67", "correct"), ("1.65", "wrong")])
def test_that_a_quotient_alone_is_no_product_with_a_reciprocal(r: str, verdict: str) -> None:
    """5/3 is 1.67; nobody takes 5 · 0.33 for it."""
    problem = """values: {a: 5, b: 3}
equations: [r = a / b, L = r]
ask: [r]
grading: {precision: {decimals: 2}}
"""
    assert graded(problem, f"r: {r}")["r"].verdict == verdict


def test_an_exact_value_tells_nothing_of_the_digits_in_use() -> None:
    """s = u σ(u): a path lost is no step rounded to the three decimals of an exact u of 0.350."""
    task = backprop.load(
        "values: {u: [0.1, -0.35], v: [0.55, -0.15]}\n"
        "equations:\n  - w = 1 * u\n  - s = w * sigmoid(w)\n  - L = sum((s * v)^2)\n"
        "ask: [w, dL/ds, dL/dw]\n"
    )
    w, v = np.array([0.1, -0.35]), np.array([0.55, -0.15])
    gate = 1 / (1 + np.exp(-w))
    ds = 2 * w * gate * v**2

    def sheet(dw: NDArray[np.float64]) -> dict[str, list[str]]:
        return {
            "w": ["0.100", "-0.350"],
            "dL/ds": [f"{one:#.3g}" for one in ds],
            "dL/dw": [f"{one:#.3g}" for one in dw],
        }

    assert task.check(sheet(ds * gate + ds * w * gate * (1 - gate))).first_wrong is None
    lost = task.check(sheet(ds * gate))
    assert (lost.first_wrong, "path-lost" in lost["dL/dw"].slips) == ("dL/dw", True)


@pytest.mark.parametrize(
    ("typed", "verdict"),
    [
        # 10 · 0.46212 + 0.005 = 4.6262; one step is written nowhere, and may be 0.462
        ("4.6250", "correct"),  # 10 · 0.462 + 0.005
        ("4.6212", "wrong"),  # without 0.005
    ],
)
def test_that_a_lost_term_is_no_rounding_of_one_step(typed: str, verdict: str) -> None:
    text = """values: {z: 0.5, c: 0.005, w: 1}
equations: [r = 10 * tanh(z) + c * w]
grading: {precision: {decimals: 3}}
"""
    assert graded(text, f"r: {typed}")["r"].verdict == verdict


DOT = """values: {x: [1.07, 1.66, -1.11], w: [-0.54, 0.98, 1.32], b: -1.02}
equations: [p = w @ x + b]"""


@pytest.mark.parametrize(
    ("problem", "answers", "verdict"),
    [
        ("values: {z: 0.21}\nequations: [p = sigmoid(z)]", "p: 0.55", "correct"),  # 1/1.81
        ("values: {z: 0.21}\nequations: [p = sigmoid(z)]", "p: 0.56", "wrong"),  # 1/1.8
        (DOT, "p: -1.43", "correct"),  # -0.57 + 1.62 - 1.46 - 1.02, cut off
        (DOT, "p: -1.50", "wrong"),  # -0.58 + 1.6 - 1.5 - 1.02
    ],
)
def test_two_significant_digits_are_no_way_to_two_decimals(
    problem: str, answers: str, verdict: str
) -> None:
    asked = f"{problem}\ngrading: {{precision: {{decimals: 2}}}}"
    assert graded(asked, answers)["p"].verdict == verdict


@pytest.mark.parametrize(
    ("gradient", "verdict"),
    [
        ("-.098", "correct"),  # 0.152 - 0.25
        ("-.097", "correct"),  # 0.128 times -1.644 and 0.885, each product cut off
        ("-.093", "wrong"),  # 0.1525 times -0.61, for which p is 0.152 and 0.1525 at once
    ],
)
def test_a_number_that_stands_in_a_formula_twice_is_one_number(gradient: str, verdict: str) -> None:
    problem = """
values: {z: [0, 1.7177], y: [0.25, 0.75]}
equations: [p = softmax(z), L = -sum(y * ln(p))]
train: [z]
ask: [p, dL/dp, dL/dz]
grading: {precision: {decimals: 3}}
"""
    answers = f"p: [.152, .848], dL/dp: [-1.644, -.885], dL/dz: [{gradient}, .098]"
    assert graded(problem, answers)["dL/dz"].verdict == verdict


def test_that_a_loss_stays_where_no_parameter_moves() -> None:
    """Behind a step nothing moves; 0.5115 for 0.5106 comes of a cube and a product rounded."""
    problem = """convention: {affine: W^T x + b, bias: last, bias_input: -1}
x: [-0.54, -1.18]
layers:
- weights: [[-0.94, 0.15, 0.87], [-1.09, 1.44, 0.15], [-0.39, 0.05, -1.35]]
  activation: {name: step}
- weights: [[0.31], [-1.13], [0.45], [-1.19]]
  activation: {name: sigmoid}
  train: false
y: -0.32
loss: {formula: sum((yhat - y)**4) / 4, over_samples: sum}
update: {rule: sgd, learning_rate: 0.1}
grading: {precision: {decimals: 4}}
"""
    sheet = "Z2: [1.9500], Yhat: [0.8757], L: 0.5115, L_new: .5115"
    assert graded(problem, sheet)["L_new"].verdict == "correct"


def test_that_a_loss_stays_where_roundings_had_led_as_far_before() -> None:
    """0.0481 before and 0.0465 after; -ln 0.952 is 0.0492 for who has cut off, both times."""
    problem = """convention: {affine: W^T x + b, bias: first}
x: [0.6, -0.08]
layers:
- weights: [[1.42, 0.1, -0.24], [1.31, -1.46, 0.32], [-0.88, -1, 0.98]]
  activation: relu
- weights:
  - [-0.52, 0.53, 0.62, 1.19]
  - [-0.08, 0.57, -0.11, 0.8]
  - [1.21, -0.05, -0.89, -1.36]
  - [1.32, -0.07, -1.12, -0.74]
  activation: sigmoid
y: [0, 0, 0, 1]
loss: cross-entropy
update: {rule: sgd, learning_rate: 0.1}
grading: {precision: {significant: 3}}
"""
    sheet = (
        "Z1: [2.28, -0.696, -.126], H1: [2.28, 0, 0], Z2: [-0.702, 1.83, 0.369, 3.01],"
        " Yhat: [0.331, 0.862, .592, .952], L: 0.0492,"
        " W1_new: [[1.42, 0.1, -0.24], [1.31, -1.46, 0.32], [-.88, -1.00, 0.980]],"
        " W2_new: [[-.52, 0.530, .62, 1.19], [-0.08, .570, -.11, 0.811],"
        " [1.21, -0.05, -.890, -1.36], [1.32, -.07, -1.12, -.740]], L_new: .0492"
    )
    found = graded(problem, sheet)
    assert [found[id].verdict for id in ("Yhat", "L", "L_new")] == ["correct"] * 3


# What a range alone does not prove ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "verdict"),
    [
        ("2.03", "correct"),
        ("2.01", "correct"),  # 4 · 0.66 - 4 · 0.67 + 2 + 0.03 is 1.99 at worst
        ("2.00", "wrong"),  # the same range has it, and so has who leaves the bias out
        ("1.98", "wrong"),
    ],
)
def test_that_what_a_slip_gives_is_no_rounding_of_one_step(typed: str, verdict: str) -> None:
    """Who has 2/3 as 0.67, or as 0.66, has it so twice: 4 · 0.67 - 4 · 0.67 + 2 + 0.03."""
    problem = """x: [4, -4, 2]
layers: [{weights: [[2/3, 2/3, 1]], bias: [0.03]}]
grading: {precision: {decimals: 2}}
"""
    assert graded(problem, f"Z1: [{typed}]")["Z1"].verdict == verdict


@pytest.mark.parametrize(
    ("typed", "verdict"),
    [("0.000", "correct"), ("0.0005", "correct"), ("0.001", "wrong"), ("0.0006", "wrong")],
)
def test_that_nothing_is_no_digit_of_a_range(typed: str, verdict: str) -> None:
    """0.02² = 0.0004 has no more digits, and 1.2 times that is 0.00048, which is 0.000.

    A range has room for 0.00045 before, and then for 0.00054, which 0.001 may stand for.
    """
    problem = """values: {a: 0.02, c: 1.2}
equations: ["r = c * a^2"]
grading: {precision: {decimals: 3}}
"""
    assert graded(problem, f"r: {typed}")["r"].verdict == verdict


@pytest.mark.parametrize(
    ("typed", "verdict"),
    [
        ("0.0311", "carried"),  # 3.46 · 1.28 - 3.46 · 1.271
        ("0.0300", "imprecise"),  # 4.43 - 4.40 rounded, 4.42 - 4.39 cut off
        ("0.0350", "wrong"),
        ("0.0400", "wrong"),  # 4.43 - 4.39 is rounded once and cut off once
        ("0.0220", "wrong"),
    ],
)
def test_that_few_digits_beside_a_number_are_no_range_for_it(typed: str, verdict: str) -> None:
    """u should be 2.469; the 8.1 beside what is typed has fewer digits than asked."""
    problem = """values: {x: 1.2345, a: [1.28, 2.41], b: [1.271, 0.07], c: 2, d: 3.46}
equations: ["u = c * x", "r = u * a - d * b"]
ask: [u, r]
grading: {precision: {decimals: 4}}
"""
    found = graded(problem, f"u: 3.46, r: [{typed}, 8.1]")
    assert found["u"].verdict == "wrong"
    assert entries(found["r"]) == [verdict, "imprecise"]

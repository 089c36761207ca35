"""The rules by which an answer is judged, one by one, with expectations worked out by hand."""

from __future__ import annotations

from fractions import Fraction

import pytest
from judged import entries, graded, submission, verdicts

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr
from backprop_cli.grading.judging.equivalent_ways import variants
from backprop_cli.grading.report_data import Result
from backprop_cli.problem.problem_file import Source
from backprop_cli.solving.loading import loaded
from backprop_cli.solving.plan import plan

CHAIN = """values: {a: 5, b: 3, c: 2}
equations:
  - u = a / b
  - v = u * c
  - w = v * v
ask: [u, v, w]
grading: {precision: {decimals: 2}}
"""
"""u = 1.6667, v = 3.3333, w = 11.1111."""


# One number ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "verdict", "how"),
    [
        ("5/3", "correct", "exact"),
        ("1.67", "correct", "rounded"),
        ("1.66", "correct", "truncated"),
        ("1.667", "correct", "rounded"),  # more digits do no harm
        ("1.6666", "correct", "rounded"),  # to the digits asked
        ("1.671", "correct", "rounded"),
        ("1.7", "imprecise", None),
        ("1.6", "imprecise", None),
        ("2", "wrong", None),  # one digit proves nothing where two are asked
        ("1", "wrong", None),
        ("1.68", "wrong", None),
        ("1.65", "wrong", None),
        ("1.8", "wrong", None),
        ("3", "wrong", None),
        ("-1.67", "wrong", None),
    ],
)
def test_a_typed_number_stands_for_what_rounds_or_cuts_off_to_it(
    typed: str, verdict: str, how: str | None
) -> None:
    result = graded(CHAIN, f"u: {typed}")["u"]
    assert (result.verdict, result.how) == (verdict, how)


@pytest.mark.parametrize(
    ("typed", "verdict"),
    [("-1.67", "correct"), ("-1.66", "correct"), ("-1.68", "wrong"), ("1.67", "wrong")],
)
def test_below_zero_it_is_mirrored(typed: str, verdict: str) -> None:
    assert graded(CHAIN.replace("a: 5", "a: -5"), f"u: {typed}")["u"].verdict == verdict


SMALL = """values: {a: 1, b: 250}
equations: [u = a / b]
grading: {precision: {decimals: 2}}
"""


@pytest.mark.parametrize(("a", "verdict"), [("1", "correct"), ("-1", "correct"), ("3", "wrong")])
def test_zero_stands_for_less_than_a_unit_either_way(a: str, verdict: str) -> None:
    """0.00 is ±0.01: 0.004 and -0.004 are in it, 0.012 is not."""
    assert graded(SMALL.replace("a: 1", f"a: {a}"), "u: 0.00")["u"].verdict == verdict


@pytest.mark.parametrize(
    ("a", "typed", "verdict"),
    [
        (2, ".5", "correct"),  # .5 is exact, and no fewer digits than there are
        (16, "4", "correct"),
        (0, "0", "correct"),
        (2.02, ".5", "correct"),  # .505: .50 with its zero dropped, cut off
        (2.1, ".5", "wrong"),  # .525: .50 would not do, and one digit proves nothing
        (16.2, "4", "wrong"),  # 4.05
        (16.4, "4.1", "correct"),
        (16.6, "4.1", "imprecise"),  # 4.15
        (0.16, ".0", "wrong"),  # .04: one digit is asked for, and a 0 is none
    ],
)
def test_dropped_zeros_count_as_typed_where_they_fit(a: float, typed: str, verdict: str) -> None:
    problem = f"values: {{a: {a}}}\nequations: [u = a / 4]\ngrading: {{precision: {{decimals: 2}}}}"
    assert graded(problem, f"u: {typed}")["u"].verdict == verdict


@pytest.mark.parametrize(
    ("typed", "verdict"),
    [
        ("1.667", "correct"),
        ("1.6666", "correct"),
        ("1.6669", "wrong"),  # who gives four decimals is taken at them
        ("1.67", "imprecise"),
        ("1.7", "imprecise"),
        ("2", "wrong"),
        ("1.8", "wrong"),
        ("0", "wrong"),
        ("0e9", "wrong"),
    ],
)
def test_without_a_precision_three_decimals_are_assumed(typed: str, verdict: str) -> None:
    """And too few cost nothing, since nobody asked for them."""
    free = CHAIN.replace("grading: {precision: {decimals: 2}}\n", "")
    result = graded(free, f"u: {typed}")["u"]
    assert (result.verdict, result.points) == (verdict, float(verdict != "wrong"))


@pytest.mark.parametrize(
    ("typed", "verdict"),
    [("1667", "correct"), ("1.67e3", "correct"), ("1.66e3", "correct"), ("1.7e3", "imprecise")],
)
def test_significant_digits(typed: str, verdict: str) -> None:
    """1666.67 to three significant digits."""
    problem = CHAIN.replace("a: 5", "a: 5000").replace("decimals: 2", "significant: 3")
    assert graded(problem, f"u: {typed}")["u"].verdict == verdict


# What follows from what ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answers", "expected", "how"),
    [
        # 1.67 is [1.665, 1.68), so v is in [3.33, 3.36)
        ("u: 1.67, v: 3.34", "correct", "carried-rounding"),
        ("u: 1.67, v: 3.35", "correct", "carried-rounding"),
        ("u: 1.67, v: 3.38", "wrong", None),
        ("u: 5/3, v: 3.34", "wrong", None),  # a fraction is exact: nothing was rounded
        ("u: 1.67, v: 3.33", "correct", "rounded"),
        # from a wrong u
        ("u: 1.25, v: 2.50", "carried", None),
        ("u: 1.25, v: 2.5", "carried", None),
        ("u: 1.25, v: 2.60", "wrong", None),
        ("u: 1.25, v: 3.33", "correct", "rounded"),  # the right value is right, whatever precedes
        ("u: 1.25, v: 10/3", "correct", "exact"),
        ("u: 1.7, v: 3.40", "imprecise", None),  # only since u has too few digits
        ("u: 1.7, v: 3.33", "correct", "rounded"),
    ],
)
def test_what_follows_from_ones_own_values(answers: str, expected: str, how: str | None) -> None:
    result = graded(CHAIN, answers)["v"]
    assert (result.verdict, result.how) == (expected, how)


def test_nothing_is_counted_twice() -> None:
    """A wrong u, and what follows from it twice over: 1.25, 2.5, 6.25."""
    assert verdicts(CHAIN, "u: 1.25, v: 2.50, w: 6.25") == {
        "u": "wrong", "v": "carried", "w": "carried"
    }  # fmt: skip


def test_what_is_not_written_is_worked_out_from_the_nearest_that_is() -> None:
    """v is not asked: w = (1.25 · 2)² = 6.25 from the wrong u, 11.11 from the right one."""
    problem = CHAIN.replace("ask: [u, v, w]", "ask: [u, w]")
    assert verdicts(problem, "u: 1.25, w: 6.25") == {"u": "wrong", "w": "carried"}
    assert verdicts(problem, "u: 1.25, w: 11.11") == {"u": "wrong", "w": "correct"}
    assert verdicts(problem, "u: 1.25, w: 7.25") == {"u": "wrong", "w": "wrong"}


UNWRITTEN = """values: {a: 14.8102, b: 2, h: 0.8176}
equations:
  - p = a / b
  - r = p * (h * (1 - h))
ask: [p, r]
grading: {precision: {decimals: 4}}
"""
"""p = 7.4051 and h(1 - h) = 0.14913, so r = 1.10432."""


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ("p: 7.4051, r: 1.1043", "correct"),
        ("p: 7.4051, r: 1.1041", "correct"),  # 7.4051 · 0.1491, the factor rounded
        ("p: 7.4051, r: 1.1031", "wrong"),  # no factor of four digits: 0.1490 gives 1.1034
        ("p: 7.4039, r: 1.1041", "carried"),  # 7.4039 · 0.14913: sooner than by a rounded factor
    ],
)
def test_unwritten_steps_may_have_been_rounded_too(answers: str, expected: str) -> None:
    result = graded(UNWRITTEN, answers)["r"]
    assert result.verdict == expected
    assert result.how == ({"r: 1.1043": "rounded", "r: 1.1041": "carried-rounding"}.get(
        answers.partition(", ")[2]) if expected == "correct" else None)  # fmt: skip


SOFTMAX = """x: [1, 0]
y: [1, 0]
layers: [{weights: [[ln(3), 0], [0, 0]], activation: softmax}]
loss: cross-entropy
ask: [Yhat, dL/dZ1]
grading: {precision: {decimals: 2}}
"""


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [("[-.25, .25]", "correct"), ("[-.24, .24]", "correct"), ("[-.15, .15]", "wrong")],
)
def test_without_the_gradient_of_the_output_it_is_read_fused(answer: str, verdict: str) -> None:
    """yhat = (3/4, 1/4), dL/dZ = yhat - y. By the chain, 1/yhat of two digits would be wide."""
    assert graded(SOFTMAX, f"Yhat: [.76, .24], dL/dZ1: {answer}")["dL/dZ1"].verdict == verdict


# Missing, invalid, not judged ---------------------------------------------------------------------


@pytest.mark.parametrize("typed", ["_", "~", '"?"', '""', ""])
def test_what_is_not_written_is_missing(typed: str) -> None:
    result = graded(CHAIN, f"\n  u: {typed}\n  v: 3.33")["u"]
    assert (result.verdict, result.points) == ("missing", 0)
    assert graded(CHAIN, "v: 3.33")["u"].verdict == "missing"


def test_what_needs_something_missing_is_not_judged() -> None:
    """Unless it is right."""
    result = graded(CHAIN, "v: 2.50")["v"]
    assert (result.verdict, result.points) == ("not-judged", 0)
    assert result.message == "u is missing, and this is computed from it"
    assert graded(CHAIN, "v: 3.33")["v"].verdict == "correct"


def test_what_is_unreadable_is_invalid_and_stops_nothing() -> None:
    found = graded(CHAIN, "\n  u: 1.6.7\n  v: 3.33\n  w: 10.00")
    result = found["u"]
    assert (result.verdict, result.points) == ("invalid", 0)
    assert result.mark is not None
    assert (result.mark.line, result.mark.column) == (3, 9)  # the second point
    assert "1.6.7" in result.message
    assert (found["v"].verdict, found["w"].verdict) == ("correct", "wrong")
    assert submission(CHAIN, "\n  u: 1.6.7\n  v: 9.99").first_wrong == "u"


def test_what_needs_something_unusable_is_not_judged() -> None:
    for unusable in ("1.6.7", "[1, 2]"):
        result = graded(CHAIN, f"u: {unusable}, v: 2.50")["v"]
        assert result.verdict == "not-judged"
        assert result.message == "u cannot be used, and this is computed from it"


VECTOR = """x: [1, 2]
y: [0, 0, 0]
layers: [{weights: [[1, 2], [3, 4], [0, 0.25]], bias: [0, 0, 0]}]
loss: half-squared-error
update: {rule: sgd, learning_rate: 0.1}
ask: [Z1, L, dL/dYhat, dL/dW1, W1_new]
grading: {precision: {decimals: 2}}
"""
"""Z1 = (5, 11, 0.5), L = (25 + 121 + 0.25) / 2 = 73.125; the gradient of W1 is Z1 times x."""


def test_another_shape_is_wrong_and_both_are_named() -> None:
    result = graded(VECTOR, "Z1: [5, 11]")["Z1"]
    assert (result.verdict, result.points) == ("wrong", 0)
    assert "a vector of 2" in result.message
    assert "a vector of 3" in result.message
    turned = graded(VECTOR, "dL/dW1: [[5, 11, 0.5], [10, 22, 1]]")["dL/dW1"]
    assert (turned.verdict, turned.slips) == ("wrong", ("transposed",))
    assert "2 × 3" in turned.message
    assert "3 × 2" in turned.message


@pytest.mark.parametrize(
    "typed", ["[5, 11, 0.5]", "[[5, 11, 0.5]]", "[[5], [11], [0.5]]", '"5; 11; .5"']
)
def test_a_vector_may_be_a_row_or_a_column(typed: str) -> None:
    assert graded(VECTOR, f"Z1: {typed}")["Z1"].verdict == "correct"


# No credit where no work is left ------------------------------------------------------------------


def test_nothing_is_carried_from_zeros() -> None:
    found = graded(VECTOR, "Z1: [0, 0, 0], L: 0.00, dL/dYhat: [0, 0, 0]")
    assert found["Z1"].verdict == "wrong"
    for id in ("L", "dL/dYhat"):
        assert (found[id].verdict, found[id].points) == ("not-judged", 0)
        assert "Z1 is all zero" in found[id].message


def test_nothing_is_carried_from_zeros_of_which_one_happens_to_be_right() -> None:
    problem = VECTOR.replace("[0, 0.25]]", "[0, 0]]")  # Z1 = (5, 11, 0)
    found = graded(problem, "Z1: [0.00, 0.00, 0.00], L: 0.00")
    assert [entry.verdict for entry in found["Z1"].entries] == ["wrong", "wrong", "correct"]
    assert found["L"].verdict == "not-judged"


def test_nothing_is_carried_from_what_is_copied_from_the_problem() -> None:
    problem = VECTOR.replace("x: [1, 2]", "x: [1, 2, 1]").replace(
        "[[1, 2], [3, 4], [0, 0.25]]", "[[1, 2, 0], [3, 4, 0], [0, 0.25, 0]]"
    )
    found = graded(problem, "Z1: [1.00, 2.00, 1.00], L: 3.00")
    assert "copied" in found["Z1"].slips
    assert (found["L"].verdict, found["L"].points) == ("not-judged", 0)
    assert "Z1 is copied from X" in found["L"].message


def test_of_several_alike_the_first_of_the_problem_is_named() -> None:
    """In every run: no order of a set, which is another in each, gets into a report."""
    alike = ", ".join(f"{letter}: [1, 2]" for letter in "kjhgfdca")
    added = " + ".join("kjhgfdca")
    problem = f"values: {{{alike}}}\nequations: [z = {added}, L = sum(z)]\nask: [z, L]\n"
    found = graded(problem, "z: [1.00, 2.00], L: 3.00")
    assert "z is copied from k, " in found["L"].message
    for zeros in ("0", "-0"):
        held = graded(problem.replace("k: [1, 2]", f"k: [{zeros}, 2]"), "z: [0, 2], L: 2")
        assert "z is copied from k, " in held["L"].message


def test_what_is_half_zero_is_carried() -> None:
    """The loss from (0, 11, .5) is 60.625."""
    assert graded(VECTOR, "Z1: [0, 11, .5], L: 60.63")["L"].verdict == "carried"


# Entries, points ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("z1", "verdict", "how"),
    [
        ("[5, 11, .5]", "correct", "exact"),
        ("[5, 11, _]", "missing", None),
        ("[5, 12, .5]", "wrong", None),
        ("[5, 12, _]", "wrong", None),
        ("[_, _, _]", "missing", None),
    ],
)
def test_a_quantity_is_what_the_first_of_its_entries_is(
    z1: str, verdict: str, how: str | None
) -> None:
    result = graded(VECTOR, f"Z1: {z1}")["Z1"]
    assert (result.verdict, result.how) == (verdict, how)


THIRDS = """values: {a: [5, 7, 1], b: [3, 3, 2], c: 2}
equations:
  - u = a / b
  - v = u * c
ask: [u, v]
grading: {precision: {decimals: 2}}
"""
"""u = (1.6667, 2.3333, 0.5), v = (3.3333, 4.6667, 1)."""


def test_its_how_is_the_weakest_of_its_entries() -> None:
    for typed, how in (
        ("[5/3, 7/3, .5]", "exact"),
        ("[5/3, 2.33, .5]", "rounded"),
        ("[1.66, 2.33, .5]", "truncated"),
    ):
        assert graded(THIRDS, f"u: {typed}")["u"].how == how
    carried = graded(THIRDS, "u: [1.67, 2.33, .5], v: [3.34, 4.67, 1]")["v"]
    assert (carried.verdict, carried.how) == ("correct", "carried-rounding")
    assert [entry.how for entry in carried.entries] == ["carried-rounding", "rounded", "exact"]


def test_the_order_in_which_entries_decide() -> None:
    """Wrong, not judged, carried, too few digits, missing, right; each beside all after it."""
    wrong_u = "u: [1.25, 2.33, .5]"
    assert entries(graded(THIRDS, f"{wrong_u}, v: [2.50, 4.7, 1]")["v"]) == [
        "carried", "imprecise", "correct"
    ]  # fmt: skip
    for v, verdict in (
        ("[2.50, 9.99, 4]", "wrong"),
        ("[2.50, 4.7, _]", "carried"),
        ("[3.33, 4.7, _]", "imprecise"),
        ("[3.33, 4.67, _]", "missing"),
        ("[3.33, 4.67, 1]", "correct"),
    ):
        assert graded(THIRDS, f"{wrong_u}, v: {v}")["v"].verdict == verdict
    missing_u = "u: [1.25, _, .5]"
    assert graded(THIRDS, f"{missing_u}, v: [2.50, 9.99, 1]")["v"].verdict == "not-judged"


def test_points_are_shared_among_entries() -> None:
    marked = VECTOR.replace("grading: {", "grading: {points: {Z1: 6}, ")
    assert graded(marked, "Z1: [5, 12, .5]")["Z1"].points == 4
    assert graded(marked, "Z1: [5, 12, _]")["Z1"].points == 2
    assert graded(marked, "Z1: [5, 11, .5]")["Z1"].points == 6
    whole = marked.replace("grading: {", "grading: {entries: all-or-nothing, ")
    assert graded(whole, "Z1: [5, 12, .5]")["Z1"].points == 0
    assert graded(whole, "Z1: [5, 11, .5]")["Z1"].points == 6


def test_shares_for_what_is_carried_and_for_too_few_digits() -> None:
    shares = THIRDS.replace(
        "grading: {", "grading: {points: {v: 3}, carried: 0.8, imprecise: 0.25, "
    )
    found = graded(shares, "u: [1.25, 2.33, .5], v: [2.50, 4.7, 1]")
    assert found["u"].points == pytest.approx(2 / 3)
    assert found["v"].points == pytest.approx(0.8 + 0.25 + 1)  # a point an entry
    whole = shares.replace("grading: {", "grading: {entries: all-or-nothing, ")
    found = graded(whole, "u: [1.25, 2.33, .5], v: [2.50, 4.7, 1]")
    assert (found["u"].points, found["v"].points) == (0, 0.75)  # the least share of any entry
    assert graded(THIRDS, "u: [1.7, 2.33, .5]")["u"].points == pytest.approx(2.5 / 3)  # ½ is usual


def test_the_pass_mark_is_reached_from_below() -> None:
    """u and v right, w missing: two of three points."""
    for share, passed in ((0.66, True), ("2/3", True), (0.67, False)):
        marked = CHAIN.replace("grading: {", f"grading: {{pass: {share}, ")
        assert submission(marked, "u: 1.67, v: 3.33").passed is passed
    assert submission(CHAIN, "u: 1.67, v: 3.33").score == 2


def test_what_is_not_asked_is_judged_and_used_without_points() -> None:
    problem = CHAIN.replace("ask: [u, v, w]", "ask: [v]")
    found = submission(problem, "u: 1.25, v: 2.50")
    assert [(r.id, r.verdict, r.points, r.max_points) for r in found.results] == [
        ("v", "carried", 1, 1),
        ("u", "wrong", 0, 0),
    ]
    assert (found.score, found.max_score, found.first_wrong) == (1, 1, "u")


def test_the_first_wrong_is_that_of_the_derivation() -> None:
    assert submission(CHAIN, "w: 9.99, v: 9.99, u: 1.67").first_wrong == "v"
    assert submission(CHAIN, "u: 1.25, v: 2.50, w: 9.99").first_wrong == "u"
    assert submission(CHAIN, "u: 1.7, v: _, w: 11.11").first_wrong is None


# New weights --------------------------------------------------------------------------------------

STEP = """x: [1]
y: [0]
layers: [{{weights: [[{w}]]}}]
loss: half-squared-error
update: {{rule: sgd, learning_rate: {rate}}}
ask: [W1_new]
grading: {{precision: {{decimals: 2}}}}
"""
"""The gradient of W is W itself: the new weight is W(1 - rate)."""


def of_weight(w: str, rate: str, typed: str) -> Result:
    return graded(STEP.format(w=w, rate=rate), f"W1_new: [[{typed}]]")["W1_new"]


@pytest.mark.parametrize(
    ("w", "rate", "typed", "verdict"),
    [
        # 0.5 to 0.48: two units that should be seen
        (".5", ".04", ".48", "correct"),
        (".5", ".04", ".50", "wrong"),
        (".5", ".04", ".5", "wrong"),  # and not merely too few digits, though .48 is .5 to one
        (".5", ".04", ".52", "wrong"),
        # 0.5 to 0.27
        (".5", ".46", ".3", "wrong"),  # one digit
        (".5", ".46", ".5", "wrong"),
        # 0.5 to 0.498: less than a unit is not held against anyone
        (".5", ".004", ".50", "correct"),
        (".5", ".004", ".5", "correct"),
        (".5", ".004", ".49", "correct"),
        (".5", ".004", ".498", "correct"),
        (".5", ".004", ".48", "wrong"),
        # 300 to 299.4: small beside the weight, and still seen
        ("300", ".002", "299.40", "correct"),
        ("300", ".002", "300.00", "wrong"),
        ("300", ".002", "300.60", "wrong"),
        ("300", ".002", "299.50", "wrong"),
    ],
)
def test_new_weights_are_judged_by_their_change(
    w: str, rate: str, typed: str, verdict: str
) -> None:
    assert of_weight(w, rate, typed).verdict == verdict


def test_a_weight_that_should_have_moved_is_a_slip() -> None:
    assert "weights-not-updated" in of_weight(".5", ".04", ".5").slips


def test_digits_beyond_those_asked_can_give_a_slip_away() -> None:
    """The new weight is 0.498, the old one 0.5."""
    assert of_weight(".5", ".004", ".50").verdict == "correct"
    given_away = of_weight(".5", ".004", ".5000")
    assert (given_away.verdict, "weights-not-updated" in given_away.slips) == ("wrong", True)
    assert (
        of_weight(".5", ".004", ".4991").verdict == "correct"
    )  # no slip, right to the digits asked


def test_slips_that_the_digits_cannot_exclude_are_listed() -> None:
    """0.498 to two decimals is 0.50, and so is 0.5, the old weight; 0.502, uphill, is too."""
    found = of_weight(".5", ".004", ".50")
    assert {"weights-not-updated", "ascent"} <= set(found.cannot_exclude)
    assert found.slips == ()
    assert of_weight(".5", ".004", ".498").cannot_exclude == ()


def test_a_later_step() -> None:
    """W = 2, then 2(1 - 1/2) = 1, then 1/2."""
    problem = STEP.format(w="2", rate="0.5").replace("rule: sgd", "rule: sgd, steps: 2")
    problem = problem.replace("[W1_new]", "[W1_new, W1_new@2]")
    found = graded(problem, "W1_new: [[1]], W1_new@2: [[0.5]]")
    assert [result.verdict for result in found.values()] == ["correct", "correct"]
    found = graded(problem, "W1_new: [[1]], W1_new@2: [[1.00]]")
    assert {id: result.verdict for id, result in found.items()} == {
        "W1_new": "correct", "W1_new@2": "wrong"
    }  # fmt: skip


LATER = """x: [1]
y: [0]
layers: [{weights: [[2]]}]
loss: half-squared-error
update: {rule: momentum, learning_rate: 0.5, steps: 3}
ask: [W1_new%s]
"""
"""g = W. Step 1: v = -1, W = 1. Step 2: v = -0.9 - 0.5 = -1.4, W = -0.4. Step 3: v = -1.06."""


@pytest.mark.parametrize("asked", ["", ", v_W1@2, W1_new@2, v_W1@3, W1_new@3"])
@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        # right, and each from the one before
        ("W1_new: [[1]], v_W1@2: [[-1.4]], W1_new@2: [[-0.4]]", ["correct"] * 3),
        ("W1_new: [[1]], W1_new@2: [[-0.4]], v_W1@3: [[-1.06]], W1_new@3: [[-1.46]]",
         ["correct"] * 4),
        # W = 1.2 by mistake: v = 0.9 · -1 - 0.5 · 1.2 = -1.5, W = 1.2 - 1.5
        ("W1_new: [[1.2]], v_W1@2: [[-1.5]], W1_new@2: [[-0.3]]",
         ["wrong", "carried", "carried"]),
        ("W1_new: [[1.2]], v_W1@2: [[-1.5]], W1_new@2: [[-0.2]]", ["wrong", "carried", "wrong"]),
        # a later mistake is placed where it is
        ("W1_new: [[1]], v_W1@2: [[-1.4]], W1_new@2: [[-0.5]], v_W1@3: [[-1.01]]",
         ["correct", "correct", "wrong", "carried"]),
    ],
)  # fmt: skip
def test_later_steps_follow_from_those_before(
    asked: str, answers: str, expected: list[str]
) -> None:
    """Whether they are asked for or not: what is on the sheet is judged and used."""
    found = graded(LATER % asked, answers)
    said = [found[line.partition(":")[0].strip()].verdict for line in answers.split(", ")]
    assert said == expected


def test_what_was_rounded_in_a_step_is_carried_into_the_next() -> None:
    """1/3 is 0.33, and 0.33 - 0.5 · 0.33 = 0.165 is cut off to 0.16; it should be 0.1667."""
    problem = LATER.replace("momentum", "sgd").replace("[[2]]", "[[2/3]]") % ", W1_new@2, W1_new@3"
    problem += "grading: {precision: {decimals: 2}}"
    honest = "W1_new: [[0.33]], W1_new@2: [[0.16]], W1_new@3: [[0.08]]"
    assert {result.verdict for result in graded(problem, honest).values()} == {"correct"}
    beyond = graded(problem, "W1_new: [[0.33]], W1_new@2: [[0.19]], W1_new@3: [[0.11]]")
    assert [result.verdict for result in beyond.values()] == ["correct", "wrong", "carried"]


def test_going_uphill_in_a_later_step_has_its_name() -> None:
    """W = 1 after step 1; in step 2 half of the gradient 1 is added."""
    problem = LATER.replace("momentum", "sgd") % ", W1_new@2"
    result = graded(problem, "W1_new: [[1.000]], W1_new@2: [[1.500]]")["W1_new@2"]
    assert (result.verdict, "ascent" in result.slips) == ("wrong", True)


# Zeros dropped behind few digits -----------------------------------------------------------------

TWO_QUANTITIES = """values: {{x: [{x}]}}
equations: [a = 3.15 * x, b = 0.5 * x]
ask: [a, b]
grading: {{precision: {{{digits}}}}}
"""


@pytest.mark.parametrize(
    ("beside", "typed", "verdict"),
    [
        ("6.6", "1", "imprecise"),  # 1.0 for 1.042
        ("7", "1", "wrong"),  # nothing on the sheet has two digits
        ("6.57", "1", "wrong"),  # 1.00 is not 1.042
        ("6.6", "1.1", "wrong"),
    ],
)
@pytest.mark.parametrize("digits", ["decimals: 3", "significant: 4"])
def test_a_digit_elsewhere_shows_that_a_zero_was_dropped(
    digits: str, beside: str, typed: str, verdict: str
) -> None:
    problem = TWO_QUANTITIES.format(x=2.084, digits=digits)
    assert verdicts(problem, f"a: [{beside}], b: [{typed}]")["b"] == verdict


def test_one_digit_elsewhere_shows_nothing() -> None:
    """0.3 for 0.3126 is no sign that 1 is a 1.0."""
    problem = TWO_QUANTITIES.format(x=2.084, digits="decimals: 3").replace("3.15", "0.15")
    assert verdicts(problem, "a: [0.3], b: [1]")["b"] == "wrong"


@pytest.mark.parametrize(
    ("typed", "verdict"),
    [("[2.3, 1, .55]", "imprecise"), ("[2, 1, .6]", "wrong"), ("[2.3, 1.1, .55]", "wrong")],
)
def test_dropped_zeros_are_significant_digits_where_those_are_asked(
    typed: str, verdict: str
) -> None:
    """1 beside 0.55 is 1.0, and not 1.00."""
    problem = """values: {x: [2.3388, 1.0432, 0.5512]}
equations: [a = 1 * x]
grading: {precision: {significant: 3}}
"""
    assert verdicts(problem, f"a: {typed}")["a"] == verdict


@pytest.mark.parametrize(("typed", "verdict"), [("0.00004791", "correct"), ("0.00004747", "wrong")])
def test_the_decimals_of_significant_digits_are_no_digits_in_use(typed: str, verdict: str) -> None:
    """-0.0001700 has four significant digits, as is asked: no sign of seven decimals."""
    problem = """values: {k: -0.00017001, m: 0.0279, p: 10.1}
equations: [a = 1 * k, b = a * m * p]
ask: [a, b]
grading: {precision: {significant: 4}}
"""
    minus = f"-{typed}"
    assert verdicts(problem, f"a: -0.0001700, b: {minus}")["b"] == verdict


@pytest.mark.parametrize(
    ("gradient", "verdict"), [("-1", "correct"), ("0", "wrong"), ("1", "wrong")]
)
def test_what_is_the_same_number_as_a_written_one_is_not_missing(
    gradient: str, verdict: str
) -> None:
    """Whoever writes Z of a linear output has its Ŷ, too."""
    problem = """x: [0.4, -0.9]
layers:
- {weights: [[0.5, -0.7], [0.8, 0.6]], activation: tanh}
- {weights: [[0.9, -0.2]], activation: linear}
y: [1]
loss: hinge
ask: [Z1, H1, Z2, Yhat, dL/dYhat]
grading: {precision: {decimals: 3}}
"""
    sheet = "Z1: [0.830, -0.220], H1: [0.681, -0.217], Z2: [0.656]"
    found = graded(problem, f"{sheet}, dL/dYhat: [{gradient}]")
    assert (found["Yhat"].verdict, found["dL/dYhat"].verdict) == ("missing", verdict)
    without = graded(problem, f"Z1: [0.830, -0.220], H1: [0.681, -0.217], dL/dYhat: [{gradient}]")
    hidden = {"-1": "correct", "0": "not-judged", "1": "wrong"}  # 1 is the sign, nothing hides that
    assert without["dL/dYhat"].verdict == hidden[gradient]


@pytest.mark.parametrize(
    ("typed", "verdict"),
    [
        ("[.33605, -.75392]", "correct"),
        ("[.33611, -.7539]", "correct"),
        ("[.33580, -.75392]", "wrong"),
    ],
)
def test_that_a_slope_may_be_worked_out_from_the_value_it_holds(typed: str, verdict: str) -> None:
    """dL/dd = -dL/de · e · d with one's own e of four digits: 1.92864 · .2178 · .8 = .33605."""
    problem = """values: {w: [0.3, 0.7], d: [0.8, -1.3]}
equations: [e = w * exp(-d^2 / 2), p = sum(e), L = -ln(p)]
ask: [e, dL/de, dL/dd]
"""
    sheet = "e: [.2178, .3007], dL/de: [-1.92864, -1.92864]"
    assert graded(problem, f"{sheet}, dL/dd: {typed}")["dL/dd"].verdict == verdict


def test_other_ways_to_work_a_long_product_out_are_found_part_by_part(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """n terms have n factors each; with each part gone through anew below each it would be n³."""
    real, found, counted = build.coefficient, [], 0

    def coefficient(expr: Expr) -> tuple[Fraction, Expr]:
        nonlocal counted
        counted += 1
        return real(expr)

    monkeypatch.setattr(build, "coefficient", coefficient)
    for factors in (10, 20, 40):
        formula = f"L = sum({' @ '.join(factors * 'A')})"
        text = f"values: {{A: [[1, 2], [3, 4]]}}\nequations: ['{formula}']\n"
        model = loaded(Source("p.yaml", text.encode())).model
        counted = 0
        variants(model, plan(model))
        found.append(counted)
    assert found[2] < 5 * found[1] < 25 * found[0]

"""Comparisons as 0 and 1, rows by number, masks of minus infinity, and no noise where a value is 0.

What is wanted is worked out in plain NumPy here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import backprop_cli as backprop
from backprop_cli.operations.table import Sizes
from backprop_cli.problem.text.lexer import FormulaError
from backprop_cli.problem.text.parser import Dialect, parse
from backprop_cli.readings.formula_text import plain
from backprop_cli.readings.values import evaluate, without_noise

E = [[1, 2], [3, 4], [5, 6], [-2, 0.5]]
WEIGHTS = [[1, -1], [2, 0], [0.5, 3]]


def solved(values: dict[str, Any], *equations: str, **more: Any) -> Any:
    return backprop.load({"values": values, "equations": list(equations), **more}).solve()


# ---- Comparisons --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sign", "holds"),
    [
        (">", np.greater),
        (">=", np.greater_equal),
        ("<", np.less),
        ("<=", np.less_equal),
        ("==", np.equal),
        ("!=", np.not_equal),
    ],
)
def test_a_comparison_is_1_where_it_holds(sign: str, holds: Any) -> None:
    x, y = np.array([-1.0, 0.0, 2.0, 3.0]), np.array([0.0, 0.0, 3.0, -3.0])
    for text, right in ((f"x {sign} y", y), (f"x {sign} 0", 0), (f"x - 1 {sign} y - 1", y)):
        expr = parse(text)
        assert evaluate(expr, {"x": x, "y": y}).tolist() == holds(x, right).astype(float).tolist()
        assert parse(plain(expr)) == expr
    turned = evaluate(parse(f"0 {sign} x"), {"x": x})
    assert turned.tolist() == holds(0, x).astype(float).tolist()


def test_what_is_compared_binds_tighter_and_a_comparison_stands_in_parentheses() -> None:
    x = {"x": np.array([-1.0, 0.5, 3.0])}
    assert evaluate(parse("(x > 0) * x + (x < 0)"), x).tolist() == [1, 0.5, 3]
    assert evaluate(parse("sum(x * x > x)"), x) == 2
    assert plain(parse("(x > 0) * x")) == "(x > 0) * x"


def test_two_are_compared_at_a_time() -> None:
    with pytest.raises(FormulaError) as found:
        parse("0 < x < 1")
    assert "at a time" in found.value.message
    assert found.value.offset == 6
    assert found.value.instead == "(a < b) * (b < c)"


def test_a_mask_from_a_comparison_lets_its_own_entries_through() -> None:
    """dropout by comparing: h = (u > 0.5) z / 0.5, and nothing comes back through the mask."""
    z, u = np.array([1.0, -2.0, 3.0]), np.array([0.9, 0.7, 0.1])
    found = solved(
        {"z": z.tolist(), "u": u.tolist(), "g": [1, 2, 3]},
        "h = (u > 0.5) * z / 0.5",
        "L = sum(g * h)",
    )
    mask = u > 0.5
    np.testing.assert_allclose(found["h"], mask * z / 0.5)
    np.testing.assert_allclose(found["dL/dz"], np.array([1, 2, 3]) * mask / 0.5)
    assert found["dL/du"].tolist() == [0, 0, 0]


def test_of_two_uses_the_one_that_nothing_comes_back_from_is_not_written() -> None:
    found = solved({"z": [1, -2]}, "h = (z > 0) * z", "L = sum(h)")
    formulas = {step["id"]: step["formula"] for step in found.trace["steps"]}
    assert formulas["dL/dz"] == "dL/dh * (z > 0)"
    assert found["dL/dz"].tolist() == [1, 0]


# ---- Rows by number -----------------------------------------------------------------------------


@pytest.mark.parametrize("first", [1, 0])
def test_the_gradient_of_a_row_adds_up_over_its_uses(first: int) -> None:
    rows = [3 - 1 + first, 1 - 1 + first, 3 - 1 + first]
    found = solved(
        {"E": E, "G": WEIGHTS},
        f"H = E[{rows}]",
        "L = sum(G * H)",
        convention={"indices": first},
    )
    np.testing.assert_array_equal(found["H"], np.array(E)[[2, 0, 2]])
    wanted = np.zeros((4, 2))
    for row, upstream in zip([2, 0, 2], WEIGHTS, strict=True):
        wanted[row] += upstream
    np.testing.assert_array_equal(found["dL/dE"], wanted)


def test_columns_by_number_and_entries_of_a_vector() -> None:
    found = solved(
        {"E": E, "x": [1, 2, 3]}, "H = E[:, [2, 2, 1]]", "h = x[[3, 3]]", "L = sum(H) + sum(h)"
    )
    np.testing.assert_array_equal(found["H"], np.array(E)[:, [1, 1, 0]])
    np.testing.assert_array_equal(found["dL/dE"], np.tile([1.0, 2.0], (4, 1)))
    assert found["dL/dx"].tolist() == [0, 0, 2]


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("E[[5]]", "no such entries"),
        ("E[[0]]", "count from 1"),
        ("E[[1.5]]", "whole number"),
        ("E[[]]", "whole number"),
        ("E[[1, 2], [1, 2]]", "one axis at a time"),
        ("E[[1, 2]", "not closed; write ]"),
        ("E[rows]", "list of numbers"),
    ],
)
def test_rows_that_there_are_not(formula: str, said: str) -> None:
    with pytest.raises(backprop.Error, match=said):
        solved({"E": E}, f"H = {formula}", "L = sum(H)")


# ---- Masks of minus infinity --------------------------------------------------------------------

S = [[1, 2, 0.5], [0.3, -1, 2], [1, 1, 1]]


@pytest.mark.parametrize("typed", ["-inf", "-.inf", "−∞", "-Infinity"])
def test_what_is_masked_is_exactly_0_and_so_is_its_gradient(typed: str) -> None:
    mask = [[0, typed, typed], [0, 0, typed], [0, 0, 0]]
    found = solved(
        {"S": S, "M": mask, "G": [[1, 2, 3], [4, 5, 6], [7, 8, 10]]},
        "A = softmax(S + M, axis=1)",
        "L = sum(G * A)",
    )
    masked = np.triu(np.ones((3, 3)), 1) > 0
    assert (found["A"][masked] == 0).all()
    assert (found["dL/dS"][masked] == 0).all()
    powers = np.exp(np.array(S, dtype=float)) * ~masked
    shares = powers / powers.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found["A"], shares, rtol=1e-14)
    upstream = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 10]])
    wanted = shares * (upstream - (shares * upstream).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(found["dL/dS"], wanted, rtol=1e-12, atol=1e-15)
    assert "−∞" in found.render("text")
    assert "∞" not in found.render("text", ascii=True)
    assert r"-\infty" in found.render("latex")


def test_a_masked_score_is_answered_by_minus_infinity() -> None:
    problem = backprop.load(
        {
            "values": {"Q": [[1, 2], [3, 1]], "M": [[0, "-inf"], [0, 0]]},
            "equations": ["S = Q @ Q.T + M", "A = softmax(S, axis=1)", "L = sum(A[:, 1])"],
            "train": ["Q"],
        }
    )
    right = {"S": [["5", "−∞"], ["5", "10"]], "A": [["1", "0"], ["0.007", "0.993"]]}
    report = problem.check(right)
    assert [report[id].verdict for id in right] == ["correct", "correct"]
    for typed in ("5", "-1e9"):
        report = problem.check({**right, "S": [["5", typed], ["5", "10"]]})
        assert report["S"].verdict == "wrong"
        assert [one.verdict for one in report["S"].entries].count("wrong") == 1
    report = problem.check({**right, "S": [["5", "−∞"], ["−∞", "10"]]})
    assert report["S"].verdict == "wrong"


@pytest.mark.parametrize(
    "file",
    [
        {"values": {"x": "-inf"}, "equations": ["L = x^2"]},
        {"values": {"x": ["inf", 1]}, "equations": ["L = sum(x)"]},
        {"x": ["-inf", 1], "layers": [{"weights": [[1, 2]]}]},
        {"x": [1, 1], "layers": [{"weights": [["-inf", 2]]}]},
    ],
)
def test_nothing_else_is_infinite(file: dict[str, Any]) -> None:
    with pytest.raises(backprop.Error, match="not a finite number"):
        backprop.load(file)


# ---- Noise --------------------------------------------------------------------------------------


def test_entries_that_are_0_by_hand_are_0() -> None:
    """Finding of a course: three equal scores, whose middle gradient came out as 1.5e-16."""
    found = solved(
        {"S": [[1, 1, 1]], "K": [[2, 1], [1, 1], [0, 1]], "V": [[3], [2], [1]]},
        "A = softmax(S, axis=1)",
        "O = A @ V",
        "R = S @ K",
        "L = sum(O) + 0 * sum(R)",
    )
    assert found["dL/dS"][0, 1] == 0
    np.testing.assert_allclose(found["dL/dS"], [[1 / 3, 0, -1 / 3]], rtol=1e-14)


@pytest.mark.parametrize(
    ("formula", "values"),
    [
        ("a + b - c", {"a": 0.1, "b": 0.2, "c": 0.3}),
        ("a * b - c", {"a": 0.1, "b": 3.0, "c": 0.3}),
        ("a - mean([a, a, a])", {"a": 0.7}),
        ("[a, b] @ [b, -a]", {"a": 1 / 3, "b": 0.7}),
        ("a / b - c", {"a": 0.7, "b": 0.1, "c": 7.0}),
        ("(a + b - c)^2", {"a": 0.1, "b": 0.2, "c": 0.3}),
        ("(a + b - c)^3", {"a": 0.1, "b": 0.2, "c": 0.3}),
    ],
)
def test_noise_is_0(formula: str, values: dict[str, float]) -> None:
    expr, env = parse(formula), {name: np.asarray(value) for name, value in values.items()}
    value = evaluate(expr, env)
    assert abs(value) < 1e-14
    assert without_noise(value, expr, env, {}) == 0


@pytest.mark.parametrize(
    ("formula", "values", "wanted"),
    [
        ("sigmoid(a)", {"a": -50.0}, 1.9287498479639178e-22),
        ("1 - sigmoid(a)", {"a": 50.0}, 1.9287498479639178e-22),
        ("a * b", {"a": 1e-20, "b": 3.0}, 3e-20),
        ("a^2", {"a": 1e-10}, 1e-20),
        ("(a - b)^2", {"a": 1.0, "b": 1.0 - 1e-13}, 9.98400255540e-27),
        ("a - b", {"a": 1.0, "b": 1.0 - 1e-13}, 9.992007221626409e-14),
        ("exp(a) * b", {"a": -60.0, "b": 1e6}, 8.756510762696521e-21),
    ],
)
def test_small_numbers_are_no_noise(formula: str, values: dict[str, float], wanted: float) -> None:
    expr, env = parse(formula), {name: np.asarray(value) for name, value in values.items()}
    found = without_noise(evaluate(expr, env), expr, env, {})
    assert found == pytest.approx(wanted, rel=1e-9)


def test_shapes_of_rows_with_letters() -> None:
    sizes = Sizes({"E": ("V", "d")}, {})
    assert sizes.shape(parse("E[[3, 1, 3]]", Dialect())) == (3, "d")

"""Inverses and determinants: values, gradients, bounds, sheets, what is printed and refused."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from fractions import Fraction
from itertools import permutations, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

import backprop_cli as backprop
from backprop_cli.algebra.expr import Sym, op
from backprop_cli.cli import main
from backprop_cli.operations.bounds import BOUNDS
from backprop_cli.readings.intervals import enclosure
from backprop_cli.readings.units import Unit
from backprop_cli.readings.values import evaluate

Array = np.ndarray[Any, np.dtype[np.float64]]
A2 = [[2, 1], [1, 3]]
A3 = [[2, 1, 0], [1, 3, 1], [0, 1, 4]]


def run(data: dict[str, Any], *arguments: str) -> str:
    done = CliRunner().invoke(main, [*arguments, "-"], input=yaml.safe_dump(data))
    assert done.exit_code in (0, 1), done.output
    return str(done.output)


def differences(function: Callable[[Array], float], a: Array, step: float = 1e-6) -> Array:
    found = np.zeros(a.shape)
    for place in np.ndindex(a.shape):
        moved = np.zeros(a.shape)
        moved[place] = step
        found[place] = (function(a + moved) - function(a - moved)) / (2 * step)
    return found


FORMULAS: dict[str, Callable[[Array], float]] = {
    "sum(inv(A) * C)": lambda a: float(np.sum(np.linalg.inv(a) * C(len(a)))),
    "det(A)^2": lambda a: float(np.linalg.det(a) ** 2),
    "logdet(A.T @ A)": lambda a: float(np.log(np.linalg.det(a.T @ a))),
    "trace(inv(A) @ C) * det(A)": lambda a: float(
        np.trace(np.linalg.inv(a) @ C(len(a))) * np.linalg.det(a)
    ),
}


def C(size: int) -> Array:  # noqa: N802
    return np.arange(size * size, dtype=float).reshape(size, size) - 2


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("size", [1, 2, 3, 4, 6])
def test_gradients_are_differences_of_numpy(formula: str, size: int) -> None:
    a = np.random.default_rng(size).normal(size=(size, size)) + 2 * np.eye(size)
    values = {"A": a.tolist(), "C": C(size).tolist()}
    used = {name: value for name, value in values.items() if name in formula}
    solution = backprop.load({"values": used, "equations": [f"L = {formula}"]}).solve()
    own = FORMULAS[formula]
    assert solution["L"] == pytest.approx(own(a), rel=1e-9)
    wanted = differences(own, a)
    np.testing.assert_allclose(
        solution["dL/dA"], wanted, rtol=1e-6, atol=1e-7 * np.abs(wanted).max()
    )


SINGULAR: dict[str, list[list[float]]] = {
    "one": [[0]],
    "two": [[1, 2], [2, 4]],
    "three": [[1, 2, 3], [4, 5, 6], [7, 8, 9]],
    "tenths": [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6], [0.7, 0.8, 0.9]],
    "of rank 1": [[1, 2, 3], [2, 4, 6], [-1, -2, -3]],
    "four": [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12], [1, 0, 0, 1]],
    "of zeros": [[0.0] * 4] * 4,
}


@pytest.mark.parametrize("name", SINGULAR)
def test_the_determinant_of_a_singular_matrix_has_a_slope(name: str) -> None:
    """By differences of NumPy, of which a determinant has no error: it is linear in each entry."""
    a = np.array(SINGULAR[name], dtype=float)
    data = {"values": {"A": a.tolist()}, "equations": ["d = det(A)", "L = (d - 1.5)^2"]}
    solution = backprop.load(data).solve()
    wanted = differences(lambda one: float((np.linalg.det(one) - 1.5) ** 2), a, 1e-5)
    np.testing.assert_allclose(solution["dL/dA"], wanted, rtol=1e-8, atol=1e-8)
    if name in ("of rank 1", "of zeros"):
        assert not solution["dL/dA"].any()


@pytest.mark.parametrize("name", SINGULAR)
@pytest.mark.parametrize("library", ["python", "pytorch"])
def test_the_programs_have_that_slope_as_well(name: str, library: str, tmp_path: Path) -> None:
    """A program in PyTorch asserts that autograd has the same numbers."""
    if library == "pytorch":
        pytest.importorskip("torch")
    data = {"values": {"A": SINGULAR[name]}, "equations": ["L = (det(A) - 1.5)^2"]}
    program = tmp_path / "program.py"
    program.write_text(run(data, "solve", "--format", library), encoding="utf-8")
    found = runpy.run_path(str(program))["results"]["dL/dA"]
    wanted = backprop.load(data).solve()["dL/dA"]
    np.testing.assert_allclose(np.asarray(found), wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["one", "two", "three", "of rank 1"])
def test_the_second_slopes_of_a_singular_determinant(name: str) -> None:
    a = np.array(SINGULAR[name], dtype=float)
    data = {"values": {"A": a.tolist()}, "equations": ["L = (det(A) - 1.5)^2"]}
    problem = backprop.load(data | {"ask": ["d2L/dA2"]})
    found = np.asarray(problem.solve()["d2L/dA2"]).reshape(a.shape * 2)

    def gradient(place: tuple[int, ...]) -> Callable[[Array], float]:
        changed = data | {"ask": ["dL/dA"]}

        def at(one: Array) -> float:
            values = {"values": {"A": one.tolist()}}
            return float(backprop.load(changed | values).solve()["dL/dA"][place])

        return at

    for place in np.ndindex(a.shape):
        wanted = differences(gradient(place), a, 1e-4)
        np.testing.assert_allclose(found[place], wanted, rtol=1e-6, atol=1e-6)


RANKS = [(4, 3), (4, 2), (4, 1), (4, 4), (5, 3), (5, 2), (6, 4)]


@pytest.mark.parametrize(("size", "rank"), RANKS)
def test_the_second_slopes_of_a_larger_determinant_are_its_minors(size: int, rank: int) -> None:
    """In fractions: without two rows and two columns, whatever the rank."""
    rng = np.random.default_rng(10 * size + rank)
    a = rng.integers(-2, 3, (size, rank)) @ rng.integers(-2, 3, (rank, size))
    found = backprop.load(
        {"values": {"A": (a / 10).tolist()}, "equations": ["d = det(A)"], "ask": ["d2d/dA2"]}
    ).solve()["d2d/dA2"]
    exact = [[Fraction(int(one), 10) for one in row] for row in a]
    wanted = np.zeros((size,) * 4)
    for (i, k), (j, m) in product(permutations(range(size), 2), repeat=2):
        order = (i > k) + (j > m) + i + k + j + m  # a pair that is exchanged turns the sign
        wanted[i, j, k, m] = (-1) ** order * _minor(exact, {i, k}, {j, m})
    np.testing.assert_allclose(np.asarray(found).reshape(wanted.shape), wanted, atol=1e-13)
    assert wanted.any() == (rank >= size - 2)


def _minor(a: list[list[Fraction]], rows: set[int], columns: set[int]) -> Fraction:
    """What is left without some rows and columns, by its first row."""
    row = next((row for row in range(len(a)) if row not in rows), None)
    if row is None:
        return Fraction(1)
    left = [column for column in range(len(a)) if column not in columns]
    return sum(
        (
            (-1) ** place * a[row][column] * _minor(a, rows | {row}, columns | {column})
            for place, column in enumerate(left)
        ),
        Fraction(0),
    )


COFACTORS = {
    "values": {"A": SINGULAR["four"], "C": C(4).tolist()},
    "equations": ["L = sum(C * cof(A))"],
    "ask": ["dL/dA", "d2L/dA2"],
}


def test_cofactors_of_a_singular_matrix_have_slopes_of_every_order() -> None:
    """By differences, which have no error: the loss is linear in each entry."""
    a, c = np.array(SINGULAR["four"]), C(4)

    def loss(one: Array) -> float:
        left = {(i, j): np.delete(np.delete(one, i, 0), j, 1) for i, j in np.ndindex(4, 4)}
        return float(
            sum((-1) ** (i + j) * c[i, j] * np.linalg.det(m) for (i, j), m in left.items())
        )

    found = backprop.load(COFACTORS).solve()
    np.testing.assert_allclose(found["dL/dA"], differences(loss, a, 1), atol=1e-9)
    wanted = differences(lambda one: float(differences(loss, one, 1)[1, 2]), a, 1)
    row = np.asarray(found["d2L/dA2"])[1 * 4 + 2]
    np.testing.assert_allclose(row.reshape(4, 4), wanted, atol=1e-9)


def test_a_sheet_of_second_slopes_is_judged() -> None:
    problem = backprop.load(COFACTORS)
    right = np.asarray(problem.solve()["d2L/dA2"])
    assert problem.check({"d2L/dA2": right})["d2L/dA2"].verdict == "correct"
    wrong = right.copy()
    wrong[0, 5] += 1
    assert problem.check({"d2L/dA2": wrong})["d2L/dA2"].verdict == "wrong"


def test_the_change_of_cofactors_is_said_and_set() -> None:
    text = run(COFACTORS, "solve")
    assert "∂L/∂A = cof′(A, C)" in text
    assert "cof′(A, G) is how the cofactors of A change along G" in text
    assert "dL/dA = cof_along(A, C)" in run(COFACTORS, "solve", "--ascii")


def test_cofactors_are_printed_where_the_inverse_is_none() -> None:
    data = {"values": {"A": SINGULAR["two"]}, "equations": ["d = det(A)", "L = (d - 1.5)^2"]}
    text = run(data, "solve", "--detail", "long", "--width", "100")
    assert "∂L/∂A = ∂L/∂d · cof(A)" in text
    assert "(∂L/∂A)₁₂ = ∂L/∂d · (−A₂₁) = −3 · (−2) = 6" in text
    assert "cof(A) are the cofactors of a matrix: |A| A⁻ᵀ where it has an inverse" in text
    assert "nan" not in text.split()
    paths = run(data, "solve", "--entry", "A[1,2]")
    assert "∂d/∂A₁₂ = −A₂₁ = −2" in paths
    assert "∂L/∂A₁₂ = ∂L/∂d · ∂d/∂A₁₂ = 6" in paths


def test_small_whole_numbers_leave_no_noise() -> None:
    singular = np.array([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]])
    assert evaluate(op("det", Sym("A")), {"A": singular}) == 0
    assert np.isnan(evaluate(op("inv", Sym("A")), {"A": singular})).all()
    tenths = singular / 10
    assert evaluate(op("det", Sym("A")), {"A": tenths}) == 0
    found = evaluate(op("inv", Sym("A")), {"A": np.array([[2.0, 1], [1, 1]])})
    assert found.tolist() == [[1, -1], [-1, 2]]
    wide = np.diag([1e-9, 1e9, 1.0, 2.0, 3.0])
    assert evaluate(op("det", Sym("A")), {"A": wide}) == pytest.approx(6)


# ---- Bounds -------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_bounds_enclose_what_is_drawn_and_are_tight(size: int) -> None:
    rng = np.random.default_rng(size)
    for radius in (1e-3, 0.05):
        a = rng.normal(size=(size, size)) + 2 * np.eye(size)
        r = radius * rng.uniform(0, 1, a.shape)
        bounds = {name: BOUNDS[name]((a - r, a + r)) for name in ("inv", "det")}
        for _ in range(200):
            drawn = a + r * rng.choice((-1.0, 1.0), a.shape)
            for name, value in (("inv", np.linalg.inv(drawn)), ("det", np.linalg.det(drawn))):
                low, high = bounds[name]
                assert np.all((low <= value) & (value <= high)), name
        inverse = np.linalg.inv(a)
        first_order = 2 * np.abs(inverse) @ r @ np.abs(inverse)  # as far as it goes for small radii
        if radius == 1e-3:
            low, high = bounds["inv"]
            assert np.all(high - low <= 1.1 * first_order + 1e-9)
            low, high = bounds["det"]
            cofactors = np.abs(np.linalg.det(a) * inverse.T)
            assert high - low <= 1.1 * 2 * np.sum(cofactors * r) + 1e-9


def test_bounds_around_a_singular_matrix() -> None:
    a = np.array([[2.0, 1.0], [4.0, 2.0]])
    low, high = BOUNDS["det"]((a - 0.5, a + 0.5))
    assert low <= 1.5 * 1.5 - 1.5 * 4.5
    assert high >= 2.5 * 2.5 - 0.5 * 3.5
    low, high = BOUNDS["inv"]((a - 0.5, a + 0.5))
    assert np.isneginf(low).all()
    assert np.isposinf(high).all()
    a = np.ones((8, 8))
    low, high = BOUNDS["det"]((a, a + 0.01))
    assert low < 0 < high


def test_a_determinant_is_not_0_because_its_rows_are_long() -> None:
    for matrix in ([[1e200]], [[1e200, 0.0], [0.0, 2.0]]):
        value = np.array(matrix)
        wanted = float(np.prod(np.diag(value)))
        assert evaluate(op("det", Sym("A")), {"A": value}) == pytest.approx(wanted)
    singular = np.array([[1e100, 2e100], [3e100, 6e100]])
    assert evaluate(op("det", Sym("A")), {"A": singular}) == 0


def test_the_logarithm_of_a_determinant_that_may_be_0_has_no_least_value() -> None:
    box = np.diag([0.9, -0.1]), np.diag([1.1, 0.3])
    low, high = enclosure(op("logdet", Sym("A")), lambda _: box)
    assert low == -np.inf
    assert high >= np.log(1.1 * 0.3)


def test_a_hand_may_round_within() -> None:
    """1/|A| at two decimals, then each cofactor times that."""
    a = np.array([[4.0, 3.0], [2.0, 5.0]])
    low, high = enclosure(op("inv", Sym("A")), lambda _: (a, a), Unit(2))
    by_hand = 0.07 * np.array([[5.0, -3.0], [-2.0, 4.0]])
    assert np.all((low <= by_hand) & (by_hand <= high))
    assert np.all(high - low < 0.11)
    large = np.diag([4.0, 2.0, 5.0, 3.0])
    low, high = enclosure(op("inv", Sym("A")), lambda _: (large, large), Unit(2))
    np.testing.assert_allclose(low, np.linalg.inv(large), atol=1e-12)


# ---- Sheets -------------------------------------------------------------------------------------

SHEET = {
    "values": {"A": [[4, 3], [2, 5]], "x": [1, 2]},
    "equations": ["B = inv(A)", "s = x @ B @ x", "L = s + logdet(A)"],
    "ask": ["B", "s", "L", "dL/dA"],
    "grading": {"precision": {"decimals": 3}},
}


def graded(answers: dict[str, Any]) -> Any:
    return backprop.load(SHEET).check(answers)


def honest() -> dict[str, Any]:
    a, x = np.array([[4.0, 3], [2, 5]]), np.array([1.0, 2])
    b = np.round(np.linalg.inv(a), 3)
    s = round(float(x @ b @ x), 3)
    gradient = np.round(b.T - np.round(b.T @ np.outer(x, x) @ b.T, 3), 3)
    return {"B": b, "s": s, "L": round(s + round(float(np.log(14)), 3), 3), "dL/dA": gradient}


def typed(answers: dict[str, Any], decimals: int = 3) -> dict[str, Any]:
    return {
        id: [[f"{one:.{decimals}f}" for one in row] for row in value]
        if isinstance(value, np.ndarray)
        else value
        if isinstance(value, str)
        else f"{value:.{decimals}f}"
        for id, value in answers.items()
    }


def test_a_rounded_sheet_is_right() -> None:
    report = graded(typed(honest()))
    assert report.passed
    assert all(report[id].verdict == "correct" for id in SHEET["ask"])


def test_wrong_sheets_are_wrong() -> None:
    a, x = np.array([[4.0, 3], [2, 5]]), np.array([1.0, 2])
    b = np.linalg.inv(a)
    adjugate = np.array([[5.0, -3], [-2, 4]])
    wrong = {
        "without 1/|A|": {"B": adjugate},
        "cofactors not across the diagonal": {"B": np.array([[5.0, -2], [-3, 4]]) / 14},
        "signs lost": {"B": np.abs(b)},
        "entry by entry": {"B": 1 / a},
        "sign of the inverse's derivative": {"dL/dA": b.T + b.T @ np.outer(x, x) @ b.T},
        "transposes lost": {"dL/dA": b - b @ np.outer(x, x) @ b},
        "log of 1/|A|": {"L": float(x @ b @ x - np.log(14))},
    }
    for made, answers in wrong.items():
        (id,) = answers
        report = graded(typed({**honest(), **answers}))
        assert report[id].verdict == "wrong", made


def of_determinant(a: list[list[float]], answers: dict[str, Any]) -> Any:
    data = {
        "values": {"A": a},
        "equations": ["d = det(A)", "L = d^2 - 3 * d"],
        "ask": ["d", "dL/dd", "dL/dA"],
        "grading": {"precision": {"decimals": 2}},
    }
    return backprop.load(data).check(answers)


def test_a_sheet_on_a_singular_matrix() -> None:
    """dL/dd = −3 at d = 0, and the cofactors of [[1, 2], [2, 4]] are [[4, −2], [−2, 1]]."""
    right = {"d": "0", "dL/dd": "-3", "dL/dA": [["-12", "6"], ["6", "-3"]]}
    assert of_determinant(SINGULAR["two"], right).passed
    for wrong in (
        [["-12", "6"], ["6", "-2.95"]],
        [["0", "0"], ["0", "0"]],
        [["-12", "-6"], ["-6", "-3"]],
    ):
        report = of_determinant(SINGULAR["two"], {**right, "dL/dA": wrong})
        assert report["dL/dA"].verdict == "wrong", wrong


def test_a_sheet_by_the_inverse_goes_on_with_its_own_determinant() -> None:
    """|A| is 14, and dL/dd is 25; 4 · 5 + 2 · 3 is 26, for which it would be 49."""
    a = np.array([[4.0, 3], [2, 5]])
    turned = np.linalg.inv(a).T
    sheets = {
        "correct": {"d": "14.00", "dL/dd": "25.00", "dL/dA": 25 * 14 * turned},
        "wrong": {"d": "14.00", "dL/dd": "25.00", "dL/dA": 25 * 14 * turned.T},
        "carried": {"d": "26.00", "dL/dd": "49.00", "dL/dA": 49 * 26 * turned},
    }
    for verdict, answers in sheets.items():
        report = of_determinant(a.tolist(), typed(answers, 2))
        assert report["dL/dA"].verdict == verdict
    by_cofactors = 49 * np.array([[5.0, -2], [-3, 4]])
    report = of_determinant(a.tolist(), typed({**sheets["carried"], "dL/dA": by_cofactors}, 2))
    assert report["dL/dA"].verdict == "carried"


# ---- What is printed, and what is refused -------------------------------------------------------


def test_notation() -> None:
    data = {
        "shapes": {"A": ["n", "n"], "B": ["n", "n"]},
        "equations": ["L = trace(inv(A) @ B) + logdet(A) + det(A)"],
    }
    text = run(data, "derive", "--width", "100")
    assert "L = tr(A⁻¹ B) + ln |A| + |A|" in text
    assert "∂L/∂B = A⁻ᵀ" in text
    assert "A⁻ᵀ Bᵀ A⁻ᵀ" in text
    ascii_text = run(data, "derive", "--width", "100", "--ascii")
    assert "trace(inv(A) @ B)" in ascii_text.replace("tr(", "trace(")
    assert "inv(A).T" in ascii_text
    assert "det(A)" in ascii_text
    assert "abs(" not in ascii_text
    tex = run(data, "derive", "--format", "latex")
    assert r"\lvert A\rvert" in tex
    assert r"{A}^{-\mathrm{T}}" in tex.replace("{-}", "-").replace(" ", "")


def test_cofactors_are_written_out_where_nothing_stands_around_them() -> None:
    data = {"values": {"A": A2}, "equations": ["B = inv(A)", "L = det(A) + sum(B)"]}
    text = run(data, "solve", "--detail", "long", "--width", "100")
    assert "A₁₁ · A₂₂ − A₁₂ · A₂₁" in text
    data = {"values": {"A": A3}, "equations": ["L = trace(inv(A))"]}
    text = run(data, "solve", "--detail", "long", "--width", "100")
    assert "(A⁻¹)₁₁ + (A⁻¹)₂₂ + (A⁻¹)₃₃" in text


def test_a_singular_matrix_is_said_to_be_one() -> None:
    data = {"values": {"A": [[2, 1], [4, 2]]}, "equations": ["B = inv(A)", "L = sum(B)"]}
    text = " ".join(run(data, "solve").split())
    assert "a singular matrix, whose determinant is 0, has no inverse" in text
    data = {"values": {"A": [[0, 1], [1, 0]]}, "equations": ["L = logdet(A)"]}
    text = " ".join(run(data, "solve").split())
    assert "the determinant is not above 0, and has no logarithm" in text


def test_only_square_matrices_have_them() -> None:
    for name in ("inv", "det", "logdet"):
        data = {"values": {"A": [[1, 2, 3], [4, 5, 6]]}, "equations": [f"L = sum({name}(A))"]}
        done = CliRunner().invoke(main, ["solve", "-"], input=yaml.safe_dump(data))
        assert done.exit_code == 2
        assert f"{name} takes a square matrix, and this is a 2 × 3 matrix" in done.output


def test_training_through_an_inverse_is_the_same_compiled() -> None:
    data = {
        "values": {"A": A3, "x": [1, 2, 3]},
        "equations": ["L = x @ inv(A) @ x - logdet(A)"],
        "train": ["A"],
        "update": {"rule": "sgd", "learning_rate": 0.01, "steps": 300},
    }
    a, x = np.array(A3, dtype=float), np.array([1.0, 2, 3])
    for _ in range(300):
        b = np.linalg.inv(a)
        a = a + 0.01 * (b.T + b.T @ np.outer(x, x) @ b.T)
    solution = backprop.load(data).solve(steps=300, at=300)
    np.testing.assert_allclose(solution["A_new"], a, rtol=1e-9)

"""Gradients end where a textbook's do, and have the values that NumPy gives line by line."""

from __future__ import annotations

import numpy as np
import pytest

import backprop_cli as backprop
from backprop_cli.algebra.expr import Op
from backprop_cli.calculus import last_form

RNG = np.random.default_rng(5)
A, B = RNG.normal(size=(3, 2)), RNG.normal(size=(3, 2))
V, U = RNG.normal(size=3), RNG.normal(size=3)


def solved(values: dict[str, np.ndarray], *equations: str, **more: object) -> backprop.Solution:
    numbers = {name: value.tolist() for name, value in values.items()}
    return backprop.load({"values": numbers, "equations": [*equations], **more}).solve()


def formulas(solution: backprop.Solution) -> dict[str, str]:
    return {step["id"]: step["formula"] for step in solution.trace["steps"]}


def test_a_minus_sign_before_a_difference_exchanges_its_sides() -> None:
    found = solved({"y": V, "z": U}, "L = norm(y - z)^2")
    assert formulas(found)["dL/dz"] == "2 * (z - y)"
    np.testing.assert_allclose(found["dL/dz"], 2 * (U - V), rtol=1e-12)


def test_one_minus_a_value_stays() -> None:
    found = solved({"z": V}, "h = sigmoid(z)", "L = -3 * sum(h)")
    assert "1 - h" in formulas(found)["dL/dz"]
    h = 1 / (1 + np.exp(-V))
    np.testing.assert_allclose(found["dL/dz"], -3 * h * (1 - h), rtol=1e-12)


def test_a_number_without_axes_stands_behind_the_product() -> None:
    found = solved({"Q": A, "K": B}, "S = Q @ K.T / sqrt(2)", "L = sum(S^2)")
    said = formulas(found)
    assert said["dL/dQ"] == "dL/dS @ K / sqrt(2)"
    assert said["dL/dK"] == "dL/dS.T @ Q / sqrt(2)"
    s = A @ B.T / np.sqrt(2)
    np.testing.assert_allclose(found["dL/dQ"], 2 * s @ B / np.sqrt(2), rtol=1e-12)
    np.testing.assert_allclose(found["dL/dK"], 2 * s.T @ A / np.sqrt(2), rtol=1e-12)


def test_equal_terms_are_one() -> None:
    found = solved({"w": V}, "L = 0.5 * dot(w, w) + sum(w * w)")
    assert formulas(found)["dL/dw"] == "3 * w"
    np.testing.assert_allclose(found["dL/dw"], 3 * V, rtol=1e-12)


def test_what_cancels_keeps_its_shape() -> None:
    found = solved({"w": V}, "L = sum(w) - sum(w) + sum(w^2)")
    np.testing.assert_allclose(found["dL/dw"], 2 * V, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("count", [3, 4])
def test_the_number_of_samples_stands_below_the_line(count: int) -> None:
    x, y = RNG.normal(size=(count, 2)), np.eye(2)[[i % 2 for i in range(count)]]
    weights = RNG.normal(size=(2, 2))
    problem = {
        "convention": {"affine": "x W + b", "output_gradient": "fused"},
        "x": x.tolist(),
        "y": y.tolist(),
        "layers": [{"weights": weights.tolist(), "activation": "softmax"}],
        "loss": {"name": "cross-entropy", "over_samples": "mean"},
    }
    found = backprop.load(problem).solve()
    assert formulas(found)["dL/dZ1"] == f"(Yhat - Y) / {count}"
    e = np.exp(x @ weights)
    p = e / e.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found["dL/dZ1"], (p - y) / count, rtol=1e-10, atol=1e-15)


def test_a_kept_share_stands_below_the_line() -> None:
    found = solved({"x": V, "m": np.array([1.0, 0, 1])}, "h = m * tanh(x) / 0.75", "L = sum(h^2)")
    assert formulas(found)["dL/dx"].endswith(" / 0.75")
    h = np.array([1, 0, 1]) * np.tanh(V) / 0.75
    wanted = 2 * h * np.array([1, 0, 1]) * (1 - np.tanh(V) ** 2) / 0.75
    np.testing.assert_allclose(found["dL/dx"], wanted, rtol=1e-12)


def test_the_derivation_in_letters_says_why_the_sides_are_exchanged() -> None:
    problem = backprop.load(
        {"shapes": {"y": ["n"], "z": ["n"]}, "equations": ["L = norm(y - z)^2"]}
    )
    text = problem.derive(of="L", wrt="z").render("text")
    assert "= 2 · (zⱼ − yⱼ)" in text
    assert "the minus sign exchanges" in text


@pytest.mark.parametrize(
    ("kinks", "said"),
    [({}, "the first has it"), ({"max": "shared"}, "share it"), ({"max": 0.25}, "each has 0.25")],
)
def test_a_derivation_says_what_a_tie_is_worth(kinks: dict[str, object], said: str) -> None:
    problem = backprop.load(
        {
            "convention": {"kinks": kinks},
            "values": {"a": 1, "b": 2},
            "equations": ["m = max(a, b)", "L = m^2"],
        }
    )
    assert said in problem.derive(of="m", wrt="a").render("text", width=300)


def test_steps_are_named_by_what_they_are() -> None:
    equations = ["z = W @ x + b", "s = W @ x / sqrt(2)", "f = norm(W @ x - b)^2"]
    equations += ["L = sum(z) + sum(s) + f"]
    values = {"W": A.T @ A, "x": A[0], "b": B[0]}
    steps = {step["id"]: step["rule"] for step in solved(values, *equations).trace["steps"]}
    assert [steps[name] for name in "zsf"] == ["affine", "matmul", "squared-length"]


def test_newtons_hessian_stands_once_where_it_is_asked_for_too() -> None:
    problem = {
        "values": {"w": [1, 2]},
        "equations": ["L = dot(w, w) + sum(w)"],
        "train": ["w"],
        "update": {"rule": "newton"},
        "ask": ["d2L/dw2", "w_new"],
    }
    ids = [step["id"] for step in backprop.load(problem).solve().trace["steps"]]
    assert ids.count("d2L/dw2") == 1


def test_what_stands_once_for_every_row_is_not_multiplied_by_ones() -> None:
    """The three paths of batch norm, each line worked out in NumPy from the lines before it."""
    gamma, shift = RNG.normal(size=2), RNG.normal(size=2)
    given = {"X": A, "gamma": gamma, "beta": shift, "T": B}
    found = solved(
        given, "O = batch_norm(X, gamma, beta, epsilon=0.01)", "L = half_squared_error(O, T)"
    )
    said = formulas(found)
    assert not any("spread" in formula for formula in said.values())
    middle = A.mean(0)
    width = np.sqrt(A.var(0) + 0.01)
    hat = (A - middle) / width
    upstream = (gamma * hat + shift - B) * gamma
    var = -(upstream * (A - middle)).sum(0) / (2 * width**3)
    mean = -(upstream / width).sum(0) - 2 / 3 * (var * (A - middle)).sum(0)
    np.testing.assert_allclose(found["dL/dvar_O"], var, rtol=1e-10)
    np.testing.assert_allclose(found["dL/dmu_O"], mean, rtol=1e-10)
    right = upstream / width + 2 / 3 * var * (A - middle) + mean / 3
    np.testing.assert_allclose(found["dL/dX"], right, rtol=1e-9, atol=1e-12)


def test_parts_that_fill_an_array_stand_side_by_side_in_their_order() -> None:
    found = solved({"X": A, "Y": B}, "P = X[:,2] * 3", "Q = X[:,1]", "L = dot(P, Q) + sum(X * Y)")
    rows = solved({"X": A}, "P = X[1:1] @ X[2:3].T", "L = sum(P)")
    a, b, c = A
    np.testing.assert_allclose(rows["dL/dX"], [b + c, a, a], rtol=1e-12)
    assert formulas(rows)["dL/dX"].startswith("concat(")
    assert "concat" not in formulas(found)["dL/dX"]  # a third term is everywhere
    right = 3 * A[:, ::-1] + B
    np.testing.assert_allclose(found["dL/dX"], right, rtol=1e-12)


def test_a_gradient_from_behind_stands_once_before_what_it_multiplies() -> None:
    given = {"z": V, "h": U, "c": RNG.normal(size=3)}
    found = solved(given, "s = z * h + (1 - z) * c", "L = sum(s^2)")
    assert formulas(found)["dL/dz"] == "dL/ds * (h - c)"
    s = V * U + (1 - V) * given["c"]
    np.testing.assert_allclose(found["dL/dz"], 2 * s * (U - given["c"]), rtol=1e-12)
    found = solved({"s": V}, "K = sum(exp(s) - s) / 2", "L = K^2")
    assert formulas(found)["dL/ds"].count("dL/dK") == 1
    share = (np.exp(V) - V).sum() / 2
    np.testing.assert_allclose(found["dL/ds"], share * (np.exp(V) - 1), rtol=1e-12)


@pytest.mark.parametrize(
    ("text", "number", "said"),
    [
        ("0.5*x@A@x", 0.5, "½ · xᵀ A x"),
        ("-x@A@x", -1, "−xᵀ A x"),
        ("-2*dot(x, A@x)", -2, "−2 · xᵀ"),
    ],
)
def test_a_number_stands_before_the_whole_product(text: str, number: float, said: str) -> None:
    found = solved({"x": A[0], "A": np.array([[2.0, 1], [1, 3]])}, f"L = {text}")
    assert f"L = {said}" in found.render("text", width=100)
    assert found["L"] == pytest.approx(number * A[0] @ [[2, 1], [1, 3]] @ A[0], rel=1e-12)
    right = number * 2 * np.array([[2, 1], [1, 3]]) @ A[0]
    np.testing.assert_allclose(found["dL/dx"], right, rtol=1e-12)


def test_the_slope_of_an_absolute_value_is_its_sign() -> None:
    found = solved({"x": np.array([4.0, -1]), "y": np.array([6.0, -3])}, "L = sum(abs(x - y))")
    assert "sign(x − y)" in found.render("text", width=100)
    assert "otherwise" not in found.render("text", width=100)
    np.testing.assert_array_equal(found["dL/dx"], [-1, 1])


def test_the_zeros_around_and_between_are_counted() -> None:
    given = {"X": RNG.normal(size=(5, 7)), "K": RNG.normal(size=(3, 3))}
    found = solved(given, "Z = conv(X, K, stride=2)", "L = sum(Z^2)")
    said = found.render("text", width=200)
    assert "spaced puts 1 zero between neighbours" in said
    assert "pad puts 2 zeros on every side" in said
    wide = np.zeros((7, 9))  # two rows and columns of Z, with a row of zeros between, and 2 around
    wide[2:5:2, 2:7:2] = found["dL/dZ"]
    turned = given["K"][::-1, ::-1]
    right = [[(wide[i : i + 3, j : j + 3] * turned).sum() for j in range(7)] for i in range(5)]
    np.testing.assert_allclose(found["dL/dX"], right, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("affine", "row", "column"),
    [("W x + b", "∂L/∂z · e₂ wᵀ", "v e₁ᵀ"), ("x W + b", "∂L/∂z · e₂ᵀ w", "vᵀ e₁")],
)
def test_a_vector_in_its_place_is_a_product_that_exists(affine: str, row: str, column: str) -> None:
    """A column times a row, however vectors are drawn; and rows that fill a matrix are its rows."""
    more = {"convention": {"affine": affine}}
    given = {"X": A, "w": B[0], "v": V}
    found = solved(given, "z = 2 * dot(X[2,:], w)", "L = z^2", **more)
    assert row in found.render("text", width=120)
    np.testing.assert_allclose(found["dL/dX"], 8 * A[1] @ B[0] * np.outer([0, 1, 0], B[0]))
    found = solved(given, "z = 2 * dot(X[:,1], v)", "L = z^2", **more)
    assert column in found.render("text", width=120)
    np.testing.assert_allclose(found["dL/dX"], 8 * A[:, 0] @ V * np.outer(V, [1, 0]))
    found = solved(given, "L = X[1] @ w + 2 * X[3] @ w - 3 * X[2] @ w", **more)
    assert formulas(found)["dL/dX"].startswith("[")
    np.testing.assert_allclose(found["dL/dX"], np.outer([1, -3, 2], B[0]))


def test_what_has_one_place_is_added_there() -> None:
    equations = ["a = log(x[1])", "b = x[1] * x[2]", "L = a + 2 * b - sin(x[2])"]
    found = solved({"x": np.abs(A[0])}, *equations)
    assert formulas(found)["dL/dx"].startswith("[")
    one, other = np.abs(A[0])
    np.testing.assert_allclose(found["dL/dx"], [1 / one + 2 * other, 2 * one - np.cos(other)])
    found = solved({"s": V}, "L = sum(s) - 4 * s[2]^2")
    np.testing.assert_allclose(found["dL/ds"], 1 - 8 * V * np.array([0, 1, 0]))
    assert formulas(found)["dL/ds"].count("-") == 1


def test_rows_of_a_table_are_named_as_rows() -> None:
    table = RNG.normal(size=(4, 2))
    layers = [{"type": "embedding", "table": table.tolist()}, {"type": "flatten"}]
    own = {"formula": "sum(yhat^2)"}
    problem = backprop.load({"x": [3, 1, 3], "layers": layers, "loss": own, "y": [0] * 6})
    found = problem.solve()
    assert "in rows 3, 1, 3, else 0" in found.render("text")
    np.testing.assert_allclose(found["dL/dE1"], 2 * table * np.array([[1], [0], [2], [0]]))


def test_the_work_grows_no_faster_than_pairs_of_terms(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of n terms has n factors here: with each looked at anew at each of n sums it is n³."""
    looked_at = 0
    names = last_form.gradients_in

    def counted(node: Op, args: list[frozenset[str]]) -> frozenset[str]:
        nonlocal looked_at
        looked_at += 1
        return names(node, args)

    monkeypatch.setattr(last_form, "gradients_in", counted)
    found = []
    for count in (10, 20, 40):
        looked_at = 0
        solved({"x": V}, "L = " + " * ".join(["sum(x * x)"] * count))
        found.append(looked_at)
    assert found[2] < 4.5 * found[1] < 20 * found[0]


# One quotient -------------------------------------------------------------------------------------


def test_what_stands_below_twice_is_a_square() -> None:
    found = solved({"u": V, "v": U}, "s = dot(u, v) / (norm(u) * norm(v))", "L = (s - 1)^2")
    assert "norm(u)^2" in formulas(found)["dL/du"]
    lengths = np.linalg.norm(V), np.linalg.norm(U)
    s = V @ U / np.prod(lengths)
    wanted = 2 * (s - 1) * (U / np.prod(lengths) - s * V / lengths[0] ** 2)
    np.testing.assert_allclose(found["dL/du"], wanted, rtol=1e-12)


def test_a_width_leaves_its_cube_below_the_line() -> None:
    """exp(−d / (2 s²)) by s is d/s³ of itself: no 4 s over 4 s⁴."""
    d = np.abs(V)
    found = solved({"d": d, "s": np.array(1.5)}, "phi = exp(-d / (2 * s^2))", "L = sum(phi)")
    assert formulas(found)["dL/ds"] == "sum(dL/dphi * phi * d) / s^3"
    np.testing.assert_allclose(found["dL/ds"], sum(np.exp(-d / 4.5) * d) / 1.5**3, rtol=1e-12)


@pytest.mark.parametrize("axis", [0, 1])
def test_what_a_sum_does_not_run_over_stands_in_front_of_it(axis: int) -> None:
    vector = np.abs(RNG.normal(size=A.shape[1 - axis])) + 1
    side = "row(v)" if axis == 0 else "column(v)"
    found = solved({"X": A, "v": vector}, f"H = X / sqrt({side} + 1)", "L = sum(H^3)")
    assert formulas(found)["dL/dv"].count("sqrt") == 0
    spread = np.expand_dims(vector, axis)
    h = A / np.sqrt(spread + 1)
    wanted = (3 * h**2 * A * -0.5 * (spread + 1) ** -1.5).sum(axis)
    np.testing.assert_allclose(found["dL/dv"], wanted, rtol=1e-12)


def test_cofactors_over_the_determinant_are_the_inverse() -> None:
    matrix = np.array([[2.0, 1], [0.5, 3]])
    found = solved({"A": matrix}, "L = 3 * log(det(A))")
    assert formulas(found)["dL/dA"] == "3 * inv(A).T"
    np.testing.assert_allclose(found["dL/dA"], 3 * np.linalg.inv(matrix).T, rtol=1e-12)


def test_no_sign_and_no_identity_stands_where_none_is_needed() -> None:
    square = A.T @ A + np.array([[0, 1], [0, 0]])
    found = solved({"C": A, "A": square}, "L = trace(C @ A @ C.T)")
    assert formulas(found)["dL/dC"] == "C @ A.T + C @ A"
    np.testing.assert_allclose(found["dL/dC"], A @ (square + square.T), rtol=1e-12)
    values = {"m": B[0], "x": B[1], "P": square}
    equations = ["r = x - m", "L = r @ P @ r / 2"]
    found = solved(values, *equations, ask=["d2L/dm2"])
    assert formulas(found)["d2L/dm2"] == "0.5 * P.T + 0.5 * P"
    np.testing.assert_allclose(found["d2L/dm2"], (square + square.T) / 2, rtol=1e-12)


def test_what_is_divided_counts_from_one() -> None:
    p = np.array([0.2, 0.7, 0.4])
    y = np.array([0.0, 1, 1])
    found = solved({"p": p, "y": y}, "L = -sum(y * log(p) + (1 - y) * log(1 - p)) + p[1]")
    assert "(1 - y) / (1 - p)" in formulas(found)["dL/dp"]
    wanted = -y / p + (1 - y) / (1 - p) + np.array([1, 0, 0])
    np.testing.assert_allclose(found["dL/dp"], wanted, rtol=1e-12)


def test_a_turned_product_is_the_product_of_the_turned() -> None:
    problem = backprop.load({"shapes": {"K": ["M", "E"], "W": ["D", "E"], "q": ["D"]},
                             "equations": ["s = K @ (W.T @ q)", "L = sum(s^2)"]})  # fmt: skip
    text = problem.derive().render("text")
    assert "∂L/∂W = q (∂L/∂s)ᵀ K" in text
    assert "∂L/∂K = ∂L/∂s qᵀ W" in text


def test_equal_terms_behind_a_common_factor_are_one() -> None:
    found = solved({"t": U, "p": V}, "q = t * p + (1 - t) * (1 - p)", "L = sum(q^2)")
    assert formulas(found)["dL/dp"] == "dL/dq * (2 * t - 1)"
    q = U * V + (1 - U) * (1 - V)
    np.testing.assert_allclose(found["dL/dp"], 2 * q * (2 * U - 1), rtol=1e-12)


@pytest.mark.parametrize(
    "formula", ["sign(maximum(T, T))", "0 * maximum(T, T)", "sin(step(T) * 0)"]
)
def test_a_common_factor_of_terms_that_are_nothing(formula: str) -> None:
    found = solved({"T": A}, f"B = {formula}", "L = sum(B)")
    np.testing.assert_array_equal(found["dL/dT"], np.zeros(A.shape))


def test_a_sum_over_a_number_is_multiplied_out_below_the_line() -> None:
    """Student's t: (ν + 1) r / (ν + r²) for (ν + 1) r / (ν (1 + r²/ν))."""
    nu = np.array(3.0)
    found = solved({"r": V, "nu": nu}, "L = (nu + 1) / 2 * sum(ln(1 + r^2 / nu))", train=["r"])
    assert formulas(found)["dL/dr"] == "(nu + 1) * r / (nu + r^2)"
    np.testing.assert_allclose(found["dL/dr"], 4 * V / (3 + V**2), rtol=1e-12)
    found = solved({"x": U + 5, "s": nu}, "L = sum(ln(1 - x / s))", train=["x"])
    assert formulas(found)["dL/dx"] == "-(1 / (s - x))"
    np.testing.assert_allclose(found["dL/dx"], -1 / (3 - U - 5), rtol=1e-12)

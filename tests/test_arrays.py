"""Gradients over arrays as a person writes them: shorter, of the same shape and value."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from backprop_cli.algebra.expr import Expr, Op, Sym, num, op, symbols, walk
from backprop_cli.cli import main
from backprop_cli.derive.simplify.simplify import shorter
from backprop_cli.operations.table import Sizes
from backprop_cli.problem.text.parser import parse
from backprop_cli.readings.formula_text import plain
from backprop_cli.readings.values import evaluate

RANDOM = np.random.default_rng(7)
VALUES: dict[str, Any] = {
    "X": RANDOM.normal(size=(3, 2)),
    "Y": RANDOM.normal(size=(3, 2)),
    "A": RANDOM.normal(size=(2, 2)),
    "u": RANDOM.normal(size=2),
    "v": RANDOM.normal(size=2),
    "z": np.array([0.0, -1.5]),
    "c": np.asarray(0.7),
}
SIZES = Sizes({name: np.shape(value) for name, value in VALUES.items()}, {})
ONES = op("spread", num(1), shape=(2,))
LENGTH = op("norm", Sym("u"))

SHORTER: dict[str, tuple[Expr, str]] = {
    "1 ⊙ y": (op("mul", ONES, Sym("u")), "u"),
    "a number in each entry": (op("mul", op("spread", Sym("c"), shape=(2,)), Sym("u")), "c * u"),
    "‖u‖ u/‖u‖": (op("mul", LENGTH, op("ratio", Sym("u"), LENGTH)), "u"),
    "A diag(1)": (op("matmul", Sym("X"), op("diag", ONES)), "X"),
    "diag(1) A": (op("matmul", op("diag", ONES), Sym("A")), "A"),
    "A (−u)": (op("matmul", Sym("A"), op("neg", Sym("u"))), "-(A @ u)"),
    "1/σ σ": (parse("1/sigmoid(z) * sigmoid(z) * (1 - sigmoid(z))"), "1 - sigmoid(z)"),
    "the sigmoid": (parse("1/(1 + exp(z)) * exp(z) - 1 * u"), "sigmoid(z) - u"),
    "inside a product": (parse("(X @ A) @ (sqrt(v^2) / sqrt(v^2) * u)"), "X @ A @ u"),
    "nothing but 1 is left": (parse("exp(z) / exp(z)"), "spread(1, shape=[2])"),
}
KEPT = ("u * v", "(X - Y) / 3", "X @ A", "1 - sigmoid(z)", "-u / v", "tanh(u / 2)")


@pytest.mark.parametrize(("expr", "end"), SHORTER.values(), ids=list(SHORTER))
def test_formulas_get_shorter_and_keep_shape_and_value(expr: Expr, end: str) -> None:
    found = shorter(expr, SIZES)
    assert plain(found).replace(" ", "") == end.replace(" ", "")
    assert SIZES.shape(found) == SIZES.shape(expr)
    assert evaluate(found, VALUES) == pytest.approx(evaluate(expr, VALUES), abs=1e-14)


@pytest.mark.parametrize("text", KEPT)
def test_what_is_short_stays_as_it_is(text: str) -> None:
    assert shorter(parse(text), SIZES) == parse(text)


def test_a_length_times_its_direction_is_exact_at_0() -> None:
    expr = SHORTER["‖u‖ u/‖u‖"][0]
    at_0 = {"u": np.zeros(2)}
    assert np.array_equal(evaluate(expr, at_0), evaluate(shorter(expr, SIZES), at_0))


# As solve and derive print it ---------------------------------------------------------------------

PRINTED = {
    "norm(X @ W - Y)^2 / 2": ("∂J/∂W", "Xᵀ (X W − Y)"),
    "sum(diagonal(X @ W))": ("∂J/∂W", "Xᵀ"),
    "sum(exp(X @ w) - y * (X @ w))": ("∂J/∂y", "−X w"),
    "-log(sigmoid(dot(u, w)))": ("∂J/∂w", "−(1 − σ(uᵀ w)) · u"),
    "w @ A @ w / 2": ("∂J/∂w", "½ · A w + ½ · Aᵀ w"),
}
GIVEN = {
    "X": [[1, 2], [3, 4]],
    "Y": [[1, 0], [0, 2]],
    "A": [[1, 2], [3, 5]],
    "W": [[1, 1], [0, 2]],
    "w": [0.5, -1],
    "u": [1, 2],
    "y": [1, 3],
}


@pytest.mark.parametrize(("formula", "wanted"), PRINTED.items(), ids=list(PRINTED))
def test_gradients_end_as_on_paper(formula: str, wanted: tuple[str, str]) -> None:
    used = {name: value for name, value in GIVEN.items() if name in symbols(parse(formula))}
    text = printed(json.dumps({"values": used, "equations": [f"J = {formula}"]}))
    assert re.search(re.escape(f"{wanted[0]} = {wanted[1]}") + r"( =|\n)", text)


def printed(problem: str, *options: str) -> str:
    result = CliRunner().invoke(main, ["solve", "-", "--width", "100", *options], input=problem)
    assert result.exit_code == 0, result.output
    return result.output


def solved(problem: str) -> dict[str, Any]:
    steps = json.loads(printed(problem, "--format", "json"))["steps"]
    return {step["id"]: np.array(step["value"]) for step in steps}


@pytest.mark.parametrize("formula", list(PRINTED))
def test_gradients_are_those_of_differences(formula: str) -> None:
    used = {
        name: np.array(value, dtype=float)
        for name, value in GIVEN.items()
        if name in symbols(parse(formula))
    }
    expr = parse(formula)
    problem = {"values": {n: v.tolist() for n, v in used.items()}, "equations": [f"J = {formula}"]}
    solution = solved(json.dumps(problem))
    for name, value in used.items():
        found = np.zeros(value.shape)
        for place in np.ndindex(value.shape):
            moved = [{**used, name: value.copy()} for _ in range(2)]
            moved[0][name][place] += 1e-6
            moved[1][name][place] -= 1e-6
            found[place] = np.subtract(*(evaluate(expr, each) for each in moved)) / 2e-6
        assert solution[f"dJ/d{name}"] == pytest.approx(found, abs=1e-7)


def test_the_logistic_loss_ends_in_sigmoid_minus_y() -> None:
    for arguments in (["solve", "problems/logistic-loss.yaml"], ["derive", "-"]):
        text = (
            "shapes: {z: [M], y: [M]}\nequations:\n  - J = sum(log(1 + exp(z)) - y * z)\n"
            if "-" in arguments
            else None
        )
        result = CliRunner().invoke(main, arguments, input=text)
        assert "∂J/∂z = σ(z) − y\n" in result.output


def test_a_vector_times_a_matrix_times_a_vector() -> None:
    text = "shapes: {s: [n], W: [n, n], b: [n]}\nequations:\n  - E = s @ W @ s / 2 - b @ s\n"
    result = CliRunner().invoke(main, ["derive", "-"], input=text)
    assert "E = sᵀ W s / 2 − bᵀ s\n" in result.output


def test_a_share_of_a_fraction_is_one_fraction() -> None:
    text = printed(Path("problems/minibatch-tanh.yaml").read_text(encoding="utf-8"))
    assert "∂L/∂ŷ = −Y / (4 · ŷ)\n" in text


def test_the_softmax_of_a_batch_says_where_its_formula_comes_from() -> None:
    text = printed(Path("problems/minibatch-tanh.yaml").read_text(encoding="utf-8"))
    assert "Σᵢ (∂L/∂ŷ)ᵢ · ŷᵢ · (1{i = j} − ŷⱼ)" in text
    y, g = np.array([0.2, 0.3, 0.5]), np.array([1.0, -2.0, 0.7])
    by_jacobian = (np.diag(y) - np.outer(y, y)).T @ g
    assert y * (g - np.sum(y * g)) == pytest.approx(by_jacobian)


# Chains that end in the compact form --------------------------------------------------------------

LAYER_NORM = """
shapes: {x: [n], g: [n], eps: []}
equations:
  - mu = mean(x)
  - c = x - mu
  - v = mean(c^2)
  - s = sqrt(v + eps)
  - xhat = c / s
  - L = dot(g, xhat)
"""


@pytest.mark.parametrize(
    ("of", "wanted"),
    [
        ("xhat", "∂x̂ₖ/∂xⱼ = (1{k = j} − 1 / n − x̂ₖ · x̂ⱼ / n) / s"),
        ("L", "∂L/∂xⱼ = (gⱼ − Σₘ gₘ / n − (x̂ⱼ · Σₘ gₘ · x̂ₘ) / n) / s"),
    ],
)
def test_layer_norm_ends_in_its_compact_form(of: str, wanted: str) -> None:
    arguments = ["derive", "-", "--of", of, "--wrt", "x", "--width", "110"]
    result = CliRunner().invoke(main, arguments, input=LAYER_NORM)
    assert result.output.rstrip().endswith(wanted)
    assert "deviations from a mean" in result.output


def test_that_form_is_the_slope_of_the_layer_norm() -> None:
    x, eps, n = RANDOM.normal(size=5), 0.1, 5

    def normed(x: Any) -> Any:
        c = x - np.mean(x)
        return c / np.sqrt(np.mean(c**2) + eps)

    s = np.sqrt(np.var(x) + eps)
    form = (np.eye(n) - 1 / n - np.outer(normed(x), normed(x)) / n) / s
    steps = [1e-6 * np.eye(n)[j] for j in range(n)]
    slopes = np.stack([(normed(x + h) - normed(x - h)) / 2e-6 for h in steps], axis=1)
    assert form == pytest.approx(slopes, abs=1e-8)


# δ and f ------------------------------------------------------------------------------------------

NET = """
x: [1, 0]
y: [0, 1]
layers:
  - {weights: [[3, 6], [4, 5]], bias: [1, -6], activation: sigmoid}
  - {weights: [[2, 3], [4, 3]], bias: [-1, -2], activation: softmax}
loss: cross-entropy
notation: {delta: true, pre: A}
"""


@pytest.mark.parametrize("command", ["solve", "derive"])
@pytest.mark.parametrize("layout", ["text", "markdown", "latex", "html"])
def test_delta_is_stated_once_and_used_after(command: str, layout: str) -> None:
    result = CliRunner().invoke(main, [command, "-", "--format", layout], input=NET)
    assert result.exit_code == 0, result.output
    if layout in ("text", "markdown"):
        assert result.output.count("∂L/∂A²") == 1
        assert "δ² = ∂L/∂A²" in result.output
        assert "∂L/∂W² = δ² (H¹)ᵀ" in result.output
    else:
        assert "δ" in result.output or r"\delta^{2}" in result.output


def test_delta_in_ascii_and_ids_stay() -> None:
    result = CliRunner().invoke(main, ["solve", "-", "--ascii"], input=NET)
    assert "delta2 = dL/dZ2" in result.output
    without = NET.replace("delta: true", "delta: false")
    assert "δ" not in printed(without)
    assert np.array_equal(solved(NET)["dL/dZ2"], solved(without)["dL/dZ2"])


def test_delta_is_true_or_false() -> None:
    result = CliRunner().invoke(main, ["solve", "-"], input=NET.replace("true", "yes please"))
    assert result.exit_code == 2
    assert "`true` or `false`" in result.output


LETTERS = """
inputs: N
samples: M
layers:
  - {units: H, bias: true, activation: f}
  - {units: C, bias: true, activation: softmax}
loss: cross-entropy
"""


def test_a_generic_activation_has_its_derivative_in_its_place() -> None:
    result = CliRunner().invoke(main, ["derive", "-"], input=LETTERS)
    assert "∂L/∂Z¹ = ∂L/∂H¹ ⊙ f′(Z¹)" in result.output
    assert "through the activation f" in result.output
    of = CliRunner().invoke(main, ["derive", "-", "--of", "H1", "--wrt", "Z1"], input=LETTERS)
    assert "f′(Z¹" in of.output
    ascii_ = CliRunner().invoke(main, ["derive", "-", "--ascii"], input=LETTERS)
    assert "dL/dZ1 = dL/dH1 * f_prime(Z1)" in ascii_.output


@pytest.mark.parametrize("layout", ["markdown", "latex", "html"])
def test_a_generic_activation_in_every_format(layout: str) -> None:
    result = CliRunner().invoke(main, ["derive", "-", "--format", layout], input=LETTERS)
    assert result.exit_code == 0
    assert "′" in result.output or r"\prime" in result.output


@pytest.mark.parametrize("command", ["solve", "check", "blank", "lint", "draw"])
def test_with_numbers_it_is_refused_by_name(command: str) -> None:
    text = NET.replace("activation: sigmoid", "activation: f")
    arguments = [command, "-", *(["--answers", "problems/sheets"] if command == "check" else [])]
    result = CliRunner().invoke(main, arguments, input=text)
    assert result.exit_code == 2
    assert "`f` stands for any activation" in result.output


def test_nothing_numeric_is_left_with_a_function_that_has_no_values() -> None:
    from backprop_cli.operations.table import TABLE

    assert not {"f", "f_prime"} & TABLE.keys()
    found = op("f", Sym("z"))
    assert isinstance(found, Op)
    assert [*walk(found)]

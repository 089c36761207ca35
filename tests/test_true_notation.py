"""What is printed is what is meant: joined columns, spread numbers, what a row does, one letter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from backprop_cli.cli import main

X = [[1, 2], [3, 4]]


def printed(values: dict[str, Any], *equations: str, command: str = "solve", **more: Any) -> str:
    stated = {"values" if command != "derive" else "shapes": values}
    data = stated | {"equations": list(equations)} | more
    done = CliRunner().invoke(main, [command, "-"], input=yaml.safe_dump(data))
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.parametrize(
    ("formula", "shown"),
    [
        ("concat(a, b, axis=1)", "[a, b]"),
        ("concat(a, b, axis=0)", "[a; b]"),
        ("concat(a, b)", "[a; b]"),
    ],
)
def test_what_is_joined_stands_as_it_is_joined(formula: str, shown: str) -> None:
    assert f"C = {shown}" in printed({"a": X, "b": X}, f"C = {formula}", "L = sum(C)")


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("X + row(s)", "s is added to every row"),
        ("row(s) + X", "s is added to every row"),
        ("X - row(s)", "s is taken from every row"),
        ("row(s) - X", "every row is taken from s"),
        ("X * row(s)", "s multiplies every row"),
        ("X / row(s)", "s divides every row"),
        ("X / column(s)", "s divides every column"),
    ],
)
def test_what_a_row_does(formula: str, said: str) -> None:
    text = printed({"X": X, "s": [1, 2]}, f"C = {formula}", "L = sum(C)")
    assert said in text
    assert ("is added to" in text) == ("+" in formula)


def test_of_a_single_column_there_is_no_every() -> None:
    text = printed({"X": [[1], [3]], "s": [1, 2]}, "C = column(s) - X * column(s)", "L = sum(C)")
    assert "every column" not in text


@pytest.mark.parametrize(("train", "idle"), [(None, True), (["a"], False)])
def test_an_update_of_nothing_is_told(train: list[str] | None, idle: bool) -> None:
    data: dict[str, object] = {"values": {"a": 2}, "equations": ["L = a^2"]}
    data |= {"update": {"rule": "sgd", "learning_rate": 0.5}} | ({"train": train} if train else {})
    text = CliRunner().invoke(main, ["solve", "-"], input=yaml.safe_dump(data)).stdout
    assert ("nothing is updated: train names nothing" in text) == idle
    assert ("a⁺" in text) != idle


@pytest.mark.parametrize(("axis", "lines"), [(0, "column"), (1, "row")])
def test_of_what_a_softmax_is_one(axis: int, lines: str) -> None:
    formulas = f"A = softmax(X, axis={axis})", "L = sum(A * W)"
    assert f"in each {lines} Σᵢ (∂L/∂A)ᵢ · Aᵢ · " in printed({"X": X, "W": X}, *formulas)


@pytest.mark.parametrize(
    ("formula", "shown"),
    [
        ("x @ A @ x / 2", "xᵀ A x / 2"),
        ("x @ (A @ x)", "xᵀ A x"),
        ("x @ A @ A @ x", "xᵀ A A x"),
        ("x @ A.T @ x", "xᵀ Aᵀ x"),
    ],
)
def test_quadratic_forms(formula: str, shown: str) -> None:
    text = printed({"x": ["n"], "A": ["n", "n"]}, f"L = {formula}", command="derive")
    assert f"L = {shown}\n" in text


def test_a_number_that_is_repeated_says_so() -> None:
    text = printed({"X": [[1, 2], [3, 5]]}, "m = mean(X, axis=0)", "C = X - row(m)", "L = sum(C^4)")
    assert "∂L/∂X = ∂L/∂C + (∂L/∂m)ᵀ / 2" in text
    assert "∂L/∂m is added to every row" in text
    text = printed({"x": [1, 2, 4]}, "m = mean(x)", "d = x - m", "v = sum(d^3)", "L = v^2")
    assert "∂L/∂m · 1₃ / 3" in text
    assert "3 · ∂L/∂v · d²" in text
    text = printed({"x": [1, 2, 4]}, "s = sum(x)", "L = s^2")
    assert "∂L/∂x = ∂L/∂s · 1₃" in text


def test_a_penalty_is_a_number_times_the_weights() -> None:
    data = {
        "x": [1, 2],
        "y": [1],
        "layers": [{"weights": [[1, -1]], "bias": [0]}],
        "loss": "squared-error",
        "penalty": {"l2": 0.1},
    }
    done = CliRunner().invoke(main, ["solve", "-"], input=yaml.safe_dump(data))
    assert "λ · W¹" in done.stdout
    assert "λ ⊙ W¹" not in done.stdout


def test_one_letter_for_one_thing() -> None:
    text = printed({"sigma": [1, 2], "x": [1, 3]}, "z = sigmoid(sigma * x)", "L = sum(z)")
    assert "z = σ(sigma ⊙ x)" in text
    assert "y = σ ⊙ x" in printed({"sigma": [1, 2], "x": [1, 3]}, "y = sigma * x", "L = sum(y)")


def test_the_letter_of_a_unit_vector_is_the_one_that_is_printed() -> None:
    assert "E has a 1" in printed({"A": X}, "L = A[1,2]^2")
    assert "e has a 1" in printed({"x": [1, 2]}, "L = x[2]^2")


def test_nothing_is_said_twice() -> None:
    text = printed({"a": 1}, "c = 2 * a", "L = 2 * c + a")
    assert "∂L/∂c = 2\n" in text


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("-sum(y * log(p))", "cross-entropy"),
        ("-y @ log(p)", "cross-entropy"),
        ("-sum(y * log(p) + (1 - y) * log(1 - p))", "binary cross-entropy"),
        ("sum((p - y)^2) / 2", "half the squared error"),
        ("0.5 * sum((y - p)^2)", "half the squared error"),
        ("norm(p - y)^2", "squared error"),
        ("mean((p - y)^2)", "mean squared error"),
        ("sum(abs(y - p))", "absolute error"),
        ("-sum(y * p)", "sum"),
        ("sum((p - 2 * y)^2) / 2", "sum"),
    ],
)
def test_a_loss_is_called_by_what_it_is(formula: str, words: str) -> None:
    text = printed({"p": [0.2, 0.3, 0.5], "y": [0, 1, 0]}, f"J = {formula}")
    heading = next(line for line in text.splitlines() if line.startswith(" 1  J"))
    assert heading.split("J", 1)[1].strip() == words
    assert ("through the loss" in text) == (words != "sum")


def test_the_mean_over_samples_is_still_the_loss() -> None:
    text = printed(
        {"P": [[0.2, 0.8], [0.7, 0.3], [0.5, 0.5]], "Y": [[0, 1], [1, 0], [0, 1]]},
        "J = -sum(Y * log(P)) / 3",
    )
    assert " 1  J  cross-entropy" in text


def test_the_gradient_of_a_value_called_x_is_asked() -> None:
    assert "dL/dX" in printed({"X": X, "K": X}, "L = sum(X * K)", command="blank")
    network = {"x": [1, 2], "y": [1], "layers": [{"weights": [[1, -1]]}], "loss": "squared-error"}
    done = CliRunner().invoke(main, ["blank", "-"], input=yaml.safe_dump(network))
    assert "dL/dW1" in done.stdout
    assert "dL/dX" not in done.stdout


def test_a_direct_share_is_not_called_as_the_whole(tmp_path: Path) -> None:
    path = tmp_path / "penalised.yaml"
    shapes = "{X: [n, d], w: [d], y: [n]}"
    path.write_text(
        f"shapes: {shapes}\nequations: [z = X @ w, L = sum((z - y)^2), J = L + sum(w^2) / 2]\n"
    )
    done = CliRunner().invoke(main, ["derive", str(path), "--of", "J", "--wrt", "w"])
    assert "∂J/∂w = ∂J/∂w|_L + ∂J/∂L ∂L/∂z ∂z/∂w" in done.stdout
    assert "∂J/∂wⱼ|_L = ∂/∂wⱼ[L + Σ" in done.stdout
    assert "∂J/∂w = w + Xᵀ ∂J/∂z" in done.stdout


@pytest.mark.parametrize(("count", "function"), [(12, "sum"), (100, "tanh")])
def test_entries_longer_than_anyone_reads_are_not_written_out(count: int, function: str) -> None:
    data = {"values": {"A": X}, "equations": [f"L = {function}({' @ '.join(count * 'A')})"]}
    text = yaml.safe_dump(data)
    done = CliRunner().invoke(main, ["solve", "-", "--detail", "long"], input=text)
    assert done.exit_code == 0
    assert len(done.stdout.splitlines()) < 150  # two to the power of eleven terms an entry


def test_the_norm_of_each_row_is_not_that_of_the_matrix() -> None:
    text = printed({"A": [[3, 4], [0, 2]]}, "U = A / column(norm(A, axis=1))", "L = sum(U)")
    assert "A / norm of each row (A)" in text
    assert "‖A‖" not in text
    assert "the Euclidean length divides every column" in text


def test_a_unit_matrix_has_no_one_in_front() -> None:
    text = printed({"A": [[3, 4], [0, 2]]}, "L = sum(A^2) - A[1,2]")
    assert "2 · A − E₁₂" in text


def test_a_mean_divides_by_how_many_numbers_it_is_of() -> None:
    text = printed({"e": [1, 2, 3]}, "L = mean(log(cosh(e)))")
    assert "∂L/∂e = tanh(e) / 3" in text


def test_a_number_below_0_stands_once() -> None:
    """∂L/∂s = −1, as it was with 1; what is put in and comes out otherwise stands twice."""
    text = printed({"a": 3, "b": 2}, "s = a * b", "L = a - s")
    assert "∂L/∂s = −1\n" in text
    assert "∂L/∂b = ∂L/∂s · a = −1 · 3 = −3\n" in text


def derived(formula: str) -> str:
    done = CliRunner().invoke(
        main, ["derive", "--function", formula, "--wrt", "x", "--width", "120"]
    )
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.parametrize(
    ("formula", "shown"),
    [
        ("y*((-x)/exp(x))", "y · (−x) / exp(x)"),
        ("y*((-x)/max(x, 1))", "y · (−x) / max(x, 1)"),
        ("y*((-x)/exp(x)^2)", "y · (−x) / exp(x)²"),
    ],
)
def test_a_sign_has_parentheses_with_what_it_is_before(formula: str, shown: str) -> None:
    assert f"f = {shown}" in derived(formula)


def test_a_letter_that_a_function_is_called_by_is_no_quantity() -> None:
    assert "f    = σ(x) / sigma" in derived("sigmoid(x)/sigma")
    assert "f = x / σ" in derived("x/sigma")


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("mish(x)*x", ["Mish(u)     = u · tanh(softplus(u))", "softplus(u) = ln(1 + exp(u))"]),
        ("huber(x)", ["clip(u)  = max(−1, min(1, u))", "|u| − ½   where |u| > 1"]),
        ("gelu(2*x)", ["GELU(u) = u · Φ(u)", "Φ is the standard normal distribution function"]),
        ("u*silu(x)", ["σ(v)    = 1 / (1 + exp(−v))", "SiLU(v) = v · σ(v)"]),
        ("(x>1)*x", ["constant on both sides of a jump"]),
    ],
)
def test_what_not_every_reader_knows_is_said(formula: str, said: list[str]) -> None:
    text = derived(formula)
    assert all(each in text for each in said)


LETTERS = {
    "convention": {"affine": "x W + b"},
    "notation": {"delta": True},
    "inputs": "N",
    "samples": "M",
    "layers": [{"units": "P", "bias": True, "activation": "gelu"}, {"units": "K", "bias": True}],
    "loss": {"name": "huber", "over_samples": "mean"},
}


def in_letters(*arguments: str, **more: Any) -> str:
    command = ["derive", "-", "--width", "120", *arguments]
    done = CliRunner().invoke(main, command, input=yaml.safe_dump(LETTERS | more))
    assert done.exit_code == 0, done.output
    return done.stdout


def test_delta_stands_entry_by_entry_too_and_is_said() -> None:
    text = in_letters("--index")
    assert "δ²ᵢₖ = (∂L/∂Z²)ᵢₖ" in text
    assert "(∂L/∂b²)ₖ = Σᵢ δ²ᵢₖ" in text
    assert "delta2[i,k] = dL/dZ2[i,k]" in in_letters("--index", "--ascii")
    sides = [line.split(" = ") for line in text.splitlines() if line.count(" = ") == 1]
    assert not [left for left, right in sides if left.strip() == right.strip()]


def test_delta_is_said_where_a_gradient_uses_it() -> None:
    text = in_letters("--of", "L", "--wrt", "W1", penalty={"l1": 0.1})
    assert "∂L/∂W¹ = λ · sign(W¹) + Xᵀ δ¹" in text  # ∂L/∂L_penalty is 1
    assert "δ¹     = ∂L/∂Z¹" in text


@pytest.mark.parametrize("arguments", [(), ("--index",), ("--of", "L", "--wrt", "W1")])
def test_conventions_say_what_is_cut_off(arguments: tuple[str, ...]) -> None:
    text = in_letters(*arguments)
    assert "huber(u) = u²/2 where |u| ≤ 1, else |u| − ½" in text
    assert "clip(u) = max(−1, min(1, u))" in text
    assert "Φ the standard normal distribution function" in text
    other = in_letters(*arguments, loss={"name": "huber", "delta": 2})
    assert "clip(u; 2) = max(−2, min(2, u))" in other


def test_what_is_in_front_of_a_sum_already_is_not_said_again() -> None:
    layers = [{"units": 1, "bias": True, "activation": "sigmoid"}]
    loss = {"name": "half-squared-error", "over_samples": "mean"}
    text = in_letters("--of", "L", "--wrt", "b1[1]", layers=layers, loss=loss)
    lines = [line.split("   ")[0] for line in text.replace("            = ", "").splitlines()]
    assert lines.count("Σₙ (Ŷₙ₁ − Yₙ₁) · Ŷₙ₁ · (1 − Ŷₙ₁) / M") == 1


def test_a_number_stands_last_in_a_case() -> None:
    layers = [{"units": "K", "bias": True, "activation": "softmax"}]
    arguments = ("--of", "Yhat", "--wrt", "W1[1,1]")
    text = in_letters(*arguments, layers=layers, loss="cross-entropy")
    assert "Case k = 1" in text
    assert "for k = 1 the first case" in text
    assert "1 ≠ k" not in text
    assert "the factors are those of sample n" in text.partition("All entries")[2]


def test_the_last_entry_that_is_drawn_is_none_of_the_first() -> None:
    shapes = {"x": ["N"], "w": []}
    command = ["derive", "-", "--of", "z", "--wrt", "x", "--width", "120"]
    data = {"shapes": shapes, "equations": ["z = x * x[1] + w * x[2]", "u = sum(z)"]}
    done = CliRunner().invoke(main, command, input=yaml.safe_dump(data))
    drawn = [line for line in done.stdout.splitlines() if any(sign in line for sign in "⎡⎢⎣")]
    first, *_, last = (line.split("⎤")[0].split("⎥")[0].split("⎦")[0] for line in drawn)
    assert "2 · x₁" in first
    assert "1{" not in "".join(drawn)
    assert last.split("⋮")[-1].rstrip().endswith("x₁")


def test_the_letter_of_a_unit_matrix_is_no_quantity_s() -> None:
    """E₁₂ beside a quantity E would be an entry of it."""
    values = {"T": X, "E": X}
    page = printed(values, "s = E[1,1] * T[1,2] + T[2,2]", "L = s + sum(T * E)")
    assert "· D₁₂" in page
    assert "D has a 1 at the index below it and 0 elsewhere" in page
    plain = printed({"T": X, "F": X}, "s = F[1,1] * T[1,2] + T[2,2]", "L = s + sum(T * F)")
    assert "· E₁₂" in plain
    assert "E has a 1 at the index below it and 0 elsewhere" in plain


def test_a_unit_matrix_has_a_letter_where_all_that_are_liked_are_taken() -> None:
    values = {"T": X, "E": X, **dict.fromkeys(("e", "u", "d", "unit", "D", "J", "Unit"), 2)}
    rest = "e * u * d * unit * D * J * Unit"
    page = printed(values, f"s = E[1,1] * T[1,2] + T[2,2] + {rest}", "L = s + sum(T * E)")
    assert "· Unit2₁₂" in page
    assert "Unit2 has a 1 at the index below it and 0 elsewhere" in page


def test_a_quotient_within_a_product_of_matrices_stands_in_parentheses() -> None:
    """K v₀ / w and (K v₀) / w would be the same to a reader, and K (v₀ / w) is not."""
    shapes = {"K": ["n", "m"], "a": ["n"], "v": ["m"]}
    text = printed(shapes, "u = a / (K @ v)", "L = sum(u^2)", command="derive")
    assert "∂L/∂v = −Kᵀ (∂L/∂u ⊙ u / (K v))" in text
    assert "∂L/∂K = −(∂L/∂u ⊙ u / (K v)) vᵀ" in text


@pytest.mark.parametrize(
    ("formulas", "said"),
    [
        (["C = column(s) * X + column(t)", "L = sum(C)"], "∂L/∂t  through the sum"),
        (["c = column(t)", "L = sum(c @ [s])"], "∂L/∂t  through the column"),
        (["C = rot(X)", "L = sum(C * C)"], "∂L/∂X  through the turn by 180°"),
    ],
)
def test_what_only_moves_entries_has_a_noun(formulas: list[str], said: str) -> None:
    assert said in printed({"X": X, "s": [1, 2], "t": [3, 4]}, *formulas, train=["X", "t"])


@pytest.mark.parametrize(
    ("loss", "shapes", "line"),
    [
        (
            "cross_entropy_with_logits(V @ f, y)",
            {"V": ["k", "n"], "f": ["n"], "y": ["k"]},
            ["∂L/∂V = (softmax(V f) − y) fᵀ", "∂L/∂f = Vᵀ (softmax(V f) − y)"],
        ),
        (
            "softplus(v @ g) - y * (v @ g)",
            {"v": ["n"], "g": ["n"], "y": []},
            ["∂L/∂v = (σ(vᵀ g) − y) · g", "∂L/∂g = (σ(vᵀ g) − y) · v"],
        ),
        (
            "cross_entropy_with_logits(V @ f, y) + c * sum((f - m)^2) / 2",
            {"V": ["k", "n"], "f": ["n"], "y": ["k"], "m": ["n"], "c": []},
            ["∂L/∂f = Vᵀ (softmax(V f) − y) + c · (f − m)"],
        ),
    ],
)
def test_what_logits_without_a_name_get_stands_once(
    loss: str, shapes: dict[str, Any], line: list[str]
) -> None:
    text = printed(shapes, f"L = {loss}", command="derive")
    assert [one for one in line if one not in text] == []

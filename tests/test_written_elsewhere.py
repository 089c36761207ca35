"""What hands bring from other notations and programs: the message says what to write here."""

from __future__ import annotations

import numpy as np
import pytest

from backprop_cli.errors import UserError
from backprop_cli.problem.problem_file import Source
from backprop_cli.solving.loading import loaded
from backprop_cli.solving.solution import solve


def complaint(text: str) -> tuple[tuple[int, int], str, str]:
    """Where the first complaint about a file is, what it says and what it offers."""
    with pytest.raises(UserError) as found:
        loaded(Source("problem.yaml", text.encode()))
    first = min(found.value.complaints, key=lambda each: each.order)
    return (first.mark.line, first.mark.column), first.message, first.instead or ""


def formula(values: str, *equations: str) -> str:
    return f"values: {{{values}}}\nequations:\n" + "".join(f"  - {each}\n" for each in equations)


def layer(weights: str, more: str = "") -> str:
    return f"x: [1, 2]\nlayers:\n  - {{weights: {weights}{more}}}\n"


def matrix(text: str) -> str:
    return f"values:\n  A: {text}\nequations: [L = sum(A)]\n"


MATRIX = "A: [[1, 2], [3, 4]]"
PRIME = ".T for transposed, or _prime in a name"


@pytest.mark.parametrize(
    ("text", "place", "said", "instead"),
    [
        (
            matrix(r"\begin{bmatrix} 1 & -2 \\ \frac{1}{2} & 4 \\ \end{bmatrix}"),
            (2, 6), "a matrix in LaTeX", "[[1, -2], [1/2, 4]]",
        ),
        (
            matrix(r"$\left(\begin{array}{cc} 1 & 2 \end{array}\right)$"),
            (2, 6), "a matrix in LaTeX", "[[1, 2]]",
        ),
        (formula("x: 2", "L = lnn(x)"), (3, 9), "did you mean `ln`?", "ln("),
        (
            "values:\n  - x: 2\n  - w: 3\nequations: [L = x * w]\n",
            (2, 3), "not a list", "x: …, and so on, without `- `",
        ),
        (formula("x: [2, 1]", "L = x^T @ x"), (3, 11), "`^T` would be a power", ".T"),
        (formula("x: [2, 1]", "L = ||x||^2"), (3, 9), "`||` has no meaning", "norm(…)"),
        (formula("x: 2", "L = |x|"), (3, 9), "`|` has no meaning", "abs(…)"),
        (formula("a: 1", r"z = \frac{1}{a}"), (3, 9), r"`\frac` is LaTeX", "a / b for"),
        (formula("a: 1", "f = 2 * a", "f += 1"), (4, 5), "`f +` cannot be", "f2 = f + …"),
        (formula("a: 1", "f[t] = a"), (3, 5), "`f[t]` cannot be", "f_t"),
        (formula("a: 1, b: 2", "z = a .* b"), (3, 11), "is taken entry by entry", "*"),
        (formula("a: 1, b: 2", "z = a ./ b^2"), (3, 11), "`./` has no meaning", "/"),
        (formula("x: [2, 1]", "z = sum(x.^2)"), (3, 14), "`.^` has no meaning", "^"),
        (formula("x: [2, 1]", "z = x . x"), (3, 11), "a point is no product", "dot(a, b)"),
        ("given: [x]\n" + formula("x: 2", "L = x^2"), (1, 1), "`given` is not", "values: {x"),
        (
            "values: {x: [2, 1]}\nequations: [z = dot(x, x), L = z^2]\n",
            (2, 22), "the comma in `z = dot(x, x)` begins another item", '"z = dot(x, x)"',
        ),
        (formula(MATRIX, "z = sum(inverse(A))"), (3, 13), "here it is `inv`", "inv(…)"),
        (formula(MATRIX, "z = determinant(A)"), (3, 9), "here it is `det`", "det(…)"),
        (formula(MATRIX, "z = conv2d(A, A)"), (3, 9), "here it is `conv`", "conv(…)"),
        (formula(MATRIX, "z = avg_pool(A, 2)"), (3, 9), "here it is `mean_pool`", "mean_pool(…)"),
        (formula(MATRIX, "z = BatchNorm1d(A)"), (3, 9), "here it is `batch_norm`", "batch_norm(…)"),
        (layer("np.array([[1, 2]])"), (3, 24), "without a function around it", "[[1, 0], [-1, 1]]"),
        (layer("[[1 2] [3 4]]"), (3, 22), "a comma is missing between these rows", "[[1, 0]"),
        ("values: {a_{1}: 1}\nequations: [f = 1]\n", (1, 12), "braces have no place", "a_1"),
        (layer("[[1, 2]]", ", bias: [.5.]"), (3, 34), "this point belongs to no number", "0.5"),
        ("x: (1, 2)\nlayers:\n  - {weights: [[1, 2]]}\n", (1, 4), "square brackets", "[1, 2]"),
        ("x: [1]\ny:\u00a0[1]\n", (2, 3), "no usual space (it is U+00A0)", "a space"),
        ("shapes: {W: 3x2}\nequations: [L = sum(W)]\n", (1, 13), "not `3x2`", "[3, 2]"),
        (layer("[[1, 2], [3, 4]]", ", skip: {from: 0}"), (3, 39), "a list of skips", "[{from: 0}]"),
        (formula("x: [2, 1]", "L = xᵀ @ x"), (3, 9), "`xᵀ` is not known", "x.T"),
        (formula("x: [2, 1]", "L = x_1 + x_2"), (3, 9), "`x_1` is not known", "x[1]"),
        (formula("x: [2, 1]", "L = x2^2"), (3, 9), "`x2` is not known", "x[2]"),
        (formula("x: [2, 1]", "L = x[0]"), (3, 11), "indices count from", "{indices: 0}"),
        (formula("x: 2", "L = x if x > 0 else 0"), (3, 11), "`if` has no meaning", "max(z, 0)"),
        (formula("x: 2", "L = ln(1 + x"), (3, 17), "a bracket is not closed", ")"),
        (formula("x: 2, w: 1", "L = w*x") + "train: w, x\n", (4, 8), "`w, x` are values", "[w, x]"),
        (layer("[[1, 2]]", ", activation: nn.ReLU"), (3, 37), "did you mean `relu`", "relu"),
        (layer("[[1, 2]]", ", activation: Sigmoid()"), (3, 37), "did you mean `sigm", "sigmoid"),
        (layer("[[1, 2]]") + "loss: MSELoss\n", (4, 7), "did you mean `mean-", "mean-sq"),
        (layer("[[1, 2]]") + "loss: nn.L1Loss()\n", (4, 7), "did you mean `abs", "absolute-error"),
        (
            layer("[[1, 2]]")
            + "update: {rule: sgd, learning_rate: 1, momentum: 0.9}\ny: [1]\nloss: huber\n",
            (4, 39), "`momentum` is not a key", "rule: momentum",
        ),
        ("x: [1 cm, 2]\nlayers:\n  - {weights: [[1, 2]]}\n", (1, 5), "a word behind it", "1 with"),
        ("x: [1 000, 2]\nlayers:\n  - {weights: [[1, 2]]}\n", (1, 5), "has a space in it", "1000"),
        ("x: [1 250, 2]\nlayers:\n  - {weights: [[1, 2]]}\n", (1, 5), "a space", "1250, or 1, 250"),
        ("x: [1,250, 2]\nlayers:\n  - {weights: [[1, 2]]}\n", (1, 5), "has a comma in", "or 1250"),
        (f"x: {'[' * 2000}{']' * 2000}\n", (1, 1003), "too deeply", "[[1, 0], [-1, 1]]"),
        (layer("3,6;4,5", ", bias: 1"), (3, 15), "`3,6` has a comma in it", "3.6"),
        (layer("[[1, 2]]", ", bias: 2,5e3"), (3, 31), "`2,5e3` has a comma", "2.5e3"),
        (layer("[[1, 2]]", ", bias: 1,-6"), (3, 31), "is a vector of 2", "a vector of 1"),
        (
            "x: [[1], [2]]\nlayers:\n  - {weights: [[1, 2]]}\n",
            (3, 15), "takes 2 inputs; x has 1", "x: […] for one sample of 2 numbers",
        ),
    ],
)  # fmt: skip
def test_what_to_write_instead(text: str, place: tuple[int, int], said: str, instead: str) -> None:
    at, message, offered = complaint(text)
    assert at == place
    assert said in message
    assert instead in offered


def test_a_layer_without_bias_may_be_written_without_it() -> None:
    """`x W`, as courses write a layer that has no bias, is the layer with samples as rows."""
    text = "convention: {{affine: {}}}\nx: [[0, 0, 1], [1, 0, 1]]\nlayers: [{{weights: {}}}]\n"
    rows = solve(loaded(Source("p.yaml", text.format("x W", "[[2], [3], [-1]]").encode())).model)
    columns = solve(loaded(Source("p.yaml", text.format("W x", "[[2, 3, -1]]").encode())).model)
    assert rows.trace.step("Z1").value.tolist() == [[-1], [1]]  # type: ignore[union-attr]
    assert columns.trace.step("Z1").value.tolist() == [[-1, 1]]  # type: ignore[union-attr]


LSTM = """x: [[1, 2]]
input: sequence
layers:
  - type: lstm
    input_weights: {i: [[1, 0]], f: [[0, 1]], o: [[1, 1]], g: [[2, 1]]}
    recurrent_weights: {i: 1, f: 2, o: 3, g: 4}
"""


@pytest.mark.parametrize(
    ("written", "other", "said", "instead"),
    [
        ("g: 4", "c: 4", "`c` is not a key of `recurrent_weights`; did you mean `g`?", "g"),
        ("f: [[0, 1]]", "forget: [[0, 1]]", "`forget` is not a key of `input_weights`", "f"),
        (", g: 4", "", "`g` is missing: it should be numbers", "{i: …, f: …, o: …, g: …}"),
        (
            "    recurrent_weights: {i: 1, f: 2, o: 3, g: 4}\n",
            "",
            "this layer has no `recurrent_weights`",
            "recurrent_weights: {i: …, f: …, o: …, g: …}",
        ),
        ("recurrent_weights", "hidden_weights", "`hidden_weights` is not", "recurrent_weights"),
    ],
)
def test_gates_by_other_names(written: str, other: str, said: str, instead: str) -> None:
    loaded(Source("problem.yaml", LSTM.encode()))  # as it is, nothing is wrong with it
    _, message, offered = complaint(LSTM.replace(written, other))
    assert said in message
    assert offered == instead


def test_equations_with_a_colon_each() -> None:
    text = "values: {W: 2, x: 3}\nequations:\n  z: W * x\n  L: z^2\n"
    place, message, instead = complaint(text)
    assert place == (3, 3)
    assert "should be a list of equations" in message
    assert instead == "- z = W * x, and so on, a line each"
    mended = text.replace("z: W", "- z = W").replace("  L: ", "  - L = ")
    assert solve(loaded(Source("problem.yaml", mended.encode())).model).trace.history == (36.0,)


@pytest.mark.parametrize(
    ("item", "instead"),
    [
        ("batch-norm", "{type: batch-norm, "),
        ("Flatten", "{type: flatten}"),
        ("max_pool", "{type: max-pool, "),
        ("3", "{units: 3} without numbers"),
        ("relu", "activation: relu in the layer before it, or {weights: "),
    ],
)
def test_a_layer_that_is_only_named(item: str, instead: str) -> None:
    text = f"x: [[1, 2], [3, 4]]\nlayers:\n  - {{weights: [[1, 0]]}}\n  - {item}\n"
    _, message, offered = complaint(text)
    assert "item 2 of `layers` should be a mapping" in message
    assert offered.startswith(instead)


@pytest.mark.parametrize(
    ("key", "instead"),
    [
        ("slope: 0.1", "activation: {name: leaky-relu, slope: 0.1}"),
        ("negative_slope: 0.1", "activation: {name: leaky-relu, slope: 0.1}"),
        ("keep: 0.5", "dropout: {mask: [1, 0, 1], keep: 0.5}"),
    ],
)
def test_what_belongs_to_an_activation_or_a_dropout(key: str, instead: str) -> None:
    assert complaint(layer("[[1, 0]]", f", {key}"))[2] == instead


def test_targets_of_one_step_behind_a_layer_over_time() -> None:
    _, message, instead = complaint(
        "x: [[1], [2]]\ninput: sequence\ny: [1]\nlayers:\n"
        "  - {type: rnn, input_weights: 1, recurrent_weights: 0.5}\n"
        "  - {weights: 1}\nloss: squared-error\n"
    )
    assert "1 output for each of 2 steps" in message
    assert "at: last-step" in instead


def test_a_constant_of_another_rule_names_the_rule() -> None:
    _, message, instead = complaint(
        "x: [1]\ny: [1]\nlayers: [{weights: 1}]\nloss: squared-error\n"
        "update: {rule: sgd, learning_rate: 0.1, beta: 0.9}\n"
    )
    assert "the rule `sgd` has no `beta`" in message
    assert instead == "leave it out, or rule: momentum"


def test_the_inverse_of_entries_is_not_written_as_that_of_a_matrix() -> None:
    """A⁻¹ is the inverse; entry by entry it is 1 / A, whose slope is −1 / A²."""
    import backprop_cli as backprop

    of_entries = backprop.load(formula(MATRIX, "z = sum(A^-1)")).solve()
    of_matrix = backprop.load(formula(MATRIX, "z = sum(inv(A))")).solve()
    assert np.allclose(of_entries["dz/dA"], [[-1, -1 / 4], [-1 / 9, -1 / 16]])
    assert "⁻¹" not in of_entries.render("text")
    assert "1 / A" in of_entries.render("text")
    assert "A⁻¹" in of_matrix.render("text")
    assert "^{-1}" not in of_entries.render("latex")


def test_a_vector_is_no_picture() -> None:
    _, message, instead = complaint(
        "x: [1, 2, 3]\ninput: picture\nlayers: [{type: conv, kernel: [1, 0]}]\n"
    )
    assert "x is a vector of 3" in message
    assert instead == "leave `input: picture` out, where x is a vector"


def test_a_dash_for_an_answer_that_is_missing() -> None:
    import backprop_cli as backprop

    problem = backprop.load("x: [1, 2]\nlayers: [{weights: [[1, 1]]}]\n")
    report = problem.check(b"answers:\n  Z1: -\n  Yhat: [3]\n")
    assert report["Z1"].verdict == "invalid"
    assert "a dash alone is no value" in report["Z1"].message
    assert report["Yhat"].verdict == "correct"


def test_what_to_do_with_a_sheet_is_said_in_words_that_fit() -> None:
    """Not "write save the file as UTF-8"."""
    import backprop_cli as backprop

    problem = backprop.load("x: [1, 2]\nlayers: [{weights: [[1, 1]]}]\n")
    (found,) = problem.check(b"student: M\xfcller\nanswers: {Z1: [3]}\n").data["submissions"]
    assert "; instead: save the file as UTF-8" in found["error"]["message"]


@pytest.mark.parametrize(
    ("rule", "instead"),
    [
        ("nag", "nesterov"),
        ("adamw", "adam, with `weight_decay` beside it"),
        ("GD", "sgd"),
        ("AMSGrad", "adam, with `form: amsgrad` beside it"),
        ("NAdam", "its step as equations, such as w1 = w - eta * g / sqrt(s + eps)"),
        ("rprop", "its step as equations, such as w1 = w - eta * g / sqrt(s + eps)"),
    ],
)
def test_rules_by_their_other_names(rule: str, instead: str) -> None:
    _, message, offered = complaint(
        "x: [1]\ny: [1]\nlayers: [{weights: 1}]\nloss: squared-error\n"
        f"update: {{rule: {rule}, learning_rate: 0.1}}\n"
    )
    assert f"not `{rule}`" in message
    assert offered == instead


@pytest.mark.parametrize(
    ("arguments", "said", "instead"),
    [
        (("derive", "--function", "mse"), "there is no function `mse`", "mean-squared-error"),
        (("derive", "--function", "bce"), "there is no function `bce`", "binary-cross-entropy"),
        (("derive", "--function", "x.T @ A @ x"), "`A` would be a matrix", "shapes: {A: [n, n]"),
        (("derive", "--expression", "x1, "), "found the end", ""),
        (("new", ""), "sketch ``: a network has inputs", "4-3-2"),
    ],
)
def test_on_the_command_line(arguments: tuple[str, ...], said: str, instead: str) -> None:
    from click.testing import CliRunner

    from backprop_cli.cli import main

    done = CliRunner().invoke(main, list(arguments))
    assert done.exit_code == 2
    assert said in done.stderr
    assert instead in done.stderr
    assert "found `]`" not in done.stderr


LAYER = "x: [1, 2]\nlayers:\n  - weights: [[1, 2]]\n"
STEPS = "for t in 1..2:"
CLASSES, CLASSIFIED = "y: [1, 2], P: [[0.9, 0.1], [0.3, 0.7]]", "L = cross_entropy(P, y)"
LOOP = f"values: {{w: [1, 2], h_0: 0}}\nequations:\n  - {STEPS}\n      - h_t = %s\n  - L = h_2\n"


@pytest.mark.parametrize(
    ("text", "place", "said", "instead"),
    [
        (formula("a: 1", "L = 'a^2'"), (3, 9), "stands without quotes", "no quotes"),
        (formula("y: 2", "y' = 2 * y", "L = y^2"), (3, 5), "cannot be the name", "y_prime"),
        ("values: {w': [1, 2]}\nequations: [L = 2]\n", (1, 10), "is not a name", "w_prime"),
        (formula("w: [1, 2]", "L = w' @ w"), (3, 10), "`'` has no meaning", PRIME),
        (formula("w: [1, 2]", "L = w.t() @ w"), (3, 10), "`w.` before a name", "w.T"),
        (formula("x: [1, 2]", "L = x[-1]"), (3, 11), "an index is", "from the start"),
        (formula("x: [1, 2]", "L = sum(x[1:])"), (3, 17), "an index is", "x[2:4]"),
        (formula("x: [1, 2]", "L = sum(i, x[i])"), (3, 18), "an index is", "sum(i in 1..3, …)"),
        (formula("x: [1, 2]", "L = sum_i x_i"), (3, 9), "is no sum here", "sum(i in 1..3, …)"),
        (formula("x: [1, 2]", "L = sum_t (x)"), (3, 9), "mean `sum`?", "sum(t in 1..3, …) over t"),
        (formula("x: [1, 2]", "c = [x; x]"), (3, 11), "`;` has no", "concat(a, b) for vectors"),
        (formula("x: [1, 2]", "c = x; d = x"), (3, 10), "`;` has no", "one equation a line"),
        (formula("x: [1, 2]", "c = x * h_(2)"), (3, 13), "no function `h_`", "h_{…}"),
        (formula("x: [1, 2]", "L = Σ x"), (3, 9), "is no sum here", "sum(…)"),
        (formula(CLASSES, CLASSIFIED), (3, 9), "`y * log(P)`: a vector", "targets of the shape"),
        (formula("x: [1, 2]", "L = norm(x, 2)"), (3, 9), "`norm` takes 1", "norm(…)"),
        (formula("x: 1", "L = leaky_relu(x, alpha=1)"), (3, 9), "no option `alpha`", "slope=…"),
        (formula("x: 1", "L = x && 1"), (3, 11), "`&` has no meaning", "(a > 0) * (b > 0)"),
        (formula("x: 5", "L = x % 2"), (3, 11), "`%` has no meaning", ""),
        (formula("x: 5", "L = 3%"), (3, 10), "`%` has no meaning", "/ 100"),
        (LOOP % "w[t] + h_{t+1}", (4, 22), "before it is defined", "as 3..1 for 1..3"),
        (LOOP.replace("2:", "2") % "w[t]", (3, 5), "a colon is missing", "for t in 1..2:"),
        ("x: [1.2.3]\n" + layer("[[1]]")[10:], (1, 8), "expected an operator", "such as 0.5"),
        ("x: [1， 2]\n" + layer("[[1, 2]]")[10:], (1, 5), "comma of full width", "1, 2"),
        ("x： [1, 2]\n" + layer("[[1, 2]]")[10:], (1, 2), "colon is one of full", "x: [1, 2]"),
        ("х: [1, 2]\n" + layer("[[1, 2]]")[10:], (1, 1), "U+0445, a Cyrillic", "x"),
        (layer("[[1, 2]]", ", dropout: 0.2"), (3, 34), "not `0.2`", "{mask: [1, 0, 1], keep: 0.5}"),
        (layer("[[1, 2]]") + " y: [1]\n", (4, 2), "indented by 1", "no spaces before it"),
        (LAYER + "     bias: [1]\n", (4, 6), "indented by 5", "4 spaces before it"),
        (layer("[[1, 2]]").replace("- {", "• {"), (3, 3), "an item of a list", "- {weights"),
        (formula("x: 1", "y_new = x", "L = y_new^2"), (3, 5), "end in `_new` are taken", "y"),
    ],
)  # fmt: skip
def test_the_only_complaint_says_what_to_write(
    text: str, place: tuple[int, int], said: str, instead: str
) -> None:
    """What follows from the slip is not complained of as well."""
    with pytest.raises(UserError) as found:
        loaded(Source("problem.yaml", text.encode()))
    (only,) = found.value.complaints
    assert (only.mark.line, only.mark.column) == place
    assert said in only.message
    assert instead in (only.instead or "")


def test_a_shape_that_cannot_be_read_is_the_only_thing_told() -> None:
    """The name is there: nothing is said of the formulas that use it."""
    said, found, _ = complaint("shapes: {x: (n), b: []}\nequations: ['L = sum(x) + b']\n")[::-1]
    assert "shape in square brackets" in said
    assert "not `(n)`" in found


def test_a_range_that_is_too_long_is_the_only_thing_told() -> None:
    text = LOOP.replace("1..2", "1..100000") % "w[1] + h_{t-1}"
    assert complaint(text)[1] == "a range has at most 1000 steps"

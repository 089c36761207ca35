"""Problem files that nobody means to write: each ends in a result, or is told with its place."""

from __future__ import annotations

import warnings
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from backprop_cli.cli import main
from backprop_cli.problem.text.lexer import is_name

EVERYWHERE = ["solve", "derive", "lint", "blank", "draw"]


def run(folder: Path, text: str, command: str, *options: str) -> Result:
    (folder / "p.yaml").write_text(text, encoding="utf-8")
    done = CliRunner().invoke(main, [command, str(folder / "p.yaml"), *options])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


# Training what the loss does not use ------------------------------------------------------------


@pytest.mark.parametrize("steps", [0, 1, 3, 4, 5, 50, 1000])
@pytest.mark.parametrize(
    "text",
    [
        "values: {x: 3, w: 2}\nequations: [q = w*0, L = x^2]\ntrain: [w]\n",
        "values: {x: 3, b: 1}\nequations: [L = x^2]\ntrain: [b]\n",
        "values: {x: 3, b: [[1, 2], [3, 4]]}\nequations: [L = x^2]\ntrain: [b]\n",
        (
            "x: [1, 2]\ny: [3]\nlayers: [{weights: [[1, 1]], bias: [0]}]\n"
            'loss: {formula: "sum(y^2)"}\n'
        ),
    ],
)
@pytest.mark.parametrize("rule", ["sgd", "momentum", "adam"])
def test_a_loss_without_parameters_stays_what_it_is(
    text: str, rule: str, steps: int, tmp_path: Path
) -> None:
    import json

    text += f"update: {{rule: {rule}, learning_rate: 0.1, steps: {steps}}}\n"
    done = run(tmp_path, text, "solve", "--format", "json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["loss"]["history"] == [9.0] * (steps + 1)


def test_what_is_used_is_trained_beside_what_is_not(tmp_path: Path) -> None:
    import json

    text = "values: {w: 2, b: 5}\nequations: [L = w^2]\ntrain: [w, b]\n"
    text += "update: {rule: sgd, learning_rate: 0.1, steps: 200}\n"
    done = run(tmp_path, text, "solve", "--format", "json")
    parameters = json.loads(done.stdout)["parameters"]
    np.testing.assert_allclose(parameters["w"], 2 * 0.8**200)
    assert parameters["b"] == 5


# Updates ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [*EVERYWHERE, "check"])
@pytest.mark.parametrize("form", ["classic", "ewma", "accumulate"])
@pytest.mark.parametrize("rule", ["sgd", "nesterov", "adagrad", "rmsprop", "adam", "momentum"])
def test_a_form_belongs_to_momentum(rule: str, form: str, command: str, tmp_path: Path) -> None:
    text = (
        "x: [1, 2]\ny: [1]\nlayers: [{weights: [[1, 2]]}]\nloss: squared-error\n"
        f"update: {{rule: {rule}, form: {form}, learning_rate: 0.1}}\n"
    )
    (tmp_path / "s.yaml").write_text("answers: {L: 16}\n")
    sheet = [str(tmp_path / "s.yaml")] if command == "check" else []
    done = run(tmp_path, text, command, *sheet)
    if rule == "momentum":
        assert done.exit_code in (0, 1)
    else:
        assert done.exit_code == 2
        assert f"p.yaml:5:{len(f'update: {{rule: {rule}, ') + 1}:" in done.stderr
        said = f"no form `{form}`" if rule in ("nesterov", "adam") else "one form only"
        assert said in done.stderr


def test_gradients_that_give_none_are_told(tmp_path: Path) -> None:
    text = "values: {W1: [[1, 2]]}\ngradients: {}\nupdate: {rule: sgd, learning_rate: 0.1}\n"
    done = run(tmp_path, text, "solve")
    assert done.exit_code == 2
    assert "p.yaml:2:1: " in done.stderr


@pytest.mark.parametrize("key", ["layers", "equations", "gradients"])
@pytest.mark.parametrize("value", ["[]", "{}", "~", '""', "0"])
def test_a_model_that_is_empty_is_told(key: str, value: str, tmp_path: Path) -> None:
    done = run(tmp_path, f"{key}: {value}\n", "solve")
    assert done.exit_code == 2
    assert "p.yaml:1:" in done.stderr


# Names ------------------------------------------------------------------------------------------

NO_NAMES = ["x½", "x⑴", "x🄁", "xﷺ", "x²", "x⁄2", "½", "_x", "1x", "x-1", "x.y", "x 1", ""]
NAMES = ["x", "x_1", "W1", "α", "ŷ", "Größe", "x१", "名", "ｘ", "𝐱", "ﬁ"]


@pytest.mark.parametrize("name", NO_NAMES)
def test_what_no_program_can_call_a_quantity_is_no_name(name: str, tmp_path: Path) -> None:
    assert not is_name(name)
    quoted = f'"{name}"'
    places = (
        f"values: {{{quoted}: [1, 2]}}\nequations: [L = 2]\n",
        f'values: {{x: 1}}\nequations: ["{name} = x", "L = x"]\n',
        f"x: [{quoted}, 2]\nlayers: [{{weights: [[1, 2]]}}]\n",
        f"shapes: {{x: [{quoted}, 2]}}\nequations: [y = sum(x)]\n",
    )
    for text in places:
        for command in EVERYWHERE:
            done = run(tmp_path, text, command)
            assert done.exit_code == 2, (text, command)
            assert "p.yaml:" in done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_what_a_program_can_call_a_quantity_is_a_name(name: str, tmp_path: Path) -> None:
    assert is_name(name)
    text = f'values: {{"{name}": [1, 2]}}\nequations: ["L = sum({name} * {name})"]\n'
    done = run(tmp_path, text, "solve", "--format", "python")
    assert done.exit_code == 0, done.output
    space: dict[str, object] = {}
    exec(compile(done.stdout, "program", "exec"), space)  # noqa: S102  # what a user would do
    assert space["L"] == 5


# Texts ------------------------------------------------------------------------------------------

HIDDEN = ["\u202e", "\u2066", "\u200b", "\ufeff", "\ufffe", "\uffff", "\U0001fffe", "\u00ad"]


@pytest.mark.parametrize("key", ["title", "source", "notes", "id"])
@pytest.mark.parametrize("hidden", HIDDEN)
def test_nothing_hides_in_a_text(hidden: str, key: str, tmp_path: Path) -> None:
    escape = f"\\u{ord(hidden):04x}" if ord(hidden) < 0x10000 else f"\\U{ord(hidden):08x}"
    text = (
        f'{key}: "before{escape}after"\nx: [1, 2]\ny: [1]\nlayers: [{{weights: [[1, 2]]}}]\n'
        "loss: squared-error\n"
    )
    for command, format_ in (
        *(("solve", f) for f in ("text", "json", "markdown", "latex", "html", "python")),
        *(("derive", f) for f in ("text", "markdown", "latex", "html")),
        ("draw", "svg"),
        ("draw", "text"),
        ("blank", "text"),
        ("lint", "text"),
    ):
        done = run(tmp_path, text, command, "--format", format_)
        assert done.exit_code in (0, 1), (command, format_, done.output)
        assert hidden not in done.stdout, (command, format_)
        if format_ == "svg":
            ET.fromstring(done.stdout)  # noqa: S314  # our own


def test_what_is_seen_stays_in_a_text(tmp_path: Path) -> None:
    text = 'title: "Übung 3 — ∂L/∂W, 反向传播, שלום 🙂"\nx: [1]\nlayers: [{weights: [[1]]}]\n'
    assert "Übung 3 — ∂L/∂W, 反向传播, שלום 🙂" in run(tmp_path, text, "solve").stdout


# Letters ----------------------------------------------------------------------------------------

OF_ONE = ["max(s)", "min(s)", "sum(s)", "mean(s)", "norm(s)", "logsumexp(s)", "max(s) * max(s, 2)"]


@pytest.mark.parametrize("formula", OF_ONE)
def test_reductions_of_a_letter_that_is_a_number(formula: str, tmp_path: Path) -> None:
    text = f'values: {{s: u}}\nequations: ["L = {formula}"]\n'
    for command in ("solve", "derive"):
        for format_ in ("text", "markdown", "latex", "html"):
            done = run(tmp_path, text, command, "--format", format_)
            assert done.exit_code == 0, (command, format_, done.output)


@pytest.mark.parametrize("formula", OF_ONE)
def test_their_values_are_right(formula: str, tmp_path: Path) -> None:
    """The same with the number in place of the letter, worked out by hand: all are s, but one."""
    text = f'values: {{s: 3}}\nequations: ["L = {formula}"]\n'
    done = run(tmp_path, text, "solve", "--only", "L", "--format", "json")
    import json

    (step,) = json.loads(done.stdout)["steps"]
    assert step["value"] == pytest.approx(9 if "*" in formula else 3)


@pytest.mark.parametrize(
    ("formula", "size"),
    [
        ("x/t + s", "too large"),
        ("x*x + s", "too large"),
        ("relu(s - x/t)", "too large"),
        ("s/x/x", "too small"),
        ("relu(s/x/x - 1)", "too small"),
    ],
)
def test_exact_numbers_end_where_floats_do(formula: str, size: str, tmp_path: Path) -> None:
    text = f'values: {{s: u, x: 1.7e308, t: 1/3}}\nequations: ["L = {formula}"]\n'
    for format_ in ("text", "json", "markdown", "latex", "html"):
        done = run(tmp_path, text, "solve", "--format", format_)
        assert done.exit_code == 2
        assert size in done.stderr
    within = text.replace("1.7e308", "1.7e80")
    assert run(tmp_path, within, "solve").exit_code == 0


# Numbers and equations at the edge --------------------------------------------------------------


@pytest.mark.parametrize("command", EVERYWHERE)
@pytest.mark.parametrize(
    "formula",
    [
        "(s ^ (sqrt(2) / 5e-324)) ^ abs(x)",
        "s / 5e-324",
        "(s / 1e-300) / 1e-300",
        "s / s / 0",
        "sum(x / s / 0)",
        "s / (2^1000000000) / (2^1000000000)",
        "(s / (5e-324 / x)) * (0.5 * s^x)",
    ],
)
def test_exact_numbers_never_leave_the_floats(command: str, formula: str, tmp_path: Path) -> None:
    """A quotient by a number is a product with another, unless that one is none any more."""
    text = f'values: {{x: [5], s: 8}}\nequations: ["q = {formula}"]\n'
    assert run(tmp_path, text, command).exit_code in (0, 1, 2)


def test_a_path_of_zeros_and_infinities_is_told_without_a_warning(tmp_path: Path) -> None:
    """A rectified probability is 0 or more than 1: the slope of its logarithm is infinite."""
    text = (
        "x: [0.5]\ny: [0.3, 0.1, 0.1]\nloss: binary-cross-entropy\nlayers:\n"
        "  - {weights: [[1], [3]], activation: softsign}\n"
        "  - {weights: [[-5, -3], [2, 3]], bias: [0.3, 1], activation: exp}\n"
        "  - {weights: [[1, 9], [0.7, 2], [-1, -1]], bias: [0.7, 5, 5], activation: relu}\n"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert run(tmp_path, text, "solve", "--entry", "W1[2,1]").exit_code == 0


@pytest.mark.parametrize("format_", ["text", "markdown", "latex", "html"])
def test_a_jacobian_that_has_no_formula_is_named(format_: str, tmp_path: Path) -> None:
    text = "ask: [dYhat/dW1]\nx: [1, 2]\nlayers: [{weights: [[1, 1]], bias: [0]}]\n"
    done = run(tmp_path, text, "derive", "--format", format_)
    assert (done.exit_code, "found by pulling each entry back" in done.output) == (0, True)


# What a file asks for that nobody can answer ------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "x"),
    [
        *((command, "[1, 2]") for command in ("solve", "blank", "handout", "draw", "lint")),
        *((command, "[a, b]") for command in ("solve", "derive", "handout")),
    ],
)
def test_nobody_works_out_what_is_given(command: str, x: str, tmp_path: Path) -> None:
    text = f"values: {{x: {x}, w: [3, 4], k: 2}}\nequations: [L = k*sum(x*w)]\nask: [dL/dw, k]\n"
    done = run(tmp_path, text, command)
    assert done.exit_code == 2
    assert ":3:14: `k` is given" in done.stderr
    assert run(tmp_path, text.replace(", k]", "]"), "solve").exit_code == 0  # as the message says


IN_STEPS = (
    "input: sequence\nx: [[1], [2]]\ny: [[1], [0]]\nlayers:\n"
    "  - {type: rnn, input_weights: [[1]], recurrent_weights: [[0.5]], bias: [0]}\n"
)


def test_what_has_no_gradient_has_no_second_derivative(tmp_path: Path) -> None:
    text = f"{IN_STEPS}loss: squared-error\nask: [d2L/dH1dH1_1]\n"
    done = run(tmp_path, text, "solve")
    assert done.exit_code == 2
    assert ":7:7: there is no quantity `d2L/dH1dH1_1`" in done.stderr


def test_the_perceptron_rule_is_for_weights(tmp_path: Path) -> None:
    text = f"{IN_STEPS}loss: none\nupdate: {{rule: perceptron, learning_rate: 1}}\n"
    done = run(tmp_path, text, "solve")
    assert done.exit_code == 2
    assert ":7:9: the perceptron rule is for one layer of weights" in done.stderr


@pytest.mark.parametrize("format_", ["text", "markdown", "latex", "html"])
def test_an_exercise_shows_the_update_of_what_is_updated(format_: str, tmp_path: Path) -> None:
    text = "values: {w: 2, b: 5}\nequations: [L = w^2]\ntrain: [b, w]\n"
    text += "update: {rule: sgd, learning_rate: 0.1}\n"
    done = run(tmp_path, text, "handout", "--format", format_)
    assert done.exit_code == 0
    assert "in the same way" not in done.stdout
    alone = text.replace("[b, w]", "[b]")
    assert "uses nothing that is trained" in run(
        tmp_path, alone, "handout", "--format", format_
    ).stdout.replace("\n", " ")


@pytest.mark.parametrize(
    ("z", "axis", "zero"),
    [("[3]", "", "∂p₁/∂z₁ = 0"), ("[[3], [4]]", ", axis=1", "∂pₖ₁/∂zᵢ₁ = 0")],
)
def test_a_softmax_of_one_number_is_derived(z: str, axis: str, zero: str, tmp_path: Path) -> None:
    text = f"values:\n  z: {z}\nequations:\n  - p = softmax(z{axis})\n  - L = 2*sum(p)\n"
    done = run(tmp_path, text, "derive", "--of", "p", "--wrt", "z")
    assert done.exit_code == 0
    assert zero in done.stdout


# Formulas inside one another ---------------------------------------------------------------------


@pytest.mark.parametrize("format_", ["text", "latex", "json"])
def test_a_window_slides_within_a_number(format_: str, tmp_path: Path) -> None:
    text = (
        "values: {w: [1, -2], x: [1, 2, 3], k: [4, -1]}\n"
        "equations:\n  - L = dot(w, sinh(conv(x, k)))\n"
    )
    for command in ("solve", "derive"):
        assert run(tmp_path, text, command, "--format", format_).exit_code == 0


def test_what_takes_a_whole_matrix_is_not_written_out(tmp_path: Path) -> None:
    text = "values: {s: q, A: [[1, 2], [3, 5]]}\nequations:\n  - p = det(A)*s\n  - L = max(p, s)\n"
    done = run(tmp_path, text, "solve", "--only", "p")
    assert done.exit_code == 0
    assert "all of A is in it at once" in " ".join(done.stdout.split())


def test_what_is_counted_later_is_no_more_than_promised(tmp_path: Path) -> None:
    """A sheet is refused by the count of equations first, then by that of the parts."""
    chain = [f"  - q{n + 1} = exp(q{n} + q{n})" for n in range(120)]
    text = "\n".join(["values: {q0: 0.1}", "equations:", *chain, ""])
    (tmp_path / "s.yaml").write_text("answers: {q1: 1}\n")
    done = run(tmp_path, text, "check", str(tmp_path / "s.yaml"))
    assert done.exit_code == 2
    assert " at least, or a smaller problem" in done.stderr


# Programs of what is infinite --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "value", "slope"),
    [
        ("1/s", np.inf, -np.inf),
        ("s^-1", np.inf, -np.inf),
        ("s^(-0.5)", np.inf, -np.inf),
        ("log(s)", -np.inf, np.inf),
        ("(1e200 + s)^2", np.inf, 2e200),
        ("logdet([[s, 1], [1, 0]])", np.nan, 0.0),  # of a determinant below 0
    ],
)
def test_a_program_goes_on_where_numbers_end(
    formula: str, value: float, slope: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = f"values: {{s: 0}}\nequations:\n  - L = {formula}\n"
    program = run(tmp_path, text, "solve", "--format", "python").stdout
    names: dict[str, object] = {}
    with np.errstate(all="ignore"):
        exec(compile(program, "program", "exec"), names)  # noqa: S102  # our own
    capsys.readouterr()
    results = names["results"]
    assert isinstance(results, dict)
    np.testing.assert_equal(float(results["L"]), value)
    np.testing.assert_allclose(results["dL/ds"], slope)

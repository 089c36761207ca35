"""Slips of those who come from NumPy, PyTorch, Matlab, LaTeX or another language: what is told.

Whoever follows the advice to the letter has a file that is read.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

import backprop_cli
from backprop_cli.cli import main
from backprop_cli.errors import Complaint, Mark, UserError
from backprop_cli.problem.problem_file import Source
from backprop_cli.solving.loading import loaded
from backprop_cli.terminal.console import complaints_text

BAD = sorted((Path(__file__).parent / "bad-newcomers").glob("*.yaml"))


def told(text: str) -> list[Complaint]:
    """What is said about a problem file, in its order."""
    with pytest.raises(UserError) as caught:
        loaded(Source("homework.yaml", text.encode()))
    return list(caught.value.complaints)


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_what_a_newcomer_is_told(path: Path) -> None:
    with pytest.raises(UserError) as caught:
        loaded(Source(path.name, path.read_bytes()))
    said = complaints_text(caught.value) + "\n"
    assert said == path.with_suffix(".txt").read_text(encoding="utf-8")


NET = """\
x: [1, 0]
y: [0, 1]
layers:
  - {weights: [[3, 6], [4, 5]], bias: [1, -6], activation: sigmoid}
  - {weights: [[2, 3], [4, 3]], bias: [-1, -2], activation: softmax}
loss: cross-entropy
"""
BLOCK = """\
title: XOR by hand
x: [1, 0]
y: [0, 1]
layers:
  - weights: [[3, 6], [4, 5]]
    bias: [1, -6]
    activation: sigmoid
  - weights: [[2, 3], [4, 3]]
    activation: softmax
loss: cross-entropy
"""
FORMULAS = """\
values: {x: [1, 2], W: [[1, 0], [0, 1]], b: [0, -1], y: 4}
equations:
  - z = W @ x + b
  - L = sum(z) * y
"""


def swapped(text: str, right: str, slip: str) -> str:
    assert text.count(right) == 1
    return text.replace(right, slip)


# the right text, what stands there instead, the piece that is complained of, what to write for it
FOLLOWED = (
    (NET, "x: [1, 0]", 'x: "[1, 0]"', '"[1, 0]"', "[1, 0]"),
    (NET, "x: [1, 0]", "x: (1, 0)", "(1, 0)", "[1, 0]"),
    (NET, "[[3, 6], [4, 5]]", "((3, 6), (4, 5))", "((3, 6), (4, 5))", "[[3, 6], [4, 5]]"),
    (NET, "[[3, 6], [4, 5]]", "'[3, 6; 4, 5]'", "'[3, 6; 4, 5]'", '"3, 6; 4, 5"'),
    (NET, "bias: [1, -6]", "bias: np.zeros(2)", "np.zeros(2)", "[0, 0]"),
    (NET, "cross-entropy", "cross_entropy(yhat, y)", "cross_entropy(yhat, y)", "cross-entropy"),
    (NET, "cross-entropy", "nn.CrossEntropyLoss()", "nn.CrossEntropyLoss()", "cross-entropy"),
    (
        *(NET, "activation: sigmoid", "activation: leaky_relu(0.1)"),
        *("leaky_relu(0.1)", "{name: leaky-relu, slope: 0.1}"),
    ),
    (
        *(NET, "activation: sigmoid", "activation: {formula: max(0, z)}"),
        *("max(0, z)", '"max(0, z)"'),
    ),
    (NET, "layers:", "schichten:", "schichten", "layers"),
    (NET, "layers:", "couches:", "couches", "layers"),
    (NET, "x: [1, 0]", "entrée: [1, 0]", "entrée", "x"),
    (NET, "weights: [[3", "gewichte: [[3", "gewichte", "weights"),
    (NET, "weights: [[3", "poids: [[3", "poids", "weights"),
    (FORMULAS, "L = sum(z) * y", "L = 0,5 * (y - 3)^2", "0,5", "0.5"),
    (FORMULAS, "L = sum(z) * y", "L = sum(z .^ 2)", ".^", "^"),
    (FORMULAS, "z = W", "$z$ = W", "$z$", "z"),
    (FORMULAS, "sum(z)", "z.sum()", "z.sum()", "sum(z)"),
    (BLOCK, "sigmoid", "max(0, z)", "max(0, z)", '{formula: "max(0, z)"}'),
    (
        *(NET, "cross-entropy", "-sum(y * ln(yhat))"),
        *("-sum(y * ln(yhat))", '{formula: "-sum(y * ln(yhat))"}'),
    ),
    (NET, "x: [1, 0]", "x: [1, O.5]", "O.5", "0.5"),
    (NET, "x: [1, 0]", "x: [1, 0..5]", "0..5", "0.5"),
    (NET, "[1, -6]", "[b1: 1, -6]", "b1: 1", "1"),
    (BLOCK, "[1, -6]", "0.5,", "0.5,", "0.5"),
    (BLOCK, "x: [1, 0]", "x: [1, 0],", "x: [1, 0],", "x: [1, 0]"),
    (BLOCK, "x: [1, 0]", "x: [1, 0];", "x: [1, 0];", "x: [1, 0]"),
    (BLOCK, "x: [1, 0]", "x: [1, 0] // bits", "x: [1, 0] // bits", "x: [1, 0] # bits"),
    (BLOCK, "x: [1, 0]", "x: [1, 0] % bits", "x: [1, 0] % bits", "x: [1, 0] # bits"),
    (
        *(BLOCK, "[[3, 6], [4, 5]]", "[3, 6], [4, 5]"),
        *("- weights: [3, 6], [4, 5]", "- weights: [[3, 6], [4, 5]]"),
    ),
    (BLOCK, "XOR by hand", "Exercise 3: XOR", "title: Exercise 3: XOR", 'title: "Exercise 3: XOR"'),
)


@pytest.mark.parametrize(("text", "right", "slip", "piece", "instead"), FOLLOWED)
def test_advice_that_is_followed_to_the_letter_mends_the_file(
    text: str, right: str, slip: str, piece: str, instead: str
) -> None:
    wrong = swapped(text, right, slip)
    first = told(wrong)[0]
    assert first.instead == instead
    line = wrong.split("\n")[first.mark.line - 1]
    start, end = line.index(piece), line.index(piece) + len(piece)
    assert start <= first.mark.column - 1 <= end
    loaded(Source("homework.yaml", wrong.replace(piece, instead, 1).encode()))


@pytest.mark.parametrize("at", [2, 3, 5, 6])
def test_a_line_that_is_indented_otherwise_is_told_the_spaces_of_its_neighbours(at: int) -> None:
    (said,) = told(swapped(BLOCK, "    bias", " " * at + "bias"))
    assert (said.mark, said.instead) == (Mark(6, at + 1), "4 spaces before it")


def test_an_item_whose_dash_is_lost_is_told_once() -> None:
    (said,) = told(swapped(BLOCK, "  - weights: [[2", "    weights: [[2"))
    assert said.mark == Mark(8, 5)
    assert said.instead == "- weights: … for another item, or one of the two"


@pytest.mark.parametrize("typed", ["[1,, 0]", "[1, , 0]", "[- 1, 0]"])
def test_signs_that_stand_alone_in_brackets_are_told_as_such(typed: str) -> None:
    (said,) = told(swapped(NET, "x: [1, 0]", f"x: {typed}"))
    assert "comma" in said.message or "minus" in said.message


@pytest.mark.parametrize(
    ("slip", "mended"),
    [
        ("L = np.sum(z)", "L = sum(z)"),
        ("L = torch.sum(z)", "L = sum(z)"),
        ("L = W.dot(x)[1]", "L = (W @ x)[1]"),
        ("L = sum(tanh^2(z))", "L = sum(tanh(z)^2)"),
        ("L = sum(W, 0)[1]", "L = sum(W, axis=0)[1]"),
        ("L = log(y, 2)", "L = ln(y) / ln(2)"),
        ("L = sum(v for v in z)", "L = sum(z)"),
        ("L = y // 2", "L = y / 2"),
    ],
)
def test_what_is_python_is_said_to_be_no_formula(slip: str, mended: str) -> None:
    """Each says what to write, with the function's own name; what is meant is read."""
    said = told(swapped(FORMULAS, "L = sum(z) * y", slip))
    assert len(said) == 1
    assert said[0].instead is not None
    loaded(Source("homework.yaml", swapped(FORMULAS, "L = sum(z) * y", mended).encode()))


@pytest.mark.parametrize(
    "slip",
    ["$z$ = W @ x + b", "z := W @ x + b", "z == W @ x + b", "z() = W @ x + b", "z -> W @ x + b"],
)
def test_what_follows_from_an_equation_that_is_none_is_not_told(slip: str) -> None:
    said = told(swapped(FORMULAS, "z = W @ x + b", slip))
    assert [complaint.mark.line for complaint in said] == [3]


@pytest.mark.parametrize(
    "values", ["  x = 2\n  w = 3\n", "  - x: 2\n  - w: 3\n", "  x: 2\n  w = 3\n"]
)
def test_what_follows_from_values_that_are_none_is_not_told(values: str) -> None:
    said = told(f"values:\n{values}equations:\n  - L = w * x\n")
    assert all(complaint.mark.line < 4 for complaint in said)


def test_a_name_that_nothing_gives_is_told_beside_another_slip() -> None:
    said = told(swapped(FORMULAS, "z = W @ x + b", "z == W @ x + b").replace("* y", "* nothing"))
    assert [complaint.mark.line for complaint in said] == [3, 4]


@pytest.mark.parametrize("steps", ["[]", "", "''"])
def test_a_loop_over_nothing_is_told(steps: str) -> None:
    text = f"values: {{x: 1}}\nequations:\n  - for t in 1..3: {steps}\n  - L = x^2\n"
    assert told(text)[0].mark.line == 3


def test_a_key_that_stands_for_another_is_where_its_consequence_is_told() -> None:
    said = told(NET.replace("loss: cross-entropy\n", "optimizer: {name: SGD}\n"))
    assert {complaint.mark.line for complaint in said} == {6}


@pytest.mark.parametrize("text", ["\0", "a\0b.yaml", "x: \udc8b\n", {"x": "\udc8b"}])
def test_text_that_no_file_can_hold_is_refused(text: str | dict[str, str]) -> None:
    with pytest.raises(backprop_cli.Error):
        backprop_cli.load(text)


def test_places_are_those_of_the_slip() -> None:
    said = told(swapped(FORMULAS, "sum(z) * y", "sum(0.5 * z) + 1,5"))
    assert said[0].mark == Mark(4, 25)


@pytest.mark.parametrize(
    ("right", "slip"),
    [
        ("activation: sigmoid", "activation sigmoid"),
        ("activation: sigmoid", "activation=sigmoid"),
        ("activation: sigmoid", "activation = sigmoid"),
    ],
)
def test_a_colon_left_out_in_braces_is_the_only_thing_told(right: str, slip: str) -> None:
    wrong = swapped(NET, right, slip)
    (said,) = told(wrong)
    assert said.mark.line == 4
    assert said.instead == right


@pytest.mark.parametrize(
    "call", ["dot(x)", "dot(x, x, x)", "identity(x, x)", "linear()", "min()", "outer(x)", "pi(x)"]
)
def test_a_function_there_is_does_not_stand_in_for_itself(call: str) -> None:
    (said,) = told(swapped(FORMULAS, "sum(z) * y", call))
    assert "takes" in said.message
    assert "no function" not in said.message


@pytest.mark.parametrize(
    ("text", "order"), [("softmaxz)/(c(", None), ("z : 2", None), ("z)", 1), ("", 1), ("outer", 1)]
)
def test_a_function_that_is_none_is_told_as_what_was_typed(text: str, order: int | None) -> None:
    """No bracket that nobody typed, no function that was not meant, and the option it is of."""
    more = [] if order is None else ["--taylor", str(order)]
    done = CliRunner().invoke(main, ["derive", "--function", text, *more])
    assert done.exit_code == 2
    assert done.stderr.startswith("--function")
    assert "`]`" not in done.stderr
    assert "huber" not in done.stderr


def test_sizes_of_a_sketch_between_dashes_copied_from_a_page() -> None:
    assert backprop_cli.new("3–2–1").text == backprop_cli.new("3-2-1").text


@pytest.mark.parametrize(
    "remark", ["author: Smith (2020)", "site: http://a.b/c", "mail: ann@uni.org", "half: 1/2"]
)
def test_a_remark_is_no_formula(remark: str) -> None:
    """A formula is made of what the file names."""
    text = "values: {w: 2}\ngradients: {w: 0.5}\nupdate: {rule: sgd, learning_rate: 0.1}\n"
    (complaint,) = told(text + remark)
    assert "is not a key of a problem file" in complaint.message


def test_a_formula_may_use_what_stands_under_values() -> None:
    first, *_ = told("values: {w: 2}\nz: 3 * w\n")
    assert first.message == "the formula of `z` belongs under `equations`"


ONE = "layers: [{weights: [[2, 1]], bias: [1]}]\nloss: squared-error"
COLUMN = "layers: [{weights: [[2], [1]], bias: [1]}]\nloss: squared-error"


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        (
            "model: {layers: [{weights: [[2]]}], loss: squared-error}\ndata: {x: [1], y: [3]}",
            ["layers: …, loss: …, a line each", "x: …, y: …, a line each"],
        ),
        (
            "problem: {values: {w: 3}, equations: [L = w^2]}",
            ["values: …, equations: …, a line each"],
        ),
        (
            "inputs: {x: 2}\nparameters: {w: 3}\nequations: [L = w * x]",
            ["values: {x: 2, w: 3}"],
        ),
        ("values: {x: 2}\ninitial: {h_0: 3}\nequations: [L = x * h_0]", ["values: {h_0: 3}"]),
        ("values: {w: 3}\nequations:\n  z: w^2\n  L: 2*z", ["- z = w^2, and so on, a line each"]),
        (
            'values: {h_0: 3}\nequations:\n  for t in 1..2: ["h_t = 2*h_{t-1}"]\n  L: h_2^2',
            ["- L = h_2^2, and so on, a line each"],
        ),
        (
            "x: [1, 2]\ny: [3]\nlayers: {out: {weights: [[2, 1]]}}\nloss: squared-error",
            ["- {weights: …}"],
        ),
        (
            "x: [1]\ny: 3\nlayers: {a: {weights: [[2]]}, b: {weights: [[1]]}}\nloss: squared-error",
            ["- {weights: …}, and so on, a line each"],
        ),
        (
            "x: [1]\ny: [3]\nlayers: {weights: [[2]], bias: [1]}\nloss: squared-error",
            ["- {weights: …, bias: …}"],
        ),
        (f"x: {{x1: 0.05, x2: 2}}\ny: [3]\n{ONE}", ["[0.05, 2], without names"]),
        (f"inputs: {{x1: 0.05, x2: 2}}\ny: [3]\n{ONE}", ["x: [0.05, 2] for the numbers"]),
        (f"inputs: [1, 2]\ny: [3]\n{ONE}", ["x: [1, 2] for the numbers"]),
        (f"x: [1, 2]\ny: {{o1: 0.01}}\n{ONE}", ["[0.01], without names"]),
        (
            f"x: [1, 2]\ny: [3]\n{ONE}\nlearning_rate: 0.5",
            ["update: {rule: sgd, learning_rate: 0.5}"],
        ),
        (
            f"x: [1, 2]\ny: [3]\n{ONE}\nupdate: {{rule: momentum, learning_rate: 1, momentum: 0}}",
            ["beta: 0, with rule: momentum or nesterov"],
        ),
        (
            "w1: 0.5\nw2: 0.3\nx: 1\nb: 0.2",
            [
                (
                    "values: {w1: 0.5, w2: 0.3, x: 1, b: 0.2}, equations: with lines such as"
                    " `- z = w1 * x`"
                )
            ],
        ),
        (
            "inputs: {i1: 0.05}\nweights: {w1: 0.15}\nbiases: {b1: 0.35}\nactivation: sigmoid",
            [
                (
                    "values: {i1: 0.05, w1: 0.15, b1: 0.35}, equations: with lines such as"
                    " `- z = w1 * i1`"
                )
            ],
        ),
        (
            "values: {i1: 0.05, w1: 0.2}",
            ["equations: with a line such as `- z = w * x` for each step"],
        ),
        (f"x: [1, 2]\ny: [3]\naffine: x W + b\n{COLUMN}", ["convention: {affine: x W + b}"]),
        (
            f"x: [1, 2]\ny: [3]\n{COLUMN}\nconvention: {{affine: x W + b}}\nlog: 2",
            ["convention: {log: 2}"],
        ),
    ],
)
def test_whatever_is_put_elsewhere_is_told_once(text: str, advice: list[str]) -> None:
    """Nothing but where it belongs: what is there is read on."""
    assert [each.instead for each in told(text)] == advice


def test_what_is_put_elsewhere_hides_no_other_slip() -> None:
    said = told("given: {x: 2}\nequations: {a: x^2, b: foo(a), L: c*b}")
    assert [each.mark.line for each in said] == [1, 2, 2]
    assert "foo" in said[2].message


def test_a_group_of_numbers_is_no_part_of_a_network() -> None:
    """What no equation uses, and no key of a problem stands in, keeps its own complaint."""
    told_of = told(f"x: [1, 2]\ny: [3]\n{ONE}\nsettings: {{verbose: 1}}")
    assert len(told_of) == 1
    assert "`settings` is not a key" in told_of[0].message


def test_class_numbers_are_no_names_of_outputs() -> None:
    text = f"x: [1, 2]\ny: {{labels: [0]}}\n{ONE}"
    assert "`classes` is missing" in told(text)[0].message

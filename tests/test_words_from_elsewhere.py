"""Words that people bring along for a convention or a gradient: what they are told instead."""

from __future__ import annotations

import pytest

import backprop_cli as backprop
from backprop_cli.errors import Complaint, UserError
from backprop_cli.problem.problem_file import Source
from backprop_cli.solving.loading import loaded

UNITS_IN_COLUMNS = """
x: [1, 2]
y: [1]
layers:
  - {weights: [[1, 0, 2], [-1, 1, 2]], bias: [0, -1, 1], activation: sigmoid}
  - {weights: [[2], [-1], [1]], bias: [0.5]}
loss: half-squared-error
"""
UNITS_IN_ROWS = """
x: [1, 2]
y: [1]
layers:
  - {weights: [[1, -1], [0, 1], [2, 2]], bias: [0, -1, 1], activation: sigmoid}
  - {weights: [[2, -1, 1]], bias: [0.5]}
loss: half-squared-error
"""


def told(text: str) -> list[Complaint]:
    with pytest.raises(UserError) as caught:
        loaded(Source("homework.yaml", text.encode()))
    return list(caught.value.complaints)


@pytest.mark.parametrize(
    ("line", "instead", "numbers"),
    [
        ("orientation: columns", "convention: {affine: W^T x + b}", UNITS_IN_COLUMNS),
        ("orientation: rows", "convention: {affine: W x + b}", UNITS_IN_ROWS),
        ("layout: columns", "convention: {affine: W^T x + b}", UNITS_IN_COLUMNS),
        ("layout: row-major", "convention: {affine: W x + b}", UNITS_IN_ROWS),
        ("weights: columns", "convention: {affine: W^T x + b}", UNITS_IN_COLUMNS),
        ("vectors: columns", "convention: {affine: W x + b}", UNITS_IN_ROWS),
        ("vectors: rows", "convention: {affine: x W + b}", UNITS_IN_COLUMNS),
        ("affine: columns", "convention: {affine: W^T x + b}", UNITS_IN_COLUMNS),
        ("layout: denominator", "convention: {jacobian: denominator}", UNITS_IN_ROWS),
    ],
)
def test_a_word_for_the_orientation_is_told_with_the_value_that_it_means(
    line: str, instead: str, numbers: str
) -> None:
    """Whatever the shapes: which of them fit follows from what could not be read."""
    for typed in (UNITS_IN_COLUMNS, UNITS_IN_ROWS):
        (complaint,) = told(line + typed)
        assert complaint.instead == instead
    assert backprop.load(instead + numbers).solve()["Z1"].shape == (3,)


@pytest.mark.parametrize("word", ["columns", "rows", "wibble"])
@pytest.mark.parametrize("key", ["affine", "orientation", "weight_layout"])
def test_an_affine_that_cannot_be_read_is_followed_by_no_complaint_of_shapes(
    key: str, word: str
) -> None:
    complaints = told(f"convention: {{{key}: {word}}}" + UNITS_IN_COLUMNS)
    assert not [each for each in complaints if "matrix" in each.message]
    if key == "affine":
        means = {"columns": "W^T x + b", "rows": "W x + b"}
        assert [each.instead for each in complaints] == [means.get(word)]


def test_shapes_are_complained_of_where_another_convention_is_unread() -> None:
    complaints = told("convention: {jacobian: wibble}" + UNITS_IN_COLUMNS)
    assert len([each for each in complaints if "matrix" in each.message]) == 2


@pytest.mark.parametrize(
    "text",
    [
        "loss: hinge\nmodel:\n  x: [1]\n  y: [1]\n  loss: hinge\n  layers: [{weights: [[1]]}]\n",
        "values: {x: 1, w: 2}\nx: 3\nequations:\n  - L = w * x\n",
        "inputs: {x: 1}\nparameters: {x: 3, w: 2}\nequations:\n  - L = w * x\n",
    ],
)
def test_a_key_in_two_places_is_said_to_be_there_twice(text: str) -> None:
    twice = [each for each in told(text) if "is given twice" in each.message]
    assert [each.instead for each in twice] == ["one of the two"]


EQUATIONS = """
values: {x: [1, 2], W: [[1, 0], [-1, 1]]VALUES}
equations:
  - z = W @ x
  - h = sigmoid(z)MORE
train: [W]
"""


def written(values: str = "", more: str = "") -> str:
    return EQUATIONS.replace("VALUES", values).replace("MORE", more)


@pytest.mark.parametrize(
    "text",
    [
        written(more="\n  - dL/dh = [0.5, -0.2]"),
        written(more="\n  - ∂L/∂h = [0.5, -0.2]"),
        written(", dE/dh: [0.5, -0.2]"),
        written(more="\n  - dL/dh = g(h)"),
        written() + "dL/dh: [0.5, -0.2]\n",
    ],
)
def test_a_gradient_from_outside_belongs_under_upstream(text: str) -> None:
    (complaint,) = told(text)
    assert complaint.instead is not None
    assert complaint.instead.startswith("upstream: {h: ")


@pytest.mark.parametrize("name", ["h", "dL/dh", "∂L/∂h", "dE/dh"])
def test_upstream_takes_the_name_of_the_gradient(name: str) -> None:
    solved = backprop.load(written() + f"upstream: {{{name}: [0.5, -0.2]}}\n").solve()
    h = [1 / (1 + 2.718281828459045**-z) for z in (1, 1)]
    deltas = [g * s * (1 - s) for g, s in zip((0.5, -0.2), h, strict=True)]
    assert solved["dL/dW"].tolist() == [pytest.approx([d * 1, d * 2]) for d in deltas]


def test_upstream_of_one_quantity_by_two_names_is_given_twice() -> None:
    (complaint,) = told(written() + "upstream: {h: [1, 1], dL/dh: [0.5, -0.2]}\n")
    assert complaint.message == "the gradient of h is given twice"


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("x + 0.1 * sign(dL/dx)", "`dL/dx`"),
        ("x + 0.1 * sign(∂L / ∂x)", "`∂L / ∂x`"),
        ("x + 0.1 * sign(grad(L, x))", "`grad(…)`"),
        ("x + 0.1 * sign(grad_x)", "`grad_x`"),
        ("x + 0.1 * sign(dLdx)", "`dLdx`"),
        ("x + 0.1 * ∇x", "`∇x`"),
    ],
)
def test_a_gradient_in_a_formula_is_told_what_to_write(formula: str, said: str) -> None:
    more = f"\n  - L = sum(h)\n  - a = {formula}\n  - L2 = sum(W @ a)"
    (complaint,) = told(written(more=more))
    assert complaint.message.startswith(f"{said} is worked out from the equations")
    assert complaint.instead is not None
    assert complaint.instead.startswith("g = …, an equation")


def test_a_quotient_of_two_quantities_is_none() -> None:
    text = "values: {dL: 6, dx: 3, x: 1, d: 2}\nequations:\n  - r = dL/dx + d/d\n  - L = r * x\n"
    assert backprop.load(text).solve()["L"] == 3


@pytest.mark.parametrize(("start", "range_"), [("h_1", "2..4"), ("h_0", "1..3")])
def test_a_last_step_that_is_a_letter_is_told_with_the_first_that_stands_there(
    start: str, range_: str
) -> None:
    """And nothing is said of h_T, which follows."""
    (complaint,) = told(
        f"values: {{w: 0.5, {start}: 0}}\nequations:\n  - for t in {range_[0]}..T:\n"
        "    - h_t = tanh(w + h_{t-1})\n  - L = h_T\n"
    )
    assert complaint.instead == f"a whole number: {range_}"

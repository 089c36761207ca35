"""Sheets that call quantities as the course does: what `notation` prints, E and J for the loss."""

from __future__ import annotations

import numpy as np
import pytest

import backprop_cli as backprop

NETWORK = """
x: [0.5, -1]
y: [1]
layers:
  - {weights: [[0.5, -1.5], [2, 3]], bias: [0.25, 0], activation: sigmoid}
  - {weights: [[1, -2]], activation: sigmoid}
loss: half-squared-error
update: {rule: sgd, learning_rate: 0.5}
"""
COURSE = "notation: {loss: E, pre: net, post: out, output: o, weights: w, input: i, target: t}\n"
BISHOP = "notation: {loss: E, pre: a, post: z}\n"


def figures() -> dict[str, list[str] | str]:
    """The step in the course's letters, as NumPy has it."""
    x, w1, w2 = np.array([0.5, -1]), np.array([[0.5, -1.5], [2, 3]]), np.array([1, -2])
    net1 = w1 @ x + [0.25, 0]
    out1 = 1 / (1 + np.exp(-net1))
    o = 1 / (1 + np.exp(-(w2 @ out1)))
    d2 = (o - 1) * o * (1 - o)
    d1 = d2 * w2 * out1 * (1 - out1)
    found = {
        "net1": net1, "out1": out1, "net2": [w2 @ out1], "o": [o], "dE/do": [o - 1],
        "dE/dnet2": [d2], "∂E/∂net1": d1, "w2_new": w2 - 0.5 * d2 * out1,
    }  # fmt: skip
    sheet = {name: [f"{one:.4f}" for one in value] for name, value in found.items()}
    return {**sheet, "E": f"{(o - 1) ** 2 / 2:.4f}"}


@pytest.mark.parametrize("kind", ["yaml", "dict"])
def test_what_notation_prints_may_be_written_on_a_sheet(kind: str) -> None:
    sheet = figures()
    lines = [f'  "{name}": {value}\n'.replace("'", "") for name, value in sheet.items()]
    text = ("answers:\n" + "".join(lines)).encode()
    report = backprop.load(NETWORK + COURSE).check(text if kind == "yaml" else sheet)
    right = {result.id for result in report.results if result.verdict == "correct"}
    assert right == {
        "Z1", "H1", "Z2", "Yhat", "L", "dL/dYhat", "dL/dZ2", "dL/dZ1", "W2_new",
    }  # fmt: skip
    assert not report.remarks


@pytest.mark.parametrize("loss", ["E", "J", "C", "Loss", "E_total", "cost", "Error"])
@pytest.mark.parametrize("kind", ["yaml", "dict"])
def test_a_loss_by_another_letter_where_nothing_is_called_so(loss: str, kind: str) -> None:
    name = f"d{loss}/dW2"
    sheet = f'answers: {{"{name}": [[1, 1]]}}\n'.encode() if kind == "yaml" else {name: "1 1"}
    report = backprop.load(NETWORK).check(sheet)
    assert report["dL/dW2"].verdict == "wrong"
    assert report["dL/dW2"].id == "dL/dW2"


@pytest.mark.parametrize("name", ["e", "error", "de/dW2", "c", "j"])
def test_the_error_of_an_output_is_no_loss(name: str) -> None:
    """y − ŷ is called e; beside L it must not be a second L."""
    sheet = f'answers: {{L: 0.28, "{name}": 0.75}}\n'.encode()
    report = backprop.load(NETWORK).check(sheet)
    assert report["L"].verdict == "not-judged"  # and not invalid, as given twice
    assert "there is no quantity" in report.remarks[0]
    assert {result.id for result in report.results if result.verdict != "missing"} == {"L"}


def test_a_quantity_of_that_name_comes_first() -> None:
    problem = backprop.load(
        "values: {w: 2, C: 3}\nequations: [E = w * C, L = E^2]\nask: [dE/dw, dL/dw]\n"
    )
    report = problem.check({"dE/dw": "3", "dL/dw": "36"})  # C, and 2E · C
    assert [report[id].verdict for id in ("dE/dw", "dL/dw")] == ["correct", "correct"]


def test_letters_that_are_ids_of_something_else() -> None:
    """a¹ is Z1 and z¹ is H1 to Bishop; Z1 in capitals stays the id that the blank has."""
    x, w = np.array([0.5, -1]), np.array([[0.5, -1.5], [2, 3]])
    a = w @ x + [0.25, 0]
    z = [f"{one:.4f}" for one in 1 / (1 + np.exp(-a))]
    problem = backprop.load(NETWORK + BISHOP)
    for names in (("a1", "z1"), ("Z1", "H1")):
        report = problem.check(dict(zip(names, (a.tolist(), z), strict=True)))
        assert [report["Z1"].verdict, report["H1"].verdict] == ["correct", "correct"]
    assert problem.check({"∂L/∂Z1": "0 0"})["dL/dZ1"].verdict != "missing"


LOCAL = """
values: {x: 2, w: -0.5, y: 1}
equations: [z = w * x, p = sigmoid(z), L = -y * ln(p) - (1 - y) * ln(1 - p)]
train: [w]
"""


@pytest.mark.parametrize(
    ("name", "id", "verdict"),
    [("dp/dz", "dp/dz", "correct"), ("∂p/∂z", "dp/dz", "correct"), ("dz/dw", "dz/dw", "wrong")],
)
def test_a_local_derivative_is_no_gradient_of_the_loss(name: str, id: str, verdict: str) -> None:
    """It was graded as ∂L/∂z, and an honest 0.1966 there was "the local derivative alone"."""
    report = backprop.load(LOCAL).check({name: "0.1966"})
    found = {result.id: result.verdict for result in report.results}
    assert found.pop(id) == verdict
    assert {*found.values()} == {"missing"}


def test_one_through_another_equation_is_not_graded() -> None:
    report = backprop.load(LOCAL).check({"dp/dw": "0.1966"})
    assert {result.verdict for result in report.results} == {"missing"}
    assert "is not worked out here, and is not graded" in report.remarks[0]
    assert "did you mean" not in report.remarks[0]


def test_gradients_in_a_dictionary_are_found_as_before() -> None:
    report = backprop.load(NETWORK).check({"grads/W2": "1 1", "dparams/dW1": "1 1; 1 1"})
    assert "missing" not in {report[id].verdict for id in ("dL/dW2", "dL/dW1")}

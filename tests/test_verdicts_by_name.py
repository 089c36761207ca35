"""Verdicts whatever a quantity is called or how it lies: entries, batches, other names."""

from __future__ import annotations

import pytest
from judged import graded, submission, verdicts

# Single entries -----------------------------------------------------------------------------------

INSIDE = """convention: {{affine: W^T x + b, bias: first, indices: {indices}}}
x: [2, 3]
y: [0, 0]
layers: [{{weights: [[1, -1], [0.5, 1], [1, 2]]}}]
loss: half-squared-error
ask: {ask}
grading: {{precision: {{decimals: 2}}}}
"""
"""z = (1 + 1 + 3, -1 + 2 + 6) = (5, 7); the gradient of W is (1, 2, 3) times z.

The first row is that of the bias, and counts as number 0; the units count from `indices`.
"""


@pytest.mark.parametrize(
    ("indices", "entry", "value"),
    [
        (1, "[0,1]", 5), (1, "[0,2]", 7), (1, "[1,1]", 10), (1, "[2,2]", 21),
        (0, "[0,0]", 5), (0, "[0,1]", 7), (0, "[1,0]", 10), (0, "[2,1]", 21),
    ],
)  # fmt: skip
def test_an_entry_of_weights_with_the_bias_inside(indices: int, entry: str, value: int) -> None:
    problem = INSIDE.format(indices=indices, ask=f"['dL/dW1{entry}']")
    right, wrong = (graded(problem, f"'dL/dW1{entry}': {typed}") for typed in (value, value + 1))
    (result,) = right.values()
    assert (result.id, result.verdict, result.points) == (f"dL/dW1{entry}", "correct", 1)
    assert [result.verdict for result in wrong.values()] == ["wrong"]


def test_an_entry_that_is_not_there_is_said_to_be_none() -> None:
    problem = INSIDE.format(indices=1, ask="[dL/dW1]")
    result = graded(problem, "'dL/dW1[3,1]': 4")["dL/dW1"]
    assert result.verdict == "invalid"
    assert "no entry [3, 1]" in result.message


def test_single_entries_make_up_a_quantity() -> None:
    problem = INSIDE.format(indices=0, ask="[dL/dW1]")
    result = graded(problem, "'dL/dW1[0,0]': 5, 'dL/dW1[2,1]': 22")["dL/dW1"]
    assert {entry.index: entry.verdict for entry in result.entries} == {
        (0, 0): "correct", (0, 1): "missing", (1, 0): "missing",
        (1, 1): "missing", (2, 0): "missing", (2, 1): "wrong",
    }  # fmt: skip
    assert result.points == pytest.approx(1 / 6)


# Equations and batches ----------------------------------------------------------------------------


def test_equations_are_judged_by_the_same_rules() -> None:
    """z = 1.5, h = 1/(1 + e^-1.5) = 0.8176, L = h² = 0.6684; dL/dh = 2h = 1.635;

    dL/dz = 1.635 · 0.8176 · 0.1824 = 0.2439; dL/dw = 3 dL/dz = 0.7316; w_new = 0.5 - 0.0732.
    """
    problem = """values: {w: 0.5, x: 3}
equations: [z = w * x, h = sigmoid(z), L = h^2]
train: [w]
update: {rule: sgd, learning_rate: 0.1}
ask: [z, h, L, dL/dh, dL/dz, dL/dw, w_new]
grading: {precision: {decimals: 3}}
"""
    right = "z: 1.5, h: .818, L: .668, dL/dh: 1.635, dL/dz: .244, dL/dw: .732, w_new: .427"
    assert set(verdicts(problem, right).values()) == {"correct"}
    found = graded(problem, right.replace("dL/dz: .244", "dL/dz: 1.635").replace(".732", "4.905"))
    assert found["dL/dz"].verdict == "wrong"
    assert set(found["dL/dz"].slips) >= {"activation-derivative-omitted"} or set(
        found["dL/dz"].slips
    ) >= {"output-derivative-omitted"}
    assert found["dL/dw"].verdict == "carried"


WEIGHTS = {"W x + b": "[[1, 2], [0, 1], [3, -1]]", "W^T x + b": "[[1, 0, 3], [2, 1, -1]]"}
SAMPLES_ARE_COLUMNS = "[[6, 1], [3, 0], [1, 7]]"
SAMPLES_ARE_ROWS = "[[6, 3, 1], [1, 0, 7]]"


@pytest.mark.parametrize(
    ("affine", "weights", "z", "other"),
    [
        ("W x + b", WEIGHTS["W x + b"], SAMPLES_ARE_COLUMNS, SAMPLES_ARE_ROWS),
        ("W^T x + b", WEIGHTS["W^T x + b"], SAMPLES_ARE_COLUMNS, SAMPLES_ARE_ROWS),
        ("x W + b", WEIGHTS["W^T x + b"], SAMPLES_ARE_ROWS, SAMPLES_ARE_COLUMNS),
        ("x W^T + b", WEIGHTS["W x + b"], SAMPLES_ARE_ROWS, SAMPLES_ARE_COLUMNS),
    ],
)
def test_a_batch_in_each_orientation(affine: str, weights: str, z: str, other: str) -> None:
    """Samples (1, 2) and (2, -1), three units with bias (1, 1, 0): z = (6, 3, 1) and (1, 0, 7)."""
    problem = f"""convention: {{affine: {affine}}}
x: [[1, 2], [2, -1]]
y: [[0, 0, 0], [0, 0, 0]]
layers: [{{weights: {weights}, bias: [1, 1, 0]}}]
loss: half-squared-error
ask: [Z1, dL/dW1, dL/db1]
"""
    # the mean of the squares: dL/dZ = Z / 2, its sum over the samples (3.5, 1.5, 4)
    found = graded(problem, f"Z1: {z}, dL/db1: [3.5, 1.5, 4]")
    assert (found["Z1"].verdict, found["dL/db1"].verdict) == ("correct", "correct")
    turned = graded(problem, f"Z1: {other}")["Z1"]
    assert (turned.verdict, turned.slips) == ("wrong", ("transposed",))
    # dL/dW, an input a column: sums over samples of z/2 times x = (4, 5.5), (1.5, 3), (7.5, -2.5)
    rows = "[[4, 5.5], [1.5, 3], [7.5, -2.5]]"
    columns = "[[4, 1.5, 7.5], [5.5, 3, -2.5]]"
    gradient = rows if affine in ("W x + b", "x W^T + b") else columns
    assert graded(problem, f"Z1: {z}, dL/dW1: {gradient}")["dL/dW1"].verdict == "correct"


# Names --------------------------------------------------------------------------------------------

TWO_LAYERS = """x: [1]
y: [1]
layers:
  - {weights: [[2]], activation: sigmoid}
  - {weights: [[3]]}
loss: half-squared-error
update: {rule: sgd, learning_rate: 0.5}
grading: {precision: {decimals: 3}}
"""
"""z = 2, h = 0.881, yhat = 2.642, dL/dyhat = 1.642; dL/dW2 = 1.447, W2_new = 2.277;
dL/dW1 = 4.927 · 0.881 · 0.119 = 0.517."""


@pytest.mark.parametrize(
    ("typed", "id", "value"),
    [
        ("Z1", "Z1", "2"), ("z1", "Z1", "2"),
        ("H1", "H1", ".881"), ("H", "H1", ".881"), ("h", "H1", ".881"),
        ("Yhat", "Yhat", "2.642"), ("H2", "Yhat", "2.642"), ("yhat", "Yhat", "2.642"),
        ("dL/dW2", "dL/dW2", "1.447"), ("dW2", "dL/dW2", "1.447"), ("grad_W2", "dL/dW2", "1.447"),
        ("∇W2", "dL/dW2", "1.447"), ("∂L/∂W2", "dL/dW2", "1.447"), ("dw2", "dL/dW2", "1.447"),
        ("W2_new", "W2_new", "2.277"), ("W2'", "W2_new", "2.277"),
        ("dL/dW2[1,1]", "dL/dW2", "1.447"), ("dW1[1,1]", "dL/dW1", ".517"),
    ],
)  # fmt: skip
def test_other_names_are_read_as_the_same(typed: str, id: str, value: str) -> None:
    found = graded(TWO_LAYERS, f'\n  "{typed}": {value}')
    assert found[id].verdict == "correct"
    assert found[id].mark is not None


NAMES = """values: {{{values}}}
equations: [u = {first} * 2, {more}L = u * 3]
"""


def test_an_exact_name_beats_another_case_of_it() -> None:
    problem = NAMES.format(values="a: 1, A: 5", first="a", more="U = A * 4, ") + "ask: [u, U]\n"
    assert verdicts(problem, "u: 2, U: 20") == {"u": "correct", "U": "correct"}
    assert verdicts(problem, "u: 20, U: 2") == {"u": "wrong", "U": "wrong"}


def test_an_ambiguous_name_is_refused_with_its_candidates() -> None:
    problem = NAMES.format(values="a: 1", first="a", more="Ab = a * 4, aB = a * 5, ")
    found = submission(problem, "ab: 4")
    ((message, mark),) = found.remarks
    assert ("Ab" in message, "aB" in message, mark.line) == (True, True, 1)

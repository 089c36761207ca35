"""Numbers typed in any of the ways people type them come to the same problem."""

from __future__ import annotations

import numpy as np
import pytest

from backprop_cli.errors import UserError
from backprop_cli.problem.problem_file import Source
from backprop_cli.solving.loading import loaded
from backprop_cli.solving.solution import solve
from backprop_cli.trace import Trace

ROWS, COLUMNS = "x W + b", "W x + b"


def solved(text: str) -> Trace:
    return solve(loaded(Source("problem.yaml", text.encode())).model).trace


def same(*texts: str) -> Trace:
    """The trace of the first text, which is that of the others."""
    first, *others = map(solved, texts)
    for other in others:
        assert other == first
    return first


def network(x: str, y: str, layers: str, affine: str = COLUMNS, loss: str = "squared-error") -> str:
    return (
        f"convention: {{affine: {affine}}}\nx: {x}\ny: {y}\nlayers: [{layers}]\nloss: {loss}\n"
        "update: {rule: momentum, learning_rate: 0.1}\n"
    )


@pytest.mark.parametrize("affine", [ROWS, COLUMNS, "W^T x + b", "x W^T + b"])
def test_a_single_number_everywhere(affine: str) -> None:
    written = [
        network(x, y, f"{{weights: {weights}, bias: {bias}}}", affine)
        for x, y, weights, bias in [
            ("[2]", "[3]", "[[4]]", "[1]"),
            ("2", "3", "4", "[[1]]"),
            ('"2"', "'3'", "[4]", "[1]"),
        ]
    ]
    trace = same(*written)
    assert trace.step("Z1").value == np.array([9.0])
    assert (trace.step("Z1").shape, trace.given["b1"].value.shape) == ((1,), (1,))


@pytest.mark.parametrize("affine", [ROWS, COLUMNS, "W^T x + b", "x W^T + b"])
def test_a_flat_list_is_the_weights_of_one_unit(affine: str) -> None:
    stands = affine in (ROWS, "W^T x + b")
    matrix = "[[3], [4]]" if stands else "[[3, 4]]"
    same(*(network("[1, 2]", "1", f"{{weights: {weights}}}", affine) for weights in
           (matrix, "[3, 4]", '"3 4"')))  # fmt: skip


@pytest.mark.parametrize("affine", [ROWS, COLUMNS])
def test_a_flat_list_behind_one_input_is_one_weight_a_unit(affine: str) -> None:
    matrix = "[[3, 4]]" if affine == ROWS else "[[3], [4]]"
    same(*(network("2", "[1, 0]", f"{{weights: {weights}}}", affine) for weights in
           (matrix, "[3, 4]")))  # fmt: skip


@pytest.mark.parametrize("affine", [ROWS, COLUMNS])
def test_a_bias_as_a_row_or_a_column(affine: str) -> None:
    same(*(network("[1, 2]", "[1, 0]", f"{{weights: [[3, 4], [5, 6]], bias: {bias}}}", affine)
           for bias in ("[1, 2]", "[[1], [2]]", "[[1, 2]]", '"1; 2"', '"1 2"')))  # fmt: skip


def test_a_bias_alone_is_shared() -> None:
    trace = solved(network("[1, 2]", "[1, 0]", "{weights: [[3, 4], [5, 6]], bias: 1}"))
    assert trace.step("dL/db1").shape == ()
    assert trace.step("Z1").value is not None


@pytest.mark.parametrize("affine", [ROWS, COLUMNS])
def test_flat_targets_of_several_samples(affine: str) -> None:
    x, layer = "[[1, 2], [3, 4], [5, 6]]", "{weights: [1, 2]}"
    trace = same(
        *(network(x, y, layer, affine) for y in ("[[1], [0], [2]]", "[1, 0, 2]", '"1 0 2"'))
    )
    assert trace.given["Y"].value.shape == ((3, 1) if affine == ROWS else (1, 3))


@pytest.mark.parametrize("affine", [ROWS, COLUMNS])
def test_a_batch_of_one(affine: str) -> None:
    layer = "{weights: [[1, 2], [3, 4]]}"
    trace = same(*(network("[[1, 2]]", y, layer, affine) for y in ("[[1, 0]]", "[1, 0]")))
    assert (trace.samples, trace.step("Z1").value is None) == (1, False)
    assert trace.step("Z1").shape == ((1, 2) if affine == ROWS else (2, 1))
    same(*(network("[[1, 2]]", y, "{weights: [1, 2]}", affine) for y in ("[[1]]", "[1]", "1")))


def test_one_sample_whose_target_is_a_list_of_one_vector() -> None:
    layer = "{weights: [[1, 2], [3, 4]]}"
    trace = same(*(network("[1, 2]", y, layer) for y in ("[1, 0]", "[[1, 0]]")))
    assert trace.samples is None


SOFTMAX = "{weights: [[1, 2], [3, 4], [5, 6]], activation: softmax}"


def test_labels_of_one_sample() -> None:
    same(*(network("[1, 2]", y, SOFTMAX, loss="cross-entropy") for y in
           ("[0, 1, 0]", "{labels: [2], classes: 3}", "{labels: 2, classes: 3}")))  # fmt: skip


@pytest.mark.parametrize("first", [0, 1])
def test_labels_of_several_samples(first: int) -> None:
    labels = f"[{first + 2}, {first}]"
    texts = [
        f"convention: {{indices: {first}, affine: W x + b}}\nx: [[1, 2], [0, 1]]\ny: {y}\n"
        f"layers: [{SOFTMAX}]\nloss: cross-entropy\n"
        for y in ("[[0, 0, 1], [1, 0, 0]]", f"{{labels: {labels}, classes: 3}}")
    ]
    trace = same(*texts)
    assert trace.given["Y"].value.tolist() == [[0, 1], [0, 0], [1, 0]]


def test_labels_of_a_batch_of_one() -> None:
    same(*(network("[[1, 2]]", y, SOFTMAX, loss="cross-entropy") for y in
           ("[[0, 1, 0]]", "{labels: 2, classes: 3}")))  # fmt: skip


def test_given_gradients_and_states_as_flat_as_the_weights() -> None:
    text = "x: [1, 2]\nlayers: [{{weights: [3, 4]}}]\nupstream: {{Yhat: {}}}\nupdate: {}\n"
    update = "{{rule: momentum, learning_rate: 1, state: {{v_W1: {}}}}}"
    same(*(text.format(upstream, update.format(state)) for upstream, state in
           (("[2]", "[[1, 2]]"), ("2", "[1, 2]"))))  # fmt: skip


def test_skip_weights_of_one_unit() -> None:
    same(*(network("[1, 2]", "1", "{weights: [3, 4]}, "
                   f"{{weights: 2, skip: [{{from: 0, weights: {weights}}}]}}")
           for weights in ("[[5, 6]]", "[5, 6]")))  # fmt: skip


@pytest.mark.parametrize(
    ("x", "doubted"), [("[1,5,2,5]", True), ("[0,5,1]", True), ("[1,2,3]", False)]
)
def test_commas_that_separate_three_numbers_are_no_decimal_signs(x: str, doubted: bool) -> None:
    """Each vector is too long, and with a point for its first comma it would fit."""
    text = f'values: {{x: {x}, w: "1 2"}}\nequations: [L = w @ x]\n'
    with pytest.raises(UserError) as caught:
        loaded(Source("problem.yaml", text.encode()))
    assert any("read as two numbers" in each.message for each in caught.value.complaints) is doubted

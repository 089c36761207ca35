"""`derive --of … --wrt …`: every line, matrix and shape checked by number and by differences."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from oracles.tensor_pages import (
    check_arrays,
    check_drawings,
    check_lines,
    check_products,
    ends,
    here_layout,
    page_of,
    parts_of,
)

from backprop_cli.derive.derivation_data import Chain
from backprop_cli.derive.derivation_nodes import has_derivative
from backprop_cli.derive.tensors.gradient import tensor
from backprop_cli.derive.tensors.gradient_data import (
    Fit,
    Products,
)
from backprop_cli.derive.tensors.setting import Question, TensorError
from backprop_cli.errors import UserError
from backprop_cli.problem.model import Model
from backprop_cli.problem.problem_file import Source, read_source
from backprop_cli.solving.loading import loaded

PROBLEMS = sorted((Path(__file__).parent.parent / "problems").glob("*.yaml"))

SEED = """
convention: {affine: W^T x + b}
inputs: N
layers:
  - {units: N1, bias: true, activation: relu}
  - {units: K, bias: true, activation: softmax}
loss: cross-entropy
"""
DEEP = """
convention: {affine: AFFINE, jacobian: LAYOUT}
inputs: N
layers:
  - {units: P, bias: true, activation: tanh}
  - {units: P, activation: silu, skip: [{from: 1, into: post}]}
  - {units: K, bias: true, activation: softmax, skip: [{from: 0, weights: true}]}
loss: cross-entropy
"""
BATCH = """
convention: {affine: AFFINE, jacobian: LAYOUT, bias: BIAS}
inputs: N
samples: M
layers:
  - {units: N1, activation: elu}
  - {units: K, activation: softmax}
loss: cross-entropy
"""
SINGLE = """
convention: {affine: x W + b, indices: 0}
inputs: 1
samples: M
layers:
  - {units: N1, bias: true, activation: sigmoid}
  - {units: 1, activation: sigmoid}
loss: binary-cross-entropy
"""
SHARED = """
shapes: {w: [], U: [N, N], x: [3], h0: [N], v: [N], y: []}
equations:
  - h1 = tanh(w * x[1] + U @ h0)
  - h2 = tanh(w * x[2] + U @ h1)
  - s = h1 / norm(h2) + mean(h2) * softmax(U @ h2)
  - L = (v @ s - y)^2
"""
ATTENTION = """
shapes: {X: [T, D], Wq: [D, H], Wk: [D, H], V: [T, D]}
equations:
  - Q = X @ Wq
  - K = X @ Wk
  - S = Q @ K.T / sqrt(2)
  - A = softmax(S, axis=1)
  - O = A @ V
  - L = sum(O^2 * V) + sum(logsumexp(S, axis=0))
"""
ORIENTATIONS = ("W x + b", "W^T x + b", "x W + b", "x W^T + b")


def model_of(text: str) -> Model:
    return loaded(Source("problem.yaml", text.encode()), numbers=False).model


def filled(text: str, affine: str = "W x + b", layout: str = "numerator", bias: str = "") -> str:
    return (
        text.replace("AFFINE", affine).replace("LAYOUT", layout).replace("BIAS", bias or "separate")
    )


def cases() -> Iterator[tuple[str, Question]]:
    yield SEED, Question("Yhat", "W1")
    yield SEED, Question("Yhat", "W1", (), ("i", "j"))
    yield SEED, Question("Yhat", "W1", ("k",), ("2", "1"))
    yield SEED, Question("Yhat", "W2", ("1",), ("i", "1"))
    yield SEED, Question("Yhat", "W2", ("1",), ("i", "2"))
    yield SEED, Question("L", "W1")
    yield SEED, Question("L", "W2", (), ("2", "3"))
    yield SEED, Question("H1", "X")
    yield SEED, Question("Yhat", "b1")
    yield SEED, Question("Yhat", "Z2", (), ("1",))
    for affine in ORIENTATIONS:
        for layout in ("numerator", "denominator"):
            deep = filled(DEEP, affine, layout)
            yield deep, Question("Yhat", "W1")
            yield deep, Question("Yhat", "X")
            yield deep, Question("L", "W3_0")
            yield deep, Question("Yhat", "W1", ("2",), ("i", "j"))
            for bias in ("separate", "first", "last"):
                batch = filled(BATCH, affine, layout, bias)
                yield batch, Question("Yhat", "W1")
                yield batch, Question("Yhat", "X")
                yield batch, Question("L", "W1")
        inputs_first = affine in ("W^T x + b", "x W + b")
        bias_entry = ("0", "j") if inputs_first else ("i", "0")
        yield filled(BATCH, affine, bias="first"), Question("L", "W1", (), bias_entry)
        yield filled(BATCH, affine), Question("H1", "W1", ("k", "m"), ("i", "j"))
    for of, by in (("L", "W1"), ("Yhat", "W1"), ("L", "X"), ("Yhat", "b1")):
        yield SINGLE, Question(of, by)
    yield SINGLE, Question("L", "W1", (), ("0", "2"))
    for of, by in (("L", "w"), ("L", "U"), ("h2", "U"), ("s", "w"), ("s", "x"), ("h2", "h0")):
        yield SHARED, Question(of, by)
    yield SHARED, Question("h2", "U", ("k",), ("i", "j"))
    yield SHARED, Question("L", "x", (), ("2",))
    for of, by in (("A", "Wq"), ("S", "X"), ("O", "S"), ("L", "A")):
        yield ATTENTION, Question(of, by)
    yield ATTENTION, Question("O", "Wk", ("k", "l"), ("i", "j"))


CASES = [
    pytest.param(text, question, id=f"{number}-d{question.of}/d{question.by}")
    for number, (text, question) in enumerate(cases())
]


@pytest.mark.parametrize(("text", "question"), CASES)
def test_every_line_is_equal_to_the_derivative(text: str, question: Question) -> None:
    check_lines(page_of(model_of(text), question))


@pytest.mark.parametrize(("text", "question"), CASES)
def test_lines_have_reasons_and_none_is_said_twice(text: str, question: Question) -> None:
    for _, chain in parts_of(tensor(model_of(text), question), Chain):
        assert isinstance(chain, Chain)
        assert all(line.words and line.reason for line in chain.lines)
        assert all(a.expr != b.expr for a, b in pairwise(chain.lines))


# Matrices and shapes ------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "question"), CASES)
def test_what_is_drawn_is_the_derivative(text: str, question: Question) -> None:
    check_drawings(page_of(model_of(text), question))


@pytest.mark.parametrize(("text", "question"), CASES)
def test_formulas_over_arrays(text: str, question: Question) -> None:
    check_arrays(page_of(model_of(text), question))


@pytest.mark.parametrize(("text", "question"), CASES)
def test_products_of_matrices_multiply_to_the_whole(text: str, question: Question) -> None:
    check_products(page_of(model_of(text), question))


@pytest.mark.parametrize(("text", "question"), CASES)
def test_shapes_are_those_of_the_factors_and_fit(text: str, question: Question) -> None:
    model = model_of(text)
    page = page_of(model, question)
    found, here = page.derivation, page.papers[0]
    fits = [part for _, part in parts_of(found, Fit)]
    chain = [part for s, part in parts_of(found, Products) if s.words == "Chain rule"]
    if question.of_letters or question.by_letters:
        assert not fits
        return
    for products in chain:
        assert isinstance(products, Products)
        assert len(fits) == len(products.terms)
        for fit, term in zip(fits, products.terms, strict=True):
            assert isinstance(fit, Fit)
            assert fit.steps[0] == tuple(factor.shape for factor in term)
            assert fit.steps[-1] == (products.shape,)
            for factor in term:
                of, by = (here.unsampled(n, here.values[n].shape) for n in ends(factor.expr))
                assert here.shape(factor.shape) == in_order(model, of, by)
    result = found.sections[-1]
    one, other = here.values[question.of].shape, here.values[question.by].shape
    both = here.sample_axis(question.of) is not None and here.sample_axis(question.by) is not None
    if both:
        one, other = here.unsampled(question.of, one), here.unsampled(question.by, other)
    count = (here.sizes["M"],) if both else ()
    assert here.shape(result.shape) == count + in_order(model, one, other)


def in_order(model: Model, of: tuple[int, ...], by: tuple[int, ...]) -> tuple[int, ...]:
    return of + by if here_layout(model) == "numerator" else by + of


# All that there is --------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PROBLEMS, ids=[path.stem for path in PROBLEMS])
def test_every_pair_of_every_problem_is_derived_or_refused(path: Path) -> None:
    try:
        model = loaded(read_source(path), numbers=False).model
    except UserError:
        pytest.skip("no model in it")
    names = [name for name in model.shapes if name not in model.letters]
    for of in model.definitions:
        for by in names:
            if of == by:
                continue
            try:
                found = tensor(model, Question(of, by))
            except TensorError:
                continue
            assert not has_derivative(found.result)

"""`derive --of … --wrt …`: every line, matrix and shape checked by number and by differences."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from oracles.tensors import Paper, in_numbers, paper

from backprop_cli.algebra.expr import Expr, Op, Sym
from backprop_cli.derive.data import Chain
from backprop_cli.derive.nodes import has_derivative, parts
from backprop_cli.derive.tensor import tensor
from backprop_cli.derive.tensor_data import (
    Dots,
    Drawing,
    Fit,
    Products,
    Section,
    Stated,
    TensorDerivation,
)
from backprop_cli.derive.tensor_setting import Question, TensorError, chainwork
from backprop_cli.errors import UserError
from backprop_cli.problem.load import Source, read_source
from backprop_cli.problem.model import Model
from backprop_cli.solving.load import loaded

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


def chosen(found: TensorDerivation, model: Model, question: Question) -> Iterator[Paper]:
    """The derivation in numbers, at a few places that its letters may mean."""
    sample = chainwork(model, question).setting.sample
    for seed in range(1):
        made = paper(model, found.ranges, sample, seed)
        rng = np.random.default_rng(seed)
        for _ in range(2):
            places = {
                letter: int(rng.integers(r.first, in_numbers(r.last, made.sizes) + 1))
                for letter, r in found.ranges.items()
            }
            yield made.at(**places)


def parts_of(found: TensorDerivation, kind: type) -> Iterator[tuple[Section, object]]:
    for section in found.sections:
        for part in section.parts:
            if isinstance(part, kind):
                yield section, part


# Lines --------------------------------------------------------------------------------------------


def is_total(section: Section) -> bool:
    return section.words in ("Entry by entry", "Product")


def left_of(here: Paper, chain: Chain, section: Section) -> float:
    if not is_total(section):
        return here.value(chain.left)
    assert isinstance(chain.left, Op | Sym)
    of, by = ends(chain.left)
    return here.total(*parts(of), *parts(by))


def ends(left: Expr) -> tuple[str, str]:
    if isinstance(left, Sym):
        of, by = left.name[1:].split("/d")
        return of, by
    assert isinstance(left, Op)
    of_, by_ = left.args
    assert isinstance(of_, Sym)
    assert isinstance(by_, Sym)
    return of_.name, by_.name


def check_chain(here: Paper, section: Section, chain: Chain) -> bool:
    if not all(map(here.holds, chain.conditions)):
        return False
    wanted = left_of(here, chain, section)
    for line in chain.lines:
        got = here.value(line.expr)
        assert got == pytest.approx(wanted, rel=2e-6, abs=2e-7), (section.words, line)
    return True


@pytest.mark.parametrize(("text", "question"), CASES)
def test_every_line_is_equal_to_the_derivative(text: str, question: Question) -> None:
    model = model_of(text)
    found = tensor(model, question)
    checked = 0
    for here in chosen(found, model, question):
        for section, chain in parts_of(found, Chain):
            assert isinstance(chain, Chain)
            checked += check_chain(here, section, chain)
        of, by = ends(found.left)
        total = here.total(*parts(of), *parts(by))
        assert here.value(found.result) == pytest.approx(total, rel=2e-6, abs=2e-7)
    assert checked
    assert not has_derivative(found.result)


@pytest.mark.parametrize(("text", "question"), CASES)
def test_lines_have_reasons_and_none_is_said_twice(text: str, question: Question) -> None:
    for _, chain in parts_of(tensor(model_of(text), question), Chain):
        assert isinstance(chain, Chain)
        assert all(line.words and line.reason for line in chain.lines)
        assert all(a.expr != b.expr for a, b in pairwise(chain.lines))


# Matrices and shapes ------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "question"), CASES)
def test_what_is_drawn_is_the_derivative(text: str, question: Question) -> None:
    model = model_of(text)
    found = tensor(model, question)
    here = next(chosen(found, model, question))
    for section, drawn in parts_of(found, Drawing):
        assert isinstance(drawn, Drawing)
        of, by = ends(drawn.left)
        chain = [part for part in section.parts if isinstance(part, Chain)][-1]
        letters = [
            letter
            for name in ends(chain.left)
            for letter in parts(name)[1]
            if letter != here.sample
        ]
        jacobian = here.jacobian(of, by, total=False)
        seen = 0
        for slice_ in drawn.slices:
            fixed = {c.left.name: int(here.value(c.right)) for c in slice_.places}  # type: ignore[union-attr]
            free = [letter for letter in letters if letter not in fixed]
            if len(free) == 2 and not slice_.places and here_layout(model) == "denominator":
                free.reverse()
            for place, entry in spots(slice_.rows, free, here, found):
                at = tuple({**fixed, **place}[letter] for letter in letters)
                first = here.first_of(of, by)
                index = tuple(i - f for i, f in zip(at, first, strict=True))
                assert not isinstance(entry, Dots)
                assert here.value(entry) == pytest.approx(jacobian[index], rel=2e-6, abs=2e-7)
                seen += 1
        assert seen


def here_layout(model: Model) -> str:
    return model.problem.convention.jacobian


def spots(
    rows: tuple[tuple[Expr | Dots, ...], ...], free: list[str], here: Paper, found: TensorDerivation
) -> Iterator[tuple[dict[str, int], Expr | Dots]]:
    """Each entry that is drawn, and the numbers of its row and column."""
    counts = (len(rows), len(rows[0]))[: len(free)]
    axes = [places(found, here, *each) for each in zip(free, counts, strict=True)]
    for r, row in enumerate(rows):
        for c, entry in enumerate(row):
            spot = (r, c)[: len(free)]
            at = {letter: axis[i] for letter, axis, i in zip(free, axes, spot, strict=True)}
            if any(i is None for i in at.values()):
                assert isinstance(entry, Dots)
                continue
            yield {letter: i for letter, i in at.items() if i is not None}, entry


def places(found: TensorDerivation, here: Paper, letter: str, count: int) -> list[int | None]:
    if letter.isdecimal():
        return [int(letter)]
    range_ = found.ranges[letter]
    last = in_numbers(range_.last, here.sizes)
    if isinstance(range_.last, int) and range_.last - range_.first < 4:
        assert count == range_.last - range_.first + 1
        return list(range(range_.first, last + 1))
    assert count == 4
    return [range_.first, range_.first + 1, None, last]


@pytest.mark.parametrize(("text", "question"), CASES)
def test_formulas_over_arrays(text: str, question: Question) -> None:
    model = model_of(text)
    found = tensor(model, question)
    here = next(chosen(found, model, question))
    for section, stated in parts_of(found, Stated):
        assert isinstance(stated, Stated)
        if section.words == "Factor":
            wanted = in_layout(here, *ends(stated.left), total=False)
            check_array(here, stated, wanted)
        if section.words == "As arrays":
            check_array(here, stated, here.named_total(*ends(stated.left)))
        if section.words == "Slice by slice":
            check_array(here, stated, here.quotient(stated.left))
        if section.words == "Equations" and stated.shape:
            assert here.shape(stated.shape) == here.array(stated.forms[0]).shape


def check_array(here: Paper, stated: Stated, wanted: np.ndarray) -> None:
    got = here.array(stated.forms[0])
    assert got.shape == wanted.shape == here.shape(stated.shape)
    np.testing.assert_allclose(got, wanted, rtol=2e-6, atol=2e-7)


def in_layout(here: Paper, of: str, by: str, *, total: bool) -> np.ndarray:
    found = here.jacobian(of, by, total=total)
    if here_layout(here.model) == "numerator":
        return found
    rank = len(here.unsampled(of, here.values[of].shape))
    return np.moveaxis(found, range(rank), range(-rank, 0)) if rank else found


@pytest.mark.parametrize(("text", "question"), CASES)
def test_products_of_matrices_multiply_to_the_whole(text: str, question: Question) -> None:
    model = model_of(text)
    found = tensor(model, question)
    here = next(chosen(found, model, question))
    for section, products in parts_of(found, Products):
        assert isinstance(products, Products)
        if section.words != "The matrices multiplied":
            continue
        (term,) = products.terms
        value = here.array(term[0].expr)
        assert value.shape == here.shape(term[0].shape)
        for factor in term[1:]:
            other = here.array(factor.expr)
            assert other.shape == here.shape(factor.shape)
            value = value @ other
        wanted = in_layout(here, *ends(products.left), total=True)
        np.testing.assert_allclose(value, wanted, rtol=2e-6, atol=2e-7)


@pytest.mark.parametrize(("text", "question"), CASES)
def test_shapes_are_those_of_the_factors_and_fit(text: str, question: Question) -> None:
    model = model_of(text)
    found = tensor(model, question)
    here = next(chosen(found, model, question))
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

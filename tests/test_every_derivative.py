"""`derive --of … --wrt …` over every problem and shape: each page, line by line, by number."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from random import Random

import pytest
from oracles.tensor_pages import check_page, page_of

from backprop_cli.derive.tensor_setting import Question, TensorError
from backprop_cli.errors import UserError
from backprop_cli.problem.load import Source, read_source
from backprop_cli.problem.model import Model
from backprop_cli.solving.load import loaded

PROBLEMS = sorted((Path(__file__).parent.parent / "problems").rglob("*.yaml"))
PROBLEMS = [path for path in PROBLEMS if "sheets" not in path.parts]


MOST = 200
"""Entries that are varied one by one; a page by more of them says nothing that another does not."""

LAYERS = """
convention: {affine: AFFINE, jacobian: LAYOUT, bias: BIAS, indices: BASE}
inputs: INPUTS
SAMPLES
layers:
  - {units: FIRST, INNER, activation: tanh}
  - {units: SECOND, INNER, activation: ACTIVATION, skip: [{from: 0, weights: true}]}
loss: LOSS
PENALTY
"""
AFFINE = ("W x + b", "W^T x + b", "x W + b", "x W^T + b")
SIZES = ("1", "2", "3", "N")
SAMPLES = ("", "samples: 1", "samples: 2", "samples: M")


def written(seed: int) -> str:
    """A network of two layers with one of everything that a page depends on."""
    random = Random(seed)
    units = random.choice(SIZES)
    bias = random.choice(("separate", "first", "last", "none"))
    choices = {
        "AFFINE": AFFINE[seed % 4],
        "LAYOUT": ("numerator", "denominator")[seed // 4 % 2],
        "BIAS": "separate" if bias == "none" else bias,
        "INNER": "bias: true" if bias == "separate" else "train: true",
        "BASE": "1" if bias == "first" else random.choice("01"),
        "INPUTS": random.choice(SIZES),
        "SAMPLES": random.choice(SAMPLES),
        "FIRST": random.choice(SIZES).replace("N", "H"),
        "SECOND": units.replace("N", "K"),
        "ACTIVATION": random.choice(("sigmoid", "linear", "softmax" if units != "1" else "silu")),
        "LOSS": random.choice(("half-squared-error", "squared-error", "mean-squared-error")),
        "PENALTY": random.choice(("", "penalty: {l2: 0.1}")),
    }
    text = LAYERS
    for word, choice in choices.items():
        text = text.replace(word, choice)
    return text.replace("train: true, ", "")


EQUATIONS = {
    "row-vector": """
shapes: {W: [1, N], x: [N], y: [1]}
equations:
  - z = W @ x
  - L = sum((z - y)^2) + sum(W^2)
""",
    "entries": """
shapes: {A: [2, 3], x: [3], y: [2]}
equations:
  - z = A @ x + A[2, 1] * y
  - s = A[1, :] @ x + sum(A[:, 2] * y)
  - L = sum(z^2) * s + trace_
""".replace(" + trace_", ""),
    "both-axes": """
shapes: {A: [N, N], x: [N]}
equations:
  - z = A @ x + A.T @ x
  - q = x @ z
  - L = q^2 + sum(A * A.T)
""",
    "one-by-one": """
shapes: {w: [1], U: [1, 1], x: [1]}
equations:
  - h = tanh(w * x)
  - g = tanh(U @ h + w)
  - L = sum(g^2)
""",
}


def model_of(text: str) -> Model:
    return loaded(Source("problem.yaml", text.encode()), numbers=False).model


def pairs(model: Model) -> Iterator[Question]:
    names = [name for name in model.shapes if name not in model.letters]
    for of, by in product(model.definitions, names):
        if of != by:
            yield Question(of, by)


def entries(model: Model, name: str) -> Iterator[tuple[str, ...]]:
    """Names of an entry: letters, numerals, and each of them beside the other."""
    shape = model.shapes[name]
    if not shape:
        return
    bases = model.bases.of(name, len(shape))
    lasts = [
        b + (size if isinstance(size, int) else 2) - 1 for b, size in zip(bases, shape, strict=True)
    ]
    letters = tuple("uv"[: len(shape)])
    numbers = tuple(map(str, lasts))
    yield numbers
    yield letters
    if len(shape) == 2:
        yield numbers[0], "v"
        yield "u", str(bases[1])


def check(model: Model, question: Question) -> bool:
    """Whether there is such a page; what is on it is right."""
    try:
        page = page_of(model, question)
    except TensorError:
        return False
    if page.papers[0].values[question.by].size > MOST:
        return False
    check_page(page)
    return True


@pytest.mark.parametrize("path", PROBLEMS, ids=[path.stem for path in PROBLEMS])
def test_every_pair_of_every_problem(path: Path) -> None:
    try:
        model = loaded(read_source(path), numbers=False).model
    except UserError:
        pytest.skip("its inputs are letters")
    for question in pairs(model):
        check(model, question)


@pytest.mark.parametrize("seed", range(32))
def test_networks_of_every_size_and_orientation(seed: int) -> None:
    model = model_of(written(seed))
    names = [name for name in (*model.unknown, "H1") if name != "Y"]
    for of, by in product(("L", "Yhat"), names):
        assert check(model, Question(of, by))


@pytest.mark.parametrize("seed", range(32, 64))
def test_entries_named_by_letters_and_numerals(seed: int) -> None:
    model = model_of(written(seed))
    for by in ("W1", "W2", "X"):
        for letters in entries(model, by):
            assert check(model, Question("L", by, (), letters))
    for letters in entries(model, "Yhat"):
        check(model, Question("Yhat", "W2", letters))


@pytest.mark.parametrize("text", EQUATIONS.values(), ids=EQUATIONS.keys())
def test_equations(text: str) -> None:
    model = model_of(text)
    for question in pairs(model):
        check(model, question)
        for letters in entries(model, question.by):
            check(model, Question(question.of, question.by, (), letters))

"""`derive --of … --wrt …` over every problem and shape: each page, line by line, by number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import product
from math import ceil
from pathlib import Path
from random import Random

import numpy as np
import pytest
from oracles.drawn_equations import drawn
from oracles.tensor_pages import check_page, ends, page_of

from backprop_cli.algebra.expr import symbols
from backprop_cli.derive.derivation_nodes import parts
from backprop_cli.derive.tensors.gradient import tensor
from backprop_cli.derive.tensors.setting import Question, TensorError
from backprop_cli.errors import UserError
from backprop_cli.problem.model import Model
from backprop_cli.problem.problem_file import Source, read_source
from backprop_cli.readings.formula_text import plain
from backprop_cli.solving.loading import loaded
from backprop_cli.solving.solution import Request, solve

PROBLEMS = sorted((Path(__file__).parent.parent / "problems").rglob("*.yaml"))
PROBLEMS = [path for path in PROBLEMS if "sheets" not in path.parts]
# Where the number of steps is a letter there are no such pages: tests/test_any_length.py.
PROBLEMS = [path for path in PROBLEMS if path.stem != "through-time"]


MOST = 100
"""Entries that are varied one by one; a page by more of them says nothing that another does not."""

MOST_PAIRS = 12
"""Pages of one problem: of more, as networks over many steps have, every second, or third …"""

MOST_DRAWN = 5
"""The same of drawn equations, of which there are many."""

MOST_NAMED = 20
"""Pages of one problem by an entry that letters and numerals name, chosen likewise."""

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
    "distillation": """
shapes: {z: [3], t: [3], T: []}
equations: [q = softmax(z / T), p = softmax(t / T), L = -T^2 * sum(p * log(q))]
""",
    "rotation": """
values: {q: [1, 2], k: [0.5, -1], a: 0.3, v: [2, -1]}
equations:
  - R = [[cos(a), -sin(a)], [sin(a), cos(a) * v[1]]]
  - T = [v, q * a]
  - L = dot(R @ q, T @ k)
""",
    "mixture": """
values: {a: [0.2, 0.5], m: [1, 2], s: [0.5, 0.7], y: 1.4}
equations:
  - p = softmax(a)
  - d = (y - m) / s
  - n = exp(-d^2 / 2) / (s * sqrt(2 * pi))
  - L = -log(sum(p * n))
""",
    "contrast": """
values: {A: [[1, 0], [0.5, 1]], B: [[0.8, 0.1], [0.2, 0.9]], c: 0.5}
equations: [S = A @ B.T / c, "P = softmax(S, axis=1)", "L = -(log(P[1,1]) + log(P[2,2])) / 2"]
""",
    "diagonal": """
shapes: {A: [N, N], B: [3, 3], w: [3]}
equations:
  - P = softmax(A, axis=1)
  - d = log(diagonal(B^2))
  - L = -sum(log(diagonal(P))) + sum(w * d * diagonal(B))
""",
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
    "quotients-of-a-column": """
convention: {indices: 0}
shapes: {y: [2], b: [1], x: [1], B: [2, 1]}
equations:
  - q = B / column(1 + y^2)
  - s = x / (1 + b^2)
  - L = mean(q^2) + sum(tanh(b + s))
""",
    "one-by-one": """
shapes: {w: [1], U: [1, 1], x: [1]}
equations:
  - h = tanh(w * x)
  - g = tanh(U @ h + w)
  - L = sum(g^2)
""",
}


PLACES = {
    "stride-and-padding": """
shapes: {x: [6], w: [2], c: [4]}
equations:
  - z = conv(x, w, stride=2, padding=1)
  - L = sum(c * z^2)
""",
    "channels-and-filters": """
convention: {indices: 0}
shapes: {X: [2, 3, 4], K: [2, 2, 2, 2], G: [2, 2, 3]}
equations:
  - Z = conv(X, K)
  - L = sum(G * tanh(Z))
""",
    "letters-as-sizes": """
shapes: {x: [N], w: [3], c: [N]}
equations:
  - z = conv(x, w, padding=1)
  - L = sum(c * z^2)
""",
    "formulas-inside": """
shapes: {x: [5], w: [2], c: [6]}
equations:
  - z = conv(sigmoid(x), exp(w), padding=1)
  - L = sum(c * z^2)
""",
    "twice": """
shapes: {X: [3, 3], K: [2, 2], c: [4]}
equations:
  - Z = conv(X, rot(K), padding=1)
  - H = max_pool(tanh(Z), 2)
  - L = sum(c * flatten(H))
""",
    "overlapping-windows": """
shapes: {X: [4, 5], C: [3, 4], D: [3, 4]}
equations:
  - P = max_pool(X, 2, stride=1)
  - M = mean_pool(X, 2, stride=1)
  - L = sum(C * P) + sum(D * M)
""",
    "channels-pooled": """
shapes: {X: [2, 2, 4], w: [4]}
equations:
  - P = max_pool(X, 2)
  - f = flatten(P)
  - L = (w @ f)^2
""",
    "reshaped": """
shapes: {A: [2, 6], B: [3, 4], x: [12]}
equations:
  - C = reshape(A, [3, 4]) * B
  - D = reshape(x, [2, 6]) * A
  - L = sum(C) * sum(D^2)
""",
    "largest": """
shapes: {A: [3, 4], s: [3]}
equations:
  - m = max(A, axis=1)
  - L = sum(s * m) + max(s)
""",
    "attention-in-letters": """
shapes: {Q: [N, D], K: [M, D], V: [M, P], T: [N, P]}
equations:
  - O = attention(Q, K, V)
  - L = half_squared_error(O, T)
""",
    "masked-attention-in-letters": """
shapes: {Q: [N, D], K: [N, D], V: [N, P], T: [N, P]}
equations:
  - O = attention(Q, K, V, mask=causal)
  - L = half_squared_error(O, T)
""",
    "mask-inside-a-formula": """
convention: {indices: 0}
shapes: {X: [3, 2], W: [2, 3]}
equations:
  - A = attention(X, X @ W @ W.T, X, mask=causal)
  - L = sum(A^2)
""",
    "heads": """
shapes: {Q: [2, 4], K: [3, 4], V: [3, 2], W: [2, 2]}
equations:
  - H = attention(Q, K, V, heads=2)
  - L = sum((H @ W)^2)
""",
    "rows-of-a-table": """
shapes: {E: [W, D], w: [D]}
equations:
  - X = E[[2, 3, 2], :]
  - L = sum((X @ w)^2)
""",
    "joined": """
shapes: {a: [2], b: [3], c: [1], w: [6]}
equations:
  - v = concat(a, b, c)
  - L = sum(w * v^2)
""",
    "ranges": """
shapes: {x: [5], w: [3], A: [3, 4]}
equations:
  - z = x[2:4] * w
  - L = sum(z^2) + sum(A[:, 2:4]^2)
""",
}


def model_of(text: str) -> Model:
    return loaded(Source("problem.yaml", text.encode()), numbers=False).model


def pairs(model: Model) -> Iterator[Question]:
    names = [name for name in model.shapes if name not in model.letters]
    for of, by in product(model.definitions, names):
        if of != by:
            yield Question(of, by)


def some(questions: Iterable[Question], most: int) -> list[Question]:
    """So many of them at most, from all over the list."""
    found = list(questions)
    return found[:: max(1, ceil(len(found) / most))]


def named(model: Model) -> Iterator[Question]:
    """Questions by one entry, for every pair."""
    for question in pairs(model):
        for letters in entries(model, question.by):
            yield Question(question.of, question.by, (), letters)


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
    for question in some(pairs(model), MOST_PAIRS):
        check(model, question)


@pytest.mark.parametrize("seed", range(16))
def test_networks_of_every_size_and_orientation(seed: int) -> None:
    model = model_of(written(seed))
    names = [name for name in (*model.unknown, "H1") if name != "Y"]
    for of, by in product(("L", "Yhat"), names):
        assert check(model, Question(of, by))


@pytest.mark.parametrize("seed", range(32, 48))
def test_entries_named_by_letters_and_numerals(seed: int) -> None:
    model = model_of(written(seed))
    for by in ("W1", "W2", "X"):
        for letters in entries(model, by):
            assert check(model, Question("L", by, (), letters))
    for letters in entries(model, "Yhat"):
        check(model, Question("Yhat", "W2", letters))


@pytest.mark.parametrize("text", PLACES.values(), ids=PLACES.keys())
def test_places_worked_out_from_letters(text: str) -> None:
    """Every pair of a name and what it is made from has a page, and what is on it is right."""
    model = model_of(text)
    for question in pairs(model):
        assert check(model, question) == (question.by in made_from(model)[question.of])
    for question in some(named(model), MOST_NAMED):
        check(model, question)


def made_from(model: Model) -> dict[str, set[str]]:
    """For every equation all that it depends on."""
    found: dict[str, set[str]] = {}
    for name, expr in model.definitions.items():
        own = set(symbols(expr))
        found[name] = own.union(*(found.get(each, set()) for each in own))
    return found


@pytest.mark.parametrize("text", EQUATIONS.values(), ids=EQUATIONS.keys())
def test_equations(text: str) -> None:
    model = model_of(text)
    for question in (*pairs(model), *some(named(model), MOST_NAMED)):
        check(model, question)


@pytest.mark.parametrize("seed", range(40))
def test_drawn_equations(seed: int) -> None:
    """Every page by a whole quantity, and some by an entry, of equations that nobody wrote."""
    model = model_of(drawn(seed))
    for question in (*pairs(model), *some(named(model), MOST_DRAWN)):
        check(model, question)


MEAN = """
convention: {affine: x W + b}
x: [[1, 2], [0, -1], [2, 1]]
y: [[1, 0], [0, 1], [1, 1]]
layers:
  - {weights: [[1, -0.5], [0.5, 1]]}
  - {type: batch-norm, epsilon: 0.1}
loss: half-squared-error
"""


@pytest.mark.parametrize("of", ["mu2", "var2", "L", "Xhat2"])
def test_what_all_samples_are_in_has_no_slice_of_one_sample(of: str) -> None:
    assert check(model_of(MEAN), Question(of, "W1"))


# The numbers that `solve` gives -------------------------------------------------------------------

ONE_UNIT = """
convention: {affine: AFFINE}
x: SAMPLES
y: TARGETS
layers:
  - {weights: FIRST, bias: [0, -1], activation: sigmoid}
  - {weights: SECOND, bias: [0.5]}
loss: half-squared-error
"""


@pytest.mark.parametrize("affine", AFFINE)
@pytest.mark.parametrize(("x", "y"), [("[1, 2]", "[1]"), ("[[1, 2]]", "[[1]]")])
def test_one_output_unit(affine: str, x: str, y: str) -> None:
    """z = (1, 0), h = (σ(1), ½), ŷ = 2 σ(1) − ½ + ½ = 1.4621, so ∂L/∂W² = 0.4621 h."""
    turned = affine in ("W^T x + b", "x W + b")
    text = (
        ONE_UNIT.replace("AFFINE", affine).replace("SAMPLES", x).replace("TARGETS", y)
        .replace("FIRST", "[[1, -1], [0, 1]]" if turned else "[[1, 0], [-1, 1]]")
        .replace("SECOND", "[[2], [-1]]" if turned else "[[2, -1]]")
    )  # fmt: skip
    model = loaded(Source("problem.yaml", text.encode())).model
    values = dict(solve(model, Request(1, 1)).values)
    assert values["dL/dW2"].ravel() == pytest.approx([0.33783, 0.23106], abs=1e-5)
    for by in ("W1", "W2", "b1", "b2"):
        every_entry_is(values, model, by)


def every_entry_is(values: Mapping[str, np.ndarray], model: Model, by: str) -> None:
    """Holds every entry of the last formula of ∂L/∂by against the gradient."""
    page = page_of(model, Question("L", by))
    here = replace(page.papers[0], values=values)
    _, letters = parts(ends(page.derivation.left)[1])
    gradient = values[f"dL/d{by}"]
    for at in np.ndindex(gradient.shape):
        places = {each: i + 1 for each, i in zip(letters, at, strict=True)}
        numbers = {each: i for each, i in places.items() if not each.isdecimal()}
        found = here.at(**numbers).value(page.derivation.result)
        assert found == pytest.approx(gradient[at], rel=1e-9), (by, at)


@pytest.mark.parametrize(
    ("name", "by"),
    [
        ("convolution-1d", ("w", "x", "b", "z")),
        ("transposed-convolution", ("K", "X", "Y")),
        ("convolution-network", ("K1", "b1", "Z1", "H1", "H2", "H3")),
    ],
)
def test_windows_in_the_numbers_of_the_problem(name: str, by: tuple[str, ...]) -> None:
    """The last formula of each page, every entry of it, is what `solve` gives."""
    path = Path(__file__).parent.parent / "problems" / f"{name}.yaml"
    model = loaded(read_source(path)).model
    values = dict(solve(model, Request(1, 1)).values)
    for each in by:
        every_entry_is(values, model, each)


def test_one_row_is_written_with_a_letter_for_each_entry() -> None:
    text = ONE_UNIT.replace("AFFINE", "W x + b").replace("SAMPLES", "[1, 2]")
    text = text.replace("TARGETS", "[1]").replace("FIRST", "[[1, 0], [-1, 1]]")
    model = model_of(text.replace("SECOND", "[[2, -1]]"))
    assert plain(tensor(model, Question("L", "W2")).result) == "(Yhat[1] - Y[1]) * H1[i]"
    found = tensor(model, Question("Z1", "W1", ("2",), ("2", "j"))).result
    assert plain(found) == "X[j]"
    assert plain(tensor(model, Question("Z1", "W1", ("1",), ("2", "j"))).result) == "0"

"""Derivations in symbols: numbers for the letters, and every gradient is a difference quotient."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from backprop_cli.algebra.expr import Expr, Op, Option, rewrite
from backprop_cli.algebra.shapes import Shape, expression, product, total
from backprop_cli.cli import main
from backprop_cli.errors import UserError
from backprop_cli.problem.problem_data import Assumption
from backprop_cli.problem.problem_file import Source
from backprop_cli.readings.formula_text import plain
from backprop_cli.readings.values import evaluate
from backprop_cli.solving.loading import Loaded, loaded
from backprop_cli.solving.solution import in_symbols

Array = NDArray[np.float64]
Env = dict[str, Array]

NETWORKS = {
    "relu-softmax": """
inputs: N
layers:
  - {units: N1, bias: true, activation: relu}
  - {units: K, bias: true, activation: softmax}
loss: cross-entropy
""",
    "rows-batch-skip-penalty": """
convention: {affine: x W^T + b, output_gradient: fused}
inputs: N_i
samples: M
layers:
  - {units: N_h, bias: true, activation: tanh}
  - {units: K, bias: true, activation: softmax, skip: [{from: 0, weights: true}]}
loss: {name: cross-entropy, over_samples: mean}
penalty: {l2: 0.1, divided_by_samples: true}
""",
    "bias-inside-three-layers": """
convention: {affine: x W + b, bias: first, jacobian: denominator}
inputs: N
samples: M
layers:
  - {units: P, activation: tanh}
  - {units: P, activation: softplus, skip: [{from: 1}]}
  - {units: 1, activation: sigmoid}
loss: binary-cross-entropy
""",
    "columns-batch-mean-over-outputs": """
convention: {affine: W^T x + b, bias: last}
inputs: 3
samples: M
layers:
  - {units: N1, activation: silu}
  - {units: K, activation: linear}
loss: {name: mean-squared-error, over_samples: sum}
""",
    "equations": """
shapes: {X: [N, K], W: [M, K], b: [M], alpha: [M], y: [N]}
equations:
  - Z = X @ W.T + row(b)
  - U = exp(Z)
  - yhat = U @ alpha
  - L = sum((y - yhat)^2) / N
train: [W, b, alpha]
""",
    "shared-weights": """
shapes: {W: [N, N], x: [N], h: [N], v: [N]}
equations:
  - h1 = tanh(W @ h + x)
  - h2 = tanh(W @ h1 + x)
  - L = dot(v, softmax(h2))
train: [W]
""",
}
LETTERS = Path(__file__).resolve().parent.parent / "problems" / "letters"
JACOBIANS = "sigmoid-layer"
NETWORKS |= {
    path.stem: path.read_text(encoding="utf-8")
    for path in sorted(LETTERS.glob("*.yaml"))
    if path.stem != JACOBIANS  # no loss, hence no gradients
}
SIZES = {"N": 3, "N1": 4, "K": 2, "M": 5, "P": 3, "N_i": 2, "N_h": 3}
SIZES |= {"n": 3, "m": 5, "d": 2, "k": 4, "T": 4}  # T: as many steps as are written out for it


def read(text: str) -> Loaded:
    return loaded(Source("problem.yaml", text.encode()), numbers=False)


def sized(shape: Shape) -> tuple[int, ...]:
    """The shape with numbers for its letters, N+1 and N-1 among them."""
    found = []
    for size in shape:
        letter, more = (*re.split(r"(?=[+-])", str(size)), "0")[:2]
        found.append((SIZES[letter] if letter in SIZES else int(letter)) + int(more))
    return tuple(found)


def with_sizes(expr: Expr) -> Expr:
    """The formula with numbers in place of the letters that options such as a shape hold."""

    def put(value: Option) -> Option:
        if isinstance(value, tuple):
            return tuple(map(put, value))
        return sized((value,))[0] if isinstance(value, str) else value

    def rule(node: Expr) -> Expr | None:
        if isinstance(node, Op) and any(put(value) != value for _, value in node.options):
            args = tuple(map(with_sizes, node.args))
            return Op(node.name, args, tuple((key, put(value)) for key, value in node.options))
        return None

    return rewrite(expr, rule)


def drawn(found: Loaded) -> Env:
    random = np.random.default_rng(7)
    env: Env = {letter: np.asarray(float(SIZES[letter])) for letter in sorted(found.model.letters)}
    for name in found.model.unknown:
        env[name] = random.normal(size=sized(found.model.shapes[name]))
    if "Y" in env:  # targets that each loss has a meaning for: from 0 to 1, 1 together
        positive = np.abs(env["Y"]) + 0.1
        axis = found.model.sample_axis
        along = None if axis is None else 1 - axis
        env["Y"] = positive / (positive.sum(axis=along, keepdims=True) + (positive.shape[-1] == 1))
    for name, (_, kind) in found.model.problem.assume.items():
        env[name] = as_assumed(kind, env[name])
    return env | {name: given.value for name, given in found.model.given.items()}


def as_assumed(kind: Assumption, value: Array) -> Array:
    """Numbers that are what the file says of them; vectors that add up to 1 are rows."""
    match kind:
        case "symmetric":
            return value + value.T
        case "one-hot":
            return np.asarray(np.eye(value.shape[-1])[value.argmax(axis=-1)])
        case "distribution":
            return np.asarray(np.abs(value) / np.abs(value).sum(axis=-1, keepdims=True))


def forward(found: Loaded, env: Mapping[str, Array]) -> Env:
    values = dict(env)
    for equation in found.model.equations:
        values[equation.name] = evaluate(with_sizes(equation.expr), values)
    return values


def slopes(found: Loaded, env: Env, name: str) -> Array:
    """The differences of the loss by each entry of a quantity, of the fourth order."""
    target, width = str(found.model.target), 1e-4
    result = np.zeros_like(env[name])
    for index in np.ndindex(result.shape):

        def loss(change: float, index: tuple[int, ...] = index) -> float:
            moved = env[name].copy()
            moved[index] += change
            return float(forward(found, {**env, name: moved})[target])

        near = (loss(width) - loss(-width)) / (2 * width)
        far = (loss(2 * width) - loss(-2 * width)) / (4 * width)
        result[index] = (4 * near - far) / 3
    return result


@pytest.mark.parametrize("name", NETWORKS)
def test_every_step_has_its_shape_and_every_gradient_is_a_difference_quotient(name: str) -> None:
    found = read(NETWORKS[name])
    env = drawn(found)
    values = forward(found, env)
    gradients = 0
    for step in in_symbols(found.model, found.plan).steps:
        if step.phase == "update" or (isinstance(step.expr, Op) and step.expr.name == "jacobian"):
            continue
        values[step.id] = evaluate(with_sizes(step.expr), values)
        assert values[step.id].shape == sized(step.shape), step.id
        by = step.id.partition("/d")[2]
        if step.phase == "backward" and by in env:
            np.testing.assert_allclose(
                values[step.id], slopes(found, env, by), rtol=1e-7, atol=1e-9
            )
            gradients += 1
    assert gradients >= len(found.model.trained or found.model.unknown) > 0


def test_a_hessian_in_letters_is_the_difference_quotient_of_the_gradient() -> None:
    found = read(NETWORKS["logistic-hessian"])
    steps = {step.id: step.expr for step in in_symbols(found.model, found.plan).steps}
    env = drawn(found)

    def gradient(w: Array) -> Array:
        values = forward(found, {**env, "w": w})
        for id in ("dL/dz", "dL/dw"):
            values[id] = evaluate(with_sizes(steps[id]), values)
        return values["dL/dw"]

    moves = 1e-5 * np.eye(SIZES["n"])
    quotients = [(gradient(env["w"] + by) - gradient(env["w"] - by)) / 2e-5 for by in moves]
    hessian = evaluate(with_sizes(steps["d2L/dw2"]), forward(found, env))
    np.testing.assert_allclose(hessian, np.transpose(quotients), rtol=1e-7, atol=1e-9)


def test_the_jacobians_of_a_layer_are_difference_quotients() -> None:
    found = read((LETTERS / f"{JACOBIANS}.yaml").read_text(encoding="utf-8"))
    env = drawn(found)
    values = forward(found, env)
    steps = {step.id: step for step in in_symbols(found.model, found.plan).steps}

    def u(z: Array) -> Array:
        return 1 / (1 + np.exp(-z))

    def z(x: Array) -> Array:
        return env["W"] @ x + env["b"]

    for id, function, at in (("du/dz", u, values["z"]), ("dz/dx", z, env["x"])):
        quotients = [
            (function(at + step) - function(at - step)) / 2e-6 for step in 1e-6 * np.eye(len(at))
        ]
        jacobian = evaluate(with_sizes(steps[id].expr), values)
        np.testing.assert_allclose(jacobian, np.transpose(quotients), rtol=1e-6, atol=1e-9)


def test_every_problem_in_letters_is_listed() -> None:
    index = (LETTERS.parent / "README.md").read_text(encoding="utf-8")
    for path in LETTERS.glob("*.yaml"):
        assert f"](letters/{path.name})" in index


@pytest.mark.parametrize("name", NETWORKS)
def test_the_parameters_are_counted(name: str) -> None:
    found = read(NETWORKS[name])
    env = drawn(found)
    shapes = [shape.shape for shape in found.model.unknown.values() if shape.role == "parameter"]
    numbers = sum(
        env[name].size for name, one in found.model.unknown.items() if one.role == "parameter"
    )
    assert float(evaluate(expression(total(shapes)), env)) == numbers
    assert sum(float(evaluate(product(shape), env)) for shape in shapes) == numbers


@pytest.mark.parametrize(
    ("shapes", "text"),
    [
        ([("N1", 400), ("N1",), (26, "N1"), (26,)], "427 * N1 + 26"),
        ([("N+1", "N")], "N^2 + N"),
        ([(3, 4), (3,)], "15"),
        ([], "0"),
    ],
)
def test_the_number_of_parameters_is_a_polynomial_in_the_letters(
    shapes: list[Shape], text: str
) -> None:
    assert plain(expression(total(shapes))) == text


@pytest.mark.parametrize("format_", ["text", "markdown", "latex", "html"])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_command_writes_it_in_every_format(tmp_path: Path, name: str, format_: str) -> None:
    path = tmp_path / "problem.yaml"
    path.write_text(NETWORKS[name], encoding="utf-8")
    done = CliRunner().invoke(main, ["derive", str(path), "--format", format_])
    assert done.exit_code == 0
    assert done.stdout.strip()


def test_a_problem_with_numbers_is_derived_in_symbols_too(tmp_path: Path) -> None:
    path = tmp_path / "problem.yaml"
    path.write_text(
        "x: [1, 2]\ny: [1]\nlayers: [{weights: [[3, 4]], activation: sigmoid}]\n"
        "loss: squared-error\n",
        encoding="utf-8",
    )
    done = CliRunner().invoke(main, ["derive", str(path), "--ascii", "--width", "80"])
    assert "Z1 = W1 @ X" in done.stdout
    assert "(1x2)" in done.stdout


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("inputs: X\nlayers: [{units: 2}]\n", "`X` is a size here, and a quantity as well"),
        ("shapes: {N: [N]}\nequations: [L = sum(N)]\n", "`N` is a size here"),
        (
            "inputs: N\ny: [1]\nlayers: [{units: K}]\nloss: squared-error\n",
            "y has numbers, and the sizes of the network are letters",
        ),
        (
            "inputs: N\nlayers: [{units: 2}]\nloss: none\nupstream: {Yhat: [1, 2, 3]}\n",
            "Yhat is a vector of 2, and what is given for it is a vector of 3",
        ),
        (
            "inputs: N\nlayers: [{units: K}]\nloss: none\nupstream: {Yhat: [1]}\n",
            "Yhat has letters for sizes, and what is given for it has numbers",
        ),
        ("shapes: {W: [M, N, K, P, Q]}\nequations: [L = sum(W)]\n", "four axes at most"),
        (
            "shapes: {W: [M, N], x: [K]}\nequations: [z = W @ x]\n",
            "an M × N matrix cannot be multiplied with a vector of K",
        ),
        ("inputs: N\nlayers: [{units: K, skip: [{from: 0}]}]\n", "cannot be added unchanged"),
    ],
)
def test_what_is_said_about_letters_that_do_not_fit(text: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        read(text)
    assert message in " ".join(each.message for each in error.value.complaints)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "x: [1]\nlayers: [{weights: [[1]], bias: true}]\n",
            "the bias of layer 1 has no numbers",
        ),
        (
            "x: [1]\nlayers: [{weights: [[1]], skip: [{from: 0, weights: true}]}]\n",
            "the skip weights from layer 0 into layer 1 have no numbers",
        ),
    ],
)
def test_solving_needs_the_numbers(text: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        loaded(Source("problem.yaml", text.encode()))
    assert message in " ".join(each.message for each in error.value.complaints)

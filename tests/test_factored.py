"""Jacobians kept as factors: arrays are those that finite differences give."""

from __future__ import annotations

import tracemalloc
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from backprop_cli.algebra.expr import Expr, Op, Sym
from backprop_cli.operations.table import Sizes
from backprop_cli.problem.model import Model
from backprop_cli.problem.problem_file import Source
from backprop_cli.readings.factored import Factored, NoFactorsError, factored, jacobian
from backprop_cli.readings.values import evaluate
from backprop_cli.solving.loading import loaded

Array = NDArray[np.float64]

NETWORK = """
convention: {affine: AFFINE, bias: BIAS}
inputs: 4
layers:
  - {units: 3, ONE activation: relu}
  - {units: 3, ONE activation: tanh, skip: [{from: 1, into: post}]}
  - {units: 5, ONE activation: softmax, skip: [{from: 0, weights: true}]}
loss: cross-entropy
"""
EQUATIONS = """
shapes: {w: [3], U: [3, 3], x: [3], h0: [3], v: [3]}
equations:
  - h1 = tanh(w * x[1] + U @ h0)
  - h2 = sigmoid(w * x + U.T @ h1 - h0) * v
  - p = softmax(2 * h2 @ U)
  - L = sum(p * v)
"""


def network(affine: str, bias: str) -> Model:
    text = NETWORK.replace("AFFINE", affine).replace("BIAS", bias)
    text = text.replace("ONE", "bias: true," if bias == "separate" else "")
    return loaded(Source("problem.yaml", text.encode()), numbers=False).model


def drawn(model: Model, seed: int = 0) -> tuple[dict[str, Array], Sizes]:
    rng = np.random.default_rng(seed)
    env: dict[str, Array] = {}
    for name, shape in model.shapes.items():
        if name not in model.definitions:
            env[name] = rng.normal(size=tuple(int(size) for size in shape))
    for name, expr in model.definitions.items():
        env[name] = evaluate(expr, env, model.definitions)
    return env, Sizes({name: value.shape for name, value in env.items()}, {"relu": 0.0})


def by_differences(model: Model, env: dict[str, Array], of: str, by: str) -> Array:
    """Central differences through everything behind `by`."""
    found = np.zeros(env[of].shape + env[by].shape)
    for index in np.ndindex(env[by].shape):
        ends = []
        for step in (1e-6, -1e-6):
            moved = {**env, by: env[by].copy()}
            moved[by][index] += step
            for name, expr in model.definitions.items():
                if name != by:
                    moved[name] = evaluate(expr, moved)
            ends.append(moved[of])
        found[(..., *index)] = (ends[0] - ends[1]) / 2e-6
    return found


def node(of: str, by: str, layout: str | None = None) -> Op:
    options = () if layout is None else (("layout", layout),)
    return Op("jacobian", (Sym(of), Sym(by)), options)


MODELS = {
    f"{affine}-{bias}": network(affine, bias)
    for affine, bias in product(
        ("W x + b", "W^T x + b", "x W + b", "x W^T + b"), ("separate", "first", "last")
    )
} | {"equations": loaded(Source("e.yaml", EQUATIONS.encode()), numbers=False).model}


@pytest.mark.parametrize("name", MODELS)
def test_every_jacobian_of_a_model(name: str) -> None:
    model = MODELS[name]
    env, sizes = drawn(model)
    known = 0
    for of, by in product(model.definitions, env):
        if of == by or of not in model.definitions:
            continue
        differences = by_differences(model, env, of, by)
        if not differences.any():
            continue
        whole = jacobian(node(of, by), model.definitions, env, sizes)
        np.testing.assert_allclose(whole, differences, rtol=1e-6, atol=1e-8)
        turned = jacobian(node(of, by, "denominator"), model.definitions, env, sizes)
        rank = env[of].ndim
        np.testing.assert_array_equal(np.moveaxis(turned, range(-rank, 0), range(rank)), whole)
        known += has_factors(model, of, by, whole)
    assert known > 10


def has_factors(model: Model, of: str, by: str, whole: Array) -> bool:
    """Whether the Jacobian has factors; if so, they are filled to that array."""
    env, sizes = drawn(model)
    try:
        found = factored(of, by, model.definitions, env, sizes)
    except NoFactorsError:
        return False
    np.testing.assert_allclose(found.filled(), whole, rtol=1e-12, atol=1e-15)
    return True


def test_weights_of_a_layer_are_an_outer_product() -> None:
    model = network("W^T x + b", "separate")
    env, sizes = drawn(model)
    found = factored("Yhat", "W3", model.definitions, env, sizes)
    assert isinstance(found, Factored)
    (outer,) = found.outers
    assert found.matrix is None
    assert outer.rows.size + outer.vector.size < found.filled().size


def large(sizes: tuple[int, int, int]) -> tuple[dict[str, Expr], dict[str, Array], Sizes]:
    text = f"""
inputs: {sizes[0]}
layers:
  - {{units: {sizes[1]}, bias: true, activation: relu}}
  - {{units: {sizes[2]}, bias: true, activation: softmax}}
"""
    model = loaded(Source("problem.yaml", text.encode()), numbers=False).model
    return (model.definitions, *drawn(model))


def test_memory_is_that_of_the_tensor() -> None:
    equations, env, shapes = large((400, 100, 10))
    tracemalloc.start()
    whole = jacobian(node("Yhat", "W1"), equations, env, shapes)
    _, most = tracemalloc.get_traced_memory()
    factored("Yhat", "W1", equations, env, shapes)
    tracemalloc.stop()
    assert most < 1.1 * whole.nbytes


def test_factors_take_the_memory_of_a_matrix() -> None:
    equations, env, shapes = large((784, 256, 10))
    factored("Yhat", "W1", equations, env, shapes)
    tracemalloc.start()
    factored("Yhat", "W1", equations, env, shapes)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 5 * 8 * 256 * 10


def test_a_rounded_softmax_keeps_what_was_rounded() -> None:
    """Where p does not add up to 1, p (1 − p) is taken as it stands."""
    equations: dict[str, Expr] = {"p": Op("softmax", (Sym("z"),))}
    p = np.array([0.33, 0.33, 0.33])
    env = {"z": np.zeros(3), "p": p}
    sizes = Sizes({"z": (3,), "p": (3,)}, {})
    found = jacobian(node("p", "z"), equations, env, sizes)
    np.testing.assert_allclose(np.diag(found), 0.33 * 0.67, rtol=1e-12)

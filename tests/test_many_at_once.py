"""Many formulas worked out together give bit for bit what each of them gives by itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from backprop_cli.algebra.expr import Op, Sym, num, op
from backprop_cli.calculus.stable import function_of
from backprop_cli.cli.arguments import load
from backprop_cli.grading.grader import Grader
from backprop_cli.operations.bounds import Array
from backprop_cli.readings.many_at_once import ManyAtOnce
from backprop_cli.readings.values import evaluate

ROOT = Path(__file__).parents[1]


PROBLEMS = [
    *sorted(
        str(path.relative_to(ROOT))
        for path in (ROOT / "problems").rglob("*.yaml")
        if not {"sheets", "letters", "functions"} & {*path.parts}
    ),
    "tests/cases/courses/convolution-relu-pooling.yaml",
]
MOST_SHARED = 12


class Counted:
    """Works operations out one at a time, and counts them."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, node: Op, args: list[Array]) -> Array:
        self.calls += 1
        return np.asarray(function_of(node)(*args, **dict(node.options)), dtype=float)


@pytest.mark.parametrize("name", PROBLEMS)
def test_that_wrong_formulas_give_what_each_gives_alone(name: str) -> None:
    grader = Grader(load(ROOT / name).model)
    rng = np.random.default_rng(4)
    for id in grader.key.formulas:
        wrong = [expr for _, expr in grader.candidates(id)]
        if not wrong:
            continue
        many = ManyAtOnce(wrong)
        for noise in (0.0, 1.0):  # the second time as a program
            env = {
                name: np.round(value + noise * rng.normal(size=value.shape), 3)
                for name, value in grader.truth.items()
            }
            with np.errstate(all="ignore"):
                found = many.values(env, Counted())
            for value, expr in zip(found, wrong, strict=True):
                assert np.array_equal(value, _alone(expr, env), equal_nan=True), (id, expr)


def _alone(expr: object, env: dict[str, Array]) -> Array:
    """One formula by itself, each part of it anew."""
    if isinstance(expr, Sym):
        return env[expr.name]
    if isinstance(expr, Op):
        args = [_alone(arg, env) for arg in expr.args]
        with np.errstate(all="ignore"):
            return np.asarray(function_of(expr)(*args, **dict(expr.options)), dtype=float)
    return evaluate(expr, env)  # type: ignore[arg-type]


def test_that_hundreds_of_sums_of_one_size_are_a_dozen_calls() -> None:
    terms = [op("mul", num(k), op("at", Sym("x"), index=(k,))) for k in range(30)]
    wrong = [
        op("stack", op("add", one, other), op("neg", other)) for one in terms for other in terms
    ]
    x, counted = np.linspace(-1, 2, 30), Counted()
    found = ManyAtOnce(wrong).values({"x": x}, counted)
    weighted = np.arange(30) * x
    sums = weighted[:, None] + weighted[None, :]
    expected = np.stack([sums, np.broadcast_to(-weighted, (30, 30))], -1).reshape(-1, 2)
    assert np.array_equal(found, expected)
    assert counted.calls <= len(terms) + MOST_SHARED  # the entries of x, and nothing else alone


@pytest.mark.parametrize("index", [(1,), (0, 2), (None, 1)])
def test_that_a_number_fills_what_is_named(index: tuple[int | None, ...]) -> None:
    ones = [
        op("place", op("mul", num(k), Sym("a")), index=index, shape=(2, 3)) for k in range(1, 5)
    ]
    found = ManyAtOnce(ones).values({"a": np.asarray(1.5)}, Counted())
    for k, value in enumerate(found, 1):
        expected = np.zeros((2, 3))
        expected[tuple(slice(None) if one is None else one for one in index)] = 1.5 * k
        assert np.array_equal(value, expected)


def test_that_what_lies_otherwise_in_memory_is_added_up_as_before() -> None:
    """NumPy adds up in the order of memory, so that a turned matrix has other last digits."""
    a = np.random.default_rng(1).normal(size=(9, 7))
    ones = [op("sum", op("mul", num(k), op("transpose", Sym("a")))) for k in range(1, 40)]
    found = ManyAtOnce(ones).values({"a": a}, Counted())
    assert found.tolist() == [float((k * a.T).sum()) for k in range(1, 40)]

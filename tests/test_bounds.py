"""Bounds enclose what they bound, and are tight where the operation is monotone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from oracles.operations import examples

from backprop_cli.algebra.expr import Expr, Sym, op
from backprop_cli.operations.bounds import Interval, is_point
from backprop_cli.operations.table import TABLE
from backprop_cli.problem.text.parser import parse
from backprop_cli.readings.intervals import enclosure
from backprop_cli.readings.units import Unit
from backprop_cli.readings.values import evaluate

Array = NDArray[np.float64]

EXAMPLES: dict[str, Callable[..., Expr]] = {
    "softmax": lambda a: op("softmax", a, axis=0),
    "log_softmax": lambda a: op("log_softmax", a, axis=0),
    "sum": lambda a: op("sum", a, axis=1),
    "mean": lambda a: op("mean", a, axis=0),
    "max": lambda a: op("max", a, axis=0),
    "var": lambda a: op("var", a, axis=0),
    "norm": lambda a: op("norm", a),
    "log_others": lambda a: op("log_others", a, axis=0),
    "others_share": lambda a: op("others_share", a, Sym("B"), axis=0),
    "logsumexp": lambda a: op("logsumexp", a, axis=0),
    "argmax": lambda a: op("argmax", a, axis=0),
    "largest_shares": lambda a: op("largest_shares", a, axis=0),
    "expand": lambda a: op("expand", a, axis=0),
    "spread": lambda a: op("spread", a, axis=0, shape=(2, 3, 3)),
    "at": lambda a: op("at", a, index=(0, None)),
    "place": lambda a: op("place", a, index=(1,), shape=(2, 3, 3)),
    "part": lambda a: op("part", a, axis=0, start=1, stop=3),
    "pow": lambda a: op("pow", a, parse("2")),
    "prepend": lambda a: op("prepend", a, parse("1"), axis=0),
    "append": lambda a: op("append", a, parse("1"), axis=0),
    "drop_first": lambda a: op("drop_first", a, axis=0),
    "drop_last": lambda a: op("drop_last", a, axis=0),
    "outer": lambda a: op("outer", op("at", a, index=(0,)), op("at", a, index=(1,))),
    "diag": lambda a: op("diag", op("at", a, index=(0,))),
    "column": lambda a: op("column", op("at", a, index=(0,))),
    "row": lambda a: op("row", op("at", a, index=(0,))),
    "flat": lambda a: op("flat", op("row", op("at", a, index=(0,)))),
}
NOT_TRIED = {"jacobian", "pi"}
ON_MATRICES = {"matmul", "transpose", "diagonal", "stack", "concat"}
NOT_EVERYWHERE = {"logdet"}
POSITIVE = {"log", "log2", "log10", "sqrt", "xlogy", "div", "ratio"}


def example(name: str) -> Expr:
    """An expression in the matrix A (and B, C) that applies the operation."""
    if name in EXAMPLES:
        return EXAMPLES[name](Sym("A"))
    arity = TABLE[name].arity or 2
    return op(name, *(Sym(letter) for letter in "ABC"[:arity]))


def shapes_of(name: str) -> tuple[Expr, dict[str, tuple[int, ...]]]:
    """An example of 3 × 3 matrices, or of what the table's tests try the operation on."""
    if name in EXAMPLES or name in ON_MATRICES or TABLE[name].elementwise:
        return example(name), dict.fromkeys("ABC", (3, 3))
    one = next(each for each in examples() if each.node.name == name)
    return one.node, {f"a{i}": shape for i, shape in enumerate(one.shapes)}


@pytest.mark.parametrize("name", sorted(set(TABLE) - NOT_TRIED))
def test_bounds_enclose_values_at_random_points(name: str) -> None:
    rng = np.random.default_rng(len(name))
    expr, shapes = shapes_of(name)
    for _ in range(60):
        boxes = {letter: box(rng, name in POSITIVE, shape) for letter, shape in shapes.items()}
        low, high = enclosure(expr, boxes.__getitem__)
        for _ in range(8):
            inside = {letter: rng.uniform(*pair) for letter, pair in boxes.items()}
            value = evaluate(expr, inside)
            nowhere = np.isnan(value)  # a logarithm of what is below 0
            assert np.all(nowhere | (value >= low - slack(low))), name
            assert np.all(nowhere | (value <= high + slack(high))), name
            assert name in NOT_EVERYWHERE or not nowhere.any(), name


def slack(end: Array) -> Array:
    """What rounding may come to at an end of an interval; an infinity is itself."""
    return np.where(np.isfinite(end), 1e-9 * (1 + np.abs(end)), 0.0)


def box(rng: np.random.Generator, positive: bool, shape: tuple[int, ...]) -> Interval:
    middle = rng.uniform(0.5, 3, shape) if positive else rng.normal(0, 2, shape)
    radius = rng.uniform(0, 0.4, shape) * rng.choice([0.01, 1])
    return middle - radius, middle + radius


@pytest.mark.parametrize(
    "name",
    [
        "sigmoid",
        "tanh",
        "exp",
        "softplus",
        "elu",
        "leaky_relu",
        "log",
        "sqrt",
        "softmax",
        "logsumexp",
    ],
)
def test_bounds_of_monotone_functions_are_their_values_at_the_ends(name: str) -> None:
    low, high = np.array([0.4, 1.2]), np.array([0.5, 1.9])
    expr = op(name, Sym("A"))
    found = enclosure(expr, lambda _: (low, high))
    if name == "softmax":
        ends = [evaluate(expr, {"A": np.array(corner)})[0] for corner in ((0.4, 1.9), (0.5, 1.2))]
        np.testing.assert_allclose([found[0][0], found[1][0]], ends, rtol=1e-12)
        return
    np.testing.assert_allclose(found[0], evaluate(expr, {"A": low}), rtol=1e-12)
    np.testing.assert_allclose(found[1], evaluate(expr, {"A": high}), rtol=1e-12)


def test_a_product_with_known_weights_is_tight() -> None:
    weights, h = np.array([[2.0, -3.0]]), (np.array([0.981, 0.499]), np.array([0.983, 0.501]))
    names = {"W": (weights, weights), "h": h}
    low, high = enclosure(parse("W @ h"), names.__getitem__)
    np.testing.assert_allclose(low, [2 * 0.981 - 3 * 0.501], rtol=1e-12)
    np.testing.assert_allclose(high, [2 * 0.983 - 3 * 0.499], rtol=1e-12)


def test_known_values_stay_points() -> None:
    a = np.array([0.3, 4.0])
    assert is_point(enclosure(parse("sigmoid(a) * (1 - sigmoid(a))"), lambda _: (a, a)))


@pytest.mark.parametrize("digits", [2, 3, 4])
def test_rounding_on_the_way_stays_inside(digits: int) -> None:
    """Whoever rounds or cuts off σ′ = h(1 - h) before multiplying is still inside the interval."""
    rng = np.random.default_rng(digits)
    expr = parse("g * (h * (1 - h))")
    for _ in range(200):
        h, g = rng.uniform(0.01, 0.99), rng.normal()
        names = {"h": np.array([h]), "g": np.array([g])}
        low, high = enclosure(expr, lambda name: (names[name], names[name]), Unit(digits))  # noqa: B023
        slope = h * (1 - h)
        for slope_written in (round(slope, digits), np.floor(slope * 10**digits) / 10**digits):
            assert low[0] - 1e-12 <= g * slope_written <= high[0] + 1e-12


def test_units_of_significant_digits_follow_the_size() -> None:
    np.testing.assert_allclose(Unit(3, significant=True).at(np.array([0.0123, 456.0])), [1e-4, 1.0])

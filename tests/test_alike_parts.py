"""Parts of a formula that are alike, worked out at once, have bit for bit the bounds of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backprop_cli.algebra.expr import Expr, Op, Sym, in_order, num, op
from backprop_cli.cli.arguments import load
from backprop_cli.grading.grader import Grader
from backprop_cli.operations.bounds import Array, Interval
from backprop_cli.readings.alike_parts import Reached, planned
from backprop_cli.readings.intervals import Enclosing
from backprop_cli.readings.units import Floating, FloatType, Rounding, Unit, WithProducts, persons

CASE = Path(__file__).parent / "cases/courses/convolution-relu-pooling.yaml"
UNITS = [
    None,
    *(kind(*count) for kind in (Unit, WithProducts) for count in ((2,), (3, True))),
    *(way for unit in (Unit(2), Unit(3, True)) for way in persons(unit)),
]


class Counting(Enclosing):
    """Counts the parts that are worked out one at a time, or at once."""

    calls = 0

    def part(self, node: Expr, args: Any) -> Reached:
        self.calls += 1
        return super().part(node, args)


def enclosing(env: Mapping[str, Interval], unit: Unit | None, fine: str = "") -> Counting:
    return Counting(env.__getitem__, unit, lambda name: name in fine.split())


def alone(by: Enclosing, expr: Expr) -> Reached:
    """What is known of a formula, each part of it by itself and anew."""
    known: dict[int, Reached] = {}
    for part, _ in in_order(expr).parts:
        args = part.args if isinstance(part, Op) else ()
        known[id(part)] = by.part(part, [known[id(arg)] for arg in args])
    return known[id(expr)]


def assert_same(found: Reached, expected: Reached) -> None:
    for one, other in ((found.bare, expected.bare), (found.rounded, expected.rounded)):
        for bound, right in zip(one, other, strict=True):
            assert bound.shape == right.shape
            assert bound.tobytes() == right.tobytes()


def around(value: Array, unit: Unit | None) -> Interval:
    if unit is None or unit.definite:
        return value, value
    return value - 0.005, value + 0.005


def formulas() -> Iterator[tuple[str, Expr]]:
    """Written-out convolutions, their gradients, and what else is done entry by entry."""
    x, w, g = Sym("x"), Sym("w"), Sym("g")
    spots = [(i, j) for i in range(2) for j in range(3)]

    def entry(of: Expr, *index: int) -> Expr:
        return op("at", of, index=index)

    def added(terms: Sequence[Expr]) -> Expr:
        total = terms[0]
        for one in terms[1:]:
            total = op("add", total, one)
        return total

    sums = [
        added([op("mul", entry(x, i + k, j + m), entry(w, k, m)) for k, m in spots])
        for i, j in spots
    ]
    rows = op("stack", op("stack", *sums[:3]), op("stack", *sums[3:]))
    yield "convolution", rows
    yield "minus", op("neg", op("stack", *(op("neg", one) for one in sums)))
    yield "plus one", op("stack", *(op("add", one, num(1)) for one in sums))
    yield "then a function", op("stack", *(entry(op("relu", rows), *one) for one in spots))
    placed = [
        op("place", op("mul", entry(g, i, j), entry(x, i + k, j + m)), index=(k, m), shape=(2, 3))
        for i, j in spots
        for k, m in spots
    ]
    yield "gradient", added(placed)
    quotients = [op("div", entry(g, i, j), entry(w, j % 2, i)) for i, j in spots for _ in "abc"]
    yield "quotients", op("stack", *(op("div", one, num(3)) for one in quotients[::3]), *quotients)
    filled = [
        op("mul", entry(g, *one), op("place", entry(x, *one), index=(one[0],), shape=(2, 3)))
        for one in spots * 2
    ]
    yield "rows", added([*filled, *(op("sub", one, g) for one in filled)])
    scaled = [op("mul", entry(w, *one), op("transpose", g)) for one in spots * 3]
    yield "turned", added([op("sum", one, axis=0) for one in scaled])


FORMULAS = dict(formulas())
VALUES = {
    name: np.asarray(np.round(np.random.default_rng(3).normal(size=shape), 2))
    for name, shape in {"x": (4, 5), "w": (2, 3), "g": (2, 3)}.items()
}


@pytest.mark.parametrize("unit", UNITS, ids=str)
@pytest.mark.parametrize("name", FORMULAS)
def test_that_parts_at_once_have_the_bounds_of_each(name: str, unit: Unit | None) -> None:
    expr = FORMULAS[name]
    env = {name: around(value, unit) for name, value in VALUES.items()}
    for fine in ("", "w", "x w g"):
        with np.errstate(all="ignore"):
            expected = alone(enclosing(env, unit, fine), expr)
        by = enclosing(env, unit, fine)
        assert by.bounds(expr) is by.of(expr).bare
        assert_same(by.of(expr), expected)


@pytest.mark.parametrize(
    ("name", "value"),
    [("x", np.inf), ("x", np.nan), ("g", 1e-13), ("w", 0.0), ("w", -0.0)],
)
@pytest.mark.parametrize("unit", UNITS, ids=str)
def test_numbers_that_are_none_and_next_to_none(name: str, value: float, unit: Unit | None) -> None:
    changed = VALUES[name].copy()
    changed[1, 1] = value
    env = {name: (one, one) for name, one in {**VALUES, name: changed}.items()}
    for expr in FORMULAS.values():
        with np.errstate(all="ignore"):
            expected = alone(enclosing(env, unit), expr)
            found = enclosing(env, unit).of(expr)
        for one, other in zip(found.bare, expected.bare, strict=True):
            assert np.array_equal(one, other, equal_nan=True)


def test_that_wrong_formulas_go_on_with_parts_of_the_right_one() -> None:
    grader = Grader(load(CASE).model)
    ways = grader.key.formulas["dL/dW"]
    wrong = [expr for _, expr in grader.candidates("dL/dW")]
    for unit in (None, Unit(2), WithProducts(3, True), Rounding(2, within="no term")):
        env = {name: around(np.round(one, 2), unit) for name, one in grader.truth.items()}
        one_after_the_other = enclosing(env, unit)
        for expr in (*ways, *wrong[:: len(wrong) // 8]):
            with np.errstate(all="ignore"):
                expected = alone(enclosing(env, unit), expr)
                assert_same(one_after_the_other.of(expr), expected)


def test_that_hundreds_of_parts_are_a_dozen_steps() -> None:
    """Two entries, a product, five sums, and six rows beside three names: of 6 · 6 · 3 and more."""
    env = {name: (one, one) for name, one in VALUES.items()}
    for name, most in (("convolution", 12), ("gradient", 2 * 36)):
        parts = len(in_order(FORMULAS[name]).parts)
        by = enclosing(env, Unit(2))
        by.of(FORMULAS[name])
        assert parts > 140
        assert by.calls <= most
        before = by.calls
        by.of(op("neg", FORMULAS[name]))  # nothing of what is known is worked out again
        assert by.calls == before + 1


@pytest.mark.parametrize("name", FORMULAS)
def test_that_all_of_these_are_planned(name: str) -> None:
    """So that what is compared above is not twice the same; but for what is turned in memory."""
    env = {name: (one, one) for name, one in VALUES.items()}
    by = enclosing(env, None)
    by.of(FORMULAS[name])
    assert (by.calls < len(in_order(FORMULAS[name]).parts)) == (name != "turned")


def test_what_is_not_planned() -> None:
    """A formula whose parts all differ; floats, whose rounding goes by the largest entry."""
    chain: Expr = Sym("x")
    for k in range(60):
        chain = op("add", op("mul", chain, num(k)), num(k))
    assert planned(chain, in_order(chain)) is None
    env = {name: (one, one) for name, one in VALUES.items()}
    by = enclosing(env, Floating(15, True, FloatType("float32")))
    by.of(FORMULAS["convolution"])
    assert by.calls == len(in_order(FORMULAS["convolution"]).parts)

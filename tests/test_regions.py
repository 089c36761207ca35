"""Functions of free inputs against brute force: exact values of the network on a grid of points."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import product
from random import Random

import numpy as np
import pytest
from click.testing import CliRunner

from backprop_cli.cli import main
from backprop_cli.derive.regions.free_inputs import FreeInputs, Function, exact, free_functions
from backprop_cli.derive.regions.halfspaces import Affine, Half, Space, TooMuchWorkError
from backprop_cli.derive.regions.region_words import alternatives, ones
from backprop_cli.document.from_free_inputs import _Maker
from backprop_cli.document.view import View
from backprop_cli.problem.problem_data import with_numbers
from backprop_cli.problem.problem_file import Source
from backprop_cli.readings.values import evaluate
from backprop_cli.solving.loading import Loaded, checked, stated

INTERVAL = """
x: [x]
layers:
  - {weights: [[1], [1]], bias: [-1, -3], activation: step}
  - {weights: [[-1, 2]], bias: [0.5], activation: step}
"""
TRIANGLE = """
x: [x1, x2]
layers:
  - {weights: [[1, 0], [0, 1], [1, 1]], bias: [0, 0, -1], activation: step}
  - {weights: [[1, 1, -1]], bias: [-1.5], activation: step}
"""


def loaded(text: str) -> tuple[Loaded, FreeInputs]:
    source = Source("test", text.encode())
    problem, complaints = stated(source)
    assert problem is not None
    found = checked(with_numbers(problem), complaints, source)
    return found, free_functions(problem, found.model, found.plan)


def free(text: str) -> FreeInputs:
    return loaded(text)[1]


def said(
    found: FreeInputs, name: str, index: tuple[int, ...] = (0,)
) -> list[tuple[str, list[str]]]:
    """The values of a quantity and where it has them, as they are printed."""
    function = next(f for f in found.functions[name] if f.index == index)
    assert function.pieces is not None
    shown = _Maker(found, View(width=100))
    return [
        (
            shown.text(shown.node(each.value)),
            [shown.text(shown.region(region)) for region in each.regions],
        )
        for each in alternatives(function.pieces, found.inputs)
    ]


def one_where(found: FreeInputs) -> list[str]:
    (function,) = list(found.functions.values())[-1]
    regions = ones(function.pieces or (), found.inputs)
    assert regions is not None
    shown = _Maker(found, View(width=100))
    return [shown.text(shown.region(region)) for region in regions]


# Published answers --------------------------------------------------------------------------------


def test_two_thresholds_make_an_interval() -> None:
    found = free(INTERVAL)
    assert said(found, "Z1", (0,)) == [("x − 1", ["everywhere"])]
    assert said(found, "H1", (1,)) == [("0", ["x < 3"]), ("1", ["x ≥ 3"])]
    assert said(found, "Z2") == [("½", ["x < 1"]), ("−½", ["1 ≤ x < 3"]), ("1.5", ["x ≥ 3"])]
    assert said(found, "Yhat") == [("0", ["1 ≤ x < 3"]), ("1", [])]
    assert one_where(found) == ["x < 1", "x ≥ 3"]


def test_three_thresholds_make_a_triangle() -> None:
    found = free(TRIANGLE)
    assert said(found, "Z1", (2,)) == [("x₁ + x₂ − 1", ["everywhere"])]
    assert said(found, "H1", (2,)) == [("1", ["x₁ + x₂ ≥ 1"]), ("0", ["x₁ + x₂ < 1"])]
    assert one_where(found) == ["x₁ ≥ 0, x₂ ≥ 0, x₁ + x₂ < 1"]
    assert said(found, "Yhat") == [("1", ["x₁ ≥ 0, x₂ ≥ 0, x₁ + x₂ < 1"]), ("0", [])]


def test_the_value_at_zero_moves_the_ends() -> None:
    at_zero = free("convention: {kinks: {step_at_zero: 0}}" + INTERVAL)
    assert said(at_zero, "H1", (0,)) == [("0", ["x ≤ 1"]), ("1", ["x > 1"])]
    half = free("convention: {kinks: {step_at_zero: 0.5}}" + INTERVAL)
    assert said(half, "H1", (0,)) == [("0", ["x < 1"]), ("½", ["x = 1"]), ("1", ["x > 1"])]


def test_relus_give_linear_pieces() -> None:
    found = free(
        "x: [x]\nlayers:\n  - {weights: [[1], [-1]], activation: relu}\n  - {weights: [[1, 1]]}\n"
    )
    assert said(found, "Yhat") == [("−x", ["x < 0"]), ("x", ["x ≥ 0"])]


def test_what_is_not_linear_stays_a_formula() -> None:
    found = free("x: [x]\nlayers:\n  - {weights: [[2]], bias: [-1], activation: sigmoid}\n")
    assert said(found, "Yhat") == [("σ(2 · x − 1)", ["everywhere"])]
    assert list(found.functions)[-1] == "class"
    assert one_where(found) == ["x ≥ ½"]


def test_one_letter_among_numbers() -> None:
    found = free("x: [x1, 2]\nlayers:\n  - {weights: [[1, 3]], bias: [1], activation: step}\n")
    assert found.inputs.names == ("x1",)
    assert said(found, "Z1") == [("x₁ + 7", ["everywhere"])]


# Brute force --------------------------------------------------------------------------------------

ACTIVATIONS = (
    "step",
    "sign",
    "relu",
    "{name: leaky-relu, slope: 0.25}",
    "{formula: 'abs(z)'}",
    "{formula: 'max(z, 1 - z)'}",
    "{formula: 'min(z, 2)'}",
    "linear",
)


def networks() -> Iterator[tuple[int, str]]:
    random = Random(7)
    for number in range(40):
        inputs = 1 + number % 2
        units = random.randint(1, 4 if inputs == 1 else 3)
        letters = "[x]" if inputs == 1 else "[x1, x2]"
        affine = random.choice(["W x + b", "W^T x + b", "x W + b", "x W^T + b"])
        first = _matrix(random, units, inputs)
        second = _matrix(random, 1, units)
        if affine in ("W^T x + b", "x W + b"):
            first, second = (list(map(list, zip(*m, strict=True))) for m in (first, second))
        zero = random.choice(["0", "1", "0.5"])
        hidden, last = random.choice(ACTIVATIONS), random.choice(ACTIVATIONS)
        yield (
            inputs,
            "\n".join(
                [
                    f"convention: {{affine: {affine}, kinks: {{step_at_zero: {zero}}}}}",
                    f"x: {letters}",
                    "layers:",
                    f"  - {{weights: {first}, bias: {_row(random, units)}, activation: {hidden}}}",
                    f"  - {{weights: {second}, bias: {_row(random, 1)}, activation: {last}}}",
                ]
            ),
        )


def _row(random: Random, size: int) -> list[float]:
    return [random.choice([-1.5, -1, -0.5, 0, 0.5, 1, 2]) for _ in range(size)]


def _matrix(random: Random, rows: int, columns: int) -> list[list[float]]:
    return [_row(random, columns) for _ in range(rows)]


@pytest.mark.parametrize(("inputs", "text"), list(networks()))
def test_pieces_are_the_network_at_every_point_of_a_grid(inputs: int, text: str) -> None:
    """Half steps meet kinks exactly; every point lies in exactly one piece."""
    numeric, found = loaded(text)
    model = numeric.model
    side = (
        [Fraction(i, 4) for i in range(-12, 13)]
        if inputs == 1
        else [Fraction(i, 2) for i in range(-5, 6)]
    )
    given = {name: np.asarray(each.value) for name, each in model.given.items()}
    for point in product(side, repeat=inputs):
        env = given | {"X": np.array([float(x) for x in point])}
        for equation in model.equations:
            env[equation.name] = evaluate(equation.expr, env)
        for function in (each for functions in found.functions.values() for each in functions):
            if function.name in env:
                assert _value(function, point) == exact(float(env[function.name][function.index]))


def _value(function: Function, point: tuple[Fraction, ...]) -> Fraction:
    inside = [p for p in function.pieces or () if all(half.holds(point) for half in p.region)]
    assert len(inside) == 1
    assert isinstance(inside[0].value, Affine)
    return inside[0].value.at(point)


# Inequalities -------------------------------------------------------------------------------------


def half(*numbers: float, strict: bool = False) -> Half:
    *slopes, constant = map(Fraction, numbers)
    return Half.of(Affine(tuple(slopes), constant), strict)


def drawn(random: Random, dimensions: int) -> Half:
    numbers = [random.randint(-2, 2) for _ in range(dimensions + 1)]
    return half(*numbers, strict=random.random() < 0.5)


@pytest.mark.parametrize("seed", range(60))
def test_needed_inequalities_keep_the_points(seed: int) -> None:
    random = Random(seed)
    dimensions = 1 + seed % 3
    region = tuple(drawn(random, dimensions) for _ in range(5))
    space = Space()
    possible = space.possible(region)
    short = space.needed(region) if possible else region
    assert len(short) <= len(region)
    for point in product([Fraction(i, 2) for i in range(-6, 7)], repeat=dimensions):
        whole = all(each.holds(point) for each in region)
        assert whole == all(each.holds(point) for each in short)
        assert not whole or possible


def test_impossible_regions() -> None:
    space = Space()
    assert not space.possible([half(1, 0), half(-1, 0, strict=True)])
    assert space.possible([half(1, 0), half(-1, 0)])
    assert not space.possible([half(1, 0, 0), half(0, 1, 0), half(-1, -1, -1)])
    assert not space.possible([half(1, 1, 0), half(-1, -1, 0, strict=True)])
    assert space.possible([half(0, 0, 1)])
    assert not space.possible([half(0, 0, 0, strict=True)])


def eliminated(region: list[Half]) -> bool:
    """Whether a region has points, by Fourier and Motzkin: one input after the other."""
    rows = [([Fraction(n) for n in each.row], each.strict) for each in region]
    for place in range(len(region[0].row) - 1):
        kept = [(row, strict) for row, strict in rows if not row[place]]
        for low, low_strict in rows:
            for high, high_strict in rows:
                if low[place] > 0 > high[place]:
                    row = [a / low[place] - b / high[place] for a, b in zip(low, high, strict=True)]
                    kept.append((row, low_strict or high_strict))
        rows = kept
    return all(row[-1] > 0 or (row[-1] == 0 and not strict) for row, strict in rows)


@pytest.mark.parametrize("seed", range(300))
def test_linear_programs_agree_with_elimination(seed: int) -> None:
    random = Random(seed)
    dimensions = 1 + seed % 4
    region = [drawn(random, dimensions) for _ in range(random.randint(1, 5))]
    assert Space().possible(region) == eliminated(region)


def test_work_is_bounded() -> None:
    random = Random(5)
    asked = [[drawn(random, 6) for _ in range(8)] for _ in range(1_000)]
    space = Space(work=2_000)
    with pytest.raises(TooMuchWorkError):
        list(map(space.possible, asked))


def test_regions_are_joined_only_where_the_union_is_one_region() -> None:
    left, right = (half(-1, 1, strict=True),), (half(1, -1),)
    space = Space()
    assert space.joined(left, right) == ()
    assert space.joined((half(-1, 1, strict=True),), (half(1, -1, strict=True),)) is None
    square = (half(1, 0, 0), half(0, 1, 0))
    assert space.joined(square, (half(-1, 0, 0, strict=True), half(0, -1, 0, strict=True))) is None
    assert len(space.merged([left, right])) == 1


# The command --------------------------------------------------------------------------------------


def test_command() -> None:
    runner = CliRunner()
    for text in (INTERVAL, TRIANGLE):
        for options in ([], ["--ascii"], ["--format", "markdown"], ["--width", "50"]):
            result = runner.invoke(main, ["derive", "-", *options], input=text)
            assert result.exit_code == 0, result.output
            assert "exactly where" in result.output

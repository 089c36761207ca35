"""Every entry of the table of operations: slopes, values, limits, domains, shapes, single entries.

What is tried is generated from the table, so that a new entry is tested by existing.
"""

from __future__ import annotations

import math
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
from oracles.operations import Example, examples, point

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Num, Op, Sym, op, walk
from backprop_cli.algebra.shapes import Shape, ShapeError
from backprop_cli.calculus.differentiate import shares
from backprop_cli.calculus.differentiate import slope as slope_of
from backprop_cli.operations.record import Array
from backprop_cli.operations.table import TABLE, Sizes
from backprop_cli.readings.entries import entry
from backprop_cli.readings.values import evaluate

EXAMPLES = list(examples())
NOT_PULLED_BACK = {"others_share", "stop_gradient"}
"""Stands in pull-backs only, which are not differentiated (so do the blocks of each sample); or has
no share by its meaning, whatever its slope (tests/test_held_fixed.py)."""

EACH = [
    name
    for name, one in TABLE.items()
    if one.elementwise and one.arity == 1 and name not in NOT_PULLED_BACK
]
STEP = 1e-5


def test_every_entry_is_tried() -> None:
    assert {example.node.name for example in EXAMPLES} == set(TABLE) - {"jacobian"}


# ---- Slopes -------------------------------------------------------------------------------------


def total(node: Op, env: dict[str, Array], upstream: Array) -> float:
    return float(np.sum(upstream * evaluate(node, env)))


def differences(node: Op, env: dict[str, Array], name: str, upstream: Array) -> Array:
    slopes = np.zeros(env[name].shape)
    for index in np.ndindex(slopes.shape):
        moved = [env[name].copy(), env[name].copy()]
        moved[0][index] += STEP
        moved[1][index] -= STEP
        above, below = (total(node, {**env, name: value}, upstream) for value in moved)
        slopes[index] = (above - below) / (2 * STEP)
    return slopes


@pytest.mark.parametrize("known", [False, True], ids=["", "result known"])
@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_pull_back_is_the_slope(example: Example, known: bool) -> None:
    node, sizes = example.node, example.sizes
    if node.name in NOT_PULLED_BACK or node.option("samples") is not None:
        return
    env = point(example, 1)
    value = evaluate(node, env)
    upstream = np.random.default_rng(2).uniform(-1, 1, value.shape)
    known_sizes = Sizes({**sizes.names, "r": value.shape, "g": value.shape}, {})
    given = {**env, "r": value, "g": upstream}
    found = {name: np.zeros(array.shape) for name, array in env.items()}
    for name, share in shares(node, Sym("g"), Sym("r"), known_sizes):
        part = evaluate(share, given, {"r": node} if known else {})
        assert known_sizes.shape(share) == part.shape == env[name].shape, str(share)
        found[name] += part
    for name, slope in found.items():
        wanted = differences(node, env, name, upstream)
        np.testing.assert_allclose(slope, wanted, rtol=1e-7, atol=2e-9, err_msg=name)


DEFINED = {name for name, one in TABLE.items() if one.definition} - NOT_PULLED_BACK


@pytest.mark.parametrize("example", [one for one in EXAMPLES if one.node.name in DEFINED], ids=str)
def test_a_definition_within_another_keeps_what_comes_from_outside(example: Example) -> None:
    """The gradient that reaches it may be in the very names that a definition is written in."""
    env = point(example, 1)
    value = evaluate(example.node, env)
    env["argument 0"] = np.random.default_rng(2).uniform(-1, 1, value.shape)
    sizes = Sizes({name: array.shape for name, array in env.items()}, {})
    found = {name: np.zeros(array.shape) for name, array in env.items()}
    for name, share in shares(example.node, Sym("argument 0"), example.node, sizes):
        found[name] += evaluate(share, env)
    for name in example.sizes.names:
        wanted = differences(example.node, env, name, env["argument 0"])
        np.testing.assert_allclose(found[name], wanted, rtol=1e-7, atol=2e-9, err_msg=name)


@pytest.mark.parametrize("name", EACH)
def test_slopes_are_finite_far_out(name: str) -> None:
    """Wherever the value and its true slope are numbers, so is the slope that is printed."""
    node = op(name, Sym("x"))
    slope = slope_of(node, Sym("r"), Sizes({"x": (), "r": ()}, {}))
    assert slope is not None
    for x in (-1e308, -800.0, 800.0, 1e308):
        env = {"x": np.asarray(x)}
        value = evaluate(node, env)
        if np.isfinite(value):
            found = evaluate(slope, {**env, "r": value}, {"r": node})
            assert np.isfinite(found), f"{name}'({x}) = {found}"


FAR_SLOPES = {  # at -800, 800
    "sigmoid": (0, 0), "tanh": (0, 0), "relu": (0, 1), "leaky_relu": (0.01, 1), "elu": (0, 1),
    "softplus": (0, 1), "silu": (0, 1), "gelu": (0, 1), "step": (0, 0), "sign": (0, 0),
    "exp": (0, math.inf), "mish": (0, 1), "softsign": (801**-2, 801**-2), "relu6": (0, 0),
}  # fmt: skip


@pytest.mark.parametrize("name", FAR_SLOPES)
def test_slopes_of_activations_far_out(name: str) -> None:
    env, node = {"x": np.array([-800.0, 800.0])}, op(name, Sym("x"))
    ((_, share),) = shares(node, build.ONE, node, Sizes({"x": (2,)}, {})) or [("x", build.ZERO)]
    found = np.broadcast_to(evaluate(share, env), (2,))
    np.testing.assert_allclose(found, FAR_SLOPES[name], atol=1e-300)


@pytest.mark.parametrize(
    ("name", "kink", "at_zero"),
    [
        ("relu", "relu", 0.5),
        ("leaky_relu", "leaky_relu", 0.25),
        ("abs", "abs", -1.0),
        ("positive_part", "hinge", 1.0),
        ("step", "step", 7.0),
    ],
)
def test_the_value_taken_at_a_kink(name: str, kink: str, at_zero: float) -> None:
    assert TABLE[name].kink == kink
    for taken in (0.0, at_zero):
        sizes = Sizes({"x": (1,)}, {kink: taken})
        ((_, share),) = shares(op(name, Sym("x")), build.ONE, Sym("r"), sizes)
        assert evaluate(share, {"x": np.zeros(1)}) == [taken]


@pytest.mark.parametrize("node", [op("max", Sym("x")), op("maximum", Sym("x"), build.ONE)])
def test_the_value_taken_at_a_tie(node: Op) -> None:
    shape = evaluate(node, {"x": np.ones(2)}).shape
    for taken in (0.0, 0.5):
        sizes = Sizes({"x": (2,), "g": shape}, {"max": taken})
        ((_, share),) = shares(node, Sym("g"), Sym("r"), sizes)
        found = evaluate(share, {"x": np.ones(2), "g": np.ones(shape)})
        assert found.tolist() == [taken, taken]


# ---- What the record says beside it --------------------------------------------------------------

RISING = [one for one in EXAMPLES if TABLE[one.node.name].rises or TABLE[one.node.name].moves]


@pytest.mark.parametrize("example", RISING, ids=str)
def test_what_rises_never_falls(example: Example) -> None:
    """Bounds of its values are its values at the ends, which a hill or a valley would break."""
    env = point(example, 5)
    for name, index in [(key, i) for key in env for i in np.ndindex(env[key].shape)]:
        start = env[name][index]
        values = []
        for there in np.linspace(0.01 if TABLE[example.node.name].domain else -9, 9, 61):
            env[name][index] = there
            values.append(evaluate(example.node, env))
        assert all(np.all(above >= below) for below, above in pairwise(values)), name
        env[name][index] = start


@pytest.mark.parametrize("name", [name for name in EACH if TABLE[name].least is not None])
def test_the_least_value_is_never_gone_below(name: str) -> None:
    least, values = (
        TABLE[name].least,
        evaluate(op(name, Sym("x")), {"x": np.linspace(-800, 99, 999)}),
    )
    assert least is not None
    assert np.all(values >= least)


@pytest.mark.parametrize("name", [name for name in EACH if TABLE[name].vanishes])
def test_what_vanishes_is_a_float_s_0_somewhere(name: str) -> None:
    values = evaluate(op(name, Sym("x")), {"x": np.linspace(-800, 100, 999)})
    assert np.all(values >= 0)
    assert np.any(values == 0)


@pytest.mark.parametrize("name", [name for name in EACH if TABLE[name].exact])
def test_the_exact_brings_no_new_digits(name: str) -> None:
    values = evaluate(op(name, Sym("x")), {"x": np.arange(-9.0, 10.0)})
    np.testing.assert_array_equal(values, np.round(values))


# ---- Domains ------------------------------------------------------------------------------------

GRID = (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0)


@pytest.mark.parametrize(
    "name", [name for name, one in TABLE.items() if one.domain is not None and one.elementwise]
)
def test_a_domain_is_where_the_value_is_a_number(name: str) -> None:
    one = TABLE[name]
    assert one.domain is not None
    assert one.arity
    args = np.array(list(product(GRID, repeat=one.arity))).T
    env = {f"a{i}": arg for i, arg in enumerate(args)}
    value = evaluate(Op(name, tuple(map(Sym, env))), env)
    outside = one.domain.outside(*args)
    assert outside.any(), name
    np.testing.assert_array_equal(outside, ~np.isfinite(value))
    assert " " in one.domain.words


def test_entries_without_a_domain_have_values_everywhere() -> None:
    for name in EACH:
        if TABLE[name].domain is None:
            value = evaluate(op(name, Sym("x")), {"x": np.array([*GRID, -800.0, 1e308, -1e308])})
            assert not np.isnan(value).any(), name


def test_nothing_times_the_logarithm_of_nothing_is_nothing() -> None:
    zero, one = np.zeros(1), np.ones(1)
    assert evaluate(op("xlogy", Sym("y"), Sym("p")), {"y": zero, "p": zero}) == 0
    assert evaluate(op("xlogy", Sym("y"), Sym("p")), {"y": one, "p": zero}) == -np.inf
    assert evaluate(op("ratio", Sym("y"), Sym("p")), {"y": zero, "p": zero}) == 0
    for exponent in (0, 1, 2, 3):
        node = op("pow", Sym("x"), Num(build.ONE.value * exponent))
        ((_, share),) = shares(node, build.ONE, node, Sizes({"x": (1,)}, {}))
        assert evaluate(share, {"x": zero}) == (1 if exponent == 1 else 0), exponent
    node = op("pow", Sym("x"), Sym("n"))
    found = dict(shares(node, build.ONE, node, Sizes({"x": (1,), "n": ()}, {})))
    assert evaluate(found["n"], {"x": zero, "n": np.asarray(2.0)}) == 0


# ---- Shapes and entries -------------------------------------------------------------------------

LETTERS = {2: "M", 3: "N", 4: "K"}
NUMBERS = {letter: number for number, letter in LETTERS.items()}


def lettered(shape: Shape) -> Shape:
    return tuple(LETTERS.get(int(size), size) for size in shape)


def numbered(shape: Shape) -> tuple[int, ...]:
    """`N+1` and the like, put into numbers."""
    return tuple(eval(str(size), {}, NUMBERS) for size in shape)  # noqa: S307


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_shapes_in_numbers_and_in_letters(example: Example) -> None:
    shape = evaluate(example.node, point(example, 3)).shape
    assert example.sizes.shape(example.node) == shape
    if example.node.name in ("concat", "part") or "shape" in dict(example.node.options):
        return  # these are told sizes in numbers
    names = {name: lettered(given) for name, given in example.sizes.names.items()}
    found = shape_or_why_not(example.node, names)
    if isinstance(found, str):
        assert "sizes" in found
        assert "numbers" in found
    else:
        assert numbered(found) == shape


def shape_or_why_not(node: Op, names: dict[str, Shape]) -> Shape | str:
    try:
        return Sizes(names, {}).shape(node)
    except ShapeError as error:
        return str(error)


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_entries_are_those_of_the_array(example: Example) -> None:
    env = point(example, 4)
    value = evaluate(example.node, env)
    for index in np.ndindex(value.shape):
        written = entry(example.node, index, example.sizes)
        assert scalars_only(written, example.node), str(written)
        assert evaluate(written, env) == pytest.approx(float(value[index]), rel=1e-12, abs=1e-13)


def scalars_only(written: Expr, node: Op) -> bool:
    """Whether arrays are only used entry by entry, but for what is asked of a whole slice."""
    if node.name in (
        "argmax",
        "largest_shares",
        "others_share",
        "inv",
        "det",
        "logdet",
        "cof_along",
    ):
        return True
    inside = [part for part in walk(written) if isinstance(part, Op) and part.name != "at"]
    return all(
        not isinstance(arg, Sym) or arg.name.startswith("a") for part in inside for arg in part.args
    )


def shape_or_sentence(node: Op, names: dict[str, Shape]) -> Shape | None:
    """The shape of the result; None where the shapes do not fit, and then it is said why."""
    try:
        return Sizes(names, {}).shape(node)
    except ShapeError as error:
        said = str(error)
    assert len(said.split()) > 3, f"{node}: {said}"
    assert not said.endswith("."), f"{node}: {said}"
    return None


FEW: tuple[Shape, ...] = ((), (1,), (2,), (3,), (2, 3), (3, 2), (2, 2), (1, 3), (2, 1))
USED = [*(name for name, one in TABLE.items() if one.public), "at"]


@pytest.mark.parametrize("name", USED)
def test_what_does_not_fit_is_said_in_a_sentence(name: str) -> None:
    """Any shapes that a file can bring together give a shape and a value, or a sentence."""
    one = TABLE[name]
    options: list[dict[str, Any]] = [{"index": (1, 1)}, {"index": (2,)}] if name == "at" else [{}]
    options += [{"axis": axis} for axis in (0, 1, 2, -1, 0.5)] if "axis" in one.options else []
    for shapes in product(FEW, repeat=2 if one.arity is None else one.arity):
        names = {f"a{i}": shape for i, shape in enumerate(shapes)}
        for given in options:
            node = Op(name, tuple(map(Sym, names)), tuple(given.items()))
            shape = shape_or_sentence(node, names)
            if shape is None:
                continue
            env = {name: np.ones(tuple(map(int, size))) for name, size in names.items()}
            assert evaluate(node, env).shape == shape, str(node)


@pytest.mark.parametrize("value", ["k", (1, 2), "N+1"])
def test_constants_are_numbers(value: str | tuple[int, ...]) -> None:
    for name, one in TABLE.items():
        for key, default in one.options.items():
            if isinstance(default, int | float):
                args = tuple(Sym("x") for _ in range(one.arity or 1))
                with pytest.raises(ShapeError, match=key):
                    Sizes({"x": (3,)}, {}).shape(Op(name, args, ((key, value),)))

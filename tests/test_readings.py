"""Readings beside values: rounding as people do it, Jacobians; and what builders build."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import networks
from oracles.solved import solved

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import (
    Expr,
    Op,
    Sym,
    addends,
    factors,
    num,
    op,
    signed_terms,
    uses,
    walk,
)
from backprop_cli.operations.record import Array, fit
from backprop_cli.operations.table import Sizes
from backprop_cli.readings.entries import entry
from backprop_cli.readings.factored import jacobian
from backprop_cli.readings.formula_text import number, plain
from backprop_cli.readings.values import Mode, evaluate, rounded
from backprop_cli.solving.solution import Solution

# ---- Rounding -----------------------------------------------------------------------------------

Kind = Literal["decimals", "significant"]


@pytest.mark.parametrize(
    ("value", "digits", "kind", "mode", "wanted"),
    [
        (0.125, 2, "decimals", "half-up", 0.13),
        (-0.125, 2, "decimals", "half-up", -0.13),
        (0.125, 2, "decimals", "half-even", 0.12),
        (0.135, 2, "decimals", "half-even", 0.14),
        (0.129, 2, "decimals", "truncate", 0.12),
        (-0.129, 2, "decimals", "truncate", -0.12),
        (0.2 - 0.35, 2, "decimals", "truncate", -0.15),  # -0.14999999999999997 of floats
        (100.3 - 100.2, 1, "decimals", "truncate", 0.1),
        (0.149999, 2, "decimals", "truncate", 0.14),
        (2.675 - 1e-15, 2, "decimals", "half-up", 2.68),
        (0.1 + 0.2, 16, "decimals", "truncate", 0.3),
        (2.675, 2, "decimals", "half-up", 2.68),  # in binary it is a little less
        (1.005, 2, "decimals", "half-up", 1.01),
        (0.5, 0, "decimals", "half-up", 1.0),
        (0.00012345, 2, "significant", "half-up", 0.00012),
        (99.95, 3, "significant", "half-up", 100.0),
        (123456.0, 2, "significant", "truncate", 120000.0),
        (0.0, 3, "significant", "half-up", 0.0),
        (1e300, 3, "decimals", "half-up", 1e300),
        (5e-324, 3, "decimals", "half-up", 0.0),
        (np.inf, 3, "decimals", "half-up", np.inf),
    ],
)
def test_rounding(value: float, digits: int, kind: Kind, mode: Mode, wanted: float) -> None:
    assert rounded(np.array([[value]]), digits, kind, mode).tolist() == [[wanted]]


def test_rounding_keeps_what_is_no_number() -> None:
    assert np.isnan(rounded(np.asarray(np.nan), 3, "decimals", "half-up"))


def test_rounded_steps_are_made_from_rounded_numbers() -> None:
    problem = {"x": [1], "layers": [{"weights": [[0.333]], "activation": "exp"}]}
    problem |= {"rounding": {"decimals": 1}}
    values = solved(problem).values
    assert values["Z1"] == [0.3]
    assert values["Yhat"] == [1.3]  # e^0.3 is 1.35 to two decimals, 1.349… in full


# ---- Jacobians ----------------------------------------------------------------------------------


def differences(solution: Solution, of: str, by: str) -> Array:
    """∂of/∂by by central differences, of's axes then by's."""
    definitions, values = solution.model.definitions, dict(solution.values)
    rows = []
    for index in np.ndindex(values[by].shape):
        ends = []
        for step in (1e-6, -1e-6):
            env = {**values, by: values[by].copy()}
            env[by][index] += step
            for name, expr in definitions.items():
                if name != by and name in env:
                    env[name] = evaluate(expr, env)
            ends.append(env[of])
        rows.append((ends[0] - ends[1]) / 2e-6)
    return np.stack(rows, axis=-1).reshape(values[of].shape + values[by].shape)


def blocks(whole: Array, samples: int) -> Array:
    """The block of each sample, samples first."""
    units = whole.ndim // 2
    assert units == 2
    first = np.moveaxis(whole, (samples, 2 + samples), (0, 1))
    return np.stack([first[i, i] for i in range(len(first))])


@pytest.mark.parametrize("seed", range(25))
def test_jacobians_are_differences_and_pull_backs(seed: int) -> None:
    problem = networks.draw(seed).problem
    problem["convention"]["jacobian"] = "numerator"
    solution = solved(problem)
    sizes = Sizes({name: value.shape for name, value in solution.values.items()}, {})
    for step in solution.trace.steps:
        if step.phase != "jacobian":
            continue
        assert step.value is not None
        of, by = step.id[1:].split("/d")
        axis = solution.model.sample_axis if step.axes[0] == "sample" else None
        whole = differences(solution, of, by)
        wanted = whole if axis is None else blocks(whole, axis)
        np.testing.assert_allclose(step.value, wanted, rtol=1e-5, atol=1e-8, err_msg=step.id)
        node = op("jacobian", Sym(of), Sym(by), samples=axis)
        pulled = jacobian(node, solution.model.definitions, solution.values, sizes)
        np.testing.assert_allclose(step.value, pulled, rtol=1e-9, atol=1e-12, err_msg=step.id)


def test_a_jacobian_through_several_quantities() -> None:
    problem = networks.draw(3).problem
    last = f"W{len(problem['layers'])}"
    for name in ("Yhat", "L"):
        solution = solved(problem, (f"d{name}/d{last}",))
        found = solution.values[f"d{name}/d{last}"]
        np.testing.assert_allclose(
            found, differences(solution, name, last), rtol=1e-5, atol=1e-8, err_msg=name
        )


# ---- Builders -----------------------------------------------------------------------------------

SIZES = Sizes({"A": (2, 2), "B": (2, 2), "c": ()}, {})
ENV = {"A": np.array([[1.5, -2], [0.5, 3]]), "B": np.array([[-1, 2], [0.25, 1.0]])}
ENV |= {"c": np.asarray(-0.75)}
Pair = tuple[Expr, Expr]
"""An expression as a builder tidies it, and the plain one."""

LEAVES = [Sym("A"), Sym("B"), Sym("c"), num(0), num(1), num(-1), num(2), num("-1/2")]
BUILDERS = {"add": build.add, "sub": build.sub, "mul": build.mul, "div": build.div}
PRODUCTS = {"matmul": build.matmul}


@st.composite
def built(draw: st.DrawFn, inner: st.SearchStrategy[Pair]) -> Pair:
    first, second = draw(inner), draw(inner)
    matrices = all(SIZES.shape(pair[1]) == (2, 2) for pair in (first, second))
    is_matrix = SIZES.shape(first[1]) == (2, 2)
    choices = ["neg", *BUILDERS, *(["matmul"] if matrices else [])]
    name = draw(st.sampled_from([*choices, *(["transpose"] if is_matrix else [])]))
    if name == "neg":
        return build.neg(first[0]), op("neg", first[1])
    if name == "transpose":
        return build.transpose(first[0]), op("transpose", first[1])
    builder = {**BUILDERS, **PRODUCTS}[name]
    return builder(first[0], second[0]), op(name, first[1], second[1])


pairs = st.recursive(st.sampled_from([(leaf, leaf) for leaf in LEAVES]), built, max_leaves=8)


@given(pairs)
@settings(max_examples=500, deadline=None)
def test_builders_tidy_and_change_nothing(pair: Pair) -> None:
    tidy, untidy = pair
    parts = [evaluate(part, ENV) for part in walk(untidy)]
    if not all(np.all(np.isfinite(value)) for value in parts):
        return  # 0/0 may well be tidied away
    found, wanted = evaluate(tidy, ENV), evaluate(untidy, ENV)
    assert SIZES.shape(tidy) == SIZES.shape(untidy), plain(tidy)
    np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-11, err_msg=plain(tidy))
    size = sum(1 for _ in walk(tidy))
    assert size <= sum(1 for _ in walk(untidy)) + 2, plain(tidy)


def test_a_spread_is_left_to_broadcasting_and_fitted_again() -> None:
    ones, c = op("spread", num(1), shape=(2, 2)), Sym("c")
    assert build.mul(ones, Sym("A")) == Sym("A")
    assert build.mul(ones, num(3)) == op("spread", num(3), shape=(2, 2))
    assert fit(build.mul(ones, c), Sym("A"), SIZES) == op("spread", c, shape=(2, 2))


@pytest.mark.parametrize(
    ("expr", "text"),
    [
        (build.mul(num(2), build.mul(num("1/2"), Sym("A"))), "A"),
        (build.mul(Sym("A"), num(-1)), "-A"),
        (build.neg(build.sub(Sym("A"), Sym("B"))), "B - A"),
        (build.add(Sym("A"), build.neg(Sym("B"))), "A - B"),
        (build.add(Sym("A"), build.mul(num(-3), Sym("B"))), "A - 3 * B"),
        (build.transpose(build.matmul(Sym("A"), Sym("B"))), "B.T @ A.T"),
        (build.transpose(build.transpose(Sym("A"))), "A"),
        (build.matmul(build.mul(num(2), Sym("A")), Sym("B")), "2 * (A @ B)"),
        (build.power(Sym("A"), num(1)), "A"),
        (
            build.drop("drop_first", build.matmul(Sym("A"), Sym("B")), 0),
            "drop_first(A, axis=0) @ B",
        ),
    ],
)
def test_builders_write_as_people_do(expr: Expr, text: str) -> None:
    assert plain(expr) == text


# ---- Text ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"), [("0.5", "0.5"), ("1/3", "1/3"), ("-2", "-2"), ("1e-20", "1e-20")]
)
def test_numbers_in_formulas(value: str, text: str) -> None:
    assert number(num(value).value) == text


def test_entries_know_what_is_zero() -> None:
    """A one-hot upstream gradient makes the entry of a pull-back the derivative of one entry."""
    sizes = Sizes({"g": (3,), "h": (3,), "W": (3, 2)}, {})
    known: Any = {"g": {(1,): build.ONE}}
    share = op("mul", Sym("g"), op("mul", Sym("h"), op("sub", num(1), Sym("h"))))
    assert entry(share, (0,), sizes, known) == build.ZERO
    found = entry(op("matmul", op("transpose", Sym("W")), Sym("g")), (1,), sizes, known)
    assert found == op("at", Sym("W"), index=(1, 1))
    written = entry(op("softmax", Sym("h")), (2,), sizes)
    assert plain(written) == "exp(h[3]) / (exp(h[1]) + exp(h[2]) + exp(h[3]))"
    assert isinstance(written, Op)


# ---- Terms and factors ---------------------------------------------------------------------------

PARTS: st.SearchStrategy[Expr] = st.one_of(
    st.sampled_from("abcd").map(Sym), st.integers(1, 9).map(num)
)
SUMS_AND_PRODUCTS = st.recursive(
    PARTS,
    lambda inside: (
        st.builds(op, st.sampled_from(["add", "sub", "mul"]), inside, inside)
        | st.builds(op, st.just("neg"), inside)
    ),
    max_leaves=12,
)
EXACT = {name: np.asarray(number) for name, number in zip("abcd", (0.5, -3, 7, 0.25), strict=True)}


def value(expr: Expr) -> float:
    return float(evaluate(expr, EXACT))


@given(SUMS_AND_PRODUCTS, st.booleans())
def test_terms_add_up_to_their_sum_and_are_no_sums(expr: Expr, through_signs: bool) -> None:
    found = [*signed_terms(expr, through_signs=through_signs)]
    assert sum(sign * value(term) for sign, term in found) == pytest.approx(value(expr))
    assert sum(map(value, addends(expr))) == pytest.approx(value(expr))
    closed = {"add", "sub", "neg"} if through_signs else {"add", "sub"}
    assert not any(isinstance(term, Op) and term.name in closed for _, term in found)


@given(SUMS_AND_PRODUCTS, st.booleans())
def test_factors_multiply_to_their_product_and_are_no_products(
    expr: Expr, through_signs: bool
) -> None:
    found = [*factors(expr, through_signs=through_signs)]
    assert np.prod([value(factor) for factor in found]) == pytest.approx(value(expr))
    closed = {"mul", "neg"} if through_signs else {"mul"}
    assert not any(isinstance(factor, Op) and factor.name in closed for factor in found)


def test_a_formula_uses_operations_and_no_names() -> None:
    expr = op("add", Sym("mul"), op("exp", Sym("x")))
    assert uses(expr, "exp")
    assert uses(expr, "log", "add")
    assert not uses(expr, "mul", "x")

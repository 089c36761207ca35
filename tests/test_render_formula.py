"""Expressions as formulas: symbols, numbers put in, parentheses exactly where needed."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from writing import Writer

from backprop_cli.algebra.expr import Expr, Sym, num, op, rewrite
from backprop_cli.document.names import Names
from backprop_cli.notation.boxes import ASCII, Drawing, plain_text
from backprop_cli.notation.flow import joined
from backprop_cli.notation.numbers_and_indices import Digits
from backprop_cli.problem.text.parser import Dialect, FormulaError, parse
from backprop_cli.readings.values import evaluate

SHAPES: dict[str, tuple[int, ...]] = {
    "x": (2,), "y": (3,), "W": (3, 2), "A": (3, 3), "B": (3, 3), "v": (3,), "u": (3,),
    **dict.fromkeys("pqrstmnk", ()),
    "a": (), "b": (), "c": (), "d": (), "dL/dZ1": (3,), "W1": (3, 2), "H1": (3,),
}  # fmt: skip
ALL = Dialect(all_operations=True, compound=("dL/dZ1",))


def written(expr: Expr, *, rows: bool = False, plain: bool = False, layers: bool = False) -> str:
    drawing = Drawing(Digits(ascii=True), ASCII, rows) if plain else Drawing(rows=rows)
    writer = Writer(Names(layers=layers, ascii=plain), drawing, SHAPES)
    return "\n".join(map(plain_text, joined(writer.tokens(expr)).lines))


@pytest.mark.parametrize(
    ("formula", "symbols"),
    [
        ("W @ x + y", "W x + y"),
        ("W.T @ (A @ y)", "Wᵀ A y"),
        ("y @ W", "Wᵀ y"),
        ("y @ v", "yᵀ v"),
        ("outer(y, x)", "y xᵀ"),
        ("(W @ x) * y", "(W x) ⊙ y"),
        ("a * (W @ x)", "a · W x"),
        ("y * v", "y ⊙ v"),
        ("a * b", "a · b"),
        ("2 * (y - v)", "2 · (y − v)"),
        ("(A * B) @ y", "(A ⊙ B) y"),
        ("1/3 * a", "1/3 · a"),
        ("0.5 * a", "½ · a"),
        ("a - (b - c)", "a − (b − c)"),
        ("a - (b + c)", "a − (b + c)"),
        ("a + (b + c)", "a + b + c"),
        ("a * (b * c)", "a · b · c"),
        ("a / (b * c)", "a / (b · c)"),
        ("a * b / c", "a · b / c"),
        ("a / b / c", "a / b / c"),
        ("a / (b / c)", "a / (b / c)"),
        ("-(a + b)", "−(a + b)"),
        ("a * -b", "a · (−b)"),
        ("a - -b", "a − (−b)"),
        ("(-a)^2", "(−a)²"),
        ("-a^2", "−a²"),
        ("(a + b)^2", "(a + b)²"),
        ("a^(b + 1)", "a^(b + 1)"),
        ("sigmoid(W @ x)", "σ(W x)"),
        ("softmax(A, axis=1)", "softmax(A)"),
        ("sum(y * log(v))", "Σ y ⊙ ln v"),
        ("sum((y - v)^2) / 2", "Σ (y − v)² / 2"),
        ("log(a) / 2", "(ln a) / 2"),
        ("sum(y) * a", "(Σ y) · a"),
        ("a * sum(y)", "a · Σ y"),
        ("sum(A, axis=1)", "Σ columns of A"),
        ("sum(A * B, axis=0)", "Σ rows of (A ⊙ B)"),
        ("log(1 - a)", "ln(1 − a)"),
        ("xlogy(y, v)", "y ⊙ ln v"),
        ("xlogy(1 - a, 1 - b)", "(1 − a) · ln(1 − b)"),
        ("ratio(y, v)", "y / v"),
        ("logsumexp(y)", "ln Σ exp(y)"),
        ("norm(y)", "‖y‖"),
        ("abs(y - v)", "|y − v|"),
        ("sqrt(a)", "√a"),
        ("sqrt(a + b)", "√(a + b)"),
        ("positive_part(1 - a)", "max(0, 1 − a)"),
        ("switch(y, below=0, at=0, above=1)", "1{y > 0}"),
        ("switch(a - b, below=0, at=1, above=1)", "1{a ≥ b}"),
        ("switch(1 - abs(y), at=1)", "1{|y| ≤ 1}"),
        ("switch(-y, below=1, above=0)", "1{y > 0}"),
        ("switch(y, at=0.5)", "{1 if y > 0, ½ if y = 0, 0 otherwise}"),
        ("switch(y, at=1, above=0)", "1{y = 0}"),
        ("largest_shares(y)", "1{y = max(y), the first}"),
        ("largest_shares(y, at_tie=shared)", "1{y = max(y)} / (Σ 1{y = max(y)})"),
        ("largest_shares(y, at_tie=0)", "1{y = max(y), alone}"),
        ("switch(y, below=-1, at=0, above=1)", "sign(y)"),
        ("switch(y, below=0.1, at=0, above=1)", "{1 if y > 0, 0 if y = 0, 0.1 otherwise}"),
        ("choose(a, b, c)", "{b if a > 0, c otherwise}"),
        ("leaky_relu(y, slope=0.2)", "LeakyReLU(y; 0.2)"),
        ("A + column(y)", "A + y"),
        ("A + row(y)", "A + yᵀ"),
        ("W[2,1]", "W₂₁"),
        ("y[3]^2", "y₃²"),
        ("log(y[1])", "ln y₁"),
        ("(y + v)[1]", "(y + v)₁"),
        ("[a + b, c]", "[a + b, c]"),
        ("concat(x, y)", "[x; y]"),
        ("diag(y)", "diag(y)"),
        ("H1 * (1 - H1)", "H₁ ⊙ (1 − H₁)"),
        ("dL/dZ1 / 2", "(∂L/∂Z₁) / 2"),
        ("outer(dL/dZ1, x)", "∂L/∂Z₁ xᵀ"),
        ("W.T @ dL/dZ1", "Wᵀ ∂L/∂Z₁"),
        ("max(A, axis=1)", "max of each row (A)"),
    ],
)
def test_symbols(formula: str, symbols: str) -> None:
    assert written(parse(formula, ALL)) == symbols


def test_raised_names_are_closed_before_they_are_raised_again() -> None:
    assert written(parse("W1.T @ H1", ALL), layers=True) == "(W¹)ᵀ H¹"
    assert written(parse("H1^2", ALL), layers=True) == "(H¹)²"
    assert written(parse("outer(H1, dL/dZ1)", ALL), layers=True) == "H¹ (∂L/∂Z¹)ᵀ"


def test_vectors_as_rows() -> None:
    assert written(parse("y @ W", ALL), rows=True) == "y W"
    assert written(parse("outer(y, x)", ALL), rows=True) == "yᵀ x"
    assert written(parse("y @ v", ALL), rows=True) == "y vᵀ"
    assert written(parse("A + row(y)", ALL), rows=True) == "A + y"


def test_ascii_is_numpy() -> None:
    formula = "W.T @ (y * v) + a * x"
    assert written(parse(formula, ALL), plain=True) == formula


def test_bias_entries() -> None:
    assert written(op("prepend", Sym("x"), num(1), axis=0)) == "[1; x]"
    assert written(op("drop_first", Sym("W"), axis=0)) == "W\N{COMBINING TILDE}"


# Numbers put in -----------------------------------------------------------------------------------


def filled(formula: str, **values: object) -> str:
    arrays = {name: np.asarray(value, dtype=float) for name, value in values.items()}
    shapes = {name: array.shape for name, array in arrays.items()}
    writer = Writer(Names(layers=False), Drawing(), shapes, arrays)
    return "\n".join(map(plain_text, joined(writer.tokens(parse(formula, ALL))).lines))


@pytest.mark.parametrize(
    ("formula", "numbers"),
    [
        ("a * b + c", "3 · (−4) + 1"),
        ("b * a + c", "−4 · 3 + 1"),
        ("c + b * a", "1 + (−4) · 3"),
        ("c - b", "1 − (−4)"),
        ("b^2", "(−4)²"),
        ("sigmoid(b)", "σ(−4)"),
        ("log(a)", "ln 3"),
        ("-a * log(a)", "−3 · ln 3"),
    ],
)
def test_numbers_with_their_signs(formula: str, numbers: str) -> None:
    assert filled(formula, a=3, b=-4, c=1) == numbers


def test_a_transposed_matrix_is_drawn_transposed() -> None:
    drawn = filled("W.T @ x + b", W=[[3, 6], [4, 5]], x=[1, 0], b=[1, -6])
    assert drawn == (
        "⎡3  4⎤ ⎡1⎤   ⎡ 1⎤\n"
        "⎢    ⎥ ⎢ ⎥ + ⎢  ⎥\n"
        "⎣6  5⎦ ⎣0⎦   ⎣−6⎦\n"
        " 2×2   2×1   2×1"
    )  # fmt: skip


def test_values_of_one_entry_are_numbers() -> None:
    assert filled("W @ x + b", W=[[0.5]], x=[3], b=[-1]) == "0.5 · 3 + (−1)"


def test_parentheses_and_exponents_grow_with_what_they_hold() -> None:
    assert filled("(x - y)^2", x=[1, 2], y=[3, 4]) == (
        "⎛⎡1⎤   ⎡3⎤⎞²\n"
        "⎜⎢ ⎥ − ⎢ ⎥⎟\n"
        "⎝⎣2⎦   ⎣4⎦⎠\n"
        " 2×1   2×1"
    )  # fmt: skip


# Parentheses --------------------------------------------------------------------------------------

LEAF = Sym("leaf")
BINARY = st.sampled_from(["add", "sub", "mul", "div"])
SCALARS = st.recursive(
    st.just(LEAF),
    lambda inner: st.one_of(
        st.builds(op, BINARY, inner, inner),
        st.builds(op, st.just("neg"), inner),
        st.builds(op, st.just("pow"), inner, st.just(num(2))),
    ),
    max_leaves=8,
)
LETTERS = "pqrstmnk"
ENV = {letter: np.asarray(1.3 + 0.717 * i**1.31) for i, letter in enumerate(LETTERS)}
PAIR = re.compile(r"\(([^()]*)\)")


def lettered(expr: Expr) -> Expr:
    """Every leaf gets a letter of its own, so that nothing cancels by accident."""
    letters = iter(LETTERS)
    return rewrite(expr, lambda node: Sym(next(letters)) if node == LEAF else None)


def read_back(text: str) -> float:
    if "²²" in text:
        raise FormulaError("two exponents", 0)
    plain = text.replace("·", "*").replace("−", "-").replace("²", "^2")
    return float(evaluate(parse(plain), ENV))


@settings(max_examples=300)
@given(SCALARS)
def test_what_is_written_means_the_same(shape: Expr) -> None:
    expr = lettered(shape)
    assert read_back(written(expr)) == pytest.approx(float(evaluate(expr, ENV)), rel=1e-9)


@settings(max_examples=300)
@given(SCALARS)
def test_no_pair_of_parentheses_can_be_left_out(shape: Expr) -> None:
    """Those around a sign keep two signs apart, those around a quotient keep a / b · c readable."""
    expr = lettered(shape)
    text, value = written(expr), float(evaluate(expr, ENV))
    for pair in PAIR.finditer(text):
        inner = pair[1]
        if inner.startswith("−") or "/" in inner:
            continue
        without = text[: pair.start()] + inner + text[pair.end() :]
        assert _means_something_else(without, value), f"{text} could be {without}"


def _means_something_else(text: str, value: float) -> bool:
    try:
        return bool(read_back(text) != pytest.approx(value, rel=1e-12))
    except FormulaError:
        return True

"""Formulas: what is written is read back the same, precedence is Python's, errors say where."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from oracles.expressions import COMPOUND, Typed, expressions, formulas

from backprop_cli.algebra.expr import Expr, Num, Sym, num, op, symbols, walk
from backprop_cli.notation.tex import latex
from backprop_cli.problem.text.calls import FUNCTIONS
from backprop_cli.problem.text.parser import Dialect, FormulaError, parse, parse_constant
from backprop_cli.problem.typed_numbers import NumberError, read_number
from backprop_cli.readings.formula_text import plain
from backprop_cli.readings.values import evaluate

a, b, c = map(Sym, "abc")


# ---- There and back -----------------------------------------------------------------------------


@given(expressions)
@settings(max_examples=600, deadline=None)
def test_what_is_written_is_read_back_the_same(expr: Expr) -> None:
    for indices in (0, 1):
        dialect = Dialect(indices, compound=COMPOUND, all_operations=True)
        assert parse(plain(expr, indices), dialect) == expr, plain(expr, indices)


@given(expressions)
@settings(max_examples=300, deadline=None)
def test_latex_is_written_for_everything(expr: Expr) -> None:
    text = latex(expr)
    assert text.count("{") == text.count("}")
    assert text.count(r"\left") == text.count(r"\right")
    assert "None" not in text


@pytest.mark.parametrize(
    ("text", "expr"),
    [
        ("a - b - c", op("sub", op("sub", a, b), c)),
        ("a - (b - c)", op("sub", a, op("sub", b, c))),
        ("a / b / c", op("div", op("div", a, b), c)),
        ("a / (b * c)", op("div", a, op("mul", b, c))),
        ("a^b^c", op("pow", a, op("pow", b, c))),
        ("(a^b)^c", op("pow", op("pow", a, b), c)),
        ("-a^2", op("neg", op("pow", a, num(2)))),
        ("(-a)^2", op("pow", op("neg", a), num(2))),
        ("a^-2", op("pow", a, num(-2))),
        ("a^-b", op("pow", a, op("neg", b))),
        ("-a * b", op("mul", op("neg", a), b)),
        ("-(a * b)", op("neg", op("mul", a, b))),
        ("a @ b.T", op("matmul", a, op("transpose", b))),
        ("(a @ b).T", op("transpose", op("matmul", a, b))),
        ("a * b @ c", op("matmul", op("mul", a, b), c)),
        ("a[1]^2", op("pow", op("at", a, index=(0,)), num(2))),
        ("a[2, :]", op("at", a, index=(1, None))),
        ("[a, b][2]", op("at", op("stack", a, b), index=(1,))),
        ("2/3", num("2/3")),
        ("2/3 * a", op("mul", num("2/3"), a)),
        ("a * (2/3)", op("mul", a, num("2/3"))),
        ("a - -3", op("sub", a, num(-3))),
        ("- -a", a),
        ("a−b·c", op("sub", a, op("mul", b, c))),
        ("max(a, b, c)", op("maximum", op("maximum", a, b), c)),
        ("min(a, b)", op("minimum", a, b)),
        ("max(a, axis=1)", op("max", a, axis=1)),
        ("ln(a)", op("log", a)),
        ("dot(a, b)", op("matmul", a, b)),
        ("identity(a)", a),
        ("1e-3", num("1/1000")),
        (".5", num("1/2")),
    ],
)
def test_precedence(text: str, expr: Expr) -> None:
    assert parse(text) == expr
    again = plain(expr)
    assert parse(again) == expr, again


@pytest.mark.parametrize(
    "expr",
    [
        op("neg", op("neg", a)),
        op("neg", num(2)),
        op("neg", num(-2)),
        op("transpose", num(3)),
        op("div", num(1), num(3)),
        op("div", num("1/3"), num(-2)),
        op("pow", num(-2), num("1/2")),
        op("pow", num("2/3"), num(-1)),
        op("at", num(3), index=(0,)),
        op("sub", a, num("-1/3")),
        op("mul", num("-1/3"), op("neg", a)),
        op("pi"),
    ],
)
def test_what_is_easily_confused(expr: Expr) -> None:
    dialect = Dialect(all_operations=True)
    assert parse(plain(expr), dialect) == expr, plain(expr)


# ---- The same as Python -------------------------------------------------------------------------

PYTHON: dict[str, Any] = {
    "F": np.float64,
    **{name: getattr(np, name) for name in "sin cos tanh exp abs sqrt log sum mean max".split()},
    "norm": lambda x: np.sqrt(np.sum(np.square(x))),
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
}


@given(formulas)
@settings(max_examples=600, deadline=None)
def test_formulas_are_those_of_numpy(typed: Typed) -> None:
    rng = np.random.default_rng(0)
    names = {"A": rng.normal(size=(2, 2)), "B": rng.normal(size=(2, 2))}
    env = names | {"c": np.asarray(1.5), "d": np.asarray(-0.7)}
    with np.errstate(all="ignore"):
        wanted = eval(typed.python, {"__builtins__": {}}, PYTHON | env)  # noqa: S307  # ours
    expr = parse(typed.ours, Dialect(indices=0))
    found = evaluate(expr, env)
    if not all(np.all(np.isfinite(value)) for value in parts(expr, env)):
        return  # in the midst of infinities the last digits decide
    np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-11, err_msg=typed.ours)


def parts(expr: Expr, env: dict[str, Any]) -> list[Any]:
    return [evaluate(part, env) for part in walk(expr)]


# ---- Errors say where ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "offset", "word"),
    [
        ("", 0, "expected"),
        ("a +", 3, "end"),
        ("a + * b", 4, "*"),
        ("(a + b", 6, "not closed"),
        ("a b", 2, "operator"),
        ("2a", 1, "operator"),
        ("(a b)", 3, "operator"),
        ("exp(2 a)", 6, "operator or a comma"),
        ("[1 2]", 3, "comma is missing"),
        ("a[1 2]", 4, "comma is missing"),
        ("a ; b", 2, "no meaning"),
        ("a' b", 1, "no meaning"),
        ("a & b", 2, "no meaning"),
        ("foo(a)", 0, "foo"),
        ("a + sigmod(b)", 4, "sigmoid"),
        ("exp + 1", 0, "parentheses"),
        ("exp(a, b)", 0, "argument"),
        ("exp()", 0, "argument"),
        ("sum(a, along=1)", 0, "along"),
        ("sum(a, axis=1 + b)", 14, "`,`"),
        ("outer(a, b, samples=1)", 0, "samples"),
        ("a[0]", 2, "1"),
        ("a[b]", 2, "whole number"),
        ("a[1.5]", 2, "whole number"),
        ("a[2:1]", 2, "both included"),
        ("1e999", 0, "large"),
        ("spread(a)", 0, "spread"),
        ("squared_error(a)", 0, "prediction"),
        ("a.b", 1, "no meaning"),
        ("(" * 200 + "a" + ")" * 200, 100, "deep"),
    ],
)
def test_errors_say_what_and_where(text: str, offset: int, word: str) -> None:
    with pytest.raises(FormulaError) as caught:
        parse(text)
    error = caught.value
    assert word in error.message, error.message
    assert error.offset == offset, (error.message, error.offset)


@pytest.mark.parametrize("text", ["__import__('os')", "a.__class__", "a if b else c", "lambda: 1"])
def test_python_is_not_run(text: str) -> None:
    with pytest.raises(FormulaError):
        parse(text)


@pytest.mark.parametrize("name", sorted(FUNCTIONS - {"pi"}))
@pytest.mark.parametrize("text", ["{}", "2 * {}", "{} + 1", "-{}"])
def test_a_function_that_is_not_called_is_no_number(name: str, text: str) -> None:
    with pytest.raises(FormulaError):
        parse_constant(text.format(name))
    with pytest.raises(NumberError):
        read_number(text.format(name))


WHOLE = [
    "sum(t in 1..3, cross_entropy(p_t, y[t]))",
    "conv(x, w, stride=1, padding=0)",
    "reshape(x, [2, 3]) @ E[[3, 1]]",
    "1 / (1 + exp(-z)) - A[1:2, :].T ** 2",
    "softmax(S, axis=1) * (x >= 0)",
    "attention(Q, K, V, mask=causal)",
    "h_{t-1} + [a, b]",
]


def read_or_refused(text: str, dialect: Dialect) -> Expr | FormulaError:
    try:
        return parse(text, dialect)
    except FormulaError as error:
        return error


@pytest.mark.parametrize("text", WHOLE)
def test_what_is_cut_anywhere_is_read_or_refused(text: str) -> None:
    dialect = Dialect(running={"t": 2})
    cut = [text[:at] for at in range(len(text))] + [text[at:] for at in range(len(text))]
    holed = [text[:at] + text[at + 1 :] for at in range(len(text))]
    for piece in (*cut, *holed, *(piece + ")" for piece in cut)):
        found = read_or_refused(piece, dialect)
        assert isinstance(found, Expr) or 0 <= found.offset <= len(piece)


def test_names_and_constants() -> None:
    assert symbols(parse("a + b * a + pi")) == ("a", "b")
    assert parse("dL/dW1 * 2", Dialect(compound=["dL/dW1"])) == op("mul", Sym("dL/dW1"), num(2))
    assert parse("a + pi") == op("add", a, op("pi"))
    assert isinstance(parse("-2.50"), Num)
    assert parse_constant("sqrt(2)/2") == pytest.approx(2**-0.5, rel=1e-15)
    assert parse_constant("-2/3 + ln(2)^2") == pytest.approx(-2 / 3 + np.log(2) ** 2, rel=1e-15)


def test_the_dialect_decides_what_words_mean() -> None:
    assert parse("log(a)", Dialect(log_base=2)) == op("log2", a)
    assert parse("ln(a)", Dialect(log_base=2)) == op("log", a)
    assert parse("step(a)", Dialect(step_at_zero=0.5)) == op("step", a, at_zero=0.5)
    assert parse("a[0]", Dialect(indices=0)) == parse("a[1]", Dialect(indices=1))

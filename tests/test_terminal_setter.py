"""One formula in three settings: what the terminal writes is the formula that is drawn on paper."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backprop_cli.algebra.expr import Expr, Sym, num, op
from backprop_cli.notation.ascii_signs import SIGNS, ascii_text
from backprop_cli.notation.boxes import ASCII, Drawing, plain_text
from backprop_cli.notation.nodes import (
    Braced,
    Fraction,
    Grid,
    Letter,
    Number,
    Sign,
    every,
    row,
)
from backprop_cli.notation.numbers_and_indices import Digits
from backprop_cli.notation.parts import Part
from backprop_cli.notation.symbols import Naming, symbol
from backprop_cli.notation.terminal import Terminal
from backprop_cli.notation.writer import FormulaWriter
from backprop_cli.problem.text.parser import Dialect, parse
from backprop_cli.readings.values import evaluate

SHAPES: dict[str, tuple[int, ...]] = {"x": (2,), "y": (3,), "v": (3,), "W": (3, 2), "a": ()}
ALL = Dialect(all_operations=True)
UNICODE, PLAIN = Terminal(), Terminal(Drawing(Digits(ascii=True), ASCII))
WRITER = FormulaWriter(lambda id: symbol(Naming(), id), SHAPES)


@pytest.mark.parametrize(
    ("formula", "written"),
    [
        ("W.T @ (y * v) + a * x", "W.T @ (y * v) + a * x"),
        ("sum(y * v) * a", "sum(y * v) * a"),
        ("log(a) / 2", "ln(a) / 2"),
        ("sqrt(a + 1)", "sqrt(a + 1)"),
        ("abs(a - 1) * norm(y)", "abs(a - 1) * norm(y)"),
        ("sigmoid(W @ x)", "sigmoid(W @ x)"),
        ("W[2,1] ^ 2", "W[2,1]^2"),
        ("a ^ (a + 1)", "a^(a + 1)"),
        ("sum(W, axis=0)", "sum of rows(W)"),
        ("0.5 * y", "0.5 * y"),
    ],
)
def test_ascii_is_what_numpy_reads(formula: str, written: str) -> None:
    assert PLAIN.one_line(WRITER.node(parse(formula, ALL))) == written


def test_a_label_below_a_list_leaves_the_list_whole() -> None:
    joined = WRITER.node(parse("concat(x, y)", ALL))
    braced = row(Braced(joined, Number("5")), Sign("", 2), Letter("A"))
    assert PLAIN.one_line(braced) == "[x; y] @ A"
    assert UNICODE.one_line(braced) == "[x; y] A"


def test_a_matrix_keeps_the_columns_it_has_room_for() -> None:
    numbers = tuple(Number(str(10 + place)) for place in range(30))
    narrow = Terminal(Drawing(most_width=20))
    (token,) = narrow.tokens(Grid((numbers,), (1, 30)))
    assert plain_text(token.box.lines[0]) == "[10  11  12  …  39]"
    assert token.label == "1×30"
    padded = Grid(((Number("1", pad=".5", lead=""),), (Number("−2.5"),)))
    (token,) = UNICODE.tokens(padded)
    assert [plain_text(line) for line in token.box.lines][::2] == ["⎡1   ⎤", "⎣−2.5⎦"]


def test_every_sign_of_the_table_has_its_ascii() -> None:
    assert all(text.isascii() for text in SIGNS.values())
    assert ascii_text("".join(SIGNS)).isascii()


LETTERS = "pqrstmnk"
ENV = {letter: np.asarray(0.7 + 0.617 * i**1.31) for i, letter in enumerate(LETTERS)}
LEAVES = st.sampled_from([Sym(letter) for letter in LETTERS])
FORMULAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(op, st.sampled_from(["add", "sub", "mul", "div"]), inner, inner),
        st.builds(op, st.sampled_from(["neg", "sigmoid", "exp", "abs", "sum"]), inner),
        st.builds(op, st.just("pow"), inner, st.just(num(2))),
    ),
    max_leaves=9,
)


@settings(max_examples=300)
@given(FORMULAS)
def test_fractions_on_one_line_mean_the_same(expr: Expr) -> None:
    """What has two storeys on paper is read back from its one line in ASCII by the parser."""
    node = FormulaWriter(lambda id: symbol(Naming(), id), dict.fromkeys(LETTERS, ())).node(expr)
    line = PLAIN.one_line(node)
    assert line is not None
    found = float(evaluate(parse(line, ALL), ENV))
    wanted = float(evaluate(expr, ENV))
    assert found == pytest.approx(wanted, rel=1e-9, nan_ok=True), line


def test_a_fraction_on_paper_is_a_quotient_on_a_line() -> None:
    node = WRITER.node(parse("(a + 1) / (a * 2) - -a / 3", ALL))
    assert any(isinstance(part, Fraction) for part in every(node))
    assert UNICODE.one_line(node) == "(a + 1) / (a · 2) − (−a) / 3"
    assert not re.search(r"[^\x00-\x7f]", PLAIN.one_line(node) or "")


class Counting(FormulaWriter, frozen=True):
    """How many parts are written."""

    def part(self, expr: Expr) -> Part:
        written.append(expr)
        return super().part(expr)


written: list[Expr] = []


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "pow", "maximum", "matmul"])
@pytest.mark.parametrize("side", [0, 1])
def test_each_part_of_a_deep_formula_is_written_once(name: str, side: int) -> None:
    """x/x/x/… with a hundred strokes took for ever when each was written twice."""
    deep: Expr = Sym("a")
    for _ in range(30):
        deep = op(name, *((deep, Sym("a")) if side == 0 else (Sym("a"), deep)))
    written.clear()
    Counting(lambda id: symbol(Naming(), id), {"a": (2, 2)}).node(deep)
    assert len(written) <= 4 * 61

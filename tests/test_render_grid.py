"""Boxes of text: matrices aligned on the decimal point, brackets, baselines, what is left out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from writing import Writer, array_box

from backprop_cli.notation.boxes import ASCII, Box, Drawing, beside, line_width, plain_text, width
from backprop_cli.notation.flow import Token, lines, word
from backprop_cli.notation.numbers_and_indices import Digits


def text(box: Box) -> str:
    return "\n".join(map(plain_text, box.lines))


def test_a_matrix_is_aligned_on_the_decimal_point() -> None:
    drawn = array_box(Drawing(), np.array([[1.00554, -5.92167], [4, 5], [0.5, 10]]))
    assert text(drawn) == (
        "⎡1.0055  −5.9217⎤\n"
        "⎢4        5     ⎥\n"
        "⎣0.5000  10     ⎦"
    )  # fmt: skip


def test_two_rows_have_their_operator_between_them() -> None:
    drawn = array_box(Drawing(), np.array([1.0, -6.0]))
    assert text(drawn) == "⎡ 1⎤\n⎢  ⎥\n⎣−6⎦"
    assert drawn.baseline == 1


def test_vectors_are_columns_or_rows() -> None:
    vector = np.array([1.0, 0.25])
    assert text(array_box(Drawing(rows=True), vector)) == "[1  0.25]"
    assert array_box(Drawing(), vector).height == 3
    assert text(array_box(Drawing(), np.array([7.0]))) == "[7]"


def test_ascii() -> None:
    drawn = array_box(Drawing(Digits(ascii=True), ASCII), np.array([[1.0, -2], [3, 4], [5, 6]]))
    assert text(drawn) == "[1  -2]\n|3   4|\n[5   6]"


def test_a_long_vector_shows_its_ends() -> None:
    drawn = array_box(Drawing(), np.arange(784.0))
    assert text(drawn) == "⎡  0⎤\n⎢  1⎥\n⎢  2⎥\n⎢ ⋮ ⎥\n⎣783⎦"


def test_a_wide_matrix_shows_its_sides() -> None:
    drawn = array_box(Drawing(most_width=40), np.arange(784.0).reshape(1, 784))
    assert text(drawn) == "[0  1  2  3  4  5  …  783]"
    assert array_box(Drawing(most_width=20), np.full((300, 300), 1 / 3)).width <= 20


def test_only_what_is_shown_decides_the_decimals() -> None:
    values = np.zeros(100)
    values[50] = 1 / 3
    assert text(array_box(Drawing(), values)).splitlines()[0] == "⎡0⎤"


def test_marks_above_letters_take_no_room() -> None:
    assert width("m̂(W¹)") == 5
    assert width("Ŷ") == 1


@given(st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_boxes_stand_on_one_baseline(heights: list[int]) -> None:
    boxes = [array_box(Drawing(), np.arange(float(height))) for height in heights]
    whole = beside(boxes)
    assert whole.height == max(box.height for box in boxes) or len(set(heights)) > 1
    assert {line_width(line) for line in whole.lines} == {sum(box.width for box in boxes)}


@pytest.mark.parametrize("room", [12, 20, 33, 80])
def test_formulas_are_broken_where_they_do_not_fit(room: int) -> None:
    terms = [word(f"term{i}", space=True) for i in range(6)]
    tokens = [terms[0]]
    for term in terms[1:]:
        tokens += [word("+", space=True, level=1), Token(term.box, space=True)]
    broken = [plain_text(line) for box in lines(tokens, room, 2) for line in box.lines]
    assert max(map(width, broken)) <= room
    assert " ".join(line.strip() for line in broken) == " + ".join(f"term{i}" for i in range(6))
    assert all(line.startswith("  + ") for line in broken[1:])


def test_lines_break_at_the_outermost_operators_first() -> None:

    from backprop_cli.document.names import Names
    from backprop_cli.problem.text.parser import parse

    names = ["first", "second", "third", "fourth"]
    writer = Writer(Names(layers=False), Drawing(), dict.fromkeys(names, ()))
    tokens = writer.tokens(parse("first * (second + third) + fourth * (first - second)"))
    broken = [plain_text(line) for box in lines(tokens, 32, 2) for line in box.lines]
    assert broken == ["first · (second + third)", "  + fourth · (first − second)"]

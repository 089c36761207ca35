"""Answer files to sheets: what is read as typed, and what is said about what cannot be."""

from __future__ import annotations

import json
import math
import zipfile
from pathlib import Path

import pytest
from counting import counted
from hypothesis import given, settings
from hypothesis import strategies as st
from judged import read_sheet

from backprop_cli.errors import Mark
from backprop_cli.grading.quantities import Quantities
from backprop_cli.grading.report_data import Answer, Sheet
from backprop_cli.grading.sheets.answer_files import MAX_SHEET
from backprop_cli.grading.sheets.assembled import MOST_REMARKS
from backprop_cli.grading.sheets.collect import answer_files, read_answers
from backprop_cli.problem.problem_file import Source
from backprop_cli.solving.loading import loaded

TWO_LAYERS = """
convention: {affine: W^T x + b}
x: [1, 0]
y: [0, 1]
layers:
  - {weights: [[3, 6], [4, 5]], bias: [1, -6], activation: sigmoid}
  - {weights: [[2, 3], [4, 3]], bias: [-1, -2], activation: softmax}
loss: cross-entropy
update: {rule: sgd, learning_rate: 0.5, steps: 2}
"""
BATCH = """
x: [[1, 0, 2]]
y: [1]
layers: [{weights: [[1, 2, 3]], bias: [0], activation: sigmoid}]
loss: half-squared-error
"""
BIAS_FIRST = """
convention: {affine: W^T x + b, bias: first}
x: [2, 5]
y: [1]
layers: [{weights: [[-1, 2], [-2, 1], [1, 4]]}, {weights: [[1], [2], [-4]]}]
loss: half-squared-error
"""
LETTERS = """
values: {x: [1, 2], X: 3, h1: 2}
equations: [f = sum(x) * X * h1]
"""


def quantities(problem: str) -> Quantities:
    found = loaded(Source("problem.yaml", problem.encode()))
    return Quantities(found.model, found.plan)


KNOWN = quantities(TWO_LAYERS)


def sheet(text: str | bytes, file: str = "sheets/anna.yaml", known: Quantities = KNOWN) -> Sheet:
    return read_sheet(text.encode() if isinstance(text, str) else text, file, known)


def answers(lines: str, known: Quantities = KNOWN) -> dict[str, Answer]:
    body = "".join(f"  {line}\n" for line in lines.splitlines())
    found = sheet(f"answers:\n{body}", known=known)
    assert found.error is None
    return dict(found.answers)


def one(line: str, known: Quantities = KNOWN) -> Answer:
    (found,) = answers(line, known).values()
    return found


def values(answer: Answer) -> list[float | None]:
    assert answer.trouble is None, answer.trouble
    return [cell.value if cell else None for cell in answer.cells.values()]


def csv(rows: str, known: Quantities = KNOWN) -> Sheet:
    return sheet(rows, "sheets/anna.csv", known)


# Numbers as typed -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "value", "unit"),
    [
        ("4", 4.0, 1.0),
        ("-.011", -0.011, 0.001),
        ("−.011", -0.011, 0.001),
        (".500", 0.5, 0.001),
        ("+2.50", 2.5, 0.01),
        ("3.", 3.0, 1.0),
        ("1.5e0", 1.5, 0.1),
        ("1.5e-3", 0.0015, 0.0001),
        ("12E2", 1200.0, 100.0),
        ("0e-999", 0.0, 1e-300),
        ("1/3", 1 / 3, None),
        ("-2/4", -0.5, None),
        ("sqrt(2)/2", math.sqrt(2) / 2, None),
        ("ln(2)", math.log(2), None),
        ("2*.25", 0.5, None),
        ("'0.5'", 0.5, 0.1),
    ],
)
def test_a_number_keeps_the_unit_of_its_last_digit(
    typed: str, value: float, unit: float | None
) -> None:
    cell = one(f"L: {typed}").cells[()]
    assert cell is not None
    assert cell.text == typed.strip("'")
    assert cell.value == pytest.approx(value)
    assert cell.unit == (pytest.approx(unit) if unit is not None else None)


@pytest.mark.parametrize(
    ("typed", "shape", "found"),
    [
        ("[[1, 2], [3, 4]]", (2, 2), [1, 2, 3, 4]),
        ('"1 2; 3 4"', (2, 2), [1, 2, 3, 4]),
        ("1 2; 3 4", (2, 2), [1, 2, 3, 4]),
        ("|\n    1 2\n    3 −4", (2, 2), [1, 2, 3, -4]),
        ("\n    - [1, _]\n    - [~, 4]", (2, 2), [1, None, None, 4]),
        ('"1 _; ? 4"', (2, 2), [1, None, None, 4]),
        ('[[1, "?"], [3, ]]', None, "row 2 has 1 entry, row 1 has 2 entries"),
        ("[[1, 2, 3], [4, 5, 6]]", (2, 3), [1, 2, 3, 4, 5, 6]),
        ("[1, 2, 3, 4]", (4,), [1, 2, 3, 4]),
        ("[[1, 2], 3]", None, "a row of the matrix belongs here, not `3`"),
        ("{1: 2}", None, "numbers belong here, not a mapping (`key: value`)"),
        ("[1 2, 3]", None, "`1 2` is more than one number: a comma is missing"),
    ],
)
def test_matrices(typed: str, shape: tuple[int, ...] | None, found: list[float] | str) -> None:
    answer = one(f"dL/dW1: {typed}")
    if shape is None:
        assert str(answer.trouble).partition("; instead: ")[0] == found
    else:
        assert (answer.shape, values(answer)) == (shape, found)


WRITTEN_OR_PRINTED = {
    "(4, 0)": [4, 0],
    "(4; 0)": [4, 0],
    "((4), (0))": [4, 0],
    "(8/2, (1 - 1)*3)": [4, 0],
    "(8/2, (1-1)*3)": [4, 0],
    "(max(4,0), 0)": [4, 0],
    "(4, 0)^T": [4, 0],
    '"[4, 0]ᵀ"': [4, 0],
    '"[[4, 0], [1, 2]]^T"': None,  # of a matrix it would be another one
    "np.array([4, 0])": [4, 0],
    "array([4., 0.], dtype=float32)": [4, 0],
    "tensor([4., 0.], grad_fn=<AddBackward0>)": [4, 0],
    "[np.float64(4.0), np.float32(0.0)]": [4, 0],
    "[tensor(4.), tensor(0.)]": [4, 0],
    "list([4, 0])": None,
    "(4; 0": None,
    "[np.float64(4, 0)]": None,
}


@pytest.mark.parametrize("typed", WRITTEN_OR_PRINTED)
def test_a_vector_as_people_write_and_programs_print_it(typed: str) -> None:
    answer = one(f"Z1: {typed}")
    found = WRITTEN_OR_PRINTED[typed]
    assert answer.trouble if found is None else values(answer) == found


def test_what_is_printed_with_its_type_keeps_its_digits() -> None:
    cell = one("L: np.float64(0.50)").cells[()]
    assert cell is not None
    assert (cell.value, cell.unit) == (0.5, 0.01)


def test_a_matrix_in_round_brackets() -> None:
    assert values(one("dL/dW1: ((1, 2), (3, 4))")) == [1, 2, 3, 4]
    assert values(one("dL/dW1: (1, 2; 3, 4)")) == [1, 2, 3, 4]


@pytest.mark.parametrize("typed", ["[1, 2]", "[[1, 2]]", "[[1], [2]]", '"1 2"', '"1; 2"'])
def test_a_vector_may_be_a_row_or_a_column(typed: str) -> None:
    answer = one(f"Z1: {typed}")
    assert (answer.shape, list(answer.cells)) == ((2,), [(0,), (1,)])


def test_a_vector_of_another_length_is_flat_too() -> None:
    assert one("Z1: [[1], [2], [3]]").shape == (3,)
    assert one("Z1: 1").shape == (1,)
    assert one("Z1: [[1, 2], [3, 4]]").shape == (2, 2)


def test_a_matrix_of_one_column_may_be_flat() -> None:
    known = quantities(BATCH)
    assert KNOWN.shape("L") == ()
    assert known.shape("X") == (3, 1)
    assert one("X: [1, 0, 2]", known).shape == (3, 1)
    assert one("dL/dW1: [1, 0, 2]", known).shape == (1, 3)
    assert one("X: [[1, 0, 2]]", known).shape == (1, 3)  # the transpose, which is something else
    assert one("Z1: 4", known).shape == (1, 1)
    assert one("L: [[4]]", known).shape == ()


def test_every_quantity_has_its_place() -> None:
    found = answers('Z1: [4, "0"]\ndL/dW1: |\n  1 2\n  3 4\nW1_new: "1 2; 3 4"')
    marks = [answer.mark for answer in found.values()]
    assert marks == [Mark(2, 3), Mark(3, 3), Mark(6, 3)]


@pytest.mark.parametrize("typed", ["_", '"_"', '"?"', "~", "", "null", '""', "[]", "[_]", "[[]]"])
def test_nothing_written_is_missing(typed: str) -> None:
    assert answers(f"Z1: {typed}\nL: 1").keys() == {"L"}


# What cannot be read ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "trouble", "instead", "mark"),
    [
        ("[.9, 0,5x]", "`5x` is not a number", None, Mark(2, 15)),
        ('"0,5"', "has a comma in it: the decimal sign is a point", "0.5", Mark(2, 8)),
        ("010", "begins with a zero", "10", Mark(2, 7)),
        ("nan", "is not a finite number", "a number, such as 1e6", Mark(2, 7)),
        (".inf", "is not a finite number", "a number, such as 1e6", Mark(2, 7)),
        ("1" + "0" * 400, "is too long", "a number, or _", Mark(2, 7)),
        ("1e400", "is too large", "a number, or _", Mark(2, 7)),
        ("10^400", "is not", None, Mark(2, 7)),
        ("1/0", "", None, Mark(2, 7)),
        ("yes", "a word that YAML reads as true", "1", Mark(2, 7)),
        ("abc", "is a word where a number belongs", "a number, or _", Mark(2, 7)),
        ("W1 * 2", "`W1` is not a number", None, Mark(2, 7)),
        ("!!python/object/apply:os.system [id]", "YAML tags", "the value alone", Mark(2, 7)),
        ("[1, !!int 2]", "YAML tags such as", "the value alone", Mark(2, 11)),
        ('["\\e[31m1", 2]', "control character U+001B", "leave it out", Mark(2, 8)),
        ("[" * 9 + "1" + "]" * 9, "nested too deeply", None, Mark(2, 13)),
    ],
)
def test_an_unreadable_quantity_is_invalid_and_the_others_are_read(
    typed: str, trouble: str, instead: str | None, mark: Mark
) -> None:
    found = answers(f"Z1: {typed}\nL: 1/3")
    assert found["L"].trouble is None
    bad = found["Z1"]
    assert bad.trouble is not None
    assert trouble in bad.trouble
    assert instead is None or f"; instead: {instead}" in bad.trouble
    assert bad.mark == mark
    assert not bad.cells


# Names ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "id"),
    [
        ("dW1", "dL/dW1"),
        ("grad_W1", "dL/dW1"),
        ("∇W1", "dL/dW1"),
        ("∂L/∂W1", "dL/dW1"),
        ("dl/dw1", "dL/dW1"),
        ("W1'", "W1_new"),
        ("W1_NEW", "W1_new"),
        ("H", "H1"),
        ("H2", "Yhat"),
        ("Ŷ", "Yhat"),
        ("l", "L"),
        ("W1_new@1", "W1_new"),
        ("W1_new@2", "W1_new@2"),
    ],
)
def test_names_that_are_read_as_the_same(typed: str, id: str) -> None:
    shape = KNOWN.shape(id)
    text = "[[1, 2], [3, 4]]" if len(shape) == 2 else "[1, 2]" if shape else "1"
    assert one(f'"{typed}": {text}').id == id


def test_an_exact_name_beats_an_alias() -> None:
    known = quantities(LETTERS)
    assert answers("x: [1, 2]\nX: 3", known).keys() == {"x", "X"}


def test_an_unknown_name_is_a_remark_with_a_suggestion() -> None:
    found = sheet("answers:\n  dL/dV1: 3\n  W1_new@9: 3\n  L: 1\n")
    assert found.answers.keys() == {"L"}
    (first, mark), (second, _) = found.remarks
    assert "dL/dV1" in first
    assert "dL/dW1" in first
    assert mark == Mark(2, 3)
    assert "no step 9" in second


@pytest.mark.parametrize("name", ["dL/dx", "dL/dx[1]", "dz/dx"])
def test_a_derivative_that_nothing_needs_is_not_said_to_be_none(name: str) -> None:
    known = quantities("values: {x: 1, w: 2}\nequations: [z = w * x, L = z^2]\ntrain: [w]")
    ((said, _),) = sheet(f"answers:\n  {name}: 3\n  L: 4\n", known=known).remarks
    assert said == f"`{name}` is not worked out here, and is not graded"
    ((other, _),) = sheet("answers:\n  dL/dq: 3\n", known=known).remarks
    assert "there is no quantity" in other


@pytest.mark.parametrize(
    ("typed", "id"),
    [("A1", "H1"), ("Z_1", "Z1"), ("y_pred", "Yhat")],
)
def test_a_name_from_elsewhere_is_read_and_told(typed: str, id: str) -> None:
    found = sheet(f"answers: {{{typed}: [1, 2]}}")
    assert values(found.answers[id]) == [1, 2]
    assert [said for said, _ in found.remarks] == [f"`{typed}` is read as {id}"]


@pytest.mark.parametrize(
    "lines", ["A1: [1, 2]\n  H1: [3, 4]", "H1[2]: 4\n  H1[1]: 3\n  A1: [1, 2]"]
)
def test_a_name_from_elsewhere_is_only_told_beside_the_quantity_itself(lines: str) -> None:
    found = sheet(f"answers:\n  {lines}\n")
    assert values(found.answers["H1"]) == [3, 4]
    ((said, _),) = found.remarks
    assert said == "there is no quantity `A1`; did you mean `H1`?"


@pytest.mark.parametrize("typed", ["e", "error", "j", "target", "input"])
def test_what_may_be_something_else_on_paper_is_only_told(typed: str) -> None:
    """The error of an output is no loss, and what is given need not be graded."""
    found = sheet(f"answers: {{{typed}: 3}}")
    assert not found.answers
    assert f"there is no quantity `{typed}`" in found.remarks[0][0]


def test_of_two_names_from_elsewhere_the_first_is_read() -> None:
    found = sheet("answers:\n  A1: [1, 2]\n  a_1: [3, 4]\n")
    assert values(found.answers["H1"]) == [1, 2]
    assert [mark.line for _, mark in found.remarks] == [2, 3]


def test_names_below_headings_of_ones_own() -> None:
    found = answers(
        "forward: {Z1: [1, 2]}\nlayer 1: {h: [3, 4], dW: [[1, 2], [3, 4]]}\n"
        "L2: {z: [5, 6], a: [8, 9]}\ngradients: {W2: [[5, 6], [7, 8]]}\nnew: {b1: [7, 8]}"
    )
    assert {id: values(each) for id, each in found.items()} == {
        "Z1": [1, 2],
        "H1": [3, 4],
        "dL/dW1": [1, 2, 3, 4],
        "Z2": [5, 6],
        "Yhat": [8, 9],
        "dL/dW2": [5, 6, 7, 8],
        "b1_new": [7, 8],
    }


def test_a_heading_with_nothing_known_below_it_is_told() -> None:
    found = sheet("answers:\n  scratch: {q: 1, r: 2}\n  Z1: [1, 2]\n")
    assert list(found.answers) == ["Z1"]
    ((said, mark),) = found.remarks
    assert "`scratch`" in said
    assert mark.line == 2


def test_answers_behind_dashes() -> None:
    assert values(one("- Z1: [1, 2]")) == [1, 2]
    found = answers("- Z1: [1, 2]\n- Z2: [3, 4]\n- Z1: [5, 6]")
    assert found["Z1"].trouble is not None
    assert values(found["Z2"]) == [3, 4]


@pytest.mark.parametrize("student", ["", "student: Ann\n"])
def test_answers_without_a_heading_are_graded_and_told(student: str) -> None:
    found = sheet(
        f"{student}A1: [7, 8]\nZ1: [1, 2]\ntotal: 3\nlayer 2: {{z: [3, 4]}}\nZ1: [5, 6]\n"
    )
    assert found.student == ("Ann" if student else "anna")
    assert found.error is None
    assert found.answers["Z1"].trouble is not None
    assert values(found.answers["Z2"]) == [3, 4]
    assert values(found.answers["H1"]) == [7, 8]
    said = [remark for remark, _ in found.remarks]
    assert ["`answers:` is missing" in said[0], "`A1` is read" in said[1]] == [True, True]
    assert "`total`" in said[2]


def test_what_names_no_quantity_is_no_sheet_without_a_heading() -> None:
    found = sheet("name: CI\non: [push]\njobs: {check: {runs-on: ubuntu}}\n")
    assert (found.error or "").startswith("there are no `answers`")


@pytest.mark.parametrize(
    ("typed", "id"),
    [
        ("y_hat", "Yhat"),
        ("delta_2", "dL/dZ2"),
        ("new W2", "W2_new"),
        ("W^{(2)}+", "W2_new"),
        ("Z^[1]", "Z1"),
    ],
)
def test_a_name_as_courses_write_it_is_read(typed: str, id: str) -> None:
    assert list(sheet(f"answers: {{'{typed}': [1, 2]}}").answers) == [id]


@pytest.mark.parametrize(("first", "second"), [("Z1", "Z1"), ("dL/dW1", "dW1"), ("H1", "h")])
def test_a_name_twice_is_invalid_with_both_places(first: str, second: str) -> None:
    shape = "[[1, 2], [3, 4]]" if "W" in first else "[1, 2]"
    found = one(f"{first}: {shape}\n{second}: {shape}")
    assert found.trouble is not None
    assert "line 2, column 3" in found.trouble
    assert found.mark == Mark(3, 3)


def test_a_name_twice_where_one_was_left_blank_is_no_trouble() -> None:
    assert values(one("Z1: [_, _]\nZ1: [4, 0]")) == [4, 0]


# Single entries ---------------------------------------------------------------------------------


def test_single_entries_are_put_together() -> None:
    found = one("dL/dW1[2,1]: .3\n'dW1[1, 1]': −.2\ndL/dW1[2,2]: _")
    assert (found.id, found.shape, found.mark) == ("dL/dW1", (2, 2), Mark(2, 3))
    assert values(found) == [-0.2, None, 0.3, None]


def test_single_entries_fill_what_is_left_open() -> None:
    assert values(one("b1_new[2]: 3\nb1_new: [1, _]")) == [1, 3]
    twice = one("b1_new: [1, 2]\nb1_new[2]: 3")
    assert twice.trouble is not None
    assert "`b1_new` on line 2" in twice.trouble
    again = one("b1_new[2]: 2\nb1_new[2]: 3")
    assert again.trouble is not None
    assert "given twice" in again.trouble


@pytest.mark.parametrize(
    ("name", "instead"),
    [("dL/dW1[0,1]", "dL/dW1[1,1] to dL/dW1[2,2]"), ("Z1[3]", "Z1[1] to Z1[2]"), ("L[2]", "L")],
)
def test_an_entry_that_is_not_there(name: str, instead: str) -> None:
    found = one(f"{name}: 1")
    assert "has no entry" in str(found.trouble)
    assert str(found.trouble).endswith(f"; instead: {instead}")


def test_a_row_of_a_matrix_stands_alone() -> None:
    assert values(one("dL/dW1[1]: [-0.2, _]")) == [-0.2, None, None, None]
    assert values(one("dL/dW1[2]: [1, 2]\ndL/dW1[1,2]: 3")) == [None, 3, 1, 2]
    for sheet, why in (
        ("dL/dW1[3]: [1, 2]", "no entry [3]"),
        ("dL/dW1[0]: [1, 2]", "no entry [0]"),
        ("dL/dW1[1]: [1, 2, 3]", "a row, a vector of 2"),
        ("dL/dW1[1]: 1", "a row, a vector of 2"),
        ("dL/dW1[1]: [1, 2]\ndL/dW1[1,1]: 3", "given already"),
        ("Z1[1]: [1, 2]", "one number belongs here"),
    ):
        assert why in str(one(sheet).trouble)


def test_entries_of_vectors_and_of_a_bias_in_the_weights() -> None:
    assert values(one("Z1[2,1]: 5")) == [None, 5]
    assert values(one("Z1[1,2]: 5")) == [None, 5]
    known = quantities(BIAS_FIRST)
    assert values(one("W2[0,1]: 5\nW2[2,1]: 7", known)) == [5, None, 7]


# The file ---------------------------------------------------------------------------------------


def test_the_student_and_unknown_keys() -> None:
    found = sheet("student: s1234567\nname: x\nZ1: [4, 0]\nanswers: {L: 1}\n")
    assert (found.student, found.file) == ("s1234567", "sheets/anna.yaml")
    assert [mark.line for _, mark in found.remarks] == [2, 3]
    assert "below `answers:`" in found.remarks[1][0]


@pytest.mark.parametrize(
    "name", ["Ann: 12", "@ann", "*ann", "[Ann", '"Ann" B: 2', "O'Brien: x", "Ann:"]
)
def test_a_name_that_is_no_text_without_quotes_is_read_as_it_stands(name: str) -> None:
    """The name holds no answer: it never makes a sheet unreadable."""
    found = sheet(f"student: {name}\nanswers:\n  L: 1.5\n  Z1: [4, 0]\n")
    assert (found.student, found.error) == (name, None)
    assert [*found.answers] == ["L", "Z1"]
    assert sheet(f"student: {name}  # group 2\nanswers: {{L: 1}}\n").student == name


@pytest.mark.parametrize("student", ["", "student: _\n", "student: ''\n", "student: {a: b}\n"])
def test_without_a_student_the_file_has_the_name(student: str) -> None:
    assert sheet(f"{student}answers: {{L: 1}}\n").student == "anna"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (r'"\e[2J\e]0;x\a"', r"\u001b[2J\u001b]0;x\u0007"),
        ('"a\\nb\\u202eevil"', r"a b\u202eevil"),
        ("../../etc/passwd", "../../etc/passwd"),
        ("::error file=x::y", "::error file=x::y"),
        ("x" * 5000, "x" * 399 + "…"),  # several names may stand there
    ],
)
def test_a_student_name_is_shown_safely(written: str, shown: str) -> None:
    assert sheet(f"student: {written}\nanswers: {{L: 1}}\n").student == shown


def test_a_file_name_is_shown_safely() -> None:
    found = sheet("answers: {L: 1}", "a/\x1b[2J\udcff.yaml")
    assert found.student == r"\u001b[2J\udcff"
    assert "\x1b" not in found.file
    found.file.encode()


@pytest.mark.parametrize(
    ("text", "words", "mark"),
    [
        (b"", "the file is empty", None),
        (b"\x00\x01\x02", "U+0000", Mark(1, 1)),
        (b"\xff\xfe\xfa", "", None),
        (b"PK\x03\x04\x9f", "such as .docx and .xlsx", None),
        (b"%PDF-1.7\n", "a PDF", None),
        (b"answers:\n  L: \x9f", "UTF-8", Mark(2, 6)),
        (b"answers: [1\n", "", Mark(1, 10)),
        (b"answers: [1, 2\nZ1: 3\n", "bracket", Mark(1, 10)),
        (b"just words", "not an answer sheet", Mark(1, 1)),
        (b"student: x\n", "there are no `answers`", Mark(1, 1)),
        (b"answers: [1, 2]\n", "names with their values belong below `answers`", Mark(1, 10)),
        (b"answers: " + b"[" * 60, "nested", Mark(1, 59)),
        (b"answers: " + b"{a: " * 100_000, "nested", Mark(1, 206)),
        (b"answers: &a {x: *a}", "stands inside", Mark(1, 17)),
        (b"#" * (MAX_SHEET + 1), "too large", None),
    ],
)
def test_a_file_that_is_no_sheet_has_an_error(text: bytes, words: str, mark: Mark | None) -> None:
    found = sheet(text)
    assert found.error is not None
    assert words in found.error
    assert (found.error_mark == mark) or words == ""
    assert not found.answers


def test_empty_answers_are_no_error() -> None:
    for text in ("answers:\n", "answers: {}\n", "answers: {Z1: _}\n"):
        found = sheet(text)
        assert (found.error, dict(found.answers)) == (None, {})


def test_answers_twice_are_read_together() -> None:
    found = sheet("answers: {L: 1}\nanswers: {Z1: [1, 2]}\n")
    assert found.answers.keys() == {"L", "Z1"}
    assert "given twice" in found.remarks[0][0]


def test_json_is_read_like_yaml() -> None:
    data = {"student": "b", "answers": {"Z1": [4, None], "dL/dW1": [[1, 2], [3, 4.5]], "L": "1/3"}}
    for text in (json.dumps(data), json.dumps(data, indent="\t")):
        found = sheet(text, "b.json")
        assert found.student == "b"
        assert values(found.answers["Z1"]) == [4, None]
        assert values(found.answers["dL/dW1"]) == [1, 2, 3, 4.5]
        assert found.answers["L"].cells[()] is not None


# CSV --------------------------------------------------------------------------------------------

ROWS = """Z1,1,,4
Z1,2,,"0"
"dL/dW1",2,1,-.3
L,,,1/3
W1_new,,,"1 2; 3 4"
b1_new,,,
b2_new,1,,_
"""
HEADER = "name,row,column,value\n"


@pytest.mark.parametrize(
    "header",
    ["", HEADER, "\ufeffName, Row, Column, Value\n", "Quantity,row,col,Number\n", "id,i,j,value\n"],
)
@pytest.mark.parametrize(("old", "new"), [("", ""), ("\n", "\r\n"), (",", ";"), (",", "\t")])
def test_csv(header: str, old: str, new: str) -> None:
    text = (header + ROWS).replace("1 2; 3 4", "1 2| 3 4")
    text = text.replace(old, new) if old else text
    found = csv(text.replace("1 2| 3 4", "1 2; 3 4"))
    assert found.student == "anna"
    assert not found.remarks
    assert found.answers.keys() == {"Z1", "dL/dW1", "L", "W1_new"}
    assert values(found.answers["Z1"]) == [4, 0]
    assert values(found.answers["dL/dW1"]) == [None, None, -0.3, None]
    assert values(found.answers["W1_new"]) == [1, 2, 3, 4]


def test_csv_with_a_column_for_each_quantity() -> None:
    found = csv("student;Z1[1];Z1[2];L;q\nAnn;4;0,5;1/3;2\n")
    assert found.student == "Ann"
    assert values(found.answers["Z1"]) == [4, 0.5]
    assert values(found.answers["L"]) == [pytest.approx(1 / 3)]
    ((said, mark),) = found.remarks
    assert "`q`" in said
    assert mark.line == 1
    assert not csv("Z1[1],L\n").answers


def test_csv_with_a_row_for_each_student_is_told() -> None:
    found = csv("student,Z1[1],L\nAnn,4,1\n\nBen,3,1\n")
    assert "a row for each of 2 students" in (found.error or "")
    assert found.error_mark is not None
    assert found.error_mark.line == 4


@pytest.mark.parametrize("heading", ["Email Address", "name", "Matrikel-Nr."])
def test_csv_of_one_student_says_who_as_the_table_of_a_class_does(heading: str) -> None:
    found = csv(f"{heading},Z1[1],L\nann@x.org,4,1\n")
    assert found.student == "ann@x.org"
    assert not found.remarks


@pytest.mark.parametrize("vector", ['"[4, 0]"', '"[4. 0.]"', "[4 0]", '" [4,0] "', '"[4; 0]"'])
def test_a_list_in_one_cell_is_what_it_says(vector: str) -> None:
    """As a program prints a vector; so does who exports a table."""
    found = csv(f'name,value\nZ1,{vector}\nW1_new,"[[1, 2], [3, 4]]"\n')
    assert values(found.answers["Z1"]) == [4, 0]
    assert values(found.answers["W1_new"]) == [1, 2, 3, 4]


@pytest.mark.parametrize("vector", ['"[4, 0"', '"4, 0]"', '"[4, one]"', '"[[4], [0, 1]]"'])
def test_half_a_list_in_one_cell_is_not_read(vector: str) -> None:
    assert csv(f"name,value\nZ1,{vector}\n").answers["Z1"].trouble


def test_csv_columns_in_another_order() -> None:
    found = csv("value,name\n.5,L\n")
    assert values(found.answers["L"]) == [0.5]


def test_bad_rows_spoil_nothing_else() -> None:
    rows = "L,,,1\nQ,1,,2\n,1,,3\nZ1,one,,4\nH1,3,,1\nZ2,1,,0,5\nYhat,1,,x\n,,,\n"
    found = csv("name,row,column,value\n" + rows)
    assert values(found.answers["L"]) == [1]
    bad = {id: (a.trouble, a.mark) for id, a in found.answers.items() if a.trouble}
    assert bad.keys() == {"Z1", "H1", "Z2", "Yhat"}
    assert str(bad["Z1"][0]).startswith("the row is a whole number")
    assert bad["Z1"][1] == Mark(5, 4)
    assert "decimal sign" in str(bad["Z2"][0])
    assert bad["Yhat"][1] == Mark(8, 9)
    assert [mark for _, mark in found.remarks] == [Mark(3, 1), Mark(4, 1)]


@pytest.mark.parametrize("text", ["", "\n\n", "hello world\n", "student: x\n"])
def test_csv_that_is_no_table(text: str) -> None:
    assert csv(text).error is not None


# Hostile sheets ---------------------------------------------------------------------------------


def bomb(levels: int, width: int) -> str:
    lines = ["a0: &a0 [1, 1]"]
    lines += [
        f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * width)}]"
        for level in range(1, levels)
    ]
    return "\n".join(lines) + f"\nanswers: {{Z1: *a{levels - 1}, L: 1}}\n"


def test_aliases_neither_explode_nor_harm_others() -> None:
    assert "aliases stand for" in str(sheet(bomb(9, 10)).error)
    found = sheet(bomb(5, 10))
    assert "far more entries" in str(found.answers["Z1"].trouble)
    assert values(found.answers["L"]) == [1]
    both = answers("Z1: &a [1, 2]\nZ2: *a")
    assert values(both["Z2"]) == [1, 2]


@pytest.mark.parametrize(
    "text",
    [
        "answers:\n" + "".join(f"  q{n}: 1\n" for n in range(30_000)) + "  L: 1\n",
        "answers:\n" + "  Q: 1\n" * 30_000 + "  L: 1\n",
        "answers:\n" + "  Z1: [1, 2]\n" * 30_000 + "  L: 1\n",
        "answers:\n  " + "x" * 1_000 + ": 1\n  L: 1\n",
        "answers:\n  Z1: [" + "ln(2)/3, " * 30_000 + "1]\n  L: 1\n",
        "answers:\n  Z1: '" + "1 " * 500_000 + "'\n  L: 1\n",
        "answers:\n  Z1: " + "(" * 300 + "1" + ")" * 300 + "\n  L: 1\n",
        "answers:\n  Z1: 9^9^9^9^9\n  L: 1\n",
        "".join(f"q{n}: 1\n" for n in range(30_000)) + "L: 1\n",
        "".join(f"q{n}: 1\n" for n in range(30_000)) + "answers: {L: 1}\n",
        "answers:\n" + "".join(f"  q{n}: {{r{n}: 1}}\n" for n in range(10_000)) + "  L: 1\n",
        "answers:\n" + "".join(f"  layer{n}: {{z: 1}}\n" for n in range(999)) + "  L: 1\n",
    ],
)
def test_large_sheets_are_read_without_much_work(text: str) -> None:
    found = counted(lambda: sheet(text))
    assert values(found.answers["L"]) == [1]
    assert len(found.remarks) <= MOST_REMARKS + 1


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_make_a_sheet(data: bytes) -> None:
    for file in ("x.yaml", "x.csv"):
        assert isinstance(sheet(data, file), Sheet)


_TEXTS = st.sampled_from(
    ["1", "-.5", "1/3", "_", "", "~", '"?"', "x", "0,5", "[1, 2]", "[[1, 2], [3, 4]]", "[[1], 2]",
     '"1 2; 3 4"', "[", "}", "{a: 1}", "*a", "&a 1", "!!int 1", '"\\e"', "|\n    1 2\n    3 4", ";",
     '";"', ",", "- 1", "010", "1:30", "[?]", "? 1"]
)  # fmt: skip
_NAMES = st.sampled_from(
    ["Z1", "dW1", "L", "L[1]", "Z1[1]", "Z1[9]", "Z1[]", "Z1[x]", "W1_new@2", "W1_new@0", "'",
     "[1]", "∂L/∂W1", "*a", "&b Z2", "<<", "?", "[Z1]", "{}", "", '""', "Z1 ", "@", "H1[1,1]"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(_NAMES, _TEXTS), max_size=6))
def test_any_lines_make_a_sheet(lines: list[tuple[str, str]]) -> None:
    body = "".join(f"  {name}: {text}\n" for name, text in lines)
    found = sheet(f"answers:\n{body}")
    for answer in found.answers.values():
        assert answer.trouble or len(answer.cells) == math.prod(answer.shape)
    rows = "\n".join(f"{name},{text}" for name, text in lines)
    for answer in csv(rows).answers.values():
        assert answer.trouble or len(answer.cells) == math.prod(answer.shape)


# Folders ----------------------------------------------------------------------------------------


def test_folders_are_walked_in_the_order_of_names(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.JSON", "sub/c.csv", "d.yml", "e.md", ".hidden.yaml", "problem.yaml"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("answers: {L: 1}")
    mac = tmp_path / "__MACOSX"
    mac.mkdir()
    (mac / "x.yaml").write_text("")
    found = answer_files([tmp_path / "d.yml", tmp_path], leave_out=tmp_path / "problem.yaml")
    names = [str(Path(path).relative_to(tmp_path)) for path in found]
    assert names == ["a.JSON", "b.yaml", "d.yml", str(Path("sub", "c.csv"))]


def test_links_out_of_a_folder_are_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "sheets"
    folder.mkdir()
    (tmp_path / "solution.yaml").write_text("answers: {L: 1}")
    (folder / "a.yaml").write_text("answers: {L: 1}")
    (folder / "b.yaml").symlink_to(tmp_path / "solution.yaml")
    (folder / "c.yaml").symlink_to(folder / "a.yaml")
    assert answer_files([folder]) == [str(folder / "a.yaml"), str(folder / "c.yaml")]


def test_lines_that_were_left_out_are_not_called_no_answers() -> None:
    found = sheet("answers:\n  Z1: [4, 0];\n  H1: [1, 2] // easy\n")
    assert "no answers below" not in str(found.remarks)
    assert "no answers below" in str(sheet("answers:\n").remarks)


def test_files_are_found_where_the_working_folder_has_been_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def removed() -> str:
        raise FileNotFoundError(2, "No such file or directory")

    (tmp_path / "a.yaml").write_text("L: 1\n")
    monkeypatch.setattr("os.getcwd", removed)
    assert answer_files([tmp_path / "a.yaml"]) == [str(tmp_path / "a.yaml")]


def test_an_unreadable_file_is_a_sheet_with_an_error(tmp_path: Path) -> None:
    assert "cannot be read" in str(getattr(read_answers(str(tmp_path / "gone.yaml")), "error", ""))
    assert "cannot be read" in str(getattr(read_answers(str(tmp_path)), "error", ""))


def test_a_line_for_excel_is_no_answer() -> None:
    found = sheet("sep=;\nname;row;column;value\nZ1;1;;4,5\nZ1;2;;0\n", "anna.csv")
    assert not found.remarks
    assert list(found.answers) == ["Z1"]


def test_one_array_alone_has_no_name() -> None:
    found = sheet(b"\x93NUMPY\x01\x00v\x00{'descr': '<f8'}", "anna.npy")
    assert found.error is not None
    assert "its name is not in it" in found.error
    assert "numpy.savez" in found.error


def test_an_archive_that_another_takes_the_place_of_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "sheets.zip"
    for name in ("anna", "bertha and many more"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(f"{name}.yaml", f"student: {name}\nanswers: {{Z1: [4, 0]}}\n")
        (file,) = answer_files([path])
        data = read_answers(file)
        assert isinstance(data, bytes)
        assert data.decode().startswith(f"student: {name}")

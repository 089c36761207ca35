"""What people type by habit or mistake, to what they are told: where it is, and what to write.

Each slip stands beside its like that is right, and stays accepted.
"""

from __future__ import annotations

import pytest
from judged import read_sheet

from backprop_cli.errors import Complaint, Mark, UserError
from backprop_cli.grading.quantities import Quantities
from backprop_cli.grading.report_data import Sheet
from backprop_cli.problem.problem_file import Source
from backprop_cli.problem.text.other_keys import nearest
from backprop_cli.problem.typed_numbers import NumberError, read_number, split_row
from backprop_cli.solving.loading import Loaded, loaded
from backprop_cli.solving.solution import solve
from backprop_cli.terminal.console import complaints_text

LAYERS = "layers:\n  - {weights: [[1, 0], [-1, 1]], bias: [0, -1]}\n"


def load(text: str) -> Loaded:
    return loaded(Source("homework.yaml", text.encode()))


def told(text: str) -> list[Complaint]:
    """What is said about a problem file, in its order."""
    with pytest.raises(UserError) as caught:
        load(text)
    return list(caught.value.complaints)


def place(text: str, piece: str) -> Mark:
    """Where `piece` stands in `text` for the first time."""
    before = text[: text.index(piece)].split("\n")
    return Mark(len(before), len(before[-1]) + 1)


def given(name: str, value: str) -> list[object]:
    """A value as a problem reads it, by its gradient's place: flat."""
    text = f"values: {{{name}: {value}}}\nequations: [L = sum({name})]\n"
    found = solve(load(text).model).trace.given[name].value
    return list(found.ravel().tolist())


PROBLEM = """x: [1, 2]
y: [1, 0]
layers:
  - {weights: [[1, 0], [-1, 1]], bias: [0, -1]}
loss: half-squared-error
"""


def _known(problem: str) -> Quantities:
    found = load(problem)
    return Quantities(found.model, found.plan)


KNOWN = _known(PROBLEM)


def sheet(text: str, file: str = "anna.yaml") -> Sheet:
    return read_sheet(text.encode(), file, KNOWN)


def trouble(line: str) -> tuple[str, Mark, str]:
    """What is said about one quantity of a sheet, and the others are read."""
    found = sheet(f"answers:\n  L: 1\n  {line}\n  Yhat: [1, 2]\n")
    assert found.answers["L"].trouble is found.answers["Yhat"].trouble is None
    (bad,) = (answer for answer in found.answers.values() if answer.trouble is not None)
    assert bad.trouble is not None
    message, _, instead = bad.trouble.partition("; instead: ")
    return message, bad.mark, instead


def typed(line: str, file: str = "anna.yaml") -> list[float | None]:
    """The entries of the one quantity that a sheet has."""
    text = line if file.endswith(".csv") else f"answers:\n  {line}\n"
    (answer,) = sheet(text, file).answers.values()
    assert answer.trouble is None, answer.trouble
    return [cell.value if cell else None for cell in answer.cells.values()]


# A comma is missing -------------------------------------------------------------------------------

SEVERAL = ["2 -1", "0 +2", "1 -2", "1 −2", "-0.3 +1.95", "1 .5", "1 2", "1 -sqrt(2)", "2/3 -1/3"]


@pytest.mark.parametrize("text", SEVERAL)
def test_two_numbers_are_no_difference(text: str) -> None:
    with pytest.raises(NumberError, match="comma is missing") as caught:
        read_number(text)
    assert caught.value.instead == ", ".join(text.replace("−", "-").split())


@pytest.mark.parametrize(
    ("text", "value"),
    [("2 - 1", 1), ("2-1", 1), ("2 − 1", 1), ("2 *-1", -2), ("2 * -1", -2), ("(1 -2)*3", -3),
     ("exp(0 -0)", 1), ("1 / 4", 0.25), ("- 2", -2), ("0.5 - 0.5*(0.053)", 0.4735)],
)  # fmt: skip
def test_spaces_on_both_sides_of_an_operator_make_a_formula(text: str, value: float) -> None:
    assert read_number(text) == pytest.approx(value)


@pytest.mark.parametrize("text", SEVERAL)
def test_a_missing_comma_is_told_wherever_numbers_stand_in_a_problem(text: str) -> None:
    for problem in (
        f"x: [{text}]\n{LAYERS}",
        f"x: [1, 2]\ny: [3, {text}]\n{LAYERS}loss: squared-error\n",
        f"x: [1, 2]\nlayers:\n  - {{weights: [[1, 0], [{text}]]}}\n",
        f"x: [1, 2]\nlayers:\n  - {{weights: [[1, 0], [0, 1]], bias: [{text}]}}\n",
        f"x: [1, 2]\n{LAYERS}upstream: {{Yhat: [{text}]}}\n",
        f"values: {{w: [{text}]}}\nequations: [L = sum(w)]\n",
    ):
        first = told(problem)[0]
        assert "comma is missing" in first.message
        assert first.mark == place(problem, text)
        assert first.instead == ", ".join(text.replace("−", "-").split())


def test_a_missing_comma_in_a_list_of_a_formula() -> None:
    text = "values: {x: [1, 2]}\nequations:\n  - L = sum([2 -1] * x)\n"
    (only,) = told(text)
    assert "comma is missing" in only.message
    assert only.mark == place(text, "-1]")
    for right in (
        "[2 - 1, 3]",
        "[2-1, 3]",
        "[2, -1]",
        "[(2 -1), 1]",
        "[exp(2 -1), 1]",
        "[2*-1, 1]",
    ):
        load(text.replace("[2 -1]", right))


def test_a_missing_comma_where_one_number_belongs() -> None:
    text = f"x: [1, 2]\ny: [0, 1]\n{LAYERS}loss: {{name: huber, delta: 1 -0.5}}\n"
    (only,) = told(text)
    assert "more than one number" in only.message
    assert only.mark == place(text, "1 -0.5")


@pytest.mark.parametrize(
    ("value", "numbers"),
    [('"1 -1; 2 -3"', [1, -1, 2, -3]), ('"1 -2"', [1, -2]), ("1 -2", [1, -2]),
     ("[2 - 1, 2-1]", [1, 1]), ("[1, -2]", [1, -2]), ("[1,-2]", [1, -2]), ("2 - 1", [1]),
     ('"1, -2"', [1, -2]), ("1,-2", [1, -2]),
     (".5,-.25", [0.5, -0.25]), ("|\n  1 -2\n  3 +4\n", [1, -2, 3, 4])],
)  # fmt: skip
def test_texts_need_no_commas(value: str, numbers: list[float]) -> None:
    if value.startswith("|"):
        text = f"values:\n w: {value}\nequations: [L = sum(w)]\n"
        found = solve(load(text).model).trace.given["w"].value
        assert found.ravel().tolist() == numbers
    else:
        text = f"values:\n  w: {value}\nequations: [L = sum(w)]\n"
        assert solve(load(text).model).trace.given["w"].value.ravel().tolist() == numbers


@pytest.mark.parametrize("text", SEVERAL)
def test_a_missing_comma_on_a_sheet(text: str) -> None:
    message, mark, instead = trouble(f"Z1: [{text}]")
    assert "comma is missing" in message
    assert (mark, instead) == (Mark(3, 8), ", ".join(text.replace("−", "-").split()))
    message, mark, _ = trouble(f"dL/dW1: [[1, 2], [{text}]]")
    assert "comma is missing" in message
    assert mark == Mark(3, 21)


def test_a_missing_comma_in_json_and_where_one_number_belongs() -> None:
    found = sheet('{"answers": {"Z1": ["1 -2"], "L": 1}}', "anna.json").answers
    assert "comma is missing" in (found["Z1"].trouble or "")
    assert typed("Z1: 1 -2") == [1, -2]  # as text, a vector
    found = sheet("name,row,column,value\nZ1,1,,1 -2\n", "anna.csv").answers
    assert "one number belongs here" in (found["Z1"].trouble or "")


def test_a_formula_without_brackets_is_read_as_one() -> None:
    assert typed("L: 0.5 - 0.5*(0.053)") == pytest.approx([0.4735])
    assert typed("Z1[1]: 0.5 - 0.5 * 0.1") == pytest.approx([0.45, None])
    assert typed("Z1: [0.5 - 0.1, 1 + 1]") == pytest.approx([0.4, 2])
    assert typed("L,,,0.5 - 0.1", "anna.csv") == pytest.approx([0.4])


def test_rows_of_texts_have_no_spaces_inside_an_entry() -> None:
    assert [word for word, _ in split_row("1 -2, sqrt( 2 ) 3-1 2 - 1")][-1] == "2 - 1"
    for line in ('Z1: "1 - 2 3"', "Z1: 1 - 2 3"):
        assert "stands alone" in trouble(line)[0]


# Decimal commas -----------------------------------------------------------------------------------


def test_a_decimal_comma_in_braces() -> None:
    text = (
        PROBLEM.replace("bias: [0, -1]", "bias: 0,5") + "update: {rule: sgd, learning_rate: 0,1}\n"
    )
    first, second = told(text)
    assert "decimal sign is a point" in first.message
    assert (first.mark, first.instead) == (place(text, "0,5"), "0.5")
    assert (second.mark, second.instead) == (place(text, "0,1"), "0.1")


def test_decimal_commas_in_lists_whose_count_is_off() -> None:
    text = """x: [1,5, 2]
y: [1]
layers:
  - {weights: [[0,5, 0], [-1, 1]], bias: [0, -1], activation: sigmoid}
  - {weights: [[2, -1]], bias: [0,5]}
loss: half-squared-error
"""
    found = told(text)
    assert all("decimal sign is a point" in each.message for each in found)
    assert [each.mark for each in found] == [Mark(1, 5), Mark(4, 17), Mark(5, 33)]
    assert [each.instead for each in found] == ["1.5", "0.5", "0.5"]


def test_a_decimal_comma_is_found_where_only_the_next_size_is_off() -> None:
    text = f"x: [1,5, 2]\ny: [0, 1]\n{LAYERS}loss: squared-error\n"
    (only,) = told(text)
    assert (only.mark, only.instead) == (Mark(1, 5), "1.5")
    text = "x: [1, 0,05]\nlayers:\n  - {weights: [[1, 2]]}\n"
    (only,) = told(text)
    assert (only.mark, only.instead) == (place(text, "0,05"), "0.05")


def test_lists_without_spaces_are_lists() -> None:
    load("x: [0,5]\nlayers:\n  - {weights: [[1,0],[2,1]], bias: [0,5]}\n")
    wrong = "x: [1,2]\ny: [1,2,3]\nlayers:\n  - {weights: [[1,0],[2,1]]}\nloss: squared-error\n"
    assert told(wrong)[0].mark == place(wrong, "[1,2,3]")
    assert not any("has a comma" in each.message for each in told(wrong))


def test_what_else_is_wrong_is_told_behind_decimal_commas() -> None:
    text = f"x: [1,5, 2]\ny: [0, 1, 2]\n{LAYERS}loss: squared-error\n"
    first, second = told(text)
    assert "decimal" in first.message
    assert second.mark == place(text, "[0, 1, 2]")


@pytest.mark.parametrize(
    ("line", "mark", "instead"),
    [("Z1: [-0,3000, 1,9500]", Mark(3, 8), "-0.3000"),
     ("Z1: [0,05, 0,25]", Mark(3, 8), "0.05"),
     ("Z1: [1,5, 2, 3]", Mark(3, 8), "1.5"),
     ("dL/dW1: [[0,5, 1], [1, 2]]", Mark(3, 13), "0.5"),
     ("dL/dW1:\n    - [0,5, 1,5]\n    - [1,5, 2,5]", Mark(4, 8), "0.5"),
     ("Z1: 0,5 1,5", Mark(3, 7), "0.5"),
     ("dL/db1: {1,5}", Mark(3, 11), "[1, 2]"),
     ("Z1[1]: 0,5", Mark(3, 10), "0.5")],
)  # fmt: skip
def test_decimal_commas_on_a_sheet(line: str, mark: Mark, instead: str) -> None:
    message, at, meant = trouble(line)
    assert at == mark
    assert instead in meant
    assert "decimal sign is a point" in message or "{" in line


def test_a_vector_typed_without_spaces_stays_one() -> None:
    assert typed("Z1: [0,5]") == [0, 5]
    assert typed("dL/dW1: [[1,0],[0,1]]") == [1, 0, 0, 1]


@pytest.mark.parametrize("sign", [";", "\t"])
def test_a_table_that_no_comma_separates_has_decimal_commas(sign: str) -> None:
    rows = ["name;row;column;value", "Z1;1;;-0,3000", "Z1;2;;,95", "L;;;1,5e-3"]
    found = sheet("\n".join(rows).replace(";", sign), "anna.csv").answers
    cells = [cell for name in ("Z1", "L") for cell in found[name].cells.values()]
    assert [cell and (cell.value, cell.unit) for cell in cells] == [
        (-0.3, 0.0001), (0.95, 0.01), (0.0015, 0.0001)
    ]  # fmt: skip


def test_commas_in_names_do_not_separate() -> None:
    found = sheet("dL/dW1[1,2];0,5\ndL/dW1[2,1];1,5\nZ1;;;1 2,5\n", "anna.csv")
    assert found.remarks == ()
    values = [cell and cell.value for cell in found.answers["dL/dW1"].cells.values()]
    assert values == [None, 0.5, 1.5, None]
    assert [cell and cell.value for cell in found.answers["Z1"].cells.values()] == [1, 2.5]


def test_commas_between_cells_are_not_decimal_ones() -> None:
    assert typed("L,,,5", "anna.csv") == [5]
    assert "decimal sign is a point" in (sheet("L,,,0,5", "a.csv").answers["L"].trouble or "")
    assert sheet("L;;;1.234,5", "a.csv").answers["L"].trouble is not None


@pytest.mark.parametrize("row", ["student,,,Anna B.", "student,Anna B.", "Student;;;Anna B."])
def test_a_table_says_whose_it_is(row: str) -> None:
    sign = "," if "," in row else ";"
    found = sheet(f"{row}\nL{sign * 3}1\n", "upload.csv")
    assert (found.student, found.remarks, list(found.answers)) == ("Anna B.", (), ["L"])


# Brackets and quotes ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("[1 0; -1 1]", "1 0; -1 1"), ("[1, 0; -1, 1]", "1 0; -1 1"), ("[1,5 0; 2 1]", "1.5 0; 2 1"),
     ("[[1 0; -1 1]]", "1 0; -1 1"), ("[0,5; 0,2]", "0.5; 0.2")],
)  # fmt: skip
def test_a_matrix_in_brackets_with_semicolons(typed: str, meant: str) -> None:
    text = f"x: [1, 2]\nlayers:\n  - weights: {typed}\n"
    first = told(text)[0]
    assert "without brackets" in first.message
    assert first.mark.line == 3
    assert first.instead == f'"{meant}"'
    assert trouble(f"dL/dW1: {typed}")[2] == f'"{meant}"'


def test_typographic_quotes() -> None:
    text = "x: [1, 2]\nlayers:\n  - {weights: “1 0; -1 1”, activation: ‘sigmoid’}\n"
    first, second = told(text)
    assert (first.mark, first.instead) == (place(text, "“"), '"1 0; -1 1"')
    assert (second.mark, second.instead) == (place(text, "‘"), "sigmoid")
    assert trouble("Z1: “1 2”")[2] == '"1 2"'


# Colons, dashes, tabs -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "wrong", "piece", "words"),
    [("x: [1, 2]", "x:[1, 2]", ":", "space is missing"),
     ("x: [1, 2]", "x = [1, 2]", "=", "colon belongs"),
     ("x: [1, 2]", "x [1, 2]", " [1, 2]", "colon is missing"),
     ("y: [1, 0]", "y:[1, 0]", ":[1, 0]", "space is missing"),
     ("layers:", "layers", "\n  - {", "colon is missing"),
     ("  - {", "  -{", "-{", "space is missing"),
     ("weights: ", "weights:", ":[[1", "space is missing"),
     ("  - {", "\t- {", "\t", "tab")],
)  # fmt: skip
def test_the_line_named_is_the_one_with_the_mistake(
    line: str, wrong: str, piece: str, words: str
) -> None:
    text = PROBLEM.replace(line, wrong)
    (only,) = told(text)
    assert words in only.message
    assert only.mark == place(text, piece)
    assert only.instead in (line, PROBLEM.splitlines()[only.mark.line - 1].strip(), "spaces")


def test_every_line_of_that_kind_is_told_at_once() -> None:
    text = PROBLEM.replace(": ", ":").replace("- {", "-{")
    assert [each.mark.line for each in told(text)] == [1, 2, 4, 5]


def test_what_only_looks_like_a_slip_is_not_told() -> None:
    text = "title: a:b and c = d\nnotes: |\n  x:[1]\n  y = 2\nx: [1, 2\ny: 1\n"
    (only,) = told(text)
    assert "not closed" in only.message
    assert only.mark == place(text, "[1, 2\n")
    load("notes: |\n  x:[1]\n  y = 2\ntitle: a:b\n" + PROBLEM)


BROKEN = ["Z1 [1, 2]", "Z1:[1, 2]", "Z1 == [1, 2]", "Z1: [1, 2]]", "Z1: [1, 2", "Z1: {1, 2",
          "Z1: \"1 2", "Z1:\n    - [1, 2\n    - [3, 4]"]  # fmt: skip


@pytest.mark.parametrize("line", BROKEN)
def test_a_line_that_is_no_yaml_spoils_no_other(line: str) -> None:
    found = sheet(f"student: Anna\nanswers:\n  L: 0.5\n  {line}\n  Yhat: [1, 2]\n")
    assert found.error is None
    assert found.student == "Anna"
    bad = found.answers["Z1"]
    assert bad.trouble is not None
    assert bad.mark.line == 4 + line.count("- [1")
    assert [found.answers[id].trouble for id in ("L", "Yhat")] == [None, None]


def test_an_equals_sign_spoils_nothing() -> None:
    found = sheet("student: Anna\nanswers:\n  L: 0.5\n  Z1 = [1, 2]\n  Yhat: [1, 2]\n")
    assert [found.answers[id].trouble for id in ("L", "Z1", "Yhat")] == [None] * 3
    assert [mark.line for _, mark in found.remarks] == [4]


def test_lines_without_a_name_are_remarks() -> None:
    found = sheet("answers:\n  L: 0.5\n  see page 2\n  Yhat: [1, 2]\n  what: is: this\n")
    assert set(found.answers) == {"L", "Yhat"}
    assert [mark.line for _, mark in found.remarks] == [3, 5]


def test_tabs_and_headings_hold_no_answer_and_are_mended() -> None:
    found = sheet("answers:\n\tL: 0.5\n\tZ1: [1, 2]\n")
    assert {id: answer.trouble for id, answer in found.answers.items()} == {"L": None, "Z1": None}
    assert [mark.line for _, mark in found.remarks] == [2, 3]
    found = sheet("student: Anna\nanswers\n  L: 0.5\n")
    assert found.answers["L"].trouble is None
    assert [mark.line for _, mark in found.remarks] == [2]


def test_what_is_no_sheet_stays_none() -> None:
    for text in ("answers: [1, 2\nZ1: 3\n", "x: [1, 2\n", "answers:\n  - [1, 2\n"):
        assert sheet(text).error is not None


# Words from elsewhere -----------------------------------------------------------------------------

TRAINED = PROBLEM + "update: {rule: sgd, learning_rate: 0.1}\n"


@pytest.mark.parametrize(
    ("key", "word"),
    [(key, word) for key, words in {
        "learning_rate": "lr eta alpha η α learning-rate learningrate rate",
        "rule": "optimizer name method",
        "weights": "W w weight Weights wieghts",
        "bias": "b biases",
        "x": "X features",
        "y": "target label Y",
        "loss": "cost error",
        "layers": "layer network Layers",
        "update": "updates udpate",
    }.items() for word in words.split()],
)  # fmt: skip
def test_a_key_from_elsewhere_is_told_with_the_one_here_and_without_consequences(
    key: str, word: str
) -> None:
    text = TRAINED.replace(f"{key}:", f"{word}:", 1)
    (only,) = told(text)
    assert (only.mark, only.instead) == (place(text, f"{word}:"), key)


def test_numbers_under_input_are_x_and_x_is_not_missing_as_well() -> None:
    text = TRAINED.replace("x:", "input:", 1)
    (only,) = told(text)
    assert only.mark.line == place(text, "input:").line
    assert (only.instead or "").startswith("x: […]")


@pytest.mark.parametrize(
    ("line", "instead"),
    [("lr: 0.1", "update: {"), ("learning_rate: 0.1", "update: {"), ("optimizer: sgd", "update: {"),
     ("η: 0.1", "update: {"), ("epochs: 5", "steps"), ("W1: [[1]]", "layers"), ("b: 1", "layers"),
     ("activation: relu", "layers"), ("precision: 3", "grading"), ("weight_decay: 0.1", "penalty"),
     ("answers: {Z1: 1}", "check")],
)  # fmt: skip
def test_a_key_that_belongs_elsewhere(line: str, instead: str) -> None:
    (only,) = told(f"{PROBLEM}{line}\n")
    assert only.mark == Mark(6, 1)
    assert instead in (only.instead or "")


@pytest.mark.parametrize(
    ("written", "here"),
    [("σ", "sigmoid"), ("ReLU", "relu"), ("Σ", "sum"), ("swish1", "silu"),
     ("tahn", "tanh"), ("sigmod", "sigmoid"), ("logistic", "sigmoid"), ("Φ", "normal_cdf")],
)  # fmt: skip
def test_a_function_by_another_name_in_a_formula(written: str, here: str) -> None:
    text = f"values: {{x: [1, 2]}}\nequations:\n  - L = sum({written}(x))\n"
    (only,) = told(text)
    assert only.mark == place(text, f"{written}(")
    assert f"`{here}`" in only.message
    assert only.instead == f"{here}(…)"


@pytest.mark.parametrize(
    "written",
    ["arcsin", "prelu", "selu", "tan", "prod",
     "conv3d", "group_norm", "mae", "rmse", "argsort", "gamma", "floor"],
)  # fmt: skip
def test_what_is_another_function_is_never_a_slip_of_the_hand(written: str) -> None:
    text = f"values: {{x: [1, 2]}}\nequations:\n  - L = sum({written}(x))\n"
    (only,) = told(text)
    assert "there is no function" in only.message
    assert "did you mean" not in only.message
    assert "(…)" not in (only.instead or "")


@pytest.mark.parametrize(
    ("formula", "name", "value"),
    [
        ("max(-1, min(1, z))", "hardtanh", [-1, 1, 1]),
        ("max(0, min(1, 0.2 * z + 0.5))", "hardsigmoid", [0.3, 0.9, 1]),
    ],
)
def test_how_to_write_a_function_that_there_is_not(
    formula: str, name: str, value: list[float]
) -> None:
    text = "x: [-1, 2, 9]\nlayers:\n  - {weights: '1 0 0; 0 1 0; 0 0 1', activation: NAME}\n"
    (only,) = told(text.replace("NAME", name))
    assert only.instead == f'{{formula: "{formula}"}}'
    found = solve(load(text.replace("NAME", only.instead)).model).trace
    assert found.step("Yhat").value == pytest.approx(value)


@pytest.mark.parametrize(
    ("written", "here"),
    [("mse", "mean-squared-error"), ("crossentropy", "cross-entropy"),
     ("bce", "binary-cross-entropy"),
     ("categorical-cross-entropy", "cross-entropy"), ("CategoricalCrossentropy", "cross-entropy")],
)  # fmt: skip
def test_a_loss_by_another_name(written: str, here: str) -> None:
    text = PROBLEM.replace("half-squared-error", written)
    (only,) = told(text)
    assert (only.mark, only.instead) == (place(text, written), here)


@pytest.mark.parametrize("written", ["mae", "squared-hinge", "rmse", "kl-divergence", "logcosh"])
def test_a_loss_that_there_is_not_is_written_as_a_formula(written: str) -> None:
    (only,) = told(PROBLEM.replace("half-squared-error", written))
    assert only.instead is not None
    assert only.instead.startswith('{formula: "')
    load(PROBLEM.replace("half-squared-error", only.instead))


@pytest.mark.parametrize(
    ("written", "known", "meant"),
    [("adamw", ["adam"], None), ("eta", ["beta"], None), ("relu6", ["relu"], None),
     ("prelu", ["relu"], None), ("median", ["mean"], None), ("bias", ["basis"], None),
     ("weigths", ["weights"], "weights"), ("layer", ["layers"], "layers"),
     ("activ", ["activation"], "activation"), ("Softmaxx", ["softmax"], "softmax"),
     ("“first”", ["first"], "first"), ("half_up", ["half-up"], "half-up"), ("to", ["into"], None)],
)  # fmt: skip
def test_a_slip_of_the_hand_and_what_is_none(
    written: str, known: list[str], meant: str | None
) -> None:
    assert nearest(written, known) == meant


@pytest.mark.parametrize("hat", ["ŷ", "y\u0302"])
def test_a_letter_with_a_hat(hat: str) -> None:
    text = PROBLEM.replace("half-squared-error", f"{{formula: 'sum(({hat} - y)^2)'}}")
    (only,) = told(text)
    assert only.instead == "yhat"
    load("values: {x: [1, 2]}\nequations:\n  - ŷ = 2 * x\n  - L = sum(y\u0302)\n")


@pytest.mark.parametrize(("sign", "instead"), [("√", "sqrt(…)"), ("²", "^2"), ("∑", "sum(…)")])
def test_signs_of_print(sign: str, instead: str) -> None:
    text = f"values: {{x: [1, 2]}}\nequations:\n  - L = sum(x) + {sign}\n"
    (only,) = told(text)
    assert (only.mark, only.instead) == (place(text, sign), instead)


# The order of what is told ------------------------------------------------------------------------


def test_causes_are_told_before_what_follows_from_them() -> None:
    text = """x: [1, 2]
y: 1
layers:
  - {weights: [[1, 2], [3, 4]]}
  - {weights: [[1, 2, 3], [1, 2, 3]]}
loss: squared-error
"""
    lines = complaints_text(_error(text)).splitlines()
    places = [int(line.split(":")[1]) for line in lines if line.startswith("homework")]
    assert places == [5, 2]
    unread = text.replace("squared-error", "squared-eror").replace("[3, 4]", "[3, 4 5]")
    lines = complaints_text(_error(unread)).splitlines()
    places = [int(line.split(":")[1]) for line in lines if line.startswith("homework")]
    assert places[:2] == [4, 6]


def _error(text: str) -> UserError:
    with pytest.raises(UserError) as caught:
        load(text)
    return caught.value


@pytest.mark.parametrize(
    "text",
    ["inputs: 2\nlayers:\n  - {units: 3, bias: true}\n  - {units: 1}\nloss: squared-error\n",
     "shapes: {W: [M, N], x: [N]}\nequations:\n  - L = sum(W @ x)\n"],
)  # fmt: skip
def test_a_problem_in_letters_is_one_for_derive(text: str) -> None:
    (only,) = told(text)
    assert "in letters" in only.message
    assert only.instead == "backprop derive homework.yaml"
    loaded(Source("homework.yaml", text.encode()), numbers=False)


def test_a_problem_that_lacks_a_number_is_none_in_letters() -> None:
    found = told("layers:\n  - {weights: [[1, 2]]}\n")
    assert "no `x`" in found[0].message


# Names --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["x½", "x🄁", "x⑴", "xﷺ"])
def test_what_is_no_identifier_is_no_name(name: str) -> None:
    text = f"values: {{{name}: [1, 2]}}\nequations: [L = sum({name})]\n"
    found = told(text)[0]
    assert "is not a name" in found.message
    assert found.mark == place(text, name)
    text = f"values: {{y: [1, 2]}}\nequations:\n  - {name} = 2 * y\n  - L = sum(y)\n"
    assert told(text)[0].mark == place(text, name)


def test_names_that_a_program_could_not_tell_apart() -> None:
    text = "values: {x1: 1, x₁: 2}\nequations: [L = x1 * 2]\n"
    assert told(text)[0].mark == place(text, "x₁")
    for name in ("größe", "ω", "x_1", "x₁", "θ"):
        load(f"values: {{{name}: 1}}\nequations: [L = {name} * 2]\n")

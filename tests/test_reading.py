"""Files to problems: what is read, and what is said about what cannot be."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from counting import counted
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from backprop_cli.errors import MOST_COMPLAINTS, Complaint, Complaints, Mark, UserError
from backprop_cli.problem.file_format.reading import read_problem, schema
from backprop_cli.problem.file_format.training_keys import RULES
from backprop_cli.problem.problem_data import Digits, Function, Labels, Problem, Text, Values
from backprop_cli.problem.text import tree
from backprop_cli.problem.text.tree import ListNode, MapNode, ScalarNode, read_tree, source_lines
from backprop_cli.problem.typed_numbers import NumberError, last_place, read_number
from backprop_cli.terminal.console import MOST_SHOWN, complaints_text

BAD = sorted((Path(__file__).parent / "bad").glob("*.yaml"))
LAYERS = "layers:\n  - {weights: [[3, 6], [4, 5]]}\n"

NETWORK = r"""title: Everything that layers may say
source: a book
id: all-1
notes: |
  Two lines
  of notes
convention:
  affine: z = Wᵀx + b
  jacobian: denominator
  indices: 0
  output_gradient: fused
  kinks: {leaky-relu: 1/2, step_at_zero: 0}
  log: 2
notation: {post: A, first_layer: 0}
x: [[1, 0], [0, ln(2)]]
y: {labels: [2, 1], classes: 2}
layers:
  - {weights: "3 6; 4 5", bias: [1, −6], activation: sigmoid}
  - weights: |
      2 3
      4 sqrt( 2 )/2
    bias: 1e-3
    activation: {name: leaky_relu, slope: .1}
    skip: [{from: 0, weights: [[1, 0], [0, 1]], into: post}]
    train: [weights]
  - {weights: [[1, 2], [3, 4]], activation: {formula: "z * sigmoid(z)"}, train: false}
loss: {name: huber, delta: 2, over_samples: sum}
penalty: {l2: 0.1, form: full, divided_by_samples: true, on: W1}
upstream: {Yhat: [1, 0]}
update:
  rule: momentum
  form: ewma
  learning_rate: 0.5
  steps: 3
  state: {v_W1: [[0, 1], [1, 0]]}
  batches: [[0, 1], [1]]
ask: ['dL/dW2[1,1]', L]
grading:
  precision: {significant: 3}
  points: {dL/dW1: 4, L: 1}
  entries: all-or-nothing
  carried: 0.5
  imprecise: 0
  pass: 0.5
rounding: {decimals: 3, mode: half-even}
"""
EQUATIONS = """values: {x: [1, 2], W: [[1, 0], [0, 1]], b: [0, -1], y: 4}
shapes: {V: [M, 2], s: [], t: N}
equations:
  - z = W @ x + b
  - L = (y - sum(z))^2
train: [W, b]
differentiate: L
penalty: {l2: 0.1, on: [W]}
update: {rule: adam, learning_rate: 0.001, t: 5, batches: 32}
"""
UPDATE = "gradients: {W1: [[1]]}\nvalues: {W1: [[2]]}\nupdate: {rule: sgd, learning_rate: 1}\n"
GOOD = [NETWORK, EQUATIONS, UPDATE, LAYERS]


@pytest.fixture(params=["C", "Python"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test that asks for it runs with both of PyYAML's parsers."""
    loader = yaml.SafeLoader if request.param == "Python" else getattr(yaml, "CSafeLoader", None)
    if loader is None:
        pytest.skip("PyYAML has no C library here")
    monkeypatch.setattr(tree, "_LOADER", loader)


def read(text: str | bytes) -> tuple[Problem | None, list[Complaint]]:
    complaints = Complaints()
    data = text.encode() if isinstance(text, str) else text
    return read_problem(data, complaints), complaints.found


def well_read(text: str) -> Problem:
    problem, found = read(text)
    assert found == []
    assert problem is not None
    return problem


def values(text: str, key: str = "x") -> Values:
    found = getattr(well_read(f"{key}: {text}\n{LAYERS}"), key)
    assert isinstance(found, Values)
    return found


def place(text: str, piece: str) -> Mark:
    """Where `piece` stands in `text` for the first time."""
    before = text[: text.index(piece)].split("\n")
    return Mark(len(before), len(before[-1]) + 1)


def plain_data(text: str) -> Any:
    """What an editor makes of a file: `on` is a word there, as in YAML 1.2."""
    return yaml.safe_load(text.replace(" on: ", " 'on': "))


# Bad files: each beside what is said about it ----------------------------------------------------


def told(path: Path) -> str:
    data = path.read_bytes()
    _, found = read(data)
    error = UserError(*found, source=path.name, lines=source_lines(data))
    return complaints_text(error) + "\n"


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_what_is_said_about_a_bad_file(path: Path) -> None:
    assert told(path) == path.with_suffix(".txt").read_text(encoding="utf-8")


# Good files --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("library")
def test_a_network_in_full() -> None:
    problem = well_read(NETWORK)
    convention = problem.convention
    assert convention.affine == "W^T x + b"
    assert (convention.jacobian, convention.indices, convention.log) == ("denominator", 0, "2")
    assert (convention.kinks.leaky_relu, convention.kinks.step_at_zero) == (0.5, 0)
    assert problem.notes == "Two lines\nof notes"
    assert (problem.notation.post, problem.notation.first_layer) == ("A", 0)
    assert isinstance(problem.y, Labels)
    assert (problem.y.labels, problem.y.classes) == ((2, 1), 2)
    assert problem.upstream["Yhat"][0] == Text("Yhat", place(NETWORK, "Yhat"))


def test_layers_in_full() -> None:
    layers = well_read(NETWORK).layers
    assert layers is not None
    first, second, third = layers
    assert first.weights is not None
    assert first.bias is not None
    assert second.weights is not None
    assert first.bias.array is not None
    assert second.weights.array is not None
    assert first.bias.array.tolist() == [1, -6]
    assert second.weights.array[1, 1] == math.sqrt(2) / 2
    assert second.activation.name == "leaky-relu"
    assert second.activation.options == (("slope", 0.1),)
    assert (second.skips[0].source, second.skips[0].into) == (0, "post")
    assert (second.train, third.train) == (frozenset({"weights"}), frozenset())
    assert third.activation.formula == Text("z * sigmoid(z)", place(NETWORK, "z * sigm"))


def test_loss_and_training_in_full() -> None:
    problem = well_read(NETWORK)
    assert problem.loss is not None
    assert problem.penalty is not None
    assert problem.update is not None
    assert problem.loss.over_samples == "sum"
    assert dict(problem.loss.function.options) == {"delta": 2}
    assert problem.penalty.form == "full"
    assert problem.penalty.divided_by_samples
    assert [text.text for text in problem.penalty.on or ()] == ["W1"]
    update = problem.update
    assert (update.rule, update.form, update.steps) == ("momentum", "ewma", 3)
    assert update.constants == (("learning_rate", 0.5), ("beta", 0.9))
    assert update.batches == ((0, 1), (1,))
    assert list(update.state) == ["v_W1"]


def test_grading_in_full() -> None:
    problem = well_read(NETWORK)
    assert [text.text for text in problem.ask or ()] == ["dL/dW2[1,1]", "L"]
    assert (problem.ask or ())[0].mark == place(NETWORK, "dL/dW2")
    grading = problem.grading
    assert grading.precision == Digits(3, "significant")
    assert [(text.text, points) for text, points in grading.points] == [("dL/dW1", 4), ("L", 1)]
    assert (grading.entries, grading.carried, grading.passing) == ("all-or-nothing", 0.5, 0.5)
    assert problem.rounding is not None
    assert (problem.rounding.digits, problem.rounding.mode) == (Digits(3), "half-even")


@pytest.mark.usefixtures("library")
def test_equations_in_full() -> None:
    problem = well_read(EQUATIONS)
    assert problem.equations is not None
    assert problem.update is not None
    assert problem.equations[1] == Text("L = (y - sum(z))^2", place(EQUATIONS, "L ="))
    assert list(problem.values) == ["x", "W", "b", "y"]
    assert [shape for _, shape in problem.shapes.values()] == [("M", 2), (), ("N",)]
    assert problem.differentiate == Text("L", Mark(7, 16))
    assert problem.update.constants == (
        ("learning_rate", 0.001), ("beta1", 0.9), ("beta2", 0.999), ("epsilon", 1e-8)
    )  # fmt: skip
    assert (problem.update.t, problem.update.batches) == (5, 32)


def test_what_is_left_out_has_its_default() -> None:
    problem = well_read(LAYERS)
    empty = Problem()
    assert (problem.convention, problem.notation) == (empty.convention, empty.notation)
    assert (problem.grading, problem.loss, problem.ask) == (empty.grading, None, None)
    assert problem.layers is not None
    assert problem.layers[0].activation == Function("linear")
    assert problem.layers[0].train == {"weights", "bias"}


def test_no_loss_by_name() -> None:
    assert well_read(LAYERS + "loss: none\nupstream: {Yhat: [1, 0]}\n").loss is None


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_fills_in_its_constants(rule: str) -> None:
    rate = {"learning_rate": 1} if RULES[rule].rate else {}
    said = f"{{rule: {rule}{', learning_rate: 1' if rate else ''}}}"
    update = well_read(f"{LAYERS}loss: squared-error\nupdate: {said}\n").update
    assert update is not None
    assert dict(update.constants) == {**rate, **RULES[rule].constants}


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("W x + b", "W x + b"), ("Wx+b", "W x + b"), ("z = W @ x + b", "W x + b"),
        ("W*X+b", "W x + b"), ("W.T x + b", "W^T x + b"), ("Wᵀx + b", "W^T x + b"),
        ("'W'' x + b'", "W^T x + b"), ("W^{\\top} x + b", "W^T x + b"), ("w^t x+b", "W^T x + b"),
        ("X W + b", "x W + b"), ("xW^T+b", "x W^T + b"), ("x @ W.T + b", "x W^T + b"),
    ],
)  # fmt: skip
def test_spellings_of_affine(written: str, read_as: str) -> None:
    text = f"convention:\n  affine: {written}\n{LAYERS}"
    assert well_read(text).convention.affine == read_as


@pytest.mark.usefixtures("library")
def test_json_reads_like_yaml() -> None:
    data = plain_data(EQUATIONS)
    data["title"] = '\N{GRINNING FACE} a/b \\ \t"'
    problem = well_read(json.dumps(data, indent="\t" if "CSafe" in str(tree._LOADER) else 1))  # noqa: SLF001
    assert problem.title == data["title"]
    texts = [each.text for each in problem.equations or () if isinstance(each, Text)]
    assert texts == data["equations"]


def test_utf16_and_byte_order_marks() -> None:
    for encoding in ("utf-8-sig", "utf-16"):
        problem, found = read(f"title: Σ\n{LAYERS}".encode(encoding))
        assert problem is not None
        assert (problem.title, found) == ("Σ", [])


# Numbers, vectors, matrices ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3), ("-.5", -0.5), ("1e-3", 1e-3), ("2/3", 2 / 3), ("ln(2)", math.log(2)),
        ("exp(-4)", math.exp(-4)), ("sqrt(2)/2", math.sqrt(2) / 2), ("pi", math.pi),
        ("−2", -2), ("−.5e−2", -0.005), ("+3", 3), ("5.", 5), ("0", 0), ("-0", 0), ("0.0", 0),
        ("1E5", 1e5), ("1e300", 1e300), (" 7 ", 7), ("0e999", 0),
    ],
)  # fmt: skip
def test_numbers(text: str, value: float) -> None:
    assert read_number(text) == value


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("010", "10"), ("1_000", "1000"), ("1_0.5e3", "10.5e3"), ("0x1F", "31"), ("0b11", "3"),
        ("1:30", "1/30, if a ratio is meant"), ("2024-01-02", "a number, such as 2024"),
        ("YES", "1"), ("Off", "0"), ("0,5", "0.5"), ("-,5", "-.5"), ("1,234.5", "1234.5"),
        ("NaN", "a number, such as 1e6"), ("-.INF", "a number, such as 1e6"), ("1e-999", "0"),
        ("", "a number, such as 0.5"), ("5 %", "5/100"), ("¾", "3/4"), ("—2", "-2"), ("３", "3"),
    ],
)  # fmt: skip
def test_what_only_looks_like_a_number(text: str, instead: str) -> None:
    with pytest.raises(NumberError) as caught:
        read_number(text)
    assert caught.value.instead == instead


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("1e3", "1000"),
        ("10/2", "5"),
        ("2.0", "2"),
        ("1_000", "1000"),
        ("0o7", "7"),
        ("½", None),  # 1/2 would be no whole number either
        ("2.5", None),
        ("-1", None),
        ("1e300", None),
        ("9" * 20, "a number of at most 18 digits"),
    ],
)
def test_a_whole_number_is_told_as_one_that_will_do(text: str, instead: str | None) -> None:
    update = f"update: {{rule: sgd, learning_rate: 1, steps: '{text}'}}\n"
    _, complaints = read(f"x: [1]\n{LAYERS}loss: squared-error\ny: [1]\n{update}")
    assert [(one.mark, one.instead) for one in complaints] == [(Mark(6, 46), instead)]


@pytest.mark.parametrize("text", ["1e400", "1/0", "ln(0)", "x", "2 3", "[1]", "2@3", "9" * 5000])
def test_what_is_no_number_at_all(text: str) -> None:
    with pytest.raises(NumberError):
        read_number(text)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_reads_back(value: float) -> None:
    assert read_number(repr(value)) == value


@given(st.text("0123456789.+-*/^()eE ,_:x%abcπ½²٣\N{MINUS SIGN}", max_size=20))
def test_any_text_is_a_finite_number_or_an_error(text: str) -> None:
    with suppress(NumberError):
        assert math.isfinite(read_number(text))


@pytest.mark.parametrize(
    ("text", "place"),
    [(".982", -3), ("4", 0), ("4.", 0), ("1.20", -2), ("1.5e-3", -4), ("2e3", 3), ("−1.5", -1),
     ("2/3", None), ("ln(2)", None)],
)  # fmt: skip
def test_last_place(text: str, place: int | None) -> None:
    assert last_place(text) == place


@pytest.mark.parametrize(
    ("text", "array"),
    [
        ("3", 3), ("'3'", 3), ("[1, 2]", [1, 2]), ('"1 2"', [1, 2]), ("1 2", [1, 2]),
        ("[[3, 6], [4, 5]]", [[3, 6], [4, 5]]), ('"3 6; 4 5"', [[3, 6], [4, 5]]),
        ("3 6; 4 5;", [[3, 6], [4, 5]]), ("|\n  3 6\n\n  4 5\n", [[3, 6], [4, 5]]),
        ("|\n  3 6\n", [[3, 6]]), ("[[1, 0]]", [[1, 0]]), ("1 2;", [[1, 2]]),
        ("1, 2; 3, 4", [[1, 2], [3, 4]]), ("[1/2, 2 / 4]", [0.5, 0.5]),
        ("2/4 max(1, 2)", [0.5, 2]), ("\n  - - 1\n    - 2\n  - [3, 4]", [[1, 2], [3, 4]]),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("library")
def test_ways_to_write_numbers(text: str, array: Any) -> None:
    found = values(text).array
    assert found is not None
    assert found.tolist() == array


def test_letters_leave_inputs_free() -> None:
    found = values("[x1, 2, alpha]")
    assert found.free == (((0,), "x1"), ((2,), "alpha"))
    assert found.array is not None
    assert np.isnan(found.array).tolist() == [True, False, True]
    assert values("x1").free == (((), "x1"),)
    assert values("[[a, 1], [2, b]]").free == (((0, 0), "a"), ((1, 1), "b"))


def test_unreadable_values_leave_the_rest_readable() -> None:
    problem, found = read(f"x: [1, 010]\n{LAYERS}title: still here\n")
    assert problem is not None
    assert problem.x is not None
    assert (problem.x.array, problem.title, len(found)) == (None, "still here", 1)


# Trees -------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("library")
def test_scalars_are_kept_as_typed_with_their_places() -> None:
    complaints = Complaints()
    node = read_tree(b"a: 010\nb: [~, '', \"?\"]\nc: |\n   x\n   y\n", complaints)
    assert isinstance(node, MapNode)
    a, b, c = (entry.value for entry in node.entries.values())
    assert a == ScalarNode("010", "plain", 1, 4)
    assert isinstance(b, ListNode)
    assert isinstance(c, ScalarNode)
    assert b.items == [
        ScalarNode("~", "plain", 2, 5),
        ScalarNode("", "quoted", 2, 8),
        ScalarNode("?", "quoted", 2, 12),
    ]
    assert (c.text, c.style, c.mark, c.inside) == ("x\ny\n", "block", Mark(3, 4), Mark(4, 4))


@pytest.mark.usefixtures("library")
def test_aliases_stand_for_what_they_name() -> None:
    problem = well_read("values: {a: &a [1, 2], b: *a}\nequations: [c = a + b]\n")
    array = problem.values["b"][1].array
    assert array is not None
    assert array.tolist() == [1, 2]


def test_too_large_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "MAX_BYTES", 1000)
    problem, found = read(b"x" * 1001)
    assert problem is None
    assert "too large" in found[0].message


def test_too_many_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "MAX_NODES", 10)
    problem, found = read("x: [" + "1, " * 20 + "]")
    assert problem is None
    assert "more than 10 values" in found[0].message


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000, "{a: " * 50_000, "- " * 50_000, "? " * 50_000, "&a " * 50_000,
        "x: [" + "a b," * 100_000 + "]", "k: 1\n" * 20_000, "x:\n" + "  - [foo, bar]\n" * 20_000,
        "layers:\n" + "  - {wieghts: 1}\n" * 10_000, "x: '" + "(" * 200_000 + "'",
        "x: '" + "()" * 100_000 + "'", "x: '" + "( " * 100_000 + "'", "x: " + "1" * 200_000,
        "convention: {affine: '^" + " " * 200_000 + "x'}", "a" * 200_000 + ": 1",
        "x: {a: " + "1," * 50_000 + "1}", "x: {a: f(" + "1," * 50_000 + "1}",
    ],
    ids=lambda text: text[:12].replace("\n", " "),
)  # fmt: skip
def test_no_file_takes_long(text: str) -> None:
    _, found = counted(lambda: read(text))
    assert found
    assert len(found) <= MOST_COMPLAINTS


def test_a_wide_matrix_reads_quickly() -> None:
    row = ", ".join(["-0.1234"] * 784)
    text = "layers:\n  - weights:\n" + f"    - [{row}]\n" * 100
    problem = counted(lambda: well_read(text), most=2_000_000)
    assert problem.layers is not None
    assert problem.layers[0].weights is not None
    array = problem.layers[0].weights.array
    assert array is not None
    assert array.shape == (100, 784)


# Any file ----------------------------------------------------------------------------------------

PIECES = st.sampled_from(
    ["", " ", "\n", "\t", "[", "]", "{", "}", ":", ": ", ",", "- ", "'", '"', "|\n", "&a ", "*a",
     "!!", "%", "?", "#", "0", "1e999", "nan", "yes", "x", "\x00", "\x1b", "é", "﻿", "\\u",
     "layers", "weights", "2/", "ln(", "---\n", "~", "<<: ", "1:30", "a(", "@", "=", "[]", "{}"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_mutation_of_a_good_file_raises(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(GOOD))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(start + 10, len(text))))
        text = text[:start] + data.draw(PIECES) + text[end:]
    problem, found = read(text)
    assert problem is not None or found
    error = UserError(*found, source="f", lines=source_lines(text.encode()))
    assert all(char == "\n" or char.isprintable() for char in complaints_text(error))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60))
def test_no_bytes_raise(data: bytes) -> None:
    problem, found = read(data)
    assert problem is not None or found
    complaints_text(UserError(*found, source="f", lines=source_lines(data)))


# The schema --------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", GOOD)
def test_good_files_fit_the_schema(text: str) -> None:
    Draft202012Validator.check_schema(schema())
    Draft202012Validator(schema()).validate(plain_data(text))


def test_the_schema_knows_every_key() -> None:
    assert not Draft202012Validator(schema()).is_valid({"titel": "A"})
    assert not Draft202012Validator(schema()).is_valid({"layers": [{"wieghts": [[1]]}]})
    json.dumps(schema())


# How complaints are shown ------------------------------------------------------------------------


def shown(line: str, column: int) -> list[str]:
    error = UserError(Complaint("m", Mark(1, column)), source="f", lines=(line,))
    return complaints_text(error).split("\n")[1:]


def test_a_caret_stands_below_its_column() -> None:
    assert shown("x: 010", 4) == ["  1 | x: 010", "    |    ^"]
    assert shown("\tx: 1", 2) == ["  1 |  x: 1", "    |  ^"]
    assert shown("計算: 1", 5) == ["  1 | 計算: 1", "    |       ^"]
    assert shown("e\u0301: 1", 5) == ["  1 | e\u0301: 1", "    |    ^"]


def test_a_long_line_is_cut_around_the_caret() -> None:
    text, caret = shown("a" * 500 + "b" + "c" * 500, 501)
    assert len(text) < 90
    assert text[caret.index("^")] == "b"
    assert text.count("…") == 2


def test_nothing_from_a_file_reaches_the_terminal_raw() -> None:
    complaint = Complaint("a\x1b[31m", Mark(1, 1), "\u202eb\x07")
    text = complaints_text(UserError(complaint, source="\x1bf", lines=("\x1b]0;x\x07",)))
    assert all(char == "\n" or char.isprintable() for char in text)


def test_complaints_come_in_the_order_of_the_file() -> None:
    marks = [Mark(3, 1), Mark(1, 5), Mark(), Mark(1, 2)]
    text = complaints_text(UserError(*(Complaint("m", mark) for mark in marks), source="f"))
    assert text.split("\n") == ["f: m", "f:1:2: m", "f:1:5: m", "f:3:1: m"]


def test_many_complaints_are_counted() -> None:
    error = UserError(*(Complaint("m", Mark(n, 1)) for n in range(1, MOST_SHOWN + 6)))
    lines = complaints_text(error).split("\n")
    assert (len(lines), lines[-1]) == (MOST_SHOWN + 1, "and 5 more")

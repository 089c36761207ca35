"""An id and what it says: one parser and one writer, whatever people call their quantities."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import backprop_cli as backprop
from backprop_cli.algebra.quantity import (
    STATES,
    LayerName,
    Part,
    Quantity,
    change_id,
    derivative_id,
    entry_id,
    ids_in,
    ids_written,
    layer_id,
    layer_name,
    new_id,
    old_id,
    plain_id,
    quantity,
    state_id,
    step_id,
    typed_derivative,
    typed_entry,
    typed_step,
    whole_id,
)
from backprop_cli.errors import UserError
from backprop_cli.grading.exercise import Exercise
from backprop_cli.operations.updates import RULES
from backprop_cli.problem.file_format.layer_keys import TYPES
from backprop_cli.problem.ids import NAMED
from backprop_cli.problem.layer_types.layer_type import LayerType
from backprop_cli.problem.problem_file import Source
from backprop_cli.problem.text.lexer import is_name
from backprop_cli.solving.loading import Loaded, loaded
from backprop_cli.solving.solution import solve

PACKAGE = Path(__file__).resolve().parent.parent / "backprop_cli"

# What an id says ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("id", "says"),
    [
        ("W1", Quantity("W1")),
        ("dL/dW1", Quantity("L", "W1")),
        ("dYhat/dZ2", Quantity("Yhat", "Z2")),
        ("W1_new", Quantity("W1", part="new")),
        ("L_change", Quantity("L", part="change")),
        ("W3_1", Quantity("W3_1")),
        ("L_data", Quantity("L_data")),
        ("v_W1", Quantity("W1", state="v")),
        ("mhat_W1", Quantity("W1", state="mhat")),
        ("v_W1_old", Quantity("W1", state="v", part="old")),
        ("dL/dW1[2,1]", Quantity("L", "W1", index=("2", "1"))),
        ("W1_new[2,1]@2", Quantity("W1", part="new", index=("2", "1"), step=2)),
        ("W1[i,j]", Quantity("W1", index=("i", "j"))),
        ("X[:,1]", Quantity("X", index=(":", "1"))),
        ("dyhat[i]/dz[j]", Quantity("yhat[i]", "z[j]")),
    ],
)
def test_what_an_id_says(id: str, says: Quantity) -> None:
    assert quantity(id, frozenset({"W1"})) == says
    assert says.id == id


@pytest.mark.parametrize(
    "name", ["d", "dx", "dL", "ddL", "d_d", "d1", "dW_dx", "delta", "v_x", "new"]
)
def test_a_name_is_no_derivative_and_no_state_because_it_begins_like_one(name: str) -> None:
    assert quantity(name) == Quantity(name)
    assert quantity(derivative_id(name, name)) == Quantity(name, name)
    assert quantity(new_id(name)) == Quantity(name, part="new")


@pytest.mark.parametrize(
    "text", ["", "/", "d/d", "d/dx", "dx/d", "dL/W", "a/b/c", "dL/dW/dx", "W[]", "W[", "]", "@",
             "W@1", "W@0", "W@02", "W@x", "_new", "W1[1][2]", "\n", "[1]", "W[1]@2@3", "v_"]
)  # fmt: skip
def test_what_is_no_id_stays_what_it_is(text: str) -> None:
    assert quantity(text, frozenset({"W", ""})).id == text


@given(st.text())
@example("a\n[1]")
@example("dd/dd[d]")
def test_what_is_written_is_what_was_read(text: str) -> None:
    read = quantity(text, frozenset({"W", "x"}))
    assert read.id == text
    assert quantity(read.id, frozenset({"W", "x"})) == read


ENDED = re.compile(r".+_(?:new|change|old)").fullmatch
NAMES = st.from_regex(r"[^\W\d_]\w{0,5}", fullmatch=True).filter(
    lambda name: is_name(name) and not ENDED(name)
) | st.sampled_from("d dx dL dd W1 W3_1 Yhat v_W s_ G_x class L_data old news d_d2".split())
PLACES = st.lists(st.sampled_from("1 2 10 i j k n : N1".split()), max_size=3).map(tuple)
STEPS = st.just(1) | st.integers(2, 999_999_999)


@given(NAMES, NAMES, PLACES, STEPS)
def test_derivatives_are_read_as_they_are_written(
    of: str, by: str, index: tuple[str, ...], step: int
) -> None:
    one = Quantity(of, by, index=index, step=step)
    assert quantity(one.id) == one
    assert quantity(derivative_id(entry_id(of, ("i",)), by)) == Quantity(f"{of}[i]", by)


@given(NAMES, st.sampled_from(("", *STATES)), st.sampled_from(("", "new", "change", "old")),
       PLACES, STEPS)  # fmt: skip
def test_parts_of_an_update_are_read_as_they_are_written(
    name: str, state: str, part: Part, index: tuple[str, ...], step: int
) -> None:
    one = Quantity(name, "", state, part, index, step)
    stateful = frozenset({name}) if state else frozenset()
    assert quantity(one.id, stateful) == one


@given(NAMES, PLACES, STEPS)
def test_ids_made_of_ids(name: str, index: tuple[str, ...], step: int) -> None:
    """An entry of a later step is written in one way, whichever comes first."""
    later = step_id(entry_id(new_id(name), index), step)
    assert later == entry_id(step_id(new_id(name), step), index)
    assert (whole_id(later), plain_id(later)) == (step_id(new_id(name), step), new_id(name))


def test_the_makers_of_ids() -> None:
    made = (change_id("W"), state_id("v", "W"), old_id(state_id("v", "W")), entry_id("L", ()))
    assert made == ("W_change", "v_W", "v_W_old", "L")
    assert (step_id("W_new", 1), step_id("W_new", 2)) == ("W_new", "W_new@2")


def test_the_letters_of_states_are_those_of_the_rules() -> None:
    of_rules = {letter for rule in RULES.values() for letter in rule.states(NAMED)}
    assert of_rules == {*STATES}, "say in STATES which letters there are"


@pytest.mark.parametrize("kind", TYPES.values(), ids=lambda kind: kind.name)
def test_the_letters_of_layers_are_those_of_their_types(kind: LayerType) -> None:
    for letter in (*kind.parameters.values(), *kind.ids):
        found = layer_name(layer_id(letter, 1))
        assert found == LayerName(letter, 1), f"say in _LETTERS that layers have {letter}"


@pytest.mark.parametrize(
    ("name", "says"),
    [("W1", LayerName("W", 1)), ("Z12", LayerName("Z", 12)), ("W3_1", LayerName("W", 3, 1))],
)
def test_names_of_layers(name: str, says: LayerName) -> None:
    assert layer_name(name) == says
    assert layer_id(says.letter, says.layer, says.source) == name


@pytest.mark.parametrize("name", ["X", "Yhat", "W", "w1", "W1_new", "L", "W1_", "WW1", "W1[2]"])
def test_other_names_are_of_no_layer(name: str) -> None:
    assert layer_name(name) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (" W1 [2, 1] ", ("W1", "2, 1")), ("W1[2]'", ("W1'", "2")), ("W1@2[1]", ("W1@2", "1")),
        ("W1", ("W1", None)), ("W[1][2]", ("W[1][2]", None)), ("[i]", ("", "i")),
    ],
)  # fmt: skip
def test_an_entry_as_it_is_typed(text: str, found: tuple[str, str | None]) -> None:
    assert typed_entry(text) == found


def test_steps_and_derivatives_as_they_are_typed() -> None:
    assert [typed_step(text) for text in ("W1 @2", "W1", "W1@0", "W@1@2")] == [
        ("W1", 2), ("W1", 1), ("W1", 0), ("W@1@2", 1),
    ]  # fmt: skip
    assert typed_derivative(" ∂L / ∂W1") == typed_derivative("DL/DW1") == ("L", "W1")
    assert typed_derivative("d/dx") is typed_derivative("dx") is None


def test_ids_in_running_text() -> None:
    assert ids_in("sum(dL/dyhat[i] * dyhat[i]/dz[j], axis=i) + y[k] + u") == [
        "dL/dyhat[i]", "dyhat[i]/dz[j]", "y[k]",
    ]  # fmt: skip
    written = ids_written("Z1[1, 2] acts through dL/dW1", lambda text: f"<{text}>")
    assert written == "<Z1[1, 2]> <acts> <through> <dL/dW1>"


# Hostile names ------------------------------------------------------------------------------------

HOSTILE = """values: {d: 2, dx: 3, x_old: 1, v_q: 4, dd: 1}
equations:
  - dL = d * dx + x_old * v_q
  - d2 = dd * dL
  - ddL = d2^2
train: [d, dx]
update: {rule: momentum, learning_rate: 0.1, beta: 0.5, steps: 2}
ask: [ddL, dddL/dd, dddL/ddL, d_new, dx_new@2, v_dx@2]
"""


def problem(text: str) -> Loaded:
    return loaded(Source("problem.yaml", text.encode()))


@pytest.mark.parametrize("name", ["W_new", "W_change", "v_W", "v_W_old"])
def test_names_that_the_update_makes_are_refused(name: str) -> None:
    text = (
        f"values: {{W: 1, {name}: 2}}\nequations: ['L = W^2 * {name}']\n"
        "train: W\nupdate: {rule: momentum, learning_rate: 1, beta: 0.9}\n"
    )
    with pytest.raises(UserError, match="taken"):
        problem(text)


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("dL", "dL"), ("d", "d"), ("dx", "dx"), ("d2", "d2"), ("∂ddL/∂d", "dddL/dd"),
        ("∇d", "dddL/dd"), ("grad_dx", "dddL/ddx"), ("dddL/ddL", "dddL/ddL"), ("v_q", "v_q"),
        ("d'", "d_new"), ("dx_new@2", "dx_new"), ("v_dx", "v_dx"),
    ],
)  # fmt: skip
def test_hostile_names_keep_their_meaning(name: str, id: str) -> None:
    assert problem(HOSTILE).reference(name).id == id


def test_a_value_may_be_called_as_the_state_of_what_is_not_trained() -> None:
    text = HOSTILE.replace("v_q", "v_d").replace("[d, dx]", "[dx]").replace("d_new, ", "")
    assert problem(text).reference("v_d").id == "v_d"


def test_a_value_that_is_called_old_is_no_state() -> None:
    """It goes into the second update as it is, and not as what the first has made of `x`."""
    text = (
        "values: {w: 2, x: 5, x_old: 3}\nequations: ['L = w^2 * x_old + 0 * x']\ntrain: w\n"
        "update: {rule: sgd, learning_rate: 0.01, steps: 2}\nask: [w_new@2]\n"
    )
    exercise = Exercise(problem(text).model)
    # w ← w − 0.01 · 2 w x_old, twice: 2 · 0.94 · 0.94
    np.testing.assert_allclose(exercise.key.truth["w_new@2"], 2 * 0.94 * 0.94)
    assert "x_old" in exercise.key.uses["dL/dw@2"]
    assert "x" not in exercise.key.uses["dL/dw@2"]


def test_hostile_names_are_solved() -> None:
    values = solve(problem(HOSTILE).model).values
    # ddL = (dd (d dx + x_old v_q))², d = 2, dx = 3, x_old = 1, v_q = 4, dd = 1
    np.testing.assert_allclose(values["ddL"], 100)
    np.testing.assert_allclose(values["dddL/dd"], 2 * 10 * 3)
    np.testing.assert_allclose(values["d_new"], 2 - 0.1 * 60)


# The one place -----------------------------------------------------------------------------------

SURGERY = {  # what an id is taken apart or made by, beside its parser and its writer
    "an ending": r"\}_(?:new|change|old|data|penalty)\b|(?<!: )[\"']_(?:new|change|old)[\"']",
    "a derivative": r"/d\{|/d[\[(\\]|[\"']/d[\"']",
    "a cut": r"(?:partition|split|find|index|startswith|endswith|prefix|suffix)"
    r"\([\"'](?:\[|\]|@|d|(?:mhat|vhat|[vmsG]|L|upstream)_)[\"']",
    "a look": r"[\"'](?:[\[\]@]|d[A-Z]*/d?)[\"'] in \w",
    "an entry": r"\}\[\{",
    "a step": r"[^{]@\{|\}@",
    "a name of a layer": r"(?<!\\)[WZHb]\]?\)?\(?\\d|\{(?:WEIGHTS|BIAS|PRE|POST)\}",
}
ELSEWHERE = {  # what looks alike and is something else
    "classroom/practice_sheet.py": {"a cut"},  # the brackets of a matrix as it is typed
    "classroom/rosters.py": {"a cut"},  # the name in an address of mail
    "grading/sheets/class_tables.py": {"a look"},  # the sign in such an address; a typed matrix
    "grading/program_names.py": {"an ending"},  # what programs call their arrays
    "notation/structure_forms.py": {"a cut"},  # the brackets of a list of rows
    "notation/tex.py": {"a step"},  # a column of TeX
    "problem/ids.py": {"a step", "a look"},  # advice: W1@1 for W1@0; quotes around an entry
    "grading/sheets/stored_ways.py": {"an entry"},  # a part of an array, as NumPy writes it
    "grading/sheets/plain_sheet.py": {"an entry"},  # characters of an expression
    "python/graph_windows.py": {"an entry"},  # channels of a picture in a formula
    "python/onnx_sequences.py": {"an entry"},  # rows of a sequence in a formula
    "python/onnx_steps.py": {"an entry"},  # parts of the gates side by side in a formula
    "readings/formula_text.py": {"an entry"},  # an entry of a formula
    "readings/numpy_source.py": {"an entry"},  # lines of NumPy
}
PYTHON = re.compile(r"formats/(?:python|program_text)")  # writes programs: `x = all_x[batch]`


def code_of(path: Path) -> str:
    """The lines of a module without its docstrings."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Expr(value=ast.Constant(value=str())):
                first, last = node.lineno - 1, node.end_lineno or node.lineno
                lines[first:last] = [""] * (last - first)
    return "\n".join(lines)


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.relative_to(PACKAGE).as_posix()
)
def test_ids_are_taken_apart_and_made_in_one_place(path: Path) -> None:
    name = path.relative_to(PACKAGE).as_posix()
    if name == "algebra/quantity.py":
        return
    code = code_of(path)
    found = {what for what, pattern in SURGERY.items() if re.search(pattern, code)}
    found -= {"an entry"} if PYTHON.match(name) else set()
    assert found == ELSEWHERE.get(name, set())


@pytest.mark.parametrize(
    "line",
    [
        'f"{name}_new"', 'f"d{of}/d{by}"', 'id.partition("[")', 'id.partition("@")[0]',
        'f"{name}[{places}]"', 'f"{id}@{step}"', 'name.endswith("_old")', 'f"{WEIGHTS}{number}"',
        're.compile(r"d([^/]+)/d([^/]+)")', 're.compile(r"([WbZH])(\\d+)")', '"[" in name',
        'id.removesuffix("_new")', 'id.partition("/d")', 'name.startswith("v_")',
    ],
)  # fmt: skip
def test_surgery_is_found(line: str) -> None:
    """Lines as they stood in many modules before there was one place."""
    assert any(re.search(pattern, line) for pattern in SURGERY.values())


@pytest.mark.parametrize("rule", ["sgd", "adam"])
def test_a_name_is_printed_as_a_state_only_where_the_rule_keeps_it(rule: str) -> None:
    """Adam keeps m and v of w: u_w and s_w are names of the file's own, as with plain descent."""
    problem = backprop.load(
        f"""
values: {{w: [0.5, 1], u_w: [2, 1], r_w: 1}}
equations: ["z = u_w * w", "s_w = sum(z) + r_w", "L = s_w^2"]
train: [w]
update: {{rule: {rule}, learning_rate: 0.1}}
"""
    )
    for page in (problem.solve().render("text"), problem.derive().render("text")):
        assert not {"u(w)", "r(w)", "s(w)"} & set(re.findall(r"[a-z]\(w\)", page))
        assert {"u_w", "s_w", "∂L/∂s_w"} <= set(re.split(r"[\s,()]+", page))
        assert ("m(w)" in page) == ("v(w)" in page) == (rule == "adam")
    assert "s(w)" not in problem.solve().render("latex")
    assert r"s\left(w" not in str(problem.solve().trace["steps"])

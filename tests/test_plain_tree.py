"""The fast reader of plain sheets against the full one: the same tree, or none."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backprop_cli.errors import Complaints
from backprop_cli.grading.sheets.plain_sheet import plain_tree
from backprop_cli.problem.text.tree import read_text, tree_of

SHEET = """# A sheet
student: s1234567   # who

answers:  # all of them
  Z1: [4, 0]
  dL/dW1[2,1]: -.3
  ∂L/∂W2:   # 2 × 2
    - [1, _]
    - [ −3 , 4e-2 ]   # so

  W1_new: "3.006 5.922; 4 5"
  b1_new: [[1.006], [~]]
  b2':
  H1: 'a b'
  L_new: 1/3
  L: 3 6; 4 5
# the end
"""

KEYS = [
    "student", "answers", "Z1", "dL/dW1", "dL/dW1[2,1]", "b1'", "W1_new@2", "∇W", "a b", "-", "#",
    "",
]  # fmt: skip
VALUES = [
    "", "1", "-.5", "−.5", "_", "~", "?", "-", "--", "a#b", "a #b", "#", " # c", "[1, 2]",
    "[1,2]", "[ ]", "[1, 2,]", "[[1, 2], [3, 4]]", "[[1], 2]", "[-.5, _]", "[- 1]", "[1 2]",
    "[1, 2] # c", "[1, 2]# c", "[1, 2", "[a: 1]", "[*a]", "'x'", '"x"', "'it''s'", '"a\\n"',
    "'x' y", '"x" # c', "'x'#", "3 6; 4 5", "1, 2", "1  2  ", "*a", "&a 1", "!t 1", "|", ">-",
    "a: b", "a:", "a:b", "%x", "@x", "`", "{a: 1}", "ln(2)", "1/3", "2^(1/2)", "yes", "1:30",
    "---", "...", "(1", "=", "x]", "x}", "x,", "0x1F", "1e5",
]  # fmt: skip
AFTER = ["", "\n", "\n  L: 2\n", "\n   x\n", "\nL: 2", "\n    - 1\n", "\n  - 1\n"]
INDENTS = ["", " ", "  ", "    ", "\t", "   "]


def full(text: str) -> object:
    complaints = Complaints()
    kept = read_text(text.encode(), complaints)
    tree = tree_of(kept, complaints) if kept is not None else None
    return complaints.found or tree


def test_a_usual_sheet_is_plain() -> None:
    tree = plain_tree(SHEET)
    assert tree is not None
    assert tree == full(SHEET)


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("after", AFTER)
def test_every_kind_of_value(value: str, after: str) -> None:
    text = f"answers:\n  Z1: {value}{after}"
    assert plain_tree(text) in (None, full(text))


@settings(max_examples=1500, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(INDENTS),
            st.sampled_from([f"{key}:" for key in KEYS] + ["- ", "-", "", "#", "x", "? "]),
            st.sampled_from(["", " ", "  "]),
            st.sampled_from(VALUES),
        ),
        max_size=6,
    ),
    st.booleans(),
)
def test_any_lines(lines: list[tuple[str, str, str, str]], headed: bool) -> None:
    text = "\n".join("".join(parts) for parts in lines)
    text = f"answers:\n{text}" if headed else text
    assert plain_tree(text) in (None, full(text))


@settings(max_examples=500, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(KEYS[2:8]), st.sampled_from(VALUES)), max_size=6))
def test_any_sheet(lines: list[tuple[str, str]]) -> None:
    text = "student: x\nanswers:\n" + "".join(f"  {key}: {value}\n" for key, value in lines)
    assert plain_tree(text) in (None, full(text))


@settings(max_examples=500, deadline=None)
@given(st.text(alphabet="ab1-[]{}:,#'\" \n?|>&*!%~_.", max_size=30))
def test_any_text(text: str) -> None:
    for whole in (text, f"answers:\n  Z1: {text}", f"answers:\n  Z1:\n    - {text}\n"):
        assert plain_tree(whole) in (None, full(whole))

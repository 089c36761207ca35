"""Documents made by hand as the terminal shows them: tables, cases, maps, labels, narrow pages."""

from __future__ import annotations

from fractions import Fraction

import pytest
from rich.cells import cell_len

from backprop_cli.derive.regions.halfspaces import Half
from backprop_cli.document.document_data import (
    Document,
    Equation,
    Given,
    Givens,
    Heading,
    Map,
    Part,
    Picture,
    Pictures,
    Result,
    Results,
    Row,
    Rows,
    Section,
)
from backprop_cli.document.view import View
from backprop_cli.formats import markdown_blocks, terminal_page
from backprop_cli.formats.registry import Said
from backprop_cli.notation.nodes import (
    Braced,
    Cases,
    Grid,
    Letter,
    Named,
    Number,
    Script,
    Sign,
    Word,
    row,
)

LONG = Grid((tuple(Number(f"{place}.25") for place in range(10, 22)),), (1, 12))
WEIGHT = Named("W1", Script(Letter("W"), Number("1")))
X = Named("x", Letter("x"))


def shown(*parts: Part, width: int = 72, ascii_: bool = False, markdown: bool = False) -> str:
    document = Document("", (), parts, {"W1": "parameter", "x": "data"})
    said = Said(lambda view, page: document, dict)
    view = View(width=width, ascii=ascii_)
    return markdown_blocks.render(said, view) if markdown else terminal_page.render(said, view)


def test_what_is_given_is_a_table_with_what_each_is() -> None:
    items = (Given(WEIGHT, LONG, (1, 12), "weights"), Given(X, Number("2"), (), "input"))
    lines = shown(Givens(items)).splitlines()
    assert lines[1].split() == ["quantity", "what", "it", "is", "shape", "value"]
    assert lines[3].split() == ["W¹", "weights", "(1×12)", "[10.25", "11.25", "…", "21.25]"]
    assert lines[4].split() == ["x", "input", "2"]


@pytest.mark.parametrize("width", [40, 46, 56, 72, 100])
@pytest.mark.parametrize("ascii_", [False, True])
def test_no_number_is_cut_by_a_narrow_page(width: int, ascii_: bool) -> None:
    results = (Result(WEIGHT, (1, 12), LONG, "the new value of what is multiplied"),)
    text = shown(Results(results), width=width, ascii_=ascii_)
    assert max(map(cell_len, text.splitlines())) <= width
    assert "21.25]" in text
    assert "(1x12)" in text if ascii_ else "(1×12)" in text


def test_reasons_stand_in_a_column_and_shapes_at_the_margin() -> None:
    chain = Rows(
        (
            Row(X, row(Letter("a"), Sign("+", 1), Letter("b")), "the sum rule"),
            Row(None, Letter("c"), "simplified"),
            Row(WEIGHT, Letter("d"), shape=(2, 3)),
        )
    )
    assert shown(chain, width=48).splitlines()[1:] == [
        "    x  = a + b   the sum rule",
        "       = c       simplified",
        "    W¹ = d" + " " * 33 + "(2×3)",
    ]


def test_cases_of_a_row_are_tall_and_keep_their_value_where_there_is_one() -> None:
    cases = Cases(
        (
            (Number("1"), row(Letter("x"), Sign(">"), Number("0"))),
            (Number("−0.5"), Word("otherwise")),
        )
    )
    assert shown(Rows((Row(X, cases),))).splitlines()[1:] == [
        "    x = ⎧ 1      where x > 0",
        "        ⎩ −0.5   otherwise",
    ]
    valued = shown(Rows((Row(X, cases, result=Number("1")),)))
    assert valued.splitlines()[1] == "    x = {1 if x > 0, −0.5 otherwise} = 1"


def test_labels_of_factors_stand_below_them() -> None:
    product = row(Braced(WEIGHT, Word("2×3")), Sign("", 2), Braced(X, Word("3")))
    assert shown(Rows((Row(Letter("y"), product),))).splitlines()[1:] == [
        "    y = W¹  x",
        "        2×3 3",
    ]


SPAN = (Fraction(0), Fraction(4))
LEFT = Half((-1, 0, 2))  # u ≤ 2
HALVES = (((LEFT,), 1), ((LEFT.outside,), 0))


@pytest.mark.parametrize(("marked", "left", "right"), [(1, "█", "·"), (None, "a", "b")])
def test_a_map_is_drawn_cell_by_cell(marked: int | None, left: str, right: str) -> None:
    labels: dict[object, str] = {1: "one", 0: "nought"}
    drawn = Map("y", ("u", "v"), (SPAN, SPAN), (), (), (), (), (), marked, labels, HALVES)
    lines = shown(Pictures((Picture(drawn, "a map", X),))).splitlines()
    cells = lines[3].split(maxsplit=1)[1]
    assert cells[:25] == left * 25  # the border belongs to the left half
    assert cells[25:] == right * 24
    assert lines[1].strip() == ("█ where y is 1" if marked else "y is a one, b nought")


def test_headings_are_rules_unless_sections_are() -> None:
    alone = shown(Heading("Case", row(Letter("z"), Sign(">"), Number("0"))), width=30)
    assert alone.splitlines()[1] == "Case z > 0 " + "─" * 19
    below = shown(Section("Forward"), Heading("output", X), width=30)
    assert below.splitlines()[1:] == ["Forward " + "─" * 22, "", "x  output"]


def test_what_stands_beside_a_section_goes_below_where_there_is_no_room() -> None:
    section = Section("Update", (Equation(Letter("η"), result=Number("0.5")),))
    assert shown(section, width=40).splitlines()[1].endswith("─ η = 0.5")
    many = Section("Update", (Equation(Word("a" * 24), result=Number("0.5")),))
    assert shown(many, width=40).splitlines()[2].strip() == "a" * 24 + " = 0.5"


def test_markdown_shows_the_same_in_code_blocks() -> None:
    text = shown(Section("Forward"), Rows((Row(X, Letter("d")),)), markdown=True)
    assert text == "## Forward\n\n```text\nx = d\n```\n"

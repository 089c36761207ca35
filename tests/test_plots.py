"""Pictures of functions against the functions: strokes, ends, areas, borders and corners."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise, product

import pytest
from test_free_inputs import FUNCTIONS, file, network, run
from test_regions import free

from backprop_cli.derive.regions.free_inputs import FreeInputs, Function
from backprop_cli.derive.regions.halfspaces import Affine, Pieces
from backprop_cli.document.document_data import Curve, Dot, Exact, Map
from backprop_cli.document.maps import all_breaks, curve, drawn, forward, span, viewed
from backprop_cli.formats.html_page import svg

ONE_INPUT = [seed for seed in range(48) if seed % 4 == 0]
TWO_INPUTS = [seed for seed in range(48) if seed % 4 in (1, 2)]


def height(found: Pieces, *point: Fraction) -> Fraction | None:
    """The value at a point, by the regions; None where it is a formula."""
    (piece,) = (each for each in found if all(half.holds(point) for half in each.region))
    return piece.value.at(point) if isinstance(piece.value, Affine) else None


def curves(found: FreeInputs) -> list[tuple[Function, Curve]]:
    across = span(all_breaks(found))
    drawn_ = ((each, curve(each, found, each.name, "x", across)) for each in forward(found))
    return [(each, line) for each, line in drawn_ if line is not None]


# One input ----------------------------------------------------------------------------------------


def test_ends_of_the_published_function() -> None:
    found = free(file("threshold-interval"))
    lines = {(each.name, each.index): line for each, line in curves(found)}
    assert set(lines["Yhat", (0,)].dots) == {
        Dot((1.0, 1.0), closed=False),
        Dot((1.0, 0.0), closed=True),
        Dot((3.0, 0.0), closed=False),
        Dot((3.0, 1.0), closed=True),
    }
    assert sorted(lines["Yhat", (0,)].strokes) == [
        ((0.0, 1.0), (1.0, 1.0)),
        ((1.0, 0.0), (3.0, 0.0)),
        ((3.0, 1.0), (4.0, 1.0)),
    ]
    assert lines["Z1", (1,)].marks == (Fraction(3),)


def test_a_point_of_its_own_has_a_dot() -> None:
    text = file("threshold-interval").replace("step_at_zero: 1", "step_at_zero: 0.5")
    (line,) = (line for each, line in curves(free(text)) if (each.name, each.index) == ("H1", (0,)))
    assert [(dot.at, dot.closed) for dot in sorted(line.dots, key=lambda dot: dot.at)] == [
        ((1.0, 0.0), False),
        ((1.0, 0.5), True),
        ((1.0, 1.0), False),
    ]


@pytest.mark.parametrize("seed", ONE_INPUT)
def test_curves_are_the_functions(seed: int) -> None:
    found = free(network(seed))
    for function, line in curves(found):
        assert function.pieces is not None
        for stroke in line.strokes:
            for (x1, y1), (x2, y2) in pairwise(stroke):
                middle = height(function.pieces, Fraction((x1 + x2) / 2))
                assert middle is None or float(middle) == pytest.approx((y1 + y2) / 2, abs=1e-9)
        for at in line.breaks:
            dots = [dot for dot in line.dots if dot.at[0] == float(at)]
            closed = [dot.at[1] for dot in dots if dot.closed]
            value = height(function.pieces, at)
            assert not dots or value is None or closed == [pytest.approx(float(value))]
        covered = sum(stroke[-1][0] - stroke[0][0] for stroke in line.strokes)
        assert covered == pytest.approx(float(line.across[1] - line.across[0]))


# Two inputs ---------------------------------------------------------------------------------------


def inside(corners: Sequence[Exact], point: Exact) -> bool:
    """Whether a point is inside a convex polygon, or on its border."""
    turns = [
        (x2 - x1) * (point[1] - y1) - (y2 - y1) * (point[0] - x1)
        for (x1, y1), (x2, y2) in pairwise((*corners, corners[0]))
    ]
    return min(turns) >= 0 or max(turns) <= 0


def maps(found: FreeInputs, marked: Fraction | None = Fraction(1)) -> list[tuple[Function, Map]]:
    split = [each for each in forward(found) if len(each.pieces or ()) > 1]
    if not split:
        return []
    view = viewed(split, ("a", "b"))
    value = None if marked is None else found.inputs.constant(marked)
    return [(each, drawn(each, each.name, view, value)) for each in split]


def plain(point: Exact) -> tuple[float, float]:
    return float(point[0]), float(point[1])


def test_the_published_triangle() -> None:
    found = free(file("threshold-triangle"))
    shown = next(each for function, each in maps(found) if function.name == "Yhat")
    assert {(plain(corner.at), corner.closed) for corner in shown.corners} == {
        ((0, 0), True),
        ((0, 1), False),
        ((1, 0), False),
    }
    assert {
        (frozenset((plain(edge.start), plain(edge.end))), edge.closed) for edge in shown.borders
    } == {
        (frozenset({(0, 0), (0, 1)}), True),
        (frozenset({(0, 0), (1, 0)}), True),
        (frozenset({(0, 1), (1, 0)}), False),
    }
    (area,) = (area for area in shown.areas if area.value == shown.marked)
    assert set(map(plain, area.corners)) == {(0, 0), (0, 1), (1, 0)}


@pytest.mark.parametrize("seed", TWO_INPUTS)
def test_maps_are_the_functions(seed: int) -> None:
    found = free(network(seed))
    for function, shown in maps(found):
        assert function.pieces is not None
        (left, right), (low, high) = shown.window
        for i, j in product(range(1, 12), repeat=2):
            at = (left + (right - left) * i / 12, low + (high - low) * j / 12)
            value = height(function.pieces, *at)
            touched = [area for area in shown.areas if inside(area.corners, at)]
            assert touched
            if len(touched) == 1 and isinstance(touched[0].value, Affine):
                assert touched[0].value.at(at) == value
        for border in shown.borders:
            middle = [(a + b) / 2 for a, b in zip(border.start, border.end, strict=True)]
            assert border.closed == (height(function.pieces, *middle) == 1)


def test_touching_areas_of_one_value_have_no_border_between_them() -> None:
    text = """
x: [x1, x2]
layers:
  - {weights: [[1, 0], [0, 1]], activation: step}
  - {weights: [[1, 1]], bias: [-0.5], activation: step}
"""
    shown = next(each for function, each in maps(free(text)) if function.name == "Yhat")
    assert {plain(corner.at) for corner in shown.corners} == {(0, 0)}  # a corner turned inwards
    for border in shown.borders:
        assert 0 in (border.start[0], border.start[1])
        assert min(*border.start, *border.end) < 0 or border.start == border.end


def test_the_region_in_characters() -> None:
    said = run(file("threshold-triangle"), "--width", "80").stdout.splitlines()
    start = next(i for i, row in enumerate(said) if row.strip() == "█ where ŷ₁ is 1")
    for row in range(17):
        y = Fraction(3, 2) - Fraction(row, 8)
        marks = said[start + 2 + row][13:]
        expected = [
            (x := Fraction(c, 24) - Fraction(1, 2)) >= 0 <= y and x + y < 1 for c in range(49)
        ]
        assert [mark == "█" for mark in marks] == expected


# SVG ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [*ONE_INPUT, *TWO_INPUTS])
def test_pictures_are_well_formed(seed: int) -> None:
    found = free(network(seed))
    one = len(found.inputs.names) == 1
    shown = curves(found) if one else [*maps(found), *maps(found, marked=None)]
    for _, each in shown:
        text = svg(each, 'a < "b" & c')
        root = ET.fromstring(text)  # noqa: S314  # our own
        assert root.attrib["aria-label"] == 'a < "b" & c'
        assert "nan" not in text
        assert "inf" not in text
        assert {element.tag for element in root.iter()} <= {"svg", "path", "text", "circle"}


def test_pages_show_every_unit() -> None:
    for path in sorted(FUNCTIONS.glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        page = run(text, "--format", "html").stdout
        plain = run(text, "--format", "html", "--detail", "short").stdout
        assert page.count("<figure>") == {"threshold-triangle": 5, "relu-pieces": 7}.get(
            path.stem, 6
        )
        assert "<figure>" not in plain

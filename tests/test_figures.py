"""One number as typed: the zeros that were left out, and the digits that may have been swapped."""

from __future__ import annotations

import pytest

from backprop_cli.grading.sheets.cells import Figure, digits, exchanged, padded, readings
from backprop_cli.readings.units import Unit


@pytest.mark.parametrize(
    ("text", "count"),
    [("0.030", 2), ("-.5", 1), ("\u22121.20", 3), ("1.23e+10", 3), ("0.000", 0), ("400", 3)],
)
def test_significant_digits(text: str, count: int) -> None:
    assert digits(text) == count


@pytest.mark.parametrize(
    ("text", "asked", "full"),
    [
        ("6.5", Unit(3), "6.500"),
        ("-1", Unit(3), "-1.000"),
        ("\u2212.5", Unit(2), "-.50"),
        ("0.1234", Unit(3), "0.1234"),
        (".5", Unit(3, significant=True), ".500"),
        ("1/3", Unit(3), "1/3"),
        ("1e-3", Unit(3), "1e-3"),
    ],
)
def test_zeros_left_out_count_as_typed(text: str, asked: Unit, full: str) -> None:
    assert padded(text, asked) == full


def test_a_number_is_read_with_its_zeros_and_without() -> None:
    figure = Figure(6.5, 0.1, "6.5")
    assert list(readings(figure, Unit(3))) == [Figure(6.5, 0.001, "6.500"), figure]
    assert list(readings(Figure(6.5, 0.001, "6.500"), Unit(3))) == [Figure(6.5, 0.001, "6.500")]


@pytest.mark.parametrize(
    ("right", "typed"),
    [("0.132", "0.123"), ("20.138", "2.138"), ("-50.000", "-5.000"), (".41", ".14")],
)
def test_two_digits_exchanged_can_be_exchanged_back(right: str, typed: str) -> None:
    """20.138 becomes 02.138, of which nobody writes the 0."""
    assert float(right) in list(exchanged(typed))

"""How numbers are printed: decimals, tiny and huge ones, whole ones."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backprop_cli.notation.numbers_and_indices import Digits, indexed

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (4.0, "4"),
        (-6.0, "−6"),
        (0.5, "0.5"),
        (0.98201379, "0.9820"),
        (0.1 + 0.2, "0.3"),
        (2 - 1e-10, "2.0000"),
        (0.00034, "0.0003"),
        (0.0001, "0.0001"),
        (0.00004, "4e-05"),
        (0.0000553, "5.53e-05"),
        (-1.39587e-11, "−1.396e-11"),
        (1.6e20, "1.6e+20"),
        (123456.789, "123456.789"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (math.nan, "nan"),
    ],
)
def test_one_number(value: float, shown: str) -> None:
    assert Digits().one(value) == shown


def test_ascii_minus() -> None:
    assert Digits(ascii=True).one(-0.25) == "-0.25"


def test_precision_decides_how_many_decimals() -> None:
    assert Digits(2).one(1 / 3) == "0.33"
    assert Digits(8).one(1 / 3) == "0.33333333"
    assert Digits(0).one(2 / 3) == "1"


def test_fractions_that_stand_together_have_as_many_decimals_and_whole_numbers_none() -> None:
    assert Digits().several([0.5, 0.98201379, 4, 0]) == ["0.5000", "0.9820", "4", "0"]
    assert Digits().several([3, 6, -5]) == ["3", "6", "−5"]
    assert Digits().several([0.1, 0.25]) == ["0.10", "0.25"]


def test_beside_a_number_with_an_exponent_those_of_one_digit_have_one_too() -> None:
    assert Digits().several([3.686e-5, 5.53e-5]) == ["3.686e-05", "5.53e-05"]
    assert Digits().several([-1.411e-4, 7.529e-6]) == ["−1.411e-04", "7.529e-06"]
    assert Digits().several([0.25, 6e-4, 0.0123]) == ["0.2500", "0.0006", "0.0123"]
    assert Digits().several([0.25, 6e-4, 3e-6, 0]) == ["0.2500", "6e-04", "3e-06", "0"]


@given(st.lists(st.floats(1e-7, 1e-2), min_size=1, max_size=6))
def test_numbers_that_stand_together_keep_their_order_and_their_size(values: list[float]) -> None:
    """Nothing is shown at nearly twice its size, as 5.5e-05 was as 0.0001."""
    shown = [float(each) for each in Digits().several(values)]
    assert [shown[place] for place in sorted(range(len(values)), key=values.__getitem__)] == sorted(
        shown
    )
    assert all(abs(one - value) <= 0.5 * value for one, value in zip(shown, values, strict=True))


@pytest.mark.parametrize("value", [2.0**35, 1.5 * 2.0**35, 1.25e12 + 0.5, 123456789012.0])
@pytest.mark.parametrize("precision", [2, 3, 4])
def test_large_whole_numbers_have_as_many_digits_as_others(value: float, precision: int) -> None:
    wanted = float(f"{value:.{precision - 1}e}")
    shown = [Digits(precision).several([value, *others])[0] for others in ([], [1], [0.1234])]
    assert list(map(float, shown)) == [wanted] * 3


@given(st.integers(0, 10**6), st.integers(0, 6))
def test_half_a_unit_goes_upwards_as_by_hand(whole: int, decimals: int) -> None:
    """1.75 · 2.725 = 4.76875 is 4.7688, though floats hold it as 4.76874…"""
    half = Decimal(whole).scaleb(-decimals) + Decimal(5).scaleb(-decimals - 1)
    wanted = half.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)
    shown = Digits(decimals).one(float(half))
    assert Decimal(shown) == wanted or "e" in shown


@given(FINITE.filter(bool), st.integers(0, 12))
def test_a_nonzero_number_is_never_shown_as_zero(value: float, precision: int) -> None:
    shown = Digits(precision, ascii=True).one(value)
    assert float(shown) != 0 or abs(value) < 1e-320
    assert math.copysign(1, float(shown)) == math.copysign(1, value)


@given(FINITE, st.integers(0, 12))
def test_what_is_shown_is_the_number_rounded(value: float, precision: int) -> None:
    shown = float(Digits(precision, ascii=True).one(value))
    assert math.isinf(shown) or math.isclose(
        shown, value, rel_tol=0.5, abs_tol=0.51 * 10.0**-precision
    )


@pytest.mark.parametrize(
    ("places", "shown"),
    [
        (("2", "1"), "₂₁"),
        (("12", "3"), "[12,3]"),  # ₁₂₃ would be 1, 23 as well
        (("i", "N1-1"), "[i,N₁−1]"),
        (("k", "i+1"), "[k,i+1]"),
        (("N",), "_N"),
    ],
)
def test_indices_are_read_in_one_way_alone(places: tuple[str, ...], shown: str) -> None:
    assert indexed(places) == shown

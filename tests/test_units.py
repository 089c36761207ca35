"""What has no digits beyond a unit: noise is forgiven, digits are not."""

from __future__ import annotations

import numpy as np
import pytest

from backprop_cli.readings.units import Unit, short


@pytest.mark.parametrize(
    ("value", "decimals", "is_short"),
    [
        (0.25, 2, True),
        (0.25, 1, False),
        (0.1 + 0.2, 1, True),  # 0.30000000000000004
        (0.0, 3, True),
        (1 - 0.9 - 0.1, 3, True),  # -2.8e-17, where 0 was worked out
        (-(2.0**-53), 8, True),
        (1e-10, 0, False),  # small beside a unit of 1, and no noise
        (1e-10, 8, False),
        (0.0000001, 7, True),
        (123456.7891, 4, True),
        (123456.78915, 4, False),  # 5 of its next digit are no noise, for all the digits before
        (123456.78915, 5, True),
        (np.inf, 2, False),
        (np.nan, 2, False),
    ],
)
def test_digits_beyond_a_unit(value: float, decimals: int, is_short: bool) -> None:
    array = np.array([value, -value])
    assert short(array, np.array(10.0**-decimals)).tolist() == [is_short] * 2
    assert Unit(decimals).holds((array, array)) == is_short


def test_nothing_is_typed_with_a_unit_of_zero() -> None:
    assert not short(np.array([0.0, 1.0]), np.zeros(2)).any()


def test_a_long_number_is_rounded_as_a_short_one() -> None:
    """123456.78915 to four decimals is …891 or …892, and it was left as it is."""
    value = np.array(123456.78915)
    low, high = Unit(4).widened((value, value))
    assert low <= 123456.7891 + 1e-9
    assert high >= 123456.7892 - 1e-9
    exact = np.array(123456.7891)
    assert Unit(4).widened((exact, exact)) == (exact, exact)

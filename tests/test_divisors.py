"""By which number a formula is divided, and where that number stands."""

from __future__ import annotations

from fractions import Fraction

import pytest

from backprop_cli.algebra.expr import num, op
from backprop_cli.calculus.quotients import divided
from backprop_cli.problem.text.parser import parse


@pytest.mark.parametrize(
    ("number", "rest", "written"),
    [
        ("1/4", "p - y", "(p - y) / 4"),
        ("3/4", "p - y", "(3 * (p - y)) / 4"),
        ("1/3", "p - y", None),  # nothing here is divided by 3
        ("1/4", "y / p", None),  # there is a line already: y / (4 p)
    ],
)
def test_a_fraction_is_a_quotient_where_the_loss_is_one(
    number: str, rest: str, written: str | None
) -> None:
    product = op("mul", num(number), parse(rest))
    expected = product if written is None else parse(written)
    assert divided(product, {Fraction(4)}) == expected

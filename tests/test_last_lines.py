"""The last printed line of a derivative: as a person would leave it, with the right value."""

from __future__ import annotations

import math
import re

import pytest

import backprop_cli as backprop

AT = {"x": 1.7, "a": 0.6, "b": -1.3, "x1": 0.8, "x2": -0.4, "y1": 0.6}
SHORT = {
    "(x+3/2)/x^2": "−(x + 3) / x³",
    "(2*x+3)/x^2": "−(2 · x + 6) / x³",
    "exp(-x)*(x+2)": "−exp(−x) · (1 + x)",
    "max(a*x, b*x)": "1{a · x ≥ b · x} · a + 1{a · x < b · x} · b",
    "max(x^2, x)": "2 · 1{x² ≥ x} · x + 1{x² < x}",
    "max(2*x, x+3)": "2 · 1{x ≥ 3} + 1{x < 3}",
    "max(2*x, x)": "2 · 1{x ≥ 0} + 1{x < 0}",
}


def last(formula: str, wrt: str) -> str:
    text = backprop.derive(formula, wrt=wrt).render("text", width=1000)
    line = [line for line in text.splitlines() if re.match(r"^ +(.*\S )?= ", line)][-1]
    return re.split(r"   +", line.split("= ", 1)[1])[0].strip()


def value(printed: str, at: dict[str, float], j: int = 0) -> float:
    """The number that a line says; `1{…}` is a comparison of Python's."""
    text = printed.translate(str.maketrans("₁₂−·", "12-*")).replace("≥", ">=").replace("≤", "<=")
    text = re.sub(r"([⁰¹²³⁴⁵⁶]+)", lambda found: f"**{ord_of(found[1])}", text)
    text = re.sub(r"1\{j = (\d)\}", lambda found: str(int(int(found[1]) == j)), text)
    text = re.sub(r"1\{([^}]*)\}", r"(\1)", text)
    known = {"exp": math.exp, "tanh": math.tanh, "max": max}
    return float(eval(text, known, {**at}))  # noqa: S307  # formulas of this file


def ord_of(power: str) -> int:
    return "⁰¹²³⁴⁵⁶".index(power)


@pytest.mark.parametrize("formula", SHORT)
def test_it_is_short_and_right(formula: str) -> None:
    printed = last(formula, "x")
    assert printed == SHORT[formula]
    written = formula.replace("^", "**")
    step = 1e-6
    up, down = (value(written, AT | {"x": AT["x"] + each}) for each in (step, -step))
    assert value(printed, AT) == pytest.approx((up - down) / (2 * step), rel=1e-7)


@pytest.mark.parametrize(
    ("formula", "slopes"),
    [
        ("x[1]*tanh(x[2])", (math.tanh(-0.4), 0.8 * (1 - math.tanh(-0.4) ** 2), 0)),
        ("x[1]^2 + 3*x[2]", (1.6, 3, 0)),
        ("y[1]*x[2]", (0, 0.6, 0)),
    ],
)
def test_by_a_letter_that_stands_by_its_entries_alone(
    formula: str, slopes: tuple[float, ...]
) -> None:
    printed = last(formula, "x")
    for j, slope in enumerate(slopes, start=1):
        assert value(printed, AT, j) == pytest.approx(slope, rel=1e-12)

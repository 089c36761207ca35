"""Turns numbers into what a person writes down: rounded or truncated, zeros dropped or not."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

import numpy as np
from oracles.chance import Rng, chance
from oracles.reading import Array


class LeftOutError(Exception):
    """Rounding has made a number that cannot be worked with: ln 0, 1/0."""


@dataclass(frozen=True)
class Digits:
    """How many digits a student keeps (decimals or significant ones), and how the rest goes."""

    number: int
    significant: bool = False
    truncate: bool = False

    def unit(self, value: float) -> float:
        """The unit of the last digit kept of a number."""
        return float(self._unit(_decimal(value)))

    def rounded(self, values: Array) -> Array:
        """Every entry as the student would write it."""
        flat = [float(self._rounded(_decimal(value))) for value in values.reshape(-1).tolist()]
        return np.array(flat).reshape(values.shape)

    def text(self, value: float) -> str:
        """A number already rounded, with all the digits it was rounded to."""
        number = _decimal(value)
        unit = self._unit(number)
        if unit > 1:
            return f"{number:.{self.number - 1}e}"
        padded = number.quantize(unit)
        return f"{padded if padded == number else number:f}"

    def _unit(self, number: Decimal) -> Decimal:
        if not self.significant:
            return Decimal(1).scaleb(-self.number)
        return Decimal(1).scaleb(number.adjusted() - self.number + 1 if number else 1 - self.number)

    def _rounded(self, number: Decimal) -> Decimal:
        return number.quantize(self._unit(number), ROUND_DOWN if self.truncate else ROUND_HALF_UP)


def _decimal(value: float) -> Decimal:
    """What a good calculator shows: without the noise of binary numbers."""
    if not np.isfinite(value) or abs(value) > 1e9:
        raise LeftOutError
    return Decimal(f"{round(value, 14):.13g}")


def shortened(rng: Rng, text: str) -> str:
    """A number as people write it, with fewer zeros: .5 for 0.500."""
    if "e" in text:
        return text
    if "." in text and chance(rng, 0.5):
        text = text.rstrip("0").rstrip(".")
    if chance(rng, 0.5):
        text = text.replace("-0.", "-.") if text.startswith("-") else text.removeprefix("0")
    return "0" if text in ("", "-0", "-") else text

"""Numbers and places of entries to what is printed: so many decimals, below the line."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from msgspec import Struct

from backprop_cli.notation.nodes import Letter, Node, Number, Script, Sign, row

MINUS, INFINITE = "\N{MINUS SIGN}", "\N{INFINITY}"

_NOISE = 4e-15  # what floating-point arithmetic leaves behind: 0.1 + 0.2 is shown as 0.3
_SHORT = 1e12  # with fewer digits than this has, that noise is less than half a unit
_LARGE = 1e10  # from here on an exponent is easier to read than the digits
_MOST_DECIMALS = 15


class Digits(Struct, frozen=True):
    """How numbers are written: at most so many decimals, and which minus."""

    precision: int = 4
    ascii: bool = False

    def one(self, value: float) -> str:
        """A number standing alone."""
        return self.several((value,))[0]

    def several(self, values: Iterable[float]) -> list[str]:
        """Numbers that stand together: all fractions among them have as many decimals.

        Whole numbers have none: in a mixed column they tell what is exact.
        """
        values = list(values)
        decimals = 0
        for value in values:
            if decimals == self.precision:
                break
            decimals = max(decimals, needed_decimals(value, self.precision))
        least = self._least(values) if decimals == self.precision else 0.0
        return [self._written(value, decimals, least) for value in values]

    def _least(self, values: list[float]) -> float:
        """What is smaller has an exponent: one unit of the last decimal.

        Where a number has one, those with a single digit left have it, too: beside 3.7e-05 a
        0.0006 cannot be compared.
        """
        unit = 10.0**-self.precision if self.precision else 0.5
        return 10 * unit if any(0 < abs(value) < unit for value in values) else unit

    def _written(self, value: float, decimals: int, least: float) -> str:
        text = _unsigned(value, decimals, self.precision, least)
        if text == "inf" and not self.ascii:
            text = INFINITE
        negative = value < 0
        return (("-" if self.ascii else MINUS) if negative else "") + text


def needed_decimals(value: float, most: int = _MOST_DECIMALS) -> int:
    """How many decimals, `most` at most, write `value` exactly but for rounding noise.

    Where so many are too few, fewer are: nearly always a single look will do.
    """
    if not math.isfinite(value) or value == round(value):
        return 0
    size = abs(value)
    if not most or not _is_written(size, most - 1):
        return most
    return next(decimals for decimals in range(most) if _is_written(size, decimals))


def _is_written(size: float, decimals: int) -> bool:
    rounded = round(size, decimals)
    return rounded != 0 and abs(rounded - size) <= _NOISE * size


def _unsigned(value: float, decimals: int, precision: int, least: float) -> str:
    size = abs(value)
    if not math.isfinite(size):
        return "nan" if math.isnan(size) else "inf"
    if size >= _LARGE:
        return _scientific(size, precision)  # of a whole number, too
    if needed_decimals(size, 1) == 0:
        return str(round(size))
    return _fixed(size, decimals) if size >= least else _scientific(size, precision)


def _fixed(size: float, decimals: int) -> str:
    """So many decimals, half a unit upwards as by hand: of 4.76875, a float a bit less, 4.7688."""
    short = size * 10.0**decimals < _SHORT
    return f"{size * (1 + _NOISE) if short else size:.{decimals}f}"


def _scientific(size: float, precision: int) -> str:
    """`4.54e-05`: as many digits as the decimals asked, at least two, trailing zeros dropped."""
    mantissa, exponent = f"{size:.{min(max(precision, 2), 6) - 1}e}".split("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}e{exponent}"


_SUPERSCRIPT = str.maketrans("0123456789+-−()tnkijxT", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁽⁾ᵗⁿᵏⁱʲˣᵀ")
_SUBSCRIPT = str.maketrans("0123456789+-()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ")
_with_number = re.compile(r"([A-Za-z])(\d*)([+-]\d+)?").fullmatch
_lettered = re.compile(r"([A-Za-z])(\d+)").fullmatch  # an index such as N1
_parts = re.compile(r"[+-]|\w+").findall


def superscript(text: str) -> str | None:
    """`text` raised, or None where it has a character without a raised form."""
    return _moved(text, _SUPERSCRIPT)


def subscript(text: str) -> str | None:
    """`text` lowered, or None where it has a character without a lowered form."""
    return _moved(text, _SUBSCRIPT)


_with_letter = re.compile(r"(?<=[^\W\d])_([a-z])(?![a-z])").sub


def with_lowered(words: str) -> str:
    """Words with their indices below the line: y_j is yⱼ."""
    known = words.replace("yhat", "ŷ")
    return _with_letter(lambda found: subscript(found[1]) or found[0], known)


def _moved(text: str, table: dict[int, int]) -> str | None:
    return text.translate(table) if all(ord(character) in table for character in text) else None


def indexed(places: tuple[str, ...]) -> str:
    """Indices as they follow a symbol: ₂₁, or [12,3] where that would be unclear, or _N."""
    low = subscript("".join(places).replace("*", ""))
    if low is not None and joins(places):
        return low
    shown = [numbered(place) for place in places]
    return f"_{shown[0]}" if len(shown) == 1 and shown[0].isalnum() else f"[{','.join(shown)}]"


def numbered(place: str) -> str:
    """A letter with a number behind it has it below: N1 is N₁."""
    found = _with_number(place)
    if found is None:
        return place.replace("-", "−").replace("*", "")
    return found[1] + (subscript(found[2]) or "") + (found[3] or "").replace("-", "−")


def joins(places: tuple[str, ...]) -> bool:
    """Whether indices are clear without commas between them."""
    return len(places) == 1 or all(len(place) == 1 for place in places)


def place(text: str) -> Node:
    """A place that is worked out, such as 2*i+p-2, as a formula."""
    return row(*map(_sign_or_letter, _parts(text)))


def _sign_or_letter(text: str) -> Node:
    if text in "+-":
        return Sign(text.replace("-", "−"), bare=True)
    if found := _lettered(text):
        return Script(Letter(found[1]), None, Number(found[2]))
    return Number(text) if text.isdecimal() else Letter(text)

"""Indices and exponents to the raised and lowered letters that Unicode has."""

from __future__ import annotations

import re

_SUPERSCRIPT = str.maketrans("0123456789+-−()tnkijxT", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁽⁾ᵗⁿᵏⁱʲˣᵀ")
_SUBSCRIPT = str.maketrans("0123456789+-()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ")
_numbered = re.compile(r"([A-Za-z])(\d*)([+-]\d+)?").fullmatch


def superscript(text: str) -> str | None:
    """`text` raised, or None where it has a character without a raised form."""
    return _moved(text, _SUPERSCRIPT)


def subscript(text: str) -> str | None:
    """`text` lowered, or None where it has a character without a lowered form."""
    return _moved(text, _SUBSCRIPT)


def _moved(text: str, table: dict[int, int]) -> str | None:
    return text.translate(table) if all(ord(character) in table for character in text) else None


def indexed(places: tuple[str, ...]) -> str:
    """Indices as they follow a symbol: ₂₁, or [12,3] where that would be unclear, or _N."""
    low = subscript("".join(places))
    if low is not None and joins(places):
        return low
    shown = [numbered(place) for place in places]
    return f"_{shown[0]}" if len(shown) == 1 and shown[0].isalnum() else f"[{','.join(shown)}]"


def numbered(place: str) -> str:
    """A letter with a number behind it has it below: N1 is N₁."""
    found = _numbered(place)
    if found is None:
        return place
    return found[1] + (subscript(found[2]) or "") + (found[3] or "").replace("-", "−")


def joins(places: tuple[str, ...]) -> bool:
    """Whether indices are clear without commas between them."""
    return len(places) == 1 or all(len(place) == 1 for place in places)

"""How a problem rounds to the function with which a program rounds after every step."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct


class RoundingCode(Struct, frozen=True):
    """How a program rounds after every step: the name of the mode, and the function."""

    mode: str
    lines: str


_ROUNDING_MODES = MappingProxyType(
    {"half-up": "ROUND_HALF_UP", "half-even": "ROUND_HALF_EVEN", "truncate": "ROUND_DOWN"}
)


def program_rounding(said: object) -> RoundingCode | None:
    """The function with which a program rounds as the problem says; None where it does not."""
    if not isinstance(said, Mapping):
        return None
    mode = _ROUNDING_MODES[str(said.get("mode", "half-up"))]
    kind = "decimals" if "decimals" in said else "significant"
    count = int(said[kind])
    places = count if kind == "decimals" else f"{count - 1} - exact.adjusted()"
    lines = (
        "def rounded(x):\n"
        "    exact = Decimal(repr(float(x)))\n"
        "    if exact == 0 or not exact.is_finite():\n"
        "        return float(x)\n"
        f"    return float(exact.quantize(Decimal(1).scaleb(-({places})), {mode}))"
    )
    return RoundingCode(mode, lines)

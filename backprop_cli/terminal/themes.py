"""Names of what is drawn to the styles it is drawn in, one table for every theme."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from msgspec import Struct

ThemeName = Literal["dark", "light", "plain"]
ColorSystem = Literal["standard", "256", "truecolor", "windows"]
"""How many colours a terminal has, as rich calls it."""

DEFAULT_THEME: Final[ThemeName] = "dark"
"""The theme of the terminal's own sixteen colours: whoever chose a background chose them with it,
and no program can ask for that background without waiting for an answer that may never come."""

NARROWEST, WIDEST = 40, 1000  # columns


class Look(Struct, frozen=True):
    """What is known of the place where a text will be shown; `color` is None for no colours."""

    width: int = 80
    color: ColorSystem | None = None
    ascii: bool = False
    theme: ThemeName = DEFAULT_THEME


_DARK = {
    "heading": "bold",
    "data": "green",
    "parameter": "cyan",
    "gradient": "magenta",
    "result": "bold",
    "note": "dim",
    "error": "bold red",
    "instead": "green",
    "good": "green",
    "partly": "yellow",
    "bad": "red",
}

_LIGHT = _DARK | {  # shades that stand out on white, where green, cyan and yellow are pale
    "data": "color(22)",
    "parameter": "color(24)",
    "gradient": "color(90)",
    "note": "color(59)",
    "error": "bold color(124)",
    "instead": "color(22)",
    "good": "color(22)",
    "partly": "color(94)",
    "bad": "color(124)",
}

_PLAIN = {  # for eyes and screens that tell no colours apart
    "heading": "bold",
    "data": "none",
    "parameter": "none",
    "gradient": "italic",
    "result": "bold",
    "note": "dim",
    "error": "bold",
    "instead": "none",
    "good": "none",
    "partly": "italic",
    "bad": "bold",
}

_OF_RICH = {  # what rich draws by itself, in our styles
    "rule.line": "note",
    "rule.text": "heading",
    "table.header": "heading",
    "table.title": "heading",
    "bar.complete": "parameter",
    "bar.finished": "good",
    "bar.pulse": "parameter",
    "progress.description": "data",
    "progress.percentage": "parameter",
    "progress.remaining": "note",
}


def _whole(styles: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType({**styles, **{name: styles[ours] for name, ours in _OF_RICH.items()}})


THEMES: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {"dark": _whole(_DARK), "light": _whole(_LIGHT), "plain": _whole(_PLAIN)}
)

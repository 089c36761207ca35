"""Themes and consoles: what may be read on which background, and what rich finds out by itself."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.color import Color
from rich.color_triplet import ColorTriplet
from rich.panel import Panel
from rich.style import Style
from rich.text import Text

from backprop_cli.terminal.console import colors, console, drawn
from backprop_cli.terminal.themes import NARROWEST, THEMES, WIDEST, Look

WHITE = ColorTriplet(255, 255, 255)
LEGIBLE = 4.5  # contrast that WCAG 2 asks of text


class Terminal(StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def a_terminal_of_256_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def luminance(color: ColorTriplet) -> float:
    """As WCAG 2 defines it."""
    parts = [value / 255 for value in color]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: ColorTriplet, other: ColorTriplet) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def styles(theme: str) -> dict[str, Style]:
    return {name: Style.parse(style) for name, style in THEMES[theme].items()}


@pytest.mark.parametrize("name", THEMES["light"])
def test_the_light_theme_can_be_read_on_white(name: str) -> None:
    color = styles("light")[name].color
    if color is not None:
        assert color.number is not None
        assert color.number >= 16  # of the 240 that no palette of a terminal changes
        assert contrast(color.get_truecolor(), WHITE) >= LEGIBLE


@pytest.mark.parametrize("name", THEMES["dark"])
def test_the_dark_theme_has_the_colours_that_the_terminal_calls_its_own(name: str) -> None:
    color = styles("dark")[name].color
    assert color is None or (color.number is not None and color.number < 8)


def test_the_plain_theme_has_no_colours() -> None:
    assert not [name for name, style in styles("plain").items() if style.color or style.bgcolor]


def test_no_theme_has_a_background() -> None:
    assert not [style for theme in THEMES for style in styles(theme).values() if style.bgcolor]


def test_all_themes_name_the_same_things() -> None:
    names = {frozenset(theme) for theme in THEMES.values()}
    assert len(names) == 1


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({}, "256"),
        ({"TERM": "xterm"}, "standard"),
        ({"TERM": "dumb"}, None),
        ({"COLORTERM": "truecolor"}, "truecolor"),
        ({"NO_COLOR": "1"}, None),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, None),
    ],
)
def test_rich_knows_the_colours_of_a_terminal(
    environment: dict[str, str], found: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert colors(console(Terminal())) == found


def test_a_file_has_colours_where_they_are_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    assert colors(console(StringIO())) is None
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert colors(console(StringIO())) == "256"


@pytest.mark.parametrize(("columns", "width"), [("72", 72), ("7", NARROWEST), ("99999", WIDEST)])
def test_columns_say_how_wide(columns: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert console(StringIO()).width == width


@pytest.mark.parametrize("term", ["dumb", "xterm"])
def test_a_width_that_is_asked_for_holds_on_every_terminal(
    term: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", term)
    assert console(Terminal(), width=120).width == 120


def test_nothing_in_a_text_is_markup_or_an_escape() -> None:
    text = "[red]a[/red] [link=x]b[/link] :smile:"
    assert drawn([text], Look()) == f"{text}\n"
    assert drawn(["a\x1b[31mb\u202e"], Look(color="standard")) == "a\\u001b[31mb\\u202e\n"


def test_frames_are_ascii_where_only_that_is_wanted() -> None:
    assert drawn([Panel("a")], Look(ascii=True)).isascii()
    assert not drawn([Panel("a")], Look()).isascii()


def test_lines_end_where_what_shows_ends() -> None:
    text = Text.assemble(("a ", "heading"), ("  ", "note"), ("\nb", "bad"))
    assert drawn([text], Look()) == "a\nb\n"
    assert drawn([text], Look(color="standard")) == "\x1b[1ma\x1b[0m\n\x1b[31mb\x1b[0m\n"


def test_colours_are_no_more_than_a_terminal_has() -> None:
    text = Text("a", "gradient")
    shown = drawn([text], Look(color="windows", theme="light"))
    assert shown == "\x1b[35ma\x1b[0m\n"
    assert Color.parse("color(90)").get_truecolor() == ColorTriplet(135, 0, 135)

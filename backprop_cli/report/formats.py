"""Names of formats to what writes them; what may be said and shown is seen to here, once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from backprop_cli.grading.data import Report
from backprop_cli.report import csv_, github, gradescope, json_, junit, markdown, text
from backprop_cli.report.clean import ascii_text, cleaned, without_commands
from backprop_cli.report.reveal import revealed
from backprop_cli.report.settings import Settings

__all__ = ["RENDER", "Settings", "step_summary"]

Render = Callable[[Report, Settings], str]


def _shown(render: Render) -> Render:
    """For formats with escapes of their own: what may be said, with clean texts."""
    return lambda report, settings: render(cleaned(revealed(report, settings.reveal)), settings)


def _plain(render: Render) -> Render:
    """For formats without: besides, in ASCII where only that is wanted."""

    def written(report: Report, settings: Settings) -> str:
        told, plain = revealed(report, settings.reveal), settings.ascii
        out = render(cleaned(told, only_ascii=plain), cleaned(settings, only_ascii=plain))
        return ascii_text(out) if plain else out

    return written


def _lines(render: Render) -> Render:
    """For formats that are read as lines: besides, no line of them is a command."""
    plain = _plain(render)
    return lambda report, settings: without_commands(plain(report, settings))


def _exact(report: Report, settings: Settings) -> str:
    """JSON keeps texts as they are and escapes what cannot be seen."""
    return json_.render(revealed(report, settings.reveal), settings)


RENDER: Mapping[str, Render] = MappingProxyType(
    {
        "text": _lines(text.render),
        "json": _exact,
        "markdown": _lines(markdown.render),
        "csv": _lines(csv_.render),
        "junit": _shown(junit.render),
        "github": _plain(github.render),
        "gradescope": _shown(gradescope.render),
    }
)

step_summary: Render = _lines(github.step_summary)
"""The Markdown for GITHUB_STEP_SUMMARY."""

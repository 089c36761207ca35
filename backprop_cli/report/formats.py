"""Names of formats to what writes them; what may be said and shown is seen to here, once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from backprop_cli.errors import refusal
from backprop_cli.report.settings import Settings, ascii_text, cleaned, revealed, without_commands

__all__ = [
    "FORMATS",
    "RENDER",
    "REPLIES",
    "STEP_SUMMARY",
    "Settings",
    "rendered",
    "step_summary",
    "writer",
]

if TYPE_CHECKING:  # loaded where they are asked for: the names of formats are known without them
    from backprop_cli.grading.report_data import Report
    from backprop_cli.report.stream import Writer

REPLIES = ("text", "markdown", "html")
"""The formats of a reply to one student."""

Render: TypeAlias = "Callable[[Report, Settings], str]"


def _of(module: str, name: str) -> Any:
    return getattr(import_module(f"backprop_cli.report.{module}"), name)


class _Shown:
    """A format that has escapes of its own: what may be said, with clean texts."""

    def __init__(self, module: str, function: str = "render") -> None:
        self._place = module, function

    def _render(self, report: Report, settings: Settings) -> str:
        return str(_of(*self._place)(report, settings))

    def __call__(self, report: Report, settings: Settings) -> str:
        return self._render(cleaned(revealed(report, settings.reveal)), settings)


class _Lines(_Shown):
    """One without, read as lines: besides, in ASCII where only that is wanted, and no commands."""

    def __call__(self, report: Report, settings: Settings) -> str:
        told, plain = revealed(report, settings.reveal), settings.ascii
        out = self._render(cleaned(told, only_ascii=plain), cleaned(settings, only_ascii=plain))
        return without_commands(ascii_text(out) if plain else out)


class _Page(_Shown):
    """HTML, which writes any other character as a reference, and whose lines are no commands."""

    def __call__(self, report: Report, settings: Settings) -> str:
        out = without_commands(super().__call__(report, settings))
        return out.encode("ascii", "xmlcharrefreplace").decode() if settings.ascii else out


_STREAMED: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "json": ("json_", "JsonWriter"),
        "csv": ("csv_", "CsvWriter"),
        "junit": ("junit", "JunitWriter"),
        "github": ("github", "GithubWriter"),
    }
)

_OF_ONE = frozenset({"gradescope"})
STEP_SUMMARY = "step-summary"
"""The Markdown for GITHUB_STEP_SUMMARY, a format that no option names."""

_WHOLE: Mapping[str, Render] = MappingProxyType(
    {
        "text": _Lines("text"),
        "markdown": _Lines("markdown"),
        "gradescope": _Shown("gradescope"),
        "html": _Page("page"),
        STEP_SUMMARY: _Lines("github", "step_summary"),
    }
)


def writer(name: str, settings: Settings, *, alone: bool) -> Writer:
    """What writes a format, `alone` where the report is of a single sheet.

    UserError where a format has no room for several.
    """
    if name in _OF_ONE and not alone:
        message = f"a report for {name} is about one sheet, and here are several"
        instead = "the answer file of one student, or --format json"
        raise refusal(message, instead=instead)
    if name in _STREAMED:
        return cast("Writer", _of(*_STREAMED[name])(settings))
    from backprop_cli.report.stream import WholeWriter

    return WholeWriter(_WHOLE[name], settings, alone=alone)


def rendered(name: str, report: Report, settings: Settings) -> str:
    """A whole report in one format."""
    writes = writer(name, settings, alone=len(report.submissions) == 1)
    parts = map(writes.part, report.submissions)
    return "".join(writes.text(report.problem, parts, lambda: report.summary))


FORMATS = tuple(name for name in (*_WHOLE, *_STREAMED) if name != STEP_SUMMARY)

RENDER: Mapping[str, Render] = MappingProxyType({name: partial(rendered, name) for name in FORMATS})

step_summary: Render = partial(rendered, STEP_SUMMARY)

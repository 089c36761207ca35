"""The formats by name: one file and one row each, loaded only where asked for; endings of files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from msgspec import Struct, field

if TYPE_CHECKING:
    from pathlib import Path

    from backprop_cli.document.document_data import Document, Page
    from backprop_cli.document.view import View
    from backprop_cli.trace import Array, Trace


class Format(Struct, frozen=True):
    """One format of solutions: the file whose `render` writes what is said, and what else it has
    room for."""

    file: str
    derivations: bool = True
    handouts: bool = True


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "text": Format("terminal_page"),
        "markdown": Format("markdown_blocks"),
        "latex": Format("latex"),
        "html": Format("html"),
        "json": Format("plain_data", handouts=False),
        "python": Format("python", derivations=False, handouts=False),
        "pytorch": Format("pytorch", derivations=False, handouts=False),
    }
)
SOLUTIONS = tuple(FORMATS)
DERIVATIONS = tuple(name for name, each in FORMATS.items() if each.derivations)
HANDOUTS = tuple(name for name, each in FORMATS.items() if each.handouts)


class Training(Struct, frozen=True):
    """What goes beyond the step that a trace shows.

    `steps` updates in all, the trace shows number `first`. `batches` are the samples of each batch,
    counted from 0 (None: all at once), taken along `sample_axis` from the arrays in `data`; `sizes`
    has the trace of a batch of each other size. `counter` is the constant that counts steps,
    and `rate` the one that has `rates` of its own for each of them.
    """

    steps: int = 0
    first: int = 1
    batches: tuple[tuple[int, ...], ...] | None = None
    data: Mapping[str, Array] = field(default_factory=dict)
    sample_axis: int = 0
    sizes: tuple[Trace, ...] = ()
    counter: str | None = None
    rate: str = ""
    rates: tuple[float, ...] = ()


class Said(Struct, frozen=True):
    """What a command has to say: as a document for a page, as data, and what a program is of."""

    document: Callable[[View, Page], Document]
    data: Callable[[], Mapping[str, object]]
    program: Callable[[], tuple[Trace, Training]] | None = None


def written(format_: str, said: Said, view: View) -> str:
    """What is said, in one format."""
    module = import_module(f"backprop_cli.formats.{FORMATS[format_].file}")
    return str(module.render(said, view))


# Names of files -----------------------------------------------------------------------------------


ENDING: Final = MappingProxyType(
    {
        "text": ".txt",
        "markdown": ".md",
        "html": ".html",
        "latex": ".tex",
        "json": ".json",
        "python": ".py",
        "svg": ".svg",
        "csv": ".csv",
        "junit": ".xml",
    }
)
_NO_TEXT = (".png", ".jpg", ".jpeg", ".gif", ".pdf", ".docx", ".odt", ".doc")
_MEANT = {
    **{ending: name for name, ending in ENDING.items()},
    ".htm": "html",
    **{ending: ending for ending in _NO_TEXT},  # which nothing here is
}


def format_of(file: Path) -> str | None:
    """The format that a file's name says; None where it says none."""
    return _MEANT.get(file.suffix.casefold())

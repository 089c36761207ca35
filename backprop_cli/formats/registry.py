"""The formats by name: one file and one row each, loaded only where it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from backprop_cli.document.document_data import Document, Page
    from backprop_cli.document.view import View
    from backprop_cli.formats.program_text import Training
    from backprop_cli.trace import Trace

FORMATS: Mapping[str, str] = MappingProxyType(
    {
        "text": "terminal_page",
        "markdown": "markdown_blocks",
        "latex": "latex",
        "html": "html",
        "json": "plain_data",
        "python": "python",
        "pytorch": "pytorch",
    }
)
"""The file of each format: its `render` writes what is said."""


class Said(Struct, frozen=True):
    """What a command has to say: as a document for a page, as data, and what a program is of."""

    document: Callable[[View, Page], Document]
    data: Callable[[], Mapping[str, object]]
    program: Callable[[], tuple[Trace, Training]] | None = None


def written(format_: str, said: Said, view: View) -> str:
    """What is said, in one format."""
    module = import_module(f"backprop_cli.formats.{FORMATS[format_]}")
    return str(module.render(said, view))

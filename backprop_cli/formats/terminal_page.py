"""What is said to lines of text."""

from __future__ import annotations

from backprop_cli.document.view import View
from backprop_cli.formats.registry import Said


def render(said: Said, view: View) -> str:
    """The lines."""
    return said.lines["text"](view)

"""What is said as data to JSON."""

from __future__ import annotations

from backprop_cli.document.view import View
from backprop_cli.formats.registry import Said
from backprop_cli.trace_json import written


def render(said: Said, view: View) -> str:
    """The data, in ASCII where only that is wanted."""
    return written(said.data(), ascii_only=view.ascii)

"""A sheet to the formats that set mathematics, each loaded only where it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backprop_cli.render.sheet_parts import Sheet


def set_sheet(found: Sheet, format_: str) -> str:
    """A sheet in LaTeX or HTML."""
    if format_ == "html":
        from backprop_cli.render.sheet_html import html

        return html(found)
    from backprop_cli.render.sheet_latex import latex

    return latex(found)

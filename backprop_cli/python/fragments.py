"""An object that can be rendered -> what a notebook shows of it: HTML, LaTeX, Markdown, text."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from typing import Any

from backprop_cli.python.complaining import Error

_STYLES = re.compile(r"<style[^>]*>(.*?)</style>", re.DOTALL)
_BODY = re.compile(r"<body[^>]*>(.*)</body>", re.DOTALL)
_CLASS = "backprop-cli"


class Shown:
    """Shows itself in notebooks, in each format that it can be rendered in."""

    render: Callable[..., str]

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """Its HTML, LaTeX, Markdown and plain text, as far as it has them."""
        wanted = {"text/plain": "text", "text/markdown": "markdown", "text/latex": "latex"}
        found = {kind: self._rendered(name) for kind, name in wanted.items()}
        page = self._rendered("html")
        found["text/html"] = fragment(page) if page else plain_fragment(found["text/plain"] or "")
        chosen = {kind: text for kind, text in found.items() if text}
        if include:
            chosen = {kind: text for kind, text in chosen.items() if kind in include}
        return {kind: text for kind, text in chosen.items() if kind not in (exclude or ())}

    def _rendered(self, format_: str) -> str | None:
        try:
            return self.render(format_)
        except Error:
            return None


def fragment(page: str) -> str:
    """What a page shows, as a part of another page, with its own styles around nothing else.

    The styles are nested in the part's own class, so that a notebook's stay as they are.
    """
    body = _BODY.search(page)
    styles = "\n".join(_STYLES.findall(page))
    inside = styles.replace(":root", "&").replace("body", "&")
    return (
        f'<div class="{_CLASS}"><style>.{_CLASS} {{ {inside} }}</style>'
        f"{body[1] if body else page}</div>"
    )


def plain_fragment(text: str) -> str:
    """Plain text as a part of a page."""
    return f'<pre class="{_CLASS}">{escape(text)}</pre>'

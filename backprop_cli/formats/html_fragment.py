"""A page to a part of another page: in a notebook, or in a question of a learning platform."""

from __future__ import annotations

import re
from html import escape

_CLASS = "backprop-cli"
_STYLES = re.compile(r"<style[^>]*>(.*?)</style>", re.DOTALL)
_BODY = re.compile(r"<body[^>]*>(.*)</body>", re.DOTALL)


def fragment(page: str) -> str:
    """What a page shows, as a part of another page, with its own styles around nothing else.

    The styles are nested in the part's own class, so that the other page's stay as they are.
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

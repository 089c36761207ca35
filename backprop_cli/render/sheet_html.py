"""A sheet to a web page: one file, MathML, no scripts, nothing fetched from anywhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import escape

from backprop_cli.readings.notation.linear import subscript
from backprop_cli.readings.notation.mathml import math
from backprop_cli.render.html import whole_page
from backprop_cli.render.sheet import Heading, Note, Rows, Sheet

_index = re.compile(r"(?<=[^\W\d])_([a-z])(?![a-z])")

_STYLE = """
.lines { border-collapse: collapse; margin: .4rem 0 .8rem; display: block; overflow-x: auto; }
.lines td { padding: .25rem .3rem; vertical-align: baseline; }
.lines td.why { color: var(--faint); font-size: .88rem; padding-left: 1.5rem; min-width: 10rem; }
h2.case { display: block; margin-top: 1.2rem; }
"""


def html(sheet: Sheet) -> str:
    """The page."""
    body = [f"<h1>{escape(_words(sheet.title))}</h1>"]
    for part in sheet.parts:
        body += _PARTS[type(part)](part)
    return whole_page(sheet.title, "\n".join(body), _STYLE)


def _words(said: str) -> str:
    return _index.sub(_lowered, said.replace("yhat", "ŷ"))


def _lowered(found: re.Match[str]) -> str:
    return subscript(found[1]) or found[0]


def _heading(part: Heading) -> Iterator[str]:
    holds = f" {math(part.conditions)}" if part.conditions is not None else ""
    yield f'<h2 class="case">{escape(_words(part.words))}{holds}</h2>'


def _rows(part: Rows) -> Iterator[str]:
    yield '<table class="lines">'
    for item in part.items:
        head = math(item.head) if item.head is not None else ""
        cells = f"<td>{head}</td><td>=</td><td>{math(item.body)}</td>"
        yield f'<tr>{cells}<td class="why">{escape(_words(item.words))}</td></tr>'
    yield "</table>"


def _note(part: Note) -> Iterator[str]:
    formula = f" {math(part.formula)}" if part.formula is not None else ""
    yield f"<p>{escape(_words(part.words))}{formula}</p>"


_PARTS: dict[type, Callable[..., Iterator[str]]] = {Heading: _heading, Rows: _rows, Note: _note}

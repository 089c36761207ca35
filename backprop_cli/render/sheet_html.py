"""A sheet to a web page, each of its headings with what follows it a part that can be folded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape

from backprop_cli.notation.mathml import math
from backprop_cli.notation.nodes import Node, slashed
from backprop_cli.notation.small_letters import subscript
from backprop_cli.render.html_page import Pointed, Step, side, whole_page
from backprop_cli.render.plots_svg import STYLE, svg
from backprop_cli.render.sheet_parts import (
    Columns,
    Heading,
    Note,
    Part,
    Pictures,
    Rows,
    Section,
    Sheet,
)

_index = re.compile(r"(?<=[^\W\d])_([a-z])(?![a-z])")


def html(sheet: Sheet) -> str:
    """The page."""
    pointed = Pointed(lambda id: sheet.roles.get(id, ""))
    title = f"<h1>{escape(_words(sheet.title))}</h1>" if sheet.title else ""
    body = [title, *folded(sheet.parts, pointed, sheet.tips)]
    drawn = any(isinstance(part, Pictures) for part in sheet.parts)
    return whole_page(sheet.title, "\n".join(body), pointed.rules() + STYLE * drawn)


def folded(parts: Sequence[Part], pointed: Pointed, tips: Mapping[str, Node]) -> Iterator[str]:
    """The parts, those below a heading in one that can be folded."""
    for heading, below in _grouped(parts):
        if isinstance(heading, Section):
            yield f'<h2 class="section">{escape(_words(heading.words))}</h2>'
            continue
        step = pointed.step(tips)
        summary = _heading(heading, step) if heading is not None else ""
        yield '<details class="step case" open="open">' if summary else '<div class="step case">'
        yield summary
        for part in below:
            yield from _PARTS[type(part)](part, step)
        yield from step.tips(lambda id: math(tips[id], pointed.colour))
        yield "</details>" if summary else "</div>"


def _grouped(parts: Sequence[Part]) -> Iterator[tuple[Heading | Section | None, list[Part]]]:
    """Headings with what is below them; a section has nothing of its own."""
    heading: Heading | Section | None = None
    below: list[Part] = []
    for part in parts:
        if isinstance(part, Heading | Section):
            if heading or below:
                yield heading, below
            heading, below = part, []
        else:
            below.append(part)
    if heading or below:
        yield heading, below


def _words(said: str) -> str:
    return _index.sub(_lowered, said.replace("yhat", "ŷ"))


def _lowered(found: re.Match[str]) -> str:
    return subscript(found[1]) or found[0]


def _heading(part: Heading, step: Step) -> str:
    holds = (
        f" {math(slashed(part.conditions), step.page.colour)}"
        if part.conditions is not None
        else ""
    )
    return f"<summary><h2>{escape(_words(part.words))}{holds}</h2></summary>"


def _rows(part: Rows, step: Step) -> Iterator[str]:
    reasons = any(item.words for item in part.items)
    yield f'<div class="lines{" reasoned" if reasons else ""}">'
    for item in part.items:
        head = math(item.head, step) if item.head is not None else ""
        yield f'<span class="head">{head}</span>{side((item.body,), step)}'
        if reasons:
            yield f'<span class="why">{escape(_words(item.words))}</span>'
    yield "</div>"


def _note(part: Note, step: Step) -> Iterator[str]:
    formula = f" {math(part.formula, step)}" if part.formula is not None else ""
    yield f"<p>{escape(_words(part.words))}{formula}</p>"


def _columns(part: Columns, step: Step) -> Iterator[str]:
    yield '<div class="table"><table>'
    if any(part.heads):
        cells = "".join(f'<th scope="col">{escape(head)}</th>' for head in part.heads)
        yield f"<thead><tr>{cells}</tr></thead>"
    for line in part.rows:
        cells = "".join(f"<td>{_cell(cell, step)}</td>" for cell in line)
        yield f"<tr>{cells}</tr>"
    yield "</table></div>"


def _cell(cell: Node | str, step: Step) -> str:
    return escape(_words(cell)) if isinstance(cell, str) else math(cell, step)


def _pictures(part: Pictures, step: Step) -> Iterator[str]:
    yield '<div class="plots">'
    for item in part.items:
        yield f"<figure>{svg(item.drawing, item.words)}"
        yield f"<figcaption>{math(item.caption, step.page.colour)}</figcaption></figure>"
    yield "</div>"


_PARTS: dict[type, Callable[..., Iterator[str]]] = {
    Rows: _rows,
    Note: _note,
    Columns: _columns,
    Pictures: _pictures,
}

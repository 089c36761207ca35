"""A sheet to LaTeX: aligned equations with their reasons in a column at the right margin."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from backprop_cli.notation.nodes import (
    EQUALS,
    Node,
    folded,
    items,
    lines,
    row,
    slashed,
    width,
)
from backprop_cli.notation.tex import tex, text
from backprop_cli.render.latex_page import columns, title, whole_page
from backprop_cli.render.sheet_parts import (
    Columns,
    Heading,
    Note,
    Part,
    Pictures,
    Row,
    Rows,
    Section,
    Sheet,
)

COMMANDS = r"""\makeatletter
\newcommand{\why}[1]{\tag*{\parbox[t]{46mm}{\raggedright\footnotesize #1}}}
\newcommand{\chapterhead}[1]{\pagebreak[3]\par\bigskip{\large\bfseries #1\par}\nobreak\@nobreaktrue}
\newcommand{\heading}[1]{\if@nobreak\else\pagebreak[2]\fi\@nobreakfalse\par\medskip{\bfseries #1}}
\makeatother"""
"""For the preamble: a reason; headings, behind the first of which no page ends."""

_SIZES = (("", 50.0), (r"\small", 56.0), (r"\footnotesize", 64.0), (r"\scriptsize", 76.0))
"""The sizes of type, and how many digits fit beside a reason in each."""

_WITHOUT_REASONS = 28.0  # digits more, where nothing stands beside the formulas
_index = re.compile(r"([^\W\d]|ŷ)_([a-z])(?![a-z])")


def latex(sheet: Sheet) -> str:
    """The document."""
    return whole_page([title(words(sheet.title)), *written(sheet.parts)], (COMMANDS,))


def written(parts: Sequence[Part]) -> list[str]:
    """The parts one after another."""
    found: list[str] = []
    for before, part in zip((None, *parts), parts, strict=False):
        if isinstance(part, Rows) and not isinstance(before, Heading):
            found.append(r"\par\vskip-\baselineskip")  # a display begins with an empty line
        found += _PARTS[type(part)](part)
    return found


def words(said: str) -> str:
    """Words, in which y_j is a letter with an index."""
    said = said.replace("yhat", "ŷ")
    pieces, position = [], 0
    for found in _index.finditer(said):
        pieces.append(_blanks_kept(said[position : found.start()]))
        letter = {"ŷ": r"\hat{y}"}.get(found[1], found[1])
        pieces.append(f"${letter}_{{{found[2]}}}$" if letter.isascii() else text(found[0]))
        position = found.end()
    return "".join([*pieces, _blanks_kept(said[position:])])


def _blanks_kept(said: str) -> str:
    inner = text(said)
    after = said.endswith(" ") and said != " "
    return f"{' ' * said.startswith(' ')}{inner.strip()}{' ' * after}"


def _heading(part: Heading) -> Iterator[str]:
    holds = f" ${tex(slashed(part.conditions))}$" if part.conditions is not None else ""
    yield rf"\heading{{{words(part.words)}{holds}}}"


def _rows(part: Rows) -> Iterator[str]:
    command, room = _size(part)
    found: list[str] = []
    heads: list[int] = []
    for item in part.items:
        heads += [len(found)] if item.head is not None else []
        found += _lines(item, room)
    # A page ends neither behind the first line of a chain nor before its last.
    chains = pairwise([*heads, len(found)])
    kept = {0} | {place for a, b in chains if b - a > 1 for place in (a, b - 2)}
    ends = (r" \\*" if number in kept else r" \\" for number in range(len(found) - 1))
    body = "\n".join(line + end for line, end in zip(found, (*ends, ""), strict=True))
    skips = r"\abovedisplayskip=5pt\belowdisplayskip=7pt"
    yield f"{{{command}{skips}\n\\begin{{align*}}\n{body}\n\\end{{align*}}\\par}}"


def _lines(item: Row, room: float) -> Iterator[str]:
    """A row on as many lines as it needs, its reason beside the last of them."""
    broken = lines(item.body, room)
    head = tex(item.head) if item.head is not None else ""
    for number, line in enumerate(broken):
        start, formula = _aligned(line, head if number == 0 else None)
        last = bool(item.words) and number == len(broken) - 1
        why = rf" \why{{{words(item.words)}}}" if last else ""
        yield start + tex(folded(formula, room)) + why


def _aligned(line: Node, head: str | None) -> tuple[str, Node]:
    """How a line begins: what is equal stands below one another."""
    if head is not None:
        return f"{head} &= ", line
    inside = items(line)
    return ("&= ", row(*inside[1:])) if inside[0] == EQUALS else (r"& \quad ", line)


def _size(part: Rows) -> tuple[str, float]:
    """The largest type in which the rows fit, and the room that they have then."""
    extra = 0.0 if any(item.words for item in part.items) else _WITHOUT_REASONS
    margin = max((width(item.head) for item in part.items if item.head is not None), default=0) + 3
    found = [(command, fits + extra - margin) for command, fits in _SIZES]
    for command, room in found:
        wide = (width(line) for item in part.items for line in lines(item.body, room))
        if max(wide) <= room:
            return command, room
    return found[-1]


def _note(part: Note) -> Iterator[str]:
    formula = f" ${tex(part.formula)}$" if part.formula is not None else ""
    yield rf"\par\smallskip {{\raggedright {words(part.words)}{formula}\par}}"


def _columns(part: Columns) -> Iterator[str]:
    heads = [[rf"\itshape {text(head)}" for head in part.heads]] if any(part.heads) else []
    yield columns([*heads, *([_cell(cell) for cell in line] for line in part.rows)])


def _cell(cell: Node | str) -> str:
    return words(cell) if isinstance(cell, str) else f"${tex(cell)}$"


def _section(part: Section) -> Iterator[str]:
    yield rf"\chapterhead{{{words(part.words)}}}"


def _none(_: Pictures) -> Iterator[str]:
    """Curves and areas need packages that not every installation has."""
    yield from ()


_PARTS: dict[type, Callable[..., Iterator[str]]] = {
    Heading: _heading,
    Rows: _rows,
    Note: _note,
    Columns: _columns,
    Section: _section,
    Pictures: _none,
}

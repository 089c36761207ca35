"""A sheet to a LaTeX document that compiles as it is: aligned equations, reasons beside them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from backprop_cli.readings.notation.nodes import lines, width
from backprop_cli.readings.notation.tex import PREAMBLE, tex, text
from backprop_cli.render.sheet import Heading, Note, Rows, Sheet

_HEAD = rf"""\documentclass[a4paper,11pt,fleqn]{{article}}
{PREAMBLE}
\allowdisplaybreaks
\setlength{{\textwidth}}{{165mm}}\setlength{{\oddsidemargin}}{{-3mm}}
\setlength{{\textheight}}{{240mm}}\setlength{{\topmargin}}{{-18mm}}
\setlength{{\parindent}}{{0pt}}
\raggedbottom
\newcommand{{\why}}[1]{{\quad\parbox[t]{{48mm}}{{\raggedright\footnotesize #1}}}}
\begin{{document}}
\setlength{{\mathindent}}{{2em}}
"""
_TAIL = "\\end{document}\n"
_SIZES = (("", 50.0), (r"\small", 56.0), (r"\footnotesize", 64.0), (r"\scriptsize", 76.0))
"""The sizes of type, and how many digits fit beside a reason in each."""

_WITHOUT_REASONS = 28.0  # digits more, where nothing stands beside the formulas
_index = re.compile(r"([^\W\d]|ŷ)_([a-z])(?![a-z])")


def latex(sheet: Sheet) -> str:
    """The document."""
    body = [rf"{{\Large\bfseries {words(sheet.title)}\par}}\medskip"]
    for part in sheet.parts:
        body += _PARTS[type(part)](part)
    return _HEAD + "\n".join(body) + "\n" + _TAIL


def words(said: str) -> str:
    """Words, in which y_j is a letter with an index."""
    pieces, position = [], 0
    for found in _index.finditer(said.replace("yhat", "ŷ")):
        pieces.append(text_part(said.replace("yhat", "ŷ")[position : found.start()]))
        letter = {"ŷ": r"\hat{y}"}.get(found[1], found[1])
        pieces.append(f"${letter}_{{{found[2]}}}$" if letter.isascii() else text(found[0]))
        position = found.end()
    return "".join([*pieces, text_part(said.replace("yhat", "ŷ")[position:])])


def text_part(said: str) -> str:
    """Words with the blanks at their ends kept."""
    inner = text(said)
    return (
        f"{' ' * said.startswith(' ')}{inner.strip()}{' ' * (said.endswith(' ') and said != ' ')}"
    )


def _heading(part: Heading) -> Iterator[str]:
    holds = f" ${tex(part.conditions)}$" if part.conditions is not None else ""
    yield rf"\pagebreak[2]\par\medskip{{\bfseries {words(part.words)}{holds}}}\nopagebreak"


def _rows(part: Rows) -> Iterator[str]:
    command, room = _size(part)
    written: list[str] = []
    for item in part.items:
        found = lines(item.body, room)
        head = tex(item.head) if item.head is not None else ""
        for number, line in enumerate(found):
            start = f"{head} &= " if number == 0 else r"& \quad "
            last = bool(item.words) and number == len(found) - 1
            written.append(
                start + tex(line) + (rf" && \why{{{words(item.words)}}}" if last else "")
            )
    body = " \\\\\n".join(written)
    yield f"{{{command}\n\\begin{{align*}}\n{body}\n\\end{{align*}}\\par}}"


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
    yield rf"\par\smallskip {words(part.words)}{formula}\par"


_PARTS: dict[type, Callable[..., Iterator[str]]] = {Heading: _heading, Rows: _rows, Note: _note}

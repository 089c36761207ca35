"""Lines of LaTeX to a document for pdflatex or lualatex, amsmath alone; its words and tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from backprop_cli.algebra.shapes import Shape
from backprop_cli.notation.symbols import size
from backprop_cli.notation.tex import PREAMBLE, tex, text

_PAGE = rf"""\documentclass[a4paper,11pt,fleqn]{{article}}
{PREAMBLE}
\allowdisplaybreaks
\setlength{{\textwidth}}{{165mm}}\setlength{{\oddsidemargin}}{{-3mm}}
\setlength{{\textheight}}{{240mm}}\setlength{{\topmargin}}{{-18mm}}
\setlength{{\parindent}}{{0pt}}\setlength{{\emergencystretch}}{{3em}}
\raggedbottom
%s
\begin{{document}}
\setlength{{\mathindent}}{{2em}}
%s
\end{{document}}
"""


_COMMANDS = r"""\makeatletter
\newcommand{\step}[4]{\if@nobreak\else\pagebreak[2]\fi\par\addvspace{10pt}
  \abovedisplayskip=5pt\abovedisplayshortskip=5pt\belowdisplayskip=5pt\belowdisplayshortskip=5pt
  {\bfseries #1}\enspace #2\quad #3\hfill #4}
\newcommand{\why}[1]{\tag*{\parbox[t]{46mm}{\raggedright\footnotesize #1}}}
\newcommand{\heading}[1]{\if@nobreak\else\pagebreak[2]\fi\@nobreakfalse\par\medskip{\bfseries #1}}
\makeatother"""
"""For the preamble: the line above a step; a reason; a heading, behind which no page ends."""

_index = re.compile(r"([^\W\d]|ŷ)_([a-z])(?![a-z])")


def whole_page(body: Iterable[str]) -> str:
    """The document."""
    return _PAGE % (_COMMANDS, "\n".join(body))


def title(words: str) -> str:
    """What stands on top; the words are in LaTeX already."""
    return rf"{{\Large\bfseries\raggedright {words}\par}}\medskip"


def columns(rows: Iterable[Sequence[str]], size: str = r"\small") -> str:
    """A table that pages may end in: the cells of each row, in LaTeX, aligned at the left.

    It is no paragraph, so LaTeX has to be told that the heading before it stands alone no more.
    """
    body = "\n".join(" & ".join(row) + r" \cr" for row in rows)
    return (
        rf"\par\smallskip{{{size}\setlength{{\arraycolsep}}{{3pt}}\lineskip=3pt\lineskiplimit=2pt"
        f"\n\\halign{{\\strut#\\hfil&&\\qquad#\\hfil\\cr\n{body}\n}}}}\n"
        r"\par\csname @nobreakfalse\endcsname"
    )


def shaped(shape: Shape) -> str:
    """A shape in parentheses; nothing for a number."""
    return f"$({tex(size(shape))})$" if shape else ""


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

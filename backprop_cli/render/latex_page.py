"""Parts in LaTeX to a document that compiles as it is: pdflatex or lualatex, amsmath alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from backprop_cli.notation.tex import PREAMBLE

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


def whole_page(body: Iterable[str], commands: Iterable[str] = ()) -> str:
    """The document, with commands of its own."""
    return _PAGE % ("\n".join(commands), "\n".join(body))


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

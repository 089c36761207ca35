"""A document to LaTeX that compiles as it is: formulas aligned, reasons at the right margin."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from types import MappingProxyType

from msgspec.structs import replace

from backprop_cli.algebra.shapes import Shape
from backprop_cli.document.document_data import (
    Columns,
    Document,
    Equation,
    Given,
    Givens,
    Heading,
    Losses,
    Note,
    Page,
    Part,
    Pictures,
    Result,
    Results,
    Room,
    Row,
    Rows,
    Section,
    Step,
    sampled,
)
from backprop_cli.document.networks import Network
from backprop_cli.document.step_words import PARAMETERS
from backprop_cli.document.view import View
from backprop_cli.formats.latex_page import columns, shaped, title, whole_page, words
from backprop_cli.formats.registry import Said
from backprop_cli.notation.nodes import (
    EQUALS,
    Braced,
    Fenced,
    Grid,
    Node,
    Sign,
    Strong,
    items,
    row,
    slashed,
    tall,
)
from backprop_cli.notation.nodes import Row as Formula
from backprop_cli.notation.symbols import size
from backprop_cli.notation.tex import tex, text
from backprop_cli.notation.widths import folded, lines, width

_ROWS, _ROWS_LONG = 10, 16
_SIZES = (("", 78.0), (r"\small", 83.0), (r"\footnotesize", 90.0), (r"\scriptsize", 97.0))
"""The sizes of type, and how many digits fit on a line in each."""

_SIZES_BESIDE = (("", 50.0), (r"\small", 56.0), (r"\footnotesize", 64.0), (r"\scriptsize", 76.0))
"""The same where a reason stands beside the line."""

_WITHOUT_REASONS = 28.0  # digits more, where nothing stands beside the formulas
_BESIDE = 12.0  # digits: the shape in a row of the closing table, and room between
_WORDS = 0.45  # digits: a letter of the words in it
_POINTS = 80


def render(said: Said, view: View) -> str:
    """The LaTeX document."""
    page = Page(rows=_ROWS_LONG if view.detail == "long" else _ROWS)
    return latex(said.document(replace(view, ascii=False), page))


def latex(document: Document) -> str:
    """The LaTeX of a document."""
    found = list(_title(document))
    for before, part in zip((None, *document.parts), document.parts, strict=False):
        if isinstance(part, Rows) and not isinstance(before, Heading):
            found.append(r"\par\vskip-\baselineskip")  # a display begins with an empty line
        found += _PARTS[type(part)](part)
    return whole_page(found)


def _title(document: Document) -> Iterator[str]:
    if document.title:
        yield title(words(document.title))
    if document.conventions:
        said = " \\quad\n".join(map(_unbroken, document.conventions))
        yield rf"{{\small\raggedright {said}\par}}"


def _unbroken(phrase: str) -> str:
    """A phrase that is broken across lines only where it must be."""
    return rf"\mbox{{{words(phrase)}}}" if len(phrase) < 70 else words(phrase)


def _math(node: Node) -> str:
    return f"${tex(node)}$"


def _strong(result: Node) -> Node:
    """A result, which stands out where it need not be broken across lines."""
    return result if isinstance(result, Formula) else Strong(result)


# Headings and what is given -----------------------------------------------------------------------


def _section(part: Section) -> Iterator[str]:
    beside = r" \quad ".join(
        _math(row(each.head, Sign("="), *each.all_sides)) for each in part.beside
    )
    aside = rf" \hfill {{\normalfont\normalsize {beside}}}" if beside else ""
    yield rf"\section*{{{words(part.words)}{aside}}}"


def _heading(part: Heading) -> Iterator[str]:
    formula = f" {_math(slashed(part.formula))}" if part.formula is not None else ""
    shape = rf"\quad {shaped(part.shape)}" if part.shape else ""
    yield rf"\heading{{{words(part.words)}{formula}{shape}}}"


def _givens(part: Givens) -> Iterator[str]:
    if any(item.value is None for item in part.items):
        yield columns([_counted(item) for item in part.items])
    else:
        given = " \\qquad\n".join(map(_given, part.items))
        yield rf"{{\raggedright\lineskip=1ex {given}\par}}"
    if part.total is not None:
        yield rf"\smallskip {PARAMETERS}: {_math(part.total)}\par"


def _given(item: Given) -> str:
    """A name and its value, the shape below it."""
    value = item.value
    if isinstance(value, Grid):
        value = Braced(value, size((len(value.rows), len(value.rows[0]))))
    return f"${tex(item.symbol)} = {tex(value)}$" if value is not None else _math(item.symbol)


def _counted(item: Given) -> tuple[str, ...]:
    count = _math(item.count) if item.count is not None else ""
    return _math(slashed(item.symbol)), text(item.words), _size(item.shape), count


def _size(shape: Shape) -> str:
    return _math(size(shape)) if shape else ""


# Steps --------------------------------------------------------------------------------------------


def _step(part: Step) -> Iterator[str]:
    number = str(part.number) if part.number else ""
    name = _math(slashed(part.symbol))
    yield rf"\step{{{number}}}{{{name}}}{{{text(part.words)}}}{{{shaped(part.shape)}}}"
    found = _aligned([part.equation]) if part.equation.all_sides else ""
    if part.entries:
        found += "\n" + _aligned(part.entries)
    yield f"{{\\postdisplaypenalty=10000\n{found}}}%" if part.notes else found
    for note in part.notes:
        yield rf"{{\small\itshape {text(note)}\par}}"


def _aligned(equations: Sequence[Equation]) -> str:
    """Equations below one another, aligned at their first `=`, in a size in which they fit."""
    command, rows = _fitting(equations)
    body = " \\\\*\n".join(line for line, _ in rows[:2])
    body = " \\\\\n".join([body, *(line for line, _ in rows[2:])])
    display = f"\\begin{{align*}}\n{body}\n\\end{{align*}}"
    return f"{{{command}\n{display}\\par}}" if command else display


def _fitting(equations: Sequence[Equation]) -> tuple[str, list[tuple[str, float]]]:
    """The largest size of type in which the equations fit, and their lines.

    Where numbers put in would run out of the page even in the smallest, they are left out.
    """
    for command, room in _SIZES:
        rows = [line for equation in equations for line in _lines(equation, room)]
        if all(wide <= room for _, wide in rows):
            return command, rows
    return _fitting(shorter) if (shorter := _without_numbers(equations)) else (command, rows)


def _without_numbers(equations: Sequence[Equation]) -> list[Equation]:
    """The equations with symbols and result alone; none where that is all they have."""
    if all(len(each.sides) < 2 or each.result is None for each in equations):
        return []
    return [replace(each, sides=each.sides[:1]) for each in equations]


def _lines(equation: Equation, room: float) -> Iterator[tuple[str, float]]:
    """The lines of an equation, and how wide they are."""
    margin = width(equation.head) + 3
    sides = equation.sides
    if equation.result is not None:
        sides = (*sides, _strong(equation.result))
    for position, side in enumerate(_joined(sides, room - margin)):
        head = tex(equation.head) if position == 0 else ""
        for number, line in enumerate(lines(side, room - margin - 3)):
            start = f"{head} &= " if number == 0 else r"& \quad "
            yield start + tex(line), margin + width(line) + 3 * (number > 0)


def _joined(sides: Sequence[Node], room: float) -> Iterator[Node]:
    """The sides for a line each; the last two share one where they fit, or all if they are low."""
    if not sides:  # nothing is said of it but its name
        return
    *before, last = sides
    while before and (len(before) > 1 or not (tall(before[0]) or tall(last))):
        together = row(before[-1], Sign("="), last)
        if width(together) > room:
            break
        before, last = before[:-1], together
    yield from (*before, last)


# Chains -------------------------------------------------------------------------------------------


def _rows(part: Rows) -> Iterator[str]:
    command, room = _room(part)
    found: list[str] = []
    heads: list[int] = []
    for item in part.items:
        heads += [len(found)] if item.head is not None else []
        found += _broken(item, room)
    # A page ends neither behind the first line of a chain nor before its last.
    chains = pairwise([*heads, len(found)])
    kept = {0} | {place for a, b in chains if b - a > 1 for place in (a, b - 2)}
    ends = (r" \\*" if number in kept else r" \\" for number in range(len(found) - 1))
    body = "\n".join(line + end for line, end in zip(found, (*ends, ""), strict=True))
    skips = r"\abovedisplayskip=5pt\belowdisplayskip=7pt"
    yield f"{{{command}{skips}\n\\begin{{align*}}\n{body}\n\\end{{align*}}\\par}}"


def _body(item: Row) -> Node:
    """What stands right of the head, the result and the shape behind it."""
    blank = Sign(" ", bare=True)
    result = (EQUALS, _strong(item.result)) if item.result is not None else ()
    shape = (blank, blank, Fenced("(", size(item.shape), ")")) if item.shape else ()
    return row(item.body, *result, *shape)


def _broken(item: Row, room: float) -> Iterator[str]:
    """A row on as many lines as it needs, its reason beside the last of them."""
    broken = lines(_body(item), room)
    head = tex(item.head) if item.head is not None else ""
    for number, line in enumerate(broken):
        start, formula = _start(line, head if number == 0 else None)
        last = bool(item.words) and number == len(broken) - 1
        why = rf" \why{{{words(item.words)}}}" if last else ""
        yield start + tex(folded(formula, room)) + why


def _start(line: Node, head: str | None) -> tuple[str, Node]:
    """How a line begins: what is equal stands below one another."""
    if head is not None:
        return f"{head} &= ", line
    inside = items(line)
    return ("&= ", row(*inside[1:])) if inside[0] == EQUALS else (r"& \quad ", line)


def _room(part: Rows) -> tuple[str, float]:
    """The largest type in which the rows fit, and the room that they have then."""
    extra = 0.0 if any(item.words for item in part.items) else _WITHOUT_REASONS
    margin = max((width(item.head) for item in part.items if item.head is not None), default=0) + 3
    found = [(command, fits + extra - margin) for command, fits in _SIZES_BESIDE]
    for command, room in found:
        wide = (width(line) for item in part.items for line in lines(_body(item), room))
        if max(wide) <= room:
            return command, room
    return found[-1]


# Notes and tables ---------------------------------------------------------------------------------


def _note(part: Note) -> Iterator[str]:
    formula = f" {_math(part.formula)}" if part.formula is not None else ""
    yield rf"\par\smallskip {{\raggedright {words(part.words)}{formula}\par}}"


def _columns(part: Columns) -> Iterator[str]:
    """The table, in pieces of as many columns as fit; each begins with the first."""
    heads = [[*map(_head, part.heads)]] if any(part.heads) else []
    lines = [*heads, *([_cell(cell) for cell in line] for line in part.rows)]
    widths = [max(map(_width, column)) + 2 for column in zip(part.heads, *part.rows, strict=True)]
    pieces = list(_pieces(widths, _SIZES[-1][1]))
    room = max(sum(widths[at] for at in piece) for piece in pieces)
    size_ = next((command for command, most in _SIZES[1:] if room <= most), _SIZES[-1][0])
    for piece in pieces:
        yield columns([[line[at] for at in piece] for line in lines], size_)


def _pieces(widths: Sequence[float], most: float) -> Iterator[list[int]]:
    """The numbers of the columns beside one another: the first, and those that fit behind it."""
    piece = [0]
    for at in range(1, len(widths)):
        if len(piece) > 1 and sum(widths[i] for i in (*piece, at)) > most:
            yield piece
            piece = [0]
        piece.append(at)
    yield piece


def _width(cell: Node | str) -> float:
    return _WORDS * len(cell) if isinstance(cell, str) else width(cell)


def _head(head: Node | str) -> str:
    return rf"\itshape {text(head)}" if isinstance(head, str) else _math(head)


def _cell(cell: Node | str) -> str:
    return words(cell) if isinstance(cell, str) else _math(cell)


def _losses(part: Losses) -> Iterator[str]:
    numbers = [*map(_math, part.shown[:-1]), _math(_strong(part.shown[-1]))]
    name = _math(slashed(part.symbol))
    yield rf"{name}: {numbers[0]} $\to$ {numbers[-1]} \quad {text(part.words)}\par"
    if not part.are_few:
        yield from _curve(part)
    elif len(numbers) > 2:
        yield r"{\small " + r" \quad ".join(numbers) + r"\par}"


def _curve(part: Losses) -> Iterator[str]:
    """The losses as points over the updates; LaTeX draws these without any package."""
    points, low, high = sampled(part.history, _POINTS)
    if not points:
        return
    top, bottom = _math(part.scale[0]), _math(part.scale[-1])
    span = (high - low) or 1.0
    yield r"\smallskip\setlength{\unitlength}{1mm}\begin{picture}(140,44)(-18,-6)"
    yield r"\put(0,0){\line(1,0){120}}\put(0,0){\line(0,1){36}}"
    yield rf"\put(-2,35){{\makebox(0,0)[r]{{\small {top}}}}}"
    yield rf"\put(-2,1){{\makebox(0,0)[r]{{\small {bottom}}}}}"
    yield rf"\put(120,-4){{\makebox(0,0)[r]{{\small {len(part.history) - 1} updates}}}}"
    for share, loss in points:
        yield rf"\put({120 * share:.2f},{1 + 34 * (loss - low) / span:.2f}){{\circle*{{0.8}}}}"
    yield r"\end{picture}\par"


def _results(part: Results) -> Iterator[str]:
    """The closing table, in a size in which it fits."""
    widest = max(width(item.symbol) + width(_strong(item.value)) for item in part.items)
    said = _WORDS * max(len(item.words) for item in part.items)
    fitting = (command for command, room in _SIZES[1:] if widest + said + _BESIDE <= room)
    size_ = next(fitting, _SIZES[-1][0])
    yield columns(map(_result, part.items), size_)


def _result(item: Result) -> tuple[str, ...]:
    return (
        _math(slashed(item.symbol)),
        _size(item.shape),
        _math(_strong(item.value)),
        text(item.words),
    )


def _pictures(part: Pictures) -> Iterator[str]:
    """Networks; curves and areas need packages that not every installation has."""
    from backprop_cli.drawing.network_latex import network_latex

    for item in part.items:
        if isinstance(item.drawing, Network):
            yield from network_latex(item.drawing)


def _free(part: Room) -> Iterator[str]:
    yield rf"\par\vspace*{{{part.lines}\baselineskip}}"


_PARTS: MappingProxyType[type[Part], Callable[..., Iterable[str]]] = MappingProxyType(
    {
        Section: _section,
        Heading: _heading,
        Givens: _givens,
        Step: _step,
        Rows: _rows,
        Note: _note,
        Columns: _columns,
        Pictures: _pictures,
        Room: _free,
        Losses: _losses,
        Results: _results,
    }
)

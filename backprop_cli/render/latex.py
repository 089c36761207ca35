"""A trace to a LaTeX document: every step, its formulas aligned, matrices and shapes drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.algebra import build
from backprop_cli.algebra.shapes import Shape
from backprop_cli.notation.nodes import (
    Braced,
    Node,
    Sign,
    lines,
    row,
    slashed,
    tall,
    width,
)
from backprop_cli.notation.symbols import size
from backprop_cli.notation.tex import number, tex, text
from backprop_cli.render.blocks import (
    Block,
    GivenBlocks,
    LossBlock,
    Row,
    Section,
    StatedBlocks,
    StepBlock,
    TableBlock,
    Title,
    document,
)
from backprop_cli.render.equations import Equation, Equations, equations_of
from backprop_cli.render.history import sampled
from backprop_cli.render.latex_page import columns, title, whole_page
from backprop_cli.render.names import Names
from backprop_cli.render.sheet_latex import COMMANDS, written
from backprop_cli.render.sheet_parts import Part
from backprop_cli.render.view import View
from backprop_cli.render.wording import PARAMETERS, after_updates
from backprop_cli.trace import Trace

_STEP = r"""\makeatletter
\newcommand{\step}[4]{\if@nobreak\else\pagebreak[2]\fi\par\addvspace{10pt}
  \abovedisplayskip=5pt\abovedisplayshortskip=5pt\belowdisplayskip=5pt\belowdisplayshortskip=5pt
  {\bfseries #1}\enspace #2\quad #3\hfill #4}
\makeatother"""

_SIZES = (("", 78.0), (r"\small", 83.0), (r"\footnotesize", 90.0), (r"\scriptsize", 97.0))
"""The sizes of type, and how many digits fit on a line in each."""

_BESIDE = 12.0  # digits: the shape in a row of the closing table, and room between
_FEW_LOSSES = 12
_POINTS = 80


class _Page(Struct, frozen=True):
    """What the blocks need: names and formulas."""

    names: Names
    equations: Equations

    def name(self, id: str) -> str:
        return f"${tex(slashed(self.names.node(id)))}$"


def render(trace: Trace, view: View, appended: Sequence[Part] = ()) -> str:
    """The whole derivation as a document; `appended` are further parts at its end."""
    view = replace(view, ascii=False)
    shown = document(trace, view)
    page = _Page(shown.names, equations_of(shown.names, view))
    body = [part for block in shown.blocks for part in _BLOCKS[type(block)](block, page)]
    return whole_page([*body, *written(appended)], (_STEP, COMMANDS))


# Formulas -----------------------------------------------------------------------------------------


def aligned(equations: Sequence[Equation]) -> str:
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
    if all(len(equation.sides) < 3 for equation in equations):
        return []
    return [replace(one, sides=(one.sides[0], one.sides[-1])) for one in equations]


def _lines(equation: Equation, room: float) -> Iterator[tuple[str, float]]:
    """The lines of an equation, and how wide they are."""
    margin = width(equation.head) + 3
    for position, side in enumerate(_joined(equation.sides, room - margin)):
        head = tex(equation.head) if position == 0 else ""
        for number_, line in enumerate(lines(side, room - margin - 3)):
            start = f"{head} &= " if number_ == 0 else r"& \quad "
            yield start + tex(line), margin + width(line) + 3 * (number_ > 0)


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


# Blocks -------------------------------------------------------------------------------------------


def _title(block: Title, _: _Page) -> Iterator[str]:
    if block.text:
        yield title(text(block.text))
    if block.conventions:
        yield r"{\small\raggedright " + " \\quad\n".join(map(_long, block.conventions)) + r"\par}"


def _long(phrase: str) -> str:
    """A phrase that is broken across lines only where it must be."""
    return rf"\mbox{{{text(phrase)}}}" if len(phrase) < 70 else text(phrase)


def _section(block: Section, page: _Page) -> Iterator[str]:
    exact = page.equations.exactly()
    aside = r" \quad ".join(
        f"${tex(page.names.node(id))} = {tex(exact.value(value))}$" for id, value in block.aside
    )
    beside = rf" \hfill {{\normalfont\normalsize {aside}}}" if aside else ""
    yield rf"\section*{{{text(block.text)}{beside}}}"


def _given(block: GivenBlocks, page: _Page) -> Iterator[str]:
    exact = page.equations.exactly()
    parts = []
    for item in block.items:
        value = exact.value(item.value)
        shaped = item.value.ndim and not isinstance(value, Braced)
        drawn = Braced(value, size(_upright(item.value.shape, page))) if shaped else value
        parts.append(f"${tex(page.names.node(item.id))} = {tex(drawn)}$")
    yield r"{\raggedright\lineskip=1ex " + " \\qquad\n".join(parts) + r"\par}"


def _stated(block: StatedBlocks, page: _Page) -> Iterator[str]:
    rows = []
    for item in block.items:
        count = f"${tex(page.equations.formula(item.count))}$" if item.count is not None else ""
        rows.append((page.name(item.id), text(item.words), _shape(item.shape), count))
    yield columns(rows)
    if block.total != build.ZERO:
        yield rf"\smallskip {text(PARAMETERS)}: ${tex(page.equations.formula(block.total))}$\par"


def _shape(shape: Shape) -> str:
    return f"${tex(size(shape))}$" if shape else ""


def _upright(shape: tuple[int, ...], page: _Page) -> tuple[int, ...]:
    """The shape of a vector as it is drawn."""
    if len(shape) != 1:
        return shape
    return (1, *shape) if page.equations.view.rows else (*shape, 1)


def _step(block: StepBlock, page: _Page) -> Iterator[str]:
    shape = f"$({tex(size(block.shape))})$" if block.shape else ""
    number_ = str(block.number) if block.number else ""
    yield rf"\step{{{number_}}}{{{page.name(block.id)}}}{{{text(block.words)}}}{{{shape}}}"
    found = aligned([page.equations.equation(block)])
    if block.entries:
        found += "\n" + aligned(list(page.equations.entries(block)))
    yield f"{{\\postdisplaypenalty=10000\n{found}}}%" if block.notes else found
    for note in block.notes:
        yield rf"{{\small\itshape {text(note)}\par}}"


def _loss(block: LossBlock, page: _Page) -> Iterator[str]:
    name, digits = page.name(block.id), page.equations.digits
    few = len(block.history) <= _FEW_LOSSES
    shown = block.history if few else (block.history[0], block.history[-1])
    numbers = [f"${number(loss)}$" for loss in digits.several(shown)]
    words = text(after_updates(len(block.history) - 1))
    yield rf"{name}: {numbers[0]} $\to$ {numbers[-1]} \quad {words}\par"
    if few and len(numbers) > 2:
        yield r"{\small " + r" \quad ".join(numbers) + r"\par}"
    if not few:
        yield from _curve(block.history, page)


def _curve(history: Sequence[float], page: _Page) -> Iterator[str]:
    """The losses as points over the updates; LaTeX draws these without any package."""
    points, low, high = sampled(history, _POINTS)
    if not points:
        return
    top, bottom = (number(found) for found in page.equations.digits.several((high, low)))
    span = (high - low) or 1.0
    yield r"\smallskip\setlength{\unitlength}{1mm}\begin{picture}(140,44)(-18,-6)"
    yield r"\put(0,0){\line(1,0){120}}\put(0,0){\line(0,1){36}}"
    yield rf"\put(-2,35){{\makebox(0,0)[r]{{\small ${top}$}}}}"
    yield rf"\put(-2,1){{\makebox(0,0)[r]{{\small ${bottom}$}}}}"
    yield rf"\put(120,-4){{\makebox(0,0)[r]{{\small {len(history) - 1} updates}}}}"
    for share, loss in points:
        yield rf"\put({120 * share:.2f},{1 + 34 * (loss - low) / span:.2f}){{\circle*{{0.8}}}}"
    yield r"\end{picture}\par"


def _table(block: TableBlock, page: _Page) -> Iterator[str]:
    widest = max(
        width(page.names.node(shown.id)) + width(page.equations.flat(shown.value))
        for shown in block.rows
    )
    fitting = (command for command, room in _SIZES[1:] if widest + _BESIDE <= room)
    yield columns([_line(shown, page) for shown in block.rows], next(fitting, _SIZES[-1][0]))


def _line(shown: Row, page: _Page) -> tuple[str, str, str]:
    value = f"${tex(page.equations.flat(shown.value))}$"
    return page.name(shown.id), _shape(shown.shape), value


_BLOCKS: MappingProxyType[type[Block], Callable[..., Iterator[str]]] = MappingProxyType(
    {
        Title: _title,
        Section: _section,
        GivenBlocks: _given,
        StatedBlocks: _stated,
        StepBlock: _step,
        LossBlock: _loss,
        TableBlock: _table,
    }
)

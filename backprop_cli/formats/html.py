"""A document to a web page: one file, MathML, no scripts, nothing fetched from anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from html import escape
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

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
from backprop_cli.formats.html_page import (
    STYLE,
    Attributes,
    Pointed,
    PointedStep,
    shape,
    side,
    svg,
    whole_page,
)
from backprop_cli.formats.registry import Said
from backprop_cli.notation.mathml import math
from backprop_cli.notation.nodes import Braced, Fenced, Node, Sign, row, slashed, tall
from backprop_cli.notation.numbers_and_indices import with_lowered
from backprop_cli.notation.symbols import size

_ROWS, _ROWS_LONG = 10, 16
_POINTS = 300
_BOXES = """.step mtd { padding-block: .55em; }
.step:has(+ .room) { border-bottom: 0; }
.room { border-bottom: 1px solid var(--line); }
"""  # that somebody is to write in


def render(said: Said, view: View) -> str:
    """The page."""
    page = Page(rows=_ROWS_LONG if view.detail == "long" else _ROWS, tips=True)
    return html(said.document(replace(view, ascii=False), page))


def html(document: Document) -> str:
    """The page of a document."""
    page = _Page(document, Pointed(document.role))
    body = [*_title(document), *(line for part in document.parts for line in page.part(part))]
    drawn = any(isinstance(part, Pictures) for part in document.parts)
    free = any(isinstance(part, Room) for part in document.parts)
    rules = page.pointed.rules() + STYLE * drawn + _BOXES * free
    return whole_page(document.title, "\n".join([*body, *page.ended()]), rules)


def _title(document: Document) -> Iterator[str]:
    yield "<header>"
    if document.title:
        yield f"<h1>{escape(with_lowered(document.title))}</h1>"
    if document.conventions:
        yield '<ul class="conventions">'
        yield from (f"<li>{escape(with_lowered(phrase))}</li>" for phrase in document.conventions)
        yield "</ul>"
    yield "</header>"


class _Page(Struct):
    """What is open: the details of a section, in it what stands below a heading."""

    document: Document
    pointed: Pointed
    in_section: bool = False
    case: PointedStep | None = None
    closing: str = ""

    def part(self, part: Part) -> Iterator[str]:
        """One part, after what has to be closed or opened before it."""
        if isinstance(part, Rows | Note | Columns | Pictures):
            yield from self.opened()
        else:
            yield from self.case_closed()
        yield from _PARTS[type(part)](part, self)

    def math(self, node: Node) -> str:
        """A formula, quantities in their colours."""
        return math(node, self.pointed.colour)

    def opened(self) -> Iterator[str]:
        """What formulas without a heading stand in."""
        if self.case is None:
            yield from self.case_opened('<div class="step case">', "</div>")

    def case_opened(self, opening: str, closing: str) -> Iterator[str]:
        """The beginning of something in which symbols can be pointed at."""
        self.case, self.closing = self.pointed.step(self.document.tips), closing
        yield opening

    @property
    def attributes(self) -> PointedStep:
        """What symbols carry where they stand now."""
        assert self.case is not None  # `part` has opened one
        return self.case

    def case_closed(self) -> Iterator[str]:
        """The end of it: what is shown of the symbols."""
        if self.case is not None:
            yield from self.tips(self.case)
            yield self.closing
        self.case = None

    def tips(self, step: PointedStep) -> Iterator[str]:
        """What is shown of the symbols that were met."""
        yield from step.tips(lambda id: _valued(self.document.tips[id], self))

    def ended(self) -> Iterator[str]:
        """The end of all that is open."""
        yield from self.case_closed()
        if self.in_section:
            yield "</details>"
        self.in_section = False


def _is(head: Node, value: Node) -> Node:
    return row(head, Sign("="), value)


def _valued(given: Given, page: _Page) -> str:
    """`W = [1 2] (1×2)`, or the name alone where there is no value to show."""
    name = slashed(given.symbol) if given.value is None else given.symbol
    whole = name if given.value is None else _is(name, given.value)
    return page.math(whole) + shape(given.shape)


# Parts --------------------------------------------------------------------------------------------


def _section(part: Section, page: _Page) -> Iterator[str]:
    yield from page.ended()
    beside = "".join(
        f' <span class="aside">{page.math(_is(each.head, row(*each.all_sides)))}</span>'
        for each in part.beside
    )
    page.in_section = True
    heading = f"<h2>{escape(with_lowered(part.words))}</h2>{beside}"
    yield f'<details class="part" open="open"><summary>{heading}</summary>'


def _heading(part: Heading, page: _Page) -> Iterator[str]:
    formula = f" {page.math(slashed(part.formula))}" if part.formula is not None else ""
    words = f"<h2>{escape(with_lowered(part.words))}{formula}</h2>{shape(part.shape)}"
    opening = f'<details class="step case" open="open">\n<summary>{words}</summary>'
    yield from page.case_opened(opening, "</details>")


def _givens(part: Givens, page: _Page) -> Iterator[str]:
    if any(item.value is None for item in part.items):
        yield from _table([_counted(item, page) for item in part.items])
    else:
        yield '<div class="given">'
        yield from (_given(item, page) for item in part.items)
        yield "</div>"
    if part.total is not None:
        yield f"<p>{PARAMETERS}: {page.math(part.total)}</p>"


def _given(item: Given, page: _Page) -> str:
    """A name and its value; the shape where the value does not say it."""
    assert item.value is not None
    size_ = "" if isinstance(item.value, Braced) else shape(item.shape)
    return f"<span>{page.math(_is(item.symbol, item.value))} {size_}</span>"


def _counted(item: Given, page: _Page) -> tuple[str, ...]:
    count = page.math(item.count) if item.count is not None else ""
    return page.math(slashed(item.symbol)), escape(item.words), shape(item.shape), count


def _step(part: Step, page: _Page) -> Iterator[str]:
    pointed = page.pointed.step(page.document.tips.keys() - {part.id})
    yield '<details class="step" open="open">'
    number = f'<span class="number">{part.number or ""}</span>'
    name = f"<span>{page.math(slashed(part.symbol))}</span>"
    words = f'<span class="words">{escape(part.words)}</span>'
    yield f"<summary>{number}{name}{words}{shape(part.shape)}</summary>"
    yield _equation(part.equation, page, pointed)
    if part.entries:
        yield '<div class="entries">'
        yield from (_equation(entry, page, page.pointed.colour) for entry in part.entries)
        yield "</div>"
    yield from (f'<p class="note">{escape(note)}</p>' for note in part.notes)
    yield from page.tips(pointed)
    yield "</details>"


def _equation(equation: Equation, page: _Page, attributes: Attributes) -> str:
    """Symbols on the first line, numbers and result on the next; all on one where they are low."""
    sides = [side((each,), attributes) for each in equation.sides]
    if equation.result is not None:
        sides.append(side((equation.result,), attributes, "result"))
    one_line = len(sides) < 2 or not any(map(tall, equation.all_sides))
    lines = [sides] if one_line else [sides[:1], sides[1:]]
    head = f'<span class="head">{page.math(equation.head)}</span>'
    inner = "".join(f'<span class="side">{"".join(line)}</span>' for line in lines)
    return f'<div class="equation">{head}{inner}</div>'


def _rows(part: Rows, page: _Page) -> Iterator[str]:
    reasons = any(item.words for item in part.items)
    yield f'<div class="lines{" reasoned" if reasons else ""}">'
    for item in part.items:
        head = math(item.head, page.attributes) if item.head is not None else ""
        why = f'<span class="why">{escape(with_lowered(item.words))}</span>' if reasons else ""
        yield f'<span class="head">{head}</span>{_line(item, page)}{why}'
    yield "</div>"


def _line(item: Row, page: _Page) -> str:
    """What stands right of the head, its shape behind it."""
    blank = Sign(" ", bare=True)
    shaped = (blank, blank, Fenced("(", size(item.shape), ")")) if item.shape else ()
    if item.result is None:
        return f'<span class="side">{side((row(item.body, *shaped),), page.attributes)}</span>'
    result = side((row(item.result, *shaped),), page.attributes, "result")
    return f'<span class="side">{side((item.body,), page.attributes)}{result}</span>'


def _note(part: Note, page: _Page) -> Iterator[str]:
    formula = f" {math(part.formula, page.attributes)}" if part.formula is not None else ""
    yield f"<p>{escape(with_lowered(part.words))}{formula}</p>"


def _columns(part: Columns, page: _Page) -> Iterator[str]:
    rows = [[_cell(cell, page) for cell in line] for line in part.rows]
    heads = [_cell(head, page) for head in part.heads] if any(part.heads) else []
    yield from _table(rows, heads)


def _cell(cell: Node | str, page: _Page) -> str:
    return escape(with_lowered(cell)) if isinstance(cell, str) else math(cell, page.attributes)


def _table(rows: Sequence[Sequence[str]], heads: Sequence[str] = ()) -> Iterator[str]:
    """A table whose first column names its rows."""
    yield '<div class="table"><table>'
    if heads:
        cells = "".join(f'<th scope="col">{head}</th>' for head in heads)
        yield f"<thead><tr>{cells}</tr></thead>"
    for first, *rest in rows:
        cells = "".join(f"<td>{cell}</td>" for cell in rest)
        yield f'<tr><th scope="row">{first}</th>{cells}</tr>'
    yield "</table></div>"


def _pictures(part: Pictures, page: _Page) -> Iterator[str]:
    yield '<div class="plots">'
    for item in part.items:
        below = ""
        if item.caption is not None:
            below = f"\n<figcaption>{page.math(item.caption)}</figcaption>"
        wide = ' class="wide"' if isinstance(item.drawing, Network) else ""
        yield f"<figure{wide}>{svg(item.drawing, item.words)}{below}</figure>"
    yield "</div>"


def _room(part: Room, _page: _Page) -> Iterator[str]:
    yield f'<div class="room" style="height:{1.6 * part.lines:.1f}em"></div>'


def _losses(part: Losses, page: _Page) -> Iterator[str]:
    numbers = list(map(page.math, part.shown))
    name = page.math(part.symbol)
    yield f"<p>{name} {numbers[0]} → <strong>{numbers[-1]}</strong> {escape(part.words)}</p>"
    if not part.are_few:
        yield _curve(part)
    elif len(numbers) > 2:
        yield f'<p class="small">{" ".join(numbers)}</p>'


def _curve(part: Losses) -> str:
    """The losses over the updates as a picture."""
    points, low, high = sampled(part.history, _POINTS)
    span = (high - low) or 1.0
    top, bottom = escape(part.scale[0].text), escape(part.scale[-1].text)
    line = " ".join(
        f"{70 + 520 * share:.1f},{150 - 130 * (loss - low) / span:.1f}" for share, loss in points
    )
    updates = len(part.history) - 1
    return (
        '<svg class="curve" viewBox="0 0 600 180" role="img"'
        f' aria-label="loss over {updates} updates">'
        '<path d="M70 15V150H592" fill="none" stroke="currentColor" stroke-opacity=".4"/>'
        f'<polyline points="{line}" fill="none" stroke="currentColor" stroke-width="2"/>'
        f'<text x="64" y="25" text-anchor="end">{top}</text>'
        f'<text x="64" y="154" text-anchor="end">{bottom}</text>'
        f'<text x="590" y="170" text-anchor="end">{updates} updates</text></svg>'
    )


def _results(part: Results, page: _Page) -> Iterator[str]:
    yield from _table([_result(item, page) for item in part.items])


def _result(item: Result, page: _Page) -> tuple[str, ...]:
    value = f'<span class="result">{page.math(item.value)}</span>'
    return page.math(slashed(item.symbol)), shape(item.shape), value, escape(item.words)


_PARTS: MappingProxyType[type, Callable[..., Iterator[str]]] = MappingProxyType(
    {
        Section: _section,
        Heading: _heading,
        Givens: _givens,
        Step: _step,
        Rows: _rows,
        Note: _note,
        Columns: _columns,
        Pictures: _pictures,
        Room: _room,
        Losses: _losses,
        Results: _results,
    }
)

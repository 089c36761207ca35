"""The functions of free inputs to lines of text: formulas, pieces with their regions, a picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from backprop_cli.algebra.expr import Expr, Num, Sym
from backprop_cli.derive.free import FreeInputs, Function
from backprop_cli.derive.intervals import Alternative, Between, alternatives, ones
from backprop_cli.render.derivation import Page
from backprop_cli.render.flow import lines
from backprop_cli.render.grid import Box, Line, beside, plain_text, text_box, width
from backprop_cli.render.layout import wrapped
from backprop_cli.render.markdown import escaped
from backprop_cli.render.names import Names
from backprop_cli.render.pictures import picture
from backprop_cli.render.text import printed
from backprop_cli.render.view import View

_INDENT = 4
_MOST_REGIONS = 12


def text(free: FreeInputs, view: View) -> str:
    """The functions for the terminal."""
    page = page_of(view)
    body: list[Line] = [((page.plain(free.title or "Functions of the inputs"), "heading"),)]
    body += [((page.plain(f"{_listed(free)} free"), "note"),), ()]
    for name, functions in groups(free):
        body.append(
            ((page.names.text(name), page.names.role(name)), ("  " + functions[0].words, "note"))
        )
        for function in functions:
            body += [((" " * _INDENT, ""), *line) for line in equations(page, free, function)]
        body.append(())
    for line in closing(page, free):
        body.append(line)
    shown = picture(free, view)
    body += [(), *(((" " * _INDENT + row, ""),) for row in shown)] if shown else []
    return printed(
        [tuple((page.plain(part), role) for part, role in line) for line in body], color=view.color
    )


def markdown(free: FreeInputs, view: View) -> str:
    """The functions as Markdown."""
    page = page_of(view)
    parts = [
        f"# {escaped(page.plain(free.title or 'Functions of the inputs'))}",
        f"{_listed(free)} free.",
    ]
    for name, functions in groups(free):
        parts.append(f"## {escaped(page.names.text(name))}: {escaped(functions[0].words)}")
        parts.append(
            _block(
                page, [line for function in functions for line in equations(page, free, function)]
            )
        )
    parts.append(_block(page, list(closing(page, free))))
    shown = picture(free, view)
    parts.append("```text\n" + "\n".join(shown) + "\n```" if shown else "")
    return "\n\n".join(part for part in parts if part) + "\n"


def _block(page: Page, body: Sequence[Line]) -> str:
    return (
        "```text\n" + "\n".join(page.plain(plain_text(line)) for line in body) + "\n```"
        if body
        else ""
    )


def page_of(view: View) -> Page:
    """What writes the formulas: with the names of a layered network."""
    names = Names(view.notation, layers=True, ascii=view.ascii)
    return Page(view, names)


def _listed(free: FreeInputs) -> str:
    *first, last = free.inputs.names
    return f"{', '.join(first)} and {last} are" if first else f"{last} is"


def groups(free: FreeInputs) -> list[tuple[str, list[Function]]]:
    """The entries of each quantity together."""
    return [(name, list(found)) for name, found in groupby(free.functions, lambda f: f.name)]


def symbol(function: Function, indices: int) -> Sym:
    """The entry as it is written, its index counted as the problem counts."""
    return Sym(_counted(function.name, function.index, indices))


def _counted(name: str, index: tuple[int, ...], indices: int) -> str:
    return f"{name}[{','.join(str(i + indices) for i in index)}]" if index else name


def counted(expr: Expr, indices: int) -> Expr:
    """The formula with the indices of entries counted as the problem counts."""
    from backprop_cli.algebra.expr import rewrite

    def rule(node: Expr) -> Expr | None:
        match node:
            case Sym(name) if name.endswith("]"):
                base, _, places = name[:-1].partition("[")
                return Sym(_counted(base, tuple(map(int, places.split(","))), indices))
        return None

    return rewrite(expr, rule)


def equations(page: Page, free: FreeInputs, function: Function) -> Iterator[Line]:
    """`H₁ = step(Z₁) = …`, the pieces one below the other."""
    head = page.one_line(symbol(function, free.indices)) + " = "
    formula = page.writer.tokens(counted(function.formula, free.indices))
    rows = list(lines(formula, page.view.width - _INDENT - width(head), 2))
    for number, row in enumerate(rows):
        margin = head if number == 0 else " " * width(head)
        yield from beside([text_box(margin), row]).lines
    found = alternatives(function.pieces, free.inputs)
    if len(found) == 1 and not found[0].regions[0]:
        value = page.one_line(found[0].value)
        if value != page.one_line(counted(function.formula, free.indices)):
            yield ((" " * (width(head) - 2) + "= " + value, "result"),)
        return
    equals = text_box(" " * (width(head) - 2) + "= ")
    yield from beside([equals, _braced(page, found)]).lines


def _braced(page: Page, found: Sequence[Alternative]) -> Box:
    values = [page.one_line(each.value) for each in found]
    wide = max(map(width, values))
    rows: list[Line] = []
    for value, each in zip(values, found, strict=True):
        conditions = _wrapped(page, each, page.view.width - 2 * _INDENT - wide - 16)
        for number, condition in enumerate(conditions):
            shown = value if number == 0 else ""
            rows.append(
                ((" " + shown + " " * (wide - width(shown)), "result"), (f"   {condition}", ""))
            )
    longest = max(sum(width(part) for part, _ in row) for row in rows)
    padded = tuple(
        (*row, (" " * (longest - sum(width(part) for part, _ in row)), "")) for row in rows
    )
    middle = (len(rows) - 1) // 2
    fence = page.layout.drawing.glyphs.braces[0]
    return beside([fence.drawn(len(rows), middle), Box(padded, longest, middle)])


def _wrapped(page: Page, each: Alternative, room: int) -> list[str]:
    if not each.regions:
        return ["otherwise"]
    texts = [region_text(page, region) for region in each.regions[:_MOST_REGIONS]]
    if len(each.regions) > _MOST_REGIONS:
        texts.append(f"… {len(each.regions) - _MOST_REGIONS} more regions")
    first, *rest = list(
        wrapped(
            [text + (" or" if i < len(texts) - 1 else "") for i, text in enumerate(texts)],
            max(room, 30),
            " ",
        )
    )
    return [f"where {first}", *("      " + row for row in rest)]


def region_text(page: Page, region: Sequence[Between]) -> str:
    """`x₁ ≥ 0, x₂ ≥ 0, x₁ + x₂ < 1`."""
    return ", ".join(between_text(page, each) for each in region) if region else "everywhere"


def between_text(page: Page, each: Between) -> str:
    """`1 ≤ x < 3`."""
    middle = page.one_line(each.middle)
    low = "" if each.low is None else page.one_line(Num(each.low))
    high = "" if each.high is None else page.one_line(Num(each.high))
    if each.single:
        return f"{middle} = {low}"
    below = "<" if each.high_strict else "≤"
    if low and high:
        return f"{low} {'<' if each.low_strict else '≤'} {middle} {below} {high}"
    if low:
        return f"{middle} {'>' if each.low_strict else '≥'} {low}"
    return f"{middle} {below} {high}"


def closing(page: Page, free: FreeInputs) -> Iterator[Line]:
    """Where the last quantities are 1, if they are 0 or 1."""
    for function in groups(free)[-1][1]:
        regions = ones(function.pieces, free.inputs)
        if regions is None:
            return
        name = page.one_line(symbol(function, free.indices))
        texts = [region_text(page, region) for region in regions] or ["nowhere"]
        words = [text + " or" * (i < len(texts) - 1) for i, text in enumerate(texts)]
        head = f"{name} = 1 exactly where "
        rows = wrapped(words, page.view.width - width(head), "  ")
        for number, row in enumerate(rows):
            yield (
                (head if number == 0 else " " * width(head), ""),
                (row.replace(" or  ", " or "), "result"),
            )

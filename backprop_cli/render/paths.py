"""The paths by which one weight acts on the loss to text: each factor, each product, their sum."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from backprop_cli.algebra.expr import Expr, symbols
from backprop_cli.algebra.quantity import entry_id, new_id, quantity, whole_id
from backprop_cli.notation.boxes import Line, plain_text, text_box, width
from backprop_cli.notation.flow import Token, word
from backprop_cli.notation.nodes import Sign
from backprop_cli.notation.parts import Part, between, placed
from backprop_cli.notation.printed_numbers import Digits
from backprop_cli.render.formula import Writer
from backprop_cli.render.layout import Layout, layout_of
from backprop_cli.render.names import names_of
from backprop_cli.render.text import printed
from backprop_cli.render.view import View
from backprop_cli.trace import Trace

Array = NDArray[np.float64]


class Factor(Protocol):
    """∂of/∂by: two entries such as `H1[1]` and `Z1[1]`, the scalar formula, its value."""

    @property
    def of(self) -> str: ...
    @property
    def by(self) -> str: ...
    @property
    def expr(self) -> Expr: ...
    @property
    def value(self) -> float: ...


class Path(Protocol):
    """One way from the loss back to the weight."""

    @property
    def factors(self) -> Sequence[Factor]: ...
    @property
    def product(self) -> float: ...


class EntryPaths(Protocol):
    """All ways from the loss to one entry; those left out are counted and summed."""

    @property
    def entry(self) -> str: ...
    @property
    def loss(self) -> str: ...
    @property
    def paths(self) -> Sequence[Path]: ...
    @property
    def total(self) -> float: ...
    @property
    def omitted(self) -> int: ...
    @property
    def omitted_total(self) -> float: ...
    @property
    def update(self) -> tuple[Expr, float, float] | None: ...


def render(report: EntryPaths, trace: Trace, view: View) -> str:
    """The report as text for the terminal."""
    return printed(_Report(report, trace, view).lines(), view)


def markdown(report: EntryPaths, trace: Trace, view: View) -> str:
    """The report as Markdown: a heading and a code block for each part."""
    made = _Report(report, trace, view)
    parts = [f"# {plain_text(made.headline())}"]
    for title, lines in made.sections():
        body = "\n".join(plain_text(line)[4:] for line in lines).strip("\n")
        parts.append(f"## {title}\n\n```text\n{body}\n```")
    return "\n\n".join(parts) + "\n"


class _Report:
    def __init__(self, report: EntryPaths, trace: Trace, view: View) -> None:
        self.report = report
        self.names = names_of(trace, view)
        self.layout: Layout = replace(layout_of(self.names, view), indent=4)
        self.view = view
        self.shapes = {id: given.value.shape for id, given in trace.given.items()}
        self.shapes |= {step.id: step.shape for step in trace.steps}
        self.values: dict[str, Array] = {id: given.value for id, given in trace.given.items()}
        self.values |= {step.id: step.value for step in trace.steps if step.value is not None}

    def lines(self) -> Iterator[Line]:
        yield self.headline()
        for title, lines in self.sections():
            yield ()
            rule = ("-" if self.view.ascii else "─") * (self.view.width - width(title) - 1)
            yield ((title, "heading"), (f" {rule}", "note"))
            yield ()
            yield from lines

    def headline(self) -> Line:
        loss, entry = self.names.text(self.report.loss), self.names.text(self.report.entry)
        return ((f"{entry} acts on {loss} along {ways(self.report)}", "result"),)

    def sections(self) -> Iterator[tuple[str, list[Line]]]:
        if self.report.paths:
            yield "Factors", list(self.factors())
            yield "Paths", list(self.paths())
        yield "Gradient", list(self.total())
        if self.report.update is not None:
            yield "Update", list(self.update(*self.report.update))

    # Parts ------------------------------------------------------------------------------------

    def factors(self) -> Iterator[Line]:
        for factor in factors(self.report):
            yield from self.equation(self.quotient(factor.of, factor.by), factor.expr, factor.value)

    def paths(self) -> Iterator[Line]:
        arrow = " <- " if self.view.ascii else " ← "
        for number, path in enumerate(self.report.paths, start=1):
            if number > 1:
                yield ()
            stops = [self.report.loss, *(factor.by for factor in path.factors)]
            yield ((f"{number:>3} ", "note"), (arrow.join(map(self.names.text, stops)), ""))
            symbols_ = [word(self.quotient(factor.of, factor.by)) for factor in path.factors]
            numbers = [
                self.number(factor.value, "scalar b" if position else "a scalar")
                for position, factor in enumerate(path.factors)
            ]
            head = (word(self.quotient(self.report.loss, self.report.entry)),)
            if len(self.report.paths) + self.report.omitted > 1:
                head = (word("path" + f" {number}"),)
            yield from self.indented(
                head,
                [
                    self.product([(t,) for t in symbols_]),
                    *([self.product(numbers)] if len(numbers) > 1 else []),
                    self.result(path.product),
                ],
            )

    def total(self) -> Iterator[Line]:
        head = (
            word(
                self.quotient(self.report.loss, self.report.entry),
            ),
        )
        terms = [path.product for path in self.report.paths]
        if self.report.omitted:
            terms.append(self.report.omitted_total)
        segments = [self.sum(terms)] if len(terms) > 1 else []
        yield from self.indented(head, [*segments, self.result(self.report.total)])
        if self.report.omitted:
            note = f"the last term is the sum of {self.report.omitted} further paths"
            yield (("    ", ""), (note, "note"))

    def update(self, expr: Expr, old: float, value: float) -> Iterator[Line]:
        yield from self.equation(self.names.text(new(self.report.entry)), expr, value)
        yield (("    ", ""), (changed(old, value, self.layout.drawing.digits), "note"))

    # Lines ------------------------------------------------------------------------------------

    def equation(self, name: str, expr: Expr, value: float) -> Iterator[Line]:
        """Name = symbols = numbers put in = value."""
        used = symbols(expr)
        values = {id: self.values[id] for id in used if id in self.values}
        segments = []
        if used:
            segments.append(self.writer(None).tokens(expr))
        if len(values) == len(used):
            numbers = self.writer(values).tokens(expr)
            segments += [numbers] if len(numbers) > 1 else []
        yield from self.indented((word(name),), [*segments, self.result(value)])

    def writer(self, values: dict[str, Array] | None) -> Writer:
        return Writer(self.names, self.layout.drawing, self.shapes, values)

    def quotient(self, of: str, by: str) -> str:
        sign = "d" if self.view.ascii else "∂"
        return f"{sign}{self.names.text(of)}/{sign}{self.names.text(by)}"

    def number(self, value: float, place: str) -> tuple[Token, ...]:
        return self.writer({}).set(placed(self.part(value), place).node)

    def part(self, value: float) -> Part:
        node = self.writer({}).value(np.asarray(value))
        return Part(node, "sign" if value < 0 else "atom", minus=value < 0)

    def result(self, value: float) -> tuple[Token, ...]:
        return (Token(text_box(self.layout.drawing.digits.one(value), "result")),)

    def product(self, factors: Sequence[tuple[Token, ...]]) -> tuple[Token, ...]:
        sign = "*" if self.view.ascii else "·"
        return _joined(factors, sign, 2)

    def sum(self, terms: Iterable[float]) -> tuple[Token, ...]:
        first, *rest = map(self.part, terms)
        for part in rest:
            first = between(first, Sign("+", 1), placed(part, "+ b"), "sum")
        return self.writer({}).set(first.node)

    def indented(
        self, head: tuple[Token, ...], segments: list[tuple[Token, ...]]
    ) -> Iterator[Line]:
        for line in self.layout.equation(head, segments):
            yield (("    ", ""), *line)


def _joined(parts: Sequence[tuple[Token, ...]], sign: str, level: int) -> tuple[Token, ...]:
    tokens = list(parts[0]) if parts else []
    for first, *rest in parts[1:]:
        tokens += [word(sign, space=True, level=level), replace(first, space=True), *rest]
    return tuple(tokens)


def ways(report: EntryPaths) -> str:
    """How many paths there are."""
    count = len(report.paths) + report.omitted
    return "one path" if count == 1 else f"{count} paths" if count else "no path"


def factors(report: EntryPaths) -> list[Factor]:
    """Each factor once, in the order a path meets it."""
    seen: dict[tuple[str, str], Factor] = {}
    for path in report.paths:
        for factor in path.factors:
            seen.setdefault((factor.of, factor.by), factor)
    return list(seen.values())


def changed(old: float, value: float, digits: Digits) -> str:
    """What an update did."""
    change = value - old
    return "unchanged" if change == 0 else f"a change of {digits.one(change)}"


def new(entry: str) -> str:
    """`W1[2,1]` as `W1_new[2,1]`."""
    return entry_id(new_id(whole_id(entry)), quantity(entry).index)

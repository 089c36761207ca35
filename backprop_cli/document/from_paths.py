"""The paths by which one weight acts on the loss to a document: factors, products, sum, update."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from backprop_cli.algebra.expr import Expr, symbols
from backprop_cli.algebra.quantity import entry_id, new_id, quantity, whole_id
from backprop_cli.document.conventions import conventions
from backprop_cli.document.document_data import Document, Heading, Note, Page, Part, Row, Rows
from backprop_cli.document.from_trace import formulas_of, roles, tips
from backprop_cli.document.step_equations import Formulas
from backprop_cli.document.view import View
from backprop_cli.notation.function_forms import HELD_FIXED, with_held
from backprop_cli.notation.nodes import (
    EQUALS,
    Braced,
    Fenced,
    Fraction,
    Letter,
    Node,
    Number,
    Script,
    Sign,
    row,
)
from backprop_cli.notation.numbers_and_indices import Digits
from backprop_cli.trace import Trace

if TYPE_CHECKING:
    from backprop_cli.solving.weight_paths import EntryPaths, Factor, Path

_TIMES = Sign("·", 2)


def followed(
    report: EntryPaths, trace: Trace, view: View, page: Page, appended: Iterable[Part] = ()
) -> Document:
    """The document of one weight; `appended` are further parts at its end."""
    formulas = formulas_of(trace, view, page)
    names = formulas.names
    parts = (*_Maker(report, formulas).parts(), *appended)
    said = conventions(trace, view, names)
    return Document(trace.title, said, parts, roles(trace, names), tips(formulas, page))


class _Maker(Struct, frozen=True):
    report: EntryPaths
    formulas: Formulas

    def parts(self) -> Iterator[Part]:
        found, loss = ways(self.report).capitalize(), self.formulas.names.text(self.report.loss)
        verb = "lead" if self.several else "leads"
        yield Note(
            f"{found} {verb} from {loss} back to", self.formulas.names.node(self.report.entry)
        )
        if self.report.paths:
            yield Heading("Factors")
            yield Rows(tuple(map(self.factor, factors(self.report))))
            yield from self.remarks()
        for number, path in enumerate(self.report.paths, start=1):
            yield from self.path(number, path)
        yield from self.total()
        if self.report.update is not None:
            yield from self.update(*self.report.update)

    def remarks(self) -> Iterator[Note]:
        """What a bar behind a derivative says."""
        if any(factor.held for factor in factors(self.report)):
            yield Note(HELD_FIXED)

    def factor(self, factor: Factor) -> Row:
        """∂H¹₂/∂Z¹₂ = symbols = numbers = value."""
        return self.worked(self.derivative(factor), factor.expr, factor.value)

    def path(self, number: int, path: Path) -> Iterator[Part]:
        """The product of its factors, the value of each below it."""
        stops = [self.formulas.names.node(self.report.loss)]
        for factor in path.factors:
            stops += [Sign("←"), self.formulas.names.node(factor.by)]
        yield Heading(f"Path {number}" if self.several else "Path", row(*stops))
        product: list[Node] = []
        for factor in path.factors:
            braced = Braced(self.derivative(factor), self.number(factor.value))
            product += [_TIMES, braced] if product else [braced]
        head = self.along(number) if self.several else self.gradient
        yield Rows((Row(head, row(*product), result=self.number(path.product)),))

    def total(self) -> Iterator[Part]:
        """The sum over the paths."""
        if not self.several and self.report.paths:
            return  # the one product is the gradient
        terms = [path.product for path in self.report.paths]
        terms += [self.report.omitted_total] if self.report.omitted else []
        yield Heading("Gradient")
        total = self.number(self.report.total)
        body, result = (self.sum(terms), total) if len(terms) > 1 else (total, None)
        yield Rows((Row(self.gradient, body, result=result),))
        if self.report.omitted:
            yield Note(f"The last term is the sum of {self.report.omitted} further paths.")

    def update(self, expr: Expr, old: float, value: float) -> Iterator[Part]:
        yield Heading("Update")
        yield Rows((self.worked(self.formulas.names.node(new(self.report.entry)), expr, value),))
        yield Note(changed(old, value, self.formulas.drawn.digits))

    # Formulas -------------------------------------------------------------------------------------

    @property
    def several(self) -> bool:
        """Whether there is more than one path."""
        return len(self.report.paths) + self.report.omitted > 1

    @property
    def gradient(self) -> Node:
        """The derivative by the weight."""
        return self.quotient(self.report.loss, self.report.entry)

    def along(self, number: int) -> Node:
        """The share of one path: the gradient with its number at the foot."""
        inner = Fenced("(", self.gradient, ")")
        return Script(inner, None, Number(str(number)))

    def derivative(self, factor: Factor) -> Node:
        """∂H¹₂/∂Z¹₂, and what is held fixed in it."""
        quotient = self.quotient(factor.of, factor.by)
        return with_held(quotient, [self.formulas.names.node(id) for id in factor.held])

    def quotient(self, of: str, by: str) -> Node:
        above, below = (row(Letter("∂"), self.formulas.names.node(id)) for id in (of, by))
        return Fraction(above, below, bare=True)

    def worked(self, head: Node, expr: Expr, value: float) -> Row:
        """Symbols = numbers put in = value, each where it says more than the next."""
        used, result = symbols(expr), self.number(value)
        kinds = (False, True) if used and not set(used) - self.formulas.known.values.keys() else ()
        sides = [self.formulas.writer(numbers=numbers).node(expr) for numbers in kinds or (False,)]
        body, *more = [side for side in dict.fromkeys(sides) if side != result] or [result]
        joined = row(body, *(part for side in more for part in (EQUALS, side)))
        return Row(head, joined, result=result if joined != result else None)

    def number(self, value: float) -> Node:
        return self.formulas.drawn.value(np.asarray(value))

    def sum(self, terms: list[float]) -> Node:
        found = [self.number(terms[0])]
        for term in terms[1:]:
            found += [Sign("−" if term < 0 else "+", 1), self.number(abs(term))]
        return row(*found)


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

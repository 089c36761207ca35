"""The paths by which one weight acts on the loss to a sheet: factors, products, sum, update."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from backprop_cli.algebra.expr import Expr, symbols
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
    slashed,
)
from backprop_cli.notation.symbols import size, symbol
from backprop_cli.notation.writer import FormulaWriter
from backprop_cli.render.equations import Equations, equations_of
from backprop_cli.render.names import Names, names_of
from backprop_cli.render.paths import EntryPaths, Factor, Path, changed, factors, new, ways
from backprop_cli.render.sheet_parts import Heading, Note, Part, Row, Rows, Sheet
from backprop_cli.render.view import View
from backprop_cli.trace import Trace

Array = NDArray[np.float64]
_TIMES = Sign("·", 2)


def sheet(report: EntryPaths, trace: Trace, view: View, appended: tuple[Part, ...] = ()) -> Sheet:
    """The report as a sheet; `appended` are further parts at its end."""
    view = replace(view, ascii=False)
    values = {id: given.value for id, given in trace.given.items()}
    values |= {step.id: step.value for step in trace.steps if step.value is not None}
    names = names_of(trace, view)
    maker = _Maker(report, names, equations_of(names, view), values)
    roles = {id: names.role(id) for id in values}
    tips = {id: maker.tip(id, value) for id, value in values.items()}
    return Sheet(trace.title, (*maker.parts(), *appended), tips, roles)


class _Maker(Struct, frozen=True):
    report: EntryPaths
    names: Names
    equations: Equations
    values: Mapping[str, Array]

    def parts(self) -> Iterator[Part]:
        found, loss = ways(self.report).capitalize(), self.names.text(self.report.loss)
        verb = "lead" if self.several else "leads"
        yield Note(f"{found} {verb} from {loss} back to", self.names.node(self.report.entry))
        if self.report.paths:
            yield Heading("Factors")
            yield Rows(tuple(map(self.factor, factors(self.report))))
        for number, path in enumerate(self.report.paths, start=1):
            yield from self.path(number, path)
        yield from self.total()
        if self.report.update is not None:
            yield from self.update(*self.report.update)

    def factor(self, factor: Factor) -> Row:
        """∂H¹₂/∂Z¹₂ = symbols = numbers = value."""
        return Row(self.quotient(factor.of, factor.by), self.sides(factor.expr, factor.value))

    def path(self, number: int, path: Path) -> Iterator[Part]:
        """The product of its factors, the value of each below it."""
        stops = [self.names.node(self.report.loss)]
        for factor in path.factors:
            stops += [Sign("←"), self.names.node(factor.by)]
        yield Heading(f"Path {number}" if self.several else "Path", row(*stops))
        product: list[Node] = []
        for factor in path.factors:
            braced = Braced(self.quotient(factor.of, factor.by), self.number(factor.value))
            product += [_TIMES, braced] if product else [braced]
        head = self.along(number) if self.several else self.gradient
        yield Rows((Row(head, row(*product, EQUALS, self.number(path.product))),))

    def total(self) -> Iterator[Part]:
        """The sum over the paths."""
        if not self.several and self.report.paths:
            return  # the one product is the gradient
        terms = [path.product for path in self.report.paths]
        terms += [self.report.omitted_total] if self.report.omitted else []
        yield Heading("Gradient")
        body = self.number(self.report.total)
        if len(terms) > 1:
            body = row(self.sum(terms), EQUALS, body)
        yield Rows((Row(self.gradient, body),))
        if self.report.omitted:
            yield Note(f"The last term is the sum of {self.report.omitted} further paths.")

    def update(self, expr: Expr, old: float, value: float) -> Iterator[Part]:
        yield Heading("Update")
        yield Rows((Row(self.names.node(new(self.report.entry)), self.sides(expr, value)),))
        yield Note(changed(old, value, self.equations.digits))

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

    def quotient(self, of: str, by: str) -> Node:
        above, below = (row(Letter("∂"), self.names.node(id)) for id in (of, by))
        return Fraction(above, below)

    def sides(self, expr: Expr, value: float) -> Node:
        """Symbols = numbers put in = value, each where it says more than the next."""
        used, result = symbols(expr), self.number(value)
        sides = [self.writer(numbers=False).node(expr)] if used else []
        if used and not set(used) - self.values.keys():
            sides.append(self.writer(numbers=True).node(expr))
        found = [*dict.fromkeys([*sides, result])]
        return row(found[0], *(part for side in found[1:] for part in (EQUALS, side)))

    def writer(self, *, numbers: bool) -> FormulaWriter:
        return FormulaWriter(
            lambda id: replace(symbol(self.names.naming, id), node=self.names.node(id)),
            {id: value.shape for id, value in self.values.items()},
            self.values if numbers else None,
            self.equations.value if numbers else None,
            self.names.counting,
            self.equations.view.rows,
        )

    def number(self, value: float) -> Node:
        return self.equations.value(np.asarray(value))

    def sum(self, terms: list[float]) -> Node:
        found = [self.number(terms[0])]
        for term in terms[1:]:
            found += [Sign("−" if term < 0 else "+", 1), self.number(abs(term))]
        return row(*found)

    def tip(self, id: str, value: Array) -> Node:
        """`W = [1 2] (1×2)`."""
        drawn = self.equations.value(value)
        inner = drawn.inner if isinstance(drawn, Braced) else drawn
        shape = (Sign(" ", bare=True), Fenced("(", size(value.shape), ")")) if value.ndim else ()
        return row(slashed(self.names.node(id)), Sign("="), inner, *shape)

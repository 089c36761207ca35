"""A trace to a document: what is given, every step, how the loss went, the closing table."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import symbols, uses
from backprop_cli.algebra.quantity import derivative_id, new_id, quantity, whole_id
from backprop_cli.document.conventions import conventions
from backprop_cli.document.document_data import (
    Columns,
    Document,
    Equation,
    Given,
    Givens,
    Losses,
    Note,
    Page,
    Part,
    Result,
    Results,
    Section,
)
from backprop_cli.document.document_data import Step as StepPart
from backprop_cli.document.names import Names, names_of
from backprop_cli.document.step_equations import Formulas, Known, known, values_of, written_places
from backprop_cli.document.step_words import (
    SECTIONS,
    after_updates,
    in_symbols,
    reason,
    remarks,
    section_of,
    stated,
)
from backprop_cli.document.view import View
from backprop_cli.notation.nodes import Node, Number, slashed
from backprop_cli.operations.pooling import WINDOWED
from backprop_cli.trace import Given as Stated
from backprop_cli.trace import Step, Trace

if TYPE_CHECKING:
    from backprop_cli.derive.over_time import Block
    from backprop_cli.document.time_parts import OverTimeMaker
    from backprop_cli.solving.verify import Check

Array = NDArray[np.float64]

FEW_LOSSES = 12
"""So many losses are said in numbers; more are drawn."""
_MOST_COLUMNS = 6  # so many of four decimals stand in 80 characters


def worked(trace: Trace, view: View, page: Page, appended: Iterable[Part] = ()) -> Document:
    """The document of a trace; `appended` are further parts at its end."""
    made = _Maker(trace, view, formulas_of(trace, view, page))
    parts = (*made.parts(), *appended)
    names = made.formulas.names
    said = conventions(trace, view, names)
    return Document(trace.title, said, parts, roles(trace, names), tips(made.formulas, page))


def formulas_of(trace: Trace, view: View, page: Page) -> Formulas:
    """What writes the formulas of a trace."""
    names = names_of(trace, view)
    return Formulas(names, values_of(names, view, page), known(trace))


def roles(trace: Trace, names: Names) -> dict[str, str]:
    """What each quantity is, for its colour."""
    ids = (*trace.given, *trace.unknown, *(step.id for step in trace.steps))
    return {id: role for id in ids if (role := names.role(id))}


def tips(formulas: Formulas, page: Page) -> dict[str, Given]:
    """The value of every quantity, for those who point at its symbol."""
    found = formulas.known
    if not page.tips:
        return {}
    return {
        id: formulas.drawn.given(id, found.values.get(id), shape)
        for id, shape in found.shapes.items()
    }


def shown_steps(trace: Trace, view: View) -> list[Step]:
    """The steps a view shows whole: no Jacobian that nothing uses, no change that W⁺ repeats."""
    if view.detail == "long":
        return list(trace.steps)
    plain = [step for step in trace.steps if step.phase != "jacobian"]
    used = {whole_id(name) for step in plain for name in symbols(step.expr)} | set(
        map(whole_id, view.asked)
    )
    stacked = {step.id for step in trace.steps if step.rule == "over-time"}
    return [
        step
        for step in trace.steps
        if whole_id(step.id) in used or not _optional(step, stacked, view)
    ]


def _optional(step: Step, stacked: Collection[str], view: View) -> bool:
    """Whether a step is left out unless something uses it or asks for it.

    `stacked` are all steps of time in one matrix, which is left out after the update as before it.
    """
    to_input = view.layers and whole_id(step.id) == derivative_id("L", "X")
    again = step.rule == "forward-again" and quantity(step.id).name in stacked
    kinds = ("-change", "over-time")
    return to_input or again or step.phase == "jacobian" or step.rule.endswith(kinds)


class _Maker(Struct, frozen=True):
    trace: Trace
    view: View
    formulas: Formulas

    def parts(self) -> Iterator[Part]:
        whole = self.view.only is None
        yield from self.given()
        if whole:
            yield from self.stated()
        yield from self.steps()
        if whole and len(self.trace.history) > 1 and self.trace.loss is not None:
            yield Section(SECTIONS["training"])
            yield self.losses(self.trace.loss)
        if whole:
            yield from _by_update(self.trace, self.formulas)
        results = tuple(self.results())
        if results:
            yield Section(SECTIONS["closing"])
            yield Results(results)

    # What is given --------------------------------------------------------------------------------

    def given(self) -> Iterator[Part]:
        """What the problem states, each quantity with its value."""
        drawn = self.formulas.drawn.exactly(6)
        items = tuple(
            Given(
                self.formulas.names.node(id),
                drawn.value(given.value),
                given.value.shape,
                stated(id, given.role, self.view),
            )
            for id, given in self.trace.given.items()
            if self.is_given(id, given)
        )
        if items:
            yield Section(SECTIONS["given"])
            yield Givens(items)

    def is_given(self, id: str, given: Stated) -> bool:
        """Whether a quantity belongs to the problem, not to the update alone; or is asked for."""
        if self.view.only is not None:
            return id in self.view.only
        if given.role in ("data", "parameter"):
            return True
        if given.role == "state" and given.value.any():  # it starts somewhere
            return True
        forward = (step for step in self.trace.steps if step.phase == "forward")
        return any(id in symbols(step.expr) for step in forward)

    def stated(self) -> Iterator[Part]:
        """What is given without numbers, and how many of them are to be found."""
        if not self.trace.unknown:
            return
        from backprop_cli.algebra.shapes import expression, product, total

        letters, items, shapes = self.formulas.letters, [], []
        for id, found in self.trace.unknown.items():
            is_parameter = found.role == "parameter"
            shapes += [found.shape] if is_parameter else []
            count = letters(product(found.shape)) if is_parameter else None
            words = stated(id, found.role, self.view)
            items.append(Given(self.formulas.names.node(id), None, found.shape, words, count))
        together = expression(total(shapes))
        yield Section(SECTIONS["given"])
        yield Givens(tuple(items), letters(together) if together != build.ZERO else None)

    # Steps ----------------------------------------------------------------------------------------

    def steps(self) -> Iterator[Part]:
        whole = self.units()
        numbers = {id(step): number for number, step in enumerate(whole, start=1)}
        only = self.view.only
        shown = whole if only is None else [each for each in self.trace.steps if each.id in only]
        section = ""
        for each in shown:
            kind = section_of(each) if isinstance(each, Step) else "backward"
            if kind != section:
                section = kind
                yield Section(SECTIONS[section], self.beside(section))
            if isinstance(each, Step):
                yield self.step(each, numbers.get(id(each), 0))
            else:
                yield from self.over_time.block(each, numbers[id(each)])

    def units(self) -> Sequence[Step | Block]:
        """The steps that are shown, those together that are one formula over time."""
        shown = shown_steps(self.trace, self.view)
        if not self.trace.over_time:
            return shown
        return self.over_time.units(shown, alone=self.view.detail == "long")

    @property
    def over_time(self) -> OverTimeMaker:
        """What writes the steps that are one formula over time; few problems have such."""
        from backprop_cli.document.time_parts import OverTimeMaker

        return OverTimeMaker(self.trace, self.formulas)

    def beside(self, section: str) -> tuple[Equation, ...]:
        """The numbers of the update, beside its heading."""
        if section != "update":
            return ()
        drawn, names = self.formulas.drawn.exactly(10), self.formulas.names
        return tuple(
            Equation(names.node(id), result=drawn.value(given.value))
            for id, given in self.trace.given.items()
            if given.value.ndim == 0 and not self.is_given(id, given)
        )

    def step(self, plain: Step, number: int) -> StepPart:
        step, used = self.formulas.inside(plain)
        places = self.places(step)
        alone = bool(places) and step.id in self.view.entries
        equation = self.formulas.equation(
            step, used, numbers=not alone and not self.is_brief(step), result=not alone
        )
        if self.trace.over_time and step.phase == "backward":
            whole = self.over_time.sum_over_time(plain)
            equation = replace(equation, sides=(*((whole,) if whole else ()), *equation.sides))
        entries = [*self.any_entry(step), *self.formulas.entries(step, used, places)]
        entries += [] if places else self.example(step, used)
        if alone and not equation.sides:  # it has no formula of which an entry could be one
            equation, *entries = entries
        return StepPart(
            number,
            step.id,
            self.formulas.names.node(step.id),
            reason(step),
            step.shape,
            equation,
            tuple(entries),
            tuple(self.notes(step)),
        )

    def any_entry(self, step: Step) -> Iterator[Equation]:
        """How an entry comes about, where a window slides and the whole step is shown."""
        if not self.is_brief(step) and step.id not in self.view.entries and _slides(step):
            from backprop_cli.document.window_parts import any_entry

            yield from any_entry(step, self.formulas)

    def example(self, step: Step, used: Known) -> Iterator[Equation]:
        """One window as an example, of what is not written out anyway."""
        if not self.is_brief(step) and step.id not in self.view.entries and _slides(step):
            from backprop_cli.document.window_parts import example

            yield from example(step, self.formulas, used)

    def places(self, step: Step) -> list[tuple[int, ...]]:
        """The entries that are written out: those asked for, or all of them in long detail."""
        chosen = self.view.entries.get(step.id)
        if chosen is not None:
            return [] if step.value is None else list(chosen)
        return written_places(step, self.formulas.known) if self.view.detail == "long" else []

    def is_brief(self, step: Step) -> bool:
        """Whether formula and result will do."""
        again = step.rule == "forward-again" and step.id != new_id(self.trace.loss or "")
        return self.view.detail == "short" or (again and self.view.detail != "long")

    def notes(self, step: Step) -> Iterator[str]:
        names = self.formulas.names
        yield from remarks(step, self.formulas.known.shapes, names)
        if _slides(step):
            from backprop_cli.document.window_parts import notes

            yield from (in_symbols(said, names) for said in notes(step, self.formulas))
        if step.note:
            yield in_symbols(step.note, names)

    # The end --------------------------------------------------------------------------------------

    def losses(self, loss: str) -> Losses:
        """All of them where they are few, else the first and the last; what a curve is between."""
        history, drawn = self.trace.history, self.formulas.drawn
        shown = history if len(history) <= FEW_LOSSES else (history[0], history[-1])
        finite = [value for value in history if math.isfinite(value)] or [0.0]
        low, high = min(finite), max(finite)
        return Losses(
            self.formulas.names.node(loss),
            history,
            drawn.several(shown),
            drawn.several((high, (high + low) / 2, low)),
            after_updates(len(history) - 1),
        )

    def results(self) -> Iterator[Result]:
        found: dict[str, Step | Stated] = {**self.trace.given}
        found |= {step.id: step for step in self.trace.steps}
        for asked in self.view.asked:
            only = self.view.only
            if only is None or asked in only or whole_id(asked) in self.view.entries:
                yield from self.result(asked, found)

    def result(self, asked: str, found: dict[str, Step | Stated]) -> Iterator[Result]:
        whole, index = whole_id(asked), quantity(asked).index
        source = found.get(asked) or found.get(whole)
        if source is None or source.value is None:
            return
        value: Array = source.value
        if index and asked not in found:
            place = self.trace.bases.counted(whole, tuple(map(int, index)))
            value = np.asarray(value[place])
        words = reason(source) if isinstance(source, Step) else ""
        node = self.formulas.names.node(asked)
        yield Result(node, value.shape, self.formulas.drawn.flat(value), words)


def _slides(step: Step) -> bool:
    """Whether a window slides in a step, of which there is more to say."""
    return uses(step.expr, *WINDOWED)


# Gradients checked --------------------------------------------------------------------------------


_HEADS = ("gradient", "largest error", "entries", "left out at a kink")


def checked(checks: Sequence[Check], names: Names) -> tuple[Part, ...]:
    """A table: a line for each gradient."""
    section = Section("Checked against finite differences")
    if not checks:
        return section, Note("There is no gradient to check.")
    columns = 4 if any(check.kinks for check in checks) else 3
    rows = tuple(tuple(_cells(check, names))[:columns] for check in checks)
    largest = max(check.error for check in checks)
    return (
        section,
        Columns(_HEADS[:columns], rows),
        Note(
            "Errors are relative to each gradient's largest entry; the largest of all is",
            Number(f"{largest:.1e}"),
        ),
    )


def _cells(check: Check, names: Names) -> Iterator[Node | str]:
    yield slashed(names.node(check.id))
    yield Number(f"{check.error:.1e}")
    yield Number(str(check.checked))
    yield Number(str(check.kinks))


def _by_update(trace: Trace, formulas: Formulas) -> Iterator[Part]:
    """The table of the parameters, an entry a column; nothing where they are many."""
    if not trace.passed:
        return
    places = [
        (name, place)
        for name, value in trace.passed[0].items()
        for place in np.ndindex(value.shape)
    ]
    if len(places) <= _MOST_COLUMNS:
        yield Section(SECTIONS["by-update"])
        yield _updates(trace, formulas, places)


def _updates(
    trace: Trace, formulas: Formulas, places: list[tuple[str, tuple[int, ...]]]
) -> Columns:
    heads: list[Node | str] = ["updates"]
    columns: list[tuple[Node, ...]] = [tuple(Number(str(at)) for at in range(len(trace.passed)))]
    for name, place in places:
        alone = trace.passed[0][name].size == 1
        heads.append(formulas.names.node(name if alone else trace.bases.entry(name, place)))
        columns.append(formulas.drawn.several([float(each[name][place]) for each in trace.passed]))
    return Columns(tuple(heads), tuple(zip(*columns, strict=True)))

"""A problem to the exercise as it is handed out: what is given and asked, and no solution."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, partial
from math import prod
from typing import Final

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.algebra.quantity import from_outside, quantity, step_id, whole_id
from backprop_cli.algebra.shapes import Shape, described
from backprop_cli.classroom.variants import owner
from backprop_cli.document.conventions import OF_SOLUTIONS, conventions
from backprop_cli.document.document_data import (
    Document,
    Equation,
    Given,
    Givens,
    Note,
    Page,
    Part,
    Picture,
    Pictures,
    Room,
    Row,
    Rows,
    Section,
)
from backprop_cli.document.document_data import Step as StepPart
from backprop_cli.document.from_trace import formulas_of, roles, shown_steps
from backprop_cli.document.networks import network_of
from backprop_cli.document.step_equations import Formulas
from backprop_cli.document.step_words import stated
from backprop_cli.document.view import View, as_written
from backprop_cli.formats.registry import Said
from backprop_cli.grading.exercise import Exercise
from backprop_cli.grading.sheets.blank_sheet import digits_said
from backprop_cli.notation.nodes import Grid, Letter, Node, Number, Word
from backprop_cli.problem.ids import Reference
from backprop_cli.problem.problem_data import Values
from backprop_cli.report.wording import points_said
from backprop_cli.said.any_number_of_steps import of_any_length, once_for_all
from backprop_cli.solving.asked import asked
from backprop_cli.solving.loading import Loaded
from backprop_cli.solving.loading import stated as as_stated
from backprop_cli.solving.plan import Planned
from backprop_cli.solving.solution import Request, in_symbols, solve
from backprop_cli.trace import Given as Stated
from backprop_cli.trace import Step

MOST_BLANKS: Final = 60
"""A quantity with more entries has no box for each of them."""

_ALL: Final = 10**9  # entries of what is given, since nobody can work with what is left out
_MOST_LINES: Final = 8  # left free by themselves below a quantity
_BLANK: Final = Word(8 * "_")
_SHORTEST: Final = 3  # characters of a box
_BESIDE: Final = 20  # columns for what a quantity is called, and for brackets
_NAME: Final = 30 * "_"


def exercise_sheet(loaded: Loaded, lines: int | None = None) -> Said:
    """The exercise; `lines` are left free below each quantity asked (None: as many as it takes)."""
    return Said(partial(_document, loaded, lines, _Maker.parts), dict)


def given_part(loaded: Loaded, *, drawn: bool = True) -> Said:
    """The exercise without what is asked, for whatever has boxes of its own for that.

    `drawn`: with a picture of the network, where it is one.
    """
    return Said(partial(_document, loaded, None, lambda maker: maker.given_parts(drawn)), dict)


def _document(
    loaded: Loaded,
    lines: int | None,
    parts_of: Callable[[_Maker], Iterator[Part]],
    view: View,
    page: Page,
) -> Document:
    maker = _Maker(loaded, as_written(loaded.model.problem, view), page, lines)
    trace, names = maker.trace, maker.formulas.names
    said = conventions(trace, maker.view, names)
    kept = tuple(phrase for phrase in said if phrase not in OF_SOLUTIONS)
    parts = parts_of(maker)
    return Document(trace.title or "Exercise", kept, tuple(parts), roles(trace, names))


class _Question(Struct, frozen=True):
    """What is asked: under which name, of which step, and for how many points (None: unmarked)."""

    asked: Reference
    step: Planned | Step
    points: float | None


class _Maker:
    """Writes the parts of one exercise, from formulas and from what the file states alone."""

    def __init__(self, loaded: Loaded, view: View, page: Page, lines: int | None) -> None:
        self.loaded, self.view, self.lines = loaded, view, lines
        model = loaded.model
        self.trace = of_any_length(in_symbols(model, loaded.plan), loaded.source)
        whole = replace(page, columns=_ALL, rows=_ALL, blocks=_ALL)
        self.formulas: Formulas = formulas_of(self.trace, self.view, whole)
        timed = any(over.length for over in self.trace.over_time)
        self.questions = tuple(self._of_any_step() if timed else self._questions())

    def given_parts(self, drawn: bool = True) -> Iterator[Part]:
        yield Section("Given")
        yield Givens(tuple(self._given()), whole=True)
        yield from self._picture() if drawn else ()
        yield from self._model()
        yield from self._update()

    def parts(self) -> Iterator[Part]:
        whose = owner(self.loaded.source)
        yield Note(f"Name: {_NAME}" + f" · numbers of {whose}" * bool(whose))
        yield from self.given_parts()
        yield Section("Asked")
        yield from map(Note, self._instructions())
        for number, question in enumerate(self.questions, 1):
            yield self._box(number, question)
            yield Room(self._room(question))

    # What is given --------------------------------------------------------------------------------

    def _given(self) -> Iterator[Given]:
        """What the file states; letters stand where it has letters."""
        names = self.formulas.names
        for id, found in self._stated.items():
            if id not in self._of_update:
                node, words = names.node(self._called(id)), stated(id, found.role, self.view)
                yield Given(node, self._value(id, found), found.value.shape, words)
        for id, unknown in self.loaded.model.unknown.items():
            yield Given(names.node(id), None, unknown.shape, stated(id, unknown.role, self.view))

    @cached_property
    def _stated(self) -> Mapping[str, Stated]:
        """What is given before anything is worked out, the numbers of the update included."""
        model = self.loaded.model
        return (
            {}
            if model.unknown
            else solve(model, Request(steps=1 if model.update else 0)).trace.given
        )

    @cached_property
    def _of_update(self) -> dict[str, Stated]:
        """The numbers of the update, such as η: what no other step uses."""
        steps = (step for step in self.trace.steps if step.phase != "update")
        used = {name for step in steps for name in step.inputs}
        given = self._stated.items()
        return {id: one for id, one in given if one.role == "constant" and id not in used}

    def _called(self, id: str) -> str:
        """The id by which a quantity is known: a gradient from outside is one."""
        of = from_outside(id)
        return id if of is None else self.loaded.model.gradient(of)

    def _value(self, id: str, found: Stated) -> Node:
        """The value as typed; letters in the places that are left free."""
        drawn = self.formulas.drawn.exactly(6)
        free = self._free.get(id)
        if free is None or free.array is None:
            return drawn.value(found.value)
        letters = {
            place: Letter(name[0]) if len(name) == 1 else Word(name) for place, name in free.free
        }
        nodes = [
            letters.get(place) or Number(drawn.digits.one(float(free.array[place])))
            for place in np.ndindex(free.array.shape)
        ]
        wide = free.array.shape[1] if free.array.ndim == 2 else 1
        rows = tuple(tuple(nodes[at : at + wide]) for at in range(0, len(nodes), wide))
        return Grid(rows) if free.array.ndim else nodes[0]

    @cached_property
    def _free(self) -> Mapping[str, Values]:
        """The values that have letters in them, as the file has them."""
        problem, _ = as_stated(self.loaded.source)
        if problem is None:
            return {}
        found = {name: values for name, (_, values) in problem.values.items() if values.free}
        return found | ({"X": problem.x} if problem.x is not None and problem.x.free else {})

    def _picture(self) -> Iterator[Part]:
        """The network, where it is one, with the weights that the file states."""
        model = self.loaded.model
        known = replace(self.trace, given=dict(model.given), unknown=dict(model.unknown))
        network = network_of(known, model.problem, self.view)
        if network is not None:
            yield Pictures((Picture(network, "the network"),))

    # What is done with it -------------------------------------------------------------------------

    def _model(self) -> Iterator[Part]:
        """The formulas that the file stands for."""
        steps = [
            step for step in self._shown if step.phase == "forward" and step.rule != "decision"
        ]
        if steps:
            yield Section("The model")
            yield Rows(tuple(map(self._row, steps)))

    @cached_property
    def _shown(self) -> list[Step]:
        return shown_steps(self.trace, replace(self.view, asked=()))

    def _row(self, step: Step) -> Row:
        inside, used = self.formulas.inside(step)
        equation = self.formulas.equation(inside, used, numbers=False, result=False)
        return Row(equation.head, equation.all_sides[0] if equation.all_sides else equation.head)

    def _update(self) -> Iterator[Part]:
        """The rule for the first parameter, and its numbers."""
        update = self.loaded.model.update
        trained = self.loaded.model.trained
        if update is None or not trained:
            return
        changes = [step for step in self._shown if step.phase == "update"]
        updated = [name for name in trained if any(_is_of(each.id, name) for each in changes)]
        drawn = self.formulas.drawn.exactly(10)
        numbers = tuple(
            Equation(self.formulas.names.node(id), result=drawn.value(given.value))
            for id, given in self._of_update.items()
        )
        yield Section("Update", numbers)
        if not updated:
            yield Note("The loss uses nothing that is trained: all of it stays as it is.")
            return
        yield Rows(tuple(self._row(step) for step in changes if _is_of(step.id, updated[0])))
        if len(updated) > 1:
            yield Note("and every other parameter in the same way")
        if update.steps > 1:
            yield Note(f"{update.steps} updates, one after the other")

    # What is asked --------------------------------------------------------------------------------

    def _questions(self) -> Iterator[_Question]:
        model, marks = self.loaded.model, {}
        if not model.unknown and not self._free:
            marks = {one.id: one.points for one in Exercise(model).questions}
        steps = {step.id: step for step in self.loaded.plan.steps}
        for wanted in asked(model, self.loaded.plan):
            yield _Question(wanted, steps[wanted.id], marks.get(wanted.text))

    def _of_any_step(self) -> Iterator[_Question]:
        """What is asked where the number of steps is a letter: once of all that are alike."""
        ids = [wanted.id for wanted in asked(self.loaded.model, self.loaded.plan)]
        for step in once_for_all(ids, self.trace, self.loaded.source):
            yield _Question(Reference(step.id), step, None)

    def _instructions(self) -> Iterator[str]:
        """Digits and points, where there are some."""
        marked = [each.points for each in self.questions if each.points is not None]
        if marked:
            yield digits_said(self.loaded.model.problem.grading.precision)
            yield f"{points_said(sum(marked))} in all."

    def _box(self, number: int, question: _Question) -> StepPart:
        wanted, step = question.asked, question.step
        shape = () if wanted.index is not None else step.shape
        symbol = self.formulas.names.node(wanted.id if wanted.index is None else _entry(wanted))
        blank = self._blank(shape)
        words = ", ".join(filter(None, self._words(question, shape if blank is _BLANK else ())))
        return StepPart(number, wanted.id, symbol, words, (), Equation(symbol, result=blank))

    def _words(self, question: _Question, shape: Shape) -> Iterator[str]:
        """What it is, no word on how it is found; its shape where no boxes show it; its points."""
        names = self.formulas.names
        if whole_id(question.step.id) in names.deltas:
            yield f"that is {replace(names, deltas=frozenset()).text(question.step.id)}"
        if question.step.phase == "forward":
            yield question.step.words
        if shape:
            yield described(shape)
        if question.asked.step > 1:
            yield f"in step {question.asked.step}"
        if question.points is not None:
            yield points_said(question.points)

    def _blank(self, shape: Shape) -> Node:
        """A box for each entry, drawn as the array would be."""
        sizes = [size for size in shape if isinstance(size, int)]
        fits = len(sizes) == len(shape) <= 2 and prod(sizes) <= MOST_BLANKS
        if not sizes or not fits:
            return _BLANK
        rows, columns = sizes if len(sizes) == 2 else (1, *sizes) if self.view.rows else (*sizes, 1)
        room = (self.view.width - _BESIDE) // columns - 2
        if room < _SHORTEST:
            return _BLANK
        cell = Word(min(room, len(_BLANK.text)) * "_")
        return Grid(tuple(tuple(cell for _ in range(columns)) for _ in range(rows)))

    def _room(self, question: _Question) -> int:
        """Lines to work in: more for a matrix than for a number."""
        if self.lines is not None:
            return self.lines
        shape = () if question.asked.index is not None else question.step.shape
        rows = shape[0] if shape and isinstance(shape[0], int) else 1
        return min(2 + rows, _MOST_LINES)


def _is_of(id: str, parameter: str) -> bool:
    """Whether a quantity of the update belongs to a parameter: its state, its new value."""
    found = quantity(id, frozenset({parameter}))
    return parameter in (found.name, found.by)


def _entry(wanted: Reference) -> str:
    """The name of an entry without the step it is of."""
    return step_id(wanted.text, 1)

"""A question of a problem -> four hints, each computed from the derivation: rule, formula, numbers
put in, result. None before the last has a value that is still to be worked out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Final

import numpy as np
from msgspec.structs import replace

from backprop_cli.algebra.quantity import new_id, quantity, step_id
from backprop_cli.classroom.rule_sentences import Tutor
from backprop_cli.document.document_data import Document, Note, Page, Part, Row, Rows
from backprop_cli.document.from_trace import formulas_of, roles
from backprop_cli.document.step_equations import Formulas, Known
from backprop_cli.document.view import View
from backprop_cli.errors import listed
from backprop_cli.formats.registry import Said, written
from backprop_cli.grading.exercise import Question
from backprop_cli.notation.nodes import Node
from backprop_cli.problem.model import Model
from backprop_cli.solving.solution import Request, solve
from backprop_cli.trace import Array, Step, Trace

LAST: Final = 4
"""The hint that is the result."""


class Hints:
    """Writes hints of one problem. `values` are those that the student has on the sheet by now."""

    def __init__(self, model: Model, asked: frozenset[str], view: View) -> None:
        self._model, self._asked, self._view = model, asked, view
        self._updates: dict[int, _Update] = {}

    def text(self, question: Question, level: int, values: Mapping[str, Array]) -> str:
        """One hint, from 1 to 4, in lines."""
        update = self._update(quantity(question.name).step)
        parts = tuple(update.hint(question, level, values))
        document = Document("", (), parts, update.roles)
        said = Said(lambda _view, _page: document, dict)
        return written("text", said, self._view).strip("\n")

    def words(self, question: Question) -> str:
        """What a question asks for, in words."""
        return self._update(quantity(question.name).step).words(question)

    def _update(self, number: int) -> _Update:
        if number not in self._updates:
            self._updates[number] = _Update(self._model, number, self._asked, self._view)
        return self._updates[number]


class _Update:
    """The hints to the quantities of one update."""

    def __init__(self, model: Model, number: int, asked: frozenset[str], view: View) -> None:
        self._model, self._number, self._asked, self._view = model, number, asked, view
        exact = replace(model, problem=replace(model.problem, rounding=None))
        extra = tuple(id for id in asked if quantity(id).by and quantity(id).step == number)
        self._trace: Trace = solve(exact, Request(at=number, extra=extra)).trace
        self._steps = {step.id: step for step in self._trace.steps}

    @cached_property
    def _formulas(self) -> Formulas:
        return formulas_of(self._trace, self._view, Page(numbers=120))

    @cached_property
    def roles(self) -> dict[str, str]:
        """What each quantity is, for its colour."""
        return roles(self._trace, self._formulas.names)

    def _step(self, question: Question) -> Step:
        return self._steps[step_id(question.name, 1)]

    def words(self, question: Question) -> str:
        """A few words on what a quantity is; none on how a gradient is found."""
        step = self._step(question)
        return step.words if step.phase in ("forward", "jacobian") else ""

    def hint(self, question: Question, level: int, values: Mapping[str, Array]) -> Iterator[Part]:
        """The parts of one hint."""
        step = self._step(question)
        inside, used = self._formulas.inside(replace(step, value=None))
        if level == 1:
            yield Note(self._tutor.sentence(step))
        elif level == 2:
            equation = self._formulas.equation(inside, used, numbers=False, result=False)
            if equation.sides:
                yield Rows((Row(equation.head, equation.sides[0]),))
            else:
                yield Note("every entry is pulled back by itself, through every path")
        elif level == LAST:
            yield Rows((Row(self._formulas.names.node(step.id), self._result(question, step)),))
        else:
            yield from self._put_in(inside, used, values)

    @cached_property
    def _tutor(self) -> Tutor:
        return Tutor(self._formulas.names, self._formulas.known.shapes.keys())

    def _result(self, question: Question, step: Step) -> Node:
        value = np.asarray(step.value)
        if question.index is not None:
            return self._formulas.drawn.value(np.asarray(value[question.index]))
        return self._formulas.drawn.value(value, step.axes, step.id)

    # Numbers put in -------------------------------------------------------------------------------

    def _put_in(self, step: Step, used: Known, values: Mapping[str, Array]) -> Iterator[Part]:
        """The formula with the numbers given and those on the sheet; what is missing is named."""
        found, missing = {}, []
        for name, value in used.values.items():
            known = self._on_sheet(name, values)
            if known is not None:
                found[name] = known.reshape(value.shape) if known.size == value.size else value
            elif self._asked_as(name) is None:
                found[name] = value
            else:
                missing.append(self._formulas.names.text(name))
        if missing:
            are, them = ("are", "them") if len(missing) > 1 else ("is", "it")
            said = f"{listed(missing)} {are} not on your sheet yet"
            yield Note(f"{said}, and this starts from {them}")
            return
        equation = self._formulas.equation(
            step, Known(used.shapes, found), numbers=True, result=False
        )
        if len(equation.sides) > 1:
            yield Rows((Row(equation.head, equation.sides[1]),))
        else:
            yield Note("there is nothing to work out: these numbers are on your sheet already")

    def _asked_as(self, name: str) -> str | None:
        """The question that a quantity answers: a parameter of a later update, one before it."""
        called = step_id(name, self._number)
        if called in self._asked:
            return called
        if self._number > 1 and name in self._model.trained:
            before = self._number - 1
            made = step_id(new_id(name), before)
            return made if made in self._asked else None
        return None

    def _on_sheet(self, name: str, values: Mapping[str, Array]) -> Array | None:
        called = self._asked_as(name)
        return None if called is None else values.get(called)

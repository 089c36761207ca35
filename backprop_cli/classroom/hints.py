"""A question of a problem -> four hints, each computed from the derivation: rule, formula, numbers
put in, result. None before the last has a value that is still to be worked out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from functools import cached_property
from typing import Final

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.algebra.expr import Expr, Op, Sym, is_sum, symbols
from backprop_cli.algebra.quantity import derivative_id, new_id, quantity, step_id
from backprop_cli.document.document_data import Document, Note, Page, Part, Row, Rows
from backprop_cli.document.formula_words import noun
from backprop_cli.document.from_trace import formulas_of, roles
from backprop_cli.document.names import Names
from backprop_cli.document.step_equations import Formulas, Known
from backprop_cli.document.step_words import reason
from backprop_cli.document.view import View
from backprop_cli.errors import listed
from backprop_cli.formats.registry import Said, written
from backprop_cli.grading.exercise import Question
from backprop_cli.notation.nodes import Node
from backprop_cli.operations.losses import LOSSES
from backprop_cli.operations.updates import RULES
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
            yield from self._put_in(inside, used, values, np.asarray(step.value))

    @cached_property
    def _tutor(self) -> Tutor:
        return Tutor(self._formulas.names, self._formulas.known.shapes.keys())

    def _result(self, question: Question, step: Step) -> Node:
        value = np.asarray(step.value)
        if question.index is not None:
            return self._formulas.drawn.value(np.asarray(value[question.index]))
        return self._formulas.drawn.value(value, step.axes, step.id)

    # Numbers put in -------------------------------------------------------------------------------

    def _put_in(
        self, step: Step, used: Known, values: Mapping[str, Array], result: Array
    ) -> Iterator[Part]:
        """The formula with the numbers given and those on the sheet; what is missing is named.

        What nobody is asked for and has the numbers of the result is worked out in its place.
        """
        if (same := self._in_its_place(used, result)) is not None:
            inside, behind = self._formulas.inside(replace(self._steps[same], value=None))
            yield from self._put_in(inside, behind, values, result)
            return
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

    def _in_its_place(self, used: Known, result: Array) -> str | None:
        """What is computed on the way, and no question of its own, with the numbers asked for."""
        numbers = np.sort(np.abs(result), axis=None)
        for name, value in used.values.items():
            unasked = name in self._steps and self._asked_as(name) is None
            if unasked and np.array_equal(np.sort(np.abs(value), axis=None), numbers):
                return name
        return None

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


# The sentence of a rule ---------------------------------------------------------------------------


class Tutor(Struct, frozen=True):
    """Says how steps are worked out; `known` are the quantities that can be pointed at."""

    names: Names
    known: Collection[str]

    def sentence(self, step: Step) -> str:
        """The rule in words, and what it takes."""
        if quantity(step.id).by and step.phase == "backward":
            return self._gradient(step)
        if step.phase == "update" and quantity(step.id).part == "new" and step.rule != _AGAIN:
            return self._updated(step)
        return self._worked_out(step)

    # Forward --------------------------------------------------------------------------------------

    def _worked_out(self, step: Step) -> str:
        own, words, by = self.names.text(step.id), reason(step), noun(step.rule)
        used = self._used(step)
        if by and _is_all(step) and used:
            made = "made of" if step.rule in _WEIGHTED else "of"
            of = f"the {by}: {used}" if " of " in by else f"the {by} {made} {used}"
            return f"{own} is {of}" if words in ("", by) else f"{own} is the {words}: {of}"
        told = f"{own} is {_with_article(words)}" if words and by != words else own
        if step.rule in LOSSES and words:
            told, by = f"{own} is {_with_article(words)}", ""
        if not used:
            return told
        last = f"; the {by} comes last" if by and _is_last(step) else f", by the {by}" if by else ""
        return f"{told}{' is' if told == own else ','} worked out from {used}{last}"

    def _used(self, step: Step, leave_out: Collection[str] = ()) -> str:
        found = [self.names.text(one) for one in step.inputs if one in self.known]
        out = {self.names.text(one) for one in leave_out}
        kept = [text for text in found if text not in out]
        return listed(kept) if kept else ""

    # Backward -------------------------------------------------------------------------------------

    def _gradient(self, step: Step) -> str:
        """Through what a quantity acts on the end, and what that takes."""
        of = quantity(step.id)
        end, own = self.names.text(of.name), self.names.text(of.by)
        shares = self._shares(step)
        if step.rule == "upstream":
            return f"{self.names.text(step.id)} is given from outside"
        if step.rule == "fused":
            return (
                f"There is a shortcut from {end} straight to {own}: the loss and what stands before"
                f" it, differentiated as one; you need {self._used(step)}"
            )
        by = noun(step.rule.removeprefix("through-"))
        how = f", by the {by}" if by else ""
        needed = self._used(step, shares)
        takes = f"; you need {needed}, too" if needed else ""
        if len(shares) == 1 and step.rule != "sum-over-paths":
            (share,) = shares
            through = self.names.text(quantity(share).by)
            return (
                f"{own} acts on {end} through {through}{how}: by the chain rule,"
                f" {self.names.text(share)} times the derivative of {through} with respect to"
                f" {own}{takes}"
            )
        if shares:
            ways = [self.names.text(quantity(share).by) for share in shares]
            paths = [f"through {listed(ways)}"] + ["directly"] * _is_direct(step.expr, {*shares})
            return (
                f"{own} acts on {end} along several paths, {listed(paths)}: each has its share by"
                f" the chain rule, and the shares add up{takes}"
            )
        takes = f"; you need {needed}" if needed else ""
        do = f"differentiate {end} with respect to {own}"
        return f"{own} acts on {end} directly{how}: {do}{takes}"

    def _shares(self, step: Step) -> Sequence[str]:
        """The gradients of the same end that the formula starts from."""
        end = quantity(step.id).name
        found = (quantity(one) for one in step.inputs)
        return [derivative_id(end, of.by) for of in found if of.by and of.name == end]

    # Updates --------------------------------------------------------------------------------------

    def _updated(self, step: Step) -> str:
        old = quantity(step.id).name
        rule = next(each.words for (name, _), each in RULES.items() if name == step.rule)
        needed = self._used(step, (old,))
        new, was = self.names.text(step.id), self.names.text(old)
        return f"{new} is {was} after one step of {rule}" + (f"; you need {needed}" * bool(needed))


_AGAIN: Final = "forward-again"
_WEIGHTED: Final = ("affine", "linear")


def _with_article(words: str) -> str:
    return words if words.startswith(("the ", "half ", "how ", "what ")) else f"the {words}"


def _is_direct(expr: Expr, shares: Set[str]) -> bool:
    """Whether some term of a sum starts from none of the gradients behind it."""
    if is_sum(expr):
        return any(_is_direct(arg, shares) for arg in expr.args)
    return not shares & {*symbols(expr)}


def _is_all(step: Step) -> bool:
    """Whether a formula is nothing but its rule, applied to quantities."""
    args = step.expr.args if isinstance(step.expr, Op) else ()
    return step.rule in _WEIGHTED or (_is_last(step) and all(isinstance(arg, Sym) for arg in args))


def _is_last(step: Step) -> bool:
    return isinstance(step.expr, Op) and step.expr.name == step.rule.replace("-", "_")

"""A problem whose inputs are letters to its quantities as functions of them, with their regions."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from fractions import Fraction
from math import isfinite, prod

import numpy as np
from msgspec import Struct, field
from msgspec.structs import replace

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Num, Op, Sym, depth, op, rewrite, substitute, uses, walk
from backprop_cli.algebra.quantity import entry_id, quantity, whole_id
from backprop_cli.derive.regions.halfspaces import Affine, Inputs, Piece, Pieces, Space
from backprop_cli.derive.regions.piecewise import NotWrittenError, pieces
from backprop_cli.derive.simplify.monomials import tidy
from backprop_cli.errors import Complaint
from backprop_cli.operations.table import Sizes
from backprop_cli.problem.model import Model
from backprop_cli.problem.problem_data import Problem, Values
from backprop_cli.readings.entries import entry
from backprop_cli.readings.index_bases import Bases
from backprop_cli.solving.plan import Plan, Planned, essential
from backprop_cli.solving.solution import convention, without_value
from backprop_cli.trace import Trace

_SIMPLE = 10**6  # denominators up to this are taken for a fraction that was typed
_MOST_PARTS = 5_000  # of all formulas together
_MOST_TERMS = 3_000  # in the conditions of all pieces
_LARGEST = Fraction(10) ** 308
_DEEPEST = 60  # terms of one sum, about


class NotGivenError(Exception):
    """Functions that nobody would read, or that have no formula; what is wrong as a complaint."""

    def __init__(self, message: str, instead: str | None = None) -> None:
        super().__init__(message)
        self.complaint = Complaint(message, instead=instead)


class Function(Struct, frozen=True):
    """One entry of a quantity: its formula in the quantities before it, and its pieces.

    `index` counts from 0, as the convention stacks. Where there are no pieces, `note` says why,
    and is empty where they would only make a long formula longer.
    """

    name: str
    index: tuple[int, ...]
    formula: Expr
    pieces: Pieces | None
    note: str = ""


class FreeInputs(Struct, frozen=True):
    """The free inputs, and each quantity as a function of them.

    `trace` is the derivation without its values. `letters` are those in what is given, by name and
    index (from 0), where `trace` has a number that means nothing.
    """

    trace: Trace
    inputs: Inputs
    letters: Mapping[str, Mapping[tuple[int, ...], str]]
    functions: Mapping[str, tuple[Function, ...]]
    notes: tuple[str, ...] = ()

    @property
    def bases(self) -> Bases:
        """What the entries of every quantity are counted from."""
        return self.trace.bases


# The letters of a problem -------------------------------------------------------------------------


def check_letters(problem: Problem, model: Model) -> Iterator[Complaint]:
    """Letters that are the names of quantities too, so that formulas would mean two things."""
    given: list[tuple[str, Values]] = [(name, each) for name, (_, each) in problem.values.items()]
    if problem.x is not None:
        given.append(("X", problem.x))
    for name, values in given:
        for letter in dict.fromkeys(letter for _, letter in values.free):
            itself = letter == name and model.shapes[name] == ()
            if letter in model.shapes and not itself:
                message = f"`{letter}` is the name of a quantity, and here a letter for a number"
                yield Complaint(message, values.mark, f"{letter.lower()}1, or another letter")


def _letters(problem: Problem) -> dict[str, dict[tuple[int, ...], str]]:
    """The letters by quantity and index, as the convention stacks."""
    found = {name: dict(each.free) for name, (_, each) in problem.values.items() if each.free}
    for place, letter in problem.x.free if problem.x else ():
        across = len(place) == 2 and not problem.convention.rows
        at = (place[1], place[0]) if across else place or (0,)
        found.setdefault("X", {})[at] = letter
    return found


# From a plan to functions -------------------------------------------------------------------------


def free_functions(
    problem: Problem, model: Model, planned: Plan, goals: Collection[str] | None = None
) -> FreeInputs:
    """What a problem with letters says; `model` and `planned` are those of `with_numbers`.

    The functions are those of the forward and backward pass, or what `goals` need of them.
    NotGivenError where they are not worth writing out.
    """
    letters = _letters(problem)
    inputs = Inputs(tuple(dict.fromkeys(x for each in letters.values() for x in each.values())))
    steps = _steps(planned, goals)
    reading = _Reading(model, inputs, Sizes(planned.shapes, {}))
    reading.give(letters)
    functions = {step.id: tuple(reading.functions(step)) for step in steps}
    if goals is not None:
        functions = {name: found for name, found in functions.items() if name in goals}
    trace = Trace(
        problem.title,
        convention(model),
        model.given,
        tuple(without_value(step) for step in steps if step.id in functions),
        loss=model.target,
        samples=model.sample_count,
    )
    return FreeInputs(trace, inputs, letters, functions, tuple(_left_out(model)))


def _left_out(model: Model) -> Iterator[str]:
    if model.update is not None and model.trained:
        yield "The update is not given: new weights belong to one input, not to all of them."


def _steps(planned: Plan, goals: Collection[str] | None) -> list[Planned]:
    """The steps to write: forward and backward, and the Jacobians that the backward pass uses."""
    kept = [step.id for step in planned.steps if step.phase in ("forward", "backward")]
    return list(essential(planned, kept if goals is None else goals).steps)


def exact(value: float) -> Fraction:
    """The number as it was typed: 2/3 for 0.6666666666666666, 1/10 for 0.1."""
    short = Fraction(value).limit_denominator(_SIMPLE)
    return short if float(short) == value else Fraction(repr(value))


class _Reading(Struct):
    """Goes through the steps; `known` are the entries so far.

    `size` are the parts of all formulas so far, `terms` those of all conditions.
    """

    model: Model
    inputs: Inputs
    sizes: Sizes
    space: Space = field(default_factory=Space)
    known: dict[str, Pieces] = field(default_factory=dict)
    stated: dict[str, Expr] = field(default_factory=dict)
    size: int = 0
    terms: int = 0

    def give(self, letters: Mapping[str, Mapping[tuple[int, ...], str]]) -> None:
        """Every entry of what is given, as a function of the inputs."""
        for name, given in self.model.given.items():
            value = np.asarray(given.value)
            self.count(value.size, name)
            for index in np.ndindex(value.shape):
                letter = letters.get(name, {}).get(index)
                number = float(value[index])
                if letter is None and not isfinite(number):
                    continue
                found = self.inputs.input(letter) if letter else self.inputs.constant(exact(number))
                self.stated[entry_id(name, index)] = self.inputs.expr(found)
        self.known |= {x: (Piece((), self.inputs.input(x)),) for x in self.inputs.names}

    def count(self, parts: int, name: str) -> None:
        """Notes what is to be written of a quantity."""
        self.size += parts
        if self.size > _MOST_PARTS:
            raise NotGivenError(
                f"with letters every entry is written out, and up to {name} that fills pages",
                "--only with an earlier quantity, or a smaller problem",
            )

    def functions(self, step: Planned) -> Iterator[Function]:
        """Every entry of one quantity."""
        if uses(step.expr, "jacobian"):
            message = f"{step.id} goes through other quantities and is not given with letters"
            raise NotGivenError(message, "--only with the Jacobians on the way")
        shape = tuple(map(int, step.shape))
        self.count(prod(shape), step.id)
        expr = in_logits(step.expr, self.model) if step.id == "class" else step.expr
        found: list[Function] = []
        for index in np.ndindex(shape):
            scalar = rewrite(entry(expr, index, self.sizes), _as_names)
            self.check(scalar, step.id)
            found.append(self.function(step, index, scalar))
        written = all(each.pieces is not None for each in found)
        for each in found if written else map(_only_linear, found):
            key = entry_id(each.name, each.index)
            self.known[key] = each.pieces or (Piece((), Sym(key)),)
            yield each

    def fill(self, found: Pieces) -> None:
        """Counts the terms of what is written; refuses what would fill pages."""
        terms = sum(1 + len(each.region) for each in found if each.region) * len(self.inputs.names)
        if self.terms + terms > _MOST_TERMS:
            raise NotWrittenError("its pieces would fill pages")
        self.terms += terms

    def check(self, scalar: Expr, name: str) -> None:
        """Refuses what is too long, or nested too deeply to be gone through."""
        self.count(sum(1 for _ in walk(scalar)), name)
        if depth(scalar) > _DEEPEST:
            message = f"an entry of {name} is a sum of more than {_DEEPEST} terms"
            raise NotGivenError(message, "fewer units or inputs")

    def function(self, step: Planned, index: tuple[int, ...], scalar: Expr) -> Function:
        formula = tidy(rewrite(substitute(scalar, self.stated), _without_care))
        _check_numbers((node.value for node in walk(formula) if isinstance(node, Num)), step.id)
        try:
            found = pieces(formula, self.known, self.inputs, self.space)
            self.fill(found)
        except NotWrittenError as why:
            return Function(step.id, index, formula, None, str(why))
        _check_numbers(_numbers(found), step.id)
        return Function(step.id, index, formula, found)


def _numbers(found: Pieces) -> Iterator[Fraction]:
    """The numbers that the pieces and their regions are written with."""
    for piece in found:
        if isinstance(piece.value, Affine):
            yield from (*piece.value.slopes, piece.value.constant)
        else:
            yield from (node.value for node in walk(piece.value) if isinstance(node, Num))
        for half in piece.region:
            yield from map(Fraction, half.row)


def _check_numbers(numbers: Iterator[Fraction], name: str) -> None:
    """Refuses exact numbers that are none any more where they are written with a point."""
    for number in numbers:
        if abs(number) > _LARGEST or 0 < abs(number) < 1 / _LARGEST:
            why = (
                "too large: numbers end at about 1.8e308"
                if abs(number) > 1
                else "too small to be told from zero"
            )
            message = f"a number in {name} is {why}"
            raise NotGivenError(message, "numbers in the file that are nearer to 1")


def _without_care(node: Expr) -> Expr | None:
    """y·ln p and y/p for a number y, written as such: their care is for y = 0 alone."""
    match node:
        case Op("xlogy" | "ratio", (Num(value), _)) if not value:
            return build.ZERO
        case Op("xlogy", (Num() as y, p)):
            return build.mul(y, op("log", rewrite(p, _without_care)))
        case Op("ratio", (Num() as y, p)):
            return build.div(y, rewrite(p, _without_care))
    return None


def _only_linear(function: Function) -> Function:
    """The function without pieces that are formulas: entries that look alike are written alike."""
    linear = all(isinstance(piece.value, Affine) for piece in function.pieces or ())
    return function if linear else replace(function, pieces=None)


def in_logits(expr: Expr, model: Model) -> Expr:
    """The class decided on by what goes into the sigmoid or softmax, which keep the order."""
    output = model.definitions.get("Yhat")
    if not isinstance(output, Op) or output.name not in ("sigmoid", "softmax"):
        return expr
    logits = output.args[0]

    def rule(node: Expr) -> Expr | None:
        match node:
            case Op("switch", (Op("sub", (Op(_, (Sym("Yhat"),)) as unit, _)),)) if (
                output.name == "sigmoid"
            ):
                return Op("switch", (Op(unit.name, (logits,), unit.options),), node.options)
            case Op("argmax", (Sym("Yhat"),)) if output.name == "softmax":
                return Op("argmax", (logits,), node.options)
        return None

    return rewrite(expr, rule)


def _as_names(node: Expr) -> Expr | None:
    """An entry of a quantity as a name of its own, its index counted from 0."""
    match node:
        case Op("at", (Sym(name),)):
            index = node.option("index")
            assert isinstance(index, tuple)
            return Sym(entry_id(name, index))
    return None


# Names as they are written ------------------------------------------------------------------------


def symbol(function: Function, bases: Bases) -> Sym:
    """The entry as it is written, its index counted as the problem counts."""
    return Sym(bases.entry(function.name, function.index))


def counted(expr: Expr, bases: Bases) -> Expr:
    """The formula with the indices of entries counted as the problem counts."""

    def rule(node: Expr) -> Expr | None:
        match node:
            case Sym(name) if index := quantity(name).index:
                return Sym(bases.entry(whole_id(name), map(int, index)))
        return None

    return rewrite(expr, rule)

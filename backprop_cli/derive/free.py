"""A network whose inputs are letters to its quantities as functions of them, with their regions."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import isfinite

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.algebra.expr import Expr, Op, Sym, op, rewrite, substitute, symbols
from backprop_cli.derive.pieces import Inputs, Piece, Pieces, pieces
from backprop_cli.derive.tidy import tidy
from backprop_cli.errors import Complaints
from backprop_cli.operations.sizes import Sizes
from backprop_cli.problem.build import build
from backprop_cli.problem.data import Problem, Values
from backprop_cli.problem.model import Equation, Model
from backprop_cli.readings.entries import entry

_STAND_IN = 0.5  # takes the place of a letter while the model is built; its value is never used
_SIMPLE = 10**6  # denominators up to this are taken for a fraction that was typed


class Function(Struct, frozen=True):
    """One entry of a quantity: its formula in the quantities before it, and its pieces.

    `index` counts from 0, as the convention stacks; `linear` says whether all pieces are linear.
    """

    name: str
    index: tuple[int, ...]
    formula: Expr
    pieces: Pieces
    words: str


class FreeInputs(Struct, frozen=True):
    """The free inputs, and the quantities up to prediction and class as functions of them."""

    title: str
    inputs: Inputs
    functions: tuple[Function, ...]
    indices: int


def with_numbers(problem: Problem) -> Problem:
    """The problem with numbers in place of the letters of x, so that its model can be built."""
    x = problem.x
    assert x is not None
    assert x.array is not None
    array = np.where(np.isnan(x.array), _STAND_IN, x.array)
    return replace(problem, x=Values(array, x.mark))


def free_functions(problem: Problem, complaints: Complaints) -> FreeInputs | None:
    """What a problem with letters in x says; None, with complaints, where it is wrong."""
    built = build(with_numbers(problem), complaints)
    if built is None or built.model is None or complaints.found:
        return None
    x = problem.x
    assert x is not None
    inputs = Inputs(tuple(dict.fromkeys(letter for _, letter in x.free)))
    reading = _Reading(built.model, inputs, _given(problem, built.model, inputs))
    return FreeInputs(problem.title, inputs, tuple(reading.functions()), problem.convention.indices)


def exact(value: float) -> Fraction:
    """The number as it was typed: 2/3 for 0.6666666666666666, 1/10 for 0.1."""
    short = Fraction(value).limit_denominator(_SIMPLE)
    return short if float(short) == value else Fraction(repr(value))


def _given(problem: Problem, model: Model, inputs: Inputs) -> dict[str, Pieces]:
    """Every entry of what is given, as a function of the inputs."""
    found: dict[str, Pieces] = {}
    for name, given in model.given.items():
        value = np.asarray(given.value)
        for index in np.ndindex(value.shape):
            if isfinite(float(value[index])):
                number = inputs.constant(exact(float(value[index])))
                found[_entry_name(name, index)] = (Piece((), number),)
    for place, letter in problem.x.free if problem.x else ():
        across = len(place) == 2 and not problem.convention.rows
        at = (place[1], place[0]) if across else place or (0,)
        found[_entry_name("X", at)] = (Piece((), inputs.input(letter)),)
    return found


def _entry_name(name: str, index: tuple[int, ...]) -> str:
    return f"{name}[{','.join(map(str, index))}]" if index else name


class _Reading(Struct):
    model: Model
    inputs: Inputs
    known: dict[str, Pieces]

    def functions(self) -> Iterator[Function]:
        """Every entry of every forward quantity up to the prediction, then the class."""
        sizes = Sizes(self.model.shapes, {})
        for equation in self._forward():
            shape = tuple(int(size) for size in self.model.shapes[equation.name])
            for index in np.ndindex(shape):
                scalar = rewrite(entry(equation.expr, index, sizes), _as_names)
                found = pieces(scalar, self.known, self.inputs)
                self.known[_entry_name(equation.name, index)] = found
                yield Function(equation.name, index, self._shown(scalar), found, equation.words)
        yield from self._class(sizes)

    def _forward(self) -> Iterator[Equation]:
        for equation in self.model.equations:
            yield equation
            if equation.name == "Yhat":
                return

    def _shown(self, scalar: Expr) -> Expr:
        """The formula with what is given put in."""
        given: dict[str, Expr] = {}
        for name in symbols(scalar):
            if name.partition("[")[0] in self.model.given:
                (piece,) = self.known[name]
                given[name] = self.inputs.expr(piece.value)
        return tidy(substitute(scalar, given))

    def _class(self, sizes: Sizes) -> Iterator[Function]:
        """Where a single sigmoid unit reaches ½: where its pre-activation is not negative."""
        decision = self.model.decision
        if decision is None or self.model.samples is not None or decision.expr.name == "argmax":  # type: ignore[union-attr]
            return
        definitions = self.model.definitions
        logits = definitions["Yhat"]
        scalar = rewrite(entry(decision.expr, (), sizes), _as_names)
        if isinstance(logits, Op) and logits.name == "sigmoid":
            z = rewrite(entry(logits.args[0], (0,), sizes), _as_names)
            scalar = op("step", z)
        found = pieces(scalar, self.known, self.inputs)
        yield Function("class", (), self._shown(scalar), found, decision.words)


def _as_names(node: Expr) -> Expr | None:
    """An entry of a quantity as a name of its own, its index counted from 0."""
    match node:
        case Op("at", (Sym(name),)):
            index = node.option("index")
            assert isinstance(index, tuple)
            return Sym(f"{name}[{','.join(map(str, index))}]")
    return None

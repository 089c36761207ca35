"""A problem as equations: what every later stage works on, whichever way it was written."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, MutableMapping
from functools import cached_property

import numpy as np
from msgspec import Struct, field
from msgspec.structs import asdict
from numpy.typing import NDArray

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr
from backprop_cli.algebra.quantity import derivative_id, quantity
from backprop_cli.algebra.shapes import Shape, Size, letters_in
from backprop_cli.calculus.differentiate import Backward
from backprop_cli.errors import Complaints
from backprop_cli.operations.losses import Loss
from backprop_cli.problem.problem_data import Function, Problem, Update
from backprop_cli.problem.typed_numbers import shown
from backprop_cli.readings.index_bases import Bases, bases_of
from backprop_cli.trace import Given, OverTime, Unknown

Array = NDArray[np.float64]


class Equation(Struct, frozen=True):
    """A named quantity and what it is computed from; `rule` is the stable name of the step.

    `remark` is what a teacher would say of it before anything is computed.
    """

    name: str
    expr: Expr
    rule: str
    axes: tuple[str, ...]
    words: str
    remark: Remark | None = None


class Fusion(Struct, frozen=True):
    """Where the gradient of the logits collapses to factor · (ŷ - y) / count."""

    output: str
    logits: str
    expr: Expr
    why: str


class Model(Struct, frozen=True, dict=True):
    """The forward equations with what is given, and how gradients start and end.

    `shapes` holds every name's shape (letters allowed), `axes` what the axes run over. `target` is
    the scalar differentiated (None: only `seeds` from outside, or no gradients at all); ids are
    `d{gradient_of}/d…`. `silent` are parts of the target whose gradient is 1 and not worth a step.
    `wanted` are the names whose gradients are asked, `trained` those that get new values. Where
    sizes are letters, these are numbers named in `letters`; `unknown` is what has a shape alone.
    `summed` is the loss as a sum over the samples where each has gradients of its own. `over_time`
    says which quantities belong together over time, `decaying` what of a parameter is weights.
    """

    problem: Problem
    equations: tuple[Equation, ...]
    given: Mapping[str, Given]
    shapes: Mapping[str, Shape]
    target: str | None
    gradient_of: str
    seeds: Mapping[str, Expr] = field(default_factory=dict)
    silent: tuple[str, ...] = ()
    wanted: tuple[str, ...] = ()
    trained: tuple[str, ...] = ()
    neighbours: tuple[tuple[str, str], ...] = ()
    decision: Equation | None = None
    fusion: Fusion | None = None
    samples: Size | None = None
    update: Update | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)
    unknown: Mapping[str, Unknown] = field(default_factory=dict)
    letters: frozenset[str] = frozenset()
    given_gradients: bool = False
    summed: Mapping[str, Expr] = field(default_factory=dict)
    over_time: tuple[OverTime, ...] = ()
    decaying: Mapping[str, Expr] = field(default_factory=dict)

    @cached_property
    def definitions(self) -> dict[str, Expr]:
        """Each forward quantity's expression by its name."""
        return {equation.name: equation.expr for equation in self.equations}

    @property
    def backward(self) -> Backward:
        """How gradients are taken of the definitions: of each sample's own loss if asked."""
        return Backward(
            {**_last_picture_first(self.definitions, self.over_time), **self.summed},
            self.seeds,
            self.gradient,
            silent=self.silent,
            passed_on=self.passed_on,
        )

    def passed_on(self, current: str, used: str, share: Expr) -> Expr:
        """The share of `used` in the gradient of `current`, as their conventions have it.

        Where each sample has gradients of its own loss, the mean over the samples comes in with
        what they have in common.
        """
        if not self.summed or current in self.summed or current == self.target:
            return share
        own = "sample" in self.axes(current), "sample" in self.axes(used)
        assert self.samples is not None
        count = build.size(self.samples)
        if own == (True, False):
            return build.mul(build.div(build.ONE, count), share)
        return build.mul(count, share) if own == (False, True) else share

    @property
    def sample_count(self) -> int | None:
        """How many samples a batch with numbers has; None for a single sample."""
        assert not isinstance(self.samples, str)
        return self.samples

    @property
    def sample_axis(self) -> int | None:
        """Which axis of a batch runs over the samples."""
        if self.samples is None:
            return None
        return 0 if self.problem.convention.rows else 1

    def gradient(self, name: str) -> str:
        """The id of the gradient with respect to `name`."""
        return derivative_id(self.gradient_of, name)

    def gradient_by(self, id: str) -> str:
        """The name that a gradient of the target is taken by; nothing where the id is none."""
        found = quantity(id)
        return found.by if found.name == self.gradient_of else ""

    def axes(self, name: str) -> tuple[str, ...]:
        """What the axes of a forward quantity run over."""
        return axes_of(name, self.equations, self.given, self.unknown)

    @property
    def bases(self) -> Bases:
        """What the entries of every quantity are counted from."""
        axes = {name: each.axes for name, each in self.given.items()}
        axes |= {name: each.axes for name, each in self.unknown.items()}
        return bases_of(asdict(self.problem.convention), axes)

    def counted(
        self, id: str, index: tuple[int, ...], shape: tuple[int, ...]
    ) -> tuple[int, ...] | None:
        """A written index counted from 0; None where there is no such entry."""
        if len(index) != len(shape):
            return None
        found = self.bases.counted(id, index)
        return found if all(0 <= i < n for i, n in zip(found, shape, strict=True)) else None


def _last_picture_first(
    definitions: Mapping[str, Expr], over_time: Iterable[OverTime]
) -> dict[str, Expr]:
    """The definitions with each layer's pictures last to first: the way back has them in order."""
    pictures = [over.names for over in over_time if over.of == "picture"]
    number = {
        name: n for each in pictures for names in each.values() for n, name in enumerate(names)
    }
    layers: list[list[str]] = []
    for name in definitions:
        before = number.get(layers[-1][-1]) if layers else None
        if before is None or number.get(name, -1) < before:
            layers.append([])
        layers[-1].append(name)
    order = (
        name for layer in layers for name in sorted(layer, key=lambda each: -number.get(each, 0))
    )
    return {name: definitions[name] for name in order}


def axes_of(
    name: str,
    equations: Iterable[Equation],
    given: Mapping[str, Given],
    unknown: Mapping[str, Unknown],
) -> tuple[str, ...]:
    """What the axes of a quantity run over, as its equation or the file says."""
    own = next((equation for equation in equations if equation.name == name), None)
    return (own or given.get(name) or unknown[name]).axes


class Outline(Struct, frozen=True):
    """What a problem's quantities are called and how large they are, even where it is wrong.

    `shapes` are those that are certain. `gradients` says whether there are any (None where that
    cannot be told), `certain_samples` whether `samples` (None: a single one) can be relied on.
    """

    problem: Problem
    given: tuple[str, ...]
    computed: tuple[str, ...]
    shapes: Mapping[str, Shape]
    trained: tuple[str, ...]
    gradient_of: str
    aliases: Mapping[str, str] = field(default_factory=dict)
    gradients: bool | None = True
    samples: int | None = None
    certain_samples: bool = True


class Built(Struct, frozen=True):
    """What could be made of a problem: its outline, and its model where nothing is wrong."""

    outline: Outline
    model: Model | None


def letters_of(shapes: Iterable[Shape]) -> frozenset[str]:
    """The letters among the sizes; N+1 counts as N."""
    return frozenset(letter for shape in shapes for size in shape for letter in letters_in(size))


def state_shape(shapes: MutableMapping[str, Shape], name: str, shape: Shape) -> None:
    """Notes the shape of a quantity, and that the letters in it are numbers."""
    for letter in sorted(letters_of([shape])):
        shapes.setdefault(letter, ())
    shapes[name] = shape


def checked_letters(
    shapes: MutableMapping[str, Shape], quantities: Collection[str], complaints: Complaints
) -> frozenset[str]:
    """The letters used as sizes; complains of one that a quantity is called by."""
    letters = letters_of(shapes.values())
    for letter in sorted(letters.intersection(quantities)):
        message = f"{shown(letter)} is a size here, and a quantity as well"
        complaints.add(message, instead=f"another letter for the size, such as {letter}0")
    return letters


class Remark(Struct, frozen=True):
    """What to say of a step, and what would help."""

    words: str
    advice: str


def behind(loss: Loss, activation: Function, units: Size | None) -> str | None:
    """What to write instead where a loss has no meaning behind an activation; else None."""
    name = activation.name
    if loss.name == "cross-entropy" and name == "sigmoid" and units == 1:
        return "loss: binary-cross-entropy (with a single unit, Σ y ln ŷ forgets the class 0)"
    if loss.logits:
        fits = {"cross-entropy-with-logits": "softmax"}.get(loss.name, "sigmoid")
        if name not in ("linear", fits):
            return f"activation: linear (this loss takes the logits themselves), or {fits}"
    return None


_FROM_0_TO_1 = frozenset({"sigmoid", "softmax", "step"})
_ENTROPY = "activation: softmax of two or more units"
_BINARY = "loss: binary-cross-entropy behind a sigmoid"
_OF_ONE = "a softmax of one unit is always 1: the loss is 0 and so is every gradient"


def unsuited(loss: Loss, activation: Function, units: Size | None, *, plain: bool) -> Remark | None:
    """What to say where a loss is computed behind something it is not meant for.

    `plain`: nothing is added to what the activation gives. Of a formula of one's own nothing is
    known.
    """
    name = activation.name
    if name is None:
        return None
    what = f"{name}" if plain else f"{name} and what is added to it"
    if units == 1 and (loss.name, name) == ("cross-entropy", "softmax"):
        return Remark(_OF_ONE, f"{_ENTROPY}, or {_BINARY}")
    if units == 1 and loss.name == "cross-entropy-with-logits":
        return Remark(_OF_ONE, "two outputs or more, or loss: binary-cross-entropy-with-logits")
    if loss.name == "cross-entropy" and not (name == "softmax" and plain):
        words = (
            "cross-entropy belongs behind a softmax: "
            f"the outputs of {what} are no probabilities that add up to 1"
        )
        return Remark(words, f"{_ENTROPY}, or {_BINARY}")
    if loss.name == "binary-cross-entropy" and not (name in _FROM_0_TO_1 and plain):
        words = f"binary cross-entropy belongs behind a sigmoid: {what} can leave 0 … 1"
        return Remark(words, "activation: sigmoid, or binary-cross-entropy-with-logits")
    if loss.logits and name != "linear":
        words = f"this loss is taken from the logits z, before the {name}, which it contains"
        return Remark(words, f"activation: linear, or loss: {loss.name[: -len('-with-logits')]}")
    return None

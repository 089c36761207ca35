"""A model and its plan -> what a sheet may name: ids, their shapes, what else they are called."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from backprop_cli.algebra.quantity import entry_id, plain_id
from backprop_cli.grading.report_data import Index, Shape
from backprop_cli.problem.ids import Reference, UnknownIdError, reference
from backprop_cli.problem.model import Model
from backprop_cli.problem.typed_numbers import shown
from backprop_cli.solving.asked import asked_derivative, in_derivative, unasked_derivative
from backprop_cli.solving.plan import Plan, plan

LONGEST_NAME: Final = 100
_MOST_KEPT = 10_000  # names whose meaning is remembered


class Unknown(Struct, frozen=True):
    """What is said of a name that is no quantity, or may be several."""

    message: str
    instead: str | None = None


class Quantities:
    """The quantities of a problem, by every name they go by. Remembers what it has looked up.

    `later` are the shapes of what belongs to later steps, by id with the step's number. `unasked`:
    derivatives that are no part of the plan are quantities, too.
    """

    def __init__(
        self,
        model: Model,
        planned: Plan,
        later: Mapping[str, Shape] = MappingProxyType({}),
        *,
        unasked: bool = False,
    ) -> None:
        self._model = model
        given = {id: model.shapes[id] for id in model.given if id in model.shapes}
        steps = {step.id: step.shape for step in planned.steps}
        self.shapes: dict[str, Shape] = {
            id: tuple(int(size) for size in shape) for id, shape in {**given, **steps}.items()
        }
        self._later = later
        self._takes_unasked = unasked
        self._unasked: dict[str, Shape] = {}
        self._base = model.problem.convention.indices
        self._updates = model.update.steps if model.update is not None and model.trained else 1
        self._found: dict[str, Reference | Unknown] = {id: Reference(id) for id in self.shapes}
        self._in_programs: dict[str, Reference | Unknown] = {}

    def once(self, name: str, meant: Callable[[], Reference | Unknown]) -> Reference | Unknown:
        """What a name stands for in a program, looked up when it is first met."""
        found = self._in_programs.get(name)
        if found is None:
            found = meant()
            if len(self._in_programs) < _MOST_KEPT:
                self._in_programs[name] = found
        return found

    def named(self, text: str) -> Reference | Unknown:
        """The quantity that `text` names, or why there is none."""
        found = self._found.get(text)
        if found is None:
            found = self._looked_up(text)
            if len(self._found) < _MOST_KEPT:
                self._found[text] = found
        return found

    @property
    def parameters(self) -> tuple[str, ...]:
        """What is trained, in the order that the problem has."""
        return tuple(self._model.trained)

    @property
    def logits(self) -> str | None:
        """What the last layer of a network is before its activation."""
        id = f"Z{len(self._model.problem.layers or ())}"
        return id if id in self.shapes else None

    def is_given(self, id: str) -> bool:
        """Whether the problem states it."""
        return id in self._model.given

    def is_loss(self, id: str) -> bool:
        """Whether all gradients are those of it."""
        return id == self._model.target

    def is_id(self, text: str) -> bool:
        """Whether `text` is an id as it stands."""
        return text in self.shapes

    def shape(self, id: str) -> Shape:
        """The shape of a quantity; `id` may carry the number of a step, whose batch is its own."""
        plain = plain_id(id)
        return self._later.get(id) or self._unasked.get(plain) or self.shapes.get(plain, ())

    def counted(self, id: str, index: Index) -> Index | None:
        """An index as a person writes it, counted from 0; None where there is no such entry.

        A vector's entry may have the index of a column or a row of its own, `b1[2,1]`, and that of
        a matrix with one row or column may be without it.
        """
        name, shape, bases = plain_id(id), self.shape(id), self.bases(id)
        for way in _ways(index, shape, bases or (self._base,) * len(index)):
            if (found := self._model.counted(name, way, shape)) is not None:
                return found
        return None

    def first_and_last(self, id: str) -> tuple[str, str]:
        """The first and the last entry of a quantity, as a person writes them."""
        bases = self.bases(id)
        last = (start + size - 1 for start, size in zip(bases, self.shape(id), strict=True))
        return entry_id(id, bases), entry_id(id, last)

    def bases(self, id: str) -> Index:
        """From which number each axis is counted."""
        return self._model.bases.of(plain_id(id), len(self.shape(id)))

    def _looked_up(self, text: str) -> Reference | Unknown:
        if len(text) > LONGEST_NAME:
            return Unknown(f"there is no quantity {shown(text)}")
        try:
            found = self._known_or_unasked(text)
        except UnknownIdError as unknown:
            message = str(unknown)
            return Unknown(message, None if "did you mean" in message else unknown.instead)
        if not 1 <= found.step <= self._updates:
            steps = f"{self._updates} step" + "s" * (self._updates != 1)
            return Unknown(f"there is no step {found.step}: this problem makes {steps}")
        return found

    def _known_or_unasked(self, text: str) -> Reference:
        try:
            return reference(text, self.shapes, self._model.gradient_of, self._model.aliases)
        except UnknownIdError:
            if (unasked := self._unasked_derivative(text)) is not None:
                return unasked
            if asked_derivative(self._model, text) not in (None, *self.shapes):
                message = f"{shown(text)} is not worked out here, and is not graded"
                raise UnknownIdError(message) from None
            raise

    def _unasked_derivative(self, text: str) -> Reference | None:
        """The derivative of one equation that `text` names, where such are taken."""
        first = self._takes_unasked and "@" not in text
        id = unasked_derivative(self._model, text) if first else None
        if id is None or id in self.shapes:  # what the plan has goes by its own names alone
            return None
        if id not in self._unasked:
            size = map(int, plan(self._model, (id,)).shapes[id])
            self._unasked[id] = tuple(size)
        return in_derivative(id, text, (id,))


def _ways(index: Index, shape: Shape, bases: Index) -> Iterator[Index]:
    """The index itself, then without or with the one of an axis of length one."""
    yield index
    if len(index) == 2 and len(shape) == 1:
        yield from (index[:1],) if index[1] == bases[0] else ()
        yield from (index[1:],) if index[0] == bases[0] else ()
    elif len(index) == 1 and len(shape) == 2:
        yield from ((index[0], bases[1]),) if shape[1] == 1 else ()
        yield from ((bases[0], index[0]),) if shape[0] == 1 else ()
    elif not shape and all(number == base for number, base in zip(index, bases, strict=False)):
        yield ()

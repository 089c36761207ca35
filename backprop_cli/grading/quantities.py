"""A model and its plan -> what a sheet may name: ids, their shapes, what else they are called."""

from __future__ import annotations

from typing import Final

from backprop_cli.grading.data import Index, Shape
from backprop_cli.numbers import printable, shown
from backprop_cli.problem.ids import Reference, UnknownId, reference
from backprop_cli.problem.model import Model
from backprop_cli.solving.plan import Plan

LONGEST_NAME: Final = 100
_MOST_KEPT = 10_000  # names whose meaning is remembered
_MANY = 12  # names that are listed to someone who wrote an unknown one


class Quantities:
    """The quantities of a problem, by every name they go by. Remembers what it has looked up."""

    def __init__(self, model: Model, plan: Plan) -> None:
        self._model = model
        given = {id: model.shapes[id] for id in model.given if id in model.shapes}
        steps = {step.id: step.shape for step in plan.steps}
        self.shapes: dict[str, Shape] = {
            id: tuple(int(size) for size in shape) for id, shape in {**given, **steps}.items()
        }
        self._updates = model.update.steps if model.update is not None and model.trained else 1
        self._found: dict[str, Reference | UnknownId] = {
            id: Reference(id) for id in self.shapes
        }

    def named(self, text: str) -> Reference:
        """The quantity that `text` names; UnknownId where there is none, or more than one."""
        found = self._found.get(text)
        if found is None:
            found = self._looked_up(text)
            if len(self._found) < _MOST_KEPT:
                self._found[text] = found
        if isinstance(found, UnknownId):
            raise found
        return found

    def is_known(self, text: str) -> bool:
        """Whether `text` is an id as it stands, or a name that was met before."""
        return isinstance(self._found.get(text), Reference)

    def shape(self, id: str) -> Shape:
        """The shape of a quantity; `id` may carry the number of a step."""
        return self.shapes[id.partition("@")[0]]

    def counted(self, id: str, index: Index) -> Index | None:
        """An index as a person writes it, counted from 0; None where there is no such entry."""
        return self._model.counted(id.partition("@")[0], index, self.shape(id))

    def first_and_last(self, id: str) -> tuple[str, str]:
        """The first and the last entry of a quantity, as a person writes them."""
        bases = self.bases(id)
        last = (str(start + size - 1) for start, size in zip(bases, self.shape(id), strict=True))
        return f"{id}[{','.join(map(str, bases))}]", f"{id}[{','.join(last)}]"

    def bases(self, id: str) -> Index:
        """From which number each axis is counted."""
        name = id.partition("@")[0]
        base = self._model.problem.convention.indices
        return self._model.index_bases(name) or (base,) * len(self.shape(id))

    def _looked_up(self, text: str) -> Reference | UnknownId:
        if len(text) > LONGEST_NAME:
            return UnknownId(f"there is no quantity {shown(text)}")
        try:
            found = reference(text, self.shapes, self._model.gradient_of, self._model.aliases)
        except UnknownId as unknown:
            return UnknownId(printable(str(unknown)), self._hint(unknown))
        if not 1 <= found.step <= self._updates:
            steps = f"{self._updates} step" + "s" * (self._updates != 1)
            return UnknownId(f"there is no step {found.step}: this problem makes {steps}")
        return found

    def _hint(self, unknown: UnknownId) -> str | None:
        """What to write instead; a long list of all ids is of no help on a sheet."""
        hint = unknown.instead
        if hint and hint.startswith("they are") and len(self.shapes) > _MANY:
            return None
        return printable(hint) if hint else None

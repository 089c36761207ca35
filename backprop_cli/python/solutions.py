"""A solved problem as Python has it: arrays by name, the trace as data, texts in every format."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import TYPE_CHECKING, Any

import numpy as np

from backprop_cli.algebra.quantity import derivative_id, typed_derivative
from backprop_cli.errors import Complaint
from backprop_cli.formats.registry import SOLUTIONS
from backprop_cli.problem.ids import Reference, UnknownIdError, reference
from backprop_cli.python import showing
from backprop_cli.python.complaining import Error, door, expect, expect_text, told
from backprop_cli.python.showing import Shown
from backprop_cli.solving.asked import asked
from backprop_cli.solving.solution import Request, solve
from backprop_cli.solving.solution import Solution as Solved

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from backprop_cli.solving.loading import Loaded


class Solution(Shown):
    """A problem worked out: forward, backward and update.

    `solution["dL/dW1"]` is an array by any name that an answer sheet may use; `trace` is the dict
    of `backprop solve --format json`; `render` writes it out.
    """

    def __init__(self, loaded: Loaded, solved: Solved) -> None:
        self._loaded = loaded
        self._solved = solved

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        """A quantity as a read-only array of float64, in the shape that the problem gives it.

        One sample is a vector of shape (n,), a batch a matrix, a loss has the shape (). An entry,
        `W1[2,1]`, has the shape (). Any gradient or Jacobian between two quantities is worked out
        where it is not among the steps. Error for a name that means nothing here.
        """
        expect_text("solution[…]", name)
        with told("solution[…]"):
            try:
                found = self._loaded.reference(name)
            except UnknownIdError:
                rule = self._solved.trace.given.get(name)  # a constant of the update, or its state
                return self._derivative(name) if rule is None else _read_only(rule.value)
        if found.step not in (1, self._at):
            message = f"{name} is of another step than the one that is worked out"
            raise Error(Complaint(message, instead=f"solve(at={found.step})"), source="solution[…]")
        return self._entry(found, self._value(found.id))

    def __iter__(self) -> Any:
        return iter(self.names)

    @property
    def names(self) -> tuple[str, ...]:
        """The ids of all that is given and computed, in the order of the derivation."""
        return (*self._solved.trace.given, *(step.id for step in self._solved.trace.steps))

    @property
    def trace(self) -> dict[str, Any]:
        """The whole derivation as plain data: what `solve --format json` writes."""
        from backprop_cli.trace_json import to_json

        return to_json(self._solved.trace)

    @door
    def render(
        self,
        format: str = "text",  # noqa: A002  # as the option of the command is called
        *,
        precision: int | None = None,
        detail: showing.Detail = "normal",
        only: str | Sequence[str] = (),
        width: int = 100,
        ascii: bool = False,  # noqa: A002
    ) -> str:
        """The derivation as `text`, `markdown`, `latex`, `html`, `json` or a program in `python`.

        `precision` are the decimals shown (None: 4, or as many as are asked), `only` the ids (or
        one), or forward, backward and update. Error for an unknown format or name.
        """
        showing.refuse_other(format, SOLUTIONS)
        view = showing.view(precision, detail, width, ascii=ascii, only=self._only(only))
        names = dict.fromkeys(each.id for each in asked(self._loaded.model, self._loaded.plan))
        with told("render"):
            shown = showing.of_problem(self._loaded.model.problem, view, tuple(names))
            return showing.solution(format, self._solved, shown)

    # What stands behind a name --------------------------------------------------------------------

    @property
    def _at(self) -> int:
        steps = self._solved.trace.steps
        return steps[0].iteration if steps else 1

    def _only(self, names: str | Sequence[str]) -> frozenset[str] | None:
        expect(isinstance(names, Sequence | Set), "only", "a name, or a list of names", names)
        if not names:
            return None
        found: set[str] = set()
        with told("only"):
            for name in (names,) if isinstance(names, str) else names:
                expect_text("only", name)
                phase = {step.id for step in self._solved.trace.steps if step.phase == name}
                found |= phase or {self._loaded.reference(name).id}
        return frozenset(found)

    def _value(self, id: str) -> NDArray[np.float64]:
        given = self._solved.trace.given.get(id)
        value = self._solved.values.get(id) if given is None else given.value
        return self._derivative(id) if value is None else value

    def _entry(self, found: Reference, value: NDArray[np.float64]) -> NDArray[np.float64]:
        if found.index is not None:
            place = self._solved.model.counted(found.id, found.index, value.shape)
            if place is None:
                raise Error(Complaint(f"there is no such entry of {found.id}"), source=found.text)
            value = value[place]
        return _read_only(value)

    def _derivative(self, name: str) -> NDArray[np.float64]:
        """A gradient or Jacobian between any two quantities."""
        pair = typed_derivative(name)
        if pair is None:
            self._loaded.reference(name)  # which says what is meant
            raise Error(Complaint(f"there is no quantity `{name}`"), source="solution[…]")
        model = self._loaded.model
        of, by = (reference(part, self._known, model.gradient_of, model.aliases) for part in pair)
        if of.id not in model.definitions or by.id not in model.shapes:
            raise Error(Complaint(f"{of.id} does not depend on {by.id}"), source="solution[…]")
        id = derivative_id(of.id, by.id)
        solved = solve(model, Request(at=self._at, steps=self._solved.steps or None, extra=(id,)))
        value = solved.values[id]
        if by.index is not None and of.index is None and len(by.index) == value.ndim:
            return self._entry(Reference(id, by.index), value)
        return self._entry(Reference(id), value[self._picked(name, of, by, value.shape)])

    def _picked(
        self, name: str, of: Reference, by: Reference, shape: tuple[int, ...]
    ) -> tuple[Any, ...]:
        """Of the Jacobian of two quantities what belongs to an entry of one, or of each."""
        model, ends = self._solved.model, [of, by]
        if model.problem.convention.jacobian == "denominator":
            ends.reverse()
        sizes = [tuple(map(int, model.shapes[each.id])) for each in ends]
        picked: list[Any] = []
        for each, size in zip(ends, sizes, strict=True):
            whole = (slice(None),) * len(size)
            place = whole if each.index is None else model.counted(each.id, each.index, size)
            if place is None or (each.index is not None and sum(sizes, ()) != shape):
                raise Error(Complaint(f"there is no such entry of {each.id}"), source=name)
            picked += place
        return tuple(picked)

    @property
    def _known(self) -> list[str]:
        return self._loaded.known()


def _read_only(value: NDArray[np.float64]) -> NDArray[np.float64]:
    value = np.asarray(value).view()
    value.flags.writeable = False
    return value

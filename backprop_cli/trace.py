"""The worked derivation as pure data: what was given, and one record a step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np
from msgspec import Struct, field
from msgspec.structs import replace
from numpy.typing import NDArray

from backprop_cli.algebra.expr import Expr, Op, Sym, op, rewrite, symbols
from backprop_cli.algebra.quantity import at_step, derivative_id, plain_id, quantity, step_of
from backprop_cli.algebra.shapes import Shape, Size, plus
from backprop_cli.readings.index_bases import Bases, bases_of

Array = NDArray[np.float64]
Phase = Literal["forward", "backward", "jacobian", "update"]


class Step(Struct, frozen=True):
    """One quantity: how it is computed from earlier ones, and what came out.

    `value` is None for a Jacobian too large to be worth its room. `axes` names what each axis runs
    over. `rule` is the stable name of the reason for the step, `words` what the quantity is.
    """

    id: str
    phase: Phase
    iteration: int
    rule: str
    expr: Expr
    axes: tuple[str, ...]
    shape: Shape
    value: Array | None
    note: str | None = None
    words: str = ""

    @property
    def inputs(self) -> tuple[str, ...]:
        """The quantities the formula uses, each once."""
        return symbols(self.expr)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Step):
            return NotImplemented
        mine, theirs = self.value, other.value
        same = mine is theirs or (
            mine is not None
            and theirs is not None
            and mine.shape == theirs.shape
            and np.array_equal(mine, theirs, equal_nan=True)
        )
        return same and all(
            getattr(self, name) == getattr(other, name)
            for name in ("id", "phase", "iteration", "rule", "expr", "axes", "shape", "note")
        )

    __hash__ = None  # type: ignore[assignment]  # holds arrays, compared by value


class Unknown(Struct, frozen=True):
    """A quantity the problem states without numbers; sizes may be letters."""

    shape: Shape
    axes: tuple[str, ...]
    role: Literal["data", "parameter"] = "data"


class Given(Struct, frozen=True):
    """A quantity the problem states: its value, its axes, and whether training changes it."""

    value: Array
    axes: tuple[str, ...] = ()
    role: Literal["data", "parameter", "constant", "state"] = "data"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Given):
            return NotImplemented
        same = np.array_equal(self.value, other.value, equal_nan=True)
        return same and (self.axes, self.role) == (other.axes, other.role)

    __hash__ = None  # type: ignore[assignment]  # holds arrays, compared by value


class OverTime(Struct, frozen=True):
    """Quantities that are one over time: `h` of `bases` is h_1, h_2, … from `first` to `last`.

    `length` is the letter that stands for the last step where the steps are not counted, and only
    some of them are written out. `of` is what is counted: pictures of a batch come in any order.
    `down`: the last step is computed first. `beside` are the bases of other lists of these steps,
    and of what is stated for each.
    `rows` are what has a row a step, and the axis they are along; None where that is not known.
    """

    letter: str
    first: int
    last: int
    bases: tuple[str, ...]
    length: str = ""
    of: Literal["step", "picture"] = "step"
    down: bool = False
    beside: tuple[str, ...] = ()
    rows: frozenset[tuple[str, int]] | None = None

    @property
    def ways(self) -> tuple[OverTime, ...]:
        """The list as one of several over the same steps, and by itself."""
        return (self, replace(self, beside=())) if self.beside else (self,)

    def has(self, name: str, axis: int) -> bool:
        """Whether a quantity may have a row a step along an axis."""
        return self.rows is None or (name, axis) in self.rows

    def is_behind(self, step: int, other: int) -> bool:
        """Whether a step is computed later than another."""
        return step < other if self.down else step > other

    @property
    def steps(self) -> range:
        """The steps, as they are counted."""
        return range(self.first, self.last + 1)

    @property
    def names(self) -> dict[str, tuple[str, ...]]:
        """Each base with what its quantities are called, in the order of the steps."""
        return {base: tuple(at_step(base, t) for t in self.steps) for base in self.bases}


def side_by_side(lists: Iterable[OverTime]) -> tuple[OverTime, ...]:
    """Lists over time, each knowing those that go over the same steps."""
    found = tuple(lists)

    def beside(one: OverTime) -> tuple[str, ...]:
        others = (other for other in found if other is not one and _same_steps(one, other))
        return (*one.beside, *(base for other in others for base in other.bases))

    return tuple(replace(one, beside=beside(one)) for one in found)


def _same_steps(one: OverTime, other: OverTime) -> bool:
    return (one.last, one.length, one.of) == (other.last, other.length, other.of)


class Trace(Struct, frozen=True):
    """A whole derivation. `samples` is the batch size, None for a single sample.

    `given` are the values before the step shown; `parameters` those after all updates; `history`
    the losses, one more than there are updates; `passed` the parameters from the start to the end,
    where updates are several and few. A derivation in symbols has no values: what the
    problem states is `unknown`, and letters stand for sizes. `over_time` says what belongs together
    over time.
    """

    title: str
    convention: Mapping[str, object]
    given: Mapping[str, Given]
    steps: tuple[Step, ...]
    parameters: Mapping[str, Array] = field(default_factory=dict)
    history: tuple[float, ...] = ()
    loss: str | None = None
    samples: Size | None = None
    unknown: Mapping[str, Unknown] = field(default_factory=dict)
    over_time: tuple[OverTime, ...] = ()
    passed: tuple[Mapping[str, Array], ...] = ()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Trace):
            return NotImplemented
        plain = (
            "title", "convention", "given", "steps", "history", "loss", "samples", "unknown",
            "over_time",
        )  # fmt: skip
        if any(getattr(self, name) != getattr(other, name) for name in plain):
            return False
        return self.parameters.keys() == other.parameters.keys() and all(
            np.array_equal(value, other.parameters[name]) for name, value in self.parameters.items()
        )

    __hash__ = None  # type: ignore[assignment]  # holds arrays, compared by value

    @property
    def bases(self) -> Bases:
        """What the entries of every quantity are counted from."""
        axes = {id: each.axes for id, each in self.given.items()}
        return bases_of(
            self.convention, axes | {id: each.axes for id, each in self.unknown.items()}
        )

    @property
    def matrices(self) -> frozenset[str]:
        """The ids of what is stated and is a matrix, or more than one."""
        shapes = {id: each.value.shape for id, each in self.given.items()}
        shapes |= {id: each.shape for id, each in self.unknown.items()}
        return frozenset(id for id, shape in shapes.items() if len(shape) > 1)

    @property
    def quantities(self) -> frozenset[str]:
        """The ids of what is stated or worked out; the constants of an update rule are none."""
        stated = {id for id, each in self.given.items() if each.role != "constant"}
        return frozenset((*stated, *self.unknown, *(step.id for step in self.steps)))

    @property
    def states(self) -> frozenset[str]:
        """The ids of what the update rule keeps of parameters, or works out on the way."""
        return states_of((step.id, step.rule) for step in self.steps)

    def step(self, id: str) -> Step:
        """The step that gives `id`; KeyError where there is none."""
        for step in self.steps:
            if step.id == id:
                return step
        raise KeyError(id)


def states_of(rules: Iterable[tuple[str, str]]) -> frozenset[str]:
    """Of ids with the rule of each, those of states."""
    return frozenset(plain_id(id) for id, rule in rules if rule.endswith("-state"))


# One formula for every step in time ---------------------------------------------------------------


def at_letter(expr: Expr, over: OverTime, step: int, first: int, *, rows: bool = True) -> Expr:
    """The formula of a step in the letter that counts them.

    `first` is what indices count from; with `rows`, x[3] is a row of its step.
    """

    def renamed(node: Expr) -> Expr | None:
        match node:
            case Sym(name):
                return Sym(name_at_letter(name, over, step))
            case Op("at", (Sym(name),)) if rows and not step_of(name):
                index = node.option("index")
                assert isinstance(index, tuple)
                held = [(axis, one) for axis, one in enumerate(index) if one is not None]
                if len(held) == 1 and isinstance(held[0][1], int) and over.has(name, held[0][0]):
                    place = plus(over.letter, held[0][1] + first - step)
                    if len(index) == 1 and not quantity(name).by:
                        return Sym(at_step(name, place))
                    letters = tuple(one if one is None else place for one in index)
                    return op("at", Sym(name), index=letters)
        return None

    return rewrite(expr, renamed)


def name_at_letter(name: str, over: OverTime, step: int) -> str:
    """`dL/dh_3` as `dL/dh_{t+1}` where t is 2; names that are not over time as they are."""
    found = quantity(name)
    if found.by and not found.index and found.step == 1 and not found.part and not found.state:
        inner = (name_at_letter(each, over, step) for each in (found.name, found.by))
        return derivative_id(*inner)
    own = step_of(name)
    if own is None or own[0] not in (*over.bases, *over.beside):
        return name
    return at_step(own[0], plus(over.letter, own[1] - step))

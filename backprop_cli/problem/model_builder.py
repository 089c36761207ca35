"""The model of a network while its layers are read from the first to the last."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

from msgspec import Struct, field

from backprop_cli.algebra.expr import Expr, Sym, op
from backprop_cli.algebra.quantity import at_step, layer_id, printed_names
from backprop_cli.algebra.shapes import Shape, ShapeError, Size, described
from backprop_cli.errors import Complaints
from backprop_cli.operations.table import Sizes
from backprop_cli.problem.model import Array, Equation, Remark, axes_of, state_shape
from backprop_cli.problem.problem_data import (
    TRAINED_SLOPE,
    Convention,
    Function,
    Layer,
    Problem,
    kinks,
)
from backprop_cli.trace import Given, Unknown

Role: TypeAlias = Literal["data", "parameter", "constant"]
Holds: TypeAlias = Literal["weights", "bias", "both"]
"""What a parameter holds; both where the biases are a row or column of a matrix of weights."""

PICTURE = ("channel", "height", "width")
"""The axes of a picture; of one without channels the last two."""

SEQUENCE = ("step", "input")
"""The axes of a sequence, a vector a time step."""

PRE, POST, WEIGHTS, BIAS = "Z", "H", "W", "b"


class Draft(Struct):
    """The quantities and equations gathered so far.

    Where something cannot be read or does not fit, its shape alone takes its place, so that what
    comes after can still be checked. `doubtful` are the names whose shape is then a guess,
    `guessed` the layers whose number of units is; nothing is said about how those fit. Without
    `numbers` a problem may state shapes alone, with letters for sizes. `over_time` are the bases of
    what there is once a step, and how many steps; `steps_of` the same of what a layer puts out.
    `pictures` is how many go through the layers side by side; None for one, and where they have met
    in a batch of vectors.
    """

    problem: Problem
    complaints: Complaints
    samples: Size | None
    certain_samples: bool = True
    numbers: bool = True
    given: dict[str, Given] = field(default_factory=dict)
    unknown: dict[str, Unknown] = field(default_factory=dict)
    shapes: dict[str, Shape] = field(default_factory=dict)
    equations: list[Equation] = field(default_factory=list)
    wanted: list[str] = field(default_factory=list)
    trained: list[str] = field(default_factory=list)
    neighbours: list[tuple[str, str]] = field(default_factory=list)
    units: list[Size] = field(default_factory=list)
    penalised: list[tuple[str, Holds]] = field(default_factory=list)
    doubtful: set[str] = field(default_factory=set)
    guessed: set[int] = field(default_factory=set)
    summed: dict[str, Expr] = field(default_factory=dict)
    over_time: dict[str, int] = field(default_factory=dict)
    steps_of: dict[str, tuple[str, int]] = field(default_factory=dict)
    pictures: int | None = None

    @property
    def convention(self) -> Convention:
        """The conventions of the file."""
        return self.problem.convention

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers as written."""
        return self.problem.layers or ()

    @property
    def last_activation(self) -> Function:
        """What the prediction comes out of."""
        return self.layers[-1].activation

    @property
    def ends_plainly(self) -> bool:
        """Whether the prediction is the last activation, nothing added to it or taken away."""
        last = self.layers[-1]
        return last.dropout is None and not any(skip.into == "post" for skip in last.skips)

    @property
    def input(self) -> str:
        """What x is: samples, one picture, a list of them, one sequence."""
        return self.problem.input

    @property
    def unit_axis(self) -> int | None:
        """The axis of the units in a batch; None for a single sample, which has no other."""
        return None if self.samples is None else 1 if self.convention.rows else 0

    @property
    def samples_of_x(self) -> int | None:
        """How many samples the numbers of x are, whichever of them are in this batch."""
        x = self.problem.x.array if self.problem.x is not None else None
        if x is None or self.input not in ("samples", "pictures"):
            return None
        return None if x.ndim < 2 else int(x.shape[0])

    @property
    def aliases(self) -> dict[str, str]:
        """The last layer's output has two names, and each the one that `notation` prints."""
        return printed_names(self.problem.notation, len(self.layers))

    def output_of(self, layer: int) -> str:
        """What layer `layer` puts out (0 is the input)."""
        if layer == 0:
            return "X"
        return "Yhat" if layer == len(self.layers) else layer_id(POST, layer)

    def takes_vector(self, number: int) -> bool:
        """Whether a vector comes into layer `number`; a complaint, and a stand-in, if not."""
        source = self.output_of(number - 1)
        several = self.samples is not None
        if several or len(self.shapes[source]) == 1 or source in self.doubtful:
            return True
        gives = "x is" if number == 1 else f"layer {number - 1} gives"
        layer = self.layers[number - 1]
        if layer.own:  # else it is not known of which type it is
            self.complaints.add(
                f"layer {number} is {layer.type} and takes a vector: {gives} "
                f"{described(self.shapes[source])}",
                layer.mark,
                "- {type: flatten} in the line before it",
            )
        self.stand_in(number, ())
        return False

    # Over time --------------------------------------------------------------------------------

    def goes_over_time(self, layer: int) -> bool:
        """Whether a layer puts out something at every step."""
        return self.output_of(layer) in self.steps_of

    def positions_into(self, number: int) -> int | None:
        """How many steps or positions come into layer `number`; None if it is no sequence."""
        source = self.output_of(number - 1)
        if source in self.steps_of:
            return self.steps_of[source][1]
        shape = self.shapes[source]
        if self.samples is not None or len(shape) != 2 or not isinstance(shape[0], int):
            return None
        return shape[0] if self.axes_of(source)[:1] == SEQUENCE[:1] else None

    def steps_into(self, number: int) -> int | None:
        """How many steps come into layer `number`; None, with a complaint, if it is no sequence."""
        source = self.output_of(number - 1)
        if source in self.steps_of:
            return self.steps_of[source][1]
        shape = self.shapes[source]
        if source in self.doubtful:
            return None
        if self.samples is None and len(shape) == 2 and isinstance(shape[0], int):
            return shape[0]
        layer = self.layers[number - 1]
        gives = "x is" if number == 1 else f"layer {number - 1} gives"
        what = described(shape) if self.samples is None else "several samples"
        message = f"layer {number} is {layer.type} and goes over a sequence: {gives} {what}"
        instead = "`input: sequence`, with x a list of vectors, one a step"
        self.complaints.add(message, layer.mark, instead if number == 1 else None)
        return None

    def input_at(self, layer: int, step: int) -> Expr:
        """What layer `layer` puts out at a step (0: the step's row of x)."""
        source = self.output_of(layer)
        if source in self.steps_of:
            return Sym(at_step(self.steps_of[source][0], step))
        return op("at", Sym(source), index=(step - 1,))

    def inputs_at(self, layer: int) -> Size:
        """How many numbers that is."""
        source = self.output_of(layer)
        return self.units[layer] if source in self.steps_of else self.shapes[source][1]

    def at_last(self, number: int) -> bool:
        """Whether a layer is about the last step alone."""
        return self.layers[number - 1].own.get("at") == "last-step"

    def add_over_time(self, bases: Iterable[str], steps: int) -> None:
        """Notes what there is once a step."""
        self.over_time |= dict.fromkeys(bases, steps)

    def put_out_over_time(self, number: int, base: str, steps: int) -> None:
        """What a layer puts out: all steps, a row each."""
        name = self.output_of(number)
        rows = [Sym(at_step(base, step)) for step in range(1, steps + 1)]
        self.define(
            name, op("stack", *rows), "over-time", ("step", "unit"), "all steps, a row each"
        )
        self.steps_of[name] = (base, steps)

    def stand_in(self, number: int, ids: tuple[str, ...]) -> None:
        """Notes a layer whose equations cannot be told, so that those behind it can be checked."""
        for letter in ids:
            self.computed_anyhow(layer_id(letter, number))
        self.computed_anyhow(self.output_of(number))
        self.units.append(1)
        self.guessed.add(number)

    def computed_anyhow(self, name: str) -> None:
        """A quantity of which nothing is known but that there will be one."""
        self.state(name, self.shape(1), self.axes(), "data")
        self.doubtful.add(name)

    def axes(self, what: str = "unit") -> tuple[str, ...]:
        """The axes of a quantity of one layer."""
        if self.samples is None:
            return (what,)
        return ("sample", what) if self.convention.rows else (what, "sample")

    def axes_of(self, name: str) -> tuple[str, ...]:
        """What the axes of a quantity that is there already run over."""
        return axes_of(name, self.equations, self.given, self.unknown)

    def shape(self, units: Size) -> Shape:
        """The shape of a quantity with so many units."""
        if self.samples is None:
            return (units,)
        return (self.samples, units) if self.convention.rows else (units, self.samples)

    def sizes(self) -> Sizes:
        """The shapes so far, for those who ask for the shape of an expression."""
        return Sizes(self.shapes, kinks(self.convention.kinks))

    def give(self, name: str, value: Array, axes: tuple[str, ...], role: Role) -> None:
        """A quantity that the file states."""
        self.given[name] = Given(value, axes, role)
        self.shapes[name] = value.shape

    def state(
        self, name: str, shape: Shape, axes: tuple[str, ...], role: Literal["data", "parameter"]
    ) -> None:
        """A quantity that the file states without numbers, or with numbers that cannot be used."""
        self.unknown[name] = Unknown(shape, axes, role)
        state_shape(self.shapes, name, shape)

    def parameter(
        self, name: str, value: Array | None, shape: Shape, axes: tuple[str, ...], trained: bool
    ) -> None:
        """A parameter that the file states; None where its numbers are unknown."""
        if value is None:
            self.state(name, shape, axes, "parameter")
        else:
            self.give(name, value, axes, "parameter")
        if trained:
            self.wanted.append(name)
            self.trained.append(name)

    def define(
        self,
        name: str,
        expr: Expr,
        rule: str,
        axes: tuple[str, ...],
        words: str,
        remark: Remark | None = None,
    ) -> None:
        """A quantity that is computed; behind a complaint it may be of what is not there."""
        self.equations.append(Equation(name, expr, rule, axes, words, remark))
        try:
            self.shapes[name] = self.sizes().shape(expr)
        except (ShapeError, KeyError):
            if not self.complaints.found:
                raise
            self.shapes[name] = ()
            self.doubtful.add(name)


def rule_of(activation: Function) -> str:
    """The stable name of the step that applies an activation."""
    own = activation.name is None or activation.name == TRAINED_SLOPE
    return "formula" if own else str(activation.name)

"""What a problem file says, as frozen data: the shape of the file, nothing worked out yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import numpy as np
from msgspec import Struct, field
from msgspec.structs import asdict, replace
from numpy.typing import NDArray

from backprop_cli.algebra.quantity import Letters
from backprop_cli.algebra.shapes import Size
from backprop_cli.errors import Mark

Assumption: TypeAlias = Literal["symmetric", "one-hot", "distribution"]
"""What derivations may use of a quantity that the file gives."""


class Text(Struct, frozen=True):
    """A formula, name or id as it stands in the file, and where it begins."""

    text: str
    mark: Mark = Mark()


class ForEach(Struct, frozen=True):
    """Equations written once under `for t in 1..3`, and taken for each t from first to last."""

    letter: str
    first: Text
    last: Text
    equations: tuple[Text, ...]
    mark: Mark = Mark()


class Values(Struct, frozen=True):
    """Numbers as written: a scalar (0 axes), a vector (1), a matrix (2, rows first) or lists.

    `array` is None where the text could not be read (a complaint says so). `free` holds the letters
    that stand in place of numbers, by position; those entries of `array` are nan.
    """

    array: NDArray[np.float64] | None
    mark: Mark = Mark()
    free: tuple[tuple[tuple[int, ...], str], ...] = ()


class Labels(Struct, frozen=True):
    """Class numbers that stand for one-hot targets."""

    labels: tuple[int, ...]
    classes: int
    mark: Mark = Mark()


class Kinks(Struct, frozen=True):
    """The value taken where a derivative does not exist, and the step's own value at zero.

    Where several are the largest, `max` says which of them have the gradient: the `first`, all of
    them in equal shares, or each this multiple of it.
    """

    relu: float = 0.0
    leaky_relu: float = 0.0
    max: float | Literal["first", "shared"] = "first"
    abs: float = 0.0
    hinge: float = 0.0
    step: float = 0.0
    step_at_zero: float = 1.0


class Convention(Struct, frozen=True):
    """The conventions of the file, defaults filled in; `stated` are the keys that it has.

    `oriented`: what it says of how a layer is written could be read.
    """

    affine: Literal["W x + b", "W^T x + b", "x W + b", "x W^T + b"] = "W x + b"
    bias: Literal["separate", "first", "last"] = "separate"
    bias_input: float = 1.0
    jacobian: Literal["numerator", "denominator"] = "numerator"
    indices: Literal[0, 1] = 1
    output_gradient: Literal["chain", "fused"] = "chain"
    batch_gradients: Literal["mean", "per-sample"] = "mean"
    kinks: Kinks = Kinks()
    convolution: Literal["cross-correlation", "flipped"] = "cross-correlation"
    log: Literal["natural", "2", "10"] = "natural"
    stated: frozenset[str] = frozenset()
    oriented: bool = True

    @property
    def rows(self) -> bool:
        """Whether samples are rows (x W) instead of columns (W x)."""
        return self.affine.startswith("x")

    @property
    def transposed(self) -> bool:
        """Whether W is written transposed in the formula."""
        return "^T" in self.affine


TRAINED_SLOPE = "prelu"
"""A ReLU whose slope below 0 is a parameter of the layer, so that it is no function of z alone."""


class Function(Struct, frozen=True):
    """An activation or a loss: its name and constants, or a formula."""

    name: str | None
    options: tuple[tuple[str, float], ...] = ()
    formula: Text | None = None
    mark: Mark = Mark()


class Skip(Struct, frozen=True):
    """A connection that adds layer `source`'s output (0 is x), times its `weights` if any.

    `weighted`: it has weights, whose numbers are not given.
    """

    source: int
    weights: Values | None = None
    weighted: bool = False
    into: Literal["pre", "post"] = "pre"
    mark: Mark = Mark()


class Dropout(Struct, frozen=True):
    """Which outputs of a layer are kept, 1 or 0 each, and what these are divided by."""

    mask: Values
    keep: float


class Layer(Struct, frozen=True):
    """One layer: its type, what the keys of that type say (`own`), activation, what is trained.

    A dense layer has weights or just a number of units, perhaps a bias and skips. `biased`: it has
    a bias, whose numbers are not given. `train` are the keys whose numbers are trained.
    """

    type: str = "dense"
    own: Mapping[str, Any] = field(default_factory=dict)
    activation: Function = Function("linear")
    dropout: Dropout | None = None
    train: frozenset[str] = frozenset({"weights", "bias"})
    mark: Mark = Mark()

    def numbers(self, key: str) -> Values | None:
        """The numbers that stand at a key; None where there are none."""
        found = self.own.get(key)
        return found if isinstance(found, Values) else None

    def whole(self, key: str) -> int:
        """The whole number at a key that has a default."""
        return int(self.own[key])

    @property
    def weights(self) -> Values | None:
        """The weights of a dense layer."""
        return self.numbers("weights")

    @property
    def bias(self) -> Values | None:
        """The bias, where its numbers are given."""
        return self.numbers("bias")

    @property
    def biased(self) -> bool:
        """Whether there is a bias without numbers."""
        return self.own.get("bias") is True

    @property
    def units(self) -> Size | None:
        """How many units a dense layer has, where it is said."""
        return self.own.get("units")

    @property
    def skips(self) -> tuple[Skip, ...]:
        """What else is added to a dense layer."""
        return self.own.get("skip") or ()


class Loss(Struct, frozen=True):
    """The loss, and how it is taken over the samples, and over the steps of a sequence."""

    function: Function
    over_samples: Literal["mean", "sum"] = "mean"
    over_steps: Literal["sum", "mean"] = "sum"


class Penalty(Struct, frozen=True):
    """λ·½ΣW², or without the ½, and λΣ|W|; `on` names the parameters (None: all weights)."""

    l2: float = 0.0
    l1: float = 0.0
    form: Literal["half", "full"] = "half"
    divided_by_samples: bool = False
    biases: bool = False
    on: tuple[Text, ...] | None = None
    mark: Mark = Mark()


class Update(Struct, frozen=True):
    """The rule that makes new parameters from gradients, and for how many steps.

    `constants` are the rule's numbers by their key in the file (learning_rate, beta, …), defaults
    filled in; `rates` are the learning rates of the steps where each has its own. `decay` is λ of
    W − ηλW, of weights alone. All gradients are made shorter together where they are longer than
    `longest`, or every entry of them cut off at `largest`. `batches` is a batch size or explicit
    sample numbers, as written (from `indices`).
    """

    rule: str
    form: str | None = None
    constants: tuple[tuple[str, float], ...] = ()
    t: int = 1
    steps: int = 1
    state: Mapping[str, tuple[Text, Values]] = field(default_factory=dict)
    batches: int | tuple[tuple[int, ...], ...] | None = None
    rates: tuple[float, ...] = ()
    decay: float = 0.0
    longest: float | None = None
    largest: float | None = None
    mark: Mark = Mark()
    batches_mark: Mark = Mark()

    @property
    def plain_descent(self) -> bool:
        """Whether the change is −η times the gradient and nothing else."""
        clipped = self.longest is not None or self.largest is not None
        return self.rule == "sgd" and not self.decay and not clipped


class Digits(Struct, frozen=True):
    """A number of digits: decimals, or significant ones."""

    count: int
    kind: Literal["decimals", "significant"] = "decimals"


ASSUMED = Digits(3)
"""The least digits of answers where a problem asks for none."""


class Rounding(Struct, frozen=True):
    """How a person rounds after every step."""

    digits: Digits
    mode: Literal["half-up", "half-even", "truncate"] = "half-up"


class Grading(Struct, frozen=True):
    """How answers are marked; `points` by id as written.

    `rtol` is the tolerance for what a program computed, by the largest entry of each quantity;
    without it, it is that of the type of the floats.
    """

    precision: Digits | None = None
    points: tuple[tuple[Text, float], ...] = ()
    entries: Literal["proportional", "all-or-nothing"] = "proportional"
    carried: float = 1.0
    imprecise: float = 0.5
    passing: float = 0.6
    rtol: float | None = None


class Interval(Struct, frozen=True):
    """Numbers from one to another, both included."""

    from_: float
    to: float

    def holds(self, value: float) -> bool:
        """Whether a number is among them."""
        return self.from_ <= value <= self.to


class Problem(Struct, frozen=True):
    """A problem file. Either `layers`, or `equations` with `values`/`shapes`, or `gradients`.

    `lost` are the words of equations and values that could not be read: who uses them is not wrong.
    """

    title: str = ""
    source: str = ""
    id: str = ""
    notes: str = ""
    convention: Convention = Convention()
    notation: Letters = Letters()
    x: Values | None = None
    y: Values | Labels | None = None
    input: Literal["samples", "picture", "pictures", "sequence"] = "samples"
    inputs: Size | None = None
    samples: Size | None = None
    layers: tuple[Layer, ...] | None = None
    equations: tuple[Text | ForEach, ...] | None = None
    values: Mapping[str, tuple[Text, Values]] = field(default_factory=dict)
    shapes: Mapping[str, tuple[Text, tuple[Size, ...]]] = field(default_factory=dict)
    assume: Mapping[str, tuple[Text, Assumption]] = field(default_factory=dict)
    train: tuple[Text, ...] | None = None
    differentiate: Text | None = None
    loss: Loss | None = None
    penalty: Penalty | None = None
    upstream: Mapping[str, tuple[Text, Values]] = field(default_factory=dict)
    update: Update | None = None
    gradients: Mapping[str, tuple[Text, Values]] = field(default_factory=dict)
    ask: tuple[Text, ...] | None = None
    grading: Grading = Grading()
    rounding: Rounding | None = None
    vary: Mapping[str, tuple[Text, Interval | Literal["keep"]]] = field(default_factory=dict)
    lost: frozenset[str] = frozenset()

    @property
    def in_letters(self) -> bool:
        """Whether it states sizes alone, and no numbers that could be computed with."""
        if self.layers:
            numbers = self.x is not None or any(layer.weights for layer in self.layers)
            return not numbers and any(layer.units for layer in self.layers)
        return bool(self.equations and self.shapes and not self.values)

    @property
    def has_letters(self) -> bool:
        """Whether letters stand in place of some of the numbers it starts from."""
        x = self.x is not None and bool(self.x.free)
        return x or any(values.free for _, values in self.values.values())


def kinks(values: Kinks) -> dict[str, float | str]:
    """Each kink's value by the name of its operation; that of a tie may be a word."""
    return asdict(values)


# With numbers for letters -------------------------------------------------------------------------


_STAND_IN = 0.5  # takes the place of a letter where only formulas count


def with_numbers(problem: Problem) -> Problem:
    """The problem with numbers in place of its letters, so that its model can be built."""
    values = {name: (text, _numbered(each)) for name, (text, each) in problem.values.items()}
    x = _numbered(problem.x) if problem.x is not None else None
    return replace(problem, x=x, values=values)


def _numbered(values: Values) -> Values:
    if values.array is None or not values.free:
        return values
    return Values(np.where(np.isnan(values.array), _STAND_IN, values.array), values.mark)

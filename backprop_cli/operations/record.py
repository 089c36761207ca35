"""The frozen record of one operation: all that the rest of the program may know about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NoReturn, Protocol, TypeAlias

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Op, op, substitute
from backprop_cli.algebra.shapes import Shape, Size, combined


class UnknownPlaceError(Exception):
    """Something that depends on which number a letter stands for."""


class Lettered(Struct, frozen=True):
    """i, i + 1, 2 i + k - 2: a number that is worked out from those which letters stand for."""

    text: str

    def __add__(self, other: Position) -> Position:
        return _worked_out((1, self), (1, other))

    def __radd__(self, other: int) -> Position:
        return _worked_out((1, self), (1, other))

    def __sub__(self, other: Position) -> Position:
        return _worked_out((1, self), (-1, other))

    def __rsub__(self, other: int) -> Position:
        return _worked_out((-1, self), (1, other))

    def __mul__(self, times: int) -> Position:
        return _worked_out((times, self))

    def _unknown(self, *_: object) -> NoReturn:
        raise UnknownPlaceError

    __lt__ = __le__ = __gt__ = __ge__ = __index__ = _unknown
    __floordiv__ = __mod__ = _unknown


def _worked_out(*terms: tuple[int, Position]) -> Position:
    sizes = ((n, each.text if isinstance(each, Lettered) else each) for n, each in terms)
    return placed(combined(*sizes))


def placed(size: Size) -> Position:
    """A number, or what letters say."""
    return size if isinstance(size, int) else Lettered(size)


Position: TypeAlias = "int | Lettered"
Index: TypeAlias = "tuple[Position, ...]"


Array: TypeAlias = NDArray[np.float64]


class Rules(Protocol):
    """What a pull-back may ask: the shape of any expression, and the values taken at kinks."""

    def shape(self, expr: Expr) -> Shape:
        """The shape of `expr`."""

    def kink(self, name: str) -> float:
        """The value taken for the derivative of `name` where it does not exist."""

    def tie(self) -> float | str:
        """What each of several equal maxima has: `first`, `shared`, or a number."""


class OtherShapes(Struct, frozen=True):
    """Rules by which shapes are told in another way; kinks are as they were."""

    rules: Rules
    shapes: Callable[[Expr], Shape]

    def shape(self, expr: Expr) -> Shape:
        """The shape of `expr`."""
        return self.shapes(expr)

    def kink(self, name: str) -> float:
        return self.rules.kink(name)

    def tie(self) -> float | str:
        return self.rules.tie()


def standing_for(rules: Rules, names: Mapping[str, Expr]) -> OtherShapes:
    """The rules where names stand for formulas."""
    return OtherShapes(rules, lambda expr: rules.shape(substitute(expr, names)))


ShapeRule: TypeAlias = Callable[[tuple[Shape, ...], Op], Shape]
Value: TypeAlias = Callable[..., Array]
Definition: TypeAlias = Callable[[Op, Rules], "Expr | None"]
Shares: TypeAlias = tuple[Expr | None, ...]
Derivative: TypeAlias = Callable[[Expr, Expr, Op, Rules], Expr]
Pullback: TypeAlias = Callable[[Expr, Expr, Op, Rules], Shares]
Corners: TypeAlias = Callable[[Op], tuple[tuple[float, float], ...]]
Along: TypeAlias = tuple[tuple[Expr, int], ...]
"""What runs along one index: an axis of an expression, or of several that are multiplied."""
Trouble: TypeAlias = Callable[..., NDArray[np.bool_]]


class Entries(Protocol):
    """What writes entries, with numbers or with letters as indices."""

    def shape(self, expr: Expr) -> Shape:
        """The shape of `expr`."""

    def at(self, expr: Expr, index: Index) -> Expr:
        """An entry of an expression."""

    def terms(self, along: Sequence[Along], body: Callable[[Index], Expr]) -> list[Expr]:
        """The body for each entry along some axes; UnknownPlaceError where sizes are letters."""

    def total(self, node: Op, along: Sequence[Along], body: Callable[[Index], Expr]) -> Expr:
        """The sum of these, as terms or as a sum over letters; `node` is what adds up."""

    def largest(self, along: Sequence[Along], body: Callable[[Index], Expr]) -> Expr:
        """The largest of these, two at a time or over letters."""

    def same(self, one: Position, other: Position) -> Expr:
        """1 where two positions are the same, else 0."""

    def within(self, one: Position, first: Position, last: Position) -> Expr:
        """1 where a position is between two others, or at one of them, else 0."""


Entry: TypeAlias = Callable[[Op, Index, Entries], Expr]


class Stage(Struct, frozen=True):
    """A step in which a person works an operation out: its name, what it is, its formula.

    The name of the last is empty: it is the result.
    """

    name: str
    words: str
    expr: Expr


class Notation(Struct, frozen=True):
    """How an operation is written. `text` and `latex` are its symbol or function name.

    `infix`: between its arguments; `prefix`: before; `postfix`: after; `function`: name(args);
    `special`: the writers know the form by the operation's name; `defined`: as its definition.
    A higher `precedence` binds tighter: 1 sums, 2 products, 3 signs, 4 powers, 5 what follows a
    name, 6 names.
    """

    kind: Literal["infix", "prefix", "postfix", "function", "special", "defined"]
    text: str
    latex: str = ""
    precedence: int = 5


class Domain(Struct, frozen=True):
    """Where an operation is not defined: a mask over its result, and what to say there."""

    outside: Trouble
    words: str


def no_corners(_: Op) -> tuple[tuple[float, float], ...]:
    """None, whatever the options of the operation are."""
    return ()


class Operation(Struct, frozen=True):
    """One operation.

    `words` says what it does. `shape` gives the result's shape and raises ShapeError.
    `definition(node, rules)` is the operation written in others; None where nobody writes so much.
    Whatever reading has no form of
    its own for an operation reads that, and for one without a definition its entries, of which
    `entry(node, index, write)` is one. All that follows says what a definition does not, or better:

    `value` takes arrays and the options by keyword. Elementwise operations may state
    `derivative(x, r, node, rules)`, an expression in the argument x and the result r; the others
    `pullback(g, r, node, rules)`, the share of each argument (None where it has none) in the
    upstream gradient g. `stages` are the steps of a definition that a person has names for.
    `options` maps each option to its default (`...` where it must be given).
    `defaults` are those of the last arguments, where a file may leave them out.
    `corners(node)` are other places where its slopes on two sides differ, each with the one that
    the derivative takes there.
    `also` are other names that a file may use. `taken`: no quantity may be called so. Where courses
    call a result by the word, as `var` is the variance beside the mean `mu`, it is not.

    `rises`: in every argument, so that its bounds are its values at the ends. `moves`: it only
    picks entries, repeats them and puts 0 or −∞ beside them, and so rises, too. `exact`: it brings
    no new digits, and nobody rounds after it. `adds`: no new decimals, but new significant digits.
    `multiplies`: whoever has a calculator works out a sum of such products in one go.
    `in_one_step`: nobody writes down anything within it, it being one key of a calculator. `least`:
    its values are never below. `vanishes`: they are above 0, and so small somewhere that a float is
    0. `unfamiliar`: not every reader knows it; a page says what it is.
    `along`: an axis; it `reduces` where that axis is gone afterwards.
    """

    name: str
    words: str
    notation: Notation
    shape: ShapeRule
    value: Value | None = None
    arity: int | None = 1
    elementwise: bool = False
    derivative: Derivative | None = None
    pullback: Pullback | None = None
    stages: Callable[[Op, Rules], tuple[Stage, ...]] | None = None
    definition: Definition | None = None
    entry: Entry | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    defaults: tuple[Expr, ...] = ()
    domain: Domain | None = None
    kink: str | None = None
    corners: Corners = no_corners
    activation: bool = False
    public: bool = True
    taken: bool = True
    also: tuple[str, ...] = ()
    rises: bool = False
    moves: bool = False
    exact: bool = False
    adds: bool = False
    multiplies: bool = False
    in_one_step: bool = False
    least: float | None = None
    vanishes: bool = False
    unfamiliar: bool = False
    along: bool = False
    reduces: bool = False


# Shares of a gradient ---------------------------------------------------------------------------


def fit(share: Expr, like: Expr, rules: Rules) -> Expr:
    """`share` with the shape of `like`: summed over what was broadcast, spread where it is small.

    The gradient of a broadcast argument is the sum over its copies: each copy acts on the loss.
    """
    have, want = rules.shape(share), rules.shape(like)
    if have == want:
        return share
    if not want:
        return total(share)
    if len(have) == len(want):
        for axis, (size, wanted) in enumerate(zip(have, want, strict=True)):
            if wanted == 1 and size != 1:
                share = total(share, axis=axis, keep=1)
    return in_shape(share, want, rules)


def in_shape(expr: Expr, shape: Shape, rules: Rules) -> Expr:
    """`expr`, or the number that it is in every entry of an array."""
    return expr if rules.shape(expr) == shape else op("spread", expr, shape=shape)


def total(a: Expr, axis: int | None = None, keep: int | None = None) -> Expr:
    """The sum of `a`, its numeric factor drawn to the front."""
    factor, rest = build.coefficient(a)
    if rest == build.ONE or (getattr(rest, "name", "") == "spread"):
        return op("sum", a, axis=axis, keep=keep)
    return build.scaled(factor, op("sum", rest, axis=axis, keep=keep))

"""A formula to the name of what it is: a loss that is written out, else the operation in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache, partial
from itertools import count, repeat
from math import prod

import numpy as np
from msgspec import Struct

from backprop_cli.algebra.expr import (
    Expr,
    Num,
    Op,
    Sym,
    num,
    op,
    rewrite,
    signed_terms,
    substitute,
    symbols,
    uses,
    walk,
)
from backprop_cli.algebra.shapes import Shape, Size
from backprop_cli.operations.losses import LOSSES, Loss, Setting
from backprop_cli.operations.record import Array
from backprop_cli.operations.slicing import choices
from backprop_cli.operations.table import TABLE, Sizes, operation
from backprop_cli.readings.values import evaluate

_MOST_ENTRIES = 10_000
_TRIED = ((0.31, 0.5), (0.77, 0.2), (0.13, 0.9))  # where two formulas are compared
_FAR = ((0.47, 0.6), (0.05, 0.3))  # and far out, where one of them may have another piece
_REACH = 20.0  # how far out that is
_PIECES = frozenset({"huber", "clip", "switch", "choose", "sign"})
"""What is made of pieces, beside all that has a kink."""

_ARITHMETIC = frozenset({"add", "sub", "neg", "mul", "div", "pow", "sum", "mean", "dot", "at"})
"""What has no logarithm: ln(exp(z)) − y·z of one entry is (1 − y)·z, and that is no loss."""

_GOLDEN = 0.6180339887498949  # its multiples fall everywhere between 0 and 1
_MEAN = {"mean-squared-error": "mean squared error"}
"""Over what the mean is taken, outputs or samples, a formula does not say."""
_LETTERS = 3  # a size that is a letter may be any number from here on


def rule_of(expr: Expr) -> str:
    """The stable name of the step: the operation, numbers before it and its sign apart."""
    match expr:
        case Sym():
            return "copy"
        case Num():
            return "constant"
        case Op("neg", (Op() as inner,)) | Op("mul", (Num(), Op() as inner)):
            return rule_of(inner)
        case Op("div", (Op("sum_pool"), _)):
            return "mean_pool"  # over what there is of each window
        case Op("div", (Op() as inner, divisor)) if not symbols(divisor):
            return rule_of(inner)
        case Op("pow", (base, Num(value))) if value == 2:
            return "squared-length" if isinstance(base, Op) and base.name == "norm" else "square"
        case Op("add") if _is_weighted_sum(expr):
            return "affine"
        case Op("at"):
            return _taken(expr)
        case Op("add" | "sub", (Op("conv"), Sym() | Op("per_channel"))):
            return "conv"  # with its bias
    return expr.name


def _taken(expr: Op) -> str:
    """What is taken out: rows by number, several entries, a row, a column, or an entry."""
    index = choices(expr)
    if any(isinstance(choice, list) for choice in index):
        return "rows"
    if any(isinstance(choice, tuple) for choice in index):
        return "at-several"
    if None not in index:
        return "at"
    return "at-column" if index[0] is None else "at-row"


def met(expr: Expr, name: str) -> Expr:
    """What a name meets in a formula: of a sum the one term that has it, where it is a formula."""
    while isinstance(expr, Op) and expr.name in ("add", "sub"):
        terms = [term for term in expr.args if name in symbols(term)]
        if len(terms) != 1 or _is_added_whole(terms[0]):
            break
        expr = terms[0]
    return expr


def _is_added_whole(term: Expr) -> bool:
    """Whether a term is a quantity itself, or one that is added to every row or column."""
    match term:
        case Sym() | Op("row" | "column", (Sym(),)):
            return True
    return False


def _is_weighted_sum(expr: Expr) -> bool:
    """Whether it is W x + b, as every layer has it: products of two, and what is added to them."""
    terms = [*signed_terms(expr)]
    return any(isinstance(node, Op) and node.name == "matmul" for _, node in terms) and all(
        sign > 0
        and (isinstance(node, (Sym, Num)) or node.name in ("matmul", "row", "column", "at"))
        for sign, node in terms
    )


class NamedLoss(Struct, frozen=True):
    """A loss that a formula is: of what, compared with what, over how many it is the mean."""

    loss: Loss
    prediction: str
    target: Expr
    mean_over: Size = 1

    @property
    def words(self) -> str:
        """What it is called, and over how many it is the mean where the name does not say it."""
        words = _MEAN.get(self.loss.name, self.loss.words)
        return words if self.mean_over == 1 else f"{words}, mean over {self.mean_over}"


def losses_of(
    expr: Expr, shapes: Mapping[str, Shape], factor: Fraction = Fraction(1)
) -> Iterator[tuple[Fraction, NamedLoss | None]]:
    """The losses that a formula adds up, each with the number before it; None for another term."""
    found = loss_of(expr, shapes)
    if found is not None:
        yield factor, found
        return
    match expr:
        case Op("add", (left, right)):
            yield from losses_of(left, shapes, factor)
            yield from losses_of(right, shapes, factor)
        case Op("sub", (left, right)):
            yield from losses_of(left, shapes, factor)
            yield from losses_of(op("neg", right), shapes, factor)
        case Op("neg", (inner,)):
            yield from losses_of(inner, shapes, -factor)
        case Op("div", (inner, Num(parts))) if parts:
            yield from losses_of(inner, shapes, factor / parts)
        case Op("mul", (Num(times), inner)):
            yield from losses_of(inner, shapes, factor * times)
        case _:
            yield factor, None


def loss_of(expr: Expr, shapes: Mapping[str, Shape]) -> NamedLoss | None:
    """The loss that a formula of a prediction and a target is, up to a mean over samples.

    Two formulas are the same if they have the same values, however they are written: between 0 and
    1, where predictions of most losses are, and far out. Where one has no values there, as a
    logarithm has none, a formula of several pieces is none of these losses: min(L, 5) is not L.
    """
    expr, rows = _with_names(expr, shapes)
    if rows:
        shapes = {**shapes, **{name: Sizes(shapes, {}).shape(part) for name, part in rows.items()}}
    letters = {size for name in symbols(expr) for size in shapes.get(name, ())}
    names = [name for name in symbols(expr) if name in shapes and name not in letters]
    if len(names) != 2 or shapes[names[0]] != shapes[names[1]]:
        return None
    shape = shapes[names[0]]
    numbers = _numbers(shape)
    sizes = tuple(numbers[size] for size in shape)
    expr = substitute(expr, {size: num(n) for size, n in numbers.items() if isinstance(size, str)})
    if not isinstance(expr, Op) or prod(sizes) > _MOST_ENTRIES or len(names) < len(symbols(expr)):
        return None
    with np.errstate(all="ignore"):
        found = [evaluate(expr, _values(names, sizes, *point)) for point in _TRIED]
        if any(value.shape for value in found):
            return None
        for many, mean_over in {1: 1, **dict(zip(sizes, shape, strict=True))}.items():
            for loss in _in_order(expr, again=many == 1 or len(sizes) > 1):
                for place, (prediction, target) in enumerate((names, names[::-1])):
                    usual = partial(_usual, loss.name, sizes, place, _delta(expr))
                    same = all(map(_same, found, usual(), repeat(many)))
                    if same and _same_far_out(expr, names, sizes, usual(far=True), many):
                        compared = rows.get(target, Sym(target))
                        return NamedLoss(loss, prediction, compared, mean_over)
    return None


def _numbers(shape: Shape) -> dict[Size, int]:
    """A number for each size: for each letter one of its own."""
    free = (size for size in count(_LETTERS) if size not in shape)
    return {size: size if isinstance(size, int) else next(free) for size in dict.fromkeys(shape)}


def _same_far_out(
    expr: Expr, names: list[str], sizes: tuple[int, ...], wanted: Sequence[Array], many: int
) -> bool:
    """Whether a formula is still the loss where predictions and targets are far from 0 and 1."""
    found = [evaluate(expr, _values(names, sizes, *point, reach=_REACH)) for point in _FAR]
    if all(np.isfinite(value).all() for value in (*found, *wanted)):
        return all(map(_same, found, wanted, repeat(many)))
    return not any(isinstance(node, Op) and in_pieces(node) for node in walk(expr))


def in_pieces(node: Op) -> bool:
    """Whether an operation is one thing on one side of a corner, and another on the other."""
    entry = operation(node)
    return node.name in _PIECES or entry.kink is not None or bool(entry.corners(node))


def _delta(expr: Expr) -> float | None:
    """Where Huber's loss in a formula turns from a square into a straight line."""
    found = (node for node in walk(expr) if isinstance(node, Op) and node.name == "huber")
    usual = TABLE["huber"].options["delta"]
    given = (node.option("delta") for node in found)
    return next((float(str(usual if delta is None else delta)) for delta in given), None)


def _with_names(expr: Expr, shapes: Mapping[str, Shape]) -> tuple[Expr, dict[str, Expr]]:
    """The formula with names of their own for the rows in it: y[1] may be a target as y may."""
    found: dict[str, Expr] = {}

    def named(node: Expr) -> Expr | None:
        match node:
            case Op("at", (Sym(name),)) if shapes.get(name):
                found.setdefault(f"{name} {node.option('index')}", node)
                return Sym(f"{name} {node.option('index')}")
        return None

    return rewrite(expr, named), found


@lru_cache(maxsize=256)
def _usual(
    name: str, sizes: tuple[int, ...], place: int, delta: float | None, *, far: bool = False
) -> tuple[Array, ...]:
    """The values of a loss at the points tried; `place` is where the prediction stands."""
    names = ["first", "second"]
    prediction, target = (Sym(names[place]), Sym(names[1 - place]))
    units = sizes[-1] if sizes else 1
    setting = Setting(1 if len(sizes) == 2 else None, num(units))
    loss = LOSSES[name]
    own = {} if delta is None else {"delta": delta}
    usual = loss.build(prediction, target, setting, {**loss.options, **own})
    if not far:
        return tuple(evaluate(usual, _values(names, sizes, *point)) for point in _TRIED)
    return tuple(evaluate(usual, _values(names, sizes, *point, reach=_REACH)) for point in _FAR)


def _in_order(expr: Expr, *, again: bool) -> Iterator[Loss]:
    """The mean of two squares is half of their sum: what is written as a mean is one.

    What is a mean by itself is one of several means only where that is allowed, `again`.
    """
    is_mean = uses(expr, "mean")
    plain = all(node.name in _ARITHMETIC for node in walk(expr) if isinstance(node, Op))
    losses = (
        loss
        for loss in LOSSES.values()
        if not (plain and loss.logits) and (again or not loss.name.startswith("mean"))
    )
    yield from sorted(losses, key=lambda loss: is_mean != loss.name.startswith("mean"))


def _values(
    names: list[str],
    sizes: tuple[int, ...],
    start: float,
    step: float,
    reach: float | None = None,
) -> dict[str, Array]:
    """Numbers between 0 and 1, or as far out as `reach` on both sides."""
    entries = prod(sizes)
    low, width = (0.1, 0.8) if reach is None else (-reach, 2 * reach)
    found: dict[str, Array] = {}
    for place, name in enumerate(names):
        spread = (start + _GOLDEN * np.arange(1, entries + 1) + step * place) % 1
        found[name] = np.asarray(low + width * spread, dtype=float).reshape(sizes)
    return found


def _same(found: Array, wanted: Array, many: int) -> bool:
    if found.shape or wanted.shape:
        return False
    return bool(np.isclose(found * many, wanted, rtol=1e-9, atol=1e-12))

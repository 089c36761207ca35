"""An expression over arrays to the entry that letters name, with sums over further letters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain

from msgspec import Struct

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Num, Op, Sym, op, uses
from backprop_cli.derive.derivation_nodes import (
    EQUAL,
    Indices,
    equal,
    indexed,
    max_over,
    over,
    sum_over,
)
from backprop_cli.derive.simplify.contract import Contraction, between, settled
from backprop_cli.derive.tensors.same_axes import SameAxes
from backprop_cli.operations.record import Along, Index, Lettered, Position, UnknownPlaceError
from backprop_cli.operations.table import Sizes
from backprop_cli.problem.model import Model
from backprop_cli.readings.entries import EntryWriter, NoEntryError, called, on_numbers

Letters = tuple[str, ...]


class Counting(Struct, frozen=True):
    """From which number the entries of each axis of a name are counted."""

    first: int
    special: Mapping[str, tuple[int, ...]]

    def of(self, name: str, rank: int) -> tuple[int, ...]:
        """The first number of each axis."""
        return self.special.get(name, (self.first,) * rank)


def counting(model: Model, ids: Iterable[str]) -> Counting:
    """From which numbers entries are counted: as they are everywhere else.

    NoEntryError where a hidden unit is number 0 as a unit and number 1 as an input.
    """
    bases = model.bases
    if bases.special and bases.first == 0:
        raise NoEntryError("units count from 0 and, with the bias as number 0 of W, inputs from 1")
    special = {id: found for id in ids if (found := bases.own(id))}
    return Counting(bases.first, special)


class Entrywise(EntryWriter):
    """Writes entries. Letters of sums are taken from `indices`, never one that is in use.

    With `same`, a letter runs over one axis only, else over any of its range.
    """

    def __init__(
        self,
        sizes: Sizes,
        counting: Counting,
        indices: Indices,
        same: SameAxes | None = None,
    ) -> None:
        super().__init__(sizes)
        self.counting = counting
        self.indices = indices
        self.axes = same
        self.around: set[str] = set()

    def entry(self, expr: Expr, letters: Letters, name: str = "") -> Expr:
        """The entry of `expr` that `letters` name, a letter an axis, counted as those of `name`."""
        self.around = set(letters)
        firsts = self.counting.of(name, len(letters)) if name else self.firsts(expr, len(letters))
        index = tuple(map(_position, letters, firsts))
        found = settled(plainly(self.at(expr, index)), self.indices.ranges)
        picked = uses(found, EQUAL)
        rule = Contraction(self.indices.ranges, "picked", as_given=True)
        return rule.apply(found) if picked else found

    def named(self, name: str, index: Index) -> Expr:
        """An entry of a name: `W[i,j]`."""
        firsts = self.counting.of(name, len(index))
        return indexed(name, *map(self.written, index, firsts))

    def written(self, place: Position, first: int) -> str:
        """An index as it is written, counted from `first`."""
        found = place + first
        return found.text if isinstance(found, Lettered) else str(found)

    def at(self, expr: Expr, index: Index) -> Expr:
        """An entry; x with its constant has x's name: x₀, or the last of them, is the constant."""
        grown = isinstance(expr, Op) and expr.name in ("prepend", "append")
        if grown and isinstance(expr, Op) and not isinstance(expr.args[0], Sym):
            raise NoEntryError(called(expr))
        if grown and isinstance(expr, Op) and isinstance(expr.args[0], Sym):
            axis = expr.whole("axis") % len(index)
            moved = index[axis] + (-1 if expr.name == "prepend" else 0)
            return self.named(expr.args[0].name, (*index[:axis], moved, *index[axis + 1 :]))
        return super().at(expr, index)

    def applied(self, node: Op, args: tuple[Expr, ...]) -> Expr:
        """The operation on scalars, as it stands."""
        return on_numbers(node, args)

    def firsts(self, expr: Expr, rank: int) -> tuple[int, ...]:
        """From which number each axis of an expression is counted."""
        match expr:
            case Sym(name):
                return self.counting.of(name, rank)
            case Op("transpose", (inner,)):
                return self.firsts(inner, rank)[::-1]
            case Op("prepend", (inner, _)):
                axis = expr.whole("axis") % rank
                found = self.firsts(inner, rank)
                return (*found[:axis], 0, *found[axis + 1 :])
        return (self.counting.first,) * rank

    def terms(self, _: Sequence[Along], __: Callable[[Index], Expr]) -> list[Expr]:
        """Letters stand for any entry: there are no terms to be listed."""
        raise UnknownPlaceError

    def total(self, node: Op, along: Sequence[Along], body: Callable[[Index], Expr]) -> Expr:
        """A sum over a letter for each axis; over one entry, that entry."""
        return self.over(sum_over, node, along, body)

    def largest(self, along: Sequence[Along], body: Callable[[Index], Expr]) -> Expr:
        """The largest over a letter for each axis."""
        return self.over(max_over, build.ZERO, along, body)

    def over(
        self,
        what: Callable[[Expr, str], Expr],
        node: Expr,
        along: Sequence[Along],
        body: Callable[[Index], Expr],
    ) -> Expr:
        """What is taken over a letter for each axis."""
        if not along:
            return body(())
        (own, *rest) = along
        size = self.shape(own[0][0])[own[0][1]]
        if size == 1:
            return self.over(what, node, rest, lambda inner: body((0, *inner)))
        first = min(self.firsts(expr, len(self.shape(expr)))[axis] for expr, axis in own)
        letter = self.letter(own, first, node)
        self.around.add(letter)
        place = Lettered(letter) - first
        found = what(self.over(what, node, rest, lambda inner: body((place, *inner))), letter)
        self.around.discard(letter)
        return found

    def letter(self, own: Along, first: int, node: Expr) -> str:  # noqa: ARG002  # for who needs it
        """A letter for what runs along an axis."""
        expr, place = own[0]
        axis = self.axes.of(expr)[place] if self.axes is not None else None
        return self.indices.letter(over(self.shape(expr)[place], first), self.around, axis)

    def same(self, one: Position, other: Position) -> Expr:
        """1{i = j}."""
        if isinstance(one, int) and isinstance(other, int):
            return super().same(one, other)
        first = self.counting.first
        return equal(self.written(one, first), self.written(other, first))

    def within(self, one: Position, first: Position, last: Position) -> Expr:
        """1{i ≤ j ≤ k}."""
        base = self.counting.first
        low, place, high = (self.written(each, base) for each in (first, one, last))
        return between(low, place, high)


def _position(letter: str, first: int) -> Position:
    return int(letter) - first if letter.isdecimal() else Lettered(letter) - first


def plainly(expr: Expr) -> Expr:
    """y ln p and y / p as products and quotients, without their care for 0."""
    if not isinstance(expr, Op):
        return expr
    args = tuple(map(plainly, expr.args))
    if expr.name == "xlogy":
        return build.mul(args[0], op("log", args[1]))
    match expr.name, args:
        case "exp", (Op("add", (a, mask)),) if (there := _unmasked(mask)) is not None:
            return build.scalar_mul(op("exp", a), there)
        case "pow", (Op("sqrt", (Op("sum_over") as squares,)), Num(n)) if n == 2:
            return squares  # ‖x‖² is the sum of the squares
        case "ratio", _:
            return op("div", *args)
    return Op(expr.name, args, expr.options)


def _unmasked(mask: Expr) -> Expr | None:
    """1 where a mask is 0, and 0 where it is −∞; None of what is no mask."""
    match mask:
        case Op("log", (Op("within" | "equal") | Num() as there,)):
            return there
        case Op("at", (Op("causal_mask"),)):
            match mask.option("index"):
                case (int(row), int(column)):
                    return build.ONE if column <= row else build.ZERO
    return None


class OfVectors(Entrywise):
    """Writes entries of formulas in vectors of one size and in numbers, a new letter for each sum
    that is another; the same sum keeps its letter."""

    def __init__(self, vectors: Mapping[str, bool], sums: str, size: str) -> None:
        shapes = {name: (size,) if is_vector else () for name, is_vector in vectors.items()}
        super().__init__(Sizes({size: (), **shapes}, {}), Counting(1, {}), Indices())
        self.size = size
        self.fresh = chain(sums)
        self.known_letters: dict[Expr, str] = {}

    def letter(self, own: Along, first: int, node: Expr) -> str:  # noqa: ARG002  # as above
        """The next letter; of the same sum the same. Every letter runs over whole vectors."""
        expr, place = own[0]
        if self.shape(expr)[place] != self.size:
            raise NoEntryError("part of a vector")
        if node not in self.known_letters:
            letter = next(self.fresh, None)
            if letter is None:
                raise NoEntryError("so many sums")
            self.known_letters[node] = letter
        return self.known_letters[node]

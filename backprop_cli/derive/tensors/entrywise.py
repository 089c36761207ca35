"""An expression over arrays to the entry that letters name, with sums over further letters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain

from msgspec import Struct

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Num, Op, Sym, op
from backprop_cli.derive.derivation_nodes import equal, indexed, sum_over
from backprop_cli.derive.tensors.axes import SameAxes
from backprop_cli.derive.tensors.index_letters import Indices, over
from backprop_cli.operations.positions import Index, Lettered, Position, UnknownPlaceError
from backprop_cli.operations.record import Along
from backprop_cli.operations.sizes import Sizes
from backprop_cli.problem.model import Model
from backprop_cli.readings.entries import EntryWriter, NoEntryError, called

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

    With `same`, a letter runs over one axis only, else over any of its range. `shifts`: an index
    may be i + 1, which only a page can use on which nothing is differentiated.
    """

    def __init__(
        self,
        sizes: Sizes,
        counting: Counting,
        indices: Indices,
        same: SameAxes | None = None,
        shifts: bool = False,
    ) -> None:
        super().__init__(sizes)
        self.counting = counting
        self.indices = indices
        self.axes = same
        self.shifts = shifts
        self.around: set[str] = set()

    def entry(self, expr: Expr, letters: Letters, name: str = "") -> Expr:
        """The entry of `expr` that `letters` name, a letter an axis, counted as those of `name`."""
        self.around = set(letters)
        firsts = self.counting.of(name, len(letters)) if name else self.firsts(expr, len(letters))
        index = tuple(map(_position, letters, firsts))
        return plainly(self.at(expr, index))

    def named(self, name: str, index: Index) -> Expr:
        """An entry of a name: `W[i,j]`."""
        firsts = self.counting.of(name, len(index))
        return indexed(name, *map(self.written, index, firsts))

    def written(self, place: Position, first: int) -> str:
        """An index as it is written, counted from `first`."""
        found = place + first
        if isinstance(found, int):
            return str(found)
        if not self.shifts and (found.offset or len(found.letters) > 1):
            raise UnknownPlaceError
        return found.text()

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
        return Op(node.name, args, node.options)

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
        if not along:
            return body(())
        (own, *rest) = along
        size = self.shape(own[0][0])[own[0][1]]
        if size == 1:
            return self.total(node, rest, lambda inner: body((0, *inner)))
        first = min(self.firsts(expr, len(self.shape(expr)))[axis] for expr, axis in own)
        letter = self.letter(own, first, node)
        self.around.add(letter)
        place = Lettered((letter,), -first)
        found = sum_over(self.total(node, rest, lambda inner: body((place, *inner))), letter)
        self.around.discard(letter)
        return found

    def letter(self, own: Along, first: int, node: Op) -> str:  # noqa: ARG002  # for who needs it
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


def _position(letter: str, first: int) -> Position:
    return int(letter) - first if letter.isdecimal() else Lettered((letter,), -first)


def plainly(expr: Expr) -> Expr:
    """y ln p and y / p as products and quotients, without their care for 0."""
    if not isinstance(expr, Op):
        return expr
    args = tuple(map(plainly, expr.args))
    if expr.name == "xlogy":
        return build.mul(args[0], op("log", args[1]))
    match expr.name, args:
        case "pow", (Op("sqrt", (Op("sum_over") as squares,)), Num(n)) if n == 2:
            return squares  # ‖x‖² is the sum of the squares
        case "ratio", _:
            return op("div", *args)
    return Op(expr.name, args, expr.options)


class OfVectors(Entrywise):
    """Writes entries of formulas in vectors of one size and in numbers, a new letter for each sum
    that is another; the same sum keeps its letter."""

    def __init__(self, vectors: Mapping[str, bool], sums: str, size: str) -> None:
        shapes = {name: (size,) if is_vector else () for name, is_vector in vectors.items()}
        super().__init__(Sizes({size: (), **shapes}, {}), Counting(1, {}), Indices())
        self.fresh = chain(sums)
        self.known_letters: dict[Op, str] = {}

    def letter(self, own: Along, first: int, node: Op) -> str:  # noqa: ARG002  # as above
        """The next letter; of the same sum the same."""
        if node not in self.known_letters:
            letter = next(self.fresh, None)
            if letter is None:
                raise NoEntryError("so many sums")
            self.known_letters[node] = letter
        return self.known_letters[node]

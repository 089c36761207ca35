"""An expression over arrays to the entry that letters name, with sums over further letters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from msgspec import Struct

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Num, Op, Sym, num, op
from backprop_cli.derive.derivation_nodes import equal, indexed, sum_over
from backprop_cli.derive.tensors.axes import SameAxes
from backprop_cli.derive.tensors.index_letters import Indices, over
from backprop_cli.derive.tensors.vector_entries import NoLettersError, plainly
from backprop_cli.operations.reductions import count
from backprop_cli.operations.sizes import Sizes
from backprop_cli.operations.table import operation
from backprop_cli.problem.model import Model

Letters = tuple[str, ...]
Around = frozenset[str]


class Counting(Struct, frozen=True):
    """From which number the entries of each axis of a name are counted."""

    first: int
    special: Mapping[str, tuple[int, ...]]

    def of(self, name: str, rank: int) -> tuple[int, ...]:
        """The first number of each axis."""
        return self.special.get(name, (self.first,) * rank)


def counting(model: Model, ids: Iterable[str]) -> Counting:
    """From which numbers entries are counted: as they are everywhere else.

    NoLettersError where a hidden unit is number 0 as a unit and number 1 as an input.
    """
    bases = model.bases
    if bases.special and bases.first == 0:
        raise NoLettersError(
            "units count from 0 and, with the bias as number 0 of W, inputs from 1"
        )
    special = {id: found for id in ids if (found := bases.own(id))}
    return Counting(bases.first, special)


class Entrywise(Struct, frozen=True):
    """Writes entries. Letters of sums are taken from `indices`, never one that is in use.

    With `same`, a letter runs over one axis only, else over any of its range.
    """

    sizes: Sizes
    counting: Counting
    indices: Indices
    same: SameAxes | None = None

    def entry(self, expr: Expr, letters: Letters) -> Expr:
        """The entry of `expr` that `letters` name, a letter an axis."""
        return plainly(self.at(expr, letters, frozenset(letters)))

    def at(self, expr: Expr, letters: Letters, around: Around) -> Expr:
        """The same within sums over the letters `around`."""
        match expr:
            case Num():
                return expr
            case Sym(name):
                return indexed(name, *letters) if letters else expr
        special = _SPECIAL.get(expr.name)
        if special is not None:
            return special(self, expr, letters, around)
        record = operation(expr)
        if not (record.elementwise or not expr.args):
            raise NoLettersError(record.words)
        args = (self.at(arg, self.fitted(arg, letters), around) for arg in expr.args)
        return Op(expr.name, tuple(args), expr.options)

    def fitted(self, arg: Expr, letters: Letters) -> Letters:
        """The letters for an argument that is repeated along some of the axes."""
        shape = self.sizes.shape(arg)
        if not shape:
            return ()
        firsts = self.firsts(arg)
        return tuple(
            str(first) if size == 1 else letter
            for letter, size, first in zip(letters, shape, firsts, strict=True)
        )

    def firsts(self, expr: Expr) -> tuple[int, ...]:
        """From which number each axis of an expression is counted."""
        rank = len(self.sizes.shape(expr))
        match expr:
            case Sym(name):
                return self.counting.of(name, rank)
            case Op("transpose", (inner,)):
                return self.firsts(inner)[::-1]
            case Op("prepend", (inner, _)):
                axis = expr.whole("axis") % rank
                found = self.firsts(inner)
                return (*found[:axis], 0, *found[axis + 1 :])
        return (self.counting.first,) * rank

    def total(
        self,
        along: tuple[Expr, int],
        first: int,
        around: Around,
        body: Callable[[str, Around], Expr],
    ) -> Expr:
        """The sum of a body over an axis of an expression; of one term, that term."""
        expr, place = along
        size = self.sizes.shape(expr)[place]
        if size == 1:
            return body(str(first), around)
        axis = self.same.of(expr)[place] if self.same is not None else None
        letter = self.indices.letter(over(size, first), around, axis)
        return sum_over(body(letter, around | {letter}), letter)


# Products -----------------------------------------------------------------------------------------


def _matmul(write: Entrywise, node: Op, letters: Letters, around: Around) -> Expr:
    a, b = node.args
    shape = write.sizes.shape(a)
    before, after = letters[: len(shape) - 1], letters[len(shape) - 1 :]
    first = min(write.firsts(a)[-1], write.firsts(b)[0])

    def term(letter: str, inside: Around) -> Expr:
        left = write.at(a, (*before, letter), inside)
        return build.mul(left, write.at(b, (letter, *after), inside))

    return write.total((a, len(shape) - 1), first, around, term)


def _outer(write: Entrywise, node: Op, letters: Letters, around: Around) -> Expr:
    a, b = node.args
    return build.mul(write.at(a, letters[:1], around), write.at(b, letters[1:], around))


def _diag(write: Entrywise, node: Op, letters: Letters, around: Around) -> Expr:
    return build.mul(write.at(node.args[0], letters[:1], around), equal(*letters))


# Sums ---------------------------------------------------------------------------------------------


def _reduced(
    write: Entrywise, node: Op, letters: Letters, around: Around, function: str | None = None
) -> Expr:
    """The sum over the axes that the node reduces, of a function of each entry."""
    (x,) = node.args
    shape, firsts = write.sizes.shape(x), write.firsts(x)
    axis = node.option("axis")
    along = range(len(shape)) if axis is None or not isinstance(axis, int) else (axis % len(shape),)
    if node.option("keep"):
        letters = tuple(letter for place, letter in enumerate(letters) if place not in along)

    def term(chosen: Letters, inside: Around) -> Expr:
        found = write.at(x, chosen, inside)
        return found if function is None else op(function, found)

    def summed(chosen: Letters, rest: Letters, inside: Around) -> Expr:
        place = len(chosen)
        if place == len(shape):
            return term(chosen, inside)
        if place not in along:
            return summed((*chosen, rest[0]), rest[1:], inside)
        return write.total(
            (x, place),
            firsts[place],
            inside,
            lambda letter, deeper: summed((*chosen, letter), rest, deeper),
        )

    return summed((), letters, around)


def _sum(write: Entrywise, node: Op, letters: Letters, around: Around) -> Expr:
    return _reduced(write, node, letters, around)


def _mean(write: Entrywise, node: Op, letters: Letters, around: Around) -> Expr:
    shape, axis = write.sizes.shape(node.args[0]), node.option("axis")
    entries = count(shape, axis % len(shape) if isinstance(axis, int) else None)
    return build.div(_reduced(write, node, letters, around), entries)


def _logsumexp(write: Entrywise, node: Op, letters: Letters, around: Around) -> Expr:
    return op("log", _reduced(write, node, letters, around, "exp"))


def _norm(write: Entrywise, node: Op, letters: Letters, around: Around) -> Expr:
    squares = op("sum", op("pow", node.args[0], num(2)), axis=node.option("axis"))
    assert isinstance(squares, Op)
    return op("sqrt", _reduced(write, squares, letters, around))


def _softmax(write: Entrywise, node: Op, letters: Letters, around: Around) -> Expr:
    (z,) = node.args
    axis = 0 if node.option("axis") is None else node.whole("axis") % len(letters)
    powers = op("sum", op("exp", z), axis=axis)
    assert isinstance(powers, Op)
    rest = letters[:axis] + letters[axis + 1 :]
    return op("div", op("exp", write.at(z, letters, around)), _reduced(write, powers, rest, around))


def _log_softmax(write: Entrywise, node: Op, letters: Letters, around: Around) -> Expr:
    return op("log", _softmax(write, node, letters, around))


def _log_others(write: Entrywise, node: Op, letters: Letters, around: Around) -> Expr:
    return op("log", build.sub(build.ONE, _softmax(write, node, letters, around)))


# Structure ----------------------------------------------------------------------------------------


def _turned(choose: Callable[[Letters], Letters]) -> Form:
    def form(write: Entrywise, node: Op, letters: Letters, around: Around) -> Expr:
        return write.at(node.args[0], choose(letters), around)

    return form


def _flat(write: Entrywise, node: Op, letters: Letters, around: Around) -> Expr:
    inner = node.args[0]
    firsts = write.firsts(inner)
    is_column = write.sizes.shape(inner)[1] == 1
    places = (*letters, str(firsts[1])) if is_column else (str(firsts[0]), *letters)
    return write.at(inner, places, around)


def _without_axis(write: Entrywise, node: Op, letters: Letters, around: Around) -> Expr:
    if node.option("axis") is None:
        return write.at(node.args[0], write.fitted(node.args[0], letters), around)
    axis = node.whole("axis") % len(letters)
    return write.at(node.args[0], letters[:axis] + letters[axis + 1 :], around)


def _grown(write: Entrywise, node: Op, letters: Letters, around: Around) -> Expr:
    """x with its constant has x's name: x₀ (or the last of them) stands for the constant."""
    if not isinstance(node.args[0], Sym):
        raise NoLettersError(operation(node).words)
    return write.at(node.args[0], letters, around)


def _at(write: Entrywise, node: Op, letters: Letters, around: Around) -> Expr:
    index = node.option("index")
    assert isinstance(index, tuple)
    firsts, rest = write.firsts(node.args[0]), list(letters)
    places: list[str] = []
    for choice, first in zip(index, firsts, strict=False):
        match choice:
            case int():
                places.append(str(choice + first))
            case None | (0, int()):
                places.append(rest.pop(0))
            case _:
                raise NoLettersError("a part that does not begin with the first entry")
    return write.at(node.args[0], (*places, *rest), around)


def _part(write: Entrywise, node: Op, letters: Letters, around: Around) -> Expr:
    if node.option("start") != 0:
        raise NoLettersError("a part that does not begin with the first entry")
    return write.at(node.args[0], letters, around)


def _stack(write: Entrywise, node: Op, letters: Letters, around: Around) -> Expr:
    place = letters[0]
    if not place.isdecimal():
        raise NoLettersError("what is put together in brackets")
    return write.at(node.args[int(place) - write.counting.first], letters[1:], around)


Form = Callable[[Entrywise, Op, Letters, Around], Expr]

_SPECIAL: Mapping[str, Form] = MappingProxyType(
    {
        "matmul": _matmul,
        "outer": _outer,
        "diag": _diag,
        "transpose": _turned(lambda letters: letters[::-1]),
        "diagonal": _turned(lambda letters: letters * 2),
        "column": _turned(lambda letters: letters[:1]),
        "row": _turned(lambda letters: letters[1:]),
        "flat": _flat,
        "expand": _without_axis,
        "spread": _without_axis,
        "prepend": _grown,
        "append": _grown,
        "drop_first": _turned(lambda letters: letters),
        "drop_last": _turned(lambda letters: letters),
        "sum": _sum,
        "mean": _mean,
        "logsumexp": _logsumexp,
        "norm": _norm,
        "softmax": _softmax,
        "log_softmax": _log_softmax,
        "log_others": _log_others,
        "at": _at,
        "part": _part,
        "stack": _stack,
    }
)

"""An expression over vectors to one entry of it: indices are letters, and sums run over letters."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from types import MappingProxyType

from msgspec import Struct, field

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Num, Op, Sym, num, op, walk
from backprop_cli.derive.derivation_nodes import indexed, sum_over
from backprop_cli.operations.reductions import REDUCTIONS
from backprop_cli.operations.table import operation

Letters = tuple[str, ...]

REDUCING = frozenset(record.name for record in REDUCTIONS)
_TO_NUMBERS = frozenset({"sum", "mean", "logsumexp", "norm", "matmul", "max"})
_FREE = "klmnpqrstuv"


class NoLettersError(Exception):
    """An operation whose entries are not written with letters; the message names it."""


def has_reduction(expr: Expr) -> bool:
    """Whether something is summed or compared over a vector."""
    return any(isinstance(node, Op) and node.name in REDUCING | {"matmul"} for node in walk(expr))


def entry(
    expr: Expr, letters: Letters, vectors: Collection[str], sums: str = _FREE, size: str = "K"
) -> Expr:
    """The entry that `letters` name; `vectors` are the names with entries, the others numbers.

    A sum takes the next letter of `sums`; `size` is how many entries a vector has.
    """
    return plainly(_Entries(frozenset(vectors), iter(sums), Sym(size)).entry(expr, letters))


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


class _Entries(Struct):
    vectors: frozenset[str]
    fresh: Iterator[str]
    size: Sym
    sums: dict[Expr, Expr] = field(default_factory=dict)

    def entry(self, expr: Expr, letters: Letters) -> Expr:
        match expr:
            case Num():
                return expr
            case Sym(name):
                return indexed(name, *letters) if name in self.vectors else expr
        special = _SPECIAL.get(expr.name)
        if special is not None:
            return special(self, expr, letters)
        if not (operation(expr).elementwise or expr.name == "pi"):
            raise NoLettersError(expr.name)
        return Op(expr.name, tuple(self.entry(arg, letters) for arg in expr.args), expr.options)

    def is_vector(self, expr: Expr) -> bool:
        """Whether an expression has entries: a name does, a sum over them has none."""
        match expr:
            case Num():
                return False
            case Sym(name):
                return name in self.vectors
        if expr.name in _TO_NUMBERS:
            return False
        return any(map(self.is_vector, expr.args))

    def total(self, body: Expr) -> Expr:
        """The sum over all entries of a vector expression; the same sum keeps its letter."""
        if not self.is_vector(body):
            return self.entry(body, ())
        if body not in self.sums:
            letter = next(self.fresh, None)
            if letter is None:
                raise NoLettersError("so many sums")
            self.sums[body] = sum_over(self.entry(body, (letter,)), letter)
        return self.sums[body]


def _sum(entries: _Entries, node: Op, _: Letters) -> Expr:
    return entries.total(node.args[0])


def _inner(entries: _Entries, node: Op, letters: Letters) -> Expr:
    if letters:
        raise NoLettersError("matrices")
    return entries.total(op("mul", *node.args))


def _mean(entries: _Entries, node: Op, _: Letters) -> Expr:
    if not entries.is_vector(node.args[0]):
        return entries.total(node.args[0])
    return op("div", entries.total(node.args[0]), entries.size)


def _logsumexp(entries: _Entries, node: Op, _: Letters) -> Expr:
    return op("log", entries.total(op("exp", node.args[0])))


def _norm(entries: _Entries, node: Op, _: Letters) -> Expr:
    return op("sqrt", entries.total(op("pow", node.args[0], num(2))))


def _softmax(entries: _Entries, node: Op, letters: Letters) -> Expr:
    power = op("exp", node.args[0])
    if not letters:
        raise NoLettersError(node.name)
    return op("div", entries.entry(power, letters), entries.total(power))


def _log_softmax(entries: _Entries, node: Op, letters: Letters) -> Expr:
    return op("log", _softmax(entries, node, letters))


_SPECIAL: Mapping[str, Callable[[_Entries, Op, Letters], Expr]] = MappingProxyType(
    {
        "sum": _sum,
        "matmul": _inner,
        "mean": _mean,
        "logsumexp": _logsumexp,
        "norm": _norm,
        "softmax": _softmax,
        "log_softmax": _log_softmax,
    }
)

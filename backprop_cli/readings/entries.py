"""One entry of an expression, written out: sums with their terms, names with their indices."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Num, Op, Sym
from backprop_cli.operations.inverses import COFACTORS
from backprop_cli.operations.record import Index, UnknownPlaceError
from backprop_cli.operations.table import InNumbers, Sizes, operation, written_out

Known = Mapping[str, Mapping[Index, Expr]]


class NoEntryError(Exception):
    """An operation whose entries are not written; the message says what it is."""


def called(node: Op) -> str:
    """An operation by the name that a file may use, or in words."""
    record = operation(node)
    return record.name if record.public else record.words


def entry(expr: Expr, index: Index, sizes: Sizes, known: Known | None = None) -> Expr:
    """The scalar expression of one entry, over names with indices (`at` nodes, counted from 0).

    `known` gives, for a name, what stands for its entries (those left out are 0): a one-hot
    upstream gradient makes the entry of a pull-back the derivative of one entry by another.
    """
    return _Once(sizes, known).at(_opened(expr, sizes), index)


def _opened(expr: Expr, sizes: Sizes) -> Expr:
    """A determinant or inverse that is the whole formula, by its cofactors."""
    if isinstance(expr, Op) and expr.name in COFACTORS:
        return written_out(expr, sizes) or expr
    return expr


class EntryWriter(InNumbers):
    """Writes entries with numbers as indices; whoever writes letters says what is different."""

    def __init__(self, sizes: Sizes, known: Known | None = None) -> None:
        super().__init__(sizes)
        self.known = known or {}

    def at(self, expr: Expr, index: Index) -> Expr:
        """An entry of an expression: by its own rule, entry by entry, or by its definition."""
        match expr:
            case Num():
                return expr
            case Sym(name):
                return self.named(name, index)
        record = operation(expr)
        if record.entry is not None:
            try:
                return record.entry(expr, index, self)
            except UnknownPlaceError:
                if record.definition is None:
                    raise NoEntryError(called(expr)) from None
        if record.elementwise or not expr.args:
            args = tuple(self.at(arg, self.matching(arg, index)) for arg in expr.args)
            return self.applied(expr, args)
        found = None if record.definition is None else record.definition(expr, self.rules)
        if found is not None:
            return self.at(found, index)
        raise NoEntryError(called(expr))

    def named(self, name: str, index: Index) -> Expr:
        """An entry of a name."""
        if name in self.known:
            return self.known[name].get(index, build.ZERO)
        return super().at(Sym(name), index)

    def matching(self, arg: Expr, index: Index) -> Index:
        """The index into a broadcast argument that belongs to `index` of the result."""
        shape = self.shape(arg)
        if not shape:
            return ()
        return tuple(0 if size == 1 else i for i, size in zip(index, shape, strict=True))

    def applied(self, node: Op, args: tuple[Expr, ...]) -> Expr:
        """The operation on scalars; where a 0 takes part it is carried out."""
        builder = _TIDY.get(node.name)
        if builder is not None and build.ZERO in args:
            return builder(*args)
        return on_numbers(node, args)


def on_numbers(node: Op, args: tuple[Expr, ...]) -> Expr:
    """The operation on scalars, as it stands; of a maximum that of what there is beside −∞."""
    if node.name == "maximum" and build.LOWEST in args:
        return next((arg for arg in args if arg != build.LOWEST), build.LOWEST)
    return Op(node.name, args, node.options)


_TIDY: Mapping[str, Callable[..., Expr]] = {
    "add": build.add,
    "sub": build.sub,
    "mul": build.scalar_mul,
    "neg": build.neg,
    "div": lambda a, b: build.ZERO if a == build.ZERO else build.div(a, b),
}


class _Once(EntryWriter):
    """Writes each entry of each part once: in A @ A @ A @ A two of a part need all of the next."""

    def __init__(self, sizes: Sizes, known: Known | None = None) -> None:
        super().__init__(sizes, known)
        self._written: dict[tuple[int, Index], tuple[Expr, Expr]] = {}

    def at(self, expr: Expr, index: Index) -> Expr:
        """An entry of an expression, told from others by its identity, for which it is kept."""
        key = id(expr), index
        if key not in self._written:
            self._written[key] = expr, super().at(expr, index)
        return self._written[key][1]

"""One entry of an expression, written out: sums with their terms, names with their indices."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Num, Op, Sym, num, op
from backprop_cli.operations.record import Index
from backprop_cli.operations.sizes import Sizes
from backprop_cli.operations.table import operation


def entry(
    expr: Expr, index: Index, sizes: Sizes, known: Mapping[str, Mapping[Index, Expr]] | None = None
) -> Expr:
    """The scalar expression of one entry, over names with indices (`at` nodes, counted from 0).

    `known` gives, for a name, what stands for its entries (those left out are 0): a one-hot
    upstream gradient makes the entry of a pull-back the derivative of one entry by another.
    """
    return _Entries(sizes, known or {}).entry(expr, index)


class _Entries:
    def __init__(self, sizes: Sizes, known: Mapping[str, Mapping[Index, Expr]]) -> None:
        self.sizes = sizes
        self.known = known

    def entry(self, expr: Expr, index: Index) -> Expr:
        match expr:
            case Num():
                return expr
            case Sym(name):
                if name in self.known:
                    return self.known[name].get(index, build.ZERO)
                return op("at", expr, index=index) if index else expr
        record = operation(expr)
        if record.entry is not None:
            return record.entry(expr, index, self.entry, self.sizes)
        special = _REDUCED.get(expr.name)
        if special is not None:
            return special(self, expr, index)
        args = tuple(self.entry(arg, self.matching(arg, index)) for arg in expr.args)
        return self.tidy(expr, args)

    def matching(self, arg: Expr, index: Index) -> Index:
        """The index into a broadcast argument that belongs to `index` of the result."""
        shape = self.sizes.shape(arg)
        if not shape:
            return ()
        return tuple(0 if size == 1 else i for i, size in zip(index, shape, strict=True))

    def tidy(self, node: Op, args: tuple[Expr, ...]) -> Expr:
        """The operation on scalars; where a 0 takes part it is carried out."""
        builder = _TIDY.get(node.name)
        if builder is not None and build.ZERO in args:
            return builder(*args)
        return Op(node.name, args, node.options)

    def reduced(self, node: Op, index: Index) -> list[Index]:
        """The indices into the argument of a reduction that make up one entry of the result."""
        shape = self.sizes.shape(node.args[0])
        if node.option("axis") is None:
            return list(np.ndindex(*map(int, shape)))
        along = node.whole("axis") % len(shape)
        rest = index[:along] + index[along + 1 :] if node.option("keep") else index
        return [(*rest[:along], i, *rest[along:]) for i in range(int(shape[along]))]

    def terms(self, node: Op, index: Index) -> list[Expr]:
        return [self.entry(node.args[0], place) for place in self.reduced(node, index)]


def _total(terms: list[Expr]) -> Expr:
    total: Expr = build.ZERO
    for term in terms:
        total = build.add(total, term)
    return total


def _sum(entries: _Entries, node: Op, index: Index) -> Expr:
    return _total(entries.terms(node, index))


def _mean(entries: _Entries, node: Op, index: Index) -> Expr:
    terms = entries.terms(node, index)
    return op("div", _total(terms), num(len(terms)))


def _max(entries: _Entries, node: Op, index: Index) -> Expr:
    result, *rest = entries.terms(node, index)
    for term in rest:
        result = op("maximum", result, term)
    return result


def _logsumexp(entries: _Entries, node: Op, index: Index) -> Expr:
    powers: list[Expr] = [op("exp", term) for term in entries.terms(node, index)]
    return op("log", _total(powers))


def _norm(entries: _Entries, node: Op, index: Index) -> Expr:
    return op("sqrt", _total([build.power(term, num(2)) for term in entries.terms(node, index)]))


def _softmax(entries: _Entries, node: Op, index: Index) -> Expr:
    along = 0 if node.option("axis") is None else node.whole("axis") % len(index)
    size = int(entries.sizes.shape(node.args[0])[along])
    places = [(*index[:along], i, *index[along + 1 :]) for i in range(size)]
    powers: list[Expr] = [op("exp", entries.entry(node.args[0], place)) for place in places]
    return op("div", powers[index[along]], _total(powers))


def _log_softmax(entries: _Entries, node: Op, index: Index) -> Expr:
    return op("log", _softmax(entries, node, index))


def _log_others(entries: _Entries, node: Op, index: Index) -> Expr:
    return op("log", op("sub", build.ONE, _softmax(entries, node, index)))


def _from_slice(entries: _Entries, node: Op, index: Index) -> Expr:
    """An entry of what is only defined for a whole slice: that slice, and the place in it."""
    shape = tuple(map(int, entries.sizes.shape(node.args[0])))
    if node.option("axis") is None:  # all entries, if only one as of a number
        places = list(np.ndindex(*shape))
    else:
        along = node.whole("axis") % len(index)
        places = [(*index[:along], i, *index[along + 1 :]) for i in range(shape[along])]
    slices = [Op("stack", tuple(entries.entry(arg, at) for at in places)) for arg in node.args]
    options = tuple((key, value) for key, value in node.options if key != "axis")
    return op("at", Op(node.name, tuple(slices), options), index=(places.index(index),))


def _argmax(entries: _Entries, node: Op, index: Index) -> Expr:
    options = tuple((key, value) for key, value in node.options if key != "axis")
    return Op("argmax", (Op("stack", tuple(entries.terms(node, index))),), options)


_REDUCED: Mapping[str, Callable[[_Entries, Op, Index], Expr]] = {
    "sum": _sum,
    "mean": _mean,
    "max": _max,
    "logsumexp": _logsumexp,
    "norm": _norm,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "log_others": _log_others,
    "others_share": _from_slice,
    "largest_shares": _from_slice,
    "argmax": _argmax,
}
_TIDY: Mapping[str, Callable[..., Expr]] = {
    "add": build.add,
    "sub": build.sub,
    "mul": build.scalar_mul,
    "neg": build.neg,
    "div": lambda a, b: build.ZERO if a == build.ZERO else build.div(a, b),
}

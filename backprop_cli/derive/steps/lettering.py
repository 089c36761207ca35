"""A formula to what its letters stand for: vectors, numbers, indices, the number of entries."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from msgspec import Struct

from backprop_cli.algebra.expr import Expr, Op, Sym, free_name, symbols
from backprop_cli.derive.derivation_nodes import NoMoreLettersError
from backprop_cli.errors import listed
from backprop_cli.operations.table import TABLE

_GREEK = frozenset("alpha beta gamma delta epsilon eps lambda mu rho sigma tau theta eta".split())
_CALLED_VECTORS = frozenset("x y z w u v p q h yhat".split())
"""What a variable that stands outside of sums is called where it is a vector."""

_INDICES = "ijkmnpqrstuv"
_FEWEST = 2  # a row and a column
_SIZES = ("K", "N", "M", "D", "n", "m", "d", "size")
_TO_NUMBERS = frozenset(name for name, each in TABLE.items() if each.reduces) | {"matmul"}


class Lettering(Struct, frozen=True):
    """What is a vector and what a number; no index, sum or size has a letter of the formula."""

    vectors: frozenset[str]
    numbers: tuple[str, ...]
    row: str
    column: str
    sums: str
    size: str

    @property
    def said(self) -> str:
        """The rule as a sentence; nothing where there is one letter."""
        if len(self.vectors) + len(self.numbers) < 2:
            return ""
        kinds = [("a number", "numbers", self.numbers), ("a vector", "vectors", self.vectors)]
        parts = [
            f"{listed(sorted(names))} {f'are {many}' if len(names) > 1 else f'is {one}'}"
            for one, many, names in kinds
            if names
        ]
        return f"{'; '.join(parts)}. (--numbers says which letters are numbers.)"


def lettering(expr: Expr, by: str, numbers: Collection[str] = ()) -> Lettering:
    """Numbers are those that are said to be, Greek letters, capitals beside small letters, and what
    stands outside of sums where nothing stands in them and outside; all others are vectors.
    """
    used = symbols(expr)
    small = any(name[0].islower() and name not in _GREEK for name in used)
    outside = set(_outside(expr))
    inside = set(_inside(expr))
    apart = inside and not outside & inside and not (by in outside and by in _CALLED_VECTORS)

    def is_number(name: str) -> bool:
        if name in numbers or name in _GREEK:
            return True
        if name[0].isupper() and small:
            return True
        return bool(apart) and name in outside

    vectors = [name for name in used if not is_number(name)]
    if not vectors and by not in numbers:
        vectors = [by]
    free = [letter for letter in _INDICES if letter not in used]
    if len(free) < _FEWEST:
        raise NoMoreLettersError
    row, column, *rest = free
    size = free_name(_SIZES, (*used, row, column))
    sums = "".join(letter for letter in rest if letter != size)
    others = tuple(name for name in used if name not in vectors)
    return Lettering(frozenset(vectors), others, row, column, sums, size)


def _outside(expr: Expr) -> Iterator[str]:
    """The names that stand outside of every sum."""
    match expr:
        case Sym(name):
            yield name
        case Op(name, args) if name not in _TO_NUMBERS:
            for arg in args:
                yield from _outside(arg)


def _inside(expr: Expr) -> Iterator[str]:
    match expr:
        case Op(name) if name in _TO_NUMBERS:
            yield from symbols(expr)
        case Op(_, args):
            for arg in args:
                yield from _inside(arg)

"""What formulas need on paper only: d/dz of something, sums over letters, indices that are letters.

An entry with a letter for its index is a symbol whose name says so: `z[k]`, `W1[i,j]`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from msgspec import Struct, field

from backprop_cli.algebra.expr import Expr, Num, Op, Sym, op, rewrite, walk
from backprop_cli.algebra.quantity import entry_id, quantity, whole_id
from backprop_cli.algebra.shapes import Size, is_formula, letters_in, plus, put_in

DERIVATIVE, SUM_OVER, MAX_OVER = "derivative", "sum_over", "max_over"
EQUAL, WITHIN, IS_LARGEST, HELD = "equal", "within", "is_largest", "held"
"""The names of the nodes; no operation of the table has them, since none has a NumPy value."""


def derivative(of: Expr, by: Expr) -> Op:
    """∂of/∂by, not worked out yet."""
    return op(DERIVATIVE, of, by)


def held(quotient: Expr, names: Iterable[str]) -> Expr:
    """∂A/∂B while these quantities, through which B acts on A as well, do not change."""
    fixed = tuple(map(Sym, names))
    return op(HELD, quotient, *fixed) if fixed else quotient


def sum_over(body: Expr, index: str, without: str | None = None) -> Op:
    """The sum of `body` over a letter; `without` is a letter it does not take the value of."""
    return op(SUM_OVER, body, index=index, without=without)


def max_over(body: Expr, index: str) -> Op:
    """The largest of what `body` is for each number of a letter."""
    return op(MAX_OVER, body, index=index)


def equal(left: str, right: str) -> Op:
    """1 where two places are the same, else 0; a letter before a number or a formula."""
    if _said_last(left) > _said_last(right):
        left, right = right, left
    return op(EQUAL, Sym(left), Sym(right))


def _said_last(place: str) -> int:
    return 0 if place.isalpha() else 1 if is_formula(place) else 2


def indexed(name: str, *letters: str) -> Sym:
    """The entry of a quantity that letters name."""
    return Sym(entry_id(name, letters))


def parts(name: str) -> tuple[str, tuple[str, ...]]:
    """A name and the index letters behind it: `z[k]` is z and k."""
    return whole_id(name), quantity(name).index


def same_but_entries(one: Expr, other: Expr) -> bool:
    """Whether two formulas do the same, where one takes entries of what the other names."""
    done, there = (
        [node.name for node in walk(expr) if isinstance(node, Op) and node.name != "at"]
        for expr in (one, other)
    )
    return done == there


def renamed(expr: Expr, letters: Mapping[str, str]) -> Expr:
    """The expression with index letters exchanged; a sum keeps the letter it runs over."""

    def rule(node: Expr) -> Expr | None:
        match node:
            case Sym(name):
                base, places = parts(name)
                if not places:
                    return Sym(put_in(base, letters))
                return indexed(base, *(put_in(place, letters) for place in places))
            case Op("sum_over" | "max_over" as name, (body,)):
                index = str(node.option("index"))
                inner = {old: new for old, new in letters.items() if old != index}
                without = node.option("without")
                left_out = None if without is None else inner.get(str(without), str(without))
                return op(name, renamed(body, inner), index=index, without=left_out)
        return None

    return rewrite(expr, rule)


def depends(expr: Expr, by: Sym, bound: frozenset[str] = frozenset()) -> bool:
    """Whether `expr` changes with `by`: other letters are other entries, unless a sum runs there.

    `bound` are the letters over which sums run around the expression.
    """
    match expr:
        case Num():
            return False
        case Sym(name):
            return name == by.name or _may_be(name, by.name, bound)
        case Op("sum_over" | "max_over", (body,)):
            return depends(body, by, bound | {str(expr.option("index"))})
    return any(depends(arg, by, bound) for arg in expr.args)


def _may_be(name: str, other: str, bound: frozenset[str]) -> bool:
    """Whether an entry of a sum, or one on a diagonal, can be the entry `other`."""
    (base, letters), (base_other, letters_other) = parts(name), parts(other)
    if base != base_other or len(letters) != len(letters_other):
        return False
    return all(
        a == b
        or (
            not (a.isdecimal() and b.isdecimal())
            and (letters.count(a) > 1 or not bound.isdisjoint((a, *moving(a))))
        )
        for a, b in zip(letters, letters_other, strict=True)
    )


def moving(place: str) -> list[str]:
    """The letters in a place that is worked out from them."""
    return letters_in(place) if is_formula(place) else [place]


def has_derivative(expr: Expr) -> bool:
    """Whether something is left to be worked out."""
    match expr:
        case Op("derivative"):
            return True
        case Op():
            return any(map(has_derivative, expr.args))
    return False


def partial(expr: Expr) -> Expr:
    """The expression with ∂ in all its derivatives, since there are other variables."""

    def rule(node: Expr) -> Expr | None:
        match node:
            case Op("derivative", (of, by)):
                return op("derivative", partial(of), by, partial=1)
        return None

    return rewrite(expr, rule)


# Letters for indices ------------------------------------------------------------------------------


_POOL = (*"mprstuvlhaeoxqgdcfw", *(f"{letter}{number}" for number in "1234" for letter in "mpqrst"))


class NoMoreLettersError(Exception):
    """A derivation with more indices than there are letters."""


class Range(Struct, frozen=True):
    """The numbers that a letter stands for, both ends included; letters where sizes are."""

    first: int
    last: Size

    @property
    def count(self) -> Size:
        """How many numbers these are."""
        return plus(self.last, 1 - self.first)


def over(size: Size, first: int) -> Range:
    """The range of an axis whose entries are counted from `first`."""
    return Range(first, plus(size, first - 1))


class Indices(Struct):
    """The letters in use. `taken` are those that mean something else.

    `along` are the letters that may be used again, by what they run over and from where to where.
    """

    taken: set[str] = field(default_factory=set)
    ranges: dict[str, Range] = field(default_factory=dict)
    along: dict[tuple[object, Range], list[str]] = field(default_factory=dict)

    def claim(self, liked: Iterable[str], range_: Range) -> str:
        """A new letter for an axis: one of those liked, if it is free."""
        letter: str
        for letter in (*liked, *_POOL):
            if letter not in self.taken and letter not in self.ranges:
                self.ranges[letter] = range_
                return letter
        raise NoMoreLettersError

    def letter(
        self,
        range_: Range,
        used: Collection[str],
        axis: object = None,
        liked: Iterable[str] = (),
    ) -> str:
        """A letter beside those `used`: one that runs over the same axis, or a new one."""
        letters = self.along.setdefault((axis, range_), [])
        for letter in letters:
            if letter not in used:
                return letter
        letters.append(self.claim(liked, range_))
        return letters[-1]


_LETTER = re.compile(r"(\w)\d*(?:_\d+)?")
_BELOW = re.compile(r"(?:[WUVb]|\w_)([a-z])")


def indices_beside(names: Collection[str], sizes: Collection[str]) -> Indices:
    """Letters for indices, none that is a name or a size, with the numbers of a layer and a step or
    without: the gate i of an LSTM is one, too. Nor one that stands below in a name, as in Wm; below
    in a size it may: i runs up to Nᵢ."""
    taken = {found[1] for found in map(_LETTER.fullmatch, (*names, *sizes)) if found}
    own = (name for name in names if name not in sizes)
    return Indices(taken | {found[1] for found in map(_BELOW.fullmatch, own) if found})

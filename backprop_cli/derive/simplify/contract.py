"""Sums of products with 1{i = j} in them to shorter equal ones: what is left of every sum."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from types import MappingProxyType
from typing import Literal, TypeAlias

from msgspec import Struct

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Num, Op, Sym, factors, is_sum, op, rewrite, signed_terms
from backprop_cli.algebra.shapes import (
    Size,
    combined,
    ends,
    is_formula,
    letters_in,
    never_same,
    often,
    plus,
    solved,
)
from backprop_cli.calculus.last_form import exchanged
from backprop_cli.derive.derivation_nodes import (
    EQUAL,
    IS_LARGEST,
    SUM_OVER,
    WITHIN,
    Range,
    equal,
    moving,
    parts,
    renamed,
    sum_over,
)
from backprop_cli.derive.simplify.monomials import factor_powers
from backprop_cli.readings.entries import NoEntryError

Power: TypeAlias = tuple[Expr, int]
Stage = Literal["picked", "in front", "split"]
"""How far to go: sums with one term left; with what does not depend on the letter in front;
with factors multiplied out of which one term is left."""


class Contraction(Struct, frozen=True):
    """Goes as far as `stage`; `ranges` say how many terms a sum has.

    The sum over `outer` (the samples) stays around all others; `as_given`: all in their order.
    """

    ranges: Mapping[str, Range]
    stage: Stage
    outer: str = ""
    as_given: bool = False

    def apply(self, expr: Expr) -> Expr:
        """The expression with every sum in it shortened."""
        match expr:
            case Op("sum_over") if expr.option("without") is None:
                return self.sums(expr)
            case Op("mul"):  # at once: a product for each of its factors is long work
                applied = map(self.apply, factors(expr))
                return product([power for each in applied for power in factor_powers(each)])
            case Op(name, args):
                return rebuilt(name, tuple(map(self.apply, args)), expr)
        return expr

    def sums(self, expr: Expr) -> Expr:
        """Sums within sums: first those of which one term is left, then the others from inside."""
        letters: list[str] = []
        while isinstance(expr, Op) and expr.name == SUM_OVER and expr.option("without") is None:
            letters.append(str(expr.option("index")))
            (expr,) = expr.args
        body = self.apply(expr)
        for _ in letters:
            picked = picked_in(body, letters)
            if picked is None:
                break
            letters.remove(picked[0])
            body = self.apply(self.left(body, picked))
        order = letters[::-1] if self.as_given else letters
        for letter in sorted(order, key=lambda each: each == self.outer):
            # as backpropagation goes: from what is differentiated
            body = self.total(body, letter)
        return body

    def total(self, body: Expr, index: str) -> Expr:
        """Σ over `index` of a body whose own sums are shortened already."""
        if not has_index(body, index):
            return self.many(body, index)
        powers = [*factor_powers(body)]
        picked = picked_in(body, [index])
        if picked is not None:
            return self.apply(self.left(body, picked))
        if self.stage == "picked":
            return sum_over(body, index)
        front = [power for power in powers if not has_index(power[0], index)]
        rest = [power for power in powers if has_index(power[0], index)]
        return times(product(front), self.rest(rest, index))

    def left(self, body: Expr, picked: tuple[str, str]) -> Expr:
        """The term that 1{k = j} leaves of a sum over k, where j is one of its numbers."""
        letter, other = picked
        term = settled(renamed(without_pick(body, picked), {letter: other}), self.ranges)
        there = inside(other, letter, self.ranges)
        if there == build.ONE:
            return term
        return times(term, there) if is_formula(other) else times(there, term)

    def rest(self, powers: list[Power], index: str) -> Expr:
        """The sum of factors that all depend on the letter."""
        chosen = self.splits(powers, index) if self.stage == "split" else None
        if chosen is None:
            return sum_over(product(powers), index)
        others = product([power for power in powers if power is not chosen])
        total: Expr = build.ZERO
        for sign, term in signed_terms(chosen[0]):
            found = self.total(times(term, others), index)
            total = build.add(total, found) if sign > 0 else build.sub(total, found)
        return total

    def splits(self, powers: list[Power], index: str) -> Power | None:
        """The factor that is a sum with 1{index = …} in one of its terms."""
        for power in powers:
            factor, exponent = power
            if exponent == 1 and is_sum(factor):
                inside = (
                    f for _, term in signed_terms(factor) for f, p in factor_powers(term) if p == 1
                )
                if any(picks(f, index) for f in inside):
                    return power
        return None

    def many(self, body: Expr, index: str) -> Expr:
        """A sum of equal terms."""
        return build.mul(build.size(self.ranges[index].count), body)


def without_minus(expr: Expr) -> Expr:
    """−c (a − b) as c (b − a), inside a sum too."""
    factor, rest = build.coefficient(expr)
    if factor >= 0 or not isinstance(expr, Op):
        return expr
    flipped = exchanged(rest, {SUM_OVER})
    return expr if flipped is None else build.scaled(-factor, flipped)


def with_numbers(expr: Expr) -> Expr:
    """1{i = 2} P₂ⱼ for 1{i = 2} Pᵢⱼ: beside what is 0 elsewhere a letter is its number."""
    if not isinstance(expr, Op) or _is_pick(expr):
        return expr
    if expr.name not in ("mul", "div"):
        return rebuilt(expr.name, tuple(map(with_numbers, expr.args)), expr)
    powers = [*factor_powers(expr)]
    known = dict(pair for factor, power in powers if power == 1 for pair in _number(factor))
    return product(
        [
            (factor if _is_pick(factor) else with_numbers(at_places(factor, known)), power)
            for factor, power in powers
        ]
    )


def _number(factor: Expr) -> Iterator[tuple[str, str]]:
    match factor:
        case Op("equal", (Sym(left), Sym(right))):
            for letter, number in ((left, right), (right, left)):
                if number.isdecimal() and letter.isalpha():
                    yield letter, number


def has_index(expr: Expr, index: str) -> bool:
    """Whether the expression depends on an index letter."""
    match expr:
        case Op("sum_over" | "max_over", (body,)):
            return str(expr.option("index")) != index and has_index(body, index)
        case Op(_, args):
            return any(has_index(arg, index) for arg in args)
        case Sym(name):
            base, places = parts(name)
            return any(index in moving(place) for place in places or (base,))
    return False


def picks(factor: Expr, index: str) -> str | None:
    """The letter that 1{index = other} puts in place of the index."""
    other = _solved(factor, index)
    return None if other is None or is_formula(other) else other


def _solved(factor: Expr, index: str) -> str | None:
    """The place, k - i + 1 perhaps, that 1{…} puts in place of an index alone on its side."""
    match factor:
        case Op("equal", (Sym(left), Sym(right))) if index in (*moving(left), *moving(right)):
            return solved(left, right, index)
    return None


def picked_in(body: Expr, letters: list[str]) -> tuple[str, str] | None:
    """A letter of which one term is left, and what it has to be there."""
    powers = [*factor_powers(body)]
    for letter in reversed(letters):
        for factor, power in powers:
            other = _solved(factor, letter)
            if other is not None and power == 1:
                return letter, other
    return None


def without_pick(body: Expr, picked: tuple[str, str]) -> Expr:
    """The product without the factor that picks."""
    letter, other = picked
    kept = [*factor_powers(body)]
    kept.remove(next(power for power in kept if _solved(power[0], letter) == other))
    return product(kept)


def times(a: Expr, b: Expr) -> Expr:
    """a · b with like factors cancelled: y / ŷ · ŷ is y."""
    return product([*factor_powers(a), *factor_powers(b)])


def product(powers: list[Power]) -> Expr:
    """Factors in their order, numbers in front, those with negative powers below a line."""
    number, collected = Fraction(1), dict[Expr, int]()
    for factor, power in powers:
        if isinstance(factor, Num) and factor.value:
            number *= factor.value**power
        else:
            collected[factor] = collected.get(factor, 0) + power
    if build.ZERO in collected:
        return build.ZERO
    for each in [factor for factor in collected if _is_pick(factor)]:
        collected[each] = 1  # its square is itself
    top, bottom = build.powers_of(collected, 1), build.powers_of(collected, -1)
    return build.scaled(number, build.div(top, bottom) if bottom != build.ONE else top)


def _is_pick(expr: Expr) -> bool:
    return isinstance(expr, Op) and expr.name in (EQUAL, WITHIN, IS_LARGEST)


def rebuilt(name: str, args: tuple[Expr, ...], node: Op) -> Expr:
    """The operation on new arguments, as short as it can be written."""
    match name, args:
        case "add", (a, b):
            return build.add(a, b)
        case "sub", (a, b):
            return build.sub(a, b)
        case "neg", (a,):
            return build.neg(a)
        case "equal", (Sym(left), Sym(right)):
            return same(left, right)
        case "within", _:
            return in_order(_names(args))
    return Op(name, args, node.options)


def _names(args: Sequence[Expr]) -> tuple[str, ...]:
    return tuple(each.name for each in args if isinstance(each, Sym))


def settled(expr: Expr, ranges: Mapping[str, Range]) -> Expr:
    """The expression with 1{…} only where letters may be beyond what they are compared with."""

    def rule(node: Expr) -> Expr | None:
        match node:
            case Op("within", args):
                return in_order(_names(args), ranges)
        return None

    found = rewrite(expr, rule)
    return expr if found == expr else carried_out(found)


def at_places(expr: Expr, places: Mapping[str, str], ends: Collection[str] = ()) -> Expr:
    """The expression with places for some of its letters, carried out as far as that goes.

    Places are numbers, or the last number of a range by its letter (`ends`): none is the same as
    another.
    """
    fixed = frozenset(places.values()) | frozenset(ends)

    def apart(node: Expr) -> Expr | None:
        match node:
            case Op("equal", (Sym(left), Sym(right))) if {left, right} <= fixed:
                return build.ONE if left == right else build.ZERO
        return None

    return carried_out(rewrite(renamed(expr, places), apart))


def carried_out(expr: Expr) -> Expr:
    """The expression without factors 0 and 1, and terms 0."""
    if not isinstance(expr, Op):
        return expr
    return without_ones(expr, tuple(map(carried_out, expr.args)))


def without_ones(node: Op, args: tuple[Expr, ...]) -> Expr:
    """The operation on new arguments, without factors 0 and 1, and terms 0."""
    if node.name in (SUM_OVER, "div") and args[0] == build.ZERO:
        return build.ZERO
    if node.name == "div":
        return build.div(*args)
    return build.scalar_mul(*args) if node.name == "mul" else rebuilt(node.name, args, node)


def delta(expr: Expr, left: str, right: str) -> bool:
    """Whether 1{left = right} is a factor of the expression."""
    return any(power == 1 and picks(factor, left) == right for factor, power in factor_powers(expr))


Ranges: TypeAlias = "Mapping[str, Range]"
# Places of letters --------------------------------------------------------------------------------

_UNKNOWN: Ranges = MappingProxyType({})


def same(left: str, right: str) -> Expr:
    """1{left = right}; two different numbers are never the same."""
    if never_same(left, right):
        return build.ZERO
    return build.ONE if combined((1, left), (-1, right)) == 0 else equal(left, right)


def between(first: Size, place: str, last: Size, ranges: Ranges = _UNKNOWN) -> Expr:
    """1{first ≤ place ≤ last}, a letter alone in the middle; 0 or 1 where that is known."""
    letter = next((each for each in moving(place) if often(place, each) == 1), place)
    moved = combined((1, letter), (-1, place))
    low, high = combined((1, first), (1, moved)), combined((1, last), (1, moved))
    return in_order((str(low), letter, str(high)), ranges)


def in_order(places: Sequence[str], ranges: Ranges = _UNKNOWN) -> Expr:
    """1 where no place is before the one before it, said of those only of which it is not known."""
    kept: list[str] = []
    for low, high in pairwise(places):
        least, most = _least_and_most(combined((1, high), (-1, low)), ranges)
        if isinstance(most, int) and most < 0:
            return build.ZERO
        if not isinstance(least, int) or least < 0:
            kept += [high] if kept else [low, high]
    if not kept:
        return build.ONE
    if len(kept) > 2 and combined((1, kept[0]), (-1, kept[2])) == 0:
        return equal(kept[1], kept[0])
    return op(WITHIN, *map(Sym, kept))


def _least_and_most(place: Size, ranges: Ranges) -> tuple[Size, Size]:
    """Between what a place is, where letters run over their ranges and no size is below 1."""
    both = {letter: (each.first, each.last) for letter, each in ranges.items()}
    least, most = ends(place, both)
    sizes = {letter: (1, letter) for each in ranges.values() for letter in letters_in(each.last)}
    known = {letter: size for letter, size in sizes.items() if letter not in both}
    return ends(least, known)[0], ends(most, known)[1]


_MOST = 6  # numbers that are listed one by one


def inside(place: str, index: str, ranges: Mapping[str, Range]) -> Expr:
    """1 where `place` is one of the numbers over which `index` runs, else 0: often always 1.

    The sum over the weights of a penalty has no term for a bias that is a row of them.
    """
    summed = ranges.get(index)
    if summed is not None and is_formula(place):
        return between(summed.first, place, summed.last, ranges)
    own = Range(int(place), int(place)) if place.isdecimal() else ranges.get(place)
    if summed is None or own is None or own == summed:
        return build.ONE
    if place.isdecimal():
        beyond = isinstance(summed.last, int) and own.first > summed.last
        return build.ZERO if beyond or own.first < summed.first else build.ONE
    left_out = [str(number) for number in range(own.first, summed.first)]
    if own.last == plus(summed.last, 1):
        left_out.append(str(own.last))
    elif not _reaches(summed.last, own.last):
        return _one_of(place, summed)
    return build.product_of(build.sub(build.ONE, equal(place, number)) for number in left_out)


def _reaches(last: Size, other: Size) -> bool:
    """Whether a range that ends with `last` has what one that ends with `other` has."""
    if isinstance(last, int) and isinstance(other, int):
        return last >= other
    return last in (other, plus(other, 1))


def _one_of(place: str, summed: Range) -> Expr:
    if not isinstance(summed.last, int) or summed.last - summed.first >= _MOST:
        raise NoEntryError("a sum over a part of an axis")
    numbers = range(summed.first, summed.last + 1)
    return build.sum_of(equal(place, str(number)) for number in numbers)

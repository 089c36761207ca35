"""Shapes, whose sizes may be letters: how they combine, and what to say when they do not."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import partial
from math import gcd
from typing import TypeAlias

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Sym, num
from backprop_cli.errors import HintedError

Size: TypeAlias = "int | str"
Shape: TypeAlias = "tuple[Size, ...]"


_TERM = r"([+-]?)(?:(?:(\d+)\*)?([^\W\d]\w*)|(\d+))"
_SIGNS = frozenset("+-*")
_FORMULA = partial(re.fullmatch, f"(?:{_TERM})(?:(?=[+-]){_TERM})*")


class ShapeError(HintedError):
    """Arguments whose shapes do not fit; the message is a sentence for the user."""


def described(shape: Shape) -> str:
    """A shape in words: `a number`, `a vector of 3`, `a 2 × 3 matrix`."""
    match len(shape):
        case 0:
            return "a number"
        case 1:
            return f"a vector of {shape[0]}"
        case 2:
            return f"{_article(shape[0])} {shape[0]} × {shape[1]} matrix"
    return "an array of " + " × ".join(map(str, shape))


def _article(size: Size) -> str:
    """`a 2 × 3 matrix`, but `an 8 × 3 matrix` and `an n × d matrix`."""
    text = str(size).upper()
    vowels = "AEIOU" if text[:2].isalpha() and len(text) > 1 else "8AEFHILMNORSX"
    spoken_with_vowel = text[0] in vowels or text in ("11", "18")
    return "an" if spoken_with_vowel else "a"


def all_known(places: Iterable[object]) -> bool:
    """Whether all sizes, or places of an entry, are numbers, no letters."""
    return all(isinstance(place, int) for place in places)


def plus(size: Size, change: int) -> Size:
    """A size one larger or smaller, such as N+1."""
    return combined((1, size), more=change)


def combined(*terms: tuple[int, Size], more: int = 0) -> Size:
    """Sizes added up or taken from one another, such as n - k + 1."""
    letters: dict[str, int] = {}
    for sign, size in terms:
        for letter, times in _linear(size).items():
            letters[letter] = letters.get(letter, 0) + sign * times
    total = letters.pop("", 0) + more
    named = [(letter, times) for letter, times in letters.items() if times]
    if not named:
        return total
    named.sort(key=lambda each: each[1] < 0)  # what is added before what is taken away
    text = "".join(_sized(letter, times) for letter, times in named)
    if text.startswith("-"):
        return f"{total}{text}"
    return text.removeprefix("+") + (f"{total:+d}" if total else "")


def put_in(size: str, letters: Mapping[str, str]) -> str:
    """A size, or a place such as 2*i+p-2, with others for some of its letters."""
    if size in letters or not is_formula(size):
        return letters.get(size, size)
    terms = [(times, letters.get(of, of) if of else 1) for of, times in _linear(size).items()]
    return str(combined(*terms))


def is_formula(size: str) -> bool:
    """Whether a size or place is worked out, as i+p-1 is, and no letter or number alone."""
    return not _SIGNS.isdisjoint(size) and _FORMULA(size) is not None


def solved(left: str, right: str, letter: str) -> str | None:
    """What a letter is where two places are the same; None where that is no whole formula."""
    terms = _linear(combined((1, left), (-1, right)))
    times = terms.pop(letter, 0)
    if not times or any(n % times for n in terms.values()):
        return None
    return str(combined(*((-n // times, of or 1) for of, n in terms.items())))


def never_same(left: str, right: str) -> bool:
    """Whether two places differ whatever their letters are, as 2i and 4 or 2i and 2k - 1 do."""
    terms = _linear(combined((1, left), (-1, right)))
    number = terms.pop("", 0)
    return bool(number % gcd(*terms.values())) if any(terms.values()) else number != 0


def often(place: Size, letter: str) -> int:
    """How often a letter is in a place: twice in 2i - 1."""
    return _linear(place).get(letter, 0)


def ends(size: Size, ranges: Mapping[str, tuple[Size, Size]]) -> tuple[Size, Size]:
    """The least and the largest that a place can be, where letters run over these."""
    found: tuple[list[tuple[int, Size]], list[tuple[int, Size]]] = ([], [])
    for letter, times in _linear(size).items():
        both = ranges.get(letter, (letter or 1, letter or 1))
        for side, end in zip(found, both if times > 0 else both[::-1], strict=True):
            side.append((times, end))
    return combined(*found[0]), combined(*found[1])


def letters_in(size: Size) -> list[str]:
    """The letters of a size; of N+1 only N."""
    return [letter for letter in _linear(size) if letter]


def _sized(letter: str, times: int) -> str:
    return f"{'+' if times > 0 else '-'}{'' if abs(times) == 1 else f'{abs(times)}*'}{letter}"


def _linear(size: Size) -> dict[str, int]:
    """How often each letter is in a size; the number in it under no letter."""
    if isinstance(size, int):
        return {"": size}
    found: dict[str, int] = {}
    for sign, times, letter, number in re.findall(_TERM, size):
        factor = (-1 if sign == "-" else 1) * int(times or number or 1)
        found[letter] = found.get(letter, 0) + factor
    return found


def broadcast(
    left: Shape, right: Shape, words: str = "combined", instead: str | None = None
) -> Shape:
    """The shape of an entry-by-entry operation: equal shapes, a number, or a row or column."""
    if left == right or not right:
        return left
    if not left:
        return right
    if len(left) == len(right) == 2:
        pairs = tuple(zip(left, right, strict=True))
        if all(a == b or 1 in (a, b) for a, b in pairs):
            return tuple(b if a == 1 else a for a, b in pairs)
    raise ShapeError(
        f"{described(left)} and {described(right)} cannot be {words} entry by entry",
        instead or _row_or_column(left, right),
    )


def _row_or_column(left: Shape, right: Shape) -> str | None:
    """What to write instead where a flat vector meets a matrix."""
    if {len(left), len(right)} != {1, 2}:
        return None
    vector, matrix = (left, right) if len(left) == 1 else (right, left)
    fits = [
        f"{name}(…) to add it to every {other}"
        for name, other, size in (("column", "column", matrix[0]), ("row", "row", matrix[1]))
        if size == vector[0]
    ]
    return "make the vector a row or a column: " + " or ".join(fits) if fits else None


# How many numbers ---------------------------------------------------------------------------------


Monomial: TypeAlias = "tuple[str, ...]"
Polynomial: TypeAlias = "Mapping[Monomial, int]"
"""The whole number before each product of letters, which stand as they were first written."""


def total(shapes: Iterable[Shape]) -> Polynomial:
    """How many numbers quantities of these shapes hold together."""
    found: Counter[Monomial] = Counter()
    written: dict[Monomial, Monomial] = {}
    for shape in shapes:
        for letters, factor in _entries(shape).items():
            found[written.setdefault(tuple(sorted(letters)), letters)] += factor
    return found


def product(shape: Shape) -> Expr:
    """How many numbers a quantity of this shape holds, its sizes multiplied as they stand."""
    return build.product_of(expression(_length(size)) for size in shape)


def expression(polynomial: Polynomial) -> Expr:
    """The polynomial as a formula, products of more letters first."""
    order = sorted(polynomial, key=lambda letters: -len(letters))
    return build.sum_of(_term(polynomial[letters], letters) for letters in order)


def _term(factor: int, letters: Monomial) -> Expr:
    powers = (build.power(Sym(letter), num(times)) for letter, times in Counter(letters).items())
    return build.product_of(powers, num(factor))


def _entries(shape: Shape) -> Counter[Monomial]:
    found: Counter[Monomial] = Counter({(): 1})
    for size in shape:
        found = _times(found, _length(size))
    return found


def _times(left: Polynomial, right: Polynomial) -> Counter[Monomial]:
    product: Counter[Monomial] = Counter()
    for one, factor in left.items():
        for other, times in right.items():
            product[(*one, *other)] += factor * times
    return product


def _length(size: Size) -> Polynomial:
    """A size such as 3, N or N+1."""
    return {(letter,) if letter else (): times for letter, times in _linear(size).items()}

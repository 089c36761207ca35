"""Letters for indices: which are taken, and from which number to which each of them runs."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from msgspec import Struct, field

from backprop_cli.algebra.shapes import Size, plus

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

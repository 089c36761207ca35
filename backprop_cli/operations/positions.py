"""Where an entry is on an axis: a number counted from 0, or letters with a number added to them."""

from __future__ import annotations

from typing import NoReturn, TypeAlias

from msgspec import Struct


class UnknownPlaceError(Exception):
    """Something that depends on which number a letter stands for."""


class Lettered(Struct, frozen=True):
    """i, i + 1, i + k - 1: the numbers that the letters stand for, added up."""

    letters: tuple[str, ...]
    offset: int = 0

    def __add__(self, other: Position) -> Lettered:
        if isinstance(other, int):
            return Lettered(self.letters, self.offset + other)
        return Lettered(self.letters + other.letters, self.offset + other.offset)

    def __radd__(self, other: int) -> Lettered:
        return self + other

    def __sub__(self, other: int) -> Lettered:
        return self + -other

    def _unknown(self, *_: object) -> NoReturn:
        raise UnknownPlaceError

    __lt__ = __le__ = __gt__ = __ge__ = __index__ = _unknown
    __mul__ = __rmul__ = __floordiv__ = __mod__ = _unknown

    def text(self) -> str:
        """`i+k-1`."""
        shift = f"{self.offset:+d}" if self.offset else ""
        return "+".join(self.letters) + shift


Position: TypeAlias = "int | Lettered"
Index: TypeAlias = "tuple[Position, ...]"

"""A seed and words -> one of several things, the same for ever: no generator that may change."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import TypeVar

Thing = TypeVar("Thing")


class Draws:
    """What is drawn for one key. Each draw has a name of its own, and depends on nothing else.

    So a number that is added to a file changes no other.
    """

    def __init__(self, *key: object) -> None:
        self._key = "\0".join(map(str, key))

    def number(self, name: str) -> int:
        """A whole number of 64 bits."""
        return int.from_bytes(sha256(f"{self._key}\0{name}".encode()).digest()[:8], "big")

    def one_of(self, things: Sequence[Thing], name: str) -> Thing:
        """One of the things."""
        return things[self.number(name) % len(things)]

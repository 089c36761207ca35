"""How much is done, counted instead of timed: the same on any machine, however busy it is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

Result = TypeVar("Result")


class TooMuchError(AssertionError):
    """More was done than may be."""


def counted(work: Callable[[], Result], most: int = 20_000_000) -> Result:
    """What some work gives that takes at most so many calls of functions, Python's among them."""
    count = 0

    def noticed(_frame: FrameType, event: str, _arg: Any) -> None:
        nonlocal count
        if event in ("call", "c_call"):
            count += 1
            if count > most:
                sys.setprofile(None)
                raise TooMuchError(f"more than {most:,} calls")

    before = sys.getprofile()
    sys.setprofile(noticed)
    try:
        return work()
    finally:
        sys.setprofile(before)

"""Pieces of work to their times: run in turn, so that a busy moment hits all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import TypeAlias

from msgspec import Struct

Work: TypeAlias = Callable[[], object]
OURS = "backprop"


class Row(Struct, frozen=True):
    """One comparison: medians in seconds, and the median of ours / theirs in the same round.

    `wanted` is what that is to be at most; None where the peer is there to be looked at.
    """

    work: str
    peer: str
    ours: float
    theirs: float
    ratio: float
    wanted: float | None = None


def compare(
    work: str,
    works: Mapping[str, Work],
    wanted: Mapping[str, float],
    rounds: int,
    per: int = 1,
    parts: Mapping[str, int] | None = None,
) -> list[Row]:
    """Ours beside each of the others.

    Each piece does something `per` times, or so many times as `parts` says: times are for one.
    """
    counts = {name: (parts or {}).get(name, per) for name in works}
    for piece in works.values():
        piece()
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, piece in works.items():
            start = time.perf_counter()
            piece()
            times[name].append((time.perf_counter() - start) / counts[name])
    return [row(work, name, times, wanted.get(name)) for name in works if name != OURS]


def row(work: str, peer: str, times: Mapping[str, list[float]], wanted: float | None) -> Row:
    """The medians of two lists of times, taken in turn."""
    pairs = zip(times[OURS], times[peer], strict=True)
    return Row(
        work,
        peer,
        statistics.median(times[OURS]),
        statistics.median(times[peer]),
        statistics.median(ours / theirs for ours, theirs in pairs),
        wanted,
    )

"""A problem and many variants of it -> how they differ, for a teacher who is to hand them out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from backprop_cli.classroom.variants import Varied


class Spread(Struct, frozen=True):
    """How large a quantity is: in the original, and at the least and the most in a variant."""

    id: str
    original: float
    least: float
    most: float


class Compared(Struct, frozen=True):
    """What so many variants have in common, and what not."""

    variants: int
    different: int
    most_tries: int
    quantities: tuple[Spread, ...]


def compared(varied: Varied, count: int, seed: int = 1) -> Compared:
    """How the variants of so many students differ; UserError where one cannot be made."""
    made = [varied.variant(str(number), seed) for number in range(1, count + 1)]
    sizes = [varied.sizes(one.numbers) for one in made]
    spreads = (
        Spread(id, own, min(one[id] for one in sizes), max(one[id] for one in sizes))
        for id, own in varied.own_sizes.items()
    )
    different = len({one.numbers for one in made})
    return Compared(count, different, max(one.tries for one in made), tuple(spreads))


def compared_lines(found: Compared, shown: Callable[[float], str]) -> Iterator[str]:
    """What is said of the variants: the largest entry of each quantity, in a table."""
    yield f"Among {found.variants} variants"
    yield (
        f"  {found.different} have numbers of their own; the most that were drawn until one was"
        f" fair: {found.most_tries}"
    )
    rows: list[tuple[str, ...]] = [("largest entry of", "here", "least", "most")]
    rows += [(q.id, *map(shown, (q.original, q.least, q.most))) for q in found.quantities]
    rooms = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        numbers = (f"{cell:>{room}}" for cell, room in zip(others, rooms[1:], strict=True))
        yield "  ".join([f"  {first:<{rooms[0]}}", *numbers])
    yield ""


def compared_data(found: Compared) -> dict[str, Any]:
    """The same for JSON."""
    return {**asdict(found), "quantities": [asdict(one) for one in found.quantities]}

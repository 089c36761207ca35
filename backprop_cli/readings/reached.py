"""What is known of the parts of a formula while its bounds are worked out: singly, or at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from backprop_cli.algebra.expr import InOrder
from backprop_cli.operations.bounds import Array, Interval, point
from backprop_cli.readings.alike_parts import Plan, Rows, Step, lifted


class Reached(Struct, frozen=True):
    """What is known of a part of a formula: before its own rounding, and after it.

    `digits` tells whether it has the digits of the sheet: a name, or what brings no new ones to it.
    """

    bare: Interval
    rounded: Interval
    digits: bool


class Known(dict[int, Reached | None]):
    """What is known of parts by their identity; of those that steps worked out, once it is asked.

    None of all others.
    """

    def __init__(self) -> None:
        super().__init__()
        self._by_steps: list[tuple[Plan, Sequence[Reached]]] = []

    def learn(self, plan: Plan, steps: Sequence[Reached]) -> None:
        """Takes notice of what is known after each step of a formula."""
        self._by_steps.append((plan, steps))

    def share(self, expr: InOrder) -> float:
        """How much of a formula is known."""
        parts = {id(part) for part, _ in expr.parts}
        known = parts & self.keys()
        known.update(*(parts & plan.parts.keys() for plan, _ in self._by_steps))
        return len(known) / len(parts)

    @property
    def look(self) -> Callable[[int], Reached | None]:
        """What gives what is known of a part, or None."""
        return self.__getitem__ if self._by_steps else self.get  # which takes a fifth of the time

    def __missing__(self, part: int) -> Reached | None:
        for plan, steps in self._by_steps:
            if part in plan.parts:
                step, row = plan.parts[part]
                self[part] = found = taken(steps[step], row)
                return found
        return None


def taken(reached: Reached, rows: Rows) -> Reached:
    """What is known of some of the parts that are alike."""
    return reached if rows is None else _changed(reached, lambda one: one[rows, ...])


def side_by_side(step: Step, args: Sequence[Reached]) -> list[Reached]:
    """The arguments of parts that are alike, each one's beside each other."""
    axes = step.axes([arg.bare[0] for arg in args])
    return [
        _changed(arg, lambda one: lifted(one, axes))
        if together and arg.bare[0].ndim <= axes
        else arg
        for arg, together in zip(args, step.together, strict=True)
    ]


def moved(step: Step, args: Sequence[Reached], *, at_once: bool) -> Reached:
    """What is known of parts that only put entries elsewhere, on what is known of these.

    Where nothing is asked for before its rounding, they go on `at_once` with what was written down.
    """
    rounded = _moved(step, [arg.rounded for arg in args])
    bare = rounded if at_once else _moved(step, [arg.bare for arg in args])
    return Reached(bare, rounded, all(arg.digits for arg in args))


def _moved(step: Step, args: Sequence[Interval]) -> Interval:
    low = step.moved([one[0] for one in args])
    if all(one[0] is one[1] for one in args):
        return point(low)
    return low, step.moved([one[1] for one in args])


def _changed(reached: Reached, change: Callable[[Array], Array]) -> Reached:
    bare = _both(reached.bare, change)
    rounded = bare if reached.rounded is reached.bare else _both(reached.rounded, change)
    return Reached(bare, rounded, reached.digits)


def _both(interval: Interval, change: Callable[[Array], Array]) -> Interval:
    low, high = interval
    return point(change(low)) if low is high else (change(low), change(high))

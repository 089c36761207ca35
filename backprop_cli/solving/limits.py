"""How much work a problem is before any of it is done, and what is refused."""

from __future__ import annotations

from backprop_cli.algebra.expr import walk
from backprop_cli.errors import Complaint, Mark, UserError
from backprop_cli.solving.plan import Plan

MAX_WORK = 2_000_000
"""Operations on arrays (a large array counts once for each thousand entries) unless an option raises it."""

MAX_ENTRIES = 20_000_000
"""Entries of all arrays of one step together: about 160 MB."""


def entries(planned: Plan) -> int:
    """The entries of all values of one step together."""
    total = 0
    for step in planned.steps:
        size = 0 if step.skipped else 1
        for length in step.shape:
            size *= int(length)
        total += size
    return total


def work(planned: Plan, steps: int) -> int:
    """The operations that so many steps take."""
    operations = sum(1 for step in planned.steps for _ in walk(step.expr))
    return steps * (operations + entries(planned) // 1000)


def check_work(planned: Plan, steps: int, limit: int, mark: Mark) -> None:
    """Refuses what is over the limits."""
    if entries(planned) > MAX_ENTRIES:
        raise UserError(
            Complaint(
                f"this problem holds {entries(planned):,} numbers in one step, "
                f"and the limit is {MAX_ENTRIES:,}",
                mark,
                "smaller matrices",
            )
        )
    needed = work(planned, steps)
    if needed > limit:
        raise UserError(
            Complaint(
                f"{steps:,} steps of this problem are about {needed:,} operations, and the limit is {limit:,}",
                mark,
                f"fewer steps, or --max-work {needed}",
            )
        )

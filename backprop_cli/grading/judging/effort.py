"""The work that one sheet takes: counted and not timed, so that it ends at one place everywhere."""

from __future__ import annotations

from math import inf
from typing import Final

from backprop_cli.algebra.expr import Expr, in_order

_EACH: Final = 1.5
"""Operations in the time that a part of a formula takes on intervals, or in one way of rounding."""

MORE: Final = 10  # times the limit are enough for all that was seen


class Effort:
    """Counts what is worked out for a sheet; over `most` operations the rest is left.

    What was worked out for other sheets counts as if it were new: the same sheet ends at the same
    place, whatever was graded before it and in whatever process.
    """

    def __init__(self, most: float = inf, each: float = _EACH) -> None:
        self.most, self.each, self.spent = most, each, 0.0

    def pay(self, expr: Expr) -> None:
        """Counts a formula that is worked out once, `each` operations for a part of it."""
        self.pay_for(len(in_order(expr).parts))

    def pay_for(self, parts: int) -> None:
        """Counts a formula of so many parts."""
        self.spend(self.each * parts)

    def spend(self, operations: float) -> None:
        """Counts so many operations."""
        self.spent += operations

    @property
    def is_over(self) -> bool:
        """Whether it is more than allowed."""
        return self.spent > self.most

    @property
    def words(self) -> str:
        """What was left, and what allows more."""
        limit = f"judging this sheet takes more than the limit of {self.most:,} operations"
        return f"{limit}: more digits on it, or --max-work {MORE * self.most:.0f}, tell more"

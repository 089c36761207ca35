"""What judging takes and gives: the key of a problem, the verdicts on one quantity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from backprop_cli.algebra.expr import Expr, walk
from backprop_cli.grading.variants import Formulas
from backprop_cli.grading.written import Array, Mask
from backprop_cli.operations.bounds import Interval
from backprop_cli.readings.intervals import Unit

Words: TypeAlias = NDArray[np.object_]


class Key(Struct, frozen=True):
    """What a sheet is judged by: the true values, and the formulas that give each quantity."""

    truth: Mapping[str, Array]
    formulas: Formulas
    given: frozenset[str]
    asked: frozenset[str]
    unit: Unit | None
    parameters: Mapping[str, str]
    """For each new parameter, the old one: it is judged by its change."""
    uses: Mapping[str, tuple[str, ...]]
    """The names in each quantity's formula."""
    never_zero: frozenset[str] = frozenset()
    """What is divided by, or whose logarithm is taken: nobody goes on with a 0 there."""
    forward: frozenset[str] = frozenset()
    """The quantities of the forward pass."""
    again: frozenset[str] = frozenset()
    """Those of the forward pass with new parameters."""


class Judged(Struct, frozen=True):
    """One quantity judged: a verdict and how an entry, as arrays of words."""

    verdicts: Words
    how: Words
    reason: str | None = None
    decided_by: Interval | None = None
    usable: Mask | bool = True
    """Where later quantities may be worked out from it: correct or imprecise."""
    misleads: bool = False
    """Whether anything in it is wrong, or follows from what is."""


def judged_as(
    verdicts: Words, how: Words, reason: str | None, decided_by: Interval | None
) -> Judged:
    """A quantity with these verdicts, and what they mean for what follows."""
    usable = (verdicts == "correct") | (verdicts == "imprecise")
    misleads = ~(usable | (verdicts == "missing"))
    return Judged(verdicts, how, reason, decided_by, usable, bool(misleads.any()))


def has_kink(expr: Expr) -> bool:
    """Whether a formula has another value on either side of 0: σ′ of a ReLU."""
    return any(getattr(node, "name", "") == "switch" for node in walk(expr))


def is_jacobian(expr: Expr) -> bool:
    """Whether a formula is only computed by pulling back, so that it has no interval."""
    return any(getattr(node, "name", "") == "jacobian" for node in walk(expr))

"""A problem with other numbers, beside the original -> why it would not be fair, if so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from backprop_cli.algebra.expr import Op, walk
from backprop_cli.grading.grader import Grader
from backprop_cli.grading.lint.findings import soonest
from backprop_cli.grading.lint.unnoticed_slips import Finding, Numbers, other_numbers
from backprop_cli.operations.table import operation
from backprop_cli.readings.values import evaluate

_TIMES: Final = 20  # so much larger than all in the original, the numbers are of another kind
_NEAR: Final = 2  # units of the digits asked within which rounding may reach a kink
_STARTS_AT_KINK: Final = ("relu", "leaky_relu", "step", "abs", "elu", "sign")

Array = NDArray[np.float64]
Weakness = tuple[str, ...]
"""Something that a problem may have and a variant of it should not: its kind, where, which slip."""


class Measure(Struct, frozen=True):
    """What variants of a problem are measured by: what it has of its own that is not nice."""

    weak: frozenset[Weakness]
    others: Sequence[Numbers]
    dead: Mapping[str, int]
    sizes: Mapping[str, float]
    near: frozenset[str]


def measured(grader: Grader) -> Measure:
    """The measure that a problem is."""
    others = other_numbers(grader)
    weak = frozenset(_weaknesses(grader, others))
    return Measure(weak, others, _dead(grader), sizes(grader), frozenset(near_kinks(grader)))


def why_unfair(grader: Grader, own: Measure) -> str | None:
    """Why a variant would not be fair, in a few words; None where it is."""
    return next(_reasons(grader, own), None)


def _reasons(grader: Grader, own: Measure) -> Iterator[str]:
    """What takes no time to see comes first."""
    most = _TIMES * max(1.0, *own.sizes.values())
    for name, size in sizes(grader).items():
        if size == 0 and own.sizes.get(name) and name != "class":
            yield f"all of {name} is 0"
        elif not size <= most:
            yield f"{name} is {_TIMES} times as large as anything in the original"
    yield from (f"{name} is near a kink" for name in near_kinks(grader) if name not in own.near)
    for name, count in _dead(grader).items():
        if count > own.dead.get(name, 0):
            yield f"a unit of {name} is dead"
    for finding in soonest(grader, own.others, own.weak):
        if any(weakness not in own.weak for weakness in _as_weak(finding)):
            yield f"{finding.id}: {finding.message}"


def _weaknesses(grader: Grader, others: Sequence[Numbers]) -> Iterator[Weakness]:
    for finding in soonest(grader, others):
        yield from _as_weak(finding)


def _as_weak(finding: Finding) -> Iterator[Weakness]:
    """Each slip of a finding by itself, those that are confused two by two.

    So fewer of them confused than in the original is nothing new. What is so with any numbers is
    nothing to mind.
    """
    if finding.kind == "equivalent":
        return
    if finding.kind == "confused":
        yield from (
            ("confused", finding.id, *two) for two in combinations(sorted(finding.slips), 2)
        )
    elif not finding.slips:
        yield finding.kind, finding.id
    else:
        yield from ((finding.kind, finding.id, slip) for slip in finding.slips)


def sizes(grader: Grader) -> dict[str, float]:
    """How large each quantity asked is, by its largest entry."""
    truth, asked = grader.key.truth, (question.name for question in grader.questions)
    return {name: float(np.max(np.abs(truth[name]), initial=0.0)) for name in asked}


def near_kinks(grader: Grader) -> Iterator[str]:
    """The quantities in which an argument lies so near to a kink that rounding may move it."""
    unit = grader.key.unit
    reach = 0.0 if unit.significant else _NEAR * 10.0**-unit.count
    for name, _, inside in _bent(grader):
        if np.any(np.abs(inside) <= reach):
            yield name


def _dead(grader: Grader) -> dict[str, int]:
    """How many units of each quantity let nothing through, whatever the sample."""
    found: dict[str, int] = {}
    for name, kind, inside in _bent(grader):
        axis = grader.sample_axis(name)
        if kind == "relu" and axis is not None and inside.ndim > 1:
            found[name] = int(np.sum(np.all(inside <= 0, axis=axis)))
    return found


def _bent(grader: Grader) -> Iterator[tuple[str, str, Array]]:
    """Each operation with a kink: of which quantity it is a part, its name, its argument."""
    for equation in grader.model.equations:
        for node in walk(equation.expr):
            if isinstance(node, Op) and node.name in _STARTS_AT_KINK and operation(node).kink:
                yield equation.name, node.name, evaluate(node.args[0], grader.key.truth)

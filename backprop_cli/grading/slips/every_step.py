"""A wrong formula of one step in time to the same one at every step: W for Wᵀ all the way back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from msgspec import Struct

from backprop_cli.algebra.expr import Expr
from backprop_cli.algebra.quantity import quantity, step_of
from backprop_cli.grading.slips.wrong_quantity import Candidate
from backprop_cli.trace import OverTime, at_letter


class EveryStep(Struct, frozen=True):
    """One slip at all steps of a gradient over time: its wrong formula at each of them."""

    first: str
    slip: str
    formulas: Mapping[str, Expr]


def at_every_step(
    behind: Sequence[str],
    over_time: Sequence[OverTime],
    candidates: Callable[[str], Sequence[Candidate]],
    counted_from: int,
) -> Iterator[EveryStep]:
    """The slips that can be made at several steps alike, of what is `behind` a quantity."""
    for over, ids in _families(behind, over_time):
        if len(ids) < 2:
            continue
        forms = {
            t: {
                (slip, at_letter(expr, over, t, counted_from)): expr
                for slip, expr in candidates(id)
            }
            for t, id in ids.items()
        }
        # The step before the last has all that a step can have: its own share, and a later one.
        for key in forms[sorted(ids)[-2]]:
            formulas = {ids[t]: forms[t][key] for t in sorted(ids, reverse=True) if key in forms[t]}
            if len(formulas) > 1:
                yield EveryStep(next(iter(formulas)), key[0], formulas)


def _families(
    behind: Sequence[str], over_time: Sequence[OverTime]
) -> Iterator[tuple[OverTime, dict[int, str]]]:
    """The gradients by one quantity at its steps."""
    for over in over_time:
        found: dict[tuple[str, str], dict[int, str]] = {}
        for id in behind:
            read = quantity(id)
            step = step_of(read.by) if read.by else None
            if step is not None and step[0] in over.bases:
                found.setdefault((read.name, step[0]), {})[step[1]] = id
        yield from ((over, ids) for ids in found.values())

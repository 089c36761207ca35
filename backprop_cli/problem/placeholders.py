"""A problem with letters for numbers to one with numbers, where only its formulas count."""

from __future__ import annotations

import numpy as np
from msgspec.structs import replace

from backprop_cli.problem.problem_data import Problem, Values

_STAND_IN = 0.5  # takes the place of a letter where only formulas count


def with_numbers(problem: Problem) -> Problem:
    """The problem with numbers in place of its letters, so that its model can be built."""
    values = {name: (text, _numbered(each)) for name, (text, each) in problem.values.items()}
    x = _numbered(problem.x) if problem.x is not None else None
    return replace(problem, x=x, values=values)


def _numbered(values: Values) -> Values:
    if values.array is None or not values.free:
        return values
    return Values(np.where(np.isnan(values.array), _STAND_IN, values.array), values.mark)

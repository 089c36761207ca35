"""A trace of a few steps in time to what is said of any number, or a complaint."""

from __future__ import annotations

from collections.abc import Iterable

from backprop_cli.errors import Complaint
from backprop_cli.problem.problem_file import Source
from backprop_cli.trace import Step, Trace

COUNTED = "a number of steps, such as `for t in 1..3:`"


def of_any_length(trace: Trace, source: Source, *, ends: bool = False) -> Trace:
    """The trace in the letter that counts the steps, where their number is a letter.

    With `ends` the first step and the last stand in it as well, and two neighbours between.
    """
    if not any(over.length for over in trace.over_time):
        return trace
    from backprop_cli.derive.any_length import NotAlikeError, at_ends, in_letters

    try:
        return at_ends(trace) if ends else in_letters(trace)
    except NotAlikeError as error:
        raise source.error(Complaint(str(error), instead=COUNTED)) from None


def once_for_all(ids: Iterable[str], trace: Trace, source: Source) -> tuple[Step, ...]:
    """Of such a trace the steps that stand for some that are written out, each once."""
    from backprop_cli.derive.any_length import NotAlikeError, once

    try:
        return tuple({(step := once(id, trace)).id: step for id in ids}.values())
    except NotAlikeError as error:
        raise source.error(Complaint(str(error), instead=COUNTED)) from None

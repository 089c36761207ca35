"""A derivation over a few steps to one over any number of them: each formula in the letter t."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from backprop_cli.algebra.build import added
from backprop_cli.algebra.expr import Expr, Op, op, symbols
from backprop_cli.algebra.quantity import at_step, step_of
from backprop_cli.derive.over_time import (
    Block,
    Family,
    in_blocks,
    summed,
    terms,
)
from backprop_cli.trace import OverTime, Step, Trace, at_letter, name_at_letter


class NotAlikeError(Exception):
    """A formula that is not the same at every step; the message says which."""


def in_letters(trace: Trace) -> Trace:
    """The trace in letters, where the number of steps is one; NotAlikeError where it cannot be."""
    if len(trace.over_time) > 1:
        raise NotAlikeError("there are several lists over time, and how many steps is a letter")
    (over,) = trace.over_time
    steps: list[Step] = []
    for each in in_blocks(trace, trace.steps):
        if isinstance(each, Block):
            for family in each.families:
                steps += _of_family(trace, over, family)
        elif each.phase != "jacobian":
            steps += _of_step(trace, over, each)
    runs = {"indices_run": ((over.letter, over.first, over.length),)}
    return replace(trace, steps=tuple(steps), convention={**trace.convention, **runs})


def _of_step(trace: Trace, over: OverTime, step: Step) -> Iterator[Step]:
    """A step of the forward pass once for all; what is not over time with its sums over t."""
    first, own = trace.bases.first, step_of(step.id)
    if own is not None and own[0] in over.bases:
        forms = {
            at_letter(trace.step(name).expr, over, t, first)
            for t, name in zip(over.steps, over.names[own[0]], strict=True)
        }
        if len(forms) > 1:
            raise NotAlikeError(f"{own[0]} is not computed alike at every step")
        if own[1] == over.first:
            note = f"for {over.letter} = {over.first}, …, {over.length}"
            name = at_step(own[0], over.letter)
            yield replace(step, id=name, expr=forms.pop(), note=note)
        return
    yield replace(step, id=_at_end(step.id, over), expr=_whole(step.expr, over, first))


def _of_family(trace: Trace, over: OverTime, family: Family) -> Iterator[Step]:
    """The recursion of a gradient, and what it is at the last step where that is unlike."""
    for form in family.forms:
        step = trace.step(family.ids[form.steps[0]])
        at_end = len(family.forms) > 1 and form.steps == (over.last,)
        if at_end:
            expr = _end(step.expr, over, trace.bases.first)
            yield replace(step, id=_at_end(step.id, over), expr=expr)
            continue
        start = f"{over.length}-1" if len(family.forms) > 1 else over.length
        note = f"for {over.letter} = {start}, …, {over.first}"
        if form.later and len(family.forms) == 1:
            note += f", and 0 behind the last step, at {over.length}+1"
        rule = "through-time" if family.through_time else "at-every-step"
        yield replace(step, id=family.name, expr=form.expr, note=note, rule=rule)


def _whole(expr: Expr, over: OverTime, first: int) -> Expr:
    """A formula of the whole: a sum over all steps, or what it has of the last one."""
    found = summed(expr, over, first) or _sum_of_steps(expr, over, first)
    if found is not None:
        return found
    ended = _end(expr, over, first)
    left = [name for name in symbols(ended) if _names_a_step(name, over)]
    if left:
        raise NotAlikeError(
            f"{left[0]} is of one step, and their number is the letter {over.length}"
        )
    return ended


def _sum_of_steps(expr: Expr, over: OverTime, first: int) -> Op | None:
    """Σₜ of what each step of the forward pass gives."""
    found: dict[int, list[Expr]] = {}
    for term in terms(expr):
        steps = {
            own[1] for name in symbols(term) if (own := step_of(name)) and own[0] in over.bases
        }
        if len(steps) != 1:
            return None
        (t,) = steps
        found[t] = [*found.get(t, []), at_letter(term, over, t, first)]
    if sorted(found) != [*over.steps] or any(each != found[over.first] for each in found.values()):
        return None
    return op("sum_over", added(found[over.first]), index=over.letter)


def _end(expr: Expr, over: OverTime, first: int) -> Expr:
    """What stands at the last step, counted from it: h_4 as h_T where four are written out."""
    return at_letter(expr, replace(over, letter=over.length), over.last, first)


def _at_end(id: str, over: OverTime) -> str:
    return name_at_letter(id, replace(over, letter=over.length), over.last)


def _names_a_step(name: str, over: OverTime) -> bool:
    """Whether a name counts back from the last step, which says nothing of any other."""
    before = at_step("", f"{over.length}-").removesuffix("}")
    return before in name and any(base + before in name for base in over.bases)

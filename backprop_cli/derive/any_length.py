"""A trace of a few steps in time to what holds for any number of them: h_3 to h_T."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from backprop_cli.algebra.build import added
from backprop_cli.algebra.expr import (
    Expr,
    Op,
    Sym,
    addends,
    op,
    rewrite,
    substitute,
    symbols,
    walk,
)
from backprop_cli.algebra.quantity import at_step, derivative_id, quantity, step_of
from backprop_cli.derive.over_time import Block, Family, in_blocks, step_behind, summed
from backprop_cli.errors import listed
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
    if own is not None and own[0] in over.bases and own[1] not in over.steps:
        name = _at_end(step.id, over) if over.down else step.id
        yield replace(step, id=name, expr=_whole(step.expr, over, first))
        return
    if own is not None and own[0] in over.bases:
        forms = {
            at_letter(trace.step(name).expr, over, t, first)
            for t, name in zip(over.steps, over.names[own[0]], strict=True)
        }
        if len(forms) > 1:
            raise NotAlikeError(f"{own[0]} is not computed alike at every step")
        if own[1] == over.first:
            note = _runs(over, over.first)
            name = at_step(own[0], over.letter)
            yield replace(step, id=name, expr=forms.pop(), note=note)
        return
    if rows := _rows(trace, step, over, first):
        yield rows
    elif _is_of_start(step, over):
        yield step
    else:
        yield replace(step, id=_at_end(step.id, over), expr=_whole(step.expr, over, first))


def _rows(trace: Trace, step: Step, over: OverTime, first: int) -> Step | None:
    """The gradient of what has a row a step: that of one row; None for another."""
    found: dict[int, dict[Expr, None]] = {}
    for term in addends(step.expr):
        placed = _placed(term, trace)
        if placed is None:
            return None
        t, row = placed[0] + first, placed[1]
        found[t] = {**found.get(t, {}), at_letter(row, over, t, first): None}
    own = found.get(over.first, {})
    if sorted(found) != [*over.steps] or any({*each} != {*own} for each in found.values()):
        return None
    of = quantity(step.id)
    name = derivative_id(of.name, at_step(of.by, over.letter))
    note = _runs(over, over.first, back=True)
    rest = {"shape": step.shape[1:], "axes": step.axes[1:], "note": note, "rule": "at-every-step"}
    return replace(step, id=name, expr=added((*own,)), **rest)


def _placed(term: Expr, trace: Trace) -> tuple[int, Expr] | None:
    """The row that a term is put into, counted from 0, and what it puts there."""
    match term:
        case Op("neg", (inner,)) if placed := _placed(inner, trace):
            return placed[0], op("neg", placed[1])
        case Op("mul", (factor, inner)) if _is_number(factor, trace):
            placed = _placed(inner, trace)
            return placed and (placed[0], op("mul", factor, placed[1]))
        case Op("div", (inner, divisor)) if _is_number(divisor, trace):
            placed = _placed(inner, trace)
            return placed and (placed[0], op("div", placed[1], divisor))
        case Op("place", (row,)):
            index = term.option("index")
            if isinstance(index, tuple) and len(index) == 1 and isinstance(index[0], int):
                return index[0], row
    return None


def _is_number(expr: Expr, trace: Trace) -> bool:
    """Whether a formula is made of numbers alone, so that it may stand before or behind a row."""
    shapes = {step.id: step.shape for step in trace.steps}
    shapes |= {name: given.shape for name, given in trace.unknown.items()}
    entered = all(not isinstance(node, Op) or not node.options for node in walk(expr))
    return entered and all(shapes.get(name) == () for name in symbols(expr))


def _is_of_start(step: Step, over: OverTime) -> bool:
    """Whether it is the gradient of what the first step starts from, and comes through it alone."""
    by = step_of(quantity(step.id).by)
    used = [step_of(found.by or found.name) for found in map(quantity, symbols(step.expr))]
    steps = {each[1] for each in used if each and each[0] in over.bases}
    if over.down or by is None or by[0] not in over.bases or by[1] >= over.first:
        return False
    return max(steps, default=0) == over.first  # the start itself may stand in it, too


def _of_family(trace: Trace, over: OverTime, family: Family) -> Iterator[Step]:
    """The recursion of a gradient, and what it is at the last step where that is unlike."""
    for form in family.forms:
        step = trace.step(family.ids[form.steps[0]])
        several = len(family.forms) > 1
        if several and form.steps == (over.first if over.down else over.last,):
            name = step.id if over.down else _at_end(step.id, over)
            yield replace(step, id=name, expr=_end(step.expr, over, trace.bases.first))
            continue
        note = _runs(over, over.first, back=True, but_one=several)
        if form.later and not several:
            reach = range(1, form.reach + 1)
            if over.down:
                before = listed([str(over.first - by) for by in reach])
                note += f", and 0 before the first step, at {before}"
            else:
                beyond = listed([f"{over.length}+{by}" for by in reach])
                note += f", and 0 behind the last step, at {beyond}"
        rule = "at-every-step"
        if family.through_time:
            rule = "through-time-down" if over.down else "through-time"
        yield replace(step, id=family.name, expr=form.expr, note=note, rule=rule)


def _runs(over: OverTime, first: int, *, back: bool = False, but_one: bool = False) -> str:
    """For which steps a formula is, in the order of computing; `but_one`: all but the first."""
    start, end = str(first + but_one), over.length
    if over.down != back:
        start, end = over.length, str(first)
        start = f"{start}-1" if but_one else start
    return f"for {over.letter} = {start}, …, {end}"


def _whole(expr: Expr, over: OverTime, first: int) -> Expr:
    """A formula of the whole: its sums over all steps, and what it has of the last one."""
    ended = _end(_with_sums(expr, over, first), over, first)
    left = [name for name in symbols(ended) if _names_a_step(name, over)]
    if over.down:
        left = [name for name in symbols(ended) if _is_between(name, over)]
    if left:
        raise NotAlikeError(
            f"{left[0]} is of one step, and their number is the letter {over.length}"
        )
    return ended


def _with_sums(expr: Expr, over: OverTime, first: int) -> Expr:
    """A formula with each sum over all steps in it written as one, beside what else adds up."""

    def found(node: Expr) -> Expr | None:
        if whole := summed(node, over, first) or _sum_of_steps(node, over, first):
            return whole
        terms = [*addends(node)]
        behind = [term for term in terms if step_behind(term, over) is not None]
        if not 0 < len(behind) < len(terms):
            return None
        total = summed(added(tuple(behind)), over, first)
        rest = tuple(_with_sums(term, over, first) for term in terms if term not in behind)
        return total and added((*rest, total))

    return rewrite(expr, found)


def _sum_of_steps(expr: Expr, over: OverTime, first: int) -> Op | None:
    """Σₜ of what each step of the forward pass gives."""
    found: dict[int, list[Expr]] = {}
    for term in addends(expr):
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
    """What stands at the last step, counted from it: h_4 as h_T where four are written out.

    What comes before the first step keeps its number.
    """
    at_end = replace(over, letter=over.length)
    if over.down:
        return rewrite(expr, lambda node: _at_last(node, at_end, first))
    start = {
        name_at_letter(name, at_end, over.last): Sym(name)
        for name in symbols(expr)
        if _is_before(name, over)
    }
    return substitute(at_letter(expr, at_end, over.last, first), start)


def _at_last(node: Expr, at_end: OverTime, first: int) -> Expr | None:
    """What is of the last step, or behind it, in the letter; where steps run down, nothing else."""
    match node:
        case Sym(name):
            step = _step_of_it(name, at_end)
            return (
                None
                if step is None or step < at_end.last
                else at_letter(node, at_end, at_end.last, first)
            )
        case Op("at", (Sym(),)):
            index = node.option("index")
            last = isinstance(index, tuple) and index == (at_end.last - first,)
            return at_letter(node, at_end, at_end.last, first) if last else node
    return None


def _is_between(name: str, over: OverTime) -> bool:
    """Whether a name is of a step that is neither the first nor the last."""
    step = _step_of_it(name, over)
    return step is not None and over.first < step < over.last


def _step_of_it(name: str, over: OverTime) -> int | None:
    found = quantity(name)
    step = step_of(found.by or found.name)
    return step[1] if step is not None and step[0] in over.bases else None


def _is_before(name: str, over: OverTime) -> bool:
    """Whether it is of a step before the first, from which that starts."""
    step = _step_of_it(name, over)
    return step is not None and step < over.first


def _at_end(id: str, over: OverTime) -> str:
    return name_at_letter(id, replace(over, letter=over.length), over.last)


def _names_a_step(name: str, over: OverTime) -> bool:
    """Whether a name counts back from the last step, which says nothing of any other."""
    before = at_step("", f"{over.length}-").removesuffix("}")
    return before in name and any(base + before in name for base in over.bases)

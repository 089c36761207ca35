"""Gradients of single steps in time to one formula for all: h_1 and z_2 to h_t and z_{t+1}."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from msgspec import Struct

from backprop_cli.algebra.build import added
from backprop_cli.algebra.expr import Expr, Op, addends, op, symbols
from backprop_cli.algebra.quantity import at_step, derivative_id, quantity, step_of, whole_id
from backprop_cli.trace import OverTime, Step, Trace, at_letter


class Form(Struct, frozen=True):
    """What a gradient is at some steps, in the letter that counts them.

    `own` are the terms that come from the step itself, `later` those from steps behind it, which
    the last steps have not; `reach` is how many steps behind it the farthest of them is.
    """

    steps: tuple[int, ...]
    own: tuple[Expr, ...]
    later: tuple[Expr, ...]
    reach: int = 0

    @property
    def expr(self) -> Expr:
        """All of them together."""
        return added((*self.own, *self.later))


class Family(Struct, frozen=True):
    """What is derived by one quantity over time: `name` is `dL/dh_t`, `ids` that of each step.

    Steps are in the order of computing, from the end to the start.
    """

    name: str
    base: str
    ids: Mapping[int, str]
    forms: tuple[Form, ...]

    @property
    def through_time(self) -> bool:
        """Whether something comes from later steps."""
        return any(form.later for form in self.forms)


class Block(Struct, frozen=True):
    """Families that are worked out together, each step from those behind it."""

    over: OverTime
    families: tuple[Family, ...]

    @property
    def through_time(self) -> bool:
        """Whether something comes from later steps."""
        return any(family.through_time for family in self.families)


# One formula for all steps ------------------------------------------------------------------------


def step_behind(expr: Expr, over: OverTime) -> int | None:
    """The latest step among the gradients in a formula; None where there are none over time."""
    found = (step_of(quantity(name).by) for name in symbols(expr) if quantity(name).by)
    latest, bases = min if over.down else max, (*over.bases, *over.beside)
    return latest((each[1] for each in found if each and each[0] in bases), default=None)


def is_later(term: Expr, over: OverTime, t: int) -> bool:
    """Whether a term of a gradient at step t comes from a later step."""
    behind = step_behind(term, over)
    return behind is not None and over.is_behind(behind, t)


def families(trace: Trace, over: OverTime) -> Iterator[Family]:
    """Those whose steps are all alike, the last and its start apart."""
    first = trace.bases.first
    for (name, base), found in _over_time(trace, over).items():
        if len(found) < 2 or sorted(found) != [*range(min(found), max(found) + 1)]:
            continue
        forms = _forms(found, over, first, rows=True) or _forms(found, over, first, rows=False)
        if forms:
            yield Family(name, base, {t: step.id for t, step in found.items()}, forms)


def _most_families(trace: Trace, ways: Iterable[OverTime]) -> tuple[OverTime, tuple[Family, ...]]:
    """The way to see a list over time in which more of it is one formula for all steps."""
    return max(((way, (*families(trace, way),)) for way in ways), key=lambda each: len(each[1]))


def _over_time(trace: Trace, over: OverTime) -> dict[tuple[str, str], dict[int, Step]]:
    """The gradients and Jacobians by each quantity over time, from the end to the start."""
    gradients = [step for step in trace.steps if step.phase == "backward"]
    of = trace.loss or next((quantity(step.id).name for step in gradients), "")
    found: dict[tuple[str, str], dict[int, Step]] = {
        (derivative_id(of, at_step(base, over.letter)), base): {} for base in over.bases
    }
    for step in trace.steps:
        by = step_of(quantity(step.id).by)
        name = _name_of_all(step, of, over) if by and by[0] in over.bases else None
        if by and name and by[1] in over.steps:
            found.setdefault((name, by[0]), {})[by[1]] = step
    return {key: dict(sorted(each.items(), reverse=not over.down)) for key, each in found.items()}


def _name_of_all(step: Step, of: str, over: OverTime) -> str | None:
    """`dL/dh_t` for a gradient, `dp_t/do_t` for a Jacobian within a step that has a formula."""
    read = quantity(step.id)
    by, above = step_of(read.by), step_of(read.name)
    assert by is not None
    if step.phase == "backward" and read.name == of:
        return derivative_id(of, at_step(by[0], over.letter))
    if step.phase != "jacobian" or above is None or above[1] != by[1]:
        return None
    if isinstance(step.expr, Op) and step.expr.name == "jacobian":
        return None
    return derivative_id(at_step(above[0], over.letter), at_step(by[0], over.letter))


def _forms(
    found: Mapping[int, Step], over: OverTime, first: int, *, rows: bool
) -> tuple[Form, ...]:
    """The forms, where they are at most two; none where the steps differ more."""
    far: dict[Expr, int] = {}
    each: list[Form] = []
    for t, step in reversed([*found.items()]):  # from the start, where nothing is beyond the end
        form = _form(step, t, over, first, far, rows=rows)
        each.append(_with_what_is_beyond(form, each[-1], far, over) if each else form)
    joined = [
        Form(tuple(t for form in group for t in form.steps), *parts)
        for parts, group in (
            (parts, [*group])
            for parts, group in groupby(
                reversed(each), lambda form: (form.own, form.later, form.reach)
            )
        )
    ]
    return tuple(joined) if len(joined) <= 2 else ()


def _form(
    step: Step, t: int, over: OverTime, first: int, far: dict[Expr, int], *, rows: bool
) -> Form:
    """What a gradient is at one step; `far` is told how far behind it each later term is."""
    own: list[Expr] = []
    later: list[Expr] = []
    for term in addends(step.expr):
        written = at_letter(term, over, t, first, rows=rows)
        behind = step_behind(term, over)
        if behind is None or not over.is_behind(behind, t):
            own.append(written)
        else:
            later.append(written)
            far[written] = abs(behind - t)
    return Form((t,), tuple(own), tuple(later), max((far[term] for term in later), default=0))


def _with_what_is_beyond(form: Form, before: Form, far: Mapping[Expr, int], over: OverTime) -> Form:
    """A form with the terms of the step before it that are 0 here, since there is no such step."""
    (t,) = form.steps
    way = -1 if over.down else 1
    there = tuple(term for term in before.later if t + way * far[term] in over.steps)
    if (form.own, form.later) != (before.own, there):
        return form
    return Form(form.steps, before.own, before.later, before.reach)


def summed(expr: Expr, over: OverTime, first: int) -> Expr | None:
    """δ₃h₂ᵀ + δ₂h₁ᵀ + δ₁h₀ᵀ as Σₜ δₜhₜ₋₁ᵀ; None for what is no such sum over all steps."""
    found: dict[int, set[Expr]] = {}
    order: dict[Expr, None] = {}
    for term in addends(expr):
        t = step_behind(term, over)
        if t is None:
            return None
        form = at_letter(term, over, t, first)
        order[form] = None
        if form in found.setdefault(t, set()):
            return None
        found[t].add(form)
    alike = all(each == {*order} for each in found.values())
    if not alike or len(found) < 2 or sorted(found) != [*over.steps]:
        return None
    return op("sum_over", added(tuple(order)), index=over.letter)


# What is worked out together ----------------------------------------------------------------------


def in_blocks(trace: Trace, shown: Sequence[Step]) -> list[Step | Block]:
    """The steps, those of a family together, each behind what it is computed from."""
    found = {
        id: (over, family)
        for over, each in (_most_families(trace, over.ways) for over in trace.over_time)
        for family in each
        for id in family.ids.values()
    }
    key = {step.id: step.id for step in trace.steps}
    key |= {id: family.name for id, (_, family) in found.items()}
    needs: dict[str, dict[str, None]] = {}
    for step in trace.steps:
        used = needs.setdefault(key[step.id], {})
        used |= {key[whole_id(name)]: None for name in symbols(step.expr) if whole_id(name) in key}
    kept = {step.id: step for step in shown}
    ordered: list[Step | Block] = []
    for together in _in_order(needs):
        members = [id for id in key if key[id] in together]
        shared = {found[id][0] for id in members if id in found}
        if len(shared) == 1 and all(id in found and id in kept for id in members):
            unlike = {found[id][1].name: found[id][1] for id in members}
            ordered.append(Block(shared.pop(), tuple(unlike.values())))
        else:
            ordered += [kept[id] for id in members if id in kept]
    return ordered


def with_blocks(steps: Sequence[Step], units: Sequence[Step | Block]) -> list[Step | Block]:
    """Every step by itself, and what they are together behind the last of them."""
    last = {
        family.ids[min(family.ids)]: unit
        for unit in units
        if isinstance(unit, Block)
        if unit.through_time
        for family in unit.families[-1:]
    }
    found: list[Step | Block] = []
    for step in steps:
        found.append(step)
        if step.id in last:
            found.append(last[step.id])
    return found


def _in_order(needs: Mapping[str, Iterable[str]]) -> Iterator[set[str]]:
    """The names in groups that need one another, each group behind what it needs (Tarjan)."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    open_: list[str] = []

    def visit(name: str) -> Iterator[set[str]]:
        number[name] = lowest[name] = len(number)
        open_.append(name)
        for other in needs[name]:
            if other not in number:
                yield from visit(other)
            if other in open_:
                lowest[name] = min(lowest[name], lowest[other])
        if lowest[name] == number[name]:
            first = open_.index(name)
            yield {*open_[first:]}
            del open_[first:]

    for name in needs:
        if name not in number:
            yield from visit(name)

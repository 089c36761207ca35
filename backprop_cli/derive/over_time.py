"""Gradients of single steps in time to one formula for all: h_1 and z_2 to h_t and z_{t+1}."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.algebra.build import added
from backprop_cli.algebra.expr import Expr, Op, addends, op, symbols
from backprop_cli.algebra.quantity import at_step, derivative_id, quantity, step_of, whole_id
from backprop_cli.trace import OverTime, Step, Trace, at_letter, name_at_letter


class Form(Struct, frozen=True):
    """What a gradient is at some steps, in the letter that counts them.

    `own` are the terms that come from the step itself, `later` those from steps behind it, which
    the last step has not.
    """

    steps: tuple[int, ...]
    own: tuple[Expr, ...]
    later: tuple[Expr, ...]

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
    return max((each[1] for each in found if each and each[0] in over.bases), default=None)


def is_later(term: Expr, over: OverTime, t: int) -> bool:
    """Whether a term of a gradient at step t comes from a later step."""
    behind = step_behind(term, over)
    return behind is not None and behind > t


def families(trace: Trace, over: OverTime) -> Iterator[Family]:
    """Those whose steps are all alike, the last and its start apart."""
    first = trace.bases.first
    for (name, base), found in _over_time(trace, over).items():
        if len(found) < 2 or [*found] != [*range(max(found), min(found) - 1, -1)]:
            continue
        forms = _forms(found, over, first, rows=True) or _forms(found, over, first, rows=False)
        if forms:
            yield Family(name, base, {t: step.id for t, step in found.items()}, forms)


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
    return {key: dict(sorted(each.items(), reverse=True)) for key, each in found.items()}


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
    each = [_form(step, t, over, first, rows=rows) for t, step in found.items()]
    if len(each) > 1 and each[0].own == each[1].own and not each[0].later:
        each[0] = Form(each[0].steps, each[1].own, each[1].later)
    joined = [
        Form(tuple(t for form in group for t in form.steps), *parts)
        for parts, group in (
            (parts, [*group]) for parts, group in groupby(each, lambda form: (form.own, form.later))
        )
    ]
    return tuple(joined) if len(joined) <= 2 else ()


def _form(step: Step, t: int, over: OverTime, first: int, *, rows: bool) -> Form:
    own: list[Expr] = []
    later: list[Expr] = []
    for term in addends(step.expr):
        kind = later if is_later(term, over, t) else own
        kind.append(at_letter(term, over, t, first, rows=rows))
    return Form((t,), tuple(own), tuple(later))


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
        for over in trace.over_time
        for family in families(trace, over)
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


# Any number of steps ------------------------------------------------------------------------------


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
    if rows := _rows(step, over, first):
        yield rows
    elif _is_of_start(step, over):
        yield step
    else:
        yield replace(step, id=_at_end(step.id, over), expr=_whole(step.expr, over, first))


def _rows(step: Step, over: OverTime, first: int) -> Step | None:
    """The gradient of what has a row a step: that of one row; None for another."""
    found: dict[int, dict[Expr, None]] = {}
    for term in addends(step.expr):
        placed = _placed(term)
        if placed is None:
            return None
        t, row = placed[0] + first, placed[1]
        found[t] = {**found.get(t, {}), at_letter(row, over, t, first): None}
    own = found.get(over.first, {})
    if sorted(found) != [*over.steps] or any({*each} != {*own} for each in found.values()):
        return None
    of = quantity(step.id)
    name = derivative_id(of.name, at_step(of.by, over.letter))
    note = f"for {over.letter} = {over.length}, …, {over.first}"
    rest = {"shape": step.shape[1:], "axes": step.axes[1:], "note": note, "rule": "at-every-step"}
    return replace(step, id=name, expr=added((*own,)), **rest)


def _placed(term: Expr) -> tuple[int, Expr] | None:
    """The row that a term is put into, counted from 0, and what it puts there."""
    match term:
        case Op("neg", (inner,)) if placed := _placed(inner):
            return placed[0], op("neg", placed[1])
        case Op("place", (row,)):
            index = term.option("index")
            if isinstance(index, tuple) and len(index) == 1 and isinstance(index[0], int):
                return index[0], row
    return None


def _is_of_start(step: Step, over: OverTime) -> bool:
    """Whether it is the gradient of what the first step starts from, and comes through it alone."""
    by = step_of(quantity(step.id).by)
    used = [step_of(found.by or found.name) for found in map(quantity, symbols(step.expr))]
    steps = {each[1] for each in used if each and each[0] in over.bases}
    return by is not None and by[0] in over.bases and by[1] < over.first and steps == {over.first}


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
    """What stands at the last step, counted from it: h_4 as h_T where four are written out."""
    return at_letter(expr, replace(over, letter=over.length), over.last, first)


def _at_end(id: str, over: OverTime) -> str:
    return name_at_letter(id, replace(over, letter=over.length), over.last)


def _names_a_step(name: str, over: OverTime) -> bool:
    """Whether a name counts back from the last step, which says nothing of any other."""
    before = at_step("", f"{over.length}-").removesuffix("}")
    return before in name and any(base + before in name for base in over.bases)

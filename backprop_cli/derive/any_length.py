"""A trace of a few steps in time to what holds for any number of them: h_3 to h_T."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from backprop_cli.algebra.build import added
from backprop_cli.algebra.expr import (
    Expr,
    Op,
    Sym,
    addends,
    op,
    rewrite,
    symbols,
)
from backprop_cli.algebra.quantity import at_step, derivative_id, quantity, step_of
from backprop_cli.algebra.shapes import Shape, letters_in
from backprop_cli.derive.over_time import Block, Family, in_blocks, step_behind, summed
from backprop_cli.errors import listed
from backprop_cli.operations.table import Sizes
from backprop_cli.trace import OverTime, Step, Trace, at_letter, name_at_letter

_NEAR = 2  # steps between which a formula may reach; what is farther away is of the first step


class NotAlikeError(Exception):
    """A formula that is not the same at every step; the message says which."""


def in_letters(trace: Trace) -> Trace:
    """The trace in letters, where the number of steps is one; NotAlikeError where it cannot be."""
    runs = _letters_that_run(trace.over_time)
    lists = (replace(over, rows=_rows_of(trace, over.length)) for over in trace.over_time)
    trace = replace(trace, over_time=tuple(lists))
    steps: list[Step] = []
    for each in in_blocks(trace, trace.steps):
        if isinstance(each, Block):
            for family in each.families:
                steps += _of_family(trace, each.over, family)
        elif each.phase != "jacobian":
            steps += _of_step(trace, each)
    said = {**trace.convention, "indices_run": runs}
    return replace(trace, steps=tuple(steps), convention=said)


def once(id: str, whole: Trace) -> Step:
    """The step of a trace in letters that stands for what has this id where some are written out.

    That of the last step where it is unlike the others. NotAlikeError where there is none.
    """
    steps = {step.id: step for step in whole.steps}
    found = next((steps[name] for name in _names_of_all(id, whole) if name in steps), None)
    if found is None:
        raise NotAlikeError(f"{id} is of single steps, and their number is a letter")
    return found


def _names_of_all(id: str, whole: Trace) -> Iterator[str]:
    """What may be called so in letters: of the last step, of any, of what has a row a step."""
    yield _at_ends(id, whole)
    read = quantity(id)
    own = step_of(read.by or read.name)
    for over in whole.over_time:
        if own is not None and own[0] in over.bases:
            yield name_at_letter(id, over, own[1])
        if read.by:
            yield derivative_id(read.name, at_step(read.by, over.letter))


def at_ends(trace: Trace) -> Trace:
    """The trace of the first step, of the last, and of two neighbours: 1, …, t−1, t, …, T."""
    whole = in_letters(trace)
    trace = replace(trace, over_time=whole.over_time)
    once = {step.id: step for step in whole.steps}
    found: dict[str, Step] = {}
    for step in trace.steps:
        one = _at_end_or_letter(trace, step) or once.get(_at_ends(step.id, trace))
        if one is not None and step.phase != "jacobian":
            found.setdefault(one.id, one)
    return replace(whole, steps=tuple(found.values()))


def _at_end_or_letter(trace: Trace, step: Step) -> Step | None:
    """A step of a list over time as it is drawn; None for what is not, or belongs to no list."""
    own = step_of(quantity(step.id).by or step.id)
    over = next((each for each in trace.over_time if own and own[0] in each.bases), None)
    if over is None or own is None or own[1] not in over.steps:
        return None
    at = replace(over, letter=over.length) if own[1] == over.last else over
    base, near = (over.last, 0) if own[1] == over.last else (over.last - 1, 1)
    if own[1] == over.first:
        return step
    if own[1] < base - near:
        return None
    expr = at_letter(step.expr, at, base, trace.bases.first)
    return replace(step, id=name_at_letter(step.id, at, base), expr=expr)


def _letters_that_run(lists: Sequence[OverTime]) -> tuple[tuple[str, int, str], ...]:
    """Each letter that counts steps, and from where to where it does."""
    found: dict[str, tuple[int, str]] = {}
    for over in lists:
        if not over.length:
            message = "one list over time has a number of steps, and another a letter"
            raise NotAlikeError(message)
        first, last = found.setdefault(over.letter, (over.first, over.length))
        if (first, last) != (over.first, over.length):
            message = (
                f"{over.letter} runs from {first} to {last} in one list, and from {over.first} "
                f"to {over.length} in another: it needs another letter there"
            )
            raise NotAlikeError(message)
    return tuple((letter, *ends) for letter, ends in found.items())


def _rows_of(trace: Trace, length: str) -> frozenset[tuple[str, int]]:
    """The quantities, with the axis, that have as many rows as there are steps, or nearly so."""
    return frozenset(
        (name, axis)
        for name, shape in _shapes(trace).items()
        for axis, size in enumerate(shape)
        if length in letters_in(size)
    )


def _shapes(trace: Trace) -> dict[str, Shape]:
    """The shapes of all quantities, and of the letters that are their sizes."""
    shapes = {step.id: step.shape for step in trace.steps}
    shapes |= {name: each.shape for name, each in trace.unknown.items()}
    letters = (letter for shape in shapes.values() for size in shape for letter in letters_in(size))
    return {**dict.fromkeys(letters, ()), **shapes}


def _of_step(trace: Trace, step: Step) -> Iterator[Step]:
    """A step of the forward pass once for all; what is not over time with its sums over t."""
    own = step_of(step.id)
    over = next((each for each in trace.over_time if own and own[0] in each.bases), None)
    if over is not None and own is not None and own[1] in over.steps:
        if own[1] == over.first:
            yield _at_every_step(trace, over, step, own[0])
        return
    if rows := next(filter(None, (_rows(trace, step, each) for each in trace.over_time)), None):
        yield rows
    elif any(_is_of_start(step, each) for each in trace.over_time):
        yield step
    else:
        yield replace(step, id=_at_ends(step.id, trace), expr=_whole(step.expr, trace))


def _at_every_step(trace: Trace, over: OverTime, step: Step, base: str) -> Step:
    """What a list gives, in the letter of its steps."""
    for way in over.ways:
        forms = {
            at_letter(trace.step(name).expr, way, t, trace.bases.first)
            for t, name in zip(over.steps, over.names[base], strict=True)
        }
        if len(forms) == 1:
            name = at_step(base, over.letter)
            return replace(step, id=name, expr=forms.pop(), note=_runs(over, over.first))
    raise NotAlikeError(f"{base} is not computed alike at every step")


def _rows(trace: Trace, step: Step, over: OverTime) -> Step | None:
    """The gradient of what has a row a step: that of one row; None for another."""
    first = trace.bases.first
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
    """Whether a formula is a number, so that it may stand before or behind a row."""
    return Sizes(_shapes(trace), {}).shape(expr) == ()


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
        if several and len(form.steps) == 1:
            message = f"{family.ids[form.steps[0]]} is not worked out as it is at other steps"
            raise NotAlikeError(message)
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
        start = f"{start}−1" if but_one else start
    return f"for {over.letter} = {start}, …, {end}"


def _whole(expr: Expr, trace: Trace) -> Expr:
    """A formula of the whole: its sums over all steps, and what it has of the last one."""
    first = trace.bases.first
    for over in trace.over_time:
        for way in over.ways:
            expr = _with_sums(expr, way, first)
    for over in (each.ways[-1] for each in trace.over_time):
        left = next((name for name in symbols(expr) if _is_between(name, over)), None)
        if left is not None:
            raise NotAlikeError(
                f"{left} is of one step, and their number is the letter {over.length}"
            )
        expr = _end(expr, over, first)
    return expr


def _with_sums(expr: Expr, over: OverTime, first: int) -> Expr:
    """A formula with each sum over all steps in it written as one, beside what else adds up."""

    def found(node: Expr) -> Expr | None:
        if whole := _sum_of_all(node, over, first):
            return whole
        terms = [*addends(node)]
        for each in (_gradients_in, _steps_in):
            own = tuple(term for term in terms if each(term, over))
            total = 0 < len(own) < len(terms) and _sum_of_all(added(own), over, first)
            if total:
                rest = (_with_sums(term, over, first) for term in terms if term not in own)
                return added((*rest, total))
        return None

    return rewrite(expr, found)


def _sum_of_all(expr: Expr, over: OverTime, first: int) -> Expr | None:
    """Σₜ of gradients, or of what each step of the forward pass gives; None for another formula."""
    return summed(expr, over, first) or _sum_of_steps(expr, over, first)


def _gradients_in(term: Expr, over: OverTime) -> bool:
    """Whether a term has a gradient by something of a step in it."""
    return step_behind(term, over) is not None


def _steps_in(term: Expr, over: OverTime) -> set[int]:
    """The steps that quantities of the forward pass in a term are of."""
    bases = (*over.bases, *over.beside)
    return {own[1] for name in symbols(term) if (own := step_of(name)) and own[0] in bases}


def _sum_of_steps(expr: Expr, over: OverTime, first: int) -> Op | None:
    """Σₜ of what each step of the forward pass gives."""
    found: dict[int, list[Expr]] = {}
    for term in addends(expr):
        steps = _steps_in(term, over)
        if len(steps) != 1:
            return None
        (t,) = steps
        found[t] = [*found.get(t, []), at_letter(term, over, t, first)]
    if sorted(found) != [*over.steps] or any(each != found[over.first] for each in found.values()):
        return None
    return op("sum_over", added(found[over.first]), index=over.letter)


def _end(expr: Expr, over: OverTime, first: int) -> Expr:
    """What stands at the last step, counted from it: h_4 as h_T where four are written out.

    What is of the first step, or before it, keeps its number; where steps run down, all others do.
    """
    at_end = replace(over, letter=over.length)
    nearest = over.last if over.down else over.last - _NEAR

    def counted(node: Expr) -> Expr | None:
        match node:
            case Sym(name):
                step = _step_of_it(name, over)
                near = step is not None and step >= nearest
                return at_letter(node, at_end, over.last, first) if near else None
            case Op("at", (Sym(),)):
                index = node.option("index")
                assert isinstance(index, tuple)
                near = any(isinstance(one, int) and one + first >= nearest for one in index)
                return at_letter(node, at_end, over.last, first) if near else node
        return None

    return rewrite(expr, counted)


def _is_between(name: str, over: OverTime) -> bool:
    """Whether a name is of a step that is neither the last nor, where steps run down, the first."""
    step = _step_of_it(name, over)
    return step is not None and over.first + over.down <= step < over.last


def _step_of_it(name: str, over: OverTime) -> int | None:
    found = quantity(name)
    step = step_of(found.by or found.name)
    return step[1] if step is not None and step[0] in (*over.bases, *over.beside) else None


def _at_end(id: str, over: OverTime) -> str:
    return name_at_letter(id, replace(over, letter=over.length, beside=()), over.last)


def _at_ends(id: str, trace: Trace) -> str:
    """The name of a whole, of what lists start from, or of what is of the last step of one."""
    for over in (each.ways[-1] for each in trace.over_time):
        step = _step_of_it(id, over)
        if step is not None and (step >= over.first):
            id = _at_end(id, over)
    return id

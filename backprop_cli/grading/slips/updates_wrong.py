"""Slips of the update: the right new parameter, or new loss, to what is computed instead."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import product

from backprop_cli.algebra.expr import Expr, Op, Place, Sym, num, op, places, substitute, symbols
from backprop_cli.algebra.quantity import change_id, new_id, old_id, quantity, state_id
from backprop_cli.grading.slips.case import Case, plain_name, terms
from backprop_cli.solving.update import constant_names, state_shapes


def _old(case: Case) -> str | None:
    """The parameter whose new value this is."""
    found = quantity(case.step.id)
    return found.name if found.part == "new" and found.name in case.model.trained else None


def _change(case: Case) -> tuple[Sym, Expr] | None:
    """The old parameter and what is added to it, worked out from the gradient."""
    old = _old(case)
    if old is None or (change := change_id(old)) not in case.steps:
        return None
    return Sym(old), case.inlined(case.steps[change].expr)


def ascent(case: Case) -> Iterator[Expr]:
    """W + η∇; with a state, also where only the gradient is added to it, not taken off."""
    if found := _change(case):
        old, change = found
        yield op("sub", old, change)
        gradients = (name for name in symbols(change) if quantity(name).by == old.name)
        if turned := {name: op("neg", Sym(name)) for name in gradients}:
            yield op("add", old, substitute(change, turned))


def with_rate(case: Case, expr: Expr, rate: Expr) -> Expr:
    """A formula with something else for the learning rate."""
    return substitute(expr, {rate_name(case): rate})


def rate_name(case: Case) -> str:
    """The name of the learning rate in formulas."""
    return "learning_rate_" if "learning_rate_" in case.sizes.names else "learning_rate"


def _paced(case: Case, change: Expr) -> Expr:
    """A change as it is worked out with the learning rate, which may be in a state: βv − ηg."""
    return change if rate_name(case) in symbols(change) else _with_states(case, change)


def rate_omitted(case: Case) -> Iterator[Expr]:
    """W − ∇."""
    if found := _change(case):
        yield op("add", found[0], with_rate(case, _paced(case, found[1]), num(1)))
    elif case.step.rule.endswith("-state"):
        yield with_rate(case, case.expr, num(1))


def rate_twice(case: Case) -> Iterator[Expr]:
    """W − η²∇."""
    if found := _change(case):
        rate = Sym(rate_name(case))
        yield op("add", found[0], op("mul", rate, found[1]))
        yield op("add", found[0], with_rate(case, _paced(case, found[1]), op("mul", rate, rate)))


def of_update(case: Case) -> Iterator[tuple[str, Expr]]:
    """What the numbers of an update rule become, and the slip that it is."""
    yield from (("decimal-slip", expr) for expr in _rate_moved(case))
    yield from (("term-scaled", expr) for expr in _other_form(case))
    yield from (("term-scaled", expr) for expr in _small_number_moved(case))
    yield from (("term-added", expr) for expr in _decay_of_biases(case))
    yield from (("transpose-omitted", expr) for expr in _gradient_turned(case))


def _gradient_turned(case: Case) -> Iterator[Expr]:
    """W − η(∇W)ᵀ, which has the right shape where W is square."""
    if found := _change(case):
        old, change = found
        for name in symbols(change):
            if quantity(name).by == old.name and len(case.shape(Sym(name)) or ()) == 2:
                yield op("add", old, substitute(change, {name: op("transpose", Sym(name))}))


def _decay_of_biases(case: Case) -> Iterator[Expr]:
    """b − η(∇ + λb), where the weights alone decay."""
    found, model = _change(case), case.model
    decay = None if found is None else constant_names(model).get("weight_decay")
    if found is not None and decay is not None and found[0].name not in model.decaying:
        shrunk = op("mul", Sym(decay), found[0])
        yield op("sub", op("add", *found), op("mul", Sym(rate_name(case)), shrunk))


def _rate_moved(case: Case) -> Iterator[Expr]:
    """W − η∇/10 or W − 10η∇: 0.02 or 2 for a rate of 0.2; of 0.1 that would be η² and no rate."""
    found, update = _change(case), case.model.problem.update
    rate = None if update is None else dict(update.constants).get("learning_rate")
    if found is not None and rate != 0.1:
        for factor in (num(Fraction(1, 10)), num(10)):
            moved = op("mul", factor, Sym(rate_name(case)))
            yield op("add", found[0], with_rate(case, _paced(case, found[1]), moved))


def _kept(case: Case, *, biases: bool) -> Iterator[Expr]:
    old = _old(case)
    if old is not None and is_bias(case, old) == biases:
        yield Sym(old)


def is_bias(case: Case, name: str) -> bool:
    """Whether a parameter is only ever added; without a model, whether it is no matrix."""
    model = case.model
    uses = {used: one for used, one in model.definitions.items() if name in symbols(one)}
    if not uses:
        return len(case.step.shape) != 2
    before = [one for used, one in uses.items() if used not in (model.target, *model.silent)]
    definitions = before or [*uses.values()]  # what stands in a penalty says nothing of a weight
    return all(
        any(plain_name(part) == name for _, part in terms(node))
        for expr in definitions
        for node in _sums_with(expr, name)
    )


def _sums_with(expr: Expr, name: str) -> Iterator[Expr]:
    """The smallest parts of a formula around each use of a name that are more than that name."""
    for place, node in places(expr):
        if node == Sym(name):
            yield _around(expr, place)


def _around(expr: Expr, place: Place) -> Expr:
    """What stands around a part; of a sum, the whole of it."""
    above: list[Expr] = [expr]
    for i in place:
        part = above[-1]
        assert isinstance(part, Op)
        above.append(part.args[i])
    kept = [node for node in above if plain_name(node) is None]
    return kept[-1] if kept else expr


def bias_kept(case: Case) -> Iterator[Expr]:
    """b as it was."""
    yield from _kept(case, biases=True)


def weights_kept(case: Case) -> Iterator[Expr]:
    """W as it was."""
    yield from _kept(case, biases=False)


def correction_omitted(case: Case) -> Iterator[Expr]:
    """m and v where m̂ and v̂ belong."""
    for letter, parameter in product("mv", case.model.trained):
        if case.step.id == state_id(f"{letter}hat", parameter):
            yield Sym(state_id(letter, parameter))
    old = _old(case)
    if old is None:
        return
    change = case.steps.get(change_id(old), case.step).expr
    renamed = {
        state_id(f"{letter}hat", old): Sym(state_id(letter, old))
        for letter in ("m", "v")
        if state_id(f"{letter}hat", old) in symbols(change)
    }
    if renamed:
        yield op("add", Sym(old), substitute(change, renamed))
        for one, state in renamed.items():
            yield op("add", Sym(old), substitute(change, {one: state}))


def _other_form(case: Case) -> Iterator[Expr]:
    """βv + (1 − β)g where βv + g belongs."""
    if case.step.rule.endswith("-state") and "beta" in symbols(case.expr):
        for name in symbols(case.expr):
            if case.is_gradient(name):
                share = op("mul", op("sub", num(1), Sym("beta")), Sym(name))
                yield substitute(case.expr, {name: share})


def _small_number_moved(case: Case) -> Iterator[Expr]:
    """ε beside √v for √v̂, as where η is corrected in place of m and v: ε/√(1 − β₂ᵗ)."""
    found = _change(case)
    hat = case.steps.get(state_id("vhat", found[0].name)) if found else None
    match hat and hat.expr:
        case Op("div", (_, corrected)) if found:
            moved = op("div", Sym("epsilon"), op("sqrt", corrected))
            yield op("add", found[0], substitute(found[1], {"epsilon": moved}))


def state_ignored(case: Case) -> Iterator[Expr]:
    """The state before the step taken as 0, or plain descent where a rule has states."""
    found = _change(case)
    if found is not None and any(step.rule.endswith("-state") for step in case.steps.values()):
        gradient = case.model.gradient(found[0].name)
        yield op("sub", found[0], op("mul", Sym(rate_name(case)), Sym(gradient)))
    worked_out = _with_states(case, case.expr)
    states = map(old_id, state_shapes(case.model))
    olds = [name for name in states if name in symbols(worked_out)]
    if olds:
        yield substitute(worked_out, {name: op("mul", num(0), Sym(name)) for name in olds})


def _with_states(case: Case, expr: Expr) -> Expr:
    """A formula with each new state put in as it is worked out from the old one."""
    while states := [
        name
        for name in symbols(expr)
        if name in case.steps and case.steps[name].rule.endswith("-state")
    ]:
        expr = substitute(expr, {name: case.steps[name].expr for name in states})
    return expr


def forward_weights(case: Case) -> Iterator[Expr]:
    """The loss with old weights for new ones, or the other way round."""
    target = case.model.target
    if target is None:
        return
    if case.step.id == new_id(target):
        yield Sym(target)
    elif case.step.id == target and new_id(target) in case.steps:
        yield Sym(new_id(target))
    if case.step.rule == "forward-again":
        for name in symbols(case.expr):
            if (found := quantity(name)).part == "new":
                yield substitute(case.expr, {name: Sym(found.name)})

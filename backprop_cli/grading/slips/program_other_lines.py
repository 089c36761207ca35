"""A line of code to what it computes with several things of other lines in it at once."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations, islice, permutations
from typing import Final

from backprop_cli.algebra.build import ones
from backprop_cli.algebra.expr import (
    Expr,
    Num,
    Op,
    Sym,
    addends,
    exchange,
    num,
    op,
    rewrite,
    substitute,
    symbols,
    walk,
)
from backprop_cli.algebra.quantity import at_step, derivative_id, quantity, step_of
from backprop_cli.grading.slips.case import ACTIVATIONS, Case
from backprop_cli.grading.slips.formula_parts import Change
from backprop_cli.grading.slips.program_functions import slopes
from backprop_cli.grading.slips.updates_wrong import rate_name, with_rate

_MOST_ALIKE: Final = 12
"""So many other lines of the same form are looked at."""
_MOST_APART: Final = 5
_MOST_TERMS: Final = 200


def of_other_lines(case: Case) -> Iterator[Change]:
    """What a line becomes with several quantities of another one, or a term that is left of it."""
    yield from _several_of_another(case)
    yield from _all_unfinished(case)
    yield from _terms_left(case)
    yield from _other_statistics(case)
    yield from _set_by_sample(case)
    yield from _entries_for_weights(case)
    yield from _at_another_step(case)
    yield from _of_all_samples(case)


def _of_all_samples(case: Case) -> Iterator[Change]:
    """W − nη∇ and W − η∇/n: what sums over the samples, for their mean, or the reverse."""
    count, rate = case.model.sample_count or 1, rate_name(case)
    if count > 1 and quantity(case.step.id).part == "new" and rate in symbols(case.expr):
        for factor in (num(count), num(Fraction(1, count))):
            yield "mean-sum-confused", with_rate(case, case.expr, op("mul", factor, Sym(rate)))


def _other_statistics(case: Case) -> Iterator[Change]:
    """Mean and variance that are given, from training, for those of the batch itself."""
    own = [name for name in symbols(case.expr) if name in case.steps]
    sizes = case.sizes.names
    given = [name for name in case.model.given if name not in case.model.trained]
    for one, other in combinations(own, 2):
        shape = sizes.get(one)
        if shape and len(shape) == 1 and shape == sizes.get(other):
            alike = [name for name in given if sizes.get(name) == shape]
            for taken in permutations(alike[:_MOST_APART], 2):
                names = dict(zip((one, other), map(Sym, taken), strict=True))
                yield "wrong-operand", substitute(case.expr, names)


def _set_by_sample(case: Case) -> Iterator[Change]:
    """What one sample gives, and nothing else: set, and not added, in a loop over samples."""
    for term in addends(case.expr):
        match term:
            case Op("matmul", (Op("transpose", (left,)), right)):
                for k in range((case.lengths(left) or (0,))[0]):
                    rows = (op("at", one, index=(k,)) for one in (left, right))
                    yield "gradient-overwritten", op("outer", *rows)


def _entries_for_weights(case: Case) -> Iterator[Change]:
    """δ times the unit itself for δ times its weight, where there is one output."""
    match case.expr:
        case Op("matmul", (left, right)) if (
            1 < len(case.lengths(right)) == len(case.lengths(left)) and case.lengths(right)[0] == 1
        ):
            spread = op("matmul", left, ones(right))
            for name, shape in case.sizes.names.items():
                if shape == case.step.shape and case.has(name, shape):
                    yield "wrong-operand", op("mul", spread, Sym(name))


def _at_another_step(case: Case) -> Iterator[Change]:
    """βᵗ⁻¹, or βᵗ⁺¹, for βᵗ: the count of the steps moved on too late, or too early."""
    for node in walk(case.expr):
        match node:
            case Op("pow", (Sym(name), count)) if name.startswith("beta"):
                for by in (-1, 1):
                    moved = op("pow", node.args[0], op("add", count, num(by)))
                    yield "earlier-step-used", exchange(case.expr, node, moved)


Pair = tuple[Expr, Expr]


def _several_of_another(case: Case) -> Iterator[Change]:
    """Two or more quantities of a line of the same form, not all: U, V and b of the other half."""
    here = step_of(case.by or case.step.id)
    others = [
        step
        for name, step in case.steps.items()
        if name != case.step.id and (step.phase, step.shape) == (case.step.phase, case.step.shape)
    ]
    others.sort(key=lambda step: _step(step.id) != (here and here[1]))  # at the same time first
    for other in islice(others, _MOST_ALIKE):
        pairs = list(dict.fromkeys(_apart(case.expr, other.expr) or ()))
        for count in range(2, len(pairs) if len(pairs) <= _MOST_APART else 0):
            for taken in combinations(pairs, count):
                yield "wrong-operand", rewrite(case.expr, dict(taken).get)


def _step(name: str) -> int | None:
    found = step_of(quantity(name).by or name)
    return found[1] if found else None


def _apart(one: Expr, other: Expr) -> list[Pair] | None:
    """The quantities in which two formulas of one form differ; None where the form does."""
    found: list[Pair] = []
    stack = [(one, other)]
    while stack:
        own, its = stack.pop()
        match own, its:
            case _ if own == its:
                continue
            case (Sym(), Sym()) | (Op("at", (Sym(),)), Op("at", (Sym(),))):
                found.append((own, its))
            case Op(name, args, options), Op() if (name, len(args), options) == (
                its.name,
                len(its.args),
                its.options,
            ):
                stack += zip(args, its.args, strict=True)
            case _:
                return None
        if len(found) > 2 * _MOST_APART:
            return None
    return found


def _all_unfinished(case: Case) -> Iterator[Change]:
    """All that was normalised as it was before, or all that went through an activation."""
    before: dict[str, dict[str, Expr]] = {}
    for name in symbols(case.expr):
        match case.model.definitions.get(name):
            case Op("div", (top, bottom)) if not isinstance(bottom, Num):
                before.setdefault("normalisation-left-out", {})[name] = top
            case Op(function, (Sym() as inner, *_)) if function in ACTIVATIONS:
                slip = "activation-omitted" if case.step.phase == "forward" else "wrong-operand"
                before.setdefault(slip, {})[name] = inner
    for slip, made in before.items():
        if len(made) > 1:
            yield slip, substitute(case.expr, made)


def _terms_left(case: Case) -> Iterator[Change]:
    """What the loop carried from another step, too: not set to 0, or a loop the wrong way round."""
    if case.step.phase != "backward" or step_of(case.by) is None:
        return
    terms: dict[Expr, None] = {}
    for step in case.steps.values():
        parts = list(addends(step.expr)) if step.shape == case.step.shape else []
        for part in parts if len(parts) > 1 else ():
            terms |= dict.fromkeys(_carried(case, part))
    own = set(addends(case.expr))
    for term in islice((term for term in terms if term not in own), _MOST_TERMS):
        yield "term-added", op("add", case.expr, term)


def _carried(case: Case, part: Expr) -> Iterator[Expr]:
    """What one step hands to the one before it, as each of the steps hands it on."""
    stepped = [name for name in symbols(part) if case.is_gradient(name) and _step(name) is not None]
    if len(stepped) != 1:
        return
    of = quantity(stepped[0])
    base, _ = step_of(of.by) or ("", 0)
    for number in _steps_of(case, base):
        other = derivative_id(of.name, at_step(base, number))
        if other in case.steps:
            yield substitute(part, {stepped[0]: Sym(other)})


def _steps_of(case: Case, base: str) -> list[int]:
    def found() -> dict[str, list[int]]:
        steps: dict[str, list[int]] = {}
        for name in case.model.definitions:
            if known := step_of(name):
                steps.setdefault(known[0], []).append(known[1])
        return steps

    return case.kept("steps of", found).get(base, [])


# Other slopes -------------------------------------------------------------------------------------


def others_slopes(case: Case) -> Iterator[Change]:
    """∂L/∂h times h itself, or times a slope of ReLU, sigmoid or tanh, behind any function of z."""
    z = case.by
    if not z or case.step.phase != "backward" or not case.step.shape:
        return
    for h, expr in case.model.definitions.items():
        g = case.model.gradient(h) if z in symbols(expr) and _is_of(case, expr, z) else ""
        if g in case.steps and case.shape(Sym(h)) == case.shape(Sym(z)):
            for name in (h, z):
                for slope in (Sym(name), *slopes(Sym(name))):
                    yield "wrong-activation-derivative", op("mul", Sym(g), slope)


def _is_of(case: Case, expr: Expr, z: str) -> bool:
    """Whether something is a function of z alone, and of what is computed of z alone."""
    stack = list(symbols(expr))
    while stack:
        name = stack.pop()
        if name != z and case.sizes.names.get(name) != ():
            if name not in case.model.definitions:
                return False
            stack += symbols(case.model.definitions[name])
    return True


# One of two ---------------------------------------------------------------------------------------


def of_squares(case: Case, node: Op) -> Iterator[Change]:
    """ab for b²: another quantity in one of the two places."""
    match node:
        case Op("pow", (Sym(name), Num(2))):
            for other in case.nearby(name, case.sizes.names.get(name)):
                yield "wrong-operand", op("mul", Sym(other), Sym(name))


def stepped(case: Case, node: Sym) -> Iterator[Change]:
    """W − η∇ for W on the way back: a plain step, whatever rule the problem has."""
    gradient = case.model.gradient(node.name)
    known = node.name in case.model.trained and gradient in case.steps
    if known and case.step.phase == "backward" and "learning_rate" in case.sizes.names:
        step = op("mul", Sym("learning_rate"), Sym(gradient))
        yield "updated-weights-used", op("sub", node, step)

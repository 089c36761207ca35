"""Values to the remark a teacher would make beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import (
    Expr,
    Op,
    Option,
    Sym,
    in_order,
    op,
    signed_terms,
    symbols,
    walk,
)
from backprop_cli.algebra.quantity import entry_id, quantity
from backprop_cli.operations.arithmetic import parts_of
from backprop_cli.operations.masks import every
from backprop_cli.operations.pooling import pool_of
from backprop_cli.operations.record import no_corners
from backprop_cli.operations.stable_values import is_largest
from backprop_cli.operations.table import TABLE, operation
from backprop_cli.problem.model import Array, Model
from backprop_cli.readings.index_bases import Bases
from backprop_cli.readings.values import evaluate, without_noise
from backprop_cli.solving.plan import Planned

SATURATED = 1e-3
"""A sigmoid or tanh whose slope is below this times its largest is called saturated."""

_LOGARITHMS = frozenset({"log", "xlogy"})
_BENT = frozenset(
    name
    for name, entry in TABLE.items()
    if entry.kink is not None or entry.corners is not no_corners or name == "norm"
)
"""What has a place where a derivative is a convention."""

Env = Mapping[str, Array]
Mask = NDArray[np.bool_]


def note(step: Planned, env: Env, model: Model) -> str | None:
    """What is worth saying about the value of one step; None where nothing is."""
    value = env.get(step.id)
    if value is None:
        return f"too large to show here: --only {step.id} shows it" if step.skipped else None
    remarks = [step.note, _not_finite(step, value, env, model)]
    if step.phase == "forward":
        remarks.append(_unit_trouble(step, value, env, model))
        used = in_order(step.expr).operations
        if used & _LOGARITHMS:
            remarks.append(_lost_digits(step, value, env, model))
        if used & _BENT:
            remarks += _kinks(step, env, model)
    if step.phase == "backward":
        remarks.append(_no_path(step, env, model))
    if step.rule == "sum-over-paths":
        remarks.append(_several_paths(step, env, model))
    return "; ".join(filter(None, remarks)) or None


def listed(mask: Mask, name: str, bases: Bases) -> str:
    """The entries where `mask` holds: `Z1[1], Z1[3]`, at most four of them."""
    if mask.ndim == 0:
        return name
    places = [", ".join(bases.shown(name, index)) for index in np.argwhere(mask)[:5].tolist()]
    found = [entry_id(name, (place,)) for place in places]
    return ", ".join(found[:4]) + (", …" if len(found) > 4 else "")


def _said(mask: Mask, name: str, model: Model, one: str, many: str) -> str:
    """The entries where `mask` holds, and what is said of one or of many of them."""
    where = listed(mask, name, model.bases)
    return f"{where} {many if mask.sum() > 1 else one}"


# Infinities and worse ---------------------------------------------------------------------------


def _not_finite(step: Planned, value: Array, env: Env, model: Model) -> str | None:
    if every(np.isfinite(value)):
        return None
    unknown, infinite = np.isnan(value), np.isinf(value)
    said = (
        _said(unknown, step.id, model, "has no value", "have no value")
        if unknown.any()
        else _said(infinite, step.id, model, "is infinite", "are infinite")
    )
    return f"{said}: {_why(step, unknown, env, model)}"


def _why(step: Planned, unknown: Mask, env: Env, model: Model) -> str:
    """Where an infinity, or what is no number at all, came from."""
    for node in _operations(step.expr):
        domain = operation(node).domain
        if domain is not None and np.any(domain.outside(*(evaluate(a, env) for a in node.args))):
            hint = _underflow(node, env, model) or _as_nothing(step.expr, node, env)
            return domain.words + hint
    for name in symbols(step.expr):
        bad = ~np.isfinite(env[name]) if name in env else np.zeros((), dtype=bool)
        if not bad.any():
            continue
        if unknown.any() and not np.isnan(env[name]).any():
            return _said(bad, name, model, "is infinite", "are infinite") + (
                ", and an infinity times 0, or less another, could be anything"
            )
        return f"it is computed from {listed(bad, name, model.bases)}"
    too_large = "too large for the computer, which ends at about 1.8e308"
    if unknown.any():
        return f"on the way to it something is divided by 0, or {too_large}"
    return f"the number is {too_large}"


def _operations(expr: Expr) -> Iterator[Op]:
    return (node for node in walk(expr) if isinstance(node, Op))


def _underflow(node: Op, env: Env, model: Model) -> str:
    """Where the 0 is a softmax or sigmoid that is not really 0, only too small to show it."""
    hit = _zero_output(node, env, model)
    return f" ({hit} {_is(hit)} not quite 0, but too small for the computer)" if hit else ""


def _as_nothing(expr: Expr, logarithm: Op, env: Env) -> str:
    """What to write for 0 · ln 0 where it is to be 0, as in an entropy."""
    from backprop_cli.readings.formula_text import plain

    for product in _operations(expr):
        if logarithm.name != "log" or product.name != "mul" or logarithm not in product.args:
            continue
        left, right = product.args
        factor = left if right == logarithm else right
        if np.any((evaluate(factor, env) == 0) & (evaluate(logarithm.args[0], env) == 0)):
            written = f"xlogy({plain(factor)}, {plain(logarithm.args[0])})"
            return f"; where both are 0, {written} is 0"
    return ""


def _is(names: str) -> str:
    return "are" if "], " in names else "is"


def _zero_output(node: Op, env: Env, model: Model) -> str | None:
    """`Yhat[2]` or `1 - Yhat[2]`, where that is the argument in trouble and underflowed to 0."""
    match node.args[-1]:
        case Sym(name) as inner:
            before = ""
        case Op("sub", (build.ONE, Sym(name) as inner)):
            before = "1 - "
        case _:
            return None
    definition = model.definitions.get(name)
    if not isinstance(definition, Op) or not operation(definition).vanishes:
        return None
    value = evaluate(inner, env)
    zero = np.asarray((1 - value if before else value) == 0)
    if node.name in ("xlogy", "ratio"):
        zero = zero & (evaluate(node.args[0], env) != 0)
    return before + listed(zero, name, model.bases) if zero.any() else None


def _lost_digits(step: Planned, value: Array, env: Env, model: Model) -> str | None:
    """Where a logarithm is finite although its argument has become 0."""
    if model.problem.rounding is not None or not np.isfinite(value).all():
        return None
    for node in _operations(step.expr):
        if node.name not in _LOGARITHMS:
            continue
        hit = _zero_output(node, env, model)
        if hit:
            return (
                f"{hit} {_is(hit)} too small for the computer and shown as 0: the logarithm "
                "is taken from the numbers behind it"
            )
    return None


# Units that pass little or nothing on -----------------------------------------------------------


def _unit_trouble(step: Planned, value: Array, env: Env, model: Model) -> str | None:
    """Saturated sigmoids, rectified units that are off; in a batch those that are so throughout."""
    match step.expr:
        case Op("sigmoid", (Sym(),)):
            flat, words = value * (1 - value) < SATURATED / 4, "saturated"
        case Op("tanh", (Sym(),)):
            flat, words = 1 - value**2 < SATURATED, "saturated"
        case Op("relu", (Sym(z),)):
            flat, words = env[z] < 0, "off"
        case _:
            return None
    whole = "sample" in step.axes
    flat = np.asarray(flat.all(axis=step.axes.index("sample")) if whole else flat)
    if not flat.any():
        return None
    if whole:
        base = model.problem.convention.indices
        units = [str(i + base) for i in np.flatnonzero(flat)]
        many = len(units) > 1
        who = f"unit{'s' if many else ''} {', '.join(units[:4])}{', …' if len(units) > 4 else ''}"
        said = f"{who} {'are' if many else 'is'} {words} for every sample"
    else:
        many = bool(flat.sum() > 1)
        said = _said(flat, step.id, model, f"is {words}", f"are {words}")
    if words == "off":
        return f"{said}: {'these ReLUs let' if many else 'this ReLU lets'} no gradient through"
    return f"{said}: {'their slopes are' if many else 'the slope there is'} nearly 0"


# Kinks and jumps --------------------------------------------------------------------------------


def _kinks(step: Planned, env: Env, model: Model) -> Iterator[str]:
    """Where a derivative does not exist, and the value taken instead."""
    alike: dict[str, list[Op]] = {}
    for node in _operations(step.expr):
        if node.name in _BENT:
            alike.setdefault(node.name, []).append(node)
    for name, nodes in alike.items():
        if operation(nodes[0]).kink in (None, "max"):
            yield from islice(filter(None, (_corner(node, env, model) for node in nodes)), 1)
        elif hit := [node for node in nodes if at_kink(node, env)]:
            yield _value_taken(name, hit, env, model)
        yield from _corners_met(nodes, env, model)


def at_kink(node: Op, env: Env) -> bool:
    """Whether an argument lies where a derivative is a convention: at 0, or as large as another."""
    kink = operation(node).kink
    if kink == "max":
        return _tied(node, env) > 1
    return kink is not None and bool(np.any(evaluate(node.args[0], env) == 0))


def _corner(node: Op, env: Env, model: Model) -> str | None:
    """What is taken where entries are equally large, or where a length is 0."""
    if node.name == "norm" and np.any(evaluate(node, env) == 0):
        return "the length is 0, where it has no derivative: 0 is taken"
    if operation(node).kink == "max":
        return _equal_maxima(node, env, model.problem.convention.kinks.max)
    return None


def _value_taken(name: str, hit: list[Op], env: Env, model: Model) -> str:
    """What is taken at 0, where an operation with a kink, the same in all `hit`, comes to it."""
    said = _exactly(0, hit, env, model)
    words = TABLE[name].words
    if name == "step":
        at_zero = hit[0].option("at_zero", 1)
        return f"{said}, where the {words} jumps: its value there is {at_zero}"
    taken = getattr(model.problem.convention.kinks, str(TABLE[name].kink))
    return f"{said}, where the {words} has no derivative: {taken:g} is taken"


def _exactly(place: float, hit: list[Op], env: Env, model: Model) -> str:
    """Which arguments are at a place."""
    bare = {node.args[0].name: node.args[0] for node in hit if isinstance(node.args[0], Sym)}
    there = {each: np.asarray(evaluate(inner, env) == place) for each, inner in bare.items()}
    where = [listed(mask, each, model.bases) for each, mask in there.items()]
    if not all(isinstance(node.args[0], Sym) for node in hit):
        where.append("what stands in it")
    many = len(where) > 1 or sum(mask.sum() for mask in there.values()) > 1
    return f"{', '.join(where)} {'are' if many else 'is'} exactly {place:g}".replace(" -", " −")


def _corners_met(nodes: list[Op], env: Env, model: Model) -> Iterator[str]:
    """Which slope is taken at a corner that no convention says anything of."""
    found: dict[tuple[float, float], list[Op]] = {}
    for node in nodes:
        for corner in corners_met(node, env):
            found.setdefault(corner, []).append(node)
    for (place, slope), hit in found.items():
        said = _exactly(place, hit, env, model)
        words = operation(hit[0]).words
        yield f"{said}, where the {words} has a corner: the slope {slope:g} is taken"


def corners_met(node: Op, env: Env) -> list[tuple[float, float]]:
    """The corners that an argument of it lies at, each with the slope taken there."""
    corners = operation(node).corners(node)
    value = evaluate(node.args[0], env) if corners else None
    return [corner for corner in corners if np.any(value == corner[0])]


_SMALL = "none one two three four five six seven eight nine".split()


def _equal_maxima(node: Op, env: Env, tie: float | str) -> str | None:
    count = _tied(node, env)
    if count < 2:
        return None
    many = _SMALL[count] if count < len(_SMALL) else str(count)
    alike = f"{many} are equally {'small' if node.name == 'minimum' else 'large'}"
    if isinstance(tie, str):
        has = "the first of them has" if tie == "first" else "each has an equal share of"
        return f"{alike}: {has} the gradient"
    return f"{alike}: each gets {tie:g} of the gradient"


def _tied(node: Op, env: Env) -> int:
    """How many at most are equally large in one place."""
    if node.name == "max_pool":
        return _tied_in_windows(node, env)
    if len(node.args) == 2:
        sign = -1 if node.name == "minimum" else 1
        parts = np.broadcast_arrays(*(sign * evaluate(part, env) for part in parts_of(node)))
        return int(np.max(is_largest(np.stack(parts), 0).sum(axis=0), initial=0))
    axis = None if node.option("axis") is None else node.whole("axis")
    value = evaluate(node.args[0], env)
    return int(np.max(is_largest(value, axis).sum(axis=axis), initial=0))


def _no_path(step: Planned, env: Env, model: Model) -> str | None:
    """Where Σ (x - μ) = 0 leaves nothing of a path to a mean, that through the variance."""

    def is_none(term: Expr, x: str, mean: str, _: Option) -> bool:
        deviations = any(deviates(node, x, mean) for node in walk(term))
        value = evaluate(term, env) if deviations else np.ones(1)
        return not without_noise(value, term, env, {}).any()

    return _nothing_through(step, model, is_none)


def no_path_in_letters(step: Planned, model: Model) -> str | None:
    """The same where there are no values: a sum of x - μ, times what is the same in all of it."""

    def is_none(term: Expr, x: str, mean: str, axis: Option) -> bool:
        sums = (node for node in walk(term) if isinstance(node, Op) and node.name == "sum")
        return any(
            node.option("axis") == axis and _is_even(node.args[0], x, mean, axis) for node in sums
        )

    return _nothing_through(step, model, is_none)


def _is_even(expr: Expr, x: str, mean: str, axis: Option) -> bool:
    """Whether it is x - μ, or that times what stands alike along the axis."""
    match expr:
        case Op("mul", (other, inner)) if isinstance(other, Op):
            along = {"row": 0, "column": 1}.get(other.name, other.option("axis", axis))
            alike = other.name in ("row", "column", "spread") and along == axis
            return alike and _is_even(inner, x, mean, axis)
    return deviates(expr, x, mean)


def _nothing_through(
    step: Planned, model: Model, is_none: Callable[[Expr, str, str, Option], bool]
) -> str | None:
    """That a term of the gradient by a mean is 0, and through what nothing comes therefore."""
    name = quantity(step.id).by
    match model.definitions.get(name):
        case Op("mean", (Sym(x),)) as middle:
            pass
        case _:
            return None
    for _, term in signed_terms(step.expr, through_signs=True):
        if is_none(term, x, name, middle.option("axis")):
            ways = [by for by in (quantity(id).by for id in symbols(term)) if by]
            through = f": nothing comes through {' and '.join(dict.fromkeys(ways))}" if ways else ""
            return f"Σ ({x} − {name}) = 0{through}"
    return None


def deviates(node: Expr, x: str, mean: str) -> bool:
    """Whether it is x - μ, the mean in each row or column."""
    match node:
        case Op("sub", (Sym(left), Op("row" | "column" | "expand", (Sym(right),)) | Sym(right))):
            return (left, right) == (x, mean)
    return False


def _tied_in_windows(node: Op, env: Env) -> int:
    """How many at most are equally large in one window."""
    x = evaluate(node.args[0], env)
    entries = op("window_entries", node.args[0], **pool_of(node, x.shape).options)
    return _tied(op("max", entries, axis=-1), env)


def _several_paths(step: Planned, env: Env, model: Model) -> str:
    name = quantity(step.id).by
    through = [
        equation.name
        for equation in model.equations
        if name in symbols(equation.expr)
        and (equation.name in model.silent or model.gradient(equation.name) in env)
    ]
    if len(through) < 2:
        return "several paths lead from here to the loss: their gradients add up"
    ways = ", ".join(through[:-1]) + f" and {through[-1]}"
    return f"{name} acts through {ways}: the gradients of all its paths add up"

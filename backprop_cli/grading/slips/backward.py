"""Slips of the backward pass: the right gradient to what is computed instead."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import combinations
from typing import Final

from msgspec.structs import replace

from backprop_cli.algebra.build import ZERO, sum_of
from backprop_cli.algebra.expr import (
    Expr,
    Op,
    Sym,
    addends,
    num,
    op,
    put,
    rewrite,
    substitute,
    symbols,
    uses,
)
from backprop_cli.algebra.quantity import new_id
from backprop_cli.algebra.shapes import ShapeError
from backprop_cli.calculus import differentiate
from backprop_cli.calculus.differentiate import slope
from backprop_cli.grading.judging.equivalent_ways import through_softmax
from backprop_cli.grading.slips.case import Case, each, in_parts
from backprop_cli.grading.slips.forward import branch_lost
from backprop_cli.grading.slips.long_sums import LONG, LongSum
from backprop_cli.grading.slips.pull_backs import (
    added_up,
    applied,
    diagonal,
    right_shares,
    shares,
    total,
    upstream_of,
    users,
)
from backprop_cli.grading.slips.rows_of_tables import mean_of_uses, some_lost

_NUMBERED = re.compile(r"(.*?)([0-9]+)")
TWO, HALF = num(2), num("1/2")


def shortcut_misused(case: Case) -> Iterator[Expr]:
    """ŷ − y where it does not hold, or times the derivative once more."""
    targets = dict(case.compared)
    if case.by in targets and any(_is_no_square(user.definition) for user in users(case)):
        yield from differences(case, case.by, targets[case.by])
    for one in applied(case):
        user, node = one.user.name, one.node
        if user not in targets or node.args != (Sym(case.by),):
            continue
        for fused in differences(case, user, targets[user]):
            yield fused
            found = slope(node, Sym(user), case.sizes)
            if found is not None:
                yield op("mul", fused, found)
            if node.name == "softmax":
                yield op("mul", fused, diagonal(Sym(user)))
                yield from through_softmax(node, Sym(user), fused)


_NO_SQUARES: Final = frozenset({
    "log", "xlogy", "log2", "log10", "logsumexp", "softplus", "huber", "abs", "positive_part",
})  # fmt: skip


def _is_no_square(expr: Expr) -> bool:
    """Whether a loss is one whose gradient is something else than ŷ − y."""
    return any(True for _ in each(expr, _NO_SQUARES))


def differences(case: Case, output: str, target: str) -> Iterator[Expr]:
    """ŷ − y, and its mean."""
    difference = op("sub", Sym(output), Sym(target))
    scaled = [difference, *(op("div", difference, num(size)) for size in sorted(case.counts))]
    said = case.model.problem.convention.log
    if said != "natural":
        scaled += [op("div", one, op("log", num(said))) for one in scaled]
    yield from scaled


def wrong_layer_input(case: Case) -> Iterator[Expr]:
    """Another layer's values where the layer's own input belongs in ∂L/∂W."""
    if not case.by_parameter:
        return
    yield from _shifted(case)
    yield from _inputs_shifted(case)
    if case.by not in case.model.trained:
        return
    for name in symbols(case.expr):
        if case.is_gradient(name):
            continue
        for other in case.nearby(name, case.sizes.names[name]):
            if other != "Y":
                yield case.exchanged(name, Sym(other))
    for place, node in each(case.expr, frozenset({"prepend", "append"})):
        no_constant = op(node.name, node.args[0], num(0), axis=node.axis)
        yield put(case.expr, place, no_constant)


def _shifted(case: Case) -> Iterator[Expr]:
    """Every input one step of time off: h_t where h_(t-1) belongs."""
    for step in (1, -1):
        moved = _a_step_off(case, symbols(case.expr), step)
        if moved:
            yield substitute(case.expr, {name: Sym(other) for name, other in moved.items()})


def _a_step_off(case: Case, names: Iterable[str], step: int) -> dict[str, str]:
    """The numbered quantities of some, each to the one so many steps on; none if any cannot be."""
    numbered = {
        name: found.groups()
        for name in names
        if not case.is_gradient(name) and (found := _NUMBERED.fullmatch(name)) is not None
    }
    moved = {name: f"{stem}{int(digits) + step}" for name, (stem, digits) in numbered.items()}
    sizes = case.sizes.names
    moved = {name: other for name, other in moved.items() if other in sizes}
    return moved if all(sizes[a] == sizes[b] for a, b in moved.items()) else {}


def _inputs_shifted(case: Case) -> Iterator[Expr]:
    """The same where the slope in between is right: only what the weights are multiplied by."""
    own = Sym(case.by)

    def moved(node: Expr, step: int) -> Expr | None:
        match node:
            case Op("mul" | "matmul" | "dot", (left, right)) if own in (left, right):
                renamed = _a_step_off(case, symbols(node), step)
                return substitute(node, {a: Sym(b) for a, b in renamed.items()})
        return None

    for step in (1, -1):
        found = [
            replace(user, definition=rewrite(user.definition, partial(moved, step=step)))
            for user in users(case)
        ]
        if sum(a != b for a, b in zip(found, users(case), strict=True)) > 1:
            try:
                yield total(case, [share for user in found for share in shares(case, user)])
            except (ShapeError, KeyError):
                continue


def stop_ignored(case: Case) -> Iterator[Expr]:
    """What comes back where nothing is held fixed."""
    definitions = case.model.definitions.values()
    if not case.by or not any(uses(expr, "stop_gradient") for expr in definitions):
        return
    found = _as_if_moved(case, case.by, {})
    if found is not None:
        yield found


def _as_if_moved(case: Case, name: str, known: dict[str, Expr | None]) -> Expr | None:
    """The gradient by a quantity if nothing were held fixed; None where it is the same."""
    if name not in known:
        moved, parts = False, list[Expr]()
        for user, definition in reversed(case.model.definitions.items()):
            if name not in symbols(definition):
                continue
            opened, behind = rewrite(definition, _opened), _as_if_moved(case, user, known)
            upstream = behind or upstream_of(case, user)
            if upstream is not None:
                moved |= behind is not None or opened != definition
                through = differentiate.shares(opened, upstream, Sym(user), case.rules)
                parts += [share for used, share in through if used == name]
        seed = case.model.seeds.get(name, ZERO)
        known[name] = sum_of(parts, seed) if moved and parts else None
    return known[name]


def _opened(node: Expr) -> Expr | None:
    match node:
        case Op("stop_gradient", (inner,)):
            return rewrite(inner, _opened)
    return None


def updated_weights(case: Case) -> Iterator[Expr]:
    """New weights where a gradient goes back through the old ones."""
    if case.step.phase != "backward":
        return
    used = [
        name
        for name in symbols(case.expr)
        if name in case.model.trained and new_id(name) in case.steps
    ]
    for name in used:
        yield substitute(case.expr, {name: Sym(new_id(name))})


def sign_flipped(case: Case) -> Iterator[Expr]:
    """Everything with the opposite sign."""
    if case.step.phase == "backward":
        yield op("neg", case.expr)


def factor_two(case: Case) -> Iterator[Expr]:
    """Twice or half of it."""
    if case.step.phase in ("backward", "forward") and (
        case.step.phase == "backward" or case.step.shape == ()
    ):
        for factor in (TWO, HALF):
            yield op("mul", factor, case.expr)
            yield from in_parts(case, lambda part: op("mul", factor, part))  # noqa: B023


def mean_sum(case: Case) -> Iterator[Expr]:
    """The number of samples, or of outputs, multiplied or divided out."""
    if case.step.phase not in ("backward", "forward") or (
        case.step.phase == "forward" and case.step.shape
    ):
        return
    yield from mean_of_uses(case)
    if (several := _summands(case.expr)) >= _STEPS and case.step.phase == "backward":
        yield op("div", case.expr, num(several))  # the mean over the steps in time
    for count in sorted(case.counts):
        for name in ("mul", "div"):
            yield op(name, case.expr, num(count))
            yield from in_parts(case, lambda part: op(name, part, num(count)))  # noqa: B023


def _summands(expr: Expr) -> int:
    """How many terms a sum has, written out."""
    if isinstance(expr, Op) and expr.name == "add":
        return sum(map(_summands, expr.args))
    return 1


def bias_not_summed(case: Case) -> Iterator[Expr]:
    """The gradient of one sample, or of one unit, for a bias shared by several."""
    if case.by not in case.model.trained:
        return
    for where, node in each(case.expr, frozenset({"sum"})):
        inner, axis = node.args[0], node.axis
        shape = case.lengths(inner)
        for place in range(shape[axis or 0] if shape else 0):
            index = (place,) if axis in (None, 0) else (None, place)
            chosen: Expr = op("at", inner, index=index)
            yield put(case.expr, where, chosen)
            if axis is None and len(shape) == 2:
                for other in range(shape[1]):
                    yield put(case.expr, where, op("at", inner, index=(place, other)))


# Lost paths ---------------------------------------------------------------------------------------


_STEPS: Final = 3
"""A sum of so many terms may be one over steps in time, and be taken for their mean."""
_ALL_SUBSETS: Final = 4
"""Of so many paths any may be lost together; of more, one, all but one, or all from one on."""


def path_lost(case: Case) -> Iterator[Expr]:
    """One of several branches, or any proper part of the paths back, left out."""
    yield from branch_lost(case)
    yield from _consumers_lost(case)
    yield from some_lost(case)


def _consumers_lost(case: Case) -> Iterator[Expr]:
    """Any proper part of the consumers of a quantity left out, or one use within a consumer."""
    if not case.by or case.step.phase != "backward":
        return
    try:
        found = [found for _, found in right_shares(case)]
    except (ShapeError, KeyError):
        return
    found = [one for one in found if one]
    if len(found) > LONG:
        yield from _some_of(added_up(case), len(found))
    else:
        for kept in _parts(len(found)):
            yield total(case, [share for i in kept for share in found[i]])
    yield from _through_one(case, found)
    flat = [share for one in found for share in one]
    if len(flat) > len(found):
        yield from _one_lost(case, flat)
        yield from flat


def _some_of(paths: LongSum, count: int) -> Iterator[Expr]:
    """As `_parts` has them, for many paths: what is left of a sum is the same for all of it."""
    for k in range(count):
        yield paths.without(k)
    for k in range(count):
        for some in (paths.before(k), paths.behind(k)):
            if some is not None:
                yield some
    yield from paths.parts[:count]


def _one_lost(case: Case, flat: Sequence[Expr]) -> Iterator[Expr]:
    """All uses but one."""
    if len(flat) > LONG:
        seed = case.model.seeds.get(case.by)
        terms = LongSum([*flat, *([] if seed is None else [seed])])
        yield from (terms.without(k) for k in range(len(flat)))
        return
    for lost in range(len(flat)):
        yield total(case, [share for i, share in enumerate(flat) if i != lost])


def _through_one(case: Case, found: Sequence[Sequence[Expr]]) -> Iterator[Expr]:
    """One path alone, and of what is gathered farther down it one path alone, too."""
    for one in found if len(found) > 1 else ():
        alone = total(case, one)
        for name in symbols(alone):
            step = case.steps.get(name)
            if step is not None and step.rule == "sum-over-paths":
                for part in addends(step.expr):
                    yield substitute(alone, {name: part})


def _parts(count: int) -> Iterator[Sequence[int]]:
    """The paths kept where some of a few are forgotten, most of them first."""
    everything = range(count)
    if count <= _ALL_SUBSETS:
        for size in range(count - 1, 0, -1):
            yield from combinations(everything, size)
        return
    for lost in everything:
        yield [i for i in everything if i != lost]
    for end in range(1, count):
        yield everything[:end]
        yield everything[end:]
    for only in everything[1:-1]:
        yield [only]

"""A gradient to its shares, path by path: all right, or as slips of a derivative make them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from msgspec import Struct

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Op, Option, Sym, num, op, substitute, symbols, walk
from backprop_cli.algebra.shapes import ShapeError
from backprop_cli.calculus.differentiate import has_slope, pull_back, slope
from backprop_cli.grading.judging.equivalent_ways import consumers, through_softmax
from backprop_cli.grading.slips.case import ACTIVATIONS, CONFUSED, Case
from backprop_cli.grading.slips.long_sums import LONG, LongSum, added
from backprop_cli.operations.record import fit

WrongPull = Callable[[Expr, Expr], Expr]
"""The share of an operation's argument, from the gradient of its result, and that result."""


class User(Struct, frozen=True):
    """A quantity whose formula uses the name a gradient is by: its formula, its own gradient."""

    name: str
    definition: Expr
    upstream: Expr


class Applied(Struct, frozen=True):
    """An operation somewhere in a user's formula, the name being in its argument."""

    user: User
    node: Op

    @property
    def result(self) -> Expr:
        """What it gives: the user itself where nothing stands around it."""
        return Sym(self.user.name) if self.node is self.user.definition else self.node


def users(case: Case) -> list[User]:
    """All through which the name a gradient is by reaches the target, the last first."""
    found = []
    for name, definition in reversed(list(case.model.definitions.items())):
        if case.by in symbols(definition) and (upstream := upstream_of(case, name)) is not None:
            found.append(User(name, definition, upstream))
    return found


def upstream_of(case: Case, name: str) -> Expr | None:
    """The gradient by a quantity as the steps have it; None where there is none."""
    gradient = case.model.gradient(name)
    seed = case.model.seeds.get(name, build.ONE if name in case.model.silent else None)
    return Sym(gradient) if gradient in case.steps else seed


def applied(case: Case) -> Iterator[Applied]:
    """The operations that a gradient goes back through, in every formula that uses the name."""
    for user in users(case):
        for node in walk(user.definition):
            if isinstance(node, Op) and node.args and case.by in symbols(node.args[0]):
                yield Applied(user, node)


def shares(
    case: Case, user: User, at: Op | None = None, wrong: WrongPull | None = None
) -> list[Expr]:
    """What the name gets through one user, a share a use; `at` one node pulled back wrongly."""
    found: list[Expr] = []
    stack: list[tuple[Expr, Expr, Expr]] = [(user.definition, user.upstream, Sym(user.name))]
    while stack:
        expr, g, result = stack.pop()
        if expr == Sym(case.by):
            found.append(g)
        if not isinstance(expr, Op):
            continue
        if expr is at and wrong is not None:
            pulled: Sequence[Expr | None] = (wrong(g, result), *(None,) * (len(expr.args) - 1))
        else:
            pulled = pull_back(expr, g, result, case.rules)
        for arg, share in zip(reversed(expr.args), reversed(pulled), strict=True):
            if share is not None and case.by in symbols(arg):
                stack.append((arg, fit(share, arg, case.rules), arg))
    return found


def right_shares(case: Case) -> list[tuple[User, list[Expr]]]:
    """Every user with the shares that come through it, worked out once for a case."""
    return case.kept("shares", lambda: [(user, shares(case, user)) for user in users(case)])


def with_pull(case: Case, one: Applied, wrong: WrongPull) -> Iterator[Expr]:
    """The gradient with one operation pulled back wrongly, and all else as it should be."""
    yield from with_pulls(case, [(one, wrong)])


def with_pulls(case: Case, pulls: Sequence[tuple[Applied, WrongPull]]) -> Iterator[Expr]:
    """The same with one operation in each of several users pulled back wrongly."""
    try:
        users_ = right_shares(case)
        changed = {one.user.name: shares(case, one.user, one.node, wrong) for one, wrong in pulls}
        if len(users_) > LONG and len(pulls) == 1 and all(right for _, right in users_):
            yield from _in_long_sum(case, changed)
            return
        parts = [part for user, right in users_ for part in changed.get(user.name, right)]
        if parts:
            yield total(case, parts)
    except (ShapeError, KeyError):  # what is put in does not fit: nobody could go on with it
        return


def _in_long_sum(case: Case, changed: Mapping[str, Sequence[Expr]]) -> Iterator[Expr]:
    """A sum over many users with what comes through one of them changed."""
    names = [user.name for user, _ in right_shares(case)]
    for name, parts in changed.items():
        if parts:
            yield added_up(case).put(names.index(name), _sum(parts))


def added_up(case: Case) -> LongSum:
    """What comes through each user, as a sum that goes wrong in one term at a time."""

    def made() -> LongSum:
        parts = [_sum(uses) for _, uses in right_shares(case) if uses]
        seed = case.model.seeds.get(case.by)
        return LongSum(parts if seed is None else [*parts, seed])

    return case.kept("added up", made)


def _sum(parts: Sequence[Expr]) -> Expr:
    return added(parts, range(len(parts)))


def total(case: Case, parts: Sequence[Expr]) -> Expr:
    """Shares put together, with what reaches the name from outside."""
    seed = case.model.seeds.get(case.by)
    return build.sum_of(parts, build.ZERO if seed is None else seed)


# Slips of a derivative ----------------------------------------------------------------------------


_LEAKS: Final = (0.01, 0.1, 0.2)
KINKED: Final = frozenset({"relu", "leaky_relu", "step", "sign"})
_OTHERS: Final = 8  # other layers tried in the place of all activations of a formula
_NUMBER = re.compile(r"_?[0-9]+$")


def _activations(case: Case) -> Iterator[Applied]:
    return (one for one in applied(case) if one.node.name in ACTIVATIONS)


def _with_slopes(case: Case, one: Applied, *slopes: Expr) -> Iterator[Expr]:
    for each in slopes:
        yield from with_pull(case, one, partial(_times, each))


def _at_every_step(
    case: Case, found: Sequence[Applied], slopes: Callable[[Case, Applied], list[Expr]]
) -> Iterator[Expr]:
    """The same wrong slope at every step of time: who is mistaken once is so each time."""
    families: dict[tuple[str, str], dict[str, Applied]] = {}
    for one in found:
        stem = _NUMBER.sub("", one.user.name)
        families.setdefault((stem, one.node.name), {}).setdefault(one.user.name, one)
    for family in families.values():
        if len(family) > 1:
            for wrong in zip(*(slopes(case, one) for one in family.values()), strict=False):
                pulls = [partial(_times, each) for each in wrong]
                yield from with_pulls(case, list(zip(family.values(), pulls, strict=True)))


def _times(slope: Expr, g: Expr, _: Expr) -> Expr:
    return build.mul(g, slope)


# Left out ----------------------------------------------------------------------------------------


def derivative_omitted(case: Case) -> Iterator[Expr]:
    """∂L/∂Z = ∂L/∂H; behind a hidden layer."""
    yield from _omitted(case, is_last=False)


def output_derivative_omitted(case: Case) -> Iterator[Expr]:
    """∂L/∂Z = ∂L/∂Ŷ."""
    yield from _omitted(case, is_last=True)


def _omitted(case: Case, *, is_last: bool) -> Iterator[Expr]:
    found = [one for one in _activations(case) if _gives_output(case, one) == is_last]
    for one in found:
        yield from with_pull(case, one, lambda g, _: g)
    yield from _at_every_step(case, found, lambda _, one: [num(1)])
    for user in users(case):  # an activation that is a formula
        if _is_formula_of(case, user) and _is_output(case, user.name) == is_last:
            yield user.upstream


def _is_formula_of(case: Case, user: User) -> bool:
    """Whether a quantity is an activation that is a formula: of the name alone, entry by entry."""
    same = case.shape(user.upstream) == case.step.shape != ()
    return same and symbols(user.definition) == (case.by,) and _has_slope(user.definition)


_WITHOUT_SLOPE = frozenset({"add", "sub", "neg", "matmul", "dot", "transpose"})


def _has_slope(expr: Expr) -> bool:
    """Whether a formula of one name is more than that name added up or turned."""
    return any(isinstance(node, Op) and node.name not in _WITHOUT_SLOPE for node in walk(expr))


def _gives_output(case: Case, one: Applied) -> bool:
    """Whether an activation gives the prediction itself, and not what is made into it."""
    return one.result == Sym(one.user.name) and _is_output(case, one.user.name)


def _is_output(case: Case, name: str) -> bool:
    """Whether a quantity is the prediction: what is used by the loss alone."""
    target = case.model.target
    return name in ("Yhat", target) or {*consumers(case.model, name)} == {target}


# Taken at another place --------------------------------------------------------------------------


def derivative_elsewhere(case: Case) -> Iterator[Expr]:
    """σ′(h), the formula in h written in z, the other way round, or at another layer's z or h."""
    if case.step.phase == "jacobian":
        yield from _jacobian_elsewhere(case)
    found = list(_activations(case))
    most = max(2, _OTHERS // max(len(found), 1))
    for one in found:
        node, z = one.node, one.node.args[0]
        if node.name == "softmax":
            yield from with_pull(case, one, lambda g, _, node=node, z=z: _through(node, z, g))  # type: ignore[misc]
        yield from _with_slopes(case, one, *_misplaced(case, one), *_of_others(case, one, most))
    yield from _at_every_step(case, found, _misplaced)


def _misplaced(case: Case, one: Applied) -> list[Expr]:
    """The derivative at h, in h written in z, the other way round, or in the error ŷ − y."""
    node, h, g = one.node, one.result, one.user.upstream
    if not has_slope(node) or node.name in KINKED:
        return []
    z, again = node.args[0], Op(node.name, (h,), node.options)
    places = [(h, again), (z, z), (h, h), (Op(node.name, (again,), node.options), h)]
    whole = Sym(one.user.name)  # 1 - h² where h = o * tanh(c), or tanh(z) + x
    if whole != h and case.shape(whole) == case.shape(z):
        places.append((whole, whole))
    if isinstance(g, Sym) and case.shape(g) == case.shape(z):
        places.append((g, g))
    return [_slope(node, x, r, case) for x, r in places]


def _of_others(case: Case, one: Applied, most: int) -> list[Expr]:
    """The derivative at another layer's z or h."""
    node, z = one.node, one.node.args[0]
    if not has_slope(node) or node.name in KINKED:
        return []
    found = map(Sym, case.nearby(one.user.name, case.shape(z), most))
    others = [other for other in found if other not in (z, one.result)]
    pairs = [(x, r) for x in others for r in (Op(node.name, (x,), node.options), x)]
    return [_slope(node, x, r, case) for x, r in pairs]


def _slope(node: Op, x: Expr, r: Expr, case: Case) -> Expr:
    """The slope of the node's function at x, where its value is called r."""
    found = slope(Op(node.name, (x,), node.options), r, case.sizes)
    assert found is not None
    return found


def _through(node: Op, output: Expr, g: Expr) -> Expr:
    return next(through_softmax(node, output, g))


def _jacobian_elsewhere(case: Case) -> Iterator[Expr]:
    """A Jacobian with the pre-activation in the output's place, the reverse, or with the error."""
    of, by = case.of_by
    gradient = case.model.gradient(of)
    if gradient in case.steps:
        yield substitute(case.expr, {of: Sym(gradient)})
    if case.model.shapes.get(of) == case.model.shapes.get(by):
        yield substitute(case.expr, {of: Sym(by)})
        yield substitute(case.expr, {by: Sym(of)})


# Of another function -----------------------------------------------------------------------------


def other_derivative(case: Case) -> Iterator[Expr]:
    """1 − h² for h(1 − h), (1 − h)², the function itself, one factor of the derivative alone."""
    found = list(_activations(case))
    for one in found:
        yield from _with_slopes(case, one, *_of_another_function(case, one))
    yield from _at_every_step(case, found, _of_another_function)
    for one in found:  # σ′(z) for the slope of zσ(z)
        node = one.node
        if node is not one.user.definition and has_slope(node) and _is_formula_of(case, one.user):
            yield op("mul", one.user.upstream, _slope(node, node.args[0], node, case))


def _of_another_function(case: Case, one: Applied) -> list[Expr]:
    node, h = one.node, one.result
    z, one_, found = node.args[0], num(1), list[Expr]()
    if node.name != "softmax":
        squares = op("pow", h, num(2)), op("pow", op("sub", one_, h), num(2))  # (1 − h)² for 1 − h²
        found += [h, Op(node.name, (h,), node.options), build.sub(one_, h), *squares]
        found += [op("mul", h, op("add", one_, h)), build.sub(one_, squares[0])]
    for name in CONFUSED:
        if name != node.name:
            again = op(name, z)
            found += [_slope(again, z, r, case) for r in (h, again)]
    return found


def relu_derivative(case: Case) -> Iterator[Expr]:
    """Multiplied with z or h, everything let through, nothing at 0, the mask of something else."""
    for one in _activations(case):
        if one.node.name not in ("relu", "leaky_relu"):
            continue
        z, h = one.node.args[0], one.result
        masks: list[Callable[[Expr], Expr]] = [
            lambda g, factor=factor: op("mul", g, factor)  # type: ignore[misc]
            for factor in (
                z,
                h,
                op("sub", num(1), h),
                op("switch", z, at=1),
                op("switch", z, below=1, above=0),
                op("switch", z, below=-1),
                op("switch", z, below=1, at=1, above=0),
                op("switch", z),
                op("sigmoid", z),
                *(op("switch", z, above=1, at=slope, below=slope) for slope in _LEAKS),
            )
        ]
        masks.append(lambda g: op("mul", g, op("switch", g)))
        masks.append(lambda g: op("positive_part", g))
        for mask in masks:
            yield from with_pull(case, one, lambda g, _, mask=mask: mask(g))  # type: ignore[misc]


def softmax_diagonal(case: Case) -> Iterator[Expr]:
    """∂L/∂Ŷ ⊙ ŷ(1 − ŷ), or a Jacobian with nothing beside its diagonal."""
    if case.step.phase == "jacobian":
        of, by = case.of_by
        match case.model.definitions.get(of):
            case Op("softmax", (Sym(z),)) if z == by and len(case.step.shape) == 2:
                yield op("diag", diagonal(Sym(of)))
                yield op("diag", Sym(of))
        return
    for one in _activations(case):
        if one.node.name == "softmax":
            yield from _with_slopes(case, one, diagonal(one.result), one.result)
    for one in applied(case):
        if one.node.name == "log_softmax":
            yield from with_pull(case, one, _pulled_alone)


def _pulled_alone(g: Expr, output: Expr) -> Expr:
    """g(1 − ŷ), each logit being taken for its own logarithm's alone."""
    return op("mul", g, op("sub", num(1), op("exp", output)))


def softmax_signs_lost(case: Case) -> Iterator[Expr]:
    """ŷᵢŷⱼ for −ŷᵢŷⱼ beside the diagonal of a softmax's Jacobian."""
    for one in _activations(case):
        if one.node.name == "softmax":
            yield from with_pull(case, one, partial(_pulled_without_signs, one.node.axis))


def _pulled_without_signs(axis: Option, g: Expr, output: Expr) -> Expr:
    """Σⱼ |∂ŷⱼ/∂zᵢ| gⱼ = ŷᵢ (gᵢ + Σⱼ ŷⱼgⱼ − 2 ŷᵢgᵢ)."""
    own = op("mul", output, g)
    total = build.sum_along(own, axis)
    return op("mul", output, op("sub", op("add", g, total), op("mul", num(2), own)))


def diagonal(output: Expr) -> Expr:
    """ŷ(1 − ŷ)."""
    return op("mul", output, op("sub", num(1), output))


def gradient_to_all(case: Case) -> Iterator[Expr]:
    """The gradient of a maximum given to all that it was taken of."""
    for one in applied(case):
        if one.node.name in ("max", "maximum", "minimum"):
            yield from with_pull(case, one, lambda g, _: g)

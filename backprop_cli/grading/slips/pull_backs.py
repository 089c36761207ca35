"""A gradient to its shares, path by path: all right, or with one operation pulled back wrongly."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from msgspec import Struct

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Num, Op, Sym, symbols, walk
from backprop_cli.algebra.shapes import ShapeError
from backprop_cli.calculus.differentiate import pull_back
from backprop_cli.grading.slips.case import Case
from backprop_cli.grading.slips.long_sums import LONG, LongSum, added
from backprop_cli.operations.fitting import fit

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
    model, by, found = case.model, case.by, []
    if by is None:
        return []
    for name, definition in reversed(list(model.definitions.items())):
        upstream = _upstream(case, name)
        if upstream is not None and by in symbols(definition):
            found.append(User(name, definition, upstream))
    return found


def _upstream(case: Case, name: str) -> Expr | None:
    gradient = case.model.gradient(name)
    if gradient in case.steps:
        return Sym(gradient)
    if name in case.model.silent:
        return case.model.seeds.get(name, build.ONE)
    return case.model.seeds.get(name)


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
        if isinstance(expr, Sym):
            if expr.name == case.by:
                found.append(g)
            continue
        if isinstance(expr, Num):
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
        seed = case.model.seeds.get(case.by or "")
        return LongSum(parts if seed is None else [*parts, seed])

    return case.kept("added up", made)


def _sum(parts: Sequence[Expr]) -> Expr:
    return added(parts, range(len(parts)))


def total(case: Case, parts: Sequence[Expr]) -> Expr:
    """Shares put together, with what reaches the name from outside."""
    seed = case.model.seeds.get(case.by or "")
    return build.sum_of(parts, build.ZERO if seed is None else seed)

"""Equations to the equations of their gradients: reverse differentiation into expressions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from itertools import count

from msgspec import Struct, field

from backprop_cli.algebra import build
from backprop_cli.algebra.build import comparison
from backprop_cli.algebra.expr import Expr, Num, Op, Sym, op, substitute, symbols, walk
from backprop_cli.algebra.shapes import ShapeError
from backprop_cli.operations.record import Rules, fit, standing_for
from backprop_cli.operations.table import operation, stacked, written_out

Equations = Mapping[str, Expr]


def shares(expr: Expr, g: Expr, result: Expr, rules: Rules) -> list[tuple[str, Expr]]:
    """What each name in `expr` gets of the upstream gradient `g`, a share for each use of it.

    `result` is the name that `expr` defines: rules written in the result (h(1 - h)) then use it.
    Of a name's uses, one that nothing comes back from (a comparison) is named where there is no
    other.
    """
    found = list(_shares(expr, g, result, rules))
    alive = {name for name, _, dead in found if not dead}
    return [(name, share) for name, share, dead in found if not dead or name not in alive]


def added_up(expr: Expr, g: Expr, result: Expr, rules: Rules) -> dict[str, Expr]:
    """What each name in `expr` gets of the upstream gradient `g` in all."""
    found: dict[str, Expr] = {}
    for name, share in shares(expr, g, result, rules):
        found[name] = build.add(found[name], share) if name in found else share
    return found


def _shares(expr: Expr, g: Expr, result: Expr, rules: Rules) -> Iterator[tuple[str, Expr, bool]]:
    """The same with whether it is a product with the number 0."""
    if isinstance(expr, Sym):
        yield expr.name, g, False
    if not isinstance(expr, Op):
        return
    for arg, share in zip(expr.args, pull_back(expr, g, result, rules), strict=True):
        if share is not None and (isinstance(arg, Sym) or symbols(arg)):
            nothing = not build.coefficient(share)[0]
            for name, own, dead in _shares(arg, fit(share, arg, rules), arg, rules):
                yield name, own, dead or nothing


def pull_back(node: Op, g: Expr, result: Expr, rules: Rules) -> tuple[Expr | None, ...]:
    """The share of each argument of one operation in the upstream gradient `g` of its result."""
    record = operation(node)
    if record.derivative is not None:
        return (build.mul(g, record.derivative(node.args[0], result, node, rules)),)
    if record.pullback is not None:
        return record.pullback(g, result, node, rules)
    if record.definition is not None:
        return _through_definition(node, g, rules)
    if record.entry is not None:
        return _through_entries(node, g, rules)
    return (None,) * len(node.args)


def slope(node: Op, result: Expr, rules: Rules) -> Expr | None:
    """The derivative of a function of one argument, entry by entry; None for anything else."""
    record = operation(node)
    if record.derivative is not None:
        return record.derivative(node.args[0], result, node, rules)
    if has_slope(node):
        return pull_back(node, build.ONE, result, rules)[0] or build.ZERO
    return None


def has_slope(node: Op) -> bool:
    """Whether it is a function of one argument, entry by entry."""
    record = operation(node)
    if record.derivative is not None:
        return True
    return record.elementwise and record.arity == 1 and record.definition is not None


class _Held(Struct, frozen=True):
    """An operation on names: what it is in others, what they stand for, and the rules for them."""

    inside: Expr | None
    args: Mapping[str, Expr]
    rules: Rules


def _held(node: Op, g: Expr, rules: Rules) -> _Held:
    """An operation written in names for its arguments, none of which stands in them or in `g`.

    No id has a space in it, but a definition within a definition is in such names already.
    """
    taken = {*symbols(node), *symbols(g)}
    names = (name for i in count() if (name := f"argument {i}") not in taken)
    args = dict(zip(names, node.args, strict=False))
    inside = standing_for(rules, args)
    named = Op(node.name, tuple(map(Sym, args)), node.options)
    return _Held(written_out(named, inside), args, inside)


def _through_definition(node: Op, g: Expr, rules: Rules) -> tuple[Expr | None, ...]:
    """The shares of the arguments in what the operation is in others."""
    held = _held(node, g, rules)
    assert held.inside is not None
    found = added_up(held.inside, g, held.inside, held.rules)
    return tuple(
        substitute(found[name], held.args) if name in found else None for name in held.args
    )


def _through_entries(node: Op, g: Expr, rules: Rules) -> tuple[Expr | None, ...]:
    """The shares of the arguments entry by entry: what each has in all entries of the result."""
    held = _held(node, g, rules)
    if held.inside is None:
        raise ShapeError(f"{operation(node).words} needs sizes that are numbers")
    parts = list(_entries(held.inside, ()))

    def share(arg: Expr, index: tuple[int, ...]) -> Expr:
        own = op("at", arg, index=index) if index else arg
        total: Expr = build.ZERO
        for place, entry in parts:
            found = _share_in(entry, own, op("at", g, index=place) if place else g, held.rules)
            total = total if found is None else build.add(total, found)
        return substitute(total, held.args)

    return tuple(
        stacked(tuple(map(int, held.rules.shape(Sym(name)))), partial(share, Sym(name)))
        for name in held.args
    )


def _entries(whole: Expr, place: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], Expr]]:
    """What is put together in brackets, each with its place."""
    if isinstance(whole, Op) and whole.name == "stack":
        for i, arg in enumerate(whole.args):
            yield from _entries(arg, (*place, i))
    else:
        yield place, whole


def _share_in(expr: Expr, part: Expr, g: Expr, rules: Rules) -> Expr | None:
    """The share of a part of a formula in numbers, wherever it stands; None where it does not."""
    if expr == part:
        return g
    if not isinstance(expr, Op) or not any(node == part for node in walk(expr)):
        return None
    found: Expr | None = None
    for arg, share in zip(expr.args, pull_back(expr, g, expr, rules), strict=True):
        own = None if share is None else _share_in(arg, part, share, rules)
        if own is not None:
            found = own if found is None else build.add(found, own)
    return found


class Gradient(Struct, frozen=True):
    """The gradient with respect to one name: the sum of a share for each path into the target.

    `paths` are the names through which the shares come (the target itself for a seed).
    """

    of: str
    expr: Expr
    paths: tuple[str, ...]


class Backward(Struct, frozen=True):
    """A backward pass: the equations it goes through, last to first, and how gradients are taken.

    `seeds` start it: the gradient that reaches a name from outside the equations (1 for the loss
    itself). `name` says what a gradient is called; that of a `silent` name (the 1 of the loss) has
    no step of its own. `shortcuts` replace, for one equation, the share of each name in it (such as
    ŷ - y for the logits). `passed_on` makes of the share of a name in an equation what is added to
    its gradient.
    """

    equations: Equations
    seeds: Mapping[str, Expr]
    name: Callable[[str], str]
    shortcuts: Mapping[str, Mapping[str, Expr]] = {}
    silent: Collection[str] = ()
    passed_on: Callable[[str, str, Expr], Expr] = lambda current, used, share: share

    def shares(self, current: str, upstream: Expr, rules: Rules) -> list[tuple[str, Expr]]:
        """What each name in an equation is passed of the gradient that reaches it."""
        found = shares(self.equations[current], upstream, Sym(current), rules)
        replaced = self.shortcuts.get(current, {})
        return [
            (used, self.passed_on(current, used, replaced.get(used, share)))
            for used, share in found
        ]


class _Sweep(Struct):
    """The shares gathered so far for each name, and the gradients that are complete."""

    backward: Backward
    parts: dict[str, list[tuple[str, Expr]]] = field(default_factory=dict)
    done: list[Gradient] = field(default_factory=list)

    def add(self, name: str, through: str, share: Expr) -> None:
        self.parts.setdefault(name, []).append((through, share))

    def finish(self, name: str) -> Expr | None:
        """The complete gradient of `name` as later steps write it; None where nothing flows in.

        That of a silent name is written out where it is used.
        """
        parts = self.parts.pop(name, None)
        if parts is None:
            return None
        parts = [part for part in parts if not _is_nothing(part[1])] or parts
        total = build.sum_of(share for _, share in parts)
        if name in self.backward.silent:
            return total
        paths = tuple(dict.fromkeys(through for through, _ in parts))
        self.done.append(Gradient(name, total, paths))
        return Sym(self.backward.name(name))


def gradients(backward: Backward, wanted: Sequence[str], rules: Rules) -> list[Gradient]:
    """The gradients of everything in `wanted`, and of all on the way, as a person would go."""
    sweep, equations = _Sweep(backward), backward.equations
    for seed, value in backward.seeds.items():
        sweep.add(seed, seed, value)
    on_the_way = _on_the_way(backward, wanted)
    first_uses = _first_uses(equations)
    for current in reversed(list(equations)):
        upstream = sweep.finish(current) if current in on_the_way else None
        if upstream is not None:
            for used, share in backward.shares(current, upstream, rules):
                if used in on_the_way:
                    sweep.add(used, current, share)
        for leaf in sorted(first_uses[current], key=_position(wanted)):
            sweep.finish(leaf)
    return sweep.done


def _is_nothing(share: Expr) -> bool:
    """Whether it is 0 whatever comes from behind, as through a comparison."""
    match share:
        case Num(value):
            return value == 0
        case Op("mul", (left, right)):
            return _is_nothing(left) or _is_nothing(right)
        case Op("add" | "sub", (left, right)):
            return _is_nothing(left) and _is_nothing(right)
        case Op("neg" | "place" | "spread" | "div", (inner, *_)):
            return _is_nothing(inner)
    return False


def _on_the_way(backward: Backward, wanted: Sequence[str]) -> set[str]:
    """What gradients go through: no comparison, unless nothing else leads to what is wanted."""
    equations = backward.equations
    passing = {
        name: expr
        for name, expr in equations.items()
        if not (isinstance(expr, Op) and comparison(expr))
    }
    there = reaching(passing, wanted)
    if len(passing) < len(equations) and all(
        not reaching(passing, [name]).isdisjoint(backward.seeds)
        for name in wanted
        if not reaching(equations, [name]).isdisjoint(backward.seeds)
    ):
        return there
    return reaching(equations, wanted)


def _first_uses(equations: Equations) -> dict[str, list[str]]:
    """For each equation the leaves that no earlier one uses: there their gradient is complete."""
    seen: set[str] = set(equations)
    found: dict[str, list[str]] = {}
    for name, expr in equations.items():
        found[name] = [used for used in symbols(expr) if used not in seen]
        seen.update(found[name])
    return found


def _position(wanted: Sequence[str]) -> Callable[[str], int]:
    return lambda name: wanted.index(name) if name in wanted else len(wanted)


def reaching(equations: Equations, names: Collection[str]) -> set[str]:
    """These names, and all that depend on them."""
    found = set(names)
    for name, expr in equations.items():
        if found.intersection(symbols(expr)):
            found.add(name)
    return found


def needed(equations: Equations, goals: Collection[str]) -> set[str]:
    """The goals, and all that they are computed from."""
    found = set(goals)
    for name in reversed(list(equations)):
        if name in found:
            found.update(symbols(equations[name]))
    return found


def also_through(of: str, by: str, equations: Equations) -> list[str]:
    """What A is made from, besides B itself, that B acts on: held fixed in the share ∂A/∂B that
    the equation of A gives, which is not all that B does to A."""
    reached = {by}
    for name, expr in equations.items():
        used = [other for other in symbols(expr) if other in reached]
        if name == of:
            return [other for other in used if other != by]
        if used:
            reached.add(name)
    return []

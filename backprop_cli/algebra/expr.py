"""What a formula is made of: a symbol, a number, or an operation applied to expressions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import chain, count
from operator import is_
from types import MappingProxyType
from typing import Generic, TypeAlias, TypeGuard, TypeVar

from msgspec import Struct

Option: TypeAlias = "int | float | str | tuple[Option, ...] | None"

Found = TypeVar("Found")


class Sym(Struct, frozen=True, gc=False):
    """A named quantity: `W1`, `dL/dZ1`, `learning_rate`."""

    name: str


class Num(Struct, frozen=True, gc=False):
    """A number written in a formula, kept exactly so that constants fold without rounding."""

    value: Fraction


class Op(Struct, frozen=True, gc=False):
    """An entry of the table of operations applied to its arguments.

    `options` are the named constants of the application, such as `axis` or `slope`, sorted by name.
    """

    name: str
    args: tuple[Expr, ...]
    options: tuple[tuple[str, Option], ...] = ()

    def option(self, name: str, default: Option = None) -> Option:
        """The constant called `name`, or `default` where the application does not give it."""
        for key, value in self.options:
            if key == name:
                return value
        return default

    def with_options(self, **options: Option) -> Op:
        """The same with other constants; those that are None are left out."""
        return op(self.name, *self.args, **{**dict(self.options), **options})

    @property
    def axis(self) -> int | None:
        """The axis along which it is applied; None where it goes over everything, or has none."""
        return None if self.option("axis") is None else self.whole("axis")

    def whole(self, name: str) -> int:
        """The constant called `name`, which has to be there and to be a whole number."""
        value = self.option(name)
        assert isinstance(value, int), (self.name, name, value)
        return value


Expr: TypeAlias = Sym | Num | Op


def num(value: float | str | Fraction) -> Num:
    """A number node; a float keeps the decimal value that `repr` shows."""
    return Num(Fraction(repr(value)) if isinstance(value, float) else Fraction(value))


def op(name: str, *args: Expr, **options: Option) -> Op:
    """An operation node; options that are None are left out."""
    if not options:
        return Op(name, args)
    given = ((key, value) for key, value in options.items() if value is not None)
    return Op(name, args, tuple(sorted(given)))


def walk(expr: Expr) -> Iterator[Expr]:
    """Every node, a parent before its arguments."""
    stack = [expr]
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, Op):
            stack.extend(reversed(node.args))


def uses(expr: Expr, *names: str) -> bool:
    """Whether any of these operations stands in a formula."""
    return any(isinstance(node, Op) and node.name in names for node in walk(expr))


def depth(expr: Expr) -> int:
    """How many operations are nested in one another, one at a time."""
    deepest, stack = 0, [(expr, 1)]
    while stack:
        node, level = stack.pop()
        deepest = max(deepest, level)
        if isinstance(node, Op):
            level += 1
            stack += [(arg, level) for arg in node.args]
    return deepest


def symbols(expr: Expr) -> tuple[str, ...]:
    """The names used, each once, in the order they are written."""
    found: dict[str, None] = {}
    stack = [expr]  # as in `walk`, whose generator would take half as long again
    while stack:
        node = stack.pop()
        if isinstance(node, Sym):
            found[node.name] = None
        elif isinstance(node, Op):
            stack.extend(reversed(node.args))
    return tuple(found)


def free_name(liked: Sequence[str], taken: Collection[str]) -> str:
    """The first of these names that nothing has, the last one with a number if all are taken."""
    more = (f"{liked[-1]}{number}" for number in count(2))
    return next(each for each in chain(liked, more) if each not in taken)


def fold(
    expr: Expr, leaf: Callable[[Sym | Num], Found], node: Callable[[Op, list[Found]], Found]
) -> Found:
    """What is worked out from the leaves up, however deep the expression is."""
    found: list[Found] = []
    stack: list[tuple[Expr, bool]] = [(expr, False)]
    while stack:
        one, entered = stack.pop()
        if not isinstance(one, Op):
            found.append(leaf(one))
        elif not entered:
            stack.append((one, True))
            stack.extend((arg, False) for arg in reversed(one.args))
        else:
            first = len(found) - len(one.args)
            args = found[first:]
            del found[first:]
            found.append(node(one, args))
    return found[0]


def rewrite(expr: Expr, rule: Callable[[Expr], Expr | None]) -> Expr:
    """The expression with every node for which `rule` gives another one replaced, from the top."""

    def entered(node: Expr) -> tuple[Expr, bool]:
        replaced = rule(node)
        return (node, True) if replaced is None else (replaced, False)

    return _rebuilt(expr, entered)


def unfold(expr: Expr, rule: Callable[[Op], Expr | None]) -> Expr:
    """As `rewrite`, but what `rule` gives is gone through, too, below its root."""

    def entered(node: Expr) -> tuple[Expr, bool]:
        replaced = rule(node) if isinstance(node, Op) else None
        return (node if replaced is None else replaced), True

    return _rebuilt(expr, entered)


def _rebuilt(expr: Expr, entered: Callable[[Expr], tuple[Expr, bool]]) -> Expr:
    """An expression with `entered` asked of each node for another, and whether to go into that."""
    done: list[Expr] = []
    stack: list[tuple[Expr, bool]] = [(expr, False)]
    while stack:
        node, below = stack.pop()
        if below:
            assert isinstance(node, Op)
            first = len(done) - len(node.args)
            args = tuple(done[first:])
            del done[first:]
            same = all(map(is_, args, node.args))
            done.append(node if same else Op(node.name, args, node.options))
            continue
        node, further = entered(node)
        if further and isinstance(node, Op):
            stack.append((node, True))
            stack.extend((arg, False) for arg in reversed(node.args))
        else:
            done.append(node)
    return done[0]


def substitute(expr: Expr, replacements: Mapping[str, Expr]) -> Expr:
    """The expression with symbols replaced by expressions."""
    return rewrite(
        expr, lambda node: replacements.get(node.name) if isinstance(node, Sym) else None
    )


def exchange(expr: Expr, part: Expr, other: Expr) -> Expr:
    """The expression with another in the place of a part, wherever it stands."""
    return rewrite(expr, lambda node: other if node == part else None)


# Sums and products --------------------------------------------------------------------------------


SUMS = frozenset({"add", "sub"})


def is_sum(expr: Expr) -> TypeGuard[Op]:
    """Whether an expression is a sum or a difference."""
    return isinstance(expr, Op) and expr.name in SUMS


def signed_terms(expr: Expr, *, through_signs: bool = False) -> Iterator[tuple[int, Expr]]:
    """The terms of a sum, and the sign of each; `through_signs`: those of -(a + b), too."""
    stack = [(1, expr)]
    while stack:
        sign, node = stack.pop()
        match node:
            case Op("add", (left, right)):
                stack += [(sign, right), (sign, left)]
            case Op("sub", (left, right)):
                stack += [(-sign, right), (sign, left)]
            case Op("neg", (inner,)) if through_signs:
                stack.append((-sign, inner))
            case _:
                yield sign, node


def addends(expr: Expr) -> Iterator[Expr]:
    """The parts that add up to a formula, what is subtracted with its sign changed."""
    return (term if sign > 0 else op("neg", term) for sign, term in signed_terms(expr))


def factors(expr: Expr, *, through_signs: bool = False) -> Iterator[Expr]:
    """The factors of a product however they are grouped; `through_signs`: -1 among them."""
    stack = [expr]
    while stack:
        match stack.pop():
            case Op("mul", (left, right)):
                stack += [right, left]
            case Op("neg", (inner,)) if through_signs:
                yield num(-1)
                stack.append(inner)
            case other:
                yield other


# Parts by their places ----------------------------------------------------------------------------


Place = tuple[int, ...]
"""Which argument to go into, from the root on."""


def places(expr: Expr) -> Iterator[tuple[Place, Expr]]:
    """Every node with its place, a parent before its arguments."""
    stack: list[tuple[Place, Expr]] = [((), expr)]
    while stack:
        place, node = stack.pop()
        yield place, node
        if isinstance(node, Op):
            last = len(node.args) - 1
            stack.extend(((*place, last - i), arg) for i, arg in enumerate(reversed(node.args)))


def put(expr: Expr, place: Place, new: Expr) -> Expr:
    """The formula with the part at one place replaced; all else is shared with it."""
    above: list[Op] = []
    for i in place:
        assert isinstance(expr, Op)
        above.append(expr)
        expr = expr.args[i]
    for node, i in zip(reversed(above), reversed(place), strict=True):
        new = Op(node.name, (*node.args[:i], new, *node.args[i + 1 :]), node.options)
    return new


class Folded(Generic[Found]):
    """Works something out for formulas from the leaves up, once for each part that they share.

    Parts are told apart by identity, which costs nothing however large they are; nothing here
    recurses, so that a formula may be as deep as it likes. What is `known` of parts is not worked
    out again.
    """

    def __init__(
        self,
        leaf: Callable[[Sym | Num], Found],
        node: Callable[[Op, list[Found]], Found],
        known: Mapping[int, tuple[Op, Found]] = MappingProxyType({}),
    ) -> None:
        self._leaf = leaf
        self._node = node
        self._found: dict[int, tuple[Op, Found]] = dict(known)

    def of(self, expr: Expr) -> Found:
        """What is found for one formula."""
        if not isinstance(expr, Op):
            return self._leaf(expr)
        if (already := self._found.get(id(expr))) is not None:
            return already[1]
        found, stack = self._found, [expr]
        while stack:
            one = stack[-1]
            if id(one) in found:
                stack.pop()
                continue
            args: list[Found] = []
            missing: list[Op] = []
            for arg in one.args:
                if not isinstance(arg, Op):
                    args.append(self._leaf(arg))
                elif (known := found.get(id(arg))) is not None:
                    args.append(known[1])
                else:
                    missing.append(arg)
            if missing:
                stack.extend(reversed(missing))
            else:
                found[id(one)] = one, self._node(one, args)  # kept: no other has its identity
                stack.pop()
        return found[id(expr)][1]


class InOrder(Struct, frozen=True):
    """The parts of a formula from its leaves up, each once, with the places of its arguments there.

    `names` are the quantities in it, in the order they are written, `operations` what is applied,
    `inner` what is before the last step.
    """

    parts: Sequence[tuple[Expr, Sequence[int]]]
    names: tuple[str, ...]
    operations: frozenset[str]
    inner: frozenset[str]


_MOST_KEPT = 5_000
_KEPT: dict[int, tuple[Expr, InOrder]] = {}
"""What formulas that are worked out again and again consist of: a cache, and nothing else."""


def in_order(expr: Expr) -> InOrder:
    """A formula as its parts from the leaves up; without recursion, for formulas may be deep."""
    found = _KEPT.get(id(expr))  # which holds the formula, so that no other has its identity
    if found is None:
        if len(_KEPT) >= _MOST_KEPT:
            _KEPT.clear()
        found = _KEPT[id(expr)] = expr, _ordered(expr)
    return found[1]


def _ordered(expr: Expr) -> InOrder:
    places: dict[int, int] = {}
    parts: list[tuple[Expr, Sequence[int]]] = []
    stack: list[tuple[Expr, bool]] = [(expr, False)]
    while stack:
        node, ready = stack.pop()
        if id(node) in places:
            continue
        if isinstance(node, Op) and not ready:
            stack.append((node, True))
            stack += [(arg, False) for arg in reversed(node.args)]
            continue
        args = node.args if isinstance(node, Op) else ()
        places[id(node)] = len(parts)
        parts.append((node, [places[id(arg)] for arg in args]))
    names = dict.fromkeys(node.name for node, _ in parts if isinstance(node, Sym))
    inner = frozenset(node.name for node, _ in parts[:-1] if isinstance(node, Op))
    operations = inner | {expr.name} if isinstance(expr, Op) else inner
    return InOrder(parts, tuple(names), operations, inner)

"""Formulas of derivations to numbers: letters are drawn, sums added up, d/dz is a difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random

import numpy as np

from backprop_cli.algebra.expr import Expr, Num, Op, Sym, symbols, walk
from backprop_cli.calculus.stable import function_of
from backprop_cli.derive.derivation_data import Chain, Condition, Definition, Derivation
from backprop_cli.derive.derivation_nodes import parts, renamed

SIZE = 4
STEP = 1e-5


class NoPointError(Exception):
    """No drawn point fulfils the conditions."""


@dataclass(frozen=True)
class Point:
    """Numbers for letters: scalars and vectors by name, indices by letter, and what is defined."""

    values: Mapping[str, float | np.ndarray]
    indices: Mapping[str, int] = field(default_factory=dict)
    definitions: tuple[Definition, ...] = ()

    def value(self, expr: Expr) -> float:
        match expr:
            case Num(value):
                return float(value)
            case Sym(name):
                return self.name(name)
            case Op("derivative", (of, Sym(by))):
                return self.slope(of, by)
            case Op("sum_over", (body,)):
                index, without = str(expr.option("index")), expr.option("without")
                left_out = None if without is None else self.indices[str(without)]
                return sum(
                    self.at(index, place).value(body) for place in range(SIZE) if place != left_out
                )
            case Op("max_over", (body,)):
                index = str(expr.option("index"))
                return max(self.at(index, place).value(body) for place in range(SIZE))
            case Op("is_largest", (one, largest)):
                return float(self.value(one) == self.value(largest))
            case Op("equal", (Sym(left), Sym(right))):
                return float(self.indices[left] == self.indices[right])
        args = [np.asarray(self.value(arg)) for arg in expr.args]
        return float(function_of(expr)(*args, **dict(expr.options)))

    def name(self, name: str) -> float:
        base, letters = parts(name)
        if name in self.indices:
            return float(self.indices[name])
        if base == "K" and not letters:
            return float(SIZE)
        if base in self.values:
            found = self.values[base]
            return float(found[self.indices[letters[0]]] if letters else found)  # type: ignore[index]
        return self.defined(name)

    def defined(self, name: str) -> float:
        base, letters = parts(name)
        for each in self.definitions:
            assert isinstance(each.symbol, Op | Sym)
            if (
                not isinstance(each.symbol, Sym)
                or parts(each.symbol.name)[0] != base
                or not each.forms
            ):
                continue
            if not all(map(self.holds, each.conditions)):
                continue
            places = parts(each.symbol.name)[1]
            known = {"_" + a: self.indices[b] for a, b in zip(places, letters, strict=True)}
            inside = replace(self, indices={**self.indices, **known})
            form = renamed(each.forms[-1], {a: "_" + a for a in places})
            return inside.value(form)
        raise KeyError(name)

    def at(self, letter: str, place: int) -> Point:
        return replace(self, indices={**self.indices, letter: place})

    def moved(self, by: str, change: float) -> Point:
        base, letters = parts(by)
        old = self.values.get(base)
        if old is None:  # a defined quantity is varied by itself
            old = np.array([self.at(letters[0], i).defined(by) for i in range(SIZE)])
        if not letters:
            return replace(self, values={**self.values, base: old + change})
        new = np.array(old, dtype=float)
        new[self.indices[letters[0]]] += change
        return replace(self, values={**self.values, base: new})

    def slope(self, of: Expr, by: str) -> float:
        """The difference quotient over two widths, so that the error is of the fourth order."""
        near, far = (
            (self.moved(by, h).value(of) - self.moved(by, -h).value(of)) / (2 * h)
            for h in (STEP * 10, STEP * 20)
        )
        return (4 * near - far) / 3

    def holds(self, condition: Condition) -> bool:
        left, right = condition.left, condition.right
        a, b, margin = self.value(left), self.value(right), 1e-3  # off the border
        if isinstance(left, Sym) and left.name in self.indices:
            margin = 0
        return {
            "=": a == b,
            "≠": a != b,
            "<": a < b - margin,
            ">": a > b + margin,
            "≤": a <= b - margin,
            "≥": a >= b + margin,
        }[condition.relation]


def points(derivation: Derivation, chain: Chain, count: int, seed: int = 0) -> list[Point]:
    """Points for which the chain's conditions hold."""
    random = Random(seed)
    definitions = sorted(
        (*chain.definitions, *derivation.definitions), key=lambda each: not each.conditions
    )  # a case of a definition comes before the whole, whose constants are the table's
    found: list[Point] = []
    for _ in range(200 * count):
        point = _drawn(random, chain, definitions)
        if all(map(point.holds, chain.conditions)):
            found.append(point)
        if len(found) == count:
            return found
    raise NoPointError(chain)


def _drawn(random: Random, chain: Chain, definitions: Sequence[Definition]) -> Point:
    exprs = [line.expr for line in chain.lines] + [chain.left]
    exprs += [form for each in definitions for form in (*each.forms, each.symbol)]
    exprs += [side for c in chain.conditions for side in (c.left, c.right)]
    names = {name for expr in exprs for name in symbols(expr)}
    defined = {parts(each.symbol.name)[0] for each in definitions if isinstance(each.symbol, Sym)}
    values: dict[str, float | np.ndarray] = {}
    letters = {place for name in names for place in parts(name)[1]} | {"i", "j"}
    vectors = {parts(name)[0] for name in names if parts(name)[1]}
    wide = not any(isinstance(node, Op) and node.name == "log" for e in exprs for node in walk(e))
    for base in sorted({parts(name)[0] for name in names} - defined - letters - {"K"}):
        drawn = [_number(random, base, wide=wide) for _ in range(SIZE)]
        if base == "y" and not wide:
            drawn = [each / sum(drawn) for each in drawn]
        values[base] = np.array(drawn) if base in vectors else drawn[0]
    indices = {letter: random.randrange(SIZE) for letter in letters}
    return Point(values, indices, tuple(definitions))


def _number(random: Random, base: str, *, wide: bool) -> float:
    if base in ("y", "yhat") and not wide:
        return random.uniform(0.1, 0.9)
    if base == "delta":
        return 1.0
    if base in ("alpha", "a"):
        return random.uniform(0.1, 0.5)
    return random.uniform(-2, 2)

"""Activations and the softmax to factors: the derivations of the step tables in other names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Op, Sym, num, op, rewrite, substitute, walk
from backprop_cli.calculus.differentiate import slope
from backprop_cli.derive.derivation_data import Chain, Condition, Definition, Line
from backprop_cli.derive.derivation_nodes import derivative, equal, indexed, parts
from backprop_cli.derive.steps.functions import named, option_letters
from backprop_cli.derive.tensors.factor_parts import Factor, Place, Setting
from backprop_cli.operations.table import operation

# Activations --------------------------------------------------------------------------------------


def activation(setting: Setting, of: Place, by: Place, expr: Op) -> Factor:
    """Entry k depends on entry k alone: its derivative by cases, then the 0 of all others."""
    here = Place(by.name, of.letters)
    derivation = named(expr.name, setting.kinks)
    assert derivation is not None
    letters: dict[str, Expr] = {"f": of.symbol, "z": here.symbol} | _options(expr)
    chains = [_put_in(chain, letters) for chain in derivation.chains]
    definitions = tuple(_definition(each, letters) for each in derivation.definitions if each.forms)
    slope = _slope(setting, of, here, expr)
    conditions = tuple(
        Condition(Sym(a), "=", Sym(b))
        for a, b in zip(by.letters, of.letters, strict=True)
        if a != b
    )
    chains[0] = replace(chains[0], definitions=definitions)
    ending = _together(of, by, slope, tuple(chains), conditions)
    entry = slope
    for condition in conditions:
        assert isinstance(condition.left, Sym)
        assert isinstance(condition.right, Sym)
        entry = build.scalar_mul(entry, equal(condition.right.name, condition.left.name))
    words = f"{of.symbol.name} depends on {here.symbol.name} alone" if conditions else ""
    return Factor(of, by, entry, (*chains, *ending(entry)), words=words)


def _options(expr: Op) -> dict[str, Expr]:
    """The numbers that the letters of an activation stand for."""
    defaults = operation(expr).options
    return {
        letter: num(float(str(expr.option(key, defaults[key]))))  # type: ignore[arg-type]
        for key, letter in option_letters(expr.name).items()
    }


def _put_in(chain: Chain, letters: Mapping[str, Expr]) -> Chain:
    lines = tuple(
        replace(each, expr=substitute(each.expr, letters), words=_worded(each.words, letters))
        for each in chain.lines
    )
    conditions = tuple(_condition(each, letters) for each in chain.conditions)
    return replace(chain, left=substitute(chain.left, letters), lines=lines, conditions=conditions)


def _condition(each: Condition, letters: Mapping[str, Expr]) -> Condition:
    return Condition(substitute(each.left, letters), each.relation, substitute(each.right, letters))


def _definition(each: Definition, letters: Mapping[str, Expr]) -> Definition:
    return Definition(
        substitute(each.symbol, letters),
        tuple(substitute(form, letters) for form in each.forms),
        tuple(_condition(condition, letters) for condition in each.conditions),
    )


def _worded(words: str, letters: Mapping[str, Expr]) -> str:
    """Words about f and z as words about the quantities."""
    names = {letter: each.name for letter, each in letters.items() if isinstance(each, Sym)}
    return re.sub(r"\b[fz]\b(?!′)", lambda found: names.get(found[0], found[0]), words)


def _slope(setting: Setting, of: Place, here: Place, expr: Op) -> Expr:
    at = Op(expr.name, (here.symbol,), expr.options)
    found = slope(at, of.symbol, setting.rules(frozenset()))
    match found:
        case None:
            return build.ONE
        case Op("switch"):
            ends = {found.option("below", 0), found.option("at", 0), found.option("above", 1)}
            return num(float(str(ends.pop()))) if len(ends) == 1 else found
    return found


def _together(
    of: Place,
    by: Place,
    slope: Expr,
    chains: tuple[Chain, ...],
    conditions: tuple[Condition, ...],
) -> Callable[[Expr], tuple[Chain, ...]]:
    """The 0 of the other entries, and all cases in one formula."""

    def ending(entry: Expr) -> tuple[Chain, ...]:
        left = derivative(of.symbol, by.symbol)
        if not conditions:
            several = len(chains) > 1 and chains[-1].lines[-1].expr != slope
            said = Line(entry, "together", "the cases in one formula")
            return (Chain("All cases in one", left, (said,)),) if several else ()
        different = tuple(replace(each, relation="≠") for each in conditions)
        none = Line(build.ZERO, "constant", f"{by.symbol.name} is not in {of.symbol.name}")
        both = Line(entry, "together", "1{…} is 1 where the condition holds, else 0")
        return (
            Chain("", left, (none,), different[:1]),
            Chain("All cases in one", left, (both,)),
        )

    return ending


# The softmax --------------------------------------------------------------------------------------


def softmax(setting: Setting, of: Place, by: Place, expr: Op) -> Factor:
    """The derivation by the cases i = j and i ≠ j, in this problem's letters."""
    derivation = named("softmax", setting.kinks)
    assert derivation is not None
    axis = 0 if expr.option("axis") is None else expr.whole("axis") % len(of.letters)
    writing = _Softmax(of, by, axis, _sum_letter(setting, of, axis, expr))
    k, m = of.letters[axis], by.letters[axis]
    chains = [writing.chain(chain) for chain in derivation.chains]
    definition = writing.definition(derivation.definitions[0])
    others = [
        (a, b)
        for place, (a, b) in enumerate(zip(of.letters, by.letters, strict=True))
        if place != axis and a != b
    ]
    if k == m or (k.isdecimal() and m.isdecimal()):
        chains = [replace(chains[0 if k == m else 1], conditions=())]
    chains[0] = replace(chains[0], definitions=(definition,))
    entry = chains[-1].result
    for a, b in others:
        entry = build.scalar_mul(entry, equal(a, b))
    if others:
        said = Line(entry, "together", "the others of the same row or column alone count")
        chains[-1] = replace(
            chains[-1], left=derivative(of.symbol, by.symbol), lines=(said,), conditions=()
        )
    return Factor(of, by, entry, tuple(chains))


def _sum_letter(setting: Setting, of: Place, axis: int, expr: Op) -> str:
    found = setting.write.entry(op("softmax", *expr.args, axis=axis), of.letters, of.name)
    return next(
        str(node.option("index"))
        for node in walk(found)
        if isinstance(node, Op) and node.name == "sum_over"
    )


class _Softmax(Struct, frozen=True):
    """The table's derivation of ŷ_i by z_j, its sum over k, in other names and letters."""

    of: Place
    by: Place
    axis: int
    summed: str

    @property
    def letters(self) -> dict[str, str]:
        return {"i": self.of.letters[self.axis], "j": self.by.letters[self.axis], "k": self.summed}

    def expr(self, expr: Expr) -> Expr:
        def rule(node: Expr) -> Expr | None:
            match node:
                case Sym(name):
                    return self.symbol(name)
                case Op("equal", (Sym(left), Sym(right))):
                    return equal(self.letters[right], self.letters[left])
                case Op("sum_over", (body,)):
                    return op("sum_over", self.expr(body), index=self.summed)
            return None

        return rewrite(expr, rule)

    def symbol(self, name: str) -> Sym:
        base, places = parts(name)
        if not places:
            return Sym(self.letters.get(base, base))
        place = self.of if base == "yhat" else self.by
        found = list(self.of.letters)
        found[self.axis] = self.letters[places[0]]
        return indexed(place.name, *found)

    def chain(self, chain: Chain) -> Chain:
        conditions = tuple(self.condition(each) for each in chain.conditions)
        lines = tuple(
            replace(each, expr=self.expr(each.expr), words=self.words(each.words))
            for each in chain.lines
        )
        return replace(chain, left=self.expr(chain.left), lines=lines, conditions=conditions)

    def condition(self, each: Condition) -> Condition:
        found = equal(*(str(getattr(side, "name", "")) for side in (each.right, each.left)))
        left, right = map(self.expr, found.args)
        return Condition(left, each.relation, right)

    def definition(self, each: Definition) -> Definition:
        return Definition(self.expr(each.symbol), tuple(map(self.expr, each.forms)))

    def words(self, words: str) -> str:
        entry = self.symbol("z[j]").name
        letters = self.letters
        said = words.replace("zⱼ", entry).replace("z_j", entry)
        return re.sub(
            r"\b([ijk]) = ([ijk])\b",
            lambda found: " = ".join(letters[each] for each in _order(found[1], found[2])),
            said,
        )


def _order(left: str, right: str) -> tuple[str, str]:
    """The variable's letter first, as in the cases; that of a sum before all."""
    return (left, right) if left == "k" else (right, left)

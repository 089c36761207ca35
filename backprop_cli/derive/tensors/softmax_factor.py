"""An equation that is a softmax, of masked scores perhaps, to its factor: i = j, i ≠ j, both."""

from __future__ import annotations

import re

from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Op, Sym, op, rewrite, walk
from backprop_cli.derive.derivation_data import Chain, Condition, Definition, Line
from backprop_cli.derive.derivation_nodes import derivative, equal, indexed, parts
from backprop_cli.derive.steps.functions import named
from backprop_cli.derive.tensors.gradient_data import Factor, Place, Setting


def softmax(setting: Setting, of: Place, by: Place, expr: Op) -> Factor:
    """The derivation by the cases i = j and i ≠ j, in this problem's letters."""
    derivation = named("softmax", setting.kinks)
    assert derivation is not None
    axis = 0 if expr.option("axis") is None else expr.whole("axis") % len(of.letters)
    letter = summed_over(setting, of, expr)
    assert letter is not None
    writing = _Softmax(of, by, axis, letter, setting, expr.args[0])
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
    entry = build.product_of((equal(a, b) for a, b in others), chains[-1].result)
    if others:
        said = Line(entry, "together", "the others of the same row or column alone count")
        chains[-1] = replace(
            chains[-1], left=derivative(of.symbol, by.symbol), lines=(said,), conditions=()
        )
    return Factor(of, by, entry, tuple(chains))


def summed_over(setting: Setting, of: Place, expr: Op) -> str | None:
    """The letter of the sum below the line; None for a softmax of one number, which has no sum."""
    found = setting.write.entry(expr, of.letters, of.name)
    sums = (node for node in walk(found) if isinstance(node, Op) and node.name == "sum_over")
    return next((str(node.option("index")) for node in sums), None)


class _Softmax(Struct, frozen=True):
    """The table's derivation of ŷ_i by z_j, its sum over k, in other names and letters."""

    of: Place
    by: Place
    axis: int
    summed: str
    setting: Setting
    inside: Expr

    @property
    def letters(self) -> dict[str, str]:
        return {"i": self.of.letters[self.axis], "j": self.by.letters[self.axis], "k": self.summed}

    def expr(self, expr: Expr) -> Expr:
        def rule(node: Expr) -> Expr | None:
            match node:
                case Sym(name):
                    return self.symbol(name)
                case Op("exp", (Sym(name),)):  # of a masked score it is 0
                    letters = parts(self.symbol(name).name)[1]
                    return self.setting.write.entry(op("exp", self.inside), letters)
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

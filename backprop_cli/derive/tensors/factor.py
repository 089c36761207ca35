"""One edge of the chain to its derivation: the entries of ∂A/∂B, where A is made from B."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise

from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Op, Sym, num, op, rewrite, substitute, symbols, walk
from backprop_cli.algebra.quantity import entry_id, whole_id
from backprop_cli.algebra.shapes import ShapeError, is_formula
from backprop_cli.calculus.differentiate import also_through, has_slope, slope
from backprop_cli.calculus.jacobians import local_jacobian
from backprop_cli.derive.derivation_data import REASONS, Chain, Condition, Definition, Line
from backprop_cli.derive.derivation_nodes import derivative, equal, held, indexed, parts
from backprop_cli.derive.simplify.contract import Contraction
from backprop_cli.derive.simplify.endings import Ending, Name
from backprop_cli.derive.steps.engine import line, with_partials, without_repeats, worked_out
from backprop_cli.derive.steps.functions import named, option_letters
from backprop_cli.derive.tensors.gradient_data import Factor, Place, Setting, quotient
from backprop_cli.operations.table import Sizes, operation, written_out
from backprop_cli.readings.entries import NoEntryError, called


def factor(setting: Setting, of: Place, by: Place) -> Factor:
    """The derivation of ∂of/∂by."""
    expr = setting.definitions[of.name]
    match expr:
        case Op("softmax", (Sym(name) | Op("add", (Sym(name), Op("causal_mask"))),)) if (
            name == by.name and summed_over(setting, of, expr) is not None
        ):
            found = softmax(setting, of, by, expr)
        case Op(_, (Sym(name),)) if (
            name == by.name and operation(expr).activation and has_slope(expr)
        ):
            found = activation(setting, of, by, expr)
        case Op("stack") if not of.letters[0].isdecimal():
            found = _stacked(setting, of, by, expr)
        case _:
            found = _by_rules(setting, of, by, expr)
    return replace(
        found,
        chains=tuple(map(with_partials, found.chains)),
        matrix=_matrix(setting, of.name, by.name),
    )


# By the rules -------------------------------------------------------------------------------------


def _general(setting: Setting, of: Place, by: Place, expr: Expr) -> Factor:
    """The equation's entry differentiated by the rules, line by line."""
    entry = setting.write.entry(expr, of.letters, of.name)
    _no_whole(entry, by)
    bound = frozenset(of.letters) - frozenset(by.letters) | _numerals(entry)
    first = line(derivative(entry, by.symbol), "definition")
    own = Ending(Name(of.symbol, entry))
    rest = worked_out(first.expr, setting.rules(bound), own)
    lines = [_named(each, by) for each in (first, *rest)]
    lines += _one_term_left(setting, lines[-1].expr)
    fixed = also_through(of.name, by.name, setting.definitions)
    left = held(derivative(of.symbol, by.symbol), fixed)
    chain = Chain("", left, without_repeats(lines))
    return Factor(of, by, chain.result, (chain,))


def _one_term_left(setting: Setting, expr: Expr) -> Iterator[Line]:
    """The line without sums of which 1{…} leaves one term, where that is a place worked out."""
    formulas = (is_formula(name) for name in symbols(expr))
    if any(formulas):
        left = Contraction(setting.write.indices.ranges, "picked").apply(expr)
        yield Line(left, "one term left", REASONS["one term left"])


def _no_whole(entry: Expr, by: Place) -> None:
    """NoEntryError where the entry holds the whole of what it is differentiated by, as ln |P| does:
    an entry of P would look like a constant in it."""
    for node in walk(entry):
        if isinstance(node, Op) and by.letters and Sym(by.name) in node.args:
            raise NoEntryError(called(node))


def _by_rules(setting: Setting, of: Place, by: Place, expr: Expr) -> Factor:
    """By the rules; an entry that no letter names by the entries put together."""
    try:
        return _general(setting, of, by, expr)
    except NoEntryError:
        inside = written_out(expr, setting.sizes) if isinstance(expr, Op) else None
        if not (isinstance(inside, Op) and inside.name == "stack"):
            raise
        whole = of.letters[0].isdecimal()
        return (_general if whole else _stacked)(setting, of, by, inside)


def _stacked(setting: Setting, of: Place, by: Place, expr: Op) -> Factor:
    """A vector or matrix of formulas: each of its entries by itself."""
    entry: Expr = build.ZERO
    chains = []
    for numbers in _numbered(expr, setting.write.counting.first):
        found = _general(setting, Place(of.name, numbers + of.letters[len(numbers) :]), by, expr)
        there = [*zip(of.letters, numbers, strict=False)]
        holds = tuple(Condition(Sym(letter), "=", Sym(number)) for letter, number in there)
        chains += [replace(chain, conditions=holds) for chain in found.chains]
        one = build.product_of(equal(letter, number) for letter, number in there)
        entry = build.add(entry, build.scalar_mul(found.entry, one))
    return Factor(of, by, entry, tuple(chains))


def _numbered(expr: Op, first: int) -> Iterator[tuple[str, ...]]:
    """The places of what stands side by side in a list, or in a list of lists."""
    for number, part in enumerate(expr.args, first):
        if isinstance(part, Op) and part.name == "stack":
            yield from ((str(number), *rest) for rest in _numbered(part, first))
        else:
            yield (str(number),)


def _numerals(expr: Expr) -> frozenset[str]:
    """Indices that are numbers: a letter may stand for the same number."""
    places = (place for name in symbols(expr) for place in parts(name)[1])
    return frozenset(place for place in places if place.isdecimal())


def _named(each: Line, by: Place) -> Line:
    """The words with the entry's id in them."""
    said = f"{by.name}_{','.join(by.letters)}"
    return replace(each, words=each.words.replace(said, by.symbol.name))


# The matrix as a formula --------------------------------------------------------------------------


def _matrix(setting: Setting, of: str, by: str) -> Expr | None:
    """∂of/∂by of one sample as a product of matrices; None where there is no short one."""
    if len(setting.shape(of)) != 1 or len(setting.shape(by)) != 1:
        return None
    names = {name: _of_sample(setting, name) for name in setting.sizes.names}
    shapes = {names[name]: setting.shape(name) for name in names}
    one = substitute(
        rewrite(setting.definitions[of], _unsampled),
        {name: Sym(new) for name, new in names.items() if new != name},
    )
    try:
        rules = Sizes(shapes, setting.sizes.kinks)
        found = local_jacobian(names[of], names[by], one, rules, None, setting.denominator)
    except ShapeError:
        return None
    used = (node.name for node in walk(found) if isinstance(node, Op))
    return None if "jacobian" in used else found


def _of_sample(setting: Setting, name: str) -> str:
    axis = setting.samples.get(name)
    if axis is None:
        return name
    return entry_id(name, (setting.sample if i == axis else ":" for i in (0, 1)))


def _unsampled(node: Expr) -> Expr | None:
    """A bias added to every column is a bias added; a softmax along columns is a softmax."""
    match node:
        case Op("column" | "row", (inner,)):
            return rewrite(inner, _unsampled)
        case Op("softmax", (inner,)):
            return op("softmax", rewrite(inner, _unsampled))
        case Op("prepend" | "append" as name, (inner, constant)):
            return op(name, rewrite(inner, _unsampled), constant, axis=0)
    return None


def factor_name(of: Sym, by: Sym, definitions: Mapping[str, Expr]) -> Expr:
    """∂of/∂by of one edge, beside it what is held fixed: it is not all that B does to A."""
    fixed = also_through(whole_id(of.name), whole_id(by.name), definitions)
    return held(quotient(of, by), fixed)


def direct(chain: tuple[str, ...], definitions: Mapping[str, Expr]) -> bool:
    """Whether a path has an edge A → B while B also acts on A through others."""
    return any(also_through(of, by, definitions) for of, by in pairwise(chain))


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
            ends = {*build.levels(found)}
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
        names = (self.letters[str(getattr(side, "name", ""))] for side in (each.right, each.left))
        left, right = equal(*names).args
        return Condition(left, each.relation, right)

    def definition(self, each: Definition) -> Definition:
        return Definition(self.expr(each.symbol), tuple(map(self.expr, each.forms)))

    def words(self, words: str) -> str:
        entry = self.symbol("z[j]").name
        letters = self.letters
        said = words.replace("zⱼ", entry).replace("z_j", entry)
        return re.sub(
            r"\b([ijk]) = ([ijk])\b",
            lambda found: " = ".join(_order(found[1], found[2], letters)),
            said,
        )


def _order(left: str, right: str, letters: Mapping[str, str]) -> Sequence[str]:
    """The variable's letter first, as in the cases; that of a sum before all, a number last."""
    first, second = (left, right) if left == "k" else (right, left)
    return symbols(equal(letters[first], letters[second]))

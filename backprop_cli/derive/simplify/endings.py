"""The last lines of a derivation: what is in it written in names: f itself, a softmax, a mean."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import product

from msgspec import Struct

from backprop_cli.algebra import build
from backprop_cli.algebra.build import ONE, ZERO
from backprop_cli.algebra.expr import Expr, Op, Sym, is_sum, op, rewrite, substitute, symbols, walk
from backprop_cli.algebra.shapes import is_formula
from backprop_cli.calculus.last_form import in_signs
from backprop_cli.derive.derivation_data import REASONS, Condition, Definition, Line
from backprop_cli.derive.derivation_nodes import SUM_OVER, indexed, parts, renamed, sum_over
from backprop_cli.derive.simplify.contract import has_index
from backprop_cli.derive.simplify.monomials import alike, monomial, weight, written
from backprop_cli.derive.simplify.simplify import lines, simplified
from backprop_cli.derive.tensors.gradient_data import Setting

TARGETS_SUM = "Σ y = 1: the targets of a sample add up to 1"
TARGETS_NOTE = "Σ y = 1 holds for a one-hot target, or any distribution over the classes."
_MANY = 600  # parts of a formula in which nobody looks for names


class Name(Struct, frozen=True):
    """A symbol, what it stands for, and what is said where it is put in."""

    symbol: Sym
    form: Expr
    said: str = ""

    @property
    def definition(self) -> Definition:
        """As it is stated beside the formula."""
        return Definition(self.symbol, (self.form,))


class Ending(Struct, frozen=True):
    """What last lines may use: the function's own name, names for parts, the size of vectors."""

    own: Name | None = None
    names: tuple[Name, ...] = ()
    size: Expr | None = None


def ending(expr: Expr, given: Ending) -> Iterator[Line]:
    """The lines from a worked-out derivative to its last form."""
    for each in lines(expr, given.size):
        yield each
        expr = each.expr
    for name in (given.own, *given.names):
        if name is not None and weight(expr) < _MANY:
            shorter = put_in(expr, name, given.size)
            if shorter != expr:
                expr = shorter
                yield Line(expr, "own value", name.said or REASONS["own value"])
    signed = in_signs(expr)
    if signed != expr:
        expr = signed
        yield Line(expr, "sign", REASONS["sign"])
    yield from _targets(expr, given)


def put_in(expr: Expr, name: Name, size: Expr | None = None, *, sums: bool = True) -> Expr:
    """The expression written with the name, wherever that is shorter.

    A numerator is written with the name where the denominator is a sum of numbers that has no
    name; `sums` is False where every denominator is a quantity with a name.
    """
    base, letters = parts(name.symbol.name)
    for form in dict.fromkeys((name.form, simplified(name.form, size))):
        for pairs in _ways(form, _entries(form, base, letters, expr), sums):
            shorter = simplified(_exchanged(expr, pairs), size)
            if weight(shorter) < weight(expr):
                expr = shorter
    return expr


_Pairs = Mapping[Expr, Expr]


def _entries(
    form: Expr, base: str, letters: Sequence[str], expr: Expr
) -> Sequence[tuple[Sym, Expr]]:
    """The name and what it stands for, for each letter that an entry may have."""
    if not letters:
        return [(Sym(base), form)]
    known = (*letters, *_letters(expr))
    axes = [known if has_index(form, letter) else (letter,) for letter in letters]
    chosen = product(*map(dict.fromkeys, axes)) if len(known) ** len(axes) < _MANY else [letters]
    return [
        (indexed(base, *each), renamed(form, dict(zip(letters, each, strict=True))))
        for each in chosen
    ]


def _ways(form: Expr, entries: Sequence[tuple[Sym, Expr]], sums: bool) -> Iterator[_Pairs]:
    """Name for form; name times denominator for numerator: of all entries, then of one."""
    if not isinstance(form, Op):
        return
    whole = {alike(each): symbol for symbol, each in entries}
    others: dict[Expr, Expr] = {
        alike(each.args[1]): op("sub", ONE, symbol)
        for symbol, each in entries
        if isinstance(each, Op) and each.name == "sub" and each.args[0] == ONE
    }  # of f = 1 − u, too, u is 1 − f
    yield {**whole, **others}
    yield whole
    tops = [
        pair for symbol, each in entries if (pair := _numerator(symbol, each, sums)) is not None
    ]
    turned = {alike(build.neg(top)): build.neg(name) for top, name in tops if is_sum(top)}
    kept = {alike(node): node for node in walk(form) if _is_total(node)} if tops else {}
    if turned:  # (x̄ − x) / s is −f
        yield {**whole, **kept, **dict(tops), **turned}
    yield kept | dict(tops)
    for pair in tops:
        yield kept | dict([pair])


def _numerator(symbol: Sym, whole: Expr, sums: bool) -> tuple[Expr, Expr] | None:
    """The numerator of a fraction, and the name times the denominator, a sum, in its place."""
    number, powers = monomial(whole)
    above = [factor for factor, power in powers.items() if power > 0]
    if number != 1 or len(above) != 1 or powers[above[0]] != 1 or len(powers) == 1:
        return None
    below = written(number, {each: -power for each, power in powers.items() if each != above[0]})
    if sums and not any(map(_is_total, walk(below))):
        return None
    return alike(above[0]), op("mul", symbol, below)


def _is_total(node: Expr) -> bool:
    return isinstance(node, Op) and node.name == SUM_OVER


def _exchanged(expr: Expr, pairs: _Pairs) -> Expr:
    return rewrite(expr, lambda node: pairs.get(alike(node)))


def _letters(expr: Expr) -> Sequence[str]:
    """The index letters in an expression, those of its sums too."""
    places = dict.fromkeys(place for name in symbols(expr) for place in parts(name)[1])
    return [place for place in places if not is_formula(place)]


# Names for parts ----------------------------------------------------------------------------------


def names_for(
    exprs: Collection[Expr], taken: Collection[str], size: Expr | None, row: str = "i"
) -> list[Name]:
    """Names for what is in the expressions and has one in every textbook: a softmax, a mean.

    `row` is the letter by which entries are named.
    """
    found: list[Name] = []
    for expr in exprs:
        for form, liked, said in (*_softmaxes(expr, row), *_means(expr, size)):
            if any(alike(form) == alike(name.form) for name in found):
                continue
            used = {*taken, *(parts(name.symbol.name)[0] for name in found)}
            free = next((each for each in liked if each not in used), None)
            if free is not None:
                letters = (row,) if row in _letters(form) else ()
                found.append(Name(indexed(free, *letters), form, said))
    return found


_Found = tuple[Expr, Sequence[str], str]


def _softmaxes(expr: Expr, row: str) -> Iterator[_Found]:
    """exp(uᵢ) / Σₖ exp(uₖ), where there is such a sum."""
    for node in walk(expr):
        match node:
            case Op("sum_over", (Op("exp") as body,)) if node.option("without") is None:
                form = op("div", renamed(body, {str(node.option("index")): row}), node)
                yield form, ("yhat", "p", "s", "q"), "written with the softmax"


def _means(expr: Expr, size: Expr | None) -> Iterator[_Found]:
    """x̄ = Σₖ xₖ / n."""
    for node in walk(expr):
        match node:
            case Op("sum_over", (Sym(name),)) if size is not None:
                base, letters = parts(name)
                if letters == (str(node.option("index")),):
                    yield op("div", node, size), (f"{base}bar",), "the mean has a name"


# Targets that add up to 1 -------------------------------------------------------------------------


def _targets(expr: Expr, given: Ending) -> Iterator[Line]:
    """Beside a softmax the sum of the targets y is taken to be 1, and that is said."""
    if not any(
        parts(name.symbol.name)[0] == "yhat" for name in given.names
    ) or "yhat" not in _bases(expr):
        return
    for node in walk(expr):
        match node:
            case Op("sum_over", (Sym(name),)) if name == f"y[{node.option('index')}]":
                one = _exchanged(expr, {alike(node): ONE})
                uses = Condition(node, "=", ONE)
                yield Line(simplified(one, given.size), "targets sum to 1", TARGETS_SUM, uses)
                return


def _bases(expr: Expr) -> set[str]:
    return {parts(name)[0] for name in symbols(expr)}


_LETTERS = ("one", "two")  # indices that no derivation has: the name is put in for any
_DEPTH = 4  # definitions within definitions that are looked up


def finished(setting: Setting, expr: Expr) -> Iterator[Line]:
    """Lines to a form with fewer sums, and with a name for a quotient that has one."""
    left = _without_deviations(setting, expr)
    if left != expr:
        yield Line(left, "deviations", REASONS["deviations"])
        expr = left
    short = _with_quotients(setting, expr)
    if short != expr:
        named = {*symbols(short)} - {*symbols(expr)}
        said = "quotients written by their names" if named else "divided term by term"
        yield Line(short, "put in" if named else "rewritten", said)


def _without_deviations(setting: Setting, expr: Expr) -> Expr:
    """The expression without sums that are 0 by what is summed: Σ (xₖ − x̄)."""
    zeros = {alike(node) for node in walk(expr) if _adds_up_to_0(setting, node)}
    if not zeros:
        return expr
    left = rewrite(expr, lambda node: ZERO if alike(node) in zeros else None)
    return next((line.expr for line in lines(left)), left)


def _adds_up_to_0(setting: Setting, node: Expr) -> bool:
    match node:
        case Op("sum_over", (Sym() | Op("sub", (Sym(), Sym())) as body,)):
            index = str(node.option("index"))
            size = _size_of(setting, body, index)
            if node.option("without") is not None or size is None:
                return False
            return any(
                simplified(sum_over(written, index), size) == ZERO
                for written in _entries_further_back(setting, body)
            )
    return False


def _size_of(setting: Setting, body: Expr, index: str) -> Expr | None:
    """How far an index runs; None where what is summed has it not, or more than once."""
    for name in symbols(body):
        base, letters = parts(name)
        if letters.count(index) == 1 and base in setting.sizes.names:
            return build.size(setting.sizes.names[base][letters.index(index)])
    return None


def _entries_further_back(setting: Setting, body: Expr) -> Iterator[Expr]:
    """The body with its entries in what is computed earlier and earlier.

    One quantity at a time, the last first: in x − μ it is μ whose definition shows the 0, and not
    that of x.
    """
    names = [(name, *parts(name)) for name in symbols(body)]
    found: dict[str, Expr] = {base: Sym(base) for _, base, _ in names}
    for _ in range(_DEPTH):
        used = {each for expr in found.values() for each in symbols(expr)}
        last = next((each for each in reversed([*setting.definitions]) if each in used), None)
        if last is None:
            return
        known = {last: setting.definitions[last]}
        found = {base: substitute(expr, known) for base, expr in found.items()}
        yield substitute(
            body,
            {
                name: setting.write.entry(found[base], letters, base)
                for name, base, letters in names
                if base in setting.definitions
            },
        )


def _with_quotients(setting: Setting, expr: Expr) -> Expr:
    """The expression with x̂ₖ for cₖ / s, for every quotient that has a name."""
    for name, definition in setting.definitions.items():
        shape = setting.sizes.names[name]
        if shape and isinstance(definition, Op) and definition.name == "div":
            firsts = setting.write.counting.of(name, len(shape))
            letters = tuple(
                str(first) if size == 1 else letter
                for letter, size, first in zip(_LETTERS, shape, firsts, strict=False)
            )
            form = setting.write.entry(definition, letters, name)
            named = Name(indexed(name, *letters), form)
            expr = put_in(expr, named, build.size(shape[0]), sums=False)
    return expr

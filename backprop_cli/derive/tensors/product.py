"""The factors of all paths to their product: entry by entry, and as matrices with their shapes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import reduce
from itertools import pairwise

from msgspec import Struct

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Num, Op, Sym, op, rewrite
from backprop_cli.algebra.expr import walk as walk_nodes
from backprop_cli.algebra.shapes import Shape
from backprop_cli.derive.derivation_data import Chain, Line
from backprop_cli.derive.derivation_nodes import indexed, parts, sum_over
from backprop_cli.derive.simplify.contract import (
    Contraction,
    Stage,
    at_places,
    carried_out,
    delta,
    with_numbers,
    without_minus,
)
from backprop_cli.derive.simplify.endings import finished
from backprop_cli.derive.simplify.monomials import factor_powers
from backprop_cli.derive.simplify.simplify import cleared
from backprop_cli.derive.steps.engine import without_repeats
from backprop_cli.derive.tensors.entrywise import Letters
from backprop_cli.derive.tensors.factor import factor_name
from backprop_cli.derive.tensors.gradient_data import (
    Factor,
    Fit,
    Place,
    Products,
    Setting,
    Shaped,
    quotient,
)
from backprop_cli.derive.tensors.setting import Chainwork, Names
from backprop_cli.problem.assumptions import summing_to_one

_STAGES: tuple[tuple[Stage, str], ...] = (
    ("picked", ""),
    ("in front", "in front of the sum: what its index is not in"),
    ("split", "term by term; of a sum with 1{…} one term is left"),
)
_MOST_TERMS = 6  # of sums that are written out term by term

Edge = tuple[Place, Place]
Factors = Mapping[Edge, Factor]


class Walk(Struct, frozen=True):
    """One path: its entries from what is differentiated to the end, and the letters summed over."""

    places: tuple[Place, ...]
    sums: Letters

    @property
    def edges(self) -> list[Edge]:
        """Each place with the next."""
        return list(pairwise(self.places))


def walks(work: Chainwork) -> tuple[Walk, ...]:
    """The paths, each with letters of its own for every quantity."""
    return tuple(_walk(work, path, {}) for path in work.paths)


def narrowed(work: Chainwork, factors: Factors) -> tuple[Walk, ...]:
    """The paths with the letters that 1{i = j} forces: an entry acts on some entries only."""
    found = []
    for path in work.paths:
        walk = _walk(work, path, {})
        found.append(_walk(work, path, _forced([factors[edge] for edge in walk.edges], walk.sums)))
    return tuple(found)


def _walk(work: Chainwork, path: Names, exchanged: Mapping[str, str]) -> Walk:
    places = tuple(work.place(name, exchanged) for name in path)
    letters = dict.fromkeys(letter for place in places for letter in place.letters)
    return Walk(places, tuple(letter for letter in letters if letter in work.between))


def _forced(factors: Sequence[Factor], free: Letters) -> dict[str, str]:
    """For letters on the way the letter they have to be, followed to its end."""
    known: dict[str, str] = {}
    for each in reversed(factors):
        for letter in (*each.of.letters, *each.by.letters):
            for other in (*each.by.letters, *each.of.letters):
                end = known.get(other, other)
                new = letter in free and letter not in known and end != letter
                if new and delta(each.entry, letter, other):
                    known[letter] = end
    return {letter: _end(letter, known) for letter in known}


def _end(letter: str, known: Mapping[str, str]) -> str:
    seen = {letter}
    while (letter := known.get(letter, letter)) in known and letter not in seen:
        seen.add(letter)
    return letter


# Entry by entry -----------------------------------------------------------------------------------


def product_chain(work: Chainwork, paths: Sequence[Walk], found: Factors) -> Chain:
    """The entry of the product, from the chain rule to its shortest form."""
    named = _total(paths, lambda edge: _name_of(work, *edge))
    put_in = _total(paths, lambda edge: found[edge].entry)
    several = "chain rule" if len(paths) == 1 else "chain rule: the sum over all paths"
    lines = [Line(named, "chain rule", several), Line(put_in, "put in", "the factors put in")]
    for stage, words in _STAGES:
        shorter = Contraction(work.indices.ranges, stage, work.setting.sample).apply(put_in)
        lines.append(Line(shorter, "rewritten", words or _left(work, found)))
    lines += _written_out(work, lines[-1].expr)
    lines += _summed_targets(work, lines[-1].expr)
    lines.append(Line(cleared(lines[-1].expr), "rewritten", "the fractions multiplied out"))
    fixed = with_numbers(lines[-1].expr)
    lines.append(Line(fixed, "rewritten", "beside 1{…} a letter is the number it is compared with"))
    lines.append(Line(without_minus(lines[-1].expr), "rewritten", "the minus sign put in"))
    lines += finished(work.setting, lines[-1].expr)
    return Chain("", quotient(work.of.symbol, work.by.symbol), without_repeats(lines))


def _name_of(work: Chainwork, of: Place, by: Place) -> Expr:
    return factor_name(of.symbol, by.symbol, work.setting.definitions)


_TOGETHER = "factors put together"


def _left(work: Chainwork, found: Factors) -> str:
    """Which indices 1{…} makes the same."""
    if len(work.paths) > 1:
        return "of a sum with 1{…} one term is left" if work.between else _TOGETHER
    forced: dict[str, str] = {}
    for walk in walks(work):
        if all(edge in found for edge in walk.edges):
            forced |= _forced([found[edge] for edge in walk.edges], walk.sums)
    ends: dict[str, list[str]] = {}
    for letter, end in forced.items():
        ends.setdefault(end, []).append(letter)
    same = [" = ".join([*letters, end]) for end, letters in ends.items()]
    return f"only {', '.join(same)} is left" if same else _TOGETHER


def _total(paths: Sequence[Walk], entry: Callable[[Edge], Expr]) -> Expr:
    total: Expr = build.ZERO
    for walk in paths:
        product = _side_by_side([entry(edge) for edge in walk.edges])
        for letter in reversed(walk.sums):
            product = sum_over(product, letter)
        total = build.add(total, product)
    return total


def _side_by_side(entries: Sequence[Expr]) -> Expr:
    """The product as it stands, nothing cancelled yet."""
    found: list[Expr] = []
    for each in entries:
        parts = [*factor_powers(each)]
        plain = all(power == 1 and not isinstance(part, Num) for part, power in parts)
        found += [part for part, _ in parts] if plain else [each]
    return reduce(lambda product, part: op("mul", product, part), found)


def _written_out(work: Chainwork, expr: Expr) -> Iterator[Line]:
    """Short sums term by term, where an entry is asked for by numbers."""
    asked = (*work.question.of_letters, *work.question.by_letters)
    if not asked or not all(text.isdecimal() for text in asked):
        return
    found = _spelled(expr, work)
    if found is not None and found != expr:
        yield Line(found, "rewritten", "the sums written out")


def _spelled(expr: Expr, work: Chainwork) -> Expr | None:
    """Every sum over few numbers as its terms; None where one has too many."""
    if not isinstance(expr, Op):
        return expr
    if expr.name == "sum_over":
        index = str(expr.option("index"))
        range_ = work.indices.ranges[index]
        if not isinstance(range_.last, int) or range_.last - range_.first >= _MOST_TERMS:
            return None
        body = _spelled(expr.args[0], work)
        if body is None:
            return None
        places = range(range_.first, range_.last + 1)
        return build.sum_of(at_places(body, {index: str(place)}) for place in places)
    args = [_spelled(arg, work) for arg in expr.args]
    if any(arg is None for arg in args):
        return None
    return Op(expr.name, tuple(arg for arg in args if arg is not None), expr.options)


def _summed_targets(work: Chainwork, expr: Expr) -> Iterator[Line]:
    """Σ y = 1, where the targets of a sample add up to 1 and are summed."""
    fusion = work.model.fusion
    output = work.model.definitions.get(fusion.output) if fusion is not None else None
    axis = _axis_of_softmax(output)
    if axis is not None:
        yield Line(ones(expr, "Y", axis), "targets", "Σ y = 1: the targets of one sample")
    names = work.setting.sizes.names
    for name in sorted(summing_to_one(work.model.problem) & names.keys()):
        if len(names[name]) == 1:
            yield Line(ones(expr, name, 0), "targets", f"Σ {name} = 1, as is assumed")
    for name, axis in _softmaxes(work):
        shorter = ones(expr, name, axis)
        if shorter != expr:
            expr = shorter
            yield Line(expr, "targets", f"Σ {name} = 1: a softmax adds up to 1")


def _softmaxes(work: Chainwork) -> Iterator[tuple[str, int]]:
    """The quantities that add up to 1 along an axis, as a softmax does."""
    for name, definition in work.setting.definitions.items():
        axis = _axis_of_softmax(definition)
        if axis is not None:
            yield name, axis % len(work.setting.sizes.names[name])


def _axis_of_softmax(definition: Expr | None) -> int | None:
    """The axis along which it adds up to 1; None where it is no softmax."""
    if not isinstance(definition, Op) or definition.name != "softmax":
        return None
    return 0 if definition.option("axis") is None else definition.whole("axis")


def ones(expr: Expr, target: str, axis: int) -> Expr:
    """The expression with Σ y = 1 for the targets of one sample; `axis` is that of the units."""

    def rule(node: Expr) -> Expr | None:
        match node:
            case Op("sum_over", (Sym(name),)) if parts(name)[0] == target:
                return build.ONE if parts(name)[1][axis] == str(node.option("index")) else None
        return None

    found = rewrite(expr, rule)
    return expr if found == expr else carried_out(found)


# Shapes -------------------------------------------------------------------------------------------


def shape_of(setting: Setting, of: str, by: str) -> Shape:
    """The shape of ∂of/∂by for one sample, in the layout."""
    one, other = setting.shape(of), setting.shape(by)
    return joined(one, other, setting.denominator)


def joined(of: Shape, by: Shape, denominator: bool) -> Shape:
    """Both shapes behind one another; the gradient of a number has the shape of its variable."""
    return by + of if denominator else of + by


def whole_shape(work: Chainwork) -> Shape:
    """The shape over all samples: blocks behind an axis of samples where both have samples."""
    question, setting = work.question, work.setting
    names = setting.sizes.names
    if question.of in setting.samples and question.by in setting.samples:
        count = names[question.of][setting.samples[question.of]]
        return (count, *shape_of(setting, question.of, question.by))
    return joined(names[question.of], names[question.by], setting.denominator)


def shape_asked(work: Chainwork) -> Shape:
    """The shape of what was asked for: entries have none."""
    question, names = work.question, work.setting.sizes.names
    if not work.entry:
        return whole_shape(work)
    of = () if question.of_letters else names[question.of]
    by = () if question.by_letters else names[question.by]
    return joined(of, by, work.setting.denominator)


def entry_products(work: Chainwork, paths: Sequence[Walk]) -> Products:
    """The factors of single entries, and of whole quantities where every entry takes part."""
    question, setting = work.question, work.setting
    fixed = {*work.by.letters} if question.by_letters else set()
    fixed |= {*question.of_letters, setting.sample}

    def shown(place: Place) -> tuple[Sym, Shape]:
        if fixed.issuperset(place.letters):
            return place.symbol, ()
        return Sym(place.name), setting.shape(place.name)

    def factor_of(edge: Edge) -> Shaped:
        (of, one), (by, other) = map(shown, edge)
        return Shaped(quotient(of, by), joined(one, other, setting.denominator))

    terms = []
    for walk in paths:
        edges = walk.edges[::-1] if setting.denominator else walk.edges
        terms.append(tuple(map(factor_of, edges)))
    (of, one), (by, other) = shown(work.of), shown(work.by)
    left = quotient(of, by)
    return Products(left, tuple(terms), joined(one, other, setting.denominator))


def ordered(setting: Setting, names: Sequence[str]) -> list[tuple[str, str]]:
    """The edges of a path as their factors stand in the product."""
    edges = list(pairwise(names))
    return edges[::-1] if setting.denominator else edges


def products(work: Chainwork) -> Products:
    """The chain rule: the factors of each path with their shapes below them."""
    setting, question = work.setting, work.question
    terms = tuple(
        tuple(
            Shaped(factor_name(Sym(of), Sym(by), setting.definitions), shape_of(setting, of, by))
            for of, by in ordered(setting, path)
        )
        for path in work.paths
    )
    left = quotient(Sym(question.of), Sym(question.by))
    return Products(left, terms, shape_of(setting, question.of, question.by))


def fit(setting: Setting, path: Names) -> Fit:
    """The shapes of a path's factors, one product after the other."""
    edges = ordered(setting, path)
    shapes = [shape_of(setting, of, by) for of, by in edges]
    shared = [by if not setting.denominator else of for of, by in edges[:-1]]
    steps = [tuple(shapes)]
    while len(shapes) > 1:
        axes = len(setting.shape(shared.pop(0)))
        first, second, *rest = shapes
        shapes = [first[: len(first) - axes] + second[axes:], *rest]
        steps.append(tuple(shapes))
    return Fit(tuple(steps))


def matrices(path: Names, factors: Mapping[tuple[str, str], Factor]) -> Names:
    """The names at the start of a path whose factors are matrices with a formula."""
    kept = [path[0]]
    for of, by in pairwise(path):
        if factors[of, by].matrix is None:
            break
        kept.append(by)
    return tuple(kept)


def matrix_product(
    setting: Setting, names: Names, factors: Mapping[tuple[str, str], Factor]
) -> Products:
    """The product of the matrices of a path."""
    terms = []
    for of, by in ordered(setting, names):
        matrix = factors[of, by].matrix
        assert matrix is not None
        terms.append(Shaped(matrix, shape_of(setting, of, by)))
    left = quotient(Sym(names[0]), Sym(names[-1]))
    return Products(left, (tuple(terms),), shape_of(setting, names[0], names[-1]))


def slice_formula(setting: Setting, edge: Factor, of: Place) -> tuple[Expr, Expr] | None:
    """Slice k of ∂of/∂W as an outer product of x and ∂of_k/∂z, where ∂z_p/∂W_ij is 1{p = j} x_i.

    None where the edge has another structure.
    """
    names = setting.unsampled(edge.of.name, edge.of.letters)
    if len(names) != 1 or len(edge.by.letters) != 2:
        return None
    p = str(names[0])
    for unit in (1, 0):
        if not delta(edge.entry, p, edge.by.letters[unit]):
            continue
        vector = _vector(setting, edge, {p: "1", edge.by.letters[unit]: "1"})
        if vector is None:
            return None
        row = quotient(of.symbol, Sym(edge.of.name))
        left = quotient(of.symbol, Sym(edge.by.name))
        factors = (vector, row) if unit == 1 else (row, vector)
        return left, op("outer", *factors)
    return None


def _vector(setting: Setting, edge: Factor, same: Mapping[str, str]) -> Expr | None:
    """x where the entry is 1{p = j} x_i, its constant for the bias included."""
    rest = at_places(edge.entry, same)
    if not isinstance(rest, Sym):
        return None
    base, places = parts(rest.name)
    free = [place for place in places if place in edge.by.letters]
    if len(free) != 1:
        return None
    whole = [":" if place in free else place for place in places]
    name = indexed(base, *whole).name if len(places) > 1 else base
    for node in walk_nodes(setting.definitions[edge.of.name]):
        match node:
            case Op("prepend" | "append" as grown, (Sym(inner), constant)) if inner == base:
                return op(grown, Sym(name), constant, axis=0)
    return Sym(name)

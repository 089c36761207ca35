"""One derivative to what one rule makes of it: the sum, product, quotient, power, chain rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial, reduce
from types import MappingProxyType

from msgspec import Struct

from backprop_cli.algebra import build
from backprop_cli.algebra.build import ONE, ZERO
from backprop_cli.algebra.expr import Expr, Num, Op, Sym, num, op
from backprop_cli.algebra.shapes import Shape, is_formula, solved
from backprop_cli.calculus.differentiate import pull_back, slope
from backprop_cli.derive.derivation_nodes import (
    MAX_OVER,
    Range,
    depends,
    derivative,
    moving,
    parts,
    renamed,
    sum_over,
)
from backprop_cli.derive.simplify.contract import inside, same, settled
from backprop_cli.operations.table import operation


class Scalars(Struct, frozen=True):
    """What the table's rules may ask (see record.Rules), where every name is a number.

    `bound` are the letters of the sums around: there z_k may be z_j. `ranges` say from where to
    where letters run, where that is known.
    """

    kinks: Mapping[str, float | str]
    bound: frozenset[str] = frozenset()
    ranges: Mapping[str, Range] = MappingProxyType({})

    def shape(self, expr: Expr) -> Shape:  # noqa: ARG002  # the protocol's signature
        """No axes."""
        return ()

    def kink(self, name: str) -> float:
        """The value taken for the derivative of `name` where it does not exist."""
        return float(self.kinks.get(name, 0.0))

    def tie(self) -> float | str:
        """What each of several equal maxima has: `first`, `shared`, or a number."""
        return self.kinks.get("max", "first")


class Outcome(Struct, frozen=True):
    """What a rule makes of a derivative, the rule's name, and words of its own if it has any."""

    expr: Expr
    reason: str
    words: str = ""


def applied(of: Expr, by: Sym, rules: Scalars) -> Outcome:
    """∂of/∂by after one rule; what `of` contains may still have to be differentiated."""
    if not depends(of, by, rules.bound):
        return Outcome(ZERO, "constant")
    match of:
        case Sym(name):
            slope = ONE if name == by.name else _same_entry(name, by)
            words = (
                "" if slope == ONE else "an entry by another is 1 where they are the same, else 0"
            )
            return Outcome(slope, "known derivative", words)
        case Num():
            raise AssertionError(of)
    rule = _RULES.get(of.name)
    return rule(of, by, rules) if rule is not None else _function(of, by, rules)


def _slope(of: Expr, by: Sym, rules: Scalars) -> Expr:
    """∂of/∂by as a factor or term: worked out at once where it is 0."""
    return derivative(of, by) if depends(of, by, rules.bound) else ZERO


def _same_entry(name: str, by: Sym) -> Expr:
    """∂z_k/∂z_j: 1 where k and j are the same."""
    pairs = zip(parts(name)[1], parts(by.name)[1], strict=True)
    return build.product_of(same(left, right) for left, right in pairs)


def _times(a: Expr, b: Expr) -> Expr:
    return build.scalar_mul(a, b)


# Sums, products, quotients, powers ----------------------------------------------------------------


def _add(of: Op, by: Sym, rules: Scalars) -> Outcome:
    a, b = of.args
    combine = build.add if of.name == "add" else build.sub
    slopes = [_slope(each, by, rules) for each in (a, b)]
    words = "sum rule: term by term, 0 for a constant term"
    return Outcome(combine(*slopes), "sum rule", words if ZERO in slopes else "")


def _neg(of: Op, by: Sym, _: Scalars) -> Outcome:
    return Outcome(build.neg(derivative(of.args[0], by)), "constant factor")


def _mul(of: Op, by: Sym, rules: Scalars) -> Outcome:
    a, b = of.args
    if not depends(a, by, rules.bound):
        return Outcome(build.mul(a, derivative(b, by)), "constant factor")
    if not depends(b, by, rules.bound):
        return Outcome(build.mul(b, derivative(a, by)), "constant factor")
    factors = [*_factors(of)]
    moving = [place for place, factor in enumerate(factors) if depends(factor, by, rules.bound)]
    if len(moving) == 2:
        factors, moving = [a, b], [0, 1]
    terms = [_with_slope(factors, place, by) for place in moving]
    words = _OF_MANY if len(terms) > 2 else ""
    return Outcome(reduce(partial(op, "add"), terms), "product rule", words)


_OF_MANY = "product rule, a term for each factor: (u v w)′ = u′ v w + u v′ w + u v w′"


def _factors(of: Expr) -> Iterator[Expr]:
    """The factors of a product as it is written without parentheses."""
    match of:
        case Op("mul", (a, b)):
            yield from _factors(a)
            yield b
        case _:
            yield of


def _with_slope(factors: Sequence[Expr], place: int, by: Sym) -> Expr:
    """The product with the derivative of the factor at one place in its stead."""
    slope = derivative(factors[place], by)
    return reduce(partial(op, "mul"), [*factors[:place], slope, *factors[place + 1 :]])


def _div(of: Op, by: Sym, rules: Scalars) -> Outcome:
    a, b = of.args
    if not depends(b, by, rules.bound):
        return Outcome(build.div(derivative(a, by), b), "constant factor")
    square = build.power(b, num(2))
    if not depends(a, by, rules.bound):
        top = build.mul(a, derivative(b, by))
        return Outcome(build.neg(build.div(top, square)), "reciprocal rule")
    first = op("mul", derivative(a, by), b)
    top = op("sub", first, op("mul", a, derivative(b, by)))
    return Outcome(op("div", top, square), "quotient rule")


def _pow(of: Op, by: Sym, rules: Scalars) -> Outcome:
    u, v = of.args
    if not depends(v, by, rules.bound):
        lower = build.power(u, build.sub(v, ONE))
        slope = ONE if u == by else derivative(u, by)
        return Outcome(build.mul(build.mul(v, lower), slope), "power rule")
    if not depends(u, by, rules.bound):
        scaled = build.mul(of, op("log", u))
        slope = ONE if v == by else derivative(v, by)
        return Outcome(build.mul(scaled, slope), "exponential rule")
    through_u = build.div(build.mul(v, derivative(u, by)), u)
    inner = build.add(build.mul(derivative(v, by), op("log", u)), through_u)
    return Outcome(build.mul(of, inner), "general power")


# Sums over letters, alternatives ------------------------------------------------------------------


def _sum_over(of: Op, by: Sym, rules: Scalars) -> Outcome:
    """The one term that contains `by`; where every term does, each term's own derivative."""
    body, index = of.args[0], str(of.option("index"))
    place = _only(body, index, by, rules) if of.option("without") is None else None
    if place is not None:
        base, letters = parts(by.name)
        said = place.replace("-", "−").replace("*", "")
        word = f"only the term {index} = {said} contains {base}_{','.join(letters)}"
        there = inside(place, index, rules.ranges)
        if there == ZERO:
            return Outcome(ZERO, "constant")
        term = derivative(settled(renamed(body, {index: place}), rules.ranges), by)
        one = (term, there) if is_formula(place) else (there, term)
        return Outcome(_times(*one), "only one term", word)
    under = sum_over(derivative(body, by), index, _text(of.option("without")))
    return Outcome(under, "under the sum")


def _only(body: Expr, index: str, by: Sym, rules: Scalars) -> str | None:
    """The one number of an index for which the body contains `by`; None where there are more."""
    places = _places(body, index, by, rules.bound)
    return places.pop() if len(places) == 1 else None


def _places(body: Expr, index: str, by: Sym, bound: frozenset[str]) -> set[str | None]:
    """What the summed letter has to be for a term to contain `by`, for each place in the term.

    It has to be the index of `by` on the axis on which the letter stands; None where it stands on
    none, and every term contains `by`.
    """
    match body:
        case Sym(name) if depends(body, by, bound | {index}):
            pairs = zip(parts(name)[1], parts(by.name)[1], strict=True)
            own = {solved(here, place, index) for here, place in pairs if index in moving(here)}
            return own if len(own) == 1 else {None}  # the diagonal is in no one term for all i, j
        case Op("sum_over" | "max_over", (inner,)):
            own_letter = str(body.option("index"))
            found = _places(inner, index, by, bound | {own_letter})
            return {None if each and own_letter in moving(each) else each for each in found}
        case Op(_, args):
            return set().union(*(_places(arg, index, by, bound) for arg in args))
    return set()


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _alternatives(of: Op, by: Sym, rules: Scalars) -> Outcome:
    x, above, otherwise = of.args
    return Outcome(
        op("choose", x, _slope(above, by, rules), _slope(otherwise, by, rules)), "by cases"
    )


_LARGER = MappingProxyType(
    {
        "maximum": "the derivative of the larger one",
        "minimum": "the derivative of the smaller one",
    }
)


def _larger(of: Op, by: Sym, rules: Scalars) -> Outcome:
    return Outcome(_shares(of, by, rules), "larger", f"{_LARGER[of.name]}{_tie(rules)}")


def _tie(rules: Scalars) -> str:
    """What is taken where two are equal, as the file declares it."""
    match rules.tie():
        case "first":
            return "; of two equal ones the first has it"
        case "shared":
            return "; two equal ones share it"
        case share:
            return f"; of two equal ones each has {share:g} of it"


def _max_over(of: Op, by: Sym, rules: Scalars) -> Outcome:
    """The derivative of the largest one: of each that contains `by`, where it is that."""
    body: Expr = of
    there: Expr = ONE
    left: list[str] = []
    while isinstance(body, Op) and body.name == MAX_OVER:
        index, (inner,) = str(body.option("index")), body.args
        place = _only(inner, index, by, rules)
        if place is None:
            left.append(index)
        else:
            there = _times(there, inside(place, index, rules.ranges))
            inner = settled(renamed(inner, {index: place}), rules.ranges)
        body = inner
    slope = _times(_times(op("is_largest", body, of), derivative(body, by)), there)
    for index in reversed(left):
        slope = sum_over(slope, index)
    return Outcome(slope, "larger", "the derivative of the largest one, where it is that one")


# Functions of the table ---------------------------------------------------------------------------


def _function(of: Op, by: Sym, rules: Scalars) -> Outcome:
    record, outer = operation(of), slope(of, of, rules)
    if outer is None:
        return Outcome(_shares(of, by, rules), "known derivative", f"derivative of {record.words}")
    if outer == ZERO:
        return Outcome(ZERO, "known derivative", "constant on both sides of a jump")
    article = "" if record.words[0].isupper() or record.words.startswith("the ") else "the "
    said = f"{article}{record.words}"
    if record.kink is not None:
        said += f", at its kink the declared value {rules.kink(record.kink):g}"
    if of.args[0] == by:
        return Outcome(outer, "known derivative", f"derivative of {said}")
    inner = derivative(of.args[0], by)
    words = f"chain rule; outside: {said}"
    return Outcome(build.mul(outer, inner), "chain rule", words)


def _shares(of: Op, by: Sym, rules: Scalars) -> Expr:
    """The sum of what comes through each argument, as the table's pull-back says."""
    return build.sum_of(
        _times(share, derivative(arg, by))
        for arg, share in zip(of.args, pull_back(of, ONE, of, rules), strict=True)
        if share is not None and depends(arg, by, rules.bound)
    )


_RULES: Mapping[str, Callable[[Op, Sym, Scalars], Outcome]] = MappingProxyType(
    {
        "add": _add,
        "sub": _add,
        "neg": _neg,
        "mul": _mul,
        "div": _div,
        "pow": _pow,
        "sum_over": _sum_over,
        "max_over": _max_over,
        "choose": _alternatives,
        "maximum": _larger,
        "minimum": _larger,
    }
)

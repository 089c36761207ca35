"""Expressions in single numbers to shorter equal ones, by a few rules; each says what it did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import chain, product

from msgspec import Struct, field

from backprop_cli.algebra import build
from backprop_cli.algebra.build import ZERO
from backprop_cli.algebra.expr import Expr, Num, Op, Sym, is_sum, op, substitute, uses, walk
from backprop_cli.algebra.shapes import ShapeError
from backprop_cli.derive.derivation_data import REASONS, Line
from backprop_cli.derive.derivation_nodes import EQUAL, SUM_OVER, has_derivative, renamed
from backprop_cli.derive.simplify import contract
from backprop_cli.derive.simplify.contract import has_index, picks
from backprop_cli.derive.simplify.factor_rules import (
    absorbed,
    common,
    constant,
    denominator,
    nested,
    with_sigmoids,
    without_negative_sigmoids,
)
from backprop_cli.derive.simplify.monomials import (
    Monomial,
    Power,
    collected,
    factor_powers,
    monomial,
    summands,
    times,
    total,
    weight,
    written,
)
from backprop_cli.operations.record import Rules, in_shape
from backprop_cli.operations.table import operation

STAGES = (
    "simplification",
    "one term left",
    "multiplied out",
    "one denominator",
    "known functions",
)
"""Rules in the order in which they are let in: numbers carried out, like terms and factors
collected; sums of which one term is left, or with something in front; products of sums term by
term; fractions brought together; quotients of exponentials as the sigmoid."""

_MOST = 24  # terms up to which something is multiplied out
_HEAVIEST = 400  # a product that is longer is only collected
_LONGEST = 4_000  # whatever is longer, a page, is only collected


def lines(expr: Expr, size: Expr | None = None) -> Iterator[Line]:
    """What becomes of the expression, a line for each rule that makes it shorter."""
    stages = STAGES if weight(expr) < _LONGEST else STAGES[:1]
    for number, stage in enumerate(stages, 1):
        shorter = _to_the_end(expr, Simplifier(frozenset(STAGES[:number]), size))
        if shorter != expr:
            picked = uses(expr, EQUAL)
            reason = "in front" if stage == "one term left" and not picked else stage
            yield Line(shorter, reason, REASONS[reason])
            expr = shorter


def _to_the_end(expr: Expr, rules: Simplifier) -> Expr:
    """As often as it gets shorter."""
    while (shorter := rules.apply(expr)) != expr:
        expr = shorter
    return expr


def simplified(expr: Expr, size: Expr | None = None) -> Expr:
    """The last of these lines."""
    for line in lines(expr, size):
        expr = line.expr
    return expr


class Simplifier(Struct, frozen=True):
    """Carries out the rules it may use. `size` is how many terms a sum over a letter has."""

    rules: frozenset[str]
    size: Expr | None = None

    def apply(self, expr: Expr) -> Expr:
        """The expression, or a shorter one; a part that gets no shorter stays as it is typed."""
        return _applied(self, expr) if isinstance(expr, Op) else expr

    def once(self, expr: Op) -> Expr:
        """The same, worked out."""
        if has_derivative(expr):
            return expr
        found = self._sum(expr) if expr.name in ("add", "sub", "neg") else self._other(expr)
        ways = [expr, found]
        if "known functions" in self.rules and is_sum(expr):
            ways += [self.apply(turned) for turned in without_negative_sigmoids(expr)]
        return min(filter(_computes, ways), key=self.heaviness, default=expr)

    def heaviness(self, expr: Expr) -> int:
        """What there is to read, fractions within fractions counted for more."""
        return weight(expr) + 4 * nested(expr, self.size)

    def _other(self, expr: Op) -> Expr:
        if expr.name == SUM_OVER:
            body = self.apply(expr.args[0])
            if expr.option("without") is not None:
                return ZERO if body == ZERO else Op(SUM_OVER, (body,), expr.options)
            if "one term left" not in self.rules:
                return ZERO if body == ZERO else Op(SUM_OVER, (body,), expr.options)
            return self._total(body, str(expr.option("index")))
        node = Op(expr.name, tuple(map(self.apply, expr.args)), expr.options)
        if expr.name == "switch" and is_sum(expr.args[0]) and not is_sum(node.args[0]):
            return constant(expr)  # a x ≥ b x is read more easily than x (a - b) ≥ 0
        if expr.name in ("mul", "div", "pow", "sqrt"):
            return self._product(monomial(node))
        return constant(node)

    # Sums ---------------------------------------------------------------------------------------

    def _sum(self, expr: Expr) -> Expr:
        found: list[Monomial] = []
        for number, powers in summands(expr):
            inner = self.apply(written(Fraction(1), powers))
            found += [(number * factor, each) for factor, each in summands(inner)]
        return self._added(found)

    def _added(self, terms: Sequence[Monomial]) -> Expr:
        """The shortest way to write a sum of terms."""
        left = collected(terms)
        if "multiplied out" not in self.rules:
            return total(left)
        found = [common(left), common(self.expanded(left))]
        if "one denominator" in self.rules:
            found += self._over_one(left)
        return min(found, key=self.heaviness)

    def expanded(self, terms: Sequence[Monomial]) -> list[Monomial]:
        """The terms with all their products of sums multiplied out, where these stay few."""
        found = [*chain.from_iterable(map(self._distributed, terms))]
        return collected(found) if len(found) <= _MOST else [*terms]

    def _distributed(self, term: Monomial) -> Sequence[Monomial]:
        """A product with all its sums multiplied out."""
        number, powers = term
        rest = {factor: power for factor, power in powers.items() if not _opens(factor, power)}
        sums = [
            [*summands(factor)]
            for factor, power in powers.items()
            if _opens(factor, power)
            for _ in range(int(power))
        ]
        count = 1
        for each in sums:
            count *= len(each)
        return _all((number, rest), sums) if sums and count <= _MOST else [term]

    def _over_one(self, terms: Sequence[Monomial]) -> Iterator[Expr]:
        """The sum of fractions with one denominator, the numerator multiplied out."""
        below = {f: power for f, power in denominator(terms).items() if f != self.size}
        if not below or len(terms) < 2 or len(terms) > _MOST:
            return
        raised = [times(term, (Fraction(1), below)) for term in terms]
        whole = monomial(common(self.expanded(raised)))
        number, powers = times(whole, (Fraction(1), {f: -power for f, power in below.items()}))
        yield written(number, powers)

    # Products -----------------------------------------------------------------------------------

    def _product(self, given: Monomial) -> Expr:
        number, powers = absorbed(given)
        if "known functions" in self.rules:
            number, powers = with_sigmoids(number, powers)
        whole = written(number, powers)
        ways: list[Expr] = [whole]
        if "multiplied out" in self.rules and weight(whole) < _HEAVIEST:
            ways += map(self._added, self._openings((number, powers)))
        return min(ways, key=self.heaviness)

    def _openings(self, term: Monomial) -> Iterator[Sequence[Monomial]]:
        """The product with one of its sums multiplied out, then with all of them."""
        number, powers = term
        sums = [factor for factor, power in powers.items() if power == 1 and is_sum(factor)]
        for each in sums:
            rest = {factor: power for factor, power in powers.items() if factor != each}
            opened = [times((number, rest), inner) for inner in summands(each)]
            yield [absorbed(one) for one in opened]
        if any(_opens(factor, power) for factor, power in powers.items()):
            yield self.expanded([term])

    # Sums over letters --------------------------------------------------------------------------

    def _total(self, body: Expr, index: str) -> Expr:
        """The sum of a body over a letter: what does not depend on it in front."""
        if body == ZERO:
            return ZERO
        whole = op(SUM_OVER, body, index=index)
        found: list[Expr] = [whole]
        for terms in self._ways(body):
            parts = [self._one(term, index) for term in terms]
            inner = [part for part in parts if part is not None]
            if len(inner) == len(parts):
                found.append(self._added([*chain.from_iterable(map(summands, inner))]))
        return min(found, key=self.heaviness)

    def _ways(self, body: Expr) -> Iterator[Sequence[Monomial]]:
        term = monomial(body)
        yield [term] if not is_sum(body) else [*summands(body)]
        if all(power == 1 for factor, power in term[1].items() if _opens(factor, power)):
            yield from self._openings(term)  # Σ (xₖ − x̄)² stays together

    def _one(self, term: Monomial, index: str) -> Expr | None:
        """The sum of one product: of Σₖ aₖ 1{k = j} the term aⱼ is left."""
        number, powers = term
        for factor, power in powers.items():
            other = picks(factor, index)
            if other is not None and power > 0:
                rest = {each: n for each, n in powers.items() if each != factor}
                return self.apply(renamed(written(number, rest), {index: other}))
        front = {factor: n for factor, n in powers.items() if not has_index(factor, index)}
        inside = {factor: n for factor, n in powers.items() if factor not in front}
        if not inside:
            return None if self.size is None else build.mul(self.size, written(number, front))
        summed = op(SUM_OVER, written(Fraction(1), inside), index=index)
        return written(*times((number, front), (Fraction(1), {summed: 1})))


def _computes(expr: Expr) -> bool:
    """Whether its numbers are such that a computer has: twice 1e308 is none."""
    return all(build.is_a_number(node.value) for node in walk(expr) if isinstance(node, Num))


@lru_cache(maxsize=8192)
def _applied(rules: Simplifier, expr: Op) -> Expr:
    return rules.once(expr)


def _opens(factor: Expr, power: Power) -> bool:
    return is_sum(factor) and power.denominator == 1 and 0 < power <= 3


def _all(front: Monomial, sums: Sequence[Sequence[Monomial]]) -> list[Monomial]:
    found = []
    for chosen in product(*sums):
        term = front
        for each in chosen:
            term = times(term, each)
        found.append(absorbed(term))
    return found


# Fractions: (a/b − c/d) b d is a d − c b ----------------------------------------------------------

_OUT = Simplifier(frozenset({"simplification", "multiplied out"}))


def cleared(expr: Expr) -> Expr:
    """The expression with sums multiplied by denominators of theirs that are factors as well."""
    if not isinstance(expr, Op):
        return expr
    powers = [*factor_powers(expr)] if expr.name in ("mul", "neg", "div") else []
    for place, (factor, power) in enumerate(powers):
        others = powers[:place] + powers[place + 1 :]
        terms = [*summands(factor)] if power == 1 and is_sum(factor) else []
        beside = [(each, 1) for each in denominator(terms) if (each, 1) in others]
        below: Monomial = (Fraction(1), {each: 1 for each, _ in beside})
        left = _OUT.expanded([times(term, below) for term in terms])
        if beside and 0 < len(left) <= 2:
            rest = [each for each in others if each not in beside]
            return contract.product([(common(left), 1), *rest])
    args = tuple(map(cleared, expr.args))
    return expr if args == expr.args else Op(expr.name, args, expr.options)


# Formulas over arrays: the rules for numbers where entries are alone ------------------------------

_RULES = Simplifier(frozenset({"simplification", "known functions"}))


def shorter(expr: Expr, rules: Rules) -> Expr:
    """The formula, or a shorter one of the same shape: ‖u‖ · u / ‖u‖ is u, 1 ⊙ y is y."""
    try:
        found = _shorter(expr, rules)
        return found if rules.shape(found) == rules.shape(expr) else expr
    except ShapeError:
        return expr


def _shorter(expr: Expr, rules: Rules) -> Expr:
    if not isinstance(expr, Op):
        return expr
    if _entry_by_entry(expr):
        return _Island(rules).shortened(expr)
    args = tuple(_shorter(arg, rules) for arg in expr.args)
    if expr.name == "matmul":
        return _product(*args)
    return expr if args == expr.args else Op(expr.name, args, expr.options)


def _product(a: Expr, b: Expr) -> Expr:
    """A diag(1) is A; signs and numbers stand in front."""
    if _is_identity(b):
        return a
    return b if _is_identity(a) else build.matmul(a, b)


def _is_identity(expr: Expr) -> bool:
    match expr:
        case Op("diag", (Op("spread", (Num(value),)),), ()):
            return value == 1
    return False


def _entry_by_entry(expr: Expr) -> bool:
    return isinstance(expr, Op) and operation(expr).elementwise


class _Island(Struct):
    """A part of a formula that is taken entry by entry: what is not has a letter in it."""

    rules: Rules
    letters: dict[Expr, Sym] = field(default_factory=dict)

    def shortened(self, expr: Op) -> Expr:
        numbers = self.number(expr)
        found = _RULES.apply(numbers)
        back = {letter.name: whole for whole, letter in self.letters.items()}
        shape = self.rules.shape(expr)
        whole = in_shape(substitute(found, back), shape, self.rules)
        return whole if weight(whole) < weight(expr) else expr

    def number(self, expr: Expr) -> Expr:
        """The same for one entry; of what is repeated in all entries, the one."""
        match expr:
            case Op("spread", (one,)) if not self.rules.shape(one):
                return self.number(one)
            case Op() if not _entry_by_entry(expr):
                inner = _shorter(expr, self.rules)
                if _entry_by_entry(inner):
                    return self.number(inner)
                return self.letters.setdefault(inner, Sym(f"#{len(self.letters)}"))
            case Op(name, args):
                return Op(name, tuple(map(self.number, args)), expr.options)
        return expr

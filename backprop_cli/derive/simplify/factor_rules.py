"""Factors that make others superfluous, functions that are constants: rules exact everywhere."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from fractions import Fraction

from backprop_cli.algebra.build import ONE, ZERO, cut_by, levels
from backprop_cli.algebra.expr import Expr, Num, Op, Sym, op, rewrite, walk
from backprop_cli.derive.simplify.monomials import (
    Monomial,
    Power,
    Powers,
    alike,
    collected,
    gathered,
    monomial,
    summands,
    times,
    total,
    weight,
    written,
)


def constant(node: Op) -> Expr:
    """A function of 0 that is a number; a constant on both sides of 0."""
    match node:
        case Op("exp" | "cos" | "cosh", (Num(value),)) if value == 0:
            return ONE
        case Op("sin" | "tanh" | "sinh" | "sqrt" | "abs", (Num(value),)) if value == 0:
            return ZERO
        case Op("log", (Num(value),)) if value == 1:
            return ZERO
        case Op("exp", (Op("log", (inner,)),)) | Op("log", (Op("exp", (inner,)),)):
            return inner
        case Op("switch", (inner,)):
            ends = levels(node)
            if len({*ends}) == 1:
                return Num(Fraction(str(ends[0])))
            terms = collected(summands(inner))
            scale = _scale(terms)
            if scale == 0:
                return node
            plain = total((number / abs(scale), powers) for number, powers in terms)
            return Op("switch", (plain,), node.options)
    return node


def _scale(terms: Sequence[Monomial]) -> Fraction:
    """By which a condition is divided: 2 x > 3 is x > 3/2; 0 where it stays."""
    moving = [number for number, powers in terms if powers]
    return moving[0] if len(moving) == 1 else Fraction(0)


# Products -----------------------------------------------------------------------------------------


def absorbed(term: Monomial) -> Monomial:
    """Factors that others make superfluous, each rule exact at every point, kinks too."""
    number, powers = gathered(term[1].items())
    number *= term[0]
    for factor in [*powers]:
        power = powers.get(factor, 0)
        if _is_indicator(factor) and power > 1:
            powers[factor] = 1  # its square is itself
        for rule in _PAIRS:
            found = rule(factor, powers)
            if found is not None:
                number, powers = times((number, found), (Fraction(1), {}))
    return number, powers


def _is_indicator(factor: Expr) -> bool:
    match factor:
        case Op("equal" | "within" | "is_largest"):
            return True
        case Op("switch"):
            return {*levels(factor)} <= {0, 1}
    return False


def _below_the_positive_part(factor: Expr, powers: Powers) -> Powers | None:
    """max(0, u) · 1{u > 0} is max(0, u): both are 0 at 0, whatever is taken there."""
    for other in powers if powers.get(factor, 0) >= 1 else ():
        if powers[other] > 0 and isinstance(other, Op) and cut_by(factor, other):
            return {each: power for each, power in powers.items() if each != other}
    return None


def _sign(factor: Expr) -> Expr | None:
    """What the factor is the sign of, whatever is taken at 0."""
    match factor:
        case Op("sign", (u,)):
            return u
        case Op("switch", (u,)):
            return u if levels(factor)[::2] == (-1, 1) else None
    return None


def _absolute(factor: Expr, powers: Powers) -> Powers | None:
    """sign(u) · u is |u|: at 0 both are 0."""
    u = _sign(factor)
    if u is None or powers.get(factor) != 1 or powers.get(u, 0) < 1:
        return None
    kept = {each: power for each, power in powers.items() if each != factor}
    kept[u] -= 1
    size = op("abs", u)
    kept[size] = kept.get(size, 0) + 1
    return {each: power for each, power in kept.items() if power}


def _sign_squared(factor: Expr, powers: Powers) -> Powers | None:
    """sign(u)² is 1 where it stands over a power of |u|, which leaves 0 out."""
    u = _sign(factor)
    signs = [each for each in powers if u is not None and _sign(each) == u]
    below = u is not None and powers.get(op("abs", u), 0) < 0
    if not below or sum(powers[each] for each in signs) < 2:
        return None
    kept = {each: power for each, power in powers.items() if each not in signs}
    if sum(powers[each] for each in signs) % 2:
        kept[factor] = 1
    return kept


def _ratio(factor: Expr, powers: Powers) -> Powers | None:
    """u / ‖u‖, taken as 0 at 0, times ‖u‖ is u."""
    match factor:
        case Op("ratio", (top, below)) if powers.get(factor) == 1 and powers.get(below, 0) >= 1:
            kept = {each: n for each, n in powers.items() if each != factor}
            kept[below] -= 1
            return gathered([*kept.items(), (top, 1)])[1]
    return None


def _tangent(factor: Expr, powers: Powers) -> Powers | None:
    """sinh(u) / cosh(u) is tanh(u)."""
    match factor:
        case Op("sinh", (u,)):
            below = op("cosh", u)
            if powers.get(factor) == 1 and powers.get(below) == -1:
                kept = {each: n for each, n in powers.items() if each not in (factor, below)}
                return {**kept, op("tanh", u): 1}
    return None


def _exponentials(factor: Expr, powers: Powers) -> Powers | None:
    """eᵘ e⁻ᵘ is 1."""
    match factor:
        case Op("exp", (u,)) if factor in powers:
            for other, power in powers.items():
                match other:
                    case Op("exp", (v,)) if other != factor and power == powers[factor]:
                        if not collected([*summands(u), *summands(v)]):
                            pair = (factor, other)
                            return {each: n for each, n in powers.items() if each not in pair}
    return None


_PAIRS: Sequence[Callable[[Expr, Powers], Powers | None]] = (
    _below_the_positive_part,
    _absolute,
    _sign_squared,
    _ratio,
    _tangent,
    _exponentials,
)


def with_sigmoids(number: Fraction, powers: Powers) -> Monomial:
    """eᵘ / (1 + eᵘ) as σ(u), 1 / (1 + eᵘ) as 1 − σ(u), and their powers."""
    for factor, power in powers.items():
        exponential = _one_plus(factor)
        if exponential is None or power >= 0 or power.denominator != 1:
            continue
        above = powers.get(exponential, 0)
        if above.denominator == 1 and 0 <= above <= -power:
            rest = {f: p for f, p in powers.items() if f not in (factor, exponential)}
            return times((number, rest), _sigmoids(exponential, above, -power - above))
    return number, powers


def _sigmoids(exponential: Op, yes: Power, no: Power) -> Monomial:
    """σ(u) to one power, 1 − σ(u) to another; σ(−u) is 1 − σ(u)."""
    u = exponential.args[0]
    number, powers = monomial(u)
    if number < 0:
        u, yes, no = written(-number, powers), no, yes
    gate = op("sigmoid", u)
    powers = {gate: yes, op("sub", ONE, gate): no}
    return Fraction(1), {factor: power for factor, power in powers.items() if power}


def without_negative_sigmoids(expr: Expr) -> Iterator[Expr]:
    """σ(−u) written 1 − σ(u)."""

    def rule(node: Expr) -> Expr | None:
        match node:
            case Op("sigmoid", (Op("neg", (u,)),)):
                return op("sub", ONE, op("sigmoid", u))
        return None

    turned = rewrite(expr, rule)
    if turned != expr:
        yield turned


def _one_plus(factor: Expr) -> Op | None:
    """The eᵘ of 1 + eᵘ."""
    match factor:
        case Op("add", (Num(value), Op("exp") as power)) if value == 1:
            return power
        case Op("add", (Op("exp") as power, Num(value))) if value == 1:
            return power
    return None


def common(terms: Sequence[Monomial]) -> Expr:
    """The sum with what all its terms share in front of it, where that is shorter."""
    plain = total(terms)
    if len(terms) < 2:
        return plain
    shared: Powers = {}
    for factor, power in terms[0][1].items():
        others = [_power_of(factor, powers) for _, powers in terms[1:]]
        least = min((power, *others)) if power > 0 else max((power, *others))
        if least * power > 0 and all(each * power > 0 for each in others):
            shared[factor] = least
    number = _shared_number(terms)
    if not shared and number == 1:
        return plain
    apart = (1 / number, {factor: -power for factor, power in shared.items()})
    inside = total([times(term, apart) for term in terms])
    found = written(*times((number, shared), monomial(inside)))
    if all(isinstance(factor, Sym) for factor in shared) and _mixed(inside, shared):
        return plain
    slack = 4 if any(_is_one(times(term, apart)) for term in terms) else -1
    return found if weight(found) <= weight(plain) + slack else plain


def _mixed(inside: Expr, shared: Collection[Expr]) -> bool:
    """Whether a polynomial has its letter still: 3 x² − 2 x stays, x − x² does not."""
    ones = any(abs(number) == 1 and not powers for number, powers in summands(inside))
    return not ones and any(node in shared for node in walk(inside))


def _is_one(term: Monomial) -> bool:
    """u − u² is written u (1 − u), although that is longer."""
    return abs(term[0]) == 1 and not term[1]


def _power_of(factor: Expr, powers: Mapping[Expr, Power]) -> Power:
    same = alike(factor)
    return next((power for each, power in powers.items() if alike(each) == same), 0)


def _shared_number(terms: Sequence[Monomial]) -> Fraction:
    """The number that is in all terms; with its sign where all are negative."""
    sizes = {abs(number) for number, _ in terms}
    size = sizes.pop() if len(sizes) == 1 else Fraction(1)
    return -size if all(number < 0 for number, _ in terms) else size


def nested(expr: Expr, size: Expr | None = None) -> int:
    """How many fractions stand within another, but for those over the number of terms."""
    if not isinstance(expr, Op):
        return 0
    inside = sum(nested(arg, size) for arg in expr.args)
    return inside + (1 if expr.name == "div" and any(_divides(a, size) for a in expr.args) else 0)


def _divides(expr: Expr, size: Expr | None) -> bool:
    if not isinstance(expr, Op) or expr.name not in ("add", "sub", "mul", "neg", "pow", "div"):
        return False
    own = expr.name == "div" and not isinstance(expr.args[1], Num) and expr.args[1] != size
    return own or any(_divides(arg, size) for arg in expr.args)


def denominator(terms: Sequence[Monomial]) -> Powers:
    """The least product by which every term loses its denominator."""
    found: Powers = {}
    for _, powers in terms:
        for factor, power in powers.items():
            if power < 0:
                same = next((each for each in found if alike(each) == alike(factor)), factor)
                found[same] = max(found.get(same, 0), -power)
    return found

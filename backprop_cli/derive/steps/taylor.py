"""A formula to its Taylor polynomial of first or second order: gradient, Hessian, and the sum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np
from msgspec.structs import replace

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Num, Sym, num, op, substitute, symbols
from backprop_cli.algebra.quantity import Second
from backprop_cli.derive.derivation_data import Chain, Definition, Derivation, Table
from backprop_cli.derive.simplify.endings import Ending, Name
from backprop_cli.derive.simplify.simplify import simplified
from backprop_cli.derive.steps.engine import line, scalars, with_partials, without_repeats
from backprop_cli.derive.steps.formulas import UnderivableError, lines_of, of_expressions
from backprop_cli.problem.text.parser import FormulaError, parse
from backprop_cli.readings.values import evaluate

_LARGEST = 1000  # a denominator that anyone writes


def of_taylor(text: str, order: int, at: str | None, wrt: str | None = None) -> Derivation:
    """f(a) + ∇f(a)ᵀ(x − a) + ½ (x − a)ᵀ H(a) (x − a), each derivative line by line.

    `at` says where, `x=0, y=1`; without it the point is in letters, x₀.
    """
    first = of_expressions(text, wrt)
    if len(first.chains) != len(first.tables[0].columns):
        raise UnderivableError("a Taylor polynomial is of one formula", "exp(x) * sin(y)")
    (definition,) = first.definitions
    form, variables = definition.forms[0], [_name(x) for x in first.tables[0].columns]
    whole = Sym("f" if "f" not in symbols(form) else "f1")
    gradients = [_called(each, whole) for each in first.chains]
    slopes = [substitute(each.result, {whole.name: form}) for each in gradients]
    curved = _second(whole, form, variables, slopes) if order > 1 else {}
    point = _point(at, variables, form)
    known = {pair: substitute(each.result, {whole.name: form}) for pair, each in curved.items()}
    tables = (_hessian(variables, known),) if len(variables) > 1 and order > 1 else ()
    return Derivation(
        f"The Taylor polynomial of {text.strip()}, order {order}",
        (Definition(whole, (form,)),),
        (*gradients, *curved.values(), _polynomial(form, variables, slopes, known, point)),
        tables,
    )


def _name(expr: Expr) -> Sym:
    assert isinstance(expr, Sym), expr
    return expr


def _called(each: Chain, whole: Sym) -> Chain:
    """A chain of f1, of which there is one, as one of f."""
    same = {"f1": whole}
    lines = tuple(replace(one, expr=substitute(one.expr, same)) for one in each.lines)
    return replace(each, left=substitute(each.left, same), lines=lines)


def _second(
    whole: Sym, form: Expr, variables: Sequence[Sym], slopes: Sequence[Expr]
) -> dict[tuple[int, int], Chain]:
    """The second derivatives, of which those by x and y and by y and x are the same."""
    found = {}
    for i, x in enumerate(variables):
        for j, y in enumerate(variables[: i + 1]):
            left = Sym(Second(whole.name, y.name, x.name).id)
            made = lines_of(left, x, slopes[j], scalars(), ending=Ending(Name(whole, form)))
            found[j, i] = made if len(variables) == 1 else with_partials(made)
    return dict(sorted(found.items()))


def _hessian(variables: Sequence[Sym], curved: Mapping[tuple[int, int], Expr]) -> Table:
    size = range(len(variables))
    entries = tuple(tuple(simplified(curved[min(i, j), max(i, j)]) for j in size) for i in size)
    words = "Hessian: a row and a column a variable, symmetric"
    return Table("H", tuple(variables), tuple(variables), entries, (len(size),) * 2, words)


# The polynomial -----------------------------------------------------------------------------------


def _point(at: str | None, variables: Sequence[Sym], form: Expr) -> dict[str, Expr]:
    """Where the polynomial is taken, by the names of the variables."""
    if at is None:
        found: dict[str, Expr] = {x.name: Sym(f"{x.name}0") for x in variables}
        taken = [each.name for each in found.values() if isinstance(each, Sym)]
        if clash := set(taken) & set(symbols(form)):
            raise UnderivableError(f"{min(clash)} is a letter of the formula", "--at 'x=1'")
        return found
    parts = [part.partition("=") for part in at.split(",")]
    try:
        found = {name.strip(): parse(value) for name, _, value in parts if value.strip()}
    except FormulaError as error:
        raise UnderivableError(f"`{at}` is no point: {error.message}", "--at 'x=0'") from None
    missing = [x.name for x in variables if x.name not in found]
    unknown = [name for name in found if name not in [x.name for x in variables]]
    if missing or unknown or len(found) != len(parts):
        said = f"where {missing[0]} is stays open" if missing else f"`{at}` is no point"
        raise UnderivableError(said, f"--at '{', '.join(f'{x.name}=0' for x in variables)}'")
    return found


def _polynomial(
    form: Expr,
    variables: Sequence[Sym],
    slopes: Sequence[Expr],
    curved: Mapping[tuple[int, int], Expr],
    point: Mapping[str, Expr],
) -> Chain:
    moved = [op("sub", x, point[x.name]) for x in variables]
    terms = [form, *slopes, *curved.values()]
    put_in = [substitute(each, dict(point)) for each in terms]
    ways: list[Expr] = [build.ONE, *moved]
    for i, j in curved:
        square = op("pow", moved[i], num(2)) if i == j else op("mul", moved[i], moved[j])
        ways.append(op("mul", num("1/2"), square) if i == j else square)
    worked = [_number(each) for each in put_in]
    lines = (
        line(_sum(put_in, ways), "definition", "value, slopes and curvature at the point"),
        line(_sum(worked, ways), "put in", "worked out"),
        line(simplified(_sum(worked, ways)), "simplification"),
    )
    return Chain("The polynomial", Sym("T"), without_repeats(lines))


def _sum(factors: Sequence[Expr], ways: Sequence[Expr]) -> Expr:
    return build.sum_of(map(build.scalar_mul, factors, ways))


def _number(expr: Expr) -> Expr:
    """A value without letters as the number that anyone would write; else the shorter formula."""
    if symbols(expr):
        return simplified(expr)
    with np.errstate(all="ignore"):
        value = float(evaluate(expr, {}))
    if not np.isfinite(value):
        raise UnderivableError("the formula or a derivative has no value there", "another point")
    near = Fraction(value).limit_denominator(_LARGEST)
    return Num(near) if abs(float(near) - value) < 1e-12 else simplified(expr)

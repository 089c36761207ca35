"""Every line of every derivation is checked by number, and sympy agrees with the table."""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from oracles.on_paper import Point, points

from backprop_cli.algebra.expr import Expr, Num, Op, Sym, num, op
from backprop_cli.calculus.differentiate import slope
from backprop_cli.derive.derivation_data import Chain, Derivation
from backprop_cli.derive.derivation_nodes import has_derivative
from backprop_cli.derive.steps.formulas import UnderivableError, of_expressions, of_formula
from backprop_cli.derive.steps.functions import named, names, option_letters
from backprop_cli.derive.steps.rules import Scalars, applied
from backprop_cli.operations.losses import LOSSES
from backprop_cli.operations.table import TABLE
from backprop_cli.problem.problem_data import Kinks
from backprop_cli.readings.formula_text import number

FORMULAS = (
    "z * sigmoid(z)",
    "(2*z + 1)^3 / (1 + z^2)",
    "exp(-z^2/2) * cos(3*z)",
    "ln(1 + exp(a*z)) / a",
    "2^z + (z^2 + 3)^z",
    "sqrt(1 + z^2) - abs(z - 5)",
    "max(0, z) + min(z, 1)",
    "z * tanh(ln(1 + exp(z)))",
    "z * exp(z) * 3 * sin(2*z) * tanh(z)",
    "z * z * a * z",
    "sum(z^2) * sum(z) * sum(exp(z))",
    "relu(z) * leaky_relu(z, slope=0.2)",
    "elu(z) + huber(z) + gelu(z) / (2 + silu(z))",
    "(y - yhat)^2",
    "sum((y - yhat)^2)",
    "mean((y - yhat)^2) / 2",
    "sum(y * ln(yhat)) * -1",
    "-sum(y * log(softmax(z)))",
    "norm(z)",
    "max(z) * z",
    "sum(z * sum(z^2)) + sum(sum(z)) * mean(norm(z))",
    "dot(y, z) / norm(z)",
    "logsumexp(z) - sum(y * z)",
    "softmax(2 * z)",
    "z / sum(z^2)",
    "exp(z) * norm(z)",
    "cross_entropy(yhat, y)",
    "sum(abs(z)) + sum(z^4) / sum(1 + z^2)",
)
EXPRESSIONS = (
    "x1 + x2*x3, x1^2 + 3*x2",
    "x1*x2",
    "sin(x1*x2), exp(x1)/x2, x1 - x2, 7",
    "x[1]*x[2]^2, x[1] + 1",
    "a*b, a/b",
)


ALL = (*names(), *FORMULAS, *EXPRESSIONS)


@cache
def derivation_of(text: str) -> Derivation:
    if text in FORMULAS:
        return of_formula(text)
    found = of_expressions(text) if text in EXPRESSIONS else named(text)
    assert found is not None
    return found


def at_a_kink(chain: Chain) -> bool:
    return chain.lines[-1].reason == "kink"


@pytest.mark.parametrize("text", ALL)
def test_every_line_equals_the_one_before_it(text: str) -> None:
    derivation = derivation_of(text)
    for chain in derivation.chains:
        if at_a_kink(chain):
            assert len(chain.lines) == 1
            continue
        for point in points(derivation, chain, 5):
            expected = point.value(chain.left)
            for line in chain.lines:
                assert point.value(line.expr) == pytest.approx(expected, rel=2e-6, abs=2e-7), line


@pytest.mark.parametrize("text", ALL)
def test_the_last_line_is_worked_out_and_no_line_is_said_twice(text: str) -> None:
    derivation = derivation_of(text)
    assert derivation.title
    for chain in derivation.chains:
        assert not has_derivative(chain.result)
        assert all(line.words and line.reason for line in chain.lines)
        exprs = [line.expr for line in chain.lines]
        assert all(a != b for a, b in pairwise(exprs))


@pytest.mark.parametrize("text", ALL)
def test_the_forms_of_a_definition_are_equal(text: str) -> None:
    derivation = derivation_of(text)
    for each in derivation.definitions:
        if len(each.forms) < 2 or derivation.chains[0].conditions:
            continue
        for point in points(derivation, derivation.chains[0], 3):
            first, *others = map(point.value, each.forms)
            assert others == pytest.approx([first] * len(others), rel=1e-12)


def test_every_activation_and_loss_has_a_derivation() -> None:
    activations = {name for name, entry in TABLE.items() if entry.activation}
    activations |= {"linear", "prelu"}
    plain = {name.replace("-", "_") for name in names()}
    assert plain == activations | {name.replace("-", "_") for name in LOSSES}
    assert all(named(name) is not None for name in names())


@pytest.mark.parametrize(
    "name", [name for name, one in TABLE.items() if one.activation and one.elementwise]
)
def test_derivations_end_in_what_the_table_states(name: str) -> None:
    """By number, at the kinks too."""
    kinks = Kinks(relu=0.25, leaky_relu=0.5, step=3.0)
    derivation = named(name, kinks)
    assert derivation is not None
    letters = {key: letter for key, letter in option_letters(name).items() if key != "at_zero"}
    options = dict.fromkeys(letters, 0.3)
    rules = Scalars({"relu": 0.25, "leaky_relu": 0.5, "step": 3.0})
    for z in (-1.7, -0.4, 0.0, 0.6, 2.1):
        node = op(name, Sym("z"), **options)
        here = Point({"z": z, **dict.fromkeys(letters.values(), 0.3)}, {}, derivation.definitions)
        found = slope(node, node, rules)
        assert found is not None
        wanted = here.value(found)
        exact = [
            c
            for c in derivation.chains
            if all(_holds(here, c, i) for i in range(len(c.conditions)))
        ]
        assert len(exact) == 1
        point = Point({**here.values, "f": here.value(node)}, {}, ())
        assert point.value(exact[0].result) == pytest.approx(wanted, rel=1e-12)


def _holds(point: Point, chain: Chain, place: int) -> bool:
    condition = chain.conditions[place]
    a, b = point.value(condition.left), point.value(condition.right)
    return {"=": a == b, ">": a > b, "<": a < b, "≤": a <= b}[condition.relation]


@pytest.mark.parametrize("name", list(LOSSES))
def test_losses_are_those_of_the_table(name: str) -> None:
    """The definition at the top of a derivation has the value that solve computes."""
    from backprop_cli.operations.losses import Setting
    from backprop_cli.readings.values import evaluate

    derivation, loss = derivation_of(name), LOSSES[name]
    chain = derivation.chains[-1] if loss.logits else derivation.chains[0]
    point = points(derivation, chain, 1)[0]
    predicted = "z" if loss.logits else "yhat"
    env = {key: np.asarray(value) for key, value in point.values.items()}
    expr = loss.build(Sym(predicted), Sym("y"), Setting(), loss.options)
    assert point.value(derivation.definitions[0].forms[-1]) == pytest.approx(
        float(evaluate(expr, env))
    )


# What a teacher looks for -------------------------------------------------------------------------


def results(text: str, **options: Any) -> list[str]:
    derivation = named(text) or of_formula(text, **options)
    return [written(chain.result) for chain in derivation.chains]


def written(expr: Expr) -> str:
    """A formula on one line, for comparison."""
    match expr:
        case Num(value):
            return number(value)
        case Sym(name):
            return name
        case Op("equal" | "choose" | "switch" as name):
            return name
        case Op("sum_over", (body,)):
            return f"sum_{expr.option('index')}({written(body)})"
    signs = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "^"}
    args = [written(arg) if not isinstance(arg, Op) else f"({written(arg)})" for arg in expr.args]
    if expr.name in signs:
        return signs[expr.name].join(args)
    return "-" + args[0] if expr.name == "neg" else f"{expr.name}({', '.join(args)})"


def test_a_trained_slope_is_differentiated_by_as_well() -> None:
    """d/dz and d/da of max(z, 0) + a · min(z, 0), by finite differences of it."""

    def prelu(z: float, a: float) -> float:
        return max(z, 0.0) + a * min(z, 0.0)

    derivation = named("prelu")
    assert derivation is not None
    (above, below, _), by_slope = derivation.chains[:3], derivation.chains[3:]
    h, a = 1e-6, 0.3
    for z, (of_z, of_a) in ((1.4, (above, by_slope[0])), (-0.8, (below, by_slope[1]))):
        here = Point({"z": z, "a": a}, {}, derivation.definitions)
        slopes = ((prelu(z + h, a) - prelu(z - h, a)), (prelu(z, a + h) - prelu(z, a - h)))
        for one, slope_ in zip((of_z, of_a), slopes, strict=True):
            assert here.value(one.lines[-1].expr) == pytest.approx(slope_ / 2 / h, abs=1e-8)


def test_known_results() -> None:
    assert results("sigmoid") == ["f*(1-f)"]
    assert results("tanh") == ["1-(f^2)"]
    assert results("relu") == ["1", "0", "0"]
    assert results("softmax")[:2] == ["yhat[j]*(1-yhat[j])", "(-yhat[i])*yhat[j]"]
    assert results("cross-entropy") == ["-(y[j]/yhat[j])", "yhat[j]-y[j]"]
    assert results("binary-cross-entropy")[1] == "yhat[j]-y[j]"
    assert results("cross-entropy-with-logits") == ["yhat[j]-y[j]"]
    assert results("binary-cross-entropy-with-logits") == ["yhat[j]-y[j]"]
    assert results("squared-error") == ["2*(yhat[j]-y[j])"] * 2
    assert results("half-squared-error") == ["yhat[j]-y[j]"] * 2
    assert results("hinge")[0] == "-y[j]"


def test_the_step_that_uses_the_sum_of_the_targets_says_so() -> None:
    chain = derivation_of("cross-entropy").chains[1]
    assert [line.uses is not None for line in chain.lines] == [False] * (len(chain.lines) - 1) + [
        True
    ]
    assert "Σ y = 1" in chain.lines[-1].words


def test_without_that_sum_the_last_step_does_not_hold() -> None:
    derivation = derivation_of("cross-entropy")
    chain = derivation.chains[1]
    point = points(derivation, chain, 1)[0]
    doubled = Point(
        {**point.values, "y": 2 * np.asarray(point.values["y"])}, point.indices, point.definitions
    )
    before, last = (doubled.value(line.expr) for line in chain.lines[-2:])
    assert doubled.value(chain.left) == pytest.approx(before, rel=1e-6)
    assert abs(before - last) > 1e-3


def test_rules_are_named() -> None:
    reasons = {
        line.reason
        for name in ("sigmoid", "tanh", "silu", "softplus")
        for line in derivation_of(name).chains[0].lines
    }
    assert {
        "reciprocal rule",
        "quotient rule",
        "product rule",
        "chain rule",
        "sum rule",
        "own value",
    } <= reasons


@pytest.mark.parametrize("count", [3, 6, 40])
def test_a_product_of_many_factors_is_derived_in_one_line(count: int) -> None:
    """As in a textbook, a term for each factor: with a pair at a time a page would be a book."""
    text = " * ".join(f"sin({number}*z)" for number in range(1, count + 1))
    (chain,) = of_formula(text).chains
    reasons = [line.reason for line in chain.lines]
    assert reasons.count("product rule") == 1
    assert len(reasons) <= 6


LONG = (
    "softmax(" * 8 + "z" + ")" * 8,
    " / ".join(f"sin({number}*z)" for number in range(1, 60)),
    " * (".join(f"sin({number}*z)" for number in range(1, 60)) + ")" * 58,
    "exp(z + " * 60 + "z" + ")" * 60,
)


@pytest.mark.parametrize("text", LONG)
def test_what_nobody_could_read_is_refused(text: str) -> None:
    with pytest.raises(UnderivableError, match="would fill pages"):
        of_formula(text)


def test_jacobian_in_both_layouts() -> None:
    found = of_expressions("x1 + x2*x3, x1^2 + 3*x2")
    table = found.tables[0]
    assert [[written(entry) for entry in row] for row in table.entries] == [
        ["1", "x3", "x2"],
        ["2*x1", "3", "0"],
    ]
    assert table.shape == (2, 3)
    other = of_expressions("x1 + x2*x3, x1^2 + 3*x2", layout="denominator").tables[0]
    assert other.shape == (3, 2)
    assert other.entries == tuple(zip(*table.entries, strict=True))


@pytest.mark.parametrize("text", ["a*b", "7", "outer(z, z)", "argmax(z)", "z.T"])
def test_what_cannot_be_derived_is_said(text: str) -> None:
    with pytest.raises(UnderivableError):
        of_formula(text)


# The table against sympy --------------------------------------------------------------------------


def _sympy_of(expr: Expr, sympy: Any) -> Any:
    match expr:
        case Num(value):
            return sympy.Rational(value.numerator, value.denominator)
        case Sym(name):
            return sympy.Symbol(name, real=True)
    args = [_sympy_of(arg, sympy) for arg in expr.args]
    options = {key: sympy.Rational(str(value)) for key, value in expr.options}
    return _sympy_functions(sympy)[expr.name](*args, **options)


def _sympy_functions(s: Any) -> dict[str, Any]:
    def pieces(x: Any, below: Any, at: Any, above: Any) -> Any:
        return s.Piecewise((above, x > 0), (below, x < 0), (at, True))

    return {
        "add": lambda a, b: a + b,
        "sub": lambda a, b: a - b,
        "mul": lambda a, b: a * b,
        "div": lambda a, b: a / b,
        "pow": lambda a, b: a**b,
        "neg": lambda a: -a,
        "pi": lambda: s.pi,
        "sigmoid": lambda x: 1 / (1 + s.exp(-x)),
        "tanh": s.tanh,
        "relu": lambda x: s.Max(x, 0),
        "positive_part": lambda x: s.Max(x, 0),
        "leaky_relu": lambda x, slope=None: pieces(x, slope or x / 100, 0, x),
        "elu": lambda x, alpha=1: s.Piecewise((x, x > 0), (alpha * (s.exp(x) - 1), True)),
        "softplus": lambda x: s.log(1 + s.exp(x)),
        "silu": lambda x: x / (1 + s.exp(-x)),
        "mish": lambda x: x * s.tanh(s.log(1 + s.exp(x))),
        "softsign": lambda x: x / (1 + s.Abs(x)),
        "relu6": lambda x: s.Max(0, s.Min(6, x)),
        "gelu": lambda x: x * (1 + s.erf(x / s.sqrt(2))) / 2,
        "normal_cdf": lambda x: (1 + s.erf(x / s.sqrt(2))) / 2,
        "normal_pdf": lambda x: s.exp(-(x**2) / 2) / s.sqrt(2 * s.pi),
        "exp": s.exp,
        "step": lambda x, at_zero=1: pieces(x, 0, at_zero, 1),
        "sign": lambda x: pieces(x, -1, 0, 1),
        "log": s.log,
        "log2": lambda x: s.log(x, 2),
        "log10": lambda x: s.log(x, 10),
        "sqrt": s.sqrt,
        "abs": s.Abs,
        "sin": s.sin,
        "cos": s.cos,
        "sinh": s.sinh,
        "cosh": s.cosh,
        "arctan": s.atan,
        "erf": s.erf,
        "huber": lambda x, delta=1: s.Piecewise(
            (x**2 / 2, s.Abs(x) <= delta), (delta * (s.Abs(x) - delta / 2), True)
        ),
        "clip": lambda x, limit=1: s.Max(-limit, s.Min(limit, x)),
        "switch": lambda x, below=0, at=0, above=1: pieces(x, below, at, above),
        "choose": lambda x, yes, no: s.Piecewise((yes, x > 0), (no, True)),
    }


@pytest.mark.parametrize(
    "name",
    sorted(
        name for name, entry in TABLE.items() if entry.derivative is not None and entry.arity == 1
    ),
)
def test_sympy_agrees_with_the_derivative_in_the_table(name: str) -> None:
    sympy = pytest.importorskip("sympy")
    x = Sym("x")
    node = op(name, x)
    record = TABLE[name]
    assert record.derivative is not None
    ours = _sympy_of(record.derivative(x, node, node, Scalars({})), sympy)
    symbol = sympy.Symbol("x", real=True)
    theirs = sympy.diff(_sympy_of(node, sympy), symbol)
    for value in ("-2.3", "-0.7", "0.4", "1.6"):
        if record.domain is not None and value.startswith("-"):
            continue
        at = sympy.Rational(value)
        assert complex((ours - theirs).subs(symbol, at).evalf(30)) == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize(
    "name", sorted(set(TABLE) & {"sigmoid", "tanh", "softplus", "silu", "gelu", "exp", "sin"})
)
def test_rules_give_what_the_table_gives(name: str) -> None:
    x = Sym("z")
    found = applied(op(name, x), x, Scalars({})).expr
    point = Point({"z": 0.37})
    assert point.value(found) == pytest.approx(point.slope(op(name, x), "z"), rel=1e-8)
    assert math.isfinite(point.value(num(0)))

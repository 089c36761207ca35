"""Every rule of the simplifier at random values; derivations end as textbooks have them."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from random import Random

import numpy as np
import pytest
from oracles.on_paper import SIZE, Point, points
from test_derive_functions import written

from backprop_cli.algebra.expr import Expr, Op, Sym, op, symbols, walk
from backprop_cli.derive.derivation_data import Chain, Derivation
from backprop_cli.derive.derivation_nodes import equal, indexed, parts, sum_over
from backprop_cli.derive.simplify.simplify import lines, simplified
from backprop_cli.derive.steps.formulas import of_formula
from backprop_cli.derive.steps.step_table import formula

K = Sym("K")

# What a textbook ends in: the formula typed, the last line of its last chain ----------------------

ENDS = {
    "cross_entropy(softmax(z), y)": "yhat[j]-y[j]",
    "-sum(y * log(softmax(z)))": "yhat[j]-y[j]",
    "logsumexp(z) - sum(y*z)": "yhat[j]-y[j]",
    "log_softmax(z)": "equal-yhat[j]",
    "ln(softmax(z))": "equal-yhat[j]",
    "softmax(z)": "f[i]*(equal-f[j])",
    "softmax(z)^2": "(2*(yhat[i]^2))*(equal-yhat[j])",
    "sum(y*softmax(z))": "yhat[j]*(y[j]-f)",
    "binary_cross_entropy(sigmoid(z), y)": "(sigmoid(z[j]))-y[j]",
    "-(y*ln(yhat) + (1-y)*ln(1-yhat))": "(yhat-y)/(yhat*(1-yhat))",
    "ln(sigmoid(x))": "1-(sigmoid(x))",
    "-ln(sigmoid(-x))": "sigmoid(x)",
    "exp(x)/(1+exp(x))": "f*(1-f)",
    "1/(1+exp(x))": "f*(f-1)",
    "1/(1+exp(-beta*z))": "(beta*f)*(1-f)",
    "ln(1+exp(a*x))/a": "sigmoid(a*x)",
    "sin(x)^2+cos(x)^2": "0",
    "(x+1)^2-(x^2+2*x+1)": "0",
    "step(x)*x^2": "(2*(step(x)))*x",
    "norm(x-y)^2": "2*(x[j]-y[j])",
    "norm(x)": "x[j]/f",
    "x/norm(x)": "(equal-(f[i]*f[j]))/(sqrt(sum_k(x[k]^2)))",
    "mean((x-mean(x))^2)": "(2*(x[j]-xbar))/K",
    "(x-mean(x))/sqrt(mean((x-mean(x))^2))": (
        "((equal-(1/K))-((f[i]*f[j])/K))/(sqrt((sum_m((x[m]-xbar)^2))/K))"
    ),
    "tanh(x/2)": "0.5*(1-(f^2))",
    "x^x": "f*((log(x))+1)",
    "exp(-x^2/2)": "(-f)*x",
    "x*x*x": "3*(x^2)",
    "x*exp(x)": "(exp(x))*(1+x)",
    "abs(x)*x": "2*(abs(x))",
    "relu(x)^2": "2*(relu(x))",
    "sign(x)*sqrt(abs(x))": "1/(2*(sqrt(abs(x))))",
    "z/(1+abs(z))": "1/((1+(abs(z)))^2)",
    "ln(cosh(x))": "tanh(x)",
    "x^3-x^2": "(3*(x^2))-(2*x)",
    "(x^2+1)^3*(x-1)^2": "(((x^2)+1)^2)*(x-1)*(((8*(x^2))-(6*x))+2)",
}


@pytest.mark.parametrize(("text", "end"), ENDS.items(), ids=list(ENDS))
def test_derivations_end_as_in_a_textbook(text: str, end: str) -> None:
    assert flat(written(of_formula(text).chains[-1].result)) == flat(end)


def flat(text: str) -> str:
    """Without the parentheses of products and of names: only the order is compared."""
    return text.replace("(", "").replace(")", "")


# Own formulas, line by line -----------------------------------------------------------------------

FORMULAS = """
x*exp(-x^2)/(1+x^2)
exp(z/T)/sum(exp(z/T))
softmax(z/T)
max(x, x^2)
x^n
ln(sum(exp(x)))
z*tanh(softplus(z))
min(max(z,0),6)
clip(z)
clip(z, limit=0.5)
sigmoid(2*x-1)
relu(-x)
leaky_relu(2*x, slope=0.1)
softplus(-x)
max(0,x)
maximum(0, 1-x)
huber(yhat,y)
hinge(yhat,y)
norm(x)/sum(x)
sin(1/x)
x^2/x
2^x
mean(x)*mean(x^2)
sum(x)^2/sum(x^2)
x/sum(x)
exp(-norm(x)^2/2)
sum(abs(x))
sum(max(0,x))
sum(sigmoid(x)*y)
dot(x,x)*dot(w,x)
ln(cosh(yhat-y))
sum(ln(cosh(yhat-y)))
y*(1-yhat)^2*yhat^2
1-(2*dot(y,yhat))/(sum(y)+sum(yhat))
tanh(tanh(x))
exp(exp(x))
(1+x^2)^x
gelu(2*x)
silu(a*x)
sigmoid(x)/x
erf(x/sqrt(2))
normal_cdf(2*x)
sinh(x)*cosh(x)
softmax(-z)
sum(softmax(z)^2)
softplus(x)/ln(2)
max(x, 2*x, 3)
max(x,-x)
min(x,1)
abs(x-3)+abs(x+3)
sum((softmax(z)-y)^2)
(exp(x)-exp(-x))/(exp(x)+exp(-x))
(x+1)/(x-5)
x*(x-mean(x))
""".split("\n")[1:-1]

PAGES = (*ENDS, *FORMULAS)


@cache
def page_of(text: str) -> Derivation:
    return of_formula(text)


@pytest.mark.parametrize("text", PAGES)
def test_every_line_is_the_one_before_it(text: str) -> None:
    """By number, the first line by differences of the formula."""
    page = page_of(text)
    for chain in page.chains:
        for point in drawn(page, chain):
            expected = point.value(chain.left)
            for line in chain.lines:
                assert point.value(line.expr) == pytest.approx(expected, rel=2e-6, abs=2e-7), line


@pytest.mark.parametrize("text", PAGES)
def test_no_line_repeats_the_one_before_it(text: str) -> None:
    for chain in page_of(text).chains:
        assert all(a.expr != b.expr for a, b in pairwise(chain.lines))


@pytest.mark.parametrize("text", PAGES)
def test_a_name_is_stated_where_it_is_used(text: str) -> None:
    page = page_of(text)
    stated = {parts(each.symbol.name)[0] for each in page.definitions}  # type: ignore[union-attr]
    typed = set(symbols(formula(text))) | {"K"}
    for chain in page.chains:
        used = {parts(name)[0] for line in chain.lines for name in symbols(line.expr)}
        assert used - set("ijklm") <= stated | typed


def drawn(page: Derivation, chain: Chain) -> list[Point]:
    """Points at which the formula exists and its targets add up to 1."""
    found = []
    for point in points(page, chain, 4):
        values: dict[str, float | np.ndarray] = {
            name: np.abs(value) + 0.1 for name, value in point.values.items()
        }
        if "y" in values and np.ndim(values["y"]):
            values["y"] = values["y"] / np.sum(values["y"])
        elif "y" in values:
            values["y"] = values["yhat"] = 0.3
        found.append(Point(values, point.indices, point.definitions))
    return found


def test_the_sum_of_the_targets_is_used_beside_a_softmax_alone() -> None:
    for text in ("1-(2*dot(y,yhat))/(sum(y)+sum(yhat))", "sum(y)*sum(z^2)"):
        assert not any(line.uses for chain in of_formula(text).chains for line in chain.lines)
    last = page_of("cross_entropy(softmax(z), y)").chains[0].lines[-1]
    assert last.uses is not None
    assert last.reason == "targets sum to 1"


def test_without_that_sum_it_is_the_line_before_that_holds() -> None:
    page = page_of("cross_entropy(softmax(z), y)")
    (chain,) = page.chains
    point = points(page, chain, 1)[0]
    twice = Point({**point.values, "y": np.ones(SIZE)}, point.indices, point.definitions)
    before, last = (twice.value(line.expr) for line in chain.lines[-2:])
    assert before == pytest.approx(twice.value(chain.left), rel=1e-6)
    assert abs(last - before) > 0.1


# The rules, each by itself ------------------------------------------------------------------------

u, v, n = Sym("u"), Sym("v"), Sym("n")
a_k, a_l, b_k = indexed("a", "k"), indexed("a", "l"), indexed("b", "k")


def times(*factors: Expr) -> Expr:
    found, *rest = factors
    for each in rest:
        found = op("mul", found, each)
    return found


RULES = {
    "one term is left": (sum_over(times(a_k, equal("k", "j")), "k"), "a[j]"),
    "of a difference": (sum_over(times(a_k, op("sub", equal("k", "j"), b_k)), "k"), None),
    "what has no index in front": (sum_over(times(u, a_k), "k"), "u*(sum_k(a[k]))"),
    "a sum of equal terms": (sum_over(u, "k"), "K*u"),
    "deviations add up to 0": (
        sum_over(op("sub", a_k, op("div", sum_over(a_l, "l"), K)), "k"),
        "0",
    ),
    "equal terms": (formula("2*u + 3*v - u - 3*v"), "u"),
    "cancelled": (formula("u*v/(v*u^2)"), "1/u"),
    "a root squared": (formula("sqrt(u)^2 * v"), "u*v"),
    "a root over itself": (formula("u/sqrt(u)"), "sqrt(u)"),
    "one denominator": (formula("1/(1-u) - v/(1-u)"), "(1-v)/(1-u)"),
    "exponentials": (formula("exp(u)*exp(-u)*v"), "v"),
    "sigmoid": (formula("exp(u)/(1+exp(u))"), "sigmoid(u)"),
    "sigmoid of −u": (formula("1/(1+exp(-u))"), "sigmoid(u)"),
    "its slope": (formula("exp(-u)/(1+exp(-u))^2"), "(sigmoid(u))*(1-(sigmoid(u)))"),
    "1{…}²": (op("pow", equal("i", "j"), formula("2")), "equal"),
    "max(0, u) 1{u > 0}": (times(op("relu", u), op("switch", u, at=0.5)), "relu(u)"),
    "u sign(u)": (times(u, op("switch", u, below=-1, at=0.3)), "abs(u)"),
    "a constant": (op("switch", u, below=0, at=0, above=0), "0"),
    "a condition": (op("switch", formula("2*u - 3")), "switch"),
}


@pytest.mark.parametrize(("expr", "end"), RULES.values(), ids=list(RULES))
def test_a_rule_holds_everywhere(expr: Expr, end: str | None) -> None:
    """At random values, positive and negative where the whole exists there, and at 0."""
    random = Random(1)
    found = simplified(expr, K)
    if end is not None:
        assert flat(written(found)) == flat(end)
    assert found != expr
    for _ in range(30):
        values: dict[str, float | np.ndarray] = {
            "u": random.choice([0.0, random.uniform(-2, 2)]),
            "v": random.uniform(-2, 2),
            "a": np.array([random.uniform(-1, 1) for _ in range(SIZE)]),
            "b": np.array([random.uniform(-1, 1) for _ in range(SIZE)]),
        }
        point = Point(values, {"i": random.randrange(SIZE), "j": random.randrange(SIZE)})
        with np.errstate(all="ignore"):
            before, after = point.value(expr), point.value(found)
        if np.isfinite(before):
            assert after == pytest.approx(before, abs=1e-12)


UNTOUCHED = ("sqrt(u^2)", "tanh(u/2)", "sqrt(u*v)", "ln(u^2)", "abs(u)*v", "u*exp(u)")


@pytest.mark.parametrize("text", UNTOUCHED)
def test_what_is_not_equal_everywhere_or_no_shorter_stays(text: str) -> None:
    assert simplified(formula(text), K) == formula(text)


def test_each_line_is_shorter_and_says_why() -> None:
    expr = formula("exp(u)*(1+exp(u))/(1+exp(u))^2 - exp(u)*exp(u)/(1+exp(u))^2")
    found = [*lines(expr, K)]
    assert [line.reason for line in found][-1] == "known functions"
    assert all(line.words for line in found)


def test_nothing_is_lost_in_sums_with_a_term_left_out() -> None:
    left_out = sum_over(times(a_k, u, u), "k", "j")
    assert isinstance(simplified(left_out, K), Op)
    assert any(isinstance(node, Op) and node.option("without") for node in walk(left_out))

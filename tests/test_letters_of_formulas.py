"""Letters of a formula: the user's are never taken for a size or an index, nor for vectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import pytest
from click.testing import CliRunner

from backprop_cli.algebra.expr import Expr, Num, Op, Sym, num, op
from backprop_cli.calculus.stable import function_of
from backprop_cli.cli import main
from backprop_cli.derive.derivation_data import Chain
from backprop_cli.derive.derivation_nodes import has_derivative, parts
from backprop_cli.derive.steps.formulas import UnderivableError, of_expressions, of_formula

LENGTH = 3
Vector = np.ndarray
Env = Mapping[str, float | Vector]


def value(expr: Expr, env: Env, places: Mapping[str, int]) -> float:
    """A formula over entries; what is neither given nor an index is the number of entries."""
    match expr:
        case Num(number):
            return float(number)
        case Sym(name):
            base, letters = parts(name)
            if letters:
                return float(np.asarray(env[base])[place(letters[0], places)])
            assert np.ndim(env.get(base, 0)) == 0, f"{base} without an index"
            return float(env.get(base, LENGTH))
        case Op("sum_over", (body,)):
            letter = str(expr.option("index"))
            return sum(value(body, env, {**places, letter: k}) for k in range(LENGTH))
        case Op("equal", (Sym(left), Sym(right))):
            return float(place(left, places) == place(right, places))
    args = [np.asarray(value(arg, env, places)) for arg in expr.args]
    return float(function_of(expr)(*args, **dict(expr.options)))


def place(index: str, places: Mapping[str, int]) -> int:
    return int(index) - 1 if index.isdecimal() else places[index]


def softmax(z: Vector) -> Vector:
    return np.asarray(np.exp(z) / np.exp(z).sum())


X = np.array([0.3, 0.7, 1.1])
Y = np.array([0.2, 0.5, 0.3])
C, T, K = 1.7, 0.6, 2.5
CASES: list[tuple[str, str, Env, Callable[..., float | Vector]]] = [
    ("K*mean(x^2)", "x", {"x": X, "K": K}, lambda x, K: K * np.mean(x**2)),
    ("K*N*mean(x^2)", "x", {"x": X, "K": K, "N": C}, lambda x, K, N: K * N * np.mean(x**2)),
    ("mean(x^2)", "x", {"x": X}, lambda x: np.mean(x**2)),
    (
        "K*mean_squared_error(yhat,y)",
        "yhat",
        {"yhat": X, "y": Y, "K": K},
        lambda yhat, y, K: K * np.mean((yhat - y) ** 2),
    ),
    ("softmax(z/T)", "z", {"z": X, "T": T}, lambda z, T: softmax(z / T)),
    ("softmax(z/T)", "T", {"z": X, "T": T}, lambda z, T: softmax(z / T)),
    ("softmax(z/tau)", "z", {"z": X, "tau": T}, lambda z, tau: softmax(z / tau)),
    ("sum(x)+c", "x", {"x": X, "c": C}, lambda x, c: x.sum() + c),
    ("sum(x)+c", "c", {"x": X, "c": C}, lambda x, c: x.sum() + c),
    ("k*sum(x^2)", "x", {"x": X, "k": C}, lambda x, k: k * (x**2).sum()),
    ("j*sum(x^2)+i", "x", {"x": X, "j": C, "i": T}, lambda x, j, i: j * (x**2).sum() + i),
    ("mean(x)+c", "x", {"x": X, "c": C}, lambda x, c: x.mean() + c),
    ("sum(w*x)+b", "w", {"x": X, "w": Y, "b": C}, lambda x, w, b: w @ x + b),
    ("k*x/sum(x)", "x", {"x": X, "k": Y}, lambda x, k: k * x / x.sum()),
]


def check(
    chain: Chain,
    env: Env,
    by: str,
    function: Callable[..., float | Vector],
    names: Mapping[str, float | Vector] = MappingProxyType({}),
) -> None:
    """Every line in which nothing is left to differentiate is the difference quotient.

    `names` are those that the page gives to parts of the formula.
    """
    for i in range(LENGTH):
        for j in range(LENGTH):
            done = [line.expr for line in chain.lines if not has_derivative(line.expr)]
            assert isinstance(chain.left, Op)
            of, variable = (parts(str(getattr(arg, "name", ""))) for arg in chain.left.args)
            places = dict.fromkeys(variable[1], j) | dict.fromkeys(set(of[1]) - {*variable[1]}, i)
            row = places[of[1][0]] if of[1] else None
            condition = {(c.relation) for c in chain.conditions}
            if condition and (condition == {"="}) != (row == j):
                if condition == {"≠"}:
                    continue
                if row != j:
                    continue
            step = 1e-5
            moved = []
            for sign in (1, -1):
                changed = np.array(env[by], dtype=float)
                if changed.ndim:
                    changed[j] += sign * step
                else:
                    changed += sign * step
                result = np.asarray(function(**{**env, by: changed}))
                moved.append(float(result if row is None else result[row]))
            wanted = (moved[0] - moved[1]) / (2 * step)
            own: Env = {"f": np.asarray(function(**env)), **names}
            assert done
            for expr in done:
                found = value(expr, {**env, **own}, places)
                assert found == pytest.approx(wanted, rel=1e-6, abs=1e-8)


CASES += [
    (formula, "x", {"x": 0.3 if "1-sqrt" in formula else 1.7}, function)
    for formula, function in (
        ("x*exp(-x^2)/(1+x)", lambda x: x * np.exp(-(x**2)) / (1 + x)),
        ("sqrt(1+x^2)", lambda x: np.sqrt(1 + x**2)),
        ("log10(x)*log2(x)", lambda x: np.log10(x) * np.log2(x)),
        ("ln(ln(x))", lambda x: np.log(np.log(x))),
        ("x^(-2/3)", lambda x: x ** (-2 / 3)),
        ("(1+1/x)^x", lambda x: (1 + 1 / x) ** x),
        ("sqrt(x)*(1-x)/(x^2*(x-1))", lambda x: np.sqrt(x) * (1 - x) / (x**2 * (x - 1))),
        ("-x", lambda x: -x),
        ("sqrt(x)/ (1-sqrt(x))", lambda x: np.sqrt(x) / (1 - np.sqrt(x))),
    )
]
CASES += [
    ("sum(x*ln(x))", "x", {"x": X}, lambda x: np.sum(x * np.log(x))),
    ("sum(sqrt(x)^3)", "x", {"x": X}, lambda x: np.sum(x**1.5)),
    (
        "sum(y*ln(y/yhat))",
        "yhat",
        {"yhat": X, "y": Y},
        lambda yhat, y: np.sum(y * np.log(y / yhat)),
    ),
    (
        "y*(1-yhat)^2*ln(yhat)",
        "yhat",
        {"yhat": 0.3, "y": 0.7},
        lambda yhat, y: y * (1 - yhat) ** 2 * np.log(yhat),
    ),
    ("-(1-p)^g*ln(p)", "p", {"p": 0.3, "g": C}, lambda p, g: -((1 - p) ** g) * np.log(p)),
]


CASES += [
    (formula, "x", {"x": X}, function)
    for formula, function in (
        ("log(sum(exp(x)))-x[1]", lambda x: np.log(np.exp(x).sum()) - x[0]),
        ("softmax(x)[2]", lambda x: softmax(x)[1]),
        ("-ln(softmax(x)[3])", lambda x: -np.log(softmax(x)[2])),
        ("softmax(x)[1]*softmax(x)[2]", lambda x: softmax(x)[0] * softmax(x)[1]),
        ("x[2]*sum(x^2)", lambda x: x[1] * (x**2).sum()),
        ("x*x[1]", lambda x: x * x[0]),
        ("sum((x-x[1])^2)", lambda x: ((x - x[0]) ** 2).sum()),
        ("x[1]/norm(x)", lambda x: x[0] / np.linalg.norm(x)),
        (
            "(x-mean(x))/norm(x-mean(x))",
            lambda x: (x - x.mean()) / np.linalg.norm(x - x.mean()),
        ),
    )
]
CASES += [
    (
        "(x-mean(x))/sqrt(var(x)+eps)",
        "x",
        {"x": X, "eps": C},
        lambda x, eps: (x - x.mean()) / np.sqrt(x.var() + eps),
    )
]


@pytest.mark.parametrize(
    ("formula", "by", "env", "function"), CASES, ids=[f"{f} by {by}" for f, by, _, _ in CASES]
)
def test_the_derivative(
    formula: str, by: str, env: Env, function: Callable[..., float | Vector]
) -> None:
    derivation = of_formula(formula, by)
    names: dict[str, float | Vector] = {}
    for each in derivation.definitions[1:]:
        if not isinstance(each.symbol, Sym):
            continue
        base, letters = parts(each.symbol.name)
        found = [value(each.forms[-1], env, dict.fromkeys(letters, k)) for k in range(LENGTH)]
        names[base] = np.array(found) if letters else found[0]
    for chain in derivation.chains:
        check(chain, env, by, function, names)


def test_numbers_are_what_the_option_says() -> None:
    env: Env = {"x": X, "c": C}
    for chain in of_formula("sum((x - c)^2)", "x", numbers=["c"]).chains:
        check(chain, env, "x", lambda x, c: ((x - c) ** 2).sum())
    for chain in of_formula("sum((x - c)^2)", "c", numbers=["c"]).chains:
        check(chain, env, "c", lambda x, c: ((x - c) ** 2).sum())
    for chain in of_formula("sum((x - c)^2)", "x").chains:  # without it, a vector
        check(chain, {"x": X, "c": Y}, "x", lambda x, c: ((x - c) ** 2).sum())


@pytest.mark.parametrize("formula", ["sum(x[1:2])", "x[2:3]", "norm(x[1:2])/norm(x)"])
def test_part_of_a_vector_is_not_taken_for_the_whole(formula: str) -> None:
    with pytest.raises(UnderivableError, match="part of a vector"):
        of_formula(formula)


def test_a_sum_is_no_multiple_of_a_mean() -> None:
    definitions = of_formula("norm(x)/sum(x)").definitions
    assert [str(getattr(each.symbol, "name", "")) for each in definitions] == ["f"]


def test_the_page_says_which_letters_are_numbers() -> None:
    done = CliRunner().invoke(main, ["derive", "--function", "softmax(z/T)"])
    assert "T is a number; z is a vector." in done.stdout
    done = CliRunner().invoke(main, ["derive", "--function", "K*mean(x^2)"])
    assert "N is the number of entries." in " ".join(done.stdout.split())
    arguments = ["derive", "--function", "sum((x-c)^2)", "--numbers", "c,q"]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 2
    assert "`q` is not in the formula" in done.stderr


# e ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("formula", ["e^x", "1/(1+e^(-x))", "sum(e^x)"])
def test_e_is_no_number_and_the_message_says_what_is(formula: str) -> None:
    for option in ("--function", "--expression"):
        done = CliRunner().invoke(main, ["derive", option, formula])
        assert done.exit_code == 2
        assert "exp(x)" in done.stderr


@pytest.mark.parametrize(
    "text",
    [
        "values: {x: [1, 2]}\nequations: ['f = sum(e^x)']\n",
        "x: [e^2, 1]\nlayers: [{weights: [[1, 1]]}]\n",
        "x: [1]\nlayers: [{weights: [[1]], activation: {formula: '1/(1+e^(-z))'}}]\n",
    ],
)
def test_e_in_a_problem_file(text: str) -> None:
    done = CliRunner().invoke(main, ["solve", "-"], input=text)
    assert done.exit_code == 2
    assert "exp(" in done.stderr


def test_a_quantity_may_be_called_e() -> None:
    text = "values: {y: 4, yhat: 1}\nequations: ['e = y - yhat', 'L = e^2']\n"
    done = CliRunner().invoke(main, ["solve", "-", "--only", "L"], input=text)
    assert done.exit_code == 0
    assert "9" in done.stdout
    assert of_formula("e^2", "e").chains[0].result == op("mul", num(2), Sym("e"))


# Vectors in --expression --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "function"),
    [
        ("norm([a,b])", lambda a, b: [np.hypot(a, b)]),
        ("softmax([a,b])", lambda a, b: softmax(np.array([a, b]))),
        ("sum([a^2,b]), a*b", lambda a, b: [a**2 + b, a * b]),
        ("dot([a,b],[b,a*b])", lambda a, b: [a * b + b * a * b]),
        (
            "mean([a,b]), logsumexp([a,b])",
            lambda a, b: [(a + b) / 2, np.log(np.exp(a) + np.exp(b))],
        ),
        ("[a, b]*a", lambda a, b: [a * a, a * b]),
    ],
)
def test_vectors_written_by_their_entries(text: str, function: Callable[..., Vector]) -> None:
    at = {"a": 0.7, "b": 1.2}
    (table,) = of_expressions(text).tables
    for column, name in enumerate("ab"):
        up, down = (np.asarray(function(**{**at, name: at[name] + step})) for step in (1e-5, -1e-5))
        own = {f"f{n}": each for n, each in enumerate(np.asarray(function(**at)), start=1)}
        found = [value(row[column], {**at, **own}, {}) for row in table.entries]
        np.testing.assert_allclose(found, (up - down) / 2e-5, rtol=1e-6)


@pytest.mark.parametrize(
    "text", ["norm(x)", "sum(x), x", "softmax(x)", "W@x", "dot(x, y)", "max(x)"]
)
def test_a_letter_for_a_vector_is_refused_in_the_users_words(text: str) -> None:
    with pytest.raises(UnderivableError) as refused:
        of_expressions(text)
    assert "written by its entries" in str(refused.value)
    assert "matmul" not in str(refused.value)


# Reasons ------------------------------------------------------------------------------------------


def page(*arguments: str) -> str:
    done = CliRunner().invoke(main, ["derive", *arguments])
    assert done.exit_code == 0, done.output
    return " ".join(done.stdout.split())


def test_reasons_are_true() -> None:
    assert "larger" not in page("--function", "min(z,1)")
    assert "smaller" in page("--function", "min(z,1)")
    assert "smaller" not in page("--function", "max(z,1)")
    assert "the the" not in page("--function", "hinge(yhat,y)")
    assert "the declared value 0" in page("--function", "relu(2*x)")
    assert "u^(n-1)" in page("--function", "x^3", "--ascii")
    assert "simplified" not in page("--function", "1/(1+exp(-beta*z))")


def test_derivatives_of_functions_of_several_variables_are_partial() -> None:
    said = page("--expression", "r*cos(t), r*sin(t)")
    assert "∂f₁/∂r" in said
    assert "df₁/dr" not in said
    assert "∂f/∂x" not in said
    assert "∂f/∂x" in page("--expression", "x1 + x2*x3, x1^2 + 3*x2")
    assert "df₁/dt" in page("--expression", "cos(t), sin(t)")


def test_the_derivative_of_a_whole_by_an_entry_is_no_entry_of_it() -> None:
    text = "inputs: N\nlayers: [{units: 2, activation: tanh}, {units: K, activation: softmax}]\n"
    arguments = ["derive", "-", "--of", "Yhat", "--wrt", "W1[i,j]", "--ascii"]
    done = CliRunner().invoke(main, arguments, input=text)
    assert done.exit_code == 0
    assert "dYhat/dW1[" not in done.stdout
    assert "dYhat/d(W1[i,j])" in done.stdout


@pytest.mark.parametrize(
    ("formula", "function"),
    [
        ("sigmoid(f*g*h*F*G*H)", lambda product: 1 / (1 + np.exp(-product))),
        ("clip(u*v*t*s*q*r)", lambda product: np.clip(product, -1, 1)),
    ],
)
def test_another_name_is_found_where_the_usual_ones_are_taken(
    formula: str, function: Callable[[float], float]
) -> None:
    by, *others = [letter for letter in formula if letter in "fghFGHuvtsqr"][-6:]
    env = {name: 0.9 - 0.1 * place for place, name in enumerate([by, *others])}
    (chain,) = of_formula(formula, by).chains

    def moved(**env: float | Vector) -> float:
        return function(float(np.prod(np.array([*env.values()]))))

    check(chain, env, by, moved, {by: env[by], "H2": moved(**env)})


@pytest.mark.parametrize("names", ["ijkmnpqrstuvx", "ijkmnpqrstux"])
def test_names_that_leave_no_letters_are_refused(names: str) -> None:
    with pytest.raises(UnderivableError, match="no letters for the indices"):
        of_formula(f"sum({'*'.join(names)})", "x")

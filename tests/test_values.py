"""The values of operations, to the last digits and far out, against many more digits."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Op, Sym, op
from backprop_cli.operations.table import TABLE
from backprop_cli.readings.values import evaluate

Exact = Any
"""A number of mpmath, or the module itself."""


def cdf(mp: Exact, x: Exact) -> Exact:
    return mp.erfc(-x / mp.sqrt(2)) / 2 if abs(x) < 1e6 else int(x > 0)


def huber(mp: Exact, x: Exact) -> Exact:
    return x * x / 2 if abs(x) <= 1 else abs(x) - mp.mpf(1) / 2


REFERENCES: dict[str, Callable[[Exact, Exact], Exact]] = {
    "sigmoid": lambda mp, x: 1 / (1 + mp.exp(-x)),
    "relu": lambda mp, x: max(x, 0),
    "stop_gradient": lambda _mp, x: x,
    "leaky_relu": lambda mp, x: max(x, x * mp.mpf("0.01")),
    "elu": lambda mp, x: x if x > 0 else mp.expm1(x),
    "softplus": lambda mp, x: mp.log1p(mp.exp(-abs(x))) + max(x, 0),
    "silu": lambda mp, x: x / (1 + mp.exp(-x)),
    "gelu": lambda mp, x: x * cdf(mp, x),
    "mish": lambda mp, x: x * mp.tanh(mp.log1p(mp.exp(-abs(x))) + max(x, 0)),
    "softsign": lambda mp, x: x / (1 + abs(x)),
    "arctan": lambda mp, x: mp.atan(x),
    "relu6": lambda mp, x: max(0, min(6, x)),
    "step": lambda mp, x: 1 if x >= 0 else 0,
    "sign": lambda mp, x: mp.sign(x),
    "log2": lambda mp, x: mp.log(x, 2),
    "abs": lambda mp, x: abs(x),
    "neg": lambda mp, x: -x,
    "normal_cdf": cdf,
    "normal_pdf": lambda mp, x: mp.npdf(x),
    "huber": huber,
    "positive_part": lambda mp, x: max(x, 0),
    "clip": lambda mp, x: max(-1, min(1, x)),
    "switch": lambda mp, x: 1 if x > 0 else 0,
}
SAME_NAME = "tanh exp sqrt sin cos sinh cosh erf log log10".split()
POINTS = (0.0, 1e-300, 1e-9, 0.3, 0.5, 1.0, 2.5, 8.0, 37.5, 800.0, 1e6, 1e308)
TAILS = ("gelu", "normal_cdf")
"""In their tail the rounding of x/√2 counts x² times, whatever is done about it."""


def exact(name: str, x: float) -> float:
    """The value to 60 digits, and then as a float, infinite where it is too large for one."""
    mp = pytest.importorskip("mpmath", reason="mpmath is not installed")
    with mp.workdps(60):
        wanted = getattr(mp, name)(x) if name in SAME_NAME else REFERENCES[name](mp, mp.mpf(x))
        return (
            float(wanted) if abs(wanted) < mp.mpf("1.79e308") else math.copysign(math.inf, wanted)
        )


def test_every_entry_of_one_argument_has_a_reference() -> None:
    names = {name for name, one in TABLE.items() if one.elementwise and one.arity == 1}
    assert names == {*REFERENCES, *SAME_NAME}


@pytest.mark.parametrize("name", [*REFERENCES, *SAME_NAME])
def test_values_to_fifteen_digits(name: str) -> None:
    domain = TABLE[name].domain
    for size, sign in product(POINTS, (1.0, -1.0)):
        x = size * sign
        if domain is not None and domain.outside(np.asarray(x)):
            continue
        rel = 4e-15 * max(1.0, x * x if name in TAILS and abs(x) < 40 else 0)
        found = float(evaluate(op(name, Sym("x")), {"x": np.asarray(x)}))
        assert found == pytest.approx(exact(name, x), rel=rel, abs=1e-307), f"{name}({x})"


BIG = np.array([[800.0, -800.0, 799.0], [-1e308, 1e308, 0.0]])


@pytest.mark.parametrize(
    ("node", "wanted"),
    [
        (
            op("softmax", Sym("x"), axis=1),
            [[1 / (1 + math.exp(-1)), 0, 1 / (1 + math.e)], [0, 1, 0]],
        ),
        (op("logsumexp", Sym("x"), axis=1), [800 + math.log1p(math.exp(-1)), 1e308]),
        (op("mean", Sym("x"), axis=1), [799 / 3, 0]),
        (op("mean", op("abs", Sym("x")), axis=1), [2399 / 3, 2 / 3 * 1e308]),
        (op("norm", Sym("x"), axis=1), [math.sqrt(2 * 640000 + 799**2), math.sqrt(2) * 1e308]),
        (op("max", Sym("x"), axis=1), [800, 1e308]),
        (op("argmax", Sym("x"), axis=1, first=1), [1, 2]),
    ],
    ids=lambda case: case.name if isinstance(case, Op) else "",
)
def test_reductions_of_large_numbers(node: Op, wanted: Any) -> None:
    np.testing.assert_allclose(evaluate(node, {"x": BIG}), wanted, rtol=1e-15)


def test_logarithms_of_softmax_do_not_underflow() -> None:
    x = np.array([800.0, -800.0, 0.0])
    found = evaluate(op("log_softmax", Sym("x")), {"x": x})
    np.testing.assert_allclose(found, [0, -1600, -800], rtol=1e-15)
    found = evaluate(op("log_others", Sym("x")), {"x": x})
    np.testing.assert_allclose(found, [-800, 0, 0], rtol=1e-15)
    for of in (op("softmax", Sym("x")), Sym("p")):
        env, known = {"x": x, "p": np.array([1.0, 0, 0])}, {"p": op("softmax", Sym("x"))}
        found = evaluate(op("log", of), env, known)
        np.testing.assert_allclose(found, [0, -1600, -800], rtol=1e-15)
        found = evaluate(op("log", op("sub", build.ONE, of)), env, known)
        np.testing.assert_allclose(found, [-800, 0, 0], rtol=1e-15)


def test_the_share_through_the_others() -> None:
    """Σ over i ≠ j of g_i p_j / (1 - p_i), summed as it is written."""
    rng = np.random.default_rng(5)
    g, x = rng.normal(size=(2, 3, 5))
    p = evaluate(op("softmax", Sym("x"), axis=0), {"x": x})
    wanted = [[sum(g[i, s] * p[j, s] / (1 - p[i, s]) for i in range(3) if i != j) for s in range(5)]
              for j in range(3)]  # fmt: skip
    found = evaluate(op("others_share", Sym("g"), Sym("x"), axis=0), {"g": g, "x": x})
    np.testing.assert_allclose(found, wanted, rtol=1e-12)

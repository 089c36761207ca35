"""Turns the table of operations into random expressions, a small grammar into formulas."""

from __future__ import annotations

import string
from dataclasses import dataclass
from fractions import Fraction

from hypothesis import strategies as st

from backprop_cli.algebra.expr import Expr, Num, Op, Option, Sym
from backprop_cli.operations.table import TABLE

NAMES = ("x", "W1", "Yhat", "b_1", "dL/dW1", "dYhat/dZ2", "W1_new", "v_W1", "λ")
COMPOUND = tuple(name for name in NAMES if not name.isidentifier())

_decimals = st.integers(-9999, 9999).map(lambda n: Fraction(n, 1000))
_small = st.builds(Fraction, st.integers(-9, 9), st.integers(1, 9))
_tiny = st.sampled_from(["1e-08", "2.5e-300", "1.7e308", "12345678901234567890"]).map(Fraction)
numbers = st.one_of(_decimals, _small, _tiny).map(Num)
leaves = st.one_of(st.sampled_from(NAMES).map(Sym), numbers)

_places = st.one_of(st.none(), st.integers(0, 3), st.tuples(st.integers(0, 3), st.integers(4, 6)))
_sizes = st.one_of(st.integers(1, 40), st.sampled_from(("N", "N1", "N+1", "M-1")))
_values: dict[str, st.SearchStrategy[Option]] = {
    "axis": st.integers(-1, 1),
    "keep": st.just(1),
    "samples": st.integers(0, 1),
    "layout": st.just("denominator"),
    "index": st.lists(_places, min_size=1, max_size=2).map(tuple),
    "shape": st.lists(_sizes, min_size=1, max_size=3).map(tuple),
    "start": st.integers(0, 3),
    "stop": st.integers(4, 6),
    "first": st.integers(0, 1),
    "axes": st.integers(1, 2),
    "size": st.integers(1, 4),
    "stride": st.integers(1, 3),
    "step": st.integers(1, 3),
    "dilation": st.integers(1, 3),
    "padding": st.integers(0, 2),
    "width": st.one_of(st.integers(-2, 3), st.tuples(st.integers(-2, 3), st.integers(-2, 3))),
}
_constants = st.one_of(st.integers(-3, 3), st.sampled_from((0.01, -0.5, 1e-8, 2.75)))


@st.composite
def _applied(draw: st.DrawFn, inner: st.SearchStrategy[Expr]) -> Op:
    entry = TABLE[draw(st.sampled_from(sorted(TABLE)))]
    count = draw(st.integers(1, 3)) if entry.arity is None else entry.arity
    options: dict[str, Option] = {}
    for key, default in entry.options.items():
        if default is ... or draw(st.booleans()):
            options[key] = draw(_values.get(key, _constants))
    if "count_padding" in entry.options or entry.name == "padded_max_pool":
        options["padding"] = draw(st.integers(1, 2))  # without any it is the plain one
    args = tuple(draw(inner) for _ in range(count))
    return Op(entry.name, args, tuple(sorted(options.items())))


expressions = st.recursive(leaves, _applied, max_leaves=12)
"""Any operation with any of its options on anything, whether or not the shapes would fit."""


# ---- Formulas as people type them ---------------------------------------------------------------


@dataclass(frozen=True)
class Typed:
    """A formula in our language and in Python; whether it is a 2 × 2 matrix or a number."""

    ours: str
    python: str
    matrix: bool

    def inside(self, before: str, after: str, matrix: bool | None = None) -> Typed:
        """The formula between two texts that both languages share."""
        kind = self.matrix if matrix is None else matrix
        return Typed(before + self.ours + after, before + self.python + after, kind)


_typed_numbers = st.sampled_from(["2", "0.5", ".25", "1e-1", "3.", "10", "7"]).map(
    lambda text: Typed(text, f"F({text})", False)
)
_typed_names = st.sampled_from(
    [Typed(name, name, name in string.ascii_uppercase) for name in ("A", "B", "c", "d")]
)
_functions = ("sin", "cos", "tanh", "exp", "abs", "sqrt", "log", "relu", "sigmoid")
_reductions = ("sum", "mean", "max", "norm")
_spaces = st.sampled_from(["", " ", "  "])


_POWERS = {
    "2": "**F(2)",
    "3": "**F(3)",
    "-1": "**F(-1)",
    "-2^2": "**-F(2)**F(2)",
    "2^-1": "**F(2)**-F(1)",
}
_WAYS = "binary binary binary power minus group function reduce part".split()


@st.composite
def _compound(draw: st.DrawFn, inner: st.SearchStrategy[Typed]) -> Typed:
    left = draw(inner)
    match draw(st.sampled_from(_WAYS)):
        case "power":
            exponent = draw(st.sampled_from(sorted(_POWERS)))
            sign = draw(st.sampled_from(["^", "**"]))
            python = _POWERS[exponent]
            base = left.inside("(", ")")
            return Typed(base.ours + sign + exponent, base.python + python, left.matrix)
        case "minus":
            return left.inside(draw(st.sampled_from(["-", "+", "- -", "-+"])), "")
        case "group":
            return left.inside("(", ")")
        case "function":
            return left.inside(draw(st.sampled_from(_functions)) + "(", ")")
        case "reduce":
            return left.inside(draw(st.sampled_from(_reductions)) + "(", ")", matrix=False)
        case "part" if left.matrix:
            after = draw(st.sampled_from([".T", "[1,0]", "[0, 1]", ".T[1,0]"]))
            return left.inside("(", ")" + after, matrix=after == ".T")
    return _joined(left, draw(inner), draw(st.sampled_from("+-*/@")), draw(_spaces))


def _joined(left: Typed, right: Typed, sign: str, space: str) -> Typed:
    if sign == "@" and not (left.matrix and right.matrix):
        sign = "*"
    if sign == "@":
        left, right = left.inside("(", ")"), right.inside("(", ")")
    between = f"{space}{sign}{space}"
    return Typed(
        left.ours + between + right.ours,
        left.python + between + right.python,
        left.matrix or right.matrix,
    )


formulas = st.recursive(st.one_of(_typed_numbers, _typed_names), _compound, max_leaves=8)

"""An expression to a line of NumPy as a person would write it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from backprop_cli.algebra.build import levels
from backprop_cli.algebra.expr import Expr, Num, Op, Option, symbols
from backprop_cli.readings.source import ATOM, HELPERS, Code, Form, Source
from backprop_cli.readings.values import evaluate


def _infix(sign: str, own: int) -> Form:
    def form(source: Source, node: Op) -> Code:
        if (lost := _not_finite(node)) is not None:
            return f'float("{lost}")', ATOM
        a, b = map(_unrowed, node.args)
        return f"{source.inside(a, own)} {sign} {source.inside(b, own + 1)}", own

    return form


def _unrowed(expr: Expr) -> Expr:
    """A vector as a row is spread over the rows by NumPy itself."""
    return expr.args[0] if isinstance(expr, Op) and expr.name == "row" else expr


def _matmul(source: Source, node: Op) -> Code:
    a, b = node.args
    return f"{source.inside(a, 2)} @ {source.inside(b, 3)}", 2


def _pow(source: Source, node: Op) -> Code:
    a, b = node.args
    if (lost := _not_finite(node)) is not None:
        return f'float("{lost}")', ATOM
    return f"{source.inside(a, 5)} ** {source.inside(b, 4)}", 4


def _not_finite(node: Op) -> float | None:
    """What numbers come to in floats, if it is not finite; None where letters are among them.

    Python has 10 ** 400 as a whole number, with which arrays cannot be multiplied, is for hours at
    9 ** 9 ** 9, has (-8) ** (1 / 3) as a complex number, and ends at 1 / 0.
    """
    if symbols(node):
        return None
    value = np.asarray(evaluate(node, {}))
    return float(value) if not value.shape and not np.isfinite(value) else None


def _neg(source: Source, node: Op) -> Code:
    text, precedence = source.code(node.args[0])
    return (f"-{text}", min(precedence, 3)) if precedence > 1 else (f"-({text})", 3)


def _numpy(name: str) -> Form:
    return lambda source, node: source.called(f"np.{name}", node)


def _relu(source: Source, node: Op) -> Code:
    return f"np.maximum({source.text(node.args[0])}, 0)", 5


def _reduced(name: str) -> Form:
    """Sums and the like: `axis` and `keepdims` where the result keeps the axis."""

    def form(source: Source, node: Op) -> Code:
        parts = [source.text(node.args[0])]
        if node.option("axis") is not None:
            parts.append(f"axis={node.option('axis')}")
        if node.option("keep"):
            parts.append("keepdims=True")
        return f"{name}({', '.join(parts)})", 5

    return form


def _logsumexp(source: Source, node: Op) -> Code:
    return _reduced(source.helper("logsumexp"))(source, node)


def _xlogy(source: Source, node: Op) -> Code:
    y, p = node.args
    if source.positive(p):
        return f"{source.inside(y, 2)} * np.log({source.text(p)})", 2
    return source.called(source.helper("xlogy"), node)


def _ratio(source: Source, node: Op) -> Code:
    y, p = node.args
    if source.positive(p):
        return f"{source.inside(y, 2)} / {source.inside(p, 3)}", 2
    return source.called(source.helper("ratio"), node)


def _outer(source: Source, node: Op) -> Code:
    a, b = map(source.text, node.args)
    if node.option("samples") is None:
        return f"{source.library}.outer({a}, {b})", 5
    indices = "is,js->sij" if node.whole("samples") == 1 else "si,sj->sij"
    return f'{source.library}.einsum("{indices}", {a}, {b})', 5


def _diag(source: Source, node: Op) -> Code:
    text = source.text(node.args[0])
    if node.option("samples") is None:
        return f"np.diag({text})", 5
    rows = f"{source.inside(node.args[0], 5)}.T" if node.whole("samples") == 1 else text
    source.helper("diagonals")
    return f"diagonals({rows})", 5


def _transpose(source: Source, node: Op) -> Code:
    (inner,) = node.args
    if source.rank(inner) == 1:
        return source.code(inner)
    return f"{source.inside(inner, 5)}.T", 5


def _switch(source: Source, node: Op) -> Code:
    below, at, above = levels(node)
    if (below, at, above) == (-1, 0, 1):
        return f"np.sign({source.text(node.args[0])})", 5
    x, zero = source.inside(node.args[0], 1), f"{_plain(below)}"
    if below == at == above:
        return f"np.full_like({source.text(node.args[0])}, {zero})", 5
    if at in (below, above):
        sign = ">=" if at == above else ">"
        return f"np.where({x} {sign} 0, {_plain(above)}, {zero})", 5
    inner = f"np.where({x} < 0, {zero}, {_plain(at)})"
    return f"np.where({x} > 0, {_plain(above)}, {inner})", 5


def _plain(value: Option) -> str:
    """A constant as a float, so that the result is no array of integers."""
    return repr(float(str(value)))


def _choose(source: Source, node: Op) -> Code:
    x, yes, no = node.args
    return f"np.where({source.inside(x, 1)} > 0, {source.text(yes)}, {source.text(no)})", 5


def _heaviside(source: Source, node: Op) -> Code:
    at_zero = _plain(node.option("at_zero", 1))
    return f"np.heaviside({source.text(node.args[0])}, {at_zero})", 5


def _clip(source: Source, node: Op) -> Code:
    limit = node.option("limit", 1)
    return f"np.clip({source.text(node.args[0])}, -{limit}, {limit})", 5


def _argmax(source: Source, node: Op) -> Code:
    axis = node.option("axis")
    along = f", axis={axis}" if axis is not None else ""
    found = f"np.argmax({source.text(node.args[0])}{along})"
    first = node.option("first", 0)
    return (f"{found} + {first}", 1) if first else (found, 5)


def _subscript(index: str) -> Form:
    def form(source: Source, node: Op) -> Code:
        return f"{source.inside(node.args[0], 5)}[{index}]", 5

    return form


def _flat(source: Source, node: Op) -> Code:
    return f"{source.inside(node.args[0], 5)}.ravel()", 5


def _spread(source: Source, node: Op) -> Code:
    (inner,) = node.args
    text, shape = source.text(inner), node.option("shape")
    if node.option("axis") is not None and source.rank(inner):
        text = f"np.expand_dims({text}, {node.option('axis')})"
        return f"np.broadcast_to({text}, {shape})", 5
    if isinstance(inner, Num):
        return f"np.full({shape}, {_plain(text) if '/' not in text else text})", 5
    return f"np.broadcast_to({text}, {shape})", 5


def _grown(source: Source, node: Op) -> Code:
    x, constant = map(source.text, node.args)
    axis = node.whole("axis")
    if source.rank(node.args[0]) == 1:
        parts = f"{constant}, {x}" if node.name == "prepend" else f"{x}, {constant}"
        return f"np.hstack([{parts}])", 5
    held = source.inside(node.args[0], 5)
    place = "0" if node.name == "prepend" else f"{held}.shape[{axis}]"
    return f"np.insert({x}, {place}, {constant}, axis={axis})", 5


def _shrunk(source: Source, node: Op) -> Code:
    kept = "1:" if node.name == "drop_first" else ":-1"
    return _along(source, node, node.whole("axis"), kept)


def _along(source: Source, node: Op, axis: int, kept: str) -> Code:
    """Some slices along one axis."""
    rank = source.rank(node.args[0])
    places = [":"] * (axis % max(rank, 1)) + [kept]
    return f"{source.inside(node.args[0], 5)}[{', '.join(places)}]", 5


def _part(source: Source, node: Op) -> Code:
    kept = f"{node.option('start')}:{node.option('stop')}"
    return _along(source, node, node.whole("axis"), kept)


def _at(source: Source, node: Op) -> Code:
    return f"{source.inside(node.args[0], 5)}[{_index(node)}]", 5


def _index(node: Op) -> str:
    index = node.option("index")
    assert isinstance(index, tuple), node
    return ", ".join(map(_chosen, index))


def _chosen(place: Option) -> str:
    match place:
        case None:
            return ":"
        case (tuple(rows),):
            return str(list(rows))
        case (start, stop):
            return f"{start}:{stop}"
    return str(place)


def _place(source: Source, node: Op) -> Code:
    source.helper("placed")
    index = f"np.s_[{_index(node)}]"
    return f"placed({source.text(node.args[0])}, {index}, {node.option('shape')})", 5


def _stack(source: Source, node: Op) -> Code:
    parts = ", ".join(map(source.text, node.args))
    name = "stack" if source.rank(node.args[0]) else "array"
    return f"np.{name}([{parts}])", 5


def _concat(source: Source, node: Op) -> Code:
    parts = ", ".join(map(source.text, node.args))
    axis = node.option("axis", 0)
    return f"np.concatenate([{parts}]{f', axis={axis}' if axis else ''})", 5


def _causal_mask(source: Source, node: Op) -> Code:
    name = source.library
    return f"{name}.triu({name}.full({node.option('shape')}, -{name}.inf), 1)", 5


FORMS: Mapping[str, Form] = MappingProxyType(
    {
        "add": _infix("+", 1),
        "sub": _infix("-", 1),
        "mul": _infix("*", 2),
        "div": _infix("/", 2),
        "matmul": _matmul,
        "pow": _pow,
        "neg": _neg,
        "xlogy": _xlogy,
        "ratio": _ratio,
        "outer": _outer,
        "diag": _diag,
        "diagonal": _numpy("diagonal"),
        "inv": _numpy("linalg.inv"),
        "det": _numpy("linalg.det"),
        "cof": lambda source, node: (
            f"{source.helper('cofactors')}({source.text(node.args[0])})",
            5,
        ),
        "cof_along": lambda source, node: (
            f"{source.helper('cofactors_along')}({', '.join(map(source.text, node.args))})",
            5,
        ),
        "transpose": _transpose,
        "stop_gradient": lambda source, node: (source.inside(node.args[0], 5), 5),
        "relu": _relu,
        "positive_part": _relu,
        "softplus": lambda source, node: (f"np.logaddexp(0, {source.text(node.args[0])})", 5),
        "step": _heaviside,
        "switch": _switch,
        "choose": _choose,
        "clip": _clip,
        "sum": _reduced("np.sum"),
        "mean": _reduced("np.mean"),
        "max": _reduced("np.max"),
        "norm": _reduced("np.linalg.norm"),
        "logsumexp": _logsumexp,
        "argmax": _argmax,
        "column": _subscript(":, None"),
        "row": _subscript("None, :"),
        "flat": _flat,
        "expand": lambda source, node: (
            f"np.expand_dims({source.text(node.args[0])}, {node.option('axis')})",
            5,
        ),
        "spread": _spread,
        "reshape": lambda source, node: (
            f"{source.inside(node.args[0], 5)}.reshape({node.option('shape')})",
            5,
        ),
        "prepend": _grown,
        "append": _grown,
        "drop_first": _shrunk,
        "drop_last": _shrunk,
        "part": _part,
        "at": _at,
        "place": _place,
        "stack": _stack,
        "concat": _concat,
        "pi": lambda source, node: (f"{source.library}.pi", 5),
        "causal_mask": _causal_mask,
        "lowest": lambda source, node: (f"-{source.library}.inf", 3),
    }
    | {
        name: _numpy(name)
        for name in (
            "maximum minimum tanh exp sign log log2 log10 sqrt abs sin cos sinh cosh arctan".split()
        )
    }
)


class NumpySource(Source, frozen=True):
    """Writes expressions in NumPy."""

    library = "np"
    forms = FORMS
    functions = HELPERS

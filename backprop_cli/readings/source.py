"""An expression to a line of NumPy as a person would write it, and the helpers it calls.

What else is written in Python has the same lines with other words: see `torch_source`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from msgspec import Struct, field

from backprop_cli.algebra.expr import Expr, Num, Op, Option, Sym
from backprop_cli.algebra.shapes import Shape, ShapeError
from backprop_cli.operations.definitions import written_out
from backprop_cli.operations.sizes import Sizes
from backprop_cli.operations.table import TABLE, operation
from backprop_cli.readings.source_helpers import HELPERS, Helper

Code: TypeAlias = "tuple[str, int]"
"""The text and its precedence: 1 sums, 2 products, 3 signs, 4 powers, 5 what follows a name."""

ATOM = 6


class NoSourceError(ValueError):
    """There is no one line of NumPy for this operation."""


class Source(Struct, frozen=True):
    """Writes expressions. `names` are the identifiers, `shapes` the shapes of the names.

    `positive`: whether an expression has no entry at or below 0, so that its logarithm and what is
    divided by it need no care. `helpers` collects the functions that have to be defined.
    """

    names: Mapping[str, str]
    shapes: Mapping[str, Shape]
    positive: Callable[[Expr], bool] = lambda expr: False
    helpers: set[str] = field(default_factory=set)

    @property
    def forms(self) -> Mapping[str, Form]:
        """How operations are written."""
        return FORMS

    @property
    def functions(self) -> Mapping[str, Helper]:
        """What a program defines itself."""
        return HELPERS

    def text(self, expr: Expr) -> str:
        """The expression as code."""
        return self.code(expr)[0]

    def inside(self, expr: Expr, floor: int) -> str:
        """The code in parentheses where it binds less than `floor`."""
        text, precedence = self.code(expr)
        return text if precedence >= floor else f"({text})"

    def shape(self, expr: Expr) -> Shape:
        """The shape of an expression; that of a number where it is unknown."""
        try:
            return Sizes(self.shapes, {}).shape(expr)
        except (KeyError, ShapeError):
            return ()

    def rank(self, expr: Expr) -> int:
        """The number of axes."""
        return len(self.shape(expr))

    def code(self, expr: Expr) -> Code:
        """The code and how tightly it binds."""
        if isinstance(expr, Sym):
            return self.names[expr.name], ATOM
        if isinstance(expr, Num):
            return _number(expr)
        form = self.forms.get(expr.name)
        if form is not None:
            return form(self, expr)
        if expr.name in self.functions:
            return self.called(self.helper(expr.name), expr)
        return self.code(self.written_out(expr))

    def written_out(self, node: Op) -> Expr:
        """What has no form of its own in other operations; NoSourceError where the table has it."""
        try:
            found = written_out(node, Sizes(self.shapes, {})) if node.name in TABLE else None
        except (KeyError, ShapeError):
            found = None
        if found is None:
            raise NoSourceError(node.name)
        return found

    def helper(self, name: str) -> str:
        """The name of a function that the program defines."""
        self.helpers.add(name)
        for other in self.functions[name].needs:
            self.helper(other)
        return name

    def called(self, function: str, node: Op, *more: str) -> Code:
        """`function(args, axis=0)`: with the options that differ from the usual ones."""
        parts = [*map(self.text, node.args), *more]
        usual = operation(node).options
        parts += [f"{key}={value!r}" for key, value in node.options if value != usual.get(key, ...)]
        return f"{function}({', '.join(parts)})", 5


def _number(node: Num) -> Code:
    value = node.value
    if value.denominator == 1:
        return str(value.numerator), 3 if value < 0 else ATOM
    if float(value) == value or f"{value.numerator / value.denominator!r}" == repr(float(value)):
        short = repr(float(value))
        if len(short) <= 12:  # 1/3 is clearer than its digits
            return short, 3 if value < 0 else ATOM
    return f"{value.numerator} / {value.denominator}", 2


Form: TypeAlias = Callable[[Source, Op], Code]


def _infix(sign: str, own: int) -> Form:
    def form(source: Source, node: Op) -> Code:
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
    return f"{source.inside(a, 5)} ** {source.inside(b, 4)}", 4


def _neg(source: Source, node: Op) -> Code:
    text, precedence = source.code(node.args[0])
    return (f"-{text}", min(precedence, 3)) if precedence > 1 else (f"-({text})", 3)


def _numpy(name: str, **fixed: str) -> Form:
    more = [f"{key}={value}" for key, value in fixed.items()]

    def form(source: Source, node: Op) -> Code:
        return source.called(f"np.{name}", node, *more)

    return form


def _subscripted(name: str, index: str) -> Form:
    """One of several results of a function."""

    def form(source: Source, node: Op) -> Code:
        return f"{source.called(f'np.{name}', node)[0]}[{index}]", 5

    return form


def _with_zero(name: str) -> Form:
    def form(source: Source, node: Op) -> Code:
        return f"np.{name}({source.text(node.args[0])}, 0)", 5

    return form


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


def _helped(name: str) -> Form:
    def form(source: Source, node: Op) -> Code:
        return _reduced(source.helper(name))(source, node)

    return form


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
        return f"np.outer({a}, {b})", 5
    indices = "is,js->sij" if node.whole("samples") == 1 else "si,sj->sij"
    return f'np.einsum("{indices}", {a}, {b})', 5


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
    below, at, above = (node.option(key, usual) for key, usual in _SWITCH)
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


_SWITCH = (("below", 0), ("at", 0), ("above", 1))


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
        "logdet": _subscripted("linalg.slogdet", "1"),
        "transpose": _transpose,
        "relu": _with_zero("maximum"),
        "positive_part": _with_zero("maximum"),
        "softplus": lambda source, node: (f"np.logaddexp(0, {source.text(node.args[0])})", 5),
        "step": _heaviside,
        "switch": _switch,
        "choose": _choose,
        "clip": _clip,
        "sum": _reduced("np.sum"),
        "mean": _reduced("np.mean"),
        "max": _reduced("np.max"),
        "norm": _reduced("np.linalg.norm"),
        "logsumexp": _helped("logsumexp"),
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
        "pi": lambda source, node: ("np.pi", 5),
        "causal_mask": lambda source, node: (
            f"np.triu(np.full({node.option('shape')}, -np.inf), 1)",
            5,
        ),
    }
    | {
        name: _numpy(name)
        for name in (
            "maximum minimum tanh exp sign log log2 log10 sqrt abs sin cos sinh cosh".split()
        )
    }
)

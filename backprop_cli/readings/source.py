"""An expression to a line of Python as a person would write it, and the helpers it calls.

How each operation is written is for who speaks NumPy, or PyTorch, to say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from msgspec import Struct, field

from backprop_cli.algebra.expr import Expr, Num, Op, Sym
from backprop_cli.algebra.shapes import Shape, ShapeError
from backprop_cli.operations.definitions import written_out
from backprop_cli.operations.sizes import Sizes
from backprop_cli.operations.table import TABLE, operation

Code: TypeAlias = "tuple[str, int]"
"""The text and its precedence: 1 sums, 2 products, 3 signs, 4 powers, 5 what follows a name."""

ATOM = 6


class NoSourceError(ValueError):
    """There is no one line of Python for this operation."""


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
        raise NotImplementedError

    @property
    def functions(self) -> Mapping[str, Helper]:
        """What a program defines itself."""
        raise NotImplementedError

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
"""How one operation is written."""


# Helpers ------------------------------------------------------------------------------------------


class Helper(Struct, frozen=True):
    """A function that a program defines where it is used, and those it calls."""

    lines: str
    needs: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()


HELPERS: Mapping[str, Helper] = MappingProxyType(
    {
        "sigmoid": Helper("def sigmoid(z):\n    return 1 / (1 + np.exp(-z))"),
        "softmax": Helper(
            "def softmax(z, axis=None):\n"
            "    powers = np.exp(z - np.max(z, axis=axis, keepdims=True))  # no overflow\n"
            "    return powers / np.sum(powers, axis=axis, keepdims=True)"
        ),
        "log_softmax": Helper(
            "def log_softmax(z, axis=None):\n    return z - logsumexp(z, axis=axis, keepdims=True)",
            ("logsumexp",),
        ),
        "logsumexp": Helper(
            "def logsumexp(z, axis=None, keepdims=False):\n"
            "    return np.logaddexp.reduce(z, axis=axis, keepdims=keepdims)"
        ),
        "first_largest": Helper(
            "def first_largest(z, axis=None):\n"
            "    top = z == np.max(z, axis=axis, keepdims=True)\n"
            "    return top & (np.cumsum(top, axis=axis).reshape(z.shape) == 1)"
        ),
        "log_others": Helper(
            "def log_others(z, axis=None):  # ln(1 - softmax), of the largest through the others\n"
            "    top = first_largest(z, axis)\n"
            "    rest = logsumexp(np.where(top, -np.inf, z), axis, True)\n"
            "    of_top = rest - logsumexp(z, axis, True)\n"
            "    return np.where(top, of_top, np.log1p(-np.where(top, 0, softmax(z, axis))))",
            ("first_largest", "logsumexp", "softmax"),
        ),
        "others_share": Helper(
            "def others_share(g, z, axis=None):  # the sum over i != j of g_i p_j / (1 - p_i)\n"
            "    top, p = first_largest(z, axis), softmax(z, axis)\n"
            "    weights = np.where(top, 0, g / (1 - np.where(top, 0, p)))\n"
            "    if z.shape[axis or 0] == 1:\n"
            "        return np.zeros(z.shape)\n"
            "    of_top = np.sum(np.where(top, g, 0), axis=axis, keepdims=True)\n"
            "    others = softmax(np.where(top, -np.inf, z), axis)\n"
            "    rest = np.sum(weights, axis=axis, keepdims=True) - weights\n"
            "    return p * rest + of_top * others",
            ("first_largest", "softmax"),
        ),
        "leaky_relu": Helper(
            "def leaky_relu(z, slope=0.01):\n    return np.where(z > 0, z, slope * z)"
        ),
        "elu": Helper(
            "def elu(z, alpha=1):\n"
            "    return np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0)))"
        ),
        "silu": Helper("def silu(z):\n    return z * sigmoid(z)", ("sigmoid",)),
        "gelu": Helper("def gelu(z):\n    return z * normal_cdf(z)", ("normal_cdf",)),
        "normal_cdf": Helper(
            "def normal_cdf(z):\n    return np.vectorize(math.erfc)(-z / math.sqrt(2)) / 2",
            imports=("math",),
        ),
        "normal_pdf": Helper(
            "def normal_pdf(z):\n    return np.exp(-z * z / 2) / np.sqrt(2 * np.pi)"
        ),
        "erf": Helper("def erf(z):\n    return np.vectorize(math.erf)(z)", imports=("math",)),
        "logdet": Helper(
            "def logdet(a):\n"
            "    sign, size = np.linalg.slogdet(a)\n"
            "    return size if sign > 0 else np.nan"
        ),
        "huber": Helper(
            "def huber(e, delta=1):\n"
            "    size = np.abs(e)\n"
            "    return np.where(size <= delta, e * e / 2, delta * (size - delta / 2))"
        ),
        "largest_shares": Helper(
            'def largest_shares(x, axis=None, at_tie="first"):\n'
            "    top = np.isclose(x, np.max(x, axis=axis, keepdims=True), rtol=1e-13, atol=0)\n"
            '    if at_tie == "first":\n'
            "        return 1.0 * (top & (np.cumsum(top, axis=axis).reshape(x.shape) == 1))\n"
            "    count = np.sum(top, axis=axis, keepdims=True)\n"
            '    share = 1 / count if at_tie == "shared" else np.where(count > 1, at_tie, 1.0)\n'
            "    return np.where(top, share, 0.0)"
        ),
        "xlogy": Helper(
            "def xlogy(y, p):\n"
            '    with np.errstate(divide="ignore", invalid="ignore"):\n'
            "        return np.where(y == 0, 0.0, y * np.log(p))  # 0 ln 0 is 0"
        ),
        "ratio": Helper(
            "def ratio(y, p):\n"
            '    with np.errstate(divide="ignore", invalid="ignore"):\n'
            "        return np.where(y == 0, 0.0, y / p)  # 0 / 0 is 0 here"
        ),
        "diagonals": Helper(
            "def diagonals(rows):\n"
            "    return rows[:, :, None] * np.eye(rows.shape[1])  # a matrix for each row"
        ),
        "zero_padded": Helper(
            "def zero_padded(x, width, axes=2):  # zeros around; below 0 taken away\n"
            "    each = np.broadcast_to(width, axes)\n"
            "    more = [(0, 0)] * (x.ndim - axes) + [(max(w, 0),) * 2 for w in each]\n"
            "    less = [max(-w, 0) for w in each]\n"
            "    kept = [slice(w, n - w) for w, n in zip(less, x.shape[-axes:])]\n"
            "    return np.pad(x[(..., *kept)], more)"
        ),
        "zeros_between": Helper(
            "def zeros_between(x, step=1, axes=2):  # step - 1 zeros between neighbours\n"
            "    places = tuple((n - 1) * step + 1 for n in x.shape[-axes:])\n"
            "    wide = np.zeros(x.shape[:-axes] + places)\n"
            "    wide[(..., *(slice(None, None, step),) * axes)] = x\n"
            "    return wide"
        ),
        "rot": Helper(
            "def rot(x, axes=None):  # turned by 180 degrees\n"
            "    return np.flip(x, tuple(range(-(axes or min(2, x.ndim)), 0)))"
        ),
        "slid": Helper(
            "def slid(x, window, stride=1):  # the windows at every place of the last axes\n"
            "    axes = len(window)\n"
            "    last = tuple(range(-axes, 0))\n"
            "    views = np.lib.stride_tricks.sliding_window_view(x, window, last)\n"
            "    steps = (slice(None, None, stride),) * axes\n"
            "    return views[(..., *steps, *(slice(None),) * axes)]"
        ),
        "conv": Helper(
            "def conv(x, k, stride=1, padding=0, axes=None):\n"
            "    axes = axes or min(2, x.ndim)\n"
            "    wide = zero_padded(x, padding, axes)\n"
            "    channels = wide.reshape(-1, *wide.shape[-axes:])\n"
            "    filters = k.reshape(-1, len(channels), *k.shape[-axes:])\n"
            "    views = slid(channels, k.shape[-axes:], stride)\n"
            "    inner = range(2, 2 + axes), range(1 + axes, 1 + 2 * axes)\n"
            "    z = np.tensordot(filters, views, ((1, *inner[0]), (0, *inner[1])))\n"
            "    return z if k.ndim > x.ndim else z[0]",
            ("zero_padded", "slid"),
        ),
        "conv_input": Helper(
            "def conv_input(g, k, stride=1, padding=0, axes=2):  # gradient of x\n"
            "    around = [n - 1 - padding for n in k.shape[-axes:]]\n"
            "    wide = zero_padded(zeros_between(g, stride, axes), around, axes)\n"
            "    wide = wide.reshape(-1, *wide.shape[-axes:])\n"
            "    turned = rot(k.reshape(len(wide), -1, *k.shape[-axes:]), axes).swapaxes(0, 1)\n"
            "    z = conv(wide, turned, axes=axes)\n"
            "    return z if k.ndim > g.ndim else z[0]",
            ("zeros_between", "zero_padded", "rot", "conv"),
        ),
        "conv_kernel": Helper(
            "def conv_kernel(x, g, stride=1, padding=0, axes=2):  # gradient of k\n"
            "    wide = zero_padded(x, padding, axes)\n"
            "    far = zeros_between(g, stride, axes)\n"
            "    views = slid(wide, far.shape[-axes:])\n"
            "    inner = range(far.ndim - axes, far.ndim), range(views.ndim - axes, views.ndim)\n"
            "    return np.tensordot(far, views, inner)",
            ("zero_padded", "zeros_between", "slid"),
        ),
        "window_entries": Helper(
            "def window_entries(x, size=2, stride=None, axes=2):  # the entries of each in a row\n"
            "    views = slid(x, (size,) * axes, stride or size)\n"
            "    return views.reshape(*views.shape[: x.ndim], size**axes)",
            ("slid",),
        ),
        "window_sums": Helper(
            "def window_sums(w, size=2, stride=None, axes=2):  # each entry back to its place\n"
            "    step, counts = stride or size, w.shape[-axes - 1 : -1]\n"
            "    places = tuple((n - 1) * step + size for n in counts)\n"
            "    whole = np.zeros(w.shape[: -axes - 1] + places)\n"
            "    for number, offsets in enumerate(np.ndindex(*(size,) * axes)):\n"
            "        ends = (o + (n - 1) * step + 1 for o, n in zip(offsets, counts))\n"
            "        slices = [slice(o, end, step) for o, end in zip(offsets, ends)]\n"
            "        whole[(..., *slices)] += w[..., number]\n"
            "    return whole"
        ),
        "max_pool": Helper(
            "def max_pool(x, size=2, stride=None, axes=None):\n"
            "    return window_entries(x, size, stride, axes or min(2, x.ndim)).max(axis=-1)",
            ("window_entries",),
        ),
        "per_channel": Helper(
            "def per_channel(b, shape):  # a number for each channel\n"
            "    return np.broadcast_to(b.reshape(-1, *(1,) * (len(shape) - 1)), shape)"
        ),
        "placed": Helper(
            "def placed(value, index, shape):\n"
            "    whole = np.zeros(shape)\n"
            "    np.add.at(whole, index, value)\n"
            "    return whole"
        ),
    }
)
"""What NumPy has no name for."""

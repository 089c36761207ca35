"""An expression to a line of Python as a person would write it, and the helpers it calls.

How each operation is written is for who speaks NumPy, or PyTorch, to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, TypeAlias

from msgspec import Struct, field

from backprop_cli.algebra.expr import Expr, Num, Op, Sym
from backprop_cli.algebra.shapes import Shape, ShapeError
from backprop_cli.operations.table import TABLE, Sizes, operation, written_out

Code: TypeAlias = "tuple[str, int]"
"""The text and its precedence: 1 sums, 2 products, 3 signs, 4 powers, 5 what follows a name."""

ATOM = 6


class NoSourceError(ValueError):
    """There is no one line of Python for this operation."""


class Source(Struct, frozen=True):
    """Writes expressions. `names` are the identifiers, `shapes` the shapes of the names.

    `positive`: whether an expression has no entry at or below 0, so that its logarithm and what is
    divided by it need no care. `helpers` collects the functions that have to be defined.

    A `library` says what its functions are called behind, `forms` how operations are written with
    it, and `functions` what a program has to define itself.
    """

    names: Mapping[str, str]
    shapes: Mapping[str, Shape]
    positive: Callable[[Expr], bool] = lambda expr: False
    helpers: set[str] = field(default_factory=set)
    library: ClassVar[str]
    forms: ClassVar[Mapping[str, Form]]
    functions: ClassVar[Mapping[str, Helper]]

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


Form: TypeAlias = Callable[[Any, Op], Code]
"""How one operation is written, by a source that may know more than any does."""


# Helpers ------------------------------------------------------------------------------------------


class Helper(Struct, frozen=True):
    """A function that a program defines where it is used, and those it calls."""

    lines: str
    needs: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()


def helpers(program: str) -> Mapping[str, Helper]:
    """The functions that a program defines, by name: each needs those of them that it calls."""
    texts = {name: text for text, name in _functions(program)}
    return MappingProxyType({name: _helper(name, text, texts) for name, text in texts.items()})


def _helper(name: str, text: str, all_: Collection[str]) -> Helper:
    needs = (each for each in dict.fromkeys(_calls(text)) if each in all_ and each != name)
    return Helper(text, tuple(needs), ("math",) if "math." in text else ())


_functions = re.compile(r"^(def (\w+).*(?:\n +.*)*)", re.MULTILINE).findall
_calls = re.compile(r"(?<![.\w])\w+(?=\()").findall


HELPERS = helpers("""
def sigmoid(z):
    return 1 / (1 + np.exp(-z))

def softmax(z, axis=None):
    powers = np.exp(z - np.max(z, axis=axis, keepdims=True))  # no overflow
    return powers / np.sum(powers, axis=axis, keepdims=True)

def log_softmax(z, axis=None):
    below = z - np.max(z, axis=axis, keepdims=True)  # no digits lost
    return below - logsumexp(below, axis=axis, keepdims=True)

def logsumexp(z, axis=None, keepdims=False):
    return np.logaddexp.reduce(z, axis=axis, keepdims=keepdims)

def first_largest(z, axis=None):
    top = z == np.max(z, axis=axis, keepdims=True)
    return top & (np.cumsum(top, axis=axis).reshape(z.shape) == 1)

def log_others(z, axis=None):  # ln(1 - softmax), of the largest through the others
    top, below = first_largest(z, axis), z - np.max(z, axis=axis, keepdims=True)
    rest = logsumexp(np.where(top, -np.inf, below), axis, True)
    of_top = rest - logsumexp(below, axis, True)
    return np.where(top, of_top, np.log1p(-np.where(top, 0, softmax(z, axis))))

def others_share(g, z, axis=None):  # the sum over i != j of g_i p_j / (1 - p_i)
    top, p = first_largest(z, axis), softmax(z, axis)
    weights = np.where(top, 0, g / (1 - np.where(top, 0, p)))
    if z.shape[axis or 0] == 1:
        return np.zeros(z.shape)
    of_top = np.sum(np.where(top, g, 0), axis=axis, keepdims=True)
    others = softmax(np.where(top, -np.inf, z), axis)
    rest = np.sum(weights, axis=axis, keepdims=True) - weights
    return p * rest + of_top * others

def leaky_relu(z, slope=0.01):
    return np.where(z > 0, z, slope * z)

def elu(z, alpha=1):
    return np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0)))

def silu(z):
    return z * sigmoid(z)

def gelu(z):
    return z * normal_cdf(z)

def normal_cdf(z):
    return np.vectorize(math.erfc)(-z / math.sqrt(2)) / 2

def normal_pdf(z):
    return np.exp(-z * z / 2) / np.sqrt(2 * np.pi)

def erf(z):
    return np.vectorize(math.erf)(z)

def cofactors(a):
    size = range(len(a))
    left = lambda i, j: np.delete(np.delete(a, i, 0), j, 1)
    return np.array([[(-1) ** (i + j) * np.linalg.det(left(i, j)) for j in size] for i in size])

def cofactors_along(a, *steps, moved=()):  # row after row gives way to that of a step
    kept = 1.0 * np.array([[row not in moved] for row in range(len(a))])
    if not steps:
        return kept * cofactors(a)
    total = np.zeros(np.shape(a))
    for row in np.flatnonzero(kept):
        other = np.where(np.arange(len(a))[:, None] == row, steps[0], a)
        total += cofactors_along(other, *steps[1:], moved=(*moved, row))
    return total

def logdet(a):
    sign, size = np.linalg.slogdet(a)
    return size if sign > 0 else np.nan

def huber(e, delta=1):
    size = np.abs(e)
    return np.where(size <= delta, e * e / 2, delta * (size - delta / 2))

def largest_shares(x, axis=None, at_tie="first"):
    top = np.isclose(x, np.max(x, axis=axis, keepdims=True), rtol=1e-13, atol=0)
    if at_tie == "first":
        return 1.0 * (top & (np.cumsum(top, axis=axis).reshape(x.shape) == 1))
    count = np.sum(top, axis=axis, keepdims=True)
    share = 1 / count if at_tie == "shared" else np.where(count > 1, at_tie, 1.0)
    return np.where(top, share, 0.0)

def xlogy(y, p):
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(y == 0, 0.0, y * np.log(p))  # 0 ln 0 is 0

def ratio(y, p):
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(y == 0, 0.0, y / p)  # 0 / 0 is 0 here

def diagonals(rows):
    return rows[:, :, None] * np.eye(rows.shape[1])  # a matrix for each row

def zero_padded(x, width, axes=2):  # zeros around; below 0 taken away
    each = np.broadcast_to(width, axes)
    more = [(0, 0)] * (x.ndim - axes) + [(max(w, 0),) * 2 for w in each]
    less = [max(-w, 0) for w in each]
    kept = [slice(w, n - w) for w, n in zip(less, x.shape[-axes:])]
    return np.pad(x[(..., *kept)], more)

def low_padded(x, width, axes=2):  # -inf around, which is never the largest
    inside = zero_padded(np.ones(x.shape), width, axes)
    return np.where(inside == 1, zero_padded(x, width, axes), -np.inf)

def zeros_between(x, step=1, axes=2):  # step - 1 zeros between neighbours
    places = tuple((n - 1) * step + 1 for n in x.shape[-axes:])
    wide = np.zeros(x.shape[:-axes] + places)
    wide[(..., *(slice(None, None, step),) * axes)] = x
    return wide

def rot(x, axes=None):  # turned by 180 degrees
    return np.flip(x, tuple(range(-(axes or min(2, x.ndim)), 0)))

def slid(x, window, stride=1, apart=1):  # the windows at every place of the last axes
    axes = len(window)
    last = tuple(range(-axes, 0))
    reach = tuple(apart * (n - 1) + 1 for n in window)
    views = np.lib.stride_tricks.sliding_window_view(x, reach, last)
    steps = (slice(None, None, stride),) * axes
    return views[(..., *steps, *(slice(None, None, apart),) * axes)]

def conv(x, k, stride=1, padding=0, dilation=1, axes=None):
    axes = axes or min(2, x.ndim)
    wide = zero_padded(x, padding, axes)
    channels = wide.reshape(-1, *wide.shape[-axes:])
    filters = k.reshape(-1, len(channels), *k.shape[-axes:])
    views = slid(channels, k.shape[-axes:], stride, dilation)
    inner = range(2, 2 + axes), range(1 + axes, 1 + 2 * axes)
    z = np.tensordot(filters, views, ((1, *inner[0]), (0, *inner[1])))
    return z if k.ndim > x.ndim else z[0]

def conv_transpose(g, k, stride=1, padding=0, dilation=1, axes=None):  # gradient of conv's x
    axes = axes or min(2, g.ndim)
    k = zeros_between(k, dilation, axes)
    around = [n - 1 - padding for n in k.shape[-axes:]]
    wide = zero_padded(zeros_between(g, stride, axes), around, axes)
    wide = wide.reshape(-1, *wide.shape[-axes:])
    turned = rot(k.reshape(len(wide), -1, *k.shape[-axes:]), axes).swapaxes(0, 1)
    z = conv(wide, turned, axes=axes)
    return z if k.ndim > g.ndim else z[0]

def conv_kernel(x, g, stride=1, padding=0, dilation=1, axes=2):  # gradient of k
    wide = zero_padded(x, padding, axes)
    far = zeros_between(g, stride, axes)
    views = slid(wide, far.shape[-axes:], dilation)
    inner = range(far.ndim - axes, far.ndim), range(views.ndim - axes, views.ndim)
    return np.tensordot(far, views, inner)

def window_entries(x, size=2, stride=None, axes=2):  # the entries of each in a row
    views = slid(x, (size,) * axes, stride or size)
    return views.reshape(*views.shape[: x.ndim], size**axes)

def window_sums(w, size=2, stride=None, axes=2):  # each entry back to its place
    step, counts = stride or size, w.shape[-axes - 1 : -1]
    places = tuple((n - 1) * step + size for n in counts)
    whole = np.zeros(w.shape[: -axes - 1] + places)
    for number, offsets in enumerate(np.ndindex(*(size,) * axes)):
        ends = (o + (n - 1) * step + 1 for o, n in zip(offsets, counts))
        slices = [slice(o, end, step) for o, end in zip(offsets, ends)]
        whole[(..., *slices)] += w[..., number]
    return whole

def max_pool(x, size=2, stride=None, axes=None):
    return window_entries(x, size, stride, axes or min(2, x.ndim)).max(axis=-1)

def per_channel(b, shape):  # a number for each channel
    return np.broadcast_to(b.reshape(-1, *(1,) * (len(shape) - 1)), shape)

def placed(value, index, shape):
    whole = np.zeros(shape)
    np.add.at(whole, index, value)
    return whole
""")
"""What NumPy has no name for."""

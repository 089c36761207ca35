"""An expression to a line of PyTorch whose derivative autograd takes as the problem has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from msgspec import field

from backprop_cli.algebra.build import levels
from backprop_cli.algebra.expr import Expr, Num, Op, Sym, num, op, walk
from backprop_cli.operations.arithmetic import parts_of
from backprop_cli.operations.pooling import pool_of
from backprop_cli.operations.table import TABLE
from backprop_cli.readings.numpy_source import FORMS
from backprop_cli.readings.source import Code, Form, NoSourceError, Source
from backprop_cli.readings.torch_helpers import TORCH_HELPERS

_NUMBERS = frozenset({"add", "sub", "mul", "div", "neg", "pow", "pi"})


def _call(function: str, *parts: str) -> Code:
    return f"{function}({', '.join(parts)})", 5


def _torch(name: str, *more: str) -> Form:
    return lambda source, node: _call(f"torch.{name}", *map(source.tensor, node.args), *more)


def _elu(source: TorchSource, node: Op) -> Code:
    alpha = str(node.option("alpha", 1))
    return _call("torch.nn.functional.elu", source.tensor(node.args[0]), alpha)


def _reduced(name: str, *, always: bool = False) -> Form:
    def form(source: TorchSource, node: Op) -> Code:
        dims = source.dims(node, always=always)
        return _call(f"torch.{name}", source.tensor(node.args[0]), *dims)

    return form


def _along(name: str) -> Form:
    """What looks along an axis and keeps it."""

    def form(source: TorchSource, node: Op) -> Code:
        axis = node.option("axis", 0)
        return _call(f"torch.{name}", source.tensor(node.args[0]), f"dim={axis}")

    return form


def _logsumexp(source: TorchSource, node: Op) -> Code:
    if not source.rank(node.args[0]):
        return source.code(node.args[0])
    return _reduced("logsumexp", always=True)(source, node)


def _variance(source: TorchSource, node: Op) -> Code:
    dims = source.dims(node)
    return _call("torch.var", source.tensor(node.args[0]), *dims, "correction=0")


# Kinks --------------------------------------------------------------------------------------------


def _kinked(name: str, kink: str, helper: str) -> Form:
    """A function with one kink at 0, where PyTorch takes 0 for its slope."""

    def form(source: TorchSource, node: Op) -> Code:
        slope = source.own_slope(kink, 0)
        text = source.tensor(node.args[0])
        if slope is None or not source.may_be_zero(node.args[0]):
            return _call(f"torch.{name}", text)
        return _call(source.helper(helper), text, repr(slope))

    return form


def _leaky_relu(source: TorchSource, node: Op) -> Code:
    slope = float(str(node.option("slope", 0.01)))
    at_zero = source.own_slope("leaky-relu", slope)
    text = source.tensor(node.args[0])
    if at_zero is None or not source.may_be_zero(node.args[0]):
        return _call("torch.nn.functional.leaky_relu", text, repr(slope))
    return _call(source.helper("leaky_relu"), text, repr(slope), repr(at_zero))


def _relu6(source: TorchSource, node: Op) -> Code:
    (z,) = node.args
    if any(source.may_be_zero(part) for part in (z, op("sub", z, num(6)))):
        return source.code(source.written_out(node))
    return _call("torch.nn.functional.relu6", source.tensor(z))


def _step(source: TorchSource, node: Op) -> Code:
    at_zero = repr(float(str(node.option("at_zero", 1))))
    slope = repr(float(source.kinks.get("step", 0)))
    return _call(source.helper("hard_step"), source.tensor(node.args[0]), at_zero, slope)


def _largest(name: str, first_sign: str) -> Form:
    """max(a, b) or min(a, b), shared where both are the same as the problem shares it."""

    def form(source: TorchSource, node: Op) -> Code:
        a, b = map(source.tensor, node.args)
        if not source.may_be_zero(op("sub", *node.args)):
            return _call(f"torch.{name}", a, b)
        tie = source.kinks.get("max", "first")
        if tie == "first":
            return _call("torch.where", f"{a} {first_sign} {b}", a, b)
        parts = [source.tensor(part) for part in parts_of(node)]
        helper = source.helper("largest" if name == "maximum" else "smallest")
        return _call(helper, f"[{', '.join(parts)}]", repr(tie))

    return form


def _max(source: TorchSource, node: Op) -> Code:
    tie = source.kinks.get("max", "first")
    (x,) = node.args
    if not source.rank(x):
        return source.code(x)
    is_tied = source.may_be_zero(op("sub", x, Op("max", (x,), node.with_options(keep=1).options)))
    if tie == "shared" or not is_tied:  # of which there is always one
        return _reduced("amax")(source, node)
    text, axis = source.tensor(x), node.option("axis")
    if tie == "first" and (axis is not None or source.rank(x) == 1) and not node.option("keep"):
        return f"torch.max({text}, dim={axis or 0}).values", 5
    return _call(source.helper("largest_along"), text, *_axes(node), repr(tie))


def _max_pool(source: TorchSource, node: Op) -> Code:
    """The usual one has its gradient at the first of equal entries: others are of the windows."""
    tie = source.kinks.get("max", "first")
    if tie == "first":
        return source.called(source.helper("max_pool"), node)
    (x,) = node.args
    windows = source.text(op("window_entries", x, **pool_of(node, source.shape(x)).options))
    if tie == "shared":  # as PyTorch does here
        return _call("torch.amax", windows, "dim=-1")
    return _call(source.helper("largest_along"), windows, "-1", "False", repr(tie))


def _axes(node: Op) -> tuple[str, str]:
    return repr(node.option("axis")), repr(bool(node.option("keep")))


# The rest -----------------------------------------------------------------------------------------


def _xlogy(source: TorchSource, node: Op) -> Code:
    y, p = node.args
    if source.positive(p):
        return f"{source.inside(y, 2)} * torch.log({source.tensor(p)})", 2
    return _call(source.helper("xlogy"), source.tensor(y), source.tensor(p))


def _diag(source: TorchSource, node: Op) -> Code:
    text = source.text(node.args[0])
    if node.option("samples") is None:
        return _call("torch.diag", text)
    rows = f"{source.inside(node.args[0], 5)}.T" if node.whole("samples") == 1 else text
    return _call("torch.diag_embed", rows)


def _clip(source: TorchSource, node: Op) -> Code:
    limit = node.option("limit", 1)
    return _call("torch.clamp", source.tensor(node.args[0]), f"-{limit}", f"{limit}")


def _choose(source: TorchSource, node: Op) -> Code:
    x, yes, no = node.args
    return _call("torch.where", f"{source.inside(x, 1)} > 0", source.text(yes), source.text(no))


def _switch(source: TorchSource, node: Op) -> Code:
    """A comparison: autograd is told that it does not rise anywhere."""
    constants = [repr(float(str(level))) for level in levels(node)]
    return _call(source.helper("switch"), source.tensor(node.args[0]), *constants)


def _determinant(source: TorchSource, node: Op) -> Code:
    name = source.helper("determinant") if source.may_be_zero(node) else "torch.linalg.det"
    return _call(name, source.text(node.args[0]))


def _logdet(source: TorchSource, node: Op) -> Code:
    return f"torch.logdet({source.text(node.args[0])})", 5


def _argmax(source: TorchSource, node: Op) -> Code:
    text, precedence = _reduced("argmax")(source, node)
    first = node.option("first", 0)
    return (f"{text} + {first}", 1) if first else (text, precedence)


def _grown(source: TorchSource, node: Op) -> Code:
    x, constant = node.args
    shape = source.shape(x)
    axis = node.whole("axis") % len(shape)
    border = (*shape[:axis], 1, *shape[axis + 1 :])
    filled = f"torch.full({border}, {source.text(constant)}, dtype=torch.float64)"
    if not source.is_plain(constant):
        filled = f"torch.broadcast_to({source.text(constant)}, {border})"
    parts = (filled, source.text(x)) if node.name == "prepend" else (source.text(x), filled)
    return _call("torch.cat", f"[{', '.join(parts)}]", *([f"dim={axis}"] if axis else []))


def _spread(source: TorchSource, node: Op) -> Code:
    (inner,) = node.args
    shape = str(node.option("shape"))
    if source.is_plain(inner):
        return _call("torch.full", shape, source.text(inner), "dtype=torch.float64")
    text = source.text(inner)
    if node.option("axis") is not None and source.rank(inner):
        text = _call("torch.unsqueeze", text, f"dim={node.option('axis')}")[0]
    return _call("torch.broadcast_to", text, shape)


def _stack(source: TorchSource, node: Op) -> Code:
    return _call("torch.stack", f"[{', '.join(map(source.tensor, node.args))}]")


def _concat(source: TorchSource, node: Op) -> Code:
    axis = node.option("axis", 0)
    parts = ", ".join(map(source.text, node.args))
    return _call("torch.cat", f"[{parts}]", *([f"dim={axis}"] if axis else []))


def _huber(source: TorchSource, node: Op) -> Code:
    delta = str(node.option("delta", 1))
    return _call(source.helper("huber"), source.tensor(node.args[0]), delta)


_AS_IN_NUMPY = (
    "add sub mul div pow neg matmul outer transpose column row flat reshape drop_first drop_last"
    " part at pi causal_mask"
).split()
_SAME_NAME = (
    "sigmoid tanh exp log log2 log10 sqrt sin cos sinh cosh arctan erf sign diagonal logaddexp"
).split()

_FORMS: Mapping[str, Form] = MappingProxyType(
    {name: FORMS[name] for name in _AS_IN_NUMPY}
    | {name: _torch(name) for name in _SAME_NAME}
    | {
        "stop_gradient": lambda source, node: (
            f"{source.inside(node.args[0], 5)}.detach().requires_grad_()",
            5,
        ),
        "relu": _kinked("relu", "relu", "relu"),
        "positive_part": _kinked("relu", "hinge", "relu"),
        "abs": _kinked("abs", "abs", "absolute"),
        "leaky_relu": _leaky_relu,
        "relu6": _relu6,
        "step": _step,
        "maximum": _largest("maximum", ">="),
        "minimum": _largest("minimum", "<="),
        "max": _max,
        "max_pool": _max_pool,
        "elu": _elu,
        "softplus": _torch("nn.functional.softplus", "threshold=50"),
        "silu": _torch("nn.functional.silu"),
        "gelu": _torch("nn.functional.gelu"),
        "mish": _torch("nn.functional.mish"),
        "softsign": _torch("nn.functional.softsign"),
        "normal_cdf": _torch("special.ndtr"),
        "huber": _huber,
        "clip": _clip,
        "switch": _switch,
        "inv": _torch("linalg.inv"),
        "det": _determinant,
        "cof": lambda source, node: _call(source.helper("cofactors"), source.text(node.args[0])),
        "cof_along": lambda source, node: _call(
            source.helper("cofactors_along"), *map(source.text, node.args)
        ),
        "logdet": _logdet,
        "choose": _choose,
        "xlogy": _xlogy,
        "sum": _reduced("sum"),
        "mean": _reduced("mean"),
        "var": _variance,
        "norm": _reduced("linalg.vector_norm"),
        "logsumexp": _logsumexp,
        "softmax": _along("softmax"),
        "log_softmax": _along("log_softmax"),
        "argmax": _argmax,
        "diag": _diag,
        "expand": lambda source, node: _call(
            "torch.unsqueeze", source.text(node.args[0]), f"dim={node.option('axis')}"
        ),
        "spread": _spread,
        "prepend": _grown,
        "append": _grown,
        "stack": _stack,
        "concat": _concat,
    }
)


class TorchSource(Source, frozen=True):
    """Writes expressions for autograd.

    `kinks` are the values that the problem takes for derivatives that do not exist, and
    `may_be_zero` says whether an expression has an entry at 0, where they matter. `plain` are the
    names of what is a number of Python and no tensor.
    """

    kinks: Mapping[str, Any] = field(default_factory=dict)
    may_be_zero: Callable[[Expr], bool] = lambda expr: True
    plain: frozenset[str] = frozenset()
    library = "torch"
    forms = _FORMS
    functions = TORCH_HELPERS

    def written_out(self, node: Op) -> Expr:
        """The node in other operations, but for what only derivatives have: they are autograd's."""
        if node.name in TABLE and not TABLE[node.name].public:
            raise NoSourceError(node.name)
        return super().written_out(node)

    def tensor(self, expr: Expr) -> str:
        """The code of what has to be a tensor: functions of PyTorch take no numbers of Python."""
        text = self.text(expr)
        return f"torch.tensor({text}, dtype=torch.float64)" if self.is_plain(expr) else text

    def is_plain(self, expr: Expr) -> bool:
        """Whether the code of an expression gives a number of Python."""
        return all(
            isinstance(node, Num)
            or (isinstance(node, Op) and node.name in _NUMBERS)
            or (isinstance(node, Sym) and node.name in self.plain)
            for node in walk(expr)
        )

    def own_slope(self, kink: str, usual: float) -> float | None:
        """The slope at the kink that the problem takes, where PyTorch takes another."""
        value = float(self.kinks.get(kink, usual))
        return None if value == usual else value

    def dims(self, node: Op, *, always: bool = False) -> list[str]:
        """`dim=0, keepdim=True`; `always`: also where all axes are meant."""
        axis, rank = node.option("axis"), self.rank(node.args[0])
        found = [] if axis is None else [f"dim={axis}"]
        if axis is None and always:
            found = ["dim=0"] if rank == 1 else [f"dim={tuple(range(rank))}"]
        if not node.option("keep"):
            return found
        return [*(found or [f"dim={tuple(range(rank))}"]), "keepdim=True"]

"""The slips as rewrites: the right formula of a quantity to what a student computes instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from backprop_cli.algebra.expr import (
    Expr,
    Num,
    Op,
    Sym,
    num,
    op,
    rewrite,
    substitute,
    symbols,
    walk,
)
from backprop_cli.algebra.shapes import Shape, ShapeError
from backprop_cli.grading.variants import consumers
from backprop_cli.operations.sizes import Sizes
from backprop_cli.operations.table import TABLE
from backprop_cli.problem.model import Model
from backprop_cli.solving.plan import Planned, quotient

TWO, HALF = num(2), num("1/2")
_DEEPEST = 4  # states stand behind states: mhat behind m behind the old m


@dataclass(frozen=True, slots=True)
class Case:
    """One quantity of a problem: its planned step, all steps by id, the sizes of every name."""

    model: Model
    step: Planned
    steps: Mapping[str, Planned]
    sizes: Sizes
    asked: frozenset[str] = frozenset()

    @property
    def expr(self) -> Expr:
        """The right formula."""
        return self.step.expr

    def cases(self) -> Iterator[Case]:
        """The quantity itself, and as it is when what is not asked is worked out on the way."""
        yield self
        inlined = self.inlined(self.expr)
        if inlined != self.expr:
            yield replace(self, step=replace(self.step, expr=inlined))

    def inlined(self, expr: Expr) -> Expr:
        """A formula with everything that nobody is asked to write put in."""
        for _ in range(_DEEPEST):
            hidden = {name: self.steps[name].expr for name in symbols(expr) if self.is_hidden(name)}
            if not hidden:
                break
            expr = substitute(expr, hidden)
        return expr

    def is_hidden(self, name: str) -> bool:
        """Whether a quantity is neither given nor asked, and small enough to be put in."""
        step = self.steps.get(name)
        if step is None or name in self.asked or step.phase == "jacobian":
            return False
        return step.rule.endswith("-state") or name in self.model.silent

    @property
    def by(self) -> str | None:
        """The name a gradient of the target is taken by; None for other quantities."""
        pair = quotient(self.step.id)
        return pair[1] if pair is not None and pair[0] == self.model.gradient_of else None

    def shape(self, expr: Expr) -> Shape | None:
        """The shape of a rewritten formula; None where it does not fit together."""
        try:
            return self.sizes.shape(expr)
        except (ShapeError, KeyError):
            return None

    def fitting(self, exprs: Iterator[Expr]) -> Iterator[Expr]:
        """The rewritten formulas that have the shape of the right one, and differ from it."""
        for expr in exprs:
            if expr != self.expr and self.shape(expr) == self.step.shape:
                yield expr


def _everywhere(expr: Expr, match: object, result: object) -> Expr:
    """Every node that `match` accepts replaced by what `result` makes of it."""
    return rewrite(expr, lambda node: result(node) if match(node) else None)  # type: ignore[operator, no-any-return]


def _each(expr: Expr, names: frozenset[str]) -> Iterator[Op]:
    """The nodes that apply one of the operations named."""
    for node in walk(expr):
        if isinstance(node, Op) and node.name in names:
            yield node


def _swap(expr: Expr, old: Expr, new: Expr) -> Expr:
    return rewrite(expr, lambda node: new if node == old else None)


_ACTIVATIONS = frozenset(name for name, entry in TABLE.items() if entry.activation)


# Forward ----------------------------------------------------------------------------------------


def _is_forward(case: Case) -> bool:
    return case.step.phase == "forward" or case.step.rule == "forward-again"


def activation_omitted(case: Case) -> Iterator[Expr]:
    """H = Z."""
    if not _is_forward(case) or case.step.shape == ():
        return
    for node in _each(case.expr, _ACTIVATIONS):
        yield _swap(case.expr, node, node.args[0])
    if case.step.rule == "formula":
        yield from (Sym(name) for name in symbols(case.expr) if name not in case.model.given)


def _plain_name(expr: Expr) -> str | None:
    while isinstance(expr, Op) and expr.name in ("column", "row") and expr.args:
        expr = expr.args[0]
    return expr.name if isinstance(expr, Sym) else None


def bias_left_out(case: Case) -> Iterator[Expr]:
    """Z = Wx: a summand that is a given name, or the constant input of a bias inside W, left out."""
    if not _is_forward(case):
        return
    given = {*case.model.given, *(f"{name}_new" for name in case.model.trained)}
    for node in _each(case.expr, frozenset({"add"})):
        for kept, dropped in (node.args, node.args[::-1]):
            if _plain_name(dropped) in given and not isinstance(kept, Num):
                yield _swap(case.expr, node, kept)
    for node in _each(case.expr, frozenset({"prepend", "append"})):
        yield _swap(case.expr, node, Op(node.name, (node.args[0], num(0)), node.options))


def transpose_omitted(case: Case) -> Iterator[Expr]:
    """W where Wᵀ belongs, or Wᵀ where W belongs, in a product."""
    for node in _each(case.expr, frozenset({"matmul"})):
        for position, arg in enumerate(node.args):
            if len(case.shape(arg) or ()) != 2:
                continue
            other = (
                arg.args[0]
                if isinstance(arg, Op) and arg.name == "transpose"
                else op("transpose", arg)
            )
            args = tuple(other if i == position else kept for i, kept in enumerate(node.args))
            yield _swap(case.expr, node, Op("matmul", args))


def log_base(case: Case) -> Iterator[Expr]:
    """Another base of the logarithm in the loss."""
    if case.step.shape != () or not any(
        _each(case.expr, frozenset({"xlogy", "log", "logsumexp", "log2", "log10"}))
    ):
        return
    said = case.model.problem.convention.log
    own = None if said == "natural" else num(said)
    for base in (None, num(2), num(10)):
        if base == own:
            continue
        factor = op("div", _log(own), _log(base))
        yield op("mul", case.expr, factor)
        yield from _in_parts(case, lambda part: op("mul", part, factor))  # noqa: B023


def _log(base: Num | None) -> Expr:
    return num(1) if base is None else op("log", base)


def targets_swapped(case: Case) -> Iterator[Expr]:
    """y and ŷ exchanged."""
    model = case.model
    if model.target is None or "Y" not in model.given:
        return
    used = symbols(case.expr)
    for output in ("Yhat", "Yhat_new"):
        if output in used and "Y" in used:
            yield substitute(case.expr, {output: Sym("Y"), "Y": Sym(output)})


def penalty_omitted(case: Case) -> Iterator[Expr]:
    """The loss, or a gradient, without its penalty."""
    parts = {f"{case.model.target}_penalty", f"{case.model.target}_penalty_new"}
    for node in _each(case.expr, frozenset({"add", "sub"})):
        for kept, dropped in (node.args, node.args[::-1]):
            names = set(symbols(dropped))
            if names & parts or "lambda" in names:
                yield _swap(case.expr, node, kept)


def path_lost(case: Case) -> Iterator[Expr]:
    """One of several branches that add up, left out."""
    if case.step.phase == "update" and case.step.rule != "forward-again":
        return
    summands = _summands(case.expr)
    computed = [part for part in summands if _plain_name(part) not in case.model.trained]
    if len(computed) < 2 or case.step.shape == ():
        return
    for lost in computed:
        rest = [part for part in summands if part is not lost]
        total = rest[0]
        for part in rest[1:]:
            total = op("add", total, part)
        yield total


def _summands(expr: Expr) -> list[Expr]:
    if isinstance(expr, Op) and expr.name == "add":
        return [*_summands(expr.args[0]), *_summands(expr.args[1])]
    if isinstance(expr, Op) and expr.name == "sub":
        return [*_summands(expr.args[0]), op("neg", expr.args[1])]
    return [expr]


# Backward ---------------------------------------------------------------------------------------


def _through(case: Case) -> Iterator[tuple[str, Op, Sym]]:
    """The activations between the name a gradient is by and the loss: user, operation, its gradient."""
    if case.by is None:
        return
    for user in consumers(case.model, case.by):
        definition = case.model.definitions[user]
        gradient = case.model.gradient(user)
        if gradient not in case.steps:
            continue
        for node in walk(definition):
            if isinstance(node, Op) and node.name in _ACTIVATIONS and node.args[0] == Sym(case.by):
                yield user, node, Sym(gradient)


def _upstreams(case: Case) -> Iterator[Sym]:
    """The gradients of what is made of a quantity entry by entry: by an activation, or a formula."""
    if case.by is None:
        return
    for user in consumers(case.model, case.by):
        gradient = case.model.gradient(user)
        if gradient in case.steps and case.steps[gradient].shape == case.step.shape:
            yield Sym(gradient)


def derivative_omitted(case: Case) -> Iterator[Expr]:
    """∂L/∂Z = ∂L/∂H; behind a hidden layer."""
    if not _is_last(case):
        yield from _upstreams(case)


def output_derivative_omitted(case: Case) -> Iterator[Expr]:
    """∂L/∂Z = ∂L/∂Ŷ."""
    if _is_last(case):
        yield from _upstreams(case)


def _is_last(case: Case) -> bool:
    """Whether the activation is that of the prediction."""
    users = consumers(case.model, case.by or "")
    return any(
        user in ("Yhat", case.model.target) or case.model.target in consumers(case.model, user)
        for user in users
    )


def derivative_elsewhere(case: Case) -> Iterator[Expr]:
    """σ′(h), or the formula in h written in z, and the other way round."""
    for user, node, upstream in _through(case):
        entry = TABLE[node.name]
        if entry.derivative is None or node.name in ("relu", "leaky_relu", "step", "sign"):
            continue
        z, h = node.args[0], Sym(user)
        again = Op(node.name, (h,), node.options)
        places = ((h, again), (z, z), (h, h), (Op(node.name, (again,), node.options), h))
        for x, r in places:
            slope = entry.derivative(x, r, node, case.sizes)
            yield op("mul", upstream, slope)


def relu_derivative(case: Case) -> Iterator[Expr]:
    """Multiplied with z or h, everything let through, nothing at 0, the mask of something else."""
    for user, node, upstream in _through(case):
        if node.name not in ("relu", "leaky_relu"):
            continue
        z, h = node.args[0], Sym(user)
        for factor in (z, h, op("sub", num(1), h)):
            yield op("mul", upstream, factor)
        for mask in (
            op("switch", z, at=1),
            op("switch", z, below=1, above=0),
            op("switch", upstream),
            op("switch", z, below=-1),
            op("switch", z),
            op("sigmoid", z),
        ):
            yield op("mul", upstream, mask)
        yield op("positive_part", upstream)
        yield op("switch", z)


def shortcut_misused(case: Case) -> Iterator[Expr]:
    """ŷ − y where it does not hold, or times the derivative once more."""
    if "Y" not in case.model.given or case.by is None:
        return
    for user, node, upstream in _through(case):
        if not _is_last(case):
            continue
        difference: Expr = op("sub", Sym(user), Sym("Y"))
        scaled = [difference]
        if case.model.samples:
            scaled.append(op("div", difference, num(case.model.samples)))
        said = case.model.problem.convention.log
        if said != "natural":
            scaled += [op("div", one, op("log", num(said))) for one in scaled]
        for fused in scaled:
            yield fused
            entry = TABLE[node.name]
            if entry.derivative is not None:
                yield op("mul", fused, entry.derivative(node.args[0], Sym(user), node, case.sizes))
            if node.name == "softmax":
                yield op("mul", fused, _diagonal(Sym(user)))
                yield substitute(case.expr, {upstream.name: fused})


def _diagonal(output: Expr) -> Expr:
    return op("mul", output, op("sub", num(1), output))


def softmax_diagonal(case: Case) -> Iterator[Expr]:
    """∂L/∂Ŷ ⊙ ŷ(1 − ŷ)."""
    for user, node, upstream in _through(case):
        if node.name == "softmax":
            yield op("mul", upstream, _diagonal(Sym(user)))


def wrong_layer_input(case: Case) -> Iterator[Expr]:
    """Another layer's values where the layer's own input belongs in ∂L/∂W."""
    if case.by not in case.model.trained or len(case.step.shape) != 2:
        return
    forward = [
        name
        for name in (*case.model.definitions, *case.model.given)
        if name not in case.model.trained
    ]
    for name in symbols(case.expr):
        if name not in forward:
            continue
        for other in forward:
            if other != name and other != "Y" and case.sizes.names[other] == case.sizes.names[name]:
                yield substitute(case.expr, {name: Sym(other)})
        for node in _each(case.expr, frozenset({"prepend", "append"})):
            yield _swap(
                case.expr, node, op(node.name, node.args[0], num(0), axis=node.option("axis"))
            )


def updated_weights(case: Case) -> Iterator[Expr]:
    """New weights where a gradient goes back through the old ones."""
    if case.step.phase != "backward":
        return
    used = [
        name
        for name in symbols(case.expr)
        if name in case.model.trained and f"{name}_new" in case.steps
    ]
    for name in used:
        yield substitute(case.expr, {name: Sym(f"{name}_new")})


def sign_flipped(case: Case) -> Iterator[Expr]:
    """Everything with the opposite sign."""
    if case.step.phase == "backward":
        yield op("neg", case.expr)


def factor_two(case: Case) -> Iterator[Expr]:
    """Twice or half of it."""
    if case.step.phase in ("backward", "forward") and (
        case.step.phase == "backward" or case.step.shape == ()
    ):
        for factor in (TWO, HALF):
            yield op("mul", factor, case.expr)
            yield from _in_parts(case, lambda part: op("mul", factor, part))  # noqa: B023


def mean_sum(case: Case) -> Iterator[Expr]:
    """The number of samples, or of outputs, multiplied or divided out."""
    if case.step.phase not in ("backward", "forward") or (
        case.step.phase == "forward" and case.step.shape
    ):
        return
    counts = {case.model.samples or 1}
    loss = case.model.problem.loss
    entropy = loss is not None and (loss.function.name or "").startswith("cross-entropy")
    if "Yhat" in case.model.shapes and not entropy:  # a mean over classes is no one's habit
        shape = case.model.shapes["Yhat"]
        axis = case.model.sample_axis
        counts.add(int(shape[0 if axis is None else 1 - axis]) if shape else 1)
    for count in sorted(counts - {1}):
        for name in ("mul", "div"):
            yield op(name, case.expr, num(count))
            yield from _in_parts(case, lambda part: op(name, part, num(count)))  # noqa: B023


def _in_parts(case: Case, change: Callable[[Expr], Expr]) -> Iterator[Expr]:
    """A change made to one of several parts that add up: the data's loss beside its penalty."""
    summands = _summands(case.expr)
    if len(summands) > 1:
        for part in summands:
            yield _swap(case.expr, part, change(part))


def bias_not_summed(case: Case) -> Iterator[Expr]:
    """The gradient of one sample, or of one unit, for a bias shared by several."""
    if case.by not in case.model.trained:
        return
    for node in _each(case.expr, frozenset({"sum"})):
        inner = node.args[0]
        shape = case.shape(inner)
        if not shape:
            continue
        axis = node.option("axis")
        for place in range(int(shape[0 if axis is None else int(str(axis))])):
            index = (place,) if axis in (None, 0) else (None, place)
            chosen: Expr = op("at", inner, index=index)
            yield _swap(case.expr, node, chosen)
            if axis is None and len(shape) == 2:
                for other in range(int(shape[1])):
                    yield _swap(case.expr, node, op("at", inner, index=(place, other)))


# Update -----------------------------------------------------------------------------------------


def _old(case: Case) -> str | None:
    """The parameter whose new value this is."""
    name = case.step.id.removesuffix("_new")
    return name if case.step.id.endswith("_new") and name in case.model.trained else None


def _change(case: Case) -> tuple[Sym, Expr] | None:
    """The old parameter and what is added to it, worked out from the gradient."""
    old = _old(case)
    if old is None or f"{old}_change" not in case.steps:
        return None
    return Sym(old), case.inlined(case.steps[f"{old}_change"].expr)


def ascent(case: Case) -> Iterator[Expr]:
    """W + η∇."""
    if found := _change(case):
        yield op("sub", *found)


def _with_rate(case: Case, expr: Expr, rate: Expr) -> Expr:
    """A formula with something else for the learning rate."""
    return substitute(expr, {_rate(case): rate})


def _rate(case: Case) -> str:
    return "learning_rate_" if "learning_rate_" in case.sizes.names else "learning_rate"


def rate_omitted(case: Case) -> Iterator[Expr]:
    """W − ∇."""
    if found := _change(case):
        yield op("add", found[0], _with_rate(case, found[1], num(1)))
    elif case.step.rule.endswith("-state"):
        yield _with_rate(case, case.expr, num(1))


def rate_twice(case: Case) -> Iterator[Expr]:
    """W − η²∇."""
    if found := _change(case):
        rate = Sym(_rate(case))
        yield op("add", found[0], op("mul", rate, found[1]))
        yield op("add", found[0], _with_rate(case, found[1], op("mul", rate, rate)))


def _kept(case: Case, matrices: bool) -> Iterator[Expr]:
    old = _old(case)
    if old is not None and (len(case.step.shape) == 2) == matrices:
        yield Sym(old)


def bias_kept(case: Case) -> Iterator[Expr]:
    """b as it was."""
    yield from _kept(case, matrices=False)


def weights_kept(case: Case) -> Iterator[Expr]:
    """W as it was."""
    yield from _kept(case, matrices=True)


def correction_omitted(case: Case) -> Iterator[Expr]:
    """m and v where m̂ and v̂ belong."""
    old = _old(case)
    if old is None:
        return
    change = case.steps[f"{old}_change"].expr if f"{old}_change" in case.steps else case.expr
    renamed = {
        name: Sym(name.replace("hat_", "_", 1))
        for name in symbols(change)
        if name.startswith(("mhat_", "vhat_"))
    }
    if renamed:
        yield op("add", Sym(old), substitute(change, renamed))
        for one in renamed:
            yield op("add", Sym(old), substitute(change, {one: renamed[one]}))


def state_ignored(case: Case) -> Iterator[Expr]:
    """The state before the step taken as 0."""
    olds = [name for name in symbols(case.expr) if name.endswith("_old")]
    if olds:
        yield substitute(case.expr, {name: op("mul", num(0), Sym(name)) for name in olds})


def forward_weights(case: Case) -> Iterator[Expr]:
    """The loss with old weights for new ones, or the other way round."""
    target = case.model.target
    if target is None:
        return
    if case.step.id == f"{target}_new":
        yield Sym(target)
    elif case.step.id == target and f"{target}_new" in case.steps:
        yield Sym(f"{target}_new")
    if case.step.rule == "forward-again":
        for name in symbols(case.expr):
            if name.endswith("_new"):
                yield substitute(case.expr, {name: Sym(name.removesuffix("_new"))})

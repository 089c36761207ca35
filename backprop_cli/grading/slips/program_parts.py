"""A line of code to what it computes with one thing wrong in it that paper seldom makes.

Any part of the line, in any of the ways in which it may be written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any, Final

from msgspec.structs import replace

from backprop_cli.algebra.build import filled, ones
from backprop_cli.algebra.expr import (
    Expr,
    Num,
    Op,
    Place,
    Sym,
    exchange,
    is_sum,
    num,
    op,
    places,
    put,
    rewrite,
    symbols,
)
from backprop_cli.algebra.quantity import quantity
from backprop_cli.grading.slips.case import ACTIVATIONS, Case, added, size_of, sizes_in, users_of
from backprop_cli.grading.slips.exchanged_functions import complements
from backprop_cli.grading.slips.formula_parts import Change, count_along, exchanged, of_node
from backprop_cli.grading.slips.forward import largest_lost, powers_alone, windows_otherwise
from backprop_cli.grading.slips.program_brackets import brackets, one_factor_alone, operators
from backprop_cli.grading.slips.program_functions import (
    of_constants,
    of_function,
    once_more,
    other_losses,
    others_penalties,
    sloped_again,
)
from backprop_cli.grading.slips.program_lines import of_the_right_class, spelt_out, with_logarithms
from backprop_cli.grading.slips.program_loops import in_loops
from backprop_cli.grading.slips.program_orders import (
    added_up,
    flattened_otherwise,
    in_another_order,
    of_a_row,
    of_masks,
    of_numbers,
    of_slices,
    of_some_samples,
    of_windows,
)
from backprop_cli.grading.slips.program_other_lines import (
    of_other_lines,
    of_squares,
    others_slopes,
    stepped,
)
from backprop_cli.grading.slips.program_rewrites import masks_otherwise
from backprop_cli.grading.slips.program_sums import all_along_the_other, of_matrix, of_sums, reduced
from backprop_cli.grading.slips.program_targets import other_targets

_MOST: Final = 4_000
"""So many changes of one quantity are tried."""

_NUMBER: Final = "0123456789_"


def code_changes(case: Case, ways: Sequence[Expr]) -> Iterator[Change]:
    """Every formula that a quantity's becomes, in any of its `ways`, and the mistake that it is."""
    return islice(_changes(case, ways), _MOST)


def _changes(case: Case, ways: Sequence[Expr]) -> Iterator[Change]:
    yield from (("relu-derivative-wrong", expr) for expr in masks_otherwise(case))
    yield from other_losses(case)
    yield from others_penalties(case)
    yield from others_slopes(case)
    written = [*ways, *map(case.inlined, ways), spelt_out(case)]
    written += [with_logarithms(way) for way in written]
    for way in dict.fromkeys((*written, *map(partial(of_the_right_class, case), written))):
        one = replace(case, step=replace(case.step, expr=way), _kept={})
        yield from _of_each_part(one)
        yield from _exchanged(one)
        yield from _everywhere(one)
        yield from _other_means(one)
        yield from all_along_the_other(one)
        yield from _complements(one)
        yield from in_loops(one, partial(_in_each_round, one))
        yield from other_targets(one)
        yield from of_slices(one)
        yield from of_other_lines(one)


def _of_each_part(case: Case) -> Iterator[Change]:
    """Any part gone wrong: where it stands, and wherever it does, as what has a name of its own."""
    nodes = list(places(case.expr))
    count = Counter(node for _, node in nodes)
    for place, node in nodes:
        for slip, part in _of_node_or_part(case, place, node):
            yield slip, put(case.expr, place, part)
            if count[node] > 1 and isinstance(node, Op):
                yield slip, exchange(case.expr, node, part)


def _of_node_or_part(case: Case, place: Place, node: Expr) -> Iterator[Change]:
    if isinstance(node, Op):
        yield from of_node(case, place, node)
    yield from _of_part(case, node)


def _in_each_round(case: Case, node: Op) -> Iterator[Change]:
    yield from _of_part(case, node)
    match node:
        case Op("sub", (Num(1), other)):
            yield "complement", other
        case Op("mul") if len(case.lengths(node)) == 1:  # p[0] for p[k]
            yield "wrong-operand", filled(node, op("at", node, index=(0,)))


def _of_part(case: Case, node: Expr) -> Iterator[Change]:
    if isinstance(node, Num):
        return
    yield from _other_numbers(node)
    yield from _other_counts(case, node)
    yield from of_function(case, node)
    yield from reduced(case, node)
    yield from of_matrix(case, node)
    yield from in_another_order(case, node)
    yield from of_numbers(case, node)
    yield from _as_in_the_loss(case, node)
    yield from once_more(case, node)
    if isinstance(node, Sym):
        yield from sloped_again(case, node)
        yield from _value_or_gradient(case, node)
        yield from stepped(case, node)
        yield from _of_its_family(case, node, node)
        yield from _behind(case, node)
        return
    if node.name == "transpose" and isinstance(node.args[0], Sym):
        yield from _of_its_family(case, node, node.args[0])
    yield from brackets(case, node)
    yield from one_factor_alone(node)
    yield from operators(node)
    yield from of_sums(case, node)
    yield from of_some_samples(case, node)
    yield from added_up(case, node)
    yield from of_windows(case, node)
    yield from of_masks(case, node)
    yield from flattened_otherwise(case, node)
    yield from of_a_row(case, node)
    yield from of_constants(node)
    yield from of_squares(case, node)
    yield from _other_slices(case, node)
    yield from (("term-left-out", part) for part in largest_lost(case, node))
    yield from (("normalisation-left-out", part) for part in powers_alone(case, node))
    yield from windows_otherwise(case, node)
    yield from _windows_left_out(node)
    yield from _other_winners(node)


def _other_winners(node: Op) -> Iterator[Change]:
    """The mask of the smallest, and the window itself for its mask."""
    if node.name == "to_winners":
        g, x = node.args
        yield "wrong-activation-derivative", Op(node.name, (g, op("neg", x)), node.options)
        options = node.with_options(at_tie=None).options
        yield "wrong-activation-derivative", op("mul", Op("to_windows", (g,), options), x)


def _windows_left_out(node: Op) -> Iterator[Change]:
    """δ alone, where each of them belongs to a window of what comes in."""
    if node.name != "conv_kernel":
        return
    options = dict(node.options)
    x, width, axes = node.args[0], options.pop("padding", 0), options.get("axes", 2)
    wide = op("zero_padded", x, width=width, axes=axes) if width else x
    yield "input-left-out", op("conv_kernel", ones(wide), node.args[1], **options)


# Sums --------------------------------------------------------------------------------------------


def _as_in_the_loss(case: Case, node: Expr) -> Iterator[Change]:
    """λ Σw² for λw: what a penalty adds up, and not its slope."""
    if isinstance(node, Sym) and node.name == case.by and node.name in case.model.trained:
        for total in (
            op("sum", op("pow", node, num(2))),
            op("norm", node),
            op("sum", op("abs", node)),
        ):
            everywhere = filled(node, total)
            yield "loss-for-gradient", everywhere
            yield "loss-for-gradient", op("div", everywhere, num(2))


def _other_numbers(node: Expr) -> Iterator[Change]:
    """1 for a number that is added, as in h + 1 for h + α; one term twice, or half of it."""
    if is_sum(node):
        for position, arg in enumerate(node.args):
            for times in (2, "1/2"):
                yield "term-scaled", put(node, (position,), op("mul", num(times), arg))
            if isinstance(arg, Num) and arg.value.denominator != 1:
                yield "wrong-constant", put(node, (position,), num(1))


def _other_counts(case: Case, node: Expr) -> Iterator[Change]:
    """Another number of entries, rows or columns than the one that something is divided by."""
    match node:
        case Op("div", (top, Num() as count)) if size_of(case, count) is not None:
            for size in sorted(sizes_in(case, top) - {1, int(count.value)}):
                yield "mean-sum-confused", op("div", top, num(size))


# Quantities --------------------------------------------------------------------------------------


def _other_slices(case: Case, node: Op) -> Iterator[Change]:
    """As many other rows or columns: the second half for the first, one gate's for another's."""
    match node:
        case Op("part", (whole,)):
            axis, start = node.whole("axis"), node.whole("start")
            size, shape = node.whole("stop") - start, case.lengths(whole)
            for other in range(0, shape[axis] - size + 1, size) if shape else ():
                yield "wrong-operand", op("part", whole, axis=axis, start=other, stop=other + size)
        case Op("at", (whole,)):
            for index in _moved(node.option("index"), case.lengths(whole)):
                yield "wrong-operand", op("at", whole, index=index)


def _moved(index: object, shape: Sequence[int]) -> Iterator[tuple[Any, ...]]:
    """An index with one of its ranges elsewhere."""
    for k, own in enumerate(index if isinstance(index, tuple) else ()):
        match own:
            case (int(start), int(stop)) if k < len(shape):
                size = stop - start
                for other in range(0, shape[k] - size + 1, size):
                    if other != start and isinstance(index, tuple):
                        yield (*index[:k], (other, other + size), *index[k + 1 :])


def _value_or_gradient(case: Case, node: Sym) -> Iterator[Change]:
    """W where dW belongs, or the reverse; a constant of the method for another."""
    gradient, shape = case.model.gradient(node.name), case.shape(node)
    found = quantity(node.name)
    others = [gradient, *([found.by, *users_of(case, found.by)] if found.by else [])]
    if shape == () and node.name not in case.steps:
        others += [name for name in case.sizes.names if name not in case.steps]  # β₂ for β₁
    for other in dict.fromkeys(others):
        if other != node.name and case.has(other, shape):
            yield "wrong-operand", Sym(other)


def _of_its_family(case: Case, node: Expr, named: Sym) -> Iterator[Change]:
    """c for c0, W1 for W2 or W2ᵀ: what has that name with another number, or none, and fits."""
    stem, shape = _stem(named.name), case.shape(node)
    others = [
        other
        for other in case.sizes.names
        if other != named.name and _stem(other) == stem and case.has(other, shape)
    ]
    yield from (("wrong-operand", Sym(other)) for other in others)
    if len(others) > 1 and node is named:  # of all steps, where the last one belongs
        yield "term-added", added([node, *map(Sym, others)])


def _stem(name: str) -> str:
    read = quantity(name)
    return (read.name if read.part == "old" else name).rstrip(_NUMBER)


def _behind(case: Case, node: Sym) -> Iterator[Change]:
    """What a quantity is made of in its place: x − μ for (x − μ)/s, ln p for p, z flat for h."""
    match case.model.definitions.get(node.name):
        case Op("div", (top, _)):
            yield "normalisation-left-out", top
        case Op("mul", (left, right)):
            yield from (("factor-left-out", part) for part in (left, right))
        case Op("add" | "sub", (left, right)):
            yield from (("term-left-out", part) for part in (left, right, op("neg", right)))
        case Op(name, (Sym() as inner, *_)) if name in ACTIVATIONS:
            yield "wrong-operand", inner
            if name in ("softmax", "sigmoid", "exp"):
                yield "function-added", op("log", node)
        case Op("flat" | "flatten" | "reshape" as name, (Sym(inner),), options):
            shape = case.sizes.names.get(inner)
            for other in case.sizes.names:
                if other != inner and case.has(other, shape):
                    yield "wrong-operand", Op(name, (Sym(other),), options)


def _exchanged(case: Case) -> Iterator[Change]:
    """Two quantities of one shape, each in the place of the other."""
    known = [name for name in symbols(case.expr) if name in case.sizes.names]
    yield from (("wrong-operand", swapped) for _, _, swapped in exchanged(case, known))


def _everywhere(case: Case) -> Iterator[Change]:
    """A factor left out, or another quantity, wherever it stands: in all three terms of a norm."""
    found = [node for _, node in places(case.expr) if isinstance(node, Sym)]
    for one in dict.fromkeys(one for one in found if found.count(one) > 1):
        yield "factor-left-out", case.exchanged(one.name, ones(one))
        shape = case.sizes.names.get(one.name)
        is_value = shape and one.name in case.steps and one.name not in case.upstreams
        for other in case.nearby(one.name, shape) if is_value else ():
            yield "wrong-operand", case.exchanged(one.name, Sym(other))


def _other_means(case: Case) -> Iterator[Change]:
    """All means in a line over another count: n for D in the three terms of a norm."""
    means = [node for _, node in places(case.expr) if isinstance(node, Op) and node.name == "mean"]
    own = {count_along(case, node) for node in means}
    if len(means) > 1 and len(own) == 1:
        for count in sorted(sizes_in(case, case.expr) - own - {1}):
            yield "mean-sum-confused", rewrite(case.expr, partial(_over, count))
        yield "mean-sum-confused", rewrite(case.expr, partial(_over, 1))


def _over(count: int, node: Expr) -> Expr | None:
    match node:
        case Op("mean", (inner,), options):
            return op(
                "div", Op("sum", (rewrite(inner, partial(_over, count)),), options), num(count)
            )
    return None


def _complements(case: Case) -> Iterator[Change]:
    """1 − β for β, and β for 1 − β, both at once or one of them; 1 − p for p, or σ(−z)."""
    for place, node in places(case.expr):
        match node:
            case Op("sub", (Num(1), other)):
                yield "complement", put(case.expr, place, other)
            case Sym(name) if name not in case.upstreams and case.has(name, case.shape(node)):
                yield "complement", put(case.expr, place, op("sub", num(1), node))
            case Op("sigmoid" | "softmax"):
                yield "complement", put(case.expr, place, op("sub", num(1), node))
                yield "term-sign-flipped", put(case.expr, (*place, 0), op("neg", node.args[0]))
    yield from complements(case)

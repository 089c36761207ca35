"""A problem to what a teacher should know before handing it out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

import numpy as np

from backprop_cli.algebra.expr import Op, Sym, symbols, walk
from backprop_cli.algebra.quantity import change_id, quantity
from backprop_cli.errors import Faults
from backprop_cli.grading.grader import Grader
from backprop_cli.grading.lint.unnoticed_slips import Finding, Kept, Numbers, slip_findings
from backprop_cli.operations.table import operation
from backprop_cli.readings.units import Unit
from backprop_cli.solving.notes import SATURATED, at_kink, corners_met

Shown = Callable[[float], str]


def lint(
    grader: Grader, shown: Shown = "{:.2g}".format, faults: Faults | None = None
) -> tuple[Finding, ...]:
    """Everything found, what concerns grading first; `shown` writes the numbers in messages.

    What the program fails at is left out and noted in `faults`.
    """
    kept = (faults or Faults()).kept
    with np.errstate(all="ignore"):  # what overflows is no news here
        found = _all(grader, shown, kept)
    return tuple(found)


def _all(grader: Grader, shown: Shown, kept: Kept) -> list[Finding]:
    names = _asked(grader)
    slips = slip_findings(grader, names, grader.unit, kept)
    return [*slips, *_at_a_glance(grader, names, shown, kept)]


def _asked(grader: Grader) -> list[str]:
    return list(dict.fromkeys(q.name for q in grader.questions if q.name in grader.steps))


def _at_a_glance(grader: Grader, names: list[str], shown: Shown, kept: Kept) -> Iterator[Finding]:
    """What is seen in the values themselves, no slip being tried."""
    yield from kept("the loss", _remarks(grader))
    yield from kept("what is given", _unused(grader))
    yield from kept("weights", _matrices(grader))
    yield from kept("units", _units(grader))
    yield from kept("kinks", _kinks(grader))
    yield from kept("small values", _small(grader, names, grader.unit, shown))


def soonest(
    grader: Grader,
    others: Sequence[Numbers] | None = None,
    known: Collection[tuple[str, ...]] = (),
) -> Iterator[Finding]:
    """The same findings as they come, those first that take no time to find, without advice.

    `others` are the values with other numbers, which the same problem with any numbers may share.
    Slips `known` to go unnoticed, as (accepted, quantity, slip), are left out: it takes long to see
    whether they do.
    """
    names, kept, unit = _asked(grader), Faults().kept, grader.unit
    with np.errstate(all="ignore"):
        yield from _at_a_glance(grader, names, "{:.2g}".format, kept)
        yield from slip_findings(
            grader, names, unit, kept, known=known, advises=False, others=others
        )


# The problem itself -------------------------------------------------------------------------------


def _remarks(grader: Grader) -> Iterator[Finding]:
    """A loss that does not belong behind its activation."""
    for equation in grader.model.equations:
        if equation.remark is not None:
            yield Finding("loss", equation.name, equation.remark.words, equation.remark.advice)


def _unused(grader: Grader) -> Iterator[Finding]:
    """What is given for nothing: an x_2 where every step says x_1."""
    model = grader.model
    if model.problem.equations is None:
        return
    formulas = [*(equation.expr for equation in model.equations), *model.seeds.values()]
    used = {name for formula in formulas for name in symbols(formula)}
    advice = "a formula with it, or leave it out"
    for name in model.given:
        if name not in used:
            yield Finding("unused", name, "given, and no formula uses it", advice)


def _matrices(grader: Grader) -> Iterator[Finding]:
    """Weights for which a forgotten transpose still fits; nobody transposes a kernel."""
    slid = _kernels(grader)
    for name, given in grader.model.given.items():
        value = given.value
        if given.role != "parameter" or value.ndim != 2 or value.shape[0] != value.shape[1]:
            continue
        if name in slid:
            continue
        if value.shape[0] > 1 and np.array_equal(value, value.T):
            yield Finding(
                "symmetric",
                name,
                "symmetric: a forgotten transpose changes nothing",
                "weights that are not symmetric",
            )
        elif value.shape[0] > 1:
            yield Finding(
                "square",
                name,
                "square: a forgotten transpose still has the right shape",
                "layers of different sizes",
            )


def _kernels(grader: Grader) -> frozenset[str]:
    """What slides over something, and is never transposed."""
    nodes = (node for each in grader.model.equations for node in walk(each.expr))
    convolutions = (n for n in nodes if isinstance(n, Op) and n.name == "conv")
    return frozenset(name for node in convolutions for name in symbols(node.args[1]))


def _units(grader: Grader) -> Iterator[Finding]:
    """Rectified units that are all on or all off; saturated sigmoids."""
    truth = grader.truth
    for equation in grader.model.equations:
        match equation.expr:
            case Op("relu" | "leaky_relu", (Sym(z),)):
                on = truth[z] > 0
                if on.all() or not on.any():
                    words = (
                        "on: the derivative is 1 everywhere"
                        if on.all()
                        else "off: nothing flows back"
                    )
                    yield Finding(
                        "relu",
                        equation.name,
                        f"every unit is {words}",
                        "some pre-activations of either sign",
                    )
            case Op("sigmoid" | "tanh" as kind, (Sym(),)):
                h = truth[equation.name]
                slope = 4 * h * (1 - h) if kind == "sigmoid" else 1 - h**2
                if (slope < SATURATED).any():
                    yield Finding(
                        "saturated",
                        equation.name,
                        "saturated: its derivative is nearly 0",
                        "pre-activations between -4 and 4",
                    )


def _kinks(grader: Grader) -> Iterator[Finding]:
    """Arguments at a kink, unless the problem says what is taken there."""
    kinks, stated = grader.model.problem.convention.kinks, grader.model.problem.convention.stated
    for equation in grader.model.equations:
        nodes = [node for node in walk(equation.expr) if isinstance(node, Op)]
        for node in nodes:
            for place, _ in corners_met(node, grader.truth):
                met = _CORNER.format(operation(node).words, f"{place:g}".replace("-", "−"))
                yield Finding("kink", equation.name, met, "other numbers")
        for of in {n.name: operation(n) for n in nodes if at_kink(n, grader.truth)}.values():
            kink = "step_at_zero" if of.kink == "step" else str(of.kink)
            key, taken = kink.replace("leaky_", "leaky-"), getattr(kinks, kink)
            said = f"{key}: {taken if isinstance(taken, str) else format(taken, 'g')}"
            if stated.isdisjoint((kink, key)):
                yield Finding(
                    "kink",
                    equation.name,
                    _TIED if kink == "max" else _AT_ZERO.format(of.words),
                    f"other numbers, or say what is taken: convention: {{kinks: {{{said}}}}}",
                )


_TIED = "several are equally large: which of them has the gradient is a convention"
_CORNER = "an argument of {} is exactly {}, where it has a corner"
_AT_ZERO = "an argument of {} is exactly 0, where it has a kink"


def _small(grader: Grader, names: list[str], unit: Unit, shown: Shown) -> Iterator[Finding]:
    """Gradients and changes with less than two digits at the precision asked."""
    if unit.significant:
        return
    for name in names:
        read = quantity(name)
        change = change_id(read.name) if read.part == "new" else name
        is_gradient = grader.steps[name].phase == "backward"
        if (not is_gradient and change not in grader.steps) or (change == name and not is_gradient):
            continue
        largest = float(np.max(np.abs(grader.truth[change]), initial=0.0))
        if 0 < largest < 10 * 10.0**-unit.count:
            needed = int(np.ceil(-np.log10(largest))) + 2
            what = "a change of" if read.part == "new" else "entries of"
            yield Finding(
                "small",
                name,
                f"{what} at most {shown(largest)}: too small for {unit.count} decimals",
                f"{needed} decimals",
                (),
                needed,
            )

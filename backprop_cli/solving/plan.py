"""A model to the list of all that will be computed, in the order a person would go."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fractions import Fraction
from functools import cached_property, lru_cache

from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Op, Sym, op, substitute, symbols, walk
from backprop_cli.algebra.quantity import derivative_id, new_id, old_id, quantity, second_derivative
from backprop_cli.algebra.shapes import Shape
from backprop_cli.calculus.differentiate import Backward, Gradient, also_through, gradients
from backprop_cli.calculus.jacobians import jacobian_by_name, local_jacobian
from backprop_cli.calculus.last_form import last_form
from backprop_cli.calculus.quotients import divided_by
from backprop_cli.operations.table import Sizes
from backprop_cli.problem.assumptions import assumed
from backprop_cli.problem.model import Model
from backprop_cli.problem.named import met, rule_of
from backprop_cli.problem.problem_data import kinks
from backprop_cli.solving.frames import Frame, frame
from backprop_cli.solving.shortcuts import Shortcuts, asks_numbers, shortcuts
from backprop_cli.solving.update import (
    GRADIENT_AHEAD,
    constant_names,
    look_ahead,
    newton_hessian,
    state_shapes,
    updates,
)
from backprop_cli.trace import Phase

MAX_JACOBIAN = 10_000
"""Entries up to which a Jacobian is computed unasked."""

_LARGEST_SOFTMAX = 100
"""Units up to which the chain goes through the softmax's written-out Jacobian."""


class Planned(Struct, frozen=True):
    """A quantity to compute: its formula, phase, the reason for the step, what it is in words."""

    id: str
    phase: Phase
    rule: str
    expr: Expr
    axes: tuple[str, ...]
    words: str = ""
    note: str | None = None
    skipped: bool = False
    shape: Shape = ()


class Plan(Struct, frozen=True, eq=False):
    """All planned steps, the shapes of every name they use, and what the forward equations say.

    Problems that differ in their numbers alone have one plan, the very same, so that what is worked
    out of it is worked out once.
    """

    steps: tuple[Planned, ...]
    shapes: Mapping[str, Shape]
    definitions: Mapping[str, Expr]
    behind: Mapping[str, Expr] = {}
    """The equations of the gradients that second derivatives are taken of."""


def plan(
    model: Model, extra: Collection[str] = (), fused: bool | None = None, careful: bool = False
) -> Plan:
    """Everything the problem defines, in order; `extra` are further gradients and Jacobians.

    `fused` says how the output gradient is formed (None: as the file says); `careful` goes from
    the loss to the logits at once, where -y/ŷ would be infinite.
    """
    extra = (*extra, *newton_hessian(model))
    wanted = model.problem.convention.output_gradient == "fused"
    fused = careful or (wanted if fused is None else fused)
    found = None if fused and asks_numbers(model) else frame(model)
    if found is None:
        return _planned(model, extra, fused, careful)
    return _remembered(found, extra, fused, careful)


@lru_cache(maxsize=64)
def _remembered(common: Frame, extra: tuple[str, ...], fused: bool, careful: bool) -> Plan:
    return _planned(common.model, extra, fused, careful)


def _planned(model: Model, extra: tuple[str, ...], fused: bool, careful: bool) -> Plan:
    planner = _Planner(model, fused, careful)
    planner.forward()
    planner.backward(extra)
    planner.second_derivatives(extra)
    if model.update is not None and model.trained:
        planner.update()
        planner.forward_again()
    return Plan(tuple(planner.steps), planner.shapes, planner.definitions, planner.behind)


def with_formulas_of(planned: Plan, like: Plan | None) -> Plan:
    """The plan with the very formulas of another where they are equal.

    What has been worked out for those need not be for these.
    """
    if like is None:
        return planned
    known = {step.id: step.expr for step in like.steps}
    steps = tuple(
        replace(step, expr=known[step.id]) if known.get(step.id) == step.expr else step
        for step in planned.steps
    )
    return replace(planned, steps=steps)


def _may_be_shorter(expr: Expr) -> bool:
    """Whether something may cancel; of most gradients nothing does, and nobody looks further."""
    nodes = [node for node in walk(expr) if isinstance(node, Op)]
    names = {node.name for node in nodes}
    factors = [arg for node in nodes if node.name == "matmul" for arg in node.args]
    signed = any(isinstance(arg, Op) and arg.name == "neg" for arg in factors)
    return signed or "diag" in names or ("mul" in names and bool(names & _CANCEL))


_CANCEL = frozenset({"div", "ratio", "spread"})


class _Planner:
    def __init__(self, model: Model, fused: bool, careful: bool) -> None:
        self.model = model
        self.fused = fused
        self.careful = careful
        self.past_outputs = Shortcuts()
        self.steps: list[Planned] = []
        self.shapes: dict[str, Shape] = dict(model.shapes)
        self.definitions = model.definitions
        self.behind: dict[str, Expr] = {}
        self.sizes = Sizes(self.shapes, kinks(model.problem.convention.kinks))
        self.rules = self.sizes.sharing()  # formulas have parts in common

    def add(self, step: Planned) -> None:
        """The next step, with the shape that its formula gives."""
        self.shapes[step.id] = shape = self.rules.shape(step.expr)
        self.steps.append(replace(step, shape=shape))

    # Forward ----------------------------------------------------------------------------------

    def forward(self) -> None:
        for each in filter(None, (*self.model.equations, self.model.decision)):
            note = each.remark.words if each.remark else None
            step = Planned(each.name, "forward", each.rule, each.expr, each.axes, each.words, note)
            self.add(step)

    # Backward ---------------------------------------------------------------------------------

    def backward(self, extra: Collection[str]) -> None:
        model = self.model
        asked = [(found.name, found.by) for found in map(quantity, extra) if found.by]
        twice = [(found.of, found.by) for found in map(second_derivative, extra) if found]
        wanted = list(model.wanted)
        wanted += [
            by
            for of, by in (*asked, *twice)
            if of == model.gradient_of != by and by not in wanted and by in model.shapes
        ]
        for name in model.shapes:  # gradients' shapes are known before they are planned
            self.shapes.setdefault(model.gradient(name), model.shapes[name])
        found = self.gradients(wanted) if model.seeds else []
        jacobians = self.jacobians(asked, {gradient.of for gradient in found})
        for gradient in found:
            for pair in [pair for pair in jacobians if pair[1] == gradient.of]:
                self.jacobian(pair, jacobians.pop(pair))
            self.gradient(gradient)
        for pair, expr in jacobians.items():
            self.jacobian(pair, expr)

    def gradients(self, wanted: list[str]) -> list[Gradient]:
        model = self.model
        self.past_outputs = shortcuts(model, self.sizes, fused=self.fused, careful=self.careful)
        found = gradients(replace(self.taken, shortcuts=self.ways()), wanted, self.rules)
        return [replace(each, expr=self.shortened(each.expr)) for each in found]

    def shortened(self, expr: Expr) -> Expr:
        """A gradient as a person writes it: 1 ⊙ y as y, ‖u‖ · u / ‖u‖ as u."""
        if self.careful:
            return expr
        expr = assumed(expr, self.model.problem, self.rules)
        if self.model.problem.assume or _may_be_shorter(expr):
            from backprop_cli.derive.simplify.simplify import (
                shorter,  # here alone: most formulas are short
            )

            expr = shorter(expr, self.rules)
        return last_form(expr, self.rules, self.divisors)

    @cached_property
    def divisors(self) -> frozenset[Fraction]:
        """What the formulas divide by: how many samples there are, what a mask keeps."""
        return divided_by(self.definitions.values(), self.rules)

    @cached_property
    def taken(self) -> Backward:
        """How gradients are taken; in logits where a way over the output would be infinite."""
        found = self.model.backward
        if not self.careful:
            return found
        from backprop_cli.calculus.stable import in_logits

        equations = {name: in_logits(expr, {}) for name, expr in found.equations.items()}
        return replace(found, equations=equations)

    def ways(self) -> dict[str, Mapping[str, Expr]]:
        """Gradients taken another way than the pull-back: past outputs, or by a Jacobian."""
        found: dict[str, Mapping[str, Expr]] = {}
        for name, expr in self.definitions.items():
            match expr:
                case Op("softmax", (Sym(z),)) if self.through_jacobian(name, z):
                    found[name] = {z: self.through(name, z)}
        return found | dict(self.past_outputs.shares)

    def through_jacobian(self, of: str, by: str) -> bool:
        shape = self.model.shapes[of]
        small = len(shape) == 1 and (isinstance(shape[0], str) or shape[0] <= _LARGEST_SOFTMAX)
        return small and (of, by) in self.model.neighbours

    def through(self, of: str, by: str) -> Expr:
        """∂L/∂Z as the Jacobian of the softmax times ∂L/∂Ŷ."""
        jacobian: Expr = Sym(derivative_id(of, by))
        upstream = Sym(self.model.gradient(of))
        self.shapes[derivative_id(of, by)] = self.model.shapes[of] * 2
        convention = self.model.problem.convention
        if (convention.jacobian == "numerator") != convention.rows:
            jacobian = build.transpose(jacobian)
        return (
            op("matmul", upstream, jacobian)
            if convention.rows
            else op("matmul", jacobian, upstream)
        )

    def gradient(self, gradient: Gradient) -> None:
        model = self.model
        said = self.past_outputs.why.get(gradient.of)
        rule = "fused" if said is not None else self.reason(gradient)
        id, axes = model.gradient(gradient.of), model.axes(gradient.of)
        self.add(Planned(id, "backward", rule, gradient.expr, axes, note=said))

    def reason(self, gradient: Gradient) -> str:
        if len(gradient.paths) > 1:
            return "sum-over-paths"
        through = gradient.paths[0]
        if through == gradient.of:
            return "upstream"
        rule = self.rule_of(through)
        if rule in ("add", "sub"):
            rule = rule_of(met(self.definitions[through], gradient.of))
        return f"through-{rule}"

    # Jacobians --------------------------------------------------------------------------------

    def jacobians(
        self, asked: list[tuple[str, str]], reached: Collection[str]
    ) -> dict[tuple[str, str], Expr]:
        """Those between neighbours, then those asked for that are not gradients of the target."""
        found = {}
        for of, by in (*self.model.neighbours, *asked):
            if of == self.model.gradient_of and by in reached:
                continue
            if of in self.definitions and by in self.shapes:
                found[of, by] = self.jacobian_of(of, by)
        return found

    def jacobian_of(self, of: str, by: str) -> Expr:
        axis = self.model.sample_axis if self.per_sample(of) and self.per_sample(by) else None
        denominator = self.model.problem.convention.jacobian == "denominator"
        expr = self.definitions[of]
        if by not in symbols(expr) or also_through(of, by, self.definitions):
            chained = None if self.shapes[of] else self.through_others(of, by)
            return chained or jacobian_by_name(of, by, axis, denominator)
        return local_jacobian(of, by, expr, self.rules, axis, denominator)

    def through_others(self, of: str, by: str) -> Expr | None:
        """The derivative of a number through what stands between, where that can be read."""
        from backprop_cli.derive.simplify.simplify import shorter
        from backprop_cli.solving.hessians import in_closed_form

        found = in_closed_form(of, by, self.definitions, self.sizes)
        return None if found is None else shorter(found, self.sizes)

    def per_sample(self, name: str) -> bool:
        return "sample" in self.model.axes(name)

    def jacobian(self, pair: tuple[str, str], expr: Expr) -> None:
        of, by = pair
        size = 1
        shape = self.rules.shape(expr)
        for length in shape:
            size *= length if isinstance(length, int) else 1
        id, axes = derivative_id(of, by), self.jacobian_axes(of, by)
        large = size > MAX_JACOBIAN
        self.add(Planned(id, "jacobian", self.rule_of(of), expr, axes, skipped=large))

    def rule_of(self, name: str) -> str:
        return next(equation.rule for equation in self.model.equations if equation.name == name)

    def jacobian_axes(self, of: str, by: str) -> tuple[str, ...]:
        one, other = self.model.axes(of), self.model.axes(by)
        blocks = self.model.samples is not None and "sample" in one and "sample" in other
        if blocks:
            one = tuple(axis for axis in one if axis != "sample")
            other = tuple(axis for axis in other if axis != "sample")
        if self.rule_of(of) == "affine":
            other = tuple("input" if axis == "unit" else axis for axis in other)
        ordered = (
            other + one if self.model.problem.convention.jacobian == "denominator" else one + other
        )
        return (("sample",) if blocks else ()) + ordered

    # Second derivatives -----------------------------------------------------------------------

    def second_derivatives(self, extra: Collection[str]) -> None:
        asked = [*filter(None, map(second_derivative, dict.fromkeys(extra)))]
        if asked:
            from backprop_cli.solving.hessians import gradients_behind, hessian

            self.behind = gradients_behind(self.model, self.sizes, [one.by for one in asked])
        # Of what has no gradient there is no second derivative: whoever asked for it is told.
        for one in (one for one in asked if self.model.gradient(one.by) in self.behind):
            found = hessian(self.model, one, self.behind, self.sizes)
            axes = found.axes[: len(self.rules.shape(found.expr))]
            step = Planned(one.id, "jacobian", "hessian", found.expr, axes, found.words, found.note)
            self.add(step)

    # Update -----------------------------------------------------------------------------------

    def update(self) -> None:
        self.shapes |= dict.fromkeys(constant_names(self.model).values(), ())
        for id, shape in state_shapes(self.model).items():
            self.shapes[old_id(id)] = shape
        known = {*self.model.given, *self.model.unknown, *(step.id for step in self.steps)}
        reached = [name for name in self.model.trained if self.model.gradient(name) in known]
        if self.model.update is not None and self.model.update.rule == "perceptron":
            reached = list(self.model.trained)
        there = look_ahead(self.model, reached, self.taken, self.past_outputs, self.sizes)
        for each in there:
            self.shapes[each.id] = self.model.shapes[each.of]
            axes = self.model.axes(each.of)
            expr = self.shortened(each.expr) if each.rule == GRADIENT_AHEAD else each.expr
            self.add(Planned(each.id, "update", each.rule, expr, axes, each.words, each.note))
        for id, expr, rule, parameter in updates(self.model, reached, self.sizes):
            axes = self.model.axes(parameter) if parameter else ()
            self.add(Planned(id, "update", rule, expr, axes))

    def forward_again(self) -> None:
        """The loss with the new parameters, through every quantity that they change."""
        if self.model.target is None:
            return
        renamed: dict[str, Expr] = {
            name: Sym(new_id(name)) for name in self.model.trained if new_id(name) in self.shapes
        }
        rule = "forward-again"
        for each in self.model.equations:
            if renamed.keys() & set(symbols(each.expr)):
                id, expr = new_id(each.name), substitute(each.expr, renamed)
                self.add(Planned(id, "update", rule, expr, each.axes, each.words))
                renamed[each.name] = Sym(id)
        if (target := self.model.target) not in renamed:
            self.add(Planned(new_id(target), "update", rule, Sym(target), ()))


def essential(planned: Plan, goals: Collection[str]) -> Plan:
    """The steps that the goals need, and no others."""
    return _essential(planned, frozenset(goals))


@lru_cache(maxsize=64)
def _essential(planned: Plan, goals: frozenset[str]) -> Plan:
    needed = set(goals)
    kept: list[Planned] = []
    for step in reversed(planned.steps):
        if step.id in needed:
            needed.update(symbols(step.expr))
            kept.append(step)
    return replace(planned, steps=tuple(reversed(kept)))

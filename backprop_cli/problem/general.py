"""Equations as written to the model: names, order and shapes checked."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from difflib import get_close_matches

import numpy as np

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Op, Sym, num, op, symbols
from backprop_cli.algebra.shapes import Shape, ShapeError, described
from backprop_cli.errors import Complaints, Mark
from backprop_cli.operations.sizes import Sizes
from backprop_cli.problem.data import Problem, Text
from backprop_cli.problem.formula import FUNCTIONS
from backprop_cli.problem.kinks import kinks
from backprop_cli.problem.model import Equation, Model
from backprop_cli.problem.texts import dialect, parsed
from backprop_cli.trace import Given

_EQUATION = re.compile(r"\s*(?P<name>[^\W\d_]\w*)\s*=(?!=)\s*")
_AXES: dict[int, tuple[str, ...]] = {0: (), 1: ("row",), 2: ("row", "column")}


@dataclass
class _Equations:
    """The equations gathered while the list is read."""

    problem: Problem
    complaints: Complaints
    given: dict[str, Given] = field(default_factory=dict)
    shapes: dict[str, Shape] = field(default_factory=dict)
    equations: list[Equation] = field(default_factory=list)
    failed: set[str] = field(default_factory=set)

    def known(self) -> set[str]:
        return {*self.shapes, *self.failed}

    def sizes(self) -> Sizes:
        return Sizes(self.shapes, kinks(self.problem.convention.kinks))


def general(problem: Problem, complaints: Complaints) -> Model | None:
    """The model of a problem with `equations`; None where complaints make it meaningless."""
    read = _Equations(problem, complaints)
    _values(read)
    for text in problem.equations or ():
        _equation(read, text)
    if complaints.found or not read.equations:
        return None
    return _differentiated(read)


def updates_only(problem: Problem, complaints: Complaints) -> Model | None:
    """The model of a problem that gives gradients and asks for the update alone."""
    read = _Equations(problem, complaints)
    _values(read)
    for name, (text, values) in problem.gradients.items():
        if name not in read.given:
            complaints.add(
                f"there is no value '{name}' to update", text.mark, ", ".join(read.given)
            )
        elif values.array is not None:
            if values.array.shape != read.shapes[name]:
                complaints.add(
                    f"this gradient is {described(values.array.shape)}, and {name} is "
                    f"{described(read.shapes[name])}",
                    values.mark,
                )
                continue
            read.given[f"dL/d{name}"] = Given(values.array, _AXES[values.array.ndim])
            read.shapes[f"dL/d{name}"] = values.array.shape
    if complaints.found:
        return None
    trained = tuple(problem.gradients)
    given = {name: _as_parameter(value, name in trained) for name, value in read.given.items()}
    return Model(
        problem,
        (),
        given,
        read.shapes,
        None,
        "L",
        trained=trained,
        update=problem.update,
        given_gradients=True,
    )


def _as_parameter(given: Given, trained: bool) -> Given:
    return Given(given.value, given.axes, "parameter") if trained else given


def _values(read: _Equations) -> None:
    for name, (text, values) in read.problem.values.items():
        _check_name(read, name, text.mark)
        if values.array is None or values.free:
            read.failed.add(name)
            if values.free:
                read.complaints.add(
                    f"{name} holds the letter '{values.free[0][1]}'",
                    values.mark,
                    "a number, or `backprop derive`",
                )
            continue
        read.given[name] = Given(values.array, _AXES[values.array.ndim], "data")
        read.shapes[name] = values.array.shape
    for name, (text, _) in read.problem.shapes.items():
        if name not in read.shapes:
            read.failed.add(name)
            read.complaints.add(
                f"{name} has a shape and no numbers",
                text.mark,
                f"values: {{{name}: …}}, or `backprop derive`",
            )


def _check_name(read: _Equations, name: str, mark: Mark) -> None:
    """Names that would be mistaken for something else are refused."""
    if not _EQUATION.match(f"{name}=") or not name.isidentifier():
        read.complaints.add(
            f"'{name}' cannot be a name", mark, "a letter, then letters, digits and underscores"
        )
    elif name in FUNCTIONS:
        read.complaints.add(
            f"'{name}' is the name of a function", mark, f"{name}1, or another name"
        )
    elif name.endswith(("_new", "_change")):
        read.complaints.add(
            f"'{name}' is a name the program gives itself",
            mark,
            "a name that does not end in _new or _change",
        )
    elif name in read.known():
        read.complaints.add(f"'{name}' is given twice", mark, "another name for one of the two")


def _equation(read: _Equations, text: Text) -> None:
    found = _EQUATION.match(text.text)
    if not found:
        read.complaints.add("an equation is a name, '=' and a formula", text.mark, "z = W @ x + b")
        return
    name = found["name"]
    before = len(read.complaints.found)
    _check_name(read, name, Mark(text.mark.line, text.mark.column + found.start("name")))
    expr = parsed(
        text, dialect(read.problem.convention), read.complaints, read.known(), found.end()
    )
    if (
        expr is None
        or read.failed.intersection(symbols(expr))
        or len(read.complaints.found) > before
    ):
        read.failed.add(name)
        return
    try:
        shape = read.sizes().shape(expr)
    except ShapeError as error:
        mark = Mark(text.mark.line, text.mark.column + found.end())
        read.complaints.add(f"in {name}, {error}", mark, error.instead)
        read.failed.add(name)
        return
    rule = expr.name if isinstance(expr, Op) else "copy" if isinstance(expr, Sym) else "constant"
    read.shapes[name] = shape
    read.equations.append(Equation(name, expr, rule, _AXES.get(len(shape), ()), ""))


def _differentiated(read: _Equations) -> Model | None:
    problem, complaints = read.problem, read.complaints
    names = [equation.name for equation in read.equations]
    trained = _trained(read)
    target = _target(read, names)
    _penalty(read, target, trained)
    seeds, prefix = _seeds(read, target)
    if complaints.found:
        return None
    given = {name: _as_parameter(value, name in trained) for name, value in read.given.items()}
    parts = (target, f"{target}_data", f"{target}_penalty")
    silent = tuple(part for part in parts if seeds.get(target) == build.ONE)
    scalar = seeds.get(target) == build.ONE
    wanted = trained if problem.train is not None else tuple(problem.values)
    return Model(
        problem,
        tuple(read.equations),
        given,
        read.shapes,
        target if scalar else None,
        prefix,
        seeds,
        silent,
        wanted if seeds else (),
        trained,
        _neighbours(read, wanted, trained, target),
        update=problem.update,
    )


def _trained(read: _Equations) -> tuple[str, ...]:
    names = []
    for text in read.problem.train or ():
        if text.text not in read.given:
            near = get_close_matches(text.text, read.given, 1)
            read.complaints.add(
                f"there is no value '{text.text}' to train",
                text.mark,
                f"did you mean {near[0]}?" if near else ", ".join(read.given),
            )
        else:
            names.append(text.text)
    return tuple(names)


def _target(read: _Equations, names: list[str]) -> str:
    asked = read.problem.differentiate
    if asked is None:
        return names[-1]
    if asked.text not in names:
        near = get_close_matches(asked.text, names, 1)
        read.complaints.add(
            f"there is no equation for '{asked.text}'",
            asked.mark,
            f"did you mean {near[0]}?" if near else ", ".join(names),
        )
        return names[-1]
    return asked.text


def _seeds(read: _Equations, target: str) -> tuple[dict[str, Expr], str]:
    """Where gradients start, and what stands on top in their ids."""
    seeds: dict[str, Expr] = {}
    for name, (text, values) in read.problem.upstream.items():
        if name not in {equation.name for equation in read.equations}:
            read.complaints.add(f"there is no equation for '{name}'", text.mark)
        elif values.array is not None:
            if values.array.shape != read.shapes[name]:
                read.complaints.add(
                    f"this gradient is {described(values.array.shape)}, and {name} is "
                    f"{described(read.shapes[name])}",
                    values.mark,
                )
                continue
            given = f"upstream_{name}"
            read.given[given] = Given(values.array, _AXES[values.array.ndim])
            read.shapes[given] = values.array.shape
            seeds[name] = Sym(given)
    if seeds or read.problem.upstream:
        return seeds, "L"
    if read.shapes[target] == ():
        return {target: build.ONE}, target
    if read.problem.differentiate is not None or read.problem.train:
        asked = read.problem.differentiate
        read.complaints.add(
            f"{target} is {described(read.shapes[target])}, and only a number has a gradient of its own",
            asked.mark if asked else Mark(),
            f"upstream: {{{target}: …}}, a gradient that reaches it from outside",
        )
    return {}, target


def _penalty(read: _Equations, target: str, trained: tuple[str, ...]) -> None:
    """Renames the target to its data part and adds the penalty on what is named."""
    penalty = read.problem.penalty
    if penalty is None:
        return
    names = [text.text for text in penalty.on] if penalty.on is not None else list(trained)
    for name in names:
        if name not in read.given:
            read.complaints.add(
                f"there is no value '{name}' to penalise", penalty.mark, ", ".join(read.given)
            )
            return
    data, part = f"{target}_data", f"{target}_penalty"
    for position, equation in enumerate(read.equations):
        if equation.name == target:
            read.equations[position] = Equation(
                data, equation.expr, equation.rule, equation.axes, "loss"
            )
            read.shapes[data] = read.shapes[target]
    squares: Expr = build.ZERO
    for name in names:
        squares = build.add(squares, op("sum", op("pow", Sym(name), num(2))))
    read.given["lambda"] = Given(np.asarray(penalty.l2), (), "constant")
    factor: Expr = Sym("lambda") if penalty.form == "full" else op("div", Sym("lambda"), num(2))
    read.equations.append(Equation(part, op("mul", factor, squares), "penalty", (), "penalty"))
    total = op("add", Sym(data), Sym(part))
    read.equations.append(Equation(target, total, "total-loss", (), "loss with its penalty"))
    read.shapes |= {"lambda": (), part: (), target: ()}


def _neighbours(
    read: _Equations, wanted: tuple[str, ...], trained: tuple[str, ...], target: str
) -> tuple[tuple[str, str], ...]:
    """Pairs whose Jacobian is of interest: each array and what it is computed from, parameters apart."""
    computed = {equation.name for equation in read.equations}
    pairs = []
    for equation in read.equations:
        if equation.name.startswith(target) or read.shapes[equation.name] == ():
            continue
        for used in symbols(equation.expr):
            if used in computed or (used in wanted and used not in trained):
                pairs.append((equation.name, used))
    return tuple(pairs)

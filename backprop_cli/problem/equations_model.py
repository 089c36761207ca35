"""Equations as written to the model: what is differentiated and trained, penalised and given."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Sym, op, symbols
from backprop_cli.algebra.quantity import derivative_id, loss_parts, old_id, state_id, upstream_id
from backprop_cli.algebra.shapes import Shape, described
from backprop_cli.errors import Complaints, Mark
from backprop_cli.operations.updates import RULES
from backprop_cli.problem.assumptions import check_assumed
from backprop_cli.problem.fitted_arrays import fitted, upstream
from backprop_cli.problem.ids import NAMED, loss_gradient_of, names_said
from backprop_cli.problem.model import Built, Equation, Model, Outline, checked_letters
from backprop_cli.problem.network_loss import penalty_term, penalty_weights
from backprop_cli.problem.problem_data import Penalty, Problem
from backprop_cli.problem.read_equations import AXES, Equations, read_equations, read_values, unroll
from backprop_cli.problem.text.lexer import FormulaError, stepped
from backprop_cli.problem.typed_numbers import shown
from backprop_cli.problem.unrolled import in_letters
from backprop_cli.trace import Given, Unknown

MAX_EQUATIONS = 1_000
"""Equations of one problem."""


class _Start(Struct, frozen=True):
    """Where gradients start: the seeds, what is on top in ids, and whether anything is wrong."""

    seeds: dict[str, Expr]
    gradient_of: str
    wrong: bool = False


def general(problem: Problem, complaints: Complaints, numbers: bool = True) -> Built:
    """The model of a problem with at least one equation, and its outline in any case.

    Without `numbers` shapes alone will do, and their sizes may be letters.
    """
    read = Equations(problem, complaints, numbers, lost={*problem.lost})
    read_values(read)
    unroll(read)
    if len(read.stated) > MAX_EQUATIONS:
        message = f"here are {len(read.stated):,} equations, and {MAX_EQUATIONS:,} is the limit"
        complaints.add(message, read.stated[MAX_EQUATIONS].text.mark)
        return Built(_outline(read, (), _Start({}, "L", True)), None)
    read_equations(read)
    trained = _trained(read)
    target = _target(read)
    if target is not None and not problem.upstream:
        _take_only_entry(read, target)
    shapes = dict(read.shapes)
    names = [*read.values, *(equation.name for equation in read.equations)]
    letters = checked_letters(shapes, names, complaints)
    penalised = _penalised(read, trained)
    start = _start(read, target)
    _check_taken(read, trained, target)
    stated = {name: read.shapes[name] for name in read.values if name in read.shapes}
    known = {name: given.value for name, given in read.given.items()}
    check_assumed(problem, stated, known, complaints)
    outline = _outline(read, trained, start)
    if complaints.found or target is None:
        return Built(outline, None)
    _add_penalty(read, target, penalised)
    return Built(outline, _model(read, target, trained, start, shapes, letters))


def _model(
    read: Equations,
    target: str,
    trained: tuple[str, ...],
    start: _Start,
    unpenalised: dict[str, Shape],
    letters: frozenset[str],
) -> Model:
    problem = read.problem
    given = {name: _as_parameter(value, name in trained) for name, value in read.given.items()}
    scalar = start.seeds.get(target) == build.ONE
    parts = [target, *loss_parts(target)] if problem.penalty else [target]
    wanted = trained if problem.train is not None else (*problem.values, *read.unknown)
    return Model(
        problem,
        tuple(read.equations),
        given,
        read.shapes,
        target if scalar else None,
        start.gradient_of,
        start.seeds,
        tuple(parts) if scalar else (),
        wanted if start.seeds else (),
        trained,
        _neighbours(read, wanted, trained, set(parts) if unpenalised[target] == () else set()),
        update=problem.update,
        unknown={name: _trained_or_not(one, name in trained) for name, one in read.unknown.items()},
        letters=letters,
        aliases=in_letters(read.over_time),
        over_time=read.over_time,
        decaying=_decaying(trained),
    )


def _trained_or_not(quantity: Unknown, trained: bool) -> Unknown:
    return Unknown(quantity.shape, quantity.axes, "parameter") if trained else quantity


def _as_parameter(given: Given, trained: bool) -> Given:
    return Given(given.value, given.axes, "parameter") if trained else given


def _outline(read: Equations, trained: tuple[str, ...], start: _Start) -> Outline:
    values = dict.fromkeys(read.values)
    names = [equation.name for equation in read.equations]
    return Outline(
        read.problem,
        tuple(values),
        tuple(dict.fromkeys([*names, *read.failed, *read.later])),
        dict(read.shapes),
        trained,
        start.gradient_of,
        in_letters(read.over_time),
        gradients=True if start.seeds else None if start.wrong else False,
    )


def _neighbours(
    read: Equations, wanted: tuple[str, ...], trained: tuple[str, ...], scalars: set[str]
) -> tuple[tuple[str, str], ...]:
    """Pairs whose Jacobian is of interest: each array and what it comes from, parameters apart."""
    computed = {equation.name for equation in read.equations}
    pairs = []
    for equation in read.equations:
        if equation.name in scalars or read.shapes[equation.name] == ():
            continue
        pairs += [
            (equation.name, used)
            for used in symbols(equation.expr)
            if used in computed or (used in wanted and used not in trained)
        ]
    return tuple(pairs)


# What is trained and differentiated -------------------------------------------------------------


def _trained(read: Equations) -> tuple[str, ...]:
    """The names to train that there are values for."""
    names: dict[str, None] = {}
    values = read.values
    if not values and read.complaints.found:
        return ()  # they could not be read: what is trained may well be among them
    for text in read.problem.train or ():
        name = text.text.strip()
        if name in values:
            names[name] = None
        elif name in read.known or name in read.later:
            message = f"{shown(name)} is computed, and only values can be trained"
            read.complaints.add(message, text.mark, ", ".join(values))
        else:
            message, instead = names_said(name, values, "value")
            read.complaints.add(message, text.mark, instead)
    return tuple(names)


def _target(read: Equations) -> str | None:
    """What is differentiated: as said, else the last equation; None where that is wrong."""
    asked = read.problem.differentiate
    names = {equation.name for equation in read.equations}
    last = list(read.later)[-1] if read.later else None
    if asked is None:
        return last if last in names else None
    name = asked.text.strip()
    if name in names:
        return name
    if name in read.values:
        message = f"{shown(name)} is given, and only what is computed can be differentiated"
        read.complaints.add(message, asked.mark, last)
    elif _with_its_step(name, read) in names:
        message = f"{shown(name)} is of a step, and the number of steps is a letter"
        read.complaints.add(message, asked.mark, f"one more equation in its place: - L = {name}")
    elif name not in read.failed and name not in read.later:
        message, instead = names_said(name, list(read.later), "equation for")
        read.complaints.add(message, asked.mark, instead)
    return None


def _with_its_step(name: str, read: Equations) -> str:
    """h_T as the equations have it: some number of steps stands for T."""
    try:
        return stepped(name, read.lengths)
    except FormulaError:
        return name


def _take_only_entry(read: Equations, target: str) -> None:
    """Makes a target of one entry, as of a layer with one unit, the number that it is."""
    shape = read.shapes[target]
    used = any(target in symbols(each.expr) for each in read.equations)
    if used or not shape or any(size != 1 for size in shape):
        return
    for position, each in enumerate(read.equations):
        if each.name == target:
            read.equations[position] = replace(each, expr=op("sum", each.expr), axes=())
    read.shapes[target] = ()


def _start(read: Equations, target: str | None) -> _Start:
    problem = read.problem
    if problem.upstream:
        return _given_gradients(read)
    if target is None:
        # Whatever it would have been called: the last equation's name, where there is one.
        last = list(read.later)[-1] if read.later else "L"
        asked = problem.differentiate
        return _Start({}, asked.text.strip() if asked else last, wrong=True)
    if read.shapes[target] == ():
        return _Start({target: build.ONE}, target)
    asked = problem.differentiate
    if asked or problem.train or problem.update or problem.penalty:
        _complain_of_target(read, target)
        return _Start({}, target, wrong=True)
    return _Start({}, target)


def _complain_of_target(read: Equations, target: str) -> None:
    lefts = (each.text.text.partition("=")[0].strip() for each in read.stated)
    if "upstream" in read.lost or any(map(loss_gradient_of, (*read.given, *lefts))):
        return  # what it starts from is there, in the wrong place
    asked = read.problem.differentiate
    mark = asked.mark if asked else _mark_of(read, target)
    shape = described(read.shapes[target])
    read.complaints.add(
        f"{target} is {shape}, and only a number has a gradient",
        mark,
        f"upstream: {{{target}: …}}, the gradient that reaches it ({shape}), "
        f"or one more equation, such as L = sum({target})",
    )


def _mark_of(read: Equations, name: str) -> Mark:
    """Where the equation of `name` stands."""
    return next((each.text.mark for each in read.stated if each.name == name), Mark())


def _given_gradients(read: Equations) -> _Start:
    problem, before = read.problem, len(read.complaints.found)
    computed = list(dict.fromkeys([*(e.name for e in read.equations), *read.failed, *read.later]))
    found = upstream(problem, read.complaints, computed, read.shapes, {})
    seeds: dict[str, Expr] = {}
    for name, array in found.items():
        given = upstream_id(name)
        while given in read.known:
            given += "_"
        read.given[given] = Given(array, AXES[array.ndim])
        read.shapes[given] = array.shape
        seeds[name] = Sym(given)
    return _Start(seeds, "L", wrong=len(read.complaints.found) > before)


# The penalty ------------------------------------------------------------------------------------


def _penalised(read: Equations, trained: tuple[str, ...]) -> list[str]:
    """The names of what the penalty counts, everything wrong with it complained of."""
    penalty = read.problem.penalty
    if penalty is None:
        return []
    _check_penalty(read, penalty)
    if penalty.on is None:
        if not trained and not read.problem.train:
            message = "the penalty does not say which values it is on"
            read.complaints.add(message, penalty.mark, "on: [W]")
        return list(trained)
    values = read.values
    for text in penalty.on:
        if text.text not in values:
            message, instead = names_said(text.text, values, "value")
            read.complaints.add(message, text.mark, instead)
    return [text.text for text in penalty.on]


def _check_penalty(read: Equations, penalty: Penalty) -> None:
    """What a penalty may say about a network only."""
    for key, said in (
        ("divided_by_samples", penalty.divided_by_samples),
        ("biases", penalty.biases),
    ):
        if said:
            message = f"`{key}` belongs to `layers`, and this file has `equations`"
            read.complaints.add(message, penalty.mark, "on: [W], the names it is on")
    if read.problem.upstream:
        message = "a penalty is added to a loss, and here gradients start from `upstream`"
        read.complaints.add(message, penalty.mark, "one of the two")


def _add_penalty(read: Equations, target: str, names: list[str]) -> None:
    """Renames the target to its data part and adds the penalty to it."""
    penalty = read.problem.penalty
    if penalty is None:
        return
    data, part = loss_parts(target)
    weights = penalty_weights(penalty, read.known)
    for position, equation in enumerate(read.equations):
        if equation.name == target:
            read.equations[position] = Equation(
                data, equation.expr, equation.rule, equation.axes, "loss"
            )
            read.shapes[data] = read.shapes[target]
    for key, name in weights.items():
        read.given[name] = Given(np.asarray(getattr(penalty, key)), (), "constant")
        read.shapes[name] = ()
    term = penalty_term(penalty, weights, [Sym(name) for name in names], None)
    read.equations.append(Equation(part, term, "penalty", (), "penalty"))
    total = op("add", Sym(data), Sym(part))
    read.equations.append(Equation(target, total, "total-loss", (), "loss with its penalty"))
    read.shapes |= {part: (), target: ()}


def _check_taken(read: Equations, trained: tuple[str, ...], target: str | None) -> None:
    """Names that the penalty or the update gives, and the file as well."""
    taken: dict[str, str] = {}
    if read.problem.penalty is not None and target is not None:
        taken |= dict.fromkeys(loss_parts(target), f"the penalty splits {target}")
    update = read.problem.update
    if update is not None:
        letters = RULES[update.rule, update.form].states(NAMED)
        why = f"{update.rule} keeps its state under this name"
        ids = [state_id(letter, name) for letter in letters for name in trained]
        taken |= dict.fromkeys([*ids, *map(old_id, ids)], why)
    for name, why in taken.items():
        if name in read.known:
            read.complaints.add(
                f"{shown(name)} is taken: {why}", _place_of(read, name), f"{name}1, or another name"
            )


def _place_of(read: Equations, name: str) -> Mark:
    found = read.problem.values.get(name)
    return found[0].mark if found else _mark_of(read, name)


# Given gradients alone --------------------------------------------------------------------------


def updates_only(problem: Problem, complaints: Complaints) -> Built:
    """The model of a problem that gives gradients and asks for the update alone."""
    read = Equations(problem, complaints)
    read_values(read)
    values = read.values
    trained = []
    for name, (text, given) in problem.gradients.items():
        if name not in values:
            message, instead = names_said(name, values, "value")
            complaints.add(message, text.mark, instead)
            continue
        trained.append(name)
        if given.array is None or name not in read.shapes:
            continue
        array = fitted(given.array, read.shapes[name], name, given.mark, complaints)
        if array is not None:
            read.given[derivative_id("L", name)] = Given(array, AXES[array.ndim])
            read.shapes[derivative_id("L", name)] = array.shape
    _check_taken(read, tuple(trained), None)
    outline = _outline(read, tuple(trained), _Start(dict.fromkeys(trained, build.ONE), "L"))
    if complaints.found:
        return Built(outline, None)
    roles = {name: _as_parameter(value, name in trained) for name, value in read.given.items()}
    return Built(
        outline,
        Model(
            problem,
            (),
            roles,
            read.shapes,
            None,
            "L",
            trained=tuple(trained),
            update=problem.update,
            given_gradients=True,
            decaying=_decaying(tuple(trained)),
        ),
    )


def _decaying(trained: tuple[str, ...]) -> dict[str, Expr]:
    """What weight decay is of: all but what is called b…, as a bias is."""
    return {name: Sym(name) for name in trained if not name.startswith("b")}

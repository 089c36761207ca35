"""A problem to its model: layers become the formulas they stand for, equations are read."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from msgspec.structs import replace

from backprop_cli.algebra import build
from backprop_cli.algebra.expr import Expr, Sym
from backprop_cli.algebra.quantity import upstream_id
from backprop_cli.algebra.shapes import Shape, all_known, described
from backprop_cli.errors import Complaints
from backprop_cli.problem.assumptions import check_assumed
from backprop_cli.problem.file_format.layer_keys import add_layer
from backprop_cli.problem.fitted_arrays import fitted, upstream
from backprop_cli.problem.layer_types.each_picture import end_of_pictures, fits_pictures
from backprop_cli.problem.model import Array, Built, Model, Outline, checked_letters
from backprop_cli.problem.model_builder import PICTURE, SEQUENCE, Draft
from backprop_cli.problem.network_loss import add_loss, add_penalty, decaying, decision, fusion
from backprop_cli.problem.problem_data import Labels, Problem
from backprop_cli.problem.targets import Expected, as_typed, guessed_input, stacked, targets
from backprop_cli.trace import OverTime


def network(
    problem: Problem,
    complaints: Complaints,
    chosen: tuple[int, ...] | None = None,
    numbers: bool = True,
) -> Built:
    """The model of a problem with at least one layer, and its outline in any case.

    `chosen` are the samples of a batch (from 0); all of them where it is None. Without `numbers`
    shapes alone will do, and their sizes may be letters.
    """
    net = _begun(problem, complaints, chosen, numbers)
    if not problem.convention.oriented:
        net.guessed.update(range(len(net.layers) + 1))
    for number in range(1, len(net.layers) + 1):
        if fits_pictures(net, number):
            add_layer(net, number)
    end_of_pictures(net)
    net.wanted.append("X")
    chosen_class = decision(net)
    silent = _loss(net, chosen)
    target = "L" if silent else None
    seeds: dict[str, Expr] = {target: build.ONE} if target else {}
    seeds |= _seeds(net, chosen)
    names = [*net.given, *net.unknown, *(equation.name for equation in net.equations)]
    letters = checked_letters(net.shapes, names, complaints)
    if complaints.found:
        return Built(_outline(net, seeds), None)
    return Built(
        _outline(net, seeds),
        Model(
            problem,
            tuple(net.equations),
            net.given,
            net.shapes,
            target,
            "L",
            seeds,
            silent,
            tuple(net.wanted) if seeds else (),
            tuple(net.trained),
            tuple(net.neighbours),
            chosen_class,
            fusion(net) if target else None,
            net.samples,
            problem.update,
            net.aliases,
            net.unknown,
            letters,
            summed=net.summed,
            over_time=tuple(_together(net)),
            decaying=decaying(net),
        ),
    )


def _together(net: Draft) -> Iterator[OverTime]:
    """What belongs together: what there is once a step of the sequence, or once a picture."""
    for steps in dict.fromkeys(net.over_time.values()):
        bases = tuple(base for base, count in net.over_time.items() if count == steps)
        if net.input == "pictures":
            yield OverTime("n", 1, steps, bases, of="picture")
        else:
            yield OverTime("t", 1, steps, bases)


def _begun(
    problem: Problem, complaints: Complaints, chosen: tuple[int, ...] | None, numbers: bool
) -> Draft:
    """The draft with X in it."""
    if not numbers and (problem.x is None or problem.x.free) and problem.inputs is not None:
        net = Draft(problem, complaints, problem.samples, numbers=False)
        net.state("X", net.shape(problem.inputs), net.axes("input"), "data")
        net.units.append(problem.inputs)
        return net
    if problem.input != "samples":
        return _begun_as_typed(problem, complaints, chosen, numbers)
    x = stacked(problem, complaints, chosen)
    rows = problem.convention.rows
    if x is None:
        net = Draft(problem, complaints, None, certain_samples=False, numbers=numbers)
        net.units.append(guessed_input(problem))
        net.state("X", net.shape(net.units[0]), net.axes("input"), "data")
        net.guessed.add(0)
        net.doubtful.add("X")
        return net
    samples = None if x.ndim == 1 else x.shape[0 if rows else 1]
    net = Draft(problem, complaints, samples, numbers=numbers)
    net.give("X", x, net.axes("input"), "data")
    net.units.append(x.shape[0] if x.ndim == 1 else x.shape[1 if rows else 0])
    return net


def _begun_as_typed(
    problem: Problem, complaints: Complaints, chosen: tuple[int, ...] | None, numbers: bool
) -> Draft:
    """The draft with X in it where x is a picture, or several, or one sequence."""
    net = Draft(problem, complaints, None, numbers=numbers)
    x = as_typed(problem, complaints)
    if x is None:
        net.certain_samples = False
        net.units.append(1)
        net.state("X", (1,), ("input",), "data")
        net.guessed.add(0)
        net.doubtful.add("X")
        return net
    if problem.input == "pictures":
        x = x if chosen is None else x[list(chosen)]
        net.pictures = len(x)
        net.give("X", x, ("picture", *PICTURE[1 - x.ndim :]), "data")
        net.units.append(x[0].size)
        return net
    picture = problem.input == "picture"
    net.give("X", x, PICTURE[-x.ndim :] if picture else SEQUENCE, "data")
    net.units.append(x.size if picture else x.shape[1])
    return net


def _loss(net: Draft, chosen: tuple[int, ...] | None) -> tuple[str, ...]:
    """Defines the loss where there is one; the names whose gradient is 1, the loss itself first."""
    problem = net.problem
    y = _targets(net, chosen)
    if problem.loss is None:
        if y is not None:
            net.give("Y", y, net.axes_of(net.output_of(len(net.layers))), "data")
        _check_assumed(net, y)
        _complain_without_loss(net)
        return ()
    if problem.y is None and net.numbers:
        instead = "y: […], or `loss: none` for a forward pass alone"
        net.complaints.add("a loss needs the target y", problem.loss.function.mark, instead)
    if y is not None:
        net.give("Y", y, net.axes_of(net.output_of(len(net.layers))), "data")
    else:
        output = net.output_of(len(net.layers))
        net.state("Y", net.shapes[output], net.axes_of(output), "data")
        if problem.y is not None or net.numbers:
            net.doubtful.add("Y")
    _check_assumed(net, y)
    return ("L", *add_penalty(net)) if add_loss(net) else ()


def _check_assumed(net: Draft, y: Array | None) -> None:
    """A network gives x and y, and of these only y is of a kind that its derivation uses."""
    names = [name for name in ("y", "Y") if name in net.problem.assume] or ["y"]
    shapes = {name: net.shapes["Y"] for name in names if "Y" in net.shapes}
    numbers = {} if y is None else dict.fromkeys(shapes, y)
    check_assumed(net.problem, shapes, numbers, net.complaints)


def _targets(net: Draft, chosen: tuple[int, ...] | None) -> Array | None:
    """Y, where there is one with numbers and it fits."""
    units, y = net.units[-1], net.problem.y
    if net.input == "sequence" and net.guessed:
        return None  # whether there is something at every step is not known
    shape = net.shapes[net.output_of(len(net.layers))]
    if not all_known(shape) or isinstance(units, str) or isinstance(net.samples, str):
        if y is not None:
            message = "y has numbers, and the sizes of the network are letters"
            net.complaints.add(message, y.mark, "leave `y` out")
        return None
    if len(shape) != len(net.axes()):
        return _targets_in_shape(net, shape)
    count = net.samples_of_x if net.problem.x is not None else net.samples
    certain = net.certain_samples
    expected = Expected(None if len(net.layers) in net.guessed else units, count, certain)
    return targets(net.problem, expected, net.complaints, chosen)


def _targets_in_shape(net: Draft, shape: Shape) -> Array | None:
    """Y where the network gives no vector: it has the shape of what is given."""
    y = net.problem.y
    if net.goes_over_time(len(net.layers)):
        return _targets_of_steps(net, shape)
    if isinstance(y, Labels):
        message = (
            f"labels stand for the classes of a vector, and the network gives {described(shape)}"
        )
        net.complaints.add(message, y.mark, f"y: {described(shape)}")
    elif y is not None and y.array is not None:
        return fitted(y.array, shape, "the network's output", y.mark, net.complaints)
    return None


def _targets_of_steps(net: Draft, shape: Shape) -> Array | None:
    """Y of a network over time: a row a step, as the samples of a batch would be."""
    steps, units = (int(size) for size in shape)
    rows = replace(net.problem, convention=replace(net.problem.convention, affine="x W + b"))
    return targets(rows, Expected(units, steps, over_time=True), net.complaints, None)


def _complain_without_loss(net: Draft) -> None:
    penalty = net.problem.penalty
    if penalty is not None and not net.complaints.found:
        message = "a penalty is added to the loss, and there is no loss"
        net.complaints.add(message, penalty.mark, "loss: squared-error, or no penalty")


def _seeds(net: Draft, chosen: tuple[int, ...] | None) -> dict[str, Expr]:
    """Gradients that reach quantities from outside, each given under a name of its own."""
    known = ["X", *(equation.name for equation in net.equations)]
    if net.guessed and net.output_of(len(net.layers)) not in known:
        return {}  # a layer was complained of: what it would give is no wrong name
    certain = net.shapes if net.certain_samples else {}
    shapes = {name: shape for name, shape in certain.items() if name not in net.doubtful}
    seeds: dict[str, Expr] = {}
    whole = {name: _whole(net, name, shape) for name, shape in shapes.items()}
    found = upstream(net.problem, net.complaints, known, whole, net.aliases)
    for name, array in found.items():
        taken = _taken(net, array, chosen) if "sample" in net.axes_of(name) else array
        net.give(upstream_id(name), taken, net.axes_of(name), "data")
        seeds[name] = Sym(upstream_id(name))
    return seeds


def _whole(net: Draft, name: str, shape: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """The shape over all samples of what has this shape over those of a batch."""
    count = net.samples_of_x
    if count is None or len(shape) < 2 or "sample" not in net.axes_of(name):
        return shape
    return (count, shape[1]) if net.convention.rows else (shape[0], count)


def _taken(net: Draft, array: Array, chosen: tuple[int, ...] | None) -> Array:
    """The part of an array over all samples that belongs to a batch."""
    if chosen is None or array.ndim < 2:
        return array
    return np.take(array, chosen, axis=0 if net.convention.rows else 1)


def _outline(net: Draft, seeds: dict[str, Expr]) -> Outline:
    computed = [equation.name for equation in net.equations]
    broken = bool(net.complaints.found)
    return Outline(
        net.problem,
        tuple(name for name in net.shapes if name in net.given or name in net.unknown),
        tuple(computed),
        {name: shape for name, shape in net.shapes.items() if name not in net.doubtful},
        tuple(net.trained),
        "L",
        net.aliases,
        True if seeds else None if broken else False,
        net.samples_of_x,
        net.certain_samples,
    )


def built_model(problem: Problem, complaints: Complaints, numbers: bool = True) -> Built | None:
    """What can be made of a problem; None where the file states no model to look at.

    Without `numbers` shapes alone will do, as for a derivation in symbols.
    """
    if problem.layers:
        return network(problem, complaints, numbers=numbers)
    from backprop_cli.problem.equations_model import general, updates_only

    if problem.equations:
        return general(problem, complaints, numbers)
    if problem.gradients:
        return updates_only(problem, complaints)
    return None


def batch_model(problem: Problem, chosen: tuple[int, ...]) -> Model:
    """The model of some of the samples; the problem is one whose model could be built."""
    built = network(problem, Complaints(), chosen)
    assert built.model is not None
    return built.model

"""Inputs and targets as written to arrays stacked the way the convention stores samples."""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from backprop_cli.algebra.shapes import described
from backprop_cli.errors import Complaints
from backprop_cli.problem.model import Array
from backprop_cli.problem.problem_data import Labels, Problem, Values
from backprop_cli.problem.typed_numbers import shown

_MOST_NAMED = 5  # labels that are complained of one by one


class Expected(Struct, frozen=True):
    """What the targets should be: for so many units (None: not known) and samples (None: one)."""

    units: int | None
    samples: int | None
    certain_samples: bool = True
    over_time: bool = False  # the samples are the steps of one sequence


def stacked(
    problem: Problem, complaints: Complaints, chosen: tuple[int, ...] | None
) -> Array | None:
    """X: a vector, or samples stacked in columns or rows; None where there is none to use."""
    x = problem.x
    if x is None:
        message = "there is no `x`: without numbers there is nothing to solve"
        complaints.add(message, instead="x: [1, 0], or a list of such vectors, a sample each")
        return None
    if x.array is None:
        return None
    if complain_of_letters("x", x, complaints):
        return None
    if x.array.ndim > 2:
        message = f"x is {described(x.array.shape)}, and a sample is a vector"
        complaints.add(message, x.mark, _PICTURES_MEANT)
        return None
    samples = x.array.shape[0] if x.array.ndim == 2 else 1
    _check_sizes(problem, x.array.shape[-1] if x.array.ndim else 1, samples, complaints)
    array = x.array.reshape(1) if x.array.ndim == 0 else x.array
    return _oriented(array, problem, chosen)


_FORMS = {
    "picture": "a matrix, or a list of matrices, a channel each",
    "pictures": "a list of matrices, a picture each, or of lists of matrices, a channel each",
    "sequence": "a list of vectors",
}
_PICTURES_MEANT = (
    "`input: picture` where it is one picture with channels; `input: pictures` where it is several"
)
_AXES = {"picture": (2, 3), "pictures": (3, 4), "sequence": (2,)}
_OTHERWISE = {
    ("picture", 1): "leave `input: picture` out, where x is a vector",
    ("picture", 4): "input: pictures, where x is a list of pictures",
    ("pictures", 2): "input: picture, where x is one picture",
    ("pictures", 1): "leave `input: pictures` out, where x is a vector",
}


def as_typed(problem: Problem, complaints: Complaints) -> Array | None:
    """X where it is a picture, or several, or one sequence; None where there is none to use."""
    x, kind = problem.x, problem.input
    if x is None:
        instead = f"x: {_FORMS[kind]}"
        complaints.add(f"there is no `x`, and `input: {kind}` says what it is", instead=instead)
        return None
    if x.array is None or complain_of_letters("x", x, complaints):
        return None
    array = x.array.reshape(-1, 1) if kind == "sequence" and x.array.ndim == 1 else x.array
    if array.ndim not in _AXES[kind]:
        name = kind if kind == "pictures" else f"a {kind}"
        verb = "are" if kind == "pictures" else "is"
        message = f"x is {described(array.shape)}, and {name} {verb} {_FORMS[kind]}"
        instead = _OTHERWISE.get((kind, array.ndim), "x: [[1, 0], [2, 1]]")
        complaints.add(message, x.mark, instead)
        return None
    if kind == "pictures":
        _check_sizes(problem, array[0].size, len(array), complaints)
    return array


def complain_of_letters(name: str, values: Values, complaints: Complaints) -> bool:
    """Whether there are letters where only numbers will do."""
    if not values.free:
        return False
    letter = shown(values.free[0][1])
    complaints.add(
        f"{letter} in `{name}` is a letter, and numbers are needed here",
        values.mark,
        "a number; `backprop solve` and `derive` give functions of letters",
    )
    return True


def _check_sizes(problem: Problem, inputs: int, samples: int, complaints: Complaints) -> None:
    """Sizes written beside the numbers they are the sizes of must agree with them."""
    for key, said, has in (
        ("inputs", problem.inputs, inputs),
        ("samples", problem.samples, samples),
    ):
        if isinstance(said, int) and said != has:
            message = f"`{key}` is {said}, and by the numbers of x it is {has}"
            complaints.add(message, instead=f"leave `{key}` out: the numbers say it")


def guessed_input(problem: Problem) -> int:
    """How many inputs there should be, where x cannot be read: as many as the first layer takes."""
    weights = problem.layers[0].weights if problem.layers else None
    if weights is None or weights.array is None or weights.array.ndim != 2:
        return 1
    units_first = problem.convention.affine in ("W x + b", "x W^T + b")
    inputs = int(weights.array.shape[1 if units_first else 0])
    return max(1, inputs - (problem.convention.bias != "separate"))


def _oriented(array: Array, problem: Problem, chosen: tuple[int, ...] | None) -> Array:
    if array.ndim == 1:
        return array
    if chosen is not None:
        array = array[list(chosen)]
    return array if problem.convention.rows else np.ascontiguousarray(array.T)


# Targets ----------------------------------------------------------------------------------------


def targets(
    problem: Problem, expected: Expected, complaints: Complaints, chosen: tuple[int, ...] | None
) -> Array | None:
    """Y, stacked like X; None where there is no target or it does not fit (with a complaint)."""
    y = problem.y
    if y is None:
        return None
    array = (
        _one_hot(y, problem, expected, complaints)
        if isinstance(y, Labels)
        else _numbers(y, expected, problem, complaints)
    )
    if array is None:
        return None
    return _oriented(array, problem, chosen)


def _numbers(
    y: Values, expected: Expected, problem: Problem, complaints: Complaints
) -> Array | None:
    if y.array is None:
        return None
    if expected.units is None or not expected.certain_samples:
        return None
    array = _arranged(y.array, expected.samples, expected.units)
    units, count = expected.units, expected.samples
    if array.shape != ((units,) if count is None else (count, units)):
        _complain_of_shape(y, y.array, expected, problem, complaints)
        return None
    _check_values(y, array, problem, complaints)
    return array


def _arranged(array: Array, count: int | None, units: int) -> Array:
    """A number as a vector; a flat list as one sample, or as a target a sample for one unit."""
    if array.ndim == 0:
        array = array.reshape(1)
    if array.ndim == 1 and count is not None and units == 1:
        return array.reshape(-1, 1)
    if array.ndim == 1 and count == 1:
        return array.reshape(1, -1)
    if array.shape == (1, units) and count is None:
        return array.reshape(-1)
    return array


def _complain_of_shape(
    y: Values,
    array: Array,
    expected: Expected,
    problem: Problem,
    complaints: Complaints,
) -> None:
    units, count = expected.units, expected.samples
    assert units is not None
    want = f"a vector of {units}" if count is None else _vectors(count, units)
    have = _vectors(*array.shape) if array.ndim == 2 else described(array.shape)
    outputs = "1 output" if units == 1 else f"{units} outputs"
    message = f"y is {have}, and the network gives {outputs}"
    if count is not None:
        what = "step" if expected.over_time else "sample"
        message += f" for each of {count} {what}{'' if count == 1 else 's'}"
    if expected.over_time and array.size == units:
        want += ", or `at: last-step` in the last layer, for the last step alone"
    complaints.add(message, y.mark, _targets_meant(array, units, count, problem) or want)


def _vectors(count: int, units: int) -> str:
    return f"{count} vector{'' if count == 1 else 's'} of {units}"


def _targets_meant(array: Array, units: int, count: int | None, problem: Problem) -> str | None:
    """What was probably meant by targets of another shape: a column, or class numbers."""
    if array.ndim == 2 and count is None and array.shape == (units, 1):
        return f"y: [{', '.join(f'{value:g}' for value in array[:6, 0])}{', …' * (units > 6)}]"
    bases = dict.fromkeys((problem.convention.indices, 0))
    first = next((base for base in bases if _are_classes(array, base, units)), None)
    if array.size != (count or 1) or units < 2 or first is None:
        return None
    flat = ", ".join(f"{value:g}" for value in array.ravel()[:6])
    more = ", …" if array.size > 6 else ""
    labels = f"y: {{labels: [{flat}{more}], classes: {units}}}"
    if first != problem.convention.indices:
        labels += f" and convention: {{indices: {first}}}"
    return f"{labels} where these are class numbers"


def _are_classes(array: Array, first: int, units: int) -> bool:
    """Whether these may be the numbers of classes that count from the first."""
    whole = array == array.round()
    return bool((whole & (array >= first) & (array < units + first)).all())


def _check_values(y: Values, array: Array, problem: Problem, complaints: Complaints) -> None:
    """Targets that the loss has no meaning for."""
    loss = problem.loss.function.name if problem.loss is not None else None
    if loss == "hinge":
        wrong, wanted = array[np.abs(array) != 1], "1 or -1"
        instead = "-1 for the other class"
    elif loss is not None and "cross-entropy" in loss:
        wrong, wanted = array[(array < 0) | (array > 1)], "from 0 to 1"
        instead = "y: {labels: […], classes: …} for class numbers"
    else:
        return
    if wrong.size:
        message = f"y holds {wrong.flat[0]:g}, and the targets of {loss} are {wanted}"
        complaints.add(message, y.mark, instead)


# Class numbers ----------------------------------------------------------------------------------


def _one_hot(
    y: Labels, problem: Problem, expected: Expected, complaints: Complaints
) -> Array | None:
    first = problem.convention.indices
    before = len(complaints.found)
    if expected.units is not None and y.classes != expected.units:
        _complain_of_classes(y, expected.units, complaints)
    else:
        _check_labels(y, first, complaints)
    if problem.loss is not None and problem.loss.function.name == "hinge":
        message = "labels stand for targets of 0 and 1, and those of hinge are 1 or -1"
        complaints.add(message, y.mark, "y: [1, -1], the targets themselves")
    if expected.certain_samples:
        _check_count(y, expected.samples, complaints)
    if len(complaints.found) > before or expected.units is None or not expected.certain_samples:
        return None
    rows = np.zeros((len(y.labels), y.classes))
    rows[np.arange(len(y.labels)), np.asarray(y.labels) - first] = 1
    return rows[0] if expected.samples is None else rows


def _complain_of_classes(y: Labels, units: int, complaints: Complaints) -> None:
    if units == 1:
        message = f"`classes` is {y.classes:,}, and the network has a single output"
        complaints.add(message, y.mark, "y: [0, 1], the number wanted of it for each sample")
        return
    message = f"`classes` is {y.classes:,}, and the network has {units} outputs, one a class"
    complaints.add(message, y.mark, f"classes: {units}")


def _check_labels(y: Labels, first: int, complaints: Complaints) -> None:
    last = y.classes - 1 + first
    wrong = [label for label in y.labels if not first <= label <= last]
    for label in list(dict.fromkeys(wrong))[:_MOST_NAMED]:
        counted = "convention: {indices: 0}" if label == 0 else None
        instead = f"{first} to {last}" if y.classes > 1 else f"{first}"
        if counted and last + 1 not in wrong:
            instead += f", or {counted} where classes count from 0"
        message = f"there is no class {label}: with {y.classes} classes they are {first} to {last}"
        complaints.add(message, y.mark, instead)


def _check_count(y: Labels, samples: int | None, complaints: Complaints) -> None:
    count = 1 if samples is None else samples
    if len(y.labels) != count:
        has = "one sample" if count == 1 else f"{count} samples"
        message = f"x is {has}, and here are {len(y.labels)} labels"
        complaints.add(message, y.mark, "labels: a class number for each sample")

"""Gradients given in a file to the arrays that start the backward pass, by the quantity's name."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from backprop_cli.algebra.shapes import Shape, described
from backprop_cli.errors import Complaints, Mark
from backprop_cli.problem.ids import UnknownIdError, reference
from backprop_cli.problem.model import Array
from backprop_cli.problem.problem_data import Problem, Text
from backprop_cli.problem.typed_numbers import shown


def upstream(
    problem: Problem,
    complaints: Complaints,
    known: Collection[str],
    shapes: Mapping[str, Shape],
    aliases: Mapping[str, str],
) -> dict[str, Array]:
    """The gradient that reaches each quantity from outside; `shapes` are those that are certain."""
    found: dict[str, Array] = {}
    for text, values in problem.upstream.values():
        name = _quantity(text, known, aliases, complaints)
        if name is None:
            continue
        if name in found:
            complaints.add(f"the gradient of {name} is given twice", text.mark, "one of the two")
        elif values.array is not None and name in shapes:
            array = fitted(values.array, shapes[name], name, values.mark, complaints)
            if array is not None:
                found[name] = array
    return found


def _quantity(
    text: Text, known: Collection[str], aliases: Mapping[str, str], complaints: Complaints
) -> str | None:
    try:
        found = reference(text.text, known, "", aliases)
    except UnknownIdError as unknown:
        complaints.add(str(unknown), text.mark, unknown.instead)
        return None
    if found.index is not None:
        message = f"{shown(text.text)} is one entry: the gradient of a quantity is given as a whole"
        complaints.add(message, text.mark, f"{found.id}: all its entries, 0 for the others")
        return None
    return found.id


def fitted(
    array: Array, shape: Shape, name: str, mark: Mark, complaints: Complaints
) -> Array | None:
    """Numbers in the shape of the quantity they belong to; None, with a complaint, if in another.

    A flat list will do for a single row or column, and a number alone for a single entry.
    """
    sizes = tuple(size for size in shape if isinstance(size, int))
    if len(sizes) < len(shape):
        message = f"{name} has letters for sizes, and what is given for it has numbers"
        complaints.add(message, mark, "leave it out")
        return None
    flat = array.ndim < len(sizes) and array.size == np.prod(sizes) and array.size in (1, *sizes)
    if flat or array.shape == sizes or array.size == 1 == np.prod(sizes):
        return array.reshape(sizes)
    complaints.add(
        f"{name} is {described(shape)}, and what is given for it is {described(array.shape)}",
        mark,
        described(shape),
    )
    return None

"""Sizes that are letters to numbers that formulas can name, such as the M of a mean."""

from __future__ import annotations

from collections.abc import Collection, Iterable, MutableMapping

from backprop_cli.algebra.shapes import Shape
from backprop_cli.errors import Complaints
from backprop_cli.problem.typed_numbers import shown


def letters_of(shapes: Iterable[Shape]) -> frozenset[str]:
    """The letters among the sizes; N+1 counts as N."""
    sizes = {size for shape in shapes for size in shape if isinstance(size, str)}
    return frozenset(size.partition("+")[0].partition("-")[0] for size in sizes)


def state_shape(shapes: MutableMapping[str, Shape], name: str, shape: Shape) -> None:
    """Notes the shape of a quantity, and that the letters in it are numbers."""
    for letter in sorted(letters_of([shape])):
        shapes.setdefault(letter, ())
    shapes[name] = shape


def checked_letters(
    shapes: MutableMapping[str, Shape], quantities: Collection[str], complaints: Complaints
) -> frozenset[str]:
    """The letters used as sizes; complains of one that a quantity is called by."""
    letters = letters_of(shapes.values())
    for letter in sorted(letters.intersection(quantities)):
        message = f"{shown(letter)} is a size here, and a quantity as well"
        complaints.add(message, instead=f"another letter for the size, such as {letter}0")
    return letters

"""Gradients checked against finite differences to parts of a sheet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backprop_cli.notation.nodes import Node, Number, slashed
from backprop_cli.render.checks import Checked
from backprop_cli.render.names import Names
from backprop_cli.render.sheet_parts import Columns, Heading, Note, Part

_HEADS = ("gradient", "largest error", "entries", "left out at a kink")


def parts(checks: Sequence[Checked], names: Names) -> tuple[Part, ...]:
    """A table: a line for each gradient."""
    if not checks:
        return (Note("Nothing to check against finite differences: there is no gradient."),)
    columns = 4 if any(check.kinks for check in checks) else 3
    rows = tuple(tuple(_cells(check, names))[:columns] for check in checks)
    largest = max(check.error for check in checks)
    return (
        Heading("Checked against finite differences"),
        Columns(_HEADS[:columns], rows),
        Note(
            "Errors are relative to each gradient's largest entry; the largest of all is",
            Number(f"{largest:.1e}"),
        ),
    )


def _cells(check: Checked, names: Names) -> Iterator[Node | str]:
    yield slashed(names.node(check.id))
    yield Number(f"{check.error:.1e}")
    yield Number(str(check.checked))
    yield Number(str(check.kinks))

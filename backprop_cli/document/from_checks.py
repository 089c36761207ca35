"""Gradients checked against finite differences to the parts of a document that say so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from backprop_cli.document.document_data import Columns, Note, Part, Section
from backprop_cli.document.names import Names
from backprop_cli.notation.nodes import Node, Number, slashed

if TYPE_CHECKING:
    from backprop_cli.solving.verify import Check

_HEADS = ("gradient", "largest error", "entries", "left out at a kink")


def checked(checks: Sequence[Check], names: Names) -> tuple[Part, ...]:
    """A table: a line for each gradient."""
    section = Section("Checked against finite differences")
    if not checks:
        return section, Note("There is no gradient to check.")
    columns = 4 if any(check.kinks for check in checks) else 3
    rows = tuple(tuple(_cells(check, names))[:columns] for check in checks)
    largest = max(check.error for check in checks)
    return (
        section,
        Columns(_HEADS[:columns], rows),
        Note(
            "Errors are relative to each gradient's largest entry; the largest of all is",
            Number(f"{largest:.1e}"),
        ),
    )


def _cells(check: Check, names: Names) -> Iterator[Node | str]:
    yield slashed(names.node(check.id))
    yield Number(f"{check.error:.1e}")
    yield Number(str(check.checked))
    yield Number(str(check.kinks))

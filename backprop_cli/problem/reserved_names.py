"""A name of a file to what the update takes it for; the terms of an update in plain names."""

from __future__ import annotations

from backprop_cli.algebra.expr import Sym
from backprop_cli.algebra.quantity import quantity
from backprop_cli.operations.updates import Terms

NAMED = Terms(Sym("gradient"), Sym, Sym, Sym)
"""Asked only for which states a rule has."""


def taken(name: str) -> tuple[str, str] | None:
    """Why no quantity of a file may be called so, and what it may be called."""
    found = quantity(name)
    if found.part not in ("new", "change"):
        return None
    return f"names that end in `_{found.part}` are taken: the update makes them", found.name

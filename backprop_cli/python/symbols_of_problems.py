"""A problem and what is asked of it in symbols -> its derivation."""

from __future__ import annotations

from typing import Any

from backprop_cli.errors import Complaint
from backprop_cli.problem.problem_file import Source
from backprop_cli.python import showing
from backprop_cli.python.complaining import Error, told
from backprop_cli.python.derivations import Derivation


def derived(source: Source, of: str | None, wrt: str | None, *, index: bool) -> Derivation:
    """The whole derivation, or that of one quantity with respect to another."""
    if index and (of or wrt):
        raise Error(Complaint("entry by entry the whole is derived: index, or of and wrt"))

    def written(format_: str, view: Any) -> str:
        if of is None and wrt is None:
            return showing.symbols(format_, source, view, index=index)
        return showing.tensor(format_, source, of, wrt, view)

    with told("derive"):  # what is asked for has to be there before it is shown
        written("text", showing.view())
    return Derivation(written)

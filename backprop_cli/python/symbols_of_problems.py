"""A problem and what is asked of it in symbols -> its derivation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backprop_cli.errors import Complaint
from backprop_cli.problem.problem_file import Source
from backprop_cli.python import showing
from backprop_cli.python.complaining import Error, told
from backprop_cli.python.derivations import Derivation

if TYPE_CHECKING:
    from backprop_cli.document.view import View
    from backprop_cli.formats.registry import Said


def derived(source: Source, of: str | None, wrt: str | None, *, index: bool) -> Derivation:
    """The whole derivation, or that of one quantity with respect to another."""
    if index and (of or wrt):
        raise Error(Complaint("entry by entry the whole is derived: index, or of and wrt"))

    def found(view: View) -> tuple[Said, View]:
        if of is None and wrt is None:
            return showing.symbols(source, view, index=index)
        return showing.tensor(source, of, wrt, view)

    with told("derive"):  # what is asked for has to be there before it is shown
        found(showing.view())
    return Derivation(lambda format_, view: showing.written(format_, found(view)))

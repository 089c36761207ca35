"""What the derivations of functions and losses are made of: the form of the step tables."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

Finish: TypeAlias = tuple[str, str]
"""A formula equal to the line before it, and why: what no rule finds by itself."""


class Case(Struct, frozen=True):
    """A part of the domain, and what the function is there. `kink` names the value declared for
    the derivative where there is none; `why` says why there is none."""

    condition: str
    form: str = ""
    finish: tuple[Finish, ...] = ()
    kink: str = ""
    why: str = ""


class Steps(Struct, frozen=True):
    """How the derivative of a function of z is brought into its last form."""

    finish: tuple[Finish, ...] = ()
    notes: tuple[str, ...] = ()


class Behind(Struct, frozen=True):
    """A loss behind an activation: the lines from ∂L/∂z_j to the last form."""

    activation: str
    lines: tuple[tuple[str, str, str], ...]
    uses: str = ""
    because: str = ""


class LossSteps(Struct, frozen=True):
    """A loss: how ∂L/∂ŷ_j ends (by cases where it has a kink), and its derivation behind z."""

    finish: tuple[Finish, ...] = ()
    cases: tuple[Case, ...] = ()
    behind: tuple[Behind, ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

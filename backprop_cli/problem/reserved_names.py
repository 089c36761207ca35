"""The terms of an update in plain names: asked only for which states a rule has."""

from __future__ import annotations

from backprop_cli.algebra.expr import Sym
from backprop_cli.operations.updates import Terms

NAMED = Terms(Sym("gradient"), Sym, Sym, Sym)

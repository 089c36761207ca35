"""Which parts of a formula need parentheses in which place, whatever it is drawn with."""

from __future__ import annotations

from types import MappingProxyType
from typing import Literal

Kind = Literal[
    "sum",
    "scalar",
    "entry",
    "matrix",
    "quotient",
    "sign",
    "power",
    "total",
    "prefix",
    "fraction",
    "raised",
    "atom",
]
"""How a part is put together: a + b; number · a; a ⊙ b; A B; a / b; −a; a²; Σ a; ln a; a name
that is a fraction (∂L/∂Z); a name that ends in a raised digit (W¹); anything closed."""

_NAMES: frozenset[Kind] = frozenset({"fraction", "raised", "atom"})
_CLOSED: frozenset[Kind] = _NAMES | {"power"}
_TERMS: frozenset[Kind] = _CLOSED | {
    "scalar",
    "entry",
    "matrix",
    "quotient",
    "total",
    "prefix",
    "sign",
}

STANDS_BARE = MappingProxyType(
    {
        "a +": _TERMS | {"sum"},
        "+ b": _TERMS | {"sum"},
        "a -": _TERMS | {"sum"},
        "- b": _TERMS,
        "-a": _TERMS,
        "a scalar": _CLOSED | {"scalar", "sign"},
        "scalar b": _CLOSED | {"scalar", "entry", "matrix", "quotient", "total", "prefix"},
        "a entry": _CLOSED | {"scalar", "entry", "sign"},
        "entry b": _CLOSED | {"entry", "total", "prefix"},
        "a matrix": _CLOSED | {"scalar", "matrix", "sign"},
        "matrix b": _CLOSED | {"matrix"},
        "a /": {
            "power",
            "raised",
            "atom",
            "scalar",
            "entry",
            "matrix",
            "sign",
            "quotient",
            "total",
        },
        "/ b": {"power", "raised", "atom"},
        "base": {"atom"},
        "sum of": _CLOSED | {"scalar", "entry", "matrix", "quotient", "total"},
        "each of": _NAMES,
        "function of": {"atom", "raised"},
    }
)
"""Which parts need no parentheses in which place."""

BEGINS = frozenset({"a +", "a -", "a scalar", "a entry", "a matrix", "a /"})
BEFORE_A_PRODUCT = frozenset({"a scalar", "a entry", "a matrix", "a /", "base"})

AXES = MappingProxyType({0: "rows", -2: "rows", 1: "columns", -1: "columns"})
WITHIN = MappingProxyType({0: "column", -2: "column", 1: "row", -1: "row"})
UNWRITTEN = frozenset({"axis", "keep", "samples", "first", "at_tie"})
"""Options that formulas leave out: they follow from shapes, or are conventions."""

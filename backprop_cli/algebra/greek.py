"""Names of Greek letters to these letters."""

from __future__ import annotations

from types import MappingProxyType

GREEK = MappingProxyType(
    dict(
        zip(
            "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron "
            "pi rho sigma tau upsilon phi chi psi omega".split(),
            "αβγδεζηθικλμνξοπρστυφχψω",
            strict=True,
        )
    )
    | dict(
        zip(
            "Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega".split(),
            "ΓΔΘΛΞΠΣΦΨΩ",
            strict=True,
        )
    )
)

SHORTENED = MappingProxyType({"lam": "lambda", "lmbda": "lambda", "eps": "epsilon"})
"""What programs call some of them, since a word is taken there, or long."""

"""The operations on single numbers as Python text: what their NumPy functions do to one entry.

A number that is not finite must never become a finite one where NumPy keeps it: `x if x > 0 else 0`
would make 0 of nan, and `0 if x <= 0 else x` does not. What NumPy answers with an infinity may
raise instead.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

from backprop_cli.operations.record import Value

FUNCTIONS: Mapping[str, Value] = MappingProxyType(
    {
        name: getattr(math, name)
        for name in (
            "exp expm1 log log1p log2 log10 sqrt sin cos sinh cosh tanh erf erfc pow hypot".split()
        )
    }
    | {"abs": abs, "range": range}
)
"""What the text may call."""

_FUNCTIONS_OF_ONE = "exp log log2 log10 sqrt sin cos sinh cosh tanh erf abs".split()
_ROOT_2, _ROOT_2_PI = repr(math.sqrt(2.0)), repr(math.sqrt(2.0 * math.pi))
SMALL = "exp(-{0} if {0} >= 0.0 else {0})"
"""e^-|x|, from which the sigmoid and the softplus are formed without overflow."""
SIGMOID = "(1.0 if {0} >= 0.0 else {1}) / (1.0 + {1})"
COMPLEMENT = "({1} if {0} >= 0.0 else 1.0) / (1.0 + {1})"
SOFTPLUS = "(0.0 if {0} <= 0.0 else {0}) + log1p({1})"
SOFTPLUS_OF_MINUS = "(0.0 if {0} >= 0.0 else -{0}) + log1p({1})"
_NORMAL_CDF = f"0.5 * erfc(-{{0}} / {_ROOT_2})"
_ABOVE_0 = "0.0 if {0} <= 0.0 else {0}"

FORMS: Mapping[str, str] = MappingProxyType(
    {name: f"{name}({{0}})" for name in _FUNCTIONS_OF_ONE}
    | {
        "identity": "{0}",
        "div": "{0} / {1}",
        "maximum": "{0} if {0} >= {1} or {0} != {0} else {1}",
        "minimum": "{0} if {0} <= {1} or {0} != {0} else {1}",
        "xlogy": "0.0 if {0} == 0.0 else {0} * log({1})",
        "xtimes": "0.0 if {0} == 0.0 else {0} * {1}",
        "ratio": "0.0 if {0} == 0.0 else {0} / {1}",
        "relu": _ABOVE_0,
        "positive_part": _ABOVE_0,
        "leaky_relu": "{0} if {0} > 0.0 else {slope} * {0}",
        "elu": "{0} if {0} > 0.0 else {alpha} * expm1({0})",
        "gelu": f"{{0}} * ({_NORMAL_CDF})",
        "normal_cdf": _NORMAL_CDF,
        "normal_pdf": f"exp(-0.5 * {{0}} * {{0}}) / {_ROOT_2_PI}",
        "step": "1.0 if {0} > 0.0 else 0.0 if {0} < 0.0 else {at_zero} if {0} == 0.0 else {0}",
        "sign": "1.0 if {0} > 0.0 else -1.0 if {0} < 0.0 else {0}",
        "clip": "{limit} if {0} > {limit} else -{limit} if {0} < -{limit} else {0}",
        "switch": "{above} if {0} > 0.0 else {below} if {0} < 0.0 else {at} if {0} == 0.0 else {0}",
        "choose": "{1} if {0} > 0.0 else {2}",
        "huber": "0.5 * {0} * {0} if abs({0}) <= {delta}"
        " else {delta} * (abs({0}) - {delta}) + 0.5 * {delta} * {delta}",
    }
)
"""By operation; `{0}` stands for the first argument, `{slope}` for an option."""

"""The reasons of lines: a stable name for each, and the words beside the line."""

from __future__ import annotations

from types import MappingProxyType

REASONS = MappingProxyType(
    {
        "definition": "definition",
        "case": "definition, in this case",
        "sum rule": "sum rule: term by term",
        "constant": "a constant has the derivative 0",
        "constant factor": "constant factor in front",
        "product rule": "product rule: (u v)′ = u′ v + u v′",
        "quotient rule": "quotient rule: (u/v)′ = (u′ v − u v′)/v²",
        "reciprocal rule": "quotient rule, constant numerator: (c/v)′ = −c v′/v²",
        "power rule": "power rule: (uⁿ)′ = n uⁿ⁻¹ u′",
        "exponential rule": "(aᵘ)′ = aᵘ ln a · u′",
        "general power": "uᵛ is e to the v ln u: chain rule, then product rule",
        "chain rule": "chain rule",
        "known derivative": "the derivative of a variable by itself is 1",
        "only one term": "only one term of the sum contains it",
        "under the sum": "under the sum, term by term",
        "one term left": "of a sum with 1{…} one term is left",
        "larger": "the derivative of the larger one",
        "by cases": "case by case",
        "simplification": "simplified",
        "in front": "in front of the sum: what its index is not in",
        "multiplied out": "multiplied out; equal terms put together",
        "one denominator": "brought to one denominator",
        "known functions": "written with σ(u) = exp(u) / (1 + exp(u))",
        "targets sum to 1": "the targets add up to 1",
        "kink": "not differentiable here: the declared value",
        "deviations": "deviations from a mean add up to 0",
        "own value": "written in the function's own value",
        "put in": "put in",
    }
)

"""The values taken at kinks, under the names that operations ask for."""

from __future__ import annotations

from msgspec.structs import asdict

from backprop_cli.problem.problem_data import Kinks


def kinks(values: Kinks) -> dict[str, float | str]:
    """Each kink's value by the name of its operation; that of a tie may be a word."""
    return asdict(values)

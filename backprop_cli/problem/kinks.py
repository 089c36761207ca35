"""The values taken at kinks, under the names that operations ask for."""

from __future__ import annotations

from msgspec.structs import asdict

from backprop_cli.problem.data import Kinks


def kinks(values: Kinks) -> dict[str, float]:
    """Each kink's value by the name of its operation."""
    return {name: float(value) for name, value in asdict(values).items()}

"""Layers of another library, one behind the other -> the list of layers that a problem has."""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct, field

from backprop_cli.errors import Complaint
from backprop_cli.python.complaining import Error

MOST_PARAMETERS: Final = 20_000
"""A model with more is nothing that anybody follows by hand."""

TWICE: Final = "equations in a problem file, where one W may stand twice"
"""What to write where a parameter is one of two layers."""

Layer = dict[str, Any]


class Chain(Struct, frozen=True):
    """Layers as they are found; `source` is the function that complains."""

    source: str
    layers: list[Layer] = field(default_factory=list)

    def refused(self, message: str, instead: str | None = None) -> Error:
        """What cannot be a problem here."""
        return Error(Complaint(message, instead=instead), source=self.source)

    def refuse_too_many(self, parameters: int) -> None:
        """Complains of a model that is beyond hand size."""
        if parameters > MOST_PARAMETERS:
            raise self.refused(f"{parameters:,} parameters are more than can be followed by hand")

    def refuse_unknown(self, called: str, known: list[str]) -> Error:
        """What is not known here, by its name."""
        return self.refused(f"{called} is not known here", f"one of {', '.join(sorted(known))}")

    def activate(self, called: str, activation: Any) -> None:
        """Puts an activation behind the last layer."""
        if activation == "linear":
            return
        if not self.layers or "activation" in self.layers[-1]:
            raise self.refused(f"{called} does not stand behind a layer without activation")
        self.layers[-1]["activation"] = activation

    def found(self) -> list[Layer]:
        """All layers; Error where there is none."""
        if not self.layers:
            raise self.refused("the model has no layer")
        return self.layers

"""What programs call their arrays (`grads["W1"]`, `cache.Z1`, `A1`) -> the names of a problem."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from backprop_cli.grading.quantities import Quantities, Unknown
from backprop_cli.problem.ids import Reference

_GRADIENTS: Final = frozenset("grads grad gradients gradient d_params dparams derivatives".split())
_NEW: Final = frozenset("new updated after new_params params_new".split())
_PARTS = re.compile(r"""\[\s*["']([^"'\]]+)["']\s*\]|[./]|->""")
_UNDERLINE = re.compile(r"(?<=[A-Za-z])_(?=\d)")
_ACTIVATED = re.compile(r"(?<![A-Za-z])(d?)[Aa](?=\d|$|_new)|(?<=grad_)[Aa](?=\d|$)")
_DELTA = re.compile(r"(?:delta|δ)_?(\d*)")
_LAYER = re.compile(r"(.+)\.(weight|bias)(\.grad)?")
_OTHER_NAMES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "Yhat": tuple("y_hat yhat y_pred ypred pred preds predictions probs p out output".split()),
        "L": tuple("loss cost j error total_loss".split()),
        "X": ("a0", "inputs", "input", "x_train"),
        "Y": ("target", "targets", "y_true", "labels", "t", "y_train"),
    }
)
_BY_OTHER = {other: name for name, others in _OTHER_NAMES.items() for other in others}


def meant(name: str, known: Quantities) -> Reference | Unknown:
    """The quantity that a program's name stands for, or what is said of one that stands for none.

    The name as it is comes first, then what is left without its dictionary or object (a dictionary
    of gradients makes W1 the gradient of W1), then what else people write for H, Ŷ and L.
    """
    first = known.named(name)
    if isinstance(first, Reference) or "may mean several" in first.message:
        return first
    for way in _ways(name):
        found = known.named(way)
        if isinstance(found, Reference):
            return found
    return first


def _ways(name: str) -> Iterator[str]:
    for leaf, prefix, ending in _without_containers(name):
        for plain in _spelled(leaf):
            if prefix or ending:
                yield f"{prefix}{plain}{ending}"
            else:
                yield plain
            if prefix:
                yield plain  # grads/dW1


def _without_containers(name: str) -> Iterator[tuple[str, str, str]]:
    """What stands in dictionaries and objects, with what these make of it."""
    parts = [part.strip() for part in _PARTS.sub(r"/\1", name).split("/") if part.strip()]
    yield name, "", ""
    for start in range(1, len(parts)):
        above = {part.casefold() for part in parts[:start]}
        prefix = "d" if above & _GRADIENTS else ""
        yield "/".join(parts[start:]), prefix, "_new" if above & _NEW else ""
    for ending in (".grad", "_grad", "/grad"):
        if name.casefold().endswith(ending):
            leaf = _PARTS.sub(r"/\1", name[: -len(ending)]).rpartition("/")[2]
            yield leaf, "d", ""


def _spelled(leaf: str) -> Iterator[str]:
    """A name, and what stands for it in the letters of this product: A1 is H1, delta2 is ∂L/∂Z2."""
    yield leaf
    plain = _UNDERLINE.sub("", leaf)
    yield plain
    yield _ACTIVATED.sub(r"\1H", plain)
    if found := _DELTA.fullmatch(plain):
        yield f"dZ{found[1]}"
    gradient = plain[:1] == "d" and plain[1:].lstrip("_").casefold() in _BY_OTHER
    other = plain[1:].lstrip("_") if gradient else plain
    if (first := _BY_OTHER.get(other.casefold())) is not None:
        yield ("d" if gradient else "") + first


def layers_named(names: Collection[str]) -> dict[str, str]:
    """`0.weight` and `fc2.bias` of a state dict as W1 and b2: layers in the order they stand in."""
    found = {name: match for name in names if (match := _LAYER.fullmatch(name)) is not None}
    order = list(dict.fromkeys(match[1] for match in found.values()))
    return {
        name: ("d" if match[3] else "")
        + ("W" if match[2] == "weight" else "b")
        + str(order.index(match[1]) + 1)
        for name, match in found.items()
    }

"""What a caller hands over (dicts, arrays, layers of others) -> plain texts, lists, arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

import numpy as np
from msgspec import Struct, field

from backprop_cli.errors import Complaint
from backprop_cli.problem.array_files import flat
from backprop_cli.python.complaining import Error

_NUMBERS = "fiub"
_MOST_BITS: Final = 10_000
"""A longer number is no float, and Python refuses to write it out."""


def leaf(name: str, value: Any) -> Any:
    """An array as NumPy has it; numbers, texts and lists as they are.

    A tensor is brought to the processor and out of its graph; nothing of any other library is
    imported for that.
    """
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        raise Error(Complaint("a whole number of that many digits is none"), source=name)
    if isinstance(value, (str, int, float, type(None))) and not isinstance(value, np.generic):
        return value
    if isinstance(value, (list, tuple)):
        found = [leaf(name, item) for item in value] if _is_plain(value) else None
        if found is None or any(isinstance(item, np.ndarray) for item in found):
            return _array(name, value)  # rows of NumPy's numbers, say
        return found
    return _array(name, value)


def _is_plain(value: Any) -> bool:
    return all(isinstance(item, (str, int, float, list, tuple, type(None))) for item in value)


def _array(name: str, value: Any) -> np.ndarray[Any, Any]:
    if isinstance(value, (list, tuple)) and any(hasattr(item, "__array__") for item in value):
        value = [_array(name, item) for item in value]  # tensors, say, a row each
    found = _read(name, value)
    if found.dtype.kind not in _NUMBERS:
        of = f"an array of {value.dtype}" if hasattr(value, "dtype") else type(value).__name__
        instead = _INSTEAD.get(found.dtype.kind) if found.ndim else None
        instead = "float(…)" if hasattr(value, "__float__") and not found.ndim else instead
        raise _no_array(name, f"numbers or an array belong here, not {of}", instead)
    if isinstance(found, np.ma.MaskedArray) and (masked := int(np.ma.getmaskarray(found).sum())):
        said = "1 entry is masked" if masked == 1 else f"{masked} entries are masked"
        raise _no_array(name, f"{said}, and numbers belong here", "the array with all its numbers")
    return np.asarray(found)


_INSTEAD: Final = {"O": "numbers of one type: .astype(float)", "U": ".astype(float)"}
_DENSE: Final = ("toarray", "to_dense", "dequantize")
"""What gives all the numbers of an array that is kept in another way: few of them, or as steps."""


def _read(name: str, value: Any) -> np.ndarray[Any, Any]:
    """What NumPy makes of something, with the masks it has; any library may complain of it."""
    try:
        for step in ("detach", "cpu"):
            value = getattr(value, step)() if hasattr(value, step) else value
        with suppress(TypeError, ValueError, RuntimeError):
            found: np.ndarray[Any, Any] = np.asanyarray(value)
            if found.ndim or found.dtype != object or not hasattr(value, "shape"):
                return found
        if getattr(value, "is_complex", bool)():
            value = value.resolve_conj().resolve_neg()
            return np.asarray(value)
        for step in ("float", *_DENSE):  # a type that NumPy does not have
            with suppress(Exception):
                return np.asarray(getattr(value, step)())
        return np.asarray(value)
    except Exception as error:  # noqa: BLE001  # whatever the other library says
        message = f"{type(value).__name__} cannot be made an array of NumPy: {error}"
        raise _no_array(name, message, "a NumPy array of its numbers") from None


def _no_array(name: str, message: str, instead: str | None = None) -> Error:
    return Error(Complaint(message, instead=instead), source=name)


def leaves(tree: Mapping[Any, Any]) -> dict[str, Any]:
    """Dictionaries within dictionaries as one dictionary of numbers, texts and arrays."""
    try:
        return {name: leaf(name, value) for name, value in flat(tree).items()}
    except RecursionError:
        message = "lists are nested in lists more deeply than can be followed"
        raise Error(Complaint(message), source="answers") from None


def plain(tree: Any) -> Any:
    """A problem of Python's own lists and numbers, arrays in it as lists."""
    if isinstance(tree, Mapping):
        return {str(key): plain(value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [plain(item) for item in tree]
    if isinstance(tree, (str, int, float, bool, type(None))) and not isinstance(tree, np.generic):
        return tree
    return _array("the problem", tree).tolist()


MOST_PARAMETERS: Final = 20_000
"""A model with more is nothing that anybody follows by hand."""

Layer = dict[str, Any]


_OF_PICTURES: Final = 4
"""Axes of what goes into a convolution: samples, channels, height, width."""
_IN_EQUATIONS: Final = frozenset(
    "fixed-norm picture-norm channel-mean channel-max conv-transpose".split()
)
"""What is a layer elsewhere, and a line of equations here."""
_ONLY_THERE: Final = frozenset({"edges", "groups"})
"""What layers of others say, and layers here do not."""


class NotLayersError(Exception):
    """A model that is not one layer behind the other; it may be equations."""


class Chain(Struct, frozen=True):
    """Layers as they are found; `source` is the function that complains."""

    source: str
    layers: list[Layer] = field(default_factory=list)
    _gives: dict[int, int] = field(default_factory=lambda: {0: 0})

    def follow(self, number: int, put: Callable[[], None]) -> None:
        """Puts what is called so many-th, and keeps whose layer's output it gives; x is 0."""
        before = self._extent()
        put()
        layer = len(self.layers)
        if self._extent() != before:  # what was the output of this layer is none any more
            for one in [one for one, of in self._gives.items() if of == layer]:
                del self._gives[one]
        self._gives[number] = layer

    def _extent(self) -> tuple[int, ...]:
        """How much there is of the layers, and of the last of them."""
        last = self.layers[-1] if self.layers else {}
        return len(self.layers), len(last), len(last.get("skip", ()))

    def add(self, number: int, weights: Any = None) -> None:
        """Adds what the so many-th call gives behind a linear layer, or behind its activation."""
        last, layer = self.layers[-1] if self.layers else {}, self._gives.get(number)
        if "weights" not in last or layer is None or layer == len(self.layers):
            raise NotLayersError
        skip: Layer = {"from": layer, "into": "post" if "activation" in last else "pre"}
        last.setdefault("skip", []).append(
            skip if weights is None else {**skip, "weights": weights}
        )

    def put(self, layer: Layer) -> None:
        """Puts a layer behind the last one."""
        if layer.get("type") in _IN_EQUATIONS or _ONLY_THERE & layer.keys():
            raise NotLayersError
        self.layers.append(layer)

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

    def activate(self, activation: Any) -> None:
        """Puts an activation behind the last layer."""
        if activation == "linear":
            return
        if not self.layers or "activation" in self.layers[-1]:
            raise NotLayersError
        self.layers[-1]["activation"] = activation

    def found(self) -> list[Layer]:
        """All layers; Error where there is none."""
        if not self.layers:
            raise self.refused("the model has no layer")
        return self.layers


class Inputs(Struct, frozen=True):
    """What goes into a model: samples as rows, one sample alone, or pictures in their channels.

    One picture is without an axis of samples.
    """

    value: np.ndarray[Any, Any]
    is_picture: bool = False
    are_pictures: bool = False

    @classmethod
    def of(cls, given: np.ndarray[Any, Any]) -> Inputs:
        """Inputs as another library takes them, where a picture has an axis of samples, too."""
        if given.ndim != _OF_PICTURES:
            return cls(given)
        return cls(given[0], is_picture=True) if len(given) == 1 else cls(given, are_pictures=True)

    def one_by_one(self, chain: Chain) -> np.ndarray[Any, Any]:
        """The numbers, for equations; Error where they are several pictures."""
        if self.are_pictures:
            message = f"these are {len(self.value)} pictures, and the equations of this are of one"
            raise chain.refused(message, "x[:1]")
        return self.value

    def outputs(self, units: int) -> tuple[int, ...]:
        """The shape that other libraries have of so many outputs."""
        if self.is_picture:
            return 1, units
        return (units,) if self.value.ndim == 1 else (len(self.value), units)

    def for_layers(self, layers: list[Layer]) -> dict[str, Any]:
        """What a problem in layers says of them: a picture of one channel is a matrix."""
        if self.are_pictures:
            _refuse_cut(layers, self.value.shape[2:])
            alone = self.value.shape[1] == 1
            return {"input": "pictures", "x": self.value[:, 0] if alone else self.value}
        if not self.is_picture:
            return {"x": self.value}
        _refuse_cut(layers, self.value.shape[1:])
        one = self.value[0] if len(self.value) == 1 else self.value
        return {"input": "picture", "x": one}


def _refuse_cut(layers: list[Layer], places: tuple[int, ...]) -> None:
    """Where windows leave something out at the end of a picture, there is more to say."""
    for layer in layers:
        if "kernel" not in layer and "size" not in layer:
            return
        windows = layer["kernel"].shape[-2:] if "kernel" in layer else (layer["size"],) * 2
        windows = [layer.get("dilation", 1) * (k - 1) + 1 for k in windows]
        stride, padding = layer["stride"], layer.get("padding", 0)
        if not isinstance(padding, int):
            raise NotLayersError
        room = [n + 2 * padding - k for n, k in zip(places, windows, strict=True)]
        if any(one % stride for one in room):
            raise NotLayersError
        places = tuple(one // stride + 1 for one in room)

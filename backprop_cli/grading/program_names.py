"""What an array is called in a program -> the quantity that it is.

Names alone tell most of it: `grads["W1"]`, `A1`, `delta2`. Some are only told by those beside them:
the layers of a state dict, lists that count from 0, and the moments of Adam where they are v and s.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from math import prod
from types import MappingProxyType
from typing import Final

from backprop_cli.algebra.quantity import typed_derivative
from backprop_cli.grading.quantities import Quantities, Unknown
from backprop_cli.grading.report_data import Shape
from backprop_cli.problem.ids import Reference

_GRADIENTS: Final = frozenset("grads grad gradients gradient d_params dparams derivatives".split())
_NEW: Final = frozenset("new updated after new_params params_new".split())
_PARAMETERS: Final = frozenset("params parameters weights".split())
_STATES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("v", "velocity", "velocities"), "v"),
        **{name: name for name in ("m", "s", "mhat", "vhat")},
        "m_hat": "mhat",
        "v_hat": "vhat",
        "v_corrected": "vhat",
        "m_corrected": "mhat",
    }
)
"""What people call the dictionaries of an optimizer's state, and its letter here."""
_MOMENTS: Final[Mapping[str, str]] = MappingProxyType(
    {"v": "m", "s": "v", "v_corrected": "mhat", "s_corrected": "vhat"}
)
"""The moments of Adam where the second of them is s."""
_PARTS = re.compile(r"""\[\s*["']?([^"'\]]+)["']?\s*\]|[./]|->""")
_UNDERLINE = re.compile(r"(?<=[A-Za-z])_(?=\d)")
_ACTIVATED = re.compile(r"(?<![A-Za-z])(d?)[Aa](?=\d|$|_new)|(?<=grad_)[Aa](?=\d|$)")
_OF_GRADIENT = re.compile(r"^(?:grad_?|d_?)")
_DELTA = re.compile(r"(?:delta|δ)_?(\d*)")
_LAYER = re.compile(r"(.+)\.(weight|bias)(\.grad)?")
_STATE = re.compile(r"([vsmVSM])_?(?:d(?=[A-Za-z])|(?=[A-Zb]))")
_GATE = re.compile(r"(d?)_?([UWb])_?([a-z])")
_OF_LOSS = re.compile(r"^d(?:L|J|E|C|loss|cost|error)[_/]?d(?=[^\W\d_])", re.IGNORECASE)
_OTHER_NAMES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "Yhat": tuple(
            "y_hat yhat y_pred ypred pred preds predictions probs p out output al".split()
        ),
        "L": tuple("loss cost j error total_loss".split()),
        "X": ("a0", "inputs", "input", "x_train"),
        "Y": ("target", "targets", "y_true", "labels", "t", "y_train"),
    }
)
_BY_OTHER = {other: name for name, others in _OTHER_NAMES.items() for other in others}
_HIDDEN: Final = frozenset({"hidden", "hidden_layer"})
_LOGITS: Final = frozenset("logits scores zl".split())


def meant(name: str, known: Quantities) -> Reference | Unknown:
    """The quantity that a name of a program stands for, or what is said of one that has none.

    The name as it is comes first, then what is left without its dictionary or object (a dictionary
    of gradients makes W1 the gradient of W1), then what else people write for H, Ŷ and L.
    """
    return known.once(name, lambda: _meant(name, known))


def _meant(name: str, known: Quantities) -> Reference | Unknown:
    first = known.named(name)
    if isinstance(first, Reference) or "may mean several" in first.message:
        return first
    for way in _other_names(name, known):
        found = known.named(way)
        if isinstance(found, Reference):
            return found
    return first


def _other_names(name: str, known: Quantities) -> Iterator[str]:
    yield from _states(name, known)
    for leaf, prefix, ending in _without_containers(name):
        for plain in _spelled(leaf, known):
            if prefix or ending:
                yield f"{prefix}{plain}{ending}"
            else:
                yield plain
            if prefix:
                yield plain  # grads/dW1


@lru_cache(maxsize=1024)
def _parts(name: str) -> tuple[str, ...]:
    parts = (part.strip() for part in _PARTS.sub(r"/\1", name).split("/"))
    return tuple(filter(None, parts))


def _states(name: str, known: Quantities, letters: Mapping[str, str] = _STATES) -> Iterator[str]:
    """The optimizer's state: v["dW1"] and vdW1 are v_W1 where there is one."""
    *above, leaf = _parts(name) or [""]
    said = [letters[part.casefold()] for part in above if part.casefold() in letters]
    found = _STATE.match(leaf)
    if said:
        ids = [f"{said[-1]}_{plain}" for plain in (leaf, _OF_GRADIENT.sub("", leaf))]
    else:
        ids = [f"{found[1].lower()}_{leaf[found.end() :]}"] if found else []
    yield from (id for id in ids if id in known.shapes)


def _without_containers(name: str) -> Iterator[tuple[str, str, str]]:
    """What stands in dictionaries and objects, with what these make of it."""
    parts = _parts(name)
    yield name, "", ""
    if (pair := typed_derivative(name)) and f"d{pair[0]}".casefold() not in _GRADIENTS:
        return  # ∂p/∂z is no z in a dictionary p
    for start in range(1, len(parts)):
        above = {part.casefold() for part in parts[:start]}
        prefix = "d" if above & _GRADIENTS else ""
        yield "/".join(parts[start:]), prefix, "_new" if above & _NEW else ""
    for ending in (".grad", "_grad", "/grad", "_gradient"):
        if name.casefold().endswith(ending):
            leaf = _PARTS.sub(r"/\1", name[: -len(ending)]).rpartition("/")[2]
            yield leaf, "d", ""


def _spelled(leaf: str, known: Quantities) -> Iterator[str]:
    """A name, and what stands for it in the letters of this product: A1 is H1, delta2 is ∂L/∂Z2.

    Where there is an a, da is none of ∂L/∂h.
    """
    yield leaf
    plain = _UNDERLINE.sub("", _OF_LOSS.sub("d", leaf))
    yield plain
    if _OF_GRADIENT.sub("", plain) not in known.shapes:
        yield _ACTIVATED.sub(r"\1H", plain)
    if found := _DELTA.fullmatch(plain):
        yield f"dZ{found[1]}"
    if found := _GATE.fullmatch(plain):
        yield from (f"{found[1]}{id}" for id in _of_gate(found[2], found[3], known))
    yield from _of_others(plain, known)


def _of_gate(letter: str, gate: str, known: Quantities) -> list[str]:
    """U1_z for Uz and U_z, where there is one layer with gates."""
    of_one = re.compile(rf"{letter}\d+_{gate}").fullmatch
    found = [id for id in known.shapes if of_one(id)]
    return found if len(found) == 1 else []


def _of_others(plain: str, known: Quantities) -> Iterator[str]:
    """What else people call Ŷ, L, X, Y and the last Z, each with what is before and behind it."""
    if plain.casefold() in _HIDDEN:  # and no dhidden, in which many put the mask of the ReLU
        yield "H"
    before = "d" if plain[:1] == "d" and _first(plain[1:].lstrip("_"), known) else ""
    rest = plain[len(before) :].lstrip("_")
    new = rest.startswith("new_") or rest.endswith("_new")
    if (first := _first(rest.removeprefix("new_").removesuffix("_new"), known)) is not None:
        yield f"{before}{first}{'_new' if new else ''}"


def _first(other: str, known: Quantities) -> str | None:
    other = other.casefold()
    return known.logits if other in _LOGITS else _BY_OTHER.get(other)


# Names that others beside them tell --------------------------------------------------------------


def named_together(names: Mapping[str, int | None], known: Quantities) -> dict[str, str]:
    """Of names that by themselves mean nothing, or something else, what they are called here.

    `names` says how many numbers stand under each; None where there is no array of them.
    """
    unknown = [name for name in names if not _is_one(name, known)]
    named = _layers(unknown) | _in_order(unknown, names, known)
    return named | _numbered(names, known) | _moments(names, known)


def in_parts(name: str, shape: Shape, known: Quantities) -> tuple[str, ...]:
    """The ids of what an array holds behind each other: pictures of a batch, steps of a sequence.

    `Z1[0]` is Z1_1 then. All that is worked out is there, and perhaps what the steps start from,
    h_0; they are along the first axis, or else along the last. None where it is no such array.
    """
    *above, leaf = _parts(name) or [""]
    plain = "/".join([*above, _one_of(leaf)])
    for count in dict.fromkeys((*shape[:1], *shape[-1:])):
        for first in (1, 0):
            ids = _run(plain, first, count, prod(shape) // max(count, 1), known)
            if ids and not _is_worked_out(f"{plain}_{count + first}", known):
                return ids
    return ()


def _run(plain: str, first: int, count: int, numbers: int, known: Quantities) -> tuple[str, ...]:
    """The ids of so many with as many numbers each; none where one of them is not there."""
    found = []
    for k in range(first, first + count):
        if (id := _sized(f"{plain}_{k}", known, numbers)) is None:
            return ()
        found.append(id)
    return tuple(found)


def _layers(names: Collection[str]) -> dict[str, str]:
    """`0.weight` and `fc2.bias` of a state dict as W1 and b2: layers in the order they stand in."""
    found = {name: match for name in names if (match := _LAYER.fullmatch(name)) is not None}
    order = list(dict.fromkeys(match[1] for match in found.values()))
    return {
        name: ("d" if match[3] else "")
        + ("W" if match[2] == "weight" else "b")
        + str(order.index(match[1]) + 1)
        for name, match in found.items()
    }


def _in_order(
    unknown: Collection[str], names: Mapping[str, int | None], known: Quantities
) -> dict[str, str]:
    """One list of all parameters, or of their gradients, in the order that the problem has."""
    groups: dict[str, dict[int, str]] = {}
    for name in unknown:
        *above, last = _parts(name) or [""]
        if above and last.isdecimal():
            groups.setdefault(above[-1].casefold(), {})[int(last)] = name
    read: dict[str, str] = {}
    for of, members in groups.items():
        before, ending = "d" * (of in _GRADIENTS), "_new" * (of in _NEW)
        order = [f"{before}{id}{ending}" for id in known.parameters]
        if (before or ending or of in _PARAMETERS) and sorted(members) == [*range(len(order))]:
            way = {members[k]: id for k, id in enumerate(order)}
            read |= way if _all_fit(way, names, known) else {}
    return read


def _moments(names: Collection[str], known: Quantities) -> dict[str, str]:
    """Adam's moments where v["dW1"] is the first and s["dW1"] the second."""
    second = any("s" in map(str.casefold, _parts(name)[:-1]) for name in names)
    if not second or not {"m_", "v_"} <= {id[:2] for id in known.shapes}:
        return {}
    found = {name: next(_states(name, known, _MOMENTS), None) for name in names}
    return {name: id for name, id in found.items() if id is not None}


_COUNTED = re.compile(r"(?:(?:layers?|fc|linear|dense)_?)?(\d+)")
_ENDING = re.compile(r"(d?[A-Za-z]+?)_?(\d+)")
_OF_LAYER = re.compile("d?[WbZ]").fullmatch
_SEVERAL: Final = {"activations": "A", "acts": "A", "weights": "W", "biases": "b"}


def _numbered(names: Mapping[str, int | None], known: Quantities) -> dict[str, str]:
    """Arrays that stand a layer each in a list, or in a dictionary by number, as dW1, dW2, ….

    Counted from 0 they are a number further, unless what is called 0 is x: all W, b and Z together.
    """
    groups: dict[tuple[str, str], dict[int, str]] = {}
    for name in names:
        if (found := _place(name)) is not None:
            groups.setdefault(found[:2], {})[found[2]] = name
    starts = {key for key, members in groups.items() if 0 in members}
    starts = {
        key
        for key in starts
        if not (_is_one(groups[key][0], known) and _are_apart(groups[key].values(), known))
    }
    from_0 = any(_OF_LAYER(leaf) for _, leaf in starts)
    read: dict[str, str] = {}
    for (before, leaf), members in groups.items():
        shifted = (before, leaf) in starts or (from_0 and _OF_LAYER(leaf))
        told = all(_is_one(name, known) for name in members.values())
        if shifted or not (told and _are_apart(members.values(), known)):
            ways = ({n: f"{before}{leaf}{k + 1}" for k, n in members.items()},) if shifted else ()
            ways = (*ways, {n: f"{before}{leaf}{k}" for k, n in members.items()})
            read |= next((way for way in ways if _all_fit(way, names, known)), {})
    return read


def _are_apart(names: Collection[str], known: Quantities) -> bool:
    """Whether no two of them mean the same."""
    found = [one for name in names if isinstance(one := meant(name, known), Reference)]
    return len({(one.whole, one.index) for one in found}) == len(found)


def _all_fit(way: Mapping[str, str], names: Mapping[str, int | None], known: Quantities) -> bool:
    return all(_fits(known, id, names[name]) for name, id in way.items())


@lru_cache(maxsize=1024)
def _place(name: str) -> tuple[str, str, int] | None:
    """What stands before the leaf of a name, its leaf, and the number of the layer it says."""
    parts = _parts(name)
    for place in range(len(parts) - 1, -1, -1):
        if (found := _COUNTED.fullmatch(parts[place])) and len(parts) > 1:
            *above, leaf = parts[:place] + parts[place + 1 :]
            return "".join(f"{part}/" for part in above), _one_of(leaf), int(found[1])
    if parts and (found := _ENDING.fullmatch(parts[-1])):
        return "".join(f"{part}/" for part in parts[:-1]), found[1], int(found[2])
    return None


def _one_of(leaf: str) -> str:
    """What one of several is called: zs are Z, deltas delta, and nabla_w is of one W."""
    word = _SEVERAL.get(leaf.casefold())
    return word or (leaf[:-1] if len(leaf) > 1 and leaf.endswith("s") else leaf)


def _fits(known: Quantities, id: str, numbers: int | None) -> bool:
    return _is_one(id, known) if numbers is None else _sized(id, known, numbers) is not None


def _is_one(name: str, known: Quantities) -> bool:
    return isinstance(meant(name, known), Reference)


def _is_worked_out(name: str, known: Quantities) -> bool:
    found = meant(name, known)
    return isinstance(found, Reference) and not known.is_given(found.whole)


def _sized(name: str, known: Quantities, numbers: int) -> str | None:
    """The id that a name stands for where the quantity has so many numbers."""
    found = meant(name, known)
    if not isinstance(found, Reference) or found.index is not None:
        return None
    return found.whole if prod(known.shape(found.whole)) == numbers else None

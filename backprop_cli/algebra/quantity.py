"""The id of a quantity to its parts and back: the one place where ids are taken apart and made.

    W1    dL/dW1    W1_new    v_W1_old    dL/dW1[2,1]    W1_new[2,1]@2    dyhat[i]/dz[j]

A second derivative, d2L/dw2 or d2L/dwdb, is a name to whoever does not ask for its parts.

An id is text wherever it is a key or a name in a formula; who asks what it says gets a `Quantity`.
The grammar of ids alone cannot tell a state from a name that begins like one, nor a value before
the update from a name that ends like one: who cares says whose states there are, or asks the role.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache, partial
from typing import Final, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

Part: TypeAlias = Literal["", "new", "change", "old", "ahead"]

STATES: Final = ("v", "m", "G", "s", "u", "r", "mhat", "vhat")
"""The letters of what update rules keep, or work out on the way."""

_PARTS: dict[str, Part] = {
    "new": "new",
    "change": "change",
    "old": "old",
    "ahead": "ahead",
}
_LOSS_PARTS = ("data", "penalty")
_KEPT = 4096  # ids whose parts are remembered
_id = re.compile(
    r"(?P<whole>.+?)(?:\[(?P<index>[^\[\]]+)\])?(?:@(?P<step>[2-9]|[1-9][0-9]{1,8}))?", re.DOTALL
).fullmatch
_derivative = re.compile(r"d([^/\d][^/]*)/d([^/]+)").fullmatch
_second = partial(re.fullmatch, r"d2([^/]+)/d([^/]+)")
_simple = re.compile(r"[^\W\d_]\d*(_\d+)?").fullmatch  # a letter and its number
_name = re.compile(r"[^\W\d]\w*").fullmatch
_LETTERS = (
    "[WbZHUifogczrhDEQKVSA]|W[QKV]|bW|Htilde|mu|var|Xhat|gamma|beta|alpha"  # of what layers have
)
_layer = re.compile(rf"({_LETTERS})([0-9]+)(?:_([0-9]+))?").fullmatch
_in_formula = partial(re.findall, r"d\w+(?:\[\w+\])?/d\w+(?:\[\w+\])?|\w+\[[a-z]\]")
_in_words = partial(re.sub, r"[^\W\d_]\w*(?:/[^\W\d_]\w*)?(?:\[[\d, ]+\])?")
_typed_entry = partial(re.fullmatch, r"([^\[\]]*)\[([^\[\]]*)\]([^\[\]]*)")
_typed_step = partial(re.fullmatch, r"([^@]*)@([0-9]{1,9})")
_typed_derivative = partial(re.fullmatch, r"d(.+)/d(.+)", flags=re.IGNORECASE)


class Quantity(Struct, frozen=True):
    """What an id says.

    `name` is what the file or the model calls it, of a derivative what stands on top, and `by` what
    stands below; where the top is an entry, `by` has its own index as well. `state` is the letter
    of an optimizer's state of `name`, `part` what the update makes of it, `index` the entry as
    written (empty: all of them), `step` the update it belongs to, counted from 1.
    """

    name: str
    by: str = ""
    state: str = ""
    part: Part = ""
    index: tuple[str, ...] = ()
    step: int = 1

    @property
    def id(self) -> str:
        """The id as it is written everywhere."""
        text = f"{self.state}_{self.name}" if self.state else self.name
        if self.by:
            text = f"d{text}/d{self.by}"
        if self.part:
            text = f"{text}_{self.part}"
        text = _entry(text, self.index)
        return text if self.step == 1 else f"{text}@{self.step}"

    @property
    def earlier(self) -> Quantity | None:
        """What it was before the update, or the step before; None where nothing was before it."""
        if self.part == "new":
            return replace(self, part="")
        return replace(self, step=self.step - 1) if self.step > 1 else None


@lru_cache(_KEPT)
def quantity(id: str, stateful: frozenset[str] = frozenset()) -> Quantity:
    """What an id says; `stateful` are the names of what may have states.

    Text that is no id is a name, so that what is written is what was read, whatever it is.
    """
    found = _id(id)
    if found is None:
        return Quantity(id)
    index = tuple(found["index"].split(",")) if found["index"] else ()
    return replace(_read(found["whole"], stateful, index), step=int(found["step"] or 1))


def _read(text: str, stateful: frozenset[str], index: tuple[str, ...]) -> Quantity:
    if found := _derivative(text):
        of, by = found.groups()
        if index and of.endswith("]"):
            return Quantity(of, Quantity(by, index=index).id)
        return Quantity(of, by, index=index)
    name, _, ending = text.rpartition("_")
    part = _PARTS.get(ending, "") if name else ""
    stems: tuple[tuple[str, Part], ...] = ((text, ""), (name, part))
    for stem, made in stems:
        if (letter := state_letter(stem)) in STATES and stem[len(letter) + 1 :] in stateful:
            return Quantity(stem[len(letter) + 1 :], "", letter, made, index)
    return Quantity(name if part else text, "", "", part, index)


@lru_cache(_KEPT)
def whole_id(id: str) -> str:
    """The id of the quantity that an entry is one of, of the same step."""
    return replace(quantity(id), index=()).id


@lru_cache(_KEPT)
def plain_id(id: str) -> str:
    """The id without an entry and a step: what it is called in each update's own formulas."""
    return replace(quantity(id), index=(), step=1).id


# Second derivatives -------------------------------------------------------------------------------


class Second(Struct, frozen=True):
    """A second derivative of `of`: by one quantity, then by another or once more the same."""

    of: str
    by: str
    then: str

    @property
    def id(self) -> str:
        """`d2L/dw2`, `d2L/dwdb`; with a dot where these would be read as something else."""
        below = f"{self.by}2" if self.by == self.then else f"{self.by}d{self.then}"
        if next(_both(below), None) != (self.by, self.then):
            below = f"{self.by}.d{self.then}"
        return f"d2{self.of}/d{below}"


def _both(below: str) -> Iterator[tuple[str, str]]:
    """The two quantities that may stand below, the likeliest first: w2, wdb, W1dW2."""
    first, dot, then = below.partition(".d")
    if dot:
        yield first, then
        return
    places = [place for place, sign in enumerate(below) if sign == "d" and place]
    pairs = [(below[:place], below[place + 1 :]) for place in places]
    pairs = [pair for pair in pairs if all(map(_name, pair))]
    yield from (pair for pair in pairs if all(map(_simple, pair)))
    if below.endswith("2") and _name(below[:-1]):
        yield below[:-1], below[:-1]
    yield from (pair for pair in pairs if not all(map(_simple, pair)))


@lru_cache(_KEPT)
def second_derivative(id: str) -> Second | None:
    """What the id of a second derivative says; None where it is another id."""
    found = _second(id) if id.startswith("d2") else None
    both = next(_both(found[2]), None) if found else None
    return Second(found[1], *both) if found and both else None


def typed_second(text: str, known: Callable[[str], str | None]) -> Second | None:
    """The second derivative that was typed, by what `known` says is meant by its names."""
    found = _second("".join(text.replace("∂", "d").replace("²", "2").split()))
    of = known(found[1]) if found else None
    for pair in _both(found[2]) if found else ():
        by, then = map(known, pair)
        if of and by and then:
            return Second(of, by, then)
    return None


# Ids made of names and of other ids ---------------------------------------------------------------


@lru_cache(_KEPT)
def derivative_id(of: str, by: str) -> str:
    """`dL/dW1`."""
    return Quantity(of, by).id


@lru_cache(_KEPT)
def new_id(name: str) -> str:
    """`W1_new`, the value after the update."""
    return Quantity(name, part="new").id


@lru_cache(_KEPT)
def change_id(name: str) -> str:
    """`W1_change`, what the update adds."""
    return Quantity(name, part="change").id


@lru_cache(_KEPT)
def old_id(name: str) -> str:
    """`v_W1_old`, a state before the update."""
    return Quantity(name, part="old").id


@lru_cache(_KEPT)
def ahead_id(name: str) -> str:
    """`W1_ahead`, the value at the point that momentum is heading for."""
    return Quantity(name, part="ahead").id


@lru_cache(_KEPT)
def state_id(letter: str, name: str) -> str:
    """`v_W1`, the state that an update rule keeps of a parameter."""
    return Quantity(name, state=letter).id


def kept_state(id: str) -> str:
    """What a state from before the update, `v_W1_old`, becomes in it: `v_W1`."""
    return replace(quantity(id), part="").id


def state_letter(id: str) -> str:
    """The letter of what reads as a state, whether anything has that state or not."""
    return id.partition("_")[0]


def entry_id(id: str, index: Iterable[object]) -> str:
    """`W1[2,1]`; of a number, which has no index, its own id."""
    places = tuple(map(str, index))
    if "@" not in id:  # nothing stands behind the index: by far the most, and the most often
        return _entry(id, places)
    return replace(quantity(id), index=places).id


def _entry(text: str, places: Iterable[str]) -> str:
    index = ",".join(places)
    return f"{text}[{index}]" if index else text


def step_id(id: str, step: int) -> str:
    """`W1_new@2`; of the first update, its own id."""
    return id if step == 1 and "@" not in id else replace(quantity(id), step=step).id


def loss_parts(loss: str) -> tuple[str, str]:
    """The ids of what a penalty splits a loss into: `L_data` and `L_penalty`."""
    data, penalty = (f"{loss}_{part}" for part in _LOSS_PARTS)
    return data, penalty


def loss_part(id: str) -> str:
    """Which of the two of L an id is, `data` or `penalty`; empty where it is neither."""
    return dict(zip(loss_parts("L"), _LOSS_PARTS, strict=True)).get(id, "")


def upstream_id(name: str) -> str:
    """The id of a gradient that reaches a quantity from outside."""
    return f"upstream_{name}"


def from_outside(id: str) -> str | None:
    """What a gradient from outside reaches; None where an id is no such gradient."""
    name = id.removeprefix("upstream_")
    return None if name == id else name


# Steps in time ------------------------------------------------------------------------------------


def at_step(base: str, step: int | str) -> str:
    """`h_2`, what is called h at step 2; `h_{t-1}` at a step that is a formula."""
    text = str(step)
    return f"{base}_{text}" if text.isalnum() else f"{base}_{{{text}}}"


@lru_cache(_KEPT)
def step_of(name: str) -> tuple[str, int] | None:
    """The base and the step of a name such as `h_2`; None where it ends in no number."""
    base, bar, step = name.rpartition("_")
    return (base, int(step)) if bar and base and step.isdecimal() else None


def without_step(name: str) -> str:
    """`h` of h_2, of h_t and of h_{t-1}: of a name that has a step, a number or in letters."""
    return name.rpartition("_")[0] or name


# The names of a network ---------------------------------------------------------------------------


class LayerName(Struct, frozen=True):
    """What the name of a network's quantity says: `W3_1` is W of layer 3, from layer 1.

    Of what is over time, `H1_2`, the second number is the step.
    """

    letter: str
    layer: int
    source: int | None = None


class Letters(Struct, frozen=True):
    """What the quantities are called in print; ids stay as they are. `delta`: ∂L/∂Z² is δ²."""

    input: str = "x"
    target: str = "y"
    weights: str = "W"
    bias: str = "b"
    pre: str = "Z"
    post: str = "H"
    output: str = "Ŷ"
    loss: str = "L"
    first_layer: int = 1
    delta: bool = False


def layer_id(letter: str, layer: int, source: int | None = None) -> str:
    """`Z2`, and `W3_1` of a skip."""
    return f"{letter}{layer}" if source is None else f"{letter}{layer}_{source}"


@lru_cache(_KEPT)
def layer_name(name: str) -> LayerName | None:
    """What a name of a network says of its layer; None where it belongs to none."""
    found = _layer(name)
    if found is None:
        return None
    return LayerName(found[1], int(found[2]), None if found[3] is None else int(found[3]))


def without_layer(name: str) -> str:
    """What a quantity or its state is called where there is one layer: Z for Z1, v_W for v_W1."""
    before, bar, last = name.rpartition("_")
    found = layer_name(last)
    return name if found is None else f"{before}{bar}{found.letter}"


LAYER_LETTERS = ("W", "b", "Z", "H")
"""What ids of layers begin with, whatever a file calls them in print."""


def printed_names(letters: Letters, layers: int) -> dict[str, str]:
    """What the quantities of a network are called besides their ids: H2 is Yhat, `notation`'s own.

    What is an id already is not among them: where layers are counted from 0, H1 stays H1.
    """
    own = Letters()
    found = {layer_id("H", layers): "Yhat"}
    wholes = {"input": "X", "target": "Y", "output": "Yhat", "loss": "L"}
    for key, id in wholes.items():
        if (letter := getattr(letters, key)) != getattr(own, key):
            found[letter] = id
    for key in ("weights", "bias", "pre", "post"):
        letter, id = getattr(letters, key), getattr(own, key)
        if letter in LAYER_LETTERS:
            continue
        for layer in range(1, layers + 1):
            whole = layer_id(id, layer)
            found[layer_id(letter, layer + letters.first_layer - 1)] = found.get(whole, whole)
    return found


# Ids in running text -----------------------------------------------------------------------------


def ids_in(formula: str) -> list[str]:
    """The derivatives in a formula of the step tables, and the entries that a letter names."""
    return _in_formula(formula)


def ids_written(words: str, write: Callable[[str], str]) -> str:
    """Words with everything in them that may be an id, blanks in its index apart, written so."""
    return _in_words(lambda found: write(found[0]), words)


# What a person typed ------------------------------------------------------------------------------


def typed_entry(text: str) -> tuple[str, str | None]:
    """The name in what was typed, and the index in it, which may stand before its ending."""
    found = _typed_entry(text.strip())
    return (found[1].strip() + found[3].strip(), found[2]) if found else (text.strip(), None)


def typed_step(text: str) -> tuple[str, int]:
    """The name in what was typed, and the number behind its @."""
    found = _typed_step(text)
    return (found[1].strip(), int(found[2])) if found else (text, 1)


def typed_derivative(text: str) -> tuple[str, str] | None:
    """The two names of `∂A/∂B` as it was typed; None where it is no derivative."""
    found = _typed_derivative("".join(text.replace("∂", "d").split()))
    return (found[1], found[2]) if found else None

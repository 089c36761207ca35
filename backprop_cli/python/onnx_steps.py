"""A node of an ONNX file that goes over a sequence -> the lines of its steps, there and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from msgspec import Struct

from backprop_cli.python.given_numbers import Chain
from backprop_cli.python.graph_equations import Equations
from backprop_cli.python.onnx_nodes import attributes

Array = np.ndarray[Any, Any]

_GATES: Final[Mapping[str, str]] = MappingProxyType({"RNN": "h", "LSTM": "iofg", "GRU": "zrn"})
"""In the order in which ONNX keeps their weights."""
_FUNCTIONS: Final[Mapping[str, Sequence[str]]] = MappingProxyType(
    {"RNN": ("Tanh",), "LSTM": ("Sigmoid", "Tanh", "Tanh"), "GRU": ("Sigmoid", "Tanh")}
)
IN_TIME: Final = frozenset(_GATES)


def number_of(
    chain: Chain, constants: Mapping[str, Array], node: Any, position: int
) -> Array | None:
    """A number of the file that a node takes, if it takes one there."""
    if len(node.input) <= position or not (name := node.input[position]):
        return None
    if name not in constants:
        raise chain.refused(f"{node.op_type} takes {name}, which is no number of the file")
    return constants[name]


_WAYS: Final[Mapping[str, Sequence[bool]]] = MappingProxyType(
    {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}
)
"""The directions of each kind, and whether it goes back."""


class Layer(Struct, frozen=True):
    """A node that goes over the steps, there, back or both ways."""

    chain: Chain
    constants: Mapping[str, Array]
    found: Equations
    node: Any

    @property
    def said(self) -> dict[str, Any]:
        """What it says beside its inputs."""
        return attributes(self.node)

    def number(self, position: int) -> Array | None:
        """A number of the file that it takes, if it takes one there."""
        return number_of(self.chain, self.constants, self.node, position)

    def made(self, x: str, axes: str) -> Iterator[tuple[str, str, str]]:
        """The names in the file and here of all states, the last ones and cells, and their axes."""
        kind, batch_first = self.node.op_type, bool(self.said.get("layout"))
        if axes != ("nth" if batch_first else "tnh"):
            message = f"{kind} takes one sequence of steps × 1 × inputs"
            raise self.chain.refused(message, "that layout, and a batch of 1")
        self._refuse_odd()
        found = [self._way(k, x, back=back) for k, back in enumerate(self.ways)]
        states, last, cells = zip(*found, strict=True)
        both = len(found) > 1
        values = [self.found.joined(kind, states) if both else states[0]]
        values += map(self._below, (last, cells) if kind == "LSTM" else (last,))
        d = "d" if both else "n"
        whole, end = (f"nt{d}h", f"n{d}h") if batch_first else (f"t{d}nh", f"{d}nh")
        for name, value, own in zip(self.node.output, values, (whole, end, end), strict=False):
            if name:
                yield name, value, own

    def _below(self, each: Sequence[str]) -> str:
        (size,) = self.found.shapes[each[0]]
        if len(each) == 1:
            return each[0]
        return self.found.line("r", f"[{', '.join(each)}]", (len(each), size))

    def _refuse_odd(self) -> None:
        kind, usual = self.node.op_type, _FUNCTIONS[self.node.op_type]
        for key in ("clip", "input_forget", "activation_alpha", "activation_beta"):
            if self.said.get(key):
                raise self.chain.refused(f"{kind} with {key} is not known here")
        functions = self.functions
        if kind != "RNN" and any(one != usual for one in functions):
            message = f"{kind} with activations {', '.join(functions[0])} is not known here"
            raise self.chain.refused(message, ", ".join(usual))
        if kind == "RNN" and not {one[0] for one in functions} <= {"Tanh", "Relu", "Sigmoid"}:
            message = f"{kind} with activations {', '.join(functions[0])} is not known here"
            raise self.chain.refused(message, "Tanh, Relu or Sigmoid")
        if self.number(4) is not None:
            raise self.chain.refused(f"{kind} with sequence_lens is not known here")

    @property
    def ways(self) -> Sequence[bool]:
        """The directions that it goes, and whether each goes back."""
        return _WAYS[self.said.get("direction") or "forward"]

    @property
    def functions(self) -> list[tuple[str, ...]]:
        """The activations of each direction."""
        usual = _FUNCTIONS[self.node.op_type]
        said = tuple(self.said.get("activations") or [*usual] * len(self.ways))
        size = len(usual)
        return [said[k : k + size] for k in range(0, len(said), size)]

    def _way(self, k: int, x: str, *, back: bool) -> tuple[str, str, str]:
        """All states as rows, the last one, and the last cell, of one direction."""
        found, kind = self.found, self.node.op_type
        count, size, number = found.shapes[x][0], int(self.said["hidden_size"]), found.over_time + 1
        order = [*range(count, 0, -1)] if back else [*range(1, count + 1)]
        taken = x
        if back and count > 1:
            rows = ", ".join(f"{x}[{step}]" for step in order)
            taken = found.line("r", f"[{rows}]", found.shapes[x])
        lines = _Lines(self, k, number, f"{taken}[t]")
        for name, position in (("hs", 5), ("cs", 6)) if kind == "LSTM" else (("hs", 5),):
            begun = self.number(position)
            first = np.zeros(size) if begun is None else begun.reshape(-1, size)[k]
            found.given(f"{name}{number}_0", np.asarray(first, dtype=float))
        states = [f"hs{number}_{t}" for t in range(1, count + 1)]
        cell = f"cs{number}_{count}"
        found.at_each(count, list(lines.of_kind()), [*states, cell], (size,))
        in_order = states[::-1] if back else states
        rows = found.line("r", f"[{', '.join(in_order)}]", (count, size))
        return rows, states[-1], cell


class _Lines(Struct, frozen=True):
    """The lines of one step in one direction."""

    layer: Layer
    way: int
    number: int
    takes: str

    def of_kind(self) -> Iterator[str]:
        """The lines in turn."""
        return {"RNN": self._plain, "LSTM": self._lstm, "GRU": self._gru}[self.layer.node.op_type]()

    def _parts(self, position: int, bias: int) -> dict[str, tuple[str, str]]:
        """The matrix of each gate, and its bias or nothing; of x, or of the state before."""
        one, node = self.layer, self.layer.node
        gates = _GATES[node.op_type]
        whole, biases = one.number(position), one.number(3)
        if whole is None:
            raise one.chain.refused(f"{node.op_type} takes weights that are no numbers of the file")
        matrices = np.split(whole[self.way], len(gates))
        each = [""] * len(gates)
        if biases is not None:
            half = np.split(np.split(biases[self.way], 2)[bias], len(gates))
            each = [one.found.parameter("b", part) for part in half]
        named = [one.found.parameter("W", part) for part in matrices]
        return dict(zip(gates, zip(named, each, strict=True), strict=True))

    def _sides(self) -> tuple[dict[str, str], dict[str, str]]:
        """What each gate makes of x, and of the state before."""
        made = []
        for position, takes in ((1, self.takes), (2, self.before)):
            parts = self._parts(position, position - 1).items()
            made.append({gate: _affine(w, takes, b) for gate, (w, b) in parts})
        return made[0], made[1]

    @property
    def before(self) -> str:
        return f"hs{self.number}_{{t-1}}"

    def _plain(self) -> Iterator[str]:
        x, h = self._sides()
        function = self.layer.functions[self.way][0].lower()
        yield f"hs{self.number}_t = {function}({x['h']} + {h['h']})"

    def _lstm(self) -> Iterator[str]:
        x, h = self._sides()
        i, o, f, g = (f"{gate}g{self.number}_t" for gate in "iofg")
        before, now = f"cs{self.number}_{{t-1}}", f"cs{self.number}_t"
        peeps = self._peeps(before, now)
        yield f"{i} = sigmoid({x['i']} + {h['i']}{peeps['i']})"
        yield f"{f} = sigmoid({x['f']} + {h['f']}{peeps['f']})"
        yield f"{g} = tanh({x['g']} + {h['g']})"
        yield f"{now} = {f} * {before} + {i} * {g}"
        yield f"{o} = sigmoid({x['o']} + {h['o']}{peeps['o']})"
        yield f"hs{self.number}_t = {o} * tanh({now})"

    def _peeps(self, before: str, now: str) -> dict[str, str]:
        """What the gates see of the cell, if they see it."""
        one = self.layer
        whole = one.number(7)
        if whole is None:
            return dict.fromkeys("iof", "")
        seen = {"i": before, "o": now, "f": before}
        parts = zip("iof", np.split(whole[self.way], 3), strict=True)
        return {gate: f" + {one.found.parameter('p', p)} * {seen[gate]}" for gate, p in parts}

    def _gru(self) -> Iterator[str]:
        x, h = self._sides()
        z, r, n = (f"{gate}g{self.number}_t" for gate in "zrn")
        yield f"{z} = sigmoid({x['z']} + {h['z']})"
        yield f"{r} = sigmoid({x['r']} + {h['r']})"
        if self.layer.said.get("linear_before_reset"):
            reset = f"{r} * ({h['n']})"
        else:
            w, b = self._parts(2, 1)["n"]
            reset = _affine(w, f"({r} * {self.before})", b)
        yield f"{n} = tanh({x['n']} + {reset})"
        yield f"hs{self.number}_t = (1 - {z}) * {n} + {z} * {self.before}"


def _affine(weights: str, takes: str, bias: str) -> str:
    return f"{weights} @ {takes}" + (f" + {bias}" if bias else "")

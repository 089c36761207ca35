"""Modules of PyTorch over a sequence -> lines: rows of a table, attention, steps in time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from backprop_cli.python.given_numbers import leaf
from backprop_cli.python.graph_equations import Equations
from backprop_cli.python.torch_modules import refuse_unless, refused

Array = np.ndarray[Any, Any]


def embedded(found: Equations, module: Any, numbers: Any) -> str:
    """The rows of a table, by whole numbers from 0."""
    refuse_unless(module, padding_idx=None, max_norm=None, scale_grad_by_freq=False)
    return found.rows_of("Embedding", leaf("weight", module.weight), numbers)


# Attention ----------------------------------------------------------------------------------------


def attended(found: Equations, node: Any, module: Any, names: Mapping[Any, Any]) -> str:
    """What attention gives: queries, keys and values from rows, and what is made of their mean."""
    refuse_unless(module, bias_k=None, bias_v=None, add_zero_attn=False)
    if module.dropout and module.training:
        raise refused("dropout is random while a model trains", "model.eval()")
    if module.in_proj_weight is None:
        raise refused("MultiheadAttention with kdim or vdim is not known here")
    taken = [*node.args[:3], *(node.kwargs[key] for key in _TAKEN if key in node.kwargs)]
    said = dict(zip(_OPTIONS, node.args[3:], strict=False)) | dict(node.kwargs)
    weights, biases = leaf("weight", module.in_proj_weight), module.in_proj_bias
    parts = np.split(weights, 3)
    each = [None] * 3 if biases is None else np.split(leaf("bias", biases), 3)
    sides = [
        _rows(found, names[one], weight, bias)
        for one, weight, bias in zip(taken, parts, each, strict=True)
    ]
    mask = ", mask=causal" if _is_causal(found, said, names) else ""
    formula = f"attention({', '.join(sides)}, heads={module.num_heads}{mask})"
    made = found.line("a", formula, found.shapes[sides[0]])
    out = module.out_proj
    return _rows(found, made, leaf("weight", out.weight), _numbers(out.bias))


_TAKEN: Final = ("query", "key", "value")
_OPTIONS: Final = "key_padding_mask need_weights attn_mask average_attn_weights is_causal".split()


def _is_causal(found: Equations, said: Mapping[str, Any], names: Mapping[Any, Any]) -> bool:
    """Whether no position takes of those behind it; Error for any other mask."""
    mask = said.get("attn_mask")
    if said.get("key_padding_mask") is not None:
        raise refused("MultiheadAttention with key_padding_mask is not known here")
    if mask is None:
        return False
    value = names.get(mask)
    value = found.values.get(value) if isinstance(value, str) else value
    if value is None or not _looks_back(value):
        raise refused("MultiheadAttention with another mask than the causal one", "attn_mask=None")
    return True


def _looks_back(mask: Array) -> bool:
    """Whether a mask takes just what is ahead: as true, or as −∞."""
    ahead = np.triu(np.ones(mask.shape), 1) > 0
    taken = mask if mask.dtype.kind == "b" else np.isneginf(mask)
    return np.array_equal(taken, ahead) and not np.any(np.where(ahead, 0, mask))


def _rows(found: Equations, x: str, weight: Array, bias: Array | None) -> str:
    shape = found.shapes[x]
    if len(shape) != 2 or shape[1] != weight.shape[1]:
        raise refused("MultiheadAttention takes one sequence, its positions as rows", "x[0]")
    formula = f"{x} @ {found.parameter('W', weight)}.T"
    if bias is not None:
        formula += f" + row({found.parameter('b', bias)})"
    return found.line("z", formula, (shape[0], len(weight)))


def _numbers(tensor: Any) -> Array | None:
    return None if tensor is None else np.asarray(leaf("bias", tensor))


# Over time ----------------------------------------------------------------------------------------


def recurrent(found: Equations, node: Any, module: Any, names: Mapping[Any, Any]) -> Any:
    """All states, and the last of each layer: as PyTorch gives them, with the cells of an LSTM."""
    kind = type(module).__name__
    refuse_unless(module, bidirectional=False, proj_size=0)
    if module.dropout and module.training and module.num_layers > 1:
        raise refused("dropout is random while a model trains", "model.eval()")
    if len(node.args) + len(node.kwargs) > 1:
        raise refused(f"{kind} with states to begin with is not known here", "the usual zeros")
    x = names[node.args[0]]
    if len(found.shapes[x]) != 2:
        raise refused(f"{kind} takes one sequence, its steps as rows", "x[0]")
    states, cells = [], []
    for number in range(module.num_layers):
        x, last, cell = _steps(found, kind, module, number, x)
        states.append(last)
        cells.append(cell)
    return (x, (tuple(states), tuple(cells)) if kind == "LSTM" else tuple(states))


_GATES: Final[Mapping[str, Sequence[str]]] = MappingProxyType(
    {"RNN": ("h",), "LSTM": ("i", "f", "g", "o"), "GRU": ("r", "z", "n")}
)
"""In the order in which PyTorch keeps their weights."""


def _steps(found: Equations, kind: str, module: Any, layer: int, x: str) -> tuple[str, str, str]:
    """The lines of one layer for every step; its states as rows, the last state, the last cell."""
    count, size, k = found.shapes[x][0], module.hidden_size, found.over_time + 1
    inputs, kept = (_by_gate(found, kind, module, f"{side}_l{layer}") for side in ("ih", "hh"))
    takes = {gate: formula.format(f"{x}[t]") for gate, formula in inputs.items()}
    keeps = {gate: formula.format(f"hs{k}_{{t-1}}") for gate, formula in kept.items()}
    for name in ("hs", "cs") if kind == "LSTM" else ("hs",):
        found.given(f"{name}{k}_0", np.zeros(size))
    states = [f"hs{k}_{t}" for t in range(1, count + 1)]
    cell = f"cs{k}_{count}"
    found.at_each(count, _KINDS[kind](k, takes, keeps, module), [*states, cell], (size,))
    made = found.line("r", f"[{', '.join(states)}]", (count, size))
    return made, states[-1], cell


def _by_gate(found: Equations, kind: str, module: Any, side: str) -> dict[str, str]:
    """What each gate makes of what it is given, as a formula with a place for that."""
    gates = _GATES[kind]
    weights = np.split(leaf("weight", getattr(module, f"weight_{side}")), len(gates))
    formulas = {
        gate: f"{found.parameter('W', weight)} @ {{}}"
        for gate, weight in zip(gates, weights, strict=True)
    }
    if module.bias:
        biases = np.split(leaf("bias", getattr(module, f"bias_{side}")), len(gates))
        for gate, bias in zip(gates, biases, strict=True):
            formulas[gate] += f" + {found.parameter('b', bias)}"
    return formulas


Parts = Mapping[str, str]


def _plain(k: int, takes: Parts, keeps: Parts, module: Any) -> list[str]:
    return [f"hs{k}_t = {module.nonlinearity}({takes['h']} + {keeps['h']})"]


def _lstm(k: int, takes: Parts, keeps: Parts, _: Any) -> list[str]:
    names = {gate: f"{gate}g{k}_t" for gate in takes}
    functions = {gate: "tanh" if gate == "g" else "sigmoid" for gate in takes}
    lines = [f"{names[g]} = {functions[g]}({takes[g]} + {keeps[g]})" for g in takes]
    kept = f"{names['f']} * cs{k}_{{t-1}} + {names['i']} * {names['g']}"
    return [*lines, f"cs{k}_t = {kept}", f"hs{k}_t = {names['o']} * tanh(cs{k}_t)"]


def _gru(k: int, takes: Parts, keeps: Parts, _: Any) -> list[str]:
    r, z, n = (f"{gate}g{k}_t" for gate in "rzn")
    return [
        f"{r} = sigmoid({takes['r']} + {keeps['r']})",
        f"{z} = sigmoid({takes['z']} + {keeps['z']})",
        f"{n} = tanh({takes['n']} + {r} * ({keeps['n']}))",
        f"hs{k}_t = (1 - {z}) * {n} + {z} * hs{k}_{{t-1}}",
    ]


_KINDS: Final[Mapping[str, Callable[[int, Parts, Parts, Any], list[str]]]] = MappingProxyType(
    {"RNN": _plain, "LSTM": _lstm, "GRU": _gru}
)

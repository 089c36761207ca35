"""Compiled programs give what evaluating their formulas gives, but for the last bits.

Where a number is not finite, a program raises or does not give finite numbers either.
"""

from __future__ import annotations

import io
import math
import re
import tokenize
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracles import networks
from oracles.operations import Example, examples, point

from backprop_cli.algebra.expr import Expr, Sym, num, op
from backprop_cli.operations.record import Array
from backprop_cli.problem.problem_file import Source
from backprop_cli.readings import scalar_code
from backprop_cli.readings.program import InBuffers, InScalars, Program
from backprop_cli.readings.scalar_code import FUNCTIONS
from backprop_cli.readings.scalars import NoScalarsError
from backprop_cli.readings.values import evaluate
from backprop_cli.solving.loading import loaded
from backprop_cli.solving.prepared import Batches
from backprop_cli.solving.training import training_program

EXAMPLES = [example for example in examples() if example.node.name != "jacobian"]
WAYS = (InScalars, InBuffers)
IN_BUFFERS_ONLY = {
    "largest_shares",
    "to_winners",
    "argmax",
    "inv",
    "det",
    "cof",
    "cof_along",
    "logdet",
}
PROBLEMS = sorted((Path(__file__).parent.parent / "problems").glob("*.yaml"))
EDGES = (0.0, -0.0, 1.0, -1.0, 0.5, 36.0, -36.0, 800.0, -800.0, 1e-300, 1e200, -1e200)
LOSES_DIGITS = "log_others"  # the plain one, a difference of two logarithms that may be huge
CLOSE = 1e-13


def ran(way: Any, expr: Expr, given: Mapping[str, Array], state: Mapping[str, Array]) -> Array:
    """What a formula comes to when it is compiled, and run for the second time."""
    wanted = evaluate(expr, {**given, **state})
    before = {**state, "out": np.zeros(wanted.shape)}
    program = Program([("result", expr)], given, before, {"out": "result"}, None, {})
    one = way(program)
    once = one.run(1, one.begin(before), [])
    found: Array = one.end(one.run(1, once, []))["out"]
    assert found.shape == wanted.shape
    return found


def close(found: Array, wanted: Array, size: float = 0.0) -> bool:
    """Equal to the last bits of the largest number; below 1e-300 numbers lose their digits."""
    finite = np.isfinite(wanted)
    largest = max(float(np.max(np.abs(wanted), initial=0.0, where=finite)), size)
    apart = np.subtract(found, wanted, out=np.zeros(wanted.shape), where=found != wanted)
    return bool(np.max(np.abs(apart), initial=0.0) <= max(CLOSE * largest, 1e-300))


def splits(env: Mapping[str, Array]) -> Iterator[tuple[dict[str, Array], dict[str, Array]]]:
    """Each way to let some of the arguments stay the same and the others vary."""
    for kept in product((False, True), repeat=len(env)):
        chosen = dict(zip(env, kept, strict=True))
        yield (
            {name: value for name, value in env.items() if chosen[name]},
            {name: value for name, value in env.items() if not chosen[name]},
        )


# The table ---------------------------------------------------------------------------------------


def compiles(way: Any, name: str) -> bool:
    return way is InBuffers or name not in IN_BUFFERS_ONLY


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_every_operation(example: Example, way: Any) -> None:
    env = point(example, seed=1)
    if not compiles(way, example.node.name):
        with pytest.raises(NoScalarsError):
            ran(way, example.node, {}, env)
        return
    wanted = evaluate(example.node, env)
    for given, state in splits(env):
        assert close(ran(way, example.node, given, state), wanted), (list(given), list(state))


def at_an_edge(example: Example, seed: int) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    largest = 1e3 if example.node.name == LOSES_DIGITS else np.inf
    edges = [edge for edge in EDGES if abs(edge) < largest]
    return {
        f"a{i}": np.asarray(rng.choice(edges, shape), dtype=float)
        for i, shape in enumerate(example.shapes)
    }


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_kinks_and_edges(example: Example, way: Any) -> None:
    if not compiles(way, example.node.name):
        return
    for seed in range(12):
        env = at_an_edge(example, seed)
        wanted = evaluate(example.node, env)
        size = max((float(np.max(np.abs(value), initial=0.0)) for value in env.values()), default=0)
        for given, state in splits(env):
            try:
                found = ran(way, example.node, given, state)
            except (ArithmeticError, ValueError):
                continue  # the plain evaluation is asked
            if not np.isfinite(wanted).all():
                assert not np.isfinite(found).all(), (env, found, wanted)
            elif np.isfinite(found).all():
                assert close(found, wanted, size if size <= 800 else 0.0), (env, found, wanted)


Z, P, G = Sym("z"), Sym("p"), Sym("g")
CAREFUL = {
    "ln of a softmax": op("log", P),
    "ln of the rest": op("log", op("sub", num(1), P)),
    "y ln p": op("xlogy", G, P),
    "the rest": op("sub", num(1), P),
    "back through it": op("mul", P, op("sub", G, op("sum", op("mul", P, G)))),
    "its Jacobian": op("sub", op("diag", P), op("outer", P, P)),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("logits", [[0.3, -0.2, 1.0], [40.0, 0.0, -3.0], [-90.0, 90.0, 0.0]])
@pytest.mark.parametrize("name", CAREFUL)
def test_digits_are_kept_as_the_plain_evaluation_keeps_them(
    name: str, logits: list[float], way: Any
) -> None:
    z, g = np.array(logits), np.array([0.0, 1.0, -2.0])
    definitions = {"p": op("softmax", Z)}
    p = evaluate(definitions["p"], {"z": z})
    wanted = evaluate(CAREFUL[name], {"p": p, "z": z, "g": g}, definitions)
    state = {"z": z, "out": np.zeros(wanted.shape)}
    formulas = [("p", definitions["p"]), ("result", CAREFUL[name])]
    program = way(Program(formulas, {"g": g}, state, {"out": "result"}, None, definitions))
    found = program.end(program.run(1, program.begin(state), []))["out"]
    np.testing.assert_allclose(found, wanted, rtol=CLOSE, atol=0)


@pytest.mark.parametrize("way", WAYS)
def test_what_varies_may_change_places(way: Any) -> None:
    state = {"a": np.array([1.0, 2.0]), "b": np.array([3.0, 4.0])}
    program = way(Program([], {}, state, {"a": "b", "b": "a"}, None, {}))
    ended = program.end(program.run(3, program.begin(state), []))
    assert (ended["a"].tolist(), ended["b"].tolist()) == ([3, 4], [1, 2])


@pytest.mark.parametrize("way", WAYS)
def test_a_new_value_is_not_seen_before_its_round_ends(way: Any) -> None:
    formulas = [
        ("c", op("add", Sym("a"), Sym("b"))),
        ("d", op("mul", Sym("a"), num(2))),
        ("told", op("sum", op("add", Sym("a"), Sym("d")))),
    ]
    state = {"a": np.array([1.0, 2.0]), "b": np.array([3.0, 5.0])}
    program = way(Program(formulas, {}, state, {"a": "c", "b": "d"}, "told", {}))
    told: list[float] = []
    ended = program.end(program.run(2, program.begin(state), told))
    assert told == [3 * 1 + 3 * 2, 3 * 4 + 3 * 7]  # a is (1, 2), then (1 + 3, 2 + 5)
    assert ended["a"].tolist() == [4 + 2, 7 + 4]
    assert ended["b"].tolist() == [8, 14]


# Training ----------------------------------------------------------------------------------------


def plainly(program: Program, count: int) -> tuple[dict[str, Array], list[float], bool]:
    """The rounds of a program, each formula evaluated; whether gradients are more than rounding."""
    state, told, real = dict(program.state), [], True
    for _ in range(count):
        env = {**program.given, **state}
        for name, expr in program.formulas:
            env[name] = evaluate(expr, env, program.definitions)
        slopes = [np.max(np.abs(env[f"dL/d{name}"])) for name in state if f"dL/d{name}" in env]
        real = real and bool(np.all(np.array(slopes) > 1e-12))
        if program.told is not None:
            told.append(float(env[program.told]))
        state = {
            old: np.broadcast_to(env[new], state[old].shape) for old, new in program.after.items()
        }
    return state, told, real


def compare(text: bytes, way: Any) -> int:
    """Three steps of each batch, compiled and not; how many programs were compared."""
    model = loaded(Source("drawn", text)).model
    if model.update is None or not model.trained or model.letters:
        return 0
    prepared, compared = Batches(model, ()), 0
    for index in range(len(prepared.batches)):
        program = training_program(prepared.at(index))
        state, told, real = plainly(program, 3)
        if not real:
            continue  # an update that divides by a gradient's size makes a step of its rounding
        history: list[float] = []
        try:
            one = way(program)
            ended = one.end(one.run(3, one.begin(program.state), history))
        except (ArithmeticError, ValueError, NoScalarsError):
            continue
        size = max(float(np.max(np.abs(value), initial=0.0)) for value in state.values())
        assert close(np.array(history), np.array(told), size)
        for name, value in state.items():
            assert close(ended[name], value, size), name
        compared += 1
    return compared


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("path", PROBLEMS, ids=lambda path: path.stem)
def test_the_problems(path: Path, way: Any) -> None:
    compare(path.read_bytes(), way)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("block", range(8))
def test_drawn_networks(block: int, way: Any) -> None:
    seeds = range(25 * block, 25 * block + 25)
    compared = sum(compare(networks.draw(seed).text.encode(), way) for seed in seeds)
    assert compared >= len(seeds) // 3


# What is compiled --------------------------------------------------------------------------------

WORDS = set("def return for in if else or rounds varying told given tell run append _".split())
WORDS |= FUNCTIONS.keys()
NUMBERS = {"0.0", "1.0", "0.5", repr(math.sqrt(2.0)), repr(math.sqrt(2.0 * math.pi))}
OURS = re.compile(r"n?[tvc]\d+")
"""Names of registers: computed, varying, constant; the next value of one that varies."""


def words_of(text: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        yield token.type, token.string


def test_no_word_or_number_of_a_file_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []
    execute = scalar_code._executed  # noqa: SLF001  # what goes in there is what is looked at

    def seen(text: str, given: tuple[float | None, ...]) -> scalar_code.Loop:
        compiled.append(text)
        return execute(text, given)

    monkeypatch.setattr(scalar_code, "_executed", seen)
    own = (
        "values: {imported: [2, 3], exec: 1234.5, told: [0.25, -7]}\n"
        "equations: [print = sum((imported * told - exec)^2) / 77]\n"
        "train: [told]\nupdate: {rule: sgd, learning_rate: 0.0625}\n"
    )
    for seed in range(40):
        compare(networks.draw(seed).text.encode(), InScalars)
    assert compare(own.encode(), InScalars) == 1
    assert len(compiled) > 20
    for text in compiled:
        for kind, word in words_of(text):
            assert kind != tokenize.STRING
            assert kind != tokenize.NAME or word in WORDS or OURS.fullmatch(word), word
            assert kind != tokenize.NUMBER or word in NUMBERS, word


def test_the_text_can_reach_nothing_but_mathematics() -> None:
    with pytest.raises(NameError):
        scalar_code._executed("def run():\n return open", ())()  # type: ignore[call-arg]  # noqa: SLF001

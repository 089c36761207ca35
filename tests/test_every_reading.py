"""Every entry of the table in every reading: it is there, or refused by name; it is never skipped.

An entry that is added to the table is tried as soon as it is there.
"""

from __future__ import annotations

import itertools
import re
from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from oracles.operations import SHAPES, Example, examples, point
from writing import Writer

from backprop_cli.algebra.expr import Op, Sym, op
from backprop_cli.algebra.shapes import ShapeError
from backprop_cli.calculus.stable import function_of
from backprop_cli.cli import main
from backprop_cli.derive.derivation_nodes import Indices
from backprop_cli.derive.tensors.entrywise import Counting, Entrywise
from backprop_cli.document.names import Names
from backprop_cli.notation.boxes import ASCII, Drawing, plain_text
from backprop_cli.notation.flow import joined
from backprop_cli.notation.mathml import math as mathml
from backprop_cli.notation.numbers_and_indices import Digits
from backprop_cli.notation.symbols import Naming, symbol
from backprop_cli.notation.tex import latex
from backprop_cli.notation.writer import FormulaWriter
from backprop_cli.operations.table import TABLE
from backprop_cli.problem.text.parser import Dialect, parse
from backprop_cli.readings.entries import NoEntryError
from backprop_cli.readings.formula_text import plain
from backprop_cli.readings.intervals import enclosure
from backprop_cli.readings.numpy_source import NumpySource
from backprop_cli.readings.source import HELPERS, NoSourceError
from backprop_cli.readings.values import evaluate

EXAMPLES = list(examples())
NO_SOURCE = {"jacobian"}
"""What is no function of its arguments: it is pulled back from the equations around it."""

INTERNAL = {name for name, entry in TABLE.items() if not entry.public} | {
    "softmax_blocks",
    "apply_blocks",
}
"""Names that no file may use, and that nobody has to read therefore."""


def env(example: Example) -> dict[str, Any]:
    return point(example, 3)


def test_every_entry_is_tried() -> None:
    assert {example.node.name for example in EXAMPLES} | NO_SOURCE == set(TABLE)


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_a_program_has_it(example: Example) -> None:
    values = env(example)
    source = NumpySource({name: name for name in values}, dict(example.sizes.names))
    text = source.text(example.node)
    namespace: dict[str, Any] = {"np": np, "math": __import__("math"), **values}
    for name in source.helpers:
        exec(HELPERS[name].lines, namespace)  # noqa: S102
    with np.errstate(all="ignore"):
        found = eval(text, namespace)  # noqa: S307
        wanted = evaluate(example.node, values)
    assert np.allclose(np.broadcast_to(found, wanted.shape), wanted, equal_nan=True), text


def test_what_no_program_has_is_refused_by_name() -> None:
    for name in NO_SOURCE:
        with pytest.raises(NoSourceError, match=name):
            NumpySource({"a": "a"}, {}).text(Op(name, ()))


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_text_is_read_back(example: Example) -> None:
    assert parse(plain(example.node), Dialect(all_operations=True)) == example.node


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_no_name_of_the_program_s_own_is_printed(example: Example) -> None:
    shapes = dict(example.sizes.names)
    texts: list[str] = []
    for rows in (False, True):
        for drawing in (Drawing(rows=rows), Drawing(Digits(ascii=True), ASCII, rows)):
            for values in (None, env(example))[: 1 + (len(example.sizes.shape(example.node)) < 3)]:
                writer = Writer(
                    Names(layers=False, ascii=drawing.digits.ascii), drawing, shapes, values
                )
                texts += map(plain_text, joined(writer.tokens(example.node)).lines)
        texts.append(latex(example.node, shapes=shapes, rows=rows))
        node = FormulaWriter(lambda id: symbol(Naming(), id), shapes, rows=rows).node(example.node)
        texts.append(re.sub(r"<[^>]+>", "", mathml(node)))
    words = {word for text in texts for word in re.findall(r"[a-z]\w+", text.replace("\\_", "_"))}
    assert not words & INTERNAL - {"at"}, texts  # `at [1,2], else 0` is English


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_bounds_are_there_and_enclose(example: Example) -> None:
    values = env(example)
    low, high = enclosure(example.node, lambda name: (values[name] - 1e-6, values[name] + 1e-6))
    wanted = evaluate(example.node, values)
    close = np.where(np.isfinite(wanted), 1e-12 * (1 + np.abs(wanted)), 0)
    assert np.all((low - close <= wanted) & (wanted <= high + close) | np.isnan(wanted))


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_letters_are_there_or_refused_by_name(example: Example) -> None:
    shape = example.sizes.shape(example.node)
    if len(shape) > 2:
        return
    write = Entrywise(example.sizes, Counting(1, {}), Indices(set()))
    letters = tuple("1" if size == 1 else letter for size, letter in zip(shape, "ij", strict=False))
    refused = "written"
    try:
        write.entry(example.node, letters)
    except NoEntryError as error:
        refused = str(error)
    assert refused
    assert not set(refused.split()) & INTERNAL - {"part", "place"}  # English


ASKED = {
    "values": {"x": [1, 2], "A": [[1, 2], [3, 4]]},
    "equations": ["h = tanh(A @ x) / norm(x)", "g = softmax(h) * x", "L = sum(g^2)"],
}


@pytest.mark.parametrize("arguments", [[], ["--only", "dg/dx"]])
def test_a_program_without_what_is_asked_is_refused(arguments: list[str]) -> None:
    data = ASKED | {"ask": ["L", "dg/dx"]}
    done = CliRunner().invoke(
        main, ["solve", "-", "--format", "python", *arguments], input=yaml.safe_dump(data)
    )
    assert done.exit_code == 2
    assert "dg/dx" in done.output
    done = CliRunner().invoke(
        main, ["solve", "-", "--format", "python"], input=yaml.safe_dump(ASKED)
    )
    assert done.exit_code == 0


def test_a_program_has_every_step_that_is_printed() -> None:
    """A softmax that is 0 or 1 to all digits, so that its gradient is formed another way."""
    data = {
        "x": [1000, -1000],
        "y": [0, 1],
        "layers": [{"weights": [[1, 0], [0, 1]], "activation": "softmax"}],
        "loss": "binary-cross-entropy",
    }
    text = (
        CliRunner()
        .invoke(main, ["solve", "-", "--format", "python"], input=yaml.safe_dump(data))
        .stdout
    )
    namespace: dict[str, Any] = {}
    with np.errstate(all="ignore"):
        exec(text, namespace)  # noqa: S102
    assert np.allclose(namespace["dL_dZ1"], [2, -2])
    assert np.allclose(namespace["dL_dW1"], [[2000, -2000], [-2000, 2000]])


OF_TWO = ("to_winners", "others_share", "outer", "matmul", "conv_kernel")


@pytest.mark.parametrize("name", OF_TWO)
def test_what_a_rule_of_shapes_lets_through_has_a_value(name: str) -> None:
    """Grading puts other quantities into a formula: what does not fit is told by its shape."""
    for shapes, options in SHAPES[name]:
        for place, other in itertools.product(range(len(shapes)), ((), (3,), (3, 5), *shapes)):
            put_in = (*shapes[:place], other, *shapes[place + 1 :])
            node = op(name, *map(Sym, "ab"), **options)
            try:
                shape = TABLE[name].shape(put_in, node)
            except ShapeError:
                continue
            given = (np.full(one, 0.3) for one in put_in)
            with np.errstate(all="ignore"):
                value = function_of(node)(*given, **dict(node.options))
            assert np.shape(value) == shape, (put_in, options)

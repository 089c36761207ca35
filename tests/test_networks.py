"""`draw --network`: every unit and weight of the network, in its place, and no other."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from classes import PROBLEMS
from click.testing import CliRunner

from backprop_cli.cli import main
from backprop_cli.document.networks import Network, network_of
from backprop_cli.document.view import View, as_written
from backprop_cli.drawing.network_latex import network_latex
from backprop_cli.drawing.network_pictures import Scale, placed
from backprop_cli.problem.problem_file import Source
from backprop_cli.solving.loading import loaded
from backprop_cli.solving.solution import Request, solve

LAYERS = ("sigmoid-softmax", "bias-first-row", "weights-table", "minibatch-tanh", "residual",
          "skip-connection", "three-layers", "threshold-triangle")  # fmt: skip
ACROSS = "x: [1, 2, 3]\nlayers:\n  - {weights: [[1, 2, 3], [4, 5, 6]], bias: [7, 8]}\n"


def network(text: str) -> Network:
    found = loaded(Source("p.yaml", text.encode()))
    view = as_written(found.model.problem, View())
    made = network_of(solve(found.model, Request()).trace, found.model.problem, view)
    assert made is not None
    return made


def drawn(*words: object) -> str:
    done = CliRunner().invoke(main, ["draw", "--network", *map(str, words)])
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.parametrize(
    ("affine", "weights"),
    [
        ("W x + b", "[[1, 2, 3], [4, 5, 6]]"),
        ("W^T x + b", "[[1, 4], [2, 5], [3, 6]]"),
        ("x W + b", "[[1, 4], [2, 5], [3, 6]]"),
        ("x W^T + b", "[[1, 2, 3], [4, 5, 6]]"),
    ],
)
def test_each_edge_has_the_weight_between_its_units(affine: str, weights: str) -> None:
    """From input i to unit j stands 3(j - 1) + i in every orientation, and 6 + j from the bias."""
    found = network(
        f"convention: {{affine: {affine}}}\nx: [1, 2, 3]\n"
        f"layers:\n  - {{weights: {weights}, bias: [7, 8]}}\n"
    )
    names = ["x₁", "x₂", "x₃"]
    for edge in found.edges:
        start, end = found.units[edge.start], found.units[edge.end]
        unit = ["Ŷ₁", "Ŷ₂"].index(end.text)
        if start.kind == "bias":
            assert edge.text == str(7 + unit)
        else:
            assert edge.text == str(3 * unit + names.index(start.text) + 1)
    assert len(found.edges) == 8


def test_biases_in_the_matrix_come_from_the_bias_unit() -> None:
    plain = network(ACROSS)
    inside = network(
        "convention: {affine: W x + b, bias: last}\nx: [1, 2, 3]\n"
        "layers:\n  - weights: [[1, 2, 3, 7], [4, 5, 6, 8]]\n"
    )
    assert [unit.text for unit in plain.units] == [unit.text for unit in inside.units]
    assert sorted((e.start, e.end, e.text) for e in plain.edges) == sorted(
        (e.start, e.end, e.text) for e in inside.edges
    )


def test_skips_are_edges_that_pass_layers() -> None:
    plain = network((PROBLEMS / "residual.yaml").read_text(encoding="utf-8"))
    long = [e for e in plain.edges if plain.units[e.end].column - plain.units[e.start].column > 1]
    assert len(long) == 4
    assert all(edge.plain and not edge.text for edge in long)
    weighted = network((PROBLEMS / "skip-connection.yaml").read_text(encoding="utf-8"))
    (skip,) = (e for e in weighted.edges
               if weighted.units[e.end].column - weighted.units[e.start].column > 1)  # fmt: skip
    assert (skip.text, skip.plain) == ("3", False)
    assert "skips layers: H¹₁ to Ŷ₁, times 3" in drawn(PROBLEMS / "skip-connection.yaml")


@pytest.mark.parametrize("stem", LAYERS)
def test_no_label_lies_on_another_and_no_unit_on_a_unit(stem: str) -> None:
    found = network((PROBLEMS / f"{stem}.yaml").read_text(encoding="utf-8"))
    places = placed(found, Scale(190, 72, 7.6, 17))
    assert len(set(places.middles)) == len(found.units)
    labels = [
        (at, len(edge.text)) for edge, at in zip(found.edges, places.labels, strict=True) if at
    ]
    for (one, wide), (other, width) in combinations(labels, 2):
        apart = abs(one[0] - other[0]) >= 7.6 * (wide + width) / 2 or abs(one[1] - other[1]) >= 14
        assert apart, (stem, one, other)


@pytest.mark.parametrize("stem", LAYERS)
def test_svg_has_a_circle_for_each_unit_and_a_line_for_each_edge(stem: str, tmp_path: Path) -> None:
    path = PROBLEMS / f"{stem}.yaml"
    drawn(path, "-o", tmp_path / "n.svg")
    root = ET.fromstring((tmp_path / "n.svg").read_text(encoding="utf-8"))  # noqa: S314  # our own
    found = network(path.read_text(encoding="utf-8"))
    tags = [each.tag.partition("}")[2] for each in root.iter()]
    assert tags.count("circle") == len(found.units)
    assert tags.count("path") == len(found.edges)
    texts = "".join(root.itertext())
    assert all(unit.text in texts for unit in found.units)


@pytest.mark.parametrize("stem", LAYERS)
def test_all_of_the_picture_lies_on_its_paper(stem: str, tmp_path: Path) -> None:
    """Every circle whole and every word, all moved by the margin."""
    drawn(PROBLEMS / f"{stem}.yaml", "-o", tmp_path / "n.svg")
    root = ET.fromstring((tmp_path / "n.svg").read_text(encoding="utf-8"))  # noqa: S314  # our own
    wide, high = (float(number) for number in root.attrib["viewBox"].split()[2:])
    moved = next(each for each in root if each.tag.endswith("}g")).attrib["transform"]
    right, down = map(float, re.findall(r"[\d.]+", moved))
    for each in root.iter():
        if each.tag.endswith(("}circle", "}text")):
            at = {name.removeprefix("c"): value for name, value in each.attrib.items()}
            x, y, r = float(at["x"]) + right, float(at["y"]) + down, float(at.get("r", 0))
            assert r <= x <= wide - r
            assert r <= y <= high - r


@pytest.mark.parametrize("words", [(), ("--ascii",)])
def test_on_a_terminal_every_name_and_weight_is_there(words: tuple[str, ...]) -> None:
    text = drawn(PROBLEMS / "sigmoid-softmax.yaml", "--width", 80, *words)
    assert max(map(len, text.splitlines())) <= 80
    assert text.isascii() == bool(words)
    weights = [1, -6, 3, 4, 6, 5, -1, -2, 2, 4, 3, 3]
    shown = [int(n) for n in re.findall(r"(?<=\s)-?\d+(?=\s)", text.replace("−", "-"))]
    assert sorted(shown) == sorted(weights)
    for name in ("X[1]", "H1[2]", "Yhat[2]") if words else ("x₁", "H¹₂", "Ŷ₂"):
        assert f"({name})" in text


def test_letters_and_large_layers() -> None:
    letters = drawn(PROBLEMS / "letters" / "relu-softmax.yaml")
    assert all(part in letters for part in ("(x_N)", "(H¹_N₁)", "W¹[N,N₁]", "⋮"))
    many = network(
        f"x: {list(range(12))}\nlayers:\n  - {{weights: [{list(range(12))}], bias: [1]}}\n"
    )
    assert [unit.text for unit in many.units if unit.column == 0] == [
        "1",
        "x₁",
        "x₂",
        "x₃",
        "⋮",
        "x₁₂",
    ]
    assert {edge.text for edge in many.edges if many.units[edge.start].kind == "input"} == {""}
    assert many.notes == ("the weights of these edges are W¹",)


def test_what_is_no_network_is_refused() -> None:
    done = CliRunner().invoke(main, ["draw", "--network", str(PROBLEMS / "recurrent.yaml")])
    assert done.exit_code == 2
    assert "without --network" in done.stderr
    narrow = ["draw", "--network", str(PROBLEMS / "residual.yaml"), "--width", "40"]
    done = CliRunner().invoke(main, narrow)
    assert done.exit_code == 2
    assert "--width 160" in done.stderr


def test_where_two_weights_would_meet_on_a_terminal_none_is_written(tmp_path: Path) -> None:
    weights = [[round(0.11 * (i + j + 1), 2) for j in range(4)] for i in range(4)]
    path = tmp_path / "crowded.yaml"
    path.write_text(
        f"x: [1, 2, 3, 4]\nlayers: [{{weights: {weights}}}, {{weights: {weights}}},"
        f" {{weights: {weights}}}]\n",
        encoding="utf-8",
    )
    narrow = drawn(path, "--width", 70)
    assert "no room for the weights" in narrow
    assert "0.11" not in narrow
    assert "0.11" in drawn(path, "--width", 200)


_POINT = r"\(([\d.-]+),([\d.-]+)\)"
_CURVE = re.compile(rf"\\qbezier(?:\[\d+\])?{_POINT}{_POINT}{_POINT}")
_WEIGHT = re.compile(rf"\\put{_POINT}\{{\\makebox\(0,0\)\{{\\scriptsize \$(.*)\$")


@pytest.mark.parametrize("stem", LAYERS)
def test_in_latex_no_line_goes_through_a_weight(stem: str) -> None:
    lines = list(network_latex(network((PROBLEMS / f"{stem}.yaml").read_text(encoding="utf-8"))))
    curves = [found.groups() for line in lines if (found := _CURVE.match(line))]
    weights = [found.groups() for line in lines if (found := _WEIGHT.match(line))]
    assert weights
    assert len(curves) > len(weights)  # an edge begins before its weight and goes on behind it
    shares = np.linspace(0, 1, 60)[:, None]
    for curve in curves:
        start, bend, end = np.array(curve, dtype=float).reshape(3, 2)
        points = (1 - shares) ** 2 * start + 2 * shares * (1 - shares) * bend + shares**2 * end
        for across, up, text in weights:
            near = np.abs(points - [float(across), float(up)]) < [0.5 * len(text), 0.9]
            assert not near.all(axis=1).any(), text

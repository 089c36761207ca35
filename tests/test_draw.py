"""`backprop draw`: every quantity and edge is there, boxes never overlap, SVG is well-formed."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import combinations, pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner
from oracles import networks

from backprop_cli.cli import main
from backprop_cli.document.view import View
from backprop_cli.drawing import graph_svg
from backprop_cli.drawing.graph import Graph, graph, layered
from backprop_cli.drawing.graph_text import Canvas
from backprop_cli.problem.problem_file import Source
from backprop_cli.solving.loading import loaded
from backprop_cli.solving.solution import solve
from backprop_cli.trace import Trace

FOLDER = Path(__file__).parent.parent / "problems"
PROBLEMS = [path for path in sorted(FOLDER.glob("*.yaml")) if path.stem != "given-gradients"]
SVG = "{http://www.w3.org/2000/svg}"
SHARED = """
values: {h0: 0, w: 0.5, x: [1, 2]}
equations:
  - h1 = tanh(w * h0 + x[1])
  - h2 = tanh(w * h1 + x[2])
  - L = (h2 - 1)^2
train: [w]
"""


def draw(*arguments: str) -> str:
    result = CliRunner().invoke(main, ["draw", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def trace_of(text: str) -> Trace:
    return solve(loaded(Source("problem.yaml", text.encode())).model).trace


def graph_of(path: Path) -> Graph:
    problem = loaded(Source(path.name, path.read_bytes())).model.problem
    view = View(notation=problem.notation, layers=problem.layers is not None)
    return graph(trace_of(path.read_text(encoding="utf-8")), view)


# What is drawn -----------------------------------------------------------------------------------


def test_shared_weights_are_one_vertex_with_an_edge_for_each_use() -> None:
    found = graph(trace_of(SHARED), View(layers=False))
    assert [vertex.id for vertex in found.vertices].count("w") == 1
    assert [edge for edge in found.edges if edge[0] == "w"] == [("w", "h1"), ("w", "h2")]


def test_skip_connections_are_edges() -> None:
    assert ("H1", "Z3") in graph_of(FOLDER / "skip-connection.yaml").edges


def test_parameters_data_and_gradients() -> None:
    found = {vertex.id: vertex for vertex in graph_of(FOLDER / "sigmoid-softmax.yaml").vertices}
    assert found["W1"].kind == "parameter"
    assert found["X"].kind == "data"
    assert found["L"].kind == "result"
    assert found["W2"].gradient_lines == ("∂L/∂W² =", "0.6154 −0.6154", "0.3133 −0.3133")
    assert found["Y"].gradient_lines == ()
    assert found["H1"].value == ("0.9820 0.5000",)


def test_large_values_are_shortened(tmp_path: Path) -> None:
    path = tmp_path / "problem.yaml"
    numbers = ", ".join(["0.123456"] * 200)
    path.write_text(f"values: {{x: [{numbers}]}}\nequations:\n  - f = sum(x^2)\n", encoding="utf-8")
    assert max(map(len, draw(str(path)).splitlines())) < 60


def test_in_letters_shapes_stand_for_values() -> None:
    path = str(FOLDER / "letters" / "minibatch-relu.yaml")
    boxes = draw(path)
    assert "│ W¹ (parameter) │" in boxes
    assert "(Nₕ×Nᵢ)" in boxes
    assert "∂L/∂W¹" in boxes
    texts = [
        "".join(node.itertext())
        for node in ET.fromstring(draw(path, "--format", "svg")).iter(f"{SVG}text")  # noqa: S314
    ]
    assert any("W¹" in text and "(Nₕ×Nᵢ)" in text for text in texts)


def test_a_gradient_that_fits_is_whole() -> None:
    found = {vertex.id: vertex for vertex in graph_of(FOLDER / "minibatch-tanh.yaml").vertices}
    (line,) = found["b1"].gradient_lines
    assert re.fullmatch(r"∂L/∂b¹ = 0\.2909 −?0\.\d{4} −0\.1619", line)


# In the terminal ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PROBLEMS, ids=lambda path: path.stem)
def test_in_the_terminal_everything_is_there(path: Path) -> None:
    wide, narrow = draw(str(path), "--width", "300"), draw(str(path), "--width", "60")
    for vertex in graph_of(path).vertices:
        assert vertex.title.partition(" = ")[0] in wide
        assert vertex.title.partition(" = ")[0] in narrow
    arrows = len(set(graph_of(path).edges))
    assert wide.count("▼") == arrows


def test_as_drawn() -> None:
    result = CliRunner().invoke(main, ["draw", "-", "--width", "80"], input=SHARED)
    assert result.stdout == EXPECTED


EXPECTED = """\
               ┌─────────────────┐
┌───────────┐  │ w (parameter)   │  ┌──────────┐
│ h₀ (data) │  │ 0.5             │  │ x (data) │
│ 0         │  │ ∂L/∂w = −0.0009 │  │ 1 2      │
└─────┬─────┘  └────────┬────────┘  └─────┬────┘
      │                 │                 │
      │                 │ ┌─────────────┬─┘
      │                 ├─┼───────┐     │
      ▼                 ▼ ▼       │     │
     ┌────────────────────────┐   │     │
     │ h₁ = tanh(w · h₀ + x₁) │   │     │
     │ 0.7616                 │   │     │
     │ ∂L/∂h₁ = −0.0006       │   │     │
     └────────────┬───────────┘   │     │
                  │               │     │
                  └──────┐        │     │
                         ▼        ▼     ▼
                  ┌────────────────────────┐
                  │ h₂ = tanh(w · h₁ + x₂) │
                  │ 0.9830                 │
                  │ ∂L/∂h₂ = −0.0339       │
                  └────────────┬───────────┘
                               │
                               ▼
                       ┌───────────────┐
                       │ L = (h₂ − 1)² │
                       │ 0.0003        │
                       └───────────────┘
"""


def test_ascii_is_ascii() -> None:
    for width in ("300", "60"):
        assert draw(str(PROBLEMS[0]), "--ascii", "--width", width).isascii()


def test_where_it_is_too_wide_a_list() -> None:
    text = draw(str(FOLDER / "lstm-cell.yaml"), "--width", "80")
    assert "▼" not in text
    assert "← W_f, u, b_f" in text
    assert max(map(len, text.splitlines())) <= 80


def test_lines_that_meet_are_joined() -> None:
    canvas = Canvas(ascii=False)
    canvas.vertical(2, 0, 2)
    canvas.horizontal(1, 0, 4)
    assert ["".join(text for text, _ in line) for line in canvas.lines()] == ["  ╷", "╶─┼─╴", "  ╵"]


# As a picture ------------------------------------------------------------------------------------


@pytest.mark.parametrize("graphviz", [True, False])
@pytest.mark.parametrize("path", PROBLEMS, ids=lambda path: path.stem)
def test_pictures(path: Path, graphviz: bool) -> None:
    found = graph_of(path)
    root = ET.fromstring(graph_svg.svg(found, graphviz=graphviz))  # noqa: S314  # our own
    texts = ["".join(node.itertext()) for node in root.iter(f"{SVG}text")]
    for vertex in found.vertices:
        assert any(text.startswith(vertex.title) for text in texts)
    edges = [node for node in root.iter(f"{SVG}path") if node.get("marker-end")]
    assert len(edges) == len(set(found.edges))
    assert not boxes_that_overlap(root)


def boxes_that_overlap(root: ET.Element) -> list[tuple[int, int]]:
    boxes = [
        tuple(float(str(node.get(key))) for key in ("x", "y", "width", "height"))
        for node in root.iter(f"{SVG}rect")
        if node.get("style") is None and node.get("width") != "16"
    ]
    return [
        (i, j)
        for (i, (x, y, w, h)), (j, (u, v, s, t)) in combinations(enumerate(boxes), 2)
        if x < u + s and u < x + w and y < v + t and v < y + h
    ]


def test_a_file_that_ends_in_svg_is_one(tmp_path: Path) -> None:
    draw(str(PROBLEMS[0]), "-o", str(tmp_path / "graph.svg"))
    assert (tmp_path / "graph.svg").read_text(encoding="utf-8").startswith("<svg ")
    draw(str(PROBLEMS[0]), "-o", str(tmp_path / "graph.txt"))
    assert "<svg" not in (tmp_path / "graph.txt").read_text(encoding="utf-8")


def test_a_picture_fetches_nothing_and_escapes(tmp_path: Path) -> None:
    path = tmp_path / "problem.yaml"
    text = 'title: "<script>&"\nvalues: {x: 2}\nequations:\n  - f = max(x, 1)\n'
    path.write_text(text, encoding="utf-8")
    source = draw(str(path), "--format", "svg")
    assert "<script" not in source
    assert "href" not in source
    assert "url(#arrow)" in source
    assert source.count("://") == 1  # the namespace


def test_without_graphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert graph_svg.positions([(10, 10)], []) is None
    assert draw(str(PROBLEMS[0]), "--format", "svg").startswith("<svg ")


def test_a_failing_graphviz_is_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "dot"
    program.write_text("#!/bin/sh\necho graph\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setattr("shutil.which", lambda name: str(program))
    assert graph_svg.positions([(10, 10)], []) is None


def test_nothing_to_draw_is_said() -> None:
    result = CliRunner().invoke(main, ["draw", str(FOLDER / "given-gradients.yaml")])
    assert result.exit_code == 2
    assert "nothing to draw" in result.stderr


# Places ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(10))
def test_layers_go_forward_and_nothing_overlaps(seed: int) -> None:
    found = graph(trace_of(networks.draw(seed).text), View())
    sizes = {vertex.id: 10.0 + 7 * (number % 3) for number, vertex in enumerate(found.vertices)}
    places = layered(sizes, found.edges, 2.0)
    layer_of = {id: number for number, layer in enumerate(places.layers) for id in layer}
    assert layer_of.keys() == sizes.keys()
    assert all(layer_of[start] < layer_of[end] for start, end in found.edges)
    for layer in places.layers:
        for one, other in pairwise(sorted(layer, key=lambda id: places.across[id])):
            apart = places.across[other] - places.across[one]
            assert apart >= (sizes[one] + sizes[other]) / 2 + 2 - 1e-6
    passing = [place - 1 / 2 for route in places.routes.values() for place in route[1:-1]]
    left = min(*(places.across[id] - sizes[id] / 2 for id in sizes), *passing)
    assert left == pytest.approx(0)  # neither cut off nor with an empty margin


BOTH_WAYS = """shapes: {x: [T, d], h_0: [n], g_0: [m], U: [n, d], W: [n, n], A: [m, d], B: [m, m],
  V: [k, n], R: [k, m], y: [T, k]}
equations:
  - for t in 1..T:
      - h_t = tanh(U @ x[t] + W @ h_{t-1})
  - g_{T+1} = tanh(g_0)
  - for t in T..1:
      - g_t = tanh(A @ x[t] + B @ g_{t+1})
  - for t in 1..T:
      - o_t = V @ h_t + R @ g_t
  - L = sum(t in 1..T, half_squared_error(o_t, y[t]))
"""


def test_of_any_number_of_steps_the_ends_and_two_neighbours_are_drawn() -> None:
    found = CliRunner().invoke(main, ["draw", "-", "--format", "text"], input=BOTH_WAYS)
    assert found.exit_code == 0, found.output
    used = dict(
        re.findall(r"^  ([^\s=]+(?: [hg]\S+)?)(?: = .*)?  ← (.*)$", found.output, re.MULTILINE)
    )
    assert {name: each for name, each in used.items() if name[0] in "h…gL"} == {
        "h₁": "U, x, W, h₀",
        "… hₜ₋₂": "h₁",
        "hₜ₋₁": "U, x, W, … hₜ₋₂",
        "hₜ": "U, x, W, hₜ₋₁",
        "… h[T−1]": "hₜ",
        "h_T": "U, x, W, … h[T−1]",
        "g[T+1]": "g₀",
        "g_T": "A, x, B, g[T+1]",
        "… gₜ₊₁": "g_T",
        "gₜ": "A, x, B, … gₜ₊₁",
        "gₜ₋₁": "A, x, B, gₜ",
        "… g₂": "gₜ₋₁",
        "g₁": "A, x, B, … g₂",
        "L": "o₁, oₜ₋₁, oₜ, o_T, y",
    }
    assert used["o_T"] == "V, h_T, R, g_T"
    for form in ("svg", "text"):
        drawn = CliRunner().invoke(main, ["draw", "-", "--format", form], input=BOTH_WAYS).output
        assert not re.search(
            "[hgo][₂-₄](?! )|[hgo]₃", drawn.replace("B g₂", "").replace("… g₂", "")
        )

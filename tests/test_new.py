"""Problems made from a sketch or from labelled points: loadable, lint-clean, the same for ever."""

from __future__ import annotations

from fractions import Fraction
from hashlib import sha256
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import yaml
from classes import grader_of
from click.testing import CliRunner, Result

from backprop_cli.classroom.separating import MOST_HIDDEN, Point, cuts, separated, threshold
from backprop_cli.cli import main
from backprop_cli.grading.lint.findings import lint

ANY_NUMBERS = ("equivalent", "square")


def invoke(*words: object) -> Result:
    return CliRunner().invoke(main, ["new", *map(str, words)])


# From a sketch ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        "4-3-2 --activation relu --output softmax --loss cross-entropy --batch 3",
        "4-3-2 --numbers whole --seed 2",
        "3-4-2-1 --activation tanh,sigmoid --numbers random",
        "3-2 --loss mean-squared-error",
        "3-4-2 --output linear --loss cross-entropy-with-logits --activation silu",
        "2-3-1 --output tanh --loss hinge --batch 2",
        "3-2-4 --output step",
        "1-1-1",
        "2-1-1-1",
        "3-2-1 --affine 'W^T x + b' --bias first --indices 0 --activation leaky-relu",
        "4-3-2 --affine 'x W + b' --bias last --output-gradient fused --batch 2",
        "3-4-2 --affine 'x W^T + b' --loss huber --activation elu",
    ],
)
def test_lint_finds_nothing_wrong_with_a_new_problem(words: str) -> None:
    done = CliRunner().invoke(main, f"new {words}")
    assert done.exit_code == 0, done.stderr
    assert not [one for one in lint(grader_of(done.stdout)) if one.kind != "equivalent"]
    assert done.stdout == CliRunner().invoke(main, f"new {words}").stdout
    sizes = [int(size) for size in words.split(maxsplit=1)[0].split("-")]
    said = yaml.safe_load(done.stdout)
    assert len(said["layers"]) == len(sizes) - 1
    first = np.array(said["x"], ndmin=2)
    assert first.shape[1] == sizes[0]


def test_one_rectified_number_is_no_exercise() -> None:
    """It is on or off; several are on in some places and off in others."""
    for sketch, batch, usual in (("2-1-1", 1, "tanh"), ("2-1-1", 3, "relu"), ("2-3-1", 1, "relu")):
        made = invoke(sketch, "--batch", batch)
        assert yaml.safe_load(made.stdout)["layers"][0]["activation"] == usual
        assert invoke(sketch, "--batch", batch, "--activation", usual).stdout == made.stdout


@pytest.mark.parametrize("sketch", ["3-2-2", "2-2-2"])
@pytest.mark.parametrize("seed", [1, 3])
def test_whole_numbers_are_found_where_few_will_do(sketch: str, seed: int) -> None:
    done = invoke(sketch, "--numbers", "whole", "--seed", seed)
    assert done.exit_code == 0, done.stderr
    assert {one.kind for one in lint(grader_of(done.stdout))} <= {*ANY_NUMBERS}


def test_numbers_are_those_of_the_hash() -> None:
    """The first input of the first set of numbers that is tried, by SHA-256 alone."""
    done = invoke("3-2-4", "--output", "step", "--seed", 5)
    tenths = [number / 10 for number in range(-20, 21) if number]
    typed = yaml.safe_load(done.stdout)["x"][0]

    def drawn(attempt: int) -> float:
        key = f"new\x005\x003-2-4\x00('relu', 'step')\x00tenths\x00{attempt}\x00x 0 0"
        return tenths[int.from_bytes(sha256(key.encode()).digest()[:8], "big") % 40]

    assert typed in [drawn(attempt) for attempt in range(20)]


@pytest.mark.parametrize(("kind", "decimals"), [("whole", 0), ("tenths", 1), ("random", 3)])
def test_kinds_of_numbers(kind: str, decimals: int) -> None:
    said = yaml.safe_load(invoke("3-4-2", "--numbers", kind).stdout)
    weights = [number for layer in said["layers"] for row in layer["weights"] for number in row]
    texts = [str(number).partition(".")[2] for number in (*said["x"], *weights)]
    assert max(map(len, texts)) == decimals


def test_two_samples_are_of_two_classes() -> None:
    for seed in range(1, 5):
        said = yaml.safe_load(invoke("3-2", "--batch", 2, "--seed", seed).stdout)
        assert said["y"][0] != said["y"][1]


def test_a_square_matrix_is_told_and_nothing_else_is_there() -> None:
    done = invoke("3-2-2")
    assert "W2 is square" in done.stderr
    assert {one.kind for one in lint(grader_of(done.stdout))} <= set(ANY_NUMBERS)


@pytest.mark.parametrize(
    ("words", "message", "instead"),
    [
        (("4",), "inputs and at least one layer", "4-3-2"),
        (("4-",), "a size is missing", "4-3-2"),
        (("4-0-2",), "at least one unit", "4-3-2"),
        (("4,3,2",), "hyphens", "4-3-2"),
        (("N-K",), "in letters a problem has no numbers", "units"),
        (("300-300-2",), "91204 numbers", "fewer units"),
        (("3-2-1", "--output", "softmax"), "always 1", "--output sigmoid"),
        (("3-2-2", "--output", "linear", "--loss", "cross-entropy"), "softmax", "--output softmax"),
        (("3-2", "--output", "relu", "--loss", "hinge"), "-1 and 1", "--output linear"),
        (("3-2", "--output", "step", "--loss", "squared-error"), "is 0", "--loss none"),
        (("3-2-1", "--activation", "reul"), "`reul` is not an activation", "--activation relu"),
        (("3-2-1", "--activation", "relu,tanh"), "2 activations", "one name"),
        (("3-2-1", "--learning-rate", "0"), "above 0", "--learning-rate 0.1"),
        ((), "says what to write", "backprop new 4-3-2"),
        (("3-2", "--letters"), "--letters belongs to --separate", "leave out"),
        (("2-3-1", "--loss", "cross-entropy-with-logits"), "always 1", "two outputs or more"),
    ],
)
def test_a_wrong_sketch_is_told_with_what_to_write(
    words: tuple[str, ...], message: str, instead: str
) -> None:
    done = invoke(*words)
    assert done.exit_code == 2
    assert done.stdout == ""
    said = " ".join(done.stderr.split())
    assert message in said
    assert instead in said


def test_a_file_that_is_there_is_spared(tmp_path: Path) -> None:
    file = tmp_path / "net.yaml"
    assert invoke("3-2", "-o", file).exit_code == 0
    before = file.read_bytes()
    assert invoke("3-2", "--seed", 2, "-o", file).exit_code == 2
    assert file.read_bytes() == before
    assert invoke("3-2", "--seed", 2, "--force", "-o", file).exit_code == 0
    assert file.read_bytes() != before


# From labelled points -----------------------------------------------------------------------------


def exact(points: list[tuple[float, ...]]) -> list[Point]:
    return [tuple(Fraction(repr(float(value))) for value in point) for point in points]


@pytest.mark.parametrize("count", [3, 5, 8])
def test_all_cuts_are_found(count: int) -> None:
    """Of n points in general position there are n(n - 1)/2, without which side is which.

    So many linear dichotomies there are by Cover (1965), less the two that part nothing.
    """
    points = exact([(n, n * n + 0.1 * n) for n in range(count)])
    found = cuts(points)
    assert len(found) == count * (count - 1) // 2
    for cut in found:
        for n, point in enumerate(points):
            height = sum(w * x for w, x in zip(cut.weights, point, strict=True)) + cut.bias
            assert height != 0
            assert (height > 0) == bool(cut.on >> n & 1)


@pytest.mark.parametrize(("inputs", "functions"), [(1, 4), (2, 14), (3, 104)])
def test_the_weights_tried_give_every_threshold_function(inputs: int, functions: int) -> None:
    """So many Boolean functions of so many variables are threshold functions (OEIS A000609)."""
    corners = list(product((0, 1), repeat=inputs))
    found = 2  # those that are 0 or 1 everywhere
    for values in product((0, 1), repeat=len(corners)):
        ones = frozenset(c for c, value in zip(corners, values, strict=True) if value)
        if 0 < len(ones) < len(corners):
            found += threshold(ones, frozenset(corners) - ones) is not None
    assert found == functions


@pytest.mark.parametrize(
    ("points", "labels", "hidden"),
    [
        ([(0, 0), (0, 1), (1, 0), (1, 1)], [0, 0, 0, 1], 0),
        ([(0, 0), (0, 1), (1, 0), (1, 1)], [0, 1, 1, 0], 2),
        ([(0,), (1,), (2,), (3,)], [0, 1, 0, 1], 3),
        ([(0,), (1,), (3,), (5,)], [0, 0, 1, 0], 2),
        # around a hexagon 0 and 1 take turns: a line goes through two of the six gaps, so three
        ([(0, 4), (3, 2), (3, -2), (0, -4), (-3, -2), (-3, 2)], [0, 1, 0, 1, 0, 1], 3),
        # two parallel lines cut out any single point
        ([(0, 0), (0, 3), (3, -2), (-3, -2), (0, -4)], [1, 0, 0, 0, 0], 2),
    ],
)
def test_the_fewest_units_that_do_it(
    points: list[tuple[float, ...]], labels: list[int], hidden: int
) -> None:
    found = separated(exact(points), labels)
    assert found is not None
    assert (len(found.hidden) if len(found.hidden) > 1 else 0) == hidden


@pytest.mark.parametrize("again", [(0, 0), (1, 1), (0, 1)])
def test_a_point_given_twice_is_one_point(again: tuple[int, int]) -> None:
    corners: list[tuple[float, ...]] = [(0, 0), (0, 1), (1, 0), (1, 1)]
    once = separated(exact(corners), [0, 1, 1, 0])
    label = (again[0] + again[1]) % 2
    twice = separated(exact([*corners, again]), [0, 1, 1, 0, label])
    assert once is not None
    assert twice is not None
    assert len(twice.hidden) == len(once.hidden) == 2


def test_points_that_alternate_too_often_have_no_network() -> None:
    points = exact([(n,) for n in range(MOST_HIDDEN + 2)])
    labels = [n % 2 for n in range(MOST_HIDDEN + 2)]
    assert separated(points, labels) is None
    assert separated(points[:-1], labels[:-1]) is not None


@pytest.mark.parametrize("seed", range(6))
def test_a_written_network_gives_every_point_its_label(tmp_path: Path, seed: int) -> None:
    """The file is evaluated in plain NumPy."""
    rng = np.random.default_rng(seed)
    points = (rng.integers(-20, 21, (7, 2)) / 10).tolist()
    labels = [0, 1, *rng.integers(0, 2, 5).tolist()]
    file = tmp_path / "points.yaml"
    file.write_text(f"x: {points}\ny: {labels}\n")
    done = invoke("--separate", file)
    assert done.exit_code == 0, done.stderr
    said = yaml.safe_load(done.stdout)
    out = np.array(said["x"])
    for layer in said["layers"]:
        out = (out @ np.array(layer["weights"], float).T + np.array(layer["bias"]) >= 0) * 1
    assert out.ravel().tolist() == labels


def test_letters_leave_the_inputs_free(tmp_path: Path) -> None:
    file = tmp_path / "points.yaml"
    file.write_text("x: [0, 1, 3, 5]\ny: [0, 0, 1, 0]\n")
    done = invoke("--separate", file, "--letters")
    assert yaml.safe_load(done.stdout)["x"] == ["x"]
    shown = CliRunner().invoke(main, ["solve", "-"], input=done.stdout)
    assert "where 2 ≤ x < 4" in shown.stdout


def test_what_says_nothing_of_points_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "points.yaml"
    file.write_text("x: [0, 1]\ny: [0, 1]\n")
    done = invoke("--separate", file, "--activation", "tanh", "--batch", "3")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "--activation and --batch belong to a sketch" in done.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("y: [0, 1]", "`x` is missing"),
        ("x: [[1, 2, 3], [1, 2, 4]]\ny: [0, 1]", "3 inputs"),
        ("x: [1, 2]\ny: [0, 2]", "a label is 0 or 1"),
        ("x: [1, 2]\ny: [0, 1, 1]", "2 points and 3 labels"),
        ("x: [1, 2]\ny: [1, 1]", "nothing to tell apart"),
        ("x: [1, 1]\ny: [0, 1]", "(1) has both labels"),
        (
            "x: [[2, 1.0e+9], [1, 0], [1, 1.0e-9], [-1, 1.0e+9], [1.0e-9, -1]]\ny: [1, 1, 0, 0, 0]",
            "too close together",
        ),
        ("x: [a, 1]\ny: [0, 1]", "`a`"),
        ("x: [0, 1, 2, 3, 4, 5, 6]\ny: [0, 1, 0, 1, 0, 1, 0]", "no network of up to 5"),
    ],
)
def test_what_cannot_be_told_apart_is_said(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "points.yaml"
    file.write_text(text + "\n")
    done = invoke("--separate", file)
    assert (done.exit_code, done.stdout) == (2, "")
    assert message in " ".join(done.stderr.split())

"""The exercise as it is handed out: all that is given and asked, and nothing of the solution."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from classes import PROBLEMS, grader_of
from click.testing import CliRunner

from backprop_cli.cli import main
from backprop_cli.problem.problem_file import read_source
from backprop_cli.solving.loading import loaded

ALL = sorted(PROBLEMS.glob("*.yaml"))
FOLDERS = ("norms", "attention", "models", "regression", "words", "time")
ALL += [path for name in FOLDERS for path in sorted((PROBLEMS / name).glob("*.yaml"))]
IN_LETTERS = [*sorted(PROBLEMS.glob("letters/*.yaml")), *sorted(PROBLEMS.glob("functions/*.yaml"))]
FORMATS = ("text", "markdown", "latex", "html")
_NUMBER = re.compile(r"(?<![\w.])\d*\.?\d+(?:e-?\d+)?")


@cache
def handout(path: Path, form: str, *words: str) -> str:
    done = CliRunner().invoke(main, ["handout", str(path), "--format", form, *words])
    assert done.exit_code == 0, done.output
    return done.stdout


def numbers_in(text: str) -> set[str]:
    """Every number that is written somewhere, without its sign."""
    plain = re.sub(
        r"<style>.*?</style>|\\documentclass.*?\\begin{document}", " ", text, flags=re.DOTALL
    )
    plain = re.sub(
        r"<svg.*?</svg>|\\begin{picture}.*?\\end{picture}", _labels, plain, flags=re.DOTALL
    )
    return set(_NUMBER.findall(plain))


def _labels(found: re.Match[str]) -> str:
    """What is written in a picture, without where its parts are."""
    return " ".join(re.findall(r">([^<>]+)</text>|makebox\(0,0\){([^\n]*)}}", found[0]).__str__())


def worked_out(text: str) -> Iterator[str]:
    """Every value that has to be worked out, as it might be printed, where it is no short number.

    A short one, such as 2 or 0.5, may well stand there for something else.
    """
    grader = grader_of(text)
    given = {f"{abs(v):.6g}" for one in grader.model.given.values() for v in one.value.flat}
    for name, value in grader.key.truth.items():
        if name in grader.key.given:
            continue
        for number in np.abs(np.asarray(value, float)).flat:
            if np.isfinite(number) and f"{number:.6g}" not in given:
                for digits in (2, 3, 4, 5, 6):
                    shown = f"{number:.{digits}f}"
                    if len(shown.strip("0").replace(".", "")) >= 3:
                        yield shown


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_no_value_that_has_to_be_worked_out_is_there(path: Path, form: str) -> None:
    text = path.read_text(encoding="utf-8")
    stated = set(_NUMBER.findall(text))
    shown = numbers_in(handout(path, form))
    assert not (set(worked_out(text)) - stated) & shown


def test_the_search_would_find_a_value() -> None:
    """In the solution it finds nearly all of them."""
    path = PROBLEMS / "sigmoid-softmax.yaml"
    solution = CliRunner().invoke(main, ["solve", str(path)]).stdout
    found = set(worked_out(path.read_text(encoding="utf-8"))) & numbers_in(solution)
    assert len(found) > 15


@pytest.mark.parametrize("form", FORMATS)
def test_all_that_is_asked_is_there_in_order(form: str) -> None:
    path = PROBLEMS / "batch-columns.yaml"
    grader = grader_of(path.read_text(encoding="utf-8"))
    text = handout(path, form)
    points = [float(found) for found in re.findall(r"([\d.]+) points?\b(?! in all)", text)]
    assert points == [question.points for question in grader.questions]
    assert f"{grader.most:g} points in all" in text
    blanks = sum(
        1 if question.index is not None else grader.key.truth[question.name].size
        for question in grader.questions
    )
    text = text.partition("Asked")[2]
    assert len(re.findall(r"\\underline|(?<!_)_{8}(?!_)", text)) == blanks


@pytest.mark.parametrize("form", FORMATS)
def test_it_has_a_line_for_the_name_and_says_whose_the_numbers_are(
    form: str, tmp_path: Path
) -> None:
    path = PROBLEMS / "circuit.yaml"
    assert "numbers of" not in handout(path, form)
    done = CliRunner().invoke(
        main, ["vary", str(PROBLEMS / "circuit.yaml"), "--count", "1", "-o", str(tmp_path)]
    )
    assert done.exit_code == 0, done.output
    own = tmp_path / "1.yaml"
    assert re.search(r"Name: \W*(?:(?:\\?_){20}|underline).*numbers of 1\b", handout(own, form))


def test_a_shape_is_said_where_no_boxes_show_it(tmp_path: Path) -> None:
    """And no number stands at the margin, where others have the points."""
    wide = tmp_path / "p.yaml"
    wide.write_text(f"values: {{x: {[1] * 70}}}\nequations:\n  - z = 2 * x\n  - L = sum(z)\n")
    text = handout(wide, "text").partition("Asked")[2]
    assert re.search(r"1  z  .*a vector of 70, 1 point$", text, re.MULTILINE)
    assert not re.search(r"\(\d+(?:×\d+)?\)$", text, re.MULTILINE)


def test_every_number_that_is_given_is_there() -> None:
    path = PROBLEMS / "sigmoid-softmax.yaml"
    shown = [float(n) for n in numbers_in(handout(path, "text"))]
    for one in loaded(read_source(path)).model.given.values():
        assert all(abs(number) in shown for number in one.value.flat)


@pytest.mark.parametrize("path", IN_LETTERS, ids=lambda path: path.stem)
def test_problems_in_letters_are_handed_out_too(path: Path) -> None:
    text = handout(path, "text")
    assert "Asked" in text
    assert "0.5000" not in text


def test_letters_stand_where_inputs_are_free() -> None:
    text = handout(PROBLEMS / "functions" / "threshold-triangle.yaml", "text")
    given = text.partition("Given")[2].partition("The model")[0]
    assert "x₁" in given
    assert "x₂" in given


def test_room_is_left_as_it_is_asked_for() -> None:
    path = PROBLEMS / "sigmoid-softmax.yaml"
    text = [handout(path, "text", "--room", str(room)).count("\n") for room in (1, 6)]
    assert text[1] - text[0] == 5 * 18


def test_notes_of_the_file_are_left_out() -> None:
    path = PROBLEMS / "threshold-points.yaml"
    assert "published table" not in handout(path, "text")


WIDE = """
x: [[1.25, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13.125, 14, 15, 16, 17, 18, 19, 20.5]]
layers:
  - weights: [[1.5, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12.75, 13, 14, 15, 16, 17, 18, 19, 21.5]]
loss: none
"""


@pytest.mark.parametrize("form", FORMATS)
def test_nothing_that_is_given_is_left_out(form: str, tmp_path: Path) -> None:
    path = tmp_path / "wide.yaml"
    path.write_text(WIDE, encoding="utf-8")
    written = {float(number) for number in numbers_in(handout(path, form))}
    assert written >= {1.25, 13.125, 20.5, 1.5, 12.75, 21.5, *map(float, range(2, 20))}


@pytest.mark.parametrize("form", FORMATS)
def test_any_number_of_steps_is_handed_out_in_its_letter(form: str) -> None:
    text = handout(PROBLEMS / "letters" / "through-time.yaml", form)
    asked = text[text.rindex("Asked") :]
    step = {"text": "zₜ", "markdown": "zₜ", "latex": "z_{t}", "html": "<mi>z</mi><mi>t</mi>"}
    assert step[form] in asked.replace('mathvariant="normal"', "")
    assert not re.search(r"[zhop](?:_\{?|</mi><mn>|<sub>)[1-4]|[zhop][₁-₄]", asked)


def test_what_is_asked_of_steps_may_have_their_letter(tmp_path: Path) -> None:
    text = (PROBLEMS / "letters" / "through-time.yaml").read_text(encoding="utf-8")
    path = tmp_path / "asked.yaml"
    path.write_text(f"{text}ask: [dL/dz_t, h_T, h_2, dL/dW, dp_t/do_t]\n", encoding="utf-8")
    asked = handout(path, "text").partition("Asked")[2]
    found = re.findall(r"^ ?\d  (\S+)  (.*)$", asked, re.MULTILINE)
    assert found == [
        ("δₜ", "that is ∂L/∂zₜ, a vector of n"),
        ("hₜ", "a vector of n"),
        ("∂L/∂W", "an n × n matrix"),
        ("∂pₜ/∂oₜ", "a k × k matrix"),
    ]
    path.write_text(f"{text}ask: [dh_T/dh_1]\n", encoding="utf-8")
    done = CliRunner().invoke(main, ["handout", str(path)])
    assert done.exit_code == 2
    assert "dh_4/dh_1 is of single steps, and their number is a letter" in done.output


@pytest.mark.parametrize("name", ["time/every-step", "letters/through-time"])
def test_a_delta_that_is_asked_for_is_said_to_be_one(name: str) -> None:
    asked = handout(PROBLEMS / f"{name}.yaml", "text").partition("Asked")[2]
    heads = re.findall(r"^ ?\d+  (δ\S*)  that is ∂L/∂z\S*, ", asked, re.MULTILINE)
    assert heads
    assert len(heads) == len(re.findall(r"^ ?\d+  δ", asked, re.MULTILINE))


@pytest.mark.parametrize(("columns", "boxes"), [(4, 8), (8, 5), (12, 3), (20, None)])
def test_boxes_of_a_wide_matrix_stay_on_the_page(
    columns: int, boxes: int | None, tmp_path: Path
) -> None:
    path = tmp_path / "wide.yaml"
    weights = [[1 + n for n in range(columns)], [2 - n for n in range(columns)]]
    layers = f"layers:\n  - {{weights: {weights}}}\nloss: half-squared-error\n"
    path.write_text(f"x: {weights[0]}\ny: [1, 2]\n{layers}ask: [dL/dW1]\n", encoding="utf-8")
    asked = handout(path, "text", "--width", "80").partition("Asked")[2]
    assert max(map(len, asked.splitlines())) <= 80
    rows = [re.findall("_+", line) for line in asked.splitlines() if line.count("_") > 8]
    assert rows == ([[boxes * "_"] * columns] * 2 if boxes else [])
    assert boxes or f"a 2 × {columns} matrix" in asked

"""`solve --format html`: one well-formed page, MathML throughout, nothing fetched, no scripts."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from oracles import networks
from oracles.expressions import expressions

from backprop_cli.algebra.expr import Expr
from backprop_cli.cli import main
from backprop_cli.notation.mathml import math, number
from backprop_cli.notation.nodes import Letter, Number, Word
from backprop_cli.notation.symbols import Naming, symbol
from backprop_cli.notation.writer import FormulaWriter

PROBLEMS = sorted((Path(__file__).parent.parent / "problems").glob("*.yaml"))
SOFTMAX = str(PROBLEMS[0].parent / "sigmoid-softmax.yaml")
MATHML = "{http://www.w3.org/1998/Math/MathML}"

KNOWN = set(
    "math mrow mi mn mo mtext mspace mfrac msup msub msubsup mover munder msqrt mtable mtr mtd"
    " mphantom".split()
)
CHILDREN = {"mfrac": 2, "msup": 2, "msub": 2, "mover": 2, "munder": 2, "msubsup": 3}


def page(*arguments: str) -> str:
    result = CliRunner().invoke(main, ["solve", *arguments, "--format", "html"])
    assert result.exit_code == 0, result.output
    return result.stdout


def tree(source: str) -> ET.Element:
    return ET.fromstring(source.removeprefix("<!DOCTYPE html>\n"))  # noqa: S314  # our own


def check_mathml(root: ET.Element) -> int:
    """The number of formulas; each is made of MathML Core, with as many parts as it should have."""
    formulas = list(root.iter(f"{MATHML}math"))
    for formula in formulas:
        for node in formula.iter():
            assert node.tag.startswith(MATHML), node.tag
            name = node.tag.removeprefix(MATHML)
            assert name in KNOWN, name
            if name in CHILDREN:
                assert len(node) == CHILDREN[name], name
            if name in ("mi", "mn", "mo", "mtext"):
                assert node.text, name
                assert len(node) == 0
    return len(formulas)


@pytest.mark.parametrize("path", PROBLEMS, ids=lambda path: path.stem)
def test_pages_are_well_formed_and_their_formulas_are_mathml(path: Path) -> None:
    source = page(str(path))
    root = tree(source)
    steps = [node for node in root.iter("details") if node.get("class") == "step"]
    equations = [node for node in root.iter("div") if node.get("class") == "equation"]
    own = [node for step in steps for node in step if node.get("class") == "equation"]
    entries = [node for step in steps for node in step if node.get("class") == "entries"]
    assert len(own) == len(steps) > 0
    assert len(equations) == len(own) + sum(map(len, entries))
    assert check_mathml(root) >= 3 * len(steps)
    for equation in equations:
        words = [node.text for node in equation.iter("span") if (node.text or "").strip()]
        assert not words, "a formula with text outside MathML"


def test_nothing_is_fetched() -> None:
    source = page(SOFTMAX)
    assert set(re.findall(r"\w+://[^\"\s]+", source)) == {"http://www.w3.org/1998/Math/MathML"}
    assert not re.search(r"\bsrc=|\bhref=|url\(|@import|<script|<link|<iframe|\bon\w+=", source)
    assert "default-src 'none'" in source


def test_every_step_can_be_folded() -> None:
    root = tree(page(SOFTMAX))
    for step in root.iter("details"):
        assert step.get("open") == "open"
        assert step[0].tag == "summary"


def test_pointing_at_a_symbol_shows_its_value_and_shape() -> None:
    source = page(SOFTMAX)
    root = tree(source)
    for step in (node for node in root.iter("details") if node.get("class") == "step"):
        tips = {node.get("id") for node in step if "tip" in (node.get("class") or "")}
        pointed = {
            node.get("aria-describedby")
            for node in step.iter(f"{MATHML}mrow")
            if node.get("tabindex")
        }
        assert tips == pointed
        assert tips
    for name in set(re.findall(r'class="tip (q\d+)"', source)):
        assert f"mrow.{name}:is(:hover,:focus)) > .tip.{name}" in source


def test_ids_are_unique() -> None:
    for path in PROBLEMS[:6]:
        ids = re.findall(r'\bid="([^"]+)"', page(str(path)))
        assert len(ids) == len(set(ids))


def test_light_dark_phone_and_print() -> None:
    source = page(SOFTMAX)
    for wanted in ("prefers-color-scheme: dark", "@media print", "width=device-width", 'lang="en"'):
        assert wanted in source


def test_what_a_user_wrote_is_text(tmp_path: Path) -> None:
    path = tmp_path / "problem.yaml"
    path.write_text(
        'title: "<script>alert(1)</script> & </title> {x}"\n'
        "values: {x: 2}\nequations:\n  - f = x^2\n",
        encoding="utf-8",
    )
    source = page(str(path), "--verify")
    assert "<script" not in source
    assert "&lt;script&gt;" in source
    tree(source)


def test_an_entry_and_long_details_are_pages_too() -> None:
    tree(page(SOFTMAX, "--entry", "W1[2,1]"))
    root = tree(page(SOFTMAX, "--detail", "long"))
    assert check_mathml(root)
    assert any(node.get("class") == "entries" for node in root.iter("div"))


@pytest.mark.parametrize("seed", range(12))
def test_drawn_networks(seed: int, tmp_path: Path) -> None:
    path = tmp_path / "problem.yaml"
    path.write_text(networks.draw(seed).text, encoding="utf-8")
    assert check_mathml(tree(page(str(path))))


@given(expressions)
@settings(max_examples=300, deadline=None)
def test_every_expression_has_mathml(expr: Expr) -> None:
    plain = Naming()
    formula = math(FormulaWriter(lambda id: symbol(plain, id), {}).node(expr))
    check_mathml(ET.fromstring(formula))  # noqa: S314  # our own


def test_letters_are_escaped() -> None:
    assert math(Letter("<")).count("&lt;") == 1
    assert math(Word("a & b")).count("&amp;") == 1


@pytest.mark.parametrize(
    ("digits", "wanted"),
    [
        ("0.5", "<mn>0.5</mn>"),
        ("inf", "<mn>∞</mn>"),
        (
            "4.5e-05",
            (
                '<mrow><mn>4.5</mn><mo>·</mo><msup><mn>10</mn><mrow><mo form="prefix">−</mo>'
                "<mn>5</mn></mrow></msup></mrow>"
            ),
        ),
    ],
)
def test_numbers(digits: str, wanted: str) -> None:
    assert number(digits) == wanted


def test_decimal_points_are_aligned_by_blank_digits() -> None:
    assert "<mphantom><mn>.25</mn></mphantom>" in math(Number("2", ".25"))

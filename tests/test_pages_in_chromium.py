"""Pages in a browser: nothing is fetched or complained of, formulas are set, folding, pointing."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from oracles.browser import PROGRAM, Browser

from backprop_cli.cli import main
from backprop_cli.derive.steps.functions import names

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="Chromium is not installed")

FOLDER = Path(__file__).parent.parent / "problems"
SOFTMAX = str(FOLDER / "sigmoid-softmax.yaml")
BATCH = str(FOLDER / "minibatch-tanh.yaml")
TENSOR = str(FOLDER / "letters" / "relu-softmax.yaml")
TWO_INPUTS = """
x: [x1, x2]
layers:
  - {weights: [[1, 0], [0, 1], [1, 1]], bias: [0, 0, -1], activation: step}
  - {weights: [[1, 1, -1]], bias: [-1.5], activation: step}
"""
PAGES = (
    *(("solve", str(path)) for path in sorted(FOLDER.glob("*.yaml"))),
    *(("derive", str(path)) for path in sorted(FOLDER.glob("letters/*.yaml"))),
    *(("derive", str(path)) for path in sorted(FOLDER.glob("functions/*.yaml"))),
    ("derive", TENSOR, "--of", "Yhat", "--wrt", "W1"),
    ("derive", TENSOR, "--of", "Yhat", "--wrt", "W1[i,j]"),
    ("derive", SOFTMAX),
    ("derive", BATCH),
    ("solve", SOFTMAX, "--detail", "long"),
    ("solve", SOFTMAX, "--verify"),
    ("solve", SOFTMAX, "--entry", "W1[2,1]"),
    ("solve", BATCH, "--entry", "W1[2,1]", "--verify"),
    *(("derive", "--function", name) for name in names()[::3]),
    ("derive", "--function", "z * sigmoid(2*z + 1)"),
    ("derive", "--expression", "x1 + x2*x3, x1^2 + 3*x2"),
    ("derive", "-"),
)
PHONE = 390
READABLE = 4.5  # contrast of text, https://www.w3.org/TR/WCAG22/#contrast-minimum

FORMULAS = """
[...document.querySelectorAll('math')].filter(formula => !formula.closest('.tip')).map(formula => {
  const box = formula.getBoundingClientRect();
  const parts = [...formula.querySelectorAll('*')];
  return box.width > 0 && box.height > 0 && parts.every(part => part instanceof MathMLElement)
    && !parts.some(part => part.localName == 'merror');
})"""
STACKED = """
[...document.querySelectorAll('mfrac')].every(fraction => {
  const [top, bottom] = [...fraction.children].map(part => part.getBoundingClientRect());
  const apart = (top.left + top.right - bottom.left - bottom.right) / 2;
  return top.bottom <= bottom.top + 1 && Math.abs(apart) < 2;
})"""
CONTRAST = """
(selector => {
  const canvas = document.createElement('canvas').getContext('2d');
  const light = colour => {
    canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map(c => c / 255)
      .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = document.querySelector(selector);
  const pair = [light(getComputedStyle(found).color),
                light(getComputedStyle(document.body).backgroundColor)].sort((a, b) => b - a);
  return (pair[0] + 0.05) / (pair[1] + 0.05);
})"""
INSIDE = """
[...document.querySelectorAll('.tip')].filter(tip => tip.offsetHeight > 0).every(tip => {
  const {top, bottom, left, right} = tip.getBoundingClientRect();
  return 0 <= top && bottom <= innerHeight && 0 <= left && right <= innerWidth;
})"""
SHOWN = "[...document.querySelectorAll('.tip')].filter(tip => tip.offsetHeight > 0).length"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    try:
        made = Browser()
    except (AssertionError, OSError) as error:
        pytest.skip(f"Chromium does not start here: {error}")
    with made:
        yield made


def page(folder: Path, *arguments: str) -> Path:
    given = TWO_INPUTS if arguments[-1] == "-" else None
    result = CliRunner().invoke(main, [*arguments, "--format", "html"], input=given)
    assert result.exit_code == 0, result.output
    path = folder / "page.html"
    path.write_text(result.stdout, encoding="utf-8")
    return path


@pytest.mark.parametrize("arguments", PAGES, ids=lambda a: "-".join(Path(x).stem for x in a))
def test_every_page(arguments: tuple[str, ...], browser: Browser, tmp_path: Path) -> None:
    path = page(tmp_path, *arguments)
    browser.open(path)
    formulas = browser.evaluate(FORMULAS)
    assert formulas
    assert all(formulas)
    assert browser.evaluate(STACKED)
    browser.look(PHONE, "dark")
    assert browser.evaluate("document.scrollingElement.scrollWidth") <= PHONE
    assert browser.requests == [path.resolve().as_uri()]
    assert browser.messages == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_can_be_read(scheme: str, browser: Browser, tmp_path: Path) -> None:
    browser.open(page(tmp_path, "solve", SOFTMAX), scheme=scheme)
    for selector in ("h1", ".conventions", ".shape", ".data", ".parameter", ".gradient"):
        assert browser.evaluate(f"{CONTRAST}('{selector}')") >= READABLE, selector
    background = browser.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(255, 255, 255)") == (scheme == "light")


@pytest.mark.parametrize(
    "arguments",
    [("solve", SOFTMAX), ("derive", "--function", "softmax"), ("solve", BATCH, "--entry=W1[2,1]")],
    ids=["solve", "derive", "entry"],
)
def test_every_step_can_be_folded(
    arguments: tuple[str, ...], browser: Browser, tmp_path: Path
) -> None:
    browser.open(page(tmp_path, *arguments))
    count = browser.evaluate("document.querySelectorAll('details.step').length")
    assert count > 1
    for number in range(count):
        step = f"document.querySelectorAll('details.step')[{number}]"
        before = browser.evaluate(f"{step}.offsetHeight")
        browser.evaluate(f"{step}.querySelector('summary').click()")
        assert browser.evaluate(f"{step}.offsetHeight") < before
        assert browser.evaluate(f"{step}.querySelector('summary').offsetHeight") > 0


@pytest.mark.parametrize("width", [1000, PHONE])
@pytest.mark.parametrize(
    ("arguments", "symbol", "wanted"),
    [
        (("solve", SOFTMAX), ".parameter.q", ("3", "6", "4", "5", "2", "×", "2")),
        (("solve", SOFTMAX, "--entry", "W1[1,2]"), ".parameter.q", ("3", "6", "4", "5")),
        (("derive", "--function", "sigmoid"), "mrow.q", ("exp", "z")),
    ],
    ids=["solve", "entry", "derive"],
)
def test_pointing_at_a_symbol(
    arguments: tuple[str, ...],
    symbol: str,
    wanted: tuple[str, ...],
    width: int,
    browser: Browser,
    tmp_path: Path,
) -> None:
    browser.open(page(tmp_path, *arguments), width)
    browser.point(1, 1)
    assert browser.evaluate(SHOWN) == 0
    place = f"document.querySelector('{symbol}').getBoundingClientRect()"
    browser.evaluate(f"document.querySelector('{symbol}').scrollIntoView({{block: 'center'}})")
    box = browser.evaluate(f"(({{x, y, width, height}}) => [x, y, width, height])({place})")
    browser.point(box[0] + box[2] / 2, box[1] + box[3] / 2)
    assert browser.evaluate(SHOWN) == 1
    said = browser.evaluate(
        "[...document.querySelectorAll('.tip')].find(tip => tip.offsetHeight > 0).textContent"
    )
    assert browser.evaluate(INSIDE)
    position = 0
    for part in wanted:
        assert part in said[position:], said
        position = said.index(part, position) + 1
    browser.point(1, 1)
    assert browser.evaluate(SHOWN) == 0


def test_symbols_are_reached_by_the_keyboard(browser: Browser, tmp_path: Path) -> None:
    browser.open(page(tmp_path, "solve", SOFTMAX, "--only", "Z1"))
    shown = set()
    for _ in range(12):
        browser.keys(["Tab"])
        shown.add(browser.evaluate(SHOWN))
        if browser.evaluate("document.activeElement instanceof MathMLElement"):
            assert browser.evaluate(SHOWN) == 1
    assert shown == {0, 1}


def test_in_print_everything_is_there(browser: Browser, tmp_path: Path) -> None:
    browser.open(page(tmp_path, "solve", SOFTMAX), scheme="dark")
    browser.evaluate("document.querySelectorAll('details').forEach(each => each.open = false)")
    browser.look(700, "dark", media="print")
    heights = browser.evaluate(
        "[...document.querySelectorAll('.equation')].map(each => each.offsetHeight)"
    )
    assert min(heights) > 0
    background = browser.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == "rgb(255, 255, 255)"
    assert browser.evaluate(f"{CONTRAST}('.gradient')") >= READABLE
    for step, other in itertools.pairwise(
        browser.evaluate(
            "[...document.querySelectorAll('.step')].map(s => s.getBoundingClientRect().top)"
        )
    ):
        assert step < other
    browser.look(1000)

"""What the pages for whoever changes the program say of it is true: rooms, paths, commands."""

from __future__ import annotations

import re

import pytest
from documents import ROOT
from loosened import EACH, Loosened
from test_layers_of_imports import LAYERS, PACKAGE

ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
QUOTED = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"[\w.*]+(/[\w.*]*)+").fullmatch


def paths(page: str) -> list[str]:
    """What a page names that reads like a file or a folder."""
    return [text for text in QUOTED.findall(page) if PATH(text)]


@pytest.mark.parametrize("path", paths(ARCHITECTURE) + paths(CONTRIBUTING))
def test_what_is_named_is_there(path: str) -> None:
    places = (ROOT, ROOT / PACKAGE, ROOT / "tests")
    assert any(list(place.glob(path.rstrip("/"))) for place in places)


def test_every_room_is_on_the_page() -> None:
    rooms = {path.parent.name for path in (ROOT / PACKAGE).glob("*/__init__.py")}
    assert rooms == {entry for entries in LAYERS for entry in entries} & rooms
    assert all(f"| `{room}` |" in ARCHITECTURE for room in rooms)


def test_no_file_name_stands_twice_in_the_package() -> None:
    names = [path.name for path in (ROOT / PACKAGE).rglob("*.py") if path.name != "__init__.py"]
    assert not {name for name in names if names.count(name) > 1}


@pytest.mark.parametrize("one", EACH, ids=lambda one: one.name)
def test_what_is_made_laxer_is_where_it_is_looked_for(one: Loosened) -> None:
    assert one.line in (ROOT / PACKAGE / one.file).read_text(encoding="utf-8")


def test_the_commands_to_start_with_are_those_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "python3 tests/run.py --quick" in CONTRIBUTING
    for page in (readme, CONTRIBUTING):
        assert "\npython3 tests/run.py\n" in page
        assert ".venv/bin/backprop solve problems/sigmoid-softmax.yaml" in page

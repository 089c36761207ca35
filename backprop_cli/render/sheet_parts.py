"""What a sheet of formulas is made of, for every format that sets mathematics: data only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from msgspec import Struct, field

from backprop_cli.notation.nodes import Node
from backprop_cli.render.drawings import Curve, Map


class Heading(Struct, frozen=True):
    """Words, and the conditions under which what follows holds."""

    words: str
    conditions: Node | None = None


class Row(Struct, frozen=True):
    """`head = body`, and why; without a head it goes on from the row before."""

    head: Node | None
    body: Node
    words: str = ""


class Rows(Struct, frozen=True):
    """Equal things below one another."""

    items: tuple[Row, ...]


class Note(Struct, frozen=True):
    """A sentence, a formula behind it where there is one."""

    words: str
    formula: Node | None = None


class Columns(Struct, frozen=True):
    """A table: the words above its columns, and rows of formulas and words."""

    heads: tuple[str, ...]
    rows: tuple[tuple[Node | str, ...], ...]


class Section(Struct, frozen=True):
    """The beginning of several headings."""

    words: str


class Picture(Struct, frozen=True):
    """A drawing, what it shows in words, and the formula that stands below it."""

    drawing: Curve | Map
    words: str
    caption: Node


class Pictures(Struct, frozen=True):
    """Drawings beside one another. Formats that cannot draw leave them out."""

    items: tuple[Picture, ...]


Part: TypeAlias = "Heading | Rows | Note | Columns | Section | Pictures"


class Sheet(Struct, frozen=True):
    """A title and what stands below it.

    `tips` are shown to who points at the symbol of that id; `roles` give symbols their colours.
    """

    title: str
    parts: tuple[Part, ...]
    tips: Mapping[str, Node] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)

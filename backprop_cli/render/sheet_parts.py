"""What a sheet of formulas is made of, for every format that sets mathematics: data only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from msgspec import Struct, field

from backprop_cli.readings.notation.nodes import Node


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


Part: TypeAlias = "Heading | Rows | Note | Columns"


class Sheet(Struct, frozen=True):
    """A title and what stands below it.

    `tips` are shown to who points at the symbol of that id; `roles` give symbols their colours.
    """

    title: str
    parts: tuple[Part, ...]
    tips: Mapping[str, Node] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)

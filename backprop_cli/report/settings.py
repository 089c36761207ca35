"""What every format is told: how much to reveal, how wide to write, what slips are called."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import field

from backprop_cli.grading.report_data import Reveal, SlipWords
from backprop_cli.terminal.themes import Look


class Settings(Look, frozen=True):
    """How a report is to be written. Only text for a terminal uses `width`, `color`, `theme` and
    `ascii`; JSON and XML write other characters as escapes where `ascii` is set.
    """

    reveal: Reveal = "what"
    slip_words: Mapping[str, SlipWords] = field(default_factory=dict)
    formula: Callable[[str], str | None] | None = None
    """Gives the formula of a quantity in symbols; without it, that of the report is shown."""

    def slip(self, id: str) -> SlipWords:
        """The words for a slip; its id where it has none."""
        return self.slip_words.get(id) or SlipWords(id, id.replace("-", " "), "")

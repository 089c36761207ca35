"""The learning platforms: a problem to the text of each file of a question, by the file's name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from backprop_cli.classroom.exports.moodle_formulas import moodle_question
from backprop_cli.classroom.exports.prairielearn_server import prairielearn_files
from backprop_cli.solving.loading import Loaded

PLATFORMS: Final[Mapping[str, Callable[[Loaded], dict[str, str]]]] = MappingProxyType(
    {
        "prairielearn": prairielearn_files,
        "moodle": lambda loaded: {"question.xml": moodle_question(loaded)},
    }
)

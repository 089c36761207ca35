"""A problem to the files of a question for PrairieLearn."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from uuid import NAMESPACE_URL, uuid5

from backprop_cli.classroom.exports.answer_boxes import Box, Boxes, boxes_of
from backprop_cli.classroom.variants import Varied
from backprop_cli.errors import UserError
from backprop_cli.solving.loading import Loaded

PROBLEM = "problem.yaml"

_SERVER = '''"""Draws the numbers of each variant, and grades: backprop is in serverFilesCourse."""

from backprop_cli.classroom.exports import prairielearn_server


def generate(data):
    """Draws the numbers of a variant, as `backprop vary` does."""
    prairielearn_server.generate(data)


def grade(data):
    """Marks every box as `backprop check` does, and says which slip it was."""
    prairielearn_server.grade(data)
'''


def prairielearn_files(loaded: Loaded) -> dict[str, str]:
    """The text of each file of the question, by name."""
    boxes = boxes_of(loaded)
    text = loaded.source.data.decode("utf-8")
    return {
        "info.json": _info(loaded, text),
        "question.html": "\n".join(_question(boxes)) + "\n",
        "server.py": _SERVER,
        PROBLEM: text,
    }


def _info(loaded: Loaded, text: str) -> str:
    said = {
        "uuid": _uuid(text),
        "title": loaded.model.problem.title or "Backpropagation",
        "topic": "Backpropagation",
        "tags": ["backprop"],
        "type": "v3",
        "singleVariant": not varies(loaded),
    }
    return json.dumps(said, indent=2, ensure_ascii=False) + "\n"


def _uuid(text: str) -> str:
    """The same for the same problem, in the form that version 4 has."""
    plain = uuid5(NAMESPACE_URL, text).hex
    return f"{plain[:8]}-{plain[8:12]}-4{plain[13:16]}-8{plain[17:20]}-{plain[20:]}"


def varies(loaded: Loaded) -> bool:
    """Whether any number of the problem may be another one."""
    try:
        Varied(loaded)
    except UserError:
        return False
    return True


def _question(boxes: list[Boxes]) -> Iterator[str]:
    yield "<pl-question-panel>{{{params.exercise}}}</pl-question-panel>"
    for one in boxes:
        yield one.heading
        yield one.table(_input)
    yield "<pl-submission-panel>{{{feedback.backprop}}}</pl-submission-panel>"
    yield "<pl-answer-panel>{{{params.solution}}}</pl-answer-panel>"


def _input(box: Box) -> str:
    return (
        f'<pl-string-input answers-name="{box.name}" aria-label="{escape(box.called)}" size="8"'
        ' display="inline" allow-blank="true" show-help-text="false"></pl-string-input>'
    )

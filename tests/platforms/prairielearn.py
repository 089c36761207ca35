"""Takes a question's folder through PrairieLearn's own Python, outside of PrairieLearn.

    python prairielearn.py SOURCE QUESTION SEED < typed.json

SOURCE is a copy of `apps/prairielearn`; its Python packages have to be installed where this runs.
Typed are hand-ins, each a text for every box. Every phase is checked by PrairieLearn's own rules of
what a phase may change, each element against its schema. Printed are the marks, the drawn problem
and the three panels.
"""

from __future__ import annotations

import copy
import json
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

source, folder, seed = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve(), int(sys.argv[3])
sys.path.insert(0, str(source / "python"))

chevron, jsonschema = import_module("chevron"), import_module("jsonschema")
check_data = import_module("prairielearn.internal.check_data").check_data
process = import_module("prairielearn.internal.question_phases").process

Data = dict[str, Any]
NAMES = ("pl-string-input", "pl-question-panel", "pl-submission-panel", "pl-answer-panel")
ELEMENTS = {name: {"name": name, "controller": f"{name}.py", "type": "core"} for name in NAMES}
URLS: tuple[str, ...] = (
    "client_files_question",
    "client_files_course",
    "course_element_files",
    "base",
)
URLS += ("course_element_extension_files", "client_files_question_dynamic")
EMPTY: Data = {"submitted_answers": {}, "raw_submitted_answers": {}, "format_errors": {}}
MARKS: Data = {"partial_scores": {}, "score": 0, "feedback": {}}

code: Data = {}
exec(compile((folder / "server.py").read_text(), "server.py", "exec"), code)  # noqa: S102
page = (folder / "question.html").read_text()


def by_server(phase: str, data: Data) -> None:
    before = copy.deepcopy(data)
    os.chdir(folder)
    if phase in code:
        code[phase](data)
    check_data(before, data, phase)


def by_elements(phase: str, data: Data) -> Any:
    context = {"html": chevron.render(page, data), "elements": ELEMENTS, "element_extensions": {}}
    return process(phase, data, {**context, "course_path": str(folder)})[0]


def through_json(data: Data) -> Any:
    return json.loads(json.dumps(data))


def drawn() -> Any:
    options = {f"{name}_url": "/" for name in URLS} | {"question_path": str(folder)}
    data: Data = {"params": {}, "correct_answers": {}, "variant_seed": seed, "options": options}
    data |= {"preferences": {}, "answers_names": {}}
    by_server("generate", data)
    by_elements("generate", data)
    by_elements("prepare", data)
    return through_json(data)


def handed_in(variant: Data, typed: Data) -> Any:
    data = {**through_json(variant), **copy.deepcopy(EMPTY), "feedback": {}, "gradable": True}
    data |= {"submitted_answers": dict(typed), "raw_submitted_answers": dict(typed)}
    by_elements("parse", data)
    by_server("parse", data)
    data |= {"partial_scores": {}, "score": 0}
    by_elements("grade", data)
    by_server("grade", data)
    return through_json(data)


def panel(variant: Data, name: str, done: Data) -> Any:
    shown = {key: done.get(key, value) for key, value in (EMPTY | MARKS).items()}
    more: Data = {"editable": True, "manual_grading": False, "ai_grading": False}
    more["num_valid_submissions"] = 0
    return by_elements("render", {**through_json(variant), **shown, **more, "panel": name})


rules = json.loads((source / "src/schemas/schemas/infoQuestion.json").read_text())
jsonschema.validate(json.loads((folder / "info.json").read_text()), rules)
made = drawn()
results = [handed_in(made, one) for one in json.load(sys.stdin)]
found: Data = {"problem": made["params"]["problem"], "names": sorted(made["answers_names"])}
found["scores"] = [one["score"] for one in results]
found["errors"] = [one["format_errors"] for one in results]
found["question"] = panel(made, "question", {})
for name in ("submission", "answer"):
    found[name] = panel(made, name, results[0])
print(json.dumps(found))

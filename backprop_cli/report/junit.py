"""A report to JUnit XML: a suite a sheet, a test case a quantity, pointing into the answer file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from operator import add
from typing import NamedTuple
from xml.etree import ElementTree as ET

from backprop_cli.errors import Mark
from backprop_cli.grading.report_data import Result, Submission, Summary, Verdict
from backprop_cli.report.facts import facts
from backprop_cli.report.settings import Settings, clean, cleaned, of_submission
from backprop_cli.report.stream import Spool
from backprop_cli.report.wording import marks, outcome, unread, verdict_phrase

_TAGS: dict[Verdict, str] = {
    "wrong": "failure",
    "invalid": "error",
    "missing": "skipped",
    "not-judged": "skipped",
}
_TOTALS = ("tests", "failures", "errors")
_COUNTED = {"failures": "failure", "errors": "error", "skipped": "skipped"}
_ILLEGAL = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
SHEET = "the sheet"
"""The name of the only test case of a sheet of which no quantity is shown."""


class Suite(NamedTuple):
    """One sheet as XML, and what is counted in it."""

    xml: str
    counts: tuple[int, ...]


class JunitWriter:
    """Writes a report as one XML document, a sheet at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def part(self, submission: Submission) -> Suite:
        """The suite of one sheet."""
        told = cleaned(of_submission(submission, self._settings.reveal))
        suite = _suite(told, self._settings)
        ET.indent(suite, level=1)
        counts = tuple(int(suite.get(name, "0")) for name in _TOTALS)
        return Suite(self._plain(f"  {ET.tostring(suite, encoding='unicode')}\n"), counts)

    def text(
        self,
        problem: str,
        parts: Iterable[Suite],
        summary: Callable[[], Summary],  # noqa: ARG002  # all writers have this signature
    ) -> Iterator[str]:
        """The report: its totals come first, so that the suites have to wait for the last."""
        suites, totals = Spool(), [0] * len(_TOTALS)
        for suite in parts:
            suites.add(suite.xml)
            totals = list(map(add, totals, suite.counts))
        root = ET.Element("testsuites", {"name": legal(clean(f"backprop: {problem}"))})
        for name, total in zip(_TOTALS, totals, strict=True):
            root.set(name, str(total))
        opening = ET.tostring(root, encoding="unicode", short_empty_elements=False)
        yield '<?xml version="1.0" encoding="UTF-8"?>\n'
        yield self._plain(opening.removesuffix("</testsuites>") + "\n")
        yield from suites.read()
        yield "</testsuites>\n"

    def _plain(self, xml: str) -> str:
        if self._settings.ascii:
            xml = xml.encode("ascii", "xmlcharrefreplace").decode()
        return _without_commands(xml)


def legal(text: str) -> str:
    """The text without the characters that XML has no way to write."""
    return _ILLEGAL.sub("", text)


def _without_commands(xml: str) -> str:
    """The same document with no line that a build server takes for a command."""
    apart = xml.replace("##[", "#&#35;[")
    return re.sub(r"^(\s*):(?=:)", r"\1&#58;", apart, flags=re.MULTILINE)


def _suite(submission: Submission, settings: Settings) -> ET.Element:
    suite = ET.Element("testsuite", {"name": legal(submission.student or submission.file)})
    if submission.error is None and submission.results:
        suite.extend(_case(submission, result, settings) for result in submission.results)
    else:
        suite.append(_whole(submission))
    suite.set("tests", str(len(suite)))
    for name, tag in _COUNTED.items():
        suite.set(name, str(len(suite.findall(f"testcase/{tag}"))))
    suite.set("file", legal(submission.file))
    return suite


def _whole(submission: Submission) -> ET.Element:
    """A sheet that could not be read, or of which only the marks may be told."""
    case = _place(submission, SHEET, submission.error_mark)
    if submission.error is not None:
        _said(case, "error", outcome(submission), unread(submission), "")
    elif not submission.passed:
        _said(case, "failure", "not passed", marks(submission), "")
    return case


def _case(submission: Submission, result: Result, settings: Settings) -> ET.Element:
    case = _place(submission, result.id, result.mark)
    told = "\n".join(f"{label}: {text}" for label, text in facts(result, settings))
    tag = _TAGS.get(result.verdict)
    if tag:
        message = result.message or verdict_phrase(result)
        _said(case, tag, result.verdict, message, told)
    elif told or result.verdict != "correct":
        out = ET.SubElement(case, "system-out")
        out.text = legal(f"{verdict_phrase(result)}\n{told}".strip())
    return case


def _place(submission: Submission, name: str, mark: Mark | None) -> ET.Element:
    attributes = {
        "classname": legal(submission.student or submission.file),
        "name": legal(name),
        "file": legal(submission.file),
    }
    if mark and mark.line:
        attributes["line"] = str(mark.line)
    return ET.Element("testcase", attributes)


def _said(case: ET.Element, tag: str, kind: str, message: str, text: str) -> None:
    inner = ET.SubElement(case, tag, {"type": kind, "message": legal(message)})
    inner.text = legal(text) or None

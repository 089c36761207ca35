"""Reports built by hand, for the tests of every format."""

from __future__ import annotations

from backprop_cli.errors import Mark
from backprop_cli.grading.report_data import (
    EntryResult,
    Report,
    Result,
    Shared,
    SlipWords,
    Submission,
    Summary,
    Tally,
    Verdict,
)
from backprop_cli.report.settings import Settings

RIGHT_VALUES = ("0.98201", "-0.010766", "0.616123")
EXPLANATION = "0.982 is right: anything from 0.98201 on is"
SLIPS = {
    slip.id: slip
    for slip in (
        SlipWords("sign-flipped", "sign flipped", "The gradient is ŷ − y, not y − ŷ."),
        SlipWords(
            "activation-derivative-omitted",
            "derivative of the activation left out",
            "Going back through an activation multiplies by its derivative.",
        ),
    )
}
SETTINGS = Settings(slip_words=SLIPS)

HOSTILE = (
    "::error::gotcha",
    "  ::stop-commands::x",
    "##[error]gotcha",
    "]]><!--",
    "<script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    "@everyone",
    "+1+1",
    "\t=1+1",
    "\x1b[31mred\x1b]0;title\x07",
    "\u202etxt.exe\u2066",
    "a|b\\|c",
    "``` `x` ~~~",
    "[x](http://evil.example) www.evil.example ![y](z)",
    "two\nlines\r::error::z\n##[group]",
    "100% , : %0A::error::",
    "&amp; \" ' \x00 \x85 \u2028::error::\udc80 \uffff",
    "",
    "長" * 300,
)


def entries(verdict: Verdict, *typed: str | None) -> tuple[EntryResult, ...]:
    """The entries of a vector, all with one verdict."""
    return tuple(EntryResult((n,), verdict, None, text) for n, text in enumerate(typed, 1))


Z1 = Result("Z1", "correct", "exact", 1.0, 1.0, Mark(3, 3), entries("correct", "4", "0"))
H1 = Result(
    "H1", "correct", "carried-rounding", 1.0, 1.0, Mark(4, 3), entries("correct", ".982", ".5"),
    explanation=EXPLANATION, expected="[0.98201, 0.5]", formula="sigmoid(Z1)",
)  # fmt: skip
LOSS = Result(
    "L", "imprecise", None, 0.5, 1.0, Mark(5, 3), (EntryResult((), "imprecise", None, "1.0"),),
    cannot_exclude=("sign-flipped",),
)  # fmt: skip
DZ1 = Result(
    "dL/dZ1", "wrong", None, 0.5, 1.0, Mark(9, 3),
    (
        EntryResult((1, 1), "wrong", None, "-.627"),
        EntryResult((1, 2), "correct", "exact", "0"),
        EntryResult((2, 1), "missing", None, None),
        EntryResult((2, 2), "correct", "exact", "0"),
    ),
    slips=("activation-derivative-omitted", "sign-flipped"),
    message="These are the numbers of dL/dH1.",
    formula="dL/dH1 * H1 * (1 - H1)", expected="[[-0.010766, 0], [0, 0]]",
)  # fmt: skip
DW1 = Result(
    "dL/dW1", "carried", None, 1.0, 1.0, Mark(10, 3), entries("carried", "-.627"),
    message="follows from your dL/dZ1", formula="X @ dL/dZ1.T", expected="[-0.010766]",
)  # fmt: skip
W1_NEW = Result("W1_new", "missing", None, 0.0, 2.0, None, expected="[0.616123]")
B1_NEW = Result(
    "b1_new", "invalid", None, 0.0, 2.0, Mark(12, 3), message="'=cmd()' is no number",
    expected="[0.616123]",
)  # fmt: skip
L_NEW = Result(
    "L_new", "not-judged", None, 0.0, 1.0, Mark(13, 3),
    (EntryResult((), "not-judged", None, ".1969"),), expected="0.616123",
)  # fmt: skip
RESULTS = (Z1, H1, LOSS, DZ1, DW1, W1_NEW, B1_NEW, L_NEW)
"""One of every verdict."""

SHEET = Submission(
    "s1234567", "sheets/s1234567.yaml", 4.0, 10.0, False, "dL/dZ1", RESULTS,
    remarks=(("there is no quantity 'dW9'", Mark(20, 3)),),
)  # fmt: skip
RIGHT = Submission("s2", "sheets/s2.yaml", 2.0, 2.0, True, None, (Z1, H1))
BROKEN = Submission(
    "broken", "sheets/broken.yaml", 0.0, 10.0, False, None,
    error="this is no YAML", error_mark=Mark(3, 1),
)  # fmt: skip

ONE = Report(
    "Sigmoid, then softmax",
    (SHEET,),
    Summary(1, 0, tuple(Tally(result.id, {result.verdict: 1}, {}) for result in RESULTS)),
)
CLASS = Report(
    "Sigmoid, then softmax",
    (SHEET, RIGHT, BROKEN),
    Summary(
        3, 1,
        (
            Tally("Z1", {"correct": 2}, {}),
            Tally(
                "dL/dZ1", {"correct": 12, "carried": 3, "wrong": 8, "missing": 1},
                {"sign-flipped": 2, "activation-derivative-omitted": 3},
                (Shared("[[0.25, 1], [2, 3]]", 3),),
            ),
        ),
    ),
)  # fmt: skip


def hostile(text: str) -> Report:
    """A report with `text` wherever a student's own words can come to stand."""
    bad = Result(
        "Z1", "invalid", None, 0.0, 1.0, Mark(3, 3), (EntryResult((1,), "invalid", None, text),),
        message=f"{text} is no number", formula=text,
    )  # fmt: skip
    wrong = Result(
        "H1", "wrong", None, 0.0, 1.0, Mark(4, 3), (EntryResult((), "wrong", None, text),),
        message=text, explanation=text, expected=text, formula=text,
    )  # fmt: skip
    sheet = Submission(
        text, text, 0.0, 2.0, False, "Z1", (bad, wrong), remarks=((text, Mark(5, 1)),)
    )
    tally = Tally("Z1", {"wrong": 2}, {}, (Shared(text, 2, text),))
    return Report(text, (sheet,), Summary(1, 0, (tally,)))


def hostile_class(text: str) -> Report:
    """The same for several sheets, one of them unreadable."""
    report = hostile(text)
    broken = Submission(text, text, 0.0, 2.0, False, None, error=text, error_mark=Mark(1, 1))
    return Report(text, (*report.submissions, broken), report.summary)

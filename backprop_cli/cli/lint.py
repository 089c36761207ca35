"""`backprop lint`: a problem file to what a teacher should know before handing it out."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from backprop_cli.cli.common import PROBLEM, output_options, whole
from backprop_cli.cli.output import Output


@click.command("lint", epilog="\b\nExample:\n  backprop lint problems/three-layers.yaml")
@PROBLEM
@output_options("text", "json")
@whole("--variants", 1, 10_000, "Also draw the numbers of N students, and say how they differ.")
def command(problem: Path, out: Output, variants: int | None) -> None:
    """Says which mistakes PROBLEM would not notice at the precision it asks for.

    Exit code 0 where nothing is found, 1 where something is.
    """
    from backprop_cli.cli.arguments import allowed_for, load
    from backprop_cli.cli.common import end_with_fault
    from backprop_cli.errors import Faults
    from backprop_cli.grading.grader import Grader
    from backprop_cli.grading.lint.findings import lint
    from backprop_cli.notation.numbers_and_indices import Digits
    from backprop_cli.report.lint_findings import lint_json, lint_text, matters

    loaded = load(problem, task="linting")
    with loaded.source.blamed():
        grader = Grader(loaded.model, most_work=allowed_for("linting").most)
    faults = Faults()
    findings = lint(grader, Digits(out.precision, ascii=True).one, faults)
    left_out = [fault.what for fault in faults.found]
    unit = grader.key.unit
    differing = None
    if variants is not None:
        from backprop_cli.classroom.variants import Varied, compared, compared_data, compared_lines

        differing = compared(Varied(loaded, allowed_for("linting")), variants)
    if out.format == "json":
        more = {} if differing is None else {"variants": compared_data(differing)}
        text = lint_json(findings, left_out, more)
    else:
        said = "significant digits" if unit.significant else "decimals"
        asked = f"{unit.count} {said}" + (
            " (assumed: the problem asks for none)" if grader.key.assumed else ""
        )
        text = lint_text(findings, asked, out.look(), left_out)
        if differing is not None:
            shown = Digits(out.precision, ascii=True).one
            text += "\n".join(["", *compared_lines(differing, shown)])
    out.write(text)
    if faults.found:
        end_with_fault(faults.found[0].trace)
    sys.exit(1 if any(map(matters, findings)) else 0)

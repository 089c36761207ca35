"""What `backprop draw` does once its options are read."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from backprop_cli.cli.arguments import allowed_for, source_of
from backprop_cli.cli.output import Output
from backprop_cli.drawing.graph import graph
from backprop_cli.errors import Complaint, UserError
from backprop_cli.problem.problem_file import Source
from backprop_cli.solving.in_symbols import in_symbols
from backprop_cli.solving.loading import Loaded, loaded
from backprop_cli.solving.solution import Request, solve
from backprop_cli.trace import Trace


class Options(Struct, frozen=True):
    """The options of `backprop draw`, as click has checked them."""

    out: Output


def run(problem: Path, options: Options) -> None:
    """Draws the graph of the first step."""
    source = source_of(problem)
    stated = loaded(source, numbers=False, allowed=allowed_for("drawing"))
    if not stated.model.equations:
        message = "there is nothing to draw: the file has an update and no computation before it"
        raise source.error(Complaint(message))
    trace = _trace(source, stated)
    to_svg = options.out.format == "svg" or _ends_in_svg(options.out.file)
    out = replace(options.out, format="svg" if to_svg else "text")
    view = out.view(stated.model.problem)
    if to_svg:
        from backprop_cli.drawing.graph_svg import svg

        out.write(svg(graph(trace, view)))
    else:
        from backprop_cli.drawing.graph_text import graph_text

        out.write(graph_text(graph(trace, view), view))


def _trace(source: Source, stated: Loaded) -> Trace:
    """The first step; formulas and shapes alone where the problem has no numbers."""
    if stated.model.unknown:
        return in_symbols(stated.model, stated.plan)
    solvable = loaded(source, allowed=allowed_for("drawing"))
    try:
        return solve(
            solvable.model, Request(min(1, _steps(solvable)), max_work=allowed_for("drawing").most)
        ).trace
    except UserError as error:
        raise source.error(*error.complaints) from None


def _steps(found: Loaded) -> int:
    return 1 if found.model.update is not None and found.model.trained else 0


def _ends_in_svg(output: Path | None) -> bool:
    return output is not None and output.suffix.lower() == ".svg"

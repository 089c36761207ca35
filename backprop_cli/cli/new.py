"""`backprop new`: a sketch such as `4-3-2`, or labelled points, to a problem file."""

from __future__ import annotations

import os
from pathlib import Path

import click

from backprop_cli.cli.common import complaints_end_it, is_stated, one_of, seed_option, whole


@click.command(
    "new",
    epilog="\b\nExample:\n  backprop new 4-3-2 --activation tanh --batch 3 -o net.yaml",
)
@click.argument("sketch", required=False)
@click.option(
    "--activation",
    metavar="NAME",
    help="Of the hidden layers; several with commas, one for each (default: relu, or tanh where a"
    " layer gives one number).",
)
@click.option("--output", metavar="NAME", help="The last activation (default: fits the loss).")
@click.option("--loss", metavar="NAME", help="The loss (default: fits the output); none for none.")
@whole("--batch", 1, 1000, "So many samples.", usual=1)
@one_of(
    "--numbers",
    ["whole", "tenths", "random"],
    "What weights and inputs look like; random: of three decimals.",
    usual="tenths",
)
@seed_option("Other numbers. The same choices have the same numbers for ever.")
@whole("--decimals", 1, 9, "Digits that answers are to have.", usual=4)
@click.option("--learning-rate", metavar="X", help="Of the update (default: one that fits).")
@one_of("--affine", ["W x + b", "W^T x + b", "x W + b", "x W^T + b"], "How a layer is written.")
@one_of("--bias", ["separate", "first", "last"], "By itself, or that row or column of the weights.")
@one_of("--indices", ["1", "0"], "From which indices count.")
@one_of(
    "--output-gradient",
    ["chain", "fused"],
    "By the chain rule, or straight to ŷ - y where that holds.",
)
@click.option(
    "--separate",
    type=click.Path(path_type=Path),
    metavar="POINTS",
    help="In place of a sketch, a file with `x`, and `y` of 0 and 1: a network of thresholds that"
    " tells the points apart with the fewest hidden units.",
)
@click.option(
    "--letters",
    is_flag=True,
    help="With --separate: inputs in letters, so that `solve` draws where the output is 1.",
)
@click.option(
    "-o",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write to this file, whole or not at all.",
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def command(
    sketch: str | None,
    separate: Path | None,
    letters: bool,
    file: Path | None,
    force: bool,
    **choices: object,
) -> None:
    """Writes a problem file: a network of these sizes with numbers that `lint` finds nothing
    wrong with.

    SKETCH is 4-3-2 for 4 inputs, a hidden layer of 3 units and 2 outputs.
    """
    from backprop_cli.cli.output import Output
    from backprop_cli.errors import refusal

    with complaints_end_it():
        if (sketch is None) == (separate is None):
            why = "a sketch, or --separate with a file of points, says what to write"
            raise refusal(why, instead="backprop new 4-3-2 -o net.yaml")
        _check_belongs(click.get_current_context(), of_points=sketch is None)
        if file is not None and os.path.exists(file) and not force:
            message = "it is there already, and would be replaced"
            raise refusal(message, instead="another name, or --force", source=str(file))
        text, remarks = (
            _of_sketch(sketch, choices)
            if sketch is not None
            else _of_points(separate, letters=letters)
        )
        Output("text", file).write(text)
    for remark in remarks:
        click.echo(remark, err=True)


_OF_POINTS = frozenset({"separate", "letters"})
_OF_BOTH = frozenset({"file", "force"})


def _check_belongs(context: click.Context, *, of_points: bool) -> None:
    """Refuses options that nothing is made of here, rather than leave them out in silence."""
    from backprop_cli.errors import listed, refusal

    others = [
        option.opts[0]
        for option in context.command.params
        if isinstance(option, click.Option)
        and option.name not in _OF_BOTH
        and (option.name in _OF_POINTS) != of_points
        and is_stated(str(option.name))
    ]
    if others:
        what, instead = ("--separate", "a sketch") if of_points else ("a sketch", "--separate")
        belongs = "belongs" if len(others) == 1 else "belong"
        message = f"{listed(others)} {belongs} to {instead}, and this is {what}"
        raise refusal(message, instead="leave out what belongs to the other")


def _of_sketch(sketch: str, choices: dict[str, object]) -> tuple[str, tuple[str, ...]]:
    from backprop_cli.classroom.new_problem import new_problem
    from backprop_cli.classroom.sketches import Choices, sketched
    from backprop_cli.cli.arguments import allowed_for

    indices = int(str(choices.pop("indices")))
    chosen = Choices(**choices, indices=indices)  # type: ignore[arg-type]  # click has checked them
    made = new_problem(sketched(sketch, chosen), allowed_for("linting"))
    return made.text, made.remarks


def _of_points(separate: Path | None, *, letters: bool) -> tuple[str, tuple[str, ...]]:
    from backprop_cli.classroom.separated_points import separating_problem
    from backprop_cli.cli.arguments import source_of

    assert separate is not None  # `command` has seen to it
    return separating_problem(source_of(separate), letters=letters), ()

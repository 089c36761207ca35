"""`backprop solve`: a problem file to its worked derivation."""

from __future__ import annotations

from pathlib import Path

import click

from backprop_cli.cli.common import PROBLEM, output_options


def ids(ctx: click.Context, _param: click.Parameter, typed: str) -> list[str]:
    """What a shell offers for an id: the quantities of the problem named before it."""
    return [id for id in _known(ctx) if id.startswith(typed)]


def ids_and_phases(ctx: click.Context, _param: click.Parameter, typed: str) -> list[str]:
    """The same, and the parts of a derivation."""
    return [
        name for name in ("forward", "backward", "update", *_known(ctx)) if name.startswith(typed)
    ]


def parameters(ctx: click.Context, _param: click.Parameter, typed: str) -> list[str]:
    """Quantities whose entries have a gradient."""
    from backprop_cli.algebra.quantity import new_id

    known = _known(ctx)
    return [id for id in known if id.startswith(typed) and new_id(id) in known]


def _known(ctx: click.Context) -> list[str]:
    problem = ctx.params.get("problem")
    words = [problem] if problem else ctx.args  # click keeps what it could not yet give a meaning
    files = [Path(word) for word in words if Path(word).is_file()]
    if not files:
        return []
    from backprop_cli.cli.arguments import load
    from backprop_cli.errors import UserError

    try:
        return load(files[0]).known()
    except UserError:
        return []


@click.command(
    "solve",
    epilog="\b\nExample:\n  backprop solve problems/momentum.yaml --steps 20 --at 20 --only update",
)
@PROBLEM
@output_options("text", "json", "markdown", "latex", "html", "python")
@click.option(
    "--detail",
    type=click.Choice(["short", "normal", "long"]),
    default="normal",
    show_default=True,
    help="short: formula and result; normal: with the numbers put in; long: every entry too.",
)
@click.option(
    "--only",
    multiple=True,
    metavar="ID",
    shell_complete=ids_and_phases,
    help="Show only this: an id such as dL/dW1 or dYhat/dW1, or forward, backward, update."
    " Repeatable.",
)
@click.option(
    "--entry",
    metavar="'W1[2,1]'",
    shell_complete=parameters,
    help="Follow one weight along every path to the loss.",
)
@click.option("--until", metavar="ID", shell_complete=ids, help="Stop after this quantity.")
@click.option(
    "--steps", type=click.IntRange(0), metavar="N", help="Train N steps instead of the file's."
)
@click.option(
    "--at",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="K",
    help="Show the derivation of step K.",
)
@click.option("--verify", is_flag=True, help="Compare every gradient with finite differences.")
def command(problem: Path, **options: object) -> None:
    """Works PROBLEM out: forward, backward and update, every intermediate shown.

    PROBLEM is a YAML file, or - for standard input. With letters for numbers in x, every quantity
    is given as a function of them.

    An ID is the name of a quantity: Z1, dL/dW1, W1_new. Read as the same: dW1, grad_W1, ∇W1.
    """
    from backprop_cli.cli.solve_run import Options, run

    run(problem, Options(**options))  # type: ignore[arg-type]  # click has checked them

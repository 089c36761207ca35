"""The command line: options in, functions called, exit code out."""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
import threading
from importlib import import_module
from typing import NoReturn

import click

from backprop_cli import __version__
from backprop_cli.errors import USAGE

INTERRUPTED = 130  # exit code: Ctrl-C, as shells have it
_NOT_OURS = (signal.SIG_DFL, signal.default_int_handler)  # handlers that nobody has chosen
_LAST_STREAM = 2  # the number of standard error
_OBJECTS = 200_000  # made before Python looks for unreachable ones: a short run makes 65,000

_COMMANDS = {
    "solve": "Forward, backward, update: every intermediate, step by step.",
    "check": "Grade answer files: right, carried, rounded or wrong, and which slip it was.",
    "blank": "An empty answer sheet: every asked quantity with its shape.",
    "lint": "What a teacher should know before handing a problem out.",
    "vary": "The same problem with other numbers, one for each student.",
    "new": "A problem file from a sketch such as 4-3-2, or from labelled points.",
    "handout": "The exercise as it is handed out: what is given, what is asked, no solution.",
    "practice": "Work through a problem: each answer judged at once, hints step by step.",
    "export": "A question of PrairieLearn or Moodle.",
    "derive": "The same in symbols: derivatives line by line, Jacobians, regions of free inputs.",
    "draw": "The computation graph: values forward and gradients back, as SVG or in the terminal.",
}
_MEANT = {
    **dict.fromkeys(("grade", "mark", "correct", "verify", "test"), "check"),
    **dict.fromkeys(("run", "train", "compute", "calculate", "forward", "backward"), "solve"),
    **dict.fromkeys(("sheet", "template", "answers"), "blank"),
    **dict.fromkeys(("hint", "exercise", "learn", "tutor"), "practice"),
    **dict.fromkeys(("plot", "graph", "show"), "draw"),
    **dict.fromkeys(("generate", "create", "init"), "new"),
    **dict.fromkeys(("variants", "students", "randomize"), "vary"),
    **dict.fromkeys(("differentiate", "diff", "symbolic"), "derive"),
}
"""What others call a command."""


class _Lazy(click.Group):
    """Loads a command's module only when that command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"backprop_cli.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            from backprop_cli.problem import ENDINGS

            if args[0].casefold().endswith(ENDINGS):
                ctx.fail(
                    f"'{args[0]}' is a file, and a command comes before it: "
                    f"backprop solve {args[0]}"
                )
            meant = _MEANT.get(args[0].casefold())
            near = [meant] if meant else get_close_matches(args[0], _COMMANDS, 1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            ctx.fail(f"There is no command '{args[0]}'.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(
    cls=_Lazy,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="\b\nExample:\n  backprop solve problems/sigmoid-softmax.yaml",
)
@click.version_option(__version__, prog_name="backprop")
def main() -> None:
    """Works backpropagation out the way you would by hand, every step shown.

    A problem file (YAML) states the network or the formulas, the numbers and the conventions.
    """


def run() -> None:
    """The console script: its exit code says whether the user, the program or nobody was wrong.

    Looking for unreachable objects while modules load, and again at the end, would take a sixth of
    the time of a short run.
    """
    gc.set_threshold(_OBJECTS)
    _open_streams()
    _take_signals()
    try:
        _run()
    except SystemExit as end:
        _leave(end.code)
        raise
    finally:
        gc.freeze()


def _leave(code: object) -> None:
    """Ends the process of a run that went well, once all is written and closed.

    To take apart all that it has made would take Python a tenth of a short run more, and the system
    does so at once. Who looks on, or works beside, still has the usual end.
    """
    watched = sys.gettrace() or sys.getprofile() or sys.flags.interactive
    if code or watched or threading.active_count() > 1:
        return
    atexit._run_exitfuncs()  # noqa: SLF001  # what others have left to do at the end
    try:
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
    except (OSError, ValueError):
        return  # Python says so
    os._exit(0)


def _open_streams() -> None:
    """Fills the places of standard streams that are closed, so that no file gets one of them."""
    while (handle := os.open(os.devnull, os.O_RDWR)) <= _LAST_STREAM:
        continue
    os.close(handle)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115  # to the end


def _take_signals() -> None:
    """Takes being told to end, in whatever way, like Ctrl-C: what is written is kept, nothing and
    nobody stays behind. What is ignored, as behind nohup, stays ignored; what comes while the
    program ends already changes nothing."""

    def end(_number: int, _frame: object) -> NoReturn:
        for number in taken:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    asked = (getattr(signal, name, None) for name in ("SIGINT", "SIGTERM", "SIGHUP"))
    taken = [each for each in asked if each and signal.getsignal(each) in _NOT_OURS]
    for number in taken:
        signal.signal(number, end)


def _run() -> NoReturn:
    try:
        sys.exit(main(standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(USAGE)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(INTERRUPTED)
    except Exception:  # noqa: BLE001  # printed, with what to do about it
        from traceback import format_exc

        from backprop_cli.cli.common import end_with_fault

        end_with_fault(format_exc())

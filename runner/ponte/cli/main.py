"""The entry point: builds the command line, runs one command, and turns errors into messages and exit codes.

Cheap to import: `ponte --help` must answer in 0.3 s, so neither Polars nor the models are imported here.
"""

from __future__ import annotations

import functools
import gc
import itertools
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.main import get_command

from ponte import __version__
from ponte.cli import exit_codes
from ponte.cli.console import OutputLostError, abandon, columns_of
from ponte.cli.memory import settle_memory
from ponte.cli.options import LogFormat

_GUIDE = """Keeps business systems in step: ERP, CRM, MES, B2B shop, analytics.

\b
  ponte init        an integration of two systems, or an example
  ponte validate    every fault with its file and line
  ponte plan JOB    what a run would do
  ponte run JOB     do it
  ponte rejects     what did not get through, and why"""

COMMANDS = {
    "manifests": ("init", "validate", "test", "doctor", "schema"),
    "jobs": ("run", "plan", "verify", "runs"),
    "rejects": ("rejects",),
    "connectors": ("connectors",),
    "ledger": ("ledger", "erase"),
}
"""The modules of `ponte.cli.commands`, and the commands that each declares."""

_NO_PLUGINS = ("PYDANTIC_DISABLE_PLUGINS", "__all__")
"""Pydantic's plugins watch validations; nobody watches these. To look for them it opens each installed distribution."""

_TYPERS_INTERRUPTED = 130


def _show_version(is_wanted: bool) -> None:  # noqa: FBT001 - Typer's signature of callbacks
    if is_wanted:
        typer.echo(f"ponte {__version__}")
        raise typer.Exit


def build_program(modules: Iterable[str] = COMMANDS) -> typer.Typer:
    """The command line with the commands of these modules."""
    program = typer.Typer(
        name="ponte",
        help=_GUIDE,
        no_args_is_help=True,
        rich_markup_mode=None,  # plain help: building it with Rich would take 0.2 s
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )

    @program.callback()
    def ponte(
        *,
        version: Annotated[
            bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
        ] = False,
    ) -> None:
        pass

    for module in modules:
        import_module(f"ponte.cli.commands.{module}").declare(program)
    ponte.__doc__ = _GUIDE
    return program


@functools.cache
def command_line(module: str | None = None) -> Callable[..., Any]:
    """What runs the commands of a module (None: of all), made once: making it takes longer than many a command."""
    return get_command(build_program() if module is None else build_program([module]))


def _module_of(arguments: list[str]) -> str | None:
    """The module of the command that the arguments begin with; None where all are needed: for help, for slips."""
    return next((module for module, names in COMMANDS.items() if arguments[:1] and arguments[0] in names), None)


def settle() -> None:
    """Before anything heavy is imported."""
    settle_memory()
    os.environ.setdefault(*_NO_PLUGINS)


def main() -> None:
    """Runs `ponte` with the arguments of the process, and exits."""
    for number in (signal.SIGINT, signal.SIGTERM):  # until a run has handlers of its own
        signal.signal(number, _interrupt)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # the shell's >&-
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - open until the end
    settle()
    code = run_program(sys.argv[1:])
    gc.freeze()  # what is alive now ends with the process: the interpreter need not search all of it for cycles
    sys.exit(code)


def _interrupt(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def run_program(arguments: list[str]) -> int:
    """Runs one command and returns the exit code; errors go to standard error as one message."""
    try:
        outcome = command_line(_module_of(arguments))(args=arguments, prog_name="ponte", standalone_mode=False)
        sys.stdout.flush()
    except SystemExit as end:
        if not isinstance(end.__context__, BrokenPipeError):  # Typer's end of help that nobody reads to its end
            raise
        return _report_lost(OutputLostError(end.__context__))
    except GeneratorExit:
        raise
    except BaseException as error:  # noqa: BLE001 - the last place to tell a person; a panic in Rust is no Exception
        return _end_by(error, arguments)
    if outcome == _TYPERS_INTERRUPTED:
        return _end_by(KeyboardInterrupt(), arguments)
    return outcome if isinstance(outcome, int) else exit_codes.OK


def _end_by(error: BaseException, arguments: list[str]) -> int:
    if isinstance(error, typer.TyperException):
        return _report_usage(error)
    if isinstance(error, typer.Abort | KeyboardInterrupt):
        return _report(_interrupted(error), arguments)
    if isinstance(error, OutputLostError):
        return _report_lost(error)
    if isinstance(error, OSError) and _is_of_help(error):
        return _report_lost(OutputLostError(error))
    return _report(error, arguments)


def _interrupted(error: typer.Abort | KeyboardInterrupt) -> Exception:
    """A stop outside of a run, which has words of its own: before it begins, after its end, at a question."""
    from ponte.errors import Interrupted  # noqa: PLC0415 - only needed when something ended early

    why = "by a signal" if isinstance(error, KeyboardInterrupt) else "at a question that was not answered"
    return Interrupted(
        f"Stopped {why}. Nothing was under way, and what was done before is kept. Next: run it again to go on."
    )


def _is_of_help(error: OSError) -> bool:
    """Whether Typer could not write: help and versions are its output, everything else goes through the Console."""
    innermost = list(traceback.walk_tb(error.__traceback__))[-1][0]
    return str(innermost.f_globals.get("__name__", "")).partition(".")[0] == typer.__name__


def _report_lost(error: OutputLostError) -> int:
    """Nothing but the output was the work."""
    abandon(sys.stdout)
    if not error.why:
        return exit_codes.OK
    sys.stderr.write(f"Standard output cannot be written: {error.why}.\n")
    return exit_codes.OUTPUT


def _report_usage(error: typer.TyperException) -> int:
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        sys.stderr.write(error.format_message().rstrip() + "\n")
        return exit_codes.USAGE
    from ponte.cli.render.text import hanging  # noqa: PLC0415 - only needed when something failed

    said = error.format_message().replace("Value error, ", "", 1)
    lines = hanging(said, width=columns_of(sys.stderr))
    lines += [f"Next: {context.command_path} --help"] if context is not None else []
    sys.stderr.write("\n".join(lines) + "\n")
    return exit_codes.USAGE


def _report(error: BaseException, arguments: list[str]) -> int:
    from ponte.cli.render.errors import describe  # noqa: PLC0415 - only needed when something failed

    description = describe(error)
    if "--debug" in arguments:
        traceback.print_exception(error)
    is_json = any(LogFormat.JSON.value in pair for pair in _log_formats(arguments))
    lines = [description.as_json()] if is_json else description.as_lines(columns_of(sys.stderr))
    sys.stderr.write("\n".join(lines) + "\n")
    return description.exit_code


def _log_formats(arguments: list[str]) -> list[str]:
    """What stands at --log-format, in either spelling; the error may have come before the options were parsed."""
    following = dict(itertools.pairwise(arguments))
    return [following.get("--log-format", ""), *(text for text in arguments if text.startswith("--log-format="))]


if __name__ == "__main__":
    main()

"""Options that commands share, and groups of options as dataclasses.

A command's function takes dataclasses; `expand` gives it the flat signature that Typer reads, so that no option has to
be repeated in twenty signatures and none gets lost on the way to the work.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer


class Output(StrEnum):
    """How results are written to standard output."""

    TEXT = "text"
    JSON = "json"


class LogFormat(StrEnum):
    """How progress and errors are written to standard error."""

    TEXT = "text"
    JSON = "json"


@dataclasses.dataclass(frozen=True, slots=True)
class Common:
    """Options of every command on which they have an effect."""

    folders: Annotated[
        list[Path] | None,
        typer.Option(
            "-f",
            "--file",
            metavar="PATH",
            help="Folder or file with manifests; repeatable, later ones replace earlier ones. "
            "[default: ./integration, or . where it holds manifests]",
            show_default=False,
        ),
    ] = None
    secrets: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder of secrets and settings: NAME/KEY is a file. [default: the environment]",
            envvar="PONTE_SECRETS",
            show_default=False,
            show_envvar=True,
        ),
    ] = None
    ledger: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Ledger: sqlite:///PATH or postgresql://HOST/DATABASE. "
            "[default: .ponte/ledger.db beside the folder of the manifests]",
            envvar="PONTE_LEDGER",
            show_default=False,
            show_envvar=True,
        ),
    ] = None
    output: Annotated[Output, typer.Option("-o", "--output", help="Results as text or as JSON.")] = Output.TEXT
    log_format: Annotated[LogFormat, typer.Option(help="Progress, errors: text or JSON lines.")] = LogFormat.TEXT
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error comes from.")] = False


Command = Callable[..., None]


def expand(function: Command) -> Command:
    """The function with each dataclass parameter replaced by the dataclass's fields, as Typer wants it."""
    return _expanded(function, frozenset())


def expand_without(*names: str) -> Callable[[Command], Command]:
    """`expand` for commands in which some fields would have no effect: they keep their default and are not offered."""
    return functools.partial(_expanded, left_out=frozenset(names))


def _expanded(function: Command, left_out: frozenset[str]) -> Command:
    hints = get_type_hints(function, include_extras=True)
    own = [
        parameter.replace(annotation=hints[name])
        for name, parameter in inspect.signature(function).parameters.items()
        if not dataclasses.is_dataclass(hints[name])
    ]
    groups = {name: hint for name, hint in hints.items() if dataclasses.is_dataclass(hint)}
    grouped = [parameter for group in groups.values() for parameter in _parameters(group, left_out)]

    @functools.wraps(function)
    def expanded(**values: Any) -> None:
        built = {name: _build(group, values) for name, group in groups.items()}
        function(**{parameter.name: values[parameter.name] for parameter in own}, **built)

    parameters = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in (*own, *grouped)]
    expanded.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    expanded.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # read by inspect (PEP 362)
    del expanded.__wrapped__  # else the hints are read from the original
    return expanded


def _parameters(group: Any, left_out: frozenset[str]) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=hints[field.name],
            default=inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default,
        )
        for field in dataclasses.fields(group)
        if field.name not in left_out
    ]


def _build(group: Any, values: dict[str, Any]) -> Any:
    return group(**{field.name: values[field.name] for field in dataclasses.fields(group) if field.name in values})

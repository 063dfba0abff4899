"""Questions to a person at a terminal, one line each; an answer that does not fit is asked for again."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

import typer

from ponte.cli.console import Console, columns_of
from ponte.cli.render.next_steps import MARK
from ponte.cli.render.text import escape, hanging
from ponte.errors import ConfigurationError, PonteError, TransientError, UsageError

_T = TypeVar("_T")


def is_somebody_there() -> bool:
    """Whether questions can be asked and answered."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(console: Console, question: str, default: str = "") -> str:
    """One answer, without blanks around it. Raises Abort at the end of the input."""
    console.tell(f"{question}{f' [{escape(default)}]' if default else ''}: ")
    line = sys.stdin.readline()
    if not line:
        raise typer.Abort
    return line.strip() or default


def ask_secretly(console: Console, question: str) -> str:
    """One answer that does not show on the terminal. Raises Abort at the end of the input."""
    try:
        return getpass.getpass(f"{escape(question)}: ", console.err)
    except EOFError as error:
        raise typer.Abort from error


def ask_until(console: Console, question: str, understand: Callable[[str], _T], default: str = "") -> _T:
    """An answer that is understood; until then it is said what is wrong with it."""
    while True:
        try:
            return understand(ask(console, question, default))
        except (UsageError, ConfigurationError, TransientError) as error:
            _complain(console, error)


def choose(console: Console, question: str, choices: Sequence[str], default: str = "") -> str:
    """One of the choices, by number or name."""
    for number, choice in enumerate(choices, 1):
        console.tell(f"  {number}  {escape(choice)}\n")

    def understand(answer: str) -> str:
        if answer.isdigit() and 1 <= int(answer) <= len(choices):
            return choices[int(answer) - 1]
        meant = [choice for choice in choices if answer in (choice, choice.partition(": ")[0])]
        if len(meant) == 1:
            return meant[0]
        raise UsageError("This is none of them. Next: write one of the numbers.")

    return ask_until(console, question, understand, default or ("1" if len(choices) == 1 else ""))


def is_agreed(console: Console, question: str) -> bool:
    """Whether a person says yes; an empty answer is one."""
    return ask(console, f"{question} [Y/n]").lower() in {"", "y", "yes"}


def _complain(console: Console, error: PonteError) -> None:
    width = columns_of(console.err)
    lines = error.message.replace(f" {MARK}", f"\n{MARK}").splitlines()
    told = (part for line in lines for part in hanging(line, width=width and width - 2))
    console.tell("".join(f"  {line}\n" for line in told))

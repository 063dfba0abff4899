"""Where output goes: results to standard output, progress and errors to standard error, colours only for people."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TextIO

from ponte.cli.options import Common, LogFormat, Output


class OutputLostError(Exception):
    """Standard output takes nothing more. No OSError: Typer would end the program by itself on some of them.

    Attributes:
        why: what the system says; empty where whoever read the output has enough, which is no fault.
    """

    def __init__(self, error: OSError) -> None:
        self.why = "" if isinstance(error, BrokenPipeError) else error.strerror or type(error).__name__
        super().__init__(self.why)


def abandon(stream: TextIO) -> None:
    """Nothing more is written to a broken stream, not even by the interpreter at its end (which would exit 120)."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}


@dataclass(frozen=True, slots=True)
class Console:
    """The two streams and what may be written to them."""

    out: TextIO
    err: TextIO
    output: Output = Output.TEXT
    log_format: LogFormat = LogFormat.TEXT

    @property
    def is_json(self) -> bool:
        """Whether results are JSON."""
        return self.output is Output.JSON

    @property
    def width(self) -> int | None:
        """Columns of the terminal that shows the results, or COLUMNS where it is set; None for no limit."""
        return columns_of(self.out)

    @property
    def is_live(self) -> bool:
        """Whether standard error is a terminal on which a line can be drawn again."""
        is_dumb = os.environ.get("TERM", "dumb") == "dumb"
        return self.err.isatty() and not is_dumb and self.log_format is LogFormat.TEXT

    def styled(self, text: str, style: str) -> str:
        """The text in a style, where standard output is a terminal and NO_COLOR is not set (no-color.org)."""
        is_plain = not self.out.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") == "dumb"
        return text if is_plain else f"\x1b[{_CODES[style]}m{text}\x1b[0m"

    def show(self, lines: Iterable[str]) -> None:
        """Writes results as lines. Raises as `show_json`."""
        self._write("".join(line + "\n" for line in lines))

    def say(self, statements: Iterable[str]) -> None:
        """Writes results that are sentences: on a terminal broken between words. Raises as `show_json`."""
        from ponte.cli.render.text import hanging  # noqa: PLC0415 - `ponte --help` needs no text of results

        self.show(line for said in statements for line in hanging(said, width=self.width))

    def show_json(self, document: Any) -> None:
        """Writes one JSON document.

        Raises:
            OutputLostError: it cannot be written.
        """
        self._write(json.dumps(document, ensure_ascii=False, indent=2, default=str) + "\n")

    def log(self, level: str, message: str, **facts: Any) -> None:
        """Writes one message to standard error: the text, or a JSON line with the facts."""
        if self.log_format is LogFormat.JSON:
            message = json.dumps({"level": level, "message": message, **facts}, ensure_ascii=False, default=str)
        self.tell(message + "\n")

    def tell(self, text: str) -> None:
        """Writes to standard error as it is. That nobody hears of it is no reason to stop what goes on."""
        try:
            self.err.write(text)
            self.err.flush()
        except OSError:
            abandon(self.err)

    def _write(self, text: str) -> None:
        try:
            self.out.write(text)
            self.out.flush()
        except OSError as error:
            raise OutputLostError(error) from error


def columns_of(stream: TextIO) -> int | None:
    """Columns of the terminal that shows a stream, or COLUMNS where it is set; None for no limit."""
    if os.environ.get("COLUMNS"):
        return shutil.get_terminal_size().columns
    return os.get_terminal_size(stream.fileno()).columns or None if stream.isatty() else None


def console_of(common: Common) -> Console:
    """The console as the options ask for it."""
    return Console(sys.stdout, sys.stderr, common.output, common.log_format)

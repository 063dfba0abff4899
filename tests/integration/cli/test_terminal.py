"""The program on a real terminal: lines fit its width, the bar is drawn again, results stay clean in a pipe."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import termios
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

Ponte = Callable[..., subprocess.CompletedProcess[str]]
REDRAWN = "\r\x1b[2K"


@pytest.fixture
def export(ponte: Ponte, tmp_path: Path) -> Path:
    """An integration with enough articles for a bar."""
    ponte("init", "--example")
    with (tmp_path / "integration" / "data" / "articles.csv").open("a", encoding="utf-8") as articles:
        articles.writelines(f"1{number:06d};Articolo {number};12,50;1;S\n" for number in range(2_000))
    return tmp_path


def on_terminal(command: list[str], folder: Path, columns: int, *, code: int = 0, **variables: str) -> str:
    """What a terminal of so many columns gets; the process ends by itself, with this code."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "NO_COLOR"}}
    said = b""
    with subprocess.Popen(
        command, cwd=folder, env=environment | {"TERM": "xterm"} | variables,
        stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True,
    ) as process:  # fmt: skip
        os.close(theirs)
        with suppress(OSError):  # EIO: the other side is closed
            while piece := os.read(ours, 4096):
                said += piece
        assert process.wait(30) == code, said
    os.close(ours)
    return said.decode()


@pytest.mark.parametrize("columns", [40, 80, 160])
def test_no_line_of_a_run_is_wider_than_the_terminal(program: list[str], export: Path, columns: int) -> None:
    said = on_terminal([*program, "run", "products"], export, columns)

    assert REDRAWN in said
    lines = said.replace(REDRAWN, "\n").replace("\r\n", "\n").split("\n")
    assert max(map(len, lines)) <= columns
    assert "read 2,005 = created 2,003" in said


def test_a_dumb_terminal_gets_no_bar_and_no_escape(program: list[str], export: Path) -> None:
    assert "\x1b" not in on_terminal([*program, "run", "products"], export, 80, TERM="dumb")


@pytest.mark.parametrize(("columns", "ending"), [(40, "\n  "), (80, "")])
def test_an_error_is_broken_between_words(program: list[str], export: Path, columns: int, ending: str) -> None:
    said = on_terminal([*program, "run", "prodcts"], export, columns, code=64).replace("\r\n", "\n")

    assert max(map(len, said.split("\n"))) <= columns
    whole = 'There is no SyncJob "prodcts" in ./integration. Did you mean "products"?'
    assert " ".join(said.split()) == whole
    assert ending in said

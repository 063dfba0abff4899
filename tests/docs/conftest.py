"""Sessions in Markdown: what a reader would type, and what they are told to see. CONTRIBUTING.md explains the form."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

FENCE = re.compile(r"^```(?P<language>\w+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
FILE_LINE = re.compile(r"# file: (?P<path>\S+)\n")
EXIT = re.compile(r"\s+# exit (?P<code>\d+)$")
ANYTHING = "…"
TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file that the page shows, written before what follows it."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Command:
    """One line of a session, the exit code that it ends with, and the lines that follow it on the page."""

    line: str
    exit_code: int
    shown: tuple[str, ...]


def steps(page: str) -> Iterator[WrittenFile | Command]:
    """Files and commands of a page, in order."""
    for block in FENCE.finditer(page):
        if block["language"] == "console":
            yield from _commands(block["body"])
        elif match := FILE_LINE.match(block["body"]):
            yield WrittenFile(match["path"], block["body"][match.end() :])


def _commands(body: str) -> Iterator[Command]:
    joined = body.replace("\\\n", "")
    before, *sessions = re.split(r"^\$ ", joined, flags=re.MULTILINE)
    if before.strip():
        raise ValueError(f"a console block begins with a command, not with {before.strip()!r}")
    for session in sessions:
        line, *shown = session.splitlines()
        exit_mark = EXIT.search(line)
        yield Command(
            EXIT.sub("", line),
            int(exit_mark["code"]) if exit_mark else 0,
            tuple(text for text in shown if text.strip()),
        )


def missing(shown: tuple[str, ...], output: str) -> str | None:
    """The first line of the page that the output does not have, in this order; None when all are there."""
    lines = iter([" ".join(line.split()) for line in output.splitlines()])
    for wanted in shown:
        if wanted.strip() == ANYTHING:
            continue
        pattern = ".*".join(re.escape(" ".join(piece.split())) for piece in wanted.split(ANYTHING))
        loose = re.compile(pattern.replace(".*", r"\s*.*\s*"))
        if not any(loose.fullmatch(line) for line in lines):
            return wanted
    return None


@pytest.fixture(scope="session")
def play() -> Callable[[str, Path], None]:
    """Does what a page says, in a folder; raises AssertionError at the first step that is not as the page says."""
    return _play


def _play(page: str, folder: Path) -> None:
    current = folder
    for step in steps(page):
        if isinstance(step, WrittenFile):
            target = current / step.path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(step.text)
        else:
            current = _run(step, current, folder)


def _run(command: Command, current: Path, home: Path) -> Path:
    where = home / ".where"
    done = subprocess.run(
        ["/bin/bash", "-c", f'{command.line}\nstatus=$?\npwd > "{where}"\nexit $status'],
        cwd=current,
        env={
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}/usr/local/bin:/usr/bin:/bin",
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "COLUMNS": "160",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        timeout=TIMEOUT_S,
        check=False,
    )
    output = done.stdout.decode()
    assert done.returncode == command.exit_code, f"$ {command.line}\nexit {done.returncode}\n{output}"
    absent = missing(command.shown, output)
    assert absent is None, f"$ {command.line}\ndid not show: {absent}\nbut:\n{output}"
    return Path(where.read_text().rstrip("\n")) if where.exists() else current

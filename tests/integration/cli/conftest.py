"""The program, as a person starts it, and the same inside this process, which is ten times as fast."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ponte.cli.main import run_program

Ponte = Callable[..., subprocess.CompletedProcess[str]]
Rows = list[tuple[Any, ...]]


@pytest.fixture
def program() -> list[str]:
    """How `ponte` is started: by the interpreter that runs the tests."""
    return [sys.executable, "-m", "ponte.cli.main"]


@pytest.fixture
def started_ponte(tmp_path: Path, program: list[str]) -> Ponte:
    """Starts `ponte` as a process of its own with these words, in a new folder, and gives what came of it."""

    def run(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*program, *words],
            cwd=tmp_path,
            env=os.environ | variables,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
def ponte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ponte:
    """The same inside this process."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        with monkeypatch.context() as environment:
            for name, value in variables.items():
                environment.setenv(name, value)
            capsys.readouterr()
            exit_code = run_program(list(words))
            said = capsys.readouterr()
        return subprocess.CompletedProcess(words, exit_code, said.out, said.err)

    return run


@pytest.fixture
def sqlite() -> Callable[..., Rows]:
    """Runs statements on a SQLite file, in one transaction, and gives the rows of the last."""

    def execute(path: Path, *statements: str) -> Rows:
        rows: Rows = []
        with closing(sqlite3.connect(path)) as connection, connection:
            for statement in statements:
                rows = connection.execute(statement).fetchall()
        return rows

    return execute

"""The program itself, as a person starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Ponte = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def program() -> list[str]:
    """How `ponte` is started: by the interpreter that runs the tests."""
    return [sys.executable, "-m", "ponte.cli.main"]


@pytest.fixture
def ponte(tmp_path: Path, program: list[str]) -> Ponte:
    """Runs `ponte` with these words in a new folder and gives what came of it."""

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

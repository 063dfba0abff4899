"""What the tests of the architecture look at: the files that Git knows, and those that are about to be known."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

SHIPPED = {"runner", "crds", "operator"}


@pytest.fixture(scope="session")
def tracked(repository: Path) -> list[Path]:
    """Files that Git tracks or would track, relative to the root."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
    )
    return sorted({Path(name) for name in listed.stdout.split("\0") if name and (repository / name).is_file()})


@pytest.fixture(scope="session")
def python_files(tracked: list[Path]) -> list[Path]:
    """All Python files."""
    return [path for path in tracked if path.suffix == ".py"]


@pytest.fixture(scope="session")
def modules(python_files: list[Path]) -> list[Path]:
    """Python files of the shipped packages and of the generators beside them."""
    return [path for path in python_files if path.parts[0] in SHIPPED]

"""What the tests of the architecture look at: the files that Git knows."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tracked(repository: Path) -> list[Path]:
    """Files that Git tracks and that are still there, relative to the root."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607 - the git of whoever runs the tests
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
    )
    return [Path(name) for name in listed.stdout.split("\0") if name and (repository / name).is_file()]


@pytest.fixture(scope="session")
def modules(repository: Path, tracked: list[Path]) -> list[Path]:
    """Python files of the shipped packages and of the tools around them, relative to the root."""
    return [
        path for path in tracked if path.suffix == ".py" and path.parts[0] in {"runner", "crds", "operator", "tools"}
    ]

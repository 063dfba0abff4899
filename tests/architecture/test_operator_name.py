"""The folder `operator/` must never shadow the standard library's module of that name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_the_standard_library_starts_with_the_root_on_the_path(repository: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import operator, collections; print(operator.__file__)"],
        cwd=repository,
        env={"PYTHONPATH": ".", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert not Path(done.stdout.strip()).is_relative_to(repository)


def test_no_folder_named_operator_is_a_package(tracked: list[Path]) -> None:
    shadowing = [
        path for path in tracked if path.parts[-2:] == ("operator", "__init__.py") or path.name == "operator.py"
    ]

    assert shadowing == []

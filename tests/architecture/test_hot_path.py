"""What a start costs: heavy libraries are imported only by those who use them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

IMPORTED = re.compile(r"^import time:\s+\d+ \|\s+\d+ \|\s+(?P<module>\S+)$", re.MULTILINE)
START = "import sys; from ponte.cli.main import main; sys.argv[0] = 'ponte'; main()"

NOT_FOR_HELP = {"polars", "pydantic", "sqlalchemy", "alembic", "httpx", "aiohttp", "psycopg", "adbc_driver_manager"}
NOT_FOR_A_RUN = {"sqlalchemy", "alembic", "pyarrow", "pandas", "numpy", "httpx", "aiohttp", "psycopg"}


def libraries_of(folder: Path, *arguments: str) -> set[str]:
    """Top-level names of all that `ponte` imported while it did this."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", START, *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, "\n".join(line for line in done.stderr.splitlines() if "import time:" not in line)
    return {match["module"].partition(".")[0] for match in IMPORTED.finditer(done.stderr)}


@pytest.fixture
def integration(tmp_path: Path) -> Path:
    """A folder with the integration of `ponte init`: CSV to SQLite."""
    libraries_of(tmp_path, "init")
    return tmp_path


@pytest.mark.parametrize("arguments", [("--help",), ("--version",)], ids=" ".join)
def test_help_is_answered_without_heavy_libraries(arguments: tuple[str, ...], tmp_path: Path) -> None:
    imported = libraries_of(tmp_path, *arguments)

    assert "typer" in imported
    assert imported & NOT_FOR_HELP == set()


def test_a_run_from_files_to_sqlite_imports_no_foreign_driver(integration: Path) -> None:
    imported = libraries_of(integration, "run", "products")

    assert {"polars", "sqlite3"} <= imported
    assert imported & NOT_FOR_A_RUN == set()


def test_importing_the_models_builds_none_of_their_validators_and_reads_no_descriptions() -> None:
    code = (
        "from ponte.manifests.collection import KINDS\n"
        "models = KINDS.values()\n"
        "print([model.__name__ for model in models if model.__pydantic_complete__])\n"
        "print([field.description for model in models for field in model.model_fields.values() if field.description])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["[]", "[]"]

"""`ponte init`: a small integration that works, to start from."""

from __future__ import annotations

import contextlib
import shlex
import sqlite3
from importlib import resources
from pathlib import Path

from ponte.cli.console import console_of
from ponte.cli.options import Common
from ponte.errors import UsageError

_MANIFESTS = ("systems.yaml", "products.yaml")
_DATA = "articles.csv"
_SHOP = "CREATE TABLE products (sku TEXT PRIMARY KEY, name TEXT NOT NULL, price NUMERIC, stock INTEGER)"
_FOLDER_MARK = "@FOLDER@"


def make_integration(folder: Path, common: Common) -> None:
    """Writes manifests, a CSV file and an empty database into a folder that is new or empty.

    Raises:
        UsageError: something is in the folder already; nothing is written then.
    """
    refuse_used(folder)
    written = _write(folder)
    console = console_of(common)
    if console.is_json:
        console.show_json({"folder": str(folder), "files": [str(file) for file in written]})
    else:
        console.show(_next_steps(folder, written))


def refuse_used(folder: Path) -> None:
    """Raises UsageError where something is in the folder already: init overwrites nothing."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(
            f'"{folder}" is there already and not empty; nothing was written.\n'
            "Next: ponte init OTHER-FOLDER, or ponte validate to see what is in it."
        )


def where_option(folder: Path) -> str:
    """What commands need to find the manifests; nothing where they look by themselves."""
    return "" if folder == Path("integration") else f" -f {shlex.quote(str(folder))}"


def _write(folder: Path) -> list[Path]:
    templates = resources.files("ponte.cli").joinpath("templates", "first")
    data = folder / "data"
    data.mkdir(parents=True)
    written = []
    for name, place in (*((name, folder) for name in _MANIFESTS), (_DATA, data)):
        text = templates.joinpath(name).read_text(encoding="utf-8").replace(_FOLDER_MARK, folder.as_posix())
        (place / name).write_text(text, encoding="utf-8")
        written.append(place / name)
    with contextlib.closing(sqlite3.connect(data / "shop.db")) as database, database:
        database.execute(_SHOP)
    return [*written, data / "shop.db"]


def _next_steps(folder: Path, written: list[Path]) -> list[str]:
    where = where_option(folder)
    return [
        *(f"  {file}" for file in written),
        "",
        "Five articles of an export go into a shop's table; one is wrong on purpose.",
        "Next:",
        f"  ponte validate{where}",
        f"  ponte test{where}",
        f"  ponte plan products{where}",
        f"  ponte run products{where}",
    ]

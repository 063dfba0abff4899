"""Rows put down in temporary files, for connections that do nothing else while rows come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from ponte.connectors.relational.client import Rows


def spooled(pages: Iterable[Rows]) -> Iterator[Rows]:
    """The pages, once the last one has come: afterwards the connection is free."""
    with TemporaryDirectory(prefix="ponte-") as folder:
        kept = [_keep(rows, Path(folder) / f"{number}.arrow") for number, rows in enumerate(pages)]
        for path, faults in kept:
            yield Rows(pl.read_ipc(path), faults)
            path.unlink()


def _keep(rows: Rows, path: Path) -> tuple[Path, pl.DataFrame | None]:
    rows.frame.write_ipc(path)
    return path, rows.faults

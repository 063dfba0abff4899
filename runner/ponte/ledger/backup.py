"""Copying a SQLite ledger while it is in use: `ponte ledger backup`."""

from __future__ import annotations

import os
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ponte.errors import ConfigurationError, UsageError
from ponte.ledger.database import Database
from ponte.ledger.sqlite import SqliteDatabase, unusable
from ponte.ledger.sqlite_files import damaged


def backup(db: Database, file: Path) -> int:
    """Copies a SQLite ledger as it is at one moment; runs go on beside it.

    The copy is a ledger of its own: it is used by naming it. It is on disk, and has been checked, when this returns.

    Returns:
        its size in bytes.

    Raises:
        UsageError: the file is there already, or the ledger is in PostgreSQL, which has tools of its own.
        StateError: the copy could not be made, or is not sound; no file is left then.
    """
    if not isinstance(db, SqliteDatabase):
        raise UsageError(
            "A PostgreSQL ledger is saved by pg_dump, with the rest of its database. Next: that, or ponte ledger "
            "export FILE"
        )
    with new_file(file) as part:
        try:
            _copy(db, part)
        except sqlite3.Error as error:
            raise unusable(part, error) from error
    return file.stat().st_size


def _copy(db: SqliteDatabase, part: Path) -> None:
    with closing(sqlite3.connect(part)) as copy:
        db.connection.backup(copy, pages=-1)
        verdict = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise damaged(db.path, f"its copy fails SQLite's check ({verdict})")


@contextmanager
def new_file(file: Path) -> Iterator[Path]:
    """A file to write, which takes its name only when it is whole and on disk, and never another's place.

    Raises:
        UsageError: there is something of that name.
        ConfigurationError: it cannot be written.
    """
    refused = UsageError(f"{file} is there already; nothing is overwritten. Next: name another file.")
    if file.exists():
        raise refused
    part = file.with_name(f".{file.name}.{uuid.uuid4().hex}.part")
    try:
        part.touch(mode=0o600)
        yield part
        _to_disk(part)
        os.link(part, file)
        _to_disk(file.parent)
    except FileExistsError as error:
        raise refused from error
    except OSError as error:
        raise ConfigurationError(
            f"{file} cannot be written: {error.strerror}. Nothing was left there. Next: name another place.",
            reason="FileNotWritten",
        ) from error
    finally:
        part.unlink(missing_ok=True)


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

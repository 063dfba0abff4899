"""Addresses of empty ledgers for tests: a file, or a schema of its own in a PostgreSQL database."""

from __future__ import annotations

import uuid
from pathlib import Path

import psycopg
from psycopg import sql


def own_file(folder: Path) -> str:
    """Address of a SQLite ledger that is not there yet."""
    return f"sqlite:///{folder / f'{uuid.uuid4().hex}.db'}"


def own_schema(postgres_url: str) -> str:
    """Address of an empty schema of its own, made in that database: cheaper than a database, as good for a ledger."""
    name = f"ledger_{uuid.uuid4().hex}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
    return f"{postgres_url}{'&' if '?' in postgres_url else '?'}options=-csearch_path%3D{name}"

"""Writes `sqlite.sql` and `postgresql.sql` from the tables: what a new ledger is made by, without SQLAlchemy.

python -m ponte.ledger.schema.generate [--check]
"""

from __future__ import annotations

import sys
from pathlib import Path

from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.dialects.sqlite.base import SQLiteDialect
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.schema import CreateIndex, CreateTable, SetColumnComment

from ponte.ledger.tables import metadata

_HEAD = "-- Generated from ponte/ledger/tables.py by `make generate`. Do not edit.\n"


_DIALECTS: tuple[tuple[str, Dialect], ...] = (
    ("sqlite", SQLiteDialect()),
    ("postgresql", PGDialect()),  # type: ignore[no-untyped-call]  # SQLAlchemy leaves its constructor untyped
)


def schema(dialect: Dialect) -> str:
    """All statements that make a new ledger, each ended by a semicolon and a line break."""
    statements = []
    for table in metadata.sorted_tables:
        statements.append(str(CreateTable(table, if_not_exists=True).compile(dialect=dialect)))
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        statements.extend(str(CreateIndex(index, if_not_exists=True).compile(dialect=dialect)) for index in indexes)
        if dialect.supports_comments:
            commented = (column for column in table.columns if column.comment)
            statements.extend(str(SetColumnComment(column).compile(dialect=dialect)) for column in commented)
    lines = ("\n".join(line.rstrip() for line in text.strip().splitlines()) for text in statements)
    return _HEAD + "".join(f"{text};\n" for text in lines)


def main() -> int:
    """Writes the files, or with --check names those that are stale and exits 1."""
    stale = []
    for name, dialect in _DIALECTS:
        path = Path(__file__).with_name(f"{name}.sql")
        text = schema(dialect)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(path.name)
            if "--check" not in sys.argv:
                path.write_text(text, encoding="utf-8")
    if stale and "--check" in sys.argv:
        sys.stderr.write(f"stale: {', '.join(stale)}; run `make generate`\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

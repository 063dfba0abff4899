"""SQLite by the standard library. Types there belong to values, not to columns: what a column declares is checked here.

A NUMERIC column holds binary fractions; they are read as the shortest decimal text that stands for them, so that 12.5
is 12.5 and money never becomes a float of ours.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path

import polars as pl
import polars.selectors as cs

from ponte.connectors.relational.catalogue import Column, Relation, did_you_mean
from ponte.connectors.relational.client import Rows
from ponte.connectors.relational.dialect import Dialect, Stage
from ponte.connectors.relational.next_steps import REFUSED_STATEMENT
from ponte.connectors.relational.sqlite import COLLATIONS, SqliteDialect, affinity, collated, column_of_row, refused
from ponte.connectors.relational.values import decimals, faults, is_broken, join_faults, texts
from ponte.errors import ConfigurationError, TransientError

_BUSY_S = 10.0
_KEEPING_BYTES = partial(str, encoding="utf-8", errors="surrogateescape")  # what is no UTF-8 is seen in `texts`
_ZONED = re.compile(r"\d\d:\d\d.*[+-](?!00:?00$)\d\d:?\d\d$")


class _Numbered(SqliteDialect):
    def text(self, number: int) -> str:
        return f"?{number}"


class SqliteSession:
    """One connection to a SQLite file."""

    dialect: Dialect = _Numbered()

    def __init__(self, path: Path, label: str) -> None:
        self._label = label
        self._staged: dict[tuple[str, tuple[Column, ...]], Stage] = {}
        if not path.is_file():
            raise ConfigurationError(
                f"{label}: there is no file {path}. Next: correct sql.url, or have the database put there.",
                reason="DatabaseMissing",
            )
        with self._translated():
            self._connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
            self._connection.text_factory = _KEEPING_BYTES
            self._connection.execute("PRAGMA foreign_keys = ON")
            self._connection.execute("SELECT count(*) FROM sqlite_schema")

    def begin(self, *, is_snapshot: bool) -> None:
        """A snapshot begins at the first reading; a writer waits its turn at once."""
        self.execute("BEGIN" if is_snapshot else "BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Commits; a commit that fails has not happened."""
        self.execute("COMMIT")

    def rollback(self) -> None:
        """Rolls back."""
        if self._connection.in_transaction:
            self._connection.rollback()

    def relation(self, table: str | None, query: str | None) -> Relation:
        """A table or view by its name, or a query."""
        return self._query_relation(query) if query is not None else self._table_relation(table or "")

    def stream(
        self, statement: str, parameters: Sequence[str], columns: Sequence[Column], batch_size: int
    ) -> Iterator[Rows]:
        """Rows as the statement finds them."""
        with self._translated():
            cursor = self._connection.execute(statement, parameters)
            while rows := cursor.fetchmany(batch_size):
                yield _decode(rows, columns)

    def pages(
        self, statement: str, parameters: Sequence[str], columns: Sequence[Column], batch_size: int
    ) -> Iterator[Rows]:
        """As `stream`: cursors do not disturb each other."""
        return self.stream(statement, parameters, columns, batch_size)

    def execute(self, statement: str, parameters: Sequence[str] = ()) -> None:
        """Runs a statement."""
        with self._translated():
            self._connection.execute(statement, parameters)

    def scalar(self, statement: str, parameters: Sequence[str] = ()) -> str | None:
        """The one value, as text."""
        with self._translated():
            row = self._connection.execute(statement, parameters).fetchone()
        value = None if row is None or row[0] is None else _text(row[0])
        if value is not None and is_broken(value):
            raise ConfigurationError(
                f"{self._label}: the greatest value of the cursor is not UTF-8. Next: mend it in the source.",
                reason="InvalidCursor",
            )
        if value is not None and _ZONED.search(value):
            raise ConfigurationError(
                f"{self._label}: the cursor holds times of a zone other than UTC ({value}): their text has no order."
                " Next: read from a query that makes them UTC: datetime(COLUMN).",
                reason="InvalidCursor",
            )
        return value

    def stage(self, name: str, columns: Sequence[Column], frame: pl.DataFrame, key: Sequence[str]) -> Stage:
        """Fills a temporary table, which has the affinity of the target's columns."""
        stage = self._staged.get((name, tuple(columns))) or self._create_stage(name, tuple(columns), key)
        marks = ", ".join("?" * frame.width)
        with self._translated():
            self._connection.execute(f"DELETE FROM {stage.sql}")
            self._connection.executemany(f"INSERT INTO {stage.sql} VALUES ({marks})", _storable(frame).iter_rows())
        return stage

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()

    def _create_stage(self, name: str, columns: tuple[Column, ...], key: Sequence[str]) -> Stage:
        stage = Stage(f"temp.{self.dialect.quote(f'ponte_stage_{len(self._staged)}')}", columns)
        fields = "".join(f", {self.dialect.quote(c.name)} {affinity(c)}" for c in columns)
        self.execute(f"CREATE TEMPORARY TABLE {stage.sql.removeprefix('temp.')} (ponte_row INTEGER{fields})")
        index = f"{self.dialect.quote(f'ponte_stage_{len(self._staged)}_key')} ON {stage.sql.removeprefix('temp.')}"
        self.execute(f"CREATE INDEX temp.{index} ({', '.join(map(self.dialect.quote, key))})")
        self._staged[name, columns] = stage
        return stage

    def _table_relation(self, name: str) -> Relation:
        with self._translated():
            rows = self._connection.execute("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')").fetchall()
            known = [row[0] for row in rows]
            found = name if name in known else name.removeprefix("main.")
            if found not in known:
                raise ConfigurationError(
                    f"{self._label}: there is no table {name!r}.{did_you_mean(name, known)}", reason="TableMissing"
                )
            columns = collated(
                self._columns(found), self._connection.execute(COLLATIONS.format("?1"), (found,)).fetchall()
            )
            return Relation(f"main.{self.dialect.quote(found)}", f"{self._label}: {name}", columns, self._unique(found))

    def _query_relation(self, query: str) -> Relation:
        sql = f"({query.strip().rstrip(';')}\n)"
        view = self.dialect.quote("ponte_query")
        with self._translated():
            self._connection.execute(f"CREATE TEMPORARY VIEW {view} AS SELECT * FROM {sql}")
            try:
                columns = self._columns("ponte_query")
            finally:
                self._connection.execute(f"DROP VIEW {view}")
        return Relation(sql, f"{self._label}: the query", columns)

    def _columns(self, table: str) -> tuple[Column, ...]:
        rows = self._connection.execute("SELECT * FROM pragma_table_xinfo(?1)", (table,)).fetchall()
        keys = [row for row in rows if row[5]]
        return tuple(column_of_row(row, is_rowid=len(keys) == 1 and bool(row[5])) for row in rows)

    def _unique(self, table: str) -> tuple[frozenset[str], ...]:
        primary = self._connection.execute("SELECT name FROM pragma_table_info(?1) WHERE pk > 0", (table,)).fetchall()
        keys = [frozenset(row[0] for row in primary)] if primary else []
        indexes = 'SELECT name FROM pragma_index_list(?1) WHERE "unique" = 1 AND partial = 0'
        for (index,) in self._connection.execute(indexes, (table,)).fetchall():
            names = [row[0] for row in self._connection.execute("SELECT name FROM pragma_index_info(?1)", (index,))]
            if None not in names:
                keys.append(frozenset(names))
        return tuple(keys)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise _translate(error, self._label) from error
        except UnicodeEncodeError as error:  # a name of the catalogue, on its way back into a statement
            raise ConfigurationError(
                f"{self._label}: a name of a table or column is not UTF-8. Next: rename it."
            ) from error


def _translate(error: sqlite3.Error, label: str) -> Exception:
    text = str(error)
    if isinstance(error, sqlite3.IntegrityError):
        return refused(text)
    if isinstance(error, sqlite3.OperationalError) and ("locked" in text or "busy" in text):
        return TransientError(
            f"{label}: another program holds the database ({text}). Next: run it again when that "
            "program is done with it.",
            reason="DatabaseLocked",
        )
    if "not a database" in text or "malformed" in text:
        return ConfigurationError(
            f"{label}: the file is no sound SQLite database ({text}). Next: look whether sql.url names the right file; "
            "if it does, put a backup in its place.",
            reason="DatabaseDamaged",
        )
    if "disk" in text or "readonly" in text or "unable to open" in text:
        return ConfigurationError(
            f"{label}: the database cannot be written or read ({text}). Next: let this user read and write the file "
            "and its folder, and look whether the disk is full.",
            reason="PermissionDenied",
        )
    return ConfigurationError(f"{label}: the database refused a statement: {text}. {REFUSED_STATEMENT}.")


def _storable(frame: pl.DataFrame) -> pl.DataFrame:
    """Values that the driver binds: decimals as text, which the column's affinity makes a number again."""
    return frame.with_columns(cs.decimal().cast(pl.String), cs.boolean().cast(pl.Int8))


def _decode(rows: list[tuple[object, ...]], columns: Sequence[Column]) -> Rows:
    series, found = [], []
    for values, column in zip(zip(*rows, strict=True), columns, strict=True):
        decoded, bad = _series(list(values), column)
        series.append(decoded.alias(column.name))
        if column.kind == "string":
            found.append(faults(bad, column.name, "InvalidText", "the text is not UTF-8"))
            continue
        found.append(faults(bad, column.name, "NotConvertible", f"the value is no {column.kind} ({column.declared})"))
    return Rows(pl.DataFrame(series), join_faults(found))


_STORED: dict[str, tuple[type, ...]] = {
    "integer": (int,),
    "float": (float, int),
    "binary": (bytes,),
}


def _series(values: list[object], column: Column) -> tuple[pl.Series, pl.Series]:
    kinds = set(map(type, values)) - {type(None)}
    if column.kind == "decimal":
        text, broken = texts([None if v is None else _text(v) for v in values])
        exact, bad = decimals(text, None, None)
        return exact, bad | broken
    if column.kind == "boolean":
        bad = pl.Series([v is not None and v not in (0, 1) for v in values], dtype=pl.Boolean)
        return pl.Series([bool(v) if v in (0, 1) else None for v in values], dtype=pl.Boolean), bad
    allowed = _STORED.get(column.kind)
    if allowed is None:
        return texts(values if kinds <= {str} else [None if v is None else _text(v) for v in values])
    if kinds <= set(allowed):
        return pl.Series(values, dtype=column.dtype, strict=False), pl.repeat(value=False, n=len(values), eager=True)
    bad = pl.Series([v is not None and not isinstance(v, allowed) for v in values], dtype=pl.Boolean)
    kept = [v if isinstance(v, allowed) else None for v in values]
    return pl.Series(kept, dtype=column.dtype, strict=False), bad


def _text(value: object) -> str:
    if isinstance(value, float):
        short = repr(value)
        return format(Decimal(short), "f") if "e" in short else short
    return _KEEPING_BYTES(value) if isinstance(value, bytes) else str(value)

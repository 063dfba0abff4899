"""PostgreSQL by low-level ADBC: Arrow in and out by binary COPY, with no other driver and no pyarrow.

Reading goes through COPY, which takes no bound parameters: values are bound by `set_config(name, $1, true)` and the
query takes them by `current_setting(name)`, so that a reading of any size streams and no value becomes SQL text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

import polars as pl

from ponte.arrow_stream import in_pieces, stream_frames
from ponte.connectors.relational.catalogue import Column, Relation
from ponte.connectors.relational.client import CommitLostError, Rows
from ponte.connectors.relational.dialect import Stage
from ponte.connectors.relational.postgresql import (
    PostgresqlDialect,
    has_own_type,
    query_relation,
    stage_type,
    table_relation,
)
from ponte.connectors.relational.sqlstates import LOST, translate, translate_broken_stream
from ponte.connectors.relational.values import beyond_calendar, faults, join_faults, plain_decimals, resize
from ponte.errors import ConfigurationError, PonteError, TransientError

STATEMENT_TIMEOUT_MS = 100_000  # shorter than what the target says one delivery may take
_BATCH_BYTES = "4194304"
_UNREACHED = "the database cannot be reached"
_BEFORE_THE_REASON = (" failed: ", " to address: ")  # libpq: connection to server at ADDRESS failed: REASON


class _ByCopy(PostgresqlDialect):
    def text(self, number: int) -> str:
        return f"current_setting('ponte.p{number}')"


class PostgresqlSession:
    """One connection to PostgreSQL. What takes parameters is inside a transaction that was begun."""

    dialect = _ByCopy()

    def __init__(self, uri: str, label: str) -> None:
        self._label = label
        self._manager, driver = _load_driver(label)
        self._staged: dict[tuple[str, tuple[Column, ...]], Stage] = {}
        with self._translated():
            self._database = self._manager.AdbcDatabase(driver=driver, uri=uri)
            try:
                self._connection = self._manager.AdbcConnection(self._database)
            except BaseException:
                self._database.close()
                raise

    def begin(self, *, is_snapshot: bool) -> None:
        """Begins by a statement: the driver's own transactions refuse to return to a savepoint."""
        if is_snapshot:
            self.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            return
        self.execute("BEGIN")
        self.execute("SET CONSTRAINTS ALL IMMEDIATE")
        self.execute(f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}")

    def commit(self) -> None:
        """Commits. Raises CommitLostError when the connection broke, what the server says otherwise."""
        try:
            self.execute("COMMIT")
        except TransientError as error:
            if error.reason == LOST:
                raise CommitLostError from error
            raise

    def rollback(self) -> None:
        """Rolls back; on a broken connection the server does."""
        with suppress(PonteError):
            self.execute("ROLLBACK")

    def relation(self, table: str | None, query: str | None) -> Relation:
        """A table or view by its name, with its schema where needed, or a query."""
        if query is not None:
            return self._query_relation(query)
        return table_relation(self.dialect, self._all, self._label, table or "")

    def stream(
        self, statement: str, parameters: Sequence[str], columns: Sequence[Column], batch_size: int
    ) -> Iterator[Rows]:
        """Streams by COPY; the driver's batches are cut to size."""
        self._bind(parameters)
        for frame in resize(self._frames(statement), batch_size):
            yield _decode(frame, columns)

    def pages(
        self, statement: str, parameters: Sequence[str], columns: Sequence[Column], batch_size: int
    ) -> Iterator[Rows]:
        """By a cursor of the server, which leaves the connection free between pages."""
        self._bind(parameters)
        self.execute(f"DECLARE ponte_reading NO SCROLL CURSOR FOR {statement}")
        while (frame := self._fetch(batch_size)).height:
            yield _decode(frame, columns)
        self.execute("CLOSE ponte_reading")

    def execute(self, statement: str, parameters: Sequence[str] = ()) -> None:
        """Runs a statement."""
        self._bind(parameters)
        with self._statement() as prepared:
            prepared.set_sql_query(statement)
            prepared.execute_update()

    def scalar(self, statement: str, parameters: Sequence[str] = ()) -> str | None:
        """The one value, which the statement casts to text."""
        value = self._all(statement, parameters).to_series(0)
        return None if value.is_empty() or value[0] is None else str(value[0])

    def stage(
        self,
        name: str,
        columns: Sequence[Column],
        frame: pl.DataFrame,
        key: Sequence[str],  # noqa: ARG002 - it hashes what it looks up
    ) -> Stage:
        """Copies a frame into a temporary table that empties itself at the end of the transaction."""
        stage = self._staged.get((name, tuple(columns))) or self._create_stage(name, tuple(columns))
        self._copy(frame, {"adbc.ingest.target_table": stage.sql.strip('"'), "adbc.ingest.temporary": "true"})
        return stage

    def can_append(self, table: Relation, columns: Sequence[Column]) -> bool:
        """A plain table whose columns need no cast."""
        return bool(table.path) and all(has_own_type(column) for column in columns)

    def append(self, table: Relation, columns: Sequence[Column], frame: pl.DataFrame) -> None:  # noqa: ARG002 - the frame names them
        """Copies straight into the table."""
        schema, name = table.path
        self._copy(frame, {"adbc.ingest.target_db_schema": schema, "adbc.ingest.target_table": name})

    def close(self) -> None:
        """Closes the connection."""
        for part in (self._connection, self._database):
            try:
                part.close()
            except self._manager.Error:
                continue

    def _create_stage(self, name: str, columns: tuple[Column, ...]) -> Stage:
        sql = self.dialect.quote(f"ponte_stage_{len(self._staged)}")
        fields = "".join(f", {self.dialect.quote(c.name)} {stage_type(c)}" for c in columns)
        self.execute(f"CREATE TEMPORARY TABLE IF NOT EXISTS {sql} (ponte_row integer{fields}) ON COMMIT DELETE ROWS")
        stage = Stage(sql, columns)
        self._staged[name, columns] = stage
        return stage

    def _copy(self, frame: pl.DataFrame, into: dict[str, str]) -> None:
        with self._statement() as prepared:
            prepared.set_options(**into, **{"adbc.ingest.mode": "adbc.ingest.mode.append"})
            prepared.bind_stream(in_pieces(frame))
            prepared.execute_update()

    def _bind(self, parameters: Sequence[str]) -> None:
        if not parameters:
            return
        calls = ", ".join(f"set_config('ponte.p{n}', ${n}, true) AS p{n}" for n in range(1, len(parameters) + 1))
        row = pl.DataFrame({f"p{n}": [value] for n, value in enumerate(parameters)})
        with self._statement() as prepared:
            prepared.set_sql_query(f"SELECT {calls}")
            prepared.bind_stream(row)
            handle, _ = prepared.execute_query()
            pl.DataFrame(handle)

    def _all(self, statement: str, parameters: Sequence[str] = ()) -> pl.DataFrame:
        self._bind(parameters)
        with self._statement() as prepared:
            prepared.set_sql_query(statement)
            handle, _ = prepared.execute_query()
            return pl.DataFrame(handle)

    def _fetch(self, count: int) -> pl.DataFrame:
        with self._statement() as prepared:
            prepared.set_options(**{"adbc.postgresql.use_copy": "false"})
            prepared.set_sql_query(f"FETCH FORWARD {count} FROM ponte_reading")
            handle, _ = prepared.execute_query()
            return pl.DataFrame(handle)

    def _frames(self, statement: str) -> Iterator[pl.DataFrame]:
        with self._statement() as prepared:
            prepared.set_options(**{"adbc.postgresql.batch_size_hint_bytes": _BATCH_BYTES})
            prepared.set_sql_query(statement)
            handle, _ = prepared.execute_query()
            yield from stream_frames(handle)

    def _query_relation(self, query: str) -> Relation:
        sql = f"({query.strip().rstrip(';')}\n)"
        names = self._names(f"SELECT * FROM {sql} AS q")
        return query_relation(names, lambda statement: self._all(statement, ()), self._label, sql)

    def _names(self, statement: str) -> list[str]:
        from nanoarrow import c_schema  # noqa: PLC0415 - belongs to the extra

        with self._statement() as prepared:
            prepared.set_sql_query(statement)
            names = [child.name for child in c_schema(prepared.execute_schema()).children]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigurationError(
                f"{self._label}: the query gives {', '.join(twice)} more than once. Next: name each apart (AS)."
            )
        return names

    @contextmanager
    def _statement(self) -> Iterator[Any]:
        with self._translated():
            prepared = self._manager.AdbcStatement(self._connection)
            try:
                yield prepared
            finally:
                prepared.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except self._manager.Error as error:
            raise self._error(error) from error
        except (RuntimeError, pl.exceptions.PolarsError) as error:  # of the Arrow stream, which has no SQLSTATE
            self._raise_broken_stream(error)

    def _raise_broken_stream(self, error: Exception) -> NoReturn:
        self.execute("ROLLBACK")  # says so itself if the connection is lost
        raise translate_broken_stream(str(error), self._label) from error

    def _error(self, error: Any) -> Exception:
        details = {_plain(key): _plain(value) for key, value in error.details or []}
        primary = details.get("PG_DIAG_MESSAGE_PRIMARY") or _without_address(str(error))
        return translate(
            error.sqlstate,
            self._label,
            primary,
            constraint=details.get("PG_DIAG_CONSTRAINT_NAME"),
            column=details.get("PG_DIAG_COLUMN_NAME"),
        )


def _load_driver(label: str) -> tuple[Any, str]:
    try:
        import adbc_driver_manager  # noqa: PLC0415 - belongs to the extra
        import adbc_driver_postgresql  # noqa: PLC0415 - belongs to the extra
        import nanoarrow  # noqa: F401, PLC0415 - belongs to the extra; said now rather than in the middle of a run
    except ImportError as error:
        raise ConfigurationError(
            f"{label}: the PostgreSQL driver is missing ({error.name}). Next: pip install 'ponte-sync[postgresql]'",
            reason="ExtraMissing",
        ) from error
    return adbc_driver_manager, adbc_driver_postgresql._driver_path()  # noqa: SLF001 - the low-level door of that package


def _decode(frame: pl.DataFrame, columns: Sequence[Column]) -> Rows:
    series, found = [], []
    for values, column in zip(frame.iter_columns(), columns, strict=True):
        if column.kind == "decimal":
            exact, bad = plain_decimals(values.ext.storage(), column.precision, column.scale)
            found.append(faults(bad, column.name, "NotConvertible", "the number has no exact value of 38 digits"))
            series.append(exact)
        elif column.kind in {"date", "datetime", "datetimetz"}:
            bad = beyond_calendar(values)
            found.append(faults(bad, column.name, "OutOfRange", "the date is outside the years 1 to 9999"))
            series.append(values.zip_with(~bad, pl.Series([None], dtype=values.dtype)) if bad.any() else values)
        else:
            series.append(values)
    return Rows(pl.DataFrame(series), join_faults(found))


def _plain(text: bytes | str) -> str:
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else text


def _without_address(message: str) -> str:
    """Why there is no connection, as libpq says it: without an address, which might hold a login."""
    lines = message.splitlines()
    refused = next((line for line in lines if "FATAL:" in line), None)
    if refused is not None:
        return refused.rpartition("FATAL:")[2].strip()[:200]
    told = (line.rpartition(mark)[2].strip() for line in lines for mark in _BEFORE_THE_REASON if mark in line)
    return ": ".join([_UNREACHED, *list(told)[:1]])[:200]

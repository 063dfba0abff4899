"""PostgreSQL by low-level ADBC: Arrow in and out by binary COPY, with no other driver and no pyarrow.

Reading goes through COPY, which takes no bound parameters: values are bound by `set_config(name, $1, true)` and the
query takes them by `current_setting(name)`, so that a reading of any size streams and no value becomes SQL text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

import polars as pl

from ponte.arrow_stream import stream_frames
from ponte.connectors.relational.catalogue import Column, Kind, Relation, did_you_mean
from ponte.connectors.relational.client import CommitLostError, Rows
from ponte.connectors.relational.dialect import Dialect, OnConflict, Stage, Standard
from ponte.connectors.relational.values import beyond_calendar, faults, join_faults, plain_decimals
from ponte.connectors.sql.errors import LOST, translate, translate_broken_stream
from ponte.errors import ConfigurationError, PonteError, TransientError

_KINDS: dict[str, tuple[Kind, int]] = {
    "int2": ("integer", 16),
    "int4": ("integer", 32),
    "int8": ("integer", 64),
    "float4": ("float", 32),
    "float8": ("float", 64),
    "numeric": ("decimal", 0),
    "text": ("string", 0),
    "varchar": ("string", 0),
    "bpchar": ("string", 0),
    "bool": ("boolean", 0),
    "date": ("date", 0),
    "timestamp": ("datetime", 0),
    "timestamptz": ("datetimetz", 0),
    "json": ("json", 0),
    "jsonb": ("json", 0),
    "bytea": ("binary", 0),
}
_AS_TEXT = frozenset({"other", "json"})
_STAGE_TYPES: dict[str, str] = {
    "float": "double precision",
    "decimal": "numeric",
    "boolean": "boolean",
    "date": "date",
    "datetime": "timestamp",
    "datetimetz": "timestamptz",
    "binary": "bytea",
}
STATEMENT_TIMEOUT_MS = 100_000  # shorter than what the target says one delivery may take
_BATCH_BYTES = "4194304"
_INVOLVED = "n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%'"
_TABLES = f"""
SELECT c.oid::text AS oid, n.nspname::text AS schema_name, c.relname::text AS table_name,
  pg_table_is_visible(c.oid) AS is_visible
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND {_INVOLVED}
"""
_COLUMNS = """
SELECT a.attname::text AS name, b.typname::text AS typname, format_type(b.oid, -1) AS declared,
  CASE WHEN t.typtype = 'd' AND a.atttypmod = -1 THEN t.typtypmod ELSE a.atttypmod END AS modifier,
  NOT (a.attnotnull OR t.typnotnull) AS is_nullable, a.atthasdef OR a.attidentity <> '' AS is_filled,
  a.attgenerated = '' AND a.attidentity <> 'a' AS is_writable
FROM pg_attribute AS a
JOIN pg_type AS t ON t.oid = a.atttypid
JOIN pg_type AS b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
WHERE a.attrelid = CAST(current_setting('ponte.p1') AS oid) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""
_UNIQUE = """
SELECT i.indexrelid::text AS index, a.attname::text AS name
FROM pg_index AS i
JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1])
WHERE i.indrelid = CAST(current_setting('ponte.p1') AS oid)
  AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL
"""


class PostgresqlDialect(Standard, OnConflict):
    """How PostgreSQL writes things."""

    name = "postgresql"
    tables = (
        "SELECT CAST(json_agg(CASE WHEN pg_table_is_visible(c.oid) THEN relname"
        " ELSE nspname || '.' || relname END) AS text)"
        " FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace"
        " WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND nspname NOT IN ('pg_catalog', 'information_schema')"
    )
    """Lists tables and views as one JSON array; optional for a dialect."""

    def read(self, column: Column, of: str) -> str:
        """Natively where the driver gives it exactly; as text otherwise. Blanks that fill up CHAR are no content."""
        path = f"{of}.{self.quote(column.name)}"
        if column.kind in _AS_TEXT or column.declared == "bpchar":
            return f"CAST({path} AS text)"
        return path

    def comparable(self, column: Column, of: str) -> str:
        """The column as it is: its own order, its own index."""
        return f"{of}.{self.quote(column.name)}"

    def parameter(self, number: int, column: Column) -> str:
        """The session setting that holds the value, of the column's type."""
        return f"CAST(current_setting('ponte.p{number}') AS {column.declared})"

    def bound(self, column: Column) -> str:
        """The greatest value of a column, as the canonical text of a bound."""
        greatest = f"max({self.comparable(column, 't')})"
        if column.kind == "datetimetz":
            return f"to_char({greatest} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"+00:00\"')"
        if column.kind == "datetime":
            return f"to_char({greatest}, 'YYYY-MM-DD\"T\"HH24:MI:SS.US')"
        return f"CAST({greatest} AS text)"

    def key_rows(self, number: int, columns: Sequence[Column]) -> str:
        """Rows out of a JSON array of arrays of text."""
        keys = "".join(f", {_key(f'e ->> {i + 1}', column)} AS k{i}" for i, column in enumerate(columns))
        source = f"json_array_elements(CAST(current_setting('ponte.p{number}') AS json))"
        return f"(SELECT CAST(e ->> 0 AS integer) AS ponte_row{keys} FROM {source} AS e)"

    def staged(self, column: Column, of: str) -> str:
        """The staged value; text becomes the column's type."""
        path = f"{of}.{self.quote(column.name)}"
        return f"CAST({path} AS {column.declared})" if column.kind in _AS_TEXT else path


def _key(text: str, column: Column) -> str:
    """A key out of text; one that is no label of an enumeration is none that a table could have."""
    if column.kind != "other":
        return f"CAST({text} AS {column.declared})"
    labels = f"SELECT enumlabel FROM pg_enum WHERE enumtypid = pg_typeof(CAST(NULL AS {column.declared}))"
    is_known = f"({text}) IN ({labels}) OR NOT EXISTS ({labels})"
    return f"CASE WHEN {is_known} THEN CAST({text} AS {column.declared}) END"


class PostgresqlSession:
    """One connection to PostgreSQL. What takes parameters is inside a transaction that was begun."""

    dialect: Dialect = PostgresqlDialect()

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
        return self._query_relation(query) if query is not None else self._table_relation(table or "")

    def stream(
        self, statement: str, parameters: Sequence[str], columns: Sequence[Column], batch_size: int
    ) -> Iterator[Rows]:
        """Streams by COPY; the driver's batches are cut to size."""
        self._bind(parameters)
        for frame in _resize(self._frames(statement), batch_size):
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
        with self._statement() as prepared:
            prepared.set_options(
                **{
                    "adbc.ingest.target_table": stage.sql.strip('"'),
                    "adbc.ingest.mode": "adbc.ingest.mode.append",
                    "adbc.ingest.temporary": "true",
                }
            )
            prepared.bind_stream(frame)
            prepared.execute_update()
        return stage

    def close(self) -> None:
        """Closes the connection."""
        for part in (self._connection, self._database):
            try:
                part.close()
            except self._manager.Error:
                continue

    def _create_stage(self, name: str, columns: tuple[Column, ...]) -> Stage:
        sql = self.dialect.quote(f"ponte_stage_{len(self._staged)}")
        fields = "".join(f", {self.dialect.quote(c.name)} {_stage_type(c)}" for c in columns)
        self.execute(f"CREATE TEMPORARY TABLE IF NOT EXISTS {sql} (ponte_row integer{fields}) ON COMMIT DELETE ROWS")
        stage = Stage(sql, columns)
        self._staged[name, columns] = stage
        return stage

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

    def _table_relation(self, name: str) -> Relation:
        tables = self._all(_TABLES)
        found = _resolve(tables, name)
        if found is None:
            known = [row["table_name"] if row["is_visible"] else _full(row) for row in tables.iter_rows(named=True)]
            raise ConfigurationError(
                f"{self._label}: there is no table {name!r}.{did_you_mean(name, known)}", reason="TableMissing"
            )
        unique = self._all(_UNIQUE, [found["oid"]])
        keys = unique.group_by("index").agg("name").get_column("name").to_list()
        columns = [_column(row) for row in self._all(_COLUMNS, [found["oid"]]).iter_rows(named=True)]
        sql = f"{self.dialect.quote(found['schema_name'])}.{self.dialect.quote(found['table_name'])}"
        return Relation(sql, f"{self._label}: {name}", tuple(columns), tuple(frozenset(key) for key in keys))

    def _query_relation(self, query: str) -> Relation:
        sql = f"({query.strip().rstrip(';')}\n)"
        names = self._names(f"SELECT * FROM {sql} AS q")
        types = ", ".join(f"CAST(pg_typeof(q.{self.dialect.quote(n)}) AS text) AS t{i}" for i, n in enumerate(names))
        row = self._all(f"SELECT {types} FROM (SELECT 1) AS one LEFT JOIN {sql} AS q ON false").row(0)
        columns = [_query_column(name, declared) for name, declared in zip(names, row, strict=True)]
        return Relation(sql, f"{self._label}: the query", tuple(columns))

    def _names(self, statement: str) -> list[str]:
        from nanoarrow import c_schema  # noqa: PLC0415 - belongs to the extra

        with self._statement() as prepared:
            prepared.set_sql_query(statement)
            names = [child.name for child in c_schema(prepared.execute_schema()).children]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigurationError(
                f"{self._label}: the query gives {', '.join(twice)} more than once. Name each apart."
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


def _stage_type(column: Column) -> str:
    if column.kind == "integer":
        return {16: "smallint", 32: "integer"}.get(column.bits, "bigint")
    return _STAGE_TYPES.get(column.kind, "text")


def _resolve(tables: pl.DataFrame, name: str) -> dict[str, Any] | None:
    rows = list(tables.iter_rows(named=True))
    visible = (row for row in rows if row["is_visible"] and row["table_name"] == name)
    return next(visible, None) or next((row for row in rows if _full(row) == name), None)


def _full(row: dict[str, Any]) -> str:
    return f"{row['schema_name']}.{row['table_name']}"


def _column(row: dict[str, Any]) -> Column:
    kind, bits = _KINDS.get(row["typname"], ("other", 0))
    modifier = row["modifier"] - 4
    is_bounded = row["modifier"] >= 4
    return Column(
        name=row["name"],
        kind=kind,
        declared=row["declared"],
        bits=bits or 64,
        precision=(modifier >> 16) & 0xFFFF if kind == "decimal" and is_bounded else None,
        scale=max(((modifier & 0x7FF) ^ 1024) - 1024, 0) if kind == "decimal" and is_bounded else None,
        length=modifier if kind == "string" and is_bounded else None,
        is_nullable=row["is_nullable"],
        is_filled=row["is_filled"],
        is_writable=row["is_writable"],
    )


_DECLARED = {
    "smallint": "int2",
    "integer": "int4",
    "bigint": "int8",
    "real": "float4",
    "double precision": "float8",
    "character varying": "varchar",
    "character": "bpchar",
    "boolean": "bool",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
}


def _query_column(name: str, declared: str) -> Column:
    kind, bits = _KINDS.get(_DECLARED.get(declared, declared), ("other", 0))
    return Column(name, kind, "bpchar" if declared == "character" else declared, bits=bits or 64)


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


def _resize(frames: Iterator[pl.DataFrame], size: int) -> Iterator[pl.DataFrame]:
    held: list[pl.DataFrame] = []
    for frame in frames:
        held.append(frame)
        height = sum(part.height for part in held)
        if height < size:
            continue
        whole = pl.concat(held, rechunk=False)
        cut = height - height % size
        yield from (whole.slice(start, size) for start in range(0, cut, size))
        held = [whole.slice(cut)]
    rest = [part for part in held if part.height]
    if rest:
        yield pl.concat(rest, rechunk=False)


def _plain(text: bytes | str) -> str:
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else text


def _without_address(message: str) -> str:
    first = message.partition("\n")[0]
    return first.split("FATAL:")[-1].strip()[:200] if "FATAL:" in message else "the database cannot be reached"

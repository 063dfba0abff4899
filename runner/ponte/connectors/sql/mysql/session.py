"""A session on a MariaDB or MySQL server."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import polars as pl

from ponte.connectors.relational.catalogue import Column, Relation, did_you_mean
from ponte.connectors.relational.client import CommitLostError, RefusedError, Rows
from ponte.connectors.relational.dialect import Dialect, Stage
from ponte.connectors.relational.spooling import spooled
from ponte.connectors.sql.mysql import catalogue, values
from ponte.connectors.sql.mysql.address import Address
from ponte.connectors.sql.mysql.dialect import MysqlDialect
from ponte.connectors.sql.mysql.errors import LOST, translate
from ponte.errors import ConfigurationError, PonteError, TransientError

_SETTINGS = (
    # No value is cut in silence; a CHAR is read without the blanks that fill it up, as everywhere.
    "sql_mode = CONCAT_WS(',', NULLIF(REPLACE(@@sql_mode, 'PAD_CHAR_TO_FULL_LENGTH', ''), ''), 'STRICT_ALL_TABLES')",
    "time_zone = '+00:00'",
    "net_write_timeout = 3600",  # the server waits as long as it takes to deliver what was read
    "net_read_timeout = 600",
    "wait_timeout = 28800",
    "lock_wait_timeout = 60",
    "innodb_lock_wait_timeout = 50",  # shorter than what the target says one delivery may take
    "group_concat_max_len = 4294967295",  # a query's GROUP_CONCAT is cut in silence otherwise
)
_LOAD = (
    "LOAD DATA LOCAL INFILE 'ponte' INTO TABLE {} CHARACTER SET utf8mb4"
    " FIELDS TERMINATED BY 0x09 ESCAPED BY 0x5C LINES TERMINATED BY 0x0A ({}){}"
)
_ROWS_OF_INSERT = 1000


class MysqlSession:
    """One connection."""

    dialect: Dialect = MysqlDialect()

    def __init__(self, address: Address, label: str) -> None:
        self._label = label
        self._errors, driver = _load_driver(label)
        self._staged: list[str] = []
        with self._translated():
            self._driver = driver(address)
            settings = ", ".join(f"SESSION {setting}" for setting in _SETTINGS)
            self._driver.query(f"SET {settings}")
            ((self._loads, version),) = self._driver.ask("SELECT @@GLOBAL.local_infile, VERSION()")
        self._is_mariadb = "mariadb" in version.lower()

    def begin(self, *, is_snapshot: bool) -> None:
        """A snapshot is taken at once; a writer sees, and locks, what stands now."""
        self.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        self.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY" if is_snapshot else "START TRANSACTION")

    def commit(self) -> None:
        """Commits. Raises CommitLostError when the connection broke."""
        try:
            self.execute("COMMIT")
        except TransientError as error:
            if error.reason == LOST:
                raise CommitLostError from error
            raise

    def rollback(self) -> None:
        """Rolls back; on a broken connection the server does."""
        with suppress(PonteError, RefusedError):
            self.execute("ROLLBACK")

    def relation(self, table: str | None, query: str | None) -> Relation:
        """A table or view by its name, with its database where needed, or a query."""
        return self._query_relation(query) if query is not None else self._table_relation(table or "")

    def stream(
        self, statement: str, parameters: Sequence[str], columns: Sequence[Column], batch_size: int
    ) -> Iterator[Rows]:
        """Rows as the server sends them."""
        self._bind(parameters)
        with self._translated():
            for rows in self._driver.rows(statement, batch_size):
                yield values.decode(rows, columns)

    def pages(
        self, statement: str, parameters: Sequence[str], columns: Sequence[Column], batch_size: int
    ) -> Iterator[Rows]:
        """By way of files: a connection does nothing else while it sends rows, and has no cursors to return to."""
        return spooled(self.stream(statement, parameters, columns, batch_size))

    def execute(self, statement: str, parameters: Sequence[str] = ()) -> None:
        """Runs a statement."""
        self._bind(parameters)
        with self._translated():
            self._driver.query(statement)

    def scalar(self, statement: str, parameters: Sequence[str] = ()) -> str | None:
        """The one value, as text."""
        rows = self._ask(statement, parameters)
        return None if not rows or rows[0][0] is None else str(rows[0][0])

    def stage(self, name: str, columns: Sequence[Column], frame: pl.DataFrame, key: Sequence[str]) -> Stage:
        """A temporary table, filled by LOAD DATA where the server lets clients do that, else by INSERT."""
        stage = self._create_stage(name, tuple(columns), key)
        texts = values.to_texts(frame)
        with self._translated():
            warnings = self._load(stage, texts) if self._loads == "1" else self._insert(stage, texts)
        if warnings:
            raise ConfigurationError(
                f"{self._label}: the server did not take {warnings} values as they are on the way to a temporary table."
                " Nothing was written. Next: report it, with the types of the table's columns."
            )
        return stage

    def close(self) -> None:
        """Closes the connection."""
        self._driver.drop()

    def _create_stage(self, name: str, columns: tuple[Column, ...], key: Sequence[str]) -> Stage:
        if name not in self._staged:
            self._staged.append(name)
        stage = Stage(self.dialect.quote(f"ponte_stage_{self._staged.index(name)}"), columns)
        fields = "".join(f", {self.dialect.quote(c.name)} {values.stage_type(c)}" for c in columns)
        keys = [column for column in columns if column.name in key]
        names = ", ".join(self.dialect.quote(column.name) for column in keys)
        index = f", INDEX ({names})" if all(values.is_indexable(c) for c in keys) and _fits_index(keys) else ""
        self.execute(f"DROP TEMPORARY TABLE IF EXISTS {stage.sql}")
        self.execute(f"CREATE TEMPORARY TABLE {stage.sql} (ponte_row INT{fields}{index}) ENGINE=InnoDB")
        return stage

    def _load(self, stage: Stage, texts: pl.DataFrame) -> int:
        places, sets = ["ponte_row"], []
        for number, column in enumerate(stage.columns):
            quoted = self.dialect.quote(column.name)
            places.append(f"@ponte_b{number}" if column.kind == "binary" else quoted)
            sets += [f"{quoted} = UNHEX(@ponte_b{number})"] if column.kind == "binary" else []
        assigned = f" SET {', '.join(sets)}" if sets else ""
        statement = _LOAD.format(stage.sql, ", ".join(places), assigned)  # names are quoted
        return int(self._driver.upload(statement, values.to_lines(texts)))

    def _insert(self, stage: Stage, texts: pl.DataFrame) -> int:
        marks = ["UNHEX({})" if column.kind == "binary" else "{}" for column in stage.columns]
        template = f"({', '.join(['{}', *marks])})"
        escape = self._driver.escape
        for part in texts.iter_slices(_ROWS_OF_INSERT):
            rows = (template.format(*("NULL" if v is None else escape(v) for v in row)) for row in part.iter_rows())
            self._driver.query(f"INSERT INTO {stage.sql} VALUES {', '.join(rows)}")
        return 0

    def _bind(self, parameters: Sequence[str]) -> None:
        """Values as variables of the session; as moments too, where they can be, in UTC."""
        if not parameters:
            return
        bound = []
        with self._translated():
            for number, value in enumerate(parameters, start=1):
                bound.append(f"@ponte_p{number} = {self._driver.escape(value)}")
                bound.append(f"@ponte_t{number} = {self._driver.escape(_utc(value))}")
            self._driver.query(f"SET {', '.join(bound)}")

    def _ask(self, statement: str, parameters: Sequence[str] = ()) -> list[tuple[Any, ...]]:
        self._bind(parameters)
        with self._translated():
            return list(self._driver.ask(statement))

    def _table_relation(self, name: str) -> Relation:
        tables = self._ask(catalogue.TABLES)
        here = (row for row in tables if row[3] == "1" and row[1] == name)
        found = next(here, None) or next((row for row in tables if f"{row[0]}.{row[1]}" == name), None)
        if found is None:
            known = [row[1] if row[3] == "1" else f"{row[0]}.{row[1]}" for row in tables]
            raise ConfigurationError(
                f"{self._label}: there is no table {name!r}.{did_you_mean(name, known)}", reason="TableMissing"
            )
        schema, table, engine, _ = found
        keys = catalogue.unique_keys(self._ask(catalogue.UNIQUE, [schema, table]))
        transactional = {row[0] for row in self._ask(catalogue.TRANSACTIONAL)}
        return Relation(
            f"{self.dialect.quote(schema)}.{self.dialect.quote(table)}",
            f"{self._label}: {name}",
            self._columns(schema, table, frozenset().union(*keys)),
            keys,
            is_transactional=engine is None or engine in transactional,
        )

    def _columns(self, schema: str, table: str, keyed: frozenset[str]) -> tuple[Column, ...]:
        json: frozenset[str] = frozenset()
        if self._is_mariadb:
            json = catalogue.json_columns(row[0] for row in self._ask(catalogue.JSON_CHECKS, [schema, table]))
        self._bind([schema, table])
        with self._translated():
            names = [field.name for field in self._driver.fields(catalogue.COLUMNS)]
        rows = self._ask(catalogue.COLUMNS, [schema, table])
        return tuple(catalogue.table_column(dict(zip(names, row, strict=True)), json, keyed) for row in rows)

    def _query_relation(self, query: str) -> Relation:
        sql = f"({query.strip().rstrip(';')}\n)"
        collations = dict(
            self._ask("SELECT ID, COLLATION_NAME FROM information_schema.COLLATIONS WHERE ID IS NOT NULL")
        )
        with self._translated():
            fields = self._driver.fields(f"SELECT * FROM {sql} AS t LIMIT 0")
        columns = [catalogue.answer_column(field, collations.get(str(field.charsetnr))) for field in fields]
        return Relation(sql, f"{self._label}: the query", tuple(columns))

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except self._errors.Error as error:
            number, message = _told(error)
            raise translate(number, message, self._label) from error
        except OSError as error:
            raise TransientError(f"{self._label}: the connection to the database was lost.", reason=LOST) from error


def _load_driver(label: str) -> tuple[Any, Any]:
    try:
        from pymysql import err  # noqa: PLC0415 - belongs to the extra

        from ponte.connectors.sql.mysql.driver import Driver  # noqa: PLC0415 - belongs to the extra
    except ImportError as error:
        raise ConfigurationError(
            f"{label}: the driver for MariaDB is missing ({error.name}). Next: pip install 'ponte-sync[mysql]'",
            reason="ExtraMissing",
        ) from error
    return err, Driver


def _told(error: Exception) -> tuple[int, str]:
    """The number and the message of an error; its number is 0 where the driver lost the connection."""
    arguments = error.args
    is_numbered = len(arguments) > 1 and isinstance(arguments[0], int)
    return (arguments[0], str(arguments[1])) if is_numbered else (0, "")


def _fits_index(keys: Sequence[Column]) -> bool:
    return sum(column.length or 8 for column in keys) <= 768


_ZONED = re.compile(r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)$")


def _utc(text: str) -> str:
    """A moment with its zone as MySQL takes it: in UTC, without one. What is none stays as it is."""
    if not _ZONED.match(text):
        return text
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None).isoformat(" ")

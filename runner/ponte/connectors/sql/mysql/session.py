"""A session on a MariaDB or MySQL server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import polars as pl

from ponte.connectors.relational.catalogue import Column, Relation
from ponte.connectors.relational.client import CommitLostError, RefusedError, Rows
from ponte.connectors.relational.dialect import Stage
from ponte.connectors.relational.mysql.catalogue import (
    answer_column,
    checked_json,
    declared_json,
    row_size,
    table_relation,
)
from ponte.connectors.relational.mysql.dialect import MysqlDialect, binding
from ponte.connectors.relational.mysql.errors import LOST, translate
from ponte.connectors.relational.mysql.session import SETTINGS, SNAPSHOT, WRITE
from ponte.connectors.relational.mysql.stage import statements
from ponte.connectors.relational.spooling import spooled
from ponte.connectors.sql.mysql import values
from ponte.connectors.sql.mysql.address import Address
from ponte.errors import ConfigurationError, PonteError, TransientError

_LOAD = (
    "LOAD DATA LOCAL INFILE 'ponte' INTO TABLE {} CHARACTER SET utf8mb4 FIELDS TERMINATED BY 0x09 ESCAPED BY 0x5C "
    "LINES TERMINATED BY 0x0A ({}){}"
)
_ROWS_OF_INSERT = 1000
_LONGEST_ESCAPE = 2  # characters in a statement for one of a text; bytes are written as two digits


class MysqlSession:
    """One connection."""

    dialect = MysqlDialect()

    def __init__(self, address: Address, label: str) -> None:
        self._label = label
        self._errors, driver = _load_driver(label)
        self._staged: list[str] = []
        with self._translated():
            self._driver = driver(address)
            self._driver.query(SETTINGS)
            facts = self._driver.ask("SELECT @@GLOBAL.local_infile, VERSION(), @@max_allowed_packet")
            ((self._loads, version, packet),) = facts
        self._driver.packet = self._packet = row_size(int(packet))
        self._json_columns = checked_json if "mariadb" in version.lower() else declared_json

    def begin(self, *, is_snapshot: bool) -> None:
        """A snapshot is taken at once; a writer sees, and locks, what stands now."""
        for statement in SNAPSHOT if is_snapshot else WRITE:
            self.execute(statement)

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
        if query is not None:
            return self._query_relation(query)
        found = table_relation(self.dialect, self._ask, self._label, table or "", self._json_columns)
        escaped = self._packet // _LONGEST_ESCAPE
        return replace(found, row_size=None if self._loads == "1" else escaped, keys_size=escaped)

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
        for statement in statements(self.dialect, stage, key):
            self.execute(statement)
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
        rows = (template.format(*("NULL" if v is None else escape(v) for v in row)) for row in texts.iter_rows())
        for piece in _pieces(rows, self._packet):
            self._driver.query(f"INSERT INTO {stage.sql} VALUES {piece}")
        return 0

    def _bind(self, parameters: Sequence[str]) -> None:
        if parameters:
            with self._translated():
                self._driver.query(binding(parameters, self._driver.escape))

    def _ask(self, statement: str, parameters: Sequence[str] = ()) -> list[tuple[Any, ...]]:
        self._bind(parameters)
        with self._translated():
            return list(self._driver.ask(statement))

    def _query_relation(self, query: str) -> Relation:
        sql = f"({query.strip().rstrip(';')}\n)"
        collations = dict(
            self._ask("SELECT ID, COLLATION_NAME FROM information_schema.COLLATIONS WHERE ID IS NOT NULL")
        )
        with self._translated():
            fields = self._driver.fields(f"SELECT * FROM {sql} AS t LIMIT 0")
        columns = [answer_column(field, collations.get(str(field.charsetnr))) for field in fields]
        return Relation(sql, f"{self._label}: the query", tuple(columns))

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except self._errors.Error as error:
            number, message = _told(error)
            raise translate(number, message, self._label) from error
        except OSError as error:
            raise TransientError(
                f"{self._label}: the connection to the database was lost. Next: run it again; it goes on.", reason=LOST
            ) from error


def _pieces(rows: Iterable[str], packet: int) -> Iterator[str]:
    """Rows for one statement each time, as many as the server takes at once."""
    held: list[str] = []
    size = 0
    for row in rows:
        length = len(row.encode()) + len(", ")
        if held and (size + length > packet or len(held) == _ROWS_OF_INSERT):
            yield ", ".join(held)
            held, size = [], 0
        held.append(row)
        size += length
    if held:
        yield ", ".join(held)


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

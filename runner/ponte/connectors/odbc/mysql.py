"""MariaDB and MySQL over MariaDB Connector/ODBC.

The driver calls SMALLINT UNSIGNED a smallint and wraps its values, and gives BIT as bytes that its readers trip over:
whole numbers are cast to BIGINT, times are counted in microseconds by the server, which is quicker than to write and
read their text; all else but fractions and bytes is read as text that the server makes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import polars as pl

from ponte.connectors.odbc.decoding import decode
from ponte.connectors.odbc.drivers import ARROW
from ponte.connectors.odbc.profiles import MOST_OCTETS, TOLD_LENGTH, Asking, Place, Profile
from ponte.connectors.odbc.staging import RowStaging
from ponte.connectors.relational.catalogue import Column, Kind, Relation
from ponte.connectors.relational.client import RefusedError
from ponte.connectors.relational.dialect import Stage
from ponte.connectors.relational.mysql.catalogue import (
    JsonColumns,
    Row,
    checked_json,
    declared_json,
    row_size,
    table_relation,
)
from ponte.connectors.relational.mysql.dialect import GEOMETRIES, MysqlDialect, binding
from ponte.connectors.relational.mysql.errors import translate
from ponte.connectors.relational.mysql.session import SETTINGS, SNAPSHOT, WRITE
from ponte.connectors.relational.mysql.stage import plain_texts, statements, takes_texts
from ponte.connectors.relational.mysql.style import UNICODE
from ponte.errors import PonteError

_WIDTHS = {"date": 10, "boolean": 21}
_MICROSECONDS = "TIMESTAMPDIFF(MICROSECOND, TIMESTAMP'1970-01-01 00:00:00', {0})"
_NO_TIME = -(2**63)
_TIME = f"IFNULL({_MICROSECONDS}, IF({{0}} <=> NULL, NULL, {_NO_TIME}))"
"""A time such as 2026-00-10 has no count and must not look like NULL. IS NULL would not do: to it 0000-00-00 is one."""
_ROOM = 3  # sign, point and the zero before it
_UNBOUNDED = frozenset({"string", "json", "binary"})
_OF_A_QUERY = "?"
_COUNT = "SELECT ROW_COUNT() AS taken"
_DECIMAL = re.compile(r"decimal\d+\((\d+), (\d+)\)")
_ARROW_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("int8", "int16", "int32", "int64", "uint8"), "integer"),
    **dict.fromkeys(("float", "double"), "float"),
    "date32[day]": "date",
}


class MysqlOverOdbc(MysqlDialect):
    """How MariaDB and MySQL write things over ODBC."""

    def read(self, column: Column, of: str) -> str:
        """As text but for what the driver gives exactly; of a width that the driver tells, where there is one."""
        path = f"{of}.{self.quote(column.name)}"
        if column.kind == "float":
            return f"({path} + 0e0)"  # the text of FLOAT is cut to six digits
        if column.kind in {"datetime", "datetimetz"}:
            return _TIME.format(path)
        if column.declared in GEOMETRIES:
            return f"ST_AsText({path})"
        if column.declared.startswith("bit"):
            path = f"CAST({path} AS UNSIGNED)"
        if column.kind == "integer":
            return f"CAST({path} AS CHAR(21))" if column.declared == _OF_A_QUERY else f"CAST({path} AS SIGNED)"
        if (width := _width(column)) is not None:
            return f"CAST({path} AS CHAR({width}))"
        # What CAST makes is no value at all where it would be longer than max_allowed_packet.
        return path if column.kind == "binary" else f"CONVERT({path} USING {UNICODE})"


def _width(column: Column) -> int | None:
    """Most characters of a value as text, where that is known."""
    if column.kind == "decimal" and column.precision is not None:
        return column.precision + _ROOM
    if column.kind == "string" and column.length is not None and column.length <= TOLD_LENGTH:
        return column.length
    return _WIDTHS.get(column.kind)


_DIALECT = MysqlOverOdbc()


def _find(json_columns: JsonColumns) -> Callable[[Asking, Place], Relation]:
    def find(asking: Asking, place: Place) -> Relation:
        def ask(statement: str, parameters: Sequence[str]) -> list[Row]:
            frame = asking.ask(statement, parameters)
            return frame.cast(dict.fromkeys(frame.columns, pl.String())).rows()

        if place.query is not None:
            return _query(asking, place)
        found = table_relation(_DIALECT, ask, place.label, place.table or "", json_columns)
        packet = int(str(ask("SELECT @@max_allowed_packet", ())[0][0]))
        columns = tuple(_within(column, packet // 2) for column in found.columns)
        most = row_size(packet)
        return replace(found, columns=columns, row_size=most, keys_size=most)

    return find


def _within(column: Column, size: int) -> Column:
    """A column that is wide takes what goes over the line at once, with the rest of its row."""
    if column.kind not in _UNBOUNDED or (column.length or size) * MOST_OCTETS <= size:
        return column
    return replace(column, size=min(column.size or size, size))


def _query(asking: Asking, place: Place) -> Relation:
    """Types of a query are those that the driver tells; collations, the server."""
    names = asking.names(f"SELECT * FROM {place.query_sql} q LIMIT 0")
    described = asking.catalogue("describe", statement=f"SELECT * FROM {place.query_sql} q LIMIT 0")
    asked = ", ".join(f"COLLATION(q.{_DIALECT.quote(name)}) AS c{number}" for number, name in enumerate(names))
    collations = asking.ask(f"SELECT {asked} FROM (SELECT 1) o LEFT JOIN {place.query_sql} q ON FALSE", ()).row(0)
    columns = (_query_column(row, str(told)) for row, told in zip(described, collations, strict=True))
    return Relation(place.query_sql, f"{place.label}: the query", tuple(columns))


def _query_column(row: dict[str, Any], collation: str) -> Column:
    name, told = str(row["column_name"]), str(row["arrow"])
    if number := _DECIMAL.fullmatch(told):
        return Column(name, "decimal", _OF_A_QUERY, precision=int(number.group(1)), scale=int(number.group(2)))
    kind = "datetime" if told.startswith("timestamp") else _ARROW_KINDS.get(told)
    if kind is not None:
        return Column(name, kind, _OF_A_QUERY)
    if "binary" in told or told == "bool":
        return Column(name, "binary", _OF_A_QUERY)
    if told == "string" and collation == "binary":
        return Column(name, "decimal", _OF_A_QUERY)  # of more than 38 digits
    return Column(name, "string", _OF_A_QUERY, collation=collation if told == "string" else None)


def _stage(count: str | None, stage: Stage, key: Sequence[str]) -> RowStaging:
    names = ("ponte_row", *(_DIALECT.quote(column.name) for column in stage.columns))
    return RowStaging(statements(_DIALECT, stage, key), stage.sql, names, plain_texts, count)


def _append(table: Relation, columns: Sequence[Column]) -> RowStaging | None:
    if not table.path or not all(map(takes_texts, columns)):
        return None
    return RowStaging((), table.sql, tuple(_DIALECT.quote(column.name) for column in columns), plain_texts, _COUNT)


def _bind(parameters: Sequence[str]) -> tuple[str, list[str]]:
    values: list[str] = []

    def written(value: str) -> str:
        values.append(value)
        return "?"

    return binding(parameters, written), values


def _profile(dbms: str, json_columns: JsonColumns) -> Profile:
    is_proven = dbms == "MARIADB"  # another driver may take arrays apart, so that the last row alone is counted
    return Profile(
        dbms=dbms,
        by=ARROW,
        dialect=_DIALECT,
        find=_find(json_columns),
        decode=decode,
        options={"CHARSET": "utf8mb4", "NO_CACHE": "1", "FORWARDONLY": "1"},  # rows come as they are asked for
        is_autocommit=True,
        speaks="[ma-" if dbms == "MARIADB" else "[MySQL]",
        bind=_bind,
        opened=(SETTINGS,),
        snapshot=SNAPSHOT,
        write=WRITE,
        ends=("COMMIT", "ROLLBACK"),
        measure="OCTET_LENGTH({})",
        stage=partial(_stage, _COUNT if is_proven else None),
        packet="SELECT @@max_allowed_packet AS packet",
        append=_append if is_proven else None,
        translate=_translate,
        is_proven=is_proven,
    )


def _translate(native: int, message: str, label: str) -> PonteError | RefusedError | None:
    return translate(native, message, label) if native else None


MARIADB = _profile("MARIADB", checked_json)
MYSQL = _profile("MYSQL", declared_json)

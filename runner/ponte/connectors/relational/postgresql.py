"""PostgreSQL whatever the driver: how it writes things, and what its catalogue says. Pure.

The driver's connector adds how a bound parameter is written.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Container, Sequence
from typing import Any

import polars as pl

from ponte.connectors.relational.catalogue import Column, Kind, Relation, did_you_mean
from ponte.connectors.relational.dialect import OnExactConflict, Standard
from ponte.errors import ConfigurationError

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
_MICROSECONDS = 6
_AS_TEXT = frozenset({"other", "json"})
_INVOLVED = "n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%'"
_TABLES = f"""
SELECT c.oid::text AS oid, n.nspname::text AS schema_name, c.relname::text AS table_name,
  pg_table_is_visible(c.oid) AS is_visible,
  c.relkind IN ('r', 'p') AND NOT c.relrowsecurity AND NOT c.relhasrules AS is_plain
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND {_INVOLVED}
"""
_COLUMNS = """
SELECT a.attname::text AS name, b.typname::text AS typname, format_type(b.oid, -1) AS declared,
  CASE WHEN t.typtype = 'd' AND a.atttypmod = -1 THEN t.typtypmod ELSE a.atttypmod END AS modifier,
  NOT (a.attnotnull OR t.typnotnull) AS is_nullable, a.atthasdef OR a.attidentity <> '' AS is_filled,
  a.attgenerated = '' AND a.attidentity <> 'a' AS is_writable,
  CASE WHEN b.typname = 'citext' THEN 'citext' ELSE (
    SELECT l.collname::text FROM pg_collation AS l
    WHERE l.oid = a.attcollation AND to_jsonb(l) ->> 'collisdeterministic' = 'false') END AS collation
FROM pg_attribute AS a
JOIN pg_type AS t ON t.oid = a.atttypid
JOIN pg_type AS b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
WHERE a.attrelid = CAST({oid} AS oid) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""
_UNIQUE = """
SELECT i.indexrelid::text AS index, a.attname::text AS name
FROM pg_index AS i
JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1])
WHERE i.indrelid = CAST({oid} AS oid)
  AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL
"""


_STAGE_TYPES: dict[str, str] = {
    "float": "double precision",
    "decimal": "numeric",
    "boolean": "boolean",
    "date": "date",
    "datetime": "timestamp",
    "datetimetz": "timestamptz",
    "binary": "bytea",
}
Ask = Callable[[str, Sequence[str]], pl.DataFrame]


class PostgresqlDialect(Standard, OnExactConflict, ABC):
    """How PostgreSQL writes things.

    A subclass says how a bound text is written.
    """

    name = "postgresql"
    tables = (
        "SELECT CAST(json_agg(CASE WHEN pg_table_is_visible(c.oid) THEN relname"
        " ELSE nspname || '.' || relname END) AS text)"
        " FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace"
        " WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND nspname NOT IN ('pg_catalog', 'information_schema')"
    )
    """Lists tables and views as one JSON array; optional for a dialect."""

    @abstractmethod
    def text(self, number: int) -> str:
        """A bound parameter, from 1, as text."""

    def read(self, column: Column, of: str) -> str:
        """Natively where the driver gives it exactly; as text otherwise. Blanks that fill up CHAR are no content."""
        path = f"{of}.{self.quote(column.name)}"
        if column.kind in _AS_TEXT or column.declared == "bpchar":
            return f"CAST({path} AS text)"
        return path

    def comparable(self, column: Column, of: str) -> str:
        """The column as it is: its own order, its own index."""
        return f"{of}.{self.quote(column.name)}"

    def exact(self, column: Column, expression: str) -> str:
        """The text, letter by letter."""
        return f'CAST({expression} AS text) COLLATE "C"' if column.collation else expression

    def same(self, column: Column, left: str, right: str) -> str:
        """The same by the collation, for which there is an index, and to the letter."""
        if not column.collation:
            return f"{left} = {right}"
        return f"({left} = {right} AND {self.exact(column, left)} = {self.exact(column, right)})"

    def parameter(self, number: int, column: Column) -> str:
        """The bound text, of the column's type; bytes by their hexadecimal digits."""
        text = self.text(number)
        return f"decode({text}, 'hex')" if column.kind == "binary" else f"CAST({text} AS {column.declared})"

    def bound(self, column: Column, aggregate: str = "MAX") -> str:
        """The greatest value (or the smallest, by MIN) of a column, as the canonical text of a bound."""
        found = f"{aggregate}({self.comparable(column, 't')})"
        if column.kind == "datetimetz":
            return f"to_char({found} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"+00:00\"')"
        if column.kind == "datetime":
            return f"to_char({found}, 'YYYY-MM-DD\"T\"HH24:MI:SS.US')"
        return f"CAST({found} AS text)"

    def key_rows(self, number: int, columns: Sequence[Column]) -> str:
        """Rows out of a JSON array of arrays of text."""
        keys = "".join(f", {_key(f'e ->> {i + 1}', column)} AS k{i}" for i, column in enumerate(columns))
        source = f"json_array_elements(CAST({self.text(number)} AS json))"
        return f"(SELECT CAST(e ->> 0 AS integer) AS ponte_row{keys} FROM {source} AS e)"

    def staged(self, column: Column, of: str) -> str:
        """The staged value; text becomes the column's type."""
        path = f"{of}.{self.quote(column.name)}"
        return f"CAST({path} AS {column.declared})" if column.kind in _AS_TEXT else path


def _key(text: str, column: Column) -> str:
    """A key out of text; one that is no label of an enumeration is none that a table could have."""
    if column.kind == "binary":
        return f"decode({text}, 'hex')"
    if column.kind != "other":
        return f"CAST({text} AS {column.declared})"
    labels = f"SELECT enumlabel FROM pg_enum WHERE enumtypid = pg_typeof(CAST(NULL AS {column.declared}))"
    is_known = f"({text}) IN ({labels}) OR NOT EXISTS ({labels})"
    return f"CASE WHEN {is_known} THEN CAST({text} AS {column.declared}) END"


def table_relation(dialect: PostgresqlDialect, ask: Ask, label: str, name: str) -> Relation:
    """A table or view by its name, with its schema where needed. Raises ConfigurationError where there is none."""
    tables = ask(_TABLES, ())
    found = _resolve(tables, name)
    if found is None:
        known = [row["table_name"] if row["is_visible"] else _full(row) for row in tables.iter_rows(named=True)]
        raise ConfigurationError(
            f"{label}: there is no table {name!r}.{did_you_mean(name, known)}", reason="TableMissing"
        )
    oid = dialect.text(1)
    unique = ask(_UNIQUE.format(oid=oid), [found["oid"]])
    keys = unique.group_by("index").agg("name").get_column("name").to_list()
    keyed = {name for key in keys for name in key}
    columns = [_column(row, keyed) for row in ask(_COLUMNS.format(oid=oid), [found["oid"]]).iter_rows(named=True)]
    sql = f"{dialect.quote(found['schema_name'])}.{dialect.quote(found['table_name'])}"
    path = (found["schema_name"], found["table_name"]) if found["is_plain"] else ()
    return Relation(sql, f"{label}: {name}", tuple(columns), tuple(frozenset(key) for key in keys), path=path)


def query_relation(names: Sequence[str], ask: Callable[[str], pl.DataFrame], label: str, sql: str) -> Relation:
    """A query, in brackets, whose columns have these names."""
    quote = Standard().quote
    types = ", ".join(f"CAST(pg_typeof(q.{quote(n)}) AS text) AS t{i}" for i, n in enumerate(names))
    row = ask(f"SELECT {types} FROM (SELECT 1) AS one LEFT JOIN {sql} AS q ON false").row(0)
    columns = [_query_column(name, declared) for name, declared in zip(names, row, strict=True)]
    return Relation(sql, f"{label}: the query", tuple(columns))


def has_own_type(column: Column) -> bool:
    """Whether a column travels in the very type that the table declares, and not in one that must be cast."""
    return column.kind not in _AS_TEXT and (column.kind, column.bits) != ("float", 32)


def stage_type(column: Column) -> str:
    """The type of a column in a stage, where what is no plain type travels as text."""
    if column.kind == "integer":
        return {16: "smallint", 32: "integer"}.get(column.bits, "bigint")
    return _STAGE_TYPES.get(column.kind, "text")


def _resolve(tables: pl.DataFrame, name: str) -> dict[str, Any] | None:
    rows = list(tables.iter_rows(named=True))
    visible = (row for row in rows if row["is_visible"] and row["table_name"] == name)
    return next(visible, None) or next((row for row in rows if _full(row) == name), None)


def _full(row: dict[str, Any]) -> str:
    return f"{row['schema_name']}.{row['table_name']}"


def _column(row: dict[str, Any], keyed: Container[str]) -> Column:
    kind, bits = _KINDS.get(row["typname"], ("other", 0))
    modifier = row["modifier"] - 4
    is_bounded = row["modifier"] >= 4
    return Column(
        name=row["name"],
        kind=kind,
        declared=row["declared"],
        bits=bits or 64,
        precision=(modifier >> 16) & 0xFFFF if kind == "decimal" and is_bounded else None,
        scale=_scale(kind, row["typname"], row["modifier"]),
        length=modifier if kind == "string" and is_bounded else None,
        collation=row["collation"],
        is_padded=row["typname"] == "bpchar" and row["name"] in keyed,
        is_nullable=row["is_nullable"],
        is_filled=row["is_filled"],
        is_writable=row["is_writable"],
    )


def _scale(kind: Kind, type_name: str, modifier: int) -> int | None:
    """Decimals of a number, or digits of a second's fraction, by the type's modifier; -1 where it has none."""
    if kind == "decimal" and modifier >= 4:
        return max((((modifier - 4) & 0x7FF) ^ 1024) - 1024, 0)
    if type_name in {"time", "timetz"}:
        return modifier if modifier >= 0 else _MICROSECONDS
    return modifier if kind in {"datetime", "datetimetz"} and modifier >= 0 else None


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
    return Column(
        name,
        kind,
        "bpchar" if declared == "character" else declared,
        bits=bits or 64,
        collation="citext" if declared.endswith("citext") else None,
    )

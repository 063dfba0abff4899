"""SQLite whatever the driver: how it writes things, and what its catalogue and its errors say. Pure.

The driver's connector adds how a bound parameter is written.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ponte.connectors.relational.catalogue import Column, Kind, Relation
from ponte.connectors.relational.client import RefusedError
from ponte.connectors.relational.dialect import OnExactConflict, Standard
from ponte.errors import ConfigurationError

_NUMBERS = re.compile(r"\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)")
_CONSTRAINTS = {
    "UNIQUE": "DuplicateAtTarget",
    "PRIMARY KEY": "DuplicateAtTarget",
    "NOT NULL": "RequiredFieldMissing",
    "FOREIGN KEY": "ReferenceMissing",
    "CHECK": "CheckFailed",
}
_TEXTS = ("CHAR", "CLOB", "TEXT")
_ISO = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*"


COLLATIONS = (
    "SELECT CAST(n.name AS TEXT) AS name, n.coll AS coll"
    " FROM pragma_index_list({0}) l JOIN pragma_index_xinfo(l.name) n"
    ' WHERE l."unique" = 1 AND l.partial = 0 AND n.key = 1'
)


class SqliteDialect(Standard, OnExactConflict, ABC):
    """How SQLite writes things.

    A subclass says how a bound text is written.
    """

    name = "sqlite"
    tables = (
        "SELECT json_group_array(name) FROM sqlite_schema WHERE type IN ('table', 'view')"
        " AND name NOT LIKE 'sqlite#_%' ESCAPE '#'"
    )
    """Lists tables and views as one JSON array; optional for a dialect."""

    @abstractmethod
    def text(self, number: int) -> str:
        """A bound parameter, from 1, as text."""

    def read(self, column: Column, of: str) -> str:
        """The value as it is stored."""
        return f"{of}.{self.quote(column.name)}"

    def comparable(self, column: Column, of: str) -> str:
        """The column itself; times in one form; what declares no type as text, so that 5 is '5'."""
        path = f"{of}.{self.quote(column.name)}"
        if not column.declared:
            return f"CAST({path} AS TEXT)"
        return _in_one_form(path, path) if column.holds_times else path

    def parameter(self, number: int, column: Column) -> str:
        """The bound text, which takes the type of the column that it is compared with."""
        if not column.holds_times:
            return self.text(number)
        text = self.text(number)
        is_number = f"{text} NOT GLOB '*[^0-9.-]*'"
        return _in_one_form(text, f"CASE WHEN {is_number} THEN CAST({text} AS NUMERIC) ELSE {text} END")

    def exact(self, column: Column, expression: str) -> str:
        """Texts byte by byte: the collation of a column that no unique index has is not told."""
        return f"{expression} COLLATE BINARY" if column.kind == "string" else expression

    def same(self, column: Column, left: str, right: str) -> str:
        """The same by the column's collation, for which there may be an index, and to the letter."""
        if column.kind != "string":
            return f"{left} = {right}"
        return f"({left} = {right} AND {left} = {self.exact(column, right)})"

    def bound(self, column: Column, aggregate: str = "MAX") -> str:
        """The greatest value (or the smallest, by MIN) of a column, as it is stored."""
        return f"{aggregate}({self.comparable(column, 't')})"

    def key_rows(self, number: int, columns: Sequence[Column]) -> str:
        """Rows out of a JSON array of arrays of text. Raises ConfigurationError for bytes, which it cannot take out."""
        if raw := [column.name for column in columns if column.kind == "binary"]:
            raise ConfigurationError(
                f"Ponte does not look up keys of bytes in SQLite ({', '.join(raw)}). Next: choose a key that is text"
                " or a number, or read from a query: hex(COLUMN).",
                reason="Unsupported",
            )
        keys = "".join(f", value ->> {i + 1} AS k{i}" for i in range(len(columns)))
        return f"(SELECT value ->> 0 AS ponte_row{keys} FROM json_each({self.text(number)}))"

    def staged(self, column: Column, of: str) -> str:
        """The staged value."""
        return f"{of}.{self.quote(column.name)}"

    def unique_index(self, table: Relation, columns: Sequence[str]) -> str:
        """The table goes without its schema, which SQLite does not take there."""
        return super().unique_index(replace(table, sql=table.sql.removeprefix("main.")), columns)


def _in_one_form(text: str, otherwise: str) -> str:
    """Times as `2026-11-23 10:15:00.5`, whatever separator, zone letter and zeros they were written with."""
    plain = f"replace(replace(replace({text}, 'T', ' '), 'Z', ''), '+00:00', '')"
    short = f"CASE WHEN instr({plain}, '.') > 0 THEN rtrim(rtrim({plain}, '0'), '.') ELSE {plain} END"
    return f"(CASE WHEN {text} GLOB '{_ISO}' THEN {short} ELSE {otherwise} END)"


def collated(columns: Iterable[Column], rows: Iterable[tuple[str | None, str | None]]) -> tuple[Column, ...]:
    """The columns, with the collations of their unique indexes that take different texts for the same.

    Args:
        columns: of a table.
        rows: column and collation of each place of its unique indexes.
    """
    loose = {name: collation for name, collation in rows if collation != "BINARY"}
    return tuple(
        replace(column, collation=loose[column.name]) if column.kind == "string" and column.name in loose else column
        for column in columns
    )


def refused(text: str) -> RefusedError:
    """The refusal of a record, out of SQLite's own words about a constraint."""
    kind, _, rest = text.partition(" constraint failed")
    reason = _CONSTRAINTS.get(kind, "RefusedByTarget")
    named = rest.removeprefix(": ")
    field = named.rpartition(".")[2] if kind == "NOT NULL" else None
    return RefusedError(reason, f"the target's {kind} constraint failed" + (f" ({named})" if named else ""), field)


def column_of_row(row: Sequence[object], *, is_rowid: bool) -> Column:
    """A column out of a row of table_xinfo."""
    declared = str(row[2] or "").upper()
    kind, sized = _kind(declared), _NUMBERS.search(declared)
    first, second = (sized.group(1), sized.group(2)) if sized else (None, None)
    is_number = kind == "decimal" and first is not None
    return Column(
        name=str(row[1]),
        kind=kind,
        declared=declared,
        precision=int(first) if is_number and first else None,
        scale=int(second or 0) if is_number else None,
        digits=15 if kind == "decimal" else None,
        has_digits=not declared or kind not in {"string", "json"} or any(mark in declared for mark in _TEXTS),
        is_nullable=not row[3] or (is_rowid and declared == "INTEGER"),
        is_filled=row[4] is not None or (is_rowid and declared == "INTEGER"),
        is_writable=row[6] == 0,
    )


def _kind(declared: str) -> Kind:
    """What a declared type holds. Source: "Datatypes In SQLite", 3.1, with dates and booleans kept apart."""
    kinds: tuple[tuple[Kind, tuple[str, ...]], ...] = (
        ("integer", ("INT",)),
        ("string", _TEXTS),
        ("binary", ("BLOB",)),
        ("float", ("REAL", "FLOA", "DOUB")),
        ("boolean", ("BOOL",)),
        ("decimal", ("DEC", "NUM", "MONEY")),
        ("json", ("JSON",)),
    )
    return next((kind for kind, marks in kinds if any(mark in declared for mark in marks)), "string")


def affinity(column: Column) -> str:
    """The type of a column in a stage."""
    return {"integer": "INTEGER", "decimal": "NUMERIC", "boolean": "INTEGER", "float": "REAL", "binary": "BLOB"}.get(
        column.kind, "TEXT"
    )

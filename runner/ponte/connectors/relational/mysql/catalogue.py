"""What MariaDB and MySQL say about tables, and what the answer of a query says about its columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ponte.connectors.relational.catalogue import Column, Kind, Relation, did_you_mean
from ponte.connectors.relational.mysql.dialect import GEOMETRIES, MysqlDialect
from ponte.connectors.relational.values import MAX_PRECISION
from ponte.errors import ConfigurationError

_TABLES = """
SELECT TABLE_SCHEMA, TABLE_NAME, ENGINE, TABLE_SCHEMA = DATABASE() FROM information_schema.TABLES
WHERE TABLE_SCHEMA NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys')
"""
_COLUMNS = """
SELECT COLUMN_NAME AS name, DATA_TYPE AS type, COLUMN_TYPE AS declared, IS_NULLABLE AS nullable,
  COLUMN_DEFAULT AS filled, EXTRA AS extra, CHARACTER_MAXIMUM_LENGTH AS length,
  CHARACTER_OCTET_LENGTH AS octets, NUMERIC_PRECISION AS prec,
  NUMERIC_SCALE AS scale, DATETIME_PRECISION AS fraction, COLLATION_NAME AS collation
FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = @ponte_p1 AND TABLE_NAME = @ponte_p2 ORDER BY ORDINAL_POSITION
"""
_UNIQUE = """
SELECT INDEX_NAME, COLUMN_NAME, SUB_PART FROM information_schema.STATISTICS
WHERE TABLE_SCHEMA = @ponte_p1 AND TABLE_NAME = @ponte_p2 AND NON_UNIQUE = 0
"""
_JSON_CHECKS = """
SELECT CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS
WHERE CONSTRAINT_SCHEMA = @ponte_p1 AND TABLE_NAME = @ponte_p2 AND CHECK_CLAUSE LIKE 'json_valid(%'
"""
_TRANSACTIONAL = "SELECT ENGINE FROM information_schema.ENGINES WHERE TRANSACTIONS = 'YES'"
_FACTS = (
    *("name", "type", "declared", "nullable", "filled", "extra"),
    *("length", "octets", "prec", "scale", "fraction", "collation"),
)
Row = tuple[str | None, ...]
Ask = Callable[[str, Sequence[str]], Sequence[Row]]
"""Rows of a query, as text; values are bound as variables of the session."""
JsonColumns = Callable[[Ask, str, str], frozenset[str]]

_INTEGERS = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64, "year": 16}
_KINDS: dict[str, Kind] = {
    "decimal": "decimal",
    "float": "float",
    "double": "float",
    "date": "date",
    "datetime": "datetime",
    "timestamp": "datetimetz",
    "json": "json",
    **dict.fromkeys(("char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set"), "string"),
    **dict.fromkeys(("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"), "binary"),
}
_JSON_CHECK = re.compile(r"""^json_valid\([`"](.*)[`"]\)$""")
_WIDE = frozenset({"ucs2", "utf16", "utf16le", "utf32"})
_BINARY_CHARSET = 63
_BESIDE_VALUES = 16 * 1024
_UNSIGNED = 32
_CODES = {
    1: "tinyint",
    2: "smallint",
    3: "int",
    4: "float",
    5: "double",
    7: "timestamp",
    8: "bigint",
    9: "mediumint",
    10: "date",
    11: "time",
    12: "datetime",
    13: "year",
    16: "bit",
    245: "json",
    246: "decimal",
    255: "geometry",
}


def table_relation(dialect: MysqlDialect, ask: Ask, label: str, name: str, json_columns: JsonColumns) -> Relation:
    """A table or view by its name, with its database where needed. Raises ConfigurationError where there is none.

    Args:
        dialect: quotes names.
        ask: the session.
        label: the SyncSource, for messages.
        name: of the table.
        json_columns: names of its columns that hold JSON and do not say so.
    """
    tables = ask(_TABLES, ())
    here = (row for row in tables if row[3] == "1" and row[1] == name)
    found = next(here, None) or next((row for row in tables if f"{row[0]}.{row[1]}" == name), None)
    if found is None:
        known = [str(row[1]) if row[3] == "1" else f"{row[0]}.{row[1]}" for row in tables]
        raise ConfigurationError(
            f"{label}: there is no table {name!r}.{did_you_mean(name, known)}", reason="TableMissing"
        )
    schema, table, engine = str(found[0]), str(found[1]), found[2]
    keys = _unique_keys(ask(_UNIQUE, [schema, table]))
    json, keyed = json_columns(ask, schema, table), frozenset[str]().union(*keys)
    rows = (dict(zip(_FACTS, row, strict=True)) for row in ask(_COLUMNS, [schema, table]))
    return Relation(
        f"{dialect.quote(schema)}.{dialect.quote(table)}",
        f"{label}: {name}",
        tuple(_table_column(row, json, keyed) for row in rows),
        keys,
        is_transactional=engine is None or engine in {row[0] for row in ask(_TRANSACTIONAL, ())},
        path=(schema, table) if engine is not None else (),
    )


def row_size(packet: int) -> int:
    """Most bytes of a row's texts where rows go over the line as they are, by `max_allowed_packet`.

    The rest is for numbers, times and what the protocol adds.
    """
    return max(packet - _BESIDE_VALUES, packet // 2)


def checked_json(ask: Ask, schema: str, table: str) -> frozenset[str]:
    """Columns that MariaDB calls LONGTEXT and that hold JSON: those that it checks to be so."""
    found = (_JSON_CHECK.match(str(row[0])) for row in ask(_JSON_CHECKS, [schema, table]))
    return frozenset(match.group(1).replace("``", "`").replace('""', '"') for match in found if match)


def declared_json(ask: Ask, schema: str, table: str) -> frozenset[str]:  # noqa: ARG001 - as MariaDB's
    """MySQL has a type for JSON: no other column is one."""
    return frozenset()


def _unique_keys(rows: Iterable[Row]) -> tuple[frozenset[str], ...]:
    """Column sets that hold each combination once; of no use are indexes on expressions or beginnings of texts."""
    indexes: dict[str, set[str]] = {}
    partial = set()
    for index, column, part in rows:
        indexes.setdefault(str(index), set()).add(str(column))
        if column is None or part is not None:
            partial.add(str(index))
    return tuple(frozenset(columns) for index, columns in indexes.items() if index not in partial)


def _table_column(row: Mapping[str, str | None], json: frozenset[str], keyed: frozenset[str]) -> Column:
    """A column by a row of COLUMNS.

    Args:
        row: its values.
        json: names of columns that hold JSON.
        keyed: names of columns of unique indexes.
    """
    name, kind_of, extra = str(row["name"]), str(row["type"]).lower(), str(row["extra"] or "").lower()
    declared = str(row["declared"]).lower()
    is_generated = "generated" in extra and "default_generated" not in extra
    kind, bits, precision = _typed(kind_of, declared, _number(row["prec"]))
    if name in json:
        kind = "json"
    octets = None if kind_of in {"char", "varchar", "enum", "set"} else _number(row["octets"])
    characters = _characters(kind_of, octets, row)
    is_filled = row["filled"] not in {None, "NULL"} or "auto_increment" in extra or is_generated
    return Column(
        name=name,
        kind=kind,
        declared=declared if kind_of not in GEOMETRIES | {"uuid"} else kind_of,
        bits=bits,
        precision=precision,
        scale=_number(row["fraction"])
        if kind_of == "time"
        else _scale(kind, precision, _number(row["scale"]), _number(row["fraction"])),
        length=characters,
        size=octets if characters is None else None,
        collation=row["collation"] if kind == "string" else None,
        is_padded=kind_of == "char" and name in keyed,
        is_nullable=row["nullable"] == "YES",
        is_filled=is_filled,
        is_writable=not is_generated,
    )


def answer_column(field: Any, collation: str | None) -> Column:
    """A column of a query by what the server says of its answer.

    Args:
        field: the driver's description of it.
        collation: of the field's texts, by the number that the server gives.
    """
    is_text = field.type_code not in _CODES and field.charsetnr != _BINARY_CHARSET
    kind_of = _CODES.get(field.type_code, "text" if is_text else "blob")
    is_unsigned = bool(field.flags & _UNSIGNED) and kind_of != "bit"
    digits = field.length - (1 if field.scale else 0) - (0 if is_unsigned else 1)
    declared = f"{kind_of}({field.length})" + (" unsigned" if is_unsigned else "")
    kind, bits, precision = _typed(kind_of, declared, digits)
    fraction = field.scale if field.scale <= 6 else None
    return Column(
        name=field.name,
        kind=kind,
        declared=declared,
        bits=bits,
        precision=precision,
        scale=_scale(kind, precision, field.scale, fraction),
        collation=collation if kind == "string" else None,
    )


def _typed(kind_of: str, declared: str, digits: int | None) -> tuple[Kind, int, int | None]:
    """Kind, bits of an integer, precision of a decimal."""
    is_unsigned = "unsigned" in declared
    if declared.startswith(("bit(1)", "tinyint(1)")) and not is_unsigned:
        return "boolean", 64, None
    if kind_of == "bit" or (kind_of == "bigint" and is_unsigned):
        return "decimal", 64, 20
    if kind_of in _INTEGERS:
        bits = _INTEGERS[kind_of] + (1 if is_unsigned else 0)
        return "integer", next(size for size in (16, 32, 64) if bits <= size), None
    kind = _KINDS.get(kind_of, "other")
    return kind, 64, digits if kind == "decimal" and (digits or 0) <= MAX_PRECISION else None


def _scale(kind: Kind, precision: int | None, scale: int | None, fraction: int | None) -> int | None:
    if kind == "decimal":
        return scale or 0 if precision is not None else None
    return fraction if kind in {"datetime", "datetimetz"} else None


def _characters(kind_of: str, octets: int | None, row: Mapping[str, str | None]) -> int | None:
    """Most characters of a text. MariaDB itself cuts what it copies into a TEXT that is too small for it."""
    if kind_of in {"char", "varchar"}:
        return _number(row["length"])
    encoding = (row["collation"] or "").partition("_")[0]
    if octets is None or not encoding or encoding.startswith("utf8"):
        return None
    return octets // 4 if encoding in _WIDE else octets


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)

"""Types of SQLAlchemy, and of a driver's answer, as columns of ours."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Dialect, types
from sqlalchemy.exc import CompileError

from ponte.connectors.relational.catalogue import Column, Kind
from ponte.connectors.relational.values import MAX_PRECISION

_KINDS: tuple[tuple[type[types.TypeEngine[Any]], Kind], ...] = (  # the first that fits
    (types.Boolean, "boolean"),
    (types.JSON, "json"),
    (types.Float, "float"),
    (types.Numeric, "decimal"),
    (types.Integer, "integer"),
    (types.DateTime, "datetime"),
    (types.Date, "date"),
    (types.LargeBinary, "binary"),
    (types.BINARY, "binary"),
    (types.VARBINARY, "binary"),
    (types.String, "string"),
)
_PYTHON: dict[type, Kind] = {
    bool: "boolean",
    int: "integer",
    float: "float",
    Decimal: "decimal",
    str: "string",
    bytes: "binary",
    dt.datetime: "datetime",
    dt.date: "date",
    dt.time: "other",
    UUID: "other",
}
_WIDE = re.compile(r"HUGEINT|INT128|INT256|UBIGINT|UINT64|BIGINT UNSIGNED|UNSIGNED BIGINT")
_DECLARED = re.compile(r"^([A-Z][A-Z0-9_ ]*?)\s*(?:\((\d+)(?:\s*,\s*(\d+))?\))?(\s+WITH TIME ZONE)?$")
_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "INT", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
_NAMES: dict[str, Kind] = {
    **dict.fromkeys(("BOOLEAN", "BOOL"), "boolean"),
    **dict.fromkeys(_INTEGERS, "integer"),
    **dict.fromkeys(("FLOAT", "REAL", "DOUBLE", "DOUBLE PRECISION"), "float"),
    **dict.fromkeys(("DECIMAL", "NUMERIC", "NUMBER", "HUGEINT", "UHUGEINT", "UBIGINT"), "decimal"),
    **dict.fromkeys(("VARCHAR", "CHAR", "TEXT", "STRING", "NVARCHAR", "NCHAR"), "string"),
    **dict.fromkeys(("BLOB", "BINARY", "VARBINARY"), "binary"),
    **dict.fromkeys(("TIMESTAMP", "DATETIME"), "datetime"),
    "TIMESTAMPTZ": "datetimetz",
    "DATE": "date",
    "JSON": "json",
}  # fmt: skip


def table_column(described: dict[str, Any], dialect: Dialect) -> Column:
    """A column of a table, by what the inspector says of it."""
    type_: types.TypeEngine[Any] = described["type"]
    declared = _compiled(type_, dialect)
    kind: Kind = next((kind for known, kind in _KINDS if isinstance(type_, known)), "other")
    if kind == "datetime" and getattr(type_, "timezone", False):
        kind = "datetimetz"
    if kind == "integer" and _WIDE.search(declared):
        kind = "decimal"
    if kind == "string" and (isinstance(type_, types.BINARY) or "BINARY" in type(type_).__name__.upper()):
        kind = "binary"  # Firebird's CHAR of octets
    precision, scale = getattr(type_, "precision", None), getattr(type_, "scale", None)
    is_scaled = kind == "decimal" and precision is not None and scale is not None and precision <= MAX_PRECISION
    return Column(
        name=str(described["name"]),
        kind=kind,
        declared=declared,
        precision=precision if is_scaled else None,
        scale=max(scale, 0) if is_scaled and scale is not None else None,
        length=getattr(type_, "length", None) if kind == "string" else None,
        is_padded=kind == "string" and isinstance(type_, types.CHAR | types.NCHAR),
        is_nullable=bool(described.get("nullable", True)),
        is_filled=True,  # never written to: nothing has to be given
        is_writable=False,
    )


def answer_column(name: str, described: Sequence[Any]) -> Column:
    """A column of a query, by the driver's description of an answer (PEP 249): what is not known arrives as text."""
    code, scale = described[1], described[5]
    if isinstance(code, type) and code in _PYTHON:
        kind, declared = _PYTHON[code], code.__name__
        is_exact = kind == "decimal" and isinstance(scale, int)
        return Column(
            name, kind, declared, precision=MAX_PRECISION if is_exact else None, scale=abs(scale) if is_exact else None
        )
    found = _DECLARED.match(str(code).upper())
    kind = _NAMES.get(found.group(1), "other") if found else "other"
    if found and kind == "datetime" and found.group(4):
        kind = "datetimetz"
    sized = found is not None and kind == "decimal" and found.group(2) is not None
    return Column(
        name,
        kind,
        str(code),
        precision=int(found.group(2)) if found and sized else None,
        scale=int(found.group(3) or 0) if found and sized else None,
    )


def is_unscaled(column: Column) -> bool:
    """Whether it is a decimal whose scale the catalogue does not tell."""
    return column.kind == "decimal" and column.scale is None


def _compiled(type_: types.TypeEngine[Any], dialect: Dialect) -> str:
    try:
        return type_.compile(dialect).upper()
    except CompileError:
        return type(type_).__name__.upper()

"""How statements are written for MariaDB and MySQL: values are bound as variables of the session.

`@ponte_p1` holds the first one as it is; `@ponte_t1` holds it as a moment in UTC, where it is one. So a query of a
SyncSource may hold `%` and `?` as it likes, and a value may stand in several places.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from ponte.connectors.relational.catalogue import Column
from ponte.connectors.relational.mysql.style import MysqlStyle, collated

_CASTS = {
    "date": "CAST({} AS DATE)",
    "datetime": "CAST({} AS DATETIME(6))",
    "datetimetz": "CAST({} AS DATETIME(6))",
    "float": "({} + 0e0)",
    "boolean": "CAST({} AS SIGNED)",
    "binary": "UNHEX({})",
}
_LONGEST_MOMENT = 64
_ISO = "%Y-%m-%dT%H:%i:%s.%f"


class MysqlDialect(MysqlStyle):
    """How MariaDB and MySQL write things."""

    tables = (
        "SELECT JSON_ARRAYAGG(IF(TABLE_SCHEMA = DATABASE(), TABLE_NAME, CONCAT(TABLE_SCHEMA, '.', TABLE_NAME)))"
        " FROM information_schema.TABLES"
        " WHERE TABLE_SCHEMA NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys')"
    )
    """Lists tables and views as one JSON array; optional for a dialect."""

    def read(self, column: Column, of: str) -> str:
        """As text; FLOAT by way of DOUBLE, because its own text is cut to six digits."""
        path = f"{of}.{self.quote(column.name)}"
        if column.declared.startswith("bit"):
            return f"CAST({path} AS UNSIGNED)"
        if column.kind == "float":
            return f"({path} + 0e0)"
        return f"ST_AsText({path})" if column.declared in GEOMETRIES else path

    def comparable(self, column: Column, of: str) -> str:
        """The column as it is: its own order, its own index. An enumeration by its words."""
        path = f"{of}.{self.quote(column.name)}"
        if column.declared.startswith(("enum", "set")):
            return f"CONCAT({path})"
        return f"({path} + 0)" if column.declared.startswith("bit") else path

    def parameter(self, number: int, column: Column) -> str:
        """The variable of the session, of the column's type."""
        if column.kind in {"date", "datetime", "datetimetz"}:
            return _typed(f"@ponte_t{number}", column)
        return _typed(f"@ponte_p{number}", column)

    def bound(self, column: Column, aggregate: str = "MAX") -> str:
        """The greatest value (or the smallest, by MIN) of a column, as the canonical text of a bound."""
        found = f"{aggregate}({self.comparable(column, 't')})"
        if column.kind in {"datetime", "datetimetz"}:
            zone = "+00:00" if column.kind == "datetimetz" else ""
            return f"DATE_FORMAT({found}, '{_ISO}{zone}')"
        return f"CAST({found} AS CHAR)"

    def key_rows(self, number: int, columns: Sequence[Column]) -> str:
        """Rows out of a JSON array of arrays of text."""
        texts = "".join(f", j{i} LONGTEXT PATH '$[{i + 1}]'" for i in range(len(columns)))
        keys = "".join(
            f", {_typed(_without_zone(f'j.j{i}', column), column)} AS k{i}" for i, column in enumerate(columns)
        )
        rows = f"JSON_TABLE(@ponte_p{number}, '$[*]' COLUMNS (ponte_row INT PATH '$[0]'{texts})) AS j"
        return f"(SELECT j.ponte_row{keys} FROM {rows})"

    def staged(self, column: Column, of: str) -> str:
        """The staged value, which has the column's type or is a text that becomes it."""
        return f"{of}.{self.quote(column.name)}"


GEOMETRIES = frozenset(
    {
        "geometry",
        "geomcollection",
        "geometrycollection",
        "linestring",
        "multilinestring",
        "multipoint",
        "multipolygon",
        "point",
        "polygon",
    }
)


def _typed(text: str, column: Column) -> str:
    if column.kind == "decimal":
        return f"CAST({text} AS DECIMAL({column.precision or 65},{column.scale if column.precision else 30}))"
    if column.kind == "integer":
        return f"CAST({text} AS SIGNED)"
    return _CASTS[column.kind].format(text) if column.kind in _CASTS else collated(column, text)


def _without_zone(text: str, column: Column) -> str:
    return f"REPLACE({text}, ' UTC', '')" if column.kind == "datetimetz" else text


_ZONED = re.compile(r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)$")


def binding(parameters: Sequence[str], written: Callable[[str], str]) -> str:
    """The statement that makes values variables of the session; as moments too, where they can be.

    Args:
        parameters: the values.
        written: how one stands in a statement.
    """
    bound = []
    for number, value in enumerate(parameters, start=1):
        bound.append(f"@ponte_p{number} = {written(value)}")
        is_moment = len(value) <= _LONGEST_MOMENT  # a list of keys goes over the line once
        bound.append(f"@ponte_t{number} = {written(_utc(value)) if is_moment else 'NULL'}")
    return f"SET {', '.join(bound)}"


def _utc(text: str) -> str:
    """A moment with its zone as MySQL takes it: in UTC, without one. What is none stays as it is."""
    if not _ZONED.match(text):
        return text
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None).isoformat(" ")

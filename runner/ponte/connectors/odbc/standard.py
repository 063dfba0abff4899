"""Any database that Ponte does not know: read by standard SQL and ODBC's own catalogue, never written to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ponte.connectors.odbc.decoding import decode
from ponte.connectors.odbc.drivers import PYODBC
from ponte.connectors.odbc.marks import mark
from ponte.connectors.odbc.profiles import Asking, Place, Profile
from ponte.connectors.relational.catalogue import Column, Kind, Relation, did_you_mean
from ponte.connectors.relational.dialect import Dialect, Merge, Span, Standard, UpdateThenInsert
from ponte.errors import ConfigurationError

_FALSE = frozenset({"0", "False", None})
_KINDS: dict[str, tuple[Kind, int]] = {  # by number, as SQLColumns tells it (ODBC Programmer's Reference, appendix D)
    "1": ("string", 0),
    "2": ("decimal", 0),
    "3": ("decimal", 0),
    "4": ("integer", 32),
    "5": ("integer", 16),
    "6": ("float", 64),
    "7": ("float", 64),
    "8": ("float", 64),
    "9": ("date", 0),
    "12": ("string", 0),
    "91": ("date", 0),
    "93": ("datetime", 0),
    "-1": ("string", 0),
    "-2": ("binary", 0),
    "-3": ("binary", 0),
    "-4": ("binary", 0),
    "-5": ("integer", 64),
    "-6": ("integer", 16),
    "-7": ("boolean", 0),
    "-8": ("string", 0),
    "-9": ("string", 0),
    "-10": ("string", 0),
    "-11": ("other", 0),
    "-155": ("datetimetz", 0),  # SQL Server's
    "95": ("datetimetz", 0),
}
_PYTHON: dict[str, Kind] = {
    "int": "string",  # its range is not told
    "float": "float",
    "bool": "boolean",
    "date": "date",
    "datetime": "datetime",
    "bytearray": "binary",
    "bytes": "binary",
}


class StandardOverOdbc(Standard, UpdateThenInsert):
    """How most databases read: nothing but comparisons, AND and OR."""

    name = "standard SQL"

    def read(self, column: Column, of: str) -> str:
        """As the driver gives it."""
        return f"{of}.{self.quote(column.name)}"

    def comparable(self, column: Column, of: str) -> str:
        """The column as it is."""
        return f"{of}.{self.quote(column.name)}"

    def parameter(self, number: int, column: Column) -> str:  # noqa: ARG002 - as the others
        """The bound text, which the driver converts."""
        return mark(number)

    def after(self, columns: Sequence[str], values: Sequence[str]) -> str:
        """Spelt out: few databases compare rows as wholes."""
        column, value = columns[0], values[0]
        if len(columns) == 1:
            return f"{column} > {value}"
        return f"({column} > {value} OR ({column} = {value} AND {self.after(columns[1:], values[1:])}))"

    def bound(self, column: Column, aggregate: str = "MAX") -> str:
        """The greatest value (or the smallest, by MIN); the driver makes text of it."""
        return f"{aggregate}({self.comparable(column, 't')})"

    def key_rows(self, number: int, columns: Sequence[Column]) -> str:  # noqa: ARG002 - as the others
        """No standard database takes keys apart."""
        raise _unsupported("read single records by key")

    def staged(self, column: Column, of: str) -> str:  # noqa: ARG002 - as the others
        """Nothing is staged."""
        raise _unsupported("write")

    def update(self, merge: Merge, span: Span) -> tuple[str, ...]:  # noqa: ARG002 - as the others
        """Nothing is written."""
        raise _unsupported("write")


def _unsupported(what: str) -> ConfigurationError:
    return ConfigurationError(
        f"Ponte does not {what} over ODBC with this database: it does not know how the database takes a list of keys"
        " apart. Next: read all, or changes by a cursor.",
        reason="Unsupported",
    )


_DIALECT = StandardOverOdbc()


def _find(asking: Asking, place: Place) -> Relation:
    return _relation(_DIALECT, asking, place)


def finding(dialect: Dialect) -> Callable[[Asking, Place], Relation]:
    """Finds tables with their unique keys, by ODBC's own catalogue."""

    def find(asking: Asking, place: Place) -> Relation:
        relation = _relation(dialect, asking, place)
        if place.query is not None:
            return relation
        schema, _, table = (place.table or "").rpartition(".")
        return replace(relation, unique_keys=_unique_keys(asking, table, schema or None))

    return find


def _unique_keys(asking: Asking, table: str, schema: str | None) -> tuple[frozenset[str], ...]:
    keys: dict[str, set[str]] = {}
    for row in asking.catalogue("primaryKeys", table=table, schema=schema):
        keys.setdefault("", set()).add(str(row["column_name"]))
    for row in asking.catalogue("statistics", table=table, schema=schema):
        if row["non_unique"] in _FALSE and row["column_name"] and not row.get("filter_condition"):
            keys.setdefault(str(row["index_name"]), set()).add(str(row["column_name"]))
    return tuple({frozenset(names) for names in keys.values()})


def _relation(dialect: Dialect, asking: Asking, place: Place) -> Relation:
    if place.query is not None:
        names = asking.catalogue("describe", statement=f"SELECT * FROM {place.query_sql} t WHERE 1 = 0")
        columns = tuple(Column(str(row["column_name"]), _PYTHON.get(str(row["python"]), "string"), "") for row in names)
        return Relation(place.query_sql, f"{place.label}: the query", columns)
    schema, _, table = (place.table or "").rpartition(".")
    rows = asking.catalogue("columns", table=table, schema=schema or None)
    rows = [row for row in rows if row["table_name"] == table]
    if not rows:
        known = [str(row["table_name"]) for row in asking.catalogue("tables")]
        raise ConfigurationError(
            f"{place.label}: there is no table {place.table!r}.{did_you_mean(table, known)}", reason="TableMissing"
        )
    schemas = {row.get("table_schem") for row in rows}
    if len(schemas) > 1:
        named = ", ".join(sorted(f"{name}.{table}" for name in schemas))
        raise ConfigurationError(f"{place.label}: table {table!r} is in several schemas. Next: write one of {named}.")
    owner = schemas.pop()
    sql = (f"{dialect.quote(owner)}." if owner else "") + dialect.quote(table)
    return Relation(sql, f"{place.label}: {place.table}", tuple(map(_column, rows)))


def _column(row: dict[str, str | None]) -> Column:
    kind, bits = _KINDS.get(str(row["data_type"]), ("other", 0))
    is_number, is_counted = kind == "decimal", "identity" in str(row["type_name"]).lower()
    return Column(
        name=str(row["column_name"]),
        kind=kind,
        declared="CHAR" if row["data_type"] in {"1", "-8"} else str(row["type_name"]).upper(),
        bits=bits or 64,
        precision=int(row["column_size"] or 38) if is_number else None,
        scale=int(row["decimal_digits"] or 0) if is_number else None,
        length=int(row["column_size"] or 0) or None if kind == "string" else None,
        is_nullable=row["nullable"] != "0",
        is_filled=row.get("column_def") is not None or is_counted,
        is_writable=not is_counted,
    )


STANDARD = Profile(dbms="", by=PYODBC, dialect=_DIALECT, find=_find, decode=decode)

"""SQLite over sqliteodbc.

The driver makes fractions of NUMERIC columns and guesses types of expressions: each value is read as text with a letter
in front that tells what it is there (i, r, t, b), and t as hexadecimal digits (h) where it is more than plain ASCII.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import polars as pl

from ponte.connectors.odbc.drivers import PYODBC
from ponte.connectors.odbc.marks import mark
from ponte.connectors.odbc.profiles import Asking, Place, Profile
from ponte.connectors.odbc.staging import Staging
from ponte.connectors.relational.catalogue import Column, Relation, did_you_mean
from ponte.connectors.relational.client import RefusedError, Rows
from ponte.connectors.relational.dialect import Stage
from ponte.connectors.relational.sqlite import COLLATIONS, SqliteDialect, affinity, collated, column_of_row, refused
from ponte.connectors.relational.values import decimals, faults, join_faults
from ponte.errors import ConfigurationError, PonteError, TransientError

_TELLING = (
    "CASE typeof({0}) WHEN 'integer' THEN 'i' || {0} WHEN 'real' THEN 'r' || printf('%!.17g', {0}) WHEN 'blob' THEN "
    "'b' || hex({0}) WHEN 'text' THEN CASE WHEN {0} GLOB '*[^ -~]*' THEN 'h' || hex({0}) ELSE 't' || {0} END END"
)
_KINDS = {"integer": ("i",), "float": ("i", "r"), "boolean": ("i",), "binary": ("b",)}


class SqliteOverOdbc(SqliteDialect):
    """How SQLite writes things over ODBC."""

    def text(self, number: int) -> str:
        """A bound text."""
        return f"CAST({mark(number)} AS TEXT)"

    def parameter(self, number: int, column: Column) -> str:
        """The bound text; a cast alone would keep it from taking the type of the column."""
        if column.holds_times:
            return super().parameter(number, column)
        return f"CAST({self.text(number)} AS {affinity(column)})" if column.declared else self.text(number)

    def row_number(self, of: str) -> str:
        """Told as other integers are."""
        return f"'i' || {of}.ponte_row"

    def read(self, column: Column, of: str) -> str:
        """The value, and what it is."""
        return _TELLING.format(f"{of}.{self.quote(column.name)}")

    def bound(self, column: Column, aggregate: str = "MAX") -> str:
        """The greatest value (or the smallest, by MIN) of a column, as it is stored."""
        return f"CAST({super().bound(column, aggregate)} AS TEXT)"


_DIALECT = SqliteOverOdbc()
_KNOWN = "SELECT name AS name FROM sqlite_master WHERE type IN ('table', 'view')"
_XINFO = 'SELECT cid, name, type, "notnull", CAST(dflt_value AS TEXT) AS dflt, pk, hidden FROM pragma_table_xinfo({})'
_UNIQUE = (
    "SELECT l.name AS i, CAST(n.name AS TEXT) AS name FROM pragma_index_list({}) l JOIN pragma_index_info(l.name) n"
    ' WHERE l."unique" = 1 AND l.partial = 0'
)


def _find(asking: Asking, place: Place) -> Relation:
    if place.query is not None:
        return _query(asking, place)
    known = asking.ask(_KNOWN, ()).to_series(0).to_list()
    name = place.table or ""
    found = name if name in known else name.removeprefix("main.")
    if found not in known:
        raise ConfigurationError(
            f"{place.label}: there is no table {name!r}.{did_you_mean(name, known)}", reason="TableMissing"
        )
    indexes = asking.ask(_UNIQUE.format(_DIALECT.text(1)), [found])
    keys = {frozenset(names) for _, names in indexes.group_by("i").agg("name").rows() if None not in names}
    rows = asking.ask(_XINFO.format(_DIALECT.text(1)), [found]).rows()
    primary = frozenset(str(row[1]) for row in rows if int(row[5]))
    keys |= {primary} if primary else set()
    columns = collated(_columns(rows, primary), asking.ask(COLLATIONS.format(_DIALECT.text(1)), [found]).rows())
    return Relation(f"main.{_DIALECT.quote(found)}", f"{place.label}: {name}", columns, tuple(keys))


def _query(asking: Asking, place: Place) -> Relation:
    names = asking.names(f"SELECT * FROM {place.query_sql} LIMIT 0")
    columns = tuple(Column(name, "string", "") for name in names)
    return Relation(place.query_sql, f"{place.label}: the query", columns)


def _columns(rows: Sequence[tuple[str | None, ...]], primary: frozenset[str]) -> tuple[Column, ...]:
    numbers = (0, 3, 5, 6)
    typed = [tuple(int(v or 0) if place in numbers else v for place, v in enumerate(row)) for row in rows]
    return tuple(column_of_row(row, is_rowid=len(primary) == 1 and bool(row[5])) for row in typed)


def _stage(stage: Stage, key: Sequence[str]) -> Staging:
    if raw := [column.name for column in stage.columns if column.kind == "binary"]:
        raise ConfigurationError(
            f"Ponte does not write bytes to SQLite over ODBC ({', '.join(raw)}). Next: leave them out of the Mapping,"
            " or use the connector sql.",
            reason="Unsupported",
        )
    fields = "".join(f", {_DIALECT.quote(c.name)} {affinity(c)}" for c in stage.columns)
    names = ", ".join(map(_DIALECT.quote, key))
    statements = (
        f"CREATE TEMPORARY TABLE IF NOT EXISTS {stage.sql} (ponte_row INTEGER{fields})",
        f"DELETE FROM temp.{stage.sql}",
        f"CREATE INDEX IF NOT EXISTS temp.{_DIALECT.quote(stage.sql[1:-1] + '_key')} ON {stage.sql} ({names})",
    )
    values = "".join(f", {_staged(_path(n), c)}" for n, c in enumerate(stage.columns))
    rows = f"SELECT value ->> '$.ponte_row' AS ponte_row{values} FROM json_each({_DIALECT.text(1)})"
    return Staging(statements, f"INSERT INTO temp.{stage.sql} {rows}")


def _path(number: int) -> str:
    return f"json_extract(value, '$.c{number:d}')"


def _staged(text: str, column: Column) -> str:
    if column.kind == "boolean":
        return f"CASE {text} WHEN 'true' THEN 1 WHEN 'false' THEN 0 END"
    return text


def _decode(frame: pl.DataFrame, columns: Sequence[Column]) -> Rows:
    series, found = [], []
    for given, column in zip(frame.iter_columns(), columns, strict=True):
        values, bad = _decoded(given.cast(pl.String), column)
        series.append(values.alias(column.name))
        reason = "InvalidText" if column.kind == "string" else "NotConvertible"
        says = "the text is not UTF-8" if column.kind == "string" else f"the value is no {column.kind}"
        found.append(faults(bad, column.name, reason, says))
    return Rows(pl.DataFrame(series), join_faults(found))


def _decoded(given: pl.Series, column: Column) -> tuple[pl.Series, pl.Series]:
    told, body = given.str.slice(0, 1), given.str.slice(1)
    if column.kind == "binary":
        values = body.str.decode("hex", strict=False)
        return _only(values, given, told.is_in(["b"]))
    text = _plain_text(told, body)
    if column.kind == "decimal":
        exact, bad = decimals(text, None, None)
        return exact, bad | (given.is_not_null() & text.is_null())
    if column.kind == "boolean":
        values = text.replace_strict(["1", "0"], [True, False], default=None, return_dtype=pl.Boolean)
        return _only(values, given, told.is_in(["i"]))
    if column.kind in {"integer", "float"}:
        return _only(text.cast(column.dtype or pl.String(), strict=False), given, told.is_in(list(_KINDS[column.kind])))
    return text, given.is_not_null() & text.is_null()


def _only(values: pl.Series, given: pl.Series, fits: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Values that are what they must be, and a mask of the others."""
    kept = values.zip_with(fits.fill_null(value=False), pl.Series([None], dtype=values.dtype))
    return kept, given.is_not_null() & kept.is_null()


def _plain_text(told: pl.Series, body: pl.Series) -> pl.Series:
    """The text of values of any type; fractions by the shortest decimal that stands for them."""
    text = body
    if (hexed := told.is_in(["h", "b"]).fill_null(value=False)).any():
        decoded = body.zip_with(hexed, pl.Series([None], dtype=pl.String)).str.decode("hex", strict=False)
        text = decoded.cast(pl.String, strict=False).zip_with(hexed, text)
    if (real := (told == "r").fill_null(value=False)).any():
        shortest = [_shortest(v) if r else None for v, r in zip(body, real, strict=True)]
        text = pl.Series(shortest, dtype=pl.String).zip_with(real, text)
    return text


def _shortest(text: str) -> str:
    short = repr(float(text))
    return format(Decimal(short), "f") if "e" in short else short


def _translate(native: int, message: str, label: str) -> PonteError | RefusedError | None:
    """SQLite's own number stands behind its words; the driver calls all errors HY000."""
    words = message.partition(" (")[0].strip()
    if " constraint failed" in words or native == 19:
        return refused(words)
    if "locked" in words or "busy" in words:
        return TransientError(
            f"{label}: another program holds the database ({words}). Next: run it again when that "
            "program is done with it.",
            reason="DatabaseLocked",
        )
    return None


SQLITE = Profile(
    dbms="SQLITE",
    by=PYODBC,
    dialect=_DIALECT,
    find=_find,
    decode=_decode,
    options={"StepAPI": "1", "Timeout": "10000", "FKSupport": "1"},
    is_autocommit=True,
    snapshot=("BEGIN",),
    write=("BEGIN IMMEDIATE",),
    ends=("COMMIT", "ROLLBACK"),
    stage=_stage,
    translate=_translate,
)

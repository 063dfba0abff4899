"""PostgreSQL over psqlodbc.

psqlodbc calls a NUMERIC without a scale decimal(28,6), gives NaN to readers of decimals as a text that is none, and
forgets zones: all but integers, fractions and booleans is read as text that the server makes.
"""

from __future__ import annotations

from collections.abc import Sequence

from ponte.connectors.odbc.decoding import decode
from ponte.connectors.odbc.drivers import ARROW
from ponte.connectors.odbc.marks import mark
from ponte.connectors.odbc.process import STATEMENT_TIMEOUT_S
from ponte.connectors.odbc.profiles import TOLD_LENGTH, Asking, Place, Profile
from ponte.connectors.odbc.staging import Staging
from ponte.connectors.relational.catalogue import Column, Relation
from ponte.connectors.relational.dialect import Stage
from ponte.connectors.relational.postgresql import PostgresqlDialect, query_relation, stage_type, table_relation

_NATIVE = frozenset({"integer", "float", "boolean", "binary"})
_TIMES = frozenset({"date", "datetime", "datetimetz"})
_ROOM = 3  # sign, point and the zero before it


class PostgresqlOverOdbc(PostgresqlDialect):
    """How PostgreSQL writes things over ODBC."""

    def text(self, number: int) -> str:
        """A bound text."""
        return f"CAST({mark(number)} AS text)"

    def read(self, column: Column, of: str) -> str:
        """As text but for what the driver gives exactly; of a width that the driver tells, where there is one."""
        path = f"{of}.{self.quote(column.name)}"
        if column.kind in _NATIVE:
            return path
        if column.kind in _TIMES:
            return f"CAST({path} AS varchar(40))"
        if column.kind == "decimal" and column.precision is not None:
            return f"CAST({path} AS varchar({column.precision + _ROOM}))"
        if column.kind == "string" and (column.length or TOLD_LENGTH + 1) <= TOLD_LENGTH:
            return f"CAST({path} AS varchar({column.length}))"
        return f"CAST({path} AS text)"


_DIALECT = PostgresqlOverOdbc()


def _find(asking: Asking, place: Place) -> Relation:
    if place.query is None:
        return table_relation(_DIALECT, asking.ask, place.label, place.table or "")
    names = asking.names(f"SELECT * FROM {place.query_sql} AS q")
    return query_relation(names, lambda statement: asking.ask(statement, ()), place.label, place.query_sql)


def _stage(stage: Stage, key: Sequence[str]) -> Staging:  # noqa: ARG001 - it hashes what it looks up
    fields = "".join(f", {_DIALECT.quote(c.name)} {stage_type(c)}" for c in stage.columns)
    given = "".join(f", c{index} {stage_type(c)}" for index, c in enumerate(stage.columns))
    values = "".join(f", e.c{index}" for index in range(len(stage.columns)))
    create = f"CREATE TEMPORARY TABLE IF NOT EXISTS {stage.sql} (ponte_row integer{fields}) ON COMMIT DELETE ROWS"
    rows = f"json_to_recordset(CAST({mark(1)} AS json)) AS e(ponte_row integer{given})"
    return Staging((create,), f"INSERT INTO {stage.sql} SELECT e.ponte_row{values} FROM {rows}")


POSTGRESQL = Profile(
    dbms="POSTGRESQL",
    by=ARROW,
    dialect=_DIALECT,
    find=_find,
    decode=decode,
    options={
        "UseDeclareFetch": "1",  # rows come as they are asked for; otherwise the driver holds all of them
        "Fetch": "25000",
        "Protocol": "7.4-0",  # savepoints are set by Ponte, not by the driver around each statement
        "BoolsAsChar": "0",
        "MaxLongVarcharSize": "1073741823",  # the width of buffers is measured by Ponte
        "ByteaAsLongVarBinary": "1",
    },
    opened=("SET TIME ZONE 'UTC'", "SET datestyle = 'ISO'", "SET bytea_output = 'hex'"),
    snapshot=("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY",),
    write=("SET CONSTRAINTS ALL IMMEDIATE", f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT_S}s'"),
    measure="octet_length({})",
    stage=_stage,
)

"""Microsoft SQL Server, 2016 or newer. Unproven: never run against a real server.

Source: Transact-SQL reference (MERGE, SAVE TRANSACTION, OPENJSON, CONVERT, "Database engine events and errors").
"""

from __future__ import annotations

from collections.abc import Sequence

from ponte.connectors.odbc.decoding import decode
from ponte.connectors.odbc.drivers import PYODBC
from ponte.connectors.odbc.marks import mark
from ponte.connectors.odbc.merging import MergeDialect, staging
from ponte.connectors.odbc.natives import LOGIN, PASSING, translating
from ponte.connectors.odbc.profiles import Profile
from ponte.connectors.odbc.standard import finding
from ponte.connectors.relational.catalogue import Column
from ponte.connectors.relational.dialect import Deletion, Savepoint
from ponte.connectors.relational.sqlstates import LOST

_EXACT = "Latin1_General_100_BIN2"
_ISO = 126  # the style of CONVERT that writes yyyy-mm-ddThh:mi:ss.nnnnnnn


class SqlServerDialect(MergeDialect):
    """Square brackets, MERGE with its semicolon, savepoints of its own."""

    name = "sqlserver"
    savepoint = Savepoint("SAVE TRANSACTION ponte", "ROLLBACK TRANSACTION ponte", None)
    lock = " WITH (HOLDLOCK)"  # without it two writers may insert the same key
    end = ";"
    text_type = "NVARCHAR({characters}) COLLATE DATABASE_DEFAULT"
    types = {  # noqa: RUF012 - as read as a class's
        "integer": "BIGINT",
        "decimal": "DECIMAL(38,10)",
        "float": "FLOAT(53)",
        "boolean": "BIT",
        "date": "DATE",
        "datetime": "DATETIME2(6)",
        "datetimetz": "DATETIMEOFFSET(6)",
        "binary": "VARBINARY(MAX)",
        "text": "NVARCHAR(MAX) COLLATE DATABASE_DEFAULT",
    }

    def quote(self, identifier: str) -> str:
        """In brackets."""
        return "[" + identifier.replace("]", "]]") + "]"

    def parameter(self, number: int, column: Column) -> str:
        """The bound text, of the column's type."""
        return _typed(mark(number), column, self)

    def read(self, column: Column, of: str) -> str:
        """Times with a zone as text in UTC: their ODBC type is one of Microsoft's own."""
        path = super().read(column, of)
        return f"CONVERT(VARCHAR(40), SWITCHOFFSET({path}, '+00:00'), {_ISO})" if column.kind == "datetimetz" else path

    def row_number(self, of: str) -> str:
        """The number."""
        return f"CAST({of}.ponte_row AS INT)"

    def exact(self, column: Column, expression: str) -> str:
        """Texts by their code points."""
        return f"{expression} COLLATE {_EXACT}" if column.kind == "string" else expression

    def same(self, column: Column, left: str, right: str) -> str:
        """The same by the column's collation, for which there is an index, and by code points."""
        if column.kind != "string":
            return f"{left} = {right}"
        return f"({left} = {right} AND {left} = {right} COLLATE {_EXACT})"

    def bound(self, column: Column, aggregate: str = "MAX") -> str:
        """The greatest value (or the smallest, by MIN), as the canonical text of a bound."""
        found = f"{aggregate}({self.comparable(column, 't')})"
        if column.kind == "datetimetz":
            return f"CONVERT(VARCHAR(40), SWITCHOFFSET({found}, '+00:00'), {_ISO})"
        style = f", {_ISO}" if column.kind in {"date", "datetime"} else ""
        return f"CONVERT(NVARCHAR(4000), {found}{style})"

    def key_rows(self, number: int, columns: Sequence[Column]) -> str:
        """Rows out of a JSON array of arrays of text."""
        texts = "".join(f", j{i} NVARCHAR(4000) '$[{i + 1}]'" for i in range(len(columns)))
        keys = "".join(f", {_typed(f'j.j{i}', column, self)} AS k{i}" for i, column in enumerate(columns))
        rows = f"OPENJSON(CAST({mark(number)} AS NVARCHAR(MAX))) WITH (ponte_row INT '$[0]'{texts}) j"
        return f"(SELECT j.ponte_row{keys} FROM {rows})"

    def delete(self, deletion: Deletion) -> str:
        """The alias stands twice."""
        return super().delete(deletion).replace("DELETE FROM ", "DELETE t FROM ", 1)


def _typed(text: str, column: Column, dialect: SqlServerDialect) -> str:
    """A text of the column's type; one that is longer than the column is not cut, because it is another key."""
    return f"CAST({text} AS {'NVARCHAR(4000)' if column.kind == 'string' else dialect.type_of(column)})"


_DIALECT = SqlServerDialect()
_ERRORS = {
    **dict.fromkeys((2601, 2627), "DuplicateAtTarget"),
    515: "RequiredFieldMissing",
    547: "ReferenceMissing",
    **dict.fromkeys((2628, 8152), "TooLong"),
    **dict.fromkeys((220, 232, 242, 8115), "OutOfRange"),
    **dict.fromkeys((241, 245, 8114), "NotConvertible"),
    **dict.fromkeys((18452, 18456, 18470, 18487, 18488), LOGIN),
    **dict.fromkeys((1204, 1205, 1222, 3960, 10928, 10929, 40501, 40613), PASSING),
    **dict.fromkeys((233, 10053, 10054, 10060), LOST),
    4060: "DatabaseMissing",
    207: "FieldMissing",
    208: "TableMissing",
    **dict.fromkeys((229, 230, 916), "PermissionDenied"),
}
SQLSERVER = Profile(
    dbms="MICROSOFT SQL SERVER",
    by=PYODBC,
    dialect=_DIALECT,
    find=finding(_DIALECT),
    decode=decode,
    stage_name="#ponte_stage_{}",
    stage=staging(_DIALECT, ("DROP TABLE IF EXISTS {name}", "CREATE TABLE {name} ({fields})")),
    translate=translating(_ERRORS),
    is_proven=False,
)

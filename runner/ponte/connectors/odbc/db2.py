"""IBM Db2 on Linux, Unix, Windows (11.1 or newer) and on IBM i (7.3 or newer). Unproven: never run on a real server.

Source: Db2 SQL reference and Db2 for i SQL reference (MERGE, SAVEPOINT, DECLARE GLOBAL TEMPORARY TABLE, JSON_TABLE,
SQL messages and codes). JSON_TABLE of the former gives one row for a document: it cannot take a list of keys apart.
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
from ponte.connectors.relational.dialect import Savepoint
from ponte.connectors.relational.sqlstates import LOST

_ISO = "YYYY-MM-DD HH24:MI:SS.FF6"


class Db2Dialect(MergeDialect):
    """How Db2 writes things on Linux, Unix and Windows."""

    name = "db2"
    probe = "SELECT 1 FROM SYSIBM.SYSDUMMY1"
    savepoint = Savepoint(set="SAVEPOINT ponte ON ROLLBACK RETAIN CURSORS")
    text_type = "VARCHAR({octets})"
    types = {  # noqa: RUF012 - as read as a class's
        "integer": "BIGINT",
        "decimal": "DECFLOAT(34)",
        "float": "DOUBLE",
        "boolean": "SMALLINT",
        "date": "DATE",
        "datetime": "TIMESTAMP(6)",
        "binary": "BLOB(16M)",
        "text": "CLOB(16M)",
    }

    def parameter(self, number: int, column: Column) -> str:
        """The bound text, of the column's type; times without the T between day and hour."""
        return self._typed(f"CAST({mark(number)} AS VARCHAR(4000))", column)

    def bound(self, column: Column, aggregate: str = "MAX") -> str:
        """The greatest value (or the smallest, by MIN), as the canonical text of a bound."""
        found = f"{aggregate}({self.comparable(column, 't')})"
        if column.kind == "datetime":
            return f"REPLACE(VARCHAR_FORMAT({found}, '{_ISO}'), ' ', 'T')"
        return f"VARCHAR_FORMAT({found}, 'YYYY-MM-DD')" if column.kind == "date" else f"VARCHAR({found})"

    def _typed(self, text: str, column: Column) -> str:
        """A text that is longer than the column is not cut, because it is another key."""
        if column.kind == "string":
            return text
        if column.kind == "datetime":
            text = f"REPLACE({text}, 'T', ' ')"
        return f"CAST({text} AS {self.type_of(column)})"


class Db2ForIDialect(Db2Dialect):
    """How Db2 writes things on IBM i."""

    name = "db2 for i"

    def key_rows(self, number: int, columns: Sequence[Column]) -> str:
        """Rows out of a JSON array of arrays of text."""
        texts = "".join(f", j{i} VARCHAR(4000) PATH 'lax $[{i + 1}]'" for i in range(len(columns)))
        keys = "".join(f", {self._typed(f'j.j{i}', column)} AS k{i}" for i, column in enumerate(columns))
        document = f"CAST({mark(number)} AS CLOB(16M))"
        rows = f"JSON_TABLE({document}, 'lax $[*]' COLUMNS (ponte_row INTEGER PATH 'lax $[0]'{texts})) AS j"
        return f"(SELECT j.ponte_row{keys} FROM {rows})"


_ERRORS = {
    -803: "DuplicateAtTarget",
    -407: "RequiredFieldMissing",
    **dict.fromkeys((-530, -531, -532), "ReferenceMissing"),
    **dict.fromkeys((-545, -161), "CheckFailed"),
    **dict.fromkeys((-302, -404, -433), "TooLong"),
    **dict.fromkeys((-406, -413, -181), "OutOfRange"),
    **dict.fromkeys((-180, -420), "NotConvertible"),
    **dict.fromkeys((-30082, -1403), LOGIN),
    **dict.fromkeys((-904, -911, -913, -952), PASSING),
    **dict.fromkeys((-1224, -30080, -30081), LOST),
    -206: "FieldMissing",
    -204: "TableMissing",
    -1013: "DatabaseMissing",
    **dict.fromkeys((-551, -552), "PermissionDenied"),
}
_CREATE = ("DECLARE GLOBAL TEMPORARY TABLE {name} ({fields}) WITH REPLACE ON COMMIT DELETE ROWS",)


def _profile(dbms: str, dialect: Db2Dialect) -> Profile:
    return Profile(
        dbms=dbms,
        by=PYODBC,
        dialect=dialect,
        find=finding(dialect),
        decode=decode,
        stage_schema="SESSION.",
        stage_name="PONTE_STAGE_{}",
        stage=staging(dialect, _CREATE),
        translate=translating(_ERRORS),
        is_proven=False,
    )


DB2_FOR_I = _profile("DB2/400", Db2ForIDialect())
DB2 = _profile("DB2/", Db2Dialect())

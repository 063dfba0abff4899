"""Oracle Database, 18c or newer. Unproven: never run against a real server.

Source: Oracle Database SQL Language Reference (MERGE, SAVEPOINT, JSON_TABLE, CREATE TABLE: private temporary tables)
and Database Error Messages. Oracle takes the empty text for no value; `encode` rejects it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ponte.connectors.odbc.decoding import decode
from ponte.connectors.odbc.drivers import PYODBC
from ponte.connectors.odbc.marks import mark
from ponte.connectors.odbc.merging import MergeDialect, staging
from ponte.connectors.odbc.natives import LOGIN, PASSING, translating
from ponte.connectors.odbc.profiles import Asking, Place, Profile
from ponte.connectors.odbc.standard import finding
from ponte.connectors.relational.catalogue import Column, Relation
from ponte.connectors.relational.dialect import Savepoint
from ponte.connectors.relational.sqlstates import LOST

_ISO = 'YYYY-MM-DD"T"HH24:MI:SS.FF6'


class OracleDialect(MergeDialect):
    """No AS before aliases of tables, DUAL, savepoints that the next one of the name replaces."""

    name = "oracle"
    probe = "SELECT 1 FROM DUAL"
    savepoint = Savepoint(release=None)
    text_type = "VARCHAR2({characters} CHAR)"
    types = {  # noqa: RUF012 - as read as a class's
        "integer": "NUMBER(19)",
        "decimal": "NUMBER",
        "float": "BINARY_DOUBLE",
        "boolean": "NUMBER(1)",
        "date": "DATE",
        "datetime": "TIMESTAMP(6)",
        "datetimetz": "TIMESTAMP(6) WITH TIME ZONE",
        "binary": "BLOB",
        "text": "CLOB",
    }

    def row_number(self, of: str) -> str:
        """The number."""
        return f"CAST({of}.ponte_row AS NUMBER(10))"

    def parameter(self, number: int, column: Column) -> str:
        """The bound text, of the column's type."""
        return self._typed(mark(number), column)

    def bound(self, column: Column, aggregate: str = "MAX") -> str:
        """The greatest value (or the smallest, by MIN), as the canonical text of a bound."""
        found = f"{aggregate}({self.comparable(column, 't')})"
        if column.kind == "datetimetz":
            return f"TO_CHAR(SYS_EXTRACT_UTC({found}), '{_ISO}\"+00:00\"')"
        if column.kind in {"date", "datetime"}:
            return f"TO_CHAR(CAST({found} AS TIMESTAMP), '{_ISO}')"
        return f"TO_CHAR({found})"

    def key_rows(self, number: int, columns: Sequence[Column]) -> str:
        """Rows out of a JSON array of arrays of text."""
        texts = "".join(f", j{i} VARCHAR2(4000) PATH '$[{i + 1}]'" for i in range(len(columns)))
        keys = "".join(f", {self._typed(f'j.j{i}', column)} AS k{i}" for i, column in enumerate(columns))
        rows = f"JSON_TABLE({mark(number)}, '$[*]' COLUMNS (ponte_row NUMBER PATH '$[0]'{texts})) j"
        return f"(SELECT j.ponte_row{keys} FROM {rows})"

    def _typed(self, text: str, column: Column) -> str:
        plain = f"REPLACE({text}, 'T', ' ')"
        if column.kind == "datetimetz":
            return f"TO_TIMESTAMP_TZ({plain}, 'YYYY-MM-DD HH24:MI:SS.FF TZH:TZM')"
        if column.kind in {"date", "datetime"}:
            return f"TO_TIMESTAMP({plain}, 'YYYY-MM-DD HH24:MI:SS.FF')"
        return text if column.kind == "string" else f"TO_NUMBER({text})"


_DIALECT = OracleDialect()


def _find(asking: Asking, place: Place) -> Relation:
    """Its columns keep no empty text: it would be stored as no value."""
    found = finding(_DIALECT)(asking, place)
    return replace(found, columns=tuple(replace(column, has_empty=False) for column in found.columns))


_ERRORS = {
    1: "DuplicateAtTarget",
    **dict.fromkeys((1400, 1407), "RequiredFieldMissing"),
    **dict.fromkeys((2291, 2292), "ReferenceMissing"),
    2290: "CheckFailed",
    **dict.fromkeys((1401, 12899), "TooLong"),
    **dict.fromkeys((1426, 1438, 1455), "OutOfRange"),
    **dict.fromkeys((1722, 1830, 1843, 1847, 1858, 1861), "NotConvertible"),
    **dict.fromkeys((1005, 1017, 28000, 28001), LOGIN),
    **dict.fromkeys((54, 60, 1013, 1555, 8177, 30006, 12154, 12514, 12541, 12545), PASSING),
    **dict.fromkeys((28, 1012, 1033, 1034, 1089, 3113, 3114, 3135, 12537, 12571), LOST),
    904: "FieldMissing",
    942: "TableMissing",
    **dict.fromkeys((1031, 1045), "PermissionDenied"),
}
ORACLE = Profile(
    dbms="ORACLE",
    by=PYODBC,
    dialect=_DIALECT,
    find=_find,
    decode=decode,
    opened=(
        "ALTER SESSION SET NLS_DATE_FORMAT = 'YYYY-MM-DD HH24:MI:SS'",
        "ALTER SESSION SET NLS_TIMESTAMP_FORMAT = 'YYYY-MM-DD HH24:MI:SS.FF6'",
        "ALTER SESSION SET NLS_TIMESTAMP_TZ_FORMAT = 'YYYY-MM-DD HH24:MI:SS.FF6TZH:TZM'",
        "ALTER SESSION SET NLS_NUMERIC_CHARACTERS = '.,'",
        "ALTER SESSION SET TIME_ZONE = '+00:00'",
    ),
    snapshot=("SET TRANSACTION READ ONLY",),
    stage_name="ORA$PTT_PONTE_STAGE_{}",
    stage=staging(_DIALECT, ("CREATE PRIVATE TEMPORARY TABLE {name} ({fields}) ON COMMIT DROP DEFINITION",)),
    translate=translating(_ERRORS),
    is_proven=False,
)

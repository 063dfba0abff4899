"""Statements for databases of which no server was to be had, as their vendors' manuals write them."""

from __future__ import annotations

import polars as pl
import pytest

from ponte.connectors.odbc.databases import PROFILES
from ponte.connectors.odbc.marks import in_order
from ponte.connectors.odbc.profiles import Profile
from ponte.connectors.relational.catalogue import Column, Relation
from ponte.connectors.relational.client import RefusedError
from ponte.connectors.relational.dialect import Merge, Span, Stage
from ponte.connectors.relational.encoding import encode
from ponte.connectors.relational.statements import SelectByKey, delete_keys
from ponte.errors import ConfigurationError, CredentialsRefused, TransientError

CODE = Column("code", "string", "VARCHAR", length=20)
PRICE = Column("price", "decimal", "DECIMAL", precision=12, scale=2)
CHANGED = Column("changed", "datetime", "TIMESTAMP")
SQL_SERVER, ORACLE, DB2_FOR_I, DB2 = "MICROSOFT SQL SERVER", "ORACLE", "DB2/400", "DB2/"
VENDORS = [SQL_SERVER, ORACLE, DB2_FOR_I, DB2]


def merge_of(profile: Profile) -> Merge:
    """Articles by their code; a price that is not there stays what it was."""
    quote = profile.dialect.quote
    table = Relation(f"{quote('ERP')}.{quote('ART')}", "erp: ART", (CODE, PRICE, CHANGED))
    name = profile.stage_schema + quote(profile.stage_name.format(0))
    return Merge(table, Stage(name, (CODE, PRICE, CHANGED)), ("code",), frozenset({"price"}))


def marked(statement: str) -> str:
    """With `?` for its parameters."""
    return in_order(statement, ["x"] * 9)[0]


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ("Microsoft SQL Server", SQL_SERVER),
        ("Oracle", ORACLE),
        ("DB2/400 SQL", DB2_FOR_I),
        ("DB2/LINUXX8664", DB2),
        ("DB2/NT64", DB2),
        ("MariaDB", "MARIADB"),
        ("MySQL", "MYSQL"),
        ("Firebird", ""),
    ],
)
def test_a_database_is_known_by_what_its_driver_calls_it(told: str, found: str) -> None:
    assert next((name for name in PROFILES if name and told.upper().startswith(name)), "") == found


UPSERTS = {
    SQL_SERVER: (
        "MERGE INTO [ERP].[ART] WITH (HOLDLOCK) t USING"
        " (SELECT s.* FROM [#ponte_stage_0] s WHERE s.ponte_row >= 0 AND s.ponte_row < 10) s"
        " ON ((t.[code] = s.[code] AND t.[code] = s.[code] COLLATE Latin1_General_100_BIN2))"
        " WHEN MATCHED THEN UPDATE SET [price] = coalesce(s.[price], t.[price]), [changed] = s.[changed]"
        " WHEN NOT MATCHED THEN INSERT ([code], [price], [changed]) VALUES (s.[code], s.[price], s.[changed]);"
    ),
    ORACLE: (
        'MERGE INTO "ERP"."ART" t USING'
        ' (SELECT s.* FROM "ORA$PTT_PONTE_STAGE_0" s WHERE s.ponte_row >= 0 AND s.ponte_row < 10) s'
        ' ON (t."code" = s."code")'
        ' WHEN MATCHED THEN UPDATE SET "price" = coalesce(s."price", t."price"), "changed" = s."changed"'
        ' WHEN NOT MATCHED THEN INSERT ("code", "price", "changed") VALUES (s."code", s."price", s."changed")'
    ),
    DB2: (
        'MERGE INTO "ERP"."ART" t USING'
        ' (SELECT s.* FROM SESSION."PONTE_STAGE_0" s WHERE s.ponte_row >= 0 AND s.ponte_row < 10) s'
        ' ON (t."code" = s."code")'
        ' WHEN MATCHED THEN UPDATE SET "price" = coalesce(s."price", t."price"), "changed" = s."changed"'
        ' WHEN NOT MATCHED THEN INSERT ("code", "price", "changed") VALUES (s."code", s."price", s."changed")'
    ),
}
UPSERTS[DB2_FOR_I] = UPSERTS[DB2]


@pytest.mark.parametrize("vendor", VENDORS)
def test_records_are_merged_by_their_key_and_no_other(vendor: str) -> None:
    profile = PROFILES[vendor]
    merge, span = merge_of(profile), Span(0, 10)

    assert profile.dialect.upsert(merge, span) == (UPSERTS[vendor],)
    before, _, _ = UPSERTS[vendor].partition(" WHEN NOT MATCHED")
    assert profile.dialect.update(merge, span) == (before + (";" if vendor == SQL_SERVER else ""),)


SQL_SERVER_STAGE = (
    "CREATE TABLE [#ponte_stage_0] (ponte_row INTEGER, [code] NVARCHAR(20) COLLATE DATABASE_DEFAULT,"
    " [price] DECIMAL(12,2), [changed] DATETIME2(6))"
)
ORACLE_STAGE = (
    'CREATE PRIVATE TEMPORARY TABLE "ORA$PTT_PONTE_STAGE_0" (ponte_row INTEGER, "code" VARCHAR2(20 CHAR),'
    ' "price" DECIMAL(12,2), "changed" TIMESTAMP(6)) ON COMMIT DROP DEFINITION'
)
DB2_STAGE = (
    'DECLARE GLOBAL TEMPORARY TABLE SESSION."PONTE_STAGE_0" (ponte_row INTEGER, "code" VARCHAR(80),'
    ' "price" DECIMAL(12,2), "changed" TIMESTAMP(6)) WITH REPLACE ON COMMIT DELETE ROWS'
)
STAGES = {
    SQL_SERVER: ("DROP TABLE IF EXISTS [#ponte_stage_0]", SQL_SERVER_STAGE),
    ORACLE: (ORACLE_STAGE,),
    DB2: (DB2_STAGE,),
}
STAGES[DB2_FOR_I] = STAGES[DB2]


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_chunk_is_staged_in_a_temporary_table(vendor: str) -> None:
    profile = PROFILES[vendor]
    assert profile.stage is not None
    assert profile.stage(merge_of(profile).stage, ("code",)).statements == STAGES[vendor]


def test_rows_go_by_the_key_of_staged_ones() -> None:
    def delete(vendor: str) -> str:
        return delete_keys(PROFILES[vendor].dialect, merge_of(PROFILES[vendor]), Span(3, 4))

    assert delete(SQL_SERVER) == (
        "DELETE t FROM [ERP].[ART] t WHERE EXISTS (SELECT 1 FROM [#ponte_stage_0] s WHERE s.ponte_row >= 3 AND"
        " s.ponte_row < 4 AND (t.[code] = s.[code] AND t.[code] = s.[code] COLLATE Latin1_General_100_BIN2))"
    )
    assert delete(ORACLE) == (
        'DELETE FROM "ERP"."ART" t WHERE EXISTS (SELECT 1 FROM "ORA$PTT_PONTE_STAGE_0" s WHERE s.ponte_row >= 3 AND'
        ' s.ponte_row < 4 AND t."code" = s."code")'
    )


BEHIND = {
    SQL_SERVER: (
        "(t.[changed] > CAST(? AS DATETIME2(6)) OR (t.[changed] = CAST(? AS DATETIME2(6))"
        " AND t.[code] > CAST(? AS NVARCHAR(4000))))"
    ),
    ORACLE: (
        "(t.\"changed\" > TO_TIMESTAMP(REPLACE(?, 'T', ' '), 'YYYY-MM-DD HH24:MI:SS.FF') OR"
        " (t.\"changed\" = TO_TIMESTAMP(REPLACE(?, 'T', ' '), 'YYYY-MM-DD HH24:MI:SS.FF') AND t.\"code\" > ?))"
    ),
    DB2: (
        "(t.\"changed\" > CAST(REPLACE(CAST(? AS VARCHAR(4000)), 'T', ' ') AS TIMESTAMP(6)) OR"
        " (t.\"changed\" = CAST(REPLACE(CAST(? AS VARCHAR(4000)), 'T', ' ') AS TIMESTAMP(6))"
        ' AND t."code" > CAST(? AS VARCHAR(4000))))'
    ),
}
BEHIND[DB2_FOR_I] = BEHIND[DB2]


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_reading_goes_on_behind_a_position(vendor: str) -> None:
    dialect = PROFILES[vendor].dialect
    columns = [dialect.comparable(column, "t") for column in (CHANGED, CODE)]
    values = [dialect.parameter(number, column) for number, column in enumerate((CHANGED, CODE), start=1)]
    assert marked(dialect.after(columns, values)) == BEHIND[vendor]


KEYS = {
    SQL_SERVER: (
        "SELECT CAST(k.ponte_row AS INT) AS ponte_row, t.[price] AS [price] FROM [ERP].[ART] t JOIN"
        " (SELECT j.ponte_row, CAST(j.j0 AS NVARCHAR(4000)) AS k0 FROM OPENJSON(CAST(? AS NVARCHAR(MAX)))"
        " WITH (ponte_row INT '$[0]', j0 NVARCHAR(4000) '$[1]') j) k"
        " ON (t.[code] = k.k0 AND t.[code] = k.k0 COLLATE Latin1_General_100_BIN2) ORDER BY k.ponte_row"
    ),
    ORACLE: (
        'SELECT CAST(k.ponte_row AS NUMBER(10)) AS ponte_row, t."price" AS "price" FROM "ERP"."ART" t JOIN'
        " (SELECT j.ponte_row, j.j0 AS k0 FROM JSON_TABLE(?, '$[*]' COLUMNS (ponte_row NUMBER PATH '$[0]',"
        " j0 VARCHAR2(4000) PATH '$[1]')) j) k ON t.\"code\" = k.k0 ORDER BY k.ponte_row"
    ),
    DB2_FOR_I: (
        'SELECT CAST(k.ponte_row AS integer) AS ponte_row, t."price" AS "price" FROM "ERP"."ART" t JOIN'
        " (SELECT j.ponte_row, j.j0 AS k0 FROM JSON_TABLE(CAST(? AS CLOB(16M)), 'lax $[*]' COLUMNS"
        " (ponte_row INTEGER PATH 'lax $[0]', j0 VARCHAR(4000) PATH 'lax $[1]')) AS j) k"
        ' ON t."code" = k.k0 ORDER BY k.ponte_row'
    ),
}


@pytest.mark.parametrize("vendor", KEYS)
def test_records_are_read_by_their_keys(vendor: str) -> None:
    profile = PROFILES[vendor]
    select = SelectByKey(merge_of(profile).table, (CODE,), (PRICE,))
    assert marked(select.text(profile.dialect)) == KEYS[vendor]


def test_what_cannot_take_a_list_of_keys_apart_says_so() -> None:
    with pytest.raises(ConfigurationError, match="does not read single records by key") as caught:
        PROFILES[DB2].dialect.key_rows(1, [CODE])
    assert caught.value.reason == "Unsupported"


@pytest.mark.parametrize(
    ("vendor", "savepoint", "back", "probe"),
    [
        (SQL_SERVER, "SAVE TRANSACTION ponte", "ROLLBACK TRANSACTION ponte", "SELECT 1"),
        (ORACLE, "SAVEPOINT ponte", "ROLLBACK TO SAVEPOINT ponte", "SELECT 1 FROM DUAL"),
        (
            DB2,
            "SAVEPOINT ponte ON ROLLBACK RETAIN CURSORS",
            "ROLLBACK TO SAVEPOINT ponte",
            "SELECT 1 FROM SYSIBM.SYSDUMMY1",
        ),
    ],
)
def test_a_part_of_a_transaction_is_undone(vendor: str, savepoint: str, back: str, probe: str) -> None:
    dialect = PROFILES[vendor].dialect
    assert (dialect.savepoint.set, dialect.savepoint.undo, dialect.probe) == (savepoint, back, probe)


@pytest.mark.parametrize(
    ("vendor", "numbers"),
    [
        (SQL_SERVER, (2627, 515, 1205, 18456, 208)),
        (ORACLE, (1, 1400, 60, 1017, 942)),
        (DB2_FOR_I, (-803, -407, -911, -30082, -204)),
    ],
)
def test_errors_are_told_by_the_number_of_the_database(vendor: str, numbers: tuple[int, ...]) -> None:
    errors = [PROFILES[vendor].translate(number, "told", "erp") for number in numbers]
    duplicate, empty, deadlock, login, table = errors

    assert isinstance(duplicate, RefusedError)
    assert isinstance(empty, RefusedError)
    assert (duplicate.reason, empty.reason) == ("DuplicateAtTarget", "RequiredFieldMissing")
    assert isinstance(deadlock, TransientError)
    assert isinstance(login, CredentialsRefused)
    assert isinstance(table, ConfigurationError)
    assert table.reason == "TableMissing"
    assert PROFILES[vendor].translate(987654, "told", "erp") is None


def test_an_empty_text_is_rejected_where_it_would_be_stored_as_no_value() -> None:
    column = Column("note", "string", "VARCHAR2", length=20, has_empty=False)
    _, faulty = encode(pl.DataFrame({"note": ["", "a", None]}), [column])
    assert faulty is not None
    assert faulty.select("row", "field", "reason").rows() == [(0, "note", "NotConvertible")]

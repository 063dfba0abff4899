"""What only MariaDB's ODBC driver gets wrong, or MariaDB by it: rows that are more than the server takes at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import polars as pl
import pytest

from mariadb import MariadbServer, maodbc
from odbc_sessions import odbc_session
from ponte.connectors.odbc.mysql import MARIADB
from ponte.connectors.odbc.session import OdbcSession
from ponte.connectors.odbc.settings import Address
from ponte.connectors.odbc.standard import STANDARD
from ponte.connectors.relational.statements import Select
from ponte.connectors.relational.writing import Writer
from ponte.engine.ports import Delivery
from ponte.errors import ConfigurationError, PonteError, TransientError

pytestmark = pytest.mark.needs("maodbc")


@pytest.fixture
def session(mariadb_server: MariadbServer, mariadb_url: str) -> Iterator[OdbcSession]:
    """A session on a server that takes one MiB at once."""
    database = urlsplit(mariadb_url).path.removeprefix("/")
    mariadb_server.run("CREATE TABLE t (id int PRIMARY KEY, txt longtext, raw longblob)", database=database)
    ((before,),) = mariadb_server.run("SELECT @@GLOBAL.max_allowed_packet")
    mariadb_server.run("SET GLOBAL max_allowed_packet = 1048576")
    with odbc_session(login(mariadb_url)) as opened:
        yield opened
    mariadb_server.run(f"SET GLOBAL max_allowed_packet = {before}")


def login(url: str) -> Address:
    """The address of a database by its URL."""
    settings = maodbc(url)
    options = ";".join(f"{option['name']}={option['value']}" for option in settings["options"])
    attributes = f"DRIVER={{MariaDB Unicode}};{options};UID={settings['username']['value']}"
    return Address("shop", "MariaDB Unicode", is_dsn=False, login=attributes, given=())


def writer_of(session: OdbcSession, table: str) -> Writer:
    """For a table without parts."""
    session.begin(is_snapshot=True)
    writer = Writer(session, session.relation(table, None), ())
    session.rollback()
    return writer


def creation(frame: pl.DataFrame) -> Delivery:
    """All records of a frame by their id."""
    unset = pl.Series([None] * frame.height, dtype=pl.String)
    return Delivery("create", frame, ("id",), unset, unset)


def test_many_wide_rows_go_in_pieces_and_what_is_too_long_is_rejected(session: OdbcSession) -> None:
    texts = ["x" * 5_000] * 900 + ["ż" * 262_144, "x" * 600_000]
    frame = pl.DataFrame({"id": range(902), "txt": texts, "raw": [b"\0\xff"] * 902})

    answers = writer_of(session, "t").deliver(creation(frame))

    assert answers["outcome"].to_list() == ["done"] * 901 + ["rejected"]
    assert (answers["field"][901], answers["reason"][901]) == ("txt", "TooLong")
    assert session.scalar("SELECT CAST(SUM(CHAR_LENGTH(txt)) AS CHAR(20)) FROM t") == str(900 * 5_000 + 262_144)


def test_a_record_that_is_larger_than_the_server_takes_at_once_is_rejected_alone(
    session: OdbcSession, mariadb_server: MariadbServer, mariadb_url: str
) -> None:
    mariadb_server.run(
        "CREATE TABLE wide (id int PRIMARY KEY, a longtext, b longtext CHARACTER SET latin1, raw longblob)",
        database=urlsplit(mariadb_url).path.removeprefix("/"),
    )
    large = 420_000
    frame = pl.DataFrame(
        {
            "id": [1, 2, 3, 4],
            "a": ["x" * large, "x" * large, "x", None],
            "b": ["y" * (large + 1), "y" * large, "y", "y" * 600_000],
            "raw": [b"\0" * large, None, b"\0", None],
        }
    )

    answers = writer_of(session, "wide").deliver(creation(frame))

    assert answers.select("outcome", "reason", "field").rows() == [
        ("rejected", "TooLong", "b"),  # all three are more than a MiB
        ("done", None, None),
        ("done", None, None),
        ("rejected", "TooLong", "b"),  # alone more than half a MiB, also where its column counts characters
    ]


def test_a_query_keeps_whole_numbers_that_the_driver_would_wrap(session: OdbcSession) -> None:
    query = "SELECT CAST(18446744073709551615 AS UNSIGNED) AS big, 65535 AS small, b'101' AS bits"
    session.begin(is_snapshot=True)
    relation = session.relation(None, query)
    select = Select(relation, relation.columns).text(session.dialect)
    (rows,) = session.stream(select, (), relation.columns, 10)

    assert rows.frame["small"].to_list() == [65535]
    assert rows.faults is not None
    assert rows.faults.select("row", "field", "reason").rows() == [(0, "big", "NotConvertible")]


def test_times_are_exact_and_one_that_is_none_is_a_fault_and_no_null(
    session: OdbcSession, mariadb_server: MariadbServer, mariadb_url: str
) -> None:
    times = ("2026-11-25 10:00:00.000001", "1000-01-01", "9999-12-31 23:59:59.999999", "0000-00-00", "2026-00-10")
    mariadb_server.run(
        "SET sql_mode = ''",
        "CREATE TABLE moments (id int, at datetime(6) NOT NULL, zoned timestamp(6) NULL)",
        *(f"INSERT INTO moments VALUES ({number}, '{time}', NULL)" for number, time in enumerate(times)),
        "SET time_zone = '+02:00'",
        "INSERT INTO moments VALUES (5, '2026-11-25', '2026-11-25 12:00:00.5')",
        database=urlsplit(mariadb_url).path.removeprefix("/"),
    )
    session.begin(is_snapshot=True)
    relation = session.relation("moments", None)
    select = Select(relation, relation.columns).text(session.dialect)
    (rows,) = session.stream(f"{select} ORDER BY 1", (), relation.columns, 10)

    assert rows.frame["at"].cast(pl.String).to_list() == [
        "2026-11-25 10:00:00.000001",
        "1000-01-01 00:00:00.000000",
        "9999-12-31 23:59:59.999999",
        None,
        None,
        "2026-11-25 00:00:00.000000",
    ]
    assert rows.frame["zoned"].cast(pl.String).to_list() == [None] * 5 + ["2026-11-25 10:00:00.500000+00:00"]
    assert rows.faults is not None
    assert rows.faults.select("row", "field", "reason").rows() == [(3, "at", "OutOfRange"), (4, "at", "OutOfRange")]


EVERY_KIND = {
    "id": ("bigint", [1, 2, 3]),
    "tiny": ("tinyint unsigned", [0, 255, None]),
    "flag": ("tinyint(1)", [True, False, None]),
    "big": ("bigint unsigned", ["18446744073709551615", "0", None]),
    "price": ("decimal(38,18)", ["-12345678901234567890.123456789012345678", "0.1", None]),
    "ratio": ("double", [0.1, -1e300, None]),
    "short": ("float", [0.1, 16777216.0, None]),
    "day": ("date", ["0001-01-01", "9999-12-31", None]),
    "at": ("datetime(6)", ["1000-01-01T00:00:00.000001", "9999-12-31T23:59:59.999999", None]),
    "moment": ("timestamp(6) NULL", ["1970-01-01T02:00:01.5+02:00", "2038-01-19T03:14:07Z", None]),
    "name": ("varchar(20)", ["Größe 'x' \\ \"y\"", "", None]),
    "old": ("varchar(20) CHARACTER SET latin1", ["Größe", " blank ", None]),
    "code": ("char(4)", ["0012", "a", None]),
    "doc": ("json", ['{"a": [1, "ü"]}', "null", None]),
    "raw": ("longblob", [b"\0\xff'", b"", None]),
}


def test_rows_that_go_straight_into_the_table_are_those_that_go_through_a_stage(
    session: OdbcSession, mariadb_server: MariadbServer, mariadb_url: str
) -> None:
    database = urlsplit(mariadb_url).path.removeprefix("/")
    fields = ", ".join(f"`{name}` {kind}" for name, (kind, _) in EVERY_KIND.items())
    mariadb_server.run(*(f"CREATE TABLE {name} ({fields}, PRIMARY KEY (id))" for name in "ab"), database=database)
    frame = pl.DataFrame({name: values for name, (_, values) in EVERY_KIND.items()})
    straight, staged = writer_of(session, "a"), writer_of(session, "b")
    staged.may_append = False

    for writer in (straight, staged):
        assert session.can_append(writer.table, writer.table.columns)
        assert writer.deliver(creation(frame))["outcome"].to_list() == ["done"] * 3

    assert straight.may_append
    rows = mariadb_server.run("SELECT * FROM a ORDER BY id", database=database)
    assert rows == mariadb_server.run("SELECT * FROM b ORDER BY id", database=database)
    assert rows[0][4:7] == (Decimal("-12345678901234567890.123456789012345678"), 0.1, 0.1)
    assert rows[1][8:10] == (datetime(9999, 12, 31, 23, 59, 59, 999999), datetime(2038, 1, 19, 3, 14, 7))  # noqa: DTZ001 - columns have no zone


def test_columns_to_which_a_text_says_something_else_go_through_a_stage(
    session: OdbcSession, mariadb_server: MariadbServer, mariadb_url: str
) -> None:
    kinds = ["year", "bit(8)", "enum('a','b')", "set('a','b')", "time", "point"]
    fields = ", ".join(f"v{number} {kind}" for number, kind in enumerate(kinds))
    database = urlsplit(mariadb_url).path.removeprefix("/")
    mariadb_server.run(f"CREATE TABLE odd (id int PRIMARY KEY, {fields})", database=database)
    table = writer_of(session, "odd").table

    taken = [column.name for column in table.columns if session.can_append(table, [column])]

    assert taken == ["id"]


def test_a_record_that_is_there_already_is_updated_and_its_neighbours_are_written(session: OdbcSession) -> None:
    writer = writer_of(session, "t")
    writer.deliver(creation(pl.DataFrame({"id": [4_000], "txt": ["old"]})))

    answers = writer.deliver(creation(pl.DataFrame({"id": range(6_000), "txt": ["new"] * 6_000})))

    assert answers["outcome"].to_list() == ["done"] * 6_000
    assert session.scalar("SELECT CAST(COUNT(*) AS CHAR(20)) FROM t WHERE txt = 'new'") == "6000"


def test_rows_that_the_driver_drops_without_a_word_are_missed(mariadb_url: str, session: OdbcSession) -> None:
    assert MARIADB.append is not None
    assert MARIADB.stage is not None
    append, stage, none = MARIADB.append, MARIADB.stage, "SELECT 0 AS taken"

    def dropping(rows: Any) -> Any:
        return replace(rows, count=none)

    forgetful = replace(MARIADB, append=lambda *given: dropping(append(*given)))
    with odbc_session(login(mariadb_url), {"MARIADB": forgetful, "": STANDARD}) as other:
        writer = writer_of(other, "t")
        assert writer.deliver(creation(pl.DataFrame({"id": [1]})))["outcome"].to_list() == ["done"]
        assert not writer.may_append
    assert session.scalar("SELECT CAST(COUNT(*) AS CHAR(20)) FROM t") == "1"

    lost = replace(forgetful, stage=lambda *given: dropping(stage(*given)))
    with odbc_session(login(mariadb_url), {"MARIADB": lost, "": STANDARD}) as other:
        writer = writer_of(other, "t")
        with pytest.raises(ConfigurationError, match="did not take all rows"):
            writer.deliver(creation(pl.DataFrame({"id": [2]})))
    assert session.scalar("SELECT CAST(COUNT(*) AS CHAR(20)) FROM t") == "1"


@pytest.mark.parametrize(("grown", "error"), [(1, TransientError), (2, TransientError), (3, ConfigurationError)])
def test_a_text_that_grew_behind_the_measuring_is_never_cut_in_silence(
    session: OdbcSession, mariadb_url: str, grown: int, error: type[PonteError]
) -> None:
    session.execute(f"INSERT INTO t (id, txt) VALUES (1, '{'x' * 100}')")
    early = replace(MARIADB, measure=f"(OCTET_LENGTH({{}}) - {grown})")

    with odbc_session(login(mariadb_url), {"MARIADB": early, "": STANDARD}) as other:
        relation = other.relation("t", None)
        select = Select(relation, relation.columns).text(other.dialect)
        with pytest.raises(error):
            list(other.stream(select, (), relation.columns, 10))

"""What only MariaDB's ODBC driver gets wrong, or MariaDB by it: rows that are more than the server takes at once."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import polars as pl
import pytest

from mariadb import MariadbServer, maodbc
from odbc_sessions import odbc_session
from ponte.connectors.odbc.session import OdbcSession
from ponte.connectors.odbc.settings import Address
from ponte.connectors.relational.statements import Select
from ponte.connectors.relational.writing import Writer
from ponte.engine.ports import Delivery

pytestmark = pytest.mark.needs("maodbc")


@pytest.fixture
def session(mariadb_server: MariadbServer, mariadb_url: str) -> Iterator[OdbcSession]:
    """A session on a server that takes one MiB at once."""
    database = urlsplit(mariadb_url).path.removeprefix("/")
    mariadb_server.run("CREATE TABLE t (id int PRIMARY KEY, txt longtext, raw longblob)", database=database)
    ((before,),) = mariadb_server.run("SELECT @@GLOBAL.max_allowed_packet")
    mariadb_server.run("SET GLOBAL max_allowed_packet = 1048576")
    settings = maodbc(mariadb_url)
    options = ";".join(f"{option['name']}={option['value']}" for option in settings["options"])
    login = f"DRIVER={{MariaDB Unicode}};{options};UID={settings['username']['value']}"
    with odbc_session(Address("shop", "MariaDB Unicode", is_dsn=False, login=login, given=())) as opened:
        yield opened
    mariadb_server.run(f"SET GLOBAL max_allowed_packet = {before}")


def test_many_wide_rows_go_in_pieces_and_what_is_too_long_is_rejected(session: OdbcSession) -> None:
    texts = ["x" * 5_000] * 900 + ["ż" * 262_144, "x" * 600_000]
    frame = pl.DataFrame({"id": range(902), "txt": texts, "raw": [b"\0\xff"] * 902})
    unset = pl.Series([None] * frame.height, dtype=pl.String)
    session.begin(is_snapshot=True)
    writer = Writer(session, session.relation("t", None), ())
    session.rollback()

    answers = writer.deliver(Delivery("create", frame, ("id",), unset, unset))

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
    unset = pl.Series([None] * frame.height, dtype=pl.String)
    session.begin(is_snapshot=True)
    writer = Writer(session, session.relation("wide", None), ())
    session.rollback()

    answers = writer.deliver(Delivery("create", frame, ("id",), unset, unset))

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

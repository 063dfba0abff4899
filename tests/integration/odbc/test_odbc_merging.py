"""MERGE, rows staged one by one and ODBC's own catalogue, as the unproven databases use them: run on PostgreSQL."""

from __future__ import annotations

import getpass
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import polars as pl
import psycopg
import pytest

from odbc_sessions import odbc_session
from ponte.connectors.odbc.merging import MergeDialect, staging
from ponte.connectors.odbc.profiles import Profile
from ponte.connectors.odbc.session import OdbcSession
from ponte.connectors.odbc.settings import Address
from ponte.connectors.odbc.standard import STANDARD, finding
from ponte.connectors.relational.writing import Writer
from ponte.engine.ports import Delivery, Operation

pytestmark = pytest.mark.needs("psqlodbc")


class _Dialect(MergeDialect):
    """PostgreSQL has had MERGE since 15; its types in the place of the others'."""

    name = "merging"
    text_type = "VARCHAR({characters})"
    types = {"integer": "BIGINT", "date": "DATE", "datetime": "TIMESTAMP", "text": "TEXT"}  # noqa: RUF012 - as theirs


def _merging() -> dict[str, Profile]:
    dialect = _Dialect()
    make = staging(dialect, ("DROP TABLE IF EXISTS {name}", "CREATE TEMPORARY TABLE {name} ({fields})"))
    return {"": replace(STANDARD, dialect=dialect, find=finding(dialect), stage=make)}


@pytest.fixture
def session(postgres_url: str) -> Iterator[OdbcSession]:
    """A session that takes PostgreSQL for a database of which it knows only MERGE."""
    with psycopg.connect(postgres_url) as connection:
        connection.execute(
            "CREATE TABLE art (code varchar(20) PRIMARY KEY, ean varchar(13), price numeric(12,2), day date)"
        )
        connection.execute("CREATE UNIQUE INDEX art_ean ON art (ean)")
        connection.execute("INSERT INTO art VALUES ('A', '1', 1.10, '2026-01-01'), ('B', '2', 2.20, NULL)")
    parts = urlsplit(postgres_url)
    place = f"Servername={parse_qs(parts.query)['host'][0]};Database={parts.path[1:]};UID={getpass.getuser()}"
    address = Address(
        "erp",
        "PostgreSQL Unicode",
        is_dsn=False,
        login=f"DRIVER={{PostgreSQL Unicode}};{place};Protocol=7.4-0",
        given=(),
    )
    with odbc_session(address, _merging()) as opened:
        yield opened


def _deliver(session: OdbcSession, operation: Operation, rows: Sequence[dict[str, object]]) -> list[tuple[object, ...]]:
    frame = pl.DataFrame(rows, infer_schema_length=None)
    unset = pl.Series([None] * frame.height, dtype=pl.String)
    session.begin(is_snapshot=True)
    writer = Writer(session, session.relation("art", None), ())
    session.rollback()
    return writer.deliver(Delivery(operation, frame, ("code",), unset, unset)).select("outcome", "reason").rows()


def test_records_are_merged_updated_and_deleted_and_clashes_are_rejected(
    session: OdbcSession, postgres_url: str
) -> None:
    created = _deliver(
        session,
        "create",
        [
            {"code": "A", "ean": "1", "price": Decimal("9.90"), "day": None},
            {"code": "C", "ean": "2", "price": Decimal("3.30"), "day": None},
            {"code": "Ü'x", "ean": None, "price": None, "day": None},
        ],
    )
    updated = _deliver(session, "update", [{"code": "B", "price": "2.25"}, {"code": "none", "price": "1.00"}])
    deleted = _deliver(session, "delete", [{"code": "A"}])

    assert created == [("done", None), ("rejected", "DuplicateAtTarget"), ("done", None)]
    assert updated == [("done", None), ("rejected", "NotFound")]
    assert deleted == [("done", None)]
    with psycopg.connect(postgres_url) as connection:
        rows = connection.execute("SELECT code, ean, price FROM art ORDER BY code").fetchall()
    assert rows == [("B", "2", Decimal("2.25")), ("Ü'x", None, None)]


def test_unique_keys_come_from_the_catalogue_of_odbc(session: OdbcSession) -> None:
    assert set(session.relation("art", None).unique_keys) == {frozenset({"code"}), frozenset({"ean"})}

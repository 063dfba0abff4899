"""Connections to MariaDB: who is let in, by what line, what a reading sees, and what is left when they break."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import polars as pl
import pytest
import trustme

from mariadb import MariadbServer, started
from ponte.connectors.sql.mysql.address import parse_address
from ponte.connectors.sql.mysql.session import MysqlSession
from ponte.engine.ports import Batch, Delivery, Read, System
from ponte.errors import ConfigurationError, CredentialsRefused, TransientError
from ponte.manifests.references import References

pytestmark = pytest.mark.needs("mariadb")

Make = Callable[..., System]
Execute = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def execute(mariadb_server: MariadbServer, mariadb_url: str) -> Execute:
    """Runs statements in the test's database."""
    database = urlsplit(mariadb_url).path.removeprefix("/")
    return lambda *statements: mariadb_server.run(*statements, database=database)


@pytest.fixture
def end_others(mariadb_server: MariadbServer) -> Callable[[], None]:
    """Ends every other connection."""

    def end() -> None:
        ids = mariadb_server.run("SELECT id FROM information_schema.processlist WHERE id <> connection_id()")
        for (number,) in ids:
            mariadb_server.run(f"KILL {number}")

    return end


async def read(system: System, name: str, request: Read | None = None) -> list[Batch]:
    return [batch async for batch in system.source(name).read(request or Read("all", 100))]


def deliver(operation: Any, frame: pl.DataFrame, key: tuple[str, ...], **options: Any) -> Delivery:
    nothing = pl.Series([None] * frame.height, dtype=pl.String)
    return Delivery(operation, frame, key, nothing, nothing, **options)


async def test_a_reading_sees_one_state_whatever_is_written_meanwhile(
    mariadb_url: str, execute: Execute, make_system: Make
) -> None:
    execute("CREATE TABLE t AS SELECT seq AS id, REPEAT('x', 500) AS pad FROM seq_1_to_20000")
    system = make_system(mariadb_url, {"name": "t", "table": "t"})

    count = 0
    async for batch in system.source("t").read(Read("all", 1000)):
        if count == 0:
            execute("DELETE FROM t", "INSERT INTO t VALUES (0, '')")
        count += batch.frame.height

    assert count == 20000


async def test_a_reading_may_be_left_in_the_middle(mariadb_url: str, execute: Execute, make_system: Make) -> None:
    execute("CREATE TABLE t AS SELECT seq AS id, REPEAT('x', 500) AS pad FROM seq_1_to_20000")
    system = make_system(mariadb_url, {"name": "t", "table": "t"})

    reading = system.source("t").read(Read("all", 10))
    await anext(aiter(reading))
    await reading.aclose()  # type: ignore[attr-defined]

    assert (await system.probe()).ok


async def test_a_wrong_password_is_refused_without_showing_it(
    mariadb_server: MariadbServer, mariadb_url: str, make_system: Make
) -> None:
    mariadb_server.run("CREATE OR REPLACE USER ponte IDENTIFIED BY 'pässwörd 漢'")
    mariadb_server.run("GRANT ALL ON *.* TO ponte")
    database = urlsplit(mariadb_url).path
    login = {"username": {"value": "ponte"}, "password": {"secretRef": {"name": "login", "key": "password"}}}
    url = f"mysql://127.0.0.1:{mariadb_server.port}{database}"

    def system(password: str) -> System:
        references = References(environment={"PONTE_SECRET_LOGIN_PASSWORD": password})
        return make_system(url, {"name": "t", "table": "t"}, references=references, **login)

    wrong = system("secret-canary")
    with pytest.raises(CredentialsRefused) as failure:
        await read(wrong, "t")
    assert "canary" not in failure.value.message
    assert (await system("pässwörd 漢").probe()).ok


async def test_a_server_that_is_not_there_is_a_passing_trouble(make_system: Make) -> None:
    system = make_system("mariadb://127.0.0.1:1/erp", {"name": "t", "table": "t"})

    with pytest.raises(TransientError, match="erp"):
        await read(system, "t")


async def test_a_database_that_is_not_there_is_a_wrong_configuration(
    mariadb_server: MariadbServer, make_system: Make
) -> None:
    system = make_system(mariadb_server.url("nothing"), {"name": "t", "table": "t"})

    with pytest.raises(ConfigurationError, match="nothing") as failure:
        await read(system, "t")
    assert failure.value.reason == "DatabaseMissing"


async def test_the_connection_is_encrypted_and_the_server_proves_who_it_is_where_that_is_asked_for(
    mariadb_server: MariadbServer, mariadb_url: str, tmp_path: Path, make_system: Make
) -> None:
    mariadb_server.run("CREATE OR REPLACE USER tls REQUIRE SSL", "GRANT ALL ON *.* TO tls")
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    server = f"mariadb://127.0.0.1:{mariadb_server.port}{urlsplit(mariadb_url).path}"

    def system(query: str) -> System:
        return make_system(f"{server}{query}", {"name": "t", "table": "t"}, username={"value": "tls"})

    ca = mariadb_server.folder / "ca.pem"
    probes = [
        await system(query).probe()
        for query in ("", "?ssl-mode=REQUIRED", f"?ssl-mode=VERIFY_IDENTITY&ssl-ca={ca}", f"?ssl-ca={ca}")
    ]
    stranger = await system(f"?ssl-ca={tmp_path}/other.pem").probe()
    plain = await system("?ssl-mode=DISABLED").probe()

    assert [probe.ok for probe in probes] == [True] * 4
    assert (stranger.ok, stranger.reason) == (False, "TlsRefused")
    assert "certificate verify failed" in stranger.message
    assert (plain.ok, plain.reason) == (False, "CredentialsRefused")


async def test_a_server_without_tls_gets_no_word_where_tls_is_asked_for(make_system: Make) -> None:
    with started() as server:
        url = f"mariadb://127.0.0.1:{server.port}/mysql?ssl-mode=REQUIRED"
        with pytest.raises(ConfigurationError, match="offers no TLS"):
            await read(make_system(url, {"name": "t", "table": "t"}), "t")


def test_options_of_the_url_that_nobody_knows_are_refused(make_system: Make) -> None:
    with pytest.raises(ConfigurationError, match="ssl-mode"):
        make_system("mariadb://127.0.0.1/erp?ssl-mod=REQUIRED", {"name": "t", "table": "t"})
    with pytest.raises(ConfigurationError, match="VERIFY_IDENTITY"):
        make_system("mariadb://127.0.0.1/erp?ssl-mode=MAYBE", {"name": "t", "table": "t"})


async def test_a_lost_connection_is_an_error_before_the_commit_and_the_next_call_heals(
    mariadb_url: str, execute: Execute, end_others: Callable[[], None], make_system: Make
) -> None:
    execute("CREATE TABLE t (id int PRIMARY KEY)")
    system = make_system(mariadb_url, {"name": "t", "table": "t"})
    target = system.target("t")
    await target.deliver(deliver("create", pl.DataFrame({"id": [1]}), ("id",)))
    end_others()

    with pytest.raises(TransientError):
        await target.deliver(deliver("create", pl.DataFrame({"id": [2]}), ("id",)))
    answers = await target.deliver(deliver("create", pl.DataFrame({"id": [3]}), ("id",)))

    assert answers["outcome"].to_list() == ["done"]
    assert execute("SELECT id FROM t ORDER BY id") == [(1,), (3,)]


async def test_a_connection_that_breaks_in_the_commit_leaves_the_outcome_unknown(
    mariadb_url: str, execute: Execute, end_others: Callable[[], None], make_system: Make
) -> None:
    execute("CREATE TABLE t (id int PRIMARY KEY)")
    system = make_system(mariadb_url, {"name": "t", "table": "t"})
    target = system.target("t")
    await target.deliver(deliver("create", pl.DataFrame({"id": [1]}), ("id",)))
    session = target._held[0]
    execute_ = session.execute

    def break_at_commit(statement: str, parameters: Any = ()) -> None:
        if statement == "COMMIT":
            end_others()
        execute_(statement, parameters)

    session.execute = break_at_commit

    answers = await target.deliver(deliver("create", pl.DataFrame({"id": [2]}), ("id",)))

    assert answers.select("outcome", "reason").rows() == [("unknown", "CommitLost")]


async def test_a_server_that_asks_for_a_file_gets_none(
    mariadb_server: MariadbServer, mariadb_url: str, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret-canary\n")
    session = MysqlSession(parse_address(mariadb_url, "", "", "erp"), "erp")
    session.execute("CREATE TEMPORARY TABLE stolen (line text)")

    session.execute(f"LOAD DATA LOCAL INFILE '{secret}' INTO TABLE stolen")

    assert session.scalar("SELECT COUNT(*) FROM stolen") == "0"
    session.close()

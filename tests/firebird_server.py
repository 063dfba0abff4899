"""A Firebird server for tests: the installed one; one database per test.

A plugin of pytest. Fixtures: `firebird_server` (session; where the server listens), `firebird` (a fresh database).
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from uuid import uuid4

import pytest

USER, PASSWORD = "SYSDBA", "kept-from-all-messages"
PROGRAM = "/usr/sbin/firebird"
HOME = Path("/usr/lib/x86_64-linux-gnu/firebird/3.0")
PATIENCE_S = 60


@dataclass(frozen=True)
class FirebirdDatabase:
    """A database of the server.

    Attributes:
        url: for a SyncSource, without credentials.
        dsn: for the driver.
    """

    url: str
    dsn: str

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        """Runs statements, each in a transaction of its own. Returns the rows of the last one."""
        from firebird.driver import connect  # noqa: PLC0415 - only when there is a server

        rows: list[tuple[Any, ...]] = []
        with connect(self.dsn, user=USER, password=PASSWORD, charset="UTF8") as connection:
            for statement in statements:
                with connection.cursor() as cursor:
                    cursor.execute(statement)
                    rows = cursor.fetchall() if cursor.description else []
                connection.commit()
        return rows

    def insert(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Inserts rows of values."""
        from firebird.driver import connect  # noqa: PLC0415 - only when there is a server

        with connect(self.dsn, user=USER, password=PASSWORD, charset="UTF8") as connection:
            with connection.cursor() as cursor:
                for row in rows:
                    cursor.execute(statement, row)
            if connection.main_transaction.is_active():
                connection.commit()


@dataclass(frozen=True)
class FirebirdServer:
    """A running server on loopback.

    Attributes:
        folder: where its files are.
        port: of 127.0.0.1.
    """

    folder: Path
    port: int

    def create(self) -> FirebirdDatabase:
        """A fresh database."""
        from firebird.driver import create_database  # noqa: PLC0415 - only when there is a server

        path = self.folder / f"{uuid4().hex}.fdb"
        dsn = f"127.0.0.1/{self.port}:{path}"
        create_database(dsn, user=USER, password=PASSWORD, charset="UTF8").close()
        return FirebirdDatabase(f"firebird://127.0.0.1:{self.port}/{path}?charset=UTF8", dsn)


def is_installed() -> bool:
    """Whether the server and its driver are there."""
    from importlib.util import find_spec  # noqa: PLC0415 - once

    return Path(PROGRAM).exists() and HOME.is_dir() and find_spec("sqlalchemy_firebird") is not None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _prepare(folder: Path, port: int) -> dict[str, str]:
    """A root folder of the server's own, so that neither settings nor users of the machine count. Its environment."""
    for name in ("intl", "plugins", "lib", "UDF", "firebird.msg", "plugins.conf"):
        (folder / name).symlink_to(HOME / name)
    settings = {
        "RemoteServicePort": port,
        "RemoteBindAddress": "127.0.0.1",
        "SecurityDatabase": folder / "users.fdb",
        "ServerMode": "Super",
    }
    (folder / "firebird.conf").write_text("".join(f"{name} = {value}\n" for name, value in settings.items()))
    (folder / "databases.conf").touch()
    shutil.copy("/var/lib/firebird/3.0/system/security3.fdb", folder / "users.fdb")
    places = dict.fromkeys(("FIREBIRD", "FIREBIRD_LOCK", "FIREBIRD_TMP"), str(folder))
    environment = {**os.environ, **places}
    command = ["isql-fb", "-q", "-b", "-user", USER, str(folder / "users.fdb")]
    statement = f"CREATE OR ALTER USER {USER} PASSWORD '{PASSWORD}';"
    done = subprocess.run(command, input=statement, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"isql-fb failed: {done.stdout[-1000:]}{done.stderr[-1000:]}"
    return environment


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    pytest.fail(f"the server did not start: {log.read_text()[-2000:]}")


@pytest.fixture(scope="session")
def firebird_server() -> Iterator[FirebirdServer]:
    """A server for the tests of this process."""
    if not is_installed():
        pytest.skip("needs: firebird")
    folder = Path(mkdtemp(prefix="ponte-fb-"))
    port = _free_port()
    environment = _prepare(folder, port)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([PROGRAM], env=environment, stdout=log, stderr=log)
    try:
        _wait(port, process, folder / "log")
        yield FirebirdServer(folder, port)
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def firebird(firebird_server: FirebirdServer) -> FirebirdDatabase:
    """A database of its own for one test."""
    return firebird_server.create()

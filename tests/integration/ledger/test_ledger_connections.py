"""Several processes at one ledger, and connections that break where it hurts most."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from ponte.engine.ledger_port import Commit
from ponte.errors import TransientError
from ponte.ledger.integrity import check
from ponte.ledger.ledger import StoredLedger
from ponte.ledger.opening import open_database, opened
from ponte.testing.contract.ledger import GONE, IDENTITY, acquired, claimed, keys_of, records, report

CHILD = Path(__file__).with_name("child.py")
CHUNKS = 15
PER_CHUNK = 40


def test_processes_with_jobs_of_their_own_open_and_share_a_new_ledger(url: str) -> None:
    jobs = ["products", "prices", "stock"]
    children = [
        subprocess.Popen(
            [sys.executable, CHILD, url, "1", str(CHUNKS), job], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        for job in jobs
    ]
    complaints = [child.communicate()[1].decode() for child in children]

    assert complaints == ["", "", ""]
    with opened(url) as db:
        found = db.query("SELECT key FROM ponte_records", (), records(keys_of("1")).select("key").schema)
        assert found.height == len(jobs) * CHUNKS * PER_CHUNK
        assert [finding.severity for finding in check(db)] == ["damage"] * 0


class Proxy:
    """Stands before a PostgreSQL server and breaks the connection at a COMMIT: before or after the server had it."""

    def __init__(self, server: Callable[[], socket.socket]) -> None:
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.cut: str | None = None
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = self._server()
                threading.Thread(target=self._forward, args=(client, server), daemon=True).start()
                threading.Thread(target=self._answer, args=(server, client), daemon=True).start()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65_536):
                if self.cut is not None and b"COMMIT" in data:
                    if self.cut == "after":
                        server.sendall(data)
                    break
                server.sendall(data)
        if self.cut != "after":
            self._end(client, server)

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65_536):
                if self.cut == "after" and b"COMMIT" in data:
                    break
                client.sendall(data)
        self._end(client, server)

    @staticmethod
    def _end(*ends: socket.socket) -> None:
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@pytest.fixture
def proxy(url: str) -> Iterator[tuple[Proxy, str]]:
    """A proxy and the ledger's address through it."""
    parts, query = urlsplit(url), parse_qs(urlsplit(url).query)
    folder, port = query.get("host", [""])[0], parts.port or int(query.get("port", ["5432"])[0])

    def connect() -> socket.socket:
        if not folder.startswith("/"):
            return socket.create_connection((parts.hostname or "127.0.0.1", port))
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{folder}/.s.PGSQL.{port}")
        return server

    made = Proxy(connect)
    user = f"{parts.username or 'postgres'}:{parts.password or ''}"
    options = f"sslmode=disable&gssencmode=disable&options={quote(query['options'][0])}"
    yield made, f"postgresql://{user}@127.0.0.1:{made.port}{parts.path}?{options}"
    made.close()


@pytest.mark.parametrize("url", [pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))], indirect=True)
@pytest.mark.parametrize(("cut", "is_written"), [("before", False), ("after", True)])
def test_a_commit_without_answer_happened_whole_or_not_and_the_next_run_sees_which(
    cut: str, is_written: bool, url: str, proxy: tuple[Proxy, str]
) -> None:
    keys = keys_of("1", "2")

    async def whole() -> tuple[list[str], int]:
        lost = StoredLedger(open_database(proxy[1]), GONE, lambda _: False)
        scope = await lost.open_scope(IDENTITY)
        writer = await acquired(lost, scope, "run-1")
        grant = await claimed(lost, writer, keys)
        proxy[0].cut = cut
        with pytest.raises(TransientError, match="whether it did is not known"):
            await lost.commit(writer, Commit(report(), grant.claim, added=records(keys)))
        await lost.close()
        successor = StoredLedger(open_database(url), "successor", lambda name: name == GONE)
        follower = await acquired(successor, scope, "run-2")
        doubts, known = await successor.doubts(follower), await successor.known(scope)
        await successor.close()
        return doubts["key"].to_list(), known.height

    assert asyncio.run(whole()) == (([], 2) if is_written else (keys, 0))


@pytest.mark.parametrize("url", [pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))], indirect=True)
def test_a_lost_connection_is_told_as_something_that_heals(url: str, proxy: tuple[Proxy, str]) -> None:
    async def whole() -> None:
        ledger = StoredLedger(open_database(proxy[1]), "somebody", lambda _: False)
        scope = await ledger.open_scope(IDENTITY)
        proxy[0].cut = "before"
        with pytest.raises(TransientError):
            await ledger.acquire(scope, "run-1", lease_s=60)
        with pytest.raises(TransientError):
            await ledger.known(scope)
        await ledger.close()

    asyncio.run(whole())

"""Servers that this project did not write, started on loopback: json-server, graphql-yoga and jayson (npm),
django-oscar-api and Tryton (PyPI).

`tests/servers/install.sh` installs them.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ponte.connectors.registry import connect
from ponte.manifests.references import References
from ponte.runtime.clock import SystemClock
from ponte_api.sync_source import SyncSource

SERVERS = Path(__file__).parents[2] / "servers"
sys.path.append(str(SERVERS))

CACHE = Path(os.environ.get("PONTE_CACHE") or Path.home() / ".cache" / "ponte")
JSON_SERVER = CACHE / "json-server-0.17.4/node_modules/json-server/lib/cli/bin.js"
ARTICLES = CACHE / "article-server-2"
TRYTON = CACHE / "tryton-8.2-1"
OSCAR = CACHE / "oscar-api-3.3.0"


@dataclass(frozen=True)
class Running:
    """A server: where it is, and what lets one in."""

    base_url: str
    token: str = ""


@contextmanager
def running(command: list[str], port: int, **options) -> Iterator[None]:
    """The process, from its first open door to its end."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **options)
    try:
        until = time.monotonic() + 30
        while not _is_open(port):
            if process.poll() is not None or time.monotonic() > until:
                pytest.fail(
                    f"{command[0]} did not start: {process.stderr.read(2000) if process.poll() else 'too slow'}"
                )
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.communicate(timeout=10)


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def json_server(tmp_path: Path) -> Iterator[Running]:
    """json-server with an empty list of products."""
    if shutil.which("node") is None or not JSON_SERVER.is_file():
        pytest.skip("needs: json-server")
    store = tmp_path / "db.json"
    store.write_text('{"products": []}')
    port = free_port()
    command = ["node", str(JSON_SERVER), str(store), "--host", "127.0.0.1", "--port", str(port), "--quiet"]
    with running(command, port, cwd=tmp_path):
        yield Running(f"http://127.0.0.1:{port}")


@pytest.fixture
def oscar(tmp_path: Path) -> Iterator[Running]:
    """django-oscar with an administrator's token and an empty catalogue."""
    if not (OSCAR / "template/token").is_file():
        pytest.skip("needs: oscar-api")
    folder = tmp_path / "oscar"
    shutil.copytree(OSCAR / "template", folder)
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "OSCAR_FOLDER": str(folder),
        "DJANGO_SETTINGS_MODULE": "settings",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [str(OSCAR / "bin/python"), "-W", "ignore", "serve.py", str(port)]
    with running(command, port, cwd=SERVERS / "oscar_shop", env=environment):
        yield Running(f"http://127.0.0.1:{port}/api", (folder / "token").read_text().strip())


@pytest.fixture(scope="module")
def tryton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Tryton on SQLite with parties and currencies; the token is that of a session, for the header Authorization."""
    if not (TRYTON / "template/tryton.sqlite").is_file():
        pytest.skip("needs: tryton")
    folder = tmp_path_factory.mktemp("tryton")
    shutil.copy(TRYTON / "template/tryton.sqlite", folder)
    port = free_port()
    settings = ["[database]", "uri = sqlite://", f"path = {folder}", "[web]", f"listen = 127.0.0.1:{port}"]
    (folder / "trytond.conf").write_text("\n".join([*settings, "[session]", "authentications = password", ""]))
    command = [str(TRYTON / "bin/trytond"), "-c", str(folder / "trytond.conf"), "-d", "tryton"]
    with running(command, port):
        url = f"http://127.0.0.1:{port}/tryton/rpc/"
        password = (TRYTON / "template/password").read_text().strip()
        login = {"id": 1, "method": "common.db.login", "params": ["admin", {"password": password}, "en"]}
        sent = urllib.request.Request(url, json.dumps(login).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(sent, timeout=30) as answer:
            user, token, *_ = json.load(answer)["result"]
        session = base64.b64encode(f"admin:{user}:{token}".encode()).decode()
        yield Running(url.removesuffix("/rpc/"), f"Session {session}")


@pytest.fixture
async def open_shop() -> AsyncIterator[Callable[..., Any]]:
    """Connects a SyncSource `shop` with one object and closes it at the end."""
    systems = []

    def open_one(rest: dict[str, Any], product: dict[str, Any], token: str = "") -> Any:
        manifest = {
            "apiVersion": "ponte.dev/v1alpha1",
            "kind": "SyncSource",
            "metadata": {"name": "shop"},
            "spec": {
                "rest": {"allowedNetworks": ["127.0.0.0/8"], **rest},
                "objects": [{"name": "products", **product}],
                "limits": {"connections": 2},
            },
        }
        secrets = {"PONTE_SECRET_SHOP_TOKEN": token}
        systems.append(connect(SyncSource.model_validate(manifest), References(secrets), SystemClock()))
        return systems[-1]

    yield open_one
    for system in systems:
        await system.close()


@dataclass(frozen=True)
class Articles:
    """The article server: where its two protocols are, and the way round both."""

    graphql_url: str
    json_rpc_url: str

    def tell(self, **told: Any) -> None:
        """Puts records into the store, or has the next request lost or answered as `mode` says."""
        request = urllib.request.Request(f"{self.graphql_url}/door", json.dumps(told).encode(), method="PUT")
        urllib.request.urlopen(request, timeout=10).close()

    def held(self) -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"{self.graphql_url}/door", timeout=10) as answer:
            return json.load(answer, parse_float=Decimal)


@pytest.fixture(scope="module")
def article_server() -> Iterator[Articles]:
    """graphql-yoga and jayson over one store of articles."""
    if shutil.which("node") is None or not (ARTICLES / "node_modules/@xmldom").is_dir():
        pytest.skip("needs: article-server")
    ports = free_port(), free_port()
    command = ["node", str(SERVERS / "article_server.cjs"), str(ARTICLES), *map(str, ports)]
    with running(command, ports[1]):
        yield Articles(*(f"http://127.0.0.1:{port}" for port in ports))


@pytest.fixture
def articles(article_server: Articles) -> Articles:
    """The article server, empty."""
    article_server.tell(records=[])
    return article_server

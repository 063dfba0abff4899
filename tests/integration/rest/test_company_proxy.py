"""Through a company's proxy, a real one (tinyproxy): TLS inside, a login of its own, and what goes wrong there."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme

sys.path.append(str(Path(__file__).parents[2] / "servers"))

from exchange import delivery, read_all, secret
from fixed_clock import FixedClock
from scripted_server import Reply, ScriptedServer

from ponte.connectors.rest import connect
from ponte.errors import ConfigurationError, CredentialsRefused, TransientError
from ponte.manifests.references import References
from ponte_api.sync_source import SyncSource

pytestmark = pytest.mark.needs("tinyproxy")


@dataclass
class CompanyProxy:
    port: int
    log_file: Path

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "url": {"value": f"http://127.0.0.1:{self.port}"},
            "username": {"value": "ponte"},
            "password": secret("proxy"),
        }

    def log(self) -> str:
        return self.log_file.read_text()


@pytest.fixture(scope="module")
def start_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], CompanyProxy]]:
    """Starts a proxy on loopback that knows one login; `more` are lines of its configuration."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(more: str = "") -> CompanyProxy:
        folder = tmp_path_factory.mktemp("proxy")
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        log = folder / "proxy.log"
        log.touch(mode=0o666)
        (folder / "proxy.conf").write_text(
            f"Port {port}\nListen 127.0.0.1\nAllow 127.0.0.1\nTimeout 20\nLogLevel Connect\n"
            f'LogFile "{log}"\nBasicAuth ponte s3cret-way\n{more}\n'
        )
        program = shutil.which("tinyproxy")
        assert program is not None
        processes.append(subprocess.Popen([program, "-d", "-c", str(folder / "proxy.conf")], stdout=subprocess.DEVNULL))
        _await_port(port)
        return CompanyProxy(port, log)

    yield start
    for process in processes:
        process.terminate()
        process.wait(10)


def _await_port(port: int) -> None:
    latest = time.monotonic() + 10
    while time.monotonic() < latest:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
    raise AssertionError("the proxy does not listen")


@pytest.fixture(scope="module")
def proxy(start_proxy: Callable[..., CompanyProxy]) -> CompanyProxy:
    return start_proxy()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
async def server(authority: trustme.CA) -> AsyncIterator[ScriptedServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    server = await ScriptedServer().start(context)
    server.base_url = server.base_url.replace("127.0.0.1", "localhost")
    server.answer = lambda seen: Reply(json=[{"sku": "a"}])
    yield server
    await server.stop()


@pytest.fixture
async def open_shop(authority: trustme.CA, server: ScriptedServer) -> AsyncIterator[Callable[..., Any]]:
    opened = []

    def open_one(proxy: dict[str, Any], password: str = "s3cret-way", **rest: Any) -> Any:
        settings = {
            "baseUrl": {"value": server.base_url},
            "allowedNetworks": ["127.0.0.0/8"],
            "tls": {"ca": {"value": authority.cert_pem.bytes().decode()}},
            "proxy": proxy,
            **rest,
        }
        product = {"name": "products", "path": "/products", "key": ["sku"], "write": {"upsert": "PUT /products/{sku}"}}
        manifest = {
            "apiVersion": "ponte.dev/v1alpha1",
            "kind": "SyncSource",
            "metadata": {"name": "shop"},
            "spec": {"rest": settings, "objects": [product]},
        }
        references = References({"PONTE_SECRET_LOGIN_PROXY": password, "PONTE_SECRET_LOGIN_CLIENT": "c1ient"})
        system = connect(SyncSource.model_validate(manifest), references, FixedClock())
        opened.append(system)
        return system

    yield open_one
    for system in opened:
        await system.close()


async def test_records_go_through_the_proxy_with_tls_inside(proxy, server, open_shop):
    system = open_shop(proxy.settings)

    (batch,) = await read_all(system.source("products"))
    answers = await system.target("products").deliver(delivery("create", [{"sku": "a"}, {"sku": "b"}]))

    assert batch.frame["sku"].to_list() == ["a"]
    assert answers["outcome"].to_list() == ["done", "done"]
    port = server.base_url.rpartition(":")[2]
    assert f"CONNECT localhost:{port}" in proxy.log()
    assert not any("Proxy-Authorization" in seen.headers for seen in server.seen)


async def test_plain_http_goes_through_the_proxy_too(proxy, open_shop):
    plain = await ScriptedServer().start()
    plain.answer = lambda seen: Reply(json=[{"sku": "p"}])
    try:
        system = open_shop(proxy.settings, baseUrl={"value": plain.base_url})

        (batch,) = await read_all(system.source("products"))

        assert batch.frame["sku"].to_list() == ["p"]
        assert "tinyproxy" in plain.seen[0].headers["Via"]
        assert "Proxy-Authorization" not in plain.seen[0].headers
    finally:
        await plain.stop()


async def test_tokens_go_through_the_proxy_as_records_do(proxy, server, open_shop):
    def answer(seen):
        if seen.path == "/token":
            return Reply(json={"access_token": "t0ken"})
        return Reply(json=[{"sku": "a"}]) if seen.headers.get("Authorization") == "Bearer t0ken" else Reply(401)

    server.answer = answer
    token_url = {"value": f"{server.base_url}/token"}
    auth = {"oauth2": {"tokenUrl": token_url, "clientId": {"value": "ponte"}, "clientSecret": secret("client")}}
    before = proxy.log().count("CONNECT localhost")

    (batch,) = await read_all(open_shop(proxy.settings, auth=auth).source("products"))

    assert batch.frame["sku"].to_list() == ["a"]
    assert [seen.path for seen in server.seen] == ["/token", "/products"]
    assert proxy.log().count("CONNECT localhost") >= before + 2


async def test_plain_http_without_a_login_is_refused_by_the_proxy_in_words_that_help(proxy, open_shop):
    system = open_shop({"url": proxy.settings["url"]}, baseUrl={"value": "http://localhost:9"})

    with pytest.raises(CredentialsRefused, match=r"rest\.proxy\.password"):
        await read_all(system.source("products"))


@pytest.mark.parametrize("way", ["records", "tokens"])
async def test_a_login_that_the_proxy_refuses_is_tried_once_and_not_told(proxy, server, open_shop, way):
    token_url = {"value": f"{server.base_url}/token"}
    oauth2 = {"tokenUrl": token_url, "clientId": {"value": "ponte"}, "clientSecret": secret("client")}
    more = {"auth": {"oauth2": oauth2}} if way == "tokens" else {}
    before = proxy.log().count("Connect (file descriptor")

    with pytest.raises(CredentialsRefused, match=r"rest\.proxy\.password") as caught:
        await read_all(open_shop(proxy.settings, password="wr0ng-way", **more).source("products"))

    assert "wr0ng-way" not in str(caught.value)
    assert server.seen == []
    assert proxy.log().count("Connect (file descriptor") == before + 1


async def test_a_proxy_that_opens_no_way_there_is_told_and_nothing_counts_as_sent(start_proxy, server, open_shop):
    closed = start_proxy("ConnectPort 443")
    target = open_shop(closed.settings).target("products")

    with pytest.raises(TransientError, match="the proxy opens no way there: HTTP 403") as caught:
        await target.deliver(delivery("create", [{"sku": "a"}]))

    assert (caught.value.reason, server.seen) == ("ConnectionFailed", [])


async def test_a_proxy_that_is_away_is_told_as_such(server, open_shop):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    with pytest.raises(TransientError, match="no connection to the proxy"):
        await read_all(open_shop({"url": {"value": f"http://127.0.0.1:{port}"}}).source("products"))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_the_proxys_own_address_must_be_allowed_like_any_other(proxy, server, open_shop, host):
    settings = {**proxy.settings, "url": {"value": f"http://{host}:{proxy.port}"}}
    before = proxy.log()

    with pytest.raises(ConfigurationError) as caught:
        await read_all(open_shop(settings, allowedNetworks=["10.0.0.0/8"]).source("products"))

    assert caught.value.reason == "AddressNotAllowed"
    assert proxy.log() == before


async def test_an_address_behind_the_proxy_is_judged_where_it_stands_in_the_url(proxy, open_shop):
    with pytest.raises(ConfigurationError) as caught:
        await read_all(open_shop(proxy.settings, baseUrl={"value": "http://169.254.169.254/v1"}).source("products"))

    assert caught.value.reason == "AddressNotAllowed"


@pytest.mark.parametrize("url", ["https://127.0.0.1:1", "http://127.0.0.1:1/path", "socks5://127.0.0.1:1"])
def test_a_proxy_address_that_is_none_is_refused_early(server, open_shop, url):
    with pytest.raises(ConfigurationError):
        open_shop({"url": {"value": url}})

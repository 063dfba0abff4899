"""What comes over the wire: TLS, sizes, slowness, and the packages that may be missing."""

from __future__ import annotations

import gzip
import json
import ssl
import subprocess
import sys

import pytest
import trustme
from exchange import read_all, secret
from scripted_server import Reply, ScriptedServer

from ponte.connectors.http import aiohttp_transport
from ponte.errors import ConfigurationError, PonteError, TransientError


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
async def secure(authority):
    """A server with TLS that knows only clients of the authority, where `mutual` is set."""
    servers = []

    async def start(name="127.0.0.1", *, is_mutual=False):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(context)
        if is_mutual:
            context.verify_mode = ssl.CERT_REQUIRED
            authority.configure_trust(context)
        server = await ScriptedServer().start(context)
        server.answer = lambda seen: Reply(json=[{"sku": "a"}])
        servers.append(server)
        return server

    yield start
    for server in servers:
        await server.stop()


def pem(authority) -> str:
    return authority.cert_pem.bytes().decode()


async def test_a_private_authority_is_trusted_where_it_is_named(secure, authority, open_system):
    server = await secure()
    rest = {"baseUrl": {"value": server.base_url}, "tls": {"ca": {"value": pem(authority)}}}

    (batch,) = await read_all(open_system(rest=rest).source("products"))

    assert batch.frame["sku"].to_list() == ["a"]


async def test_an_unknown_authority_is_refused_at_once(secure, open_system, clock):
    server = await secure()

    with pytest.raises(ConfigurationError, match="unable to get local issuer certificate") as caught:
        await read_all(open_system(rest={"baseUrl": {"value": server.base_url}}).source("products"))

    assert caught.value.reason == "TlsRefused"
    assert (server.seen, clock.slept) == ([], [])


async def test_a_server_that_speaks_no_tls_for_now_is_tried_again(server, authority, open_system, clock):
    rest = {"baseUrl": {"value": server.base_url.replace("http:", "https:")}, "tls": {"ca": {"value": pem(authority)}}}

    with pytest.raises(TransientError, match="no TLS connection: wrong version number") as caught:
        await read_all(open_system(rest=rest).source("products"))

    assert (caught.value.reason, len(clock.slept)) == ("ConnectionFailed", 3)


async def test_a_certificate_of_another_name_is_refused(secure, authority, open_system):
    server = await secure("shop.example")
    rest = {"baseUrl": {"value": server.base_url}, "tls": {"ca": {"value": pem(authority)}}}

    with pytest.raises(ConfigurationError, match="IP address mismatch") as caught:
        await read_all(open_system(rest=rest).source("products"))

    assert caught.value.reason == "TlsRefused"


async def test_a_client_certificate_opens_a_server_that_wants_one(secure, authority, open_system):
    server = await secure(is_mutual=True)
    client = authority.issue_cert("ponte.example")
    tls = {"ca": {"value": pem(authority)}}
    pair = {
        "clientCertificate": {"valueFrom": {"configMapRef": {"name": "tls", "key": "chain"}}},
        "clientKey": secret("key"),
    }
    chain = "".join(blob.bytes().decode() for blob in client.cert_chain_pems)
    given = {"configs": {"tls_chain": chain}, "secrets": {"key": client.private_key_pem.bytes().decode()}}
    rest = {"baseUrl": {"value": server.base_url}}

    (batch,) = await read_all(open_system(rest={**rest, "tls": {**tls, **pair}}, **given).source("products"))
    assert batch.frame["sku"].to_list() == ["a"]

    with pytest.raises(PonteError, match=r"client certificate|certificate required"):  # it hears the alert, or a reset
        await read_all(open_system(rest={**rest, "tls": tls}).source("products"))


@pytest.mark.parametrize(
    "tls",
    [
        {"ca": {"value": "no pem"}},
        {"clientCertificate": {"value": "x"}},
        {"clientKey": secret("key")},
        {"clientCertificate": {"value": "x"}, "clientKey": secret("key")},
    ],
    ids=["no pem", "no key", "no certificate", "no pair"],
)
def test_tls_settings_that_cannot_work_are_refused_when_connecting(open_system, tls):
    with pytest.raises(ConfigurationError, match=r"rest\.tls") as caught:
        open_system(rest={"tls": tls}, secrets={"key": "canary"})

    assert "canary" not in caught.value.message


async def test_the_token_endpoint_is_checked_by_the_same_tls(secure, authority, open_system):
    server = await secure()
    server.answer = lambda seen: Reply(200, {"access_token": "t"}) if seen.path == "/token" else Reply(json=[])
    auth = {
        "tokenUrl": {"value": f"{server.base_url}/token"}, "clientId": {"value": "c"}, "clientSecret": secret("key"),
    }  # fmt: skip
    rest = {"baseUrl": {"value": server.base_url}, "auth": {"oauth2": auth}}

    with pytest.raises(ConfigurationError, match=r"the token endpoint https://\S+: no TLS connection: unable"):
        await read_all(open_system(rest=rest, secrets={"key": "canary"}).source("products"))
    assert server.seen == []

    rest["tls"] = {"ca": {"value": pem(authority)}}
    await read_all(open_system(rest=rest, secrets={"key": "canary"}).source("products"))
    assert server.asked() == ["/token", "/products"]


@pytest.fixture
def small_answers(monkeypatch):
    monkeypatch.setattr(aiohttp_transport.AiohttpTransport.__init__, "__defaults__", (100_000,))


@pytest.mark.usefixtures("small_answers")
async def test_an_answer_that_is_too_large_is_not_read_to_its_end(server, open_system):
    server.answer = lambda seen: Reply(parts=(b"[" + b" " * 60_000,) * 3)

    with pytest.raises(TransientError) as caught:
        await read_all(open_system().source("products"))

    assert caught.value.reason == "AnswerTooLarge"


@pytest.mark.usefixtures("small_answers")
async def test_a_gzip_bomb_is_measured_after_unpacking(server, open_system):
    bomb = gzip.compress(b"[" + b" " * 50_000_000)
    assert len(bomb) < 100_000
    server.answer = lambda seen: Reply(parts=(bomb,), headers={"Content-Encoding": "gzip"})

    with pytest.raises(TransientError) as caught:
        await read_all(open_system().source("products"))

    assert caught.value.reason == "AnswerTooLarge"


async def test_a_compressed_answer_is_read(server, open_system):
    server.answer = lambda seen: Reply(parts=(gzip.compress(b'[{"sku": "a"}]'),), headers={"Content-Encoding": "gzip"})

    (batch,) = await read_all(open_system().source("products"))

    assert batch.frame["sku"].to_list() == ["a"]


async def test_an_answer_that_drips_is_bounded_by_the_whole_timeout(server, open_system):
    server.answer = lambda seen: Reply(parts=(b"[" + b" " * 10,) + (b" ",) * 1000, pause_s=0.05)

    with pytest.raises(TransientError) as caught:
        await read_all(open_system(rest={"timeout": "200ms"}).source("products"))

    assert caught.value.reason == "Timeout"
    assert len(server.seen) == 4


async def test_a_body_that_is_cut_is_lost_and_asked_for_again(server, open_system):
    replies = [Reply(parts=(b"[",), is_dropped=True), Reply(json=[{"sku": "a"}])]
    server.answer = lambda seen: replies.pop(0)

    (batch,) = await read_all(open_system().source("products"))

    assert batch.frame["sku"].to_list() == ["a"]


CONNECTED_WITHOUT = """
import json, sys
sys.modules[sys.argv[1]] = None
from ponte.connectors.rest import connect
from ponte.errors import ConfigurationError
from ponte.manifests.references import References
from ponte.runtime.clock import SystemClock
from ponte_api.sync_source import SyncSource
rest = {"baseUrl": {"value": "https://example.com"}, **json.loads(sys.argv[2])}
spec = {"rest": rest, "objects": [{"name": "products", "path": "/"}]}
shop = {"apiVersion": "ponte.dev/v1alpha1", "kind": "SyncSource", "metadata": {"name": "shop"}, "spec": spec}
try:
    connect(SyncSource.model_validate(shop), References({"PONTE_SECRET_SHOP_SECRET": "x"}), SystemClock())
    print("connected", "httpx" in sys.modules)
except ConfigurationError as error:
    print(error.reason, error.message)
"""
TOKENS = {
    "auth": {
        "oauth2": {
            "tokenUrl": {"value": "https://example.com/token"},
            "clientId": {"value": "ponte"},
            "clientSecret": {"secretRef": {"name": "shop", "key": "secret"}},
        }
    }
}


def connected_without(package: str, rest: dict) -> str:
    command = [sys.executable, "-c", CONNECTED_WITHOUT, package, json.dumps(rest)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(("package", "rest"), [("aiohttp", {}), ("httpx", TOKENS)])
def test_a_package_that_is_missing_is_named_with_the_extra_that_brings_it(package, rest):
    told = connected_without(package, rest)

    assert told.startswith("ExtraMissing ")
    assert package in told
    assert "pip install 'ponte-sync[rest]'" in told


def test_httpx_is_loaded_only_where_tokens_are_fetched():
    assert connected_without("no_such_package", {}) == "connected False\n"
    assert connected_without("no_such_package", TOKENS) == "connected True\n"

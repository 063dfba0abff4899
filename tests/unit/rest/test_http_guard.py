"""The guard: which addresses a system may be reached at, for every URL and every library."""

from __future__ import annotations

import asyncio
import ipaddress
import socket

import pytest
from exchange import read_all
from hypothesis import given
from hypothesis import strategies as st
from scripted_server import Reply

from ponte.connectors.http.guard import Guard, is_same_origin
from ponte.connectors.http.httpx_transport import HttpxTransport
from ponte.connectors.http.masking import Mask, clean, mask_url
from ponte.connectors.http.port import Request
from ponte.connectors.http.tls import build_context
from ponte.errors import ConfigurationError


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "gopher://shop/1",
        "ftp://shop/x",
        "//shop/x",
        "shop/x",
        "http://",
        "http://user:pass@shop/",
        "http://shop@evil/",
        "http://shop\\@evil/",
        "http://shop/\r\nX: y",
        "http://shop:99999/",
        "http://shop:0/",
        "http://[::1/",
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://0.0.0.0/",
        "http://10.1.2.3/",
        "http://192.168.1.1/",
        "http://172.16.0.1/",
        "http://100.100.100.200/",
        "http://169.254.169.254/latest/meta-data",
        "http://[fd00:ec2::254]/",
        "http://[fe80::1%25eth0]/",
        "http://224.0.0.1/",
        "http://255.255.255.255/",
        "http://240.0.0.1/",
    ],
)
def test_an_address_that_is_not_public_http_is_refused(url):
    with pytest.raises(ConfigurationError) as caught:
        Guard("shop", []).check_url(url)

    assert caught.value.reason == "AddressNotAllowed"
    assert "pass" not in caught.value.message.replace("password", "").replace("/etc/passwd", "")


@pytest.mark.parametrize("url", ["https://shop.example.com/api", "http://8.8.8.8:8080/x", "https://[2606:4700::1]/"])
def test_public_addresses_are_allowed(url):
    Guard("shop", []).check_url(url)


def test_private_ranges_are_allowed_one_by_one():
    guard = Guard("shop", ["10.1.0.0/16", "fd00::/8"])

    guard.check_url("http://10.1.2.3/")
    guard.check_url("http://[fd00::1]/")
    guard.check_url("http://[::ffff:10.1.2.3]/")
    for url in ("http://10.2.0.1/", "http://127.0.0.1/", "http://169.254.169.254/"):
        with pytest.raises(ConfigurationError, match="allowedNetworks"):
            guard.check_url(url)


@given(st.ip_addresses())
def test_nothing_but_global_unicast_passes_without_leave(address):
    if Guard("shop", []).is_allowed(address):
        assert not address.is_private
        assert not address.is_loopback
        assert not address.is_link_local
        assert not address.is_multicast


def test_a_range_that_is_none_is_refused():
    with pytest.raises(ConfigurationError, match=r"10\.0\.0\.0/99"):
        Guard("shop", ["10.0.0.0/99"])


@pytest.fixture
def dns(monkeypatch):
    """What the resolver says, by name; several answers are given one after the other."""
    answers: dict[str, list[list[str]]] = {}

    async def getaddrinfo(self, host, port, **_):
        if host not in answers:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        found = answers[host].pop(0) if len(answers[host]) > 1 else answers[host][0]
        kind = {4: socket.AF_INET, 6: socket.AF_INET6}
        return [(kind[ipaddress.ip_address(text).version], socket.SOCK_STREAM, 6, "", (text, port)) for text in found]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
    return answers


async def test_a_name_is_judged_by_the_address_that_is_connected_to(server, open_system, dns):
    port = server.base_url.rpartition(":")[2]
    dns["shop.example"] = [["127.0.0.1"]]
    rest = {"baseUrl": {"value": f"http://shop.example:{port}"}}

    with pytest.raises(ConfigurationError) as caught:
        await read_all(open_system(rest={**rest, "allowedNetworks": []}).source("products"))
    assert caught.value.reason == "AddressNotAllowed"
    assert server.seen == []

    server.answer = lambda seen: Reply(json=[])
    await read_all(open_system(rest=rest).source("products"))
    assert server.seen[0].headers["Host"] == f"shop.example:{port}"


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "0177.0.0.1", "127.1"])
def test_disguised_addresses_are_judged_by_what_they_resolve_to(open_system, host):
    with pytest.raises(ConfigurationError) as caught:
        open_system(rest={"baseUrl": {"value": f"http://{host}:9"}, "allowedNetworks": []})

    assert caught.value.reason == "AddressNotAllowed"


async def test_a_name_that_changes_its_address_in_between_leads_nowhere_private(server, open_system, dns):
    """DNS rebinding: the first answer is harmless, the second is not."""
    dns["shop.example"] = [["127.0.0.1"], ["169.254.169.254"]]
    port = server.base_url.rpartition(":")[2]
    server.answer = lambda seen: Reply(json=[], headers={"Connection": "close"})
    rest = {"baseUrl": {"value": f"http://shop.example:{port}"}, "allowedNetworks": ["127.0.0.0/8"]}

    await read_all(open_system(rest=rest).source("products"))
    with pytest.raises(ConfigurationError, match=r"169\.254\.169\.254"):
        await read_all(open_system(rest=rest).source("products"))


async def test_of_several_addresses_only_the_allowed_ones_are_used(dns):
    dns["shop.example"] = [["10.0.0.1", "8.8.8.8", "::1"]]

    assert [str(address) for address in await Guard("shop", []).resolve("shop.example", 80)] == ["8.8.8.8"]


async def test_tokens_are_fetched_under_the_same_guard(server, dns):
    dns["login.example"] = [["127.0.0.1"]]
    port = server.base_url.rpartition(":")[2]
    server.answer = lambda seen: Reply(200, {"access_token": "t"})
    request = Request("POST", f"http://login.example:{port}/token", {}, b"")

    closed = HttpxTransport(Guard("shop", []), build_context("shop", None, None, None))
    with pytest.raises(ConfigurationError):
        await closed.send(request, 5)
    await closed.close()
    assert server.seen == []

    opened = HttpxTransport(Guard("shop", ["127.0.0.0/8"]), build_context("shop", None, None, None))
    assert (await opened.send(request, 5)).status == 200
    await opened.close()
    assert server.seen[0].headers["Host"] == f"login.example:{port}"


async def test_a_redirect_within_the_system_is_followed_with_the_login(server, open_system):
    server.answer = lambda seen: (
        Reply(302, headers={"Location": "/v2/products"}) if seen.path == "/products" else Reply(json=[{"sku": "a"}])
    )
    auth = {"bearer": {"secretRef": {"name": "login", "key": "token"}}}
    source = open_system(rest={"auth": auth}, secrets={"token": "canary-token"}).source("products")

    (batch,) = await read_all(source)

    assert batch.frame["sku"].to_list() == ["a"]
    assert server.asked() == ["/products", "/v2/products"]


@pytest.mark.parametrize(
    "location", ["http://127.0.0.1:9/", "http://169.254.169.254/", "https://127.0.0.1/", "//evil.example/", "file:///x"]
)
async def test_a_redirect_away_is_not_followed_and_sees_no_login(server, open_system, location):
    server.answer = lambda seen: Reply(307, headers={"Location": location})
    auth = {"bearer": {"secretRef": {"name": "login", "key": "token"}}}
    source = open_system(rest={"auth": auth}, secrets={"token": "canary-token"}).source("products")

    with pytest.raises(ConfigurationError) as caught:
        await read_all(source)

    assert caught.value.reason == "LinkLeavesSystem"
    assert "canary" not in caught.value.message
    assert len(server.seen) == 1


async def test_redirects_in_circles_end(server, open_system):
    server.answer = lambda seen: Reply(302, headers={"Location": seen.path})

    with pytest.raises(ConfigurationError, match="more than 5 times"):
        await read_all(open_system().source("products"))

    assert len(server.seen) == 6


@pytest.mark.parametrize(
    "base", ["http://user:pw@127.0.0.1/", "ftp://127.0.0.1/", "http://127.0.0.1/?key=1", "http://10.0.0.1/", "shop"]
)
def test_a_base_url_that_cannot_be_is_refused_when_connecting(open_system, base):
    with pytest.raises(ConfigurationError) as caught:
        open_system(rest={"baseUrl": {"valueFrom": {"configMapRef": {"name": "c", "key": "u"}}}}, configs={"c_u": base})

    assert "pw" not in caught.value.message


def test_an_origin_is_scheme_host_and_port():
    assert is_same_origin("https://Shop.example/a", "https://shop.example:443/b")
    assert not is_same_origin("http://shop.example/", "https://shop.example/")
    assert not is_same_origin("https://shop.example:8443/", "https://shop.example/")
    assert not is_same_origin("https://shop.example.evil/", "https://shop.example/")


def test_a_masked_url_has_no_user_and_no_values():
    assert mask_url("https://u:p@shop/x?key=abc&page=2#f") == "https://***@shop/x?key=…&page=…"


def test_a_mask_knows_a_secret_also_in_its_escaped_form():
    mask = Mask()
    mask.add(["s3cr&t/1", "ab"])

    assert mask("got s3cr&t/1 and s3cr%26t%2F1 and ab") == "got *** and *** and ab"


@given(st.text())
def test_cleaned_words_are_short_and_printable(text):
    assert len(clean(text)) <= 300
    assert not any(ord(character) < 32 for character in clean(text))

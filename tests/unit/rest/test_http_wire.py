"""Requests as they go over the wire, and connections on which the other side does what it should not."""

from __future__ import annotations

import asyncio
from typing import Self

import pytest

from ponte.connectors.http.aiohttp_destination import Destination
from ponte.connectors.http.aiohttp_transport import AiohttpTransport
from ponte.connectors.http.guard import Guard
from ponte.connectors.http.port import Request, TransportError
from ponte.connectors.http.proxy import Proxy
from ponte.errors import ConfigurationError

LOOPBACK = ["127.0.0.0/8"]


def said(body: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


class RawServer:
    """Answers each request without a body by the next of its texts, to the byte."""

    def __init__(self, *texts: bytes) -> None:
        self.url = ""
        self.asked: list[bytes] = []
        self.writers: list[asyncio.StreamWriter] = []
        self._texts = iter(texts)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._converse, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self.writers:
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        while not reader.at_eof():
            try:
                self.asked.append(await reader.readuntil(b"\r\n\r\n"))
            except asyncio.IncompleteReadError:
                return
            writer.write(next(self._texts))


@pytest.fixture
async def transport():
    transport = AiohttpTransport(Guard("shop", LOOPBACK), None)
    yield transport
    await transport.close()


async def test_an_answer_nobody_asked_for_is_not_taken_for_that_to_the_next_request(transport):
    async with RawServer(said("first"), said("second")) as server:
        assert (await transport.send(Request("GET", f"{server.url}/1"), 5)).body == b"first"
        server.writers[0].write(said("stray"))
        for _ in range(3):
            await asyncio.sleep(0)  # over loopback it is there at once, and read in the loop's next turn

        with pytest.raises(TransportError) as caught:
            await transport.send(Request("GET", f"{server.url}/2"), 5)
        assert (caught.value.reason, caught.value.is_sent) == ("ConnectionLost", False)

        assert (await transport.send(Request("GET", f"{server.url}/2"), 5)).body == b"second"
    assert len(server.asked) == len(server.writers) == 2


async def test_two_answers_to_one_request_end_the_connection(transport):
    async with RawServer(said("first") + said("stray"), said("second")) as server:
        bodies = [(await transport.send(Request("GET", f"{server.url}/"), 5)).body for _ in range(2)]

    assert bodies == [b"first", b"second"]
    assert len(server.writers) == 2


async def test_a_connection_is_used_again(transport):
    async with RawServer(said("first"), said("second")) as server:
        bodies = [(await transport.send(Request("GET", f"{server.url}/"), 5)).body for _ in range(2)]

    assert bodies == [b"first", b"second"]
    assert len(server.writers) == 1


async def test_hints_before_the_answer_are_passed_over(transport):
    async with RawServer(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + said("answer")) as server:
        answer = await transport.send(Request("GET", f"{server.url}/"), 5)

    assert (answer.status, answer.body) == (200, b"answer")


@pytest.mark.parametrize(
    "text",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno size\r\n",
    ],
    ids=["no HTTP", "endless header", "two lengths", "no chunk"],
)
async def test_what_is_no_sound_answer_is_lost_and_its_connection_closed(transport, text):
    async with RawServer(text, said("second")) as server:
        with pytest.raises(TransportError) as caught:
            await transport.send(Request("GET", f"{server.url}/"), 5)
        assert (caught.value.reason, caught.value.is_sent) == ("ConnectionLost", True)

        assert (await transport.send(Request("GET", f"{server.url}/"), 5)).body == b"second"
    assert len(server.writers) == 2


async def test_what_is_not_connected_in_time_was_certainly_not_sent():
    class Silent(Guard):
        async def resolve(self, host, port, family=0):
            await asyncio.Event().wait()

    transport = AiohttpTransport(Silent("shop", LOOPBACK), None)
    with pytest.raises(TransportError) as caught:
        await transport.send(Request("PUT", "http://shop.example/", {}, b"{}"), 0.05)
    await transport.close()

    assert (caught.value.reason, caught.value.is_sent) == ("ConnectionFailed", False)


@pytest.mark.parametrize("broken", ["a\r\nHost: other", "a\nb", "a\rb", "a\0b"])
async def test_a_header_that_would_be_several_is_refused_and_not_shown(transport, broken):
    async with RawServer() as server:
        with pytest.raises(ConfigurationError, match="holds a line end") as caught:
            await transport.send(Request("GET", f"{server.url}/?key=canary", {"X": broken}), 5)

    assert "canary" not in caught.value.message
    assert server.asked == []


def lines(message: bytes) -> list[str]:
    return message.decode().split("\r\n")


async def test_a_request_has_its_length_and_each_header_once():
    url = "http://shop.example:8080/p%20q?x=%2F#part"
    headers = {"accept-encoding": "identity", "Accept": "application/json"}

    sent = lines(Destination.of(url, None).message(Request("PUT", url, headers, "é".encode())))

    assert sent[0] == "PUT /p%20q?x=%2F HTTP/1.1"
    assert sent[1] == "Host: shop.example:8080"
    assert sent[-3:] == ["Content-Length: 2", "", "é"]
    names = [line.partition(":")[0].lower() for line in sent[1:-2]]
    assert sorted(names) == ["accept", "accept-encoding", "content-length", "host", "user-agent"]
    assert "accept-encoding: identity" in sent


@pytest.mark.parametrize(("method", "length"), [("GET", []), ("POST", ["Content-Length: 0"])])
async def test_only_a_method_that_may_have_a_body_says_that_it_has_none(method, length):
    message = Destination.of("http://shop.example", None).message(Request(method, "http://shop.example?x=1"))

    assert lines(message)[0] == f"{method} /?x=1 HTTP/1.1"
    assert [line for line in lines(message) if line.startswith("Content-Length")] == length


async def test_a_destination_takes_urls_of_its_own_origin_only():
    destination = Destination.of("http://shop.example/", None)

    assert all(destination.takes(f"http://shop.example{end}") for end in ("", "/x", "?x", "#x"))
    assert not destination.takes("http://shop.example.evil.example/")
    assert not destination.takes("http://shop.example:81/")


async def test_a_login_at_the_proxy_is_told_to_nobody_else():
    proxy = Proxy("shop", "http://proxy.example:3128", ("user", "canary"))
    login = "Proxy-Authorization: Basic dXNlcjpjYW5hcnk="

    plain = Destination.of("http://shop.example/", proxy).message(Request("GET", "http://shop.example/x"))
    tunnelled = Destination.of("https://shop.example/", proxy)

    assert lines(plain)[0] == "GET http://shop.example/x HTTP/1.1"
    assert login in lines(plain)
    sealed = tunnelled.message(Request("GET", "https://shop.example/x"))
    assert lines(sealed)[0] == "GET /x HTTP/1.1"
    assert login not in lines(sealed)
    assert tunnelled.dialled.proxy_headers["Proxy-Authorization"] == "Basic dXNlcjpjYW5hcnk="
